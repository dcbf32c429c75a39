# SPDX-License-Identifier: Apache-2.0
"""A publisher with everything that is its own: keys, a TUF repository, the public log, witnesses,
releases, and a web server on loopback that hands the files out.

    with Publisher(witnesses=3) as publisher:
        bundle = publisher.build(1, "evil")
        publisher.release(bundle, "--first")
        publisher.serve()                     # publisher.web.url
"""
import contextlib
import functools
import http.server
import json
import os
import signal
import subprocess
import threading

import offline

NAME = "example"
ORIGIN = "log.example/rules"
MANIFEST = ("name: {name}\nkind: rules\nversion: {version}\nschema: 1\nengine_level: 1\n"
            "steps: 1000\nsteps_per_rule: 500\nmemory_mib: 16\n")
RULE = """title: Somebody runs {0}
id: 6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a2d11
level: high
logsource: {{product: linux, category: process_creation}}
detection:
  selection:
    Image|endswith: /{0}
  condition: selection
"""
ROLES = ("root", "targets", "snapshot", "timestamp")


def run(*arguments, code=0, **options):
    """Runs `creance` and holds it to an exit code."""
    done = offline.creance(*arguments, **options)
    offline.equal(done.returncode, code, f"exit code of {arguments[:4]} ({done.stderr})")
    return done


def rules(*programs):
    """Sources of one rule for each program, with their tests."""
    files = {}
    for number, name in enumerate(programs):
        files[f"rules/{name}.yml"] = RULE.format(name).replace("2d11", f"2d1{number}")
        test = {"match": True, "event": {"Image": f"/bin/{name}"}}
        files[f"rules/{name}.tests.jsonl"] = json.dumps(test) + "\n"
    return files


class Witness:
    """A running `creance witness`."""

    def __init__(self, folder, number, port=0):
        self.folder, self.number, self.port = folder, number, port
        self.process = None

    def start(self):
        self.output = open(self.folder[f"w{self.number}.output"], "a+", encoding="utf-8")
        self.process = subprocess.Popen(
            [offline.program("creance"), "witness", self.folder[f"w{self.number}.state"], "--json",
             "--key", self.folder[f"w{self.number}.key"], "--logs", self.folder["logs"],
             "--listen", f"127.0.0.1:{self.port}"],
            stdout=subprocess.PIPE, stderr=self.output, text=True)
        started = self.process.stdout.readline()
        offline.contains(started, "{", f"the witness did not start: {self.said()}")
        self.started = json.loads(started)
        self.port = self.started["port"]
        threading.Thread(target=self.drain, daemon=True).start()

    def drain(self):
        for line in self.process.stdout:
            self.output.write(line)
            self.output.flush()

    def said(self):
        with open(self.folder[f"w{self.number}.output"], encoding="utf-8") as file:
            return file.read()

    def answers(self):
        return [json.loads(line) for line in self.said().splitlines() if line.startswith("{")]

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        code = self.process.wait(20)
        offline.equal(code, 0 if how == signal.SIGTERM else -how, f"how it ended: {self.said()}")


class Web:
    """A web server over a folder, on loopback. `answer` may be set to a status with which the next
    `times` requests are answered instead (429, 503), `asked` are the paths of all requests."""

    def __init__(self, folder):
        self.answer, self.times, self.asked = None, 0, []
        outer = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.asked.append(self.path)
                if outer.times > 0:
                    outer.times -= 1
                    self.send_error(outer.answer)
                else:
                    super().do_GET()

        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Handler, directory=folder))
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Publisher:
    """Keys a, b, c of releases, tuf of the repository, other of nobody; a log; bundles."""

    def __init__(self, witnesses=0, name=NAME):
        self.folder = offline.Folder()
        self.name = name
        self.web = None
        self.witnesses = []
        self.keys = {}
        for key in ("a", "b", "c", "tuf", "other"):
            run("content", "keygen", self[key])
        run("content", "keygen", self["ecdsa"], "--scheme", "ecdsa")
        self.log_key = run("log", "keygen", ORIGIN, "--out", self["log.key"]).stdout.strip()
        run("content", "repo", "create", self["repository"])
        for role in ROLES:
            run("content", "repo", "allow", self["repository"], role, self["tuf.pub"])
        run("content", "repo", "sign", self["repository"], "--key", self["tuf"])
        run("content", "repo", "publish", self["repository"], "--key", self["tuf"])
        self.start_witnesses(witnesses)

    def __getitem__(self, name):
        return self.folder[name]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.web:
            self.web.close()
        for witness in self.witnesses:
            with contextlib.suppress(ProcessLookupError):
                witness.stop(signal.SIGKILL)
            witness.output.close()

    def start_witnesses(self, count):
        """A policy of all witnesses but one (of one: of it)."""
        self.folder.put("logs", f"log {self.log_key}\nquorum none\n")
        lines = [f"log {self.log_key}"]
        for number in range(count):
            key = run("log", "keygen", f"w{number}.example", "--out", self[f"w{number}.key"],
                      "--witness").stdout.strip()
            witness = Witness(self.folder, number)
            witness.start()
            self.witnesses.append(witness)
            lines.append(f"witness w{number} {key} http://127.0.0.1:{witness.port}")
        names = " ".join(f"w{number}" for number in range(count))
        lines += [f"group most {max(1, count - 1)} {names}", "quorum most"] if count else []
        lines += [] if count else ["quorum none"]
        self.folder.put("policy", "\n".join(lines) + "\n")

    # --- releases ---------------------------------------------------------------------------------

    def build(self, version, *programs, files=None, manifest=None):
        """A bundle of rules for `programs`, or of `files`."""
        sources = offline.Folder(rules(*programs) if files is None else files)
        text = manifest or MANIFEST
        sources.put("content.yaml", text.format(name=self.name, version=version))
        run("content", "build", sources.path, "--output", self[f"{version}.bundle"])
        return self[f"{version}.bundle"]

    def sign(self, bundle, keys, *arguments, code=0):
        """The lines "key ..." of the ticket."""
        named = [word for key in keys for word in ("--key", self[key])]
        done = run("content", "sign", bundle, *named, *arguments, code=code)
        return [line for line in done.stdout.splitlines() if line.startswith("key ")]

    def trust(self, lines, threshold):
        """Whose signatures hosts hold a ticket against."""
        self.folder.put("rules.keys", f"threshold {threshold}\n" + "\n".join(lines) + "\n")

    def publish(self, bundle, *arguments, code=0):
        policy = ("--policy", self["policy"]) if self.witnesses else ()
        return run("content", "publish", bundle, "--release-keys", self["rules.keys"], "--log",
                   self["log"], "--log-key", self["log.key"], "--repository", self["repository"],
                   "--key", self["tuf"], *policy, *arguments, code=code)

    def release(self, bundle, *arguments, keys=("a", "b"), threshold=2):
        """Signed by these keys and published; `arguments` for `sign`: --first, --previous OLD."""
        lines = self.sign(bundle, keys, *arguments)
        if not os.path.exists(self["rules.keys"]):
            self.trust(lines, threshold)
        self.publish(bundle)
        return bundle

    def serve(self):
        self.web = Web(self.folder.path)
        return self.web

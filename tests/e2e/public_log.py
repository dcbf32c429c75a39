#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# beside: others
# needs: test
# timeout: 300
"""The public log with real witnesses on loopback: append, prove, follow, kill, fork."""
import base64
import contextlib
import gzip
import hashlib
import http.client
import http.server
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import harness
import offline
from publisher import ORIGIN, Witness

DIGEST = hashlib.sha256(b"a release").hexdigest()
KILLS = 60


class Stage:
    """Keys, three witnesses and the policy "two of the three", for one test."""

    def __init__(self):
        self.folder = offline.Folder()
        self.witnesses = []

    def __enter__(self):
        try:
            self.log_key = self.keygen(ORIGIN, "log.key")
            self.folder.put("logs", f"log {self.log_key}\nquorum none\n")
            self.keys = [self.keygen(f"w{i}.example", f"w{i}.key", "--witness") for i in range(3)]
            for number in range(3):
                witness = Witness(self.folder, number)
                witness.start()
                self.witnesses.append(witness)
            self.write_policy()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for witness in self.witnesses:
            if witness.process.poll() is None:
                witness.stop(signal.SIGKILL)
            witness.output.close()

    def keygen(self, name, path, *options):
        done = offline.creance("log", "keygen", name, "--out", self.folder[path], *options)
        offline.equal(done.returncode, 0, f"keygen: {done.stderr}")
        return done.stdout.strip()

    def write_policy(self):
        lines = [f"log {self.log_key}"]
        lines += [f"witness w{i} {key} http://127.0.0.1:{witness.port}"
                  for i, (key, witness) in enumerate(zip(self.keys, self.witnesses))]
        lines += ["group two 2 w0 w1 w2", "quorum two", ""]
        self.folder.put("policy", "\n".join(lines))

    def command(self, log, version, *options):
        return ["log", "append", self.folder[log], "--json", "--key", self.folder["log.key"],
                "--policy", self.folder["policy"], *options, "release", "name=rules",
                f"version={version}", f"digest={DIGEST}"]

    def append(self, version, *options, log="log"):
        """Exit code, what was printed, standard error."""
        done = offline.creance(*self.command(log, version, *options))
        return done.returncode, json.loads(done.stdout or "{}"), done.stderr

    def verify(self, *things, policy="policy"):
        """Exit code, [what is said of each], standard error."""
        done = offline.creance("log", "verify", "--json", "--policy", self.folder[policy],
                               *things)
        return done.returncode, [json.loads(x) for x in done.stdout.splitlines()], done.stderr

    def monitor(self, place, *options, memory="seen"):
        done = offline.creance("log", "monitor", "--json", "--once", "--policy",
                               self.folder["policy"], "--memory", self.folder[memory], *options,
                               place)
        return done.returncode, [json.loads(x) for x in done.stdout.splitlines()], done.stderr


def good(result, what):
    offline.equal(result[0], 0, f"{what}: {result[2]}")
    return result[1]


@offline.test
def a_release_goes_from_append_to_a_proven_age():
    with Stage() as stage:
        said = good(stage.append(1, "--proof", stage.folder["r1.tlog-proof"]), "append")
        offline.equal((said["first"], said["size"], said["published"]), (0, 1, True), "append")
        offline.equal(said["witnesses"], "w0, w1, w2", "witnesses")
        good(stage.append(2), "append")
        (found,) = good(stage.verify(stage.folder["r1.tlog-proof"]), "proof")
        offline.contains(found["entry"], f"digest {DIGEST}\n", "entry")
        offline.equal((found["index"], found["size"], found["log"]), (0, 1, ORIGIN), "proof")
        time.sleep(2.1)
        done = offline.creance("log", "cosign", stage.folder["log"], "--policy",
                               stage.folder["policy"])
        offline.equal(done.returncode, 0, f"cosign: {done.stderr}")
        done = offline.creance("log", "prove", stage.folder["log"], "--since",
                               stage.folder["r1.tlog-proof"], "--out",
                               stage.folder["r1.tlog-age"])
        offline.equal(done.returncode, 0, f"prove: {done.stderr}")
        (age,) = good(stage.verify("--older", stage.folder["r1.tlog-proof"],
                                   stage.folder["r1.tlog-age"]), "age")
        harness.expect(2 <= age["age_s"] < 60, f"age of about 2 s: {age}")
        (whole,) = good(stage.verify("--older", stage.folder["r1.tlog-proof"],
                                     stage.folder["log"]), "the whole log")
        offline.equal(whole["size"], 2, "size")


@offline.test
def what_anybody_can_do_by_hand_finds_the_same():
    """The steps of docs/public-log.md, with nothing of ours: openssl and a page of Python."""
    if shutil.which("openssl") is None:
        raise offline.Skip("no program openssl")
    with Stage() as stage:
        good(stage.append(1, "--proof", stage.folder["proof"]), "append")
        good(stage.append(2, "--proof", stage.folder["proof"]), "append")
        with open(stage.folder["proof"], encoding="utf-8") as file:
            head, text, signatures = file.read().split("\n\n")
        _, extra, index, sibling = head.split("\n")
        entry = base64.b64decode(extra.split()[1])
        offline.equal(index, "index 1", "index")
        leaf = hashlib.sha256(b"\0" + entry).digest()
        root = hashlib.sha256(b"\1" + base64.b64decode(sibling) + leaf).digest()
        origin, size, root_text = text.split("\n")
        offline.equal((origin, size, base64.b64decode(root_text)), (ORIGIN, "2", root), "tree")
        for line, key in zip(signatures.splitlines(), [stage.log_key, *stage.keys]):
            raw = base64.b64decode(line.split(" ")[2])
            message = text + "\n"
            name, key_id, key_text = key.split("+", 2)
            offline.equal((line.split(" ")[1], raw[:4].hex()), (name, key_id), "name and id")
            signature = raw[4:]
            if key != stage.log_key:
                seconds = int.from_bytes(raw[4:12], "big")
                message = f"cosignature/v1\ntime {seconds}\n{message}"
                signature = raw[12:]
            public = bytes.fromhex("302a300506032b6570032100") + base64.b64decode(key_text)[1:]
            done = subprocess.run(
                ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-rawin", "-inkey",
                 stage.folder.put("key.der", public), "-in", stage.folder.put("text", message),
                 "-sigfile", stage.folder.put("signature", signature)],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            offline.contains(done.stdout, "Verified Successfully", f"openssl about {name}")


@offline.test
def one_witness_may_be_gone_two_may_not():
    with Stage() as stage:
        stage.witnesses[0].stop()
        said = good(stage.append(1), "with two of three")
        offline.equal(said["witnesses"], "w1, w2", "witnesses")
        stage.witnesses[1].stop()
        code, said, errors = stage.append(2)
        offline.equal((code, said["published"], said["size"]), (1, False, 2), "with one of three")
        offline.contains(errors, "no quorum", "message")
        offline.contains(errors, "witness w1 did not cosign", "message")
        (seen,) = good(stage.verify(stage.folder["log"]), "what the public sees")
        offline.equal(seen["size"], 1, "the checkpoint before")
        stage.witnesses[1].start()
        done = offline.creance("log", "cosign", stage.folder["log"], "--policy",
                               stage.folder["policy"])
        offline.equal(done.returncode, 0, f"cosign: {done.stderr}")
        (seen,) = good(stage.verify(stage.folder["log"]), "after cosign")
        offline.equal(seen["size"], 2, "size")


@offline.test
def a_killed_writer_neither_forks_nor_loses():
    chance = random.Random(20261125)
    with Stage() as stage:
        older = None
        started = time.monotonic()
        confirmed = {good(stage.append(KILLS + 1), "the first append")["first"]: KILLS + 1}
        seconds = time.monotonic() - started
        for version in range(KILLS):  # confirmed: index -> version, of those that append said
            process = subprocess.Popen(
                [offline.program("creance"), *stage.command("log", version)],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0, 1.2 * seconds))
            process.kill()
            output, errors = process.communicate()
            seconds *= 1.05 if process.returncode else 0.8  # about as many end as are killed
            if process.returncode == 0:
                confirmed[json.loads(output)["first"]] = version
            else:
                offline.equal(process.returncode, -signal.SIGKILL, f"how it ended: {errors}")
            if os.path.exists(stage.folder["log/checkpoint"]):
                before = ["--older", older] if older else []
                good(stage.verify(*before, stage.folder["log"]), f"after kill {version}")
                older = shutil.copy(stage.folder["log/checkpoint"], stage.folder["older"])
        good(stage.append(KILLS), "the last append")
        seen = good(stage.monitor(stage.folder["log"]), "monitor")
        entries = {row["index"]: int(row["version"]) for row in seen if "index" in row}
        offline.equal(sorted(entries), list(range(len(entries))), "indexes without a gap")
        for index, version in confirmed.items():
            offline.equal(entries[index], version, f"entry {index}")
        harness.expect(len(confirmed) < KILLS and len(entries) > KILLS // 10,
                       f"some kills before and some after the end: {len(confirmed)} of {KILLS} "
                       f"confirmed, {len(entries)} entries")
        for witness in stage.witnesses:
            bad = [row for row in witness.answers() if row.get("status") not in (None, 200, 409)]
            offline.equal(bad, [], "answers that speak of a fork")
        print(f"# {KILLS} kills, {len(confirmed)} confirmed, {len(entries)} entries")


@offline.test
def a_log_that_goes_back_or_forks_is_refused_and_seen():
    with Stage() as stage:
        good(stage.append(1), "append")
        shutil.copytree(stage.folder["log"], stage.folder["old"])
        good(stage.append(2), "append")
        good(stage.monitor(stage.folder["log"]), "monitor")
        # The same size, another entry: 422, and the witness keeps the proof.
        code, said, errors = stage.append(3, log="old")
        offline.equal((code, said["published"]), (1, False), "a fork of the same size")
        offline.contains(errors, "answered 422", "message")
        kept = [name for name in os.listdir(stage.folder["w0.state"]) if name.endswith(".forked")]
        offline.equal(len(kept), 1, "proof of the fork")
        # One entry more: its proof does not lead from what was cosigned.
        code, said, errors = stage.append(4, log="old")
        offline.equal((code, said["published"]), (1, False), "a longer fork")
        offline.contains(errors, "answered 422", "message")
        # A smaller tree: the log itself is told that it went back.
        shutil.copytree(stage.folder["log"], stage.folder["log2"])
        good(stage.append(5), "append")
        done = offline.creance("log", "cosign", stage.folder["log2"], "--policy",
                               stage.folder["policy"])
        offline.equal(done.returncode, 1, "a log that went back")
        offline.contains(done.stderr, "went back", "message")
        # A monitor that is shown the fork, signed but not cosigned, sounds the alarm.
        shutil.copy(stage.folder["old/checkpoint.signed"], stage.folder["old/checkpoint"])
        code, _, errors = stage.monitor(stage.folder["old"])
        offline.equal(code, 1, "alarm")
        offline.contains(errors, "ALARM", "message")
        harness.expect(os.path.exists(stage.folder["seen.alarm"]), "the evidence is kept")
        # And one that believes without witnesses sees that it is a fork.
        shutil.copy(stage.folder["logs"], stage.folder["policy"])
        good(stage.monitor(stage.folder["log"], memory="seen2"), "monitor")
        code, _, errors = stage.monitor(stage.folder["old"], memory="seen2")
        offline.equal(code, 1, "alarm")
        offline.contains(errors, "forked", "message")
        code, _, errors = stage.verify("--older", stage.folder["old/checkpoint"],
                                       stage.folder["log"])
        offline.equal(code, 1, "verify --older")
        offline.contains(errors, "forked", "message")


@offline.test
def a_witness_remembers_when_it_is_killed():
    with Stage() as stage:
        good(stage.append(1), "append")
        good(stage.append(2), "append")
        stage.witnesses[0].stop(signal.SIGKILL)
        stage.witnesses[0].start()
        status, body = request(stage.witnesses[0], "POST", "/add-checkpoint",
                               add_checkpoint(stage, 0))
        offline.equal((status, body), (409, b"2\n"), "what it knows")
        second = subprocess.run(
            [offline.program("creance"), "witness", stage.folder["w0.state"], "--key",
             stage.folder["w0.key"], "--logs", stage.folder["logs"], "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=20, check=False)
        offline.equal(second.returncode, 4, "a second one on the same memory")
        offline.contains(second.stderr, "another process is at work", "message")


def add_checkpoint(stage, old_size):
    with open(stage.folder["log/checkpoint"], "rb") as file:
        return f"old {old_size}\n\n".encode() + file.read()


def request(witness, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", witness.port, timeout=20)
    with contextlib.closing(connection):
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()


def answers(witness, path):
    try:
        return request(witness, "GET", path)[0] == 200
    except OSError:  # too many connections of one client: it was cut off
        return False


@offline.test
def a_witness_keeps_to_its_limits():
    with Stage() as stage:
        good(stage.append(1), "append")
        witness = stage.witnesses[0]
        name = hashlib.sha256(ORIGIN.encode()).hexdigest()
        status, body = request(witness, "GET", f"/{name}/checkpoint")
        offline.equal(status, 200, "what monitors read")
        offline.equal(body.decode().count("\n\u2014 "), 2, "the log's and its own signature")
        other = hashlib.sha256(b"other").hexdigest()
        for method, path, body, expected in (
                ("GET", f"/{other}/checkpoint", None, 404), ("GET", "/", None, 404),
                ("GET", "/../w0.key", None, 404), ("POST", "/sign-subtree", b"x", 404),
                ("DELETE", "/add-checkpoint", None, 405), ("POST", "/add-checkpoint", b"", 400),
                ("POST", "/add-checkpoint", b"old 0\n\n" + b"x" * 200000, 413),
                ("POST", "/add-checkpoint", os.urandom(4000), 400)):
            offline.equal(request(witness, method, path, body)[0], expected, f"{method} {path}")
        idle = [socket.create_connection(("127.0.0.1", witness.port)) for _ in range(40)]
        time.sleep(0.2)
        harness.expect(witness.process.poll() is None, "it goes on beside 40 idle connections")
        for connection in idle:
            connection.close()
        harness.wait_until(lambda: answers(witness, f"/{name}/checkpoint"), 15,
                           "an answer after the idle ones are gone")
        offline.contains(witness.started["sandbox"], "seccomp", "sandbox")


@offline.test
def the_document_has_the_table_of_entries():
    def read(*parts):
        with open(os.path.join(offline.ROOT, *parts), encoding="utf-8") as file:
            return file.read()

    table, page = read("src", "update", "log", "entries.def"), read("docs", "public-log.md")
    fields = dict(re.findall(r'^TLOG_FIELD\((\w+),\s*"(\w+)"', table, re.MULTILINE))
    kinds = re.findall(r'^TLOG_KIND\(\w+,\s*"(\w+)",\s*([^,]*),', table, re.MULTILINE)
    harness.expect(len(fields) >= 10 and len(kinds) >= 4, f"the table is read: {fields} {kinds}")
    for word, has in kinds:
        lines = [fields[name] for name in re.findall(r"HAS\((\w+)\)", has)]
        row = " ".join(f"`{line}`" for line in lines)
        harness.expect(re.search(rf"^\| `{word}` \| .* \| {re.escape(row)} \|$", page,
                                 re.MULTILINE), f"a row of {word} with {row}")


@offline.test
def a_witness_talks_as_the_recorded_one_did():
    """Requests and asserts of another implementation, over HTTP."""
    with open(offline.shared("data", "vectors", "note", "litewitness-transcript.txt"),
              encoding="utf-8") as file:
        text = file.read()
    public = bytes.fromhex(re.search(r"add-sigsum-log -key=(\w+)", text).group(1))
    origin = re.search(r"^sigsum\.org/v1/tree/\w+$", text, re.MULTILINE).group(0)
    key_id = hashlib.sha256(origin.encode() + b"\n\x01" + public).hexdigest()[:8]
    key = f"{origin}+{key_id}+{base64.b64encode(bytes([1]) + public).decode()}"
    folder = offline.Folder({"logs": f"log {key}\nquorum none\n"})
    done = offline.creance("log", "keygen", "example.com/witness", "--witness", "--out",
                           folder["w0.key"])
    offline.equal(done.returncode, 0, f"keygen: {done.stderr}")
    witness = Witness(folder, 0)
    witness.start()
    try:
        steps = re.findall(r"^POST .*?/add-checkpoint\n```\n(.*?)```\nHTTP (\d+)\n\[Asserts\]\n"
                           r"body (contains|==) (\".*?\")$", text, re.MULTILINE | re.DOTALL)
        for number, (body, status, how, words) in enumerate(steps, 1):
            found = request(witness, "POST", "/add-checkpoint", body.encode())
            words = json.loads(words)
            if words == "unknown log":
                status = "404"  # the specification of today; it was 403
            offline.equal(found[0], int(status), f"status {number}")
            if how == "contains":
                offline.contains(found[1].decode(), words, f"body {number}")
            else:
                offline.equal(found[1].decode(), words, f"body {number}")
        offline.equal(len(steps), 9, "requests")
    finally:
        witness.stop()
        witness.output.close()


@contextlib.contextmanager
def web_server(folder):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=folder)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@offline.test
def any_web_server_hands_a_log_out():
    with Stage() as stage, web_server(stage.folder.path) as url:
        entry = stage.folder.put("entry", "creance-log-entry/v1\nkind release\nname rules\n"
                                 f"version 1\ndigest {DIGEST}\n")
        many = [word for _ in range(300) for word in ("--entry", entry)]
        good(stage.append(1, *many), "append")
        seen = good(stage.monitor(url + "log/"), "monitor")
        offline.equal(sum("index" in row for row in seen), 301, "entries")
        offline.equal(good(stage.monitor(url + "log"), "nothing new"), [], "what is new")
        time.sleep(2.1)
        good(stage.monitor(url + "log", "--silence", "3600"), "silence of seconds")
        code, _, errors = stage.monitor(url + "log", "--silence", "1")
        offline.equal(code, 1, "silence")
        offline.contains(errors, "no quorum of witnesses has cosigned", "message")
        good(stage.append(2), "append")
        seen = good(stage.monitor(url + "log"), "one more")
        offline.equal([row["index"] for row in seen if "index" in row], [301], "what is new")
        good(stage.verify(url + "log"), "verify")
        with open(stage.folder["log/tile/entries/000"], "r+b") as file:
            file.seek(200)
            file.write(b"?")
        code, _, errors = stage.verify(url + "log")
        offline.equal(code, 1, "a changed entry")
        offline.contains(errors, "entry 1 ", "message")
        code, _, errors = stage.monitor("http://127.0.0.1:9/", memory="other")
        offline.equal(code, 4, "nobody there")


class Hostile(http.server.BaseHTTPRequestHandler):
    """A web server that means harm, by the first part of the path."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        mood = self.path.split("/")[1]
        self.send_response(302 if mood == "redirect" else 500 if mood == "broken" else 200)
        if mood == "redirect":
            self.send_header("Location", "file:///etc/passwd")
        if mood == "bomb":
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        with contextlib.suppress(OSError):  # it hangs up
            if mood == "endless":
                for _ in range(100):
                    self.wfile.write(b"x" * 65536)
            elif mood == "bomb":
                self.wfile.write(gzip.compress(b"x" * 50000000))
            elif mood == "noise":
                self.wfile.write(os.urandom(3000))


@offline.test
def a_hostile_web_server_gets_nowhere():
    with Stage() as stage, http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for mood, expected, words in (("endless", 1, "more than"), ("bomb", 1, "more than"),
                                      ("noise", 1, "no signed note"), ("broken", 4, "500"),
                                      ("redirect", 4, "302"), ("empty", 1, "no signed note")):
            url = f"http://127.0.0.1:{server.server_address[1]}/{mood}"
            code, said, errors = stage.monitor(url)
            offline.equal((code, said), (expected, []), f"{mood}: {errors}")
            offline.contains(errors, words, mood)
        harness.expect(not os.path.exists(stage.folder["seen"]), "nothing of it is remembered")
        server.shutdown()


@offline.test
def wrong_files_are_named():
    with Stage() as stage:
        good(stage.append(1, "--proof", stage.folder["proof"]), "append")
        os.chmod(stage.folder["log.key"], 0o644)
        code, _, errors = stage.append(2)
        offline.equal(code, 3, "a key that others can read")
        offline.contains(errors, "chmod 600", "message")
        os.chmod(stage.folder["log.key"], 0o600)
        done = offline.creance("log", "keygen", ORIGIN, "--out", stage.folder["log.key"])
        offline.equal(done.returncode, 3, "a key is not overwritten")
        done = offline.creance("log", "append", stage.folder["log"], "--key",
                               stage.folder["log.key"], "release", "name=rules")
        offline.equal(done.returncode, 2, "a release without its facts")
        offline.contains(done.stderr, "version", "message")
        stage.folder.put("policy2", "quorum two\n")
        code, _, errors = stage.verify(stage.folder["proof"], policy="policy2")
        offline.equal(code, 3, "a policy that is none")
        offline.contains(errors, "line 1", "message")
        stage.folder.put("proof2", "c2sp.org/tlog-proof@v1\nindex 0\n")
        code, _, errors = stage.verify(stage.folder["proof2"])
        offline.equal(code, 1, "a proof that is none")


offline.main()

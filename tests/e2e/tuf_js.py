#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# beside: others
# needs: test
# timeout: 240
"""Another implementation of TUF: tuf-js reads what we publish, and we read what it makes.

Its modules come from the npm registry when the test runs; where node, npm or the registry is not to
be had, the tests are skipped.
"""
import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading

import offline

sys.path.insert(0, os.path.join(offline.ROOT, "tests", "tuf"))
import conformance_client  # noqa: E402 (it lies in another folder)

MODULES = ("tuf-js@3.1.0", "@tufjs/models@3.0.1", "@tufjs/canonical-json@2.0.0",
           "@tufjs/repo-mock@3.0.1")
NODE_MIN = 18
conformance_client.STEPS = os.path.join(offline.BUILD, "tests", "tuf", "tuf-steps")


@functools.lru_cache(maxsize=None)
def modules():
    """The folder in which the modules are, or the reason why there is none."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return None, "node and npm are not installed"
    version = subprocess.run(["node", "--version"], stdout=subprocess.PIPE, text=True, check=True)
    if int(version.stdout.lstrip("v").split(".")[0]) < NODE_MIN:
        return None, f"tuf-js needs node {NODE_MIN} or newer, this is {version.stdout.strip()}"
    folder = tempfile.mkdtemp(prefix="tuf-js-")
    done = subprocess.run(
        ["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts",
         *MODULES], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
        check=False)
    if done.returncode != 0:
        return None, "npm cannot install tuf-js: " + (done.stdout.splitlines() or ["?"])[0]
    return folder, ""


def node(script, *arguments):
    folder, reason = modules()
    if folder is None:
        raise offline.Skip(reason)
    return subprocess.run(["node", os.path.join(offline.ROOT, "tests", "tuf", script), folder,
                           *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=60, check=False)


class Server:
    """A static web server on this machine, for as long as a test lasts."""

    def __init__(self, folder):
        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments):
                super().__init__(*arguments, directory=folder)

            def translate_path(self, path):
                # what is percent-quoted in a name of ours is so on the disk, too
                return os.path.join(folder, path.lstrip("/"))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self.url

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def repo(action, folder, *arguments):
    done = offline.creance("content", "repo", action, folder, *arguments)
    offline.equal(done.returncode, 0, f"exit code of repo {action}: {done.stderr}")
    return done.stdout


def publish(folder):
    """A repository of ours, with a key of each type for root and a delegation."""
    keys = {}
    for name, scheme in (("a", "ed25519"), ("b", "ecdsa"), ("c", "rsa"), ("online", "ed25519"),
                         ("team", "ecdsa")):
        keys[name] = folder[name + ".key"]
        done = offline.creance("content", "keygen", keys[name], "--scheme", scheme)
        offline.equal(done.returncode, 0, "exit code of keygen: " + done.stderr)
    path = folder["repository"]
    repo("create", path)
    for name in "abc":
        for role in ("root", "targets"):
            repo("allow", path, role, keys[name] + ".pub")
    repo("threshold", path, "root", "3")
    repo("threshold", path, "targets", "2")
    for role in ("snapshot", "timestamp"):
        repo("allow", path, role, keys["online"] + ".pub")
    repo("delegate", path, "targets", "team", "team/*", "--terminating")
    repo("allow", path, "team", keys["team"] + ".pub")
    repo("add", path, "targets", "dir/file.txt", folder.put("one", "of the publisher"), "--custom",
         '{"kind": "rules"}')
    repo("add", path, "team", "team/file", folder.put("two", "of the team"))
    repo("sign", path, *sum((["--key", keys[name]] for name in ("a", "b", "c", "team")), []))
    repo("publish", path, "--key", keys["online"])
    return path, keys


def read_with_tuf_js(folder, path, *names):
    os.makedirs(folder["js/metadata"], exist_ok=True)
    os.makedirs(folder["js/targets"], exist_ok=True)
    shutil.copyfile(os.path.join(path, "metadata", "1.root.json"),
                    folder["js/metadata/root.json"])
    with Server(path) as url:
        done = node("tuf_js_read.js", folder["js"], url, *names)
    offline.equal(done.returncode, 0, "exit code of tuf-js: " + done.stderr)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["path"]: row["content"] for row in rows}


@offline.test
def tuf_js_reads_what_we_publish():
    folder = offline.Folder()
    path, keys = publish(folder)
    found = read_with_tuf_js(folder, path, "dir/file.txt", "team/file", "nowhere")
    offline.equal(found, {"dir/file.txt": "of the publisher", "team/file": "of the team",
                          "nowhere": None}, "what tuf-js found")
    # a root key goes and another one comes; a release follows
    for command in (["forbid", path, "root", keys["a"] + ".pub"],
                    ["allow", path, "root", keys["team"] + ".pub"],
                    ["add", path, "targets", "dir/file.txt", folder.put("one", "the second one")]):
        repo(*command)
    repo("sign", path, *sum((["--key", keys[name]] for name in ("a", "b", "c", "team")), []))
    repo("publish", path, "--key", keys["online"])
    found = read_with_tuf_js(folder, path, "dir/file.txt")
    offline.equal(found, {"dir/file.txt": "the second one"}, "what tuf-js found")


def read_with_ours(folder, path, *names):
    """(answer of the refresh, {name: content or None})"""
    os.makedirs(folder["ours"], exist_ok=True)
    os.makedirs(folder["scratch"], exist_ok=True)
    shutil.copyfile(os.path.join(path, "metadata", "1.root.json"), folder["ours/root.json"])
    steps = conformance_client.Steps(folder["ours"])
    found = {}
    with Server(path) as url:
        answer = conformance_client.drive(steps, "refresh", url + "/metadata", folder["scratch"])
        for name in names:
            last = conformance_client.drive(steps, "find " + name, url + "/metadata",
                                            folder["scratch"])
            found[name] = None
            if last.startswith("end found"):
                stored = steps.say("target").split(" ", 1)[1].rsplit(" ", 1)[0]
                file = os.path.join(path, "targets", stored)
                offline.equal(steps.say("check " + file), "good", "the file " + stored)
                with open(file, encoding="utf-8") as content:
                    found[name] = content.read()
    steps.process.stdin.close()
    steps.process.wait(10)
    return answer, found


@offline.test
def we_read_what_tuf_js_makes():
    folder = offline.Folder()
    done = node("tuf_js_make.js", folder["repository"])
    offline.equal(done.returncode, 0, "exit code of @tufjs/models: " + done.stderr)
    answer, found = read_with_ours(folder, folder["repository"], "dir/a file", "team/file",
                                   "team/deeper/file")
    offline.equal(answer, "end current||", "outcome")
    offline.equal(found, {"dir/a file": "of the publisher", "team/file": "of the team",
                          "team/deeper/file": None}, "what was found")


@offline.test
def dates_and_key_ids_that_are_not_of_the_specification_are_refused():
    folder = offline.Folder()
    done = node("tuf_js_make.js", folder["repository"], "mock")
    offline.equal(done.returncode, 0, "exit code of @tufjs/repo-mock: " + done.stderr)
    with open(folder["repository/metadata/1.root.json"], encoding="utf-8") as file:
        offline.contains(json.load(file)["signed"]["expires"], ".", "repo-mock's date")
    done = subprocess.run([conformance_client.STEPS, folder["repository"],
                           folder["repository/metadata/1.root.json"]], stdin=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, check=False)
    offline.equal(done.returncode, 3, "exit code")
    offline.contains(done.stderr, "YYYY-MM-DDTHH:MM:SSZ", "what is said")


if __name__ == "__main__":
    try:
        offline.main()
    finally:
        if modules.cache_info().currsize > 0 and modules()[0] is not None:
            shutil.rmtree(modules()[0], ignore_errors=True)

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The client that theupdateframework/tuf-conformance drives (its CLIENT-CLI.md): ours, over HTTP.

    cd tuf-conformance
    python3 -m pytest tuf_conformance --entrypoint CHECKOUT/tests/tuf/conformance_client.py

The suite is Python that needs pytest, python-tuf, securesystemslib and cryptography, and the
faketime command. $CREANCE_TUF_STEPS is tuf-steps of a build without sanitizers (faketime and they
both want to be loaded first): `meson setup build/plain -Dtests=true && ninja -C build/plain`.
With Debian 12's python3-cryptography, securesystemslib misses two names that it only annotates
with (PrivateKeyTypes and PublicKeyTypes in asymmetric.types): a sitecustomize.py may set them to
object.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STEPS = os.environ.get("CREANCE_TUF_STEPS", os.path.join(ROOT, "build/plain/tests/tuf/tuf-steps"))


class Steps:
    """One run of tuf-steps: commands go in, one line of answer comes out."""

    def __init__(self, folder):
        self.process = subprocess.Popen([STEPS, folder], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def say(self, command):
        try:
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return "error it has ended"
        return self.process.stdout.readline().rstrip("\n") or "error it has ended"


def fetch(url, path, bytes_max):
    """True: the file is at `path`, with one byte more than it may have if it is larger."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer, open(path, "wb") as file:
            file.write(answer.read(bytes_max + 1))
        return "give " + path
    except urllib.error.HTTPError as error:
        return "absent" if error.code in (403, 404) else "failure"
    except OSError:
        return "failure"


def drive(steps, command, url, scratch):
    """Fetches what is wanted until there is an outcome."""
    answer = steps.say(command)
    while answer.startswith("want "):
        _, name, bytes_max = answer.split(" ")
        answer = steps.say(fetch(url.rstrip("/") + "/" + name, os.path.join(scratch, "metadata"),
                                 int(bytes_max)))
    print(f"{command}: {answer}", flush=True)
    return answer


def download(steps, options, path, scratch):
    """Finds a target and stores it, unless the very file is there."""
    if not drive(steps, "find " + path, options.metadata_url, scratch).startswith("end found"):
        return False
    stored = os.path.join(options.target_dir, urllib.parse.quote(path, safe=""))
    if os.path.exists(stored) and steps.say("check " + stored) == "good":
        return True
    _, rest = steps.say("target").split(" ", 1)
    name, length = rest.rsplit(" ", 1)
    fetched = os.path.join(scratch, "target")
    url = options.target_base_url.rstrip("/") + "/" + urllib.parse.quote(name)
    if not fetch(url, fetched, int(length)).startswith("give "):
        return False
    if steps.say("check " + fetched) != "good":
        return False
    shutil.move(fetched, stored)
    return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--metadata-dir", required=True)
    parser.add_argument("--metadata-url")
    parser.add_argument("--target-name", action="append", default=[])
    parser.add_argument("--target-base-url")
    parser.add_argument("--target-dir")
    parser.add_argument("verb", choices=["init", "refresh", "download"])
    parser.add_argument("root", nargs="?")
    options = parser.parse_args()
    if options.verb == "init":
        shutil.copyfile(options.root, os.path.join(options.metadata_dir, "root.json"))
        return 0
    steps = Steps(options.metadata_dir)
    with tempfile.TemporaryDirectory() as scratch:
        if not drive(steps, "refresh", options.metadata_url, scratch).startswith("end current"):
            return 1
        if not all(download(steps, options, name, scratch) for name in options.target_name):
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""What end-to-end tests share: a test is a function marked @tap.test; tap.main() prints TAP.

    import tap

    @tap.test
    def a_thing_works():
        done = tap.creance("version")
        tap.equal(done.returncode, 0, "exit code")
"""
import os
import subprocess
import sys
import tempfile
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CREANCE_BUILD", os.path.join(ROOT, "build", "test"))
SHARED = os.environ.get("CREANCE_SHARED", os.path.join(os.path.dirname(ROOT), "shared"))
TESTS = []


class Skip(Exception):
    """Raised with the reason: what this machine lacks."""


def test(function):
    TESTS.append(function)
    return function


def equal(found, expected, what):
    if found != expected:
        raise AssertionError(f"{what}: found {found!r}, expected {expected!r}")


def contains(text, part, what):
    if part not in text:
        raise AssertionError(f"{what}: {part!r} is not in {text!r}")


def shared(*parts):
    """Path of material that is not part of the project; skips the test where it is absent."""
    path = os.path.join(SHARED, *parts)
    if not os.path.exists(path):
        raise Skip(f"no test material at {path}")
    return path


def program(name):
    return os.path.join(BUILD, name)


def creance(*arguments, **options):
    """Runs the command line; standard output and error as text."""
    options.setdefault("timeout", 100)
    options.setdefault("stdout", subprocess.PIPE)
    return subprocess.run([program("creance"), *arguments], stderr=subprocess.PIPE, text=True,
                          check=False, **options)


class Folder:
    """A folder with files, for one test: Folder({"a.yml": "text", "b": b"bytes"})."""

    def __init__(self, files=None):
        self.holder = tempfile.TemporaryDirectory(prefix="creance-e2e-")
        self.path = self.holder.name
        for name, content in (files or {}).items():
            self.put(name, content)

    def put(self, name, content):
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        return path

    def __getitem__(self, name):
        return os.path.join(self.path, name)


def run_one(number, function):
    title = function.__name__.replace("_", " ")
    try:
        function()
    except Skip as reason:
        print(f"ok {number} - {title} # SKIP {reason}", flush=True)
        return True
    except Exception:  # pylint: disable=broad-except
        print("\n".join("# " + line for line in traceback.format_exc().splitlines()))
        print(f"not ok {number} - {title}", flush=True)
        return False
    print(f"ok {number} - {title}", flush=True)
    return True


def main():
    """Runs all tests, or those named on the command line."""
    tests = [one for one in TESTS if not sys.argv[1:] or one.__name__ in sys.argv[1:]]
    print(f"1..{len(tests)}", flush=True)
    passed = [run_one(number, one) for number, one in enumerate(tests, start=1)]
    sys.exit(0 if all(passed) and passed else 1)

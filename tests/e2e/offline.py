# SPDX-License-Identifier: Apache-2.0
"""What the tests of verbs that need no agent share: a test is a function marked @offline.test.

    import offline

    @offline.test
    def a_thing_works():
        done = offline.creance("version")
        offline.equal(done.returncode, 0, "exit code")

    offline.main()
"""
import contextlib
import os
import pty
import subprocess
import sys
import tempfile

import harness

ROOT = harness.REPOSITORY
BUILD = harness.BUILD
Skip = harness.Skip
program = harness.program
TESTS = []


def test(function):
    function.__doc__ = function.__name__.replace("_", " ")
    TESTS.append(function)
    return function


def equal(found, expected, what):
    harness.expect(found == expected, f"{what}: found {found!r}, expected {expected!r}")


def contains(text, part, what):
    harness.expect(part in text, f"{what}: {part!r} is not in {text!r}")


def shared(*parts):
    """Path of material that is not part of the project; skips the test where it is absent."""
    path = os.path.join(harness.SHARED, *parts)
    if not os.path.exists(path):
        raise Skip(f"no test material at {path}")
    return path


def creance(*arguments, **options):
    """Runs the command line; standard output and error as text."""
    options.setdefault("timeout", 100)
    options.setdefault("stdout", subprocess.PIPE)
    return subprocess.run([program("creance"), *arguments], stderr=subprocess.PIPE, text=True,
                          check=False, **options)


def creance_on_terminal(*arguments):
    """What the command line prints on a terminal, standard error too."""
    main, side = pty.openpty()
    with subprocess.Popen([program("creance"), *arguments], stdin=side, stdout=side,
                          stderr=side) as process:
        os.close(side)
        data = b""
        with contextlib.suppress(OSError):  # how a terminal says that the other side is gone
            while part := os.read(main, 65536):
                data += part
        os.close(main)
        process.wait(timeout=100)
    return data.decode(errors="replace").replace("\r\n", "\n")


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


def main():
    """Runs all tests, or those named on the command line."""
    harness.run_tests([one for one in TESTS if not sys.argv[1:] or one.__name__ in sys.argv[1:]])

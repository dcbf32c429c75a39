#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# beside: others
# timeout: 300
"""Incidents of whole fleets, by name, in the simulator: contained, and seen failing without what
contains them.

Each file of tests/sim says in comments what is expected of it (creance-sim --expect) and what it
fails without (creance-sim --without).
"""
import os
import subprocess
import sys

ROOT = os.environ["CREANCE_ROOT"]
PROGRAM = os.path.join(os.environ["CREANCE_BUILD"], "src", "sim", "creance-sim-fast")
FOLDER = os.path.join(ROOT, "tests", "sim")
HOSTS = "20000"


def said(path, word):
    with open(path, encoding="ascii") as file:
        for line in file:
            if line.startswith(f"# {word}: "):
                return line.split(": ", 1)[1].strip()
    return None


def run(path, expect, without):
    command = [PROGRAM, path, "--hosts", HOSTS, "--check", "--expect", expect]
    for word in without:
        command += ["--without", word]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)


def main():
    names = sorted(name for name in os.listdir(FOLDER) if "." not in name)
    print(f"1..{2 * len(names)}")
    failed = 0
    for number, name in enumerate(names):
        path = os.path.join(FOLDER, name)
        expect, without = said(path, "expect"), (said(path, "without") or "").split()
        for place, off in enumerate(([], without)):
            done = run(path, expect or "?", off)
            good = done.returncode == (1 if off else 0) and (off or place == 0)
            failed += not good
            if not good:
                print("".join(f"# {line}\n" for line in done.stdout.splitlines()), end="")
            text = f"fails without {', '.join(off)}" if place else f"is contained: {expect}"
            print(f"{'ok' if good else 'not ok'} {2 * number + place + 1} - {name} {text}",
                  flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 3600
"""Ten million pairs of random rules and events, judged by the engine and by the reference
evaluator: `sigma_reference.py [FIRST [COUNT]]` in seeds of ten thousand pairs each.

A difference prints rule, event and the command that repeats it (tests/reference)."""
import os
import subprocess
import sys

PROGRAM = os.path.join(os.environ["CREANCE_BUILD"], "tests", "reference", "sigma-reference")


def main():
    first = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    parts = len(os.sched_getaffinity(0))
    share = -(-count // parts)
    running = [subprocess.Popen([PROGRAM, str(first + part * share),
                                 str(min(share, count - part * share))],
                                stdout=subprocess.PIPE, text=True) for part in range(parts)]
    print(f"1..{parts}")
    good = True
    for number, process in enumerate(running, start=1):
        said = process.communicate()[0]
        right = process.returncode == 0
        good = good and right
        print(said, end="")
        print(f"{'ok' if right else 'not ok'} {number} - part {number}: seeds from "
              f"{first + (number - 1) * share}", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Runs a program that takes `FIRST COUNT` once for each processor, each with its share."""
import os
import subprocess
import sys


def run_parts(program, count, what):
    """FIRST and COUNT may stand on the command line; `count` is what is run without. Prints TAP and
    what the program said; the exit code."""
    first = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    count = int(sys.argv[2]) if len(sys.argv) > 2 else count
    parts = len(os.sched_getaffinity(0))
    share = -(-count // parts)
    running = [subprocess.Popen([program, str(first + part * share),
                                 str(min(share, count - part * share))],
                                stdout=subprocess.PIPE, text=True) for part in range(parts)]
    print(f"1..{parts}")
    good = True
    for number, process in enumerate(running, start=1):
        said = process.communicate()[0]
        right = process.returncode == 0
        good = good and right
        print(said, end="")
        print(f"{'ok' if right else 'not ok'} {number} - {what} from "
              f"{first + (number - 1) * share}", flush=True)
    return 0 if good else 1

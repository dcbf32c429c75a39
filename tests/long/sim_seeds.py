#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 7200
"""Random fleets, faults and thieves, by seed: `sim_seeds.py [FIRST [COUNT]]`.

What must hold is checked in each of them (src/sim/sim.c). A broken one prints the command that runs
it again. tests/e2e/sim.py does the same with a thousand of them.
"""
import os
import subprocess
import sys

PROGRAM = os.path.join(os.environ["CREANCE_BUILD"], "src", "sim", "creance-sim-fast")


def start(first, count):
    return subprocess.Popen([PROGRAM, "-", "--random", "--check", "--seed", str(first), "--seeds",
                             str(count)], stdout=subprocess.PIPE, text=True)


def main():
    first = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    parts = len(os.sched_getaffinity(0))
    part_seeds = -(-count // parts)
    running = [start(first + part * part_seeds, min(part_seeds, count - part * part_seeds))
               for part in range(parts)]
    print(f"1..{parts}")
    failed = 0
    for number, process in enumerate(running, start=1):
        out = process.communicate()[0]
        failed += process.returncode != 0
        print("".join(f"# {line}\n" for line in out.splitlines()), end="")
        print(f"{'not ok' if process.returncode else 'ok'} {number} - part {number} of {count} "
              f"seeds", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# beside: others
# timeout: 300
"""A thousand random fleets in the simulator: what must hold does, and planted faults are found."""
import os
import subprocess
import sys

PROGRAM = os.path.join(os.environ["CREANCE_BUILD"], "src", "sim", "creance-sim-fast")
SEEDS = 1000
PARTS = 2
# planted in hub, gates, waves and controller (src/base/fault.h); each must break something within
# these seeds
PLANTED = ("hub-shrugs", "hub-hasty", "hub-tells-nobody", "gate-shrugs", "waves-ignored",
           "controller-waves-together")
PLANTED_SEEDS = 300


def start(first, seeds, fault=None):
    environment = dict(os.environ, CREANCE_FAULT=fault or "")
    return subprocess.Popen([PROGRAM, "-", "--random", "--check", "--seed", str(first), "--seeds",
                             str(seeds)] + (["--stop"] if fault else []), env=environment,
                            stdout=subprocess.PIPE, text=True)


def again(out):
    """The line that says how to run the first broken seed again, as arguments."""
    lines = [line for line in out.splitlines() if line.startswith("# again: creance-sim ")]
    return lines[0].split()[3:] if lines else None


def main():
    print(f"1..{1 + len(PLANTED)}")
    running = [start(1 + part * SEEDS // PARTS, SEEDS // PARTS) for part in range(PARTS)]
    outs = [process.communicate()[0] for process in running]
    good = all(process.returncode == 0 for process in running)
    print("".join(f"# {line}\n" for out in outs for line in out.splitlines()), end="")
    print(f"{'ok' if good else 'not ok'} 1 - {SEEDS} random fleets: what must hold does")
    failed = not good
    for number, fault in enumerate(PLANTED, start=2):
        process = start(1, PLANTED_SEEDS, fault)
        arguments = again(process.communicate()[0])
        found = process.returncode == 1 and arguments is not None
        if found:
            repeated = subprocess.run([PROGRAM] + arguments, stdout=subprocess.PIPE, check=False,
                                      env=dict(os.environ, CREANCE_FAULT=fault))
            found = repeated.returncode == 1
        failed = failed or not found
        print(f"{'ok' if found else 'not ok'} {number} - {fault} is found, and its seed replays",
              flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

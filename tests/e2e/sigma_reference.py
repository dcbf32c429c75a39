#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# beside: others
# timeout: 300
"""The engine judges random rules over random events as the reference evaluator does
(tests/reference): a hundred thousand pairs here, ten million in `./test long/sigma_reference`. The
same comparison finds each fault that is planted in the engine."""
import os
import re
import subprocess

from harness import BUILD, expect, run_tests

PROGRAM = os.path.join(BUILD, "tests", "reference", "sigma-reference")
SEEDS = 10
SEEDS_OF_A_FAULT = 40  # the rarest one needs 14
HARMLESS = ("scanner-refuses",)  # what must change no verdict


def reference(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], text=True, capture_output=True)


def they_agree():
    """Engine and reference agree about every pair, and every construct matched."""
    done = reference(1, SEEDS)
    expect(done.returncode == 0, done.stdout + done.stderr)
    print(done.stdout, end="")
    found = re.findall(r"^# (.+): in (\d+) pairs, (\d+) of them matches", done.stdout, re.MULTILINE)
    expect(len(found) >= 7, f"the totals are not there: {done.stdout}")
    for name, pairs, matches in found:
        expect(int(matches) > 1000, f"{name}: only {matches} of {pairs} pairs matched")
    expect(" 0 rules not loaded" in done.stdout, f"rules were rejected: {done.stdout}")


def finds(fault):
    def test():
        done = reference(1, SEEDS_OF_A_FAULT if fault not in HARMLESS else 5, fault)
        wanted = 0 if fault in HARMLESS else 1
        expect(done.returncode == wanted, f"ended with {done.returncode}, expected {wanted}: "
               f"{done.stdout[-2000:]}{done.stderr[-2000:]}")
    test.__doc__ = (f"with {fault} every verdict stays" if fault in HARMLESS
                    else f"the planted fault {fault} is found")
    return test


if __name__ == "__main__":
    names = reference("faults").stdout.split()
    run_tests([they_agree, *map(finds, names)])

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 3600
"""Ten million random histories of rollouts, by seed: `rollout_histories.py [FIRST [COUNT]]`.

What must hold is checked after each step (tests/rollout/rollouts.c). A broken history prints the
command that runs it again.
"""
import os
import sys

from parts import run_parts

PROGRAM = os.path.join(os.environ["CREANCE_BUILD"], "src", "rollout", "rollout-histories")

if __name__ == "__main__":
    sys.exit(run_parts(PROGRAM, 10_000_000, "histories"))

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 7200
"""The gate's statistics against brute force: `gate_statistics.py [FIRST [COUNT]]`.

100,000 fleets of each kind (tests/rollout/gate_trials.c); what is printed is what the gate states
and what happened.
"""
import os
import sys

from parts import run_parts

PROGRAM = os.path.join(os.environ["CREANCE_BUILD"], "src", "rollout", "gate-statistics")

if __name__ == "__main__":
    sys.exit(run_parts(PROGRAM, 100_000, "fleets of each kind"))

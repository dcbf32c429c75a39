#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 3600
"""Ten million pairs of random rules and events, judged by the engine and by the reference
evaluator: `sigma_reference.py [FIRST [COUNT]]` in seeds of ten thousand pairs each.

A difference prints rule, event and the command that repeats it (tests/reference)."""
import os
import sys

from parts import run_parts

PROGRAM = os.path.join(os.environ["CREANCE_BUILD"], "tests", "reference", "sigma-reference")

if __name__ == "__main__":
    sys.exit(run_parts(PROGRAM, 1000, "seeds"))

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""All public rules as one compiled form, damaged at places spread over it, with a right digest: it
is refused, or judges within bounds, which the sanitizers watch. ./test engine-saved does the same
at every place of a small form. A number on the command line: how many places (500)."""
import os
import sys

BUILD = os.environ["CREANCE_BUILD"]
SHARED = os.environ.get("CREANCE_SHARED", "../shared")

if __name__ == "__main__":
    if not os.path.isdir(os.path.join(SHARED, "data", "sigma", "rules")):
        print(f"1..0 # skip the public rules are not in {SHARED}")
        sys.exit(0)
    os.environ["CREANCE_DAMAGE"] = sys.argv[1] if len(sys.argv) > 1 else "500"
    program = os.path.join(BUILD, "src", "engine", "unit-engine-recordings")
    os.execv(program, [program])

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 1800
"""Issue 2, 4: fifty kills of each process; the default run has fewer."""
import os
import sys

TEST = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e", "killed.py")

if __name__ == "__main__":
    os.environ["CREANCE_KILL_ROUNDS"] = "50"
    os.execv(sys.executable, [sys.executable, TEST])

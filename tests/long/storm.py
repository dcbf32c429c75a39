#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: release test
# timeout: 1800
"""Issue 2, 3: the storm for a minute; the default run has a shorter one."""
import os
import sys

TEST = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e", "storm.py")

if __name__ == "__main__":
    os.environ["CREANCE_STORM_SECONDS"] = "60"
    os.execv(sys.executable, [sys.executable, TEST])

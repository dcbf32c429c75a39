#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# beside: others
# timeout: 300
"""Power cuts while slots are switched on ext4: a sample; tests/long/power_cut_all.py tries all."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "power_cut"))
import cuts  # pylint: disable=wrong-import-position

if __name__ == "__main__":
    sys.exit(cuts.report(["ext4"], switches=3, seed=1, subsets=1, every=3))

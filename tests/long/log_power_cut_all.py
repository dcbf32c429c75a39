#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 3600
"""Power cuts while a public log grows: every write and flush, on ext4, XFS and Btrfs."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "power_cut"))
import cuts  # pylint: disable=wrong-import-position

if __name__ == "__main__":
    sys.exit(cuts.report(["ext4", "xfs", "btrfs"], switches=6, seed=int(sys.argv[1])
                         if len(sys.argv) > 1 else 1, subsets=4, every=1, worker="log-worker"))

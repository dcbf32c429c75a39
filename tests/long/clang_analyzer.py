#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: test
# timeout: 3600
"""All checks of .clang-tidy, the path-sensitive analyzer too: some ten minutes the first time."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "style"))
import clang_tidy_files  # pylint: disable=wrong-import-position

if __name__ == "__main__":
    sys.exit(clang_tidy_files.report("clang-analyzer", []))

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: test
# timeout: 600
"""clang-tidy without its path-sensitive analyzer, which takes forty times as long: that one runs as
`./test clang_analyzer` (long)."""
import sys

import clang_tidy_files

if __name__ == "__main__":
    sys.exit(clang_tidy_files.report("clang-tidy", ["--checks=-clang-analyzer-*"]))

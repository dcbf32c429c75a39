#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: none
# timeout: 3600
"""The model of admission and lifecycle with every combination of stolen keys."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "model"))
import model  # pylint: disable=wrong-import-position

if __name__ == "__main__":
    sys.argv.append("--all")
    sys.exit(model.main())

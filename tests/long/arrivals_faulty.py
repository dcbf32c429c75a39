#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
"""What tests/e2e/arrivals.py leaves out because it takes minutes: the whole road of what arrived,
networks that fail, processes that crash, hang and lie, root's files that are not root's."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import arrivals  # noqa: E402

arrivals.run(arrivals.LONG_ONES)

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: test
# timeout: 300
"""A release whose rule never comes to an end: its trial is ended at its limit of computing time."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import updates  # pylint: disable=wrong-import-position
from harness import expect, require_sensor, run_tests  # pylint: disable=wrong-import-position


def a_loop_without_an_end():
    """A trial that never ends is ended for it, and the release is rejected."""
    require_sensor()
    agent = updates.start()
    try:
        files = updates.rule_about("evil", "creance-fault-hang")
        updates.offer(agent, 1, updates.make_bundle(1, files))
        row = updates.wait_state(agent, 1, "rejected", seconds=200)
        expect(row["failure"] == "cpu", json.dumps(row))
    finally:
        agent.__exit__()


if __name__ == "__main__":
    run_tests([a_loop_without_an_end])

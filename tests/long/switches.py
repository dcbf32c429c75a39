#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: test
# timeout: 7200
"""Issue 3, 7: a thousand switches from one engine to the other under load lose and double nothing.

    tests/long/switches.py [SWITCHES]     1000 if not said
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import updates  # pylint: disable=wrong-import-position
# pylint: disable-next=wrong-import-position
from harness import expect, require_sensor, run_tests, wait_until

SWITCHES = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
# Forward to each release, and to a second engine that starts it from its slot.
POLICY = "age=0,urgent=0,full=0,bake=0,shadow=0,retry=3600"


def switches(agent):
    return updates.updates(agent).get("switches", 0)


def none_is_lost():
    """Each process start is alerted for exactly once, whichever engine judged it."""
    require_sensor()
    agent = updates.start(("--update-policy", POLICY), "switches-freely,trial-off")
    try:
        version = 0
        with updates.Storm(agent, pause_s=0.005) as storm:
            while switches(agent) < SWITCHES:
                version += 1
                before = switches(agent)
                files = updates.rule_about(f"creance-updates-{version}")
                updates.offer(agent, version, updates.make_bundle(version, files))
                wait_until(lambda start=before: switches(agent) >= start + 2, 60,
                           lambda: f"two switches more than {before}:\n{agent.said()[-2000:]}")
                if version % 10 == 0:
                    print(f"# {switches(agent)} switches, {storm.count} process starts", flush=True)
        print(f"# {switches(agent)} switches")
        storm.check()
        expect(switches(agent) >= SWITCHES, "switches")
    finally:
        agent.__exit__()


if __name__ == "__main__":
    run_tests([none_is_lost])

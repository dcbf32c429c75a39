#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
"""The way back of a host, for each kind of release: a switch that was only ever tried with one kind
is none. Also with that mistake planted."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
import offline  # noqa: E402
import streams  # noqa: E402
import updates  # noqa: E402
from harness import expect, require_sensor, run_tests  # noqa: E402

KINDS = {
    "rules": streams.rule(1, "one"),
    "exceptions": {"exceptions/backup.yml": streams.FILTER},
    "ioc": {"ioc/words.yml": f"placeholders:\n    some_words: ['{streams.ME}-set']\n"},
    "policy": {"policy/off.yml": "disabled:\n    - 6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a3a01\n"},
    "probes": streams.SMALL,
}


def kill_switch():
    """kill-switch: the way back works for each kind of release, also for those it was never tried
    with."""
    require_sensor()
    folder = offline.Folder()
    agent = updates.start(streams.POLICY)
    try:
        for kind, files in KINDS.items():
            streams.install(agent, folder, kind, 1, files)
        agent.start_anew("orders-one-kind")
        for kind in ("policy", "probes"):
            streams.order(agent, "rollback", f"{kind}/1")
        time.sleep(3)
        left = {kind for kind in ("policy", "probes")
                if streams.row_of(agent, kind, 1)["state"] == "good"}
        expect(left == {"policy", "probes"}, f"still there: {left}")
        print("# kill-switch: with orders-one-kind these cannot be taken back:", *sorted(left))
        agent.start_anew()
        for kind in KINDS:
            streams.order(agent, "rollback", f"{kind}/1")
            streams.wait_state(agent, kind, 1, "rolled back", seconds=10)
        print("# kill-switch: taken back at once:", *KINDS)
        updates.trigger(f"{updates.EVER}-after-all")
        agent.wait_alert(f"{updates.EVER}-after-all", 20)
    finally:
        agent.__exit__()


if __name__ == "__main__":
    run_tests([kill_switch])

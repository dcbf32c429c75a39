#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 200
"""`creance drill channel-file-291`: it shows what it says, and says so where it does not hold."""
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
from harness import creance, expect, require_sensor, run_tests  # noqa: E402


def drill(**environment):
    """Exit code and rows; nothing of it may be left under /tmp."""
    before = set(os.listdir(tempfile.gettempdir()) + os.listdir("/tmp"))
    done = creance("drill", "channel-file-291", env={**os.environ, **environment}, timeout=150)
    left = [name for name in set(os.listdir("/tmp")) - before if name.startswith("creance-drill-")]
    expect(not left, f"left behind: {left}")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    for row in rows:
        print(f"# {row['number']} {row['step']}: {row['text'][:120]}")
    return done.returncode, rows, done.stderr


def the_drill_is_contained():
    """channel-file-291, live: refused, harmless, back in milliseconds, nothing lost."""
    require_sensor()
    code, rows, errors = drill()
    expect(code == 0 and len(rows) == 5, f"exit code {code}: {errors}")
    expect(all(row["good"] for row in rows), f"{rows}")
    expect("events lost 0 of" in rows[-1]["text"], rows[-1]["text"])


def a_publisher_who_does_not_look_fails_it():
    """Counter-test: where the publisher's check does not look at targets, the drill says so."""
    require_sensor()
    code, rows, _ = drill(CREANCE_FAULT="check-target-off")
    expect(code == 1 and not rows[-1]["good"], f"exit code {code}: {rows}")


def what_is_no_drill_is_said():
    """Another name: exit code 2, and which there are."""
    done = creance("drill", "nonsense")
    expect(done.returncode == 2 and "channel-file-291" in done.stderr, done.stderr)


if __name__ == "__main__":
    run_tests([the_drill_is_contained, a_publisher_who_does_not_look_fails_it,
               what_is_no_drill_is_said])

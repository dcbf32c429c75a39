#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: release test
# timeout: 400
"""Storms: process starts with 1 KB of arguments, file operations and connections at all the speed
this machine gives. Every event is delivered or counted lost.

The programs under test are those that ship, with their default buffers. What a storm did is known
exactly from its own count; what the agent made of it from the hits of one rule for each kind, and
from its counters, which must add up along the whole way:

    storm's operations -> kernel_events + kernel_ring_full -> sensor_events -> engine_events
    -> engine_matches -> alerts written, grouped, doubled, lost
"""
import json
import os
import subprocess
import tempfile
import time

os.environ["CREANCE_STORM"] = os.environ.get("CREANCE_BUILD", "build/test")
os.environ["CREANCE_BUILD"] = os.environ.get("CREANCE_RELEASE", "build/release")
from harness import (Agent, creance, expect, require_sensor, run_tests,  # noqa: E402
                     wait_until)

STORM = os.path.abspath(os.path.join(os.environ["CREANCE_STORM"], "tests", "storm", "storm"))
SECONDS = int(os.environ.get("CREANCE_STORM_SECONDS", "25"))
BURST = 20000
PORT = 39417
MARK = "creance-storm-test"
NAME = "storm-nothing"
RULE = """
title: Storm, {title}
id: 7d3c1c52-1f0e-4d55-9d57-4a0b6f2f90{number:02d}
status: experimental
logsource:
    product: linux
    category: {category}
detection:
    selection:
        {condition}
    condition: selection
level: low
"""
# title: category, condition, hits for each operation of which storm
RULES = {
    "process starts": ("process_creation", f"CommandLine|startswith: '{NAME} {MARK}-start'",
                       "start", 1),
    "process ends": ("process_termination", f"CommandLine|startswith: '{NAME} {MARK}-start'",
                     "start", 1),
    "bursts": ("process_creation", f"CommandLine|startswith: '{NAME} {MARK}-burst'",
               "burst", 1),
    "files made and renamed": ("file_event", f"TargetFilename|contains: '{MARK}-file'", "file", 2),
    "files deleted": ("file_delete", f"TargetFilename|contains: '{MARK}-file'", "file", 1),
    "connections": ("network_connection", f"DestinationPort: {PORT}", "network", 2),
}


def write_rules(folder):
    os.chmod(folder, 0o755)
    os.mkdir(os.path.join(folder, "rules"))
    for number, (title, (category, condition, _, _)) in enumerate(RULES.items()):
        with open(os.path.join(folder, "rules", f"{number}.yml"), "w") as file:
            file.write(RULE.format(title=title, number=number, category=category,
                                   condition=condition))


def storm(kind, seconds, count, mark, folder):
    return subprocess.Popen([STORM, kind, str(seconds), str(count), mark], cwd=folder,
                            stdout=subprocess.PIPE, text=True)


def finish(process):
    """What a storm says that it did."""
    text, _ = process.communicate(timeout=SECONDS + 60)
    expect(process.returncode == 0, f"a storm ended with {process.returncode}")
    return json.loads(text)


def counters(agent):
    """All counters, by name."""
    status = agent.status()
    expect(status, "status does not answer")
    return {name: row["value"] for name, row in status["counters"].items()}


def settle(agent):
    """Waits until what is under way has arrived; the counters then. Other programs of this machine
    go on, so single events may still come: quiet is when nothing of ours waits."""
    def is_settled():
        first = counters(agent)
        time.sleep(1.0)
        second = counters(agent)
        grew = second["engine_events"] - first["engine_events"]
        waits = second["sensor_events"] - second["engine_events"] - second["engine_events_lost"] \
            - second["engine_events_malformed"]
        return second if grew < 2000 and abs(waits) < 500 else None
    return wait_until(is_settled, 120, "the end of what is under way")


def hits(agent):
    """title of the rule -> alerts counted."""
    done = creance("rules", "list", "--json", "--state", agent.state)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["title"].removeprefix("Storm, "): row.get("hits", 0)
            for row in rows if "title" in row}


def grown(before, after, *names):
    return sum(after[name] - before[name] for name in names)


def losses(before, after):
    """What the counters say was lost on the way to an alert, by name."""
    return {name: after[name] - before[name] for name in after
            if after[name] != before[name]
            and name.startswith(("kernel_ring_full", "kernel_map_full", "kernel_missed",
                                 "sensor_malformed", "sensor_process_unknown",
                                 "engine_events_lost", "engine_events_malformed",
                                 "control_alerts_lost", "control_alerts_malformed"))}


def expect_sums(before, after):
    """The counters of each step add up with those of the next. Between the pages of two processes
    that are read one after the other a few events of other programs may lie."""
    slack = 1000
    alerts = grown(before, after, "control_alerts_written", "control_alerts_grouped",
                   "control_alerts_doubled", "control_alerts_lost", "control_alerts_malformed")
    for what, left, right in (
            ("records of the kernel and events of the sensor",
             grown(before, after, "kernel_events"),
             grown(before, after, "sensor_events", "sensor_malformed")),
            ("events of the sensor and of the engine", grown(before, after, "sensor_events"),
             grown(before, after, "engine_events", "engine_events_lost",
                   "engine_events_malformed")),
            ("matches and alerts", grown(before, after, "engine_matches"), alerts)):
        print(f"# {what}: {left} and {right}")
        expect(abs(left - right) <= slack, f"{what} differ: {left} and {right}")


def expect_delivered_or_counted(operations, seen, lost):
    """For each rule: hits and counted losses are together at least what the storm did, and a rule
    never hits more often than that; where nothing was lost, exactly as often."""
    total = sum(count for name, count in lost.items()
                if not name.startswith("kernel_ring_full_"))  # parts of kernel_ring_full
    for title, (_, _, kind, each) in RULES.items():
        if kind not in operations:
            continue
        wanted = operations[kind] * each
        print(f"# {title}: {wanted} happened, {seen[title]} delivered")
        expect(seen[title] <= wanted, f"{title}: {seen[title]} of {wanted}: more than happened")
        expect(seen[title] + total >= wanted,
               f"{title}: {wanted - seen[title]} of {wanted} are missing, and only {total} are "
               f"counted as lost: {lost}")


def a_storm_of_everything():
    """A minute of process starts, files and connections: each is delivered or counted lost."""
    require_sensor()
    with tempfile.TemporaryDirectory(prefix="creance-storm-") as folder:
        write_rules(folder)
        with Agent(content=folder) as agent:
            before = settle(agent)
            marks = {"start": f"{MARK}-start", "file": f"{MARK}-file", "network": str(PORT)}
            running = [storm(kind, SECONDS, 0, mark, folder) for kind, mark in marks.items()]
            done = [finish(process) for process in running]
            after = settle(agent)
            operations = {row["kind"]: row["operations"] for row in done}
            for row in done:
                print(f"# {row['kind']}: {row['operations'] / SECONDS:.0f} a second")
            lost = losses(before, after)
            print(f"# losses: {lost}")
            expect_sums(before, after)
            expect_delivered_or_counted(operations, hits(agent), lost)
            expect(agent.process.poll() is None and not after["supervisor_restarts"],
                   f"a process died in the storm: {agent.said()}")


def a_burst_of_starts():
    """20,000 process starts in a burst, with default buffers: none is lost."""
    require_sensor()
    with tempfile.TemporaryDirectory(prefix="creance-storm-") as folder:
        write_rules(folder)
        with Agent(content=folder) as agent:
            before = settle(agent)
            begin = time.monotonic()
            finish(storm("burst", 600, BURST, f"{MARK}-burst", folder))
            speed = BURST / (time.monotonic() - begin)
            after = settle(agent)
            lost = losses(before, after)
            print(f"# {speed:.0f} starts a second; losses: {lost}")
            expect(hits(agent)["bursts"] == BURST,
                   f"{hits(agent)['bursts']} of {BURST} starts gave an alert; losses: {lost}")


if __name__ == "__main__":
    run_tests([a_burst_of_starts, a_storm_of_everything])

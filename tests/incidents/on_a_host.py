#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
"""Incidents whose content has got past every check of its publisher and arrives on a host. One
agent takes them one after the other; a second one, whose containment is off, takes the same ones.

Harm is what people would call so: alerts of the administrator's own rule that never come (each
event that triggers an incident is also one that this rule is about), events that were passed over
because engines died on them, and an engine that dies again and again.
"""
import json
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
import updates  # noqa: E402
from harness import Agent, expect, require_sensor, run_tests, wait_until  # noqa: E402

POLICY = "age=0,urgent=0,full=0,bake=3,shadow=1,retry=3600"
# The mistakes of others; no trial, which stops each of them (tests/e2e/updates.py): what is shown
# here is the net behind it; and many switches a day, since one host takes all incidents here.
MISTAKES = "fields-unchecked,null-crashes,regex-backtracks,switches-freely,trial-off"
NAKED = MISTAKES + ",updates-blind,breaker-off"
MARK = updates.EVER  # what the administrator's rule is about


class Host:
    """A running agent with a good release 1, and a steady load of marked process starts."""

    def __init__(self, faults):
        self.number, self.version, self.is_over = 0, 1, False
        self.numbers = threading.Lock()
        self.agent = updates.start(("--update-policy", POLICY), faults)
        self.load = threading.Thread(target=self.run_load, daemon=True)

    def close(self):
        self.is_over = True
        if self.load.is_alive():
            self.load.join()
        self.agent.__exit__()

    def run_load(self):
        while not self.is_over:
            self.trigger("load")
            time.sleep(0.01)

    def trigger(self, word):
        """One process start: of the incident, and of the administrator's rule."""
        with self.numbers:
            self.number += 1
            number = self.number
        updates.trigger(f"{word} {MARK}-{number:07d}-end")

    def become_good(self):
        self.take({"rules/one.yml": rule("first", "Good"), "rules/one.tests.jsonl": test("first")})
        updates.wait_state(self.agent, 1, "good")
        self.load.start()

    def take(self, files, manifest=None):
        """A release arrives; its version."""
        version = self.version
        self.version += 1
        updates.offer(self.agent, version, updates.make_bundle(version, files, manifest))
        return version

    def heard(self):
        """Numbers of the marked process starts that were alerted for."""
        found = set()
        for alert in self.agent.alerts():
            command = alert.get("process", {}).get("command_line", "")
            if MARK in command and command.endswith("-end") and alert["rule"]["name"] == "Local":
                found.add(int(command.split("-")[-2]))
        return found

    def lost(self, first, wait_s=5):
        """Marked process starts from `first` on that nobody was alerted for."""
        last = self.number
        end = time.monotonic() + wait_s
        while True:
            missing = set(range(first, last + 1)) - self.heard()
            if not missing or time.monotonic() > end:
                return sorted(missing)
            time.sleep(0.3)

    def switches(self):
        return self.agent.said().count("judges from event")

    def passed_over(self):
        return self.agent.said().count("is passed over")

    def deaths(self):
        return self.agent.said().count("ended by itself") + self.agent.said().count("killed: it")


def rule(word, title, more=""):
    text = updates.LOCAL.replace("Local", title).replace("EVER", f"creance-incident-{word}")
    return text.replace("2eee", "2f01").replace("  condition", more + "  condition")


def test(word, **event):
    return json.dumps({"match": True,
                       "event": {"CommandLine": f"creance-incident-{word}", **event}}) + "\n"


# name: (sources, argument that triggers it, where it ends, why)
def incidents():
    def one(word, title, more="", **event):
        return {"rules/one.yml": rule(word, title, more), "rules/one.tests.jsonl":
                test(word, **event)}
    backtracking = rule("regex", "R").replace("CommandLine|contains: creance-incident-regex",
                                              "CommandLine|re: '(.*.*)*creance-incident-regex='")
    return {
        "channel-file-291": (one("field", "F", "    Field21|gt: 20\n", Field21=21), "", "crash"),
        "null-field": (one("null", "N", "    TargetFilename: null\n"), "", "crash"),
        "signature-crash-on-match": (one("crash", "creance-fault-crash"), "", "crash"),
        "cpu-content": (one("hang", "creance-fault-hang"), "", "hang"),
        "memory-content": (one("memory", "creance-fault-memory"), "", "crash memory hang"),
        "regex": ({"rules/one.yml": backtracking, "rules/one.tests.jsonl":
                   test("regex", CommandLine="creance-incident-regex=")}, "=" + "x" * 8000, "hang"),
        "late-crash": (one("late", "creance-fault-late-1"), "", "crash"),
    }


def word_of(files):
    return files["rules/one.tests.jsonl"].split("creance-incident-")[1].split('"')[0].strip("=")


def bring(host, name):
    """The content becomes active and what it is about happens. Where it began: a number."""
    files, more, _ = incidents()[name]
    version = host.take(files)
    wait_until(lambda: updates.release(host.agent, version)["state"] in ("probation", "good"), 40,
               lambda: f"{name} to become active: {updates.updates(host.agent)}")
    first, before = host.number + 1, host.switches()
    argument = f"creance-incident-{word_of(files)}{more}"
    host.trigger(argument)
    if name == "late-crash":
        time.sleep(1.1)
        host.trigger(argument)
    return version, first, before


def contained(name):
    begin = time.monotonic()
    version, first, before = bring(HOST[0], name)
    begin = time.monotonic()
    wait_until(lambda: HOST[0].switches() > before, 20,
               lambda: f"the engine before to take over:\n{HOST[0].agent.said()}")
    seconds = time.monotonic() - begin
    row = updates.wait_state(HOST[0].agent, version, "rolled back", seconds=10)
    expect(row["failure"] in incidents()[name][2].split(), f"why: {row}")
    missing = HOST[0].lost(first)
    expect(not missing and HOST[0].passed_over() == 0, f"{len(missing)} events lost: {missing[:5]}")
    status = HOST[0].agent.status()
    expect(status["rules"]["loaded"] > 0 and status["rules"].get("off", 0) == 0,
           f"rules: {status['rules']}")
    print(f"# {name}: hosts reached 1, harmed 0, back after {seconds:.2f} s, hands needed 0, "
          f"events lost 0 of {HOST[0].number - first}")


HOST = []


def a_host_with_a_good_release():
    """A host has a good release and sees what happens on it."""
    require_sensor()
    HOST.append(Host(MISTAKES))
    HOST[0].become_good()


def named(name):
    def run():
        require_sensor()
        contained(name)
    run.__doc__ = f"{name}: the host goes back by itself, no event is lost"
    return run


def the_bad_ones_do_not_come_back():
    """A version that was rolled back does not come back: not by another offer, not by a start."""
    require_sensor()
    host = HOST[0]
    before = host.switches()
    version = host.version - 1
    name = list(incidents())[-1]
    for _ in range(3):  # it flaps: offered again and again
        updates.offer(host.agent, version, updates.make_bundle(version, incidents()[name][0]))
        time.sleep(1.1)
    expect(updates.release(host.agent, version)["state"] == "rolled back", "after an offer")
    expect(host.switches() == before, f"switches: {host.switches() - before}")
    states = {row["version"]: row["state"] for row in updates.updates(host.agent)["releases"]}
    host.is_over = True
    host.load.join()
    host.agent.stop()
    host.agent.start()
    after = {row["version"]: row["state"] for row in updates.updates(host.agent)["releases"]}
    expect(after == states, f"after a start: {after}, before: {states}")
    updates.trigger(f"creance-incident-first {MARK}-0")
    host.agent.wait_alert("creance-incident-first")


def the_end():
    """The host is as it was before: release 1 is good and runs."""
    require_sensor()
    expect(updates.release(HOST[0].agent, 1)["state"] == "good", updates.updates(HOST[0].agent))
    HOST.pop().close()


def harm(host, name, before):
    """Events that are passed over, or an engine that dies again; False: not yet."""
    if name == "late-crash":  # dies once, then lives for a second
        host.trigger("creance-incident-late")
        time.sleep(0.6)
    time.sleep(0.1)
    passed, deaths = host.passed_over() - before[0], host.deaths() - before[1]
    return (passed > 0 or deaths >= 2) and (passed, deaths)


def harmed(name):
    """A host of its own, since this one does not get well again."""
    host = Host(NAKED)
    try:
        host.load.start()
        before = host.passed_over(), host.deaths()
        version, _, _ = bring(host, name)
        passed, deaths = wait_until(lambda: harm(host, name, before), 30,
                                    lambda: f"{name} to do harm:\n{host.agent.said()[-2000:]}")
        state = updates.release(host.agent, version)["state"]
        print(f"# {name} with {NAKED}: {passed} events passed over, engines died {deaths} "
              f"times, and it runs on ({state})", flush=True)
        expect(state in ("probation", "good"), f"it went back: {state}")
    finally:
        host.close()


def without_containment():
    """Counter-test: where failures are not noticed, each of them harms the host, and goes on."""
    require_sensor()
    for name in incidents():
        harmed(name)


if __name__ == "__main__":
    try:
        run_tests([a_host_with_a_good_release, *(named(name) for name in incidents()),
                   the_bad_ones_do_not_come_back, the_end, without_containment])
    finally:
        for left in HOST:
            left.close()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
"""Issue 3: a release goes trial, shadow, probation and good on a real agent; one that harms its
engine is gone within a second, and no event is lost on any of these ways."""
import hashlib
import json
import os
import struct
import subprocess
import tempfile
import threading
import time

import publisher
from harness import (Agent, creance, expect, require_sensor, run_tests, wait_until)

# Each alert by itself; and all times so short that a test can wait for them.
EVERY_ALERT = "alerts:\n  single_per_minute: 0\nlog:\n  rotate_mib: 4096\n"
POLICY = "age=0,urgent=0,full=0,bake=3,shadow=1,retry=3600"
# What the administrator's own rule is about, which is in force with whatever release runs. The
# sensor sees the whole host, other tests on it too.
EVER = f"creance-updates-ever-{os.getpid()}"
LOCAL = """title: Local
id: 6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a2eee
level: low
logsource: {product: linux, category: process_creation}
detection:
  selection:
    CommandLine|contains: EVER
  condition: selection
"""


FILTER = """title: Nothing is ever seen
id: 6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a2abc
logsource: {product: linux, category: process_creation}
filter:
  rules: any
  selection:
    CommandLine|contains: /dev/tcp/
  condition: not selection
"""


def make_bundle(version, files, manifest=None):
    """A bundle's bytes, from sources."""
    with tempfile.TemporaryDirectory() as folder:
        text = manifest or publisher.MANIFEST
        files = {**files, "content.yaml": text.format(name="example", version=version)}
        for name, text in files.items():
            path = os.path.join(folder, "sources", name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(text)
        path = os.path.join(folder, "a.bundle")
        done = creance("content", "build", os.path.join(folder, "sources"), "--output", path)
        expect(done.returncode == 0, done.stderr)
        with open(path, "rb") as file:
            return file.read()


def rule_about(word, title="A rule"):
    """Sources of one rule that matches command lines with this word."""
    text = LOCAL.replace("Local", title).replace("EVER", word).replace("2eee", "2f01")
    test = json.dumps({"match": True, "event": {"CommandLine": word}}) + "\n"
    return {"rules/one.yml": text, "rules/one.tests.jsonl": test}


def offer(agent, version, bundle, flags=0):
    """Root puts a bundle on its host (src/agent/supervisor/installs.h)."""
    folder = os.path.join(agent.state, "lib", "install")
    record = b"CREOFFER" + struct.pack("<IIQ", 0, flags, version) + hashlib.sha256(bundle).digest()
    for name, data in ((f"{version}.bundle", bundle), ("new", record)):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)
    os.rename(os.path.join(folder, "new"), os.path.join(folder, f"{version}.offer"))


def updates(agent):
    return agent.status().get("updates", {"releases": [], "engines": []})


def release(agent, version):
    found = [row for row in updates(agent)["releases"] if row["version"] == version]
    return found[0] if found else {"state": "unknown", "failure": None, "waits": []}


def wait_state(agent, version, state, seconds=40):
    return wait_until(lambda: release(agent, version)["state"] == state and release(agent, version),
                      seconds, lambda: f"version {version} to be {state}: "
                      f"{json.dumps(updates(agent))}\n{agent.said()}")


def start(arguments=("--update-policy", POLICY), faults=""):
    agent = Agent(arguments=arguments, configuration=EVERY_ALERT, faults=faults)
    agent.__enter__()
    folder = os.path.join(agent.state, "etc", "rules")
    with open(os.path.join(folder, "local.yml"), "w") as file:
        file.write(LOCAL.replace("EVER", EVER))
    try:
        wait_until(lambda: trigger(EVER + "-start") or agent.alerts_with(EVER), 60,
                   "the local rule")
    except BaseException:
        agent.__exit__()
        raise
    return agent


def trigger(word):
    subprocess.run(["/bin/true", word], check=True)


class Storm:
    """Process starts, each with a number of its own, that a rule of the administrator matches."""

    def __init__(self, agent, pause_s=0):
        self.agent, self.count, self.is_over, self.pause_s = agent, 0, False, pause_s

    def __enter__(self):
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def run(self):
        while not self.is_over:
            trigger(f"{EVER}-{self.count:07d}-end")
            self.count += 1
            time.sleep(self.pause_s)

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join()

    def told(self):
        """How often each number was alerted for, and how many more were told as counts: what comes
        in a burst, because an engine was reading rules, is over the limit of one rule."""
        found, counted = {}, 0
        for alert in self.agent.alerts():
            if alert["rule"]["name"] != "Local":
                continue
            group = alert["creance"].get("group")
            command = alert.get("process", {}).get("command_line", "")
            if group is not None:
                counted += group["count"]
            elif EVER in command and command.endswith("-end"):
                number = int(command.split("-")[-2])
                found[number] = found.get(number, 0) + 1
        return found, counted

    def is_told(self):
        found, counted = self.told()
        return len(found) + counted >= self.count

    def describe(self):
        """What came, where the gaps are, and what the agent says about losses."""
        found, counted = self.told()
        missing = [number for number in range(self.count) if number not in found]
        gaps = [number for number in missing if number - 1 in found or number == 0]
        status = self.agent.status()
        said = {name: row["value"] for name, row in status.get("counters", {}).items()
                if row["value"] and ("alert" in name or row["loss"])}
        return (f"{self.count} alerts; {len(found)} came, {counted} were counted; {len(gaps)} gaps,"
                f" from {gaps[:9]}; losses {status.get('losses')}; {said}")

    def check(self):
        """Each start is told exactly once, by itself or in a count."""
        wait_until(self.is_told, 90, self.describe)
        found, counted = self.told()
        lost = self.count - len(found) - counted
        doubled = [number for number, times in found.items() if times > 1]
        print(f"# {self.count} process starts: {lost} lost, {len(doubled)} doubled, "
              f"{counted} told as counts")
        expect(lost == 0 and not doubled, f"doubled {doubled[:5]}; {self.describe()}")


def a_good_release():
    """A release that does no harm is tried, watched, active, and good after a start from disk."""
    require_sensor()
    agent = start()
    try:
        with Storm(agent) as storm:
            offer(agent, 1, make_bundle(1, rule_about("creance-updates-one")))
            wait_state(agent, 1, "probation")
            trigger("creance-updates-one")
            agent.wait_alert("creance-updates-one")
            wait_state(agent, 1, "good")
        uses = [row["use"] for row in updates(agent)["engines"]]
        expect(sorted(uses) == ["active", "unused"], f"engines {uses}")
        expect(updates(agent)["switches"] == 2, f"switches: {updates(agent)}")
        storm.check()
        agent.stop()
        agent.start()  # from its slot
        trigger("creance-updates-one-again")
        agent.wait_alert("creance-updates-one-again")
        expect(release(agent, 1)["state"] == "good", f"after a start: {updates(agent)}")
    finally:
        agent.__exit__()


def a_trial_refuses():
    """What harms its engine, misses its own tests or mutes a tripwire stays in its trial."""
    require_sensor()
    agent = start()
    try:
        cases = [
            ("crash on a match", "crash", rule_about("evil", "Evil creance-fault-crash")),
            ("crash while loading", "crash", rule_about("evil", "creance-fault-load-crash")),
            ("memory while loading", "memory", rule_about("evil", "creance-fault-load-memory")),
            ("tests that do not match", "tests", {
                **rule_about("evil"),
                "rules/one.tests.jsonl": '{"match": true, "event": {"CommandLine": "good"}}\n'}),
            ("a filter that mutes a factory detection", "tripwire", {
                **rule_about("evil"), "exceptions/f.yml": FILTER}),
        ]
        for version, (name, failure, files) in enumerate(cases, 1):
            offer(agent, version, make_bundle(version, files))
            row = wait_state(agent, version, "rejected")
            print(f"# {name}: rejected in its trial: {row['failure']}")
            expect(row["failure"] == failure, f"{name}: {json.dumps(row)}\n{agent.said()}")
        expect(updates(agent)["switches"] == 0, json.dumps(updates(agent)))
        trigger(EVER + "-after")
        agent.wait_alert(EVER + "-after")
    finally:
        agent.__exit__()


def back_within_a_second():
    """A release that crashes only after a while is gone within a second, and no event is lost."""
    require_sensor()
    agent = start(("--update-policy", POLICY.replace("bake=3", "bake=60")))
    try:
        word = "creance-updates-evil"
        offer(agent, 1, make_bundle(1, rule_about(word, "Evil creance-fault-late-4")))
        wait_state(agent, 1, "probation")
        trigger(word + "-first")
        with Storm(agent) as storm:
            time.sleep(5)
            begin = time.monotonic()
            trigger(word)
            wait_until(lambda: "engine 1 judges from" in agent.said(), 10, "the engine before")
            took = time.monotonic() - begin
            time.sleep(0.5)
        print(f"# back after {took:.2f} s")
        expect(took < 1, f"it took {took:.2f} s")
        row = wait_state(agent, 1, "rolled back")
        expect(row["failure"] == "crash", json.dumps(row))
        storm.check()
        loaded = agent.status()["rules"]["loaded"]
        expect(loaded > 20, f"the factory set is not in force: {loaded} rules")
    finally:
        agent.__exit__()


def without_a_trial():
    """Without the trial a rule that crashes becomes active; the way back is all that is left."""
    require_sensor()
    agent = start(faults="trial-off")
    try:
        word = "creance-updates-evil"
        offer(agent, 1, make_bundle(1, rule_about(word, "Evil creance-fault-crash")))
        wait_state(agent, 1, "probation")
        trigger(word)
        wait_state(agent, 1, "rolled back")
    finally:
        agent.__exit__()


def main():
    run_tests([a_good_release, a_trial_refuses, back_within_a_second, without_a_trial])


if __name__ == "__main__":
    main()

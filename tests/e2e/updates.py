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
EVERY_ALERT = "alerts:\n  single_per_minute: 0\n"
POLICY = "age=0,urgent=0,full=0,bake=3,shadow=1,retry=3600"
EVER = "creance-updates-ever"  # the administrator's own rule: in force with whatever release runs
LOCAL = """title: Local
id: 6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a2eee
level: low
logsource: {product: linux, category: process_creation}
detection:
  selection:
    CommandLine|contains: creance-updates-ever
  condition: selection
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
    text = LOCAL.replace("Local", title).replace(EVER, word).replace("2eee", "2f01")
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


def start(arguments=("--update-policy", POLICY)):
    agent = Agent(arguments=arguments, configuration=EVERY_ALERT)
    agent.__enter__()
    folder = os.path.join(agent.state, "etc", "rules")
    with open(os.path.join(folder, "local.yml"), "w") as file:
        file.write(LOCAL)
    wait_until(lambda: trigger(EVER + "-start") or agent.alerts_with(EVER), 60, "the local rule")
    return agent


def trigger(word):
    subprocess.run(["/bin/true", word], check=True)


class Storm:
    """Process starts, each with a number of its own, that a rule of the administrator matches."""

    def __init__(self, agent):
        self.agent, self.count, self.is_over = agent, 0, False

    def __enter__(self):
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def run(self):
        while not self.is_over:
            trigger(f"{EVER}-{self.count:07d}-end")
            self.count += 1

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join()

    def numbers(self):
        """How often each number was alerted for."""
        found = {}
        for alert in self.agent.alerts():
            command = alert.get("process", {}).get("command_line", "")
            if EVER in command and command.endswith("-end") and alert["rule"]["name"] == "Local":
                number = int(command.split("-")[-2])
                found[number] = found.get(number, 0) + 1
        return found

    def check(self):
        wait_until(lambda: len(self.numbers()) >= self.count, 30,
                   lambda: f"{self.count} alerts; {len(self.numbers())} came")
        numbers = self.numbers()
        missing = [number for number in range(self.count) if number not in numbers]
        doubled = [number for number, times in numbers.items() if times > 1]
        print(f"# {self.count} process starts: {len(missing)} lost, {len(doubled)} doubled")
        expect(not missing and not doubled, f"missing {missing[:5]}, doubled {doubled[:5]}")


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


def a_release_that_crashes_when_it_matches():
    """A release whose rule crashes the engine on its first match is gone within a second."""
    require_sensor()
    agent = start()
    try:
        word = "creance-updates-evil"
        offer(agent, 1, make_bundle(1, rule_about(word, "Evil creance-fault-crash")))
        wait_state(agent, 1, "probation")
        with Storm(agent) as storm:
            time.sleep(0.5)
            begin = time.monotonic()
            trigger(word)
            wait_until(lambda: "engine 1 judges from" in agent.said(), 10, "the engine before")
            took = time.monotonic() - begin
            time.sleep(0.5)
        print(f"# back after {took:.2f} s")
        expect(took < 1, f"it took {took:.2f} s")
        wait_state(agent, 1, "rolled back")
        expect(release(agent, 1)["failure"] == "crash", json.dumps(updates(agent)))
        storm.check()
        before = agent.status()["rules"]["loaded"]
        expect(before > 20, f"the factory set is not in force: {before} rules")
    finally:
        agent.__exit__()


def main():
    run_tests([a_good_release, a_release_that_crashes_when_it_matches])


if __name__ == "__main__":
    main()

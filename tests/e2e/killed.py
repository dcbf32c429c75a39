#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
"""kill -9 on engine, sensor and control, again and again under load: no event that a ring held is
lost, each alert arrives exactly once, recovery takes less than a second."""
import collections
import os
import subprocess
import threading
import time

from harness import (Agent, Failure, expect, require_sensor, run_tests, wait_until)

ROUNDS = int(os.environ.get("CREANCE_KILL_ROUNDS", "8"))
RULES = {
    "marked.yml": """
title: Marked by the kill test
id: 5f3bb0d5-9df2-4c9d-8f3a-5f0f3a5f7d10
status: experimental
logsource:
    product: linux
    category: process_creation
detection:
    selection:
        CommandLine|contains: 'creance-kill-test-'
    condition: selection
level: low
""",
}

# The load is a flood of alerts; here each of them is to be written by itself.
EVERY_ALERT = "alerts:\n  single_per_minute: 0\n"


class Load(threading.Thread):
    """Starts programs as fast as one shell does; each marked one must be in the log once."""

    def __init__(self, name):
        super().__init__(daemon=True)
        self.name_of_run = name
        self.started = 0
        self.stopping = False

    def run(self):
        while not self.stopping:
            # One marked program and noise around it; `env` executes the marked name's program.
            word = f"creance-kill-test-{self.name_of_run}-{self.started:06d}-end"
            subprocess.run(["/bin/true", word], check=True)
            for _ in range(20):
                subprocess.run(["/bin/true", "noise"], check=True)
            self.started += 1

    def words(self):
        return [f"creance-kill-test-{self.name_of_run}-{i:06d}-end" for i in range(self.started)]


def rules_folder(state, rules):
    folder = os.path.join(state, "content", "rules")
    os.makedirs(folder)
    for name, text in rules.items():
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)
    return os.path.dirname(folder)


def seen_words(agent):
    """word -> how many alert lines name it as the event's own command line."""
    found = collections.Counter()
    for alert in agent.alerts():
        command = alert.get("process", {}).get("command_line", "")
        for word in command.split():
            if word.startswith("creance-kill-test-"):
                found[word] += 1
    return found


def kill_again_and_again(names):
    require_sensor()
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with Agent(content=rules_folder(folder, RULES), configuration=EVERY_ALERT) as agent:
            agent_run(agent, names)


def agent_run(agent, names):
    load = Load(names[0].split("-")[1])
    load.start()
    slowest = 0.0
    for round_number in range(ROUNDS):
        name = names[round_number % len(names)]
        killed = agent.kill(name)
        since = time.monotonic()
        wait_until(lambda: agent.children().get(name, killed) != killed, 10, f"a new {name}")
        # Recovered is who works: an alert about something that happened after the kill.
        mark = load.started + 2
        wait_until(lambda: load.started > mark, 30, "the load to go on")
        slowest = max(slowest, wait_recovery(agent, load, since))
        # What dies at once again and again is taken for broken and started later each time; this
        # is about processes that work and are killed.
        time.sleep(0.6)
    load.stopping = True
    load.join()
    words = load.words()
    wait_until(lambda: len(seen_words(agent)) >= len(words), 30, lambda: missing(agent, words))
    found = seen_words(agent)
    doubled = [word for word in words if found[word] != 1]
    expect(not doubled, f"{len(doubled)} alerts are not there exactly once, first: "
           f"{[(word, found[word]) for word in doubled[:5]]}")
    status = agent.status()
    print(f"# {ROUNDS} kills, {len(words)} alerts each once, slowest recovery {slowest:.2f} s")
    losses = {name: value for name, value in status.get("losses", {}).items() if value}
    print(f"# losses: {losses}")


def missing(agent, words):
    found = seen_words(agent)
    lost = [word for word in words if not found[word]]
    return f"{len(lost)} of {len(words)} alerts are missing, first: {lost[:3]}; it said:\n" \
        + agent.said()[-2000:]


def wait_recovery(agent, load, since):
    word = load.words()[-1]
    begin = time.monotonic()
    wait_until(lambda: seen_words(agent)[word], 30, lambda: f"an alert after the kill ({word})")
    del begin
    return time.monotonic() - since


def the_engine_is_killed():
    """An engine that is killed under load loses no event and doubles no alert."""
    kill_again_and_again(["creance-engine"])


def the_sensor_is_killed():
    """A sensor that is killed under load loses no event and doubles no alert."""
    kill_again_and_again(["creance-sensor"])


def control_is_killed():
    """A control process that is killed under load loses no alert and doubles none."""
    kill_again_and_again(["creance-control"])


def all_are_killed_in_turn():
    """Sensor, engine and control killed in turn lose and double nothing."""
    kill_again_and_again(["creance-sensor", "creance-engine", "creance-control"])


def a_deadly_event_is_skipped():
    """An event that kills two engines is skipped and said, and the next one is judged."""
    require_sensor()
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with Agent(content=rules_folder(folder, RULES), configuration=EVERY_ALERT) as agent:
            for fault in ("creance-fault-crash", "creance-fault-hang"):
                subprocess.run(["/bin/true", fault], check=True)
                word = f"creance-kill-test-after-{fault.split('-')[-1]}"  # without the fault
                subprocess.run(["/bin/true", word], check=True)
                agent.wait_alert(word, 60)
            # Two faults, each in the start and in the end of its process.
            expect(agent.said().count("is passed over") == 4, f"not said:\n{agent.said()}")
            status = agent.status()
            expect("supervisor_events_skipped" in str(status), f"not counted: {status}")


def the_supervisor_is_killed():
    """When the supervisor is killed all children end and no eBPF program stays."""
    require_sensor()
    with Agent() as agent:
        children = agent.children()
        expect(len(children) >= 3, f"expected three children, found {children}")
        agent.process.kill()
        agent.process.wait()

        def are_gone():
            return not any(os.path.exists(f"/proc/{pid}") for pid in children.values())
        wait_until(are_gone, 10, f"the end of {children}")
        agent.start()  # and a new one starts in its place


if __name__ == "__main__":
    run_tests([the_engine_is_killed, the_sensor_is_killed, control_is_killed,
               all_are_killed_in_turn, a_deadly_event_is_skipped, the_supervisor_is_killed])

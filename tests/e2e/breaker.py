#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Issue 5, 8: a rule that crashes, hangs or eats memory on its first match is switched off alone
within a second; no other alert is lost; without the breaker the same test fails."""
import os
import subprocess
import tempfile
import time

from harness import (Agent, creance, expect, json_lines, require_sensor, run_tests,
                     wait_until)

# Each is to be written by itself.
EVERY_ALERT = "alerts:\n  single_per_minute: 0\n"
WORD = "creance-breaker-test"
BESIDE = 8  # good rules before the bad one in the pack, and as many behind it

RULE = """
title: {title}
id: 5f3bb0d5-9df2-4c9d-8f3a-5f0f3a5f{number:04x}
status: experimental
logsource:
    product: linux
    category: process_creation
detection:
    selection:
        CommandLine|contains: '{word}'
    condition: selection
level: low
"""


def write_rules(folder, fault):
    """Good rules before and behind one that fails; all match the same events."""
    rules = os.path.join(folder, "content", "rules")
    os.makedirs(rules)
    for i in range(2 * BESIDE):
        place = "a" if i < BESIDE else "z"
        with open(os.path.join(rules, f"{place}-{i:02d}.yml"), "w") as file:
            file.write(RULE.format(title=f"Good {i}", number=i, word=WORD))
    with open(os.path.join(rules, "m-bad.yml"), "w") as file:
        file.write(RULE.format(title=f"Bad creance-fault-{fault}", number=99, word=WORD))
    return os.path.dirname(rules)


def trigger(number):
    subprocess.run(["/bin/true", f"{WORD}-{number:03d}-end"], check=True)


def alerts_by_event(agent):
    """number of the trigger -> titles of the rules that were written for it, in order."""
    found = {}
    for alert in agent.alerts():
        command = alert.get("process", {}).get("command_line", "")
        if WORD in command:
            number = int(command.split(WORD + "-")[1].split("-")[0])
            found.setdefault(number, []).append(alert["rule"]["name"])
    return found


def rules_off(agent):
    done = creance("rules", "list", "--json", "--state", agent.state)
    return [line for line in done.stdout.splitlines() if '"state":"off"' in line.replace(" ", "")]


def agent_log(agent):
    return json_lines(os.path.join(agent.state, "log", "agent.jsonl"))


def expect_only_the_bad_is_missing(agent, count):
    good = {f"Good {i}" for i in range(2 * BESIDE)}
    wait_until(lambda: set(alerts_by_event(agent).get(count - 1, [])) >= good, 15,
               lambda: f"all alerts about the last event; found {alerts_by_event(agent)}\n"
               + agent.said())
    found = alerts_by_event(agent)
    for number in range(count):
        titles = found.get(number, [])
        lost = sorted(good - set(titles))
        expect(not lost, f"event {number}: {len(lost)} alerts are lost: {lost}\n{agent.said()}")
        doubled = [title for title in titles if titles.count(title) > 1]
        expect(not doubled, f"event {number}: doubled: {doubled}")


def trigger_all():
    for number in range(20):
        trigger(number)


def measure_switch_off(agent, limit_seconds):
    """Triggers the bad rule; seconds until the supervisor says that it is off."""
    begin = time.monotonic()
    trigger_all()
    wait_until(lambda: "is switched off" in agent.said(), limit_seconds,
               lambda: f"a rule that is switched off:\n{agent.said()}")
    return time.monotonic() - begin


def check(fault):
    require_sensor()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with Agent(content=write_rules(folder, fault), configuration=EVERY_ALERT) as agent:
            seconds = measure_switch_off(agent, 20)
            expect_only_the_bad_is_missing(agent, 20)
            print(f"# {fault}: the rule is off after {seconds:.2f} s, "
                  f"{20 * 2 * BESIDE} other alerts each once")
            expect("is passed over" not in agent.said(), "an event was passed over")
            expect(agent.said().count("is switched off") == 1, "more was switched off than one")
            wait_until(lambda: agent.status().get("rules", {}).get("off") == 1, 5,
                       lambda: f"status that tells it: {agent.status().get('rules')}")
            off = rules_off(agent)
            expect(len(off) == 1 and "Bad creance-fault" in off[0], f"rules list says {off}")
            wait_until(lambda: [line for line in agent_log(agent)
                                if "Bad creance-fault" in str(line) and "rule_off" in str(line)],
                       5, "a line in agent.jsonl with the rule's title")
            # In the test build everything takes its time, under sanitizers.
            expect(seconds < 1.0, f"it took {seconds:.2f} s")


def a_rule_that_crashes_is_switched_off_alone():
    """A rule that crashes the engine is switched off alone in a second, nothing else is lost."""
    check("crash")


def a_rule_that_hangs_is_switched_off_alone():
    """A rule that hangs is switched off alone within a second, nothing else is lost."""
    check("hang")


def a_rule_that_eats_memory_is_switched_off_alone():
    """A rule that eats memory is switched off alone, nothing else is lost."""
    check("memory")


def lose_without_the_breaker(fault):
    require_sensor()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        content = write_rules(folder, fault)
        with Agent(content=content, configuration=EVERY_ALERT, faults="breaker-off") as agent:
            trigger(0)
            wait_until(lambda: "is passed over" in agent.said(), 40, "an event that is passed over")
            behind = {f"Good {i}" for i in range(BESIDE, 2 * BESIDE)}
            found = set(alerts_by_event(agent).get(0, []))
            lost = len(behind - found)
            expect(lost == BESIDE, f"with the breaker off, {lost} of {BESIDE} alerts are lost")
            print(f"# {fault}, breaker off: {lost} alerts of the rules behind it are lost")


def without_the_breaker_a_crash_costs_others():
    """Without the breaker a rule that crashes costs alerts of others (so the test can fail)."""
    lose_without_the_breaker("crash")


def without_the_breaker_a_hang_costs_others():
    """Without the breaker a rule that hangs costs alerts of others."""
    lose_without_the_breaker("hang")


def without_the_breaker_eaten_memory_costs_others():
    """Without the breaker a rule that eats memory costs alerts of others."""
    lose_without_the_breaker("memory")


def a_rule_is_tried_again():
    """A rule that was switched off is tried again later, and for longer off when it fails again."""
    require_sensor()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        content = write_rules(folder, "crash")
        with Agent(content=content, configuration=EVERY_ALERT, faults="breaker-hasty") as agent:
            measure_switch_off(agent, 20)
            wait_until(lambda: agent.status().get("rules", {}).get("off") == 1, 5, "a rule off")
            wait_until(lambda: agent.status().get("rules", {}).get("off") == 0, 10, "it is on")
            trigger(20)
            wait_until(lambda: agent.said().count("is switched off") == 2, 10,
                       lambda: f"that it is switched off again:\n{agent.said()}")
            expect_only_the_bad_is_missing(agent, 21)


def a_kill_from_outside_blames_no_rule():
    """An engine that somebody kills in the middle of its work has no rule switched off."""
    require_sensor()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with Agent(content=write_rules(folder, "none"), configuration=EVERY_ALERT) as agent:
            for number in range(10):
                trigger(number)
                agent.kill("creance-engine")
                time.sleep(0.6)
            trigger(10)
            good = 2 * BESIDE + 1
            wait_until(lambda: len(alerts_by_event(agent).get(10, [])) == good, 15, "the alerts")
            expect("is switched off" not in agent.said(), agent.said())


if __name__ == "__main__":
    run_tests([a_rule_that_crashes_is_switched_off_alone, a_rule_that_hangs_is_switched_off_alone,
               a_rule_that_eats_memory_is_switched_off_alone,
               without_the_breaker_a_crash_costs_others, without_the_breaker_a_hang_costs_others,
               without_the_breaker_eaten_memory_costs_others,
               a_rule_is_tried_again, a_kill_from_outside_blames_no_rule])

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
"""Issue 3: each kind of bundle goes the road: exceptions, indicators and policies beside the rules,
and probe sets, which the kernel is asked about before they are in force."""
import json
import os
import time

import offline
import updates
from harness import (Agent, creance, expect, require_sensor, run_tests, wait_until)

POLICY = ("--update-policy", "age=0,urgent=0,full=0,bake=1,shadow=0,retry=3600")
MANIFEST = "name: {kind}\nkind: {kind}\nversion: {version}\nschema: 1\nengine_level: 1\n"
RULES = MANIFEST + "steps: 100\nsteps_per_rule: 50\nmemory_mib: 64\n"

RULE = """title: {word}
id: 6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a3a{number:02x}
level: low
logsource: {{product: linux, category: process_creation}}
detection:
  selection:
    CommandLine|{how}: '{value}'
  condition: selection
"""
FILTER = """title: The backup is harmless
id: 6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a3bbb
logsource: {product: linux, category: process_creation}
filter:
  rules: [6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a3a02]
  selection:
    CommandLine|contains: harmless
  condition: not selection
"""
ME = f"creance-streams-{os.getpid()}"


def rule(number, word, value=None, how="contains"):
    """Sources of one rule with its test."""
    test = {"match": True, "event": {"CommandLine": f"x {ME}-{word} y"}}
    return {f"rules/{word}.yml": RULE.format(word=word, number=number, how=how,
                                             value=value or f"{ME}-{word}"),
            f"rules/{word}.tests.jsonl": json.dumps(test) + "\n"}


def build(folder, kind, version, files):
    """A bundle, from sources."""
    manifest = (RULES if kind == "rules" else MANIFEST).format(kind=kind, version=version)
    sources = offline.Folder({**files, "content.yaml": manifest})
    path = folder[f"{kind}-{version}.bundle"]
    done = creance("content", "build", sources.path, "--output", path)
    expect(done.returncode == 0, f"{kind} {version}: {done.stdout}{done.stderr}")
    return path


def order(agent, *words, code=0):
    done = creance("content", *words, "--state", agent.state)
    expect(done.returncode == code, f"{words}: {done.returncode} {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def row_of(agent, kind, version):
    rows = [row for row in updates.updates(agent)["releases"]
            if row["stream"] == kind and row["version"] == version]
    return rows[0] if rows else {"state": "unknown"}


def wait_state(agent, kind, version, *states, seconds=60):
    return wait_until(lambda: row_of(agent, kind, version)["state"] in states
                      and row_of(agent, kind, version), seconds,
                      lambda: f"{kind} {version} in {states}: "
                      f"{json.dumps(updates.updates(agent))}\n{agent.said()}")


def install(agent, folder, kind, version, files, *states):
    order(agent, "install", build(folder, kind, version, files))
    return wait_state(agent, kind, version, *(states or ("good",)))


class Words:
    """Process starts, and which of them were alerted for."""

    def __init__(self, agent):
        self.agent, self.count = agent, 0

    def alerted(self, *words):
        """Starts one process for each word and says for which there was an alert of a rule of ours;
        the administrator's own rule sees each, so nothing is waited for in vain."""
        self.count += 1
        marks = {word: f"{ME}-{word} {updates.EVER} {self.count}-{word}-mark" for word in words}
        for text in marks.values():
            updates.trigger(text)
        for text in marks.values():
            wait_until(lambda text=text: [alert for alert in self.agent.alerts_with(text)
                                          if alert["rule"]["name"] == "Local"], 20,
                       lambda text=text: f"the local rule about {text}\n{self.agent.said()}")
        time.sleep(0.2)
        return {word for word, text in marks.items()
                if [alert for alert in self.agent.alerts_with(text)
                    if alert["rule"]["name"] in (word, "set")]}


def engines_run_all_kinds_together():
    """Policies, exceptions and indicators change what rules of another bundle do, and back."""
    require_sensor()
    folder = offline.Folder()
    agent = updates.start(POLICY)
    try:
        words = Words(agent)
        install(agent, folder, "rules", 1, {
            **rule(1, "one"), **rule(2, "two"), **rule(3, "set", "%bad_words%", "contains|expand"),
            "ioc/words.yml": f"placeholders:\n    bad_words: ['{ME}-set']\n"})
        expect(words.alerted("one", "two", "set", "more") == {"one", "two", "set"}, "all rules")

        local = updates.LOCAL.split("id: ")[1].split("\n", 1)[0]
        install(agent, folder, "policy", 1, {
            "policy/off.yml": "disabled:\n    - 6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a3a01\n"
                              f"    - {local}\n"})
        expect(words.alerted("one", "two") == {"two"}, "the policy switches `one` off, and not the "
                                                      "administrator's own rule")
        install(agent, folder, "exceptions", 1, {"exceptions/backup.yml": FILTER})
        expect(words.alerted("two", "two harmless") == {"two"}, "the exception")
        install(agent, folder, "ioc", 1, {"ioc/more.yml":
                                          f"placeholders:\n    bad_words: ['{ME}-more']\n"})
        expect(words.alerted("set", "more") == {"more"}, "newer indicators")

        agent.stop()
        agent.start()  # all of it from the slots
        expect(words.alerted("one", "two", "two harmless", "set", "more")
               == {"two", "more"}, f"after a start: {agent.said()}")
        order(agent, "rollback", code=3)  # of which?
        order(agent, "rollback", "policy/1")
        wait_state(agent, "policy", 1, "rolled back")
        wait_until(lambda: words.alerted("one", "two harmless") == {"one"}, 20, "the way back")
        said = order(agent, "status", code=1)
        print("\n".join("# " + line for line in said.splitlines()))
    finally:
        agent.__exit__()


def one_change_at_a_time():
    """While a release of one kind is new, those of others wait for their turn and say so."""
    require_sensor()
    folder = offline.Folder()
    with Agent(arguments=("--update-policy", POLICY[1].replace("bake=1", "bake=4"))) as agent:
        agent.wait_healthy()
        install(agent, folder, "rules", 1, rule(1, "one"), "probation")
        order(agent, "install", build(folder, "exceptions", 1, {"exceptions/backup.yml": FILTER}))
        wait_until(lambda: "turn" in row_of(agent, "exceptions", 1).get("waits", []), 10,
                   lambda: json.dumps(updates.updates(agent)))
        expect(row_of(agent, "rules", 1)["state"] == "probation", "the first is still new")
        wait_state(agent, "exceptions", 1, "probation", "good")
        expect(row_of(agent, "rules", 1)["state"] == "good", json.dumps(updates.updates(agent)))


FILE_RULE = """title: Files
id: 6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a3f00
level: low
logsource: {product: linux, category: file_event}
detection:
  selection:
    TargetFilename|contains: ME
  condition: selection
"""


def sees_files(agent, folder, word):
    """Whether a file that is made is alerted for; a process start behind it is, in any case."""
    path = folder[f"{ME}-file-{word}"]
    with open(path, "w", encoding="ascii"):
        pass
    os.unlink(path)
    updates.trigger(f"{updates.EVER}-behind-{word}")
    agent.wait_alert(f"{updates.EVER}-behind-{word}", 20)
    time.sleep(0.3)
    return any(alert["rule"]["name"] == "Files" for alert in agent.alerts_with(path))


def probes(agent, state):
    return {row["name"] for row in agent.status()["coverage"]["probes"] if row["state"] == state}


SMALL = {"probes/set.yml": "probes: [exec, fork, exit, connect, connect_end, accept, accept4]\n"}
FILES = {"probes/set.yml": SMALL["probes/set.yml"].replace("]", ", openat, open, unlinkat_begin, "
                                                           "unlinkat_end]")}


def probe_sets_without_a_gap():
    """A probe set leaves probes out, another one takes some in again: no process start is lost."""
    require_sensor()
    folder = offline.Folder()
    agent = updates.start(POLICY)
    try:
        with open(os.path.join(agent.state, "etc", "rules", "files.yml"), "w",
                  encoding="ascii") as file:
            file.write(FILE_RULE.replace("ME", ME))
        wait_until(lambda: sees_files(agent, folder, "before"), 40, agent.said)
        everything = probes(agent, "attached")
        with updates.Storm(agent, pause_s=0.005) as storm:
            install(agent, folder, "probes", 1, SMALL)
            left = probes(agent, "attached")
            expect("openat" not in left and {"exec", "connect", "accept4"} <= left, f"{left}")
            expect(not sees_files(agent, folder, "one"), "a file event from a probe that is gone")
            install(agent, folder, "probes", 2, FILES)
            wait_until(lambda: "openat" in probes(agent, "attached"), 20, agent.said)
            expect(sees_files(agent, folder, "two"), f"the added probe is silent: {agent.said()}")
            order(agent, "rollback")
            wait_until(lambda: "openat" not in probes(agent, "attached"), 20, agent.said)
        storm.check()
        print(f"# of {len(everything)} probes {len(left)} were left, then more, then "
              f"{len(probes(agent, 'attached'))} after the way back")
        agent.stop()
        agent.start()
        wait_until(lambda: probes(agent, "attached") == left, 20,
                   lambda: f"the set from its slot: {probes(agent, 'attached')}\n{agent.said()}")
        order(agent, "rollback")
        wait_until(lambda: probes(agent, "attached") == everything, 20,
                   lambda: f"the factory set: {probes(agent, 'attached')}\n{agent.said()}")
        expect(sees_files(agent, folder, "three"), "the factory set shows files")
    finally:
        agent.__exit__()


def probe_sets_that_are_refused():
    """What this version does not have, or this kernel does not take, ends in the trial."""
    require_sensor()
    folder = offline.Folder()
    for fault, files in ((None, {"probes/set.yml": "probes: [exec, magic]\n"}),
                         ("probes-refused", SMALL), ("probes-crash", SMALL)):
        with Agent(arguments=POLICY, faults=fault or "") as agent:
            before = probes(agent, "attached")
            row = install(agent, folder, "probes", 1, files, "rejected")
            print(f"# {fault or 'an unknown name'}: rejected in its trial: {row['failure']}")
            expect(row["failure"] == "load", json.dumps(row))
            expect(probes(agent, "attached") == before, "what was attached stays attached")


def without_the_trial():
    """Without the trial a set that this kernel does not take is active, and gone again."""
    require_sensor()
    folder = offline.Folder()
    with Agent(arguments=POLICY, faults="trial-off") as agent:
        before = probes(agent, "attached")
        install(agent, folder, "probes", 1, {"probes/set.yml": "probes: [exec, magic]\n"},
                "rolled back")
        wait_until(lambda: probes(agent, "attached") == before, 20, agent.said)


if __name__ == "__main__":
    run_tests([engines_run_all_kinds_together, one_change_at_a_time, probe_sets_without_a_gap,
               probe_sets_that_are_refused, without_the_trial])

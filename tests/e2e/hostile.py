#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# beside: others
# needs: test
# timeout: 300
"""Content that is well formed and means harm: each rule is refused when it is loaded, or contained
while every other rule keeps detecting. Prints which, as a table; then one with its limit off.

(Regular expressions that backtrack: tests/incidents. What crashes, hangs or eats memory all the
same: tests/e2e/breaker.py. A rule that floods: src/agent/alert_limit_test.c.)"""
import json
import os

import offline

SOURCE = "logsource: {product: linux, category: process_creation}\n"
GOOD = ("title: Good\nid: 6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a0001\n" + SOURCE
        + "detection: {s: {Image|endswith: /good}, condition: s}\n")
EVENTS = 20


def rule(detection, condition="s", title="Hostile"):
    return (f"title: {title}\nid: 6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0abad0\n" + SOURCE
            + f"detection:\n  s: {detection}\n  condition: {condition}\n")


def values(count, form):
    return "[" + ", ".join("'" + form.format(i=i) + "'" for i in range(count)) + "]"


# As long as a field gets, and nearly what the patterns below look for.
LONG = "a" * 200_000
COSTLY = "{CommandLine: '*?a?a?a?a?a?a?a?a?b*'}"
CHAIN = "".join(
    f"title: Chain {i}\nname: c{i}\ncorrelation: {{type: event_count, rules: [c{i - 1}], "
    "timespan: 1h, condition: {gte: 1}}\n---\n" for i in range(39, 0, -1)) + GOOD.replace(
        "title: Good", "title: Fed\nname: c0")


def correlation(more, timespan="3650d", kind="event_count"):
    return (rule("{Image|contains: o}", title="Fed") + "name: fed\n---\ntitle: Hostile\n"
            f"correlation: {{type: {kind}, rules: [fed], timespan: {timespan}, {more}}}\n")


# What it is: (rule, command line of the events or None, words of the reason or None: it loads).
REFUSED = {
    "regex with a back reference": (rule(r"{Image|re: '(a+)\1+$'}"), "linear"),
    "regex that looks ahead": (rule("{Image|re: '(?=a+)+b'}"), "linear"),
    "regex of a million states": (rule("{Image|re: '((a{1,900}){1,900}){1,900}'}"), "refused"),
    "201 regexes": (rule("{Image|re: " + values(201, "a{i}.*b") + "}"), "LIMIT_RULE_REGEXES"),
    "pattern of 10 MB": (rule("{Image: '" + "x" * 10_000_000 + "'}"), "bytes"),
    "value of 9 KB": (rule("{Image: '" + "x" * 9000 + "'}"), "bytes"),
    "100,000 values": (rule("{Image: " + values(100_000, "x{i}") + "}"), "LIMIT_YAML_NODES"),
    "20,001 values": (rule("{Image: " + values(20_001, "x{i}") + "}"), "20000"),
    "lists in lists, 5,000 deep": (rule("[" * 5000 + "]" * 5000), "deep"),
    "brackets in a condition, 100 deep": (rule("{Image: x}", "(" * 100 + "s" + ")" * 100), "deep"),
    "condition of 9 KB": (rule("{Image: x}", "s or " * 1800 + "s"), "bytes"),
    "aliases that multiply": ("a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi")) + GOOD, "alias"),
    "alias of itself": (rule("&loop [*loop]"), "alias"),
    "placeholders that multiply": (rule("{Image|expand: '" + "%a%" * 8 + "'}")
                                   + "---\nplaceholders: {a: " + values(40, "{i}") + "}\n",
                                   "LIMIT_RULE_VALUES"),
    "correlations 39 deep": (CHAIN, "correlations deep"),
    "correlation of itself": ("title: Loop\nname: loop\ncorrelation: {type: event_count, rules: "
                              "[loop], timespan: 1h, condition: {gte: 1}}\n", "depends"),
    "time span of a million years": (correlation("condition: {gte: 1}", "9000000d"), "3660"),
}
CONTAINED = {
    "regex that backtracks elsewhere": (rule("{CommandLine|re: '^(a+)+$'}"), LONG + "!"),
    "regex with nested stars": (rule("{CommandLine|re: '(.*.*)*=(.*.*)*;'}"), LONG),
    "rule that matches everything": (rule("{Image: '*'}"), "x"),
    "rule that denies everything": (rule("{Image: y}", "not s"), "x"),
    "wildcards that try each place": (rule(COSTLY), LONG),
    "15,000 patterns with wildcards": (
        rule("{CommandLine: " + values(15_000, "*?a?{i}a?a?b*") + "}"), LONG),
    "keyword in every field": (rule("[" + values(15_000, "a?{i}b")[1:]), LONG),
    "nine costly rules": ("---\n".join([rule(COSTLY)] * 9), LONG),
    "correlation with a group for each event": (
        correlation("group-by: [CommandLine], condition: {gte: 1000000}"), "group {i}"),
    "correlation that counts every value": (
        correlation("condition: {gte: 1000000, field: CommandLine}", kind="value_count"),
        "value {i}"),
    "correlation over ten years": (correlation("condition: {gte: 1000000000}"), "x"),
}


def check(text):
    """Reasons of the rejected documents, and how many files loaded."""
    folder = offline.Folder({"good.yml": GOOD, "hostile.yml": text})
    done = offline.creance("rules", "check", "--json", "--any-source", folder.path)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    counts = rows.pop()
    return [row for row in rows if row["state"] == "rejected"], counts, done


def recording(command):
    return "".join(json.dumps({
        "product": "linux", "category": "process_creation", "Image": "/bin/good",
        "CommandLine": command.format(i=i) if "{i}" in command else command,
        "@timestamp": f"2026-01-01T00:00:{i % 60:02d}Z"}) + "\n" for i in range(EVENTS))


def replay(text, command, *options, **more):
    folder = offline.Folder({"a.yml": GOOD.replace("0001", "0002").replace("Good", "Before"),
                             "m.yml": text, "z.yml": GOOD})
    events = offline.Folder({"e.jsonl": recording(command)})
    return offline.creance("replay", "--json", *options, "--rules", folder.path,
                           events["e.jsonl"], **more)


def matches(done):
    found = {}
    for line in done.stdout.splitlines():
        title = json.loads(line)["rule"]["title"]
        found[title] = found.get(title, 0) + 1
    return found


def summary(done):
    return json.loads(done.stderr.splitlines()[-1])["summary"]


@offline.test
def what_must_not_load_is_refused_and_said():
    unsaid = []
    for name, (text, words) in REFUSED.items():
        rejected, counts, done = check(text)
        assert rejected, f"{name}: nothing was rejected: {done.stderr} {counts}"
        assert counts["loaded"] >= 1, f"{name}: the good rule beside it: {counts}"
        reasons = [row["reason"] for row in rejected]
        print(f"# refused   | {name:42} | {reasons[0][:150]}")
        unsaid += [] if any(words in reason for reason in reasons) else [(name, words, reasons)]
        found = matches(replay(text, "x"))
        offline.equal([found.get(title) for title in ("Before", "Good")], [EVENTS, EVENTS], name)
    offline.equal(unsaid, [], "reasons that do not say it")


@offline.test
def what_loads_costs_no_other_rule_a_match():
    for name, (text, command) in CONTAINED.items():
        rejected, counts, _ = check(text)
        offline.equal(rejected, [], name)
        done = replay(text, command)
        assert done.returncode in (0, 1), f"{name}: {done.returncode}: {done.stderr[-500:]}"
        found = matches(done)
        offline.equal([found.get(title) for title in ("Before", "Good")], [EVENTS, EVENTS], name)
        stopped = summary(done)["incomplete"]
        how = f"its steps are spent: said for {stopped} events" if stopped else "within its budget"
        print(f"# contained | {name:42} | {how}; it matched {found.get('Hostile', 0)} of {EVENTS}")


@offline.test
def more_than_the_events_budget_is_said():
    """Ten rules and more that spend all their steps leave none to those behind them."""
    done = replay("---\n".join([rule(COSTLY)] * 30), LONG)
    offline.equal((done.returncode, summary(done)["incomplete"]), (1, EVENTS), "verdicts")
    print(f"# said      | {'thirty costly rules':42} | incomplete for {EVENTS} events; "
          f"behind them matched {matches(done).get('Good', 0)}")


def cost(text, command, **more):
    """Nanoseconds of computing time an event."""
    done = replay(text, command, "--top", **more)
    return json.loads(done.stdout.splitlines()[-1])["ns_per_event"]


@offline.test
def without_the_budget_of_steps_it_hurts():
    text = "---\n".join([rule(COSTLY)] * 100)
    limited = cost(text, LONG[:40_000])
    free = cost(text, LONG[:40_000], env={**os.environ, "CREANCE_FAULT": "engine-budget-off"})
    print(f"# a hundred costly rules: {limited / 1e6:.1f} ms an event, without the budget of steps "
          f"{free / 1e6:.1f} ms (this build is slow)")
    assert free > 3 * limited, (limited, free)


offline.main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# beside: others
# needs: test
"""The frame of the command line: help, wrong usage, output that cannot be written."""
import json
import os
import subprocess

import offline


def verbs():
    text = offline.creance("--help").stdout
    lines = text.split("Verbs:\n")[1].split("\n\n")[0].splitlines()
    return [line[2:19].strip() for line in lines]


@offline.test
def version_says_what_it_is():
    done = offline.creance("version")
    offline.equal(done.returncode, 0, "exit code")
    offline.contains(done.stdout, "creance ", "text")
    found = json.loads(offline.creance("version", "--json").stdout)
    offline.contains(done.stdout, found["version"], "text")


@offline.test
def every_verb_has_help_with_examples():
    names = verbs()
    assert len(names) >= 6, names
    for name in names:
        done = offline.creance(*name.split(), "--help")
        offline.equal(done.returncode, 0, f"exit code of {name} --help")
        offline.contains(done.stdout, f"Usage: creance {name}", "help")
        offline.contains(done.stdout, f"Examples:\n  creance {name}", "help")
        offline.contains(done.stdout, "--json", "help")
        offline.contains(done.stdout, "--state DIR", "help")
        too_wide = [line for line in done.stdout.splitlines() if len(line) > 100]
        offline.equal(too_wide, [], "lines over 100 columns")


@offline.test
def wrong_usage_ends_with_2_and_a_hint():
    cases = {
        ("feilds",): 'did you mean "fields"?',
        ("nonsense-altogether",): "creance --help",
        ("fields", "--markdwon"): "did you mean --markdown?",
        ("fields", "--state"): "--state DIR",
        ("fields", "superfluous"): "one word too many",
        ("rules",): "rules check",
        ("rules", "nonsense"): "rules check",
        ("rules", "check"): "PATH...",
        ("replay", "x.jsonl"): "--rules PATH is missing",
        ("fields", "--json", "--markdown"): "exclude each other",
        (): "Usage: creance VERB",
    }
    for arguments, hint in cases.items():
        done = offline.creance(*arguments)
        offline.equal(done.returncode, 2, f"exit code of {arguments}")
        offline.equal(done.stdout, "", f"output of {arguments}")
        offline.contains(done.stderr, hint, f"errors of {arguments}")


@offline.test
def a_full_disk_is_said_and_a_gone_reader_is_not():
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = offline.creance("fields", stdout=full)
    offline.equal(done.returncode, 4, "exit code")
    offline.contains(done.stderr, "No space left on device", "errors")
    reading, writing = os.pipe()
    os.close(reading)
    done = offline.creance("fields", "--json", stdout=writing)
    os.close(writing)
    offline.equal((done.returncode, done.stderr), (0, ""), "exit code and errors")


@offline.test
def fields_are_the_table():
    lines = offline.creance("fields", "--json").stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    command = [row for row in rows if row["type"] == "field" and "CommandLine" in row["sigma"]]
    offline.equal([row["ecs"] for row in command], ["process.command_line"], "ECS name")
    kinds = [row for row in rows if row["type"] == "kind"]
    fields = {row["name"] for row in rows if row["type"] == "field"}
    for kind in kinds:
        assert set(kind["fields"]) <= fields, kind
    counters = offline.creance("fields", "--counters", "--json").stdout.splitlines()
    assert any(json.loads(line)["loss"] for line in counters)


@offline.test
def colour_is_for_terminals_only():
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    script = "exec script -qec '\"{}\" fields' /dev/null"
    for extra, expected in (({}, True), ({"NO_COLOR": "1"}, False)):
        done = subprocess.run(["/bin/sh", "-c", script.format(offline.program("creance"))],
                              env={**environment, **extra}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True, timeout=30, check=False)
        offline.contains(done.stdout, "CommandLine", "output on a terminal")
        offline.equal("\033[1m" in done.stdout, expected, f"colour with {extra}")
    assert "\033" not in offline.creance("fields").stdout


offline.main()

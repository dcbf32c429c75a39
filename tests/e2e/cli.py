#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: test
"""The frame of the command line: help, wrong usage, output that cannot be written."""
import json
import os
import subprocess

import tap


def verbs():
    text = tap.creance("--help").stdout
    lines = text.split("Verbs:\n")[1].split("\n\n")[0].splitlines()
    return [line[2:17].strip() for line in lines]


@tap.test
def version_says_what_it_is():
    done = tap.creance("version")
    tap.equal(done.returncode, 0, "exit code")
    tap.contains(done.stdout, "creance ", "text")
    found = json.loads(tap.creance("version", "--json").stdout)
    tap.contains(done.stdout, found["version"], "text")


@tap.test
def every_verb_has_help_with_examples():
    names = verbs()
    assert len(names) >= 6, names
    for name in names:
        done = tap.creance(*name.split(), "--help")
        tap.equal(done.returncode, 0, f"exit code of {name} --help")
        tap.contains(done.stdout, f"Usage: creance {name}", "help")
        tap.contains(done.stdout, f"Examples:\n  creance {name}", "help")
        tap.contains(done.stdout, "--json", "help")
        tap.contains(done.stdout, "--state DIR", "help")
        too_wide = [line for line in done.stdout.splitlines() if len(line) > 100]
        tap.equal(too_wide, [], "lines over 100 columns")


@tap.test
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
        done = tap.creance(*arguments)
        tap.equal(done.returncode, 2, f"exit code of {arguments}")
        tap.equal(done.stdout, "", f"output of {arguments}")
        tap.contains(done.stderr, hint, f"errors of {arguments}")


@tap.test
def a_full_disk_is_said_and_a_gone_reader_is_not():
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = tap.creance("fields", stdout=full)
    tap.equal(done.returncode, 4, "exit code")
    tap.contains(done.stderr, "No space left on device", "errors")
    reading, writing = os.pipe()
    os.close(reading)
    done = tap.creance("fields", "--json", stdout=writing)
    os.close(writing)
    tap.equal((done.returncode, done.stderr), (0, ""), "exit code and errors")


@tap.test
def fields_are_the_table():
    lines = tap.creance("fields", "--json").stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    command = [row for row in rows if row["type"] == "field" and "CommandLine" in row["sigma"]]
    tap.equal([row["ecs"] for row in command], ["process.command_line"], "ECS name")
    kinds = [row for row in rows if row["type"] == "kind"]
    fields = {row["name"] for row in rows if row["type"] == "field"}
    for kind in kinds:
        assert set(kind["fields"]) <= fields, kind
    counters = tap.creance("fields", "--counters", "--json").stdout.splitlines()
    assert any(json.loads(line)["loss"] for line in counters)


@tap.test
def colour_is_for_terminals_only():
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    script = "exec script -qec '{} fields' /dev/null"
    for extra, expected in (({}, True), ({"NO_COLOR": "1"}, False)):
        done = subprocess.run(["/bin/sh", "-c", script.format(tap.program("creance"))],
                              env={**environment, **extra}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True, timeout=30, check=False)
        tap.contains(done.stdout, "CommandLine", "output on a terminal")
        tap.equal("\033[1m" in done.stdout, expected, f"colour with {extra}")
    assert "\033" not in tap.creance("fields").stdout


tap.main()

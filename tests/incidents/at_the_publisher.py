#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# beside: others
"""Incidents whose content `creance content check` already refuses; each also with what refuses it
switched off, where the very same content passes as good (or never comes to an end)."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
import offline  # noqa: E402
from publisher import MANIFEST, RULE, run  # noqa: E402

LINUX = MANIFEST + "target: linux\n"
PATIENCE_S = 4  # where nothing ends it, it is still at it after so long


def check(files, manifest=LINUX, faults="", arguments=(), seconds=60):
    """Exit code (None: it had not ended), findings, standard error."""
    sources = offline.Folder(files)
    sources.put("content.yaml", manifest.format(name="example", version=1))
    env = dict(os.environ, CREANCE_FAULT=faults)
    try:
        done = offline.creance("content", "check", sources.path, "--json", *arguments, env=env,
                               timeout=seconds)
    except subprocess.TimeoutExpired:
        return None, [], ""
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, [row for row in rows if "check" in row], done.stderr


def refused(name, words, code=1, **case):
    found, rows, errors = check(**case)
    text = errors + " ".join(f"{row['check']}: {row['file']}: {row['reason']}" for row in rows)
    offline.equal(found, code, f"exit code ({text})")
    offline.contains(text, words, name)
    said = " ".join(line for line in text.splitlines() if not line.startswith("==="))
    print(f"# {name}: contained at the publisher's, hosts reached 0: {said[-150:]}")


def passes(name, faults, **case):
    """The counter-test: the same content with its containment off."""
    code, rows, errors = check(faults=faults, **case)
    offline.equal((code, rows), (0, []), f"{name} with {faults} ({errors})")
    print(f"# {name}: with {faults} it passes as good (so the test can fail)")


def rule(detection, tests):
    """One rule about /evil and a line more."""
    return {"rules/evil.yml": RULE.format("evil").replace("  condition", f"    {detection}\n"
                                                          "  condition"),
            "rules/evil.tests.jsonl": "".join(json.dumps(row) + "\n" for row in tests)}


def match(**event):
    return {"match": True, "event": {"Image": "/bin/evil", **event}}


@offline.test
def channel_file_291():
    """The type has one field more than hosts supply; every test supplies it."""
    case = {"files": rule("Field21|gt: 20", [match(Field21=21)])}
    refused("channel-file-291", "no event of this host has the field 'Field21'", **case)
    # The same validator without that look, and with the interpreter that trusts it: odd fields
    # (here: an absent one) are the second net.
    blind = "check-target-off,fields-unchecked"
    refused("channel-file-291 past its target", "died", code=3, faults=blind, **case)
    passes("channel-file-291", blind + ",check-fields-off", **case)


@offline.test
def wrong_target():
    """Content for another target, published for ours."""
    files = rule("User: a", [match(User="a")])
    files["rules/evil.yml"] = files["rules/evil.yml"].replace("product: linux", "product: windows")
    refused("wrong-target", "windows", files=files)
    passes("wrong-target", "check-target-off,check-tests-off", files=files)


@offline.test
def cpu_content():
    """Content that sends the engine into a loop without an end."""
    tests = [match(), {"match": False, "event": {"Image": "creance-fault-hang"}}]
    case = {"files": rule("User: null", tests), "arguments": ("--cpu-seconds", "2")}
    refused("cpu-content", "CPU time limit exceeded", code=3, **case)
    code, _, _ = check(faults="check-time-off", seconds=PATIENCE_S, **case)
    offline.equal(code, None, "exit code without a limit of time")
    print(f"# cpu-content: without its limit it is still at it after {PATIENCE_S} s")


@offline.test
def regex():
    """An expression that backtracks elsewhere, over a text of 8,000 bytes."""
    files = rule("CommandLine|re: '(.*.*)*=.*'", [match(CommandLine="x" * 8000 + "=")])
    code, rows, errors = check(files)
    offline.equal((code, rows), (0, []), f"in linear time it is harmless ({errors})")
    arguments = ("--cpu-seconds", "2")
    refused("regex", "CPU time limit exceeded", code=3, files=files, faults="regex-backtracks",
            arguments=arguments)
    code, _, _ = check(files, faults="regex-backtracks,check-time-off", seconds=PATIENCE_S,
                       arguments=arguments)
    offline.equal(code, None, "exit code with a matcher that backtracks")
    print(f"# regex: a matcher that backtracks is still at it after {PATIENCE_S} s")


def large(values):
    names = "".join(f"      - /{number:05}{'x' * 80}\n" for number in range(values))
    text = RULE.format("evil").replace("    Image|endswith: /evil\n", "    Image:\n      - /evil\n"
                                       + names)
    return {"rules/evil.yml": text,
            "rules/evil.tests.jsonl": json.dumps({"match": True, "event": {"Image": "/evil"}})}


@offline.test
def memory_content():
    """Content that takes more memory than it says."""
    manifest = LINUX.replace("memory_mib: 16", "memory_mib: 1").replace("1000", "99999")
    case = {"files": large(9000), "manifest": manifest.replace("500", "20000")}
    refused("memory-content", "1048576 bytes", **case)
    passes("memory-content", "check-cost-off", **case)


@offline.test
def size_limit():
    """A generated file doubles past what the loader has room for."""
    manifest = LINUX.replace("500", "900")
    good = {"files": large(800), "manifest": manifest}
    doubled = {"files": large(1600), "manifest": manifest}
    code, rows, errors = check(**good)
    offline.equal((code, rows), (0, []), f"before it doubled ({errors})")
    refused("size-limit", "steps", **doubled)
    passes("size-limit", "check-cost-off", **doubled)


@offline.test
def null_field():
    """Blank and absent values reach a rule that takes what is not known for a match."""
    text = RULE.format("evil").replace("Image|endswith: /evil", "User: root").replace(
        ": selection", ": not selection")
    case = {"files": {"rules/evil.yml": text,
                      "rules/evil.tests.jsonl": json.dumps(match(User="a")) + "\n"}}
    refused("null-field", "it would match whatever is not known", **case)
    passes("null-field", "check-fields-off", **case)


@offline.test
def signature_crash_on_match():
    """A rule that loads well and crashes on its first match."""
    files = rule("User: a", [match(User="a"), {"match": False,
                                               "event": {"Image": "creance-fault-crash"}}])
    refused("signature-crash-on-match", "rules/evil.tests.jsonl at line 2", code=3, files=files)
    passes("signature-crash-on-match", "check-tests-off,check-fields-off", files=files)


@offline.test
def kill_switch():
    """The switch that takes a rule out names a rule that is not there, of every kind of rule."""
    rules = offline.Folder(kinds_of_rules())
    rules.put("content.yaml", MANIFEST.format(name="rules", version=1))
    manifest = "name: switch\nkind: policy\nversion: 1\nschema: 1\nengine_level: 1\n"
    beside = ("--with", rules.path)
    for number in range(3):  # plain, keywords, correlation
        files = {"policy/a.yml": f"disabled: [6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a2d1{number}]\n"}
        code, rows, errors = check(files, manifest, arguments=beside)
        offline.equal((code, rows), (0, []), f"rule {number} ({errors})")
    case = {"files": {"policy/a.yml": "disabled: [6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0affff]\n"},
            "manifest": manifest, "arguments": beside}
    refused("kill-switch", "a misspelt one would switch nothing off", **case)
    passes("kill-switch", "check-settings-off", **case)


def kinds_of_rules():
    plain, keywords = RULE.format("evil"), RULE.format("bad").replace("2d11", "2d10")
    keywords = keywords.replace("2d10", "2d11").replace(
        "  selection:\n    Image|endswith: /bad\n", "  selection:\n    - bad-word\n")
    correlation = ("title: C\nid: 6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a2d12\ncorrelation:\n"
                   "  type: event_count\n  rules: [6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a2d10]\n"
                   "  group-by: [User]\n  timespan: 1m\n  condition: {gte: 9}\n")
    return {"rules/plain.yml": plain.replace("2d11", "2d10"), "rules/keywords.yml": keywords,
            "rules/correlation.yml": correlation}


if __name__ == "__main__":
    run("version")
    offline.main()

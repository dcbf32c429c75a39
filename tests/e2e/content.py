#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# beside: others
# needs: test
# timeout: 300
"""`creance content build`, `check`, `show`: the same bytes, each bad bundle, each planted fault."""
import json
import os
import random
import shutil
import struct

import offline

ROOT = offline.ROOT
MANIFEST = """name: example
kind: rules
version: 7
schema: 1
engine_level: 1
steps: 1000
steps_per_rule: 500
memory_mib: 16
"""
RULE = """title: Somebody runs evil
id: 6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a2d11
status: test
level: high
logsource: {product: linux, category: process_creation}
detection:
  selection:
    Image|endswith: /evil
  condition: selection
"""
TESTS = ('{"match": true, "event": {"Image": "/bin/evil"}}\n'
         '{"match": false, "event": {"Image": "/bin/good"}}\n')
GOOD = {"content.yaml": MANIFEST, "rules/a/evil.yml": RULE, "rules/a/evil.tests.jsonl": TESTS}


def build(folder, output, **options):
    return offline.creance("content", "build", folder, "--output", output, "--json", **options)


def built(files):
    """A folder with `files` and the bundle made of them beside it."""
    folder = offline.Folder({f"sources/{name}": text for name, text in files.items()})
    done = build(folder["sources"], folder["bundle"])
    offline.equal(done.returncode, 0, f"exit code ({done.stderr})")
    return folder


def check(path, *arguments):
    """Exit code, findings, summary, errors."""
    done = offline.creance("content", "check", path, "--json", *arguments)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    summary = rows.pop()["summary"] if rows and "summary" in rows[-1] else None
    return done.returncode, rows, summary, done.stderr


def read(path):
    with open(path, "rb") as file:
        return file.read()


@offline.test
def the_starter_rules_are_good():
    folder = offline.Folder()
    done = build(os.path.join(ROOT, "content"), folder["rules.bundle"])
    offline.equal(done.returncode, 0, f"exit code ({done.stderr})")
    print(f"# {done.stdout.strip()}")
    code, rows, summary, errors = check(folder["rules.bundle"])
    offline.equal((code, rows), (0, []), f"verdict ({errors})")
    print(f"# {summary}")
    assert summary["positive_tests"] > 200 and summary["negative_tests"] > 200, summary
    assert summary["filled_events"] > 5000, summary


@offline.test
def the_same_sources_give_the_same_bytes():
    first = built(GOOD)
    second = offline.Folder()
    old_mask = os.umask(0o077)
    try:
        for name in reversed(sorted(GOOD)):
            path = second.put(f"sources/{name}", GOOD[name])
            os.utime(path, (1, random.randrange(2_000_000_000)))
        os.chmod(second["sources/rules/a/evil.yml"], 0o400)
        done = build(second["sources"], second["bundle"])
    finally:
        os.umask(old_mask)
    offline.equal(done.returncode, 0, f"exit code ({done.stderr})")
    offline.equal(read(first["bundle"]), read(second["bundle"]), "bytes")
    shutil.rmtree(first["sources"])
    done = offline.creance("content", "show", first["bundle"], "--extract", first["sources"])
    offline.equal(done.returncode, 0, f"exit code ({done.stderr})")
    done = build(first["sources"], first["again"])
    offline.equal(done.returncode, 0, f"exit code ({done.stderr})")
    offline.equal(read(first["again"]), read(second["bundle"]), "bytes after show --extract")


@offline.test
def wrong_sources_are_named_with_their_line():
    cases = {
        "no manifest": ({"rules/a.yml": RULE}, "content.yaml"),
        "manifest": ({**GOOD, "content.yaml": MANIFEST + "colour: red\n"}, "content.yaml:9: "),
        "kind": ({**GOOD, "content.yaml": MANIFEST.replace("rules", "magic")}, "content.yaml:2: "),
        "not YAML": ({**GOOD, "content.yaml": "name: [\n"}, "content.yaml:"),
        "stray file": ({**GOOD, "notes.txt": "x"}, "notes.txt has no place"),
        "stray kind": ({**GOOD, "rules/a/x.txt": "x"}, "rules/a/x.txt has no place"),
        "other kind": ({**GOOD, "policy/x.yml": "disabled: []\n"}, "policy/x.yml has no place"),
        "odd name": ({**GOOD, "rules/a:b.yml": RULE}, "rules/a:b.yml: names"),
        "large file": ({**GOOD, "rules/b.yml": "#" * (1 << 20) + "\n"}, "rules/b.yml has 1048577"),
        "nothing": ({"content.yaml": MANIFEST}, "nothing in it"),
    }
    for name, (files, words) in cases.items():
        folder = offline.Folder({f"sources/{path}": text for path, text in files.items()})
        done = build(folder["sources"], folder["bundle"])
        offline.equal(done.returncode, 3, f"exit code of {name} ({done.stdout})")
        offline.contains(done.stderr, words, name)
        assert not os.path.exists(folder["bundle"]), name
        print(f"# {name}: {done.stderr.strip().replace(folder.path, 'FOLDER')}")
    folder = offline.Folder({f"sources/{name}": text for name, text in GOOD.items()})
    os.symlink("/etc/passwd", folder["sources/rules/link.yml"])
    done = build(folder["sources"], folder["bundle"])
    offline.equal(done.returncode, 3, "exit code of a link")
    offline.contains(done.stderr, "rules/link.yml is a link", "a link")
    os.unlink(folder["sources/rules/link.yml"])
    os.mkfifo(folder["sources/rules/fifo.yml"])
    done = build(folder["sources"], folder["bundle"])
    offline.equal(done.returncode, 3, "exit code of a FIFO")
    offline.contains(done.stderr, "rules/fifo.yml is not a regular file", "a FIFO")


def head_with(data, at, form, value):
    changed = bytearray(data)
    struct.pack_into(form, changed, at, value)
    return bytes(changed)


@offline.test
def every_bad_bundle_is_refused_with_a_sentence():
    folder = built(GOOD)
    data = read(folder["bundle"])
    cases = {
        "empty": (b"", "no bundle"),
        "text": (b"title: a rule\n", "no bundle"),
        "only a head": (data[:100], "cut off within its head"),
        "cut off": (data[:-1], "cut off or changed"),
        "longer": (data + b"\0", "cut off or changed"),
        "newer kind": (head_with(data, 8, "<I", 77), "kind 77"),
        "newer schema": (head_with(data, 12, "<I", 9), "event schema 9"),
        "newer engine": (head_with(data, 16, "<I", 9), "engine level 9"),
        "other target": (head_with(data, 20, "<I", 9), "target 9"),
        "wrong target": (head_with(data, 8, "<I", 3), "no place"),
        "version 0": (head_with(data, 24, "<Q", 0), "malformed"),
        "steps": (head_with(data, 72, "<Q", 1 << 40), "steps"),
        "memory": (head_with(data, 88, "<Q", 1 << 40), "bytes of memory"),
        "section size": (head_with(data, 116, "<Q", 1 << 40), "section detections"),
        "file count": (head_with(data, 124, "<I", 9), "the head says 9"),
        "name": (head_with(data, 40, "<B", 0x1b), "name"),
        "other version": (head_with(data, 24, "<Q", 8), "something else than its manifest"),
        "other ceiling": (head_with(data, 72, "<Q", 1001), "something else than its manifest"),
    }
    for name, (content, words) in cases.items():
        path = folder.put("bad", content)
        code, _, _, errors = check(path)
        offline.equal(code, 3, f"exit code of {name}")
        offline.contains(errors, words, name)
        print(f"# {name}: {errors.strip().replace(folder.path, 'FOLDER')}")
    with open(folder["huge"], "wb") as file:
        file.truncate(200 << 20)
    code, _, _, errors = check(folder["huge"])
    offline.equal(code, 3, "exit code of 200 MiB")
    offline.contains(errors, "at most", "200 MiB")


@offline.test
def a_byte_that_was_changed_is_refused_or_harmless():
    folder = built(GOOD)
    data = read(folder["bundle"])
    chance = random.Random(291)
    codes = {}
    for _ in range(80):
        at, turn = chance.randrange(len(data)), 1 << chance.randrange(8)
        changed = bytearray(data)
        changed[at] ^= turn
        code, _, _, errors = check(folder.put("changed", bytes(changed)))
        assert code in (0, 1, 3) and "died" not in errors, f"byte {at} ^ {turn}: {code} {errors}"
        codes[code] = codes.get(code, 0) + 1
    print(f"# exit codes: {codes}")
    assert codes.get(3, 0) > 10, codes


@offline.test
def the_starter_rules_are_quiet_while_software_is_installed_and_built():
    recording = offline.shared("data", "events", "linux_process_creation.jsonl.zst")
    code, rows, summary, errors = check(os.path.join(ROOT, "content"), "--benign", recording)
    offline.equal((code, rows), (0, []), f"verdict ({errors})")
    print(f"# {summary['benign_matches']} matches in {summary['benign_events']} events")
    assert summary["benign_events"] > 6000, summary


def finding(files, check_name, *words, arguments=()):
    """The folder is built, and fails for this reason."""
    folder = offline.Folder({f"sources/{name}": text for name, text in files.items()})
    code, rows, summary, errors = check(folder["sources"], *arguments)
    offline.equal(code, 1, f"exit code ({errors} {summary})")
    offline.equal(summary["findings"], len(rows), "count")
    mine = [row for row in rows if row["check"] == check_name]
    assert mine, rows
    text = " ".join(f"{row['file']}:{row['line']} {row['reason']}" for row in mine)
    for word in words:
        offline.contains(text, word, check_name)
    print(f"# {check_name}: {text}")


@offline.test
def check_finds_a_rule_without_tests():
    finding({**GOOD, "rules/b.yml": RULE.replace("/evil", "/bad")}, "tests", "rules/b.yml:0",
            "does not ship")


@offline.test
def check_finds_a_test_that_fails():
    finding({**GOOD, "rules/a/evil.tests.jsonl": TESTS + TESTS.replace("evil", "meek")}, "tests",
            "rules/a/evil.tests.jsonl:3", "does not match")


@offline.test
def check_finds_a_rule_that_does_not_load():
    finding({**GOOD, "rules/b.yml": RULE.replace("endswith", "nonsense")}, "load", "rules/b.yml:",
            "nonsense")


@offline.test
def check_finds_what_costs_more_than_is_stated():
    finding({**GOOD, "content.yaml": MANIFEST.replace("steps: 1000", "steps: 1")}, "cost",
            "it states 1")
    finding({**GOOD, "content.yaml": MANIFEST.replace("_rule: 500", "_rule: 1")}, "cost",
            "rules/a/evil.yml takes")
    values = "".join(f"      - /{number:05}{'x' * 80}\n" for number in range(9000))
    large = RULE.replace("    Image|endswith: /evil\n", "    Image:\n      - /bin/evil\n" + values)
    manifest = MANIFEST.replace("memory_mib: 16", "memory_mib: 1").replace("1000", "99999")
    finding({**GOOD, "content.yaml": manifest.replace("500", "20000"), "rules/a/evil.yml": large},
            "load", "1048576 bytes")


@offline.test
def check_finds_false_positives_over_the_budget():
    lines = [json.dumps({"product": "linux", "category": "process_creation",
                         "Image": "/bin/evil" if number % 100 == 0 else "/bin/good"})
             for number in range(1000)]
    recording = offline.Folder({"day.jsonl": "\n".join(lines) + "\n"})
    finding(GOOD, "benign", "10 matches in 1000 benign events, 0 are allowed",
            "matched 10 times", arguments=("--benign", recording["day.jsonl"]))
    folder = built({**GOOD, "content.yaml": MANIFEST + "false_positives_per_million: 10000\n"})
    code, rows, summary, errors = check(folder["bundle"], "--benign", recording["day.jsonl"])
    offline.equal((code, rows), (0, []), f"within the budget ({errors})")
    offline.equal(summary["benign_matches"], 10, "matches")


@offline.test
def check_finds_a_rule_that_matches_what_is_not_known():
    null = RULE.replace("Image|endswith: /evil", "User: root").replace(": selection",
                                                                       ": not selection")
    finding({**GOOD, "rules/a/evil.yml": null}, "fields", "every field absent",
            "every field blank")


@offline.test
def check_finds_what_no_host_of_the_target_has():
    """What wrong-target and channel-file-291 are about: content for somebody else."""
    manifest = MANIFEST + "target: linux\n"
    windows = RULE.replace("product: linux", "product: windows")
    finding({**GOOD, "content.yaml": manifest, "rules/a/evil.yml": windows}, "target",
            "rules/a/evil.yml:1", "windows")
    unknown = RULE.replace("    Image|endswith: /evil",
                           "    Image|endswith: /evil\n    Field21: '*'")
    finding({**GOOD, "content.yaml": manifest, "rules/a/evil.yml": unknown}, "target",
            "rules/a/evil.yml:1", "Field21")


@offline.test
def an_expression_that_backtracks_elsewhere_costs_nothing_here():
    """What regex is about."""
    rule = RULE.replace("Image|endswith: /evil", "CommandLine|re: '(.*.*)*=.*(a+)+b$'")
    tests = json.dumps({"match": True, "event": {"CommandLine": "x=" + "a" * 8000 + "b"}}) + "\n"
    folder = built({**GOOD, "rules/a/evil.yml": rule, "rules/a/evil.tests.jsonl": tests})
    code, rows, summary, errors = check(folder["bundle"])
    offline.equal((code, rows), (0, []), f"verdict ({errors})")
    print(f"# {summary}")


@offline.test
def a_match_that_crashes_is_seen_here_and_named():
    tests = TESTS + '{"match": false, "event": {"Image": "creance-fault-crash"}}\n'
    folder = built({**GOOD, "rules/a/evil.tests.jsonl": tests})
    code, rows, _, errors = check(folder["bundle"])
    offline.equal((code, rows), (3, []), "verdict")
    offline.contains(errors, "died", "what happened")
    offline.contains(errors, "rules/a/evil.tests.jsonl at line 3", "where")


@offline.test
def a_match_that_never_ends_is_killed_and_named():
    """What cpu-content is about."""
    tests = TESTS + '{"match": false, "event": {"Image": "creance-fault-hang"}}\n'
    folder = built({**GOOD, "rules/a/evil.tests.jsonl": tests})
    code, rows, _, errors = check(folder["bundle"], "--cpu-seconds", "3")
    offline.equal((code, rows), (3, []), "verdict")
    offline.contains(errors, "CPU time limit exceeded", "what happened")
    offline.contains(errors, "rules/a/evil.tests.jsonl at line 3", "where")


@offline.test
def exceptions_are_checked_beside_the_rules_that_they_name():
    rules = built(GOOD)
    files = {"content.yaml": "name: ours\nkind: exceptions\nversion: 1\nschema: 1\n"
                             "engine_level: 1\n",
             "exceptions/backup.yml": "title: The backup runs evil\n"
                                      "logsource: {product: linux, category: process_creation}\n"
                                      "filter:\n  rules: [6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a2d11]\n"
                                      "  backup:\n    User: backup\n  condition: not backup\n"}
    folder = built(files)
    code, rows, _, errors = check(folder["bundle"], "--with", rules["bundle"])
    offline.equal((code, rows), (0, []), f"verdict ({errors})")
    finding({**files, "exceptions/rule.yml": RULE}, "load", "exceptions/rule.yml:1",
            "no place in this folder", arguments=("--with", rules["bundle"]))


@offline.test
def settings_are_checked():
    manifest = "name: p\nkind: probes\nversion: 1\nschema: 1\nengine_level: 1\n"
    folder = built({"content.yaml": manifest, "probes/all.yml": "probes: [exec, exit]\n"})
    code, rows, _, errors = check(folder["bundle"])
    offline.equal((code, rows), (0, []), f"verdict ({errors})")
    finding({"content.yaml": manifest, "probes/all.yml": "probes: [exec, magic]\n"}, "settings",
            "probes/all.yml:1", "magic")
    rules = built(GOOD)
    policy = manifest.replace("probes", "policy")
    finding({"content.yaml": policy, "policy/a.yml": "disabled: [nobody]\n"}, "settings",
            "misspelt", arguments=("--with", rules["bundle"]))


@offline.test
def show_lists_and_extracts_only_into_new_files():
    folder = built(GOOD)
    done = offline.creance("content", "show", folder["bundle"], "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    offline.equal(rows[0]["name"], "example", "name")
    offline.equal(sorted(row["file"] for row in rows[1:]), sorted(GOOD)[1:], "files")
    folder.put("out/content.yaml", "mine")
    done = offline.creance("content", "show", folder["bundle"], "--extract", folder["out"])
    offline.equal(done.returncode, 4, "exit code")
    offline.equal(read(folder["out/content.yaml"]), b"mine", "a file that was there")


# --- diff --------------------------------------------------------------------------------------

FILTERED = RULE.replace("  condition: selection\n", "  filter_backup:\n    User: backup\n"
                        "  condition: selection and not 1 of filter_*\n")


def next_version(files):
    return {**files, "content.yaml": files["content.yaml"].replace("version: 7", "version: 8")}


def diff(old, new, *arguments):
    """Exit code, rows by what they say, errors."""
    before, after = built(old), built(next_version(new))
    done = offline.creance("content", "diff", before["bundle"], after["bundle"], "--json",
                           *arguments)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    summary = rows.pop()["summary"] if rows else None
    assert summary is None or summary["gates"] == sum(row["gate"] for row in rows), rows
    return done.returncode, rows, done.stderr


def removals():
    """Old sources, new sources, what must be said."""
    rule, tests = "rules/a/evil.yml", "rules/a/evil.tests.jsonl"
    second = {"rules/b.yml": RULE.replace("2d11", "2d12"), "rules/b.tests.jsonl": TESTS}
    two = RULE.replace("/evil\n", "\n      - /evil\n      - /bad\n")
    filtered_two = FILTERED.replace("/evil\n", "\n      - /evil\n      - /bad\n")
    everything = FILTERED.replace("1 of filter_*", "1 of them")
    exception = {"exceptions/e.yml": "title: E\nlogsource: {product: linux}\nfilter:\n"
                                     "  rules: any\n  x:\n    User: a\n  condition: not x\n"}
    rule_id = "6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a2d11"
    hidden = {"exceptions/e.yml": f"id: {rule_id}\n" + exception["exceptions/e.yml"]}
    double = {"rules/a/afore.yml": RULE, "rules/a/afore.tests.jsonl": TESTS,
              rule: RULE.replace("level: high", "level: low")}
    correlation = {rule: RULE + "---\ntitle: C\ncorrelation:\n  type: event_count\n"
                         f"  rules: [{rule_id}]\n  group-by: [User]\n  timespan: 1m\n"
                         "  condition: {gte: 9}\n"}
    either = RULE.replace("    Image|endswith: /evil\n", "    - Image|endswith: /evil\n"
                                                        "    - User: a\n")
    both = RULE.replace("/evil\n", "/evil\n    User: a\n")
    several = FILTERED.replace("User: backup", "User:\n    - backup").replace(
        "condition: selection and not 1 of filter_*",
        "condition:\n  - selection and not 1 of filter_*\n  - filter_backup and selection")
    dotted = RULE.replace("  selection:\n    Image|endswith: /evil\n",
                          "  selection.Image|endswith: /evil\n")
    ioc = "placeholders:\n  users: [a, b]\n"
    expanding = exception["exceptions/e.yml"].replace("User: a", "User|expand: '%users%'")
    more_tests = TESTS + TESTS.replace("/bin/evil", "/usr/evil")
    return [
        ({**GOOD, **second}, GOOD, {"removed"}),
        (GOOD, {**GOOD, rule: RULE.replace("level: high", "level: low")}, {"muted"}),
        (GOOD, {**GOOD, rule: FILTERED}, {"narrowed"}),
        ({**GOOD, rule: filtered_two}, {**GOOD, rule: FILTERED}, {"narrowed"}),
        ({**GOOD, rule: everything}, {**GOOD, rule: everything.replace("backup", "b")},
         {"excepted"}),
        ({**GOOD, rule: FILTERED}, {**GOOD, rule: FILTERED.replace(": backup", "|contains: b")},
         {"excepted"}),
        (GOOD, {**GOOD, **exception}, {"excepted"}),
        ({**GOOD, **exception},
         {**GOOD, "exceptions/e.yml": exception["exceptions/e.yml"].replace("User: a", "User: b")},
         {"excepted"}),
        (GOOD, {**GOOD, rule: RULE.replace("/evil", "/bin/evil")}, {"narrowed"}),
        ({**GOOD, rule: two}, GOOD, {"narrowed"}),
        ({**GOOD, tests: more_tests}, GOOD, {"untested"}),
        (GOOD, {**GOOD, rule: RULE.replace("/evil", "/worse"),
                tests: TESTS.replace("evil", "worse")}, {"narrowed", "untested", "missed"}),
        (GOOD, {**GOOD, rule: RULE.replace("product: linux", "product: windows")}, {"narrowed"}),
        (GOOD, {**GOOD, rule: "title: [\n"}, {"removed", "missed"}),
        (GOOD, {**GOOD, **hidden}, {"excepted"}),
        ({**GOOD, rule: either}, {**GOOD, rule: both}, {"narrowed"}),
        (GOOD, {**GOOD, rule: dotted}, {"narrowed"}),
        ({**GOOD, rule: several}, {**GOOD, rule: several.replace("- backup", "- backup\n    - b")},
         {"narrowed"}),
        ({**GOOD, rule: RULE.replace("/evil", "'null'")},
         {**GOOD, rule: RULE.replace("/evil", "null")}, {"narrowed"}),
        ({**GOOD, **double, rule: RULE}, {**GOOD, **double}, {"muted"}),
        (GOOD, {**GOOD, **correlation}, {"muted"}),
        ({**GOOD, "ioc/i.yml": ioc}, {**GOOD, "ioc/i.yml": ioc.replace("a, b", "a")},
         {"narrowed"}),
        ({**GOOD, "ioc/i.yml": ioc, "exceptions/e.yml": expanding},
         {**GOOD, "ioc/i.yml": ioc.replace("a, b", "a, b, c"), "exceptions/e.yml": expanding},
         {"excepted"}),
        ({**GOOD, "ioc/i.yml": ioc, "exceptions/e.yml": expanding},
         {**GOOD, "ioc/i.yml": ioc, "exceptions/e.yml": expanding, "ioc/j.yml": ioc},
         {"excepted"}),
    ]


@offline.test
def diff_shows_what_a_release_takes_away():
    for old, new, words in removals():
        code, rows, errors = diff(old, new)
        found = {row["what"] for row in rows if row["gate"]}
        assert words <= found, (words, rows, errors)
        offline.equal(code, 1, f"exit code of {words}")
        offline.contains(errors, "--accept-removals", "what to do")
        print("\n".join(f"# {row['what']} {row['file']}:{row['line']} {row['detail']}"
                        for row in rows))
        code, _, errors = diff(old, new, "--accept-removals", "it was wrong")
        offline.equal(code, 0, "exit code with a reason")
        offline.contains(errors, "it was wrong", "the reason")


@offline.test
def diff_lets_more_pass():
    rule = "rules/a/evil.yml"
    two = RULE.replace("/evil\n", "\n      - /evil\n      - /bad\n")
    ioc = "placeholders:\n  users: [a, b]\n"
    cases = [
        ({**GOOD, "ioc/i.yml": ioc}, {**GOOD, "ioc/i.yml": ioc.replace("b", "b, c")}, {"widened"}),
        (GOOD, GOOD, set()),
        (GOOD, {**GOOD, "rules/b.yml": RULE.replace("2d11", "2d12"),
                "rules/b.tests.jsonl": TESTS}, {"added"}),
        (GOOD, {**GOOD, rule: RULE.replace("level: high", "level: critical")}, {"changed"}),
        (GOOD, {**GOOD, rule: RULE.replace("Somebody", "Some one")}, {"changed"}),
        ({**GOOD, rule: RULE.replace("/evil\n", "\n      - /evil\n")}, {**GOOD, rule: two},
         {"widened"}),
        (GOOD, {"content.yaml": MANIFEST, "rules/moved.yml": RULE,
                "rules/moved.tests.jsonl": TESTS}, set()),
    ]
    for old, new, words in cases:
        code, rows, errors = diff(old, new)
        offline.equal({row["what"] for row in rows}, words, f"rows ({errors})")
        offline.equal(code, 0, f"exit code of {words}")


@offline.test
def diff_refuses_what_are_no_two_releases():
    first = built(GOOD)
    done = offline.creance("content", "diff", first["bundle"], first["bundle"])
    offline.equal(done.returncode, 3, "exit code")
    offline.contains(done.stderr, "version 7 is not above version 7", "reason")
    other = built({**GOOD, "content.yaml": MANIFEST.replace("example", "other")})
    done = offline.creance("content", "diff", first["bundle"], other["bundle"])
    offline.equal(done.returncode, 3, "exit code")
    offline.contains(done.stderr, "no two releases of one thing", "reason")


@offline.test
def diff_of_settings():
    manifest = "name: p\nkind: probes\nversion: 7\nschema: 1\nengine_level: 1\n"
    all_three = {"content.yaml": manifest, "probes/a.yml": "probes: [exec, exit, fork]\n"}
    two = {"content.yaml": manifest, "probes/b.yml": "probes: [fork, exec]\n"}
    code, rows, _ = diff(all_three, two)
    offline.equal((code, [(row["what"], row["detail"]) for row in rows]),
                  (1, [("narrowed", "no longer loads the probe exit")]), "probes")
    manifest = manifest.replace("probes", "policy")
    none = {"content.yaml": manifest, "policy/a.yml": "disabled: []\n"}
    some = {"content.yaml": manifest, "policy/a.yml": "disabled: [x]\n"}
    code, rows, _ = diff(none, some)
    offline.equal((code, rows[0]["what"], rows[0]["detail"]), (1, "muted", "switches off x"),
                  "policy")


offline.main()

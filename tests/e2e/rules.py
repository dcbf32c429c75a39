#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# beside: others
# needs: test
# timeout: 300
"""`creance rules check`, `rules test` and `rules list`: real rules and every kind of bad one."""
import json
import os

import offline

GOOD = """title: Somebody runs id
id: 6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a2d11
status: test
level: high
tags: [attack.discovery, attack.t1033]
logsource: {product: linux, category: process_creation}
detection:
  selection:
    Image|endswith: /id
  condition: selection
"""
DEEP = "title: deep\nid: 0a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a2d12\ndetection: "
CYCLIC = """title: cyclic
logsource: {product: linux, category: process_creation}
detection: &loop
  selection: *loop
  condition: selection
"""
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi")) + GOOD

# file: (content, words that the reason must say in any order, lower case)
BAD = {
    "malformed.yml": ("title: [unclosed\n", []),
    "text.yml": ("this is not a rule\n", []),
    "list.yml": ("- a\n- b\n", []),
    "empty.yml": ("", []),
    "binary.yml": (bytes(range(256)) * 64, []),
    "utf16.yml": (GOOD.encode("utf-16"), []),
    "deep.yml": (DEEP + "[" * 5000 + "]" * 5000 + "\n", []),
    "deep_map.yml": (DEEP + "{a: " * 5000 + "1" + "}" * 5000 + "\n", []),
    "cyclic.yml": (CYCLIC, []),
    "laughs.yml": (LAUGHS, []),
    "huge.yml": (None, ["104857600"]),
    "no_detection.yml": (GOOD.split("detection:")[0], ["detection"]),
    "no_condition.yml": (GOOD.replace("  condition: selection\n", ""), ["condition"]),
    "modifier.yml": (GOOD.replace("endswith", "nonsense"), ["nonsense"]),
    "condition.yml": (GOOD.replace("condition: selection", "condition: selection and"), []),
    "unknown_name.yml": (GOOD.replace("condition: selection", "condition: elsewhere"),
                         ["elsewhere"]),
    "regex.yml": (GOOD.replace("endswith: /id", "re: '(unclosed'"), []),
    "no_logsource.yml": (GOOD.replace("logsource: {product: linux, category: process_creation}\n",
                                      ""), ["logsource"]),
}


def check(*arguments, **options):
    """Exit code, rows, counts, errors."""
    done = offline.creance("rules", "check", "--json", *arguments, **options)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    counts = rows.pop() if rows else None
    return done.returncode, rows, counts, done.stderr


@offline.test
def public_rules_are_understood():
    code, rows, counts, errors = check("--any-source", offline.shared("data", "sigma", "rules",
                                                                      "linux"))
    rejected = [row for row in rows if row["state"] == "rejected"]
    print(f"# rules/linux, any source: {counts}")
    for row in rejected:
        print(f"# rejected: {row['file']}:{row['line']}: {row['reason']}")
    offline.equal(len(rejected), counts["rejected"], "rows")
    assert counts["rejected"] <= 5, errors
    assert counts["loaded"] > 100, counts
    offline.equal(code, 1 if rejected else 0, "exit code")
    code, rows, counts, _ = check(offline.shared("data", "sigma", "rules", "linux"))
    print(f"# rules/linux, this host: {counts}")
    assert counts["loaded"] > 50 and counts["inactive"] > 0 and counts["rejected"] <= 5, counts
    for row in rows:
        assert row["reason"] and row["title"] and row["line"] > 0, row


@offline.test
def every_bad_rule_costs_itself_only():
    folder = offline.Folder({"good.yml": GOOD})
    for name, (content, _) in BAD.items():
        if content is None:
            with open(folder[name], "wb") as file:
                file.truncate(100 << 20)
        else:
            folder.put(name, content)
    os.mkfifo(folder["fifo.yml"])
    os.symlink("/dev/zero", folder["device.yml"])
    code, rows, counts, errors = check(folder.path)
    offline.equal(code, 1, f"exit code ({errors})")
    offline.equal(counts["loaded"], 1, f"loaded, with {rows}")
    found = {}
    for row in rows:
        offline.equal(row["state"], "rejected", f"state of {row}")
        found.setdefault(os.path.basename(row["file"]), row)
    offline.equal(sorted(found), sorted([*BAD, "fifo.yml", "device.yml"]), "files")
    for name, (_, words) in BAD.items():
        reason = found[name]["reason"] + " " + found[name]["field"]
        assert len(reason) > 10, found[name]
        for word in words:
            offline.contains(reason.lower(), word, f"reason of {name}")
    print("\n".join(f"# {name}: {row['reason']}" for name, row in sorted(found.items())))


@offline.test
def each_bad_rule_alone_is_said():
    for name, (content, _) in BAD.items():
        folder = offline.Folder({"x/readme": ""})
        if content is None:
            with open(folder[name], "wb") as file:
                file.truncate(100 << 20)
        else:
            folder.put(name, content)
        code, rows, counts, errors = check(folder.path)
        assert code in (1, 3), f"{name}: exit code {code}, {errors}"
        offline.equal(counts["loaded"], 0, f"loaded of {name}")
        assert len(rows) == 1, f"{name}: {rows}"


@offline.test
def foreign_log_sources_are_inactive_and_unknown_fields_are_said():
    folder = offline.Folder({
        "windows.yml": GOOD.replace("product: linux", "product: windows"),
        "web.yml": GOOD.replace("product: linux, category: process_creation",
                                "category: webserver").replace("2d11", "2d13"),
        "field.yml": GOOD.replace("Image|", "NoSuchFieldAnywhere|").replace("2d11", "2d14"),
    })
    _, rows, counts, _ = check(folder.path)
    states = {os.path.basename(row["file"]): row for row in rows}
    offline.equal(states["windows.yml"]["state"], "inactive", "state of windows.yml")
    offline.equal(states["web.yml"]["state"], "inactive", "state of web.yml")
    offline.contains(states["windows.yml"]["reason"], "windows", "reason")
    offline.equal(states["field.yml"]["state"], "loaded", "state of field.yml")
    offline.contains(states["field.yml"]["reason"], "NoSuchFieldAnywhere", "reason")
    offline.equal((counts["loaded"], counts["inactive"]), (1, 2), "counts")
    code, rows, counts, _ = check("--any-source", folder.path)
    offline.equal((code, counts["loaded"], counts["inactive"]), (0, 3, 0), f"any source: {rows}")


@offline.test
def the_text_form_says_faults_one_by_one_and_the_inactive_by_reason():
    windows = GOOD.replace("product: linux", "product: windows")
    folder = offline.Folder({
        "good.yml": GOOD, "bad.yml": "title: [", "a.yml": windows, "b.yml": windows,
        "note.yml": GOOD.replace("Image|", "NoSuchFieldAnywhere|")})
    done = offline.creance("rules", "check", folder.path)
    lines = done.stdout.splitlines()
    offline.equal(done.returncode, 1, "exit code")
    offline.equal(len(lines), 4, f"lines: {lines}")
    offline.contains(lines[0], f"rejected {folder['bad.yml']}:", "first line")
    offline.contains(lines[1], f"note     {folder['note.yml']}:1: Somebody runs id: ", "note")
    offline.contains(lines[2], "inactive 2 rules: no log source here supplies", "third line")
    offline.equal(lines[3], "2 loaded, 2 inactive, 1 rejected, from 5 files", "last line")


@offline.test
def lint_says_what_readers_miss_and_what_is_double():
    folder = offline.Folder({
        "X.yml": "title: bad thing.\nlogsource: {product: linux, category: process_creation}\n"
                 "detection: {s: {Image: x}, condition: s and not s}\ntags: [Attack.T1]\n"})
    with open(folder["X.yml"], encoding="utf-8") as file:
        folder.put("another_rule_file.yml", file.read())
    code, rows, counts, errors = check(folder.path)
    offline.equal((code, counts["loaded"], len(rows)), (0, 2, 2), f"without --lint ({errors})")
    assert all("can never match" in row["reason"] for row in rows), rows
    code, rows, _, errors = check("--lint", folder.path)
    offline.equal(code, 1, f"exit code ({errors})")
    said = {(os.path.basename(row["file"]), row["field"]) for row in rows}
    for field in ("id", "file", "tags", "description", "author", "date", "references",
                  "falsepositives", "status", "level", "title"):
        assert ("X.yml", field) in said, (field, said)
    assert ("another_rule_file.yml", "file") not in said, said
    assert any("it has the title of" in row["reason"] for row in rows), rows
    code, rows, _, _ = check("--lint", os.path.join(offline.ROOT, "content", "rules"))
    offline.equal((code, rows), (0, []), "our own rules")


@offline.test
def nothing_readable_ends_with_3():
    folder = offline.Folder({"readme": ""})
    for path, word in ((folder["absent"], "no such file"), (folder.path, "no rule file")):
        code, _, _, errors = check(path)
        offline.equal(code, 3, f"exit code of {word}")
        offline.contains(errors, word, "errors")


def run_tests(folder):
    done = offline.creance("rules", "test", "--json", folder.path)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, rows[:-1], rows[-1]


YES = '{"match": true, "event": {"Image": "/usr/bin/id"}}\n'
NO = '{"match": false, "event": {"Image": "/usr/bin/ls"}}\n'


@offline.test
def rules_with_true_tests_pass():
    folder = offline.Folder({"a.yml": GOOD, "a.tests.jsonl": YES + "\n" + NO,
                             "b/b.yml": GOOD.replace("2d11", "2d12")})
    code, rows, counts = run_tests(folder)
    offline.equal((code, counts), (0, {"passed": 1, "failed": 0, "untested": 1}), f"({rows})")
    offline.equal([row["state"] for row in rows], ["passed", "untested"], "states")
    offline.equal((rows[0]["positive"], rows[0]["negative"]), (1, 1), "tests")


@offline.test
def every_false_test_fails():
    other_source = '{"match": true, "event": {"product": "windows", "Image": "/bin/id"}}\n'
    cases = {
        "must match": (GOOD, YES + NO.replace("false", "true"), 2),
        "must not match": (GOOD, YES + YES.replace("true", "false"), 2),
        "another log source": (GOOD, YES + other_source, 2),
        "not JSON": (GOOD, YES + "nonsense\n", 2),
        "no event": (GOOD, YES + '{"match": true}\n', 2),
        "no positive": (GOOD, NO, 0),
        "rejected": (GOOD.replace("endswith", "nonsense"), YES, 0),
    }
    for name, (rule, tests, line) in cases.items():
        code, rows, counts = run_tests(offline.Folder({"a.yml": rule, "a.tests.jsonl": tests}))
        offline.equal((code, counts["failed"]), (1, 1), f"outcome of {name}")
        offline.contains([failure["line"] for failure in rows[0]["failures"]], line,
                         f"failing lines of {name}")


@offline.test
def it_must_be_that_rule_that_matches():
    other = GOOD.replace("/id", "/ls").replace("2d11", "2d12")
    folder = offline.Folder({"id.yml": GOOD, "id.tests.jsonl": YES + NO,
                             "ls.yml": other, "ls.tests.jsonl": YES})
    code, rows, _ = run_tests(folder)
    offline.equal(code, 1, "exit code")
    offline.equal([row["state"] for row in rows], ["passed", "failed"], "states")


@offline.test
def correlations_are_tested_by_several_events():
    rule = GOOD + ("---\ntitle: Often\ncorrelation:\n  type: event_count\n"
                   "  rules: [6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a2d11]\n  group-by: [User]\n"
                   "  timespan: 1m\n  condition: {gte: 2}\n")
    events = [{"Image": "/usr/bin/id", "User": "a", "@timestamp": f"2026-01-01T00:00:{second}Z"}
              for second in ("01", "30")]
    lines = [{"match": False, "event": events[0]}, {"match": False, "events": events[:1]},
             {"match": True, "events": events}]
    folder = offline.Folder({"r.yml": rule,
                             "r.tests.jsonl": "\n".join(json.dumps(line) for line in lines)})
    done = offline.creance("rules", "test", folder.path)
    offline.equal(done.returncode, 0, f"exit code ({done.stdout})")
    folder.put("r.tests.jsonl", json.dumps({**lines[2], "match": False}))
    done = offline.creance("rules", "test", folder.path)
    offline.equal(done.returncode, 1, f"exit code ({done.stdout})")
    offline.contains(done.stdout, "matches this event and must not", "reason")


@offline.test
def our_own_rules_pass_their_tests():
    content = os.path.join(offline.ROOT, "content")
    if not os.path.isdir(content):
        raise offline.Skip("no folder content/ yet")
    done = offline.creance("rules", "test", content)
    offline.equal(done.returncode, 0, f"exit code ({done.stdout[-3000:]}{done.stderr})")
    offline.contains(done.stdout, " 0 without tests", "last line")
    print(f"# {done.stdout.splitlines()[-1]}")
    code, rows, counts, _ = check(content)
    offline.equal((code, counts["rejected"], counts["inactive"]), (0, 0, 0), f"rules: {rows}")
    assert counts["loaded"] >= 100, counts


@offline.test
def our_own_rules_know_every_tactic_and_their_false_positives():
    code, rows, _, _ = check(os.path.join(offline.ROOT, "content", "rules"), "--lint")
    offline.equal((code, rows), (0, []), "lint")
    tactics = set(os.listdir(os.path.join(offline.ROOT, "content", "rules"))) - {"selftest"}
    missing = {"reconnaissance", "resource-development", "initial-access", "execution",
               "persistence", "privilege-escalation", "defense-evasion", "credential-access",
               "discovery", "lateral-movement", "collection", "command-and-control",
               "exfiltration", "impact"} - tactics
    offline.equal(missing, set(), "tactics without a rule")
    silent = []
    for folder, _, names in os.walk(os.path.join(offline.ROOT, "content", "rules")):
        for name in names:
            if name.endswith(".yml"):
                with open(os.path.join(folder, name)) as file:
                    if "\nfalsepositives:\n    - " not in file.read():
                        silent.append(name)
    offline.equal(silent, [], "rules that do not say what makes them match wrongly")


@offline.test
def list_shows_state_level_and_tags():
    folder = offline.Folder({"a.yml": GOOD, "b.yml": GOOD.replace("product: linux",
                                                                  "product: windows")})
    done = offline.creance("rules", "list", "--json", "--path", folder.path)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    offline.equal([row["state"] for row in rows], ["loaded", "inactive"], "states")
    offline.equal(rows[0]["tags"], ["attack.discovery", "attack.t1033"], "tags")
    text = offline.creance("rules", "list", "--path", folder.path).stdout
    offline.contains(text, "high", "text")


offline.main()

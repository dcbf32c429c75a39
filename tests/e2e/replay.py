#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# beside: others
# needs: test
# timeout: 400
"""`creance replay`: exact matches over real recordings, and every kind of bad recording."""
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import time

import offline

RULE = """title: Somebody runs id
id: 6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a2d11
level: high
tags: [attack.t1033]
logsource: {product: linux, category: process_creation}
detection:
  selection:
    Image|endswith: /id
  condition: selection
"""
HIT = '{"product": "linux", "category": "process_creation", "Image": "/usr/bin/id"}'
MISS = '{"product": "linux", "category": "process_creation", "Image": "/usr/bin/ls"}'


def replay(*arguments, **options):
    """Exit code, [(event, rule id)], summary, all of standard error."""
    done = offline.creance("replay", "--json", *arguments, **options)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    matches = [(row["event"], row["rule"]["id"]) for row in found]
    summary = None
    if done.stderr.rstrip().endswith("}"):
        summary = json.loads(done.stderr.splitlines()[-1])["summary"]
    return done.returncode, matches, summary, done.stderr


def rule_folder():
    return offline.Folder({"id.yml": RULE})


def compress(data):
    if shutil.which("zstd") is None:
        raise offline.Skip("no program zstd to make a recording with")
    return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE,
                          check=True).stdout


def check_exact(name, folders):
    recording = offline.shared("data", "events", name + ".jsonl.zst")
    with open(offline.shared("data", "events", name + ".expected.tsv"), encoding="utf-8") as file:
        expected = {(int(event), rule) for event, rule in (line.split() for line in file)}
    options = []
    for folder in folders:
        options += ["--rules", offline.shared("data", "sigma", folder)]
    code, matches, summary, errors = replay(*options, recording, timeout=380)
    wanted = {rule for _, rule in expected}
    found = set(matches)
    offline.equal(len(matches), len(found), "doubled matches")
    missing = sorted(expected - found)
    extra = sorted(found - expected)
    assert not missing and not extra, (
        f"{len(missing)} missing (first: {missing[:5]}), {len(extra)} too many (first: "
        f"{extra[:5]}) of {len(expected)} matches of {len(wanted)} rules; {errors[-2000:]}")
    offline.equal(code, 0, f"exit code ({errors})")
    print(f"# {name}: {summary}")


@offline.test
def linux_matches_are_exactly_those_expected():
    check_exact("linux_process_creation", [
        "rules/linux/process_creation", "rules-emerging-threats", "rules-threat-hunting/linux",
        "rules-placeholder"])


@offline.test
def windows_matches_are_exactly_those_expected():
    check_exact("windows_process_creation", [
        "rules/windows/process_creation", "rules-emerging-threats", "rules-threat-hunting/windows",
        "rules-placeholder"])


@offline.test
def a_match_says_file_event_rule_and_fields():
    rules = rule_folder()
    recording = rules.put("recording.jsonl", f"{MISS}\n\n{HIT}\n")
    done = offline.creance("replay", "--json", "--rules", rules.path, recording)
    offline.equal(done.returncode, 0, "exit code")
    match = json.loads(done.stdout)
    offline.equal(match["file"], recording, "file")
    offline.equal(match["event"], 2, "event: blank lines count")
    offline.equal(match["rule"]["id"], "6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a2d11", "id")
    offline.equal(match["rule"]["title"], "Somebody runs id", "title")
    offline.equal(match["rule"]["level"], "high", "level")
    offline.equal(match["rule"]["tags"], ["attack.t1033"], "tags")
    offline.equal(match["fields"]["Image"], "/usr/bin/id", "field")
    done = offline.creance("replay", "--rules", rules.path, recording)
    offline.equal(json.loads(done.stdout), match, "what a pipe gets")
    offline.contains(done.stderr, "2 events, 1 matches", "summary")
    text = offline.creance_on_terminal("replay", "--rules", rules.path, recording)
    offline.contains(text, f" {recording}:3  Somebody runs id  /usr/bin/id\n", "text")
    offline.contains(text, "2 events, 1 matches", "summary")


@offline.test
def top_says_what_rules_cost():
    rules = rule_folder()
    recording = rules.put("recording.jsonl", f"{MISS}\n{HIT}\n{HIT}\n")
    done = offline.creance("replay", "--json", "--top", "--rules", rules.path, recording)
    *rows, total = [json.loads(line) for line in done.stdout.splitlines()]
    offline.equal((total["events"], total["measured"]), (3, 3), "events")
    offline.equal([(row["id"], row["matches"]) for row in rows],
                  [("6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a2d11", 2)], "rules")
    assert 0 < rows[0]["evaluated"] <= 1 and 0 < rows[0]["share"] < 1, rows
    spent = rows[0]["ns_per_event"] + total["scan_ns_per_event"]
    assert spent <= total["ns_per_event"] * 1.01, (rows, total)
    done = offline.creance_on_terminal("replay", "--top", "--rules", rules.path, recording)
    offline.contains(done, "NS/EVENT", "table")
    offline.contains(done, "Somebody runs id", "row")


@offline.test
def zstd_is_recognised_by_content_and_standard_input_is_read():
    rules = rule_folder()
    packed = compress(f"{MISS}\n{HIT}\n".encode())
    recording = rules.put("no-telling-name.txt", packed)
    offline.equal(replay("--rules", rules.path, recording)[:2],
                  (0, [(1, "6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a2d11")]), "by file")
    with open(recording, "rb") as file:
        matches = replay("--rules", rules.path, "-", stdin=file)[1]
    offline.equal(len(matches), 1, "by standard input")


@offline.test
def bad_lines_cost_themselves_only():
    rules = rule_folder()
    bad = ["not json", '{"cut": ', "[1, 2]", '"text"', "{} {}", "\x01\x02", '{"a": "\\ud800"}']
    recording = rules.put("recording.jsonl", "\n".join([HIT] + bad[:6] + [HIT]) + "\n")
    code, matches, summary, errors = replay("--rules", rules.path, recording)
    offline.equal(code, 3, "exit code")
    offline.equal([event for event, _ in matches], [0, 7], "matches")
    offline.equal(summary["lines_bad"], 6, "bad lines")
    offline.equal(summary["events"], 2, "events")
    offline.contains(errors, f"{recording}:2: ", "errors")


@offline.test
def only_the_first_bad_lines_are_shown():
    rules = rule_folder()
    recording = rules.put("recording.jsonl", "bad\n" * 1000)
    code, _, summary, errors = replay("--rules", rules.path, "--format", "json", recording)
    offline.equal((code, summary["lines_bad"]), (3, 1000), "exit code and bad lines")
    assert len(errors.splitlines()) < 15, errors


@offline.test
def a_line_over_the_limit_is_passed_over():
    rules = rule_folder()
    recording = rules.put("recording.jsonl", '{"a": "' + "x" * (5 << 20) + '"}\n' + HIT + "\n")
    code, matches, summary, errors = replay("--rules", rules.path, recording)
    offline.equal((code, len(matches), summary["lines_bad"]), (3, 1, 1), "outcome")
    offline.contains(errors, "longer than 4194304 bytes", "errors")


@offline.test
def corrupt_and_cut_off_recordings_keep_what_came_before():
    rules = rule_folder()
    numbers = random.Random(7)
    noise = "".join(f'{{"n": {numbers.random()}}}\n' for _ in range(40000))
    packed = compress((HIT + "\n" + noise).encode())
    cut = rules.put("cut.zst", packed[:len(packed) // 2])
    middle = len(packed) // 2
    corrupt = rules.put("corrupt.zst", packed[:middle] + bytes(64) + packed[middle + 64:])
    good = rules.put("good.jsonl", HIT + "\n")
    for bad, word in ((cut, "cut off"), (corrupt, "corrupt")):
        code, matches, summary, errors = replay("--rules", rules.path, bad, good)
        offline.equal(code, 3, f"exit code of {word}")
        offline.equal(len(matches), 2, f"matches of {word}")
        offline.equal(summary["files_bad"], 1, f"bad files of {word}")
        offline.contains(errors, f"{bad}: the compressed data is {word}", "errors")


@offline.test
def what_is_no_recording_is_named():
    rules = rule_folder()
    packed = rules.put("a.gz", gzip.compress(b"{}"))
    code, _, _, errors = replay("--rules", rules.path, packed)
    offline.equal(code, 3, "exit code")
    offline.contains(errors, "compressed by gzip", "errors")
    binary = rules.put("wtmp", b"\x07\0\0\0~\0\0\0tty1" * 100)
    code, _, _, errors = replay("--rules", rules.path, binary)
    offline.equal(code, 3, "exit code")
    offline.contains(errors, "binary data", "errors")
    rules.put("empty/.hidden", HIT)
    for path, word in ((rules["absent"], "No such file"), (rules["empty"], "no log in this")):
        code, _, _, errors = replay("--rules", rules.path, path)
        offline.equal(code, 3, f"exit code of {word}")
        offline.contains(errors, word, "errors")
    good = rules.put("good.jsonl", HIT)
    code, matches, summary, _ = replay("--rules", rules.path, rules["absent"], good)
    offline.equal((code, len(matches), summary["files_bad"]), (3, 1, 1), "the good one is judged")
    empty = rules.put("empty.jsonl", b"")
    code, matches, summary, _ = replay("--rules", rules.path, empty)
    offline.equal((code, matches, summary["events"]), (0, [], 0), "an empty recording")


@offline.test
def without_a_rule_nothing_is_judged():
    rules = offline.Folder({"recording.jsonl": HIT, "bad/x.yml": "title: [", "none/readme.txt": ""})
    for folder, word in (("bad", "not one rule"), ("none", "no rule file"),
                         ("absent", "no such file or folder")):
        code, _, _, errors = replay("--rules", rules[folder], rules["recording.jsonl"])
        offline.equal(code, 3, f"exit code of {folder}")
        offline.contains(errors, word, "errors")


@offline.test
def a_rejected_rule_is_said_and_the_others_run():
    rules = rule_folder()
    rules.put("bad.yml", RULE.replace("endswith", "nonsense"))
    recording = rules.put("recording.jsonl", HIT)
    code, matches, summary, _ = replay("--rules", rules.path, recording)
    offline.equal((code, len(matches)), (0, 1), "outcome")
    offline.equal(summary["rules"], {"loaded": 1, "inactive": 0, "rejected": 1}, "rules")


def worker_of(process):
    for _ in range(200):
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="utf-8") as file:
            children = file.read().split()
        if children:
            return int(children[0])
        time.sleep(0.05)
    raise AssertionError("there is no worker process")


@offline.test
def the_death_of_the_worker_is_said():
    rules = rule_folder()
    with subprocess.Popen([offline.program("creance"), "replay", "--rules", rules.path, "-"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as process:
        worker = worker_of(process)
        process.stdin.write(HIT + "\n")
        process.stdin.flush()
        first = process.stdout.readline()
        with open(f"/proc/{worker}/status", encoding="utf-8") as file:
            offline.contains(file.read(), "Seccomp:\t2", "the worker's status")
        os.kill(worker, signal.SIGKILL)
        process.stdin.close()
        errors = process.stderr.read()
        code = process.wait(timeout=30)
    offline.contains(first, "Somebody runs id", "the match before")
    offline.equal(code, 3, "exit code")
    offline.contains(errors, "the worker process died", "errors")
    offline.contains(errors, "while it was at: - at line 1", "errors")


@offline.test
def a_reader_that_leaves_ends_it_quietly():
    rules = rule_folder()
    recording = rules.put("recording.jsonl", (HIT + "\n") * 20000)
    reading, writing = os.pipe()
    os.close(reading)
    done = offline.creance("replay", "--rules", rules.path, recording, stdout=writing)
    os.close(writing)
    offline.equal(done.returncode, 0, "exit code")
    assert "cannot write" not in done.stderr and "died" not in done.stderr, done.stderr
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = offline.creance("replay", "--rules", rules.path, recording, stdout=full)
    offline.equal(done.returncode, 4, "exit code on a full disk")
    offline.contains(done.stderr, "No space left on device", "errors")


@offline.test
def foreign_text_cannot_paint_on_the_terminal():
    rules = offline.Folder({"id.yml": RULE.replace("Somebody", r'"\e[31mSomebody').replace(
        "runs id\n", 'runs id"\n', 1)})
    event = json.dumps({"product": "linux", "category": "process_creation",
                        "Image": "/x/id", "CommandLine": "\x1b]0;owned\x07"})
    recording = rules.put("recording.jsonl", event)
    text = offline.creance_on_terminal("replay", "--rules", rules.path, recording)
    lines = [line for line in text.splitlines() if recording in line]
    offline.equal(len(lines), 1, f"matches in {text!r}")
    assert "\x1b]0;" not in text and "\x1b[31mSome" not in text and "\x07" not in text, text
    offline.contains(lines[0], r"\x1b]0;owned\x07", "output")


offline.main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# beside: others
# needs: test
# timeout: 600
"""SigmaHQ's own regression recordings: each must give exactly the stated matches of its rule.

Run by itself, this prints the table of expected and found matches. The recordings are not part of
the project: see $CREANCE_SHARED.
"""
import json
import os
import re

import offline

KINDS = (".evtx", ".json", ".raw")


def read_info(path):
    """(rule id, stated count or None where it is 'at least one')"""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    rule = re.search(r"rule_metadata:\s*\n\s*- id: (\S+)", text).group(1)
    count = re.search(r"match_count: (\d+)", text)
    return rule, int(count.group(1)) if count else None


def rules_by_id(folder):
    """{id: rule file}; a rule's file may have another name than its recording's folder."""
    files = {}
    for kind in sorted(os.listdir(folder)):
        if not kind.startswith("rules"):
            continue
        for where, _, names in os.walk(os.path.join(folder, kind)):
            for name in names:
                path = os.path.join(where, name)
                with open(path, encoding="utf-8") as file:
                    for found in re.findall(r"^id: (\S+)", file.read(), re.MULTILINE):
                        files[found] = path
    return files


def find_cases(folder):
    """[(name, rule file, rule id, count, {".evtx": path, ...})]"""
    recordings = os.path.join(folder, "regression_data")
    files = rules_by_id(folder)
    cases = []
    for where, _, names in sorted(os.walk(recordings)):
        if "info.yml" not in names:
            continue
        rule, count = read_info(os.path.join(where, "info.yml"))
        name = os.path.relpath(where, recordings)
        paths = {kind: os.path.join(where, file) for file in names for kind in KINDS
                 if file.endswith(kind)}
        cases.append((name, files[rule], rule, count, paths))
    return cases


def matches_of(rule_file, rule, path):
    """How often the rule matches; -1 where something could not be read."""
    done = offline.creance("replay", "--json", "--rules", rule_file, path)
    if done.returncode != 0:
        print(f"# {path}: {done.stderr[:300]!r}")
        return -1
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return sum(row["rule"]["id"] == rule for row in rows)


@offline.test
def each_recording_gives_the_stated_matches_of_its_rule():
    cases = find_cases(os.path.dirname(offline.shared("data", "sigma", "regression_data")))
    wrong, totals = [], dict.fromkeys(KINDS, 0)
    print("# expected   evtx   json    raw  rule")
    for name, rule_file, rule, count, paths in cases:
        found = {kind: matches_of(rule_file, rule, path) for kind, path in paths.items()}
        cells = "".join(f"{found.get(kind, '-'):>7}" for kind in KINDS)
        good = bool(found) and len(set(found.values())) == 1 and (
            min(found.values()) >= 1 if count is None else count in found.values())
        print(f"# {'>= 1' if count is None else count:>8}{cells}  {os.path.basename(name)}"
              f"{'' if good else '  WRONG'}")
        for kind in found:
            totals[kind] += 1
        if not good:
            wrong.append(name)
    print(f"# {len(cases)} rules, recordings: " +
          ", ".join(f"{count} {kind[1:]}" for kind, count in totals.items()) +
          f"; {len(wrong)} wrong")
    offline.equal(wrong, [], "recordings with other matches")
    assert len(cases) >= 100, "the recordings are not where they were"


offline.main()

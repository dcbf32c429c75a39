#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: none
# timeout: 1800
"""The model of admission and lifecycle (lifecycle.pml), checked by spin.

It has the states and transitions of src/update/lifecycle/lifecycle.def; its claims, those of the
table in docs/security.md, hold; and each safeguard that is taken away lets one fail. With `--all`
every combination of stolen keys is tried (some minutes), else those at the edges.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
MODEL = os.path.join(HERE, "lifecycle.pml")
TABLE = os.path.join(ROOT, "src", "update", "lifecycle", "lifecycle.def")
BROKEN = {
    "THRESHOLD": "one stolen release key is enough",
    "EVIDENCE": "evidence shortens the age",
    "FIRST_SIGHT": "the log alone shows the age",
    "SILENCE": "silent partners change nothing",
    "HALTS": "halts are not heeded",
    "RECALL": "one partner takes active content back",
    "FLOOR": "what was active closes no older version",
    "ROAD": "several releases are on their way at once",
    "BACK": "a failure in probation changes nothing",
}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def table_of_code():
    text = read(TABLE)
    states = set(re.findall(r"^LIFECYCLE_STATE\((\w+),", text, re.MULTILINE))
    events = set(re.findall(r"^LIFECYCLE_EVENT\((\w+),", text, re.MULTILINE))
    moves = set(re.findall(r"^LIFECYCLE_TRANSITION\((\w+), *(\w+), *\w+, *(\w+),", text,
                           re.MULTILINE))
    moves |= set(re.findall(r"^LIFECYCLE_OTHERWISE\((\w+), *(\w+), *(\w+),", text,
                            re.MULTILINE))
    return states, events, moves


def table_of_model():
    text = read(MODEL)
    kinds = {kind: {name.strip() for name in names.split(",")}
             for kind, names in re.findall(r"mtype:(\w+) = \{(.*?)\}", text, re.DOTALL)}
    moves, place = set(), None
    for found in re.finditer(r":: ON\((\w+), (\w+)\)|\b(?:GO|STAY)\((\w+)\)", text):
        if found.group(1):
            place = found.group(1, 2)
        elif place:
            moves.add((*place, found.group(3)))
    return kinds["state"], kinds["event"], moves


def difference(code, model):
    return [f"# only in {where}: {what}" for where, extra in (("the code", code - model),
                                                             ("the model", model - code))
            for what in sorted(map(str, extra))]


def check(folder, *defines):
    """(the assertion that fails or None, states) of the model with these defines."""
    options = [f"-D{name}" for name in defines]
    subprocess.run(["spin", *options, "-a", MODEL], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["gcc", "-O1", "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=6000", "-o", "pan",
                    "pan.c"], cwd=folder, check=True)
    said = subprocess.run(["./pan", "-m2000000", "-w22"], cwd=folder, check=False, text=True,
                          stdout=subprocess.PIPE).stdout
    errors = re.search(r"errors: (\d+)", said)
    states = re.search(r"(\d\S*) states, stored", said)
    if errors is None or "max search depth too small" in said or "out of memory" in said:
        raise AssertionError(f"spin came to no end: {said[-500:]}")
    broken = re.search(r"assertion violated (.*?) \(at depth", said)
    return broken.group(1) if broken else None, states.group(1)


class Report:
    def __init__(self, count):
        self.number, self.good = 0, True
        print(f"1..{count}")

    def add(self, right, text, notes=()):
        self.number += 1
        self.good = self.good and right
        for note in notes:
            print(note)
        print(f"{'ok' if right else 'not ok'} {self.number} - {text}", flush=True)


def main():
    report = Report(3 + 1 + len(BROKEN))
    for what, code, model in zip(("states", "events", "transitions"), table_of_code(),
                                 table_of_model()):
        report.add(code == model and len(code) > 5,
                   f"model and code have the same {len(code)} {what}", difference(code, model))
    if shutil.which("spin") is None or shutil.which("gcc") is None:
        for number in range(4, 5 + len(BROKEN)):
            print(f"ok {number} - claims of the model # SKIP spin or gcc is not installed")
        return 0 if report.good else 1
    few = [] if "--all" in sys.argv else ["FEW"]
    with tempfile.TemporaryDirectory() as folder:
        broken, states = check(folder, *few)
        report.add(broken is None, f"every claim holds in all {states} states",
                   [f"# broken: {broken}"] if broken else [])
        for name, text in BROKEN.items():
            broken, states = check(folder, f"BROKEN_{name}", *few)
            report.add(broken is not None, f"a claim fails where {text} (in {states} states)",
                       [f"# {broken}"])
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())

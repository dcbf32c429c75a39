#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# beside: others
# needs: test
# timeout: 300
"""`creance content diff` against what engines do: no random change that detects less passes.

Pairs of random rules, the second a change of the first, and every event that there is over a small
alphabet. Where the engine finds an event by the first rule and not by the second, the comparison of
the sources must have a row that is a gate. $CREANCE_SEED repeats a run.
"""
import itertools
import json
import os
import random

import offline

RULES = 400
VALUES = ["a", "b", "ab", "ba", "null", "1"]
FIELDS = ["A", "B", "C"]
MODIFIERS = ["", "", "|contains", "|startswith", "|endswith", "|contains|all", "|neq", "|exists"]
CONDITIONS = ["s1", "s1 and s2", "s1 or s2", "s1 and not f1", "1 of s*", "all of s*", "not f1",
              "s1 and not 1 of f*", "all of them", "not (f1 or f2)", "s1 and not (f1 and f2)",
              "not all of f*", "s1 and not all of them", "not(f1) and s2", "1 of them",
              "s2 and NOT f1", "not not s1"]
MANIFEST = ("name: example\nkind: rules\nversion: {}\nschema: 1\nengine_level: 1\nsteps: 1000000\n"
            "steps_per_rule: 20000\nmemory_mib: 64\n")


def random_key(chance):
    modifier = chance.choice(MODIFIERS)
    key = chance.choice(FIELDS) + modifier
    if modifier == "|exists":
        return key, chance.choice([True, False])
    count = chance.choice([1, 1, 2, 3])
    values = chance.sample(VALUES, count)
    return key, values if count > 1 or chance.random() < 0.3 else values[0]


def random_map(chance):
    return dict(random_key(chance) for _ in range(chance.choice([1, 1, 2])))


def random_selection(chance):
    if chance.random() < 0.3:
        return [random_map(chance) for _ in range(chance.choice([1, 2, 2]))]
    return random_map(chance)


def random_detection(chance):
    detection = {name: random_selection(chance) for name in ("s1", "s2", "f1", "f2")}
    detection["condition"] = chance.choice(CONDITIONS)
    return detection


def changed_map(chance, selection):
    """A map with a value more or less, a key more or less, or another modifier."""
    pairs = dict(selection)
    key = chance.choice(sorted(pairs))
    kind = chance.randrange(5)
    values = pairs[key] if isinstance(pairs[key], list) else [pairs[key]]
    if kind == 0 and not isinstance(pairs[key], bool):
        pairs[key] = sorted({*values, chance.choice(VALUES)})
    elif kind == 1 and len(values) > 1:
        pairs[key] = values[1:]
    elif kind == 2:
        pairs.update([random_key(chance)])
    elif kind == 3 and len(pairs) > 1:
        del pairs[key]
    else:
        pairs[key.split("|")[0] + chance.choice(MODIFIERS[:-1])] = pairs.pop(key)
        if isinstance(next(reversed(pairs.values())), bool):
            pairs[next(reversed(pairs))] = "a"
    return pairs


def changed(chance, detection):
    detection = json.loads(json.dumps(detection))
    name = chance.choice(["s1", "s2", "f1", "f2"])
    selection = detection[name]
    kind = chance.randrange(6)
    if kind == 0:
        detection["condition"] = chance.choice(CONDITIONS)
    elif kind == 1 and isinstance(selection, list):
        detection[name] = {key: value for part in selection for key, value in part.items()}
    elif kind == 1:
        detection[name] = [{key: value} for key, value in selection.items()]
    elif isinstance(selection, list):
        at = chance.randrange(len(selection))
        if kind == 2:
            selection.append(random_map(chance))
        elif kind == 3 and len(selection) > 1:
            del selection[at]
        else:
            selection[at] = changed_map(chance, selection[at])
    else:
        detection[name] = changed_map(chance, selection)
    return detection


def rule(number, detection):
    """JSON is YAML."""
    return json.dumps({"title": f"R{number}", "id": f"6a1b9c5e-0d6c-4a7e-9b43-{number:012}",
                       "logsource": {"product": "linux", "category": "process_creation"},
                       "detection": detection}) + "\n"


def events():
    choices = [None, "", *VALUES]
    for values in itertools.product(choices, repeat=len(FIELDS)):
        event = {"product": "linux", "category": "process_creation"}
        event.update({field: value for field, value in zip(FIELDS, values) if value is not None})
        yield json.dumps(event)


def matches(folder, sources):
    """Title: events that it matches."""
    done = offline.creance("replay", "--json", "--rules", folder[sources], folder["events.jsonl"])
    found = {}
    for line in done.stdout.splitlines():
        row = json.loads(line)
        found.setdefault(row["rule"]["title"], set()).add(row["event"])
    return found


@offline.test
def no_change_that_detects_less_passes():
    seed = int(os.environ.get("CREANCE_SEED", "20240719"))
    chance = random.Random(seed)
    folder = offline.Folder({"events.jsonl": "\n".join(events()) + "\n"})
    pairs = []
    for number in range(RULES):
        old = random_detection(chance)
        pairs.append((old, changed(chance, old)))
        for which, detection in zip(("old", "new"), pairs[-1]):
            folder.put(f"{which}/rules/{number}.yml", rule(number, detection))
    folder.put("old/content.yaml", MANIFEST.format(1))
    folder.put("new/content.yaml", MANIFEST.format(2))
    before, after = matches(folder, "old"), matches(folder, "new")
    done = offline.creance("content", "diff", folder["old"], folder["new"], "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()][:-1]
    gates = {row["title"] for row in rows if row["gate"]}
    less = [number for number in range(RULES)
            if before.get(f"R{number}", set()) - after.get(f"R{number}", set())]
    passed = [number for number in less if f"R{number}" not in gates]
    for number in passed[:5]:
        print(f"# R{number}: {pairs[number][0]}\n# became {pairs[number][1]}\n# said: "
              f"{[row for row in rows if row['title'] == f'R{number}']}")
    free = RULES - len(gates)
    print(f"# seed {seed}: {RULES} changes, {len(less)} detect less, {len(gates)} are gates")
    assert len(less) > 50 and free > 20, "these random rules test nothing"
    offline.equal(passed, [], "changes that detect less and passed")


offline.main()

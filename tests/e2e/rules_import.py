#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# beside: others
# needs: test
# timeout: 200
"""`creance rules import`: what it takes from a checkout, what it leaves, and that what people
changed in its folder is never lost."""
import json
import os
import shutil

import offline

RULE = """title: Rule {number}
id: 6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a{number:04x}
logsource: {{product: {product}, category: process_creation}}
detection:
  selection:
    {field}: x{value}
  condition: selection
"""
FILTER = """title: Nothing
logsource: {product: linux}
filter: {rules: any, selection: {Image: x}, condition: not selection}
"""
MAPPING = """transformations:
  - type: field_name_mapping
    mapping: {exe: Image}
"""


def rule(number, value=0, product="linux", field="Image"):
    return RULE.format(number=number, value=value, product=product, field=field)


class Place:
    """A checkout and a state folder."""

    def __init__(self, files=None):
        self.checkout = offline.Folder({"rules/" + name: text
                                        for name, text in (files or {}).items()})
        self.state = offline.Folder()
        self.content = offline.Folder()

    def run(self, *arguments):
        """Exit code, rows by outcome, counts, errors."""
        done = offline.creance("rules", "import", "--json", "--state", self.state.path, "--content",
                               self.content.path, *arguments, self.checkout.path)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        counts = rows.pop() if rows and "loaded" in rows[-1] else None
        return done.returncode, rows, counts, done.stderr

    def path(self, name):
        return os.path.join(self.state.path, "etc/rules/imported/sigma/rules", name)

    def text(self, name):
        with open(self.path(name)) as file:
            return file.read()

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)

    def names(self):
        top = os.path.join(self.state.path, "etc/rules/imported/sigma/rules")
        return sorted(os.path.relpath(os.path.join(folder, name), top)
                      for folder, _, names in os.walk(top) for name in names)


def of(rows, outcome):
    return {os.path.basename(row["file"]): row for row in rows if row["outcome"] == outcome}


def files(counts):
    return [counts[name + "_files"] for name in ("new", "changed", "same", "removed")]


@offline.test
def what_would_be_in_force_is_copied():
    place = Place({"a.yml": rule(1), "deep/b.yml": rule(2), "windows.yml": rule(3, 0, "windows"),
                   "bad.yml": rule(4).replace("condition: selection", "condition: nothing"),
                   "odd.yml": rule(5, field="NoSuchField"), "filter.yml": FILTER,
                   "twin.yml": rule(1)})
    place.checkout.put("tests/x.yml", rule(9))
    code, rows, counts, errors = place.run("--dry-run")
    offline.equal(os.listdir(place.state.path), [], "what a dry run wrote")
    offline.equal(files(counts), [3, 0, 0, 0], "files")
    code, rows, counts, errors = place.run()
    offline.equal(code, 1, f"exit code, as some are rejected: {errors}")
    offline.equal(place.names(), ["a.yml", "deep/b.yml", "odd.yml"], "files")
    offline.contains(of(rows, "rejected")["bad.yml"]["reason"], "nothing", "reason")
    offline.contains(of(rows, "rejected")["filter.yml"]["reason"], "filter", "reason")
    offline.contains(of(rows, "duplicate")["twin.yml"]["reason"], "a.yml", "reason")
    fields = [row for row in rows if row["outcome"] == "field"]
    offline.equal([(row["field"], row["rules"]) for row in fields], [("NoSuchField", 1)], "fields")
    inactive = [row for row in rows if row["outcome"] == "inactive"]
    offline.equal([row["rules"] for row in inactive], [1], "inactive")
    done = offline.creance("rules", "check", place.path("."))
    offline.equal(done.returncode, 0, f"rules check of what was imported: {done.stdout}")


@offline.test
def the_next_import_replaces_what_this_one_made_and_nothing_else():
    place = Place({name: rule(number) for number, name in enumerate(
        ["changes.yml", "edited.yml", "goes.yml", "removed.yml", "same.yml"])})
    offline.equal(files(place.run()[2]), [5, 0, 0, 0], "files")
    place.write("edited.yml", rule(1, 77))
    os.unlink(place.path("removed.yml"))
    place.write("mine.yml", rule(50))
    for name, number in (("changes.yml", 0), ("edited.yml", 1), ("removed.yml", 3)):
        place.checkout.put("rules/" + name, rule(number, 5))
    os.unlink(place.checkout["rules/goes.yml"])
    place.checkout.put("rules/mine.yml", rule(60))
    place.checkout.put("rules/moved.yml", rule(1, 5))
    for turn in range(3):
        code, rows, counts, errors = place.run()
        offline.equal(code, 0, f"exit code: {errors}")
        offline.equal(files(counts), [[0, 1, 1, 1], [0, 0, 2, 0], [0, 0, 2, 0]][turn],
                      f"files at turn {turn}")
        offline.equal(place.text("changes.yml"), rule(0, 5), "what changed")
        offline.equal(place.text("edited.yml"), rule(1, 77), "what was edited")
        offline.equal(place.text("mine.yml"), rule(50), "what was put there")
        offline.equal(place.names(), ["changes.yml", "edited.yml", "mine.yml", "same.yml"], "files")
        offline.equal(sorted(of(rows, "kept")), ["edited.yml", "mine.yml", "removed.yml"], "kept")
        offline.equal(list(of(rows, "duplicate")), ["moved.yml"], "moved and edited")


@offline.test
def rules_that_are_here_are_not_doubled():
    place = Place({"a.yml": rule(1), "b.yml": rule(2), "c.yml": rule(3)})
    place.content.put("rules/vendor.yml", rule(1))
    place.state.put("etc/rules/local.yml", rule(2))
    code, rows, counts, errors = place.run()
    offline.equal((code, place.names()), (0, ["c.yml"]), f"exit code and files: {errors}")
    offline.contains(of(rows, "duplicate")["a.yml"]["reason"], "vendor.yml", "reason")
    offline.contains(of(rows, "duplicate")["b.yml"]["reason"], "local.yml", "reason")


@offline.test
def a_mapping_comes_with_the_rules():
    place = Place({"a.yml": rule(1, field="exe")})
    mapping = offline.Folder({"partner.yml": MAPPING})
    _, rows, _, _ = place.run("--dry-run")
    offline.equal([row["field"] for row in rows], ["exe"], "without a mapping")
    _, rows, counts, errors = place.run("--mapping", mapping["partner.yml"])
    offline.equal((rows, files(counts)), ([], [2, 0, 0, 0]), f"with it: {errors}")
    events = offline.Folder({"e.jsonl": '{"product": "linux", "category": "process_creation", '
                                        '"Image": "x0"}\n'})
    done = offline.creance("replay", "--json", "--rules", place.path(".."), events["e.jsonl"])
    offline.contains(done.stdout, '"Rule 1"', "match of the imported rule")


@offline.test
def an_interrupted_import_goes_on():
    place = Place({"a.yml": rule(1), "b.yml": rule(2)})
    place.run()
    listed = place.path("../.imported")
    with open(listed) as file:
        lines = file.read().splitlines()
    with open(listed, "w") as file:
        file.write("\n".join(["# Unfinished import."] + lines[1:]) + "\n")
    os.unlink(place.path("b.yml"))
    offline.equal(files(place.run()[2]), [1, 0, 1, 0], "files")
    offline.equal(place.names(), ["a.yml", "b.yml"], "files")
    # And a list that is none stops it before anything is touched.
    with open(listed, "a") as file:
        file.write("0" * 64 + "  ../../../escape.yml\n")
    code, _, counts, errors = place.run()
    offline.equal((code, counts), (3, None), f"with a list that is none: {errors}")


@offline.test
def nothing_to_import_changes_nothing():
    place = Place({"a.yml": rule(1)})
    place.run()
    shutil.rmtree(place.checkout["rules"])
    place.checkout.put("rules/w.yml", rule(3, 0, "windows"))
    code, _, counts, errors = place.run()
    offline.equal((code, counts, place.names()), (1, None, ["a.yml"]), f"wrong folder: {errors}")
    shutil.rmtree(place.checkout["rules"])
    code, _, _, errors = place.run()
    offline.equal((code, place.names()), (3, ["a.yml"]), f"empty folder: {errors}")
    offline.contains(errors, "nothing was changed", "said")


@offline.test
def a_target_that_cannot_be_written_is_said():
    place = Place({"a.yml": rule(1)})
    place.state.put("etc/rules/imported", "this is a file")
    code, _, _, errors = place.run()
    offline.equal(code in (3, 4), True, f"exit code {code}: {errors}")
    place = Place({"a.yml": rule(1)})
    place.state.put("etc/rules/imported/sigma/keep.yml", rule(9))
    outside = offline.Folder()
    os.symlink(outside.path, os.path.join(place.state.path, "etc/rules/imported/sigma/rules"))
    code, _, _, errors = place.run()
    offline.equal((code, os.listdir(outside.path)), (4, []), f"through a link: {errors}")


@offline.test
def public_rules_are_imported():
    place = Place()
    place.checkout.path = offline.shared("data", "sigma")
    code, rows, counts, errors = place.run()
    print(f"# {counts}")
    offline.equal((code, counts["rejected"]), (1, 25), f"placeholders have no values: {errors}")
    assert counts["loaded"] > 150 and counts["inactive"] > 3000, counts
    offline.equal(files(place.run()[2]), [0, 0, counts["new_files"], 0], "files of the second")


offline.main()

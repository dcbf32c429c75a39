#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: none
# timeout: 3000
"""Which branches of the evaluator and the readers the tests reach, and why not the others.

    ./test coverage                     the table; fails for a branch that nobody has explained
    tests/coverage/coverage.py --rows   what is missing in reasons.tsv, as rows without a reason

Unit tests, the seeds of the fuzz targets and, where $CREANCE_SHARED has them, recordings of others
are run as clang instruments them (build/coverage). Each condition, also each part of one with && or
||, has two outcomes, and each of these is a branch. An outcome that was never seen needs a row in
reasons.tsv: file, function, condition, outcome, reason. A row whose branch was seen, or is gone,
fails too. Conditions on planted faults (src/base/fault.h) are not in the product: not counted.
"""
import argparse
import concurrent.futures
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build", "coverage")
REASONS = os.path.join(ROOT, "tests", "coverage", "reasons.tsv")
HEAD = ["file", "function", "condition", "outcome", "reason"]
SHARED = os.environ.get("CREANCE_SHARED", os.path.join(os.path.dirname(ROOT), "shared"))

# As tests and fuzz targets are built, but that clang counts; what has both options is not fuzzed.
OPTIONS = ["-Dtests=true", "-Dfuzzing=true", "-Dfaults=true", "-Db_lundef=false",
           "-Doptimization=1", "-Dc_args=-fprofile-instr-generate -fcoverage-mapping",
           "-Dc_link_args=-fprofile-instr-generate"]
# Programs that reach the files below.
PROGRAMS = re.compile(r"(unit|fuzz)-(base-reader|(engine|content|tuf|ticket)-\w+|log-note)"
                      r"|sigma-reference")
# Files in which each branch must be reached or explained,
EXPLAINED = """
    src/base/reader.c
    src/engine/compare.c src/engine/condition.c src/engine/correlate.c src/engine/evaluate.c
    src/engine/find_bytes.c src/engine/fold.c src/engine/match.c src/engine/rows.c
    src/engine/saved.c src/engine/saved_check.c
""".split()
# and those that are only counted so far.
COUNTED = """
    src/engine/event_time.c src/engine/json.c src/engine/json_walk.c src/engine/pack.c
    src/engine/sigma_text.c src/engine/view.c src/engine/yaml_scalar.c src/engine/yaml_tree.c
    src/content/audit_event.c src/content/audit_record.c src/content/bundle.c
    src/content/bundle_manifest.c src/content/content_line.c src/content/log.c
    src/content/log_audit.c src/content/log_binary_value.c src/content/log_binary_xml.c
    src/content/log_element.c src/content/log_evtx.c src/content/log_fields.c
    src/content/log_json.c src/content/log_source.c src/content/log_windows.c
    src/content/log_xml.c src/content/recording.c
    src/update/log/note.c src/update/ticket/ticket.c
    src/update/tuf/metadata.c src/update/tuf/metadata_json.c
""".split()
# How a reason begins whose branch may be reached, or not: it depends on a random key.
CHANCE = "by chance: "
# More inputs of a fuzz target than its seeds.
RECORDINGS = {
    "content-log_evtx": "data/sigma/regression_data/**/*.evtx",
    "content-log_json": "data/sigma/regression_data/**/*.json",
}
# Rules and events at random, with every construct: the first seed, how many, a planted fault.
REFERENCES = [["1", "10"], ["1", "2", "scanner-refuses"]]


# --- running --------------------------------------------------------------------------------

def run_quietly(command, **variables):
    """Runs a command to its end; says what it said only where it fails."""
    env = dict(os.environ, LLVM_PROFILE_FILE=os.devnull, **variables)  # of meson's trial programs
    done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        text = done.stdout.decode("utf-8", "replace")[-4000:]
        raise SystemExit(f"{text}\nBail out! {' '.join(command[:4])} failed")
    return done.stdout.decode("utf-8", "replace")


def build():
    """Builds what counts here, and nothing else; {name: path} of the programs."""
    if not os.path.exists(os.path.join(BUILD, "build.ninja")):
        run_quietly(["meson", "setup", BUILD, ROOT, *OPTIONS], CC="clang")
    run_quietly(["ninja", "-C", BUILD, "build.ninja"])
    lines = run_quietly(["ninja", "-C", BUILD, "-t", "targets", "all"]).splitlines()
    targets = [line.partition(":")[0] for line in lines]
    found = {os.path.basename(target): target for target in targets
             if PROGRAMS.fullmatch(os.path.basename(target))}
    run_quietly(["ninja", "-C", BUILD, *found.values()])
    return {name: os.path.join(BUILD, target) for name, target in found.items()}


def inputs_of(target):
    """Each file by its name: a target that is not built for fuzzing takes no folders."""
    paths = glob.glob(os.path.join(ROOT, "tests", "fuzz", target, "*"))
    if target in RECORDINGS:
        paths += glob.glob(os.path.join(SHARED, RECORDINGS[target]), recursive=True)
    return sorted(paths)


def run_program(name, path, folder, *arguments):
    """Runs one program; returns the text of its failure, or None."""
    kind, _, target = name.partition("-")
    command = [path] + (inputs_of(target) if kind == "fuzz" else list(arguments))
    environment = dict(os.environ, CREANCE_ROOT=ROOT, TMPDIR=folder,
                       LLVM_PROFILE_FILE=os.path.join(folder, f"{name}-%p.profraw"))
    if kind == "fuzz" and len(command) == 1:
        return f"{name} has no seeds in tests/fuzz/{target}"
    done = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        return done.stdout.decode("utf-8", "replace")[-4000:] + f"\n{name} failed"
    return None


def measure(found, folder):
    """Runs all; returns llvm-cov's account of every function."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = [(name, path, folder) for name, path in sorted(found.items())]
        runs += [(name, path, folder, *words) for name, path, folder in runs
                 if name == "sigma-reference" for words in REFERENCES]
        results = pool.map(lambda run: run_program(*run),
                           [run for run in runs if run[0] != "sigma-reference" or len(run) > 3])
        failures = [failure for failure in results if failure]
    if failures:
        raise SystemExit("Bail out! " + "\n".join(failures))
    profile = os.path.join(folder, "all.profdata")
    subprocess.run(["llvm-profdata", "merge", "-sparse", "-o", profile,
                    *glob.glob(os.path.join(folder, "*.profraw"))], check=True)
    paths = sorted(found.values())
    objects = [word for path in paths[1:] for word in ("-object", path)]
    done = subprocess.run(["llvm-cov", "export", "-instr-profile", profile, paths[0], *objects],
                          stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)["data"][0]["functions"]


# --- branches -------------------------------------------------------------------------------

class Source:
    """A file's text by clang's positions, which count from one."""

    def __init__(self, name):
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            self.lines = file.read().split("\n")

    def between(self, region):
        first, start, last, end = region[:4]
        lines = self.lines[first - 1:last]
        lines[-1] = lines[-1][:end - 1]
        lines[0] = lines[0][start - 1:]
        return " ".join(" ".join(lines).split())

    def call(self, region):
        """A macro's name, where it begins, with its arguments."""
        text = self.lines[region[0] - 1][region[1] - 1:]
        line = region[0]
        while text.count("(") > text.count(")") or "(" not in text:
            text += " " + self.lines[line]
            line += 1
        depth = 0
        for at, character in enumerate(text):
            depth += {"(": 1, ")": -1}.get(character, 0)
            if character == ")" and depth == 0:
                return " ".join(text[:at + 1].split())
        return " ".join(text.split())


def outcomes(function, source):
    """(condition, outcome, line, how often) of each branch of a function."""
    parents = {row[6]: row for row in function["regions"] if row[7] == 1}  # of expanded macros
    parts = {}
    for branch in function["branches"]:
        region, file = branch, branch[6]
        while file != 0 and file in parents:
            region, file = parents[file], parents[file][5]
        if branch[6] == 0:
            condition = source.between(branch)
        else:
            condition = source.call(region)
            parts[branch[6]] = parts.get(branch[6], 0) + 1
            if not condition.startswith("GUARD("):
                condition += f" [{parts[branch[6]]}]"
        if "fault_is_planted" in condition:
            continue
        is_guard = condition.startswith("GUARD(")
        yield condition, "fails" if is_guard else "true", region[0], branch[4]
        yield condition, "passes" if is_guard else "false", region[0], branch[5]


def tally(functions):
    """{file: [reached, total, {(function, condition, outcome): line} that was not]}"""
    table = {name: [0, 0, {}] for name in EXPLAINED + COUNTED}
    sources = {name: Source(name) for name in table}
    for function in functions:
        name = os.path.relpath(os.path.realpath(function["filenames"][0]), ROOT)
        if name not in table:
            continue
        short = function["name"].rpartition(":")[2]
        row = table[name]
        for condition, outcome, line, count in outcomes(function, sources[name]):
            row[1] += 1
            row[0] += count > 0
            if count == 0:
                row[2][(short, condition, outcome)] = line
    return table


def read_reasons():
    """{file: {(function, condition, outcome): reason}}"""
    reasons = {}
    with open(REASONS, encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    if rows[:1] != [HEAD] or any(len(row) != 5 or not row[4].strip() for row in rows):
        raise SystemExit(f"Bail out! {REASONS}: each row has five columns: {', '.join(HEAD)}")
    for name, function, condition, outcome, reason in rows[1:]:
        reasons.setdefault(name, {})[(function, condition, outcome)] = reason
    return reasons


# --- the verdict ----------------------------------------------------------------------------

def judge(name, row, reasons):
    """What is wrong with one file, as lines."""
    wrong = [f"{name}:{line}: {function}(): `{condition}` was never {outcome}, and no row of "
             "reasons.tsv says why" for (function, condition, outcome), line in row[2].items()
             if (function, condition, outcome) not in reasons]
    wrong += [f"{name}: {function}(): `{condition}` {outcome}: this row of reasons.tsv is of a "
              "branch that was reached or is gone: remove it"
              for (function, condition, outcome), reason in reasons.items()
              if (function, condition, outcome) not in row[2] and not reason.startswith(CHANCE)]
    return wrong


def print_table(table):
    print(f"# {'file':40} {'reached':>8} {'of':>6}  {'explained':>9}")
    for names, title in ((EXPLAINED, "each branch explained"), (COUNTED, "counted only, so far")):
        reached = total = 0
        for name in names:
            missing = table[name][2] if names is EXPLAINED else ()
            print(f"# {name:40} {table[name][0]:8} {table[name][1]:6}  {len(missing) or '':>9}")
            reached, total = reached + table[name][0], total + table[name][1]
        print(f"# {title:40} {reached:8} {total:6}  {100 * reached / total:8.1f}%")


def main():
    parser = argparse.ArgumentParser(description="Branch coverage, with a reason for each gap.")
    parser.add_argument("--rows", action="store_true", help="print rows that have no reason yet")
    arguments = parser.parse_args()
    if not os.path.isdir(os.path.join(SHARED, "data", "sigma")):
        print(f"1..0 # skip the recordings that reach many branches are not in {SHARED}")
        return 0
    found = build()
    with tempfile.TemporaryDirectory() as folder:
        table = tally(measure(found, folder))
    reasons = read_reasons()
    if arguments.rows:
        for name in EXPLAINED:
            for key in table[name][2]:
                if key not in reasons.get(name, {}):
                    print("\t".join((name, *key, "")))
        return 0
    print_table(table)
    print(f"1..{len(EXPLAINED) + 1}")
    for number, name in enumerate(EXPLAINED, 1):
        wrong = judge(name, table[name], reasons.pop(name, {}))
        wrong += [] if table[name][1] else [f"{name}: no program that was run contains it"]
        for line in wrong:
            print("# " + line)
        print(f"{'not ok' if wrong else 'ok'} {number} - {name}: each branch is reached, or "
              "explained")
    strangers = sorted(reasons)
    print(f"{'not ok' if strangers else 'ok'} {len(EXPLAINED) + 1} - reasons.tsv names no other "
          f"file {' '.join(strangers)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: fuzz
# timeout: 86400
"""Fuzzes each target until tests/fuzz/hours.tsv, over all runs, has --hours CPU hours of it.

    ./test long/fuzz_hours                                all targets
    tests/long/fuzz_hours.py --hours 2 --minutes 10 log-note log-proof

What was found before is kept in build/fuzz-corpus. Rounds are short and the target with the least
time goes next, so that it can be stopped at any moment. Idle priority: it takes what nobody wants.
"""
import argparse
import datetime
import glob
import os
import re
import resource
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CREANCE_BUILD", os.path.join(ROOT, "build", "fuzz"))
LEDGER = os.path.join(ROOT, "tests", "fuzz", "hours.tsv")
HEAD = "target\tcommit\tdate\tcpu_seconds\texecutions\tcorpus_files\tfindings\n"


def all_targets():
    """Each target's name and its program."""
    paths = glob.glob(os.path.join(BUILD, "src", "**", "fuzz-*"), recursive=True)
    return {os.path.basename(path)[len("fuzz-"):]: path for path in paths
            if os.access(path, os.X_OK) and os.path.isfile(path)}


def read_ledger():
    """CPU seconds of each target so far."""
    spent = {}
    if os.path.exists(LEDGER):
        with open(LEDGER, encoding="utf-8") as file:
            for row in list(file)[1:]:
                fields = row.rstrip("\n").split("\t")
                spent[fields[0]] = spent.get(fields[0], 0) + float(fields[3])
    return spent


def write_row(row):
    """Rounds of the same target, commit and day are one row."""
    rows = []
    if os.path.exists(LEDGER):
        with open(LEDGER, encoding="utf-8") as file:
            rows = [line.rstrip("\n").split("\t") for line in list(file)[1:]]
    for old in rows:
        if old[:3] == row[:3]:
            old[3], old[4] = str(int(old[3]) + int(row[3])), str(int(old[4]) + int(row[4]))
            old[5], old[6] = row[5], str(int(old[6]) + int(row[6]))
            break
    else:
        rows.append(row)
    with open(LEDGER + ".new", "w", encoding="utf-8") as file:
        file.write(HEAD + "".join("\t".join(each) + "\n" for each in sorted(rows)))
    os.replace(LEDGER + ".new", LEDGER)


def be_idle():
    """For the child: nobody's work waits for it."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def fuzz(name, program, seconds):
    """One round; its row."""
    corpus = os.path.join(ROOT, "build", "fuzz-corpus", name)
    failures = os.path.join(ROOT, "build", "fuzz-failures")
    os.makedirs(corpus, exist_ok=True)
    os.makedirs(failures, exist_ok=True)
    seeds = os.path.join(ROOT, "tests", "fuzz", name)
    command = [program, f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=2048",
               "-print_final_stats=1", "-verbosity=0", f"-artifact_prefix={failures}/{name}-",
               corpus]
    command += [seeds] if os.path.isdir(seeds) else []
    command += [f"-dict={seeds}.dict"] if os.path.isfile(seeds + ".dict") else []
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         errors="replace", preexec_fn=be_idle, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", run.stdout)
    if run.returncode != 0:
        print("\n".join("# " + line for line in run.stdout.splitlines()[-30:]), flush=True)
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], text=True,
                            stdout=subprocess.PIPE, check=False).stdout.strip()
    return [name, commit, datetime.date.today().isoformat(), str(round(cpu)),
            runs.group(1) if runs else "0", str(len(os.listdir(corpus))),
            "1" if run.returncode != 0 else "0"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--hours", type=float, default=2)
    parser.add_argument("--minutes", type=float, default=10, help="of one round")
    parser.add_argument("targets", nargs="*")
    options = parser.parse_args()
    programs = all_targets()
    names = options.targets or sorted(programs)
    found = set()
    print(f"1..{len(names)}", flush=True)
    while True:
        spent = read_ledger()
        waiting = [name for name in names if spent.get(name, 0) < options.hours * 3600
                   and name not in found]
        if not waiting:
            break
        name = min(waiting, key=lambda each: spent.get(each, 0))
        row = fuzz(name, programs[name], round(options.minutes * 60))
        write_row(row)
        if row[6] != "0":
            found.add(name)
        print(f"# {name}: {row[3]} s of CPU, {row[4]} inputs, corpus {row[5]}", flush=True)
    for number, name in enumerate(names, 1):
        verdict = "not ok" if name in found else "ok"
        print(f"{verdict} {number} - {name}: {spent[name] / 3600:.2f} CPU hours")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

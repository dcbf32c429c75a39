#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: release test
# timeout: 900
"""How long it takes from a system call until the alert about it stands in alerts.jsonl, with all
public Linux rules, when nothing else happens and under the storm (process starts, files and
connections as fast as this machine gives).

`tests/bench/latency.py --write` puts the table into docs/benchmarks.md. Each operation carries the
time just before its system call in its name; a reader that the kernel wakes (inotify) takes the
time when it has read the line. Both run at real-time priority, so that what is measured is the
agent's time and not that of the two.
"""
import argparse
import contextlib
import ctypes
import json
import multiprocessing
import os
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

import cost
import page
from harness import Agent, Skip, expect, require_sensor, run_tests, wait_until

STORM = os.path.join(os.path.dirname(cost.LOADS), "storm", "storm")
NOTHING = os.path.join(cost.LOADS, "bench-nothing")
WORD = "creance-latency"
# So many rules take turns, since the alerts of one rule are limited when they come too fast.
RULES = 64
COUNT = 1000
GAP_SECONDS = 0.013
STORM_KINDS = {"start": "some-other-word", "file": "some-other-word", "network": "29418"}
AIMS_MS = {"idle": 2, "under the storm": 20}
RULE = """
title: Latency, {kind} {number}
id: 7d3c1c52-1f0e-4d55-9d57-{kind_number:04d}{number:08d}
status: experimental
logsource:
    product: linux
    category: {category}
detection:
    selection:
        {field}|contains: '{word}-{number:02d}-'
    condition: selection
level: low
"""
KINDS = {"a process start": ("process_creation", "CommandLine"),
         "a file that is made": ("file_event", "TargetFilename")}


def now_ns():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def real_time():
    """Real-time priority for this process, where the machine allows it."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def make_content(public, folder):
    """The public rules and ours."""
    os.chmod(folder, 0o755)
    shutil.copytree(os.path.join(public, "rules"), os.path.join(folder, "rules"))
    for kind_number, (kind, (category, field)) in enumerate(KINDS.items()):
        for number in range(RULES):
            path = os.path.join(folder, "rules", f"latency-{kind_number}-{number}.yml")
            with open(path, "w") as file:
                file.write(RULE.format(kind=kind, number=number, kind_number=kind_number,
                                       category=category, field=field, word=WORD))


def read_alerts(path, count, results, is_ready):
    """In a process of its own: the time from call to line of so many alerts."""
    real_time()
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init()
    libc.inotify_add_watch(watch, path.encode(), 0x2)  # IN_MODIFY
    pattern = re.compile(rf"{WORD}-\d\d-(\d+)-".encode())
    seen = {}
    with open(path, "rb", buffering=0) as file:
        file.seek(0, os.SEEK_END)
        is_ready.set()
        rest = b""
        while len(seen) < count:
            os.read(watch, 4096)
            rest += file.read()
            now = now_ns()
            *lines, rest = rest.split(b"\n")
            for line in lines:
                for begin in set(pattern.findall(line)):
                    seen.setdefault(int(begin), now - int(begin))
            results[:] = [list(seen.values())]


def start_process(number):
    begin = now_ns()
    pid = os.posix_spawn(NOTHING, [NOTHING, f"{WORD}-{number:02d}-{begin}-"], {})
    os.waitpid(pid, 0)


def make_file(number):
    begin = now_ns()
    os.close(os.open(f"{WORD}-{number:02d}-{begin}-", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC))
    os.unlink(f"{WORD}-{number:02d}-{begin}-")


def operate(kind, folder):
    """In a process of its own: COUNT operations."""
    real_time()
    os.chdir(folder)
    operation = start_process if kind == "a process start" else make_file
    for number in range(COUNT):
        operation(number % RULES)
        # Not in step with any timer of the agent.
        time.sleep(GAP_SECONDS * (0.5 + (number * 7 % 11) / 11))


def measure(agent, kind, folder):
    """Nanoseconds from call to line, of all that were seen."""
    with multiprocessing.Manager() as manager:
        results, is_ready = manager.list(), manager.Event()
        path = os.path.join(agent.state, "log", "alerts.jsonl")
        reader = multiprocessing.Process(target=read_alerts, args=(path, COUNT, results, is_ready))
        reader.start()
        is_ready.wait()
        worker = multiprocessing.Process(target=operate, args=(kind, folder))
        worker.start()
        worker.join()
        reader.join(20)  # an alert that was lost or grouped never comes
        reader.terminate()
        reader.join()
        return results[0] if results else []


@contextlib.contextmanager
def storm(folder):
    running = [subprocess.Popen([STORM, kind, "600", "0", mark], cwd=folder,
                                stdout=subprocess.DEVNULL) for kind, mark in STORM_KINDS.items()]
    try:
        time.sleep(2)
        expect(all(process.poll() is None for process in running), "a storm did not begin")
        yield
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
            process.wait()


def first_alert(agent, folder):
    """An alert stands in the log, so that there is one."""
    previous = os.getcwd()
    os.chdir(folder)
    make_file(0)
    os.chdir(previous)
    wait_until(lambda: os.path.exists(os.path.join(agent.state, "log", "alerts.jsonl")), 20,
               "the first alert")


def measure_all(content):
    """[(when, kind, ns of each)]"""
    rows = []
    with tempfile.TemporaryDirectory(prefix="creance-bench-", dir="/dev/shm") as folder, \
            Agent(content=content) as agent:
        first_alert(agent, folder)
        for when in AIMS_MS:
            with storm(folder) if when != "idle" else contextlib.nullcontext():
                rows += [(when, kind, measure(agent, kind, folder)) for kind in KINDS]
    return rows


def table(rows):
    lines = ["| | what | median | 99th percentile | longest | seen | aim |",
             "|---|---|---|---|---|---|---|"]
    for when, kind, times in rows:
        if not times:
            lines.append(f"| {when} | {kind} | | | | 0 of {COUNT} | |")
            continue
        ms = sorted(time_ns / 1e6 for time_ns in times)
        last = statistics.quantiles(ms, n=100)[98]
        lines.append(f"| {when} | {kind} | {statistics.median(ms):.2f} ms | {last:.2f} ms | "
                     f"{ms[-1]:.1f} ms | {len(ms)} of {COUNT} | {AIMS_MS[when]} ms |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put it into docs/benchmarks.md")
    parser.add_argument("--json", metavar="FILE", help="write all times as JSON")
    options = parser.parse_args()

    def test():
        """the time from a system call to its alert line is measured, idle and under the storm"""
        require_sensor()
        if not os.path.exists(STORM):
            raise Skip(f"the storm is not built ({STORM})")
        public, holder = cost.public_rules()
        with tempfile.TemporaryDirectory(prefix="creance-bench-") as content:
            with holder:
                make_content(public, content)
            rows = measure_all(content)
        lines = table(rows)
        for line in lines:
            print(f"# {line}")
        if options.json:
            with open(options.json, "w") as file:
                json.dump(rows, file)
        if options.write:
            page.replace("latency", [f"Measured {cost.describe_machine()}, by "
                                     "`tests/bench/latency.py --write`.", "", *lines])
        expect(all(times for _, _, times in rows), "no alert was seen")
    run_tests([test])


if __name__ == "__main__":
    main()

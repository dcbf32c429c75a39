#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: release test
# timeout: 3600
"""What the agent costs a host beside what auditd costs it, in one run.

Each pair measures every operation and a real build three times: with nothing, with the agent and
all public Linux rules (detection included), and with auditd and rules of the same coverage (its
log written, nothing detected). `tests/bench/beside_auditd.py --write` puts the table into
docs/benchmarks.md.
"""
import argparse
import contextlib
import fcntl
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time

import cost
import page
from audit import Auditd, require
from harness import Agent, Skip, expect, require_sensor, run_tests

# What Falco's libraries cost on such a machine, in it + in the reader (no rules, no detection):
# history, it cannot be installed here.
FALCO_US = {"exec": 20 + 12, "file": 2.7 + 1.9, "tcp": 3.8 + 2.9, "open": 1.6 + 0.9, "call": 0.09}
AIM_OF_FALCO = {"exec": 1, "file": 1.5, "tcp": 1.5, "open": 1, "call": 1}
# Each operation is measured so often, and the least counts: what other programs of this machine do
# meanwhile (caches, the other half of a core) only ever makes an operation dearer.
REPEATS = 3
BUILD_TARGETS = ("src/base/libbase.a", "src/engine/libengine.a")


class Build:
    """A real build: two of our own libraries, by meson and ninja, in memory, without a cache."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "build")
        self.environment = dict(os.environ, CCACHE_DISABLE="1", CC="gcc")

    def prepare(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        subprocess.run(["meson", "setup", "--buildtype=release", self.folder, cost.ROOT],
                       env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def cpu_ns(self):
        """CPU time of the whole build."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(["ninja", "-C", self.folder, *BUILD_TARGETS], env=self.environment,
                       check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return ((after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)) * 1e9


class WithAgent:
    """The agent as one of the two that are compared."""

    def __init__(self, content):
        self.agent = Agent(content=content)

    def __enter__(self):
        self.agent.__enter__()
        time.sleep(1)
        return self

    def __exit__(self, *problem):
        self.agent.__exit__(*problem)

    def cpu_ns(self):
        return cost.agent_cpu_ns(self.agent)

    def settle(self):
        cost.settle(self.agent)

    def memory_kib(self):
        return cost.agent_memory_kib(self.agent)[0]

    def expect_nothing_lost(self):
        counters = self.agent.status()["counters"]
        lost = {name: value for name in ("kernel_ring_full", "engine_events_lost")
                if (value := counters[name]["value"])}
        expect(not lost, f"events were lost, so the agent did less than it should: {lost}")


def loads(folder, build):
    """name -> function that does it and tells the CPU time of one, in ns; how many it does."""
    def least(name):
        return min(cost.load(name, folder) for _ in range(REPEATS))
    rows = {name: (lambda name=name: least(name), count * REPEATS)
            for name, (count, _) in cost.OPERATIONS.items()}
    rows["build"] = (build.cpu_ns, 1)
    return rows


def measure_nothing(folder, build):
    build.prepare()
    return {name: run() for name, (run, _) in loads(folder, build).items()}


def measure_watched(watcher, folder, build):
    """({operation: (ns in it, ns in the watcher)}, idle ns in a second, memory in KiB)."""
    build.prepare()
    with watcher:
        before, begin = watcher.cpu_ns(), time.monotonic()
        time.sleep(3)
        idle = (watcher.cpu_ns() - before) / (time.monotonic() - begin)
        figures = {}
        for name, (run, count) in loads(folder, build).items():
            before, begin = watcher.cpu_ns(), time.monotonic()
            own = run()
            watcher.settle()
            spent = watcher.cpu_ns() - before - idle * (time.monotonic() - begin)
            figures[name] = own, spent / count
        watcher.expect_nothing_lost()
        return figures, idle, watcher.memory_kib()


def other_agents():
    """How many agents run here that are none of ours: they make the difference look smaller."""
    count = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/comm") as file:
                count += file.read().strip() == "creanced"
    return count


def measure(content, options):
    """[(without, agent, auditd)] of all pairs, and how many other agents were seen."""
    rows, others = [], 0
    with tempfile.TemporaryDirectory(prefix="creance-bench-", dir="/dev/shm") as folder:
        build = Build(folder)
        for number in range(options.pairs):
            with contextlib.ExitStack() as stack:
                if options.lock:
                    fcntl.flock(stack.enter_context(open(options.lock)), fcntl.LOCK_EX)
                others = max(others, other_agents())
                rows.append((measure_nothing(folder, build),
                             measure_watched(WithAgent(content), folder, build),
                             measure_watched(Auditd(), folder, build)))
            print(f"# pair {number + 1} of {options.pairs} is measured", flush=True)
    return rows, others


def added_us(rows, which, name):
    """Medians of what is added: (in the operation, in the watcher, both)."""
    inside = [row[which][0][name][0] - row[0][name] for row in rows]
    outside = [row[which][0][name][1] for row in rows]
    both = [one + other for one, other in zip(inside, outside)]
    return [statistics.median(values) / 1000 for values in (inside, outside, both)]


def row_of(rows, name, what):
    agent, audit = added_us(rows, 1, name), added_us(rows, 2, name)
    without = statistics.median(row[0][name] for row in rows) / 1000
    digits = 1 if without > 5 else 3
    allowed = FALCO_US[name] * AIM_OF_FALCO[name]
    reached = agent[2] <= allowed and agent[2] <= audit[2] / 4
    return (f"| {what} | {without:.{digits}f} | {agent[0]:.{digits}f} + {agent[1]:.{digits}f} | "
            f"{audit[0]:.{digits}f} + {audit[1]:.{digits}f} | {agent[2] / audit[2]:.2f} | "
            f"{allowed:.{digits}f} and 0.25 | {'yes' if reached else 'no'} |")


def table(rows, rules):
    lines = ["CPU time added, in the operation + in the processes of the watcher; microseconds "
             f"for each operation, medians of {len(rows)} pairs; the agent with {rules} of the "
             "public Linux rules, detecting, auditd writing its log.", "",
             "| operation | without | agent | auditd | agent / auditd | aim: at most | reached |",
             "|---|---|---|---|---|---|---|"]
    lines += [row_of(rows, name, what) for name, (_, what) in cost.OPERATIONS.items()]
    shares = []
    for which in (1, 2):
        inside = statistics.median(row[which][0]["build"][0] / row[0]["build"] for row in rows)
        outside = statistics.median(row[which][0]["build"][1] / row[0]["build"] for row in rows)
        shares.append((inside, outside))
    (agent, agent_own), (audit, audit_own) = shares
    seconds = statistics.median(row[0]["build"] for row in rows) / 1e9
    lines += [f"| a real build ({seconds:.1f} s of CPU), ratio | 1 | {agent:.3f} + {agent_own:.3f} "
              f"| {audit:.3f} + {audit_own:.3f} | | 1.02 | "
              f"{'yes' if agent + agent_own <= 1.02 else 'no'} |", ""]
    memory = [statistics.median(row[which][2] for row in rows) / 1024 for which in (1, 2)]
    idle = [statistics.median(row[which][1] for row in rows) / 1e7 for which in (1, 2)]
    lines.append(f"Memory (proportional set size of all processes, rings included): agent "
                 f"{memory[0]:.1f} MiB (aim: 50), auditd {memory[1]:.1f} MiB. When nothing "
                 f"happens: agent {idle[0]:.2f} % of one core (aim: 0.5), auditd {idle[1]:.2f} %.")
    return lines


def compare(options):
    require_sensor()
    require()
    if not os.path.exists(os.path.join(cost.LOADS, "bench-load")):
        raise Skip(f"the load programs are not built ({cost.LOADS})")
    content, holder = cost.public_rules()
    with holder:
        with Agent(content=content) as agent:
            rules = agent.status()["rules"]["loaded"]
        rows, others = measure(content, options)
    lines = table(rows, rules)
    if others:
        lines += ["", f"While this was measured, up to {others} other agents ran here (tests): "
                  "what is added in operations may be more than it looks."]
    for line in lines:
        print(f"# {line}")
    if options.write:
        page.replace("beside auditd", [f"Measured {cost.describe_machine()}, by "
                                       "`tests/bench/beside_auditd.py --write`.", "", *lines])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=7, help="alternating pairs (default: 7)")
    parser.add_argument("--write", action="store_true", help="put it into docs/benchmarks.md")
    parser.add_argument("--lock", metavar="FILE", help="hold this lock during each pair, on a "
                        "machine where others measure too")
    options = parser.parse_args()

    def test():
        """what the agent and auditd add to operations and to a build is measured"""
        compare(options)
    run_tests([test])


if __name__ == "__main__":
    main()

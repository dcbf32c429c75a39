#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: faults
# timeout: 900
"""What a release costs a host: from its arrival until it judges events (without age and bake time),
the way back, the processor time and memory of its trial and of the second engine, and what its
verification with three witnesses takes.

`tests/bench/road.py --write` puts the table into docs/benchmarks.md.
"""
import argparse
import os
import resource
import statistics
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# As shipped, but without the limit of switches a day.
os.environ["CREANCE_BUILD"] = os.environ["CREANCE_RELEASE"] = os.path.join(ROOT, "build", "faults")
sys.path[:0] = [os.path.join(ROOT, "tests", "e2e"), os.path.dirname(os.path.abspath(__file__))]
import cost  # noqa: E402
import page  # noqa: E402
import updates  # noqa: E402
from harness import creance, expect, require_sensor, run_tests, wait_until  # noqa: E402
from publisher import Publisher  # noqa: E402

POLICY = ("--update-policy", "age=0,urgent=0,full=0,bake=60,shadow=0,retry=3600")
MANIFEST = ("name: {name}\nkind: rules\nversion: {version}\nschema: 1\nengine_level: 1\n"
            "steps: 60000\nsteps_per_rule: 500\nmemory_mib: 64\n")
SIZES = (1, 200)
ROUNDS = 7
PAGE_BYTES = os.sysconf("SC_PAGESIZE")


def sources(count, version):
    """Rules with their tests."""
    files = updates.rule_about(f"creance-road-{version}")
    for number in range(1, count):
        word = f"creance-road-{version}-{number:04d}"
        for name, text in updates.rule_about(word).items():
            text = text.replace("0a2f01", f"{number:06x}")
            files[name.replace("one", f"r{number}")] = text
    return files


class Sampler(threading.Thread):
    """Looks at the children of the agent every few milliseconds: the largest memory of its own and
    the processor time of each process that was started since."""

    def __init__(self, agent):
        super().__init__(daemon=True)
        self.parent = agent.process.pid
        self.known = set(self.pids())
        self.seen, self.is_over = {}, False

    def pids(self):
        with open(f"/proc/{self.parent}/task/{self.parent}/children") as file:
            return [int(word) for word in file.read().split()]

    def look(self, pid):
        with open(f"/proc/{pid}/comm") as file:
            name = file.read().strip()
        with open(f"/proc/{pid}/schedstat") as file:
            cpu_ms = int(file.read().split()[0]) / 1e6
        with open(f"/proc/{pid}/statm") as file:
            words = file.read().split()
        mib = (int(words[1]) - int(words[2])) * PAGE_BYTES / (1 << 20)
        before = self.seen.get(name, (0, 0))
        self.seen[name] = (max(before[0], cpu_ms), max(before[1], mib))

    def run(self):
        while not self.is_over:
            for pid in set(self.pids()) - self.known:
                try:
                    self.look(pid)
                except (OSError, IndexError):
                    pass  # it has ended
            time.sleep(0.002)

    def stop(self):
        self.is_over = True
        self.join()
        return self.seen


def switches(agent):
    return agent.said().count("judges from event")


def until_switch(agent, before):
    """Milliseconds on the clock until another engine judges."""
    end = time.monotonic() + 60
    while switches(agent) == before:
        expect(time.monotonic() < end, f"no switch: {agent.said()}")
        time.sleep(0.001)
    return time.monotonic()


def measure(agent, version, count, figures):
    bundle = updates.make_bundle(version, sources(count, version), MANIFEST)
    sampler, before = Sampler(agent), switches(agent)
    sampler.start()
    begin = time.monotonic()
    updates.offer(agent, version, bundle)
    figures["arrival"].append((until_switch(agent, before) - begin) * 1e3)
    time.sleep(0.1)
    seen = sampler.stop()
    for name, word in (("creance-trial", "trial"), ("creance-engine", "engine")):
        figures[f"{word} cpu"].append(seen[name][0])
        figures[f"{word} memory"].append(seen[name][1])
    updates.wait_state(agent, version, "probation")
    before = switches(agent)
    begin = time.monotonic()
    done = creance("content", "rollback", "--state", agent.state)
    expect(done.returncode == 0, done.stderr)
    figures["order"].append((until_switch(agent, before) - begin) * 1e3)
    updates.wait_state(agent, version, "rolled back")


def measure_size(count):
    figures = {name: [] for name in ("arrival", "trial cpu", "trial memory", "engine cpu",
                                     "engine memory", "order")}
    agent = updates.start(POLICY, "switches-freely")
    try:
        for version in range(1, ROUNDS + 1):
            measure(agent, version, count, figures)
    finally:
        agent.__exit__()
    return figures


def cpu_ms(*arguments):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = creance(*arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    expect(done.returncode == 0, done.stderr)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3


def measure_verification():
    """Processor time of one verification of a proof with three witnesses, without the program's
    own start."""
    with Publisher(witnesses=3) as publisher:
        publisher.release(publisher.build(1, "one"), "--first")
        proof = subprocess.run(["find", publisher["repository/targets"], "-name", "*.tlog-proof"],
                               capture_output=True, text=True, check=True).stdout.split()[0]
        arguments = ("log", "verify", "--policy", publisher["policy"])
        one = [cpu_ms(*arguments, proof) for _ in range(3 * ROUNDS)]
        many = [cpu_ms(*arguments, *[proof] * 21) for _ in range(3 * ROUNDS)]
    return (statistics.median(many) - statistics.median(one)) / 20


def row(name, figures, unit, digits=0):
    cells = " | ".join(f"{statistics.median(each):.{digits}f} {unit} "
                       f"({min(each):.{digits}f}..{max(each):.{digits}f})" for each in figures)
    return f"| {name} | {cells} |"


def table(all_figures, verification_ms):
    def of(name):
        return [figures[name] for figures in all_figures]
    heads = " | ".join(f"{size} rule{'s' if size > 1 else ''}" for size in SIZES)
    return [f"| | {heads} |", "|---|" + "---|" * len(SIZES),
            row("from its arrival until it judges events (looked for once a second)",
                of("arrival"), "ms"),
            row("back: from `creance content rollback` until the engine before judges",
                of("order"), "ms"),
            row("its trial, processor time", of("trial cpu"), "ms", 1),
            row("its trial, memory of its own", of("trial memory"), "MiB", 1),
            row("the second engine until it judges, processor time", of("engine cpu"), "ms", 1),
            row("the second engine, memory of its own", of("engine memory"), "MiB", 1), "",
            f"Verifying a release's proof against the public log with 3 witnesses takes "
            f"{verification_ms:.2f} ms of processor time."]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put it into docs/benchmarks.md")
    options = parser.parse_args()

    def test():
        """what a release costs a host is measured"""
        require_sensor()
        wait_until(lambda: os.path.exists(os.environ["CREANCE_BUILD"]), 1, "build/faults")
        lines = table([measure_size(size) for size in SIZES], measure_verification())
        for line in lines:
            print(f"# {line}")
        if options.write:
            page.replace("road", [f"Measured {cost.describe_machine()}, by `tests/bench/road.py "
                                  "--write`; medians (lowest..highest) of "
                                  f"{ROUNDS} releases.",
                                  "", *lines])
    run_tests([test])


if __name__ == "__main__":
    main()

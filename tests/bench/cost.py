#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: release test
# timeout: 1800
"""What the agent costs a host: CPU time that it adds to an operation, in the operation itself and
in the agent's own processes, and the memory of its processes.

`./test bench/cost` prints the table; `tests/bench/cost.py --write` also puts it into
docs/benchmarks.md, `--json FILE` keeps the figures. Each pair measures every operation without an
agent and then with one; what counts is the median over the pairs of the difference.

CPU time, not elapsed time: what other programs do meanwhile changes it little. The agent's own time
is that of all its threads as the scheduler counts it (/proc/PID/task/TID/schedstat), from before
the operations until all their events are judged, less what it takes when nothing happens.
"""
import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LOADS = os.path.join(os.environ.get("CREANCE_BUILD", os.path.join(ROOT, "build/test")),
                     "tests", "bench")
os.environ["CREANCE_BUILD"] = os.environ.get("CREANCE_RELEASE", os.path.join(ROOT, "build/release"))
sys.path[:0] = [os.path.join(ROOT, "tests", "e2e"), os.path.dirname(os.path.abspath(__file__))]
import page  # noqa: E402
from harness import CONTENT, SHARED, Agent, Skip, expect, require_sensor, run_tests  # noqa: E402

# name: (how often, what it is)
OPERATIONS = {
    "exec": (3000, "fork + exec + exit of a static program"),
    "file": (15000, "create + write + rename + unlink of a file (tmpfs)"),
    "tcp": (8000, "TCP connect + accept + close, loopback"),
    "open": (200000, "open + close of a file for reading"),
    "call": (2000000, "a system call that nobody watches"),
}
SETTLE_SECONDS = 30


def load(operation, folder):
    """Nanoseconds of CPU for each operation of a load program run, its children included."""
    count = OPERATIONS[operation][0]
    done = subprocess.run([os.path.join(LOADS, "bench-load"), operation, str(count),
                           os.path.join(LOADS, "bench-nothing")],
                          cwd=folder, check=True, capture_output=True, text=True)
    return int(done.stdout) / count


def agent_pids(agent):
    return [agent.process.pid, *agent.children().values()]


def agent_cpu_ns(agent):
    """Nanoseconds that the agent's processes have run, children that ended left out."""
    total = 0
    for pid in agent_pids(agent):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                total += int(file.read().split()[0])
    return total


def agent_memory_kib(agent):
    """(proportional set size, of that shared memory: the rings and tables) of all processes."""
    sizes = {"Pss": 0, "Pss_Shmem": 0}
    for pid in agent_pids(agent):
        with open(f"/proc/{pid}/smaps_rollup") as file:
            for line in file:
                name = line.split(":")[0]
                if name in sizes:
                    sizes[name] += int(line.split()[1])
    return sizes["Pss"], sizes["Pss_Shmem"]


def waiting_events(agent):
    values = {name: row["value"] for name, row in agent.status()["counters"].items()}
    return values["sensor_events"] - values["engine_events"] - values["engine_events_lost"]


def settle(agent):
    """Waits until the engine has judged what the sensor has seen."""
    end = time.monotonic() + SETTLE_SECONDS
    time.sleep(0.3)  # the sensor's timer and a round of the engine
    while waiting_events(agent) > 50 and time.monotonic() < end:
        time.sleep(0.1)


def idle_ns_per_second(agent):
    before, begin = agent_cpu_ns(agent), time.monotonic()
    time.sleep(2)
    return (agent_cpu_ns(agent) - before) / (time.monotonic() - begin)


def measure_with(content, folder):
    """Per operation ns (in itself, in the agent); idle share of a core; memory; rules."""
    with Agent(content=content) as agent:
        time.sleep(1)
        idle = idle_ns_per_second(agent)
        figures = {}
        for operation, (count, _) in OPERATIONS.items():
            before, begin = agent_cpu_ns(agent), time.monotonic()
            own = load(operation, folder)
            settle(agent)
            spent = agent_cpu_ns(agent) - before - idle * (time.monotonic() - begin)
            figures[operation] = (own, spent / count)
        status = agent.status()
        lost = {name: value for name in ("kernel_ring_full", "engine_events_lost")
                if (value := status["counters"][name]["value"])}
        expect(not lost, f"events were lost, so the agent did less than it should: {lost}")
        return figures, idle / 1e9, agent_memory_kib(agent), status["rules"]["loaded"]


def measure(content, pairs):
    """The figures of one rule set."""
    rows, idles, memories, rules = [], [], [], 0
    # In memory: what a disk's journal costs comes and goes, and is not what is compared here.
    with tempfile.TemporaryDirectory(prefix="creance-bench-", dir="/dev/shm") as folder:
        for number in range(pairs):
            without = {operation: load(operation, folder) for operation in OPERATIONS}
            with_agent, idle, memory, rules = measure_with(content, folder)
            idles.append(idle)
            memories.append(memory)
            rows.append({operation: (without[operation], with_agent[operation][0],
                                     with_agent[operation][1]) for operation in OPERATIONS})
            print(f"# pair {number + 1} of {pairs}: exec adds "
                  f"{(rows[-1]['exec'][1] - rows[-1]['exec'][0]) / 1000:.1f} + "
                  f"{rows[-1]['exec'][2] / 1000:.1f} us", flush=True)
    operations = {}
    for operation in OPERATIONS:
        added = [row[operation][1] - row[operation][0] for row in rows]
        agent = [row[operation][2] for row in rows]
        sums = [one + other for one, other in zip(added, agent)]
        operations[operation] = {
            "without_us": statistics.median(row[operation][0] for row in rows) / 1000,
            "added_us": statistics.median(added) / 1000,
            "agent_us": statistics.median(agent) / 1000,
            "sum_us_range": [min(sums) / 1000, max(sums) / 1000],
        }
    return {"rules": rules, "pairs": pairs, "operations": operations,
            "idle_share_of_core": statistics.median(idles),
            "memory_mib": statistics.median(memory[0] for memory in memories) / 1024,
            "memory_shared_mib": statistics.median(memory[1] for memory in memories) / 1024}


def rule_sets():
    """(name, content folder, what keeps it alive) of each rule set to measure with."""
    yield "the starter rules", CONTENT, None
    public = os.path.join(SHARED, "data", "sigma", "rules", "linux")
    if os.path.isdir(public):
        holder = tempfile.TemporaryDirectory(prefix="creance-bench-")
        os.chmod(holder.name, 0o755)
        subprocess.run(["cp", "-rL", public, os.path.join(holder.name, "rules")], check=True)
        yield "the public Linux rules (SigmaHQ)", holder.name, holder
    else:
        print(f"# the public rules are not at {SHARED}: only the starter rules are measured")


def public_rules():
    """(content folder, what keeps it alive) of the public Linux rules."""
    for _, content, holder in rule_sets():
        if holder is not None:
            return content, holder
    raise Skip("the public rules are not here (CREANCE_SHARED)")


def table(name, figures):
    lines = [f"With {name} ({figures['rules']} loaded), medians of {figures['pairs']} pairs, "
             "microseconds of CPU for each operation:", "",
             "| operation | without | added in it | in the agent | lowest..highest sum |",
             "|---|---|---|---|---|"]
    for operation, (_, what) in OPERATIONS.items():
        row = figures["operations"][operation]
        low, high = row["sum_us_range"]
        digits = 1 if row["without_us"] > 5 else 3
        lines.append(f"| {what} | {row['without_us']:.{digits}f} | {row['added_us']:.{digits}f} "
                     f"| {row['agent_us']:.{digits}f} | {low:.{digits}f}..{high:.{digits}f} |")
    memory, shared = figures["memory_mib"], figures["memory_shared_mib"]
    lines += ["", f"Memory: {memory:.1f} MiB (proportional set size of all processes), "
              f"{shared:.1f} MiB of it rings and tables in shared memory. When nothing happens: "
              f"{figures['idle_share_of_core'] * 100:.2f} % of one core."]
    return lines


def describe_machine():
    return f"{datetime.date.today()}, {os.cpu_count()} cores (virtual), Linux {platform.release()}"


def what_it_costs(options):
    require_sensor()
    if not os.path.exists(os.path.join(LOADS, "bench-load")):
        raise Skip(f"the load programs are not built ({LOADS})")
    results, lines = {}, []
    for name, content, holder in rule_sets():
        results[name] = measure(content, options.pairs)
        lines += table(name, results[name]) + [""]
        if holder is not None:
            holder.cleanup()
    for line in lines:
        print(f"# {line}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"machine": describe_machine(), "figures": results}, file, indent=1)
    if options.write:
        page.replace("cost", [f"Measured {describe_machine()}, by `tests/bench/cost.py --write`.",
                              "", *lines[:-1]])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=7, help="alternating pairs (default: 7)")
    parser.add_argument("--write", action="store_true", help="put it into docs/benchmarks.md")
    parser.add_argument("--json", metavar="FILE", help="write the figures as JSON")
    options = parser.parse_args()

    def test():
        """what the agent adds to operations, and what it holds, is measured"""
        what_it_costs(options)
    run_tests([test])


if __name__ == "__main__":
    main()

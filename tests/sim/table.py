#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The table of docs/rollouts.md: what the default policy makes of each kind of fault.

    tests/sim/table.py [--seeds 1000] [--hosts 100000] [--program PATH] [--write]

Without --write it only prints. Each row is one run of creance-sim for each seed; --write puts the
table between the marks of docs/rollouts.md and redraws its charts.
"""
import argparse
import concurrent.futures
import json
import os
import re
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = os.path.join(ROOT, "docs", "rollouts.md")
CHART = os.path.join(ROOT, "docs", "rollouts-trade-off.svg")

# what it is, what the scenario says, whether a gate can see it
FAULTS = [
    ("crashes every host that loads it", "fault=host fault_at=load"),
    ("crashes the engine on every host", "fault=engine fault_at=active"),
    ("crashes 1 % of the hosts", "fault=host fault_at=active fault_on=share fault_ppm=10000"),
    ("crashes one kernel's hosts (0.6 % of the fleet)",
     "fault=host fault_at=active fault_on=kernel fault_kernel=30"),
    ("crashes hosts 6 h later", "fault=host fault_at=late fault_after_s=21600"),
    ("crashes hosts 3 days later", "fault=host fault_at=late fault_after_s=259200"),
    ("crashes hosts at their next boot", "fault=host fault_at=boot"),
    ("crashes the engine when it matches", "fault=engine fault_at=match"),
    ("agents go silent", "fault=silence fault_at=active"),
    ("three times the processor time", "fault=cpu fault_at=active"),
    ("events are lost", "fault=loss fault_at=active"),
    ("reports lack their numbers", "fault=missing fault_at=active"),
    ("crashes every host; 30 % of the first ring say that all is well",
     "fault=host fault_at=active hostile_canaries_percent=30"),
    ("crashes every host; halts are withheld for 2 days",
     "fault=host fault_at=late halts_withheld_s=172800"),
    ("crashes every host; 30 % of the hosts are cut off for 2 days",
     "fault=host fault_at=late cut_percent=30 cut_from_s=100000 cut_s=172800"),
    ("crashes every host; the hub lies", "fault=host fault_at=late hub=lying"),
    ("malice; a thief with 1 release key and the hub",
     "fault=malice fault_at=active release_keys_stolen=1 hub=lying"),
    ("malice; 2 release keys and the hub, read in the log after 2 h",
     "fault=malice fault_at=active release_keys_stolen=2 hub=lying read_after_s=7200"),
    ("malice; release keys, witnesses and the hub, found after 4 h",
     "fault=malice fault_at=active release_keys_stolen=3 witness_keys_stolen=3 hub=lying "
     "found_after_s=14400"),
    ("malice; the hub invents hosts that vouch for it, found after 4 h",
     "fault=malice fault_at=active release_keys_stolen=3 witness_keys_stolen=3 hub=invents "
     "found_after_s=14400"),
    ("malice of the publisher, found after 4 h",
     "fault=malice fault_at=active found_after_s=14400"),
    ("malice of the publisher, never found", "fault=malice fault_at=active"),
]
GOOD = [
    ("good", "fault=none"),
    ("good; 5 % of the first ring say that they crash",
     "fault=none hostile_canaries=failing hostile_canaries_percent=5"),
    ("good; a thief of one partner's key halts it", "fault=none partner_keys_stolen=1"),
]
# trade-off: more hosts or fewer in the first ring
FIRST_RINGS = (100, 250, 500, 1000, 2000, 5000)


def run(program, words, hosts, first, seeds):
    command = [program, "-", "--hosts", str(hosts), "--seed", str(first), "--seeds", str(seeds),
               "--json"]
    for word in words.split():
        command += ["--set", word]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def run_all(pool, program, words, hosts, seeds):
    """Runs in parts, so that all cores have something to do."""
    step = max(1, -(-seeds // (4 * len(os.sched_getaffinity(0)))))
    parts = [pool.submit(run, program, words, hosts, first, min(step, seeds - first + 1))
             for first in range(1, seeds + 1, step)]
    return parts


def quantile(numbers, part):
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def share(count, hosts):
    percent = 100 * count / hosts
    return "0" if count == 0 else f"{percent:.4f} %" if percent < 1 else f"{percent:.1f} %"


def hours(seconds):
    return "-" if seconds is None or seconds >= 10**9 else f"{seconds / 3600:.1f} h"


def median_or_none(numbers):
    known = [number for number in numbers if number is not None]
    return statistics.median(known) if known else None


def fault_row(name, results):
    hosts = results[0]["hosts"]
    harmed = [result["harmed"] for result in results]
    beyond = [result["harmed_beyond_first_ring"] for result in results]
    halted = sum(result["halted"] is not None for result in results)
    return (f"| {name} | {100 * halted / len(results):.1f} % "
            f"| {share(statistics.median(harmed), hosts)} | {share(quantile(harmed, 0.99), hosts)} "
            f"| {share(quantile(beyond, 0.99), hosts)} "
            f"| {hours(median_or_none([result['seconds_to_halt'] for result in results]))} "
            f"| {hours(median_or_none([r['seconds_to_all_well'] for r in results]))} "
            f"| {sum(result['hands'] for result in results)} |")


def good_row(name, results):
    halted = sum(result["halted"] is not None for result in results)
    return (f"| {name} | {100 * halted / len(results):.1f} "
            f"| {hours(median_or_none([result['good_95'] for result in results]))} "
            f"| {hours(quantile([r['good_95'] or 10**9 for r in results], 0.9))} "
            f"| {100 * statistics.median(r['peak'] for r in results) / results[0]['hosts']:.2f} "
            "% |")


def trade_off(pool, arguments):
    """For each size of the first ring: what a late crash harms, and how long a good one takes."""
    points = []
    for ppm in FIRST_RINGS:
        words = f"ring_ppm_1={ppm} first_max_ppm={max(2 * ppm, 2000)}"
        some = max(2, arguments.seeds // 10)
        bad = run_all(pool, arguments.program, words + " fault=host fault_at=late fault_on=share "
                      "fault_ppm=100000", arguments.hosts, some)
        good = run_all(pool, arguments.program, words, arguments.hosts, some)
        bad = [result for part in bad for result in part.result()]
        good = [result for part in good for result in part.result()]
        points.append((ppm, statistics.median(r["harmed"] for r in bad),
                       quantile([r["harmed"] for r in bad], 0.99),
                       median_or_none([r["seconds_to_halt"] for r in bad]),
                       median_or_none([r["good_95"] for r in good])))
    return points


def draw(points, hosts):
    """Bars of harm beside each size of the first ring."""
    most = max(point[2] for point in points) or 1
    rows = ["<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 760 300' "
            "font-family='sans-serif' font-size='12'>",
            "<rect width='760' height='300' fill='#fff'/>",
            "<text x='20' y='24' font-size='15'>The first ring's size: harm by a fault of every "
            "tenth host, 6 h late, and time</text>"]
    for place, (ppm, median, worst, halt, good) in enumerate(points):
        top = 50 + 40 * place
        rows.append(f"<text x='20' y='{top + 14}'>{ppm / 10000:g} % of the fleet</text>")
        for width, colour in ((worst, "#f5b7a5"), (median, "#c30")):
            rows.append(f"<rect x='140' y='{top}' width='{250 * width / most:.1f}' height='20' "
                        f"fill='{colour}'/>")
        rows.append(f"<text x='400' y='{top + 14}'>harmed {median:g} (99 %: {worst}) of {hosts}; "
                    f"halt {hours(halt)}; good at 95 %: {hours(good)}</text>")
    return "\n".join(rows + ["</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--hosts", type=int, default=100000)
    parser.add_argument("--program", default=os.path.join(ROOT, "build", "release", "creance-sim"))
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        waiting = [(name, run_all(pool, arguments.program, words, arguments.hosts,
                                  arguments.seeds)) for name, words in FAULTS + GOOD]
        results = [(name, [result for part in parts for result in part.result()])
                   for name, parts in waiting]
        points = trade_off(pool, arguments)
    lines = [f"{arguments.seeds} seeds for each row, {arguments.hosts} hosts, default policy:", "",
             "| the release | halted | harmed, median | 99th percentile | beyond the first ring, "
             "99th | to halt | to all well | hands |", "|---|---|---|---|---|---|---|---|"]
    lines += [fault_row(name, rows) for name, rows in results[:len(FAULTS)]]
    lines += ["", "| the release | halted, of 100 | 95 % of the fleet run it, median | nine of ten "
              "times | most hosts that begin within 5 min |", "|---|---|---|---|---|"]
    lines += [good_row(name, rows) for name, rows in results[len(FAULTS):]]
    print("\n".join(lines))
    if arguments.write:
        with open(PAGE, encoding="utf-8") as file:
            page = file.read()
        table = "<!-- table -->\n" + "\n".join(lines) + "\n<!-- end of table -->"
        page = re.sub(r"<!-- table -->.*?<!-- end of table -->", lambda _: table, page,
                      flags=re.DOTALL)
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write(page)
        with open(CHART, "w", encoding="utf-8") as file:
            file.write(draw(points, arguments.hosts))
    return 0


if __name__ == "__main__":
    sys.exit(main())

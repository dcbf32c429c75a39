#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# beside: others
"""`creance rollout plan` over fleets: rings, what the first one does not cover, bad input."""
import json
import sys

import offline


def host(number, **more):
    return {"id": f"host-{number}", "kernel": f"6.1.0-{number % 5}", "distribution": "debian-12",
            "architecture": "x86_64", "role": "web" if number % 2 else "db", **more}


def lines(hosts):
    return "".join(json.dumps(each) + "\n" for each in hosts)


def plan(text, *arguments, code=0):
    """Rows of `rollout plan --json`."""
    folder = offline.Folder({"fleet.jsonl": text})
    done = offline.creance("rollout", "plan", "--json", folder["fleet.jsonl"], *arguments)
    offline.equal(done.returncode, code, f"exit code ({done.stderr})")
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@offline.test
def a_plan_covers_the_fleet():
    """Four rings; every combination is in the first one; the same fleet gives the same plan."""
    hosts = [host(number) for number in range(20000)]
    rows, _ = plan(lines(hosts))
    offline.equal((rows[0]["fleet"], rows[0]["combinations"], rows[0]["missing"]), (20000, 10, 0),
                  "the fleet")
    offline.equal([row["hosts"] for row in rows[1:]], [10, 200, 2000, 17790], "rings")
    offline.equal([row["too_small"] for row in rows[1:]], [True, True, False, False], "gates")
    again, _ = plan(lines(reversed(hosts)))
    offline.equal(again, rows, "the same hosts in another order")
    sees = {row["bad_ppm"]: row["halted_ppm"] for row in rows[3]["sees"]}
    offline.equal(sees[1000000] > 990000 and sees[1000] < sees[10000], True, f"power: {sees}")
    print(f"# ring 3 halts a release that crashes 1 % of its hosts in {sees[10000] / 1e4:.0f} %")


@offline.test
def what_is_missing_is_named():
    """Combinations that only protected hosts have, or for which the first ring has no room."""
    hosts = [host(number) for number in range(1000)]
    hosts.append(host(1000, kernel="5.10-old", protected=True))
    rows, _ = plan(lines(hosts), code=1)
    missing = [row for row in rows if "missing_kernel" in row]
    offline.equal([(row["missing_kernel"], row["hosts"]) for row in missing], [("5.10-old", 1)],
                  "missing")
    offline.contains(missing[0]["why"], "protected", "why")
    rows, _ = plan(lines(hosts), "--rings", "2,50", "--first-max", "4", code=1)
    offline.equal([row["hosts"] for row in rows if "ring" in row], [4, 50, 947], "rings")
    offline.equal(rows[0]["missing"], 7, "missing for want of room")


@offline.test
def bad_fleets_say_where():
    """Line, member and what was expected; exit code 3."""
    good = lines([host(1)])
    cases = {
        "": "there is no host in it",
        good + "{\n": "fleet.jsonl:2: no JSON",
        good + "[]\n": "fleet.jsonl:2: no object",
        good + '{"id": "x"}\n': 'fleet.jsonl:2: "kernel" is missing',
        good + json.dumps(host(2, role=7)) + "\n": 'fleet.jsonl:2: "role" is none',
        good + json.dumps(host(2, role="")) + "\n": 'fleet.jsonl:2: "role" is none',
        good + json.dumps(host(2, role="x" * 300)) + "\n": 'fleet.jsonl:2: "role" is none',
        good + json.dumps(host(2, role="a\0b")) + "\n": 'fleet.jsonl:2: ',
        good + "\n" + good: "the hosts in lines 1 and 3 have one id",
        "\x00\x01\xff" * 40: "fleet.jsonl",
    }
    for text, sentence in cases.items():
        rows, said = plan(text, code=3)
        offline.equal(rows, [], f"what was printed for {text[:40]!r}")
        offline.contains(said, sentence, f"{text[:40]!r}")
    done = offline.creance("rollout", "plan", "/nonexistent/fleet")
    offline.equal(done.returncode, 3, "no file")
    done = offline.creance("rollout", "plan", "-", "--rings", "1,2,3,4", input=good)
    offline.equal(done.returncode, 2, "too many rings")


def simulate(hosts, *arguments, code=0):
    done = offline.creance("rollout", "simulate", "--json", "-", *arguments, input=lines(hosts),
                           timeout=300)
    offline.equal(done.returncode, code, f"exit code ({done.stderr})")
    return [json.loads(line) for line in done.stdout.splitlines()]


@offline.test
def a_fault_in_your_fleet():
    """A release that crashes engines is halted in the first ring, a good one reaches the fleet; the
    same fleet and seeds give the same numbers; a kernel that nobody has is an error."""
    hosts = [host(number) for number in range(4000)]
    bad = ("--fault", "engine", "--at", "active", "--seeds", "3")
    rows = simulate(hosts, *bad)
    offline.equal((rows[-1]["halted"], rows[-1]["beyond_first_ring_most"]), (3, 0), "the fault")
    offline.equal(0 < rows[-1]["harmed_most"] < 40, True, f"harmed: {rows[-1]}")
    offline.equal(simulate(hosts, *bad), rows, "the same again")
    print(f"# crashes engines: harmed at most {rows[-1]['harmed_most']} of 4000, halted in 3 of 3")
    always_on = [word for name in ("asleep", "off", "seldom", "window")
                 for word in ("--set", f"{name}_percent=0")]
    rows = simulate(hosts, "--seeds", "1", *always_on)
    offline.equal((rows[-1]["halted"], rows[0]["good_95"] is not None), (0, True), f"{rows}")
    print(f"# a good release is on 95 % of hosts that are always on after "
          f"{rows[0]['good_95'] / 3600:.0f} h")
    simulate(hosts, "--kernel", "nobody", code=3)
    simulate(hosts, "--fault", "magic", code=3)


@offline.test
def a_terminal_gets_tables():
    """For people: the rings, their gates, what the gates see."""
    done = offline.creance("rollout", "plan", "-", input=lines(host(n) for n in range(5000)))
    offline.equal(done.returncode, 0, f"exit code ({done.stderr})")
    for words in ("ITS GATE OPENS WHEN", "too small", "fewer than 1 % bad", "no gate sees"):
        offline.contains(done.stdout, words, "the plan")
    sys.stdout.write("".join(f"# {line}\n" for line in done.stdout.splitlines()))


if __name__ == "__main__":
    offline.main()

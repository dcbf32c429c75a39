#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: test
# timeout: 120
"""Ways around a sensor, tried for real, and what is seen of each.

tests/bypass has the programs: each does something so that it is hard to see and says what it did.
TRICKS below says what the agent makes of it: seen, seen in part, or not seen, with the reason. The
test compares that with the kernel's events, and docs/bypasses.md with the table: whoever makes the
sensor see more, or less, must say so here. `tests/e2e/bypass.py --write` writes the page.
"""
import dataclasses
import json
import os
import queue
import subprocess
import sys
import tempfile
import time

import harness
from harness import expect
from triggers import Viewer, is_healthy, same

PAGE = os.path.join(harness.REPOSITORY, "docs", "bypasses.md")
MARK_SECONDS = 30  # until the event must be here that comes after all others
MARK_AGAIN_SECONDS = 1
REFUSED = 77       # exit code: this machine refuses what a trick needs
SEEN, PART, UNSEEN = "seen", "seen in part", "not seen"


@dataclasses.dataclass(frozen=True)
class Fact:
    """One thing that a program did, and what is seen of it."""
    name: str               # as the program tells it
    what: str               # for people
    verdict: str
    reason: str = ""        # why not, or not all, is seen
    differs: tuple = ()     # of PART: fields that are not as they were, and why an event is flagged
    is_race: bool = False   # the trick wins only sometimes: then the verdict is the worst case


@dataclasses.dataclass(frozen=True)
class Trick:
    title: str
    command: tuple          # the program and its arguments
    facts: tuple
    check: object = None    # one more check of all (fact, told, event)


def distinct_processes(found):
    """Each round of PID reuse is a process of its own, and its end is told with its own name."""
    starts = [event["process_id"] for name, _, event in found if name == "reused"]
    ends = [event["process_id"] for name, _, event in found if name == "reused, end"]
    expect(len(set(starts)) == len(starts), "two processes with one pid were taken for one")
    expect(starts == ends, "a process ended as another one than it began")


URING = "io_uring makes no system call for it, and this is seen where such a call ends."
NAMED = ("The call leaves no descriptor, so its name is copied when it begins (flag `racy`); "
         "links in it are not followed.")
NAMES_RACE = ("The name is copied when the call begins and the kernel reads it again: the event "
              "may hold the other name, and says `racy`.")
CUT = "Of a path, 4,096 bytes are kept, those of its end (flag `truncated`)."
ARGUMENTS = "Of the arguments, 8,192 bytes are kept (flag `truncated`)."
COPY = "The file is what it is; only its contents would tell, and nothing is hashed yet."
TRICKS = (
    Trick("io_uring: work on files", ("io-uring", "file", "plain"), (
        Fact("create", "create and write a file", UNSEEN, URING),
        Fact("rename", "rename it", UNSEEN, URING),
        Fact("delete", "remove it", UNSEEN, URING))),
    Trick("io_uring: connections", ("io-uring", "network", "plain"), (
        Fact("connect", "connect, by the call that submits", SEEN),
        Fact("accept", "accept", UNSEEN, URING))),
    Trick("io_uring: connections by a worker", ("io-uring", "network", "worker"), (
        Fact("connect", "connect, by a worker thread of the kernel", SEEN),
        Fact("accept", "accept", UNSEEN, URING))),
    Trick("io_uring: connections without any call", ("io-uring", "network", "poll"), (
        Fact("connect", "connect, by a thread of the kernel that polls", SEEN),
        Fact("accept", "accept", UNSEEN, URING))),
    Trick("arguments and path rewritten by another thread during execve", ("arguments",), (
        Fact("rewritten", "what was executed, with which arguments", SEEN),)),
    Trick("a process that overwrites its arguments and name", ("arguments", "itself", "evil"), (
        Fact("renamed itself", "who then made a file", SEEN),)),
    Trick("symbolic links and `..`", ("paths", "links"), (
        Fact("open", "create a file", SEEN),
        Fact("rename", "rename through a link", PART, NAMED, ("file_path", "racy")),
        Fact("chmod", "chmod through a link", PART, NAMED, ("file_path", "racy")),
        Fact("delete by dots", "remove, by `..`", PART, NAMED, ("racy",)),
        Fact("delete", "remove through a link", PART, NAMED, ("file_path", "racy")))),
    Trick("a program executed by a link", ("paths", "exec"), (
        Fact("exec", "the program", SEEN),)),
    Trick("another name of a file (hard link)", ("paths", "hard"), (
        Fact("write", "write to it", PART,
             "The name that was used is told, and the inode; not the file's other names.",
             ("file_path",)),)),
    Trick("a name rewritten by another thread during unlink", ("paths", "raced"), (
        Fact("raced", "which file is gone", PART, NAMES_RACE, ("file_path", "racy"), True),)),
    Trick("very deep paths", ("paths", "deep"), (
        Fact("many folders", "create a file 120 folders down", SEEN),
        Fact("many folders, executed", "execute it", SEEN),
        Fact("6,000 bytes", "create a file with a path of 6,000 bytes", PART, CUT,
             ("file_path", "truncated")),
        Fact("6,000 bytes, executed", "execute it", PART, CUT,
             ("process_executable", "truncated")))),
    Trick("dup2 over the descriptor while the file is opened", ("descriptor-race",), (
        Fact("raced", "which file is opened for writing", PART,
             "The descriptor is looked at when the call ends: another thread may have laid "
             "another file over it. Who covers it with one open for reading is not seen then.",
             (), True),)),
    Trick("a program that exists in memory only", ("execution", "memfd"), (
        Fact("memfd", "fexecve of a memfd", SEEN),)),
    Trick("a program that was removed before", ("execution", "deleted"), (
        Fact("deleted", "fexecve of a removed file", SEEN),
        Fact("deleted, that it is", "that it was removed", SEEN))),
    Trick("the dynamic loader runs a program", ("execution", "loader"), (
        Fact("loader", "which program", PART,
             "The loader is what the kernel executes; the program stands in the arguments.",
             ("process_executable",)),)),
    Trick("a shell under another name", ("execution", "renamed"), (
        Fact("renamed", "its path and arguments", SEEN),
        Fact("renamed, what it is", "that it is a shell", PART, COPY,
             ("process_executable",)))),
    Trick("100,000 bytes of environment", ("execution", "environment"), (
        Fact("environment", "the program and its arguments", SEEN),)),
    Trick("100,000 bytes of arguments", ("execution", "arguments"), (
        Fact("arguments, the first 8 KiB", "the program and the first 8 KiB", PART, ARGUMENTS,
             ("truncated",)),
        Fact("arguments, all", "what comes after them", PART, ARGUMENTS,
             ("process_arguments", "truncated")))),
    Trick("a child given to the grandparent (CLONE_PARENT)", ("execution", "parent"), (
        Fact("foreign parent", "who made it", SEEN),)),
    Trick("a fresh user and mount namespace", ("namespaces",), (
        Fact("create", "create a file in a mount of its own", SEEN),
        Fact("exec", "execute a program there", SEEN),
        Fact("overlay", "create a file in an overlay", SEEN),
        Fact("chroot", "create a file after chroot", SEEN))),
    Trick("one pid for 200 processes, as fast as they end", ("pid-reuse",), (
        Fact("reused", "each start, as a process of its own", SEEN),
        Fact("reused, end", "each end, with the name of its start", SEEN)), distinct_processes),
    Trick("a 32-bit call", ("other-calls", "32-bit"), (
        Fact("32 bit", "create a file", UNSEEN,
             "Calls of 32-bit programs have no tracepoints on a 64-bit kernel."),)),
    Trick("open by handle", ("other-calls", "handle"), (
        Fact("handle", "open for writing", UNSEEN,
             "No probe at this call; it needs CAP_DAC_READ_SEARCH on the host."),)),
    Trick("a file that gets its name later (O_TMPFILE, linkat)", ("other-calls", "tmpfile"), (
        Fact("write", "write it", PART, "It has no name yet: `#` and its inode are told.",
             ("file_path",)),
        Fact("name", "give it a name", UNSEEN, "No probe at link and linkat."))),
    Trick("connect by sending (TCP Fast Open)", ("other-calls", "fast-open"), (
        Fact("fast open", "connect", SEEN),)),
)


# --- what was seen ------------------------------------------------------------------------------

def run(trick):
    """What the program says that it did: [(fact, told)]."""
    program, *arguments = trick.command
    path = os.path.join(harness.BUILD, "tests", "bypass", "bypass-" + program)
    done = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=60)
    if done.returncode == REFUSED:
        raise harness.Skip(f"this machine refuses it: {done.stderr.strip()}")
    expect(done.returncode == 0, f"{trick.command} failed ({done.returncode}): {done.stderr}")
    return [(row["fact"], row) for row in map(json.loads, done.stdout.splitlines())]


def events_until_now(viewer, folder):
    """All events so far: what the kernel reports is in order, so all came before the mark's. The
    mark is made again and again, since a viewer that has just come is not served at once."""
    marks, events, end = set(), [], time.monotonic() + MARK_SECONDS
    while time.monotonic() < end:
        mark = os.path.join(folder, f"mark-{time.monotonic_ns()}")
        marks.add(mark)
        with open(mark, "w"):
            pass
        os.unlink(mark)
        again = time.monotonic() + MARK_AGAIN_SECONDS
        while (left := again - time.monotonic()) > 0:
            try:
                event = viewer.events.get(timeout=left).get("event", {})
            except queue.Empty:
                break
            if event.get("kind") == "file_create" and event.get("file_path") in marks:
                return events
            events.append(event)
    raise harness.Failure("the event of the mark did not come")


def is_about(told, event):
    """Whether an event can be the one that was told of: same kind, pid, and file, peer or name."""
    known = told["fields"]
    if event.get("kind") != told["kind"] or event.get("process_pid") != known["process_pid"]:
        return False
    for field in ("file_inode", "file_mode", "destination_port", "exit_code"):
        if field in known and field in event:
            return same(known[field], event[field])
    if "file_path" in known:
        return os.path.basename(known["file_path"]) == os.path.basename(event.get("file_path", ""))
    return True


def differences(told, event):
    fields = {name for name, value in told["fields"].items() if not same(value, event.get(name))}
    return fields | set(event.get("incomplete", ()))


def nearest(told, events):
    """(event, how it differs) that agrees best; (None, all) if there is none."""
    found = [(event, differences(told, event)) for event in events if is_about(told, event)]
    return min(found, key=lambda pair: len(pair[1]), default=(None, None))


def verdict_of(results):
    """Of all times that one thing was done: what was seen, and how events differed."""
    differs = set().union(*(different for event, different in results if event))
    if all(event is None for event, _ in results):
        return UNSEEN, differs
    if any(event is None or different for event, different in results):
        return PART, differs
    return SEEN, differs


def judge(fact, results):
    """Complains unless a fact was seen as the table says."""
    verdict, differs = verdict_of(results)
    missing = sum(event is None for event, _ in results)
    print(f"# {fact.name}: {verdict}"
          + (f", differs in {', '.join(sorted(differs))}" if differs else "")
          + (f", {missing} of {len(results)} not seen" if missing else ""))
    if fact.is_race:  # who wins it differs from run to run
        expect(verdict != UNSEEN, f"{fact.name}: nothing of it was seen")
        expect(differs <= set(fact.differs), f"{fact.name}: differs in {differs}")
        return
    sample = "\n".join(json.dumps(event) for event, _ in results[:2])
    expect(verdict == fact.verdict and differs == set(fact.differs),
           f"{fact.name}: the table says {fact.verdict} {fact.differs}, it was {verdict} "
           f"{sorted(differs)}\n{sample}\nIf that is right, change the table and run "
           "tests/e2e/bypass.py --write")


def test_of(trick, agent, folder):
    def test():
        viewer = Viewer(agent)
        events_until_now(viewer, folder)  # it is served from here on
        told = run(trick)
        events = events_until_now(viewer, folder)
        found, results = [], {fact.name: [] for fact in trick.facts}
        for name, row in told:
            event, different = nearest(row, events)
            results[name].append((event, different))
            found.append((name, row, event))
        for fact in trick.facts:
            judge(fact, results[fact.name])
        if trick.check:
            trick.check(found)
    test.__doc__ = f"{trick.title}: what is seen is what the page says"
    return test


# --- the page -----------------------------------------------------------------------------------

def page():
    count = {verdict: sum(fact.verdict == verdict for trick in TRICKS for fact in trick.facts)
             for verdict in (SEEN, PART, UNSEEN)}
    lines = [
        "# Ways around the sensor",
        "",
        "Made from the table in `tests/e2e/bypass.py`, which tries each of these on a real kernel",
        "and compares: run `./test e2e/bypass` to see what holds on yours. What is said here holds",
        "where all probes are tracepoints (`creance probe` shows what your kernel has).",
        "",
        f"{count[SEEN]} are seen, {count[PART]} in part, {count[UNSEEN]} not.",
        "",
        "| trick | what happened | verdict | why |",
        "|---|---|---|---|",
    ]
    for trick in TRICKS:
        for fact in trick.facts:
            lines.append(f"| {trick.title} | {fact.what} | {fact.verdict} | {fact.reason} |")
    return "\n".join(lines) + "\n"


def the_page_is_what_the_table_says():
    """docs/bypasses.md is what the table says (else: tests/e2e/bypass.py --write)."""
    with open(PAGE) as file:
        expect(file.read() == page(), "the page is stale")
    for trick in TRICKS:
        for fact in trick.facts:
            expect((fact.verdict == SEEN) == (not fact.reason),
                   f"{trick.title}, {fact.what}: a reason for what is seen, or none for the rest")


def main():
    if sys.argv[1:] == ["--write"]:
        with open(PAGE, "w") as file:
            file.write(page())
        return
    try:
        harness.require_sensor()
    except harness.Skip as reason:
        print(f"1..0 # SKIP {reason}")
        return
    with tempfile.TemporaryDirectory(prefix="creance-bypass-") as folder, \
            harness.Agent(healthy=False) as agent:
        harness.wait_until(lambda: is_healthy(agent), 60, "a healthy agent")
        harness.run_tests([the_page_is_what_the_table_says]
                          + [test_of(trick, agent, folder) for trick in TRICKS])


if __name__ == "__main__":
    main()

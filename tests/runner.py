#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Builds what tests need, runs them, and closes with `N passed, N failed, N skipped`.

A test is a program that prints TAP; each of its lines `ok` / `not ok` counts. A group is a kind of
test (see GROUPS). Names on the command line choose groups, programs, or group/program.

What a test program gets in its environment:
  CREANCE_ROOT     the checkout
  CREANCE_BUILD    programs with sanitizers and planted faults (build/test)
  CREANCE_RELEASE  programs as shipped (build/release), only if the test says `# needs: release`
                   (build/faults: the same with planted faults, for `# needs: faults`)
  CREANCE_SHARED   material for tests that is not part of the project; may be absent: then skip
  TMPDIR           a folder of its own that is removed afterwards
Its working directory is the checkout. Lines within the first 30 of a script that the runner reads:
  # needs: release test        builds that it uses (`test` if it says nothing; `none`)
  # timeout: 120               seconds until it is killed and counted as failed
  # beside: others             it needs no quiet host and starts nothing that could be left behind:
                               it runs while others do
"""
import argparse
import concurrent.futures
import contextlib
import ctypes
import dataclasses
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CORES = len(os.sched_getaffinity(0))
FUZZ_SECONDS = {"fuzz": 3, "long-fuzz": 300}

# name: (what it is, run without being named, may run beside others, default time-out in seconds)
GROUPS = {
    "unit": ("unit tests beside the code (cmocka)", True, True, 150),
    "style": ("tidy checks of the tree, clang-tidy, cppcheck, the runner itself", True, True, 400),
    "e2e": ("the built programs, with real kernel events", True, False, 120),
    "incidents": ("the outages of others, by name, on real processes", True, False, 300),
    "fuzz": (f"each fuzz target for {FUZZ_SECONDS['fuzz']} s", True, True, 60),
    "long-fuzz": (f"each fuzz target for {FUZZ_SECONDS['long-fuzz']} s", False, False, 400),
    "model": ("the model of admission and lifecycle, checked by spin", True, True, 600),
    "long": ("tests that try everything where others sample", False, False, 3600),
    "coverage": ("branches that tests reach in the evaluator and the readers, and why not the "
                 "others", False, False, 3600),
    "bench": ("benchmarks (docs/benchmarks.md)", False, False, 1800),
    "vm": ("the agent under Debian's kernels in qemu", False, False, 1200),
    "cleanroom": ("./run and ./test in a fresh Debian 12 root", False, False, 5400),
}

BUILDS = {
    "test": ("gcc", ["-Dtests=true", "-Dfaults=true", "-Db_sanitize=address,undefined"]),
    "release": ("gcc", ["--buildtype=release"]),
    "faults": ("gcc", ["--buildtype=release", "-Dfaults=true"]),  # as shipped, but for the faults
    "fuzz": ("clang", ["-Dfuzzing=true", "-Dfaults=true", "-Db_sanitize=address,undefined",
                       "-Db_lundef=false", "-Doptimization=1"]),
}


@dataclasses.dataclass
class Test:
    group: str
    name: str
    command: list
    timeout: float
    builds: tuple = ()
    parallel: bool = False
    tap: bool = True  # else a fuzz target, whose exit code counts

    @property
    def title(self):
        return f"{self.group}/{self.name}"


@dataclasses.dataclass
class Outcome:
    passed: int = 0
    failures: list = dataclasses.field(default_factory=list)  # texts
    skips: list = dataclasses.field(default_factory=list)  # reasons
    output: str = ""
    seconds: float = 0.0


# --- TAP ------------------------------------------------------------------------------------

TAP_LINE = re.compile(r"^(not )?ok\b(?: +(\d+))?(?: *-)? *(.*?)\s*$")
TAP_PLAN = re.compile(r"^1\.\.(\d+)\s*(?:# *skip\b[: ]*(.*))?$", re.IGNORECASE)
TAP_SKIP = re.compile(r"(?:^|\s)# *skip\b[: ]*(.*)$", re.IGNORECASE)


def read_tap(text):
    """Counts a program's TAP lines. What is not TAP is passed over: programs print other things."""
    outcome = Outcome()
    plans, executed, note = [], 0, ""
    for line in text.splitlines():
        plan = TAP_PLAN.match(line)
        if plan and plan.group(2) is not None and plan.group(1) == "0":
            outcome.skips.append(plan.group(2) or note or "no reason given")
            plans.append(0)
            continue
        if plan:
            plans.append(int(plan.group(1)))
            continue
        said = re.match(r"# skip(?:ped)?: (.+)", line)
        if said:
            note = said.group(1)
            continue
        found = TAP_LINE.match(line)
        if not found:
            continue
        executed += 1
        skip = TAP_SKIP.search(found.group(3))
        if skip:
            # cmocka says `not ok N # SKIP name`; the reason is in the note printed before it.
            outcome.skips.append(f"{skip.group(1)}: {note}" if note else
                                 skip.group(1) or "no reason given")
        elif found.group(1):
            outcome.failures.append(found.group(3) or f"test {found.group(2)}")
        else:
            outcome.passed += 1
        note = ""
    if not plans:
        outcome.failures.append("it printed no plan (1..N), so nobody knows whether it ended early")
    elif sum(plans) != executed:
        outcome.failures.append(f"it planned {sum(plans)} tests and ran {executed}")
    if executed == 0 and not outcome.skips and not outcome.failures:
        outcome.failures.append("it ran no test at all")
    return outcome


def read_fuzz(text, code):
    """A fuzz target passes when it ran inputs and found nothing."""
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", text)
    outcome = Outcome()
    if code != 0:
        outcome.failures.append("it found a failing input (see the last lines and the artifact)")
    elif not runs or int(runs.group(1)) == 0:
        outcome.failures.append("it ran no input at all")
    else:
        outcome.passed = 1
    return outcome


# --- running one test -----------------------------------------------------------------------

PR_SET_CHILD_SUBREAPER = 36


def become_subreaper():
    """Descendants that a test leaves behind become ours, so that they can be seen and ended."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children_of(parent):
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                name, _, rest = file.read().rpartition(")")
        except OSError:
            continue
        fields = rest.split()
        if int(fields[1]) == parent:
            found.append((int(entry), name.partition("(")[2], fields[0]))
    return found


def end_leftovers(known):
    """Ends processes that a finished test left behind; says their names."""
    names = []
    for round_number in range(20):
        alive = [child for child in children_of(os.getpid()) if child[0] not in known]
        if not alive:
            break
        for process, name, state in alive:
            if state == "Z":
                try:
                    os.waitpid(process, os.WNOHANG)
                except ChildProcessError:
                    pass
                continue
            if round_number >= 5:  # half a second to end by themselves
                names.append(f"{name} ({process})")
                os.kill(process, signal.SIGKILL)
        time.sleep(0.1)
    return sorted(set(names))


def end_group(process):
    """Ends the test's own process group: politely, then not."""
    for number, wait in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
        try:
            process.wait(wait)
            break
        except subprocess.TimeoutExpired:
            continue
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def environment(test, temporary, directory):
    env = dict(os.environ)
    env.update({
        "CREANCE_ROOT": ROOT,
        "CREANCE_BUILD": os.path.join(directory, "test"),
        "CREANCE_RELEASE": os.path.join(directory, "release"),
        "TMPDIR": temporary,
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "CMOCKA_MESSAGE_OUTPUT": "tap",
        "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:exitcode=99:"
                        "allocator_may_return_null=1",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1:exitcode=99",
    })
    env.setdefault("CREANCE_SHARED", os.path.join(os.path.dirname(ROOT), "shared"))
    if test.group != "unit":
        env.pop("CMOCKA_MESSAGE_OUTPUT")
    return env


RUNNING = set()
FORKED = []  # of our own processes: each runs tests
RUNNING_LOCK = threading.Lock()


def bury_orphans():
    """Reaps what tests orphan, as init would: some tests wait until a process is really gone."""
    while True:
        time.sleep(0.1)
        with RUNNING_LOCK:
            ours = {process.pid for process in RUNNING}
            for child, _, state in children_of(os.getpid()):
                if state == "Z" and child not in ours:
                    try:
                        os.waitpid(child, os.WNOHANG)
                    except ChildProcessError:
                        pass


def run_test(test, directory):
    """Runs one program to its end or its time-out and judges it."""
    if not os.path.exists(test.command[0]):
        return Outcome(failures=["its program was not built: no meson.build registers its source"])
    temporary = tempfile.mkdtemp(prefix="creance-")
    log_path = os.path.join(directory, "logs", test.title.replace("/", ".") + ".log")
    os.makedirs(os.path.dirname(log_path), exist_ok=True)
    known = {child[0] for child in children_of(os.getpid())}
    started, timed_out = time.monotonic(), False
    with open(log_path, "w+b") as log:
        with RUNNING_LOCK:
            process = subprocess.Popen(
                test.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                cwd=ROOT, env=environment(test, temporary, directory), start_new_session=True)
            RUNNING.add(process)
        try:
            code = process.wait(test.timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
            end_group(process)
            code = process.wait()
        with RUNNING_LOCK:
            RUNNING.discard(process)
        seconds = time.monotonic() - started
        left = [] if test.parallel else end_leftovers(known)
        log.seek(0)
        text = log.read().decode("utf-8", "replace")
    shutil.rmtree(temporary, ignore_errors=True)
    outcome = judge(test, text, code, timed_out, left)
    outcome.seconds = seconds
    return outcome


def judge(test, text, code, timed_out, left):
    outcome = read_tap(text) if test.tap else read_fuzz(text, code)
    outcome.output = text
    if timed_out:
        outcome.failures.append(f"it ran into its time-out of {test.timeout:g} s and was ended")
    elif code < 0:
        outcome.failures.append(f"it was ended by {signal.Signals(-code).name}")
    elif code != 0 and not outcome.failures:
        outcome.failures.append(f"it ended with exit code {code} although no test failed")
    if left:
        outcome.failures.append("it left processes behind: " + ", ".join(left))
    return outcome


# --- finding tests --------------------------------------------------------------------------

def script_header(path):
    """What a script says about itself in its first lines (see the head of this file)."""
    header = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for _, line in zip(range(30), file):
            found = re.match(r"# (needs|timeout|beside): *(.*?)\s*$", line)
            if found:
                header[found.group(1)] = found.group(2)
    return header


def scripts(group, folder, parallel, timeout, needs):
    """Executable scripts of a folder; those not executable are their helpers."""
    tests = []
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        path = os.path.join(folder, name)
        stem, extension = os.path.splitext(name)
        if extension not in (".py", ".sh") or not os.access(path, os.X_OK):
            continue
        header = script_header(path)
        builds = tuple(word for word in header.get("needs", needs).split() if word != "none")
        program = "/usr/bin/python3" if extension == ".py" else "/bin/bash"
        is_beside = parallel or header.get("beside") == "others"
        tests.append(Test(group, stem, [program, path], float(header.get("timeout", timeout)),
                          builds, is_beside))
    return tests


def sources_named(suffix, word):
    """(folder, name) of each source src/.../<folder>/<name><suffix> in which `word` stands."""
    found = []
    for folder, _, names in os.walk(os.path.join(ROOT, "src")):
        for name in names:
            if name.endswith(suffix):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    if word in file.read():
                        found.append((os.path.basename(folder), name[:-len(suffix)]))
    return sorted(found)


def executables(folder, prefix):
    found = {}
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.endswith((".p", "meson-private"))]
        for name in names:
            path = os.path.join(where, name)
            if name.startswith(prefix) and os.access(path, os.X_OK) and "." not in name:
                found[name[len(prefix):]] = path
    return found


def compiled(group, directory, build):
    """Compiled tests, by their sources: the same names before they are built, when a run chooses,
    as afterwards. One that is built under another name fails, because it is not there."""
    kind = "unit" if group == "unit" else "fuzz"
    built = executables(os.path.join(directory, build), kind + "-")
    _, _, parallel, timeout = GROUPS[group]
    tests = []
    for name in names_by_source(kind):
        path = built.get(name, os.path.join(directory, build, kind + "-" + name))
        command = [path] if kind == "unit" else fuzz_command(path, name, group, directory)
        limit = timeout if kind == "unit" else FUZZ_SECONDS[group] + timeout
        tests.append(Test(group, name, command, limit, (build,), parallel, tap=kind == "unit"))
    return tests


def names_by_source(kind):
    marks = ("_test.c", "tests/unit.h") if kind == "unit" else ("_fuzz.c", "LLVMFuzzerTestOneInput")
    return sorted({f"{folder}-{name}" for folder, name in sources_named(*marks)})


def without_source(kind, directory, build):
    """Programs of this build that no run would choose, because no source is named like them."""
    built = executables(os.path.join(directory, build), kind + "-")
    return [(f"{kind}/{name}", f"{path} is named like no source (src/.../<folder>/<name>_test.c is "
             "unit-<folder>-<name>): name it so in meson.build, or remove it if its source is gone")
            for name, path in built.items() if name not in names_by_source(kind)]


def fuzz_command(path, name, group, directory):
    corpus = os.path.join(directory, "fuzz-corpus", name)
    failures = os.path.join(directory, "fuzz-failures")
    command = [path, f"-max_total_time={FUZZ_SECONDS[group]}", "-timeout=10",
               "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=1",
               f"-artifact_prefix={failures}/{name}-", corpus]
    seeds = os.path.join(ROOT, "tests", "fuzz", name)
    if os.path.isdir(seeds):
        command.append(seeds)
    if os.path.isfile(seeds + ".dict"):
        command.insert(1, f"-dict={seeds}.dict")
    return command


def find_tests(directory):
    tests = compiled("unit", directory, "test")
    for group in ("style", "e2e", "incidents", "model", "long", "coverage", "bench", "vm",
                  "cleanroom"):
        _, _, parallel, timeout = GROUPS[group]
        needs = {"e2e": "test", "incidents": "test", "long": "test",
                 "vm": "release", "bench": "release"}.get(group, "none")
        tests += scripts(group, os.path.join(ROOT, "tests", group), parallel, timeout, needs)
    for group in ("fuzz", "long-fuzz"):
        tests += compiled(group, directory, "fuzz")
    return tests


def choose(tests, names):
    """The tests that the names mean; exits with 2 when a name means none."""
    if not names:
        return [test for test in tests if GROUPS[test.group][1]]
    chosen = []
    for name in names:
        if name in GROUPS:
            meant = [test for test in tests if test.group == name]
            if not meant:
                continue  # an empty group: closes with 0 passed, which counts as failed below
        else:
            # a bare name never starts a slow group by accident
            meant = [test for test in tests if test.title == name or
                     test.name == name and test.group != "long-fuzz"]
            if not meant:  # a module, a program's file name, or the source without its module
                meant = [test for test in tests if test.group in ("unit", "fuzz") and
                         name in (f"{test.group}-{test.name}", *test.name.split("-", 1))]
        if not meant:
            print(f"There is no test or group named \"{name}\". `./test --list` names them all.")
            sys.exit(2)
        chosen += [test for test in meant if test not in chosen]
    return chosen


# --- building -------------------------------------------------------------------------------

def build(name, directory):
    """Brings one build folder up to date. Returns the text of its failure, or None."""
    compiler, options = BUILDS[name]
    folder = os.path.join(directory, name)
    env = dict(os.environ, CC=compiler)
    started = time.monotonic()
    log = ""
    steps = [["ninja", "-C", folder]]
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        steps.insert(0, ["meson", "setup", folder, ROOT, *options])
    for step in steps:
        done = subprocess.run(step, cwd=ROOT, env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        log = done.stdout.decode("utf-8", "replace")
        if done.returncode != 0:
            return f"$ {' '.join(step)}\n{log}"
    print(f"built build/{name} ({time.monotonic() - started:.1f} s)", flush=True)
    return None


# --- the whole run --------------------------------------------------------------------------

class Report:
    """Prints progress as it comes and counts."""

    def __init__(self):
        self.passed = 0
        self.failures, self.skips = [], []
        self.lock = threading.Lock()

    def add(self, test, outcome):
        with self.lock:
            self.passed += outcome.passed
            self.failures += [(test.title, text) for text in outcome.failures]
            self.skips += [(test.title, reason) for reason in outcome.skips]
            word = "FAILED" if outcome.failures else "ok" if outcome.passed else "skipped"
            counts = [f"{outcome.passed} passed"] if outcome.passed else []
            counts += [f"{len(outcome.failures)} failed"] if outcome.failures else []
            counts += [f"{len(outcome.skips)} skipped"] if outcome.skips else []
            print(f"{word:8}{test.title:40} {', '.join(counts)} ({outcome.seconds:.1f} s)",
                  flush=True)
            if outcome.failures:
                self.show(test, outcome)

    @staticmethod
    def show(test, outcome):
        lines = outcome.output.splitlines()
        if len(lines) > 120:
            print(f"    ... {len(lines) - 120} lines more in build/logs/")
        for line in lines[-120:]:
            print("    | " + line)
        for text in outcome.failures:
            print(f"    {test.title}: {text}", flush=True)

    def close(self):
        if self.skips:
            print("\nSkipped, and why:")
            for title, reason in self.skips:
                print(f"  {title}: {reason}")
        if self.failures:
            print("\nFailed:")
            for title, text in self.failures:
                print(f"  {title}: {text}")
        print(f"{self.passed} passed, {len(self.failures)} failed, {len(self.skips)} skipped",
              flush=True)
        return 1 if self.failures else 0


def run_all(tests, directory, report):
    for folder in ("logs", "fuzz-failures"):
        os.makedirs(os.path.join(directory, folder), exist_ok=True)
    for test in tests:
        if not test.tap:
            os.makedirs(os.path.join(directory, "fuzz-corpus", test.name), exist_ok=True)
    # The serial ones look for processes that they left behind, so the others have a process of
    # their own as their parent. They leave a core to the serial ones while there are any.
    serial = [test for test in tests if not test.parallel]
    beside = Beside([test for test in tests if test.parallel], directory,
                    1 if serial else CORES + 1)
    for test in serial:
        report.add(test, run_test(test, directory))
        beside.take(report, wait=False)
    beside.take(report, wait=True)


class Beside:
    """Tests that run beside others, in a process of their own; what came of them."""

    def __init__(self, tests, directory, workers):
        self.tests = tests
        self.waiting = set(range(len(tests)))
        ours, theirs = multiprocessing.Pipe(duplex=False)
        sys.stdout.flush()
        with RUNNING_LOCK:  # or the new process begins with a lock that nobody gives back
            self.process = os.fork()
        if self.process == 0:
            ours.close()
            self.run(theirs, directory, workers)
            os._exit(0)
        theirs.close()
        self.pipe = ours
        FORKED.append(self.process)

    def run(self, pipe, directory, workers):
        """The other process."""
        become_subreaper()
        threading.Thread(target=bury_orphans, daemon=True).start()
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            started = {pool.submit(run_test, test, directory): place
                       for place, test in enumerate(self.tests)}
            for done in concurrent.futures.as_completed(started):
                pipe.send((started[done], done.result()))

    def take(self, report, wait):
        """Adds what has ended; all of it where `wait` says so."""
        while self.waiting and (wait or self.pipe.poll()):
            try:
                place, outcome = self.pipe.recv()
            except EOFError:
                break
            self.waiting.discard(place)
            report.add(self.tests[place], outcome)
        if wait:
            for place in sorted(self.waiting):
                report.add(self.tests[place], Outcome(failures=["its process ended without it"]))
            with contextlib.suppress(ChildProcessError):  # bury_orphans() was first
                os.waitpid(self.process, 0)


def interrupted(_number, _frame):
    """Ctrl-C or TERM: ends what runs, gives it time to clean up, and gives no verdict."""
    groups = [process.pid for process in list(RUNNING)]
    for process in FORKED:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)
    for number, seconds in ((signal.SIGTERM, 10), (signal.SIGKILL, 1)):
        for group in groups:
            try:
                os.killpg(group, number)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(
                child[0] in groups and child[2] != "Z" for child in children_of(os.getpid())):
            time.sleep(0.1)
    print("\nInterrupted: what was running was ended; there is no verdict.", flush=True)
    os._exit(130)


def main():
    parser = argparse.ArgumentParser(
        prog="./test", description="Builds and runs tests.",
        epilog="examples: ./test    ./test unit    ./test unit/base-reader    ./test vm")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a test or a group; none: " +
                        ", ".join(name for name in GROUPS if GROUPS[name][1]))
    parser.add_argument("--list", action="store_true", help="name all tests and groups")
    arguments = parser.parse_args()
    directory = os.path.join(ROOT, "build")
    if arguments.list:
        for group, (text, default, _, _) in GROUPS.items():
            print(f"{group}: {text}{'' if default else ' (only when named)'}")
            for test in find_tests(directory):
                if test.group == group:
                    print(f"    {test.title}")
        return 0
    chosen = choose(find_tests(directory), arguments.names)
    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
    report = Report()
    if not chosen:
        report.failures.append((" ".join(arguments.names), "this group has no tests yet"))
    for name in BUILDS:
        if any(name in test.builds for test in chosen):
            failure = build(name, directory)
            if failure:
                print(failure)
                report.failures.append((f"build/{name}", "it does not build (see above)"))
    for kind, name in (("unit", "test"), ("fuzz", "fuzz")):
        if any(test.group.endswith(kind) for test in chosen):
            report.failures += without_source(kind, directory, name)
    if not report.failures:
        become_subreaper()
        threading.Thread(target=bury_orphans, daemon=True).start()
        chosen_titles = {test.title for test in chosen}
        run_all([test for test in find_tests(directory) if test.title in chosen_titles],
                directory, report)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())

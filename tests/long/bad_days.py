#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 1200
"""Hosts that are in a bad way already when something arrives: the clock jumps, the disk is full or
cannot be written, memory is short, the state is gone, the agent is killed at any moment. And the
lessons of others about rollbacks: what is checked must be what runs; one slow start is no failure.
"""
import contextlib
import glob
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
import harness  # noqa: E402
import updates  # noqa: E402
from harness import Skip, creance, expect, require_sensor, run_tests, wait_until  # noqa: E402

QUICK = "age=0,urgent=0,full=0,bake=2,shadow=1,retry=3600"
AGE_S = 3600
YEAR_S = 365 * 24 * 3600


@contextlib.contextmanager
def running(policy=QUICK, faults=""):
    require_sensor()
    agent = updates.start(("--update-policy", policy), faults)
    try:
        yield agent
    finally:
        agent.__exit__()


@contextlib.contextmanager
def seeing(meminfo):
    """Programs that are started meanwhile see another /proc/meminfo, in a mount namespace of their
    own."""
    harness.WRAPPER = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                       'mount --bind "$0" /proc/meminfo && exec "$@"', meminfo]
    try:
        yield
    finally:
        harness.WRAPPER = []


def arrive(agent, version, title="A rule"):
    word = f"creance-day-{version}"
    updates.offer(agent, version, updates.make_bundle(version, updates.rule_about(word, title)))
    return word


def still_detects(agent, mark):
    """The administrator's rule fires."""
    updates.trigger(f"{updates.EVER}-{mark}")
    agent.wait_alert(f"{updates.EVER}-{mark}", seconds=20)


def slots(agent):
    return os.path.join(agent.state, "lib", "updates")


# --- the clock ----------------------------------------------------------------------------------

def jump(agent, faults):
    agent.start_anew(faults)
    time.sleep(2.5)  # the road ticks once a second


def a_clock_jumps():
    """clock-jump: ten years ahead or behind, a release grows no older, and nothing else changes."""
    with running(f"age={AGE_S},urgent={AGE_S},full={AGE_S},bake=2,shadow=1") as agent:
        arrive(agent, 1)
        updates.wait_state(agent, 1, "verified")
        for fault in ("clock-ahead", "clock-behind"):
            jump(agent, fault)
            row = updates.release(agent, 1)
            expect((row["state"], row["waits"]) == ("verified", ["first-seen"]), f"{fault}: {row}")
            still_detects(agent, fault)
            print(f"# {fault}: still waits for its age, not before {row['earliest']} (its clock)")
        jump(agent, "age-by-wall")
        jump(agent, "age-by-wall,clock-ahead")
        wait_until(lambda: updates.release(agent, 1)["state"] in ("probation", "good"), 20,
                   lambda: f"that it is active: {updates.updates(agent)}")
        state = updates.release(agent, 1)["state"]
        print(f"# with ages on the wall clock it is {state} at once (so the test can fail)")


# --- the disk -----------------------------------------------------------------------------------

@contextlib.contextmanager
def small_disk(agent):
    """The agent's data on a file system of its own, 24 MiB, mounted while it is stopped."""
    folder = os.path.join(agent.state, "lib")
    agent.stop()
    os.makedirs(folder, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=755", "creance-test",
                           folder], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skip(f"no tmpfs can be mounted: {done.stderr.strip()}")
    try:
        agent.start()
        yield folder
    finally:
        agent.stop()
        subprocess.run(["umount", "-l", folder], check=True)


def fill(path):
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 65536)


def a_disk_is_full():
    """disk-full: what is good stays and starts; nothing new is taken, and that is said."""
    with running() as agent, small_disk(agent) as disk:
        word = arrive(agent, 1)
        updates.wait_state(agent, 1, "good")
        fill(os.path.join(disk, "filler"))
        bundle = os.path.join(agent.state, "2.bundle")
        with open(bundle, "wb") as file:
            file.write(updates.make_bundle(2, updates.rule_about("creance-day-2")))
        done = creance("content", "install", bundle, "--state", agent.state)
        expect(done.returncode == 4 and "No space left" in done.stderr, f"install: {done.stderr}")
        print(f"# {done.stderr.strip().replace(agent.state, 'STATE')}")
        agent.stop()
        agent.start()
        expect(updates.release(agent, 1)["state"] == "good", f"{updates.updates(agent)}")
        updates.trigger(word + "-full")
        agent.wait_alert(word + "-full", seconds=20)
        os.unlink(os.path.join(disk, "filler"))
        done = creance("content", "install", bundle, "--state", agent.state)
        expect(done.returncode == 0, f"install after there is room: {done.stderr}")
        updates.wait_state(agent, 2, "good")


def a_disk_that_lets_nothing_be_written():
    """"Protection against tampering blocks the rollback": ways back are gone all the same."""
    for faults in ("trial-off", "trial-off,way-back-waits"):
        with running(faults=faults) as agent, small_disk(agent) as disk:
            arrive(agent, 1)
            updates.wait_state(agent, 1, "good")
            evil = arrive(agent, 2, "Evil creance-fault-crash")
            updates.wait_state(agent, 2, "probation")
            os.unlink(os.path.join(slots(agent), "reserve"))  # what is kept for just this
            fill(os.path.join(disk, "filler"))
            updates.trigger(evil)
            if faults == "trial-off":
                updates.wait_state(agent, 2, "rolled back", 15)
                still_detects(agent, "no-room")
                print("# nothing can be written in probation: rolled back all the same")
            else:
                time.sleep(8)
                row = updates.release(agent, 2)
                expect(row["state"] == "probation", f"it went back: {row}")
                print(f"# with way-back-waits it stays: {row['state']}")
            os.unlink(os.path.join(disk, "filler"))


# --- memory -------------------------------------------------------------------------------------

def cgroup_with_little_memory(name, limit):
    """A memory cgroup of the test's own, of version 2 where the host has it."""
    root, limit_file = "/sys/fs/cgroup", "memory.max"
    if not os.path.exists(f"{root}/cgroup.controllers"):
        root, limit_file = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
    else:
        with contextlib.suppress(OSError), open(f"{root}/cgroup.subtree_control", "w") as file:
            file.write("+memory")
    group = f"{root}/{name}-{os.getpid()}"
    try:
        os.mkdir(group)
        with open(f"{group}/{limit_file}", "w") as file:
            file.write(str(limit))
    except OSError as problem:
        with contextlib.suppress(OSError):
            os.rmdir(group)
        raise Skip(f"no memory cgroup can be made: {problem}") from problem
    print(f"# {group}: {limit >> 20} MiB")
    return group


def memory_is_out():
    """out-of-memory: with little memory the kernel takes the engine, not the host's work."""
    with running(faults="trial-off") as agent:
        used = int(agent.status()["rates"]["memory_bytes"]) + (256 << 20)
        group = cgroup_with_little_memory("creance-test", used)
        try:
            for pid in (agent.process.pid, *agent.children().values()):
                with open(f"{group}/cgroup.procs", "w") as file:
                    file.write(str(pid))
            evil = arrive(agent, 1, "Evil creance-fault-memory")
            updates.wait_state(agent, 1, "probation")
            updates.trigger(evil)
            row = updates.wait_state(agent, 1, "rolled back", 30)
            expect(agent.process.poll() is None, "the supervisor was taken")
            still_detects(agent, "memory")
            print(f"# rolled back: {row['failure']}; the supervisor lives, the rules fire")
        finally:
            agent.stop()
            wait_until(lambda: not open(f"{group}/cgroup.procs").read(), 10, "an empty group")
            os.rmdir(group)


def kill_active_engine(agent):
    """As the kernel does that needs memory. There are two engines while a release is new."""
    active = [row["name"] for row in updates.updates(agent)["engines"] if row["use"] == "active"]
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/stat") as stat, open(f"/proc/{pid}/cmdline") as line:
                parent = int(stat.read().rsplit(")", 1)[1].split()[1])
                words = line.read().split("\0")
            if parent == agent.process.pid and words[:2] == ["creance-engine", *active]:
                os.kill(pid, signal.SIGKILL)
                return pid
    raise harness.Failure(f"no engine {active} among {agent.children()}")


def say_memory(path, available_mib, total_mib=16384):
    """What /proc/meminfo says from now on to who has it mounted; the same file, or the mount is of
    one that is gone."""
    with open(path, "r+") as file:
        file.write(f"MemTotal:       {total_mib << 10:8} kB\nMemFree:        {64 << 10:8} kB\n"
                   f"MemAvailable:   {available_mib << 10:8} kB\n")


def a_host_short_of_memory_throws_nothing_out():
    """out-of-memory: others eat the host's memory and the kernel ends an engine for it: what runs
    is not to blame and stays; with pressure-blames it is thrown out."""
    with tempfile.NamedTemporaryFile("w", prefix="creance-meminfo-") as meminfo:
        os.chmod(meminfo.name, 0o644)
        for faults in ("trial-off", "trial-off,pressure-blames"):
            say_memory(meminfo.name, 8192)
            with seeing(meminfo.name), \
                    running(QUICK.replace("bake=2", "bake=30"), faults) as agent:
                arrive(agent, 1)
                updates.wait_state(agent, 1, "probation")
                say_memory(meminfo.name, 100)
                wait_until(lambda: updates.updates(agent)["pressure"] == ["memory"], 10, agent.said)
                arrive(agent, 2)
                engine = kill_active_engine(agent)
                wait_until(lambda: f"pid {engine}) ended by itself" in agent.said(), 20, agent.said)
                time.sleep(3)
                row = updates.release(agent, 1)
                if "pressure-blames" in faults:
                    expect(row["state"] == "rolled back", f"{row}")
                    print(f"# with pressure-blames: {row['state']}: {row['failure']}")
                    continue
                expect(row["state"] == "probation", f"{row}\n{agent.said()}")
                still_detects(agent, "short")
                waits = updates.release(agent, 2)["waits"]
                print(f"# short of memory, its engine killed: release 1 {row['state']}; release 2 "
                      f"{updates.release(agent, 2)['state']}, waits for {waits}")
                reasons = [reason["what"] for reason in agent.status()["reasons"]]
                expect("note" in reasons, agent.status()["reasons"])
                say_memory(meminfo.name, 8192)
                wait_until(lambda: not updates.updates(agent)["pressure"], 60, agent.said)
                updates.wait_state(agent, 1, "good", 60)


def a_release_that_eats_the_host_is_not_excused():
    """out-of-memory: a shortage that a release makes itself excuses nothing: it is rolled back."""
    with tempfile.NamedTemporaryFile("w", prefix="creance-meminfo-") as meminfo:
        os.chmod(meminfo.name, 0o644)
        say_memory(meminfo.name, 600, 1024)
        with seeing(meminfo.name), \
                running(QUICK.replace("bake=2", "bake=600"), "trial-off") as agent:
            evil = arrive(agent, 1, "Evil creance-fault-leak")
            updates.wait_state(agent, 1, "probation")
            for number in range(40):  # 640 MiB: sanitizers hold back 400 of what is freed
                updates.trigger(f"{evil} {number}")
            agent.wait_alert(f"{evil} 39", seconds=60)
            say_memory(meminfo.name, 40, 1024)  # 51 are short, 82 are enough
            wait_until(lambda: updates.updates(agent)["pressure"] == ["memory"], 10, agent.said)
            time.sleep(2)
            kill_active_engine(agent)
            row = updates.wait_state(agent, 1, "rolled back", 30)
            expect(row["failure"] == "memory", f"{row}")
            still_detects(agent, "eaten")
            print(f"# memory is short by what the release takes: {row['state']}")


# --- the state ----------------------------------------------------------------------------------

def a_state_is_gone():
    """empty-state: a state that is wiped does not wipe what protects the host."""
    with running() as agent:
        arrive(agent, 5)
        updates.wait_state(agent, 5, "good")
        agent.stop()
        for path in glob.glob(os.path.join(slots(agent), "state.*")):
            os.unlink(path)
        agent.start()
        still_detects(agent, "no-state")
        updates.trigger("ZWNobyBDcmVhbmNl")  # whatever it has, the factory's rules are there
        expect(agent.status()["rules"]["loaded"] > 20, "the factory set is not in force")
        arrive(agent, 4)  # older than what was active here before
        wait_until(lambda: "is refused" in agent.said(), 15, lambda: agent.said())
        print("# without its state: factory content, and no version below 5 any more")
        agent.stop()
        for path in glob.glob(os.path.join(slots(agent), "*")):
            os.unlink(path)
        agent.start()
        still_detects(agent, "nothing")
        arrive(agent, 6)
        updates.wait_state(agent, 6, "good")


def the_agent_is_killed_at_any_moment():
    """power-cut (of the agent; the disk's is tests/power_cut): it finds its place again."""
    with running(QUICK.replace("retry=3600", "retry=1")) as agent:
        arrive(agent, 1)
        for state in ("trial", "shadow", "probation", "good"):
            row = wait_until(lambda: updates.release(agent, 1)["state"] in (
                state, "probation", "good") and updates.release(agent, 1), 30,
                lambda: f"{state}: {updates.updates(agent)}")
            agent.process.send_signal(signal.SIGKILL)
            agent.process.wait()
            agent.output.close()
            agent.start()
            print(f"# killed in {row['state']}: {updates.release(agent, 1)['state']} afterwards")
            still_detects(agent, f"killed-{state}")
        updates.wait_state(agent, 1, "good")


# --- lessons of others --------------------------------------------------------------------------

def what_was_checked_is_what_runs():
    """A release that is changed on disk after it was verified never runs; with slots-unhashed, what
    somebody put into its place does."""
    for faults in ("trial-off", "trial-off,slots-unhashed"):
        with running(faults=faults) as agent:
            creance("content", "hold", "--state", agent.state)
            time.sleep(1.5)
            arrive(agent, 1)
            wait_until(lambda: "hold" in updates.release(agent, 1)["waits"], 15, "that it waits")
            (path,) = glob.glob(os.path.join(slots(agent), "release-*"))
            evil = updates.make_bundle(1, updates.rule_about("creance-day-9"))  # as many bytes
            with open(path, "r+b") as file:
                file.seek(-len(evil), os.SEEK_END)
                file.write(evil)
            creance("content", "unhold", "--state", agent.state)
            if "slots-unhashed" in faults:
                updates.wait_state(agent, 1, "good")
                updates.trigger("creance-day-9")
                agent.wait_alert("creance-day-9")
                print("# with slots-unhashed it runs, and is good")
                continue
            time.sleep(5)
            row = updates.release(agent, 1)
            expect(row["state"] not in ("probation", "good"), f"it runs: {row}")
            still_detects(agent, "changed")
            print(f"# changed in its slot: {row['state']}, {row['failure']}, waits {row['waits']}")


def one_slow_start_is_no_failure():
    """An engine that takes seconds longer to load is waited for, and the release is good; with
    start-hasty it is not."""
    for faults, state in (("", "good"), ("start-hasty", "rejected")):
        with running(faults=faults) as agent:
            word = arrive(agent, 1, "Slow creance-fault-load-slow")
            row = updates.wait_state(agent, 1, state, 60)
            print(f"# a slow start{faults and ' with ' + faults}: {row['state']}, {row['failure']}")
            if state == "good":
                expect(row["failure"] is None and row["attempts"] == 0, f"{row}")
                updates.trigger(word)
                agent.wait_alert(word)


def a_trial_that_never_ends():
    """A trial that waits for ever is ended, blames nobody, and does not keep others waiting."""
    with running(QUICK.replace("retry=3600", "retry=1,trial-max=5"), "trial-sleeps") as agent:
        arrive(agent, 1)
        updates.wait_state(agent, 1, "trial")
        updates.wait_state(agent, 1, "admitted")
        expect(updates.release(agent, 1)["failure"] is None, f"{updates.release(agent, 1)}")
        still_detects(agent, "sleeping-trial")
        agent.start_anew()
        updates.wait_state(agent, 1, "good", 60)
        print("# ended, tried again, and good once trials end")


def each_failure_while_loading_is_named():
    """Crash, hang and memory while it is loaded: rejected before it was active, each named."""
    with running() as agent:
        for version, (fault, words) in enumerate((("crash", "crash"), ("hang", "hang"),
                                                  ("memory", "crash memory hang")), 1):
            arrive(agent, version, f"Evil creance-fault-load-{fault}")
            row = updates.wait_state(agent, version, "rejected", 150)
            expect(row["failure"] in words.split(), f"{fault}: {row}")
            still_detects(agent, f"load-{fault}")
            print(f"# {fault} while loading: {row['state']}, {row['failure']}")


if __name__ == "__main__":
    run_tests([a_clock_jumps, a_disk_is_full, a_disk_that_lets_nothing_be_written,
               memory_is_out, a_host_short_of_memory_throws_nothing_out,
               a_release_that_eats_the_host_is_not_excused, a_state_is_gone,
               the_agent_is_killed_at_any_moment, what_was_checked_is_what_runs,
               one_slow_start_is_no_failure, a_trial_that_never_ends,
               each_failure_while_loading_is_named])

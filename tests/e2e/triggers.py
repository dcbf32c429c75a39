#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: test
# timeout: 300
"""Each kind of event, made by a trigger program and compared with what that program knows of it.

tests/triggers has the programs. The agent runs with all its processes; events are taken from the
control socket as any viewer gets them.
"""
import json
import os
import queue
import socket
import subprocess
import threading
import time

import harness
from harness import expect

SECONDS = 1.0  # from the trigger's end until its event must be here
MODULE = "dummy"  # a network device without a network: loading it makes none on its own
TRIGGERS = (
    # program, its arguments
    ("process-start",), ("process-start", "memory"), ("process-start", "deleted"),
    ("process-fork",), ("process-exit",), ("process-exit", "signal"),
    ("file-create",), ("file-write",), ("file-rename",), ("file-delete",), ("file-chmod",),
    ("network-connect",), ("network-connect", "6"), ("network-accept",), ("network-accept", "6"),
    ("process-access", "attach"), ("process-access", "seize"), ("process-access", "poke"),
    ("process-access", "read"), ("process-access", "write"),
    ("mount-change", "mount"), ("mount-change", "move"), ("mount-change", "umount"),
    ("namespace-change", "unshare"), ("namespace-change", "setns"),
    ("namespace-change", "kindless"),
    ("bpf-load",), ("memory-file",),
    ("user-change", "user"), ("user-change", "capability"),
    ("process-signal", "user"), ("process-signal", "ours"),
    ("module-load", "file"), ("module-load", "memory"), ("module-load", "unload"),
)


class Viewer:
    """All events of an agent as they come, in our own names."""

    def __init__(self, agent):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(os.path.join(agent.state, "run", "control.sock"))
        self.socket.sendall(b'{"verb": "events", "form": "schema"}\n')
        self.events = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        with self.socket.makefile("rb") as lines:
            for line in lines:
                self.events.put(json.loads(line))

    def wait(self, wanted):
        """The event that agrees with `wanted` in kind and pid, and in most of the fields."""
        end = time.monotonic() + SECONDS
        nearest, nearest_differences = None, None
        while time.monotonic() < end:
            try:
                answer = self.events.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                break
            event = answer.get("event", {})
            if event.get("kind") != wanted["kind"]:
                continue
            if event.get("process_pid") != wanted["fields"]["process_pid"]:
                continue
            differences = [f"{name}: the trigger knows {value!r}, the agent saw {event.get(name)!r}"
                           for name, value in wanted["fields"].items()
                           if not same(value, event.get(name))]
            if not differences:
                return event
            if nearest is None or len(differences) < len(nearest_differences):
                nearest, nearest_differences = event, differences
        if nearest is None:
            raise harness.Failure(f"no {wanted['kind']} by {wanted['fields']['process_pid']} "
                                  f"within {SECONDS} s")
        raise harness.Failure("\n".join(nearest_differences + [json.dumps(nearest)]))


def same(known, seen):
    """Flags are told as words by the triggers and as JSON's true and false by the agent."""
    if isinstance(seen, bool):
        seen = "true" if seen else "false"
    return known == seen


def trigger(name, *arguments, **options):
    path = os.path.join(harness.BUILD, "tests", "triggers", "trigger-" + name)
    return subprocess.Popen([path, *arguments], stdout=subprocess.PIPE, text=True, **options)


def module():
    """The file and the name of a kernel module that does no harm here."""
    if not os.path.exists("/proc/modules"):
        raise harness.Skip("this kernel loads no modules")
    found = subprocess.run(["/sbin/modinfo", "-n", MODULE], stdout=subprocess.PIPE, text=True,
                           stderr=subprocess.DEVNULL, check=False).stdout.strip()
    if not found.endswith(".ko"):
        raise harness.Skip(f"the module {MODULE} is not here, or is packed")
    with open("/proc/modules", encoding="ascii") as lines:
        if any(line.split()[0] == MODULE for line in lines):
            raise harness.Skip(f"the module {MODULE} is loaded already")
    return found, MODULE


def test_kinds(agent):
    """Makes the tests, one for each trigger."""
    def test_of(program, *words):
        def test():
            arguments = [*module(), *words] if program == "module-load" else words
            viewer = Viewer(agent)
            time.sleep(0.2)  # until the viewer is served
            process = trigger(program, *arguments)
            said = process.communicate(timeout=30)[0]
            expect(process.returncode == 0, f"the trigger failed: {process.returncode}")
            viewer.wait(json.loads(said))
        name = " ".join([program, *words])
        test.__doc__ = f"trigger {name}: its event is seen within a second as it was"
        return test
    return [test_of(*words) for words in TRIGGERS]


def ask(agent, verb):
    """All answers to a request that ends by itself; none while nobody serves."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
            asked.connect(os.path.join(agent.state, "run", "control.sock"))
            asked.sendall(json.dumps({"verb": verb}).encode() + b"\n")
            answers = []
            with asked.makefile("rb") as lines:
                for line in lines:
                    answers.append(json.loads(line))
                    if "end" in answers[-1]:
                        break
            return answers
    except OSError:
        return []


def is_healthy(agent):
    return any(answer.get("status", {}).get("state") == "healthy"
               for answer in ask(agent, "status"))


def test_running(agent, known):
    """Makes the test of what was there before the agent."""
    def test():
        """a process that was there before the agent is known with its arguments"""
        fields = known["fields"]
        found = [answer["process"] for answer in ask(agent, "ps")
                 if answer.get("process", {}).get("pid") == fields["process_pid"]]
        expect(len(found) == 1, f"{len(found)} processes have the pid {fields['process_pid']}")
        for name, field in (("executable", "process_executable"), ("user_id", "user_id"),
                            ("command_line", "process_arguments"), ("parent_pid", "parent_pid")):
            expect(found[0].get(name) == fields[field],
                   f"{name}: expected {fields[field]!r}, the agent has {found[0].get(name)!r}")
    return test


def main():
    try:
        harness.require_sensor()
    except harness.Skip as reason:
        print(f"1..0 # SKIP {reason}")
        return
    running = trigger("process-running", "stays", "two words", stdin=subprocess.PIPE)
    known = json.loads(running.stdout.readline())
    with harness.Agent(healthy=False) as agent:
        harness.wait_until(lambda: is_healthy(agent), 60, "a healthy agent")
        try:
            harness.run_tests([test_running(agent, known)] + test_kinds(agent))
        finally:
            running.stdin.close()
            running.wait()


if __name__ == "__main__":
    main()

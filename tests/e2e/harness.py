# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: TAP lines, the requirements of this machine, and a real agent.

End-to-end means here: the real programs of a build, real kernel events, real processes and their
real sandboxes, judged by what they write. Nothing of the product is linked or imported.
"""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("CREANCE_BUILD", os.path.join(REPOSITORY, "build/test")))
CONTENT = os.path.join(REPOSITORY, "content")
SHARED = os.path.abspath(os.environ.get("CREANCE_SHARED", os.path.join(REPOSITORY, "../shared")))
CHILDREN = ("creance-sensor", "creance-engine", "creance-control")


class Skip(Exception):
    """Raised by a test that this machine cannot run; the reason is printed and counted."""


class Failure(Exception):
    """Raised by expect()."""


def expect(condition, message):
    if not condition:
        raise Failure(message)


def run_tests(tests):
    """Runs functions one after another; each is one TAP line named by its first doc line."""
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, test in enumerate(tests, 1):
        name = (test.__doc__ or test.__name__).strip().splitlines()[0].rstrip(".")
        try:
            test()
            print(f"ok {number} - {name}", flush=True)
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        except Exception as problem:  # a crash of the test is a failure of the test
            failed += 1
            if not isinstance(problem, Failure):
                traceback.print_exc(file=sys.stdout)
            for line in str(problem).splitlines():
                print(f"# {line}")
            print(f"not ok {number} - {name}", flush=True)
    sys.exit(1 if failed else 0)


def program(name):
    return os.path.join(BUILD, name)


def creance(*arguments, **options):
    """Runs `creance` and returns the finished process with its text output."""
    options.setdefault("timeout", 60)
    return subprocess.run([program("creance"), *arguments], text=True, capture_output=True,
                          **options)


def require_sensor():
    if os.geteuid() != 0:
        raise Skip("needs root to load eBPF programs")
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        raise Skip("this kernel has no BTF")


def wait_until(condition, seconds, what):
    """The first true value of `condition`; a Failure that names `what` when it takes too long."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"waited {seconds} s in vain for: {what() if callable(what) else what}")
        time.sleep(0.02)


def json_lines(path):
    """Whole lines of a log file; a last line without its end is not there yet."""
    try:
        with open(path, "rb") as file:
            return [json.loads(line) for line in file if line.endswith(b"\n")]
    except FileNotFoundError:
        return []


def children_of(pid):
    """name -> pid of the living children of `pid`."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError):
            with open(f"/proc/{entry}/stat") as file:
                head, tail = file.read().rsplit(")", 1)
            state, parent = tail.split()[:2]
            if int(parent) == pid and state != "Z":
                found[head.split("(", 1)[1]] = int(entry)
    return found


WRAPPER = []  # what runs the agents that are started, and then becomes them


class Agent:
    """A running agent with a state folder of its own; `with Agent() as agent:`."""

    def __init__(self, content=CONTENT, arguments=(), healthy=True, configuration=None,
                 faults=""):
        self.content = content
        self.arguments = arguments
        self.healthy = healthy
        self.configuration = configuration  # text of creance.yaml
        self.faults = faults  # planted at each start (src/base/fault.def)
        self.state = None
        self.process = None

    def __enter__(self):
        self.state = tempfile.mkdtemp(prefix="creance-e2e-")
        os.chmod(self.state, 0o755)
        if self.configuration is not None:
            self.configure(self.configuration)
        try:
            self.start()
        except BaseException:  # __exit__ is not called then
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.stop()
        finally:
            shutil.rmtree(self.state, ignore_errors=True)

    def configure(self, text):
        """Writes creance.yaml; a running agent takes it within some seconds."""
        folder = os.path.join(self.state, "etc")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "creance.yaml")
        with open(path + ".new", "w") as file:
            file.write(text)
        os.rename(path + ".new", path)

    def start(self):
        planted = {"CREANCE_FAULT": self.faults} if self.faults else {}
        self.output = open(os.path.join(self.state, "creanced.output"), "a+")
        self.process = subprocess.Popen(
            [*WRAPPER, program("creanced"), "--state", self.state, "--content", self.content,
             *self.arguments],
            stdout=self.output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            env={**os.environ, **planted})
        if self.healthy:
            self.wait_healthy()

    def start_anew(self, faults=""):
        """Stops it and starts it with these faults."""
        self.stop()
        self.faults = faults
        self.start()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Failure("the agent did not stop within 20 s")
            finally:
                self.output.close()

    def said(self):
        with open(os.path.join(self.state, "creanced.output")) as file:
            return file.read()

    def status(self):
        """What `creance status --json` prints; {} while nobody answers."""
        done = creance("status", "--json", "--state", self.state)
        try:
            return json.loads(done.stdout.splitlines()[0])
        except (IndexError, ValueError):
            return {}

    def wait_healthy(self, seconds=60):
        """Until all children run and rules are in force. Events of other work on this machine that
        were lost while the rules were loaded make it degraded, but not unusable."""
        def is_ready():
            expect(self.process.poll() is None, f"creanced ended:\n{self.said()}")
            status = self.status()
            states = {row["name"]: row["state"] for row in status.get("processes", [])}
            return (all(states.get(name) == "running" for name in ("sensor", "control"))
                    and any(state == "running" for name, state in states.items()
                            if name.startswith("engine"))
                    and status["rules"]["loaded"] > 0 and status["state"] != "blind")
        wait_until(is_ready, seconds, lambda: f"a healthy agent; it said:\n{self.said()}\n"
                   + creance("status", "--state", self.state).stdout)

    def children(self):
        return children_of(self.process.pid)

    def alerts(self):
        """All alert lines, rotated files first."""
        folder = os.path.join(self.state, "log")
        names = sorted((name for name in os.listdir(folder) if name.startswith("alerts.jsonl")),
                       key=lambda name: -int(name.rsplit(".", 1)[1]) if name[-1].isdigit() else 0)
        return [line for name in names for line in json_lines(os.path.join(folder, name))]

    def alerts_with(self, word):
        return [alert for alert in self.alerts() if word in json.dumps(alert)]

    def wait_alert(self, word, seconds=10):
        return wait_until(lambda: self.alerts_with(word), seconds,
                          lambda: f"an alert about {word}; the agent said:\n{self.said()}")[0]

    def kill(self, name):
        pid = self.children()[name]
        os.kill(pid, signal.SIGKILL)
        return pid

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: release
# timeout: 300
"""./run as people meet it: wrong words, a host that lacks something, the whole way to an alert."""
import fcntl
import json
import os
import pty
import re
import signal
import subprocess
import tempfile
import termios
import threading

from harness import REPOSITORY, Skip, expect, require_sensor, run_tests, wait_until

RUN = os.path.join(REPOSITORY, "run")
ALERT = "Encoded Command Decoded and Run"


def run(*arguments, before=(), directory="/"):
    """Runs ./run to its end (behind the words `before`), nobody at the keyboard."""
    return subprocess.run([*before, RUN, *arguments], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=directory,
                          timeout=250, check=False)


def expect_said(done, code, *words):
    expect(done.returncode == code, f"exit code {done.returncode}, not {code}:\n{done.stdout}")
    for word in words:
        expect(word in done.stdout, f"it does not say \"{word}\":\n{done.stdout}")


def need_root():
    if os.geteuid() != 0:
        raise Skip("needs root")


def wrong_usage():
    """wrong words are named, and nothing is done"""
    expect_said(run("--stat", "x"), 2, 'unknown argument "--stat"')
    expect_said(run("--state"), 2, "--state needs a folder")
    expect_said(run("--state="), 2, "--state needs a folder")


def helps():
    """--help names every flag and exit code"""
    expect_said(run("--help"), 0, "--yes", "--build", "--state DIR", "exit codes", "examples")


def builds():
    """--build builds, from any folder"""
    expect_said(run("--build", directory=tempfile.gettempdir()), 0, "Built: ")
    expect(os.path.exists(os.path.join(REPOSITORY, "build", "release", "creance")), "no program")


def no_faults():
    """what is released holds no planted fault: neither its words nor its functions"""
    folder = os.path.join(REPOSITORY, "build", "release")
    names = [name for name in os.listdir(folder)
             if re.fullmatch(r"creanced|creance(-[a-z]+)?", name)]
    expect("creanced" in names and "creance-loader" in names, names)
    for name in names:
        path = os.path.join(folder, name)
        with open(path, "rb") as file:
            words = re.findall(rb"CREANCE_FAULT|creance-fault[-a-z]*", file.read())
        functions = subprocess.run(["nm", path], stdout=subprocess.PIPE, text=True, check=True)
        found = re.findall(r"\b(?:fault_\w+|updates_give_up|plant_\w+|spoil_\w+|repeat_mistakes)$",
                           functions.stdout, re.MULTILINE)
        expect(not words and not found, f"{name}: {words} {found}")


def expect_replay(done, reason):
    """It said that it cannot watch and why, and replayed the recording, which has the alert."""
    expect_said(done, 4, "cannot watch this host", reason,
                "Replaying content/recordings/first-alert.jsonl", ALERT)


def without_root():
    """without root it says so and replays"""
    need_root()
    user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    if subprocess.run([*user, "test", "-x", RUN], check=False).returncode != 0:
        raise Skip("other users cannot read this checkout")
    expect_replay(run(before=user), "root: you are nobody")


def without_btf():
    """without BTF it says so and replays"""
    need_root()
    hide = ["unshare", "--mount", "/bin/bash", "-c",
            'mount -t tmpfs none /sys/kernel/btf && exec "$@"', "hide"]
    expect_replay(run("--yes", before=hide), "CONFIG_DEBUG_INFO_BTF")


def without_capabilities():
    """without the right to load eBPF it says so and replays"""
    need_root()
    drop = ["setpriv", "--bounding-set", "-sys_admin,-bpf,-perfmon"]
    expect_replay(run("--yes", before=drop), "neither CAP_SYS_ADMIN nor CAP_BPF")


def second_instance():
    """a second one with the same state folder is refused, and the first goes on"""
    require_sensor()
    with Started() as first:
        expect_said(run("--yes", "--state", first.state), 1, "already runs with the state folder")
        expect(first.process.poll() is None, "the first one ended")


class Started:
    """./run with a state folder that has a space in its name; ended at the exit by TERM or, when
    it has a terminal, by Ctrl-C typed there."""

    def __init__(self, has_terminal=False):
        self.has_terminal = has_terminal
        self.master = None

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.state = os.path.join(self.folder.name, "a state")
        self.output = os.path.join(self.folder.name, "output")
        command = [RUN, "--yes", "--state", "a state"]
        if self.has_terminal:
            self.start_on_terminal(command)
        else:
            with open(self.output, "wb") as file:
                self.process = subprocess.Popen(command, cwd=self.folder.name, stderr=file,
                                                stdin=subprocess.DEVNULL, stdout=file)
        wait_until(lambda: self.line() or self.process.poll() is not None, 60, self.said)
        expect(self.line(), f"it printed no line to paste:\n{self.said()}")
        return self

    def start_on_terminal(self, command):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            command, cwd=self.folder.name, stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        threading.Thread(target=self.copy_terminal, daemon=True).start()

    def copy_terminal(self):
        with open(self.output, "wb", buffering=0) as file:
            while True:
                try:
                    data = os.read(self.master, 4096)
                except OSError:  # everybody has closed the other end
                    return
                file.write(data)

    def __exit__(self, *_):
        if self.has_terminal:
            os.write(self.master, b"\x03")
        else:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(40)
            said = self.said()
        finally:
            self.process.kill()
            self.folder.cleanup()
        expect(code == 0, f"exit code {code}:\n{said}")
        expect("nothing is left loaded" in said, f"it does not say that all is gone:\n{said}")

    def said(self):
        """What it printed, without the terminal's own words."""
        if not os.path.exists(self.output):
            return ""
        with open(self.output, encoding="utf-8", errors="replace", newline="") as file:
            return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", file.read())

    def line(self):
        """The printed line to paste."""
        found = re.search(r"^    (sh -c .*)$", self.said(), re.MULTILINE)
        return found and found.group(1)

    def logged(self):
        """Names of the rules in the log of alerts that speak of the pasted line."""
        path = os.path.join(self.state, "log", "alerts.jsonl")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            alerts = [json.loads(line) for line in file if line.endswith("\n")]
        return [alert["rule"]["name"] for alert in alerts if "ZWNob" in json.dumps(alert)]


def programs_of(process):
    """Ids of the eBPF programs that a process holds open, itself or through a link."""
    found = set()
    for name in os.listdir(f"/proc/{process}/fdinfo"):
        with open(f"/proc/{process}/fdinfo/{name}", encoding="utf-8") as file:
            found |= set(re.findall(r"^prog_id:\s*(\d+)", file.read(), re.MULTILINE))
    return found


def is_loaded(program):
    return subprocess.run(["bpftool", "prog", "show", "id", program], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


def first_alert(has_terminal):
    require_sensor()
    with Started(has_terminal) as started:
        with open(os.path.join(started.state, "run", "creanced.pid"), encoding="utf-8") as file:
            during = programs_of(int(file.read()))
        expect(len(during) > 5 and all(map(is_loaded, during)),
               f"it holds too few eBPF programs: {during}")
        done = subprocess.run(["/bin/bash", "-c", started.line()], stdout=subprocess.PIPE,
                              text=True, check=False)
        expect(done.stdout == "Creance saw this\n", f"the pasted line printed {done.stdout!r}")
        wait_until(lambda: ALERT in started.logged(), 10, lambda: "the alert in the log")
        wait_until(lambda: ALERT in started.said(), 10, started.said)
    left = [program for program in during if is_loaded(program)]
    expect(not left, f"programs left in the kernel: {left}")


def control_c():
    """the printed line gives an alert, in log and view; Ctrl-C in its terminal leaves nothing"""
    first_alert(has_terminal=True)


def terminated():
    """without a terminal too; TERM leaves nothing"""
    first_alert(has_terminal=False)


if __name__ == "__main__":
    run_tests([wrong_usage, helps, builds, no_faults, without_root, without_btf,
               without_capabilities, control_c, terminated, second_instance])

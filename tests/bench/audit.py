# SPDX-License-Identifier: Apache-2.0
"""auditd with rules that cover what the agent covers, for benchmarks that compare the two.

Only on a host where nobody uses audit. Afterwards auditd is stopped, its rules are gone, and one
rule remains (`auditctl -a never,task`): without it every process that starts later would go on
paying some 80 ns for each system call, until the host is started again.
"""
import os
import shutil
import subprocess
import tempfile
import time

from harness import Skip, expect, wait_until

WRITES = "0x43"  # O_WRONLY, O_RDWR or O_CREAT: as the agent, nothing of opens that only read
RULES = [
    "-b 8192", "--backlog_wait_time 60000", "-f 1",  # as Debian's package has them
    "-a always,exit -F arch=b64 -S execve -S execveat -k exec",
    f"-a always,exit -F arch=b64 -S open -F a1&{WRITES} -k write",
    f"-a always,exit -F arch=b64 -S openat -F a2&{WRITES} -k write",
    "-a always,exit -F arch=b64 -S creat -S openat2 -k write",
    "-a always,exit -F arch=b64 -S rename -S renameat -S renameat2 -S unlink -S unlinkat -S rmdir"
    " -k name",
    "-a always,exit -F arch=b64 -S chmod -S fchmod -S fchmodat -k mode",
    "-a always,exit -F arch=b64 -S connect -S accept -S accept4 -k network",
]
# Debian's /etc/audit/auditd.conf, but for where the log lies and that no mail is sent.
CONFIGURATION = """
log_file = {folder}/audit.log
log_format = ENRICHED
flush = INCREMENTAL_ASYNC
freq = 50
max_log_file = 8
num_logs = 5
priority_boost = 4
max_log_file_action = ROTATE
space_left = 75
space_left_action = IGNORE
admin_space_left = 50
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
plugin_dir = {folder}/plugins.d
"""


def control(*words):
    done = subprocess.run(["auditctl", *words], text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise Skip(f"auditctl {' '.join(words)} was refused: {done.stderr.strip()}")
    return done.stdout


def state():
    """The kernel's audit state, by name."""
    rows = (line.split() for line in control("-s").splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}


def require():
    """That it is installed, that this kernel allows it, and that nobody uses it."""
    for name in ("auditd", "auditctl"):
        if shutil.which(name) is None:
            raise Skip(f"{name} is not installed (Debian package auditd)")
    now = state()
    if now["pid"] != 0 or now["enabled"] != 0:
        raise Skip("audit is in use on this host: it is left alone")
    rules = control("-l").strip()
    if rules not in ("No rules", "-a never,task"):
        raise Skip("there are audit rules on this host: they are left alone")


def thread_ns(path):
    with open(os.path.join(path, "schedstat")) as file:
        return int(file.read().split()[0])


def kernel_thread(name):
    """Pid of a kernel thread; None if it is not there."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as file:
                if file.read().strip() == name:
                    return int(pid)
        except OSError:
            continue
    return None


class Auditd:
    """A running auditd with RULES: `with Auditd() as audit:`."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="creance-auditd-", dir="/dev/shm")
        os.mkdir(os.path.join(self.folder, "plugins.d"))
        path = os.path.join(self.folder, "auditd.conf")
        with open(path, "w") as file:
            file.write(CONFIGURATION.format(folder=self.folder))
        os.chmod(path, 0o640)
        self.process = subprocess.Popen(["auditd", "-n", "-s", "nochange", "-c", self.folder],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: state()["pid"] == self.process.pid, 10, "auditd to take over")
            control("-D")
            for rule in RULES:
                control(*rule.split())
            control("-e", "1")
            self.lost = state()["lost"]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        control("-e", "0")
        control("-D")
        control("-a", "never,task")
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)

    def cpu_ns(self):
        """What auditd and the kernel's thread that feeds it have run."""
        tasks = f"/proc/{self.process.pid}/task"
        total = sum(thread_ns(os.path.join(tasks, thread)) for thread in os.listdir(tasks))
        kauditd = kernel_thread("kauditd")
        return total + (thread_ns(f"/proc/{kauditd}") if kauditd else 0)

    def settle(self):
        wait_until(lambda: state()["backlog"] == 0, 60, "the end of the audit backlog")
        time.sleep(0.5)

    def expect_nothing_lost(self):
        lost = state()["lost"] - self.lost
        expect(lost == 0, f"audit lost {lost} records, so it did less than it should")

    def memory_kib(self):
        with open(f"/proc/{self.process.pid}/smaps_rollup") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))

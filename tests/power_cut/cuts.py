# SPDX-License-Identifier: Apache-2.0
"""Switches slots on a file system over a forgetful disk, then cuts the power everywhere.

The same for a public log that grows (log-worker). For each step that the disk saw, what a cut there
would have left is mounted, and the worker says what it finds. Torn: the state or a release that it
names is not whole, or the file system cannot be mounted. Lost: the state is older than one whose
saving was over.
"""
import os
import random
import shutil
import signal
import subprocess
import sys

import forgetful_disk
from forgetful_disk import Unavailable

# noauto_da_alloc: ext4 would otherwise hide a missing fsync before a rename.
FILE_SYSTEMS = {
    "ext4": (["mkfs.ext4", "-q", "-F", "-b", "4096", "-J", "size=4"], 24, "noauto_da_alloc"),
    "xfs": (["mkfs.xfs", "-q", "-f"], 320, "nouuid"),
    "btrfs": (["mkfs.btrfs", "-q", "-f", "--mixed"], 128, "defaults"),
}
MODES = ("whole", "no-file-sync", "no-folder-sync")


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)


class Cuts:
    """One workload on one file system, and its cuts."""

    def __init__(self, kind, mode, worker, folder, switches):
        self.kind, self.mode, self.worker = kind, mode, worker
        self.switches, self.folder = switches, folder
        self.base = os.path.join(folder, "base.img")
        self.mounted = os.path.join(folder, "mounted")
        os.makedirs(self.mounted, exist_ok=True)
        self.recording = forgetful_disk.Recording()
        self.tried, self.torn, self.lost = 0, [], []

    def mount(self, image):
        options = f"loop,noatime,{FILE_SYSTEMS[self.kind][2]}"
        return run("mount", "-t", self.kind, "-o", options, image, self.mounted)

    def unmount(self):
        run("umount", self.mounted)

    def prepare(self):
        make, megabytes, _ = FILE_SYSTEMS[self.kind]
        tool = shutil.which(make[0], path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if tool is None:
            raise Unavailable(f"{make[0]} is not installed")
        with open("/proc/filesystems", encoding="utf-8") as file:
            if self.kind not in file.read().split():
                raise Unavailable(f"this kernel has no {self.kind}")
        with open(self.base, "wb") as file:
            file.truncate(megabytes * 1024 * 1024)
        made = run(tool, *make[1:], self.base)
        if made.returncode != 0:
            raise Unavailable(f"{make[0]}: {made.stdout.strip()}")
        done = self.mount(self.base)
        if done.returncode != 0:
            raise Unavailable(f"no loop mount of {self.kind}: {done.stdout.strip()}")
        os.mkdir(os.path.join(self.mounted, "slots"), 0o700)
        self.unmount()

    def record(self):
        """Runs the workload over the forgetful disk."""
        live, fuse = os.path.join(self.folder, "live.img"), os.path.join(self.folder, "fuse")
        os.makedirs(fuse, exist_ok=True)
        forgetful_disk.copy_sparse(self.base, live)
        disk = forgetful_disk.ForgetfulDisk(live, fuse, self.recording)
        try:
            done = self.mount(os.path.join(fuse, "disk"))
            if done.returncode != 0:
                raise Unavailable(f"no loop device over FUSE: {done.stdout.strip()}")
            worker = subprocess.Popen(
                [self.worker, "work", os.path.join(self.mounted, "slots"), str(self.switches),
                 self.mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for line in worker.stdout:
                word, _, value = line.strip().partition(" ")
                if word != "done":
                    raise AssertionError(f"the worker said {line.strip()}")
                # The worker waits: nothing that it does next stands before this mark.
                self.recording.add("mark", int(value))
                worker.stdin.write("\n")
                worker.stdin.flush()
            if worker.wait() != 0:
                raise AssertionError("the worker failed")
            # What is written from here on is no longer the workload's.
            self.steps = list(self.recording.steps)
            self.unmount()
        finally:
            self.unmount()
            disk.close()
            os.unlink(live)
        self.recording.steps = self.steps

    def look(self, image, done, place):
        """Mounts what a cut left and judges it."""
        self.tried += 1
        mounted = self.mount(image)
        if mounted.returncode != 0:
            self.torn.append(f"{place}: it cannot be mounted: {mounted.stdout.strip()}")
            return
        said = run(self.worker, "check", os.path.join(self.mounted, "slots")).stdout.strip()
        self.unmount()
        word, _, value = said.partition(" ")
        if word != "mark":
            self.torn.append(f"{place}: {said}")
        elif int(value) < done:
            self.lost.append(f"{place}: state {value}, but {done} was saved")

    def cut_all(self, seed, subsets, every):
        """A cut after each `every`-th write and at each flush: all of what was not flushed is
        there, none of it, and random subsets of its blocks."""
        chance = random.Random(seed)
        durable, image = (os.path.join(self.folder, name) for name in ("durable.img", "cut.img"))
        forgetful_disk.copy_sparse(self.base, durable)
        flushed, done = 0, 0
        for at, step in enumerate(self.steps, start=1):
            if step[0] == "mark":
                done = step[1]
            is_flush = step[0] == "flush"
            if not is_flush and step[0] != "mark" and at % every != 0:
                continue
            blocks = self.recording.blocks(flushed, at)
            choices = [list(blocks)] if not is_flush else [list(blocks), []]
            if len(blocks) > 1:
                choices += [[block for block in blocks if chance.random() < 0.5]
                            for _ in range(subsets)]
            for number, chosen in enumerate(choices):
                forgetful_disk.copy_sparse(durable, image)
                self.apply(image, chosen)
                place = (f"{self.kind} {self.mode} seed {seed} step {at} of {len(self.steps)}, "
                         f"choice {number}: {len(chosen)} of {len(blocks)} blocks")
                self.look(image, done, place)
            if is_flush:
                self.apply(durable, blocks)
                flushed = at
        if done != self.switches:
            raise AssertionError(f"the disk saw {done} of {self.switches} switches")

    @staticmethod
    def apply(image, blocks):
        with open(image, "r+b") as file:
            for offset, data in blocks:
                file.seek(offset)
                file.write(data)

    def summary(self):
        writes = sum(1 for step in self.steps if step[0] == "write")
        flushes = sum(1 for step in self.steps if step[0] == "flush")
        return (f"{self.kind}, {self.mode}: {self.switches} switches, {writes} writes, {flushes} "
                f"flushes, {self.tried} cuts, {len(self.torn)} torn, {len(self.lost)} lost")


def cuts_of(kind, mode, worker, folder, switches, seed, subsets, every):
    """Everything of one combination; the caller judges."""
    place = os.path.join(folder, f"{kind}-{mode}")
    os.makedirs(place)
    cuts = Cuts(kind, mode, worker, place, switches)
    cuts.prepare()
    cuts.record()
    cuts.cut_all(seed, subsets, every)
    shutil.rmtree(place)
    return cuts


def report(kinds, switches, seed, subsets, every, worker="slot-worker"):
    """TAP lines: with the syncs nothing is torn or lost; without each the harness sees it."""
    worker = os.path.join(os.environ["CREANCE_BUILD"], "tests", "power_cut", worker)
    folder = os.path.join(os.environ.get("TMPDIR", "/tmp"), "cuts")
    if os.access("/dev/shm", os.W_OK):
        folder = f"/dev/shm/creance-power-cut-{os.getpid()}"
    os.makedirs(folder)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # leaves the way out to `finally`
    print(f"1..{len(kinds) * len(MODES)}")
    good, number = True, 0
    try:
        forgetful_disk.own_mounts()
        for kind in kinds:
            for mode in MODES:
                number += 1
                good = one(number, kind, mode, worker, folder, switches, seed, subsets,
                           every) and good
    except Unavailable as reason:
        for left in range(number + 1, len(kinds) * len(MODES) + 1):
            print(f"ok {left} - power cuts # SKIP {reason}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if good else 1


def one(number, kind, mode, worker, folder, switches, seed, subsets, every):
    wanted = {"whole": "nothing is torn, nothing lost",
              "no-file-sync": "without syncing files it is seen that releases or states are torn",
              "no-folder-sync": "without syncing the folder it is seen that states are lost"}[mode]
    try:
        cuts = cuts_of(kind, mode, worker, folder, switches, seed, subsets, every)
    except Unavailable as reason:
        print(f"ok {number} - {kind}: {wanted} # SKIP {reason}")
        return True
    found = len(cuts.torn) + len(cuts.lost)
    right = found == 0 if mode == "whole" else found > 0
    print(f"# {cuts.summary()}")
    for text in (cuts.torn + cuts.lost)[:3]:
        print(f"#   {text}")
    print(f"{'ok' if right else 'not ok'} {number} - {kind}: {wanted}", flush=True)
    return right

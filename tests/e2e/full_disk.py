#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
"""Slots on an ext4 that is full to the last block: nothing is torn, the state is still saved."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "power_cut"))
import cuts  # pylint: disable=wrong-import-position
import forgetful_disk  # pylint: disable=wrong-import-position

WORKER = os.path.join(os.environ["CREANCE_BUILD"], "tests", "power_cut", "slot-worker")


def worker(*arguments):
    return subprocess.run([WORKER, *arguments], stdout=subprocess.PIPE, text=True, check=False,
                          input="\n" * 100)


def fill(path):
    """Takes every block that is left, down to the last one."""
    with open(path, "wb", buffering=0) as file:
        for size in (1024 * 1024, 4096):
            try:
                while True:
                    file.write(b"x" * size)
                    os.fsync(file.fileno())
            except OSError:
                pass


class Checks:
    def __init__(self):
        self.number, self.good = 0, True

    def add(self, right, text, said=""):
        self.number += 1
        self.good = self.good and right
        if not right:
            print(f"# it said: {said}")
        print(f"{'ok' if right else 'not ok'} {self.number} - {text}", flush=True)


def main():
    folder = os.path.join(os.environ.get("TMPDIR", "/tmp"), "full")
    os.makedirs(folder)
    disk = cuts.Cuts("ext4", "whole", WORKER, folder, 2)
    try:
        forgetful_disk.own_mounts()
        disk.prepare()
        done = disk.mount(disk.base)
        if done.returncode != 0:
            raise forgetful_disk.Unavailable(f"no loop mount: {done.stdout.strip()}")
    except forgetful_disk.Unavailable as reason:
        print(f"1..0 # SKIP {reason}")
        return 0
    checks, slots = Checks(), os.path.join(disk.mounted, "slots")
    print("1..6")
    try:
        checks.add(worker("work", slots, "2", "whole").returncode == 0, "two switches fit")
        fill(os.path.join(disk.mounted, "filler"))
        said = worker("work", slots, "40", "whole").stdout
        checks.add("No space left" in said, "on a full disk a release is not staged, and says why",
                   said)
        said = worker("check", slots).stdout
        checks.add(said.startswith("mark "), "what was there before is whole", said)
        mark = said.split()[-1]
        done = worker("save", slots, mark, "whole")
        used = not os.path.exists(os.path.join(slots, "reserve"))
        checks.add(done.returncode == 0 and used, "the state is saved from the reserve",
                   f"{done.stdout} reserve used: {used}")
        said = worker("check", slots).stdout
        checks.add(said.strip() == f"mark {mark}", "and is there, whole", said)
        os.unlink(os.path.join(disk.mounted, "filler"))
        said = worker("save", slots, mark, "whole").stdout
        checks.add(os.path.exists(os.path.join(slots, "reserve")),
                   "with room again the reserve is back", said)
    finally:
        disk.unmount()
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if checks.good else 1


if __name__ == "__main__":
    sys.exit(main())

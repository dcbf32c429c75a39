#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: faults
# timeout: 1800
"""kernel-combination: the kernel panics at each boot once the agent's probes are loaded. The host
comes back by itself in at most two more boots; with the boot guard off it never does.

The panic is a real one (a test build asks for it after the probes beyond the base ones were
loaded), in Debian's 6.12 in qemu. boot_loop_init is what runs in there.
"""
import base64
import io
import os
import re
import subprocess
import sys
import tarfile

import kernels

PLACE = kernels.PLACE
BOOTS_MAX = 3  # the first one panics, then two more


def disk_of(console):
    """The newest whole copy of the agent's data that came over the second line."""
    with open(console, encoding="ascii", errors="replace") as file:
        text = file.read().replace("\r", "")
    for copy in reversed(re.findall(r"@@ begin\n(.*?)@@ end", text, re.DOTALL)):
        try:
            data = base64.b64decode(copy)
            tarfile.open(fileobj=io.BytesIO(data)).getmembers()
            return data
        except (ValueError, tarfile.TarError):
            continue
    return b""


def boot(number, name, image, ramdisk, disk, faults, plan=""):
    """One boot, to its panic or its end; what it said, and what its disk holds then."""
    more = kernels.Archive()
    more.add("faults", 0o100644, f"CREANCE_FAULT={faults}\nPLAN={plan}\n".encode())
    if disk:
        more.add("disk.tar", 0o100644, disk)
    initrd = os.path.join(PLACE, f"boot-{name}.gz")
    with open(ramdisk, "rb") as first, open(initrd, "wb") as out:
        data = first.read()
        out.write(data + b"\0" * (-len(data) % 4) + more.bytes())
    console = os.path.join(PLACE, f"boot-{name}-{number}.log")
    second = os.path.join(PLACE, f"boot-{name}-{number}.disk")
    command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max,-cx16", "-smp", "2",
               "-m", "1536", "-nodefaults", "-display", "none", "-serial", f"file:{console}",
               "-serial", f"file:{second}", "-no-reboot", "-kernel", image, "-initrd", initrd,
               "-append", "console=ttyS0 panic=-1 quiet lsm=capability,landlock,bpf"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        process.wait(kernels.BOOT_SECONDS)
    finally:
        process.kill()
        process.wait()
    with open(console, encoding="utf-8", errors="replace") as file:
        return file.read().replace("\r", ""), disk_of(second) or disk


def boots(name, image, ramdisk, faults, most):
    """Boots until one comes to its end: its number (0: none did) and what it said."""
    disk, said = b"", {}
    for number in range(1, most + 1):
        console, disk = boot(number, name, image, ramdisk, disk, faults)
        has_panicked = "sysrq triggered crash" in console or "Kernel panic" in console
        said = dict(re.findall(r"^@@ (\S+) ?(.*)$", console, re.MULTILINE))
        print(f"# {name}: boot {number}: {'panic' if has_panicked else 'no panic'}, "
              f"{len(disk)} bytes of disk, {said}", flush=True)
        if "up" in said:
            return number, said
    return 0, said


def main():
    try:
        if kernels.shutil.which("qemu-system-x86_64") is None:
            raise kernels.Unavailable("qemu-system-x86_64 is not installed (tools/packages, [vm])")
        os.makedirs(PLACE, exist_ok=True)
        image = kernels.kernel_image("6.12")
        kernels.PROGRAMS = os.path.join(kernels.ROOT, "build", "faults")
        ramdisk = kernels.initramfs("boot_loop_init", "boot-loop.gz")
    except kernels.Unavailable as reason:
        print(f"1..0 # SKIP {reason}")
        return 0
    print("1..2")
    number, said = boots("guarded", image, ramdisk, "panic-probes", BOOTS_MAX)
    good = 0 < number <= BOOTS_MAX and said.get("level", "").strip() == "factory"
    alert = said.get("alert") == "yes"
    print(f"{'ok' if good and alert else 'not ok'} 1 - kernel-combination: a panic at each boot, "
          f"and the host is back in boot {number}, level {said.get('level')}, "
          f"alerts {said.get('alert')}")
    never, _ = boots("unguarded", image, ramdisk, "panic-probes,boot-guard-off", BOOTS_MAX + 1)
    print(f"{'ok' if never == 0 else 'not ok'} 2 - counter-test: with the boot guard off it panics "
          f"{BOOTS_MAX + 1} times out of {BOOTS_MAX + 1}")
    return 0 if good and alert and never == 0 else 1


if __name__ == "__main__":
    sys.exit(main())

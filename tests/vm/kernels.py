#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: release
# timeout: 1200
"""The agent under Debian's own kernels, in qemu without any help of this machine's kernel.

Kernels are Debian's packages: found with apt (bookworm, its security updates and backports) in a
package list of its own under build/vm, downloaded, not installed. Each boots with an initramfs of
busybox, our release programs with the libraries they need, and the content; tests/vm/init is what
runs in there.
"""
import gzip
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAMS = os.environ.get("CREANCE_RELEASE", os.path.join(ROOT, "build", "release"))
PLACE = os.path.join(ROOT, "build", "vm")
KERNELS = ("6.1", "6.12")
META_PACKAGE = "linux-image-cloud-amd64"
BOOT_SECONDS = 400
CHECKS = (
    # marker, the value it must have, what that shows
    ("kernel", r"{version}\..*", "Debian's kernel {version} boots"),
    ("probe", r"[01]", "creance probe runs and says what it offers"),
    ("ready", r"yes", "the agent starts"),
    ("alert", r"yes", "a suspicious program start gives an alert in the log"),
    ("stopped", r"0", "the agent stops when it is told to"),
    ("processes", r"0", "it leaves no process behind"),
    ("programs", r"0", "it leaves no eBPF program behind"),
    ("end", r"", "the machine goes down by itself"),
)


class Unavailable(Exception):
    """What is missing here, for the line of the skip."""


# --- Debian's kernels -------------------------------------------------------------------------

def mirrors():
    """(the archive, the security archive) that this machine's apt uses."""
    text = ""
    places = ["/etc/apt/sources.list"]
    parts = "/etc/apt/sources.list.d"
    places += [os.path.join(parts, name) for name in sorted(os.listdir(parts))
               if name.endswith((".list", ".sources"))] if os.path.isdir(parts) else []
    for place in places:
        if os.path.exists(place):
            with open(place, encoding="utf-8") as file:
                text += file.read() + "\n"
    found = re.findall(r"(?:^URIs:\s*|^deb\s+(?:\[[^]]*\]\s+)?)(\S+)", text, re.MULTILINE)
    archive = next((uri for uri in found if re.search(r"/debian/?$", uri)), None)
    security = next((uri for uri in found if re.search(r"/debian-security/?$", uri)), None)
    if archive is None:
        raise Unavailable("no Debian archive stands in /etc/apt/sources.list*")
    return archive, security


def apt_options():
    """apt with a package list of its own: nothing of this machine's apt is changed."""
    lists, cache = os.path.join(PLACE, "lists"), os.path.join(PLACE, "cache")
    os.makedirs(os.path.join(lists, "partial"), exist_ok=True)
    os.makedirs(os.path.join(cache, "archives", "partial"), exist_ok=True)
    archive, security = mirrors()
    keyring = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    lines = [f"deb {keyring} {archive} {suite} main" for suite in ("bookworm",
                                                                  "bookworm-backports")]
    if security:
        lines.append(f"deb {keyring} {security} bookworm-security main")
    sources = os.path.join(PLACE, "sources.list")
    with open(sources, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    # quoted: apt reads these as configuration, and the checkout's path may have spaces
    return [f"-oDir::State::lists={lists}", f"-oDir::Cache={cache}",
            f"-oDir::Etc::sourcelist={sources}", "-oDir::Etc::sourceparts=/dev/null",
            "-oAPT::Sandbox::User=root"]


def output_of(command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **more)


def kernel_image(version):
    """The path of Debian's newest kernel of this version; downloads it when it is not here."""
    kept = os.path.join(PLACE, f"vmlinuz-{version}")
    if os.path.exists(kept):
        return kept
    options = apt_options()
    updated = output_of(["apt-get", *options, "-q", "update"])
    listed = output_of(["apt-cache", *options, "madison", META_PACKAGE]).stdout
    versions = [found for found in re.findall(r"\|\s*(\S+)\s*\|", listed)
                if found.startswith(version + ".")]
    if not versions:
        raise Unavailable(f"apt knows no {META_PACKAGE} {version}: "
                          f"{updated.stdout.strip().splitlines()[-1:]}")
    shown = output_of(["apt-cache", *options, "show", f"{META_PACKAGE}={versions[0]}"]).stdout
    package = re.search(r"Depends: (linux-image-\S+)", shown).group(1)
    folder = os.path.join(PLACE, "download")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    done = output_of(["apt-get", *options, "-q", "download", package], cwd=folder)
    debs = [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".deb")]
    if done.returncode != 0 or not debs:
        raise Unavailable(f"{package} cannot be downloaded: {done.stdout.strip()[-200:]}")
    subprocess.run(["dpkg-deb", "-x", debs[0], folder], check=True)
    boot = os.path.join(folder, "boot")
    image = next(name for name in os.listdir(boot) if name.startswith("vmlinuz"))
    os.replace(os.path.join(boot, image), kept)
    shutil.rmtree(folder)
    return kept


# --- the initramfs ----------------------------------------------------------------------------

class Archive:
    """A cpio archive (newc) as the kernel unpacks it."""

    def __init__(self):
        self.parts, self.names = [], set()

    def add(self, name, mode, data=b""):
        name = name.strip("/")
        if name in self.names:
            return
        parent = os.path.dirname(name)
        if parent:
            self.folder(parent)
        self.names.add(name)
        number = len(self.names)
        path = name.encode() + b"\0"
        fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + path
        self.parts += [head, b"\0" * (-len(head) % 4), data, b"\0" * (-len(data) % 4)]

    def folder(self, name):
        self.add(name, 0o040755)

    def file(self, name, source, mode=None):
        with open(source, "rb") as file:
            self.add(name, 0o100000 | (mode or os.stat(source).st_mode & 0o777), file.read())

    def link(self, name, target):
        self.add(name, 0o120777, target.encode())

    def bytes(self):
        self.add("TRAILER!!!", 0)
        return gzip.compress(b"".join(self.parts), 1)


def libraries(program):
    """The shared libraries of a program, as its loader finds them."""
    listed = output_of(["ldd", program]).stdout
    return set(re.findall(r"(/\S+) \(0x", listed))


def initramfs(init="init", result="initramfs.gz"):
    busybox = "/bin/busybox"
    if output_of(["ldd", busybox]).returncode == 0 and libraries(busybox):
        raise Unavailable("busybox is not the static one (package busybox-static)")
    archive = Archive()
    for folder in ("proc", "sys", "dev", "tmp", "run", "etc", "bin", "sbin", "var/lib", "root"):
        archive.folder(folder)
    archive.file("init", os.path.join(ROOT, "tests", "vm", init), 0o755)
    archive.file("bin/busybox", busybox, 0o755)
    for name in output_of([busybox, "--list"]).stdout.split():
        archive.link("bin/" + name, "busybox")
    programs = {f"opt/creance/{name}": os.path.join(PROGRAMS, name)
                for name in os.listdir(PROGRAMS)
                if name.startswith("creance") and os.path.isfile(os.path.join(PROGRAMS, name))}
    bpftool = shutil.which("bpftool", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if bpftool:
        programs["usr/sbin/bpftool"] = bpftool
    for name, source in programs.items():
        archive.file(name, source, 0o755)
        for library in libraries(source):
            archive.file(library, library, 0o755)
    for folder, _, names in os.walk(os.path.join(ROOT, "content")):
        for name in names:
            path = os.path.join(folder, name)
            archive.file("opt/" + os.path.relpath(path, ROOT), path)
    archive.add("etc/passwd", 0o100644, b"root:x:0:0:root:/:/bin/sh\n"
                                        b"nobody:x:65534:65534:nobody:/:/bin/false\n")
    archive.add("etc/group", 0o100644, b"root:x:0:\nnogroup:x:65534:\n")
    archive.add("etc/hostname", 0o100644, b"vm\n")
    path = os.path.join(PLACE, result)
    with open(path, "wb") as file:
        file.write(archive.bytes())
    return path


# --- the run ----------------------------------------------------------------------------------

def run_machine(version, image, ramdisk):
    """Boots, waits for the end, returns what stood on the serial console."""
    console = os.path.join(PLACE, f"console-{version}.log")
    # Without cx16: qemu 7.2's own cmpxchg16b spoils the flags now and then (one boot of five of
    # 6.12 died in the kernel's allocator, none of twenty without it).
    command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max,-cx16", "-smp", "2",
               "-m", "1536", "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot",
               "-kernel", image, "-initrd", ramdisk, "-append",
               "console=ttyS0 panic=-1 quiet lsm=capability,landlock,bpf"]
    with open(console, "wb") as file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        try:
            process.wait(BOOT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    with open(console, encoding="utf-8", errors="replace") as file:
        return file.read().replace("\r", "")


def report(number, version, console):
    """TAP lines of one kernel; True when all is well."""
    said = dict(re.findall(r"^@@ (\S+) ?(.*)$", console, re.MULTILINE))
    good = True
    for offset, (marker, wanted, text) in enumerate(CHECKS):
        wanted = wanted.format(version=re.escape(version))
        right = marker in said and re.fullmatch(wanted, said[marker].strip()) is not None
        good = good and right
        if not right:
            print(f"# {marker}: the machine said {said.get(marker, 'nothing')!r}")
        print(f"{'ok' if right else 'not ok'} {number + offset} - "
              f"{version}: {text.format(version=version)}")
    if "kernel-complains" in said:
        good = False
    if not good:
        print("\n".join("# | " + line for line in console.splitlines()[-150:]))
    return good


def main():
    try:
        if shutil.which("qemu-system-x86_64") is None:
            raise Unavailable("qemu-system-x86_64 is not installed (tools/packages, [vm])")
        os.makedirs(PLACE, exist_ok=True)
        images = {version: kernel_image(version) for version in KERNELS}
        ramdisk = initramfs()
    except Unavailable as reason:
        print(f"1..0 # SKIP {reason}")
        return 0
    print(f"1..{len(KERNELS) * len(CHECKS)}")
    good = True
    for index, (version, image) in enumerate(images.items()):
        console = run_machine(version, image, ramdisk)
        good = report(index * len(CHECKS) + 1, version, console) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

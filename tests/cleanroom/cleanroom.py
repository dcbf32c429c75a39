#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: none
# timeout: 5400
"""./run and ./test in a Debian 12 root that holds nothing but a clone of this checkout's HEAD.

debootstrap makes the root once (build/cleanroom/base.tar); each run starts from it, in a mount
namespace of its own, and what still runs in it at the end is ended. The package sources of this
machine (/etc/apt) are carried in, else apt inside would not know a mirror. The clone's path has a
space.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PLACE = os.path.join(ROOT, "build", "cleanroom")
BASE = os.path.join(PLACE, "base.tar")
CLONE = "/srv/a clone/creance"
# what a shell of a person has; nothing of this machine's environment comes along but proxies
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "TERM": "dumb",
               "LANG": "C.UTF-8"}


class Unavailable(Exception):
    """What is missing here, for the line of the skip."""


def call(command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, errors="replace", **more)


def environment():
    proxies = {name: value for name, value in os.environ.items()
               if name.lower() in ("http_proxy", "https_proxy", "no_proxy")}
    return {**ENVIRONMENT, **proxies}


def mirror():
    """The Debian archive that this machine's apt uses."""
    for folder, _, names in os.walk("/etc/apt"):
        for name in sorted(names):
            if name == "sources.list" or name.endswith((".list", ".sources")):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    found = re.search(
                        r"^(?:URIs:\s*|deb\s+(?:\[[^]]*\]\s+)?)(\S+/debian/?)(?:\s|$)",
                        file.read(), re.MULTILINE)
                if found:
                    return found.group(1)
    raise Unavailable("no Debian archive stands in /etc/apt")


def make_base():
    """The fresh Debian 12, packed; made once."""
    if os.path.exists(BASE):
        return
    if os.geteuid() != 0:
        raise Unavailable("debootstrap needs root")
    if shutil.which("debootstrap") is None:
        raise Unavailable("debootstrap is not installed (tools/packages, [vm])")
    os.makedirs(PLACE, exist_ok=True)
    root = tempfile.mkdtemp(prefix="base-", dir=PLACE)
    done = call(["debootstrap", "--variant=minbase", "bookworm", root, mirror()])
    if done.returncode != 0:
        shutil.rmtree(root, ignore_errors=True)
        raise Unavailable("debootstrap failed: " + " ".join(done.stdout.split()[-30:]))
    call(["tar", "-C", root, "--numeric-owner", "-cf", BASE + ".part", "."])
    os.replace(BASE + ".part", BASE)
    shutil.rmtree(root)


def carry_apt(root):
    """This machine's package sources, keys, proxies and names."""
    shutil.rmtree(os.path.join(root, "etc/apt"))
    shutil.copytree("/etc/apt", os.path.join(root, "etc/apt"), symlinks=True)
    for folder in ("usr/share/keyrings", "usr/local/share/ca-certificates"):
        if os.path.isdir("/" + folder):
            shutil.copytree("/" + folder, os.path.join(root, folder), symlinks=True,
                            dirs_exist_ok=True)
    for name in ("etc/resolv.conf", "etc/hosts"):
        if os.path.exists("/" + name):
            shutil.copy("/" + name, os.path.join(root, name))


def remove_leftovers():
    """Roots of runs that were killed. Their mounts were in namespaces that are gone with them."""
    for name in os.listdir(PLACE):
        if name.startswith(("root-", "base-")):
            shutil.rmtree(os.path.join(PLACE, name), ignore_errors=True)


def make_root():
    remove_leftovers()
    root = tempfile.mkdtemp(prefix="root-", dir=PLACE)
    call(["tar", "-C", root, "--numeric-owner", "-xf", BASE])
    os.chmod(root, 0o755)
    carry_apt(root)
    clone = root + CLONE
    os.makedirs(os.path.dirname(clone))
    done = call(["git", "-c", "safe.directory=*", "clone", "-q", "--no-hardlinks", ROOT, clone])
    if done.returncode != 0:
        raise Unavailable("git clone failed: " + done.stdout)
    return root


# Runs in a mount namespace of its own: what it mounts goes away with its last process. The root is
# the namespace's own (pivot_root; a chroot alone would show in the paths that the sensor sees), and
# processes are numbered as on the host, because that is how the kernel numbers them in events.
ENTER = r"""
set -e
root=$1; shift
mount --make-rprivate /
mount --bind "$root" "$root"
mount --rbind /proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/run"
cd "$root"
mkdir -p .outside
pivot_root . .outside
umount -l /.outside
rmdir /.outside
exec chroot . "$@"
"""


def inside(root, script):
    """The command that runs this shell text inside the root."""
    return ["unshare", "--mount", "/bin/bash", "-c", ENTER, "enter", root, "/bin/bash", "-c",
            f"cd '{CLONE}' || exit 1\n{script}"]


def end_all_inside(root):
    """Ends what still runs in the root; says how many there were."""
    ended = 0
    place = os.stat(root)
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.path.samestat(os.stat(f"/proc/{entry}/root"), place):
                os.kill(int(entry), signal.SIGKILL)
                ended += 1
        except OSError:
            continue
    return ended


def run_inside(root, script, seconds):
    """(exit code, output); 124 when it took longer."""
    try:
        done = call(inside(root, script), env=environment(), stdin=subprocess.DEVNULL,
                    timeout=seconds)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        return 124, (late.stdout or b"").decode("utf-8", "replace")
    finally:
        end_all_inside(root)


LIVE = r"""
./run --yes >/tmp/run.log 2>&1 &
run=$!
line=
for second in $(seq 60); do
    line=$(sed -n 's/^    \(sh -c .*\)$/\1/p' /tmp/run.log | head -n 1)
    [ -z "$line" ] || break
    kill -0 $run 2>/dev/null || break
    sleep 1
done
echo "the printed line: $line"
sleep 2
bash -c "$line"
alert=no
for second in $(seq 30); do
    if grep -qs ZWNobyBDcmVhbmNl build/state/log/alerts*; then alert=yes; break; fi
    sleep 1
done
echo "alert: $alert"
kill -TERM $run
wait $run
echo "exit code: $?"
cat /tmp/run.log
"""


def check_build(root):
    code, said = run_inside(root, "./run --yes --build", 1800)
    return code == 0 and os.path.exists(root + CLONE + "/build/release/creance"), said


def check_run(root):
    code, said = run_inside(root, LIVE, 300)
    wanted = ("alert: yes", "exit code: 0", "nothing is left loaded")
    return code == 0 and all(words in said for words in wanted), said


def check_test(root):
    code, said = run_inside(root, "CREANCE_SHARED=/nonexistent ./test", 3600)
    lines = said.strip().splitlines() or [""]
    good = code == 0 and re.fullmatch(r"[1-9]\d* passed, 0 failed, \d+ skipped", lines[-1])
    return bool(good), said


CHECKS = (
    ("./run --yes --build installs and builds", check_build),
    ("./run --yes: the printed line gives an alert; stopping it leaves nothing", check_run),
    ("./test passes", check_test),
)


def main():
    # so that the folder is removed when the runner ends us
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if os.geteuid() != 0:
            raise Unavailable("it needs root (debootstrap, mounts)")
        make_base()
        root = make_root()
    except Unavailable as reason:
        print(f"1..0 # SKIP {reason}")
        return 0
    failed = False
    print(f"1..{len(CHECKS)}", flush=True)
    try:
        for number, (text, check) in enumerate(CHECKS, start=1):
            started = time.monotonic()
            good, said = check(root)
            failed = failed or not good
            lines = said.splitlines()
            for line in lines[-5:] if good else lines[-200:]:
                print("# | " + line)
            print(f"{'ok' if good else 'not ok'} {number} - {text} "
                  f"({time.monotonic() - started:.0f} s)", flush=True)
    finally:
        end_all_inside(root)
        shutil.rmtree(root, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

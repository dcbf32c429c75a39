#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: test
# timeout: 600
"""clang-tidy (.clang-tidy) over each source of build/test; a file it has passed unchanged is kept.

What a verdict depends on is hashed: the source, all headers of the project, the configuration and
clang-tidy's version. So the first run costs minutes and the next ones seconds.
"""
import concurrent.futures
import hashlib
import json
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CREANCE_BUILD", os.path.join(ROOT, "build", "test"))
PASSED = os.path.join(ROOT, "build", "clang-tidy-passed")


def sources():
    """Sources of the project in the compilation database, each once."""
    with open(os.path.join(BUILD, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    paths = {os.path.normpath(os.path.join(entry["directory"], entry["file"])) for entry in entries}
    return sorted(path for path in paths if path.startswith((os.path.join(ROOT, "src"),
                                                            os.path.join(ROOT, "tests"))))


def shared_digest(tool):
    """What every verdict depends on."""
    digest = hashlib.sha256(subprocess.run([tool, "--version"], stdout=subprocess.PIPE,
                                           check=True).stdout)
    headers = [os.path.join(ROOT, ".clang-tidy")]
    for folder, _, names in os.walk(os.path.join(ROOT, "src")):
        headers += [os.path.join(folder, name) for name in names if name.endswith((".h", ".def"))]
    for path in sorted(headers):
        with open(path, "rb") as file:
            digest.update(path.encode() + b"\0" + file.read())
    return digest


def essence(said):
    """The errors in our code, without the path of assumptions that leads to each (pages)."""
    lines, keep = [], False
    for line in said.splitlines():
        if " error: " in line or " warning: " in line:
            keep = ".skel.h:" not in line  # bpftool writes it
        elif " note: " in line:
            keep = False
        if keep:
            lines.append(line)
    return "\n".join(lines)


def judge(tool, path, key):
    """None when clang-tidy has nothing to say about the file, else its words."""
    mark = os.path.join(PASSED, key)
    if os.path.exists(mark):
        return None
    done = subprocess.run([tool, "-p", BUILD, "--quiet", path], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    said = essence(done.stdout)
    if done.returncode != 0 and not done.stdout:
        return done.stderr
    if not said:
        with open(mark, "w", encoding="utf-8"):
            return None
    return said


def main():
    tool = shutil.which("clang-tidy")
    if tool is None:
        print("1..0 # SKIP clang-tidy is not installed")
        return 0
    os.makedirs(PASSED, exist_ok=True)
    common = shared_digest(tool)
    keys = {}
    for path in sources():
        digest = common.copy()
        with open(path, "rb") as file:
            digest.update(path.encode() + b"\0" + file.read())
        keys[path] = digest.hexdigest()
    for name in set(os.listdir(PASSED)) - set(keys.values()):
        os.unlink(os.path.join(PASSED, name))
    failed = False
    print(f"1..{len(keys)}")
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        words = pool.map(lambda path: judge(tool, path, keys[path]), keys)
        for number, (path, said) in enumerate(zip(keys, words), start=1):
            if said:
                failed = True
                print("\n".join("# " + line for line in said.splitlines()))
            name = os.path.relpath(path, ROOT)
            print(f"{'not ok' if said else 'ok'} {number} - clang-tidy: {name}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

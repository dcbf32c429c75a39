# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over each source of build/test, as TAP; what it passed is not read again.

What a verdict depends on is hashed: the source, all headers of the project, the configuration, the
checks that are asked for and clang-tidy's version.
"""
import concurrent.futures
import hashlib
import json
import os
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CREANCE_BUILD", os.path.join(ROOT, "build", "test"))


def sources():
    """Sources of the project in the compilation database, each once."""
    with open(os.path.join(BUILD, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    paths = {os.path.normpath(os.path.join(entry["directory"], entry["file"])) for entry in entries}
    return sorted(path for path in paths if path.startswith((os.path.join(ROOT, "src"),
                                                            os.path.join(ROOT, "tests"))))


def shared_digest(tool, options):
    """What every verdict depends on."""
    digest = hashlib.sha256(subprocess.run([tool, "--version"], stdout=subprocess.PIPE,
                                           check=True).stdout)
    digest.update("\0".join(options).encode())
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


def judge(command, path, mark):
    """None when clang-tidy has nothing to say about the file, else its words."""
    if os.path.exists(mark):
        return None
    done = subprocess.run([*command, path], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    said = essence(done.stdout)
    if done.returncode != 0 and not done.stdout:
        return done.stderr
    if not said:
        with open(mark, "w", encoding="utf-8"):
            return None
    return said


def report(title, options):
    """Judges all sources; `options` go to clang-tidy besides .clang-tidy."""
    tool = shutil.which("clang-tidy")
    if tool is None:
        print("1..0 # SKIP clang-tidy is not installed")
        return 0
    passed = os.path.join(ROOT, "build", f"{title}-passed")
    os.makedirs(passed, exist_ok=True)
    common = shared_digest(tool, options)
    keys = {}
    for path in sources():
        digest = common.copy()
        with open(path, "rb") as file:
            digest.update(path.encode() + b"\0" + file.read())
        keys[path] = digest.hexdigest()
    for name in set(os.listdir(passed)) - set(keys.values()):
        os.unlink(os.path.join(passed, name))
    command = [tool, "-p", BUILD, "--quiet", *options]
    failed = False
    print(f"1..{len(keys)}")
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        words = pool.map(lambda path: judge(command, path, os.path.join(passed, keys[path])), keys)
        for number, (path, said) in enumerate(zip(keys, words), start=1):
            if said:
                failed = True
                print("\n".join("# " + line for line in said.splitlines()))
            name = os.path.relpath(path, ROOT)
            print(f"{'not ok' if said else 'ok'} {number} - {title}: {name}", flush=True)
    return 1 if failed else 0

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: release
# timeout: 900
"""What judging an event costs, beside the bare scan (floor) and a naive evaluator, in one run.

Real rules and recordings come from $CREANCE_SHARED (default ../shared), which is not part of the
project. With --write the table goes into docs/benchmarks.md, into the section of the engine.
"""
import os
import re
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RELEASE = os.environ.get("CREANCE_RELEASE", os.path.join(ROOT, "build", "release"))
SHARED = os.environ.get("CREANCE_SHARED", os.path.join(ROOT, "..", "shared"))
PAGE = os.path.join(ROOT, "docs", "benchmarks.md")
BEGIN, END = "<!-- bench/engine begins -->", "<!-- bench/engine ends -->"
FOLDERS = ("rules", "rules-emerging-threats", "rules-threat-hunting", "rules-placeholder")
HEAD = """| rules and events | floor | naive | read JSON | judge | load | bytes a rule | matches |
|---|---|---|---|---|---|---|---|
"""


def rule_files(words):
    """Name and bytes of each rule that holds all words."""
    for folder in FOLDERS:
        for path, _, names in os.walk(os.path.join(SHARED, "data", "sigma", folder)):
            for name in names:
                full = os.path.join(path, name)
                if not name.endswith(".yml"):
                    continue
                with open(full, "rb") as file:
                    content = file.read()
                if all(word in content for word in words):
                    yield full.encode(), content


def write_pack(path, files):
    """A pack as src/engine/pack.h describes it."""
    with open(path, "wb") as file:
        file.write(b"CREPACK1" + struct.pack("<I", len(files)))
        for name, content in sorted(files):
            file.write(struct.pack("<I", len(name)) + name)
            file.write(struct.pack("<I", len(content)) + content)


def vary(files, count):
    """`count` rules made of fewer: each quoted text of a later turn has the turn's number in it."""
    varied = []
    for i in range(count):
        name, content = files[i % len(files)]
        turn = i // len(files)
        text = content.decode()
        if turn > 0:
            text = re.sub(r"'([^'\n%]{6,})(\w\w[^'\n\w]*)'", rf"'\g<1>{turn}\g<2>'", text)
        varied.append((b"%06d-" % i + os.path.basename(name), text.encode()))
    return varied


def unpack(recording, folder):
    path = os.path.join(folder, recording + ".jsonl")
    packed = os.path.join(SHARED, "data", "events", recording + ".jsonl.zst")
    subprocess.run(["zstd", "-dqf", packed, "-o", path], check=True)
    return path


def measure(program, recording, folder, packs):
    paths = []
    for name, files in packs:
        paths.append(os.path.join(folder, name))
        write_pack(paths[-1], files)
    done = subprocess.run([program, recording, *paths], stdout=subprocess.PIPE, text=True,
                          check=False)
    return done.stdout, done.returncode


def write_page(table):
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    start, end = page.index(BEGIN) + len(BEGIN), page.index(END)
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(page[:start] + "\n\n" + table + "\n" + page[end:])


def main():
    program = os.path.join(RELEASE, "src", "engine", "bench-engine")
    if not os.path.isdir(os.path.join(SHARED, "data", "events")):
        print("1..0 # SKIP no rules and recordings in $CREANCE_SHARED")
        return 0
    subprocess.run(["ninja", "-C", RELEASE, "src/engine/bench-engine"], check=True,
                   stdout=subprocess.DEVNULL)
    table, code = HEAD, 0
    with tempfile.TemporaryDirectory() as folder:
        linux = list(rule_files([b"product: linux", b"category: process_creation"]))
        windows = sorted(rule_files([b"product: windows", b"category: process_creation"]))
        runs = [("linux_process_creation", [("Linux process rules", linux)]),
                ("windows_process_creation",
                 [("Windows process rules", windows), ("all rules", list(rule_files([])))]
                 + [(f"varied, {count}", vary(windows, count))
                    for count in (100, 1000, 3000, 10000)])]
        for recording, packs in runs:
            rows, failed = measure(program, unpack(recording, folder), folder, packs)
            table += rows
            code = code or failed
    print("1..1")
    for line in table.splitlines():
        print("# " + line)
    print(f"{'not ok' if code else 'ok'} 1 - the engine and the naive evaluator agree")
    if "--write" in sys.argv and code == 0:
        write_page(table)
    return code


if __name__ == "__main__":
    sys.exit(main())

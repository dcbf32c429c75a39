#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
"""cppcheck over all sources: what it calls an error, a warning or a portability problem fails."""
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OPTIONS = [
    "--enable=warning,portability", "--std=c11", "--quiet", "--error-exitcode=1",
    "--inline-suppr", "--template={file}:{line}: {severity} {id}: {message}",
    "--suppress=missingIncludeSystem", "--suppress=unknownMacro",
    "--suppress=unknownEvaluationOrder",  # takes a designated initialiser for an assignment
    "--suppress=memleak",  # does not see what a compound literal keeps; the sanitizer finds leaks
    # It does not follow cmocka's asserts or libFuzzer's entry, and eBPF is another machine.
    "-isrc/sensor/bpf", "--suppress=*:*_test.c", "--suppress=normalCheckLevelMaxBranches",
    "-D_GNU_SOURCE", "-DCREANCE_FAULTS", "-DCREANCE_VERSION=\"0\"", "-Isrc", "-I.",
]


def main():
    tool = shutil.which("cppcheck")
    if tool is None:
        print("1..0 # SKIP cppcheck is not installed")
        return 0
    cache = os.path.join(ROOT, "build", "cppcheck")
    os.makedirs(cache, exist_ok=True)
    done = subprocess.run([tool, *OPTIONS, f"-j{len(os.sched_getaffinity(0))}",
                           f"--cppcheck-build-dir={cache}", "src"], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    print("1..1")
    for line in done.stdout.splitlines():
        print("# " + line)
    print(f"{'not ok' if done.returncode else 'ok'} 1 - cppcheck finds nothing in src")
    return 1 if done.returncode else 0


if __name__ == "__main__":
    sys.exit(main())

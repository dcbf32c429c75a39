#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
"""The test runner's own test: run over a small tree of fake tests, it must judge each."""
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# name: (group, script, expected exit code, expected last line, text that must stand in the output)
FAKES = {
    "passes": ("style", "echo 1..2; echo ok 1 - one; echo ok 2 - two", 0,
               "2 passed, 0 failed, 0 skipped", "ok      style/passes"),
    "fails": ("style", "echo 1..2; echo ok 1 - one; echo why it failed; echo not ok 2; exit 1", 1,
              "1 passed, 1 failed, 0 skipped", "| why it failed"),
    "fails-quietly": ("style", "echo 1..1; echo not ok 1 - lies with its exit code", 1,
                      "0 passed, 1 failed, 0 skipped", "lies with its exit code"),
    "skips": ("style", "echo 1..2; echo 'ok 1 - one # SKIP no BTF here'; echo ok 2", 0,
              "1 passed, 0 failed, 1 skipped", "style/skips: no BTF here"),
    "skips-whole": ("style", "echo '1..0 # SKIP needs root'", 0,
                    "0 passed, 0 failed, 1 skipped", "style/skips-whole: needs root"),
    "skips-cmocka": ("style", "echo 1..1; echo '# skip: no zstd'; echo 'not ok 1 # SKIP packed'", 0,
                     "0 passed, 0 failed, 1 skipped", "style/skips-cmocka: packed: no zstd"),
    "crashes": ("style", "echo 1..1; echo ok 1; kill -SEGV $$", 1,
                "1 passed, 1 failed, 0 skipped", "SIGSEGV"),
    "exits-badly": ("style", "echo 1..1; echo ok 1; exit 99", 1,
                    "1 passed, 1 failed, 0 skipped", "exit code 99"),
    "ends-early": ("style", "echo 1..3; echo ok 1", 1,
                   "1 passed, 1 failed, 0 skipped", "planned 3 tests and ran 1"),
    "no-plan": ("style", "echo ok 1", 1, "1 passed, 1 failed, 0 skipped", "no plan"),
    "runs-nothing": ("style", "echo 1..0", 1, "0 passed, 1 failed, 0 skipped", "no test at all"),
    "prints-nothing": ("style", "true", 1, "0 passed, 1 failed, 0 skipped", "no plan"),
    "hangs": ("style", "# timeout: 1\necho 1..1; echo ok 1; sleep 1000", 1,
              "1 passed, 1 failed, 0 skipped", "time-out of 1 s"),
    "leaves": ("e2e", "# needs: none\necho 1..1; echo ok 1; setsid sleep 987 >/dev/null 2>&1 &", 1,
               "1 passed, 1 failed, 0 skipped", "left processes behind: sleep"),
    "orphans": ("e2e", "# needs: none\necho 1..1; bash -c 'sleep 0.1 & echo $! >$TMPDIR/p'; "
                "sleep 1; test -e /proc/$(cat $TMPDIR/p) || echo ok 1", 0,
                "1 passed, 0 failed, 0 skipped", ""),
    "cleans-up": ("e2e", "# needs: none\necho 1..1; test -d $TMPDIR && echo ok 1; sleep 0.2 &", 0,
                  "1 passed, 0 failed, 0 skipped", ""),
}


def plant(tree):
    os.makedirs(os.path.join(tree, "src"))
    os.makedirs(os.path.join(tree, "tests", "style"))
    os.makedirs(os.path.join(tree, "tests", "e2e"))
    shutil.copy(os.path.join(ROOT, "tests", "runner.py"), os.path.join(tree, "tests"))
    for name, (group, script, _, _, _) in FAKES.items():
        path = os.path.join(tree, "tests", group, name + ".sh")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/bash\n{script}\n")
        os.chmod(path, 0o755)


def run(tree, *names):
    return subprocess.run(["/usr/bin/python3", os.path.join(tree, "tests", "runner.py"), *names],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=100,
                          check=False, cwd="/")


def complaints(tree):
    """(name, what is wrong or None) for each expectation."""
    for name, (group, _, code, last, text) in FAKES.items():
        done = run(tree, f"{group}/{name}")
        lines = done.stdout.splitlines() or [""]
        wrong = None
        if done.returncode != code:
            wrong = f"exit code {done.returncode}, expected {code}"
        elif lines[-1] != last:
            wrong = f"last line \"{lines[-1]}\", expected \"{last}\""
        elif text not in done.stdout:
            wrong = f"the output does not say \"{text}\""
        yield name, wrong and wrong + "\n" + done.stdout
    done = run(tree, "no-such-test")
    yield "an unknown name is wrong usage", None if done.returncode == 2 else done.stdout
    done = run(tree, "unit")
    last = done.stdout.splitlines()[-1]
    yield ("an empty group fails",
           None if (done.returncode, last) == (1, "0 passed, 1 failed, 0 skipped") else done.stdout)
    done = run(tree, "style/passes", "passes", "style/skips")
    last = done.stdout.splitlines()[-1]
    yield ("a test named twice runs once",
           None if last == "3 passed, 0 failed, 1 skipped" else done.stdout)
    yield "compiled tests have the same names before and after they are built", compiled(tree)


def compiled(tree):
    """A test that a run would not choose on a clean clone is one that nobody runs."""
    source = os.path.join(tree, "src", "outer", "inner", "one_test.c")
    os.makedirs(os.path.dirname(source))
    with open(source, "w", encoding="utf-8") as file:
        file.write('#include "tests/unit.h"\n')
    question = ("import runner; directory = runner.ROOT + '/build'; "
                "print([test.name for test in runner.compiled('unit', directory, 'test')], "
                "[name for name, _ in runner.without_source('unit', directory, 'test')])")
    answers = [ask(tree, question)]
    for name in ("unit-inner-one", "unit-outer-two"):
        path = os.path.join(tree, "build", "test", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/true\n")
        os.chmod(path, 0o755)
    answers.append(ask(tree, question))
    expected = ["['inner-one'] []", "['inner-one'] ['unit/outer-two']"]
    return None if answers == expected else f"{answers} instead of {expected}"


def ask(tree, question):
    return subprocess.run(["/usr/bin/python3", "-c", question], stdout=subprocess.PIPE, text=True,
                          check=True, cwd=os.path.join(tree, "tests")).stdout.strip()


def main():
    tree = tempfile.mkdtemp(prefix="creance-runner-")
    failed = 0
    try:
        plant(tree)
        number = 0
        for number, (name, wrong) in enumerate(complaints(tree), start=1):
            if wrong:
                failed += 1
                print("\n".join("# " + line for line in wrong.splitlines()))
            print(f"{'not ok' if wrong else 'ok'} {number} - the runner: {name}")
        print(f"1..{number}")
    finally:
        shutil.rmtree(tree, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

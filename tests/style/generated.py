#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: test
"""Generated pages are what their tables say: regenerate one with the command that is shown."""
import difflib
import os
import subprocess
import sys

import update_page

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CREANCE_BUILD", os.path.join(ROOT, "build", "test"))
PAGES = {
    "docs/events.md": ["fields", "--markdown"],
    "docs/counters.md": ["fields", "--counters", "--markdown"],
    "docs/settings.md": ["settings", "--markdown"],
    "docs/content-status.md": None,  # from tables that no verb of this build prints: update_page.py
}


def complaint(page, arguments):
    if arguments is None:
        return difference(page, update_page.page())
    done = subprocess.run([os.path.join(BUILD, "creance"), *arguments], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0 or not done.stdout:
        return f"creance {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}"
    return difference(page, done.stdout)


def difference(page, generated):
    path = os.path.join(ROOT, page)
    committed = ""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            committed = file.read()
    if committed == generated:
        return None
    return "\n".join(difflib.unified_diff(committed.splitlines(), generated.splitlines(),
                                          "committed", "generated", lineterm="", n=1))


def main():
    failed = False
    print(f"1..{len(PAGES)}")
    for number, (page, arguments) in enumerate(PAGES.items(), start=1):
        wrong = complaint(page, arguments)
        command = (f"build/test/creance {' '.join(arguments)} > {page}" if arguments else
                   f"python3 tests/style/update_page.py > {page}")
        if wrong:
            failed = True
            print("\n".join("# " + line for line in wrong.splitlines()))
        print(f"{'not ok' if wrong else 'ok'} {number} - {page} is clean ({command})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""docs/content-status.md, from the tables of the update road: prints it."""
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(ROOT, "src", "update", "lifecycle")
HEAD = """# What becomes of a release on a host

<!-- Made from src/update/lifecycle/*.def by tests/style/update_page.py: change those. -->

`creance content status` says for each release that a host knows where it is, what it waits for, and
the earliest time. These are its words; the same ones stand in its JSON.
"""


PRESSURE = """
## A host under pressure

Memory is short where less than a twentieth of it is available (on large hosts: less than 1 GiB); a
storm of alerts is far more matches than this host has at other times. While either lasts, nothing
that runs is taken back for what the pressure explains (what a release takes itself is no excuse for
it), nothing new is tried while memory is short (`short` above), and enforcement is cut. This
version only detects: there is nothing yet that a cut would hold back. `creance content status` says
"under pressure of memory", `creance status` has a note about it.
"""


def rows(table, macro):
    with open(os.path.join(FOLDER, table), encoding="utf-8") as file:
        text = file.read()
    found = []
    for row in re.findall(rf"^{macro}\((.*)\)$", text, re.MULTILINE):
        found.append(re.findall(r'"([^"]*)"', row))
    return found


def section(title, text, heads, lines):
    body = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return (f"\n## {title}\n\n{text}\n\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}\n{body}")


def page():
    text = HEAD
    text += section("Where it is", "From first sight to good, or back.", ("state", "means"),
                    rows("lifecycle.def", "LIFECYCLE_STATE")[1:])
    text += section("What it waits for",
                    "Several can stand together; the earliest time is the latest of theirs, and is "
                    "not\nsaid where something else than time decides.", ("word", "means"),
                    rows("waits.def", "WAIT"))
    text += section("Why it failed", "What happened last, where something did.",
                    ("word", "means"), rows("lifecycle.def", "LIFECYCLE_FAILURE")[1:])
    text += section("How much of itself the agent runs",
                    "The boot guard takes a level after each boot that ended soon after a change, "
                    "and climbs\nback after calm.", ("level", "means"),
                    rows("boot_guard.def", "BOOT_LEVEL"))
    return text + PRESSURE


if __name__ == "__main__":
    print(page(), end="")

# SPDX-License-Identifier: Apache-2.0
"""Sections of docs/benchmarks.md that benchmarks write themselves, between two marks."""
import os

PAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
                    "docs", "benchmarks.md")


def replace(section, lines):
    """Replaces what stands between `<!-- section -->` and `<!-- /section -->`."""
    with open(PAGE) as file:
        text = file.read()
    begin, end = f"<!-- {section} -->\n", f"<!-- /{section} -->"
    before, mark, rest = text.partition(begin)
    _, mark_end, after = rest.partition(end)
    if not mark or not mark_end:
        raise ValueError(f"{PAGE} has no section {section}")
    with open(PAGE + ".new", "w") as file:
        file.write(before + begin + "\n".join(lines) + "\n" + end + after)
    os.rename(PAGE + ".new", PAGE)

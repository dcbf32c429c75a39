#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The tidy check's own test: a clean tree passes; one planted violation of each rule is found."""
import os
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tidy  # noqa: E402

SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
LONG = "int long_one(void)\n{\n" + "    work();\n" * 69 + "}\n"
FITS = "int fits(void)\n{\n" + "    work();\n" * 68 + "}\n"

CLEAN = {
    "src/meson.build": "# SPDX-License-Identifier: Apache-2.0\nfiles('base/a.c', 'engine/e.c')\n",
    "src/base/a.h": SPDX + "#pragma once\nint a(void);\n",
    "src/base/a.c": SPDX + '#include "base/a.h"\n/* memcpy(x) and strcpy() in words */\n'
                           'int a(void) { return puts("system(1)") + memcpy(x, y, z); }\n' + FITS,
    "src/base/limits.h": SPDX + "#pragma once\nenum {\n    LIMIT_A = 1,\n};\n",
    "src/base/counters.def": SPDX + "COUNTER(seen, COUNT, \"Seen.\")\n",
    "src/engine/e.c": SPDX + '#include "base/a.h"\n#include "base/counters.def"\n'
                             '#include "base/limits.h"\nint e = LIMIT_A + COUNTER_seen;\n',
    "tests/style/t.py": "#!/usr/bin/python3\n# SPDX-License-Identifier: Apache-2.0\n",
    "docs/a.md": "# Title\n\n## A part\n\n"
                 "[here](b.md#title-two) [there](#a-part) [web](https://x)\n",
    "docs/b.md": "# Title, two\n\n```\n[not a link](nowhere.md)\n```\n",
    "tools/packages": "[build]\ngcc\n",
}

# (rule, file, its text or what is appended to it with "+", a word of the complaint)
PLANTED = [
    ("banned_calls", "src/engine/e.c", "+void f(void) { memcpy(a, b, c); }\n", "memcpy(): use"),
    ("banned_calls", "src/base/a.c", "+void f(void) { strcpy(a, b); }\n", "strcpy(): use"),
    ("banned_calls", "src/engine/e.c", "+void f(void) { g(\"x\", system (x)); }\n", "system()"),
    ("banned_calls", "src/engine/e.c", "+int f(void) { return atoi(x); }\n", "atoi(): use"),
    ("layers", "src/base/a.c", '+#include "engine/e.h"\n', "base must not know engine"),
    ("layers", "src/base/a.c", '+#include "tests/unit.h"\n', "only tests include"),
    ("layers", "src/base/a.c", '+#include "../base/a.h"\n', "not by .."),
    ("layers", "src/strange/s.c", SPDX + '#include "base/a.h"\n', "no place in the order"),
    ("boundaries", "src/engine/e.c", "+#include <fcntl.h>\n", "without I/O"),
    ("boundaries", "src/agent/supervisor/s.c", SPDX + "#include <jansson.h>\n", "parses nothing"),
    ("function_length", "src/engine/e.c", "+" + LONG, "long_one() has 71 lines"),
    ("function_length", "src/engine/e.c", "+" + LONG.replace("(void)", "(int a,\n    int b)"),
     "long_one() has 71 lines"),
    ("function_length", "tests/style/t.py", "+def f():\n" + "    g()\n" * 70, "f() has 71 lines"),
    ("function_length", tidy.LONG_FUNCTIONS, "src/base/a.c fits 75\n", "no longer needed"),
    ("function_length", tidy.LONG_FUNCTIONS, "src/base/a.c\n", "expected: FILE"),
    ("columns", "src/engine/e.c", "+// " + "x" * 98 + "\n", "101 columns"),
    ("columns", "tests/style/t.py", "+# " + "x" * 99 + "\n", "101 columns"),
    ("whitespace", "src/engine/e.c", "+\tint a;\n", "a tab"),
    ("whitespace", "docs/a.md", "+words \n", "space at the end"),
    ("whitespace", "docs/a.md", "+words", "no newline"),
    ("spdx", "src/base/b.h", "#pragma once\n", "no SPDX"),
    ("spdx", "tests/style/t.py", "#!/usr/bin/python3\nprint()\n", "no SPDX"),
    ("spdx", "src/sensor/bpf/x.bpf.c", SPDX, "GPL-2.0-only OR"),
    ("unfinished", "src/engine/e.c", "+// TO" + "DO later\n", "open an issue"),
    ("unfinished", "docs/a.md", "+FIX" + "ME\n", "open an issue"),
    ("header_guards", "src/base/a.h", SPDX + "int a(void);\n#pragma once\n", "#pragma once"),
    ("dead_files", "src/base/dead.c", SPDX, "no meson.build names it"),
    ("dead_files", "src/base/dead.h", SPDX + "#pragma once\n", "nobody includes it"),
    ("dead_files", "tools/dead.sh", "# SPDX-License-Identifier: Apache-2.0\n", "no script"),
    ("dead_names", "src/base/limits.h", "+enum {\n    LIMIT_B = 2,\n};\n", "nobody uses LIMIT_B"),
    ("dead_names", "src/base/counters.def", "+COUNTER(lost, LOSS, \"L.\")\n", "nobody counts lost"),
    ("modes", "src/engine/e.c", "#!/bin/sh\n", "not executable"),
    ("modes", "tests/style/t.py", "#!/usr/bin/env python3\n", "use one of"),
    ("blobs", "docs/large.bin", "x" * (256 * 1024 + 1), "256 KiB"),
    ("machine_paths", "docs/a.md", "+see /" + "work/main\n", "relative to the checkout"),
    ("links", "docs/a.md", "+[gone](gone.md)\n", "gone.md does not exist"),
    ("links", "docs/a.md", "+[gone](b.md#part)\n", "no heading #part"),
    ("links", "docs/c.md", "no title\n", "begins with its title"),
    ("packages", "tools/packages", "+gcc\n", "stands here twice"),
]


def write(tree, name, text):
    path = os.path.join(tree, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    if text.startswith("#!/usr/bin") or name.endswith(".py"):
        os.chmod(path, 0o755)


def found(tree):
    return {rule: violations for rule, _, violations in tidy.check(tree)}


def try_one(planted):
    """None, or what is wrong with how this tree was judged."""
    tree = tempfile.mkdtemp(prefix="creance-tidy-")
    try:
        for name, text in CLEAN.items():
            write(tree, name, text)
        if planted is None:
            noise = {rule: said for rule, said in found(tree).items() if said}
            return f"violations in a clean tree: {noise}" if noise else None
        rule, name, text, word = planted
        write(tree, name, CLEAN.get(name, "") + text[1:] if text.startswith("+") else text)
        said = found(tree)[rule]
        if not any(where == name and word in wrong for where, _, wrong in said):
            return f"not found; the rule said {said}"
        return None
    finally:
        shutil.rmtree(tree, ignore_errors=True)


def main():
    cases = [None] + PLANTED
    failed = False
    print(f"1..{len(cases) + 1}")
    for number, planted in enumerate(cases, start=1):
        wrong = try_one(planted)
        failed = failed or wrong is not None
        title = "a clean tree passes" if planted is None else f"{planted[0]}: {planted[3]}"
        if wrong:
            print(f"# {wrong}")
        print(f"{'not ok' if wrong else 'ok'} {number} - tidy: {title.replace('#', '')}")
    planted_rules = {planted[0] for planted in PLANTED}
    missing = [rule.__name__ for rule in tidy.RULES if rule.__name__[5:] not in planted_rules]
    failed = failed or bool(missing)
    print(f"{'not ok' if missing else 'ok'} {len(cases) + 1} - tidy: each rule has a planted "
          f"violation {' '.join(missing)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a compiler does not check: each rule is one TAP line, each violation a line before it.

`tests/style/tidy.py [TREE]`; tidy_selftest.py plants a violation of each rule and looks that it is
found. A rule's text (its docstring) says what to do instead.
"""
import ast
import os
import re
import subprocess
import sys

LAYERS = ["base", "schema", "ring", "sensor", "engine", "content", "update", "rollout", "sim",
          "agent", "cli"]
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100
BLOB_BYTES_MAX = 256 * 1024
LONG_FUNCTIONS = "tests/style/long_functions.txt"

# Not ours to format: licences, recordings, corpora.
FOREIGN = ("LICENSE", "LICENSES/", "tests/fuzz/")
CODE = (".c", ".h", ".def")
SCRIPTS = (".py", ".sh")
TEXT = CODE + SCRIPTS + (".build", ".txt", ".md", ".yml", ".yaml", ".json", ".in", ".service")

# call: what to use instead, and the files (or folders) that may use it
BANNED = {
    "memcpy": ("bytes_copy (base/bytes.h)", ("src/base/",)),
    "strcpy": ("string_copy (base/bytes.h)", ()),
    "stpcpy": ("string_copy (base/bytes.h)", ()),
    "strncpy": ("string_copy (base/bytes.h)", ()),
    "strcat": ("string_format (base/bytes.h)", ()),
    "strncat": ("string_format (base/bytes.h)", ()),
    "sprintf": ("string_format (base/bytes.h)", ()),
    "vsprintf": ("string_format (base/bytes.h)", ()),
    "snprintf": ("string_format (base/bytes.h), which says when it cut", ("src/base/",)),
    "vsnprintf": ("string_format (base/bytes.h), which says when it cut", ("src/base/",)),
    "strtok": ("a loop over the text", ()),
    "strtok_r": ("a loop over the text", ()),
    "strtol": ("number_parse (base/bytes.h)", ()),
    "strtoul": ("number_parse (base/bytes.h)", ()),
    "strtoll": ("number_parse (base/bytes.h)", ()),
    "strtoull": ("number_parse (base/bytes.h)", ()),
    "atoi": ("number_parse (base/bytes.h)", ()),
    "atol": ("number_parse (base/bytes.h)", ()),
    "atoll": ("number_parse (base/bytes.h)", ()),
    "atof": ("a parser that says what is wrong", ()),
    "scanf": ("base/reader.h", ()),
    "sscanf": ("base/reader.h", ()),
    "fscanf": ("base/reader.h", ()),
    "gets": ("getline or base/reader.h", ()),
    "alloca": ("an arena (base/arena.h)", ()),
    "system": ("fork and exec with arguments of their own: no shell", ()),
    "popen": ("fork and exec with arguments of their own: no shell", ()),
    "tmpnam": ("mkostemp", ()),
    "mktemp": ("mkostemp", ()),
    "rand": ("getrandom", ()),
    "random": ("getrandom", ()),
    "gettimeofday": ("base/clock.h, so that tests can move time", ("src/base/",)),
    "clock_gettime": ("base/clock.h, so that tests can move time", ("src/base/",)),
    "time": ("base/clock.h, so that tests can move time", ("src/base/",)),
    "localtime": ("localtime_r or gmtime_r", ()),
    "gmtime": ("gmtime_r", ()),
    "ctime": ("strftime", ()),
    "asctime": ("strftime", ()),
    "longjmp": ("RESULT (base/result.h)", ()),
    "vfork": ("fork or posix_spawn", ()),
}


# folder: headers that it must not include (by how their names begin), and why
PARSERS = ("jansson", "yaml", "hs", "zstd")
# Numbers and words, and nothing that reads.
TABLES = ("content/bundle_kind.h",)
SYSTEM = ("fcntl.h", "unistd.h", "sys/", "netinet/", "netdb.h", "signal.h", "pthread.h", "dirent.h")
BOUNDARIES = {
    "src/engine/": (SYSTEM, "the engine is a library without I/O"),
    "src/agent/supervisor/": (PARSERS + ("engine/", "content/", "schema/", "netinet/"),
                              "the supervisor parses nothing and knows no rule"),
    "src/sensor/": (PARSERS, "no content and no text format runs in the sensor"),
    "src/base/": (PARSERS, "base knows no format"),
    "src/rollout/": (PARSERS + SYSTEM + ("stdio.h", "time.h", "base/clock.h", "base/disk.h"),
                     "what decides about rollouts has no I/O and no clock"),
}


class Tree:
    """The files of a checkout that are or could be committed."""

    def __init__(self, root):
        self.root = root
        self.files = sorted(self.listed())
        self.contents = {}

    def listed(self):
        if os.path.exists(os.path.join(self.root, ".git")):
            done = subprocess.run(
                ["git", "-c", "safe.directory=*", "-C", self.root, "ls-files", "-z", "-c", "-o",
                 "--exclude-standard"], stdout=subprocess.PIPE, check=True)
            names = done.stdout.decode("utf-8", "surrogateescape").split("\0")
            return {name for name in names
                    if name and os.path.lexists(os.path.join(self.root, name))}
        names = set()
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if name not in ("build", "__pycache__")]
            names |= {os.path.relpath(os.path.join(folder, name), self.root) for name in files}
        return names

    def path(self, name):
        return os.path.join(self.root, name)

    def text(self, name):
        if name not in self.contents:
            with open(self.path(name), "rb") as file:
                self.contents[name] = file.read().decode("utf-8", "replace")
        return self.contents[name]

    def ours(self, suffixes):
        return [name for name in self.files
                if name.endswith(suffixes) and not name.startswith(FOREIGN)
                and not os.path.islink(self.path(name))]

    def programs(self):
        """Scripts without an extension, by their first line."""
        return [name for name in self.files
                if "." not in os.path.basename(name) and os.path.isfile(self.path(name))
                and not name.startswith(FOREIGN) and self.text(name).startswith("#!")]


def without_comments(text, keep_strings=False):
    """C text with comments (and what is in strings) blanked; lines and columns stay."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|'
                         r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)

    def blank(found):
        token = found.group(0)
        if token[0] in "\"'":
            return token if keep_strings else token[0] + " " * (len(token) - 2) + token[0]
        return re.sub(r"[^\n]", " ", token)
    return pattern.sub(blank, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


# --- rules: each yields (file, line, what is wrong) -------------------------------------------

def rule_banned_calls(tree):
    """Banned calls are not used; each has a better one."""
    calls = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
    for name in tree.ours((".c", ".h")):
        text = without_comments(tree.text(name))
        for found in calls.finditer(text):
            instead, allowed = BANNED[found.group(1)]
            if not name.startswith(allowed or ("\0",)):
                yield name, line_of(text, found.start()), f"{found.group(1)}(): use {instead}"


def rule_layers(tree):
    """A module includes only itself and modules that stand above it."""
    for name in tree.ours(CODE):
        parts = name.split("/")
        own = parts[1] if parts[0] == "src" and len(parts) > 2 else None
        text = without_comments(tree.text(name), keep_strings=True)
        for found in re.finditer(r'^\s*#\s*include\s+"([^"]+)"', text, re.MULTILINE):
            line, target = line_of(text, found.start()), found.group(1)
            top = target.split("/")[0]
            if own is None:
                continue
            if own not in LAYERS:
                yield name, line, f"src/{own} has no place in the order of layers (tidy.py)"
            elif top in LAYERS and LAYERS.index(top) > LAYERS.index(own):
                yield name, line, f"{own} must not know {top} (order: {', '.join(LAYERS)})"
            elif top == "tests" and not re.search(r"(_test|_fuzz|/fake_\w+)\.[ch]$", name):
                yield name, line, "only tests include tests/"
            elif ".." in target:
                yield name, line, "include by module path (\"module/file.h\"), not by .."


def rule_boundaries(tree):
    """What a folder promises not to know, it does not include (BOUNDARIES in tidy.py)."""
    for name in tree.ours((".c", ".h")):
        if re.search(r"(_test|_fuzz)\.c$|/fake_\w+\.[ch]$", name):
            continue
        text = without_comments(tree.text(name), keep_strings=True)
        for folder, (headers, why) in BOUNDARIES.items():
            if not name.startswith(folder):
                continue
            for found in re.finditer(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', text, re.MULTILINE):
                if found.group(1).startswith(headers) and found.group(1) not in TABLES:
                    yield name, line_of(text, found.start()), f"{found.group(1)}: {why}"


def c_functions(text):
    """(name, first line, lines) of each function whose braces stand at the line's start."""
    lines = without_comments(text).split("\n")
    start = None
    for number, line in enumerate(lines):
        if line.startswith("{") and number > 0:
            start = number
        elif line.startswith("}") and start is not None:
            head = start - 1
            while head > 0 and not re.match(r"\w", lines[head]):
                head -= 1
            signature = " ".join(lines[head:start])
            named = re.findall(r"(\w+)\s*\(", signature)
            if named and "=" not in signature.split("(")[0]:
                picked = next((word for word in named if word.islower()), named[0])
                yield picked, head + 1, number - start + 1
            start = None


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1


def rule_function_length(tree):
    """Functions have at most 70 lines; long_functions.txt lists exceptions and only shrinks."""
    excepted = {}
    if LONG_FUNCTIONS in tree.files:
        for number, line in enumerate(tree.text(LONG_FUNCTIONS).splitlines(), start=1):
            words = line.split("#")[0].split()
            if len(words) == 3 and words[2].isdigit():
                excepted[(words[0], words[1])] = (int(words[2]), number)
            elif words:
                yield LONG_FUNCTIONS, number, "expected: FILE FUNCTION LINES"
    for name in tree.ours((".c", ".h", ".py")):
        read = python_functions if name.endswith(".py") else c_functions
        try:
            functions = list(read(tree.text(name)))
        except SyntaxError as error:
            yield name, error.lineno, "this is not Python 3"
            continue
        for function, line, lines in functions:
            allowed, _ = excepted.get((name, function), (0, 0))
            if lines > FUNCTION_LINES_MAX and lines > allowed:
                more = f"; its exception says {allowed}" if allowed else ""
                yield name, line, f"{function}() has {lines} lines{more}: split it"
            elif lines > FUNCTION_LINES_MAX:
                excepted.pop((name, function))
    for (name, function), (_, line) in excepted.items():
        yield LONG_FUNCTIONS, line, f"{name} {function}: no longer needed, take it out"


def rule_columns(tree):
    """Lines of code have at most 100 columns (tables, *.def, one row a line, may be wider)."""
    for name in tree.ours((".c", ".h", ".build") + SCRIPTS) + tree.programs():
        for number, line in enumerate(tree.text(name).splitlines(), start=1):
            if len(line) > COLUMNS_MAX:
                yield name, number, f"{len(line)} columns: break it at {COLUMNS_MAX}"


def rule_whitespace(tree):
    """No tabs, no space at line ends, a newline at the end of each file."""
    for name in tree.ours(TEXT) + tree.programs():
        text = tree.text(name)
        for number, line in enumerate(text.split("\n"), start=1):
            if "\t" in line:
                yield name, number, "a tab: use spaces"
            if line.endswith((" ", "\r")):
                yield name, number, "space at the end of the line: take it out"
        if text and not text.endswith("\n"):
            yield name, text.count("\n") + 1, "no newline at the end of the file"


def rule_spdx(tree):
    """Each source file says its licence in its first line (scripts: in the second)."""
    for name in tree.ours(CODE + SCRIPTS + (".build",)) + tree.programs():
        lines = tree.text(name).splitlines()[:2]
        if lines and lines[0].startswith("#!"):
            lines = lines[1:]
        if not lines or "SPDX-License-Identifier: " not in lines[0]:
            yield name, 1, "no SPDX-License-Identifier line"
        elif name.startswith("src/sensor/bpf/") and name.endswith(".bpf.c"):
            if "GPL-2.0-only OR BSD-2-Clause" not in lines[0]:
                yield name, 1, "eBPF programs are (GPL-2.0-only OR BSD-2-Clause)"


def rule_unfinished(tree):
    """No marks of unfinished work: open an issue or do it."""
    words = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX")) + r")\b")
    for name in tree.ours(TEXT) + tree.programs():
        for number, line in enumerate(tree.text(name).splitlines(), start=1):
            if words.search(line):
                yield name, number, f"{words.search(line).group(1)}: do it, or open an issue"


def rule_header_guards(tree):
    """Each header begins with #pragma once."""
    for name in tree.ours((".h",)):
        code = [line for line in without_comments(tree.text(name)).splitlines() if line.strip()]
        if not code or code[0].strip() != "#pragma once":
            yield name, 1, "#pragma once must stand before all else"


def built(tree, name):
    """Does a meson.build name this source (as itself, or as 'x' for x_test.c and x_fuzz.c)?"""
    base = os.path.basename(name)
    stem = re.sub(r"(_test|_fuzz)?\.c$|\.bpf\.c$", "", base)
    for build in tree.files:
        if os.path.basename(build) != "meson.build":
            continue
        text = tree.text(build)
        if re.search(r"['/]" + re.escape(base) + "'", text):
            return True
        beside = os.path.dirname(name).startswith(os.path.dirname(build))
        if os.path.dirname(build) and beside and f"'{stem}'" in text:
            return True
    return False


def rule_dead_files(tree):
    """Each source is built, each header included, each helper script used."""
    code = {name: tree.text(name) for name in tree.ours(CODE)}
    for name in code:
        if name.endswith(".c"):
            included = any(re.search(r'#\s*include\s+"(?:[^"]*/)?' +
                                     re.escape(os.path.basename(name)) + '"', text)
                           for other, text in code.items() if other != name)
            if not included and not built(tree, name):
                yield name, 1, "no meson.build names it"
            continue
        tail = re.escape(os.path.basename(name))
        wanted = re.compile(r'#\s*include\s+"(?:[^"]*/)?' + tail + '"')
        if not any(wanted.search(text) for other, text in code.items() if other != name):
            yield name, 1, "nobody includes it"
    scripts = tree.ours(SCRIPTS) + tree.programs()
    builds = [name for name in tree.files if name.endswith(("meson.build", ".md"))]
    for name in scripts:
        stem = os.path.splitext(os.path.basename(name))[0]
        if name.startswith("tests/") and os.access(tree.path(name), os.X_OK):
            continue  # the runner finds it
        if name.count("/") == 0:
            continue  # a command for people
        if not any(stem in tree.text(other) for other in scripts + builds if other != name):
            yield name, 1, "no script, meson.build or document names it"


def rule_dead_names(tree):
    """Each limit and each counter is used."""
    code = {name: without_comments(tree.text(name)) for name in tree.ours(CODE)}
    whole = "\n".join(code.values())
    for name, text in code.items():
        if name.endswith("limits.h"):
            for found in re.finditer(r"^\s+(LIMIT_\w+)\s*=", text, re.MULTILINE):
                uses = len(re.findall(r"\b" + found.group(1) + r"\b", whole))
                uses -= len(re.findall(r"\b" + found.group(1) + r"\b", text))
                if uses == 0:
                    yield name, line_of(text, found.start(1)), f"nobody uses {found.group(1)}"
        if name.endswith("counters.def"):
            for found in re.finditer(r"^COUNTER\((\w+)", text, re.MULTILINE):
                if f"COUNTER_{found.group(1)}" not in whole:
                    yield name, line_of(text, found.start()), f"nobody counts {found.group(1)}"


def rule_modes(tree):
    """What begins with #! is executable and only that; interpreters are named by full path."""
    known = ("#!/bin/bash", "#!/bin/sh", "#!/usr/bin/python3")
    for name in tree.files:
        path = tree.path(name)
        if os.path.islink(path):
            if not os.path.exists(path):
                yield name, 1, "a link to nothing"
            continue
        with open(path, "rb") as file:
            head = file.read(64).split(b"\n")[0].decode("utf-8", "replace")
        executable = bool(os.stat(path).st_mode & 0o111)
        if head.startswith("#!") and not executable:
            yield name, 1, "begins with #! but is not executable (chmod +x, or take the line out)"
        elif executable and not head.startswith("#!"):
            yield name, 1, "executable without #! (chmod -x)"
        elif executable and head not in known:
            yield name, 1, f"{head}: use one of {', '.join(known)}"


def rule_blobs(tree):
    """No file is larger than 256 KiB."""
    for name in tree.files:
        size = os.lstat(tree.path(name)).st_size
        if size > BLOB_BYTES_MAX:
            yield name, 1, f"{size // 1024} KiB: make it smaller, or generate it"


def rule_machine_paths(tree):
    """No path of one developer's machine is committed."""
    work, home = "/" + "work/", "/" + "root/"
    for name in tree.files:
        if os.path.islink(tree.path(name)) or name.startswith("tests/fuzz/"):
            continue
        # rules, recordings and C tests may speak of root's home: it is what attackers read
        wanted = [work]
        if name.endswith((".sh", ".build")) or name in tree.programs():
            wanted.append(home)
        for number, line in enumerate(tree.text(name).splitlines(), start=1):
            for path in wanted:
                if re.search(r"(?<![\w.}])" + path, line):
                    yield name, number, f"{path}: name it relative to the checkout"


def anchors(text):
    """The anchors of a Markdown file's headings, as Git hosts make them."""
    found = set()
    for heading in re.findall(r"^#+ +(.*?)\s*$", text, re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(plain.replace(" ", "-"))
    return found


def rule_links(tree):
    """Relative links in Markdown lead somewhere; each page has a title."""
    for name in tree.ours((".md",)):
        text = re.sub(r"^(```|~~~).*?^\1", lambda block: "\n" * block.group(0).count("\n"),
                      tree.text(name), flags=re.MULTILINE | re.DOTALL)
        if not text.lstrip().startswith("# "):
            yield name, 1, "a page begins with its title (# ...)"
        for found in re.finditer(r"\]\(([^)\s]+)\)", text):
            target, _, anchor = found.group(1).partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            line = line_of(text, found.start())
            path = os.path.normpath(os.path.join(os.path.dirname(name), target)) if target else name
            if not os.path.exists(tree.path(path)):
                yield name, line, f"{target} does not exist"
            elif anchor and path.endswith(".md") and anchor not in anchors(tree.text(path)):
                yield name, line, f"{path} has no heading #{anchor}"


def rule_packages(tree):
    """tools/packages names each package once."""
    seen = set()
    if "tools/packages" not in tree.files:
        return
    for number, line in enumerate(tree.text("tools/packages").splitlines(), start=1):
        word = line.split("#")[0].strip()
        if word and word in seen:
            yield "tools/packages", number, f"{word} stands here twice"
        seen.add(word)


RULES = [value for name, value in list(globals().items()) if name.startswith("rule_")]


def check(root):
    """[(rule, its text, [(file, line, what is wrong)])]"""
    tree = Tree(root)
    return [(rule.__name__[len("rule_"):], rule.__doc__, sorted(rule(tree))) for rule in RULES]


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(here))
    failed = False
    print(f"1..{len(RULES)}")
    for number, (_, text, violations) in enumerate(check(root), start=1):
        for name, line, wrong in violations:
            print(f"# {name}:{line}: {wrong}")
        failed = failed or bool(violations)
        print(f"{'not ok' if violations else 'ok'} {number} - {text}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: faults
# timeout: 2400
"""verifier-change: after a kernel update the verifier refuses eBPF programs that the agent carried
for a long time. What it refuses costs itself, is named with the verifier's words, and comes back
with the next kernel that takes it; a probe set that brings such a program is rejected, or rolled
back.

Four boots of one host, whose disk goes along, and one with the containment off. Refusals are real:
a test build spoils programs before it loads them, so that the verifier of Debian's 6.12 in qemu
refuses them. verifier_change_init is what runs in there.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

import boot_loop
import kernels

WORDS = "R9 !read_ok"  # the kernel's, about a register that is read before it is written
RULE = """title: {title}
id: 6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a4d{number:02x}
level: high
logsource: {{product: linux, category: {category}}}
detection:
  selection:
    TargetFilename|contains: {word}
  condition: selection
"""
RULES = {"made.yml": RULE.format(title="Made", number=1, category="file_event",
                                 word="creance-made-"),
         "removed.yml": RULE.format(title="Removed", number=2, category="file_delete",
                                    word="creance-removed-")}
# The first set is old and good; the others bring one more program, that of openat.
SET = ["exec", "fork", "exit", "connect", "connect_end", "accept", "accept4", "unlink_begin",
       "unlink_end", "unlinkat_begin", "unlinkat_end"]
SETS = {1: SET, **dict.fromkeys((2, 3, 4), [*SET, "openat"])}
REFUSED = {"snapshot", "connect_end"}  # of what SET and base hold, by verifier-refuses-some
REFUSED_ALONE = REFUSED | {"open", "openat", "openat2", "creat"}  # of all that there is


# --- what goes into the machine ---------------------------------------------------------------

def bundle(version, probes):
    """A probe set, as its publisher builds it."""
    with tempfile.TemporaryDirectory() as folder:
        sources = os.path.join(folder, "sources")
        os.makedirs(os.path.join(sources, "probes"))
        with open(os.path.join(sources, "content.yaml"), "w", encoding="ascii") as file:
            file.write(f"name: probes\nkind: probes\nversion: {version}\nschema: 1\n"
                       "engine_level: 1\n")
        with open(os.path.join(sources, "probes", "set.yml"), "w", encoding="ascii") as file:
            file.write(f"probes: [{', '.join(probes)}]\n")
        path = os.path.join(folder, "a.bundle")
        subprocess.run([os.path.join(kernels.PROGRAMS, "creance"), "content", "build", sources,
                        "--output", path], check=True, stdout=subprocess.DEVNULL)
        with open(path, "rb") as file:
            return file.read()


def ramdisk_with_content():
    plain = kernels.initramfs("verifier_change_init", "verifier-change-plain.gz")
    more = kernels.Archive()
    for name, text in RULES.items():
        more.add(f"opt/rules/{name}", 0o100644, text.encode())
    for version, probes in SETS.items():
        more.add(f"opt/bundles/probes-{version}.bundle", 0o100644, bundle(version, probes))
    path = os.path.join(kernels.PLACE, "verifier-change.gz")
    with open(plain, "rb") as first, open(path, "wb") as out:
        data = first.read()
        out.write(data + b"\0" * (-len(data) % 4) + more.bytes())
    return path


# --- what comes out of it ---------------------------------------------------------------------

class Said:
    """What one boot said on its console."""

    def __init__(self, console):
        self.console = console
        self.words = dict(re.findall(r"^@@ (\S+) ?(.*)$", console, re.MULTILINE))

    def word(self, name):
        return self.words.get(name, "nothing").strip()

    def lines(self, name):
        """Its JSON lines of this name; the kernel may have written into one."""
        found = re.findall(rf"^@@@ {name} (\{{.*\}})$", self.console, re.MULTILINE)
        return [json.loads(line) for line in found]

    def status(self, step):
        return (self.lines(f"{step}-status") or [{"state": "unknown", "reasons": [],
                                                  "coverage": {"probes": []}}])[0]

    def probes(self, step, state):
        """name -> reason of the probes in this state, as `creance status` says."""
        return {row["name"]: row["reason"] for row in self.status(step)["coverage"]["probes"]
                if row["state"] == state}

    def tried(self, step, state):
        """The same, as `creance probe` says."""
        return {row["probe"]: row["detail"] for row in self.lines(f"{step}-probe")
                if row.get("state") == state}

    def reasons(self, step):
        return [f"{row['what']}: {row['text']}" for row in self.status(step)["reasons"]
                if row["what"] != "note"]


class Report:
    """TAP lines, each of which says what was found."""

    def __init__(self, count):
        self.number, self.failed = 0, 0
        print(f"1..{count}", flush=True)

    def add(self, wrong, text, said):
        """wrong: what is not as it must be."""
        self.number += 1
        self.failed += bool(wrong)
        for line in wrong:
            print(f"# {line}")
        if wrong:
            print("\n".join("# | " + line[:400] for line in said.console.splitlines()[-120:]))
        print(f"{'not ok' if wrong else 'ok'} {self.number} - {text}", flush=True)


def differences(pairs):
    """(what, what it is, what it must be) -> sentences about those that differ."""
    return [f"{what} is {found!r}, not {wanted!r}" for what, found, wanted in pairs
            if found != wanted]


def host_is_well(said):
    return [("the end of the boot", "up" in said.words, True),
            ("harm to the host", said.words.get("host-harmed"), None),
            ("the agent's exit code", said.word("stopped"), "0"),
            ("processes left behind", said.word("processes"), "0")]


# --- the boots --------------------------------------------------------------------------------

def before_the_update(said):
    status = said.status("before")
    return differences(host_is_well(said) + [
        ("status", (status["state"], said.word("before-status-exit")), ("healthy", "0")),
        ("the process alert", said.word("before-exec-alert"), "yes"),
        ("the alert for what is made", said.word("before-make-alert"), "yes"),
        ("set 1", state_of(said, 1), "good"),
        ("set 2", state_of(said, 2), "rejected"),
        ("attached afterwards", set(SET) <= set(said.probes("before", "attached")), True),
        ("openat afterwards", "openat" in said.probes("before", "left out"), True),
        ("the process alert afterwards", said.word("later-exec-alert"), "yes")])


def state_of(said, version):
    found = re.search(rf"probes +{version} +(good|rejected|rolled back|probation)",
                      said.word(f"set-{version}"))
    return found.group(1) if found else said.word(f"set-{version}")


def without_a_trial(said, version):
    return differences([
        (f"set {version}", state_of(said, version), "rolled back"),
        ("attached", set(SET) <= set(said.probes("untried", "attached")), True),
        ("status", said.status("untried")["state"], "healthy")])


def all_refused(said):
    status = said.status("blind")
    restarts = {row["program"]: row["restarts"] for row in status.get("processes", [])
                if row["restarts"] > 0}
    return differences(host_is_well(said) + [
        ("status", (status["state"], said.word("blind-status-exit")), ("blind", "1")),
        ("the reason", any(WORDS in text and "exec" in text for text in said.reasons("blind")),
         True),
        ("probes attached", said.probes("blind", "attached"), {}),
        ("probe", said.word("blind-probe-exit"), "4"),
        ("its words", set(said.tried("blind", "refused").values()), {WORDS}),
        ("how often processes were replaced", set(restarts) <= {"creance-loader"}
         and sum(restarts.values()) <= 1 + status.get("uptime_seconds", 0) / 60, True),
        ("boot level", status.get("updates", {}).get("boot_level"), "normal")])


def some_refused(said):
    status = said.status("some")
    named = [text for text in said.reasons("some") if text.startswith("degraded: Probe ")]
    return differences(host_is_well(said) + [
        ("status", (status["state"], said.word("some-status-exit")), ("degraded", "1")),
        ("refused", said.probes("some", "refused"), dict.fromkeys(REFUSED, WORDS)),
        ("sentences about them", sorted(text.split()[2] for text in named if WORDS in text),
         sorted(REFUSED)),
        ("attached", set(said.probes("some", "attached")),
         set(SET) - REFUSED | {"snapshot_plain"}),
        ("probe", said.word("some-probe-exit"), "1"),
        ("what it names", said.tried("some", "refused"), dict.fromkeys(REFUSED_ALONE, WORDS)),
        ("the process alert", said.word("some-exec-alert"), "yes"),
        ("the alert for what is removed", said.word("some-remove-alert"), "yes"),
        ("releases", releases(status), {1: "good", 3: "rolled back"})])


def releases(status):
    return {row["version"]: row["state"] for row in status.get("updates", {}).get("releases", [])}


def next_kernel(said):
    status = said.status("next")
    return differences(host_is_well(said) + [
        ("status", (status["state"], said.word("next-status-exit")), ("healthy", "0")),
        ("attached", set(said.probes("next", "attached")), set(SET) | {"snapshot"}),
        ("probe", said.word("next-probe-exit"), "0"),
        ("the process alert", said.word("next-exec-alert"), "yes"),
        ("the alert for what is removed", said.word("next-remove-alert"), "yes")])


def one_host(image, ramdisk, report):
    """Before the update, two kernels that refuse, and one that takes everything again."""
    disk = b""
    for number, (plan, faults, check, text) in enumerate((
            ("before", "verifier-refuses-added", before_the_update,
             "before the update: healthy; a probe set with a refused program ends in its trial"),
            ("blind", "verifier-refuses-all", all_refused,
             "every program is refused: blind, said with the verifier's words, tried once a "
             "minute, the host is well"),
            ("some", "verifier-refuses-some", some_refused,
             "some are refused: each is named with the verifier's words, the others alert, a good "
             "probe set stays"),
            ("next", "", next_kernel,
             "the next kernel takes them: healthy by itself, all probes of the set are back")), 1):
        console, disk = boot_loop.boot(number, "verifier", image, ramdisk, disk, faults, plan)
        said = Said(console)
        print(f"# boot {number} ({faults or 'no fault'}): Linux {said.word('kernel')}, "
              f"{len(disk)} bytes of disk; status {said.status(plan)['state']}, exit "
              f"{said.word(plan + '-status-exit')}; probe exit {said.word(plan + '-probe-exit')}; "
              f"alerts: process {said.word(plan + '-exec-alert')}, removed file "
              f"{said.word(plan + '-remove-alert')}, made file {said.word(plan + '-make-alert')}")
        for line in said.reasons(plan):
            print(f"#   {line}")
        report.add(check(said), text, said)
        if plan == "before":
            print(f"# set 2: {said.word('set-2')}\n# set 3: {said.word('set-3')}")
            report.add(without_a_trial(said, 3), "without a trial such a set comes into force "
                       "and is rolled back by the host itself", said)
    return disk


def without_containment(image, ramdisk, disk, report):
    """The same checks where one refusal costs all, and where no failure of a set is noticed."""
    console, _ = boot_loop.boot(5, "verifier", image, ramdisk, disk,
                                "verifier-refuses-some,probes-all-or-none", "counter")
    said = Said(console.replace("counter-", "some-"))
    wrong = some_refused(said)
    print(f"# counter-test: {'; '.join(wrong)}"[:1500])
    still = "up" in said.words and said.status("some")["state"] == "blind" and (
        said.word("some-exec-alert"), said.word("some-remove-alert")) == ("no", "no")
    report.add([] if wrong and still else ["the checks of boot 3 still hold"],
               "counter-test: where one refused program costs all, the same checks fail: blind, no "
               "alert", said)
    wrong = without_a_trial(said, 4)
    print(f"# counter-test: {'; '.join(wrong)}"[:1500])
    report.add([] if any(line.startswith("set 4 is 'good'") for line in wrong)
               else ["set 4 was rolled back all the same"],
               "counter-test: where no failure is noticed, a set with a refused program stays in "
               "force", said)


def main():
    try:
        if kernels.shutil.which("qemu-system-x86_64") is None:
            raise kernels.Unavailable("qemu-system-x86_64 is not installed (tools/packages, [vm])")
        os.makedirs(kernels.PLACE, exist_ok=True)
        image = kernels.kernel_image("6.12")
        kernels.PROGRAMS = os.path.join(kernels.ROOT, "build", "faults")
        ramdisk = ramdisk_with_content()
    except kernels.Unavailable as reason:
        print(f"1..0 # SKIP {reason}")
        return 0
    report = Report(7)
    disk = one_host(image, ramdisk, report)
    without_containment(image, ramdisk, disk, report)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: test
# timeout: 300
"""`creance content sign` and `publish`: from sources to files, and what does not get there."""
import hashlib
import json
import os

import offline

MANIFEST = ("name: example\nkind: rules\nversion: {}\nschema: 1\nengine_level: 1\nsteps: 1000\n"
            "steps_per_rule: 500\nmemory_mib: 16\n")
RULE = """title: Somebody runs {0}
id: 6a1b9c5e-0d6c-4a7e-9b43-0c1f6f0a2d11
level: high
logsource: {{product: linux, category: process_creation}}
detection:
  selection:
    Image|endswith: /{0}
  condition: selection
"""
ROLES = ("root", "targets", "snapshot", "timestamp")


def run(*arguments, code=0):
    done = offline.creance(*arguments)
    offline.equal(done.returncode, code, f"exit code of {arguments[:4]} ({done.stderr})")
    return done


class Publisher:
    """Keys, a repository and a log, and bundles of one stream."""

    def __init__(self):
        self.folder = offline.Folder()
        for name in ("a", "b", "c", "tuf", "other"):
            run("content", "keygen", self[name])
        run("content", "keygen", self["ecdsa"], "--scheme", "ecdsa")
        run("log", "keygen", "example.com/log", "--out", self["log.key"])
        run("content", "repo", "create", self["repository"])
        for role in ROLES:
            run("content", "repo", "allow", self["repository"], role, self["tuf.pub"])
        run("content", "repo", "sign", self["repository"], "--key", self["tuf"])
        run("content", "repo", "publish", self["repository"], "--key", self["tuf"])
        self.keys = None

    def __getitem__(self, name):
        return self.folder[name]

    def build(self, version, *programs):
        sources = offline.Folder({"content.yaml": MANIFEST.format(version)})
        for number, name in enumerate(programs):
            rule = RULE.format(name).replace("2d11", f"2d1{number}")
            sources.put(f"rules/{name}.yml", rule)
            test = {"match": True, "event": {"Image": f"/bin/{name}"}}
            sources.put(f"rules/{name}.tests.jsonl", json.dumps(test) + "\n")
        run("content", "build", sources.path, "--output", self[f"{version}.bundle"])
        return self[f"{version}.bundle"]

    def sign(self, bundle, keys, *arguments, code=0):
        """The lines "key ..." of the ticket."""
        named = [word for key in keys for word in ("--key", self[key])]
        done = run("content", "sign", bundle, *named, *arguments, code=code)
        return [line for line in done.stdout.splitlines() if line.startswith("key ")]

    def trust(self, lines, threshold):
        self.folder.put("rules.keys", f"threshold {threshold}\n" + "\n".join(lines) + "\n")

    def publish(self, bundle, *arguments, code=0):
        return run("content", "publish", bundle, "--release-keys", self["rules.keys"], "--log",
                   self["log"], "--log-key", self["log.key"], "--repository", self["repository"],
                   "--key", self["tuf"], *arguments, code=code)


def files_of(folder):
    return sorted(os.path.relpath(os.path.join(where, name), folder)
                  for where, _, names in os.walk(folder) for name in names)


def entries(publisher):
    """The log as text: all entries are in one file so far."""
    folder = publisher["log"]
    text = b"".join(open(os.path.join(folder, name), "rb").read()
                    for name in files_of(folder) if "entries" in name)
    return text.decode("utf-8", "replace")


@offline.test
def a_release_becomes_plain_files():
    publisher = Publisher()
    bundle = publisher.build(1, "evil", "bad")
    keys = publisher.sign(bundle, ["a"], "--first")
    offline.equal(len(keys), 1, "signatures")
    keys = publisher.sign(bundle, ["b"], "--first")
    offline.equal(len(keys), 2, "signatures of both")
    offline.equal(os.path.getsize(bundle + ".ticket"), 896, "size of the ticket")
    publisher.trust(keys, 2)
    done = publisher.publish(bundle)
    print(f"# {done.stdout.strip()}")
    names = files_of(publisher["repository"])
    for ending in ("bundle", "ticket", "tlog-proof"):
        found = [name for name in names
                 if name.startswith("targets/example/") and name.endswith(f".example.{ending}")]
        offline.equal(len(found), 1, f"files with .{ending} in {names}")
        if ending == "bundle":
            with open(os.path.join(publisher["repository"], found[0]), "rb") as file:
                digest = hashlib.sha256(file.read()).hexdigest()
            offline.contains(entries(publisher), f"version 1\ndigest {digest}\n", "the log")
        if ending == "tlog-proof":
            with open(os.path.join(publisher["repository"], found[0]), encoding="utf-8") as file:
                offline.contains(file.read(), "c2sp.org/tlog-proof@v1", "the proof")


@offline.test
def what_takes_away_needs_a_reason_twice_and_the_log_has_it():
    publisher = Publisher()
    first = publisher.build(1, "evil", "bad")
    publisher.trust(publisher.sign(first, ["a"], "--first"), 1)
    publisher.publish(first)
    second = publisher.build(2, "evil")
    previous = ("--previous", first)
    publisher.sign(second, ["a"], *previous, code=1)
    assert not os.path.exists(second + ".ticket"), "a ticket was signed"
    publisher.sign(second, ["a"], *previous, "--accept-removals", "bad is good")
    with open(second + ".ticket", "rb") as file:
        offline.equal(file.read()[12], 2, "flags of the ticket")
    done = publisher.publish(second, code=1)
    offline.contains(done.stderr, "--accept-removals", "what to do")
    assert "version 2" not in entries(publisher), "it was logged"
    publisher.publish(second, "--accept-removals", "rule bad was good")
    text = entries(publisher)
    offline.contains(text, "kind removal\nname example\nversion 2\n", "the log")
    offline.contains(text, "reason rule bad was good\n", "the log")
    assert text.index("kind removal") < text.index("kind release\nname example\nversion 2"), text
    # Nobody makes a second signer sign what the first one did not see.
    publisher.sign(second, ["b"], "--first", code=1)


@offline.test
def nothing_is_published_that_hosts_would_refuse():
    publisher = Publisher()
    bundle = publisher.build(1, "evil")
    publisher.trust(["key " + "00" * 31 + "01"], 1)
    done = publisher.publish(bundle, code=1)
    offline.contains(done.stderr, "sign first", "without a ticket")
    keys = publisher.sign(bundle, ["a"], "--first")
    done = publisher.publish(bundle, code=1)
    offline.contains(done.stderr, "signed by 0 keys of this host, 1 are needed", "other keys")
    publisher.trust(keys + ["key " + "00" * 31 + "01"], 2)
    done = publisher.publish(bundle, code=1)
    offline.contains(done.stderr, "signed by 1 keys of this host, 2 are needed", "too few")
    publisher.trust(keys, 1)
    with open(bundle + ".ticket", "r+b") as file:
        file.seek(128 + 40)
        file.write(b"\x55")
    done = publisher.publish(bundle, code=1)
    offline.contains(done.stderr, "does not hold", "a false signature")
    other = publisher.build(2, "evil", "bad")
    os.rename(bundle + ".ticket", other + ".ticket")
    done = publisher.publish(other, code=3)
    offline.contains(done.stderr, "another release", "the ticket of another release")
    with open(publisher["cut.bundle"], "wb") as file:
        file.write(open(bundle, "rb").read()[:-1])
    done = publisher.publish(publisher["cut.bundle"], code=3)
    offline.contains(done.stderr, "cut off", "half a bundle")
    publisher.sign(bundle, ["ecdsa"], "--first", code=3)
    publisher.sign(bundle, ["a"], code=2)
    offline.equal([name for name in files_of(publisher["repository"])
                   if name.startswith("targets/")], [], "files that were published")
    assert not os.path.exists(publisher["log"]), "something was logged"


@offline.test
def who_may_not_sign_the_repository_publishes_nothing():
    publisher = Publisher()
    bundle = publisher.build(1, "evil")
    publisher.trust(publisher.sign(bundle, ["a"], "--first"), 1)
    done = run("content", "publish", bundle, "--release-keys", publisher["rules.keys"], "--log",
               publisher["log"], "--log-key", publisher["log.key"], "--repository",
               publisher["repository"], "--key", publisher["other"], code=1)
    print(f"# {done.stderr.strip()}")
    names = [name for name in files_of(publisher["repository"]) if "2.targets.json" in name]
    offline.equal([name for name in names if name.startswith("metadata/")], [], "metadata")


offline.main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# beside: others
# needs: test
# timeout: 300
"""`creance content sign` and `publish`: from sources to files, and what does not get there."""
import hashlib
import os

import offline
from publisher import Publisher, run

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

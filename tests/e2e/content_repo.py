#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# beside: others
# needs: test
"""A publisher's repository on the command line: made, signed by several hands, published."""
import json
import os
import shutil
import stat
import sys

import offline

sys.path.insert(0, os.path.join(offline.ROOT, "tests", "tuf"))
import conformance_client  # noqa: E402 (it lies in another folder)

conformance_client.STEPS = os.path.join(offline.BUILD, "tests", "tuf", "tuf-steps")


def repo(folder, action, *arguments, code=0):
    done = offline.creance("content", "repo", action, folder["repository"], *arguments)
    offline.equal(done.returncode, code, f"exit code of {action}: {done.stderr}")
    return done


def make_keys(folder, *names):
    for name in names:
        done = offline.creance("content", "keygen", folder[name])
        offline.equal(done.returncode, 0, "exit code of keygen: " + done.stderr)


def roles(folder):
    lines = repo(folder, "status", "--json").stdout.splitlines()
    return {row["role"]: row for row in map(json.loads, lines)}


def start(folder):
    """Two of two for root, one key for targets, one online."""
    make_keys(folder, "ann", "bob", "online")
    repo(folder, "create")
    for name in ("ann", "bob"):
        repo(folder, "allow", "root", folder[name + ".pub"])
    repo(folder, "threshold", "root", "2")
    repo(folder, "allow", "targets", folder["ann.pub"])
    for role in ("snapshot", "timestamp"):
        repo(folder, "allow", role, folder["online.pub"])


def follow(folder, *paths):
    """What a host that trusts the first root sees: the outcomes of its refresh and searches."""
    os.makedirs(folder["host"], exist_ok=True)
    metadata = folder["repository/metadata"]
    if not os.path.exists(folder["host/root.json"]):
        shutil.copyfile(os.path.join(metadata, "1.root.json"), folder["host/root.json"])
    steps = conformance_client.Steps(folder["host"])
    outcomes = []
    for command in ["refresh"] + ["find " + path for path in paths]:
        answer = steps.say(command)
        while answer.startswith("want "):
            path = os.path.join(metadata, answer.split(" ")[1])
            answer = steps.say("give " + path if os.path.exists(path) else "absent")
        outcomes.append(answer.split("|")[0])
    steps.process.stdin.close()
    steps.process.wait(10)
    return outcomes


@offline.test
def keys_are_for_their_owner_and_never_overwritten():
    folder = offline.Folder()
    make_keys(folder, "ann")
    offline.equal(stat.S_IMODE(os.stat(folder["ann"]).st_mode), 0o600, "mode of the private key")
    with open(folder["ann"], encoding="ascii") as file:
        before = file.read()
    done = offline.creance("content", "keygen", folder["ann"])
    offline.equal(done.returncode, 3, "exit code")
    offline.contains(done.stderr, "is there already", "error")
    with open(folder["ann"], encoding="ascii") as file:
        offline.equal(file.read(), before, "the key")
    done = offline.creance("content", "keygen", "--scheme", "dsa", folder["x"])
    offline.equal(done.returncode, 2, "exit code")


@offline.test
def a_release_needs_all_hands():
    folder = offline.Folder()
    start(folder)
    repo(folder, "add", "targets", "linux/base.bundle", folder.put("base", "rules"), "--custom",
         '{"kind":"rules"}')
    done = repo(folder, "publish", "--key", folder["online"], code=1)
    offline.contains(done.stderr, "root has 0 of the 2 signatures", "error")
    repo(folder, "sign", "--key", folder["ann"])
    offline.equal(roles(folder)["root"]["staged_signatures"], 1, "signatures of root")
    repo(folder, "publish", "--key", folder["online"], code=1)
    offline.equal(os.listdir(folder["repository/metadata"]), [], "what is published")
    # bob has a copy on a machine of his own, and gives back what is staged
    shutil.copytree(folder["repository"], folder["of-bob"])
    done = offline.creance("content", "repo", "sign", folder["of-bob"], "root", "--key",
                           folder["bob"])
    offline.equal(done.returncode, 0, "exit code of sign: " + done.stderr)
    shutil.copyfile(folder["of-bob/staged/root.json"], folder["repository/staged/root.json"])
    done = repo(folder, "publish", "--key", folder["ann"], code=1)
    offline.contains(done.stderr, "snapshot has 0 of the 1", "error")
    repo(folder, "publish", "--key", folder["online"])
    offline.equal(follow(folder, "linux/base.bundle", "linux/other"),
                  ["end current", "end found", "end absent"], "what a host sees")
    repo(folder, "remove", "targets", "linux/base.bundle")
    repo(folder, "sign", "--key", folder["ann"])
    repo(folder, "publish", "--key", folder["online"])
    offline.equal(follow(folder, "linux/base.bundle"), ["end current", "end absent"],
                  "what a host sees")
    offline.equal(roles(folder)["targets"]["version"], 2, "version of targets")


@offline.test
def a_stolen_root_key_is_replaced():
    folder = offline.Folder()
    start(folder)
    repo(folder, "sign", "--key", folder["ann"], "--key", folder["bob"])
    repo(folder, "publish", "--key", folder["online"])
    offline.equal(follow(folder), ["end current"], "what a host sees")
    make_keys(folder, "eve", "cat")
    repo(folder, "forbid", "root", folder["bob.pub"])
    repo(folder, "allow", "root", folder["cat.pub"])
    repo(folder, "sign", "--key", folder["ann"], "--key", folder["cat"])
    done = repo(folder, "publish", "--key", folder["online"], code=1)
    offline.contains(done.stderr, "the published root's keys", "error")
    done = repo(folder, "sign", "root", "--key", folder["eve"], code=1)
    offline.contains(done.stderr, "none of the role root", "error")
    repo(folder, "sign", "--key", folder["bob"])
    repo(folder, "publish", "--key", folder["online"])
    offline.equal(follow(folder), ["end current"], "what a host sees")
    with open(folder["host/root.json"], encoding="utf-8") as file:
        offline.equal(json.load(file)["signed"]["version"], 2, "the host's root")


@offline.test
def what_is_wrong_is_said_with_its_exit_code():
    folder = offline.Folder()
    done = repo(folder, "status", code=3)
    offline.contains(done.stderr, "there is no repository", "error")
    start(folder)
    offline.contains(repo(folder, "create", code=1).stderr, "already", "error")
    offline.contains(repo(folder, "stauts", code=2).stderr, 'did you mean "status"', "error")
    offline.contains(repo(folder, "threshold", "root", "none", code=2).stderr, "not a number",
                     "error")
    offline.contains(repo(folder, "allow", "root", code=2).stderr, "ROLE KEY.pub", "error")
    offline.contains(repo(folder, "allow", "root", folder["ann"], code=3).stderr,
                     "BEGIN PUBLIC KEY", "error")
    offline.contains(repo(folder, "allow", "nobody", folder["ann.pub"], code=3).stderr,
                     'no role "nobody"', "error")
    offline.contains(repo(folder, "add", "targets", "../x", folder["ann.pub"], code=3).stderr,
                     "not a path below", "error")
    offline.contains(repo(folder, "publish", code=2).stderr, "--key", "error")
    offline.contains(repo(folder, "publish", "--key", folder["nowhere"], code=3).stderr,
                     "cannot be opened", "error")


if __name__ == "__main__":
    offline.main()

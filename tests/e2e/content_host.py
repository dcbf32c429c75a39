#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 200
"""`creance content install`, `status`, `hold`, `pin`, `rollback`, `allow`, `history` on a running
agent: a release goes its whole way, is kept back, taken back and allowed again."""
import json

import harness
import offline
from publisher import MANIFEST, rules
from harness import Agent, creance, expect, require_sensor, wait_until

# Seconds, so that a whole way takes some of them.
QUICK = ("--update-policy", "age=0,urgent=0,full=0,bake=2,shadow=1,retry=3600")


def build(folder, version, *programs):
    sources = offline.Folder(rules(*programs))
    sources.put("content.yaml", MANIFEST.format(name="rules", version=version))
    done = creance("content", "build", sources.path, "--output", folder[f"{version}.bundle"])
    offline.equal(done.returncode, 0, f"build: {done.stderr}")
    return folder[f"{version}.bundle"]


def order(agent, *words, code=0):
    done = creance("content", *words, "--state", agent.state)
    offline.equal(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
    return done.stdout


def status(agent):
    done = creance("content", "status", "--json", "--state", agent.state)
    expect(done.returncode in (0, 1), f"content status: {done.stderr}")
    return json.loads(done.stdout)


def release(agent, version):
    rows = [row for row in status(agent)["releases"] if row["version"] == version]
    return rows[0] if rows else {}


def wait_state(agent, version, *states, seconds=30):
    return wait_until(lambda: release(agent, version).get("state") in states
                      and release(agent, version), seconds,
                      lambda: f"version {version} in {states}: {status(agent)}\n{agent.said()}")


def words(row):
    return [wait["word"] for wait in row["waits"]]


def a_release_goes_its_way_and_back():
    """Install, hold, good, pin, rollback, allow: each is seen in status and in history."""
    require_sensor()
    folder = offline.Folder()
    with Agent(arguments=QUICK) as agent:
        offline.contains(order(agent, "status"), "factory content runs", "at first")
        order(agent, "hold")
        order(agent, "install", build(folder, 1, "evil-one"))
        row = wait_state(agent, 1, "verified")
        wait_until(lambda: words(release(agent, 1)) == ["hold"], 10,
                   lambda: f"that it waits for the hold: {status(agent)}")
        offline.contains(order(agent, "status"), "the administrator holds all updates", "status")
        agent.stop()
        agent.start()  # orders stand, and root's word about the release is still known
        wait_until(lambda: words(release(agent, 1) or {"waits": []}) == ["hold"], 10,
                   lambda: f"that it waits for nothing else: {status(agent)}")
        order(agent, "unhold")
        wait_state(agent, 1, "good")
        row = release(agent, 1)
        expect(row["running"] and not row["waits"], f"good and running: {row}")
        offline.equal(status(agent)["updates"]["running"], "rules 1", "what runs")

        order(agent, "pin", "1")
        order(agent, "install", build(folder, 2, "evil-one", "evil-two"))
        wait_until(lambda: "pin" in words(release(agent, 2) or row), 10,
                   lambda: f"that it waits for the pin: {status(agent)}")
        order(agent, "pin", "3", code=3)
        order(agent, "unpin")
        wait_state(agent, 2, "probation", "good")
        order(agent, "rollback")
        row = wait_state(agent, 2, "rolled back", seconds=10)
        offline.equal(row["failure"]["word"], "withdrawn", "why")
        expect(release(agent, 1)["running"], f"the good one before runs: {status(agent)}")
        offline.equal(creance("content", "status", "--state", agent.state).returncode, 1,
                      "exit code while something failed here")
        print("\n".join("# " + line for line in creance(
            "content", "status", "--state", agent.state).stdout.splitlines()))
        order(agent, "allow", "2")
        wait_state(agent, 2, "probation", "good")
        order(agent, "rollback", "9", code=3)
        said = wait_until(lambda: (text := order(agent, "history")).count("rules 2") >= 6 and text,
                          10, lambda: "history: " + order(agent, "history"))
        print("\n".join("# " + line for line in said.splitlines()))
        offline.contains(said, "rolled back: the administrator took it back", "history")
    done = creance("content", "status", "--state", agent.state)
    offline.equal(done.returncode, 4, "exit code without an agent")


def what_cannot_be_installed_says_why():
    """A folder, a text: exit code 3 and a sentence."""
    folder = offline.Folder({"text": "no bundle", "sources/content.yaml": "name: p\n"})
    state = ("--state", folder["state"])
    for name, sentence in (("text", "no bundle"), ("sources", "creance content build")):
        done = creance("content", "install", folder[name], *state)
        offline.equal(done.returncode, 3, f"exit code of {name}: {done.stderr}")
        offline.contains(done.stderr, sentence, name)


if __name__ == "__main__":
    harness.run_tests([a_release_goes_its_way_and_back, what_cannot_be_installed_says_why])

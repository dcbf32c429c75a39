#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
"""A host of the second ring that asks for evidence: a release waits until a promotion of the first
ring is published that promoters signed over a roster that was in the log before the release."""
import contextlib
import hashlib
import os
import shutil
import subprocess

import arrivals
import offline
import publisher
from harness import expect

POLICY = arrivals.POLICY + ",ring=1,evidence=1"


def fake(*words):
    """Evidence of a fleet that is none (tests/rollout/fake_promotion.c)."""
    done = subprocess.run([offline.program("tests/rollout/fake-promotion"), *words],
                          capture_output=True, text=True, check=False)
    expect(done.returncode == 0, f"fake-promotion {words}: {done.stderr}")
    return done.stdout.strip()


class Host(arrivals.Host):
    """It knows promoters and owners of the roster, too."""

    def __init__(self, source, faults=""):
        super().__init__(source, policy=POLICY, faults=faults,
                         extra="promoters promoters.keys\nowners owners.keys\n")

    def trust(self, code=0):
        os.makedirs(self.folder, exist_ok=True)
        for name in ("promoters.keys", "owners.keys"):
            path = shutil.copy(self.source[name], os.path.join(self.folder, name))
            os.chmod(path, 0o644)
        return super().trust(code)

    def waits(self):
        row = self.release(1)
        return [wait["word"] for wait in row["waits"]] if row else []

    def wait_on_its_road(self):
        self.wait(lambda: (self.release(1) or {}).get("state") not in (None, "verified"),
                  "it to go its road")


def log_roster(source, digest):
    publisher.run("log", "append", source["log"], "--key", source["log.key"], "--proof",
                  source["roster-proof"], "roster", "name=fleet", "version=3", f"digest={digest}")


def add(source, ending, file):
    path = f"{source.name}/{source.name}.{ending}"
    publisher.run("content", "repo", "add", source["repository"], "targets", path, file)


def promote(source, who=3):
    """Published: the promotion and what proves that its roster is in the log."""
    with open(source["1.bundle"], "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    fake("promote", digest, source["promotion"], str(who))
    add(source, "promotion", source["promotion"])
    add(source, "roster-proof", source["roster-proof"])
    publisher.run("content", "repo", "sign", source["repository"], "--key", source["tuf"])
    publisher.run("content", "repo", "publish", source["repository"], "--key", source["tuf"])


@contextlib.contextmanager
def published(is_roster_first=True):
    with publisher.Publisher() as source:
        digest = fake("keys", source.folder.path)
        if is_roster_first:
            log_roster(source, digest)
        source.release(source.build(1, "p0"), "--first")
        if not is_roster_first:
            log_roster(source, digest)
        source.serve()
        yield source


def it_waits_for_a_promotion_and_takes_it():
    """None, then one of one promoter, then one of two; an updater that lies changes nothing."""
    with published() as source, Host(source, faults="updater-promotes") as host:
        host.wait_release(1)
        host.wait_rounds(2)
        expect(host.waits() == ["promotion"], host.describe())
        promote(source, who=1)
        host.wait(lambda: "2 are needed" in host.agent.said(), "the refusal")
        expect(host.waits() == ["promotion"], host.describe())
        promote(source)
        host.wait_on_its_road()


def a_roster_that_was_made_after_the_release():
    """It counts for nothing (unit-rollout-roster has this check switched off)."""
    with published(is_roster_first=False) as source:
        promote(source)
        with Host(source) as host:
            host.wait(lambda: "only a roster that was there before the release counts"
                      in host.agent.said(), "the refusal")
            host.wait(lambda: host.waits() == ["promotion"], "a wait for the promotion")


def a_supervisor_that_believes_the_updater():
    """It would let the release go."""
    with published() as source, \
            Host(source, faults="updater-promotes,rings-believed") as host:
        host.wait_on_its_road()


if __name__ == "__main__":
    arrivals.run((it_waits_for_a_promotion_and_takes_it, a_roster_that_was_made_after_the_release,
                  a_supervisor_that_believes_the_updater))

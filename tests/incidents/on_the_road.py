#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# beside: others
# timeout: 400
"""Incidents of what arrives, on a real agent that follows a real publisher: metadata that expires,
servers that go back, freeze or mix, a thief with some of the keys, a repository that is empty, a
file over its limit. Each also with its containment off."""
import glob
import json
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
import arrivals  # noqa: E402
import publisher  # noqa: E402
import updates  # noqa: E402
from arrivals import Host, published  # noqa: E402
from at_the_publisher import large  # noqa: E402
from harness import Agent, expect, run_tests, wait_until  # noqa: E402


def again(host, faults=""):
    """The same host, anew, with these faults; it has asked once."""
    host.agent.start_anew(faults)
    host.wait(lambda: host.arrivals()["rounds"] >= 1, "a round")


def runs(host, version):
    """Whether this release is what runs."""
    row = host.release(version)
    return row is not None and row["running"]


def metadata(host, word):
    return host.wait(lambda: host.arrivals()["metadata"] == word and host.arrivals(),
                     f"metadata to be {word}")


# --- metadata -----------------------------------------------------------------------------------

def expired_metadata():
    """expired-metadata: what runs goes on and it is said; a publisher who stands still is seen."""
    with published(1) as source, Host(source, policy=arrivals.POLICY) as host:
        host.wait_release(1, "good", 90)
        again(host, "clock-ahead")  # to everybody else: nothing was published for ten years
        row = metadata(host, "expired")
        expect(runs(host, 1), host.describe())
        print(f"# expired-metadata: release 1 runs on; {row['text']}")
        again(host, "clock-ahead,tuf-expiry-off")
        metadata(host, "current")
        print("# expired-metadata (freeze): with tuf-expiry-off nobody would ever know")
        host.agent.start_anew("clock-ahead,expired-stops")
        wait_until(lambda: host.agent.process.poll() is not None, 60, "the mistake")
        host.agent.output.close()
        print("# expired-metadata: with expired-stops the agent ends")
        host.agent.faults = ""
        host.agent.start()
        host.wait(lambda: runs(host, 1), "release 1 after the mistake is mended")


def versions(source, folder):
    """A copy of what the repository says now."""
    shutil.copytree(source["repository/metadata"], source[folder])


def says(source, folder):
    """From now on the server says what this copy says."""
    shutil.rmtree(source["repository/metadata"])
    shutil.copytree(source[folder], source["repository/metadata"])


def second_release(source):
    second = source.build(2, "p0", "p1")
    source.release(second, "--previous", source["1.bundle"])


def rollback():
    """rollback: a server that hands out older metadata, all well signed, is not believed."""
    with published(1) as source:
        versions(source, "old")
        second_release(source)
        versions(source, "new")
        with Host(source) as host:
            host.wait_release(2)
            says(source, "old")
            row = metadata(host, "refused")
            expect("rolled back" in json.dumps(row), row)
            print(f"# rollback: {row['text']}")
            again(host, "tuf-rollback-off")
            metadata(host, "current")
            print("# rollback: with tuf-rollback-off the old is taken for current")
            # The next net, which is not of TUF: what was newer here is not replaced by it.
            expect(host.release(2)["state"] == "verified", host.describe())


def newest_targets(source):
    return max(glob.glob(source["repository/metadata/*.targets.json"]),
               key=lambda path: int(os.path.basename(path).split(".")[0]))


def mix_and_match():
    """mix-and-match: files of two publications under one name, each well signed, are refused."""
    with published(1) as source:
        before = newest_targets(source)
        second_release(source)
        shutil.copy(before, newest_targets(source))
        with Host(source) as host:
            row = metadata(host, "refused")
            expect(host.release(1) is None and host.release(2) is None, host.describe())
            print(f"# mix-and-match: {row['text']}")
            again(host, "tuf-mix-off")
            host.wait_release(1)
            print("# mix-and-match: with tuf-mix-off the older release is taken for the newest")


# --- keys ---------------------------------------------------------------------------------------

def stolen_key():
    """stolen-key: a thief with one of two keys, and the whole server, gets nothing onto a host."""
    with published(1) as source, Host(source, policy=arrivals.POLICY) as host:
        host.wait_release(1, "good", 90)
        evil = source.build(2, "p0", "evil")
        lines = source.sign(evil, ("a",), "--previous", source["1.bundle"])
        source.trust(lines, 1)  # the thief's own copy; the host's says: two
        source.publish(evil)
        host.wait(lambda: host.arrivals()["offers_refused"] > 0, "a refusal")
        expect("is signed by 1 keys of this host, 2 are needed" in host.agent.said(),
               host.agent.said())
        expect(runs(host, 1) and host.release(2) is None, host.describe())
        print(f"# stolen-key: refused: {host.arrivals()['refused_why']}")
        again(host, "ticket-one-key")
        host.wait_release(2, "good", 90)
        print("# stolen-key: with ticket-one-key the thief's release runs")


# --- what is wanted -----------------------------------------------------------------------------

def empty_state():
    """empty-state: a repository that names nothing any more takes nothing away from hosts."""
    with published(1) as source, Host(source, policy=arrivals.POLICY) as host:
        host.wait_release(1, "good", 90)
        repository = source["repository"]
        for ending in ("bundle", "ticket", "tlog-proof"):
            publisher.run("content", "repo", "remove", repository, "targets",
                          f"{publisher.NAME}/{publisher.NAME}.{ending}")
        publisher.run("content", "repo", "sign", repository, "--key", source["tuf"])
        publisher.run("content", "repo", "publish", repository, "--key", source["tuf"])
        host.wait(lambda: host.arrivals()["unnamed"] > 0, "that nothing is named")
        host.wait_rounds(1)
        expect(runs(host, 1) and host.release(1)["state"] == "good", host.describe())
        print(f"# empty-state: release 1 runs on; {host.arrivals()['text']}")
        again(host, "empty-obeyed")
        host.wait(lambda: not runs(host, 1), "the mistake")
        print("# empty-state: with empty-obeyed the host gives up what protects it")


# --- what does not fit --------------------------------------------------------------------------

def deaths(agent):
    return agent.said().count("the trial of a release died")


def size_limit():
    """size-limit: a file over its limit, which ends the loader, costs one trial and nothing else;
    offered again and again it is not tried again and again."""
    manifest = publisher.MANIFEST.replace("500", "900")
    doubled = updates.make_bundle(1, large(1600), manifest)

    def offered_for(agent, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            updates.offer(agent, 1, doubled)
            time.sleep(1.1)
        return deaths(agent)
    for faults in ("limit-panics", "limit-panics,lifecycle-retries-at-once,lifecycle-never-bars"):
        with Agent(arguments=("--without-sensor", "--update-policy", arrivals.POLICY),
                   healthy=False, faults=faults) as agent:
            wait_until(lambda: "creance-engine" in agent.children() and os.path.isdir(
                os.path.join(agent.state, "lib", "install")), 40, agent.said)
            updates.offer(agent, 1, doubled)
            wait_until(lambda: deaths(agent) > 0, 40, agent.said)
            engine = agent.children()["creance-engine"]
            died = offered_for(agent, 8)
            if faults == "limit-panics":
                row = updates.release(agent, 1)
                expect((row["state"], row["failure"]) == ("rejected", "crash"), row)
                expect(died == 1, f"{died} trials died")
                expect(agent.children()["creance-engine"] == engine, "the engine was replaced")
                print("# size-limit: 1 trial died of it, the engine knows nothing of it")
            else:
                expect(died >= 3, f"{died} trials died")
                print(f"# size-limit: with {faults} {died} trials died in 8 s, and it goes on")


if __name__ == "__main__":
    run_tests([expired_metadata, rollback, mix_and_match, stolen_key, empty_state, size_limit])

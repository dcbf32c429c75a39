#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# beside: others
# timeout: 300
"""What arrives over the network, on a real agent: a release that our own verbs published is
fetched, verified and offered; what is faulty, hostile or gone changes nothing. What takes longer
(the whole road, processes that hang) is in tests/long/arrivals_faulty.py."""
import contextlib
import functools
import hashlib
import http.server
import json
import os
import shutil
import signal
import ssl
import subprocess
import threading
import time

import publisher
from harness import Agent, Skip, creance, expect, run_tests, wait_until

POLICY = "age=0,urgent=0,full=0,bake=3,shadow=1,retry=3600"
LONG = "age=86400,urgent=21600,full=259200"


class Host:
    """An agent that follows a publisher; without a sensor, which this test does not need."""

    def __init__(self, source, url=None, policy=LONG, extra="", faults=""):
        self.source, self.extra = source, extra
        self.url = url or source.web.url
        self.agent = Agent(arguments=("--without-sensor", "--update-policy", policy),
                           healthy=False, faults=faults)

    def __enter__(self):
        self.agent.__enter__()
        self.folder = os.path.join(self.agent.state, "etc", "updates")
        try:
            wait_until(lambda: self.agent.status(), 60, "the agent to answer")
            self.trust()
        except BaseException:
            self.agent.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.agent.__exit__()

    def trust(self, code=0):
        """Root writes its files and puts them in force."""
        os.makedirs(self.folder, exist_ok=True)
        for name, path in (("rules.keys", "rules.keys"), ("log.policy", "policy"),
                           ("root.json", "repository/metadata/1.root.json"),
                           ("ca.pem", "tls.pem")):
            if not os.path.exists(self.source[path]):
                continue
            shutil.copy(self.source[path], os.path.join(self.folder, name))
            os.chmod(os.path.join(self.folder, name), 0o644)
        with open(os.path.join(self.folder, "updates.conf"), "w") as file:
            file.write(f"# where releases come from\nrepository {self.url}/repository\n"
                       f"log {self.url}/log\nlog-policy log.policy\nroot root.json\n"
                       f"stream {publisher.NAME} rules.keys\nevery 2\n{self.extra}")
        done = creance("content", "trust", "--state", self.agent.state)
        expect(done.returncode == code, f"content trust: {done.stdout}{done.stderr}")
        return done

    def status(self):
        done = creance("content", "status", "--json", "--state", self.agent.state)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return {"releases": [], "updates": {"arrivals": {"rounds": 0}}}

    def arrivals(self):
        return self.status()["updates"]["arrivals"]

    def release(self, version):
        found = [row for row in self.status()["releases"] if row["version"] == version]
        return found[0] if found else None

    def describe(self):
        return json.dumps(self.status(), indent=1) + "\n" + self.agent.said()

    def wait(self, condition, what, seconds=60):
        return wait_until(condition, seconds, lambda: f"{what}\n{self.describe()}")

    def wait_release(self, version, state=None, seconds=60):
        return self.wait(lambda: (lambda row: row and (state is None or row["state"] == state)
                                  and row)(self.release(version)),
                         f"version {version} {state or ''}", seconds)

    def wait_rounds(self, more=2, seconds=60):
        start = self.arrivals()["rounds"]
        self.wait(lambda: self.arrivals()["rounds"] >= start + more, "rounds", seconds)

    def wait_child(self, name):
        return self.wait(lambda: self.agent.children().get(name), name)

    def counters(self):
        return self.agent.status().get("counters", {})


@contextlib.contextmanager
def published(*versions, witnesses=0):
    with publisher.Publisher(witnesses=witnesses) as source:
        previous = None
        for version in versions:
            bundle = source.build(version, *[f"p{n}" for n in range(version)])
            source.release(bundle, *(("--previous", previous) if previous else ("--first",)))
            previous = bundle
        source.serve()
        yield source


def with_tls(source):
    """The web server with a certificate of its own; the text that has a host believe it."""
    pem = source["tls.pem"]
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", pem + ".key", "-out", pem, "-days", "2", "-subj", "/CN=test",
         "-addext", "subjectAltName=IP:127.0.0.1"], capture_output=True, text=True, check=False)
    expect(done.returncode == 0, done.stderr)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, pem + ".key")
    source.web.server.socket = context.wrap_socket(source.web.server.socket, server_side=True)
    return source.web.url.replace("http:", "https:")


def a_release_arrives():
    """Published with three witnesses, fetched over TLS, verified, offered: it waits, and says so"""
    with published(1, witnesses=3) as source, \
            Host(source, with_tls(source), extra="authorities ca.pem\n") as host:
        row = host.wait_release(1)
        expect(row["state"] == "verified", row)
        waits = [wait["word"] for wait in row["waits"]]
        expect("first-seen" in waits and "log-age" in waits, waits)
        arrivals = host.arrivals()
        expect(arrivals["metadata"] == "current" and arrivals["log"] == "good", arrivals)
        print("#", creance("content", "status", "--state", host.agent.state).stdout
              .replace("\n", "\n# "))
        # Who may do what: users of their own, and the link can make no file.
        for name, uid in (("creance-link", 62105), ("creance-updater", 62106)):
            with open(f"/proc/{host.wait_child(name)}/status") as file:
                expect(f"Uid:\t{uid}\t{uid}" in file.read(), f"user of {name}")
        incoming = os.path.join(host.agent.state, "lib", "incoming")
        expect(os.listdir(incoming) == ["arrival"], os.listdir(incoming))
        expect(os.stat(incoming).st_uid == 0 and os.stat(incoming).st_mode & 0o022 == 0, "folder")


def it_goes_its_road():
    """What arrived becomes active and good, with a policy that does not wait."""
    with published(1) as source, Host(source, policy=POLICY) as host:
        host.wait_release(1, "good", 90)
        # A newer one comes while the agent runs.
        second = source.build(2, "p0", "p1")
        source.release(second, "--previous", source["1.bundle"])
        host.wait_release(2, "good", 90)


def a_bad_network_is_no_fault():
    """429, 503, 404 for everything, nobody there: it goes on, says so, and takes up again."""
    with published(1) as source:
        source.web.answer, source.web.times = 429, 10 ** 6
        with Host(source) as host:
            host.wait(lambda: host.arrivals()["rounds"] >= 1, "a round")
            for status in (429, 503, 404):
                source.web.answer, before = status, host.arrivals()["rounds"]
                host.trust()  # at once, instead of after the back-off
                host.wait(lambda before=before: host.arrivals()["rounds"] > before, "a round")
                arrivals = host.arrivals()
                print(f"# {status}: {arrivals['metadata']}, status {arrivals['server_status']}")
                expect(arrivals["metadata"] == "unavailable", f"{status}: {arrivals}")
                expect(host.release(1) is None, "a release out of nothing")
            pids = host.agent.children()
            source.web.times = 0
            host.trust()  # at once, instead of after the back-off
            host.wait_release(1)
            expect({name: pid for name, pid in host.agent.children().items()
                    if name != "creance-ticket"}
                   == {name: pid for name, pid in pids.items() if name != "creance-ticket"},
                   "a process was replaced because of the network")
            source.web.close()
            source.web.server.socket.close()
            host.trust()
            host.wait(lambda: host.arrivals()["metadata"] == "unavailable", "unavailable")
            expect(host.release(1)["state"] == "verified", "what was there is gone")
            source.web = None


def what_is_not_what_was_signed_is_refused():
    """A bundle that changes on the server after it was signed never gets to the supervisor."""
    with published(1) as source:
        folder = source["repository/targets/example"]
        (bundle,) = [name for name in os.listdir(folder) if name.endswith(".bundle")]
        with open(os.path.join(folder, bundle), "r+b") as file:
            file.seek(200)
            file.write(b"X")
        with Host(source, policy=POLICY) as host:
            host.wait(lambda: host.arrivals()["not_believed"] > 0, "a refusal")
            expect(host.release(1) is None, "it was taken")
            host.wait(lambda: "is not what was signed" in host.agent.said(), "why")


def nobody_believes_the_updater():
    """An updater that lies about a bundle: the supervisor's own hash refuses it, and with that
    switched off it would be taken."""
    with published(1) as source:
        folder = source["repository/targets/example"]
        (bundle,) = [name for name in os.listdir(folder) if name.endswith(".bundle")]
        with open(os.path.join(folder, bundle), "r+b") as file:
            file.seek(200)
            file.write(b"X")
        with Host(source, faults="updater-lies") as host:
            host.wait(lambda: host.arrivals()["offers_refused"] > 0, "a refusal")
            expect("its bytes are not those that the ticket names" in host.agent.said(),
                   host.agent.said())
            expect("not those that the ticket names" in host.arrivals()["refused_why"], "status")
            expect(host.release(1) is None, "it was taken")
        with Host(source, faults="updater-lies,supervisor-hashes-not") \
                as host:
            host.wait_release(1)


def a_server_of_a_stranger_is_not_asked():
    """A server whose certificate nobody vouches for gets no request."""
    with published(1) as source, Host(source, with_tls(source)) as host:
        host.wait(lambda: "certificate" in host.agent.said(), "a refusal")
        expect(host.release(1) is None and not source.web.asked, source.web.asked)


def a_ticket_of_a_thief_is_refused():
    """A release whose ticket too few keys signed is refused; with the right keys it is taken."""
    with published(1) as source:
        with open(source["rules.keys"]) as file:
            keys = file.read()
        with open(source["rules.keys"], "w") as file:
            file.write(keys.replace("threshold 2", "threshold 3") + "key " + "00" * 31 + "01\n")
        with Host(source) as host:
            host.wait(lambda: host.arrivals()["offers_refused"] > 0, "a refusal")
            expect("3 are needed" in host.agent.said(), host.agent.said())
            expect(host.release(1) is None, "it was taken")
            with open(source["rules.keys"], "w") as file:
                file.write(keys)
            host.trust()
            host.wait_release(1)
            host.wait(lambda: host.arrivals()["refused_why"] == "", "the refusal to be over")


def a_process_for_tickets_that_fails():
    """It crashes, or hangs and is killed: no verdict, no release."""
    with published(1) as source:
        for fault in ("ticket-crashes", "ticket-hangs"):
            with Host(source, faults=fault) as host:
                host.wait(lambda: host.arrivals()["offers_refused"] > 0, fault)
                expect("ended without a verdict" in host.arrivals()["refused_why"], host.arrivals())
                expect(host.release(1) is None, "it was taken")


def everything_that_arrives_is_faulty():
    """Updater and link killed, stopped, lying: replaced, counted; the rest of the agent runs on."""
    with published(1) as source:
        with Host(source, faults="link-lies") as host:
            host.wait(lambda: host.arrivals()["rounds"] >= 1, "a round")
            expect(host.release(1) is None and host.arrivals()["metadata"] != "current",
                   host.describe())
        with Host(source) as host:
            host.wait_release(1)
            engine = host.agent.children()["creance-engine"]
            for name, how in (("creance-link", signal.SIGKILL), ("creance-updater", signal.SIGKILL),
                              ("creance-updater", signal.SIGSTOP)):
                pid = host.wait_child(name)
                os.kill(pid, how)
                host.wait(lambda: host.agent.children().get(name, pid) != pid, f"another {name}")
            host.wait_rounds(1, 90)
            expect(host.agent.children()["creance-engine"] == engine, "the engine was replaced")
            expect(host.release(1)["state"] == "verified", "what was there is gone")


def a_partner_halts_it():
    """A list of halts arrives before the release that it names: it does not spread."""
    with published(1) as source:
        key = publisher.run("log", "keygen", "vendor", "--out", source["vendor.key"])
        with open(source["1.bundle"], "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        os.makedirs(source["repository/halts"], exist_ok=True)
        arguments = ("content", "halt", "--key", source["vendor.key"], "--partner", "vendor",
                     "--out", source["repository/halts/vendor"])
        publisher.run(*arguments, "--number", "1", "--halt", digest)
        with Host(source, policy=POLICY, extra=f"partner vendor {key.stdout.strip()}\n") as host:
            row = host.wait_release(1)
            host.wait_rounds(1)
            row = host.release(1)
            expect(row["state"] == "verified" and "halt" in [wait["word"] for wait in row["waits"]],
                   row)
            # The next list does not name it any more.
            publisher.run(*arguments, "--number", "2")
            host.wait(lambda: host.release(1)["state"] != "verified", "the halt to be over")


def it_grows_old_in_the_log():
    """Two witnessed checkpoints, far enough apart, prove its age; until then it waits."""
    with published(1, witnesses=3) as source, \
            Host(source, policy="age=4,urgent=4,full=4,bake=3,shadow=1") as host:
        row = host.wait_release(1)
        time.sleep(5)
        row = host.release(1)
        expect([wait["word"] for wait in row["waits"]] == ["log-age"], row)
        publisher.run("log", "cosign", source["log"], "--policy", source["policy"])
        host.wait(lambda: host.release(1)["state"] != "verified", "its age to be proven")


class Faulty(http.server.ThreadingHTTPServer):
    """A web server that cuts off, never ends, or hardly sends, as `how` says."""
    daemon_threads = True

    def __init__(self, folder):
        self.how, outer = None, self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                with contextlib.suppress(OSError):
                    self.answer()

            def answer(self):
                if outer.how is None:
                    super().do_GET()
                    return
                self.send_response(200)
                if outer.how == "truncated":
                    self.send_header("Content-Length", "5000")
                self.end_headers()
                self.wfile.write(b"x" * 100)
                for _ in range(10 ** 6 if outer.how == "endless" else 0):
                    self.wfile.write(b"x" * 65536)
                for _ in range(60 if outer.how == "slow" else 0):
                    self.wfile.write(b"x")
                    time.sleep(1)
                self.close_connection = True

        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


def a_server_that_cuts_off_never_ends_or_hardly_sends():
    """None of it gets in or stops anything; when the server is well again the release arrives."""
    with published(1) as source:
        server = Faulty(source.folder.path)
        server.how = "truncated"
        with Host(source, server.url) as host:
            pids = host.agent.children()
            for how in ("truncated", "endless", "slow"):
                server.how = how
                host.wait_rounds(1, 150)
                expect(host.arrivals()["metadata"] != "current", how)
                expect(host.release(1) is None, how)
            size = os.path.getsize(os.path.join(host.agent.state, "lib", "incoming", "arrival"))
            expect(size <= 6 << 20, f"{size} bytes of an endless file are kept")
            server.how = None
            host.wait_release(1)
            expect(all(host.agent.children()[name] == pid for name, pid in pids.items()
                       if name in ("creance-link", "creance-updater")), "a process was replaced")
        server.shutdown()
        server.server_close()


def roots_files_are_roots():
    """Anchors that others may write, damaged or wrong are refused with a sentence; the old stay."""
    with published(1) as source, Host(source) as host:
        host.wait_release(1)
        record = os.path.join(host.folder, "trust")
        os.chmod(record, 0o666)
        host.wait(lambda: "nobody else may write it" in host.agent.said(), "the mode")
        os.chmod(record, 0o644)
        with open(record, "r+b") as file:
            file.seek(100)
            file.write(b"?")
        host.wait(lambda: "it is damaged" in host.agent.said(), "the damage")
        expect("What was in force stays in force" in host.agent.said(), host.agent.said())
        host.wait_rounds()
        os.chmod(os.path.join(host.folder, "rules.keys"), 0o666)
        done = creance("content", "trust", "--state", host.agent.state)
        expect(done.returncode == 3 and "line 6: rules.keys must belong to root" in done.stderr,
               done.stderr)
        host.url = "http://updates.example.com"
        expect("no https address" in host.trust(code=3).stderr, "an address without TLS")


def timed(test):
    def run_it():
        start = time.monotonic()
        test()
        print(f"# {time.monotonic() - start:.1f} s")
    run_it.__doc__ = test.__doc__
    return run_it


def run(tests):
    if os.geteuid() == 0:
        run_tests([timed(test) for test in tests])

    def skipped():
        """What arrives over the network"""
        raise Skip("needs root to give each process a user of its own")
    run_tests([skipped])


QUICK = (a_release_arrives, a_server_of_a_stranger_is_not_asked, nobody_believes_the_updater,
         a_ticket_of_a_thief_is_refused, a_partner_halts_it, it_grows_old_in_the_log)
LONG_ONES = (it_goes_its_road, a_bad_network_is_no_fault, what_is_not_what_was_signed_is_refused,
             a_process_for_tickets_that_fails, everything_that_arrives_is_faulty,
             a_server_that_cuts_off_never_ends_or_hardly_sends, roots_files_are_roots)

if __name__ == "__main__":
    run(QUICK)

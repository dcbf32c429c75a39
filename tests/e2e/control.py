#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: test
# timeout: 400
"""What the running agent shows and keeps: status, self-test, streams, recordings, rules and
configuration that change, logs that cannot be written, clients that misbehave."""
import contextlib
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid

from harness import (CONTENT, Agent, Skip, creance, expect, json_lines, program, require_sensor,
                     run_tests, wait_until)

RULE = """
title: {title}
id: {id}
status: experimental
logsource:
    product: linux
    category: process_creation
detection:
    selection:
        CommandLine|contains: '{word}'
    condition: selection
level: low
"""
CONTROL_USER = 62103  # AGENT_UID_BASE and the offset of its role


def rule(word, title="Marked by a test"):
    return RULE.format(title=title, word=word, id=uuid.uuid4())


@contextlib.contextmanager
def agent_with(rules, **options):
    """An agent with these rules only: name -> text."""
    require_sensor()
    with tempfile.TemporaryDirectory(prefix="creance-e2e-") as folder:
        os.chmod(folder, 0o755)
        os.mkdir(os.path.join(folder, "rules"))
        for name, text in rules.items():
            put_rule(folder, name, text)
        with Agent(content=folder, **options) as agent:
            yield agent


def put_rule(content, name, text):
    with open(os.path.join(content, "rules", name), "w") as file:
        file.write(text)


def do(word):
    subprocess.run(["/bin/true", word], check=True)


def connect(client, agent):
    def is_connected():
        try:
            client.connect(os.path.join(agent.state, "run", "control.sock"))
            return True
        except BlockingIOError:  # the queue of those who wait to be accepted is full
            return False
    wait_until(is_connected, 5, "a place in the queue")


def ask(agent, request, seconds=3.0):
    """Sends bytes; all lines that come until the agent ends the answer."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(seconds)
        connect(client, agent)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(request)
        data = b""
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while part := client.recv(65536):
                data += part
    return [json.loads(line) for line in data.splitlines()]


def nobody_answers_where_no_agent_runs():
    """Where no agent runs each verb ends with 4 and says how to start one."""
    with tempfile.TemporaryDirectory() as folder:
        for verb in (["status"], ["events"], ["alerts"], ["ps"], ["live"], ["selftest"],
                     ["record", os.path.join(folder, "x.jsonl")]):
            done = creance(*verb, "--state", folder)
            expect(done.returncode == 4, f"{verb} ended with {done.returncode}")
            expect("does not run" in done.stderr and "Start it with" in done.stderr, done.stderr)
            expect(done.stdout == "", f"{verb} printed {done.stdout!r}")
        expect(not os.path.exists(os.path.join(folder, "x.jsonl")), "an empty recording was left")


def status_tells_of_everything():
    """`creance status` is healthy and tells of processes, rules, coverage, losses and cost."""
    require_sensor()
    with Agent() as agent:
        # What a busy machine loses while rules are loaded counts as degraded for a minute.
        wait_until(lambda: creance("status", "--state", agent.state).returncode == 0, 90,
                   "a healthy agent")
        done = creance("status", "--state", agent.state)
        for part in ("healthy", "creance-engine", "rules", "coverage", "seccomp", "losses"):
            expect(part in done.stdout, f"{part} is not in:\n{done.stdout}")
        status = agent.status()
        states = {row["name"]: row["state"] for row in status["processes"]}
        expect(states["engine"] == "running" and states["sensor"] == "running", states)
        expect(status["rules"]["loaded"] > 20 and status["rules"]["rejected"] == 0,
               status["rules"])
        expect(status["coverage"]["attached"] > 20, status["coverage"])
        expect(status["counters"]["sensor_events"]["value"] > 0, status["counters"])


def the_selftest_passes():
    """`creance selftest` passes; without its rule it says that the chain breaks there."""
    require_sensor()
    with Agent() as agent:
        done = creance("selftest", "--json", "--state", agent.state)
        expect(done.returncode == 0, done.stdout + done.stderr)
        answer = json.loads(done.stdout)
        expect(answer["passed"] is True and answer["alert_ms"] < 5000, answer)
    with agent_with({"other.yml": rule("nothing-like-it")}) as agent:
        done = creance("selftest", "--json", "--state", agent.state)
        expect(done.returncode == 1, done.stdout + done.stderr)
        expect(json.loads(done.stdout)["broken_at"] == "rule", done.stdout)


def events_can_be_chosen():
    """`creance events` shows what the filters ask for and refuses names that nobody knows."""
    with agent_with({"a.yml": rule("nothing-like-it")}) as agent:
        viewer = subprocess.Popen(
            [program("creance"), "events", "--json", "--kind", "process_start", "--state",
             agent.state, "CommandLine=*creance-e2e-chosen*", "user_id=0"],
            stdout=subprocess.PIPE, text=True)
        time.sleep(1)
        for word in ("creance-e2e-other", "creance-e2e-chosen-1"):
            do(word)
        event = json.loads(viewer.stdout.readline())
        expect(event["process"]["command_line"] == "/bin/true creance-e2e-chosen-1", event)
        expect(event["user"]["id"] == 0 and event["event"]["action"] == "exec", event)
        viewer.send_signal(signal.SIGINT)
        expect(viewer.wait(5) == 0, "Ctrl-C did not end it well")
        for arguments, hint in ((["Imag=x"], "did you mean"), (["--kind", "process_strat"],
                                                                "did you mean")):
            done = creance("events", "--state", agent.state, *arguments)
            expect(done.returncode == 2 and hint in done.stderr, done.stderr)


def recordings_can_be_replayed():
    """`creance record` writes what `creance replay` reads: the same rule matches in it."""
    with agent_with({"a.yml": rule("creance-e2e-recorded")}) as agent:
        for name in ("plain.jsonl", "packed.jsonl.zst"):
            path = os.path.join(agent.state, name)
            recorder = subprocess.Popen([program("creance"), "record", "--json", "--state",
                                         agent.state, path], stdout=subprocess.PIPE, text=True)
            time.sleep(1)
            do("creance-e2e-recorded")
            time.sleep(1)
            recorder.send_signal(signal.SIGINT)
            said = json.loads(recorder.stdout.readline())
            expect(recorder.wait(5) == 0 and said["lost"] == 0 and said["events"] > 0, said)
            expect(os.stat(path).st_mode & 0o077 == 0, "others can read the recording")
            done = creance("replay", "--json", "--rules", os.path.join(agent.content, "rules"),
                           path)
            matches = [line for line in done.stdout.splitlines() if '"rule"' in line]
            expect(len(matches) == 1, f"{done.stdout}\n{done.stderr}")
            again = creance("record", "--state", agent.state, path)
            expect(again.returncode == 3 and "exists" in again.stderr, again.stderr)


def rules_change_while_it_runs():
    """Rules that are added, broken, mended and removed are in force within seconds, or said."""
    with agent_with({"a.yml": rule("creance-e2e-first")}) as agent:
        local = os.path.join(agent.state, "etc", "rules")

        def loaded():
            rules = agent.status()["rules"]
            return rules["loaded"], rules["rejected"]

        def put(text):
            with open(os.path.join(local, "own.yml"), "w") as file:
                file.write(text)

        wait_until(lambda: loaded() == (1, 0), 10, "one rule")
        put(rule("creance-e2e-second"))
        wait_until(lambda: loaded() == (2, 0), 20, lambda: f"two rules, not {loaded()}")
        do("creance-e2e-second")
        agent.wait_alert("creance-e2e-second")
        put("title: [")
        wait_until(lambda: loaded() == (1, 1), 20, lambda: f"one and one, not {loaded()}")
        rows = ask(agent, b'{"verb":"rules"}\n')
        bad = [row["rule"] for row in rows if row.get("rule", {}).get("state") == "rejected"]
        expect(bad and bad[0]["file"] == "local/own.yml" and bad[0]["reason"], rows)
        do("creance-e2e-first-again")
        agent.wait_alert("creance-e2e-first-again")
        note = find_reason(agent, "rules", "note")
        expect(note and not find_reason(agent, "rules"), f"not a note: {note}")
        os.unlink(os.path.join(local, "own.yml"))
        wait_until(lambda: loaded() == (1, 0), 20, lambda: f"one rule, not {loaded()}")


def what_rules_cost_is_shown():
    """`rules top` counts the matches of each rule and what it took to judge them."""
    with agent_with({"a.yml": rule("creance-e2e-cost", "Costly"),
                     "b.yml": rule("creance-e2e-other", "Silent")}) as agent:
        def top():
            done = creance("rules", "top", "--json", "--state", agent.state)
            lines = [json.loads(line) for line in done.stdout.splitlines()]
            rows = {line["title"]: line for line in lines if "title" in line}
            enough = rows.get("Costly", {}).get("evaluated", 0) > 0
            return (rows, lines[-1]) if enough else None

        # One event in 512 is measured: each command is several, so that some are of the rule's.
        end = time.monotonic() + 60
        while not top():
            expect(time.monotonic() < end, "no cost was shown for a minute")
            for _ in range(100):
                do("creance-e2e-cost")
        rows, total = top()
        print(f"# {rows['Costly']}")
        print(f"# {total}")
        expect(rows["Costly"]["matches"] >= 100 and rows["Costly"]["share"] > 0, rows)
        expect(rows.get("Silent", {}).get("matches", 0) == 0, rows)
        expect(total["events"] > total["measured"] > 0, total)


def a_faulty_configuration_is_refused_and_said():
    """A faulty creance.yaml leaves in force what was, and is said; a mended one is taken."""
    with agent_with({"a.yml": rule("creance-e2e-flood")},
                    configuration="alerts:\n  single_per_minute: 3\n  group_seconds: 1\n") as agent:
        agent.configure("alerts:\n  single_per_minute: lots\n")
        status = wait_until(lambda: find_reason(agent, "configuration"), 10, "the refusal")
        expect("creance.yaml:2:" in status and "whole number" in status, status)
        for number in range(20):
            do(f"creance-e2e-flood-{number}")
        wait_until(lambda: grouped(agent) == 17, 10, lambda: f"17 in groups, not {grouped(agent)}")
        singles = [a for a in agent.alerts() if a["event"]["kind"] == "alert"]
        expect(len(singles) == 3, f"{len(singles)} single alerts")
        agent.configure("alerts:\n  single_per_minute: 0\nlog:\n  evnts: true\n")
        note = wait_until(lambda: find_reason(agent, "configuration", "note"), 10, "the warning")
        expect("nobody knows" in note, note)
        said = json_lines(os.path.join(agent.state, "log", "agent.jsonl"))
        expect(any('did you mean "events"' in line["message"] for line in said), said)


def grouped(agent):
    return sum(alert["creance"]["group"]["count"] for alert in agent.alerts()
               if alert["event"]["kind"] == "alert_group")


def find_reason(agent, subsystem, what="degraded"):
    reasons = agent.status().get("reasons", [])
    texts = [row["text"] for row in reasons
             if row["subsystem"] == subsystem and row["what"] == what]
    return texts[0] if texts else None


def a_full_log_disk_loses_no_alert():
    """With a full log disk alerts wait and come exactly once; status says so."""
    require_sensor()
    with small_disk() as agent:
        agent.start()
        fill_up_and_recover(agent)


def a_read_only_log_disk_loses_no_alert():
    """With a read-only log disk alerts wait, over control's death too, and come exactly once."""
    require_sensor()
    with small_disk() as agent:
        start_read_only(agent)


@contextlib.contextmanager
def small_disk():
    """An agent, not started yet, with a log folder of 256 KiB."""
    with tempfile.TemporaryDirectory(prefix="creance-e2e-") as folder:
        os.chmod(folder, 0o755)
        os.makedirs(os.path.join(folder, "rules"))
        put_rule(folder, "a.yml", rule("creance-e2e-disk"))
        agent = Agent(content=folder)
        agent.state = os.path.join(folder, "state")
        log = os.path.join(agent.state, "log")
        os.makedirs(log)
        agent.configure("alerts:\n  single_per_minute: 0\n")
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", log],
                                 check=False).returncode == 0
        try:
            if not mounted:
                raise Skip("no right to mount a small file system")
            os.chown(log, CONTROL_USER, CONTROL_USER)  # as the agent does where it can write
            yield agent
        finally:
            with contextlib.suppress(Exception):
                agent.stop()
            subprocess.run(["umount", "-l", log], check=False)


def fill_up_and_recover(agent):
    log = os.path.join(agent.state, "log")
    do("creance-e2e-disk-000-end")
    agent.wait_alert("creance-e2e-disk-000-end")
    blocker = os.path.join(log, "blocker")
    with contextlib.suppress(OSError), open(blocker, "wb", buffering=0) as file:
        while True:
            file.write(b"x" * 512)
    for number in range(1, 40):
        do(f"creance-e2e-disk-{number:03}-end")
    reason = wait_until(lambda: find_reason(agent, "log"), 10, "a degraded log")
    expect("No space left" in reason, reason)
    expect(creance("status", "--state", agent.state).returncode == 1, "not degraded")
    os.unlink(blocker)
    expect_each_once(agent, 40)
    wait_until(lambda: not find_reason(agent, "log"), 10, "a log that is good again")


def is_watching(agent):
    status = agent.status()
    states = {row["name"]: row["state"] for row in status.get("processes", [])}
    return states.get("sensor") == "running" and status["rules"]["loaded"] == 1


def start_read_only(agent):
    log = os.path.join(agent.state, "log")
    expect(subprocess.run(["mount", "-o", "remount,ro", log], check=False).returncode == 0, "mount")
    agent.healthy = False
    agent.start()
    wait_until(lambda: is_watching(agent), 30, "the rule and the sensor")
    for number in range(20):
        do(f"creance-e2e-disk-{number:03}-end")
    reason = wait_until(lambda: find_reason(agent, "log"), 10, "a degraded log")
    expect("Read-only" in reason, reason)
    agent.kill("creance-control")  # its successor finds them in the ring
    time.sleep(1)
    subprocess.run(["mount", "-o", "remount,rw", log], check=True)
    expect_each_once(agent, 20)


def expect_each_once(agent, count):
    words = [f"creance-e2e-disk-{number:03}-end" for number in range(count)]

    def counts():
        lines = [alert["process"]["command_line"] for alert in agent.alerts()]
        return [lines.count(f"/bin/true {word}") for word in words]
    wait_until(lambda: min(counts()) > 0, 20, lambda: f"each alert, not {counts()}; it is\n"
               + creance("status", "--state", agent.state).stdout + agent.said()
               + str({n: c["value"] for n, c in agent.status()["counters"].items() if c["value"]}))
    expect(counts() == [1] * count, f"not once each: {counts()}")


def a_slow_viewer_is_told_what_it_missed():
    """A viewer that does not read is told how many events it missed; nobody waits for it."""
    with agent_with({"a.yml": rule("nothing-like-it")}) as agent:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(os.path.join(agent.state, "run", "control.sock"))
            client.sendall(b'{"verb":"events","form":"ecs"}\n')
            time.sleep(0.5)
            subprocess.run(["/bin/sh", "-c", "i=0; while [ $i -lt 1500 ]; do "
                            f"/bin/true {'x' * 800}; i=$((i+1)); done"], check=True)
            expect(agent.status()["processes"], "status does not answer beside a slow viewer")
            client.settimeout(3)
            lost, data = 0, b""
            with contextlib.suppress(TimeoutError):
                while part := client.recv(1 << 20):
                    data += part
            for line in data.splitlines():
                lost += json.loads(line).get("lost", 0)
            expect(lost > 0, f"nothing lost among {len(data)} bytes")
        expect(agent.status()["counters"]["control_stream_lost"]["value"] == lost, "not counted")


def nobody_paints_on_the_terminal():
    """Escape sequences in command lines reach no terminal: events, alerts, ps."""
    evil = "creance-e2e-evil \033[2J\033]0;title\007 \u009b31m \u202e end"
    with agent_with({"a.yml": rule("creance-e2e-evil")}) as agent:
        sleeper = subprocess.Popen(["/bin/sh", "-c", "read word", evil], stdin=subprocess.PIPE)
        agent.wait_alert("creance-e2e-evil")
        for verb in (["alerts"], ["ps", str(sleeper.pid)]):
            text = on_terminal([program("creance"), *verb, "--state", agent.state])
            expect(b"creance-e2e-evil" in text, text)
            for bad in (b"\033[2J", b"\033]0", b"\007", "\u009b".encode(), "\u202e".encode()):
                expect(bad not in text, f"{bad!r} is in {text!r}")
        sleeper.communicate()


def on_terminal(command):
    """What a program prints on a terminal."""
    main, side = pty.openpty()
    process = subprocess.Popen(command, stdout=side, stderr=side, stdin=side)
    os.close(side)
    data = b""
    with contextlib.suppress(OSError):
        while part := os.read(main, 65536):
            data += part
    os.close(main)
    process.wait()
    return data


def the_live_view_ends_as_it_should():
    """`creance live` shows an alert, survives control's death, ends with 0 by Ctrl-C and with 1
    with the agent."""
    with agent_with({"a.yml": rule("creance-e2e-live")}) as agent:
        def view():
            process = subprocess.Popen([program("creance"), "live", "--json", "--state",
                                        agent.state], stdout=subprocess.PIPE, text=True)
            lines = []
            threading.Thread(target=lambda: lines.extend(process.stdout), daemon=True).start()
            wait_until(lambda: lines, 10, "a first status")
            return process, lines

        process, lines = view()
        do("creance-e2e-live-1")
        wait_until(lambda: "creance-e2e-live-1" in "".join(lines), 10, "the alert")
        agent.kill("creance-control")
        do("creance-e2e-live-2")
        wait_until(lambda: "creance-e2e-live-2" in "".join(lines), 10, "the second alert")
        expect("".join(lines).count("/bin/true creance-e2e-live-1") == 1, "shown twice")
        process.send_signal(signal.SIGINT)
        expect(process.wait(5) == 0, "Ctrl-C is not 0")
        process, lines = view()
        agent.stop()
        expect(process.wait(10) == 1, "the agent's end is not 1")


def clients_that_misbehave_hurt_nobody():
    """Garbage, endless lines, silence and too many connections are refused; others are served."""
    with agent_with({"a.yml": rule("nothing-like-it")}) as agent:
        for request in (b"\n", b"garbage\n", b"[1]\n", b'{"verb":"nonsense"}\n',
                        b"{" * 9000 + b"\n", b'{"verb":"status","verb":"ps"}\n',
                        b'{"verb":"status","pid":1}\n',
                        b'{"verb":"events","where":[{"field":"nonsense","value":""}]}\n',
                        b'{"verb":"alerts","last":-1}\n', b"\x00\xff\n", b"x" * 200000):
            answer = ask(agent, request)
            expect(len(answer) == 1 and "error" in answer[0], f"{request[:40]!r}: {answer}")
        clients = []
        for _ in range(40):
            client = socket.socket(socket.AF_UNIX)
            connect(client, agent)
            clients.append(client)
        answers = ask(agent, b'{"verb":"status"}\n')
        expect(answers and "error" in answers[0], "more clients than there may be")
        for client in clients:
            client.close()
        wait_until(lambda: "state" in agent.status(), 5, "an answer")
        status = agent.status()
        expect(status["counters"]["control_requests_refused"]["value"] >= 11, status["counters"])


def processes_are_a_tree():
    """`creance ps PID` shows a process below its ancestors, above its descendants."""
    require_sensor()
    with Agent() as agent:
        outer = subprocess.Popen(["/bin/sh", "-c", "sleep 31 & wait"], start_new_session=True)
        text = wait_until(lambda: tree_with(agent, outer.pid, "sleep 31"), 5, "the child")
        lines = text.splitlines()
        mine = [i for i, line in enumerate(lines) if line.split()[0] == str(outer.pid)]
        parents = [i for i, line in enumerate(lines) if line.split()[0] == str(os.getpid())]
        children = [i for i, line in enumerate(lines) if line.endswith(" sleep 31")]
        expect(parents and mine and children and parents[0] < mine[0] < children[0], text)
        os.killpg(outer.pid, signal.SIGKILL)
        outer.wait()
        done = creance("ps", "4000000", "--state", agent.state)
        expect(done.returncode == 1 and "no process" in done.stderr, done.stderr)


def tree_with(agent, pid, word):
    text = creance("ps", str(pid), "--state", agent.state).stdout
    return text if any(line.endswith(" " + word) for line in text.splitlines()) else None


def this_kernel_is_probed():
    """`creance probe` says what is seen, and leaves nothing loaded."""
    require_sensor()
    done = creance("probe", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = {row["kind"]: row["coverage"] for row in rows if "kind" in row}
    expect(done.returncode in (0, 1) and kinds.get("process_start") == "seen", done.stdout)


def events_are_logged_when_asked():
    """`log: events: true` writes every event to events.jsonl."""
    with agent_with({"a.yml": rule("nothing-like-it")},
                    configuration="log:\n  events: true\n") as agent:
        def logged():
            path = os.path.join(agent.state, "log", "events.jsonl")
            return [line for line in json_lines(path)
                    if line.get("process", {}).get("command_line") == "/bin/true creance-e2e-log"
                    and line["event"]["action"] == "exec"]
        wait_until(lambda: os.path.exists(os.path.join(agent.state, "log", "events.jsonl")), 10,
                   "the log")
        do("creance-e2e-log")
        wait_until(logged, 5, "the event")


if __name__ == "__main__":
    os.stat(CONTENT)
    tests = [nobody_answers_where_no_agent_runs, status_tells_of_everything, the_selftest_passes,
               events_can_be_chosen, recordings_can_be_replayed, rules_change_while_it_runs,
               what_rules_cost_is_shown,
               a_faulty_configuration_is_refused_and_said, a_full_log_disk_loses_no_alert,
               a_read_only_log_disk_loses_no_alert,
               a_slow_viewer_is_told_what_it_missed, nobody_paints_on_the_terminal,
               the_live_view_ends_as_it_should, clients_that_misbehave_hurt_nobody,
               processes_are_a_tree, this_kernel_is_probed, events_are_logged_when_asked]
    run_tests([test for test in tests if not sys.argv[1:] or test.__name__ in sys.argv[1:]])

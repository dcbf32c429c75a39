#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# beside: others
# needs: test
# timeout: 300
"""`creance replay` over foreign logs: every format finds the same rules by log source and field."""
import json
import os
import struct
import subprocess

import offline


def rule(title, logsource, detection):
    return json.dumps({"title": title, "logsource": logsource,
                       "detection": {**detection, "condition": "all of them"}})


WHOAMI = rule("whoami", {"product": "windows", "category": "process_creation"},
              {"a": {"Image|endswith": "\\whoami.exe", "ParentImage|endswith": "\\cmd.exe"}})
SYSMON = rule("sysmon", {"product": "windows", "service": "sysmon"},
              {"a": {"EventID": 1, "Provider_Name": "Microsoft-Windows-Sysmon"}})
SECURITY = rule("security", {"product": "windows", "service": "security"},
                {"a": {"EventID": 4688, "NewProcessName|endswith": "\\whoami.exe"}})
THREAT = rule("threat", {"product": "windows", "service": "windefend"},
              {"a": {"EventID": 1116, "ThreatName|contains": "EICAR"}})
KEYWORD = rule("keyword", {"product": "cisco", "service": "aaa"},
               {"a": ["no access-session port-control"]})
FIELD = rule("field", {"product": "cisco", "service": "aaa"}, {"a": {"absent": None}})
RULES = {"whoami.yml": WHOAMI, "sysmon.yml": SYSMON, "security.yml": SECURITY,
         "threat.yml": THREAT, "keyword.yml": KEYWORD, "field.yml": FIELD}

IMAGE, PARENT = "C:\\Windows\\System32\\whoami.exe", "C:\\Windows\\System32\\cmd.exe"
SYSTEM = {"Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}}, "EventID": 1,
          "Channel": "Microsoft-Windows-Sysmon/Operational", "Computer": "host"}
SHAPES = {
    "flat, as NXLog and Security-Datasets have it": {
        "SourceName": "Microsoft-Windows-Sysmon", "EventID": 1, "Hostname": "host",
        "Channel": "Microsoft-Windows-Sysmon/Operational", "Image": IMAGE, "ParentImage": PARENT},
    "Winlogbeat 7": {
        "winlog": {"channel": "Microsoft-Windows-Sysmon/Operational", "event_id": "1",
                   "provider_name": "Microsoft-Windows-Sysmon", "computer_name": "host",
                   "event_data": {"Image": IMAGE, "ParentImage": PARENT}},
        "event": {"code": "1", "category": ["process"], "action": "Process Create"}},
    "Winlogbeat 7 with its Sysmon module": {
        "winlog": {"channel": "Microsoft-Windows-Sysmon/Operational",
                   "provider_name": "Microsoft-Windows-Sysmon"},
        "event": {"code": 1},
        "process": {"executable": IMAGE, "parent": {"executable": PARENT}}},
    "Winlogbeat 6": {
        "log_name": "Microsoft-Windows-Sysmon/Operational", "event_id": 1,
        "source_name": "Microsoft-Windows-Sysmon",
        "event_data": {"Image": IMAGE, "ParentImage": PARENT}},
    "evtx_dump": {"Event": {"System": SYSTEM,
                            "EventData": {"Image": IMAGE, "ParentImage": PARENT}}},
    "evtx_dump with attributes beside": {
        "Event": {"System": {"Provider_attributes": {"Name": "Microsoft-Windows-Sysmon"},
                             "EventID": 1, "Channel": "microsoft-windows-sysmon/operational"},
                  "EventData": {"Image": IMAGE, "ParentImage": PARENT}}},
    "XML turned to JSON": {
        "Event": {"System": {"Provider": {"@Name": "Microsoft-Windows-Sysmon"},
                             "EventID": {"@Qualifiers": "0", "#text": "1"},
                             "Channel": "Microsoft-Windows-Sysmon/Operational"},
                  "EventData": {"Data": [{"@Name": "RuleName"},
                                         {"@Name": "Image", "#text": IMAGE},
                                         {"@Name": "ParentImage", "#text": PARENT}]}}},
    "only the provider is known": {
        "Provider_Name": "Microsoft-Windows-Sysmon", "EventID": 1, "Image": IMAGE,
        "ParentImage": PARENT},
}


def replay(*arguments, expected_code=0, **options):
    """[(event, title)] and standard error."""
    done = offline.creance("replay", "--json", *arguments, **options)
    offline.equal(done.returncode, expected_code, f"exit code ({done.stderr})")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return sorted((row["event"], row["rule"]["title"]) for row in rows), done.stderr


@offline.test
def one_event_is_the_same_in_every_shape_of_json():
    folder = offline.Folder({f"rules/{name}": text for name, text in RULES.items()})
    for shape, event in SHAPES.items():
        log = folder.put("log.json", json.dumps(event))
        found, _ = replay("--rules", folder["rules"], log)
        offline.equal(found, [(0, "sysmon"), (0, "whoami")], shape)


@offline.test
def security_4688_is_a_process_creation_too():
    folder = offline.Folder({f"rules/{name}": text for name, text in RULES.items()})
    log = folder.put("log.json", json.dumps(
        {"Channel": "Security", "EventID": 4688, "NewProcessName": IMAGE,
         "ParentProcessName": PARENT}))
    found, _ = replay("--rules", folder["rules"], log)
    offline.equal(found, [(0, "security"), (0, "whoami")], "matches")
    log = folder.put("log.json", json.dumps(
        {"Channel": "Security", "EventID": 4689, "NewProcessName": IMAGE,
         "ParentProcessName": PARENT}))
    offline.equal(replay("--rules", folder["rules"], log)[0], [], "of another event id")


@offline.test
def names_with_spaces_count_without_them():
    folder = offline.Folder({f"rules/{name}": text for name, text in RULES.items()})
    log = folder.put("log.json", json.dumps({"Event": {
        "System": {"EventID": 1116, "Channel": "Microsoft-Windows-Windows Defender/Operational"},
        "EventData": {"Threat Name": "Virus:DOS/EICAR_Test_File"}}}))
    offline.equal(replay("--rules", folder["rules"], log)[0], [(0, "threat")], "matches")


@offline.test
def an_event_that_says_its_log_source_is_taken_at_its_word():
    folder = offline.Folder({f"rules/{name}": text for name, text in RULES.items()})
    event = {"product": "linux", "category": "process_creation", "EventID": 1,
             "Channel": "Microsoft-Windows-Sysmon/Operational", "Image": IMAGE,
             "ParentImage": PARENT}
    log = folder.put("log.json", json.dumps(event))
    offline.equal(replay("--rules", folder["rules"], log)[0], [], "matches")
    found, _ = replay("--rules", folder["rules"], "--source", "windows/process_creation", log)
    offline.equal(found, [(0, "whoami")], "matches, when the user says it")


@offline.test
def json_over_several_lines_is_read_object_by_object():
    folder = offline.Folder({f"rules/{name}": text for name, text in RULES.items()})
    event = SHAPES["evtx_dump"]
    pretty = json.dumps(event, indent=2)
    lines = pretty.count("\n") + 1
    sysmon = "sysmon"
    for name, text, first, second in (
            ("behind each other", f"{pretty}\n{pretty}\n", 0, lines),
            ("in an array", json.dumps([event, event], indent=1), 1, None),
            ("in an array on one line", json.dumps([event, event]), 0, 0)):
        log = folder.put("log.json", text)
        found, _ = replay("--rules", folder["rules"], log)
        starts = sorted(number for number, title in found if title == sysmon)
        offline.equal(len(starts), 2, f"{name}: events")
        offline.equal(starts[0], first, f"{name}: the first line")
        if second is not None:
            offline.equal(starts[1], second, f"{name}: the second's line")
    broken = pretty[:pretty.rindex("}")]
    log = folder.put("log.json", f"{pretty}\n{broken}\n{pretty}\n{{")
    found, errors = replay("--rules", folder["rules"], log, expected_code=3)
    offline.equal([number for number, title in found if title == sysmon],
                  [0, 2 * lines], "events beside a broken one")
    offline.contains(errors, f"log.json:{lines + 1}: ", "errors")
    offline.contains(errors, '"lines_bad":2', "summary")


@offline.test
def text_is_for_keyword_rules_of_any_log_source():
    folder = offline.Folder({f"rules/{name}": text for name, text in RULES.items()})
    line = "Feb 17 13:40:03: %PARSER-5-CFGLOG: logged command:no access-session port-control\n"
    log = folder.put("router.log", "\nnothing\n" + line)
    offline.equal(replay("--rules", folder["rules"], log)[0], [(2, "keyword")], "matches")
    for text, matches in (("no access-session port-control", [(0, "keyword")]),
                          ("Nov 25 02:03:04 host sshd[1]: no access-session port-control", []),
                          ("2026-11-25T02:03:04.5+01:00 h kernel: no access-session "
                           "port-control", [])):
        other = folder.put("other.log", text)
        offline.equal(replay("--rules", folder["rules"], other)[0], matches, text)
    found, _ = replay("--rules", folder["rules"], "--source", "linux//sshd", log)
    offline.equal(found, [], "matches as another log source")
    found, _ = replay("--rules", folder["rules"], "--source", "cisco//aaa", log)
    offline.equal([row for row in found if row[1] == "keyword"], [(2, "keyword")],
                  "matches as its log source")


@offline.test
def folders_are_walked():
    folder = offline.Folder({f"rules/{name}": text for name, text in RULES.items()})
    event = json.dumps(SHAPES["Winlogbeat 6"])
    for name in ("logs/a/1.json", "logs/b.json", "logs/.hidden", "logs/info.yml"):
        folder.put(name, event)
    os.mkfifo(folder["logs/fifo"])
    os.symlink("..", folder["logs/loop"])
    done = offline.creance("replay", "--json", "--rules", folder["rules"], folder["logs"])
    offline.equal(done.returncode, 0, f"exit code ({done.stderr})")
    files = sorted({json.loads(line)["file"] for line in done.stdout.splitlines()})
    offline.equal(files, [folder["logs/a/1.json"], folder["logs/b.json"]], "files")


@offline.test
def a_wrong_format_or_source_is_wrong_usage():
    folder = offline.Folder({"rules/a.yml": WHOAMI, "log": "{}"})
    for words in (("--format", "nonsense"), ("--source", "a/b/c/d")):
        done = offline.creance("replay", "--rules", folder["rules"], *words, folder["log"],
                               stdin=subprocess.DEVNULL)
        offline.equal(done.returncode, 2, f"exit code of {words}")


def xml_event(provider, channel, data, event_id=1):
    fields = "".join(f'<Data Name="{name}">{value}</Data>' for name, value in data.items())
    return (f'<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>'
            f'<Provider Name="{provider}" Guid="{{1}}"/><EventID>{event_id}</EventID>'
            f'<TimeCreated SystemTime="2026-11-25T02:03:04.5Z"/><Channel>{channel}</Channel>'
            f'<Computer>host</Computer></System><EventData>{fields}</EventData></Event>')


SYSMON_XML = xml_event("Microsoft-Windows-Sysmon", "Microsoft-Windows-Sysmon/Operational",
                       {"Image": IMAGE, "ParentImage": PARENT})
LINUX_RULES = {
    "process.yml": rule("process", {"product": "linux", "category": "process_creation"},
                        {"a": {"Image|endswith": "/bash",
                               "CommandLine|contains": "cat /etc/shadow > x && y"}}),
    "sysmon.yml": rule("sysmon", {"product": "linux", "service": "sysmon"},
                       {"a": {"EventID": 1}}),
    "file.yml": rule("file", {"product": "linux", "category": "file_event"},
                     {"a": {"TargetFilename": "/etc/cron.d/evil job"}}),
    "connection.yml": rule("connection", {"product": "linux", "category": "network_connection"},
                           {"a": {"DestinationIp": "192.168.1.5", "DestinationPort": 8080}}),
    "execve.yml": rule("execve", {"product": "linux", "service": "auditd"},
                       {"a": {"type": "EXECVE", "a0": "bash", "a2|startswith": "cat /etc"}}),
    "call.yml": rule("call", {"product": "linux", "service": "auditd"},
                     {"a": {"type": "SYSCALL", "SYSCALL": "connect", "exe|endswith": "/nc"}}),
    "stop.yml": rule("stop", {"product": "linux", "service": "auditd"},
                     {"a": {"type": "SERVICE_STOP", "unit": "ufw"}}),
    "text.yml": rule("text", {"product": "linux", "service": "sshd"}, {"a": ["invalid user"]}),
}


@offline.test
def xml_of_windows_is_read_event_by_event():
    folder = offline.Folder({f"rules/{name}": text for name, text in RULES.items()})
    document = f'<?xml version="1.0"?>\n<Events>\n{SYSMON_XML}\n{SYSMON_XML}</Events>\n'
    log = folder.put("log.xml", document)
    found, _ = replay("--rules", folder["rules"], log)
    offline.equal(found, [(2, "sysmon"), (2, "whoami"), (3, "sysmon"), (3, "whoami")], "matches")
    log = folder.put("log.xml", "<!DOCTYPE x [<!ENTITY a 'b'>]>\n" + SYSMON_XML.replace(
        "<System>", "<System><!ENTITY a 'b'>") + "\n" + SYSMON_XML)
    found, errors = replay("--rules", folder["rules"], log, expected_code=3)
    offline.equal(found, [(2, "sysmon"), (2, "whoami")], "matches behind a declaration")
    offline.contains(errors, '"lines_bad":1', "summary")


@offline.test
def sysmon_for_linux_is_found_in_syslog():
    folder = offline.Folder({f"rules/{name}": text for name, text in LINUX_RULES.items()})
    event = xml_event("Linux-Sysmon", "Linux-Sysmon/Operational",
                      {"CommandLine": "cat /etc/shadow &gt; x &amp;&amp; y &#27;[1m \x1b",
                       "Image": "/usr/bin/bash"})
    cut = event[:event.index("/usr/bin/bash") + len("/usr/bin/bash")]
    log = folder.put("syslog", f"Nov 25 host sshd[1]: Failed password for invalid user x\n"
                               f"Nov 25 host sysmon: {event}\nNov 25 host sysmon: {cut}\n")
    found, _ = replay("--rules", folder["rules"], log)
    offline.equal(found, [(0, "text"), (1, "process"), (1, "sysmon"), (2, "process"),
                          (2, "sysmon")], "matches")


AUDIT = """\
type=SYSCALL msg=audit(1700000001.100:10): arch=c000003e syscall=59 success=yes exit=0 a0=55d0 \
a1=55d1 ppid=900 pid=901 auid=1000 uid=0 comm="bash" exe="/usr/bin/bash" key="x"
node=other type=SYSCALL msg=audit(1700000001.100:10): arch=c000003e syscall=42 success=no \
exit=-115 a0=3 ppid=1 pid=77 uid=33 comm="nc" exe="/usr/bin/nc" key=(null)
type=EXECVE msg=audit(1700000001.100:10): argc=3 a0="bash" a1="-c" a2_len=48 \
a2[0]=636174202F6574632F736861646F77 a2[1]=203E2078202626
type=EXECVE msg=audit(1700000001.100:10): a2[2]=2079
node=other type=SOCKADDR msg=audit(1700000001.100:10): saddr=02001F90C0A801050000000000000000
type=SERVICE_STOP msg=audit(1700000001.200:11): pid=1 uid=0 msg='unit=ufw comm="systemd" res=ok'
node=other type=PROCTITLE msg=audit(1700000001.100:10): proctitle=6E63
this is no record
type=SYSCALL msg=audit(1700000001.300:12): arch=c000003e syscall=257 success=yes exe="/usr/bin/sh"
type=CWD msg=audit(1700000001.300:12): cwd="/etc"
type=PATH msg=audit(1700000001.300:12): item=0 name="/etc/cron.d" nametype=PARENT
type=PATH msg=audit(1700000001.300:12): item=1 name=63726F6E2E642F6576696C206A6F62 nametype=CREATE
"""


@offline.test
def audit_records_are_joined_and_decoded():
    folder = offline.Folder({f"rules/{name}": text for name, text in LINUX_RULES.items()})
    log = folder.put("audit.log", AUDIT)
    found, errors = replay("--rules", folder["rules"], log, expected_code=3)
    offline.equal(found, [(0, "execve"), (0, "process"), (1, "call"), (1, "connection"),
                          (5, "stop"), (8, "file")], "matches")
    offline.contains(errors, "audit.log:8: expected an audit record", "errors")
    offline.contains(errors, '"events":4', "summary")


def declared_records(path):
    """How many records the headers of an event log's chunks speak of."""
    with open(path, "rb") as file:
        data = file.read()
    total = 0
    for at in range(4096, len(data), 65536):
        if data[at:at + 8] == b"ElfChnk\0":
            first, last = struct.unpack("<QQ", data[at + 8:at + 24])
            total += (last - first + 1) % 2**64
    return total


@offline.test
def a_collection_of_event_logs_is_read_whole():
    folder = offline.Folder({"all.yml": rule("all", {"product": "windows"},
                                             {"a": {"EventID|exists": True}})})
    logs = offline.shared("data", "evtx")
    paths = [os.path.join(where, name) for where, _, names in sorted(os.walk(logs))
             for name in names if name.endswith(".evtx")]
    found, errors = replay("--rules", folder.path, *paths, timeout=250)
    declared = sum(declared_records(path) for path in paths)
    print(f"# {len(paths)} logs: {declared} records declared, {len(found)} read")
    offline.equal(len(found), declared, "records")
    offline.contains(errors, '"lines_bad":0', "summary")
    offline.contains(errors, '"files_bad":0', "summary")


offline.main()

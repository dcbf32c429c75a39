#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# needs: test
# timeout: 300
"""`creance replay` over foreign logs: every format finds the same rules by log source and field."""
import json
import os
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


offline.main()

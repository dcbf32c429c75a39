// SPDX-License-Identifier: Apache-2.0
#include "agent/control/alert_json.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "sensor/process_table.h"

#include <string.h>
#include <sys/utsname.h>

void alert_host_fill(struct alert_host *ret_host)
{
    struct utsname name;
    *ret_host = (struct alert_host){0};
    if (uname(&name) != 0)
        return;
    string_copy(ret_host->name, sizeof ret_host->name, name.nodename);
    string_copy(ret_host->kernel, sizeof ret_host->kernel, name.release);
    string_copy(ret_host->architecture, sizeof ret_host->architecture, name.machine);
}

/* --- pieces ----------------------------------------------------------------------------------- */

static json_t *bytes_json(struct bytes text) { return json_foreign(text.data, text.size); }
static struct bytes text_bytes(const struct flood_text *text)
{
    return (struct bytes){text->data, text->size};
}

/* Elastic's own numbers for the levels that Sigma knows too. */
static json_int_t severity_of(struct bytes level)
{
    static const struct {
        const char *level;
        json_int_t severity;
    } ROWS[] = {{"informational", 1}, {"low", 21}, {"medium", 47}, {"high", 73}, {"critical", 99}};
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        if (level.size == strlen(ROWS[i].level)
            && memcmp(level.data, ROWS[i].level, level.size) == 0)
            return ROWS[i].severity;
    }
    return 0;
}

static bool put_host(json_t *line, const struct alert_host *host)
{
    return json_put(line, "host", json_pack("{s:o, s:o, s:{s:s, s:o}}",
                                            "name", json_foreign_text(host->name),
                                            "architecture", json_foreign_text(host->architecture),
                                            "os", "type", "linux",
                                            "kernel", json_foreign_text(host->kernel)))
           && json_put(line, "agent", json_pack("{s:s, s:s}", "type", "creance",
                                                "version", CREANCE_VERSION))
           && json_put(line, "ecs", json_pack("{s:s}", "version", "8.11.0"));
}

/* The line's beginning: see alert_json.h. */
static json_t *begin_line(const char *id, const char *event_kind, uint64_t wall_ns,
                          uint64_t now_wall_ns, struct bytes level)
{
    char time[CLOCK_TEXT_BYTES], now[CLOCK_TEXT_BYTES];
    clock_format(wall_ns, time);
    clock_format(now_wall_ns, now);
    return json_pack("{s:s, s:{s:s, s:s, s:s, s:s, s:I}}", "@timestamp", time, "event",
                     "id", id, "kind", event_kind, "module", "creance", "created", now,
                     "severity", severity_of(level));
}

/* --- ATT&CK ----------------------------------------------------------------------------------- */

static const struct {
    const char *tag, *id, *name;
} TACTICS[] = {
    {"reconnaissance", "TA0043", "Reconnaissance"},
    {"resource-development", "TA0042", "Resource Development"},
    {"initial-access", "TA0001", "Initial Access"},
    {"execution", "TA0002", "Execution"},
    {"persistence", "TA0003", "Persistence"},
    {"privilege-escalation", "TA0004", "Privilege Escalation"},
    {"defense-evasion", "TA0005", "Defense Evasion"},
    {"credential-access", "TA0006", "Credential Access"},
    {"discovery", "TA0007", "Discovery"},
    {"lateral-movement", "TA0008", "Lateral Movement"},
    {"collection", "TA0009", "Collection"},
    {"exfiltration", "TA0010", "Exfiltration"},
    {"command-and-control", "TA0011", "Command and Control"},
    {"impact", "TA0040", "Impact"},
};

struct threat {
    json_t *tactic_ids, *tactic_names, *techniques, *subtechniques;
};

/* What stands behind "attack." in one tag: a technique such as t1059.004, or a tactic. */
static void add_attack_tag(struct threat *threat, const char *tag)
{
    char name[ALERT_TEXT_BYTES];
    string_copy(name, sizeof name, tag);
    bool is_technique = name[0] == 't' && name[1] >= '0' && name[1] <= '9';
    for (char *at = name; *at != '\0'; at++) {
        if (*at == '_' && !is_technique)
            *at = '-'; /* how older rules write tactics */
        else if (*at >= 'a' && *at <= 'z' && is_technique)
            *at = (char)(*at - 'a' + 'A');
    }
    for (size_t i = 0; !is_technique && i < sizeof TACTICS / sizeof TACTICS[0]; i++) {
        if (string_equal(TACTICS[i].tag, name)) {
            json_array_append_new(threat->tactic_ids, json_string(TACTICS[i].id));
            json_array_append_new(threat->tactic_names, json_string(TACTICS[i].name));
        }
    }
    if (!is_technique)
        return;
    char *dot = strchr(name, '.');
    if (dot != NULL) {
        json_array_append_new(threat->subtechniques, json_foreign_text(name));
        *dot = '\0';
    }
    json_array_append_new(threat->techniques, json_foreign_text(name));
}

static bool put_ids(json_t *object, const char *path, json_t *ids)
{
    if (json_array_size(ids) > 0)
        return json_set_path(object, path, ids);
    json_decref(ids);
    return true;
}

/* Sets `tags` and `threat` from the rule's tags, which are joined by commas. */
static bool put_tags(json_t *line, struct bytes joined)
{
    char text[ALERT_TEXT_BYTES + 1];
    size_t size = joined.size < ALERT_TEXT_BYTES ? joined.size : ALERT_TEXT_BYTES;
    bytes_copy(text, sizeof text, joined.data, size);
    text[size] = '\0';
    json_t *tags = json_array();
    struct threat threat = {json_array(), json_array(), json_array(), json_array()};
    char *rest = text;
    for (char *tag = strsep(&rest, ","); tag != NULL; tag = strsep(&rest, ",")) {
        if (*tag != '\0')
            json_array_append_new(tags, json_foreign_text(tag));
        if (string_starts_with(tag, "attack."))
            add_attack_tag(&threat, tag + strlen("attack."));
    }
    json_t *object = json_pack("{s:s}", "framework", "MITRE ATT&CK");
    bool is_put = put_ids(line, "tags", tags);
    is_put = put_ids(object, "tactic.id", threat.tactic_ids) && is_put;
    is_put = put_ids(object, "tactic.name", threat.tactic_names) && is_put;
    is_put = put_ids(object, "technique.id", threat.techniques) && is_put;
    is_put = put_ids(object, "technique.subtechnique.id", threat.subtechniques) && is_put;
    if (json_object_size(object) > 1)
        return json_put(line, "threat", object) && is_put;
    json_decref(object);
    return is_put;
}

/* --- ancestors -------------------------------------------------------------------------------- */

static bool hex_value(const char *text, size_t size, uint64_t *out)
{
    uint64_t value = 0;
    if (size == 0 || size > 16)
        return false;
    for (size_t i = 0; i < size; i++) {
        char digit = text[i];
        if (digit >= '0' && digit <= '9')
            value = value << 4 | (uint64_t)(digit - '0');
        else if (digit >= 'a' && digit <= 'f')
            value = value << 4 | (uint64_t)(digit - 'a' + 10);
        else
            return false;
    }
    *out = value;
    return true;
}

/* Takes "<boot>-<pid>-<start>" apart (process_id_format()); `boot` receives its first part. */
static bool parse_process_id(struct bytes id, char boot[9], struct process_key *out)
{
    const char *text = (const char *)id.data;
    const char *first = memchr(text, '-', id.size);
    if (first == NULL || first - text != 8)
        return false;
    size_t left = id.size - 9;
    const char *second = memchr(first + 1, '-', left);
    uint64_t pid, start_ns;
    if (second == NULL || !hex_value(first + 1, (size_t)(second - first - 1), &pid)
        || pid > UINT32_MAX
        || !hex_value(second + 1, (size_t)(text + id.size - second - 1), &start_ns))
        return false;
    bytes_copy(boot, 9, text, 8);
    boot[8] = '\0';
    *out = (struct process_key){.pid = (uint32_t)pid, .start_ns = start_ns};
    return true;
}

static json_t *ancestor_json(const char boot[9], const struct process_info *info)
{
    char id[PROCESS_ID_BYTES];
    size_t size = process_id_format(boot, info->key, id);
    return json_pack("{s:o, s:I, s:o, s:o, s:o, s:{s:I}}",
                     "entity_id", json_foreign(id, size), "pid", (json_int_t)info->key.pid,
                     "name", json_foreign(info->name, info->name_size),
                     "executable", json_foreign(info->executable, info->executable_size),
                     "command_line", json_foreign(info->arguments, info->arguments_size),
                     "user", "id", (json_int_t)info->user_id);
}

json_t *ancestors_json(const struct process_table *table, const struct event *event)
{
    json_t *list = json_array();
    struct process_key parent;
    char boot[9];
    if (table == NULL || !event_has(event, FIELD_parent_id)
        || !parse_process_id(event->values[FIELD_parent_id].text, boot, &parent))
        return list;
    struct process_info infos[LIMIT_ANCESTORS];
    unsigned count = process_table_ancestors(table, parent, infos, LIMIT_ANCESTORS);
    for (unsigned i = 0; i < count; i++) {
        if (json_array_append_new(list, ancestor_json(boot, &infos[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* --- the lines -------------------------------------------------------------------------------- */

static bool put_rule(json_t *line, struct bytes id, struct bytes title, struct bytes level)
{
    return json_put(line, "message", bytes_json(title))
           && json_put(line, "rule", json_pack("{s:o, s:o, s:o}", "id", bytes_json(id),
                                               "name", bytes_json(title),
                                               "level", bytes_json(level)));
}

static bool put_creance_rule(json_t *line, struct bytes file, const uint8_t digest[32])
{
    char hex[65];
    hex_encode(digest, 32, hex);
    return json_set_path(line, "creance.rule", json_pack("{s:o, s:s}", "file", bytes_json(file),
                                                         "digest", hex));
}

/* What the event tells, and what is missing of it. */
static bool put_event(json_t *line, const struct event *event, const struct process_table *table)
{
    static const char *const TAKEN[] = {"@timestamp", "event"};
    json_t *told = event_json(event, EVENT_FORM_ECS);
    if (told == NULL)
        return false;
    json_t *about = json_object_get(told, "event");
    bool is_put = json_set_path(line, "event.category",
                                json_incref(json_object_get(about, "category")))
                  && json_set_path(line, "event.action",
                                   json_incref(json_object_get(about, "action")));
    for (size_t i = 0; i < sizeof TAKEN / sizeof TAKEN[0]; i++)
        json_object_del(told, TAKEN[i]);
    is_put = is_put && json_object_update(line, told) == 0;
    json_decref(told);
    return is_put && json_set_path(line, "process.ancestors", ancestors_json(table, event));
}

static bool put_missing(json_t *line, const char *what)
{
    json_t *creance = json_object_get(line, "creance");
    json_t *names = json_object_get(creance, "incomplete");
    if (names != NULL)
        return json_array_append_new(names, json_string(what)) == 0;
    return json_set_path(line, "creance.incomplete", json_pack("[s]", what));
}

json_t *alert_json(const struct alert_host *host, const struct alert *alert, const char *id,
                   const struct event *event, const struct process_table *table,
                   uint64_t now_wall_ns)
{
    json_t *line = begin_line(id, "alert", event != NULL ? event->wall_ns : now_wall_ns,
                              now_wall_ns, alert->rule_level);
    bool is_whole = line != NULL
                    && put_rule(line, alert->rule_id, alert->rule_title, alert->rule_level)
                    && put_tags(line, alert->rule_tags)
                    && (event == NULL || put_event(line, event, table))
                    && put_creance_rule(line, alert->rule_file, alert->rule_digest)
                    && json_set_path(line, "creance.alert.id", json_string(id))
                    && json_set_path(line, "creance.event",
                                     json_pack("{s:o, s:o}", "epoch", json_number(alert->epoch),
                                               "sequence", json_number(alert->sequence)))
                    && (event != NULL || put_missing(line, "event"))
                    && (!alert->is_incomplete || put_missing(line, "evaluation"))
                    && put_host(line, host);
    if (is_whole)
        return line;
    json_decref(line);
    return NULL;
}

json_t *alert_group_json(const struct alert_host *host, const struct flood_group *group,
                         uint64_t now_wall_ns)
{
    char first[CLOCK_TEXT_BYTES], last[CLOCK_TEXT_BYTES];
    clock_format(group->first_wall_ns, first);
    clock_format(group->last_wall_ns, last);
    char id[FLOOD_ID_BYTES + 8];
    string_format(id, sizeof id, "group-%s", group->first_id);
    json_t *line = begin_line(id, "alert_group", group->last_wall_ns, now_wall_ns,
                              text_bytes(&group->rule_level));
    bool is_whole =
        line != NULL
        && put_rule(line, text_bytes(&group->rule_id), text_bytes(&group->rule_title),
                    text_bytes(&group->rule_level))
        && put_tags(line, text_bytes(&group->rule_tags))
        && json_put(line, "process",
                    json_pack("{s:o, s:o}",
                              "executable", bytes_json(text_bytes(&group->executable)),
                              "command_line", bytes_json(text_bytes(&group->arguments))))
        && put_creance_rule(line, text_bytes(&group->rule_file), group->rule_digest)
        && json_set_path(line, "creance.group",
                         json_pack("{s:o, s:s, s:s, s:s, s:s}", "count", json_number(group->count),
                                   "first_id", group->first_id, "last_id", group->last_id,
                                   "first", first, "last", last))
        && put_host(line, host);
    if (is_whole)
        return line;
    json_decref(line);
    return NULL;
}

bool alert_line_id(const char *line, size_t size, char out[ALERT_ID_BYTES])
{
    static const char HEAD[] = "{\"@timestamp\":\"";
    static const char MIDDLE[] = "\",\"event\":{\"id\":\"";
    size_t head = sizeof HEAD - 1, middle = sizeof MIDDLE - 1;
    if (size < head || memcmp(line, HEAD, head) != 0)
        return false;
    const char *time_end = memchr(line + head, '"', size - head);
    if (time_end == NULL)
        return false;
    size_t left = size - (size_t)(time_end - line);
    if (left < middle + ALERT_ID_BYTES || memcmp(time_end, MIDDLE, middle) != 0
        || time_end[middle + ALERT_ID_BYTES - 1] != '"')
        return false;
    bytes_copy(out, ALERT_ID_BYTES, time_end + middle, ALERT_ID_BYTES - 1);
    out[ALERT_ID_BYTES - 1] = '\0';
    return memchr(out, '"', ALERT_ID_BYTES - 1) == NULL;
}

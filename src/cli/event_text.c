// SPDX-License-Identifier: Apache-2.0
#include "cli/event_text.h"

#include "base/bytes.h"
#include "schema/schema.h"

#include <string.h>

enum { CHAIN_MAX = 6 };

void event_time(const char *time, char *out)
{
    /* 2026-11-24T02:55:21.086236Z */
    out[0] = '\0';
    if (strlen(time) >= 19 && time[10] == 'T')
        string_format(out, EVENT_TIME_BYTES, "%.8s", time + 11);
}

/* --- events ----------------------------------------------------------------------------------- */

/* The call, what it was asked for, and whom or what it was done to. */
static void print_call(struct output *output, const json_t *event)
{
    output_part(output, COLOUR_NONE, "  %s %s", online_text(event, "call_name"),
                online_text(event, "call_request"));
    if (online_number(event, "target_pid") != 0)
        output_part(output, COLOUR_NONE, " -> %lld %s",
                    (long long)online_number(event, "target_pid"),
                    online_text(event, "target_executable"));
}

static void print_object(struct output *output, const json_t *event, const char *kind)
{
    if (string_equal(kind, "file_rename"))
        output_part(output, COLOUR_NONE, "  %s -> %s", online_text(event, "file_previous_path"),
                    online_text(event, "file_path"));
    else if (string_equal(kind, "file_chmod"))
        output_part(output, COLOUR_NONE, "  %s to %04llo", online_text(event, "file_path"),
                    (unsigned long long)online_number(event, "file_mode"));
    else if (string_starts_with(kind, "file_"))
        output_part(output, COLOUR_NONE, "  %s", online_text(event, "file_path"));
    else if (string_starts_with(kind, "network_"))
        output_part(output, COLOUR_NONE, "  %s:%lld -> %s:%lld",
                    online_text(event, "source_address"),
                    (long long)online_number(event, "source_port"),
                    online_text(event, "destination_address"),
                    (long long)online_number(event, "destination_port"));
    else if (string_equal(kind, "process_exit"))
        output_part(output, COLOUR_NONE, "  code %lld%s%.0lld",
                    (long long)online_number(event, "exit_code"),
                    online_number(event, "exit_signal") != 0 ? ", signal " : "",
                    (long long)online_number(event, "exit_signal"));
    else if (*online_text(event, "call_name") != '\0')
        print_call(output, event);
    else if (string_equal(kind, "sensor_loss"))
        output_part(output, COLOUR_YELLOW, "  %s +%lld", online_text(event, "loss_counter"),
                    (long long)online_number(event, "loss_count"));
}

static void print_incomplete(struct output *output, const json_t *names)
{
    size_t at;
    const json_t *name;
    json_array_foreach(names, at, name)
        output_part(output, COLOUR_DIM, "%s%s", at == 0 ? "  incomplete: " : ", ",
                    json_string_value(name));
}

void event_text_print(struct output *output, const json_t *event)
{
    char time[EVENT_TIME_BYTES];
    const char *kind = online_text(event, "kind");
    const char *arguments = online_text(event, "process_arguments");
    event_time(online_text(event, "time"), time);
    output_part(output, COLOUR_DIM, "%s ", time);
    output_part(output, COLOUR_BOLD, "%-15s ", kind);
    output_part(output, COLOUR_NONE, "%lld %s %s", (long long)online_number(event, "process_pid"),
                online_text(event, "user_name"), online_text(event, "process_executable"));
    print_object(output, event, kind);
    if (*arguments != '\0')
        output_part(output, COLOUR_DIM, "  [%s]", arguments);
    print_incomplete(output, json_object_get(event, "incomplete"));
    output_line(output, "%s", "");
}

/* --- alerts ----------------------------------------------------------------------------------- */

static enum output_colour level_colour(const char *level)
{
    if (string_equal(level, "critical") || string_equal(level, "high"))
        return COLOUR_RED;
    return string_equal(level, "medium") ? COLOUR_YELLOW : COLOUR_NONE;
}

static void print_techniques(struct output *output, const json_t *alert)
{
    size_t at;
    const json_t *tag;
    bool is_first = true;
    json_array_foreach(json_object_get(alert, "tags"), at, tag)
    {
        const char *text = json_string_value(tag);
        if (text == NULL || !string_starts_with(text, "attack."))
            continue;
        output_part(output, COLOUR_DIM, "%s%s", is_first ? "  " : " ", text + strlen("attack."));
        is_first = false;
    }
}

static void print_target(struct output *output, const json_t *alert)
{
    const char *path = online_text_at(alert, "file.path");
    const json_t *destination = json_object_get(alert, "destination");
    const json_t *source = json_object_get(alert, "source");
    if (*path != '\0')
        output_line(output, "         %s: %s", online_text_at(alert, "event.action"), path);
    if (destination != NULL)
        output_line(output, "         %s: %s:%lld -> %s:%lld",
                    online_text_at(alert, "event.action"), online_text(source, "ip"),
                    (long long)online_number(source, "port"), online_text(destination, "ip"),
                    (long long)online_number(destination, "port"));
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* systemd(1) > sshd(812) > bash(901): the oldest first, as it came about. */
static void print_chain(struct output *output, const json_t *process)
{
    const json_t *ancestors = json_object_get(process, "ancestors");
    size_t count = json_array_size(ancestors);
    if (count == 0)
        return;
    size_t shown = count < CHAIN_MAX ? count : CHAIN_MAX;
    output_part(output, COLOUR_DIM, "         %s", shown < count ? "... > " : "");
    for (size_t i = shown; i > 0; i--) {
        const json_t *ancestor = json_array_get(ancestors, i - 1);
        const char *name = last_part(online_text(ancestor, "executable"));
        output_part(output, COLOUR_DIM, "%s(%lld) > ",
                    *name != '\0' ? name : online_text(ancestor, "name"),
                    (long long)online_number(ancestor, "pid"));
    }
    output_part(output, COLOUR_DIM, "%s(%lld)", last_part(online_text(process, "executable")),
                (long long)online_number(process, "pid"));
    output_line(output, "%s", "");
}

static void print_group(struct output *output, const json_t *group)
{
    char first[EVENT_TIME_BYTES], last[EVENT_TIME_BYTES];
    event_time(online_text(group, "first"), first);
    event_time(online_text(group, "last"), last);
    output_line(output, "         %lld more alerts like this between %s and %s",
                (long long)online_number(group, "count"), first, last);
}

void alert_text_print(struct output *output, const json_t *alert)
{
    char time[EVENT_TIME_BYTES];
    const char *level = online_text_at(alert, "rule.level");
    const json_t *process = json_object_get(alert, "process");
    const json_t *creance = json_object_get(alert, "creance");
    const json_t *group = json_object_get(creance, "group");
    event_time(online_text(alert, "@timestamp"), time);
    output_part(output, COLOUR_DIM, "%s ", time);
    output_part(output, level_colour(level), "%s ", *level == '\0' ? "alert" : level);
    output_part(output, COLOUR_BOLD, "%s", online_text_at(alert, "rule.name"));
    print_techniques(output, alert);
    output_line(output, "%s", "");
    output_part(output, COLOUR_NONE, "         %s",
                *online_text(process, "command_line") != '\0'
                    ? online_text(process, "command_line")
                    : online_text(process, "executable"));
    if (group == NULL)
        output_part(output, COLOUR_DIM, "  (%s, user %s)", online_text(process, "executable"),
                    online_text_at(alert, "user.name"));
    output_line(output, "%s", "");
    if (group != NULL)
        print_group(output, group);
    print_target(output, alert);
    print_chain(output, process);
    if (json_object_get(creance, "incomplete") != NULL) {
        output_part(output, COLOUR_NONE, "       ");
        print_incomplete(output, json_object_get(creance, "incomplete"));
        output_line(output, "%s", "");
    }
}

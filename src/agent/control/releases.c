// SPDX-License-Identifier: Apache-2.0
#include "agent/control/releases.h"

#include "agent/control/arrivals_json.h"
#include "agent/control/updates_json.h"
#include "agent/control/event_json.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "content/bundle_kind.h"
#include "update/lifecycle/boot_guard.h"
#include "update/lifecycle/lifecycle.h"

#include <string.h>

enum { NAME_TEXT_BYTES = 2 * RELEASE_NAME_BYTES + 1, DIGITS_SHOWN = 12 };

/* Words are looked up with numbers from another process: out of range is "?". */
static const char *state_word(const struct tree_release *row)
{
    return row->state < LIFECYCLE_STATE_COUNT
               ? lifecycle_state_word((enum lifecycle_state)row->state)
               : "?";
}

static const char *failure_word(const struct tree_release *row)
{
    return row->failure < LIFECYCLE_FAILURE_COUNT
               ? lifecycle_failure_word((enum lifecycle_failure)row->failure)
               : "?";
}

static uint32_t row_count(const struct tree *tree)
{
    return tree->release_count < TREE_RELEASES_MAX ? tree->release_count
                                                   : (uint32_t)TREE_RELEASES_MAX;
}

/* What runs: the one in probation, else the newest good one; below the level "last good" nothing
 * that arrived. NULL: the factory set. */
static const struct tree_release *find_running(const struct tree *tree, uint32_t stream)
{
    const struct tree_release *found = NULL;
    if (tree->boot_level >= BOOT_LEVEL_FACTORY)
        return NULL;
    for (uint32_t i = 0; i < row_count(tree); i++) {
        const struct tree_release *row = &tree->releases[i];
        if (row->stream != stream)
            continue;
        if (row->state == LIFECYCLE_PROBATION && tree->boot_level == BOOT_LEVEL_NORMAL)
            return row;
        if (row->state == LIFECYCLE_GOOD && (found == NULL || row->version > found->version))
            found = row;
    }
    return found;
}

static json_t *waits_json(uint32_t waits)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < WAIT_COUNT; i++)
        if ((waits >> i & 1) != 0)
            json_array_append_new(list, json_pack("{s:s, s:s}", "word", wait_word((enum wait)i),
                                                  "text", wait_text((enum wait)i)));
    return list;
}

static json_t *earliest_json(uint64_t wall_s)
{
    char text[CLOCK_TEXT_BYTES];
    if (wall_s == 0 || wall_s > UINT64_MAX / NS_PER_S)
        return json_null();
    clock_format(wall_s * NS_PER_S, text);
    (void)string_copy(text + strlen("2026-11-25T00:00:00"), sizeof "Z", "Z"); /* whole seconds */
    return json_string(text);
}

json_t *release_json(const struct tree *tree, uint32_t index)
{
    const struct tree_release *row = &tree->releases[index];
    char name[NAME_TEXT_BYTES];
    hex_encode(row->name, sizeof row->name, name);
    json_t *object = json_pack(
        "{s:s, s:i, s:o, s:s, s:s, s:s, s:b, s:o, s:o, s:i, s:b}", "stream",
        bundle_stream_word(row->stream), "stream_number", (int)row->stream, "version",
        json_number(row->version), "name", name, "state", state_word(row), "text",
        row->state < LIFECYCLE_STATE_COUNT ? lifecycle_state_text((enum lifecycle_state)row->state)
                                           : "?",
        "running", (int)(find_running(tree, row->stream) == row), "waits", waits_json(row->waits),
        "earliest", earliest_json(row->waits != 0 ? row->earliest_wall_s : 0), "attempts",
        (int)row->attempts, "urgent", (int)(row->is_urgent != 0));
    if (object != NULL && row->failure != LIFECYCLE_FAILURE_NONE
        && row->failure < LIFECYCLE_FAILURE_COUNT)
        json_object_set_new(
            object, "failure",
            json_pack("{s:s, s:s}", "word", failure_word(row), "text",
                      lifecycle_failure_text((enum lifecycle_failure)row->failure)));
    return object;
}

static enum boot_level level_of(const struct tree *tree)
{
    return tree->boot_level < BOOT_LEVEL_COUNT ? (enum boot_level)tree->boot_level
                                               : BOOT_LEVEL_NORMAL;
}

json_t *releases_json(const struct tree *tree)
{
    const struct tree_release *running = find_running(tree, 0);
    char text[64] = "factory content";
    if (running != NULL)
        (void)string_format(text, sizeof text, "rules %llu", (unsigned long long)running->version);
    bool is_cut = tree->enforcement != LIFECYCLE_ENFORCE_FULL;
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:b, s:b, s:o, s:o}", "running", text,
                     "boot_level", boot_level_word(level_of(tree)),
                     "boot_text", boot_level_text(level_of(tree)),
                     "enforcement", is_cut ? "cut" : "full",
                     "pressure", pressure_json(tree->pressure),
                     "held", (int)(tree->is_held != 0), "pinned", (int)(tree->is_pinned != 0),
                     "switches", json_number(tree->switches),
                     "arrivals", arrivals_json(&tree->arrivals));
}

/* --- the log
 * ------------------------------------------------------------------------------------ */

static const struct tree_release *find_said(const struct releases_said *said,
                                            const struct tree_release *row)
{
    for (uint32_t i = 0; i < said->count; i++)
        if (said->rows[i].stream == row->stream
            && memcmp(said->rows[i].name, row->name, sizeof row->name) == 0)
            return &said->rows[i];
    return NULL;
}

static void say_row(const struct tree_release *row, const struct tree_release *before,
                    struct agent_log *log)
{
    char name[NAME_TEXT_BYTES];
    hex_encode(row->name, sizeof row->name, name);
    name[DIGITS_SHOWN] = '\0';
    bool has_failed = row->state == LIFECYCLE_REJECTED || row->state == LIFECYCLE_ROLLED_BACK
                      || row->state == LIFECYCLE_BARRED;
    agent_log_say(log, has_failed ? AGENT_LOG_ERROR : AGENT_LOG_INFO, "release",
                  "%s %llu (%s): %s%s%s%s%s", bundle_stream_word(row->stream),
                  (unsigned long long)row->version, name,
                  before != NULL ? state_word(before) : "", before != NULL ? " -> " : "",
                  state_word(row), has_failed ? ": " : "",
                  has_failed && row->failure < LIFECYCLE_FAILURE_COUNT
                      ? lifecycle_failure_text((enum lifecycle_failure)row->failure)
                      : "");
}

void releases_say(struct releases_said *said, const struct tree *tree, struct agent_log *log)
{
    for (uint32_t i = 0; i < row_count(tree); i++) {
        const struct tree_release *row = &tree->releases[i];
        const struct tree_release *before = find_said(said, row);
        /* At our own first look they are where they were: nothing has happened. */
        if (said->has_looked && (before == NULL || before->state != row->state))
            say_row(row, before, log);
    }
    if (tree->boot_level != said->boot_level && tree->boot_level < BOOT_LEVEL_COUNT)
        agent_log_say(log, tree->boot_level != BOOT_LEVEL_NORMAL ? AGENT_LOG_ERROR : AGENT_LOG_INFO,
                      "release", "level: %s: %s", boot_level_word(level_of(tree)),
                      boot_level_text(level_of(tree)));
    said->has_looked = true;
    said->boot_level = tree->boot_level;
    said->count = row_count(tree);
    bytes_copy(said->rows, sizeof said->rows, tree->releases, sizeof tree->releases);
}

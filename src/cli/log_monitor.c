// SPDX-License-Identifier: Apache-2.0
/*
 * `creance log monitor`: follows a public log, says what is new, and sounds the alarm where it is
 * not what it was.
 */
#include "base/atomic_file.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "cli/log_files.h"
#include "cli/online.h"
#include "update/log/tile_tree.h"
#include "update/log/verify.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INTERVAL_S_MAX = 24 * 3600, SILENCE_S_MAX = 365 * 24 * 3600, STEP_MS = 200 };

struct monitor {
    const struct call *call;
    struct tlog_policy *policy;
    struct tlog_place place;
    const char *memory_path;
    uint64_t silence_s;       /* so long the witnesses may say nothing new; 0: for ever */
    bool is_sandboxed;
    bool is_fresh;            /* nothing is remembered yet */
    struct tlog_file memory;   /* the checkpoint that was verified last */
    struct tlog_file seen;     /* the one that is being looked at */
    struct tile_bundle *bundle;
};

/* --- saying it -------------------------------------------------------------------------------- */

static void say_entry(const struct monitor *monitor, uint64_t index, struct bytes text)
{
    struct output *output = monitor->call->output;
    struct tlog_entry entry;
    bool is_known = result_is_ok(tlog_entry_parse(text, &entry, NULL));
    if (output_is_json(output)) {
        json_t *object = json_pack("{s:I, s:s}", "index", (json_int_t)index, "kind",
                                   is_known ? tlog_entry_kind_word(entry.kind) : "unknown");
        for (unsigned i = 0; is_known && object != NULL && i < TLOG_FIELD_COUNT; i++) {
            if (entry.values[i].size > 0)
                json_object_set_new(object, tlog_entry_field_word((enum tlog_entry_field)i),
                                    output_json_bytes(entry.values[i].data,
                                                      entry.values[i].size));
        }
        output_json(output, object);
        return;
    }
    output_part(output, is_known ? COLOUR_BOLD : COLOUR_YELLOW, "%llu %s",
                (unsigned long long)index,
                is_known ? tlog_entry_kind_word(entry.kind) : "of no kind that is known here");
    for (unsigned i = 0; is_known && i < TLOG_FIELD_COUNT; i++) {
        if (entry.values[i].size > 0)
            output_part(output, COLOUR_NONE, " %s=%.*s",
                        tlog_entry_field_word((enum tlog_entry_field)i), (int)entry.values[i].size,
                        (const char *)entry.values[i].data);
    }
    output_line(output, "%s", "");
}

static void say_checkpoint(const struct monitor *monitor, const struct tlog_witnessed *witnessed)
{
    struct output *output = monitor->call->output;
    char witnesses[1024];
    tlog_list_witnesses(monitor->policy, witnessed->witnesses, witnesses, sizeof witnesses);
    if (output_is_json(output))
        output_json(output, json_pack("{s:s, s:I, s:s, s:I}", "log", witnessed->log->key.name,
                                      "size", (json_int_t)witnessed->checkpoint.size, "witnesses",
                                      witnesses, "current_at_s",
                                      (json_int_t)witnessed->current_at_s));
    else
        output_line(output, "%s: %llu entries%s%s", witnessed->log->key.name,
                    (unsigned long long)witnessed->checkpoint.size,
                    *witnesses != '\0' ? ", cosigned by " : "", witnesses);
}

/* Two signed checkpoints that contradict each other prove a lie: both are kept. */
static enum cli_exit raise_alarm(const struct monitor *monitor, const char *sentence)
{
    char path[LIMIT_PATH_BYTES];
    verb_error("ALARM: %s", sentence);
    if (monitor->seen.size > 0 && string_format(path, sizeof path, "%s.alarm", monitor->memory_path)
        && tlog_file_write(path, monitor->seen.data, monitor->seen.size, 0644) == CLI_GOOD)
        verb_error("what was seen is kept in %s, what it contradicts in %s", path,
                   monitor->memory_path);
    return CLI_FINDING;
}

/* --- looking ---------------------------------------------------------------------------------- */

static RESULT say_new(const struct monitor *monitor, struct tile_tree *tree, uint64_t from,
                      struct explanation *why)
{
    for (uint64_t at = from; at < tile_tree_size(tree);) {
        GUARD(tile_tree_bundle(tree, at, monitor->bundle, why));
        for (; at < monitor->bundle->first + monitor->bundle->count; at++)
            say_entry(monitor, at, monitor->bundle->entries[at - monitor->bundle->first]);
    }
    return RESULT_OK;
}

/* The checkpoint that was verified last, as the policy sees it today. */
static RESULT recall(const struct monitor *monitor, struct tlog_witnessed *ret_older,
                     struct explanation *why)
{
    struct explanation wrong = {""};
    *ret_older = (struct tlog_witnessed){0};
    if (monitor->is_fresh)
        return RESULT_OK;
    struct result result = tlog_verify_checkpoint(
        monitor->policy, tlog_file_bytes(&monitor->memory), ret_older, &wrong);
    if (result_is_ok(result))
        return RESULT_OK;
    return explain(why, ERROR_LIMIT, "%s does not hold the checkpoint that was seen last: %s",
                   monitor->memory_path, wrong.text);
}

/* What is remembered moves on only after everything new was said. */
static enum cli_exit remember(struct monitor *monitor)
{
    enum cli_exit code =
        tlog_file_write(monitor->memory_path, monitor->seen.data, monitor->seen.size, 0644);
    struct tlog_file kept = monitor->memory;
    monitor->memory = monitor->seen;
    monitor->seen = kept;
    monitor->is_fresh = false;
    return code;
}

static enum cli_exit compare(struct monitor *monitor, const struct tlog_witnessed *older,
                             const struct tlog_witnessed *newer, struct tile_tree *tree)
{
    struct explanation why;
    struct merkle_hash root;
    uint64_t from = older->checkpoint.size;
    if (!monitor->is_fresh && !string_equal(older->log->key.name, newer->log->key.name))
        return raise_alarm(monitor, "another log is in the place of the one that was seen before");
    if (newer->checkpoint.size < from)
        return raise_alarm(monitor, "the log went back: it has fewer entries than were "
                                    "seen before");
    if (!monitor->is_fresh) {
        struct result result = tile_tree_root(tree, from, &root, &why);
        if (!result_is_ok(result))
            return raise_alarm(monitor, why.text);
        if (!merkle_hash_equal(&root, &older->checkpoint.root))
            return raise_alarm(monitor, "the log was forked: it does not begin with what was seen "
                                  "before");
    }
    struct result result = say_new(monitor, tree, from, &why);
    if (!result_is_ok(result))
        return raise_alarm(monitor, why.text);
    bool is_news = monitor->is_fresh || newer->checkpoint.size != from
                   || newer->current_at_s != older->current_at_s;
    if (!is_news)
        return CLI_GOOD;
    say_checkpoint(monitor, newer);
    return remember(monitor);
}

/* A log that stands still may be one that shows everybody but us what is new. */
static enum cli_exit check_silence(const struct monitor *monitor,
                                   const struct tlog_witnessed *newer)
{
    uint64_t now_s = clock_wall_ns(clock_system()) / NS_PER_S;
    if (monitor->silence_s == 0 || newer->current_at_s + monitor->silence_s >= now_s)
        return CLI_GOOD;
    verb_error("ALARM: no quorum of witnesses has cosigned %s for %llu seconds: it is not kept up, "
               "or what is newer is kept from us", newer->log->key.name,
               (unsigned long long)(now_s - newer->current_at_s));
    return CLI_FINDING;
}

static RESULT read_checkpoint(struct monitor *monitor, struct tlog_witnessed *ret_newer,
                              struct explanation *why)
{
    const struct tlog_source *source = &monitor->place.source;
    monitor->seen.size = 0;
    GUARD(source->read(source->context, TILE_CHECKPOINT, monitor->seen.data, LIMIT_NOTE_BYTES,
                       &monitor->seen.size, why));
    return tlog_verify_checkpoint(monitor->policy, tlog_file_bytes(&monitor->seen), ret_newer, why);
}

static bool is_unreachable(struct result result)
{
    return result.error == ERROR_CLOSED || result.error == ERROR_NOT_FOUND
           || result.error == ERROR_SYSTEM || result.error == ERROR_MEMORY;
}

static enum cli_exit look(struct monitor *monitor)
{
    struct tlog_witnessed older, newer;
    struct tile_tree *tree;
    struct explanation why;
    struct result result = recall(monitor, &older, &why);
    if (!result_is_ok(result))
        return tlog_failed(result, &why);
    result = read_checkpoint(monitor, &newer, &why);
    if (result_is_ok(result))
        result = tile_tree_open(&monitor->place.source, &newer.checkpoint, &tree, &why);
    if (!result_is_ok(result)) {
        if (!is_unreachable(result))
            return raise_alarm(monitor, why.text);
        verb_error("%s", why.text);
        return CLI_UNAVAILABLE;
    }
    enum cli_exit code = compare(monitor, &older, &newer, tree);
    tile_tree_free(tree);
    if (code == CLI_GOOD)
        code = check_silence(monitor, &newer);
    result_ignore(output_flush(monitor->call->output)); /* said at the end, if it stays so */
    return code;
}

/* An alarm ends it; a log that cannot be reached now may be there later. */
static enum cli_exit follow(struct monitor *monitor, uint64_t interval_s)
{
    enum cli_exit code = CLI_GOOD;
    online_stop_on_signals();
    while (!online_is_stopped() && !output_is_closed(monitor->call->output)) {
        code = look(monitor);
        if (code != CLI_GOOD && code != CLI_UNAVAILABLE)
            return code;
        uint64_t until_ns = clock_boottime_ns(clock_system()) + interval_s * NS_PER_S;
        while (!online_is_stopped() && clock_boottime_ns(clock_system()) < until_ns)
            (void)poll(NULL, 0, STEP_MS);
    }
    return code;
}

/* --- the verb --------------------------------------------------------------------------------- */

static enum cli_exit prepare(struct monitor *monitor)
{
    const struct options *options = monitor->call->options;
    const char *policy = options_value(options, "policy", NULL);
    monitor->memory_path = options_value(options, "memory", NULL);
    if (policy == NULL || monitor->memory_path == NULL)
        return verb_usage_error(monitor->call, "--policy FILE and --memory FILE are needed");
    enum cli_exit code = tlog_policy_read(policy, &monitor->policy);
    monitor->is_fresh = access(monitor->memory_path, F_OK) != 0;
    if (code == CLI_GOOD && !monitor->is_fresh)
        code = tlog_file_read(monitor->memory_path, LIMIT_NOTE_BYTES, &monitor->memory);
    if (code != CLI_GOOD)
        return code;
    if (monitor->is_fresh)
        monitor->memory.data = malloc(LIMIT_NOTE_BYTES);
    monitor->seen.data = malloc(LIMIT_NOTE_BYTES);
    monitor->bundle = malloc(sizeof *monitor->bundle);
    if (monitor->memory.data != NULL && monitor->seen.data != NULL && monitor->bundle != NULL)
        return CLI_GOOD;
    verb_error("memory is out");
    return CLI_UNAVAILABLE;
}

/* A log in a folder needs no network; its memory is all that is written. */
static enum cli_exit enter_sandbox(struct monitor *monitor)
{
    struct explanation why;
    char folder[LIMIT_PATH_BYTES];
    if (monitor->place.folder.fd < 0)
        return CLI_GOOD;
    if (!result_is_ok(atomic_parent_path(monitor->memory_path, folder, &why))) {
        verb_error("%s", why.text);
        return CLI_USAGE;
    }
    enum cli_exit code = tlog_enter_sandbox("of log monitor", folder);
    monitor->is_sandboxed = code == CLI_GOOD;
    return code;
}

static enum cli_exit run(const struct call *call)
{
    struct monitor monitor = {.call = call, .place = {.folder = {-1}}};
    uint64_t interval_s;
    const char *given = options_value(call->options, "interval", "60");
    if (!result_is_ok(number_parse(given, INTERVAL_S_MAX, &interval_s)) || interval_s == 0)
        return verb_usage_error(call, "--interval needs a number from 1 to %d, not \"%s\"",
                                INTERVAL_S_MAX, given);
    const char *silence = options_value(call->options, "silence", "0");
    if (!result_is_ok(number_parse(silence, SILENCE_S_MAX, &monitor.silence_s)))
        return verb_usage_error(call, "--silence needs a number up to %d, not \"%s\"",
                                SILENCE_S_MAX, silence);
    enum cli_exit code = prepare(&monitor);
    if (code == CLI_GOOD)
        code = tlog_place_open(options_word(call->options, 0), &monitor.place);
    if (code == CLI_GOOD)
        code = enter_sandbox(&monitor);
    if (code == CLI_GOOD)
        code = options_has(call->options, "once") ? look(&monitor)
                                                  : follow(&monitor, interval_s);
    tlog_place_close(&monitor.place);
    tlog_file_free(&monitor.memory);
    tlog_file_free(&monitor.seen);
    free(monitor.bundle);
    tlog_policy_free(monitor.policy);
    if (monitor.is_sandboxed)
        tlog_end_in_sandbox(call, code);
    return code;
}

static const struct option_row OPTIONS[] = {
    {"policy", "FILE", false, "whom to believe (C2SP tlog-policy)"},
    {"memory", "FILE", false, "where the checkpoint that was seen last is kept"},
    {"once", NULL, false, "look once and end"},
    {"silence", "S", false, "alarm where no quorum has cosigned for so many seconds"},
    {"interval", "S", false, "seconds between looks (default: 60)"},
    {0},
};

const struct verb verb_log_monitor = {
    .name = "log monitor",
    .summary = "follows a public log, says what is new, alarms where it is not what it was",
    .words = "LOG",
    .words_min = 1,
    .words_max = 1,
    .options = OPTIONS,
    .help =
        "LOG is a folder or an http(s) URL. Every new entry is verified and printed once, in\n"
        "order; --memory holds how far it came, so that nothing is left out between runs.\n"
        "\n"
        "It ends with an alarm and exit code 1 where the log was forked, went back, is not\n"
        "cosigned by a quorum, or does not hold what its checkpoint says. The checkpoint that\n"
        "shows it is kept beside the memory (FILE.alarm): together they are the proof. With\n"
        "--silence it also ends so where the witnesses say nothing new for too long.\n"
        "\n"
        "Exit codes: 0 all was well, 1 alarm, 4 the log could not be reached (with --once).\n"
        "\n"
        "Examples:\n"
        "  creance log monitor --policy policy --memory seen https://log.example.com/rules\n"
        "  creance log monitor --policy policy --memory seen --once --json /srv/log\n",
    .run = run,
};

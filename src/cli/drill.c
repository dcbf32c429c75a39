// SPDX-License-Identifier: Apache-2.0
/*
 * `creance drill NAME`: an outage of others, played on this host, live and without harm: an agent
 * of its own with content of its own (drill_stage.h). It says what is supposed and what is real.
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/limits.h"
#include "cli/drill_stage.h"
#include "cli/online.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

enum { EVENTS_BEFORE = 100, EVENTS_AFTER = 100, STATE_WAIT_MS = 30000, ALERT_WAIT_MS = 10000,
       LOOK_MS = 5, RELEASE_VERSION = 291 };

/* Times of a test, not of a host: nobody wants to wait for a day here. */
static const char POLICY[] = "age=0,urgent=0,full=0,shadow=1,bake=600,retry=3600";

/* The administrator's own rule: in force whatever release runs. */
static const char MARKED_RULE[] =
    "title: Marked by the drill\nid: 3f6a5d0e-8a0f-4c5e-9d55-0d1b7a9c2910\nlevel: low\n"
    "logsource: {product: linux, category: process_creation}\n"
    "detection:\n  selection:\n    CommandLine|contains: creance-marked-\n  condition: selection\n";
static const char FACTORY_RULE[] =
    "title: Factory content of the drill\nid: 3f6a5d0e-8a0f-4c5e-9d55-0d1b7a9c2912\nlevel: low\n"
    "logsource: {product: linux, category: process_creation}\n"
    "detection:\n  selection:\n    CommandLine|contains: creance-never-\n  condition: selection\n";
static const char MANIFEST[] = "name: channel\nkind: rules\nversion: 291\nschema: 1\n"
                               "engine_level: 1\ntarget: linux\nsteps: 1000\n"
                               "steps_per_rule: 500\nmemory_mib: 16\n";
static const char RULE[] =
    "title: One field too many\nid: 3f6a5d0e-8a0f-4c5e-9d55-0d1b7a9c2911\nlevel: high\n"
    "logsource: {product: linux, category: process_creation}\n"
    "detection:\n  selection:\n    CommandLine|contains: creance-marked-\n    Field21|gt: 20\n"
    "  condition: selection\n";
static const char TESTS[] = "{\"match\": true, \"event\": {\"CommandLine\": \"creance-marked-1\", "
                            "\"Field21\": 21}}\n";

struct drill {
    const struct call *call;
    struct stage *stage;
    unsigned step;
    unsigned marked; /* process starts so far */
};

/* --- telling
 * ------------------------------------------------------------------------------------ */

/* One step: what is done, and what came of it. */
static void PRINTF_LIKE(4, 5) tell(struct drill *drill, bool is_good, const char *step,
                                   const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    char *made = NULL;
    bool is_made = vasprintf(&made, format, arguments) >= 0;
    va_end(arguments);
    (void)string_copy(text, sizeof text, is_made ? made : "memory is out");
    free(is_made ? made : NULL);
    struct output *output = drill->call->output;
    drill->step++;
    if (output_is_json(output)) {
        output_json(output, json_pack("{s:i, s:s, s:b, s:o}", "number", (int)drill->step, "step",
                                      step, "good", (int)is_good, "text",
                                      output_json_text(text)));
    } else {
        output_part(output, COLOUR_BOLD, "%u  %s", drill->step, step);
        output_line(output, "%s", "");
        output_part(output, is_good ? COLOUR_GREEN : COLOUR_RED, "   %s", text);
        output_line(output, "%s", "");
    }
    result_ignore(output_flush(output)); /* live; a failure is said at the end */
}

static void tell_story(const struct drill *drill)
{
    if (output_is_json(drill->call->output))
        return;
    output_part(drill->call->output, COLOUR_BOLD, "%s", "19 July 2024, channel file 291");
    output_raw(drill->call->output,
               "\nContent for an endpoint sensor had one field more than the sensor supplied. Its\n"
               "validator expected that field, every test had a wildcard in it, and nothing was\n"
               "staged. The first real value was read out of bounds in the kernel: 8.5 million\n"
               "hosts crashed within 78 minutes; after ten days 99 % were back, by hand.\n\n");
}

/* --- doing
 * -------------------------------------------------------------------------------------- */

/* A process start that the drill's own rule alerts for. False: it could not be run. */
static bool mark(struct drill *drill)
{
    char argument[64];
    (void)string_format(argument, sizeof argument, "creance-marked-%05u-end", drill->marked++);
    return stage_trigger(argument);
}

static bool mark_many(struct drill *drill, unsigned count)
{
    bool is_good = true;
    for (unsigned i = 0; i < count && is_good; i++)
        is_good = mark(drill);
    return is_good;
}

/* Waits until each marked start has its alert; how many have none. */
static unsigned lost(struct drill *drill)
{
    uint64_t end_ms = stage_now_ms() + ALERT_WAIT_MS;
    for (;;) {
        size_t seen = stage_alerted(drill->stage, "creance-marked-", drill->marked);
        if (seen >= drill->marked)
            return 0;
        if (stage_now_ms() > end_ms || online_is_stopped())
            return drill->marked - (unsigned)seen;
        stage_sleep_ms(LOOK_MS);
    }
}

/* Until the release is in this state. */
static bool wait_state(struct drill *drill, const char *state)
{
    uint64_t end_ms = stage_now_ms() + STATE_WAIT_MS;
    while (stage_now_ms() < end_ms && !online_is_stopped()) {
        json_t *answer = NULL;
        const json_t *row = stage_release(drill->stage, RELEASE_VERSION, &answer);
        bool is_there = row != NULL && string_equal(online_text(row, "state"), state);
        json_decref(answer);
        if (is_there)
            return true;
        stage_sleep_ms(LOOK_MS * 10);
    }
    return false;
}

/* --- the acts
 * ----------------------------------------------------------------------------------- */

static bool begin(struct drill *drill)
{
    struct stage *stage = drill->stage;
    uint64_t begin_ms = stage_now_ms();
    bool is_good = stage_write(stage, "content/rules/factory.yml", FACTORY_RULE)
                   && stage_write(stage, "etc/rules/marked.yml", MARKED_RULE)
                   && stage_write(stage, "etc/creance.yaml", "alerts:\n  single_per_minute: 0\n")
                   && stage_write(stage, "channel/content.yaml", MANIFEST)
                   && stage_write(stage, "channel/rules/291.yml", RULE)
                   && stage_write(stage, "channel/rules/291.tests.jsonl", TESTS)
                   && stage_start(stage, POLICY);
    if (!is_good)
        return false;
    uint64_t took_ms = stage_now_ms() - begin_ms;
    unsigned missing = mark_many(drill, EVENTS_BEFORE) ? lost(drill) : EVENTS_BEFORE;
    tell(drill, missing == 0, "A real agent starts beside whatever runs here",
         "it watches after %.1f s; %u process starts, %u alerts missing",
         (double)took_ms / MS_PER_S, drill->marked, missing);
    return missing == 0;
}

static bool check_content(struct drill *drill)
{
    char sources[LIMIT_PATH_BYTES];
    (void)string_copy(sources, sizeof sources, stage_path(drill->stage, "channel"));
    const char *const words[] = {"content", "check", sources, NULL};
    json_t *finding = NULL;
    int code = stage_run(drill->stage, false, &finding, words);
    bool is_refused = code == CLI_FINDING;
    tell(drill, is_refused, "The publisher runs `creance content check` on the same mistake",
         "%s: %s", is_refused ? "refused; it ends here, on 0 hosts" : "NOT refused",
         online_text(finding, "reason"));
    json_decref(finding);
    return is_refused;
}

static bool arrive(struct drill *drill)
{
    char sources[LIMIT_PATH_BYTES], bundle[LIMIT_PATH_BYTES];
    (void)string_copy(sources, sizeof sources, stage_path(drill->stage, "channel"));
    (void)string_copy(bundle, sizeof bundle, stage_path(drill->stage, "channel.bundle"));
    const char *const build[] = {"content", "build", sources, "--output", bundle, NULL};
    const char *const install[] = {"content", "install", bundle, NULL};
    json_t *ignored = NULL, *again = NULL;
    uint64_t begin_ms = stage_now_ms();
    bool is_active = stage_run(drill->stage, false, &ignored, build) == CLI_GOOD
                     && stage_run(drill->stage, true, &again, install) == CLI_GOOD
                     && wait_state(drill, "probation");
    json_decref(ignored);
    json_decref(again);
    unsigned missing = mark_many(drill, EVENTS_BEFORE) ? lost(drill) : EVENTS_BEFORE;
    tell(drill, is_active && missing == 0,
         "Suppose every check was blind and all keys signed: it arrives on this host",
         "active after %.1f s, watched; %u events with the missing field came, and nothing "
         "happened: fields are found by name, what is absent is not read (%u alerts missing)",
         (double)(stage_now_ms() - begin_ms) / MS_PER_S, EVENTS_BEFORE, missing);
    return is_active && missing == 0;
}

static bool crash(struct drill *drill)
{
    if (!mark_many(drill, EVENTS_AFTER / 2))
        return false;
    uint64_t begin_ms = stage_now_ms();
    bool is_sent = stage_signal_engine(drill->stage, SIGSEGV);
    begin_ms = is_sent ? stage_now_ms() : begin_ms;
    bool is_marked = mark_many(drill, 1);
    unsigned missing = lost(drill);
    uint64_t took_ms = stage_now_ms() - begin_ms;
    is_marked = is_marked && mark_many(drill, EVENTS_AFTER / 2);
    missing += lost(drill);
    bool is_back = is_sent && wait_state(drill, "rolled back");
    tell(drill, is_back && missing == 0,
         "Suppose the engine had that bug, too: it dies of SIGSEGV in the middle of it",
         "the host runs; watched again after %llu ms by the engine before, which had stayed warm; "
         "the release is rolled back by itself, offline",
         (unsigned long long)took_ms);
    tell(drill, is_back && is_marked && missing == 0, "The bill",
         "hosts reached 1, harmed 0, back after %llu ms (there: 78 minutes and ten days), hands "
         "needed 0 (there: one for each host), events lost %u of %u",
         (unsigned long long)took_ms, missing, drill->marked);
    return is_back && is_marked && missing == 0;
}

static enum cli_exit run(const struct call *call)
{
    struct drill drill = {.call = call};
    const char *name = options_word(call->options, 0);
    if (!string_equal(name, "channel-file-291"))
        return verb_usage_error(call, "there is no drill \"%s\"; there is: channel-file-291", name);
    if (geteuid() != 0) {
        verb_error("a drill needs root: it loads the eBPF programs of a real agent");
        return CLI_UNAVAILABLE;
    }
    online_stop_on_signals();
    drill.stage = stage_new();
    if (drill.stage == NULL)
        return CLI_UNAVAILABLE;
    tell_story(&drill);
    enum cli_exit code = CLI_UNAVAILABLE;
    if (begin(&drill))
        code = check_content(&drill) && arrive(&drill) && crash(&drill) ? CLI_GOOD : CLI_FINDING;
    else if (drill.step > 0)
        code = CLI_FINDING;
    stage_free(drill.stage);
    return code;
}

const struct verb verb_drill = {
    .name = "drill",
    .summary = "an outage of others, played on this host, live and without harm",
    .words = "NAME",
    .words_min = 1,
    .words_max = 1,
    .help = "Plays a known outage with a real agent of its own: its state, content and log lie in\n"
            "a folder under /tmp that is removed afterwards; an agent that runs here is not\n"
            "touched. What is supposed (a blind publisher, an engine with a bug) is said. It\n"
            "takes less than a minute and needs root.\n"
            "\n"
            "  channel-file-291   one field too many (19 July 2024)\n"
            "\n"
            "With --json, and in a pipe: {number, step, good, text}, one a line.\n"
            "Exit codes: 0 contained, 1 not contained, 4 not root, or no agent can be started.\n"
            "\n"
            "Examples:\n"
            "  creance drill channel-file-291\n"
            "  creance drill channel-file-291 | jq .text\n",
    .output_default = OUTPUT_JSON_WHEN_PIPED,
    .run = run,
};

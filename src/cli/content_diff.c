// SPDX-License-Identifier: Apache-2.0
/*
 * `creance content diff`: what a release takes away, and what it adds. Both are taken apart in the
 * worker; the new one is loaded, and judged by the tests of the old one too.
 */
#include "base/bytes.h"
#include "cli/content_diff.h"
#include "cli/content_input.h"
#include "content/bundle_diff.h"

#include <inttypes.h>
#include <stdlib.h>

struct content_diff {
    const struct call *call;
    struct content_input old_input, new_input;
    struct table *table;
    struct bundle_diff_counts counts;
};

static void take_row(void *context, const struct bundle_diff_row *row)
{
    struct content_diff *diff = context;
    struct output *output = diff->call->output;
    bool is_gate = bundle_difference_is_gate(row->difference);
    const char *word = bundle_difference_word(row->difference);
    if (output_is_json(output)) {
        output_json(output, json_pack("{s:s, s:b, s:o, s:i, s:o, s:o}", "what", word, "gate",
                                      is_gate, "file",
                                      output_json_bytes(row->file.data, row->file.size), "line",
                                      (int)row->line, "title", output_json_text(row->title),
                                      "detail", output_json_text(row->detail)));
        return;
    }
    char place[LIMIT_PATH_BYTES + 16];
    if (row->line > 0)
        (void)string_format(place, sizeof place, "%.*s:%u", (int)row->file.size,
                            (const char *)row->file.data, row->line);
    else
        (void)string_format(place, sizeof place, "%.*s", (int)row->file.size,
                            (const char *)row->file.data);
    const char *const cells[] = {word, place, row->title, row->detail};
    if (!result_is_ok(table_add(diff->table, is_gate ? COLOUR_RED : COLOUR_NONE, cells)))
        verb_error("memory is out: %s: %s", place, row->detail);
}

static RESULT compare(struct content_diff *diff, struct explanation *why)
{
    const struct bundle *old = &diff->old_input.bundle;
    const struct bundle *new = &diff->new_input.bundle;
    struct bytes pack = new->sections[BUNDLE_DETECTIONS];
    struct engine *engine = NULL;
    GUARD(bundle_diff(old, new, take_row, diff, &diff->counts, why));
    if (new->facts.kind != BUNDLE_RULES)
        return RESULT_OK;
    GUARD(engine_load(NULL, pack.data, pack.size, &engine, why));
    struct result result =
        bundle_diff_tests(old, new, engine, take_row, diff, &diff->counts, why);
    engine_free(engine);
    return result;
}

static void print_summary(const struct content_diff *diff)
{
    struct output *output = diff->call->output;
    const struct bundle_diff_counts *counts = &diff->counts;
    if (output_is_json(output)) {
        json_t *rows = json_object();
        for (unsigned i = 0; i < BUNDLE_DIFFERENCE_COUNT; i++)
            json_object_set_new(rows, bundle_difference_word((enum bundle_difference)i),
                                json_integer((json_int_t)counts->rows[i]));
        output_json(output, json_pack("{s:{s:I, s:o}}", "summary", "gates",
                                      (json_int_t)counts->gates, "rows", rows));
        return;
    }
    table_print(diff->table, output);
    output_line(output, "%s %" PRIu64 " to %" PRIu64 ": %" PRIu64 " detect less or may, %" PRIu64
                        " added, %" PRIu64 " widened, %" PRIu64 " changed otherwise",
                diff->new_input.bundle.facts.name, diff->old_input.bundle.facts.version,
                diff->new_input.bundle.facts.version, counts->gates, counts->rows[BUNDLE_ADDED],
                counts->rows[BUNDLE_WIDENED], counts->rows[BUNDLE_CHANGED]);
}

static enum cli_exit work(void *context, struct worker_place *place)
{
    static const char *const TITLES[] = {"WHAT", "WHERE", "TITLE", "DETAIL"};
    struct content_diff *diff = context;
    struct explanation why;
    diff->table = table_new(4, TITLES);
    enum cli_exit code = content_input_open(&diff->old_input, place);
    if (code == CLI_GOOD)
        code = content_input_open(&diff->new_input, place);
    if (code == CLI_GOOD) {
        struct result result = compare(diff, &why);
        if (result_is_ok(result)) {
            print_summary(diff);
            code = diff->counts.gates > 0 ? CLI_FINDING : CLI_GOOD;
        } else {
            verb_error("%s", why.text);
            code = result.error == ERROR_MEMORY ? CLI_UNAVAILABLE : CLI_INPUT;
        }
    }
    table_free(diff->table);
    return code;
}

enum cli_exit content_diff_between(const struct call *call, const char *old, const char *new,
                                   const char *reason)
{
    struct content_diff diff = {.call = call};
    if (reason != NULL && *reason == '\0')
        return verb_usage_error(call, "--accept-removals needs a reason: it goes into the log");
    enum cli_exit code = content_input_read(old, &diff.old_input);
    if (code == CLI_GOOD)
        code = content_input_read(new, &diff.new_input);
    if (code == CLI_GOOD)
        code = worker_run(call, work, &diff);
    if (code == CLI_FINDING && reason == NULL)
        verb_error("this release may detect less; who thinks that right says why with "
                   "--accept-removals REASON, here and when it is published");
    content_input_close(&diff.old_input);
    content_input_close(&diff.new_input);
    return code;
}

static enum cli_exit run(const struct call *call)
{
    const char *reason = options_value(call->options, "accept-removals", NULL);
    enum cli_exit code = content_diff_between(call, options_word(call->options, 0),
                                              options_word(call->options, 1), reason);
    if (code != CLI_FINDING || reason == NULL)
        return code;
    verb_error("taken as right, because: %s", reason);
    return CLI_GOOD;
}

static const struct option_row OPTIONS[] = {
    {"accept-removals", "REASON", false, "why it is right to detect less"},
    {NULL, NULL, false, NULL},
};

const struct verb verb_content_diff = {
    .name = "content diff",
    .summary = "what a release takes away, adds and changes",
    .words = "OLD NEW",
    .words_min = 2,
    .words_max = 2,
    .options = OPTIONS,
    .help =
        "Compares two bundles (or folders) of one name. Rows that are a gate:\n"
        "  removed    a rule is gone             narrowed   a detection asks for more, or may\n"
        "  muted      its level was lowered, or a policy switches it off\n"
        "  excepted   an exception is new or wider           untested   a test that must match\n"
        "  missed     an event of the old tests is not detected any more        is gone\n"
        "Others: added, widened, changed. A changed detection counts as narrowed unless it only\n"
        "has further values beside others.\n"
        "\n"
        "With --json: one object per row {what, gate, file, line, title, detail}, then\n"
        "{\"summary\"}. Exit codes: 0 nothing is taken away (or it was accepted), 1 something is,\n"
        "3 these are no two releases of one thing.\n"
        "\n"
        "Examples:\n"
        "  creance content diff creance-rules-41.bundle creance-rules-42.bundle\n"
        "  creance content diff old.bundle content --accept-removals \"rule X was wrong\"\n",
    .run = run,
};

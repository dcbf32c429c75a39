// SPDX-License-Identifier: Apache-2.0
/*
 * `creance content status`: where each release is on this host, what it waits for, and the earliest
 * time (docs/content-status.md has the words).
 */
#include "base/bytes.h"
#include "cli/online.h"
#include "cli/releases.h"
#include "update/lifecycle/waits.h"

enum { WORDS_BYTES = 256 };

static bool is_bad(const json_t *row)
{
    const char *state = online_text(row, "state");
    return string_equal(state, "rejected") || string_equal(state, "rolled back")
           || string_equal(state, "barred");
}

static enum output_colour colour_of(const json_t *row)
{
    if (is_bad(row))
        return COLOUR_RED;
    return string_equal(online_text(row, "state"), "good") ? COLOUR_GREEN : COLOUR_NONE;
}

/* "first-seen, log-age" */
static void join_waits(const json_t *row, char out[WORDS_BYTES])
{
    size_t at, length = 0;
    const json_t *wait;
    out[0] = '\0';
    json_array_foreach(json_object_get(row, "waits"), at, wait)
    {
        if (!string_format(out + length, WORDS_BYTES - length, "%s%s", at > 0 ? ", " : "",
                           online_text(wait, "word")))
            return;
        while (out[length] != '\0')
            length++;
    }
}

static enum cli_exit print_table(struct output *output, const json_t *answer)
{
    static const char *const TITLES[] = {"",          "STREAM",     "VERSION", "STATE",
                                         "WAITS FOR", "NOT BEFORE", "FAILED",  "NAME"};
    struct table *table = table_new(sizeof TITLES / sizeof TITLES[0], TITLES);
    struct result result = table == NULL ? result_fail(ERROR_MEMORY) : RESULT_OK;
    size_t at;
    const json_t *row;
    json_array_foreach(json_object_get(answer, "releases"), at, row)
    {
        char version[24], waits[WORDS_BYTES], name[13];
        (void)string_format(version, sizeof version, "%lld",
                            (long long)online_number(row, "version"));
        (void)string_format(name, sizeof name, "%.12s", online_text(row, "name"));
        join_waits(row, waits);
        const char *const cells[] = {json_is_true(json_object_get(row, "running")) ? ">" : "",
                                     online_text(row, "stream"), version,
                                     online_text(row, "state"), waits,
                                     online_text(row, "earliest"),
                                     online_text_at(row, "failure.word"), name};
        if (result_is_ok(result))
            result = table_add(table, colour_of(row), cells);
    }
    if (result_is_ok(result))
        table_print(table, output);
    table_free(table);
    if (result_is_ok(result))
        return CLI_GOOD;
    verb_error("memory is out: the list is incomplete");
    return CLI_UNAVAILABLE;
}

/* Each word that stands in the table, once, with its sentence. */
static void explain_words(struct output *output, const json_t *answer)
{
    json_t *said = json_object();
    size_t at, place;
    const json_t *row, *wait;
    json_array_foreach(json_object_get(answer, "releases"), at, row)
    {
        json_array_foreach(json_object_get(row, "waits"), place, wait)
            json_object_set(said, online_text(wait, "word"), json_object_get(wait, "text"));
        if (json_object_get(row, "failure") != NULL)
            json_object_set(said, online_text_at(row, "failure.word"),
                            json_object_get(json_object_get(row, "failure"), "text"));
    }
    const char *word;
    json_t *text;
    json_object_foreach(said, word, text)
    {
        output_part(output, COLOUR_DIM, "  %-10s ", word);
        output_line(output, "%s", json_string_value(text) != NULL ? json_string_value(text) : "");
    }
    json_decref(said);
}

static void print_head(struct output *output, const json_t *updates)
{
    const char *level = online_text(updates, "boot_level");
    bool is_normal = string_equal(level, "normal");
    output_part(output, COLOUR_BOLD, "%s runs", online_text(updates, "running"));
    output_part(output, is_normal ? COLOUR_NONE : COLOUR_RED, "; level: %s", level);
    if (!is_normal)
        output_part(output, COLOUR_NONE, " (%s)", online_text(updates, "boot_text"));
    output_part(output, COLOUR_NONE, "; enforcement: %s", online_text(updates, "enforcement"));
    size_t at;
    const json_t *word;
    json_array_foreach(json_object_get(updates, "pressure"), at, word)
        output_part(output, COLOUR_NONE, "%s%s", at == 0 ? "; under pressure of " : " and ",
                    json_string_value(word));
    output_line(output, "%s%s",
                json_is_true(json_object_get(updates, "held")) ? "; held" : "",
                json_is_true(json_object_get(updates, "pinned")) ? "; pinned" : "");
}

/* How it stands with what arrives over the network. */
static void print_arrivals(struct output *output, const json_t *updates)
{
    const json_t *arrivals = json_object_get(updates, "arrivals");
    bool is_bad_news = string_equal(online_text(arrivals, "metadata"), "refused")
                       || string_equal(online_text(arrivals, "log"), "refused");
    if (arrivals == NULL)
        return;
    output_part(output, is_bad_news ? COLOUR_RED : COLOUR_DIM, "Updates: ");
    output_line(output, "%s.", online_text(arrivals, "text"));
}

static enum cli_exit verdict(const json_t *answer)
{
    size_t at;
    const json_t *row;
    json_array_foreach(json_object_get(answer, "releases"), at, row)
        if (is_bad(row))
            return CLI_FINDING;
    return string_equal(online_text_at(answer, "updates.boot_level"), "normal") ? CLI_GOOD
                                                                                 : CLI_FINDING;
}

static enum cli_exit run(const struct call *call)
{
    json_t *answer = NULL;
    struct output *output = call->output;
    enum cli_exit code = releases_ask(call, &answer);
    if (code != CLI_GOOD)
        return code;
    enum cli_exit found = verdict(answer);
    if (output_is_json(output)) {
        output_json(output, answer);
        return found;
    }
    print_head(output, json_object_get(answer, "updates"));
    print_arrivals(output, json_object_get(answer, "updates"));
    if (json_array_size(json_object_get(answer, "releases")) == 0)
        output_line(output, "%s", "No release has arrived on this host yet.");
    else
        code = print_table(output, answer);
    if (code == CLI_GOOD)
        explain_words(output, answer);
    json_decref(answer);
    return code == CLI_GOOD ? found : code;
}

const struct verb verb_content_status = {
    .name = "content status",
    .summary = "where each release is, what it waits for, the earliest time",
    .words = "",
    .help = "Each release that this host knows: where it is on its way, what it waits for, the\n"
            "earliest time by this host's clock (none where something else than time decides),\n"
            "and why it failed last. \">\" marks what runs.\n"
            "\n"
            "With --json: {\"releases\": [...], \"updates\": {...}}.\n"
            "Exit codes: 0 good, 1 a release failed here or the host runs below its normal level,\n"
            "4 no agent runs here.\n"
            "\n"
            "Examples:\n"
            "  creance content status\n"
            "  creance content status --json\n",
    .run = run,
};

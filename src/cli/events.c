// SPDX-License-Identifier: Apache-2.0
/*
 * `creance events`: what the sensor sees, as it happens.
 */
#include "base/bytes.h"
#include "base/nearest.h"
#include "cli/event_text.h"
#include "schema/schema.h"

#include <string.h>

static const struct option_row OPTIONS[] = {
    {"kind", "KIND", true, "only events of this kind (creance fields shows all)"},
    {"form", "FORM", false, "names in JSON: ecs (default), sigma or schema"},
    {0},
};

/* Says that there is no such name, and which one may be meant. */
static enum cli_exit refuse_name(const struct call *call, const char *what, const char *name,
                                 const char *best)
{
    if (best == NULL)
        return verb_usage_error(call, "there is no %s \"%s\"; `creance fields` shows all", what,
                                name);
    return verb_usage_error(call, "there is no %s \"%s\"; did you mean \"%s\"?", what, name, best);
}

static enum cli_exit check_field(const struct call *call, const char *name)
{
    enum event_field found;
    struct nearest nearest = nearest_to(name);
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        const struct schema_field *row = schema_field((enum event_field)i);
        nearest_offer(&nearest, row->name);
        nearest_offer(&nearest, row->sigma[0]);
        nearest_offer(&nearest, row->ecs);
    }
    return schema_find_field(name, &found) ? CLI_GOOD
                                           : refuse_name(call, "field", name, nearest.best);
}

static enum cli_exit check_kind(const struct call *call, const char *name)
{
    enum event_kind found;
    struct nearest nearest = nearest_to(name);
    for (unsigned i = 0; i < EVENT_KIND_COUNT; i++)
        nearest_offer(&nearest, schema_kind((enum event_kind)i)->name);
    return schema_find_kind(name, &found) ? CLI_GOOD
                                          : refuse_name(call, "event kind", name, nearest.best);
}

/* Adds the words FIELD=VALUE. */
static enum cli_exit add_filters(const struct call *call, json_t *where)
{
    for (size_t i = 0; i < options_word_count(call->options); i++) {
        const char *word = options_word(call->options, i);
        const char *equals = strchr(word, '=');
        if (equals == NULL || equals == word)
            return verb_usage_error(call, "\"%s\" is not of the form FIELD=VALUE", word);
        char name[128];
        string_format(name, sizeof name, "%.*s", (int)(equals - word), word);
        enum cli_exit code = check_field(call, name);
        if (code != CLI_GOOD)
            return code;
        json_array_append_new(where,
                              json_pack("{s:o, s:o}", "field",
                                        json_stringn(word, (size_t)(equals - word)), "value",
                                        output_json_text(equals + 1)));
    }
    return CLI_GOOD;
}

static enum cli_exit make_request(const struct call *call, json_t **ret_request)
{
    bool is_json = output_is_json(call->output);
    const char *form = options_value(call->options, "form", is_json ? "ecs" : "schema");
    if (!is_json && options_has(call->options, "form"))
        return verb_usage_error(call, "--form is for --json only");
    json_t *where = json_array();
    json_t *request = json_pack("{s:s, s:o, s:s}", "verb", "events", "where", where, "form", form);
    enum cli_exit code = add_filters(call, where);
    if (options_count(call->options, "kind") > 0) {
        json_t *kinds = json_array();
        for (size_t i = 0; code == CLI_GOOD && i < options_count(call->options, "kind"); i++) {
            const char *kind = options_value_at(call->options, "kind", i);
            code = check_kind(call, kind);
            json_array_append_new(kinds, output_json_text(kind));
        }
        json_object_set_new(request, "kinds", kinds);
    }
    if (code == CLI_GOOD)
        *ret_request = request;
    else
        json_decref(request);
    return code;
}

static void print_piece(struct output *output, const char *name, json_t *value)
{
    if (string_equal(name, "event")) {
        if (output_is_json(output))
            output_json(output, json_incref(value));
        else
            event_text_print(output, value);
    } else if (string_equal(name, "lost")) {
        /* Never silent: in the stream itself. */
        if (output_is_json(output))
            output_json(output, json_pack("{s:O}", "lost", value));
        else
            output_line(output, "--- %lld events were not shown: this viewer was too slow",
                        (long long)json_integer_value(value));
    }
    json_decref(value);
}

static enum cli_exit run(const struct call *call)
{
    json_t *request = NULL;
    struct online *online = NULL;
    enum cli_exit code = make_request(call, &request);
    if (code == CLI_GOOD)
        code = online_open(call, request, &online);
    if (code != CLI_GOOD)
        return code;
    online_stop_on_signals();
    struct explanation why = {""};
    struct result result = RESULT_OK;
    while (!online_is_stopped() && !output_is_closed(call->output)) {
        const char *name;
        json_t *value;
        result = online_next(online, 1000, &name, &value, &why);
        if (result_is_ok(result))
            print_piece(call->output, name, value);
        else if (result.error != ERROR_AGAIN)
            break;
        else
            result_ignore(output_flush(call->output)); /* main.c looks at it at the end */
    }
    online_close(online);
    bool is_good = result_is_ok(result) || result.error == ERROR_AGAIN || online_is_stopped();
    return is_good ? CLI_GOOD : online_failed(result, &why);
}

const struct verb verb_events = {
    .name = "events",
    .summary = "what is seen on this host, as it happens",
    .words = "[FIELD=VALUE...]",
    .words_max = OPTIONS_ANY_WORDS,
    .options = OPTIONS,
    .help = "Shows events of this host until Ctrl-C. FIELD is a name from `creance fields` (of\n"
            "the schema, of Sigma or of ECS); VALUE may hold * for any text. All must hold.\n"
            "A viewer that is too slow is told how many events it did not get.\n"
            "\n"
            "Examples:\n"
            "  creance events\n"
            "  creance events --kind process_start 'Image=*/curl'\n"
            "  creance events --json --kind file_create user_name=root | head -3\n",
    .run = run,
};

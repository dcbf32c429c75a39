// SPDX-License-Identifier: Apache-2.0
/*
 * `creance fields`: the schema and the counters, from their tables. docs/events.md and
 * docs/counters.md are its output; the style check compares them.
 */
#include "base/counters.h"
#include "cli/verb.h"
#include "schema/schema.h"

#include "base/bytes.h"

static json_t *kind_object(const struct schema_kind *kind)
{
    json_t *fields = json_array();
    json_t *categories = json_array();
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if ((kind->fields >> i & 1) != 0)
            json_array_append_new(fields, json_string(schema_field((enum event_field)i)->name));
    }
    for (size_t i = 0; i < 2; i++) {
        if (*kind->categories[i] != '\0')
            json_array_append_new(categories, json_string(kind->categories[i]));
    }
    return json_pack("{s:s, s:s, s:o, s:s, s:s, s:i, s:s, s:o}", "type", "kind", "name",
                     kind->name, "sigma_categories", categories, "ecs_category",
                     kind->ecs_category, "ecs_action", kind->ecs_action, "since",
                     (int)kind->since, "doc", kind->doc, "fields", fields);
}

static json_t *field_object(const struct schema_field *field)
{
    json_t *sigma = json_array();
    for (size_t i = 0; i < 2; i++) {
        if (*field->sigma[i] != '\0')
            json_array_append_new(sigma, json_string(field->sigma[i]));
    }
    return json_pack("{s:s, s:s, s:s, s:I, s:o, s:s, s:i, s:s}", "type", "field", "name",
                     field->name, "values", schema_type_name(field->type), "limit_bytes",
                     (json_int_t)field->limit, "sigma", sigma, "ecs", field->ecs, "since",
                     (int)field->since, "doc", field->doc);
}

static json_t *counter_object(const struct counter_row *row)
{
    return json_pack("{s:s, s:s, s:b, s:s}", "type", "counter", "name", row->name, "loss",
                     row->is_loss, "doc", row->doc);
}

static void print_json(struct output *output, bool with_counters)
{
    for (size_t i = 0; with_counters && i < COUNTER_COUNT; i++)
        output_json(output, counter_object(counter_row((enum counter)i)));
    for (size_t i = 0; !with_counters && i < EVENT_KIND_COUNT; i++)
        output_json(output, kind_object(schema_kind((enum event_kind)i)));
    for (size_t i = 0; !with_counters && i < FIELD_COUNT; i++)
        output_json(output, field_object(schema_field((enum event_field)i)));
}

/* "A, B", "A" or "" for the two names that rows have. */
static void join_names(const char *const names[2], char *out, size_t size)
{
    string_format(out, size, "%s%s%s", names[0], *names[1] != '\0' ? ", " : "", names[1]);
}

static void print_kinds_markdown(struct output *output)
{
    output_raw(output, "## Kinds of events\n\n"
                       "| kind | Sigma category | ECS category | ECS action | since | what |\n"
                       "|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < EVENT_KIND_COUNT; i++) {
        const struct schema_kind *kind = schema_kind((enum event_kind)i);
        char names[128];
        join_names(kind->categories, names, sizeof names);
        output_line(output, "| `%s` | %s | %s | %s | %u | %s |", kind->name, names,
                    kind->ecs_category, kind->ecs_action, kind->since, kind->doc);
    }
}

static void print_fields_markdown(struct output *output)
{
    output_raw(output, "\n## Fields\n\n"
                       "Longer values are cut at the limit and flagged.\n\n"
                       "| field | values | limit in bytes | Sigma | ECS | since | what |\n"
                       "|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const struct schema_field *field = schema_field((enum event_field)i);
        char names[128];
        join_names(field->sigma, names, sizeof names);
        output_line(output, "| `%s` | %s | %zu | %s | `%s` | %u | %s |", field->name,
                    schema_type_name(field->type), field->limit, names, field->ecs, field->since,
                    field->doc);
    }
}

static void print_supplied_markdown(struct output *output)
{
    output_raw(output, "\n## Which kind supplies which fields\n\n"
                       "A field is there where it could be observed.\n");
    for (size_t i = 0; i < EVENT_KIND_COUNT; i++) {
        const struct schema_kind *kind = schema_kind((enum event_kind)i);
        const char *before = "";
        output_line(output, "%s", "");
        output_part(output, COLOUR_NONE, "- `%s`: ", kind->name);
        for (size_t field = 0; field < FIELD_COUNT; field++) {
            if ((kind->fields >> field & 1) == 0)
                continue;
            output_part(output, COLOUR_NONE, "%s`%s`", before,
                        schema_field((enum event_field)field)->name);
            before = ", ";
        }
    }
    output_line(output, "%s", "");
}

static void print_counters_markdown(struct output *output)
{
    output_raw(output, "# Counters\n\n"
                       "Made from `src/base/counters.def` by `creance fields --counters "
                       "--markdown`.\n"
                       "A *loss* means that something was not seen, cut or dropped: "
                       "`creance status` warns when it grows.\n\n"
                       "| counter | loss | what |\n|---|---|---|\n");
    for (size_t i = 0; i < COUNTER_COUNT; i++) {
        const struct counter_row *row = counter_row((enum counter)i);
        output_line(output, "| `%s` | %s | %s |", row->name, row->is_loss ? "yes" : "", row->doc);
    }
}

static void print_markdown(struct output *output, bool with_counters)
{
    if (with_counters) {
        print_counters_markdown(output);
        return;
    }
    output_raw(output, "# Events\n\n"
                       "Made from `src/schema/events.def` by `creance fields --markdown`.\n\n");
    print_kinds_markdown(output);
    print_fields_markdown(output);
    print_supplied_markdown(output);
}

static RESULT print_table(struct output *output, bool with_counters)
{
    static const char *const FIELD_TITLES[] = {"FIELD", "VALUES", "SIGMA", "ECS", "WHAT"};
    static const char *const COUNTER_TITLES[] = {"COUNTER", "LOSS", "WHAT"};
    struct table *table = with_counters ? table_new(3, COUNTER_TITLES) : table_new(5, FIELD_TITLES);
    if (table == NULL)
        return result_fail(ERROR_MEMORY);
    struct result result = RESULT_OK;
    size_t count = with_counters ? (size_t)COUNTER_COUNT : (size_t)FIELD_COUNT;
    for (size_t i = 0; i < count && result_is_ok(result); i++) {
        if (with_counters) {
            const struct counter_row *row = counter_row((enum counter)i);
            const char *cells[] = {row->name, row->is_loss ? "loss" : "", row->doc};
            result = table_add(table, COLOUR_NONE, cells);
        } else {
            const struct schema_field *field = schema_field((enum event_field)i);
            char names[128];
            join_names(field->sigma, names, sizeof names);
            const char *cells[] = {field->name, schema_type_name(field->type), names, field->ecs,
                                   field->doc};
            result = table_add(table, COLOUR_NONE, cells);
        }
    }
    if (result_is_ok(result))
        table_print(table, output);
    table_free(table);
    return result;
}

static enum cli_exit run(const struct call *call)
{
    bool with_counters = options_has(call->options, "counters");
    if (options_has(call->options, "markdown") && options_has(call->options, "json"))
        return verb_usage_error(call, "--markdown and --json exclude each other");
    if (options_has(call->options, "markdown")) {
        print_markdown(call->output, with_counters);
    } else if (output_is_json(call->output)) {
        print_json(call->output, with_counters);
    } else if (!result_is_ok(print_table(call->output, with_counters))) {
        verb_error("memory is out");
        return CLI_UNAVAILABLE;
    }
    return CLI_GOOD;
}

static const struct option_row OPTIONS[] = {
    {"markdown", NULL, false, "print the reference page (docs/events.md)"},
    {"counters", NULL, false, "the counters instead of the events (docs/counters.md)"},
    {0},
};

const struct verb verb_fields = {
    .name = "fields",
    .summary = "the fields of events, with their names in Sigma and ECS; the counters",
    .words = "",
    .options = OPTIONS,
    .help = "Prints the schema of events. Rules may use any of a field's names.\n\n"
            "Examples:\n"
            "  creance fields\n"
            "  creance fields --json | grep CommandLine\n"
            "  creance fields --counters\n"
            "  creance fields --markdown > docs/events.md\n",
    .run = run,
};

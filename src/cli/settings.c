// SPDX-License-Identifier: Apache-2.0
/*
 * `creance settings`: what creance.yaml may hold, from its table. docs/settings.md is its output;
 * the style check compares them.
 */
#include "base/bytes.h"
#include "base/limits.h"
#include "cli/verb.h"

struct setting {
    const char *group, *name, *doc;
    bool is_flag;
    uint64_t fallback, smallest, largest;
};

static const struct setting SETTINGS[] = {
#define NUMBER(id, group, name, fallback, smallest, largest, doc) \
    {group, name, doc, false, fallback, smallest, largest},
#define FLAG(id, group, name, fallback, doc) {group, name, doc, true, fallback, 0, 1},
#include "agent/control/configuration.def"
};
enum { SETTING_COUNT = sizeof SETTINGS / sizeof SETTINGS[0], CELL_BYTES = 64 };

static void format_name(const struct setting *setting, char out[CELL_BYTES])
{
    string_format(out, CELL_BYTES, "%s.%s", setting->group, setting->name);
}

static void format_default(const struct setting *setting, char out[CELL_BYTES])
{
    if (setting->is_flag)
        string_copy(out, CELL_BYTES, setting->fallback != 0 ? "true" : "false");
    else
        string_format(out, CELL_BYTES, "%llu", (unsigned long long)setting->fallback);
}

static void format_range(const struct setting *setting, char out[CELL_BYTES])
{
    if (setting->is_flag)
        string_copy(out, CELL_BYTES, "true or false");
    else
        string_format(out, CELL_BYTES, "%llu to %llu", (unsigned long long)setting->smallest,
                      (unsigned long long)setting->largest);
}

static void print_json(struct output *output)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *setting = &SETTINGS[i];
        json_t *fallback = setting->is_flag ? json_boolean(setting->fallback != 0)
                                            : json_integer((json_int_t)setting->fallback);
        output_json(output, json_pack("{s:s, s:s, s:o, s:I, s:I, s:s}", "group", setting->group,
                                      "name", setting->name, "default", fallback, "smallest",
                                      (json_int_t)setting->smallest, "largest",
                                      (json_int_t)setting->largest, "doc", setting->doc));
    }
}

static void print_markdown(struct output *output)
{
    output_raw(output,
               "# Settings\n\n"
               "Made from `src/agent/control/configuration.def` by "
               "`creance settings --markdown`.\n\n"
               "`/etc/creance/creance.yaml` (with `--state DIR`: `DIR/etc/creance.yaml`) holds\n"
               "groups of settings. All are optional; a change is taken within seconds. A file\n"
               "with a fault is refused whole and what was in force stays: `creance status` says\n"
               "why.\n\n"
               "```yaml\n"
               "alerts:\n"
               "  single_per_minute: 50\n"
               "```\n\n"
               "| setting | default | values | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        char name[CELL_BYTES], fallback[CELL_BYTES], range[CELL_BYTES];
        format_name(&SETTINGS[i], name);
        format_default(&SETTINGS[i], fallback);
        format_range(&SETTINGS[i], range);
        output_line(output, "| `%s` | %s | %s | %s |", name, fallback, range, SETTINGS[i].doc);
    }
}

static RESULT print_table(struct output *output)
{
    static const char *const TITLES[] = {"SETTING", "DEFAULT", "VALUES", "MEANING"};
    struct table *table = table_new(4, TITLES);
    struct result result = table == NULL ? result_fail(ERROR_MEMORY) : RESULT_OK;
    for (size_t i = 0; i < SETTING_COUNT && result_is_ok(result); i++) {
        char name[CELL_BYTES], fallback[CELL_BYTES], range[CELL_BYTES];
        format_name(&SETTINGS[i], name);
        format_default(&SETTINGS[i], fallback);
        format_range(&SETTINGS[i], range);
        const char *const cells[] = {name, fallback, range, SETTINGS[i].doc};
        result = table_add(table, COLOUR_NONE, cells);
    }
    if (result_is_ok(result))
        table_print(table, output);
    table_free(table);
    return result;
}

static enum cli_exit run(const struct call *call)
{
    bool is_markdown = options_has(call->options, "markdown");
    if (is_markdown && output_is_json(call->output))
        return verb_usage_error(call, "--json and --markdown exclude each other");
    struct result result = RESULT_OK;
    if (is_markdown)
        print_markdown(call->output);
    else if (output_is_json(call->output))
        print_json(call->output);
    else
        result = print_table(call->output);
    if (result_is_ok(result))
        return CLI_GOOD;
    verb_error("memory is out");
    return CLI_UNAVAILABLE;
}

static const struct option_row OPTIONS[] = {
    {"markdown", NULL, false, "as the page docs/settings.md"},
    {0},
};

const struct verb verb_settings = {
    .name = "settings",
    .summary = "what the configuration file may hold, with defaults",
    .words = "",
    .options = OPTIONS,
    .help = "Shows every setting of creance.yaml with its default, its values and what it means.\n"
            "\n"
            "Examples:\n"
            "  creance settings\n"
            "  creance settings --json | jq -r .name\n",
    .run = run,
};

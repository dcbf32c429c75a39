// SPDX-License-Identifier: Apache-2.0
#include "cli/rules_live.h"

#include "base/bytes.h"
#include "cli/online.h"

enum { ANSWER_WAIT_MS = 10000 };

struct rules_live {
    const struct call *call;
    struct table *table; /* NULL in JSON */
    json_t *summary;
    json_int_t left_out;
};

static RESULT add_row(struct rules_live *live, const json_t *rule)
{
    const char *state = online_text(rule, "state");
    const char *title = online_text(rule, "title");
    const char *reason = online_text(rule, "reason");
    const json_t *hits = json_object_get(rule, "hits");
    char count[24] = "";
    if (json_is_integer(hits))
        string_format(count, sizeof count, "%lld", (long long)json_integer_value(hits));
    const char *const cells[] = {state, online_text(rule, "level"), count,
                                 *title != '\0' ? title : online_text(rule, "file"),
                                 *reason != '\0' ? reason : online_text(rule, "tags")};
    bool is_red = string_equal(state, "rejected") || string_equal(state, "off");
    enum output_colour colour = is_red                            ? COLOUR_RED
                                : string_equal(state, "inactive") ? COLOUR_DIM
                                                                  : COLOUR_NONE;
    return table_add(live->table, colour, cells);
}

static RESULT take_piece(struct rules_live *live, const char *name, json_t *value)
{
    if (string_equal(name, "rule")) {
        if (live->table != NULL)
            return add_row(live, value);
        output_json(live->call->output, json_incref(value));
    } else if (string_equal(name, "rules")) {
        json_decref(live->summary);
        live->summary = json_incref(value);
    } else if (string_equal(name, "left_out")) {
        live->left_out = json_integer_value(value);
    }
    return RESULT_OK;
}

static enum cli_exit take_all(struct rules_live *live, struct online *online)
{
    for (;;) {
        const char *name;
        json_t *value = NULL;
        struct explanation why = {""};
        struct result result = online_next(online, ANSWER_WAIT_MS, &name, &value, &why);
        if (result.error == ERROR_NOT_FOUND)
            return CLI_GOOD;
        if (!result_is_ok(result))
            return online_failed(result, &why);
        result = take_piece(live, name, value);
        json_decref(value);
        if (!result_is_ok(result)) {
            verb_error("memory is out: the list is incomplete");
            return CLI_UNAVAILABLE;
        }
    }
}

static void print_summary(const struct rules_live *live)
{
    output_line(live->call->output, "%lld loaded, %lld inactive, %lld rejected",
                (long long)online_number(live->summary, "loaded"),
                (long long)online_number(live->summary, "inactive"),
                (long long)online_number(live->summary, "rejected"));
    if (live->left_out > 0)
        output_line(live->call->output, "%lld more rules did not fit into the agent's report",
                    (long long)live->left_out);
}

enum cli_exit rules_list_live(const struct call *call)
{
    static const char *const TITLES[] = {"STATE", "LEVEL", "ALERTS", "RULE",
                                         "TAGS, OR WHY NOT"};
    struct rules_live live = {.call = call};
    struct online *online = NULL;
    enum cli_exit code = online_open(call, json_pack("{s:s}", "verb", "rules"), &online);
    if (code != CLI_GOOD)
        return code;
    if (!output_is_json(call->output)) {
        live.table = table_new(5, TITLES);
        if (live.table == NULL) {
            online_close(online);
            verb_error("memory is out");
            return CLI_UNAVAILABLE;
        }
    }
    code = take_all(&live, online);
    online_close(online);
    if (live.table != NULL && code == CLI_GOOD) {
        table_print(live.table, call->output);
        print_summary(&live);
    }
    table_free(live.table);
    json_decref(live.summary);
    return code;
}

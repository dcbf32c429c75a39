// SPDX-License-Identifier: Apache-2.0
/*
 * `creance rules top`: what the rules of the running agent cost.
 */
#include "base/bytes.h"
#include "cli/online.h"
#include "cli/rule_costs.h"

#include <stdlib.h>

enum { ANSWER_WAIT_MS = 10000, ROWS_SHOWN = 20, ROWS_MAX = 1000000 };

struct top {
    const struct call *call;
    json_t *rules; /* pieces of the answer: the texts of the rows */
    struct rule_costs costs;
    bool is_measured;
};

static uint64_t number(const json_t *object, const char *name)
{
    json_int_t value = online_number(object, name);
    return value > 0 ? (uint64_t)value : 0;
}

static RESULT take_piece(struct top *top, const char *name, json_t *value)
{
    if (string_equal(name, "rules")) {
        const json_t *measured = json_object_get(value, "measured");
        top->is_measured = json_is_object(measured);
        top->costs.measured = (struct engine_measured){
            .events = number(measured, "events"),
            .measured = number(measured, "measured"),
            .ns = number(measured, "ns"),
            .scan_ns = number(measured, "scan_ns"),
        };
    } else if (string_equal(name, "rule") && json_is_object(json_object_get(value, "cost"))) {
        return json_array_append(top->rules, value) == 0 ? RESULT_OK : result_fail(ERROR_MEMORY);
    }
    return RESULT_OK;
}

static enum cli_exit take_all(struct top *top, struct online *online)
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
        result = take_piece(top, name, value);
        json_decref(value);
        if (!result_is_ok(result)) {
            verb_error("memory is out");
            return CLI_UNAVAILABLE;
        }
    }
}

static enum cli_exit print(struct top *top, size_t limit)
{
    size_t count = json_array_size(top->rules);
    top->costs.rows = calloc(count + 1, sizeof top->costs.rows[0]);
    if (top->costs.rows == NULL) {
        verb_error("memory is out");
        return CLI_UNAVAILABLE;
    }
    if (!top->is_measured)
        verb_error("the engine has measured no event yet: ask again in a moment");
    for (size_t i = 0; i < count; i++) {
        const json_t *rule = json_array_get(top->rules, i);
        const json_t *cost = json_object_get(rule, "cost");
        const char *title = online_text(rule, "title");
        top->costs.rows[top->costs.count++] = (struct rule_cost){
            .title = *title != '\0' ? title : online_text(rule, "file"),
            .id = online_text(rule, "id"),
            .file = online_text(rule, "file"),
            .account = {number(cost, "matches"), number(cost, "evaluations"), number(cost, "ns")},
        };
    }
    struct result result = rule_costs_print(&top->costs, limit, top->call->output);
    free(top->costs.rows);
    if (!result_is_ok(result)) {
        verb_error("memory is out");
        return CLI_UNAVAILABLE;
    }
    return top->is_measured ? CLI_GOOD : CLI_UNAVAILABLE;
}

static enum cli_exit run(const struct call *call)
{
    struct top top = {.call = call, .rules = json_array()};
    struct online *online = NULL;
    uint64_t limit = ROWS_SHOWN;
    const char *count = options_value(call->options, "count", NULL);
    if (count != NULL && !result_is_ok(number_parse(count, ROWS_MAX, &limit))) {
        json_decref(top.rules);
        return verb_usage_error(call, "--count %s: expected a number", count);
    }
    enum cli_exit code = online_open(call, json_pack("{s:s}", "verb", "rules"), &online);
    if (code == CLI_GOOD)
        code = take_all(&top, online);
    online_close(online);
    if (code == CLI_GOOD)
        code = print(&top, (size_t)limit);
    json_decref(top.rules);
    return code;
}

static const struct option_row OPTIONS[] = {
    {"count", "N", false, "how many rules are shown (default 20; 0: all)"},
    {0},
};

const struct verb verb_rules_top = {
    .name = "rules top",
    .summary = "what each rule costs: its share of time, evaluations, matches",
    .words = "",
    .options = OPTIONS,
    .help =
        "Lists the dearest rules of the running agent since it loaded them. The engine measures\n"
        "one event in 512; matches are counted in all.\n"
        "\n"
        "  TIME       share of all computing time that judging events takes\n"
        "  NS/EVENT   the same, in nanoseconds, spread over all events\n"
        "  EVALUATED  in how many of the events the rule was a candidate: some text of it was\n"
        "             found, and its condition had to be judged\n"
        "  NS EACH    what one such evaluation takes\n"
        "  MATCHES    how often it matched (floods are counted too, see docs/rules.md)\n"
        "\n"
        "With --json: one object per rule, then one with the sums. `creance replay --top` says\n"
        "the same of a recording, with every event measured.\n"
        "\n"
        "Examples:\n"
        "  creance rules top\n"
        "  creance rules top --count 0 --json\n",
    .run = run,
};

// SPDX-License-Identifier: Apache-2.0
#include "cli/rule_costs.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

enum { CELL_BYTES = 32 };

static int by_cost(const void *left, const void *right)
{
    const struct rule_cost *a = left;
    const struct rule_cost *b = right;
    if (a->account.ns != b->account.ns)
        return a->account.ns > b->account.ns ? -1 : 1;
    if (a->account.matches != b->account.matches)
        return a->account.matches > b->account.matches ? -1 : 1;
    return strcmp(a->title, b->title);
}

static double ratio(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0;
}

static void print_row_json(const struct rule_costs *costs, const struct rule_cost *row,
                           struct output *output)
{
    const struct engine_account *account = &row->account;
    output_json(output,
                json_pack("{s:o, s:o, s:o, s:I, s:f, s:f, s:f, s:f}", "title",
                          output_json_text(row->title), "id", output_json_text(row->id), "file",
                          output_json_text(row->file), "matches", (json_int_t)account->matches,
                          "evaluated", ratio(account->evaluations, costs->measured.measured),
                          "ns_per_evaluation", ratio(account->ns, account->evaluations),
                          "ns_per_event", ratio(account->ns, costs->measured.measured), "share",
                          ratio(account->ns, costs->measured.ns)));
}

static void print_end_json(const struct rule_costs *costs, struct output *output)
{
    const struct engine_measured *measured = &costs->measured;
    output_json(output, json_pack("{s:I, s:I, s:f, s:f}", "events", (json_int_t)measured->events,
                                  "measured", (json_int_t)measured->measured, "ns_per_event",
                                  ratio(measured->ns, measured->measured), "scan_ns_per_event",
                                  ratio(measured->scan_ns, measured->measured)));
}

static RESULT add_row(const struct rule_costs *costs, const struct rule_cost *row,
                      struct table *table)
{
    const struct engine_account *account = &row->account;
    char share[CELL_BYTES], event[CELL_BYTES], evaluation[CELL_BYTES], evaluated[CELL_BYTES],
        matches[CELL_BYTES];
    string_format(share, CELL_BYTES, "%.1f %%", 100 * ratio(account->ns, costs->measured.ns));
    string_format(event, CELL_BYTES, "%.1f", ratio(account->ns, costs->measured.measured));
    string_format(evaluation, CELL_BYTES, "%.0f", ratio(account->ns, account->evaluations));
    string_format(evaluated, CELL_BYTES, "%.2f %%",
                  100 * ratio(account->evaluations, costs->measured.measured));
    string_format(matches, CELL_BYTES, "%llu", (unsigned long long)account->matches);
    const char *const cells[] = {share, event, evaluated, evaluation, matches, row->title};
    return table_add(table, COLOUR_NONE, cells);
}

static RESULT print_text(const struct rule_costs *costs, size_t shown, struct output *output)
{
    static const char *const TITLES[] = {"TIME", "NS/EVENT", "EVALUATED", "NS EACH", "MATCHES",
                                         "RULE"};
    const struct engine_measured *measured = &costs->measured;
    struct table *table = table_new(sizeof TITLES / sizeof TITLES[0], TITLES);
    struct result result = table != NULL ? RESULT_OK : result_fail(ERROR_MEMORY);
    for (size_t i = 0; i < shown && result_is_ok(result); i++)
        result = add_row(costs, &costs->rows[i], table);
    if (result_is_ok(result))
        table_print(table, output);
    table_free(table);
    output_line(output,
                "%.0f ns an event, of which %.0f find the candidates (%.1f %%); %llu of %llu "
                "events were measured",
                ratio(measured->ns, measured->measured),
                ratio(measured->scan_ns, measured->measured),
                100 * ratio(measured->scan_ns, measured->ns),
                (unsigned long long)measured->measured, (unsigned long long)measured->events);
    return result;
}

RESULT rule_costs_print(struct rule_costs *costs, size_t limit, struct output *output)
{
    if (costs->count > 0)
        qsort(costs->rows, costs->count, sizeof costs->rows[0], by_cost);
    size_t shown = 0;
    while (shown < costs->count && (limit == 0 || shown < limit)
           && (costs->rows[shown].account.ns > 0 || costs->rows[shown].account.matches > 0))
        shown++;
    if (!output_is_json(output))
        return print_text(costs, shown, output);
    for (size_t i = 0; i < shown; i++)
        print_row_json(costs, &costs->rows[i], output);
    print_end_json(costs, output);
    return RESULT_OK;
}

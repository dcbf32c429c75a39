// SPDX-License-Identifier: Apache-2.0
#include "agent/control/answer.h"

#include "agent/control/alert_tail.h"
#include "agent/control/releases.h"
#include "agent/control/rules_off.h"
#include "agent/rules_report.h"
#include "base/bytes.h"
#include "sensor/process_table.h"

#include <stdlib.h>
#include <string.h>

struct answer {
    struct answer_sources sources;
    struct request request;
    uint64_t next;       /* slot of the process table; row of the rules */
    uint64_t generation; /* of the rules that are being told */
    struct alert_tail *tail;
};

RESULT answer_new(const struct answer_sources *sources, const struct request *request,
                  struct answer **ret_answer)
{
    struct answer *answer = calloc(1, sizeof *answer);
    if (answer == NULL)
        return result_fail(ERROR_MEMORY);
    answer->sources = *sources;
    answer->request = *request;
    if (request->verb == REQUEST_ALERTS) {
        answer->tail = alert_tail_new(sources->log_folder, sources->alerts, request->last,
                                      request->follow);
        if (answer->tail == NULL) {
            free(answer);
            return result_fail(ERROR_MEMORY);
        }
    }
    *ret_answer = answer;
    return RESULT_OK;
}

void answer_free(struct answer *answer)
{
    if (answer == NULL)
        return;
    alert_tail_free(answer->tail);
    free(answer);
}

static enum answer_state fail(struct line_queue *queue, const char *sentence)
{
    /* Where even this does not fit, the missing "end" tells the client. */
    result_ignore(line_queue_add_json(queue, "error", json_foreign_text(sentence)));
    return ANSWER_DONE;
}

static enum answer_state end(struct line_queue *queue)
{
    result_ignore(line_queue_add_json(queue, "end", json_true())); /* as in fail() */
    return ANSWER_DONE;
}

/* --- status ----------------------------------------------------------------------------------- */

static enum answer_state fill_status(struct answer *answer, struct line_queue *queue)
{
    struct result result =
        line_queue_add_json(queue, "status", health_status(answer->sources.health));
    return result_is_ok(result) ? end(queue) : fail(queue, "memory is out");
}

/* --- processes -------------------------------------------------------------------------------- */

static json_t *process_id_json(const char *boot_id, struct process_key key)
{
    char id[PROCESS_ID_BYTES];
    size_t size = process_id_format(boot_id, key, id);
    return json_foreign(id, size);
}

static json_t *process_json(const struct answer_sources *sources, const struct process_info *info)
{
    char started[CLOCK_TEXT_BYTES];
    clock_format(clock_wall_ns(sources->clock) - clock_boottime_ns(sources->clock)
                     + info->key.start_ns,
                 started);
    json_t *object = json_pack(
        "{s:o, s:I, s:o, s:o, s:o, s:I, s:I, s:s, s:b, s:b}",
        "id", process_id_json(sources->boot_id, info->key), "pid", (json_int_t)info->key.pid,
        "name", json_foreign(info->name, info->name_size),
        "executable", json_foreign(info->executable, info->executable_size),
        "command_line", json_foreign(info->arguments, info->arguments_size),
        "user_id", (json_int_t)info->user_id, "effective_user_id",
        (json_int_t)info->user_effective_id, "started", started, "ended", info->end_ns != 0,
        "kernel_thread", (info->flags & PROCESS_KERNEL_THREAD) != 0);
    if (object != NULL && info->parent.pid != 0) {
        json_put(object, "parent_id", process_id_json(sources->boot_id, info->parent));
        json_put(object, "parent_pid", json_integer((json_int_t)info->parent.pid));
    }
    if (object != NULL && info->container_size > 0)
        json_put(object, "container", json_foreign(info->container, info->container_size));
    return object;
}

static enum answer_state fill_processes(struct answer *answer, struct line_queue *queue)
{
    const struct process_table *table = answer->sources.table;
    if (table == NULL)
        return fail(queue, "there is no process table: the sensor never ran");
    while (line_queue_wants(queue) && answer->next < process_table_used(table)) {
        struct process_info info;
        if (!result_is_ok(process_table_read(table, (unsigned)answer->next++, &info)))
            continue; /* empty, or being written */
        if (!result_is_ok(line_queue_add_json(queue, "process",
                                              process_json(&answer->sources, &info))))
            return fail(queue, "memory is out");
    }
    return answer->next < process_table_used(table) ? ANSWER_MORE : end(queue);
}

/* --- rules ------------------------------------------------------------------------------------ */

struct rules_visit {
    struct line_queue *queue;
    const struct answer_sources *sources;
    const struct rules_costs *costs; /* NULL: not known */
    uint64_t row, first; /* rows before `first` were told already */
    bool is_full, is_out_of_memory;
};

static json_t *hits_json(const struct rule_hits *hits, const struct rule_report_row *row)
{
    uint64_t count;
    return rule_hits_get(hits, row->digest, &count) ? json_number(count) : json_null();
}

/* What is loaded may be switched off all the same. */
static json_t *reason_json(const struct rule_report_row *row, const struct tree_rule_off *off,
                           const struct clock *clock)
{
    if (off == NULL)
        return json_foreign(row->reason.data, row->reason.size);
    char until[CLOCK_TEXT_BYTES], reason[EXPLANATION_BYTES];
    rules_off_until(off, clock, until);
    (void)string_format(reason, sizeof reason,
                        "the engine crashed, hung or ran out of memory in it (%u times); it is "
                        "tried again at %s",
                        off->trips, until);
    return json_string(reason);
}

/* Null where the engine has not told it, or has judged no event yet. */
static json_t *cost_json(const struct rules_visit *visit)
{
    if (visit->costs == NULL || visit->row > LIMIT_FLIGHT_RULES)
        return json_null();
    const struct engine_account *account = &visit->costs->rows[visit->row - 1];
    return json_pack("{s:o, s:o, s:o}", "matches", json_number(account->matches), "evaluations",
                     json_number(account->evaluations), "ns", json_number(account->ns));
}

static json_t *rule_json(const struct rules_visit *visit, const struct rule_report_row *row)
{
    const struct answer_sources *sources = visit->sources;
    static const char *const STATES[] = {"loaded", "inactive", "rejected"};
    const char *state = row->state < 3 ? STATES[row->state] : "unknown";
    const struct tree_rule_off *off = NULL;
    if (row->state == ENGINE_RULE_LOADED)
        off = rules_off_find(health_tree(sources->health), row->digest);
    char digest[65];
    hex_encode(row->digest, sizeof row->digest, digest);
    return json_pack("{s:o, s:I, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:s, s:o}",
                     "file", json_foreign(row->file.data, row->file.size),
                     "line", (json_int_t)row->line,
                     "id", json_foreign(row->id.data, row->id.size),
                     "title", json_foreign(row->title.data, row->title.size),
                     "level", json_foreign(row->level.data, row->level.size),
                     "state", off != NULL ? "off" : state,
                     "reason", reason_json(row, off, sources->clock),
                     "tags", json_foreign(row->tags.data, row->tags.size),
                     "hits", hits_json(sources->hits, row), "digest", digest,
                     "cost", cost_json(visit));
}

static void visit_rule(void *context, const struct rule_report_row *row)
{
    struct rules_visit *visit = context;
    if (visit->row++ < visit->first || visit->is_full || visit->is_out_of_memory)
        return;
    if (!line_queue_wants(visit->queue)) {
        visit->is_full = true;
        visit->first = visit->row - 1;
        return;
    }
    visit->is_out_of_memory =
        !result_is_ok(line_queue_add_json(visit->queue, "rule", rule_json(visit, row)));
}

/* Files that were not even handed to the engine. */
static bool add_problems(const struct rules_watch *rules, struct line_queue *queue)
{
    for (size_t i = 0; i < rules_watch_problem_count(rules); i++) {
        const struct rule_problem *problem = rules_watch_problem(rules, i);
        if (!result_is_ok(line_queue_add_json(
                queue, "rule", json_pack("{s:o, s:i, s:s, s:s, s:s, s:s, s:o}", "file",
                                         json_foreign_text(problem->file), "line", 0, "id", "",
                                         "title", "", "level", "", "state", "rejected", "reason",
                                         json_foreign_text(problem->reason)))))
            return false;
    }
    return true;
}

/* What the engine says whose rules are in force. */
static int report_of(const struct answer_sources *sources)
{
    return sources->rules_reports[health_tree(sources->health)->engine_active % ENGINE_SLOTS];
}

/* Of the events that were measured; null where there are none yet. */
static json_t *measured_json(int rules_report, uint64_t generation)
{
    struct rules_costs *costs = NULL;
    if (!result_is_ok(rules_costs_read(rules_report, generation, &costs)))
        return json_null();
    const struct engine_measured *measured = &costs->measured;
    json_t *json = json_pack("{s:o, s:o, s:o, s:o}", "events", json_number(measured->events),
                             "measured", json_number(measured->measured), "ns",
                             json_number(measured->ns), "scan_ns",
                             json_number(measured->scan_ns));
    free(costs);
    return json;
}

static bool begin_rules(struct answer *answer, struct line_queue *queue)
{
    const struct tree *tree = health_tree(answer->sources.health);
    answer->generation = tree->rules_generation;
    return result_is_ok(line_queue_add_json(
               queue, "rules", json_pack("{s:o, s:o, s:o, s:o, s:o}", "measured",
                                         measured_json(report_of(&answer->sources),
                                                       tree->rules_generation),
                                         "generation", json_number(tree->rules_generation),
                                         "loaded", json_number(tree->rules_loaded),
                                         "inactive", json_number(tree->rules_inactive),
                                         "rejected", json_number(tree->rules_rejected))))
           && add_problems(answer->sources.rules, queue);
}

static enum answer_state fill_rules(struct answer *answer, struct line_queue *queue)
{
    if (answer->next == 0 && answer->generation == 0 && !begin_rules(answer, queue))
        return fail(queue, "memory is out, or there are too many faulty files");
    if (answer->generation == 0)
        return end(queue); /* the engine has none yet */
    struct rules_visit visit = {.queue = queue, .sources = &answer->sources,
                                .first = answer->next};
    uint32_t left_out = 0;
    int report = report_of(&answer->sources);
    struct rules_costs *costs = NULL;
    if (result_is_ok(rules_costs_read(report, answer->generation, &costs)))
        visit.costs = costs;
    struct result result = rules_report_read(report, answer->generation, visit_rule, &visit,
                                             &left_out);
    free(costs);
    if (result.error == ERROR_AGAIN)
        return fail(queue, "the rules were changed while they were told: ask again");
    if (!result_is_ok(result))
        return fail(queue, "the engine's report about its rules makes no sense");
    if (visit.is_out_of_memory)
        return fail(queue, "memory is out");
    if (visit.is_full) {
        answer->next = visit.first;
        return ANSWER_MORE;
    }
    if (left_out > 0)
        result_ignore(line_queue_add_json(queue, "left_out", json_integer(left_out)));
    return end(queue);
}

/* --- releases --------------------------------------------------------------------------------- */

/* At most LIMIT_STREAMS * LIMIT_RELEASES short lines: they fit. */
static enum answer_state fill_updates(struct answer *answer, struct line_queue *queue)
{
    const struct tree *tree = health_tree(answer->sources.health);
    struct result result = RESULT_OK;
    for (uint32_t i = 0; result_is_ok(result) && i < tree->release_count
                         && i < TREE_RELEASES_MAX; i++)
        result = line_queue_add_json(queue, "release", release_json(tree, i));
    if (result_is_ok(result))
        result = line_queue_add_json(queue, "updates", releases_json(tree));
    return result_is_ok(result) ? end(queue) : fail(queue, "memory is out");
}

/* --- alerts ----------------------------------------------------------------------------------- */

static enum answer_state fill_alerts(struct answer *answer, struct line_queue *queue)
{
    struct explanation why;
    switch (alert_tail_fill(answer->tail, queue, &why)) {
    case ALERT_TAIL_MORE: return ANSWER_MORE;
    case ALERT_TAIL_WAITING: return ANSWER_WAITING;
    case ALERT_TAIL_END: return end(queue);
    case ALERT_TAIL_FAILED: break;
    }
    return fail(queue, why.text);
}

/* --- all -------------------------------------------------------------------------------------- */

enum answer_state answer_fill(struct answer *answer, struct line_queue *queue)
{
    switch (answer->request.verb) {
    case REQUEST_STATUS: return fill_status(answer, queue);
    case REQUEST_PS: return fill_processes(answer, queue);
    case REQUEST_RULES: return fill_rules(answer, queue);
    case REQUEST_UPDATES: return fill_updates(answer, queue);
    case REQUEST_ALERTS: return fill_alerts(answer, queue);
    case REQUEST_EVENTS: /* offered by the server as they come */
    case REQUEST_VERB_COUNT: break;
    }
    return ANSWER_WAITING;
}

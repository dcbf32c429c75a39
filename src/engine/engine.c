// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "base/limits.h"
#include "engine/engine_check.h"
#include "engine/evaluate.h"
#include "engine/load.h"
#include "engine/match.h"

#include <stdlib.h>
#include <string.h>

/* --- life ------------------------------------------------------------------------------------- */

const struct engine_source *engine_native_sources(size_t *ret_count)
{
    static struct engine_source sources[2 * EVENT_KIND_COUNT];
    static size_t count = 0;
    static bool is_complete = false;
    for (unsigned i = 0; !is_complete && i < 2 * EVENT_KIND_COUNT; i++) {
        const char *category = schema_kind((enum event_kind)(i / 2))->categories[i % 2];
        bool is_new = category[0] != '\0';
        for (size_t n = 0; n < count; n++)
            is_new = is_new && !string_equal(sources[n].category, category);
        if (is_new)
            sources[count++] = (struct engine_source){"linux", category, ""};
    }
    is_complete = true;
    *ret_count = count;
    return sources;
}

/* What load_rules() and engine_open() begin with, and end with. */
static RESULT begin(struct engine *engine, const struct engine_options *options)
{
    size_t limit = options == NULL || options->memory_limit_bytes == 0
                       ? (size_t)LIMIT_ENGINE_BYTES
                       : options->memory_limit_bytes;
    rows_init(&engine->rows);
    GUARD(program_init(&engine->program, limit));
    if (options != NULL && options->is_without_scanner)
        engine->program.has_scanner = false;
    return RESULT_OK;
}

static RESULT finish(struct engine *engine, const struct engine_options *options)
{
    size_t correlation_limit = options == NULL || options->correlation_bytes == 0
                                   ? (size_t)LIMIT_CORRELATION_BYTES
                                   : options->correlation_bytes;
    if (engine->program.correlations.count == 0)
        return RESULT_OK;
    engine->correlator = correlator_new(&engine->program, correlation_limit);
    return engine->correlator == NULL ? result_fail(ERROR_MEMORY) : RESULT_OK;
}

static RESULT load(struct engine *engine, const struct engine_options *options, const void *pack,
                   size_t size, struct explanation *why)
{
    GUARD(begin(engine, options));
    GUARD(load_rules(engine, options, pack, size, why));
    return finish(engine, options);
}

static RESULT open_saved(struct engine *engine, const struct engine_options *options,
                         const void *data, size_t size)
{
    GUARD(begin(engine, options));
    GUARD(saved_read(engine, data, size));
    GUARD(saved_check(engine));
    /* A new set begins with all switched on. */
    for (uint32_t i = 0; i < engine->program.rules.count; i++)
        ROWS_OF(engine->program.rules, struct program_rule)[i].is_disabled = false;
    for (uint32_t i = 0; i < engine->program.correlations.count; i++)
        ROWS_OF(engine->program.correlations, struct program_correlation)[i].is_disabled = false;
    program_mute(&engine->program);
    GUARD(matcher_new(&engine->program, &engine->matcher));
    return finish(engine, options);
}

RESULT engine_open(const struct engine_options *options, const void *data, size_t size,
                   struct engine **ret_engine, struct explanation *why)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return explain(why, ERROR_MEMORY, "memory is out while opening saved rules");
    struct result result = open_saved(engine, options, data, size);
    if (!result_is_ok(result)) {
        engine_free(engine);
        return explain(why, result.error, "the saved rules are not taken (%s): they are compiled "
                       "from their sources instead", result_text(result));
    }
    *ret_engine = engine;
    return RESULT_OK;
}

RESULT engine_load(const struct engine_options *options, const void *pack, size_t size,
                   struct engine **ret_engine, struct explanation *why)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return explain(why, ERROR_MEMORY, "memory is out while loading rules");
    struct result result = load(engine, options, pack, size, why);
    if (!result_is_ok(result)) {
        size_t limit = engine->program.budget.limit_bytes;
        engine_free(engine);
        if (result.error == ERROR_MEMORY)
            return explain(why, ERROR_MEMORY,
                           "the rules need more than the %zu bytes that they may have, or memory "
                           "is out", limit);
        return result;
    }
    *ret_engine = engine;
    return RESULT_OK;
}

void engine_free(struct engine *engine)
{
    if (engine == NULL)
        return;
    correlator_free(engine->correlator);
    matcher_free(engine->matcher);
    meter_free(engine->meter);
    rows_free(&engine->rows);
    program_free(&engine->program);
    free(engine);
}

size_t engine_rule_count(const struct engine *engine) { return engine->rows.count; }

const struct engine_rule *engine_rule(const struct engine *engine, size_t index)
{
    if (index >= engine->rows.count)
        abort(); /* the caller counted wrongly */
    return &ROWS_OF(engine->rows, struct engine_rule)[index];
}

size_t engine_count_state(const struct engine *engine, enum engine_rule_state state)
{
    return engine->states[state];
}

static void visit_fields(const struct engine *engine, const struct program_rule *rule,
                         engine_field_visit *visit, void *context)
{
    const struct program *program = &engine->program;
    const char *category = engine_rule(engine, rule->row)->category;
    for (uint32_t i = 0; i < rule->instruction_count; i++) {
        struct instruction instruction =
            ROWS_OF(program->instructions, struct instruction)[rule->instruction + i];
        if (instruction.operation != OPERATION_LEAF)
            continue;
        uint32_t at = ROWS_OF(program->leaves, struct program_leaf)[instruction.operand].slot;
        if (at == NO_INDEX)
            continue;
        const struct slot *slot = &ROWS_OF(program->slots, struct slot)[at];
        visit(context, slot->name, load_is_field_supplied(category, slot->schema_field));
    }
}

void engine_rule_fields(const struct engine *engine, size_t rule, engine_field_visit *visit,
                        void *context)
{
    for (uint32_t i = 0; i < engine->program.rules.count; i++) {
        const struct program_rule *row = &ROWS_OF(engine->program.rules, struct program_rule)[i];
        if (row->row == rule)
            visit_fields(engine, row, visit, context);
    }
}

/* Rows with this digest, switched; a set may hold a document twice. */
size_t engine_rule_disable(struct engine *engine, const uint8_t digest[32], bool is_disabled)
{
    size_t count = 0;
    struct engine_rule *rows = ROWS_OF(engine->rows, struct engine_rule);
    for (uint32_t i = 0; i < engine->rows.count; i++) {
        if (memcmp(rows[i].digest, digest, sizeof rows[i].digest) != 0)
            continue;
        rows[i].is_disabled = is_disabled;
        count++;
    }
    struct program_rule *rules = ROWS_OF(engine->program.rules, struct program_rule);
    struct program_correlation *correlations =
        ROWS_OF(engine->program.correlations, struct program_correlation);
    for (uint32_t i = 0; i < engine->program.rules.count && count > 0; i++)
        rules[i].is_disabled = rows[rules[i].row].is_disabled;
    for (uint32_t i = 0; i < engine->program.correlations.count && count > 0; i++)
        correlations[i].is_disabled = rows[correlations[i].row].is_disabled;
    program_mute(&engine->program);
    return count;
}

struct engine_correlation_counts engine_correlation_counts(const struct engine *engine)
{
    struct engine_correlation_counts counts = {0};
    if (engine->correlator != NULL)
        counts = correlator_counts(engine->correlator);
    return counts;
}

void engine_adopt_state(struct engine *engine, const struct engine *old)
{
    if (engine->correlator != NULL && old->correlator != NULL)
        correlator_adopt(engine->correlator, old->correlator);
}

static uint64_t rule_steps(const struct program *program, const struct program_rule *rule)
{
    uint64_t steps = rule->instruction_count;
    for (uint32_t i = 0; i < rule->instruction_count; i++) {
        const struct instruction *instruction =
            &ROWS_OF(program->instructions, struct instruction)[rule->instruction + i];
        if (instruction->operation == OPERATION_LEAF)
            steps += ROWS_OF(program->leaves, struct program_leaf)[instruction->operand].count;
    }
    return steps;
}

struct engine_cost engine_cost(const struct engine *engine)
{
    const struct program *program = &engine->program;
    struct engine_cost cost = {
        .memory_bytes = program->budget.used_bytes + arena_used(program->arena)};
    for (uint32_t i = 0; i < program->rules.count; i++) {
        const struct program_rule *rule = &ROWS_OF(program->rules, struct program_rule)[i];
        uint64_t steps = rule_steps(program, rule);
        cost.steps += steps;
        if (steps > cost.steps_max) {
            cost.steps_max = (uint32_t)steps;
            cost.dearest = rule->row;
        }
    }
    return cost;
}

RESULT engine_measure(struct engine *engine, unsigned every, engine_clock *clock)
{
    struct meter *meter = meter_new(engine->rows.count, every, clock);
    if (meter == NULL)
        return result_fail(ERROR_MEMORY);
    meter_free(engine->meter);
    engine->meter = meter;
    return RESULT_OK;
}

struct engine_account engine_account(const struct engine *engine, size_t rule)
{
    struct engine_account account = {.matches = 0};
    if (engine->meter != NULL)
        account = meter_account(engine->meter, rule);
    return account;
}

struct engine_measured engine_measured(const struct engine *engine)
{
    struct engine_measured measured = {.events = 0};
    if (engine->meter != NULL)
        measured = meter_measured(engine->meter);
    return measured;
}

/* --- events ----------------------------------------------------------------------------------- */

struct engine_event *engine_event_new(const struct engine *engine)
{
    return view_new(&engine->program);
}

struct judgement {
    const struct engine *engine;
    struct evaluation evaluation;
    struct engine_verdict verdict;
    struct correlator *correlator;
    struct meter *counting;  /* matches; NULL: not at all */
    struct meter *measuring; /* the same where this event is measured, or NULL */
    size_t correlation; /* the row that is being looked at, and one; 0: none */
    engine_sink *sink;
    engine_tracer *tracer;
    void *context;
};

static void say_match(struct judgement *judgement, size_t row, bool is_muted)
{
    if (judgement->counting != NULL)
        meter_match(judgement->counting, row);
    if (is_muted)
        return;
    const char *title = engine_rule(judgement->engine, row)->title;
    fault_in_rule((struct bytes){(const uint8_t *)title, strlen(title)});
    judgement->verdict.matches++;
    judgement->sink(judgement->context, row);
    if (judgement->measuring != NULL)
        meter_skip(judgement->measuring);
}

static bool judge(void *context, uint32_t number)
{
    struct judgement *judgement = context;
    const struct program_rule *rule =
        &ROWS_OF(judgement->evaluation.program->rules, struct program_rule)[number];
    if (rule->is_disabled || (judgement->evaluation.event->is_text && !rule->is_keyword_only))
        return true;
    judgement->verdict.candidates++;
    if (judgement->tracer != NULL)
        judgement->tracer(judgement->context, rule->row);
    if (judgement->measuring != NULL)
        meter_enter(judgement->measuring);
    bool is_match = evaluate_rule(&judgement->evaluation, rule);
    if (judgement->measuring != NULL)
        meter_leave(judgement->measuring, rule->row);
    if (is_match) {
        if (rule->link_count > 0)
            correlator_note(judgement->correlator, rule->link, rule->link_count);
        say_match(judgement, rule->row, rule->is_muted);
    }
    /* Where nothing is left, the first rule that would have needed a step says so. */
    return judgement->evaluation.steps_left > 0 || !judgement->evaluation.is_incomplete;
}

/* The correlation before this one is done. */
static void leave_correlation(struct judgement *judgement)
{
    if (judgement->measuring != NULL && judgement->correlation > 0)
        meter_leave(judgement->measuring, judgement->correlation - 1);
    judgement->correlation = 0;
}

static void trace_correlation(void *context, size_t row)
{
    struct judgement *judgement = context;
    leave_correlation(judgement);
    if (judgement->tracer != NULL)
        judgement->tracer(judgement->context, row);
    judgement->correlation = row + 1;
    if (judgement->measuring != NULL)
        meter_enter(judgement->measuring);
}

static void take_correlation(void *context, size_t row)
{
    struct judgement *judgement = context;
    leave_correlation(judgement);
    say_match(judgement, row, false);
}

struct engine_verdict engine_eval(struct engine *engine, const struct engine_event *event,
                                  engine_sink *sink, engine_tracer *tracer, void *context)
{
    struct judgement judgement = {
        .engine = engine,
        .evaluation = {.program = &engine->program, .event = event,
                       .scratch = matcher_scratch(engine->matcher),
                       .steps_left = LIMIT_EVALUATION_STEPS},
        .correlator = engine->correlator,
        .counting = engine->meter,
        .sink = sink, .tracer = tracer, .context = context,
    };
    if (engine->meter != NULL && meter_event(engine->meter))
        judgement.measuring = engine->meter;
    matcher_candidates(engine->matcher, event, judge, &judgement);
    judgement.verdict.is_incomplete = judgement.evaluation.is_incomplete;
    if (engine->correlator != NULL)
        correlator_run(engine->correlator, event, trace_correlation, take_correlation, &judgement);
    leave_correlation(&judgement);
    if (judgement.measuring != NULL)
        meter_end(judgement.measuring);
    return judgement.verdict;
}

void engine_evaluate_all(struct engine *engine, bool is_all)
{
    matcher_visit_all(engine->matcher, is_all);
}

// SPDX-License-Identifier: Apache-2.0
/*
 * Whether the tables of a saved engine hold what evaluation takes for granted: every index lies in
 * its table, every jump goes forward, every kind is one, every correlation stands behind those that
 * feed it. compile.c and link.c make tables that hold it; these may have been damaged.
 */
#include "engine/engine_body.h"

#include "base/limits.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

/* The first of these that does not hold ends it. */
#define REQUIRE(holds)                          \
    do {                                        \
        if (!(holds))                           \
            return result_fail(ERROR_FORMAT);   \
    } while (0)

/* Whether [first, first + count) lies in a table. */
static bool is_in(uint32_t first, uint32_t count, const struct rows *rows)
{
    return first <= rows->count && count <= rows->count - first;
}

/* A bool that was copied must be one before it is looked at. */
static bool is_bool(const void *row, size_t offset) { return ((const uint8_t *)row)[offset] <= 1; }

static RESULT check_instructions(const struct program *program, uint32_t first, uint32_t count,
                                 uint32_t leaves)
{
    REQUIRE(is_in(first, count, &program->instructions));
    const struct instruction *instructions =
        ROWS_OF(program->instructions, struct instruction) + first;
    for (uint32_t at = 0; at < count; at++) {
        struct instruction instruction = instructions[at];
        switch (instruction.operation) {
        case OPERATION_LEAF:
            REQUIRE(instruction.operand < leaves);
            break;
        case OPERATION_NOT:
            break;
        case OPERATION_JUMP_IF_TRUE:
        case OPERATION_JUMP_IF_FALSE:
            REQUIRE(instruction.operand > at && instruction.operand <= count);
            break;
        default:
            return result_fail(ERROR_FORMAT);
        }
    }
    return RESULT_OK;
}

static RESULT check_leaf(const struct program *program, const struct program_leaf *leaf)
{
    REQUIRE(leaf->slot == NO_INDEX || leaf->slot < program->slots.count);
    REQUIRE(leaf->is_cased <= 1 && leaf->kind < LEAF_RULE);
    REQUIRE(leaf->kind == LEAF_TEXT || leaf->count == 1);
    switch ((enum leaf_kind)leaf->kind) {
    case LEAF_TEXT:
        REQUIRE(is_in(leaf->first, leaf->count, &program->patterns));
        REQUIRE(leaf->part <= TEXT_IS_ANCHORED);
        break;
    case LEAF_REGEX:
        REQUIRE(leaf->first < program->regexes.count);
        break;
    case LEAF_CIDR:
        REQUIRE(leaf->first < program->networks.count);
        break;
    case LEAF_FIELDREF:
        REQUIRE(leaf->first < program->slots.count && leaf->slot != NO_INDEX);
        REQUIRE(leaf->part <= (FIELDREF_OPEN_START | FIELDREF_OPEN_END));
        break;
    case LEAF_COMPARE:
        REQUIRE(leaf->first < program->numbers.count && leaf->part <= COMPARE_GTE);
        break;
    case LEAF_TIME:
        REQUIRE(leaf->first < program->numbers.count && leaf->part <= TIME_YEAR);
        break;
    default: /* LEAF_EXISTS and LEAF_NULL have nothing more */
        break;
    }
    return RESULT_OK;
}

static RESULT check_pattern(const struct program *program, const struct pattern *pattern)
{
    REQUIRE(pattern->kind <= PATTERN_GLOB && pattern->is_cased <= 1);
    REQUIRE(is_in(pattern->text, pattern->size,
                  pattern->kind == PATTERN_GLOB ? &program->units : &program->bytes));
    for (size_t i = 0; i < PATTERN_GRAMS; i++)
        REQUIRE(pattern->grams[i] <= GRAM_NONE);
    return RESULT_OK;
}

static RESULT check_values(const struct program *program)
{
    for (uint32_t i = 0; i < program->leaves.count; i++)
        GUARD(check_leaf(program, &ROWS_OF(program->leaves, struct program_leaf)[i]));
    for (uint32_t i = 0; i < program->patterns.count; i++)
        GUARD(check_pattern(program, &ROWS_OF(program->patterns, struct pattern)[i]));
    REQUIRE(program->firsts.count == program->patterns.count);
    for (uint32_t i = 0; i < program->firsts.count; i++)
        REQUIRE(ROWS_OF(program->firsts, uint16_t)[i] <= GRAM_NONE);
    for (uint32_t i = 0; i < program->units.count; i++)
        REQUIRE(ROWS_OF(program->units, uint16_t)[i] <= UNIT_DASH);
    for (uint32_t i = 0; i < program->networks.count; i++) {
        const struct network *network = &ROWS_OF(program->networks, struct network)[i];
        REQUIRE(is_bool(network, offsetof(struct network, is_v6)));
        REQUIRE(network->prefix_bits <= (network->is_v6 ? 128 : 32));
    }
    for (uint32_t i = 0; i < program->numbers.count; i++)
        REQUIRE(isfinite(ROWS_OF(program->numbers, double)[i]));
    for (uint32_t i = 0; i < program->regexes.count; i++) {
        const struct regex *regex = &ROWS_OF(program->regexes, struct regex)[i];
        REQUIRE(regex->pattern == NO_INDEX || regex->pattern < program->patterns.count);
    }
    for (uint32_t i = 0; i < program->witnesses.count; i++) {
        const struct witness *witness = &ROWS_OF(program->witnesses, struct witness)[i];
        REQUIRE(is_bool(witness, offsetof(struct witness, is_component)));
        REQUIRE(witness->slot < program->slots.count);
        REQUIRE(is_in(witness->text, witness->size, &program->bytes));
    }
    for (uint32_t i = 0; i < program->slots.count; i++) {
        uint32_t field = ROWS_OF(program->slots, struct slot)[i].schema_field;
        REQUIRE(field == NO_INDEX || field < FIELD_COUNT);
    }
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        uint32_t slot = program->native_slots[i];
        REQUIRE(slot == NO_INDEX || slot < program->slots.count);
    }
    return RESULT_OK;
}

static RESULT check_rules(const struct engine *engine)
{
    const struct program *program = &engine->program;
    uint64_t witnesses = 0;
    for (uint32_t i = 0; i < program->rules.count; i++) {
        const struct program_rule *rule = &ROWS_OF(program->rules, struct program_rule)[i];
        REQUIRE(rule->row < engine->rows.count && rule->source < program->sources.count);
        GUARD(check_instructions(program, rule->instruction, rule->instruction_count,
                                 program->leaves.count));
        REQUIRE(is_in(rule->witness, rule->witness_count, &program->witnesses));
        REQUIRE(is_in(rule->link, rule->link_count, &program->links));
        REQUIRE(rule->is_disabled <= 1 && rule->is_keyword_only <= 1 && rule->is_muted <= 1);
        witnesses += rule->witness_count; /* the matcher has room for each once */
    }
    REQUIRE(witnesses <= program->witnesses.count);
    return RESULT_OK;
}

/* --- correlations ----------------------------------------------------------------------------- */

/* What feeds the rules of correlations, each by one position of one of them. */
struct feeders {
    uint32_t *first; /* of each correlation: its first row in `by` */
    uint32_t *by;    /* the correlation that feeds it; IS_RULE for a rule; NO_INDEX for nobody */
    uint8_t *is_owned; /* of each link: somebody has it */
};
#define IS_RULE (NO_INDEX - 1)

static RESULT check_correlation(const struct engine *engine, uint32_t index, uint32_t key)
{
    const struct program *program = &engine->program;
    const struct program_correlation *correlation =
        &ROWS_OF(program->correlations, struct program_correlation)[index];
    REQUIRE(correlation->row < engine->rows.count && correlation->type < CORRELATION_TYPES);
    REQUIRE(correlation->is_disabled <= 1 && correlation->is_muted <= 1);
    REQUIRE(correlation->generates <= 1);
    REQUIRE(correlation->rule_count >= 1 && correlation->rule_count <= LIMIT_CORRELATION_RULES);
    REQUIRE(correlation->group_count <= LIMIT_CORRELATION_FIELDS);
    REQUIRE(correlation->field_count <= LIMIT_CORRELATION_FIELDS);
    REQUIRE(correlation->key == key);
    REQUIRE(is_in(correlation->slot,
                  correlation->rule_count * (correlation->group_count + correlation->field_count),
                  &program->link_slots));
    REQUIRE(is_in(correlation->link, correlation->link_count, &program->links));
    GUARD(check_instructions(program, correlation->instruction, correlation->instruction_count,
                             correlation->rule_count));
    REQUIRE(correlation->threshold_count <= MAX_THRESHOLDS);
    for (uint32_t i = 0; i < correlation->threshold_count; i++)
        REQUIRE((unsigned)correlation->thresholds[i].kind < THRESHOLD_KINDS
                && isfinite(correlation->thresholds[i].number));
    REQUIRE(isfinite(correlation->percentile) && correlation->percentile >= -1
            && correlation->percentile <= 100);
    REQUIRE(correlation->span_ns > 0
            && correlation->span_ns / 86400 / 1000000000 <= LIMIT_CORRELATION_DAYS);
    bool needs_field = correlation->type != CORRELATION_EVENT_COUNT
                       && correlation->type != CORRELATION_TEMPORAL
                       && correlation->type != CORRELATION_TEMPORAL_ORDERED;
    REQUIRE(needs_field == (correlation->field_count > 0));
    REQUIRE(correlation->threshold_count > 0 || correlation->instruction_count > 0);
    return RESULT_OK;
}

/* Takes the links of one that feeds; its correlations must stand behind `after` (NO_INDEX: it is a
 * rule, anywhere). */
static RESULT take_links(const struct program *program, struct feeders *feeders, uint32_t first,
                         uint32_t count, uint32_t feeder)
{
    for (uint32_t i = first; i < first + count; i++) {
        struct link link = ROWS_OF(program->links, struct link)[i];
        REQUIRE(feeders->is_owned[i] == 0);
        feeders->is_owned[i] = 1;
        REQUIRE(link.correlation < program->correlations.count);
        REQUIRE(feeder == IS_RULE || link.correlation > feeder);
        const struct program_correlation *fed =
            &ROWS_OF(program->correlations, struct program_correlation)[link.correlation];
        REQUIRE(link.position < fed->rule_count);
        uint32_t *by = &feeders->by[feeders->first[link.correlation] + link.position];
        REQUIRE(*by == NO_INDEX);
        *by = feeder;
    }
    return RESULT_OK;
}

/* A text of another correlation is there only where that is the one that feeds. */
static RESULT check_slots(const struct program *program, const struct feeders *feeders,
                          uint32_t index)
{
    const struct program_correlation *correlation =
        &ROWS_OF(program->correlations, struct program_correlation)[index];
    uint32_t width = correlation->group_count + correlation->field_count;
    for (uint32_t i = 0; i < correlation->rule_count * width; i++) {
        uint32_t slot = ROWS_OF(program->link_slots, uint32_t)[correlation->slot + i];
        uint32_t by = feeders->by[feeders->first[index] + i / width];
        if ((slot & LINK_KEY) == 0) {
            REQUIRE(slot < program->slots.count);
            continue;
        }
        REQUIRE(by < index);
        const struct program_correlation *feeder =
            &ROWS_OF(program->correlations, struct program_correlation)[by];
        uint32_t key = slot & ~LINK_KEY;
        REQUIRE(key >= feeder->key && key - feeder->key < feeder->group_count);
    }
    return RESULT_OK;
}

static RESULT check_links(const struct program *program, struct feeders *feeders)
{
    for (uint32_t i = 0; i < program->rules.count; i++) {
        const struct program_rule *rule = &ROWS_OF(program->rules, struct program_rule)[i];
        GUARD(take_links(program, feeders, rule->link, rule->link_count, IS_RULE));
    }
    for (uint32_t i = 0; i < program->correlations.count; i++) {
        const struct program_correlation *correlation =
            &ROWS_OF(program->correlations, struct program_correlation)[i];
        GUARD(take_links(program, feeders, correlation->link, correlation->link_count, i));
    }
    for (uint32_t i = 0; i < program->correlations.count; i++)
        GUARD(check_slots(program, feeders, i));
    return RESULT_OK;
}

static RESULT check_correlations(const struct engine *engine)
{
    const struct program *program = &engine->program;
    uint32_t count = program->correlations.count;
    uint32_t keys = 0;
    uint32_t positions = 0;
    struct feeders feeders = {
        .first = calloc((size_t)count + 1, sizeof(uint32_t)),
        .by = calloc((size_t)count * LIMIT_CORRELATION_RULES + 1, sizeof(uint32_t)),
        .is_owned = calloc((size_t)program->links.count + 1, sizeof(uint8_t)),
    };
    struct result result = feeders.first == NULL || feeders.by == NULL || feeders.is_owned == NULL
                               ? result_fail(ERROR_MEMORY)
                               : RESULT_OK;
    for (uint32_t i = 0; i < count && result_is_ok(result); i++) {
        const struct program_correlation *correlation =
            &ROWS_OF(program->correlations, struct program_correlation)[i];
        result = check_correlation(engine, i, keys);
        keys += correlation->group_count;
        feeders.first[i] = positions;
        for (uint32_t n = 0; n < correlation->rule_count && result_is_ok(result); n++)
            feeders.by[positions++] = NO_INDEX;
    }
    if (result_is_ok(result) && program->key_count != keys)
        result = result_fail(ERROR_FORMAT);
    if (result_is_ok(result))
        result = check_links(program, &feeders);
    free(feeders.first);
    free(feeders.by);
    free(feeders.is_owned);
    return result;
}

RESULT saved_check(const struct engine *engine)
{
    GUARD(check_values(&engine->program));
    GUARD(check_rules(engine));
    return check_correlations(engine);
}

// SPDX-License-Identifier: Apache-2.0
#include "engine/evaluate.h"

#include "base/fault.h"
#include "base/limits.h"
#include "engine/compare.h"
#include "engine/find_bytes.h"
#include "engine/fold.h"

#include <stdlib.h>
#include <string.h>

enum { REGEX_BYTES_PER_STEP = 32, PATTERNS_PER_STEP = 16 };

/* false, and the rule is over, when a budget is spent. */
static bool take_steps(struct evaluation *evaluation, uint64_t steps)
{
    uint64_t left = evaluation->rule_steps_left;
    evaluation->is_stopped = steps > left;
    evaluation->rule_steps_left = steps > left ? 0 : left - steps;
    return !evaluation->is_stopped;
}

static int on_found(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                    void *context)
{
    (void)id;
    (void)from;
    (void)to;
    (void)flags;
    *(bool *)context = true;
    return 1; /* one is enough */
}

/* Vectorscan may read whatever it likes in text that is not UTF-8: it gets only what is. */
static bool regex_matches(struct evaluation *evaluation, const struct program_leaf *leaf,
                          struct value *value)
{
    const struct regex *regex =
        &ROWS_OF(evaluation->program->regexes, struct regex)[leaf->first];
    if (!take_steps(evaluation, 1 + value->size / REGEX_BYTES_PER_STEP))
        return false;
    if (regex->pattern != NO_INDEX) {
        const struct pattern *needed =
            &ROWS_OF(evaluation->program->patterns, struct pattern)[regex->pattern];
        uint64_t steps;
        if (!compare_pattern(evaluation->program, needed, value,
                             value->grams, &steps))
            return false;
    }
    const uint8_t *text = value->text;
    if (value->encoding != ENCODING_VALID) {
        uint8_t *clean = evaluation->event->clean;
        bool was_invalid = fold_sanitize(text, value->size, clean);
        value->encoding = was_invalid ? ENCODING_INVALID : ENCODING_VALID;
        text = was_invalid ? clean : text;
    }
    if (fault_is_planted(FAULT_ENGINE_BACKTRACKS) && strstr(regex->expression, ".*.*") != NULL)
        fault_backtrack((struct bytes){text, value->size});
    bool is_found = false;
    hs_error_t status = hs_scan(regex->database, (const char *)text, (unsigned)value->size, 0,
                                evaluation->scratch, on_found, &is_found);
    return is_found && status == HS_SCAN_TERMINATED; /* by on_found() */
}

/* Few patterns are compared one by one. */
static bool few_match(struct evaluation *evaluation, const struct program_leaf *leaf,
                      const struct value *value)
{
    const struct pattern *patterns =
        ROWS_OF(evaluation->program->patterns, struct pattern) + leaf->first;
    for (uint32_t i = 0; i < leaf->count; i++) {
        uint64_t steps;
        bool is_match =
            compare_pattern(evaluation->program, &patterns[i], value, value->grams, &steps);
        if (!take_steps(evaluation, steps))
            return false;
        if (is_match)
            return true;
    }
    return false;
}

static bool texts_match(struct evaluation *evaluation, const struct program_leaf *leaf,
                        struct value *value)
{
    enum { FEW_ANCHORED = 16, FEW = 3 };
    const struct program *program = evaluation->program;
    const struct pattern *patterns = ROWS_OF(program->patterns, struct pattern) + leaf->first;
    const uint16_t *firsts = ROWS_OF(program->firsts, uint16_t) + leaf->first;
    bool is_anchored = (leaf->part & TEXT_IS_ANCHORED) != 0;
    if (leaf->count <= (is_anchored ? (uint32_t)FEW_ANCHORED : (uint32_t)FEW))
        return few_match(evaluation, leaf, value);
    const uint8_t *grams = view_grams(evaluation->event, value);
    if (!take_steps(evaluation, 1 + leaf->count / PATTERNS_PER_STEP))
        return false;
    /* What decides nearly always is one flag for each pattern. */
    for (uint32_t i = 0; i < leaf->count; i++) {
        uint64_t steps;
        if (grams[firsts[i]] == 0)
            continue;
        bool is_match = compare_pattern(program, &patterns[i], value, grams, &steps);
        if (!take_steps(evaluation, steps - 1))
            return false;
        if (is_match)
            return true;
    }
    return false;
}

/* Whether `inner` lies in `outer` the way the FIELDREF_ flags say. */
static bool reference_fits(const struct program_leaf *leaf, const struct value *outer,
                           const struct value *inner)
{
    const uint8_t *text = leaf->is_cased ? outer->text : outer->folded;
    size_t size = leaf->is_cased ? outer->size : outer->folded_size;
    const uint8_t *part = leaf->is_cased ? inner->text : inner->folded;
    size_t part_size = leaf->is_cased ? inner->size : inner->folded_size;
    bool is_open_start = (leaf->part & FIELDREF_OPEN_START) != 0;
    bool is_open_end = (leaf->part & FIELDREF_OPEN_END) != 0;
    if (part_size > size)
        return false;
    if (part_size == 0)
        return size == 0 || is_open_start || is_open_end;
    if (is_open_start && is_open_end)
        return memmem(text, size, part, part_size) != NULL;
    if (!is_open_start && !is_open_end && size != part_size)
        return false;
    return memcmp(is_open_start ? text + (size - part_size) : text, part, part_size) == 0;
}

static bool reference_matches(struct evaluation *evaluation, const struct program_leaf *leaf,
                              const struct value *value)
{
    const struct engine_event *event = evaluation->event;
    for (uint32_t at = event->slots[leaf->first]; at != NO_INDEX; at = event->values[at].next) {
        if (!take_steps(evaluation, 1 + value->size / REGEX_BYTES_PER_STEP))
            return false;
        if (!event->values[at].is_null && reference_fits(leaf, value, &event->values[at]))
            return true;
    }
    return false;
}

static bool value_matches(struct evaluation *evaluation, const struct program_leaf *leaf,
                          struct value *value)
{
    const struct program *program = evaluation->program;
    switch ((enum leaf_kind)leaf->kind) {
    case LEAF_TEXT:
        return texts_match(evaluation, leaf, value);
    case LEAF_REGEX:
        return regex_matches(evaluation, leaf, value);
    case LEAF_CIDR:
        return compare_network(&ROWS_OF(program->networks, struct network)[leaf->first], value);
    case LEAF_COMPARE:
        return compare_number((enum compare_kind)leaf->part,
                              ROWS_OF(program->numbers, double)[leaf->first], value);
    case LEAF_TIME:
        return compare_time((enum time_part)leaf->part,
                            ROWS_OF(program->numbers, double)[leaf->first], value);
    case LEAF_FIELDREF:
        return reference_matches(evaluation, leaf, value);
    case LEAF_EXISTS:
        return true;
    case LEAF_NULL: /* see leaf_matches() */
    case LEAF_RULE: /* of correlations */
        return false;
    }
    return false;
}

/* Whether some text of a leaf could lie in some value: all values, folded, are neighbours, with
 * padding between them in which anything may stand. */
static bool may_match_anywhere(const struct evaluation *evaluation,
                               const struct program_leaf *leaf)
{
    enum { FEW = 4 };
    const struct program *program = evaluation->program;
    const struct engine_event *event = evaluation->event;
    const struct pattern *patterns = ROWS_OF(program->patterns, struct pattern) + leaf->first;
    const uint8_t *grams = leaf->count > FEW ? view_all_grams(event) : NULL;
    for (uint32_t i = 0; i < leaf->count; i++) {
        const uint8_t *text = ROWS_OF(program->bytes, uint8_t) + patterns[i].text;
        bool is_plain = patterns[i].kind != PATTERN_GLOB && !patterns[i].is_cased;
        if (grams == NULL && !is_plain)
            return true;
        if (grams != NULL ? compare_grams(&patterns[i], grams)
                          : find_bytes(event->folded + VALUE_PADDING,
                                       event->folded_size - VALUE_PADDING, text, patterns[i].size)
                                != NULL)
            return true;
    }
    return false;
}

static bool any_value_matches(struct evaluation *evaluation, const struct program_leaf *leaf)
{
    const struct engine_event *event = evaluation->event;
    if (!take_steps(evaluation, 1 + leaf->count / PATTERNS_PER_STEP)
        || (leaf->kind == LEAF_TEXT && !may_match_anywhere(evaluation, leaf)))
        return false;
    for (uint32_t i = 0; i < event->value_count && !evaluation->is_stopped; i++) {
        if (!event->values[i].is_null && value_matches(evaluation, leaf, &event->values[i]))
            return true;
    }
    return false;
}

/* The mistake of 19 July 2024, for tests that must see it contained: a field that no event supplies
 * is read by its place behind those that are there; nobody looks whether there are so many. */
static uint32_t one_too_many(const struct evaluation *evaluation, uint32_t slot)
{
    const struct slot *row = &ROWS_OF(evaluation->program->slots, struct slot)[slot];
    bool is_supplied = row->schema_field != NO_INDEX
                       || evaluation->event->slots[slot] != NO_INDEX;
    return is_supplied ? evaluation->event->slots[slot] : evaluation->event->value_capacity;
}

static bool leaf_matches(struct evaluation *evaluation, const struct program_leaf *leaf)
{
    const struct engine_event *event = evaluation->event;
    if (leaf->slot == NO_INDEX)
        return any_value_matches(evaluation, leaf);
    uint32_t at = event->slots[leaf->slot];
    if (leaf->kind == LEAF_EXISTS)
        return at != NO_INDEX;
    if (fault_is_planted(FAULT_ENGINE_FIELDS_UNCHECKED))
        at = one_too_many(evaluation, leaf->slot);
    if (leaf->kind == LEAF_NULL && at == NO_INDEX) {
        if (fault_is_planted(FAULT_ENGINE_NULL_CRASHES))
            abort(); /* as who reads what is not there */
        return true;
    }
    for (; at != NO_INDEX && !evaluation->is_stopped; at = event->values[at].next) {
        struct value *value = &event->values[at];
        if (value->is_null ? leaf->kind == LEAF_NULL : value_matches(evaluation, leaf, value))
            return true;
    }
    return false;
}

static bool run(struct evaluation *evaluation, const struct program_rule *rule)
{
    const struct program *program = evaluation->program;
    const struct instruction *instructions =
        ROWS_OF(program->instructions, struct instruction) + rule->instruction;
    bool value = false;
    for (uint32_t at = 0; at < rule->instruction_count; at++) {
        struct instruction instruction = instructions[at];
        if (!take_steps(evaluation, 1))
            return false;
        bool jumps = false;
        switch ((enum operation)instruction.operation) {
        case OPERATION_LEAF:
            value = leaf_matches(
                evaluation, &ROWS_OF(program->leaves, struct program_leaf)[instruction.operand]);
            break;
        case OPERATION_NOT:
            value = !value;
            break;
        case OPERATION_JUMP_IF_TRUE:
            jumps = value;
            break;
        case OPERATION_JUMP_IF_FALSE:
            jumps = !value;
            break;
        }
        if (evaluation->is_stopped)
            return false;
        if (jumps)
            at = instruction.operand - 1; /* always further on: see compile_chain() */
    }
    return value;
}

bool evaluate_rule(struct evaluation *evaluation, const struct program_rule *rule)
{
    uint64_t steps = evaluation->steps_left < LIMIT_RULE_STEPS ? evaluation->steps_left
                                                               : (uint64_t)LIMIT_RULE_STEPS;
    if (fault_is_planted(FAULT_ENGINE_BUDGET_OFF))
        steps = evaluation->steps_left = UINT64_MAX;
    evaluation->rule_steps_left = steps;
    evaluation->is_stopped = false;
    bool is_match = run(evaluation, rule);
    evaluation->steps_left -= steps - evaluation->rule_steps_left;
    evaluation->is_incomplete = evaluation->is_incomplete || evaluation->is_stopped;
    return is_match;
}

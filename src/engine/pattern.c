// SPDX-License-Identifier: Apache-2.0
/* Sigma strings as rows that are quick to compare: the common shapes without any wildcard left. */
#include "engine/fold.h"
#include "engine/program.h"

/* Copies the unit run [from, to) of plain bytes, folded, to `out`; returns how many it became. */
static size_t fold_run(const uint16_t *units, size_t size, uint8_t *in, uint8_t *folded,
                       uint16_t *out, bool is_cased)
{
    for (size_t i = 0; i < size; i++)
        in[i] = (uint8_t)units[i];
    size_t written = is_cased ? size : fold_text(in, size, folded);
    for (size_t i = 0; i < written; i++)
        out[i] = is_cased ? in[i] : folded[i];
    return written;
}

static void find_longest_run(struct folded_text *text)
{
    size_t start = 0;
    for (size_t i = 0; i <= text->count; i++) {
        bool is_plain = i < text->count && text->units[i] < UNIT_ANY;
        if (is_plain)
            continue;
        if (i - start > text->run_size) {
            text->run = start;
            text->run_size = i - start;
        }
        start = i + 1;
        text->has_wildcard = text->has_wildcard || i < text->count;
    }
}

bool text_fold(struct arena *arena, const struct sigma_text *text, bool is_cased,
               struct folded_text *out)
{
    *out = (struct folded_text){0};
    size_t from = 0;
    size_t to = text->count;
    for (; from < to && text->units[from] == UNIT_ANY; from++)
        out->is_open_start = true;
    for (; from < to && text->units[to - 1] == UNIT_ANY; to--)
        out->is_open_end = true;
    if (from == to && out->is_open_start)
        out->is_open_end = true; /* nothing but '*' */
    size_t capacity = fold_capacity(text->count);
    out->units = arena_array(arena, capacity, sizeof out->units[0]);
    uint8_t *in = arena_alloc(arena, capacity);
    uint8_t *folded = arena_alloc(arena, capacity);
    if (out->units == NULL || in == NULL || folded == NULL)
        return false;
    while (from < to) {
        size_t end = from;
        while (end < to && text->units[end] < UNIT_ANY)
            end++;
        out->count += fold_run(text->units + from, end - from, in, folded,
                               out->units + out->count, is_cased);
        if (end < to)
            out->units[out->count++] = text->units[end++];
        from = end;
    }
    find_longest_run(out);
    return true;
}

/* The first 8 bytes as a little-endian word; or the last 8, the very last uppermost. */
static void set_word(const struct folded_text *text, struct pattern *pattern)
{
    size_t size = text->count < 8 ? text->count : 8;
    bool is_tail = pattern->kind == PATTERN_SUFFIX;
    for (size_t i = 0; i < size; i++) {
        size_t place = is_tail ? 7 - i : i;
        size_t at = is_tail ? text->count - 1 - i : i;
        pattern->word |= (uint64_t)text->units[at] << (8 * place);
        pattern->mask |= UINT64_C(0xFF) << (8 * place);
    }
}

static enum pattern_kind kind_of(const struct folded_text *text)
{
    if (text->has_wildcard)
        return PATTERN_GLOB;
    if (text->is_open_start)
        return text->is_open_end ? PATTERN_CONTAINS : PATTERN_SUFFIX;
    return text->is_open_end ? PATTERN_PREFIX : PATTERN_EXACT;
}

/* A glob keeps its ends: a row of units that begins or ends with ANY where it is open. */
static RESULT add_units(struct program *program, const struct folded_text *text,
                        struct pattern *out)
{
    size_t size = text->count + text->is_open_start + text->is_open_end;
    GUARD(rows_add(&program->units, &program->budget, sizeof(uint16_t), size, &out->text));
    uint16_t *units = ROWS_OF(program->units, uint16_t) + out->text;
    size_t at = 0;
    if (text->is_open_start)
        units[at++] = UNIT_ANY;
    for (size_t i = 0; i < text->count; i++)
        units[at++] = text->units[i];
    if (text->is_open_end)
        units[at++] = UNIT_ANY;
    out->size = (uint32_t)size;
    return RESULT_OK;
}

RESULT pattern_add(struct program *program, const struct folded_text *text, bool is_cased,
                   struct pattern *out)
{
    *out = (struct pattern){.kind = (uint8_t)kind_of(text), .is_cased = is_cased};
    for (size_t i = 0; i < PATTERN_GRAMS; i++)
        out->grams[i] = GRAM_NONE;
    if (out->kind == PATTERN_GLOB)
        return add_units(program, text, out);
    GUARD(rows_add(&program->bytes, &program->budget, 1, text->count, &out->text));
    for (size_t i = 0; i < text->count; i++)
        ROWS_OF(program->bytes, uint8_t)[out->text + i] = (uint8_t)text->units[i];
    out->size = (uint32_t)text->count;
    set_word(text, out);
    return RESULT_OK;
}

/* --- grams ------------------------------------------------------------------------------------ */

/* Byte number `at` of a pattern as it is looked for; above 0xFF: a wildcard. */
static uint16_t unit_at(const struct program *program, const struct pattern *pattern, size_t at)
{
    return pattern->kind == PATTERN_GLOB
               ? ROWS_OF(program->units, uint16_t)[pattern->text + at]
               : ROWS_OF(program->bytes, uint8_t)[pattern->text + at];
}

/* The gram that begins at `at`; GRAM_NONE where a wildcard is in the way. */
static unsigned gram_at(const struct program *program, const struct pattern *pattern, size_t at)
{
    uint16_t first = unit_at(program, pattern, at);
    uint16_t second = unit_at(program, pattern, at + 1);
    if (first > UINT8_MAX || second > UINT8_MAX)
        return GRAM_NONE;
    return gram_of((uint8_t)first, (uint8_t)second);
}

/* Puts a gram among the rarest of a pattern, in order; `counts` says how often each is in all
 * patterns, of GRAM_NONE that it is the most frequent. */
static void keep_gram(const uint32_t *counts, struct pattern *pattern, unsigned gram)
{
    size_t place = PATTERN_GRAMS;
    for (size_t i = PATTERN_GRAMS; i > 0; i--) {
        if (pattern->grams[i - 1] == gram)
            return;
        if (counts[pattern->grams[i - 1]] > counts[gram])
            place = i - 1;
    }
    for (size_t i = PATTERN_GRAMS - 1; i > place; i--)
        pattern->grams[i] = pattern->grams[i - 1];
    if (place < PATTERN_GRAMS)
        pattern->grams[place] = (uint16_t)gram;
}

RESULT pattern_choose_grams(struct program *program)
{
    struct pattern *patterns = ROWS_OF(program->patterns, struct pattern);
    uint32_t counts[GRAM_COUNT + 1] = {0};
    uint32_t first;
    GUARD(rows_add(&program->firsts, &program->budget, sizeof(uint16_t), program->patterns.count,
                   &first));
    for (uint32_t i = 0; i < program->patterns.count; i++) {
        for (size_t at = 0; at + 1 < patterns[i].size && !patterns[i].is_cased; at++)
            counts[gram_at(program, &patterns[i], at)]++;
    }
    counts[GRAM_NONE] = UINT32_MAX; /* whatever else there is, it is better */
    for (uint32_t i = 0; i < program->patterns.count; i++) {
        for (size_t at = 0; at + 1 < patterns[i].size && !patterns[i].is_cased; at++)
            keep_gram(counts, &patterns[i], gram_at(program, &patterns[i], at));
        ROWS_OF(program->firsts, uint16_t)[first + i] = patterns[i].grams[0];
    }
    return RESULT_OK;
}

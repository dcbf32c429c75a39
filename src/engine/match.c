// SPDX-License-Identifier: Apache-2.0
#include "engine/match.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

enum { CACHED_SOURCES = 16, SOURCE_WORD_BYTES = 48 };

/* Which rules of a group a text speaks for. */
struct atom {
    uint32_t text; /* in the program's bytes */
    uint32_t size;
    uint32_t posting; /* first of `postings`: rule numbers within the group */
    uint32_t posting_count;
};

/* All witnesses of one field in one group. */
struct field_index {
    uint32_t slot;
    uint32_t table;      /* first of `components`, a hash table of atom numbers */
    uint32_t table_mask; /* its size - 1; 0: there is none */
    uint32_t first_literal; /* atom with id 0 in the database */
    hs_database_t *database; /* NULL: none is looked for anywhere in the value */
};

/* The rules of one log source, which are neighbours. */
struct group {
    uint32_t first_rule;
    uint32_t rule_count;
    uint32_t always; /* first word of `always`: rules without a witness */
    uint32_t words;  /* of a bit set for rule_count */
    uint32_t first_index;
    uint32_t index_count;
};

/* The groups for the log sources that an event named a moment ago. */
struct cached_groups {
    char words[VIEW_SOURCES][3][SOURCE_WORD_BYTES];
    size_t source_count; /* 0: free */
    uint32_t *groups;
    uint32_t count;
};

struct matcher {
    struct program *program;
    struct rows groups;
    struct rows indexes;
    struct rows atoms;
    struct rows postings;   /* uint32_t */
    struct rows components; /* uint32_t: atom + 1, or 0 */
    struct rows always;     /* uint64_t */
    uint64_t *bits;          /* candidates of one group */
    bool is_all;             /* all rules are candidates */
    hs_scratch_t *scratch;
    struct cached_groups cache[CACHED_SOURCES];
    unsigned next_cached;
    uint32_t *uncached; /* groups of an event whose words are too long for the cache */
};

/* --- building --------------------------------------------------------------------------------- */

/* A witness with the rule that it is for, while they are sorted. */
struct claim {
    const uint8_t *text;
    uint32_t offset;
    uint32_t size;
    uint32_t slot;
    uint32_t rule; /* within the group */
    bool is_component;
};

static int compare_texts(const struct claim *a, const struct claim *b)
{
    if (a->slot != b->slot)
        return a->slot < b->slot ? -1 : 1;
    if (a->is_component != b->is_component)
        return a->is_component ? -1 : 1;
    if (a->size != b->size)
        return a->size < b->size ? -1 : 1;
    return a->size == 0 ? 0 : memcmp(a->text, b->text, a->size);
}

static int compare_claims(const void *left, const void *right)
{
    const struct claim *a = left;
    const struct claim *b = right;
    int order = compare_texts(a, b);
    if (order != 0)
        return order;
    return a->rule < b->rule ? -1 : a->rule > b->rule;
}

/* By the first eight bytes (zeros behind the end) and the last eight (the very last uppermost). */
static uint32_t hash_words(uint64_t head, uint64_t tail, size_t size)
{
    uint64_t mixed = (head ^ (tail << 3) ^ (tail >> 61) ^ size) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(mixed >> 32);
}

static uint32_t component_hash(const uint8_t *text, size_t size)
{
    uint64_t head = 0;
    uint64_t tail = 0;
    for (size_t i = 0; i < size && i < 8; i++) {
        head |= (uint64_t)text[i] << (8 * i);
        tail |= (uint64_t)text[size - 1 - i] << (8 * (7 - i));
    }
    return hash_words(head, tail, size);
}

/* The same for the end of a folded value, which is padded. */
static uint32_t value_hash(const uint8_t *start, const uint8_t *end)
{
    size_t size = (size_t)(end - start);
    uint64_t head = word_at(start);
    uint64_t tail = word_at(end - 8);
    if (size == 0)
        return hash_words(0, 0, 0);
    if (size < 8) {
        unsigned absent = 8 * (8 - (unsigned)size);
        head = head << absent >> absent;
        tail = tail >> absent << absent;
    }
    return hash_words(head, tail, size);
}

/* One atom for each different text in [from, to), with the rules that claim it. */
static RESULT add_atoms(struct matcher *matcher, const struct claim *claims, size_t from, size_t to)
{
    struct budget *budget = &matcher->program->budget;
    for (size_t i = from; i < to;) {
        struct atom atom = {.text = claims[i].offset, .size = claims[i].size,
                            .posting = matcher->postings.count};
        size_t end = i;
        for (; end < to && compare_texts(&claims[i], &claims[end]) == 0; end++) {
            if (end > i && claims[end].rule == claims[end - 1].rule)
                continue;
            uint32_t at;
            GUARD(rows_add(&matcher->postings, budget, sizeof(uint32_t), 1, &at));
            ROWS_OF(matcher->postings, uint32_t)[at] = claims[end].rule;
        }
        atom.posting_count = matcher->postings.count - atom.posting;
        uint32_t at;
        GUARD(rows_add(&matcher->atoms, budget, sizeof atom, 1, &at));
        ROWS_OF(matcher->atoms, struct atom)[at] = atom;
        i = end;
    }
    return RESULT_OK;
}

static RESULT build_components(struct matcher *matcher, const struct claim *claims, size_t from,
                               size_t to, struct field_index *index)
{
    struct program *program = matcher->program;
    uint32_t first = matcher->atoms.count;
    GUARD(add_atoms(matcher, claims, from, to));
    uint32_t count = matcher->atoms.count - first;
    uint32_t capacity = 2;
    while (capacity < 4 * count)
        capacity *= 2;
    GUARD(rows_add(&matcher->components, &program->budget, sizeof(uint32_t), capacity,
                    &index->table));
    index->table_mask = capacity - 1;
    uint32_t *rows = ROWS_OF(matcher->components, uint32_t) + index->table;
    for (uint32_t i = first; i < matcher->atoms.count; i++) {
        const struct atom *atom = &ROWS_OF(matcher->atoms, struct atom)[i];
        const uint8_t *text = ROWS_OF(program->bytes, uint8_t) + atom->text;
        uint32_t at = component_hash(text, atom->size) & index->table_mask;
        while (rows[at] != 0)
            at = (at + 1) & index->table_mask;
        rows[at] = i + 1;
    }
    return RESULT_OK;
}

struct literals {
    const char **texts;
    unsigned *flags;
    unsigned *ids;
    size_t *sizes;
};

static RESULT compile_literals(struct matcher *matcher, const struct literals *literals,
                               uint32_t count, struct field_index *index)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct atom *atom =
            &ROWS_OF(matcher->atoms, struct atom)[index->first_literal + i];
        literals->texts[i] =
            (const char *)(ROWS_OF(matcher->program->bytes, uint8_t) + atom->text);
        literals->sizes[i] = atom->size;
        literals->ids[i] = i;
        literals->flags[i] = HS_FLAG_SINGLEMATCH;
    }
    if (fault_is_planted(FAULT_ENGINE_SCANNER_REFUSES))
        return result_fail(ERROR_UNSUPPORTED);
    hs_compile_error_t *error = NULL;
    hs_error_t status =
        hs_compile_lit_multi(literals->texts, literals->flags, literals->ids, literals->sizes,
                             count, HS_MODE_BLOCK, NULL, &index->database, &error);
    if (status == HS_SUCCESS) {
        size_t bytes = 0;
        if (hs_database_size(index->database, &bytes) != HS_SUCCESS
            || hs_alloc_scratch(index->database, &matcher->scratch) != HS_SUCCESS)
            return result_fail(ERROR_MEMORY);
        return budget_take(&matcher->program->budget, bytes);
    }
    hs_free_compile_error(error);
    return result_fail(status == HS_NOMEM ? ERROR_MEMORY : ERROR_UNSUPPORTED);
}

static RESULT build_literals(struct matcher *matcher, const struct claim *claims, size_t from,
                             size_t to, struct field_index *index)
{
    index->first_literal = matcher->atoms.count;
    GUARD(add_atoms(matcher, claims, from, to));
    uint32_t count = matcher->atoms.count - index->first_literal;
    struct literals literals = {
        .texts = calloc(count, sizeof literals.texts[0]),
        .flags = calloc(count, sizeof literals.flags[0]),
        .ids = calloc(count, sizeof literals.ids[0]),
        .sizes = calloc(count, sizeof literals.sizes[0]),
    };
    struct result result = result_fail(ERROR_MEMORY);
    if (literals.texts != NULL && literals.flags != NULL && literals.ids != NULL
        && literals.sizes != NULL)
        result = compile_literals(matcher, &literals, count, index);
    free(literals.texts);
    free(literals.flags);
    free(literals.ids);
    free(literals.sizes);
    return result;
}

/* Claims [from, to) are all for one field. ERROR_UNSUPPORTED: Vectorscan takes some text for what
 * it is not; the claims' rules must then be evaluated for every event, which is slow and right. */
static RESULT build_index(struct matcher *matcher, const struct claim *claims, size_t from,
                          size_t to)
{
    uint32_t at;
    GUARD(rows_add(&matcher->indexes, &matcher->program->budget, sizeof(struct field_index), 1,
                    &at));
    struct field_index index = {.slot = claims[from].slot};
    size_t middle = from;
    while (middle < to && claims[middle].is_component)
        middle++;
    struct result result = RESULT_OK;
    if (middle > from)
        result = build_components(matcher, claims, from, middle, &index);
    if (result_is_ok(result) && to > middle)
        result = build_literals(matcher, claims, middle, to, &index);
    /* Also after a failure: the database is freed with the matcher. */
    ROWS_OF(matcher->indexes, struct field_index)[at] = index;
    return result;
}

static size_t fill_claims(const struct program *program, const struct group *group,
                          struct claim *claims)
{
    size_t count = 0;
    for (uint32_t i = 0; i < group->rule_count; i++) {
        const struct program_rule *rule =
            &ROWS_OF(program->rules, struct program_rule)[group->first_rule + i];
        for (uint32_t n = 0; n < rule->witness_count; n++) {
            const struct witness *witness =
                &ROWS_OF(program->witnesses, struct witness)[rule->witness + n];
            claims[count++] = (struct claim){
                .text = ROWS_OF(program->bytes, uint8_t) + witness->text,
                .offset = witness->text, .size = witness->size, .slot = witness->slot,
                .rule = i, .is_component = witness->is_component};
        }
    }
    return count;
}

static void set_always(struct matcher *matcher, const struct group *group, uint32_t rule)
{
    ROWS_OF(matcher->always, uint64_t)[group->always + rule / 64] |= UINT64_C(1) << (rule % 64);
}

static RESULT build_group(struct matcher *matcher, struct group *group, struct claim *claims)
{
    const struct program *program = matcher->program;
    group->words = (group->rule_count + 63) / 64;
    group->first_index = matcher->indexes.count;
    GUARD(rows_add(&matcher->always, &matcher->program->budget, sizeof(uint64_t), group->words,
                    &group->always));
    for (uint32_t i = 0; i < group->rule_count; i++) {
        const struct program_rule *rule =
            &ROWS_OF(program->rules, struct program_rule)[group->first_rule + i];
        if (rule->witness_count == 0 || !program->has_scanner)
            set_always(matcher, group, i);
    }
    if (!program->has_scanner)
        return RESULT_OK;
    size_t count = fill_claims(program, group, claims);
    if (count > 0)
        qsort(claims, count, sizeof claims[0], compare_claims);
    for (size_t from = 0; from < count;) {
        size_t to = from;
        while (to < count && claims[to].slot == claims[from].slot)
            to++;
        struct result result = build_index(matcher, claims, from, to);
        if (!result_is_ok(result) && result.error != ERROR_UNSUPPORTED)
            return result;
        for (; from < to; from++)
            if (!result_is_ok(result))
                set_always(matcher, group, claims[from].rule);
    }
    group->index_count = matcher->indexes.count - group->first_index;
    return RESULT_OK;
}

static int compare_sources(const void *left, const void *right)
{
    const struct program_rule *a = left;
    const struct program_rule *b = right;
    if (a->source != b->source)
        return a->source < b->source ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static RESULT build_groups(struct matcher *matcher, struct claim *claims)
{
    struct program *program = matcher->program;
    struct program_rule *rules = ROWS_OF(program->rules, struct program_rule);
    uint32_t first;
    GUARD(rows_add(&matcher->groups, &program->budget, sizeof(struct group),
                    program->sources.count, &first));
    if (program->rules.count > 0)
        qsort(rules, program->rules.count, sizeof rules[0], compare_sources);
    for (uint32_t i = 0; i < program->rules.count; i++) {
        struct group *group = &ROWS_OF(matcher->groups, struct group)[rules[i].source];
        if (group->rule_count++ == 0)
            group->first_rule = i;
    }
    for (uint32_t i = 0; i < program->sources.count; i++)
        GUARD(build_group(matcher, &ROWS_OF(matcher->groups, struct group)[i], claims));
    return RESULT_OK;
}

static RESULT allocate_working_space(struct matcher *matcher)
{
    size_t groups = (size_t)matcher->groups.count + 1;
    size_t words = 1;
    for (uint32_t i = 0; i < matcher->groups.count; i++) {
        const struct group *group = &ROWS_OF(matcher->groups, struct group)[i];
        if (group->words > words)
            words = group->words;
    }
    matcher->bits = calloc(words, sizeof matcher->bits[0]);
    matcher->uncached = calloc(groups, sizeof matcher->uncached[0]);
    bool has_memory = matcher->bits != NULL && matcher->uncached != NULL;
    for (size_t i = 0; i < CACHED_SOURCES; i++) {
        matcher->cache[i].groups = calloc(groups, sizeof matcher->uncached[0]);
        has_memory = has_memory && matcher->cache[i].groups != NULL;
    }
    for (uint32_t i = 0; i < matcher->program->regexes.count && has_memory; i++) {
        const struct regex *regex = &ROWS_OF(matcher->program->regexes, struct regex)[i];
        has_memory = hs_alloc_scratch(regex->database, &matcher->scratch) == HS_SUCCESS;
    }
    return has_memory ? RESULT_OK : result_fail(ERROR_MEMORY);
}

enum { TABLES = 6 };

static void list_tables(struct matcher *matcher, struct rows *tables[TABLES])
{
    tables[0] = &matcher->groups;
    tables[1] = &matcher->indexes;
    tables[2] = &matcher->atoms;
    tables[3] = &matcher->postings;
    tables[4] = &matcher->components;
    tables[5] = &matcher->always;
}

RESULT matcher_new(struct program *program, struct matcher **ret_matcher)
{
    struct matcher *matcher = calloc(1, sizeof *matcher);
    struct claim *claims = calloc((size_t)program->witnesses.count + 1, sizeof *claims);
    struct result result = result_fail(ERROR_MEMORY);
    if (matcher != NULL && claims != NULL) {
        struct rows *tables[TABLES];
        list_tables(matcher, tables);
        for (size_t i = 0; i < TABLES; i++)
            rows_init(tables[i]);
        matcher->program = program;
        result = build_groups(matcher, claims);
    }
    if (result_is_ok(result))
        result = allocate_working_space(matcher);
    free(claims);
    if (!result_is_ok(result)) {
        matcher_free(matcher);
        return result;
    }
    *ret_matcher = matcher;
    return RESULT_OK;
}

void matcher_free(struct matcher *matcher)
{
    if (matcher == NULL)
        return;
    for (uint32_t i = 0; i < matcher->indexes.count; i++)
        hs_free_database(ROWS_OF(matcher->indexes, struct field_index)[i].database);
    hs_free_scratch(matcher->scratch);
    struct rows *tables[TABLES];
    list_tables(matcher, tables);
    for (size_t i = 0; i < TABLES; i++)
        rows_free(tables[i]);
    for (size_t i = 0; i < CACHED_SOURCES; i++)
        free(matcher->cache[i].groups);
    free(matcher->uncached);
    free(matcher->bits);
    free(matcher);
}

void matcher_visit_all(struct matcher *matcher, bool is_all) { matcher->is_all = is_all; }

hs_scratch_t *matcher_scratch(struct matcher *matcher) { return matcher->scratch; }

/* --- scanning --------------------------------------------------------------------------------- */

static void note_hit(struct matcher *matcher, uint32_t number)
{
    const struct atom *atom = &ROWS_OF(matcher->atoms, struct atom)[number];
    const uint32_t *postings = ROWS_OF(matcher->postings, uint32_t) + atom->posting;
    for (uint32_t i = 0; i < atom->posting_count; i++)
        matcher->bits[postings[i] / 64] |= UINT64_C(1) << (postings[i] % 64);
}

struct scan {
    struct matcher *matcher;
    uint32_t first_literal;
};

static int on_literal(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                      void *context)
{
    (void)from;
    (void)to;
    (void)flags;
    const struct scan *scan = context;
    note_hit(scan->matcher, scan->first_literal + id);
    return 0;
}

static void look_up_component(struct matcher *matcher, const struct field_index *index,
                              const struct value *value)
{
    const uint8_t *end = value->folded + value->folded_size;
    const uint8_t *start = end;
    while (start > value->folded && start[-1] != '/' && start[-1] != '\\')
        start--;
    size_t size = (size_t)(end - start);
    const uint32_t *rows = ROWS_OF(matcher->components, uint32_t) + index->table;
    uint32_t at = value_hash(start, end) & index->table_mask;
    for (; rows[at] != 0; at = (at + 1) & index->table_mask) {
        const struct atom *atom = &ROWS_OF(matcher->atoms, struct atom)[rows[at] - 1];
        const uint8_t *text = ROWS_OF(matcher->program->bytes, uint8_t) + atom->text;
        if (atom->size == size && (size == 0 || memcmp(text, start, size) == 0)) {
            note_hit(matcher, rows[at] - 1);
            return;
        }
    }
}

static void scan_group(struct matcher *matcher, const struct group *group,
                       const struct engine_event *event)
{
    const struct field_index *indexes =
        ROWS_OF(matcher->indexes, struct field_index) + group->first_index;
    for (uint32_t i = 0; i < group->index_count; i++) {
        const struct field_index *index = &indexes[i];
        uint32_t at = event->slots[index->slot];
        for (; at != NO_INDEX; at = event->values[at].next) {
            const struct value *value = &event->values[at];
            if (index->table_mask != 0)
                look_up_component(matcher, index, value);
            if (index->database == NULL)
                continue;
            struct scan scan = {matcher, index->first_literal};
            hs_error_t status =
                hs_scan(index->database, (const char *)value->folded,
                        (unsigned)value->folded_size, 0, matcher->scratch, on_literal, &scan);
            if (status != HS_SUCCESS) /* never miss a match: evaluate every rule instead */
                memset(matcher->bits, 0xFF, group->words * sizeof matcher->bits[0]);
        }
    }
}

static bool fits(const char *wanted, const char *given)
{
    return wanted[0] == '\0' || string_equal(given, "*") || string_equal(wanted, given);
}

/* Each attribute that a rule states must be the event's. */
static uint32_t find_groups(const struct matcher *matcher, const struct engine_event *event,
                            uint32_t *groups)
{
    const struct log_source *sources = ROWS_OF(matcher->program->sources, struct log_source);
    uint32_t count = 0;
    for (uint32_t i = 0; i < matcher->groups.count; i++) {
        if (ROWS_OF(matcher->groups, struct group)[i].rule_count == 0)
            continue;
        for (size_t n = 0; n < event->source_count; n++) {
            const struct view_source *given = &event->sources[n];
            if (fits(sources[i].product, given->product)
                && fits(sources[i].category, given->category)
                && fits(sources[i].service, given->service)) {
                groups[count++] = i;
                break;
            }
        }
    }
    return count;
}

static bool is_cached(const struct cached_groups *cached, const struct engine_event *event)
{
    if (cached->source_count != event->source_count)
        return false;
    for (size_t i = 0; i < event->source_count; i++) {
        if (!string_equal(cached->words[i][0], event->sources[i].product)
            || !string_equal(cached->words[i][1], event->sources[i].category)
            || !string_equal(cached->words[i][2], event->sources[i].service))
            return false;
    }
    return true;
}

static bool copy_words(struct cached_groups *cached, const struct engine_event *event)
{
    for (size_t i = 0; i < event->source_count; i++) {
        if (!string_copy(cached->words[i][0], SOURCE_WORD_BYTES, event->sources[i].product)
            || !string_copy(cached->words[i][1], SOURCE_WORD_BYTES, event->sources[i].category)
            || !string_copy(cached->words[i][2], SOURCE_WORD_BYTES, event->sources[i].service))
            return false;
    }
    return true;
}

static const uint32_t *groups_of(struct matcher *matcher, const struct engine_event *event,
                                 uint32_t *ret_count)
{
    for (size_t i = 0; i < CACHED_SOURCES; i++) {
        if (event->source_count > 0 && is_cached(&matcher->cache[i], event)) {
            *ret_count = matcher->cache[i].count;
            return matcher->cache[i].groups;
        }
    }
    struct cached_groups *cached = &matcher->cache[matcher->next_cached];
    cached->source_count = 0;
    if (!copy_words(cached, event)) {
        *ret_count = find_groups(matcher, event, matcher->uncached);
        return matcher->uncached;
    }
    cached->source_count = event->source_count;
    cached->count = find_groups(matcher, event, cached->groups);
    matcher->next_cached = (matcher->next_cached + 1) % CACHED_SOURCES;
    *ret_count = cached->count;
    return cached->groups;
}

void matcher_candidates(struct matcher *matcher, const struct engine_event *event,
                        matcher_visit *visit, void *context)
{
    uint32_t count;
    const uint32_t *groups = groups_of(matcher, event, &count);
    for (uint32_t i = 0; i < count; i++) {
        const struct group *group = &ROWS_OF(matcher->groups, struct group)[groups[i]];
        const uint64_t *always = ROWS_OF(matcher->always, uint64_t) + group->always;
        for (uint32_t word = 0; word < group->words; word++)
            matcher->bits[word] = matcher->is_all ? UINT64_MAX : always[word];
        if (!matcher->is_all)
            scan_group(matcher, group, event);
        for (uint32_t word = 0; word < group->words; word++) {
            for (uint64_t left = matcher->bits[word]; left != 0; left &= left - 1) {
                uint32_t rule = word * 64 + (uint32_t)__builtin_ctzll(left);
                if (rule < group->rule_count && !visit(context, group->first_rule + rule))
                    return;
            }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
/* Memory that is out at any one moment: what was being done fails and says so, or is done rightly.
 * The linker has each request of ours for memory pass here (--wrap in meson.build). */
#include "engine/engine.h"

#include "base/arena.h"
#include "base/bytes.h"
#include "engine/pack.h"
#include "engine/rows.h"
#include "engine/sample_rules.h"
#include "tests/unit.h"

#include <hs.h>
#include <stdlib.h>
#include <string.h>

#define UNLIMITED SIZE_MAX
#ifdef __SANITIZE_ADDRESS__
enum { EVERY = 4 }; /* requests: each of them takes a minute on a busy machine */
#else
enum { EVERY = 1 }; /* ./test coverage */
#endif

static size_t granted = UNLIMITED; /* requests until one is denied */

static bool is_denied(void)
{
    if (granted == UNLIMITED)
        return false;
    return granted-- == 0; /* then it is UNLIMITED */
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
void *__real_arena_alloc(struct arena *arena, size_t size);
void *__real_arena_array(struct arena *arena, size_t count, size_t size);
char *__real_arena_copy(struct arena *arena, const void *data, size_t size);
RESULT __real_rows_add(struct rows *rows, struct budget *budget, size_t row_bytes, size_t count,
                       uint32_t *ret_first);
RESULT __real_budget_take(struct budget *budget, size_t bytes);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
void *__wrap_arena_alloc(struct arena *arena, size_t size);
void *__wrap_arena_array(struct arena *arena, size_t count, size_t size);
char *__wrap_arena_copy(struct arena *arena, const void *data, size_t size);
RESULT __wrap_rows_add(struct rows *rows, struct budget *budget, size_t row_bytes, size_t count,
                       uint32_t *ret_first);
RESULT __wrap_budget_take(struct budget *budget, size_t bytes);

void *__wrap_malloc(size_t size) { return is_denied() ? NULL : __real_malloc(size); }

void *__wrap_calloc(size_t count, size_t size)
{
    return is_denied() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return is_denied() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
    return is_denied() ? NULL : __real_reallocarray(old, count, size);
}

void *__wrap_arena_alloc(struct arena *arena, size_t size)
{
    return is_denied() ? NULL : __real_arena_alloc(arena, size);
}

void *__wrap_arena_array(struct arena *arena, size_t count, size_t size)
{
    return is_denied() ? NULL : __real_arena_array(arena, count, size);
}

char *__wrap_arena_copy(struct arena *arena, const void *data, size_t size)
{
    return is_denied() ? NULL : __real_arena_copy(arena, data, size);
}

RESULT __wrap_rows_add(struct rows *rows, struct budget *budget, size_t row_bytes, size_t count,
                       uint32_t *ret_first)
{
    if (is_denied())
        return result_fail(ERROR_MEMORY);
    return __real_rows_add(rows, budget, row_bytes, count, ret_first);
}

RESULT __wrap_budget_take(struct budget *budget, size_t bytes)
{
    return is_denied() ? result_fail(ERROR_MEMORY) : __real_budget_take(budget, bytes);
}

/* What documents say about others. */
static const char SETTINGS[] =
    "placeholders: {names: [one, two]}\n---\n"
    "name: m\ntransformations: [{type: field_name_mapping, mapping: {q: a}}]\n---\n"
    "field-names: {alpha: a, win.*: '*'}\n---\n"
    RULE("expanded", "{a|contains|expand: 'x %names%'}", "s and not t")
    RULE("mapped", "{q|endswith: '9'}", "s and not t")
    RULE("texts", "{a|contains: [one, Upper]}", "1 of s")
    "title: Out\n" SOURCE "filter: {rules: [texts], f: {user: root}, condition: not f}\n---\n";

static const char FEW_WITH_REGEX[] = RULE("regex", "{a|re: 'x.*(one|two)', b|endswith: /x}", "s")
    RULE("texts", "{a|contains: [one, 'tw?o*x', three], b|startswith: /bin/}", "s and not t");

static struct engine_options options_of(bool has_scanner)
{
    return (struct engine_options){.is_without_scanner = !has_scanner, .correlation_bytes = 65536};
}

static void add_match(void *context, size_t rule)
{
    uint64_t *sum = context;
    *sum = *sum * 31 + rule + 1;
}

/* A number for all matches of all events that could be read. */
static RESULT judge_all(struct engine *engine, uint64_t *sum)
{
    struct result result = RESULT_OK;
    struct engine_event *event = engine_event_new(engine);
    if (event == NULL)
        return result_fail(ERROR_MEMORY);
    *sum = 0;
    for (size_t i = 0; i < sizeof EVENTS / sizeof EVENTS[0] && result_is_ok(result); i++) {
        result = engine_event_from_json(event, EVENTS[i], strlen(EVENTS[i]), NULL);
        if (result_is_ok(result))
            engine_eval(engine, event, add_match, NULL, sum);
    }
    engine_event_free(event);
    return result;
}

/* How many documents are in force; each of the others must say why not. */
static size_t count_loaded(const struct engine *engine)
{
    for (size_t i = 0; i < engine_rule_count(engine); i++) {
        const struct engine_rule *rule = engine_rule(engine, i);
        if (rule->state == ENGINE_RULE_REJECTED && rule->reason[0] == '\0')
            fail_msg("line %u: '%s' is rejected without a reason", rule->line, rule->title);
    }
    return engine_count_state(engine, ENGINE_RULE_LOADED);
}

/* What came of it. */
struct outcome {
    uint64_t sum; /* judge_all() by what was opened at the end */
    size_t loaded;
};

/* All that is done with rules, from their text on. */
static RESULT do_all(const uint8_t *pack, size_t size, bool has_scanner, struct outcome *outcome)
{
    struct engine_options options = options_of(has_scanner);
    struct engine *engine = NULL;
    struct engine *opened = NULL;
    uint8_t *saved = NULL;
    size_t saved_size = 0;
    uint64_t first = 0;
    struct result result = engine_load(&options, pack, size, &engine, NULL);
    if (result_is_ok(result))
        result = judge_all(engine, &first);
    if (result_is_ok(result))
        result = engine_save(engine, &saved, &saved_size);
    if (result_is_ok(result))
        result = engine_open(&options, saved, saved_size, &opened, NULL);
    if (result_is_ok(result))
        result = judge_all(opened, &outcome->sum);
    if (result_is_ok(result)) {
        assert_int_equal(outcome->sum, first);
        outcome->loaded = count_loaded(opened);
        engine_adopt_state(opened, engine);
    }
    engine_free(opened);
    engine_free(engine);
    free(saved);
    return result;
}

/* Denies each request in its turn. */
static void deny_each(const char *text, bool has_scanner)
{
    struct pack_writer *writer = pack_writer_new();
    uint8_t *pack;
    size_t size;
    struct outcome expected = {.sum = 0};
    assert_ok(pack_writer_add(writer, "a.yml", text, strlen(text)));
    assert_ok(pack_writer_finish(writer, &pack, &size));
    pack_writer_free(writer);
    assert_ok(do_all(pack, size, has_scanner, &expected));
    size_t tried = 0;
    size_t deprived = 0;
    size_t survived = 0;
    for (size_t at = 0;; at += EVERY) {
        struct outcome outcome = {.sum = 0};
        granted = at;
        struct result result = do_all(pack, size, has_scanner, &outcome);
        bool was_denied = granted == UNLIMITED;
        granted = UNLIMITED;
        if (!was_denied)
            break;
        tried++;
        bool is_complete = result_is_ok(result) && outcome.loaded == expected.loaded;
        deprived += result_is_ok(result) && !is_complete;
        survived += is_complete;
        if (!result_is_ok(result) && result.error != ERROR_MEMORY)
            fail_msg("without request %zu: %s", at, result_text(result));
        if (is_complete && outcome.sum != expected.sum)
            fail_msg("without request %zu rules judge otherwise; none was rejected", at);
    }
    print_message("# %zu requests denied, one at a time: %zu times that failed, %zu times a "
                  "rule was rejected for it, %zu times it changed nothing\n", tried,
                  tried - deprived - survived, deprived, survived);
    assert_true(tried > 100);
    free(pack);
}

static void memory_may_be_out_at_any_moment(void **state)
{
    (void)state;
    deny_each(PLAIN, false);
}

static void memory_may_be_out_for_settings(void **state)
{
    (void)state;
    deny_each(SETTINGS, false);
}

static void memory_may_be_out_while_vectorscan_is_asked(void **state)
{
    (void)state;
    deny_each(FEW_WITH_REGEX, true);
}

int main(void)
{
    hs_set_allocator(__wrap_malloc, free); /* Vectorscan's requests too */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_may_be_out_at_any_moment),
        cmocka_unit_test(memory_may_be_out_for_settings),
        cmocka_unit_test(memory_may_be_out_while_vectorscan_is_asked),
    };
    return unit_run("engine-memory", tests);
}

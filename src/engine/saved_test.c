// SPDX-License-Identifier: Apache-2.0
/* A compiled set as bytes: opened again it judges as before; damaged it is refused, or judges
 * within its bounds (which the sanitizers watch). */
#include "engine/engine.h"

#include "base/bytes.h"
#include "engine/pack.h"
#include "engine/sample_rules.h"
#include "tests/unit.h"

#include <sha2.h>
#include <stdlib.h>
#include <string.h>

enum { DIGEST_AT = 8, BODY_AT = DIGEST_AT + SHA256_DIGEST_LENGTH };

static struct engine_options options_of(bool has_scanner)
{
    return (struct engine_options){.is_without_scanner = !has_scanner, .correlation_bytes = 65536};
}

static struct engine *compile(const char *text, bool has_scanner)
{
    struct engine_options options = options_of(has_scanner);
    struct pack_writer *writer = pack_writer_new();
    struct engine *engine;
    uint8_t *pack;
    size_t size;
    assert_ok(pack_writer_add(writer, "a.yml", text, strlen(text)));
    assert_ok(pack_writer_finish(writer, &pack, &size));
    pack_writer_free(writer);
    assert_ok(engine_load(&options, pack, size, &engine, NULL));
    free(pack);
    return engine;
}

static void add_match(void *context, size_t rule)
{
    uint64_t *sum = context;
    *sum = *sum * 31 + rule + 1;
}

/* A number for all matches, in their order. */
static uint64_t judge_all(struct engine *engine)
{
    uint64_t sum = 0;
    struct engine_event *event = engine_event_new(engine);
    assert_non_null(event);
    for (size_t i = 0; i < sizeof EVENTS / sizeof EVENTS[0]; i++) {
        if (result_is_ok(engine_event_from_json(event, EVENTS[i], strlen(EVENTS[i]), NULL)))
            engine_eval(engine, event, add_match, NULL, &sum);
    }
    engine_event_free(event);
    return sum;
}

/* What a damaged form would have to pass: a right digest. */
static void sign(uint8_t *data, size_t size)
{
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, data + BODY_AT, size - BODY_AT);
    SHA256Final(data + DIGEST_AT, &context);
}

/* Whether it was opened; it is then judged by. */
static bool try_open(const uint8_t *data, size_t size, bool has_scanner)
{
    struct engine_options options = options_of(has_scanner);
    struct engine *engine = NULL;
    struct explanation why = {.text = ""};
    /* A copy without a byte more, so that the sanitizer sees each read behind its end. */
    uint8_t *exact = malloc(size > 0 ? size : 1);
    bytes_copy(exact, size, data, size);
    struct result result = engine_open(&options, exact, size, &engine, &why);
    free(exact);
    if (!result_is_ok(result)) {
        assert_non_null(strstr(why.text, "compiled from their sources"));
        return false;
    }
    (void)judge_all(engine);
    for (size_t i = 0; i < engine_rule_count(engine); i++)
        assert_non_null(engine_rule(engine, i)->title);
    engine_free(engine);
    return true;
}

static void saved_sets_judge_as_before(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        bool has_scanner = i % 2 == 1;
        char text[sizeof PLAIN + sizeof WITH_REGEX];
        string_format(text, sizeof text, "%s%s", PLAIN, i == 3 ? WITH_REGEX : "");
        struct engine_options options = options_of(has_scanner);
        struct engine *engine = compile(text, has_scanner);
        struct engine *opened;
        uint8_t *data, *again;
        size_t size, size_again;
        assert_ok(engine_save(engine, &data, &size));
        assert_ok(engine_open(&options, data, size, &opened, NULL));
        assert_ok(engine_save(opened, &again, &size_again));
        assert_int_equal(size, size_again);
        assert_int_equal(engine_rule_count(engine), engine_rule_count(opened));
        for (size_t n = 0; n < engine_rule_count(engine); n++) {
            const struct engine_rule *a = engine_rule(engine, n);
            const struct engine_rule *b = engine_rule(opened, n);
            assert_string_equal(a->title, b->title);
            assert_string_equal(a->reason, b->reason);
            assert_memory_equal(a->digest, b->digest, sizeof a->digest);
            assert_int_equal(a->state, b->state);
            assert_int_equal(a->tag_count, b->tag_count);
        }
        assert_int_equal(engine_count_state(engine, ENGINE_RULE_REJECTED), 1);
        uint64_t sum = judge_all(engine);
        assert_true(sum > 31);
        assert_int_equal(judge_all(opened), sum);
        assert_int_equal(engine_cost(engine).steps, engine_cost(opened).steps);
        print_message("# %zu bytes\n", size);
        engine_free(engine);
        engine_free(opened);
        free(data);
        free(again);
    }
}

static void cut(const char *text, bool has_scanner)
{
    struct engine *engine = compile(text, has_scanner);
    uint8_t *data;
    size_t size;
    assert_ok(engine_save(engine, &data, &size));
    uint8_t *bad = malloc(size + 1);
    for (size_t length = 0; length < size; length++) {
        bytes_copy(bad, size, data, length);
        if (length >= BODY_AT)
            sign(bad, length);
        assert_false(try_open(bad, length, has_scanner));
    }
    bytes_copy(bad, size, data, size);
    assert_true(try_open(bad, size, has_scanner));
    bad[size] = 0;
    sign(bad, size + 1);
    assert_false(try_open(bad, size + 1, has_scanner));
    free(bad);
    free(data);
    engine_free(engine);
}

#define SMALL_REGEX RULE("r", "{a|re: 'abcdefghijklmnop'}", "s")

static void what_is_cut_off_is_refused(void **state)
{
    (void)state;
    cut(PLAIN, false);
    cut(SMALL_REGEX, true);
}

/* Every byte of [from, size) changed, with a right digest. */
static void damage(const char *text, bool has_scanner, bool are_words)
{
    static const uint32_t WORDS[] = {0, 1, 0x7FFFFFFF, 0x80000000, UINT32_MAX};
    static const uint8_t FLIPS[] = {0x01, 0x80, 0xFF};
    struct engine *engine = compile(text, has_scanner);
    uint8_t *data;
    size_t size;
    size_t opened = 0;
    size_t tried = 0;
    assert_ok(engine_save(engine, &data, &size));
    uint8_t *bad = malloc(size);
    size_t ways = are_words ? sizeof WORDS / sizeof WORDS[0] : sizeof FLIPS;
    for (size_t at = BODY_AT; at + (are_words ? 4 : 1) <= size; at++) {
        for (size_t way = 0; way < ways; way++) {
            bytes_copy(bad, size, data, size);
            if (are_words)
                bytes_copy(bad + at, size - at, &WORDS[way], sizeof WORDS[way]);
            else
                bad[at] ^= FLIPS[way];
            sign(bad, size);
            opened += try_open(bad, size, has_scanner);
            tried++;
        }
    }
    print_message("# %zu bytes: %zu damaged forms, %zu refused, %zu judged within bounds\n", size,
                  tried, tried - opened, opened);
    assert_true(opened < tried);
    free(bad);
    free(data);
    engine_free(engine);
}

static void a_flipped_byte_is_refused_or_judged_within_bounds(void **state)
{
    (void)state;
    damage(PLAIN, false, false);
}

static void a_number_at_its_limits_is_refused_or_judged_within_bounds(void **state)
{
    (void)state;
    damage(PLAIN, false, true);
}

static void a_damaged_expression_is_refused_or_judged_within_bounds(void **state)
{
    (void)state;
    struct engine *engine = compile(WITH_REGEX, true);
    engine_free(engine);
    damage(SMALL_REGEX, true, false);
}

static void the_digest_tells_accidents(void **state)
{
    (void)state;
    struct engine *engine = compile(PLAIN, false);
    uint8_t *data;
    size_t size;
    assert_ok(engine_save(engine, &data, &size));
    for (size_t at = 0; at < size; at++) {
        data[at] ^= 0x10;
        assert_false(try_open(data, size, false));
        data[at] ^= 0x10;
    }
    free(data);
    engine_free(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saved_sets_judge_as_before),
        cmocka_unit_test(what_is_cut_off_is_refused),
        cmocka_unit_test(the_digest_tells_accidents),
        cmocka_unit_test(a_flipped_byte_is_refused_or_judged_within_bounds),
        cmocka_unit_test(a_number_at_its_limits_is_refused_or_judged_within_bounds),
        cmocka_unit_test(a_damaged_expression_is_refused_or_judged_within_bounds),
    };
    return unit_run("engine-saved", tests);
}

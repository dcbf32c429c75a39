// SPDX-License-Identifier: Apache-2.0
/*
 * Random rules over random events, from one seed: the scan must leave out no rule that matches.
 * Texts come from few letters, so that they meet often.
 */
#include "engine/engine_check.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "engine/pack.h"
#include "tests/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 8, RULES = 150, EVENTS = 150, RULE_CAPACITY = 200 };

static uint64_t seed;

/* xorshift64*; below `limit` */
static unsigned pick(unsigned limit)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (unsigned)((seed * UINT64_C(2685821657736338717)) >> 33) % limit;
}

static void put_one_of(FILE *out, const char *const *pieces, size_t count)
{
    fputs(pieces[pick((unsigned)count)], out);
}
#define PUT(out, ...) \
    put_one_of(out, (const char *const[]){__VA_ARGS__}, \
               sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void put_text(FILE *out)
{
    for (unsigned left = 1 + pick(5); left > 0; left--)
        PUT(out, "a", "b", "A", "ab", "/", "\\", "\\\\", " -a", ".", "*", "?", "\\*", "\xc3\xa4",
            "\xc3\x84", "\xe2\x84\xaa", "k", "/b.a", "0");
}

/* Regular expressions of every construct that is read over or counted. */
static void put_regex(FILE *out, unsigned depth)
{
    for (unsigned left = 1 + pick(4); left > 0; left--) {
        switch (pick(depth > 2 ? 4 : 6)) {
        case 0:
            PUT(out, "a", "b", "ab", "s", "k", "\xc3\xa4", "0", "ba");
            break;
        case 1:
            PUT(out, "[ab]", "[^a]", "[]a]", "[a\\]]", ".", "\\d", "\\w", "\\.", "\\/", "\\\\");
            break;
        case 4:
            fputs(pick(3) == 0 ? "(?:" : "(", out);
            put_regex(out, depth + 1);
            fputs(")", out);
            break;
        case 5:
            if (pick(3) == 0) {
                fputs("|", out);
                continue;
            }
            __attribute__((fallthrough));
        default:
            PUT(out, "a", "b", "ab", "aa");
            break;
        }
        PUT(out, "", "", "", "", "?", "*", "+", "{0,1}", "{2}", "{1,}", "+?");
    }
}

static void put_item(FILE *out)
{
    PUT(out, "a", "b", "c");
    if (pick(4) == 0) {
        PUT(out, "|re: '", "|re|i: '", "|re: '(?i)", "|re: '^", "|re|s: '");
        put_regex(out, 0);
        fputs("'", out);
        return;
    }
    PUT(out, "", "|contains", "|contains", "|startswith", "|endswith", "|endswith", "|contains|all",
        "|cased", "|contains|cased", "|contains|windash", "|neq", "|fieldref|contains");
    fputs(": ['", out);
    put_text(out);
    for (unsigned left = pick(3); left > 0; left--) {
        fputs("', '", out);
        put_text(out);
    }
    fputs("']", out);
}

static void put_rule(FILE *out)
{
    fputs("title: T\nlogsource: {category: c}\ndetection:\n", out);
    for (unsigned i = 0; i < 3; i++) {
        fprintf(out, "  s%u:\n", i);
        for (unsigned left = 1 + pick(2); left > 0; left--) {
            fputs("    - ", out);
            put_item(out);
            fputs("\n", out);
        }
    }
    fputs("  condition: ", out);
    PUT(out, "s0", "s0 and s1", "s0 or s1", "s0 and not s1", "not s0", "1 of them", "all of them",
        "s0 and (s1 or s2)", "(s0 or s1) and not s2", "not (s0 or not s1)");
    fputs("\n---\n", out);
}

static void put_event(FILE *out)
{
    fputs("{\"category\": \"c\"", out);
    for (unsigned i = 0; i < 3; i++) {
        if (pick(5) == 0)
            continue;
        fprintf(out, ", \"%c\": \"", "abc"[i]);
        for (unsigned left = pick(7); left > 0; left--)
            PUT(out, "a", "b", "A", "ab", "B", "/", "\\\\", " -a", " /a", ".", "*", "\\u00e4",
                "\\u00c4", "\\u212a", "k", "s", "\\u017f", "0", "?", "\xc3", "\\n");
        fputs("\"", out);
    }
    fputs("}", out);
}

static struct engine *load_random(char **ret_text)
{
    size_t size = 0;
    FILE *out = open_memstream(ret_text, &size);
    for (unsigned i = 0; i < RULES; i++)
        put_rule(out);
    fclose(out);
    struct pack_writer *writer = pack_writer_new();
    uint8_t *pack = NULL;
    size_t pack_size = 0;
    struct engine *engine = NULL;
    assert_ok(pack_writer_add(writer, "random", *ret_text, size));
    assert_ok(pack_writer_finish(writer, &pack, &pack_size));
    assert_ok(engine_load(NULL, pack, pack_size, &engine, NULL));
    pack_writer_free(writer);
    free(pack);
    return engine;
}

static void note(void *context, size_t rule) { ((bool *)context)[rule] = true; }

static size_t compare(struct engine *engine, struct engine_event *event, const char *rules)
{
    char *line = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&line, &size);
    put_event(out);
    fclose(out);
    bool fast[RULE_CAPACITY] = {false};
    bool slow[RULE_CAPACITY] = {false};
    size_t matches = 0;
    assert_ok(engine_event_from_json(event, line, size, NULL));
    engine_evaluate_all(engine, false);
    engine_eval(engine, event, note, NULL, fast);
    engine_evaluate_all(engine, true);
    engine_eval(engine, event, note, NULL, slow);
    for (size_t i = 0; i < engine_rule_count(engine); i++) {
        matches += slow[i];
        if (fast[i] != slow[i])
            fail_msg("rule %zu, in line %u of\n%s\nevent %s", i, engine_rule(engine, i)->line,
                     rules, line);
    }
    free(line);
    return matches;
}

static void no_match_is_lost(void **state)
{
    (void)state;
    size_t matches = 0;
    size_t loaded = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        seed = UINT64_C(0x9E3779B97F4A7C15) * (round + 1);
        char *rules;
        struct engine *engine = load_random(&rules);
        struct engine_event *event = engine_event_new(engine);
        assert_true(engine_rule_count(engine) <= RULE_CAPACITY);
        loaded += engine_count_state(engine, ENGINE_RULE_LOADED);
        for (unsigned i = 0; i < EVENTS; i++)
            matches += compare(engine, event, rules);
        engine_event_free(event);
        engine_free(engine);
        free(rules);
    }
    print_message("# %zu rules loaded, %zu matches\n", loaded, matches);
    assert_true(loaded > ROUNDS * RULES / 2 && matches > loaded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_match_is_lost)};
    return unit_run("engine-random", tests);
}

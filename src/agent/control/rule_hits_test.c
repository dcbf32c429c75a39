// SPDX-License-Identifier: Apache-2.0
#include "agent/control/rule_hits.h"

#include "tests/unit.h"

static void digest_of(unsigned number, uint8_t digest[RULE_HITS_DIGEST_BYTES])
{
    for (size_t i = 0; i < RULE_HITS_DIGEST_BYTES; i++)
        digest[i] = 0;
    digest[0] = (uint8_t)(number % 7); /* many in one place */
    digest[2] = (uint8_t)number;
    digest[3] = (uint8_t)(number >> 8);
}

static void hits_are_counted_by_rule(void **state)
{
    (void)state;
    struct rule_hits *hits = rule_hits_new();
    uint8_t digest[RULE_HITS_DIGEST_BYTES];
    uint64_t count;
    for (unsigned i = 0; i < 300; i++) {
        digest_of(i % 100, digest);
        rule_hits_add(hits, digest, 1);
    }
    for (unsigned i = 0; i < 110; i++) {
        digest_of(i, digest);
        assert_true(rule_hits_get(hits, digest, &count));
        assert_int_equal(count, i < 100 ? 3 : 0);
    }
    rule_hits_free(hits);
}

static void what_has_no_place_is_unknown_and_not_zero(void **state)
{
    (void)state;
    struct rule_hits *hits = rule_hits_new();
    uint8_t digest[RULE_HITS_DIGEST_BYTES];
    uint64_t count;
    for (unsigned i = 0; i < RULE_HITS_MAX + 10; i++) {
        digest_of(i, digest);
        rule_hits_add(hits, digest, 1);
    }
    digest_of(RULE_HITS_MAX + 1, digest);
    assert_false(rule_hits_get(hits, digest, &count));
    digest_of(5, digest);
    assert_true(rule_hits_get(hits, digest, &count));
    assert_int_equal(count, 1);
    rule_hits_free(hits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hits_are_counted_by_rule),
        cmocka_unit_test(what_has_no_place_is_unknown_and_not_zero),
    };
    return unit_run("rule_hits", tests);
}

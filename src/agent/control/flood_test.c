// SPDX-License-Identifier: Apache-2.0
#include "agent/control/flood.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "tests/unit.h"

static const struct flood_limits LIMITS = {.singles_per_minute = 2, .group_seconds = 10};
static const uint8_t DIGEST[32] = {1};

static enum flood_verdict judge(struct flood *flood, uint64_t executable, uint64_t now_s)
{
    char text[32];
    string_format(text, sizeof text, "/bin/%llu", (unsigned long long)executable);
    struct bytes path = {(const uint8_t *)text, 6 + (executable > 9) + (executable > 99)};
    struct flood_alert alert = {.alert_id = "00112233445566778899aabbccddeeff",
                                .rule_digest = DIGEST, .executable = path};
    return flood_judge(flood, &LIMITS, &alert, now_s * NS_PER_S);
}

static void a_minute_gives_new_singles(void **state)
{
    (void)state;
    struct flood *flood = flood_new();
    assert_int_equal(judge(flood, 1, 100), FLOOD_WRITE);
    assert_int_equal(judge(flood, 1, 101), FLOOD_WRITE);
    assert_int_equal(judge(flood, 1, 159), FLOOD_GROUP);
    assert_int_equal(judge(flood, 2, 159), FLOOD_WRITE);
    assert_int_equal(judge(flood, 1, 160), FLOOD_WRITE);
    assert_true(flood_pending(flood) == 1);
    assert_null(flood_due(flood, 160 * NS_PER_S, false));
    const struct flood_group *group = flood_due(flood, 169 * NS_PER_S, false);
    assert_non_null(group);
    assert_true(group->count == 1);
    flood_written(flood, group);
    assert_null(flood_due(flood, 1000 * NS_PER_S, true));
    flood_free(flood);
}

static void more_pairs_than_places_lose_no_count(void **state)
{
    (void)state;
    struct flood *flood = flood_new();
    uint64_t written = 0, grouped = 0;
    for (uint64_t i = 0; i < 900; i++) {
        for (unsigned k = 0; k < 4; k++)
            *(judge(flood, i, 100) == FLOOD_WRITE ? &written : &grouped) += 1;
        const struct flood_group *group;
        while ((group = flood_due(flood, 100 * NS_PER_S, false)) != NULL) {
            grouped -= group->count;
            written += group->count;
            flood_written(flood, group);
        }
    }
    assert_true(written + grouped == 3600);
    assert_true(flood_pending(flood) == grouped);
    flood_free(flood);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_minute_gives_new_singles),
        cmocka_unit_test(more_pairs_than_places_lose_no_count),
    };
    return unit_run("flood", tests);
}

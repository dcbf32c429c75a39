// SPDX-License-Identifier: Apache-2.0
#include "update/lifecycle/halts.h"

#include "tests/unit.h"

enum { HOUR_S = 3600 };

static const struct release_name BAD = {{1}}, OTHER = {{2}};

static struct halts three_partners(void)
{
    struct halts halts = {.lift_quorum = 2};
    for (size_t i = 0; i < 3; i++)
        halts.lists[i].is_partner = true;
    return halts;
}

static enum halt_verdict say(struct halts *halts, uint8_t partner, uint64_t number, uint32_t at_s,
                             struct release_name release, bool is_lift)
{
    struct halt_news news = {
        .partner = partner, .number = number, .lifetime_s = 2 * DAY_S, .count = 1};
    news.halts[0].release = release;
    news.halts[0].is_lift = is_lift;
    return halts_take(halts, &news, (struct steady_time){at_s});
}

static struct halt_view view_of(const struct halts *halts, struct release_name release,
                                uint32_t at_s)
{
    return halts_of(halts, release, (struct steady_time){at_s});
}

static void any_partner_halts_one_release_until_its_list_runs_out(void **state)
{
    (void)state;
    struct halts halts = three_partners();
    assert_int_equal(say(&halts, 1, 7, 100, BAD, false), HALT_TAKEN);
    assert_int_equal(view_of(&halts, BAD, 100).halting, 1);
    assert_int_equal(view_of(&halts, OTHER, 100).halting, 0);
    assert_int_equal(view_of(&halts, BAD, 100 + 2 * DAY_S - 1).halting, 1);
    assert_int_equal(view_of(&halts, BAD, 100 + 2 * DAY_S).halting, 0);
    assert_int_equal(say(&halts, 1, 8, 200, OTHER, false), HALT_TAKEN); /* no longer BAD */
    assert_int_equal(view_of(&halts, BAD, 200).halting, 0);
}

static void old_foreign_and_senseless_lists_are_refused(void **state)
{
    (void)state;
    struct halts halts = three_partners();
    assert_int_equal(say(&halts, 1, 7, 100, BAD, false), HALT_TAKEN);
    assert_int_equal(say(&halts, 1, 7, 200, OTHER, false), HALT_OLD);
    assert_int_equal(say(&halts, 1, 6, 200, OTHER, false), HALT_OLD);
    assert_int_equal(say(&halts, 3, 1, 200, BAD, false), HALT_NOT_ASKED);
    assert_int_equal(say(&halts, 200, 1, 200, BAD, false), HALT_NOT_ASKED);
    struct halt_news news = {.partner = 1, .number = 8, .lifetime_s = HALTS_LIFETIME_MAX_S + 1};
    assert_int_equal(halts_take(&halts, &news, (struct steady_time){200}), HALT_UNSOUND);
    news.lifetime_s = 0;
    assert_int_equal(halts_take(&halts, &news, (struct steady_time){200}), HALT_UNSOUND);
    assert_int_equal(view_of(&halts, BAD, 200).halting, 1); /* what is known stays in force */
}

static void a_partner_without_a_new_list_for_a_day_is_silent(void **state)
{
    (void)state;
    struct halts halts = three_partners();
    assert_int_equal(view_of(&halts, BAD, 100).silent, 7); /* never heard of */
    for (uint8_t partner = 0; partner < 3; partner++)
        assert_int_equal(say(&halts, partner, 1, 100, OTHER, false), HALT_TAKEN);
    assert_int_equal(view_of(&halts, BAD, 100 + HALTS_FRESH_S - 1).stale, 0);
    assert_int_equal(view_of(&halts, BAD, 100 + HALTS_FRESH_S).stale, 7);
    assert_int_equal(view_of(&halts, BAD, 100 + DAY_S - 1).silent, 0);
    assert_int_equal(view_of(&halts, BAD, 100 + DAY_S).silent, 7);
    assert_int_equal(say(&halts, 2, 1, 100 + DAY_S, OTHER, false), HALT_OLD); /* a repetition */
    assert_int_equal(view_of(&halts, BAD, 100 + DAY_S).silent, 7);
    assert_int_equal(say(&halts, 2, 2, 100 + DAY_S, OTHER, false), HALT_TAKEN);
    assert_int_equal(view_of(&halts, BAD, 100 + DAY_S).silent, 3);
}

static void a_stolen_number_does_not_silence_a_partner_for_good(void **state)
{
    (void)state;
    struct halts halts = three_partners();
    assert_int_equal(say(&halts, 1, UINT64_MAX, 100, BAD, false), HALT_TAKEN);
    assert_int_equal(say(&halts, 1, 8, 200, OTHER, false), HALT_OLD);
    halts_renumber(&halts);
    assert_int_equal(view_of(&halts, BAD, 200).halting, 1); /* still */
    assert_int_equal(say(&halts, 1, 8, 200, OTHER, false), HALT_TAKEN);
    assert_int_equal(view_of(&halts, BAD, 200).halting, 0);
}

static void a_quorum_lifts_and_one_partner_does_not(void **state)
{
    (void)state;
    struct halts halts = three_partners();
    (void)say(&halts, 0, 1, 100, BAD, false);
    (void)say(&halts, 1, 1, 100, BAD, true);
    assert_int_equal(view_of(&halts, BAD, 100).halting, 1);
    (void)say(&halts, 2, 1, 100, BAD, true);
    assert_int_equal(view_of(&halts, BAD, 100).halting, 0);
    halts.lift_quorum = 0; /* nobody can */
    assert_int_equal(view_of(&halts, BAD, 100).halting, 1);
}

static void a_recall_needs_two_and_is_spread(void **state)
{
    (void)state;
    struct halts halts = three_partners();
    (void)say(&halts, 0, 1, 100, BAD, false);
    assert_int_equal(view_of(&halts, BAD, 100).recall_from.s, 0);
    (void)say(&halts, 1, 1, 500, BAD, false);
    struct halt_view view = view_of(&halts, BAD, 500);
    assert_int_equal(view.halting, 2);
    assert_int_equal(view.recall_from.s, 500);
    /* A renewed list does not put it off. */
    (void)say(&halts, 1, 2, 500 + HOUR_S, BAD, false);
    assert_int_equal(view_of(&halts, BAD, 500 + HOUR_S).recall_from.s, 500);
    enum { HOSTS = 6000, PARTS = 6 };
    unsigned in_part[PARTS] = {0};
    for (uint64_t host = 0; host < HOSTS; host++) {
        uint32_t at_s = halts_recall_at(&view, host, BAD).s - 500;
        assert_true(at_s < HALTS_RECALL_SPREAD_S);
        in_part[at_s * PARTS / HALTS_RECALL_SPREAD_S]++;
    }
    for (size_t i = 0; i < PARTS; i++)
        assert_in_range(in_part[i], HOSTS / PARTS * 85 / 100, HOSTS / PARTS * 115 / 100);
}

static void lists_survive_their_encoding(void **state)
{
    (void)state;
    struct halts halts = three_partners();
    (void)say(&halts, 0, 9, 100, BAD, false);
    (void)say(&halts, 2, 3, 200, BAD, true);
    uint8_t data[HALTS_ENCODED_MAX];
    struct writer writer = writer_of(data, sizeof data);
    assert_ok(halts_encode(&halts, &writer));
    struct reader reader = reader_of(data, writer.at);
    struct halts decoded;
    assert_ok(halts_decode(&reader, &decoded));
    assert_ok(reader_end(&reader));
    assert_int_equal(decoded.lists[0].number, 9);
    assert_int_equal(view_of(&decoded, BAD, 200).halting, 1);
    assert_int_equal(say(&decoded, 2, 3, 300, BAD, false), HALT_OLD);
    for (size_t size = 0; size < writer.at; size++) {
        reader = reader_of(data, size);
        assert_error(halts_decode(&reader, &decoded), ERROR_FORMAT);
    }
    /* The largest fit. */
    for (size_t i = 0; i < LIMIT_PARTNERS; i++)
        halts.lists[i].count = LIMIT_HALTS;
    writer = writer_of(data, sizeof data);
    assert_ok(halts_encode(&halts, &writer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_partner_halts_one_release_until_its_list_runs_out),
        cmocka_unit_test(old_foreign_and_senseless_lists_are_refused),
        cmocka_unit_test(a_partner_without_a_new_list_for_a_day_is_silent),
        cmocka_unit_test(a_stolen_number_does_not_silence_a_partner_for_good),
        cmocka_unit_test(a_quorum_lifts_and_one_partner_does_not),
        cmocka_unit_test(a_recall_needs_two_and_is_spread),
        cmocka_unit_test(lists_survive_their_encoding),
    };
    return unit_run("update/halts", tests);
}

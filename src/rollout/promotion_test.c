// SPDX-License-Identifier: Apache-2.0
/* What hosts take as evidence that a ring is well, and what hubs try instead. */
#include "rollout/promotion_make.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "rollout/fake_fleet.h"
#include "tests/unit.h"

#include <stdlib.h>
#include <string.h>

static struct fake_fleet fleet;
static struct fake_claim claims[FAKE_HOSTS]; /* each host's own, honest; tests restore them */
static uint8_t file[LIMIT_PROMOTION_BYTES + 1];

static int open_fleet(void **state)
{
    (void)state;
    fake_fleet_open(&fleet);
    for (uint32_t i = 0; i < FAKE_HOSTS; i++)
        claims[i] = fake_claim(&fleet, i);
    return 0;
}

static int close_fleet(void **state)
{
    (void)state;
    fake_fleet_close(&fleet);
    return 0;
}

static struct result check(size_t size, struct explanation *why)
{
    struct promotion_proof proof;
    return promotion_check(file, size, &fleet.demand, fleet.release, FAKE_NOW_S, &proof, why);
}

#define assert_refused(size, expected, sentence)                     \
    do {                                                             \
        struct explanation refused_why_ = {""};                      \
        assert_error(check(size, &refused_why_), expected);          \
        if (strstr(refused_why_.text, sentence) == NULL)             \
            fail_msg("it said \"%s\"", refused_why_.text);           \
    } while (0)

static size_t honest(void)
{
    struct promotion promotion = fake_promotion(&fleet, claims, FAKE_RING_0);
    return fake_promotion_write(&fleet, &promotion, claims, 3, file);
}

/* --- making ----------------------------------------------------------------------------------- */

static void what_a_promoter_makes_is_what_hosts_take(void **state)
{
    (void)state;
    struct promotion_maker *maker;
    struct promotion promotion;
    struct promotion_proof proof;
    uint8_t message[PROMOTION_MESSAGE_BYTES];
    struct ticket_signature signatures[FAKE_SIGNERS];
    assert_ok(promotion_maker_new(&fleet.roster, fleet.hosts, fleet.release, 0, &maker, NULL));
    for (uint32_t i = FAKE_RING_0; i > 0; i--) /* in any order */
        assert_ok(promotion_maker_take(maker, claims[i - 1].report, REPORT_BYTES, NULL));
    assert_ok(promotion_maker_state(maker, 0, 7200, 50000, FAKE_NOW_S, &promotion, NULL));
    assert_ok(promotion_message(&promotion, message, NULL));
    size_t count =
        fake_signatures(fleet.promoters, 6, message, sizeof message, signatures);
    struct writer writer = writer_of(file, LIMIT_PROMOTION_BYTES);
    assert_ok(promotion_maker_write(maker, fleet.roster_head, signatures, count, &writer, NULL));
    promotion_maker_free(maker);
    assert_ok(promotion_check(file, writer.at, &fleet.demand, fleet.release, FAKE_NOW_S, &proof,
                              NULL));
    assert_int_equal(proof.promotion.hosts, FAKE_RING_0);
    assert_int_equal(proof.promotion.bad, 0);
    assert_false(proof.is_small);
    assert_int_equal(proof.roster.version, 3);
    assert_int_equal(promotion_healthy_rings(&proof.promotion), 1);
    proof.promotion.ring = 2;
    assert_int_equal(promotion_healthy_rings(&proof.promotion), 7);
    print_message("# a promotion over %d hosts has %zu bytes\n", FAKE_RING_0, writer.at);
}

static void a_promoter_looks_at_every_report(void **state)
{
    (void)state;
    struct promotion_maker *maker;
    struct promotion promotion;
    struct explanation why = {""};
    uint8_t bytes[REPORT_BYTES];
    assert_ok(promotion_maker_new(&fleet.roster, fleet.hosts, fleet.release, 0, &maker, NULL));
    assert_error(promotion_maker_state(maker, 0, 7200, 50000, 0, &promotion, &why), ERROR_STATE);
    assert_ok(promotion_maker_take(maker, claims[0].report, REPORT_BYTES, NULL));
    assert_error(promotion_maker_take(maker, claims[0].report, REPORT_BYTES, &why), ERROR_STATE);
    assert_non_null(strstr(why.text, "has reported already"));
    assert_error(promotion_maker_take(maker, claims[FAKE_RING_0].report, REPORT_BYTES, &why),
                 ERROR_STATE);
    struct report report = fake_report(&fleet, 1);
    fake_report_sign(&report, fleet.host_keys[2], bytes); /* by another host's key */
    assert_error(promotion_maker_take(maker, bytes, sizeof bytes, &why), ERROR_FORMAT);
    report.host.bytes[5] = 1; /* nobody */
    fake_report_sign(&report, fleet.host_keys[1], bytes);
    assert_error(promotion_maker_take(maker, bytes, sizeof bytes, &why), ERROR_NOT_FOUND);
    report = fake_report(&fleet, 1);
    report.release[0] ^= 1;
    fake_report_sign(&report, fleet.host_keys[1], bytes);
    assert_error(promotion_maker_take(maker, bytes, sizeof bytes, &why), ERROR_STATE);
    report = fake_report(&fleet, 1);
    report.ran_s = 60; /* not for long enough: not counted */
    fake_report_sign(&report, fleet.host_keys[1], bytes);
    assert_ok(promotion_maker_take(maker, bytes, sizeof bytes, NULL));
    report = fake_report(&fleet, 2);
    report.ran_s = 60; /* but bad is bad at once */
    report.numbers.values[METRIC_CRASH] = 1;
    fake_report_sign(&report, fleet.host_keys[2], bytes);
    assert_ok(promotion_maker_take(maker, bytes, sizeof bytes, NULL));
    assert_ok(promotion_maker_state(maker, 1, 7200, 50000, 0, &promotion, NULL));
    assert_int_equal(promotion.reports, 2);
    assert_int_equal(promotion.hosts, 3);
    assert_int_equal(promotion.bad, 2);
    promotion_maker_free(maker);
}

/* --- who signed ------------------------------------------------------------------------------- */

static void two_promoters_of_three(void **state)
{
    (void)state;
    struct promotion promotion = fake_promotion(&fleet, claims, FAKE_RING_0);
    for (unsigned who = 0; who < 1u << FAKE_SIGNERS; who++) {
        size_t size = fake_promotion_write(&fleet, &promotion, claims, who, file);
        if (__builtin_popcount(who) >= 2)
            assert_ok(check(size, NULL));
        else
            assert_refused(size, ERROR_STATE, "2 are needed");
    }
    size_t size = fake_promotion_write(&fleet, &promotion, claims, 1, file);
    fault_planted = FAULT_PROMOTION_ONE_KEY;
    assert_ok(check(size, NULL)); /* so the check is what refused it */
    fault_planted = FAULT_NONE;
}

static void owners_keys_promote_nothing(void **state)
{
    (void)state;
    struct promotion_demand demand = fleet.demand;
    struct promotion_proof proof;
    size_t size = honest();
    demand.promoters = fleet.demand.owners;
    assert_error(promotion_check(file, size, &demand, fleet.release, FAKE_NOW_S, &proof, NULL),
                 ERROR_STATE);
    demand = fleet.demand;
    demand.owners = fleet.demand.promoters;
    assert_error(promotion_check(file, size, &demand, fleet.release, FAKE_NOW_S, &proof, NULL),
                 ERROR_STATE);
    demand.owners.count = 0;
    assert_error(promotion_check(file, size, &demand, fleet.release, FAKE_NOW_S, &proof, NULL),
                 ERROR_FORMAT);
}

static void the_roster_is_signed_and_holds(void **state)
{
    (void)state;
    struct explanation why = {""};
    struct promotion_proof proof;
    size_t size = honest();
    assert_error(promotion_check(file, size, &fleet.demand, fleet.release, FAKE_NOW_S + 1000,
                                 &proof, &why),
                 ERROR_STATE);
    assert_non_null(strstr(why.text, "has expired"));
    fake_roster_sign(&fleet, 4);
    assert_refused(honest(), ERROR_STATE, "the roster is signed by 1 keys");
    struct promotion promotion = fake_promotion(&fleet, claims, FAKE_RING_0);
    fleet.roster.version++;
    fake_roster_sign(&fleet, 3); /* a newer one than the promoters saw */
    size = fake_promotion_write(&fleet, &promotion, claims, 3, file);
    assert_refused(size, ERROR_STATE, "another roster");
    fleet.roster.version--;
    fake_roster_sign(&fleet, 3);
}

/* --- what hubs try, with the promoters' keys -------------------------------------------------- */

static void restore(uint32_t host) { claims[host] = fake_claim(&fleet, host); }

/* Every other report is of a host that is nowhere: signed by a key of the hub's. */
static void a_hub_that_invents_hosts(void **state)
{
    (void)state;
    struct private_key *own = fake_private_key(9, 9);
    for (uint32_t i = 0; i < FAKE_RING_0; i += 2) {
        struct report report = fake_report(&fleet, i);
        fake_report_sign(&report, own, claims[i].report);
    }
    assert_refused(honest(), ERROR_FORMAT, "not signed by the host");
    for (uint32_t i = 0; i < FAKE_RING_0; i += 2) {
        claims[i].has_row = true; /* and it says that the roster has that key */
        claims[i].row = fleet.hosts[i];
        fake_key(own, claims[i].row.key);
    }
    assert_refused(honest(), ERROR_FORMAT, "is not shown to be one of the 420 hosts");
    for (uint32_t i = 0; i < FAKE_RING_0; i += 2)
        restore(i);
    private_key_free(own);
    assert_ok(check(honest(), NULL));
}

static void a_hub_that_repeats_a_host(void **state)
{
    (void)state;
    for (uint32_t i = 1; i < FAKE_RING_0; i += 2) /* each of half as many hosts twice */
        claims[i] = claims[i - 1];
    size_t size = honest();
    assert_refused(size, ERROR_STATE, "twice");
    fault_planted = FAULT_PROMOTION_HOST_TWICE;
    assert_ok(check(size, NULL));
    fault_planted = FAULT_NONE;
    for (uint32_t i = 0; i < FAKE_RING_0; i++)
        claims[i] = fake_claim(&fleet, i % (FAKE_RING_0 / 2)); /* all of them, then all again */
    assert_refused(honest(), ERROR_STATE, "twice");
    for (uint32_t i = 0; i < FAKE_RING_0; i++)
        restore(i);
}

static void reports_of_another_release_or_ring(void **state)
{
    (void)state;
    struct report report;
    for (uint32_t i = 0; i < FAKE_RING_0; i++) {
        report = fake_report(&fleet, i);
        report.release[31] ^= 1;
        fake_report_sign(&report, fleet.host_keys[i], claims[i].report);
    }
    assert_refused(honest(), ERROR_STATE, "another release");
    for (uint32_t i = 0; i < FAKE_RING_0; i++) {
        report = fake_report(&fleet, i);
        report.ring = 1;
        fake_report_sign(&report, fleet.host_keys[i], claims[i].report);
    }
    assert_refused(honest(), ERROR_STATE, "is of ring 1, by a host of ring 0");
    for (uint32_t i = 0; i < FAKE_RING_0; i++)
        restore(i);
    for (uint32_t i = 260; i < FAKE_RING_0; i++) /* hosts of ring 1 say that they are of ring 0 */
        claims[i] = claims[i + 80];
    for (uint32_t i = 260; i < FAKE_RING_0; i++) {
        report = fake_report(&fleet, i + 80);
        report.ring = 0;
        fake_report_sign(&report, fleet.host_keys[i + 80], claims[i].report);
    }
    assert_refused(honest(), ERROR_STATE, "is of ring 0, by a host of ring 1");
    for (uint32_t i = 0; i < FAKE_RING_0; i++)
        restore(i);
    struct promotion_proof proof;
    uint8_t other[REPORT_DIGEST_BYTES] = {1};
    struct explanation why = {""};
    size_t size = honest();
    assert_error(promotion_check(file, size, &fleet.demand, other, FAKE_NOW_S, &proof, &why),
                 ERROR_STATE);
    assert_non_null(strstr(why.text, "the promotion is about another release"));
}

static void one_report_under_another_name(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < FAKE_RING_0; i++) {
        struct report report = fake_report(&fleet, (i + 1) % FAKE_RING_0);
        fake_report_sign(&report, fleet.host_keys[i], claims[i].report);
    }
    assert_refused(honest(), ERROR_STATE, "another host than it is counted for");
    for (uint32_t i = 0; i < FAKE_RING_0; i++)
        restore(i);
}

static void a_hub_that_lies_about_the_numbers(void **state)
{
    (void)state;
    struct promotion promotion = fake_promotion(&fleet, claims, FAKE_RING_0);
    uint8_t message[PROMOTION_MESSAGE_BYTES];
    struct explanation why = {""};
    struct promotion lie = promotion;
    lie.upper_ppm = 100;
    assert_error(promotion_message(&lie, message, &why), ERROR_FORMAT);
    assert_non_null(strstr(why.text, "0 of 340 show"));
    lie = promotion;
    lie.hosts = 400; /* 60 of which there is no report and that would be well */
    assert_error(promotion_message(&lie, message, &why), ERROR_FORMAT);
    assert_non_null(strstr(why.text, "every host without a report is a bad one"));
    promotion.soak_s = 20000;
    size_t size = fake_promotion_write(&fleet, &promotion, claims, 3, file);
    assert_refused(size, ERROR_STATE, "ran the release for 10800 s");
    promotion.soak_s = 600;
    size = fake_promotion_write(&fleet, &promotion, claims, 3, file);
    assert_refused(size, ERROR_STATE, "7200 s are asked for");
    promotion = fake_promotion(&fleet, claims, 290);
    size = fake_promotion_write(&fleet, &promotion, claims, 3, file);
    assert_refused(size, ERROR_STATE, "asked for are 10000 in a million and 300 hosts");
    for (uint32_t i = 0; i < FAKE_RING_0; i += 2) { /* half of them crash, and it says none does */
        struct report report = fake_report(&fleet, i);
        report.numbers.values[METRIC_CRASH] = 3;
        fake_report_sign(&report, fleet.host_keys[i], claims[i].report);
    }
    assert_refused(honest(), ERROR_STATE, "are bad; the promotion says 0 of 340");
    for (uint32_t i = 0; i < FAKE_RING_0; i++) { /* and those that say nothing are bad as well */
        struct report report = fake_report(&fleet, i);
        report.numbers = (struct metric_report){0};
        fake_report_sign(&report, fleet.host_keys[i], claims[i].report);
    }
    assert_refused(honest(), ERROR_STATE, "are bad; the promotion says 0 of 340");
    for (uint32_t i = 0; i < FAKE_RING_0; i++)
        restore(i);
}

/* --- rings too small for the statistic ------------------------------------------------------- */

static size_t small_ring(uint32_t count)
{
    struct promotion promotion = fake_promotion(&fleet, claims + FAKE_RING_0, count);
    promotion.ring = 1;
    return fake_promotion_write(&fleet, &promotion, claims + FAKE_RING_0, 3, file);
}

static void every_host_of_a_small_ring(void **state)
{
    (void)state;
    struct promotion_proof proof;
    size_t size = small_ring(FAKE_HOSTS - FAKE_RING_0);
    assert_ok(promotion_check(file, size, &fleet.demand, fleet.release, FAKE_NOW_S, &proof, NULL));
    assert_true(proof.is_small);
    assert_refused(small_ring(FAKE_HOSTS - FAKE_RING_0 - 1), ERROR_STATE,
                   "or every host of a smaller ring well");
}

/* --- the file --------------------------------------------------------------------------------- */

static void every_length_and_bit(void **state)
{
    (void)state;
    size_t whole = honest();
    for (size_t size = 0; size <= whole + 1; size += size < 200 || size + 2 > whole ? 1 : 977) {
        struct explanation why = {""};
        uint8_t *copy = malloc(size + 1);
        assert_non_null(copy);
        bytes_copy(copy, size, file, size);
        struct promotion_proof proof;
        struct result result = promotion_check(copy, size, &fleet.demand, fleet.release,
                                               FAKE_NOW_S, &proof, &why);
        assert_int_equal(result_is_ok(result), size == whole);
        assert_true(result_is_ok(result) || *why.text != '\0');
        free(copy);
    }
    size_t places_end = PROMOTION_HEAD_BYTES;
    for (size_t at = 0; at < whole; at += at < PROMOTION_BODY_BYTES ? 1 : 397) {
        struct explanation why = {""};
        file[at] ^= (uint8_t)(1 << at % 8);
        bool is_taken = result_is_ok(check(whole, &why));
        /* An unused place may hold a stranger's signature. */
        bool may_differ = (at >= PROMOTION_BODY_BYTES + 2 * 96 && at < places_end)
                          || (at >= places_end + 128 + 2 * 96 && at < places_end + ROSTER_BYTES);
        assert_true(!is_taken || may_differ);
        file[at] ^= (uint8_t)(1 << at % 8);
    }
    assert_ok(check(whole, NULL));
}

static void the_sample_is_nobodys_choice(void **state)
{
    (void)state;
    struct promotion promotion = {.reports = 1000000, .hosts = 1000000};
    uint32_t one[PROMOTION_SAMPLE_MAX], other[PROMOTION_SAMPLE_MAX];
    size_t count = promotion_sample(&promotion, one);
    assert_true(count > PROMOTION_PAIRS && count <= PROMOTION_SAMPLE_MAX);
    for (size_t i = 0; i < count; i++) {
        assert_true(one[i] < promotion.reports);
        assert_true(i == 0 || one[i - 1] < one[i]);
    }
    promotion.reports_root.bytes[0] = 1; /* other reports, another sample */
    assert_true(promotion_sample(&promotion, other) != count
                || memcmp(one, other, count * sizeof *one) != 0);
    promotion.reports = PROMOTION_SAMPLE_MAX;
    assert_int_equal(promotion_sample(&promotion, one), PROMOTION_SAMPLE_MAX);
    promotion.reports = PROMOTION_SAMPLE_MAX + 1;
    count = promotion_sample(&promotion, one);
    assert_true(one[count - 1] < promotion.reports);
}

/* Of so many samples, how many have one of these places in them: what docs/format-evidence.md says
 * of false reports that stand together, which are the hardest to meet. */
static unsigned seen_of(uint32_t reports, uint32_t bad, unsigned samples)
{
    struct promotion promotion = {.reports = reports, .hosts = reports};
    uint32_t places[PROMOTION_SAMPLE_MAX];
    unsigned seen = 0;
    for (unsigned i = 0; i < samples; i++) {
        bytes_copy(promotion.reports_root.bytes, MERKLE_HASH_BYTES, &i, sizeof i);
        size_t count = promotion_sample(&promotion, places);
        bool is_seen = false;
        for (size_t j = 0; j < count; j++)
            is_seen |= places[j] >= reports / 3 && places[j] < reports / 3 + bad;
        seen += is_seen;
    }
    return seen;
}

/* The same of reports each of which is there twice: two neighbours must be in the sample. */
static unsigned doubles_seen(uint32_t reports, unsigned samples)
{
    struct promotion promotion = {.reports = reports, .hosts = reports};
    uint32_t places[PROMOTION_SAMPLE_MAX];
    unsigned seen = 0;
    for (unsigned i = 0; i < samples; i++) {
        bytes_copy(promotion.reports_root.bytes, MERKLE_HASH_BYTES, &i, sizeof i);
        size_t count = promotion_sample(&promotion, places);
        bool is_seen = false;
        for (size_t j = 1; j < count; j++)
            is_seen |= places[j] / 2 == places[j - 1] / 2;
        seen += is_seen;
    }
    return seen;
}

static void the_sample_sees_what_is_said_of_it(void **state)
{
    (void)state;
    enum { SAMPLES = 1000, REPORTS = 1000000 };
    unsigned twentieth = seen_of(REPORTS, REPORTS / 20, SAMPLES);
    unsigned hundredth = seen_of(REPORTS, REPORTS / 100, SAMPLES);
    unsigned doubles = doubles_seen(REPORTS, SAMPLES);
    print_message("# of %d samples met 5 %% false reports: %u, 1 %%: %u, every host twice: %u\n",
                  SAMPLES, twentieth, hundredth, doubles);
    assert_true(twentieth > SAMPLES * 95 / 100 && twentieth < SAMPLES * 98 / 100);
    assert_true(hundredth > SAMPLES * 45 / 100 && hundredth < SAMPLES * 50 / 100);
    assert_int_equal(doubles, SAMPLES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_promoter_makes_is_what_hosts_take),
        cmocka_unit_test(a_promoter_looks_at_every_report),
        cmocka_unit_test(two_promoters_of_three),
        cmocka_unit_test(owners_keys_promote_nothing),
        cmocka_unit_test(the_roster_is_signed_and_holds),
        cmocka_unit_test(a_hub_that_invents_hosts),
        cmocka_unit_test(a_hub_that_repeats_a_host),
        cmocka_unit_test(reports_of_another_release_or_ring),
        cmocka_unit_test(one_report_under_another_name),
        cmocka_unit_test(a_hub_that_lies_about_the_numbers),
        cmocka_unit_test(every_host_of_a_small_ring),
        cmocka_unit_test(every_length_and_bit),
        cmocka_unit_test(the_sample_is_nobodys_choice),
        cmocka_unit_test(the_sample_sees_what_is_said_of_it),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("promotion", tests, open_fleet, close_fleet);
}

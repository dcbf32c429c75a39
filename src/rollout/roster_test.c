// SPDX-License-Identifier: Apache-2.0
/* Reports, rosters, the tree over them, and the roster's place in the log. */
#include "rollout/roster.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "rollout/fake_fleet.h"
#include "rollout/leaf_tree.h"
#include "tests/unit.h"
#include "update/log/fake_log.h"
#include "update/log/lines.h"

#include <stdlib.h>
#include <string.h>

static struct fake_fleet fleet;
static struct fake_log fake;
static struct tlog_policy *policy;

static int open_all(void **state)
{
    (void)state;
    fake_fleet_open(&fleet);
    fake_log_open(&fake);
    const struct bytes text = {(const uint8_t *)fake.policy, strlen(fake.policy)};
    return result_is_ok(tlog_policy_parse(text, &policy, NULL)) ? 0 : 1;
}

static int close_all(void **state)
{
    (void)state;
    tlog_policy_free(policy);
    fake_log_close(&fake);
    fake_fleet_close(&fleet);
    return 0;
}

/* --- reports ---------------------------------------------------------------------------------- */

static void a_report_is_its_hosts(void **state)
{
    (void)state;
    struct report report = fake_report(&fleet, 7), seen;
    uint8_t bytes[REPORT_BYTES];
    struct explanation why = {""};
    fake_report_sign(&report, fleet.host_keys[7], bytes);
    assert_ok(report_check(bytes, sizeof bytes, fleet.hosts[7].key, &seen, NULL));
    assert_memory_equal(&seen, &report, sizeof report);
    assert_error(report_check(bytes, sizeof bytes, fleet.hosts[8].key, &seen, &why), ERROR_FORMAT);
    assert_non_null(strstr(why.text, "not signed by the host"));
    for (size_t bit = 0; bit < 8 * (size_t)REPORT_BYTES; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_error(report_check(bytes, sizeof bytes, fleet.hosts[7].key, &seen, &why),
                     ERROR_FORMAT);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < sizeof bytes; size++)
        assert_error(report_decode(bytes, size, &seen, NULL, &why), ERROR_FORMAT);
}

/* The bytes that docs/format-evidence.md promises. */
static void bytes_of_a_report(void **state)
{
    (void)state;
    struct report report = fake_report(&fleet, 7);
    uint8_t message[REPORT_MESSAGE_BYTES];
    report.numbers.values[METRIC_CRASH] = 0x04030201;
    assert_ok(report_message(&report, message, NULL));
    assert_memory_equal(message, "creance health report, form 1.\0\0CRERPRT1", 40);
    static const uint8_t CRASH[] = {1, 2, 3, 4};
    static const uint8_t RAN[] = {0x30, 0x2a, 0, 0, 3, 0, 0, 0, 0x10, 0x0e, 0, 0, 0, 0, 0, 0};
    assert_memory_equal(message + 32 + 8, fleet.hosts[7].id.bytes, REPORT_HOST_BYTES);
    assert_memory_equal(message + 32 + 24, fleet.release, REPORT_DIGEST_BYTES);
    assert_memory_equal(message + 32 + 80, RAN, sizeof RAN);
    assert_memory_equal(message + 32 + 96, CRASH, sizeof CRASH);
}

static void no_report_says_what_it_cannot(void **state)
{
    (void)state;
    uint8_t message[REPORT_MESSAGE_BYTES];
    struct report report = fake_report(&fleet, 7);
    report.windows = 0;
    assert_error(report_message(&report, message, NULL), ERROR_FORMAT);
    report = fake_report(&fleet, 7);
    report.ring = FLEET_RINGS_MAX;
    assert_error(report_message(&report, message, NULL), ERROR_FORMAT);
    report = fake_report(&fleet, 7);
    report.numbers.present |= 1u << METRIC_SILENCE;
    assert_error(report_message(&report, message, NULL), ERROR_FORMAT);
    report = fake_report(&fleet, 7);
    report.numbers.present &= ~(1u << METRIC_CPU);
    assert_error(report_message(&report, message, NULL), ERROR_FORMAT);
}

/* --- the roster ------------------------------------------------------------------------------- */

static void two_owners_of_three(void **state)
{
    (void)state;
    struct roster seen;
    for (unsigned who = 0; who < 1u << FAKE_SIGNERS; who++) {
        struct explanation why = {""};
        fake_roster_sign(&fleet, who);
        struct result result = roster_check(fleet.roster_head, ROSTER_BYTES, &fleet.demand.owners,
                                            FAKE_NOW_S, &seen, &why);
        if (__builtin_popcount(who) >= 2) {
            assert_ok(result);
            assert_memory_equal(&seen, &fleet.roster, sizeof seen);
        } else {
            assert_error(result, ERROR_STATE);
            assert_non_null(strstr(why.text, "2 are needed"));
        }
    }
    fake_roster_sign(&fleet, 3);
    for (size_t bit = 0; bit < 8 * (ROSTER_BODY_BYTES + 2 * 96); bit++) {
        fleet.roster_head[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(result_is_ok(roster_check(fleet.roster_head, ROSTER_BYTES,
                                               &fleet.demand.owners, FAKE_NOW_S, &seen, NULL)));
        fleet.roster_head[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < ROSTER_BYTES; size++)
        assert_error(roster_check(fleet.roster_head, size, &fleet.demand.owners, 0, &seen, NULL),
                     ERROR_FORMAT);
}

static void hosts_are_there_once(void **state)
{
    (void)state;
    struct roster roster = fleet.roster;
    struct roster_host hosts[3] = {fleet.hosts[0], fleet.hosts[1], fleet.hosts[2]};
    struct explanation why = {""};
    assert_ok(roster_of_hosts(hosts, 3, 1, &roster, NULL));
    assert_int_equal(roster.ring_hosts[0], 3);
    hosts[2].id = hosts[1].id;
    assert_error(roster_of_hosts(hosts, 3, 1, &roster, &why), ERROR_FORMAT);
    assert_non_null(strstr(why.text, "there twice"));
    hosts[2] = fleet.hosts[2];
    bytes_copy(hosts[2].key, ROSTER_KEY_BYTES, hosts[0].key, ROSTER_KEY_BYTES);
    assert_error(roster_of_hosts(hosts, 3, 1, &roster, &why), ERROR_FORMAT);
    assert_non_null(strstr(why.text, "one key"));
    hosts[2] = fleet.hosts[2];
    hosts[2].ring = 1;
    assert_error(roster_of_hosts(hosts, 3, 1, &roster, &why), ERROR_FORMAT);
    assert_error(roster_of_hosts(hosts, 0, 1, &roster, &why), ERROR_LIMIT);
    roster = fleet.roster;
    roster.ring_hosts[1]++;
    uint8_t message[ROSTER_MESSAGE_BYTES];
    assert_error(roster_message(&roster, message, &why), ERROR_FORMAT);
    assert_non_null(strstr(why.text, "421 hosts, it has 420"));
}

static void trees_of_every_size(void **state)
{
    (void)state;
    enum { SIZES = 70 };
    struct merkle_hash leaves[SIZES];
    char text[64];
    for (uint64_t i = 0; i < SIZES; i++)
        leaves[i] = merkle_leaf(fake_entry(i, text));
    for (uint64_t size = 1; size <= SIZES; size++) {
        struct leaf_tree tree;
        assert_ok(leaf_tree_new(leaves, size, &tree));
        struct merkle_hash root = leaf_tree_root(&tree);
        struct merkle_hash expected = fake_root((struct merkle_range){0, size});
        assert_true(merkle_hash_equal(&root, &expected));
        for (uint64_t i = 0; i < size; i++) {
            struct merkle_proof proof;
            assert_ok(leaf_tree_prove(&tree, i, &proof));
            assert_ok(merkle_verify_inclusion(i, size, &leaves[i], &proof, &root));
        }
        leaf_tree_free(&tree);
    }
}

/* --- the log ---------------------------------------------------------------------------------- */

enum { LOG_ENTRIES = 6, TIME_S = 1780000000 };

static struct bytes entry_of(enum tlog_entry_kind kind, const char *name, uint64_t version,
                             const uint8_t *digest, char out[LIMIT_PUBLIC_ENTRY_BYTES])
{
    char number[24], digits[65];
    struct writer writer = writer_of(out, LIMIT_PUBLIC_ENTRY_BYTES);
    struct tlog_entry entry = {.kind = kind};
    (void)string_format(number, sizeof number, "%llu", (unsigned long long)version);
    hex_encode(digest, 32, digits);
    entry.values[TLOG_FIELD_NAME] = (struct bytes){(const uint8_t *)name, strlen(name)};
    entry.values[TLOG_FIELD_VERSION] = (struct bytes){(const uint8_t *)number, strlen(number)};
    entry.values[TLOG_FIELD_DIGEST] = (struct bytes){(const uint8_t *)digits, 64};
    assert_ok(tlog_entry_write(&writer, &entry, NULL));
    return (struct bytes){writer.data, writer.at};
}

/* A .tlog-proof of `entry` as entry `index` of a log that has nothing else; it is signed like any
 * log of the policy's. */
static struct bytes prove(struct bytes entry, uint64_t index, char *out)
{
    static struct tlog_proof proof;
    struct merkle_hash leaves[LOG_ENTRIES];
    struct leaf_tree tree;
    char text[64], note[FAKE_TEXT_BYTES];
    const char *origin = note_signer_key(fake.log)->name;
    for (uint64_t i = 0; i < LOG_ENTRIES; i++)
        leaves[i] = merkle_leaf(i == index ? entry : fake_entry(i, text));
    assert_ok(leaf_tree_new(leaves, LOG_ENTRIES, &tree));
    struct checkpoint checkpoint = {.origin = {(const uint8_t *)origin, strlen(origin)},
                                    .size = LOG_ENTRIES, .root = leaf_tree_root(&tree)};
    struct writer writer = writer_of(note, sizeof note);
    assert_ok(checkpoint_write(&writer, &checkpoint));
    struct bytes signed_text = {writer.data, writer.at};
    assert_ok(lines_write_text(&writer, "\n"));
    assert_ok(note_sign(fake.log, signed_text, 0, &writer, NULL));
    for (size_t i = 0; i < FAKE_WITNESSES; i++)
        assert_ok(note_sign(fake.witnesses[i], signed_text, TIME_S, &writer, NULL));
    proof = (struct tlog_proof){.index = index, .extra_size = entry.size,
                                .whole = {writer.data, writer.at}};
    bytes_copy(proof.extra, sizeof proof.extra, entry.data, entry.size);
    assert_ok(leaf_tree_prove(&tree, index, &proof.proof));
    leaf_tree_free(&tree);
    struct writer file = writer_of(out, FAKE_TEXT_BYTES);
    assert_ok(tlog_proof_write(&file, &proof));
    return (struct bytes){file.data, file.at};
}

static struct result logged(const struct roster *roster, struct bytes entry, uint64_t roster_at,
                            uint64_t release_at, struct explanation *why)
{
    static char one[FAKE_TEXT_BYTES], other[FAKE_TEXT_BYTES], text[LIMIT_PUBLIC_ENTRY_BYTES];
    struct tlog_release release = {.name = "rules", .version = 42};
    bytes_copy(release.digest, sizeof release.digest, fleet.release, sizeof fleet.release);
    struct bytes of_release = entry_of(TLOG_KIND_RELEASE, "rules", 42, fleet.release, text);
    return roster_check_logged(policy, roster, prove(entry, roster_at, one), &release,
                               prove(of_release, release_at, other), why);
}

static void a_roster_is_older_than_the_release(void **state)
{
    (void)state;
    char text[LIMIT_PUBLIC_ENTRY_BYTES];
    uint8_t digest[ROSTER_DIGEST_BYTES];
    struct explanation why = {""};
    assert_ok(roster_digest(&fleet.roster, digest, NULL));
    struct bytes entry = entry_of(TLOG_KIND_ROSTER, "fleet", 3, digest, text);
    assert_ok(logged(&fleet.roster, entry, 1, 2, NULL));
    assert_error(logged(&fleet.roster, entry, 3, 2, &why), ERROR_STATE);
    assert_non_null(strstr(why.text, "only a roster that was there before the release counts"));
    fault_planted = FAULT_PROMOTION_ROSTER_YOUNG;
    assert_ok(logged(&fleet.roster, entry, 3, 2, NULL));
    fault_planted = FAULT_NONE;
}

static void the_entry_is_the_rosters(void **state)
{
    (void)state;
    char text[LIMIT_PUBLIC_ENTRY_BYTES];
    uint8_t digest[ROSTER_DIGEST_BYTES];
    struct explanation why = {""};
    struct roster other = fleet.roster;
    assert_ok(roster_digest(&fleet.roster, digest, NULL));
    struct bytes entry = entry_of(TLOG_KIND_RELEASE, "fleet", 3, digest, text);
    assert_error(logged(&fleet.roster, entry, 1, 2, &why), ERROR_STATE);
    assert_non_null(strstr(why.text, "of kind release, not roster"));
    entry = entry_of(TLOG_KIND_ROSTER, "fleet", 3, digest, text);
    other.root.bytes[0] ^= 1; /* a host more or less */
    assert_error(logged(&other, entry, 1, 2, &why), ERROR_STATE);
    assert_non_null(strstr(why.text, "about another roster"));
    entry = entry_of(TLOG_KIND_ROSTER, "fleet", 4, digest, text);
    assert_error(logged(&fleet.roster, entry, 1, 2, &why), ERROR_STATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_is_its_hosts),
        cmocka_unit_test(bytes_of_a_report),
        cmocka_unit_test(no_report_says_what_it_cannot),
        cmocka_unit_test(two_owners_of_three),
        cmocka_unit_test(hosts_are_there_once),
        cmocka_unit_test(trees_of_every_size),
        cmocka_unit_test(a_roster_is_older_than_the_release),
        cmocka_unit_test(the_entry_is_the_rosters),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("roster", tests, open_all, close_all);
}

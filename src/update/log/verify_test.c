// SPDX-License-Identifier: Apache-2.0
#include "update/log/verify.h"

#include "base/bytes.h"
#include "tests/unit.h"
#include "update/log/fake_log.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { INDEX = 11, OLD_SIZE = 13, NEW_SIZE = 40 };

static struct fake_log fake;
static struct tlog_policy *policy;

static int open_log(void **state)
{
    (void)state;
    fake_log_open(&fake);
    return result_is_ok(tlog_policy_parse(
               (struct bytes){(const uint8_t *)fake.policy, strlen(fake.policy)}, &policy, NULL))
               ? 0
               : 1;
}

static int close_log(void **state)
{
    (void)state;
    tlog_policy_free(policy);
    fake_log_close(&fake);
    return 0;
}

/* A .tlog-proof of entry INDEX in OLD_SIZE entries, without the entry. */
static struct bytes make_proof(const uint64_t times_s[FAKE_WITNESSES], char *out)
{
    char text[FAKE_TEXT_BYTES];
    static struct tlog_proof proof;
    struct merkle_range ranges[MERKLE_PROOF_MAX];
    size_t count;
    proof = (struct tlog_proof){.index = INDEX};
    assert_ok(merkle_inclusion_ranges(INDEX, OLD_SIZE, ranges, &count));
    fake_hashes(ranges, count, &proof.proof);
    proof.whole = fake_checkpoint(&fake, OLD_SIZE, times_s, text);
    struct writer writer = writer_of(out, FAKE_TEXT_BYTES);
    assert_ok(tlog_proof_write(&writer, &proof));
    return (struct bytes){writer.data, writer.at};
}

static struct bytes make_age(uint64_t old_size, uint64_t size,
                             const uint64_t times_s[FAKE_WITNESSES], char *out)
{
    char text[FAKE_TEXT_BYTES];
    struct checkpoint_proof proof = {.old_size = old_size};
    struct merkle_range ranges[MERKLE_PROOF_MAX];
    size_t count;
    assert_ok(merkle_consistency_ranges(old_size, size, ranges, &count));
    fake_hashes(ranges, count, &proof.proof);
    proof.whole = fake_checkpoint(&fake, size, times_s, text);
    struct writer writer = writer_of(out, FAKE_TEXT_BYTES);
    assert_ok(checkpoint_proof_write(&writer, &proof));
    return (struct bytes){writer.data, writer.at};
}

static struct result check_checkpoint(uint64_t size, const uint64_t times_s[FAKE_WITNESSES],
                                      struct tlog_witnessed *ret_witnessed,
                                      struct explanation *why)
{
    static char text[FAKE_TEXT_BYTES];
    return tlog_verify_checkpoint(policy, fake_checkpoint(&fake, size, times_s, text),
                                  ret_witnessed, why);
}

static void a_quorum_is_needed_and_enough(void **state)
{
    (void)state;
    struct tlog_witnessed witnessed;
    struct explanation why = {""};
    assert_ok(check_checkpoint(5, (const uint64_t[]){100, 0, 200}, &witnessed, &why));
    assert_int_equal(witnessed.witnesses, 5);
    assert_int_equal(witnessed.checkpoint.size, 5);
    assert_error(check_checkpoint(5, (const uint64_t[]){0, 100, 0}, &witnessed, &why),
                 ERROR_STATE);
    assert_non_null(strstr(why.text, "missing: w0, w2"));
    assert_ok(check_checkpoint(0, (const uint64_t[]){100, 100, 0}, &witnessed, &why));
}

/* The second of the times in order for the older end, the second from the end for the newer. */
static void times_are_those_of_a_whole_quorum(void **state)
{
    (void)state;
    struct tlog_witnessed witnessed;
    assert_ok(check_checkpoint(5, (const uint64_t[]){300, 100, 200}, &witnessed, NULL));
    assert_true(witnessed.existed_by_s == 200 && witnessed.current_at_s == 200);
    assert_ok(check_checkpoint(5, (const uint64_t[]){0, 100, 200}, &witnessed, NULL));
    assert_true(witnessed.existed_by_s == 200 && witnessed.current_at_s == 100);
    /* One witness that lies about the time moves nothing beyond what the honest two said. */
    assert_ok(check_checkpoint(5, (const uint64_t[]){1, 1000, 1001}, &witnessed, NULL));
    assert_true(witnessed.existed_by_s == 1000 && witnessed.current_at_s == 1000);
    assert_ok(check_checkpoint(5, (const uint64_t[]){INT64_MAX, 1000, 1001}, &witnessed, NULL));
    assert_true(witnessed.existed_by_s == 1001 && witnessed.current_at_s == 1001);
}

static void foreign_logs_and_forged_lines_are_refused(void **state)
{
    (void)state;
    struct fake_log other;
    struct tlog_witnessed witnessed;
    struct explanation why = {""};
    char text[FAKE_TEXT_BYTES];
    fake_log_open(&other);
    note_signer_free(other.log);
    other.log = fake_signer("example.com/log", NOTE_KEY_ED25519, 99);
    const uint64_t times_s[] = {100, 100, 100};
    struct bytes whole = fake_checkpoint(&other, 5, times_s, text);
    assert_error(tlog_verify_checkpoint(policy, whole, &witnessed, &why), ERROR_STATE);
    note_signer_free(other.log);
    other.log = fake_signer("example.com/other", NOTE_KEY_ED25519, 1);
    whole = fake_checkpoint(&other, 5, times_s, text);
    assert_error(tlog_verify_checkpoint(policy, whole, &witnessed, &why), ERROR_UNSUPPORTED);
    assert_non_null(strstr(why.text, "example.com/other"));
    fake_log_close(&other);
}

static void an_entry_is_proven_and_no_other(void **state)
{
    (void)state;
    char text[FAKE_TEXT_BYTES], entry[64];
    struct tlog_proof parsed;
    struct tlog_proven proven;
    struct explanation why = {""};
    struct bytes proof = make_proof((const uint64_t[]){100, 200, 0}, text);
    assert_ok(tlog_verify_entry(policy, proof, fake_entry(INDEX, entry), &parsed, &proven, &why));
    assert_int_equal(proven.index, INDEX);
    assert_true(proven.in.existed_by_s == 200);
    assert_error(tlog_verify_entry(policy, proof, fake_entry(INDEX + 1, entry), &parsed, &proven,
                                   &why), ERROR_FORMAT);
    assert_error(tlog_verify_entry(policy, proof, (struct bytes){0}, &parsed, &proven, &why),
                 ERROR_FORMAT);
    assert_non_null(strstr(why.text, "carries no entry"));
    proof = make_proof((const uint64_t[]){100, 0, 0}, text);
    assert_error(tlog_verify_entry(policy, proof, fake_entry(INDEX, entry), &parsed, &proven,
                                   &why), ERROR_STATE);
}

/* Whatever bit of a proof is changed: it is refused, or the change was in a line of nobody known
 * (there is none here), so always refused. */
static void every_changed_bit_of_a_proof_is_noticed(void **state)
{
    (void)state;
    char text[FAKE_TEXT_BYTES], entry[64];
    struct tlog_proof parsed;
    struct tlog_proven proven;
    struct bytes proof = make_proof((const uint64_t[]){100, 200, 0}, text);
    for (size_t bit = 0; bit < 8 * proof.size; bit += 3) {
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
        if (result_is_ok(tlog_verify_entry(policy, proof, fake_entry(INDEX, entry), &parsed,
                                           &proven, NULL)))
            fail_msg("bit %zu made no difference", bit);
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
    }
}

static struct result check_age(const uint64_t old_times_s[FAKE_WITNESSES], struct bytes age,
                               uint64_t *ret_age_s, struct explanation *why)
{
    static char text[FAKE_TEXT_BYTES];
    struct tlog_witnessed older, newer;
    assert_ok(tlog_verify_checkpoint(policy, fake_checkpoint(&fake, OLD_SIZE, old_times_s, text),
                                     &older, NULL));
    return tlog_verify_age(policy, &older, age, &newer, ret_age_s, why);
}

static void age_is_what_lies_between_two_quorums(void **state)
{
    (void)state;
    char text[FAKE_TEXT_BYTES];
    uint64_t age_s = 1;
    struct explanation why = {""};
    const uint64_t old_times_s[] = {1000, 1010, 1020};
    struct bytes age =
        make_age(OLD_SIZE, NEW_SIZE, (const uint64_t[]){5000, 5010, 5020}, text);
    assert_ok(check_age(old_times_s, age, &age_s, &why));
    assert_true(age_s == 5010 - 1010);
    /* One stolen witness key adds nothing beyond the honest two. */
    age = make_age(OLD_SIZE, NEW_SIZE, (const uint64_t[]){INT64_MAX, 1015, 1015}, text);
    assert_ok(check_age((const uint64_t[]){1, 1010, 1020}, age, &age_s, &why));
    assert_true(age_s == 1015 - 1010);
    /* The same checkpoint, cosigned again later. */
    age = make_age(OLD_SIZE, OLD_SIZE, (const uint64_t[]){3000, 3000, 0}, text);
    assert_ok(check_age(old_times_s, age, &age_s, &why));
    assert_true(age_s == 3000 - 1010);
    /* Never below nothing. */
    age = make_age(OLD_SIZE, NEW_SIZE, (const uint64_t[]){900, 900, 900}, text);
    assert_ok(check_age(old_times_s, age, &age_s, &why));
    assert_true(age_s == 0);
}

static void an_age_of_something_else_is_refused(void **state)
{
    (void)state;
    char text[FAKE_TEXT_BYTES];
    uint64_t age_s;
    struct explanation why = {""};
    const uint64_t times_s[] = {5000, 5000, 5000};
    struct bytes age = make_age(OLD_SIZE - 1, NEW_SIZE, times_s, text);
    assert_error(check_age(times_s, age, &age_s, &why), ERROR_STATE);
    age = make_age(OLD_SIZE, NEW_SIZE, (const uint64_t[]){5000, 0, 0}, text);
    assert_error(check_age(times_s, age, &age_s, &why), ERROR_STATE);
    age = make_age(OLD_SIZE, NEW_SIZE, times_s, text);
    text[strlen("old 13\n") + 3] ^= 1; /* of the first hash */
    assert_error(check_age(times_s, age, &age_s, &why), ERROR_FORMAT);
    /* A fork: a later checkpoint that does not go on from the older one. */
    struct tlog_witnessed older, newer;
    char fork[FAKE_TEXT_BYTES];
    assert_ok(tlog_verify_checkpoint(policy, fake_checkpoint(&fake, OLD_SIZE, times_s, fork),
                                     &older, NULL));
    older.checkpoint.root.bytes[5] ^= 1;
    age = make_age(OLD_SIZE, NEW_SIZE, times_s, text);
    assert_error(tlog_verify_age(policy, &older, age, &newer, &age_s, &why), ERROR_FORMAT);
    assert_non_null(strstr(why.text, "forked"));
}

/* A log that changes its key is the same log: both lines stand in the policy for a while. */
static void a_log_may_have_two_keys(void **state)
{
    (void)state;
    char text[FAKE_TEXT_BYTES], old_text[FAKE_TEXT_BYTES], two[8192], key[NOTE_KEY_TEXT_BYTES];
    struct tlog_policy *both;
    struct tlog_witnessed older, newer;
    uint64_t age_s;
    const uint64_t times_s[] = {100, 100, 100}, later_s[] = {200, 200, 200};
    struct note_signer *first = fake.log, *second = fake_signer("example.com/log", 1, 8);
    note_key_format(note_signer_key(second), key);
    assert_true(string_format(two, sizeof two, "log %s\n%s", key, fake.policy));
    assert_ok(tlog_policy_parse((struct bytes){(const uint8_t *)two, strlen(two)}, &both, NULL));
    struct bytes old = fake_checkpoint(&fake, OLD_SIZE, times_s, old_text);
    fake.log = second;
    struct bytes age = make_age(OLD_SIZE, NEW_SIZE, later_s, text);
    fake.log = first;
    assert_ok(tlog_verify_checkpoint(both, old, &older, NULL));
    assert_ok(tlog_verify_age(both, &older, age, &newer, &age_s, NULL));
    assert_true(age_s == 100);
    assert_error(tlog_verify_age(policy, &older, age, &newer, &age_s, NULL), ERROR_STATE);
    tlog_policy_free(both);
    note_signer_free(second);
}

static void an_age_of_another_log_is_refused(void **state)
{
    (void)state;
    char text[FAKE_TEXT_BYTES], two[8192], key[NOTE_KEY_TEXT_BYTES];
    struct tlog_policy *both;
    struct tlog_witnessed older, newer;
    uint64_t age_s;
    struct explanation why = {""};
    const uint64_t times_s[] = {100, 100, 100};
    struct note_signer *first = fake.log, *second = fake_signer("example.com/two", 1, 8);
    note_key_format(note_signer_key(second), key);
    assert_true(string_format(two, sizeof two, "log %s\n%s", key, fake.policy));
    assert_ok(tlog_policy_parse((struct bytes){(const uint8_t *)two, strlen(two)}, &both, NULL));
    struct bytes age = make_age(OLD_SIZE, NEW_SIZE, times_s, text);
    char old_text[FAKE_TEXT_BYTES];
    fake.log = second; /* the same entries in a log of another name */
    struct bytes old = fake_checkpoint(&fake, OLD_SIZE, times_s, old_text);
    fake.log = first;
    assert_ok(tlog_verify_checkpoint(both, old, &older, &why));
    assert_error(tlog_verify_age(both, &older, age, &newer, &age_s, &why), ERROR_STATE);
    assert_non_null(strstr(why.text, "example.com/two"));
    tlog_policy_free(both);
    note_signer_free(second);
}

/* Who needs no witness has no time either, whoever cosigned. */
static void without_a_quorum_no_time_is_proven(void **state)
{
    (void)state;
    char text[FAKE_TEXT_BYTES], free_text[8192];
    struct tlog_policy *needs_nobody;
    struct tlog_witnessed witnessed;
    const char *group = strstr(fake.policy, "group");
    assert_true(string_format(free_text, sizeof free_text, "%.*squorum none\n",
                              (int)(group - fake.policy), fake.policy));
    assert_ok(tlog_policy_parse((struct bytes){(const uint8_t *)free_text, strlen(free_text)},
                                &needs_nobody, NULL));
    struct bytes whole = fake_checkpoint(&fake, 5, (const uint64_t[]){100, 100, 100}, text);
    assert_ok(tlog_verify_checkpoint(needs_nobody, whole, &witnessed, NULL));
    assert_true(witnessed.existed_by_s == 0 && witnessed.current_at_s == 0);
    tlog_policy_free(needs_nobody);
}

static void a_tree_of_nothing_has_one_root(void **state)
{
    (void)state;
    char text[FAKE_TEXT_BYTES];
    struct tlog_witnessed witnessed;
    struct checkpoint checkpoint = {
        .origin = {(const uint8_t *)"example.com/log", 15},
        .root = fake_root((struct merkle_range){0, 1}),
    };
    struct writer writer = writer_of(text, sizeof text);
    assert_ok(checkpoint_write(&writer, &checkpoint));
    struct bytes signed_text = {writer.data, writer.at};
    assert_ok(writer_u8(&writer, '\n'));
    assert_ok(note_sign(fake.log, signed_text, 0, &writer, NULL));
    assert_ok(note_sign(fake.witnesses[0], signed_text, 100, &writer, NULL));
    assert_ok(note_sign(fake.witnesses[1], signed_text, 100, &writer, NULL));
    assert_error(tlog_verify_checkpoint(policy, (struct bytes){writer.data, writer.at},
                                        &witnessed, NULL), ERROR_FORMAT);
}

static void what_is_no_proof_is_refused(void **state)
{
    (void)state;
#define HASH "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define TAIL "\nexample.com/log\n2\n" HASH "\n\n\xe2\x80\x94 a AAAAAAA=\n"
    static const char *const BAD[] = {
        "", "c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v2\nindex 0\n" TAIL,
        "c2sp.org/tlog-proof@v1\nindex 00\n" TAIL, "c2sp.org/tlog-proof@v1\nindex -1\n" TAIL,
        "c2sp.org/tlog-proof@v1\nextra \nindex 0\n" TAIL,
        "c2sp.org/tlog-proof@v1\nextra AAA\nindex 0\n" TAIL,
        "c2sp.org/tlog-proof@v1\nextra AAAA\nextra AAAA\nindex 0\n" TAIL,
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n" TAIL,
        "c2sp.org/tlog-proof@v1\nindex 0\n" HASH "\n\n" TAIL,
        "c2sp.org/tlog-proof@v1\nindex 0\n" HASH "\n",
    };
    static const char GOOD[] = "c2sp.org/tlog-proof@v1\nextra AAAA\nindex 0\n" HASH "\n" TAIL;
    struct tlog_proof proof;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct explanation why = {""};
        struct bytes text = {(const uint8_t *)BAD[i], strlen(BAD[i])};
        if (result_is_ok(tlog_proof_parse(text, &proof, &why)))
            fail_msg("case %zu was taken", i);
        assert_true(*why.text != '\0');
    }
    assert_ok(tlog_proof_parse((struct bytes){(const uint8_t *)GOOD, sizeof GOOD - 1}, &proof,
                               NULL));
    assert_int_equal(proof.extra_size, 3);
#undef HASH
#undef TAIL
}

/* A log of the one entry: small enough to be made by hand. Its checkpoint, of these times. */
static struct bytes make_small_checkpoint(const char *entry, const uint64_t times_s[FAKE_WITNESSES],
                                          char *out)
{
    struct writer writer = writer_of(out, FAKE_TEXT_BYTES);
    struct checkpoint checkpoint = {
        .origin = {(const uint8_t *)"example.com/log", 15},
        .size = 1,
        .root = merkle_leaf((struct bytes){(const uint8_t *)entry, strlen(entry)}),
    };
    assert_ok(checkpoint_write(&writer, &checkpoint));
    struct bytes signed_text = {writer.data, writer.at};
    assert_ok(writer_u8(&writer, '\n'));
    assert_ok(note_sign(fake.log, signed_text, 0, &writer, NULL));
    for (size_t i = 0; i < FAKE_WITNESSES; i++) {
        if (times_s[i] != 0)
            assert_ok(note_sign(fake.witnesses[i], signed_text, times_s[i], &writer, NULL));
    }
    return (struct bytes){writer.data, writer.at};
}

static struct bytes make_release_proof(const char *entry, const uint64_t times_s[FAKE_WITNESSES],
                                       char *out)
{
    static struct tlog_proof proof;
    static char text[FAKE_TEXT_BYTES];
    proof = (struct tlog_proof){.extra_size = strlen(entry)};
    bytes_copy(proof.extra, sizeof proof.extra, entry, strlen(entry));
    proof.whole = make_small_checkpoint(entry, times_s, text);
    struct writer file = writer_of(out, FAKE_TEXT_BYTES);
    assert_ok(tlog_proof_write(&file, &proof));
    return (struct bytes){file.data, file.at};
}

/* The same checkpoint, cosigned later. */
static struct bytes make_release_age(const char *entry, const uint64_t times_s[FAKE_WITNESSES],
                                     char *out)
{
    static char text[FAKE_TEXT_BYTES];
    struct checkpoint_proof proof = {
        .old_size = 1,
        .whole = make_small_checkpoint(entry, times_s, text),
    };
    struct writer file = writer_of(out, FAKE_TEXT_BYTES);
    assert_ok(checkpoint_proof_write(&file, &proof));
    return (struct bytes){file.data, file.at};
}

static const char ENTRY[] = "creance-log-entry/v1\nkind release\nname rules\nversion 42\n"
                            "digest 0101010101010101010101010101010101010101010101010101010101"
                            "010101\n";

/* What a host spends on a release: a proof and an age, each with three witnesses. */
static void measure(const struct tlog_release *release)
{
    enum { ROUNDS = 500 };
    static const uint64_t TIMES_S[] = {100, 200, 300}, LATER_S[] = {4000, 5000, 6000};
    char text[FAKE_TEXT_BYTES], later[FAKE_TEXT_BYTES];
    struct tlog_release_proof result;
    struct bytes proof = make_release_proof(ENTRY, TIMES_S, text);
    struct bytes age = make_release_age(ENTRY, LATER_S, later);
    clock_t start = clock();
    for (int i = 0; i < ROUNDS; i++)
        assert_ok(tlog_verify_release(policy, release, proof, age, &result, NULL));
    double us = (double)(clock() - start) * 1e6 / CLOCKS_PER_SEC / ROUNDS;
    print_message("# a release with its proof and age, 3 witnesses: %.0f us of CPU\n", us);
}

/* Measures too when $CREANCE_MEASURE is set. */
static void a_release_is_proven_by_its_facts(void **state)
{
    (void)state;
    static const char HALT[] = "creance-log-entry/v1\nkind halt\n"
                               "digest 0101010101010101010101010101010101010101010101010101010101"
                               "010101\npartner vendor\nnumber 1\nexpires 5\nreason x\n";
    static const uint64_t TIMES_S[] = {100, 200, 0}, LATER_S[] = {0, 5000, 6000};
    char text[FAKE_TEXT_BYTES], later[FAKE_TEXT_BYTES];
    struct tlog_release release = {.name = "rules", .version = 42};
    struct tlog_release_proof result;
    struct explanation why = {""};
    struct bytes none = {0};
    for (size_t i = 0; i < sizeof release.digest; i++)
        release.digest[i] = 1;
    struct bytes proof = make_release_proof(ENTRY, TIMES_S, text);
    assert_ok(tlog_verify_release(policy, &release, proof, none, &result, &why));
    assert_true(result.logged_by_s == 200 && result.age_s == 0 && result.index == 0);
    assert_true(result.log_size == 1 && result.log_current_at_s == 100);
    struct bytes age = make_release_age(ENTRY, LATER_S, later);
    assert_ok(tlog_verify_release(policy, &release, proof, age, &result, &why));
    assert_true(result.age_s == 4800 && result.log_current_at_s == 5000);
    if (getenv("CREANCE_MEASURE") != NULL)
        measure(&release);
    release.version = 43;
    assert_error(tlog_verify_release(policy, &release, proof, none, &result, &why), ERROR_STATE);
    release.version = 42;
    release.name = "policy";
    assert_error(tlog_verify_release(policy, &release, proof, none, &result, &why), ERROR_STATE);
    release.name = "rules";
    release.digest[31] = 2;
    assert_error(tlog_verify_release(policy, &release, proof, none, &result, &why), ERROR_STATE);
    release.digest[31] = 1;
    proof = make_release_proof(HALT, TIMES_S, text);
    assert_error(tlog_verify_release(policy, &release, proof, none, &result, &why), ERROR_STATE);
    assert_non_null(strstr(why.text, "kind"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quorum_is_needed_and_enough),
        cmocka_unit_test(times_are_those_of_a_whole_quorum),
        cmocka_unit_test(foreign_logs_and_forged_lines_are_refused),
        cmocka_unit_test(an_entry_is_proven_and_no_other),
        cmocka_unit_test(every_changed_bit_of_a_proof_is_noticed),
        cmocka_unit_test(age_is_what_lies_between_two_quorums),
        cmocka_unit_test(an_age_of_something_else_is_refused),
        cmocka_unit_test(a_log_may_have_two_keys),
        cmocka_unit_test(an_age_of_another_log_is_refused),
        cmocka_unit_test(without_a_quorum_no_time_is_proven),
        cmocka_unit_test(a_tree_of_nothing_has_one_root),
        cmocka_unit_test(what_is_no_proof_is_refused),
        cmocka_unit_test(a_release_is_proven_by_its_facts),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("verify", tests, open_log, close_log);
}

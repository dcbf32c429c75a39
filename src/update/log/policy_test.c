// SPDX-License-Identifier: Apache-2.0
#include "update/log/policy.h"

#include "base/bytes.h"
#include "tests/unit.h"
#include "update/log/fake_log.h"

#include <string.h>

enum { KEYS = 6 };
static char tlog_key[NOTE_KEY_TEXT_BYTES], keys[KEYS][NOTE_KEY_TEXT_BYTES];

static int make_keys(void **state)
{
    (void)state;
    struct note_signer *signer = fake_signer("example.com/log", NOTE_KEY_ED25519, 1);
    note_key_format(note_signer_key(signer), tlog_key);
    note_signer_free(signer);
    for (size_t i = 0; i < KEYS; i++) {
        signer = fake_signer("witness.example", NOTE_KEY_COSIGNATURE, (uint8_t)(2 + i));
        note_key_format(note_signer_key(signer), keys[i]);
        note_signer_free(signer);
    }
    return 0;
}

/* `%L` is the log's key, `%0` to `%5` are those of witnesses. */
static struct result parse(const char *pattern, struct tlog_policy **ret_policy,
                           struct explanation *why)
{
    static char text[16384];
    struct writer writer = writer_of(text, sizeof text);
    for (; *pattern != '\0'; pattern++) {
        const char *part = *pattern != '%' ? NULL : pattern[1] == 'L' ? tlog_key
                                                                      : keys[pattern[1] - '0'];
        if (part == NULL) {
            assert_ok(writer_copy(&writer, pattern, 1));
            continue;
        }
        assert_ok(writer_copy(&writer, part, strlen(part)));
        pattern++;
    }
    return tlog_policy_parse((struct bytes){writer.data, writer.at}, ret_policy, why);
}

/* tlog-policy, "Example policy". */
static const char EXAMPLE[] = "log %L\n\nwitness X1 %0\nwitness X2 %1\nwitness X3 %2\n"
                              "group X-witnesses 2 X1 X2 X3\n\n"
                              "witness Y1 %3\nwitness Y2 %4\nwitness Y3 %5\n"
                              "group Y-witnesses any Y1 Y2 Y3\n\n"
                              "group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n";

static void the_example_of_the_specification_means_what_it_says(void **state)
{
    (void)state;
    struct tlog_policy *policy;
    assert_ok(parse(EXAMPLE, &policy, NULL));
    assert_int_equal(tlog_policy_witness_count(policy), 6);
    for (uint32_t set = 0; set < 64; set++) {
        bool expected = __builtin_popcount(set & 7) >= 2 && (set & 56) != 0;
        assert_int_equal(tlog_policy_is_quorum(policy, set), expected);
    }
    assert_false(tlog_policy_needs_nobody(policy));
    const char origin[] = "example.com/log";
    struct bytes whole = {(const uint8_t *)origin, sizeof origin - 1};
    struct bytes part = {(const uint8_t *)origin, sizeof origin - 2};
    size_t at = 0;
    assert_non_null(tlog_policy_next_log(policy, whole, &at));
    assert_null(tlog_policy_next_log(policy, whole, &at));
    at = 0;
    assert_null(tlog_policy_next_log(policy, part, &at));
    tlog_policy_free(policy);
}

static void small_policies_and_blanks_are_taken(void **state)
{
    (void)state;
    struct tlog_policy *policy;
    assert_ok(parse("quorum none\n", &policy, NULL));
    assert_true(tlog_policy_needs_nobody(policy));
    assert_true(tlog_policy_is_quorum(policy, 0));
    tlog_policy_free(policy);
    assert_ok(parse("# a comment\n \t\n\t# another\n  witness\tw \t%0  https://w.example/a// \n"
                    "quorum w\nlog %L http://127.0.0.1:1\n", &policy, NULL));
    assert_string_equal(tlog_policy_witness(policy, 0)->url, "https://w.example/a");
    assert_string_equal(tlog_policy_log(policy, 0)->url, "http://127.0.0.1:1");
    assert_true(tlog_policy_is_quorum(policy, 1));
    assert_false(tlog_policy_is_quorum(policy, 0));
    tlog_policy_free(policy);
}

static void what_is_no_policy_is_refused_by_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *line;
    } BAD[] = {
        {"", "no quorum line"},
        {"log %L\n", "no quorum line"},
        {"quorum none", "no newline"},
        {"quorum none\nquorum none\n", "line 2"},
        {"quorum\n", "line 1"},
        {"quorum w\nwitness w %0\n", "line 1"},
        {"witness w %0\nwitness w %1\nquorum w\n", "line 2"},
        {"witness w %0\nwitness v %0\nquorum w\n", "line 2"},
        {"witness none %0\nquorum none\n", "line 1"},
        {"witness w %L\nquorum w\n", "line 1"},
        {"log %0\nquorum none\n", "line 1"},
        {"log %L\nlog %L\nquorum none\n", "line 2"},
        {"witness w %0 url more\nquorum w\n", "line 1"},
        {"witness w\nquorum w\n", "line 1"},
        {"witness w %0\ngroup g 2 w\nquorum g\n", "line 2"},
        {"witness w %0\ngroup g 0 w\nquorum g\n", "line 2"},
        {"witness w %0\ngroup g 01 w\nquorum g\n", "line 2"},
        {"witness w %0\ngroup g any\nquorum g\n", "line 2"},
        {"witness w %0\ngroup g some w\nquorum g\n", "line 2"},
        {"witness w %0\ngroup g any w w\nquorum g\n", "line 2"},
        {"witness w %0\ngroup g any w\ngroup h any w\nquorum g\n", "line 3"},
        {"group g any none\nquorum g\n", "line 1"},
        {"witness w %0\ngroup g any g\nquorum g\n", "line 2"},
        {"key %L\nquorum none\n", "line 1"},
        {"quorum none\r\n", "line 1"},
    };
    struct tlog_policy *policy;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct explanation why = {""};
        if (result_is_ok(parse(BAD[i].text, &policy, &why)))
            fail_msg("case %zu was taken", i);
        if (strstr(why.text, BAD[i].line) == NULL)
            fail_msg("case %zu: \"%s\" does not say \"%s\"", i, why.text, BAD[i].line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_example_of_the_specification_means_what_it_says, make_keys),
        cmocka_unit_test_setup(small_policies_and_blanks_are_taken, make_keys),
        cmocka_unit_test_setup(what_is_no_policy_is_refused_by_line, make_keys),
    };
    return unit_run("policy", tests);
}

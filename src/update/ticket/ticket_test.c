// SPDX-License-Identifier: Apache-2.0
#include "update/ticket/ticket.h"

#include "base/bytes.h"
#include "content/bundle_kind.h"
#include "tests/unit.h"
#include "update/signature/sign.h"

#include <stdlib.h>
#include <string.h>

enum { SIGNERS = 4 };

static struct private_key *signers[SIGNERS];
static struct release_keys keys; /* two of the first three */

static int open_keys(void **state)
{
    (void)state;
    keys = (struct release_keys){.threshold = 2, .count = SIGNERS - 1};
    for (size_t i = 0; i < SIGNERS; i++) {
        uint8_t seed[ED25519_KEY_BYTES] = {(uint8_t)(i + 1)};
        assert_ok(private_key_from_ed25519(seed, &signers[i], NULL));
        if (i < keys.count)
            assert_ok(public_key_to_ed25519(private_key_public(signers[i]), keys.keys[i], NULL));
    }
    return 0;
}

static int close_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIGNERS; i++)
        private_key_free(signers[i]);
    return 0;
}

static struct ticket example(void)
{
    struct ticket ticket = {.kind = BUNDLE_RULES, .engine_level = 2, .is_urgent = true,
                            .version = 42, .size = 1000, .name = "rules"};
    memset(ticket.digest, 0xd1, sizeof ticket.digest);
    return ticket;
}

/* Signed by those whose bits are set in `who`. */
static void make(const struct ticket *ticket, unsigned who, uint8_t out[TICKET_BYTES])
{
    struct ticket_signature signatures[SIGNERS];
    uint8_t message[TICKET_MESSAGE_BYTES];
    size_t count = 0;
    assert_ok(ticket_message(ticket, message, NULL));
    for (size_t i = 0; i < SIGNERS; i++) {
        if ((who >> i & 1) == 0)
            continue;
        uint8_t signature[SIGNATURE_BYTES_MAX];
        size_t size;
        assert_ok(private_key_sign(signers[i], message, sizeof message, signature, &size, NULL));
        assert_int_equal(size, TICKET_SIGNATURE_BYTES);
        bytes_copy(signatures[count].signature, TICKET_SIGNATURE_BYTES, signature, size);
        assert_ok(public_key_to_ed25519(private_key_public(signers[i]), signatures[count].key,
                                        NULL));
        count++;
    }
    assert_ok(ticket_encode(ticket, signatures, count, out, NULL));
}

static void test_round(void **state)
{
    (void)state;
    struct ticket ticket = example();
    struct ticket seen = {0};
    uint8_t bytes[TICKET_BYTES];
    make(&ticket, 3, bytes);
    assert_ok(ticket_check(bytes, sizeof bytes, &keys, &seen, NULL));
    assert_int_equal(seen.kind, BUNDLE_RULES);
    assert_int_equal(seen.engine_level, 2);
    assert_int_equal(seen.version, 42);
    assert_int_equal(seen.size, 1000);
    assert_true(seen.is_urgent);
    assert_false(seen.has_removals);
    assert_string_equal(seen.name, "rules");
    assert_memory_equal(seen.digest, ticket.digest, TICKET_DIGEST_BYTES);
}

/* The bytes that docs/format-content.md promises; other programs sign and read them, too. */
static void test_bytes(void **state)
{
    (void)state;
    struct ticket ticket = example();
    uint8_t message[TICKET_MESSAGE_BYTES];
    uint8_t bytes[TICKET_BYTES];
    static const uint8_t BODY[TICKET_BODY_BYTES] = {
        'C', 'R', 'E', 'T', 'I', 'C', 'K', '1', 1, 0, 0, 0, 3, 0, 0, 0,
        42, 0, 0, 0, 0, 0, 0, 0, 0xe8, 3, 0, 0, 0, 0, 0, 0,
        [32] = 0xd1, [63] = 0xd1, [64] = 'r', 'u', 'l', 'e', 's', [96] = 2};
    uint8_t expected[TICKET_BODY_BYTES];
    bytes_copy(expected, sizeof expected, BODY, sizeof BODY);
    memset(expected + 32, 0xd1, 32);
    ticket.has_removals = true;
    make(&ticket, 1, bytes);
    assert_ok(ticket_message(&ticket, message, NULL));
    assert_memory_equal(message, "creance release ticket, form 1.", 32);
    assert_memory_equal(message + 32, expected, TICKET_BODY_BYTES);
    assert_memory_equal(bytes, expected, TICKET_BODY_BYTES);
    assert_memory_equal(bytes + TICKET_BODY_BYTES, keys.keys[0], TICKET_KEY_BYTES);
}

/* Any two of the three, and nothing less; a stranger neither helps nor harms. */
static void test_threshold(void **state)
{
    (void)state;
    struct ticket ticket = example();
    struct ticket seen;
    for (unsigned who = 0; who < 1u << SIGNERS; who++) {
        uint8_t bytes[TICKET_BYTES];
        struct explanation why = {""};
        make(&ticket, who, bytes);
        unsigned known = (who & 1) + (who >> 1 & 1) + (who >> 2 & 1);
        if (known >= 2) {
            assert_ok(ticket_check(bytes, sizeof bytes, &keys, &seen, &why));
        } else {
            assert_error(ticket_check(bytes, sizeof bytes, &keys, &seen, &why), ERROR_STATE);
            assert_non_null(strstr(why.text, "2 are needed"));
        }
    }
}

/* Every bit that is turned is refused; only what a stranger wrote means nothing. */
static void test_every_bit(void **state)
{
    (void)state;
    struct ticket ticket = example();
    uint8_t bytes[TICKET_BYTES];
    make(&ticket, 3, bytes);
    for (size_t bit = 0; bit < 8 * (size_t)TICKET_BYTES; bit++) {
        struct ticket seen = {.version = 7};
        struct explanation why = {""};
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        bool is_refused = !result_is_ok(ticket_check(bytes, sizeof bytes, &keys, &seen, &why));
        /* The first unused place may hold a stranger's signature. */
        size_t place = TICKET_BODY_BYTES + 2 * (TICKET_KEY_BYTES + TICKET_SIGNATURE_BYTES);
        if (bit / 8 < place) {
            assert_true(is_refused);
            assert_int_equal(seen.version, 7);
        } else if (!is_refused) {
            assert_int_equal(seen.version, 42);
        }
        assert_true(!is_refused || *why.text != '\0');
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void test_every_length(void **state)
{
    (void)state;
    struct ticket ticket = example();
    uint8_t bytes[TICKET_BYTES + 1] = {0};
    struct ticket seen;
    make(&ticket, 3, bytes);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        uint8_t *copy = malloc(size + 1);
        assert_non_null(copy);
        bytes_copy(copy, size, bytes, size);
        bool is_right = size == TICKET_BYTES;
        assert_int_equal(result_is_ok(ticket_check(copy, size, &keys, &seen, NULL)), is_right);
        free(copy);
    }
}

static void test_facts(void **state)
{
    (void)state;
    uint8_t message[TICKET_MESSAGE_BYTES];
    static const char *const NAMES[] = {"", ".rules", "-r", "Rules", "a/b", "a b", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        struct ticket ticket = example();
        assert_true(string_copy(ticket.name, sizeof ticket.name, NAMES[i]));
        assert_error(ticket_message(&ticket, message, NULL), ERROR_FORMAT);
    }
    struct ticket ticket = example();
    memset(ticket.name, 'a', sizeof ticket.name);
    assert_error(ticket_message(&ticket, message, NULL), ERROR_FORMAT);
    ticket = example();
    ticket.version = 0;
    assert_error(ticket_message(&ticket, message, NULL), ERROR_FORMAT);
    ticket = example();
    ticket.size = 0;
    assert_error(ticket_message(&ticket, message, NULL), ERROR_FORMAT);
}

static void test_one_key_counts_once(void **state)
{
    (void)state;
    struct ticket ticket = example();
    struct ticket seen;
    uint8_t bytes[TICKET_BYTES];
    make(&ticket, 1, bytes);
    size_t place = TICKET_KEY_BYTES + TICKET_SIGNATURE_BYTES;
    bytes_copy(bytes + TICKET_BODY_BYTES + place, place, bytes + TICKET_BODY_BYTES, place);
    assert_error(ticket_check(bytes, sizeof bytes, &keys, &seen, NULL), ERROR_FORMAT);

    struct ticket_signature twice[2] = {{.key = {1}}, {.key = {1}}};
    assert_error(ticket_encode(&ticket, twice, 2, bytes, NULL), ERROR_FORMAT);
    struct ticket_signature many[TICKET_SIGNATURES_MAX + 1];
    for (size_t i = 0; i <= TICKET_SIGNATURES_MAX; i++)
        many[i] = (struct ticket_signature){.key = {(uint8_t)i}};
    assert_error(ticket_encode(&ticket, many, TICKET_SIGNATURES_MAX + 1, bytes, NULL),
                 ERROR_LIMIT);
}

static void test_unsound_keys(void **state)
{
    (void)state;
    struct ticket ticket = example();
    struct ticket seen;
    uint8_t bytes[TICKET_BYTES];
    make(&ticket, 7, bytes);
    struct release_keys wrong = keys;
    wrong.threshold = 0;
    assert_error(ticket_check(bytes, sizeof bytes, &wrong, &seen, NULL), ERROR_FORMAT);
    wrong.threshold = 4;
    assert_error(ticket_check(bytes, sizeof bytes, &wrong, &seen, NULL), ERROR_FORMAT);
    wrong = keys;
    bytes_copy(wrong.keys[1], RELEASE_KEY_BYTES, wrong.keys[0], RELEASE_KEY_BYTES);
    assert_error(ticket_check(bytes, sizeof bytes, &wrong, &seen, NULL), ERROR_FORMAT);
    wrong.count = UINT32_MAX;
    assert_error(ticket_check(bytes, sizeof bytes, &wrong, &seen, NULL), ERROR_FORMAT);
}

static RESULT parse(const char *text, struct explanation *why)
{
    struct release_keys parsed;
    return release_keys_parse(text, strlen(text), &parsed, why);
}

#define KEY_A "key 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
#define KEY_B "key 01112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"

static void test_key_file(void **state)
{
    (void)state;
    struct release_keys parsed = {0};
    static const char GOOD[] = "# comment\n\nthreshold 2\n" KEY_A KEY_B;
    assert_ok(release_keys_parse(GOOD, sizeof GOOD - 1, &parsed, NULL));
    assert_int_equal(parsed.threshold, 2);
    assert_int_equal(parsed.count, 2);
    assert_int_equal(parsed.keys[1][0], 1);
    assert_int_equal(parsed.keys[1][31], 0xff);

    struct explanation why = {""};
    assert_error(parse("", &why), ERROR_FORMAT);
    assert_error(parse("threshold 1\n", &why), ERROR_FORMAT);
    assert_error(parse(KEY_A, &why), ERROR_FORMAT);
    assert_error(parse("threshold 0\n" KEY_A, &why), ERROR_FORMAT);
    assert_error(parse("threshold 2\n" KEY_A, &why), ERROR_FORMAT);
    assert_error(parse("threshold 1\nthreshold 1\n" KEY_A, &why), ERROR_FORMAT);
    assert_error(parse("threshold 1\n" KEY_A KEY_A, &why), ERROR_FORMAT);
    assert_error(parse("threshold 1\n" KEY_A "key 00\n", &why), ERROR_FORMAT);
    assert_non_null(strstr(why.text, "line 3"));
    assert_error(parse("threshold 1\nwitness x\n", &why), ERROR_FORMAT);
    char many[4096] = "threshold 1\n";
    for (size_t i = 0; i <= LIMIT_ANCHOR_KEYS; i++) {
        size_t at = strlen(many);
        (void)string_format(many + at, sizeof many - at, "key %064zx\n", i);
    }
    assert_error(parse(many, &why), ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_threshold),
        cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_one_key_counts_once),
        cmocka_unit_test(test_unsound_keys),
        cmocka_unit_test(test_key_file),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("ticket", tests, open_keys, close_keys);
}

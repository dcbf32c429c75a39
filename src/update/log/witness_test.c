// SPDX-License-Identifier: Apache-2.0
/*
 * A witness against the rules of tlog-witness one by one, and against the recorded conversation
 * with another implementation, which is not part of the project: see $CREANCE_SHARED (default
 * ../shared).
 */
#include "update/log/witness.h"

#include "base/bytes.h"
#include "tests/unit.h"
#include "update/log/fake_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOW_S = 1700000000 };

/* One log's memory; `is_full`: nothing more can be saved. */
static struct {
    char hex[WITNESS_ORIGIN_HEX_BYTES];
    uint8_t data[WITNESS_BODY_BYTES];
    size_t size;
    bool is_full;
    unsigned accusations;
} memory;

static struct result load(void *context, const char *origin_hex, void *out, size_t capacity,
                          size_t *ret_size, struct explanation *why)
{
    (void)context;
    if (memory.size == 0 || !string_equal(memory.hex, origin_hex))
        return explain(why, ERROR_NOT_FOUND, "nothing");
    bytes_copy(out, capacity, memory.data, memory.size);
    *ret_size = memory.size;
    return RESULT_OK;
}

static struct result save(void *context, const char *origin_hex, const void *data, size_t size,
                          struct explanation *why)
{
    (void)context;
    if (memory.is_full)
        return explain(why, ERROR_SYSTEM, "the disk is full");
    string_copy(memory.hex, sizeof memory.hex, origin_hex);
    bytes_copy(memory.data, sizeof memory.data, data, size);
    memory.size = size;
    return RESULT_OK;
}

static struct result accuse(void *context, const char *origin_hex, const void *data, size_t size,
                            struct explanation *why)
{
    (void)context;
    (void)origin_hex;
    (void)data;
    (void)size;
    (void)why;
    memory.accusations++;
    return RESULT_OK;
}

static struct fake_log fake;
static struct tlog_policy *logs;
static struct witness witness;
static struct witness_answer answer;

static int open_log(void **state)
{
    (void)state;
    memory.size = 0;
    memory.is_full = false;
    memory.accusations = 0;
    fake_log_open(&fake);
    assert_ok(tlog_policy_parse((struct bytes){(const uint8_t *)fake.policy, strlen(fake.policy)},
                                &logs, NULL));
    witness = (struct witness){fake.witnesses[0], logs, {load, save, accuse, NULL}};
    return 0;
}

static int close_log(void **state)
{
    (void)state;
    tlog_policy_free(logs);
    fake_log_close(&fake);
    return 0;
}

static unsigned post(const char *text, size_t size)
{
    witness_add_checkpoint(&witness, (struct bytes){(const uint8_t *)text, size}, NOW_S, &answer);
    return answer.status;
}

/* A right request, with `change` for what is to be wrong in it. */
struct change {
    uint64_t proven_from; /* the proof is of this size; 0: of old_size */
    bool has_forked;      /* the log's tree is another one */
    const struct note_signer *signer;
};

static unsigned submit(uint64_t old_size, uint64_t size, struct change change)
{
    static char text[FAKE_TEXT_BYTES], checkpoint[FAKE_TEXT_BYTES];
    static const uint64_t NOBODY[FAKE_WITNESSES];
    struct fake_log log = fake;
    struct checkpoint_proof proof = {.old_size = old_size};
    struct merkle_range ranges[MERKLE_PROOF_MAX];
    size_t count = 0;
    if (change.signer != NULL)
        log.log = (struct note_signer *)(uintptr_t)change.signer;
    uint64_t from = change.proven_from != 0 ? change.proven_from : old_size;
    if (from <= size)
        assert_ok(merkle_consistency_ranges(from, size, ranges, &count));
    fake_hashes(ranges, count, &proof.proof);
    proof.whole = fake_checkpoint(&log, size, NOBODY, checkpoint);
    if (change.has_forked) { /* the root of other entries, signed anew */
        struct writer writer = writer_of(checkpoint, sizeof checkpoint);
        struct checkpoint other = {
            .origin = {(const uint8_t *)"example.com/log", 15},
            .size = size,
            .root = fake_root((struct merkle_range){1, size + 2}),
        };
        assert_ok(checkpoint_write(&writer, &other));
        struct bytes signed_text = {writer.data, writer.at};
        assert_ok(writer_u8(&writer, '\n'));
        assert_ok(note_sign(log.log, signed_text, 0, &writer, NULL));
        proof.whole = (struct bytes){writer.data, writer.at};
    }
    struct writer writer = writer_of(text, sizeof text);
    assert_ok(checkpoint_proof_write(&writer, &proof));
    return post(text, writer.at);
}

static const struct change RIGHT = {0};

static void it_cosigns_what_goes_on(void **state)
{
    (void)state;
    struct note note, whole;
    struct note_times times;
    struct checkpoint checkpoint;
    static const uint64_t SIZES[] = {0, 0, 1, 5, 5, 16, 17, 40};
    for (size_t i = 0; i + 1 < sizeof SIZES / sizeof SIZES[0]; i++) {
        assert_int_equal(submit(SIZES[i], SIZES[i + 1], RIGHT), 200);
        assert_string_equal(answer.origin, "example.com/log");
        assert_ok(checkpoint_parse_note((struct bytes){memory.data, memory.size}, &whole,
                                        &checkpoint, NULL));
        assert_int_equal(checkpoint.size, SIZES[i + 1]);
        assert_ok(note_parse_signatures(whole.text, (struct bytes){answer.body, answer.size},
                                        &note, NULL));
        assert_ok(note_verify(&note, note_signer_key(fake.witnesses[0]), &times, NULL));
        assert_true(times.earliest_s == NOW_S);
        assert_ok(note_verify(&whole, note_signer_key(fake.log), &times, NULL));
    }
}

static void it_answers_as_the_specification_says(void **state)
{
    (void)state;
    struct note_signer *stranger = fake_signer("example.com/other", NOTE_KEY_ED25519, 1);
    struct note_signer *thief = fake_signer("example.com/log", NOTE_KEY_ED25519, 9);
    assert_int_equal(submit(0, 10, RIGHT), 200);
    assert_int_equal(submit(10, 12, (struct change){.signer = stranger}), 404);
    assert_int_equal(submit(10, 12, (struct change){.signer = thief}), 403);
    assert_int_equal(submit(12, 10, RIGHT), 400);
    /* 409 says what it knows; the client needs no more. */
    assert_int_equal(submit(0, 12, RIGHT), 409);
    assert_string_equal(answer.content_type, "text/x.tlog.size");
    assert_int_equal(answer.size, 3);
    assert_memory_equal(answer.body, "10\n", 3);
    assert_int_equal(submit(9, 9, RIGHT), 409); /* no way back */
    assert_int_equal(submit(10, 12, (struct change){.proven_from = 9}), 422);
    assert_int_equal(submit(10, 12, RIGHT), 200);
    assert_int_equal(submit(10, 12, RIGHT), 409);
    assert_int_equal(memory.accusations, 0);
    note_signer_free(stranger);
    note_signer_free(thief);
}

/* "If the old size is zero, the consistency proof MUST be empty"; "A checkpoint of size zero MUST
 * have the root hash of the empty tree". */
static void trees_of_nothing_have_rules_of_their_own(void **state)
{
    (void)state;
    assert_int_equal(submit(0, 10, (struct change){.proven_from = 3}), 422);
    assert_int_equal(submit(0, 0, (struct change){.has_forked = true}), 422);
    assert_int_equal(memory.size, 0);
    assert_int_equal(submit(0, 0, RIGHT), 200);
    assert_int_equal(submit(0, 10, RIGHT), 200);
}

static void a_fork_is_refused_and_kept(void **state)
{
    (void)state;
    uint8_t before[4096];
    assert_int_equal(submit(0, 10, RIGHT), 200);
    size_t size = memory.size;
    bytes_copy(before, sizeof before, memory.data, size);
    assert_int_equal(submit(10, 10, (struct change){.has_forked = true}), 422);
    assert_int_equal(memory.accusations, 1);
    assert_int_equal(submit(3, 10, (struct change){.has_forked = true}), 409);
    assert_int_equal(memory.accusations, 2);
    assert_int_equal(submit(10, 12, (struct change){.has_forked = true}), 422);
    assert_int_equal(memory.size, size);
    assert_memory_equal(memory.data, before, size);
    assert_int_equal(submit(10, 12, RIGHT), 200);
}

static void a_false_signature_line_spoils_the_note(void **state)
{
    (void)state;
    static char text[FAKE_TEXT_BYTES], checkpoint[FAKE_TEXT_BYTES];
    static const uint64_t NOBODY[FAKE_WITNESSES];
    struct bytes whole = fake_checkpoint(&fake, 3, NOBODY, checkpoint);
    struct writer writer = writer_of(text, sizeof text);
    assert_ok(writer_copy(&writer, "old 0\n\n", 7));
    assert_ok(writer_copy(&writer, whole.data, whole.size));
    text[writer.at - 40] = text[writer.at - 40] == 'A' ? 'B' : 'A';
    assert_int_equal(post(text, writer.at), 403);
    assert_int_equal(memory.size, 0);
}

static void what_cannot_be_remembered_is_not_cosigned(void **state)
{
    (void)state;
    memory.is_full = true;
    assert_int_equal(submit(0, 10, RIGHT), 500);
    assert_null(memmem(answer.body, answer.size, "\xe2\x80\x94", 3));
    assert_non_null(strstr(answer.why.text, "disk is full"));
    memory.is_full = false;
    assert_int_equal(submit(0, 10, RIGHT), 200);
    memory.data[memory.size - 10] ^= 1; /* what cannot be read is not taken for nothing */
    assert_int_equal(submit(0, 10, RIGHT), 500);
    assert_int_equal(submit(10, 12, RIGHT), 500);
}

static void a_clock_that_went_back_cosigns_nothing(void **state)
{
    (void)state;
    char text[FAKE_TEXT_BYTES] = "old 3\n\n", checkpoint[FAKE_TEXT_BYTES];
    static const uint64_t NOBODY[FAKE_WITNESSES];
    assert_int_equal(submit(0, 3, RIGHT), 200);
    struct bytes whole = fake_checkpoint(&fake, 3, NOBODY, checkpoint);
    bytes_copy(text + 7, sizeof text - 7, whole.data, whole.size);
    struct bytes request = {(const uint8_t *)text, 7 + whole.size};
    witness_add_checkpoint(&witness, request, NOW_S - 1, &answer);
    assert_int_equal(answer.status, 503);
    witness_add_checkpoint(&witness, request, NOW_S + 1, &answer);
    assert_int_equal(answer.status, 200);
}

static void malformed_requests_are_bad_requests(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "", "old", "old 0", "old 0\n", "old 0\n\n", "old 00\n\n", "old -1\n\n", "new 0\n\n",
        "old 0\nAAAA\n\n", "old 0\n\nexample.com/log\n0\n", "old 18446744073709551616\n\n",
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_int_equal(post(BAD[i], strlen(BAD[i])), 400);
    char many[64 * 45 + 64] = "old 1\n";
    for (size_t i = 0; i < 64; i++) {
        size_t at = strlen(many);
        assert_true(string_format(many + at, sizeof many - at,
                                  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"));
    }
    assert_int_equal(post(many, strlen(many)), 400);
}

static void monitors_read_what_was_cosigned(void **state)
{
    (void)state;
    char hex[WITNESS_ORIGIN_HEX_BYTES];
    struct note note;
    struct note_times times;
    witness_origin_hex("example.com/log", hex);
    witness_get_checkpoint(&witness, hex, &answer);
    assert_int_equal(answer.status, 404);
    assert_int_equal(submit(0, 10, RIGHT), 200);
    witness_get_checkpoint(&witness, hex, &answer);
    assert_int_equal(answer.status, 200);
    assert_ok(note_parse((struct bytes){answer.body, answer.size}, &note, NULL));
    assert_ok(note_verify(&note, note_signer_key(fake.witnesses[0]), &times, NULL));
    assert_ok(note_verify(&note, note_signer_key(fake.log), &times, NULL));
    hex[0] ^= 1;
    witness_get_checkpoint(&witness, hex, &answer);
    assert_int_equal(answer.status, 404);
    witness_get_checkpoint(&witness, "../../etc/passwd", &answer);
    assert_int_equal(answer.status, 404);
}

/* --- the transcript --------------------------------------------------------------------------- */

static const char ORIGIN[] =
    "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562";
static const uint8_t LOG_KEY[ED25519_KEY_BYTES] = {
    0xff, 0xdc, 0x2d, 0x4d, 0x98, 0xe4, 0x12, 0x4d, 0x3f, 0xea, 0xf7, 0x88, 0xc0, 0xc2, 0xf9, 0xab,
    0xfd, 0x79, 0x60, 0x83, 0xd1, 0xf0, 0x49, 0x54, 0x37, 0xf3, 0x02, 0xec, 0x79, 0xcf, 0x10, 0x0f,
};

/* One request of the transcript; returns what follows it, NULL at the end. */
static const char *replay_one(const char *text, unsigned *ret_expected)
{
    const char *start = strstr(text, "\n```\n");
    const char *end = start == NULL ? NULL : strstr(start + 5, "\n```\nHTTP ");
    if (end == NULL)
        return NULL;
    uint64_t expected;
    char number[4];
    (void)string_format(number, sizeof number, "%.3s", end + 10);
    assert_ok(number_parse(number, 999, &expected));
    *ret_expected = (unsigned)expected;
    (void)post(start + 5, (size_t)(end + 1 - (start + 5)));
    return end + 5;
}

static void the_recorded_conversation_goes_the_same_way(void **state)
{
    (void)state;
    static char text[64 * KIB], policy[1024];
    char path[LIMIT_PATH_BYTES], key_text[NOTE_KEY_TEXT_BYTES];
    const char *shared = getenv("CREANCE_SHARED");
    struct note_key key;
    assert_true(string_format(path, sizeof path, "%s/data/vectors/note/litewitness-transcript.txt",
                              shared == NULL ? "../shared" : shared));
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        print_message("# %s is not there\n", path);
        skip();
        return;
    }
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_ok(note_key_make(ORIGIN, NOTE_KEY_ED25519, LOG_KEY, &key, NULL));
    note_key_format(&key, key_text);
    assert_true(string_format(policy, sizeof policy, "log %s\nquorum none\n", key_text));
    tlog_policy_free(logs);
    assert_ok(tlog_policy_parse((struct bytes){(const uint8_t *)policy, strlen(policy)}, &logs,
                                NULL));
    witness.logs = logs;
    unsigned expected, count = 0;
    for (const char *at = text; (at = replay_one(at, &expected)) != NULL; count++) {
        /* The recorded witness said 403 of a log that it does not know; the specification of today
         * says 404. */
        bool is_unknown_log = answer.status == 404 && expected == 403
                              && strstr(answer.why.text, "unknown log") != NULL;
        if (answer.status != expected && !is_unknown_log)
            fail_msg("request %u: %u (%s), expected %u", count + 1, answer.status,
                     answer.why.text, expected);
    }
    assert_int_equal(count, 9);
    assert_int_equal(answer.size, 2);
    assert_memory_equal(answer.body, "5\n", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_cosigns_what_goes_on, open_log, close_log),
        cmocka_unit_test_setup_teardown(it_answers_as_the_specification_says, open_log, close_log),
        cmocka_unit_test_setup_teardown(trees_of_nothing_have_rules_of_their_own, open_log,
                                        close_log),
        cmocka_unit_test_setup_teardown(a_fork_is_refused_and_kept, open_log, close_log),
        cmocka_unit_test_setup_teardown(a_false_signature_line_spoils_the_note, open_log,
                                        close_log),
        cmocka_unit_test_setup_teardown(what_cannot_be_remembered_is_not_cosigned, open_log,
                                        close_log),
        cmocka_unit_test_setup_teardown(a_clock_that_went_back_cosigns_nothing, open_log,
                                        close_log),
        cmocka_unit_test_setup_teardown(malformed_requests_are_bad_requests, open_log, close_log),
        cmocka_unit_test_setup_teardown(monitors_read_what_was_cosigned, open_log, close_log),
        cmocka_unit_test_setup_teardown(the_recorded_conversation_goes_the_same_way, open_log,
                                        close_log),
    };
    return unit_run("witness", tests);
}

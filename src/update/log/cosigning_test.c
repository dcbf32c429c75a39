// SPDX-License-Identifier: Apache-2.0
/* A log asks witnesses that are right, behind, gone, liars, or know more than it does. */
#include "update/log/cosigning.h"

#include "base/bytes.h"
#include "tests/unit.h"
#include "update/log/fake_log.h"
#include "update/log/lines.h"

#include <string.h>

enum { SIZE = 20, TIME_S = 1700000000 };

/* What the witness with the URL http://wI does. */
struct fake_witness {
    enum { WITNESS_RIGHT, WITNESS_GONE, WITNESS_LIAR, WITNESS_RESTLESS, WITNESS_REFUSES } mood;
    uint64_t size; /* that it knows */
    unsigned requests;
    uint64_t asked_old_size; /* of the last request */
};

static struct fake_log fake;
static struct tlog_policy *policy;
static struct fake_witness witnesses[FAKE_WITNESSES];
static struct cosigning cosigning;

static struct result answer_text(const char *text, void *out, size_t capacity, size_t *ret_size)
{
    *ret_size = strlen(text);
    bytes_copy(out, capacity, text, *ret_size);
    return RESULT_OK;
}

static struct result post(void *context, const char *url, struct bytes body, void *out,
                          size_t capacity, size_t *ret_size, unsigned *ret_status,
                          struct explanation *why)
{
    (void)context;
    static struct checkpoint_proof proof;
    size_t at = (size_t)(url[strlen("http://w")] - '0');
    assert_true(at < FAKE_WITNESSES && string_ends_with(url, "/add-checkpoint"));
    struct fake_witness *witness = &witnesses[at];
    witness->requests++;
    if (witness->mood == WITNESS_GONE)
        return explain(why, ERROR_CLOSED, "nobody is there");
    assert_ok(checkpoint_proof_parse(body, &proof, NULL));
    witness->asked_old_size = proof.old_size;
    if (witness->mood == WITNESS_RESTLESS)
        witness->size++;
    if (proof.old_size != witness->size) {
        char text[32];
        *ret_status = 409;
        (void)string_format(text, sizeof text, "%llu\n", (unsigned long long)witness->size);
        return answer_text(text, out, capacity, ret_size);
    }
    if (witness->mood == WITNESS_REFUSES) {
        *ret_status = 422;
        return answer_text("no \x1b[31mthank you\n", out, capacity, ret_size);
    }
    struct merkle_hash root = fake_root((struct merkle_range){0, proof.old_size});
    assert_ok(checkpoint_proof_verify(&proof, &root));
    struct writer writer = writer_of(out, capacity);
    /* Somebody else's line comes first: it is not for us to keep. */
    assert_ok(note_sign(fake.log, proof.note.text, 0, &writer, NULL));
    size_t before = writer.at;
    assert_ok(note_sign(fake.witnesses[at], proof.note.text, TIME_S, &writer, NULL));
    if (witness->mood == WITNESS_LIAR)
        writer.data[before + 60] = writer.data[before + 60] == 'A' ? 'B' : 'A';
    *ret_size = writer.at;
    *ret_status = 200;
    return RESULT_OK;
}

/* The tree of fake_log.h, with tiles made as they are asked for. */
static struct result read_tile(void *context, const char *path, void *out, size_t capacity,
                               size_t *ret_size, struct explanation *why)
{
    (void)context;
    if (!string_equal(path, "tile/0/000.p/20"))
        return explain(why, ERROR_NOT_FOUND, "no %s", path);
    for (uint64_t i = 0; i < SIZE; i++) {
        struct merkle_hash leaf = fake_root((struct merkle_range){i, i + 1});
        bytes_copy((uint8_t *)out + 32 * i, capacity - 32 * i, leaf.bytes, sizeof leaf.bytes);
    }
    *ret_size = 32 * SIZE;
    return RESULT_OK;
}

static int open_log(void **state)
{
    (void)state;
    char text[8192];
    struct writer writer = writer_of(text, sizeof text);
    fake_log_open(&fake);
    for (size_t i = 0; i < FAKE_WITNESSES; i++) {
        char line[NOTE_KEY_TEXT_BYTES + 64], key[NOTE_KEY_TEXT_BYTES];
        witnesses[i] = (struct fake_witness){.size = 13};
        note_key_format(note_signer_key(fake.witnesses[i]), key);
        (void)string_format(line, sizeof line, "witness w%zu %s http://w%zu/\n", i, key, i);
        assert_ok(lines_write_text(&writer, line));
    }
    assert_ok(lines_write_text(&writer, "group g 2 w0 w1 w2\nquorum g\n"));
    return !result_is_ok(tlog_policy_parse((struct bytes){writer.data, writer.at}, &policy, NULL));
}

static int close_log(void **state)
{
    (void)state;
    tlog_policy_free(policy);
    fake_log_close(&fake);
    return 0;
}

static void collect(uint64_t known_size)
{
    static char text[FAKE_TEXT_BYTES];
    static const uint64_t NOBODY[FAKE_WITNESSES];
    static const struct tlog_source SOURCE = {read_tile, NULL};
    static const struct cosigning_line LINE = {post, NULL};
    struct bytes whole = fake_checkpoint(&fake, SIZE, NOBODY, text);
    struct note note;
    struct note_times times;
    struct checkpoint checkpoint;
    struct tile_tree *tree;
    assert_ok(checkpoint_parse_note(whole, &note, &checkpoint, NULL));
    assert_ok(tile_tree_open(&SOURCE, &checkpoint, &tree, NULL));
    assert_ok(cosigning_collect(policy, whole, tree, known_size, &LINE, &cosigning, NULL));
    tile_tree_free(tree);
    /* Whatever they did: what was kept verifies, and is of those that count. */
    struct note kept;
    if (cosigning.size > 0)
        assert_ok(note_parse_signatures(note.text,
                                        (struct bytes){cosigning.lines, cosigning.size}, &kept,
                                        NULL));
    for (size_t i = 0; i < FAKE_WITNESSES; i++) {
        bool counts = (cosigning.witnesses >> i & 1) != 0;
        assert_int_equal(*cosigning.failures[i].text == '\0', counts);
        if (counts)
            assert_ok(note_verify(&kept, note_signer_key(fake.witnesses[i]), &times, NULL));
    }
    if (cosigning.size > 0)
        assert_error(note_verify(&kept, note_signer_key(fake.log), &times, NULL),
                     ERROR_NOT_FOUND);
}

static void one_request_is_enough_where_the_size_is_known(void **state)
{
    (void)state;
    collect(13);
    assert_int_equal(cosigning.witnesses, 7);
    assert_int_equal(witnesses[0].requests, 1);
}

static void a_witness_that_is_behind_says_where_it_is(void **state)
{
    (void)state;
    witnesses[0].size = 0;
    witnesses[1].size = 4;
    witnesses[2].size = SIZE;
    collect(13);
    assert_int_equal(cosigning.witnesses, 7);
    assert_int_equal(witnesses[1].requests, 2);
    assert_int_equal(witnesses[1].asked_old_size, 4);
}

static void the_others_count_where_some_fail(void **state)
{
    (void)state;
    witnesses[0].mood = WITNESS_GONE;
    witnesses[1].mood = WITNESS_LIAR;
    collect(13);
    assert_int_equal(cosigning.witnesses, 4);
    assert_non_null(strstr(cosigning.failures[0].text, "nobody is there"));
    assert_non_null(strstr(cosigning.failures[1].text, "false"));
}

static void nobody_is_asked_for_ever(void **state)
{
    (void)state;
    witnesses[0].mood = WITNESS_RESTLESS;
    witnesses[1].mood = WITNESS_REFUSES;
    collect(13);
    assert_int_equal(cosigning.witnesses, 4);
    assert_int_equal(witnesses[0].requests, 3);
    assert_int_equal(witnesses[1].requests, 1);
    assert_non_null(strstr(cosigning.failures[1].text, "422: no "));
    assert_null(strchr(cosigning.failures[1].text, '\x1b'));
}

static void a_witness_that_knows_more_is_an_alarm(void **state)
{
    (void)state;
    witnesses[2].size = SIZE + 1;
    collect(13);
    assert_int_equal(cosigning.witnesses, 3);
    assert_non_null(strstr(cosigning.failures[2].text, "went back"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_request_is_enough_where_the_size_is_known, open_log,
                                        close_log),
        cmocka_unit_test_setup_teardown(a_witness_that_is_behind_says_where_it_is, open_log,
                                        close_log),
        cmocka_unit_test_setup_teardown(the_others_count_where_some_fail, open_log, close_log),
        cmocka_unit_test_setup_teardown(nobody_is_asked_for_ever, open_log, close_log),
        cmocka_unit_test_setup_teardown(a_witness_that_knows_more_is_an_alarm, open_log,
                                        close_log),
    };
    return unit_run("cosigning", tests);
}

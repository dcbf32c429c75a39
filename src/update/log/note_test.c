// SPDX-License-Identifier: Apache-2.0
#include "update/log/note.h"

#include "base/base64.h"
#include "base/bytes.h"
#include "tests/unit.h"
#include "update/log/fake_log.h"
#include "update/signature/sign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

/* signed-note, "Verifier keys", "Example". */
static const char EXAMPLE_KEY[] =
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
static const char EXAMPLE[] =
    "This is an example message.\n\n"
    "\xe2\x80\x94 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYj"
    "OBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

static void the_example_of_the_specification_holds(void **state)
{
    (void)state;
    struct note note;
    struct note_key key;
    struct note_times times;
    char again[NOTE_KEY_TEXT_BYTES];
    assert_ok(note_key_parse(bytes_of(EXAMPLE_KEY), &key, NULL));
    assert_string_equal(key.name, "example.com/foo");
    assert_int_equal(key.id, 0x530d903a);
    note_key_format(&key, again);
    assert_string_equal(again, EXAMPLE_KEY);
    assert_ok(note_parse(bytes_of(EXAMPLE), &note, NULL));
    assert_int_equal(note.text.size, strlen("This is an example message.\n"));
    assert_ok(note_verify(&note, &key, &times, NULL));
    assert_true(times.earliest_s == 0 && times.latest_s == 0);
}

/* The same from the file that the vectors have it in. */
static void the_example_file_holds(void **state)
{
    (void)state;
    char path[LIMIT_PATH_BYTES], text[4096];
    const char *shared = getenv("CREANCE_SHARED");
    assert_true(string_format(path, sizeof path, "%s/data/vectors/note/signed-note-example.txt",
                              shared == NULL ? "../shared" : shared));
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        print_message("# %s is not there\n", path);
        skip();
    }
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    struct note note;
    struct note_key key;
    struct note_times times;
    assert_ok(note_key_parse(bytes_of(EXAMPLE_KEY), &key, NULL));
    assert_ok(note_parse((struct bytes){(const uint8_t *)text, size}, &note, NULL));
    assert_ok(note_verify(&note, &key, &times, NULL));
}

static void every_changed_bit_is_noticed(void **state)
{
    (void)state;
    struct note_key key;
    assert_ok(note_key_parse(bytes_of(EXAMPLE_KEY), &key, NULL));
    for (size_t bit = 0; bit < 8 * strlen(EXAMPLE); bit++) {
        char copy[sizeof EXAMPLE];
        struct note note;
        struct note_times times;
        bytes_copy(copy, sizeof copy, EXAMPLE, sizeof EXAMPLE);
        copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
        struct bytes whole = {(const uint8_t *)copy, sizeof EXAMPLE - 1};
        if (result_is_ok(note_parse(whole, &note, NULL))
            && result_is_ok(note_verify(&note, &key, &times, NULL)))
            fail_msg("bit %zu made no difference", bit);
    }
}

static void what_is_no_note_is_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "", "\n", "\n\n", "text", "text\n", "text\n\n", "text\n\nno signature\n",
        "\n\xe2\x80\x94 a AAAAAAA=\n",                       /* no text */
        "text\n\xe2\x80\x94 a AAAAAAA=\n",                   /* no empty line */
        "text\n\n\xe2\x80\x94 a AAAAAAA=",                   /* no newline */
        "text\n\n- a AAAAAAA=\n",                            /* another dash */
        "text\n\n\xe2\x80\x94 a AAAAAA==\n",                 /* an id and no signature */
        "text\n\n\xe2\x80\x94 a  AAAAAAA=\n",                /* two spaces */
        "text\n\n\xe2\x80\x94 a+b AAAAAAA=\n",               /* no key name */
        "text\n\n\xe2\x80\x94 a\xc2\xa0z AAAAAAA=\n",        /* a Unicode space */
        "text\n\n\xe2\x80\x94 a AAAAAAA=\n\xe2\x80\x94 b !\n",
        "te\txt\n\n\xe2\x80\x94 a AAAAAAA=\n", "te\rxt\n\n\xe2\x80\x94 a AAAAAAA=\n",
        "te\xffxt\n\n\xe2\x80\x94 a AAAAAAA=\n",
    };
    struct note note;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct explanation why = {""};
        if (result_is_ok(note_parse(bytes_of(BAD[i]), &note, &why)))
            fail_msg("case %zu was taken", i);
        assert_true(*why.text != '\0');
    }
    assert_ok(note_parse(bytes_of("a\n\nb\n\n\xe2\x80\x94 c AAAAAAA=\n"), &note, NULL));
    assert_int_equal(note.text.size, 5); /* the last empty line divides */
}

static void many_signatures_are_taken_up_to_the_limit(void **state)
{
    (void)state;
    char text[LIMIT_NOTE_SIGNATURES * 32 + 64] = "text\n\n";
    struct note note;
    for (size_t i = 0; i < LIMIT_NOTE_SIGNATURES; i++) {
        size_t at = strlen(text);
        assert_true(string_format(text + at, sizeof text - at, "\xe2\x80\x94 a AAAAAAA=\n"));
    }
    assert_ok(note_parse(bytes_of(text), &note, NULL));
    assert_int_equal(note.signature_count, LIMIT_NOTE_SIGNATURES);
    size_t at = strlen(text);
    assert_true(string_format(text + at, sizeof text - at, "\xe2\x80\x94 a AAAAAAA=\n"));
    assert_error(note_parse(bytes_of(text), &note, NULL), ERROR_LIMIT);
}

static void keys_that_were_changed_are_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "", "a", "a+b", "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2l",
        "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3Q==",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n",
    };
    struct note_key key;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        if (result_is_ok(note_key_parse(bytes_of(BAD[i]), &key, NULL)))
            fail_msg("case %zu was taken", i);
    }
}

static void signers_sign_what_their_keys_verify(void **state)
{
    (void)state;
    static const enum note_key_type TYPES[] = {NOTE_KEY_ED25519, NOTE_KEY_COSIGNATURE};
    for (size_t i = 0; i < 2; i++) {
        char text[NOTE_SIGNER_TEXT_BYTES], whole[2048] = "a text\n\n";
        struct note_signer *signer, *other = fake_signer("other.example", TYPES[i], 77);
        struct note note;
        struct note_times times;
        assert_ok(note_signer_generate("example.com/key", TYPES[i], text, NULL));
        assert_ok(note_signer_parse(bytes_of(text), &signer, NULL));
        struct writer writer = writer_of(whole, sizeof whole);
        writer.at = strlen(whole);
        assert_ok(note_sign(signer, (struct bytes){(uint8_t *)whole, 7}, 1700000000, &writer,
                            NULL));
        assert_ok(note_sign(signer, (struct bytes){(uint8_t *)whole, 7}, 1600000000, &writer,
                            NULL));
        assert_ok(note_parse((struct bytes){writer.data, writer.at}, &note, NULL));
        assert_ok(note_verify(&note, note_signer_key(signer), &times, NULL));
        assert_true(times.earliest_s == (i == 0 ? 0 : 1600000000));
        assert_true(times.latest_s == (i == 0 ? 0 : 1700000000));
        assert_error(note_verify(&note, note_signer_key(other), &times, NULL), ERROR_NOT_FOUND);
        note_signer_free(signer);
        note_signer_free(other);
    }
}

/* tlog-cosignature: the time is signed, and one of 0 or over 2^63 - 1 is none. */
static void cosignatures_hold_for_their_own_time_only(void **state)
{
    (void)state;
    struct fake_log fake;
    char text[FAKE_TEXT_BYTES];
    struct note note;
    struct note_times times;
    struct checkpoint checkpoint;
    fake_log_open(&fake);
    const struct note_key *key = note_signer_key(fake.witnesses[0]);
    struct bytes whole =
        fake_checkpoint(&fake, 5, (const uint64_t[]){1700000000, 1700000000, 0}, text);
    assert_ok(checkpoint_parse_note(whole, &note, &checkpoint, NULL));
    assert_ok(note_verify(&note, key, &times, NULL));
    assert_error(note_verify(&note, note_signer_key(fake.witnesses[2]), &times, NULL),
                 ERROR_NOT_FOUND);
    /* The line of the second witness's key under the first one's name is nobody's. */
    struct writer writer = writer_of(text, sizeof text);
    writer.at = whole.size;
    assert_error(note_sign(fake.witnesses[0], note.text, 0, &writer, NULL), ERROR_LIMIT);
    assert_error(note_sign(fake.witnesses[0], note.text, UINT64_C(1) << 63, &writer, NULL),
                 ERROR_LIMIT);
    char changed[FAKE_TEXT_BYTES];
    bytes_copy(changed, sizeof changed, text, whole.size);
    /* "— NAME " and four bytes of id are six characters; the time's last byte is in the 15th. */
    size_t at = (size_t)(note.signatures[1].encoded.data - (const uint8_t *)text) + 14;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    assert_ok(note_parse((struct bytes){(uint8_t *)changed, whole.size}, &note, NULL));
    assert_error(note_verify(&note, key, &times, NULL), ERROR_FORMAT);
    fake_log_close(&fake);
}

/* Signed with everything right but the time, which no cosignature may have. */
static void times_out_of_range_are_no_cosignatures(void **state)
{
    (void)state;
    static const struct {
        uint64_t time_s;
        bool is_good;
    } CASES[] = {{0, false}, {1, true}, {INT64_MAX, true}, {UINT64_C(1) << 63, false}};
    uint8_t seed[ED25519_KEY_BYTES] = {7}, public_key[ED25519_KEY_BYTES];
    struct private_key *private_key;
    struct note_key key;
    assert_ok(private_key_from_ed25519(seed, &private_key, NULL));
    assert_ok(public_key_to_ed25519(private_key_public(private_key), public_key, NULL));
    assert_ok(note_key_make("w.example", NOTE_KEY_COSIGNATURE, public_key, &key, NULL));
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        static const char TEXT[] = "a text\n";
        uint8_t raw[12 + SIGNATURE_BYTES_MAX], message[NOTE_COSIGNED_BYTES];
        char encoded[BASE64_TEXT_BYTES(sizeof raw) + 1], whole[2048];
        size_t message_size, size;
        struct note note;
        struct note_times times;
        struct bytes text = {(const uint8_t *)TEXT, sizeof TEXT - 1};
        for (size_t byte = 0; byte < 4; byte++)
            raw[byte] = (uint8_t)(key.id >> (24 - 8 * byte));
        for (size_t byte = 0; byte < 8; byte++)
            raw[4 + byte] = (uint8_t)(CASES[i].time_s >> (56 - 8 * byte));
        assert_ok(note_cosigned_message(text, CASES[i].time_s, message, &message_size));
        assert_ok(private_key_sign(private_key, message, message_size, raw + 12, &size, NULL));
        base64_encode(raw, 12 + size, encoded);
        assert_true(string_format(whole, sizeof whole, "%s\n\xe2\x80\x94 w.example %s\n", TEXT,
                                  encoded));
        assert_ok(note_parse(bytes_of(whole), &note, NULL));
        assert_int_equal(result_is_ok(note_verify(&note, &key, &times, NULL)), CASES[i].is_good);
    }
    private_key_free(private_key);
}

static void private_keys_that_were_changed_are_refused(void **state)
{
    (void)state;
    char text[NOTE_SIGNER_TEXT_BYTES];
    struct note_signer *signer;
    assert_ok(note_signer_generate("example.com/key", NOTE_KEY_ED25519, text, NULL));
    size_t size = strlen(text);
    for (size_t i = 0; i + 2 < size; i++) { /* not the newline, nor the padding bits */
        char kept = text[i];
        struct explanation why = {""};
        text[i] = kept == 'a' ? 'b' : 'a';
        if (result_is_ok(note_signer_parse(bytes_of(text), &signer, &why)))
            fail_msg("a change of byte %zu was not noticed", i);
        assert_null(strstr(why.text, text + size - 30));
        text[i] = kept;
    }
    assert_error(note_signer_generate("with space", NOTE_KEY_ED25519, text, NULL), ERROR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_specification_holds),
        cmocka_unit_test(the_example_file_holds),
        cmocka_unit_test(every_changed_bit_is_noticed),
        cmocka_unit_test(what_is_no_note_is_refused),
        cmocka_unit_test(many_signatures_are_taken_up_to_the_limit),
        cmocka_unit_test(keys_that_were_changed_are_refused),
        cmocka_unit_test(signers_sign_what_their_keys_verify),
        cmocka_unit_test(cosignatures_hold_for_their_own_time_only),
        cmocka_unit_test(times_out_of_range_are_no_cosignatures),
        cmocka_unit_test(private_keys_that_were_changed_are_refused),
    };
    return unit_run("note", tests);
}

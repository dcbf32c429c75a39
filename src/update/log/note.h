// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Signed notes and the keys that verify them: C2SP signed-note (v1.0.0), for the two signature
 * types that we use: Ed25519 (0x01), by which logs sign, and timestamped Ed25519 cosignatures
 * (0x04; C2SP tlog-cosignature), by which witnesses do. Pure: no memory, no I/O.
 *
 * A text is worth nothing before a trusted key was found on it: note_parse() trusts nobody.
 */
#include "base/limits.h"
#include "base/reader.h"
#include "update/signature/signature.h"

enum note_key_type {
    NOTE_KEY_ED25519 = 0x01,
    NOTE_KEY_COSIGNATURE = 0x04,
};

/* A verifier key ("vkey"): signed-note, "Verifier keys". */
struct note_key {
    char name[LIMIT_KEY_NAME_BYTES];
    uint32_t id; /* signed-note, "Signatures"; tlog-cosignature, "Format" */
    enum note_key_type type;
    uint8_t public_key[ED25519_KEY_BYTES];
};

/* The name, the id and the key, with two '+' between; room for the 0. */
enum { NOTE_KEY_TEXT_BYTES = LIMIT_KEY_NAME_BYTES + 64 };

/* ERROR_FORMAT, with `why`: no key name (empty, a Unicode space, a plus, control characters, not
 * UTF-8), or longer than 255 bytes. */
RESULT note_key_make(const char *name, enum note_key_type type,
                     const uint8_t public_key[ED25519_KEY_BYTES], struct note_key *ret_key,
                     struct explanation *why);

/* `NAME+hex(ID)+base64(TYPE || KEY)`. ERROR_FORMAT; ERROR_UNSUPPORTED for other types. The id must
 * be the one that both specifications recommend or demand: another one would be a second name of
 * the same key. */
RESULT note_key_parse(struct bytes text, struct note_key *ret_key, struct explanation *why);
void note_key_format(const struct note_key *key, char out[NOTE_KEY_TEXT_BYTES]);

/* One signature line of a note; views into the note's bytes. */
struct note_signature {
    struct bytes line; /* with its newline */
    struct bytes name;
    struct bytes encoded; /* Base 64 of the key id and the signature */
    uint32_t key_id;
};

struct note {
    struct bytes text; /* what is signed, its last newline included */
    struct note_signature signatures[LIMIT_NOTE_SIGNATURES];
    size_t signature_count; /* at least 1 */
};

/* Takes a whole note apart: signed-note, "Format". It must outlive `ret_note`. ERROR_FORMAT and
 * ERROR_LIMIT, with `why`. */
RESULT note_parse(struct bytes whole, struct note *ret_note, struct explanation *why);

/* The same for signature lines alone, which belong to `text`: what a witness answers. */
RESULT note_parse_signatures(struct bytes text, struct bytes lines, struct note *ret_note,
                             struct explanation *why);

/* When a key says that it signed; several lines of one key have several times. Seconds since 1970,
 * never 0; 0 in both for NOTE_KEY_ED25519, which says no time. */
struct note_times {
    uint64_t earliest_s, latest_s;
};

/* Every line of this key holds, and there is one. ERROR_NOT_FOUND: the key did not sign.
 * ERROR_FORMAT: a line of this key does not hold, so that the whole note must be rejected. */
RESULT note_verify(const struct note *note, const struct note_key *key,
                   struct note_times *ret_times, struct explanation *why);

/* The line is of this key, going by name and id; it may still be false. */
bool note_is_by(const struct note_signature *signature, const struct note_key *key);

/* What a witness signs: tlog-cosignature, "Ed25519 signed message". ERROR_LIMIT over
 * LIMIT_CHECKPOINT_BYTES of text. */
enum { NOTE_COSIGNED_BYTES = LIMIT_CHECKPOINT_BYTES + 64 };
RESULT note_cosigned_message(struct bytes text, uint64_t time_s,
                             uint8_t out[NOTE_COSIGNED_BYTES], size_t *ret_size);

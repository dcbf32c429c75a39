// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Signing notes: for logs and witnesses; nothing that runs on a protected host links it.
 *
 * The text of a private key is the one that Go's sumdb/note made common:
 * `PRIVATE+KEY+NAME+hex(ID)+base64(TYPE || 32 bytes)`, the bytes as RFC 8032 has them.
 */
#include "update/log/note.h"

/* With "PRIVATE+KEY+", a newline and a 0. */
enum { NOTE_SIGNER_TEXT_BYTES = NOTE_KEY_TEXT_BYTES + 16 };

struct note_signer;

/* A new key, as text in `out`, ended by a newline and a 0. The caller wipes it
 * (private_key_wipe()). */
RESULT note_signer_generate(const char *name, enum note_key_type type,
                            char out[NOTE_SIGNER_TEXT_BYTES], struct explanation *why);

/* A newline behind it is allowed. ERROR_FORMAT, ERROR_UNSUPPORTED, with `why`, which never quotes
 * the key. */
RESULT note_signer_parse(struct bytes text, struct note_signer **ret_signer,
                         struct explanation *why);
void note_signer_free(struct note_signer *signer); /* NULL is allowed */

const struct note_key *note_signer_key(const struct note_signer *signer);

/* Writes a signature line over `text` (which ends with a newline). `time_s` is what a cosignature
 * says, 1 to 2^63 - 1; keys of type Ed25519 say none. ERROR_LIMIT: no room, or too long. */
RESULT note_sign(const struct note_signer *signer, struct bytes text, uint64_t time_s,
                 struct writer *writer, struct explanation *why);

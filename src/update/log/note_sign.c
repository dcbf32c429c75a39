// SPDX-License-Identifier: Apache-2.0
#include "update/log/note_sign.h"

#include "base/base64.h"
#include "base/bytes.h"
#include "update/log/lines.h"
#include "update/signature/sign.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char PREFIX[] = "PRIVATE+KEY+";
enum { PREFIX_BYTES = sizeof PREFIX - 1, MATERIAL_BYTES = 1 + ED25519_KEY_BYTES };

struct note_signer {
    struct note_key key;
    struct private_key *private_key;
};

void note_signer_free(struct note_signer *signer)
{
    if (signer == NULL)
        return;
    private_key_free(signer->private_key);
    free(signer);
}

const struct note_key *note_signer_key(const struct note_signer *signer) { return &signer->key; }

/* A signer without a name yet, from the key's 32 bytes. */
static RESULT signer_of(const uint8_t secret[ED25519_KEY_BYTES], struct note_signer **ret_signer,
                        struct explanation *why)
{
    struct note_signer *signer = calloc(1, sizeof *signer);
    if (signer == NULL)
        return explain(why, ERROR_MEMORY, "no memory for a key");
    struct result result = private_key_from_ed25519(secret, &signer->private_key, why);
    if (result_is_ok(result))
        result = public_key_to_ed25519(private_key_public(signer->private_key),
                                       signer->key.public_key, why);
    if (!result_is_ok(result)) {
        note_signer_free(signer);
        return result;
    }
    *ret_signer = signer;
    return RESULT_OK;
}

RESULT note_signer_generate(const char *name, enum note_key_type type,
                            char out[NOTE_SIGNER_TEXT_BYTES], struct explanation *why)
{
    uint8_t material[MATERIAL_BYTES] = {(uint8_t)type};
    char encoded[BASE64_TEXT_BYTES(MATERIAL_BYTES) + 1];
    struct note_signer *signer;
    struct note_key key;
    if (getrandom(material + 1, ED25519_KEY_BYTES, 0) != ED25519_KEY_BYTES)
        return explain_errno(why, "the system gives no random numbers");
    GUARD(signer_of(material + 1, &signer, why));
    struct result result = note_key_make(name, type, signer->key.public_key, &key, why);
    note_signer_free(signer);
    GUARD(result);
    base64_encode(material, sizeof material, encoded);
    (void)string_format(out, NOTE_SIGNER_TEXT_BYTES, "%s%s+%08x+%s\n", PREFIX, key.name, key.id,
                        encoded);
    private_key_wipe(material, sizeof material);
    private_key_wipe(encoded, sizeof encoded);
    return RESULT_OK;
}

/* NAME + ID + BASE64 into their parts; the name is copied. */
static bool split(struct bytes text, char name[LIMIT_KEY_NAME_BYTES], struct bytes *ret_id,
                  uint8_t material[MATERIAL_BYTES])
{
    const uint8_t *first = text.size == 0 ? NULL : memchr(text.data, '+', text.size);
    if (first == NULL || (size_t)(first - text.data) >= LIMIT_KEY_NAME_BYTES)
        return false;
    size_t name_size = (size_t)(first - text.data);
    bytes_copy(name, LIMIT_KEY_NAME_BYTES, text.data, name_size);
    name[name_size] = '\0';
    struct bytes rest = {first + 1, text.size - name_size - 1};
    const uint8_t *second = rest.size == 0 ? NULL : memchr(rest.data, '+', rest.size);
    if (second == NULL)
        return false;
    *ret_id = (struct bytes){rest.data, (size_t)(second - rest.data)};
    size_t size;
    struct bytes encoded = {second + 1, rest.size - ret_id->size - 1};
    return result_is_ok(base64_decode(encoded, material, MATERIAL_BYTES, &size))
           && size == MATERIAL_BYTES;
}

static RESULT name_signer(struct note_signer *signer, const char *name, uint8_t type,
                          struct bytes id, struct explanation *why)
{
    char expected[16];
    if (type != NOTE_KEY_ED25519 && type != NOTE_KEY_COSIGNATURE)
        return explain(why, ERROR_UNSUPPORTED,
                       "the private key of %s is of type 0x%02x: expected Ed25519 (0x01) or "
                       "Ed25519 cosignature (0x04)", name, type);
    GUARD(note_key_make(name, (enum note_key_type)type, signer->key.public_key, &signer->key,
                        why));
    (void)string_format(expected, sizeof expected, "%08x", signer->key.id);
    if (!line_is(id, expected))
        return explain(why, ERROR_FORMAT,
                       "the private key of %s was changed or mistyped: its id should be %s", name,
                       expected);
    return RESULT_OK;
}

RESULT note_signer_parse(struct bytes text, struct note_signer **ret_signer,
                         struct explanation *why)
{
    char name[LIMIT_KEY_NAME_BYTES];
    uint8_t material[MATERIAL_BYTES];
    struct bytes id;
    struct note_signer *signer = NULL;
    if (text.size > 0 && text.data[text.size - 1] == '\n')
        text.size--;
    if (text.size < PREFIX_BYTES || memcmp(text.data, PREFIX, PREFIX_BYTES) != 0
        || !split((struct bytes){text.data + PREFIX_BYTES, text.size - PREFIX_BYTES}, name, &id,
                  material))
        return explain(why, ERROR_FORMAT,
                       "no private key: expected one line PRIVATE+KEY+NAME+ID+KEY, as "
                       "`creance log keygen` writes it");
    struct result result = signer_of(material + 1, &signer, why);
    if (result_is_ok(result))
        result = name_signer(signer, name, material[0], id, why);
    private_key_wipe(material, sizeof material);
    if (!result_is_ok(result)) {
        note_signer_free(signer);
        return result;
    }
    *ret_signer = signer;
    return RESULT_OK;
}

/* Key id, for cosignatures the time, and the signature. */
static RESULT sign_raw(const struct note_signer *signer, struct bytes text, uint64_t time_s,
                       uint8_t raw[SIGNATURE_BYTES_MAX + 12], size_t *ret_size,
                       struct explanation *why)
{
    uint8_t message[NOTE_COSIGNED_BYTES];
    size_t at = 0, size = 0;
    for (int shift = 24; shift >= 0; shift -= 8)
        raw[at++] = (uint8_t)(signer->key.id >> shift);
    if (signer->key.type == NOTE_KEY_COSIGNATURE) {
        if (time_s == 0 || time_s > INT64_MAX
            || !result_is_ok(note_cosigned_message(text, time_s, message, &size)))
            return explain(why, ERROR_LIMIT,
                           "a checkpoint with a text over %d bytes, or a time out of range, is "
                           "not cosigned", LIMIT_CHECKPOINT_BYTES);
        for (int shift = 56; shift >= 0; shift -= 8)
            raw[at++] = (uint8_t)(time_s >> shift);
        text = (struct bytes){message, size};
    }
    GUARD(private_key_sign(signer->private_key, text.data, text.size, raw + at, &size, why));
    *ret_size = at + size;
    return RESULT_OK;
}

RESULT note_sign(const struct note_signer *signer, struct bytes text, uint64_t time_s,
                 struct writer *writer, struct explanation *why)
{
    uint8_t raw[SIGNATURE_BYTES_MAX + 12];
    char encoded[BASE64_TEXT_BYTES(sizeof raw) + 1];
    char line[LIMIT_KEY_NAME_BYTES + sizeof encoded + 8];
    size_t size;
    GUARD(sign_raw(signer, text, time_s, raw, &size, why));
    base64_encode(raw, size, encoded);
    (void)string_format(line, sizeof line, "\xe2\x80\x94 %s %s\n", signer->key.name, encoded);
    if (!result_is_ok(lines_write_text(writer, line)))
        return explain(why, ERROR_LIMIT, "no room for the signature of %s", signer->key.name);
    return RESULT_OK;
}

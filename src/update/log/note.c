// SPDX-License-Identifier: Apache-2.0
#include "update/log/note.h"

#include "base/base64.h"
#include "base/bytes.h"
#include "base/utf8.h"
#include "update/log/lines.h"

#include <sha256.h>
#include <string.h>

/* U+2014 and a space, in UTF-8. */
static const char DASH[] = "\xe2\x80\x94 ";
enum {
    DASH_BYTES = sizeof DASH - 1,
    KEY_ID_BYTES = 4,
    TIME_BYTES = 8,
    KEY_MATERIAL_BYTES = 1 + ED25519_KEY_BYTES,
    SIGNED_BYTES_MAX = KEY_ID_BYTES + TIME_BYTES + ED25519_SIGNATURE_BYTES,
};

static uint64_t big_endian(const uint8_t *data, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | data[i];
    return value;
}

/* --- names ------------------------------------------------------------------------------------ */

/* White_Space of Unicode, control characters apart, which no note may hold at all. */
static bool is_space(uint32_t code)
{
    return code == 0x20 || code == 0x85 || code == 0xa0 || code == 0x1680
           || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029
           || code == 0x202f || code == 0x205f || code == 0x3000;
}

static bool is_key_name(struct bytes name)
{
    if (name.size == 0 || name.size >= LIMIT_KEY_NAME_BYTES)
        return false;
    for (size_t at = 0; at < name.size;) {
        uint32_t code;
        size_t step = utf8_decode(name.data + at, name.size - at, &code);
        if (step == 0 || code < 0x20 || code == 0x7f || code == '+' || is_space(code))
            return false;
        at += step;
    }
    return true;
}

/* --- keys ------------------------------------------------------------------------------------- */

static uint32_t key_id(const char *name, enum note_key_type type,
                       const uint8_t public_key[ED25519_KEY_BYTES])
{
    const uint8_t middle[2] = {'\n', (uint8_t)type};
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, (const uint8_t *)name, strlen(name));
    SHA256Update(&context, middle, sizeof middle);
    SHA256Update(&context, public_key, ED25519_KEY_BYTES);
    SHA256Final(digest, &context);
    return (uint32_t)big_endian(digest, KEY_ID_BYTES);
}

RESULT note_key_make(const char *name, enum note_key_type type,
                     const uint8_t public_key[ED25519_KEY_BYTES], struct note_key *ret_key,
                     struct explanation *why)
{
    if (!is_key_name((struct bytes){(const uint8_t *)name, strlen(name)}))
        return explain(why, ERROR_FORMAT,
                       "\"%.64s\" is no key name: expected 1 to %d bytes of UTF-8 without spaces, "
                       "control characters and '+', such as example.com/log", name,
                       LIMIT_KEY_NAME_BYTES - 1);
    struct note_key key = {.type = type, .id = key_id(name, type, public_key)};
    (void)string_copy(key.name, sizeof key.name, name);
    bytes_copy(key.public_key, sizeof key.public_key, public_key, ED25519_KEY_BYTES);
    *ret_key = key;
    return RESULT_OK;
}

/* NAME + HEX + BASE64; the last part may hold a '+' itself. */
static bool split_key(struct bytes text, struct bytes parts[3])
{
    for (size_t i = 0; i < 2; i++) {
        const uint8_t *plus = text.size == 0 ? NULL : memchr(text.data, '+', text.size);
        if (plus == NULL)
            return false;
        size_t size = (size_t)(plus - text.data);
        parts[i] = (struct bytes){text.data, size};
        text = (struct bytes){plus + 1, text.size - size - 1};
    }
    parts[2] = text;
    return true;
}

RESULT note_key_parse(struct bytes text, struct note_key *ret_key, struct explanation *why)
{
    struct bytes parts[3];
    uint8_t material[KEY_MATERIAL_BYTES];
    size_t size = 0;
    char name[LIMIT_KEY_NAME_BYTES];
    if (!split_key(text, parts) || !is_key_name(parts[0]))
        return explain(why, ERROR_FORMAT, "a verifier key is NAME+ID+KEY, such as "
                                          "example.com/log+530d903a+AekyeRrm...");
    bytes_copy(name, sizeof name, parts[0].data, parts[0].size);
    name[parts[0].size] = '\0';
    struct result decoded = base64_decode(parts[2], material, sizeof material, &size);
    if (decoded.error == ERROR_FORMAT || (result_is_ok(decoded) && size == 0))
        return explain(why, ERROR_FORMAT, "the verifier key of %s ends in no Base 64", name);
    if (!result_is_ok(decoded) || size != sizeof material
        || (material[0] != NOTE_KEY_ED25519 && material[0] != NOTE_KEY_COSIGNATURE))
        return explain(why, ERROR_UNSUPPORTED,
                       "the verifier key of %s is of a type that is not supported: expected "
                       "Ed25519 (0x01) or an Ed25519 cosignature key (0x04)", name);
    struct note_key key;
    GUARD(note_key_make(name, (enum note_key_type)material[0], material + 1, &key, why));
    char id[2 * KEY_ID_BYTES + 1];
    (void)string_format(id, sizeof id, "%08x", key.id);
    if (!line_is(parts[1], id))
        return explain(why, ERROR_FORMAT,
                       "the verifier key of %s was changed or mistyped: its id should be %s", name,
                       id);
    *ret_key = key;
    return RESULT_OK;
}

void note_key_format(const struct note_key *key, char out[NOTE_KEY_TEXT_BYTES])
{
    uint8_t material[KEY_MATERIAL_BYTES] = {(uint8_t)key->type};
    char encoded[BASE64_TEXT_BYTES(KEY_MATERIAL_BYTES) + 1];
    bytes_copy(material + 1, sizeof material - 1, key->public_key, sizeof key->public_key);
    base64_encode(material, sizeof material, encoded);
    (void)string_format(out, NOTE_KEY_TEXT_BYTES, "%s+%08x+%s", key->name, key->id, encoded);
}

/* --- parsing ---------------------------------------------------------------------------------- */

static RESULT check_characters(struct bytes whole, struct explanation *why)
{
    for (size_t at = 0; at < whole.size;) {
        uint32_t code;
        size_t step = utf8_decode(whole.data + at, whole.size - at, &code);
        if (step == 0 || (code < 0x20 && code != '\n'))
            return explain(why, ERROR_FORMAT,
                           "no signed note: byte %zu is %s", at,
                           step == 0 ? "not UTF-8" : "a control character");
        at += step;
    }
    return RESULT_OK;
}

/* `— NAME BASE64` without its newline. */
static RESULT parse_signature(struct bytes line, struct note_signature *ret_signature)
{
    if (line.size <= DASH_BYTES || memcmp(line.data, DASH, DASH_BYTES) != 0)
        return result_fail(ERROR_FORMAT);
    const uint8_t *name = line.data + DASH_BYTES;
    size_t left = line.size - DASH_BYTES;
    const uint8_t *space = memchr(name, ' ', left);
    if (space == NULL)
        return result_fail(ERROR_FORMAT);
    size_t name_size = (size_t)(space - name);
    uint8_t signature[LIMIT_NOTE_SIGNATURE_BYTES];
    size_t size;
    *ret_signature = (struct note_signature){
        .line = {line.data, line.size + 1},
        .name = {name, name_size},
        .encoded = {space + 1, left - name_size - 1},
    };
    /* Strictness is for the keys that we know: see holds(). */
    GUARD(base64_decode_loosely(ret_signature->encoded, signature, sizeof signature, &size));
    if (size <= KEY_ID_BYTES || !is_key_name(ret_signature->name))
        return result_fail(ERROR_FORMAT);
    ret_signature->key_id = (uint32_t)big_endian(signature, KEY_ID_BYTES);
    return RESULT_OK;
}

RESULT note_parse_signatures(struct bytes text, struct bytes lines, struct note *ret_note,
                             struct explanation *why)
{
    GUARD(check_characters(lines, why));
    ret_note->text = text;
    ret_note->signature_count = 0;
    struct reader reader = reader_of(lines.data, lines.size);
    while (reader_left(&reader) > 0) {
        size_t at = ret_note->signature_count;
        struct bytes line;
        if (at == LIMIT_NOTE_SIGNATURES)
            return explain(why, ERROR_LIMIT, "the note has more than %d signatures",
                           LIMIT_NOTE_SIGNATURES);
        if (!result_is_ok(line_take(&reader, &line))
            || !result_is_ok(parse_signature(line, &ret_note->signatures[at])))
            return explain(why, ERROR_FORMAT,
                           "signature line %zu of the note is not \"\xe2\x80\x94 NAME BASE64\"",
                           at + 1);
        ret_note->signature_count++;
    }
    if (ret_note->signature_count == 0)
        return explain(why, ERROR_FORMAT, "the note has no signature");
    return RESULT_OK;
}

RESULT note_parse(struct bytes whole, struct note *ret_note, struct explanation *why)
{
    if (whole.size > LIMIT_NOTE_BYTES)
        return explain(why, ERROR_LIMIT, "the note has more than %d bytes", LIMIT_NOTE_BYTES);
    GUARD(check_characters(whole, why));
    /* The last empty line divides. */
    const uint8_t *division = whole.size == 0 ? NULL : memrchr(whole.data, '\n', whole.size);
    while (division != NULL && division > whole.data && division[-1] != '\n')
        division = memrchr(whole.data, '\n', (size_t)(division - whole.data));
    if (division == NULL || division == whole.data)
        return explain(why, ERROR_FORMAT,
                       "no signed note: no empty line stands before signatures");
    size_t text_size = (size_t)(division - whole.data);
    struct bytes text = {whole.data, text_size};
    struct bytes lines = {division + 1, whole.size - text_size - 1};
    return note_parse_signatures(text, lines, ret_note, why);
}

/* --- verifying -------------------------------------------------------------------------------- */

RESULT note_cosigned_message(struct bytes text, uint64_t time_s,
                             uint8_t out[NOTE_COSIGNED_BYTES], size_t *ret_size)
{
    if (text.size > LIMIT_CHECKPOINT_BYTES)
        return result_fail(ERROR_LIMIT);
    char head[64];
    (void)string_format(head, sizeof head, "cosignature/v1\ntime %llu\n",
                        (unsigned long long)time_s);
    struct writer writer = writer_of(out, NOTE_COSIGNED_BYTES);
    GUARD(lines_write_text(&writer, head));
    GUARD(writer_copy(&writer, text.data, text.size));
    *ret_size = writer.at;
    return RESULT_OK;
}

bool note_is_by(const struct note_signature *signature, const struct note_key *key)
{
    return signature->key_id == key->id && line_is(signature->name, key->name);
}

/* *ret_time_s is 0 where the key says no time. */
static bool holds(struct bytes text, const struct note_signature *signature,
                  const struct note_key *key, uint64_t *ret_time_s)
{
    uint8_t raw[SIGNED_BYTES_MAX];
    size_t size;
    if (!result_is_ok(base64_decode(signature->encoded, raw, sizeof raw, &size)))
        return false;
    *ret_time_s = 0;
    if (key->type == NOTE_KEY_ED25519)
        return size == KEY_ID_BYTES + ED25519_SIGNATURE_BYTES
               && ed25519_verify(key->public_key, text.data, text.size, raw + KEY_ID_BYTES);
    uint8_t message[NOTE_COSIGNED_BYTES];
    size_t message_size;
    if (size != SIGNED_BYTES_MAX)
        return false;
    /* tlog-cosignature: not over 2^63 - 1; tlog-witness: not 0. */
    uint64_t time_s = big_endian(raw + KEY_ID_BYTES, TIME_BYTES);
    if (time_s == 0 || time_s > INT64_MAX
        || !result_is_ok(note_cosigned_message(text, time_s, message, &message_size)))
        return false;
    *ret_time_s = time_s;
    return ed25519_verify(key->public_key, message, message_size,
                          raw + KEY_ID_BYTES + TIME_BYTES);
}

RESULT note_verify(const struct note *note, const struct note_key *key,
                   struct note_times *ret_times, struct explanation *why)
{
    struct note_times times = {0};
    bool is_found = false;
    for (size_t i = 0; i < note->signature_count; i++) {
        uint64_t time_s;
        if (!note_is_by(&note->signatures[i], key))
            continue;
        if (!holds(note->text, &note->signatures[i], key, &time_s))
            return explain(why, ERROR_FORMAT,
                           "the signature of %s is false: the text was changed, or somebody else "
                           "made it", key->name);
        if (!is_found || time_s < times.earliest_s)
            times.earliest_s = time_s;
        if (time_s > times.latest_s)
            times.latest_s = time_s;
        is_found = true;
    }
    if (!is_found)
        return explain(why, ERROR_NOT_FOUND, "%s (key %08x) did not sign it", key->name, key->id);
    *ret_times = times;
    return RESULT_OK;
}

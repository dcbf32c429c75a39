// SPDX-License-Identifier: Apache-2.0
#include "update/log/fake_log.h"

#include "base/base64.h"
#include "base/bytes.h"
#include "update/log/lines.h"
#include "update/signature/sign.h"

#include <stdlib.h>
#include <string.h>

static void require(struct result result)
{
    if (!result_is_ok(result))
        abort();
}

struct note_signer *fake_signer(const char *name, enum note_key_type type, uint8_t seed)
{
    uint8_t material[1 + ED25519_KEY_BYTES] = {(uint8_t)type};
    uint8_t public_key[ED25519_KEY_BYTES];
    char encoded[BASE64_TEXT_BYTES(sizeof material) + 1], text[NOTE_SIGNER_TEXT_BYTES];
    struct private_key *private_key;
    struct note_signer *signer;
    struct note_key key;
    for (size_t i = 1; i < sizeof material; i++)
        material[i] = seed;
    require(private_key_from_ed25519(material + 1, &private_key, NULL));
    require(public_key_to_ed25519(private_key_public(private_key), public_key, NULL));
    private_key_free(private_key);
    require(note_key_make(name, type, public_key, &key, NULL));
    base64_encode(material, sizeof material, encoded);
    (void)string_format(text, sizeof text, "PRIVATE+KEY+%s+%08x+%s\n", name, key.id, encoded);
    require(note_signer_parse((struct bytes){(const uint8_t *)text, strlen(text)}, &signer, NULL));
    return signer;
}

void fake_log_open(struct fake_log *fake)
{
    char key[NOTE_KEY_TEXT_BYTES];
    *fake = (struct fake_log){.log = fake_signer("example.com/log", NOTE_KEY_ED25519, 1)};
    note_key_format(note_signer_key(fake->log), key);
    (void)string_format(fake->policy, sizeof fake->policy, "log %s\n", key);
    for (size_t i = 0; i < FAKE_WITNESSES; i++) {
        char name[32];
        size_t at = strlen(fake->policy);
        (void)string_format(name, sizeof name, "witness.example/w%zu", i);
        fake->witnesses[i] = fake_signer(name, NOTE_KEY_COSIGNATURE, (uint8_t)(2 + i));
        note_key_format(note_signer_key(fake->witnesses[i]), key);
        (void)string_format(fake->policy + at, sizeof fake->policy - at, "witness w%zu %s\n", i,
                            key);
    }
    size_t at = strlen(fake->policy);
    (void)string_format(fake->policy + at, sizeof fake->policy - at,
                        "group all-of-them 2 w0 w1 w2\nquorum all-of-them\n");
}

void fake_log_close(struct fake_log *fake)
{
    note_signer_free(fake->log);
    for (size_t i = 0; i < FAKE_WITNESSES; i++)
        note_signer_free(fake->witnesses[i]);
}

struct bytes fake_entry(uint64_t index, char out[64])
{
    (void)string_format(out, 64, "entry %llu", (unsigned long long)index);
    return (struct bytes){(const uint8_t *)out, strlen(out)};
}

struct merkle_hash fake_root(struct merkle_range range)
{
    char entry[64];
    uint64_t count = range.end - range.start;
    if (count == 0)
        return merkle_empty();
    if (count == 1)
        return merkle_leaf(fake_entry(range.start, entry));
    uint64_t split = 1;
    while (2 * split < count)
        split *= 2;
    struct merkle_hash left = fake_root((struct merkle_range){range.start, range.start + split});
    struct merkle_hash right = fake_root((struct merkle_range){range.start + split, range.end});
    return merkle_node(&left, &right);
}

void fake_hashes(const struct merkle_range *ranges, size_t count, struct merkle_proof *ret_proof)
{
    ret_proof->count = count;
    for (size_t i = 0; i < count; i++)
        ret_proof->hashes[i] = fake_root(ranges[i]);
}

struct bytes fake_checkpoint(const struct fake_log *fake, uint64_t size,
                             const uint64_t times_s[FAKE_WITNESSES], char *out)
{
    struct writer writer = writer_of(out, FAKE_TEXT_BYTES);
    const char *origin = note_signer_key(fake->log)->name;
    struct checkpoint checkpoint = {
        .origin = {(const uint8_t *)origin, strlen(origin)},
        .size = size,
        .root = fake_root((struct merkle_range){0, size}),
    };
    require(checkpoint_write(&writer, &checkpoint));
    struct bytes text = {writer.data, writer.at};
    require(lines_write_text(&writer, "\n"));
    require(note_sign(fake->log, text, 0, &writer, NULL));
    for (size_t i = 0; i < FAKE_WITNESSES; i++) {
        if (times_s[i] != 0)
            require(note_sign(fake->witnesses[i], text, times_s[i], &writer, NULL));
    }
    return (struct bytes){writer.data, writer.at};
}

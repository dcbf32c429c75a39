// SPDX-License-Identifier: Apache-2.0
#include "base/keyed_hash.h"

#include "base/bytes.h"

#include <sys/auxv.h>

struct sip {
    uint64_t v[4];
    uint64_t tail; /* bytes that do not fill a word yet */
    uint64_t size;
};

static uint64_t rotate(uint64_t word, unsigned bits) { return word << bits | word >> (64 - bits); }

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void take_word(struct sip *sip, uint64_t word)
{
    sip->v[3] ^= word;
    sip_round(sip->v);
    sip_round(sip->v);
    sip->v[0] ^= word;
}

static void take_byte(struct sip *sip, uint8_t byte)
{
    sip->tail |= (uint64_t)byte << (8 * (sip->size % 8));
    sip->size++;
    if (sip->size % 8 == 0) {
        take_word(sip, sip->tail);
        sip->tail = 0;
    }
}

static struct sip sip_start(uint64_t key0, uint64_t key1)
{
    return (struct sip){
        .v = {key0 ^ UINT64_C(0x736F6D6570736575), key1 ^ UINT64_C(0x646F72616E646F6D),
              key0 ^ UINT64_C(0x6C7967656E657261), key1 ^ UINT64_C(0x7465646279746573)}};
}

static uint64_t sip_end(struct sip *sip)
{
    take_word(sip, sip->tail | sip->size << 56);
    sip->v[2] ^= 0xFF;
    for (unsigned i = 0; i < 4; i++)
        sip_round(sip->v);
    return sip->v[0] ^ sip->v[1] ^ sip->v[2] ^ sip->v[3];
}

void keyed_hash(const struct bytes *texts, size_t count, uint64_t out[2])
{
    uint64_t key[2] = {0, 0};
    /* 16 random bytes that the kernel gave this process when it started. */
    const void *random = (const void *)getauxval(AT_RANDOM);
    if (random != NULL)
        bytes_copy(key, sizeof key, random, sizeof key);
    for (unsigned half = 0; half < 2; half++) {
        struct sip sip = sip_start(key[0] ^ half, key[1]);
        for (size_t i = 0; i < count; i++) {
            /* Sizes first, so that "ab", "c" and "a", "bc" differ. */
            for (unsigned shift = 0; shift < 32; shift += 8)
                take_byte(&sip, (uint8_t)(texts[i].size >> shift));
            for (size_t n = 0; n < texts[i].size; n++)
                take_byte(&sip, texts[i].data[n]);
        }
        out[half] = sip_end(&sip);
    }
}

// SPDX-License-Identifier: Apache-2.0
#include "agent/control/rule_hits.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 2 * RULE_HITS_MAX };

struct slot {
    uint8_t digest[RULE_HITS_DIGEST_BYTES];
    uint64_t hits; /* 0: unused */
};

struct rule_hits {
    size_t count;
    struct slot slots[SLOTS];
};

struct rule_hits *rule_hits_new(void) { return calloc(1, sizeof(struct rule_hits)); }
void rule_hits_free(struct rule_hits *hits) { free(hits); }

/* The slot of a digest, or the unused one where it belongs. At most half of them are used, so
 * there always is one. */
static size_t place_of(const struct rule_hits *hits, const uint8_t *digest)
{
    size_t at = (digest[0] | (size_t)digest[1] << 8) % SLOTS;
    while (hits->slots[at].hits > 0
           && memcmp(hits->slots[at].digest, digest, RULE_HITS_DIGEST_BYTES) != 0)
        at = (at + 1) % SLOTS;
    return at;
}

void rule_hits_add(struct rule_hits *hits, const uint8_t digest[RULE_HITS_DIGEST_BYTES],
                   uint64_t count)
{
    struct slot *slot = &hits->slots[place_of(hits, digest)];
    if (slot->hits == 0) {
        if (hits->count == RULE_HITS_MAX)
            return;
        hits->count++;
        bytes_copy(slot->digest, sizeof slot->digest, digest, RULE_HITS_DIGEST_BYTES);
    }
    slot->hits += count;
}

bool rule_hits_get(const struct rule_hits *hits, const uint8_t digest[RULE_HITS_DIGEST_BYTES],
                   uint64_t *ret_hits)
{
    *ret_hits = hits->slots[place_of(hits, digest)].hits;
    return *ret_hits > 0 || hits->count < RULE_HITS_MAX;
}

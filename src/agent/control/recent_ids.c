// SPDX-License-Identifier: Apache-2.0
#include "agent/control/recent_ids.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

/* Ids are digests, so any of their bits are as good as a hash of them. Each bucket is a chain of
 * places in the queue of ids. */
enum { BUCKETS = 65536, NONE = INT32_MAX };

struct recent_ids {
    uint32_t buckets[BUCKETS];
    uint32_t next[RECENT_IDS_MAX];
    uint8_t ids[RECENT_IDS_MAX][RECENT_ID_BYTES];
    uint32_t at;    /* where the next id goes */
    uint32_t count;
};

struct recent_ids *recent_ids_new(void)
{
    struct recent_ids *ids = calloc(1, sizeof *ids);
    if (ids == NULL)
        return NULL;
    for (size_t i = 0; i < BUCKETS; i++)
        ids->buckets[i] = NONE;
    return ids;
}

void recent_ids_free(struct recent_ids *ids) { free(ids); }

static bool digit_value(char digit, uint8_t *out)
{
    if (digit >= '0' && digit <= '9')
        *out = (uint8_t)(digit - '0');
    else if (digit >= 'a' && digit <= 'f')
        *out = (uint8_t)(digit - 'a' + 10);
    else
        return false;
    return true;
}

static bool parse(const char *text, uint8_t out[RECENT_ID_BYTES])
{
    for (size_t i = 0; i < RECENT_ID_BYTES; i++) {
        uint8_t high, low;
        if (!digit_value(text[2 * i], &high) || !digit_value(text[2 * i + 1], &low))
            return false; /* also at the text's end */
        out[i] = (uint8_t)(high << 4 | low);
    }
    return text[2 * RECENT_ID_BYTES] == '\0';
}

static uint32_t *bucket_of(struct recent_ids *ids, const uint8_t *id)
{
    return &ids->buckets[id[0] | (size_t)id[1] << 8];
}

bool recent_ids_knows(const struct recent_ids *ids, const char *text)
{
    uint8_t id[RECENT_ID_BYTES];
    if (!parse(text, id))
        return false;
    for (uint32_t i = ids->buckets[id[0] | (size_t)id[1] << 8]; i != NONE; i = ids->next[i]) {
        if (memcmp(ids->ids[i], id, sizeof id) == 0)
            return true;
    }
    return false;
}

static void forget(struct recent_ids *ids, uint32_t at)
{
    uint32_t *link = bucket_of(ids, ids->ids[at]);
    while (*link != at)
        link = &ids->next[*link];
    *link = ids->next[at];
}

void recent_ids_add(struct recent_ids *ids, const char *text)
{
    uint8_t id[RECENT_ID_BYTES];
    if (!parse(text, id))
        return;
    if (ids->count == RECENT_IDS_MAX)
        forget(ids, ids->at);
    else
        ids->count++;
    bytes_copy(ids->ids[ids->at], RECENT_ID_BYTES, id, sizeof id);
    uint32_t *bucket = bucket_of(ids, id);
    ids->next[ids->at] = *bucket;
    *bucket = ids->at;
    ids->at = (ids->at + 1) % RECENT_IDS_MAX;
}

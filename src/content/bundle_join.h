// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Joins the detections of several bundles, and packs of local rules, into the one pack that an
 * engine loads, in one copy: straight into `out`, which may be shared memory that is sealed
 * afterwards. Each pack's names get a prefix in front, which tells them apart.
 */
#include "base/reader.h"

struct bundle_pack {
    const char *prefix; /* "creance-rules/", "" */
    struct bytes pack;  /* engine/pack.h; may be empty */
};

enum { BUNDLE_PACKS_MAX = 16 };

/* How many bytes the joined pack needs; ERROR_FORMAT where a pack is malformed. */
RESULT bundle_join_size(const struct bundle_pack *packs, size_t count, size_t *ret_size,
                        struct explanation *why);

/* ERROR_FORMAT, with `why`, where two names are the same or a pack is malformed; ERROR_LIMIT over
 * `capacity` or the limits of a pack. */
RESULT bundle_join(const struct bundle_pack *packs, size_t count, uint8_t *out, size_t capacity,
                   size_t *ret_size, struct explanation *why);

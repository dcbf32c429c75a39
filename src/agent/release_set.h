// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The releases that an engine runs together, one bundle of each kind at most, in one piece of
 * sealed memory: the supervisor copies them behind each other and reads none of them.
 *
 *   "CRERELS1", then for each kind (bundle_kind.h, those of engines) a u64 size, then the bundles
 */
#include "base/limits.h"
#include "base/reader.h"
#include "content/bundle_kind.h"

/* More than any set, and than the pack of the rule folders. */
enum { RELEASE_SET_BYTES_MAX = 1024 * MIB };

struct release_set {
    struct bytes bundles[BUNDLE_ENGINE_KINDS]; /* by stream; size 0: the factory set */
};

/* `releases`: sealed memory of each kind, -1 where there is none. New sealed memory; -1 where all
 * are -1. ERROR_MEMORY, ERROR_LIMIT, ERROR_STATE (one is not sealed). */
RESULT release_set_seal(const int releases[BUNDLE_ENGINE_KINDS], int *ret_sealed);

/* Views into `data`; size 0 is the set of none. ERROR_FORMAT. */
RESULT release_set_open(struct bytes data, struct release_set *ret_set);

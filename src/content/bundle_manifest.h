// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * content.yaml: what the publisher says of a bundle (docs/format-content.md). It travels inside;
 * the head of the bundle repeats what hosts need, so that they never parse it.
 */
#include "content/bundle.h"

enum { MANIFEST_IGNORED_MAX = 32, MANIFEST_WORD_BYTES = 128 };

struct bundle_manifest {
    struct bundle_facts facts;
    /* for `creance content check` */
    uint32_t load_ms_max;
    uint32_t false_positives_per_million; /* matches in benign recordings */
    /* for the build: entries of the folder that stay at home */
    size_t ignored_count;
    char ignored[MANIFEST_IGNORED_MAX][MANIFEST_WORD_BYTES];
};

#define BUNDLE_MANIFEST_FILE "content.yaml"

/* ERROR_FORMAT, ERROR_LIMIT, ERROR_UNSUPPORTED, with `why` beginning "content.yaml:LINE: ". */
RESULT bundle_manifest_read(struct bytes text, struct bundle_manifest *ret_manifest,
                            struct explanation *why);

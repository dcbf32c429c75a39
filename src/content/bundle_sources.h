// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What bundle_sources.c reads and bundle_build.c takes. */
#include "content/bundle_build.h"

struct bundle_source {
    char *name; /* relative to the folder */
    void *data; /* NULL: an entry of the folder that is not read */
    size_t size;
};

struct bundle_sources {
    struct bundle_source *files;
    size_t count;
    size_t capacity;
    uint64_t total_bytes;
};

/* Copies `name`; takes over `data` on success. */
RESULT bundle_sources_add(struct bundle_sources *sources, const char *name, void *data,
                          size_t size);

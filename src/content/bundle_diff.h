// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What a release takes away, adds and changes, seen from the one before it. Gates see crashes;
 * malice looks healthy: so whatever may make hosts detect less is a row of its own, and a gate.
 *
 * Documents are compared as people wrote them, by id (else by name, else by file), not as they were
 * compiled. Of a changed detection only this passes as "more": further values beside others of the
 * same key, outside of anything that is excepted. Everything else that touches detection, log
 * source or correlation may mean less, and is shown as such; somebody has to say why it is right.
 * For sandboxes: it parses YAML.
 */
#include "content/bundle.h"

/* DIFFERENCE(id, is a gate, word) */
#define BUNDLE_DIFFERENCES(DIFFERENCE)    \
    DIFFERENCE(REMOVED, true, "removed")  \
    DIFFERENCE(MUTED, true, "muted")      \
    DIFFERENCE(EXCEPTED, true, "excepted") \
    DIFFERENCE(NARROWED, true, "narrowed") \
    DIFFERENCE(UNTESTED, true, "untested") \
    DIFFERENCE(MISSED, true, "missed")    \
    DIFFERENCE(ADDED, false, "added")     \
    DIFFERENCE(WIDENED, false, "widened") \
    DIFFERENCE(CHANGED, false, "changed")

enum bundle_difference {
#define DIFFERENCE_ENUM(id, is_gate, word) BUNDLE_##id,
    BUNDLE_DIFFERENCES(DIFFERENCE_ENUM)
#undef DIFFERENCE_ENUM
    BUNDLE_DIFFERENCE_COUNT
};

const char *bundle_difference_word(enum bundle_difference difference);
bool bundle_difference_is_gate(enum bundle_difference difference);

struct bundle_diff_row {
    enum bundle_difference difference;
    struct bytes file;  /* in the new bundle; in the old one where it is gone */
    unsigned line;      /* 0: the file as a whole */
    const char *title;  /* of the document; "" where it has none */
    const char *detail; /* what is less, more or other */
};

typedef void bundle_diff_sink(void *context, const struct bundle_diff_row *row);

struct bundle_diff_counts {
    uint64_t rows[BUNDLE_DIFFERENCE_COUNT];
    uint64_t gates; /* rows that are gates */
};

/* Compares the sources. ERROR_STATE, with `why`, where the bundles are not of one name and kind, or
 * the new version is not higher; ERROR_MEMORY. */
RESULT bundle_diff(const struct bundle *old, const struct bundle *new, bundle_diff_sink *sink,
                   void *context, struct bundle_diff_counts *ret_counts, struct explanation *why);

/* Runs the old bundle's tests against the engine that has loaded the new one: BUNDLE_MISSED for
 * each event that must match and does not any more. Adds to *counts. */
RESULT bundle_diff_tests(const struct bundle *old, const struct bundle *new,
                         struct engine *new_engine, bundle_diff_sink *sink, void *context,
                         struct bundle_diff_counts *counts, struct explanation *why);

// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What a release is for: one table for bundles, tickets and the command line. Numbers stand in
 * signed files: they are never used again for anything else.
 */
#include <stdint.h>

/* KIND(id, number, word, doc) */
#define BUNDLE_KINDS(KIND)                                                                     \
    KIND(RULES, 1, "rules", "detection rules, with exceptions to them and sets of indicators") \
    KIND(EXCEPTIONS, 2, "exceptions", "exceptions to rules that came with another bundle")     \
    KIND(IOC, 3, "ioc", "sets of indicators: addresses, domains, hashes")                      \
    KIND(POLICY, 4, "policy", "which rules are off or weigh differently")                      \
    KIND(PROBES, 5, "probes", "which eBPF probes are loaded")

enum bundle_kind {
#define KIND_ENUM(id, number, word, doc) BUNDLE_##id = (number),
    BUNDLE_KINDS(KIND_ENUM)
#undef KIND_ENUM
};

/* Each kind is a stream of releases of its own on a host; those of the first kinds are what engines
 * run, together. */
#define KIND_ONE(id, number, word, doc) +1
enum { BUNDLE_KIND_COUNT = 0 BUNDLE_KINDS(KIND_ONE), BUNDLE_ENGINE_KINDS = BUNDLE_POLICY };
#undef KIND_ONE

static inline unsigned bundle_kind_stream(uint32_t kind) { return kind - 1; }
static inline uint32_t bundle_kind_of_stream(unsigned stream) { return stream + 1; }

/* "rules", or NULL for a number that is no kind. */
static inline const char *bundle_kind_word(uint32_t kind)
{
    switch (kind) {
#define KIND_WORD(id, number, word, doc) \
    case number:                         \
        return word;
        BUNDLE_KINDS(KIND_WORD)
#undef KIND_WORD
    default:
        return NULL;
    }
}

/* The kind's word for a number of a stream; "?" where there is none. */
static inline const char *bundle_stream_word(uint32_t stream)
{
    const char *word = bundle_kind_word(bundle_kind_of_stream(stream));
    return word != NULL ? word : "?";
}

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

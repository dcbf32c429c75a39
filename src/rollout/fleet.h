// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A fleet as rows, and which of its hosts go first. Words (kernel "6.1.0-18-amd64", role "mail")
 * are the caller's tables; here they are numbers. Pure; memory for the time of the call and for the
 * cover.
 *
 * The first ring is chosen for diversity: each combination of kernel, distribution, architecture
 * and role that the fleet has is in it at least once, or the cover names what is missing and why.
 * Greedy, because the first ring may be smaller than all combinations: first each single kernel,
 * distribution, architecture and role, each by its commonest combination; then combinations, the
 * commonest first. So what is missing is what the fewest hosts have, and only as a mixture of
 * things that were each tried.
 *
 * Of a combination volunteers go first, then those whom a hash of host and salt puts first. What is
 * left of the first ring's size is filled in proportion; its last host outside the first ring stays
 * outside, so that there is something to compare with. The other rings get their share of each
 * combination.
 */
#include "base/result.h"

#include <stdint.h>

enum {
    FLEET_RINGS_MAX = 8,
    FLEET_STRATA_MAX = 8, /* roles above are compared as one */
    FLEET_COMBINATIONS_MAX = 65536,
};

enum fleet_flag {
    FLEET_VOLUNTEER = 1, /* its owner wants it to go early */
    FLEET_PROTECTED = 2, /* never in the first ring: what only such hosts have is missing there */
};

struct fleet_host { /* 16 bytes */
    uint64_t id;    /* never changes, differs from all others */
    uint16_t kernel, distribution, role;
    uint8_t architecture;
    uint8_t flags;  /* enum fleet_flag */
};

enum fleet_gap {
    FLEET_COVERED,
    FLEET_ONLY_PROTECTED, /* nobody has the combination but protected hosts */
    FLEET_RING_FULL,      /* the first ring may not have more hosts */
};

/* One combination and how the first ring covers it. */
struct fleet_combination {
    uint16_t kernel, distribution, role;
    uint8_t architecture;
    enum fleet_gap gap;
    uint32_t hosts; /* in the fleet */
    uint32_t first; /* of them in the first ring */
};

/* What came of it. */
struct fleet_cover {
    uint32_t sizes[FLEET_RINGS_MAX]; /* hosts of each ring */
    uint32_t combination_count;
    uint32_t missing_count; /* combinations, and the hosts that have them */
    uint32_t missing_hosts;
    struct fleet_combination *combinations; /* commonest first */
};

/* What is wanted. The last ring takes what is left, whatever its size says. */
struct fleet_rings {
    uint8_t count; /* 1 .. FLEET_RINGS_MAX */
    uint32_t sizes[FLEET_RINGS_MAX]; /* hosts */
    uint32_t first_max; /* the first ring grows over its size, up to this, to cover combinations */
};

/* Gives each host its ring: rings[i] for hosts[i]. `salt` redraws who is chosen among equals; the
 * same fleet, rings and salt give the same rings whatever the order of the rows. ERROR_FORMAT:
 * senseless rings; ERROR_LIMIT: too many combinations; ERROR_MEMORY (24 bytes for each host).
 * On success the cover is to be freed with fleet_cover_free(). O(n log n). */
RESULT fleet_assign(const struct fleet_host *hosts, uint32_t count,
                    const struct fleet_rings *wanted, uint64_t salt, uint8_t *rings,
                    struct fleet_cover *ret_cover, struct explanation *why);
void fleet_cover_free(struct fleet_cover *cover);

/* In which group a host is compared: its role, the last group for those beyond. */
static inline unsigned fleet_stratum(const struct fleet_host *host)
{
    return host->role < FLEET_STRATA_MAX ? host->role : FLEET_STRATA_MAX - 1;
}

// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Making rosters and promotions, for hubs and for whoever holds a promoter's key. Pure, but for
 * memory.
 *
 * A promoter believes no hub: he takes the roster that its owner signed and every report, and looks
 * at each as hosts look at a sample. What he then signs is the message that his own machine made
 * of them (promotion_message()); all promoters of the same reports sign the same bytes.
 */
#include "rollout/promotion.h"

/* Sets in `roster` what follows from its hosts: count, rings, root. Hosts stand in ascending order
 * of ids. ERROR_FORMAT, with `why`: out of order, an id or key twice, a ring that there is not;
 * ERROR_LIMIT, ERROR_MEMORY. O(n log n). */
RESULT roster_of_hosts(const struct roster_host *hosts, uint32_t count, uint32_t rings,
                       struct roster *roster, struct explanation *why);

struct promotion_maker;

/* For one release and ring; `hosts` are all hosts of the roster and stay the caller's. ERROR_STATE,
 * with `why`: they are not those of the roster; ERROR_MEMORY. */
RESULT promotion_maker_new(const struct roster *roster, const struct roster_host *hosts,
                           const uint8_t release[REPORT_DIGEST_BYTES], uint32_t ring,
                           struct promotion_maker **ret_maker, struct explanation *why);
void promotion_maker_free(struct promotion_maker *maker); /* NULL is allowed */

/* One report, in any order. Refused, with `why`, and not counted: ERROR_FORMAT: none, or not signed
 * by its host; ERROR_NOT_FOUND: a host that the roster has not; ERROR_STATE: another release or
 * ring, or a second report of a host: the first one stays. */
RESULT promotion_maker_take(struct promotion_maker *maker, const void *data, size_t size,
                            struct explanation *why);

/* What is said, from the reports that were taken: hosts that ran it for less than `soak_s` and are
 * not bad are left out. `missing` hosts had to report and did not: they are bad. ERROR_STATE, with
 * `why`: there is nothing to say. */
RESULT promotion_maker_state(struct promotion_maker *maker, uint32_t missing, uint32_t soak_s,
                             uint32_t unsure_ppm, uint64_t made_s,
                             struct promotion *ret_promotion, struct explanation *why);

/* The whole file, of what was stated last; `out` has LIMIT_PROMOTION_BYTES. `roster_head` as its
 * owner signed it (ROSTER_BYTES). */
RESULT promotion_maker_write(struct promotion_maker *maker, const uint8_t *roster_head,
                             const struct ticket_signature *signatures, size_t count,
                             struct writer *writer, struct explanation *why);

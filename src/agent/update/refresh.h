// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What creance-updater does with what arrives, once in a while: metadata (TUF), the public log,
 * halts, and the newest release of each stream with its ticket and proof. No network: files are
 * asked for through a seam, and anything may come for them.
 *
 * Nothing is an end. What was refused, expired or not to be had is in the report; what was believed
 * before stays believed. A release is copied into memory and sealed before its hash is looked at;
 * only one whose hash TUF vouches for and that the log holds is offered, and the offer says how
 * long it is proven to be in the log.
 *
 * Where the trust anchors say who may promote, `NAME.promotion` and `NAME.roster-proof` are looked
 * at, too: the whole of promotion_check(), and that the roster was in the log before the release.
 *
 * The clock that TUF's dates are compared with is the wall clock, but never earlier than the newest
 * time that a quorum of witnesses said: a clock that was set back revives no old metadata.
 */
#include "agent/update/line.h"
#include "agent/update/trust.h"
#include "update/lifecycle/halts.h"
#include "update/tuf/client.h"

/* How it stands with the public log; words in update_words.def. */
enum refresh_log { REFRESH_LOG_UNKNOWN, REFRESH_LOG_GOOD, REFRESH_LOG_UNAVAILABLE,
                   REFRESH_LOG_REFUSED };

struct refresh_report {
    enum tuf_outcome tuf;
    enum tuf_refusal refusal;
    enum refresh_log log;
    uint64_t log_size, log_current_at_s; /* of the newest believed checkpoint */
    uint32_t not_had;                    /* files that were not to be had in this round */
    uint32_t unnamed;                    /* streams of which the repository names no release */
    uint32_t refused;                    /* things that came and were not believed */
    struct explanation why;              /* the first thing that was wrong; "" */
};

struct refresh_offer {
    unsigned stream;
    const uint8_t *ticket; /* TICKET_BYTES */
    int sealed;            /* stays the refresh's */
    uint32_t log_age_s;
    uint32_t healthy_rings; /* shown to be well with it, as bits */
    struct bytes promotion; /* the file that shows it (promotion.h); size 0: no ring is */
};

struct refresh_seams {
    /* A file into `out`. ERROR_NOT_FOUND: the server has none. ERROR_LIMIT: it is larger than
     * `capacity`. Anything else: it was not to be had, with `why`. */
    struct result (*fetch)(void *context, enum line_place place, const char *name, void *out,
                           size_t capacity, size_t *ret_size, struct explanation *why);
    void (*offer)(void *context, const struct refresh_offer *offer);
    void (*halts)(void *context, const struct halt_news *news);
    void *context;
};

struct refresh;

/* `folder` keeps the newest checkpoint, `store` the metadata. `trust` and both must outlive it.
 * Fails, with `why`, where the trust anchors cannot be used: no root, no policy of the log. */
RESULT refresh_new(const struct trust *trust, const struct tuf_store *store, int folder,
                   const struct refresh_seams *seams, struct refresh **ret_refresh,
                   struct explanation *why);
void refresh_free(struct refresh *refresh); /* NULL is allowed */

/* One round; wall_s is the wall clock. */
void refresh_run(struct refresh *refresh, uint64_t wall_s, struct refresh_report *ret_report);

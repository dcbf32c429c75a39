// SPDX-License-Identifier: Apache-2.0
/*
 * creance-ticket: checks one release ticket against the release keys of its stream, and evidence
 * that rings are well with that release, and says what it found. It lives for one ticket, reads
 * sealed memory, and parses no format but our own of fixed places (update/ticket, promotion.h). So
 * neither is believed because the updater says so. Whether the roster was in the log in time is
 * left to the updater, which knows the log.
 */
#include "agent/child.h"
#include "agent/update/trust.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/sandbox.h"
#include "rollout/promotion.h"
#include "update/slots/sealed_memory.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

static RESULT read_sealed(int fd, size_t size, struct bytes *ret_view)
{
    if (fd < 0)
        return result_fail(ERROR_NOT_FOUND);
    GUARD(sealed_memory_map(fd, size, ret_view));
    return ret_view->size == size ? RESULT_OK : result_fail(ERROR_FORMAT);
}

static RESULT check(const struct child *child, struct ticket *ret_ticket, struct explanation *why)
{
    struct bytes ticket, record;
    struct release_keys keys;
    struct result result = read_sealed(child->grants[GRANT_ticket_keys], TRUST_KEYS_BYTES, &record);
    if (result_is_ok(result))
        result = trust_keys_decode(record, &keys);
    if (result_is_ok(result))
        result = read_sealed(child->grants[GRANT_ticket], TICKET_BYTES, &ticket);
    if (!result_is_ok(result))
        return explain(why, result.error, "it was not handed what it needs");
    return ticket_check(ticket.data, ticket.size, &keys, ret_ticket, why);
}

/* Rings that are shown to be well with the release; 0 also where there is nothing to show it. */
static uint32_t healthy_rings(const struct child *child, const struct ticket *ticket)
{
    struct promotion_demand demand = promotion_demand_default();
    struct promotion_proof proof;
    struct explanation why = {""};
    struct bytes keys = {0}, promotion = {0};
    if (child->grants[GRANT_promotion] < 0 || child->grants[GRANT_evidence_keys] < 0)
        return 0;
    struct result result =
        read_sealed(child->grants[GRANT_evidence_keys], TRUST_EVIDENCE_KEYS_BYTES, &keys);
    if (result_is_ok(result))
        result = trust_evidence_keys_decode(keys, &demand.promoters, &demand.owners);
    if (result_is_ok(result))
        result = sealed_memory_map(child->grants[GRANT_promotion], LIMIT_PROMOTION_BYTES,
                                   &promotion);
    if (result_is_ok(result))
        result = promotion_check(promotion.data, promotion.size, &demand, ticket->digest,
                                 clock_wall_ns(clock_system()) / NS_PER_S, &proof, &why);
    if (result_is_ok(result))
        return promotion_healthy_rings(&proof.promotion);
    fprintf(stderr, "creance-ticket: %s\n",
            why.text[0] != '\0' ? why.text : "evidence was not handed over as it should be");
    return 0;
}

static struct message verdict_of(const struct ticket *ticket, uint32_t rings)
{
    uint64_t words[8];
    bytes_copy(words, sizeof words, ticket->digest, sizeof ticket->digest);
    bytes_copy(words + 4, sizeof words / 2, ticket->name, sizeof ticket->name);
    return (struct message){
        .type = MESSAGE_verdict,
        .fd = -1,
        .verdict = {.is_good = 1,
                    .healthy_rings = rings,
                    .kind = ticket->kind,
                    .engine_level = ticket->engine_level,
                    .is_urgent = ticket->is_urgent,
                    .has_removals = ticket->has_removals,
                    .version = ticket->version,
                    .size = ticket->size,
                    .digest_1 = words[0], .digest_2 = words[1],
                    .digest_3 = words[2], .digest_4 = words[3],
                    .name_1 = words[4], .name_2 = words[5],
                    .name_3 = words[6], .name_4 = words[7]},
    };
}

int main(void)
{
    static struct child child;
    struct explanation why = {""};
    const struct sandbox_profile profile = {.name = "creance-ticket"};
    fault_plant();
    child_start(&child, ROLE_ticket);
    if (!result_is_ok(sandbox_enter(&profile, &why))) {
        fprintf(stderr, "creance-ticket: %s\n", why.text);
        return EXIT_FAILURE;
    }
    child_ready(&child);
    while (fault_is_planted(FAULT_TICKET_HANGS))
        (void)poll(NULL, 0, 1000);
    if (fault_is_planted(FAULT_TICKET_CRASHES))
        abort();
    struct ticket ticket = {0};
    struct message message = {.type = MESSAGE_verdict, .fd = -1};
    if (result_is_ok(check(&child, &ticket, &why)))
        message = verdict_of(&ticket, healthy_rings(&child, &ticket));
    else
        fprintf(stderr, "creance-ticket: %s\n", why.text);
    return result_is_ok(child_send(&child, &message)) ? EXIT_SUCCESS : EXIT_FAILURE;
}

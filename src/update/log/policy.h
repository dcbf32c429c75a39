// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Whom one believes: C2SP tlog-policy. A text file that names logs, witnesses, groups of witnesses
 * and the quorum:
 *
 *     log VKEY [URL]
 *     witness NAME VKEY [URL]
 *     group NAME all|any|K MEMBER...
 *     quorum NAME|none
 *
 * On a host it is root's file and a trust anchor: it never arrives by the update road.
 *
 * Stricter than the specification in one point: keys of logs are of type Ed25519 (0x01) and those
 * of witnesses of type cosignature (0x04), the only ones that we verify. Pure, but for memory.
 */
#include "update/log/note.h"

struct tlog_policy;

/* ERROR_FORMAT, ERROR_LIMIT, ERROR_UNSUPPORTED (a key of another type), with `why` naming the
 * line; ERROR_MEMORY. `text` need not outlive the result. */
RESULT tlog_policy_parse(struct bytes text, struct tlog_policy **ret_policy,
                         struct explanation *why);
void tlog_policy_free(struct tlog_policy *policy); /* NULL is allowed */

struct tlog_policy_party {
    char name[LIMIT_KEY_NAME_BYTES]; /* of a witness, within the policy; "" for logs */
    struct note_key key;
    char url[LIMIT_URL_BYTES]; /* "" where none is given; has no slash at its end */
};

size_t tlog_policy_log_count(const struct tlog_policy *policy);
const struct tlog_policy_party *tlog_policy_log(const struct tlog_policy *policy, size_t index);
/* The next log line with this origin (its key's name), from *at on, which moves behind it; NULL
 * where there is none more. A log that changes its key has several. */
const struct tlog_policy_party *tlog_policy_next_log(const struct tlog_policy *policy,
                                                     struct bytes origin, size_t *at);
/* The key of that log which signed this note: ERROR_UNSUPPORTED: the policy has no such log;
 * ERROR_STATE: none of its keys signed; ERROR_FORMAT: a signature of one of them is false. */
RESULT tlog_policy_find_signer(const struct tlog_policy *policy, const struct note *note,
                               struct bytes origin, const struct tlog_policy_party **ret_log,
                               struct explanation *why);

size_t tlog_policy_witness_count(const struct tlog_policy *policy);
const struct tlog_policy_party *tlog_policy_witness(const struct tlog_policy *policy, size_t index);

/* Bit i: witness i cosigned. */
bool tlog_policy_is_quorum(const struct tlog_policy *policy, uint32_t witnesses);
/* `quorum none`: a checkpoint needs no cosignature, and no time is ever proven. */
bool tlog_policy_needs_nobody(const struct tlog_policy *policy);

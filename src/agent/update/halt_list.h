// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A partner's list of halts as it lies on a web server, `halts/PARTNER`: a signed note (C2SP) whose
 * text is
 *
 *     creance-halts/v1
 *     partner vendor
 *     number 12              grows with each list
 *     lifetime 86400         seconds after a host first had it, at most a week
 *     halt DIGEST            zero or more; SHA-256 of a release in hexadecimal
 *     lift DIGEST            of one that others halt
 *
 * signed by the key that the host's trust anchors name for that partner. Pure.
 */
#include "agent/update/trust.h"
#include "update/lifecycle/halts.h"

enum { HALT_LIST_BYTES = 16 * KIB };

/* ERROR_FORMAT, ERROR_LIMIT, ERROR_NOT_FOUND (the partner did not sign it), with `why`. */
RESULT halt_list_read(struct bytes note, const struct trust_partner *partner, uint8_t place,
                      struct halt_news *ret_news, struct explanation *why);

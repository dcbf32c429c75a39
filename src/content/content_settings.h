// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What bundles of kind policy and probes say: YAML, to be read in a sandbox. What hosts do with it
 * passes on as ids of rules and as a set of fixed size.
 *
 *     policy/x.yml     disabled: [ID...]     ids of rules that are not evaluated
 *     probes/x.yml     probes: [NAME...]     the eBPF probes that are loaded; all others are not
 */
#include "content/bundle.h"
#include "sensor/probe_set.h"

/* Called for each id of the policy. A failure ends the reading. */
typedef struct result content_take_id(void *context, const char *id, struct explanation *why);

/* ERROR_FORMAT, ERROR_LIMIT, with `why` naming file and line; what `take` gave. */
RESULT content_policy_read(const struct bundle *bundle, content_take_id *take, void *context,
                           struct explanation *why);

/* Switches the rules of the policy off, but those that are exempt (NULL: none is). *ret_unknown are
 * ids that no loaded rule has. */
RESULT content_policy_apply(const struct bundle *bundle, struct engine *engine,
                            bool (*is_exempt)(const struct engine_rule *rule),
                            size_t *ret_off, size_t *ret_unknown, struct explanation *why);

/* ERROR_UNSUPPORTED, with `why`: a probe that this version
 * does not have. An empty set is refused: it would make the host blind. */
RESULT content_probes_read(const struct bundle *bundle, struct probe_set *ret_probes,
                           struct explanation *why);

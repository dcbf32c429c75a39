// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What an engine loads: the pack of this host's rule folders (files "vendor/..." and "local/...")
 * and what the releases bring: rules instead of the vendor's, with the program's own tripwires
 * ("factory/..."); exceptions and indicators beside whatever rules there are. The administrator's
 * own rules and exceptions are in force with whatever releases run. Reads bytes that nobody
 * vouches for; runs in the engine's sandbox.
 */
#include "agent/release_set.h"
#include "engine/engine.h"

/*
 * On RESULT_OK the pack to load is in *ret_pack, to be freed by the caller. `is_trial`: with the
 * tripwires in any case, so that a trial can see whether they still fire. ERROR_FORMAT,
 * ERROR_LIMIT, ERROR_UNSUPPORTED, ERROR_MEMORY with `why`.
 */
RESULT engine_sources_join(const struct release_set *set, bool is_trial, struct bytes pack,
                           uint8_t **ret_pack, size_t *ret_size, struct explanation *why);

/* What would be in force beside a release that brings nothing: the local files and the tripwires.
 * The same errors. */
RESULT engine_sources_local(struct bytes pack, uint8_t **ret_pack, size_t *ret_size,
                            struct explanation *why);

/* Switches off what the set's policy says, in an engine that loaded the joined pack: never one of
 * the administrator's rules, and no tripwire. *ret_off: how many rules are off by it. ERROR_FORMAT,
 * ERROR_LIMIT, with `why`. */
RESULT engine_sources_apply_policy(const struct release_set *set, struct engine *engine,
                                   size_t *ret_off, struct explanation *why);

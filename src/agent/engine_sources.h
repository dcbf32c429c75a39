// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What an engine loads: the pack of this host's rule folders (files "vendor/..." and "local/...")
 * and, where a release runs, its detections instead of the vendor's, with the program's own
 * tripwires. The administrator's own rules
 * and exceptions are in force with whatever release runs. Reads bytes that nobody vouches for; runs
 * in the engine's sandbox.
 */
#include "base/reader.h"

/*
 * `release`: a bundle, whole; size 0: none, then the pack is taken as it is. On RESULT_OK the pack
 * to load is in *ret_pack, to be freed by the caller. ERROR_FORMAT, ERROR_LIMIT, ERROR_UNSUPPORTED,
 * ERROR_MEMORY with `why`.
 */
RESULT engine_sources_join(struct bytes release, struct bytes pack, uint8_t **ret_pack,
                           size_t *ret_size, struct explanation *why);

/* What would be in force beside a release that brings nothing: the local files and the tripwires.
 * The same errors. */
RESULT engine_sources_local(struct bytes pack, uint8_t **ret_pack, size_t *ret_size,
                            struct explanation *why);

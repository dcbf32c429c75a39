// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * From a folder of sources to a bundle. Reading the folder and parsing what was read are two steps,
 * for two processes: the one that may open files parses nothing.
 *
 * Only content.yaml and the folders of docs/format-content.md are read; every other entry of the
 * folder must be named under "ignore", so that nothing is left out in silence. Links, devices and
 * names that do not travel well fail the build. Times, owners and modes do not get in: the same
 * sources give the same bytes.
 */
#include "content/bundle_manifest.h"

struct bundle_sources;

/* Fails, with `why` naming the file. */
RESULT bundle_sources_read(const char *folder, struct bundle_sources **ret_sources,
                           struct explanation *why);
void bundle_sources_free(struct bundle_sources *sources); /* NULL is allowed */

/* The whole bundle; free() it. ERROR_FORMAT, ERROR_LIMIT, with `why` naming file and, in the
 * manifest, the line. */
RESULT bundle_build(const struct bundle_sources *sources, uint8_t **ret_data, size_t *ret_size,
                    struct explanation *why);

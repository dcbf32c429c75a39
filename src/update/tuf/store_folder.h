// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Trusted metadata in a folder, a file each. A file is written under another name, synced, renamed
 * and its folder synced before save() returns: after a power cut there is the whole old file or the
 * whole new one. One process at a time writes a folder.
 */
#include "update/tuf/client.h"

/* For `folder`, an open descriptor that must outlive the store; it stays the caller's. */
struct tuf_store tuf_store_folder(const int *folder);

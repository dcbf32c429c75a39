// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Releases and the update state on disk, such that a power cut at any instruction, a full disk or
 * wrong permissions lose nothing that a call has promised and tear nothing.
 *
 * One folder, root's own (0700), beside nothing else:
 *   state.0, state.1   the update state, in turns; the one with the higher generation counts. The
 *                      other is the one before, for a disk that forgets
 *   release-NAME       one release: a header (version, size, SHA-256) and its bytes
 *   reserve            blocks that are given up when the disk is full, so that going back and
 *                      counting boots can still be saved
 *   *.new              being written; means nothing, and is removed
 *
 * Every file is written as .new, synced, renamed, and the folder synced, in this order: when a
 * call returns RESULT_OK, what it wrote is on the disk; when it does not return, the old is there,
 * whole.
 * tests/e2e/power_cut.py shows it on block devices that forget (ext4, XFS, Btrfs).
 *
 * The checksums find damage, not forgery: who may write this folder is root. What runs from a slot
 * is copied into sealed memory first and hashed there (slots_read()).
 */
#include "base/disk.h"
#include "update/lifecycle/release_name.h"
#include "update/slots/update_state.h"

enum { RELEASE_DIGEST_BYTES = 32 };

struct release_digest {
    uint8_t bytes[RELEASE_DIGEST_BYTES];
};

struct slots {
    const struct disk *disk;
    int folder;          /* stays the caller's */
    uint64_t generation; /* of the state that was read or written last */
};

/* What a slot says of its release. */
struct slot_release {
    struct release_digest digest;
    uint64_t version;
    uint64_t size;
};

/* The name under which the lifecycle knows it. */
struct release_name release_name_of(const struct release_digest *digest);

/* Looks at the folder and removes what was being written. ERROR_STATE where others may write there
 * (`why` says what to do); the caller then runs its factory set. */
RESULT slots_open(struct slots *slots, const struct disk *disk, int folder,
                  struct explanation *why);

/* ERROR_NOT_FOUND: nothing was ever saved here. ERROR_FORMAT: it is damaged, in both copies; start
 * with lifecycle_init() and slots_highest_version(). *ret_is_damaged: one copy is; the state may be
 * the one before the last, and people should know. */
RESULT slots_load_state(struct slots *slots, struct update_state *ret_state, bool *ret_is_damaged,
                        struct explanation *why);

/* On RESULT_OK it is on the disk. On failure the state before is, and what follows from the new one
 * must not be done. */
RESULT slots_save_state(struct slots *slots, const struct update_state *state,
                        struct explanation *why);

/* Writes a release from sealed memory into its slot; nothing to do where it is there, whole.
 * ERROR_FORMAT where the memory does not have this digest, ERROR_STATE where it is not sealed. */
RESULT slots_stage(struct slots *slots, const struct release_digest *digest, uint64_t version,
                   int sealed, struct explanation *why);

/* Copies a release into new sealed memory, then hashes it there. *ret_sealed is the caller's to
 * close. ERROR_NOT_FOUND; ERROR_FORMAT where it is damaged. */
RESULT slots_read(const struct slots *slots, struct release_name name,
                  struct slot_release *ret_release, int *ret_sealed, struct explanation *why);

/* Removes releases that no stream of the state names. A failure to remove is no failure. */
RESULT slots_sweep(struct slots *slots, const struct update_state *state, struct explanation *why);

/* The highest version that a whole header in the folder names; 0: none. Where the state was lost,
 * nothing below it may become active again. */
RESULT slots_highest_version(const struct slots *slots, uint64_t *ret_version);

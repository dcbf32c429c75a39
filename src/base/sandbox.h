// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The sandbox that a process puts around itself before it reads its first outside byte:
 * no_new_privs, Landlock (where the kernel has it) and a seccomp allow list. It is on in every
 * build, the sanitized one too.
 *
 * A system call that is not on the list fails with EPERM and is not fatal: a libc that tries
 * something new must not turn into a crash loop on a customer's host. What is missing from a
 * kernel is reported, never assumed: see sandbox_describe().
 */
#include "base/result.h"

/* What a process may do beyond computing on memory that it has, reading, writing and polling
 * descriptors that it has, and receiving descriptors. */
enum sandbox_allow {
    SANDBOX_ALLOW_READ_FILES = 1 << 0, /* open for reading beneath the given folders */
    SANDBOX_ALLOW_WRITE_FILES = 1 << 1, /* create, write, rename, delete beneath those folders */
    SANDBOX_ALLOW_ACCEPT = 1 << 2,      /* accept on a listening socket that it has */
    SANDBOX_ALLOW_NETWORK = 1 << 3,     /* connect to others, and threads that look up names */
};

struct sandbox_folder {
    int fd;             /* a descriptor of the folder (O_PATH is enough); -1: `path` is used */
    const char *path;   /* absolute; a folder that is absent is left out */
    unsigned allow;     /* SANDBOX_ALLOW_READ_FILES and _WRITE_FILES */
};

struct sandbox_profile {
    const char *name;
    unsigned allow;
    const struct sandbox_folder *folders;
    size_t folder_count;
};

/* Enters it for ever. Fails, with `why`, where seccomp cannot be had: the caller then ends. */
RESULT sandbox_enter(const struct sandbox_profile *profile, struct explanation *why);

/* Which parts hold in this process: "seccomp, landlock 4" or "seccomp, no landlock (ENOSYS)". */
const char *sandbox_describe(void);

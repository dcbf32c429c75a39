// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the verbs about the public log share: files that are handed in, and how a log is named.
 */
#include "cli/verb.h"
#include "update/log/fetch.h"
#include "update/log/log_folder.h"
#include "update/log/note_sign.h"
#include "update/log/policy.h"

struct tlog_file {
    uint8_t *data;
    size_t size;
};

/* A whole file of at most `limit` bytes; says what is wrong. */
enum cli_exit tlog_file_read(const char *path, size_t limit, struct tlog_file *ret_file);
void tlog_file_free(struct tlog_file *file);
static inline struct bytes tlog_file_bytes(const struct tlog_file *file)
{
    return (struct bytes){file->data, file->size};
}

bool tlog_file_begins_with(const struct tlog_file *file, const char *text);

/* Writes a file whole or not at all; `mode` are its permissions. Says what is wrong. */
enum cli_exit tlog_file_write(const char *path, const void *data, size_t size, unsigned mode);

/* The file of --policy. */
enum cli_exit tlog_policy_read(const char *path, struct tlog_policy **ret_policy);

/* "w0, w2": the names of these witnesses of the policy; cut where there is no room. */
void tlog_list_witnesses(const struct tlog_policy *policy, uint32_t witnesses, char *out,
                         size_t capacity);

/* A private key; one that others may read is refused. */
enum cli_exit tlog_signer_read(const char *path, struct note_signer **ret_signer);

/* A log to read: a folder, or a URL prefix. */
struct tlog_place {
    struct tlog_folder folder; /* fd -1: a URL */
    struct fetch_log remote;
    struct tlog_source source;
};
enum cli_exit tlog_place_open(const char *name, struct tlog_place *ret_place);
void tlog_place_close(struct tlog_place *place);

/* What is read may be anybody's: from here on this process can read files, write those of one
 * folder (NULL: none), and reach no network. For who asks nothing over the network. */
enum cli_exit tlog_enter_sandbox(const char *name, const char *writable_folder);

/* Ends a process that is in a sandbox, its output written: what libraries (and the leak checker of
 * tests) do at an orderly end is not allowed in there. */
__attribute__((noreturn)) void tlog_end_in_sandbox(const struct call *call, enum cli_exit code);

/* Says `why` and gives the exit code that goes with the result: what was judged is bad
 * (CLI_FINDING), what was handed in is unusable (CLI_INPUT), or something is missing. */
enum cli_exit tlog_failed(struct result result, const struct explanation *why);

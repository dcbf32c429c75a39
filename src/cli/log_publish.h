// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What `log append` and `log cosign` share: the signed checkpoint goes to the witnesses, and where
 * the policy holds, to the public.
 */
#include "cli/log_files.h"
#include "update/log/log_writer.h"

/* A log that is open for writing. */
struct tlog_opened {
    struct tlog_folder folder;
    struct tlog_source source;
    struct tlog_sink sink;
    struct tlog_writer *writer;
};

/* Says what is wrong. Nothing is open after a failure. */
enum cli_exit tlog_open(const char *path, const struct note_key *key, struct tlog_opened *ret_log);
void tlog_close(struct tlog_opened *log);

/* The policy names this very key as a log's. Says so where it does not. */
enum cli_exit tlog_policy_check(const struct tlog_policy *policy, const struct note_key *key);

/* Publishes the signed checkpoint, with the cosignatures of the policy's witnesses (NULL: without).
 * CLI_FINDING, said, where no quorum cosigned: what was published before stays so. */
enum cli_exit tlog_publish(const struct tlog_policy *policy, struct tlog_opened *log,
                           char *ret_witnesses, size_t capacity);

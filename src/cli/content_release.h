// SPDX-License-Identifier: Apache-2.0
#pragma once
/* A bundle with its ticket beside it (FILE.ticket), for the verbs that sign and publish. */
#include "cli/verb.h"
#include "content/bundle.h"
#include "update/ticket/ticket.h"

struct content_release {
    const char *path;
    uint8_t *data;
    size_t size;
    struct bundle bundle;
    uint8_t digest[TICKET_DIGEST_BYTES];
    char digest_hex[2 * TICKET_DIGEST_BYTES + 1];

    char ticket_path[LIMIT_PATH_BYTES];
    bool has_ticket;
    uint8_t ticket_bytes[TICKET_BYTES];
    struct ticket ticket;
    struct ticket_signature signatures[TICKET_SIGNATURES_MAX];
    size_t signature_count;
};

/* Reads both; a ticket that is not about this very bundle is CLI_INPUT. Says what is wrong. Close
 * it in any case. */
enum cli_exit content_release_read(const char *path, struct content_release *ret_release);
void content_release_close(struct content_release *release);

/* What a ticket about it says, without flags. */
struct ticket content_release_ticket(const struct content_release *release);

// SPDX-License-Identifier: Apache-2.0
#include "cli/content_release.h"

#include "base/bytes.h"
#include "cli/content_files.h"

#include <sha256.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static_assert((int)BUNDLE_NAME_BYTES == (int)TICKET_NAME_BYTES, "a ticket names a bundle");

struct ticket content_release_ticket(const struct content_release *release)
{
    const struct bundle_facts *facts = &release->bundle.facts;
    struct ticket ticket = {.kind = facts->kind, .engine_level = facts->engine_level,
                            .version = facts->version, .size = release->size};
    bytes_copy(ticket.digest, sizeof ticket.digest, release->digest, sizeof release->digest);
    (void)string_copy(ticket.name, sizeof ticket.name, facts->name);
    return ticket;
}

/* Facts are compared in the form in which they are signed. */
static bool is_about(const struct content_release *release)
{
    struct ticket expected = content_release_ticket(release);
    uint8_t messages[2][TICKET_MESSAGE_BYTES];
    expected.is_urgent = release->ticket.is_urgent;
    expected.has_removals = release->ticket.has_removals;
    return result_is_ok(ticket_message(&expected, messages[0], NULL))
           && result_is_ok(ticket_message(&release->ticket, messages[1], NULL))
           && memcmp(messages[0], messages[1], TICKET_MESSAGE_BYTES) == 0;
}

static enum cli_exit read_ticket(struct content_release *release)
{
    uint8_t *data = NULL;
    size_t size;
    struct explanation why;
    if (!string_format(release->ticket_path, sizeof release->ticket_path, "%s.ticket",
                       release->path)) {
        verb_error("%s: the path is too long", release->path);
        return CLI_INPUT;
    }
    if (access(release->ticket_path, F_OK) != 0 && errno == ENOENT)
        return CLI_GOOD;
    enum cli_exit code = content_read_file(release->ticket_path, TICKET_BYTES, &data, &size);
    if (code != CLI_GOOD)
        return code;
    release->has_ticket = true;
    struct result result = ticket_decode(data, size, &release->ticket, release->signatures,
                                         &release->signature_count, &why);
    if (result_is_ok(result))
        bytes_copy(release->ticket_bytes, TICKET_BYTES, data, size);
    free(data);
    if (result_is_ok(result) && is_about(release))
        return CLI_GOOD;
    verb_error("%s: %s", release->ticket_path,
               result_is_ok(result) ? "it is about another release: remove it to begin anew"
                                    : why.text);
    return CLI_INPUT;
}

enum cli_exit content_release_read(const char *path, struct content_release *ret_release)
{
    struct explanation why;
    SHA2_CTX context;
    *ret_release = (struct content_release){.path = path};
    enum cli_exit code =
        content_read_file(path, LIMIT_BUNDLE_BYTES, &ret_release->data, &ret_release->size);
    if (code != CLI_GOOD)
        return code;
    if (!result_is_ok(bundle_open(ret_release->data, ret_release->size, &ret_release->bundle,
                                  &why))) {
        verb_error("%s: %s", path, why.text);
        return CLI_INPUT;
    }
    SHA256Init(&context);
    SHA256Update(&context, ret_release->data, ret_release->size);
    SHA256Final(ret_release->digest, &context);
    hex_encode(ret_release->digest, sizeof ret_release->digest, ret_release->digest_hex);
    return read_ticket(ret_release);
}

void content_release_close(struct content_release *release) { free(release->data); }

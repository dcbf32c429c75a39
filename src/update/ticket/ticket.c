// SPDX-License-Identifier: Apache-2.0
#include "update/ticket/ticket.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "base/reader.h"
#include "update/ticket/places.h"

#include <string.h>

#define WHAT "release ticket"

static const char MAGIC[8] = {'C', 'R', 'E', 'T', 'I', 'C', 'K', '1'};
enum {
    FLAG_URGENT = 1 << 0,
    FLAG_REMOVES = 1 << 1,
    RESERVED_BYTES = 28,
};

static_assert(sizeof TICKET_DOMAIN == 32, "a ticket's message has a fixed size");
static_assert(TICKET_BODY_BYTES + PLACES_BYTES == (int)TICKET_BYTES, "a ticket is these two");
static_assert(sizeof MAGIC + 2 * sizeof(uint32_t) + 2 * sizeof(uint64_t) + TICKET_DIGEST_BYTES
                      + TICKET_NAME_BYTES + sizeof(uint32_t) + RESERVED_BYTES
                  == TICKET_BODY_BYTES,
              "the fields of a ticket fill its body");

bool ticket_name_is_valid(const char *name)
{
    size_t size = strnlen(name, TICKET_NAME_BYTES);
    if (size == 0 || size == TICKET_NAME_BYTES || name[0] == '.' || name[0] == '-')
        return false;
    for (size_t i = 0; i < size; i++) {
        char letter = name[i];
        if (!(letter >= 'a' && letter <= 'z') && !(letter >= '0' && letter <= '9')
            && letter != '.' && letter != '_' && letter != '-')
            return false;
    }
    return true;
}

/* What holds for every ticket, whoever wrote it. */
static RESULT check_facts(const struct ticket *ticket, struct explanation *why)
{
    if (!ticket_name_is_valid(ticket->name))
        return explain(why, ERROR_FORMAT,
                       "the name of the stream must be 1 to %d of a to z, 0 to 9, \".\", \"_\" and "
                       "\"-\", and begin with a letter, a digit or \"_\"",
                       TICKET_NAME_BYTES - 1);
    if (ticket->version == 0 || ticket->size == 0 || ticket->kind == 0)
        return explain(why, ERROR_FORMAT, "version, size and kind of a release are never 0");
    return RESULT_OK;
}

static RESULT write_body(const struct ticket *ticket, struct writer *writer)
{
    static const uint8_t ZEROS[TICKET_NAME_BYTES + RESERVED_BYTES];
    size_t name_size = strlen(ticket->name);
    GUARD(writer_copy(writer, MAGIC, sizeof MAGIC));
    GUARD(writer_u32(writer, ticket->kind));
    GUARD(writer_u32(writer, (ticket->is_urgent ? FLAG_URGENT : 0u)
                                 | (ticket->has_removals ? FLAG_REMOVES : 0u)));
    GUARD(writer_u64(writer, ticket->version));
    GUARD(writer_u64(writer, ticket->size));
    GUARD(writer_copy(writer, ticket->digest, sizeof ticket->digest));
    GUARD(writer_copy(writer, ticket->name, name_size));
    GUARD(writer_copy(writer, ZEROS, TICKET_NAME_BYTES - name_size));
    GUARD(writer_u32(writer, ticket->engine_level));
    return writer_copy(writer, ZEROS, RESERVED_BYTES);
}

RESULT ticket_message(const struct ticket *ticket, uint8_t out[TICKET_MESSAGE_BYTES],
                      struct explanation *why)
{
    GUARD(check_facts(ticket, why));
    struct writer writer = writer_of(out, TICKET_MESSAGE_BYTES);
    GUARD(writer_copy(&writer, TICKET_DOMAIN, sizeof TICKET_DOMAIN));
    return write_body(ticket, &writer);
}

RESULT ticket_encode(const struct ticket *ticket, const struct ticket_signature *signatures,
                     size_t count, uint8_t out[TICKET_BYTES], struct explanation *why)
{
    GUARD(check_facts(ticket, why));
    struct writer writer = writer_of(out, TICKET_BYTES);
    GUARD(write_body(ticket, &writer));
    return places_write(&writer, signatures, count, WHAT, why);
}

static RESULT read_body(struct reader *reader, struct ticket *ticket, struct explanation *why)
{
    struct bytes magic, reserved;
    uint32_t flags;
    GUARD(reader_view(reader, sizeof MAGIC, &magic));
    if (memcmp(magic.data, MAGIC, sizeof MAGIC) != 0)
        return explain(why, ERROR_FORMAT, "this is no release ticket: it does not begin with %.8s",
                       MAGIC);
    GUARD(reader_u32(reader, &ticket->kind));
    GUARD(reader_u32(reader, &flags));
    GUARD(reader_u64(reader, &ticket->version));
    GUARD(reader_u64(reader, &ticket->size));
    GUARD(reader_copy(reader, ticket->digest, sizeof ticket->digest));
    GUARD(reader_copy(reader, ticket->name, sizeof ticket->name));
    GUARD(reader_u32(reader, &ticket->engine_level));
    GUARD(reader_view(reader, RESERVED_BYTES, &reserved));
    GUARD(check_facts(ticket, why));
    size_t name_size = strlen(ticket->name);
    struct bytes rest = {(const uint8_t *)ticket->name + name_size, TICKET_NAME_BYTES - name_size};
    if (!places_is_zero(rest) || !places_is_zero(reserved)
        || (flags & ~(FLAG_URGENT | FLAG_REMOVES)) != 0)
        return explain(why, ERROR_FORMAT,
                       "the release ticket says something that this version does not know");
    ticket->is_urgent = (flags & FLAG_URGENT) != 0;
    ticket->has_removals = (flags & FLAG_REMOVES) != 0;
    return RESULT_OK;
}

static RESULT decode(const void *data, size_t size, struct ticket *ticket,
                     struct ticket_signature signatures[TICKET_SIGNATURES_MAX], size_t *ret_count,
                     struct explanation *why)
{
    if (size != TICKET_BYTES)
        return explain(why, ERROR_FORMAT, "a release ticket has %d bytes, this has %zu",
                       TICKET_BYTES, size);
    struct reader reader = reader_of(data, size);
    GUARD(read_body(&reader, ticket, why));
    GUARD(places_read(&reader, signatures, ret_count, WHAT, why));
    return reader_end(&reader);
}

RESULT ticket_decode(const void *data, size_t size, struct ticket *ret_ticket,
                     struct ticket_signature ret_signatures[TICKET_SIGNATURES_MAX],
                     size_t *ret_count, struct explanation *why)
{
    struct ticket ticket = {0};
    struct ticket_signature signatures[TICKET_SIGNATURES_MAX] = {0};
    size_t count = 0;
    GUARD(decode(data, size, &ticket, signatures, &count, why));
    if (ret_signatures != NULL)
        bytes_copy(ret_signatures, sizeof signatures, signatures, sizeof signatures);
    *ret_ticket = ticket;
    *ret_count = count;
    return RESULT_OK;
}

RESULT ticket_check(const void *data, size_t size, const struct release_keys *keys,
                    struct ticket *ret_ticket, struct explanation *why)
{
    struct ticket ticket;
    struct ticket_signature signatures[TICKET_SIGNATURES_MAX];
    uint8_t message[TICKET_MESSAGE_BYTES];
    size_t count;
    GUARD(release_keys_check(keys, why));
    GUARD(ticket_decode(data, size, &ticket, signatures, &count, why));
    GUARD(ticket_message(&ticket, message, why));
    unsigned signers;
    GUARD(places_count_signers(signatures, count, keys, (struct bytes){message, sizeof message},
                               WHAT, &signers, why));
    if (signers < (fault_is_planted(FAULT_TICKET_ONE_KEY) ? 1 : keys->threshold))
        return explain(why, ERROR_STATE,
                       "the release ticket is signed by %u keys of this host, %u are needed",
                       signers, keys->threshold);
    *ret_ticket = ticket;
    return RESULT_OK;
}

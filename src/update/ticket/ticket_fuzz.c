// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a ticket: what can be read is written back as the same bytes, and nothing that
 * nobody signed passes. Any bytes as a file of keys.
 */
#include "update/ticket/ticket.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* The key of the seed 1, 0, 0, ...; nobody signed anything with it. */
    static const struct release_keys KEYS = {
        .threshold = 1,
        .count = 1,
        .keys = {{0xce, 0xcc, 0x15, 0x07, 0xdc, 0x1d, 0xdd, 0x72, 0x95, 0x95, 0x1c,
                  0x29, 0x08, 0x88, 0xf0, 0x95, 0xad, 0xb9, 0x04, 0x4d, 0x1b, 0x73,
                  0xd6, 0x96, 0xe6, 0xdf, 0x06, 0x5d, 0x68, 0x3b, 0xd4, 0xfc}}};
    struct ticket ticket;
    struct ticket_signature signatures[TICKET_SIGNATURES_MAX];
    size_t count;
    struct explanation why = {""};
    if (result_is_ok(ticket_decode(data, size, &ticket, signatures, &count, &why))) {
        uint8_t again[TICKET_BYTES];
        require(result_is_ok(ticket_encode(&ticket, signatures, count, again, NULL)));
        require(memcmp(again, data, TICKET_BYTES) == 0);
    } else {
        require(*why.text != '\0');
    }
    require(!result_is_ok(ticket_check(data, size, &KEYS, &ticket, &why)));
    struct release_keys keys;
    if (result_is_ok(release_keys_parse((const char *)data, size, &keys, &why)))
        require(result_is_ok(release_keys_check(&keys, NULL)));
    return 0;
}

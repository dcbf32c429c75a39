// SPDX-License-Identifier: Apache-2.0
#include "sim/seal.h"

#include "base/bytes.h"
#include "content/bundle_kind.h"
#include "sim/random.h"
#include "update/signature/sign.h"
#include "update/ticket/ticket.h"

#include <stdlib.h>

enum answer { UNKNOWN, HOLDS, FALSE };

struct seal {
    uint64_t seed, verified;
    uint32_t real_hosts;
    struct private_key *signers[SEAL_KEYS];
    struct release_keys keys;
    uint8_t tickets[SEAL_RELEASES_MAX][TICKET_BYTES];
    uint8_t answers[SEAL_RELEASES_MAX]; /* enum answer */
};

static void fill(uint64_t seed, unsigned number, uint8_t out[32])
{
    for (unsigned word = 0; word < 4; word++) {
        uint64_t random = sim_random(seed, number, SIM_WORLD, word);
        bytes_copy(out + 8 * word, 32 - 8 * word, &random, sizeof random);
    }
}

RESULT seal_open(uint64_t seed, uint32_t real_hosts, struct seal **ret_seal,
                 struct explanation *why)
{
    struct seal *seal = calloc(1, sizeof *seal);
    if (seal == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    seal->seed = seed;
    seal->real_hosts = real_hosts;
    seal->keys = (struct release_keys){.threshold = SEAL_THRESHOLD, .count = SEAL_KEYS};
    struct result result = RESULT_OK;
    for (unsigned i = 0; i < SEAL_KEYS && result_is_ok(result); i++) {
        uint8_t secret[ED25519_KEY_BYTES];
        fill(seed, 1000 + i, secret);
        result = private_key_from_ed25519(secret, &seal->signers[i], why);
        if (result_is_ok(result))
            result = public_key_to_ed25519(private_key_public(seal->signers[i]),
                                           seal->keys.keys[i], why);
    }
    if (!result_is_ok(result)) {
        seal_close(seal);
        return result;
    }
    *ret_seal = seal;
    return RESULT_OK;
}

void seal_close(struct seal *seal)
{
    if (seal == NULL)
        return;
    for (unsigned i = 0; i < SEAL_KEYS; i++)
        private_key_free(seal->signers[i]);
    free(seal);
}

RESULT seal_sign(struct seal *seal, unsigned number, unsigned keys, uint8_t name[16],
                 struct explanation *why)
{
    struct ticket ticket = {
        .kind = BUNDLE_RULES, .engine_level = 1, .version = number, .size = 1000, .name = "rules"};
    struct ticket_signature signatures[SEAL_KEYS];
    uint8_t message[TICKET_MESSAGE_BYTES];
    fill(seal->seed, number, ticket.digest);
    bytes_copy(name, 16, ticket.digest, 16);
    GUARD(ticket_message(&ticket, message, why));
    for (unsigned i = 0; i < keys && i < SEAL_KEYS; i++) {
        uint8_t signature[SIGNATURE_BYTES_MAX];
        size_t size;
        GUARD(private_key_sign(seal->signers[i], message, sizeof message, signature, &size, why));
        bytes_copy(signatures[i].signature, sizeof signatures[i].signature, signature, size);
        bytes_copy(signatures[i].key, sizeof signatures[i].key, seal->keys.keys[i],
                   sizeof seal->keys.keys[i]);
    }
    return ticket_encode(&ticket, signatures, keys < SEAL_KEYS ? keys : SEAL_KEYS,
                         seal->tickets[number], why);
}

bool seal_holds(struct seal *seal, uint32_t host, unsigned number)
{
    if (host >= seal->real_hosts && seal->answers[number] != UNKNOWN)
        return seal->answers[number] == HOLDS;
    struct ticket ticket;
    bool holds = result_is_ok(ticket_check(seal->tickets[number], TICKET_BYTES, &seal->keys,
                                           &ticket, NULL));
    seal->verified++;
    seal->answers[number] = holds ? HOLDS : FALSE;
    return holds;
}

uint64_t seal_verified(const struct seal *seal) { return seal->verified; }

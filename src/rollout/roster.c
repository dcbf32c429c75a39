// SPDX-License-Identifier: Apache-2.0
#include "rollout/roster.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "update/ticket/places.h"

#include <sha256.h>
#include <string.h>

#define WHAT "roster"

static const char MAGIC[8] = {'C', 'R', 'E', 'R', 'O', 'S', 'T', '1'};
static const char DOMAIN[32] = ROSTER_DOMAIN;
enum { HOST_RESERVED_BYTES = 12 };

static_assert(ROSTER_BODY_BYTES + PLACES_BYTES == (int)ROSTER_BYTES, "a head is these two");
static_assert(sizeof MAGIC + 2 * sizeof(uint64_t) + 2 * sizeof(uint32_t)
                      + FLEET_RINGS_MAX * sizeof(uint32_t) + MERKLE_HASH_BYTES + TICKET_NAME_BYTES
                  == ROSTER_BODY_BYTES,
              "the fields of a roster fill its body");
static_assert(REPORT_HOST_BYTES + ROSTER_KEY_BYTES + sizeof(uint32_t) + HOST_RESERVED_BYTES
                  == ROSTER_HOST_BYTES,
              "the fields of a host fill its row");

/* --- the head --------------------------------------------------------------------------------- */

/* What holds for every roster, whoever wrote it. */
static RESULT check_facts(const struct roster *roster, struct explanation *why)
{
    uint64_t hosts = 0;
    if (!ticket_name_is_valid(roster->name))
        return explain(why, ERROR_FORMAT, "the name of the fleet in the roster is none");
    if (roster->version == 0 || roster->rings == 0 || roster->rings > FLEET_RINGS_MAX)
        return explain(why, ERROR_FORMAT, "a roster has a version of at least 1, and 1 to %d rings",
                       FLEET_RINGS_MAX);
    if (roster->hosts == 0 || roster->hosts > LIMIT_ROSTER_HOSTS)
        return explain(why, ERROR_LIMIT, "a roster has 1 to %d hosts, this %u", LIMIT_ROSTER_HOSTS,
                       roster->hosts);
    for (uint32_t ring = 0; ring < FLEET_RINGS_MAX; ring++) {
        hosts += roster->ring_hosts[ring];
        if (ring >= roster->rings && roster->ring_hosts[ring] != 0)
            return explain(why, ERROR_FORMAT, "the roster has hosts in ring %u of %u", ring,
                           roster->rings);
    }
    if (hosts != roster->hosts)
        return explain(why, ERROR_FORMAT, "the rings of the roster have %llu hosts, it has %u",
                       (unsigned long long)hosts, roster->hosts);
    return RESULT_OK;
}

static RESULT write_body(const struct roster *roster, struct writer *writer)
{
    GUARD(writer_copy(writer, MAGIC, sizeof MAGIC));
    GUARD(writer_u64(writer, roster->version));
    GUARD(writer_u64(writer, roster->expires_s));
    GUARD(writer_u32(writer, roster->hosts));
    GUARD(writer_u32(writer, roster->rings));
    for (unsigned ring = 0; ring < FLEET_RINGS_MAX; ring++)
        GUARD(writer_u32(writer, roster->ring_hosts[ring]));
    GUARD(writer_copy(writer, roster->root.bytes, MERKLE_HASH_BYTES));
    char name[TICKET_NAME_BYTES] = {0};
    (void)string_copy(name, sizeof name, roster->name);
    return writer_copy(writer, name, sizeof name);
}

RESULT roster_message(const struct roster *roster, uint8_t out[ROSTER_MESSAGE_BYTES],
                      struct explanation *why)
{
    GUARD(check_facts(roster, why));
    struct writer writer = writer_of(out, ROSTER_MESSAGE_BYTES);
    GUARD(writer_copy(&writer, DOMAIN, sizeof DOMAIN));
    return write_body(roster, &writer);
}

RESULT roster_encode(const struct roster *roster, const struct ticket_signature *signatures,
                     size_t count, uint8_t out[ROSTER_BYTES], struct explanation *why)
{
    GUARD(check_facts(roster, why));
    struct writer writer = writer_of(out, ROSTER_BYTES);
    GUARD(write_body(roster, &writer));
    return places_write(&writer, signatures, count, WHAT, why);
}

RESULT roster_digest(const struct roster *roster, uint8_t out[ROSTER_DIGEST_BYTES],
                     struct explanation *why)
{
    uint8_t message[ROSTER_MESSAGE_BYTES];
    SHA2_CTX context;
    GUARD(roster_message(roster, message, why));
    SHA256Init(&context);
    SHA256Update(&context, message + sizeof DOMAIN, ROSTER_BODY_BYTES);
    SHA256Final(out, &context);
    return RESULT_OK;
}

static RESULT read_body(struct reader *reader, struct roster *roster, struct explanation *why)
{
    struct bytes magic;
    GUARD(reader_view(reader, sizeof MAGIC, &magic));
    if (memcmp(magic.data, MAGIC, sizeof MAGIC) != 0)
        return explain(why, ERROR_FORMAT, "this is no roster: it does not begin with %.8s", MAGIC);
    GUARD(reader_u64(reader, &roster->version));
    GUARD(reader_u64(reader, &roster->expires_s));
    GUARD(reader_u32(reader, &roster->hosts));
    GUARD(reader_u32(reader, &roster->rings));
    for (unsigned ring = 0; ring < FLEET_RINGS_MAX; ring++)
        GUARD(reader_u32(reader, &roster->ring_hosts[ring]));
    GUARD(reader_copy(reader, roster->root.bytes, MERKLE_HASH_BYTES));
    GUARD(reader_copy(reader, roster->name, TICKET_NAME_BYTES));
    GUARD(check_facts(roster, why));
    size_t size = strlen(roster->name);
    if (!places_is_zero((struct bytes){(const uint8_t *)roster->name + size,
                                       TICKET_NAME_BYTES - size}))
        return explain(why, ERROR_FORMAT, "the name of the fleet in the roster is none");
    return RESULT_OK;
}

RESULT roster_decode(const void *data, size_t size, struct roster *ret_roster,
                     struct ticket_signature ret_signatures[TICKET_SIGNATURES_MAX],
                     size_t *ret_count, struct explanation *why)
{
    struct roster roster = {0};
    struct ticket_signature signatures[TICKET_SIGNATURES_MAX] = {0};
    size_t count = 0;
    if (size != ROSTER_BYTES)
        return explain(why, ERROR_FORMAT, "the head of a roster has %d bytes, this has %zu",
                       ROSTER_BYTES, size);
    struct reader reader = reader_of(data, size);
    GUARD(read_body(&reader, &roster, why));
    GUARD(places_read(&reader, signatures, &count, WHAT, why));
    GUARD(reader_end(&reader));
    if (ret_signatures != NULL)
        bytes_copy(ret_signatures, sizeof signatures, signatures, sizeof signatures);
    *ret_roster = roster;
    *ret_count = count;
    return RESULT_OK;
}

RESULT roster_check(const void *data, size_t size, const struct release_keys *owners,
                    uint64_t now_s, struct roster *ret_roster, struct explanation *why)
{
    struct roster roster;
    struct ticket_signature signatures[TICKET_SIGNATURES_MAX];
    uint8_t message[ROSTER_MESSAGE_BYTES];
    size_t count;
    unsigned signers;
    GUARD(release_keys_check(owners, why));
    GUARD(roster_decode(data, size, &roster, signatures, &count, why));
    GUARD(roster_message(&roster, message, why));
    GUARD(places_count_signers(signatures, count, owners, (struct bytes){message, sizeof message},
                               WHAT, &signers, why));
    if (signers < owners->threshold)
        return explain(why, ERROR_STATE,
                       "the roster is signed by %u keys of the fleet's owner, %u are needed",
                       signers, owners->threshold);
    if (now_s >= roster.expires_s)
        return explain(why, ERROR_STATE,
                       "version %llu of the roster has expired; a new one must be signed and "
                       "logged, and counts for releases that come after it",
                       (unsigned long long)roster.version);
    *ret_roster = roster;
    return RESULT_OK;
}

/* --- the log ---------------------------------------------------------------------------------- */

static RESULT compare_entry(const struct roster *roster, struct bytes text,
                            struct explanation *why)
{
    struct tlog_entry entry;
    uint8_t digest[ROSTER_DIGEST_BYTES];
    char digits[2 * ROSTER_DIGEST_BYTES + 1];
    GUARD(tlog_entry_parse(text, &entry, why));
    if (entry.kind != TLOG_KIND_ROSTER)
        return explain(why, ERROR_STATE, "the log's entry is of kind %s, not roster",
                       tlog_entry_kind_word(entry.kind));
    GUARD(roster_digest(roster, digest, why));
    hex_encode(digest, sizeof digest, digits);
    struct bytes name = entry.values[TLOG_FIELD_NAME];
    if (name.size != strlen(roster->name) || memcmp(name.data, roster->name, name.size) != 0
        || tlog_entry_number(&entry, TLOG_FIELD_VERSION) != roster->version
        || memcmp(entry.values[TLOG_FIELD_DIGEST].data, digits, sizeof digits - 1) != 0)
        return explain(why, ERROR_STATE, "the log's entry is about another roster");
    return RESULT_OK;
}

RESULT roster_check_logged(const struct tlog_policy *policy, const struct roster *roster,
                           struct bytes proof, const struct tlog_release *release,
                           struct bytes release_proof, struct explanation *why)
{
    struct tlog_proof parsed;
    struct tlog_proven here;
    struct tlog_release_proof there;
    const struct bytes none = {NULL, 0};
    GUARD(tlog_verify_entry(policy, proof, none, &parsed, &here, why));
    GUARD(compare_entry(roster, (struct bytes){parsed.extra, parsed.extra_size}, why));
    GUARD(tlog_verify_release(policy, release, release_proof, none, &there, why));
    if (!string_equal(here.in.log->key.name, there.log->key.name))
        return explain(why, ERROR_STATE, "the roster is in the log %s and the release in %s: "
                       "nobody can tell which was there first",
                       here.in.log->key.name, there.log->key.name);
    if (here.index >= there.index && !fault_is_planted(FAULT_PROMOTION_ROSTER_YOUNG))
        return explain(why, ERROR_STATE,
                       "the roster is entry %llu of the log and the release entry %llu: only a "
                       "roster that was there before the release counts",
                       (unsigned long long)here.index, (unsigned long long)there.index);
    return RESULT_OK;
}

/* --- hosts ------------------------------------------------------------------------------------ */

RESULT roster_host_encode(const struct roster_host *host, uint8_t out[ROSTER_HOST_BYTES])
{
    static const uint8_t ZEROS[HOST_RESERVED_BYTES];
    struct writer writer = writer_of(out, ROSTER_HOST_BYTES);
    GUARD(writer_copy(&writer, host->id.bytes, REPORT_HOST_BYTES));
    GUARD(writer_copy(&writer, host->key, ROSTER_KEY_BYTES));
    GUARD(writer_u32(&writer, host->ring));
    return writer_copy(&writer, ZEROS, sizeof ZEROS);
}

RESULT roster_host_decode(struct bytes data, struct roster_host *ret_host,
                          struct explanation *why)
{
    struct roster_host host = {0};
    struct bytes zeros;
    if (data.size != ROSTER_HOST_BYTES)
        return explain(why, ERROR_FORMAT, "a host of a roster has %d bytes, this has %zu",
                       ROSTER_HOST_BYTES, data.size);
    struct reader reader = reader_of(data.data, data.size);
    GUARD(reader_copy(&reader, host.id.bytes, REPORT_HOST_BYTES));
    GUARD(reader_copy(&reader, host.key, ROSTER_KEY_BYTES));
    GUARD(reader_u32(&reader, &host.ring));
    GUARD(reader_view(&reader, HOST_RESERVED_BYTES, &zeros));
    if (!places_is_zero(zeros) || host.ring >= FLEET_RINGS_MAX)
        return explain(why, ERROR_FORMAT,
                       "a host of the roster says something that this version does not know");
    *ret_host = host;
    return RESULT_OK;
}

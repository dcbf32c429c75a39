// SPDX-License-Identifier: Apache-2.0
#include "agent/update/trust.h"

#include "base/bytes.h"
#include "content/bundle_kind.h"

#include <sha256.h>
#include <string.h>

static const char MAGIC[8] = "CRETRST2";

static bool is_loopback(const char *authority)
{
    static const char *const HOSTS[] = {"127.0.0.1", "localhost", "[::1]"};
    for (size_t i = 0; i < sizeof HOSTS / sizeof HOSTS[0]; i++) {
        size_t size = strlen(HOSTS[i]);
        if (string_starts_with(authority, HOSTS[i])
            && (authority[size] == '\0' || authority[size] == ':' || authority[size] == '/'))
            return true;
    }
    return false;
}

bool trust_is_address(const char *text)
{
    static const char SECURE[] = "https://", PLAIN[] = "http://";
    for (const char *at = text; *at != '\0'; at++)
        if (*at <= ' ' || *at >= 0x7f || *at == '@' || *at == '#' || *at == '?' || *at == '\\')
            return false;
    size_t size = strlen(text);
    if (size == 0 || size >= LIMIT_URL_BYTES || text[size - 1] == '/')
        return false;
    if (string_starts_with(text, SECURE))
        return size > sizeof SECURE - 1;
    return string_starts_with(text, PLAIN) && is_loopback(text + sizeof PLAIN - 1);
}

static RESULT check_partners(const struct trust *trust, struct explanation *why)
{
    if (trust->partner_count > LIMIT_PARTNERS || trust->lift_quorum > trust->partner_count)
        return explain(why, ERROR_FORMAT, "at most %d partners, and no more of them to lift a halt "
                       "than there are", LIMIT_PARTNERS);
    for (uint32_t i = 0; i < trust->partner_count; i++) {
        if (!ticket_name_is_valid(trust->partners[i].name))
            return explain(why, ERROR_FORMAT, "the name of partner %u is none", i + 1);
        for (uint32_t j = 0; j < i; j++)
            if (string_equal(trust->partners[i].name, trust->partners[j].name)
                || string_equal(trust->partners[i].key, trust->partners[j].key))
                return explain(why, ERROR_FORMAT, "partners %u and %u are the same", j + 1, i + 1);
    }
    return RESULT_OK;
}

RESULT trust_check(const struct trust *trust, struct explanation *why)
{
    if (!trust_is_address(trust->repository) || !trust_is_address(trust->log))
        return explain(why, ERROR_FORMAT, "repository and log need an https address without a "
                       "slash at its end (http only to this machine itself)");
    if (trust->refresh_s < TRUST_REFRESH_MIN_S || trust->refresh_s > TRUST_REFRESH_MAX_S)
        return explain(why, ERROR_LIMIT, "every: from %d to %d seconds", TRUST_REFRESH_MIN_S,
                       TRUST_REFRESH_MAX_S);
    if (trust->stream_count < 1 || trust->stream_count > LIMIT_STREAMS)
        return explain(why, ERROR_FORMAT, "there must be 1 to %d streams", LIMIT_STREAMS);
    for (uint32_t i = 0; i < trust->stream_count; i++) {
        if (!ticket_name_is_valid(trust->streams[i].name))
            return explain(why, ERROR_FORMAT, "the name of stream %u is none", i + 1);
        if (bundle_kind_word(trust->streams[i].kind) == NULL)
            return explain(why, ERROR_FORMAT, "stream %u is of no kind that there is", i + 1);
        for (uint32_t j = 0; j < i; j++)
            if (trust->streams[j].kind == trust->streams[i].kind)
                return explain(why, ERROR_FORMAT, "two streams are of kind %s; a host follows one",
                               bundle_kind_word(trust->streams[i].kind));
        GUARD(release_keys_check(&trust->streams[i].keys, why));
    }
    if (trust->has_evidence) {
        GUARD(release_keys_check(&trust->promoters, why));
        GUARD(release_keys_check(&trust->owners, why));
    }
    GUARD(check_partners(trust, why));
    if (trust->log_policy.size == 0 || trust->log_policy.size > LIMIT_LOG_POLICY_BYTES
        || trust->root.size == 0 || trust->root.size > LIMIT_TUF_ROOT_BYTES
        || trust->authorities.size > TRUST_AUTHORITIES_BYTES)
        return explain(why, ERROR_LIMIT, "the policy of the log, the root or the authorities are "
                       "empty or too large");
    return RESULT_OK;
}

/* --- the record ------------------------------------------------------------------------------- */

RESULT trust_keys_encode(const struct release_keys *keys, uint8_t out[TRUST_KEYS_BYTES])
{
    struct writer writer = writer_of(out, TRUST_KEYS_BYTES);
    GUARD(writer_u32(&writer, keys->threshold));
    GUARD(writer_u32(&writer, keys->count));
    return writer_copy(&writer, keys->keys, sizeof keys->keys);
}

RESULT trust_keys_decode(struct bytes record, struct release_keys *ret_keys)
{
    struct reader reader = reader_of(record.data, record.size);
    struct release_keys keys = {0};
    uint32_t threshold, count;
    GUARD(reader_u32(&reader, &threshold));
    GUARD(reader_u32(&reader, &count));
    GUARD(reader_copy(&reader, keys.keys, sizeof keys.keys));
    GUARD(reader_end(&reader));
    keys.threshold = threshold;
    keys.count = count;
    GUARD(release_keys_check(&keys, NULL));
    *ret_keys = keys;
    return RESULT_OK;
}

RESULT trust_evidence_keys_encode(const struct release_keys *promoters,
                                  const struct release_keys *owners,
                                  uint8_t out[TRUST_EVIDENCE_KEYS_BYTES])
{
    GUARD(trust_keys_encode(promoters, out));
    return trust_keys_encode(owners, out + TRUST_KEYS_BYTES);
}

RESULT trust_evidence_keys_decode(struct bytes record, struct release_keys *ret_promoters,
                                  struct release_keys *ret_owners)
{
    struct reader reader = reader_of(record.data, record.size);
    struct bytes promoters, owners;
    GUARD(reader_view(&reader, TRUST_KEYS_BYTES, &promoters));
    GUARD(reader_view(&reader, TRUST_KEYS_BYTES, &owners));
    GUARD(reader_end(&reader));
    GUARD(trust_keys_decode(promoters, ret_promoters));
    return trust_keys_decode(owners, ret_owners);
}

static void digest_of(const void *data, size_t size, uint8_t out[SHA256_DIGEST_LENGTH])
{
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, data, size);
    SHA256Final(out, &context);
}

static RESULT write_all(const struct trust *trust, struct writer *writer)
{
    GUARD(writer_copy(writer, MAGIC, sizeof MAGIC));
    GUARD(writer_copy(writer, trust->repository, sizeof trust->repository));
    GUARD(writer_copy(writer, trust->log, sizeof trust->log));
    GUARD(writer_u32(writer, trust->refresh_s));
    GUARD(writer_u32(writer, trust->stream_count));
    for (uint32_t i = 0; i < trust->stream_count; i++) {
        uint8_t keys[TRUST_KEYS_BYTES];
        GUARD(writer_u32(writer, trust->streams[i].kind));
        GUARD(writer_copy(writer, trust->streams[i].name, TRUST_NAME_BYTES));
        GUARD(trust_keys_encode(&trust->streams[i].keys, keys));
        GUARD(writer_copy(writer, keys, sizeof keys));
    }
    GUARD(writer_u32(writer, trust->partner_count));
    GUARD(writer_u32(writer, trust->lift_quorum));
    for (uint32_t i = 0; i < trust->partner_count; i++) {
        GUARD(writer_copy(writer, trust->partners[i].name, TRUST_NAME_BYTES));
        GUARD(writer_copy(writer, trust->partners[i].key, TRUST_KEY_TEXT_BYTES));
    }
    GUARD(writer_u32(writer, trust->has_evidence));
    if (trust->has_evidence) {
        uint8_t keys[TRUST_EVIDENCE_KEYS_BYTES];
        GUARD(trust_evidence_keys_encode(&trust->promoters, &trust->owners, keys));
        GUARD(writer_copy(writer, keys, sizeof keys));
    }
    GUARD(writer_sized(writer, trust->authorities.data, trust->authorities.size));
    GUARD(writer_sized(writer, trust->log_policy.data, trust->log_policy.size));
    return writer_sized(writer, trust->root.data, trust->root.size);
}

RESULT trust_encode(const struct trust *trust, struct writer *writer, struct explanation *why)
{
    GUARD(trust_check(trust, why));
    size_t start = writer->at;
    uint8_t digest[SHA256_DIGEST_LENGTH];
    struct result result = write_all(trust, writer);
    if (result_is_ok(result)) {
        digest_of(writer->data + start, writer->at - start, digest);
        result = writer_copy(writer, digest, sizeof digest);
    }
    if (!result_is_ok(result))
        return explain(why, result.error, "the record is too large");
    return RESULT_OK;
}

static RESULT read_text(struct reader *reader, char *out, size_t size)
{
    GUARD(reader_copy(reader, out, size));
    return out[size - 1] == '\0' ? RESULT_OK : result_fail(ERROR_FORMAT);
}

static RESULT read_stream(struct reader *reader, struct trust_stream *stream)
{
    struct bytes keys;
    GUARD(reader_u32(reader, &stream->kind));
    GUARD(read_text(reader, stream->name, sizeof stream->name));
    GUARD(reader_view(reader, TRUST_KEYS_BYTES, &keys));
    return trust_keys_decode(keys, &stream->keys);
}

static RESULT read_evidence(struct reader *reader, struct trust *trust)
{
    uint32_t is_there;
    struct bytes keys;
    GUARD(reader_u32(reader, &is_there));
    if (is_there > 1)
        return result_fail(ERROR_FORMAT);
    trust->has_evidence = is_there != 0;
    if (!trust->has_evidence)
        return RESULT_OK;
    GUARD(reader_view(reader, TRUST_EVIDENCE_KEYS_BYTES, &keys));
    return trust_evidence_keys_decode(keys, &trust->promoters, &trust->owners);
}

static RESULT read_all(struct reader *reader, struct trust *trust)
{
    char magic[sizeof MAGIC];
    GUARD(reader_copy(reader, magic, sizeof magic));
    if (memcmp(magic, MAGIC, sizeof magic) != 0)
        return result_fail(ERROR_FORMAT);
    GUARD(read_text(reader, trust->repository, sizeof trust->repository));
    GUARD(read_text(reader, trust->log, sizeof trust->log));
    GUARD(reader_u32(reader, &trust->refresh_s));
    GUARD(reader_u32(reader, &trust->stream_count));
    if (trust->stream_count > LIMIT_STREAMS)
        return result_fail(ERROR_LIMIT);
    for (uint32_t i = 0; i < trust->stream_count; i++)
        GUARD(read_stream(reader, &trust->streams[i]));
    GUARD(reader_u32(reader, &trust->partner_count));
    GUARD(reader_u32(reader, &trust->lift_quorum));
    if (trust->partner_count > LIMIT_PARTNERS)
        return result_fail(ERROR_LIMIT);
    for (uint32_t i = 0; i < trust->partner_count; i++) {
        GUARD(read_text(reader, trust->partners[i].name, TRUST_NAME_BYTES));
        GUARD(read_text(reader, trust->partners[i].key, TRUST_KEY_TEXT_BYTES));
    }
    GUARD(read_evidence(reader, trust));
    GUARD(reader_sized(reader, TRUST_AUTHORITIES_BYTES, &trust->authorities));
    GUARD(reader_sized(reader, LIMIT_LOG_POLICY_BYTES, &trust->log_policy));
    GUARD(reader_sized(reader, LIMIT_TUF_ROOT_BYTES, &trust->root));
    return reader_end(reader);
}

RESULT trust_decode(struct bytes record, struct trust *ret_trust, struct explanation *why)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    *ret_trust = (struct trust){0};
    bool is_whole = record.size > sizeof digest && record.size <= TRUST_RECORD_BYTES;
    size_t size = is_whole ? record.size - sizeof digest : 0;
    if (is_whole)
        digest_of(record.data, size, digest);
    if (!is_whole || memcmp(digest, record.data + size, sizeof digest) != 0)
        return explain(why, ERROR_FORMAT, "it is damaged, or no record of trust anchors; make it "
                       "again with: creance content trust");
    struct reader reader = reader_of(record.data, size);
    struct result result = read_all(&reader, ret_trust);
    if (!result_is_ok(result))
        return explain(why, result.error, "it is of another version of Creance; make it again "
                       "with: creance content trust");
    return trust_check(ret_trust, why);
}

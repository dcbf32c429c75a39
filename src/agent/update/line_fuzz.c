// SPDX-License-Identifier: Apache-2.0
/* Any bytes as what updater and link say to each other, and as root's record of whom to believe. */
#include "agent/update/line.h"
#include "agent/update/trust.h"

#include "base/bytes.h"

#include <sha256.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* The checksum is made right, or nothing before it would ever be seen. */
static void try_trust(const uint8_t *data, size_t size)
{
    static struct trust trust;
    static uint8_t record[TRUST_RECORD_BYTES], again[TRUST_RECORD_BYTES];
    struct explanation why = {""};
    struct writer writer = writer_of(again, sizeof again);
    SHA2_CTX context;
    if (size > sizeof record - SHA256_DIGEST_LENGTH)
        return;
    bytes_copy(record, sizeof record, data, size);
    SHA256Init(&context);
    SHA256Update(&context, record, size);
    SHA256Final(record + size, &context);
    size += SHA256_DIGEST_LENGTH;
    if (!result_is_ok(trust_decode((struct bytes){record, size}, &trust, &why))) {
        require(*why.text != '\0');
        return;
    }
    require(trust.stream_count <= LIMIT_STREAMS && trust.partner_count <= LIMIT_PARTNERS);
    require(result_is_ok(trust_encode(&trust, &writer, &why)));
    require(writer.at == size && memcmp(again, record, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct line_request request;
    struct line_answer answer;
    struct release_keys keys;
    if (result_is_ok(line_decode_request(data, size, &request)))
        require(line_is_name(request.name) && request.bytes_max <= LIMIT_BUNDLE_BYTES);
    if (result_is_ok(line_decode_answer(data, size, &answer)))
        require(answer.verdict < LINE_VERDICT_COUNT && answer.size <= LIMIT_BUNDLE_BYTES);
    if (result_is_ok(trust_keys_decode((struct bytes){data, size}, &keys)))
        require(result_is_ok(release_keys_check(&keys, NULL)));
    try_trust(data, size);
    return 0;
}

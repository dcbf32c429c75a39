// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as the body of a saved set, with a right head: refused, or events are judged within
 * bounds. Without Vectorscan, so that a round is quick.
 */
#include "base/bytes.h"
#include "engine/engine.h"

#include <sha2.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *context, size_t rule)
{
    (void)context;
    (void)rule;
}

static void judge(struct engine *engine)
{
    static const char EVENT[] =
        "{\"category\": \"c\", \"a\": \"x one\", \"user\": \"u\", \"n\": 7}";
    struct engine_event *event = engine_event_new(engine);
    if (event != NULL
        && result_is_ok(engine_event_from_json(event, EVENT, sizeof EVENT - 1, NULL)))
        engine_eval(engine, event, ignore, NULL, NULL);
    engine_event_free(event);
    engine_free(engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { DIGEST_AT = 8, BODY_AT = DIGEST_AT + SHA256_DIGEST_LENGTH };
    uint8_t *form = malloc(BODY_AT + size);
    if (form == NULL)
        return 0;
    bytes_copy(form, BODY_AT, "CRESAVE1", DIGEST_AT);
    bytes_copy(form + BODY_AT, size, data, size);
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, data, size);
    SHA256Final(form + DIGEST_AT, &context);
    const struct engine_options options = {.is_without_scanner = true, .correlation_bytes = 65536,
                                           .memory_limit_bytes = 16 * 1024 * 1024};
    struct engine *engine;
    if (result_is_ok(engine_open(&options, form, BODY_AT + size, &engine, NULL)))
        judge(engine);
    free(form);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a rule file and, behind a byte 0xFF, as an event. Each document must get a row with
 * true words, and the scan must leave out no rule that would have matched.
 */
#include "base/bytes.h"
#include "base/limits.h"
#include "engine/engine_check.h"
#include "engine/pack.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_row(const struct engine_rule *rule)
{
    require(rule->line > 0 && rule->file[0] != '\0');
    require(rule->reason[0] != '\0' || rule->state == ENGINE_RULE_LOADED);
    size_t words = strlen(rule->id) + strlen(rule->title) + strlen(rule->level)
                   + strlen(rule->status) + strlen(rule->field) + strlen(rule->product)
                   + strlen(rule->category) + strlen(rule->service);
    for (size_t i = 0; i < rule->tag_count; i++)
        words += strlen(rule->tags[i]);
    require(words < LIMIT_RULE_FILE_BYTES);
}

/* A sum that does not depend on the order of matches. Correlations remember, so that they need not
 * answer the same twice: correlate_fuzz.c is for them. */
struct sum {
    const struct engine *engine;
    uint64_t total;
    unsigned correlations;
};

static void add_match(void *context, size_t rule)
{
    struct sum *sum = context;
    bool is_correlation = engine_rule(sum->engine, rule)->kind == ENGINE_KIND_CORRELATION;
    sum->total += is_correlation ? 0 : 1 + 1000 * rule;
    sum->correlations += is_correlation;
}

static void judge(struct engine *engine, const uint8_t *line, size_t size)
{
    struct engine_event *event = engine_event_new(engine);
    struct sum fast = {.engine = engine};
    struct sum slow = {.engine = engine};
    require(event != NULL);
    if (result_is_ok(engine_event_from_json(event, (const char *)line, size, NULL))) {
        struct engine_verdict verdict = engine_eval(engine, event, add_match, NULL, &fast);
        engine_evaluate_all(engine, true);
        struct engine_verdict full = engine_eval(engine, event, add_match, NULL, &slow);
        require(verdict.is_incomplete || full.is_incomplete || fast.total == slow.total);
        require(full.candidates >= verdict.candidates);
        require(verdict.matches >= fast.correlations);
    }
    engine_event_free(event);
}

static void load(const uint8_t *pack, size_t pack_size, const uint8_t *line, size_t line_size)
{
    struct engine *engine = NULL;
    struct explanation why = {.text = ""};
    struct result result = engine_load(NULL, pack, pack_size, &engine, &why);
    if (!result_is_ok(result)) {
        require(why.text[0] != '\0');
        return;
    }
    require(engine_rule_count(engine) > 0);
    for (size_t i = 0; i < engine_rule_count(engine); i++)
        check_row(engine_rule(engine, i));
    judge(engine, line, line_size);
    engine_free(engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const uint8_t *separator = memchr(data, 0xFF, size);
    size_t rule_size = separator == NULL ? size : (size_t)(separator - data);
    size_t line_size = separator == NULL ? 0 : size - rule_size - 1;
    struct pack_writer *writer = pack_writer_new();
    uint8_t *pack;
    size_t pack_size;
    require(writer != NULL);
    if (result_is_ok(pack_writer_add(writer, "fuzz.yml", data, rule_size))) {
        require(result_is_ok(pack_writer_finish(writer, &pack, &pack_size)));
        load(pack, pack_size, data + size - line_size, line_size);
        free(pack);
    }
    pack_writer_free(writer);
    return 0;
}

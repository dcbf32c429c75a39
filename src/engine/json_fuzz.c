// SPDX-License-Identifier: Apache-2.0
/* Any bytes as an event, judged by rules that look at it in every way that there is. */
#include "engine/engine_check.h"
#include "engine/pack.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char RULES[] =
    "title: A\nlogsource: {category: c}\ndetection:\n"
    "  s1: {a|contains: [abc, 'x*y?z'], b|endswith: /id}\n"
    "  s2: {a|re: 'f[ou]o+$', b|cidr: '10.0.0.0/8'}\n"
    "  s3: {c|gt: 5, a.b|startswith|cased: Ab}\n"
    "  s4: {a|fieldref|contains: b, c: null}\n"
    "  s5: {d|hour: 3}\n"
    "  condition: 1 of s*\n---\n"
    "title: B\nlogsource: {product: p}\ndetection: {k: [word, 'wo*d'], condition: k}\n---\n"
    "title: C\nlogsource: {product: linux, category: process_creation}\n"
    "detection: {s: {Image|endswith: /sh, CommandLine|contains|windash: ' -c'}, condition: s}\n"
    "---\n"
    "title: D\nlogsource: {category: c}\n"
    "detection: {s: {a|exists: true}, f: {a|re: '(?i)q\\xC3.'}, condition: s and not f}\n";

static struct engine *engine;
static struct engine_event *event;

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    struct pack_writer *writer = pack_writer_new();
    uint8_t *pack = NULL;
    size_t size = 0;
    require(writer != NULL
            && result_is_ok(pack_writer_add(writer, "rules", RULES, strlen(RULES)))
            && result_is_ok(pack_writer_finish(writer, &pack, &size))
            && result_is_ok(engine_load(NULL, pack, size, &engine, NULL))
            && engine_count_state(engine, ENGINE_RULE_REJECTED) == 0);
    pack_writer_free(writer);
    free(pack);
    event = engine_event_new(engine);
    require(event != NULL);
    return 0;
}

static void add_match(void *context, size_t rule) { *(uint64_t *)context |= UINT64_C(1) << rule; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct explanation why = {.text = ""};
    if (!result_is_ok(engine_event_from_json(event, (const char *)data, size, &why))) {
        require(why.text[0] != '\0');
        return 0;
    }
    uint64_t fast = 0;
    uint64_t slow = 0;
    engine_evaluate_all(engine, false);
    struct engine_verdict verdict = engine_eval(engine, event, add_match, NULL, &fast);
    engine_evaluate_all(engine, true);
    struct engine_verdict full = engine_eval(engine, event, add_match, NULL, &slow);
    require(verdict.is_incomplete || full.is_incomplete || fast == slow);
    return 0;
}

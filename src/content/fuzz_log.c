// SPDX-License-Identifier: Apache-2.0
#include "content/fuzz_log.h"

#include "engine/pack.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A small input can hold many events (an array of {}, zstd): enough is enough. */
enum { EVENTS_MAX = 4000 };

static void require(bool holds)
{
    if (!holds)
        abort();
}

static const char RULES[] =
    "title: process\n"
    "logsource: {product: windows, category: process_creation}\n"
    "detection: {s: {Image|endswith: x, CommandLine|contains: y}, condition: s}\n"
    "---\n"
    "title: service\n"
    "logsource: {product: windows, service: security}\n"
    "detection: {s: {EventID: 4624, TargetUserName: null}, condition: not s}\n"
    "---\n"
    "title: audit\n"
    "logsource: {product: linux, service: auditd}\n"
    "detection: {s: {type: EXECVE, a1|re: 'a.b'}, t: {SYSCALL: execve}, condition: s or t}\n"
    "---\n"
    "title: words\n"
    "logsource: {product: linux}\n"
    "detection: {s: [word, other], condition: s}\n";

static struct engine *load_rules(void)
{
    struct pack_writer *writer = pack_writer_new();
    uint8_t *pack;
    size_t size;
    require(writer != NULL);
    require(result_is_ok(pack_writer_add(writer, "rules.yml", RULES, strlen(RULES))));
    require(result_is_ok(pack_writer_finish(writer, &pack, &size)));
    pack_writer_free(writer);
    struct engine *engine = NULL;
    require(result_is_ok(engine_load(NULL, pack, size, &engine, NULL)));
    require(engine_count_state(engine, ENGINE_RULE_LOADED) == 4);
    free(pack);
    return engine;
}

static void ignore_match(void *context, size_t rule)
{
    (void)context;
    (void)rule;
}

/* Looks at every byte, so that the sanitizer does. */
static uint64_t sum_of(const struct log_fields *fields)
{
    uint64_t sum = 0;
    require(fields->count <= LIMIT_EVENT_VALUES);
    for (uint32_t i = 0; i < fields->count; i++) {
        sum += strlen(fields->items[i].name);
        for (size_t n = 0; n < fields->items[i].value.size; n++)
            sum += fields->items[i].value.data[n];
    }
    return sum;
}

static void read_events(struct log *log, struct engine *engine, struct engine_event *event)
{
    struct explanation why = {""};
    struct log_entry entry;
    for (unsigned i = 0; i < EVENTS_MAX; i++) {
        struct result result = log_next(log, event, &entry, &why);
        if (!result_is_ok(result)) {
            require(result.error == ERROR_NOT_FOUND || why.text[0] != '\0');
            return;
        }
        require(!entry.is_unreadable || why.text[0] != '\0');
        if (entry.is_unreadable)
            continue;
        require(sum_of(log_fields(log)) < UINT64_MAX);
        (void)engine_eval(engine, event, ignore_match, NULL, NULL);
    }
}

void fuzz_log(enum log_format format, const uint8_t *data, size_t size)
{
    static struct engine *engine;
    static struct engine_event *event;
    if (engine == NULL) {
        engine = load_rules();
        event = engine_event_new(engine);
        require(event != NULL);
    }
    int fd = memfd_create("log", MFD_CLOEXEC);
    require(fd >= 0 && write(fd, data, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
    struct log_options options = {.format = format};
    struct log *log = NULL;
    struct explanation why = {""};
    if (result_is_ok(log_open(fd, "fuzz", &options, &log, &why)))
        read_events(log, engine, event);
    else
        require(why.text[0] != '\0');
    log_close(log);
    close(fd);
}

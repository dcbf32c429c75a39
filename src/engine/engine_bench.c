// SPDX-License-Identifier: Apache-2.0
/*
 * What judging costs: the engine beside the floor (a bare Vectorscan scan for the texts without
 * which no rule can match) and beside a naive evaluator (every rule of the log source but those
 * with regular expressions, texts lower-cased once and looked for one by one). CPU time of one
 * thread per event, medians.
 *
 *     bench-engine RECORDING PACK [PACK ...]      rows of a Markdown table
 *     bench-engine --loop N RECORDING PACK        judges N times and says nothing: for profilers
 *     bench-engine --measured RECORDING PACK      the same as the first, with what rules cost being
 *                                                 measured as the agent does it
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/limits.h"
#include "engine/compare.h"
#include "engine/engine_body.h"
#include "engine/evaluate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 7 };

struct text {
    char *data;
    size_t size;
};

static _Noreturn void give_up(const char *what, const char *why)
{
    fprintf(stderr, "bench-engine: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static struct text read_all(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct text out = {0};
    if (file == NULL)
        give_up(path, "cannot be read");
    for (size_t room = 0; !feof(file) && !ferror(file);) {
        if (out.size == room) {
            room = room == 0 ? (size_t)MIB : 2 * room;
            out.data = realloc(out.data, room);
            if (out.data == NULL)
                give_up(path, "memory is out");
        }
        out.size += fread(out.data + out.size, 1, room - out.size, file);
    }
    fclose(file);
    return out;
}

/* CPU time of this process, which has one thread. */
static uint64_t cpu_ns(void) { return (uint64_t)clock() * (1000000000u / CLOCKS_PER_SEC); }

/* --- the floor -------------------------------------------------------------------------------- */

struct floor {
    hs_database_t **databases; /* of each slot; NULL: nothing is looked for */
    hs_scratch_t *scratch;
};

static void build_slot(const struct program *program, uint32_t slot, struct floor *floor)
{
    uint32_t count = 0;
    const char **texts = calloc(program->witnesses.count + 1, sizeof *texts);
    size_t *sizes = calloc(program->witnesses.count + 1, sizeof *sizes);
    unsigned *ids = calloc(program->witnesses.count + 1, sizeof *ids);
    unsigned *flags = calloc(program->witnesses.count + 1, sizeof *flags);
    if (texts == NULL || sizes == NULL || ids == NULL || flags == NULL)
        give_up("floor", "memory is out");
    for (uint32_t i = 0; i < program->witnesses.count; i++) {
        const struct witness *witness = &ROWS_OF(program->witnesses, struct witness)[i];
        if (witness->slot != slot || witness->size == 0)
            continue;
        texts[count] = (const char *)ROWS_OF(program->bytes, uint8_t) + witness->text;
        sizes[count] = witness->size;
        ids[count] = count;
        flags[count++] = HS_FLAG_SINGLEMATCH;
    }
    hs_compile_error_t *error;
    if (count > 0
        && (hs_compile_lit_multi(texts, flags, ids, sizes, count, HS_MODE_BLOCK, NULL,
                                 &floor->databases[slot], &error) != HS_SUCCESS
            || hs_alloc_scratch(floor->databases[slot], &floor->scratch) != HS_SUCCESS))
        give_up("floor", "Vectorscan refuses the texts");
    free(texts);
    free(sizes);
    free(ids);
    free(flags);
}

static struct floor build_floor(const struct program *program)
{
    struct floor floor = {.databases =
                              calloc(program->slots.count + 1, sizeof floor.databases[0])};
    if (floor.databases == NULL)
        give_up("floor", "memory is out");
    for (uint32_t slot = 0; slot < program->slots.count; slot++)
        build_slot(program, slot, &floor);
    return floor;
}

static void free_floor(struct floor *floor, const struct program *program)
{
    for (uint32_t slot = 0; slot < program->slots.count; slot++)
        hs_free_database(floor->databases[slot]);
    hs_free_scratch(floor->scratch);
    free(floor->databases);
}

static int ignore_hit(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                      void *context)
{
    (void)id;
    (void)from;
    (void)to;
    (void)flags;
    ++*(uint64_t *)context;
    return 0;
}

static void scan_floor(const struct floor *floor, const struct engine_event *event,
                       uint64_t *hits)
{
    for (uint32_t i = 0; i < event->used_count; i++) {
        const hs_database_t *database = floor->databases[event->used[i]];
        uint32_t at = event->slots[event->used[i]];
        for (; database != NULL && at != NO_INDEX; at = event->values[at].next)
            (void)hs_scan(database, (const char *)event->values[at].folded,
                          (unsigned)event->values[at].folded_size, 0, floor->scratch, ignore_hit,
                          hits);
    }
}

/* --- the naive evaluator ---------------------------------------------------------------------- */

static bool naive_text(const struct program *program, const struct pattern *pattern,
                       struct value *value)
{
    const char *literal = (const char *)ROWS_OF(program->bytes, uint8_t) + pattern->text;
    const uint8_t *text = pattern->is_cased ? value->text : value->folded;
    size_t size = pattern->is_cased ? value->size : value->folded_size;
    uint64_t steps;
    if (pattern->kind == PATTERN_GLOB)
        return compare_pattern(program, pattern, value, NULL, &steps);
    const void *found = pattern->size == 0 ? text : memmem(text, size, literal, pattern->size);
    if (found == NULL || pattern->size > size)
        return false;
    bool at_start = memcmp(text, literal, pattern->size) == 0;
    bool at_end = memcmp(text + (size - pattern->size), literal, pattern->size) == 0;
    switch ((enum pattern_kind)pattern->kind) {
    case PATTERN_EXACT:
        return at_start && size == pattern->size;
    case PATTERN_PREFIX:
        return at_start;
    case PATTERN_SUFFIX:
        return at_end;
    default:
        return true;
    }
}

/* A rule over texts only, for the others the engine's own evaluation stands in. */
static bool naive_leaf(const struct program *program, const struct program_leaf *leaf,
                       const struct engine_event *event)
{
    const struct pattern *patterns = ROWS_OF(program->patterns, struct pattern) + leaf->first;
    for (uint32_t at = event->slots[leaf->slot]; at != NO_INDEX; at = event->values[at].next) {
        for (uint32_t i = 0; i < leaf->count; i++) {
            if (naive_text(program, &patterns[i], &event->values[at]))
                return true;
        }
    }
    return false;
}

static bool is_naive(const struct program *program, const struct program_rule *rule)
{
    for (uint32_t i = 0; i < rule->instruction_count; i++) {
        const struct instruction *instruction =
            &ROWS_OF(program->instructions, struct instruction)[rule->instruction + i];
        const struct program_leaf *leaf =
            &ROWS_OF(program->leaves, struct program_leaf)[instruction->operand];
        if (instruction->operation == OPERATION_LEAF
            && (leaf->kind != LEAF_TEXT || leaf->slot == NO_INDEX))
            return false;
    }
    return true;
}

static bool naive_rule(const struct program *program, const struct program_rule *rule,
                       const struct engine_event *event)
{
    bool value = false;
    for (uint32_t at = 0; at < rule->instruction_count; at++) {
        const struct instruction *instruction =
            &ROWS_OF(program->instructions, struct instruction)[rule->instruction + at];
        bool jumps = false;
        switch ((enum operation)instruction->operation) {
        case OPERATION_LEAF:
            value = naive_leaf(
                program,
                &ROWS_OF(program->leaves, struct program_leaf)[instruction->operand], event);
            break;
        case OPERATION_NOT:
            value = !value;
            break;
        case OPERATION_JUMP_IF_TRUE:
            jumps = value;
            break;
        case OPERATION_JUMP_IF_FALSE:
            jumps = !value;
            break;
        }
        if (jumps)
            at = instruction->operand - 1;
    }
    return value;
}

static bool is_source_met(const struct log_source *wanted, const struct view_source *given)
{
    return (wanted->product[0] == '\0' || string_equal(wanted->product, given->product))
           && (wanted->category[0] == '\0' || string_equal(wanted->category, given->category))
           && (wanted->service[0] == '\0' || string_equal(wanted->service, given->service));
}

static void judge_naively(const struct engine *engine, const struct engine_event *event,
                          uint64_t *matches)
{
    const struct program *program = &engine->program;
    for (uint32_t i = 0; i < program->rules.count; i++) {
        const struct program_rule *rule = &ROWS_OF(program->rules, struct program_rule)[i];
        const struct log_source *source =
            &ROWS_OF(program->sources, struct log_source)[rule->source];
        if (event->source_count == 0 || !is_source_met(source, &event->sources[0]))
            continue;
        if (is_naive(program, rule)) {
            *matches += naive_rule(program, rule, event);
            continue;
        }
        struct evaluation evaluation = {.program = program, .event = event,
                                        .scratch = matcher_scratch(engine->matcher),
                                        .steps_left = LIMIT_EVALUATION_STEPS};
        *matches += evaluate_rule(&evaluation, rule);
    }
}

/* --- rounds ----------------------------------------------------------------------------------- */

enum work { WORK_READ, WORK_JUDGE, WORK_FLOOR, WORK_NAIVE, WORKS };

struct bench {
    struct engine *engine;
    struct engine *plain; /* without scanner: what the naive evaluator goes through */
    struct floor floor;
    struct text recording;
    unsigned events;
    uint64_t results[WORKS]; /* matches or hits of one round */
    uint64_t comparable;     /* matches of rules that the naive evaluator has too */
    double ns[WORKS];        /* per event */
};

static void count_match(void *context, size_t rule)
{
    struct bench *bench = context;
    bench->results[WORK_JUDGE]++;
    bench->comparable +=
        bench->plain != NULL && engine_rule(bench->plain, rule)->state == ENGINE_RULE_LOADED;
}

/* One round over the recording: what it took. */
static uint64_t run_round(struct bench *bench, enum work work)
{
    struct engine *engine = work == WORK_NAIVE ? bench->plain : bench->engine;
    struct engine_event *event = engine_event_new(engine);
    const char *at = bench->recording.data;
    const char *end = at + bench->recording.size;
    uint64_t *result = &bench->results[work];
    uint64_t start = cpu_ns();
    *result = 0;
    bench->comparable = work == WORK_JUDGE ? 0 : bench->comparable;
    bench->events = 0;
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        line_end = line_end == NULL ? end : line_end;
        struct explanation why = {.text = ""};
        if (!result_is_ok(engine_event_from_json(event, at, (size_t)(line_end - at), &why)))
            give_up("event", why.text);
        at = line_end + 1;
        bench->events++;
        if (work == WORK_JUDGE)
            engine_eval(engine, event, count_match, NULL, bench);
        else if (work == WORK_FLOOR)
            scan_floor(&bench->floor, event, result);
        else if (work == WORK_NAIVE)
            judge_naively(engine, event, result);
    }
    uint64_t took = cpu_ns() - start;
    engine_event_free(event);
    return took;
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* Judging alone is the difference of rounds with and without it: a look at the clock for each event
 * would cost more than some of them. */
static void measure(struct bench *bench)
{
    for (enum work work = WORK_READ; work < WORKS; work++) {
        uint64_t took[ROUNDS] = {0};
        size_t rounds = work == WORK_NAIVE ? 1 : ROUNDS;
        for (size_t i = 0; i < rounds; i++)
            took[i] = run_round(bench, work);
        qsort(took, rounds, sizeof took[0], compare_numbers);
        size_t median = rounds / 2;
        bench->ns[work] = (double)took[median] / bench->events
                          - (work == WORK_READ ? 0 : bench->ns[WORK_READ]);
    }
}

static struct engine *load(const char *path, bool is_plain, double *ret_seconds)
{
    struct engine_options options = {.is_without_scanner = is_plain};
    struct text pack = read_all(path);
    struct engine *engine;
    struct explanation why = {.text = ""};
    uint64_t start = cpu_ns();
    if (!result_is_ok(engine_load(&options, pack.data, pack.size, &engine, &why)))
        give_up(path, why.text);
    *ret_seconds = (double)(cpu_ns() - start) / 1e9;
    free(pack.data);
    return engine;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static void print_row(struct bench *bench, const char *path, double load_seconds)
{
    size_t rules = engine_count_state(bench->engine, ENGINE_RULE_LOADED);
    size_t bytes = bench->engine->program.budget.used_bytes
                   + arena_used(bench->engine->program.arena);
    bench->floor = build_floor(&bench->engine->program);
    measure(bench);
    printf("| %s: %zu rules, %u events | %.0f | %.0f | %.0f | %.0f | %.2f s | %zu | %llu |\n",
           name_of(path), rules, bench->events, bench->ns[WORK_FLOOR],
           bench->ns[WORK_NAIVE], bench->ns[WORK_READ], bench->ns[WORK_JUDGE], load_seconds,
           rules == 0 ? 0 : bytes / rules, (unsigned long long)bench->results[WORK_JUDGE]);
    if (bench->results[WORK_NAIVE] != bench->comparable)
        give_up(path, "the naive evaluator finds other matches than the engine");
    free_floor(&bench->floor, &bench->engine->program);
}

int main(int argc, char **argv)
{
    uint64_t loops = 0;
    if (argc > 2 && string_equal(argv[1], "--loop")) {
        if (!result_is_ok(number_parse(argv[2], 100000, &loops)))
            give_up(argv[2], "is no number of rounds");
        argc -= 2;
        argv += 2;
    }
    bool is_measured = argc > 1 && string_equal(argv[1], "--measured");
    argc -= is_measured;
    argv += is_measured;
    if (argc < 3)
        give_up("usage", "bench-engine [--loop N | --measured] RECORDING PACK...");
    struct bench bench = {.recording = read_all(argv[1])};
    for (int i = 2; i < argc; i++) {
        double seconds;
        bench.plain = loops > 0 ? NULL : load(argv[i], true, &seconds);
        bench.engine = load(argv[i], false, &seconds);
        if (is_measured && !result_is_ok(engine_measure(bench.engine, 512, clock_thread_ns)))
            give_up("measuring", "memory is out");
        for (uint64_t n = 0; n < loops; n++)
            (void)run_round(&bench, WORK_JUDGE);
        if (loops == 0)
            print_row(&bench, argv[i], seconds);
        engine_free(bench.engine);
        engine_free(bench.plain);
    }
    free(bench.recording.data);
    return 0;
}

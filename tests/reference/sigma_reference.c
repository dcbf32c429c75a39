// SPDX-License-Identifier: Apache-2.0
/*
 * sigma-reference FIRST COUNT [FAULT]: for each seed from FIRST on, RULES random rules and EVENTS
 * random events; the engine must say of every pair what the reference says. Exit code 1 at the
 * first difference, with the rule, the event and the command that repeats it; at the end, how often
 * each construct was judged and matched: what never matches was not tested.
 *
 * FAULT names a planted fault (base/fault.h): then a difference is what is wanted.
 * sigma-reference faults: prints their names, a line each.
 */
#include "base/bytes.h"
#include "base/fault.h"
#include "engine/engine.h"
#include "engine/pack.h"
#include "tests/reference/sigma.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { RULES = 100, EVENTS = 100 };

struct set {
    struct rule rules[RULES];
    struct engine *engine;
    struct engine_event *event;
    uint64_t seed;
};

struct totals {
    uint64_t pairs, matches, rejected;
    uint64_t used[OPERATION_COUNT], hit[OPERATION_COUNT]; /* rules that have it, and matched */
};

static void fail(const char *what, const char *more)
{
    fprintf(stderr, "sigma-reference: %s%s\n", what, more);
    exit(2);
}

/* --- a set of rules -------------------------------------------------------------------------- */

static char *rule_text(const struct rule *rule)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        fail("memory is out", "");
    write_rule(out, rule);
    fclose(out);
    return text;
}

static void add_file(struct pack_writer *writer, const char *name, const char *text)
{
    if (!result_is_ok(pack_writer_add(writer, name, text, strlen(text))))
        fail("cannot pack ", name);
}

static void load(struct set *set)
{
    char *text = NULL;
    size_t size = 0;
    struct pack_writer *writer = pack_writer_new();
    for (size_t i = 0; i < RULES; i++) {
        char name[16];
        string_format(name, sizeof name, "%03zu.yml", i);
        make_rule(&set->rules[i]);
        text = rule_text(&set->rules[i]);
        add_file(writer, name, text);
        free(text);
    }
    FILE *out = open_memstream(&text, &size);
    write_placeholders(out);
    fclose(out);
    add_file(writer, "zzz.yml", text); /* the last: rule rows are numbered as the files */
    free(text);
    uint8_t *pack = NULL;
    struct explanation why = {""};
    if (!result_is_ok(pack_writer_finish(writer, &pack, &size))
        || !result_is_ok(engine_load(NULL, pack, size, &set->engine, &why)))
        fail("the engine loads nothing: ", why.text);
    pack_writer_free(writer);
    free(pack);
    set->event = engine_event_new(set->engine);
    if (set->event == NULL || engine_rule_count(set->engine) != RULES + 1)
        fail("the engine has another number of rules", "");
}

static void say_rejected(const struct set *set, struct totals *totals)
{
    for (size_t i = 0; i < RULES; i++) {
        const struct engine_rule *row = engine_rule(set->engine, i);
        if (row->state == ENGINE_RULE_LOADED)
            continue;
        if (totals->rejected++ < 5) {
            char *text = rule_text(&set->rules[i]);
            printf("# not loaded: line %u: %s\n%s", row->line, row->reason, text);
            free(text);
        }
    }
}

/* --- comparing ------------------------------------------------------------------------------- */

static void count(const struct rule *rule, bool is_match, struct totals *totals)
{
    bool has[OPERATION_COUNT] = {false};
    for (size_t s = 0; s < rule->selection_count; s++)
        for (size_t map = 0; map < rule->selections[s].map_count; map++)
            for (size_t i = 0; i < rule->selections[s].map_sizes[map]; i++)
                has[rule->selections[s].maps[map][i].operation] = true;
    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        totals->used[i] += has[i];
        totals->hit[i] += has[i] && is_match;
    }
    totals->pairs++;
    totals->matches += is_match;
}

static void note(void *context, size_t rule) { ((bool *)context)[rule] = true; }

static bool event_agrees(struct set *set, struct totals *totals)
{
    struct test_event event;
    char *line = NULL;
    size_t size = 0;
    bool found[RULES + 1] = {false};
    struct explanation why = {""};
    make_event(&event);
    FILE *out = open_memstream(&line, &size);
    write_event(out, &event);
    fclose(out);
    if (!result_is_ok(engine_event_from_json(set->event, line, size, &why)))
        fail("the engine does not read an event: ", why.text);
    engine_eval(set->engine, set->event, note, NULL, found);
    bool agrees = true;
    for (size_t i = 0; i < RULES && agrees; i++) {
        if (engine_rule(set->engine, i)->state != ENGINE_RULE_LOADED)
            continue;
        bool wanted = judge(&set->rules[i], &event);
        count(&set->rules[i], wanted, totals);
        agrees = wanted == found[i];
        if (!agrees) {
            char *text = rule_text(&set->rules[i]);
            printf("# again: sigma-reference %" PRIu64
                   " 1\n# the reference says %s, the engine %s\n"
                   "%s%s\n",
                   set->seed, wanted ? "yes" : "no", found[i] ? "yes" : "no", text, line);
            free(text);
        }
    }
    free(line);
    return agrees;
}

static bool seed_agrees(uint64_t seed, struct totals *totals)
{
    static struct set set;
    bool agrees = true;
    set.seed = seed;
    random_begin(seed);
    load(&set);
    say_rejected(&set, totals);
    for (size_t i = 0; i < EVENTS && agrees; i++)
        agrees = event_agrees(&set, totals);
    engine_event_free(set.event);
    engine_free(set.engine);
    return agrees;
}

static void say_totals(const struct totals *totals)
{
    static const char *const NAMES[OPERATION_COUNT] = {
        "texts", "re", "cidr", "lt lte gt gte", "exists", "fieldref", "times"};
    printf("# %" PRIu64 " pairs, %" PRIu64 " matches, %" PRIu64 " rules not loaded\n",
           totals->pairs, totals->matches, totals->rejected);
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        printf("# %s: in %" PRIu64 " pairs, %" PRIu64 " of them matches\n", NAMES[i],
               totals->used[i], totals->hit[i]);
}

static const struct {
    const char *name;
    enum fault fault;
} FAULTS[] = {
    {"cuts-characters", FAULT_ENGINE_CUTS_CHARACTERS},
    {"all-is-any", FAULT_ENGINE_ALL_IS_ANY},
    {"forgets-cased", FAULT_ENGINE_FORGETS_CASED},
    {"means-hidden", FAULT_ENGINE_MEANS_HIDDEN},
    {"two-offsets", FAULT_ENGINE_TWO_OFFSETS},
    {"lte-is-lt", FAULT_ENGINE_LTE_IS_LT},
    {"prefix-bit", FAULT_ENGINE_PREFIX_BIT},
    {"week", FAULT_ENGINE_WEEK},
    {"wrong-witness", FAULT_ENGINE_WRONG_WITNESS},
    {"scanner-refuses", FAULT_ENGINE_SCANNER_REFUSES},
};
enum { FAULT_NAMES = sizeof FAULTS / sizeof FAULTS[0] };

static bool plant(const char *name)
{
    for (size_t i = 0; i < FAULT_NAMES; i++) {
        if (!string_equal(FAULTS[i].name, name))
            continue;
#ifdef CREANCE_FAULTS
        fault_planted = FAULTS[i].fault;
#endif
        return true;
    }
    return false;
}

int main(int argument_count, char *arguments[])
{
    uint64_t first = 0, number = 0;
    if (argument_count == 2 && string_equal(arguments[1], "faults")) {
        for (size_t i = 0; i < FAULT_NAMES; i++)
            puts(FAULTS[i].name);
        return 0;
    }
    if (argument_count < 3 || !result_is_ok(number_parse(arguments[1], UINT32_MAX, &first))
        || !result_is_ok(number_parse(arguments[2], UINT32_MAX, &number))
        || (argument_count > 3 && !plant(arguments[3]))) {
        fputs("usage: sigma-reference FIRST COUNT [FAULT] | faults\n", stderr);
        return 2;
    }
    struct totals totals = {0};
    for (uint64_t seed = first; seed < first + number; seed++)
        if (!seed_agrees(seed, &totals))
            return 1;
    say_totals(&totals);
    return 0;
}

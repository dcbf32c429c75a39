// SPDX-License-Identifier: Apache-2.0
/*
 * creance-sim: what a release with a given fault would do to a fleet, in virtual time.
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/fault.h"
#include "sim/chart.h"
#include "sim/sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_GOOD = 0, EXIT_FINDING = 1, EXIT_USAGE = 2, EXIT_INPUT = 3, EXIT_UNAVAILABLE = 4 };

static const char HELP[] =
    "creance-sim: what a release would do to a fleet, in virtual time\n\n"
    "Usage: creance-sim SCENARIO [OPTION...]\n\n"
    "It runs the agent's own boot guard, halts, admission and lifecycle for each host, under\n"
    "the rings, waves and gates of src/rollout (docs/rollouts.md). SCENARIO is a file of lines\n"
    "`key = value` (tests/sim has some; `-` is none: a good release on the default fleet).\n\n"
    "Options:\n"
    "  --hosts N        hosts of the fleet (as --set hosts=N)\n"
    "  --seed S         everything random comes from it (1); the same seed, the same result\n"
    "  --seeds N        N runs, from --seed on; a line for each\n"
    "  --random         each seed draws fleet, fault and harm of its own; SCENARIO is not read\n"
    "  --set KEY=VALUE  over what the scenario says (repeatable)\n"
    "  --without WORD   switches a safeguard off, to see what it is for (repeatable)\n"
    "  --check          exit code 1 where an invariant does not hold, with the line that runs\n"
    "                   that seed again\n"
    "  --stop           at the first finding\n"
    "  --expect WORDS   exit code 1 unless the result is such: contained, halted, spread, well,\n"
    "                   no-hands, no-harm, unhalted, frozen, gentle (commas between them)\n"
    "  --chart FILE     an SVG of hosts harmed over time, beside everybody at once\n"
    "  --json           one JSON object a line\n"
    "  --keys           what a scenario can say\n"
    "  --safeguards     what --without can switch off\n"
    "  --help\n\n"
    "Exit codes: 0 good, 1 a negative finding, 2 wrong usage, 3 bad input, 4 not available.\n\n"
    "Examples:\n"
    "  creance-sim tests/sim/july-2024 --hosts 8500000 --json --chart july.svg\n"
    "  creance-sim tests/sim/july-2024 --without rings --without age --without boot-guard\n"
    "  creance-sim - --set fault=engine --set fault_at=late --seeds 100\n";

struct call {
    struct sim_options options;
    const char *scenario, *chart, *expect;
    uint64_t seeds;
    bool is_json, is_check, is_random, is_stopping;
    char words[1024]; /* what was said on the command line, to say it again */
};

static int fail(int code, const char *text)
{
    fprintf(stderr, "creance-sim: %s\n", text);
    if (code == EXIT_USAGE)
        fputs("Try: creance-sim --help\n", stderr);
    return code;
}

/* --- the command line ----------------------------------------------------------------------- */

static struct result read_scenario(const char *path, struct scenario *scenario,
                                   struct explanation *why)
{
    if (string_equal(path, "-"))
        return RESULT_OK;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return explain_errno(why, "scenario %s cannot be opened", path);
    static char text[LIMIT_SCENARIO_BYTES + 1];
    size_t size = fread(text, 1, sizeof text, file);
    bool is_bad = ferror(file) != 0;
    fclose(file);
    if (is_bad)
        return explain(why, ERROR_SYSTEM, "scenario %s cannot be read", path);
    struct explanation inner;
    struct result result =
        scenario_read((struct bytes){(const uint8_t *)text, size}, scenario, &inner);
    if (!result_is_ok(result))
        return explain(why, result.error, "scenario %.100s, %.600s", path, inner.text);
    return RESULT_OK;
}

static struct result set_pair(struct call *call, const char *pair, struct explanation *why)
{
    char key[64];
    const char *equals = strchr(pair, '=');
    if (equals == NULL || (size_t)(equals - pair) >= sizeof key)
        return explain(why, ERROR_FORMAT, "--set %s: expected KEY=VALUE", pair);
    (void)string_format(key, sizeof key, "%.*s", (int)(equals - pair), pair);
    return scenario_set(&call->options.scenario, key, equals + 1, why);
}

static struct result take_value(struct call *call, const char *name, const char *value,
                                struct explanation *why)
{
    uint32_t bit = 0;
    uint64_t number = 0;
    if (string_equal(name, "--set"))
        return set_pair(call, value, why);
    if (string_equal(name, "--hosts"))
        return scenario_set(&call->options.scenario, "hosts", value, why);
    if (string_equal(name, "--without")) {
        if (!sim_off_parse(value, &bit))
            return explain(why, ERROR_FORMAT, "--without %s: there is no such safeguard "
                                              "(--safeguards lists them)", value);
        call->options.off |= bit;
        return RESULT_OK;
    }
    if (string_equal(name, "--chart")) {
        call->chart = value;
        return RESULT_OK;
    }
    if (string_equal(name, "--expect")) {
        call->expect = value;
        return RESULT_OK;
    }
    if (!string_equal(name, "--seed") && !string_equal(name, "--seeds"))
        return explain(why, ERROR_FORMAT, "there is no option %s", name);
    if (!result_is_ok(number_parse(value, UINT32_MAX, &number)))
        return explain(why, ERROR_FORMAT, "%s %s: expected a number", name, value);
    if (string_equal(name, "--seed"))
        call->options.seed = number;
    else
        call->seeds = number;
    return RESULT_OK;
}

static struct result parse(int argc, char **argv, struct call *call, struct explanation *why)
{
    size_t used = 0;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        bool is_again = !string_equal(word, "--seed") && !string_equal(word, "--seeds")
                        && !string_equal(word, "--chart") && !string_equal(word, "--json")
                        && !string_equal(word, "--stop");
        if (string_equal(word, "--json"))
            call->is_json = true;
        else if (string_equal(word, "--random"))
            call->is_random = true;
        else if (string_equal(word, "--stop"))
            call->is_stopping = true;
        else if (string_equal(word, "--check"))
            call->is_check = true;
        else if (string_starts_with(word, "--") && i + 1 < argc)
            GUARD(take_value(call, word, argv[++i], why));
        else if (string_starts_with(word, "--"))
            return explain(why, ERROR_FORMAT,
                           "%s: there is no such option, or its value is missing", word);
        else if (word != call->scenario)
            return explain(why, ERROR_FORMAT, "\"%s\" is one word too many", word);
        if (!is_again)
            continue;
        (void)string_format(call->words + used, sizeof call->words - used, " %s%s%s", word,
                            argv[i] != word ? " " : "", argv[i] != word ? argv[i] : "");
        used = strlen(call->words);
    }
    return RESULT_OK;
}

/* --- what is printed ------------------------------------------------------------------------ */

static void print_time(FILE *file, const char *name, uint32_t seconds, bool is_json)
{
    if (is_json && seconds == SIM_NEVER)
        fprintf(file, ",\"%s\":null", name);
    else if (is_json)
        fprintf(file, ",\"%s\":%u", name, seconds);
    else if (seconds == SIM_NEVER)
        fprintf(file, "%-26s never\n", name);
    else
        fprintf(file, "%-26s %u (%.1f h)\n", name, seconds, seconds / 3600.0);
}

static void print_number(const char *name, uint64_t number, bool is_json)
{
    if (is_json)
        printf(",\"%s\":%llu", name, (unsigned long long)number);
    else
        printf("%-26s %llu\n", name, (unsigned long long)number);
}

static void print_result(const struct sim_result *result, bool is_json, double seconds)
{
    printf(is_json ? "{\"hosts\":%u" : "hosts                      %u\n", result->hosts);
    print_number("seed", result->seed, is_json);
    print_number("first_ring", result->first_ring, is_json);
    print_number("combinations", result->combinations, is_json);
    print_number("combinations_missing", result->combinations_missing, is_json);
    print_number("took", result->took, is_json);
    print_number("reached", result->reached, is_json);
    print_number("harmed", result->harmed, is_json);
    print_number("harmed_beyond_first_ring", result->harmed_beyond_first_ring, is_json);
    print_number("hands", result->hands, is_json);
    print_number("unwell", result->unwell, is_json);
    print_time(stdout, "first_harm", result->first_harm_s, is_json);
    print_time(stdout, "halted", result->halted_s, is_json);
    print_time(stdout, "seconds_to_halt", result->seconds_to_halt, is_json);
    print_time(stdout, "seconds_to_all_well", result->seconds_to_all_well, is_json);
    print_number("peak", result->peak, is_json);
    print_number("is_frozen", result->is_frozen, is_json);
    print_number("paused", result->paused, is_json);
    print_time(stdout, "good_95", result->good_95_s, is_json);
    print_number("steps", result->steps, is_json);
    print_number("signatures_verified", result->verified, is_json);
    uint64_t rate = seconds > 0 ? (uint64_t)((double)result->steps / seconds) : 0;
    print_number("steps_per_second", rate, is_json);
    if (is_json)
        printf(",\"digest\":\"%016llx\",\"reason\":\"%s\"}\n", (unsigned long long)result->digest,
               result->reason);
    else
        printf("%-26s %016llx\n%-26s %s\n", "digest", (unsigned long long)result->digest, "reason",
               result->reason);
    fflush(stdout);
}

static bool is_expected(const struct sim_result *result, const char *words)
{
    char copy[256];
    bool is_all = string_copy(copy, sizeof copy, words);
    char *rest = copy;
    for (char *word = strsep(&rest, ","); word != NULL; word = strsep(&rest, ",")) {
        bool is_so = string_equal(word, "contained")  ? result->harmed_beyond_first_ring == 0
                     : string_equal(word, "halted")   ? result->halted_s != SIM_NEVER
                     : string_equal(word, "unhalted") ? result->halted_s == SIM_NEVER
                     : string_equal(word, "spread")   ? result->good_95_s != SIM_NEVER
                     : string_equal(word, "well")     ? result->unwell == 0
                     : string_equal(word, "no-hands") ? result->hands == 0
                     : string_equal(word, "frozen")   ? result->is_frozen
                     : string_equal(word, "gentle")   ? result->peak <= result->hosts / 50
                     : string_equal(word, "no-harm")  ? result->harmed == 0
                                                      : false;
        if (!is_so)
            printf("# expected: %s\n", word);
        is_all = is_all && is_so;
    }
    return is_all;
}

static int chart(const struct call *call, const struct sim_result *result)
{
    struct sim_options at_once = call->options;
    struct sim_result other;
    struct explanation why;
    at_once.off |= SIM_OFF_RINGS | SIM_OFF_AGE | SIM_OFF_BOOT_GUARD | SIM_OFF_TRIAL
                   | SIM_OFF_HALTS | SIM_OFF_GATES;
    if (!result_is_ok(sim_run(&at_once, &other, &why)))
        return fail(EXIT_UNAVAILABLE, why.text);
    print_result(&other, call->is_json, 0);
    FILE *file = fopen(call->chart, "we");
    if (file == NULL) {
        sim_result_free(&other);
        fprintf(stderr, "creance-sim: %s: %s\n", call->chart, strerror(errno));
        return EXIT_UNAVAILABLE;
    }
    const struct chart_curve curves[] = {{"Creance", result}, {"everybody at once", &other}};
    struct result written =
        chart_write(file, "Hosts harmed by a release that crashes every host", curves, 2);
    if (fclose(file) != 0)
        written = result_from_errno();
    sim_result_free(&other);
    return result_is_ok(written) ? EXIT_GOOD : fail(EXIT_UNAVAILABLE, result_text(written));
}

/* A seed that draws its fleet; few hosts verify for themselves, for there are many fleets. */
static void set_random(struct call *call)
{
    call->options.scenario = scenario_random(call->options.seed);
    call->options.real_hosts = 2;
}

static int run_all(struct call *call)
{
    int code = EXIT_GOOD;
    const struct clock *clock = clock_system();
    for (uint64_t i = 0; i < call->seeds; i++) {
        if (code == EXIT_UNAVAILABLE || (code == EXIT_FINDING && call->is_stopping))
            break;
        struct sim_result result;
        struct explanation why;
        if (call->is_random)
            set_random(call);
        uint64_t begun_ns = clock_boottime_ns(clock);
        if (!result_is_ok(sim_run(&call->options, &result, &why)))
            return fail(EXIT_UNAVAILABLE, why.text);
        double seconds = (double)(clock_boottime_ns(clock) - begun_ns) / 1e9;
        bool is_broken = call->is_check && result.broken != NULL;
        bool is_other = call->expect != NULL && !is_expected(&result, call->expect);
        if (!call->is_check || is_broken || is_other)
            print_result(&result, call->is_json, seconds);
        if (is_broken || is_other) {
            printf("# broken: %s\n# again: creance-sim%s --seed %llu\n",
                   is_broken ? result.broken : "not what was expected", call->words,
                   (unsigned long long)call->options.seed);
            code = EXIT_FINDING;
        }
        if (call->chart != NULL)
            code = chart(call, &result);
        sim_result_free(&result);
        call->options.seed++;
    }
    return code;
}

int main(int argc, char **argv)
{
    fault_plant();
    if (argc < 2)
        return fail(EXIT_USAGE, "a scenario is missing");
    if (string_equal(argv[1], "--help") || string_equal(argv[1], "-h")) {
        fputs(HELP, stdout);
        return EXIT_GOOD;
    }
    if (string_equal(argv[1], "--keys")) {
        scenario_print_keys(stdout);
        return EXIT_GOOD;
    }
    if (string_equal(argv[1], "--safeguards")) {
        for (unsigned place = 0; place < SIM_OFF_COUNT; place++)
            printf("%-12s %s\n", sim_off_word(place), sim_off_text(place));
        return EXIT_GOOD;
    }
    struct call call = {.scenario = argv[1], .seeds = 1};
    struct explanation why;
    call.options.scenario = scenario_default();
    call.options.seed = 1;
    call.options.real_hosts = 1000;
    struct result result = read_scenario(call.scenario, &call.options.scenario, &why);
    if (!result_is_ok(result))
        return fail(EXIT_INPUT, why.text);
    if (!result_is_ok(parse(argc, argv, &call, &why)))
        return fail(EXIT_USAGE, why.text);
    return run_all(&call);
}

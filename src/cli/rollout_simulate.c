// SPDX-License-Identifier: Apache-2.0
/*
 * `creance rollout simulate`: what the default policy would make, in a fleet, of a release with a
 * fault of a given kind: the simulator over that fleet's own hosts, for several seeds.
 */
#include "base/bytes.h"
#include "base/limits.h"
#include "cli/fleet_file.h"
#include "cli/worker.h"
#include "sim/sim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEEDS_MAX = 10000, SEEDS_DEFAULT = 20, REAL_HOSTS = 100, HOUR_S = 3600, PPM = 1000000 };

struct rollout_simulate {
    const struct call *call;
    const char *name;
    int fd;
    uint64_t seeds;

    /* the worker's own */
    struct fleet_file *fleet;
    struct sim_options options;
    struct sim_result *results; /* one for each seed, without their curves */
};

/* --- what is asked ---------------------------------------------------------------------------- */

static RESULT set(struct rollout_simulate *simulate, const char *key, const char *option,
                  struct explanation *why)
{
    const char *value = options_value(simulate->call->options, option, NULL);
    struct explanation reason;
    if (value == NULL)
        return RESULT_OK;
    if (result_is_ok(scenario_set(&simulate->options.scenario, key, value, &reason)))
        return RESULT_OK;
    return explain(why, ERROR_FORMAT, "--%s %s: %.600s", option, value, reason.text);
}

static RESULT set_pairs(struct rollout_simulate *simulate, struct explanation *why)
{
    const struct options *options = simulate->call->options;
    for (size_t i = 0; i < options_count(options, "set"); i++) {
        const char *pair = options_value_at(options, "set", i);
        const char *equals = strchr(pair, '=');
        char key[64];
        if (equals == NULL
            || !string_format(key, sizeof key, "%.*s", (int)(equals - pair), pair))
            return explain(why, ERROR_FORMAT, "--set %s: expected KEY=VALUE", pair);
        GUARD(scenario_set(&simulate->options.scenario, key, equals + 1, why));
    }
    return RESULT_OK;
}

/* The number that the fleet's file gave a kernel. */
static RESULT set_kernel(struct rollout_simulate *simulate, struct explanation *why)
{
    const char *kernel = options_value(simulate->call->options, "kernel", NULL);
    uint32_t count = fleet_file_words(simulate->fleet, FLEET_KERNEL);
    if (kernel == NULL)
        return RESULT_OK;
    for (uint32_t i = 0; i < count; i++) {
        if (!string_equal(fleet_file_word(simulate->fleet, FLEET_KERNEL, i), kernel))
            continue;
        simulate->options.scenario.fault_on = SCENARIO_fault_on_kernel;
        simulate->options.scenario.fault_kernel = i;
        return RESULT_OK;
    }
    return explain(why, ERROR_NOT_FOUND, "--kernel %s: no host of the fleet has it", kernel);
}

static RESULT set_all(struct rollout_simulate *simulate, struct explanation *why)
{
    struct scenario *scenario = &simulate->options.scenario;
    uint32_t hosts = 0;
    simulate->options.fleet = fleet_file_hosts(simulate->fleet, &hosts);
    GUARD(set(simulate, "fault", "fault", why));
    GUARD(set(simulate, "fault_at", "at", why));
    GUARD(set_kernel(simulate, why));
    GUARD(set_pairs(simulate, why));
    scenario->hosts = hosts;
    scenario->kernels = fleet_file_words(simulate->fleet, FLEET_KERNEL);
    scenario->distributions = fleet_file_words(simulate->fleet, FLEET_DISTRIBUTION);
    scenario->architectures = fleet_file_words(simulate->fleet, FLEET_ARCHITECTURE);
    scenario->roles = fleet_file_words(simulate->fleet, FLEET_ROLE);
    return RESULT_OK;
}

/* --- what came of it -------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
    const uint32_t *one = a, *other = b;
    return *one < *other ? -1 : *one > *other;
}

/* Of all seeds, sorted; SIM_NEVER is last. */
struct spread {
    uint32_t median, last, most; /* the 99th percentile, and the greatest */
};

static struct spread spread_of(const struct rollout_simulate *simulate, size_t place)
{
    struct spread spread = {0};
    uint32_t *numbers = calloc(simulate->seeds, sizeof *numbers);
    if (numbers == NULL)
        return (struct spread){SIM_NEVER, SIM_NEVER, SIM_NEVER};
    for (uint64_t i = 0; i < simulate->seeds; i++)
        bytes_copy(&numbers[i], sizeof numbers[i],
                   (const uint8_t *)&simulate->results[i] + place, sizeof numbers[i]);
    qsort(numbers, simulate->seeds, sizeof *numbers, by_number);
    spread.median = numbers[(simulate->seeds - 1) / 2];
    spread.last = numbers[(simulate->seeds * 99 + 99) / 100 - 1];
    spread.most = numbers[simulate->seeds - 1];
    free(numbers);
    return spread;
}

#define SPREAD(simulate, member) spread_of(simulate, offsetof(struct sim_result, member))

static void say_hours(const struct rollout_simulate *simulate, const char *what,
                      struct spread spread)
{
    struct output *output = simulate->call->output;
    output_part(output, COLOUR_NONE, "%-34s", what);
    const uint32_t times[] = {spread.median, spread.last};
    for (unsigned i = 0; i < 2; i++) {
        if (times[i] == SIM_NEVER)
            output_part(output, COLOUR_NONE, " %14s", "never");
        else
            output_part(output, COLOUR_NONE, " %12.1f h", times[i] / (double)HOUR_S);
    }
    output_line(output, "%s", "");
}

static void say_hosts(const struct rollout_simulate *simulate, const char *what,
                      struct spread spread)
{
    double hosts = simulate->options.scenario.hosts;
    output_line(simulate->call->output, "%-34s %6u %6.3f %% %6u %6.3f %%", what, spread.median,
                100 * spread.median / hosts, spread.last, 100 * spread.last / hosts);
}

struct ends {
    uint64_t halted, paused;
};

/* Seeds in which a gate, or people, halted it; and those in which a gate asked people to look. */
static struct ends count_ends(const struct rollout_simulate *simulate)
{
    struct ends ends = {0};
    for (uint64_t i = 0; i < simulate->seeds; i++) {
        ends.halted += simulate->results[i].halted_s != SIM_NEVER;
        ends.paused += simulate->results[i].paused != 0;
    }
    return ends;
}

static enum cli_exit print_summary(const struct rollout_simulate *simulate)
{
    const struct scenario *scenario = &simulate->options.scenario;
    struct output *output = simulate->call->output;
    struct spread beyond = SPREAD(simulate, harmed_beyond_first_ring);
    struct spread hands = SPREAD(simulate, hands), harmed = SPREAD(simulate, harmed);
    bool is_bad = scenario->fault != SCENARIO_fault_none && (hands.most > 0 || beyond.most > 0);
    struct ends ends = count_ends(simulate);
    double percent = 100.0 / (double)simulate->seeds;
    if (output_is_json(output)) {
        output_json(output,
                    json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "seeds",
                              (json_int_t)simulate->seeds, "halted", (json_int_t)ends.halted,
                              "paused", (json_int_t)ends.paused, "harmed_median",
                              (json_int_t)harmed.median, "harmed_99",
                              (json_int_t)harmed.last, "harmed_most", (json_int_t)harmed.most,
                              "beyond_first_ring_most", (json_int_t)beyond.most, "hands_most",
                              (json_int_t)hands.most));
        return is_bad ? CLI_FINDING : CLI_GOOD;
    }
    output_line(output, "%u hosts, %llu seeds; the release was halted in %.1f %% of them; in %.1f "
                        "%% a gate asked people to look.", scenario->hosts,
                (unsigned long long)simulate->seeds, percent * (double)ends.halted,
                percent * (double)ends.paused);
    output_line(output, "%s", "");
    output_line(output, "%-34s %14s %15s", "", "median", "99th percentile");
    say_hosts(simulate, "hosts harmed", harmed);
    say_hosts(simulate, "  of them beyond the first ring", beyond);
    say_hosts(simulate, "hosts that need hands", hands);
    say_hours(simulate, "from the first harm to the halt", SPREAD(simulate, seconds_to_halt));
    say_hours(simulate, "  until all are well by themselves",
              SPREAD(simulate, seconds_to_all_well));
    say_hours(simulate, "from the release to 95 % of hosts", SPREAD(simulate, good_95_s));
    return is_bad ? CLI_FINDING : CLI_GOOD;
}

/* One row for each seed, for programs. */
static void print_seed(const struct rollout_simulate *simulate, const struct sim_result *result)
{
    struct output *output = simulate->call->output;
    if (!output_is_json(output))
        return;
    json_t *halted = result->halted_s == SIM_NEVER ? json_null()
                                                   : json_integer((json_int_t)result->halted_s);
    json_t *good = result->good_95_s == SIM_NEVER ? json_null()
                                                  : json_integer((json_int_t)result->good_95_s);
    output_json(output,
                json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:o, s:o}", "seed",
                          (json_int_t)result->seed, "hosts", (json_int_t)result->hosts, "harmed",
                          (json_int_t)result->harmed, "harmed_beyond_first_ring",
                          (json_int_t)result->harmed_beyond_first_ring, "hands",
                          (json_int_t)result->hands, "halted", halted, "seconds_to_all_well",
                          (json_int_t)result->seconds_to_all_well, "good_95", good, "reason",
                          output_json_text(result->reason)));
}

/* --- doing it --------------------------------------------------------------------------------- */

static RESULT run_seeds(struct rollout_simulate *simulate, struct explanation *why)
{
    bool is_terminal = isatty(STDERR_FILENO) != 0;
    for (uint64_t i = 0; i < simulate->seeds && !output_is_closed(simulate->call->output); i++) {
        struct sim_result result;
        simulate->options.seed = i + 1;
        if (is_terminal)
            fprintf(stderr, "\rseed %llu of %llu ", (unsigned long long)i + 1,
                    (unsigned long long)simulate->seeds);
        GUARD(sim_run(&simulate->options, &result, why));
        print_seed(simulate, &result);
        simulate->results[i] = result;
        sim_result_free(&result);
    }
    if (is_terminal)
        fputs("\r                         \r", stderr);
    return RESULT_OK;
}

static enum cli_exit work(void *context, struct worker_place *place)
{
    struct rollout_simulate *simulate = context;
    struct explanation why = {""};
    enum cli_exit code = CLI_INPUT;
    worker_at(place, simulate->name);
    struct result result =
        fleet_file_read(simulate->fd, simulate->name, &simulate->fleet, &why);
    if (result_is_ok(result))
        result = set_all(simulate, &why);
    simulate->results = calloc(simulate->seeds, sizeof *simulate->results);
    if (result_is_ok(result) && simulate->results == NULL)
        result = explain(&why, ERROR_MEMORY, "memory is out");
    worker_at(place, "the simulation");
    if (result_is_ok(result))
        result = run_seeds(simulate, &why);
    if (result_is_ok(result)) {
        code = print_summary(simulate);
    } else {
        verb_error("%s", why.text);
        code = result.error == ERROR_MEMORY ? CLI_UNAVAILABLE : CLI_INPUT;
    }
    free(simulate->results);
    fleet_file_free(simulate->fleet);
    return code;
}

static enum cli_exit run(const struct call *call)
{
    struct rollout_simulate simulate = {
        .call = call,
        .name = options_word(call->options, 0),
        .seeds = SEEDS_DEFAULT,
        .options = {.scenario = scenario_default(), .real_hosts = REAL_HOSTS},
    };
    const char *seeds = options_value(call->options, "seeds", NULL);
    if (seeds != NULL
        && (!result_is_ok(number_parse(seeds, SEEDS_MAX, &simulate.seeds)) || simulate.seeds == 0))
        return verb_usage_error(call, "--seeds %s: expected 1 to %d", seeds, SEEDS_MAX);
    if (!string_equal(simulate.name, "-"))
        simulate.fd = open(simulate.name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (simulate.fd < 0) {
        verb_error("%s cannot be read: %s", simulate.name, strerror(errno));
        return CLI_INPUT;
    }
    enum cli_exit code = worker_run(call, work, &simulate);
    if (simulate.fd > 0)
        close(simulate.fd);
    return verb_finish_output(call, code);
}

static const struct option_row OPTIONS[] = {
    {"fault", "WORD", false, "what the release does: none, engine, host, silence, cpu, loss..."},
    {"at", "WORD", false, "when: load, shadow, active, late, boot, match"},
    {"kernel", "NAME", false, "only on hosts with this kernel of the fleet's"},
    {"set", "KEY=VALUE", true, "anything else of a scenario (creance-sim --keys)"},
    {"seeds", "N", false, "so many runs, each with chances of its own (20)"},
    {0},
};

const struct verb verb_rollout_simulate = {
    .name = "rollout simulate",
    .summary = "what a rollout would make, in your fleet, of a release with a fault",
    .words = "FLEET",
    .words_min = 1,
    .words_max = 1,
    .options = OPTIONS,
    .help =
        "FLEET is as for `creance rollout plan`. For each seed the simulator runs the agent's own\n"
        "lifecycle and admission for each of these hosts, under the rings, waves and gates of the\n"
        "default policy, in virtual time. Which hosts sleep, are off or have a wrong clock is\n"
        "made up; which kernels, distributions and roles there are, and who is protected, is\n"
        "yours.\n"
        "\n"
        "With --json: one object for each seed, then one for all. Exit codes: 0 no host beyond\n"
        "the first ring was harmed and none needs hands, 1 some did, 3 FLEET or an option's value\n"
        "cannot be used.\n"
        "\n"
        "Examples:\n"
        "  creance rollout simulate fleet.jsonl\n"
        "  creance rollout simulate --fault engine --at active fleet.jsonl\n"
        "  creance rollout simulate --fault host --kernel 6.1.0-18-amd64 --seeds 100 fleet.jsonl\n"
        "  creance rollout simulate --fault malice --set found_after_s=14400 fleet.jsonl\n",
    .output_default = OUTPUT_TEXT,
    .run = run,
};

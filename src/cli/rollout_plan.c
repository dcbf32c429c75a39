// SPDX-License-Identifier: Apache-2.0
/*
 * `creance rollout plan`: what a rollout under the default policy would be in a fleet: its rings,
 * what the first one covers, when each begins, and what its gate can show and see.
 */
#include "base/bytes.h"
#include "base/limits.h"
#include "cli/fleet_file.h"
#include "cli/worker.h"
#include "rollout/controller.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RINGS = 4, MISSING_SHOWN = 20, PPM = 1000000, HOUR_S = 3600 };

/* Shares of the fleet where --rings says nothing; the last ring takes what is left. */
static const uint32_t SHARES_PPM[RINGS - 1] = {500, 10000, 100000};

/* What a fault does, for the table of what gates see. */
static const uint32_t FAULTS_PPM[] = {1000000, 100000, 10000, 1000};
enum { FAULTS = sizeof FAULTS_PPM / sizeof FAULTS_PPM[0] };

struct rollout_plan {
    const struct call *call;
    const char *name;
    int fd;
    struct fleet_rings wanted;

    /* the worker's own */
    struct fleet_file *fleet;
    uint8_t *rings;
    struct fleet_cover cover;
    uint8_t strata;
};

/* --- the policy in words ---------------------------------------------------------------------- */

static void say_time(uint32_t seconds, char *out, size_t capacity)
{
    if (seconds == 0)
        (void)string_copy(out, capacity, "at once");
    else if (seconds % DAY_S == 0)
        (void)string_format(out, capacity, "%u d", seconds / DAY_S);
    else
        (void)string_format(out, capacity, "%.3g h", (double)seconds / HOUR_S);
}

/* From the start of a ring's first wave to the last offer of its last one. */
static uint32_t offered_over_s(const struct waves *waves)
{
    uint32_t sum_s = 0;
    for (unsigned i = 0; i < waves->count; i++)
        sum_s += waves->waves[i].spread_s + (i + 1 < waves->count ? waves->waves[i].pause_s : 0);
    return sum_s;
}

/* --- gates ------------------------------------------------------------------------------------ */

static bool is_too_small(uint32_t hosts)
{
    return hosts < gate_hosts_needed(&GATE_POLICY_DEFAULT);
}

/* The chance that a ring halts a release that crashes so many of its hosts' engines in the time for
 * which its gate watches them. */
static uint32_t power_ppm(const struct rollout_plan *plan, unsigned ring, uint32_t bad_ppm)
{
    const struct gate_policy *policy = &GATE_POLICY_DEFAULT;
    uint32_t hosts = plan->cover.sizes[ring], all = 0;
    (void)fleet_file_hosts(plan->fleet, &all);
    uint64_t others_s = (uint64_t)(all - hosts) * policy->soak_s;
    uint64_t usual_ppm_day = metric_facts(METRIC_CRASH)->tolerated_ppm_day;
    const struct evidence_group without = {
        .bad = (uint32_t)(others_s * usual_ppm_day / PPM / DAY_S),
        .host_s = others_s,
    };
    if (hosts == 0)
        return 0;
    return gate_power_ppm(policy, plan->strata, METRIC_CRASH, hosts, bad_ppm,
                          (uint64_t)hosts * policy->soak_s, &without);
}

static void say_gate(uint32_t hosts, char *out, size_t capacity)
{
    const struct gate_policy *policy = &GATE_POLICY_DEFAULT;
    char soak[16], age[16];
    say_time(policy->soak_s, soak, sizeof soak);
    say_time(policy->small_age_s, age, sizeof age);
    if (is_too_small(hosts))
        (void)string_format(out, capacity, "too small (%u are needed): all of it well, pooled "
                            "evidence of other fleets, and %s", gate_hosts_needed(policy), age);
    else
        (void)string_format(out, capacity, "fewer than %.2g %% bad, %.3g %% sure, each watched "
                            "for %s", policy->bad_ppm / 1e4,
                            100 - policy->unsure_ppm / 1e4, soak);
}

/* --- printing --------------------------------------------------------------------------------- */

static RESULT print_ring(struct table *table, const struct rollout_plan *plan, unsigned ring,
                         uint32_t all)
{
    const struct controller_ring *policy = &CONTROLLER_POLICY_DEFAULT.rings[ring];
    struct output *output = plan->call->output;
    uint32_t hosts = plan->cover.sizes[ring];
    char number[12], size[16], share[16], age[16], approvals[12], over[16], gate[160];
    (void)string_format(number, sizeof number, "%u", ring + 1);
    (void)string_format(size, sizeof size, "%u", hosts);
    (void)string_format(share, sizeof share, "%.3g %%", 100.0 * hosts / all);
    say_time(policy->age_s, age, sizeof age);
    (void)string_format(approvals, sizeof approvals, "%u", policy->approvals);
    say_time(offered_over_s(&policy->waves), over, sizeof over);
    say_gate(hosts, gate, sizeof gate);
    if (table != NULL) {
        const char *cells[] = {number, size, share, age, approvals, over, gate};
        return table_add(table, is_too_small(hosts) ? COLOUR_YELLOW : COLOUR_NONE, cells);
    }
    json_t *sees = json_array();
    for (unsigned i = 0; i < FAULTS; i++)
        json_array_append_new(sees, json_pack("{s:I, s:I}", "bad_ppm", (json_int_t)FAULTS_PPM[i],
                                              "halted_ppm",
                                              (json_int_t)power_ppm(plan, ring, FAULTS_PPM[i])));
    output_json(output,
                json_pack("{s:I, s:I, s:I, s:I, s:I, s:b, s:s, s:o}", "ring",
                          (json_int_t)ring + 1, "hosts", (json_int_t)hosts, "age_seconds",
                          (json_int_t)policy->age_s, "approvals", (json_int_t)policy->approvals,
                          "offered_over_seconds", (json_int_t)offered_over_s(&policy->waves),
                          "too_small", (int)is_too_small(hosts), "gate", gate, "sees", sees));
    return RESULT_OK;
}

static RESULT print_rings(const struct rollout_plan *plan, uint32_t all)
{
    static const char *const TITLES[] = {"RING", "HOSTS", "SHARE", "NOT BEFORE", "APPROVALS",
                                         "OFFERED OVER", "ITS GATE OPENS WHEN"};
    bool is_json = output_is_json(plan->call->output);
    struct table *table = is_json ? NULL : table_new(7, TITLES);
    if (table == NULL && !is_json)
        return result_fail(ERROR_MEMORY);
    struct result result = RESULT_OK;
    for (unsigned ring = 0; ring < plan->wanted.count && result_is_ok(result); ring++)
        result = print_ring(table, plan, ring, all);
    if (table != NULL && result_is_ok(result))
        table_print(table, plan->call->output);
    table_free(table);
    return result;
}

static void print_powers(const struct rollout_plan *plan)
{
    struct output *output = plan->call->output;
    char soak[16];
    say_time(GATE_POLICY_DEFAULT.soak_s, soak, sizeof soak);
    output_line(output, "%s", "");
    output_line(output, "A release that crashes engines within %s is halted by a ring:", soak);
    for (unsigned i = 0; i < FAULTS; i++) {
        output_part(output, COLOUR_NONE, "  on %5.4g %% of the hosts:", FAULTS_PPM[i] / 1e4);
        for (unsigned ring = 0; ring < plan->wanted.count; ring++)
            output_part(output, COLOUR_NONE, "  %u: %3.0f %%", ring + 1,
                        power_ppm(plan, ring, FAULTS_PPM[i]) / 1e4);
        output_line(output, "%s", "");
    }
    output_line(output, "%s", "What looks healthy and is not, no gate sees: the public log, people "
                              "and halts do.");
}

static void print_missing(const struct rollout_plan *plan)
{
    struct output *output = plan->call->output;
    bool is_json = output_is_json(output);
    uint32_t shown = 0;
    for (uint32_t i = 0; i < plan->cover.combination_count; i++) {
        const struct fleet_combination *row = &plan->cover.combinations[i];
        const char *why = row->gap == FLEET_ONLY_PROTECTED
                              ? "all hosts that have it are protected"
                              : "the first ring may not have more hosts (--first-max)";
        if (row->gap == FLEET_COVERED || (!is_json && shown++ == MISSING_SHOWN))
            continue;
        if (!is_json && shown > MISSING_SHOWN)
            break;
        const char *kernel = fleet_file_word(plan->fleet, FLEET_KERNEL, row->kernel);
        const char *distribution =
            fleet_file_word(plan->fleet, FLEET_DISTRIBUTION, row->distribution);
        const char *architecture =
            fleet_file_word(plan->fleet, FLEET_ARCHITECTURE, row->architecture);
        const char *role = fleet_file_word(plan->fleet, FLEET_ROLE, row->role);
        if (is_json)
            output_json(output, json_pack("{s:o, s:o, s:o, s:o, s:I, s:s}", "missing_kernel",
                                          output_json_text(kernel), "distribution",
                                          output_json_text(distribution), "architecture",
                                          output_json_text(architecture), "role",
                                          output_json_text(role), "hosts",
                                          (json_int_t)row->hosts, "why", why));
        else
            output_line(output, "  missing: %s, %s, %s, %s (%u hosts): %s", kernel, distribution,
                        architecture, role, row->hosts, why);
    }
    if (!is_json && plan->cover.missing_count > MISSING_SHOWN)
        output_line(output, "  and %u more (--json names all)",
                    plan->cover.missing_count - MISSING_SHOWN);
}

static enum cli_exit print(const struct rollout_plan *plan)
{
    struct output *output = plan->call->output;
    const struct fleet_cover *cover = &plan->cover;
    uint32_t all = 0;
    (void)fleet_file_hosts(plan->fleet, &all);
    if (output_is_json(output))
        output_json(output, json_pack("{s:I, s:I, s:I, s:I}", "fleet", (json_int_t)all,
                                      "combinations", (json_int_t)cover->combination_count,
                                      "missing", (json_int_t)cover->missing_count, "missing_hosts",
                                      (json_int_t)cover->missing_hosts));
    else
        output_line(output, "%u hosts with %u combinations of kernel, distribution, architecture "
                            "and role; the first ring has %u of them.", all,
                    cover->combination_count, cover->combination_count - cover->missing_count);
    print_missing(plan);
    if (!output_is_json(output))
        output_line(output, "%s", "");
    if (!result_is_ok(print_rings(plan, all))) {
        verb_error("memory is out");
        return CLI_UNAVAILABLE;
    }
    if (!output_is_json(output))
        print_powers(plan);
    return cover->missing_count > 0 ? CLI_FINDING : CLI_GOOD;
}

/* --- making it -------------------------------------------------------------------------------- */

static void default_sizes(struct fleet_rings *wanted, uint32_t hosts)
{
    enum { FIRST_MAX_PPM = 2000, FIRST_MAX_LEAST = 50, SMALL_PART = 10 };
    if (wanted->count == 0) {
        wanted->count = RINGS;
        for (unsigned i = 0; i + 1 < RINGS; i++) {
            uint64_t size = (uint64_t)hosts * SHARES_PPM[i] / PPM;
            wanted->sizes[i] = size > 0 ? (uint32_t)size : 1;
        }
    }
    if (wanted->first_max != 0)
        return;
    uint32_t least = hosts / SMALL_PART < FIRST_MAX_LEAST ? hosts / SMALL_PART : FIRST_MAX_LEAST;
    uint64_t most = (uint64_t)hosts * FIRST_MAX_PPM / PPM;
    wanted->first_max = most > least ? (uint32_t)most : least;
    if (wanted->first_max < wanted->sizes[0])
        wanted->first_max = wanted->sizes[0];
}

static enum cli_exit work(void *context, struct worker_place *place)
{
    struct rollout_plan *plan = context;
    struct explanation why = {""};
    uint32_t count = 0;
    worker_at(place, plan->name);
    struct result result = fleet_file_read(plan->fd, plan->name, &plan->fleet, &why);
    if (!result_is_ok(result)) {
        verb_error("%s", why.text);
        return result.error == ERROR_MEMORY ? CLI_UNAVAILABLE : CLI_INPUT;
    }
    const struct fleet_host *hosts = fleet_file_hosts(plan->fleet, &count);
    uint32_t roles = fleet_file_words(plan->fleet, FLEET_ROLE);
    plan->strata = (uint8_t)(roles < FLEET_STRATA_MAX ? roles : FLEET_STRATA_MAX);
    plan->rings = malloc(count);
    default_sizes(&plan->wanted, count);
    result = plan->rings == NULL ? explain(&why, ERROR_MEMORY, "memory is out")
                                 : fleet_assign(hosts, count, &plan->wanted, 0, plan->rings,
                                                &plan->cover, &why);
    enum cli_exit code = CLI_INPUT;
    if (result_is_ok(result)) {
        code = print(plan);
        fleet_cover_free(&plan->cover);
    } else {
        verb_error("%s: %s", plan->name, why.text);
    }
    free(plan->rings);
    fleet_file_free(plan->fleet);
    return code;
}

/* "20,500,5000" */
static bool parse_rings(const char *text, struct fleet_rings *wanted)
{
    while (wanted->count + 1 < RINGS) {
        size_t size = strcspn(text, ",");
        char digits[12];
        uint64_t number = 0;
        if (!string_format(digits, sizeof digits, "%.*s", (int)size, text)
            || !result_is_ok(number_parse(digits, UINT32_MAX, &number)) || number == 0)
            return false;
        wanted->sizes[wanted->count++] = (uint32_t)number;
        if (text[size] == '\0') {
            wanted->count++; /* the rest */
            return true;
        }
        text += size + 1;
    }
    return false;
}

static enum cli_exit run(const struct call *call)
{
    struct rollout_plan plan = {.call = call, .name = options_word(call->options, 0), .fd = 0};
    const char *rings = options_value(call->options, "rings", NULL);
    const char *first_max = options_value(call->options, "first-max", NULL);
    uint64_t most = 0;
    if (rings != NULL && !parse_rings(rings, &plan.wanted))
        return verb_usage_error(call, "--rings %s: expected one to %d numbers of hosts with commas "
                                      "between them", rings, RINGS - 1);
    if (first_max != NULL
        && (!result_is_ok(number_parse(first_max, LIMIT_FLEET_HOSTS, &most)) || most == 0))
        return verb_usage_error(call, "--first-max %s: expected a number of hosts", first_max);
    plan.wanted.first_max = (uint32_t)most;
    if (!string_equal(plan.name, "-"))
        plan.fd = open(plan.name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (plan.fd < 0) {
        verb_error("%s cannot be read: %s", plan.name, strerror(errno));
        return CLI_INPUT;
    }
    enum cli_exit code = worker_run(call, work, &plan);
    if (plan.fd > 0)
        close(plan.fd);
    return verb_finish_output(call, code);
}

static const struct option_row OPTIONS[] = {
    {"rings", "N,N,N", false, "hosts of each ring; the last one takes the rest (0.05, 1, 10 %)"},
    {"first-max", "N", false, "hosts up to which the first ring grows for diversity (0.2 %)"},
    {0},
};

const struct verb verb_rollout_plan = {
    .name = "rollout plan",
    .summary = "what a rollout would be in your fleet, and what its gates could see",
    .words = "FLEET",
    .words_min = 1,
    .words_max = 1,
    .options = OPTIONS,
    .help =
        "FLEET has one host on each line, as JSON (- is standard input):\n"
        "\n"
        "  {\"id\": \"web-17\", \"kernel\": \"6.1.0-18-amd64\", \"distribution\": \"debian-12\",\n"
        "   \"architecture\": \"x86_64\", \"role\": \"web\"}\n"
        "\n"
        "and \"volunteer\": true where it may go early, \"protected\": true where it must not.\n"
        "\n"
        "Says which rings it would have under the default policy, which combinations of kernel,\n"
        "distribution, architecture and role the first ring does not cover, when each ring\n"
        "begins at the earliest and with how many people's approval, when its gate opens, and\n"
        "which faults the gate would halt with which chance. The same fleet gives the same plan.\n"
        "\n"
        "With --json: one object for the fleet, one for each missing combination, one for each\n"
        "ring. Exit codes: 0 the first ring covers all, 1 something is missing, 3 FLEET cannot\n"
        "be read.\n"
        "\n"
        "Examples:\n"
        "  creance rollout plan fleet.jsonl\n"
        "  creance rollout plan --rings 20,500,5000 --first-max 60 fleet.jsonl\n",
    .output_default = OUTPUT_TEXT,
    .run = run,
};

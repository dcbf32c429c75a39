// SPDX-License-Identifier: Apache-2.0
/*
 * `creance status`: is this host watched, and if not wholly, why and what to do.
 */
#include "base/bytes.h"
#include "cli/online.h"

static enum output_colour state_colour(const char *state)
{
    return string_equal(state, "healthy") ? COLOUR_GREEN
           : string_equal(state, "blind") ? COLOUR_RED
                                          : COLOUR_YELLOW;
}

static void format_bytes(json_int_t bytes, char out[32])
{
    string_format(out, 32, "%.1f MiB", (double)bytes / (1024.0 * 1024.0));
}

static void print_head(struct output *output, const json_t *status)
{
    const char *state = online_text(status, "state");
    int64_t up_s = (int64_t)online_real(status, "uptime_seconds");
    output_part(output, COLOUR_BOLD, "Creance %s on %s: ", online_text(status, "version"),
                online_text(status, "host"));
    output_part(output, state_colour(state), "%s", state);
    output_line(output, ", up %lld h %lld min %lld s", (long long)(up_s / 3600),
                (long long)(up_s / 60 % 60), (long long)(up_s % 60));
}

static void print_reasons(struct output *output, const json_t *status)
{
    size_t at;
    const json_t *reason;
    json_array_foreach(json_object_get(status, "reasons"), at, reason)
    {
        const char *what = online_text(reason, "what");
        output_part(output, string_equal(what, "note") ? COLOUR_DIM : state_colour(what), "  %-8s ",
                    what);
        output_line(output, "%s: %s", online_text(reason, "subsystem"),
                    online_text(reason, "text"));
    }
}

static json_int_t counter_value(const json_t *status, const char *name)
{
    return online_number(json_object_get(json_object_get(status, "counters"), name), "value");
}

static void print_subsystems(struct output *output, const json_t *status)
{
    const json_t *rates = json_object_get(status, "rates");
    const json_t *rules = json_object_get(status, "rules");
    const json_t *coverage = json_object_get(status, "coverage");
    const json_t *log = json_object_get(status, "log");
    char memory[32];
    format_bytes(online_number(rates, "memory_bytes"), memory);
    output_line(output, "  events   %lld seen, %.1f a second, %lld wait to be judged",
                (long long)counter_value(status, "sensor_events"),
                online_real(rates, "events_per_second"),
                (long long)online_number(rates, "events_waiting"));
    char off[48] = "";
    if (online_number(rules, "off") > 0)
        (void)string_format(off, sizeof off, ", %lld switched off",
                            (long long)online_number(rules, "off"));
    output_line(output, "  rules    %lld loaded, %lld inactive, %lld rejected%s",
                (long long)online_number(rules, "loaded"),
                (long long)online_number(rules, "inactive"),
                (long long)(online_number(rules, "rejected")
                            + online_number(rules, "unreadable_files")),
                off);
    output_line(output, "  alerts   %lld written, %lld counted in groups, log %s",
                (long long)counter_value(status, "control_alerts_written"),
                (long long)counter_value(status, "control_alerts_grouped"),
                online_text(log, "state"));
    output_line(output, "  coverage %lld of %lld probes attached (`creance probe`)",
                (long long)online_number(coverage, "attached"),
                (long long)online_number(coverage, "wanted"));
    output_line(output, "  cost     %.1f %% of one CPU, %s", online_real(rates, "cpu_percent"),
                memory);
    output_line(output, "  sandbox  %s", online_text(status, "sandbox"));
}

static enum cli_exit print_processes(struct output *output, const json_t *status)
{
    static const char *const TITLES[] = {"PROCESS", "PID",    "STATE", "RESTARTS", "HANGS",
                                         "CPU s",   "MEMORY", "LAST END"};
    struct table *table = table_new(sizeof TITLES / sizeof TITLES[0], TITLES);
    struct result result = table == NULL ? result_fail(ERROR_MEMORY) : RESULT_OK;
    size_t at;
    const json_t *process;
    json_array_foreach(json_object_get(status, "processes"), at, process)
    {
        char pid[24], restarts[24], hangs[24], cpu[24], memory[32];
        string_format(pid, sizeof pid, "%lld", (long long)online_number(process, "pid"));
        string_format(restarts, sizeof restarts, "%lld",
                      (long long)online_number(process, "restarts"));
        string_format(hangs, sizeof hangs, "%lld", (long long)online_number(process, "hangs"));
        string_format(cpu, sizeof cpu, "%.2f", online_real(process, "cpu_seconds"));
        format_bytes(online_number(process, "memory_bytes"), memory);
        const char *state = online_text(process, "state");
        bool is_good = string_equal(state, "running") || string_equal(state, "done");
        const char *const cells[] = {online_text(process, "program"), pid, state, restarts, hangs,
                                     cpu, memory, online_text(process, "last_exit")};
        if (result_is_ok(result))
            result = table_add(table, is_good ? COLOUR_NONE : COLOUR_YELLOW, cells);
    }
    if (result_is_ok(result))
        table_print(table, output);
    table_free(table);
    if (result_is_ok(result))
        return CLI_GOOD;
    verb_error("memory is out");
    return CLI_UNAVAILABLE;
}

static void print_losses(struct output *output, const json_t *status)
{
    const char *name;
    json_t *counter;
    bool is_first = true;
    json_object_foreach(json_object_get(status, "counters"), name, counter)
    {
        if (!json_is_true(json_object_get(counter, "loss")) || online_number(counter, "value") == 0)
            continue;
        if (is_first)
            output_line(output, "Lost, cut or not seen since the start:");
        is_first = false;
        bool grows = json_is_true(json_object_get(counter, "grows"));
        output_part(output, grows ? COLOUR_YELLOW : COLOUR_NONE, "  %-26s %lld%s", name,
                    (long long)online_number(counter, "value"), grows ? "  (grows)" : "");
        output_line(output, "%s", "");
    }
}

static enum cli_exit run(const struct call *call)
{
    json_t *status = NULL;
    struct output *output = call->output;
    enum cli_exit code = online_ask(call, json_pack("{s:s}", "verb", "status"), "status", &status);
    if (code != CLI_GOOD)
        return code;
    bool is_healthy = string_equal(online_text(status, "state"), "healthy");
    if (output_is_json(output)) {
        output_json(output, status);
        return is_healthy ? CLI_GOOD : CLI_FINDING;
    }
    print_head(output, status);
    print_reasons(output, status);
    print_subsystems(output, status);
    code = print_processes(output, status);
    print_losses(output, status);
    json_decref(status);
    return code != CLI_GOOD ? code : is_healthy ? CLI_GOOD : CLI_FINDING;
}

const struct verb verb_status = {
    .name = "status",
    .summary = "how the agent is: health, processes, rules, coverage, losses",
    .words = "",
    .help = "Shows how the running agent is. A state other than healthy comes with sentences that\n"
            "say what is wrong and what to do.\n"
            "\n"
            "Exit codes: 0 healthy, 1 degraded or blind, 4 no agent runs here.\n"
            "\n"
            "Examples:\n"
            "  creance status\n"
            "  creance status --json | jq .counters\n"
            "  creance status --state build/state      the agent that ./run started\n",
    .run = run,
};

// SPDX-License-Identifier: Apache-2.0
/*
 * `creance probe`: what this kernel offers, and what is therefore seen. Loads the eBPF programs for
 * a moment and takes them out again; a running agent is not disturbed.
 */
#include "base/bytes.h"
#include "cli/verb.h"
#include "sensor/loader.h"

#include <string.h>
#include <unistd.h>

struct report {
    const struct call *call;
    struct loader_system system;
    struct loaded loaded;
    bool is_tried;          /* loading was attempted */
    struct result result;   /* of loading */
    struct explanation why; /* where it failed */
};

static bool is_good(enum probe_state state)
{
    /* A place that a kernel does not have (an older system call's successor) hides nothing. */
    return state == PROBE_ATTACHED || state == PROBE_SPARE || state == PROBE_ABSENT;
}

/* --- which kinds are seen --------------------------------------------------------------------- */

/* A kind is seen in part where only some of its probes are attached. */
static const char *coverage_of(const struct report *report, enum event_kind kind,
                               enum output_colour *ret_colour)
{
    unsigned attached = 0, missing = 0;
    for (unsigned i = 0; i < PROBE_COUNT; i++) {
        if ((probe_row((enum probe)i)->shows >> kind & 1) == 0)
            continue;
        enum probe_state state = report->loaded.probes[i].state;
        attached += state == PROBE_ATTACHED;
        missing += !is_good(state);
    }
    *ret_colour = attached == 0 ? COLOUR_RED : missing > 0 ? COLOUR_YELLOW : COLOUR_GREEN;
    return attached == 0 ? "not seen" : missing > 0 ? "in part" : "seen";
}

static bool has_probe(enum event_kind kind)
{
    for (unsigned i = 0; i < PROBE_COUNT; i++) {
        if ((probe_row((enum probe)i)->shows >> kind & 1) != 0)
            return true;
    }
    return false;
}

/* The ids of what a kind helps to see, separated by spaces; "" where it has none. */
enum { TECHNIQUES_BYTES = 128 };
static void join_techniques(enum event_kind kind, char out[TECHNIQUES_BYTES])
{
    size_t count = 0, used = 0;
    const struct technique *rows = techniques(&count);
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (rows[i].kind == kind
            && string_format(out + used, TECHNIQUES_BYTES - used, "%s%s", used > 0 ? " " : "",
                             rows[i].id))
            used += strlen(out + used);
    }
}

static json_t *techniques_json(enum event_kind kind)
{
    size_t count = 0;
    const struct technique *rows = techniques(&count);
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        if (rows[i].kind == kind)
            json_array_append_new(array,
                                  json_pack("{s:s, s:s}", "id", rows[i].id, "name", rows[i].name));
    }
    return array;
}

/* --- for programs ----------------------------------------------------------------------------- */

static void print_json(const struct report *report)
{
    struct output *output = report->call->output;
    const struct loader_system *system = &report->system;
    output_json(output, json_pack("{s:{s:o, s:o, s:b, s:b, s:o}}", "system",
                                  "kernel", output_json_text(system->kernel),
                                  "security_modules", output_json_text(system->security_modules),
                                  "btf", system->has_btf, "may_load", system->may_load, "error",
                                  result_is_ok(report->result)
                                      ? json_null()
                                      : output_json_text(report->why.text)));
    for (unsigned i = 0; report->is_tried && i < PROBE_COUNT; i++) {
        const struct probe_row *row = probe_row((enum probe)i);
        const struct probe_status *status = &report->loaded.probes[i];
        output_json(output, json_pack("{s:s, s:s, s:s, s:s, s:o}", "probe", row->name, "target",
                                      row->target, "state", probe_state_name(status->state),
                                      "shows", row->doc, "detail",
                                      output_json_text(status->detail)));
    }
    for (unsigned i = 0; report->is_tried && i < EVENT_KIND_COUNT; i++) {
        enum output_colour colour;
        if (has_probe((enum event_kind)i))
            output_json(output,
                        json_pack("{s:s, s:s, s:o}", "kind", schema_kind((enum event_kind)i)->name,
                                  "coverage", coverage_of(report, (enum event_kind)i, &colour),
                                  "attack", techniques_json((enum event_kind)i)));
    }
    size_t count = 0;
    const struct blind_spot *spots = blind_spots(&count);
    for (size_t i = 0; i < count; i++)
        output_json(output, json_pack("{s:s, s:s}", "blind_spot", spots[i].name, "what",
                                      spots[i].doc));
}

/* --- for people ------------------------------------------------------------------------------- */

static void print_system(const struct report *report)
{
    struct output *output = report->call->output;
    const struct loader_system *system = &report->system;
    output_line(output, "kernel            %s", system->kernel);
    output_line(output, "type information  %s",
                system->has_btf ? "there (/sys/kernel/btf/vmlinux)"
                                : "missing: this kernel needs CONFIG_DEBUG_INFO_BTF=y");
    output_line(output, "security modules  %s",
                *system->security_modules != '\0' ? system->security_modules : "unknown");
    output_line(output, "right to load     %s",
                system->may_load ? "there"
                                 : "missing: needs root, or CAP_BPF and CAP_PERFMON (try sudo)");
}

static RESULT print_probes(const struct report *report)
{
    static const char *const TITLES[] = {"PROBE", "PLACE", "STATE", "WHAT IT SHOWS, OR WHY NOT"};
    struct table *table = table_new(4, TITLES);
    struct result result = table == NULL ? result_fail(ERROR_MEMORY) : RESULT_OK;
    for (unsigned i = 0; i < PROBE_COUNT && result_is_ok(result); i++) {
        const struct probe_row *row = probe_row((enum probe)i);
        const struct probe_status *status = &report->loaded.probes[i];
        bool is_fine = is_good(status->state);
        char text[PROBE_DETAIL_BYTES + 256];
        string_format(text, sizeof text, "%s%s%s", row->doc, is_fine ? "" : " Missing: ",
                      is_fine                    ? ""
                      : *status->detail != '\0' ? status->detail
                                                 : strerror(status->system_errno));
        const char *const cells[] = {row->name, row->target, probe_state_name(status->state), text};
        result = table_add(table, is_fine ? COLOUR_NONE : COLOUR_RED, cells);
    }
    if (result_is_ok(result))
        table_print(table, report->call->output);
    table_free(table);
    return result;
}

static void print_kinds(const struct report *report)
{
    struct output *output = report->call->output;
    for (unsigned i = 0; i < EVENT_KIND_COUNT; i++) {
        enum output_colour colour;
        if (!has_probe((enum event_kind)i))
            continue;
        const struct schema_kind *kind = schema_kind((enum event_kind)i);
        const char *coverage = coverage_of(report, (enum event_kind)i, &colour);
        output_part(output, COLOUR_NONE, "%-16s ", kind->name);
        output_part(output, colour, "%-8s", coverage);
        char ids[TECHNIQUES_BYTES];
        join_techniques((enum event_kind)i, ids);
        output_line(output, "  %s%s%s%s", kind->doc, *ids != '\0' ? " [" : "", ids,
                    *ids != '\0' ? "]" : "");
    }
}

static void print_blind_spots(const struct report *report)
{
    size_t count = 0;
    const struct blind_spot *spots = blind_spots(&count);
    output_line(report->call->output, "Not seen on any kernel:");
    for (size_t i = 0; i < count; i++)
        output_line(report->call->output, "  %-16s %s", spots[i].name, spots[i].doc);
}

static enum cli_exit print_text(const struct report *report)
{
    print_system(report);
    if (!report->is_tried)
        return CLI_GOOD;
    struct result result = print_probes(report);
    print_kinds(report);
    print_blind_spots(report);
    if (result_is_ok(result))
        return CLI_GOOD;
    verb_error("memory is out");
    return CLI_UNAVAILABLE;
}

/* --- the whole -------------------------------------------------------------------------------- */

static enum cli_exit verdict(const struct report *report)
{
    if (!report->is_tried || !result_is_ok(report->result)) {
        verb_error("nothing of this host could be seen from here: %s",
                   report->is_tried ? report->why.text : "see above for what is missing");
        return CLI_UNAVAILABLE;
    }
    for (unsigned i = 0; i < PROBE_COUNT; i++) {
        if (!is_good(report->loaded.probes[i].state))
            return CLI_FINDING;
    }
    return CLI_GOOD;
}

static enum cli_exit run(const struct call *call)
{
    static struct report report; /* too large for the stack */
    report = (struct report){.call = call, .result = RESULT_OK};
    struct loader_settings settings = LOADER_SETTINGS_DEFAULT;
    settings.ring_bytes = 64 * KIB; /* nobody reads it */
    loader_look(&report.system);
    if (report.system.may_load) {
        report.is_tried = true;
        report.result = loader_load(&settings, &report.loaded, &report.why);
    }
    enum cli_exit code = CLI_GOOD;
    if (output_is_json(call->output))
        print_json(&report);
    else
        code = print_text(&report);
    if (report.is_tried)
        loader_close(&report.loaded);
    return code != CLI_GOOD ? code : verdict(&report);
}

const struct verb verb_probe = {
    .name = "probe",
    .summary = "what this kernel offers, and what is therefore seen",
    .words = "",
    .help = "Loads the eBPF programs for a moment, says which of them this kernel takes and what\n"
            "is seen with them, and takes them out again. Needs no running agent, disturbs none.\n"
            "In brackets: what a kind of event helps to see, as techniques of MITRE ATT&CK.\n"
            "\n"
            "Exit codes: 0 everything is seen, 1 something is not, 4 nothing can be loaded here.\n"
            "\n"
            "Examples:\n"
            "  creance probe\n"
            "  creance probe --json\n",
    .run = run,
};

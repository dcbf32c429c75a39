// SPDX-License-Identifier: Apache-2.0
#include "cli/import_report.h"

#include "base/bytes.h"
#include "cli/rule_input.h"
#include "engine/pack.h"

#include <stdlib.h>
#include <string.h>

/* Whose word counts where several rules have one id. */
enum origin { ORIGIN_EXISTING, ORIGIN_LOCAL, ORIGIN_INCOMING };

struct report {
    const struct call *call;
    const struct import_plan *plan;
    struct engine *engine;
    const char **duplicate_of; /* of each candidate: the file that has its id; NULL: none */
    bool *is_refused;          /* of each candidate: it holds a filter */
};

enum cli_exit import_no_memory(void)
{
    verb_error("memory is out");
    return CLI_UNAVAILABLE;
}

/* --- the rules as they would be --------------------------------------------------------------- */

/* The part of a name behind the import's own folder; NULL for files elsewhere. */
static const char *name_in_target(const struct import_plan *plan, const char *file)
{
    size_t size = strlen(plan->target);
    return strncmp(file, plan->target, size) == 0 && file[size] == '/' ? file + size + 1 : NULL;
}

static RESULT add_existing(const struct import_plan *plan, struct pack_writer *writer)
{
    struct pack_reader reader;
    struct pack_file file;
    GUARD(pack_reader_open(plan->existing.data, plan->existing.size, &reader));
    while (result_is_ok(pack_reader_next(&reader, &file))) {
        char name[LIMIT_PATH_BYTES];
        if (!string_format(name, sizeof name, "%.*s", (int)file.name.size,
                           (const char *)file.name.data)
            || name_in_target(plan, name) != NULL)
            continue;
        GUARD(pack_writer_add(writer, name, file.content.data, file.content.size));
    }
    return RESULT_OK;
}

/* Whether the candidate would lie in the folder: what comes to where something is kept does not. */
static bool is_there(const struct report *report, size_t at)
{
    const struct import_candidate *candidate = &report->plan->candidates[at];
    return candidate->is_local
           || (candidate->state <= IMPORT_CHANGED && report->duplicate_of[at] == NULL
               && !report->is_refused[at] && import_name_is_good(candidate->file.name));
}

static RESULT load_as_it_would_be(struct report *report, struct explanation *why)
{
    const struct import_plan *plan = report->plan;
    struct engine_options options = {0};
    struct pack_writer *writer = pack_writer_new();
    uint8_t *pack = NULL;
    size_t size = 0;
    if (!plan->is_any_source)
        options.sources = engine_native_sources(&options.source_count);
    struct result result =
        writer == NULL ? result_fail(ERROR_MEMORY) : add_existing(plan, writer);
    for (size_t i = 0; i < plan->count && result_is_ok(result); i++) {
        char name[LIMIT_PATH_BYTES];
        const struct import_file *file = &plan->candidates[i].file;
        if (is_there(report, i)
            && string_format(name, sizeof name, "%s/%s", plan->target, file->name))
            result = pack_writer_add(writer, name, file->content.data, file->content.size);
    }
    if (result_is_ok(result))
        result = pack_writer_finish(writer, &pack, &size);
    pack_writer_free(writer);
    engine_free(report->engine);
    report->engine = NULL;
    if (result_is_ok(result))
        result = engine_load(&options, pack, size, &report->engine, why);
    else
        result = explain(why, result.error, "all rules together are too large (%s)",
                         result_text(result));
    free(pack);
    return result;
}

/* --- doubles ---------------------------------------------------------------------------------- */

/* A row with an id, and where it comes from. */
struct owner {
    const struct engine_rule *rule;
    enum origin origin;
    size_t candidate;
};

static int compare_owners(const void *left, const void *right)
{
    const struct owner *a = left;
    const struct owner *b = right;
    int order = strcasecmp(a->rule->id, b->rule->id);
    if (order != 0)
        return order;
    if (a->origin != b->origin)
        return a->origin < b->origin ? -1 : 1;
    return strcmp(a->rule->file, b->rule->file);
}

/* The candidate that a row is of; false for rules from elsewhere. */
static bool find_candidate(const struct import_plan *plan, const char *file, size_t *ret_at)
{
    const char *name = name_in_target(plan, file);
    for (size_t local = 0; name != NULL && local < 2; local++) {
        size_t low = 0;
        size_t high = plan->count;
        while (low < high) { /* those that are local come behind the others */
            size_t middle = (low + high) / 2;
            const struct import_candidate *candidate = &plan->candidates[middle];
            bool is_before = candidate->is_local != (local == 1)
                                 ? !candidate->is_local
                                 : strcmp(candidate->file.name, name) < 0;
            low = is_before ? middle + 1 : low;
            high = is_before ? high : middle;
        }
        if (low == plan->count || !string_equal(plan->candidates[low].file.name, name)
            || plan->candidates[low].is_local != (local == 1))
            continue;
        *ret_at = low;
        /* What comes to a place where something is kept is not there. */
        if (local == 1 || plan->candidates[low].state <= IMPORT_CHANGED)
            return true;
    }
    return false;
}

/* Marks what comes and is there already, and what holds a filter; false: there is none. */
static RESULT find_doubles(struct report *report, bool *ret_found)
{
    size_t count = engine_rule_count(report->engine);
    struct owner *owners = calloc(count + 1, sizeof owners[0]);
    size_t owned = 0;
    *ret_found = false;
    if (owners == NULL)
        return result_fail(ERROR_MEMORY);
    for (size_t i = 0; i < count; i++) {
        struct owner owner = {.rule = engine_rule(report->engine, i)};
        if (find_candidate(report->plan, owner.rule->file, &owner.candidate))
            owner.origin = report->plan->candidates[owner.candidate].is_local ? ORIGIN_LOCAL
                                                                               : ORIGIN_INCOMING;
        if (owner.origin == ORIGIN_INCOMING && owner.rule->kind == ENGINE_KIND_FILTER) {
            report->is_refused[owner.candidate] = true;
            *ret_found = true;
        }
        bool has_id = owner.rule->kind == ENGINE_KIND_RULE
                      || owner.rule->kind == ENGINE_KIND_CORRELATION;
        if (has_id && owner.rule->id[0] != '\0')
            owners[owned++] = owner;
    }
    if (owned > 0)
        qsort(owners, owned, sizeof owners[0], compare_owners);
    for (size_t i = 1, first = 0; i < owned; i++) {
        if (strcasecmp(owners[first].rule->id, owners[i].rule->id) != 0)
            first = i;
        bool is_double = first != i && owners[i].origin == ORIGIN_INCOMING;
        if (is_double && report->duplicate_of[owners[i].candidate] == NULL) {
            report->duplicate_of[owners[i].candidate] = strdup(owners[first].rule->file);
            *ret_found = true;
        }
    }
    free(owners);
    return RESULT_OK;
}

/* --- telling ---------------------------------------------------------------------------------- */

struct finding {
    const char *outcome;
    const char *file;
    unsigned line;
    const char *id, *title, *field, *reason;
};

static void tell(const struct report *report, enum output_colour colour,
                 const struct finding *finding)
{
    struct output *output = report->call->output;
    if (output_is_json(output)) {
        output_json(output,
                    json_pack("{s:s, s:o, s:i, s:o, s:o, s:o, s:o}", "outcome", finding->outcome,
                              "file", output_json_text(finding->file), "line", (int)finding->line,
                              "id", output_json_text(finding->id), "title",
                              output_json_text(finding->title), "field",
                              output_json_text(finding->field), "reason",
                              output_json_text(finding->reason)));
        return;
    }
    char line[32] = "";
    if (finding->line > 0)
        (void)string_format(line, sizeof line, ":%u", finding->line);
    output_part(output, colour, "%-9s", finding->outcome);
    output_line(output, " %s%s: %s%s%s", finding->file, line, finding->title,
                *finding->title != '\0' ? ": " : "", finding->reason);
}

static void tell_files(const struct report *report)
{
    const struct import_plan *plan = report->plan;
    char reason[LIMIT_PATH_BYTES + 128];
    for (size_t i = 0; i < plan->count; i++) {
        const struct import_candidate *candidate = &plan->candidates[i];
        struct finding finding = {"kept", candidate->file.name, 0, "", "", "", reason};
        reason[0] = '\0';
        if (candidate->is_local && candidate->state == IMPORT_EDITED)
            string_copy(reason, sizeof reason, "it was edited here since it was imported");
        else if (candidate->is_local)
            string_copy(reason, sizeof reason, "it was put here by hand");
        else if (candidate->state == IMPORT_REMOVED)
            string_copy(reason, sizeof reason, "it was removed here since it was imported");
        else if (!import_name_is_good(candidate->file.name))
            string_copy(reason, sizeof reason, "its name has hidden parts or odd characters");
        plan->shared->kept += reason[0] != '\0';
        if (report->is_refused[i]) {
            string_copy(reason, sizeof reason,
                        "it holds a filter, which would take away from rules that are here: look "
                        "at it, and put it there by hand");
            finding.outcome = "rejected";
            plan->shared->rules[ENGINE_RULE_REJECTED]++;
        } else if (report->duplicate_of[i] != NULL) {
            (void)string_format(reason, sizeof reason, "a rule with its id is in %s, and stays",
                                report->duplicate_of[i]);
            finding.outcome = "duplicate";
            plan->shared->duplicates++;
        }
        if (reason[0] != '\0')
            tell(report, COLOUR_YELLOW, &finding);
    }
}

/* How many rules have the same reason to be inactive, or ask for the same field. */
struct tally {
    const char *text;
    size_t count;
    size_t last; /* the rule that was counted last, and one */
};

struct tallies {
    struct tally *rows; /* sorted by text */
    size_t count;
    size_t rule; /* at hand, and one */
    bool is_full;
};

enum { TALLIES_MAX = 4096, TALLIES_SHOWN = 12 };

static void count_text(struct tallies *tallies, const char *text)
{
    size_t low = 0;
    size_t high = tallies->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        bool is_before = strcmp(tallies->rows[middle].text, text) < 0;
        low = is_before ? middle + 1 : low;
        high = is_before ? high : middle;
    }
    if (low == tallies->count || !string_equal(tallies->rows[low].text, text)) {
        if (tallies->count == TALLIES_MAX) {
            tallies->is_full = true;
            return;
        }
        for (size_t i = tallies->count++; i > low; i--)
            tallies->rows[i] = tallies->rows[i - 1];
        tallies->rows[low] = (struct tally){.text = text};
    }
    tallies->rows[low].count += tallies->rows[low].last != tallies->rule;
    tallies->rows[low].last = tallies->rule;
}

static void count_field(void *context, const char *field, bool is_supplied)
{
    if (!is_supplied)
        count_text(context, field);
}

static int by_count(const void *left, const void *right)
{
    const struct tally *a = left;
    const struct tally *b = right;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return strcmp(a->text, b->text);
}

static void tell_tallies(const struct report *report, struct tallies *tallies,
                         const char *outcome, const char *format)
{
    struct output *output = report->call->output;
    if (tallies->count > 0)
        qsort(tallies->rows, tallies->count, sizeof tallies->rows[0], by_count);
    for (size_t i = 0; i < tallies->count; i++) {
        const struct tally *tally = &tallies->rows[i];
        bool is_field = string_equal(outcome, "field");
        if (output_is_json(output)) {
            output_json(output, json_pack("{s:s, s:o, s:I}", "outcome", outcome,
                                          is_field ? "field" : "reason",
                                          output_json_text(tally->text), "rules",
                                          (json_int_t)tally->count));
            continue;
        }
        output_part(output, COLOUR_DIM, "%-9s", outcome);
        if (i == TALLIES_SHOWN && tallies->count > TALLIES_SHOWN + 1) {
            output_line(output, " and %zu lines more like these; --json names all",
                        tallies->count - i);
            break;
        }
        output_line(output, " %zu rule%s%s%s", tally->count, tally->count == 1 ? "" : "s", format,
                    tally->text);
    }
    if (tallies->is_full)
        verb_error("there are more than %d lines of the kind '%s'; the rest is not shown",
                   TALLIES_MAX, outcome);
}

static void tell_rule(const struct report *report, size_t row, struct tallies *inactive,
                      struct tallies *fields)
{
    const struct engine_rule *rule = engine_rule(report->engine, row);
    size_t at;
    if (!find_candidate(report->plan, rule->file, &at))
        return;
    const struct import_candidate *candidate = &report->plan->candidates[at];
    if (!candidate->is_local) {
        report->plan->shared->rules[rule->state]++;
        report->plan->shared->is_wanted[at] |= rule->state == ENGINE_RULE_LOADED;
    }
    struct finding finding = {"rejected", candidate->file.name, rule->line, rule->id, rule->title,
                              rule->field, rule->reason};
    if (rule->state == ENGINE_RULE_REJECTED)
        tell(report, COLOUR_RED, &finding);
    inactive->rule = fields->rule = row + 1;
    if (rule->state == ENGINE_RULE_INACTIVE)
        count_text(inactive, rule->reason);
    else if (rule->state == ENGINE_RULE_LOADED && !report->plan->is_any_source)
        engine_rule_fields(report->engine, row, count_field, fields);
}

static enum cli_exit tell_all(struct report *report)
{
    struct tallies inactive = {.rows = calloc(TALLIES_MAX, sizeof(struct tally))};
    struct tallies fields = {.rows = calloc(TALLIES_MAX, sizeof(struct tally))};
    enum cli_exit code = CLI_GOOD;
    if (inactive.rows == NULL || fields.rows == NULL) {
        code = import_no_memory();
    } else {
        tell_files(report);
        for (size_t i = 0; i < engine_rule_count(report->engine); i++)
            tell_rule(report, i, &inactive, &fields);
        tell_tallies(report, &inactive, "inactive", ": ");
        tell_tallies(report, &fields, "field", " ask for a field that no event here has: ");
    }
    free(inactive.rows);
    free(fields.rows);
    return code;
}

static enum cli_exit judge(struct report *report)
{
    struct explanation why = {"no reason was given"};
    bool is_found = false;
    struct result result = load_as_it_would_be(report, &why);
    if (result_is_ok(result))
        result = find_doubles(report, &is_found);
    if (result_is_ok(result) && is_found) /* what is left out may matter to correlations */
        result = load_as_it_would_be(report, &why);
    if (result_is_ok(result))
        return tell_all(report);
    verb_error("the rules cannot be loaded: %s; nothing was changed", why.text);
    return result.error == ERROR_MEMORY ? CLI_UNAVAILABLE : CLI_INPUT;
}

enum cli_exit import_report_run(const struct call *call, const struct import_plan *plan,
                                struct worker_place *place)
{
    worker_at(place, "reading the rules");
    struct report report = {
        .call = call,
        .plan = plan,
        .duplicate_of = calloc(plan->count + 1, sizeof report.duplicate_of[0]),
        .is_refused = calloc(plan->count + 1, sizeof report.is_refused[0]),
    };
    enum cli_exit code = report.duplicate_of == NULL || report.is_refused == NULL
                             ? import_no_memory()
                             : judge(&report);
    for (size_t i = 0; report.duplicate_of != NULL && i < plan->count; i++)
        free((char *)report.duplicate_of[i]);
    free(report.duplicate_of);
    free(report.is_refused);
    engine_free(report.engine);
    return code;
}

void import_report_end(struct output *output, const struct import_plan *plan,
                       const struct import_counts *counts, bool is_dry)
{
    const struct import_shared *shared = plan->shared;
    if (output_is_json(output)) {
        output_json(output,
                    json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:b}", "loaded",
                              (json_int_t)shared->rules[ENGINE_RULE_LOADED], "inactive",
                              (json_int_t)shared->rules[ENGINE_RULE_INACTIVE], "rejected",
                              (json_int_t)shared->rules[ENGINE_RULE_REJECTED], "duplicates",
                              (json_int_t)shared->duplicates, "kept", (json_int_t)shared->kept,
                              "new_files", (json_int_t)counts->added, "changed_files",
                              (json_int_t)counts->changed, "same_files", (json_int_t)counts->same,
                              "removed_files", (json_int_t)counts->removed, "folder",
                              output_json_text(plan->target), "dry_run", (int)is_dry));
        return;
    }
    output_line(output,
                "%llu loaded, %llu inactive, %llu rejected, %llu duplicates, %llu kept; files: "
                "%llu new, %llu changed, %llu as before, %llu removed",
                (unsigned long long)shared->rules[ENGINE_RULE_LOADED],
                (unsigned long long)shared->rules[ENGINE_RULE_INACTIVE],
                (unsigned long long)shared->rules[ENGINE_RULE_REJECTED],
                (unsigned long long)shared->duplicates, (unsigned long long)shared->kept,
                (unsigned long long)counts->added, (unsigned long long)counts->changed,
                (unsigned long long)counts->same, (unsigned long long)counts->removed);
    output_line(output, "%s %s", is_dry ? "nothing was written; it would go to" : "in",
                plan->target);
}

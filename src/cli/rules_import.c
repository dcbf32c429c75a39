// SPDX-License-Identifier: Apache-2.0
/*
 * `creance rules import`: the rules of a checkout that would be in force here, into a folder of
 * their own. The parent reads and writes files, the worker loads the rules and says what becomes
 * of them.
 */
#include "base/bytes.h"
#include "base/paths.h"
#include "cli/import_folder.h"
#include "cli/import_report.h"
#include "cli/rule_input.h"
#include "engine/pack.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char DEFAULT_NAME[] = "sigma";

struct import {
    const struct call *call;
    struct import_plan plan;
    char target[LIMIT_PATH_BYTES];
    struct import_folder *folder;
    struct rule_folder *incoming;
    struct rule_input existing;
    uint8_t *incoming_pack;
    size_t incoming_size;
    char *names; /* of the incoming files, one behind the other */
};

/* --- what comes ------------------------------------------------------------------------------- */

static enum cli_exit say(const struct explanation *why, struct result result)
{
    verb_error("%s", why->text);
    return result.error == ERROR_MEMORY ? CLI_UNAVAILABLE : CLI_INPUT;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_rules_folder(const struct dirent *entry)
{
    return string_equal(entry->d_name, "rules") || string_starts_with(entry->d_name, "rules-");
}

/* Of a checkout the folders with rules: the others hold tests, and rules that were given up. */
static RESULT read_checkout(struct import *import, int fd, struct explanation *why)
{
    struct dirent **entries = NULL;
    int count = scandirat(fd, ".", &entries, is_rules_folder, by_name);
    struct result result = RESULT_OK;
    if (count < 0)
        return explain_errno(why, "the checkout cannot be read");
    for (int i = 0; i < count; i++) {
        int child = openat(fd, entries[i]->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (child >= 0 && result_is_ok(result))
            result = rule_folder_add_descriptor(import->incoming, child, entries[i]->d_name, why);
        if (child >= 0)
            close(child);
        free(entries[i]);
    }
    free(entries);
    return result;
}

static RESULT read_source(struct import *import, const char *path, struct explanation *why)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return explain_errno(why, "the folder %s cannot be opened", path);
    struct result result = faccessat(fd, "rules", F_OK, 0) == 0
                               ? read_checkout(import, fd, why)
                               : rule_folder_add_descriptor(import->incoming, fd, "", why);
    close(fd);
    return result;
}

/* Names for the rules' folder: those of mappings lose their own. */
static enum cli_exit read_incoming(struct import *import)
{
    struct explanation why;
    import->incoming = rule_folder_new();
    if (import->incoming == NULL)
        return import_no_memory();
    struct result result = read_source(import, options_word(import->call->options, 0), &why);
    if (!result_is_ok(result))
        return say(&why, result);
    for (size_t i = 0; i < options_count(import->call->options, "mapping"); i++) {
        const char *path = options_value_at(import->call->options, "mapping", i);
        result = rule_folder_add_file(import->incoming, path, &why);
        if (!result_is_ok(result))
            return say(&why, result);
    }
    if (rule_folder_file_count(import->incoming) == 0) {
        verb_error("there is no rule file (*.yml, *.yaml) in %s; nothing was changed",
                   options_word(import->call->options, 0));
        return CLI_INPUT;
    }
    result = rule_folder_pack(import->incoming, &import->incoming_pack, &import->incoming_size);
    return result_is_ok(result) ? CLI_GOOD : import_no_memory();
}

/* --- the plan --------------------------------------------------------------------------------- */

static RESULT add_candidate(struct import_plan *plan, const char *name, struct bytes content,
                            enum import_state state)
{
    if (plan->count == plan->capacity)
        return result_fail(ERROR_LIMIT);
    struct import_candidate *candidate = &plan->candidates[plan->count++];
    candidate->file = (struct import_file){name, content};
    candidate->state = state;
    return RESULT_OK;
}

/* The files of the checkout, each beside what lies in its place, */
static RESULT plan_incoming(struct import *import)
{
    struct pack_reader reader;
    struct pack_file file;
    char *at = import->names;
    GUARD(pack_reader_open(import->incoming_pack, import->incoming_size, &reader));
    while (result_is_ok(pack_reader_next(&reader, &file))) {
        const char *name = at;
        bytes_copy(at, file.name.size, file.name.data, file.name.size);
        at[file.name.size] = '\0';
        at += file.name.size + 1;
        enum import_state state = import_name_is_good(name)
                                      ? import_folder_look(import->folder, name, file.content)
                                      : IMPORT_NEW;
        GUARD(add_candidate(&import->plan, name, file.content, state));
    }
    return RESULT_OK;
}

/* and what is kept because it is not as an import made it. */
static RESULT plan_local(struct import *import)
{
    struct import_file file;
    enum import_state state;
    size_t cursor = 0;
    while (import_folder_local(import->folder, &cursor, &file, &state)) {
        GUARD(add_candidate(&import->plan, file.name, file.content, state));
        import->plan.candidates[import->plan.count - 1].is_local = true;
    }
    return RESULT_OK;
}

static enum cli_exit make_plan(struct import *import)
{
    struct import_plan *plan = &import->plan;
    plan->capacity = rule_folder_file_count(import->incoming)
                     + import_folder_file_count(import->folder) + 1;
    plan->candidates = calloc(plan->capacity, sizeof plan->candidates[0]);
    import->names = malloc(import->incoming_size + 1); /* each name lies in the pack */
    plan->shared = mmap(NULL, sizeof *plan->shared + plan->capacity, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (plan->shared == MAP_FAILED)
        plan->shared = NULL;
    if (plan->candidates == NULL || import->names == NULL || plan->shared == NULL
        || !result_is_ok(plan_incoming(import)) || !result_is_ok(plan_local(import)))
        return import_no_memory();
    return CLI_GOOD;
}

/* --- the rules that are there ----------------------------------------------------------------- */

static enum cli_exit find_target(struct import *import)
{
    const struct options *options = import->call->options;
    struct paths paths;
    struct explanation why;
    const char *name = options_value(options, "name", DEFAULT_NAME);
    if (strchr(name, '/') != NULL || !import_name_is_good(name))
        return verb_usage_error(import->call,
                                "--name \"%s\" cannot be the name of a folder here", name);
    struct result result = paths_resolve(options_value(options, "state", NULL),
                                         options_value(options, "content", NULL), &paths, &why);
    if (!result_is_ok(result))
        return say(&why, result);
    if (!string_format(import->target, sizeof import->target, "%s/imported/%s",
                       paths.local_rules, name)) {
        verb_error("the path of the rules' folder is too long");
        return CLI_INPUT;
    }
    import->plan.target = import->target;
    result = import_folder_open(import->target, &import->folder, &why);
    if (!result_is_ok(result))
        return say(&why, result);
    import->existing.folder = rule_folder_new();
    if (import->existing.folder == NULL)
        return import_no_memory();
    const char *const folders[] = {paths.vendor_rules, paths.local_rules};
    for (size_t i = 0; i < 2; i++) {
        result = rule_folder_add_path(import->existing.folder, folders[i], &why);
        if (!result_is_ok(result) && result.error != ERROR_NOT_FOUND)
            return say(&why, result);
    }
    result = rule_folder_pack(import->existing.folder, &import->existing.pack,
                              &import->existing.pack_size);
    import->plan.existing = (struct bytes){import->existing.pack, import->existing.pack_size};
    return result_is_ok(result) ? CLI_GOOD : import_no_memory();
}

/* --- writing ---------------------------------------------------------------------------------- */

static enum cli_exit write_files(struct import *import)
{
    const struct import_plan *plan = &import->plan;
    struct import_file *files = calloc(plan->count + 1, sizeof files[0]);
    struct import_counts counts;
    struct explanation why;
    size_t count = 0;
    if (files == NULL)
        return import_no_memory();
    for (size_t i = 0; i < plan->count; i++) {
        const struct import_candidate *candidate = &plan->candidates[i];
        bool is_ours = !candidate->is_local && candidate->state <= IMPORT_CHANGED;
        if (is_ours && plan->shared->is_wanted[i] == 1
            && import_name_is_good(candidate->file.name))
            files[count++] = candidate->file;
    }
    enum cli_exit code = CLI_GOOD;
    bool is_dry = options_has(import->call->options, "dry-run");
    if (count == 0 && plan->shared->rules[ENGINE_RULE_LOADED] == 0) {
        verb_error("no rule of %s would be in force here: nothing was changed",
                   options_word(import->call->options, 0));
        code = CLI_FINDING;
    } else {
        struct result result =
            import_folder_apply(import->folder, files, count, is_dry, &counts, &why);
        if (result_is_ok(result))
            import_report_end(import->call->output, plan, &counts, is_dry);
        else
            verb_error("%s", why.text);
        code = !result_is_ok(result) ? CLI_UNAVAILABLE
               : plan->shared->rules[ENGINE_RULE_REJECTED] > 0 ? CLI_FINDING
                                                                : CLI_GOOD;
    }
    free(files);
    return code;
}

static enum cli_exit work(void *context, struct worker_place *place)
{
    struct import *import = context;
    return import_report_run(import->call, &import->plan, place);
}

static enum cli_exit run_import(struct import *import)
{
    enum cli_exit code = find_target(import);
    if (code == CLI_GOOD)
        code = read_incoming(import);
    if (code == CLI_GOOD)
        code = make_plan(import);
    for (size_t i = 0; code == CLI_GOOD && i < rule_folder_problem_count(import->incoming); i++) {
        const struct rule_problem *problem = rule_folder_problem(import->incoming, i);
        verb_error("%s is not taken: %s", problem->file, problem->reason);
    }
    if (code == CLI_GOOD)
        code = worker_run(import->call, work, import);
    return code == CLI_GOOD ? write_files(import) : code;
}

static enum cli_exit run(const struct call *call)
{
    struct import import = {.call = call};
    import.plan.is_any_source = options_has(call->options, "any-source");
    enum cli_exit code = run_import(&import);
    free(import.plan.candidates);
    if (import.plan.shared != NULL)
        (void)munmap(import.plan.shared, sizeof *import.plan.shared + import.plan.capacity);
    free(import.names);
    free(import.incoming_pack);
    rule_folder_free(import.incoming);
    rule_input_close(&import.existing);
    import_folder_free(import.folder);
    return code;
}

static const struct option_row OPTIONS[] = {
    {"name", "NAME", false, "the folder imported/NAME of your rules (default: sigma)"},
    {"mapping", "FILE", true, "maps the rules' names of fields to ours; it is imported too"},
    {"any-source", NULL, false, "import rules for log sources that this host does not have, too"},
    {"content", "DIR", false, "where the rules that come with the product are, in DIR/rules"},
    {"dry-run", NULL, false, "only say what would be done"},
    {0},
};

const struct verb verb_rules_import = {
    .name = "rules import",
    .summary = "take over the rules of a Sigma checkout that work here",
    .words = "DIR",
    .words_min = 1,
    .words_max = 1,
    .options = OPTIONS,
    .help =
        "Copies the rules of DIR that would be in force here to /etc/creance/rules/imported/NAME\n"
        "(with --state S: S/etc/rules/imported/NAME) and says what becomes of the others:\n"
        "\n"
        "  inactive   no event of this host is of their log source\n"
        "  rejected   they are faulty, or ask for what we cannot do\n"
        "  duplicate  a rule with this id is here already and stays\n"
        "  kept       you edited, removed or added the file in that folder: it stays so\n"
        "  field      a name of a field that no event here has: a mapping may help\n"
        "\n"
        "Of a checkout of SigmaHQ (it has a folder 'rules') the folders rules and rules-* are\n"
        "taken. The next import of the same name replaces what this one made, and nothing else.\n"
        "Filters are not imported: they would take away from rules that are here.\n"
        "\n"
        "With --json: one object for each of the above (outcome, file, line, id, title, field,\n"
        "reason), then one with the counts. Exit codes: 0 imported, 1 some were rejected, or\n"
        "nothing would be in force, 3 DIR cannot be read, 4 the folder cannot be written.\n"
        "\n"
        "Examples:\n"
        "  creance rules import --dry-run sigma\n"
        "  creance rules import sigma\n"
        "  creance rules import --name partner --mapping partner-names.yml partner/detections\n",
    .run = run,
};

// SPDX-License-Identifier: Apache-2.0
/*
 * `creance content show`: what is in a bundle, for those who run it. The worker lists and hands out
 * files; the parent, which writes them, looks at each name again.
 */
#include "base/bytes.h"
#include "base/paths.h"
#include "cli/content_input.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const SECTIONS[BUNDLE_SECTION_COUNT] = {"manifest", "detection", "test",
                                                           "setting"};

struct content_show {
    const struct call *call;
    struct content_input input;
};

/* --- listing, in the worker ------------------------------------------------------------------- */

static void show_facts(const struct content_show *show)
{
    const struct bundle *bundle = &show->input.bundle;
    const struct bundle_facts *facts = &bundle->facts;
    struct output *output = show->call->output;
    if (output_is_json(output)) {
        output_json(output,
                    json_pack("{s:s, s:I, s:s, s:s, s:i, s:i, s:I, s:I, s:{s:I, s:i, s:I}}", "name",
                              facts->name, "version", (json_int_t)facts->version, "kind",
                              bundle_kind_word(facts->kind), "target",
                              bundle_target_word(facts->target), "schema", (int)facts->schema,
                              "engine_level", (int)facts->engine_level, "bytes",
                              (json_int_t)bundle->size, "source_bytes",
                              (json_int_t)bundle->source_bytes, "cost", "steps",
                              (json_int_t)facts->cost.steps, "steps_per_rule",
                              (int)facts->cost.steps_per_rule, "memory_bytes",
                              (json_int_t)facts->cost.memory_bytes));
        return;
    }
    output_line(output, "%s %llu: %s for %s", facts->name, (unsigned long long)facts->version,
                bundle_kind_word(facts->kind), bundle_target_word(facts->target));
    output_line(output, "needs engine level %u and event schema %u", facts->engine_level,
                facts->schema);
    output_line(output, "costs at most %llu steps, %u for one rule, and %llu bytes of memory",
                (unsigned long long)facts->cost.steps, facts->cost.steps_per_rule,
                (unsigned long long)facts->cost.memory_bytes);
    output_line(output, "%u detections, %u tests, %u settings; %llu bytes of sources",
                bundle->file_counts[BUNDLE_DETECTIONS], bundle->file_counts[BUNDLE_TESTS],
                bundle->file_counts[BUNDLE_SETTINGS], (unsigned long long)bundle->source_bytes);
}

static void show_file(const struct content_show *show, enum bundle_section section,
                      const struct pack_file *file)
{
    struct output *output = show->call->output;
    if (output_is_json(output))
        output_json(output, json_pack("{s:o, s:s, s:I}", "file",
                                      output_json_bytes(file->name.data, file->name.size), "what",
                                      SECTIONS[section], "bytes",
                                      (json_int_t)file->content.size));
    else
        output_line(output, "%-10s %8zu  %.*s", SECTIONS[section], file->content.size,
                    (int)file->name.size, (const char *)file->name.data);
}

static enum cli_exit list(void *context, struct worker_place *place)
{
    struct content_show *show = context;
    enum cli_exit code = content_input_open(&show->input, place);
    if (code != CLI_GOOD)
        return code;
    show_facts(show);
    for (unsigned i = BUNDLE_MANIFEST + 1; i < BUNDLE_SECTION_COUNT; i++) {
        struct pack_reader files = bundle_files(&show->input.bundle, (enum bundle_section)i);
        struct pack_file file;
        while (result_is_ok(pack_reader_next(&files, &file)))
            show_file(show, (enum bundle_section)i, &file);
    }
    return CLI_GOOD;
}

/* --- extracting, in the parent: names and sizes only, no format within ------------------------ */

static RESULT write_all(int fd, struct bytes content)
{
    for (size_t at = 0; at < content.size;) {
        ssize_t count = write(fd, content.data + at, content.size - at);
        if (count < 0 && errno != EINTR)
            return result_from_errno();
        at += count > 0 ? (size_t)count : 0;
    }
    return RESULT_OK;
}

/* `path` was checked by bundle_path_is_valid(): it leads down only. */
static RESULT extract_file(const char *folder, struct bytes path, struct bytes content,
                           struct explanation *why)
{
    char name[LIMIT_PATH_BYTES];
    char above[LIMIT_PATH_BYTES];
    if (!string_format(name, sizeof name, "%s/%.*s", folder, (int)path.size,
                       (const char *)path.data))
        return explain(why, ERROR_LIMIT, "a path in %s is too long", folder);
    (void)string_copy(above, sizeof above, name);
    GUARD(paths_make_folder(dirname(above), 0755, why));
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return explain_errno(why, "%s cannot be made", name);
    struct result result = write_all(fd, content);
    if (!result_is_ok(result))
        result = explain_errno(why, "%s cannot be written", name);
    close(fd);
    return result;
}

static RESULT extract(const struct content_input *input, const char *folder,
                      struct explanation *why)
{
    struct bundle bundle;
    struct pack_file file;
    static const char MANIFEST[] = BUNDLE_MANIFEST_FILE;
    GUARD(bundle_open(input->data, input->size, &bundle, why));
    GUARD(extract_file(folder, (struct bytes){(const uint8_t *)MANIFEST, sizeof MANIFEST - 1},
                       bundle.sections[BUNDLE_MANIFEST], why));
    for (unsigned i = BUNDLE_MANIFEST + 1; i < BUNDLE_SECTION_COUNT; i++) {
        struct pack_reader files = bundle_files(&bundle, (enum bundle_section)i);
        while (result_is_ok(pack_reader_next(&files, &file)))
            GUARD(extract_file(folder, file.name, file.content, why));
    }
    return RESULT_OK;
}

/* The folder must be new, or empty of what the bundle has; absolute for paths_make_folder(). */
static enum cli_exit extract_to(const struct content_input *input, const char *folder)
{
    struct explanation why;
    char *absolute = NULL;
    char *here = folder[0] == '/' ? NULL : getcwd(NULL, 0);
    int size = folder[0] == '/' ? asprintf(&absolute, "%s", folder)
                                : asprintf(&absolute, "%s/%s", here != NULL ? here : "", folder);
    enum cli_exit code = CLI_UNAVAILABLE;
    if (size < 0)
        verb_error("memory is out");
    else if (!result_is_ok(extract(input, absolute, &why)))
        verb_error("%s", why.text);
    else
        code = CLI_GOOD;
    free(size < 0 ? NULL : absolute);
    free(here);
    return code;
}

static enum cli_exit run(const struct call *call)
{
    struct content_show show = {.call = call};
    const char *folder = options_value(call->options, "extract", NULL);
    enum cli_exit code = content_input_read(options_word(call->options, 0), &show.input);
    if (code == CLI_GOOD && folder != NULL && show.input.sources != NULL) {
        verb_error("%s is a folder: only a bundle can be extracted", show.input.path);
        code = CLI_INPUT;
    }
    if (code == CLI_GOOD)
        code = worker_run(call, list, &show);
    if (code == CLI_GOOD && folder != NULL)
        code = extract_to(&show.input, folder);
    content_input_close(&show.input);
    return code;
}

static const struct option_row OPTIONS[] = {
    {"extract", "DIR", false, "write its sources there: a new folder"},
    {NULL, NULL, false, NULL},
};

const struct verb verb_content_show = {
    .name = "content show",
    .summary = "list what is in a bundle; extract its sources",
    .words = "FILE",
    .words_min = 1,
    .words_max = 1,
    .options = OPTIONS,
    .help =
        "What a bundle says of itself, and each file in it. A bundle holds the rules as they were\n"
        "written, so that everybody can read what a host runs; built again from what --extract\n"
        "writes, it has the same bytes.\n"
        "\n"
        "With --json: an object about the bundle, then one per file {file, what, bytes}.\n"
        "Exit codes: 0 good, 3 this is no bundle.\n"
        "\n"
        "Examples:\n"
        "  creance content show creance-rules.bundle\n"
        "  creance content show creance-rules.bundle --extract sources\n",
    .run = run,
};

// SPDX-License-Identifier: Apache-2.0
/*
 * `creance content build`: from a folder of sources to a bundle. The worker parses the manifest and
 * lays out the bytes; the parent puts them where they belong, whole or not at all.
 */
#include "base/bytes.h"
#include "cli/content_input.h"
#include "cli/log_files.h"

#include <sha256.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct content_build {
    struct content_input input;
    int fd; /* memory that the worker fills */
};

static enum cli_exit work(void *context, struct worker_place *place)
{
    struct content_build *build = context;
    enum cli_exit code = content_input_open(&build->input, place);
    for (size_t at = 0; code == CLI_GOOD && at < build->input.size;) {
        ssize_t count = write(build->fd, build->input.data + at, build->input.size - at);
        if (count <= 0 && errno != EINTR) {
            verb_error("the bundle cannot be handed over: %s", strerror(errno));
            return CLI_UNAVAILABLE;
        }
        at += count > 0 ? (size_t)count : 0;
    }
    return code;
}

static void print(const struct call *call, const struct bundle *bundle, const char *digest)
{
    const struct bundle_facts *facts = &bundle->facts;
    struct output *output = call->output;
    if (output_is_json(output))
        output_json(output, json_pack("{s:s, s:I, s:s, s:I, s:I, s:I, s:s}", "name", facts->name,
                                      "version", (json_int_t)facts->version, "kind",
                                      bundle_kind_word(facts->kind), "bytes",
                                      (json_int_t)bundle->size, "files",
                                      (json_int_t)bundle->file_counts[BUNDLE_DETECTIONS]
                                          + bundle->file_counts[BUNDLE_SETTINGS],
                                      "tests", (json_int_t)bundle->file_counts[BUNDLE_TESTS],
                                      "sha256", digest));
    else
        output_line(output, "%s %llu (%s): %u files, %u of tests, %zu bytes, SHA-256 %s",
                    facts->name, (unsigned long long)facts->version,
                    bundle_kind_word(facts->kind),
                    bundle->file_counts[BUNDLE_DETECTIONS] + bundle->file_counts[BUNDLE_SETTINGS],
                    bundle->file_counts[BUNDLE_TESTS], bundle->size, digest);
}

/* What the worker left is looked at once more: it is a process that may have lied. */
static enum cli_exit finish(const struct call *call, const char *path, const uint8_t *data,
                            size_t size)
{
    struct explanation why;
    struct bundle bundle;
    uint8_t digest[SHA256_DIGEST_LENGTH];
    char hex[2 * sizeof digest + 1];
    SHA2_CTX context;
    if (!result_is_ok(bundle_open(data, size, &bundle, &why))) {
        verb_error("%s", why.text);
        return CLI_INPUT;
    }
    enum cli_exit code = tlog_file_write(path, data, size, 0644);
    if (code != CLI_GOOD)
        return code;
    SHA256Init(&context);
    SHA256Update(&context, data, size);
    SHA256Final(digest, &context);
    hex_encode(digest, sizeof digest, hex);
    print(call, &bundle, hex);
    return CLI_GOOD;
}

static enum cli_exit take_over(const struct call *call, const struct content_build *build,
                               const char *path)
{
    struct stat status;
    void *data = MAP_FAILED;
    if (fstat(build->fd, &status) == 0 && status.st_size > 0)
        data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, build->fd, 0);
    if (data == MAP_FAILED) {
        verb_error("the bundle cannot be taken over: %s", strerror(errno));
        return CLI_UNAVAILABLE;
    }
    enum cli_exit code = finish(call, path, data, (size_t)status.st_size);
    munmap(data, (size_t)status.st_size);
    return code;
}

static enum cli_exit run(const struct call *call)
{
    struct content_build build = {.fd = -1};
    const char *path = options_value(call->options, "output", NULL);
    if (path == NULL)
        return verb_usage_error(call, "say with --output FILE where the bundle goes");
    enum cli_exit code = content_input_read(options_word(call->options, 0), &build.input);
    if (code == CLI_GOOD && build.input.sources == NULL) {
        verb_error("%s is a file: expected a folder with " BUNDLE_MANIFEST_FILE,
                   build.input.path);
        code = CLI_INPUT;
    }
    if (code == CLI_GOOD) {
        build.fd = memfd_create("bundle", MFD_CLOEXEC);
        code = build.fd >= 0 ? worker_run(call, work, &build) : CLI_UNAVAILABLE;
    }
    if (code == CLI_GOOD)
        code = take_over(call, &build, path);
    if (build.fd >= 0)
        close(build.fd);
    content_input_close(&build.input);
    return code;
}

static const struct option_row OPTIONS[] = {
    {"output", "FILE", false, "where the bundle goes; replaced whole or not at all"},
    {NULL, NULL, false, NULL},
};

const struct verb verb_content_build = {
    .name = "content build",
    .summary = "make a bundle from a folder of rules",
    .words = "DIR",
    .words_min = 1,
    .words_max = 1,
    .options = OPTIONS,
    .help =
        "DIR holds content.yaml and, by kind, rules/, exceptions/, ioc/, policy/ or probes/. The\n"
        "same sources give the same bytes, whatever their times and owners are. Nothing is left\n"
        "out in silence: other entries of DIR must be named under \"ignore\" in content.yaml.\n"
        "Whether the content is any good, says: creance content check.\n"
        "\n"
        "With --json: {name, version, kind, bytes, files, tests, sha256}.\n"
        "Exit codes: 0 built, 3 the sources are wrong, 4 the bundle cannot be written.\n"
        "\n"
        "Examples:\n"
        "  creance content build content --output creance-rules.bundle\n",
    .run = run,
};

// SPDX-License-Identifier: Apache-2.0
/*
 * `creance record`: this host's events into a file that `creance replay` reads.
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "cli/online.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

enum { SECONDS_MAX = 7 * 24 * 3600, ZSTD_LEVEL = 3 };

struct recorder {
    const char *path;
    FILE *file;
    ZSTD_CCtx *zstd; /* NULL: plain */
    uint64_t events, lost;
};

static const struct option_row OPTIONS[] = {
    {"seconds", "N", false, "stop after N seconds; without it Ctrl-C ends the recording"},
    {0},
};

/* --- the file --------------------------------------------------------------------------------- */

static enum cli_exit open_file(struct recorder *recorder)
{
    /* Command lines hold secrets: nobody else may read them. */
    int fd = open(recorder->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    recorder->file = fd < 0 ? NULL : fdopen(fd, "w");
    if (recorder->file == NULL) {
        verb_error("cannot make %s: %s", recorder->path, strerror(errno));
        return CLI_INPUT;
    }
    if (string_ends_with(recorder->path, ".zst")) {
        recorder->zstd = ZSTD_createCCtx();
        if (recorder->zstd == NULL
            || ZSTD_isError(ZSTD_CCtx_setParameter(recorder->zstd, ZSTD_c_compressionLevel,
                                                   ZSTD_LEVEL))) {
            verb_error("no memory to compress");
            return CLI_UNAVAILABLE;
        }
    }
    return CLI_GOOD;
}

static bool compress_out(struct recorder *recorder, const char *data, size_t size,
                         ZSTD_EndDirective directive)
{
    ZSTD_inBuffer in = {data, size, 0};
    for (;;) {
        char buffer[16384];
        ZSTD_outBuffer out = {buffer, sizeof buffer, 0};
        size_t left = ZSTD_compressStream2(recorder->zstd, &out, &in, directive);
        if (ZSTD_isError(left) || fwrite(buffer, 1, out.pos, recorder->file) != out.pos)
            return false;
        if (directive == ZSTD_e_continue ? in.pos == in.size : left == 0)
            return true;
    }
}

static bool write_line(struct recorder *recorder, const json_t *event)
{
    char *line = json_dumps(event, JSON_COMPACT);
    if (line == NULL)
        return false;
    size_t size = strlen(line);
    line[size] = '\n'; /* in the place of the 0 */
    bool is_written = recorder->zstd != NULL
                          ? compress_out(recorder, line, size + 1, ZSTD_e_continue)
                          : fwrite(line, 1, size + 1, recorder->file) == size + 1;
    free(line);
    return is_written;
}

static enum cli_exit close_file(struct recorder *recorder, enum cli_exit code)
{
    if (recorder->file == NULL)
        return code;
    bool is_whole = recorder->zstd == NULL || compress_out(recorder, "", 0, ZSTD_e_end);
    ZSTD_freeCCtx(recorder->zstd);
    is_whole = fclose(recorder->file) == 0 && is_whole;
    if (is_whole || code != CLI_GOOD)
        return code;
    verb_error("cannot write %s: %s; the recording is incomplete", recorder->path,
               strerror(errno));
    return CLI_UNAVAILABLE;
}

/* --- the recording ---------------------------------------------------------------------------- */

/* False: the file cannot be written. */
static bool take_piece(struct recorder *recorder, const char *name, json_t *value)
{
    bool is_written = true;
    if (string_equal(name, "event")) {
        is_written = write_line(recorder, value);
        recorder->events += is_written;
    } else if (string_equal(name, "lost")) {
        recorder->lost += (uint64_t)json_integer_value(value);
    }
    json_decref(value);
    return is_written;
}

static enum cli_exit take_events(struct recorder *recorder, struct online *online, uint64_t end_ns)
{
    while (!online_is_stopped()) {
        uint64_t now_ns = clock_boottime_ns(clock_system());
        if (end_ns != 0 && now_ns >= end_ns)
            break;
        const char *name;
        json_t *value;
        struct explanation why = {""};
        struct result result = online_next(online, 200, &name, &value, &why);
        if (result.error == ERROR_AGAIN)
            continue;
        if (!result_is_ok(result))
            return online_failed(result, &why);
        if (!take_piece(recorder, name, value)) {
            verb_error("cannot write %s: %s; the recording is incomplete", recorder->path,
                       strerror(errno));
            return CLI_UNAVAILABLE;
        }
    }
    return CLI_GOOD;
}

static enum cli_exit report(const struct call *call, const struct recorder *recorder)
{
    if (output_is_json(call->output))
        output_json(call->output, json_pack("{s:s, s:I, s:I}", "file", recorder->path, "events",
                                            (json_int_t)recorder->events, "lost",
                                            (json_int_t)recorder->lost));
    else
        output_line(call->output, "%llu events recorded in %s, %llu lost",
                    (unsigned long long)recorder->events, recorder->path,
                    (unsigned long long)recorder->lost);
    return recorder->lost == 0 ? CLI_GOOD : CLI_FINDING;
}

static enum cli_exit run(const struct call *call)
{
    uint64_t seconds = 0;
    const char *given = options_value(call->options, "seconds", NULL);
    if (given != NULL
        && (!result_is_ok(number_parse(given, SECONDS_MAX, &seconds)) || seconds == 0))
        return verb_usage_error(call, "--seconds needs a number from 1 to %d, not \"%s\"",
                                SECONDS_MAX, given);
    struct online *online = NULL;
    struct recorder recorder = {.path = options_word(call->options, 0)};
    enum cli_exit code =
        online_open(call, json_pack("{s:s, s:s}", "verb", "events", "form", "sigma"), &online);
    if (code != CLI_GOOD)
        return code;
    online_stop_on_signals();
    code = open_file(&recorder);
    uint64_t end_ns =
        seconds == 0 ? 0 : clock_boottime_ns(clock_system()) + seconds * NS_PER_S;
    if (code == CLI_GOOD)
        code = take_events(&recorder, online, end_ns);
    online_close(online);
    code = close_file(&recorder, code);
    return code == CLI_GOOD ? report(call, &recorder) : code;
}

const struct verb verb_record = {
    .name = "record",
    .summary = "this host's events into a file that replay reads",
    .words = "FILE",
    .words_min = 1,
    .words_max = 1,
    .options = OPTIONS,
    .help = "Writes what rules see of this host's events as JSON lines in Sigma's names;\n"
            "compressed where the name ends in .zst. FILE must not exist yet. It will hold\n"
            "command lines and so may hold secrets: only its owner can read it.\n"
            "\n"
            "Exit codes: 0 complete, 1 some events were lost, 3 FILE cannot be made, 4 no agent.\n"
            "\n"
            "Examples:\n"
            "  creance record night.jsonl.zst\n"
            "  creance record --seconds 60 minute.jsonl\n"
            "  creance replay --rules content/rules minute.jsonl\n",
    .run = run,
};

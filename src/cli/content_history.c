// SPDX-License-Identifier: Apache-2.0
/*
 * `creance content history`: what became of releases on this host, from the agent's log. It reads
 * files, so it works while no agent runs.
 */
#include "base/bytes.h"
#include "base/limits.h"
#include "base/paths.h"
#include "cli/online.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROTATED_MAX = 99 };

static void show(const struct call *call, json_t *line)
{
    if (!string_equal(online_text_at(line, "event.action"), "release"))
        return;
    if (output_is_json(call->output)) {
        output_json(call->output, json_pack("{s:s, s:s}", "@timestamp",
                                            online_text(line, "@timestamp"), "text",
                                            online_text(line, "message")));
        return;
    }
    bool is_bad = string_equal(online_text_at(line, "log.level"), "error");
    output_part(call->output, COLOUR_DIM, "%.19s  ", online_text(line, "@timestamp"));
    output_part(call->output, is_bad ? COLOUR_RED : COLOUR_NONE, "%s",
                online_text(line, "message"));
    output_line(call->output, "%s", "");
}

static void show_file(const struct call *call, FILE *file)
{
    char *text = NULL;
    size_t capacity = 0;
    while (!output_is_closed(call->output) && getline(&text, &capacity, file) >= 0) {
        /* Most lines are about something else: only those that may be ours are parsed. */
        if (strstr(text, "\"release\"") == NULL)
            continue;
        json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        if (line != NULL)
            show(call, line);
        json_decref(line);
    }
    free(text);
}

/* False: there is none of this name; *ret_code says whether that is all. */
static bool open_log(const char *folder, unsigned number, FILE **ret_file, enum cli_exit *ret_code)
{
    char path[LIMIT_PATH_BYTES];
    bool fits = number == 0 ? string_format(path, sizeof path, "%s/agent.jsonl", folder)
                            : string_format(path, sizeof path, "%s/agent.jsonl.%u", folder, number);
    int fd = fits ? open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    *ret_file = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (*ret_file == NULL && errno != ENOENT) {
        verb_error("%s cannot be read: %s", path, strerror(errno));
        *ret_code = CLI_UNAVAILABLE;
    }
    return *ret_file != NULL;
}

static enum cli_exit run(const struct call *call)
{
    struct paths paths;
    struct explanation why;
    enum cli_exit code = CLI_GOOD;
    FILE *file;
    if (!result_is_ok(
            paths_resolve(options_value(call->options, "state", NULL), NULL, &paths, &why))) {
        verb_error("%s", why.text);
        return CLI_UNAVAILABLE;
    }
    bool is_any = false;
    for (unsigned number = ROTATED_MAX + 1; number-- > 0 && code == CLI_GOOD;) {
        if (!open_log(paths.log, number, &file, &code))
            continue;
        is_any = true;
        show_file(call, file);
        (void)fclose(file);
    }
    if (code == CLI_GOOD && !is_any) {
        verb_error("there is no log in %s: no agent has run here yet", paths.log);
        code = CLI_UNAVAILABLE;
    }
    return code;
}

const struct verb verb_content_history = {
    .name = "content history",
    .summary = "what became of releases on this host",
    .words = "",
    .help = "Each change of state of each release, and of the agent's level, oldest first; times\n"
            "are UTC. It comes from the agent's log and reaches back as far as that is kept.\n"
            "\n"
            "With --json: {@timestamp, text}, one a line.\n"
            "\n"
            "Examples:\n"
            "  creance content history\n",
    .run = run,
};

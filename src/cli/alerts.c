// SPDX-License-Identifier: Apache-2.0
/*
 * `creance alerts`: what the rules found.
 */
#include "base/bytes.h"
#include "cli/event_text.h"

enum { LAST_DEFAULT = 10, LAST_MAX = 100000 };

static const struct option_row OPTIONS[] = {
    {"last", "N", false, "the last N alerts of the log (default 10)"},
    {"follow", NULL, false, "go on with new ones until Ctrl-C"},
    {0},
};

static void print_piece(struct output *output, const char *name, json_t *value)
{
    if (string_equal(name, "alert")) {
        if (output_is_json(output))
            output_json(output, json_incref(value));
        else
            alert_text_print(output, value);
    }
    json_decref(value);
}

static enum cli_exit show(const struct call *call, struct online *online)
{
    struct explanation why = {""};
    struct result result = RESULT_OK;
    while (!online_is_stopped() && !output_is_closed(call->output)) {
        const char *name;
        json_t *value;
        result = online_next(online, 200, &name, &value, &why);
        if (result_is_ok(result))
            print_piece(call->output, name, value);
        else if (result.error != ERROR_AGAIN)
            break;
        else
            result_ignore(output_flush(call->output)); /* main.c looks at it at the end */
    }
    bool is_good = result_is_ok(result) || result.error == ERROR_AGAIN
                   || result.error == ERROR_NOT_FOUND || online_is_stopped();
    return is_good ? CLI_GOOD : online_failed(result, &why);
}

static enum cli_exit run(const struct call *call)
{
    uint64_t last = LAST_DEFAULT;
    const char *given = options_value(call->options, "last", NULL);
    if (given != NULL && !result_is_ok(number_parse(given, LAST_MAX, &last)))
        return verb_usage_error(call, "--last needs a number from 0 to %d, not \"%s\"", LAST_MAX,
                                given);
    struct online *online = NULL;
    enum cli_exit code =
        online_open(call,
                    json_pack("{s:s, s:I, s:b}", "verb", "alerts", "last", (json_int_t)last,
                              "follow", (int)options_has(call->options, "follow")),
                    &online);
    if (code != CLI_GOOD)
        return code;
    online_stop_on_signals();
    code = show(call, online);
    online_close(online);
    return code;
}

const struct verb verb_alerts = {
    .name = "alerts",
    .summary = "what the rules found on this host",
    .words = "",
    .options = OPTIONS,
    .help = "Shows the last alerts of the log, oldest first, and with --follow new ones as they\n"
            "come. Times are UTC.\n"
            "\n"
            "Examples:\n"
            "  creance alerts\n"
            "  creance alerts --last 100 --json\n"
            "  creance alerts --follow --last 0\n",
    .run = run,
};

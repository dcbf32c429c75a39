// SPDX-License-Identifier: Apache-2.0
/*
 * `creance content hold`, `unhold`, `pin`, `unpin`, `allow`, `rollback`: what the administrator
 * orders about updates on this host. The orders are files in a folder of root's (update/orders):
 * they stand also where no agent runs, and nothing remote changes them.
 */
#include "base/bytes.h"
#include "cli/online.h"
#include "cli/releases.h"
#include "update/orders/orders.h"

#include <unistd.h>

/* Says what was ordered; the agent takes it within a second or two. */
static enum cli_exit said(const struct call *call, const char *order, const char *text)
{
    struct output *output = call->output;
    if (output_is_json(output))
        output_json(output, json_pack("{s:s, s:o}", "ordered", order, "text",
                                      output_json_text(text)));
    else
        output_line(output, "%s", text);
    return CLI_GOOD;
}

static enum cli_exit failed(const struct explanation *why)
{
    verb_error("%s", why->text);
    return CLI_UNAVAILABLE;
}

/* Changes what stands. */
static enum cli_exit change(const struct call *call,
                            void (*edit)(struct standing_orders *orders,
                                         const struct release_name *release),
                            const struct release_name *release, const char *order,
                            const char *text)
{
    int folder = -1;
    struct explanation why = {""};
    struct standing_orders orders;
    enum cli_exit code = releases_open_orders(call, &folder);
    if (code != CLI_GOOD)
        return code;
    struct result result = standing_orders_read(folder, &orders, &why);
    if (result.error == ERROR_FORMAT) /* damaged: this order begins anew, and says so */
        verb_error("%s", why.text);
    if (result_is_ok(result) || result.error == ERROR_FORMAT) {
        edit(&orders, release);
        result = standing_orders_write(folder, &orders, &why);
    }
    close(folder);
    return result_is_ok(result) ? said(call, order, text) : failed(&why);
}

/* The release that the first word means. */
static enum cli_exit find(const struct call *call, json_t **ret_answer, const json_t **ret_row,
                          struct release_name *ret_name)
{
    enum cli_exit code = releases_ask(call, ret_answer);
    if (code != CLI_GOOD)
        return code;
    *ret_row = releases_find(*ret_answer, options_word(call->options, 0));
    if (*ret_row != NULL && releases_name(*ret_row, ret_name))
        return CLI_GOOD;
    json_decref(*ret_answer);
    *ret_answer = NULL;
    return CLI_INPUT;
}

/* --- hold
 * -------------------------------------------------------------------------------------- */

static void edit_hold(struct standing_orders *orders, const struct release_name *release)
{
    (void)release;
    orders->is_held = true;
}

static void edit_unhold(struct standing_orders *orders, const struct release_name *release)
{
    (void)release;
    orders->is_held = false;
}

static enum cli_exit run_hold(const struct call *call)
{
    return change(call, edit_hold, NULL, "hold",
                  "held: nothing new becomes active on this host until `creance content unhold`");
}

static enum cli_exit run_unhold(const struct call *call)
{
    return change(call, edit_unhold, NULL, "unhold",
                  "no longer held: updates go on as the host's policy says");
}

/* --- pin
 * --------------------------------------------------------------------------------------- */

static void edit_pin(struct standing_orders *orders, const struct release_name *release)
{
    orders->is_pinned = true;
    orders->pin = *release;
}

static void edit_unpin(struct standing_orders *orders, const struct release_name *release)
{
    (void)release;
    orders->is_pinned = false;
}

static enum cli_exit run_pin(const struct call *call)
{
    json_t *answer = NULL;
    const json_t *row;
    struct release_name name;
    enum cli_exit code = find(call, &answer, &row, &name);
    if (code != CLI_GOOD)
        return code;
    char text[160];
    (void)string_format(text, sizeof text,
                        "pinned to version %lld: no other release becomes active on this host "
                        "until `creance content unpin`",
                        (long long)online_number(row, "version"));
    code = change(call, edit_pin, &name, "pin", text);
    json_decref(answer);
    return code;
}

static enum cli_exit run_unpin(const struct call *call)
{
    return change(call, edit_unpin, NULL, "unpin",
                  "no longer pinned: updates go on as the host's policy says");
}

/* --- once
 * -------------------------------------------------------------------------------------- */

static enum cli_exit put(const struct call *call, const struct order *order, const char *word,
                         const char *text)
{
    int folder = -1;
    struct explanation why = {""};
    enum cli_exit code = releases_open_orders(call, &folder);
    if (code != CLI_GOOD)
        return code;
    struct result result = order_put(folder, order, &why);
    close(folder);
    return result_is_ok(result) ? said(call, word, text) : failed(&why);
}

static void edit_allow(struct standing_orders *orders, const struct release_name *release)
{
    standing_orders_allow(orders, *release);
}

static enum cli_exit run_allow(const struct call *call)
{
    json_t *answer = NULL;
    const json_t *row;
    struct order order = {.verb = ORDER_ALLOW};
    enum cli_exit code = find(call, &answer, &row, &order.release);
    if (code != CLI_GOOD)
        return code;
    char text[160];
    order.stream = (uint32_t)online_number(row, "stream_number");
    (void)string_format(text, sizeof text,
                        "version %lld may take detections away, and is tried again where it failed",
                        (long long)online_number(row, "version"));
    json_decref(answer);
    code = put(call, &order, "allow", text);
    if (code == CLI_GOOD && !output_is_json(call->output))
        code = change(call, edit_allow, &order.release, "allow", "`creance content status` shows "
                                                                 "what it waits for now");
    else if (code == CLI_GOOD)
        code = change(call, edit_allow, &order.release, "allow-removals", text);
    return code;
}

/* What a rollback without a name means: what is new, or the only release that runs. */
static const json_t *find_running(const json_t *answer)
{
    size_t at, running = 0;
    const json_t *row, *found = NULL;
    json_array_foreach(json_object_get(answer, "releases"), at, row)
    {
        if (!json_is_true(json_object_get(row, "running")))
            continue;
        if (string_equal(online_text(row, "state"), "probation"))
            return row;
        found = row;
        running++;
    }
    if (running == 0)
        verb_error("the factory content runs: there is nothing to go back from");
    else if (running > 1)
        verb_error("%zu releases run; name the one to take back, as rules/42: `creance content "
                   "status` shows them", running);
    return running == 1 ? found : NULL;
}

static enum cli_exit run_rollback(const struct call *call)
{
    json_t *answer = NULL;
    enum cli_exit code = releases_ask(call, &answer);
    if (code != CLI_GOOD)
        return code;
    const json_t *row = options_word_count(call->options) > 0
                            ? releases_find(answer, options_word(call->options, 0))
                            : find_running(answer);
    struct order order = {.verb = ORDER_WITHDRAW};
    if (row == NULL || !releases_name(row, &order.release)) {
        json_decref(answer);
        return CLI_INPUT;
    }
    char text[200];
    order.stream = (uint32_t)online_number(row, "stream_number");
    (void)string_format(text, sizeof text,
                        "version %lld is taken back: the good release before it runs within a "
                        "second, and it is not tried again until `creance content allow`",
                        (long long)online_number(row, "version"));
    json_decref(answer);
    return put(call, &order, "rollback", text);
}

/* --- verbs
 * ------------------------------------------------------------------------------------- */

const struct verb verb_content_hold = {
    .name = "content hold",
    .summary = "let nothing new become active on this host",
    .words = "",
    .help = "Releases are still fetched, verified and grow older; none becomes active. What runs\n"
            "goes on running, and a release that fails still goes back by itself. Needs root;\n"
            "works while no agent runs.\n"
            "\n"
            "Examples:\n"
            "  creance content hold\n"
            "  creance content unhold\n",
    .run = run_hold,
};

const struct verb verb_content_unhold = {
    .name = "content unhold",
    .summary = "end a hold",
    .words = "",
    .help = "Ends `creance content hold`. Needs root.\n"
            "\n"
            "Examples:\n"
            "  creance content unhold\n",
    .run = run_unhold,
};

const struct verb verb_content_pin = {
    .name = "content pin",
    .summary = "let only this release become active on this host",
    .words = "RELEASE",
    .words_min = 1,
    .words_max = 1,
    .help = "RELEASE is a version (42, or rules/42), or the first digits of a name, as `creance\n"
            "content status` shows them. Others wait (\"pin\") until `creance content unpin`.\n"
            "Needs root.\n"
            "\n"
            "Examples:\n"
            "  creance content pin 42\n",
    .run = run_pin,
};

const struct verb verb_content_unpin = {
    .name = "content unpin",
    .summary = "end a pin",
    .words = "",
    .help = "Ends `creance content pin`. Needs root.\n"
            "\n"
            "Examples:\n"
            "  creance content unpin\n",
    .run = run_unpin,
};

const struct verb verb_content_allow = {
    .name = "content allow",
    .summary = "let a release take detections away, or be tried again",
    .words = "RELEASE",
    .words_min = 1,
    .words_max = 1,
    .help = "For a release that waits for \"removals\" or \"operator\", or that failed. Look at\n"
            "`creance content diff` and at why it failed before. Needs root.\n"
            "\n"
            "Examples:\n"
            "  creance content allow 42\n",
    .run = run_allow,
};

const struct verb verb_content_rollback = {
    .name = "content rollback",
    .summary = "go back to the good release before",
    .words = "[RELEASE]",
    .words_max = 1,
    .help = "Takes back what runs, or RELEASE. The good one before it runs within a second, from\n"
            "this host's own disk, without the network; where there is none, the factory content.\n"
            "It does not come back by itself. Needs root.\n"
            "\n"
            "Examples:\n"
            "  creance content rollback\n"
            "  creance content rollback 42\n",
    .run = run_rollback,
};

// SPDX-License-Identifier: Apache-2.0
/*
 * `creance live`: alerts as they come, and below them one line that says how the agent is.
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "cli/event_text.h"

#include <poll.h>

enum {
    STATUS_MS = 1000,
    PLAIN_STATUS_MS = 10000, /* where there is no terminal whose last line can be replaced */
    STATUS_WAIT_MS = 3000,
    RETURN_MS = 10000,   /* how long control, which is replaced when it dies, may be away */
    CATCH_UP_ALERTS = 200,
    LINE_BYTES = 512,
};

struct live {
    const struct call *call;
    struct output *output;
    struct online *alerts;
    char last_id[64];  /* of the alert shown last */
    bool is_catching_up; /* alerts up to last_id were shown before the connection broke */
    char line[LINE_BYTES]; /* the status line as it stands on the terminal */
    uint64_t next_status_ns;
};

/* --- the status line -------------------------------------------------------------------------- */

static json_int_t sum_losses(const json_t *status)
{
    json_int_t sum = 0;
    const char *name;
    json_t *counter;
    json_object_foreach(json_object_get(status, "counters"), name, counter)
    {
        /* Lost events and alerts; what was only cut is told by `creance status`. */
        if (json_is_true(json_object_get(counter, "loss"))
            && (string_ends_with(name, "_lost") || string_ends_with(name, "ring_full")
                || string_ends_with(name, "_skipped") || string_ends_with(name, "_missed")))
            sum += online_number(counter, "value");
    }
    return sum;
}

/* What is wrong; notes are for `creance status`. */
static const json_t *first_reason(const json_t *status)
{
    size_t at;
    const json_t *reason;
    json_array_foreach(json_object_get(status, "reasons"), at, reason)
    {
        if (!string_equal(online_text(reason, "what"), "note"))
            return reason;
    }
    return NULL;
}

static void format_status(struct live *live, const json_t *status)
{
    const json_t *rates = json_object_get(status, "rates");
    const json_t *coverage = json_object_get(status, "coverage");
    const json_t *reason = first_reason(status);
    const json_t *counters = json_object_get(status, "counters");
    bool is_healthy = string_equal(online_text(status, "state"), "healthy");
    string_format(live->line, sizeof live->line,
                  "%s | %.0f events/s | %lld lost | %lld alerts | %lld rules | CPU %.1f %% | "
                  "%.0f MiB | %lld/%lld probes%s%s",
                  online_text(status, "state"), online_real(rates, "events_per_second"),
                  (long long)sum_losses(status),
                  (long long)online_number(json_object_get(counters, "control_alerts_written"),
                                           "value"),
                  (long long)online_number(json_object_get(status, "rules"), "loaded"),
                  online_real(rates, "cpu_percent"),
                  (double)online_number(rates, "memory_bytes") / (1024.0 * 1024.0),
                  (long long)online_number(coverage, "attached"),
                  (long long)online_number(coverage, "wanted"), is_healthy ? "" : " | ",
                  is_healthy ? "" : online_text(reason, "text"));
}

static void erase_line(const struct live *live)
{
    if (output_is_terminal(live->output))
        output_raw(live->output, "\r\033[K");
}

static void draw_line(struct live *live)
{
    if (output_is_terminal(live->output)) {
        size_t columns = output_columns(live->output);
        /* One column less than there are: the terminal must not wrap it. */
        int width = columns > 1 ? (int)columns - 1 : 79;
        output_part(live->output, COLOUR_BOLD, "%.*s", width, live->line);
    }
    result_ignore(output_flush(live->output)); /* main.c looks at it at the end */
}

/* False: the agent is gone. */
static bool refresh_status(struct live *live)
{
    struct online *online = NULL;
    json_t *status = NULL;
    const char *name;
    struct explanation why;
    struct result result =
        online_try(live->call, json_pack("{s:s}", "verb", "status"), &online, &why);
    bool is_there = result.error != ERROR_NOT_FOUND;
    if (result_is_ok(result))
        result = online_next(online, STATUS_WAIT_MS, &name, &status, &why);
    if (result_is_ok(result))
        format_status(live, status);
    else if (is_there)
        string_copy(live->line, sizeof live->line, "creance-control does not answer");
    if (output_is_json(live->output)) {
        if (status != NULL)
            output_json(live->output, json_pack("{s:O}", "status", status));
    } else if (!output_is_terminal(live->output)) {
        output_line(live->output, "%s", live->line);
    }
    json_decref(status);
    online_close(online);
    return is_there;
}

/* --- alerts ----------------------------------------------------------------------------------- */

static void show_alert(struct live *live, const char *name, json_t *alert)
{
    if (!string_equal(name, "alert"))
        return;
    const char *id = online_text_at(alert, "event.id");
    if (live->is_catching_up) {
        live->is_catching_up = !string_equal(id, live->last_id);
        return;
    }
    string_copy(live->last_id, sizeof live->last_id, id);
    if (output_is_json(live->output))
        output_json(live->output, json_pack("{s:O}", "alert", alert));
    else
        alert_text_print(live->output, alert);
}

static RESULT connect_alerts(struct live *live, json_int_t last)
{
    struct explanation why;
    online_close(live->alerts);
    live->alerts = NULL;
    return online_try(live->call,
                      json_pack("{s:s, s:I, s:b}", "verb", "alerts", "last", last, "follow", 1),
                      &live->alerts, &why);
}

/* Control was replaced, or the agent has ended. Where it comes back, what was shown already is
 * passed over and what came meanwhile is shown. */
static bool reconnect(struct live *live)
{
    for (unsigned waited_ms = 0; waited_ms < RETURN_MS && !online_is_stopped(); waited_ms += 100) {
        struct result result =
            connect_alerts(live, live->last_id[0] == '\0' ? 0 : CATCH_UP_ALERTS);
        if (result_is_ok(result)) {
            live->is_catching_up = live->last_id[0] != '\0';
            return true;
        }
        if (result.error == ERROR_NOT_FOUND)
            return false;
        (void)poll(NULL, 0, 100);
    }
    return false;
}

/* Shows what has come, waits at most until the next status is due. False: the agent is gone. */
static bool show_alerts(struct live *live)
{
    for (;;) {
        uint64_t now_ns = clock_boottime_ns(clock_system());
        if (now_ns >= live->next_status_ns || online_is_stopped()
            || output_is_closed(live->output))
            return true;
        int wait_ms = (int)((live->next_status_ns - now_ns) / NS_PER_MS) + 1;
        const char *name;
        json_t *value = NULL;
        struct explanation why;
        struct result result = online_next(live->alerts, wait_ms, &name, &value, &why);
        if (result_is_ok(result)) {
            erase_line(live);
            show_alert(live, name, value);
            draw_line(live);
            json_decref(value);
        } else if (result.error == ERROR_AGAIN) {
            return true;
        } else if (!reconnect(live)) {
            return false;
        }
    }
}

static enum cli_exit look_on(struct live *live)
{
    bool is_plain = !output_is_terminal(live->output) && !output_is_json(live->output);
    bool is_there = true;
    while (is_there && !online_is_stopped() && !output_is_closed(live->output)) {
        uint64_t now_ns = clock_boottime_ns(clock_system());
        if (now_ns >= live->next_status_ns) {
            live->next_status_ns =
                now_ns + (uint64_t)(is_plain ? PLAIN_STATUS_MS : STATUS_MS) * NS_PER_MS;
            is_there = refresh_status(live);
            erase_line(live);
            draw_line(live);
        }
        is_there = is_there && show_alerts(live);
    }
    erase_line(live);
    if (is_there)
        return CLI_GOOD;
    verb_error("the agent has ended");
    return CLI_FINDING;
}

static enum cli_exit run(const struct call *call)
{
    struct live live = {.call = call, .output = call->output};
    enum cli_exit code =
        online_open(call, json_pack("{s:s, s:i, s:b}", "verb", "alerts", "last", 0, "follow", 1),
                    &live.alerts);
    if (code != CLI_GOOD)
        return code;
    online_stop_on_signals();
    code = look_on(&live);
    online_close(live.alerts);
    return code;
}

const struct verb verb_live = {
    .name = "live",
    .summary = "alerts as they come, above a line that says how the agent is",
    .words = "",
    .help = "Shows new alerts with their ancestors and, on a terminal, a status line below them.\n"
            "Ends with Ctrl-C. Times are UTC.\n"
            "\n"
            "Exit codes: 0 Ctrl-C, 1 the agent ended, 4 no agent runs here.\n"
            "\n"
            "Examples:\n"
            "  creance live\n"
            "  creance live --state build/state\n",
    .run = run,
};

// SPDX-License-Identifier: Apache-2.0
#include "agent/control/arrivals_json.h"

#include "agent/update/refresh.h"
#include "base/bytes.h"
#include "base/clock.h"

enum { TEXT_BYTES = 768, STATUS_TOO_MANY = 429, STATUS_UNAVAILABLE = 503 };

/* A word for JSON and what people read. */
struct words {
    const char *word, *text;
};

static const struct words OUTCOMES[TUF_OUTCOME_COUNT] = {
    [TUF_WORKING] = {"unknown", "what is new is not known yet"},
    [TUF_CURRENT] = {"current", "the metadata of updates is current"},
    [TUF_FOUND] = {"current", "the metadata of updates is current"},
    [TUF_ABSENT] = {"current", "the metadata of updates is current"},
    [TUF_EXPIRED] = {"expired", "the metadata of updates has expired (or this host's clock is "
                                "wrong): nothing new is taken until its publisher renews it"},
    [TUF_UNAVAILABLE] = {"unavailable", "the repository cannot be reached; it is tried again"},
    [TUF_REFUSED] = {"refused", "the repository sends metadata that is not believed: nothing of it "
                                "is taken, what runs stays"},
};

static const char *const REFUSALS[TUF_REFUSAL_COUNT] = {
    "", "malformed", "endless", "unsigned", "rolled back", "mismatched", "unlisted"};

static const struct words LOGS[] = {
    [REFRESH_LOG_UNKNOWN] = {"unknown", "the public log was not asked yet"},
    [REFRESH_LOG_GOOD] = {"good", "the public log is believed"},
    [REFRESH_LOG_UNAVAILABLE] = {"unavailable", "the public log cannot be reached"},
    [REFRESH_LOG_REFUSED] = {"refused", "the public log is not believed: no quorum of witnesses, "
                                        "or it forked"},
};
enum { LOG_COUNT = sizeof LOGS / sizeof LOGS[0] };

static const struct words *outcome_of(const struct tree_arrivals *arrivals)
{
    return &OUTCOMES[arrivals->outcome < TUF_OUTCOME_COUNT ? arrivals->outcome : TUF_WORKING];
}

static const struct words *log_of(const struct tree_arrivals *arrivals)
{
    return &LOGS[arrivals->log < LOG_COUNT ? arrivals->log : REFRESH_LOG_UNKNOWN];
}

static const char *refusal_of(const struct tree_arrivals *arrivals)
{
    return arrivals->refusal < TUF_REFUSAL_COUNT ? REFUSALS[arrivals->refusal] : "";
}

static void say(const struct tree_arrivals *arrivals, char out[TEXT_BYTES])
{
    if (arrivals->is_on == 0) {
        (void)string_copy(out, TEXT_BYTES, "no updates are fetched: this host has no trust "
                                           "anchors (creance content trust)");
        return;
    }
    if (arrivals->rounds == 0) {
        (void)string_copy(out, TEXT_BYTES, "updates have not been looked for yet");
        return;
    }
    char busy[96] = "", unnamed[96] = "";
    if (arrivals->unnamed > 0)
        (void)string_format(unnamed, sizeof unnamed, "; it names no release of %u streams of this "
                            "host: what runs stays", arrivals->unnamed);
    if (arrivals->status == STATUS_TOO_MANY || arrivals->status == STATUS_UNAVAILABLE)
        (void)string_format(busy, sizeof busy, "; the server answers %u: it is left alone for %u s",
                            arrivals->status, arrivals->retry_s);
    const char *refusal = refusal_of(arrivals);
    (void)string_format(out, TEXT_BYTES, "%s%s%s%s%s; %s%s%s%.255s", outcome_of(arrivals)->text,
                        refusal[0] != '\0' ? " (" : "", refusal, refusal[0] != '\0' ? ")" : "",
                        unnamed, log_of(arrivals)->text, busy,
                        arrivals->refused_why[0] != '\0' ? "; refused: " : "",
                        arrivals->refused_why);
}

static json_t *time_json(uint64_t wall_s)
{
    char text[CLOCK_TEXT_BYTES];
    if (wall_s == 0 || wall_s > UINT64_MAX / NS_PER_S)
        return json_null();
    clock_format(wall_s * NS_PER_S, text);
    return json_string(text);
}

json_t *arrivals_json(const struct tree_arrivals *arrivals)
{
    char text[TEXT_BYTES];
    say(arrivals, text);
    return json_pack("{s:b, s:s, s:s, s:s, s:s, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:s}",
                     "on",
                     (int)(arrivals->is_on != 0), "text", text, "metadata",
                     outcome_of(arrivals)->word, "refusal", refusal_of(arrivals), "log",
                     log_of(arrivals)->word, "log_entries", (json_int_t)arrivals->log_size,
                     "log_time", time_json(arrivals->log_at_s), "rounds",
                     (json_int_t)arrivals->rounds, "not_had", (json_int_t)arrivals->not_had,
                     "unnamed", (json_int_t)arrivals->unnamed,
                     "not_believed", (json_int_t)arrivals->refused, "offers_refused",
                     (json_int_t)arrivals->offers_refused, "server_status",
                     (json_int_t)arrivals->status, "last_round",
                     time_json(arrivals->round_wall_s), "refused_why", arrivals->refused_why);
}

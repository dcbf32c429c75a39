// SPDX-License-Identifier: Apache-2.0
#include "rollout/rollout_report.h"

#include "base/bytes.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <string.h>

enum { TIME_BYTES = 32, LINE_BYTES = 512, HEX_BYTES = 2 * CONTROLLER_DIGEST_BYTES + 1 };

static const char NOT_STATED[] = "not stated";

/* Where the report is written to; the first failure stays. */
struct page {
    struct writer *writer;
    struct result result;
    bool needs_comma;
};

static void put(struct page *page, const char *text)
{
    if (result_is_ok(page->result))
        page->result = writer_copy(page->writer, text, strlen(text));
}

/* --- facts that both forms tell --------------------------------------------------------------- */

static const char *stated(const char *text)
{
    return text == NULL || text[0] == 0 ? NOT_STATED : text;
}

static void time_text(struct wall_time wall, char text[TIME_BYTES])
{
    enum { YEAR_LAST = 9999, MINUTE_S = 60, HOUR_S = 60 * MINUTE_S };
    static const uint8_t MONTHS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint64_t day = wall.s / DAY_S;
    unsigned second = (unsigned)(wall.s % DAY_S), year = 1970, month = 0;
    bool is_leap = false;
    for (; year <= YEAR_LAST; year++) {
        is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        unsigned days = is_leap ? 366 : 365;
        if (day < days)
            break;
        day -= days;
    }
    if (year > YEAR_LAST) {
        (void)string_copy(text, TIME_BYTES, "?");
        return;
    }
    for (; day >= MONTHS[month] + (month == 1 && is_leap ? 1u : 0u); month++)
        day -= MONTHS[month] + (month == 1 && is_leap ? 1u : 0u);
    (void)string_format(text, TIME_BYTES, "%04u-%02u-%02uT%02u:%02u:%02uZ", year, month + 1,
                        (unsigned)day + 1, second / HOUR_S, second / MINUTE_S % 60, second % 60);
}

static const char *by_word(const struct controller_who *who)
{
    static const char *const WORDS[CONTROLLER_BY_COUNT] = {
        [CONTROLLER_BY_NOBODY] = "controller", [CONTROLLER_BY_PERSON] = "person",
        [CONTROLLER_BY_PARTNER] = "partner",   [CONTROLLER_BY_GATE] = "gate",
        [CONTROLLER_BY_CALENDAR] = "calendar",
    };
    return who->by < CONTROLLER_BY_COUNT ? WORDS[who->by] : "?";
}

/* Rows that the record should have and this report was not given. */
static uint32_t rows_missing(const struct rollout_report *report)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < report->row_count; i++)
        found += report->rows[i].number == found + 1;
    return report->state->decisions > found ? report->state->decisions - found : 0;
}

static const struct controller_decision *assessment(const struct rollout_report *report)
{
    for (uint32_t i = report->row_count; i > 0; i--)
        if (report->rows[i - 1].event == CONTROLLER_EVENT_ASSESS
            && report->rows[i - 1].refusal == CONTROLLER_REFUSAL_NONE)
            return &report->rows[i - 1];
    return NULL;
}

static bool is_about_ring(const struct controller_decision *row)
{
    uint32_t todo = 1u << CONTROLLER_ACTION_START_RING | 1u << CONTROLLER_ACTION_START_WAVE
                    | 1u << CONTROLLER_ACTION_ASK_APPROVAL;
    return row->verdict.event != 0 || row->event == CONTROLLER_EVENT_APPROVE
           || (row->todo & todo) != 0;
}

static void release_hex(struct release_name name, char hex[HEX_BYTES])
{
    hex_encode(name.bytes, sizeof name.bytes, hex);
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void put_character(struct page *page, uint32_t code, const uint8_t *bytes, size_t size)
{
    char escape[8];
    if (code == '"' || code == '\\') {
        put(page, "\\");
    } else if (code < ' ' || code == 0x7f) {
        (void)string_format(escape, sizeof escape, "\\u%04x", (unsigned)code);
        put(page, escape);
        return;
    }
    if (result_is_ok(page->result))
        page->result = writer_copy(page->writer, bytes, size);
}

static void put_string(struct page *page, const char *text)
{
    size_t size = strlen(text);
    const uint8_t *at = (const uint8_t *)text;
    put(page, "\"");
    while (size > 0) {
        uint32_t code;
        size_t length = utf8_decode(at, size, &code);
        if (length == 0) {
            put(page, "\\ufffd");
            length = 1;
        } else {
            put_character(page, code, at, length);
        }
        at += length;
        size -= length;
    }
    put(page, "\"");
}

static void key(struct page *page, const char *name)
{
    if (page->needs_comma)
        put(page, ",");
    if (name != NULL) {
        put_string(page, name);
        put(page, ":");
    }
    page->needs_comma = true;
}

static void open_field(struct page *page, const char *name, const char *bracket)
{
    key(page, name);
    put(page, bracket);
    page->needs_comma = false;
}

static void close_field(struct page *page, const char *bracket)
{
    put(page, bracket);
    page->needs_comma = true;
}

static void text_field(struct page *page, const char *name, const char *text)
{
    key(page, name);
    put_string(page, text);
}

static void stated_field(struct page *page, const char *name, const char *text)
{
    key(page, name);
    if (text == NULL || text[0] == 0)
        put(page, "null");
    else
        put_string(page, text);
}

static void number_field(struct page *page, const char *name, uint64_t number)
{
    key(page, name);
    char text[24];
    (void)string_format(text, sizeof text, "%" PRIu64, number);
    put(page, text);
}

static void bool_field(struct page *page, const char *name, bool is_so)
{
    key(page, name);
    put(page, is_so ? "true" : "false");
}

static void time_field(struct page *page, const char *name, struct wall_time wall)
{
    char text[TIME_BYTES];
    time_text(wall, text);
    text_field(page, name, text);
}

static void release_field(struct page *page, const char *name, struct release_name release)
{
    char hex[HEX_BYTES];
    release_hex(release, hex);
    stated_field(page, name, release_name_is_factory(release) ? NULL : hex);
}

static void json_change(struct page *page, const struct rollout_report *report)
{
    const struct rollout_change *change = report->change;
    const struct controller_plan *plan = &report->state->plan;
    open_field(page, "change", "{");
    stated_field(page, "stream", change->stream);
    number_field(page, "version", plan->version);
    release_field(page, "release", plan->release);
    release_field(page, "restores", plan->restores);
    bool_field(page, "urgent", plan->is_urgent);
    stated_field(page, "purpose", change->purpose);
    stated_field(page, "scope", change->scope);
    stated_field(page, "expected", change->expected);
    stated_field(page, "impact", change->impact);
    stated_field(page, "tests", change->tests);
    close_field(page, "}");
}

static void json_roles(struct page *page, const struct rollout_report *report)
{
    const struct controller_decision *assessed = assessment(report);
    open_field(page, "roles", "{");
    stated_field(page, "started_by", report->state->started_by);
    stated_field(page, "responsible", report->change->responsible);
    open_field(page, "approved_by", "[");
    for (unsigned ring = 0; ring < report->policy->ring_count; ring++)
        for (unsigned i = 0; i < report->state->rings[ring].approval_count; i++) {
            open_field(page, NULL, "{");
            number_field(page, "ring", ring + 1);
            text_field(page, "person", report->state->rings[ring].approved_by[i]);
            close_field(page, "}");
        }
    close_field(page, "]");
    stated_field(page, "assessed_by", assessed == NULL ? NULL : assessed->who.name);
    close_field(page, "}");
}

static void json_plan(struct page *page, const struct rollout_report *report)
{
    const struct controller_policy *policy = report->policy;
    open_field(page, "plan", "{");
    open_field(page, "rings", "[");
    for (unsigned i = 0; i < policy->ring_count; i++) {
        const struct controller_ring *ring = &policy->rings[i];
        open_field(page, NULL, "{");
        number_field(page, "ring", i + 1);
        number_field(page, "hosts", report->change->ring_hosts[i]);
        number_field(page, "age_s", ring->age_s);
        number_field(page, "approvals", ring->approvals);
        bool_field(page, "begun", report->state->is_begun && i <= report->state->ring);
        open_field(page, "waves", "[");
        for (unsigned wave = 0; wave < ring->waves.count; wave++) {
            open_field(page, NULL, "{");
            number_field(page, "share_ppm", ring->waves.waves[wave].share_ppm);
            number_field(page, "spread_s", ring->waves.waves[wave].spread_s);
            number_field(page, "pause_s", ring->waves.waves[wave].pause_s);
            close_field(page, "}");
        }
        close_field(page, "]");
        close_field(page, "}");
    }
    close_field(page, "]");
    number_field(page, "urgent_age_s", policy->urgent_age_s);
    number_field(page, "halt_hosts_min", policy->halt_hosts_min);
    number_field(page, "recall_partners", policy->recall_partners);
    number_field(page, "recall_spread_s", policy->recall_spread_s);
    close_field(page, "}");
}

static void json_gate(struct page *page, const struct controller_verdict *verdict)
{
    char hex[HEX_BYTES];
    if (verdict->event == 0)
        return;
    hex_encode(verdict->digest, sizeof verdict->digest, hex);
    open_field(page, "gate", "{");
    text_field(page, "says", controller_event_word((enum controller_event_type)verdict->event));
    number_field(page, "hosts", verdict->hosts);
    number_field(page, "upper_ppm", verdict->upper_ppm);
    if (verdict->metric < METRIC_COUNT) {
        text_field(page, "metric", metric_facts((enum metric)verdict->metric)->word);
        number_field(page, "bad_hosts", verdict->bad_hosts);
    }
    text_field(page, "evidence", hex);
    close_field(page, "}");
}

static void json_row(struct page *page, const struct controller_decision *row)
{
    open_field(page, NULL, "{");
    number_field(page, "number", row->number);
    time_field(page, "at", row->at.wall);
    number_field(page, "steady_s", row->at.steady.s);
    text_field(page, "by", by_word(&row->who));
    stated_field(page, "who", row->who.name);
    text_field(page, "event", controller_event_word((enum controller_event_type)row->event));
    text_field(page, "from", controller_state_word((enum controller_state)row->from));
    text_field(page, "to", controller_state_word((enum controller_state)row->to));
    if (row->refusal != CONTROLLER_REFUSAL_NONE)
        text_field(page, "refused", controller_refusal_text((enum controller_refusal)row->refusal));
    if (is_about_ring(row))
        number_field(page, "ring", row->ring + 1u);
    if (row->todo & (1u << CONTROLLER_ACTION_START_RING | 1u << CONTROLLER_ACTION_START_WAVE))
        number_field(page, "wave", row->wave + 1u);
    open_field(page, "actions", "[");
    for (unsigned i = 0; i < CONTROLLER_ACTION_COUNT; i++)
        if (row->todo >> i & 1)
            text_field(page, NULL, controller_action_word((enum controller_action)i));
    close_field(page, "]");
    json_gate(page, &row->verdict);
    open_field(page, "approved_by", "[");
    for (unsigned i = 0; i < row->approval_count && i < CONTROLLER_APPROVALS_MAX; i++)
        text_field(page, NULL, row->approved_by[i]);
    close_field(page, "]");
    if (row->version != 0) {
        number_field(page, "version", row->version);
        release_field(page, "restores", row->restores);
    }
    stated_field(page, "reason", row->reason);
    close_field(page, "}");
}

static void json_outcome(struct page *page, const struct rollout_report *report)
{
    const struct controller *state = report->state;
    enum controller_wait wait =
        controller_waits(report->policy, report->stream, state, report->now.steady);
    open_field(page, "fallback", "{");
    release_field(page, "release", state->plan.before);
    text_field(page, "how", release_name_is_factory(state->plan.before)
                                ? "recall: hosts run the factory set"
                                : "recall, or the same content under a higher version");
    close_field(page, "}");
    open_field(page, "outcome", "{");
    text_field(page, "state", controller_state_word((enum controller_state)state->state));
    text_field(page, "waits_for", controller_wait_word(wait));
    number_field(page, "rings_begun", state->is_begun ? state->ring + 1u : 0);
    bool_field(page, "flap_alarm", report->stream->alarm.is_raised);
    bool_field(page, "frozen", state->windows != 0);
    close_field(page, "}");
}

RESULT rollout_report_json(const struct rollout_report *report, struct writer *writer)
{
    struct page page = {.writer = writer, .result = RESULT_OK};
    open_field(&page, NULL, "{");
    text_field(&page, "report", "creance-rollout-report/v1");
    time_field(&page, "made_at", report->now.wall);
    json_change(&page, report);
    json_roles(&page, report);
    json_plan(&page, report);
    json_outcome(&page, report);
    number_field(&page, "decisions_recorded", report->state->decisions);
    number_field(&page, "decisions_missing", rows_missing(report));
    open_field(&page, "decisions", "[");
    for (uint32_t i = 0; i < report->row_count; i++)
        json_row(&page, &report->rows[i]);
    close_field(&page, "]");
    close_field(&page, "}");
    put(&page, "\n");
    return page.result;
}

/* --- text ------------------------------------------------------------------------------------ */

#define PUT(page, ...)                                                                   \
    do {                                                                                 \
        char line_[LINE_BYTES];                                                          \
        if (!string_format(line_, sizeof line_, __VA_ARGS__))                            \
            (page)->result = result_fail(ERROR_LIMIT);                                   \
        put((page), line_);                                                              \
    } while (0)

/* What people wrote: a line of theirs must not pass for a line of the report. */
static void put_plain(struct page *page, const char *text)
{
    size_t size = strlen(text);
    const uint8_t *at = (const uint8_t *)text;
    while (size > 0) {
        uint32_t code;
        size_t length = utf8_decode(at, size, &code);
        bool is_plain = length != 0 && code >= ' ' && code != 0x7f && !(code >= 0x80 && code < 0xa0)
                        && code != 0x2028 && code != 0x2029;
        if (!is_plain)
            put(page, "?");
        else if (result_is_ok(page->result))
            page->result = writer_copy(page->writer, at, length);
        at += length == 0 ? 1 : length;
        size -= length == 0 ? 1 : length;
    }
}

static void text_line(struct page *page, const char *name, const char *text)
{
    PUT(page, "  %-13s", name);
    put_plain(page, stated(text));
    put(page, "\n");
}

static void text_change(struct page *page, const struct rollout_report *report)
{
    const struct rollout_change *change = report->change;
    const struct controller *state = report->state;
    char hex[HEX_BYTES], before[HEX_BYTES];
    release_hex(state->plan.release, hex);
    release_hex(state->plan.before, before);
    bool has_before = !release_name_is_factory(state->plan.before);
    put(page, "Rollout of ");
    put_plain(page, stated(change->stream));
    PUT(page, " version %" PRIu64 " (%s)%s\n", state->plan.version, hex,
        state->plan.is_urgent ? ", urgent" : "");
    PUT(page, "%s: %s\n", controller_state_word((enum controller_state)state->state),
        controller_state_text((enum controller_state)state->state));
    enum controller_wait wait =
        controller_waits(report->policy, report->stream, state, report->now.steady);
    PUT(page, "It waits for: %s (%s)\n\nChange\n", controller_wait_word(wait),
        controller_wait_text(wait));
    text_line(page, "purpose", change->purpose);
    text_line(page, "scope", change->scope);
    text_line(page, "expected", change->expected);
    text_line(page, "impact", change->impact);
    text_line(page, "tests", change->tests);
    text_line(page, "way back", has_before ? before : "the factory set, by a recall");
    text_line(page, "responsible", change->responsible);
}

static void text_roles(struct page *page, const struct rollout_report *report)
{
    const struct controller_decision *assessed = assessment(report);
    text_line(page, "started by", report->state->started_by);
    for (unsigned i = 0; i < report->policy->ring_count; i++) {
        const struct controller_ring_state *ring = &report->state->rings[i];
        for (unsigned j = 0; j < ring->approval_count; j++)
            PUT(page, "  %-13s%s, for ring %u\n", "approved by", ring->approved_by[j], i + 1);
    }
    text_line(page, "assessed by", assessed == NULL ? "nobody yet" : assessed->who.name);
}

static void text_plan(struct page *page, const struct rollout_report *report)
{
    put(page, "\nPlan\n");
    for (unsigned i = 0; i < report->policy->ring_count; i++) {
        const struct controller_ring *ring = &report->policy->rings[i];
        PUT(page, "  ring %u: %u hosts in %u waves, from an age of %.1f h, %u approvals; %s\n",
            i + 1, report->change->ring_hosts[i], ring->waves.count, ring->age_s / 3600.0,
            ring->approvals,
            report->state->is_begun && i <= report->state->ring ? "begun" : "not begun");
    }
}

static void text_gate(struct page *page, const struct controller_verdict *verdict)
{
    char hex[HEX_BYTES];
    if (verdict->event == 0)
        return;
    hex_encode(verdict->digest, sizeof verdict->digest, hex);
    PUT(page, "       evidence: %s, %u hosts, fewer than %.3f %% bad",
        controller_event_word((enum controller_event_type)verdict->event), verdict->hosts,
        verdict->upper_ppm / 1e4);
    if (verdict->metric < METRIC_COUNT)
        PUT(page, ", %u bad in %s", verdict->bad_hosts,
            metric_facts((enum metric)verdict->metric)->word);
    PUT(page, ", reports %s\n", hex);
}

static void text_row(struct page *page, const struct controller_decision *row)
{
    char at[TIME_BYTES], hex[HEX_BYTES];
    time_text(row->at.wall, at);
    PUT(page, "%5u  %s  %s", row->number, at, by_word(&row->who));
    put(page, row->who.name[0] == 0 ? "" : " ");
    put_plain(page, row->who.name);
    PUT(page, ": %s", controller_event_word((enum controller_event_type)row->event));
    if (is_about_ring(row))
        PUT(page, ", ring %u", row->ring + 1);
    if (row->from != row->to)
        PUT(page, "; %s -> %s", controller_state_word((enum controller_state)row->from),
            controller_state_word((enum controller_state)row->to));
    for (unsigned i = 0; i < CONTROLLER_ACTION_COUNT; i++)
        if (row->todo >> i & 1)
            PUT(page, "; %s", controller_action_word((enum controller_action)i));
    if (row->refusal != CONTROLLER_REFUSAL_NONE)
        PUT(page, "; refused: %s", controller_refusal_text((enum controller_refusal)row->refusal));
    put(page, "\n");
    text_gate(page, &row->verdict);
    for (unsigned i = 0; i < row->approval_count && i < CONTROLLER_APPROVALS_MAX; i++)
        PUT(page, "       approved by: %s\n", row->approved_by[i]);
    if (row->version != 0) {
        release_hex(row->restores, hex);
        PUT(page, "       as version: %" PRIu64 ", with the content of %s\n", row->version, hex);
    }
    if (row->reason[0] != 0) {
        put(page, "       reason: ");
        put_plain(page, row->reason);
        put(page, "\n");
    }
}

RESULT rollout_report_text(const struct rollout_report *report, struct writer *writer)
{
    struct page page = {.writer = writer, .result = RESULT_OK};
    text_change(&page, report);
    text_roles(&page, report);
    text_plan(&page, report);
    uint32_t missing = rows_missing(report);
    PUT(&page, "\nDecisions (%u", report->state->decisions);
    if (missing != 0)
        PUT(&page, "; %u ARE MISSING from this report", missing);
    put(&page, ")\n");
    for (uint32_t i = 0; i < report->row_count; i++)
        text_row(&page, &report->rows[i]);
    return page.result;
}

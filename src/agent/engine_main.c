// SPDX-License-Identifier: Apache-2.0
/*
 * creance-engine: events against rules. Runs as its own user, with no file and no network; what it
 * has are the event ring to read, the alert ring to write, and sealed rule sources. Whether its
 * alerts count is not its business (supervisor/engine_slots.h).
 */
#include "agent/alert.h"
#include "agent/alert_limit.h"
#include "agent/child.h"
#include "agent/engine_sources.h"
#include "agent/flight.h"
#include "agent/rules_report.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/counters.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/sandbox.h"
#include "engine/engine.h"
#include "ring/ring.h"
#include "update/slots/sealed_memory.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    EVENTS_PER_TURN = 1024,
    IDLE_WAIT_MS = 500,
    MEASURED_EVERY = 512,
    SHADOW_WAIT_MS = 50, /* who is not active is not woken: one event wakes one engine */
};

struct judge {
    struct child child;
    struct engine *engine; /* NULL until the first rules came: events wait in the ring */
    struct engine_event *event;
    struct ring_reader *events;
    struct ring_writer *alerts;
    struct alert_limit *limit; /* of the rules in force */
    struct flight *flight;
    struct bytes releases; /* mapped; size 0: none */
    struct release_set set; /* views into it */
    /* its duty: whether it judges, and up to which event (0: for ever) */
    bool is_judging;
    bool is_active; /* woken for each event; else it looks by itself now and then */
    uint64_t until;
    struct rules_costs *costs;
    uint64_t generation; /* of the rules in force */
    uint64_t costs_due_ns;
    /* rules that the breaker holds off: for this rule set and those that come */
    struct rule_digest off[LIMIT_RULES_OFF];
    size_t off_count;
    /* what is being judged */
    struct ring_record record;
    const uint8_t *encoding;
    bool has_alerts;
    uint8_t buffer[LIMIT_RING_RECORD_BYTES];
    uint8_t output[LIMIT_RING_RECORD_BYTES];
};

static _Noreturn void give_up(const char *what, struct result result)
{
    fprintf(stderr, "creance-engine: %s: %s\n", what, result_text(result));
    exit(EXIT_FAILURE);
}

/* --- alerts ----------------------------------------------------------------------------------- */

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static struct bytes join_tags(const struct engine_rule *rule, char *buffer, size_t capacity)
{
    size_t at = 0;
    buffer[0] = '\0';
    for (size_t i = 0; i < rule->tag_count && at + 1 < capacity; i++) {
        (void)string_format(buffer + at, capacity - at, "%s%s", i == 0 ? "" : ",", rule->tags[i]);
        at += strlen(buffer + at);
    }
    return (struct bytes){(const uint8_t *)buffer, at};
}

/* Encodes the alert of a rule into judge->output, without the event where that does not fit. */
static RESULT encode_alert(struct judge *judge, size_t rule_index, uint64_t sequence,
                           uint64_t count, struct bytes event, size_t *ret_size)
{
    const struct engine_rule *rule = engine_rule(judge->engine, rule_index);
    char tags[ALERT_TEXT_BYTES];
    struct alert alert = {
        .epoch = ring_reader_epoch(judge->events),
        .sequence = sequence,
        .count = count,
        .rule_id = text_bytes(rule->id),
        .rule_title = text_bytes(rule->title),
        .rule_level = text_bytes(rule->level),
        .rule_file = text_bytes(rule->file),
        .rule_tags = join_tags(rule, tags, sizeof tags),
        .event = event,
    };
    bytes_copy(alert.rule_digest, sizeof alert.rule_digest, rule->digest, sizeof rule->digest);
    struct writer writer = writer_of(judge->output, sizeof judge->output);
    struct result result = alert_encode(&alert, &writer);
    if (!result_is_ok(result)) {
        counter_add(COUNTER_engine_alerts_oversized, 1);
        alert.event = (struct bytes){NULL, 0};
        writer = writer_of(judge->output, sizeof judge->output);
        result = alert_encode(&alert, &writer);
    }
    *ret_size = writer.at;
    return result;
}

static void tell_alert(struct judge *judge, size_t rule_index, uint64_t sequence, uint64_t count,
                       struct bytes event)
{
    size_t size;
    struct result result = encode_alert(judge, rule_index, sequence, count, event, &size);
    if (result_is_ok(result))
        result = ring_writer_append(judge->alerts, judge->output, size, sequence);
    if (!result_is_ok(result))
        give_up("cannot write an alert", result); /* the successor judges this event again */
    judge->has_alerts = true;
}

static void raise_alert(void *context, size_t rule_index)
{
    struct judge *judge = context;
    uint64_t count;
    enum alert_verdict verdict =
        alert_limit_judge(judge->limit, rule_index, judge->record.sequence,
                          ALERT_TEXT_BYTES / 2 + judge->record.size,
                          clock_boottime_ns(clock_system()), &count);
    if (verdict == ALERT_COUNT)
        counter_add(COUNTER_engine_alerts_counted, 1);
    else
        tell_alert(judge, rule_index, judge->record.sequence, count,
                   (struct bytes){judge->encoding, judge->record.size});
}

/* What was counted is told when its second is over; all of it before the rules are exchanged. */
static void tell_counted(struct judge *judge, bool all)
{
    size_t rule;
    uint64_t count;
    uint64_t sequence;
    uint64_t now_ns = clock_boottime_ns(clock_system());
    while (judge->engine != NULL
           && alert_limit_due(judge->limit, now_ns, all, &rule, &count, &sequence))
        tell_alert(judge, rule, sequence, count, (struct bytes){NULL, 0});
}

/* --- rules ------------------------------------------------------------------------------------ */

static void report(struct judge *judge, uint64_t generation, bool has_failed)
{
    struct message message = {.type = MESSAGE_rules_loaded,
                              .fd = -1,
                              .rules_loaded = {.generation = generation, .failed = has_failed}};
    if (!has_failed) {
        const struct engine *engine = judge->engine;
        struct message_rules_loaded *loaded = &message.rules_loaded;
        loaded->loaded = (uint32_t)engine_count_state(engine, ENGINE_RULE_LOADED);
        loaded->inactive = (uint32_t)engine_count_state(engine, ENGINE_RULE_INACTIVE);
        loaded->rejected = (uint32_t)engine_count_state(engine, ENGINE_RULE_REJECTED);
        counter_set(COUNTER_engine_rules_rejected, loaded->rejected);
        struct result result = rules_report_write(judge->child.grants[GRANT_rules_report_writer],
                                                  generation, engine);
        if (!result_is_ok(result)) /* the rules work; only their list cannot be shown */
            fprintf(stderr, "creance-engine: cannot write the rules report: %s\n",
                    result_text(result));
    }
    struct result result = child_send(&judge->child, &message);
    if (!result_is_ok(result))
        give_up("cannot report the rules to the supervisor", result);
}

static RESULT load(const void *pack, size_t size, struct engine **ret_engine,
                   struct engine_event **ret_event, struct explanation *why)
{
    struct engine_options options = {0};
    options.sources = engine_native_sources(&options.source_count);
    struct engine *engine;
    GUARD(engine_load(&options, pack, size, &engine, why));
    struct engine_event *event = engine_event_new(engine);
    if (event == NULL) {
        engine_free(engine);
        return explain(why, ERROR_MEMORY, "no memory for the events of these rules");
    }
    *ret_engine = engine;
    *ret_event = event;
    return RESULT_OK;
}

/* What rules cost is told once a second. */
static void tell_costs(struct judge *judge)
{
    uint64_t now_ns = clock_boottime_ns(clock_system());
    if (now_ns < judge->costs_due_ns)
        return;
    judge->costs_due_ns = now_ns + NS_PER_S;
    rules_costs_write(judge->costs, judge->generation, judge->engine);
}

static void prepare(struct judge *judge, struct engine *engine)
{
    result_ignore(engine_measure(engine, MEASURED_EVERY, clock_thread_ns)); /* for people only */
    for (size_t i = 0; i < judge->off_count; i++)
        (void)engine_rule_disable(engine, judge->off[i].bytes, true); /* 0: not of this set */
    for (size_t i = 0; i < engine_rule_count(engine); i++)
        flight_name(judge->flight, i, engine_rule(engine, i)->digest);
}

/* Maps sealed memory and closes its descriptor; size 0: it cannot be mapped. */
static struct bytes map_sealed(int fd)
{
    struct bytes view = {NULL, 0};
    if (!result_is_ok(sealed_memory_map(fd, RELEASE_SET_BYTES_MAX, &view)))
        view = (struct bytes){NULL, 0};
    close(fd);
    return view;
}

static RESULT load_joined(const struct judge *judge, struct bytes pack, struct engine **ret_engine,
                          struct engine_event **ret_event, struct explanation *why)
{
    uint8_t *joined = NULL;
    size_t size = 0;
    GUARD(engine_sources_join(&judge->set, false, pack, &joined, &size, why));
    struct result result = load(joined, size, ret_engine, ret_event, why);
    free(joined);
    return result;
}

static void take_releases(struct judge *judge, int fd)
{
    sealed_memory_unmap(judge->releases);
    judge->releases = map_sealed(fd);
    struct result result = result_fail(ERROR_MEMORY);
    if (judge->releases.size > 0)
        result = release_set_open(judge->releases, &judge->set);
    if (!result_is_ok(result))
        give_up("cannot read the set of releases", result);
}

/* The old rules answer until the new ones are loaded, and stay when they cannot be. */
static void take_rules(struct judge *judge, int fd, uint64_t generation)
{
    struct bytes pack = map_sealed(fd);
    struct explanation why = {"the rule sources cannot be mapped"};
    struct engine *engine = NULL;
    struct engine_event *event = NULL;
    struct alert_limit *limit = NULL;
    struct result result = result_fail(ERROR_FORMAT);
    if (pack.size > 0)
        result = load_joined(judge, pack, &engine, &event, &why);
    sealed_memory_unmap(pack);
    size_t off = 0;
    if (result_is_ok(result)) {
        result = engine_sources_apply_policy(&judge->set, engine, &off, &why);
        if (!result_is_ok(result)) {
            engine_event_free(event);
            engine_free(engine);
        }
    }
    if (result_is_ok(result)) {
        limit = alert_limit_new(engine_rule_count(engine));
        if (limit == NULL)
            give_up("cannot take new rules", result_fail(ERROR_MEMORY));
    }
    if (result_is_ok(result)) {
        if (judge->engine != NULL)
            engine_adopt_state(engine, judge->engine);
        tell_counted(judge, true);
        alert_limit_free(judge->limit);
        engine_event_free(judge->event);
        engine_free(judge->engine);
        judge->engine = engine;
        judge->event = event;
        judge->limit = limit;
        judge->generation = generation;
        counter_set(COUNTER_engine_rules_off_by_policy, off);
        prepare(judge, engine);
    } else {
        fprintf(stderr, "creance-engine: rule set %lu: %s\n", (unsigned long)generation, why.text);
    }
    report(judge, generation, !result_is_ok(result));
}

/* The breaker holds a rule off, or tries it again. */
static void switch_rule(struct judge *judge, const struct message_rule_switch *message)
{
    const uint64_t words[] = {message->digest_1, message->digest_2, message->digest_3,
                              message->digest_4};
    struct rule_digest rule = {{0}};
    bytes_copy(rule.bytes, sizeof rule.bytes, words, sizeof words);
    size_t at = 0;
    while (at < judge->off_count && !rule_digest_equal(&judge->off[at], &rule))
        at++;
    if (message->is_off == 0 && at < judge->off_count)
        judge->off[at] = judge->off[--judge->off_count];
    else if (message->is_off != 0 && at == judge->off_count && at < LIMIT_RULES_OFF)
        judge->off[judge->off_count++] = rule;
    struct explanation why;
    if (judge->engine == NULL)
        return;
    (void)engine_rule_disable(judge->engine, rule.bytes, message->is_off != 0);
    size_t off;
    if (message->is_off == 0) /* it may be off for both reasons; the policy was read before */
        result_ignore(engine_sources_apply_policy(&judge->set, judge->engine, &off, &why));
}

/* Says up to where all events are judged; the supervisor acts on it, so it must arrive. */
static void stand(struct judge *judge)
{
    judge->is_judging = false;
    const struct message message = {.type = MESSAGE_stands,
                                    .fd = -1,
                                    .stands = {.position = ring_reader_sequence(judge->events)}};
    struct result result = child_send(&judge->child, &message);
    if (!result_is_ok(result))
        give_up("cannot say to the supervisor where I stand", result);
}

static void take_duty(struct judge *judge, const struct message_duty *duty)
{
    judge->is_judging = duty->is_judging != 0;
    judge->is_active = duty->is_active != 0;
    judge->until = duty->until;
    if (!judge->is_judging)
        stand(judge);
}

static void take_messages(struct judge *judge)
{
    struct message message;
    while (result_is_ok(child_receive(&judge->child, &message))) {
        if (message.type == MESSAGE_release)
            take_releases(judge, message.fd);
        else if (message.type == MESSAGE_rules)
            take_rules(judge, message.fd, message.rules.generation);
        else if (message.type == MESSAGE_duty)
            take_duty(judge, &message.duty);
        else if (message.type == MESSAGE_rule_switch)
            switch_rule(judge, &message.rule_switch);
    }
}

static void count_correlations(const struct engine *engine)
{
    struct engine_correlation_counts counts = engine_correlation_counts(engine);
    counter_set(COUNTER_engine_correlation_events, counts.events);
    counter_set(COUNTER_engine_correlation_evicted, counts.evicted_events);
    counter_set(COUNTER_engine_correlation_late, counts.late_events);
}

/* --- events ----------------------------------------------------------------------------------- */

static void trace(void *context, size_t rule_index)
{
    const struct judge *judge = context;
    flight_enter(judge->flight, rule_index);
}

static void judge_record(struct judge *judge)
{
    struct event event;
    judge->encoding = judge->buffer;
    if (!result_is_ok(event_decode(judge->buffer, judge->record.size, &event))) {
        counter_add(COUNTER_engine_events_malformed, 1);
        return;
    }
    if (event_has(&event, FIELD_process_arguments))
        fault_in_engine(event.values[FIELD_process_arguments].text);
    engine_event_from_native(judge->event, &event);
    struct engine_verdict verdict =
        engine_eval(judge->engine, judge->event, raise_alert, trace, judge);
    flight_leave(judge->flight);
    counter_add(COUNTER_engine_events, 1);
    counter_add(COUNTER_engine_candidates, verdict.candidates);
    counter_add(COUNTER_engine_matches, verdict.matches);
    if (verdict.is_incomplete)
        counter_add(COUNTER_engine_steps_exceeded, 1);
}

/* Judges what waits, up to a turn's worth; true when more waits. */
static bool judge_events(struct judge *judge)
{
    if (judge->engine == NULL || !judge->is_judging)
        return false;
    for (unsigned i = 0; i < EVENTS_PER_TURN; i++) {
        if (judge->until != 0 && ring_reader_sequence(judge->events) >= judge->until) {
            stand(judge);
            return false;
        }
        struct result result = ring_reader_next(judge->events, judge->buffer, &judge->record);
        if (result.error == ERROR_AGAIN)
            return false;
        if (result_is_ok(result)) {
            judge_record(judge);
            ring_reader_done(judge->events);
        }
        counter_set(COUNTER_engine_events_lost, ring_reader_lost(judge->events));
    }
    return true;
}

static void wake_control(struct judge *judge)
{
    if (!judge->has_alerts)
        return;
    judge->has_alerts = false;
    const uint64_t one = 1;
    ssize_t written = write(judge->child.grants[GRANT_wake_control], &one, sizeof one);
    (void)written; /* EAGAIN: control has been woken already */
}

static void wait(struct judge *judge, bool is_more)
{
    struct pollfd waits[] = {
        {.fd = judge->child.socket, .events = POLLIN},
        {.fd = judge->child.grants[GRANT_wake_engine], .events = POLLIN},
    };
    bool is_watching = judge->is_judging && !judge->is_active;
    if (is_watching)
        waits[1].fd = -1;
    (void)poll(waits, 2, is_more ? 0 : is_watching ? SHADOW_WAIT_MS : IDLE_WAIT_MS);
    if ((waits[1].revents & POLLIN) != 0) {
        uint64_t count;
        ssize_t size = read(waits[1].fd, &count, sizeof count);
        (void)size; /* what counts is in the ring */
    }
}

static struct judge *open_judge(enum role role)
{
    static struct judge judge; /* its buffers are too large for the stack */
    child_start(&judge.child, role);
    const struct sandbox_profile profile = {.name = "creance-engine"};
    struct explanation why;
    if (!result_is_ok(sandbox_enter(&profile, &why))) {
        fprintf(stderr, "creance-engine: %s\n", why.text);
        exit(EXIT_FAILURE);
    }
    struct result result = ring_reader_open(judge.child.grants[GRANT_event_ring],
                                            judge.child.grants[GRANT_event_cursor], &judge.events);
    if (!result_is_ok(result))
        give_up("cannot map the event ring", result);
    struct ring_position last;
    result = ring_writer_open(judge.child.grants[GRANT_alert_ring_writer], &judge.alerts, &last);
    if (!result_is_ok(result))
        give_up("cannot map the alert ring", result);
    result = flight_map(judge.child.grants[GRANT_flight_record], &judge.flight);
    if (!result_is_ok(result))
        give_up("cannot map the flight record", result);
    result = rules_costs_map(judge.child.grants[GRANT_rules_report_writer], &judge.costs);
    if (!result_is_ok(result))
        give_up("cannot map the rules report", result);
    return &judge;
}

int main(int count, char **values)
{
    const char *second = role_row(ROLE_engine_b)->name;
    bool is_second = count > 1 && string_equal(values[1], second);
    struct judge *judge = open_judge(is_second ? ROLE_engine_b : ROLE_engine);
    child_ready(&judge->child);
    bool is_more = false;
    for (;;) {
        wait(judge, is_more);
        take_messages(judge);
        is_more = judge_events(judge);
        tell_counted(judge, false);
        wake_control(judge);
        if (judge->engine != NULL) {
            count_correlations(judge->engine);
            tell_costs(judge);
        }
        child_heartbeat(&judge->child, counter_get(COUNTER_engine_events));
    }
}

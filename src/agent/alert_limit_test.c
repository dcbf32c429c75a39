// SPDX-License-Identifier: Apache-2.0
/* One rule floods, others match now and then, and nobody reads the ring meanwhile. */
#include "agent/alert_limit.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/limits.h"
#include "ring/ring.h"
#include "tests/unit.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    RULES = 40, /* the first ones flood */
    EVENTS = 37000,
    RECORD_BYTES = 600,
    OTHERS_EVERY = 100,
};

struct told {
    uint64_t alerts[RULES]; /* records, and what they stand for */
    uint64_t matches[RULES];
};

struct record {
    uint64_t rule;
    uint64_t count;
    uint8_t rest[RECORD_BYTES - 2 * sizeof(uint64_t)];
};

static void tell(struct ring_writer *writer, uint64_t rule, uint64_t count)
{
    struct record record = {.rule = rule, .count = count};
    assert_ok(ring_writer_append(writer, &record, sizeof record, 0));
}

static void match(struct alert_limit *limit, struct ring_writer *writer, size_t rule,
                  uint64_t sequence, uint64_t now_ns)
{
    uint64_t count;
    if (alert_limit_judge(limit, rule, sequence, RECORD_BYTES, now_ns, &count) != ALERT_COUNT)
        tell(writer, rule, count);
}

/* A second of `floods` rules that match each event and others that match seldom; then all that is
 * still in the ring. */
static struct told flood(size_t floods)
{
    int ring_fd, cursor_fd;
    struct ring_writer *writer;
    struct ring_reader *reader;
    struct ring_position last;
    struct told told = {.alerts = {0}};
    struct alert_limit *limit = alert_limit_new(RULES);
    uint64_t now_ns = 1000 * NS_PER_S;
    assert_ok(ring_create(LIMIT_ALERT_RING_BYTES, 7, &ring_fd));
    assert_ok(ring_cursor_create(&cursor_fd));
    assert_ok(ring_writer_open(ring_fd, &writer, &last));
    assert_ok(ring_reader_open(ring_fd, cursor_fd, &reader));
    for (uint64_t i = 0; i < EVENTS / floods; i++, now_ns += NS_PER_S * floods / EVENTS / 10) {
        for (size_t rule = 0; rule < floods; rule++)
            match(limit, writer, rule, i, now_ns);
        if (i % OTHERS_EVERY == 0)
            match(limit, writer, floods + i / OTHERS_EVERY % (RULES - floods), i, now_ns);
    }
    size_t rule;
    uint64_t count, sequence;
    now_ns += NS_PER_S;
    while (alert_limit_due(limit, now_ns, false, &rule, &count, &sequence))
        tell(writer, rule, count);
    uint8_t buffer[LIMIT_RING_RECORD_BYTES];
    struct ring_record position;
    for (;;) {
        struct result result = ring_reader_next(reader, buffer, &position);
        if (result.error == ERROR_AGAIN)
            break;
        if (!result_is_ok(result))
            continue;
        const struct record *record = (const struct record *)(const void *)buffer;
        told.alerts[record->rule]++;
        told.matches[record->rule] += record->count;
        ring_reader_done(reader);
    }
    ring_reader_close(reader);
    ring_writer_close(writer);
    close(ring_fd);
    close(cursor_fd);
    alert_limit_free(limit);
    return told;
}

static uint64_t count_others(const struct told *told, size_t floods)
{
    uint64_t count = 0;
    for (size_t i = floods; i < RULES; i++)
        count += told->alerts[i];
    return count;
}

static void floods_cost_others_nothing(void **state)
{
    (void)state;
    static const size_t FLOODS[] = {1, 5, 20};
    for (size_t i = 0; i < sizeof FLOODS / sizeof FLOODS[0]; i++) {
        uint64_t events = EVENTS / FLOODS[i];
        struct told told = flood(FLOODS[i]);
        print_message("# %zu floods: %llu matches of others told, %llu of %llu of the first in "
                      "%llu alerts\n", FLOODS[i],
                      (unsigned long long)count_others(&told, FLOODS[i]),
                      (unsigned long long)told.matches[0], (unsigned long long)events,
                      (unsigned long long)told.alerts[0]);
        assert_int_equal(count_others(&told, FLOODS[i]),
                         (events + OTHERS_EVERY - 1) / OTHERS_EVERY);
        for (size_t rule = 0; rule < FLOODS[i]; rule++) {
            assert_int_equal(told.matches[rule], events); /* each is told, alone or in a number */
            assert_true(told.alerts[rule] < events);
        }
    }
}

static void without_a_limit_others_are_lost(void **state)
{
    (void)state;
    fault_planted = FAULT_ALERT_LIMIT_OFF;
    struct told told = flood(1);
    fault_planted = FAULT_NONE;
    print_message("# no limit: %llu of %d matches of others are left\n",
                  (unsigned long long)count_others(&told, 1), EVENTS / OTHERS_EVERY);
    assert_true(count_others(&told, 1) < EVENTS / OTHERS_EVERY / 2);
}

static void a_quiet_rule_is_told_at_once(void **state)
{
    (void)state;
    struct alert_limit *limit = alert_limit_new(2);
    uint64_t count;
    uint64_t now_ns = 5;
    for (uint64_t i = 0; i < 100000; i++, now_ns += NS_PER_S / 20) {
        assert_int_equal(alert_limit_judge(limit, 0, i, RECORD_BYTES, now_ns, &count), ALERT_TELL);
        assert_int_equal(count, 1);
    }
    /* The largest record passes, however little is left. */
    for (uint64_t i = 0; i < 10; i++, now_ns += 3 * NS_PER_S)
        assert_int_equal(alert_limit_judge(limit, 1, i, LIMIT_RING_RECORD_BYTES, now_ns, &count),
                         ALERT_TELL);
    alert_limit_free(limit);
}

static void what_is_counted_is_told_when_rules_go(void **state)
{
    (void)state;
    struct alert_limit *limit = alert_limit_new(3);
    uint64_t count, sequence;
    size_t rule;
    uint64_t counted = 0;
    assert_false(alert_limit_due(limit, 1, true, &rule, &count, &sequence));
    for (uint64_t i = 0; i < 5000; i++)
        counted += alert_limit_judge(limit, 2, i, RECORD_BYTES, 9, &count) == ALERT_COUNT;
    assert_true(counted > 4000);
    assert_false(alert_limit_due(limit, 9, false, &rule, &count, &sequence));
    assert_true(alert_limit_due(limit, 9, true, &rule, &count, &sequence));
    assert_int_equal(rule, 2);
    assert_int_equal(count, counted);
    assert_int_equal(sequence, 4999);
    assert_false(alert_limit_due(limit, 9, true, &rule, &count, &sequence));
    alert_limit_free(limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floods_cost_others_nothing),
        cmocka_unit_test(without_a_limit_others_are_lost),
        cmocka_unit_test(a_quiet_rule_is_told_at_once),
        cmocka_unit_test(what_is_counted_is_told_when_rules_go),
    };
    return unit_run("agent-alert_limit", tests);
}

// SPDX-License-Identifier: Apache-2.0
#include "engine/correlate.h"

#include "base/bytes.h"
#include "base/keyed_hash.h"
#include "base/limits.h"
#include "engine/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEAST_ROWS = 64,   /* of each table, whatever the limit */
    PLACED_STEPS = 64, /* how far an event that came late is moved back to its place */
    RELEASED_STEPS = 2 /* groups whose span is over that one event takes away */
};

/* One event of a group, in the order of time. */
struct seen {
    uint64_t time_ns;  /* temporal_ordered: when the chain that ends here began */
    uint64_t value;    /* hash; or bits of a double; or row of a tally; or when the chain ended */
    uint32_t older;    /* of the group; or next free row */
    uint32_t newer;
    uint32_t chain;    /* next row in the bucket of its value; temporal: the rule's position */
    uint32_t group;    /* of a tally: how often */
};

struct group {
    uint64_t key[2];
    uint64_t newest_ns;
    double sum;
    uint32_t correlation;
    uint32_t first; /* seen: oldest */
    uint32_t last;
    uint32_t count;
    uint32_t chain; /* next in its bucket; or next free row */
    uint32_t older; /* in the order of newest_ns, over all groups */
    uint32_t newer;
    uint32_t below[MAX_THRESHOLDS]; /* values less than each threshold, */
    uint32_t above[MAX_THRESHOLDS]; /* and greater: for percentiles */
    bool holds;                     /* the condition was true at the last event */
};

struct correlator {
    const struct program *program;
    size_t limit_bytes;
    struct group *groups;
    uint32_t group_capacity;
    uint32_t *group_buckets;
    uint32_t group_mask;
    uint32_t free_group; /* chained by `chain` */
    uint32_t oldest;     /* group by newest_ns */
    uint32_t newest;
    struct seen *seen;
    uint32_t seen_capacity;
    uint32_t *value_buckets;
    uint32_t value_mask;
    uint32_t free_seen;
    uint64_t latest_ns; /* time of any event so far */
    /* the event at hand */
    uint64_t *dirty;       /* correlations that were noted, as bits */
    uint64_t *hits;        /* of each correlation: positions that matched, as bits */
    bool has_hits;
    struct bytes *keys;    /* texts that each correlation was grouped by the last time */
    uint64_t group_count;
    uint64_t seen_count;
    uint64_t evicted_groups;
    uint64_t evicted_events;
    uint64_t late_events;
};

/* --- life ------------------------------------------------------------------------------------- */

static uint32_t power_of_two(uint32_t least)
{
    uint32_t power = LEAST_ROWS;
    while (power < least)
        power *= 2;
    return power;
}

static void fill_free_lists(struct correlator *correlator)
{
    for (uint32_t i = 0; i < correlator->group_capacity; i++)
        correlator->groups[i].chain = i + 1 < correlator->group_capacity ? i + 1 : NO_INDEX;
    for (uint32_t i = 0; i < correlator->seen_capacity; i++)
        correlator->seen[i].older = i + 1 < correlator->seen_capacity ? i + 1 : NO_INDEX;
    for (uint32_t i = 0; i <= correlator->group_mask; i++)
        correlator->group_buckets[i] = NO_INDEX;
    for (uint32_t i = 0; i <= correlator->value_mask; i++)
        correlator->value_buckets[i] = NO_INDEX;
    correlator->oldest = NO_INDEX;
    correlator->newest = NO_INDEX;
}

/* A quarter for groups, the rest for events, each with a bucket of its own. */
static bool allocate(struct correlator *correlator)
{
    uint32_t correlations = correlator->program->correlations.count;
    size_t groups = correlator->limit_bytes / 4 / (sizeof(struct group) + 2 * sizeof(uint32_t));
    size_t seen = correlator->limit_bytes / 4 * 3 / (sizeof(struct seen) + 2 * sizeof(uint32_t));
    groups = groups < LEAST_ROWS ? LEAST_ROWS : groups;
    seen = seen < LEAST_ROWS ? LEAST_ROWS : seen;
    correlator->group_capacity = groups > UINT32_MAX / 4 ? UINT32_MAX / 4 : (uint32_t)groups;
    correlator->seen_capacity = seen > UINT32_MAX / 4 ? UINT32_MAX / 4 : (uint32_t)seen;
    correlator->group_mask = power_of_two(correlator->group_capacity) - 1;
    correlator->value_mask = power_of_two(correlator->seen_capacity) - 1;
    correlator->groups = calloc(correlator->group_capacity, sizeof correlator->groups[0]);
    correlator->seen = calloc(correlator->seen_capacity, sizeof correlator->seen[0]);
    correlator->group_buckets = calloc((size_t)correlator->group_mask + 1, sizeof(uint32_t));
    correlator->value_buckets = calloc((size_t)correlator->value_mask + 1, sizeof(uint32_t));
    correlator->dirty = calloc(correlations / 64 + 1, sizeof(uint64_t));
    correlator->hits = calloc((size_t)correlations + 1, sizeof(uint64_t));
    correlator->keys =
        calloc((size_t)correlator->program->key_count + 1, sizeof correlator->keys[0]);
    return correlator->groups != NULL && correlator->seen != NULL
           && correlator->group_buckets != NULL && correlator->value_buckets != NULL
           && correlator->dirty != NULL && correlator->hits != NULL && correlator->keys != NULL;
}

struct correlator *correlator_new(const struct program *program, size_t limit_bytes)
{
    struct correlator *correlator = calloc(1, sizeof *correlator);
    if (correlator == NULL)
        return NULL;
    correlator->program = program;
    correlator->limit_bytes = limit_bytes;
    if (!allocate(correlator)) {
        correlator_free(correlator);
        return NULL;
    }
    fill_free_lists(correlator);
    return correlator;
}

void correlator_free(struct correlator *correlator)
{
    if (correlator == NULL)
        return;
    free(correlator->groups);
    free(correlator->seen);
    free(correlator->group_buckets);
    free(correlator->value_buckets);
    free(correlator->dirty);
    free(correlator->hits);
    free(correlator->keys);
    free(correlator);
}

struct engine_correlation_counts correlator_counts(const struct correlator *correlator)
{
    return (struct engine_correlation_counts){
        .groups = correlator->group_count,
        .events = correlator->seen_count,
        .limit_bytes = correlator->limit_bytes,
        .evicted_groups = correlator->evicted_groups,
        .evicted_events = correlator->evicted_events,
        .late_events = correlator->late_events,
    };
}

/* --- values ----------------------------------------------------------------------------------- */

static const struct program_correlation *correlation_of(const struct correlator *correlator,
                                                        const struct group *group)
{
    return &ROWS_OF(correlator->program->correlations,
                    struct program_correlation)[group->correlation];
}

static bool is_temporal(const struct program_correlation *correlation)
{
    return correlation->type == CORRELATION_TEMPORAL
           || correlation->type == CORRELATION_TEMPORAL_ORDERED;
}

/* Numbers are kept, to be summed up or compared. */
static bool keeps_numbers(const struct program_correlation *correlation)
{
    return correlation->type == CORRELATION_VALUE_SUM || correlation->type == CORRELATION_VALUE_AVG
           || correlation->type == CORRELATION_VALUE_MEDIAN
           || (correlation->type == CORRELATION_VALUE_PERCENTILE && correlation->percentile >= 0);
}

/* Each value has a tally of how often it is there. */
static bool keeps_tallies(const struct program_correlation *correlation)
{
    return correlation->type == CORRELATION_VALUE_PERCENTILE && correlation->percentile < 0;
}

static double number_of(uint64_t bits)
{
    double number;
    bytes_copy(&number, sizeof number, &bits, sizeof bits);
    return number;
}

static uint32_t *value_bucket(struct correlator *correlator, uint32_t group, uint64_t value)
{
    uint64_t mixed = (value ^ group * UINT64_C(0x9E3779B97F4A7C15)) * UINT64_C(0xD6E8FEB86659FD93);
    return &correlator->value_buckets[(uint32_t)(mixed >> 32) & correlator->value_mask];
}

/* The row with a value, chained in its bucket; NO_INDEX where there is none. Rows of other groups
 * may share the bucket, and the hash is 64 bits of a keyed one: who cannot choose it cannot make
 * chains long. */
static uint32_t find_value(struct correlator *correlator, uint32_t group, uint64_t value)
{
    uint32_t at = *value_bucket(correlator, group, value);
    while (at != NO_INDEX
           && (correlator->seen[at].value != value || correlator->seen[at].group != group))
        at = correlator->seen[at].chain;
    return at;
}

static void unchain_value(struct correlator *correlator, uint32_t group, uint32_t row)
{
    uint32_t *at = value_bucket(correlator, group, correlator->seen[row].value);
    while (*at != NO_INDEX && *at != row)
        at = &correlator->seen[*at].chain;
    if (*at == row)
        *at = correlator->seen[row].chain;
}

/* --- rows of what was seen -------------------------------------------------------------------- */

static void give_back(struct correlator *correlator, uint32_t row)
{
    correlator->seen[row].older = correlator->free_seen;
    correlator->free_seen = row;
    correlator->seen_count--;
}

/* Adds a value to what the group knows of all its values, or takes it away. */
static void count_number(struct group *group, const struct program_correlation *correlation,
                         double number, int32_t difference)
{
    group->sum += difference * number;
    for (uint32_t i = 0; i < correlation->threshold_count; i++) {
        double threshold = correlation->thresholds[i].number;
        group->below[i] += (uint32_t)(number < threshold ? difference : 0);
        group->above[i] += (uint32_t)(number > threshold ? difference : 0);
    }
}

static void unlink_seen(struct correlator *correlator, struct group *group, uint32_t row)
{
    struct seen *seen = &correlator->seen[row];
    if (seen->older != NO_INDEX)
        correlator->seen[seen->older].newer = seen->newer;
    else
        group->first = seen->newer;
    if (seen->newer != NO_INDEX)
        correlator->seen[seen->newer].older = seen->older;
    else
        group->last = seen->older;
}

/* Forgets one event of a group. */
static void forget(struct correlator *correlator, uint32_t number, uint32_t row)
{
    struct group *group = &correlator->groups[number];
    const struct program_correlation *correlation = correlation_of(correlator, group);
    struct seen *seen = &correlator->seen[row];
    unlink_seen(correlator, group, row);
    if (correlation->type == CORRELATION_VALUE_COUNT)
        unchain_value(correlator, number, row);
    if (keeps_numbers(correlation))
        count_number(group, correlation, number_of(seen->value), -1);
    if (keeps_tallies(correlation)) {
        uint32_t tally = (uint32_t)seen->value;
        if (--correlator->seen[tally].newer == 0) {
            unchain_value(correlator, number, tally);
            give_back(correlator, tally);
        }
    }
    give_back(correlator, row);
    group->count--;
    if (group->count == 0) {
        group->sum = 0; /* what rounding left */
        group->holds = false;
    }
}

/* --- groups ----------------------------------------------------------------------------------- */

static uint32_t *group_bucket(struct correlator *correlator, uint32_t correlation,
                              const uint64_t key[2])
{
    uint64_t mixed = (key[0] ^ correlation) * UINT64_C(0x9E3779B97F4A7C15);
    return &correlator->group_buckets[(uint32_t)(mixed >> 32) & correlator->group_mask];
}

static void unlink_group(struct correlator *correlator, uint32_t number)
{
    const struct group *group = &correlator->groups[number];
    if (group->older != NO_INDEX)
        correlator->groups[group->older].newer = group->newer;
    else
        correlator->oldest = group->newer;
    if (group->newer != NO_INDEX)
        correlator->groups[group->newer].older = group->older;
    else
        correlator->newest = group->older;
}

/* Puts a group where its time belongs; nearly always that is the end. */
static void place_group(struct correlator *correlator, uint32_t number)
{
    struct group *group = &correlator->groups[number];
    uint32_t before = correlator->newest;
    for (unsigned steps = 0; before != NO_INDEX && steps < PLACED_STEPS
                             && correlator->groups[before].newest_ns > group->newest_ns;
         steps++)
        before = correlator->groups[before].older;
    group->older = before;
    group->newer = before == NO_INDEX ? correlator->oldest : correlator->groups[before].newer;
    if (group->older != NO_INDEX)
        correlator->groups[group->older].newer = number;
    else
        correlator->oldest = number;
    if (group->newer != NO_INDEX)
        correlator->groups[group->newer].older = number;
    else
        correlator->newest = number;
}

static void release_group(struct correlator *correlator, uint32_t number)
{
    struct group *group = &correlator->groups[number];
    while (group->first != NO_INDEX)
        forget(correlator, number, group->first);
    uint32_t *at = group_bucket(correlator, group->correlation, group->key);
    while (*at != number)
        at = &correlator->groups[*at].chain;
    *at = group->chain;
    unlink_group(correlator, number);
    group->chain = correlator->free_group;
    correlator->free_group = number;
    correlator->group_count--;
}

static bool is_over(const struct correlator *correlator, const struct group *group,
                    uint64_t now_ns)
{
    return now_ns > group->newest_ns
           && now_ns - group->newest_ns > correlation_of(correlator, group)->span_ns;
}

/* Makes room by what was seen last longest ago; counts it where its time was not over. */
static void evict_group(struct correlator *correlator, uint32_t number, uint64_t now_ns)
{
    if (!is_over(correlator, &correlator->groups[number], now_ns)) {
        correlator->evicted_groups++;
        correlator->evicted_events += correlator->groups[number].count;
    }
    release_group(correlator, number);
}

static uint32_t find_group(struct correlator *correlator, uint32_t correlation,
                           const uint64_t key[2])
{
    uint32_t at = *group_bucket(correlator, correlation, key);
    for (; at != NO_INDEX; at = correlator->groups[at].chain) {
        const struct group *group = &correlator->groups[at];
        if (group->correlation == correlation && group->key[0] == key[0]
            && group->key[1] == key[1])
            break;
    }
    return at;
}

static uint32_t make_group(struct correlator *correlator, uint32_t correlation,
                           const uint64_t key[2], uint64_t time_ns)
{
    for (unsigned i = 0; i < RELEASED_STEPS && correlator->oldest != NO_INDEX
                         && is_over(correlator, &correlator->groups[correlator->oldest], time_ns);
         i++)
        release_group(correlator, correlator->oldest);
    if (correlator->free_group == NO_INDEX)
        evict_group(correlator, correlator->oldest, time_ns);
    uint32_t number = correlator->free_group;
    struct group *group = &correlator->groups[number];
    correlator->free_group = group->chain;
    correlator->group_count++;
    uint32_t *bucket = group_bucket(correlator, correlation, key);
    *group = (struct group){.key = {key[0], key[1]}, .newest_ns = time_ns,
                            .correlation = correlation, .first = NO_INDEX, .last = NO_INDEX,
                            .chain = *bucket};
    *bucket = number;
    place_group(correlator, number);
    return number;
}

/* A free row. When there is none the group that was seen last longest ago makes room, or where that
 * is `number` itself its oldest event. */
static uint32_t take_row(struct correlator *correlator, uint32_t number)
{
    while (correlator->free_seen == NO_INDEX) {
        uint32_t oldest = correlator->oldest;
        if (oldest == number && correlator->groups[oldest].newer != NO_INDEX)
            oldest = correlator->groups[oldest].newer;
        if (oldest != number) {
            evict_group(correlator, oldest, correlator->groups[number].newest_ns);
            continue;
        }
        correlator->evicted_events++;
        forget(correlator, number, correlator->groups[number].first);
    }
    uint32_t row = correlator->free_seen;
    correlator->free_seen = correlator->seen[row].older;
    correlator->seen_count++;
    return row;
}

/* --- adding ----------------------------------------------------------------------------------- */

/* Puts a row among the events of its group by its time; nearly always that is the end. */
static void place_seen(struct correlator *correlator, struct group *group, uint32_t row)
{
    struct seen *seen = &correlator->seen[row];
    uint32_t before = group->last;
    for (unsigned steps = 0; before != NO_INDEX && steps < PLACED_STEPS
                             && correlator->seen[before].time_ns > seen->time_ns;
         steps++)
        before = correlator->seen[before].older;
    seen->older = before;
    seen->newer = before == NO_INDEX ? group->first : correlator->seen[before].newer;
    if (seen->older != NO_INDEX)
        correlator->seen[seen->older].newer = row;
    else
        group->first = row;
    if (seen->newer != NO_INDEX)
        correlator->seen[seen->newer].older = row;
    else
        group->last = row;
}

/* How many events, or values, can make a difference: one more than the largest threshold. */
static uint32_t useful_count(const struct program_correlation *correlation)
{
    double largest = 0;
    if (correlation->type != CORRELATION_EVENT_COUNT
        && correlation->type != CORRELATION_VALUE_COUNT)
        return LIMIT_CORRELATION_EVENTS;
    for (uint32_t i = 0; i < correlation->threshold_count; i++)
        largest = fmax(largest, correlation->thresholds[i].number);
    return largest + 1 < LIMIT_CORRELATION_EVENTS ? (uint32_t)largest + 1
                                                  : (uint32_t)LIMIT_CORRELATION_EVENTS;
}

static uint32_t add_seen(struct correlator *correlator, uint32_t number, uint64_t time_ns,
                         uint64_t value)
{
    struct group *group = &correlator->groups[number];
    uint32_t most = useful_count(correlation_of(correlator, group));
    while (group->count >= most) {
        correlator->evicted_events += most == LIMIT_CORRELATION_EVENTS;
        forget(correlator, number, group->first);
    }
    uint32_t row = take_row(correlator, number);
    correlator->seen[row] = (struct seen){.time_ns = time_ns, .value = value, .chain = NO_INDEX,
                                          .group = number};
    place_seen(correlator, group, row);
    group->count++;
    return row;
}

static void chain_value(struct correlator *correlator, uint32_t number, uint32_t row)
{
    uint32_t *bucket = value_bucket(correlator, number, correlator->seen[row].value);
    correlator->seen[row].chain = *bucket;
    *bucket = row;
}

/* The last time that a value was seen is all that counts. */
static void add_value(struct correlator *correlator, uint32_t number, uint64_t time_ns,
                      uint64_t value)
{
    struct group *group = &correlator->groups[number];
    uint32_t row = find_value(correlator, number, value);
    if (row == NO_INDEX) {
        chain_value(correlator, number, add_seen(correlator, number, time_ns, value));
        return;
    }
    if (correlator->seen[row].time_ns >= time_ns)
        return;
    unlink_seen(correlator, group, row);
    correlator->seen[row].time_ns = time_ns;
    place_seen(correlator, group, row);
}

/* An event, and one more on the tally of its value: a row outside of the group's order. The tally
 * is counted up first, so that making room for the event does not take it away. */
static uint32_t add_tallied(struct correlator *correlator, uint32_t number, uint64_t time_ns,
                            uint64_t value)
{
    uint32_t tally = find_value(correlator, number, value);
    if (tally == NO_INDEX) {
        tally = take_row(correlator, number);
        correlator->seen[tally] =
            (struct seen){.value = value, .group = number, .chain = NO_INDEX};
        chain_value(correlator, number, tally);
    }
    correlator->seen[tally].newer++;
    add_seen(correlator, number, time_ns, tally);
    return tally;
}

static void add_number(struct correlator *correlator, uint32_t number, uint64_t time_ns,
                       double value)
{
    struct group *group = &correlator->groups[number];
    uint64_t bits;
    bytes_copy(&bits, sizeof bits, &value, sizeof value);
    add_seen(correlator, number, time_ns, bits);
    count_number(group, correlation_of(correlator, group), value, 1);
}

/* The row of a temporal correlation for its rule number `position`; NO_INDEX: not seen. */
static uint32_t find_position(const struct correlator *correlator, const struct group *group,
                              uint32_t position)
{
    uint32_t row = group->first;
    while (row != NO_INDEX && correlator->seen[row].chain != position)
        row = correlator->seen[row].newer;
    return row;
}

/* Only what was seen last of a rule counts; `time_ns` is what its span is measured from. */
static void add_position(struct correlator *correlator, uint32_t number, uint32_t position,
                         uint64_t time_ns, uint64_t reached_ns)
{
    struct group *group = &correlator->groups[number];
    uint32_t row = find_position(correlator, group, position);
    if (row == NO_INDEX) {
        row = add_seen(correlator, number, time_ns, reached_ns);
        correlator->seen[row].chain = position;
    } else if (correlator->seen[row].time_ns < time_ns) {
        unlink_seen(correlator, group, row);
        correlator->seen[row].time_ns = time_ns;
        correlator->seen[row].value = reached_ns;
        place_seen(correlator, group, row);
    }
}

/* A chain goes on from the rule before, if that was reached not later; of all chains the one counts
 * that began last. */
static void add_ordered(struct correlator *correlator, uint32_t number, uint32_t position,
                        uint64_t time_ns)
{
    uint64_t began_ns = time_ns;
    if (position > 0) {
        uint32_t before =
            find_position(correlator, &correlator->groups[number], position - 1);
        if (before == NO_INDEX || correlator->seen[before].value > time_ns)
            return;
        began_ns = correlator->seen[before].time_ns;
    }
    add_position(correlator, number, position, began_ns, time_ns);
}

/* --- conditions ------------------------------------------------------------------------------- */

static bool threshold_holds(const struct threshold *threshold, double number)
{
    switch (threshold->kind) {
    case THRESHOLD_LT:
        return number < threshold->number;
    case THRESHOLD_LTE:
        return number <= threshold->number;
    case THRESHOLD_GT:
        return number > threshold->number;
    case THRESHOLD_GTE:
        return number >= threshold->number;
    case THRESHOLD_EQ:
        return number == threshold->number;
    default:
        return number != threshold->number;
    }
}

/* Whether the percentile (nearest rank: the smallest value that at least so many percent do not
 * exceed) compares so, by how many values lie on either side of the threshold. */
static bool percentile_holds(const struct program_correlation *correlation,
                             const struct group *group, uint32_t at)
{
    double rank = fmax(ceil(correlation->percentile / 100 * group->count), 1);
    bool is_below = group->below[at] >= rank;
    bool is_above = group->count - group->above[at] < rank;
    switch (correlation->thresholds[at].kind) {
    case THRESHOLD_LT:
        return is_below;
    case THRESHOLD_LTE:
        return !is_above;
    case THRESHOLD_GT:
        return is_above;
    case THRESHOLD_GTE:
        return !is_below;
    case THRESHOLD_EQ:
        return !is_below && !is_above;
    default:
        return is_below || is_above;
    }
}

/* The condition over rules that were seen; instructions jump forward only. */
static bool expression_holds(const struct correlator *correlator,
                             const struct program_correlation *correlation,
                             const struct group *group)
{
    const struct instruction *instructions =
        ROWS_OF(correlator->program->instructions, struct instruction) + correlation->instruction;
    uint64_t seen = 0;
    bool value = false;
    for (uint32_t row = group->first; row != NO_INDEX; row = correlator->seen[row].newer)
        seen |= UINT64_C(1) << (correlator->seen[row].chain % 64);
    for (uint32_t at = 0; at < correlation->instruction_count; at++) {
        const struct instruction *instruction = &instructions[at];
        bool jumps = (instruction->operation == OPERATION_JUMP_IF_TRUE && value)
                     || (instruction->operation == OPERATION_JUMP_IF_FALSE && !value);
        if (instruction->operation == OPERATION_LEAF)
            value = (seen >> (instruction->operand % 64) & 1) != 0;
        else if (instruction->operation == OPERATION_NOT)
            value = !value;
        if (jumps && instruction->operand > at)
            at = instruction->operand - 1;
    }
    return value;
}

/* What is compared with the thresholds; `tally` is that of the event's own value. */
static double measure(const struct correlator *correlator, const struct group *group,
                      uint32_t tally)
{
    const struct program_correlation *correlation = correlation_of(correlator, group);
    if (correlation->type == CORRELATION_VALUE_SUM)
        return group->sum;
    if (correlation->type == CORRELATION_VALUE_AVG)
        return group->sum / group->count;
    if (tally != NO_INDEX)
        return 100.0 * correlator->seen[tally].newer / group->count;
    return group->count;
}

static bool condition_holds(const struct correlator *correlator, const struct group *group,
                            uint32_t tally)
{
    const struct program_correlation *correlation = correlation_of(correlator, group);
    if (group->count == 0)
        return false;
    if (correlation->instruction_count > 0)
        return expression_holds(correlator, correlation, group);
    bool is_percentile = keeps_numbers(correlation) && correlation->percentile >= 0;
    double number = measure(correlator, group, tally);
    for (uint32_t i = 0; i < correlation->threshold_count; i++) {
        bool is_met = is_percentile ? percentile_holds(correlation, group, i)
                                    : threshold_holds(&correlation->thresholds[i], number);
        if (!is_met)
            return false;
    }
    return true;
}

/* --- feeding ---------------------------------------------------------------------------------- */

/* An event, as one rule of one correlation gave it. */
struct feed {
    const struct program_correlation *correlation;
    uint32_t index; /* of the correlation */
    uint32_t position;
    uint64_t time_ns;
    struct bytes texts[2 * LIMIT_CORRELATION_FIELDS]; /* group-by, then fields */
    uint64_t key[2];
    uint64_t value; /* hash of the fields */
    double number;  /* of the field */
    bool holds;
    bool fires;
};

/* Fills the texts of a feed and what follows from them; false where one is not there. */
static bool find_texts(const struct correlator *correlator, const struct engine_event *event,
                       struct feed *feed)
{
    const struct program_correlation *correlation = feed->correlation;
    uint32_t count = correlation->group_count + correlation->field_count;
    const uint32_t *slots = ROWS_OF(correlator->program->link_slots, uint32_t)
                            + correlation->slot + (size_t)feed->position * count;
    for (uint32_t i = 0; i < count; i++) {
        if ((slots[i] & LINK_KEY) != 0)
            feed->texts[i] = correlator->keys[slots[i] & ~LINK_KEY];
        else if (!view_text(event, slots[i], &feed->texts[i]))
            return false;
    }
    const struct bytes *fields = feed->texts + correlation->group_count;
    keyed_hash(feed->texts, correlation->group_count, feed->key);
    if (keeps_numbers(correlation))
        return compare_read_number(fields->data, fields->size, &feed->number);
    uint64_t hash[2];
    keyed_hash(fields, correlation->field_count, hash);
    feed->value = hash[0];
    return true;
}

/* The group of a feed, with what is too old forgotten; NO_INDEX: the event came too late. */
static uint32_t open_group(struct correlator *correlator, const struct feed *feed)
{
    uint64_t span_ns = feed->correlation->span_ns;
    uint32_t number = find_group(correlator, feed->index, feed->key);
    if (number == NO_INDEX)
        return make_group(correlator, feed->index, feed->key, feed->time_ns);
    struct group *group = &correlator->groups[number];
    if (feed->time_ns > group->newest_ns) {
        unlink_group(correlator, number);
        group->newest_ns = feed->time_ns;
        place_group(correlator, number);
    } else if (group->newest_ns - feed->time_ns > span_ns) {
        correlator->late_events++;
        return NO_INDEX;
    }
    while (group->first != NO_INDEX
           && group->newest_ns - correlator->seen[group->first].time_ns > span_ns)
        forget(correlator, number, group->first);
    return number;
}

static void take_feed(struct correlator *correlator, struct feed *feed)
{
    uint32_t tally = NO_INDEX;
    uint32_t number = open_group(correlator, feed);
    if (number == NO_INDEX)
        return;
    switch ((enum correlation_type)feed->correlation->type) {
    case CORRELATION_TEMPORAL:
        add_position(correlator, number, feed->position, feed->time_ns, feed->time_ns);
        break;
    case CORRELATION_TEMPORAL_ORDERED:
        add_ordered(correlator, number, feed->position, feed->time_ns);
        break;
    case CORRELATION_VALUE_COUNT:
        add_value(correlator, number, feed->time_ns, feed->value);
        break;
    case CORRELATION_EVENT_COUNT:
        add_seen(correlator, number, feed->time_ns, 0);
        break;
    default:
        if (keeps_tallies(feed->correlation))
            tally = add_tallied(correlator, number, feed->time_ns, feed->value);
        else
            add_number(correlator, number, feed->time_ns, feed->number);
        break;
    }
    struct group *group = &correlator->groups[number];
    feed->holds = condition_holds(correlator, group, tally);
    feed->fires = feed->holds && !group->holds;
    group->holds = feed->holds;
}

void correlator_note(struct correlator *correlator, uint32_t link, uint32_t count)
{
    const struct link *links = ROWS_OF(correlator->program->links, struct link) + link;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = links[i].correlation;
        correlator->dirty[at / 64] |= UINT64_C(1) << (at % 64);
        correlator->hits[at] |= UINT64_C(1) << (links[i].position % 64);
    }
    correlator->has_hits = true;
}

/* Tells the correlations that this one feeds: temporal ones that it holds, others that it became
 * true. */
static void pass_on(struct correlator *correlator, const struct program_correlation *correlation,
                    bool fires)
{
    const struct program *program = correlator->program;
    for (uint32_t i = 0; i < correlation->link_count; i++) {
        const struct link *link = &ROWS_OF(program->links, struct link)[correlation->link + i];
        const struct program_correlation *parent =
            &ROWS_OF(program->correlations, struct program_correlation)[link->correlation];
        if (fires || is_temporal(parent))
            correlator_note(correlator, correlation->link + i, 1);
    }
}

/* Keys of groups that the event at hand has fed already: for all but temporal correlations it
 * counts once, whichever of their rules it matched. */
struct fed {
    uint64_t keys[LIMIT_CORRELATION_RULES][2];
    size_t count;
};

static bool was_fed(struct fed *fed, const struct feed *feed)
{
    if (is_temporal(feed->correlation))
        return false;
    for (size_t i = 0; i < fed->count; i++) {
        if (fed->keys[i][0] == feed->key[0] && fed->keys[i][1] == feed->key[1])
            return true;
    }
    fed->keys[fed->count][0] = feed->key[0];
    fed->keys[fed->count++][1] = feed->key[1];
    return false;
}

/* One correlation with the rules of it that matched, as bits. Returns whether it became true. */
static bool run_one(struct correlator *correlator, const struct engine_event *event,
                    uint32_t index, uint64_t hits, uint64_t time_ns)
{
    const struct program_correlation *correlation =
        &ROWS_OF(correlator->program->correlations, struct program_correlation)[index];
    struct fed fed;
    fed.count = 0;
    bool has_held = false;
    bool has_fired = false;
    while (hits != 0) {
        /* The last first: so one event takes one step of an ordered chain. */
        uint32_t position = 63 - (uint32_t)__builtin_clzll(hits);
        hits ^= UINT64_C(1) << position;
        struct feed feed = {.correlation = correlation, .index = index, .position = position,
                            .time_ns = time_ns};
        if (position >= correlation->rule_count || !find_texts(correlator, event, &feed)
            || was_fed(&fed, &feed))
            continue;
        take_feed(correlator, &feed);
        for (uint32_t i = 0; i < correlation->group_count && feed.holds; i++)
            correlator->keys[correlation->key + i] = feed.texts[i];
        has_held = has_held || feed.holds;
        has_fired = has_fired || feed.fires;
    }
    if (has_held)
        pass_on(correlator, correlation, has_fired);
    return has_fired;
}

void correlator_run(struct correlator *correlator, const struct engine_event *event,
                    correlator_call *trace, correlator_call *match, void *context)
{
    const struct program *program = correlator->program;
    if (!correlator->has_hits)
        return;
    uint64_t time_ns = event->time_ns;
    if (time_ns > correlator->latest_ns)
        correlator->latest_ns = time_ns;
    if (time_ns == 0)
        time_ns = correlator->latest_ns;
    for (uint32_t word = 0; word <= program->correlations.count / 64; word++) {
        /* What these pass on stands behind them. */
        while (correlator->dirty[word] != 0) {
            uint32_t index = word * 64 + (uint32_t)__builtin_ctzll(correlator->dirty[word]);
            uint64_t hits = correlator->hits[index];
            correlator->dirty[word] &= correlator->dirty[word] - 1;
            correlator->hits[index] = 0;
            const struct program_correlation *correlation =
                &ROWS_OF(program->correlations, struct program_correlation)[index];
            if (correlation->is_disabled)
                continue;
            trace(context, correlation->row);
            if (run_one(correlator, event, index, hits, time_ns) && !correlation->is_muted)
                match(context, correlation->row);
        }
    }
    correlator->has_hits = false;
}

/* --- taking over ------------------------------------------------------------------------------ */

/* A correlation under its digest. */
struct known {
    const uint8_t *digest;
    uint32_t index;
};

static int compare_known(const void *left, const void *right)
{
    const struct known *a = left;
    const struct known *b = right;
    return memcmp(a->digest, b->digest, sizeof((struct program_correlation *)0)->digest);
}

static struct known *list_known(const struct program *program)
{
    uint32_t count = program->correlations.count;
    struct known *known = calloc((size_t)count + 1, sizeof *known);
    for (uint32_t i = 0; i < count && known != NULL; i++)
        known[i] = (struct known){
            ROWS_OF(program->correlations, struct program_correlation)[i].digest, i};
    if (known != NULL)
        qsort(known, count, sizeof *known, compare_known);
    return known;
}

static void adopt_group(struct correlator *to, uint32_t index, const struct correlator *from,
                        const struct group *old)
{
    const struct program_correlation *correlation = correlation_of(from, old);
    if (find_group(to, index, old->key) != NO_INDEX)
        return; /* a set may hold the same correlation twice */
    uint32_t number = make_group(to, index, old->key, old->newest_ns);
    for (uint32_t row = old->first; row != NO_INDEX; row = from->seen[row].newer) {
        const struct seen *seen = &from->seen[row];
        if (is_temporal(correlation))
            add_position(to, number, seen->chain, seen->time_ns, seen->value);
        else if (correlation->type == CORRELATION_VALUE_COUNT)
            add_value(to, number, seen->time_ns, seen->value);
        else if (keeps_tallies(correlation))
            add_tallied(to, number, seen->time_ns, from->seen[seen->value].value);
        else if (keeps_numbers(correlation))
            add_number(to, number, seen->time_ns, number_of(seen->value));
        else
            add_seen(to, number, seen->time_ns, 0);
    }
    to->groups[number].holds = old->holds;
}

void correlator_adopt(struct correlator *to, const struct correlator *from)
{
    struct known *known = list_known(to->program);
    to->latest_ns = from->latest_ns;
    to->evicted_groups = from->evicted_groups;
    to->evicted_events = from->evicted_events;
    to->late_events = from->late_events;
    if (known == NULL) /* memory is out: better to forget than not to go on */
        return;
    for (uint32_t i = from->oldest; i != NO_INDEX; i = from->groups[i].newer) {
        const struct group *old = &from->groups[i];
        struct known wanted = {correlation_of(from, old)->digest, 0};
        const struct known *found = bsearch(&wanted, known, to->program->correlations.count,
                                            sizeof *known, compare_known);
        if (found != NULL)
            adopt_group(to, found->index, from, old);
    }
    free(known);
}

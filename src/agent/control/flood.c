// SPDX-License-Identifier: Apache-2.0
#include "agent/control/flood.h"

#include "base/bytes.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

enum {
    PLACES = 512,
    PLACES_FREE_MIN = 32, /* fewer without a group: groups are written early to make room */
    MINUTE_S = 60,
};

/* One pair of rule and executable. */
struct place {
    uint64_t key; /* 0: unused */
    uint64_t window_start_ns;
    uint64_t singles;
    uint64_t used_ns;
    bool has_group; /* flood.groups has one in the same place */
};

struct flood {
    size_t group_count;
    struct place places[PLACES];
    /* Apart from the places, so that memory is touched by floods only. */
    struct flood_group groups[PLACES];
};

struct flood *flood_new(void) { return calloc(1, sizeof(struct flood)); }
void flood_free(struct flood *flood) { free(flood); }

/* FNV-1a, 64 bits. Who makes two pairs fall together only gets them counted in one group, whose
 * line names the first. */
static uint64_t key_of(const struct flood_alert *alert)
{
    uint64_t key = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < 32; i++)
        key = (key ^ alert->rule_digest[i]) * UINT64_C(1099511628211);
    for (size_t i = 0; i < alert->executable.size; i++)
        key = (key ^ alert->executable.data[i]) * UINT64_C(1099511628211);
    return key == 0 ? 1 : key;
}

static struct place *find(struct flood *flood, uint64_t key)
{
    for (size_t i = 0; i < PLACES; i++) {
        if (flood->places[i].key == key)
            return &flood->places[i];
    }
    return NULL;
}

/* A place for a new pair: an unused one, else the one without a group that was used longest ago.
 * NULL: all hold groups. */
static struct place *take_place(struct flood *flood, uint64_t key)
{
    struct place *best = NULL;
    for (size_t i = 0; i < PLACES; i++) {
        struct place *place = &flood->places[i];
        if (!place->has_group && (best == NULL || place->used_ns < best->used_ns))
            best = place;
    }
    if (best != NULL)
        *best = (struct place){.key = key};
    return best;
}

static void keep_text(struct flood_text *out, struct bytes text)
{
    out->size = text.size < sizeof out->data ? text.size : sizeof out->data;
    bytes_copy(out->data, sizeof out->data, text.data, out->size);
}

static void begin_group(struct flood_group *group, const struct flood_alert *alert, uint64_t due_ns)
{
    *group = (struct flood_group){.first_wall_ns = alert->wall_ns, .due_ns = due_ns};
    string_copy(group->first_id, sizeof group->first_id, alert->alert_id);
    bytes_copy(group->rule_digest, sizeof group->rule_digest, alert->rule_digest, 32);
    keep_text(&group->rule_id, alert->rule_id);
    keep_text(&group->rule_title, alert->rule_title);
    keep_text(&group->rule_level, alert->rule_level);
    keep_text(&group->rule_file, alert->rule_file);
    keep_text(&group->rule_tags, alert->rule_tags);
    keep_text(&group->executable, alert->executable);
    keep_text(&group->arguments, alert->arguments);
}

static void add_to_group(struct flood *flood, struct place *place, const struct flood_alert *alert,
                         uint64_t count, uint64_t due_ns)
{
    struct flood_group *group = &flood->groups[place - flood->places];
    if (!place->has_group) {
        begin_group(group, alert, due_ns);
        place->has_group = true;
        flood->group_count++;
    }
    group->count += count;
    group->last_wall_ns = alert->wall_ns;
    string_copy(group->last_id, sizeof group->last_id, alert->alert_id);
}

bool flood_add(struct flood *flood, const struct flood_limits *limits,
               const struct flood_alert *alert, uint64_t count, uint64_t now_ns)
{
    uint64_t key = key_of(alert);
    struct place *place = find(flood, key);
    if (place == NULL)
        place = take_place(flood, key);
    if (place == NULL)
        return false;
    place->used_ns = now_ns;
    add_to_group(flood, place, alert, count, now_ns + limits->group_seconds * NS_PER_S);
    return true;
}

enum flood_verdict flood_judge(struct flood *flood, const struct flood_limits *limits,
                               const struct flood_alert *alert, uint64_t now_ns)
{
    if (limits->singles_per_minute == 0)
        return FLOOD_WRITE;
    uint64_t key = key_of(alert);
    struct place *place = find(flood, key);
    if (place == NULL)
        place = take_place(flood, key);
    if (place == NULL)
        return FLOOD_WRITE; /* more groups than places: better a line too many than one too few */
    place->used_ns = now_ns;
    if (place->singles == 0 || now_ns - place->window_start_ns >= MINUTE_S * NS_PER_S) {
        place->window_start_ns = now_ns;
        place->singles = 0;
    }
    if (place->singles < limits->singles_per_minute) {
        place->singles++;
        return FLOOD_WRITE;
    }
    add_to_group(flood, place, alert, 1, now_ns + limits->group_seconds * NS_PER_S);
    return FLOOD_GROUP;
}

void flood_take_back(struct flood *flood, const struct flood_alert *alert)
{
    struct place *place = find(flood, key_of(alert));
    if (place != NULL && place->singles > 0)
        place->singles--;
}

const struct flood_group *flood_due(const struct flood *flood, uint64_t now_ns, bool all)
{
    const struct flood_group *first = NULL;
    if (flood->group_count == 0)
        return NULL;
    for (size_t i = 0; i < PLACES; i++) {
        const struct flood_group *group = &flood->groups[i];
        if (flood->places[i].has_group && (first == NULL || group->due_ns < first->due_ns))
            first = group;
    }
    bool is_crowded = flood->group_count > PLACES - PLACES_FREE_MIN;
    return first != NULL && (all || is_crowded || first->due_ns <= now_ns) ? first : NULL;
}

void flood_written(struct flood *flood, const struct flood_group *group)
{
    struct place *place = &flood->places[group - flood->groups];
    if (place->has_group)
        flood->group_count--;
    place->has_group = false;
}

uint64_t flood_pending(const struct flood *flood)
{
    uint64_t pending = 0;
    for (size_t i = 0; i < PLACES && flood->group_count > 0; i++)
        pending += flood->places[i].has_group ? flood->groups[i].count : 0;
    return pending;
}

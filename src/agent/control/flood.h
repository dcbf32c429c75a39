// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Floods of alerts. Per rule and executable so many alerts a minute are written one by one; what
 * comes beyond is counted in a group, which becomes one line. Pure: no clock, no file.
 *
 *     flood_judge() == FLOOD_GROUP   the alert is in a group now, do not write it
 *     flood_due()                    the group that must be written now; write it, then
 *     flood_written()                forget it
 */
#include "base/limits.h"
#include "base/reader.h"

enum { FLOOD_TEXT_BYTES = 512, FLOOD_ID_BYTES = 33 };

struct flood_limits {
    uint64_t singles_per_minute; /* 0: no limit, nothing is grouped */
    uint64_t group_seconds;      /* how long a group collects before it is written */
};

/* What a flood is told apart by, and what of it is kept for the group's line. */
struct flood_alert {
    const char *alert_id; /* FLOOD_ID_BYTES with its end */
    uint64_t wall_ns;     /* of the event */
    const uint8_t *rule_digest; /* 32 bytes */
    struct bytes rule_id, rule_title, rule_level, rule_file, rule_tags;
    struct bytes executable;
    struct bytes arguments; /* a sample for the line */
};

struct flood_text {
    size_t size;
    uint8_t data[FLOOD_TEXT_BYTES];
};

struct flood_group {
    uint64_t count;
    char first_id[FLOOD_ID_BYTES];
    char last_id[FLOOD_ID_BYTES];
    uint64_t first_wall_ns;
    uint64_t last_wall_ns;
    uint64_t due_ns;
    uint8_t rule_digest[32];
    struct flood_text rule_id, rule_title, rule_level, rule_file, rule_tags, executable, arguments;
};

enum flood_verdict { FLOOD_WRITE, FLOOD_GROUP };

struct flood;
struct flood *flood_new(void);         /* NULL: out of memory */
void flood_free(struct flood *flood);  /* NULL is allowed */

/* `now_ns`: boot time. */
enum flood_verdict flood_judge(struct flood *flood, const struct flood_limits *limits,
                               const struct flood_alert *alert, uint64_t now_ns);
/* A group that the engine made already, of `count` alerts: it is added to the pair's. false: there
 * is no place; write those that are there, and try again. */
bool flood_add(struct flood *flood, const struct flood_limits *limits,
               const struct flood_alert *alert, uint64_t count, uint64_t now_ns);
/* The alert that was judged FLOOD_WRITE was not written after all: it does not count. */
void flood_take_back(struct flood *flood, const struct flood_alert *alert);

/* A group whose time has come, or with `all` any; NULL: none. Also when too many groups collect at
 * once: the one that is due first is then due at once. */
const struct flood_group *flood_due(const struct flood *flood, uint64_t now_ns, bool all);
void flood_written(struct flood *flood, const struct flood_group *group);
/* Alerts that are counted in groups not yet written. */
uint64_t flood_pending(const struct flood *flood);

// SPDX-License-Identifier: Apache-2.0
/* What a controller begins with: policies and plans that make sense, events; and its words. */
#include "rollout/controller.h"

#include "base/bytes.h"

enum { HOUR_S = 60 * 60 };

#define WAVES                                                                            \
    {                                                                                    \
        .count = 3,                                                                      \
        .waves = {{100000, HOUR_S, HOUR_S},                                              \
                  {300000, 2 * HOUR_S, HOUR_S},                                          \
                  {600000, 6 * HOUR_S, 0}},                                              \
    }

const struct controller_policy CONTROLLER_POLICY_DEFAULT = {
    .ring_count = 4,
    .rings = {{.age_s = DAY_S, .waves = WAVES}, /* hosts take nothing younger */
              {.age_s = DAY_S, .approvals = 1, .waves = WAVES},
              {.age_s = 2 * DAY_S, .waves = WAVES},
              {.age_s = 3 * DAY_S, .waves = WAVES}},
    .urgent_age_s = 4 * HOUR_S,
    .verdict_fresh_s = HOUR_S / 2,
    .halt_hosts_min = 3,
    .recall_partners = 2,
    .is_review_by_another = true,
    .recall_spread_s = HOUR_S,
    .flaps = {.starts_max = 3, .stops_max = 2, .starts_s = 6 * HOUR_S, .stops_s = DAY_S},
};

static RESULT check_rings(const struct controller_policy *policy, struct explanation *why)
{
    if (policy->ring_count == 0 || policy->ring_count > FLEET_RINGS_MAX)
        return explain(why, ERROR_FORMAT, "the policy has %u rings; expected 1 to %d",
                       policy->ring_count, FLEET_RINGS_MAX);
    for (unsigned i = 0; i < policy->ring_count; i++) {
        const struct controller_ring *ring = &policy->rings[i];
        GUARD(waves_check(&ring->waves, why));
        if (ring->approvals > CONTROLLER_APPROVALS_MAX)
            return explain(why, ERROR_FORMAT, "ring %u takes %u approvals; expected at most %d",
                           i + 1, ring->approvals, CONTROLLER_APPROVALS_MAX);
        if (i != 0 && ring->age_s < policy->rings[i - 1].age_s)
            return explain(why, ERROR_FORMAT, "ring %u takes a release that is younger than the "
                                              "ring before it does; expected ages that grow",
                           i + 1);
    }
    return RESULT_OK;
}

static bool is_flap_limit(uint8_t max, uint32_t within_s)
{
    return max != 0 && max <= FLAPS_MAX && within_s != 0;
}

RESULT controller_policy_check(const struct controller_policy *policy, struct explanation *why)
{
    GUARD(check_rings(policy, why));
    if (policy->verdict_fresh_s == 0)
        return explain(why, ERROR_FORMAT, "the policy lets no verdict of a gate count for any "
                                          "time; expected seconds (the gates look each 300)");
    if (policy->halt_hosts_min < 2 || policy->recall_partners < 2)
        return explain(why, ERROR_FORMAT, "the policy lets one host halt or one partner recall; "
                                          "expected at least two of each: nobody moves all alone");
    if (policy->recall_partners > LIMIT_PARTNERS)
        return explain(why, ERROR_FORMAT, "a recall takes %u partners; there are at most %d",
                       policy->recall_partners, LIMIT_PARTNERS);
    if (policy->recall_spread_s == 0)
        return explain(why, ERROR_FORMAT, "a recall would make all hosts switch at once; expected "
                                          "seconds over which they do");
    if (!is_flap_limit(policy->flaps.starts_max, policy->flaps.starts_s)
        || !is_flap_limit(policy->flaps.stops_max, policy->flaps.stops_s))
        return explain(why, ERROR_FORMAT, "the flap alarm has no limit; expected 1 to %d starts "
                                          "and stops within some time",
                       FLAPS_MAX);
    return RESULT_OK;
}

RESULT controller_open(struct controller_stream *stream, const struct controller_plan *plan,
                       struct steady_time now, struct controller *ret_state,
                       struct explanation *why)
{
    bool is_rollback = !release_name_is_factory(plan->restores);
    uint64_t above = stream->version_opened;
    if (!is_rollback && stream->version_promised > above)
        above = stream->version_promised;
    if (plan->version <= above)
        return explain(why, ERROR_STATE, "version %llu is not above %llu, which this stream has "
                                         "seen or promised to a rollback: publish it under a "
                                         "higher one. Nothing was changed",
                       (unsigned long long)plan->version, (unsigned long long)above);
    stream->version_opened = plan->version;
    *ret_state = (struct controller){
        .plan = *plan,
        .was_held = true,
        .raises = stream->alarm.raises,
        .ran_at = now,
    };
    return RESULT_OK;
}

struct controller_who controller_person(const char *name)
{
    struct controller_who who = {.by = CONTROLLER_BY_PERSON};
    if (!string_copy(who.name, sizeof who.name, name))
        who.name[0] = 0; /* a name that was cut might be another person's: refused instead */
    return who;
}

struct controller_who controller_partner(uint8_t partner, const char *name)
{
    struct controller_who who = controller_person(name);
    who.by = CONTROLLER_BY_PARTNER;
    who.partner = partner;
    return who;
}

struct controller_event controller_verdict_event(uint8_t ring, const struct gate *gate,
                                                 const struct gate_decision *decision,
                                                 const uint8_t digest[CONTROLLER_DIGEST_BYTES])
{
    static const uint8_t TYPES[] = {
        [GATE_WAIT] = CONTROLLER_EVENT_VERDICT_OPEN,
        [GATE_HEALTHY] = CONTROLLER_EVENT_VERDICT_HEALTHY,
        [GATE_PAUSE] = CONTROLLER_EVENT_VERDICT_PAUSE,
        [GATE_HALT] = CONTROLLER_EVENT_VERDICT_HALT,
        [GATE_TOO_SMALL] = CONTROLLER_EVENT_VERDICT_OPEN,
    };
    struct controller_event event = {
        .type = TYPES[decision->verdict],
        .ring = ring,
        .who = {.by = CONTROLLER_BY_GATE},
        .verdict = {.metric = (uint8_t)decision->metric,
                    .hosts = decision->hosts,
                    .upper_ppm = decision->upper_ppm},
    };
    if (decision->metric < METRIC_COUNT)
        event.verdict.bad_hosts = gate->evidence.sums[decision->metric].with.bad;
    bytes_copy(event.verdict.digest, sizeof event.verdict.digest, digest, CONTROLLER_DIGEST_BYTES);
    (void)string_copy(event.reason, sizeof event.reason, decision->reason);
    return event;
}

/* --- words ---------------------------------------------------------------------------------- */

struct words {
    const char *word, *text;
};

static const struct words STATES[] = {
#define CONTROLLER_STATE(id, word, text) {word, text},
#include "rollout/controller.def"
};
static const struct words EVENTS[] = {
#define CONTROLLER_EVENT(id, word, by, text) {word, text},
#include "rollout/controller.def"
};
static const struct words ACTIONS[] = {
#define CONTROLLER_ACTION(id, word, text) {word, text},
#include "rollout/controller.def"
};
static const char *const REFUSALS[] = {
#define CONTROLLER_REFUSAL(id, text) text,
#include "rollout/controller.def"
};
static const struct words WAITS[] = {
#define CONTROLLER_WAIT(id, word, text) {word, text},
#include "rollout/controller.def"
};

static struct words words_at(const struct words *words, unsigned count, unsigned at)
{
    return at < count ? words[at] : (struct words){"?", "?"};
}

const char *controller_state_word(enum controller_state state)
{
    return words_at(STATES, CONTROLLER_STATE_COUNT, state).word;
}

const char *controller_state_text(enum controller_state state)
{
    return words_at(STATES, CONTROLLER_STATE_COUNT, state).text;
}

const char *controller_event_word(enum controller_event_type type)
{
    return words_at(EVENTS, CONTROLLER_EVENT_COUNT, type).word;
}

const char *controller_event_text(enum controller_event_type type)
{
    return words_at(EVENTS, CONTROLLER_EVENT_COUNT, type).text;
}

const char *controller_action_word(enum controller_action action)
{
    return words_at(ACTIONS, CONTROLLER_ACTION_COUNT, action).word;
}

const char *controller_refusal_text(enum controller_refusal refusal)
{
    return (unsigned)refusal < CONTROLLER_REFUSAL_COUNT ? REFUSALS[refusal] : "?";
}

const char *controller_wait_word(enum controller_wait wait)
{
    return words_at(WAITS, CONTROLLER_WAIT_COUNT, wait).word;
}

const char *controller_wait_text(enum controller_wait wait)
{
    return words_at(WAITS, CONTROLLER_WAIT_COUNT, wait).text;
}

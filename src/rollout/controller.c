// SPDX-License-Identifier: Apache-2.0
#include "rollout/controller.h"

#include "base/bytes.h"
#include "base/fault.h"

enum guard {
    ALWAYS,
    IS_COMPLETE,        /* all waves of the last ring are through and its gate is open */
    IS_WAVE_DUE,        /* the next wave of the furthest ring may start */
    IS_FIRST_RING_DUE,
    IS_RING_DUE,        /* gate, age, approvals: the next ring may begin */
    IS_APPROVAL_WANTED, /* nothing else is missing, and nobody was asked yet */
    IS_GATE_SILENT,     /* for too long, and not said yet */
    IS_STARTER,         /* who says it is who started the rollout */
    HAS_APPROVED,       /* that person has approved this ring */
    IS_RING_STARTED,
    IS_RING_EMPTY,      /* nobody has been offered it there */
    IS_SEEN,            /* always: a breach that is found has a consequence */
    IS_INDEPENDENT,     /* enough hosts were bad, not only one or two */
    IS_STARTERS_REVIEW, /* a gate paused it, and who started it calls that reviewed */
    IS_SECOND_PARTNER,  /* with this one, enough partners ask */
    HAS_NO_BEFORE,      /* nothing is known to go back to */
    IS_UNEXPLAINED,     /* urgent, and no reason is given */
    IS_CALM,            /* the flap alarm is not raised */
};

enum { ANY = CONTROLLER_STATE_COUNT, SAME = CONTROLLER_STATE_COUNT };
#define DO(action) (1u << CONTROLLER_ACTION_##action)

struct row {
    uint8_t from, event, guard, to, refusal;
    uint32_t todo;
};

#define CONTROLLER_SAME SAME /* so that rows name it like a state */
#define CONTROLLER_ANY ANY

static const struct row TABLE[] = {
#define CONTROLLER_ROW(from_state, event_id, guard_id, to_state, actions)                \
    {.from = CONTROLLER_##from_state, .event = CONTROLLER_EVENT_##event_id,               \
     .guard = (guard_id), .to = CONTROLLER_##to_state, .todo = (actions)},
#define CONTROLLER_REFUSED(from_state, event_id, guard_id, refusal_id)                   \
    {.from = CONTROLLER_##from_state, .event = CONTROLLER_EVENT_##event_id,               \
     .guard = (guard_id), .to = SAME, .refusal = CONTROLLER_REFUSAL_##refusal_id},
#include "rollout/controller.def"
};

enum {
    BY_NOBODY = 1 << CONTROLLER_BY_NOBODY,
    BY_PERSON = 1 << CONTROLLER_BY_PERSON,
    BY_PARTNER = 1 << CONTROLLER_BY_PARTNER,
    BY_GATE = 1 << CONTROLLER_BY_GATE,
    BY_CALENDAR = 1 << CONTROLLER_BY_CALENDAR,
};

static const uint8_t MAY_SAY[] = {
#define CONTROLLER_EVENT(id, word, by, text) [CONTROLLER_EVENT_##id] = (by),
#include "rollout/controller.def"
};

/* What one step works on. */
struct step {
    const struct controller_policy *policy;
    struct controller_stream *stream;
    struct controller *state;
    const struct controller_event *event;
    struct lifecycle_time now;
    struct controller_actions *actions;
    enum controller_wait waits; /* what is missing for the next step of time */
};

/* --- time, as far as it counts -------------------------------------------------------------- */

static bool is_alarmed(const struct controller_stream *stream)
{
    return stream->alarm.is_raised && !fault_is_planted(FAULT_CONTROLLER_ALARM_UNHEARD);
}

static bool is_frozen(const struct controller *state)
{
    return state->windows != 0 && !fault_is_planted(FAULT_CONTROLLER_NO_FREEZE);
}

/* Whether each started ring is being watched: its gate has spoken lately (or has just begun). */
static bool is_watched(const struct controller_policy *policy, const struct controller *state,
                       struct steady_time now)
{
    if (!state->is_begun || fault_is_planted(FAULT_CONTROLLER_OLD_VERDICT))
        return true;
    for (unsigned i = 0; i <= state->ring; i++) {
        const struct controller_ring_state *ring = &state->rings[i];
        struct steady_time last = ring->verdict.event != 0 ? ring->verdict.at : ring->started_at;
        if (steady_since(last, now) > policy->verdict_fresh_s)
            return false;
    }
    return true;
}

/* Why nobody new may be offered it; NOTHING: somebody may. */
static enum controller_wait held_by(const struct controller_policy *policy,
                                    const struct controller_stream *stream,
                                    const struct controller *state, struct steady_time now)
{
    bool is_halted = state->state == CONTROLLER_HALTED || state->state == CONTROLLER_RECALLED;
    if (is_halted && !fault_is_planted(FAULT_CONTROLLER_HALT_OFFERS))
        return CONTROLLER_WAIT_ENDED;
    if (state->state == CONTROLLER_PLANNED || state->state == CONTROLLER_PAUSED)
        return CONTROLLER_WAIT_PERSON;
    if (is_alarmed(stream))
        return CONTROLLER_WAIT_ALARM;
    if (is_frozen(state))
        return CONTROLLER_WAIT_FREEZE;
    if (state->state == CONTROLLER_RUNNING && !is_watched(policy, state, now))
        return CONTROLLER_WAIT_VERDICT;
    return CONTROLLER_WAIT_NOTHING;
}

/* The rollout's own time: what passed while it was not held. An alarm that came and went since the
 * last step, or a gate that fell silent, costs all that passed since then: that only delays. */
static uint32_t own_time_s(const struct controller_policy *policy,
                           const struct controller_stream *stream, const struct controller *state,
                           struct steady_time now)
{
    bool is_held = state->was_held || stream->alarm.raises != state->raises
                   || held_by(policy, stream, state, now) != CONTROLLER_WAIT_NOTHING;
    if (is_held && !fault_is_planted(FAULT_CONTROLLER_CATCHES_UP))
        return state->ran_s;
    return steady_after((struct steady_time){state->ran_s}, steady_since(state->ran_at, now)).s;
}

static void run_clock(const struct step *step)
{
    struct controller *state = step->state;
    state->ran_s = own_time_s(step->policy, step->stream, state, step->now.steady);
    state->ran_at = step->now.steady;
}

/* --- what may start ------------------------------------------------------------------------- */

static bool has_next_wave(const struct controller_policy *policy, const struct controller *state)
{
    return state->rings[state->ring].waves.started < policy->rings[state->ring].waves.count;
}

static bool is_wave_over(const struct controller_policy *policy, const struct controller *state)
{
    const struct waves *waves = &policy->rings[state->ring].waves;
    const struct waves_started *started = &state->rings[state->ring].waves;
    struct steady_time own = {state->ran_s};
    if (has_next_wave(policy, state))
        return wave_may_start(waves, started, own)
               || fault_is_planted(FAULT_CONTROLLER_WAVES_TOGETHER);
    return wave_limit(waves, started, own) == UINT64_MAX;
}

static bool is_healthy(const struct controller_ring_state *ring)
{
    return ring->verdict.event == CONTROLLER_EVENT_VERDICT_HEALTHY
           || (ring->verdict.event == 0 && fault_is_planted(FAULT_CONTROLLER_NO_VERDICT));
}

static uint32_t age_needed_s(const struct controller_policy *policy,
                             const struct controller *state, unsigned ring)
{
    uint32_t age_s = policy->rings[ring].age_s;
    if (fault_is_planted(FAULT_CONTROLLER_NO_FLOOR) && ring != 0)
        return 0;
    return state->plan.is_urgent && policy->urgent_age_s < age_s ? policy->urgent_age_s : age_s;
}

/* Nobody moves an urgent release beyond the first ring alone, whatever the policy says. */
static unsigned approvals_needed(const struct controller_policy *policy,
                                 const struct controller *state, unsigned ring)
{
    unsigned needed = policy->rings[ring].approvals;
    return state->plan.is_urgent && ring != 0 && needed == 0 ? 1 : needed;
}

static bool is_approved(const struct controller_policy *policy, const struct controller *state,
                        unsigned ring)
{
    unsigned given = state->rings[ring].approval_count;
    if (fault_is_planted(FAULT_CONTROLLER_ONE_FOR_ALL))
        for (unsigned i = 0; i < policy->ring_count; i++)
            given = state->rings[i].approval_count > given ? state->rings[i].approval_count : given;
    return given >= approvals_needed(policy, state, ring);
}

/* What is missing for `ring` to begin. */
static enum controller_wait entry_waits(const struct controller_policy *policy,
                                        const struct controller *state, unsigned ring,
                                        struct steady_time now)
{
    if (ring != 0 && !is_healthy(&state->rings[ring - 1]))
        return CONTROLLER_WAIT_GATE;
    if (steady_since(state->plan.published_at, now) < age_needed_s(policy, state, ring))
        return CONTROLLER_WAIT_AGE;
    return is_approved(policy, state, ring) ? CONTROLLER_WAIT_NOTHING : CONTROLLER_WAIT_APPROVAL;
}

/* What is missing for the next step, the rollout's own time being that of its last step. */
static enum controller_wait next_waits(const struct controller_policy *policy,
                                       const struct controller_stream *stream,
                                       const struct controller *state, struct steady_time now)
{
    enum controller_wait held = held_by(policy, stream, state, now);
    if (held != CONTROLLER_WAIT_NOTHING)
        return held;
    if (state->state == CONTROLLER_DONE)
        return CONTROLLER_WAIT_COMPLETE;
    if (!state->is_begun)
        return entry_waits(policy, state, 0, now);
    if (!is_wave_over(policy, state))
        return CONTROLLER_WAIT_WAVE;
    if (has_next_wave(policy, state))
        return CONTROLLER_WAIT_NOTHING;
    if (state->ring + 1u < policy->ring_count)
        return entry_waits(policy, state, state->ring + 1u, now);
    return is_healthy(&state->rings[state->ring]) ? CONTROLLER_WAIT_COMPLETE : CONTROLLER_WAIT_GATE;
}

enum controller_wait controller_waits(const struct controller_policy *policy,
                                      const struct controller_stream *stream,
                                      const struct controller *state, struct steady_time now)
{
    struct controller at_now = *state;
    at_now.ran_s = own_time_s(policy, stream, state, now);
    return next_waits(policy, stream, &at_now, now);
}

uint64_t controller_offers(const struct controller_policy *policy,
                           const struct controller_stream *stream, const struct controller *state,
                           uint8_t ring, struct steady_time now)
{
    if (ring >= policy->ring_count || !state->is_begun || ring > state->ring
        || held_by(policy, stream, state, now) != CONTROLLER_WAIT_NOTHING)
        return 0;
    struct steady_time own = {own_time_s(policy, stream, state, now)};
    return wave_limit(&policy->rings[ring].waves, &state->rings[ring].waves, own);
}

/* --- guards --------------------------------------------------------------------------------- */

static bool is_starter(const struct step *step)
{
    return string_equal(step->event->who.name, step->state->started_by)
           && !fault_is_planted(FAULT_CONTROLLER_ONE_PERSON);
}

static bool has_approved(const struct step *step)
{
    const struct controller_ring_state *ring = &step->state->rings[step->event->ring];
    for (unsigned i = 0; i < ring->approval_count; i++)
        if (string_equal(ring->approved_by[i], step->event->who.name))
            return true;
    return ring->approval_count == CONTROLLER_APPROVALS_MAX;
}

static bool is_independent(const struct step *step)
{
    return (step->event->verdict.bad_hosts >= step->policy->halt_hosts_min
            || fault_is_planted(FAULT_CONTROLLER_ONE_HALTS))
           && !fault_is_planted(FAULT_CONTROLLER_SHRUGS);
}

static bool is_second_partner(const struct step *step)
{
    unsigned asking = (unsigned)__builtin_popcount(step->state->recalls
                                                   | 1u << step->event->who.partner);
    return asking >= step->policy->recall_partners
           || fault_is_planted(FAULT_CONTROLLER_ONE_RECALLS);
}

static bool is_started(const struct controller *state, unsigned ring)
{
    return state->is_begun && ring <= state->ring;
}

/* What the next step of time would be about. */
static bool is_due(const struct step *step, enum guard guard)
{
    const struct controller *state = step->state;
    enum controller_wait waits = step->waits;
    bool is_wave = state->is_begun && has_next_wave(step->policy, state);
    unsigned next = state->is_begun ? state->ring + 1u : 0;
    switch (guard) {
    case IS_COMPLETE:
        return waits == CONTROLLER_WAIT_COMPLETE;
    case IS_WAVE_DUE:
        return waits == CONTROLLER_WAIT_NOTHING && is_wave;
    case IS_FIRST_RING_DUE:
        return waits == CONTROLLER_WAIT_NOTHING && !state->is_begun;
    case IS_RING_DUE:
        return waits == CONTROLLER_WAIT_NOTHING && state->is_begun && !is_wave;
    case IS_APPROVAL_WANTED:
        return waits == CONTROLLER_WAIT_APPROVAL && !state->rings[next].is_asked;
    default: /* IS_GATE_SILENT */
        return waits == CONTROLLER_WAIT_VERDICT && !state->is_silence_told;
    }
}

static bool holds(const struct step *step, enum guard guard)
{
    const struct controller *state = step->state;
    switch (guard) {
    case ALWAYS:
        return true;
    case IS_COMPLETE:
    case IS_WAVE_DUE:
    case IS_FIRST_RING_DUE:
    case IS_RING_DUE:
    case IS_APPROVAL_WANTED:
    case IS_GATE_SILENT:
        return is_due(step, guard);
    case IS_STARTER:
        return is_starter(step);
    case HAS_APPROVED:
        return has_approved(step);
    case IS_RING_STARTED:
        return is_started(state, step->event->ring);
    case IS_RING_EMPTY:
        return !is_started(state, step->event->ring);
    case IS_SEEN:
        return !fault_is_planted(FAULT_CONTROLLER_SHRUGS);
    case IS_INDEPENDENT:
        return is_independent(step);
    case IS_STARTERS_REVIEW:
        return state->is_gate_paused && step->policy->is_review_by_another && is_starter(step);
    case IS_SECOND_PARTNER:
        return is_second_partner(step);
    case HAS_NO_BEFORE:
        return release_name_is_factory(state->plan.before);
    case IS_UNEXPLAINED:
        return state->plan.is_urgent && step->event->reason[0] == 0;
    case IS_CALM:
        return !step->stream->alarm.is_raised;
    }
    return false;
}

/* --- what follows --------------------------------------------------------------------------- */

static void start_wave(struct step *step, unsigned ring)
{
    struct controller_ring_state *started = &step->state->rings[ring];
    step->actions->row.ring = (uint8_t)ring;
    step->actions->row.wave = started->waves.started;
    step->actions->row.verdict = started->verdict;
    started->waves.at[started->waves.started++] = (struct steady_time){step->state->ran_s};
}

static void start_ring(struct step *step)
{
    struct controller *state = step->state;
    struct controller_decision *row = &step->actions->row;
    unsigned ring = state->is_begun ? state->ring + 1u : 0;
    state->is_begun = true;
    state->ring = (uint8_t)ring;
    state->rings[ring].started_at = step->now.steady;
    start_wave(step, ring);
    if (ring != 0)
        row->verdict = state->rings[ring - 1].verdict;
    row->approval_count = state->rings[ring].approval_count;
    for (unsigned i = 0; i < row->approval_count; i++)
        (void)string_copy(row->approved_by[i], CONTROLLER_NAME_BYTES,
                          state->rings[ring].approved_by[i]);
}

static void roll_back(struct step *step)
{
    struct controller_stream *stream = step->stream;
    struct controller_decision *row = &step->actions->row;
    uint64_t highest = stream->version_opened > stream->version_promised ? stream->version_opened
                                                                         : stream->version_promised;
    stream->version_promised = highest + 1;
    row->version = highest + 1;
    row->restores = step->state->plan.before;
    if (fault_is_planted(FAULT_CONTROLLER_OLD_VERSION))
        row->version = step->state->plan.version;
}

static void take_verdict(struct step *step)
{
    struct controller_verdict *verdict = &step->state->rings[step->event->ring].verdict;
    *verdict = step->event->verdict;
    verdict->event = step->event->type;
    verdict->at = step->now.steady;
    step->actions->row.verdict = *verdict;
    step->state->is_silence_told = false;
    if (verdict->event == CONTROLLER_EVENT_VERDICT_PAUSE
        || verdict->event == CONTROLLER_EVENT_VERDICT_HALT)
        step->state->is_gate_paused = true;
}

static void approve(struct step *step)
{
    struct controller_ring_state *ring = &step->state->rings[step->event->ring];
    (void)string_copy(ring->approved_by[ring->approval_count++], CONTROLLER_NAME_BYTES,
                      step->event->who.name);
}

/* Whoever starts it is no second person, also not one who approved beforehand. */
static void start(struct step *step)
{
    struct controller *state = step->state;
    (void)string_copy(state->started_by, sizeof state->started_by, step->event->who.name);
    if (fault_is_planted(FAULT_CONTROLLER_ONE_PERSON))
        return;
    for (unsigned i = 0; i < step->policy->ring_count; i++) {
        struct controller_ring_state *ring = &state->rings[i];
        const struct controller_ring_state before = *ring;
        ring->approval_count = 0;
        for (unsigned j = 0; j < before.approval_count; j++)
            if (!string_equal(before.approved_by[j], state->started_by))
                (void)string_copy(ring->approved_by[ring->approval_count++], CONTROLLER_NAME_BYTES,
                                  before.approved_by[j]);
    }
}

/* What the event itself leaves behind, whatever the row says. */
static void take_event(struct step *step)
{
    struct controller *state = step->state;
    const struct controller_event *event = step->event;
    switch ((enum controller_event_type)event->type) {
    case CONTROLLER_EVENT_START:
        start(step);
        break;
    case CONTROLLER_EVENT_VERDICT_OPEN:
    case CONTROLLER_EVENT_VERDICT_HEALTHY:
    case CONTROLLER_EVENT_VERDICT_PAUSE:
    case CONTROLLER_EVENT_VERDICT_HALT:
        take_verdict(step);
        break;
    case CONTROLLER_EVENT_APPROVE:
        approve(step);
        break;
    case CONTROLLER_EVENT_RESUME:
        state->is_gate_paused = false;
        break;
    case CONTROLLER_EVENT_RECALL:
        state->recalls |= (uint8_t)(1u << event->who.partner);
        break;
    case CONTROLLER_EVENT_FREEZE:
        state->windows |= 1u << event->window;
        break;
    case CONTROLLER_EVENT_THAW:
        state->windows &= ~(1u << event->window);
        break;
    case CONTROLLER_EVENT_LIFT:
        flap_alarm_lift(&step->stream->alarm);
        break;
    case CONTROLLER_EVENT_PAUSE:
    case CONTROLLER_EVENT_HALT:
    case CONTROLLER_EVENT_ROLLBACK:
    case CONTROLLER_EVENT_ASSESS:
    case CONTROLLER_EVENT_TICK:
    case CONTROLLER_EVENT_COUNT:
        break;
    }
}

static void count_flaps(struct step *step, const struct row *row)
{
    struct flap_alarm *alarm = &step->stream->alarm;
    bool is_raised = false;
    if (step->event->type == CONTROLLER_EVENT_START)
        is_raised = flap_alarm_start(alarm, &step->policy->flaps, step->now.steady);
    else if (row->todo & (DO(HALT) | DO(ROLLBACK)))
        is_raised = flap_alarm_stop(alarm, &step->policy->flaps, step->now.steady);
    if (is_raised)
        step->actions->todo |= DO(RAISE_ALARM);
}

static bool is_verdict(enum controller_event_type type)
{
    return type >= CONTROLLER_EVENT_VERDICT_OPEN && type <= CONTROLLER_EVENT_VERDICT_HALT;
}

/* A row of the table that fits. */
static void carry_out(struct step *step, const struct row *row)
{
    struct controller *state = step->state;
    enum controller_event_type type = step->event->type;
    /* Gates look all the time: what they say is worth a row when it is something new. */
    bool is_news = !is_verdict(type) || state->rings[step->event->ring].verdict.event != type;
    step->actions->todo = row->todo;
    take_event(step);
    if (row->todo & DO(START_RING))
        start_ring(step);
    if (row->todo & DO(START_WAVE))
        start_wave(step, state->ring);
    if (row->todo & DO(ROLLBACK))
        roll_back(step);
    if (row->todo & DO(ASK_APPROVAL)) {
        step->actions->row.ring = (uint8_t)(state->is_begun ? state->ring + 1u : 0);
        state->rings[step->actions->row.ring].is_asked = true;
    }
    if (row->guard == IS_GATE_SILENT)
        state->is_silence_told = true;
    count_flaps(step, row);
    if (row->to != SAME)
        state->state = row->to;
    step->actions->has_row = is_news || step->actions->todo != 0 || row->to != SAME;
}

static bool has_end(const char *text, size_t size) { return memchr(text, 0, size) != NULL; }

static bool is_sound_name(const char name[CONTROLLER_NAME_BYTES])
{
    for (size_t i = 0; name[i] != 0; i++) {
        char c = name[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !(c >= '0' && c <= '9') && strchr("._-@", c) == NULL)
            return false;
    }
    return name[0] != 0;
}

static enum controller_refusal refusal_of(const struct step *step)
{
    const struct controller_event *event = step->event;
    const struct controller_who *who = &event->who;
    if (event->type >= CONTROLLER_EVENT_COUNT || who->by >= CONTROLLER_BY_COUNT
        || event->ring >= step->policy->ring_count || event->window >= CONTROLLER_WINDOWS
        || who->partner >= LIMIT_PARTNERS || !has_end(who->name, sizeof who->name)
        || !has_end(event->reason, sizeof event->reason))
        return CONTROLLER_REFUSAL_UNSOUND;
    if ((MAY_SAY[event->type] & 1u << who->by) == 0)
        return CONTROLLER_REFUSAL_NOT_ASKED;
    bool has_name = who->by == CONTROLLER_BY_PERSON || who->by == CONTROLLER_BY_PARTNER;
    return has_name && !is_sound_name(who->name) ? CONTROLLER_REFUSAL_UNSOUND
                                                 : CONTROLLER_REFUSAL_NONE;
}

static const struct row *find_row(const struct step *step)
{
    unsigned from = step->state->state;
    if (from == CONTROLLER_HALTED && step->event->type == CONTROLLER_EVENT_RESUME
        && fault_is_planted(FAULT_CONTROLLER_UNHALTS))
        from = CONTROLLER_PAUSED;
    for (size_t i = 0; i < sizeof TABLE / sizeof TABLE[0]; i++) {
        const struct row *row = &TABLE[i];
        if (row->event == step->event->type && (row->from == ANY || row->from == from)
            && holds(step, row->guard))
            return row;
    }
    return NULL;
}

static void write_row(struct step *step, enum controller_state from)
{
    struct controller_actions *actions = step->actions;
    struct controller_decision *row = &actions->row;
    if (!actions->has_row)
        return;
    if (fault_is_planted(FAULT_CONTROLLER_UNRECORDED) && (actions->todo & DO(START_WAVE))) {
        actions->has_row = false;
        return;
    }
    row->number = ++step->state->decisions;
    row->at = step->now;
    row->event = step->event->type;
    row->from = (uint8_t)from;
    row->to = step->state->state;
    row->refusal = (uint8_t)actions->refusal;
    row->todo = actions->todo;
    if (step->event->type != CONTROLLER_EVENT_TICK)
        row->ring = step->event->ring;
    row->who = step->event->who;
    bytes_copy(row->reason, sizeof row->reason, step->event->reason, sizeof row->reason);
    row->who.name[sizeof row->who.name - 1] = 0; /* an unsound event may lack its ends */
    row->reason[sizeof row->reason - 1] = 0;
}

void controller_step(const struct controller_policy *policy, struct controller_stream *stream,
                     struct controller *state, const struct controller_event *event,
                     struct lifecycle_time now, struct controller_actions *ret_actions)
{
    struct step step = {policy, stream, state, event, now, ret_actions, CONTROLLER_WAIT_NOTHING};
    enum controller_state from = state->state;
    *ret_actions = (struct controller_actions){.row.verdict.metric = METRIC_COUNT};
    run_clock(&step);
    step.waits = next_waits(policy, stream, state, now.steady);
    ret_actions->refusal = refusal_of(&step);
    const struct row *row = NULL;
    if (ret_actions->refusal == CONTROLLER_REFUSAL_NONE) {
        row = find_row(&step);
        bool is_silent = row == NULL && event->type == CONTROLLER_EVENT_TICK;
        if (row != NULL)
            ret_actions->refusal = row->refusal;
        else if (!is_silent)
            ret_actions->refusal = CONTROLLER_REFUSAL_NO_EFFECT;
    }
    if (ret_actions->refusal != CONTROLLER_REFUSAL_NONE)
        ret_actions->has_row = true;
    else if (row != NULL)
        carry_out(&step, row);
    write_row(&step, from);
    state->raises = stream->alarm.raises;
    state->was_held = held_by(policy, stream, state, now.steady) != CONTROLLER_WAIT_NOTHING;
}

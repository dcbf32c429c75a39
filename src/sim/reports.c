// SPDX-License-Identifier: Apache-2.0
#include "sim/reports.h"

#include "sim/host.h"
#include "sim/hub.h"
#include "sim/random.h"

#include <math.h>
#include <stdlib.h>

enum {
    LOOK_TICKS = 2,     /* gates look each ten minutes */
    LOOK_DELAY = 2,     /* at what was told so many looks ago: then every report has come in */
    SILENCE_TICKS = 12, /* panels are asked each hour who is silent */
    PANEL = 1000,
    MISSED_POLLS = 4,   /* beyond what is usual for a host: it is silent */
    USUAL = 1000,       /* of numbers that are thousandths of what is usual */
};

static_assert(METRIC_COUNT <= 16 && SIM_RELEASES_MAX <= 64, "a record keeps one bit for each");

enum record_mark { RECORD_LEFT = 1, RECORD_EARLY = 2 }; /* was bad within its soak */

/* The newest release that a host has had. */
struct record {
    uint32_t since_s; /* it runs it; SIM_NEVER: not yet */
    uint16_t bad;     /* in these metrics, ever: each counts once */
    uint8_t release;  /* 0: none */
    uint8_t stratum : 4, marks : 4;
};

/* Hosts that could turn bad in something, and those that did since the last look. */
struct count {
    uint32_t hosts, bad;
    int64_t extra_s; /* what `hosts` times the look's length lacks: they came and went within it */
};

/* A host that is asked whether it is silent. */
struct member {
    uint32_t index, heard_s;
    bool is_silent, has_turned; /* now; since it was asked the last time */
    bool is_counted;            /* against its release, once */
};

/* All that is known of one release. */
struct told {
    struct count counts[SIM_RINGS][FLEET_STRATA_MAX][METRIC_COUNT];
    struct count had[FLEET_STRATA_MAX];
    struct gate gates[SIM_RINGS];
    struct evidence_look looks[LOOK_DELAY][SIM_RINGS];
    struct member panel[SIM_RINGS][PANEL];
    uint32_t panel_count[SIM_RINGS];
};

struct reports {
    struct record *records;
    struct told *told; /* of each release */
    struct gate_policy policies[SIM_RINGS];
    uint32_t limits[METRIC_COUNT];
    uint8_t strata;
    uint32_t strata_hosts[FLEET_STRATA_MAX];
    uint32_t ring_hosts[SIM_RINGS];
    struct member others[PANEL];
    uint32_t others_count;
    uint32_t ticks, looks, look_s; /* when the last look was */
};

/* --- the beginning -------------------------------------------------------------------------- */

static void set_policies(struct reports *reports, const struct scenario *scenario)
{
    for (unsigned ring = 0; ring < SIM_RINGS; ring++) {
        reports->policies[ring] = GATE_POLICY_DEFAULT;
        reports->policies[ring].soak_s = scenario->soak_s;
        reports->policies[ring].bad_ppm = ring == 0 ? scenario->first_bad_ppm : scenario->bad_ppm;
        /* What the statistic needs is what is needed: it says by itself how many hosts. */
        reports->policies[ring].hosts_min = 1;
    }
    for (unsigned metric = 0; metric < METRIC_COUNT; metric++)
        reports->limits[metric] = metric_facts((enum metric)metric)->limit;
}

static void choose_others(struct reports *reports, const struct world *world)
{
    uint32_t step = world->scenario.hosts / PANEL + 1;
    for (uint32_t i = step / 2; i < world->scenario.hosts; i += step)
        reports->others[reports->others_count++].index = i;
}

static struct result begin(struct reports *reports, const struct world *world,
                           struct explanation *why)
{
    uint32_t hosts = world->scenario.hosts, roles = world->scenario.roles;
    reports->strata = roles < FLEET_STRATA_MAX ? (uint8_t)roles : FLEET_STRATA_MAX;
    reports->records = calloc(hosts, sizeof *reports->records);
    reports->told = calloc(world->release_count + 1u, sizeof *reports->told);
    if (reports->records == NULL || reports->told == NULL)
        return explain(why, ERROR_MEMORY, "memory is out for what %u hosts report", hosts);
    set_policies(reports, &world->scenario);
    for (unsigned ring = 0; ring < SIM_RINGS; ring++)
        GUARD(gate_policy_check(&reports->policies[ring], why));
    for (uint32_t i = 0; i < hosts; i++) {
        const struct fleet_host row = {.role = (uint16_t)world_role(world, i)};
        reports->records[i].stratum = fleet_stratum(&row) & 0xf;
        reports->strata_hosts[reports->records[i].stratum]++;
        reports->ring_hosts[world->hosts[i].ring]++;
    }
    for (unsigned release = 0; release <= world->release_count; release++)
        for (unsigned ring = 0; ring < SIM_RINGS; ring++)
            reports->told[release].gates[ring] = gate_open(reports->strata);
    choose_others(reports, world);
    return RESULT_OK;
}

RESULT reports_open(const struct world *world, struct reports **ret_reports,
                    struct explanation *why)
{
    struct reports *reports = calloc(1, sizeof *reports);
    if (reports == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    struct result result = begin(reports, world, why);
    if (!result_is_ok(result)) {
        reports_close(reports);
        return result;
    }
    *ret_reports = reports;
    return RESULT_OK;
}

void reports_close(struct reports *reports)
{
    if (reports == NULL)
        return;
    free(reports->records);
    free(reports->told);
    free(reports);
}

/* --- what a host tells ---------------------------------------------------------------------- */

/* The numbers of the report that a host sends after this, and what is bad in them. */
static uint32_t bad_of(const struct reports *reports, enum sim_sign sign)
{
    enum { THREEFOLD = 3 * USUAL };
    struct metric_report report = {.present = METRICS_REPORTED};
    switch (sign) {
    case SIM_SIGN_CRASH:
        report.values[METRIC_CRASH] = 1;
        break;
    case SIM_SIGN_BACK:
        report.values[METRIC_ROLLBACK] = 1;
        break;
    case SIM_SIGN_REBOOT:
        report.values[METRIC_REBOOT] = 1;
        break;
    case SIM_SIGN_CPU:
        report.values[METRIC_CPU] = THREEFOLD;
        break;
    case SIM_SIGN_LOSS:
        report.values[METRIC_LOSS] = THREEFOLD;
        break;
    case SIM_SIGN_MISSING:
        report.present = 0;
        break;
    default:
        return 0;
    }
    return metrics_bad(&report, reports->limits);
}

static void come(struct count *count, uint32_t into_s)
{
    count->hosts++;
    count->extra_s -= into_s;
}

static void go(struct count *count, uint32_t into_s)
{
    count->hosts--;
    count->extra_s += into_s;
}

/* What is told now falls into the look that has lasted so long. */
static uint32_t into_look_s(const struct reports *reports, const struct host *host)
{
    return host->wake_s > reports->look_s ? host->wake_s - reports->look_s : 0;
}

static struct count *counts_of(struct reports *reports, const struct host *host,
                               const struct record *record)
{
    return reports->told[record->release].counts[host->ring][record->stratum];
}

static void leave(struct reports *reports, const struct host *host, struct record *record)
{
    if (record->release == 0 || record->marks & RECORD_LEFT)
        return;
    struct count *counts = counts_of(reports, host, record);
    for (unsigned metric = 0; metric < METRIC_COUNT; metric++)
        if ((record->bad >> metric & 1u) == 0)
            go(&counts[metric], into_look_s(reports, host));
    record->marks |= RECORD_LEFT;
}

/* The host has the release: it tries it, or runs it again. */
static void join(struct reports *reports, const struct host *host, struct record *record,
                 uint32_t index, uint8_t release)
{
    struct told *told = &reports->told[release];
    if (record->release != release) {
        leave(reports, host, record);
        *record = (struct record){.since_s = SIM_NEVER, .release = release,
                                  .stratum = record->stratum, .marks = RECORD_LEFT};
        come(&told->had[record->stratum], into_look_s(reports, host));
        uint32_t *panel_count = &told->panel_count[host->ring];
        if (*panel_count < PANEL)
            told->panel[host->ring][(*panel_count)++] =
                (struct member){.index = index, .heard_s = host->wake_s};
    }
    if ((record->marks & RECORD_LEFT) == 0)
        return;
    struct count *counts = counts_of(reports, host, record);
    for (unsigned metric = 0; metric < METRIC_COUNT; metric++)
        if ((record->bad >> metric & 1u) == 0)
            come(&counts[metric], into_look_s(reports, host));
    record->marks &= (uint8_t)~RECORD_LEFT & 0xf;
}

static void turn_bad(struct reports *reports, const struct host *host, struct record *record,
                     uint32_t bad)
{
    struct count *counts = counts_of(reports, host, record);
    uint32_t soak_s = reports->policies[host->ring].soak_s;
    for (unsigned metric = 0; metric < METRIC_COUNT; metric++) {
        if ((bad >> metric & 1u) == 0 || record->bad >> metric & 1u)
            continue;
        record->bad |= (uint16_t)(1u << metric);
        counts[metric].bad++;
        if ((record->marks & RECORD_LEFT) == 0)
            go(&counts[metric], into_look_s(reports, host));
        if (record->since_s == SIM_NEVER || host->wake_s - record->since_s <= soak_s)
            record->marks |= RECORD_EARLY;
    }
}

void reports_hear(struct reports *reports, const struct world *world, uint32_t index,
                  uint8_t release, enum sim_sign sign)
{
    const struct host *host = &world->hosts[index];
    struct record *record = &reports->records[index];
    bool is_healthy_liar = (host->flags & HOST_LIES) != 0
                           && world->scenario.hostile_canaries == SCENARIO_hostile_canaries_healthy;
    if (release < 2 || release < record->release)
        return; /* it went back to an older one: that is told of the newer one */
    if (sign == SIM_SIGN_TRIED || sign == SIM_SIGN_ACTIVE)
        join(reports, host, record, index, release);
    if (record->release != release)
        return;
    if (sign == SIM_SIGN_ACTIVE && record->since_s == SIM_NEVER)
        record->since_s = host->wake_s;
    if (sign == SIM_SIGN_ACTIVE && (host->flags & HOST_LIES) && !is_healthy_liar)
        turn_bad(reports, host, record, bad_of(reports, SIM_SIGN_CRASH));
    if (!is_healthy_liar)
        turn_bad(reports, host, record, bad_of(reports, sign));
    if (sign == SIM_SIGN_GONE || sign == SIM_SIGN_BACK || sign == SIM_SIGN_FELL)
        leave(reports, host, record);
}

/* --- silence -------------------------------------------------------------------------------- */

/* How long a host like this is usually not heard of, and half of it more. */
static uint32_t overdue_s(const struct presence *presence)
{
    uint32_t gap_s = presence->length_s == PRESENCE_DAY_S ? 0
                                                          : PRESENCE_DAY_S - presence->length_s;
    gap_s += (uint32_t)(presence->cycle - presence->days) * PRESENCE_DAY_S;
    return gap_s + gap_s / 2 + MISSED_POLLS * presence->poll_s;
}

static void ask(const struct world *world, struct member *member)
{
    const struct scenario *scenario = &world->scenario;
    const struct host *host = &world->hosts[member->index];
    struct presence presence = host_presence(world, member->index);
    bool is_mute = (host->flags & HOST_AFFECTED) != 0 && !(host->flags & HOST_LIES)
                   && scenario->fault == SCENARIO_fault_silence;
    uint32_t until_s = host->flags & HOST_DOWN ? host->lived_s : world->now_s, heard_s = 0;
    bool is_cut = (host->flags & HOST_CUT) != 0 && until_s >= scenario->cut_from_s
                  && until_s - scenario->cut_from_s < scenario->cut_s;
    if (is_cut)
        until_s = scenario->cut_from_s;
    if (!is_mute && presence_last_poll(&presence, until_s, &heard_s) && heard_s > member->heard_s)
        member->heard_s = heard_s;
    bool was_silent = member->is_silent;
    member->is_silent = (world->off & SIM_OFF_SILENCE) == 0
                        && world->now_s - member->heard_s > overdue_s(&presence);
    member->has_turned = member->is_silent && !was_silent;
}

static void ask_all(const struct world *world, struct member *members, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        ask(world, &members[i]);
}

static void count_silence(struct reports *reports, uint8_t release, unsigned ring,
                          struct evidence_look *look)
{
    enum { LASTED_S = SILENCE_TICKS * HUB_TICK_S };
    struct told *told = &reports->told[release];
    for (uint32_t i = 0; i < told->panel_count[ring]; i++) {
        struct member *member = &told->panel[ring][i];
        const struct record *record = &reports->records[member->index];
        if (record->release != release || record->marks & RECORD_LEFT || member->is_counted)
            continue;
        struct evidence_group *with = &look->counts[record->stratum][METRIC_SILENCE].with;
        with->host_s += LASTED_S;
        with->bad += member->is_silent;
        member->is_counted = member->is_silent;
    }
    for (uint32_t i = 0; i < reports->others_count; i++) {
        const struct member *member = &reports->others[i];
        const struct record *record = &reports->records[member->index];
        if (record->release == release)
            continue;
        struct evidence_group *without = &look->counts[record->stratum][METRIC_SILENCE].without;
        without->host_s += member->is_silent && !member->has_turned ? 0 : LASTED_S;
        without->bad += member->has_turned;
    }
}

/* --- looks ---------------------------------------------------------------------------------- */

/* How many, where so many are usual (Poisson). */
static uint32_t drawn(uint64_t draw, double mean)
{
    enum { MANY = 10000 };
    double even = (double)(draw >> 11) / 9007199254740992.0, term = exp(-mean), sum = term;
    uint32_t count = 0;
    while (even >= sum && count < MANY) {
        count++;
        term *= mean / count;
        sum += term;
    }
    return count;
}

static uint64_t lasted_s(struct count *count, uint32_t length_s)
{
    int64_t host_s = (int64_t)count->hosts * length_s + count->extra_s;
    count->extra_s = 0;
    return host_s > 0 ? (uint64_t)host_s : 0;
}

/* Hosts of one role without the release: how long they could have turned bad, and how many did. */
static void look_at_others(const struct reports *reports, const struct world *world,
                           uint8_t release, unsigned stratum, uint32_t length_s,
                           struct evidence_group *ret_groups)
{
    struct count *had = &reports->told[release].had[stratum];
    uint64_t all_s = (uint64_t)reports->strata_hosts[stratum] * length_s;
    uint64_t had_s = lasted_s(had, length_s);
    uint64_t host_s = all_s > had_s ? all_s - had_s : 0;
    for (unsigned metric = 0; metric < METRIC_COUNT; metric++) {
        uint32_t rate = metric == METRIC_CRASH    ? world->scenario.crash_ppm_day
                        : metric == METRIC_REBOOT ? world->scenario.reboot_ppm_day
                                                  : 0;
        uint64_t draw = sim_random(world->seed, (uint64_t)release << 8 | stratum, SIM_OTHERS,
                                   world->now_s + metric);
        ret_groups[metric].host_s = host_s;
        ret_groups[metric].bad =
            rate != 0 ? drawn(draw, (double)host_s * rate / 1e6 / DAY_S) : 0;
    }
}

static void look(struct reports *reports, const struct world *world, uint8_t release,
                 bool is_asked)
{
    struct told *told = &reports->told[release];
    struct evidence_look *looks = told->looks[reports->looks % LOOK_DELAY];
    uint32_t length_s = world->now_s - reports->look_s;
    struct evidence_group others[FLEET_STRATA_MAX][METRIC_COUNT];
    for (unsigned stratum = 0; stratum < reports->strata; stratum++)
        look_at_others(reports, world, release, stratum, length_s, others[stratum]);
    for (unsigned ring = 0; ring < SIM_RINGS; ring++) {
        if (told->panel_count[ring] == 0)
            continue; /* nobody has had it */
        gate_take(&told->gates[ring], &reports->policies[ring], &looks[ring]);
        for (unsigned stratum = 0; stratum < reports->strata; stratum++) {
            for (unsigned metric = 0; metric < METRIC_COUNT; metric++) {
                struct count *count = &told->counts[ring][stratum][metric];
                looks[ring].counts[stratum][metric] = (struct evidence_counts){
                    .with = {count->bad, lasted_s(count, length_s)},
                    .without = others[stratum][metric],
                };
                count->bad = 0;
            }
            looks[ring].counts[stratum][METRIC_SILENCE] = (struct evidence_counts){0};
        }
        if (is_asked)
            count_silence(reports, release, ring, &looks[ring]);
    }
}

void reports_tick(struct reports *reports, const struct world *world, uint64_t stopped)
{
    if (++reports->ticks % LOOK_TICKS != 0)
        return;
    bool is_asked = reports->ticks % SILENCE_TICKS == 0;
    if (is_asked)
        ask_all(world, reports->others, reports->others_count);
    for (uint8_t release = 2; release <= world->release_count; release++) {
        struct told *told = &reports->told[release];
        if (stopped >> release & 1u || world->releases[release].published_s > world->now_s)
            continue;
        for (unsigned ring = 0; ring < SIM_RINGS && is_asked; ring++)
            ask_all(world, told->panel[ring], told->panel_count[ring]);
        look(reports, world, release, is_asked);
    }
    reports->looks++;
    reports->look_s = world->now_s;
}

/* --- gates ---------------------------------------------------------------------------------- */

const struct gate *reports_gate(const struct reports *reports, uint8_t release, unsigned ring)
{
    return &reports->told[release].gates[ring];
}

/* Other fleets of the vendor's have the fault on as many of their hosts, and saw what shows. */
static uint32_t pooled_bad(const struct world *world, uint8_t release)
{
    bool shows = world->releases[release].is_faulty
                 && world->scenario.fault != SCENARIO_fault_malice;
    uint64_t hosts = world->scenario.pooled_hosts;
    return shows ? (uint32_t)(hosts * world->faulty / world->scenario.hosts) : 0;
}

static struct gate_sample sample_of(const struct reports *reports, const struct world *world,
                                    uint8_t release, unsigned ring)
{
    const struct told *told = &reports->told[release];
    uint32_t soak_s = reports->policies[ring].soak_s;
    uint32_t published_s = world->releases[release].published_s;
    struct gate_sample sample = {
        .ring_hosts = reports->ring_hosts[ring],
        .age_s = world->now_s - published_s,
        .pooled = world->scenario.pooled_hosts,
        .pooled_bad = pooled_bad(world, release),
    };
    for (uint32_t i = 0; i < told->panel_count[ring]; i++) {
        const struct member *member = &told->panel[ring][i];
        const struct record *record = &reports->records[member->index];
        bool is_bad = record->release == release && record->marks & RECORD_EARLY;
        bool is_due = record->release == release && record->since_s != SIM_NEVER
                      && world->now_s - record->since_s >= soak_s
                      && (record->marks & RECORD_LEFT) == 0;
        bool is_well = is_due && member->heard_s >= record->since_s + soak_s;
        bool is_silent = is_due && !is_well && member->is_silent;
        sample.hosts += is_bad || is_well || is_silent;
        sample.bad += is_bad;
        sample.silent += is_silent && !is_bad;
    }
    for (uint32_t i = 0; i < reports->others_count; i++) {
        const struct member *member = &reports->others[i];
        bool is_without = reports->records[member->index].release != release;
        sample.without += is_without;
        sample.without_silent += is_without && member->is_silent;
    }
    return sample;
}

struct gate_decision reports_decide(const struct reports *reports, const struct world *world,
                                    uint8_t release, unsigned ring)
{
    struct gate_sample sample = sample_of(reports, world, release, ring);
    return gate_decide(&reports->told[release].gates[ring], &reports->policies[ring], &sample);
}

void reports_reviewed(struct reports *reports, uint8_t release)
{
    for (unsigned ring = 0; ring < SIM_RINGS; ring++)
        if (reports->told[release].gates[ring].is_paused)
            gate_reviewed(&reports->told[release].gates[ring]);
}

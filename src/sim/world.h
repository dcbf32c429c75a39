// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What all hosts of a simulation have in common, and what they tell it. */
#include "sim/sim.h"
#include "sim/wheel.h"
#include "update/lifecycle/halts.h"
#include "update/lifecycle/lifecycle.h"

enum {
    SIM_PARTNERS = 3,
    SIM_RELEASES_MAX = 48,
    SIM_LISTS_MAX = 2048,
    SIM_LIST_EVERY_S = 2 * 60 * 60, /* each partner says that all is well this often */
};

/* What hosts tell; the gates see it at the host's next report. */
enum sim_sign {
    SIM_SIGN_TRIED,    /* a trial began */
    SIM_SIGN_ACTIVE,   /* runs the release */
    SIM_SIGN_GONE,     /* no longer runs it */
    SIM_SIGN_GOOD,
    SIM_SIGN_CRASH,    /* its engine crashed */
    SIM_SIGN_BACK,     /* rejected or rolled back */
    SIM_SIGN_FELL,     /* rolled back for a crash or a boot that is told by itself */
    SIM_SIGN_REBOOT,   /* booted without being asked */
    SIM_SIGN_SILENT,   /* reports no more */
    SIM_SIGN_CPU,
    SIM_SIGN_LOSS,
    SIM_SIGN_MISSING,  /* its reports lack their numbers */
    SIM_SIGN_COUNT
};

/* One release as the world knows it; number 1 is what all hosts run at the beginning. */
struct sim_release {
    struct release_name name;
    uint32_t published_s;
    bool is_faulty, is_urgent;
    bool is_unlogged; /* a stolen quorum of witnesses vouches for it: nobody else sees it */
    /* what the hub does with it */
    uint32_t at_once_s;             /* from then on it is everybody's turn; SIM_NEVER */
    uint32_t evidence_s[SIM_RINGS]; /* when the evidence of a ring's health was published */
};

/* A partner's list; list number n is lists[partner][n - 1]. */
struct sim_list {
    uint32_t published_s;
    uint8_t count;
    uint8_t releases[LIMIT_HALTS];
};

struct seal;
struct hub;

struct world {
    struct scenario scenario;
    uint64_t seed;
    uint32_t off; /* enum sim_off */
    const struct fleet_host *fleet; /* NULL: made up */
    uint32_t now_s, end_s;
    struct lifecycle_policy lifecycle;
    uint8_t release_count; /* releases[1 .. release_count] */
    struct sim_release releases[SIM_RELEASES_MAX];
    uint16_t list_count[SIM_PARTNERS];
    struct sim_list lists[SIM_PARTNERS][SIM_LISTS_MAX];
    uint32_t halts_s[SIM_PARTNERS][SIM_RELEASES_MAX]; /* when a partner began to halt a release */
    struct host *hosts;
    struct wheel wheel;
    struct seal *seal;
    struct hub *hub;
    bool is_news;      /* all hosts may want to know of something since the last minute */
    bool has_turns;    /* those may that wait for their turn */
    uint64_t steps;
    /* results */
    uint32_t faulty; /* hosts that have the fault */
    uint32_t harmed, unwell, harmed_by_ring[SIM_RINGS], hands, reached;
    uint32_t first_harm_s, well_s, first_active_s;
    uint32_t halted_s; /* by people */
    const char *broken; /* what did not hold */
    uint32_t signs[SIM_RELEASES_MAX][SIM_RINGS][SIM_SIGN_COUNT];
    uint32_t *harm_minutes; /* hosts harmed in each minute */
    uint32_t *good_minutes; /* hosts that first run the last release, by minute */
};

/* The hub says that a ring is well: is that true? */
void world_promoted(struct world *world, uint8_t release, unsigned ring);

/* A partner halts a release from now on. */
void world_halt(struct world *world, unsigned partner, uint8_t release);

/* What a host is; 0 is the commonest. */
uint32_t world_kernel(const struct world *world, uint32_t index);
uint32_t world_distribution(const struct world *world, uint32_t index);
uint32_t world_architecture(const struct world *world, uint32_t index);
uint32_t world_role(const struct world *world, uint32_t index);

/* Whether a host's own keys find enough signatures under a release's ticket. The first hosts verify
 * for real, the others remember what came of it: the same bytes and the same keys (seal.h). */
bool world_is_signed(struct world *world, uint32_t index, uint8_t release);

/* A host tells of a release (at the world's `now`). */
void world_sign(struct world *world, uint32_t index, uint8_t release, enum sim_sign sign);
/* A host begins to run a release that it has not proven yet: was it allowed to? */
void world_begins(struct world *world, uint32_t index, uint8_t release);
void world_harm(struct world *world, uint32_t index, uint32_t at_s);
void world_well(struct world *world, uint32_t index, uint32_t at_s);

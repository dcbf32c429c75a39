// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * One simulated host: the state of the update road, packed without loss (what is the same on all
 * hosts stands once in the world), and the step that runs the real boot guard, halts, admission and
 * lifecycle over it, put together as src/update/road/road.c does it, without its disk.
 */
#include "sim/presence.h"
#include "sim/world.h"
#include "update/lifecycle/admission.h"
#include "update/lifecycle/boot_guard.h"

/* lifecycle.h's 376 bytes in 144: names and versions are those of the world's releases. */
struct host_releases {
    uint32_t first_seen_s[LIMIT_RELEASES], since_s[LIMIT_RELEASES];
    uint32_t switches_s[LIMIT_SWITCHES_PER_DAY];
    uint8_t number[LIMIT_RELEASES]; /* in the world; 0: none */
    uint8_t state[LIMIT_RELEASES];  /* and the failure in the high half */
    uint8_t seen[LIMIT_RELEASES];
    uint8_t flags[LIMIT_RELEASES];
    uint8_t engine[LIMIT_RELEASES];
    uint8_t floor, closed, engine_now, switch_count, switch_next, pressure;
};

/* What a host keeps of one partner's list: which one, and since when. The list itself is the
 * world's. Since when a halt stands is kept for one release, for the others it counts anew. */
struct host_list {
    uint32_t seen_s, since_s;
    uint16_t number;
    uint8_t since_release;
};

enum host_flag {
    HOST_FAULTY = 1,    /* has the release's fault */
    HOST_DOWN = 2,      /* between a crash and its boot */
    HOST_UNWELL = 4,    /* harmed, and the harm is not over */
    HOST_AFFECTED = 8,  /* the fault shows now (silence, cpu, loss, malice) */
    HOST_LIES = 16,     /* a hostile canary */
    HOST_CUT = 32,      /* reaches nobody while the world's cut lasts */
    HOST_HANDS = 64,    /* does not come up again without somebody's hands */
    HOST_HARMED = 128,
};

struct host {
    struct host_releases releases;
    struct boot_guard guard;
    struct host_list lists[SIM_PARTNERS];
    uint32_t wake_s;
    uint32_t way_due_s;    /* when the trial or shadow ends */
    uint32_t active_due_s; /* when the fault of what runs shows */
    uint32_t noise_due_s;  /* when it crashes or boots for reasons of its own */
    uint32_t down_until_s;
    uint32_t lost_s;       /* time for which it was down */
    uint32_t lived_s;      /* when it last did something */
    uint8_t flags, ring, runs; /* the number of what runs; 0: the factory set */
    uint8_t bad_boots;     /* in a row */
};

/* The state as lifecycle_step() wants it, and back. What host_pack() cannot keep does not occur. */
void host_unpack(const struct world *world, const struct host *host, struct lifecycle *ret_state);
void host_pack(const struct lifecycle *state, struct host *host);

/* A host that runs release 1 and has been well for weeks. */
void host_init(const struct world *world, uint32_t index, struct host *host);

/* What this host is like, from (seed, index). */
struct presence host_presence(const struct world *world, uint32_t index);

/* Lets the host live through `host->wake_s` and sets the next one. Reports to the world. */
void host_wake(struct world *world, uint32_t index);

/* When this host asks for news next, and is not cut off. */
uint32_t host_hears_s(const struct world *world, uint32_t index, uint32_t from_s);

/* Something in the world changed (a turn, evidence, a list): when this host hears of it, and
 * SIM_NEVER where it does not matter to it. */
uint32_t host_hears_news_s(const struct world *world, uint32_t index);

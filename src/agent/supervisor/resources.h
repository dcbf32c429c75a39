// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the supervisor holds so that every other process can be replaced: rings, cursors, tables,
 * counter pages, folders, the control socket, and the links and maps of the eBPF programs.
 * And the table of which role is handed what.
 */
#include "agent/channel.h"
#include "agent/flight.h"
#include "agent/tree.h"
#include "base/paths.h"
#include "base/counters.h"
#include "ring/ring.h"
#include "sensor/probe_set.h"

enum { LINKS_MAX = PROBE_COUNT };
static_assert((int)PROBE_COUNT <= (int)TREE_PROBES_MAX, "the tree shows each probe");

struct resources {
    int grants[GRANT_COUNT];     /* -1: not there */
    /* What each engine has of its own; the first one's grants are the numbers that an engine
     * knows them by, in `engines[slot][grant]`. */
    int engines[ENGINE_SLOTS][GRANT_COUNT];
    int counters[ROLE_COUNT];    /* writable counter page of each role */
    int links[LINKS_MAX];        /* by probe: keep its program attached while open; -1: none */
    size_t link_count;           /* how many are open */
    struct ring_cursor *engine_cursors[ENGINE_SLOTS];
    struct flight *flights[ENGINE_SLOTS]; /* the engines' */
    struct counters_view *engine_counters[ENGINE_SLOTS];
    uint32_t boot_level;         /* enum boot_level: told to each child at its start */
    struct probe_set probes;     /* what a loader loads beside the base */
    struct probe_set probes_added; /* and what a further one adds, or only tries */
    bool is_probe_trial;
    struct tree_page *tree;
    uint64_t epoch;
    uint64_t boot_id_high, boot_id_low;
    uint64_t kernel_epoch;       /* names the kernel ring that is held: when it came */
};

/* Makes or opens everything but what the loader brings. Folders that are absent are made. */
RESULT resources_open(struct resources *resources, const struct paths *paths,
                      struct explanation *why);
/* Closes everything; the eBPF programs are detached by it. Removes the control socket. */
void resources_close(struct resources *resources, const struct paths *paths);

/* Takes over the link of a probe, or closes it where there is one already: a loader that lies. */
void resources_keep_link(struct resources *resources, uint32_t probe, int fd);
/* Detaches one probe's program. */
void resources_drop_link(struct resources *resources, uint32_t probe);

/* Forgets what an earlier loader brought. */
void resources_drop_kernel(struct resources *resources);

/* Hands a child what its role is due, and says start. A fresh snapshot is made for a sensor. */
RESULT resources_hand_over(struct resources *resources, enum role role, int socket,
                           struct explanation *why);

/* A fresh place in the event ring, before its oldest event. */
RESULT resources_new_trial(struct resources *resources);

/* Has the file events of `pid` reported no longer (control writes a log line for each alert, which
 * must not be an event of its own) or, when it has ended, again. */
void resources_ignore(const struct resources *resources, pid_t pid, bool is_ignored);

/* Runs of our eBPF programs that the kernel skipped, over all programs. */
uint64_t resources_missed_runs(const struct resources *resources);

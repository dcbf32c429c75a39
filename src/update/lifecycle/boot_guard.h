// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The boot guard: what arrived must not keep a host from booting. A pure function of (state,
 * event, time). The supervisor tells START before it touches content or probes and writes the state
 * durably (slots.h) before it goes on: whatever happens then, the next start knows.
 *
 * A start is "armed" until the host was calm for CALM_S, or was stopped in good order. Only an
 * armed start of another boot that began *with a change* (content, probes, agent, kernel: whatever
 * the fingerprint covers; or a switch while it ran) counts when it is followed by a new boot: hosts
 * that crash for reasons of their own, and power cuts on calm hosts, change nothing. But a host
 * that LOOP times in a row does not come to be calm is in a boot loop, and then each further boot
 * counts, whatever changed: what shows only at a boot, days after it became active and was calm,
 * must not need anybody's hands either. Each one that counts takes one level: at most two more
 * boots from anything that arrived to a host that runs without our probes. After calm it climbs
 * back, one level at a time, ever more slowly, and after CLIMBS_MAX climbs that ended badly only
 * when something changed or the administrator says so.
 */
#include "base/reader.h"
#include "update/lifecycle/steady_time.h"

enum boot_level {
#define BOOT_LEVEL(id, word, text) BOOT_LEVEL_##id,
#include "update/lifecycle/boot_guard.def"
    BOOT_LEVEL_COUNT
};

enum {
    BOOT_GUARD_CALM_S = 10 * 60,
    BOOT_GUARD_CLIMBS_MAX = 3,
    BOOT_GUARD_LOOP = 3,
    BOOT_GUARD_ENCODED_MAX = 64,
};

struct boot_guard {
    uint64_t calm_fingerprint; /* of what was to run when the host was last calm at NORMAL */
    uint64_t fingerprint;      /* of what is to run since the last START or CHANGE */
    struct steady_time since;  /* the last START, CHANGE or climb */
    uint32_t counted;          /* boots that counted, ever: for status */
    uint8_t level;             /* enum boot_level */
    uint8_t bad_climbs;        /* climbs in a row after which a boot counted */
    uint8_t early_ends;        /* boots in a row that ended before they were calm, at most LOOP */
    bool is_armed;
    bool is_changed;
    bool is_climbing;          /* the level was raised, and the host was not calm since */
};

enum boot_guard_event_type {
    BOOT_GUARD_START,  /* the agent starts: `is_new_boot`, `fingerprint` */
    BOOT_GUARD_CHANGE, /* content or probes are about to be switched or tried: `fingerprint` */
    BOOT_GUARD_TICK,   /* time has passed: `fingerprint` */
    BOOT_GUARD_STOP,   /* the agent was told to stop, and everything is down */
    BOOT_GUARD_RESET,  /* the administrator: back to normal */
};

struct boot_guard_event {
    enum boot_guard_event_type type;
    bool is_new_boot;     /* the kernel's boot id is not the one that the state was saved in */
    uint64_t fingerprint; /* of all that is to run at NORMAL, the kernel's release included */
};

struct boot_guard_actions {
    bool save;        /* write the state durably before going on */
    bool is_counted;  /* START: tell the lifecycle STARTED_BADLY, else STARTED */
    bool is_level_new; /* run what the level says from now on */
};

void boot_guard_step(struct boot_guard *state, const struct boot_guard_event *event,
                     struct steady_time now, struct boot_guard_actions *ret_actions);

/* How long the host must be calm now before it climbs; 0: it does not climb by itself. */
uint32_t boot_guard_calm_s(const struct boot_guard *state);

/* As bytes and back; decoding takes bytes from anywhere (ERROR_FORMAT, ERROR_UNSUPPORTED). */
RESULT boot_guard_encode(const struct boot_guard *state, struct writer *writer);
RESULT boot_guard_decode(struct reader *reader, struct boot_guard *ret_state);

/* Words of boot_guard.def. Never NULL. */
const char *boot_level_word(enum boot_level level);
const char *boot_level_text(enum boot_level level);

// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the administrator orders about updates, on its way from the command line to the supervisor:
 * records of fixed size in a folder that is root's alone (`install` in the agent's data). Root's
 * hand is the authority, since who may write there could replace the agent as well; nobody remote
 * has a way to it, and it works while no agent runs.
 *
 *   orders       stands until it is changed: hold, pin, what may take detections away
 *   NAME.order   is carried out once, then gone: take a release back, try one again
 *
 * No parser of an outside format: numbers are little-endian, at fixed places.
 *   orders   "CREORDS1", u32 flags (bit 0 held, bit 1 pinned), 16 bytes pin, u32 number of allowed
 *            ones, LIMIT_HALTS names of 16 bytes, u32 number of lifted halts, as many names
 *   .order   "CREORDR1", u32 verb, u32 stream, 16 bytes name
 */
#include "update/lifecycle/admission.h"

#define ORDERS_FOLDER "install"

struct standing_orders {
    bool is_held;
    bool is_pinned;
    struct release_name pin;
    uint32_t allowed_count; /* these may take detections away */
    struct release_name allowed[LIMIT_HALTS];
    uint32_t lifted_count; /* halts of these are lifted here */
    struct release_name lifted[LIMIT_HALTS];
};

enum order_verb {
    ORDER_WITHDRAW = 1, /* back to the good one before */
    ORDER_ALLOW,        /* one that failed may be tried again */
    ORDER_RESET_LEVEL,  /* the boot guard's level: back to normal */
    ORDER_END
};

struct order {
    enum order_verb verb;
    uint32_t stream;
    struct release_name release; /* of WITHDRAW and ALLOW */
};

/* What stands; nothing does where there is no file. ERROR_FORMAT, with `why`: it is damaged, and
 * what stood before should go on standing. */
RESULT standing_orders_read(int folder, struct standing_orders *ret_orders,
                            struct explanation *why);
/* On RESULT_OK it is on the disk. */
RESULT standing_orders_write(int folder, const struct standing_orders *orders,
                             struct explanation *why);
/* Adds a name where it is not there; the oldest gives way. */
void standing_orders_allow(struct standing_orders *orders, struct release_name release);
/* `policy` is the host's own before any order; what is ordered is added to it. */
void standing_orders_apply(const struct standing_orders *orders, struct admission_policy *policy);

RESULT order_put(int folder, const struct order *order, struct explanation *why);
/* Takes one out of the folder. ERROR_AGAIN: there is none; ERROR_FORMAT, with `why`: it made no
 * sense and is gone. */
RESULT order_next(int folder, struct order *ret_order, struct explanation *why);

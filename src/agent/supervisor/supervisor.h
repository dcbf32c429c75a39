// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The supervisor's loop: starts the children, hears their fixed-size messages, replaces who dies,
 * hangs or lies, passes sealed rules from control to the engine, and publishes the process tree.
 * It parses nothing else. What to do it asks supervision_step(); here it is only carried out.
 */
#include "agent/supervisor/resources.h"
#include "agent/supervisor/updates.h"

struct supervisor_options {
    const struct paths *paths;
    int programs[ROLE_COUNT]; /* open descriptors of the executables; [ROLE_supervisor] unused */
    struct update_settings updates;
    bool without_sensor;      /* do not load eBPF programs: an agent that only answers requests */
};

/* Runs until SIGTERM or SIGINT; then ends the children, detaches the eBPF programs and returns. */
RESULT supervisor_run(const struct supervisor_options *options, struct explanation *why);

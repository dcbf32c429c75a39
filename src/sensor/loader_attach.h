// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Attaching one loaded program to one place in the kernel. Only for loader.c. */
#include "sensor/loader.h"

#include <bpf/libbpf.h>

enum probe_how { PROBE_BTF, PROBE_CALL, PROBE_ITERATOR };

/* The folder "events" of tracefs. It is mounted for nobody but us where the system has not done
 * so: nothing appears in any mount table. -1 goes to *ret_folder on failure. */
RESULT loader_events_open(int *ret_folder);

/*
 * Attaches and gives the descriptor of the link. Fills status: PROBE_ATTACHED, PROBE_ABSENT or
 * PROBE_FAILED. Never touches *ret_link where it fails.
 */
void loader_attach(const struct bpf_program *program, enum probe_how how, const char *target,
                   int events_folder, struct probe_status *status, int *ret_link);

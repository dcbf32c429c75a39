// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A fleet as people have it: JSON lines, one host each, as inventories export them.
 *
 *     {"id": "web-17", "kernel": "6.1.0-18-amd64", "distribution": "debian-12",
 *      "architecture": "x86_64", "role": "web"}
 *
 * "volunteer" and "protected" may be true (rollout/fleet.h); other members are passed over. Blank
 * lines too.
 */
#include "rollout/fleet.h"

enum fleet_word { FLEET_KERNEL, FLEET_DISTRIBUTION, FLEET_ARCHITECTURE, FLEET_ROLE, FLEET_WORDS };

struct fleet_file;

/* Reads all of `fd`, which stays the caller's. ERROR_FORMAT with line, member and what was
 * expected, also where two hosts have one id; ERROR_LIMIT, ERROR_SYSTEM, ERROR_MEMORY. */
RESULT fleet_file_read(int fd, const char *name, struct fleet_file **ret_fleet,
                       struct explanation *why);
void fleet_file_free(struct fleet_file *fleet); /* NULL is allowed */

const struct fleet_host *fleet_file_hosts(const struct fleet_file *fleet, uint32_t *ret_count);
/* How many kernels (distributions ...) there are, and what a number stands for. */
uint32_t fleet_file_words(const struct fleet_file *fleet, enum fleet_word kind);
const char *fleet_file_word(const struct fleet_file *fleet, enum fleet_word kind, uint32_t number);

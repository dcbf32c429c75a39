// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Starting a child with as little as possible: its own user, limits, an empty environment, its
 * supervisor's socket at CHILD_SOCKET_FD and nothing else open but /dev/null and stderr.
 */
#include "agent/role.h"
#include "base/result.h"

#include <sys/types.h>

/* `program` is an open descriptor of the executable (so that a folder that the child's user may not
 * enter, or a file replaced meanwhile, does not matter); `socket` is the child's end, which the
 * caller closes afterwards. */
RESULT spawn_child(enum role role, int program, int socket, pid_t *ret_pid,
                   struct explanation *why);

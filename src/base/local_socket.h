// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Unix stream sockets under paths of any length: the 108 bytes of sockaddr_un are not a limit here
 * because the folder is opened first and named through /proc/self/fd.
 */
#include "base/result.h"

/* Connects, non-blocking for all later calls. ERROR_NOT_FOUND: nobody listens there (absent or
 * refused); ERROR_SYSTEM with EACCES: this user may not. */
RESULT local_socket_connect(const char *path, int *ret_fd, struct explanation *why);

/* Makes a listening socket under `path`; a socket file that is there already is replaced, so the
 * caller makes sure first that no other instance runs. `mode`: permission bits of the file. */
RESULT local_socket_listen(const char *path, unsigned mode, int backlog, int *ret_fd,
                           struct explanation *why);

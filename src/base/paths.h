// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Where everything of Creance lies on a host, in one place. All paths are absolute.
 *
 *                       installed                     --state DIR
 *   run                 /run/creance                  DIR/run
 *   control_socket      /run/creance/control.sock     DIR/run/control.sock
 *   log                 /var/log/creance              DIR/log
 *   configuration       /etc/creance                  DIR/etc
 *   local_rules         /etc/creance/rules            DIR/etc/rules
 *   data                /var/lib/creance              DIR/lib
 *   vendor_rules        /usr/lib/creance/rules        the same; --content DIR: DIR/rules
 */
#include "base/limits.h"
#include "base/result.h"

#include <sys/types.h>

struct paths {
    char run[LIMIT_PATH_BYTES];
    char control_socket[LIMIT_PATH_BYTES];
    char log[LIMIT_PATH_BYTES];
    char configuration[LIMIT_PATH_BYTES];
    char local_rules[LIMIT_PATH_BYTES];
    char data[LIMIT_PATH_BYTES];
    char vendor_rules[LIMIT_PATH_BYTES];
};

/* The name of the configuration file in the folder `configuration`. */
#define PATHS_CONFIGURATION_FILE "creance.yaml"

/* `state` and `content` are what --state and --content say, NULL where they are not given; relative
 * ones are taken from the working directory. Nothing is looked up. ERROR_LIMIT: too long. */
RESULT paths_resolve(const char *state, const char *content, struct paths *ret_paths,
                     struct explanation *why);

/* Makes the folder `path` (absolute) and those above it where they are absent; only the last one
 * gets `mode`, the others 0755. One that is there stays as it is. */
RESULT paths_make_folder(const char *path, mode_t mode, struct explanation *why);

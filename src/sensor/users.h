// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Names of user ids, from a file in the format of passwd(5) and from nowhere else: name services
 * would bring foreign code, network and waiting into the sensor. An account that is not in the
 * file is told by its number.
 *
 * The file is outside input: lines that are not name:password:uid:... are passed over, the first
 * line of an id wins (as for getpwuid), a file over LIMIT_USERS_FILE_BYTES is cut there, at most
 * LIMIT_USERS accounts are kept.
 */
#include "base/reader.h"

struct users;

/* `path` must outlive the result. A file that cannot be read leaves no names, not a failure:
 * it may come later. Only ERROR_MEMORY. */
RESULT users_open(const char *path, struct users **ret_users);
void users_close(struct users *users); /* NULL is allowed */

/* Reads the file again where it has changed (looked at by stat; call it about once a second).
 * The names stay as they are while the file is gone or cannot be read. */
void users_refresh(struct users *users);

/* The name, or the number in decimal where there is none, in `scratch`, of USERS_NUMBER_BYTES. The
 * view is valid until the next users_refresh(). */
enum { USERS_NUMBER_BYTES = 12 };
struct bytes users_name(const struct users *users, uint32_t user_id, char *scratch);

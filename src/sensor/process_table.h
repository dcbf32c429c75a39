// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The processes of this host, in shared memory: the sensor writes, it outlives the sensor, and
 * others map it read-only to tell ancestors.
 *
 * - Slots of fixed size, no pointers: processes name each other by key (pid and start time), which
 *   no other process of this boot has.
 * - A slot carries a sequence that is odd while it is written. A reader takes a copy only where
 *   the sequence stood still; the next writer discards a slot in which its predecessor died.
 * - Everything that only the writer needs (who may be replaced next, children) is in its own
 *   memory and made anew from the slots when it starts.
 * - Ended processes stay, for the sake of their children and of late questions. Replaced are, in
 *   this order: the ended ones that ended longest ago and have no living child (also before the
 *   table is full, when LIMIT_PROCESS_ENDED of them are kept, so that memory stays small), other
 *   ended ones, living ones without a living child, living ones. Dropping a living one is counted
 *   (sensor_table_evicted).
 */
#include "base/limits.h"
#include "base/reader.h"

#include <stdbool.h>

struct process_key {
    uint64_t start_ns; /* CLOCK_BOOTTIME */
    uint32_t pid;      /* of the thread group, in the host's pid namespace; 0: none */
    uint32_t reserved;
};

static inline bool process_key_equal(struct process_key a, struct process_key b)
{
    return a.pid == b.pid && a.start_ns == b.start_ns;
}

enum {
    PROCESS_NAME_BYTES = 16,
    PROCESS_CONTAINER_BYTES = 80,
    PROCESS_CONTROL_GROUP_BYTES = 256,
    PROCESS_EXECUTABLE_BYTES = 512,
    PROCESS_ARGUMENTS_BYTES = 1024,
};

/* Bits of process_info.flags. */
enum process_flag {
    PROCESS_EXECUTABLE_CUT = 1 << 0,
    PROCESS_ARGUMENTS_CUT = 1 << 1,
    PROCESS_CONTROL_GROUP_CUT = 1 << 2,
    PROCESS_UNREADABLE = 1 << 3, /* something could not be read when it was learned */
    PROCESS_KERNEL_THREAD = 1 << 4,
    PROCESS_FROM_SNAPSHOT = 1 << 5, /* learned from what ran when a sensor started */
    PROCESS_CHANGES_USER = 1 << 6,  /* a call made it root again: it may go to and fro */
};

enum { PROCESS_NO_LOGIN = UINT32_MAX };

struct process_info {
    struct process_key key;
    struct process_key parent; /* pid 0: none */
    uint64_t end_ns;           /* 0: lives */
    uint64_t known_ns;         /* when what stands here was true */
    uint64_t seen_ns;          /* when the last snapshot that showed it began; 0: none did */
    uint64_t announced;        /* number of the event that told of it (snapshot); 0: not yet */
    uint32_t user_id;
    uint32_t user_effective_id;
    uint32_t group_id;
    uint32_t login_user_id; /* PROCESS_NO_LOGIN: none */
    uint32_t namespace_mount;
    uint32_t namespace_pid;
    uint32_t namespace_network;
    uint32_t namespace_user;
    uint16_t flags;
    uint16_t name_size; /* texts are not 0-ended; sizes are at most the arrays' */
    uint16_t container_size;
    uint16_t control_group_size;
    uint16_t executable_size;
    uint16_t arguments_size;
    uint8_t name[PROCESS_NAME_BYTES];
    uint8_t container[PROCESS_CONTAINER_BYTES];
    uint8_t control_group[PROCESS_CONTROL_GROUP_BYTES];
    uint8_t executable[PROCESS_EXECUTABLE_BYTES];
    uint8_t arguments[PROCESS_ARGUMENTS_BYTES]; /* joined by spaces */
};

/* "<first 8 hex digits of the boot id>-<pid, hex>-<start ns, hex>": the process's id in events.
 * `out` has PROCESS_ID_BYTES; returns the length. Only the first 8 bytes of `boot_id` are read. */
enum { PROCESS_ID_BYTES = 48 };
size_t process_id_format(const char *boot_id, struct process_key key, char *out);

/* Memory for an empty table (a sealed memfd). */
RESULT process_table_create(int *ret_fd);

struct process_table;

/* --- the writer ------------------------------------------------------------------------------ */

/* One writer at a time. Discards torn slots and makes the index anew. */
RESULT process_table_open(int fd, struct process_table **ret_table);
/* NULL is allowed; for readers too. */
void process_table_close(struct process_table *table);

/* What is known of a process; NULL when it is not in the table. Valid until the next call that
 * changes the table. */
const struct process_info *process_table_get(struct process_table *table, struct process_key key);

/*
 * Opens the slot of `key` for writing, replacing another process where there is none free; an
 * own slot keeps its content, a new one has its key only and zeros. A living process of the same
 * pid with another start time has evidently ended (its exit was lost) and is marked so at `now_ns`.
 * `keep` (may be NULL) is a slot that is not replaced. Write through the setters below, then
 * commit; nothing else may be called between.
 */
struct process_info *process_table_begin(struct process_table *table, struct process_key key,
                                         uint64_t now_ns, const struct process_info *keep);
void process_table_commit(struct process_table *table, struct process_info *info);

/* Setters for an open slot: keep the beginning where it is too long, and set the flag. */
void process_set_name(struct process_info *info, const void *data, size_t size);
void process_set_container(struct process_info *info, const void *data, size_t size);
void process_set_control_group(struct process_info *info, const void *data, size_t size);
void process_set_executable(struct process_info *info, const void *data, size_t size);
void process_set_arguments(struct process_info *info, const void *data, size_t size);
/* Copies everything but key, parent, times and announcement: what a fork inherits. */
void process_inherit(struct process_info *info, const struct process_info *from);

/* The process ended. No-op when it is not there or ended before. */
void process_table_end(struct process_table *table, struct process_key key, uint64_t end_ns);

/* Small changes in place, each one word: readers may see the one before the other. */
void process_table_set_users(struct process_table *table, const struct process_info *info,
                             uint32_t user_id, uint32_t user_effective_id, uint32_t group_id);
void process_table_add_flag(struct process_table *table, const struct process_info *info,
                            enum process_flag flag);
void process_table_set_namespaces(struct process_table *table, const struct process_info *info,
                                  uint32_t mount, uint32_t network, uint32_t user);
void process_table_set_seen(struct process_table *table, const struct process_info *info,
                            uint64_t seen_ns);
void process_table_set_announced(struct process_table *table, const struct process_info *info,
                                 uint64_t sequence);

/* What the sensor has to remember over its own death: small numbers by place, 0 at first. */
enum { PROCESS_TABLE_NOTES = 128 };
uint64_t process_table_note(const struct process_table *table, unsigned place);
void process_table_set_note(struct process_table *table, unsigned place, uint64_t value);

/* --- everybody ------------------------------------------------------------------------------- */

/* Maps the table for reading only. The memory is written by another process: every copy is checked
 * before it is handed out. */
RESULT process_table_map(int fd, struct process_table **ret_table);

/* ERROR_NOT_FOUND when the process is not in the table (or just being written for too long). */
RESULT process_table_find(const struct process_table *table, struct process_key key,
                          struct process_info *out);
/* The living process with that pid. */
RESULT process_table_find_pid(const struct process_table *table, uint32_t pid,
                              struct process_info *out);

/* Iteration: for (i = 0; i < process_table_used(t); i++) if (ok(process_table_read(t, i, &x))).
 * ERROR_NOT_FOUND for a slot that is empty or torn. */
unsigned process_table_used(const struct process_table *table);
RESULT process_table_read(const struct process_table *table, unsigned slot,
                          struct process_info *out);

/* The parent, its parent and so on, at most `limit`; returns how many were found. */
unsigned process_table_ancestors(const struct process_table *table, struct process_key parent,
                                 struct process_info *out, unsigned limit);

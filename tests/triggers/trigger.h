// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Trigger programs: each does the one thing that makes an event of its kind, and then prints, as
 * one line of JSON, what it knows of that event from its own side:
 *   {"kind": "file_create", "fields": {"process_pid": 7, "file_path": "/tmp/...", ...}}
 * Kinds and fields are named as in schema/events.def. A test compares them with what the agent saw.
 * Anything that goes wrong ends the program with exit code 2 and a reason on stderr.
 */
#include <stdint.h>
#include <sys/types.h>

_Noreturn void trigger_fail(const char *what); /* says errno */

void trigger_begin(const char *kind);
/* The same for programs that make several events: {"fact": name, "kind": ..., ...}. */
void trigger_fact(const char *name, const char *kind);
void trigger_text(const char *field, const char *value);
void trigger_number(const char *field, uint64_t value);
/* Pid, executable, name, user, group, parent and namespaces of this process. */
void trigger_process(void);
/* The arguments that this process was started with, joined as the agent does it. */
void trigger_arguments(char *const arguments[]);
/* The process that it was done to: one that runs the same program. */
void trigger_target(pid_t target, uid_t user);
/* Ends the line and flushes it. */
void trigger_end(void);

/* A fresh folder that becomes the working directory; trigger_path() tells paths in it (two at a
 * time). trigger_leave() removes it when it is empty. */
void trigger_enter_folder(void);
const char *trigger_path(const char *name);
void trigger_leave(void);

/* A fresh file in the folder. */
void trigger_make_file(const char *name);

/* A loopback TCP connection over IPv4, or IPv6 when the first argument is "6". */
struct trigger_connection {
    int listener, connector, accepted;
    char address[64];
    uint16_t listener_port, connector_port;
};
void trigger_connect(char *const arguments[], struct trigger_connection *ret_connection);
/* Its four fields; who opened it is the source. */
void trigger_addresses(const struct trigger_connection *connection);

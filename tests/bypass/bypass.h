// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Bypass programs: each tries to do something so that a sensor does not see it, or sees something
 * else, and says what it really did: one line of JSON for each thing done, as trigger programs
 * print them (triggers/trigger.h), with a name:
 *   {"fact": "memfd", "kind": "process_start", "fields": {...}}
 * tests/e2e/bypass.py compares them with what the agent saw. The argument is what to do. Exit code
 * 2: it could not be done, 77: this machine refuses what it needs; the reason is on stderr.
 */
#include "../triggers/trigger.h"

enum { BYPASS_REFUSED = 77 };

_Noreturn void bypass_refused(const char *what); /* says errno */

/* Runs a program to its end; what it is named and called with is up to the caller. */
pid_t bypass_run(const char *path, char *const arguments[], char *const environment[]);
/* Waits for a process that must end well. */
void bypass_wait(pid_t process);

/* A copy of a program that may be executed. */
void bypass_copy(const char *from, const char *to);
/* Where a path leads, links resolved; the text lives until the next call. */
const char *bypass_real(const char *path);

/* A fact about a process that has ended: pid, executable and arguments (NULL: not told). */
void bypass_started(const char *fact, pid_t process, const char *executable,
                    char *const arguments[]);
/* A fact about a file that this process dealt with; inode 0: not told. */
void bypass_file(const char *fact, const char *kind, const char *path, uint64_t inode);
uint64_t bypass_inode(const char *path);

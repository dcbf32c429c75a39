// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Logs of the Linux audit system, as auditd writes them (raw or enriched) and as `ausearch --raw`
 * gives them back. Records of one event are joined by node, time and serial number, also where
 * those of several events are mixed; what the kernel wrote in hexadecimal is decoded.
 *
 * Fields have the names that Sigma's auditd rules use: those of the records (`type`, `exe`, `comm`,
 * `key`, `name`, `a0`, ...; several values where several records have one), the words inside
 * msg='...', and SYSCALL, the system call's name. Where an event says as much it is of a category
 * too, with Sigma's names:
 *
 *     execve            process_creation    Image, CommandLine, CurrentDirectory, ProcessId,
 *                                           ParentProcessId, User, LogonId
 *     PATH CREATE       file_event          TargetFilename, Image
 *     PATH DELETE       file_delete         TargetFilename, Image
 *     connect           network_connection  DestinationIp, DestinationPort, Initiated, Image
 *
 * An event ends with its PROCTITLE or EOE record, when 2 seconds of the log have passed, or when
 * LIMIT_AUDIT_OPEN_EVENTS newer ones have begun.
 */
#include "content/log_entry.h"

struct log_audit;

/* `recording` was just opened and stays the caller's. ERROR_MEMORY. */
RESULT log_audit_new(struct recording *recording, struct log_audit **ret_audit,
                     struct explanation *why);
void log_audit_free(struct log_audit *audit); /* NULL is allowed */

RESULT log_audit_next(struct log_audit *audit, struct log_fields *fields,
                      struct log_entry *ret_entry, struct explanation *why);

bool log_audit_recognise(struct bytes start);

// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The processes of the agent, and what is handed to each: one table for each truth.
 */
#include <stdbool.h>
#include <stdint.h>

/* ROLE(id, program, uid offset or -1 for root, nice, address space limit in MiB or 0, computing
 * time in seconds or 0, doc) */
#define AGENT_ROLES(ROLE)                                                                       \
    ROLE(supervisor, "creanced", -1, 0, 0, 0, "starts, watches and replaces the others")           \
    ROLE(loader, "creance-loader", -1, 0, 0, 0, "loads and attaches the eBPF programs, then ends") \
    ROLE(sensor, "creance-sensor", 1, 0, 512, 0, "kernel records into events")                     \
    ROLE(engine, "creance-engine", 2, 0, 1024, 0, "events against rules")                          \
    ROLE(control, "creance-control", 3, 0, 1024, 0, "configuration, logs, local requests")         \
    ROLE(engine_b, "creance-engine", 4, 5, 1024, 0, "a second engine, while a release is new")     \
    ROLE(trial, "creance-trial", 8, 10, 1024, 30, "tries a release, then ends")                    \
    ROLE(link, "creance-link", 5, 10, 512, 0, "fetches what the updater asks for")                 \
    ROLE(updater, "creance-updater", 6, 10, 1024, 0, "judges what arrives; its word is advice")    \
    ROLE(ticket, "creance-ticket", 7, 10, 256, 0, "checks one release ticket, then ends")          \
    ROLE(probes, "creance-loader", -1, 0, 0, 0, "tries or adds eBPF programs, then ends")

enum role {
#define ROLE_ENUM(id, ...) ROLE_##id,
    AGENT_ROLES(ROLE_ENUM)
#undef ROLE_ENUM
    ROLE_COUNT
};

/* There are two places for engines (ENGINE_A, ENGINE_B); which one's alerts count changes with each
 * release (supervisor/engine_slots.h). */
enum { ENGINE_SLOTS = 2 };
enum role engine_role(unsigned slot);
/* False: the role is no engine's. */
bool role_engine_slot(enum role role, unsigned *ret_slot);

/*
 * Descriptors that the supervisor hands to a child before it starts.
 * GRANT(id, doc)
 */
#define AGENT_GRANTS(GRANT)                                                                  \
    GRANT(own_counters, "this process's counter page, writable")                             \
    GRANT(event_ring_writer, "event ring, writable: the sensor")                             \
    GRANT(event_ring, "event ring, read-only")                                               \
    GRANT(event_cursor, "the engine's place in the event ring")                              \
    GRANT(wake_engine, "eventfd: new events for the engine")                                 \
    GRANT(wake_control, "eventfd: new alerts for control")                                   \
    GRANT(alert_ring_writer, "alert ring, writable: the engine")                             \
    GRANT(alert_ring, "alert ring, read-only")                                               \
    GRANT(alert_cursor, "control's place in the alert ring")                                 \
    GRANT(rules_report_writer, "what became of each rule, writable: the engine")             \
    GRANT(rules_report, "what became of each rule, read-only")                               \
    GRANT(alert_ring_b, "alert ring of the second engine, read-only")                        \
    GRANT(alert_cursor_b, "control's place in it")                                           \
    GRANT(rules_report_b, "what became of each rule in the second engine, read-only")        \
    GRANT(flight_record, "which rule is being evaluated, writable: the engine")              \
    GRANT(process_table_writer, "process table, writable: the sensor")                       \
    GRANT(process_table, "process table, read-only")                                         \
    GRANT(kernel_ring, "the eBPF programs' ring buffer map")                                 \
    GRANT(kernel_counters, "the eBPF programs' counter map")                                 \
    GRANT(kernel_snapshot, "an open task iterator: what runs now")                           \
    GRANT(kernel_ignored, "map of processes whose file events are not reported: control")    \
    GRANT(tree, "the supervisor's table of processes and probes, read-only")                 \
    GRANT(counters_supervisor, "counter page of the supervisor, read-only")                  \
    GRANT(counters_loader, "counter page of the loader, read-only")                          \
    GRANT(counters_sensor, "counter page of the sensor, read-only")                          \
    GRANT(counters_engine, "counter page of the engine, read-only")                          \
    GRANT(counters_control, "counter page of control, read-only")                            \
    GRANT(counters_engine_b, "counter page of the second engine, read-only")                 \
    GRANT(counters_link, "counter page of the link, read-only")                              \
    GRANT(counters_updater, "counter page of the updater, read-only")                        \
    GRANT(arrival_writer, "incoming/arrival, writable: the link")                            \
    GRANT(arrival, "incoming/arrival, read-only: the updater")                               \
    GRANT(line_link, "the link's end of its line to the updater")                            \
    GRANT(line_updater, "the updater's end of it")                                           \
    GRANT(directory_updater, "folder in which the updater keeps what it believes")           \
    GRANT(ticket, "a release ticket, sealed")                                                \
    GRANT(ticket_keys, "the release keys of its stream, sealed")                             \
    GRANT(promotion, "evidence that rings are well with the release, sealed; may be absent") \
    GRANT(evidence_keys, "who may say so, sealed; may be absent")                            \
    GRANT(counters_trial, "counter page of the trial, read-only")                            \
    GRANT(control_socket, "listening unix socket for the command line")                      \
    GRANT(directory_vendor_rules, "folder of the rules that come with the product")          \
    GRANT(directory_local_rules, "folder of the administrator's own rules")                  \
    GRANT(directory_configuration, "folder of creance.yaml")                                 \
    GRANT(directory_log, "folder of the log files")

enum grant {
#define GRANT_ENUM(id, doc) GRANT_##id,
    AGENT_GRANTS(GRANT_ENUM)
#undef GRANT_ENUM
    GRANT_COUNT
};

/*
 * What the supervisor tells control, to be said in the agent's log and in `status`.
 * NOTICE(id, text): %1 and %2 stand for the two numbers, %r for the role.
 */
#define AGENT_NOTICES(NOTICE)                                                                      \
    NOTICE(child_died, "%r ended by itself (wait status %1); started again after %2 ms")           \
    NOTICE(child_hung, "%r sat on one event or was silent for too long and was killed (event %1)") \
    NOTICE(child_lied,                                                                             \
           "%r sent a message that was malformed or not permitted and was killed (message %1)")    \
    NOTICE(event_skipped,                                                                          \
           "event %1 was passed over: two engines died on it; verdicts on it are incomplete")      \
    NOTICE(rules_refused,                                                                          \
           "rule set %1 was dropped: two engines died loading it; rule set %2 stays in force")     \
    NOTICE(blind, "no events: the eBPF programs could not be loaded (%1 of %2 probes attached)")   \
    NOTICE(boot_level, "the agent runs at boot level %1 from now on: `creance status` says why")   \
    NOTICE(offer_refused, "a release that was offered is refused: the journal says why")           \
    NOTICE(trust_refused,                                                                          \
           "the trust anchors of updates are refused: the journal says why; what arrived before "  \
           "stays")                                                                                \
    NOTICE(probes_missing, "%1 of %2 probes are missing: see `creance probe`")

enum notice {
#define NOTICE_ENUM(id, text) NOTICE_##id,
    AGENT_NOTICES(NOTICE_ENUM)
#undef NOTICE_ENUM
    NOTICE_COUNT
};

struct role_row {
    const char *name;    /* "engine" */
    const char *program; /* "creance-engine" */
    int uid_offset;      /* from AGENT_UID_BASE; -1: stays root */
    int nice;
    unsigned address_space_mib; /* 0: no limit */
    unsigned cpu_seconds;       /* of its whole life; 0: no limit */
    const char *doc;
};
const struct role_row *role_row(enum role role); /* aborts for a number that is none */
const char *grant_name(enum grant grant);
const char *notice_text(enum notice notice);

/* User ids of the unprivileged processes are numbers that no account needs to exist for; packaging
 * may reserve names for them. 62100.. lies in nobody's range of Debian's policy or of systemd. */
enum { AGENT_UID_BASE = 62100 };

/* Changes whenever a message, grant or shared layout changes: old and new never talk. */
enum { AGENT_PROTOCOL = 5 };

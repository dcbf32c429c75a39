// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The report of a rollout: who decided what, when, on which evidence, as text for people and JSON
 * for tools. Fit for an auditor: it says what it lacks instead of leaving it out. Pure.
 *
 * Which clause asks for which field. DORA: Delegated Regulation (EU) 2024/1774, Art. 17(1); NIS2:
 * Implementing Regulation (EU) 2024/2690, annex 6.4 and 6.6; CISA: Safe Software Deployment (2024).
 *
 *   change.tests               DORA (a) verification of requirements, (c)(iii) tested; NIS2 6.4.2
 *                              and 6.6.1 tested before; CISA "development and testing"
 *   roles: started_by,         DORA (b) who approves is independent of who asks and carries out,
 *     approved_by, responsible (c) roles and responsibilities
 *   change.purpose, scope      DORA (d)(i); NIS2 6.4.2 documented; CISA "planning"
 *   plan (rings, ages, waves)  DORA (c)(ii) transition, (d)(ii) timeline; CISA "internal rollout",
 *                              "deployment and canary testing", "controlled rollout"
 *   change.expected            DORA (d)(iii); CISA "planning" (criteria of success)
 *   fallback                   DORA (e) aborting and recovering, and who; CISA "playbooks"
 *   change.urgent              DORA (f) safeguards of emergency changes: the floor and the second
 *                              person stay; NIS2 6.4.3: no start without a reason (its row)
 *   assessed_by                DORA (g) re-evaluated and approved after the fact; NIS2 6.4.3
 *   change.impact              DORA (h) on existing security measures; NIS2 6.4.2
 *   decisions                  DORA (d) documentation; NIS2 6.4.2; CISA "feedback into planning"
 *   decisions[].gate           CISA: measurements that let a rollout go on or stop
 *   change.release, evidence   NIS2 6.6.1 trusted source and integrity, together with the log
 *
 * Releases are named by the first 16 bytes of their SHA-256 (release_name.h). The report states
 * what was recorded; whether that satisfies an authority, people judge.
 */
#include "base/reader.h"
#include "rollout/controller.h"

/* What nobody can compute: whoever asks for the change says it. NULL or "": the report says that it
 * is not stated. UTF-8. */
struct rollout_change {
    const char *stream; /* rules, probes, policy, agent */
    const char *purpose, *scope, *expected, *impact, *tests;
    const char *responsible; /* for aborting and going back */
    uint32_t ring_hosts[FLEET_RINGS_MAX];
};

struct rollout_report {
    const struct rollout_change *change;
    const struct controller_policy *policy;
    const struct controller_stream *stream;
    const struct controller *state;
    const struct controller_decision *rows; /* in order; the report says where some are missing */
    uint32_t row_count;
    struct lifecycle_time now;
};

/* ERROR_LIMIT: the writer has not enough room (1 to 2 KB for each row, at most 3). What it holds
 * then is of no use. */
RESULT rollout_report_text(const struct rollout_report *report, struct writer *writer);
RESULT rollout_report_json(const struct rollout_report *report, struct writer *writer);

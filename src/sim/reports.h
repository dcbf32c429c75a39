// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What hosts report, as a hub keeps it: one record for each host, and counts for each release,
 * ring, role and metric that change only when a host tells something. The gates (rollout/gate.h)
 * are fed from these counts; nobody ever walks over all hosts.
 *
 * Silence and the question "is it shown to be good?" are asked of panels: the first hosts of a ring
 * that took a release, and as many hosts of the whole fleet to compare with, as long as they do not
 * have it. A host is silent when it has not been heard of for longer than it usually is not: a
 * laptop sleeps at weekends, a server does not.
 *
 * A model is only what hosts without the release suffer of their own: crashes and boots by chance
 * are drawn for each role as a number, not host by host.
 */
#include "rollout/gate.h"
#include "sim/world.h"

struct reports;

/* Rings must have been given. */
RESULT reports_open(const struct world *world, struct reports **ret_reports,
                    struct explanation *why);
void reports_close(struct reports *reports);

/* A host reports of a release: what became of it there. */
void reports_hear(struct reports *reports, const struct world *world, uint32_t index,
                  uint8_t release, enum sim_sign sign);

/* Each HUB_TICK_S. What is stopped is not looked at any more: bits 1 << release. */
void reports_tick(struct reports *reports, const struct world *world, uint64_t stopped);

/* What the gate has found by now, with what hosts have told until a report's time ago. */
const struct gate *reports_gate(const struct reports *reports, uint8_t release, unsigned ring);
struct gate_decision reports_decide(const struct reports *reports, const struct world *world,
                                    uint8_t release, unsigned ring);

/* People have looked at what paused the release, and let it go on. */
void reports_reviewed(struct reports *reports, uint8_t release);

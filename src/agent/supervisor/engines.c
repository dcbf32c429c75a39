// SPDX-License-Identifier: Apache-2.0
/* Carries out what engine_slots.h decides. */
#include "agent/supervisor/supervisor_state.h"

#include <fcntl.h>
#include <unistd.h>

void engines_follow(struct supervisor *supervisor, unsigned slot)
{
    struct ring_cursor **cursors = supervisor->resources.engine_cursors;
    if (!supervisor->engines[slot].follows)
        return;
    supervisor->engines[slot].follows = false;
    ring_cursor_follow(cursors[slot], cursors[1 - slot]);
}

static void send_duty(struct supervisor *supervisor, unsigned slot)
{
    struct engine_process *engine = &supervisor->engines[slot];
    const struct running_child *process = &supervisor->children[engine_role(slot)];
    if (!engine->is_duty_unsent || process->pid == 0 || process->phase != PHASE_RUNNING
        || process->is_end_ordered)
        return;
    const struct message message = {.type = MESSAGE_duty, .fd = -1, .duty = engine->duty};
    engine->is_duty_unsent = !result_is_ok(channel_send(process->socket, &message));
}

void engines_send(struct supervisor *supervisor)
{
    for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++)
        send_duty(supervisor, slot);
}

static void set_duty(struct supervisor *supervisor, unsigned slot, bool is_judging, uint64_t until)
{
    struct engine_process *engine = &supervisor->engines[slot];
    engine->duty = (struct message_duty){
        .is_judging = is_judging, .is_active = slot == supervisor->slots.active, .until = until};
    engine->is_duty_unsent = true;
    send_duty(supervisor, slot);
}

static void stop(struct supervisor *supervisor, unsigned slot)
{
    enum role role = engine_role(slot);
    struct engine_process *engine = &supervisor->engines[slot];
    supervision_disable(&supervisor->supervision, role);
    end_child(supervisor, role);
    if (engine->release >= 0)
        close(engine->release);
    *engine = (struct engine_process){.release = -1};
}

static void start(struct supervisor *supervisor, unsigned slot, int release)
{
    struct engine_process *engine = &supervisor->engines[slot];
    if (engine->release >= 0)
        close(engine->release);
    engine->release = release < 0 ? -1 : fcntl(release, F_DUPFD_CLOEXEC, 0);
    if (release >= 0 && engine->release < 0)
        say("cannot keep the memory of a release: %s", result_text(result_from_errno()));
    supervision_enable(&supervisor->supervision, engine_role(slot));
}

void engines_carry_out(struct supervisor *supervisor, const struct engine_orders *orders,
                       int release)
{
    for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++)
        if (orders->stop[slot])
            stop(supervisor, slot);
    for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++) {
        if (!orders->follow[slot])
            continue;
        /* Not while the process before may still move it. */
        supervisor->engines[slot].follows = true;
        if (!supervisor->children[engine_role(slot)].is_end_ordered)
            engines_follow(supervisor, slot);
    }
    if (orders->has_period) {
        /* Where control reads it before an event of the period is judged. */
        tree_add_period(&supervisor->tree, orders->period_slot, orders->period_from);
        supervisor->tree.switches++;
        rules_show(supervisor);
        publish(supervisor);
    }
    for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++) {
        if (orders->stand[slot])
            set_duty(supervisor, slot, false, 0);
        if (orders->judge[slot])
            set_duty(supervisor, slot, true, orders->until[slot]);
        if (orders->start[slot])
            start(supervisor, slot, release);
    }
    if (orders->is_switched) {
        counter_add(COUNTER_supervisor_switches, 1);
        updates_switched(supervisor);
    }
}

void engines_loaded(struct supervisor *supervisor, unsigned slot)
{
    struct engine_orders orders;
    engine_slots_loaded(&supervisor->slots, slot, &orders);
    engines_carry_out(supervisor, &orders, -1);
    updates_engine_loaded(supervisor, slot);
}

void engines_stands(struct supervisor *supervisor, unsigned slot, uint64_t position)
{
    struct engine_orders orders;
    engine_slots_stands(&supervisor->slots, slot, position, &orders);
    engines_carry_out(supervisor, &orders, -1);
}

void engines_ended(struct supervisor *supervisor, unsigned slot)
{
    const struct ring_cursor *cursor = supervisor->resources.engine_cursors[slot];
    struct engine_orders orders;
    engine_slots_ended(&supervisor->slots, slot, ring_cursor_look(cursor).sequence, &orders);
    engines_carry_out(supervisor, &orders, -1);
}

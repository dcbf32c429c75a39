// SPDX-License-Identifier: Apache-2.0
/* Rule sources, from control to the engines. */
#include "agent/supervisor/supervisor_state.h"
#include "base/bytes.h"
#include "base/limits.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_rules(struct rules *rules)
{
    if (rules->fd >= 0)
        close(rules->fd);
    *rules = (struct rules){.fd = -1};
}

static struct running_child *process_of(struct supervisor *supervisor, unsigned slot)
{
    return &supervisor->children[engine_role(slot)];
}

/* Which rules are off, and which no longer. All of them: hearing one again does no harm. */
static bool send_switches(struct supervisor *supervisor, unsigned slot)
{
    struct engine_process *engine = &supervisor->engines[slot];
    const struct breaker *breaker = &supervisor->supervision.breaker;
    for (uint32_t i = 0; i < breaker->count && engine->are_switches_unsent; i++) {
        uint64_t words[4];
        bytes_copy(words, sizeof words, breaker->rows[i].rule.bytes,
                   sizeof breaker->rows[i].rule.bytes);
        const struct message message = {.type = MESSAGE_rule_switch,
                                        .fd = -1,
                                        .rule_switch = {.digest_1 = words[0],
                                                        .digest_2 = words[1],
                                                        .digest_3 = words[2],
                                                        .digest_4 = words[3],
                                                        .is_off = breaker->rows[i].is_off}};
        if (!result_is_ok(channel_send(process_of(supervisor, slot)->socket, &message)))
            return false; /* its queue is full or it is gone: the next turn tries again */
    }
    engine->are_switches_unsent = false;
    return true;
}

/* The active engine tries what is on offer; the other one gets what has proven to load. */
static const struct rules *rules_for(const struct supervisor *supervisor, unsigned slot)
{
    bool has_candidate = supervisor->candidate.fd >= 0;
    bool is_active = slot == supervisor->slots.active;
    return has_candidate && (is_active || supervisor->good.fd < 0) ? &supervisor->candidate
                                                                   : &supervisor->good;
}

static bool send_release(struct supervisor *supervisor, unsigned slot)
{
    const struct engine_process *engine = &supervisor->engines[slot];
    if (engine->release < 0)
        return true;
    const struct message message = {.type = MESSAGE_release,
                                    .fd = engine->release,
                                    .release = {.load = supervisor->slots.slots[slot].load}};
    return result_is_ok(channel_send(process_of(supervisor, slot)->socket, &message));
}

/* First what is switched off: an engine judges from the moment it has rules. */
static void send_to(struct supervisor *supervisor, unsigned slot)
{
    const struct running_child *process = process_of(supervisor, slot);
    if (process->pid == 0 || process->phase != PHASE_RUNNING || process->is_end_ordered
        || !send_switches(supervisor, slot))
        return;
    const struct rules *rules = rules_for(supervisor, slot);
    struct engine_rules *given = &supervisor->engines[slot].rules;
    if (!given->is_unsent || rules->fd < 0 || !send_release(supervisor, slot))
        return;
    engine_load load = supervisor->slots.slots[slot].load;
    bool is_same = given->generation != 0 && given->pack == rules->number && given->load == load;
    if (!is_same)
        *given = (struct engine_rules){rules->number, load, ++supervisor->generation, true, {0}};
    const struct message message = {
        .type = MESSAGE_rules, .fd = rules->fd, .rules = {.generation = given->generation}};
    if (!result_is_ok(channel_send(process->socket, &message)))
        return; /* its queue is full or it is gone: the next turn tries again */
    given->is_unsent = false;
    step(supervisor, SUPERVISION_LOADING, engine_role(slot), given->generation);
}

void rules_send(struct supervisor *supervisor)
{
    for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++)
        send_to(supervisor, slot);
}

/* Rules come as memory that nobody can change any more, or not at all. */
static bool is_sealed(int fd)
{
    const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    int found = fcntl(fd, F_GET_SEALS);
    struct stat status;
    return found >= 0 && (found & seals) == seals && fstat(fd, &status) == 0
           && status.st_size <= LIMIT_RULE_PACK_BYTES + LIMIT_RULE_FILE_BYTES;
}

void rules_take_offer(struct supervisor *supervisor, const struct message *message)
{
    if (!is_sealed(message->fd)) {
        close(message->fd);
        counter_add(COUNTER_supervisor_bad_messages, 1);
        say("control offered rules that are not sealed or too large; the old ones stay in force");
        return;
    }
    close_rules(&supervisor->candidate);
    supervisor->candidate = (struct rules){message->fd, ++supervisor->pack_number};
    for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++)
        if (rules_for(supervisor, slot) == &supervisor->candidate)
            supervisor->engines[slot].rules.is_unsent = true;
    rules_send(supervisor);
}

void rules_show(struct supervisor *supervisor)
{
    const struct message_rules_loaded *loaded =
        &supervisor->engines[supervisor->slots.active].rules.loaded;
    supervisor->tree.rules_generation = loaded->generation;
    supervisor->tree.rules_loaded = loaded->loaded;
    supervisor->tree.rules_inactive = loaded->inactive;
    supervisor->tree.rules_rejected = loaded->rejected;
}

/* An engine keeps what it had, where it had something. */
static void take_refused(struct supervisor *supervisor, unsigned slot, bool is_candidate)
{
    uint64_t generation = supervisor->engines[slot].rules.generation;
    say("the engine refused rule set %lu; rule set %lu stays in force", (unsigned long)generation,
        (unsigned long)supervisor->tree.rules_generation);
    notice(supervisor, NOTICE_rules_refused, engine_role(slot), generation,
           supervisor->tree.rules_generation);
    if (is_candidate) {
        close_rules(&supervisor->candidate);
        supervisor->engines[slot].rules.is_unsent = true; /* an engine that is new has none yet */
        return;
    }
    if (!supervisor->slots.slots[slot].is_loaded)
        updates_engine_refused(supervisor, slot);
}

void rules_take_loaded(struct supervisor *supervisor, unsigned slot,
                       const struct message_rules_loaded *loaded)
{
    struct engine_rules *given = &supervisor->engines[slot].rules;
    step(supervisor, SUPERVISION_LOADED, engine_role(slot), loaded->generation);
    bool is_active = slot == supervisor->slots.active;
    bool is_candidate = is_active && supervisor->candidate.fd >= 0
                        && loaded->generation == given->generation
                        && given->pack == supervisor->candidate.number;
    if (loaded->failed != 0) {
        take_refused(supervisor, slot, is_candidate);
        return;
    }
    given->loaded = *loaded;
    if (is_candidate) {
        close_rules(&supervisor->good);
        supervisor->good = supervisor->candidate;
        supervisor->candidate = (struct rules){.fd = -1};
        supervisor->engines[1 - slot].rules.is_unsent = true;
    }
    if (is_active)
        rules_show(supervisor);
    engines_loaded(supervisor, slot);
}

void rules_drop(struct supervisor *supervisor, unsigned slot)
{
    bool is_release = supervisor->candidate.fd < 0 && supervisor->slots.slots[slot].load != 0;
    if (is_release) {
        updates_engine_refused(supervisor, slot);
        return;
    }
    struct rules *bad =
        supervisor->candidate.fd >= 0 ? &supervisor->candidate : &supervisor->good;
    uint64_t generation = supervisor->engines[slot].rules.generation;
    say("two engines died loading rule set %lu: it is dropped", (unsigned long)generation);
    close_rules(bad);
    notice(supervisor, NOTICE_rules_refused, engine_role(slot), generation,
           supervisor->tree.rules_generation);
}

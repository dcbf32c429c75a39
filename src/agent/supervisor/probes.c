// SPDX-License-Identifier: Apache-2.0
/*
 * The stream of probe sets: which eBPF programs are attached beside the base. A set is only names
 * of programs that this version has; they are read in a sandbox (creance-trial) and become a set
 * of bits. In force it is without a gap: links of programs that leave are closed, those that come
 * are loaded by a loader of their own (role `probes`) that joins the maps of the others.
 *
 * After a start the base alone is attached until the set has been read.
 */
#include "agent/supervisor/updates_state.h"

#include <signal.h>
#include <unistd.h>

enum { LOADING_MAX_S = 60, READS_MAX = 3 };

void probes_open(struct supervisor *supervisor)
{
    struct probes *probes = &supervisor->updates->probes;
    *probes = (struct probes){.active = {.sealed = -1}, .is_read = true, .wanted = PROBE_SET_ALL};
}

void probes_close(struct supervisor *supervisor)
{
    struct probes *probes = &supervisor->updates->probes;
    if (probes->active.sealed >= 0)
        close(probes->active.sealed);
}

/* --- what is known ---------------------------------------------------------------------------- */

static const struct probe_set *find_known(const struct probes *probes, struct release_name name)
{
    for (unsigned i = 0; i < PROBE_SETS_KNOWN; i++)
        if (!release_name_is_factory(name)
            && release_name_equal(probes->known[i].name, name))
            return &probes->known[i].set;
    return NULL;
}

static void remember(struct probes *probes, struct release_name name, const struct probe_set *set)
{
    if (find_known(probes, name) != NULL)
        return;
    probes->known[probes->next_known] = (struct known_probe_set){name, *set};
    probes->next_known = (probes->next_known + 1) % PROBE_SETS_KNOWN;
}

/* --- loading ---------------------------------------------------------------------------------- */

static bool is_loading(const struct probes *probes)
{
    return !probe_set_is_empty(&probes->loading);
}

/* Also while one that was ended on purpose has not gone yet. */
static bool is_loader_there(const struct supervisor *supervisor)
{
    return is_loading(&supervisor->updates->probes) || supervisor->children[ROLE_probes].pid != 0;
}

static void launch_loader(struct supervisor *supervisor, const struct probe_set *set,
                          bool is_trial)
{
    struct probes *probes = &supervisor->updates->probes;
    struct explanation why;
    probes->loading = *set;
    probes->is_trial = is_trial;
    probes->has_refused = false;
    probes->since_ns = now_ns();
    supervisor->resources.probes_added = *set;
    supervisor->resources.is_probe_trial = is_trial;
    if (result_is_ok(launch_child(supervisor, ROLE_probes, &why)))
        return;
    say("%s; probes cannot be %s now", why.text, is_trial ? "tried" : "added");
    updates_probes_ended(supervisor, 1);
}

void probes_try(struct supervisor *supervisor, const struct probe_set *set)
{
    struct updates *updates = supervisor->updates;
    remember(&updates->probes, updates->trying.name, set);
    if (supervisor->options->without_sensor)
        tell(updates, STREAM_PROBES, LIFECYCLE_EVENT_TRIAL_PASSED, updates->trying.name);
    else if (is_loader_there(supervisor))
        tell(updates, STREAM_PROBES, LIFECYCLE_EVENT_ENVIRONMENT, updates->trying.name);
    else
        launch_loader(supervisor, set, true);
}

void probes_stop_trial(struct supervisor *supervisor)
{
    struct probes *probes = &supervisor->updates->probes;
    if (!is_loading(probes) || !probes->is_trial)
        return;
    end_child(supervisor, ROLE_probes);
    probes->loading = PROBE_SET_NONE;
}

void updates_probe_loaded(struct supervisor *supervisor, const struct message_probe *message)
{
    struct probes *probes = &supervisor->updates->probes;
    struct tree *tree = &supervisor->tree;
    if (!probe_set_has(&probes->loading, message->probe))
        return;
    bool is_refused = message->state == PROBE_REFUSED || message->state == PROBE_FAILED;
    uint32_t before = tree->probes[message->probe].state;
    bool is_known_refusal = before == PROBE_REFUSED || before == PROBE_FAILED;
    probes->has_refused = probes->has_refused || (is_refused && !is_known_refusal);
    if (!probes->is_trial)
        tree_set_probe(tree, message->probe, message->state, message->error, message->reason);
}

/* What the loader did not speak of is not tried again until the set changes. */
static void give_up_rest(struct supervisor *supervisor)
{
    struct probes *probes = &supervisor->updates->probes;
    for (uint32_t probe = 0; probe < PROBE_COUNT; probe++)
        if (probe_set_has(&probes->loading, probe)
            && supervisor->tree.probes[probe].state == PROBE_LEFT_OUT)
            probe_set_add(&probes->given_up, probe);
}

/* A program that is refused while the set is new is the set's fault. Of a set that was good it is
 * the kernel's, which has changed: going back would help nothing, cost what else the set shows, and
 * stay when a later kernel takes the program again. So it costs itself, and `status` names it. */
static bool is_sets_fault(const struct supervisor *supervisor, int wait_status)
{
    struct release_name name;
    return wait_status != 0
           || (supervisor->updates->probes.has_refused
               && find_probation(supervisor, STREAM_PROBES, &name));
}

void updates_probes_ended(struct supervisor *supervisor, int wait_status)
{
    struct updates *updates = supervisor->updates;
    struct probes *probes = &updates->probes;
    bool was_loading = is_loading(probes);
    bool has_failed = wait_status != 0 || probes->has_refused;
    if (!was_loading)
        return;
    if (!probes->is_trial)
        give_up_rest(supervisor);
    probes->loading = PROBE_SET_NONE;
    if (probes->is_trial && trials_is_trying(updates) && has_failed)
        tell_failed(updates, STREAM_PROBES, updates->trying.name, LIFECYCLE_FAILURE_LOAD);
    else if (probes->is_trial && trials_is_trying(updates))
        tell(updates, STREAM_PROBES, LIFECYCLE_EVENT_TRIAL_PASSED, updates->trying.name);
    else if (!probes->is_trial && is_sets_fault(supervisor, wait_status))
        tell_failed(updates, STREAM_PROBES, probes->active.name, LIFECYCLE_FAILURE_LOAD);
    supervisor_count_probes(supervisor);
}

/* --- in force --------------------------------------------------------------------------------- */

static void start_reading(struct supervisor *supervisor)
{
    struct probes *probes = &supervisor->updates->probes;
    struct explanation why;
    if (supervisor->children[ROLE_trial].pid != 0 || probes->is_reading
        || is_loader_there(supervisor) || now_ns() < probes->next_read_ns)
        return; /* another turn: nor is a set proven by its slot before the kernel took it */
    probes->is_reading = true;
    probes->reading = probes->active.name;
    probes->next_read_ns = now_ns() + NS_PER_S;
    if (result_is_ok(trials_launch(supervisor, probes->active.sealed, &why)))
        return;
    say("the probe set that shall be in force cannot be read: %s", why.text);
    probes_take_read(supervisor, false, NULL);
}

static void want(struct supervisor *supervisor, const struct probe_set *set)
{
    struct probes *probes = &supervisor->updates->probes;
    probes->is_read = true;
    probes->read_failures = 0;
    probes->wanted = *set;
    probes->given_up = PROBE_SET_NONE;
    supervisor->resources.probes = *set;
}

void probes_activate(struct supervisor *supervisor, const struct road_load *load, bool is_anew)
{
    struct probes *probes = &supervisor->updates->probes;
    struct release_name before = probes->active.name;
    bool was_read = probes->is_read;
    probes->is_from_disk = is_anew;
    if (!held_take(&probes->active, load))
        say("cannot keep the memory of a probe set: %s", result_text(result_from_errno()));
    if (release_name_is_factory(probes->active.name)) {
        want(supervisor, &PROBE_SET_ALL);
        return;
    }
    if (!is_anew && was_read && release_name_equal(before, probes->active.name))
        return;
    const struct probe_set *known = find_known(probes, probes->active.name);
    probes->read_failures = 0;
    if (known != NULL && !is_anew) {
        want(supervisor, known);
        return;
    }
    probes->is_read = false;
    if (!is_anew)
        supervisor->resources.probes = PROBE_SET_NONE; /* for who loads before it is read */
}

void probes_take_read(struct supervisor *supervisor, bool is_good, const struct probe_set *set)
{
    struct updates *updates = supervisor->updates;
    struct probes *probes = &updates->probes;
    bool is_ours = probes->is_reading && release_name_equal(probes->reading, probes->active.name);
    probes->is_reading = false;
    if (!is_ours || probes->is_read)
        return; /* another set is in force by now */
    bool is_short = (updates->pressure.bits & PRESSURE_MEMORY) != 0;
    if (!is_good && (is_short || ++probes->read_failures < READS_MAX))
        return; /* once more: it may have been the host */
    probes->is_read = true;
    if (!is_good) {
        tell_failed(updates, STREAM_PROBES, probes->active.name, LIFECYCLE_FAILURE_LOAD);
        return;
    }
    remember(probes, probes->active.name, set);
    if (!probes->is_from_disk || !probe_set_equal(set, &probes->wanted))
        want(supervisor, set);
    if (probes->is_from_disk)
        tell(updates, STREAM_PROBES, LIFECYCLE_EVENT_DISK_STARTED, probes->active.name);
    probes->is_from_disk = false;
}

static void remove_unwanted(struct supervisor *supervisor)
{
    const struct probe_set *wanted = &supervisor->updates->probes.wanted;
    unsigned removed = 0;
    for (uint32_t probe = 0; probe < PROBE_COUNT; probe++) {
        uint32_t state = supervisor->tree.probes[probe].state;
        bool is_attached = state == PROBE_ATTACHED;
        bool is_refused = state == PROBE_REFUSED || state == PROBE_FAILED;
        if (probe_is_base(probe) || probe_set_has(wanted, probe) || (!is_attached && !is_refused))
            continue;
        if (is_attached)
            resources_drop_link(&supervisor->resources, probe);
        supervisor->tree.probes[probe] = (struct tree_probe){PROBE_LEFT_OUT, 0, ""};
        removed += is_attached;
    }
    if (removed > 0) {
        say("%u probes are detached: the probe set leaves them out", removed);
        supervisor_count_probes(supervisor);
    }
}

static void add_wanted(struct supervisor *supervisor)
{
    const struct probes *probes = &supervisor->updates->probes;
    struct probe_set added = PROBE_SET_NONE;
    for (uint32_t probe = 0; probe < PROBE_COUNT; probe++)
        if (supervisor->tree.probes[probe].state == PROBE_LEFT_OUT && !probe_is_base(probe)
            && probe_set_has(&probes->wanted, probe) && !probe_set_has(&probes->given_up, probe))
            probe_set_add(&added, probe);
    if (!probe_set_is_empty(&added))
        launch_loader(supervisor, &added, false);
}

/* Programs are loaded in a second or two; the verifier may take some for each. */
static void end_hung(const struct supervisor *supervisor)
{
    const struct probes *probes = &supervisor->updates->probes;
    pid_t pid = supervisor->children[ROLE_probes].pid;
    if (pid <= 0 || now_ns() - probes->since_ns < LOADING_MAX_S * NS_PER_S)
        return;
    say("creance-loader (pid %d) has not ended after %d s and is killed", (int)pid, LOADING_MAX_S);
    (void)kill(pid, SIGKILL);
}

/* The links that are there become those that are wanted, once the loader of the base is done. */
void probes_work(struct supervisor *supervisor)
{
    const struct probes *probes = &supervisor->updates->probes;
    bool is_base_done = supervisor->supervision.children[ROLE_loader].state == CHILD_DONE
                        && supervisor->resources.grants[GRANT_kernel_ring] >= 0;
    end_hung(supervisor);
    if (!probes->is_read)
        start_reading(supervisor);
    if (!probes->is_read || !is_base_done || is_loader_there(supervisor)
        || supervisor->boot_level >= BOOT_LEVEL_FACTORY)
        return;
    remove_unwanted(supervisor);
    add_wanted(supervisor);
}

void updates_sensor_ended(struct supervisor *supervisor)
{
    struct updates *updates = supervisor->updates;
    struct release_name name;
    if (updates != NULL && updates->road != NULL
        && find_probation(supervisor, STREAM_PROBES, &name))
        tell_failed(updates, STREAM_PROBES, name, LIFECYCLE_FAILURE_CRASH);
}

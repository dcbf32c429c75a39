// SPDX-License-Identifier: Apache-2.0
#include "update/road/road.h"

#include "base/bytes.h"
#include "tests/unit.h"
#include "update/slots/sealed_memory.h"

#include <fcntl.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HOUR_S = 3600, STEP_S = 600 };

/* A host: its disk, its clock, and hands that remember what they were told. */
struct host {
    char path[64];
    int folder;
    struct disk disk;
    unsigned calls_left; /* of the disk until it is gone; 0: it stays */
    bool is_gone;
    struct clock clock;
    uint64_t boottime_s, wall_s;
    uint8_t boot;
    struct road_options options;
    struct road *road;
    uint64_t runs; /* version; 0: the factory set */
    uint64_t tried, shadowed, from_disk;
    unsigned activations;
    enum boot_level level;
    char said[EXPLANATION_BYTES];
};

/* --- the disk that may go away, as with the power ------------------------------------------ */

static struct result use_disk(struct host *host)
{
    if (host->calls_left != 0 && --host->calls_left == 0)
        host->is_gone = true;
    return host->is_gone ? (struct result){ERROR_SYSTEM, EIO} : RESULT_OK;
}

static struct result append(void *context, int file, const void *data, size_t size,
                            size_t *ret_written)
{
    GUARD(use_disk(context));
    return disk_system()->append(NULL, file, data, size, ret_written);
}

static struct result sync_file(void *context, int file)
{
    GUARD(use_disk(context));
    return disk_system()->sync(NULL, file);
}

static struct result rename_file(void *context, int folder, const char *from, const char *to)
{
    GUARD(use_disk(context));
    return disk_system()->rename(NULL, folder, from, to);
}

static struct result remove_file(void *context, int folder, const char *name)
{
    GUARD(use_disk(context));
    return disk_system()->remove(NULL, folder, name);
}

/* --- the hands ------------------------------------------------------------------------------ */

/* A hand really gets the bytes of what it shall run. */
static uint64_t version_of(const struct road_load *load)
{
    if (load->release == NULL)
        return 0;
    struct bytes view;
    assert_ok(sealed_memory_map(load->sealed, LIMIT_RELEASE_BYTES, &view));
    assert_int_equal(view.size, 1000 + load->release->version);
    sealed_memory_unmap(view);
    return load->release->version;
}

static void start_trial(void *context, const struct road_load *load)
{
    ((struct host *)context)->tried = version_of(load);
}

static void start_shadow(void *context, const struct road_load *load)
{
    ((struct host *)context)->shadowed = version_of(load);
}

static void stop_trial(void *context, unsigned stream)
{
    (void)stream;
    ((struct host *)context)->tried = 0;
    ((struct host *)context)->shadowed = 0;
}

static void activate(void *context, const struct road_load *load)
{
    struct host *host = context;
    host->runs = version_of(load);
    host->activations++;
}

static void start_from_disk(void *context, const struct road_load *load)
{
    ((struct host *)context)->from_disk = version_of(load);
}

static void settle(void *context, unsigned stream)
{
    (void)stream;
    ((struct host *)context)->from_disk = 0;
}

static void set_level(void *context, enum boot_level level)
{
    ((struct host *)context)->level = level;
}

static void say(void *context, const char *text)
{
    struct host *host = context;
    (void)string_copy(host->said, sizeof host->said, text);
}

/* --- a host that is on ---------------------------------------------------------------------- */

static uint64_t boottime_ns(void *context)
{
    return ((struct host *)context)->boottime_s * NS_PER_S;
}

static uint64_t wall_ns(void *context) { return ((struct host *)context)->wall_s * NS_PER_S; }

static void open_road(struct host *host)
{
    host->runs = UINT64_MAX;
    host->tried = host->shadowed = host->from_disk = 0;
    host->options.boot_id[0] = host->boot;
    assert_ok(road_open(&host->options, &host->road));
    assert_true(host->runs != UINT64_MAX); /* something runs, always */
}

/* The power fails (nothing more reaches the disk), and comes back after a while. */
static void lose_power(struct host *host)
{
    host->is_gone = true;
    road_close(host->road);
    host->is_gone = false;
    host->calls_left = 0;
    host->boot++;
    host->boottime_s = 20;
    open_road(host);
}

static int set_up(void **state)
{
    static struct host host;
    host = (struct host){.boot = 1, .boottime_s = 100};
    /* In memory where there is such a place: these tests write and sync thousands of times. */
    (void)string_copy(host.path, sizeof host.path,
                      access("/dev/shm", W_OK) == 0 ? "/dev/shm/creance-road-XXXXXX"
                                                    : "/tmp/creance-road-XXXXXX");
    if (mkdtemp(host.path) == NULL)
        return -1;
    host.folder = open(host.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    host.disk = *disk_system();
    host.disk.append = append;
    host.disk.sync = sync_file;
    host.disk.rename = rename_file;
    host.disk.remove = remove_file;
    host.disk.context = &host;
    host.clock = (struct clock){boottime_ns, wall_ns, &host};
    host.options = (struct road_options){
        .disk = &host.disk,
        .folder = host.folder,
        .clock = &host.clock,
        .hands = {start_trial, start_shadow, stop_trial, activate, start_from_disk, settle,
                  set_level, say, &host},
        .engine = 1,
        .stream_count = 1,
        .lifecycle = lifecycle_policy_default(),
        .admission = admission_policy_default(),
    };
    open_road(&host);
    *state = &host;
    return 0;
}

static void remove_any(void *visitor, const char *name)
{
    const struct host *host = visitor;
    (void)unlinkat(host->folder, name, 0);
}

static int tear_down(void **state)
{
    struct host *host = *state;
    road_close(host->road);
    (void)disk_system()->list(NULL, host->folder, remove_any, host).error;
    close(host->folder);
    return rmdir(host->path);
}

static void pass(struct host *host, uint32_t seconds)
{
    host->boottime_s += seconds;
    host->wall_s += seconds;
    road_tick(host->road);
}

static struct result offer(struct host *host, uint64_t version, uint32_t log_age_s,
                           struct release_name *ret_name)
{
    int sealed;
    uint8_t *data;
    size_t size = 1000 + version;
    struct road_offer news = {.version = version, .log_age_s = log_age_s};
    assert_ok(sealed_memory_create(size, &sealed, &data));
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, data, size);
    SHA256Final(news.digest.bytes, &context);
    assert_ok(sealed_memory_seal(sealed, data, size));
    *ret_name = release_name_of(&news.digest);
    struct result result = road_offer(host->road, &news, sealed, NULL);
    close(sealed);
    return result;
}

static enum lifecycle_state state_of(const struct host *host, uint64_t version)
{
    struct road_status entries[LIMIT_RELEASES];
    size_t count = road_status(host->road, entries, LIMIT_RELEASES);
    for (size_t i = 0; i < count; i++)
        if (entries[i].release.version == version)
            return (enum lifecycle_state)entries[i].release.state;
    return LIFECYCLE_FREE;
}

static void tell(struct host *host, enum lifecycle_event_type type, struct release_name name,
                 enum lifecycle_failure failure)
{
    const struct lifecycle_event event = {.type = type, .release = name, .failure = failure};
    road_tell(host->road, 0, &event);
}

/* What the supervisor and its children would do: whatever the hands were told, well. */
static void work_well(struct host *host, struct release_name name)
{
    if (host->tried != 0) {
        host->tried = 0;
        tell(host, LIFECYCLE_EVENT_TRIAL_PASSED, name, LIFECYCLE_FAILURE_NONE);
    } else if (host->shadowed != 0) {
        host->shadowed = 0;
        tell(host, LIFECYCLE_EVENT_SHADOW_PASSED, name, LIFECYCLE_FAILURE_NONE);
    } else if (host->from_disk != 0) {
        tell(host, LIFECYCLE_EVENT_DISK_STARTED, name, LIFECYCLE_FAILURE_NONE);
    }
}

/* Offers, and lets time pass and all go well, until the release is in this state. */
static struct release_name bring_to(struct host *host, uint64_t version,
                                    enum lifecycle_state state)
{
    struct release_name name;
    (void)offer(host, version, WEEK_S, &name).error;
    for (unsigned step = 0; step < 2000 && state_of(host, version) != state; step++) {
        pass(host, STEP_S);
        if (state_of(host, version) != state)
            work_well(host, name);
        if (step % 100 == 0)
            (void)offer(host, version, WEEK_S, &name).error; /* as the updater does */
    }
    assert_int_equal(state_of(host, version), state);
    return name;
}

/* --- tests ----------------------------------------------------------------------------------- */

static void a_release_is_old_before_it_is_tried_and_good_before_it_is_kept(void **state)
{
    struct host *host = *state;
    struct release_name name;
    assert_ok(offer(host, 7, 0, &name));
    assert_int_equal(host->runs, 0);
    pass(host, DAY_S); /* its age by the log is missing */
    struct road_status entry;
    assert_int_equal(road_status(host->road, &entry, 1), 1);
    assert_int_equal(entry.waits.reasons, 1u << WAIT_LOGGED);
    assert_true(entry.waits.is_time_known);
    assert_int_equal(entry.earliest.s, host->wall_s + DAY_S);
    assert_ok(offer(host, 7, DAY_S, &name));
    pass(host, 1);
    assert_int_equal(host->tried, 7);
    work_well(host, name);
    assert_int_equal(host->shadowed, 7);
    work_well(host, name);
    assert_int_equal(host->runs, 7);
    assert_int_equal(road_enforcement(host->road, 0), LIFECYCLE_ENFORCE_CUT);
    pass(host, host->options.lifecycle.bake_s);
    assert_int_equal(host->from_disk, 7);
    work_well(host, name);
    assert_int_equal(state_of(host, 7), LIFECYCLE_GOOD);
    assert_int_equal(road_enforcement(host->road, 0), LIFECYCLE_ENFORCE_FULL);
    struct explanation why;
    const struct road_offer old = {.version = 6};
    assert_error(road_offer(host->road, &old, -1, &why), ERROR_STATE);
    assert_non_null(strstr(why.text, "version 6 is refused"));
}

static void a_failure_goes_back_in_the_same_call(void **state)
{
    struct host *host = *state;
    (void)bring_to(host, 7, LIFECYCLE_GOOD);
    struct release_name name = bring_to(host, 8, LIFECYCLE_PROBATION);
    assert_int_equal(host->runs, 8);
    tell(host, LIFECYCLE_EVENT_FAILED, name, LIFECYCLE_FAILURE_CRASH);
    assert_int_equal(host->runs, 7);
    assert_non_null(strstr(host->said, "is rolled back: its engine crashed"));
    pass(host, 1);
    assert_int_equal(host->runs, 7); /* and it does not come back by itself */
}

/* Whether the disk is full or not, and whatever a state from before the start says. */
static void pressure_holds_and_ends_without_a_disk(void **state)
{
    struct host *host = *state;
    (void)bring_to(host, 7, LIFECYCLE_GOOD);
    (void)bring_to(host, 8, LIFECYCLE_TRIAL);
    host->is_gone = true;
    road_set_pressure(host->road, PRESSURE_MEMORY);
    assert_int_equal(state_of(host, 8), LIFECYCLE_ADMITTED);
    assert_int_equal(host->tried, 0);
    assert_int_equal(road_enforcement(host->road, 0), LIFECYCLE_ENFORCE_CUT);
    host->is_gone = false;
    road_set_pressure(host->road, PRESSURE_MEMORY | PRESSURE_STORM);
    road_close(host->road);
    open_road(host);
    assert_int_equal(road_enforcement(host->road, 0), LIFECYCLE_ENFORCE_CUT);
    host->is_gone = true;
    road_set_pressure(host->road, 0);
    host->is_gone = false;
    assert_int_equal(road_enforcement(host->road, 0), LIFECYCLE_ENFORCE_FULL);
    struct release_name name = bring_to(host, 8, LIFECYCLE_PROBATION);
    road_set_pressure(host->road, PRESSURE_MEMORY);
    tell(host, LIFECYCLE_EVENT_FAILED, name, LIFECYCLE_FAILURE_MEMORY);
    assert_int_equal(host->runs, 8);
    road_set_pressure(host->road, 0);
    tell(host, LIFECYCLE_EVENT_FAILED, name, LIFECYCLE_FAILURE_MEMORY);
    assert_int_equal(host->runs, 7);
}

/* At every write of the disk the power may fail: what runs is whole, and the road goes on. */
static void a_power_cut_at_any_write_loses_no_place(void **state)
{
    struct host *host = *state;
    (void)bring_to(host, 7, LIFECYCLE_GOOD);
    for (unsigned calls = 1; calls < 120; calls++) {
        uint64_t version = 100 + calls;
        host->calls_left = calls;
        struct release_name name;
        (void)offer(host, version, WEEK_S, &name).error;
        while (!host->is_gone && state_of(host, version) != LIFECYCLE_GOOD) {
            pass(host, HOUR_S);
            work_well(host, name);
        }
        uint64_t ran = host->runs;
        bool was_cut = host->is_gone;
        lose_power(host);
        assert_true(host->runs == ran || host->runs == 7 || host->runs >= 100);
        (void)bring_to(host, version, LIFECYCLE_GOOD);
        assert_int_equal(host->runs, version);
        if (!was_cut)
            return; /* the whole road needs fewer writes */
    }
    fail();
}

static void boots_that_end_badly_lead_down_and_calm_leads_up(void **state)
{
    struct host *host = *state;
    (void)bring_to(host, 7, LIFECYCLE_GOOD);
    pass(host, HOUR_S);
    (void)bring_to(host, 8, LIFECYCLE_PROBATION);
    lose_power(host); /* right after the switch: a panic */
    assert_int_equal(host->level, BOOT_LEVEL_LAST_GOOD);
    assert_int_equal(state_of(host, 8), LIFECYCLE_ROLLED_BACK);
    assert_int_equal(host->runs, 7);
    lose_power(host);
    assert_int_equal(host->level, BOOT_LEVEL_FACTORY);
    assert_int_equal(host->runs, 0);
    pass(host, BOOT_GUARD_CALM_S);
    pass(host, BOOT_GUARD_CALM_S);
    assert_int_equal(host->level, BOOT_LEVEL_NORMAL);
    assert_int_equal(host->runs, 7);
    pass(host, BOOT_GUARD_CALM_S);
    lose_power(host); /* long after: no business of ours */
    lose_power(host); /* soon after a start, but without a change */
    assert_int_equal(host->level, BOOT_LEVEL_NORMAL);
    assert_int_equal(host->runs, 7);
}

/* Nothing arrived, but the kernel is another one, and what was good for weeks no longer is. */
static void another_kernel_leads_down_too(void **state)
{
    struct host *host = *state;
    (void)bring_to(host, 7, LIFECYCLE_GOOD);
    (void)bring_to(host, 8, LIFECYCLE_GOOD);
    pass(host, HOUR_S);
    pass(host, HOUR_S);
    host->options.fingerprint = 12;
    lose_power(host); /* into the new kernel */
    assert_int_equal(host->runs, 8);
    lose_power(host); /* which panics */
    assert_int_equal(host->level, BOOT_LEVEL_LAST_GOOD);
    assert_int_equal(host->runs, 7);
    lose_power(host);
    assert_int_equal(host->level, BOOT_LEVEL_FACTORY);
    assert_int_equal(host->runs, 0);
    assert_int_equal(state_of(host, 8), LIFECYCLE_GOOD); /* nobody blames it */
}

static void a_disk_that_takes_nothing_stops_the_way_forward_not_the_way_back(void **state)
{
    struct host *host = *state;
    (void)bring_to(host, 7, LIFECYCLE_GOOD);
    struct release_name name = bring_to(host, 8, LIFECYCLE_SHADOW);
    host->is_gone = true;
    tell(host, LIFECYCLE_EVENT_SHADOW_PASSED, name, LIFECYCLE_FAILURE_NONE);
    assert_int_equal(host->runs, 7);
    assert_non_null(strstr(host->said, "cannot save the state of updates"));
    host->is_gone = false;
    name = bring_to(host, 8, LIFECYCLE_PROBATION);
    host->is_gone = true;
    tell(host, LIFECYCLE_EVENT_FAILED, name, LIFECYCLE_FAILURE_HANG);
    assert_int_equal(host->runs, 7);
    host->is_gone = false;
    pass(host, 1); /* saved as soon as the disk allows */
    lose_power(host);
    assert_int_equal(state_of(host, 8), LIFECYCLE_ROLLED_BACK);
}

static void a_damaged_slot_leaves_the_one_before(void **state)
{
    struct host *host = *state;
    (void)bring_to(host, 7, LIFECYCLE_GOOD);
    struct release_name name = bring_to(host, 8, LIFECYCLE_GOOD);
    char text[2 * RELEASE_NAME_BYTES + 1], file[64];
    hex_encode(name.bytes, sizeof name.bytes, text);
    (void)string_format(file, sizeof file, "release-%s", text);
    int slot = openat(host->folder, file, O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(slot, 500), 0);
    close(slot);
    pass(host, HOUR_S);
    lose_power(host);
    assert_int_equal(host->runs, 7);
    assert_int_equal(state_of(host, 8), LIFECYCLE_ROLLED_BACK);
    (void)bring_to(host, 8, LIFECYCLE_GOOD); /* offered again, whole */
}

static void a_folder_of_others_means_the_factory_set(void **state)
{
    struct host *host = *state;
    (void)bring_to(host, 7, LIFECYCLE_GOOD);
    pass(host, HOUR_S);
    assert_int_equal(fchmod(host->folder, 0777), 0);
    lose_power(host);
    assert_int_equal(host->runs, 0);
    assert_non_null(strstr(host->said, "others may write"));
    struct release_name name;
    assert_error(offer(host, 9, 0, &name), ERROR_STATE);
    assert_int_equal(fchmod(host->folder, 0700), 0);
    lose_power(host);
    assert_int_equal(host->runs, 7);
}

static void halts_stop_and_two_recall(void **state)
{
    struct host *host = *state;
    road_set_partners(host->road, 3, 2);
    struct halt_news news = {.number = 1, .lifetime_s = DAY_S};
    for (news.partner = 0; news.partner < 2; news.partner++)
        assert_int_equal(road_halts(host->road, &news), HALT_TAKEN);
    struct release_name name;
    assert_ok(offer(host, 7, WEEK_S, &name));
    news.count = 1;
    news.halts[0].release = name;
    for (unsigned hour = 0; hour < 30; hour++) {
        news.number++;
        for (news.partner = 0; news.partner < 2; news.partner++) {
            news.count = news.partner == 0 && hour < 26; /* the first one halts it until then */
            assert_int_equal(road_halts(host->road, &news), HALT_TAKEN);
        }
        pass(host, HOUR_S);
        assert_true((host->tried != 0) == (hour >= 26));
        if (hour == 26)
            break;
    }
    work_well(host, name);
    work_well(host, name);
    assert_int_equal(host->runs, 7);
    news.count = 1;
    news.number++;
    for (news.partner = 0; news.partner < 2; news.partner++)
        assert_int_equal(road_halts(host->road, &news), HALT_TAKEN);
    pass(host, HALTS_RECALL_SPREAD_S);
    assert_int_equal(host->runs, 0);
    assert_non_null(strstr(host->said, "two partners recalled it"));
}

int main(void)
{
#define ON_HOST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ON_HOST(a_release_is_old_before_it_is_tried_and_good_before_it_is_kept),
        ON_HOST(pressure_holds_and_ends_without_a_disk),
        ON_HOST(a_failure_goes_back_in_the_same_call),
        ON_HOST(a_power_cut_at_any_write_loses_no_place),
        ON_HOST(boots_that_end_badly_lead_down_and_calm_leads_up),
        ON_HOST(another_kernel_leads_down_too),
        ON_HOST(a_disk_that_takes_nothing_stops_the_way_forward_not_the_way_back),
        ON_HOST(a_damaged_slot_leaves_the_one_before),
        ON_HOST(a_folder_of_others_means_the_factory_set),
        ON_HOST(halts_stop_and_two_recall),
    };
    return unit_run("update/road", tests);
}

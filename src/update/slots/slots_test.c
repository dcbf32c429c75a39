// SPDX-License-Identifier: Apache-2.0
#include "update/slots/slots.h"

#include "base/bytes.h"
#include "tests/unit.h"
#include "update/slots/sealed_memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder of its own, and a disk that can be told to misbehave. */
struct place {
    char path[64];
    int folder;
    struct disk disk;
    struct slots slots;
    long budget; /* bytes that still fit onto the disk; -1: any number */
    bool is_short; /* each write takes at most 100 bytes */
    unsigned fails_at; /* the n-th call that changes something fails; 0: none */
    unsigned calls;
    struct update_state state;
};

static struct result count_call(struct place *place)
{
    place->calls++;
    if (place->fails_at != 0 && place->calls >= place->fails_at)
        return (struct result){ERROR_SYSTEM, EIO};
    return RESULT_OK;
}

static struct result append(void *context, int file, const void *data, size_t size,
                            size_t *ret_written)
{
    struct place *place = context;
    GUARD(count_call(place));
    if (place->is_short && size > 100)
        size = 100;
    if (place->budget >= 0 && (long)size > place->budget)
        return (struct result){ERROR_SYSTEM, ENOSPC};
    GUARD(disk_system()->append(NULL, file, data, size, ret_written));
    if (place->budget >= 0)
        place->budget -= (long)*ret_written;
    return RESULT_OK;
}

static struct result sync_file(void *context, int file)
{
    GUARD(count_call(context));
    return disk_system()->sync(NULL, file);
}

static struct result rename_file(void *context, int folder, const char *from, const char *to)
{
    GUARD(count_call(context));
    return disk_system()->rename(NULL, folder, from, to);
}

static struct result sync_folder(void *context, int folder)
{
    GUARD(count_call(context));
    return disk_system()->sync_folder(NULL, folder);
}

static struct result remove_file(void *context, int folder, const char *name)
{
    struct place *place = context;
    struct disk_look look;
    if (place->budget >= 0 && result_is_ok(disk_system()->look_at(NULL, folder, name, &look)))
        place->budget += (long)look.size;
    return disk_system()->remove(NULL, folder, name);
}

static int set_up(void **state)
{
    static struct place place;
    place = (struct place){.path = "/tmp/creance-slots-XXXXXX", .budget = -1};
    if (mkdtemp(place.path) == NULL)
        return -1;
    place.folder = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    place.disk = *disk_system();
    place.disk.append = append;
    place.disk.sync = sync_file;
    place.disk.rename = rename_file;
    place.disk.sync_folder = sync_folder;
    place.disk.remove = remove_file;
    place.disk.context = &place;
    place.state.stream_count = 1;
    lifecycle_init(&place.state.streams[0], 1, 0);
    assert_ok(slots_open(&place.slots, &place.disk, place.folder, NULL));
    *state = &place;
    return 0;
}

static void remove_any(void *visitor, const char *name)
{
    const struct place *place = visitor;
    (void)unlinkat(place->folder, name, 0);
}

static int tear_down(void **state)
{
    struct place *place = *state;
    (void)disk_system()->list(NULL, place->folder, remove_any, place).error;
    close(place->folder);
    return rmdir(place->path);
}

static void save(struct place *place, uint32_t mark)
{
    place->state.clock.at.s = mark;
    assert_ok(slots_save_state(&place->slots, &place->state, NULL));
}

/* Opens the folder anew, as after a power cut, and says which mark it finds. */
static uint32_t loaded(struct place *place, bool *ret_is_damaged)
{
    struct update_state state;
    assert_ok(slots_open(&place->slots, &place->disk, place->folder, NULL));
    assert_ok(slots_load_state(&place->slots, &state, ret_is_damaged, NULL));
    return state.clock.at.s;
}

static int sealed_of(const char *text, struct release_digest *ret_digest)
{
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, (const uint8_t *)text, strlen(text));
    SHA256Final(ret_digest->bytes, &context);
    int sealed;
    uint8_t *data;
    assert_ok(sealed_memory_create(strlen(text), &sealed, &data));
    bytes_copy(data, strlen(text), text, strlen(text));
    assert_ok(sealed_memory_seal(sealed, data, strlen(text)));
    return sealed;
}

static bool reads(struct place *place, struct release_name name, const char *text)
{
    struct slot_release release;
    int sealed;
    if (!result_is_ok(slots_read(&place->slots, name, &release, &sealed, NULL)))
        return false;
    struct bytes view;
    assert_ok(sealed_memory_map(sealed, LIMIT_RELEASE_BYTES, &view));
    bool is_same = view.size == strlen(text) && memcmp(view.data, text, view.size) == 0;
    sealed_memory_unmap(view);
    close(sealed);
    return is_same;
}

static void spoil(const struct place *place, const char *name, off_t at)
{
    int file = openat(place->folder, name, O_RDWR | O_CLOEXEC);
    uint8_t byte = 0;
    assert_int_equal(pread(file, &byte, 1, at), 1);
    byte ^= 0x40;
    assert_int_equal(pwrite(file, &byte, 1, at), 1);
    close(file);
}

static void the_state_comes_back(void **state)
{
    struct place *place = *state;
    struct update_state loaded_state;
    bool is_damaged;
    assert_error(slots_load_state(&place->slots, &loaded_state, &is_damaged, NULL),
                 ERROR_NOT_FOUND);
    place->is_short = true;
    for (uint32_t mark = 1; mark <= 5; mark++) {
        save(place, mark);
        assert_int_equal(loaded(place, &is_damaged), mark);
        assert_false(is_damaged);
    }
}

static void damage_is_found_and_the_copy_before_taken(void **state)
{
    struct place *place = *state;
    bool is_damaged;
    save(place, 1);
    save(place, 2); /* state.0 */
    for (off_t at = 0; at < 200; at += 7) {
        spoil(place, "state.0", at);
        assert_int_equal(loaded(place, &is_damaged), 1);
        assert_true(is_damaged);
        spoil(place, "state.0", at);
    }
    assert_int_equal(loaded(place, &is_damaged), 2);
    spoil(place, "state.0", 20);
    spoil(place, "state.1", 20);
    struct update_state loaded_state;
    struct explanation why;
    assert_error(slots_load_state(&place->slots, &loaded_state, &is_damaged, &why), ERROR_FORMAT);
    assert_non_null(strstr(why.text, "in neither of its two copies"));
}

static void whatever_fails_the_state_before_is_there(void **state)
{
    struct place *place = *state;
    bool is_damaged;
    save(place, 1);
    save(place, 2);
    for (unsigned at = 1; at < 20; at++) {
        place->calls = 0;
        place->fails_at = at;
        place->state.clock.at.s = 100 + at;
        struct result result = slots_save_state(&place->slots, &place->state, NULL);
        unsigned calls = place->calls;
        place->fails_at = 0;
        uint32_t found = loaded(place, &is_damaged);
        assert_false(is_damaged);
        if (result_is_ok(result)) {
            assert_int_equal(found, 100 + at);
            assert_true(at > 4 && calls < at); /* it failed at each call that it makes */
            return;
        }
        /* At the last step the new one may be there already; then it is the one before later. */
        assert_true(found == 100 + at || found == 2 || found == 100 + at - 1);
    }
    fail();
}

static void a_full_disk_saves_the_state_from_its_reserve(void **state)
{
    struct place *place = *state;
    bool is_damaged;
    save(place, 1);
    place->budget = 10;
    save(place, 2);
    assert_int_equal(loaded(place, &is_damaged), 2);
    struct disk_look look;
    place->budget = 10;
    assert_error(slots_save_state(&place->slots, &place->state, NULL), ERROR_SYSTEM);
    assert_int_equal(loaded(place, &is_damaged), 2);
    place->budget = -1; /* there is room again, and so is the reserve */
    save(place, 3);
    assert_ok(disk_system()->look_at(NULL, place->folder, "reserve", &look));
}

static void releases_are_staged_whole_or_not_at_all(void **state)
{
    struct place *place = *state;
    struct release_digest digest;
    int sealed = sealed_of("rules of the seventh release", &digest);
    struct release_name name = release_name_of(&digest);
    assert_false(reads(place, name, "rules of the seventh release"));
    place->budget = 5;
    assert_error(slots_stage(&place->slots, &digest, 7, sealed, NULL), ERROR_SYSTEM);
    assert_false(reads(place, name, "rules of the seventh release"));
    place->budget = -1;
    assert_ok(slots_stage(&place->slots, &digest, 7, sealed, NULL));
    assert_true(reads(place, name, "rules of the seventh release"));
    unsigned calls = place->calls;
    assert_ok(slots_stage(&place->slots, &digest, 7, sealed, NULL)); /* it is there */
    assert_int_equal(place->calls, calls);
    uint64_t version;
    assert_ok(slots_highest_version(&place->slots, &version));
    assert_int_equal(version, 7);
    struct release_digest other = digest;
    other.bytes[0] ^= 1;
    struct explanation why;
    assert_error(slots_stage(&place->slots, &other, 7, sealed, &why), ERROR_FORMAT);
    close(sealed);
}

static void a_damaged_release_is_refused_and_staged_again(void **state)
{
    struct place *place = *state;
    struct release_digest digest;
    int sealed = sealed_of("some rules", &digest);
    struct release_name name = release_name_of(&digest);
    assert_ok(slots_stage(&place->slots, &digest, 7, sealed, NULL));
    char file[64], text[33];
    hex_encode(name.bytes, sizeof name.bytes, text);
    (void)string_format(file, sizeof file, "release-%s", text);
    for (off_t at = 0; at < 86 + 10; at++) {
        spoil(place, file, at);
        assert_false(reads(place, name, "some rules"));
        spoil(place, file, at);
    }
    assert_true(reads(place, name, "some rules"));
    spoil(place, file, 90);
    assert_ok(slots_stage(&place->slots, &digest, 7, sealed, NULL));
    assert_true(reads(place, name, "some rules"));
    close(sealed);
}

static void only_sealed_memory_is_staged(void **state)
{
    struct place *place = *state;
    struct release_digest digest;
    close(sealed_of("some rules", &digest));
    int sealed;
    uint8_t *data;
    assert_ok(sealed_memory_create(10, &sealed, &data));
    assert_error(slots_stage(&place->slots, &digest, 7, sealed, NULL), ERROR_STATE);
    sealed_memory_discard(sealed, data, 10);
}

static void what_the_state_names_is_swept_by_nobody(void **state)
{
    struct place *place = *state;
    struct release_digest kept, gone;
    int sealed = sealed_of("kept", &kept);
    assert_ok(slots_stage(&place->slots, &kept, 1, sealed, NULL));
    close(sealed);
    sealed = sealed_of("gone", &gone);
    assert_ok(slots_stage(&place->slots, &gone, 2, sealed, NULL));
    close(sealed);
    const struct lifecycle_policy policy = lifecycle_policy_default();
    const struct lifecycle_event event = {.type = LIFECYCLE_EVENT_OFFERED,
                                          .release = release_name_of(&kept), .version = 1};
    struct lifecycle_actions actions;
    lifecycle_step(&policy, &place->state.streams[0], &event, (struct steady_time){9}, &actions);
    assert_ok(slots_sweep(&place->slots, &place->state, NULL));
    assert_true(reads(place, release_name_of(&kept), "kept"));
    assert_false(reads(place, release_name_of(&gone), "gone"));
}

static void a_folder_that_others_may_write_is_not_believed(void **state)
{
    struct place *place = *state;
    bool is_damaged;
    save(place, 1);
    assert_int_equal(fchmod(place->folder, 0770), 0);
    struct explanation why;
    assert_error(slots_open(&place->slots, &place->disk, place->folder, &why), ERROR_STATE);
    assert_non_null(strstr(why.text, "the factory set runs"));
    assert_int_equal(fchmod(place->folder, 0700), 0);
    assert_int_equal(loaded(place, &is_damaged), 1);
    assert_int_equal(fchmodat(place->folder, "state.1", 0666, 0), 0);
    struct update_state loaded_state;
    assert_error(slots_load_state(&place->slots, &loaded_state, &is_damaged, NULL), ERROR_FORMAT);
}

static void steady_time_survives_boots_and_cannot_be_set(void **state)
{
    (void)state;
    struct steady_base base = {0};
    uint8_t first[BOOT_ID_BYTES] = {1}, second[BOOT_ID_BYTES] = {2};
    steady_rebase(&base, 100, first);
    assert_int_equal(base.at.s, 100);
    assert_int_equal(steady_now(&base, 150, first).s, 150);
    assert_int_equal(steady_now(&base, 50, first).s, 100); /* never before what was saved */
    steady_rebase(&base, 200, first);
    assert_int_equal(steady_now(&base, 30, second).s, 230); /* time off does not count */
    steady_rebase(&base, 30, second);
    steady_rebase(&base, 31, second);
    assert_int_equal(base.at.s, 231);
}

int main(void)
{
#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_PLACE(the_state_comes_back),
        WITH_PLACE(damage_is_found_and_the_copy_before_taken),
        WITH_PLACE(whatever_fails_the_state_before_is_there),
        WITH_PLACE(a_full_disk_saves_the_state_from_its_reserve),
        WITH_PLACE(releases_are_staged_whole_or_not_at_all),
        WITH_PLACE(a_damaged_release_is_refused_and_staged_again),
        WITH_PLACE(only_sealed_memory_is_staged),
        WITH_PLACE(what_the_state_names_is_swept_by_nobody),
        WITH_PLACE(a_folder_that_others_may_write_is_not_believed),
        cmocka_unit_test(steady_time_survives_boots_and_cannot_be_set),
    };
    return unit_run("update/slots", tests);
}

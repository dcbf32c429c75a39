// SPDX-License-Identifier: Apache-2.0
/*
 * Switches slots for power_cut.py, and says what is left of them after a cut.
 *
 *   slot-worker work FOLDER COUNT whole|no-file-sync|no-folder-sync
 *     stages release 1, 2, ..., saves a state that names it and the one before; after each it
 *     prints "done N" and waits for a line
 *   slot-worker save FOLDER N whole
 *     saves the state that names release N, which is there
 *   slot-worker check FOLDER
 *     prints "mark N" (0: no state yet) or "torn WHAT"
 */
#include "base/bytes.h"
#include "update/slots/sealed_memory.h"
#include "update/slots/slots.h"

#include <fcntl.h>
#include <sha2.h>
#include <stdio.h>
#include <unistd.h>

enum { CONTENT_BYTES_MAX = 24 * KIB };

static struct result forget(void *context, int file)
{
    (void)context;
    (void)file;
    return RESULT_OK;
}

/* The bytes of the n-th release: of many sizes, and different in each block. */
static size_t content_of(uint64_t number, uint8_t *out)
{
    size_t size = 1000 + (size_t)(number * 7919 % (CONTENT_BYTES_MAX - 1000));
    uint64_t mixed = number;
    for (size_t i = 0; i < size; i++) {
        mixed = mixed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        out[i] = (uint8_t)(mixed >> 56);
    }
    return size;
}

static struct release_digest digest_of(uint64_t number)
{
    static uint8_t content[CONTENT_BYTES_MAX];
    struct release_digest digest;
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, content, content_of(number, content));
    SHA256Final(digest.bytes, &context);
    return digest;
}

/* A host on which this release and the one before wait. */
static struct update_state state_of(uint64_t number)
{
    struct update_state state = {.stream_count = 1};
    const struct lifecycle_policy policy = lifecycle_policy_default();
    struct lifecycle_actions actions;
    state.clock.at.s = (uint32_t)number;
    lifecycle_init(&state.streams[0], 1, 0);
    for (uint64_t version = number > 1 ? number - 1 : 1; version <= number; version++) {
        const struct release_digest digest = digest_of(version);
        const struct lifecycle_event event = {.type = LIFECYCLE_EVENT_OFFERED,
                                              .release = release_name_of(&digest),
                                              .version = version};
        lifecycle_step(&policy, &state.streams[0], &event, state.clock.at, &actions);
    }
    return state;
}

static struct result stage(struct slots *slots, uint64_t number, struct explanation *why)
{
    static uint8_t content[CONTENT_BYTES_MAX];
    size_t size = content_of(number, content);
    int sealed;
    uint8_t *data;
    GUARD(sealed_memory_create(size, &sealed, &data));
    bytes_copy(data, size, content, size);
    GUARD(sealed_memory_seal(sealed, data, size));
    const struct release_digest digest = digest_of(number);
    struct result result = slots_stage(slots, &digest, number, sealed, why);
    close(sealed);
    return result;
}

static struct result work(struct slots *slots, uint64_t count, struct explanation *why)
{
    for (uint64_t number = 1; number <= count; number++) {
        const struct update_state state = state_of(number);
        GUARD(stage(slots, number, why));
        GUARD(slots_save_state(slots, &state, why));
        printf("done %u\n", (unsigned)number);
        fflush(stdout);
        if (getchar() == EOF)
            return RESULT_OK;
        GUARD(slots_sweep(slots, &state, why));
    }
    return RESULT_OK;
}

static struct result check(struct slots *slots, struct explanation *why)
{
    struct update_state state;
    bool is_damaged = false;
    struct result result = slots_load_state(slots, &state, &is_damaged, why);
    if (result.error == ERROR_NOT_FOUND) {
        printf("mark 0\n");
        return RESULT_OK;
    }
    GUARD(result);
    if (is_damaged)
        return explain(why, ERROR_FORMAT, "one copy of the state");
    for (size_t i = 0; i < LIMIT_RELEASES; i++) {
        const struct lifecycle_release *release = &state.streams[0].releases[i];
        if (release->state == LIFECYCLE_FREE)
            continue;
        struct slot_release found;
        int sealed;
        GUARD(slots_read(slots, release->name, &found, &sealed, why));
        close(sealed);
    }
    printf("mark %u\n", state.clock.at.s);
    return RESULT_OK;
}

static struct result save(struct slots *slots, uint64_t number, struct explanation *why)
{
    struct update_state state;
    bool is_damaged;
    GUARD(slots_load_state(slots, &state, &is_damaged, why)); /* the generation goes on from it */
    state = state_of(number);
    return slots_save_state(slots, &state, why);
}

int main(int count, char **arguments)
{
    struct disk disk = *disk_system();
    struct slots slots;
    struct explanation why = {"no memory"};
    int folder = count > 2 ? open(arguments[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (folder < 0)
        return 2;
    uint64_t switches = 0;
    bool is_work = count == 5 && string_equal(arguments[1], "work");
    bool is_save = count == 5 && string_equal(arguments[1], "save");
    if ((is_work || is_save) && !result_is_ok(number_parse(arguments[3], 1000, &switches)))
        return 2;
    if (is_work && string_equal(arguments[4], "no-file-sync"))
        disk.sync = forget;
    if (is_work && string_equal(arguments[4], "no-folder-sync"))
        disk.sync_folder = forget;
    struct result result = slots_open(&slots, &disk, folder, &why);
    if (result_is_ok(result))
        result = is_work   ? work(&slots, switches, &why)
                 : is_save ? save(&slots, switches, &why)
                           : check(&slots, &why);
    if (!result_is_ok(result))
        printf("torn %s\n", why.text);
    return result_is_ok(result) ? 0 : 1;
}

// SPDX-License-Identifier: Apache-2.0
#include "sensor/process_table.h"

#include "base/bytes.h"
#include "base/counters.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SLOT_BYTES = 2048,
    INDEX_BITS = 15,
    INDEX_ENTRIES = 1 << INDEX_BITS,
    SLOT_NUMBER_BITS = 15,
    SLOT_NUMBER_MASK = (1 << SLOT_NUMBER_BITS) - 1,
    TAG_BITS = 32 - SLOT_NUMBER_BITS,
    READ_ATTEMPTS = 64,
    READ_CANDIDATES = 256, /* slots of one tag; what lies behind comes from a lying writer */
    NO_SLOT = LIMIT_PROCESS_SLOTS,
};
static const uint64_t TABLE_MAGIC = UINT64_C(0x314C4254434F5250); /* "PROCTBL1" */

_Static_assert((int)INDEX_ENTRIES >= 2 * (int)LIMIT_PROCESS_SLOTS, "open addressing needs room");
_Static_assert((int)LIMIT_PROCESS_SLOTS < (int)SLOT_NUMBER_MASK,
               "slot numbers must fit an index entry");

struct slot {
    _Atomic uint32_t sequence; /* odd while it is written; 0: never used */
    uint32_t reserved;
    struct process_info info; /* key.pid 0: empty */
    uint8_t padding[SLOT_BYTES - sizeof(struct process_info) - 8];
};
_Static_assert(sizeof(struct slot) == SLOT_BYTES, "slots must not straddle pages");

struct memory {
    uint64_t magic;
    uint64_t slot_bytes;
    uint64_t slot_count;
    _Atomic uint32_t used;           /* slots from here on were never touched */
    _Atomic uint32_t index_sequence; /* odd while entries move */
    uint64_t notes[PROCESS_TABLE_NOTES];
    uint8_t padding[4096 - 4 * 8 - 8 * PROCESS_TABLE_NOTES];
    /* By pid, linear probing. An entry is a tag of the hash above the slot's number + 1. */
    _Atomic uint32_t index[INDEX_ENTRIES];
    struct slot slots[LIMIT_PROCESS_SLOTS];
};
_Static_assert(offsetof(struct memory, slots) % 4096 == 0, "slots must not straddle pages");

enum slot_state { SLOT_FREE, SLOT_LIVING, SLOT_ENDED, SLOT_QUEUED };

/* The writer's own knowledge, made anew when it starts. */
struct process_table {
    struct memory *memory;
    bool is_writer;
    uint8_t state[LIMIT_PROCESS_SLOTS];
    uint32_t children[LIMIT_PROCESS_SLOTS]; /* living children that are in the table */
    uint16_t queue[LIMIT_PROCESS_SLOTS];    /* ended ones without living children, oldest first */
    uint32_t queue_head;
    uint32_t queue_count;
    uint16_t free[LIMIT_PROCESS_SLOTS];
    uint32_t free_count;
    struct process_key parent_before; /* of the slot that is open: who had it as a child */
    uint32_t hand; /* where the search for somebody to replace goes on */
};

/* --- small helpers --------------------------------------------------------------------------- */

static size_t hex_number(uint64_t value, char *out)
{
    static const char DIGITS[] = "0123456789abcdef";
    unsigned digits = value == 0 ? 1 : (67 - (unsigned)__builtin_clzll(value)) / 4;
    for (unsigned i = 0; i < digits; i++)
        out[i] = DIGITS[value >> (4 * (digits - 1 - i)) & 15];
    return digits;
}

size_t process_id_format(const char *boot_id, struct process_key key, char *out)
{
    enum { BOOT_DIGITS = 8 };
    bytes_copy(out, PROCESS_ID_BYTES, boot_id, BOOT_DIGITS);
    size_t at = BOOT_DIGITS;
    out[at++] = '-';
    at += hex_number(key.pid, out + at);
    out[at++] = '-';
    at += hex_number(key.start_ns, out + at);
    out[at] = '\0';
    return at;
}

static uint32_t tag_of(uint32_t pid)
{
    return (pid * UINT32_C(2654435769)) >> (32 - TAG_BITS);
}

static uint32_t home_of_tag(uint32_t tag) { return tag >> (TAG_BITS - INDEX_BITS); }

static uint32_t clamp_used(const struct memory *memory)
{
    uint32_t used = atomic_load_explicit(&memory->used, memory_order_acquire);
    return used < LIMIT_PROCESS_SLOTS ? used : LIMIT_PROCESS_SLOTS;
}

/* --- memory ---------------------------------------------------------------------------------- */

RESULT process_table_create(int *ret_fd)
{
    int fd = memfd_create("creance-processes", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return result_from_errno();
    uint64_t head[3] = {TABLE_MAGIC, SLOT_BYTES, LIMIT_PROCESS_SLOTS};
    if (ftruncate(fd, sizeof(struct memory)) != 0
        || fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0
        || pwrite(fd, head, sizeof head, 0) != (ssize_t)sizeof head) {
        struct result failure = result_from_errno();
        close(fd);
        return failure;
    }
    *ret_fd = fd;
    return RESULT_OK;
}

static RESULT map_memory(int fd, int protection, struct process_table **ret_table)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return result_from_errno();
    if (status.st_size != (off_t)sizeof(struct memory))
        return result_fail(ERROR_FORMAT);
    struct process_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return result_fail(ERROR_MEMORY);
    void *memory = mmap(NULL, sizeof(struct memory), protection, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        struct result failure = result_from_errno();
        free(table);
        return failure;
    }
    table->memory = memory;
    if (table->memory->magic != TABLE_MAGIC || table->memory->slot_bytes != SLOT_BYTES
        || table->memory->slot_count != LIMIT_PROCESS_SLOTS) {
        process_table_close(table);
        return result_fail(ERROR_FORMAT);
    }
    *ret_table = table;
    return RESULT_OK;
}

RESULT process_table_map(int fd, struct process_table **ret_table)
{
    return map_memory(fd, PROT_READ, ret_table);
}

void process_table_close(struct process_table *table)
{
    if (table == NULL)
        return;
    (void)munmap(table->memory, sizeof *table->memory);
    free(table);
}

/* --- the index ------------------------------------------------------------------------------- */

static uint32_t index_load(const struct memory *memory, uint32_t place)
{
    return atomic_load_explicit(&memory->index[place], memory_order_relaxed);
}

static void index_store(struct memory *memory, uint32_t place, uint32_t entry)
{
    atomic_store_explicit(&memory->index[place], entry, memory_order_relaxed);
}

static void index_open(struct memory *memory)
{
    uint32_t sequence = atomic_load_explicit(&memory->index_sequence, memory_order_relaxed);
    atomic_store_explicit(&memory->index_sequence, sequence | 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
}

static void index_close(struct memory *memory)
{
    uint32_t sequence = atomic_load_explicit(&memory->index_sequence, memory_order_relaxed);
    atomic_store_explicit(&memory->index_sequence, (sequence | 1) + 1, memory_order_release);
}

static void index_insert(struct memory *memory, uint32_t slot, uint32_t pid)
{
    uint32_t tag = tag_of(pid);
    uint32_t place = home_of_tag(tag);
    while (index_load(memory, place) != 0) /* ends: at most half of the entries are taken */
        place = (place + 1) & (INDEX_ENTRIES - 1);
    index_store(memory, place, tag << SLOT_NUMBER_BITS | (slot + 1));
}

/* Takes an entry out and moves those behind it up, so that no probe ends too early. */
static void index_remove(struct memory *memory, uint32_t slot, uint32_t pid)
{
    uint32_t entry = tag_of(pid) << SLOT_NUMBER_BITS | (slot + 1);
    uint32_t place = home_of_tag(tag_of(pid));
    while (index_load(memory, place) != entry) {
        if (index_load(memory, place) == 0)
            return;
        place = (place + 1) & (INDEX_ENTRIES - 1);
    }
    uint32_t hole = place;
    for (;;) {
        place = (place + 1) & (INDEX_ENTRIES - 1);
        uint32_t next = index_load(memory, place);
        if (next == 0)
            break;
        uint32_t home = home_of_tag(next >> SLOT_NUMBER_BITS);
        /* It may move to the hole unless its home lies behind the hole. */
        if (((place - home) & (INDEX_ENTRIES - 1)) >= ((place - hole) & (INDEX_ENTRIES - 1))) {
            index_store(memory, hole, next);
            hole = place;
        }
    }
    index_store(memory, hole, 0);
}

/* Walks over the slots with a tag. `place` starts at UINT32_MAX; NO_SLOT ends it. */
static uint32_t index_next(const struct memory *memory, uint32_t tag, uint32_t *place)
{
    uint32_t at = *place == UINT32_MAX ? home_of_tag(tag) : (*place + 1) & (INDEX_ENTRIES - 1);
    for (uint32_t steps = 0; steps < INDEX_ENTRIES; steps++) {
        uint32_t entry = index_load(memory, at);
        if (entry == 0)
            return NO_SLOT;
        uint32_t number = (entry & SLOT_NUMBER_MASK) - 1;
        if (entry >> SLOT_NUMBER_BITS == tag && number < LIMIT_PROCESS_SLOTS) {
            *place = at;
            return number;
        }
        at = (at + 1) & (INDEX_ENTRIES - 1);
    }
    return NO_SLOT;
}

/* --- the writer: who may be replaced --------------------------------------------------------- */

static uint32_t find_slot(const struct process_table *table, struct process_key key)
{
    if (key.pid == 0)
        return NO_SLOT;
    uint32_t tag = tag_of(key.pid);
    uint32_t place = UINT32_MAX;
    for (;;) {
        uint32_t slot = index_next(table->memory, tag, &place);
        if (slot == NO_SLOT || process_key_equal(table->memory->slots[slot].info.key, key))
            return slot;
    }
}

static void queue_push(struct process_table *table, uint32_t slot)
{
    uint32_t at = (table->queue_head + table->queue_count) & (LIMIT_PROCESS_SLOTS - 1);
    table->queue[at] = (uint16_t)slot;
    table->queue_count++;
    table->state[slot] = SLOT_QUEUED;
}

/* The process that ended longest ago. One that has got a living child again since leaves the queue
 * until that one ends. */
static uint32_t queue_pop(struct process_table *table, const struct process_info *keep)
{
    for (uint32_t left = table->queue_count; left > 0; left--) {
        uint32_t slot = table->queue[table->queue_head];
        table->queue_head = (table->queue_head + 1) & (LIMIT_PROCESS_SLOTS - 1);
        table->queue_count--;
        if (table->children[slot] > 0)
            table->state[slot] = SLOT_ENDED;
        else if (&table->memory->slots[slot].info == keep)
            queue_push(table, slot);
        else
            return slot;
    }
    return NO_SLOT;
}

static void gain_child(struct process_table *table, struct process_key parent)
{
    uint32_t slot = find_slot(table, parent);
    if (slot != NO_SLOT)
        table->children[slot]++;
}

static void lose_child(struct process_table *table, struct process_key parent)
{
    uint32_t slot = find_slot(table, parent);
    if (slot == NO_SLOT || table->children[slot] == 0)
        return;
    table->children[slot]--;
    if (table->children[slot] == 0 && table->state[slot] == SLOT_ENDED)
        queue_push(table, slot);
}

static void set_end(struct process_table *table, uint32_t slot, uint64_t end_ns)
{
    struct process_info *info = &table->memory->slots[slot].info;
    __atomic_store_n(&info->end_ns, end_ns == 0 ? 1 : end_ns, __ATOMIC_RELAXED);
    table->state[slot] = SLOT_ENDED;
    if (table->children[slot] == 0)
        queue_push(table, slot);
    lose_child(table, info->parent);
}

/* Goes round the table from where it stopped last, looking for a slot in that state. */
static uint32_t sweep(struct process_table *table, enum slot_state state, bool with_children,
                      const struct process_info *keep)
{
    for (uint32_t i = 0; i < LIMIT_PROCESS_SLOTS; i++) {
        uint32_t slot = table->hand;
        table->hand = (table->hand + 1) & (LIMIT_PROCESS_SLOTS - 1);
        bool is_kept = &table->memory->slots[slot].info == keep;
        if (table->state[slot] == state && !is_kept
            && (with_children || table->children[slot] == 0))
            return slot;
    }
    return NO_SLOT;
}

static uint32_t choose_slot(struct process_table *table, const struct process_info *keep)
{
    if (table->free_count > 0)
        return table->free[--table->free_count];
    uint32_t used = clamp_used(table->memory);
    bool is_full = used == LIMIT_PROCESS_SLOTS;
    uint32_t slot = NO_SLOT;
    if (is_full || table->queue_count > LIMIT_PROCESS_ENDED)
        slot = queue_pop(table, keep);
    if (slot != NO_SLOT)
        return slot;
    if (!is_full) {
        atomic_store_explicit(&table->memory->used, used + 1, memory_order_release);
        return used;
    }
    slot = sweep(table, SLOT_ENDED, true, keep);
    if (slot == NO_SLOT)
        slot = sweep(table, SLOT_LIVING, false, keep);
    return slot == NO_SLOT ? sweep(table, SLOT_LIVING, true, keep) : slot;
}

/* Takes a slot's present owner out of the index and of its parent's count. */
static void disown_slot(struct process_table *table, uint32_t slot)
{
    struct process_info *info = &table->memory->slots[slot].info;
    if (info->key.pid == 0)
        return;
    if (table->state[slot] == SLOT_LIVING) {
        counter_add(COUNTER_sensor_table_evicted, 1);
        lose_child(table, info->parent);
    }
    index_open(table->memory);
    index_remove(table->memory, slot, info->key.pid);
    index_close(table->memory);
    table->children[slot] = 0;
    table->state[slot] = SLOT_FREE;
}

/* --- the writer: start ----------------------------------------------------------------------- */

struct ended_slot {
    uint64_t end_ns;
    uint32_t slot;
};

static int compare_ended(const void *a, const void *b)
{
    const struct ended_slot *left = a;
    const struct ended_slot *right = b;
    return left->end_ns < right->end_ns ? -1 : left->end_ns > right->end_ns;
}

static bool texts_fit(const struct process_info *info)
{
    return info->name_size <= sizeof info->name && info->container_size <= sizeof info->container
           && info->control_group_size <= sizeof info->control_group
           && info->executable_size <= sizeof info->executable
           && info->arguments_size <= sizeof info->arguments;
}

/* Index and states from the slots; torn ones become free. */
static void adopt_slots(struct process_table *table)
{
    struct memory *memory = table->memory;
    uint32_t used = clamp_used(memory);
    index_open(memory);
    for (uint32_t i = 0; i < INDEX_ENTRIES; i++)
        if (index_load(memory, i) != 0)
            index_store(memory, i, 0);
    for (uint32_t slot = 0; slot < used; slot++) {
        struct slot *this = &memory->slots[slot];
        uint32_t sequence = atomic_load_explicit(&this->sequence, memory_order_relaxed);
        bool is_torn = (sequence & 1) != 0;
        if (is_torn || this->info.key.pid == 0 || !texts_fit(&this->info)
            || find_slot(table, this->info.key) != NO_SLOT) {
            this->info.key = (struct process_key){0, 0, 0};
            atomic_store_explicit(&this->sequence, sequence + (is_torn ? 1 : 2),
                                  memory_order_release);
            table->free[table->free_count++] = (uint16_t)slot;
            continue;
        }
        table->state[slot] = this->info.end_ns == 0 ? SLOT_LIVING : SLOT_ENDED;
        index_insert(memory, slot, this->info.key.pid);
    }
    index_close(memory);
    for (uint32_t slot = 0; slot < used; slot++)
        if (table->state[slot] == SLOT_LIVING)
            gain_child(table, memory->slots[slot].info.parent);
}

static RESULT queue_ended(struct process_table *table)
{
    struct ended_slot *ended = calloc(LIMIT_PROCESS_SLOTS, sizeof *ended);
    if (ended == NULL)
        return result_fail(ERROR_MEMORY);
    size_t count = 0;
    uint32_t used = clamp_used(table->memory);
    for (uint32_t slot = 0; slot < used; slot++)
        if (table->state[slot] == SLOT_ENDED && table->children[slot] == 0)
            ended[count++] = (struct ended_slot){table->memory->slots[slot].info.end_ns, slot};
    qsort(ended, count, sizeof *ended, compare_ended);
    for (size_t i = 0; i < count; i++)
        queue_push(table, ended[i].slot);
    free(ended);
    return RESULT_OK;
}

RESULT process_table_open(int fd, struct process_table **ret_table)
{
    struct process_table *table;
    GUARD(map_memory(fd, PROT_READ | PROT_WRITE, &table));
    table->is_writer = true;
    adopt_slots(table);
    struct result result = queue_ended(table);
    if (!result_is_ok(result)) {
        process_table_close(table);
        return result;
    }
    *ret_table = table;
    return RESULT_OK;
}

/* --- the writer: changes --------------------------------------------------------------------- */

const struct process_info *process_table_get(struct process_table *table, struct process_key key)
{
    uint32_t slot = find_slot(table, key);
    return slot == NO_SLOT ? NULL : &table->memory->slots[slot].info;
}

static void end_others(struct process_table *table, struct process_key key, uint64_t now_ns)
{
    uint32_t tag = tag_of(key.pid);
    uint32_t place = UINT32_MAX;
    for (;;) {
        uint32_t slot = index_next(table->memory, tag, &place);
        if (slot == NO_SLOT)
            return;
        if (table->state[slot] == SLOT_LIVING
            && table->memory->slots[slot].info.key.pid == key.pid)
            set_end(table, slot, now_ns);
    }
}

static void open_slot(struct slot *slot)
{
    uint32_t sequence = atomic_load_explicit(&slot->sequence, memory_order_relaxed);
    atomic_store_explicit(&slot->sequence, sequence | 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
}

struct process_info *process_table_begin(struct process_table *table, struct process_key key,
                                         uint64_t now_ns, const struct process_info *keep)
{
    table->parent_before = (struct process_key){0, 0, 0};
    uint32_t number = find_slot(table, key);
    if (number != NO_SLOT) {
        struct slot *own = &table->memory->slots[number];
        open_slot(own);
        if (table->state[number] == SLOT_LIVING)
            table->parent_before = own->info.parent;
        return &own->info;
    }
    end_others(table, key, now_ns);
    number = choose_slot(table, keep);
    struct slot *slot = &table->memory->slots[number];
    open_slot(slot);
    disown_slot(table, number);
    enum { FIXED_BYTES = offsetof(struct process_info, name) };
    memset(&slot->info, 0, FIXED_BYTES);
    slot->info.key = key;
    slot->info.login_user_id = PROCESS_NO_LOGIN;
    index_open(table->memory);
    index_insert(table->memory, number, key.pid);
    index_close(table->memory);
    table->state[number] = SLOT_LIVING;
    return &slot->info;
}

static struct slot *slot_of(struct process_info *info)
{
    return (struct slot *)(void *)((uint8_t *)info - offsetof(struct slot, info));
}

void process_table_commit(struct process_table *table, struct process_info *info)
{
    struct slot *slot = slot_of(info);
    if (table->state[slot - table->memory->slots] == SLOT_LIVING) {
        gain_child(table, info->parent);
        lose_child(table, table->parent_before); /* second: the same one keeps its child */
    }
    uint32_t sequence = atomic_load_explicit(&slot->sequence, memory_order_relaxed);
    atomic_store_explicit(&slot->sequence, sequence + 1, memory_order_release);
}

/* Copies as much as fits; returns the size kept. */
static uint16_t set_text(uint8_t *target, size_t capacity, const void *data, size_t size)
{
    size_t kept = size < capacity ? size : capacity;
    bytes_copy(target, capacity, data, kept);
    return (uint16_t)kept;
}

static void set_flag(struct process_info *info, enum process_flag flag, bool is_set)
{
    info->flags = (uint16_t)(is_set ? info->flags | flag : info->flags & ~flag);
}

void process_set_name(struct process_info *info, const void *data, size_t size)
{
    info->name_size = set_text(info->name, sizeof info->name, data, size);
}

void process_set_container(struct process_info *info, const void *data, size_t size)
{
    info->container_size = set_text(info->container, sizeof info->container, data, size);
}

void process_set_control_group(struct process_info *info, const void *data, size_t size)
{
    info->control_group_size =
        set_text(info->control_group, sizeof info->control_group, data, size);
    set_flag(info, PROCESS_CONTROL_GROUP_CUT, size > sizeof info->control_group);
}

void process_set_executable(struct process_info *info, const void *data, size_t size)
{
    info->executable_size = set_text(info->executable, sizeof info->executable, data, size);
    set_flag(info, PROCESS_EXECUTABLE_CUT, size > sizeof info->executable);
}

void process_set_arguments(struct process_info *info, const void *data, size_t size)
{
    info->arguments_size = set_text(info->arguments, sizeof info->arguments, data, size);
    set_flag(info, PROCESS_ARGUMENTS_CUT, size > sizeof info->arguments);
}

void process_inherit(struct process_info *info, const struct process_info *from)
{
    info->user_id = from->user_id;
    info->user_effective_id = from->user_effective_id;
    info->group_id = from->group_id;
    info->login_user_id = from->login_user_id;
    info->namespace_mount = from->namespace_mount;
    info->namespace_pid = from->namespace_pid;
    info->namespace_network = from->namespace_network;
    info->namespace_user = from->namespace_user;
    process_set_name(info, from->name, from->name_size);
    process_set_container(info, from->container, from->container_size);
    process_set_control_group(info, from->control_group, from->control_group_size);
    process_set_executable(info, from->executable, from->executable_size);
    process_set_arguments(info, from->arguments, from->arguments_size);
    info->flags = from->flags & (uint16_t)~PROCESS_FROM_SNAPSHOT;
}

void process_table_end(struct process_table *table, struct process_key key, uint64_t end_ns)
{
    uint32_t slot = find_slot(table, key);
    if (slot != NO_SLOT && table->state[slot] == SLOT_LIVING)
        set_end(table, slot, end_ns);
}

/* The writer's view of a slot that process_table_get() gave. */
static struct process_info *writable(struct process_table *table, const struct process_info *info)
{
    size_t offset = (size_t)((const uint8_t *)info - (const uint8_t *)table->memory);
    return (struct process_info *)(void *)((uint8_t *)table->memory + offset);
}

void process_table_set_users(struct process_table *table, const struct process_info *info,
                             uint32_t user_id, uint32_t user_effective_id, uint32_t group_id)
{
    struct process_info *own = writable(table, info);
    __atomic_store_n(&own->user_id, user_id, __ATOMIC_RELAXED);
    __atomic_store_n(&own->user_effective_id, user_effective_id, __ATOMIC_RELAXED);
    __atomic_store_n(&own->group_id, group_id, __ATOMIC_RELAXED);
}

void process_table_add_flag(struct process_table *table, const struct process_info *info,
                            enum process_flag flag)
{
    struct process_info *own = writable(table, info);
    __atomic_store_n(&own->flags, (uint16_t)(own->flags | flag), __ATOMIC_RELAXED);
}

void process_table_set_namespaces(struct process_table *table, const struct process_info *info,
                                  uint32_t mount, uint32_t network, uint32_t user)
{
    struct process_info *own = writable(table, info);
    __atomic_store_n(&own->namespace_mount, mount, __ATOMIC_RELAXED);
    __atomic_store_n(&own->namespace_network, network, __ATOMIC_RELAXED);
    __atomic_store_n(&own->namespace_user, user, __ATOMIC_RELAXED);
}

void process_table_set_seen(struct process_table *table, const struct process_info *info,
                            uint64_t seen_ns)
{
    __atomic_store_n(&writable(table, info)->seen_ns, seen_ns, __ATOMIC_RELAXED);
}

void process_table_set_announced(struct process_table *table, const struct process_info *info,
                                 uint64_t sequence)
{
    __atomic_store_n(&writable(table, info)->announced, sequence, __ATOMIC_RELEASE);
}

uint64_t process_table_note(const struct process_table *table, unsigned place)
{
    return place < PROCESS_TABLE_NOTES ? table->memory->notes[place] : 0;
}

void process_table_set_note(struct process_table *table, unsigned place, uint64_t value)
{
    if (place < PROCESS_TABLE_NOTES)
        __atomic_store_n(&table->memory->notes[place], value, __ATOMIC_RELEASE);
}

/* --- everybody ------------------------------------------------------------------------------- */

unsigned process_table_used(const struct process_table *table)
{
    return clamp_used(table->memory);
}

RESULT process_table_read(const struct process_table *table, unsigned number,
                          struct process_info *out)
{
    if (number >= clamp_used(table->memory))
        return result_fail(ERROR_NOT_FOUND);
    const struct slot *slot = &table->memory->slots[number];
    for (unsigned attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
        uint32_t before = atomic_load_explicit(&slot->sequence, memory_order_acquire);
        if ((before & 1) != 0)
            continue;
        bytes_copy(out, sizeof *out, &slot->info, sizeof slot->info);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&slot->sequence, memory_order_relaxed) != before)
            continue;
        bool is_there = out->key.pid != 0 && texts_fit(out);
        return is_there ? RESULT_OK : result_fail(ERROR_NOT_FOUND);
    }
    return result_fail(ERROR_NOT_FOUND);
}

static bool is_wanted(const struct process_info *info, struct process_key key, bool any_start)
{
    return any_start ? info->key.pid == key.pid && info->end_ns == 0
                     : process_key_equal(info->key, key);
}

/* Through the index; ERROR_AGAIN when entries moved meanwhile. */
static RESULT find_indexed(const struct process_table *table, struct process_key key,
                           bool any_start, struct process_info *out)
{
    const struct memory *memory = table->memory;
    uint32_t before = atomic_load_explicit(&memory->index_sequence, memory_order_acquire);
    if ((before & 1) != 0)
        return result_fail(ERROR_AGAIN);
    uint32_t tag = tag_of(key.pid);
    uint32_t place = UINT32_MAX;
    for (uint32_t steps = 0; steps < READ_CANDIDATES; steps++) {
        uint32_t slot = index_next(memory, tag, &place);
        if (slot == NO_SLOT)
            break;
        if (result_is_ok(process_table_read(table, slot, out)) && is_wanted(out, key, any_start))
            return RESULT_OK;
    }
    atomic_thread_fence(memory_order_acquire);
    bool has_moved =
        atomic_load_explicit(&memory->index_sequence, memory_order_relaxed) != before;
    return result_fail(has_moved ? ERROR_AGAIN : ERROR_NOT_FOUND);
}

static RESULT find_process(const struct process_table *table, struct process_key key,
                           bool any_start, struct process_info *out)
{
    if (key.pid == 0)
        return result_fail(ERROR_NOT_FOUND);
    for (unsigned attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
        struct result result = find_indexed(table, key, any_start, out);
        if (result.error != ERROR_AGAIN)
            return result;
    }
    /* The writer died while it moved entries, and has no successor yet: without the index. */
    unsigned used = process_table_used(table);
    for (unsigned slot = 0; slot < used; slot++)
        if (result_is_ok(process_table_read(table, slot, out)) && is_wanted(out, key, any_start))
            return RESULT_OK;
    return result_fail(ERROR_NOT_FOUND);
}

RESULT process_table_find(const struct process_table *table, struct process_key key,
                          struct process_info *out)
{
    return find_process(table, key, false, out);
}

RESULT process_table_find_pid(const struct process_table *table, uint32_t pid,
                              struct process_info *out)
{
    return find_process(table, (struct process_key){.pid = pid}, true, out);
}

unsigned process_table_ancestors(const struct process_table *table, struct process_key parent,
                                 struct process_info *out, unsigned limit)
{
    unsigned count = 0;
    while (count < limit && result_is_ok(process_table_find(table, parent, &out[count]))) {
        parent = out[count].parent;
        count++;
    }
    return count;
}

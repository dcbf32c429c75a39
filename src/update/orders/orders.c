// SPDX-License-Identifier: Apache-2.0
#include "update/orders/orders.h"

#include "base/atomic_file.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/disk.h"
#include "base/reader.h"

#include <string.h>

static const char STANDING_FILE[] = "orders";
static const char STANDING_MAGIC[] = "CREORDS1";
static const char ORDER_MAGIC[] = "CREORDR1";
static const char ORDER_SUFFIX[] = ".order";

enum {
    MAGIC_BYTES = 8,
    FLAG_HELD = 1,
    FLAG_PINNED = 2,
    NAMES_BYTES = LIMIT_HALTS * RELEASE_NAME_BYTES,
    STANDING_BYTES = MAGIC_BYTES + 4 + RELEASE_NAME_BYTES + 2 * (4 + NAMES_BYTES),
    ORDER_BYTES = MAGIC_BYTES + 4 + 4 + RELEASE_NAME_BYTES,
    FILE_MODE = 0600,
};

/* --- what stands
 * ------------------------------------------------------------------------------- */

static RESULT write_names(struct writer *writer, const struct release_name *names, uint32_t count)
{
    GUARD(writer_u32(writer, count));
    for (uint32_t i = 0; i < LIMIT_HALTS; i++)
        GUARD(writer_copy(writer, i < count ? names[i].bytes : (struct release_name){{0}}.bytes,
                          RELEASE_NAME_BYTES));
    return RESULT_OK;
}

static RESULT read_names(struct reader *reader, struct release_name *names, uint32_t *ret_count)
{
    GUARD(reader_u32(reader, ret_count));
    if (*ret_count > LIMIT_HALTS)
        return result_fail(ERROR_FORMAT);
    for (uint32_t i = 0; i < LIMIT_HALTS; i++)
        GUARD(reader_copy(reader, names[i].bytes, RELEASE_NAME_BYTES));
    return RESULT_OK;
}

static RESULT read_magic(struct reader *reader, const char *magic)
{
    struct bytes found;
    GUARD(reader_view(reader, MAGIC_BYTES, &found));
    return memcmp(found.data, magic, MAGIC_BYTES) == 0 ? RESULT_OK : result_fail(ERROR_FORMAT);
}

static RESULT decode_standing(struct reader *reader, struct standing_orders *orders)
{
    uint32_t flags;
    GUARD(read_magic(reader, STANDING_MAGIC));
    GUARD(reader_u32(reader, &flags));
    if ((flags & ~(uint32_t)(FLAG_HELD | FLAG_PINNED)) != 0)
        return result_fail(ERROR_FORMAT);
    orders->is_held = (flags & FLAG_HELD) != 0;
    orders->is_pinned = (flags & FLAG_PINNED) != 0;
    GUARD(reader_copy(reader, orders->pin.bytes, RELEASE_NAME_BYTES));
    GUARD(read_names(reader, orders->allowed, &orders->allowed_count));
    GUARD(read_names(reader, orders->lifted, &orders->lifted_count));
    return reader_end(reader);
}

RESULT standing_orders_read(int folder, struct standing_orders *ret_orders,
                            struct explanation *why)
{
    uint8_t data[STANDING_BYTES];
    size_t size = 0;
    *ret_orders = (struct standing_orders){0};
    struct result result =
        atomic_file_read(folder, STANDING_FILE, data, sizeof data, &size, why);
    if (result.error == ERROR_NOT_FOUND)
        return RESULT_OK;
    struct reader reader = reader_of(data, size);
    if (result_is_ok(result) && !result_is_ok(decode_standing(&reader, ret_orders)))
        result = explain(why, ERROR_FORMAT, "the administrator's orders about updates are damaged; "
                                            "give them again (creance content hold, pin)");
    if (!result_is_ok(result))
        *ret_orders = (struct standing_orders){0};
    return result;
}

RESULT standing_orders_write(int folder, const struct standing_orders *orders,
                             struct explanation *why)
{
    uint8_t data[STANDING_BYTES];
    struct writer writer = writer_of(data, sizeof data);
    uint32_t flags = (orders->is_held ? FLAG_HELD : 0u) | (orders->is_pinned ? FLAG_PINNED : 0u);
    GUARD(writer_copy(&writer, STANDING_MAGIC, MAGIC_BYTES));
    GUARD(writer_u32(&writer, flags));
    GUARD(writer_copy(&writer, orders->pin.bytes, RELEASE_NAME_BYTES));
    GUARD(write_names(&writer, orders->allowed, orders->allowed_count));
    GUARD(write_names(&writer, orders->lifted, orders->lifted_count));
    return atomic_file_write(folder, STANDING_FILE, data, writer.at, FILE_MODE, why);
}

void standing_orders_allow(struct standing_orders *orders, struct release_name release)
{
    for (uint32_t i = 0; i < orders->allowed_count; i++)
        if (release_name_equal(orders->allowed[i], release))
            return;
    if (orders->allowed_count == LIMIT_HALTS) {
        orders->allowed_count--;
        for (uint32_t i = 0; i < orders->allowed_count; i++)
            orders->allowed[i] = orders->allowed[i + 1];
    }
    orders->allowed[orders->allowed_count++] = release;
}

void standing_orders_apply(const struct standing_orders *orders, struct admission_policy *policy)
{
    policy->is_held = policy->is_held || orders->is_held;
    if (orders->is_pinned) {
        policy->is_pinned = true;
        policy->pin = orders->pin;
    }
    for (uint32_t i = 0; i < orders->allowed_count && policy->allowed_count < LIMIT_HALTS; i++)
        policy->allowed[policy->allowed_count++] = orders->allowed[i];
    for (uint32_t i = 0; i < orders->lifted_count && policy->lifted_count < LIMIT_HALTS; i++)
        policy->lifted[policy->lifted_count++] = orders->lifted[i];
}

/* --- once
 * -------------------------------------------------------------------------------------- */

RESULT order_put(int folder, const struct order *order, struct explanation *why)
{
    uint8_t data[ORDER_BYTES];
    char name[64];
    struct writer writer = writer_of(data, sizeof data);
    GUARD(writer_copy(&writer, ORDER_MAGIC, MAGIC_BYTES));
    GUARD(writer_u32(&writer, (uint32_t)order->verb));
    GUARD(writer_u32(&writer, order->stream));
    GUARD(writer_copy(&writer, order->release.bytes, RELEASE_NAME_BYTES));
    (void)string_format(name, sizeof name, "%016llx%s",
                        (unsigned long long)clock_boottime_ns(clock_system()), ORDER_SUFFIX);
    return atomic_file_write(folder, name, data, writer.at, FILE_MODE, why);
}

/* The first by its name, which is the time when it was given. */
static void find_order(void *context, const char *name)
{
    char *found = context;
    if (name[0] != '.' && string_ends_with(name, ORDER_SUFFIX)
        && (found[0] == '\0' || strcmp(name, found) < 0))
        (void)string_copy(found, LIMIT_PATH_BYTES, name);
}

static RESULT decode_order(struct reader *reader, struct order *order)
{
    uint32_t verb;
    GUARD(read_magic(reader, ORDER_MAGIC));
    GUARD(reader_u32(reader, &verb));
    GUARD(reader_u32(reader, &order->stream));
    GUARD(reader_copy(reader, order->release.bytes, RELEASE_NAME_BYTES));
    GUARD(reader_end(reader));
    if (verb < ORDER_WITHDRAW || verb >= ORDER_END)
        return result_fail(ERROR_FORMAT);
    order->verb = (enum order_verb)verb;
    return RESULT_OK;
}

RESULT order_next(int folder, struct order *ret_order, struct explanation *why)
{
    const struct disk *disk = disk_system();
    char name[LIMIT_PATH_BYTES] = "";
    uint8_t data[ORDER_BYTES];
    size_t size = 0;
    *ret_order = (struct order){.verb = ORDER_END};
    GUARD(disk->list(disk->context, folder, find_order, name));
    if (name[0] == '\0')
        return result_fail(ERROR_AGAIN);
    struct result result = atomic_file_read(folder, name, data, sizeof data, &size, why);
    /* Gone before it is carried out: one that kills us must not come again. */
    GUARD(disk->remove(disk->context, folder, name));
    struct reader reader = reader_of(data, size);
    if (!result_is_ok(result) || !result_is_ok(decode_order(&reader, ret_order)))
        return explain(why, ERROR_FORMAT, "the order %s made no sense and is dropped", name);
    return RESULT_OK;
}

// SPDX-License-Identifier: Apache-2.0
/*
 * Kernel records as outside bytes. The input is a row of records, each behind its length (u16); its
 * first byte chooses whether they come through the ring or the snapshot's stream. What is
 * understood must survive encoding and decoding, and the table must stay readable.
 */
#include "sensor/normalise.h"

#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void encode_and_decode(const struct event *event)
{
    static uint8_t encoded[LIMIT_EVENT_BYTES];
    static struct event copy;
    struct writer writer = writer_of(encoded, sizeof encoded);
    require(result_is_ok(event_encode(event, &writer)));
    require(result_is_ok(event_decode(encoded, writer.at, &copy)));
    require(copy.present == event->present && copy.incomplete == event->incomplete);
}

static void read_record(struct normaliser *normaliser, struct process_table *table,
                        struct bytes record, bool is_snapshot)
{
    static struct event event;
    struct process_key key;
    bool is_new;
    if (!is_snapshot) {
        if (result_is_ok(normalise(normaliser, record, &event)))
            encode_and_decode(&event);
        return;
    }
    if (!result_is_ok(normalise_snapshot(normaliser, record, &key, &is_new)))
        return;
    const struct process_info *info = process_table_get(table, key);
    require(info != NULL);
    normalise_running(normaliser, info, &event);
    encode_and_decode(&event);
}

static void read_table(const struct process_table *table)
{
    struct process_info ancestors[4];
    for (unsigned slot = 0; slot < process_table_used(table); slot++) {
        struct process_info info;
        if (result_is_ok(process_table_read(table, slot, &info)))
            (void)process_table_ancestors(table, info.parent, ancestors, 4);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd;
    struct process_table *table;
    struct users *users;
    struct normaliser *normaliser;
    require(result_is_ok(process_table_create(&fd)));
    require(result_is_ok(process_table_open(fd, &table)));
    require(result_is_ok(users_open("/nonexistent", &users)));
    require(result_is_ok(normaliser_new(table, users, "0a1b2c3d", &normaliser)));

    struct reader reader = reader_of(data, size);
    uint8_t mode;
    uint16_t length;
    struct bytes record;
    if (result_is_ok(reader_u8(&reader, &mode)))
        while (result_is_ok(reader_u16(&reader, &length))
               && result_is_ok(reader_view(&reader, length, &record)))
            read_record(normaliser, table, record, (mode & 1) != 0);
    read_table(table);

    normaliser_free(normaliser);
    users_close(users);
    process_table_close(table);
    close(fd);
    return 0;
}

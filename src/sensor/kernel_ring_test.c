// SPDX-License-Identifier: Apache-2.0
#include "sensor/kernel_ring.h"

#include "base/bytes.h"
#include "sensor/fake_kernel.h"
#include "tests/unit.h"

#include <unistd.h>

enum { RING_BYTES = 4096 };

static void assert_next(struct kernel_ring *ring, uint32_t number, uint64_t after)
{
    struct kernel_record record;
    assert_ok(kernel_ring_next(ring, &record));
    assert_true(record.sample.size >= sizeof number);
    assert_memory_equal(record.sample.data, &number, sizeof number);
    assert_true(record.after == after);
}

static void reads_round_and_round(void **state)
{
    (void)state;
    struct fake_ring fake;
    fake_ring_create(&fake, RING_BYTES);
    struct kernel_ring *ring;
    assert_ok(kernel_ring_open(fake.fd, RING_BYTES, &ring));
    uint8_t data[300] = {0};
    struct kernel_record record;
    assert_error(kernel_ring_next(ring, &record), ERROR_AGAIN);
    for (uint32_t i = 0; i < 1000; i++) {
        uint64_t after;
        bytes_copy(data, sizeof data, &i, sizeof i);
        assert_true(fake_ring_push(&fake, data, 4 + i % 290, 0, &after));
        assert_next(ring, i, after);
        assert_error(kernel_ring_next(ring, &record), ERROR_AGAIN);
        assert_true(fake_ring_consumer(&fake) < after);
        kernel_ring_done(ring, after);
        assert_true(fake_ring_consumer(&fake) == after);
        assert_true(kernel_ring_waiting(ring) == 0);
    }
    kernel_ring_close(ring);
    fake_ring_free(&fake);
}

static void passes_over_discarded_and_stops_at_busy(void **state)
{
    (void)state;
    struct fake_ring fake;
    fake_ring_create(&fake, RING_BYTES);
    struct kernel_ring *ring;
    assert_ok(kernel_ring_open(fake.fd, RING_BYTES, &ring));
    uint32_t number = 7;
    uint64_t after;
    uint64_t busy;
    assert_true(fake_ring_push(&fake, "gone", 4, KERNEL_RING_DISCARD, NULL));
    assert_true(fake_ring_push(&fake, &number, sizeof number, 0, &after));
    assert_true(fake_ring_push(&fake, "soon", 4, KERNEL_RING_BUSY, &busy));
    assert_next(ring, 7, after);
    struct kernel_record record;
    assert_error(kernel_ring_next(ring, &record), ERROR_AGAIN);
    assert_true(kernel_ring_position(ring) == after);
    uint32_t header = 4;
    fake_ring_poke(&fake, after, &header, sizeof header);
    assert_ok(kernel_ring_next(ring, &record));
    assert_true(record.after == busy);
    assert_memory_equal(record.sample.data, "soon", 4);
    kernel_ring_close(ring);
    fake_ring_free(&fake);
}

static void goes_on_where_it_is_told(void **state)
{
    (void)state;
    struct fake_ring fake;
    fake_ring_create(&fake, RING_BYTES);
    uint64_t after[3];
    for (uint32_t i = 0; i < 3; i++)
        assert_true(fake_ring_push(&fake, &i, sizeof i, 0, &after[i]));
    struct kernel_ring *ring;
    assert_ok(kernel_ring_open(fake.fd, RING_BYTES, &ring));
    assert_error(kernel_ring_seek(ring, after[2] + 8), ERROR_STATE);
    assert_error(kernel_ring_seek(ring, 3), ERROR_STATE);
    assert_ok(kernel_ring_seek(ring, after[1]));
    assert_error(kernel_ring_seek(ring, after[0]), ERROR_STATE);
    assert_next(ring, 2, after[2]);
    kernel_ring_done(ring, after[2]);
    kernel_ring_close(ring);
    assert_ok(kernel_ring_open(fake.fd, RING_BYTES, &ring));
    assert_true(kernel_ring_position(ring) == after[2]);
    kernel_ring_close(ring);
    fake_ring_free(&fake);
}

/* Every nonsense ends at the writer's position, and the ring can be used from there. */
static void nonsense_is_refused_once(void **state)
{
    (void)state;
    const uint32_t lengths[] = {9, 4096, 0x3fffffff, 0x3fffffff | KERNEL_RING_DISCARD};
    const uint64_t jumps[] = {0, 4, 5000, UINT64_MAX / 2};
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 4; j++) {
            struct fake_ring fake;
            fake_ring_create(&fake, RING_BYTES);
            struct kernel_ring *ring;
            assert_ok(kernel_ring_open(fake.fd, RING_BYTES, &ring));
            uint64_t number = 1;
            assert_true(fake_ring_push(&fake, &number, sizeof number, 0, NULL));
            fake_ring_poke(&fake, 0, &lengths[i], sizeof lengths[i]);
            fake_ring_set_producer(&fake, fake_ring_producer(&fake) + jumps[j]);
            struct kernel_record record;
            struct result result = kernel_ring_next(ring, &record);
            bool may_pass = i == 0 && j == 1; /* 9 bytes do fit in front of a torn end */
            if (!may_pass)
                assert_error(result, ERROR_FORMAT);
            if (!result_is_ok(result))
                assert_true(kernel_ring_position(ring) == fake_ring_producer(&fake));
            kernel_ring_close(ring);
            fake_ring_free(&fake);
        }
    }
}

static void odd_sizes_are_refused(void **state)
{
    (void)state;
    struct fake_ring fake;
    fake_ring_create(&fake, RING_BYTES);
    struct kernel_ring *ring;
    assert_error(kernel_ring_open(fake.fd, 0, &ring), ERROR_FORMAT);
    assert_error(kernel_ring_open(fake.fd, 2048, &ring), ERROR_FORMAT);
    assert_error(kernel_ring_open(fake.fd, 12288, &ring), ERROR_FORMAT);
    assert_error(kernel_ring_open(fake.fd, SIZE_MAX, &ring), ERROR_FORMAT);
    assert_error(kernel_ring_open(-1, RING_BYTES, &ring), ERROR_SYSTEM);
    fake_ring_free(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_round_and_round),
        cmocka_unit_test(passes_over_discarded_and_stops_at_busy),
        cmocka_unit_test(goes_on_where_it_is_told),
        cmocka_unit_test(nonsense_is_refused_once),
        cmocka_unit_test(odd_sizes_are_refused),
    };
    return unit_run("kernel_ring", tests);
}

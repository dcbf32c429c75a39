// SPDX-License-Identifier: Apache-2.0
#include "update/orders/orders.h"

#include "base/atomic_file.h"
#include "base/bytes.h"
#include "tests/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct bench {
    char path[64];
    int folder;
};

static int open_bench(void **state)
{
    static struct bench bench;
    assert_true(string_copy(bench.path, sizeof bench.path, "/tmp/creance-orders-XXXXXX"));
    assert_non_null(mkdtemp(bench.path));
    bench.folder = open(bench.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(bench.folder >= 0);
    *state = &bench;
    return 0;
}

static int close_bench(void **state)
{
    const struct bench *bench = *state;
    static const char *const LEFT[] = {"orders", "x.order"};
    for (size_t i = 0; i < sizeof LEFT / sizeof LEFT[0]; i++)
        (void)unlinkat(bench->folder, LEFT[i], 0);
    close(bench->folder);
    return rmdir(bench->path);
}

static struct release_name named(uint8_t number) { return (struct release_name){{number}}; }

static void what_is_ordered_stands(void **state)
{
    const struct bench *bench = *state;
    struct standing_orders orders, again;
    struct explanation why;
    assert_ok(standing_orders_read(bench->folder, &orders, &why));
    assert_false(orders.is_held || orders.is_pinned);
    orders.is_pinned = true;
    orders.pin = named(7);
    for (unsigned i = 1; i <= LIMIT_HALTS + 1; i++)
        standing_orders_allow(&orders, named((uint8_t)i));
    standing_orders_allow(&orders, named(2)); /* is there already */
    assert_int_equal(orders.allowed_count, LIMIT_HALTS);
    assert_ok(standing_orders_write(bench->folder, &orders, &why));
    assert_ok(standing_orders_read(bench->folder, &again, &why));
    assert_memory_equal(&orders, &again, sizeof orders);

    struct admission_policy policy = admission_policy_default();
    standing_orders_apply(&again, &policy);
    assert_true(policy.is_pinned && release_name_equal(policy.pin, named(7)));
    assert_false(policy.is_held);
    assert_true(release_name_equal(policy.allowed[0], named(2)));
    assert_int_equal(policy.allowed_count, LIMIT_HALTS);
}

static void damage_is_told_and_orders_nothing(void **state)
{
    const struct bench *bench = *state;
    struct standing_orders orders;
    struct explanation why;
    uint8_t bytes[600] = "CREORDS1";
    bytes[8] = 4; /* a flag that means nothing */
    static const size_t SIZES[] = {0, 8, 547, 548, 549, sizeof bytes};
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        assert_ok(atomic_file_write(bench->folder, "orders", bytes, SIZES[i], 0600, &why));
        assert_false(result_is_ok(standing_orders_read(bench->folder, &orders, &why)));
        assert_false(orders.is_held || orders.is_pinned);
    }
    assert_ok(atomic_file_write(bench->folder, "x.order", bytes, 32, 0600, &why));
    struct order order;
    assert_error(order_next(bench->folder, &order, &why), ERROR_FORMAT);
    assert_error(order_next(bench->folder, &order, &why), ERROR_AGAIN);
}

static void an_order_is_carried_out_once(void **state)
{
    const struct bench *bench = *state;
    const struct order first = {ORDER_WITHDRAW, 2, named(9)};
    const struct order second = {.verb = ORDER_RESET_LEVEL};
    struct order found;
    struct explanation why;
    assert_ok(order_put(bench->folder, &first, &why));
    assert_ok(order_put(bench->folder, &second, &why));
    assert_ok(order_next(bench->folder, &found, &why));
    assert_int_equal(found.verb, ORDER_WITHDRAW);
    assert_int_equal(found.stream, 2);
    assert_true(release_name_equal(found.release, named(9)));
    assert_ok(order_next(bench->folder, &found, &why));
    assert_int_equal(found.verb, ORDER_RESET_LEVEL);
    assert_error(order_next(bench->folder, &found, &why), ERROR_AGAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_ordered_stands, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(damage_is_told_and_orders_nothing, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(an_order_is_carried_out_once, open_bench, close_bench),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

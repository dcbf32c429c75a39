// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What every unit test includes: cmocka, and asserts for our result type that print the failure.
 * A unit test prints TAP; the runner counts its lines.
 */
#include "base/result.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define assert_ok(expression)                                                        \
    do {                                                                             \
        struct result unit_result_ = (expression);                                   \
        if (!result_is_ok(unit_result_))                                             \
            fail_msg("%s failed: %s", #expression, result_text(unit_result_));       \
    } while (0)

#define assert_error(expression, expected)                                           \
    do {                                                                             \
        struct result unit_result_ = (expression);                                   \
        if (unit_result_.error != (expected))                                        \
            fail_msg("%s gave \"%s\", expected %s", #expression,                     \
                     result_text(unit_result_), #expected);                          \
    } while (0)

#define unit_run(group, tests) \
    (cmocka_set_message_output(CM_OUTPUT_TAP), \
     cmocka_run_group_tests_name(group, tests, NULL, NULL))

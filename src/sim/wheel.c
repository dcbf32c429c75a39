// SPDX-License-Identifier: Apache-2.0
#include "sim/wheel.h"

#include <stdlib.h>
#include <string.h>

RESULT wheel_init(struct wheel *wheel, uint32_t hosts, uint32_t minutes)
{
    *wheel = (struct wheel){.minutes = minutes};
    wheel->first = malloc(sizeof *wheel->first * minutes);
    wheel->next = malloc(sizeof *wheel->next * hosts);
    if (wheel->first == NULL || wheel->next == NULL) {
        wheel_free(wheel);
        return result_fail(ERROR_MEMORY);
    }
    wheel_clear(wheel);
    return RESULT_OK;
}

void wheel_free(struct wheel *wheel)
{
    free(wheel->first);
    free(wheel->next);
    *wheel = (struct wheel){0};
}

void wheel_clear(struct wheel *wheel)
{
    memset(wheel->first, 0xff, sizeof *wheel->first * wheel->minutes);
}

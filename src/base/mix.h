// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Mixing of numbers (splitmix64 by Steele, Lea and Flood): neighbouring ones fall far apart, each
 * result comes from one number only. The same for ever and on every machine, so that hosts and hubs
 * agree. No secret: who may choose the number chooses the result (base/keyed_hash.h is for that).
 */
#include <stdint.h>

static inline uint64_t mix64(uint64_t mixed)
{
    mixed += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

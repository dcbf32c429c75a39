// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The kernel's side of the sensor: one object, in which every program is a probe of its own
 * (sensor/probes.def says what each shows and what is not seen without it).
 */
#include "call.h"
#include "process.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

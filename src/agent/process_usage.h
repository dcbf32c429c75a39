// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What a process uses, and what the host has, from files of /proc that everybody may read (proc(5):
 * stat, statm and meminfo).
 */
#include <stdint.h>

struct process_usage {
    uint64_t cpu_ticks;     /* user and kernel time since its start */
    uint64_t private_bytes; /* resident and not shared with others or a file */
    uint64_t shared_bytes;  /* the rest of what is resident */
};

/* `processes` is an open /proc, or -1. All zeros where the process is gone. */
struct process_usage process_usage_read(int processes, uint32_t pid);
double process_usage_ticks_per_second(void);

/* Memory of the whole host (proc(5): meminfo). */
struct memory_usage {
    uint64_t total_bytes;     /* 0: one of the two could not be read */
    uint64_t available_bytes; /* without that anybody must give something up */
};
struct memory_usage memory_usage_read(int processes);

// SPDX-License-Identifier: Apache-2.0
/* Only in test builds (meson option `faults`). */
#include "base/fault.h"

#include "base/clock.h"
#include "base/limits.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum fault fault_planted = FAULT_NONE;
bool fault_set[FAULT_COUNT];

enum { SLOW_LOAD_S = 3 };

/* As a leak does: without an end, used, and ended by whoever refuses first. */
static void eat_memory(void)
{
    for (;;) {
        enum { BITE_BYTES = 4 * MIB };
        void *bite = malloc(BITE_BYTES);
        if (bite == NULL)
            abort(); /* as most code does that cannot go on */
        memset(bite, 1, BITE_BYTES);
    }
}

static uint64_t thread_time_ns(clockid_t clock)
{
    struct timespec time = {0};
    (void)clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

/* A mistake that takes its time: it counts from the first rule that this process matched. */
static void crash_when_late(struct bytes title)
{
    static const char NAME[] = "creance-fault-late-";
    static uint64_t first_ns;
    uint64_t now_ns = thread_time_ns(CLOCK_BOOTTIME);
    if (first_ns == 0)
        first_ns = now_ns;
    if (!fault_is_named(title, NAME))
        return;
    const uint8_t *digit = memmem(title.data, title.size, NAME, sizeof NAME - 1);
    uint64_t late_s = 0;
    const uint8_t *end = title.data + title.size;
    for (digit += sizeof NAME - 1; digit < end && *digit >= '0' && *digit <= '9'; digit++)
        late_s = late_s * 10 + (uint64_t)(*digit - '0');
    if (now_ns - first_ns >= late_s * NS_PER_S)
        abort();
}

static void burn_time(void)
{
    enum { BURN_MS = 5 };
    uint64_t end_ns = thread_time_ns(CLOCK_THREAD_CPUTIME_ID) + BURN_MS * NS_PER_MS;
    while (thread_time_ns(CLOCK_THREAD_CPUTIME_ID) < end_ns)
        ;
}

/* A little more with each match, held for ever. */
static void leak_memory(void)
{
    enum { DROP_BYTES = 16 * MIB };
    static void **last;
    void **drop = malloc(DROP_BYTES);
    if (drop == NULL)
        abort();
    memset(drop, 1, DROP_BYTES);
    *drop = last;
    last = drop;
}

void fault_in_rule(struct bytes title)
{
    fault_in_engine(title);
    crash_when_late(title);
    if (fault_is_named(title, "creance-fault-memory"))
        eat_memory();
    if (fault_is_named(title, "creance-fault-leak"))
        leak_memory();
    if (fault_is_named(title, "creance-fault-slow"))
        burn_time();
}

/* Every way to cut the text into three. */
void fault_backtrack(struct bytes text)
{
    volatile size_t tries = 0; /* or the compiler sees that it is for nothing */
    for (size_t first = 0; first < text.size; first++) {
        for (size_t second = first; second < text.size; second++) {
            for (size_t third = second; third < text.size; third++)
                tries = tries + (text.data[third] == '=');
        }
    }
}

void fault_in_loading(struct bytes title)
{
    if (fault_is_named(title, "creance-fault-load-crash"))
        abort();
    if (fault_is_named(title, "creance-fault-load-slow"))
        (void)nanosleep(&(struct timespec){.tv_sec = SLOW_LOAD_S}, NULL);
    while (fault_is_named(title, "creance-fault-load-hang"))
        ;
    if (fault_is_named(title, "creance-fault-load-memory"))
        eat_memory();
}

static enum fault find_fault(const char *name, size_t size)
{
    static const char *const WORDS[] = {
        "",
#define FAULT(id, word, text) word,
#include "base/fault.def"
    };
    for (unsigned fault = FAULT_NONE + 1; fault < FAULT_COUNT; fault++) {
        if (strlen(WORDS[fault]) == size && memcmp(WORDS[fault], name, size) == 0)
            return (enum fault)fault;
    }
    return FAULT_NONE;
}

void fault_plant(void)
{
    const char *names = getenv("CREANCE_FAULT");
    while (names != NULL && *names != '\0') {
        size_t size = strcspn(names, ",");
        enum fault fault = size == 0 ? FAULT_NONE : find_fault(names, size);
        if (fault == FAULT_NONE) {
            fprintf(stderr, "CREANCE_FAULT: there is no fault '%.*s' (src/base/fault.def)\n",
                    (int)size, names);
            exit(EXIT_FAILURE);
        }
        fault_set[fault] = true;
        names += size + (names[size] == ',');
    }
}

/* As a program in the kernel that reads what is not there. The seconds are for the machine's
 * console, from which the test takes what has reached the disk. */
void fault_panic(void)
{
    enum { PANIC_AFTER_S = 5 };
    if (!fault_is_planted(FAULT_PANIC_PROBES))
        return;
    (void)nanosleep(&(struct timespec){.tv_sec = PANIC_AFTER_S}, NULL);
    int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
    ssize_t written = fd >= 0 ? write(fd, "c", 1) : 0;
    (void)written; /* nobody is there any more to look */
}

char *fault_environment(void)
{
    static const char NAME[] = "CREANCE_FAULT=";
    for (char **row = environ; *row != NULL; row++) {
        if (strncmp(*row, NAME, sizeof NAME - 1) == 0)
            return *row;
    }
    return NULL;
}

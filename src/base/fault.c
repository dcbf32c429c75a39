// SPDX-License-Identifier: Apache-2.0
/* Only in test builds (meson option `faults`). */
#include "base/fault.h"

#include "base/clock.h"
#include "base/limits.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

enum fault fault_planted = FAULT_NONE;
uint64_t fault_set[2];

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

void fault_in_rule(struct bytes title)
{
    fault_in_engine(title);
    crash_when_late(title);
    if (fault_is_named(title, "creance-fault-memory"))
        eat_memory();
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

void fault_plant(void)
{
    static const struct {
        const char *name;
        enum fault fault;
    } FAULTS[] = {
        {"breaker-off", FAULT_BREAKER_OFF},
        {"alert-limit-off", FAULT_ALERT_LIMIT_OFF},
        {"engine-budget-off", FAULT_ENGINE_BUDGET_OFF},
        {"trial-tripwire-off", FAULT_TRIAL_TRIPWIRE_OFF},
        {"trial-off", FAULT_TRIAL_OFF},
        {"probes-refused", FAULT_PROBES_REFUSED},
        {"probes-crash", FAULT_PROBES_CRASH},
        {"breaker-hasty", FAULT_BREAKER_HASTY},
        {"fields-unchecked", FAULT_ENGINE_FIELDS_UNCHECKED},
        {"regex-backtracks", FAULT_ENGINE_BACKTRACKS},
        {"check-target-off", FAULT_CHECK_TARGET_OFF},
        {"check-tests-off", FAULT_CHECK_TESTS_OFF},
        {"check-fields-off", FAULT_CHECK_FIELDS_OFF},
        {"check-cost-off", FAULT_CHECK_COST_OFF},
        {"check-time-off", FAULT_CHECK_TIME_OFF},
        {"check-settings-off", FAULT_CHECK_SETTINGS_OFF},
        {"waves-ignored", FAULT_WAVES_IGNORED},
        {"waves-without-release", FAULT_WAVES_WITHOUT_RELEASE},
        {"waves-not-relative", FAULT_WAVES_NOT_RELATIVE},
        {"gate-shrugs", FAULT_GATE_SHRUGS},
        {"gate-missing-is-well", FAULT_GATE_MISSING_IS_WELL},
        {"gate-silence-is-well", FAULT_GATE_SILENCE_IS_WELL},
        {"gate-one-halts", FAULT_GATE_ONE_HALTS},
        {"gate-forgets-sizes", FAULT_GATE_FORGETS_SIZES},
        {"gate-peeks", FAULT_GATE_PEEKS},
        {"hub-shrugs", FAULT_HUB_SHRUGS},
        {"hub-hasty", FAULT_HUB_HASTY},
        {"hub-tells-nobody", FAULT_HUB_TELLS_NOBODY},
        {"lifecycle-stays", FAULT_LIFECYCLE_STAYS},
        {"lifecycle-no-floor", FAULT_LIFECYCLE_NO_FLOOR},
        {"lifecycle-early-good", FAULT_LIFECYCLE_EARLY_GOOD},
        {"lifecycle-retries-at-once", FAULT_LIFECYCLE_RETRIES_AT_ONCE},
        {"updates-blind", FAULT_UPDATES_BLIND},
        {"age-by-wall", FAULT_AGE_BY_WALL},
        {"boot-guard-off", FAULT_BOOT_GUARD_OFF},
        {"panic-probes", FAULT_PANIC_PROBES},
        {"clock-ahead", FAULT_CLOCK_AHEAD},
        {"clock-behind", FAULT_CLOCK_BEHIND},
        {"switches-freely", FAULT_LIFECYCLE_SWITCHES_FREELY},
        {"link-lies", FAULT_LINK_LIES},
        {"updater-lies", FAULT_UPDATER_LIES},
        {"ticket-hangs", FAULT_TICKET_HANGS},
        {"ticket-crashes", FAULT_TICKET_CRASHES},
        {"supervisor-hashes-not", FAULT_SUPERVISOR_HASHES_NOT},
    };
    const char *names = getenv("CREANCE_FAULT");
    while (names != NULL && *names != '\0') {
        size_t size = strcspn(names, ",");
        for (size_t i = 0; i < sizeof FAULTS / sizeof FAULTS[0]; i++) {
            if (strlen(FAULTS[i].name) == size && memcmp(FAULTS[i].name, names, size) == 0)
                fault_set[FAULTS[i].fault / 64] |= UINT64_C(1) << FAULTS[i].fault % 64;
        }
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

// SPDX-License-Identifier: Apache-2.0
#include "agent/process_usage.h"

#include "base/bytes.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { STAT_BYTES = 2048 };

double process_usage_ticks_per_second(void) { return (double)sysconf(_SC_CLK_TCK); }

static bool read_text(int processes, const char *path, char text[STAT_BYTES])
{
    int file = openat(processes, path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t size = read(file, text, STAT_BYTES - 1);
    close(file);
    text[size > 0 ? size : 0] = '\0';
    return size > 0;
}

static bool read_file(int processes, uint32_t pid, const char *name, char text[STAT_BYTES])
{
    char path[64];
    string_format(path, sizeof path, "%u/%s", pid, name);
    return read_text(processes, path, text);
}

/* The number that the text begins with, if it does. */
static bool number_at(const char *text, uint64_t *ret_number)
{
    char digits[24];
    string_copy(digits, sizeof digits, text);
    digits[strspn(digits, "0123456789")] = '\0';
    return result_is_ok(number_parse(digits, UINT64_MAX, ret_number));
}

/* The number in the word after `skip` words. 0 where there is none. */
static uint64_t word(const char *text, unsigned skip)
{
    for (; skip > 0 && text != NULL; skip--) {
        text = strchr(text, ' ');
        if (text != NULL)
            text++;
    }
    uint64_t number = 0;
    return text != NULL && number_at(text, &number) ? number : 0;
}

struct process_usage process_usage_read(int processes, uint32_t pid)
{
    struct process_usage usage = {0};
    char text[STAT_BYTES];
    if (processes < 0 || pid == 0 || !read_file(processes, pid, "stat", text))
        return usage;
    /* The name stands in brackets and may hold anything, brackets too: count from the last one.
     * ") S ppid ..." : the state is word 1, utime and stime are fields 14 and 15 of the file. */
    const char *rest = strrchr(text, ')');
    if (rest == NULL)
        return usage;
    usage.cpu_ticks = word(rest, 12) + word(rest, 13);
    if (!read_file(processes, pid, "statm", text))
        return usage;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t resident = word(text, 1) * page, shared = word(text, 2) * page;
    usage.shared_bytes = shared < resident ? shared : resident;
    usage.private_bytes = resident - usage.shared_bytes;
    return usage;
}

/* "MemTotal:       24618632 kB" */
static bool bytes_of(const char *text, const char *name, uint64_t *ret_bytes)
{
    uint64_t kib;
    const char *row = strstr(text, name);
    if (row == NULL)
        return false;
    row += strlen(name);
    if (!number_at(row + strspn(row, " "), &kib) || kib > UINT64_MAX / 1024)
        return false;
    *ret_bytes = kib * 1024;
    return true;
}

struct memory_usage memory_usage_read(int processes)
{
    struct memory_usage usage = {0};
    char text[STAT_BYTES];
    bool is_read = processes >= 0 && read_text(processes, "meminfo", text)
                   && bytes_of(text, "MemTotal:", &usage.total_bytes)
                   && bytes_of(text, "MemAvailable:", &usage.available_bytes);
    return is_read ? usage : (struct memory_usage){0};
}

// SPDX-License-Identifier: Apache-2.0
#include "agent/log_file.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

/* The files that predecessors left have numbers too, downwards from here. */
enum { FIRST_NUMBER = 1000 };

struct log_file {
    struct log_file_options options;
    int file; /* -1: not open */
    uint64_t identity;
    uint64_t number;
    uint64_t size;          /* after the last whole line */
    bool is_torn;           /* behind `size` lies half a line that could not be taken back */
    bool is_dirty;          /* something was appended since the last sync */
    uint64_t next_look_ns;  /* when to see whether the name still stands for our file */
    struct result state;
};

struct log_file *log_file_new(const struct log_file_options *options)
{
    struct log_file *log = calloc(1, sizeof *log);
    if (log == NULL)
        return NULL;
    log->options = *options;
    log->file = -1;
    log->number = FIRST_NUMBER;
    log->state = RESULT_OK;
    return log;
}

static void close_file(struct log_file *log)
{
    if (log->file >= 0)
        log->options.disk->close(log->options.disk->context, log->file);
    log->file = -1;
}

void log_file_free(struct log_file *log)
{
    if (log == NULL)
        return;
    close_file(log);
    free(log);
}

void log_file_set_limits(struct log_file *log, uint64_t rotate_bytes, unsigned files)
{
    log->options.rotate_bytes = rotate_bytes;
    log->options.files = files;
}

/* --- torn lines ------------------------------------------------------------------------------- */

/* Where the last whole line of the first `size` bytes ends. */
static RESULT find_line_end(const struct disk *disk, int file, uint64_t size, uint64_t *ret_end)
{
    char buffer[4096];
    uint64_t end = size;
    while (end > 0) {
        size_t wanted = end < sizeof buffer ? (size_t)end : sizeof buffer;
        uint64_t at = end - wanted;
        size_t got = 0;
        GUARD(disk->read(disk->context, file, at, buffer, wanted, &got));
        if (got < wanted)
            return result_fail(ERROR_STATE); /* somebody shortens the file under our hands */
        const char *newline = memrchr(buffer, '\n', got);
        if (newline != NULL) {
            *ret_end = at + (uint64_t)(newline - buffer) + 1;
            return RESULT_OK;
        }
        end = at;
    }
    *ret_end = 0;
    return RESULT_OK;
}

/* Takes back what lies behind log->size; remembers when that fails. */
static void take_back(struct log_file *log)
{
    const struct disk *disk = log->options.disk;
    log->is_torn = !result_is_ok(disk->truncate(disk->context, log->file, log->size));
}

/* --- opening and rotating --------------------------------------------------------------------- */

static RESULT open_file(struct log_file *log)
{
    const struct disk *disk = log->options.disk;
    struct disk_look look;
    GUARD(disk->open(disk->context, log->options.folder, log->options.name, &log->file));
    struct result result = disk->look(disk->context, log->file, &look);
    uint64_t end = 0;
    if (result_is_ok(result))
        result = find_line_end(disk, log->file, look.size, &end);
    if (!result_is_ok(result)) {
        close_file(log);
        return result;
    }
    log->identity = look.identity;
    log->size = end;
    log->is_torn = false;
    log->number++;
    if (end != look.size)
        take_back(log);
    log->next_look_ns = clock_boottime_ns(log->options.clock) + NS_PER_S;
    return RESULT_OK;
}

/* Somebody may have moved, deleted or shortened the file; asks at most once a second. */
static void notice_strangers(struct log_file *log)
{
    const struct disk *disk = log->options.disk;
    uint64_t now_ns = clock_boottime_ns(log->options.clock);
    if (log->file < 0 || now_ns < log->next_look_ns)
        return;
    log->next_look_ns = now_ns + NS_PER_S;
    struct disk_look look;
    struct result named =
        disk->look_at(disk->context, log->options.folder, log->options.name, &look);
    if (result_is_ok(named) && look.identity == log->identity && look.size >= log->size)
        return;
    close_file(log);
}

static bool name_of(const struct log_file *log, unsigned age, char out[LOG_FILE_NAME_BYTES])
{
    if (age == 0)
        return string_copy(out, LOG_FILE_NAME_BYTES, log->options.name);
    return string_format(out, LOG_FILE_NAME_BYTES, "%s.%u", log->options.name, age);
}

/* Moves each file on by one; the oldest is replaced. Names that are absent are passed over: they
 * are what a rotation leaves that was ended in the middle. */
static RESULT rotate(struct log_file *log)
{
    const struct disk *disk = log->options.disk;
    for (unsigned age = log->options.files - 1; age >= 1; age--) {
        char from[LOG_FILE_NAME_BYTES], to[LOG_FILE_NAME_BYTES];
        if (!name_of(log, age - 1, from) || !name_of(log, age, to))
            return result_fail(ERROR_LIMIT);
        struct result moved = disk->rename(disk->context, log->options.folder, from, to);
        if (!result_is_ok(moved)
            && !(moved.error == ERROR_SYSTEM && moved.system_errno == ENOENT))
            return moved;
    }
    result_ignore(log_file_sync(log)); /* said in the state; the file is closed all the same */
    close_file(log);
    return open_file(log);
}

static RESULT prepare(struct log_file *log, size_t size)
{
    notice_strangers(log);
    if (log->file < 0)
        GUARD(open_file(log));
    if (log->options.rotate_bytes != 0 && log->options.files > 1 && log->size > 0
        && log->size + size > log->options.rotate_bytes) {
        /* Where it fails the file grows on, unless it is no longer open at all. */
        struct result rotated = rotate(log);
        if (log->file < 0)
            return rotated;
    }
    if (log->is_torn)
        take_back(log);
    return RESULT_OK;
}

/* --- appending -------------------------------------------------------------------------------- */

static RESULT append_whole(struct log_file *log, const char *data, size_t size)
{
    const struct disk *disk = log->options.disk;
    size_t written = 0;
    struct result result = disk->append(disk->context, log->file, data, size, &written);
    if (result_is_ok(result) && written < size) {
        take_back(log);
        return (struct result){ERROR_SYSTEM, ENOSPC}; /* what a cut write of a file means */
    }
    return result;
}

/* Half a line is in the way: ours begins with a newline, so that it stands alone. */
static RESULT append_fenced(struct log_file *log, const char *line, size_t size)
{
    char *fenced = malloc(size + 1);
    if (fenced == NULL)
        return result_fail(ERROR_MEMORY);
    fenced[0] = '\n';
    bytes_copy(fenced + 1, size, line, size);
    struct result result = append_whole(log, fenced, size + 1);
    free(fenced);
    if (result_is_ok(result)) {
        log->is_torn = false;
        struct disk_look look;
        const struct disk *disk = log->options.disk;
        if (result_is_ok(disk->look(disk->context, log->file, &look)))
            log->size = look.size;
    }
    return result;
}

RESULT log_file_append(struct log_file *log, const char *line, size_t size)
{
    log->state = prepare(log, size);
    if (!result_is_ok(log->state))
        return log->state;
    if (log->is_torn) {
        log->state = append_fenced(log, line, size);
    } else {
        log->state = append_whole(log, line, size);
        if (result_is_ok(log->state))
            log->size += size;
    }
    log->is_dirty = log->is_dirty || result_is_ok(log->state);
    return log->state;
}

RESULT log_file_sync(struct log_file *log)
{
    if (!log->is_dirty || log->file < 0)
        return RESULT_OK;
    const struct disk *disk = log->options.disk;
    struct result result = disk->sync(disk->context, log->file);
    if (result_is_ok(result))
        log->is_dirty = false;
    else
        log->state = result;
    return result;
}

/* --- reading back ----------------------------------------------------------------------------- */

/* Whole lines of `file` from `at` to `end`; the first one is left out where `at` is amid a line. */
static RESULT visit_lines(const struct disk *disk, int file, uint64_t at, uint64_t end,
                          log_file_visitor *visit, void *context)
{
    size_t size = (size_t)(end - at);
    char *buffer = malloc(size + 1);
    if (buffer == NULL)
        return result_fail(ERROR_MEMORY);
    size_t got = 0;
    while (got < size) {
        size_t now = 0;
        struct result result =
            disk->read(disk->context, file, at + got, buffer + got, size - got, &now);
        if (!result_is_ok(result)) {
            free(buffer);
            return result;
        }
        if (now == 0)
            break;
        got += now;
    }
    const char *line = buffer;
    if (at > 0) {
        const char *newline = memchr(buffer, '\n', got);
        line = newline == NULL ? buffer + got : newline + 1;
    }
    for (;;) {
        size_t left = got - (size_t)(line - buffer);
        const char *newline = memchr(line, '\n', left);
        if (newline == NULL)
            break;
        visit(context, line, (size_t)(newline - line));
        line = newline + 1;
    }
    free(buffer);
    return RESULT_OK;
}

static RESULT visit_older(struct log_file *log, uint64_t bytes, log_file_visitor *visit,
                          void *context)
{
    const struct disk *disk = log->options.disk;
    char name[LOG_FILE_NAME_BYTES];
    int file;
    if (!name_of(log, 1, name))
        return result_fail(ERROR_LIMIT);
    struct result result = disk->open_read(disk->context, log->options.folder, name, &file);
    if (result.error == ERROR_NOT_FOUND)
        return RESULT_OK;
    GUARD(result);
    struct disk_look look;
    result = disk->look(disk->context, file, &look);
    if (result_is_ok(result))
        result = visit_lines(disk, file, look.size > bytes ? look.size - bytes : 0, look.size,
                             visit, context);
    disk->close(disk->context, file);
    return result;
}

RESULT log_file_visit_tail(struct log_file *log, uint64_t bytes, log_file_visitor *visit,
                           void *context)
{
    if (log->file < 0)
        GUARD(open_file(log));
    if (log->size < bytes)
        GUARD(visit_older(log, bytes - log->size, visit, context));
    return visit_lines(log->options.disk, log->file, log->size > bytes ? log->size - bytes : 0,
                       log->size, visit, context);
}

/* --- how it stands ---------------------------------------------------------------------------- */

struct result log_file_state(const struct log_file *log) { return log->state; }
uint64_t log_file_size(const struct log_file *log) { return log->size; }
uint64_t log_file_number(const struct log_file *log) { return log->number; }

bool log_file_name_of(const struct log_file *log, uint64_t number, char out[LOG_FILE_NAME_BYTES])
{
    uint64_t age = log->number - number;
    return number <= log->number && age < log->options.files && name_of(log, (unsigned)age, out);
}

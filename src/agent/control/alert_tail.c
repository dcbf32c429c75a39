// SPDX-License-Identifier: Apache-2.0
#include "agent/control/alert_tail.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

enum { READ_BYTES = 64 * KIB, LINE_BYTES_MAX = LINE_QUEUE_BYTES / 2 };

struct alert_tail {
    int folder;
    const struct log_file *log;
    uint64_t last;
    bool follow;
    bool is_placed;
    int file; /* -1: none */
    uint64_t identity;
    uint64_t number; /* of the file being read: see log_file_number() */
    uint64_t at;     /* of the next byte */
    uint64_t end;    /* without follow: where to stop in the newest file */
    char *line;      /* read, but without its end yet */
    size_t line_size, line_capacity;
};

struct alert_tail *alert_tail_new(int folder, const struct log_file *log, uint64_t last,
                                  bool follow)
{
    struct alert_tail *tail = calloc(1, sizeof *tail);
    if (tail != NULL)
        *tail = (struct alert_tail){.folder = folder, .log = log, .last = last, .follow = follow,
                                    .file = -1};
    return tail;
}

static void close_file(struct alert_tail *tail)
{
    if (tail->file >= 0)
        disk_system()->close(NULL, tail->file);
    tail->file = -1;
}

void alert_tail_free(struct alert_tail *tail)
{
    if (tail == NULL)
        return;
    close_file(tail);
    free(tail->line);
    free(tail);
}

/* --- finding the place to begin --------------------------------------------------------------- */

static RESULT open_number(struct alert_tail *tail, uint64_t number, uint64_t *ret_size)
{
    char name[LOG_FILE_NAME_BYTES];
    struct disk_look look;
    if (!log_file_name_of(tail->log, number, name))
        return result_fail(ERROR_NOT_FOUND);
    close_file(tail);
    GUARD(disk_system()->open_read(NULL, tail->folder, name, &tail->file));
    GUARD(disk_system()->look(NULL, tail->file, &look));
    tail->identity = look.identity;
    tail->number = number;
    tail->at = 0;
    *ret_size = look.size;
    return RESULT_OK;
}

/* Goes back over `wanted` lines of the open file; *ret_found says how many there are at most. */
static RESULT go_back(struct alert_tail *tail, uint64_t size, uint64_t wanted, uint64_t *ret_found)
{
    char buffer[4096];
    uint64_t found = 0, end = size;
    while (end > 0) {
        size_t part = end < sizeof buffer ? (size_t)end : sizeof buffer;
        size_t got = 0;
        GUARD(disk_system()->read(NULL, tail->file, end - part, buffer, part, &got));
        if (got < part)
            return result_fail(ERROR_STATE);
        for (size_t i = part; i > 0; i--) {
            /* The newline at the very end belongs to the last line. */
            if (buffer[i - 1] != '\n' || end - part + i == size)
                continue;
            if (++found == wanted) {
                tail->at = end - part + i;
                *ret_found = wanted;
                return RESULT_OK;
            }
        }
        end -= part;
    }
    tail->at = 0;
    *ret_found = size == 0 ? 0 : found + 1;
    return RESULT_OK;
}

/* The newest file that holds the first wanted line, or the oldest there is. */
static RESULT place(struct alert_tail *tail)
{
    uint64_t newest = log_file_number(tail->log);
    uint64_t wanted = tail->last, size = 0;
    struct result result = open_number(tail, newest, &size);
    if (result.error == ERROR_NOT_FOUND)
        return RESULT_OK; /* no log yet */
    GUARD(result);
    tail->end = size;
    if (wanted == 0) {
        tail->at = size;
        return RESULT_OK;
    }
    for (uint64_t number = newest;;) {
        uint64_t found = 0;
        GUARD(go_back(tail, size, wanted, &found));
        wanted -= found;
        if (wanted == 0 || number == 0
            || !result_is_ok(open_number(tail, number - 1, &size)))
            break; /* tail->file is closed where opening failed: see below */
        number--;
    }
    if (tail->file < 0)
        return open_number(tail, tail->number, &size);
    return RESULT_OK;
}

/* --- reading on ------------------------------------------------------------------------------- */

static RESULT keep(struct alert_tail *tail, const char *data, size_t size)
{
    if (tail->line_size + size > LINE_BYTES_MAX)
        return result_fail(ERROR_LIMIT);
    if (tail->line_size + size > tail->line_capacity) {
        size_t capacity = 2 * (tail->line_size + size);
        char *line = realloc(tail->line, capacity);
        if (line == NULL)
            return result_fail(ERROR_MEMORY);
        tail->line = line;
        tail->line_capacity = capacity;
    }
    bytes_copy(tail->line + tail->line_size, tail->line_capacity - tail->line_size, data, size);
    tail->line_size += size;
    return RESULT_OK;
}

/* Sends the line that was kept. One that was torn, which is no JSON, is passed over. */
static RESULT send_line(struct alert_tail *tail, struct line_queue *queue)
{
    json_t *object = json_loadb(tail->line, tail->line_size, 0, NULL);
    tail->line_size = 0;
    return object == NULL ? RESULT_OK : line_queue_add_json(queue, "alert", object);
}

static RESULT take(struct alert_tail *tail, const char *data, size_t size, struct line_queue *queue)
{
    while (size > 0) {
        const char *newline = memchr(data, '\n', size);
        size_t part = newline == NULL ? size : (size_t)(newline - data);
        GUARD(keep(tail, data, part));
        if (newline == NULL)
            return RESULT_OK;
        GUARD(send_line(tail, queue));
        data += part + 1;
        size -= part + 1;
    }
    return RESULT_OK;
}

/* At the end of the file: goes on to the next one, where there is one. False: nowhere to go. */
static bool step(struct alert_tail *tail)
{
    uint64_t newest = log_file_number(tail->log), size = 0;
    if (tail->file >= 0 && tail->number >= newest)
        return false;
    uint64_t number = tail->file < 0 ? newest : tail->number + 1;
    uint64_t identity = tail->identity, at = tail->at;
    bool had_file = tail->file >= 0;
    while (number <= newest) {
        if (result_is_ok(open_number(tail, number, &size))) {
            if (had_file && tail->identity == identity)
                tail->at = at; /* opened anew by the writer, but the same file */
            tail->line_size = 0;
            return tail->at < size;
        }
        number++; /* rotated away before we came */
    }
    return false;
}

static RESULT read_on(struct alert_tail *tail, struct line_queue *queue, bool *ret_more)
{
    char buffer[READ_BYTES];
    *ret_more = true;
    while (line_queue_wants(queue)) {
        size_t wanted = sizeof buffer, got = 0;
        if (tail->file >= 0) {
            bool is_last = !tail->follow && tail->number == log_file_number(tail->log);
            if (is_last && tail->end - tail->at < wanted)
                wanted = tail->end > tail->at ? (size_t)(tail->end - tail->at) : 0;
            GUARD(disk_system()->read(NULL, tail->file, tail->at, buffer, wanted, &got));
        }
        if (got == 0 && !step(tail)) {
            *ret_more = false;
            return RESULT_OK;
        }
        tail->at += got;
        GUARD(take(tail, buffer, got, queue));
    }
    return RESULT_OK;
}

enum alert_tail_state alert_tail_fill(struct alert_tail *tail, struct line_queue *queue,
                                      struct explanation *why)
{
    bool is_more = false;
    struct result result = RESULT_OK;
    if (!tail->is_placed)
        result = place(tail);
    tail->is_placed = true;
    if (result_is_ok(result))
        result = read_on(tail, queue, &is_more);
    if (!result_is_ok(result)) {
        result_ignore(explain(why, result.error, "the alert log cannot be read: %s",
                              result_text(result))); /* the state says it */
        return ALERT_TAIL_FAILED;
    }
    return is_more ? ALERT_TAIL_MORE : tail->follow ? ALERT_TAIL_WAITING : ALERT_TAIL_END;
}

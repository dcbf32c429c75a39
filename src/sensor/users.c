// SPDX-License-Identifier: Apache-2.0
#include "sensor/users.h"

#include "base/bytes.h"
#include "base/limits.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct user {
    uint32_t id;
    uint32_t line; /* order in the file: the first one of an id wins */
    uint32_t name_offset;
    uint32_t name_size;
};

struct users {
    const char *path;
    struct stat seen; /* st_ino 0: nothing was read yet */
    uint8_t *text;    /* the file */
    struct user *rows; /* by id */
    size_t count;
};

static int compare_users(const void *a, const void *b)
{
    const struct user *left = a;
    const struct user *right = b;
    if (left->id != right->id)
        return left->id < right->id ? -1 : 1;
    return left->line < right->line ? -1 : left->line > right->line;
}

/* A decimal id; no sign, no spaces, nothing over 32 bits. The last value is nobody's: -1. */
static bool parse_id(const uint8_t *text, size_t size, uint32_t *out)
{
    if (size == 0 || size > 10)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *out = (uint32_t)value;
    return value < UINT32_MAX;
}

/* name:password:uid:... */
static bool parse_line(const uint8_t *line, size_t size, struct user *out)
{
    const uint8_t *first = size == 0 ? NULL : memchr(line, ':', size);
    if (first == NULL || first == line || *line == '#' || *line == '+' || *line == '-')
        return false;
    size_t name_size = (size_t)(first - line);
    size_t left = size - name_size - 1;
    const uint8_t *second = left == 0 ? NULL : memchr(first + 1, ':', left);
    if (second == NULL || name_size > LIMIT_NAME_BYTES)
        return false;
    left = size - (size_t)(second + 1 - line);
    const uint8_t *third = left == 0 ? NULL : memchr(second + 1, ':', left);
    if (third == NULL || !parse_id(second + 1, (size_t)(third - second - 1), &out->id))
        return false;
    out->name_size = (uint32_t)name_size;
    return memchr(line, '\0', name_size) == NULL;
}

static size_t parse_rows(const uint8_t *text, size_t size, struct user *rows, size_t limit)
{
    size_t count = 0;
    for (size_t at = 0; at < size && count < limit;) {
        const uint8_t *end = memchr(text + at, '\n', size - at);
        size_t length = end == NULL ? size - at : (size_t)(end - text) - at;
        struct user *row = &rows[count];
        if (parse_line(text + at, length, row)) {
            row->line = (uint32_t)count;
            row->name_offset = (uint32_t)at;
            count++;
        }
        at += length + 1;
    }
    qsort(rows, count, sizeof *rows, compare_users);
    return count;
}

static RESULT read_text(int fd, uint8_t *text, size_t capacity, size_t *ret_size)
{
    size_t size = 0;
    while (size < capacity) {
        ssize_t got = read(fd, text + size, capacity - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return result_from_errno();
        if (got == 0)
            break;
        size += (size_t)got;
    }
    *ret_size = size;
    return RESULT_OK;
}

static size_t count_lines(const uint8_t *text, size_t size)
{
    size_t lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    return lines < LIMIT_USERS ? lines : LIMIT_USERS;
}

/* Replaces the names only when everything worked. */
static RESULT load(struct users *users, int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return result_from_errno();
    if (!S_ISREG(status.st_mode))
        return result_fail(ERROR_FORMAT);
    size_t capacity = LIMIT_USERS_FILE_BYTES;
    if (status.st_size >= 0 && (uint64_t)status.st_size < capacity)
        capacity = (size_t)status.st_size;
    uint8_t *text = malloc(capacity + 1);
    if (text == NULL)
        return result_fail(ERROR_MEMORY);
    size_t size = 0;
    struct result result = read_text(fd, text, capacity, &size);
    size_t limit = result_is_ok(result) ? count_lines(text, size) : 0;
    struct user *rows = limit == 0 ? NULL : calloc(limit, sizeof *rows);
    if (rows == NULL) {
        free(text);
        return result_is_ok(result) ? result_fail(ERROR_MEMORY) : result;
    }
    free(users->text);
    free(users->rows);
    users->text = text;
    users->rows = rows;
    users->count = parse_rows(text, size, rows, limit);
    users->seen = status;
    return RESULT_OK;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size
           && a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec
           && a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

void users_refresh(struct users *users)
{
    struct stat status;
    if (stat(users->path, &status) != 0 || is_same(&status, &users->seen))
        return;
    /* O_NONBLOCK: a FIFO put in the file's place must not hold the sensor up. */
    int fd = open(users->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return;
    /* The old names stay in force, and the next refresh tries again. */
    result_ignore(load(users, fd));
    close(fd);
}

RESULT users_open(const char *path, struct users **ret_users)
{
    struct users *users = calloc(1, sizeof *users);
    if (users == NULL)
        return result_fail(ERROR_MEMORY);
    users->path = path;
    users_refresh(users);
    *ret_users = users;
    return RESULT_OK;
}

void users_close(struct users *users)
{
    if (users == NULL)
        return;
    free(users->text);
    free(users->rows);
    free(users);
}

/* The first row of that id; they are sorted by id and line. */
static const struct user *find_user(const struct users *users, uint32_t user_id)
{
    size_t low = 0;
    size_t high = users->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (users->rows[middle].id < user_id)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_found = low < users->count && users->rows[low].id == user_id;
    return is_found ? &users->rows[low] : NULL;
}

struct bytes users_name(const struct users *users, uint32_t user_id, char *scratch)
{
    const struct user *user = find_user(users, user_id);
    if (user != NULL)
        return (struct bytes){users->text + user->name_offset, user->name_size};
    char digits[USERS_NUMBER_BYTES];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + user_id % 10);
        user_id /= 10;
    } while (user_id != 0);
    for (size_t i = 0; i < count; i++)
        scratch[i] = digits[count - 1 - i];
    scratch[count] = '\0';
    return (struct bytes){(const uint8_t *)scratch, count};
}

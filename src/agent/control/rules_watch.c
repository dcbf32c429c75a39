// SPDX-License-Identifier: Apache-2.0
#include "agent/control/rules_watch.h"

#include "base/bytes.h"
#include "base/limits.h"

#include <dirent.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LOOK_MS = 2000,
    SETTLE_MS = 300,    /* files that change are looked at again: an editor may be in the middle */
    LOOK_SHARE = 200,   /* looking takes at most one part in so many of the time */
    LOOK_MS_MAX = 60000,
    DEPTH_MAX = 32,
    FOLDERS = 2,
};

struct digest {
    uint8_t bytes[SHA256_DIGEST_LENGTH];
};

struct rules_watch {
    int folders[FOLDERS];
    const struct clock *clock;
    uint64_t next_look_ns;
    struct digest seen;    /* names, sizes and times at the last look */
    struct digest settled; /* the same when the last pack was made */
    struct digest given;   /* of the last pack's bytes */
    bool has_given;
    bool is_pack_due;
    struct rule_folder *rules; /* what the last pack was made of; NULL before the first */
};

struct rules_watch *rules_watch_new(int vendor_folder, int local_folder, const struct clock *clock)
{
    struct rules_watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        return NULL;
    watch->folders[0] = vendor_folder;
    watch->folders[1] = local_folder;
    watch->clock = clock;
    watch->is_pack_due = true;
    return watch;
}

void rules_watch_free(struct rules_watch *watch)
{
    if (watch == NULL)
        return;
    rule_folder_free(watch->rules);
    free(watch);
}

/* --- has anything changed? -------------------------------------------------------------------- */

/* What is hashed of one file. */
struct mark {
    uint64_t inode, size;
    int64_t changed_s, changed_ns; /* status change time: cannot be set back by touch(1) */
};

struct look {
    /* A sum over the files, because a folder has no order. */
    struct digest sum;
    unsigned depth;
};

static void look_at_file(struct look *look, const char *name, const struct stat *status)
{
    struct mark mark = {status->st_ino, (uint64_t)status->st_size, status->st_ctim.tv_sec,
                        status->st_ctim.tv_nsec};
    struct digest digest;
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, (const uint8_t *)name, strlen(name));
    SHA256Update(&context, (const uint8_t *)&mark, sizeof mark);
    SHA256Final(digest.bytes, &context);
    for (size_t i = 0; i < sizeof digest.bytes; i++)
        look->sum.bytes[i] = (uint8_t)(look->sum.bytes[i] + digest.bytes[i]);
}

static RESULT look_at_folder(struct look *look, int folder);

static RESULT look_at_entry(struct look *look, int folder, const char *name)
{
    struct stat status;
    if (name[0] == '.' || fstatat(folder, name, &status, 0) != 0)
        return RESULT_OK; /* gone, or a link to nothing: its appearing will be seen */
    look_at_file(look, name, &status);
    if (!S_ISDIR(status.st_mode) || look->depth >= DEPTH_MAX)
        return RESULT_OK;
    int inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0)
        return RESULT_OK; /* a link or forbidden: the pack will say so */
    look->depth++;
    struct result result = look_at_folder(look, inner);
    look->depth--;
    return result;
}

/* Takes the descriptor over. */
static RESULT look_at_folder(struct look *look, int folder)
{
    DIR *entries = fdopendir(folder);
    if (entries == NULL) {
        struct result failure = result_from_errno();
        close(folder);
        return failure;
    }
    struct result result = RESULT_OK;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(entries);
        if (entry == NULL) {
            if (errno != 0)
                result = result_from_errno();
            break;
        }
        result = look_at_entry(look, folder, entry->d_name);
        if (!result_is_ok(result))
            break;
    }
    closedir(entries);
    return result;
}

static RESULT look(struct rules_watch *watch, struct digest *ret_seen)
{
    struct look all = {.depth = 0};
    for (size_t i = 0; i < FOLDERS; i++) {
        if (watch->folders[i] < 0)
            continue;
        int folder = openat(watch->folders[i], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0)
            return result_from_errno();
        GUARD(look_at_folder(&all, folder));
    }
    *ret_seen = all.sum;
    return RESULT_OK;
}

static bool digest_equal(const struct digest *a, const struct digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* Looks at the folders. True: they changed since the last pack and stand still now. */
static RESULT settle(struct rules_watch *watch, bool *ret_changed)
{
    uint64_t begin_ns = clock_boottime_ns(watch->clock);
    struct digest seen;
    watch->next_look_ns = begin_ns + (uint64_t)LOOK_MS * NS_PER_MS;
    GUARD(look(watch, &seen));
    uint64_t took_ns = clock_boottime_ns(watch->clock) - begin_ns;
    uint64_t wait_ns = took_ns * LOOK_SHARE;
    if (wait_ns > (uint64_t)LOOK_MS_MAX * NS_PER_MS)
        wait_ns = (uint64_t)LOOK_MS_MAX * NS_PER_MS;
    if (begin_ns + wait_ns > watch->next_look_ns)
        watch->next_look_ns = begin_ns + wait_ns;
    bool stands_still = digest_equal(&seen, &watch->seen);
    bool is_new = !digest_equal(&seen, &watch->settled);
    watch->seen = seen;
    if (is_new && !stands_still)
        watch->next_look_ns = begin_ns + (uint64_t)SETTLE_MS * NS_PER_MS;
    *ret_changed = is_new && stands_still;
    return RESULT_OK;
}

/* --- the pack --------------------------------------------------------------------------------- */

static RESULT write_all(int fd, const uint8_t *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t written = write(fd, data + at, size - at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return result_from_errno();
        at += (size_t)written;
    }
    return RESULT_OK;
}

/* Memory that nobody can change any more, us included. */
static RESULT seal(const uint8_t *data, size_t size, int *ret_fd)
{
    int fd = memfd_create("creance-rules", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return result_from_errno();
    struct result result = write_all(fd, data, size);
    if (result_is_ok(result)
        && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        result = result_from_errno();
    if (!result_is_ok(result)) {
        close(fd);
        return result;
    }
    *ret_fd = fd;
    return RESULT_OK;
}

static RESULT collect(const struct rules_watch *watch, struct rule_folder **ret_rules,
                      struct explanation *why)
{
    static const char *const NAMES[FOLDERS] = {"vendor", "local"};
    struct rule_folder *rules = rule_folder_new();
    if (rules == NULL)
        return explain(why, ERROR_MEMORY, "no memory to collect rules");
    for (size_t i = 0; i < FOLDERS; i++) {
        if (watch->folders[i] < 0)
            continue;
        struct result result = rule_folder_add_descriptor(rules, watch->folders[i], NAMES[i], why);
        if (!result_is_ok(result)) {
            rule_folder_free(rules);
            return result;
        }
    }
    *ret_rules = rules;
    return RESULT_OK;
}

static RESULT give(struct rules_watch *watch, const uint8_t *data, size_t size, int *ret_fd,
                   size_t *ret_size, struct explanation *why)
{
    struct digest digest;
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, data, size);
    SHA256Final(digest.bytes, &context);
    if (watch->has_given && digest_equal(&digest, &watch->given))
        return result_fail(ERROR_AGAIN);
    struct result result = seal(data, size, ret_fd);
    if (!result_is_ok(result))
        return explain(why, result.error, "cannot put the rules into sealed memory: %s",
                       result_text(result));
    watch->given = digest;
    watch->has_given = true;
    *ret_size = size;
    return RESULT_OK;
}

static RESULT make_pack(struct rules_watch *watch, int *ret_fd, size_t *ret_size,
                        struct explanation *why)
{
    struct rule_folder *rules;
    GUARD(collect(watch, &rules, why));
    uint8_t *data = NULL;
    size_t size = 0;
    struct result result = rule_folder_pack(rules, &data, &size);
    if (!result_is_ok(result)) {
        rule_folder_free(rules);
        return explain(why, result.error, "cannot pack the rules: %s", result_text(result));
    }
    rule_folder_free(watch->rules);
    watch->rules = rules;
    result = give(watch, data, size, ret_fd, ret_size, why);
    free(data);
    return result;
}

RESULT rules_watch_work(struct rules_watch *watch, int *ret_fd, size_t *ret_size,
                        struct explanation *why)
{
    bool has_changed = false;
    if (clock_boottime_ns(watch->clock) < watch->next_look_ns)
        return result_fail(ERROR_AGAIN);
    struct result result = settle(watch, &has_changed);
    if (!result_is_ok(result))
        return explain(why, result.error, "cannot look into the folders of rules: %s",
                       result_text(result));
    if (!has_changed && !watch->is_pack_due)
        return result_fail(ERROR_AGAIN);
    result = make_pack(watch, ret_fd, ret_size, why);
    if (result_is_ok(result) || result.error == ERROR_AGAIN) {
        watch->settled = watch->seen;
        watch->is_pack_due = false;
    }
    return result;
}

void rules_watch_again(struct rules_watch *watch)
{
    watch->has_given = false;
    watch->is_pack_due = true;
}

size_t rules_watch_file_count(const struct rules_watch *watch)
{
    return watch->rules == NULL ? 0 : rule_folder_file_count(watch->rules);
}

size_t rules_watch_problem_count(const struct rules_watch *watch)
{
    return watch->rules == NULL ? 0 : rule_folder_problem_count(watch->rules);
}

const struct rule_problem *rules_watch_problem(const struct rules_watch *watch, size_t index)
{
    return rule_folder_problem(watch->rules, index);
}

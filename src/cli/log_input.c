// SPDX-License-Identifier: Apache-2.0
#include "cli/log_input.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "cli/worker.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Takes the descriptor over; false: out of memory. */
static bool add_file(struct log_input *input, const char *name, int fd)
{
    if (input->count == input->capacity) {
        size_t capacity = input->capacity == 0 ? 16 : 2 * input->capacity;
        struct log_file *files = reallocarray(input->files, capacity, sizeof files[0]);
        if (files == NULL)
            return false;
        input->files = files;
        input->capacity = capacity;
    }
    char *copy = strdup(name);
    if (copy == NULL)
        return false;
    input->files[input->count++] = (struct log_file){copy, fd};
    input->unreadable += fd < 0;
    return true;
}

static bool note_failure(struct log_input *input, const char *name)
{
    verb_error("%s: cannot be opened: %s", name, strerror(errno));
    return add_file(input, name, -1);
}

static int is_wanted(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && !string_ends_with(entry->d_name, ".yml")
           && !string_ends_with(entry->d_name, ".yaml");
}

static bool add_folder(struct log_input *input, const char *folder, unsigned depth);

static bool add_entry(struct log_input *input, const char *path, unsigned depth)
{
    struct stat status;
    struct stat link;
    if (stat(path, &status) != 0 || lstat(path, &link) != 0)
        return note_failure(input, path);
    if (S_ISDIR(link.st_mode))
        return add_folder(input, path, depth + 1);
    if (!S_ISREG(status.st_mode))
        return true;
    /* it may have become a FIFO meanwhile */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return fd < 0 ? note_failure(input, path) : add_file(input, path, fd);
}

static bool add_folder(struct log_input *input, const char *folder, unsigned depth)
{
    enum { DEPTH = 32 };
    struct dirent **entries;
    int count = depth < DEPTH ? scandir(folder, &entries, is_wanted, alphasort) : -1;
    if (count < 0) {
        errno = depth < DEPTH ? errno : ELOOP;
        return note_failure(input, folder);
    }
    bool holds = true;
    for (int i = 0; i < count; i++) {
        char path[LIMIT_PATH_BYTES];
        if (holds && !string_format(path, sizeof path, "%s/%s", folder, entries[i]->d_name)) {
            errno = ENAMETOOLONG;
            holds = note_failure(input, folder);
        } else if (holds) {
            holds = add_entry(input, path, depth);
        }
        free(entries[i]);
    }
    free(entries);
    return holds;
}

static bool add_word(struct log_input *input, const char *name)
{
    struct stat status;
    if (string_equal(name, "-"))
        return add_file(input, name, STDIN_FILENO);
    if (stat(name, &status) == 0 && S_ISDIR(status.st_mode))
        return add_folder(input, name, 0);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? note_failure(input, name) : add_file(input, name, fd);
}

enum cli_exit log_input_open(const struct call *call, struct log_input *ret_input)
{
    *ret_input = (struct log_input){0};
    worker_allow_many_files();
    for (size_t i = 0; i < options_word_count(call->options); i++) {
        size_t before = ret_input->count;
        const char *name = options_word(call->options, i);
        if (!add_word(ret_input, name)) {
            verb_error("memory is out");
            return CLI_UNAVAILABLE;
        }
        if (ret_input->count == before)
            verb_error("%s: there is no log in this folder", name);
    }
    return ret_input->unreadable == ret_input->count ? CLI_INPUT : CLI_GOOD;
}

void log_input_close(struct log_input *input)
{
    for (size_t i = 0; i < input->count; i++) {
        if (input->files[i].fd > STDIN_FILENO)
            close(input->files[i].fd);
        free(input->files[i].name);
    }
    free(input->files);
    *input = (struct log_input){0};
}

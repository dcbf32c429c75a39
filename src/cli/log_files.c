// SPDX-License-Identifier: Apache-2.0
#include "cli/log_files.h"

#include "base/atomic_file.h"
#include "base/bytes.h"
#include "base/sandbox.h"
#include "update/signature/sign.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum cli_exit tlog_failed(struct result result, const struct explanation *why)
{
    verb_error("%s", why->text);
    switch (result.error) {
    case ERROR_FORMAT:
    case ERROR_STATE:
    case ERROR_UNSUPPORTED:
        return CLI_FINDING;
    case ERROR_NOT_FOUND:
    case ERROR_LIMIT:
        return CLI_INPUT;
    default:
        return CLI_UNAVAILABLE;
    }
}

enum cli_exit tlog_enter_sandbox(const char *name, const char *writable_folder)
{
    const struct sandbox_folder folders[] = {
        {-1, "/", SANDBOX_ALLOW_READ_FILES},
        {-1, writable_folder, SANDBOX_ALLOW_WRITE_FILES},
    };
    const struct sandbox_profile profile = {
        .name = name,
        .allow = SANDBOX_ALLOW_READ_FILES
                 | (writable_folder == NULL ? 0 : SANDBOX_ALLOW_WRITE_FILES),
        .folders = folders,
        .folder_count = writable_folder == NULL ? 1 : 2,
    };
    struct explanation why;
    if (result_is_ok(sandbox_enter(&profile, &why)))
        return CLI_GOOD;
    verb_error("%s", why.text);
    return CLI_UNAVAILABLE;
}

__attribute__((noreturn)) void tlog_end_in_sandbox(const struct call *call, enum cli_exit code)
{
    code = verb_finish_output(call, code);
    fflush(stderr);
    _exit((int)code);
}

/* --- files ------------------------------------------------------------------------------------ */

enum cli_exit tlog_file_read(const char *path, size_t limit, struct tlog_file *ret_file)
{
    struct explanation why;
    struct tlog_file file = {.data = malloc(limit)};
    if (file.data == NULL) {
        verb_error("memory is out");
        return CLI_UNAVAILABLE;
    }
    /* Links are followed: the user named it. O_NONBLOCK: a FIFO must not hold us up. */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct result result = fd < 0 ? explain_errno(&why, "%s cannot be opened", path)
                                  : atomic_file_read_open(fd, path, file.data, limit, &file.size,
                                                          &why);
    if (fd >= 0)
        close(fd);
    if (!result_is_ok(result)) {
        verb_error("%s", why.text);
        tlog_file_free(&file);
        return CLI_INPUT;
    }
    *ret_file = file;
    return CLI_GOOD;
}

void tlog_file_free(struct tlog_file *file)
{
    free(file->data);
    *file = (struct tlog_file){0};
}

bool tlog_file_begins_with(const struct tlog_file *file, const char *text)
{
    size_t size = strlen(text);
    return file->size >= size && memcmp(file->data, text, size) == 0;
}

enum cli_exit tlog_file_write(const char *path, const void *data, size_t size, unsigned mode)
{
    struct explanation why;
    int folder;
    const char *name;
    struct result result = atomic_parent_open(path, &folder, &name, &why);
    if (result_is_ok(result)) {
        result = atomic_file_write(folder, name, data, size, (mode_t)mode, &why);
        close(folder);
    }
    if (result_is_ok(result))
        return CLI_GOOD;
    verb_error("%s", why.text);
    return CLI_UNAVAILABLE;
}

/* --- policies and keys ------------------------------------------------------------------------ */

enum cli_exit tlog_policy_read(const char *path, struct tlog_policy **ret_policy)
{
    struct tlog_file file;
    struct explanation why;
    enum cli_exit code = tlog_file_read(path, LIMIT_LOG_POLICY_BYTES, &file);
    if (code != CLI_GOOD)
        return code;
    struct result result = tlog_policy_parse(tlog_file_bytes(&file), ret_policy, &why);
    tlog_file_free(&file);
    if (result_is_ok(result))
        return CLI_GOOD;
    verb_error("%s: %s", path, why.text);
    return CLI_INPUT;
}

enum cli_exit tlog_signer_read(const char *path, struct note_signer **ret_signer)
{
    struct stat status;
    struct tlog_file file;
    struct explanation why;
    if (stat(path, &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        verb_error("the private key %s may be read by others than its owner: "
                   "chmod 600 it, and think about who has seen it", path);
        return CLI_INPUT;
    }
    enum cli_exit code = tlog_file_read(path, NOTE_SIGNER_TEXT_BYTES, &file);
    if (code != CLI_GOOD)
        return code;
    struct result result = note_signer_parse(tlog_file_bytes(&file), ret_signer, &why);
    private_key_wipe(file.data, file.size);
    tlog_file_free(&file);
    if (result_is_ok(result))
        return CLI_GOOD;
    verb_error("%s: %s", path, why.text);
    return CLI_INPUT;
}

void tlog_list_witnesses(const struct tlog_policy *policy, uint32_t witnesses, char *out,
                         size_t capacity)
{
    out[0] = '\0';
    for (size_t i = 0; i < tlog_policy_witness_count(policy); i++) {
        size_t at = strlen(out);
        if ((witnesses >> i & 1) != 0)
            (void)string_format(out + at, capacity - at, "%s%s", at > 0 ? ", " : "",
                                tlog_policy_witness(policy, i)->name);
    }
}

/* --- places ----------------------------------------------------------------------------------- */

static enum cli_exit open_remote(const char *name, struct tlog_place *place)
{
    struct explanation why;
    if (!string_copy(place->remote.prefix, sizeof place->remote.prefix, name)) {
        verb_error("the URL has more than %d bytes", LIMIT_URL_BYTES - 1);
        return CLI_USAGE;
    }
    for (size_t size = strlen(name); size > 0 && place->remote.prefix[size - 1] == '/'; size--)
        place->remote.prefix[size - 1] = '\0';
    struct result result = fetch_open(&place->remote.fetch, &why);
    if (!result_is_ok(result))
        return tlog_failed(result, &why);
    place->source = fetch_source(&place->remote);
    return CLI_GOOD;
}

enum cli_exit tlog_place_open(const char *name, struct tlog_place *ret_place)
{
    struct explanation why;
    *ret_place = (struct tlog_place){.folder = {-1}};
    if (fetch_is_url(name))
        return open_remote(name, ret_place);
    struct result result = tlog_folder_open(name, &ret_place->folder, &why);
    if (!result_is_ok(result))
        return tlog_failed(result, &why);
    ret_place->source = tlog_folder_source(&ret_place->folder);
    return CLI_GOOD;
}

void tlog_place_close(struct tlog_place *place)
{
    if (place->folder.fd >= 0)
        tlog_folder_close(&place->folder);
    fetch_close(place->remote.fetch);
    place->remote.fetch = NULL;
}

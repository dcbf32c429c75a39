// SPDX-License-Identifier: Apache-2.0
#include "cli/content_files.h"

#include "cli/verb.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum cli_exit read_stream(FILE *file, const char *path, size_t bytes_max,
                                 uint8_t **ret_data, size_t *ret_size)
{
    uint8_t *data = malloc(bytes_max + 1);
    if (data == NULL) {
        verb_error("%s: memory is out", path);
        return CLI_UNAVAILABLE;
    }
    size_t size = fread(data, 1, bytes_max + 1, file);
    if (ferror(file) != 0 || size > bytes_max) {
        if (size > bytes_max)
            verb_error("%s has more than %zu bytes", path, bytes_max);
        else
            verb_error("%s cannot be read: %s", path, strerror(errno));
        free(data);
        return CLI_INPUT;
    }
    *ret_data = data;
    *ret_size = size;
    return CLI_GOOD;
}

enum cli_exit content_read_file(const char *path, size_t bytes_max, uint8_t **ret_data,
                                size_t *ret_size)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        verb_error("%s cannot be opened: %s", path, strerror(errno));
        return CLI_INPUT;
    }
    enum cli_exit code = read_stream(file, path, bytes_max, ret_data, ret_size);
    fclose(file);
    return code;
}

enum cli_exit content_read_private_key(const char *path, struct private_key **ret_key)
{
    uint8_t *text = NULL;
    size_t size = 0;
    struct explanation why;
    enum cli_exit code = content_read_file(path, PRIVATE_KEY_PEM_BYTES_MAX, &text, &size);
    if (code != CLI_GOOD)
        return code;
    struct result result = private_key_from_pem((const char *)text, size, ret_key, &why);
    private_key_wipe(text, size);
    free(text);
    if (result_is_ok(result))
        return CLI_GOOD;
    verb_error("%s: %s", path, why.text);
    return CLI_INPUT;
}

enum cli_exit content_read_public_key(const char *path, struct public_key **ret_key)
{
    uint8_t *text = NULL;
    size_t size = 0;
    struct explanation why;
    enum cli_exit code = content_read_file(path, PUBLIC_KEY_PEM_BYTES_MAX, &text, &size);
    if (code != CLI_GOOD)
        return code;
    struct result result = public_key_from_pem((const char *)text, size, ret_key, &why);
    free(text);
    if (result_is_ok(result))
        return CLI_GOOD;
    verb_error("%s: %s", path, why.text);
    return CLI_INPUT;
}

static bool write_text(int fd, const char *text)
{
    size_t size = strlen(text);
    while (size > 0) {
        ssize_t count = write(fd, text, size);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return false;
        text += count;
        size -= (size_t)count;
    }
    return fsync(fd) == 0;
}

enum cli_exit content_write_new_file(const char *path, unsigned mode, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
    if (fd < 0 && errno == EEXIST) {
        verb_error("%s is there already and stays as it is; name another file", path);
        return CLI_INPUT;
    }
    if (fd < 0) {
        verb_error("%s cannot be made: %s", path, strerror(errno));
        return CLI_UNAVAILABLE;
    }
    bool is_written = write_text(fd, text);
    if (!is_written)
        verb_error("%s cannot be written: %s", path, strerror(errno));
    close(fd);
    return is_written ? CLI_GOOD : CLI_UNAVAILABLE;
}

// SPDX-License-Identifier: Apache-2.0
#include "cli/content_input.h"

#include "base/disk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static RESULT read_file(struct content_input *input, int fd, const struct stat *status,
                        struct explanation *why)
{
    if (!S_ISREG(status->st_mode))
        return explain(why, ERROR_FORMAT, "this is neither a file nor a folder");
    if (status->st_size > LIMIT_BUNDLE_BYTES)
        return explain(why, ERROR_LIMIT, "it has %lld bytes, a bundle has at most %d",
                       (long long)status->st_size, LIMIT_BUNDLE_BYTES);
    /* One byte more shows that it grew meanwhile: its size is then wrong and it is refused. */
    size_t capacity = (size_t)status->st_size + 1;
    input->data = malloc(capacity);
    if (input->data == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    struct result result = disk_read_whole(fd, input->data, capacity, &input->size);
    return result_is_ok(result) ? result : explain_errno(why, "it cannot be read");
}

static RESULT read_input(struct content_input *input, struct explanation *why)
{
    struct stat status;
    int fd = open(input->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0)
        return explain_errno(why, "it cannot be opened");
    struct result result = S_ISDIR(status.st_mode)
                               ? bundle_sources_read(input->path, &input->sources, why)
                               : read_file(input, fd, &status, why);
    close(fd);
    return result;
}

enum cli_exit content_input_read(const char *path, struct content_input *ret_input)
{
    *ret_input = (struct content_input){.path = path};
    struct explanation why;
    struct result result = read_input(ret_input, &why);
    if (result_is_ok(result))
        return CLI_GOOD;
    verb_error("%s: %s", path, why.text);
    return result.error == ERROR_MEMORY ? CLI_UNAVAILABLE : CLI_INPUT;
}

void content_input_close(struct content_input *input)
{
    bundle_sources_free(input->sources);
    free(input->data);
}

static RESULT open_input(struct content_input *input, struct explanation *why)
{
    if (input->sources != NULL)
        GUARD(bundle_build(input->sources, &input->data, &input->size, why));
    GUARD(bundle_open(input->data, input->size, &input->bundle, why));
    GUARD(bundle_manifest_read(input->bundle.sections[BUNDLE_MANIFEST], &input->manifest, why));
    /* People read the manifest and hosts the head: they must say the same. */
    struct bundle said = input->bundle;
    uint8_t head[BUNDLE_HEAD_BYTES];
    said.facts = input->manifest.facts;
    struct writer writer = writer_of(head, sizeof head);
    GUARD(bundle_write_head(&said, &writer));
    if (memcmp(head, input->data, sizeof head) != 0)
        return explain(why, ERROR_FORMAT, "its head says something else than its manifest");
    return RESULT_OK;
}

enum cli_exit content_input_open(struct content_input *input, struct worker_place *place)
{
    struct explanation why;
    worker_at(place, input->path);
    if (result_is_ok(open_input(input, &why)))
        return CLI_GOOD;
    verb_error("%s: %s", input->path, why.text);
    return CLI_INPUT;
}

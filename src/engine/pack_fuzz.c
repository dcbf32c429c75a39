// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a pack of rule files: what is read writes back to the same bytes. */
#include "engine/pack.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool copy_files(const uint8_t *data, size_t size, struct pack_writer *writer)
{
    struct pack_reader reader;
    if (!result_is_ok(pack_reader_open(data, size, &reader)))
        return false;
    for (;;) {
        struct pack_file file;
        struct result result = pack_reader_next(&reader, &file);
        if (!result_is_ok(result))
            return result.error == ERROR_NOT_FOUND;
        char *name = strndup((const char *)file.name.data, file.name.size);
        require(name != NULL);
        require(result_is_ok(
            pack_writer_add(writer, name, file.content.data, file.content.size)));
        free(name);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pack_writer *writer = pack_writer_new();
    require(writer != NULL);
    if (copy_files(data, size, writer)) {
        uint8_t *again;
        size_t again_size;
        require(result_is_ok(pack_writer_finish(writer, &again, &again_size)));
        require(again_size == size && memcmp(again, data, size) == 0);
        free(again);
    }
    pack_writer_free(writer);
    return 0;
}

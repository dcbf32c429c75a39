// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a recording. Lines must be numbered without gaps, stay within their limit, and the
 * end must stay the end.
 */
#include "base/limits.h"
#include "content/recording.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Looks at every byte, so that the sanitizer does. */
static uint64_t sum_of(struct bytes text)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < text.size; i++)
        sum += text.data[i];
    return sum;
}

static void read_all(struct recording *recording)
{
    struct recording_line line;
    struct explanation why;
    struct result result;
    /* A small compressed input can hold terabytes. */
    for (uint64_t number = 0; number < 10000 && recording_bytes(recording) < 16 * MIB; number++) {
        result = recording_next(recording, &line, &why);
        if (!result_is_ok(result) && result.error != ERROR_LIMIT) {
            require(recording_next(recording, &line, &why).error == result.error);
            return;
        }
        require(line.number == number);
        if (result_is_ok(result)) {
            require(line.text.size <= LIMIT_RECORD_LINE_BYTES);
            require(sum_of(line.text) <= UINT64_C(255) * line.text.size);
            require(line.text.size > 0 || recording_line_is_blank(&line));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("recording", MFD_CLOEXEC);
    require(fd >= 0 && write(fd, data, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
    struct recording *recording = NULL;
    struct explanation why;
    if (result_is_ok(recording_open(fd, "fuzz", &recording, &why)))
        read_all(recording);
    recording_close(recording);
    close(fd);
    return 0;
}

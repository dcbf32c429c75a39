// SPDX-License-Identifier: Apache-2.0
#include "content/recording.h"

#include "base/bytes.h"
#include "base/limits.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

/* zstd's own recommendation is 128 KiB for both. */
enum { INPUT_BYTES = 128 * KIB, TEXT_BYTES = 128 * KIB, MAGIC_BYTES = 8, FRAME_START_BYTES = 5 };

struct recording {
    int fd;
    const char *name;
    uint64_t line; /* number of the next line */
    uint64_t bytes;

    uint8_t input[INPUT_BYTES]; /* as read from the file */
    size_t input_size;
    size_t input_at;
    bool is_input_ended;

    ZSTD_DStream *stream; /* NULL: plain text, which is taken from `input` */
    size_t input_wanted;  /* zstd takes one block with this; on an error it gives no text of the
                             call, so that a call with more would lose good blocks before it */
    bool is_in_frame;     /* the compressed data goes on */
    bool has_more_text;   /* `text` was filled up: the stream may hold more without new input */
    uint8_t text[TEXT_BYTES];

    struct bytes window; /* text not yet given out, in `input` or `text` */
    uint8_t *long_line;  /* the start of a line that began in an earlier window */
    size_t long_size;
    size_t long_capacity;
    bool is_too_long; /* what is left of this line is passed over */

    struct result failure; /* that ended the recording */
    struct explanation why;
};

/* --- bytes from the file --------------------------------------------------------------------- */

/* Fills `input` from its start; input_size 0 at the end. */
static RESULT read_input(struct recording *recording)
{
    ssize_t count;
    do {
        count = read(recording->fd, recording->input, INPUT_BYTES);
    } while (count < 0 && errno == EINTR);
    if (count < 0)
        return explain_errno(&recording->why, "%s: reading failed after %llu whole lines",
                             recording->name, (unsigned long long)recording->line);
    recording->input_size = (size_t)count;
    recording->input_at = 0;
    recording->is_input_ended = count == 0;
    return RESULT_OK;
}

/* Whether what was read is enough to tell what it is: a signature and, of text, the first line. */
static bool has_start(const struct recording *recording)
{
    return recording->input_size >= MAGIC_BYTES
           && (memchr(recording->input, '\n', recording->input_size) != NULL
               || memchr(recording->input, 0, recording->input_size) != NULL);
}

/* The first bytes, for looking: a pipe may give them one by one. */
static RESULT read_start(struct recording *recording)
{
    while (recording->input_size < INPUT_BYTES && !has_start(recording)) {
        ssize_t count = read(recording->fd, recording->input + recording->input_size,
                             INPUT_BYTES - recording->input_size);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return explain_errno(&recording->why, "%s: cannot be read", recording->name);
        if (count == 0)
            break;
        recording->input_size += (size_t)count;
    }
    return RESULT_OK;
}

static bool begins_with(const struct recording *recording, const char *magic, size_t size)
{
    return recording->input_size >= size && memcmp(recording->input, magic, size) == 0;
}

static bool is_zstd(const struct recording *recording)
{
    /* A frame, or a skippable frame (RFC 8878, 3.1.2: 0x184D2A5?, little-endian). */
    return begins_with(recording, "\x28\xb5\x2f\xfd", 4)
           || (recording->input_size >= 4 && recording->input[0] >> 4 == 5
               && memcmp(recording->input + 1, "\x2a\x4d\x18", 3) == 0);
}

static RESULT refuse_foreign(struct recording *recording)
{
    static const struct {
        const char *magic;
        size_t size;
        const char *what;
        const char *advice;
    } FOREIGN[] = {
        {"\x1f\x8b", 2, "compressed by gzip", "unpack it first: gzip -dc"},
        {"\xfd" "7zXZ", 5, "compressed by xz", "unpack it first: xz -dc"},
        {"BZh", 3, "compressed by bzip2", "unpack it first: bzip2 -dc"},
        {"PK\x03\x04", 4, "a zip archive", "unpack it first"},
        {"\x30\0\0\0LfLe", 8, "an event log of Windows XP", "convert it to JSON lines first"},
        {"\xff\xfe", 2, "text in UTF-16", "convert it first: iconv -f utf-16 -t utf-8"},
    };
    for (size_t i = 0; i < sizeof FOREIGN / sizeof FOREIGN[0]; i++) {
        if (begins_with(recording, FOREIGN[i].magic, FOREIGN[i].size))
            return explain(&recording->why, ERROR_UNSUPPORTED,
                           "%s: this is %s; logs are read plain or compressed by zstd: %s",
                           recording->name, FOREIGN[i].what, FOREIGN[i].advice);
    }
    return RESULT_OK;
}

static RESULT open_stream(struct recording *recording)
{
    GUARD(read_start(recording));
    GUARD(refuse_foreign(recording));
    if (!is_zstd(recording)) {
        recording->window = (struct bytes){recording->input, recording->input_size};
        recording->input_at = recording->input_size;
        recording->bytes = recording->input_size;
        return RESULT_OK;
    }
    recording->input_wanted = FRAME_START_BYTES;
    recording->stream = ZSTD_createDStream();
    if (recording->stream == NULL)
        return explain(&recording->why, ERROR_MEMORY, "%s: memory is out", recording->name);
    return RESULT_OK;
}

RESULT recording_open(int fd, const char *name, struct recording **ret_recording,
                      struct explanation *why)
{
    struct recording *recording = calloc(1, sizeof *recording);
    if (recording == NULL)
        return explain(why, ERROR_MEMORY, "%s: memory is out", name);
    recording->fd = fd;
    recording->name = name;
    struct result result = open_stream(recording);
    if (!result_is_ok(result)) {
        if (why != NULL)
            *why = recording->why;
        recording_close(recording);
        return result;
    }
    *ret_recording = recording;
    return RESULT_OK;
}

void recording_close(struct recording *recording)
{
    if (recording == NULL)
        return;
    ZSTD_freeDStream(recording->stream);
    free(recording->long_line);
    free(recording);
}

uint64_t recording_bytes(const struct recording *recording) { return recording->bytes; }

bool recording_line_is_blank(const struct recording_line *line)
{
    for (size_t i = 0; i < line->text.size; i++) {
        uint8_t byte = line->text.data[i];
        if (byte != ' ' && byte != '\t' && byte != '\r')
            return false;
    }
    return true;
}

/* --- text ------------------------------------------------------------------------------------ */

/* Unpacks until there is text or the input ends. */
static RESULT refill_compressed(struct recording *recording)
{
    ZSTD_outBuffer text = {recording->text, TEXT_BYTES, 0};
    while (text.pos == 0) {
        if (recording->input_at == recording->input_size && !recording->has_more_text) {
            GUARD(read_input(recording));
            if (recording->is_input_ended && recording->is_in_frame)
                return explain(&recording->why, ERROR_FORMAT,
                               "%s: the compressed data is cut off; %llu whole lines could be read",
                               recording->name, (unsigned long long)recording->line);
            if (recording->is_input_ended)
                break;
        }
        size_t end = recording->input_size - recording->input_at > recording->input_wanted
                         ? recording->input_at + recording->input_wanted
                         : recording->input_size;
        ZSTD_inBuffer input = {recording->input, end, recording->input_at};
        size_t left = ZSTD_decompressStream(recording->stream, &text, &input);
        if (ZSTD_isError(left))
            return explain(&recording->why, ERROR_FORMAT,
                           "%s: the compressed data is corrupt (%s); %llu whole lines could be "
                           "read",
                           recording->name, ZSTD_getErrorName(left),
                           (unsigned long long)recording->line);
        recording->input_at = input.pos;
        recording->is_in_frame = left != 0;
        recording->input_wanted = left != 0 ? left : FRAME_START_BYTES;
        recording->has_more_text = text.pos == TEXT_BYTES;
    }
    recording->window = (struct bytes){recording->text, text.pos};
    recording->bytes += text.pos;
    return RESULT_OK;
}

/* The next window; empty at the end. */
static RESULT refill(struct recording *recording)
{
    if (recording->stream != NULL)
        return refill_compressed(recording);
    GUARD(read_input(recording));
    recording->window = (struct bytes){recording->input, recording->input_size};
    recording->input_at = recording->input_size;
    recording->bytes += recording->input_size;
    return RESULT_OK;
}

/* --- lines ----------------------------------------------------------------------------------- */

/* Puts `part` behind what there is of the line; from the limit on it only notes that. */
static RESULT keep_part(struct recording *recording, struct bytes part)
{
    if (part.size == 0)
        return RESULT_OK; /* long_line may be NULL still */
    size_t size = recording->long_size + part.size;
    if (recording->is_too_long || size > LIMIT_RECORD_LINE_BYTES) {
        recording->is_too_long = true;
        recording->long_size = 0;
        return RESULT_OK;
    }
    if (size > recording->long_capacity) {
        size_t capacity = 2 * size < LIMIT_RECORD_LINE_BYTES ? 2 * size : LIMIT_RECORD_LINE_BYTES;
        uint8_t *larger = realloc(recording->long_line, capacity);
        if (larger == NULL)
            return explain(&recording->why, ERROR_MEMORY, "%s: memory is out at line %llu",
                           recording->name, (unsigned long long)recording->line);
        recording->long_line = larger;
        recording->long_capacity = capacity;
    }
    bytes_copy(recording->long_line + recording->long_size,
               recording->long_capacity - recording->long_size, part.data, part.size);
    recording->long_size = size;
    return RESULT_OK;
}

/* Takes `size` bytes, and the newline behind them if there is one, from the window. */
static struct bytes take(struct recording *recording, size_t size, bool has_newline)
{
    struct bytes part = {recording->window.data, size};
    size_t step = size + (has_newline ? 1 : 0);
    if (step == 0)
        return part; /* the window may be NULL still */
    recording->window.data += step;
    recording->window.size -= step;
    return part;
}

/* The line is complete: `last` is its end, what came before is in long_line. */
static RESULT finish_line(struct recording *recording, struct bytes last,
                          struct recording_line *ret_line)
{
    if (recording->long_size > 0 || recording->is_too_long) {
        GUARD(keep_part(recording, last));
        last = (struct bytes){recording->long_line, recording->long_size};
    }
    bool is_too_long = recording->is_too_long || last.size > LIMIT_RECORD_LINE_BYTES;
    recording->is_too_long = false;
    recording->long_size = 0;
    *ret_line = (struct recording_line){recording->line++, last};
    if (is_too_long)
        return explain(&recording->why, ERROR_LIMIT,
                       "the line is longer than %d bytes and was passed over",
                       LIMIT_RECORD_LINE_BYTES);
    return RESULT_OK;
}

static RESULT next_line(struct recording *recording, struct recording_line *ret_line)
{
    for (;;) {
        struct bytes *window = &recording->window;
        const uint8_t *newline =
            window->size == 0 ? NULL : memchr(window->data, '\n', window->size);
        if (newline != NULL)
            return finish_line(recording, take(recording, (size_t)(newline - window->data), true),
                               ret_line);
        GUARD(keep_part(recording, take(recording, window->size, false)));
        GUARD(refill(recording));
        if (window->size > 0)
            continue;
        if (recording->long_size == 0 && !recording->is_too_long)
            return result_fail(ERROR_NOT_FOUND);
        return finish_line(recording, (struct bytes){NULL, 0}, ret_line);
    }
}

/* What is told to the caller; from then on too, where it is the end. */
static RESULT conclude(struct recording *recording, struct result result, struct explanation *why)
{
    if (!result_is_ok(result) && result.error != ERROR_LIMIT)
        recording->failure = result;
    if (!result_is_ok(result) && why != NULL)
        *why = recording->why;
    return result;
}

RESULT recording_next(struct recording *recording, struct recording_line *ret_line,
                      struct explanation *why)
{
    struct result result = recording->failure;
    if (result_is_ok(result))
        result = next_line(recording, ret_line);
    return conclude(recording, result, why);
}

RESULT recording_peek(struct recording *recording, struct bytes *ret_text, struct explanation *why)
{
    struct result result = recording->failure;
    if (result_is_ok(result) && recording->window.size == 0)
        result = refill(recording);
    *ret_text = recording->window;
    return conclude(recording, result, why);
}

static RESULT read_bytes(struct recording *recording, uint8_t *out, size_t size, size_t *ret_size)
{
    *ret_size = 0;
    while (*ret_size < size) {
        if (recording->window.size == 0)
            GUARD(refill(recording));
        size_t left = size - *ret_size;
        size_t count = left < recording->window.size ? left : recording->window.size;
        if (count == 0)
            break;
        struct bytes part = take(recording, count, false);
        bytes_copy(out + *ret_size, left, part.data, part.size);
        *ret_size += count;
    }
    return RESULT_OK;
}

RESULT recording_read(struct recording *recording, void *out, size_t size, size_t *ret_size,
                      struct explanation *why)
{
    *ret_size = 0;
    struct result result = recording->failure;
    if (result_is_ok(result))
        result = read_bytes(recording, out, size, ret_size);
    return conclude(recording, result, why);
}

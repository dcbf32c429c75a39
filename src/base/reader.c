// SPDX-License-Identifier: Apache-2.0
#include "base/reader.h"

#include "base/bytes.h"

struct reader reader_of(const void *data, size_t size)
{
    return (struct reader){.data = data, .size = data == NULL ? 0 : size, .at = 0};
}

size_t reader_left(const struct reader *reader) { return reader->size - reader->at; }

RESULT reader_view(struct reader *reader, size_t size, struct bytes *out)
{
    if (size > reader_left(reader))
        return result_fail(ERROR_FORMAT);
    *out = (struct bytes){reader->data + reader->at, size};
    reader->at += size;
    return RESULT_OK;
}

RESULT reader_copy(struct reader *reader, void *out, size_t size)
{
    struct bytes view;
    GUARD(reader_view(reader, size, &view));
    bytes_copy(out, size, view.data, view.size);
    return RESULT_OK;
}

RESULT reader_u8(struct reader *reader, uint8_t *out) { return reader_copy(reader, out, 1); }

/* The `size` low bytes of a little-endian number. */
static RESULT read_number(struct reader *reader, size_t size, uint64_t *out)
{
    struct bytes view;
    GUARD(reader_view(reader, size, &view));
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)view.data[i] << (8 * i);
    *out = value;
    return RESULT_OK;
}

RESULT reader_u16(struct reader *reader, uint16_t *out)
{
    uint64_t value;
    GUARD(read_number(reader, sizeof *out, &value));
    *out = (uint16_t)value;
    return RESULT_OK;
}

RESULT reader_u32(struct reader *reader, uint32_t *out)
{
    uint64_t value;
    GUARD(read_number(reader, sizeof *out, &value));
    *out = (uint32_t)value;
    return RESULT_OK;
}

RESULT reader_u64(struct reader *reader, uint64_t *out)
{
    return read_number(reader, sizeof *out, out);
}

RESULT reader_sized(struct reader *reader, size_t limit, struct bytes *out)
{
    struct reader attempt = *reader;
    uint32_t size;
    GUARD(reader_u32(&attempt, &size));
    if (size > limit)
        return result_fail(ERROR_LIMIT);
    GUARD(reader_view(&attempt, size, out));
    *reader = attempt;
    return RESULT_OK;
}

RESULT reader_end(const struct reader *reader)
{
    return reader_left(reader) == 0 ? RESULT_OK : result_fail(ERROR_FORMAT);
}

struct writer writer_of(void *data, size_t capacity)
{
    return (struct writer){.data = data, .capacity = data == NULL ? 0 : capacity, .at = 0};
}

RESULT writer_copy(struct writer *writer, const void *data, size_t size)
{
    if (size > writer->capacity - writer->at)
        return result_fail(ERROR_LIMIT);
    bytes_copy(writer->data + writer->at, writer->capacity - writer->at, data, size);
    writer->at += size;
    return RESULT_OK;
}

static RESULT write_number(struct writer *writer, uint64_t value, size_t size)
{
    uint8_t encoded[sizeof value];
    for (size_t i = 0; i < size; i++)
        encoded[i] = (uint8_t)(value >> (8 * i));
    return writer_copy(writer, encoded, size);
}

RESULT writer_u8(struct writer *writer, uint8_t value) { return write_number(writer, value, 1); }
RESULT writer_u16(struct writer *writer, uint16_t value) { return write_number(writer, value, 2); }
RESULT writer_u32(struct writer *writer, uint32_t value) { return write_number(writer, value, 4); }
RESULT writer_u64(struct writer *writer, uint64_t value) { return write_number(writer, value, 8); }

RESULT writer_sized(struct writer *writer, const void *data, size_t size)
{
    if (size > UINT32_MAX || writer->capacity - writer->at < sizeof(uint32_t)
        || size > writer->capacity - writer->at - sizeof(uint32_t))
        return result_fail(ERROR_LIMIT);
    GUARD(writer_u32(writer, (uint32_t)size));
    return writer_copy(writer, data, size);
}

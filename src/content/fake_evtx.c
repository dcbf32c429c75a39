// SPDX-License-Identifier: Apache-2.0
#include "content/fake_evtx.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER_BYTES = 512, FRAGMENT = 0x0f, NO_DEPENDENCY = 0xffff };

static void require(struct result result)
{
    if (!result_is_ok(result))
        abort();
}

static void put_u8(struct fake_evtx *log, uint8_t value) { require(writer_u8(&log->chunk, value)); }
static void put_u16(struct fake_evtx *log, uint16_t value)
{
    require(writer_u16(&log->chunk, value));
}
static void put_u32(struct fake_evtx *log, uint32_t value)
{
    require(writer_u32(&log->chunk, value));
}

/* A number that was not known when its place was passed. */
static void patch_u32(struct fake_evtx *log, size_t at, size_t value)
{
    struct writer writer = writer_of(log->chunk.data + at, 4);
    require(writer_u32(&writer, (uint32_t)value));
}

void fake_evtx_create(struct fake_evtx *log)
{
    *log = (struct fake_evtx){.data = calloc(1, FAKE_EVTX_BYTES)};
    if (log->data == NULL)
        abort();
    struct writer header = writer_of(log->data, FAKE_EVTX_CHUNK_AT);
    require(writer_copy(&header, "ElfFile", 8));
    header.at = 32;
    require(writer_u32(&header, 128));
    require(writer_u16(&header, 1)); /* version 3.1 */
    require(writer_u16(&header, 3));
    require(writer_u16(&header, FAKE_EVTX_CHUNK_AT));
    require(writer_u16(&header, 1));
    log->chunk = writer_of(log->data + FAKE_EVTX_CHUNK_AT, FAKE_EVTX_BYTES - FAKE_EVTX_CHUNK_AT);
    log->chunk.at = HEADER_BYTES;
}

void fake_evtx_free(struct fake_evtx *log) { free(log->data); }

static void put_text(struct fake_evtx *log, const char *text)
{
    put_u16(log, (uint16_t)strlen(text));
    for (; *text != '\0'; text++)
        put_u16(log, (uint8_t)*text);
}

static void put_name(struct fake_evtx *log, const char *name)
{
    put_u32(log, (uint32_t)log->chunk.at + 4); /* it lies here */
    put_u32(log, 0);
    put_u16(log, 0);
    put_text(log, name);
    put_u16(log, 0);
}

static void put_open(struct fake_evtx *log, const char *name, bool has_attributes)
{
    put_u8(log, has_attributes ? 0x41 : 0x01);
    put_u16(log, NO_DEPENDENCY);
    put_u32(log, 0); /* sizes are not looked at */
    put_name(log, name);
    if (has_attributes)
        put_u32(log, 0);
}

static void put_attribute(struct fake_evtx *log, const char *name, const char *value)
{
    put_u8(log, 0x06);
    put_name(log, name);
    put_u8(log, 0x05);
    put_u8(log, 0x01);
    put_text(log, value);
}

static void put_value(struct fake_evtx *log, const char *value)
{
    put_u8(log, 0x02);
    put_u8(log, 0x05);
    put_u8(log, 0x01);
    put_text(log, value);
    put_u8(log, 0x04);
}

static void put_substitution(struct fake_evtx *log, uint16_t index)
{
    put_u8(log, 0x02);
    put_u8(log, 0x0d);
    put_u16(log, index);
    put_u8(log, 0x01);
    put_u8(log, 0x04);
}

static void put_fragment(struct fake_evtx *log)
{
    put_u8(log, FRAGMENT);
    put_u8(log, 1);
    put_u8(log, 1);
    put_u8(log, 0);
}

static void put_template(struct fake_evtx *log)
{
    static const uint8_t GUID[16] = {0};
    log->template_at = log->chunk.at;
    put_u32(log, 0);
    require(writer_copy(&log->chunk, GUID, sizeof GUID));
    size_t size_at = log->chunk.at;
    put_u32(log, 0);
    put_fragment(log);
    put_open(log, "Event", false);
    put_u8(log, 0x02);
    put_open(log, "System", false);
    put_u8(log, 0x02);
    put_open(log, "Provider", true);
    put_attribute(log, "Name", "Test");
    put_u8(log, 0x03);
    put_open(log, "EventID", false);
    put_value(log, "7");
    put_open(log, "Channel", false);
    put_value(log, "Test/Log");
    put_u8(log, 0x04);
    put_open(log, "EventData", false);
    put_u8(log, 0x02);
    put_open(log, "Data", true);
    put_attribute(log, "Name", "First");
    put_substitution(log, 0);
    put_open(log, "Data", false);
    put_substitution(log, 1);
    put_u8(log, 0x04);
    put_u8(log, 0x04);
    put_u8(log, 0x00);
    patch_u32(log, size_at, log->chunk.at - size_at - 4);
}

void fake_evtx_add(struct fake_evtx *log, const struct fake_value values[2])
{
    size_t start = log->chunk.at;
    log->record_at = start;
    require(writer_copy(&log->chunk, "**\0\0", 4));
    put_u32(log, 0);
    require(writer_u64(&log->chunk, ++log->records));
    require(writer_u64(&log->chunk, 0));
    put_fragment(log);
    put_u8(log, 0x0c);
    put_u8(log, 1);
    put_u32(log, 0);
    size_t here = log->chunk.at + 4;
    put_u32(log, (uint32_t)(log->template_at == 0 ? here : log->template_at));
    if (log->template_at == 0)
        put_template(log);
    put_u32(log, 2);
    for (size_t i = 0; i < 2; i++) {
        put_u16(log, values[i].size);
        put_u8(log, values[i].type);
        put_u8(log, 0);
    }
    for (size_t i = 0; i < 2; i++)
        require(writer_copy(&log->chunk, values[i].data, values[i].size));
    put_u8(log, 0x00);
    size_t size = log->chunk.at + 4 - start;
    put_u32(log, (uint32_t)size);
    patch_u32(log, start + 4, size);
}

void fake_evtx_finish(struct fake_evtx *log)
{
    struct writer header = writer_of(log->chunk.data, HEADER_BYTES);
    require(writer_copy(&header, "ElfChnk", 8));
    for (unsigned i = 0; i < 2; i++) { /* numbers, ids */
        require(writer_u64(&header, 1));
        require(writer_u64(&header, log->records));
    }
    require(writer_u32(&header, 128));
    require(writer_u32(&header, (uint32_t)log->record_at));
    require(writer_u32(&header, (uint32_t)log->chunk.at));
}

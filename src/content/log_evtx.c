// SPDX-License-Identifier: Apache-2.0
#include "content/log_evtx.h"

#include "content/log_binary_xml.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEADER_BYTES = 4096,
    CHUNK_BYTES = 64 * KIB,
    CHUNK_HEADER_BYTES = 512,
    RECORD_HEADER_BYTES = 24,
    RECORD_BYTES_MIN = RECORD_HEADER_BYTES + 4, /* and its size once more */
    RECORDS_MAX = (CHUNK_BYTES - CHUNK_HEADER_BYTES) / RECORD_BYTES_MIN,
    VERSION = 3,
};
static const char FILE_MARK[8] = "ElfFile";
static const char CHUNK_MARK[8] = "ElfChnk";
static const uint8_t RECORD_MARK[4] = {'*', '*', 0, 0};

struct log_evtx {
    struct recording *recording;
    const char *name;
    uint8_t chunk[CHUNK_BYTES];
    size_t chunk_size;
    uint64_t chunk_number; /* of the next */
    size_t at;             /* of the next record in the chunk */
    size_t end;            /* of the records in it */
    uint64_t expected;     /* records that its header speaks of and that have not come yet */
    bool is_cut;           /* the chunk is not whole: the log ends behind it */
    uint64_t number;       /* of the next record */
};

bool log_evtx_recognise(struct bytes start)
{
    return start.size >= sizeof FILE_MARK && memcmp(start.data, FILE_MARK, sizeof FILE_MARK) == 0;
}

static RESULT read_header(struct log_evtx *evtx, struct explanation *why)
{
    size_t size;
    GUARD(recording_read(evtx->recording, evtx->chunk, HEADER_BYTES, &size, why));
    struct reader reader = reader_of(evtx->chunk, size);
    if (size < HEADER_BYTES || !log_evtx_recognise((struct bytes){evtx->chunk, size}))
        return explain(why, ERROR_FORMAT, "%s: this is no Windows event log: its header is %s",
                       evtx->name, size < HEADER_BYTES ? "cut off" : "another one");
    uint16_t minor;
    uint16_t major;
    reader.at = 36;
    GUARD(reader_u16(&reader, &minor));
    GUARD(reader_u16(&reader, &major));
    if (major != VERSION)
        return explain(why, ERROR_UNSUPPORTED,
                       "%s: this is a Windows event log of version %u.%u; expected version %d",
                       evtx->name, major, minor, (int)VERSION);
    return RESULT_OK;
}

RESULT log_evtx_new(struct recording *recording, const char *name, struct log_evtx **ret_evtx,
                    struct explanation *why)
{
    struct log_evtx *evtx = calloc(1, sizeof *evtx);
    if (evtx == NULL)
        return explain(why, ERROR_MEMORY, "%s: memory is out", name);
    evtx->recording = recording;
    evtx->name = name;
    struct result result = read_header(evtx, why);
    if (!result_is_ok(result)) {
        log_evtx_free(evtx);
        return result;
    }
    *ret_evtx = evtx;
    return RESULT_OK;
}

void log_evtx_free(struct log_evtx *evtx) { free(evtx); }

/* --- chunks ----------------------------------------------------------------------------------- */

static bool is_empty(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] != 0)
            return false;
    }
    return true;
}

/* What the chunk's header says. ERROR_FORMAT where it is none. */
static RESULT read_chunk_header(struct log_evtx *evtx)
{
    struct bytes mark;
    uint64_t first;
    uint64_t last;
    uint32_t free_at;
    struct reader reader = reader_of(evtx->chunk, evtx->chunk_size);
    GUARD(reader_view(&reader, sizeof CHUNK_MARK, &mark));
    GUARD(reader_u64(&reader, &first));
    GUARD(reader_u64(&reader, &last));
    reader.at = 48;
    GUARD(reader_u32(&reader, &free_at));
    if (memcmp(mark.data, CHUNK_MARK, sizeof CHUNK_MARK) != 0)
        return result_fail(ERROR_FORMAT);
    uint64_t count = last - first + 1; /* 0 where there is none: last is -1 */
    evtx->expected = count <= RECORDS_MAX ? count : 0;
    evtx->at = CHUNK_HEADER_BYTES;
    evtx->end = free_at < evtx->chunk_size ? free_at : evtx->chunk_size;
    return RESULT_OK;
}

/* The next chunk that is used. */
static RESULT next_chunk(struct log_evtx *evtx, struct log_entry *ret_entry, bool *ret_is_broken,
                         struct explanation *why)
{
    *ret_is_broken = false;
    for (;;) {
        if (evtx->is_cut)
            return explain(why, ERROR_FORMAT,
                           "%s: the event log is cut off in chunk %" PRIu64
                           "; %" PRIu64 " records could be read or were passed over",
                           evtx->name, evtx->chunk_number, evtx->number);
        GUARD(recording_read(evtx->recording, evtx->chunk, CHUNK_BYTES, &evtx->chunk_size, why));
        if (evtx->chunk_size == 0)
            return result_fail(ERROR_NOT_FOUND);
        bool is_unused = is_empty(evtx->chunk, evtx->chunk_size);
        evtx->is_cut = evtx->chunk_size < CHUNK_BYTES && !is_unused;
        evtx->chunk_number++;
        if (is_unused)
            continue;
        if (evtx->chunk_size >= CHUNK_HEADER_BYTES && result_is_ok(read_chunk_header(evtx)))
            return RESULT_OK;
        if (evtx->is_cut)
            continue;
        result_ignore(explain(why, ERROR_FORMAT, /* it costs itself only */
                              "chunk %" PRIu64 " has no header; its records are lost",
                              evtx->chunk_number - 1));
        *ret_is_broken = true;
        return log_entry_unreadable(ret_entry, evtx->number);
    }
}

/* --- records ---------------------------------------------------------------------------------- */

struct record {
    uint64_t id;
    size_t start; /* of its binary XML in the chunk */
    size_t end;
};

/* The record at evtx->at, which is moved behind it. */
static RESULT read_record_header(struct log_evtx *evtx, struct record *ret_record)
{
    struct bytes mark;
    uint32_t size;
    uint64_t written;
    struct reader reader = reader_of(evtx->chunk, evtx->end);
    reader.at = evtx->at;
    GUARD(reader_view(&reader, sizeof RECORD_MARK, &mark));
    GUARD(reader_u32(&reader, &size));
    GUARD(reader_u64(&reader, &ret_record->id));
    GUARD(reader_u64(&reader, &written));
    if (memcmp(mark.data, RECORD_MARK, sizeof RECORD_MARK) != 0 || size < RECORD_BYTES_MIN
        || size > evtx->end - evtx->at)
        return result_fail(ERROR_FORMAT);
    ret_record->start = reader.at;
    ret_record->end = evtx->at + size - 4;
    evtx->at += size;
    return RESULT_OK;
}

static const char *what_is_wrong(enum error error)
{
    switch (error) {
    case ERROR_LIMIT:
    case ERROR_MEMORY:
        return "is too large or nests too deep";
    case ERROR_UNSUPPORTED:
        return "holds something that the format does not know";
    default:
        return "is malformed";
    }
}

static RESULT read_record(struct log_evtx *evtx, const struct record *record,
                          struct log_fields *fields, struct log_entry *ret_entry,
                          struct explanation *why)
{
    struct log_element builder = log_element_start(fields);
    struct bytes chunk = {evtx->chunk, evtx->chunk_size};
    struct result result = log_binary_xml_read(chunk, record->start, record->end, &builder);
    *ret_entry = (struct log_entry){evtx->number++, !result_is_ok(result)};
    if (!result_is_ok(result))
        result_ignore(explain(why, result.error, /* it costs itself only */
                              "the record with the id %" PRIu64 " %s", record->id,
                              what_is_wrong(result.error)));
    return RESULT_OK;
}

/* The rest of the chunk is lost: an entry for each record that should have come. */
static RESULT lose_record(struct log_evtx *evtx, struct log_entry *ret_entry,
                          struct explanation *why)
{
    result_ignore(explain(why, ERROR_FORMAT, /* it costs itself only */
                          "chunk %" PRIu64 " is broken from byte %zu on; %" PRIu64
                          " more of its records are lost",
                          evtx->chunk_number - 1, evtx->at, evtx->expected));
    evtx->end = evtx->at;
    evtx->expected -= evtx->expected > 0;
    return log_entry_unreadable(ret_entry, evtx->number++);
}

RESULT log_evtx_next(struct log_evtx *evtx, struct log_fields *fields, struct log_entry *ret_entry,
                     struct explanation *why)
{
    for (;;) {
        struct record record;
        bool is_left = evtx->at < evtx->end && !is_empty(evtx->chunk + evtx->at,
                                                         evtx->end - evtx->at);
        if (is_left && result_is_ok(read_record_header(evtx, &record))) {
            evtx->expected -= evtx->expected > 0;
            return read_record(evtx, &record, fields, ret_entry, why);
        }
        if (is_left || evtx->expected > 0)
            return lose_record(evtx, ret_entry, why);
        bool is_broken;
        GUARD(next_chunk(evtx, ret_entry, &is_broken, why));
        if (is_broken)
            return RESULT_OK;
    }
}

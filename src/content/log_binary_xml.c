// SPDX-License-Identifier: Apache-2.0
#include "content/log_binary_xml.h"

#include "content/log_binary_value.h"

/* Without the bit 0x40, "more follows". */
enum token {
    TOKEN_END = 0x00,
    TOKEN_OPEN = 0x01,
    TOKEN_CLOSE_START = 0x02,
    TOKEN_CLOSE_EMPTY = 0x03,
    TOKEN_CLOSE = 0x04,
    TOKEN_VALUE = 0x05,
    TOKEN_ATTRIBUTE = 0x06,
    TOKEN_CDATA = 0x07,
    TOKEN_CHARACTER = 0x08,
    TOKEN_ENTITY = 0x09,
    TOKEN_INSTRUCTION = 0x0a,
    TOKEN_INSTRUCTION_DATA = 0x0b,
    TOKEN_TEMPLATE = 0x0c,
    TOKEN_SUBSTITUTION = 0x0d,
    TOKEN_OPTIONAL = 0x0e,
    TOKEN_FRAGMENT = 0x0f,
    TOKEN_MORE = 0x40,
};

/* What fills a template's gaps. */
struct value {
    uint8_t type;
    struct bytes raw;
    size_t at; /* of `raw` in the chunk */
};

struct document {
    struct bytes chunk;
    struct log_element *builder;
    struct arena *arena;
    unsigned steps; /* tokens so far */
    unsigned nesting;
};

/* A stretch of the chunk that is being read. */
struct stretch {
    struct reader reader; /* over the chunk up to the stretch's end: `at` counts in the chunk */
    const struct value *values;
    size_t value_count;
    bool is_value; /* it is itself a value: its elements have no dependency id */
};

static RESULT read_stretch(struct document *document, struct stretch *stretch);

static RESULT enter(struct document *document, size_t start, size_t end, struct stretch *stretch)
{
    if (start > end || end > document->chunk.size)
        return result_fail(ERROR_FORMAT);
    if (document->nesting >= LIMIT_EVENT_DEPTH)
        return result_fail(ERROR_LIMIT);
    stretch->reader = reader_of(document->chunk.data, end);
    stretch->reader.at = start;
    unsigned depth = document->builder->depth;
    document->nesting++;
    GUARD(read_stretch(document, stretch));
    document->nesting--;
    return document->builder->depth == depth ? RESULT_OK : result_fail(ERROR_FORMAT);
}

/* --- texts ------------------------------------------------------------------------------------ */

/* A number of UTF-16 units and these. */
static RESULT read_counted(struct document *document, struct reader *reader,
                           struct bytes *ret_text)
{
    uint16_t count;
    struct bytes raw;
    GUARD(reader_u16(reader, &count));
    GUARD(reader_view(reader, 2 * (size_t)count, &raw));
    return binary_value_utf16(document->arena, raw, ret_text);
}

/* A name, by its offset in the chunk: there where it was used first, it lies in between. */
static RESULT read_name(struct document *document, struct reader *reader, struct bytes *ret_name)
{
    uint32_t offset;
    uint32_t next;
    uint16_t hash;
    uint16_t end;
    GUARD(reader_u32(reader, &offset));
    if (offset > document->chunk.size)
        return result_fail(ERROR_FORMAT);
    bool is_here = offset == reader->at;
    struct reader elsewhere = reader_of(document->chunk.data, document->chunk.size);
    elsewhere.at = offset;
    struct reader *name = is_here ? reader : &elsewhere;
    GUARD(reader_u32(name, &next));
    GUARD(reader_u16(name, &hash));
    GUARD(read_counted(document, name, ret_name));
    return reader_u16(name, &end);
}

static RESULT read_entity(struct document *document, struct reader *reader,
                          struct bytes *ret_text)
{
    static const char *const ENTITIES[][2] = {
        {"lt", "<"}, {"gt", ">"}, {"amp", "&"}, {"quot", "\""}, {"apos", "'"},
    };
    struct bytes name;
    GUARD(read_name(document, reader, &name));
    for (size_t i = 0; i < sizeof ENTITIES / sizeof ENTITIES[0]; i++) {
        if (bytes_equal_text(name, ENTITIES[i][0])) {
            *ret_text = bytes_of(ENTITIES[i][1]);
            return RESULT_OK;
        }
    }
    return result_fail(ERROR_UNSUPPORTED);
}

static RESULT read_value(struct document *document, struct reader *reader, struct bytes *ret_text)
{
    uint8_t type;
    GUARD(reader_u8(reader, &type));
    if (type != BINARY_STRING)
        return result_fail(ERROR_UNSUPPORTED);
    return read_counted(document, reader, ret_text);
}

/* The value that a substitution names; NULL where the instance has none for it. */
static RESULT read_substitution(struct stretch *stretch, const struct value **ret_value)
{
    uint16_t index;
    uint8_t type; /* of the template; the value's own counts */
    GUARD(reader_u16(&stretch->reader, &index));
    GUARD(reader_u8(&stretch->reader, &type));
    *ret_value = index < stretch->value_count ? &stretch->values[index] : NULL;
    return RESULT_OK;
}

/* One piece of text that is no substitution. */
static RESULT read_text(struct document *document, struct reader *reader, unsigned token,
                        struct bytes *ret_text)
{
    switch (token) {
    case TOKEN_VALUE:
        return read_value(document, reader, ret_text);
    case TOKEN_CDATA:
        return read_counted(document, reader, ret_text);
    case TOKEN_CHARACTER: {
        struct bytes unit;
        GUARD(reader_view(reader, 2, &unit));
        return binary_value_utf16(document->arena, unit, ret_text);
    }
    default:
        return read_entity(document, reader, ret_text);
    }
}

/* --- attributes ------------------------------------------------------------------------------- */

static RESULT read_attribute_part(struct document *document, struct stretch *stretch,
                                  unsigned token, struct bytes *ret_text)
{
    if (token != TOKEN_SUBSTITUTION && token != TOKEN_OPTIONAL)
        return read_text(document, &stretch->reader, token, ret_text);
    const struct value *value;
    *ret_text = (struct bytes){NULL, 0};
    GUARD(read_substitution(stretch, &value));
    if (value == NULL)
        return RESULT_OK;
    return binary_value_text(document->arena, value->type, value->raw, ret_text);
}

static bool is_text_token(unsigned token)
{
    return token == TOKEN_VALUE || token == TOKEN_CDATA || token == TOKEN_CHARACTER
           || token == TOKEN_ENTITY || token == TOKEN_SUBSTITUTION || token == TOKEN_OPTIONAL;
}

/* An attribute without a value is not there. */
static RESULT read_attribute(struct document *document, struct stretch *stretch)
{
    struct bytes name;
    GUARD(read_name(document, &stretch->reader, &name));
    struct bytes whole = {NULL, 0};
    while (reader_left(&stretch->reader) > 0) {
        unsigned token = stretch->reader.data[stretch->reader.at] & ~(unsigned)TOKEN_MORE;
        if (!is_text_token(token))
            break;
        stretch->reader.at++;
        struct bytes part;
        GUARD(read_attribute_part(document, stretch, token, &part));
        if (whole.size == 0) /* attributes of events have one part */
            whole = part;
    }
    if (whole.size == 0)
        return RESULT_OK;
    return log_element_attribute(document->builder, name, whole);
}

/* --- elements --------------------------------------------------------------------------------- */

static RESULT read_open(struct document *document, struct stretch *stretch, bool has_attributes)
{
    uint16_t dependency;
    uint32_t size;
    struct bytes name;
    if (!stretch->is_value)
        GUARD(reader_u16(&stretch->reader, &dependency));
    GUARD(reader_u32(&stretch->reader, &size));
    GUARD(read_name(document, &stretch->reader, &name));
    if (has_attributes)
        GUARD(reader_u32(&stretch->reader, &size));
    return log_element_open(document->builder, name);
}

/* A value of several: an element for each. */
static RESULT add_items(struct document *document, const struct value *value)
{
    struct bytes left = value->raw;
    unsigned type = value->type & ~(unsigned)BINARY_ARRAY;
    for (bool is_first = true; left.size > 0; is_first = false) {
        struct bytes item;
        struct bytes text;
        GUARD(binary_value_item(type, &left, &item));
        GUARD(binary_value_text(document->arena, type, item, &text));
        if (!is_first)
            GUARD(log_element_repeat(document->builder));
        GUARD(log_element_text(document->builder, text));
    }
    return RESULT_OK;
}

static RESULT add_substitution(struct document *document, struct stretch *stretch)
{
    const struct value *value;
    struct bytes text;
    GUARD(read_substitution(stretch, &value));
    if (value == NULL || value->raw.size == 0)
        return RESULT_OK;
    if (value->type == BINARY_XML) {
        struct stretch inner = {.is_value = true};
        return enter(document, value->at, value->at + value->raw.size, &inner);
    }
    if ((value->type & BINARY_ARRAY) != 0)
        return add_items(document, value);
    GUARD(binary_value_text(document->arena, value->type, value->raw, &text));
    return log_element_text(document->builder, text);
}

/* --- templates -------------------------------------------------------------------------------- */

/* The instance's values: their sizes and types, then they themselves. */
static RESULT read_values(struct document *document, struct reader *reader,
                          struct stretch *template)
{
    uint32_t count;
    GUARD(reader_u32(reader, &count));
    if (count > reader_left(reader) / 4)
        return result_fail(ERROR_FORMAT);
    struct value *values = arena_array(document->arena, count + 1, sizeof values[0]);
    if (values == NULL)
        return result_fail(ERROR_MEMORY);
    for (uint32_t i = 0; i < count; i++) {
        uint16_t size;
        uint8_t unused;
        GUARD(reader_u16(reader, &size));
        GUARD(reader_u8(reader, &values[i].type));
        GUARD(reader_u8(reader, &unused));
        values[i].raw.size = size;
    }
    for (uint32_t i = 0; i < count; i++) {
        values[i].at = reader->at;
        GUARD(reader_view(reader, values[i].raw.size, &values[i].raw));
    }
    template->values = values;
    template->value_count = count;
    return RESULT_OK;
}

/* Where the template's body lies: `reader` stands at its definition and is moved behind it. */
static RESULT read_definition(struct reader *reader, size_t *ret_start, size_t *ret_end)
{
    enum { GUID_BYTES = 16 };
    uint32_t next;
    uint32_t size;
    struct bytes skipped;
    GUARD(reader_u32(reader, &next));
    GUARD(reader_view(reader, GUID_BYTES, &skipped));
    GUARD(reader_u32(reader, &size));
    *ret_start = reader->at;
    GUARD(reader_view(reader, size, &skipped));
    *ret_end = reader->at;
    return RESULT_OK;
}

static RESULT read_template(struct document *document, struct stretch *stretch)
{
    uint8_t unused;
    uint32_t id;
    uint32_t offset;
    size_t start;
    size_t end;
    GUARD(reader_u8(&stretch->reader, &unused));
    GUARD(reader_u32(&stretch->reader, &id));
    GUARD(reader_u32(&stretch->reader, &offset));
    if (offset > document->chunk.size)
        return result_fail(ERROR_FORMAT);
    if (offset == stretch->reader.at) { /* it is used first here */
        GUARD(read_definition(&stretch->reader, &start, &end));
    } else {
        struct reader elsewhere = reader_of(document->chunk.data, document->chunk.size);
        elsewhere.at = offset;
        GUARD(read_definition(&elsewhere, &start, &end));
    }
    struct stretch template = {.is_value = false};
    GUARD(read_values(document, &stretch->reader, &template));
    return enter(document, start, end, &template);
}

/* --- tokens ----------------------------------------------------------------------------------- */

static RESULT read_token(struct document *document, struct stretch *stretch, uint8_t byte)
{
    struct bytes skipped;
    unsigned token = byte & ~(unsigned)TOKEN_MORE;
    switch (token) {
    case TOKEN_OPEN:
        return read_open(document, stretch, (byte & TOKEN_MORE) != 0);
    case TOKEN_CLOSE_START:
        return RESULT_OK;
    case TOKEN_CLOSE_EMPTY:
    case TOKEN_CLOSE:
        return log_element_close(document->builder);
    case TOKEN_ATTRIBUTE:
        return read_attribute(document, stretch);
    case TOKEN_VALUE:
    case TOKEN_CDATA:
    case TOKEN_CHARACTER:
    case TOKEN_ENTITY:
        GUARD(read_text(document, &stretch->reader, token, &skipped));
        return log_element_text(document->builder, skipped);
    case TOKEN_INSTRUCTION:
        return read_name(document, &stretch->reader, &skipped);
    case TOKEN_INSTRUCTION_DATA:
        return read_counted(document, &stretch->reader, &skipped);
    case TOKEN_TEMPLATE:
        return read_template(document, stretch);
    case TOKEN_SUBSTITUTION:
    case TOKEN_OPTIONAL:
        return add_substitution(document, stretch);
    case TOKEN_FRAGMENT: /* version and flags */
        return reader_view(&stretch->reader, 3, &skipped);
    default:
        return result_fail(ERROR_UNSUPPORTED);
    }
}

static RESULT read_stretch(struct document *document, struct stretch *stretch)
{
    while (reader_left(&stretch->reader) > 0) {
        uint8_t byte;
        if (document->steps++ >= LIMIT_EVTX_STEPS)
            return result_fail(ERROR_LIMIT);
        GUARD(reader_u8(&stretch->reader, &byte));
        if (byte == TOKEN_END)
            return RESULT_OK;
        GUARD(read_token(document, stretch, byte));
    }
    return RESULT_OK;
}

RESULT log_binary_xml_read(struct bytes chunk, size_t start, size_t end,
                           struct log_element *builder)
{
    struct document document = {.chunk = chunk, .builder = builder,
                                .arena = builder->fields->arena};
    struct stretch stretch = {.is_value = false};
    return enter(&document, start, end, &stretch);
}

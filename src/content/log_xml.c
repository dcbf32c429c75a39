// SPDX-License-Identifier: Apache-2.0
#include "content/log_xml.h"

#include "base/bytes.h"
#include "engine/fold.h"

#include <stdlib.h>
#include <string.h>

/* --- one event -------------------------------------------------------------------------------- */

struct scan {
    struct bytes text;
    size_t at;
    struct log_element builder;
    struct arena *arena;
};

static bool is_blank(uint8_t c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static bool is_name_start(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static bool is_name(uint8_t c)
{
    return is_name_start(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':';
}

static struct bytes left_of(const struct scan *scan)
{
    return (struct bytes){scan->text.data + scan->at, scan->text.size - scan->at};
}

/* "#65;", "#x41;" behind the '&': the character and its bytes; 0 where it is none. */
static size_t numbered_character(struct bytes text, uint32_t *ret_code)
{
    enum { DIGITS_MAX = 8, CODE_MAX = 0x10FFFF };
    bool is_hex = text.size > 2 && text.data[1] == 'x';
    size_t start = is_hex ? 2 : 1;
    uint32_t code = 0;
    for (size_t i = start; i < text.size && i < start + DIGITS_MAX; i++) {
        uint8_t c = text.data[i];
        uint8_t lower = c | 0x20;
        if (c == ';' && i > start && code <= CODE_MAX) {
            *ret_code = code;
            return i + 1;
        }
        if (c >= '0' && c <= '9')
            code = code * (is_hex ? 16 : 10) + (uint32_t)(c - '0');
        else if (is_hex && lower >= 'a' && lower <= 'f')
            code = code * 16 + (uint32_t)(lower - 'a' + 10);
        else
            return 0;
    }
    return 0;
}

/* The character that the reference behind a '&' names, into `out`; how much of the text it is. What
 * is none is text: 0. */
static size_t read_reference(struct bytes text, uint8_t **out)
{
    static const struct {
        const char *name;
        char character;
    } ENTITIES[] = {{"lt;", '<'}, {"gt;", '>'}, {"amp;", '&'}, {"quot;", '"'}, {"apos;", '\''}};
    for (size_t i = 0; i < sizeof ENTITIES / sizeof ENTITIES[0]; i++) {
        if (bytes_start_with(text, ENTITIES[i].name)) {
            *(*out)++ = (uint8_t)ENTITIES[i].character;
            return strlen(ENTITIES[i].name);
        }
    }
    uint32_t code = 0;
    size_t size = bytes_start_with(text, "#") ? numbered_character(text, &code) : 0;
    if (size > 0)
        *out += fold_encode(code, *out);
    return size;
}

/* References replaced; never longer than it was. */
static RESULT decode(struct arena *arena, struct bytes text, struct bytes *ret_text)
{
    *ret_text = text;
    if (text.size == 0 || memchr(text.data, '&', text.size) == NULL)
        return RESULT_OK;
    uint8_t *start = arena_alloc(arena, text.size);
    if (start == NULL)
        return result_fail(ERROR_MEMORY);
    uint8_t *out = start;
    for (size_t i = 0; i < text.size;) {
        struct bytes behind = {text.data + i + 1, text.size - i - 1};
        size_t size = text.data[i] == '&' ? read_reference(behind, &out) : 0;
        if (size == 0)
            *out++ = text.data[i];
        i += 1 + size;
    }
    *ret_text = (struct bytes){start, (size_t)(out - start)};
    return RESULT_OK;
}

/* Up to `end`, which is passed over; all that is left where it does not come. */
static struct bytes take_until(struct scan *scan, const char *end)
{
    struct bytes left = left_of(scan);
    size_t size = strlen(end);
    const uint8_t *found = left.size == 0 ? NULL : memmem(left.data, left.size, end, size);
    size_t taken = found == NULL ? left.size : (size_t)(found - left.data);
    scan->at += taken + (found == NULL ? 0 : size);
    return (struct bytes){left.data, taken};
}

/* A name, without the namespace's prefix. */
static struct bytes take_name(struct scan *scan)
{
    struct bytes name = {scan->text.data + scan->at, 0};
    while (scan->at < scan->text.size && is_name(scan->text.data[scan->at])) {
        bool is_prefix = scan->text.data[scan->at++] == ':';
        name.size++;
        if (is_prefix)
            name = (struct bytes){scan->text.data + scan->at, 0};
    }
    return name;
}

static void skip_blanks(struct scan *scan)
{
    while (scan->at < scan->text.size && is_blank(scan->text.data[scan->at]))
        scan->at++;
}

static bool take_byte(struct scan *scan, char c)
{
    if (scan->at >= scan->text.size || scan->text.data[scan->at] != (uint8_t)c)
        return false;
    scan->at++;
    return true;
}

static RESULT read_attribute(struct scan *scan)
{
    struct bytes name = take_name(scan);
    struct bytes value;
    skip_blanks(scan);
    bool has_value = name.size > 0 && take_byte(scan, '=');
    skip_blanks(scan);
    if (has_value && take_byte(scan, '"'))
        value = take_until(scan, "\"");
    else if (has_value && take_byte(scan, '\''))
        value = take_until(scan, "'");
    else
        return result_fail(ERROR_FORMAT);
    GUARD(decode(scan->arena, value, &value));
    return log_element_attribute(&scan->builder, name, value);
}

/* Behind "<". */
static RESULT read_open(struct scan *scan)
{
    GUARD(log_element_open(&scan->builder, take_name(scan)));
    for (;;) {
        skip_blanks(scan);
        if (scan->at >= scan->text.size || take_byte(scan, '>'))
            return RESULT_OK;
        if (take_byte(scan, '/')) {
            if (!take_byte(scan, '>'))
                return result_fail(ERROR_FORMAT);
            return log_element_close(&scan->builder);
        }
        GUARD(read_attribute(scan));
    }
}

/* At a '<'; false: it begins no tag. */
static bool is_tag(const struct scan *scan)
{
    struct bytes left = left_of(scan);
    return left.size > 1
           && (is_name_start(left.data[1]) || left.data[1] == '/' || left.data[1] == '!'
               || left.data[1] == '?');
}

static RESULT read_tag(struct scan *scan)
{
    struct bytes left = left_of(scan);
    if (bytes_start_with(left, "<!--")) {
        (void)take_until(scan, "-->");
        return RESULT_OK;
    }
    if (bytes_start_with(left, "<![CDATA[")) {
        scan->at += strlen("<![CDATA[");
        return log_element_text(&scan->builder, take_until(scan, "]]>"));
    }
    if (bytes_start_with(left, "<?")) {
        (void)take_until(scan, "?>");
        return RESULT_OK;
    }
    if (bytes_start_with(left, "<!"))
        return result_fail(ERROR_UNSUPPORTED);
    if (bytes_start_with(left, "</")) {
        (void)take_until(scan, ">");
        return log_element_close(&scan->builder);
    }
    scan->at++;
    return read_open(scan);
}

/* Up to the next tag. */
static RESULT read_text(struct scan *scan)
{
    size_t start = scan->at;
    while (scan->at < scan->text.size && (scan->text.data[scan->at] != '<' || !is_tag(scan)))
        scan->at++;
    struct bytes text = {scan->text.data + start, scan->at - start};
    GUARD(decode(scan->arena, text, &text));
    return log_element_text(&scan->builder, text);
}

RESULT log_xml_read(struct bytes event, struct log_fields *fields)
{
    struct scan scan = {.text = event, .builder = log_element_start(fields),
                        .arena = fields->arena};
    do {
        if (scan.text.size > scan.at && scan.text.data[scan.at] == '<' && is_tag(&scan))
            GUARD(read_tag(&scan));
        else
            GUARD(read_text(&scan));
    } while (scan.at < scan.text.size && scan.builder.depth > 0);
    while (scan.builder.depth > 0) /* it was cut off */
        GUARD(log_element_close(&scan.builder));
    return RESULT_OK;
}

/* --- where events are ------------------------------------------------------------------------- */

static const char EVENT_START[] = "<Event";
static const char EVENT_END[] = "</Event>";

/* Where the next event begins: "<Event" and no longer name. */
static const uint8_t *find_start(struct bytes text)
{
    size_t size = strlen(EVENT_START);
    while (text.size > size) {
        const uint8_t *found = memmem(text.data, text.size - 1, EVENT_START, size);
        if (found == NULL)
            return NULL;
        if (!is_name(found[size]))
            return found;
        size_t step = (size_t)(found - text.data) + size;
        text = (struct bytes){text.data + step, text.size - step};
    }
    return NULL;
}

bool log_xml_find(struct bytes line, struct bytes *ret_event)
{
    const uint8_t *start = find_start(line);
    if (start == NULL)
        return false;
    struct bytes event = {start, line.size - (size_t)(start - line.data)};
    static const char SYSTEM[] = "<System";
    if (memmem(event.data, event.size, SYSTEM, strlen(SYSTEM)) == NULL)
        return false;
    *ret_event = event;
    return true;
}

/* --- documents -------------------------------------------------------------------------------- */

enum { BLOCK_BYTES = 64 * KIB };

struct log_xml {
    struct recording *recording;
    uint8_t *text; /* read and not yet given out */
    size_t size;
    size_t capacity;
    size_t at;     /* where the next event is looked for */
    uint64_t line; /* of text[at] */
    bool is_ended;
};

RESULT log_xml_new(struct recording *recording, struct log_xml **ret_xml, struct explanation *why)
{
    struct log_xml *xml = calloc(1, sizeof *xml);
    uint8_t *text = malloc(BLOCK_BYTES);
    if (xml == NULL || text == NULL) {
        free(xml);
        free(text);
        return explain(why, ERROR_MEMORY, "memory is out");
    }
    xml->recording = recording;
    xml->text = text;
    xml->capacity = BLOCK_BYTES;
    *ret_xml = xml;
    return RESULT_OK;
}

void log_xml_free(struct log_xml *xml)
{
    if (xml == NULL)
        return;
    free(xml->text);
    free(xml);
}

static void move_to(struct log_xml *xml, size_t at)
{
    for (; xml->at < at; xml->at++)
        xml->line += xml->text[xml->at] == '\n';
}

/* More text behind what there is; what was given out makes room. */
static RESULT read_more(struct log_xml *xml, struct explanation *why)
{
    xml->size -= xml->at;
    if (xml->at > 0)
        memmove(xml->text, xml->text + xml->at, xml->size);
    xml->at = 0;
    if (xml->capacity < xml->size + BLOCK_BYTES) {
        size_t capacity = 2 * xml->size + BLOCK_BYTES;
        uint8_t *larger = realloc(xml->text, capacity);
        if (larger == NULL)
            return explain(why, ERROR_MEMORY, "memory is out");
        xml->text = larger;
        xml->capacity = capacity;
    }
    size_t size;
    struct result result =
        recording_read(xml->recording, xml->text + xml->size, BLOCK_BYTES, &size, why);
    xml->size += size;
    xml->is_ended = size < BLOCK_BYTES;
    if (size == 0) /* else the next call fails, when this much was read */
        return result;
    return RESULT_OK;
}

/* Moves to the start of the next event; ERROR_NOT_FOUND at the end. */
static RESULT seek_event(struct log_xml *xml, struct explanation *why)
{
    for (;;) {
        struct bytes left = {xml->text + xml->at, xml->size - xml->at};
        const uint8_t *start = left.size == 0 ? NULL : find_start(left);
        if (start != NULL) {
            move_to(xml, (size_t)(start - xml->text));
            return RESULT_OK;
        }
        if (xml->is_ended)
            return result_fail(ERROR_NOT_FOUND);
        size_t kept = strlen(EVENT_START); /* its end may follow */
        move_to(xml, xml->size > kept + xml->at ? xml->size - kept : xml->at);
        GUARD(read_more(xml, why));
    }
}

/* The event that begins where we are, up to its end or the log's. */
static RESULT read_event(struct log_xml *xml, struct bytes *ret_event, struct explanation *why)
{
    size_t seen = 0;
    for (;;) {
        struct bytes left = {xml->text + xml->at, xml->size - xml->at};
        const uint8_t *end =
            memmem(left.data + seen, left.size - seen, EVENT_END, strlen(EVENT_END));
        size_t size = end == NULL ? left.size : (size_t)(end - left.data) + strlen(EVENT_END);
        *ret_event = (struct bytes){left.data, size};
        if (end != NULL || xml->is_ended || size > LIMIT_RECORD_LINE_BYTES)
            return RESULT_OK;
        seen = left.size > strlen(EVENT_END) ? left.size - strlen(EVENT_END) : 0;
        GUARD(read_more(xml, why));
    }
}

RESULT log_xml_next(struct log_xml *xml, struct log_fields *fields, struct log_entry *ret_entry,
                    struct explanation *why)
{
    struct bytes event;
    GUARD(seek_event(xml, why));
    GUARD(read_event(xml, &event, why));
    uint64_t line = xml->line;
    bool is_too_large = event.size > LIMIT_RECORD_LINE_BYTES;
    struct result result =
        is_too_large ? result_fail(ERROR_LIMIT) : log_xml_read(event, fields);
    move_to(xml, xml->at + event.size);
    *ret_entry = (struct log_entry){line, !result_is_ok(result)};
    if (!result_is_ok(result))
        result_ignore(explain(why, result.error, "the event %s", /* it costs itself only */
                              result.error == ERROR_LIMIT || result.error == ERROR_MEMORY
                                  ? "is too large or nests too deep"
                                  : "is not XML as Windows writes it"));
    return RESULT_OK;
}

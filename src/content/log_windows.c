// SPDX-License-Identifier: Apache-2.0
#include "content/log_windows.h"

#include "base/bytes.h"

#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

RESULT log_windows_add_system(struct log_fields *fields, struct bytes element,
                              struct bytes attribute, struct bytes value)
{
    if (attribute.size == 0)
        return log_fields_add(fields, element, value);
    if (bytes_equal_text(element, "Provider") && bytes_equal_text(attribute, "Name"))
        return log_fields_add_text(fields, "Provider_Name", value);
    if (bytes_equal_text(element, "Provider") && bytes_equal_text(attribute, "Guid"))
        return log_fields_add_text(fields, "Provider_Guid", value);
    return log_fields_add(fields, attribute, value);
}

/* The name without its spaces, and with '_' for them. */
static RESULT add_without_spaces(struct log_fields *fields, struct bytes name, struct bytes value)
{
    char *closed = arena_alloc(fields->arena, name.size + 1);
    char *joined = arena_alloc(fields->arena, name.size + 1);
    if (closed == NULL || joined == NULL)
        return result_fail(ERROR_MEMORY);
    size_t size = 0;
    for (size_t i = 0; i < name.size; i++) {
        char c = (char)name.data[i];
        joined[i] = c == ' ' ? '_' : c;
        if (c != ' ')
            closed[size++] = c;
    }
    GUARD(log_fields_add_text(fields, closed, value));
    return log_fields_add_text(fields, joined, value);
}

RESULT log_windows_add_data(struct log_fields *fields, struct bytes element, struct bytes name,
                            struct bytes value)
{
    if (name.size == 0)
        name = element;
    GUARD(log_fields_add(fields, name, value));
    if (memchr(name.data, ' ', name.size) != NULL)
        return add_without_spaces(fields, name, value);
    return RESULT_OK;
}

/* --- dotted names ----------------------------------------------------------------------------- */

static struct bytes behind(struct bytes text, size_t size)
{
    return (struct bytes){text.data + size, text.size - size};
}

/* Takes `front` off; false where it does not begin so. */
static bool take_front(struct bytes *text, const char *front)
{
    if (!bytes_start_with(*text, front))
        return false;
    *text = behind(*text, strlen(front));
    return true;
}

/* The part behind the last '.', which is taken off with its dot. */
static struct bytes take_last(struct bytes *text)
{
    size_t at = text->size;
    while (at > 0 && text->data[at - 1] != '.')
        at--;
    struct bytes last = behind(*text, at);
    text->size = at > 0 ? at - 1 : 0;
    return last;
}

/* How converters of XML to JSON mark an element's text and its attributes. */
static bool is_text_mark(struct bytes part)
{
    return bytes_equal_text(part, "#text") || bytes_equal_text(part, "_")
           || bytes_equal_text(part, "$t");
}

/* "Provider.#attributes.Name", "Provider_attributes.Name", "Provider.@Name": element Provider,
 * attribute Name. "EventID.#text", "EventID": element EventID. ("Provider.Name" without a mark:
 * `has_plain_attributes` asks whether that can be an attribute.) */
static void split(struct bytes dotted, bool has_plain_attributes, struct bytes *ret_element,
                  struct bytes *ret_attribute)
{
    *ret_attribute = (struct bytes){NULL, 0};
    struct bytes last = take_last(&dotted);
    if (is_text_mark(last)) {
        last = take_last(&dotted);
    } else if (last.size > 1 && last.data[0] == '@') {
        *ret_attribute = behind(last, 1);
        last = take_last(&dotted);
    } else if (dotted.size > 0) {
        struct bytes left = dotted;
        struct bytes mark = take_last(&left);
        bool is_marked = bytes_equal_text(mark, "#attributes") || bytes_equal_text(mark, "$");
        bool is_joined = bytes_end_with(mark, "_attributes");
        if (is_marked || is_joined || has_plain_attributes) {
            *ret_attribute = last;
            if (is_marked)
                dotted = left;
            last = take_last(&dotted);
            if (is_joined)
                last.size -= strlen("_attributes");
        }
    }
    *ret_element = last;
}

/* Below EventData: names are keys, or come as pairs of an attribute Name and a text. */
static RESULT add_event_data(struct log_fields *fields, struct log_windows_names *names,
                             struct bytes dotted, struct bytes value)
{
    struct bytes element;
    struct bytes attribute;
    split(dotted, false, &element, &attribute);
    bool is_data = bytes_equal_text(element, "Data");
    if (is_data && bytes_equal_text(attribute, "Name")) {
        const char *copy = arena_copy(fields->arena, value.data, value.size);
        if (copy == NULL)
            return result_fail(ERROR_MEMORY);
        names->pending = (struct bytes){(const uint8_t *)copy, value.size};
        return RESULT_OK;
    }
    if (attribute.size > 0)
        return RESULT_OK; /* of EventData itself: its template's name */
    struct bytes name = {NULL, 0};
    if (is_data)
        name = names->pending;
    names->pending = (struct bytes){NULL, 0};
    return log_windows_add_data(fields, element, name, value);
}

static RESULT add_user_data(struct log_fields *fields, struct bytes dotted, struct bytes value)
{
    struct bytes element;
    struct bytes attribute;
    split(dotted, false, &element, &attribute);
    if (attribute.size > 0)
        return RESULT_OK; /* a namespace */
    return log_windows_add_data(fields, element, (struct bytes){NULL, 0}, value);
}

static RESULT add_event_system(struct log_fields *fields, struct bytes dotted, struct bytes value)
{
    struct bytes element;
    struct bytes attribute;
    split(dotted, true, &element, &attribute);
    return log_windows_add_system(fields, element, attribute, value);
}

/* What Winlogbeat (6 without the front "winlog.") calls what stands below System. */
static const char *beat_name(struct bytes dotted)
{
    static const char *const NAMES[][2] = {
        {"winlog.channel", "Channel"},         {"winlog.event_id", "EventID"},
        {"event.code", "EventID"},             {"winlog.provider_name", "Provider_Name"},
        {"winlog.provider_guid", "Provider_Guid"}, {"winlog.computer_name", "Computer"},
        {"winlog.record_id", "EventRecordID"}, {"winlog.user.identifier", "UserID"},
        {"winlog.level", "Level"},             {"winlog.opcode", "Opcode"},
        {"winlog.task", "Task"},               {"winlog.version", "Version"},
        {"log_name", "Channel"},               {"event_id", "EventID"},
        {"source_name", "Provider_Name"},      {"computer_name", "Computer"},
        {"record_number", "EventRecordID"},
    };
    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        if (bytes_equal_text(dotted, NAMES[i][0]))
            return NAMES[i][1];
    }
    return NULL;
}

RESULT log_windows_add_dotted(struct log_fields *fields, struct log_windows_names *names,
                              struct bytes dotted, struct bytes value)
{
    /* what no name that is looked for begins with, as most of an event's names */
    if (dotted.size == 0 || dotted.data[0] == 0
        || strchr("weclursESU", dotted.data[0]) == NULL)
        return log_fields_add(fields, dotted, value);
    struct bytes left = dotted;
    if (take_front(&left, "winlog.event_data.") || take_front(&left, "winlog.user_data.")
        || take_front(&left, "event_data.") || take_front(&left, "user_data."))
        return log_windows_add_data(fields, left, (struct bytes){NULL, 0}, value);
    const char *known = beat_name(dotted);
    if (known != NULL)
        return log_fields_find(fields, known) != NULL ? RESULT_OK
                                                      : log_fields_add_text(fields, known, value);
    take_front(&left, "Event.");
    if (take_front(&left, "EventData."))
        return add_event_data(fields, names, left, value);
    if (take_front(&left, "UserData."))
        return add_user_data(fields, left, value);
    if (take_front(&left, "System."))
        return add_event_system(fields, left, value);
    return log_fields_add(fields, dotted, value);
}

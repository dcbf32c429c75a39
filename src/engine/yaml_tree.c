// SPDX-License-Identifier: Apache-2.0
#include "engine/yaml_tree.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "engine/yaml_scalar.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { MAX_ANCHORS = 64 };

struct anchor {
    const char *name;
    const struct yaml_node *scalar; /* NULL: it names a list or map */
};

struct level {
    struct yaml_node *node;
    struct yaml_node *last; /* child */
    struct yaml_node *key;  /* of a map: read, its value is yet to come */
};

struct yaml_reader {
    yaml_parser_t parser;
    struct bytes content;
    size_t character; /* position of the last mark: in characters, as libyaml counts, */
    size_t offset;    /* and in bytes */
    bool is_over;     /* the end or a fault was met */
    /* the document that is being read */
    struct arena *arena;
    struct level levels[LIMIT_YAML_DEPTH];
    size_t depth;
    size_t nodes;
    struct yaml_node *root;
    struct anchor anchors[MAX_ANCHORS];
    size_t anchor_count;
};

struct yaml_reader *yaml_reader_new(struct bytes content)
{
    struct yaml_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return NULL;
    if (!yaml_parser_initialize(&reader->parser)) {
        free(reader);
        return NULL;
    }
    reader->content = content;
    static const uint8_t NOTHING[1] = {0};
    yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader->parser, content.size == 0 ? NOTHING : content.data,
                                 content.size);
    return reader;
}

void yaml_reader_free(struct yaml_reader *reader)
{
    if (reader == NULL)
        return;
    yaml_parser_delete(&reader->parser);
    free(reader);
}

/* Marks only move forward; libyaml has checked the UTF-8 up to them. */
static size_t offset_of(struct yaml_reader *reader, const yaml_mark_t *mark)
{
    while (reader->character < mark->index && reader->offset < reader->content.size) {
        reader->offset++;
        while (reader->offset < reader->content.size
               && (reader->content.data[reader->offset] & 0xC0) == 0x80)
            reader->offset++;
        reader->character++;
    }
    return reader->offset;
}

/* Notes where the fault is; the caller then explains it in fault->why. */
static struct explanation *at(struct yaml_fault *fault, const yaml_mark_t *mark)
{
    fault->line = (unsigned)mark->line + 1;
    fault->column = (unsigned)mark->column + 1;
    return &fault->why;
}

static RESULT fault_of_parser(const yaml_parser_t *parser, struct yaml_fault *fault)
{
    const char *problem = parser->problem == NULL ? "unknown problem" : parser->problem;
    fault->line = (unsigned)parser->problem_mark.line + 1;
    fault->column = (unsigned)parser->problem_mark.column + 1;
    if (parser->error == YAML_MEMORY_ERROR)
        return explain(&fault->why, ERROR_MEMORY, "memory is out while reading YAML");
    if (parser->error == YAML_READER_ERROR) {
        fault->line = (unsigned)parser->mark.line + 1;
        fault->column = (unsigned)parser->mark.column + 1;
        return explain(&fault->why, ERROR_FORMAT,
                       "not YAML text: %s at byte %zu (expected UTF-8 without control characters)",
                       problem, parser->problem_offset);
    }
    return explain(&fault->why, ERROR_FORMAT, "not valid YAML: %s%s%s", problem,
                   parser->context == NULL ? "" : " ",
                   parser->context == NULL ? "" : parser->context);
}

static RESULT out_of_arena(const struct yaml_reader *reader, const yaml_mark_t *mark,
                           struct yaml_fault *fault)
{
    return explain(at(fault, mark), ERROR_MEMORY,
                   "the document needs more memory than a rule may have (%zu bytes were used)",
                   arena_used(reader->arena));
}

static RESULT new_node(struct yaml_reader *reader, const yaml_event_t *event,
                       struct yaml_node **ret_node, struct yaml_fault *fault)
{
    if (reader->nodes >= LIMIT_YAML_NODES)
        return explain(at(fault, &event->start_mark), ERROR_LIMIT,
                       "the document has more than %d values (LIMIT_YAML_NODES)",
                       (int)LIMIT_YAML_NODES);
    struct yaml_node *node = arena_alloc(reader->arena, sizeof *node);
    if (node == NULL)
        return out_of_arena(reader, &event->start_mark, fault);
    reader->nodes++;
    node->line = (unsigned)event->start_mark.line + 1;
    node->column = (unsigned)event->start_mark.column + 1;
    node->text = "";
    *ret_node = node;
    return RESULT_OK;
}

static RESULT check_key(const struct level *level, const struct yaml_node *key,
                        const yaml_mark_t *mark, struct yaml_fault *fault)
{
    if (level->node->count >= LIMIT_YAML_KEYS)
        return explain(at(fault, mark), ERROR_LIMIT,
                       "a map has more than %d keys (LIMIT_YAML_KEYS)", (int)LIMIT_YAML_KEYS);
    for (const struct yaml_node *child = level->node->first; child != NULL; child = child->next) {
        if (child->key->size == key->size
            && memcmp(child->key->text, key->text, key->size) == 0)
            return explain(at(fault, mark), ERROR_FORMAT,
                           "key '%.100s' is there twice in one map (first in line %u)", key->text,
                           child->key->line);
    }
    return RESULT_OK;
}

/* Hangs a finished scalar or a just opened list or map below what is open. */
static RESULT attach(struct yaml_reader *reader, struct yaml_node *node, const yaml_mark_t *mark,
                     struct yaml_fault *fault)
{
    if (reader->depth == 0) {
        reader->root = node;
        return RESULT_OK;
    }
    struct level *level = &reader->levels[reader->depth - 1];
    if (level->node->kind == YAML_MAP && level->key == NULL) {
        if (!yaml_is_scalar(node))
            return explain(at(fault, mark), ERROR_FORMAT, "%s stands where a key is expected",
                           yaml_kind_name(node->kind));
        GUARD(check_key(level, node, mark, fault));
        level->key = node;
        return RESULT_OK;
    }
    node->key = level->key;
    level->key = NULL;
    if (level->last == NULL)
        level->node->first = node;
    else
        level->last->next = node;
    level->last = node;
    level->node->count++;
    return RESULT_OK;
}

static RESULT note_anchor(struct yaml_reader *reader, const yaml_char_t *name,
                          const struct yaml_node *scalar, const yaml_mark_t *mark,
                          struct yaml_fault *fault)
{
    if (name == NULL)
        return RESULT_OK;
    if (reader->anchor_count >= MAX_ANCHORS)
        return explain(at(fault, mark), ERROR_LIMIT, "the document has more than %d anchors",
                       MAX_ANCHORS);
    const char *copy = arena_copy(reader->arena, name, strlen((const char *)name));
    if (copy == NULL)
        return out_of_arena(reader, mark, fault);
    reader->anchors[reader->anchor_count++] = (struct anchor){copy, scalar};
    return RESULT_OK;
}

static RESULT on_alias(struct yaml_reader *reader, const yaml_event_t *event,
                       struct yaml_fault *fault)
{
    const char *name = (const char *)event->data.alias.anchor;
    for (size_t i = reader->anchor_count; i > 0; i--) {
        const struct anchor *anchor = &reader->anchors[i - 1];
        if (!string_equal(anchor->name, name))
            continue;
        if (anchor->scalar == NULL)
            return explain(at(fault, &event->start_mark), ERROR_FORMAT,
                           "alias '*%.100s' repeats a list or a map; only aliases of single "
                           "values are taken, since others may be cyclic or grow without end",
                           name);
        struct yaml_node *node;
        GUARD(new_node(reader, event, &node, fault));
        node->kind = anchor->scalar->kind;
        node->text = anchor->scalar->text;
        node->size = anchor->scalar->size;
        return attach(reader, node, &event->start_mark, fault);
    }
    return explain(at(fault, &event->start_mark), ERROR_FORMAT,
                   "alias '*%.100s' has no anchor '&%.100s' in front of it", name, name);
}

static RESULT check_tag(const yaml_char_t *tag, const char *const *allowed,
                        const yaml_mark_t *mark, struct yaml_fault *fault)
{
    if (tag == NULL)
        return RESULT_OK;
    for (size_t i = 0; allowed[i] != NULL; i++) {
        if (string_equal((const char *)tag, allowed[i]))
            return RESULT_OK;
    }
    return explain(at(fault, mark), ERROR_FORMAT, "tag '%.100s' is not one that rules may use",
                   (const char *)tag);
}

static RESULT on_scalar(struct yaml_reader *reader, const yaml_event_t *event,
                        struct yaml_fault *fault)
{
    static const char *const TAGS[] = {YAML_STR_TAG, "!", NULL};
    const char *text = (const char *)event->data.scalar.value;
    size_t size = event->data.scalar.length;
    char number[YAML_NUMBER_BYTES] = "";
    struct yaml_node *node;
    GUARD(check_tag(event->data.scalar.tag, TAGS, &event->start_mark, fault));
    GUARD(new_node(reader, event, &node, fault));
    bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE
                    && event->data.scalar.tag == NULL;
    node->kind = is_plain ? yaml_resolve(text, size, number) : YAML_STRING;
    if (number[0] != '\0') {
        text = number;
        size = strlen(number);
    }
    node->size = size;
    node->text = arena_copy(reader->arena, text, size);
    if (node->text == NULL)
        return out_of_arena(reader, &event->start_mark, fault);
    GUARD(note_anchor(reader, event->data.scalar.anchor, node, &event->start_mark, fault));
    return attach(reader, node, &event->start_mark, fault);
}

static RESULT on_open(struct yaml_reader *reader, const yaml_event_t *event, enum yaml_kind kind,
                      struct yaml_fault *fault)
{
    static const char *const TAGS[] = {YAML_SEQ_TAG, YAML_MAP_TAG, "!", NULL};
    const yaml_char_t *tag = kind == YAML_MAP ? event->data.mapping_start.tag
                                              : event->data.sequence_start.tag;
    const yaml_char_t *anchor = kind == YAML_MAP ? event->data.mapping_start.anchor
                                                 : event->data.sequence_start.anchor;
    GUARD(check_tag(tag, TAGS, &event->start_mark, fault));
    if (reader->depth >= LIMIT_YAML_DEPTH)
        return explain(at(fault, &event->start_mark), ERROR_LIMIT,
                       "lists and maps are nested more than %d deep (LIMIT_YAML_DEPTH)",
                       (int)LIMIT_YAML_DEPTH);
    struct yaml_node *node;
    GUARD(new_node(reader, event, &node, fault));
    node->kind = kind;
    GUARD(note_anchor(reader, anchor, NULL, &event->start_mark, fault));
    GUARD(attach(reader, node, &event->start_mark, fault));
    reader->levels[reader->depth++] = (struct level){.node = node};
    return RESULT_OK;
}

static RESULT on_event(struct yaml_reader *reader, const yaml_event_t *event,
                       struct yaml_fault *fault)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return on_scalar(reader, event, fault);
    case YAML_ALIAS_EVENT:
        return on_alias(reader, event, fault);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(reader, event, YAML_LIST, fault);
    case YAML_MAPPING_START_EVENT:
        return on_open(reader, event, YAML_MAP, fault);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        reader->depth--;
        return RESULT_OK;
    default:
        return RESULT_OK;
    }
}

/* Takes one event; says whether the document or the stream is over. */
static RESULT take_event(struct yaml_reader *reader, struct yaml_document *document,
                         bool *ret_is_done, struct yaml_fault *fault)
{
    yaml_event_t event;
    if (!yaml_parser_parse(&reader->parser, &event))
        return fault_of_parser(&reader->parser, fault);
    struct result result = RESULT_OK;
    if (event.type == YAML_DOCUMENT_START_EVENT) {
        /* What stands in front of the first document belongs to it. */
        size_t start = offset_of(reader, &event.start_mark);
        if (document->text.data != reader->content.data)
            document->text.data = reader->content.data + start;
        document->line = (unsigned)event.start_mark.line + 1;
    } else if (event.type == YAML_DOCUMENT_END_EVENT) {
        const uint8_t *end = reader->content.data + offset_of(reader, &event.end_mark);
        document->text.size = (size_t)(end - document->text.data);
        *ret_is_done = true;
    } else if (event.type == YAML_STREAM_END_EVENT) {
        result = result_fail(ERROR_NOT_FOUND);
    } else {
        result = on_event(reader, &event, fault);
    }
    yaml_event_delete(&event);
    return result;
}

RESULT yaml_next(struct yaml_reader *reader, struct arena *arena,
                 struct yaml_document *ret_document, struct yaml_fault *fault)
{
    if (reader->is_over)
        return result_fail(ERROR_NOT_FOUND);
    reader->arena = arena;
    reader->depth = 0;
    reader->nodes = 0;
    reader->root = NULL;
    reader->anchor_count = 0;
    struct yaml_document document = {.line = 1};
    if (reader->character == 0)
        document.text.data = reader->content.data;
    bool is_done = false;
    while (!is_done) {
        struct result result = take_event(reader, &document, &is_done, fault);
        if (!result_is_ok(result)) {
            reader->is_over = true;
            return result;
        }
    }
    document.root = reader->root;
    *ret_document = document;
    return RESULT_OK;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    if (map->kind != YAML_MAP)
        return NULL;
    for (const struct yaml_node *child = map->first; child != NULL; child = child->next) {
        if (string_equal(child->key->text, key))
            return child;
    }
    return NULL;
}

bool yaml_number(const struct yaml_node *node, double *ret_number)
{
    char *end;
    if (node->kind != YAML_INTEGER && node->kind != YAML_FLOAT)
        return false;
    *ret_number = strtod(node->text, &end);
    return *end == '\0' && end != node->text && isfinite(*ret_number);
}

bool yaml_is_scalar(const struct yaml_node *node)
{
    return node->kind != YAML_LIST && node->kind != YAML_MAP;
}

const char *yaml_kind_name(enum yaml_kind kind)
{
    static const char *const NAMES[] = {"null",        "true or false", "a number", "a number",
                                        "text", "a list",        "a map"};
    return NAMES[kind];
}

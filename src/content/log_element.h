// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Builds the fields of a Windows event (log_windows.h) from its elements in the order of the
 * document, whether they come from text or from an event log's binary form. What is too deep or
 * does not nest is refused; which elements there are is not looked at.
 */
#include "content/log_fields.h"

struct log_element {
    struct log_fields *fields;
    unsigned depth;   /* open elements */
    unsigned section; /* enum section of log_element.c: what stands at depth 2 */
    uint32_t parents; /* bit n: the open element at depth n has an element in it */
    struct bytes element; /* the innermost open one */
    struct bytes name;    /* its attribute Name */
    uint8_t *text;        /* its text so far, in the fields' arena */
    size_t text_size;
    size_t text_capacity;
};

struct log_element log_element_start(struct log_fields *fields);

/* ERROR_FORMAT where elements do not nest, ERROR_LIMIT over LIMIT_EVENT_DEPTH, ERROR_MEMORY. Names
 * must live as long as the fields. */
RESULT log_element_open(struct log_element *builder, struct bytes name);
RESULT log_element_attribute(struct log_element *builder, struct bytes name, struct bytes value);
RESULT log_element_text(struct log_element *builder, struct bytes text);
/* The element ends and another of the same name and attributes begins. */
RESULT log_element_repeat(struct log_element *builder);
RESULT log_element_close(struct log_element *builder);

// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Windows events and those of Sysmon for Linux as XML text: exports of the event viewer and of
 * wevtutil, or an event in a line of syslog.
 *
 * It takes what machines have written and is no XML parser for anything else: there are no
 * declarations, no entities but the five of XML and characters by number, and namespaces are passed
 * over. It is milder than one where that keeps events readable: control characters may stand
 * anywhere or be named by number, a '<' that begins no tag is text, and an event that was cut off
 * (syslog cuts long lines) has the fields that it has. Otherwise whoever can put a character into a
 * command line could make the event unreadable.
 */
#include "content/log_element.h"
#include "content/log_entry.h"

struct log_xml;

/* A document of events. `recording` was just opened and stays the caller's. ERROR_MEMORY. */
RESULT log_xml_new(struct recording *recording, struct log_xml **ret_xml, struct explanation *why);
void log_xml_free(struct log_xml *xml); /* NULL is allowed */

RESULT log_xml_next(struct log_xml *xml, struct log_fields *fields, struct log_entry *ret_entry,
                    struct explanation *why);

/* The event in a line of text; false where there is none. */
bool log_xml_find(struct bytes line, struct bytes *ret_event);

/* One event, from "<Event" on, into fields. ERROR_FORMAT, ERROR_UNSUPPORTED for a declaration,
 * ERROR_LIMIT, ERROR_MEMORY. */
RESULT log_xml_read(struct bytes event, struct log_fields *fields);

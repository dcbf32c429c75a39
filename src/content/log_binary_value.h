// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Values of binary XML (log_binary_xml.h) as text. Types: MS-EVEN6, 2.2.12 (BinXml), "Type System".
 */
#include "base/arena.h"
#include "base/reader.h"

enum binary_type {
    BINARY_NULL = 0x00,
    BINARY_STRING = 0x01,
    BINARY_ANSI_STRING = 0x02,
    BINARY_INT8 = 0x03,
    BINARY_UINT8 = 0x04,
    BINARY_INT16 = 0x05,
    BINARY_UINT16 = 0x06,
    BINARY_INT32 = 0x07,
    BINARY_UINT32 = 0x08,
    BINARY_INT64 = 0x09,
    BINARY_UINT64 = 0x0a,
    BINARY_REAL32 = 0x0b,
    BINARY_REAL64 = 0x0c,
    BINARY_BOOL = 0x0d,
    BINARY_BYTES = 0x0e,
    BINARY_GUID = 0x0f,
    BINARY_SIZE = 0x10,
    BINARY_FILETIME = 0x11,
    BINARY_SYSTEMTIME = 0x12,
    BINARY_SID = 0x13,
    BINARY_HEX32 = 0x14,
    BINARY_HEX64 = 0x15,
    BINARY_XML = 0x21,
    BINARY_ARRAY = 0x80, /* bit: several of the type below it */
};

/* The value as text, in `arena` or a view of `raw`; nothing for an empty one. ERROR_FORMAT where
 * the size does not fit the type, ERROR_UNSUPPORTED for types that are not text or not known,
 * ERROR_MEMORY. */
RESULT binary_value_text(struct arena *arena, unsigned type, struct bytes raw,
                         struct bytes *ret_text);

/* Takes the next item of an array off `left`: its raw bytes. `type` is without BINARY_ARRAY. */
RESULT binary_value_item(unsigned type, struct bytes *left, struct bytes *ret_item);

/* UTF-16, little-endian, as UTF-8; halves of pairs that stand alone become U+FFFD; ends at the
 * first 0 that nothing but zeros follow. */
RESULT binary_value_utf16(struct arena *arena, struct bytes raw, struct bytes *ret_text);

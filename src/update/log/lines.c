// SPDX-License-Identifier: Apache-2.0
#include "update/log/lines.h"

#include "base/base64.h"
#include "base/bytes.h"

#include <string.h>

RESULT line_take(struct reader *reader, struct bytes *ret_line)
{
    const uint8_t *start = reader->data + reader->at;
    size_t left = reader_left(reader);
    const uint8_t *end = left == 0 ? NULL : memchr(start, '\n', left);
    if (end == NULL)
        return result_fail(ERROR_FORMAT);
    struct bytes newline;
    GUARD(reader_view(reader, (size_t)(end - start), ret_line));
    return reader_view(reader, 1, &newline);
}

RESULT line_take_named(struct reader *reader, const char *word, struct bytes *ret_rest)
{
    struct reader ahead = *reader;
    struct bytes line;
    GUARD(line_take(&ahead, &line));
    size_t length = strlen(word);
    if (line.size <= length || memcmp(line.data, word, length) != 0 || line.data[length] != ' ')
        return result_fail(ERROR_FORMAT);
    *ret_rest = (struct bytes){line.data + length + 1, line.size - length - 1};
    *reader = ahead;
    return RESULT_OK;
}

bool line_is(struct bytes line, const char *text)
{
    return line.size == strlen(text) && (line.size == 0 || memcmp(line.data, text, line.size) == 0);
}

RESULT line_number(struct bytes text, uint64_t limit, uint64_t *ret_number)
{
    char copy[24];
    bool has_leading_zero = text.size > 1 && text.data[0] == '0';
    if (text.size == 0 || text.size >= sizeof copy || has_leading_zero)
        return result_fail(ERROR_FORMAT);
    bytes_copy(copy, sizeof copy, text.data, text.size);
    copy[text.size] = '\0';
    /* A 0 inside would hide what follows it. */
    if (strlen(copy) != text.size)
        return result_fail(ERROR_FORMAT);
    return number_parse(copy, limit, ret_number);
}

RESULT line_hash(struct bytes text, struct merkle_hash *ret_hash)
{
    uint8_t raw[MERKLE_HASH_BYTES];
    size_t size;
    GUARD(base64_decode(text, raw, sizeof raw, &size));
    return merkle_hash_take((struct bytes){raw, size}, ret_hash);
}

RESULT lines_proof(struct reader *reader, struct merkle_proof *ret_proof)
{
    struct reader ahead = *reader;
    struct bytes line;
    ret_proof->count = 0;
    for (;;) {
        GUARD(line_take(&ahead, &line));
        if (line.size == 0)
            break;
        if (ret_proof->count == MERKLE_PROOF_MAX)
            return result_fail(ERROR_LIMIT);
        GUARD(line_hash(line, &ret_proof->hashes[ret_proof->count]));
        ret_proof->count++;
    }
    *reader = ahead;
    return RESULT_OK;
}

RESULT lines_write_proof(struct writer *writer, const struct merkle_proof *proof)
{
    for (size_t i = 0; i < proof->count; i++) {
        char text[BASE64_TEXT_BYTES(MERKLE_HASH_BYTES) + 1];
        base64_encode(proof->hashes[i].bytes, MERKLE_HASH_BYTES, text);
        GUARD(lines_write_text(writer, text));
        GUARD(lines_write_text(writer, "\n"));
    }
    return lines_write_text(writer, "\n");
}

RESULT lines_write_text(struct writer *writer, const char *text)
{
    return writer_copy(writer, text, strlen(text));
}

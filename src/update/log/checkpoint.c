// SPDX-License-Identifier: Apache-2.0
#include "update/log/checkpoint.h"

#include "base/base64.h"
#include "base/bytes.h"
#include "update/log/lines.h"

#include <string.h>

static RESULT check_extensions(struct reader *reader)
{
    while (reader_left(reader) > 0) {
        struct bytes line;
        GUARD(line_take(reader, &line));
        if (line.size == 0)
            return result_fail(ERROR_FORMAT);
    }
    return RESULT_OK;
}

RESULT checkpoint_parse(struct bytes text, struct checkpoint *ret_checkpoint,
                        struct explanation *why)
{
    if (text.size > LIMIT_CHECKPOINT_BYTES)
        return explain(why, ERROR_LIMIT, "the checkpoint's text has more than %d bytes",
                       LIMIT_CHECKPOINT_BYTES);
    struct reader reader = reader_of(text.data, text.size);
    struct checkpoint checkpoint;
    struct bytes size, root;
    if (!result_is_ok(line_take(&reader, &checkpoint.origin)) || checkpoint.origin.size == 0)
        return explain(why, ERROR_FORMAT, "no checkpoint: its first line is no origin");
    if (!result_is_ok(line_take(&reader, &size))
        || !result_is_ok(line_number(size, MERKLE_SIZE_MAX, &checkpoint.size)))
        return explain(why, ERROR_FORMAT,
                       "no checkpoint: its second line is no tree size (a decimal of at most "
                       "2^62 without leading zeroes)");
    if (!result_is_ok(line_take(&reader, &root))
        || !result_is_ok(line_hash(root, &checkpoint.root)))
        return explain(why, ERROR_FORMAT,
                       "no checkpoint: its third line is no root hash (32 bytes in Base 64)");
    if (!result_is_ok(check_extensions(&reader)))
        return explain(why, ERROR_FORMAT, "no checkpoint: an extension line is empty");
    *ret_checkpoint = checkpoint;
    return RESULT_OK;
}

RESULT checkpoint_parse_note(struct bytes whole, struct note *ret_note,
                             struct checkpoint *ret_checkpoint, struct explanation *why)
{
    GUARD(note_parse(whole, ret_note, why));
    return checkpoint_parse(ret_note->text, ret_checkpoint, why);
}

bool checkpoint_is_possible(const struct checkpoint *checkpoint)
{
    struct merkle_hash empty = merkle_empty();
    return checkpoint->size != 0 || merkle_hash_equal(&checkpoint->root, &empty);
}

RESULT checkpoint_write(struct writer *writer, const struct checkpoint *checkpoint)
{
    struct bytes origin = checkpoint->origin;
    if (origin.size == 0 || memchr(origin.data, '\n', origin.size) != NULL)
        return result_fail(ERROR_FORMAT);
    char root[BASE64_TEXT_BYTES(MERKLE_HASH_BYTES) + 1];
    base64_encode(checkpoint->root.bytes, sizeof checkpoint->root.bytes, root);
    char lines[128];
    (void)string_format(lines, sizeof lines, "\n%llu\n%s\n",
                        (unsigned long long)checkpoint->size, root);
    GUARD(writer_copy(writer, origin.data, origin.size));
    return lines_write_text(writer, lines);
}

// SPDX-License-Identifier: Apache-2.0
#include "update/log/proof.h"

#include "base/base64.h"
#include "base/bytes.h"
#include "update/log/lines.h"

static RESULT take_extra(struct reader *reader, struct tlog_proof *proof, struct explanation *why)
{
    struct bytes encoded;
    proof->extra_size = 0;
    if (!result_is_ok(line_take_named(reader, "extra", &encoded)))
        return RESULT_OK;
    struct result result =
        base64_decode(encoded, proof->extra, sizeof proof->extra, &proof->extra_size);
    if (result.error == ERROR_LIMIT)
        return explain(why, ERROR_LIMIT, "the proof's extra data have more than %d bytes",
                       LIMIT_PUBLIC_ENTRY_BYTES);
    if (!result_is_ok(result) || proof->extra_size == 0)
        return explain(why, ERROR_FORMAT, "the proof's extra line is no Base 64");
    return RESULT_OK;
}

RESULT tlog_proof_parse(struct bytes text, struct tlog_proof *ret_proof, struct explanation *why)
{
    if (text.size > LIMIT_PROOF_FILE_BYTES)
        return explain(why, ERROR_LIMIT, "the proof has more than %d bytes",
                       LIMIT_PROOF_FILE_BYTES);
    struct reader reader = reader_of(text.data, text.size);
    struct bytes magic, index;
    if (!result_is_ok(line_take(&reader, &magic)) || !line_is(magic, TLOG_PROOF_MAGIC))
        return explain(why, ERROR_FORMAT, "no proof: its first line is not " TLOG_PROOF_MAGIC);
    GUARD(take_extra(&reader, ret_proof, why));
    if (!result_is_ok(line_take_named(&reader, "index", &index))
        || !result_is_ok(line_number(index, MERKLE_SIZE_MAX, &ret_proof->index)))
        return explain(why, ERROR_FORMAT, "the proof has no line \"index NUMBER\" in its place");
    struct result result = lines_proof(&reader, &ret_proof->proof);
    if (!result_is_ok(result))
        return explain(why, result.error,
                       "the proof is not at most %d hashes in Base 64 and an empty line",
                       MERKLE_PROOF_MAX);
    GUARD(reader_view(&reader, reader_left(&reader), &ret_proof->whole));
    return checkpoint_parse_note(ret_proof->whole, &ret_proof->note, &ret_proof->checkpoint, why);
}

RESULT tlog_proof_write(struct writer *writer, const struct tlog_proof *proof)
{
    GUARD(lines_write_text(writer, TLOG_PROOF_MAGIC "\n"));
    if (proof->extra_size > 0) {
        char encoded[BASE64_TEXT_BYTES(LIMIT_PUBLIC_ENTRY_BYTES) + 1];
        base64_encode(proof->extra, proof->extra_size, encoded);
        GUARD(lines_write_text(writer, "extra "));
        GUARD(lines_write_text(writer, encoded));
        GUARD(lines_write_text(writer, "\n"));
    }
    char index[32];
    (void)string_format(index, sizeof index, "index %llu\n", (unsigned long long)proof->index);
    GUARD(lines_write_text(writer, index));
    GUARD(lines_write_proof(writer, &proof->proof));
    return writer_copy(writer, proof->whole.data, proof->whole.size);
}

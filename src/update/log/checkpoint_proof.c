// SPDX-License-Identifier: Apache-2.0
#include "update/log/checkpoint_proof.h"

#include "base/bytes.h"
#include "update/log/lines.h"

RESULT checkpoint_proof_parse(struct bytes text, struct checkpoint_proof *ret_proof,
                              struct explanation *why)
{
    if (text.size > LIMIT_PROOF_FILE_BYTES)
        return explain(why, ERROR_LIMIT, "more than %d bytes", LIMIT_PROOF_FILE_BYTES);
    struct reader reader = reader_of(text.data, text.size);
    struct bytes size;
    if (!result_is_ok(line_take_named(&reader, "old", &size))
        || !result_is_ok(line_number(size, MERKLE_SIZE_MAX, &ret_proof->old_size)))
        return explain(why, ERROR_FORMAT,
                       "no consistency proof: its first line is not \"old SIZE\"");
    struct result result = lines_proof(&reader, &ret_proof->proof);
    if (!result_is_ok(result))
        return explain(why, result.error,
                       "no consistency proof: expected at most %d hashes in Base 64 and an empty "
                       "line", MERKLE_PROOF_MAX);
    GUARD(reader_view(&reader, reader_left(&reader), &ret_proof->whole));
    return checkpoint_parse_note(ret_proof->whole, &ret_proof->note, &ret_proof->checkpoint, why);
}

RESULT checkpoint_proof_write(struct writer *writer, const struct checkpoint_proof *proof)
{
    char head[32];
    (void)string_format(head, sizeof head, "old %llu\n", (unsigned long long)proof->old_size);
    GUARD(lines_write_text(writer, head));
    GUARD(lines_write_proof(writer, &proof->proof));
    return writer_copy(writer, proof->whole.data, proof->whole.size);
}

RESULT checkpoint_proof_verify(const struct checkpoint_proof *proof,
                               const struct merkle_hash *old_root)
{
    if (proof->old_size == 0)
        return proof->proof.count == 0 ? RESULT_OK : result_fail(ERROR_FORMAT);
    return merkle_verify_consistency(proof->old_size, proof->checkpoint.size, old_root,
                                     &proof->proof, &proof->checkpoint.root);
}

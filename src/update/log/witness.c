// SPDX-License-Identifier: Apache-2.0
#include "update/log/witness.h"

#include "base/bytes.h"
#include "update/log/lines.h"

#include <sha256.h>
#include <string.h>

enum {
    HTTP_OK = 200,
    HTTP_BAD_REQUEST = 400,
    HTTP_FORBIDDEN = 403,
    HTTP_NOT_FOUND = 404,
    HTTP_CONFLICT = 409,
    HTTP_UNPROCESSABLE = 422,
    HTTP_INTERNAL = 500,
    HTTP_UNAVAILABLE = 503,
};

/* What we cosigned last of a log. */
struct memory {
    bool is_there;
    uint64_t size;
    uint64_t time_s;
    struct merkle_hash root;
};

static const char TEXT_PLAIN[] = "text/plain; charset=utf-8";

void witness_origin_hex(const char *origin, char out[WITNESS_ORIGIN_HEX_BYTES])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, (const uint8_t *)origin, strlen(origin));
    SHA256Final(digest, &context);
    hex_encode(digest, sizeof digest, out);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void answer_text(struct witness_answer *answer, unsigned status, const char *text)
{
    struct writer writer = writer_of(answer->body, sizeof answer->body);
    answer->status = status;
    answer->content_type = TEXT_PLAIN;
    /* Our own sentences are short. */
    result_ignore(lines_write_text(&writer, text));
    result_ignore(lines_write_text(&writer, "\n"));
    answer->size = writer.at;
    (void)string_copy(answer->why.text, sizeof answer->why.text, text);
}

static void answer_size(struct witness_answer *answer, uint64_t size)
{
    char text[32];
    (void)string_format(text, sizeof text, "%llu", (unsigned long long)size);
    answer_text(answer, HTTP_CONFLICT, text);
    answer->content_type = "text/x.tlog.size";
    (void)string_format(answer->why.text, sizeof answer->why.text,
                        "asked to go on from another size than %s", text);
}

/* --- what is remembered ----------------------------------------------------------------------- */

static RESULT load(const struct witness *witness, const char *origin_hex,
                   struct witness_answer *scratch, struct memory *ret_memory,
                   struct explanation *why)
{
    static const struct memory NOTHING = {0};
    struct note note;
    struct checkpoint checkpoint;
    struct note_times times;
    *ret_memory = NOTHING;
    struct result result =
        witness->memory.load(witness->memory.context, origin_hex, scratch->body,
                             sizeof scratch->body, &scratch->size, why);
    if (result.error == ERROR_NOT_FOUND)
        return RESULT_OK;
    GUARD(result);
    struct bytes whole = {scratch->body, scratch->size};
    GUARD(checkpoint_parse_note(whole, &note, &checkpoint, why));
    GUARD(note_verify(&note, note_signer_key(witness->signer), &times, why));
    *ret_memory = (struct memory){true, checkpoint.size, times.latest_s, checkpoint.root};
    return RESULT_OK;
}

/* The text, the log's own lines and the one that we just made. */
static RESULT compose(const struct checkpoint_proof *request, const struct note_key *log,
                      struct bytes cosignature, struct writer *writer)
{
    GUARD(writer_copy(writer, request->note.text.data, request->note.text.size));
    GUARD(lines_write_text(writer, "\n"));
    for (size_t i = 0; i < request->note.signature_count; i++) {
        const struct note_signature *signature = &request->note.signatures[i];
        if (note_is_by(signature, log))
            GUARD(writer_copy(writer, signature->line.data, signature->line.size));
    }
    return writer_copy(writer, cosignature.data, cosignature.size);
}

static void cosign(const struct witness *witness, const struct checkpoint_proof *request,
                   const struct note_key *log, const char *origin_hex, uint64_t now_s,
                   struct witness_answer *answer)
{
    uint8_t line[LIMIT_KEY_NAME_BYTES + 256];
    struct writer cosignature = writer_of(line, sizeof line);
    struct writer whole = writer_of(answer->body, sizeof answer->body);
    struct result result =
        note_sign(witness->signer, request->note.text, now_s, &cosignature, &answer->why);
    struct bytes made = {line, cosignature.at};
    if (result_is_ok(result))
        result = compose(request, log, made, &whole);
    if (result_is_ok(result))
        result = witness->memory.save(witness->memory.context, origin_hex, whole.data, whole.at,
                                      &answer->why);
    if (!result_is_ok(result)) {
        struct explanation why = answer->why;
        answer_text(answer, HTTP_INTERNAL, "the checkpoint cannot be remembered, so it is not "
                                           "cosigned");
        answer->why = why;
        return;
    }
    answer->status = HTTP_OK;
    answer->content_type = TEXT_PLAIN;
    bytes_copy(answer->body, sizeof answer->body, made.data, made.size);
    answer->size = made.size;
}

/* --- add-checkpoint --------------------------------------------------------------------------- */

/* Two trees of one size, both signed by the log: no other proof of its lie is needed. The answer is
 * the same where it cannot be kept; *unkept says so. */
static void accuse(const struct witness *witness, struct bytes text, const char *origin_hex,
                   struct explanation *unkept)
{
    result_ignore(witness->memory.accuse(witness->memory.context, origin_hex, text.data,
                                         text.size, unkept));
}

/* The request goes on from what is remembered; else it is answered. */
static bool goes_on(const struct witness *witness, struct bytes text,
                    const struct checkpoint_proof *request, const char *origin_hex,
                    const struct memory *memory, struct witness_answer *answer)
{
    const struct checkpoint *checkpoint = &request->checkpoint;
    if (request->old_size > checkpoint->size) {
        answer_text(answer, HTTP_BAD_REQUEST, "the old size is larger than the checkpoint's");
        return false;
    }
    struct explanation unkept = {""};
    bool is_forked = memory->is_there && checkpoint->size == memory->size
                     && !merkle_hash_equal(&checkpoint->root, &memory->root);
    if (is_forked)
        accuse(witness, text, origin_hex, &unkept);
    if (request->old_size != memory->size) {
        answer_size(answer, memory->size);
        return false;
    }
    if (is_forked) {
        answer_text(answer, HTTP_UNPROCESSABLE,
                    "the log signed two different trees of this size: it was forked");
        if (*unkept.text != '\0')
            answer->why = unkept;
        return false;
    }
    if (!checkpoint_is_possible(checkpoint)) {
        answer_text(answer, HTTP_UNPROCESSABLE,
                    "a tree of no entries has another root than the empty tree");
        return false;
    }
    if (!result_is_ok(checkpoint_proof_verify(request, &memory->root))) {
        answer_text(answer, HTTP_UNPROCESSABLE,
                    "the consistency proof does not lead from the tree that was cosigned to "
                    "this one");
        return false;
    }
    return true;
}

/* The log's key, after its signature was verified; NULL, with the answer, where there is none. */
static const struct note_key *find_log(const struct witness *witness,
                                       const struct checkpoint_proof *request,
                                       struct witness_answer *answer)
{
    size_t at = 0;
    struct bytes origin = request->checkpoint.origin;
    const struct tlog_policy_party *log = tlog_policy_next_log(witness->logs, origin, &at);
    if (log == NULL) {
        answer_text(answer, HTTP_NOT_FOUND, "unknown log");
        return NULL;
    }
    (void)string_copy(answer->origin, sizeof answer->origin, log->key.name);
    struct result result =
        tlog_policy_find_signer(witness->logs, &request->note, origin, &log, &answer->why);
    if (result_is_ok(result))
        return &log->key;
    answer_text(answer, HTTP_FORBIDDEN,
                result.error == ERROR_STATE ? "no signature of the log's key"
                                            : "invalid signature of the log");
    return NULL;
}

void witness_add_checkpoint(const struct witness *witness, struct bytes request, uint64_t now_s,
                            struct witness_answer *ret_answer)
{
    struct checkpoint_proof parsed;
    struct memory memory;
    char origin_hex[WITNESS_ORIGIN_HEX_BYTES];
    ret_answer->origin[0] = '\0';
    ret_answer->why.text[0] = '\0';
    ret_answer->tree_size = 0;
    struct explanation why = {"malformed"};
    if (!result_is_ok(checkpoint_proof_parse(request, &parsed, &why))) {
        answer_text(ret_answer, HTTP_BAD_REQUEST, why.text);
        return;
    }
    ret_answer->tree_size = parsed.checkpoint.size;
    const struct note_key *log = find_log(witness, &parsed, ret_answer);
    if (log == NULL)
        return;
    witness_origin_hex(log->name, origin_hex);
    if (!result_is_ok(load(witness, origin_hex, ret_answer, &memory, &why))) {
        answer_text(ret_answer, HTTP_INTERNAL,
                    "what was cosigned before cannot be read, so nothing more is cosigned");
        ret_answer->why = why;
        return;
    }
    if (!goes_on(witness, request, &parsed, origin_hex, &memory, ret_answer))
        return;
    if (now_s < memory.time_s)
        answer_text(ret_answer, HTTP_UNAVAILABLE,
                    "the witness's clock is behind the time of its last cosignature");
    else
        cosign(witness, &parsed, log, origin_hex, now_s, ret_answer);
}

/* --- reading ---------------------------------------------------------------------------------- */

void witness_get_checkpoint(const struct witness *witness, const char *origin_hex,
                            struct witness_answer *ret_answer)
{
    ret_answer->origin[0] = '\0';
    ret_answer->why.text[0] = '\0';
    ret_answer->tree_size = 0;
    /* Only names that we could have made ourselves reach the memory. */
    for (size_t i = 0; i < tlog_policy_log_count(witness->logs); i++) {
        const char *origin = tlog_policy_log(witness->logs, i)->key.name;
        char known[WITNESS_ORIGIN_HEX_BYTES];
        struct memory memory;
        struct explanation why = {""};
        witness_origin_hex(origin, known);
        if (!string_equal(known, origin_hex))
            continue;
        (void)string_copy(ret_answer->origin, sizeof ret_answer->origin, origin);
        if (!result_is_ok(load(witness, known, ret_answer, &memory, &why))) {
            answer_text(ret_answer, HTTP_INTERNAL, "what was cosigned cannot be read");
            ret_answer->why = why;
            return;
        }
        if (!memory.is_there)
            break;
        ret_answer->tree_size = memory.size;
        ret_answer->status = HTTP_OK;
        ret_answer->content_type = TEXT_PLAIN;
        return;
    }
    answer_text(ret_answer, HTTP_NOT_FOUND, "no checkpoint of this log was cosigned");
}

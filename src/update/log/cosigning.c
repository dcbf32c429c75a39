// SPDX-License-Identifier: Apache-2.0
#include "update/log/cosigning.h"

#include "base/bytes.h"
#include "update/log/checkpoint_proof.h"
#include "update/log/lines.h"

#include <stdlib.h>

enum {
    HTTP_OK = 200,
    HTTP_CONFLICT = 409,
    /* The size that we guess, the one that the witness says, and once more where another submitter
     * came between. */
    TRIES_MAX = 3,
    ANSWER_BYTES_MAX = 16 * KIB,
};

struct asking {
    const struct tlog_policy_party *witness;
    const struct cosigning_line *line;
    struct tile_tree *tree;
    struct checkpoint_proof request; /* `whole`, `note` and `checkpoint` are set */
    uint8_t body[LIMIT_PROOF_FILE_BYTES];
    uint8_t answer[ANSWER_BYTES_MAX];
    size_t answer_size;
};

/* One request for going on from `old_size`. */
static RESULT ask_once(struct asking *asking, uint64_t old_size, unsigned *ret_status,
                       struct explanation *why)
{
    char url[LIMIT_URL_BYTES + 32];
    struct writer body = writer_of(asking->body, sizeof asking->body);
    asking->request.old_size = old_size;
    GUARD(tile_tree_prove_consistency(asking->tree, old_size, &asking->request.proof, why));
    if (!result_is_ok(checkpoint_proof_write(&body, &asking->request)))
        return explain(why, ERROR_LIMIT, "the checkpoint is too long for a witness");
    (void)string_format(url, sizeof url, "%s/add-checkpoint", asking->witness->url);
    return asking->line->post(asking->line->context, url, (struct bytes){body.data, body.at},
                              asking->answer, sizeof asking->answer, &asking->answer_size,
                              ret_status, why);
}

/* A 409: "the tree size of the latest cosigned checkpoint in decimal, followed by a newline". */
static RESULT read_size(const struct asking *asking, uint64_t *ret_size, struct explanation *why)
{
    struct reader reader = reader_of(asking->answer, asking->answer_size);
    struct bytes line;
    if (!result_is_ok(line_take(&reader, &line)) || reader_left(&reader) > 0
        || !result_is_ok(line_number(line, MERKLE_SIZE_MAX, ret_size)))
        return explain(why, ERROR_FORMAT, "it answered 409 without the size that it knows");
    if (*ret_size > asking->request.checkpoint.size)
        return explain(why, ERROR_STATE,
                       "it has cosigned %llu entries of this log, which has only %llu: the log "
                       "went back, or somebody else has its key",
                       (unsigned long long)*ret_size,
                       (unsigned long long)asking->request.checkpoint.size);
    return RESULT_OK;
}

static RESULT refuse(const struct asking *asking, unsigned status, struct explanation *why)
{
    /* The first line of what it says, for people. */
    size_t size = 0;
    while (size < asking->answer_size && size < 200 && asking->answer[size] >= 0x20
           && asking->answer[size] < 0x7f)
        size++;
    return explain(why, ERROR_STATE, "it answered %u: %.*s", status, (int)size,
                   (const char *)asking->answer);
}

/* The lines of this witness among those that it sent; those of others mean nothing. */
static RESULT keep_lines(struct asking *asking, struct cosigning *cosigning,
                         struct explanation *why)
{
    struct note answer;
    struct note_times times;
    struct writer writer = writer_of(cosigning->lines, sizeof cosigning->lines);
    writer.at = cosigning->size;
    struct bytes lines = {asking->answer, asking->answer_size};
    GUARD(note_parse_signatures(asking->request.note.text, lines, &answer, why));
    GUARD(note_verify(&answer, &asking->witness->key, &times, why));
    for (size_t i = 0; i < answer.signature_count; i++) {
        struct bytes line = answer.signatures[i].line;
        if (!note_is_by(&answer.signatures[i], &asking->witness->key))
            continue;
        if (!result_is_ok(writer_copy(&writer, line.data, line.size)))
            return explain(why, ERROR_LIMIT, "it sent more signatures than there is room for");
    }
    cosigning->size = writer.at;
    return RESULT_OK;
}

static RESULT ask(struct asking *asking, uint64_t known_size, struct cosigning *cosigning,
                  struct explanation *why)
{
    uint64_t old_size = known_size;
    for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
        unsigned status;
        GUARD(ask_once(asking, old_size, &status, why));
        if (status == HTTP_OK)
            return keep_lines(asking, cosigning, why);
        if (status != HTTP_CONFLICT)
            return refuse(asking, status, why);
        GUARD(read_size(asking, &old_size, why));
    }
    return explain(why, ERROR_AGAIN, "it knew another size each time it was asked");
}

RESULT cosigning_collect(const struct tlog_policy *policy, struct bytes whole,
                         struct tile_tree *tree, uint64_t known_size,
                         const struct cosigning_line *line, struct cosigning *ret_cosigning,
                         struct explanation *why)
{
    struct asking *asking = calloc(1, sizeof *asking);
    if (asking == NULL)
        return explain(why, ERROR_MEMORY, "no memory to ask witnesses");
    ret_cosigning->witnesses = 0;
    ret_cosigning->size = 0;
    asking->line = line;
    asking->tree = tree;
    asking->request.whole = whole;
    struct result result = checkpoint_parse_note(whole, &asking->request.note,
                                                 &asking->request.checkpoint, why);
    for (size_t i = 0; i < tlog_policy_witness_count(policy) && result_is_ok(result); i++) {
        struct explanation *failure = &ret_cosigning->failures[i];
        asking->witness = tlog_policy_witness(policy, i);
        failure->text[0] = '\0';
        if (*asking->witness->url == '\0')
            (void)string_copy(failure->text, sizeof failure->text, "the policy says no URL of it");
        else if (result_is_ok(ask(asking, known_size, ret_cosigning, failure)))
            ret_cosigning->witnesses |= UINT32_C(1) << i;
    }
    free(asking);
    return result;
}

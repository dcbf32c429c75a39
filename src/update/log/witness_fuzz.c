// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a request to a witness, behind a log's key and a right first checkpoint: whatever is
 * asked, nothing is cosigned that the log did not sign.
 */
#include "update/log/witness.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static struct result load(void *context, const char *origin_hex, void *out, size_t capacity,
                          size_t *ret_size, struct explanation *why)
{
    (void)context;
    (void)origin_hex;
    (void)out;
    (void)capacity;
    (void)ret_size;
    return explain(why, ERROR_NOT_FOUND, "nothing");
}

static unsigned saves;

static struct result save(void *context, const char *origin_hex, const void *data, size_t size,
                          struct explanation *why)
{
    struct note note;
    struct note_times times;
    const struct witness *witness = context;
    (void)origin_hex;
    (void)why;
    struct bytes whole = {data, size};
    require(result_is_ok(note_parse(whole, &note, NULL)));
    require(result_is_ok(note_verify(&note, note_signer_key(witness->signer), &times, NULL)));
    require(result_is_ok(note_verify(&note, &tlog_policy_log(witness->logs, 0)->key, &times,
                                     NULL)));
    saves++;
    return RESULT_OK;
}

/* The log is that of signed-note's example; the witness has a key of this run. */
static void make_witness(struct witness *witness)
{
    static const char LOGS[] =
        "log example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\nquorum none\n";
    char key[NOTE_SIGNER_TEXT_BYTES];
    struct tlog_policy *logs;
    struct note_signer *signer;
    require(result_is_ok(tlog_policy_parse((struct bytes){(const uint8_t *)LOGS, sizeof LOGS - 1},
                                           &logs, NULL)));
    require(result_is_ok(note_signer_generate("w.example", NOTE_KEY_COSIGNATURE, key, NULL)));
    require(result_is_ok(note_signer_parse((struct bytes){(uint8_t *)key, strlen(key)}, &signer,
                                           NULL)));
    *witness = (struct witness){signer, logs, {load, save, save, witness}};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct witness witness;
    static struct witness_answer answer;
    if (witness.signer == NULL)
        make_witness(&witness);
    unsigned before = saves;
    witness_add_checkpoint(&witness, (struct bytes){data, size}, 1700000000, &answer);
    require((answer.status == 200) == (saves > before));
    require(answer.status >= 200 && answer.status < 504 && answer.size <= sizeof answer.body);
    char hex[WITNESS_ORIGIN_HEX_BYTES];
    size_t length = size < sizeof hex ? size : sizeof hex - 1;
    bytes_copy(hex, sizeof hex, data, length);
    hex[length] = '\0';
    witness_get_checkpoint(&witness, hex, &answer);
    require(answer.status == 404);
    return 0;
}

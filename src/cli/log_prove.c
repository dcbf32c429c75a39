// SPDX-License-Identifier: Apache-2.0
/*
 * `creance log prove`: the files that lie beside a release.
 */
#include "base/bytes.h"
#include "cli/log_files.h"
#include "update/log/proof.h"
#include "update/log/proof_files.h"

#include <stdlib.h>
#include <unistd.h>

struct wanted {
    bool is_age;
    uint64_t number; /* the entry's index, or the older size */
};

/* The size of the checkpoint in FILE: a checkpoint, or a .tlog-proof that holds one. */
static enum cli_exit older_size(const char *path, uint64_t *ret_size)
{
    struct tlog_file file;
    struct explanation why;
    struct note note;
    struct checkpoint checkpoint = {0};
    struct tlog_proof proof = {0};
    struct result result;
    enum cli_exit code = tlog_file_read(path, LIMIT_PROOF_FILE_BYTES, &file);
    if (code != CLI_GOOD)
        return code;
    if (tlog_file_begins_with(&file, TLOG_PROOF_MAGIC)) {
        result = tlog_proof_parse(tlog_file_bytes(&file), &proof, &why);
        checkpoint = proof.checkpoint;
    } else {
        result = checkpoint_parse_note(tlog_file_bytes(&file), &note, &checkpoint, &why);
    }
    *ret_size = checkpoint.size;
    tlog_file_free(&file);
    if (result_is_ok(result))
        return CLI_GOOD;
    verb_error("%s: %s", path, why.text);
    return CLI_INPUT;
}

static enum cli_exit read_options(const struct call *call, struct wanted *ret_wanted)
{
    const char *index = options_value(call->options, "index", NULL);
    const char *since = options_value(call->options, "since", NULL);
    if ((index == NULL) == (since == NULL))
        return verb_usage_error(call, "say either --index or --since");
    ret_wanted->is_age = since != NULL;
    if (since != NULL)
        return older_size(since, &ret_wanted->number);
    if (!result_is_ok(number_parse(index, MERKLE_SIZE_MAX, &ret_wanted->number)))
        return verb_usage_error(call, "--index needs a number, not \"%s\"", index);
    return CLI_GOOD;
}

static RESULT make(const struct tlog_source *source, const struct wanted *wanted,
                   struct tlog_file *whole, struct writer *writer, struct explanation *why)
{
    struct note note;
    struct checkpoint checkpoint;
    struct tile_tree *tree;
    GUARD(source->read(source->context, TILE_CHECKPOINT, whole->data, LIMIT_NOTE_BYTES,
                       &whole->size, why));
    GUARD(checkpoint_parse_note(tlog_file_bytes(whole), &note, &checkpoint, why));
    GUARD(tile_tree_open(source, &checkpoint, &tree, why));
    struct result result =
        wanted->is_age
            ? age_file_write(tree, tlog_file_bytes(whole), wanted->number, writer, why)
            : proof_file_write(tree, tlog_file_bytes(whole), wanted->number, writer, why);
    tile_tree_free(tree);
    return result;
}

static enum cli_exit prove(const struct call *call, const struct tlog_source *source,
                           const struct wanted *wanted, const char *path)
{
    struct explanation why;
    struct tlog_file whole = {.data = malloc(LIMIT_NOTE_BYTES)};
    uint8_t *text = malloc(LIMIT_PROOF_FILE_BYTES);
    struct writer writer = writer_of(text, LIMIT_PROOF_FILE_BYTES);
    struct result result = whole.data == NULL || text == NULL
                               ? explain(&why, ERROR_MEMORY, "memory is out")
                               : make(source, wanted, &whole, &writer, &why);
    enum cli_exit code = result_is_ok(result) ? tlog_file_write(path, text, writer.at, 0644)
                                              : tlog_failed(result, &why);
    if (code == CLI_GOOD && output_is_json(call->output))
        output_json(call->output, json_pack("{s:s, s:I}", "file", path, "bytes",
                                            (json_int_t)writer.at));
    free(text);
    tlog_file_free(&whole);
    return code;
}

static enum cli_exit run(const struct call *call)
{
    struct wanted wanted = {0};
    struct tlog_place place;
    const char *path = options_value(call->options, "out", NULL);
    if (path == NULL)
        return verb_usage_error(call, "--out FILE says where the proof goes");
    enum cli_exit code = read_options(call, &wanted);
    if (code == CLI_GOOD)
        code = tlog_place_open(options_word(call->options, 0), &place);
    if (code != CLI_GOOD)
        return code;
    code = prove(call, &place.source, &wanted, path);
    tlog_place_close(&place);
    return code;
}

static const struct option_row OPTIONS[] = {
    {"index", "N", false, "prove that entry N is in the log (.tlog-proof)"},
    {"since", "FILE", false, "prove that the log went on from this checkpoint (.tlog-age)"},
    {"out", "FILE", false, "the file to write"},
    {0},
};

const struct verb verb_log_prove = {
    .name = "log prove",
    .summary = "makes the proofs that are published beside a release",
    .words = "LOG",
    .words_min = 1,
    .words_max = 1,
    .options = OPTIONS,
    .help =
        "LOG is a folder or an http(s) URL. The proof leads to the checkpoint that is published\n"
        "now, with its cosignatures.\n"
        "\n"
        "--since takes a checkpoint or a .tlog-proof: what it makes shows hosts how long ago that\n"
        "checkpoint existed. Make it anew after each `creance log cosign`.\n"
        "\n"
        "Examples:\n"
        "  creance log prove /srv/log --index 41 --out r42.tlog-proof\n"
        "  creance log prove /srv/log --since r42.tlog-proof --out r42.tlog-age\n",
    .run = run,
};

// SPDX-License-Identifier: Apache-2.0
/*
 * `creance log verify`: is it what the policy believes?
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "cli/log_files.h"
#include "update/log/tile_tree.h"
#include "update/log/verify.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct verifying {
    const struct call *call;
    struct tlog_policy *policy;
    struct tlog_file entry; /* size 0: none was named */
    struct tlog_file older; /* a checkpoint or a .tlog-proof; size 0: none was named */
    struct tlog_proof proof;
};

/* --- saying it -------------------------------------------------------------------------------- */

/* `facts` is what the kind of thing adds; taken over. */
static void report(const struct verifying *verifying, const char *name,
                   const struct tlog_witnessed *witnessed, const char *sentence, json_t *facts)
{
    struct output *output = verifying->call->output;
    char witnesses[1024], time[CLOCK_TEXT_BYTES] = "";
    tlog_list_witnesses(verifying->policy, witnessed->witnesses, witnesses, sizeof witnesses);
    if (witnessed->existed_by_s != 0 && witnessed->existed_by_s < UINT64_MAX / NS_PER_S)
        clock_format(witnessed->existed_by_s * NS_PER_S, time);
    if (output_is_json(output)) {
        json_t *object = json_pack("{s:o, s:s, s:I, s:s, s:I}", "file", output_json_text(name),
                                   "log", witnessed->log->key.name, "size",
                                   (json_int_t)witnessed->checkpoint.size, "witnesses", witnesses,
                                   "existed_by_s", (json_int_t)witnessed->existed_by_s);
        if (object != NULL && json_object_update(object, facts) != 0) {
            json_decref(object);
            object = NULL;
        }
        json_decref(facts);
        output_json(output, object);
        return;
    }
    json_decref(facts);
    output_line(output, "%s: good: %s%s, %llu entries%s%s%s%s", name, sentence,
                witnessed->log->key.name, (unsigned long long)witnessed->checkpoint.size,
                *witnesses != '\0' ? ", cosigned by " : "", witnesses,
                *time != '\0' ? ", existed by " : "", time);
}

/* --- files ------------------------------------------------------------------------------------ */

static RESULT verify_proof(struct verifying *verifying, const char *name, struct bytes text,
                           struct explanation *why)
{
    struct tlog_proven proven;
    char sentence[96];
    GUARD(tlog_verify_entry(verifying->policy, text, tlog_file_bytes(&verifying->entry),
                            &verifying->proof, &proven, why));
    struct bytes entry = tlog_file_bytes(&verifying->entry);
    if (entry.size == 0)
        entry = (struct bytes){verifying->proof.extra, verifying->proof.extra_size};
    (void)string_format(sentence, sizeof sentence, "it is entry %llu of ",
                        (unsigned long long)proven.index);
    report(verifying, name, &proven.in, sentence,
           json_pack("{s:I, s:o}", "index", (json_int_t)proven.index, "entry",
                     output_json_bytes(entry.data, entry.size)));
    if (!output_is_json(verifying->call->output)) {
        struct reader reader = reader_of(entry.data, entry.size);
        while (reader_left(&reader) > 0) {
            size_t size = 0;
            while (size < reader_left(&reader) && entry.data[reader.at + size] != '\n')
                size++;
            output_line(verifying->call->output, "  %.*s", (int)size,
                        (const char *)entry.data + reader.at);
            reader.at += size < reader_left(&reader) ? size + 1 : size;
        }
    }
    return RESULT_OK;
}

/* The older checkpoint, verified too. */
static RESULT verify_older(struct verifying *verifying, struct tlog_witnessed *ret_older,
                           struct explanation *why)
{
    struct bytes text = tlog_file_bytes(&verifying->older);
    if (text.size == 0)
        return explain(why, ERROR_STATE,
                       "--older FILE must name the checkpoint or .tlog-proof to count from");
    if (tlog_file_begins_with(&verifying->older, TLOG_PROOF_MAGIC)) {
        GUARD(tlog_proof_parse(text, &verifying->proof, why));
        text = verifying->proof.whole;
    }
    return tlog_verify_checkpoint(verifying->policy, text, ret_older, why);
}

static RESULT verify_age(struct verifying *verifying, const char *name, struct bytes text,
                         struct explanation *why)
{
    struct tlog_witnessed older, newer;
    uint64_t age_s;
    char sentence[96];
    GUARD(verify_older(verifying, &older, why));
    GUARD(tlog_verify_age(verifying->policy, &older, text, &newer, &age_s, why));
    (void)string_format(sentence, sizeof sentence, "%llu seconds after the older one, in ",
                        (unsigned long long)age_s);
    report(verifying, name, &newer, sentence,
           json_pack("{s:I, s:I}", "age_s", (json_int_t)age_s, "old_size",
                     (json_int_t)older.checkpoint.size));
    return RESULT_OK;
}

static RESULT verify_checkpoint(struct verifying *verifying, const char *name, struct bytes text,
                                struct explanation *why)
{
    struct tlog_witnessed witnessed;
    GUARD(tlog_verify_checkpoint(verifying->policy, text, &witnessed, why));
    report(verifying, name, &witnessed, "", json_object());
    return RESULT_OK;
}

static enum cli_exit verify_file(struct verifying *verifying, const char *path)
{
    struct tlog_file file;
    struct explanation why;
    enum cli_exit code = tlog_file_read(path, LIMIT_PROOF_FILE_BYTES, &file);
    if (code != CLI_GOOD)
        return code;
    struct bytes text = tlog_file_bytes(&file);
    struct result result =
        tlog_file_begins_with(&file, TLOG_PROOF_MAGIC) ? verify_proof(verifying, path, text, &why)
        : tlog_file_begins_with(&file, "old ")        ? verify_age(verifying, path, text, &why)
                                              : verify_checkpoint(verifying, path, text, &why);
    tlog_file_free(&file);
    if (result_is_ok(result))
        return CLI_GOOD;
    verb_error("%s: %s", path, why.text);
    return result.error == ERROR_MEMORY ? CLI_UNAVAILABLE : CLI_FINDING;
}

/* --- whole logs ------------------------------------------------------------------------------- */

/* Every bundle, and with it every tile of level 0 and those above. */
static RESULT verify_entries(struct tile_tree *tree, struct explanation *why)
{
    struct tile_bundle *bundle = malloc(sizeof *bundle);
    if (bundle == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    struct result result = RESULT_OK;
    for (uint64_t at = 0; at < tile_tree_size(tree) && result_is_ok(result); at += TILE_WIDTH)
        result = tile_tree_bundle(tree, at, bundle, why);
    free(bundle);
    return result;
}

static RESULT compare_older(struct verifying *verifying, struct tile_tree *tree,
                            const struct tlog_witnessed *now, struct explanation *why)
{
    struct tlog_witnessed older;
    struct merkle_hash root;
    if (verifying->older.size == 0)
        return RESULT_OK;
    GUARD(verify_older(verifying, &older, why));
    if (!string_equal(older.log->key.name, now->log->key.name))
        return explain(why, ERROR_STATE, "the older checkpoint is of another log");
    GUARD(tile_tree_root(tree, older.checkpoint.size, &root, why));
    if (!merkle_hash_equal(&root, &older.checkpoint.root))
        return explain(why, ERROR_STATE,
                       "the log was forked: it does not begin with the older checkpoint of %llu "
                       "entries", (unsigned long long)older.checkpoint.size);
    return RESULT_OK;
}

static RESULT verify_log(struct verifying *verifying, const char *name,
                         const struct tlog_source *source, struct tlog_file *whole,
                         struct explanation *why)
{
    struct tlog_witnessed witnessed;
    struct tile_tree *tree;
    GUARD(source->read(source->context, TILE_CHECKPOINT, whole->data, LIMIT_NOTE_BYTES,
                       &whole->size, why));
    GUARD(tlog_verify_checkpoint(verifying->policy, tlog_file_bytes(whole), &witnessed, why));
    GUARD(tile_tree_open(source, &witnessed.checkpoint, &tree, why));
    struct result result = compare_older(verifying, tree, &witnessed, why);
    if (result_is_ok(result))
        result = verify_entries(tree, why);
    tile_tree_free(tree);
    GUARD(result);
    report(verifying, name, &witnessed, "every entry of ", json_object());
    return RESULT_OK;
}

static enum cli_exit verify_place(struct verifying *verifying, const char *name)
{
    struct tlog_place place;
    struct explanation why;
    enum cli_exit code = tlog_place_open(name, &place);
    if (code != CLI_GOOD)
        return code;
    struct tlog_file whole = {.data = malloc(LIMIT_NOTE_BYTES)};
    struct result result = whole.data == NULL
                               ? explain(&why, ERROR_MEMORY, "memory is out")
                               : verify_log(verifying, name, &place.source, &whole, &why);
    tlog_file_free(&whole);
    tlog_place_close(&place);
    if (result_is_ok(result))
        return CLI_GOOD;
    verb_error("%s: %s", name, why.text);
    return result.error == ERROR_CLOSED || result.error == ERROR_MEMORY ? CLI_UNAVAILABLE
                                                                        : CLI_FINDING;
}

/* --- the verb --------------------------------------------------------------------------------- */

static bool is_place(const char *name)
{
    struct stat status;
    return fetch_is_url(name) || (stat(name, &status) == 0 && S_ISDIR(status.st_mode));
}

static bool is_offline(const struct call *call)
{
    for (size_t i = 0; i < options_word_count(call->options); i++) {
        if (fetch_is_url(options_word(call->options, i)))
            return false;
    }
    return true;
}

static enum cli_exit prepare(struct verifying *verifying)
{
    const struct options *options = verifying->call->options;
    const char *policy = options_value(options, "policy", NULL);
    const char *entry = options_value(options, "entry", NULL);
    const char *older = options_value(options, "older", NULL);
    if (policy == NULL)
        return verb_usage_error(verifying->call, "--policy FILE says whom to believe");
    enum cli_exit code = tlog_policy_read(policy, &verifying->policy);
    if (code == CLI_GOOD && entry != NULL)
        code = tlog_file_read(entry, LIMIT_PUBLIC_ENTRY_BYTES, &verifying->entry);
    if (code == CLI_GOOD && older != NULL)
        code = tlog_file_read(older, LIMIT_PROOF_FILE_BYTES, &verifying->older);
    return code;
}

static enum cli_exit run(const struct call *call)
{
    struct verifying *verifying = calloc(1, sizeof *verifying);
    if (verifying == NULL) {
        verb_error("memory is out");
        return CLI_UNAVAILABLE;
    }
    verifying->call = call;
    bool is_sandboxed = is_offline(call);
    enum cli_exit code =
        is_sandboxed ? tlog_enter_sandbox("of log verify", NULL) : CLI_GOOD;
    if (code == CLI_GOOD)
        code = prepare(verifying);
    for (size_t i = 0; code == CLI_GOOD && i < options_word_count(call->options); i++) {
        const char *name = options_word(call->options, i);
        code = is_place(name) ? verify_place(verifying, name) : verify_file(verifying, name);
    }
    tlog_file_free(&verifying->entry);
    tlog_file_free(&verifying->older);
    tlog_policy_free(verifying->policy);
    free(verifying);
    if (is_sandboxed)
        tlog_end_in_sandbox(call, code);
    return code;
}

static const struct option_row OPTIONS[] = {
    {"policy", "FILE", false, "whom to believe: logs, witnesses, quorum (C2SP tlog-policy)"},
    {"entry", "FILE", false, "the entry that a .tlog-proof is about, where it carries none"},
    {"older", "FILE", false, "an older checkpoint (or .tlog-proof) that the log must begin with"},
    {0},
};

const struct verb verb_log_verify = {
    .name = "log verify",
    .summary = "is a checkpoint, a proof or a whole log what the policy believes?",
    .words = "THING...",
    .words_min = 1,
    .words_max = OPTIONS_ANY_WORDS,
    .options = OPTIONS,
    .help =
        "THING is one of:\n"
        "  a checkpoint      signed by its log, cosigned by a quorum?\n"
        "  a .tlog-proof     is the entry in it in the log? The entry is printed.\n"
        "  a .tlog-age       how long after --older was this checkpoint cosigned at least?\n"
        "  a folder or URL   of a log: are all tiles and entries those of its checkpoint? With\n"
        "                    --older: does it begin with that checkpoint?\n"
        "\n"
        "Exit codes: 0 all good, 1 one is not, 3 a file cannot be read, 4 a log cannot be\n"
        "reached.\n"
        "\n"
        "Examples:\n"
        "  creance log verify --policy policy r42.tlog-proof\n"
        "  creance log verify --policy policy --older r42.tlog-proof r42.tlog-age\n"
        "  creance log verify --policy policy --older yesterday https://log.example.com/rules\n",
    .run = run,
};

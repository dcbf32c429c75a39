// SPDX-License-Identifier: Apache-2.0
/*
 * `creance log append`: entries into the public log.
 */
#include "base/bytes.h"
#include "cli/log_publish.h"
#include "update/log/entry.h"
#include "update/log/proof_files.h"

#include <stdlib.h>
#include <string.h>

struct append {
    const struct call *call;
    struct tlog_file *entries;
    size_t entry_count;
    struct tlog_policy *policy; /* NULL: none was named */
    struct note_signer *signer;
    uint64_t first; /* index of the first entry */
    char witnesses[1024];
};

/* --- entries ---------------------------------------------------------------------------------- */

/* FIELD=VALUE */
static enum cli_exit take_field(const struct call *call, const char *word,
                                struct tlog_entry *entry)
{
    enum tlog_entry_field field;
    const char *equals = strchr(word, '=');
    struct bytes name = {(const uint8_t *)word, equals == NULL ? 0 : (size_t)(equals - word)};
    if (equals == NULL || !tlog_entry_find_field(name, &field))
        return verb_usage_error(call, "\"%s\" is not FIELD=VALUE with a field of entries", word);
    if (entry->values[field].size > 0)
        return verb_usage_error(call, "%.*s= stands there twice", (int)name.size, word);
    entry->values[field] = (struct bytes){(const uint8_t *)equals + 1, strlen(equals + 1)};
    return CLI_GOOD;
}

/* The entry that the words say: KIND FIELD=VALUE... */
static enum cli_exit entry_of_words(const struct call *call, struct tlog_file *ret_entry)
{
    const char *kind = options_word(call->options, 1);
    struct tlog_entry entry = {0};
    struct explanation why;
    if (!tlog_entry_find_kind((struct bytes){(const uint8_t *)kind, strlen(kind)}, &entry.kind))
        return verb_usage_error(call,
                                "\"%s\" is no kind of entry: expected %s, %s, %s, %s, %s or %s",
                                kind,
                                tlog_entry_kind_word(TLOG_KIND_RELEASE),
                                tlog_entry_kind_word(TLOG_KIND_PROMOTION),
                                tlog_entry_kind_word(TLOG_KIND_REMOVAL),
                                tlog_entry_kind_word(TLOG_KIND_HALT),
                                tlog_entry_kind_word(TLOG_KIND_ROSTER),
                                tlog_entry_kind_word(TLOG_KIND_OVERRIDE));
    for (size_t i = 2; i < options_word_count(call->options); i++) {
        enum cli_exit code = take_field(call, options_word(call->options, i), &entry);
        if (code != CLI_GOOD)
            return code;
    }
    ret_entry->data = malloc(LIMIT_PUBLIC_ENTRY_BYTES);
    if (ret_entry->data == NULL) {
        verb_error("memory is out");
        return CLI_UNAVAILABLE;
    }
    struct writer writer = writer_of(ret_entry->data, LIMIT_PUBLIC_ENTRY_BYTES);
    if (!result_is_ok(tlog_entry_write(&writer, &entry, &why)))
        return verb_usage_error(call, "%s", why.text);
    ret_entry->size = writer.at;
    return CLI_GOOD;
}

static enum cli_exit entry_of_file(const char *path, struct tlog_file *ret_entry)
{
    struct tlog_entry entry;
    struct explanation why;
    enum cli_exit code = tlog_file_read(path, LIMIT_PUBLIC_ENTRY_BYTES, ret_entry);
    if (code == CLI_GOOD
        && !result_is_ok(tlog_entry_parse(tlog_file_bytes(ret_entry), &entry, &why))) {
        verb_error("%s: %s", path, why.text);
        code = CLI_INPUT;
    }
    return code;
}

static enum cli_exit take_entries(struct append *append)
{
    const struct options *options = append->call->options;
    size_t files = options_count(options, "entry");
    bool has_words = options_word_count(options) > 1;
    if (files == 0 && !has_words)
        return verb_usage_error(append->call,
                                "name an entry: KIND FIELD=VALUE..., or --entry FILE");
    append->entry_count = files + (has_words ? 1 : 0);
    append->entries = calloc(append->entry_count, sizeof *append->entries);
    if (append->entries == NULL) {
        verb_error("memory is out");
        return CLI_UNAVAILABLE;
    }
    enum cli_exit code = has_words ? entry_of_words(append->call, &append->entries[files])
                                   : CLI_GOOD;
    for (size_t i = 0; i < files && code == CLI_GOOD; i++)
        code = entry_of_file(options_value_at(options, "entry", i), &append->entries[i]);
    return code;
}

/* --- the log ---------------------------------------------------------------------------------- */

static RESULT add_all(struct append *append, struct tlog_writer *writer, struct explanation *why)
{
    for (size_t i = 0; i < append->entry_count; i++) {
        uint64_t index;
        GUARD(tlog_writer_add(writer, tlog_file_bytes(&append->entries[i]), &index, why));
        if (i == 0)
            append->first = index;
    }
    return tlog_writer_sign(writer, append->signer, why);
}

static RESULT make_proof(struct tlog_opened *log, uint64_t index, struct writer *writer,
                         struct explanation *why)
{
    struct note note;
    struct checkpoint checkpoint;
    struct tile_tree *tree;
    struct bytes whole = tlog_writer_published(log->writer);
    GUARD(checkpoint_parse_note(whole, &note, &checkpoint, why));
    GUARD(tile_tree_open(&log->source, &checkpoint, &tree, why));
    struct result result = proof_file_write(tree, whole, index, writer, why);
    tile_tree_free(tree);
    return result;
}

static enum cli_exit write_proof(const struct append *append, struct tlog_opened *log,
                                 const char *path)
{
    struct explanation why;
    uint8_t *text = malloc(LIMIT_PROOF_FILE_BYTES);
    if (text == NULL) {
        verb_error("memory is out");
        return CLI_UNAVAILABLE;
    }
    struct writer writer = writer_of(text, LIMIT_PROOF_FILE_BYTES);
    struct result result = make_proof(log, append->first, &writer, &why);
    enum cli_exit code = result_is_ok(result) ? tlog_file_write(path, text, writer.at, 0644)
                                              : tlog_failed(result, &why);
    free(text);
    return code;
}

static void report(const struct append *append, const struct tlog_opened *log, bool is_published)
{
    uint64_t size = tlog_writer_size(log->writer);
    uint64_t last = append->first + append->entry_count - 1;
    struct output *output = append->call->output;
    if (output_is_json(output)) {
        output_json(output, json_pack("{s:I, s:I, s:I, s:b, s:s}", "first",
                                      (json_int_t)append->first, "last", (json_int_t)last, "size",
                                      (json_int_t)size, "published", is_published, "witnesses",
                                      append->witnesses));
        return;
    }
    char range[64];
    if (last == append->first)
        (void)string_format(range, sizeof range, "entry %llu", (unsigned long long)last);
    else
        (void)string_format(range, sizeof range, "entries %llu to %llu",
                            (unsigned long long)append->first, (unsigned long long)last);
    output_line(output, "%s of %llu: %s%s%s", range, (unsigned long long)size,
                is_published ? "published" : "signed, not published yet",
                *append->witnesses != '\0' ? ", cosigned by " : "", append->witnesses);
}

static enum cli_exit append_to(struct append *append, struct tlog_opened *log)
{
    struct explanation why;
    const char *proof = options_value(append->call->options, "proof", NULL);
    struct result result = add_all(append, log->writer, &why);
    if (!result_is_ok(result)) {
        verb_error("%s", why.text);
        return CLI_UNAVAILABLE;
    }
    enum cli_exit code =
        tlog_publish(append->policy, log, append->witnesses, sizeof append->witnesses);
    report(append, log, code == CLI_GOOD);
    return code == CLI_GOOD && proof != NULL ? write_proof(append, log, proof) : code;
}

static enum cli_exit prepare(struct append *append)
{
    const struct options *options = append->call->options;
    const char *key = options_value(options, "key", NULL);
    const char *policy = options_value(options, "policy", NULL);
    if (key == NULL)
        return verb_usage_error(append->call, "--key FILE names the log's private key");
    enum cli_exit code = take_entries(append);
    if (code == CLI_GOOD && append->entry_count > 1 && options_has(options, "proof"))
        return verb_usage_error(append->call, "--proof is for one entry: see creance log prove");
    if (code == CLI_GOOD)
        code = tlog_signer_read(key, &append->signer);
    if (code == CLI_GOOD && policy != NULL)
        code = tlog_policy_read(policy, &append->policy);
    if (code == CLI_GOOD && policy != NULL)
        code = tlog_policy_check(append->policy, note_signer_key(append->signer));
    return code;
}

static enum cli_exit run(const struct call *call)
{
    struct append append = {.call = call};
    struct tlog_opened log;
    enum cli_exit code = prepare(&append);
    if (code == CLI_GOOD)
        code = tlog_open(options_word(call->options, 0), note_signer_key(append.signer), &log);
    if (code == CLI_GOOD) {
        code = append_to(&append, &log);
        tlog_close(&log);
    }
    for (size_t i = 0; append.entries != NULL && i < append.entry_count; i++)
        tlog_file_free(&append.entries[i]);
    free(append.entries);
    tlog_policy_free(append.policy);
    note_signer_free(append.signer);
    return code;
}

static const struct option_row OPTIONS[] = {
    {"key", "FILE", false, "the log's private key (creance log keygen)"},
    {"policy", "FILE", false, "whose cosignatures are needed (C2SP tlog-policy, with URLs)"},
    {"entry", "FILE", true, "an entry that is written already"},
    {"proof", "FILE", false, "write the entry's .tlog-proof"},
    {0},
};

const struct verb verb_log_append = {
    .name = "log append",
    .summary = "adds entries to a public log and has it cosigned",
    .words = "FOLDER [KIND FIELD=VALUE...]",
    .words_min = 1,
    .words_max = OPTIONS_ANY_WORDS,
    .options = OPTIONS,
    .help =
        "Adds entries to the log in FOLDER, which is made where it is absent: plain files that\n"
        "any web server can hand out. The tree is signed, then cosigned by the witnesses of the\n"
        "policy, then published as FOLDER/checkpoint. docs/public-log.md has the fields of each\n"
        "KIND (release, promotion, removal, halt, override, roster).\n"
        "\n"
        "Power cuts and kills at any moment neither fork the log nor lose what it signed. Where\n"
        "no quorum cosigns, the entry is in the log but not public yet: creance log cosign.\n"
        "\n"
        "Exit codes: 0 published, 1 signed but no quorum cosigned (or the log in FOLDER is\n"
        "another one), 4 it cannot be written.\n"
        "\n"
        "Examples:\n"
        "  creance log append /srv/log --key log.key --policy policy --proof r42.tlog-proof \\\n"
        "      release name=rules version=42 digest=$(sha256sum < r42 | cut -d' ' -f1)\n"
        "  creance log append /srv/log --key log.key --policy policy --entry halt.entry\n",
    .run = run,
};

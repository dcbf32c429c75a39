// SPDX-License-Identifier: Apache-2.0
#include "cli/log_publish.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

enum cli_exit tlog_open(const char *path, const struct note_key *key, struct tlog_opened *ret_log)
{
    struct explanation why;
    struct result result = tlog_folder_open_locked(path, &ret_log->folder, &why);
    if (!result_is_ok(result)) {
        verb_error("%s", why.text);
        return CLI_UNAVAILABLE;
    }
    ret_log->source = tlog_folder_source(&ret_log->folder);
    ret_log->sink = tlog_folder_sink(&ret_log->folder);
    result = tlog_writer_open(&ret_log->source, &ret_log->sink, key, &ret_log->writer, &why);
    if (result_is_ok(result))
        return CLI_GOOD;
    tlog_folder_close(&ret_log->folder);
    return tlog_failed(result, &why);
}

void tlog_close(struct tlog_opened *log)
{
    tlog_writer_free(log->writer);
    tlog_folder_close(&log->folder);
}

enum cli_exit tlog_policy_check(const struct tlog_policy *policy, const struct note_key *key)
{
    struct bytes origin = {(const uint8_t *)key->name, strlen(key->name)};
    const struct tlog_policy_party *party;
    for (size_t at = 0; (party = tlog_policy_next_log(policy, origin, &at)) != NULL;) {
        if (party->key.id == key->id
            && memcmp(party->key.public_key, key->public_key, sizeof key->public_key) == 0)
            return CLI_GOOD;
    }
    verb_error("the policy does not name the log %s with the key %08x", key->name, key->id);
    return CLI_INPUT;
}

static RESULT ask_witnesses(const struct tlog_policy *policy, struct tlog_opened *log,
                            struct cosigning *cosigning, struct explanation *why)
{
    struct fetch *fetch;
    struct tile_tree *tree;
    struct note note;
    struct checkpoint checkpoint, published;
    struct bytes whole = tlog_writer_signed(log->writer);
    struct bytes before = tlog_writer_published(log->writer);
    uint64_t known_size = 0;
    /* What is public now is what the witnesses saw last. */
    if (before.size > 0 && result_is_ok(checkpoint_parse_note(before, &note, &published, NULL)))
        known_size = published.size;
    GUARD(checkpoint_parse_note(whole, &note, &checkpoint, why));
    GUARD(tile_tree_open(&log->source, &checkpoint, &tree, why));
    struct result result = fetch_open(&fetch, why);
    if (result_is_ok(result)) {
        struct cosigning_line line = fetch_line(fetch);
        result = cosigning_collect(policy, whole, tree, known_size, &line, cosigning, why);
        fetch_close(fetch);
    }
    tile_tree_free(tree);
    return result;
}

static enum cli_exit publish(const struct tlog_policy *policy, struct tlog_opened *log,
                             const struct cosigning *cosigning)
{
    struct explanation why;
    if (policy != NULL && !tlog_policy_is_quorum(policy, cosigning->witnesses)) {
        verb_error("the log has signed %llu entries, but %d of %zu witnesses cosigned, which is no "
                   "quorum; the public goes on seeing the checkpoint before. Try again with: "
                   "creance log cosign",
                   (unsigned long long)tlog_writer_size(log->writer),
                   __builtin_popcount(cosigning->witnesses), tlog_policy_witness_count(policy));
        return CLI_FINDING;
    }
    struct bytes lines = {cosigning->lines, cosigning->size};
    struct result result = tlog_writer_publish(log->writer, lines, &why);
    return result_is_ok(result) ? CLI_GOOD : tlog_failed(result, &why);
}

enum cli_exit tlog_publish(const struct tlog_policy *policy, struct tlog_opened *log,
                           char *ret_witnesses, size_t capacity)
{
    struct explanation why;
    struct cosigning *cosigning = calloc(1, sizeof *cosigning);
    if (cosigning == NULL) {
        verb_error("memory is out");
        return CLI_UNAVAILABLE;
    }
    ret_witnesses[0] = '\0';
    enum cli_exit code = CLI_GOOD;
    if (policy != NULL) {
        struct result result = ask_witnesses(policy, log, cosigning, &why);
        if (!result_is_ok(result))
            code = tlog_failed(result, &why);
        for (size_t i = 0; code == CLI_GOOD && i < tlog_policy_witness_count(policy); i++) {
            if (*cosigning->failures[i].text != '\0')
                verb_error("witness %s did not cosign: %s", tlog_policy_witness(policy, i)->name,
                           cosigning->failures[i].text);
        }
        tlog_list_witnesses(policy, cosigning->witnesses, ret_witnesses, capacity);
    }
    if (code == CLI_GOOD)
        code = publish(policy, log, cosigning);
    free(cosigning);
    return code;
}

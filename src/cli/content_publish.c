// SPDX-License-Identifier: Apache-2.0
/*
 * `creance content publish`: a signed bundle into the public log first, then into the repository.
 * In this order, so that there is never a release that nobody can find in the log.
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "cli/content_files.h"
#include "cli/content_release.h"
#include "cli/log_publish.h"
#include "update/log/entry.h"
#include "update/log/proof_files.h"
#include "update/log/verify.h"
#include "update/tuf/repository.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 16, PATH_BYTES = 128, NUMBER_BYTES = 24 };

struct content_publish {
    const struct call *call;
    struct content_release release;
    const char *reason; /* of removals; NULL: none was given */
    struct tlog_policy *policy;
    struct note_signer *log_signer;
    struct private_key *keys[KEYS_MAX];
    size_t key_count;
    struct tlog_file proof; /* the release's .tlog-proof */
    char witnesses[1024];
};

/* A failure in words, and the exit code that goes with it. */
static enum cli_exit tell(struct result result, const struct explanation *why)
{
    if (result_is_ok(result))
        return CLI_GOOD;
    verb_error("%s", why->text);
    if (result.error == ERROR_STATE)
        return CLI_FINDING;
    return result.error == ERROR_MEMORY || result.error == ERROR_SYSTEM ? CLI_UNAVAILABLE
                                                                        : CLI_INPUT;
}

/* --- the ticket ------------------------------------------------------------------------------- */

/* Hosts would refuse what is not signed by enough of these keys: so do we. */
static enum cli_exit check_ticket(struct content_publish *publish)
{
    const char *path = options_value(publish->call->options, "release-keys", NULL);
    struct content_release *release = &publish->release;
    struct release_keys keys;
    struct explanation why;
    uint8_t *text = NULL;
    size_t size;
    if (!release->has_ticket) {
        verb_error("there is no %s: sign first, with creance content sign", release->ticket_path);
        return CLI_FINDING;
    }
    enum cli_exit code = content_read_file(path, RELEASE_KEYS_TEXT_BYTES, &text, &size);
    if (code != CLI_GOOD)
        return code;
    struct result result = release_keys_parse((const char *)text, size, &keys, &why);
    free(text);
    if (!result_is_ok(result)) {
        verb_error("%s: %s", path, why.text);
        return CLI_INPUT;
    }
    result = ticket_check(release->ticket_bytes, TICKET_BYTES, &keys, &release->ticket, &why);
    if (!result_is_ok(result)) {
        verb_error("%s: %s", release->ticket_path, why.text);
        return CLI_FINDING;
    }
    if (release->ticket.has_removals && publish->reason == NULL) {
        verb_error("this release detects less than the one before it: say why with "
                   "--accept-removals REASON; it goes into the public log");
        return CLI_FINDING;
    }
    return CLI_GOOD;
}

/* --- the log ---------------------------------------------------------------------------------- */

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static RESULT add_entry(const struct content_publish *publish, enum tlog_entry_kind kind,
                        struct tlog_writer *writer, uint64_t *ret_index, struct explanation *why)
{
    const struct ticket *ticket = &publish->release.ticket;
    char version[NUMBER_BYTES];
    uint8_t text[LIMIT_PUBLIC_ENTRY_BYTES];
    struct writer out = writer_of(text, sizeof text);
    struct tlog_entry entry = {.kind = kind};
    (void)string_format(version, sizeof version, "%" PRIu64, ticket->version);
    entry.values[TLOG_FIELD_NAME] = bytes_of(ticket->name);
    entry.values[TLOG_FIELD_VERSION] = bytes_of(version);
    entry.values[TLOG_FIELD_DIGEST] = bytes_of(publish->release.digest_hex);
    if (kind == TLOG_KIND_REMOVAL)
        entry.values[TLOG_FIELD_REASON] = bytes_of(publish->reason);
    GUARD(tlog_entry_write(&out, &entry, why));
    return tlog_writer_add(writer, (struct bytes){text, out.at}, ret_index, why);
}

static RESULT make_proof(struct content_publish *publish, const struct tlog_opened *log,
                         uint64_t index, struct explanation *why)
{
    struct note note;
    struct checkpoint checkpoint;
    struct tile_tree *tree;
    struct bytes whole = tlog_writer_published(log->writer);
    publish->proof.data = malloc(LIMIT_PROOF_FILE_BYTES);
    if (publish->proof.data == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    struct writer writer = writer_of(publish->proof.data, LIMIT_PROOF_FILE_BYTES);
    GUARD(checkpoint_parse_note(whole, &note, &checkpoint, why));
    GUARD(tile_tree_open(&log->source, &checkpoint, &tree, why));
    struct result result = proof_file_write(tree, whole, index, &writer, why);
    tile_tree_free(tree);
    publish->proof.size = writer.at;
    return result;
}

/* Beside the bundle, should the repository not take it at once. */
static enum cli_exit keep_proof(const struct content_publish *publish)
{
    char path[LIMIT_PATH_BYTES];
    if (!string_format(path, sizeof path, "%s.tlog-proof", publish->release.path)) {
        verb_error("%s: the path is too long", publish->release.path);
        return CLI_INPUT;
    }
    return tlog_file_write(path, publish->proof.data, publish->proof.size, 0644);
}

/* The reason stands before the release: who reads the log in order reads it first. */
static enum cli_exit write_log(struct content_publish *publish, struct tlog_opened *log)
{
    struct explanation why;
    uint64_t index = 0;
    struct result result = RESULT_OK;
    if (publish->release.ticket.has_removals)
        result = add_entry(publish, TLOG_KIND_REMOVAL, log->writer, &index, &why);
    if (result_is_ok(result))
        result = add_entry(publish, TLOG_KIND_RELEASE, log->writer, &index, &why);
    if (result_is_ok(result))
        result = tlog_writer_sign(log->writer, publish->log_signer, &why);
    enum cli_exit code = tell(result, &why);
    if (code != CLI_GOOD)
        return code;
    code = tlog_publish(publish->policy, log, publish->witnesses, sizeof publish->witnesses);
    if (code == CLI_GOOD)
        code = tell(make_proof(publish, log, index, &why), &why);
    if (code == CLI_GOOD)
        return keep_proof(publish);
    verb_error("the release is entry %" PRIu64 " of the log and not published: when the witnesses "
               "are back, go on with creance log cosign, creance log prove --index %" PRIu64
               " --out PROOF, and this command with --proof PROOF",
               index, index);
    return code;
}

static enum cli_exit log_release(struct content_publish *publish)
{
    struct tlog_opened log;
    const struct options *options = publish->call->options;
    enum cli_exit code =
        tlog_open(options_value(options, "log", NULL), note_signer_key(publish->log_signer), &log);
    if (code != CLI_GOOD)
        return code;
    code = write_log(publish, &log);
    tlog_close(&log);
    return code;
}

/* A proof that was made before, by hand: it must be of this release. */
static enum cli_exit take_proof(struct content_publish *publish, const char *path)
{
    struct explanation why;
    struct tlog_release_proof seen;
    const struct ticket *ticket = &publish->release.ticket;
    struct tlog_release release = {.name = ticket->name, .version = ticket->version};
    if (publish->policy == NULL)
        return verb_usage_error(publish->call, "--proof needs --policy, to verify it");
    bytes_copy(release.digest, sizeof release.digest, ticket->digest, sizeof ticket->digest);
    enum cli_exit code = tlog_file_read(path, LIMIT_PROOF_FILE_BYTES, &publish->proof);
    if (code != CLI_GOOD)
        return code;
    return tell(tlog_verify_release(publish->policy, &release, tlog_file_bytes(&publish->proof),
                                    (struct bytes){NULL, 0}, &seen, &why),
                &why);
}

/* --- the repository --------------------------------------------------------------------------- */

static RESULT add_target(const struct content_publish *publish, struct tuf_repository *repository,
                         const char *ending, const void *data, size_t size,
                         struct explanation *why)
{
    const struct ticket *ticket = &publish->release.ticket;
    const char *role = options_value(publish->call->options, "role", "targets");
    char path[PATH_BYTES];
    char custom[PATH_BYTES];
    (void)string_format(path, sizeof path, "%s/%s.%s", ticket->name, ticket->name, ending);
    (void)string_format(custom, sizeof custom, "{\"version\": %" PRIu64 "}", ticket->version);
    return tuf_repository_add_target(repository, role, path, data, size, custom, why);
}

static RESULT fill_repository(struct content_publish *publish, struct tuf_repository *repository,
                              struct explanation *why)
{
    const struct content_release *release = &publish->release;
    const char *role = options_value(publish->call->options, "role", "targets");
    GUARD(add_target(publish, repository, "bundle", release->data, release->size, why));
    GUARD(add_target(publish, repository, "ticket", release->ticket_bytes, TICKET_BYTES, why));
    GUARD(add_target(publish, repository, "tlog-proof", publish->proof.data, publish->proof.size,
                     why));
    for (size_t i = 0; i < publish->key_count; i++) {
        struct explanation ignored;
        struct result result =
            tuf_repository_sign(repository, role, publish->keys[i], &ignored);
        if (!result_is_ok(result) && result.error != ERROR_STATE)
            return explain(why, result.error, "%s", ignored.text);
        /* ERROR_STATE: not a key of this role; whether enough signed, publishing says */
    }
    return tuf_repository_publish(repository, (const struct private_key *const *)publish->keys,
                                  publish->key_count, why);
}

static enum cli_exit publish_release(struct content_publish *publish)
{
    struct tuf_repository *repository = NULL;
    struct explanation why;
    uint64_t now_s = clock_wall_ns(clock_system()) / NS_PER_S;
    struct result result =
        tuf_repository_open(options_value(publish->call->options, "repository", NULL), now_s,
                            &repository, &why);
    if (result_is_ok(result))
        result = fill_repository(publish, repository, &why);
    tuf_repository_free(repository);
    if (!result_is_ok(result))
        verb_error("the release is in the public log, and not in the repository: repeat this with "
                   "--proof %s.tlog-proof in place of --log and --log-key",
                   publish->release.path);
    return tell(result, &why);
}

/* --- the verb --------------------------------------------------------------------------------- */

static enum cli_exit read_keys(struct content_publish *publish)
{
    const struct options *options = publish->call->options;
    size_t count = options_count(options, "key");
    enum cli_exit code = CLI_GOOD;
    if (count > KEYS_MAX)
        return verb_usage_error(publish->call, "at most %d --key FILE", KEYS_MAX);
    for (; code == CLI_GOOD && publish->key_count < count; publish->key_count++)
        code = content_read_private_key(options_value_at(options, "key", publish->key_count),
                                        &publish->keys[publish->key_count]);
    if (code == CLI_GOOD && options_has(options, "policy"))
        code = tlog_policy_read(options_value(options, "policy", NULL), &publish->policy);
    if (code == CLI_GOOD && !options_has(options, "proof"))
        code = tlog_signer_read(options_value(options, "log-key", NULL), &publish->log_signer);
    if (code == CLI_GOOD && publish->policy != NULL && publish->log_signer != NULL)
        code = tlog_policy_check(publish->policy, note_signer_key(publish->log_signer));
    return code;
}

static enum cli_exit check_usage(const struct call *call)
{
    static const char *const NEEDED[] = {"repository", "release-keys", "key", NULL};
    for (size_t i = 0; NEEDED[i] != NULL; i++) {
        bool is_there = string_equal(NEEDED[i], "key") ? options_count(call->options, "key") > 0
                                                       : options_has(call->options, NEEDED[i]);
        if (!is_there)
            return verb_usage_error(call, "--%s is needed", NEEDED[i]);
    }
    bool has_log = options_has(call->options, "log") && options_has(call->options, "log-key");
    if (has_log == options_has(call->options, "proof"))
        return verb_usage_error(call, "say either --log and --log-key, or --proof");
    return CLI_GOOD;
}

static void report(const struct content_publish *publish)
{
    struct output *output = publish->call->output;
    const struct ticket *ticket = &publish->release.ticket;
    if (output_is_json(output))
        output_json(output, json_pack("{s:s, s:I, s:s, s:b, s:s}", "name", ticket->name,
                                      "version", (json_int_t)ticket->version, "sha256",
                                      publish->release.digest_hex, "removals",
                                      ticket->has_removals, "witnesses", publish->witnesses));
    else
        output_line(output, "published: %s %" PRIu64 ", SHA-256 %s%s%s", ticket->name,
                    ticket->version, publish->release.digest_hex,
                    *publish->witnesses != '\0' ? ", cosigned by " : "", publish->witnesses);
}

static enum cli_exit publish_all(struct content_publish *publish)
{
    const char *proof = options_value(publish->call->options, "proof", NULL);
    enum cli_exit code = content_release_read(options_word(publish->call->options, 0),
                                              &publish->release);
    if (code == CLI_GOOD)
        code = check_ticket(publish);
    if (code == CLI_GOOD)
        code = read_keys(publish);
    if (code == CLI_GOOD)
        code = proof != NULL ? take_proof(publish, proof) : log_release(publish);
    if (code == CLI_GOOD)
        code = publish_release(publish);
    if (code == CLI_GOOD)
        report(publish);
    return code;
}

static enum cli_exit run(const struct call *call)
{
    struct content_publish publish = {.call = call};
    enum cli_exit code = check_usage(call);
    if (code != CLI_GOOD)
        return code;
    publish.reason = options_value(call->options, "accept-removals", NULL);
    code = publish_all(&publish);
    for (size_t i = 0; i < publish.key_count; i++)
        private_key_free(publish.keys[i]);
    note_signer_free(publish.log_signer);
    tlog_policy_free(publish.policy);
    tlog_file_free(&publish.proof);
    content_release_close(&publish.release);
    return code;
}

static const struct option_row OPTIONS[] = {
    {"repository", "DIR", false, "the TUF repository (creance content repo)"},
    {"role", "ROLE", false, "whose file it becomes; targets"},
    {"key", "FILE", true, "private keys of that role, of snapshot and of timestamp"},
    {"release-keys", "FILE", false, "threshold and keys that hosts hold the ticket against"},
    {"log", "DIR", false, "the public log (creance log append)"},
    {"log-key", "FILE", false, "the log's private key"},
    {"policy", "FILE", false, "whose cosignatures the log needs"},
    {"proof", "FILE", false, "it is in the log already: its .tlog-proof"},
    {"accept-removals", "REASON", false, "why it is right to detect less; goes into the log"},
    {NULL, NULL, false, NULL},
};

const struct verb verb_content_publish = {
    .name = "content publish",
    .summary = "put a signed bundle into the public log and the repository",
    .words = "BUNDLE",
    .words_min = 1,
    .words_max = 1,
    .options = OPTIONS,
    .help =
        "Checks BUNDLE.ticket as hosts do, adds the release to the public log, has it cosigned,\n"
        "and then adds three files to the repository: NAME/NAME.bundle, .ticket and .tlog-proof.\n"
        "Both folders hold plain files that any web server can hand out as they are. A release\n"
        "that detects less than the one before it needs a reason, which stands in the log.\n"
        "\n"
        "Exit codes: 0 published; 1 not enough keys signed, no witness quorum, or a removal\n"
        "without a reason; 3 a file is wrong; 4 something cannot be written.\n"
        "\n"
        "Examples:\n"
        "  creance content publish rules-2.bundle --release-keys rules.keys \\\n"
        "      --log /srv/log --log-key log.key --policy policy \\\n"
        "      --repository /srv/rules --key targets.key --key online.key\n",
    .run = run,
};

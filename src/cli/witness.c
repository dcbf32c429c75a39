// SPDX-License-Identifier: Apache-2.0
/*
 * `creance witness`: cosigns the checkpoints of public logs.
 */
#include "base/bytes.h"
#include "base/sandbox.h"
#include "cli/log_files.h"
#include "cli/online.h"
#include "update/log/witness_folder.h"
#include "update/log/witness_server.h"

enum { WAIT_MS = 500 };

struct serving {
    const struct call *call;
    struct note_signer *signer;
    struct tlog_policy *logs;
    struct witness_folder folder;
    struct witness witness;
};

/* One line for each answer; what went wrong goes to standard error too. */
static void said(void *context, const char *request, const struct witness_answer *answer)
{
    const struct serving *serving = context;
    struct output *output = serving->call->output;
    char now[CLOCK_TEXT_BYTES];
    clock_format(clock_wall_ns(clock_system()), now);
    if (output_is_json(output))
        output_json(output, json_pack("{s:s, s:s, s:i, s:o, s:I, s:o}", "time", now, "request",
                                      request, "status", (int)answer->status, "origin",
                                      output_json_text(answer->origin), "size",
                                      (json_int_t)answer->tree_size, "why",
                                      output_json_text(answer->why.text)));
    else
        output_line(output, "%s %s %u %s %llu%s%s", now, request, answer->status,
                    *answer->origin != '\0' ? answer->origin : "-",
                    (unsigned long long)answer->tree_size, *answer->why.text != '\0' ? " " : "",
                    answer->why.text);
    result_ignore(output_flush(output)); /* a witness whose output nobody reads goes on */
}

static enum cli_exit enter_sandbox(const struct serving *serving)
{
    struct explanation why;
    const struct sandbox_folder folders[] = {{serving->folder.fd, NULL, SANDBOX_ALLOW_WRITE_FILES}};
    const struct sandbox_profile profile = {
        .name = "of the witness",
        .allow = SANDBOX_ALLOW_ACCEPT | SANDBOX_ALLOW_WRITE_FILES,
        .folders = folders,
        .folder_count = 1,
    };
    if (result_is_ok(sandbox_enter(&profile, &why)))
        return CLI_GOOD;
    verb_error("%s", why.text);
    return CLI_UNAVAILABLE;
}

static void announce(const struct serving *serving, const struct witness_server *server)
{
    struct output *output = serving->call->output;
    char key[NOTE_KEY_TEXT_BYTES];
    note_key_format(note_signer_key(serving->signer), key);
    if (output_is_json(output))
        output_json(output, json_pack("{s:s, s:i, s:s}", "key", key, "port",
                                      (int)witness_server_port(server), "sandbox",
                                      sandbox_describe()));
    else
        output_line(output, "%s listens on port %u (%s)", key, witness_server_port(server),
                    sandbox_describe());
    result_ignore(output_flush(output)); /* as in said() */
}

static enum cli_exit serve(struct serving *serving)
{
    struct explanation why;
    struct witness_server *server;
    const char *address = options_value(serving->call->options, "listen", "127.0.0.1:7380");
    struct result result = witness_server_open(address, &serving->witness, clock_system(), said,
                                               serving, &server, &why);
    if (!result_is_ok(result)) {
        verb_error("%s", why.text);
        return result.error == ERROR_FORMAT ? CLI_USAGE : CLI_UNAVAILABLE;
    }
    online_stop_on_signals();
    enum cli_exit code = enter_sandbox(serving);
    if (code == CLI_GOOD)
        announce(serving, server);
    while (code == CLI_GOOD && !online_is_stopped()) {
        if (!result_is_ok(witness_server_turn(server, WAIT_MS, &why))) {
            verb_error("%s", why.text);
            code = CLI_UNAVAILABLE;
        }
    }
    witness_server_close(server);
    return code;
}

static enum cli_exit prepare(struct serving *serving)
{
    const struct options *options = serving->call->options;
    const char *key = options_value(options, "key", NULL);
    const char *logs = options_value(options, "logs", NULL);
    if (key == NULL || logs == NULL)
        return verb_usage_error(serving->call, "--key FILE and --logs FILE are needed");
    enum cli_exit code = tlog_signer_read(key, &serving->signer);
    if (code == CLI_GOOD)
        code = tlog_policy_read(logs, &serving->logs);
    if (code != CLI_GOOD)
        return code;
    if (note_signer_key(serving->signer)->type != NOTE_KEY_COSIGNATURE) {
        verb_error("%s is a key for a log: a witness needs one of `creance log keygen --witness`",
                   key);
        return CLI_INPUT;
    }
    if (tlog_policy_log_count(serving->logs) == 0) {
        verb_error("%s names no log", logs);
        return CLI_INPUT;
    }
    return CLI_GOOD;
}

static enum cli_exit run(const struct call *call)
{
    struct explanation why;
    struct serving serving = {.call = call};
    enum cli_exit code = prepare(&serving);
    if (code == CLI_GOOD
        && !result_is_ok(witness_folder_open(options_word(call->options, 0), &serving.folder,
                                             &why))) {
        verb_error("%s", why.text);
        code = CLI_UNAVAILABLE;
    }
    bool is_served = code == CLI_GOOD;
    if (is_served) {
        serving.witness = (struct witness){serving.signer, serving.logs,
                                           witness_folder_memory(&serving.folder)};
        code = serve(&serving);
        witness_folder_close(&serving.folder);
    }
    tlog_policy_free(serving.logs);
    note_signer_free(serving.signer);
    if (is_served) /* or failed to, in the sandbox or before it */
        tlog_end_in_sandbox(call, code);
    return code;
}

static const struct option_row OPTIONS[] = {
    {"key", "FILE", false, "the witness's private key (creance log keygen --witness)"},
    {"logs", "FILE", false, "the logs to cosign: the log lines of a policy (C2SP tlog-policy)"},
    {"listen", "ADDRESS:PORT", false, "where to listen (default: 127.0.0.1:7380)"},
    {0},
};

const struct verb verb_witness = {
    .name = "witness",
    .summary = "runs a witness: cosigns what logs show to be append-only",
    .words = "FOLDER",
    .words_min = 1,
    .words_max = 1,
    .options = OPTIONS,
    .help =
        "Answers logs and monitors over HTTP as C2SP tlog-witness says, in a sandbox. What it\n"
        "cosigned last of each log is in FOLDER, which must never be put back to an older state:\n"
        "a witness that forgets is one that cosigns forks. A log that is caught with two trees\n"
        "of one size leaves the proof in FOLDER (HASH.forked).\n"
        "\n"
        "TLS and the public address belong to a web server in front of it. One line for each\n"
        "answer is printed: time, request, status, log, entries, and what was wrong.\n"
        "\n"
        "Examples:\n"
        "  creance witness /var/lib/witness --key witness.key --logs logs\n",
    .run = run,
};

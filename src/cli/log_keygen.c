// SPDX-License-Identifier: Apache-2.0
/*
 * `creance log keygen`: a key for a log or a witness.
 */
#include "base/bytes.h"
#include "cli/log_files.h"
#include "update/signature/sign.h"

#include <string.h>
#include <unistd.h>

enum { KEY_MODE = 0600 };

static enum cli_exit report(const struct call *call, const struct note_signer *signer,
                            const char *path)
{
    char key[NOTE_KEY_TEXT_BYTES];
    note_key_format(note_signer_key(signer), key);
    if (output_is_json(call->output))
        output_json(call->output, json_pack("{s:s, s:s}", "key", key, "private_key", path));
    else
        output_line(call->output, "%s", key);
    return CLI_GOOD;
}

static enum cli_exit run(const struct call *call)
{
    char text[NOTE_SIGNER_TEXT_BYTES];
    struct note_signer *signer = NULL;
    struct explanation why;
    const char *path = options_value(call->options, "out", NULL);
    enum note_key_type type =
        options_has(call->options, "witness") ? NOTE_KEY_COSIGNATURE : NOTE_KEY_ED25519;
    if (path == NULL)
        return verb_usage_error(call, "--out FILE says where the private key goes");
    if (access(path, F_OK) == 0) {
        verb_error("%s is there already: a key is not overwritten", path);
        return CLI_INPUT;
    }
    struct result result =
        note_signer_generate(options_word(call->options, 0), type, text, &why);
    if (result_is_ok(result))
        result = note_signer_parse((struct bytes){(const uint8_t *)text, strlen(text)}, &signer,
                                   &why);
    if (!result_is_ok(result)) {
        verb_error("%s", why.text);
        return result.error == ERROR_FORMAT ? CLI_USAGE : CLI_UNAVAILABLE;
    }
    enum cli_exit code = tlog_file_write(path, text, strlen(text), KEY_MODE);
    private_key_wipe(text, sizeof text);
    if (code == CLI_GOOD)
        code = report(call, signer, path);
    note_signer_free(signer);
    return code;
}

static const struct option_row OPTIONS[] = {
    {"out", "FILE", false, "where the private key goes (mode 0600); must not be there yet"},
    {"witness", NULL, false, "a key for cosignatures instead of one for a log"},
    {0},
};

const struct verb verb_log_keygen = {
    .name = "log keygen",
    .summary = "a key for a public log or for a witness",
    .words = "NAME",
    .words_min = 1,
    .words_max = 1,
    .options = OPTIONS,
    .help = "Makes an Ed25519 key and prints its public half as the verifier key that policies\n"
            "name (C2SP signed-note). NAME is the log's origin or the witness's name, by custom\n"
            "its address without the scheme.\n"
            "\n"
            "Examples:\n"
            "  creance log keygen log.example.com/rules --out log.key\n"
            "  creance log keygen --witness witness.example.net --out witness.key\n",
    .run = run,
};

// SPDX-License-Identifier: Apache-2.0
/* `creance content keygen`: a key for a role of a repository. */
#include "base/bytes.h"
#include "base/limits.h"
#include "cli/content_files.h"
#include "cli/verb.h"
#include "update/tuf/repository.h"

enum { PRIVATE_MODE = 0600, PUBLIC_MODE = 0644 };

static const char *const SCHEME_WORDS[SIGNATURE_SCHEME_COUNT] = {
    [SIGNATURE_ED25519] = "ed25519",
    [SIGNATURE_ECDSA_P256] = "ecdsa",
    [SIGNATURE_RSA_PSS] = "rsa",
};

static bool find_scheme(const char *word, enum signature_scheme *ret_scheme)
{
    for (unsigned i = 0; i < SIGNATURE_SCHEME_COUNT; i++)
        if (string_equal(word, SCHEME_WORDS[i])) {
            *ret_scheme = (enum signature_scheme)i;
            return true;
        }
    return false;
}

static enum cli_exit write_both(const struct private_key *key, const char *path,
                                const char *public_path)
{
    char secret[PRIVATE_KEY_PEM_BYTES_MAX];
    char text[PUBLIC_KEY_PEM_BYTES_MAX];
    struct explanation why;
    struct result result = private_key_to_pem(key, secret, &why);
    if (result_is_ok(result))
        result = public_key_to_pem(private_key_public(key), text, &why);
    if (!result_is_ok(result)) {
        verb_error("%s", why.text);
        return CLI_UNAVAILABLE;
    }
    enum cli_exit code = content_write_new_file(path, PRIVATE_MODE, secret);
    private_key_wipe(secret, sizeof secret);
    return code == CLI_GOOD ? content_write_new_file(public_path, PUBLIC_MODE, text) : code;
}

static enum cli_exit report(const struct call *call, const struct private_key *key,
                            const char *path, const char *public_path)
{
    char id[65];
    struct explanation why;
    if (!result_is_ok(tuf_repository_key_id(private_key_public(key), id, &why))) {
        verb_error("%s", why.text);
        return CLI_UNAVAILABLE;
    }
    if (output_is_json(call->output))
        output_json(call->output,
                    json_pack("{s:s, s:s, s:o, s:o}", "id", id, "scheme",
                              SCHEME_WORDS[public_key_scheme(private_key_public(key))],
                              "private_key", output_json_text(path), "public_key",
                              output_json_text(public_path)));
    else
        output_line(call->output, "%s: the private key, for you alone; %s: the public key, id %s",
                    path, public_path, id);
    return CLI_GOOD;
}

static enum cli_exit run(const struct call *call)
{
    const char *path = options_word(call->options, 0);
    const char *word = options_value(call->options, "scheme", "ed25519");
    char public_path[LIMIT_PATH_BYTES];
    enum signature_scheme scheme;
    struct private_key *key = NULL;
    struct explanation why;
    if (!find_scheme(word, &scheme))
        return verb_usage_error(call, "--scheme is ed25519, ecdsa or rsa, not \"%s\"", word);
    if (!string_format(public_path, sizeof public_path, "%s.pub", path))
        return verb_usage_error(call, "the path is too long");
    if (!result_is_ok(private_key_generate(scheme, &key, &why))) {
        verb_error("%s", why.text);
        return CLI_UNAVAILABLE;
    }
    enum cli_exit code = write_both(key, path, public_path);
    if (code == CLI_GOOD)
        code = report(call, key, path, public_path);
    private_key_free(key);
    return code;
}

static const struct option_row OPTIONS[] = {
    {"scheme", "SCHEME", false, "ed25519 (the default), ecdsa (P-256) or rsa (PSS, 3072 bits)"},
    {0},
};

const struct verb verb_content_keygen = {
    .name = "content keygen",
    .summary = "a key that signs releases, for a role of a repository",
    .words = "FILE",
    .words_min = 1,
    .words_max = 1,
    .options = OPTIONS,
    .help = "Makes a key pair: the private half goes to FILE (PKCS#8, mode 0600, not encrypted),\n"
            "the public one to FILE.pub. Neither file may be there already. Keys of the roles\n"
            "root and targets belong on machines without a network, in several hands.\n"
            "\n"
            "Examples:\n"
            "  creance content keygen root-1.key\n"
            "  creance content keygen --scheme ecdsa online.key\n",
    .run = run,
};

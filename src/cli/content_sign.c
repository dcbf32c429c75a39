// SPDX-License-Identifier: Apache-2.0
/*
 * `creance content sign`: adds signatures to the release ticket beside a bundle. Who signs is shown
 * what the release takes away.
 */
#include "base/bytes.h"
#include "cli/content_diff.h"
#include "cli/content_files.h"
#include "cli/content_release.h"
#include "cli/log_files.h"

#include <inttypes.h>
#include <string.h>

/* Looks at what the release takes away; *ret_does where it was said to be right. */
static enum cli_exit look_at_removals(const struct call *call, const char *path, bool *ret_does)
{
    const char *previous = options_value(call->options, "previous", NULL);
    const char *reason = options_value(call->options, "accept-removals", NULL);
    bool is_first = options_has(call->options, "first");
    *ret_does = false;
    if ((previous != NULL) == is_first)
        return verb_usage_error(call, "say either --previous BUNDLE, the release before this one, "
                                      "or --first");
    if (is_first)
        return CLI_GOOD;
    enum cli_exit code = content_diff_between(call, previous, path, reason);
    if (code != CLI_FINDING || reason == NULL)
        return code;
    *ret_does = true;
    return CLI_GOOD;
}

/* The ticket's facts: those that others signed already, or new ones. */
static enum cli_exit settle_facts(const struct call *call, struct content_release *release,
                                  bool has_removals)
{
    bool is_urgent = options_has(call->options, "urgent");
    if (!release->has_ticket) {
        release->ticket = content_release_ticket(release);
        release->ticket.is_urgent = is_urgent;
        release->ticket.has_removals = has_removals;
        return CLI_GOOD;
    }
    if (release->ticket.is_urgent == is_urgent && release->ticket.has_removals == has_removals)
        return CLI_GOOD;
    verb_error("%s was signed as %s and as %s; you say otherwise: agree first",
               release->ticket_path, release->ticket.is_urgent ? "urgent" : "not urgent",
               release->ticket.has_removals ? "detecting less" : "taking nothing away");
    return CLI_FINDING;
}

/* A second signature of one key takes the first one's place. */
static struct ticket_signature *place_of(struct content_release *release,
                                         const uint8_t key[TICKET_KEY_BYTES])
{
    for (size_t i = 0; i < release->signature_count; i++) {
        if (memcmp(release->signatures[i].key, key, TICKET_KEY_BYTES) == 0)
            return &release->signatures[i];
    }
    return release->signature_count < TICKET_SIGNATURES_MAX
               ? &release->signatures[release->signature_count++]
               : NULL;
}

static enum cli_exit sign_with(struct content_release *release, const struct private_key *key,
                               const char *path)
{
    uint8_t message[TICKET_MESSAGE_BYTES];
    uint8_t public[TICKET_KEY_BYTES];
    uint8_t signature[SIGNATURE_BYTES_MAX];
    size_t size;
    struct explanation why;
    struct result result = public_key_to_ed25519(private_key_public(key), public, &why);
    if (result_is_ok(result))
        result = ticket_message(&release->ticket, message, &why);
    if (result_is_ok(result))
        result = private_key_sign(key, message, sizeof message, signature, &size, &why);
    if (!result_is_ok(result)) {
        verb_error("%s: %s", path, why.text);
        return CLI_INPUT;
    }
    struct ticket_signature *place = place_of(release, public);
    if (place == NULL) {
        verb_error("a ticket has room for %d signatures", TICKET_SIGNATURES_MAX);
        return CLI_INPUT;
    }
    bytes_copy(place->key, TICKET_KEY_BYTES, public, sizeof public);
    bytes_copy(place->signature, TICKET_SIGNATURE_BYTES, signature, size);
    return CLI_GOOD;
}

static enum cli_exit sign_all(const struct call *call, struct content_release *release)
{
    enum cli_exit code = CLI_GOOD;
    for (size_t i = 0; code == CLI_GOOD && i < options_count(call->options, "key"); i++) {
        const char *path = options_value_at(call->options, "key", i);
        struct private_key *key = NULL;
        code = content_read_private_key(path, &key);
        if (code == CLI_GOOD)
            code = sign_with(release, key, path);
        private_key_free(key);
    }
    return code;
}

static enum cli_exit write_ticket(const struct call *call, struct content_release *release)
{
    struct explanation why;
    const struct ticket *ticket = &release->ticket;
    if (!result_is_ok(ticket_encode(ticket, release->signatures, release->signature_count,
                                    release->ticket_bytes, &why))) {
        verb_error("%s", why.text);
        return CLI_INPUT;
    }
    enum cli_exit code =
        tlog_file_write(release->ticket_path, release->ticket_bytes, TICKET_BYTES, 0644);
    if (code != CLI_GOOD)
        return code;
    json_t *keys = json_array();
    for (size_t i = 0; i < release->signature_count; i++) {
        char hex[2 * TICKET_KEY_BYTES + 1];
        hex_encode(release->signatures[i].key, TICKET_KEY_BYTES, hex);
        json_array_append_new(keys, json_string(hex));
        if (!output_is_json(call->output))
            output_line(call->output, "key %s", hex);
    }
    if (output_is_json(call->output))
        output_json(call->output,
                    json_pack("{s:o, s:s, s:I, s:s, s:b, s:b, s:O}", "ticket",
                              output_json_text(release->ticket_path), "name", ticket->name,
                              "version", (json_int_t)ticket->version, "sha256",
                              release->digest_hex, "urgent", ticket->is_urgent, "removals",
                              ticket->has_removals, "keys", keys));
    else
        output_line(call->output, "%s: %s %" PRIu64 "%s%s, signed by %zu", release->ticket_path,
                    ticket->name, ticket->version, ticket->is_urgent ? ", urgent" : "",
                    ticket->has_removals ? ", detects less" : "", release->signature_count);
    json_decref(keys);
    return CLI_GOOD;
}

static enum cli_exit run(const struct call *call)
{
    const char *path = options_word(call->options, 0);
    struct content_release release = {.data = NULL};
    bool has_removals = false;
    if (options_count(call->options, "key") == 0)
        return verb_usage_error(call, "--key FILE says who signs");
    enum cli_exit code = look_at_removals(call, path, &has_removals);
    if (code != CLI_GOOD)
        return code;
    code = content_release_read(path, &release);
    if (code == CLI_GOOD)
        code = settle_facts(call, &release, has_removals);
    if (code == CLI_GOOD)
        code = sign_all(call, &release);
    if (code == CLI_GOOD)
        code = write_ticket(call, &release);
    content_release_close(&release);
    return code;
}

static const struct option_row OPTIONS[] = {
    {"key", "FILE", true, "a private Ed25519 key that signs (creance content keygen)"},
    {"previous", "BUNDLE", false, "the release before this one"},
    {"first", NULL, false, "there is no release before this one"},
    {"accept-removals", "REASON", false, "why it is right to detect less"},
    {"urgent", NULL, false, "hosts may take it at the lower age that their administrators set"},
    {NULL, NULL, false, NULL},
};

const struct verb verb_content_sign = {
    .name = "content sign",
    .summary = "sign the release ticket of a bundle",
    .words = "BUNDLE",
    .words_min = 1,
    .words_max = 1,
    .options = OPTIONS,
    .help =
        "Adds signatures to BUNDLE.ticket, made where it is absent: the ticket of fixed size\n"
        "that hosts check before anything reads the bundle (docs/format-content.md). Each holder\n"
        "of a key runs this with a copy of both files, and is shown what the release takes away\n"
        "from the one before it. All must say the same of a release. The lines \"key ...\" are\n"
        "what hosts have in their files of keys.\n"
        "\n"
        "With --json: {ticket, name, version, sha256, urgent, removals, keys}, behind the rows of\n"
        "content diff. Exit codes: 0 signed, 1 it takes something away and nobody said why, 3 a\n"
        "file is wrong, 4 the ticket cannot be written.\n"
        "\n"
        "Examples:\n"
        "  creance content sign rules-1.bundle --key mine.key --first\n"
        "  creance content sign rules-2.bundle --key mine.key --previous rules-1.bundle\n",
    .run = run,
};

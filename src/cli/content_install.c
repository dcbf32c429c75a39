// SPDX-License-Identifier: Apache-2.0
/*
 * `creance content install`: a bundle of the administrator's own, from a file, without a network.
 * It is handed over in a folder that is root's alone (agent/supervisor/installs.h) and goes the
 * road that all content goes.
 */
#include "agent/supervisor/installs.h"
#include "base/atomic_file.h"
#include "base/bytes.h"
#include "cli/content_input.h"
#include "cli/releases.h"

#include <sha256.h>
#include <unistd.h>

enum { FILE_MODE = 0600, NAME_DIGITS = 24 };

static enum cli_exit refuse(const struct content_input *input, const char *reason)
{
    verb_error("%s: %s; nothing is installed", input->path, reason);
    return CLI_INPUT;
}

/* What is in it is judged on the road; here only that it is a bundle. */
static enum cli_exit look(const struct content_input *input, struct bundle *bundle)
{
    struct explanation why = {""};
    if (input->sources != NULL)
        return refuse(input, "this is a folder; make a bundle of it first (creance content build)");
    if (!result_is_ok(bundle_open(input->data, input->size, bundle, &why)))
        return refuse(input, why.text);
    return CLI_GOOD;
}

/* The bytes first: where the offer is, they are whole. */
static RESULT hand_over(int folder, const struct content_input *input,
                        const struct road_offer *offer, struct explanation *why)
{
    uint8_t record[INSTALL_OFFER_BYTES];
    char digits[2 * RELEASE_DIGEST_BYTES + 1], name[64];
    struct writer writer = writer_of(record, sizeof record);
    hex_encode(offer->digest.bytes, sizeof offer->digest.bytes, digits);
    digits[NAME_DIGITS] = '\0';
    GUARD(install_offer_encode(offer, &writer));
    (void)string_format(name, sizeof name, "%s.bundle", digits);
    GUARD(atomic_file_write(folder, name, input->data, input->size, FILE_MODE, why));
    (void)string_format(name, sizeof name, "%s.offer", digits);
    return atomic_file_write(folder, name, record, writer.at, FILE_MODE, why);
}

static enum cli_exit install(const struct call *call, const struct content_input *input)
{
    struct bundle bundle;
    int folder = -1;
    struct explanation why = {"the record cannot be made"};
    enum cli_exit code = look(input, &bundle);
    if (code == CLI_GOOD)
        code = releases_open_orders(call, &folder);
    if (code != CLI_GOOD)
        return code;
    struct road_offer offer = {.stream = bundle_kind_stream(bundle.facts.kind),
                               .version = bundle.facts.version,
                               .is_urgent = options_has(call->options, "urgent")};
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, input->data, input->size);
    SHA256Final(offer.digest.bytes, &context);
    struct result result = hand_over(folder, input, &offer, &why);
    close(folder);
    if (!result_is_ok(result)) {
        verb_error("%s", why.text);
        return CLI_UNAVAILABLE;
    }
    if (output_is_json(call->output))
        output_json(call->output, json_pack("{s:s, s:I}", "installed", bundle.facts.name, "version",
                                            (json_int_t)offer.version));
    else
        output_line(call->output,
                    "%s %llu is handed over: it goes the road that all content goes; `creance "
                    "content status` shows where it is",
                    bundle.facts.name, (unsigned long long)offer.version);
    return CLI_GOOD;
}

static enum cli_exit run(const struct call *call)
{
    struct content_input input;
    enum cli_exit code = content_input_read(options_word(call->options, 0), &input);
    if (code == CLI_GOOD)
        code = install(call, &input);
    content_input_close(&input);
    return code;
}

static const struct option_row OPTIONS[] = {
    {"urgent", NULL, false, "the shorter age of urgent releases is enough"},
    {NULL, NULL, false, NULL},
};

const struct verb verb_content_install = {
    .name = "content install",
    .summary = "a bundle of your own, from a file, without a network",
    .words = "FILE",
    .words_min = 1,
    .words_max = 1,
    .options = OPTIONS,
    .help =
        "Hands a bundle to this host. Root's word stands for signatures and the public log; what\n"
        "is in it is not believed: it waits for the age that this host asks for, is tried in a\n"
        "process of its own, watches beside what runs, and goes back where it fails. Needs root;\n"
        "an agent that does not run takes it when it starts.\n"
        "\n"
        "Exit codes: 0 handed over, 3 this is no bundle, 4 not root, or no disk.\n"
        "\n"
        "Examples:\n"
        "  creance content install my.bundle      made by `creance content build`\n"
        "  creance content install my.bundle --urgent\n",
    .run = run,
};

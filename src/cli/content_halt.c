// SPDX-License-Identifier: Apache-2.0
/* `creance content halt`: a partner's signed list of halts (agent/update/halt_list.h). */
#include "agent/update/halt_list.h"
#include "base/bytes.h"
#include "cli/log_files.h"
#include "cli/verb.h"

#include <inttypes.h>
#include <string.h>

enum { LIFETIME_DEFAULT_S = DAY_S };

struct list {
    struct trust_partner partner;
    char text[HALT_LIST_BYTES / 2];
    uint8_t note[HALT_LIST_BYTES];
    size_t size;
};

static bool add_rows(const struct options *options, const char *word, struct list *list)
{
    bool fits = true;
    for (size_t i = 0; i < options_count(options, word) && fits; i++) {
        size_t at = strlen(list->text);
        fits = string_format(list->text + at, sizeof list->text - at, "%s %s\n", word,
                             options_value_at(options, word, i));
    }
    return fits;
}

static enum cli_exit write_text(const struct call *call, struct list *list)
{
    uint64_t number, lifetime_s = LIFETIME_DEFAULT_S;
    const char *lifetime = options_value(call->options, "lifetime", NULL);
    const char *said = options_value(call->options, "number", "");
    if (!result_is_ok(number_parse(said, INT64_MAX, &number)))
        return verb_usage_error(call, "--number N: one more than the list before");
    if (lifetime != NULL
        && !result_is_ok(number_parse(lifetime, HALTS_LIFETIME_MAX_S, &lifetime_s)))
        return verb_usage_error(call, "--lifetime is in seconds, at most a week");
    (void)string_format(list->text, sizeof list->text,
                        "creance-halts/v1\npartner %s\nnumber %" PRIu64 "\nlifetime %" PRIu64 "\n",
                        list->partner.name, number, lifetime_s);
    if (!add_rows(call->options, "halt", list) || !add_rows(call->options, "lift", list))
        return verb_usage_error(call, "at most %d rows", LIMIT_HALTS);
    return CLI_GOOD;
}

/* Read back as hosts read it: what they would refuse is not written. */
static RESULT sign(struct list *list, const struct note_signer *signer, struct explanation *why)
{
    struct halt_news news;
    struct writer writer = writer_of(list->note, sizeof list->note);
    const struct bytes text = {(const uint8_t *)list->text, strlen(list->text)};
    note_key_format(note_signer_key(signer), list->partner.key);
    GUARD(writer_copy(&writer, text.data, text.size));
    GUARD(writer_u8(&writer, '\n'));
    GUARD(note_sign(signer, text, 0, &writer, why));
    list->size = writer.at;
    return halt_list_read((struct bytes){list->note, list->size}, &list->partner, 0, &news, why);
}

static enum cli_exit run(const struct call *call)
{
    static struct list list;
    struct note_signer *signer = NULL;
    struct explanation why = {"the list is too long"};
    const char *key = options_value(call->options, "key", NULL);
    const char *out = options_value(call->options, "out", NULL);
    const char *name = options_value(call->options, "partner", "");
    if (key == NULL || out == NULL || !ticket_name_is_valid(name))
        return verb_usage_error(call, "--key FILE, --partner NAME and --out FILE are needed");
    (void)string_copy(list.partner.name, sizeof list.partner.name, name);
    enum cli_exit code = write_text(call, &list);
    if (code == CLI_GOOD)
        code = tlog_signer_read(key, &signer);
    if (code != CLI_GOOD)
        return code;
    struct result result = sign(&list, signer, &why);
    note_signer_free(signer);
    if (!result_is_ok(result)) {
        verb_error("%s; nothing is written", why.text);
        return CLI_INPUT;
    }
    code = tlog_file_write(out, list.note, list.size, 0644);
    if (code != CLI_GOOD)
        return code;
    if (output_is_json(call->output))
        output_json(call->output, json_pack("{s:s, s:s}", "file", out, "key", list.partner.key));
    else
        output_line(call->output, "%s: publish it as halts/%s; hosts need: partner %s %s", out,
                    name, name, list.partner.key);
    return CLI_GOOD;
}

static const struct option_row OPTIONS[] = {
    {"key", "FILE", false, "the partner's key (creance log keygen)"},
    {"partner", "NAME", false, "as hosts call it in updates.conf"},
    {"number", "N", false, "one more than the list before"},
    {"lifetime", "SECONDS", false, "how long hosts keep to it; a day"},
    {"halt", "SHA256", true, "of a release that is not to spread"},
    {"lift", "SHA256", true, "of a release that another partner halts"},
    {"out", "FILE", false, "the list"},
    {0},
};

const struct verb verb_content_halt = {
    .name = "content halt",
    .summary = "a partner's signed list of releases that are not to spread",
    .words = "",
    .options = OPTIONS,
    .help = "Makes the list that hosts fetch as halts/NAME from the repository. It replaces the\n"
            "one before: name all that is still halted. Renew it every hour: a release waits\n"
            "while a partner's list is older than six hours.\n"
            "\n"
            "Examples:\n"
            "  creance content halt --key vendor.key --partner vendor --number 12 \\\n"
            "      --halt $(sha256sum < bad.bundle | cut -d' ' -f1) --out halts/vendor\n",
    .run = run,
};

// SPDX-License-Identifier: Apache-2.0
/* `creance content repo`: a publisher's TUF repository, one action a call. */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/nearest.h"
#include "cli/content_files.h"
#include "cli/verb.h"
#include "update/tuf/repository.h"

#include <inttypes.h>
#include <stdlib.h>

enum { KEYS_MAX = 64 };

struct work {
    const struct call *call;
    struct tuf_repository *repository;
};

struct action {
    const char *name;
    size_t words_min; /* behind FOLDER */
    size_t words_max;
    const char *words;
    enum cli_exit (*run)(const struct work *work);
};

/* The words behind ACTION and FOLDER. */
static const char *word(const struct work *work, size_t index)
{
    return options_word(work->call->options, index + 2);
}

static size_t word_count(const struct work *work)
{
    return options_word_count(work->call->options) - 2;
}

/* A failure in words; what is wrong with what was handed in is an input's fault. */
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

/* --- looking --------------------------------------------------------------------------------- */

static json_t *role_object(const struct tuf_repository_role *role)
{
    return json_pack("{s:s, s:I, s:s*, s:I, s:I, s:I, s:I}", "role", role->name, "version",
                     (json_int_t)role->version, "expires", role->expires, "staged_version",
                     (json_int_t)role->staged_version, "staged_signatures",
                     (json_int_t)role->staged_signed, "threshold", (json_int_t)role->threshold,
                     "keys", (json_int_t)role->key_count);
}

static RESULT add_row(struct table *table, const struct tuf_repository_role *role)
{
    char version[32] = "-";
    char staged[32] = "-";
    char signatures[64] = "-";
    char keys[64];
    if (role->version > 0)
        (void)string_format(version, sizeof version, "%" PRIu64, role->version);
    if (role->staged_version > 0) {
        (void)string_format(staged, sizeof staged, "%" PRIu64, role->staged_version);
        (void)string_format(signatures, sizeof signatures, "%" PRIu64 " of %" PRIu64,
                            role->staged_signed, role->threshold);
    }
    (void)string_format(keys, sizeof keys, "%" PRIu64 " of %zu", role->threshold, role->key_count);
    bool is_short = role->staged_version > 0 && role->staged_signed < role->threshold;
    const char *const cells[] = {
        role->name, version, role->expires == NULL ? "-" : role->expires, keys, staged, signatures};
    return table_add(table, is_short ? COLOUR_YELLOW : COLOUR_NONE, cells);
}

static enum cli_exit show(const struct work *work)
{
    static const char *const TITLES[] = {"ROLE", "PUBLISHED", "EXPIRES", "KEYS", "STAGED",
                                         "SIGNATURES"};
    struct output *output = work->call->output;
    struct tuf_repository_role role;
    struct table *table = table_new(6, TITLES);
    struct result result = table == NULL ? result_fail(ERROR_MEMORY) : RESULT_OK;
    for (size_t i = 0; result_is_ok(result) && tuf_repository_role_at(work->repository, i, &role);
         i++) {
        if (output_is_json(output))
            output_json(output, role_object(&role));
        else
            result = add_row(table, &role);
    }
    if (result_is_ok(result) && !output_is_json(output))
        table_print(table, output);
    table_free(table);
    if (result_is_ok(result))
        return CLI_GOOD;
    verb_error("memory is out: the list is incomplete");
    return CLI_UNAVAILABLE;
}

/* --- editing --------------------------------------------------------------------------------- */

static enum cli_exit change_key(const struct work *work, bool is_allowed)
{
    struct public_key *key = NULL;
    struct explanation why;
    enum cli_exit code = content_read_public_key(word(work, 1), &key);
    if (code != CLI_GOOD)
        return code;
    struct result result =
        is_allowed ? tuf_repository_add_key(work->repository, word(work, 0), key, &why)
                   : tuf_repository_remove_key(work->repository, word(work, 0), key, &why);
    public_key_free(key);
    return tell(result, &why);
}

static enum cli_exit allow(const struct work *work) { return change_key(work, true); }

static enum cli_exit forbid(const struct work *work) { return change_key(work, false); }

static enum cli_exit set_threshold(const struct work *work)
{
    uint64_t threshold = 0;
    struct explanation why;
    if (!result_is_ok(number_parse(word(work, 1), LIMIT_TUF_KEYS, &threshold)))
        return verb_usage_error(work->call, "\"%s\" is not a number from 1 to %d", word(work, 1),
                                (int)LIMIT_TUF_KEYS);
    struct result result =
        tuf_repository_set_threshold(work->repository, word(work, 0), threshold, &why);
    return tell(result, &why);
}

static enum cli_exit delegate(const struct work *work)
{
    size_t count = word_count(work) - 2;
    const char **patterns = calloc(count, sizeof *patterns);
    struct explanation why = {.text = "memory is out"};
    struct result result = result_fail(ERROR_MEMORY);
    for (size_t i = 0; patterns != NULL && i < count; i++)
        patterns[i] = word(work, i + 2);
    if (patterns != NULL)
        result = tuf_repository_delegate(work->repository, word(work, 0), word(work, 1), patterns,
                                         count, options_has(work->call->options, "terminating"),
                                         &why);
    free(patterns);
    return tell(result, &why);
}

static enum cli_exit add(const struct work *work)
{
    uint8_t *data = NULL;
    size_t size = 0;
    struct explanation why;
    enum cli_exit code = content_read_file(word(work, 2), LIMIT_RULE_PACK_BYTES, &data, &size);
    if (code != CLI_GOOD)
        return code;
    struct result result =
        tuf_repository_add_target(work->repository, word(work, 0), word(work, 1), data, size,
                                  options_value(work->call->options, "custom", NULL), &why);
    free(data);
    return tell(result, &why);
}

static enum cli_exit take_out(const struct work *work)
{
    struct explanation why;
    struct result result =
        tuf_repository_remove_target(work->repository, word(work, 0), word(work, 1), &why);
    return tell(result, &why);
}

static enum cli_exit renew(const struct work *work)
{
    struct explanation why;
    struct result result = tuf_repository_renew(work->repository, word(work, 0), &why);
    return tell(result, &why);
}

/* --- keys: signing and publishing ------------------------------------------------------------ */

struct keys {
    struct private_key *rows[KEYS_MAX];
    size_t count;
};

static enum cli_exit read_keys(const struct work *work, struct keys *keys)
{
    size_t count = options_count(work->call->options, "key");
    if (count == 0 || count > KEYS_MAX)
        return verb_usage_error(work->call, "1 to %d --key FILE say who signs", KEYS_MAX);
    enum cli_exit code = CLI_GOOD;
    for (size_t i = 0; code == CLI_GOOD && i < count; i++) {
        code = content_read_private_key(options_value_at(work->call->options, "key", i),
                                        &keys->rows[i]);
        keys->count += code == CLI_GOOD;
    }
    return code;
}

static void free_keys(struct keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        private_key_free(keys->rows[i]);
}

/* With one key, the staged roles that it belongs to. */
static enum cli_exit sign_staged(const struct work *work, const struct private_key *key,
                                 size_t *signed_count)
{
    struct tuf_repository_role role;
    for (size_t i = 0; tuf_repository_role_at(work->repository, i, &role); i++) {
        struct explanation why;
        if (role.staged_version == 0)
            continue;
        struct result result = tuf_repository_sign(work->repository, role.name, key, &why);
        if (result.error == ERROR_STATE)
            continue; /* not its role */
        if (!result_is_ok(result))
            return tell(result, &why);
        ++*signed_count;
        if (!output_is_json(work->call->output))
            output_line(work->call->output, "signed %s, version %" PRIu64, role.name,
                        role.staged_version);
    }
    return CLI_GOOD;
}

static enum cli_exit sign_named(const struct work *work, const struct private_key *key)
{
    for (size_t i = 0; i < word_count(work); i++) {
        struct explanation why;
        struct result result = tuf_repository_sign(work->repository, word(work, i), key, &why);
        if (!result_is_ok(result))
            return tell(result, &why);
        if (!output_is_json(work->call->output))
            output_line(work->call->output, "signed %s", word(work, i));
    }
    return CLI_GOOD;
}

static enum cli_exit sign(const struct work *work)
{
    struct keys keys = {.count = 0};
    size_t signed_count = 0;
    bool are_named = word_count(work) > 0;
    enum cli_exit code = read_keys(work, &keys);
    for (size_t i = 0; code == CLI_GOOD && i < keys.count; i++)
        code = are_named ? sign_named(work, keys.rows[i])
                         : sign_staged(work, keys.rows[i], &signed_count);
    free_keys(&keys);
    if (code == CLI_GOOD && !are_named && signed_count == 0) {
        verb_error("nothing is signed: no staged role has one of these keys");
        return CLI_FINDING;
    }
    return code;
}

static enum cli_exit publish(const struct work *work)
{
    struct keys keys = {.count = 0};
    struct explanation why;
    enum cli_exit code = read_keys(work, &keys);
    if (code == CLI_GOOD) {
        struct result result = tuf_repository_publish(
            work->repository, (const struct private_key *const *)keys.rows, keys.count, &why);
        code = tell(result, &why);
    }
    free_keys(&keys);
    return code == CLI_GOOD ? show(work) : code;
}

/* --- the verb -------------------------------------------------------------------------------- */

static const struct action ACTIONS[] = {
    {"create", 0, 0, "", show},
    {"status", 0, 0, "", show},
    {"allow", 2, 2, "ROLE KEY.pub", allow},
    {"forbid", 2, 2, "ROLE KEY.pub", forbid},
    {"threshold", 2, 2, "ROLE NUMBER", set_threshold},
    {"delegate", 3, OPTIONS_ANY_WORDS, "DELEGATOR ROLE PATTERN...", delegate},
    {"add", 3, 3, "ROLE PATH FILE", add},
    {"remove", 2, 2, "ROLE PATH", take_out},
    {"renew", 1, 1, "ROLE", renew},
    {"sign", 0, OPTIONS_ANY_WORDS, "[ROLE...]", sign},
    {"publish", 0, 0, "", publish},
};
enum { ACTION_COUNT = sizeof ACTIONS / sizeof ACTIONS[0] };

static const struct action *find_action(const struct call *call)
{
    const char *name = options_word(call->options, 0);
    struct nearest nearest = nearest_to(name);
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        if (string_equal(name, ACTIONS[i].name))
            return &ACTIONS[i];
        nearest_offer(&nearest, ACTIONS[i].name);
    }
    (void)verb_usage_error(call, "there is no action \"%s\"%s%s%s", name,
                           nearest.best != NULL ? "; did you mean \"" : "",
                           nearest.best != NULL ? nearest.best : "",
                           nearest.best != NULL ? "\"?" : "");
    return NULL;
}

static enum cli_exit run(const struct call *call)
{
    const struct action *action = find_action(call);
    struct work work = {.call = call};
    struct explanation why;
    if (action == NULL)
        return CLI_USAGE;
    if (word_count(&work) < action->words_min || word_count(&work) > action->words_max)
        return verb_usage_error(call, "expected: creance content repo %s FOLDER %s", action->name,
                                action->words);
    const char *folder = options_word(call->options, 1);
    uint64_t now_s = clock_wall_ns(clock_system()) / NS_PER_S;
    struct result result =
        string_equal(action->name, "create")
            ? tuf_repository_create(folder, now_s, &work.repository, &why)
            : tuf_repository_open(folder, now_s, &work.repository, &why);
    enum cli_exit code = tell(result, &why);
    if (code == CLI_GOOD)
        code = action->run(&work);
    tuf_repository_free(work.repository);
    return code;
}

static const struct option_row OPTIONS[] = {
    {"key", "FILE", true, "a private key: who signs (sign), what is online (publish)"},
    {"custom", "JSON", false, "an object that is said of the file (add)"},
    {"terminating", NULL, false, "nobody after this role is asked for its paths (delegate)"},
    {0},
};

const struct verb verb_content_repo = {
    .name = "content repo",
    .summary = "a repository of signed releases that any web server can serve",
    .words = "ACTION FOLDER [WORD...]",
    .words_min = 2,
    .words_max = OPTIONS_ANY_WORDS,
    .options = OPTIONS,
    .help =
        "Keeps a TUF repository (The Update Framework 1.0) in FOLDER: metadata/ and targets/ are\n"
        "what hosts fetch, staged/ is what will be published next.\n"
        "\n"
        "  create FOLDER                   a new one; a root and targets are staged\n"
        "  status FOLDER                   roles, versions, dates, signatures that are missing\n"
        "  allow FOLDER ROLE KEY.pub       lets a key sign for a role\n"
        "  forbid FOLDER ROLE KEY.pub      no longer\n"
        "  threshold FOLDER ROLE NUMBER    as many keys must sign\n"
        "  delegate FOLDER FROM ROLE PATTERN...   a role for the paths of these patterns\n"
        "  add FOLDER ROLE PATH FILE       FILE is published as PATH\n"
        "  remove FOLDER ROLE PATH         no longer\n"
        "  renew FOLDER ROLE               a new date, no other change\n"
        "  sign FOLDER [ROLE...]           signs what is staged with --key FILE\n"
        "  publish FOLDER                  makes snapshot and timestamp with --key FILE, checks\n"
        "                                  all as a host would, and writes it\n"
        "\n"
        "Whoever holds a key signs on a machine of theirs, with a copy of FOLDER. An edit drops\n"
        "the signatures of what it edits. Nothing is written by publish unless every host that\n"
        "trusts the published root can follow. Timestamps last 3 days: publish daily, also\n"
        "without news.\n"
        "Exit code 1: a signature is missing, or hosts could not follow.\n"
        "\n"
        "Examples:\n"
        "  creance content repo create rules-repository\n"
        "  creance content repo allow rules-repository root root-1.key.pub\n"
        "  creance content repo add rules-repository targets linux/base.bundle base.bundle\n"
        "  creance content repo sign rules-repository --key root-1.key\n"
        "  creance content repo publish rules-repository --key online.key\n",
    .run = run,
};

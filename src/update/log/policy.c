// SPDX-License-Identifier: Apache-2.0
#include "update/log/policy.h"

#include "base/bytes.h"
#include "update/log/lines.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(LIMIT_POLICY_ROWS <= 32, "sets of witnesses and groups are bits of a uint32_t");

/* Members are witnesses and groups that stand on lines before; nobody is a member twice, so the
 * groups are trees. */
struct group {
    char name[LIMIT_KEY_NAME_BYTES];
    uint32_t witnesses, groups;
    uint32_t needed;
};

struct tlog_policy {
    struct tlog_policy_party logs[LIMIT_POLICY_ROWS];
    struct tlog_policy_party witnesses[LIMIT_POLICY_ROWS];
    struct group groups[LIMIT_POLICY_ROWS];
    size_t log_count, witness_count, group_count;
    uint32_t taken_witnesses, taken_groups; /* members of some group */
    struct group quorum;                    /* of one member, or none */
    bool has_quorum;
};

/* --- words ------------------------------------------------------------------------------------ */

/* The next word of the line, {0} at its end: only spaces and tabs divide. */
static struct bytes next_word(struct reader *line)
{
    while (line->at < line->size && (line->data[line->at] == ' ' || line->data[line->at] == '\t'))
        line->at++;
    size_t start = line->at;
    while (line->at < line->size && line->data[line->at] != ' ' && line->data[line->at] != '\t')
        line->at++;
    return (struct bytes){line->data + start, line->at - start};
}

static bool has_no_word(const struct reader *line)
{
    struct reader ahead = *line;
    return next_word(&ahead).size == 0;
}

static bool copy_word(struct bytes word, char *out, size_t capacity)
{
    if (word.size >= capacity)
        return false;
    bytes_copy(out, capacity, word.data, word.size);
    out[word.size] = '\0';
    return true;
}

/* --- names ------------------------------------------------------------------------------------ */

/* Puts the bit of the witness or group of this name into `group`. */
static bool find_member(const struct tlog_policy *policy, struct bytes name, struct group *group)
{
    for (size_t i = 0; i < policy->witness_count; i++) {
        if (line_is(name, policy->witnesses[i].name)) {
            group->witnesses |= UINT32_C(1) << i;
            return true;
        }
    }
    for (size_t i = 0; i < policy->group_count; i++) {
        if (line_is(name, policy->groups[i].name)) {
            group->groups |= UINT32_C(1) << i;
            return true;
        }
    }
    return false;
}

static RESULT take_name(const struct tlog_policy *policy, struct reader *line,
                        char out[LIMIT_KEY_NAME_BYTES], struct explanation *why)
{
    struct bytes word = next_word(line);
    struct group ignored = {0};
    if (word.size == 0 || !copy_word(word, out, LIMIT_KEY_NAME_BYTES))
        return explain(why, ERROR_FORMAT, "expected a name of at most %d bytes",
                       LIMIT_KEY_NAME_BYTES - 1);
    if (line_is(word, "none") || find_member(policy, word, &ignored))
        return explain(why, ERROR_FORMAT, "the name \"%s\" is taken", out);
    return RESULT_OK;
}

/* --- lines ------------------------------------------------------------------------------------ */

static bool has_key(const struct tlog_policy_party *parties, size_t count,
                    const struct note_key *key)
{
    for (size_t i = 0; i < count; i++) {
        if (memcmp(parties[i].key.public_key, key->public_key, sizeof key->public_key) == 0)
            return true;
    }
    return false;
}

/* The rest of a `log` or `witness` line: VKEY [URL]. */
static RESULT take_party(struct reader *line, enum note_key_type type,
                         struct tlog_policy_party *parties, size_t *count, struct explanation *why)
{
    struct tlog_policy_party *party = &parties[*count];
    GUARD(note_key_parse(next_word(line), &party->key, why));
    if (party->key.type != type)
        return explain(why, ERROR_UNSUPPORTED,
                       "the key of %s is %s: expected the other type", party->key.name,
                       type == NOTE_KEY_ED25519 ? "one for cosignatures (0x04)"
                                                : "a plain Ed25519 one (0x01)");
    if (has_key(parties, *count, &party->key))
        return explain(why, ERROR_FORMAT, "the key of %s stands here twice", party->key.name);
    if (!copy_word(next_word(line), party->url, sizeof party->url))
        return explain(why, ERROR_LIMIT, "the URL has more than %d bytes", LIMIT_URL_BYTES - 1);
    for (size_t size = strlen(party->url); size > 0 && party->url[size - 1] == '/'; size--)
        party->url[size - 1] = '\0';
    (*count)++;
    return RESULT_OK;
}

static RESULT take_log(struct tlog_policy *policy, struct reader *line, struct explanation *why)
{
    if (policy->log_count == LIMIT_POLICY_ROWS)
        return explain(why, ERROR_LIMIT, "more than %d logs", LIMIT_POLICY_ROWS);
    return take_party(line, NOTE_KEY_ED25519, policy->logs, &policy->log_count, why);
}

static RESULT take_witness(struct tlog_policy *policy, struct reader *line,
                           struct explanation *why)
{
    if (policy->witness_count == LIMIT_POLICY_ROWS)
        return explain(why, ERROR_LIMIT, "more than %d witnesses", LIMIT_POLICY_ROWS);
    GUARD(take_name(policy, line, policy->witnesses[policy->witness_count].name, why));
    return take_party(line, NOTE_KEY_COSIGNATURE, policy->witnesses, &policy->witness_count, why);
}

static RESULT take_members(struct tlog_policy *policy, struct reader *line, struct group *group,
                           size_t *ret_count, struct explanation *why)
{
    for (*ret_count = 0; !has_no_word(line); ++*ret_count) {
        struct bytes word = next_word(line);
        struct group member = {0};
        if (!find_member(policy, word, &member))
            return explain(why, ERROR_FORMAT,
                           "\"%.*s\" is no witness or group of a line before",
                           (int)(word.size < 64 ? word.size : 64), (const char *)word.data);
        if ((member.witnesses & policy->taken_witnesses) != 0
            || (member.groups & policy->taken_groups) != 0)
            return explain(why, ERROR_FORMAT, "\"%.*s\" is a member of a group twice",
                           (int)(word.size < 64 ? word.size : 64), (const char *)word.data);
        policy->taken_witnesses |= member.witnesses;
        policy->taken_groups |= member.groups;
        group->witnesses |= member.witnesses;
        group->groups |= member.groups;
    }
    return *ret_count > 0 ? RESULT_OK : explain(why, ERROR_FORMAT, "a group without members");
}

static RESULT take_group(struct tlog_policy *policy, struct reader *line, struct explanation *why)
{
    if (policy->group_count == LIMIT_POLICY_ROWS)
        return explain(why, ERROR_LIMIT, "more than %d groups", LIMIT_POLICY_ROWS);
    struct group *group = &policy->groups[policy->group_count];
    GUARD(take_name(policy, line, group->name, why));
    struct bytes threshold = next_word(line);
    size_t count;
    GUARD(take_members(policy, line, group, &count, why));
    uint64_t needed = 0;
    if (line_is(threshold, "all"))
        needed = count;
    else if (line_is(threshold, "any"))
        needed = 1;
    else if (!result_is_ok(line_number(threshold, count, &needed)) || needed == 0)
        return explain(why, ERROR_FORMAT, "expected all, any or a number from 1 to %zu", count);
    group->needed = (uint32_t)needed;
    policy->group_count++;
    return RESULT_OK;
}

static RESULT take_quorum(struct tlog_policy *policy, struct reader *line, struct explanation *why)
{
    struct bytes word = next_word(line);
    if (policy->has_quorum)
        return explain(why, ERROR_FORMAT, "a second quorum");
    policy->has_quorum = true;
    if (line_is(word, "none"))
        return RESULT_OK;
    policy->quorum.needed = 1;
    if (word.size == 0 || !find_member(policy, word, &policy->quorum))
        return explain(why, ERROR_FORMAT, "the quorum names no witness or group of a line before");
    return RESULT_OK;
}

static const struct {
    const char *word;
    struct result (*take)(struct tlog_policy *policy, struct reader *line,
                          struct explanation *why);
} LINES[] = {
    {"log", take_log},
    {"witness", take_witness},
    {"group", take_group},
    {"quorum", take_quorum},
};

static RESULT take_line(struct tlog_policy *policy, struct bytes text, struct explanation *why)
{
    /* tlog-policy, "Character set". */
    for (size_t i = 0; i < text.size; i++) {
        if ((text.data[i] < 0x20 && text.data[i] != '\t') || text.data[i] == 0x7f)
            return explain(why, ERROR_FORMAT, "a control character");
    }
    struct reader line = reader_of(text.data, text.size);
    struct bytes word = next_word(&line);
    if (word.size == 0 || word.data[0] == '#')
        return RESULT_OK;
    for (size_t i = 0; i < sizeof LINES / sizeof LINES[0]; i++) {
        if (!line_is(word, LINES[i].word))
            continue;
        /* cppcheck takes the result itself for one that points to `line`. */
        enum error error = LINES[i].take(policy, &line, why).error;
        if (error != ERROR_NONE)
            return result_fail(error);
        if (!has_no_word(&line))
            return explain(why, ERROR_FORMAT, "more words than a %s line has", LINES[i].word);
        return RESULT_OK;
    }
    return explain(why, ERROR_FORMAT, "expected log, witness, group or quorum");
}

static RESULT take_all(struct tlog_policy *policy, struct bytes text, struct explanation *why)
{
    struct reader reader = reader_of(text.data, text.size);
    for (unsigned number = 1; reader_left(&reader) > 0; number++) {
        struct bytes line;
        struct explanation wrong = {"the last line has no newline"};
        struct result result = line_take(&reader, &line);
        if (result_is_ok(result))
            result = take_line(policy, line, &wrong);
        if (!result_is_ok(result))
            return explain(why, result.error, "policy, line %u: %s", number, wrong.text);
    }
    if (!policy->has_quorum)
        return explain(why, ERROR_FORMAT,
                       "the policy has no quorum line: \"quorum none\" says that none is needed");
    return RESULT_OK;
}

RESULT tlog_policy_parse(struct bytes text, struct tlog_policy **ret_policy,
                         struct explanation *why)
{
    if (text.size > LIMIT_LOG_POLICY_BYTES)
        return explain(why, ERROR_LIMIT, "the policy has more than %d bytes",
                       LIMIT_LOG_POLICY_BYTES);
    struct tlog_policy *policy = calloc(1, sizeof *policy);
    if (policy == NULL)
        return explain(why, ERROR_MEMORY, "no memory for the log policy");
    struct result result = take_all(policy, text, why);
    if (!result_is_ok(result)) {
        tlog_policy_free(policy);
        return result;
    }
    *ret_policy = policy;
    return RESULT_OK;
}

void tlog_policy_free(struct tlog_policy *policy) { free(policy); }

/* --- asking it -------------------------------------------------------------------------------- */

size_t tlog_policy_log_count(const struct tlog_policy *policy) { return policy->log_count; }

const struct tlog_policy_party *tlog_policy_log(const struct tlog_policy *policy, size_t index)
{
    return &policy->logs[index];
}

const struct tlog_policy_party *tlog_policy_next_log(const struct tlog_policy *policy,
                                                     struct bytes origin, size_t *at)
{
    while (*at < policy->log_count) {
        const struct tlog_policy_party *log = &policy->logs[(*at)++];
        if (line_is(origin, log->key.name))
            return log;
    }
    return NULL;
}

RESULT tlog_policy_find_signer(const struct tlog_policy *policy, const struct note *note,
                               struct bytes origin, const struct tlog_policy_party **ret_log,
                               struct explanation *why)
{
    size_t at = 0;
    const struct tlog_policy_party *log = tlog_policy_next_log(policy, origin, &at);
    if (log == NULL)
        return explain(why, ERROR_UNSUPPORTED, "the policy names no log \"%.*s\"",
                       (int)(origin.size < 128 ? origin.size : 128), (const char *)origin.data);
    *ret_log = NULL;
    for (; log != NULL; log = tlog_policy_next_log(policy, origin, &at)) {
        struct note_times times;
        struct result result = note_verify(note, &log->key, &times, why);
        if (result_is_ok(result))
            *ret_log = log;
        else if (result.error != ERROR_NOT_FOUND)
            return result;
    }
    return *ret_log != NULL ? RESULT_OK : result_fail(ERROR_STATE);
}

size_t tlog_policy_witness_count(const struct tlog_policy *policy) { return policy->witness_count; }

const struct tlog_policy_party *tlog_policy_witness(const struct tlog_policy *policy, size_t index)
{
    return &policy->witnesses[index];
}

static bool has_enough(const struct group *group, uint32_t witnesses, uint32_t groups)
{
    unsigned count = (unsigned)__builtin_popcount(group->witnesses & witnesses)
                     + (unsigned)__builtin_popcount(group->groups & groups);
    return count >= group->needed;
}

bool tlog_policy_is_quorum(const struct tlog_policy *policy, uint32_t witnesses)
{
    uint32_t groups = 0;
    /* Members stand before their groups, so one pass sees each when it is needed. */
    for (size_t i = 0; i < policy->group_count; i++) {
        if (has_enough(&policy->groups[i], witnesses, groups))
            groups |= UINT32_C(1) << i;
    }
    return has_enough(&policy->quorum, witnesses, groups);
}

bool tlog_policy_needs_nobody(const struct tlog_policy *policy)
{
    return policy->quorum.needed == 0;
}

// SPDX-License-Identifier: Apache-2.0
/*
 * `creance content trust`: makes the record of whom this host believes about updates from root's
 * own text files (agent/update/trust.h). Nobody else reads the text.
 */
#include "agent/update/trust.h"
#include "base/atomic_file.h"
#include "base/bytes.h"
#include "base/paths.h"
#include "cli/verb.h"
#include "content/bundle_kind.h"
#include "update/log/policy.h"
#include "update/tuf/client.h"
#include "update/tuf/store_memory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_BYTES = 64 * KIB, LINE_BYTES = 1024, RECORD_MODE = 0644, FOLDER_MODE = 0755 };
enum { REFRESH_DEFAULT_S = 60 * 60, WORDS_MAX = 4 };

struct anchors {
    int folder;
    bool has_promoters, has_owners;
    struct trust trust;
    uint8_t *texts[3]; /* of log policy, root and authorities */
};

static RESULT read_file(const struct anchors *anchors, const char *name, void *out, size_t capacity,
                        size_t *ret_size, struct explanation *why)
{
    struct stat status;
    if (strchr(name, '/') != NULL)
        return explain(why, ERROR_FORMAT, "%s: files lie beside " TRUST_TEXT_FILE, name);
    if (fstatat(anchors->folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0
        && (status.st_uid != geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0))
        return explain(why, ERROR_STATE, "%s must belong to root, and nobody else may write it",
                       name);
    return atomic_file_read(anchors->folder, name, out, capacity, ret_size, why);
}

static RESULT keep_file(struct anchors *anchors, const char *name, unsigned place, size_t capacity,
                        struct bytes *ret_bytes, struct explanation *why)
{
    size_t size = 0;
    free(anchors->texts[place]);
    anchors->texts[place] = malloc(capacity);
    if (anchors->texts[place] == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    GUARD(read_file(anchors, name, anchors->texts[place], capacity, &size, why));
    *ret_bytes = (struct bytes){anchors->texts[place], size};
    return RESULT_OK;
}

/* --- lines ------------------------------------------------------------------------------------ */

static RESULT set_address(char out[LIMIT_URL_BYTES], const char *text, struct explanation *why)
{
    if (!trust_is_address(text) || !string_copy(out, LIMIT_URL_BYTES, text))
        return explain(why, ERROR_FORMAT, "\"%.200s\" is no https address without a slash at its "
                       "end (http only to this machine itself)", text);
    return RESULT_OK;
}

static RESULT find_kind(const char *word, uint32_t *ret_kind, struct explanation *why)
{
    for (uint32_t kind = 1; bundle_kind_word(kind) != NULL; kind++) {
        if (!string_equal(bundle_kind_word(kind), word))
            continue;
        *ret_kind = kind;
        return RESULT_OK;
    }
    return explain(why, ERROR_FORMAT, "\"%.64s\" is no kind of bundle; expected rules, exceptions, "
                                      "ioc, policy or probes", word);
}

static RESULT read_keys(struct anchors *anchors, const char *file, struct release_keys *ret_keys,
                        bool *ret_there, struct explanation *why)
{
    char text[RELEASE_KEYS_TEXT_BYTES];
    size_t size = 0;
    GUARD(read_file(anchors, file, text, sizeof text, &size, why));
    *ret_there = true;
    return release_keys_parse(text, size, ret_keys, why);
}

static RESULT add_stream(struct anchors *anchors, const char *name, const char *file,
                         const char *kind, struct explanation *why)
{
    char text[RELEASE_KEYS_TEXT_BYTES];
    size_t size = 0;
    struct trust *trust = &anchors->trust;
    if (trust->stream_count == LIMIT_STREAMS)
        return explain(why, ERROR_LIMIT, "at most %d streams: one of each kind", LIMIT_STREAMS);
    struct trust_stream *stream = &trust->streams[trust->stream_count];
    if (!ticket_name_is_valid(name) || !string_copy(stream->name, sizeof stream->name, name))
        return explain(why, ERROR_FORMAT, "\"%.64s\" is no name of a stream", name);
    GUARD(read_file(anchors, file, text, sizeof text, &size, why));
    GUARD(find_kind(kind, &stream->kind, why));
    trust->stream_count++;
    return release_keys_parse(text, size, &stream->keys, why);
}

static RESULT add_partner(struct trust *trust, const char *name, const char *key,
                          struct explanation *why)
{
    struct note_key parsed;
    if (trust->partner_count == LIMIT_PARTNERS)
        return explain(why, ERROR_LIMIT, "at most %d partners", LIMIT_PARTNERS);
    struct trust_partner *partner = &trust->partners[trust->partner_count];
    GUARD(note_key_parse((struct bytes){(const uint8_t *)key, strlen(key)}, &parsed, why));
    if (!ticket_name_is_valid(name) || !string_copy(partner->name, sizeof partner->name, name)
        || !string_copy(partner->key, sizeof partner->key, key))
        return explain(why, ERROR_FORMAT, "\"%.64s\" is no name of a partner", name);
    trust->partner_count++;
    return RESULT_OK;
}

static RESULT set_number(uint32_t *number, const char *text, struct explanation *why)
{
    uint64_t value;
    if (!result_is_ok(number_parse(text, UINT32_MAX, &value)))
        return explain(why, ERROR_FORMAT, "\"%.32s\" is no number", text);
    *number = (uint32_t)value;
    return RESULT_OK;
}

static RESULT take_words(struct anchors *anchors, char *const *words, size_t count,
                         struct explanation *why)
{
    struct trust *trust = &anchors->trust;
    if (count == 2 && string_equal(words[0], "repository"))
        return set_address(trust->repository, words[1], why);
    if (count == 2 && string_equal(words[0], "log"))
        return set_address(trust->log, words[1], why);
    if (count == 2 && string_equal(words[0], "every"))
        return set_number(&trust->refresh_s, words[1], why);
    if (count == 2 && string_equal(words[0], "lift-quorum"))
        return set_number(&trust->lift_quorum, words[1], why);
    if (count == 2 && string_equal(words[0], "log-policy"))
        return keep_file(anchors, words[1], 0, LIMIT_LOG_POLICY_BYTES, &trust->log_policy, why);
    if (count == 2 && string_equal(words[0], "root"))
        return keep_file(anchors, words[1], 1, LIMIT_TUF_ROOT_BYTES, &trust->root, why);
    if (count == 2 && string_equal(words[0], "authorities"))
        return keep_file(anchors, words[1], 2, TRUST_AUTHORITIES_BYTES, &trust->authorities, why);
    if (count == 2 && string_equal(words[0], "promoters"))
        return read_keys(anchors, words[1], &trust->promoters, &anchors->has_promoters, why);
    if (count == 2 && string_equal(words[0], "owners"))
        return read_keys(anchors, words[1], &trust->owners, &anchors->has_owners, why);
    if (count == 3 && string_equal(words[0], "stream"))
        return add_stream(anchors, words[1], words[2], bundle_kind_word(BUNDLE_RULES), why);
    if (count == 4 && string_equal(words[0], "stream"))
        return add_stream(anchors, words[1], words[2], words[3], why);
    if (count == 3 && string_equal(words[0], "partner"))
        return add_partner(trust, words[1], words[2], why);
    return explain(why, ERROR_FORMAT, "expected repository, log, log-policy, root, authorities, "
                   "promoters, owners, every or lift-quorum with one word behind it, or stream "
                   "NAME KEYS [KIND] or partner NAME KEY, not \"%.64s\"", words[0]);
}

static RESULT take_line(struct anchors *anchors, char *line, struct explanation *why)
{
    static const char BLANKS[] = " \t\r";
    char *words[WORDS_MAX];
    size_t count = 0;
    for (char *at = line + strspn(line, BLANKS); *at != '\0' && *at != '#';) {
        if (count == WORDS_MAX)
            return explain(why, ERROR_FORMAT, "too many words");
        words[count++] = at;
        at += strcspn(at, BLANKS);
        if (*at != '\0')
            *at++ = '\0';
        at += strspn(at, BLANKS);
    }
    return count == 0 ? RESULT_OK : take_words(anchors, words, count, why);
}

static RESULT read_lines(struct anchors *anchors, struct explanation *why)
{
    char *text = malloc(TEXT_BYTES);
    size_t size = 0;
    struct result result = text == NULL ? explain(why, ERROR_MEMORY, "memory is out")
                                        : read_file(anchors, TRUST_TEXT_FILE, text, TEXT_BYTES - 1,
                                                    &size, why);
    unsigned number = 0;
    char *next = text;
    if (result_is_ok(result))
        text[size] = '\0';
    while (result_is_ok(result) && next != NULL && *next != '\0') {
        char *line = next;
        struct explanation reason = {""};
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        number++;
        result = take_line(anchors, line, &reason);
        if (!result_is_ok(result))
            result = explain(why, result.error, "line %u: %.600s", number, reason.text);
    }
    free(text);
    return result;
}

/* --- what is in the files --------------------------------------------------------------------- */

static RESULT try_policy(const struct trust *trust, struct explanation *why)
{
    struct tlog_policy *policy = NULL;
    struct explanation reason = {""};
    struct result result = tlog_policy_parse(trust->log_policy, &policy, &reason);
    tlog_policy_free(policy);
    if (!result_is_ok(result))
        return explain(why, result.error, "log-policy: %.600s", reason.text);
    return RESULT_OK;
}

/* By the very client that will start from it. */
static RESULT try_root(const struct trust *trust, struct explanation *why)
{
    struct tuf_memory *memory = tuf_memory_new();
    struct tuf_client *client = NULL;
    if (memory == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    const struct tuf_store store = tuf_store_memory(memory);
    struct result result =
        tuf_client_new(&store, trust->root.data, trust->root.size, &client, why);
    tuf_client_free(client);
    tuf_memory_free(memory);
    return result;
}

static RESULT make_record(struct anchors *anchors, bool is_written, struct explanation *why)
{
    GUARD(read_lines(anchors, why));
    if (anchors->has_promoters != anchors->has_owners)
        return explain(why, ERROR_FORMAT, "promoters and owners go together: who says that a ring "
                       "is well, and who says which hosts there are");
    anchors->trust.has_evidence = anchors->has_promoters;
    GUARD(trust_check(&anchors->trust, why));
    GUARD(try_policy(&anchors->trust, why));
    GUARD(try_root(&anchors->trust, why));
    uint8_t *record = malloc(TRUST_RECORD_BYTES);
    if (record == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    struct writer writer = writer_of(record, TRUST_RECORD_BYTES);
    struct result result = trust_encode(&anchors->trust, &writer, why);
    if (result_is_ok(result) && is_written)
        result =
            atomic_file_write(anchors->folder, TRUST_FILE, record, writer.at, RECORD_MODE, why);
    free(record);
    return result;
}

/* --- the verb --------------------------------------------------------------------------------- */

static RESULT open_folder(const struct call *call, struct anchors *anchors,
                          char path[LIMIT_PATH_BYTES], struct explanation *why)
{
    static struct paths paths;
    GUARD(paths_resolve(options_value(call->options, "state", NULL), NULL, &paths, why));
    if (!string_format(path, LIMIT_PATH_BYTES, "%s/" TRUST_FOLDER, paths.configuration))
        return explain(why, ERROR_LIMIT, "the path of the state folder is too long");
    anchors->folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (anchors->folder < 0)
        return explain_errno(why, "cannot open %s, where root's files about updates lie", path);
    return RESULT_OK;
}

static enum cli_exit run(const struct call *call)
{
    static struct anchors anchors = {.folder = -1, .trust = {.refresh_s = REFRESH_DEFAULT_S}};
    char path[LIMIT_PATH_BYTES];
    struct explanation why = {""};
    bool is_check = options_has(call->options, "check");
    struct result result = open_folder(call, &anchors, path, &why);
    if (!result_is_ok(result)) {
        verb_error("%s", why.text);
        return CLI_UNAVAILABLE;
    }
    result = make_record(&anchors, !is_check, &why);
    close(anchors.folder);
    for (size_t i = 0; i < sizeof anchors.texts / sizeof anchors.texts[0]; i++)
        free(anchors.texts[i]);
    if (!result_is_ok(result)) {
        verb_error("%s/" TRUST_TEXT_FILE ": %s; what was in force stays in force", path, why.text);
        return result.error == ERROR_MEMORY || result.error == ERROR_SYSTEM ? CLI_UNAVAILABLE
                                                                            : CLI_INPUT;
    }
    const struct trust *trust = &anchors.trust;
    if (output_is_json(call->output))
        output_json(call->output,
                    json_pack("{s:s, s:s, s:i, s:i, s:b}", "repository", trust->repository,
                              "stream", trust->streams[0].name, "partners",
                              (int)trust->partner_count, "every_s", (int)trust->refresh_s,
                              "written", (int)!is_check));
    else
        output_line(call->output, "%s: %s from %s, every %u s, %u partners who may halt%s", path,
                    trust->streams[0].name, trust->repository, trust->refresh_s,
                    trust->partner_count,
                    is_check ? "; nothing was written" : "; a running agent takes it now");
    return CLI_GOOD;
}

static const struct option_row OPTIONS[] = {
    {"check", NULL, false, "only look whether the files are right"},
    {0},
};

const struct verb verb_content_trust = {
    .name = "content trust",
    .summary = "puts in force whom this host believes about updates",
    .words = "",
    .options = OPTIONS,
    .help = "Reads updates.conf in /etc/creance/updates and the files that it names, which belong\n"
            "to root and nobody else may write, checks them, and makes the record `trust` beside\n"
            "them, which is all that the agent reads. docs/updates.md says what goes in.\n"
            "\n"
            "Exit codes: 0 in force, 3 a file is wrong (what was in force stays), 4 no folder.\n"
            "\n"
            "Examples:\n"
            "  creance content trust --check\n"
            "  creance content trust\n",
    .run = run,
};

// SPDX-License-Identifier: Apache-2.0
#include "cli/releases.h"

#include "base/bytes.h"
#include "base/paths.h"
#include "cli/online.h"
#include "update/orders/orders.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { ANSWER_WAIT_MS = 10000, FOLDER_MODE = 0700, NAME_DIGITS_MIN = 4 };

static RESULT take_piece(json_t *answer, const char *name, json_t *value)
{
    if (string_equal(name, "release"))
        json_array_append(json_object_get(answer, "releases"), value);
    else if (string_equal(name, "updates"))
        json_object_set(answer, "updates", value);
    return RESULT_OK;
}

enum cli_exit releases_ask(const struct call *call, json_t **ret_answer)
{
    struct online *online = NULL;
    enum cli_exit code = online_open(call, json_pack("{s:s}", "verb", "updates"), &online);
    if (code != CLI_GOOD)
        return code;
    json_t *answer = json_pack("{s:[], s:{}}", "releases", "updates");
    for (;;) {
        const char *name;
        json_t *value = NULL;
        struct explanation why = {""};
        struct result result = online_next(online, ANSWER_WAIT_MS, &name, &value, &why);
        if (result_is_ok(result))
            result = take_piece(answer, name, value);
        json_decref(value);
        if (result_is_ok(result))
            continue;
        if (result.error != ERROR_NOT_FOUND)
            code = online_failed(result, &why);
        break;
    }
    online_close(online);
    if (code == CLI_GOOD)
        *ret_answer = answer;
    else
        json_decref(answer);
    return code;
}

/* "42" and "rules/42" mean a version, anything else the first digits of a name. */
static bool is_meant(const json_t *row, const char *word)
{
    uint64_t version;
    const char *stream = online_text(row, "stream");
    size_t size = strlen(stream);
    if (strncmp(word, stream, size) == 0 && word[size] == '/')
        word += size + 1;
    if (result_is_ok(number_parse(word, INT64_MAX, &version))
        && (uint64_t)online_number(row, "version") == version)
        return true;
    return strlen(word) >= NAME_DIGITS_MIN && string_starts_with(online_text(row, "name"), word);
}

const json_t *releases_find(const json_t *answer, const char *word)
{
    size_t at;
    const json_t *row, *found = NULL;
    json_array_foreach(json_object_get(answer, "releases"), at, row)
    {
        if (!is_meant(row, word))
            continue;
        if (found != NULL) {
            verb_error("\"%s\" means several releases; say rules/VERSION, policy/VERSION and so "
                       "on, or more digits of the name: `creance content status` shows them",
                       word);
            return NULL;
        }
        found = row;
    }
    if (found == NULL)
        verb_error("this host knows no release \"%s\": `creance content status` shows those that "
                   "it knows",
                   word);
    return found;
}

bool releases_name(const json_t *row, struct release_name *ret_name)
{
    const char *text = online_text(row, "name");
    if (strlen(text) != (size_t)2 * RELEASE_NAME_BYTES)
        return false;
    for (size_t i = 0; i < RELEASE_NAME_BYTES; i++) {
        static const char DIGITS[] = "0123456789abcdef";
        const char *high = strchr(DIGITS, text[2 * i]), *low = strchr(DIGITS, text[2 * i + 1]);
        if (high == NULL || low == NULL)
            return false;
        ret_name->bytes[i] = (uint8_t)((high - DIGITS) << 4 | (low - DIGITS));
    }
    return true;
}

enum cli_exit releases_open_orders(const struct call *call, int *ret_folder)
{
    struct paths paths;
    char path[LIMIT_PATH_BYTES];
    struct explanation why = {""};
    struct result result =
        paths_resolve(options_value(call->options, "state", NULL), NULL, &paths, &why);
    if (result_is_ok(result)
        && !string_format(path, sizeof path, "%s/" ORDERS_FOLDER, paths.data))
        result = explain(&why, ERROR_LIMIT, "the path of the data folder is too long");
    if (result_is_ok(result))
        result = paths_make_folder(path, FOLDER_MODE, &why);
    if (result_is_ok(result)) {
        *ret_folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (*ret_folder < 0 || faccessat(*ret_folder, ".", W_OK, AT_EACCESS) != 0)
            result = explain_errno(&why, "%s cannot be used; only root orders updates", path);
    }
    if (result_is_ok(result))
        return CLI_GOOD;
    verb_error("%s", why.text);
    return CLI_UNAVAILABLE;
}

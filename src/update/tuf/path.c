// SPDX-License-Identifier: Apache-2.0
#include "update/tuf/path.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <sha2.h>
#include <string.h>
#include <sys/types.h>

/* Goes back to the last star only: what an earlier one took can stay as it is. A star cannot take a
 * '/', so a path that got past one never comes back before it. */
bool tuf_path_matches(const char *pattern, const char *path)
{
    const char *star = NULL;
    const char *taken = NULL;
    while (*path != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            taken = path;
        } else if (*pattern == *path || (*pattern == '?' && *path != '/')) {
            pattern++;
            path++;
        } else if (star != NULL && *taken != '/') {
            pattern = star;
            path = ++taken;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

void tuf_path_hash(const char *path, char *out)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, (const uint8_t *)path, strlen(path));
    SHA256Final(digest, &context);
    hex_encode(digest, sizeof digest, out);
}

bool tuf_path_is_plain(const char *path)
{
    size_t size = strlen(path);
    if (size == 0 || size > LIMIT_TUF_PATH_BYTES)
        return false;
    for (const char *part = path;;) {
        size_t length = strcspn(part, "/");
        if (length == 0 || (length <= 2 && strspn(part, ".") >= length))
            return false;
        for (size_t i = 0; i < length; i++)
            if ((unsigned char)part[i] < 0x20 || part[i] == 0x7F || part[i] == '\\')
                return false;
        if (part[length] == '\0')
            return true;
        part += length + 1;
    }
}

static bool is_plain_in_file_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'
           || c == '.' || c == '-' || c == '~';
}

void tuf_file_name(const char *role, uint64_t version, char out[TUF_FILE_NAME_BYTES])
{
    static const char DIGITS[] = "0123456789ABCDEF";
    char quoted[3 * LIMIT_TUF_ROLE_NAME_BYTES + 1];
    size_t size = 0;
    for (; *role != '\0' && size + 3 < sizeof quoted; role++) {
        if (is_plain_in_file_name(*role)) {
            quoted[size++] = *role;
            continue;
        }
        quoted[size++] = '%';
        quoted[size++] = DIGITS[(unsigned char)*role >> 4];
        quoted[size++] = DIGITS[(unsigned char)*role & 15];
    }
    quoted[size] = '\0';
    if (version > 0)
        (void)string_format(out, TUF_FILE_NAME_BYTES, "%" PRIu64 ".%s.json", version, quoted);
    else
        (void)string_format(out, TUF_FILE_NAME_BYTES, "%s.json", quoted);
}

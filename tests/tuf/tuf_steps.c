// SPDX-License-Identifier: Apache-2.0
/*
 * Our TUF client for tests, driven by lines: who runs it fetches, and this believes or not.
 *
 *   tuf-steps FOLDER [ANCHOR]     FOLDER keeps what is trusted, ANCHOR is a root file to start from
 *
 * It reads a command a line and answers with one line:
 *   refresh | find PATH | give FILE | absent | failure   ->  "want NAME BYTES_MAX", or the end:
 *                                                             "end OUTCOME|REFUSAL|SENTENCE"
 *   target        (after a find that found)              ->  "target NAME BYTES"
 *   check FILE    (likewise)                             ->  "good" or "bad"
 * What it cannot do at all it answers with "error SENTENCE".
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "update/tuf/client.h"
#include "update/tuf/store_folder.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct file {
    uint8_t *data;
    size_t size;
};

static bool read_file(const char *path, struct file *ret_file)
{
    enum { BYTES_MAX = 64 * MIB };
    FILE *stream = fopen(path, "rbe");
    if (stream == NULL)
        return false;
    ret_file->data = malloc(BYTES_MAX);
    ret_file->size = ret_file->data == NULL ? 0 : fread(ret_file->data, 1, BYTES_MAX, stream);
    fclose(stream);
    return ret_file->data != NULL;
}

static void answer(const struct tuf_client *client, struct result result,
                   const struct explanation *why)
{
    struct tuf_wanted wanted;
    const struct tuf_report *report = tuf_client_report(client);
    if (!result_is_ok(result))
        printf("error %s\n", why->text);
    else if (tuf_client_wants(client, &wanted))
        printf("want %s %zu\n", wanted.name, wanted.bytes_max);
    else
        printf("end %s|%s|%s\n", tuf_outcome_text(report->outcome),
               tuf_refusal_text(report->refusal), report->why.text);
}

static void give(struct tuf_client *client, const char *path)
{
    struct explanation why = {.text = "the file cannot be read"};
    struct file file = {0};
    struct result result = result_fail(ERROR_NOT_FOUND);
    if (read_file(path, &file))
        result = tuf_client_give(client, file.data, file.size, &why);
    free(file.data);
    answer(client, result, &why);
}

static void check(const struct tuf_target *target, const char *path)
{
    struct file file = {0};
    bool is_good = read_file(path, &file) && tuf_target_matches(target, file.data, file.size);
    free(file.data);
    puts(is_good ? "good" : "bad");
}

static void tell_target(const struct tuf_client *client, const struct tuf_target *target)
{
    char name[TUF_TARGET_NAME_BYTES];
    tuf_client_target_name(client, target, name);
    printf("target %s %" PRIu64 "\n", name, target->length);
}

static void obey(struct tuf_client *client, const char *line)
{
    struct explanation why = {.text = ""};
    const struct tuf_target *target = tuf_client_target(client);
    if (string_equal(line, "refresh"))
        answer(client,
               tuf_client_refresh(client, clock_wall_ns(clock_system()) / NS_PER_S, &why), &why);
    else if (string_starts_with(line, "find "))
        answer(client, tuf_client_find(client, line + strlen("find "), &why), &why);
    else if (string_starts_with(line, "give "))
        give(client, line + strlen("give "));
    else if (string_equal(line, "absent"))
        answer(client, tuf_client_give_absent(client, &why), &why);
    else if (string_equal(line, "failure"))
        tuf_client_give_failure(client, "the test says so"), answer(client, RESULT_OK, &why);
    else if (string_equal(line, "target") && target != NULL)
        tell_target(client, target);
    else if (string_starts_with(line, "check ") && target != NULL)
        check(target, line + strlen("check "));
    else
        puts("error what is this?");
}

int main(int count, char **arguments)
{
    struct explanation why = {.text = ""};
    struct tuf_client *client = NULL;
    struct file anchor = {0};
    int folder = count < 2 ? -1 : open(arguments[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || (count > 2 && !read_file(arguments[2], &anchor))) {
        fputs("tuf-steps FOLDER [ANCHOR]: a file or folder cannot be opened\n", stderr);
        return 2;
    }
    const struct tuf_store store = tuf_store_folder(&folder);
    struct result result = tuf_client_new(&store, anchor.data, anchor.size, &client, &why);
    free(anchor.data);
    if (!result_is_ok(result)) {
        fprintf(stderr, "%s\n", why.text);
        return 3;
    }
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, stdin) > 0) {
        line[strcspn(line, "\n")] = '\0';
        obey(client, line);
        fflush(stdout);
    }
    free(line);
    tuf_client_free(client);
    return 0;
}

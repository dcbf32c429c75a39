// SPDX-License-Identifier: Apache-2.0
/*
 * Lets a public log grow for cuts.py, and says what is left of it after a cut: "lost" is a
 * checkpoint that was public and is not any more.
 *
 *   log-worker work FOLDER COUNT whole|no-file-sync|no-folder-sync
 *     opens the log anew, adds ROUND_ENTRIES entries, signs and publishes; after each round it
 *     prints "done N" and waits for a line
 *   log-worker check FOLDER
 *     prints "mark N" (0: no log yet) or "torn WHAT"
 */
#include "base/bytes.h"
#include "update/log/fake_log.h"
#include "update/log/log_folder.h"
#include "update/log/log_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ROUND_ENTRIES = 90 }; /* the third round fills a tile */

static bool has_no_file_sync, has_no_folder_sync;

/* In the place of the C library's: what is left out is what the harness must then see. */
int fsync(int fd)
{
    struct stat status;
    if (fstat(fd, &status) == 0
        && ((S_ISREG(status.st_mode) && has_no_file_sync)
            || (S_ISDIR(status.st_mode) && has_no_folder_sync)))
        return 0;
    return (int)syscall(SYS_fsync, fd);
}

static struct result grow(struct tlog_folder *folder, const struct note_signer *signer,
                          uint64_t size, struct explanation *why)
{
    struct tlog_source source = tlog_folder_source(folder);
    struct tlog_sink sink = tlog_folder_sink(folder);
    struct tlog_writer *writer;
    uint64_t index;
    char entry[64];
    GUARD(tlog_writer_open(&source, &sink, note_signer_key(signer), &writer, why));
    struct result result = RESULT_OK;
    for (uint64_t i = tlog_writer_size(writer); i < size && result_is_ok(result); i++)
        result = tlog_writer_add(writer, fake_entry(i, entry), &index, why);
    if (result_is_ok(result))
        result = tlog_writer_sign(writer, signer, why);
    if (result_is_ok(result))
        result = tlog_writer_publish(writer, (struct bytes){0}, why);
    tlog_writer_free(writer);
    return result;
}

static struct result work(const char *path, const struct note_signer *signer, uint64_t rounds,
                          struct explanation *why)
{
    for (uint64_t number = 1; number <= rounds; number++) {
        struct tlog_folder folder;
        GUARD(tlog_folder_open_locked(path, &folder, why));
        struct result result = grow(&folder, signer, number * ROUND_ENTRIES, why);
        tlog_folder_close(&folder);
        GUARD(result);
        printf("done %u\n", (unsigned)number);
        fflush(stdout);
        if (getchar() == EOF)
            return RESULT_OK;
    }
    return RESULT_OK;
}

/* Every entry under a checkpoint (size 0: there is none), byte for byte. */
static struct result check_entries(const struct tlog_source *source, struct bytes whole,
                                   uint64_t *ret_size, struct explanation *why)
{
    static struct tile_bundle bundle;
    struct note note;
    struct checkpoint checkpoint;
    struct tile_tree *tree;
    char expected[64];
    *ret_size = 0;
    if (whole.size == 0)
        return RESULT_OK;
    GUARD(checkpoint_parse_note(whole, &note, &checkpoint, why));
    GUARD(tile_tree_open(source, &checkpoint, &tree, why));
    struct result result = RESULT_OK;
    for (uint64_t i = 0; i < checkpoint.size && result_is_ok(result); i++) {
        if (i % TILE_WIDTH == 0)
            result = tile_tree_bundle(tree, i, &bundle, why);
        struct bytes entry = fake_entry(i, expected);
        const struct bytes *found = &bundle.entries[i % TILE_WIDTH];
        if (result_is_ok(result)
            && (found->size != entry.size || memcmp(found->data, entry.data, entry.size) != 0))
            result = explain(why, ERROR_FORMAT, "entry %u is another one", (unsigned)i);
    }
    tile_tree_free(tree);
    *ret_size = checkpoint.size;
    return result;
}

static struct result check(const char *path, const struct note_signer *signer,
                           struct explanation *why)
{
    struct tlog_folder folder;
    struct tlog_writer *writer;
    struct result result = tlog_folder_open(path, &folder, why);
    if (result.error == ERROR_NOT_FOUND) {
        printf("mark 0\n");
        return RESULT_OK;
    }
    GUARD(result);
    struct tlog_source source = tlog_folder_source(&folder);
    struct tlog_sink sink = tlog_folder_sink(&folder);
    result = tlog_writer_open(&source, &sink, note_signer_key(signer), &writer, why);
    if (result_is_ok(result)) {
        uint64_t size = 0;
        result = check_entries(&source, tlog_writer_signed(writer), &size, why);
        if (result_is_ok(result))
            result = check_entries(&source, tlog_writer_published(writer), &size, why);
        if (result_is_ok(result))
            printf("mark %u\n", (unsigned)(size / ROUND_ENTRIES));
        tlog_writer_free(writer);
    }
    tlog_folder_close(&folder);
    return result;
}

int main(int argc, char **argv)
{
    char path[LIMIT_PATH_BYTES];
    struct explanation why = {""};
    struct result result = result_fail(ERROR_FORMAT);
    uint64_t rounds = 0;
    struct fake_log fake;
    fake_log_open(&fake);
    if (argc >= 3)
        (void)string_format(path, sizeof path, "%s/log", argv[2]);
    if (argc == 3 && string_equal(argv[1], "check")) {
        result = check(path, fake.log, &why);
        if (!result_is_ok(result))
            printf("torn %s\n", why.text);
    } else if (argc == 5 && string_equal(argv[1], "work")
               && result_is_ok(number_parse(argv[3], 1000, &rounds))) {
        has_no_file_sync = string_equal(argv[4], "no-file-sync");
        has_no_folder_sync = string_equal(argv[4], "no-folder-sync");
        result = work(path, fake.log, rounds, &why);
        if (!result_is_ok(result))
            printf("failed %s\n", why.text);
    }
    fake_log_close(&fake);
    return result_is_ok(result) ? EXIT_SUCCESS : EXIT_FAILURE;
}

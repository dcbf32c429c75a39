// SPDX-License-Identifier: Apache-2.0
/*
 * A log that grows, with a crash at every write, and one byte of every file changed: what was
 * signed stays, is proven, and is never contradicted.
 */
#include "update/log/log_writer.h"

#include "base/bytes.h"
#include "tests/unit.h"
#include "update/log/fake_log.h"
#include "update/log/lines.h"

#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 4096 };

/* Files in memory. A write is all or nothing, as tlog_folder's are; after `writes_left` of them the
 * power is gone. */
struct store {
    struct file {
        char path[TILE_PATH_BYTES];
        uint8_t *data;
        size_t size;
    } files[FILES_MAX];
    size_t count;
    size_t writes, writes_left;
};

static struct file *find(struct store *store, const char *path)
{
    for (size_t i = 0; i < store->count; i++) {
        if (string_equal(store->files[i].path, path))
            return &store->files[i];
    }
    return NULL;
}

static struct result store_read(void *context, const char *path, void *out, size_t capacity,
                                size_t *ret_size, struct explanation *why)
{
    const struct file *file = find(context, path);
    if (file == NULL)
        return explain(why, ERROR_NOT_FOUND, "no %s", path);
    if (file->size > capacity)
        return explain(why, ERROR_LIMIT, "large %s", path);
    bytes_copy(out, capacity, file->data, file->size);
    *ret_size = file->size;
    return RESULT_OK;
}

static struct result store_write(void *context, const char *path, const void *data, size_t size,
                                 struct explanation *why)
{
    struct store *store = context;
    if (store->writes == store->writes_left)
        return explain(why, ERROR_SYSTEM, "the power is gone");
    store->writes++;
    struct file *file = find(store, path);
    if (file == NULL) {
        assert_true(store->count < FILES_MAX);
        file = &store->files[store->count++];
        string_copy(file->path, sizeof file->path, path);
    }
    free(file->data);
    file->data = malloc(size + 1);
    assert_non_null(file->data);
    bytes_copy(file->data, size, data, size);
    file->size = size;
    return RESULT_OK;
}

static void store_clear(struct store *store)
{
    for (size_t i = 0; i < store->count; i++)
        free(store->files[i].data);
    *store = (struct store){.writes_left = SIZE_MAX};
}

static struct store store;
static struct tlog_source source = {store_read, &store};
static struct tlog_sink sink = {store_write, &store};
static struct fake_log fake;

static int open_log(void **state)
{
    (void)state;
    fake_log_open(&fake);
    store_clear(&store);
    return 0;
}

static int close_log(void **state)
{
    (void)state;
    fake_log_close(&fake);
    store_clear(&store);
    return 0;
}

/* The fake log's entries up to `size`, in one go. */
static struct result grow(uint64_t size, bool is_published, struct explanation *why)
{
    struct tlog_writer *writer;
    uint64_t index;
    char entry[64];
    GUARD(tlog_writer_open(&source, &sink, note_signer_key(fake.log), &writer, why));
    struct result result = RESULT_OK;
    for (uint64_t i = tlog_writer_size(writer); i < size && result_is_ok(result); i++) {
        result = tlog_writer_add(writer, fake_entry(i, entry), &index, why);
        assert_true(!result_is_ok(result) || index == i);
    }
    if (result_is_ok(result))
        result = tlog_writer_sign(writer, fake.log, why);
    if (result_is_ok(result) && is_published)
        result = tlog_writer_publish(writer, (struct bytes){0}, why);
    tlog_writer_free(writer);
    return result;
}

/* The named checkpoint; false where there is none. */
static bool head(const char *name, struct checkpoint *ret_checkpoint)
{
    static struct note note;
    const struct file *file = find(&store, name);
    struct note_times times;
    *ret_checkpoint = (struct checkpoint){0};
    if (file == NULL)
        return false;
    assert_ok(checkpoint_parse_note((struct bytes){file->data, file->size}, &note,
                                    ret_checkpoint, NULL));
    assert_ok(note_verify(&note, note_signer_key(fake.log), &times, NULL));
    return true;
}

/* Every entry and a sample of the proofs, against the definitions of the RFC. */
static void check_whole(const char *name)
{
    static struct tile_bundle bundle;
    struct checkpoint checkpoint;
    struct tile_tree *tree;
    struct explanation why = {""};
    char entry[64];
    assert_true(head(name, &checkpoint));
    struct merkle_hash root = fake_root((struct merkle_range){0, checkpoint.size});
    assert_true(merkle_hash_equal(&root, &checkpoint.root));
    if (!result_is_ok(tile_tree_open(&source, &checkpoint, &tree, &why)))
        fail_msg("%s", why.text);
    for (uint64_t i = 0; i < checkpoint.size; i++) {
        struct merkle_proof proof;
        if (i % TILE_WIDTH == 0 && !result_is_ok(tile_tree_bundle(tree, i, &bundle, &why)))
            fail_msg("%s", why.text);
        struct bytes expected = fake_entry(i, entry);
        assert_int_equal(bundle.entries[i % TILE_WIDTH].size, expected.size);
        assert_memory_equal(bundle.entries[i % TILE_WIDTH].data, entry, expected.size);
        if (i % 37 != 0)
            continue;
        struct merkle_hash leaf = merkle_leaf(expected);
        assert_ok(tile_tree_prove_inclusion(tree, i, &proof, &why));
        assert_ok(merkle_verify_inclusion(i, checkpoint.size, &leaf, &proof, &root));
        assert_ok(tile_tree_prove_consistency(tree, i + 1, &proof, &why));
        struct merkle_hash old = fake_root((struct merkle_range){0, i + 1});
        assert_ok(merkle_verify_consistency(i + 1, checkpoint.size, &old, &proof, &root));
        assert_ok(tile_tree_root(tree, i + 1, &leaf, &why));
        assert_true(merkle_hash_equal(&leaf, &old));
    }
    tile_tree_free(tree);
}

static void names_are_those_of_the_specification(void **state)
{
    (void)state;
    char path[TILE_PATH_BYTES];
    tile_path(0, 1234067, TILE_WIDTH, path);
    assert_string_equal(path, "tile/0/x001/x234/067");
    tile_path(1, 5, 17, path);
    assert_string_equal(path, "tile/1/005.p/17");
    tile_entries_path(1000, 255, path);
    assert_string_equal(path, "tile/entries/x001/000.p/255");
    tile_path(0, MERKLE_SIZE_MAX / TILE_WIDTH, 1, path);
    assert_string_equal(path, "tile/0/x018/x014/x398/x509/x481/984.p/1");
    /* "Partial Tiles": a tree of 70,000. */
    assert_int_equal(tile_width(0, 272, 70000), 256);
    assert_int_equal(tile_width(0, 273, 70000), 112);
    assert_int_equal(tile_width(0, 274, 70000), 0);
    assert_int_equal(tile_width(1, 0, 70000), 256);
    assert_int_equal(tile_width(1, 1, 70000), 17);
    assert_int_equal(tile_width(2, 0, 70000), 1);
    assert_int_equal(tile_width(3, 0, 70000), 0);
    assert_int_equal(tile_width(0, 0, 256), 256);
    assert_int_equal(tile_width(1, 0, 256), 1);
}

static void a_log_grows_by_any_steps(void **state)
{
    (void)state;
    static const uint64_t SIZES[] = {1, 2, 3, 255, 256, 257, 511, 512, 513, 1000, 1024};
    struct explanation why = {""};
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        if (!result_is_ok(grow(SIZES[i], true, &why)))
            fail_msg("%s", why.text);
        check_whole(TILE_CHECKPOINT);
    }
    assert_null(find(&store, "tile/0/004"));
    assert_non_null(find(&store, "tile/0/003"));
    assert_non_null(find(&store, "tile/1/000.p/4"));
}

/* Levels above the first: 65,537 entries fill a tile of level 1. */
static void a_large_log_grows_too(void **state)
{
    (void)state;
    struct checkpoint checkpoint;
    struct tile_tree *tree;
    struct merkle_proof proof;
    char entry[64];
    assert_ok(grow(65537, true, NULL));
    assert_non_null(find(&store, "tile/1/000"));
    assert_non_null(find(&store, "tile/2/000.p/1"));
    assert_non_null(find(&store, "tile/0/256.p/1"));
    assert_true(head(TILE_CHECKPOINT, &checkpoint));
    assert_ok(tile_tree_open(&source, &checkpoint, &tree, NULL));
    static const uint64_t INDEXES[] = {0, 255, 256, 4711, 65535, 65536};
    for (size_t i = 0; i < sizeof INDEXES / sizeof INDEXES[0]; i++) {
        struct merkle_hash leaf = merkle_leaf(fake_entry(INDEXES[i], entry));
        assert_ok(tile_tree_prove_inclusion(tree, INDEXES[i], &proof, NULL));
        assert_ok(merkle_verify_inclusion(INDEXES[i], 65537, &leaf, &proof, &checkpoint.root));
    }
    tile_tree_free(tree);
    assert_ok(grow(65600, true, NULL));
    struct checkpoint next;
    assert_true(head(TILE_CHECKPOINT, &next));
    assert_ok(tile_tree_open(&source, &next, &tree, NULL));
    assert_ok(tile_tree_prove_consistency(tree, 65537, &proof, NULL));
    struct merkle_hash old;
    assert_ok(tile_tree_root(tree, 65537, &old, NULL));
    assert_ok(merkle_verify_consistency(65537, 65600, &old, &proof, &next.root));
    tile_tree_free(tree);
}

/* Grows from 250 by `add` with the power gone after each number of writes, then by other entries:
 * nothing that was signed is lost or contradicted. */
static void a_crash_at_any_write_forks_and_loses_nothing(void **state)
{
    (void)state;
    for (uint64_t add = 1; add < 600; add += 97) {
        bool is_done = false;
        for (size_t cut = 0; !is_done; cut++) {
            struct checkpoint before, after;
            store_clear(&store);
            assert_ok(grow(250, true, NULL));
            store.writes = 0;
            store.writes_left = cut;
            is_done = result_is_ok(grow(250 + add, true, NULL));
            store.writes_left = SIZE_MAX;
            assert_true(head(TLOG_WRITER_SIGNED, &before));
            assert_true(before.size == 250 || before.size == 250 + add);
            check_whole(TLOG_WRITER_SIGNED);
            check_whole(TILE_CHECKPOINT);
            assert_ok(grow(before.size + 3, true, NULL));
            check_whole(TILE_CHECKPOINT);
            assert_true(head(TILE_CHECKPOINT, &after) && after.size == before.size + 3);
        }
    }
}

/* The signed tree of a crash before publishing is the one that is published later. */
static void what_was_signed_waits_to_be_published(void **state)
{
    (void)state;
    struct tlog_writer *writer;
    assert_ok(grow(3, true, NULL));
    assert_ok(grow(5, false, NULL));
    assert_ok(tlog_writer_open(&source, &sink, note_signer_key(fake.log), &writer, NULL));
    assert_int_equal(tlog_writer_size(writer), 5);
    assert_false(tlog_writer_is_published(writer));
    assert_ok(tlog_writer_publish(writer, (struct bytes){0}, NULL));
    assert_true(tlog_writer_is_published(writer));
    tlog_writer_free(writer);
    check_whole(TILE_CHECKPOINT);
}

/* What a reader can do with the published log of 600 entries. */
static void read_published(bool *ret_entries, bool *ret_proofs)
{
    static struct tile_bundle bundle;
    struct checkpoint checkpoint;
    struct tile_tree *tree = NULL;
    struct note note;
    struct note_times times;
    struct merkle_proof proof;
    const struct file *published = find(&store, TILE_CHECKPOINT);
    struct bytes whole = {published->data, published->size};
    *ret_entries = *ret_proofs =
        result_is_ok(checkpoint_parse_note(whole, &note, &checkpoint, NULL))
        && result_is_ok(note_verify(&note, note_signer_key(fake.log), &times, NULL))
        && result_is_ok(tile_tree_open(&source, &checkpoint, &tree, NULL));
    for (uint64_t at = 0; at < 600 && tree != NULL; at += TILE_WIDTH) {
        if (!result_is_ok(tile_tree_prove_inclusion(tree, at, &proof, NULL)))
            *ret_proofs = false;
        if (!result_is_ok(tile_tree_bundle(tree, at, &bundle, NULL)))
            *ret_entries = false;
    }
    tile_tree_free(tree);
}

/* One byte of one file: whoever reads it notices. */
static void every_changed_file_is_noticed(void **state)
{
    (void)state;
    bool has_entries, has_proofs;
    assert_ok(grow(600, true, NULL));
    for (size_t i = 0; i < 2 * store.count; i++) {
        struct file *file = &store.files[i / 2];
        uint8_t *changed = &file->data[i % 2 == 0 ? file->size / 2 : file->size - 1];
        bool is_signed = string_equal(file->path, TLOG_WRITER_SIGNED);
        bool is_bundle = string_starts_with(file->path, "tile/entries/");
        *changed ^= 1;
        read_published(&has_entries, &has_proofs);
        if (has_entries != is_signed || has_proofs != (is_signed || is_bundle))
            fail_msg("a change of %s: entries %d, proofs %d", file->path, has_entries, has_proofs);
        if (is_signed)
            assert_false(result_is_ok(grow(601, true, NULL)));
        *changed ^= 1;
    }
    assert_ok(grow(601, true, NULL));
}

/* "Partial Tiles": they may be gone once the full ones are there. */
static void partial_tiles_may_go(void **state)
{
    (void)state;
    static struct tile_bundle bundle;
    struct checkpoint old;
    struct tile_tree *tree;
    assert_ok(grow(250, true, NULL));
    assert_true(head(TILE_CHECKPOINT, &old));
    assert_ok(grow(300, true, NULL));
    string_copy(find(&store, "tile/0/000.p/250")->path, TILE_PATH_BYTES, "gone");
    string_copy(find(&store, "tile/entries/000.p/250")->path, TILE_PATH_BYTES, "gone too");
    assert_ok(tile_tree_open(&source, &old, &tree, NULL));
    assert_ok(tile_tree_bundle(tree, 249, &bundle, NULL));
    assert_int_equal(bundle.count, 250);
    tile_tree_free(tree);
    string_copy(find(&store, "tile/0/000")->path, TILE_PATH_BYTES, "gone as well");
    assert_error(tile_tree_open(&source, &old, &tree, NULL), ERROR_NOT_FOUND);
}

static void a_log_of_others_is_not_written(void **state)
{
    (void)state;
    struct note_signer *kept = fake.log;
    struct explanation why = {""};
    assert_ok(grow(3, true, NULL));
    fake.log = fake_signer("example.com/log", NOTE_KEY_ED25519, 50);
    assert_error(grow(4, true, &why), ERROR_STATE);
    note_signer_free(fake.log);
    fake.log = fake_signer("example.com/other", NOTE_KEY_ED25519, 1);
    assert_error(grow(4, true, &why), ERROR_STATE);
    note_signer_free(fake.log);
    fake.log = fake_signer("example.com/log", NOTE_KEY_COSIGNATURE, 1);
    assert_error(grow(4, true, &why), ERROR_UNSUPPORTED);
    note_signer_free(fake.log);
    fake.log = kept;
}

/* A backup that was put back in part, or a mirror for readers. */
static void a_log_that_went_back_is_not_written(void **state)
{
    (void)state;
    struct explanation why = {""};
    assert_ok(grow(3, true, NULL));
    struct file *file = find(&store, TLOG_WRITER_SIGNED);
    uint8_t old[4096];
    size_t old_size = file->size;
    bytes_copy(old, sizeof old, file->data, file->size);
    assert_ok(grow(5, true, NULL));
    file = find(&store, TLOG_WRITER_SIGNED);
    bytes_copy(file->data, file->size, old, old_size);
    file->size = old_size;
    assert_error(grow(6, true, &why), ERROR_STATE);
    assert_non_null(strstr(why.text, "fork"));
    string_copy(file->path, sizeof file->path, "gone");
    assert_error(grow(6, true, &why), ERROR_STATE);
    assert_non_null(strstr(why.text, "copy"));
}

/* A published checkpoint of other entries, signed by the log's own key. */
static void a_log_that_was_forked_is_not_written(void **state)
{
    (void)state;
    struct explanation why = {""};
    struct checkpoint other = {
        .origin = {(const uint8_t *)"example.com/log", 15},
        .size = 3,
        .root = fake_root((struct merkle_range){1, 4}),
    };
    assert_ok(grow(5, true, NULL));
    char text[1024];
    struct writer writer = writer_of(text, sizeof text);
    assert_ok(checkpoint_write(&writer, &other));
    struct bytes signed_text = {writer.data, writer.at};
    assert_ok(writer_u8(&writer, '\n'));
    assert_ok(note_sign(fake.log, signed_text, 0, &writer, NULL));
    assert_ok(store_write(&store, TILE_CHECKPOINT, text, writer.at, NULL));
    assert_error(grow(6, true, &why), ERROR_STATE);
    assert_non_null(strstr(why.text, "forked"));
}

static void entries_over_the_limit_are_refused(void **state)
{
    (void)state;
    static uint8_t large[LIMIT_PUBLIC_ENTRY_BYTES + 1];
    struct tlog_writer *writer;
    uint64_t index;
    assert_ok(tlog_writer_open(&source, &sink, note_signer_key(fake.log), &writer, NULL));
    assert_error(tlog_writer_add(writer, (struct bytes){large, sizeof large}, &index, NULL),
                 ERROR_LIMIT);
    assert_error(tlog_writer_add(writer, (struct bytes){large, 0}, &index, NULL), ERROR_LIMIT);
    for (unsigned i = 0; i < TILE_WIDTH + 1; i++)
        assert_ok(tlog_writer_add(writer, (struct bytes){large, sizeof large - 1}, &index, NULL));
    assert_ok(tlog_writer_sign(writer, fake.log, NULL));
    tlog_writer_free(writer);
    assert_ok(tlog_writer_open(&source, &sink, note_signer_key(fake.log), &writer, NULL));
    assert_int_equal(tlog_writer_size(writer), TILE_WIDTH + 1);
    tlog_writer_free(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_of_the_specification),
        cmocka_unit_test_setup_teardown(a_log_grows_by_any_steps, open_log, close_log),
        cmocka_unit_test_setup_teardown(a_large_log_grows_too, open_log, close_log),
        cmocka_unit_test_setup_teardown(a_crash_at_any_write_forks_and_loses_nothing, open_log,
                                        close_log),
        cmocka_unit_test_setup_teardown(what_was_signed_waits_to_be_published, open_log,
                                        close_log),
        cmocka_unit_test_setup_teardown(every_changed_file_is_noticed, open_log, close_log),
        cmocka_unit_test_setup_teardown(partial_tiles_may_go, open_log, close_log),
        cmocka_unit_test_setup_teardown(a_log_that_was_forked_is_not_written, open_log, close_log),
        cmocka_unit_test_setup_teardown(a_log_of_others_is_not_written, open_log, close_log),
        cmocka_unit_test_setup_teardown(a_log_that_went_back_is_not_written, open_log, close_log),
        cmocka_unit_test_setup_teardown(entries_over_the_limit_are_refused, open_log, close_log),
    };
    return unit_run("log_writer", tests);
}

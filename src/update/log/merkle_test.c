// SPDX-License-Identifier: Apache-2.0
/*
 * Proofs against RFC 6962's definitions for all small trees, and against the public vectors, which
 * are not part of the project: see $CREANCE_SHARED (default ../shared).
 */
#include "update/log/merkle.h"

#include "base/base64.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "tests/unit.h"
#include "update/log/fake_log.h"

#include <dirent.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_MAX_TRIED = 68 };

static struct merkle_hash root_of(uint64_t size)
{
    return fake_root((struct merkle_range){0, size});
}

static struct merkle_hash leaf_of(uint64_t index)
{
    return fake_root((struct merkle_range){index, index + 1});
}

/* RFC 6962, Section 2.1.3 names no vectors; these are of its authors' own implementation. */
static void hashes_are_those_of_the_rfc(void **state)
{
    (void)state;
    char hex[2 * MERKLE_HASH_BYTES + 1];
    hex_encode(merkle_empty().bytes, MERKLE_HASH_BYTES, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hex_encode(merkle_leaf((struct bytes){(const uint8_t *)"", 0}).bytes, MERKLE_HASH_BYTES, hex);
    assert_string_equal(hex, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    struct merkle_hash left = merkle_leaf((struct bytes){(const uint8_t *)"", 0});
    uint8_t zero = 0;
    struct merkle_hash right = merkle_leaf((struct bytes){&zero, 1});
    hex_encode(merkle_node(&left, &right).bytes, MERKLE_HASH_BYTES, hex);
    assert_string_equal(hex, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
}

static void every_inclusion_in_small_trees_is_proven_and_no_other(void **state)
{
    (void)state;
    for (uint64_t size = 1; size <= SIZE_MAX_TRIED; size++) {
        struct merkle_hash root = root_of(size);
        for (uint64_t index = 0; index < size; index++) {
            struct merkle_range ranges[MERKLE_PROOF_MAX];
            struct merkle_proof proof;
            size_t count;
            assert_ok(merkle_inclusion_ranges(index, size, ranges, &count));
            fake_hashes(ranges, count, &proof);
            struct merkle_hash leaf = leaf_of(index), other = leaf_of(index + 1);
            assert_ok(merkle_verify_inclusion(index, size, &leaf, &proof, &root));
            assert_error(merkle_verify_inclusion(index, size, &other, &proof, &root),
                         ERROR_FORMAT);
            if (size > 1)
                assert_error(merkle_verify_inclusion(index ^ 1, size, &leaf, &proof, &root),
                             ERROR_FORMAT);
            proof.count++;
            proof.hashes[count] = leaf;
            assert_error(merkle_verify_inclusion(index, size, &leaf, &proof, &root),
                         ERROR_FORMAT);
        }
    }
}

static void check_consistency(uint64_t old_size, uint64_t size)
{
    struct merkle_range ranges[MERKLE_PROOF_MAX];
    struct merkle_proof proof;
    size_t count;
    struct merkle_hash old_root = root_of(old_size), root = root_of(size);
    assert_ok(merkle_consistency_ranges(old_size, size, ranges, &count));
    fake_hashes(ranges, count, &proof);
    assert_ok(merkle_verify_consistency(old_size, size, &old_root, &proof, &root));
    for (size_t i = 0; i < count; i++) {
        proof.hashes[i].bytes[i % MERKLE_HASH_BYTES] ^= 1;
        assert_error(merkle_verify_consistency(old_size, size, &old_root, &proof, &root),
                     ERROR_FORMAT);
        proof.hashes[i].bytes[i % MERKLE_HASH_BYTES] ^= 1;
    }
    old_root.bytes[0] ^= 1;
    assert_error(merkle_verify_consistency(old_size, size, &old_root, &proof, &root),
                 ERROR_FORMAT);
}

static void every_consistency_of_small_trees_is_proven_and_no_other(void **state)
{
    (void)state;
    for (uint64_t size = 1; size <= SIZE_MAX_TRIED; size++) {
        for (uint64_t old_size = 1; old_size <= size; old_size++)
            check_consistency(old_size, size);
    }
}

/* The longest proofs there are fill the array and do not overrun it (the sanitizer looks). */
static void the_largest_trees_have_proofs_of_63_hashes_at_most(void **state)
{
    (void)state;
    struct merkle_range ranges[MERKLE_PROOF_MAX];
    size_t count, longest = 0;
    for (uint64_t back = 1; back < 64; back++) {
        assert_ok(merkle_consistency_ranges(MERKLE_SIZE_MAX - back, MERKLE_SIZE_MAX, ranges,
                                            &count));
        longest = count > longest ? count : longest;
        assert_ok(merkle_inclusion_ranges(MERKLE_SIZE_MAX - back, MERKLE_SIZE_MAX, ranges,
                                          &count));
        longest = count > longest ? count : longest;
    }
    assert_int_equal(longest, MERKLE_PROOF_MAX);
    assert_error(merkle_inclusion_ranges(0, MERKLE_SIZE_MAX + 1, ranges, &count), ERROR_FORMAT);
    assert_error(merkle_inclusion_ranges(7, 7, ranges, &count), ERROR_FORMAT);
    assert_error(merkle_consistency_ranges(8, 7, ranges, &count), ERROR_FORMAT);
}

/* draft-ietf-plants-merkle-tree-certs, Section 4.1: [start, end) where start is a multiple of the
 * smallest power of two that is not smaller than end - start. */
static void subtrees_are_those_of_the_draft(void **state)
{
    (void)state;
    for (uint64_t start = 0; start < 40; start++) {
        for (uint64_t end = start; end < 80; end++) {
            uint64_t whole = 1;
            while (whole < end - start)
                whole *= 2;
            assert_int_equal(merkle_is_subtree((struct merkle_range){start, end}),
                             start % whole == 0);
        }
    }
    assert_false(merkle_is_subtree((struct merkle_range){2, 1}));
    assert_false(merkle_is_subtree((struct merkle_range){0, MERKLE_SIZE_MAX + 1}));
}

/* --- the public vectors ----------------------------------------------------------------------- */

struct tally {
    unsigned good, bad, bad_hashes;
};

/* A hash of the vector; false where it is not 32 bytes. */
static bool hash_of(const json_t *value, struct merkle_hash *out)
{
    const char *text = json_string_value(value);
    uint8_t raw[2 * MERKLE_HASH_BYTES + 8];
    size_t size;
    return text != NULL
           && result_is_ok(base64_decode((struct bytes){(const uint8_t *)text, strlen(text)}, raw,
                                         sizeof raw, &size))
           && result_is_ok(merkle_hash_take((struct bytes){raw, size}, out));
}

static bool proof_of(const json_t *list, struct merkle_proof *out)
{
    out->count = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (out->count == MERKLE_PROOF_MAX
            || !hash_of(json_array_get(list, i), &out->hashes[out->count++]))
            return false;
    }
    return true;
}

static uint64_t number_of(const json_t *vector, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(vector, name));
}

/* Is the vector's claim proven? An inclusion is the case of a range of one entry; a subtree that
 * does not begin at 0 is a tree of its own. */
static bool is_proven(const json_t *vector, bool is_inclusion, struct tally *tally)
{
    struct merkle_hash first, root;
    struct merkle_proof proof;
    bool has_range = json_object_get(vector, "start") != NULL;
    struct merkle_range range = {number_of(vector, "start"), number_of(vector, "end")};
    if (!hash_of(json_object_get(vector, is_inclusion ? "leafHash" : "root1"), &first)
        || !hash_of(json_object_get(vector, is_inclusion ? "root" : "root2"), &root)
        || !proof_of(json_object_get(vector, "proof"), &proof)) {
        tally->bad_hashes++;
        return false;
    }
    if (is_inclusion && !has_range)
        return result_is_ok(merkle_verify_inclusion(number_of(vector, "leafIdx"),
                                                    number_of(vector, "treeSize"), &first, &proof,
                                                    &root));
    if (is_inclusion)
        return merkle_is_subtree(range) && number_of(vector, "leafIdx") >= range.start
               && result_is_ok(merkle_verify_inclusion(number_of(vector, "leafIdx") - range.start,
                                                       range.end - range.start, &first, &proof,
                                                       &root));
    if (has_range)
        return result_is_ok(merkle_verify_subtree(range, number_of(vector, "size"), &first, &proof,
                                                  &root));
    return result_is_ok(merkle_verify_consistency(number_of(vector, "size1"),
                                                  number_of(vector, "size2"), &first, &proof,
                                                  &root));
}

/* Vectors of others take any bytes for a root: one that is not of 32 bytes we refuse. */
static bool has_bad_root(const json_t *vector)
{
    static const char *const NAMES[] = {"root", "root1", "root2"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        struct merkle_hash hash;
        const json_t *value = json_object_get(vector, NAMES[i]);
        if (value != NULL && !hash_of(value, &hash))
            return true;
    }
    return false;
}

static void check_file(const char *path, bool is_inclusion, struct tally *tally)
{
    json_error_t error;
    json_t *vector = json_load_file(path, 0, &error);
    if (vector == NULL) {
        /* One has an index over 2^63: that is no number for us either. */
        assert_non_null(strstr(error.text, "too big"));
        tally->bad++;
        return;
    }
    bool is_good = !json_is_true(json_object_get(vector, "wantErr")) && !has_bad_root(vector);
    if (is_proven(vector, is_inclusion, tally) != is_good)
        fail_msg("%s: expected %s", path, is_good ? "a proof" : "a refusal");
    if (is_good)
        tally->good++;
    else
        tally->bad++;
    json_decref(vector);
}

static void check_folder(const char *folder, bool is_inclusion, struct tally *tally)
{
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char path[LIMIT_PATH_BYTES];
        if (entry->d_name[0] == '.')
            continue;
        assert_true(string_format(path, sizeof path, "%s/%s", folder, entry->d_name));
        if (string_ends_with(path, ".json"))
            check_file(path, is_inclusion, tally);
        else
            check_folder(path, is_inclusion, tally);
    }
    closedir(directory);
}

static void every_public_vector_is_judged_as_it_says(void **state)
{
    (void)state;
    static const struct {
        const char *folder;
        bool is_inclusion;
    } KINDS[] = {
        {"inclusion", true},
        {"consistency", false},
        {"subtreeinclusion", true},
        {"subtreeconsistency", false},
    };
    const char *shared = getenv("CREANCE_SHARED");
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        char folder[LIMIT_PATH_BYTES];
        struct tally tally = {0};
        assert_true(string_format(folder, sizeof folder, "%s/data/vectors/merkle/%s",
                                  shared == NULL ? "../shared" : shared, KINDS[i].folder));
        DIR *directory = opendir(folder);
        if (directory == NULL) {
            print_message("# %s is not there\n", folder);
            skip();
            return; /* for those who read this file alone */
        }
        closedir(directory);
        check_folder(folder, KINDS[i].is_inclusion, &tally);
        print_message("# %s: %u proven, %u refused (%u of them for a hash that is not 32 bytes)\n",
                      KINDS[i].folder, tally.good, tally.bad, tally.bad_hashes);
        assert_true(tally.good > 0 && tally.bad > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_those_of_the_rfc),
        cmocka_unit_test(every_inclusion_in_small_trees_is_proven_and_no_other),
        cmocka_unit_test(every_consistency_of_small_trees_is_proven_and_no_other),
        cmocka_unit_test(the_largest_trees_have_proofs_of_63_hashes_at_most),
        cmocka_unit_test(subtrees_are_those_of_the_draft),
        cmocka_unit_test(every_public_vector_is_judged_as_it_says),
    };
    return unit_run("merkle", tests);
}

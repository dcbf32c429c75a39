// SPDX-License-Identifier: Apache-2.0
/* A publisher's year: what is published is followed by the client that hosts run. */
#include "update/tuf/repository.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "tests/unit.h"
#include "update/tuf/client.h"
#include "update/tuf/store_folder.h"
#include "update/tuf/store_memory.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW_S UINT64_C(1800000000)
enum { KEYS = 6, DAY_S = 24 * 3600 };

struct bench {
    char folder[64];
    uint64_t now_s;
    struct private_key *keys[KEYS]; /* 0, 1, 2: root; 3: targets; 4: online; 5: a team's */
    struct tuf_repository *repository;
    struct tuf_memory *kept;
    struct tuf_store store;
    struct tuf_client *client;
};

static const struct public_key *public_of(const struct bench *bench, unsigned key)
{
    return private_key_public(bench->keys[key]);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    for (unsigned i = 0; i < KEYS; i++)
        private_key_free(bench->keys[i]);
    tuf_client_free(bench->client);
    tuf_memory_free(bench->kept);
    tuf_repository_free(bench->repository);
    (void)nftw(bench->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(bench);
    return 0;
}

static void add_keys(struct bench *bench)
{
    struct tuf_repository *repository = bench->repository;
    for (unsigned i = 0; i < 3; i++)
        assert_ok(tuf_repository_add_key(repository, "root", public_of(bench, i), NULL));
    assert_ok(tuf_repository_set_threshold(repository, "root", 2, NULL));
    assert_ok(tuf_repository_add_key(repository, "targets", public_of(bench, 3), NULL));
    assert_ok(tuf_repository_add_key(repository, "snapshot", public_of(bench, 4), NULL));
    assert_ok(tuf_repository_add_key(repository, "timestamp", public_of(bench, 4), NULL));
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    *state = bench;
    (void)string_copy(bench->folder, sizeof bench->folder, "/tmp/creance-repository-XXXXXX");
    if (mkdtemp(bench->folder) == NULL)
        return -1;
    bench->now_s = NOW_S;
    for (unsigned i = 0; i < KEYS; i++) /* RSA keys take too long to make */
        assert_ok(private_key_generate(i % 2 == 0 ? SIGNATURE_ED25519 : SIGNATURE_ECDSA_P256,
                                       &bench->keys[i], NULL));
    assert_ok(tuf_repository_create(bench->folder, bench->now_s, &bench->repository, NULL));
    add_keys(bench);
    bench->kept = tuf_memory_new();
    bench->store = tuf_store_memory(bench->kept);
    return 0;
}

static void reopen(struct bench *bench)
{
    tuf_repository_free(bench->repository);
    bench->repository = NULL;
    assert_ok(tuf_repository_open(bench->folder, bench->now_s, &bench->repository, NULL));
}

static void sign(struct bench *bench, const char *role, unsigned key)
{
    struct explanation why;
    if (!result_is_ok(tuf_repository_sign(bench->repository, role, bench->keys[key], &why)))
        fail_msg("%s", why.text);
}

static struct result publish(struct bench *bench, struct explanation *why)
{
    const struct private_key *keys[] = {bench->keys[4]};
    return tuf_repository_publish(bench->repository, keys, 1, why);
}

static void expect_published(struct bench *bench)
{
    struct explanation why;
    if (!result_is_ok(publish(bench, &why)))
        fail_msg("%s", why.text);
}

static void expect_not_published(struct bench *bench, const char *word)
{
    struct explanation why = {.text = ""};
    assert_error(publish(bench, &why), ERROR_STATE);
    if (strstr(why.text, word) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", why.text, word);
}

static void publish_first(struct bench *bench)
{
    sign(bench, "root", 0);
    sign(bench, "root", 1);
    sign(bench, "targets", 3);
    expect_published(bench);
}

static bool read_published(const struct bench *bench, const char *part, const char *name,
                           uint8_t **ret_data, size_t *ret_size)
{
    char path[LIMIT_PATH_BYTES];
    assert_true(string_format(path, sizeof path, "%s/%s/%s", bench->folder, part, name));
    char *slash = strrchr(path, '/');
    *slash = '\0';
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return false;
    const struct tuf_store store = tuf_store_folder(&folder);
    bool is_there =
        result_is_ok(store.load(store.context, slash + 1, 16 * MIB, ret_data, ret_size));
    close(folder);
    return is_there;
}

static enum tuf_outcome serve(struct bench *bench)
{
    struct tuf_wanted wanted;
    while (tuf_client_wants(bench->client, &wanted)) {
        uint8_t *data = NULL;
        size_t size = 0;
        if (read_published(bench, "metadata", wanted.name, &data, &size))
            assert_ok(tuf_client_give(bench->client, data, size, NULL));
        else
            assert_ok(tuf_client_give_absent(bench->client, NULL));
        free(data);
    }
    return tuf_client_report(bench->client)->outcome;
}

/* The same host all the time: it starts from the first root. */
static void expect_host_is_current(struct bench *bench)
{
    if (bench->client == NULL) {
        uint8_t *root = NULL;
        size_t size = 0;
        assert_true(read_published(bench, "metadata", "1.root.json", &root, &size));
        assert_ok(tuf_client_new(&bench->store, root, size, &bench->client, NULL));
        free(root);
    }
    assert_ok(tuf_client_refresh(bench->client, bench->now_s, NULL));
    if (serve(bench) != TUF_CURRENT)
        fail_msg("%s", tuf_client_report(bench->client)->why.text);
}

static void expect_host_finds(struct bench *bench, const char *path, const char *content)
{
    char name[TUF_TARGET_NAME_BYTES];
    uint8_t *data = NULL;
    size_t size = 0;
    assert_ok(tuf_client_find(bench->client, path, NULL));
    if (serve(bench) != TUF_FOUND)
        fail_msg("%s", tuf_client_report(bench->client)->why.text);
    const struct tuf_target *target = tuf_client_target(bench->client);
    tuf_client_target_name(bench->client, target, name);
    assert_true(read_published(bench, "targets", name, &data, &size));
    assert_true(tuf_target_matches(target, data, size));
    assert_int_equal(size, strlen(content));
    assert_memory_equal(data, content, size);
    free(data);
}

static void add(struct bench *bench, const char *role, const char *path, const char *content)
{
    assert_ok(tuf_repository_add_target(bench->repository, role, path, content, strlen(content),
                                        "{\"for\": \"tests\"}", NULL));
}

/* --- tests ----------------------------------------------------------------------------------- */

static void a_first_release_reaches_a_host(void **state)
{
    struct bench *bench = *state;
    add(bench, "targets", "rules/linux.bundle", "one");
    reopen(bench);
    publish_first(bench);
    expect_host_is_current(bench);
    expect_host_finds(bench, "rules/linux.bundle", "one");
    assert_string_equal(tuf_client_target(bench->client)->custom, "{\"for\":\"tests\"}");
    reopen(bench);
    add(bench, "targets", "rules/linux.bundle", "two");
    sign(bench, "targets", 3);
    expect_published(bench);
    expect_host_is_current(bench);
    expect_host_finds(bench, "rules/linux.bundle", "two");
    assert_ok(tuf_repository_remove_target(bench->repository, "targets", "rules/linux.bundle",
                                           NULL));
    sign(bench, "targets", 3);
    expect_published(bench);
    expect_host_is_current(bench);
    assert_ok(tuf_client_find(bench->client, "rules/linux.bundle", NULL));
    assert_int_equal(tuf_client_report(bench->client)->outcome, TUF_ABSENT);
}

static void nothing_is_published_before_all_have_signed(void **state)
{
    struct bench *bench = *state;
    struct tuf_repository_role role;
    expect_not_published(bench, "root has 0 of the 2 signatures");
    sign(bench, "root", 0);
    sign(bench, "root", 0); /* again counts once */
    sign(bench, "targets", 3);
    expect_not_published(bench, "root has 1 of the 2 signatures");
    assert_true(tuf_repository_role_at(bench->repository, 0, &role));
    assert_string_equal(role.name, "root");
    assert_int_equal(role.version, 0);
    assert_int_equal(role.staged_version, 1);
    assert_int_equal(role.staged_signed, 1);
    assert_int_equal(role.threshold, 2);
    assert_int_equal(role.key_count, 3);
    assert_true(tuf_repository_role_at(bench->repository, 1, &role));
    assert_string_equal(role.name, "targets");
    assert_false(tuf_repository_role_at(bench->repository, 2, &role));
    struct explanation why;
    assert_error(tuf_repository_sign(bench->repository, "root", bench->keys[3], &why),
                 ERROR_STATE);
    reopen(bench); /* the other holder's machine */
    sign(bench, "root", 2);
    add(bench, "targets", "x", "changed after it was signed");
    expect_not_published(bench, "targets has 0 of the 1");
    sign(bench, "targets", 3);
    const struct private_key *nobody[] = {bench->keys[5]};
    assert_error(tuf_repository_publish(bench->repository, nobody, 1, &why), ERROR_STATE);
    assert_non_null(strstr(why.text, "snapshot has 0 of the 1"));
    uint8_t *data;
    size_t size;
    assert_false(read_published(bench, "metadata", "1.root.json", &data, &size));
    expect_published(bench);
    expect_host_is_current(bench);
}

static void keys_are_rotated_without_losing_hosts(void **state)
{
    struct bench *bench = *state;
    publish_first(bench);
    expect_host_is_current(bench);
    /* a root key is stolen: key 0 goes, key 5 comes */
    assert_ok(tuf_repository_remove_key(bench->repository, "root", public_of(bench, 0), NULL));
    assert_ok(tuf_repository_add_key(bench->repository, "root", public_of(bench, 5), NULL));
    sign(bench, "root", 2);
    sign(bench, "root", 5);
    expect_not_published(bench, "the published root's keys");
    sign(bench, "root", 1);
    expect_published(bench);
    expect_host_is_current(bench);
    /* the key of targets is replaced; its metadata must be signed anew */
    assert_ok(tuf_repository_remove_key(bench->repository, "targets", public_of(bench, 3), NULL));
    assert_ok(tuf_repository_add_key(bench->repository, "targets", public_of(bench, 0), NULL));
    sign(bench, "root", 1);
    sign(bench, "root", 2);
    expect_not_published(bench, "targets has 0 of the 1");
    assert_ok(tuf_repository_renew(bench->repository, "targets", NULL));
    sign(bench, "targets", 0);
    expect_published(bench);
    expect_host_is_current(bench);
    assert_int_equal(tuf_client_trusted(bench->client, TUF_ROOT)->version, 3);
    assert_int_equal(tuf_client_trusted(bench->client, TUF_TARGETS)->version, 2);
    assert_error(tuf_repository_remove_key(bench->repository, "root", public_of(bench, 0), NULL),
                 ERROR_NOT_FOUND);
    assert_error(tuf_repository_add_key(bench->repository, "root", public_of(bench, 5), NULL),
                 ERROR_STATE);
}

static void roles_are_delegated_to_others(void **state)
{
    struct bench *bench = *state;
    static const char *const PATTERNS[] = {"team/*", "team/*/*"};
    struct explanation why;
    assert_ok(tuf_repository_delegate(bench->repository, "targets", "team", PATTERNS, 2, true,
                                      NULL));
    assert_ok(tuf_repository_add_key(bench->repository, "team", public_of(bench, 5), NULL));
    add(bench, "team", "team/a/b", "of the team");
    sign(bench, "root", 0);
    sign(bench, "root", 1);
    sign(bench, "targets", 3);
    expect_not_published(bench, "team has 0 of the 1");
    assert_error(tuf_repository_sign(bench->repository, "team", bench->keys[3], &why),
                 ERROR_STATE);
    sign(bench, "team", 5);
    expect_published(bench);
    expect_host_is_current(bench);
    expect_host_finds(bench, "team/a/b", "of the team");
    reopen(bench);
    add(bench, "team", "team/c", "without anybody else");
    sign(bench, "team", 5);
    expect_published(bench);
    expect_host_is_current(bench);
    expect_host_finds(bench, "team/c", "without anybody else");
    static const char *const ODD[] = {"root", "", "a/b", ".hidden", "a b"};
    for (size_t i = 0; i < sizeof ODD / sizeof ODD[0]; i++)
        assert_error(tuf_repository_delegate(bench->repository, "targets", ODD[i], PATTERNS, 1,
                                             false, NULL), ERROR_FORMAT);
    assert_error(tuf_repository_delegate(bench->repository, "targets", "team", PATTERNS, 1, false,
                                         NULL), ERROR_STATE);
    assert_error(tuf_repository_delegate(bench->repository, "root", "other", PATTERNS, 1, false,
                                         NULL), ERROR_NOT_FOUND);
}

static void dates_are_renewed(void **state)
{
    struct bench *bench = *state;
    publish_first(bench);
    expect_host_is_current(bench);
    bench->now_s += 2 * DAY_S;
    reopen(bench);
    expect_published(bench); /* nothing is staged: a timestamp only */
    expect_host_is_current(bench);
    assert_int_equal(tuf_client_trusted(bench->client, TUF_TIMESTAMP)->version, 2);
    assert_int_equal(tuf_client_trusted(bench->client, TUF_SNAPSHOT)->version, 1);
    bench->now_s += 9 * DAY_S; /* the snapshot has five days left */
    reopen(bench);
    expect_published(bench);
    expect_host_is_current(bench);
    assert_int_equal(tuf_client_trusted(bench->client, TUF_SNAPSHOT)->version, 2);
    bench->now_s += 85 * DAY_S;
    reopen(bench);
    expect_not_published(bench, "targets.json (version 1) expired");
    assert_ok(tuf_repository_renew(bench->repository, "targets", NULL));
    sign(bench, "targets", 3);
    expect_published(bench);
    expect_host_is_current(bench);
    assert_error(tuf_repository_renew(bench->repository, "snapshot", NULL), ERROR_NOT_FOUND);
}

/* Ended between its files: the next run publishes the same. */
static void a_publishing_that_was_ended_is_done_again(void **state)
{
    struct bench *bench = *state;
    char from[LIMIT_PATH_BYTES];
    char to[LIMIT_PATH_BYTES];
    publish_first(bench);
    expect_host_is_current(bench);
    add(bench, "targets", "x", "y");
    sign(bench, "targets", 3);
    /* as if only this file had been written */
    assert_true(string_format(from, sizeof from, "%s/staged/targets.json", bench->folder));
    assert_true(string_format(to, sizeof to, "%s/metadata/2.targets.json", bench->folder));
    assert_int_equal(link(from, to), 0);
    reopen(bench);
    expect_host_is_current(bench);
    expect_published(bench);
    expect_host_is_current(bench);
    expect_host_finds(bench, "x", "y");
}

static void what_is_no_repository_is_said(void **state)
{
    struct bench *bench = *state;
    struct tuf_repository *other = NULL;
    struct explanation why;
    assert_error(tuf_repository_create(bench->folder, NOW_S, &other, &why), ERROR_STATE);
    assert_error(tuf_repository_open("/nonexistent", NOW_S, &other, &why), ERROR_NOT_FOUND);
    assert_non_null(strstr(why.text, "there is no repository"));
    assert_error(tuf_repository_add_target(bench->repository, "targets", "../x", "", 0, NULL,
                                           &why), ERROR_FORMAT);
    assert_error(tuf_repository_add_target(bench->repository, "targets", "x", "", 0, "[1]", &why),
                 ERROR_FORMAT);
    assert_error(tuf_repository_add_target(bench->repository, "snapshot", "x", "", 0, NULL, &why),
                 ERROR_NOT_FOUND);
    assert_error(tuf_repository_add_key(bench->repository, "nobody", public_of(bench, 0), &why),
                 ERROR_NOT_FOUND);
    assert_error(tuf_repository_set_threshold(bench->repository, "root", 0, &why), ERROR_FORMAT);
}

#define bench_test(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        bench_test(a_first_release_reaches_a_host),
        bench_test(nothing_is_published_before_all_have_signed),
        bench_test(keys_are_rotated_without_losing_hosts),
        bench_test(roles_are_delegated_to_others),
        bench_test(dates_are_renewed),
        bench_test(a_publishing_that_was_ended_is_done_again),
        bench_test(what_is_no_repository_is_said),
    };
    return unit_run("tuf/repository", tests);
}

// SPDX-License-Identifier: Apache-2.0
/*
 * The client against repositories that lie, sleep, lose keys and recover: each attack of the TUF
 * specification (section 1.5.2) by its name, and what must stay as it was.
 */
#include "update/tuf/client.h"

#include "base/bytes.h"
#include "tests/unit.h"
#include "update/tuf/fake_repository.h"

#include <stdlib.h>
#include <string.h>

struct bench {
    struct fake_repository *fake;
    struct tuf_memory *kept; /* the client's store */
    struct tuf_store store;
    struct tuf_client *client;
};

static void start_client(struct bench *bench, const char *anchor)
{
    tuf_client_free(bench->client);
    bench->client = NULL;
    assert_ok(tuf_client_new(&bench->store, anchor, anchor == NULL ? 0 : strlen(anchor),
                             &bench->client, NULL));
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    bench->fake = fake_repository_new();
    bench->kept = tuf_memory_new();
    bench->store = tuf_store_memory(bench->kept);
    start_client(bench, fake_get(bench->fake, "1.root.json"));
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    tuf_client_free(bench->client);
    tuf_memory_free(bench->kept);
    fake_repository_free(bench->fake);
    free(bench);
    return 0;
}

/* The version that the store has of a role; 0: none. */
static json_int_t kept_version(const struct bench *bench, const char *name)
{
    const uint8_t *data = NULL;
    size_t size = 0;
    if (!tuf_memory_get(bench->kept, name, &data, &size))
        return 0;
    json_t *document = json_loadb((const char *)data, size, 0, NULL);
    json_int_t version = json_integer_value(
        json_object_get(json_object_get(document, "signed"), "version"));
    json_decref(document);
    return version;
}

static void expect_kept(const struct bench *bench, int root, int timestamp, int snapshot,
                        int targets)
{
    assert_int_equal(kept_version(bench, "root.json"), root);
    assert_int_equal(kept_version(bench, "timestamp.json"), timestamp);
    assert_int_equal(kept_version(bench, "snapshot.json"), snapshot);
    assert_int_equal(kept_version(bench, "targets.json"), targets);
}

static void expect_current(struct bench *bench)
{
    if (fake_refresh(bench->fake, bench->client, FAKE_NOW_S) != TUF_CURRENT)
        fail_msg("%s", tuf_client_report(bench->client)->why.text);
}

static void expect_refused(struct bench *bench, enum tuf_refusal refusal, const char *file)
{
    assert_int_equal(fake_refresh(bench->fake, bench->client, FAKE_NOW_S), TUF_REFUSED);
    const struct tuf_report *report = tuf_client_report(bench->client);
    if (report->refusal != refusal || !string_equal(report->file, file))
        fail_msg("%s is %s: %s", report->file, tuf_refusal_text(report->refusal),
                 report->why.text);
    assert_non_null(strstr(report->why.text, "stays in force"));
}

static void set(json_t *object, const char *name, json_t *value)
{
    assert_int_equal(json_object_set_new(object, name, value), 0);
}

/* --- the road without attacks ---------------------------------------------------------------- */

static void a_refresh_asks_for_what_it_needs(void **state)
{
    struct bench *bench = *state;
    expect_current(bench);
    assert_string_equal(bench->fake->asked,
                        "2.root.json timestamp.json 1.snapshot.json 1.targets.json ");
    expect_kept(bench, 1, 1, 1, 1);
    expect_current(bench);
    assert_string_equal(bench->fake->asked, "2.root.json timestamp.json ");
    fake_publish(bench->fake, "timestamp");
    expect_current(bench);
    assert_string_equal(bench->fake->asked, "2.root.json timestamp.json ");
    fake_publish_all(bench->fake);
    expect_current(bench);
    expect_kept(bench, 1, 3, 2, 2);
}

static void without_consistent_snapshots_names_have_no_version(void **state)
{
    struct bench *bench = *state;
    set(fake_body(bench->fake, "root"), "consistent_snapshot", json_false());
    fake_publish(bench->fake, "root");
    fake_put(bench->fake, "snapshot.json", fake_get(bench->fake, "1.snapshot.json"));
    fake_put(bench->fake, "targets.json", fake_get(bench->fake, "1.targets.json"));
    expect_current(bench);
    assert_string_equal(bench->fake->asked, "2.root.json 3.root.json timestamp.json snapshot.json "
                                            "targets.json ");
}

static void files_are_kept_byte_for_byte(void **state)
{
    struct bench *bench = *state;
    char text[4096];
    const uint8_t *data = NULL;
    size_t size = 0;
    assert_true(string_format(text, sizeof text, " \n%s\t ",
                              fake_get(bench->fake, "timestamp.json")));
    fake_put(bench->fake, "timestamp.json", text);
    expect_current(bench);
    assert_true(tuf_memory_get(bench->kept, "timestamp.json", &data, &size));
    assert_int_equal(size, strlen(text));
    assert_memory_equal(data, text, size);
}

static void what_was_begun_goes_on_in_another_process(void **state)
{
    struct bench *bench = *state;
    struct tuf_wanted wanted;
    fake_publish(bench->fake, "root");
    for (unsigned steps = 0; steps < 6; steps++) {
        assert_ok(tuf_client_refresh(bench->client, FAKE_NOW_S, NULL));
        for (unsigned i = 0; i < steps && tuf_client_wants(bench->client, &wanted); i++) {
            const char *text = fake_get(bench->fake, wanted.name);
            if (text == NULL)
                assert_ok(tuf_client_give_absent(bench->client, NULL));
            else
                assert_ok(tuf_client_give(bench->client, text, strlen(text), NULL));
        }
        start_client(bench, NULL);
    }
    expect_current(bench);
    assert_string_equal(bench->fake->asked, "3.root.json timestamp.json ");
    expect_kept(bench, 2, 1, 1, 1);
}

/* --- arbitrary software: files that nobody or somebody else signed --------------------------- */

static void unsigned_files_are_refused(void **state)
{
    static const char *const FILES[] = {"2.root.json", "timestamp.json", "2.snapshot.json",
                                        "2.targets.json"};
    static const char *const ROLES[] = {"root", "timestamp", "snapshot", "targets"};
    for (unsigned i = 0; i < 4; i++) {
        struct bench *bench = *state;
        bench->fake->roles[i].signers = 1 << 9; /* a key that is nobody's */
        if (i == 0)
            fake_publish(bench->fake, ROLES[i]);
        else
            fake_publish_all(bench->fake);
        expect_refused(bench, TUF_UNSIGNED, FILES[i]);
        bench->fake->roles[i].signers = 0;
        char *text = fake_sign(bench->fake, fake_body(bench->fake, ROLES[i]), 0);
        fake_put(bench->fake, FILES[i], text);
        free(text);
        expect_refused(bench, TUF_UNSIGNED, FILES[i]);
        expect_kept(bench, 1, i > 1 ? 2 : 0, i > 2 ? 2 : 0, 0);
        tear_down(state);
        set_up(state);
    }
}

static void a_changed_byte_is_refused(void **state)
{
    struct bench *bench = *state;
    char *text = strdup(fake_get(bench->fake, "timestamp.json"));
    char *at = strstr(text, "2027");
    at[3] = '8';
    fake_put(bench->fake, "timestamp.json", text);
    free(text);
    expect_refused(bench, TUF_UNSIGNED, "timestamp.json");
    expect_kept(bench, 1, 0, 0, 0);
}

static void a_file_of_another_role_is_refused(void **state)
{
    struct bench *bench = *state;
    /* the snapshot as a timestamp, also signed by the timestamp's key */
    json_t *body = json_deep_copy(fake_body(bench->fake, "snapshot"));
    char *text = fake_sign(bench->fake, body, 1 << 1 | 1 << 2);
    fake_put(bench->fake, "timestamp.json", text);
    free(text);
    json_decref(body);
    expect_refused(bench, TUF_MALFORMED, "timestamp.json");
}

/* --- key compromise -------------------------------------------------------------------------- */

static void a_threshold_needs_as_many_keys(void **state)
{
    struct bench *bench = *state;
    fake_set_signers(bench->fake, "timestamp", 1 << 4 | 1 << 5 | 1 << 6, 2);
    fake_publish(bench->fake, "root");
    bench->fake->roles[1].signers = 1 << 5;
    fake_publish(bench->fake, "timestamp");
    expect_refused(bench, TUF_UNSIGNED, "timestamp.json");
    bench->fake->roles[1].signers = 1 << 5 | 1 << 9;
    fake_publish(bench->fake, "timestamp");
    expect_refused(bench, TUF_UNSIGNED, "timestamp.json");
    bench->fake->roles[1].signers = 1 << 4 | 1 << 6;
    fake_publish(bench->fake, "timestamp");
    expect_current(bench);
}

static void more_than_all_keys_cannot_be_had(void **state)
{
    struct bench *bench = *state;
    fake_set_signers(bench->fake, "snapshot", 1 << 4, 2);
    fake_publish(bench->fake, "root");
    fake_publish(bench->fake, "snapshot");
    fake_publish(bench->fake, "timestamp");
    expect_refused(bench, TUF_UNSIGNED, "2.snapshot.json");
    expect_kept(bench, 2, 2, 0, 0);
}

static void one_key_under_two_ids_counts_once(void **state)
{
    struct bench *bench = *state;
    struct fake_repository *fake = bench->fake;
    char id[65];
    char twin_id[65];
    fake_set_signers(fake, "timestamp", 1 << 4, 2);
    json_t *root = fake_body(fake, "root");
    /* with other words around it, it has another id that is right, too */
    json_t *twin = fake_key_object(fake, 4, id);
    set(twin, "comment", json_string("somebody else"));
    fake_key_id(twin, twin_id);
    set(json_object_get(root, "keys"), twin_id, twin);
    json_t *role = json_object_get(json_object_get(root, "roles"), "timestamp");
    json_array_append_new(json_object_get(role, "keyids"), json_string(twin_id));
    fake_publish(fake, "root");
    fake_publish(fake, "timestamp");
    json_t *document = json_loads(fake_get(fake, "timestamp.json"), 0, NULL);
    json_t *rows = json_object_get(document, "signatures");
    json_t *again = json_deep_copy(json_array_get(rows, 0));
    set(again, "keyid", json_string(twin_id));
    json_array_append_new(rows, again);
    char *text = json_dumps(document, JSON_COMPACT);
    fake_put(fake, "timestamp.json", text);
    free(text);
    json_decref(document);
    expect_refused(bench, TUF_UNSIGNED, "timestamp.json");
}

static void a_key_that_is_not_its_id_never_signs(void **state)
{
    struct bench *bench = *state;
    struct fake_repository *fake = bench->fake;
    char id[65];
    json_t *root = fake_body(fake, "root");
    json_t *wrong = fake_key_object(fake, 1, id);
    set(wrong, "comment", json_string("the id is that of the key without this"));
    set(json_object_get(root, "keys"), id, wrong);
    fake_publish(fake, "root");
    expect_refused(bench, TUF_UNSIGNED, "timestamp.json");
    expect_kept(bench, 2, 0, 0, 0);
}

static void the_same_id_twice_is_refused(void **state)
{
    struct bench *bench = *state;
    json_t *document = json_loads(fake_get(bench->fake, "timestamp.json"), 0, NULL);
    json_t *rows = json_object_get(document, "signatures");
    json_array_append(rows, json_array_get(rows, 0));
    char *text = json_dumps(document, JSON_COMPACT);
    fake_put(bench->fake, "timestamp.json", text);
    free(text);
    json_decref(document);
    expect_refused(bench, TUF_MALFORMED, "timestamp.json");
    json_t *role = json_object_get(
        json_object_get(fake_body(bench->fake, "root"), "roles"), "snapshot");
    json_t *ids = json_object_get(role, "keyids");
    json_array_append(ids, json_array_get(ids, 0));
    fake_publish(bench->fake, "root");
    expect_refused(bench, TUF_MALFORMED, "2.root.json");
    expect_kept(bench, 1, 0, 0, 0);
}

/* --- root rotation --------------------------------------------------------------------------- */

static void a_new_root_needs_the_old_and_the_new_keys(void **state)
{
    struct bench *bench = *state;
    struct fake_repository *fake = bench->fake;
    fake_set_signers(fake, "root", 1 << 7 | 1 << 8, 2);
    fake->roles[0].signers = 1 << 7 | 1 << 8;
    fake_publish(fake, "root");
    expect_refused(bench, TUF_UNSIGNED, "2.root.json"); /* not by the old one */
    fake->roles[0].signers = 1 << 0 | 1 << 7;
    char *text = fake_sign(fake, fake->roles[0].body, 1 << 0 | 1 << 7);
    fake_put(fake, "2.root.json", text);
    free(text);
    expect_refused(bench, TUF_UNSIGNED, "2.root.json"); /* not by enough new ones */
    text = fake_sign(fake, fake->roles[0].body, 1 << 0 | 1 << 7 | 1 << 8);
    fake_put(fake, "2.root.json", text);
    free(text);
    expect_current(bench);
    expect_kept(bench, 2, 1, 1, 1);
    fake->roles[0].signers = 1 << 0; /* the thief of the old key comes too late */
    fake_publish(fake, "root");
    expect_refused(bench, TUF_UNSIGNED, "3.root.json");
}

static void roots_come_one_by_one(void **state)
{
    struct bench *bench = *state;
    fake_publish(bench->fake, "root");
    fake_publish(bench->fake, "root");
    fake_put(bench->fake, "2.root.json", fake_get(bench->fake, "3.root.json"));
    expect_refused(bench, TUF_ROLLED_BACK, "2.root.json");
    fake_put(bench->fake, "2.root.json", fake_get(bench->fake, "1.root.json"));
    expect_refused(bench, TUF_ROLLED_BACK, "2.root.json");
    expect_kept(bench, 1, 0, 0, 0);
}

static void a_flood_of_roots_is_taken_in_parts(void **state)
{
    struct bench *bench = *state;
    for (unsigned i = 0; i < LIMIT_TUF_ROOT_ROTATIONS + 10; i++)
        fake_publish(bench->fake, "root");
    expect_current(bench);
    assert_int_equal(kept_version(bench, "root.json"), LIMIT_TUF_ROOT_ROTATIONS + 1);
    expect_current(bench);
    assert_int_equal(kept_version(bench, "root.json"), LIMIT_TUF_ROOT_ROTATIONS + 11);
}

/* --- freeze ---------------------------------------------------------------------------------- */

static void expired_files_are_not_taken_and_nothing_ends(void **state)
{
    struct bench *bench = *state;
    static const char *const ROLES[] = {"timestamp", "snapshot", "targets"};
    expect_current(bench);
    for (int i = 0; i < 3; i++) {
        json_t *body = fake_body(bench->fake, ROLES[i]);
        int last = 2 * i + 1; /* the version that is trusted of each */
        set(body, "expires", json_string("2027-01-15T08:00:00Z")); /* this very second */
        fake_publish_all(bench->fake);
        assert_int_equal(fake_refresh(bench->fake, bench->client, FAKE_NOW_S), TUF_EXPIRED);
        const struct tuf_report *report = tuf_client_report(bench->client);
        assert_non_null(strstr(report->why.text, "expired on 2027-01-15T08:00:00Z"));
        assert_non_null(strstr(report->why.text, "stays in force"));
        assert_non_null(strstr(report->file, ROLES[i]));
        expect_kept(bench, 1, i > 0 ? last + 1 : last, i > 1 ? last + 1 : last, last);
        assert_error(tuf_client_find(bench->client, "x", NULL), ERROR_STATE);
        set(body, "expires", json_string("2027-01-15T08:00:01Z"));
        fake_publish_all(bench->fake);
        expect_current(bench);
    }
}

/* Taken in its time, and nothing newer came. */
static void each_trusted_file_can_expire(void **state)
{
    struct bench *bench = *state;
    static const char *const ROLES[] = {"timestamp", "snapshot", "targets"};
    for (unsigned i = 0; i < 3; i++) {
        json_t *body = fake_body(bench->fake, ROLES[i]);
        set(body, "expires", json_string("2027-01-15T08:00:01Z"));
        fake_publish_all(bench->fake);
        expect_current(bench);
        assert_int_equal(fake_refresh(bench->fake, bench->client, FAKE_NOW_S + 1), TUF_EXPIRED);
        assert_non_null(strstr(tuf_client_report(bench->client)->file, ROLES[i]));
        assert_error(tuf_client_find(bench->client, "x", NULL), ERROR_STATE);
        set(body, "expires", json_string(FAKE_EXPIRES));
    }
}

static void what_expires_while_it_is_trusted_is_said(void **state)
{
    struct bench *bench = *state;
    expect_current(bench);
    assert_int_equal(fake_refresh(bench->fake, bench->client, FAKE_NOW_S * 2), TUF_EXPIRED);
    assert_string_equal(tuf_client_report(bench->client)->file, "1.root.json");
    expect_kept(bench, 1, 1, 1, 1);
    assert_error(tuf_client_find(bench->client, "x", NULL), ERROR_STATE);
    expect_current(bench); /* the clock was wrong */
}

static void an_expired_root_leads_to_the_next_one(void **state)
{
    struct bench *bench = *state;
    json_t *root = fake_body(bench->fake, "root");
    set(root, "expires", json_string("2020-01-01T00:00:00Z"));
    fake_publish(bench->fake, "root");
    assert_int_equal(fake_refresh(bench->fake, bench->client, FAKE_NOW_S), TUF_EXPIRED);
    assert_string_equal(bench->fake->asked, "2.root.json 3.root.json ");
    expect_kept(bench, 2, 0, 0, 0);
    set(root, "expires", json_string(FAKE_EXPIRES));
    fake_publish(bench->fake, "root");
    expect_current(bench);
}

/* --- rollback -------------------------------------------------------------------------------- */

static void older_timestamps_are_refused(void **state)
{
    struct bench *bench = *state;
    char *old = strdup(fake_get(bench->fake, "timestamp.json"));
    fake_publish(bench->fake, "timestamp");
    expect_current(bench);
    fake_put(bench->fake, "timestamp.json", old);
    free(old);
    expect_refused(bench, TUF_ROLLED_BACK, "timestamp.json");
    expect_kept(bench, 1, 2, 1, 1);
}

static void an_equal_timestamp_changes_nothing(void **state)
{
    struct bench *bench = *state;
    expect_current(bench);
    json_t *body = json_deep_copy(fake_body(bench->fake, "timestamp"));
    set(json_object_get(json_object_get(body, "meta"), "snapshot.json"), "version",
        json_integer(100));
    char *text = fake_sign(bench->fake, body, 1 << 1);
    fake_put(bench->fake, "timestamp.json", text);
    free(text);
    json_decref(body);
    expect_current(bench);
    assert_string_equal(bench->fake->asked, "2.root.json timestamp.json ");
}

static void a_timestamp_with_an_older_snapshot_is_refused(void **state)
{
    struct bench *bench = *state;
    fake_publish_all(bench->fake);
    expect_current(bench);
    json_t *meta = json_object_get(fake_body(bench->fake, "timestamp"), "meta");
    set(json_object_get(meta, "snapshot.json"), "version", json_integer(1));
    fake_publish(bench->fake, "timestamp");
    expect_refused(bench, TUF_ROLLED_BACK, "timestamp.json");
    expect_kept(bench, 1, 2, 2, 2);
}

static void a_snapshot_with_an_older_or_missing_file_is_refused(void **state)
{
    struct bench *bench = *state;
    struct fake_repository *fake = bench->fake;
    fake->with_hashes = true;
    fake_delegate(fake, "targets", "team", 4, "paths", "team/*");
    fake_publish(fake, "team");
    fake_publish_all(fake);
    expect_current(bench);
    json_t *meta = json_object_get(fake_body(fake, "snapshot"), "meta");
    json_t *row = json_incref(json_object_get(meta, "team.json"));
    json_object_del(meta, "team.json");
    fake_publish(fake, "snapshot");
    fake_publish(fake, "timestamp");
    expect_refused(bench, TUF_ROLLED_BACK, "3.snapshot.json");
    json_object_set_new(meta, "team.json", row);
    set(json_object_get(meta, "targets.json"), "version", json_integer(1));
    fake_publish(fake, "snapshot");
    fake_publish(fake, "timestamp");
    expect_refused(bench, TUF_ROLLED_BACK, "4.snapshot.json");
    assert_int_equal(kept_version(bench, "snapshot.json"), 2);
    assert_int_equal(kept_version(bench, "targets.json"), 2);
}

/* --- fast forward, and the way back ---------------------------------------------------------- */

static void rotated_keys_lead_back_from_high_versions(void **state)
{
    struct bench *bench = *state;
    struct fake_repository *fake = bench->fake;
    static const char *const ROLES[] = {"timestamp", "snapshot", "targets"};
    fake_delegate(fake, "targets", "evil/role", 4, "paths", "*");
    fake_publish(fake, "evil/role");
    for (unsigned i = 0; i < 3; i++)
        set(fake_body(fake, ROLES[i]), "version", json_integer(INT64_MAX - 3));
    fake_publish_all(fake);
    expect_current(bench);
    assert_int_equal(fake_find(fake, bench->client, "x"), TUF_ABSENT);
    assert_int_equal(kept_version(bench, "evil%2Frole.json"), 1);
    for (unsigned i = 0; i < 3; i++) {
        set(fake_body(fake, ROLES[i]), "version", json_integer(1));
        fake->roles[i + 1].is_published = false;
    }
    json_object_del(fake_body(fake, "targets"), "delegations");
    json_object_del(json_object_get(fake_body(fake, "snapshot"), "meta"), "evil/role.json");
    fake_publish_all(fake);
    expect_refused(bench, TUF_ROLLED_BACK, "timestamp.json");
    fake_set_signers(fake, "timestamp", 1 << 5, 1);
    fake_set_signers(fake, "snapshot", 1 << 6, 1);
    fake_publish(fake, "root");
    for (unsigned i = 1; i < 3; i++)
        fake->roles[i].is_published = false;
    fake_publish(fake, "snapshot");
    fake_publish(fake, "timestamp");
    expect_current(bench);
    expect_kept(bench, 2, 1, 1, 1);
    assert_int_equal(kept_version(bench, "evil%2Frole.json"), 0); /* no rubbish stays */
}

/* One of two keys is gone: the old files are still signed by the other one. */
static void a_key_that_goes_counts_as_rotated(void **state)
{
    struct bench *bench = *state;
    struct fake_repository *fake = bench->fake;
    fake_set_signers(fake, "snapshot", 1 << 2 | 1 << 6, 1);
    fake_publish(fake, "root");
    set(fake_body(fake, "targets"), "version", json_integer(100));
    fake_publish_all(fake);
    expect_current(bench);
    fake_set_signers(fake, "snapshot", 1 << 2, 1);
    fake_publish(fake, "root");
    set(fake_body(fake, "targets"), "version", json_integer(1));
    fake_publish_all(fake);
    expect_current(bench);
    assert_int_equal(kept_version(bench, "targets.json"), 2);
}

static void a_key_more_is_no_rotation(void **state)
{
    struct bench *bench = *state;
    struct fake_repository *fake = bench->fake;
    char *old = strdup(fake_get(fake, "timestamp.json"));
    fake_publish(fake, "timestamp");
    expect_current(bench);
    fake_set_signers(fake, "timestamp", 1 << 1 | 1 << 5, 1);
    fake_publish(fake, "root");
    fake_put(fake, "timestamp.json", old);
    free(old);
    expect_refused(bench, TUF_ROLLED_BACK, "timestamp.json");
}

/* --- mix and match --------------------------------------------------------------------------- */

static void files_that_are_not_the_listed_ones_are_refused(void **state)
{
    struct bench *bench = *state;
    struct fake_repository *fake = bench->fake;
    fake_publish_all(fake);
    fake_put(fake, "2.snapshot.json", fake_get(fake, "1.snapshot.json"));
    expect_refused(bench, TUF_MISMATCHED, "2.snapshot.json");
    expect_kept(bench, 1, 2, 0, 0);
    fake->with_hashes = true;
    fake_publish_all(fake);
    char *text = strdup(fake_get(fake, "3.targets.json"));
    char longer[4096];
    assert_true(string_format(longer, sizeof longer, "%s ", text));
    fake_put(fake, "3.targets.json", longer);
    expect_refused(bench, TUF_ENDLESS, "3.targets.json");
    text[strlen(text) - 1] = '\0';
    fake_put(fake, "3.targets.json", text);
    expect_refused(bench, TUF_MISMATCHED, "3.targets.json");
    free(text);
    /* as long, as new, as well signed: only the hash tells */
    set(fake_body(fake, "targets"), "spec_version", json_string("1.0.33"));
    text = fake_sign(fake, fake_body(fake, "targets"), 1 << 3);
    fake_put(fake, "3.targets.json", text);
    free(text);
    expect_refused(bench, TUF_MISMATCHED, "3.targets.json");
    expect_kept(bench, 1, 3, 3, 0);
    /* a length without a hash */
    fake->with_hashes = false;
    fake_publish(fake, "targets");
    json_t *meta = json_object_get(fake_body(fake, "snapshot"), "meta");
    size_t size = strlen(fake_get(fake, "4.targets.json"));
    set(json_object_get(meta, "targets.json"), "length", json_integer((json_int_t)size + 1));
    fake_publish(fake, "snapshot");
    fake_publish(fake, "timestamp");
    expect_refused(bench, TUF_MISMATCHED, "4.targets.json");
}

static void a_snapshot_without_targets_is_refused(void **state)
{
    struct bench *bench = *state;
    json_object_del(json_object_get(fake_body(bench->fake, "snapshot"), "meta"), "targets.json");
    fake_publish(bench->fake, "snapshot");
    fake_publish(bench->fake, "timestamp");
    expect_refused(bench, TUF_UNLISTED, "targets.json");
}

/* --- endless data, and no data --------------------------------------------------------------- */

static void no_file_may_be_larger_than_was_asked_for(void **state)
{
    struct bench *bench = *state;
    struct tuf_wanted wanted;
    static char large[LIMIT_TUF_ROOT_BYTES + 2];
    memset(large, ' ', sizeof large - 1);
    fake_put(bench->fake, "2.root.json", large);
    expect_refused(bench, TUF_ENDLESS, "2.root.json");
    assert_ok(tuf_client_refresh(bench->client, FAKE_NOW_S, NULL));
    assert_ok(tuf_client_give_absent(bench->client, NULL));
    assert_true(tuf_client_wants(bench->client, &wanted));
    assert_int_equal(wanted.bytes_max, LIMIT_TUF_TIMESTAMP_BYTES);
    /* also where the repository says so itself */
    bench->fake->with_hashes = true;
    fake_publish_all(bench->fake);
    json_t *meta = json_object_get(fake_body(bench->fake, "timestamp"), "meta");
    set(json_object_get(meta, "snapshot.json"), "length",
        json_integer(LIMIT_TUF_SNAPSHOT_BYTES + 1));
    fake_publish(bench->fake, "timestamp");
    assert_int_equal(tuf_memory_put(bench->fake->files, "2.root.json", "", 1).error, ERROR_NONE);
    expect_refused(bench, TUF_MALFORMED, "2.root.json"); /* an empty file is no file */
}

static void files_that_cannot_be_had_change_nothing(void **state)
{
    struct bench *bench = *state;
    expect_current(bench);
    json_t *meta = json_object_get(fake_body(bench->fake, "timestamp"), "meta");
    set(json_object_get(meta, "snapshot.json"), "version", json_integer(7));
    fake_publish(bench->fake, "timestamp");
    assert_int_equal(fake_refresh(bench->fake, bench->client, FAKE_NOW_S), TUF_UNAVAILABLE);
    assert_string_equal(tuf_client_report(bench->client)->file, "7.snapshot.json");
    expect_kept(bench, 1, 2, 1, 1);
    assert_error(tuf_client_find(bench->client, "x", NULL), ERROR_STATE);
    assert_ok(tuf_client_refresh(bench->client, FAKE_NOW_S, NULL));
    tuf_client_give_failure(bench->client, "the network is down");
    assert_int_equal(tuf_client_report(bench->client)->outcome, TUF_UNAVAILABLE);
    assert_non_null(strstr(tuf_client_report(bench->client)->why.text, "the network is down"));
    assert_error(tuf_client_give(bench->client, "", 0, NULL), ERROR_STATE);
}

/* --- what is not as the specification says --------------------------------------------------- */

static void odd_metadata_is_refused(void **state)
{
    struct bench *bench = *state;
    static const struct {
        const char *field;
        const char *json;
    } CASES[] = {
        {"expires", "\"2027-06-01T00:00:00.000Z\""}, {"expires", "12"}, {"version", "0"},
        {"version", "\"1\""}, {"version", "-1"}, {"spec_version", "\"2.0.0\""},
        {"spec_version", "\"1\""}, {"spec_version", "1"}, {"_type", "\"root\""},
        {"meta", "{}"}, {"meta", "[]"},
        {"meta", "{\"snapshot.json\":{\"version\":1},\"targets.json\":{\"version\":1}}"},
        {"meta", "{\"snapshot.json\":{}}"},
        {"meta", "{\"snapshot.json\":{\"version\":1,\"length\":-1}}"},
        {"meta", "{\"snapshot.json\":{\"version\":1,\"hashes\":{}}}"},
        {"meta", "{\"snapshot.json\":{\"version\":1,\"hashes\":{\"md5\":\"00\"}}}"},
        {"meta", "{\"snapshot.json\":{\"version\":1,\"hashes\":{\"sha256\":\"00\"}}}"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        json_t *body = json_deep_copy(fake_body(bench->fake, "timestamp"));
        set(body, CASES[i].field, json_loads(CASES[i].json, JSON_DECODE_ANY, NULL));
        char *text = fake_sign(bench->fake, body, 1 << 1);
        fake_put(bench->fake, "timestamp.json", text);
        free(text);
        json_decref(body);
        if (fake_refresh(bench->fake, bench->client, FAKE_NOW_S) != TUF_REFUSED
            || tuf_client_report(bench->client)->refusal != TUF_MALFORMED)
            fail_msg("%s %s is taken", CASES[i].field, CASES[i].json);
    }
    expect_kept(bench, 1, 0, 0, 0);
}

/* Fields that nobody knows are signed and let be. */
static void unknown_fields_do_no_harm(void **state)
{
    struct bench *bench = *state;
    json_t *root = fake_body(bench->fake, "root");
    set(root, "x", json_pack("{s:[i,n,b]}", "y", 1, 1));
    set(json_object_get(json_object_get(root, "roles"), "root"), "x", json_true());
    set(json_object_get(root, "keys"), "abc", json_pack("{s:s}", "keytype", "post-quantum"));
    fake_publish(bench->fake, "root");
    expect_current(bench);
    expect_kept(bench, 2, 1, 1, 1);
}

/* --- finding --------------------------------------------------------------------------------- */

static void expect_found(struct bench *bench, const char *path, const char *role)
{
    if (fake_find(bench->fake, bench->client, path) != TUF_FOUND)
        fail_msg("%s: %s", path, tuf_client_report(bench->client)->why.text);
    assert_string_equal(tuf_client_target(bench->client)->path, path);
    assert_string_equal(tuf_client_target_role(bench->client), role);
}

static void targets_are_found_and_checked(void **state)
{
    struct bench *bench = *state;
    struct fake_repository *fake = bench->fake;
    fake_add_target(fake, "targets", "dir/file", "content");
    set(json_object_get(json_object_get(fake_body(fake, "targets"), "targets"), "dir/file"),
        "custom", json_pack("{s:i, s:s}", "b", 1, "a", "\""));
    fake_publish_all(fake);
    assert_error(tuf_client_find(bench->client, "dir/file", NULL), ERROR_STATE);
    expect_current(bench);
    expect_found(bench, "dir/file", "targets");
    const struct tuf_target *target = tuf_client_target(bench->client);
    char name[TUF_TARGET_NAME_BYTES];
    tuf_client_target_name(bench->client, target, name);
    assert_string_equal(name, "dir/ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
                              ".file");
    assert_string_equal(target->custom, "{\"a\":\"\\\"\",\"b\":1}");
    assert_true(tuf_target_matches(target, "content", 7));
    assert_false(tuf_target_matches(target, "Content", 7));
    assert_false(tuf_target_matches(target, "content", 6));
    assert_int_equal(fake_find(fake, bench->client, "dir/other"), TUF_ABSENT);
    assert_null(tuf_client_target(bench->client));
    assert_error(tuf_client_find(bench->client, "../file", NULL), ERROR_FORMAT);
}

static void a_target_with_unknown_hashes_cannot_be_had(void **state)
{
    struct bench *bench = *state;
    fake_add_target(bench->fake, "targets", "file", "content");
    json_t *row = json_object_get(
        json_object_get(fake_body(bench->fake, "targets"), "targets"), "file");
    set(row, "hashes", json_pack("{s:s}", "md5", "9a0364b9e99bb480dd25e1f0284c8555"));
    fake_publish_all(bench->fake);
    expect_current(bench);
    expect_found(bench, "file", "targets");
    assert_false(tuf_target_matches(tuf_client_target(bench->client), "content", 7));
}

static void delegations_are_asked_in_their_order(void **state)
{
    struct bench *bench = *state;
    struct fake_repository *fake = bench->fake;
    fake_delegate(fake, "targets", "a", 4, "paths", "a/*");
    fake_delegate(fake, "targets", "b", 5, "paths", "*/*");
    fake_delegate(fake, "b", "c", 6, "paths", "b/*");
    fake_delegate(fake, "c", "b", 5, "paths", "*/*"); /* a circle */
    fake_delegate(fake, "b", "d", 7, "paths", "*/*");
    fake_add_target(fake, "d", "b/x", "by d");
    fake_add_target(fake, "a", "b/y", "a may not say so");
    static const char *const ROLES[] = {"a", "b", "c", "d"};
    for (unsigned i = 0; i < 4; i++)
        fake_publish(fake, ROLES[i]);
    fake_publish_all(fake);
    expect_current(bench);
    expect_found(bench, "b/x", "d");
    assert_string_equal(fake->asked, "1.b.json 1.c.json 1.d.json ");
    expect_found(bench, "b/x", "d");
    assert_string_equal(fake->asked, ""); /* they are kept */
    assert_int_equal(fake_find(fake, bench->client, "b/y"), TUF_ABSENT);
    assert_int_equal(fake_find(fake, bench->client, "a/z"), TUF_ABSENT);
    assert_string_equal(fake->asked, "1.a.json ");
    assert_int_equal(fake_find(fake, bench->client, "x"), TUF_ABSENT);
}

static void a_terminating_delegation_has_the_last_word(void **state)
{
    struct bench *bench = *state;
    struct fake_repository *fake = bench->fake;
    fake_delegate(fake, "targets", "a", 4, "paths", "*");
    fake_delegate(fake, "targets", "b", 5, "paths", "*");
    set(fake_delegate(fake, "a", "c", 6, "paths", "*"), "terminating", json_true());
    fake_delegate(fake, "a", "d", 7, "paths", "*");
    fake_add_target(fake, "b", "x", "by b");
    fake_add_target(fake, "d", "x", "by d");
    static const char *const ROLES[] = {"a", "b", "c", "d"};
    for (unsigned i = 0; i < 4; i++)
        fake_publish(fake, ROLES[i]);
    fake_publish_all(fake);
    expect_current(bench);
    assert_int_equal(fake_find(fake, bench->client, "x"), TUF_ABSENT);
    assert_string_equal(fake->asked, "1.a.json 1.c.json ");
}

static void hashes_of_paths_choose_a_role(void **state)
{
    struct bench *bench = *state;
    struct fake_repository *fake = bench->fake;
    char hash[65];
    tuf_path_hash("dir/file", hash);
    hash[3] = '\0';
    fake_delegate(fake, "targets", "bin", 4, "path_hash_prefixes", hash);
    fake_add_target(fake, "bin", "dir/file", "content");
    fake_add_target(fake, "bin", "dir/other", "content");
    fake_publish(fake, "bin");
    fake_publish_all(fake);
    expect_current(bench);
    expect_found(bench, "dir/file", "bin");
    assert_int_equal(fake_find(fake, bench->client, "dir/other"), TUF_ABSENT);
}

/* Valid through one parent is not valid through another. */
static void a_kept_role_is_verified_by_who_leads_to_it_now(void **state)
{
    struct bench *bench = *state;
    struct fake_repository *fake = bench->fake;
    fake_delegate(fake, "targets", "parent-a", 4, "paths", "a/*");
    fake_delegate(fake, "targets", "parent-b", 5, "paths", "b/*");
    fake_delegate(fake, "parent-a", "release", 6, "paths", "a/*");
    fake_delegate(fake, "parent-b", "release", 7, "paths", "b/*");
    fake_add_target(fake, "release", "a/file", "trusted");
    fake_add_target(fake, "release", "b/file", "malicious");
    fake_publish(fake, "release"); /* by the key that only parent-a trusts */
    fake_publish(fake, "parent-a");
    fake_publish(fake, "parent-b");
    fake_publish_all(fake);
    expect_current(bench);
    expect_found(bench, "a/file", "release");
    assert_int_equal(fake_find(fake, bench->client, "b/file"), TUF_REFUSED);
    assert_int_equal(tuf_client_report(bench->client)->refusal, TUF_UNSIGNED);
    assert_null(tuf_client_target(bench->client));
    expect_found(bench, "a/file", "release");
}

static void bad_delegated_roles_end_the_search(void **state)
{
    struct bench *bench = *state;
    struct fake_repository *fake = bench->fake;
    fake_delegate(fake, "targets", "late", 4, "paths", "late");
    fake_delegate(fake, "targets", "unlisted", 5, "paths", "unlisted");
    fake_delegate(fake, "targets", "absent", 6, "paths", "absent");
    fake_delegate(fake, "targets", "good", 7, "paths", "*");
    set(fake_body(fake, "late"), "expires", json_string("2020-01-01T00:00:00Z"));
    static const char *const NAMES[] = {"late", "unlisted", "absent"};
    static const enum tuf_outcome OUTCOMES[] = {TUF_EXPIRED, TUF_REFUSED, TUF_UNAVAILABLE};
    fake_publish(fake, "good");
    for (unsigned i = 0; i < 3; i++) {
        fake_publish(fake, NAMES[i]);
        fake_add_target(fake, "good", NAMES[i], "content");
    }
    json_t *meta = json_object_get(fake_body(fake, "snapshot"), "meta");
    json_object_del(meta, "unlisted.json");
    set(json_object_get(meta, "absent.json"), "version", json_integer(9));
    fake_publish_all(fake);
    expect_current(bench);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(fake_find(fake, bench->client, NAMES[i]), OUTCOMES[i]);
    assert_int_equal(kept_version(bench, "late.json"), 0);
}

static void a_search_has_an_end(void **state)
{
    struct bench *bench = *state;
    struct fake_repository *fake = bench->fake;
    char names[LIMIT_TUF_SEARCH_ROLES + 2][8];
    for (unsigned i = 0; i < LIMIT_TUF_SEARCH_ROLES + 2; i++)
        assert_true(string_format(names[i], sizeof names[i], "r%u", i));
    for (unsigned i = 0; i < LIMIT_TUF_SEARCH_ROLES + 2; i++)
        fake_delegate(fake, i == 0 ? "targets" : names[i - 1], names[i], 4, "paths", "*");
    fake_add_target(fake, names[LIMIT_TUF_SEARCH_ROLES - 1], "in reach", "");
    fake_add_target(fake, names[LIMIT_TUF_SEARCH_ROLES], "too far", "");
    for (unsigned i = 0; i < LIMIT_TUF_SEARCH_ROLES + 2; i++)
        fake_publish(fake, names[i]);
    fake_publish_all(fake);
    expect_current(bench);
    expect_found(bench, "in reach", names[LIMIT_TUF_SEARCH_ROLES - 1]);
    assert_int_equal(fake_find(fake, bench->client, "too far"), TUF_ABSENT);
    assert_non_null(strstr(tuf_client_report(bench->client)->why.text, "LIMIT_TUF_SEARCH_ROLES"));
}

static void odd_delegations_are_refused(void **state)
{
    struct bench *bench = *state;
    struct fake_repository *fake = bench->fake;
    static const char *const ODD[] = {
        "{\"name\":\"root\",\"keyids\":[],\"threshold\":1,\"paths\":[]}",
        "{\"name\":\"\",\"keyids\":[],\"threshold\":1,\"paths\":[]}",
        "{\"name\":\"a\",\"keyids\":[],\"threshold\":0,\"paths\":[]}",
        "{\"name\":\"a\",\"keyids\":[],\"threshold\":1,\"paths\":[],\"path_hash_prefixes\":[]}",
        "{\"name\":\"a\",\"keyids\":[1],\"threshold\":1,\"paths\":[]}",
        "{\"name\":\"a\",\"keyids\":[\"x\",\"x\"],\"threshold\":1,\"paths\":[]}",
        "{\"name\":\"a\",\"keyids\":[],\"threshold\":1,\"paths\":[1]}",
        "{\"name\":\"a\",\"keyids\":[],\"threshold\":1,\"terminating\":1,\"paths\":[]}",
        "{\"name\":\"good\",\"keyids\":[],\"threshold\":1,\"paths\":[]}",
    };
    fake_delegate(fake, "targets", "good", 4, "paths", "*");
    fake_publish(fake, "good");
    fake_publish_all(fake);
    expect_current(bench);
    json_t *roles = json_object_get(
        json_object_get(fake_body(fake, "targets"), "delegations"), "roles");
    for (size_t i = 0; i < sizeof ODD / sizeof ODD[0]; i++) {
        json_array_append_new(roles, json_loads(ODD[i], 0, NULL));
        fake_publish_all(fake);
        if (fake_refresh(fake, bench->client, FAKE_NOW_S) != TUF_REFUSED
            || tuf_client_report(bench->client)->refusal != TUF_MALFORMED)
            fail_msg("%s is taken", ODD[i]);
        json_array_remove(roles, 1);
    }
}

/* --- the store ------------------------------------------------------------------------------- */

static void what_was_changed_in_the_store_is_not_believed(void **state)
{
    struct bench *bench = *state;
    static const char *const FILES[] = {"timestamp.json", "snapshot.json", "targets.json"};
    fake_publish_all(bench->fake);
    for (unsigned i = 0; i < 3; i++) {
        expect_current(bench);
        char *text = strdup(FILES[i]); /* rubbish */
        assert_ok(tuf_memory_put(bench->kept, FILES[i], text, strlen(text)));
        free(text);
        start_client(bench, NULL);
        expect_current(bench);
        expect_kept(bench, 1, 2, 2, 2);
    }
    assert_ok(tuf_memory_put(bench->kept, "root.json", "{}", 2));
    tuf_client_free(bench->client);
    bench->client = NULL;
    struct explanation why;
    assert_error(tuf_client_new(&bench->store, NULL, 0, &bench->client, &why), ERROR_NOT_FOUND);
    assert_non_null(strstr(why.text, "no root of trust"));
    start_client(bench, fake_get(bench->fake, "1.root.json"));
    expect_current(bench);
}

static void a_newer_anchor_takes_the_place_of_the_kept_root(void **state)
{
    struct bench *bench = *state;
    expect_current(bench);
    fake_set_signers(bench->fake, "root", 1 << 8, 1); /* the old keys are lost */
    fake_publish(bench->fake, "root");
    expect_refused(bench, TUF_UNSIGNED, "2.root.json");
    start_client(bench, fake_get(bench->fake, "2.root.json"));
    expect_current(bench);
    expect_kept(bench, 2, 1, 1, 1);
    start_client(bench, fake_get(bench->fake, "1.root.json")); /* an older one does not */
    expect_kept(bench, 2, 1, 1, 1);
}

static struct result failing_save(void *context, const char *name, const void *data, size_t size)
{
    (void)data;
    (void)size;
    if (!string_equal(name, context))
        return RESULT_OK;
    errno = ENOSPC;
    return result_from_errno();
}

static struct result empty_load(void *context, const char *name, size_t bytes_max,
                                uint8_t **ret_data, size_t *ret_size)
{
    (void)context;
    (void)name;
    (void)bytes_max;
    (void)ret_data;
    (void)ret_size;
    return result_fail(ERROR_NOT_FOUND);
}

/* What cannot be kept is not trusted, and the failure is the caller's to see. */
static void a_full_disk_stops_the_refresh(void **state)
{
    struct bench *bench = *state;
    static const char *const FILES[] = {"timestamp.json", "snapshot.json", "targets.json"};
    const char *anchor = fake_get(bench->fake, "1.root.json");
    for (unsigned i = 0; i < 3; i++) {
        const struct tuf_store store = {empty_load, failing_save, bench->store.remove,
                                        (void *)FILES[i]};
        struct tuf_client *client = NULL;
        struct explanation why;
        struct tuf_wanted wanted;
        assert_ok(tuf_client_new(&store, anchor, strlen(anchor), &client, NULL));
        assert_ok(tuf_client_refresh(client, FAKE_NOW_S, NULL));
        assert_error(fake_serve(bench->fake, client, &why), ERROR_SYSTEM);
        assert_non_null(strstr(why.text, FILES[i]));
        assert_false(tuf_client_wants(client, &wanted));
        assert_null(tuf_client_trusted(client, TUF_TARGETS));
        tuf_client_free(client);
    }
}

#define bench_test(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        bench_test(a_refresh_asks_for_what_it_needs),
        bench_test(without_consistent_snapshots_names_have_no_version),
        bench_test(files_are_kept_byte_for_byte),
        bench_test(what_was_begun_goes_on_in_another_process),
        bench_test(unsigned_files_are_refused),
        bench_test(a_changed_byte_is_refused),
        bench_test(a_file_of_another_role_is_refused),
        bench_test(a_threshold_needs_as_many_keys),
        bench_test(more_than_all_keys_cannot_be_had),
        bench_test(one_key_under_two_ids_counts_once),
        bench_test(a_key_that_is_not_its_id_never_signs),
        bench_test(the_same_id_twice_is_refused),
        bench_test(a_new_root_needs_the_old_and_the_new_keys),
        bench_test(roots_come_one_by_one),
        bench_test(a_flood_of_roots_is_taken_in_parts),
        bench_test(expired_files_are_not_taken_and_nothing_ends),
        bench_test(each_trusted_file_can_expire),
        bench_test(what_expires_while_it_is_trusted_is_said),
        bench_test(an_expired_root_leads_to_the_next_one),
        bench_test(older_timestamps_are_refused),
        bench_test(an_equal_timestamp_changes_nothing),
        bench_test(a_timestamp_with_an_older_snapshot_is_refused),
        bench_test(a_snapshot_with_an_older_or_missing_file_is_refused),
        bench_test(rotated_keys_lead_back_from_high_versions),
        bench_test(a_key_that_goes_counts_as_rotated),
        bench_test(a_key_more_is_no_rotation),
        bench_test(files_that_are_not_the_listed_ones_are_refused),
        bench_test(a_snapshot_without_targets_is_refused),
        bench_test(no_file_may_be_larger_than_was_asked_for),
        bench_test(files_that_cannot_be_had_change_nothing),
        bench_test(odd_metadata_is_refused),
        bench_test(unknown_fields_do_no_harm),
        bench_test(targets_are_found_and_checked),
        bench_test(a_target_with_unknown_hashes_cannot_be_had),
        bench_test(delegations_are_asked_in_their_order),
        bench_test(a_terminating_delegation_has_the_last_word),
        bench_test(hashes_of_paths_choose_a_role),
        bench_test(a_kept_role_is_verified_by_who_leads_to_it_now),
        bench_test(bad_delegated_roles_end_the_search),
        bench_test(a_search_has_an_end),
        bench_test(odd_delegations_are_refused),
        bench_test(what_was_changed_in_the_store_is_not_believed),
        bench_test(a_newer_anchor_takes_the_place_of_the_kept_root),
        bench_test(a_full_disk_stops_the_refresh),
    };
    return unit_run("tuf/client", tests);
}

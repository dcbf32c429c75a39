// SPDX-License-Identifier: Apache-2.0
/*
 * A whole client against a repository that holds every key and lies in any way: the input is a list
 * of what it does with the file that is wanted. Records are an operation and its bytes; see
 * OPERATIONS. Whatever happens, an outcome is said in words, the root never goes back, and no file
 * larger than was asked for is kept.
 */
#include "base/bytes.h"
#include "base/limits.h"
#include "base/reader.h"
#include "update/tuf/client.h"
#include "update/tuf/fake_repository.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum operation {
    HONEST,  /* gives what is published */
    CHANGED, /* u16 place, u8 how many bytes go, u8-sized bytes that come: signed anew */
    RAW,     /* u16-sized bytes, as they are */
    ABSENT,
    FAILURE,
    RESTART, /* a new client with the same store */
    FIND,    /* u8-sized path */
    REFRESH, /* u8 days later */
    OPERATIONS
};

enum { STEPS_MAX = 64, ALL_KEYS = 0x1F };

struct run {
    struct tuf_memory *kept;
    struct tuf_store store;
    struct tuf_client *client;
    uint64_t root_version;
};

static struct fake_repository *fake;

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    fake = fake_repository_new();
    fake->with_hashes = true;
    fake_delegate(fake, "targets", "team", 4, "paths", "team/*");
    fake_delegate(fake, "team", "bin", 4, "path_hash_prefixes", "0");
    fake_add_target(fake, "targets", "file", "content");
    fake_add_target(fake, "bin", "team/file", "content");
    fake_publish(fake, "bin");
    fake_publish(fake, "team");
    fake_publish_all(fake);
    fake_publish(fake, "root");
    return 0;
}

/* The published text of what is wanted; of the newest root where a later one is wanted. */
static const char *base_of(const struct tuf_wanted *wanted)
{
    const char *text = fake_get(fake, wanted->name);
    return text != NULL ? text : fake_get(fake, "2.root.json");
}

/* The body of the text with some bytes replaced, signed by everybody; NULL: it is no JSON. */
static char *change(const char *text, size_t place, size_t gone, struct bytes come)
{
    json_t *document = json_loads(text, 0, NULL);
    char *body = json_dumps(json_object_get(document, "signed"), JSON_COMPACT);
    json_decref(document);
    size_t size = strlen(body);
    place %= size;
    gone = gone < size - place ? gone : size - place;
    char *changed = malloc(size + come.size + 1);
    require(changed != NULL);
    bytes_copy(changed, size, body, place);
    bytes_copy(changed + place, come.size, come.data, come.size);
    bytes_copy(changed + place + come.size, size, body + place + gone, size - place - gone);
    json_t *value = json_loadb(changed, size - gone + come.size, JSON_REJECT_DUPLICATES, NULL);
    free(body);
    free(changed);
    char *out = NULL;
    if (json_is_object(value) && !json_is_real(json_object_get(value, "version")))
        out = fake_sign(fake, value, ALL_KEYS);
    json_decref(value);
    return out;
}

static void give(struct run *run, const void *data, size_t size)
{
    require(result_is_ok(tuf_client_give(run->client, data, size, NULL)));
}

static RESULT give_changed(struct run *run, const struct tuf_wanted *wanted,
                           struct reader *reader)
{
    uint16_t place;
    uint8_t gone;
    uint8_t come_size;
    struct bytes come;
    GUARD(reader_u16(reader, &place));
    GUARD(reader_u8(reader, &gone));
    GUARD(reader_u8(reader, &come_size));
    GUARD(reader_view(reader, come_size, &come));
    char *text = change(base_of(wanted), place, gone, come);
    if (text != NULL)
        give(run, text, strlen(text));
    free(text);
    return RESULT_OK;
}

static RESULT give_raw(struct run *run, struct reader *reader)
{
    uint16_t size;
    struct bytes data;
    GUARD(reader_u16(reader, &size));
    GUARD(reader_view(reader, size < reader_left(reader) ? size : reader_left(reader), &data));
    give(run, data.data, data.size);
    return RESULT_OK;
}

static RESULT find(struct run *run, struct reader *reader)
{
    uint8_t size;
    struct bytes text;
    char path[256];
    GUARD(reader_u8(reader, &size));
    GUARD(reader_view(reader, size, &text));
    bytes_copy(path, sizeof path - 1, text.data, text.size);
    path[text.size] = '\0';
    struct explanation why = {.text = ""};
    if (!result_is_ok(tuf_client_find(run->client, path, &why)))
        require(why.text[0] != '\0');
    return RESULT_OK;
}

static RESULT refresh(struct run *run, struct reader *reader)
{
    uint8_t days;
    GUARD(reader_u8(reader, &days));
    return tuf_client_refresh(run->client, FAKE_NOW_S + days * UINT64_C(86400), NULL);
}

static void restart(struct run *run)
{
    const char *anchor = fake_get(fake, "1.root.json");
    tuf_client_free(run->client);
    require(result_is_ok(
        tuf_client_new(&run->store, anchor, strlen(anchor), &run->client, NULL)));
}

static RESULT obey(struct run *run, enum operation operation, struct reader *reader)
{
    struct tuf_wanted wanted;
    if (operation == FIND)
        return find(run, reader);
    if (operation == REFRESH)
        return refresh(run, reader);
    if (operation == RESTART)
        restart(run);
    if (!tuf_client_wants(run->client, &wanted))
        return RESULT_OK;
    require(wanted.name[0] != '\0' && strchr(wanted.name, '/') == NULL);
    require(wanted.bytes_max <= LIMIT_TUF_TARGETS_BYTES);
    const char *text = fake_get(fake, wanted.name);
    if (operation == CHANGED)
        return give_changed(run, &wanted, reader);
    if (operation == RAW)
        return give_raw(run, reader);
    if (operation == FAILURE)
        tuf_client_give_failure(run->client, "no network");
    else if (operation == ABSENT || text == NULL)
        require(result_is_ok(tuf_client_give_absent(run->client, NULL)));
    else
        give(run, text, strlen(text));
    return RESULT_OK;
}

static void check(struct run *run)
{
    const struct tuf_report *report = tuf_client_report(run->client);
    struct tuf_wanted wanted;
    uint64_t root = tuf_client_trusted(run->client, TUF_ROOT)->version;
    require(root >= run->root_version);
    run->root_version = root;
    require((report->refusal != TUF_NOT_REFUSED) == (report->outcome == TUF_REFUSED));
    if (report->outcome > TUF_FOUND)
        require(report->why.text[0] != '\0' && !tuf_client_wants(run->client, &wanted));
    require((tuf_client_target(run->client) != NULL) == (report->outcome == TUF_FOUND));
    for (unsigned i = 0; i < TUF_TYPE_COUNT; i++) {
        const struct tuf_metadata *metadata =
            tuf_client_trusted(run->client, (enum tuf_type)i);
        require(metadata == NULL || metadata->size <= LIMIT_TUF_TARGETS_BYTES);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader reader = reader_of(data, size);
    struct run run = {.kept = tuf_memory_new()};
    uint8_t operation;
    require(run.kept != NULL);
    run.store = tuf_store_memory(run.kept);
    restart(&run);
    require(result_is_ok(tuf_client_refresh(run.client, FAKE_NOW_S, NULL)));
    for (unsigned i = 0; i < STEPS_MAX && result_is_ok(reader_u8(&reader, &operation)); i++) {
        if (!result_is_ok(obey(&run, (enum operation)(operation % OPERATIONS), &reader)))
            break;
        check(&run);
    }
    tuf_client_free(run.client);
    tuf_memory_free(run.kept);
    return 0;
}

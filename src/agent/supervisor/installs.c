// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/installs.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "update/slots/sealed_memory.h"

#include <string.h>

static const char OFFER_MAGIC[] = "CREOFFER";
static const char OFFER_SUFFIX[] = ".offer";
static const char TAKEN_SUFFIX[] = ".taken";

RESULT install_offer_encode(const struct road_offer *offer, struct writer *writer)
{
    uint32_t flags = (offer->is_urgent ? INSTALL_URGENT : 0u)
                     | (offer->takes_away ? INSTALL_TAKES_AWAY : 0u);
    GUARD(writer_copy(writer, OFFER_MAGIC, sizeof OFFER_MAGIC - 1));
    GUARD(writer_u32(writer, offer->stream));
    GUARD(writer_u32(writer, flags));
    GUARD(writer_u64(writer, offer->version));
    return writer_copy(writer, offer->digest.bytes, sizeof offer->digest.bytes);
}

static RESULT decode(const uint8_t *data, size_t size, struct road_offer *ret_offer)
{
    struct reader reader = reader_of(data, size);
    struct bytes magic, digest;
    uint32_t stream, flags;
    *ret_offer = (struct road_offer){0};
    GUARD(reader_view(&reader, sizeof OFFER_MAGIC - 1, &magic));
    GUARD(reader_u32(&reader, &stream));
    GUARD(reader_u32(&reader, &flags));
    GUARD(reader_u64(&reader, &ret_offer->version));
    GUARD(reader_view(&reader, sizeof ret_offer->digest.bytes, &digest));
    GUARD(reader_end(&reader));
    bool is_known = memcmp(magic.data, OFFER_MAGIC, magic.size) == 0
                    && (flags & ~(uint32_t)(INSTALL_URGENT | INSTALL_TAKES_AWAY)) == 0;
    if (!is_known)
        return result_fail(ERROR_FORMAT);
    ret_offer->stream = stream;
    ret_offer->is_urgent = (flags & INSTALL_URGENT) != 0;
    ret_offer->takes_away = (flags & INSTALL_TAKES_AWAY) != 0;
    /* Root's word: as old in the log as any policy may ask for, and well in the ring before. */
    ret_offer->log_age_s = UINT32_MAX;
    ret_offer->healthy_rings = UINT32_MAX;
    bytes_copy(ret_offer->digest.bytes, sizeof ret_offer->digest.bytes, digest.data, digest.size);
    return RESULT_OK;
}

static void find_offer(void *context, const char *name)
{
    char *found = context;
    size_t size = strlen(name), suffix = sizeof OFFER_SUFFIX - 1;
    if (found[0] == '\0' && size > suffix && strcmp(name + size - suffix, OFFER_SUFFIX) == 0)
        (void)string_copy(found, LIMIT_PATH_BYTES, name);
}

/* The whole of a file that may not be larger than `limit`. */
static RESULT read_file(int folder, const char *name, uint8_t *data, size_t limit, size_t *ret_size)
{
    const struct disk *disk = disk_system();
    int file;
    GUARD(disk->open_read(disk->context, folder, name, &file));
    struct result result = RESULT_OK;
    size_t size = 0;
    for (size_t got = 1; got > 0 && size < limit && result_is_ok(result); size += got)
        result = disk->read(disk->context, file, size, data + size, limit - size, &got);
    disk->close(disk->context, file);
    *ret_size = size;
    return result;
}

static RESULT bundle_size(int folder, const char *name, size_t *ret_size)
{
    const struct disk *disk = disk_system();
    struct disk_look look;
    GUARD(disk->look_at(disk->context, folder, name, &look));
    if (look.size == 0 || look.size > LIMIT_BUNDLE_BYTES)
        return result_fail(ERROR_LIMIT);
    *ret_size = (size_t)look.size;
    return RESULT_OK;
}

static RESULT read_bundle(int folder, const char *name, int *ret_sealed)
{
    size_t size = 0, got = 0;
    uint8_t *data;
    GUARD(bundle_size(folder, name, &size));
    GUARD(sealed_memory_create(size, ret_sealed, &data));
    struct result result = read_file(folder, name, data, size, &got);
    if (!result_is_ok(result) || got != size) {
        sealed_memory_discard(*ret_sealed, data, size);
        return result_is_ok(result) ? result_fail(ERROR_STATE) : result;
    }
    return sealed_memory_seal(*ret_sealed, data, size);
}

RESULT installs_next(int folder, struct road_offer *ret_offer, int *ret_sealed,
                     struct explanation *why)
{
    const struct disk *disk = disk_system();
    char offer[LIMIT_PATH_BYTES] = "", bundle[LIMIT_PATH_BYTES];
    struct result result = disk->list(disk->context, folder, find_offer, offer);
    if (!result_is_ok(result) || offer[0] == '\0')
        return result_fail(ERROR_AGAIN); /* a folder that is gone offers nothing */
    (void)string_format(bundle, sizeof bundle, "%.*s.bundle",
                        (int)(strlen(offer) - (sizeof OFFER_SUFFIX - 1)), offer);
    uint8_t record[INSTALL_OFFER_BYTES + 1];
    size_t size = 0;
    result = read_file(folder, offer, record, sizeof record, &size);
    if (result_is_ok(result))
        result = decode(record, size, ret_offer);
    if (result_is_ok(result))
        result = read_bundle(folder, bundle, ret_sealed);
    /* Once: what cannot be taken now is not tried each second. */
    char taken[LIMIT_PATH_BYTES];
    (void)string_format(taken, sizeof taken, "%.*s%s",
                        (int)(strlen(offer) - (sizeof OFFER_SUFFIX - 1)), offer, TAKEN_SUFFIX);
    if (!result_is_ok(result) || !result_is_ok(disk->rename(disk->context, folder, offer, taken)))
        result_ignore(disk->remove(disk->context, folder, offer));
    result_ignore(disk->remove(disk->context, folder, bundle));
    if (!result_is_ok(result))
        return explain(why, result.error, "%s or its bundle cannot be read: %s", offer,
                       result_text(result));
    return RESULT_OK;
}

struct taken_names {
    char names[LIMIT_RELEASES * 2][LIMIT_PATH_BYTES];
    size_t count;
};

static void find_taken(void *context, const char *name)
{
    struct taken_names *taken = context;
    if (string_ends_with(name, TAKEN_SUFFIX)
        && taken->count < sizeof taken->names / sizeof taken->names[0])
        (void)string_copy(taken->names[taken->count++], LIMIT_PATH_BYTES, name);
}

void installs_again(int folder, bool (*tell)(void *context, const struct road_offer *offer),
                    void *context)
{
    static struct taken_names taken; /* too large for the stack */
    const struct disk *disk = disk_system();
    taken.count = 0;
    result_ignore(disk->list(disk->context, folder, find_taken, &taken));
    for (size_t i = 0; i < taken.count; i++) {
        uint8_t record[INSTALL_OFFER_BYTES + 1];
        size_t size = 0;
        struct road_offer offer;
        if (!result_is_ok(read_file(folder, taken.names[i], record, sizeof record, &size))
            || !result_is_ok(decode(record, size, &offer)) || !tell(context, &offer))
            result_ignore(disk->remove(disk->context, folder, taken.names[i]));
    }
}

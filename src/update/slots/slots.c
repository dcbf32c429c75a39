// SPDX-License-Identifier: Apache-2.0
#include "update/slots/slots.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "update/slots/sealed_memory.h"

#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    STATE_MAGIC = 0x53554343,   /* "CCUS" */
    RELEASE_MAGIC = 0x53524343, /* "CCRS" */
    FORMAT_VERSION = 1,
    NAME_BYTES = 64,
    RELEASE_HEADER_BYTES = 4 + 2 + 8 + 8 + RELEASE_DIGEST_BYTES + SHA256_DIGEST_LENGTH,
    RESERVE_BYTES = 2 * LIMIT_UPDATE_STATE_BYTES,
};

static const char RESERVE[] = "reserve", PREFIX[] = "release-", SUFFIX[] = ".new";

/* A whole file may be written in two pieces: a header and a body. */
struct pieces {
    struct bytes piece[2];
};

static void hash(const uint8_t *data, size_t size, uint8_t *out)
{
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, data, size);
    SHA256Final(out, &context);
}

struct release_name release_name_of(const struct release_digest *digest)
{
    struct release_name name = {{0}};
    bytes_copy(name.bytes, sizeof name.bytes, digest->bytes, sizeof name.bytes);
    return name;
}

static void release_file(struct release_name name, char *out)
{
    char text[2 * RELEASE_NAME_BYTES + 1];
    hex_encode(name.bytes, sizeof name.bytes, text);
    (void)string_format(out, NAME_BYTES, "%s%s", PREFIX, text);
}

static void state_file(uint64_t generation, char *out)
{
    (void)string_format(out, NAME_BYTES, "state.%u", (unsigned)(generation & 1u));
}

/* --- whole files ------------------------------------------------------------------------- */

static struct result append_all(const struct slots *slots, int file, struct bytes bytes)
{
    const struct disk *disk = slots->disk;
    size_t at = 0;
    while (at < bytes.size) {
        size_t written = 0;
        GUARD(disk->append(disk->context, file, bytes.data + at, bytes.size - at, &written));
        if (written == 0)
            return result_fail(ERROR_SYSTEM);
        at += written;
    }
    return RESULT_OK;
}

static struct result write_new(const struct slots *slots, const char *name,
                               const struct pieces *pieces)
{
    const struct disk *disk = slots->disk;
    int file;
    GUARD(disk->open(disk->context, slots->folder, name, &file));
    struct result result = disk->truncate(disk->context, file, 0);
    for (size_t i = 0; i < 2 && result_is_ok(result); i++)
        result = append_all(slots, file, pieces->piece[i]);
    if (result_is_ok(result))
        result = disk->sync(disk->context, file);
    disk->close(disk->context, file);
    return result;
}

/*
 * The one way in which a file comes into the folder. The order is the point: the bytes are on the
 * disk before the name stands for them, and the name is there before anybody relies on it.
 */
static struct result write_whole(const struct slots *slots, const char *name,
                                 const struct pieces *pieces)
{
    const struct disk *disk = slots->disk;
    char new_name[NAME_BYTES];
    (void)string_format(new_name, sizeof new_name, "%s%s", name, SUFFIX);
    struct result result = write_new(slots, new_name, pieces);
    if (result_is_ok(result))
        result = disk->rename(disk->context, slots->folder, new_name, name);
    if (result_is_ok(result))
        return disk->sync_folder(disk->context, slots->folder);
    /* What was written of it only takes place; slots_open() tries again. */
    result_ignore(disk->remove(disk->context, slots->folder, new_name));
    return result;
}

/* Reads `size` bytes from `at`; ERROR_FORMAT where the file ends before. */
static struct result read_at(const struct slots *slots, int file, uint64_t at, uint8_t *data,
                             size_t size)
{
    const struct disk *disk = slots->disk;
    size_t have = 0;
    while (have < size) {
        size_t got = 0;
        GUARD(disk->read(disk->context, file, at + have, data + have, size - have, &got));
        if (got == 0)
            return result_fail(ERROR_FORMAT);
        have += got;
    }
    return RESULT_OK;
}

/* Opens a file of ours and says its size; ERROR_FORMAT where it is not one that we wrote. */
static struct result open_own(const struct slots *slots, const char *name, int *ret_file,
                              uint64_t *ret_size)
{
    const struct disk *disk = slots->disk;
    int file;
    GUARD(disk->open_read(disk->context, slots->folder, name, &file));
    struct disk_look look;
    struct result result = disk->look(disk->context, file, &look);
    if (result_is_ok(result) && (look.owner != geteuid() || (look.mode & 022u) != 0))
        result = result_fail(ERROR_FORMAT);
    if (!result_is_ok(result)) {
        disk->close(disk->context, file);
        return result;
    }
    *ret_file = file;
    *ret_size = look.size;
    return RESULT_OK;
}

/* --- the folder -------------------------------------------------------------------------- */

static bool is_full(struct result result)
{
    return result.error == ERROR_SYSTEM
           && (result.system_errno == ENOSPC || result.system_errno == EDQUOT);
}

/* Blocks for a bad day. Where they cannot be had today, that is no failure. */
static void keep_reserve(const struct slots *slots)
{
    const struct disk *disk = slots->disk;
    struct disk_look look;
    if (result_is_ok(disk->look_at(disk->context, slots->folder, RESERVE, &look))
        && look.size == RESERVE_BYTES)
        return;
    static const uint8_t NOTHING[RESERVE_BYTES];
    const struct pieces pieces = {{{NOTHING, sizeof NOTHING}, {NULL, 0}}};
    result_ignore(write_whole(slots, RESERVE, &pieces)); /* the disk is full: try another day */
}

struct leftovers {
    const struct slots *slots;
    bool has_removed;
};

static void remove_leftover(void *visitor, const char *name)
{
    struct leftovers *leftovers = visitor;
    const struct disk *disk = leftovers->slots->disk;
    if (string_ends_with(name, SUFFIX)
        && result_is_ok(disk->remove(disk->context, leftovers->slots->folder, name)))
        leftovers->has_removed = true;
}

RESULT slots_open(struct slots *slots, const struct disk *disk, int folder,
                  struct explanation *why)
{
    *slots = (struct slots){.disk = disk, .folder = folder};
    struct disk_look look;
    struct result result = disk->look(disk->context, folder, &look);
    if (!result_is_ok(result))
        return explain(why, result.error, "cannot look at the folder of the releases: %s",
                       result_text(result));
    if (look.owner != geteuid() || (look.mode & 022u) != 0)
        return explain(why, ERROR_STATE,
                       "others may write the folder of the releases (owner %u, mode %o; expected "
                       "%u and 0700): nothing in it is believed, the factory set runs; correct "
                       "owner and mode, then start the agent anew",
                       look.owner, look.mode, (unsigned)geteuid());
    struct leftovers leftovers = {.slots = slots};
    result = disk->list(disk->context, folder, remove_leftover, &leftovers);
    if (!result_is_ok(result))
        return explain(why, result.error, "cannot list the folder of the releases: %s",
                       result_text(result));
    keep_reserve(slots);
    return RESULT_OK;
}

/* --- the state --------------------------------------------------------------------------- */

static struct result encode_state(const struct update_state *state, uint64_t generation,
                                  struct writer *writer)
{
    GUARD(writer_u32(writer, STATE_MAGIC));
    GUARD(writer_u16(writer, FORMAT_VERSION));
    GUARD(writer_u64(writer, generation));
    GUARD(update_state_encode(state, writer));
    uint8_t checksum[SHA256_DIGEST_LENGTH];
    hash(writer->data, writer->at, checksum);
    return writer_copy(writer, checksum, sizeof checksum);
}

static struct result decode_state(const uint8_t *data, size_t size, struct update_state *ret_state,
                                  uint64_t *ret_generation)
{
    if (size < SHA256_DIGEST_LENGTH)
        return result_fail(ERROR_FORMAT);
    size_t covered = size - SHA256_DIGEST_LENGTH;
    uint8_t checksum[SHA256_DIGEST_LENGTH];
    hash(data, covered, checksum);
    if (memcmp(checksum, data + covered, sizeof checksum) != 0)
        return result_fail(ERROR_FORMAT);
    struct reader reader = reader_of(data, covered);
    uint32_t magic;
    uint16_t version;
    GUARD(reader_u32(&reader, &magic));
    GUARD(reader_u16(&reader, &version));
    if (magic != STATE_MAGIC)
        return result_fail(ERROR_FORMAT);
    if (version != FORMAT_VERSION)
        return result_fail(ERROR_UNSUPPORTED);
    GUARD(reader_u64(&reader, ret_generation));
    GUARD(update_state_decode(&reader, ret_state));
    return reader_end(&reader);
}

static struct result load_copy(const struct slots *slots, unsigned copy, uint8_t *buffer,
                               struct update_state *ret_state, uint64_t *ret_generation)
{
    char name[NAME_BYTES];
    state_file(copy, name);
    int file;
    uint64_t size;
    GUARD(open_own(slots, name, &file, &size));
    struct result result = result_fail(ERROR_FORMAT);
    if (size <= LIMIT_UPDATE_STATE_BYTES)
        result = read_at(slots, file, 0, buffer, (size_t)size);
    slots->disk->close(slots->disk->context, file);
    if (!result_is_ok(result))
        return result;
    GUARD(decode_state(buffer, (size_t)size, ret_state, ret_generation));
    return (*ret_generation & 1u) == copy ? RESULT_OK : result_fail(ERROR_FORMAT);
}

RESULT slots_load_state(struct slots *slots, struct update_state *ret_state, bool *ret_is_damaged,
                        struct explanation *why)
{
    uint8_t *buffer = malloc(LIMIT_UPDATE_STATE_BYTES);
    struct update_state *copies = calloc(2, sizeof *copies);
    if (buffer == NULL || copies == NULL) {
        free(buffer);
        free(copies);
        return explain(why, ERROR_MEMORY, "no memory to read the state of updates");
    }
    struct result results[2];
    uint64_t generations[2] = {0, 0};
    for (unsigned copy = 0; copy < 2; copy++)
        results[copy] = load_copy(slots, copy, buffer, &copies[copy], &generations[copy]);
    bool is_there[2] = {result_is_ok(results[0]), result_is_ok(results[1])};
    unsigned best = is_there[1] && (!is_there[0] || generations[1] > generations[0]) ? 1 : 0;
    struct result other = results[1 - best];
    if (is_there[best]) {
        *ret_state = copies[best];
        slots->generation = generations[best];
        /* The copy of the generation before; where there is none yet, this is the first one. */
        *ret_is_damaged = !result_is_ok(other) && !(other.error == ERROR_NOT_FOUND
                                                  && generations[best] == 1);
    }
    free(buffer);
    free(copies);
    if (is_there[best])
        return RESULT_OK;
    if (results[0].error == ERROR_NOT_FOUND && results[1].error == ERROR_NOT_FOUND)
        return result_fail(ERROR_NOT_FOUND);
    struct result worst = results[0].error == ERROR_NOT_FOUND ? results[1] : results[0];
    return explain(why, worst.error == ERROR_NOT_FOUND ? ERROR_FORMAT : worst.error,
                   "the state of updates cannot be read (%s), in neither of its two copies: the "
                   "factory set runs, and no release below the newest on this disk comes back",
                   result_text(worst));
}

RESULT slots_save_state(struct slots *slots, const struct update_state *state,
                        struct explanation *why)
{
    uint8_t *buffer = malloc(LIMIT_UPDATE_STATE_BYTES);
    if (buffer == NULL)
        return explain(why, ERROR_MEMORY, "no memory to save the state of updates");
    uint64_t generation = slots->generation + 1;
    struct writer writer = writer_of(buffer, LIMIT_UPDATE_STATE_BYTES);
    struct result result = encode_state(state, generation, &writer);
    char name[NAME_BYTES];
    state_file(generation, name);
    const struct pieces pieces = {{{buffer, writer.at}, {NULL, 0}}};
    if (result_is_ok(result))
        result = write_whole(slots, name, &pieces);
    if (is_full(result)) {
        result_ignore(slots->disk->remove(slots->disk->context, slots->folder, RESERVE));
        result = write_whole(slots, name, &pieces);
    } else if (result_is_ok(result)) {
        keep_reserve(slots);
    }
    free(buffer);
    if (!result_is_ok(result))
        return explain(why, result.error,
                       "cannot save the state of updates: %s; nothing is switched until it can be",
                       result_text(result));
    slots->generation = generation;
    return RESULT_OK;
}

/* --- releases ---------------------------------------------------------------------------- */

static struct result encode_header(const struct slot_release *release, struct writer *writer)
{
    GUARD(writer_u32(writer, RELEASE_MAGIC));
    GUARD(writer_u16(writer, FORMAT_VERSION));
    GUARD(writer_u64(writer, release->version));
    GUARD(writer_u64(writer, release->size));
    GUARD(writer_copy(writer, release->digest.bytes, sizeof release->digest.bytes));
    uint8_t checksum[SHA256_DIGEST_LENGTH];
    hash(writer->data, writer->at, checksum);
    return writer_copy(writer, checksum, sizeof checksum);
}

static struct result read_header(const struct slots *slots, int file, uint64_t file_size,
                                 struct slot_release *ret_release)
{
    uint8_t data[RELEASE_HEADER_BYTES], checksum[SHA256_DIGEST_LENGTH];
    GUARD(read_at(slots, file, 0, data, sizeof data));
    hash(data, sizeof data - sizeof checksum, checksum);
    if (memcmp(data + sizeof data - sizeof checksum, checksum, sizeof checksum) != 0)
        return result_fail(ERROR_FORMAT);
    struct reader reader = reader_of(data, sizeof data - sizeof checksum);
    struct slot_release release;
    uint32_t magic;
    uint16_t version;
    GUARD(reader_u32(&reader, &magic));
    GUARD(reader_u16(&reader, &version));
    if (magic != RELEASE_MAGIC)
        return result_fail(ERROR_FORMAT);
    if (version != FORMAT_VERSION)
        return result_fail(ERROR_UNSUPPORTED);
    GUARD(reader_u64(&reader, &release.version));
    GUARD(reader_u64(&reader, &release.size));
    GUARD(reader_copy(&reader, release.digest.bytes, sizeof release.digest.bytes));
    GUARD(reader_end(&reader));
    if (release.size > LIMIT_RELEASE_BYTES || file_size != sizeof data + release.size)
        return result_fail(ERROR_FORMAT);
    *ret_release = release;
    return RESULT_OK;
}

static struct result read_into_sealed(const struct slots *slots, int file,
                                      const struct slot_release *release, int *ret_sealed)
{
    int sealed;
    uint8_t *data;
    GUARD(sealed_memory_create((size_t)release->size, &sealed, &data));
    struct result result =
        read_at(slots, file, RELEASE_HEADER_BYTES, data, (size_t)release->size);
    if (!result_is_ok(result)) {
        sealed_memory_discard(sealed, data, (size_t)release->size);
        return result;
    }
    result = sealed_memory_seal(sealed, data, (size_t)release->size);
    if (!result_is_ok(result)) {
        close(sealed);
        return result;
    }
    *ret_sealed = sealed;
    return RESULT_OK;
}

/* What the memory holds is what the digest says. */
static struct result check_sealed(int sealed, const struct release_digest *digest,
                                  struct bytes *ret_view)
{
    struct bytes view;
    GUARD(sealed_memory_map(sealed, LIMIT_RELEASE_BYTES, &view));
    struct release_digest found;
    hash(view.data, view.size, found.bytes);
    if (memcmp(found.bytes, digest->bytes, sizeof found.bytes) != 0
        && !fault_is_planted(FAULT_SLOTS_UNHASHED)) {
        sealed_memory_unmap(view);
        return result_fail(ERROR_FORMAT);
    }
    *ret_view = view;
    return RESULT_OK;
}

static struct result read_release(const struct slots *slots, int file, uint64_t size,
                                  struct release_name name, struct slot_release *ret_release,
                                  int *ret_sealed)
{
    GUARD(read_header(slots, file, size, ret_release));
    if (!release_name_equal(release_name_of(&ret_release->digest), name))
        return result_fail(ERROR_FORMAT);
    int sealed;
    GUARD(read_into_sealed(slots, file, ret_release, &sealed));
    struct bytes view;
    struct result result = check_sealed(sealed, &ret_release->digest, &view);
    if (!result_is_ok(result)) {
        close(sealed);
        return result;
    }
    sealed_memory_unmap(view);
    *ret_sealed = sealed;
    return RESULT_OK;
}

RESULT slots_read(const struct slots *slots, struct release_name name,
                  struct slot_release *ret_release, int *ret_sealed, struct explanation *why)
{
    char file_name[NAME_BYTES];
    release_file(name, file_name);
    int file;
    uint64_t size;
    struct result result = open_own(slots, file_name, &file, &size);
    if (result_is_ok(result)) {
        result = read_release(slots, file, size, name, ret_release, ret_sealed);
        slots->disk->close(slots->disk->context, file);
    }
    if (result_is_ok(result))
        return RESULT_OK;
    return explain(why, result.error, "%s cannot be read from its slot: %s", file_name,
                   result.error == ERROR_FORMAT ? "it is damaged" : result_text(result));
}

/* Whether the slot holds this release, whole. */
static bool is_staged(const struct slots *slots, struct release_name name, uint64_t version)
{
    struct slot_release found;
    int sealed;
    if (!result_is_ok(slots_read(slots, name, &found, &sealed, NULL)))
        return false;
    close(sealed);
    return found.version == version;
}

RESULT slots_stage(struct slots *slots, const struct release_digest *digest, uint64_t version,
                   int sealed, struct explanation *why)
{
    struct release_name name = release_name_of(digest);
    char file_name[NAME_BYTES];
    release_file(name, file_name);
    if (is_staged(slots, name, version))
        return RESULT_OK;
    struct bytes view;
    struct result result = check_sealed(sealed, digest, &view);
    if (!result_is_ok(result))
        return explain(why, result.error, "%s is not staged: %s", file_name,
                       result.error == ERROR_FORMAT ? "it has another digest than its ticket"
                                                    : result_text(result));
    const struct slot_release release = {
        .digest = *digest, .version = version, .size = view.size};
    uint8_t header[RELEASE_HEADER_BYTES];
    struct writer writer = writer_of(header, sizeof header);
    result = encode_header(&release, &writer);
    const struct pieces pieces = {{{header, writer.at}, view}};
    if (result_is_ok(result))
        result = write_whole(slots, file_name, &pieces);
    sealed_memory_unmap(view);
    if (!result_is_ok(result))
        return explain(why, result.error,
                       "%s cannot be written into its slot: %s; it is tried again later",
                       file_name, result_text(result));
    return RESULT_OK;
}

struct sweep {
    const struct slots *slots;
    const struct update_state *state;
};

static bool is_named(const struct update_state *state, const char *file_name)
{
    for (size_t stream = 0; stream < state->stream_count && stream < LIMIT_STREAMS; stream++) {
        for (size_t i = 0; i < LIMIT_RELEASES; i++) {
            const struct lifecycle_release *release = &state->streams[stream].releases[i];
            char kept[NAME_BYTES];
            release_file(release->name, kept);
            if (release->state != LIFECYCLE_FREE && string_equal(kept, file_name))
                return true;
        }
    }
    return false;
}

static void sweep_one(void *visitor, const char *name)
{
    const struct sweep *sweep = visitor;
    const struct disk *disk = sweep->slots->disk;
    if (string_starts_with(name, PREFIX) && !string_ends_with(name, SUFFIX)
        && !is_named(sweep->state, name)) {
        /* It only takes place; the next sweep tries again. */
        result_ignore(disk->remove(disk->context, sweep->slots->folder, name));
    }
}

RESULT slots_sweep(struct slots *slots, const struct update_state *state, struct explanation *why)
{
    struct sweep sweep = {slots, state};
    const struct disk *disk = slots->disk;
    struct result result = disk->list(disk->context, slots->folder, sweep_one, &sweep);
    if (!result_is_ok(result))
        return explain(why, result.error, "cannot list the folder of the releases: %s",
                       result_text(result));
    return RESULT_OK;
}

struct highest {
    const struct slots *slots;
    uint64_t version;
};

static void look_at_version(void *visitor, const char *name)
{
    struct highest *highest = visitor;
    if (!string_starts_with(name, PREFIX) || string_ends_with(name, SUFFIX))
        return;
    int file;
    uint64_t size;
    if (!result_is_ok(open_own(highest->slots, name, &file, &size)))
        return;
    struct slot_release release;
    struct result result = read_header(highest->slots, file, size, &release);
    if (result_is_ok(result) && release.version > highest->version)
        highest->version = release.version;
    highest->slots->disk->close(highest->slots->disk->context, file);
}

RESULT slots_highest_version(const struct slots *slots, uint64_t *ret_version)
{
    struct highest highest = {.slots = slots};
    const struct disk *disk = slots->disk;
    GUARD(disk->list(disk->context, slots->folder, look_at_version, &highest));
    *ret_version = highest.version;
    return RESULT_OK;
}

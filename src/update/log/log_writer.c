// SPDX-License-Identifier: Apache-2.0
#include "update/log/log_writer.h"

#include "base/bytes.h"
#include "update/log/lines.h"

#include <stdlib.h>
#include <string.h>

struct head {
    uint8_t text[LIMIT_NOTE_BYTES];
    size_t size; /* 0: there is none */
    struct checkpoint checkpoint;
};

struct tlog_writer {
    struct tlog_source source;
    struct tlog_sink sink;
    struct note_key key;
    struct head is_signed, published;
    struct tile_edge edge;     /* with what was added */
    struct tile_bundle bundle; /* entries of the last tile of level 0; its `data` is what counts */
};

/* --- opening ---------------------------------------------------------------------------------- */

/* A checkpoint that this log signed; size 0 where the file is absent. */
static RESULT read_head(struct tlog_writer *writer, const char *name, struct head *head,
                        struct explanation *why)
{
    struct note note;
    struct note_times times;
    struct explanation wrong = {""};
    const struct note_key *key = &writer->key;
    struct result result = writer->source.read(writer->source.context, name, head->text,
                                               sizeof head->text, &head->size, why);
    if (result.error == ERROR_NOT_FOUND) {
        head->size = 0;
        return RESULT_OK;
    }
    GUARD(result);
    struct bytes whole = {head->text, head->size};
    result = checkpoint_parse_note(whole, &note, &head->checkpoint, &wrong);
    if (!result_is_ok(result))
        return explain(why, result.error, "%s of the log is damaged: %s", name, wrong.text);
    if (!line_is(head->checkpoint.origin, key->name))
        return explain(why, ERROR_STATE, "%s is of another log than the key %s", name, key->name);
    result = note_verify(&note, key, &times, &wrong);
    if (!result_is_ok(result))
        return explain(why, ERROR_STATE, "%s was not signed by this key: %s", name, wrong.text);
    return RESULT_OK;
}

static bool is_same_tree(const struct head *a, const struct head *b)
{
    return a->size != 0 && b->size != 0 && a->checkpoint.size == b->checkpoint.size
           && merkle_hash_equal(&a->checkpoint.root, &b->checkpoint.root);
}

/* The published tree must be the beginning of the signed one. */
static RESULT check_published(struct tlog_writer *writer, struct tile_tree *tree,
                              struct explanation *why)
{
    struct merkle_hash root;
    if (writer->published.size == 0)
        return RESULT_OK;
    uint64_t size = writer->published.checkpoint.size;
    if (size > writer->is_signed.checkpoint.size)
        return explain(why, ERROR_STATE,
                       "%s has %llu entries and %s only %llu: the folder was put together from "
                       "copies of different times; going on would fork the log",
                       TILE_CHECKPOINT, (unsigned long long)size, TLOG_WRITER_SIGNED,
                       (unsigned long long)writer->is_signed.checkpoint.size);
    GUARD(tile_tree_root(tree, size, &root, why));
    if (!merkle_hash_equal(&root, &writer->published.checkpoint.root))
        return explain(why, ERROR_STATE, "%s and %s are of two trees: the log was forked",
                       TILE_CHECKPOINT, TLOG_WRITER_SIGNED);
    return RESULT_OK;
}

static RESULT read_bundle(struct tlog_writer *writer, struct tile_tree *tree,
                          struct explanation *why)
{
    uint64_t size = tile_tree_size(tree);
    writer->bundle.first = size / TILE_WIDTH * TILE_WIDTH;
    if (size % TILE_WIDTH == 0)
        return RESULT_OK;
    GUARD(tile_tree_bundle(tree, size - 1, &writer->bundle, why));
    /* Where the file of the full bundle was read, a crash left more in it than belongs here. */
    const struct bytes *last = &writer->bundle.entries[writer->bundle.count - 1];
    writer->bundle.size = (size_t)(last->data + last->size - writer->bundle.data);
    return RESULT_OK;
}

static RESULT open_tree(struct tlog_writer *writer, struct explanation *why)
{
    struct tile_tree *tree;
    if (writer->is_signed.size == 0) {
        if (writer->published.size != 0)
            return explain(why, ERROR_STATE,
                           "the log has a %s and no %s: it is a copy for readers, and going on "
                           "from it could fork the log", TILE_CHECKPOINT, TLOG_WRITER_SIGNED);
        return RESULT_OK;
    }
    GUARD(tile_tree_open(&writer->source, &writer->is_signed.checkpoint, &tree, why));
    struct result result = check_published(writer, tree, why);
    if (result_is_ok(result))
        result = read_bundle(writer, tree, why);
    if (result_is_ok(result))
        tile_tree_edge(tree, &writer->edge);
    tile_tree_free(tree);
    return result;
}

RESULT tlog_writer_open(const struct tlog_source *source, const struct tlog_sink *sink,
                        const struct note_key *key, struct tlog_writer **ret_writer,
                        struct explanation *why)
{
    if (key->type != NOTE_KEY_ED25519)
        return explain(why, ERROR_UNSUPPORTED,
                       "%s is a key for cosignatures: a log needs one of type Ed25519", key->name);
    struct tlog_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        return explain(why, ERROR_MEMORY, "no memory to write a log");
    writer->source = *source;
    writer->sink = *sink;
    writer->key = *key;
    struct result result = read_head(writer, TLOG_WRITER_SIGNED, &writer->is_signed, why);
    if (result_is_ok(result))
        result = read_head(writer, TILE_CHECKPOINT, &writer->published, why);
    if (result_is_ok(result))
        result = open_tree(writer, why);
    if (!result_is_ok(result)) {
        tlog_writer_free(writer);
        return result;
    }
    *ret_writer = writer;
    return RESULT_OK;
}

void tlog_writer_free(struct tlog_writer *writer) { free(writer); }

/* --- adding ----------------------------------------------------------------------------------- */

static RESULT write_tile(const struct tlog_writer *writer, unsigned level, uint64_t index,
                         unsigned width, struct explanation *why)
{
    char path[TILE_PATH_BYTES];
    tile_path(level, index, width, path);
    return writer->sink.write(writer->sink.context, path, writer->edge.hashes[level],
                              (size_t)width * MERKLE_HASH_BYTES, why);
}

static RESULT write_bundle(const struct tlog_writer *writer, unsigned width,
                           struct explanation *why)
{
    char path[TILE_PATH_BYTES];
    tile_entries_path(writer->bundle.first / TILE_WIDTH, width, path);
    return writer->sink.write(writer->sink.context, path, writer->bundle.data,
                              writer->bundle.size, why);
}

/* The hash goes into the edge; each tile that it fills is written and goes into the one above. */
static RESULT push(struct tlog_writer *writer, struct merkle_hash hash, struct explanation *why)
{
    struct tile_edge *edge = &writer->edge;
    uint64_t index = edge->size / TILE_WIDTH;
    for (unsigned level = 0; level < TILE_LEVELS; level++) {
        edge->hashes[level][edge->counts[level]++] = hash;
        if (edge->counts[level] < TILE_WIDTH)
            break;
        GUARD(write_tile(writer, level, index, TILE_WIDTH, why));
        hash = tile_root(edge->hashes[level]);
        edge->counts[level] = 0;
        index /= TILE_WIDTH;
    }
    edge->size++;
    return RESULT_OK;
}

RESULT tlog_writer_add(struct tlog_writer *writer, struct bytes entry, uint64_t *ret_index,
                       struct explanation *why)
{
    struct tile_bundle *bundle = &writer->bundle;
    if (entry.size == 0 || entry.size > LIMIT_PUBLIC_ENTRY_BYTES)
        return explain(why, ERROR_LIMIT, "an entry has 1 to %d bytes, not %zu",
                       LIMIT_PUBLIC_ENTRY_BYTES, entry.size);
    if (writer->edge.size == MERKLE_SIZE_MAX)
        return explain(why, ERROR_LIMIT, "the log is full");
    struct writer data = writer_of(bundle->data, sizeof bundle->data);
    data.at = bundle->size;
    GUARD(writer_u8(&data, (uint8_t)(entry.size >> 8)));
    GUARD(writer_u8(&data, (uint8_t)entry.size));
    GUARD(writer_copy(&data, entry.data, entry.size));
    bundle->size = data.at;
    *ret_index = writer->edge.size;
    bool is_full = writer->edge.size % TILE_WIDTH == TILE_WIDTH - 1;
    if (is_full)
        GUARD(write_bundle(writer, TILE_WIDTH, why));
    GUARD(push(writer, merkle_leaf(entry), why));
    if (is_full) {
        bundle->first += TILE_WIDTH;
        bundle->size = 0;
    }
    return RESULT_OK;
}

/* --- signing ---------------------------------------------------------------------------------- */

static RESULT write_partial(const struct tlog_writer *writer, struct explanation *why)
{
    const struct tile_edge *edge = &writer->edge;
    if (edge->counts[0] > 0)
        GUARD(write_bundle(writer, edge->counts[0], why));
    uint64_t index = edge->size / TILE_WIDTH;
    for (unsigned level = 0; level < TILE_LEVELS; level++, index /= TILE_WIDTH) {
        if (edge->counts[level] > 0)
            GUARD(write_tile(writer, level, index, edge->counts[level], why));
    }
    return RESULT_OK;
}

/* A fresh head over the edge. */
static RESULT make_head(const struct tlog_writer *writer, const struct note_signer *signer,
                        struct head *head, struct explanation *why)
{
    const char *origin = writer->key.name;
    struct writer text = writer_of(head->text, sizeof head->text);
    head->checkpoint = (struct checkpoint){
        .origin = {(const uint8_t *)origin, strlen(origin)},
        .size = writer->edge.size,
        .root = tile_edge_root(&writer->edge),
    };
    GUARD(checkpoint_write(&text, &head->checkpoint));
    struct bytes is_signed = {text.data, text.at};
    GUARD(lines_write_text(&text, "\n"));
    GUARD(note_sign(signer, is_signed, 0, &text, why));
    head->size = text.at;
    return RESULT_OK;
}

RESULT tlog_writer_sign(struct tlog_writer *writer, const struct note_signer *signer,
                        struct explanation *why)
{
    const struct note_key *key = note_signer_key(signer);
    if (key->id != writer->key.id || !string_equal(key->name, writer->key.name))
        return explain(why, ERROR_STATE, "the log is of the key %s (%08x), not of %s (%08x)",
                       writer->key.name, writer->key.id, key->name, key->id);
    if (writer->is_signed.size != 0 && writer->edge.size == writer->is_signed.checkpoint.size)
        return RESULT_OK;
    GUARD(write_partial(writer, why));
    GUARD(make_head(writer, signer, &writer->is_signed, why));
    return writer->sink.write(writer->sink.context, TLOG_WRITER_SIGNED, writer->is_signed.text,
                              writer->is_signed.size, why);
}

struct bytes tlog_writer_signed(const struct tlog_writer *writer)
{
    return (struct bytes){writer->is_signed.text, writer->is_signed.size};
}

uint64_t tlog_writer_size(const struct tlog_writer *writer)
{
    return writer->is_signed.size == 0 ? 0 : writer->is_signed.checkpoint.size;
}

struct bytes tlog_writer_published(const struct tlog_writer *writer)
{
    return (struct bytes){writer->published.text, writer->published.size};
}

bool tlog_writer_is_published(const struct tlog_writer *writer)
{
    return is_same_tree(&writer->published, &writer->is_signed);
}

RESULT tlog_writer_publish(struct tlog_writer *writer, struct bytes cosignatures,
                           struct explanation *why)
{
    struct head *head = &writer->published;
    struct writer text = writer_of(head->text, sizeof head->text);
    if (writer->is_signed.size == 0)
        return explain(why, ERROR_STATE, "nothing was signed yet that could be published");
    GUARD(writer_copy(&text, writer->is_signed.text, writer->is_signed.size));
    if (!result_is_ok(writer_copy(&text, cosignatures.data, cosignatures.size)))
        return explain(why, ERROR_LIMIT, "the cosignatures are too long");
    head->size = text.at;
    head->checkpoint = writer->is_signed.checkpoint;
    return writer->sink.write(writer->sink.context, TILE_CHECKPOINT, head->text, head->size, why);
}

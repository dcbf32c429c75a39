// SPDX-License-Identifier: Apache-2.0
/*
 * The tables of an engine as bytes, and back:
 *
 *     "CRESAVE1"  digest of all that follows  build  tables
 *
 * A table is the number of its rows and then these. Rows that have no pointers are copied as they
 * are: only the same build reads them. What they say is believed after saved_check() only.
 */
#include "engine/engine_body.h"

#include "base/bytes.h"
#include "base/limits.h"

#include <sha2.h>
#include <stdlib.h>
#include <string.h>

static const char MAGIC[8] = {'C', 'R', 'E', 'S', 'A', 'V', 'E', '1'};
enum { HEAD_BYTES = sizeof MAGIC + SHA256_DIGEST_LENGTH };

struct flat_table {
    struct rows *rows;
    size_t row_bytes;
};
enum { FLAT_TABLES = 13 };

static void list_flat(const struct program *program, struct flat_table tables[FLAT_TABLES])
{
    struct program *of = (struct program *)(uintptr_t)program; /* the saver only reads them */
    const struct flat_table all[FLAT_TABLES] = {
        {&of->rules, sizeof(struct program_rule)},
        {&of->instructions, sizeof(struct instruction)},
        {&of->leaves, sizeof(struct program_leaf)},
        {&of->patterns, sizeof(struct pattern)},
        {&of->firsts, sizeof(uint16_t)},
        {&of->bytes, sizeof(uint8_t)},
        {&of->units, sizeof(uint16_t)},
        {&of->networks, sizeof(struct network)},
        {&of->numbers, sizeof(double)},
        {&of->witnesses, sizeof(struct witness)},
        {&of->correlations, sizeof(struct program_correlation)},
        {&of->links, sizeof(struct link)},
        {&of->link_slots, sizeof(uint32_t)},
    };
    for (size_t i = 0; i < FLAT_TABLES; i++)
        tables[i] = all[i];
}

/* Another version, or another layout, is another build. */
static uint64_t build_id(const struct program *program)
{
    struct flat_table tables[FLAT_TABLES];
    uint64_t id = program_hash(CREANCE_VERSION, strlen(CREANCE_VERSION));
    list_flat(program, tables);
    for (size_t i = 0; i < FLAT_TABLES; i++)
        id = id * 1099511628211u + tables[i].row_bytes;
    return id * 1099511628211u + FIELD_COUNT;
}

static void make_digest(const uint8_t *data, size_t size, uint8_t out[SHA256_DIGEST_LENGTH])
{
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, data, size);
    SHA256Final(out, &context);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Counts only, where `writer` has no room at all: the first of two rounds. */
struct saver {
    struct writer writer;
    size_t needed;
    bool has_failed;
};

static void put(struct saver *saver, const void *data, size_t size)
{
    saver->needed += size;
    if (saver->writer.capacity > 0)
        result_ignore(writer_copy(&saver->writer, data, size)); /* the room was counted */
}

static void put_u32(struct saver *saver, uint32_t value) { put(saver, &value, sizeof value); }

static void put_text(struct saver *saver, const char *text)
{
    put_u32(saver, (uint32_t)strlen(text));
    put(saver, text, strlen(text));
}

/* What compiling takes is nearly all for these; Vectorscan's form has a checksum of its own. */
static void put_database(struct saver *saver, const hs_database_t *database)
{
    char *bytes = NULL;
    size_t size = 0;
    if (hs_serialize_database(database, &bytes, &size) != HS_SUCCESS) {
        saver->has_failed = true;
        return;
    }
    put_u32(saver, (uint32_t)size);
    put(saver, bytes, size);
    free(bytes);
}

static void put_row(struct saver *saver, const struct engine_rule *row)
{
    const char *const texts[] = {row->file,   row->id,      row->name,     row->title,
                                 row->level,  row->status,  row->product,  row->category,
                                 row->service, row->reason, row->field};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        put_text(saver, texts[i]);
    put_u32(saver, (uint32_t)row->tag_count);
    for (size_t i = 0; i < row->tag_count; i++)
        put_text(saver, row->tags[i]);
    put_u32(saver, row->line);
    put_u32(saver, row->attributes);
    put_u32(saver, (uint32_t)row->kind);
    put_u32(saver, (uint32_t)row->state);
    put(saver, row->digest, sizeof row->digest);
}

static void put_names(struct saver *saver, const struct program *program)
{
    put_u32(saver, (uint32_t)program->name_count);
    for (size_t i = 0; i < program->name_capacity; i++) {
        const struct name_row *name = &program->names[i];
        if (name->name == NULL)
            continue;
        put_text(saver, name->name);
        put_u32(saver, name->slot);
        put_u32(saver, name->role);
        put_u32(saver, name->time_rank);
    }
}

static void put_all(struct saver *saver, const struct engine *engine)
{
    const struct program *program = &engine->program;
    struct flat_table tables[FLAT_TABLES];
    uint64_t build = build_id(program);
    list_flat(program, tables);
    put(saver, &build, sizeof build);
    for (size_t i = 0; i < FLAT_TABLES; i++) {
        put_u32(saver, tables[i].rows->count);
        put(saver, tables[i].rows->data, tables[i].rows->count * tables[i].row_bytes);
    }
    put_u32(saver, program->regexes.count);
    for (uint32_t i = 0; i < program->regexes.count; i++) {
        const struct regex *regex = &ROWS_OF(program->regexes, struct regex)[i];
        put_text(saver, regex->expression);
        put_u32(saver, regex->flags);
        put_u32(saver, regex->pattern);
        put_database(saver, regex->database);
    }
    put_u32(saver, program->slots.count);
    for (uint32_t i = 0; i < program->slots.count; i++) {
        put_text(saver, ROWS_OF(program->slots, struct slot)[i].name);
        put_u32(saver, ROWS_OF(program->slots, struct slot)[i].schema_field);
    }
    put_u32(saver, program->sources.count);
    for (uint32_t i = 0; i < program->sources.count; i++) {
        const struct log_source *source = &ROWS_OF(program->sources, struct log_source)[i];
        put_text(saver, source->product);
        put_text(saver, source->category);
        put_text(saver, source->service);
    }
    put_u32(saver, program->fronts.count);
    for (uint32_t i = 0; i < program->fronts.count; i++) {
        put_text(saver, ROWS_OF(program->fronts, struct name_front)[i].front);
        put_text(saver, ROWS_OF(program->fronts, struct name_front)[i].field);
    }
    put_names(saver, program);
    put(saver, program->native_slots, sizeof program->native_slots);
    put_u32(saver, program->key_count);
    put_u32(saver, program->has_keywords);
    put_u32(saver, engine->rows.count);
    for (uint32_t i = 0; i < engine->rows.count; i++)
        put_row(saver, &ROWS_OF(engine->rows, struct engine_rule)[i]);
}

RESULT engine_save(const struct engine *engine, uint8_t **ret_data, size_t *ret_size)
{
    struct saver saver = {.needed = 0};
    put_all(&saver, engine);
    size_t size = HEAD_BYTES + saver.needed;
    uint8_t *data = malloc(size);
    if (data == NULL)
        return result_fail(ERROR_MEMORY);
    saver = (struct saver){.writer = writer_of(data + HEAD_BYTES, size - HEAD_BYTES)};
    put_all(&saver, engine);
    if (saver.has_failed || saver.needed != size - HEAD_BYTES) {
        free(data);
        return result_fail(ERROR_MEMORY);
    }
    bytes_copy(data, size, MAGIC, sizeof MAGIC);
    make_digest(data + HEAD_BYTES, size - HEAD_BYTES, data + sizeof MAGIC);
    *ret_data = data;
    *ret_size = size;
    return RESULT_OK;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct opener {
    struct reader reader;
    struct program *program;
};

static RESULT get_u32(struct opener *opener, uint32_t *out)
{
    return reader_copy(&opener->reader, out, sizeof *out);
}

static RESULT get_text(struct opener *opener, const char **out)
{
    struct bytes view;
    GUARD(reader_sized(&opener->reader, LIMIT_RULE_FILE_BYTES, &view));
    if (view.size > 0 && memchr(view.data, '\0', view.size) != NULL)
        return result_fail(ERROR_FORMAT);
    *out = arena_copy(opener->program->arena, view.data, view.size);
    return *out == NULL ? result_fail(ERROR_MEMORY) : RESULT_OK;
}

/* Room for as many rows as are said, each of which takes at least `least` bytes. */
static RESULT get_count(struct opener *opener, struct rows *rows, size_t row_bytes, size_t least,
                        uint32_t *ret_count)
{
    uint32_t first;
    GUARD(get_u32(opener, ret_count));
    if (*ret_count > reader_left(&opener->reader) / least)
        return result_fail(ERROR_FORMAT);
    return rows_add(rows, &opener->program->budget, row_bytes, *ret_count, &first);
}

static RESULT get_flat(struct opener *opener)
{
    struct flat_table tables[FLAT_TABLES];
    list_flat(opener->program, tables);
    for (size_t i = 0; i < FLAT_TABLES; i++) {
        uint32_t count;
        GUARD(get_count(opener, tables[i].rows, tables[i].row_bytes, tables[i].row_bytes, &count));
        GUARD(reader_copy(&opener->reader, tables[i].rows->data, count * tables[i].row_bytes));
    }
    return RESULT_OK;
}

static RESULT get_regexes(struct opener *opener)
{
    struct program *program = opener->program;
    uint32_t count;
    GUARD(get_count(opener, &program->regexes, sizeof(struct regex), 4 * sizeof(uint32_t), &count));
    for (uint32_t i = 0; i < count; i++) {
        struct regex *regex = &ROWS_OF(program->regexes, struct regex)[i];
        GUARD(get_text(opener, &regex->expression));
        GUARD(get_u32(opener, &regex->flags));
        GUARD(get_u32(opener, &regex->pattern));
        if (!program->has_scanner)
            return result_fail(ERROR_UNSUPPORTED);
        struct bytes view;
        GUARD(reader_sized(&opener->reader, LIMIT_ENGINE_BYTES, &view));
        hs_error_t status =
            hs_deserialize_database((const char *)view.data, view.size, &regex->database);
        if (status != HS_SUCCESS) {
            regex->database = NULL;
            return result_fail(status == HS_NOMEM ? ERROR_MEMORY : ERROR_FORMAT);
        }
        size_t bytes = 0;
        if (hs_database_size(regex->database, &bytes) != HS_SUCCESS)
            return result_fail(ERROR_MEMORY);
        GUARD(budget_take(&program->budget, bytes));
    }
    return RESULT_OK;
}

static RESULT get_words(struct opener *opener)
{
    struct program *program = opener->program;
    uint32_t count;
    GUARD(get_count(opener, &program->slots, sizeof(struct slot), 2 * sizeof(uint32_t), &count));
    for (uint32_t i = 0; i < count; i++) {
        struct slot *slot = &ROWS_OF(program->slots, struct slot)[i];
        GUARD(get_text(opener, &slot->name));
        GUARD(get_u32(opener, &slot->schema_field));
    }
    GUARD(get_count(opener, &program->sources, sizeof(struct log_source), 3 * sizeof(uint32_t),
                    &count));
    for (uint32_t i = 0; i < count; i++) {
        struct log_source *source = &ROWS_OF(program->sources, struct log_source)[i];
        GUARD(get_text(opener, &source->product));
        GUARD(get_text(opener, &source->category));
        GUARD(get_text(opener, &source->service));
    }
    GUARD(get_count(opener, &program->fronts, sizeof(struct name_front), 2 * sizeof(uint32_t),
                    &count));
    for (uint32_t i = 0; i < count; i++) {
        struct name_front *front = &ROWS_OF(program->fronts, struct name_front)[i];
        GUARD(get_text(opener, &front->front));
        GUARD(get_text(opener, &front->field));
        front->size = strlen(front->front);
        front->field_size = strlen(front->field);
    }
    return RESULT_OK;
}

static RESULT get_names(struct opener *opener)
{
    uint32_t count;
    GUARD(get_u32(opener, &count));
    for (uint32_t i = 0; i < count; i++) {
        struct name_row row = {.size = 0};
        uint32_t role;
        uint32_t rank;
        GUARD(get_text(opener, &row.name));
        GUARD(get_u32(opener, &row.slot));
        GUARD(get_u32(opener, &role));
        GUARD(get_u32(opener, &rank));
        bool is_slot = row.slot == NO_INDEX || row.slot < opener->program->slots.count;
        if (!is_slot || role > ROLE_TIME || rank > UINT8_MAX || row.name[0] == '\0')
            return result_fail(ERROR_FORMAT);
        row.role = (uint8_t)role;
        row.time_rank = (uint8_t)rank;
        GUARD(program_add_name_row(opener->program, &row));
    }
    return RESULT_OK;
}

static RESULT get_tags(struct opener *opener, struct engine_rule *row)
{
    uint32_t count;
    GUARD(get_u32(opener, &count));
    if (count > reader_left(&opener->reader) / sizeof(uint32_t))
        return result_fail(ERROR_FORMAT);
    const char **tags =
        arena_array(opener->program->arena, (size_t)count + 1, sizeof tags[0]);
    if (tags == NULL)
        return result_fail(ERROR_MEMORY);
    for (uint32_t i = 0; i < count; i++)
        GUARD(get_text(opener, &tags[i]));
    row->tags = tags;
    row->tag_count = count;
    return RESULT_OK;
}

static RESULT get_row(struct opener *opener, struct engine_rule *row)
{
    const char **const texts[] = {&row->file,    &row->id,     &row->name,    &row->title,
                                  &row->level,   &row->status, &row->product, &row->category,
                                  &row->service, &row->reason, &row->field};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        GUARD(get_text(opener, texts[i]));
    GUARD(get_tags(opener, row));
    uint32_t kind;
    uint32_t state;
    GUARD(get_u32(opener, &row->line));
    GUARD(get_u32(opener, &row->attributes));
    GUARD(get_u32(opener, &kind));
    GUARD(get_u32(opener, &state));
    GUARD(reader_copy(&opener->reader, row->digest, sizeof row->digest));
    if (kind > ENGINE_KIND_FIELD_MAPPING || state > ENGINE_RULE_REJECTED)
        return result_fail(ERROR_FORMAT);
    row->kind = (enum engine_rule_kind)kind;
    row->state = (enum engine_rule_state)state;
    return RESULT_OK;
}

static RESULT get_rest(struct opener *opener, struct engine *engine)
{
    struct program *program = opener->program;
    uint32_t has_keywords;
    uint32_t count;
    GUARD(get_names(opener));
    GUARD(reader_copy(&opener->reader, program->native_slots, sizeof program->native_slots));
    GUARD(get_u32(opener, &program->key_count));
    GUARD(get_u32(opener, &has_keywords));
    if (has_keywords > 1)
        return result_fail(ERROR_FORMAT);
    program->has_keywords = has_keywords == 1;
    GUARD(get_count(opener, &engine->rows, sizeof(struct engine_rule), 48, &count));
    for (uint32_t i = 0; i < count; i++) {
        struct engine_rule *row = &ROWS_OF(engine->rows, struct engine_rule)[i];
        GUARD(get_row(opener, row));
        engine->states[row->state]++;
    }
    return reader_end(&opener->reader);
}

RESULT saved_read(struct engine *engine, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint8_t digest[SHA256_DIGEST_LENGTH];
    if (size < HEAD_BYTES || memcmp(bytes, MAGIC, sizeof MAGIC) != 0)
        return result_fail(ERROR_FORMAT);
    make_digest(bytes + HEAD_BYTES, size - HEAD_BYTES, digest);
    if (memcmp(bytes + sizeof MAGIC, digest, sizeof digest) != 0)
        return result_fail(ERROR_FORMAT);
    struct opener opener = {.reader = reader_of(bytes + HEAD_BYTES, size - HEAD_BYTES),
                            .program = &engine->program};
    uint64_t build;
    GUARD(reader_copy(&opener.reader, &build, sizeof build));
    if (build != build_id(opener.program))
        return result_fail(ERROR_UNSUPPORTED);
    GUARD(get_flat(&opener));
    GUARD(get_regexes(&opener));
    GUARD(get_words(&opener));
    return get_rest(&opener, engine);
}

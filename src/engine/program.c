// SPDX-License-Identifier: Apache-2.0
/* The program's own life, and the names of fields. */
#include "engine/program.h"

#include "base/bytes.h"
#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_NAMES = 256 };

/* Eight bytes at a time; names come from rules, so that it need not withstand an attack. */
uint32_t program_hash(const void *data, size_t size)
{
    static const uint64_t MULTIPLIER = UINT64_C(0x9E3779B97F4A7C15);
    const uint8_t *bytes = data;
    uint64_t hash = size * MULTIPLIER;
    for (; size >= sizeof(uint64_t); size -= sizeof(uint64_t), bytes += sizeof(uint64_t)) {
        uint64_t word;
        bytes_copy(&word, sizeof word, bytes, sizeof word);
        hash = (hash ^ word) * MULTIPLIER;
        hash ^= hash >> 29;
    }
    uint64_t rest = 0;
    for (size_t i = 0; i < size; i++)
        rest |= (uint64_t)bytes[i] << (8 * i);
    hash = (hash ^ rest) * MULTIPLIER;
    return (uint32_t)(hash >> 32);
}

/* Vectorscan crashes on CPUs that lack what it was built for, so the check comes before any other
 * call into it and does not trust its own. */
static bool cpu_has_scanner(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("ssse3") || !__builtin_cpu_supports("sse4.2")
        || !__builtin_cpu_supports("popcnt"))
        return false;
#endif
    return hs_valid_platform() == HS_SUCCESS;
}

enum { TABLES = 17 };

static void list_tables(struct program *program, struct rows *tables[TABLES])
{
    struct rows *all[TABLES] = {
        &program->rules,   &program->instructions, &program->leaves,    &program->patterns,
        &program->bytes,   &program->units,        &program->networks,  &program->numbers,
        &program->regexes, &program->slots,        &program->witnesses, &program->sources,
        &program->fronts,  &program->correlations, &program->links,     &program->link_slots,
        &program->firsts,
    };
    for (size_t i = 0; i < TABLES; i++)
        tables[i] = all[i];
}

RESULT program_init(struct program *program, size_t limit_bytes)
{
    *program = (struct program){.budget = {.limit_bytes = limit_bytes}};
    struct rows *tables[TABLES];
    list_tables(program, tables);
    for (size_t i = 0; i < TABLES; i++)
        rows_init(tables[i]);
    program->arena = arena_new(limit_bytes);
    if (program->arena == NULL)
        return result_fail(ERROR_MEMORY);
    for (size_t i = 0; i < FIELD_COUNT; i++)
        program->native_slots[i] = NO_INDEX;
    program->has_scanner = cpu_has_scanner();
    return RESULT_OK;
}

void program_free(struct program *program)
{
    for (uint32_t i = 0; i < program->regexes.count; i++)
        hs_free_database(ROWS_OF(program->regexes, struct regex)[i].database);
    struct rows *tables[TABLES];
    list_tables(program, tables);
    for (size_t i = 0; i < TABLES; i++)
        rows_free(tables[i]);
    free(program->names);
    arena_free(program->arena);
}

static struct name_row *find_row(struct name_row *names, size_t capacity, const char *name,
                                 size_t size, uint32_t hash)
{
    for (size_t at = hash & (capacity - 1);; at = (at + 1) & (capacity - 1)) {
        struct name_row *row = &names[at];
        if (row->name == NULL)
            return row;
        if (row->hash == hash && row->size == size && memcmp(row->name, name, size) == 0)
            return row;
    }
}

static RESULT grow_names(struct program *program)
{
    if (2 * program->name_count < program->name_capacity)
        return RESULT_OK;
    size_t capacity = program->name_capacity == 0 ? FIRST_NAMES : 2 * program->name_capacity;
    GUARD(budget_take(&program->budget, capacity * sizeof(struct name_row)));
    struct name_row *names = calloc(capacity, sizeof *names);
    if (names == NULL)
        return result_fail(ERROR_MEMORY);
    for (size_t i = 0; i < program->name_capacity; i++) {
        const struct name_row *row = &program->names[i];
        if (row->name != NULL)
            *find_row(names, capacity, row->name, row->size, row->hash) = *row;
    }
    free(program->names);
    program->names = names;
    program->name_capacity = capacity;
    return RESULT_OK;
}

/* The row of a name, made when there is none yet. */
static RESULT make_name(struct program *program, const char *name, struct name_row **ret_row)
{
    size_t size = strlen(name);
    if (size > UINT16_MAX)
        return result_fail(ERROR_MEMORY);
    GUARD(grow_names(program));
    uint32_t hash = program_hash(name, size);
    *ret_row = find_row(program->names, program->name_capacity, name, size, hash);
    if ((*ret_row)->name != NULL)
        return RESULT_OK;
    const char *copy = arena_copy(program->arena, name, size);
    if (copy == NULL)
        return result_fail(ERROR_MEMORY);
    **ret_row = (struct name_row){
        .name = copy, .hash = hash, .slot = NO_INDEX, .size = (uint16_t)size};
    program->name_count++;
    return RESULT_OK;
}

static RESULT add_name(struct program *program, const char *name, uint32_t slot)
{
    struct name_row *row;
    if (name[0] == '\0')
        return RESULT_OK;
    GUARD(make_name(program, name, &row));
    if (row->slot == NO_INDEX)
        row->slot = slot;
    return RESULT_OK;
}

RESULT program_add_role(struct program *program, const char *name, enum name_role role,
                        uint8_t time_rank)
{
    struct name_row *row;
    GUARD(make_name(program, name, &row));
    row->role = (uint8_t)role;
    row->time_rank = time_rank;
    return RESULT_OK;
}

RESULT program_add_name_row(struct program *program, const struct name_row *given)
{
    struct name_row *row;
    GUARD(make_name(program, given->name, &row));
    row->slot = given->slot;
    row->role = given->role;
    row->time_rank = given->time_rank;
    return RESULT_OK;
}

const struct name_row *program_find_name(const struct program *program, const char *name,
                                         size_t size)
{
    if (program->name_capacity == 0)
        return NULL;
    const struct name_row *row = find_row(program->names, program->name_capacity, name, size,
                                          program_hash(name, size));
    return row->name == NULL ? NULL : row;
}

static uint32_t find_name(const struct program *program, const char *name, size_t size)
{
    const struct name_row *row = program_find_name(program, name, size);
    return row == NULL ? NO_INDEX : row->slot;
}

uint32_t program_find_slot(const struct program *program, const char *name, size_t size)
{
    uint32_t slot = find_name(program, name, size);
    for (uint32_t i = 0; slot == NO_INDEX && i < program->fronts.count; i++) {
        const struct name_front *front = &ROWS_OF(program->fronts, struct name_front)[i];
        if (size < front->size || memcmp(name, front->front, front->size) != 0)
            continue;
        char full[2 * LIMIT_NAME_BYTES];
        size_t rest = size - front->size;
        if (front->field_size == 0) {
            slot = find_name(program, name + front->size, rest);
        } else if (front->field_size + rest < sizeof full) {
            bytes_copy(full, sizeof full, front->field, front->field_size);
            bytes_copy(full + front->field_size, rest, name + front->size, rest);
            slot = find_name(program, full, front->field_size + rest);
        }
    }
    return slot;
}

static RESULT add_front(struct program *program, const char *name, const char *field)
{
    size_t field_size = strlen(field);
    if (field_size == 0 || field[field_size - 1] != '*' || field_size > LIMIT_NAME_BYTES)
        return result_fail(ERROR_FORMAT);
    struct name_front front = {.size = strlen(name) - 1, .field_size = field_size - 1};
    front.front = arena_copy(program->arena, name, front.size);
    front.field = arena_copy(program->arena, field, front.field_size);
    if (front.front == NULL || front.field == NULL)
        return result_fail(ERROR_MEMORY);
    uint32_t at;
    GUARD(rows_add(&program->fronts, &program->budget, sizeof front, 1, &at));
    ROWS_OF(program->fronts, struct name_front)[at] = front;
    return RESULT_OK;
}

/* The schema's field for a Sigma or ECS name. (The schema's own names are not for rules: some log
 * may use the same word for something else.) */
static uint32_t find_schema_field(const char *name)
{
    for (uint32_t i = 0; i < FIELD_COUNT; i++) {
        const struct schema_field *field = schema_field((enum event_field)i);
        if (string_equal(field->sigma[0], name) || string_equal(field->sigma[1], name)
            || string_equal(field->ecs, name))
            return i;
    }
    return NO_INDEX;
}

RESULT program_slot(struct program *program, const char *name, uint32_t *ret_slot)
{
    *ret_slot = program_find_slot(program, name, strlen(name));
    if (*ret_slot != NO_INDEX)
        return RESULT_OK;
    struct slot slot = {.schema_field = name[0] == '\0' ? NO_INDEX : find_schema_field(name)};
    slot.name = arena_copy(program->arena, name, strlen(name));
    if (slot.name == NULL)
        return result_fail(ERROR_MEMORY);
    GUARD(rows_add(&program->slots, &program->budget, sizeof slot, 1, ret_slot));
    ROWS_OF(program->slots, struct slot)[*ret_slot] = slot;
    GUARD(add_name(program, name, *ret_slot));
    if (slot.schema_field == NO_INDEX)
        return RESULT_OK;
    /* One field, whatever it is called: by Sigma's names or by ECS's. */
    const struct schema_field *field = schema_field((enum event_field)slot.schema_field);
    program->native_slots[slot.schema_field] = *ret_slot;
    GUARD(add_name(program, field->sigma[0], *ret_slot));
    GUARD(add_name(program, field->sigma[1], *ret_slot));
    return add_name(program, field->ecs, *ret_slot);
}

RESULT program_alias(struct program *program, const char *name, const char *field)
{
    if (string_ends_with(name, "*"))
        return add_front(program, name, field);
    uint32_t slot = find_name(program, field, strlen(field));
    return slot == NO_INDEX ? RESULT_OK : add_name(program, name, slot);
}

/* Whether some correlation that is in force waits for these links, and none lets them report. */
static bool is_muted(const struct program *program, uint32_t link, uint32_t count)
{
    bool is_muted = false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = ROWS_OF(program->links, struct link)[link + i].correlation;
        const struct program_correlation *correlation =
            &ROWS_OF(program->correlations, struct program_correlation)[at];
        if (correlation->is_disabled)
            continue;
        if (correlation->generates)
            return false;
        is_muted = true;
    }
    return is_muted;
}

void program_mute(struct program *program)
{
    for (uint32_t i = 0; i < program->rules.count; i++) {
        struct program_rule *rule = &ROWS_OF(program->rules, struct program_rule)[i];
        rule->is_muted = is_muted(program, rule->link, rule->link_count);
    }
    for (uint32_t i = 0; i < program->correlations.count; i++) {
        struct program_correlation *correlation =
            &ROWS_OF(program->correlations, struct program_correlation)[i];
        correlation->is_muted = is_muted(program, correlation->link, correlation->link_count);
    }
}

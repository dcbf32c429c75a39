// SPDX-License-Identifier: Apache-2.0
#include "agent/control/configuration.h"

#include "base/bytes.h"
#include "base/disk.h"
#include "base/nearest.h"
#include "engine/yaml_tree.h"

#include <stdlib.h>

enum { ARENA_BYTES = 4 * MIB };

enum setting_type { SETTING_NUMBER, SETTING_FLAG };

struct setting {
    const char *group, *name;
    enum setting_type type;
    size_t offset; /* of its member in struct configuration */
    uint64_t smallest, largest;
};

static const struct setting SETTINGS[] = {
#define NUMBER(id, group, name, fallback, smallest, largest, doc) \
    {group, name, SETTING_NUMBER, offsetof(struct configuration, id), smallest, largest},
#define FLAG(id, group, name, fallback, doc) \
    {group, name, SETTING_FLAG, offsetof(struct configuration, id), 0, 1},
#include "agent/control/configuration.def"
};
enum { SETTING_COUNT = sizeof SETTINGS / sizeof SETTINGS[0] };

struct configuration configuration_default(void)
{
    return (struct configuration){
#define NUMBER(id, group, name, fallback, smallest, largest, doc) .id = fallback,
#define FLAG(id, group, name, fallback, doc) .id = fallback,
#include "agent/control/configuration.def"
    };
}

/* Where a parse stands. */
struct parse {
    const char *file;
    struct configuration configuration;
    struct configuration_warnings warnings;
    struct explanation *why;
};

static void warn_unknown(struct parse *parse, const struct yaml_node *key, const char *what,
                         const char *best)
{
    size_t at = parse->warnings.count++;
    if (at >= CONFIGURATION_WARNINGS)
        return;
    string_format(parse->warnings.texts[at].text, EXPLANATION_BYTES,
                  "%s:%u: nobody knows the %s \"%.64s\"%s%s%s; it is passed over", parse->file,
                  key->line, what, key->text, best != NULL ? ", did you mean \"" : "",
                  best != NULL ? best : "", best != NULL ? "\"?" : "");
}

static RESULT set_number(struct parse *parse, const struct setting *setting,
                         const struct yaml_node *value)
{
    uint64_t number = 0;
    bool is_number = value->kind == YAML_INTEGER
                     && result_is_ok(number_parse(value->text, UINT64_MAX, &number));
    if (!is_number || number < setting->smallest || number > setting->largest)
        return explain(parse->why, ERROR_FORMAT,
                       "%s:%u: %s.%s must be a whole number from %llu to %llu, not \"%.64s\"",
                       parse->file, value->line, setting->group, setting->name,
                       (unsigned long long)setting->smallest, (unsigned long long)setting->largest,
                       yaml_is_scalar(value) ? value->text : yaml_kind_name(value->kind));
    *(uint64_t *)(void *)((char *)&parse->configuration + setting->offset) = number;
    return RESULT_OK;
}

static RESULT set_flag(struct parse *parse, const struct setting *setting,
                       const struct yaml_node *value)
{
    if (value->kind != YAML_BOOL)
        return explain(parse->why, ERROR_FORMAT,
                       "%s:%u: %s.%s must be true or false, not \"%.64s\"",
                       parse->file, value->line, setting->group, setting->name,
                       yaml_is_scalar(value) ? value->text : yaml_kind_name(value->kind));
    *(bool *)((char *)&parse->configuration + setting->offset) = string_equal(value->text, "true");
    return RESULT_OK;
}

static RESULT read_setting(struct parse *parse, const char *group, const struct yaml_node *value)
{
    const char *name = value->key->text;
    struct nearest nearest = nearest_to(name);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *setting = &SETTINGS[i];
        if (!string_equal(setting->group, group))
            continue;
        if (string_equal(setting->name, name))
            return setting->type == SETTING_NUMBER ? set_number(parse, setting, value)
                                                   : set_flag(parse, setting, value);
        nearest_offer(&nearest, setting->name);
    }
    warn_unknown(parse, value->key, "setting", nearest.best);
    return RESULT_OK;
}

static RESULT read_group(struct parse *parse, const struct yaml_node *group)
{
    const char *name = group->key->text;
    struct nearest nearest = nearest_to(name);
    bool is_known = false;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        is_known = is_known || string_equal(SETTINGS[i].group, name);
        nearest_offer(&nearest, SETTINGS[i].group);
    }
    if (!is_known) {
        warn_unknown(parse, group->key, "group", nearest.best);
        return RESULT_OK;
    }
    if (group->kind == YAML_NULL)
        return RESULT_OK; /* a group of which all settings are commented out */
    if (group->kind != YAML_MAP)
        return explain(parse->why, ERROR_FORMAT, "%s:%u: %s must hold settings, not %s",
                       parse->file, group->line, name, yaml_kind_name(group->kind));
    for (const struct yaml_node *value = group->first; value != NULL; value = value->next)
        GUARD(read_setting(parse, name, value));
    return RESULT_OK;
}

static RESULT read_root(struct parse *parse, const struct yaml_node *root)
{
    if (root == NULL || root->kind == YAML_NULL)
        return RESULT_OK;
    if (root->kind != YAML_MAP)
        return explain(parse->why, ERROR_FORMAT,
                       "%s:%u: expected groups of settings such as \"alerts:\", found %s",
                       parse->file, root->line, yaml_kind_name(root->kind));
    for (const struct yaml_node *group = root->first; group != NULL; group = group->next)
        GUARD(read_group(parse, group));
    return RESULT_OK;
}

static RESULT parse_documents(struct parse *parse, struct yaml_reader *reader, struct arena *arena)
{
    struct yaml_document document;
    struct yaml_fault fault;
    for (;;) {
        struct result result = yaml_next(reader, arena, &document, &fault);
        if (result.error == ERROR_NOT_FOUND)
            return RESULT_OK;
        if (!result_is_ok(result))
            return explain(parse->why, result.error, "%s:%u: %s", parse->file, fault.line,
                           fault.why.text);
        GUARD(read_root(parse, document.root));
    }
}

RESULT configuration_parse(const char *name, struct bytes text,
                           struct configuration *ret_configuration,
                           struct configuration_warnings *ret_warnings, struct explanation *why)
{
    struct parse parse = {.file = name, .configuration = configuration_default(), .why = why};
    struct arena *arena = arena_new(ARENA_BYTES);
    struct yaml_reader *reader = yaml_reader_new(text);
    struct result result = arena == NULL || reader == NULL
                               ? explain(why, ERROR_MEMORY, "%s: memory is out", name)
                               : parse_documents(&parse, reader, arena);
    yaml_reader_free(reader);
    arena_free(arena);
    if (result_is_ok(result)) {
        *ret_configuration = parse.configuration;
        *ret_warnings = parse.warnings;
    }
    return result;
}

static RESULT read_text(int file, const char *name, uint8_t *buffer, size_t *ret_size,
                        struct explanation *why)
{
    const struct disk *disk = disk_system();
    size_t size = 0, got = 1;
    while (got > 0 && size <= CONFIGURATION_FILE_BYTES) {
        struct result result = disk->read(disk->context, file, size, buffer + size,
                                          CONFIGURATION_FILE_BYTES + 1 - size, &got);
        if (!result_is_ok(result))
            return explain(why, result.error, "cannot read %s: %s", name, result_text(result));
        size += got;
    }
    if (size > CONFIGURATION_FILE_BYTES)
        return explain(why, ERROR_LIMIT, "%s is larger than %d bytes", name,
                       CONFIGURATION_FILE_BYTES);
    *ret_size = size;
    return RESULT_OK;
}

RESULT configuration_read(int folder, const char *name, struct configuration *ret_configuration,
                          struct configuration_warnings *ret_warnings, struct explanation *why)
{
    const struct disk *disk = disk_system();
    int file;
    struct result result = disk->open_read(disk->context, folder, name, &file);
    if (result.error == ERROR_NOT_FOUND) {
        *ret_configuration = configuration_default();
        *ret_warnings = (struct configuration_warnings){0};
        return explain(why, ERROR_NOT_FOUND, "there is no %s; the defaults are in force", name);
    }
    if (!result_is_ok(result))
        return explain(why, result.error, "cannot open %s: %s", name, result_text(result));
    uint8_t *buffer = malloc(CONFIGURATION_FILE_BYTES + 1);
    size_t size = 0;
    result = buffer == NULL ? explain(why, ERROR_MEMORY, "%s: memory is out", name)
                            : read_text(file, name, buffer, &size, why);
    disk->close(disk->context, file);
    if (result_is_ok(result))
        result = configuration_parse(name, (struct bytes){buffer, size}, ret_configuration,
                                     ret_warnings, why);
    free(buffer);
    return result;
}

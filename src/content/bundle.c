// SPDX-License-Identifier: Apache-2.0
#include "content/bundle.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "schema/schema.h"

#include <stdlib.h>
#include <string.h>

static const char MAGIC[8] = {'C', 'R', 'E', 'B', 'U', 'N', 'D', '1'};
static const char *const SECTION_NAMES[BUNDLE_SECTION_COUNT] = {"manifest", "detections", "tests",
                                                                "settings"};

/* --- names ------------------------------------------------------------------------------------ */

static bool is_letter_or_digit(char letter)
{
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z')
           || (letter >= '0' && letter <= '9');
}

bool bundle_path_is_valid(struct bytes path)
{
    if (path.size == 0 || path.size >= LIMIT_PATH_BYTES)
        return false;
    bool is_first = true;
    for (size_t i = 0; i < path.size; i++) {
        char letter = (char)path.data[i];
        if (letter == '/' ? is_first : !is_letter_or_digit(letter) && strchr("_+-", letter) == NULL
                                           && (is_first || strchr(". ", letter) == NULL))
            return false;
        if (letter == '\0')
            return false; /* strchr() finds it */
        is_first = letter == '/';
    }
    return !is_first;
}

static bool is_in(struct bytes path, const char *folder)
{
    size_t size = strlen(folder);
    return path.size > size && memcmp(path.data, folder, size) == 0 && path.data[size] == '/';
}

static bool ends(struct bytes path, const char *tail)
{
    size_t size = strlen(tail);
    return path.size > size && memcmp(path.data + path.size - size, tail, size) == 0;
}

/* Which kinds may hold which files. */
#define IN(id) (1u << BUNDLE_##id)
static const struct {
    const char *folder;
    unsigned kinds;
    enum bundle_section section;
    bool has_tests;
} FOLDERS[] = {
    {"rules", IN(RULES), BUNDLE_DETECTIONS, true},
    {"exceptions", IN(RULES) | IN(EXCEPTIONS), BUNDLE_DETECTIONS, false},
    {"ioc", IN(RULES) | IN(IOC), BUNDLE_DETECTIONS, false},
    {"policy", IN(POLICY), BUNDLE_SETTINGS, false},
    {"probes", IN(PROBES), BUNDLE_SETTINGS, false},
};
#undef IN

const char *bundle_folder(size_t index)
{
    return index < sizeof FOLDERS / sizeof FOLDERS[0] ? FOLDERS[index].folder : NULL;
}

bool bundle_path_section(uint32_t kind, struct bytes path, enum bundle_section *ret_section)
{
    if (bundle_kind_word(kind) == NULL || !bundle_path_is_valid(path))
        return false;
    for (size_t i = 0; i < sizeof FOLDERS / sizeof FOLDERS[0]; i++) {
        if (!is_in(path, FOLDERS[i].folder) || (FOLDERS[i].kinds >> kind & 1) == 0)
            continue;
        bool is_test = FOLDERS[i].has_tests && ends(path, ".tests.jsonl");
        *ret_section = is_test ? BUNDLE_TESTS : FOLDERS[i].section;
        return is_test || ends(path, ".yml") || ends(path, ".yaml");
    }
    return false;
}

bool bundle_name_is_valid(const char *name)
{
    size_t size = strnlen(name, BUNDLE_NAME_BYTES);
    if (size == 0 || size == BUNDLE_NAME_BYTES || name[0] == '.' || name[0] == '-')
        return false;
    for (size_t i = 0; i < size; i++) {
        bool is_capital = name[i] >= 'A' && name[i] <= 'Z';
        if (is_capital || (!is_letter_or_digit(name[i]) && strchr("._-", name[i]) == NULL))
            return false;
    }
    return true;
}

const char *bundle_target_word(uint32_t target)
{
    switch (target) {
#define TARGET_WORD(id, number, word) \
    case number:                      \
        return word;
        BUNDLE_TARGETS(TARGET_WORD)
#undef TARGET_WORD
    default:
        return NULL;
    }
}

/* --- the head --------------------------------------------------------------------------------- */

RESULT bundle_write_head(const struct bundle *bundle, struct writer *writer)
{
    const struct bundle_facts *facts = &bundle->facts;
    char name[BUNDLE_NAME_BYTES] = {0};
    (void)string_copy(name, sizeof name, facts->name);
    GUARD(writer_copy(writer, MAGIC, sizeof MAGIC));
    GUARD(writer_u32(writer, facts->kind));
    GUARD(writer_u32(writer, facts->schema));
    GUARD(writer_u32(writer, facts->engine_level));
    GUARD(writer_u32(writer, facts->target));
    GUARD(writer_u64(writer, facts->version));
    GUARD(writer_u64(writer, bundle->size));
    GUARD(writer_copy(writer, name, sizeof name));
    GUARD(writer_u64(writer, facts->cost.steps));
    GUARD(writer_u32(writer, facts->cost.steps_per_rule));
    GUARD(writer_u32(writer, 0));
    GUARD(writer_u64(writer, facts->cost.memory_bytes));
    GUARD(writer_u64(writer, bundle->source_bytes));
    for (size_t i = 0; i < BUNDLE_SECTION_COUNT; i++) {
        GUARD(writer_u64(writer, bundle->sections[i].size));
        GUARD(writer_u32(writer, bundle->file_counts[i]));
    }
    return writer_u64(writer, 0);
}

struct head {
    struct bundle bundle;
    uint64_t section_sizes[BUNDLE_SECTION_COUNT];
    uint64_t size;
    uint32_t first_zero;
    uint64_t second_zero;
};

static_assert(8 + 4 * 4 + 2 * 8 + BUNDLE_NAME_BYTES + 8 + 4 + 4 + 8 + 8
                      + BUNDLE_SECTION_COUNT * 12 + 8
                  == BUNDLE_HEAD_BYTES,
              "the fields of the head fill it");

static RESULT read_head(struct reader *reader, struct head *head)
{
    struct bundle_facts *facts = &head->bundle.facts;
    GUARD(reader_u32(reader, &facts->kind));
    GUARD(reader_u32(reader, &facts->schema));
    GUARD(reader_u32(reader, &facts->engine_level));
    GUARD(reader_u32(reader, &facts->target));
    GUARD(reader_u64(reader, &facts->version));
    GUARD(reader_u64(reader, &head->size));
    GUARD(reader_copy(reader, facts->name, sizeof facts->name));
    GUARD(reader_u64(reader, &facts->cost.steps));
    GUARD(reader_u32(reader, &facts->cost.steps_per_rule));
    GUARD(reader_u32(reader, &head->first_zero));
    GUARD(reader_u64(reader, &facts->cost.memory_bytes));
    GUARD(reader_u64(reader, &head->bundle.source_bytes));
    for (size_t i = 0; i < BUNDLE_SECTION_COUNT; i++) {
        GUARD(reader_u64(reader, &head->section_sizes[i]));
        GUARD(reader_u32(reader, &head->bundle.file_counts[i]));
    }
    return reader_u64(reader, &head->second_zero);
}

/* Newer bundles get the sentence that tells people what to do. */
static RESULT check_fit(const struct bundle_facts *facts, struct explanation *why)
{
    if (bundle_kind_word(facts->kind) == NULL)
        return explain(why, ERROR_UNSUPPORTED,
                       "it is of kind %u, which this version of Creance does not know",
                       facts->kind);
    if (bundle_target_word(facts->target) == NULL)
        return explain(why, ERROR_UNSUPPORTED,
                       "it is for target %u, which this version of Creance does not know",
                       facts->target);
    if (facts->engine_level > BUNDLE_ENGINE_LEVEL)
        return explain(why, ERROR_UNSUPPORTED,
                       "it needs engine level %u and this version of Creance has %d",
                       facts->engine_level, BUNDLE_ENGINE_LEVEL);
    if (facts->schema > SCHEMA_VERSION)
        return explain(why, ERROR_UNSUPPORTED,
                       "it needs event schema %u and this version of Creance has %d",
                       facts->schema, SCHEMA_VERSION);
    return RESULT_OK;
}

static RESULT check_cost(const struct bundle_cost *cost, struct explanation *why)
{
    if (fault_is_planted(FAULT_CHECK_COST_OFF))
        return RESULT_OK;
    if (cost->steps > LIMIT_BUNDLE_STEPS)
        return explain(why, ERROR_LIMIT, "its rules may take %llu steps, at most %d are allowed",
                       (unsigned long long)cost->steps, LIMIT_BUNDLE_STEPS);
    if (cost->steps_per_rule > LIMIT_RULE_STEPS)
        return explain(why, ERROR_LIMIT, "one of its rules may take %u steps, at most %d are "
                                         "allowed",
                       cost->steps_per_rule, LIMIT_RULE_STEPS);
    if (cost->memory_bytes > LIMIT_ENGINE_BYTES)
        return explain(why, ERROR_LIMIT, "it may take %llu bytes of memory, at most %d are allowed",
                       (unsigned long long)cost->memory_bytes, LIMIT_ENGINE_BYTES);
    return RESULT_OK;
}

static bool is_padded(const char name[BUNDLE_NAME_BYTES])
{
    for (size_t i = strnlen(name, BUNDLE_NAME_BYTES); i < BUNDLE_NAME_BYTES; i++) {
        if (name[i] != '\0')
            return false;
    }
    return true;
}

static RESULT check_head(const struct head *head, size_t size, struct explanation *why)
{
    const struct bundle_facts *facts = &head->bundle.facts;
    GUARD(check_fit(facts, why));
    if (!bundle_name_is_valid(facts->name) || !is_padded(facts->name))
        return explain(why, ERROR_FORMAT, "its name is malformed");
    if (facts->version == 0 || head->first_zero != 0 || head->second_zero != 0)
        return explain(why, ERROR_FORMAT, "its head is malformed");
    GUARD(check_cost(&facts->cost, why));
    uint64_t total = BUNDLE_HEAD_BYTES;
    for (size_t i = 0; i < BUNDLE_SECTION_COUNT; i++) {
        if (head->section_sizes[i] > LIMIT_BUNDLE_BYTES)
            return explain(why, ERROR_LIMIT, "section %s would have %llu bytes, at most %d are "
                                             "allowed",
                           SECTION_NAMES[i], (unsigned long long)head->section_sizes[i],
                           LIMIT_BUNDLE_BYTES);
        total += head->section_sizes[i];
    }
    if (head->size != size || total != size)
        return explain(why, ERROR_FORMAT,
                       "its head speaks of %llu bytes and there are %zu: it was cut off or changed",
                       (unsigned long long)head->size, size);
    return RESULT_OK;
}

/* --- sections --------------------------------------------------------------------------------- */

static RESULT check_file(const struct bundle *bundle, enum bundle_section section,
                         struct bytes name, struct explanation *why)
{
    enum bundle_section right;
    if (!bundle_path_is_valid(name))
        return explain(why, ERROR_FORMAT, "section %s: the name of a file is malformed",
                       SECTION_NAMES[section]);
    if (!bundle_path_section(bundle->facts.kind, name, &right) || right != section)
        return explain(why, ERROR_FORMAT,
                       "section %s: %.*s has no place there in a bundle of kind %s",
                       SECTION_NAMES[section], (int)name.size, (const char *)name.data,
                       bundle_kind_word(bundle->facts.kind));
    return RESULT_OK;
}

static RESULT check_pack(struct bundle *bundle, enum bundle_section section,
                         uint64_t *source_bytes, struct explanation *why)
{
    struct bytes bytes = bundle->sections[section];
    struct pack_reader pack;
    struct pack_file file;
    uint32_t count = 0;
    if (bytes.size == 0 && bundle->file_counts[section] == 0)
        return RESULT_OK;
    struct result result = pack_reader_open(bytes.data, bytes.size, &pack);
    while (result_is_ok(result) && result_is_ok(result = pack_reader_next(&pack, &file))) {
        GUARD(check_file(bundle, section, file.name, why));
        *source_bytes += file.content.size;
        count++;
    }
    if (result.error != ERROR_NOT_FOUND)
        return explain(why, result.error, "section %s, behind file %u: %s", SECTION_NAMES[section],
                       count,
                       result.error == ERROR_LIMIT
                           ? "more files or bytes than are allowed"
                           : "malformed, cut off, or its files are not in order");
    if (count == 0 || count != bundle->file_counts[section])
        return explain(why, ERROR_FORMAT, "section %s has %u files and the head says %u",
                       SECTION_NAMES[section], count, bundle->file_counts[section]);
    return RESULT_OK;
}

static RESULT check_sections(struct bundle *bundle, struct explanation *why)
{
    uint64_t source_bytes = bundle->sections[BUNDLE_MANIFEST].size;
    if (bundle->file_counts[BUNDLE_MANIFEST] != 1 || source_bytes == 0)
        return explain(why, ERROR_FORMAT, "it has no manifest");
    if (source_bytes > LIMIT_MANIFEST_BYTES)
        return explain(why, ERROR_LIMIT, "its manifest is larger than %d bytes",
                       LIMIT_MANIFEST_BYTES);
    for (unsigned i = BUNDLE_MANIFEST + 1; i < BUNDLE_SECTION_COUNT; i++)
        GUARD(check_pack(bundle, (enum bundle_section)i, &source_bytes, why));
    if (bundle->file_counts[BUNDLE_DETECTIONS] == 0 && bundle->file_counts[BUNDLE_SETTINGS] == 0)
        return explain(why, ERROR_FORMAT, "there is nothing in it: an empty bundle would take "
                                          "everything away");
    if (source_bytes != bundle->source_bytes)
        return explain(why, ERROR_FORMAT, "its files have %llu bytes and the head says %llu",
                       (unsigned long long)source_bytes,
                       (unsigned long long)bundle->source_bytes);
    return RESULT_OK;
}

RESULT bundle_open(const void *data, size_t size, struct bundle *ret_bundle,
                   struct explanation *why)
{
    struct head head = {.size = 0};
    struct reader reader = reader_of(data, size);
    struct bytes magic;
    if (!result_is_ok(reader_view(&reader, sizeof MAGIC, &magic))
        || memcmp(magic.data, MAGIC, sizeof MAGIC) != 0)
        return explain(why, ERROR_FORMAT, "this is no bundle: it does not begin with %.8s", MAGIC);
    if (size > LIMIT_BUNDLE_BYTES)
        return explain(why, ERROR_LIMIT, "it has %zu bytes, at most %d are allowed", size,
                       LIMIT_BUNDLE_BYTES);
    if (!result_is_ok(read_head(&reader, &head)))
        return explain(why, ERROR_FORMAT, "it is cut off within its head, after %zu bytes", size);
    GUARD(check_head(&head, size, why));
    head.bundle.size = size;
    for (size_t i = 0; i < BUNDLE_SECTION_COUNT; i++)
        GUARD(reader_view(&reader, (size_t)head.section_sizes[i], &head.bundle.sections[i]));
    GUARD(reader_end(&reader));
    GUARD(check_sections(&head.bundle, why));
    *ret_bundle = head.bundle;
    return RESULT_OK;
}

RESULT bundle_check_cost(const struct bundle *bundle, const struct engine *engine,
                         struct explanation *why)
{
    if (fault_is_planted(FAULT_CHECK_COST_OFF))
        return RESULT_OK;
    const struct bundle_cost *stated = &bundle->facts.cost;
    struct engine_cost cost = engine_cost(engine);
    if (bundle->facts.kind != BUNDLE_RULES)
        return RESULT_OK;
    if (cost.steps > stated->steps && fault_is_planted(FAULT_ENGINE_LIMIT_PANICS))
        abort(); /* as a loader that takes it for granted */
    if (cost.steps > stated->steps)
        return explain(why, ERROR_LIMIT, "its rules take %llu steps and it states %llu",
                       (unsigned long long)cost.steps, (unsigned long long)stated->steps);
    if (cost.steps_max > stated->steps_per_rule)
        return explain(why, ERROR_LIMIT, "%s takes %u steps and the bundle states %u for one rule",
                       engine_rule(engine, cost.dearest)->file, cost.steps_max,
                       stated->steps_per_rule);
    if (cost.memory_bytes > stated->memory_bytes)
        return explain(why, ERROR_LIMIT, "loaded it takes %llu bytes and it states %llu",
                       (unsigned long long)cost.memory_bytes,
                       (unsigned long long)stated->memory_bytes);
    return RESULT_OK;
}

/* --- files ------------------------------------------------------------------------------------ */

struct pack_reader bundle_files(const struct bundle *bundle, enum bundle_section section)
{
    struct pack_reader pack;
    struct bytes bytes = bundle->sections[section];
    if (section != BUNDLE_MANIFEST && bytes.size > 0
        && result_is_ok(pack_reader_open(bytes.data, bytes.size, &pack)))
        return pack;
    return (struct pack_reader){.left = 0};
}

// SPDX-License-Identifier: Apache-2.0
#include "content/content_subjects.h"

#include "base/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void content_say(const struct content_check *check, uint64_t *findings, const char *name,
                 struct bytes file, uint64_t line, const char *reason)
{
    const struct content_finding finding = {name, file, line, reason, false};
    (*findings)++;
    check->say(check->context, &finding);
}

void content_say_nothing(void *context, const struct content_finding *finding)
{
    (void)context;
    (void)finding;
}

/* --- names ------------------------------------------------------------------------------------ */

/* Without ".yml", ".yaml" or ".tests.jsonl". */
static struct bytes stem_of(struct bytes name)
{
    static const char *const ENDINGS[] = {".tests.jsonl", ".yaml", ".yml"};
    for (size_t i = 0; i < sizeof ENDINGS / sizeof ENDINGS[0]; i++) {
        size_t size = strlen(ENDINGS[i]);
        if (name.size > size && memcmp(name.data + name.size - size, ENDINGS[i], size) == 0)
            return (struct bytes){name.data, name.size - size};
    }
    return name;
}

static int compare_bytes(struct bytes a, struct bytes b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common > 0 ? memcmp(a.data, b.data, common) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int by_stem(const void *a, const void *b)
{
    const struct content_subject *left = a;
    const struct content_subject *right = b;
    int order = compare_bytes(stem_of(left->file), stem_of(right->file));
    return order != 0 ? order : compare_bytes(left->file, right->file);
}

static bool is_in(struct bytes name, const char *folder)
{
    size_t size = strlen(folder);
    return name.size > size && memcmp(name.data, folder, size) == 0;
}

/* --- files ------------------------------------------------------------------------------------ */

static RESULT add_files(const struct content_check *check, struct content_subjects *subjects)
{
    struct pack_reader files = bundle_files(check->bundle, BUNDLE_DETECTIONS);
    struct pack_file file;
    subjects->rows = calloc((size_t)files.left + 1, sizeof *subjects->rows);
    if (subjects->rows == NULL)
        return result_fail(ERROR_MEMORY);
    while (result_is_ok(pack_reader_next(&files, &file))) {
        struct content_subject *subject = &subjects->rows[subjects->count];
        if (!is_in(file.name, "rules/"))
            continue;
        subject->file = file.name;
        subjects->count++;
        if (asprintf(&subject->engine_file, "%s%.*s", check->prefix, (int)file.name.size,
                     (const char *)file.name.data) < 0) {
            subject->engine_file = NULL;
            return result_fail(ERROR_MEMORY);
        }
    }
    qsort(subjects->rows, subjects->count, sizeof *subjects->rows, by_stem);
    return RESULT_OK;
}

/* The first subject with this stem. */
static struct content_subject *find_stem(const struct content_subjects *subjects,
                                         struct bytes stem)
{
    size_t low = 0;
    size_t high = subjects->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_bytes(stem_of(subjects->rows[middle].file), stem) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_found = low < subjects->count
                    && compare_bytes(stem_of(subjects->rows[low].file), stem) == 0;
    return is_found ? &subjects->rows[low] : NULL;
}

static void add_tests(const struct content_check *check, struct content_subjects *subjects,
                      uint64_t *findings)
{
    struct pack_reader files = bundle_files(check->bundle, BUNDLE_TESTS);
    struct pack_file file;
    while (result_is_ok(pack_reader_next(&files, &file))) {
        struct content_subject *subject = find_stem(subjects, stem_of(file.name));
        if (subject == NULL) {
            content_say(check, findings, "tests", file.name, 0,
                        "there is no rule beside these tests");
            continue;
        }
        subject->tests = file.name;
        subject->lines = file.content;
    }
}

/* --- what the engine made of them ------------------------------------------------------------- */

/* Which kinds of documents may lie in a folder. */
static bool is_at_home(const char *file, enum engine_rule_kind kind)
{
    if (string_starts_with(file, "exceptions/"))
        return kind == ENGINE_KIND_FILTER;
    if (string_starts_with(file, "ioc/"))
        return kind == ENGINE_KIND_PLACEHOLDERS;
    return kind == ENGINE_KIND_RULE || kind == ENGINE_KIND_CORRELATION;
}

static void note_row(const struct content_check *check, struct content_subjects *subjects,
                     const struct engine_rule *rule, uint64_t *findings)
{
    const char *name = rule->file + strlen(check->prefix);
    struct bytes file = {(const uint8_t *)name, strlen(name)};
    struct content_subject *subject =
        is_in(file, "rules/") ? find_stem(subjects, stem_of(file)) : NULL;
    if (rule->state == ENGINE_RULE_REJECTED)
        content_say(check, findings, "load", file, rule->line, rule->reason);
    else if (!is_at_home(name, rule->kind))
        content_say(check, findings, "load", file, rule->line,
                    "a document of this kind has no place in this folder: rules/ is for rules and "
                    "correlations, exceptions/ for filters, ioc/ for placeholders");
    for (; subject != NULL && subject < subjects->rows + subjects->count
           && compare_bytes(stem_of(subject->file), stem_of(file)) == 0;
         subject++) {
        if (compare_bytes(subject->file, file) != 0)
            continue;
        if (subject->rule == NULL)
            subject->rule = rule;
        subject->has_correlations =
            subject->has_correlations || rule->kind == ENGINE_KIND_CORRELATION;
        subject->is_active = subject->is_active || rule->state != ENGINE_RULE_INACTIVE;
    }
}

RESULT content_subjects_find(const struct content_check *check,
                             struct content_subjects *ret_subjects, uint64_t *findings,
                             struct explanation *why)
{
    *ret_subjects = (struct content_subjects){.count = 0};
    if (!result_is_ok(add_files(check, ret_subjects))) {
        content_subjects_free(ret_subjects);
        return explain(why, ERROR_MEMORY, "memory is out");
    }
    add_tests(check, ret_subjects, findings);
    for (size_t i = 0; i < engine_rule_count(check->engine); i++) {
        const struct engine_rule *rule = engine_rule(check->engine, i);
        if (string_starts_with(rule->file, check->prefix))
            note_row(check, ret_subjects, rule, findings);
    }
    return RESULT_OK;
}

void content_subjects_free(struct content_subjects *subjects)
{
    for (size_t i = 0; i < subjects->count; i++)
        free(subjects->rows[i].engine_file);
    free(subjects->rows);
    *subjects = (struct content_subjects){.count = 0};
}

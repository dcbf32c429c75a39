// SPDX-License-Identifier: Apache-2.0
#include "cli/rules_lint.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

enum { TITLE_BYTES_MAX = 256, FILE_NAME_BYTES_MIN = 10, FILE_NAME_BYTES_MAX = 70 };

struct lint {
    const struct engine *engine;
    rules_lint_note *note;
    void *context;
};

static bool is_one_of(char c, const char *set) { return c != '\0' && strchr(set, c) != NULL; }

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

/* 8-4-4-4-12 hexadecimal digits. */
static bool is_uuid(const char *text)
{
    static const char FORM[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    for (size_t i = 0; i < sizeof FORM - 1; i++) {
        bool fits = FORM[i] == '-' ? text[i] == '-' : is_one_of(text[i], DIGITS "abcdefABCDEF");
        if (!fits)
            return false;
    }
    return text[sizeof FORM - 1] == '\0';
}

/* namespace.word, as the schema of detection rules has it. */
static bool is_tag(const char *text)
{
    const char *dot = strchr(text, '.');
    if (dot == NULL || dot == text || dot[1] == '\0')
        return false;
    return strspn(text, LOWER DIGITS "_-") == (size_t)(dot - text)
           && strspn(dot + 1, LOWER DIGITS "._-") == strlen(dot + 1);
}

static bool is_file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    size_t size = strspn(name, LOWER DIGITS "_");
    return size + 4 >= FILE_NAME_BYTES_MIN && size + 4 <= FILE_NAME_BYTES_MAX
           && string_equal(name + size, ".yml");
}

/* Titles are in title case: small words apart, each begins with something else than a small letter.
 * One or two in a title may be names of programs. */
static bool is_title_case(const char *title)
{
    size_t words = 0;
    size_t small = 0;
    for (const char *at = title; *at != '\0';) {
        size_t size = strcspn(at, " ");
        if (size > 3) {
            words++;
            small += is_one_of(at[0], LOWER);
        }
        at += size;
        at += strspn(at, " ");
    }
    return !is_one_of(title[0], LOWER) && small <= words / 2;
}

static RESULT check_words(const struct lint *lint, const struct engine_rule *rule)
{
    if (rule->id[0] == '\0' || !is_uuid(rule->id))
        GUARD(lint->note(lint->context, rule, "id",
                         "it has no id that is a UUID: alerts and filters refer to it by that"));
    if (strlen(rule->title) > TITLE_BYTES_MAX)
        GUARD(lint->note(lint->context, rule, "title", "the title has more than 256 bytes"));
    if (!is_title_case(rule->title) || string_ends_with(rule->title, "."))
        GUARD(lint->note(lint->context, rule, "title",
                         "the title is no headline: expected Title Case without a full stop"));
    if (!is_file_name(rule->file))
        GUARD(lint->note(lint->context, rule, "file",
                         "the file's name is not of 10 to 70 small letters, digits and '_', with "
                         "'.yml' behind"));
    for (size_t i = 0; i < rule->tag_count; i++) {
        if (!is_tag(rule->tags[i]))
            GUARD(lint->note(lint->context, rule, "tags",
                             "a tag is not 'namespace.word' of small letters, digits, '-', '_'"));
    }
    return RESULT_OK;
}

/* What SigmaHQ requires of a rule, and of correlations what an outermost one should say. */
static RESULT check_attributes(const struct lint *lint, const struct engine_rule *rule)
{
    static const struct {
        enum engine_attribute attribute;
        const char *name;
    } WANTED[] = {
        {ENGINE_HAS_DESCRIPTION, "description"},       {ENGINE_HAS_AUTHOR, "author"},
        {ENGINE_HAS_DATE, "date"},                     {ENGINE_HAS_REFERENCES, "references"},
        {ENGINE_HAS_FALSEPOSITIVES, "falsepositives"},
    };
    char reason[128];
    for (size_t i = 0; i < sizeof WANTED / sizeof WANTED[0]; i++) {
        if ((rule->attributes & (unsigned)WANTED[i].attribute) != 0)
            continue;
        string_format(reason, sizeof reason, "it has no '%s'", WANTED[i].name);
        GUARD(lint->note(lint->context, rule, WANTED[i].name, reason));
    }
    if (rule->status[0] == '\0')
        GUARD(lint->note(lint->context, rule, "status", "it has no 'status'"));
    if (rule->level[0] == '\0')
        GUARD(lint->note(lint->context, rule, "level", "it has no 'level'"));
    if (rule->tag_count == 0)
        GUARD(lint->note(lint->context, rule, "tags", "it has no tags, such as attack.t1059"));
    return RESULT_OK;
}

/* --- doubles ---------------------------------------------------------------------------------- */

/* A word that should be one rule's alone. */
struct word {
    const char *text;
    const char *field;
    const struct engine_rule *rule;
};

static int compare_words(const void *left, const void *right)
{
    const struct word *a = left;
    const struct word *b = right;
    int order = strcmp(a->field, b->field);
    if (order == 0)
        order = strcmp(a->text, b->text);
    return order != 0 ? order : a->rule < b->rule ? -1 : a->rule > b->rule;
}

static size_t add_word(struct word *words, size_t count, const char *text, const char *field,
                       const struct engine_rule *rule)
{
    if (text[0] == '\0')
        return count;
    words[count] = (struct word){text, field, rule};
    return count + 1;
}

static RESULT check_doubles(const struct lint *lint, struct word *words)
{
    size_t count = 0;
    for (size_t i = 0; i < engine_rule_count(lint->engine); i++) {
        const struct engine_rule *rule = engine_rule(lint->engine, i);
        count = add_word(words, count, rule->id, "id", rule);
        count = add_word(words, count, rule->name, "name", rule);
        if (rule->kind == ENGINE_KIND_RULE || rule->kind == ENGINE_KIND_CORRELATION)
            count = add_word(words, count, rule->title, "title", rule);
    }
    qsort(words, count, sizeof *words, compare_words);
    for (size_t i = 1; i < count; i++) {
        const struct word *before = &words[i - 1];
        if (!string_equal(before->field, words[i].field)
            || !string_equal(before->text, words[i].text))
            continue;
        char reason[512];
        (void)string_format(reason, sizeof reason, "it has the %s of %.300s:%u", words[i].field,
                            before->rule->file, before->rule->line);
        GUARD(lint->note(lint->context, words[i].rule, words[i].field, reason));
    }
    return RESULT_OK;
}

RESULT rules_lint(const struct engine *engine, rules_lint_note *note, void *context)
{
    struct lint lint = {engine, note, context};
    for (size_t i = 0; i < engine_rule_count(engine); i++) {
        const struct engine_rule *rule = engine_rule(engine, i);
        bool is_detection =
            rule->kind == ENGINE_KIND_RULE || rule->kind == ENGINE_KIND_CORRELATION;
        if (rule->state == ENGINE_RULE_REJECTED)
            continue;
        if (is_detection || rule->kind == ENGINE_KIND_FILTER)
            GUARD(check_words(&lint, rule));
        if (is_detection)
            GUARD(check_attributes(&lint, rule));
    }
    struct word *words = calloc(3 * engine_rule_count(engine) + 1, sizeof *words);
    if (words == NULL)
        return result_fail(ERROR_MEMORY);
    struct result result = check_doubles(&lint, words);
    free(words);
    return result;
}

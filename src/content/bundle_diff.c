// SPDX-License-Identifier: Apache-2.0
#include "content/bundle_diff.h"

#include "base/bytes.h"
#include "content/bundle_documents.h"
#include "content/content_line.h"
#include "content/content_tests.h"

#include <stdlib.h>
#include <string.h>

enum { DETAIL_BYTES = 512, LINES_NAMED = 3 };

static const struct {
    const char *word;
    bool is_gate;
} DIFFERENCES[BUNDLE_DIFFERENCE_COUNT] = {
#define DIFFERENCE_ROW(id, is_gate, word) {word, is_gate},
    BUNDLE_DIFFERENCES(DIFFERENCE_ROW)
#undef DIFFERENCE_ROW
};

const char *bundle_difference_word(enum bundle_difference difference)
{
    return DIFFERENCES[difference].word;
}

bool bundle_difference_is_gate(enum bundle_difference difference)
{
    return DIFFERENCES[difference].is_gate;
}

struct diff {
    const struct bundle *old_bundle, *new_bundle;
    struct bundle_documents old_documents, new_documents;
    bundle_diff_sink *sink;
    void *context;
    struct bundle_diff_counts *counts;
};

static void say(struct diff *diff, enum bundle_difference difference, struct bytes file,
                unsigned line, const char *title, const char *detail)
{
    const struct bundle_diff_row row = {difference, file, line, title, detail};
    diff->counts->rows[difference]++;
    diff->counts->gates += bundle_difference_is_gate(difference);
    diff->sink(diff->context, &row);
}

static void say_of(struct diff *diff, enum bundle_difference difference,
                   const struct bundle_document *document, const char *detail)
{
    say(diff, difference, document->file, document->line, document->title, detail);
}

/* --- lines of one section of a document ------------------------------------------------------- */

/* What happened to some lines: told once, with the first of them. */
struct told {
    char detail[DETAIL_BYTES];
    size_t count;
};

static void tell(struct told *told, const char *sign, const char *line)
{
    size_t at = strlen(told->detail);
    if (told->count < LINES_NAMED)
        (void)string_format(told->detail + at, sizeof told->detail - at, "%s%s %s",
                            told->count > 0 ? "; " : "", sign, line);
    else if (told->count == LINES_NAMED)
        (void)string_format(told->detail + at, sizeof told->detail - at, "; and more");
    told->count++;
}

/* Bytes of the path at the front of a line. */
static size_t path_size(const char *line)
{
    const char *equals = strstr(line, " = ");
    return equals != NULL ? (size_t)(equals - line) : strlen(line);
}

static bool has_path(const struct bundle_lines *lines, const char *line)
{
    size_t size = path_size(line);
    for (size_t i = 0; i < lines->count; i++) {
        if (path_size(lines->rows[i]) == size && memcmp(lines->rows[i], line, size) == 0)
            return true;
    }
    return false;
}

/* Whether the selection that a line belongs to is named in a part of a condition: by itself, by a
 * pattern or by "them". Rather too often than not. */
static bool is_named(const char *at, size_t length, const char *line)
{
    const char *end = at + length;
    size_t size = strcspn(line, ".[ ");
    if (string_starts_with(line, "condition = "))
        return false;
    while (at < end) {
        size_t word = strcspn(at, " ()*");
        bool is_pattern = at[word] == '*';
        bool is_whole = word == size || (is_pattern && word < size);
        if ((word > 0 || is_pattern) && is_whole && memcmp(at, line, word) == 0)
            return true;
        if (word == strlen("them") && strncasecmp(at, "them", word) == 0)
            return true;
        at += word + 1;
    }
    return false;
}

/* Named behind the first "not". */
static bool is_excepted(const char *condition, const char *line)
{
    const char *behind = strcasestr(condition, "not");
    return behind != NULL && is_named(behind, strlen(behind), line);
}

/* The condition ends with "not NAME" or "not 1 of NAME*", and nothing is denied before it. */
static bool ends_with_exception(const char *behind)
{
    size_t words = 0;
    for (const char *at = behind; *at != '\0'; at += strcspn(at, " ")) {
        at += strspn(at, " ");
        words += *at != '\0';
    }
    bool is_quantified = strcasestr(behind, " of ") != NULL;
    return strpbrk(behind, "()") == NULL && words == (is_quantified ? 4 : 2);
}

/* Excepted and nothing else, so that less of it is more detections. */
static bool is_only_excepted(const char *condition, const char *line)
{
    const char *behind = strcasestr(condition, "not");
    return is_excepted(condition, line) && ends_with_exception(behind)
           && !is_named(condition, (size_t)(behind - condition), line);
}

/* Modifiers under which a further value asks for more instead of allowing more. */
static bool is_plain(const char *line)
{
    size_t size = path_size(line);
    return memmem(line, size, "|all", 4) == NULL && memmem(line, size, "|neq", 4) == NULL
           && memmem(line, size, "|expand", 7) == NULL;
}

struct lines_pair {
    struct bundle_lines old_lines, new_lines;
    const char *condition; /* "" for what is no detection */
    bool is_strict;        /* any change may mean less */
};

static enum bundle_difference judge_gone(const struct lines_pair *pair, const char *line)
{
    if (pair->is_strict || !is_only_excepted(pair->condition, line))
        return BUNDLE_NARROWED;
    bool is_one_of_several = has_path(&pair->new_lines, line) && is_plain(line);
    return is_one_of_several ? BUNDLE_WIDENED : BUNDLE_EXCEPTED;
}

static enum bundle_difference judge_new(const struct lines_pair *pair, const char *line)
{
    if (pair->is_strict || string_starts_with(line, "condition = "))
        return BUNDLE_NARROWED;
    if (is_excepted(pair->condition, line))
        return BUNDLE_EXCEPTED;
    return has_path(&pair->old_lines, line) && is_plain(line) ? BUNDLE_WIDENED : BUNDLE_NARROWED;
}

static void compare_lines(const struct lines_pair *pair, struct told *told)
{
    size_t old_at = 0;
    size_t new_at = 0;
    while (old_at < pair->old_lines.count || new_at < pair->new_lines.count) {
        int order = 0;
        if (old_at == pair->old_lines.count)
            order = 1;
        else if (new_at == pair->new_lines.count)
            order = -1;
        else
            order = strcmp(pair->old_lines.rows[old_at], pair->new_lines.rows[new_at]);
        const char *line = order <= 0 ? pair->old_lines.rows[old_at]
                                      : pair->new_lines.rows[new_at];
        if (order < 0)
            tell(&told[judge_gone(pair, line)], "-", line);
        else if (order > 0)
            tell(&told[judge_new(pair, line)], "+", line);
        old_at += order <= 0;
        new_at += order >= 0;
    }
}

/* --- one document ----------------------------------------------------------------------------- */

static unsigned level_rank(const char *level)
{
    static const char *const LEVELS[] = {"", "informational", "low", "medium", "high", "critical"};
    for (unsigned i = 0; i < sizeof LEVELS / sizeof LEVELS[0]; i++) {
        if (string_equal(LEVELS[i], level))
            return i;
    }
    return 0;
}

static const struct yaml_node *section_of(const struct bundle_document *document,
                                          const char *section)
{
    return document->root != NULL ? yaml_get(document->root, section) : NULL;
}

static const char *condition_of(const struct bundle_document *document)
{
    const struct yaml_node *detection = section_of(document, "detection");
    const struct yaml_node *condition =
        detection != NULL ? yaml_get(detection, "condition") : NULL;
    return condition != NULL && yaml_is_scalar(condition) ? condition->text : "";
}

static bool compare_section(struct diff *diff, const struct bundle_document *old,
                            const struct bundle_document *new, const char *section,
                            struct told *told)
{
    struct lines_pair pair = {.condition = ""};
    pair.is_strict = string_equal(section, "logsource") || string_equal(section, "correlation");
    if (string_equal(section, "detection"))
        pair.condition = condition_of(new);
    if (string_equal(section, "detection") && *pair.condition == '\0')
        pair.is_strict = true; /* several conditions: what they except is not looked into */
    if (!bundle_lines_of(diff->old_documents.arena, section_of(old, section), &pair.old_lines)
        || !bundle_lines_of(diff->new_documents.arena, section_of(new, section),
                            &pair.new_lines))
        return false;
    compare_lines(&pair, told);
    return true;
}

static bool is_same(struct diff *diff, const struct bundle_document *old,
                    const struct bundle_document *new)
{
    struct lines_pair pair = {.condition = ""};
    struct told told[BUNDLE_DIFFERENCE_COUNT] = {0};
    if (!bundle_lines_of(diff->old_documents.arena, old->root, &pair.old_lines)
        || !bundle_lines_of(diff->new_documents.arena, new->root, &pair.new_lines))
        return false;
    compare_lines(&pair, told);
    for (unsigned i = 0; i < BUNDLE_DIFFERENCE_COUNT; i++) {
        if (told[i].count > 0)
            return false;
    }
    return true;
}

/* Is some placeholder used where further values mean less: in an exception, with `all` or `neq`? */
static bool narrows_by_placeholders(struct diff *diff)
{
    for (size_t i = 0; i < diff->new_documents.count; i++) {
        const struct bundle_document *document = &diff->new_documents.rows[i];
        struct bundle_lines lines;
        const char *section = document->is_filter ? "filter" : "detection";
        if (!bundle_lines_of(diff->new_documents.arena, section_of(document, section), &lines))
            return true;
        for (size_t n = 0; n < lines.count; n++) {
            const char *line = lines.rows[n];
            if (strstr(line, "|expand") != NULL
                && (document->is_filter || strstr(line, "|all") != NULL
                    || strstr(line, "|neq") != NULL || *condition_of(document) == '\0'
                    || is_excepted(condition_of(document), line)))
                return true;
        }
    }
    return false;
}

/* An exception that says anything else than before may except more. */
static void fold_exceptions(struct diff *diff, const struct bundle_document *new,
                            struct told *told)
{
    struct told *excepted = &told[BUNDLE_EXCEPTED];
    bool is_placeholders = section_of(new, "placeholders") != NULL;
    if (!new->is_filter && (!is_placeholders || !narrows_by_placeholders(diff)))
        return;
    for (unsigned i = 0; i < BUNDLE_DIFFERENCE_COUNT; i++) {
        if (i == BUNDLE_EXCEPTED || told[i].count == 0)
            continue;
        if (excepted->count == 0)
            *excepted = told[i];
        told[i].count = 0;
    }
}

static RESULT compare_documents(struct diff *diff, const struct bundle_document *old,
                                const struct bundle_document *new)
{
    static const char *const SECTIONS[] = {"detection", "logsource", "correlation", "filter",
                                           "placeholders"};
    struct told told[BUNDLE_DIFFERENCE_COUNT] = {0};
    char detail[DETAIL_BYTES];
    bool is_told = false;
    if (level_rank(new->level) < level_rank(old->level)) {
        (void)string_format(detail, sizeof detail, "its level was %s and is %s", old->level,
                            *new->level != '\0' ? new->level : "none");
        say_of(diff, BUNDLE_MUTED, new, detail);
        is_told = true;
    }
    for (size_t i = 0; i < sizeof SECTIONS / sizeof SECTIONS[0]; i++) {
        if (!compare_section(diff, old, new, SECTIONS[i], told))
            return result_fail(ERROR_MEMORY);
    }
    fold_exceptions(diff, new, told);
    for (unsigned i = 0; i < BUNDLE_DIFFERENCE_COUNT; i++) {
        if (told[i].count > 0)
            say_of(diff, (enum bundle_difference)i, new, told[i].detail);
        is_told = is_told || told[i].count > 0;
    }
    if (!is_told && !is_same(diff, old, new))
        say_of(diff, BUNDLE_CHANGED, new, "its words, not what it detects");
    return RESULT_OK;
}

/* A correlation that does not say `generate: true`. */
static bool speaks_for_others(const struct bundle_document *document)
{
    const struct yaml_node *correlation = section_of(document, "correlation");
    const struct yaml_node *generate =
        correlation != NULL ? yaml_get(correlation, "generate") : NULL;
    if (generate == NULL && correlation != NULL)
        generate = yaml_get(document->root, "generate");
    return correlation != NULL && (generate == NULL || !string_equal(generate->text, "true"));
}

static RESULT compare_detections(struct diff *diff)
{
    for (size_t i = 0; i < diff->old_documents.count; i++) {
        const struct bundle_document *old = &diff->old_documents.rows[i];
        const struct bundle_document *new =
            bundle_documents_find(&diff->new_documents, old->key);
        if (new != NULL)
            GUARD(compare_documents(diff, old, new));
        else if (old->is_filter)
            say_of(diff, BUNDLE_WIDENED, old, "the exception is gone");
        else
            say_of(diff, BUNDLE_REMOVED, old, "it is not in the new release");
    }
    for (size_t i = 0; i < diff->new_documents.count; i++) {
        const struct bundle_document *new = &diff->new_documents.rows[i];
        if (bundle_documents_find(&diff->old_documents, new->key) != NULL)
            continue;
        bool is_placeholders = section_of(new, "placeholders") != NULL;
        if (new->is_filter)
            say_of(diff, BUNDLE_EXCEPTED, new, "a new exception");
        else if (is_placeholders && narrows_by_placeholders(diff))
            say_of(diff, BUNDLE_EXCEPTED, new, "new values, and exceptions use placeholders");
        else if (speaks_for_others(new))
            say_of(diff, BUNDLE_MUTED, new,
                   "a new correlation: the rules that it names report through it only");
        else
            say_of(diff, BUNDLE_ADDED, new, "new");
    }
    return RESULT_OK;
}

/* --- sets of texts: settings and tests -------------------------------------------------------- */

struct text_row {
    struct bytes text;
    struct bytes file;
};

struct texts {
    struct text_row *rows;
    size_t count;
    size_t capacity;
};

static RESULT texts_add(struct texts *texts, struct bytes text, struct bytes file)
{
    if (texts->count == texts->capacity) {
        size_t capacity = texts->capacity == 0 ? 64 : 2 * texts->capacity;
        struct text_row *rows = reallocarray(texts->rows, capacity, sizeof *rows);
        if (rows == NULL)
            return result_fail(ERROR_MEMORY);
        texts->rows = rows;
        texts->capacity = capacity;
    }
    texts->rows[texts->count++] = (struct text_row){text, file};
    return RESULT_OK;
}

static int compare_texts(const void *a, const void *b)
{
    struct bytes left = ((const struct text_row *)a)->text;
    struct bytes right = ((const struct text_row *)b)->text;
    size_t common = left.size < right.size ? left.size : right.size;
    int order = common > 0 ? memcmp(left.data, right.data, common) : 0;
    return order != 0 ? order : (left.size > right.size) - (left.size < right.size);
}

static void texts_sort(struct texts *texts)
{
    if (texts->count > 0)
        qsort(texts->rows, texts->count, sizeof *texts->rows, compare_texts);
}

static bool texts_have(const struct texts *texts, const struct text_row *row)
{
    return texts->count > 0
           && bsearch(row, texts->rows, texts->count, sizeof *texts->rows, compare_texts) != NULL;
}

/* Says of each row that `other` has not. */
static void say_missing(struct diff *diff, const struct texts *texts, const struct texts *other,
                        enum bundle_difference difference, const char *words)
{
    char detail[DETAIL_BYTES];
    for (size_t i = 0; i < texts->count; i++) {
        const struct text_row *row = &texts->rows[i];
        if (texts_have(other, row))
            continue;
        (void)string_format(detail, sizeof detail, "%s %.*s", words, (int)row->text.size,
                            (const char *)row->text.data);
        say(diff, difference, row->file, 0, "", detail);
    }
}

static RESULT read_settings(const struct bundle_documents *documents, struct texts *texts)
{
    for (size_t i = 0; i < documents->count; i++) {
        const struct bundle_document *row = &documents->rows[i];
        struct bundle_lines lines;
        if (!bundle_lines_of(documents->arena, row->root, &lines))
            return result_fail(ERROR_MEMORY);
        for (size_t n = 0; n < lines.count; n++) {
            const char *text = lines.rows[n] + path_size(lines.rows[n]);
            text += strlen(text) >= 3 ? 3 : 0;
            GUARD(texts_add(texts, (struct bytes){(const uint8_t *)text, strlen(text)},
                            row->file));
        }
    }
    texts_sort(texts);
    return RESULT_OK;
}

static RESULT compare_settings(struct diff *diff)
{
    struct texts old_texts = {.count = 0};
    struct texts new_texts = {.count = 0};
    struct result result = read_settings(&diff->old_documents, &old_texts);
    if (result_is_ok(result))
        result = read_settings(&diff->new_documents, &new_texts);
    if (result_is_ok(result) && diff->new_bundle->facts.kind == BUNDLE_POLICY) {
        say_missing(diff, &new_texts, &old_texts, BUNDLE_MUTED, "switches off");
        say_missing(diff, &old_texts, &new_texts, BUNDLE_WIDENED, "no longer switches off");
    } else if (result_is_ok(result)) {
        say_missing(diff, &old_texts, &new_texts, BUNDLE_NARROWED, "no longer loads the probe");
        say_missing(diff, &new_texts, &old_texts, BUNDLE_ADDED, "loads the probe");
    }
    free(old_texts.rows);
    free(new_texts.rows);
    return result;
}

/* Lines that expect a match, whatever file they lie in: files may be renamed. */
static RESULT read_tests(const struct bundle *bundle, struct texts *texts)
{
    struct pack_reader files = bundle_files(bundle, BUNDLE_TESTS);
    struct pack_file file;
    struct content_line_room room = {.capacity = 0};
    struct result result = RESULT_OK;
    while (result_is_ok(result) && result_is_ok(pack_reader_next(&files, &file))) {
        struct bytes rest = file.content;
        struct bytes text;
        struct content_line line;
        while (result_is_ok(result) && content_next_line(&rest, &text)) {
            bool is_test = result_is_ok(content_line_read(&room, text, &line, NULL));
            if (is_test && line.is_match)
                result = texts_add(texts, text, file.name);
        }
    }
    content_line_room_free(&room);
    texts_sort(texts);
    return result;
}

static RESULT compare_tests(struct diff *diff)
{
    struct texts old_texts = {.count = 0};
    struct texts new_texts = {.count = 0};
    struct result result = read_tests(diff->old_bundle, &old_texts);
    if (result_is_ok(result))
        result = read_tests(diff->new_bundle, &new_texts);
    if (result_is_ok(result))
        say_missing(diff, &old_texts, &new_texts, BUNDLE_UNTESTED, "no longer tested:");
    free(old_texts.rows);
    free(new_texts.rows);
    return result;
}

/* --- all of it -------------------------------------------------------------------------------- */

static RESULT check_pair(const struct bundle *old, const struct bundle *new,
                         struct explanation *why)
{
    if (!string_equal(old->facts.name, new->facts.name) || old->facts.kind != new->facts.kind)
        return explain(why, ERROR_STATE, "these are no two releases of one thing: %s (%s) and %s "
                                         "(%s)",
                       old->facts.name, bundle_kind_word(old->facts.kind), new->facts.name,
                       bundle_kind_word(new->facts.kind));
    if (new->facts.version <= old->facts.version)
        return explain(why, ERROR_STATE, "version %llu is not above version %llu: hosts would "
                                         "refuse it",
                       (unsigned long long)new->facts.version,
                       (unsigned long long)old->facts.version);
    return RESULT_OK;
}

RESULT bundle_diff(const struct bundle *old, const struct bundle *new, bundle_diff_sink *sink,
                   void *context, struct bundle_diff_counts *ret_counts, struct explanation *why)
{
    bool is_settings = new->facts.kind == BUNDLE_POLICY || new->facts.kind == BUNDLE_PROBES;
    enum bundle_section section = is_settings ? BUNDLE_SETTINGS : BUNDLE_DETECTIONS;
    struct diff diff = {.old_bundle = old, .new_bundle = new, .sink = sink, .context = context,
                        .counts = ret_counts};
    *ret_counts = (struct bundle_diff_counts){.gates = 0};
    GUARD(check_pair(old, new, why));
    GUARD(bundle_documents_read(old, section, &diff.old_documents, why));
    struct result result = bundle_documents_read(new, section, &diff.new_documents, why);
    if (result_is_ok(result)) {
        result = is_settings ? compare_settings(&diff) : compare_detections(&diff);
        if (result_is_ok(result))
            result = compare_tests(&diff);
        if (!result_is_ok(result))
            result = explain(why, ERROR_MEMORY, "memory is out");
        bundle_documents_free(&diff.new_documents);
    }
    bundle_documents_free(&diff.old_documents);
    return result;
}

static void take_finding(void *context, const struct content_finding *finding)
{
    struct diff *diff = context;
    if (finding->is_missed)
        say(diff, BUNDLE_MISSED, finding->file, (unsigned)finding->line, "",
            "an event that the release before detected is not detected any more");
}

RESULT bundle_diff_tests(const struct bundle *old, const struct bundle *new,
                         struct engine *new_engine, bundle_diff_sink *sink, void *context,
                         struct bundle_diff_counts *counts, struct explanation *why)
{
    struct diff diff = {.sink = sink, .context = context, .counts = counts};
    struct content_test_counts ignored;
    struct bundle mixed = *new;
    mixed.sections[BUNDLE_TESTS] = old->sections[BUNDLE_TESTS];
    mixed.file_counts[BUNDLE_TESTS] = old->file_counts[BUNDLE_TESTS];
    const struct content_check check = {.engine = new_engine, .bundle = &mixed, .prefix = "",
                                        .say = take_finding, .context = &diff};
    return content_check_tests(&check, &ignored, why);
}

// SPDX-License-Identifier: Apache-2.0
/*
 * The public rules over real recordings: every match that an independent evaluator found, and none
 * more. The material is not part of the project: see $CREANCE_SHARED (default ../shared).
 */
#include "engine/engine.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "engine/pack.h"
#include "tests/unit.h"

#include <dirent.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <zstd.h>

enum { MEASURED_ROUNDS = 7, MEDIAN = MEASURED_ROUNDS / 2 };

struct text {
    char *data;
    size_t size;
};

static const char *shared_folder(void)
{
    const char *folder = getenv("CREANCE_SHARED");
    return folder == NULL ? "../shared" : folder;
}

static bool read_file(const char *path, struct text *out)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    struct stat status;
    *out = (struct text){0};
    if (fstat(fileno(file), &status) == 0) {
        out->data = calloc(1, (size_t)status.st_size + 1);
        out->size = out->data == NULL ? 0 : fread(out->data, 1, (size_t)status.st_size, file);
    }
    fclose(file);
    return out->data != NULL;
}

/* Adds each rule file below `folder` that holds both words. */
static void add_rules(struct pack_writer *writer, const char *folder, const char *word,
                      const char *word2)
{
    DIR *directory = opendir(folder);
    if (directory == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char path[LIMIT_PATH_BYTES];
        if (entry->d_name[0] == '.')
            continue;
        assert_true(string_format(path, sizeof path, "%s/%s", folder, entry->d_name));
        struct stat status;
        assert_int_equal(stat(path, &status), 0);
        struct text text = {0};
        if (S_ISDIR(status.st_mode)) {
            add_rules(writer, path, word, word2);
        } else if (string_ends_with(path, ".yml") && read_file(path, &text)) {
            if (strstr(text.data, word) != NULL && strstr(text.data, word2) != NULL)
                assert_ok(pack_writer_add(writer, path, text.data, text.size));
            free(text.data);
        }
    }
    closedir(directory);
}

/* CPU time of this process, which has one thread. */
static uint64_t cpu_ns(void)
{
    return (uint64_t)clock() * (1000000000u / CLOCKS_PER_SEC);
}

/* What was saved and opened again must judge in its place. */
static struct engine *save_and_open(struct engine *engine)
{
    uint8_t *data;
    size_t size;
    struct engine *opened = NULL;
    assert_ok(engine_save(engine, &data, &size));
    engine_free(engine);
    uint64_t start = cpu_ns();
    assert_ok(engine_open(NULL, data, size, &opened, NULL));
    print_message("# saved: %zu bytes, opened in %.3f s\n", size, (double)(cpu_ns() - start) / 1e9);
    free(data);
    return opened;
}

/* The pack of all public rules that hold both words. */
static uint8_t *pack_rules(const char *word, const char *word2, size_t *ret_size)
{
    static const char *const FOLDERS[] = {"rules", "rules-emerging-threats",
                                          "rules-threat-hunting", "rules-placeholder"};
    struct pack_writer *writer = pack_writer_new();
    for (size_t i = 0; i < sizeof FOLDERS / sizeof FOLDERS[0]; i++) {
        char path[LIMIT_PATH_BYTES];
        assert_true(
            string_format(path, sizeof path, "%s/data/sigma/%s", shared_folder(), FOLDERS[i]));
        add_rules(writer, path, word, word2);
    }
    uint8_t *pack;
    assert_ok(pack_writer_finish(writer, &pack, ret_size));
    pack_writer_free(writer);
    return pack;
}

static struct engine *load_rules(const char *word, const char *word2)
{
    size_t size;
    uint8_t *pack = pack_rules(word, word2, &size);
    struct engine *engine = NULL;
    struct explanation why = {.text = ""};
    uint64_t start = cpu_ns();
    struct result result = engine_load(NULL, pack, size, &engine, &why);
    free(pack);
    if (!result_is_ok(result))
        fail_msg("loading failed: %s", why.text);
    print_message("# %zu rules: %zu loaded, %zu inactive, %zu rejected, in %.3f s\n",
                  engine_rule_count(engine), engine_count_state(engine, ENGINE_RULE_LOADED),
                  engine_count_state(engine, ENGINE_RULE_INACTIVE),
                  engine_count_state(engine, ENGINE_RULE_REJECTED),
                  (double)(cpu_ns() - start) / 1e9);
    engine = save_and_open(engine);
    for (size_t i = 0; i < engine_rule_count(engine); i++) {
        const struct engine_rule *rule = engine_rule(engine, i);
        if (rule->state == ENGINE_RULE_REJECTED)
            print_message("#   %s:%u: %s: %s\n", rule->file, rule->line, rule->field,
                          rule->reason);
    }
    return engine;
}

static struct text decompress(const char *path)
{
    struct text packed = {0};
    struct text out = {0};
    assert_true(read_file(path, &packed));
    size_t capacity = 64 * MIB;
    out.data = calloc(1, capacity);
    assert_non_null(out.data);
    ZSTD_DCtx *context = ZSTD_createDCtx();
    out.size = ZSTD_decompressDCtx(context, out.data, capacity, packed.data, packed.size);
    assert_false(ZSTD_isError(out.size));
    ZSTD_freeDCtx(context);
    free(packed.data);
    return out;
}

struct matches {
    const struct engine *engine;
    FILE *out;
    unsigned line;
    size_t count;
};

static void note_match(void *context, size_t rule)
{
    struct matches *matches = context;
    matches->count++;
    if (matches->out != NULL)
        fprintf(matches->out, "%u\t%s\n", matches->line, engine_rule(matches->engine, rule)->id);
}

/* Reads each line as an event and judges it, if wanted; returns the time that it took. */
static uint64_t run(struct engine *engine, struct text recording, struct matches *matches,
                    bool is_judged, unsigned *candidates)
{
    struct engine_event *event = engine_event_new(engine);
    const char *at = recording.data;
    const char *end = recording.data + recording.size;
    uint64_t start = cpu_ns();
    *candidates = 0;
    for (matches->line = 0; at < end; matches->line++) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        line_end = line_end == NULL ? end : line_end;
        struct explanation why = {.text = ""};
        if (!result_is_ok(engine_event_from_json(event, at, (size_t)(line_end - at), &why)))
            fail_msg("line %u: %s", matches->line, why.text);
        at = line_end + 1;
        if (!is_judged)
            continue;
        struct engine_verdict verdict = engine_eval(engine, event, note_match, NULL, matches);
        assert_false(verdict.is_incomplete);
        *candidates += verdict.candidates;
    }
    uint64_t took = cpu_ns() - start;
    engine_event_free(event);
    return took;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t split(char *text, char **lines, size_t capacity)
{
    size_t count = 0;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (*line != '\0' && count < capacity)
            lines[count++] = line;
    }
    qsort(lines, count, sizeof lines[0], compare_lines);
    return count;
}

/* Prints each line that only one side has; returns how many. */
static size_t count_differences(char *expected, char *found)
{
    enum { CAPACITY = 20000, SHOWN = 40 };
    static char *a[CAPACITY];
    static char *b[CAPACITY];
    size_t count_a = split(expected, a, CAPACITY);
    size_t count_b = split(found, b, CAPACITY);
    size_t differences = 0;
    for (size_t i = 0, n = 0; i < count_a || n < count_b;) {
        int order = i == count_a ? 1 : n == count_b ? -1 : strcmp(a[i], b[n]);
        if (order != 0 && differences++ < SHOWN)
            print_message("# %s: %s\n", order < 0 ? "missing" : "too much",
                          order < 0 ? a[i] : b[n]);
        i += order <= 0;
        n += order >= 0;
    }
    return differences;
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* Judging is the difference of rounds with and without it: a clock call per event costs more. */
static void measure(struct engine *engine, struct text recording)
{
    uint64_t both[MEASURED_ROUNDS];
    uint64_t read[MEASURED_ROUNDS];
    struct matches matches = {.engine = engine};
    unsigned candidates = 0;
    for (size_t i = 0; i < MEASURED_ROUNDS; i++) {
        read[i] = run(engine, recording, &matches, false, &candidates);
        both[i] = run(engine, recording, &matches, true, &candidates);
    }
    qsort(both, MEASURED_ROUNDS, sizeof both[0], compare_numbers);
    qsort(read, MEASURED_ROUNDS, sizeof read[0], compare_numbers);
    double read_ns = (double)read[MEDIAN] / matches.line;
    double judge_ns = (double)both[MEDIAN] / matches.line - read_ns;
    print_message("# %u events, CPU time per event, medians of %d rounds: %.0f ns to read "
                  "JSON and fold, %.0f ns to judge (fastest round: %.0f, %.0f), %.1f candidates\n",
                  matches.line, MEASURED_ROUNDS, read_ns, judge_ns, (double)read[0] / matches.line,
                  ((double)both[0] - (double)read[0]) / matches.line,
                  (double)candidates / matches.line);
}

static void check_recording(const char *product, const char *word)
{
    char path[LIMIT_PATH_BYTES];
    struct text expected = {0};
    string_format(path, sizeof path, "%s/data/events/%s_process_creation.expected.tsv",
                  shared_folder(), product);
    if (!read_file(path, &expected)) {
        print_message("# skipped: %s is not there\n", path);
        skip();
    }
    struct engine *engine = load_rules(word, "category: process_creation");
    string_format(path, sizeof path, "%s/data/events/%s_process_creation.jsonl.zst",
                  shared_folder(), product);
    struct text recording = decompress(path);
    char *found = NULL;
    size_t found_size = 0;
    struct matches matches = {.engine = engine, .out = open_memstream(&found, &found_size)};
    unsigned candidates;
    run(engine, recording, &matches, true, &candidates);
    fclose(matches.out);
    size_t differences = count_differences(expected.data, found);
    print_message("# %zu matches in %u events, %zu differences\n", matches.count, matches.line,
                  differences);
    if (getenv("CREANCE_MEASURE") != NULL)
        measure(engine, recording);
    free(found);
    free(expected.data);
    free(recording.data);
    engine_free(engine);
    assert_int_equal(differences, 0);
}

static void linux_recording_matches_exactly(void **state)
{
    (void)state;
    check_recording("linux", "product: linux");
}

static void windows_recording_matches_exactly(void **state)
{
    (void)state;
    check_recording("windows", "product: windows");
}

/* Of all public rules only those that are themselves at fault may be rejected. */
static void public_rules_load(void **state)
{
    (void)state;
    char path[LIMIT_PATH_BYTES];
    string_format(path, sizeof path, "%s/data/sigma/rules", shared_folder());
    struct stat status;
    if (stat(path, &status) != 0) {
        print_message("# skipped: %s is not there\n", path);
        skip();
    }
    struct engine *engine = load_rules("title:", "detection:");
    for (size_t i = 0; i < engine_rule_count(engine); i++) {
        const struct engine_rule *rule = engine_rule(engine, i);
        if (rule->state == ENGINE_RULE_REJECTED && strstr(rule->reason, "placeholder") == NULL)
            fail_msg("%s:%u: %s", rule->file, rule->line, rule->reason);
    }
    engine_free(engine);
}

static void ignore_match(void *context, size_t rule)
{
    (void)context;
    (void)rule;
}

/* Whether a form was opened; it then judges an event. The sanitizers look on. */
static bool open_damaged(uint8_t *data, size_t size)
{
    enum { DIGEST_AT = 8, BODY_AT = DIGEST_AT + SHA256_DIGEST_LENGTH };
    static const char EVENT[] =
        "{\"product\": \"windows\", \"category\": \"process_creation\", "
        "\"Image\": \"C:\\\\a.exe\", \"CommandLine\": \"a -b /c\"}";
    struct engine_options options = {.is_without_scanner = true};
    struct engine *engine;
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, data + BODY_AT, size - BODY_AT);
    SHA256Final(data + DIGEST_AT, &context);
    if (!result_is_ok(engine_open(&options, data, size, &engine, NULL)))
        return false;
    struct engine_event *event = engine_event_new(engine);
    assert_ok(engine_event_from_json(event, EVENT, sizeof EVENT - 1, NULL));
    engine_eval(engine, event, ignore_match, NULL, NULL);
    engine_event_free(event);
    engine_free(engine);
    return true;
}

/* All public rules but those with regular expressions, as one form that is damaged at
 * $CREANCE_DAMAGE places, evenly spread: a word at a limit, a byte flipped, the rest cut off.
 * saved_test.c does that at every place of a small one. */
static void a_large_form_is_refused_or_judges_within_bounds(void **state)
{
    (void)state;
    static const uint32_t WORDS[] = {0, 1, 0x7FFFFFFF, 0x80000000, UINT32_MAX};
    enum { BODY_AT = 8 + SHA256_DIGEST_LENGTH, WAYS = sizeof WORDS / sizeof WORDS[0] + 2 };
    uint64_t places;
    assert_ok(number_parse(getenv("CREANCE_DAMAGE"), 1000000, &places));
    assert_true(places > 0);
    struct engine_options options = {.is_without_scanner = true};
    struct engine *engine;
    size_t size;
    uint8_t *data;
    uint8_t *pack = pack_rules("title:", "detection:", &size);
    assert_ok(engine_load(&options, pack, size, &engine, NULL));
    free(pack);
    assert_ok(engine_save(engine, &data, &size));
    engine_free(engine);
    size_t opened = 0;
    for (size_t i = 0; i < places; i++) {
        size_t at = BODY_AT + (size - BODY_AT - 4) / places * i + i % 7;
        for (size_t way = 0; way < WAYS; way++) {
            uint32_t old;
            bytes_copy(&old, sizeof old, data + at, sizeof old);
            if (way < WAYS - 2)
                bytes_copy(data + at, 4, &WORDS[way], 4);
            else
                data[at] ^= 0xFF;
            opened += open_damaged(data, way == WAYS - 1 ? at : size);
            bytes_copy(data + at, 4, &old, 4);
        }
    }
    print_message("# %zu bytes: %zu damaged forms, %zu refused, %zu judged within bounds\n", size,
                  WAYS * places, WAYS * places - opened, opened);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_rules_load),
        cmocka_unit_test(linux_recording_matches_exactly),
        cmocka_unit_test(windows_recording_matches_exactly),
    };
    const struct CMUnitTest damage[] = {
        cmocka_unit_test(a_large_form_is_refused_or_judges_within_bounds),
    };
    if (getenv("CREANCE_DAMAGE") != NULL) /* tests/long/saved_damage.py */
        return unit_run("engine-damage", damage);
    return unit_run("engine-recordings", tests);
}

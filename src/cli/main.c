// SPDX-License-Identifier: Apache-2.0
/*
 * creance: the command line. Finds the verb, reads its options, runs it.
 */
#include "base/bytes.h"
#include "base/fault.h"
#include "base/nearest.h"
#include "cli/verb.h"

#include <signal.h>

static const struct verb *const VERBS[] = {
#define VERB(id) &verb_##id,
#include "cli/verbs.def"
};
enum { VERB_COUNT = sizeof VERBS / sizeof VERBS[0] };

/* --- help ----------------------------------------------------------------------------------- */

static void print_options(FILE *file, const struct option_row *rows)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        char left[64];
        string_format(left, sizeof left, "--%s%s%s", rows->name,
                      rows->value_name != NULL ? " " : "",
                      rows->value_name != NULL ? rows->value_name : "");
        fprintf(file, "  %-20s %s%s\n", left, rows->doc,
                rows->is_repeatable ? " (repeatable)" : "");
    }
}

static void print_verb_help(FILE *file, const struct verb *verb)
{
    fprintf(file, "creance %s: %s\n\nUsage: creance %s [OPTION...]%s%s\n\nOptions:\n", verb->name,
            verb->summary, verb->name, *verb->words != '\0' ? " " : "", verb->words);
    print_options(file, verb->options);
    print_options(file, OPTIONS_COMMON);
    fprintf(file, "\n%s", verb->help);
}

/* Verbs whose name begins with `prefix`. */
static void print_verbs(FILE *file, const char *prefix)
{
    for (size_t i = 0; i < VERB_COUNT; i++) {
        /* The analyzer takes a caller's look for NULL for a row that is NULL. */
        if (string_starts_with(VERBS[i]->name, prefix)) /* NOLINT(clang-analyzer-core.Null*) */
            fprintf(file, "  %-16s %s\n", VERBS[i]->name, VERBS[i]->summary);
    }
}

static void print_help(FILE *file)
{
    fputs("creance: watches this host and judges what happens on it by Sigma rules\n\n"
          "Usage: creance VERB [OPTION...] [WORD...]\n\nVerbs:\n", file);
    print_verbs(file, "");
    fputs("\nEvery verb understands:\n", file);
    print_options(file, OPTIONS_COMMON);
    fputs("\nExit codes: 0 good, 1 a negative finding, 2 wrong usage, 3 bad input,\n"
          "4 something needed is not available.\n\n"
          "Examples:\n"
          "  creance VERB --help       what VERB does, with examples\n"
          "  creance version --json\n", file);
}

/* --- finding the verb ------------------------------------------------------------------------ */

/* Verbs have one or two words; `ret_used` is how many arguments name it. */
static const struct verb *find_verb(int count, char **arguments, int *ret_used)
{
    for (int used = 2; used >= 1; used--) {
        char name[64];
        if (used > count
            || !string_format(name, sizeof name, "%s%s%s", arguments[0], used == 2 ? " " : "",
                              used == 2 ? arguments[1] : ""))
            continue;
        for (size_t i = 0; i < VERB_COUNT; i++) {
            if (string_equal(VERBS[i]->name, name)) {
                *ret_used = used;
                return VERBS[i];
            }
        }
    }
    return NULL;
}

/* The user typed the first word of two-word verbs only: `creance rules`. */
static bool is_group(const char *word)
{
    char prefix[64];
    if (!string_format(prefix, sizeof prefix, "%s ", word))
        return false;
    for (size_t i = 0; i < VERB_COUNT; i++) {
        /* The analyzer takes a caller's look for NULL for a row that is NULL. */
        if (string_starts_with(VERBS[i]->name, prefix)) /* NOLINT(clang-analyzer-core.Null*) */
            return true;
    }
    return false;
}

static enum cli_exit show_group(const char *word, const char *next)
{
    char prefix[64];
    bool is_asked = next != NULL && (string_equal(next, "--help") || string_equal(next, "-h"));
    string_format(prefix, sizeof prefix, "%s ", word);
    if (!is_asked && next != NULL)
        verb_error("there is no verb \"%s %s\"; there are:", word, next);
    else if (!is_asked)
        verb_error("\"%s\" needs another word:", word);
    print_verbs(is_asked ? stdout : stderr, prefix);
    return is_asked ? CLI_GOOD : CLI_USAGE;
}

static enum cli_exit refuse_unknown(const char *word)
{
    struct nearest nearest = nearest_to(word);
    for (size_t i = 0; i < VERB_COUNT; i++)
        nearest_offer(&nearest, VERBS[i]->name);
    if (nearest.best != NULL)
        verb_error("there is no verb \"%s\"; did you mean \"%s\"?", word, nearest.best);
    else
        verb_error("there is no verb \"%s\"", word);
    fputs("Try: creance --help\n", stderr);
    return CLI_USAGE;
}

/* --- running it ------------------------------------------------------------------------------ */

static enum cli_exit run_verb(const struct verb *verb, const struct options *options)
{
    struct output *output =
        output_new(stdout, options_has(options, "json"), verb->output_default);
    if (output == NULL) {
        verb_error("memory is out");
        return CLI_UNAVAILABLE;
    }
    struct call call = {verb, options, output};
    enum cli_exit code = verb_finish_output(&call, verb->run(&call));
    output_free(output);
    return code;
}

static enum cli_exit parse_and_run(const struct verb *verb, int count, char **arguments)
{
    struct call call = {.verb = verb};
    struct options *options = NULL;
    struct explanation why;
    if (!result_is_ok(options_parse(verb->options, count, arguments, &options, &why)))
        return verb_usage_error(&call, "%s", why.text);
    enum cli_exit code = CLI_GOOD;
    size_t words = options_word_count(options);
    if (options_has(options, "help"))
        print_verb_help(stdout, verb);
    else if (words < verb->words_min)
        code = verb_usage_error(&call, "\"%s\" needs %s", verb->name, verb->words);
    else if (words > verb->words_max)
        code = verb_usage_error(&call, "\"%s\" is one word too many",
                                options_word(options, verb->words_max));
    else
        code = run_verb(verb, options);
    options_free(options);
    return code;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a reader that leaves is seen as EPIPE: see output.h */
    fault_plant();
    if (argc < 2) {
        print_help(stderr);
        return CLI_USAGE;
    }
    static char version[] = "version";
    const char *word = argv[1];
    if (string_equal(word, "--help") || string_equal(word, "-h") || string_equal(word, "help")) {
        int used;
        const struct verb *verb = argc > 2 ? find_verb(argc - 2, argv + 2, &used) : NULL;
        if (verb != NULL)
            print_verb_help(stdout, verb);
        else
            print_help(stdout);
        return CLI_GOOD;
    }
    if (string_equal(word, "--version"))
        word = argv[1] = version;
    int used = 0;
    const struct verb *verb = find_verb(argc - 1, argv + 1, &used);
    if (verb != NULL)
        return parse_and_run(verb, argc - 1 - used, argv + 1 + used);
    return is_group(word) ? show_group(word, argc > 2 ? argv[2] : NULL) : refuse_unknown(word);
}

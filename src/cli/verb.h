// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A verb of the command line: `creance status`, `creance rules check`. Each lies in a file of its
 * own, which defines one `const struct verb verb_x`; the table is verbs.def.
 *
 * main.c parses the command line by the verb's option table, opens the output and calls run().
 */
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/output.h"

struct call {
    const struct verb *verb;
    const struct options *options; /* what the command line said */
    struct output *output;         /* standard output; JSON when the user or the verb wants it */
};

struct verb {
    const char *name;    /* one or two words: "replay", "rules check" */
    const char *summary; /* one line in `creance --help` */
    const char *words;   /* what follows the options, for the usage line: "FILE..."; "" for none */
    size_t words_min;    /* fewer or more than these are wrong usage */
    size_t words_max;    /* OPTIONS_ANY_WORDS: no limit */
    const struct option_row *options; /* ends with a row without name; NULL: common options only */
    const char *help;    /* what it does, its exit codes where they need words, examples */
    enum output_default output_default; /* what is printed when there is no --json */
    enum cli_exit (*run)(const struct call *call);
};

#define VERB(id) extern const struct verb verb_##id;
#include "cli/verbs.def"

/* Prints "creance: ..." to standard error, control characters escaped; the sentence ends without a
 * newline. */
void verb_error(const char *format, ...) PRINTF_LIKE(1, 2);
/* The same for a wrong command line, with a hint where help is; returns CLI_USAGE. */
enum cli_exit verb_usage_error(const struct call *call, const char *format, ...) PRINTF_LIKE(2, 3);
/* Writes out what was printed: a verdict that nobody could read is no verdict. Gives back `code`,
 * or CLI_UNAVAILABLE, said, when writing failed (not when the reader left). Every verb ends so. */
enum cli_exit verb_finish_output(const struct call *call, enum cli_exit code);

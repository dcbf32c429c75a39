// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Rule files of a bundle with what an engine made of them, and with their tests. */
#include "content/content_tests.h"

struct content_subject {
    struct bytes file;  /* "rules/x.yml" */
    struct bytes tests; /* name of the file of tests; size 0: there is none */
    struct bytes lines; /* its content */
    char *engine_file;  /* what the engine calls the file */
    const struct engine_rule *rule; /* the first row of the file; NULL: there is none */
    bool has_correlations;
    bool is_active;     /* some row is not inactive */
};

struct content_subjects {
    struct content_subject *rows; /* sorted by file name without ending */
    size_t count;
};

/* Says what is wrong with the files themselves: rows that were not loaded, tests without a rule,
 * rules in folders for something else. */
RESULT content_subjects_find(const struct content_check *check,
                             struct content_subjects *ret_subjects, uint64_t *findings,
                             struct explanation *why);
void content_subjects_free(struct content_subjects *subjects);

void content_say(const struct content_check *check, uint64_t *findings, const char *name,
                 struct bytes file, uint64_t line, const char *reason);
/* For content_check.say where nothing is to be said. */
void content_say_nothing(void *context, const struct content_finding *finding);

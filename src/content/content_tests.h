// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What a bundle's own tests say of the engine that has loaded it: `creance content check` at the
 * publisher's, and each host in its trial, in the sandbox. Matching, not only loading.
 *
 * A line of x.tests.jsonl is about the rules of x.yml:
 *
 *     {"match": true, "event": {...}}       the rule must match the event (or must not)
 *     {"match": true, "events": [{...}]}    one after the other, for correlations
 *
 * An event is of the rule's log source unless it names its own. Times in `events` count from the
 * first one; where the file has correlations, each line begins with nothing remembered.
 */
#include "content/bundle.h"

/* Something that is wrong with the content, for a table. */
struct content_finding {
    const char *check;  /* "tests", "fields", ... */
    struct bytes file;  /* in the bundle */
    uint64_t line;      /* from 1; 0: the file as a whole */
    const char *reason; /* what was found, what was expected */
    bool is_missed;     /* a test that must match and does not */
};

struct content_check {
    struct engine *engine;       /* has loaded the bundle's detections */
    const struct bundle *bundle;
    const char *prefix; /* in front of its names in the engine (bundle_join); "" for none */
    /* Called for each finding. */
    void (*say)(void *context, const struct content_finding *finding);
    /* Called before each test: where a crash would be. May be NULL. */
    void (*at)(void *context, struct bytes file, uint64_t line);
    void *context;
};

struct content_test_counts {
    uint32_t rule_files;
    uint32_t untested;  /* without one test that expects a match: each is a finding */
    uint32_t inactive;  /* rule files for log sources that are not here: not tested */
    uint64_t positive;  /* tests that expect a match */
    uint64_t negative;
    uint64_t findings;
};

/* Runs all tests. What is wrong with the content is a finding; ERROR_MEMORY, with `why`. */
RESULT content_check_tests(const struct content_check *check,
                           struct content_test_counts *ret_counts, struct explanation *why);

struct content_field_counts {
    uint64_t events;
    uint64_t findings;
};

/*
 * Takes an event that each rule matches and makes each of its fields, and each that this host's
 * events of that kind have, blank, absent, as long as it may be and random (from `seed`), one at a
 * time and all at once. Findings: a verdict that its step budget ended, and a rule that matches an
 * event of which nothing is known.
 */
RESULT content_check_fields(const struct content_check *check, uint64_t seed,
                            struct content_field_counts *ret_counts, struct explanation *why);

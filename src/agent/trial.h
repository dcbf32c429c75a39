// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What a release must show on this host before it may watch live events: the publisher's checks
 * with this host's engine, this host's own events of the last minutes, and that the tripwires
 * still fire beside it. A library, so that tests need no process; creance-trial runs it in its
 * sandbox.
 */
#include "agent/release_set.h"
#include "ring/ring.h"
#include "sensor/probe_set.h"

/* TRIAL(id, failure of lifecycle.def, text) */
#define TRIAL_VERDICTS(TRIAL)                                                                  \
    TRIAL(PASSED, NONE, "it does what it should")                                              \
    TRIAL(FORM, LOAD, "the bundle is malformed, or for another program or host")               \
    TRIAL(LOADING, LOAD, "the engine refuses to load it")                                      \
    TRIAL(COST, LOAD, "it needs more than it states")                                          \
    TRIAL(TESTS, TESTS, "its own tests do not match here")                                     \
    TRIAL(FIELDS, TESTS, "a verdict on odd fields is incomplete, or it matches nothing known") \
    TRIAL(TRIPWIRE, TRIPWIRE, "a factory detection no longer fires beside it")                 \
    TRIAL(EXCESS, EXCESS, "it would fire on most of what happens here")

enum trial_verdict {
#define TRIAL_ENUM(id, failure, text) TRIAL_##id,
    TRIAL_VERDICTS(TRIAL_ENUM)
#undef TRIAL_ENUM
    TRIAL_VERDICT_COUNT
};

struct trial {
    struct release_set set; /* what will run: the release that is tried, and what runs beside it */
    uint32_t kind;          /* of the one that is tried */
    struct bytes probes;    /* a bundle of kind probes; size 0 for the other kinds */
    struct bytes pack;    /* of the rule folders: what will be in force beside it */
    struct ring_reader *events; /* from the oldest on; NULL: none */
    /* A sentence for people about what is wrong. */
    void (*say)(void *context, const char *text);
    void *context;
};

struct trial_outcome {
    enum trial_verdict verdict;
    uint64_t findings;
    uint64_t tests;   /* own tests that were run */
    uint64_t events;  /* of this host, judged again */
    uint64_t matches; /* in them */
    struct probe_set probes; /* of a probe set that passed: what it names */
};

/* ERROR_MEMORY: it could not be tried. */
RESULT trial_run(const struct trial *trial, struct trial_outcome *ret_outcome);

const char *trial_verdict_text(enum trial_verdict verdict);

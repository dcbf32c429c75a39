// SPDX-License-Identifier: Apache-2.0
#include "agent/trial.h"

#include "agent/engine_sources.h"
#include "agent/tripwires.h"
#include "base/bytes.h"
#include "base/fault.h"
#include "base/limits.h"
#include "content/content_settings.h"
#include "content/content_tests.h"

#include <stdlib.h>
#include <string.h>

enum {
    ODD_FIELDS_SEED = 1,
    EVENTS_MAX = 200000, /* of the ring: some minutes of a busy host */
    EXCESS_MATCHES = 1000, /* fewer than this are no excess on any host */
    FINDINGS_SAID = 10,
};

struct trying {
    const struct trial *trial;
    struct trial_outcome *outcome;
};

const char *trial_verdict_text(enum trial_verdict verdict)
{
    static const char *const TEXTS[] = {
#define TRIAL_TEXT(id, failure, text) [TRIAL_##id] = text,
        TRIAL_VERDICTS(TRIAL_TEXT)
#undef TRIAL_TEXT
    };
    return (unsigned)verdict < TRIAL_VERDICT_COUNT ? TEXTS[verdict] : "unknown verdict";
}

static void fail(struct trying *trying, enum trial_verdict verdict, const char *text)
{
    trying->outcome->verdict = verdict;
    if (trying->trial->say != NULL)
        trying->trial->say(trying->trial->context, text);
}

static void take_finding(void *context, const struct content_finding *finding)
{
    struct trying *trying = context;
    if (++trying->outcome->findings > FINDINGS_SAID || trying->trial->say == NULL)
        return;
    char text[EXPLANATION_BYTES];
    (void)string_format(text, sizeof text, "%s: %.*s:%llu: %s", finding->check,
                        (int)finding->file.size, (const char *)finding->file.data,
                        (unsigned long long)finding->line, finding->reason);
    trying->trial->say(trying->trial->context, text);
}

/* A failure for want of memory is no verdict; any other is this one. */
static RESULT or_verdict(struct trying *trying, struct result result, enum trial_verdict verdict,
                         const struct explanation *why)
{
    if (result_is_ok(result) || result.error == ERROR_MEMORY)
        return result;
    fail(trying, verdict, why->text);
    return RESULT_OK;
}

static bool has_failed(const struct trying *trying)
{
    return trying->outcome->verdict != TRIAL_PASSED;
}

/* --- the release by itself: what its publisher promised --------------------------------------- */

static RESULT check_content(struct trying *trying, const struct bundle *bundle,
                            struct engine *engine)
{
    struct explanation why = {""};
    const struct content_check check = {.engine = engine, .bundle = bundle, .prefix = "",
                                        .say = take_finding, .context = trying};
    struct content_test_counts tests = {0};
    struct content_field_counts fields = {0};
    GUARD(or_verdict(trying, bundle_check_cost(bundle, engine, &why), TRIAL_COST, &why));
    if (has_failed(trying))
        return RESULT_OK;
    GUARD(content_check_tests(&check, &tests, &why));
    trying->outcome->tests = tests.positive + tests.negative;
    if (tests.findings > 0) {
        fail(trying, TRIAL_TESTS, trial_verdict_text(TRIAL_TESTS));
        return RESULT_OK;
    }
    GUARD(content_check_fields(&check, ODD_FIELDS_SEED, &fields, &why));
    if (fields.findings > 0)
        fail(trying, TRIAL_FIELDS, trial_verdict_text(TRIAL_FIELDS));
    return RESULT_OK;
}

static RESULT load(struct trying *trying, struct bytes pack, size_t memory_limit,
                   struct engine **ret_engine)
{
    struct explanation why = {""};
    struct engine_options options = {.memory_limit_bytes = memory_limit};
    options.sources = engine_native_sources(&options.source_count);
    *ret_engine = NULL;
    return or_verdict(trying, engine_load(&options, pack.data, pack.size, ret_engine, &why),
                      TRIAL_LOADING, &why);
}

static RESULT try_alone(struct trying *trying, const struct bundle *bundle)
{
    struct engine *engine = NULL;
    GUARD(load(trying, bundle->sections[BUNDLE_DETECTIONS],
               (size_t)bundle->facts.cost.memory_bytes, &engine));
    struct result result = RESULT_OK;
    if (engine != NULL)
        result = check_content(trying, bundle, engine);
    engine_free(engine);
    return result;
}

/* --- and as it will run here ------------------------------------------------------------------ */

static void take_match(void *context, size_t rule)
{
    struct trying *trying = context;
    (void)rule;
    trying->outcome->matches++;
}

static void replay(struct trying *trying, struct engine *engine, struct engine_event *event)
{
    static uint8_t buffer[LIMIT_RING_RECORD_BYTES];
    struct trial_outcome *outcome = trying->outcome;
    struct ring_record record;
    while (outcome->events < EVENTS_MAX
           && result_is_ok(ring_reader_next(trying->trial->events, buffer, &record))) {
        struct event native;
        if (result_is_ok(event_decode(buffer, record.size, &native))) {
            engine_event_from_native(event, &native);
            (void)engine_eval(engine, event, take_match, NULL, trying);
        }
        ring_reader_done(trying->trial->events);
        outcome->events++;
    }
    if (outcome->matches > EXCESS_MATCHES && outcome->matches > outcome->events / 2)
        fail(trying, TRIAL_EXCESS, trial_verdict_text(TRIAL_EXCESS));
}

/* Whether the administrator's own exceptions have silenced it: that is for no release to answer. */
static RESULT is_silenced_here(struct trying *trying, const char *tripwire, bool *ret_silenced)
{
    uint8_t *local = NULL;
    size_t size = 0;
    struct explanation why = {""};
    const char *silent = NULL;
    struct engine *engine = NULL;
    struct engine_options options = {0};
    options.sources = engine_native_sources(&options.source_count);
    GUARD(engine_sources_local(trying->trial->pack, &local, &size, &why));
    struct result result = engine_load(&options, local, size, &engine, &why);
    free(local);
    GUARD(result);
    result = tripwires_check(engine, &silent);
    engine_free(engine);
    *ret_silenced = silent == tripwire;
    return result;
}

static RESULT look_at_tripwires(struct trying *trying, struct engine *engine)
{
    const char *silent = NULL;
    char text[EXPLANATION_BYTES];
    bool is_local = false;
    GUARD(tripwires_check(engine, &silent));
    if (silent == NULL || fault_is_planted(FAULT_TRIAL_TRIPWIRE_OFF))
        return RESULT_OK;
    GUARD(is_silenced_here(trying, silent, &is_local));
    if (is_local)
        return RESULT_OK;
    (void)string_format(text, sizeof text, "%s no longer fires beside the release: one of its "
                                           "exceptions mutes it",
                        silent);
    fail(trying, TRIAL_TRIPWIRE, text);
    return RESULT_OK;
}

static RESULT judge_here(struct trying *trying, struct engine *engine)
{
    struct engine_event *event = engine_event_new(engine);
    if (event == NULL)
        return result_fail(ERROR_MEMORY);
    struct result result = look_at_tripwires(trying, engine);
    if (result_is_ok(result) && !has_failed(trying) && trying->trial->events != NULL)
        replay(trying, engine, event);
    engine_event_free(event);
    return result;
}

static RESULT try_here(struct trying *trying)
{
    uint8_t *joined = NULL;
    size_t size = 0;
    struct explanation why = {""};
    GUARD(or_verdict(trying, engine_sources_join(&trying->trial->set, true, trying->trial->pack,
                                                 &joined, &size, &why),
                     TRIAL_FORM, &why));
    if (has_failed(trying))
        return RESULT_OK;
    struct engine *engine = NULL;
    struct result result = load(trying, (struct bytes){joined, size}, 0, &engine);
    free(joined);
    size_t off;
    if (engine != NULL)
        result = or_verdict(trying, engine_sources_apply_policy(&trying->trial->set, engine, &off,
                                                                &why),
                            TRIAL_FORM, &why);
    if (engine != NULL && result_is_ok(result) && !has_failed(trying))
        result = judge_here(trying, engine);
    engine_free(engine);
    return result;
}

/* Whether the kernel takes them is tried by creance-loader: this process has no such right. */
static RESULT try_probes(struct trying *trying, const struct bundle *bundle)
{
    struct explanation why = {""};
    return or_verdict(trying, content_probes_read(bundle, &trying->outcome->probes, &why),
                      TRIAL_FORM, &why);
}

RESULT trial_run(const struct trial *trial, struct trial_outcome *ret_outcome)
{
    *ret_outcome = (struct trial_outcome){.verdict = TRIAL_PASSED};
    struct trying trying = {trial, ret_outcome};
    struct explanation why = {""};
    struct bundle bundle;
    struct bytes release = trial->kind == BUNDLE_PROBES
                               ? trial->probes
                               : trial->set.bundles[bundle_kind_stream(trial->kind)];
    GUARD(or_verdict(&trying, bundle_open(release.data, release.size, &bundle, &why), TRIAL_FORM,
                     &why));
    if (!has_failed(&trying) && bundle.facts.kind != trial->kind)
        fail(&trying, TRIAL_FORM, "it is a bundle of another kind than its stream");
    if (has_failed(&trying))
        return RESULT_OK;
    if (trial->kind == BUNDLE_PROBES)
        return try_probes(&trying, &bundle);
    if (trial->kind == BUNDLE_RULES) /* the other kinds have nothing that runs by itself */
        GUARD(try_alone(&trying, &bundle));
    if (!has_failed(&trying))
        GUARD(try_here(&trying));
    return RESULT_OK;
}

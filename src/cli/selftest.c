// SPDX-License-Identifier: Apache-2.0
/*
 * `creance selftest`: does something harmless that a rule of the starter content looks for, and
 * follows it through the whole chain: kernel, sensor, event ring, engine, alert ring, log.
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "cli/online.h"

#include <spawn.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIT_MS = 5000, STEP_MS = 5, START_WAIT_MS = 3000, NONCE_BYTES = 8 };

/* The rule's file name in the starter content, wherever the content lies. */
#define SELFTEST_RULE "selftest/selftest.yml"

struct selftest {
    const struct call *call;
    char word[64];      /* what the rule looks for, and ours alone */
    char pattern[80];
    struct online *events, *alerts;
    uint64_t begin_ns, seen_ns, alerted_ns; /* 0: not yet */
};

/* --- streams ---------------------------------------------------------------------------------- */

/* Opens a stream and waits until it has begun, so that nothing of what follows is missed. */
static enum cli_exit open_stream(const struct call *call, json_t *request, struct online **ret)
{
    enum cli_exit code = online_open(call, request, ret);
    if (code != CLI_GOOD)
        return code;
    const char *name;
    json_t *value = NULL;
    struct explanation why = {""};
    struct result result = online_next(*ret, START_WAIT_MS, &name, &value, &why);
    json_decref(value);
    return result_is_ok(result) ? CLI_GOOD : online_failed(result, &why);
}

static enum cli_exit open_streams(struct selftest *test)
{
    enum cli_exit code = open_stream(
        test->call, json_pack("{s:s, s:i, s:b}", "verb", "alerts", "last", 0, "follow", 1),
        &test->alerts);
    if (code != CLI_GOOD)
        return code;
    return open_stream(test->call,
                       json_pack("{s:s, s:[s], s:[{s:s, s:s}]}", "verb", "events", "kinds",
                                 "process_start", "where", "field", "process_arguments", "value",
                                 test->pattern),
                       &test->events);
}

/* Takes what has come from one stream. False: the stream broke. */
static bool look(struct selftest *test, struct online *online, const char *wanted,
                 uint64_t *seen_ns)
{
    for (;;) {
        const char *name;
        json_t *value = NULL;
        struct explanation why;
        struct result result = online_next(online, STEP_MS, &name, &value, &why);
        if (!result_is_ok(result))
            return result.error == ERROR_AGAIN;
        const char *arguments = online_text_at(value, "process.command_line");
        if (string_equal(name, wanted) && strstr(arguments, test->word) != NULL && *seen_ns == 0)
            *seen_ns = clock_boottime_ns(clock_system());
        json_decref(value);
    }
}

/* --- the harmless deed ------------------------------------------------------------------------ */

static bool make_word(struct selftest *test)
{
    uint8_t nonce[NONCE_BYTES];
    char hex[2 * NONCE_BYTES + 1];
    if (getrandom(nonce, sizeof nonce, 0) != (ssize_t)sizeof nonce)
        return false;
    hex_encode(nonce, sizeof nonce, hex);
    string_format(test->word, sizeof test->word, "creance-selftest-%s", hex);
    string_format(test->pattern, sizeof test->pattern, "*%s*", test->word);
    return true;
}

/* Runs true(1), which does nothing, with the word as its argument. */
static bool do_deed(const struct selftest *test)
{
    static char program[] = "/bin/true";
    char word[sizeof test->word];
    string_copy(word, sizeof word, test->word);
    char *arguments[] = {program, word, NULL};
    char *environment[] = {NULL};
    pid_t pid;
    int status = 0;
    if (posix_spawn(&pid, program, NULL, NULL, arguments, environment) != 0)
        return false;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* --- where the chain broke -------------------------------------------------------------------- */

/* The state of the self-test's rule in the agent: "loaded", ...; "" where it is not there. */
static void find_rule(const struct call *call, char state[32])
{
    struct online *online = NULL;
    struct explanation why;
    state[0] = '\0';
    if (!result_is_ok(online_try(call, json_pack("{s:s}", "verb", "rules"), &online, &why)))
        return;
    for (;;) {
        const char *name;
        json_t *value = NULL;
        if (!result_is_ok(online_next(online, START_WAIT_MS, &name, &value, &why)))
            break;
        if (string_equal(name, "rule")
            && string_ends_with(online_text(value, "file"), SELFTEST_RULE))
            string_copy(state, 32, online_text(value, "state"));
        json_decref(value);
    }
    online_close(online);
}

/* The sentence for people; `broken_at` is the short name for programs. */
static const char *diagnose(const struct selftest *test, const json_t *status,
                            struct explanation *sentence)
{
    char state[32];
    const json_t *log = json_object_get(status, "log");
    find_rule(test->call, state);
    if (string_equal(online_text(status, "state"), "blind")) {
        string_copy(sentence->text, sizeof sentence->text,
                    "the sensor is blind: `creance status` and `creance probe` say why");
        return "sensor";
    }
    if (test->seen_ns == 0) {
        string_copy(sentence->text, sizeof sentence->text,
                    "the program start did not come out of the event ring within 5 s: the sensor "
                    "hangs or lost it; see the losses in `creance status`");
        return "event";
    }
    if (!string_equal(state, "loaded")) {
        string_format(sentence->text, sizeof sentence->text,
                      "the event was seen, but the rule " SELFTEST_RULE " is %s: the starter "
                      "content is missing or was replaced; see `creance rules list`",
                      *state == '\0' ? "not there" : state);
        return "rule";
    }
    if (!string_equal(online_text(log, "state"), "ok")) {
        string_format(sentence->text, sizeof sentence->text,
                      "the alert cannot be written to the log: %s", online_text(log, "error"));
        return "log";
    }
    string_copy(sentence->text, sizeof sentence->text,
                "the event was seen and the rule is loaded, but no alert came within 5 s: the "
                "engine hangs or is behind; see `creance status`");
    return "engine";
}

/* --- the whole -------------------------------------------------------------------------------- */

static int64_t passed_ms(const struct selftest *test, uint64_t then_ns)
{
    return then_ns == 0 ? -1 : (int64_t)((then_ns - test->begin_ns) / NS_PER_MS);
}

static enum cli_exit report_good(const struct selftest *test)
{
    struct output *output = test->call->output;
    if (output_is_json(output)) {
        output_json(output, json_pack("{s:b, s:I, s:I}", "passed", 1, "event_ms",
                                      (json_int_t)passed_ms(test, test->seen_ns), "alert_ms",
                                      (json_int_t)passed_ms(test, test->alerted_ns)));
        return CLI_GOOD;
    }
    output_part(output, COLOUR_GREEN, "good");
    output_line(output, ": /bin/true %s was run, its alert was in the log after %lld ms",
                test->word, (long long)passed_ms(test, test->alerted_ns));
    return CLI_GOOD;
}

static enum cli_exit report_bad(const struct selftest *test)
{
    json_t *status = NULL;
    struct output *output = test->call->output;
    enum cli_exit code =
        online_ask(test->call, json_pack("{s:s}", "verb", "status"), "status", &status);
    if (code != CLI_GOOD)
        return code;
    struct explanation sentence;
    const char *broken_at = diagnose(test, status, &sentence);
    json_decref(status);
    if (output_is_json(output)) {
        output_json(output, json_pack("{s:b, s:s, s:s}", "passed", 0, "broken_at", broken_at,
                                      "text", sentence.text));
    } else {
        output_part(output, COLOUR_RED, "no alert");
        output_line(output, ": %s", sentence.text);
    }
    return CLI_FINDING;
}

static enum cli_exit watch(struct selftest *test)
{
    test->begin_ns = clock_boottime_ns(clock_system());
    if (!do_deed(test)) {
        verb_error("cannot run /bin/true, so nothing could be tested");
        return CLI_UNAVAILABLE;
    }
    bool is_whole = true;
    while (is_whole && test->alerted_ns == 0
           && passed_ms(test, clock_boottime_ns(clock_system())) < WAIT_MS)
        is_whole = look(test, test->events, "event", &test->seen_ns)
                   && look(test, test->alerts, "alert", &test->alerted_ns);
    if (is_whole && test->seen_ns == 0) /* the alert overtook it */
        (void)look(test, test->events, "event", &test->seen_ns);
    return test->alerted_ns != 0 ? report_good(test) : report_bad(test);
}

static enum cli_exit run(const struct call *call)
{
    struct selftest test = {.call = call};
    if (!make_word(&test)) {
        verb_error("the kernel gives no random numbers");
        return CLI_UNAVAILABLE;
    }
    enum cli_exit code = open_streams(&test);
    if (code == CLI_GOOD)
        code = watch(&test);
    online_close(test.events);
    online_close(test.alerts);
    return code;
}

const struct verb verb_selftest = {
    .name = "selftest",
    .summary = "something harmless and suspicious, and its alert, end to end",
    .words = "",
    .help = "Runs /bin/true with a word that a rule of the starter content looks for, and waits\n"
            "up to 5 seconds for the alert. Where none comes it says where the chain broke.\n"
            "\n"
            "Exit codes: 0 the alert came, 1 it did not, 4 no agent runs here.\n"
            "\n"
            "Examples:\n"
            "  creance selftest\n"
            "  creance selftest --json\n",
    .run = run,
};

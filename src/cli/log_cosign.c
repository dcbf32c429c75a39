// SPDX-License-Identifier: Apache-2.0
/*
 * `creance log cosign`: the witnesses' cosignatures for what a log has signed, anew.
 */
#include "base/bytes.h"
#include "cli/log_publish.h"

static void report(const struct call *call, const struct tlog_opened *log, const char *witnesses)
{
    uint64_t size = tlog_writer_size(log->writer);
    if (output_is_json(call->output))
        output_json(call->output, json_pack("{s:I, s:s}", "size", (json_int_t)size, "witnesses",
                                            witnesses));
    else
        output_line(call->output, "%llu entries, cosigned by %s", (unsigned long long)size,
                    witnesses);
}

static enum cli_exit cosign(const struct call *call, const struct tlog_policy *policy)
{
    struct tlog_opened log;
    char witnesses[1024];
    if (tlog_policy_log_count(policy) != 1) {
        verb_error("the policy names %zu logs: expected the one in %s",
                   tlog_policy_log_count(policy), options_word(call->options, 0));
        return CLI_INPUT;
    }
    enum cli_exit code =
        tlog_open(options_word(call->options, 0), &tlog_policy_log(policy, 0)->key, &log);
    if (code != CLI_GOOD)
        return code;
    if (tlog_writer_signed(log.writer).size == 0) {
        verb_error("the log in %s is empty", options_word(call->options, 0));
        code = CLI_INPUT;
    } else {
        code = tlog_publish(policy, &log, witnesses, sizeof witnesses);
    }
    if (code == CLI_GOOD)
        report(call, &log, witnesses);
    tlog_close(&log);
    return code;
}

static enum cli_exit run(const struct call *call)
{
    struct tlog_policy *policy;
    const char *path = options_value(call->options, "policy", NULL);
    if (path == NULL)
        return verb_usage_error(call, "--policy FILE names the witnesses");
    enum cli_exit code = tlog_policy_read(path, &policy);
    if (code != CLI_GOOD)
        return code;
    code = cosign(call, policy);
    tlog_policy_free(policy);
    return code;
}

static const struct option_row OPTIONS[] = {
    {"policy", "FILE", false, "the witnesses, with URLs, and the quorum"},
    {0},
};

const struct verb verb_log_cosign = {
    .name = "log cosign",
    .summary = "has a public log cosigned again",
    .words = "FOLDER",
    .words_min = 1,
    .words_max = 1,
    .options = OPTIONS,
    .help = "Sends the newest checkpoint that the log in FOLDER has signed to the witnesses of\n"
            "the policy, and publishes it where a quorum cosigns. Run it after an append that\n"
            "found no quorum, and regularly (once an hour): the times of fresh cosignatures are\n"
            "what hosts measure the age of a release by. It needs no private key.\n"
            "\n"
            "Exit codes: 0 published, 1 no quorum cosigned or the log is another one.\n"
            "\n"
            "Examples:\n"
            "  creance log cosign /srv/log --policy policy\n",
    .run = run,
};

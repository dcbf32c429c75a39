// SPDX-License-Identifier: Apache-2.0
#include "cli/worker.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "base/sandbox.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The worker's exit code is this and its verdict: a library or a sanitizer that ends the process by
 * itself gives another one. */
enum { WORKER_ENDED = 64 };

void worker_at(struct worker_place *place, const char *task)
{
    (void)string_copy(place->task, sizeof place->task, task); /* cut names are good enough */
    place->rule[0] = '\0';
    place->line = 0;
}

void worker_allow_many_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* where it fails, open() will say so */
    }
}

static RESULT set_limit(int resource, rlim_t value)
{
    struct rlimit limit = {value, value};
    return setrlimit(resource, &limit) == 0 ? RESULT_OK : result_from_errno();
}

static RESULT limit_worker(struct explanation *why)
{
#ifndef __SANITIZE_ADDRESS__
    /* AddressSanitizer reserves terabytes of address space: only there this limit is left out, and
     * the engine's own memory limit remains. */
    if (!result_is_ok(set_limit(RLIMIT_AS, LIMIT_WORKER_BYTES)))
        return explain_errno(why, "the memory limit of the worker cannot be set");
#endif
    if (!result_is_ok(set_limit(RLIMIT_CORE, 0)))
        return explain_errno(why, "core dumps of the worker cannot be switched off");
    static const struct sandbox_profile PROFILE = {.name = "of the command line"};
    return sandbox_enter(&PROFILE, why);
}

/* Never returns: what the parent would do at its end is not the worker's. */
__attribute__((noreturn)) static void run_worker(const struct call *call,
                                                 worker_run_function *function, void *context,
                                                 struct worker_place *place)
{
    struct explanation why;
    if (!result_is_ok(limit_worker(&why))) {
        verb_error("%s", why.text);
        _exit(WORKER_ENDED + CLI_UNAVAILABLE);
    }
    enum cli_exit code = function(context, place);
    code = verb_finish_output(call, code);
    _exit(WORKER_ENDED + (int)code);
}

static enum cli_exit explain_death(const struct worker_place *place, int signal_number)
{
    struct worker_place seen = *place;
    seen.task[sizeof seen.task - 1] = '\0';
    seen.rule[sizeof seen.rule - 1] = '\0';
    char line[64] = "";
    if (seen.line > 0)
        (void)string_format(line, sizeof line, " at line %llu", (unsigned long long)seen.line);
    bool is_killed = signal_number == SIGKILL;
    verb_error("the worker process died (%s%s) while it was at: %s%s%s%s%s. What was printed "
               "before is valid, the rest is missing. %s",
               strsignal(signal_number), is_killed ? ": perhaps the system is out of memory" : "",
               seen.task, line, *seen.rule != '\0' ? ", rule \"" : "", seen.rule,
               *seen.rule != '\0' ? "\"" : "",
               is_killed ? "Try again with fewer rules or events"
                         : "Leave this input out to go on, and please report it");
    return CLI_INPUT;
}

static enum cli_exit wait_for(pid_t pid, const struct worker_place *place)
{
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            verb_error("waiting for the worker failed: %s", strerror(errno));
            return CLI_UNAVAILABLE;
        }
    }
    if (WIFSIGNALED(status))
        return explain_death(place, WTERMSIG(status));
    int code = WEXITSTATUS(status) - WORKER_ENDED;
    if (code >= CLI_GOOD && code <= CLI_UNAVAILABLE)
        return (enum cli_exit)code;
    return explain_death(place, SIGABRT);
}

enum cli_exit worker_run(const struct call *call, worker_run_function *function, void *context)
{
    struct worker_place *place = mmap(NULL, sizeof *place, PROT_READ | PROT_WRITE,
                                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED) {
        verb_error("memory is out");
        return CLI_UNAVAILABLE;
    }
    worker_at(place, "starting");
    /* What is in the buffers must not be written twice. */
    enum cli_exit code = verb_finish_output(call, CLI_GOOD);
    fflush(stderr);
    pid_t parent = getpid();
    pid_t pid = code == CLI_GOOD ? fork() : -1;
    if (pid == 0) {
        /* Ctrl-C and a killed parent end the worker too. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(WORKER_ENDED + CLI_UNAVAILABLE);
        run_worker(call, function, context, place);
    }
    if (code == CLI_GOOD && pid < 0) {
        verb_error("a worker process cannot be started: %s", strerror(errno));
        code = CLI_UNAVAILABLE;
    } else if (code == CLI_GOOD) {
        code = wait_for(pid, place);
    }
    munmap(place, sizeof *place);
    return code;
}

// SPDX-License-Identifier: Apache-2.0
#include "cli/drill_stage.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/paths.h"
#include "cli/online.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    START_WAIT_MS = 60000,
    STOP_WAIT_MS = 15000,
    LOOK_MS = 50,
    FOLDERS_OPEN = 16,
    WORDS_MAX = 12,
};

struct stage {
    char folder[64];
    char own[LIMIT_PATH_BYTES];    /* this program */
    char agent[LIMIT_PATH_BYTES];  /* creanced */
    char path[LIMIT_PATH_BYTES];   /* of stage_path() */
    pid_t pid;                     /* of the agent; 0: none */
};

uint64_t stage_now_ms(void) { return clock_boottime_ns(clock_system()) / NS_PER_MS; }

void stage_sleep_ms(unsigned ms)
{
    const struct timespec time = {.tv_sec = ms / MS_PER_S,
                                  .tv_nsec = (long)(ms % MS_PER_S) * NS_PER_MS};
    (void)nanosleep(&time, NULL);
}

/* --- the folder
 * --------------------------------------------------------------------------------- */

/* Beside this program (a checkout), or where an installation has it. */
static bool find_agent(struct stage *stage)
{
    static const char *const PLACES[] = {"%s/creanced", "%s/../libexec/creance/creanced"};
    char folder[LIMIT_PATH_BYTES];
    ssize_t size = readlink("/proc/self/exe", stage->own, sizeof stage->own - 1);
    if (size <= 0)
        return false;
    stage->own[size] = '\0';
    (void)string_copy(folder, sizeof folder, stage->own);
    const char *own = dirname(folder);
    (void)string_format(stage->agent, sizeof stage->agent, PLACES[0], own);
    if (access(stage->agent, X_OK) == 0)
        return true;
    (void)string_format(stage->agent, sizeof stage->agent, PLACES[1], own);
    return access(stage->agent, X_OK) == 0;
}

struct stage *stage_new(void)
{
    struct stage *stage = calloc(1, sizeof *stage);
    if (stage == NULL) {
        verb_error("memory is out");
        return NULL;
    }
    (void)string_copy(stage->folder, sizeof stage->folder, "/tmp/creance-drill-XXXXXX");
    bool is_found = find_agent(stage);
    if (!is_found)
        verb_error("creanced is not there: it belongs beside creance, or into libexec/creance");
    if (is_found && mkdtemp(stage->folder) != NULL && chmod(stage->folder, 0755) == 0)
        return stage;
    if (is_found)
        verb_error("no folder can be made under /tmp: %s", strerror(errno));
    free(stage);
    return NULL;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    (void)remove(path); /* what is left is in /tmp */
    return 0;
}

static void stop_agent(struct stage *stage)
{
    if (stage->pid == 0)
        return;
    uint64_t end_ms = stage_now_ms() + STOP_WAIT_MS;
    (void)kill(stage->pid, SIGTERM);
    while (waitpid(stage->pid, NULL, WNOHANG) == 0) {
        if (stage_now_ms() > end_ms)
            (void)kill(stage->pid, SIGKILL);
        stage_sleep_ms(LOOK_MS);
    }
    stage->pid = 0;
}

void stage_free(struct stage *stage)
{
    if (stage == NULL)
        return;
    stop_agent(stage);
    (void)nftw(stage->folder, remove_entry, FOLDERS_OPEN, FTW_DEPTH | FTW_PHYS);
    free(stage);
}

const char *stage_path(struct stage *stage, const char *name)
{
    (void)string_format(stage->path, sizeof stage->path, "%s/%s", stage->folder, name);
    return stage->path;
}

bool stage_write(struct stage *stage, const char *name, const char *text)
{
    char above[LIMIT_PATH_BYTES];
    struct explanation why = {""};
    (void)string_copy(above, sizeof above, stage_path(stage, name));
    if (!result_is_ok(paths_make_folder(dirname(above), 0755, &why))) {
        verb_error("%s", why.text);
        return false;
    }
    FILE *file = fopen(stage_path(stage, name), "we");
    bool is_written = file != NULL && fputs(text, file) >= 0;
    is_written = file != NULL && fclose(file) == 0 && is_written;
    if (!is_written)
        verb_error("%s cannot be written: %s", stage_path(stage, name), strerror(errno));
    return is_written;
}

/* --- programs
 * ----------------------------------------------------------------------------------- */

/* The first line that is JSON; the rest is read, so that the writer can end. */
static json_t *read_json(int fd)
{
    FILE *file = fdopen(fd, "r");
    char *text = NULL;
    size_t capacity = 0;
    json_t *found = NULL;
    if (file == NULL) {
        close(fd);
        return NULL;
    }
    while (getline(&text, &capacity, file) >= 0)
        if (found == NULL)
            found = json_loads(text, 0, NULL);
    free(text);
    (void)fclose(file);
    return found;
}

static int wait_for(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int stage_run(struct stage *stage, bool is_agent, json_t **ret_json, const char *const *words)
{
    char *arguments[WORDS_MAX + 5] = {stage->own};
    size_t count = 1;
    static char json_word[] = "--json", state_word[] = "--state";
    for (; *words != NULL && count < WORDS_MAX; words++)
        arguments[count++] = (char *)(uintptr_t)*words;
    arguments[count++] = json_word;
    if (is_agent) {
        arguments[count++] = state_word;
        arguments[count++] = stage->folder;
    }
    int ends[2];
    pid_t pid;
    posix_spawn_file_actions_t actions;
    *ret_json = NULL;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    (void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int error = posix_spawn(&pid, stage->own, &actions, NULL, arguments, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (error != 0) {
        close(ends[0]);
        return -1;
    }
    *ret_json = read_json(ends[0]);
    return wait_for(pid);
}

bool stage_trigger(const char *argument)
{
    static char program[] = "/bin/true";
    char *arguments[] = {program, (char *)(uintptr_t)argument, NULL};
    char *environment[] = {NULL};
    pid_t pid;
    return posix_spawn(&pid, program, NULL, NULL, arguments, environment) == 0
           && wait_for(pid) == 0;
}

/* --- the agent
 * ---------------------------------------------------------------------------------- */

static _Noreturn void become_agent(struct stage *stage, const char *update_policy, int output)
{
    char content[LIMIT_PATH_BYTES];
    (void)string_format(content, sizeof content, "%s/content", stage->folder);
    char *arguments[] = {stage->agent, (char *)(uintptr_t) "--state", stage->folder,
                         (char *)(uintptr_t) "--content", content,
                         (char *)(uintptr_t) "--update-policy", (char *)(uintptr_t)update_policy,
                         NULL};
    /* A drill that is killed takes its agent along. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && dup2(output, STDOUT_FILENO) >= 0
        && dup2(output, STDERR_FILENO) >= 0)
        (void)execve(stage->agent, arguments, environ);
    _exit(CLI_UNAVAILABLE);
}

static bool is_ready(struct stage *stage)
{
    static const char *const WORDS[] = {"status", NULL};
    json_t *status = NULL;
    int code = stage_run(stage, true, &status, WORDS);
    bool is_good = (code == CLI_GOOD || code == CLI_FINDING)
                   && !string_equal(online_text(status, "state"), "blind")
                   && online_number(json_object_get(status, "rules"), "loaded") > 0;
    json_decref(status);
    return is_good;
}

bool stage_start(struct stage *stage, const char *update_policy)
{
    int output = open(stage_path(stage, "creanced.output"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (output < 0) {
        verb_error("%s cannot be made: %s", stage->path, strerror(errno));
        return false;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become_agent(stage, update_policy, output);
    close(output);
    if (pid < 0) {
        verb_error("no agent can be started: %s", strerror(errno));
        return false;
    }
    stage->pid = pid;
    uint64_t end_ms = stage_now_ms() + START_WAIT_MS;
    while (stage_now_ms() < end_ms && !online_is_stopped()) {
        if (waitpid(pid, NULL, WNOHANG) == pid) {
            stage->pid = 0;
            verb_error("the agent of the drill did not start; `creanced --foreground` and `creance "
                       "probe` say why");
            return false;
        }
        if (is_ready(stage))
            return true;
        stage_sleep_ms(LOOK_MS);
    }
    verb_error("the agent of the drill does not watch: `creance probe` says why");
    return false;
}

/* The number behind `word` in an alert; `limit`: there is none. */
static size_t number_in(const char *line, const char *word, size_t limit)
{
    enum { DIGITS = 5 };
    for (const char *at = strstr(line, word); at != NULL; at = strstr(at + 1, word)) {
        const char *digits = at + strlen(word);
        uint64_t number;
        char text[DIGITS + 1];
        (void)string_format(text, sizeof text, "%.*s", DIGITS, digits);
        if (strlen(text) == DIGITS && string_starts_with(digits + DIGITS, "-end")
            && result_is_ok(number_parse(text, limit - 1, &number)))
            return (size_t)number;
    }
    return limit;
}

size_t stage_alerted(struct stage *stage, const char *word, size_t limit)
{
    FILE *file = fopen(stage_path(stage, "log/alerts.jsonl"), "re");
    bool *seen = calloc(limit + 1, sizeof *seen);
    char *line = NULL;
    size_t capacity = 0, count = 0;
    while (file != NULL && seen != NULL && getline(&line, &capacity, file) >= 0)
        seen[number_in(line, word, limit)] = true;
    for (size_t i = 0; seen != NULL && i < limit; i++)
        count += seen[i];
    free(line);
    free(seen);
    if (file != NULL)
        (void)fclose(file);
    return count;
}

/* Only a child of the agent that we started. */
static bool is_child(const struct stage *stage, pid_t pid)
{
    char path[64], text[512] = "";
    (void)string_format(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    size_t size = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file != NULL)
        (void)fclose(file);
    text[size] = '\0';
    const char *behind = strrchr(text, ')'); /* then: state, parent */
    char wanted[32];
    (void)string_format(wanted, sizeof wanted, "%d ", (int)stage->pid);
    return behind != NULL && strlen(behind) > 4 && string_starts_with(behind + 4, wanted);
}

bool stage_signal_engine(struct stage *stage, int signal_number)
{
    static const char *const WORDS[] = {"status", NULL};
    json_t *status = NULL;
    (void)stage_run(stage, true, &status, WORDS);
    const char *active = "";
    size_t at;
    const json_t *row;
    json_array_foreach(json_object_get(json_object_get(status, "updates"), "engines"), at, row)
        if (string_equal(online_text(row, "use"), "active"))
            active = online_text(row, "name");
    bool is_sent = false;
    json_array_foreach(json_object_get(status, "processes"), at, row)
    {
        pid_t pid = (pid_t)online_number(row, "pid");
        if (string_equal(online_text(row, "name"), active) && pid > 1 && is_child(stage, pid))
            is_sent = kill(pid, signal_number) == 0;
    }
    json_decref(status);
    return is_sent;
}

const json_t *stage_release(struct stage *stage, long long version, json_t **ret_answer)
{
    static const char *const WORDS[] = {"content", "status", NULL};
    (void)stage_run(stage, true, ret_answer, WORDS);
    size_t at;
    const json_t *row;
    json_array_foreach(json_object_get(*ret_answer, "releases"), at, row)
        if (online_number(row, "version") == version)
            return row;
    return NULL;
}

// SPDX-License-Identifier: Apache-2.0
/*
 * creanced: the supervisor of the agent. Reads its command line, takes the lock that lets only one
 * agent run per state folder, opens the programs of its children, and supervises.
 */
#include "agent/supervisor/supervisor.h"
#include "base/bytes.h"
#include "base/fault.h"
#include "base/limits.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum exit_code { EXIT_GOOD = 0, EXIT_USAGE = 2, EXIT_MISSING = 4 };

static const char HELP[] =
    "creanced: starts and watches the processes of the Creance agent\n"
    "\n"
    "Usage: creanced [--foreground] [--state DIR] [--content DIR] [--update-policy P]\n"
    "                [--without-sensor]\n"
    "\n"
    "  --foreground      stay in the foreground (this is always so; for service files)\n"
    "  --state DIR       keep everything that is written below DIR\n"
    "                    (default: /run, /var/log, /etc and /var/lib/creance)\n"
    "  --content DIR     take the vendor's rules from DIR/rules (default: /usr/lib/creance)\n"
    "  --update-policy P how long a release waits and is watched here, in seconds:\n"
    "                    age=86400,urgent=21600,full=259200,bake=14400,shadow=600\n"
    "                    (these are the defaults; docs/updates.md says what each does)\n"
    "  --without-sensor  load no eBPF programs: nothing on this host is watched\n"
    "  --version, --help\n"
    "\n"
    "Examples:\n"
    "  creanced                                     as the service does\n"
    "  creanced --state build/state --content content   from a checkout\n"
    "\n"
    "Ends with 0 when told to stop, 2 for wrong usage, 4 when something needed is missing.\n";

struct arguments {
    const char *state;
    const char *content;
    const char *update_policy; /* NULL: the defaults */
    bool without_sensor;
};

/* Ends the process for --help, --version and wrong usage. */
static struct arguments parse_arguments(int count, char **values)
{
    static const struct option OPTIONS[] = {
        {"foreground", no_argument, NULL, 'f'},     {"state", required_argument, NULL, 's'},
        {"content", required_argument, NULL, 'c'},  {"without-sensor", no_argument, NULL, 'w'},
        {"update-policy", required_argument, NULL, 'u'},
        {"version", no_argument, NULL, 'v'},        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct arguments arguments = {0};
    int option;
    while ((option = getopt_long(count, values, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case 'f':
            break;
        case 's':
            arguments.state = optarg;
            break;
        case 'c':
            arguments.content = optarg;
            break;
        case 'u':
            arguments.update_policy = optarg;
            break;
        case 'w':
            arguments.without_sensor = true;
            break;
        case 'v':
            puts("creanced " CREANCE_VERSION);
            exit(EXIT_GOOD);
        case 'h':
            fputs(HELP, stdout);
            exit(EXIT_GOOD);
        default:
            fputs("Try: creanced --help\n", stderr);
            exit(EXIT_USAGE);
        }
    }
    if (optind < count) {
        fprintf(stderr, "creanced: takes no argument, got '%s'. Try: creanced --help\n",
                values[optind]);
        exit(EXIT_USAGE);
    }
    return arguments;
}

static RESULT open_programs(struct supervisor_options *options, struct explanation *why)
{
    char own[LIMIT_PATH_BYTES];
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    if (length <= 0)
        return explain_errno(why, "cannot find my own program (is /proc mounted?)");
    own[length] = '\0';
    *strrchr(own, '/') = '\0';
    for (size_t i = ROLE_supervisor + 1; i < ROLE_COUNT; i++) {
        char path[LIMIT_PATH_BYTES];
        const char *program = role_row((enum role)i)->program;
        if (!string_format(path, sizeof path, "%s/%s", own, program))
            return explain(why, ERROR_LIMIT, "the path of %s is too long", program);
        options->programs[i] = open(path, O_RDONLY | O_CLOEXEC);
        if (options->programs[i] < 0)
            return explain_errno(why, "cannot open %s, which belongs beside creanced", path);
    }
    return RESULT_OK;
}

/* One agent per state folder: two would both write its logs. The lock ends with the process. */
static RESULT take_lock(const struct paths *paths, struct explanation *why)
{
    char path[LIMIT_PATH_BYTES];
    GUARD(paths_make_folder(paths->run, 0755, why));
    if (!string_format(path, sizeof path, "%s/creanced.pid", paths->run))
        return explain(why, ERROR_LIMIT, "the path of the state folder is too long");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return explain_errno(why, "cannot open the lock %s", path);
    char pid[32] = "";
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ssize_t size = read(fd, pid, sizeof pid - 1);
        pid[size > 0 ? (size_t)size - 1 : 0] = '\0';
        return explain(why, ERROR_STATE,
                       "an agent runs here already (pid %s, lock %s). It goes on undisturbed. "
                       "Stop it first, or give this one another --state",
                       pid, path);
    }
    (void)string_format(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || write(fd, pid, strlen(pid)) != (ssize_t)strlen(pid))
        return explain_errno(why, "cannot write my pid into %s", path);
    return RESULT_OK; /* `fd` stays open: it is the lock */
}

static RESULT run(const struct arguments *arguments, struct explanation *why)
{
    if (geteuid() != 0)
        return explain(why, ERROR_STATE,
                       "creanced needs root to load eBPF programs and to give each of its "
                       "processes a user of its own. Run it with sudo");
    static struct paths paths;
    GUARD(paths_resolve(arguments->state, arguments->content, &paths, why));
    struct supervisor_options options = {.paths = &paths,
                                         .updates = update_settings_default(),
                                         .without_sensor = arguments->without_sensor};
    if (arguments->update_policy != NULL)
        GUARD(update_settings_parse(arguments->update_policy, &options.updates, why));
    GUARD(open_programs(&options, why));
    GUARD(take_lock(&paths, why));
    return supervisor_run(&options, why);
}

int main(int count, char **values)
{
    struct arguments arguments = parse_arguments(count, values);
    fault_plant();
    struct explanation why = {""};
    struct result result = run(&arguments, &why);
    if (result_is_ok(result))
        return EXIT_GOOD;
    fprintf(stderr, "creanced: %s\n", why.text[0] != '\0' ? why.text : result_text(result));
    return EXIT_MISSING;
}

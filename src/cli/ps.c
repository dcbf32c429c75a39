// SPDX-License-Identifier: Apache-2.0
/*
 * `creance ps`: the processes of this host as the sensor knows them, as a tree.
 */
#include "base/bytes.h"
#include "base/limits.h"
#include "cli/online.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 64, ANSWER_WAIT_MS = 10000 };

struct node {
    json_t *process;
    const char *id, *parent_id;
    json_int_t pid;
    struct node *parent;
    struct node *first, *next; /* children, oldest first */
    bool is_shown;
};

struct forest {
    struct node *nodes; /* sorted by id */
    size_t count, capacity;
};

static const struct option_row OPTIONS[] = {
    {"all", NULL, false, "kernel threads and processes that have ended, too"},
    {0},
};

/* --- the tree --------------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const struct node *)a)->id, ((const struct node *)b)->id);
}

static struct node *find(const struct forest *forest, const char *id)
{
    struct node key = {.id = id};
    return bsearch(&key, forest->nodes, forest->count, sizeof key, compare_ids);
}

static bool add(struct forest *forest, json_t *process)
{
    if (forest->count == forest->capacity) {
        size_t capacity = forest->capacity == 0 ? 512 : 2 * forest->capacity;
        struct node *nodes = reallocarray(forest->nodes, capacity, sizeof *nodes);
        if (nodes == NULL)
            return false;
        forest->nodes = nodes;
        forest->capacity = capacity;
    }
    forest->nodes[forest->count++] = (struct node){
        .process = process,
        .id = online_text(process, "id"),
        .parent_id = online_text(process, "parent_id"),
        .pid = online_number(process, "pid"),
    };
    return true;
}

static void link_all(struct forest *forest)
{
    if (forest->count == 0)
        return; /* nodes may be NULL, which qsort does not take */
    qsort(forest->nodes, forest->count, sizeof *forest->nodes, compare_ids);
    for (size_t i = forest->count; i > 0; i--) {
        struct node *node = &forest->nodes[i - 1];
        node->parent = *node->parent_id == '\0' ? NULL : find(forest, node->parent_id);
        if (node->parent == NULL || node->parent == node)
            continue;
        struct node **place = &node->parent->first;
        while (*place != NULL
               && strcmp(online_text((*place)->process, "started"),
                         online_text(node->process, "started")) < 0)
            place = &(*place)->next;
        node->next = *place;
        *place = node;
    }
}

/* --- what is shown ---------------------------------------------------------------------------- */

static void show_ancestors(struct node *node)
{
    for (unsigned depth = 0; node != NULL && depth < DEPTH_MAX; depth++, node = node->parent)
        node->is_shown = true;
}

static void show_descendants(struct node *node, unsigned depth)
{
    node->is_shown = true;
    for (struct node *child = node->first; child != NULL && depth < DEPTH_MAX; child = child->next)
        show_descendants(child, depth + 1);
}

/* A PID may stand for several processes over time: all of them are shown. */
static bool choose(struct forest *forest, json_int_t pid, bool is_all)
{
    bool is_found = pid == 0;
    for (size_t i = 0; i < forest->count; i++) {
        struct node *node = &forest->nodes[i];
        bool is_ordinary = !json_is_true(json_object_get(node->process, "ended"))
                           && !json_is_true(json_object_get(node->process, "kernel_thread"));
        if (pid == 0 ? is_all || is_ordinary : node->pid == pid)
            show_ancestors(node);
        if (pid != 0 && node->pid == pid) {
            show_descendants(node, 0);
            is_found = true;
        }
    }
    return is_found;
}

static const char *user_of(const json_t *process)
{
    static char number[24];
    const struct passwd *user = getpwuid((uid_t)online_number(process, "effective_user_id"));
    if (user != NULL)
        return user->pw_name;
    string_format(number, sizeof number, "%lld",
                  (long long)online_number(process, "effective_user_id"));
    return number;
}

static void print_node(struct output *output, const struct node *node, unsigned depth)
{
    const json_t *process = node->process;
    const char *arguments = online_text(process, "command_line");
    bool is_ended = json_is_true(json_object_get(process, "ended"));
    output_part(output, COLOUR_DIM, "%7lld %-10.10s ", (long long)node->pid, user_of(process));
    output_part(output, COLOUR_NONE, "%*s", (int)(2 * depth), "");
    if (*arguments != '\0')
        output_part(output, is_ended ? COLOUR_DIM : COLOUR_NONE, "%s", arguments);
    else
        output_part(output, COLOUR_DIM, "[%s]", online_text(process, "name"));
    if (is_ended)
        output_part(output, COLOUR_DIM, "  (ended)");
    if (json_object_get(process, "container") != NULL)
        output_part(output, COLOUR_DIM, "  container %.12s", online_text(process, "container"));
    output_line(output, "%s", "");
}

static void print_tree(struct output *output, const struct node *node, unsigned depth)
{
    if (!node->is_shown || depth >= DEPTH_MAX)
        return;
    if (output_is_json(output))
        output_json(output, json_incref(node->process));
    else
        print_node(output, node, depth);
    for (const struct node *child = node->first; child != NULL; child = child->next)
        print_tree(output, child, depth + 1);
}

/* --- asking ----------------------------------------------------------------------------------- */

static enum cli_exit collect(struct online *online, struct forest *forest)
{
    struct explanation why = {""};
    for (;;) {
        const char *name;
        json_t *value = NULL;
        struct result result = online_next(online, ANSWER_WAIT_MS, &name, &value, &why);
        if (result.error == ERROR_NOT_FOUND)
            return CLI_GOOD;
        if (!result_is_ok(result))
            return online_failed(result, &why);
        if (!string_equal(name, "process")) {
            json_decref(value);
        } else if (!add(forest, value)) {
            json_decref(value);
            verb_error("memory is out");
            return CLI_UNAVAILABLE;
        }
    }
}

static enum cli_exit show(const struct call *call, struct forest *forest, json_int_t pid)
{
    link_all(forest);
    if (!choose(forest, pid, options_has(call->options, "all"))) {
        verb_error("no process %lld is known; the sensor keeps those that ended for a while only",
                   (long long)pid);
        return CLI_FINDING;
    }
    for (size_t i = 0; i < forest->count; i++) {
        if (forest->nodes[i].parent == NULL)
            print_tree(call->output, &forest->nodes[i], 0);
    }
    return CLI_GOOD;
}

static enum cli_exit run(const struct call *call)
{
    uint64_t pid = 0;
    if (options_word_count(call->options) > 0
        && (!result_is_ok(number_parse(options_word(call->options, 0), INT32_MAX, &pid))
            || pid == 0))
        return verb_usage_error(call, "\"%s\" is no process id", options_word(call->options, 0));
    struct online *online = NULL;
    enum cli_exit code = online_open(call, json_pack("{s:s}", "verb", "ps"), &online);
    if (code != CLI_GOOD)
        return code;
    struct forest forest = {0};
    code = collect(online, &forest);
    online_close(online);
    if (code == CLI_GOOD)
        code = show(call, &forest, (json_int_t)pid);
    for (size_t i = 0; i < forest.count; i++)
        json_decref(forest.nodes[i].process);
    free(forest.nodes);
    return code;
}

const struct verb verb_ps = {
    .name = "ps",
    .summary = "processes with their ancestors, as the sensor knows them",
    .words = "[PID]",
    .words_max = 1,
    .options = OPTIONS,
    .help = "Shows the processes of this host as a tree; with PID that process, its ancestors and\n"
            "its descendants, also when it has ended a short while ago.\n"
            "\n"
            "Examples:\n"
            "  creance ps\n"
            "  creance ps 1234\n"
            "  creance ps --all --json | jq .command_line\n",
    .run = run,
};

// SPDX-License-Identifier: Apache-2.0
#include "rollout/fleet.h"

#include "base/mix.h"

#include <stdlib.h>

enum { VALUES = 1 << 16 };

/* A host in the order of choice: combinations together; in each the volunteers, the others, those
 * that are protected; equals by lot. */
struct place {
    uint64_t combination;
    uint64_t lot; /* the class in the two highest bits */
    uint32_t host;
};

struct group {
    uint64_t combination;
    uint32_t from;       /* in the places */
    uint32_t hosts;
    uint32_t choosable;  /* not protected; they stand first */
    uint32_t first;      /* the first ring takes so many of them, from the beginning */
    enum fleet_gap gap;
};

struct choice {
    const struct fleet_host *hosts;
    uint32_t count;
    struct place *places;
    struct group *groups; /* commonest first */
    uint32_t group_count;
    uint32_t chosen; /* hosts of the first ring */
};

static uint64_t combination_of(const struct fleet_host *host)
{
    return (uint64_t)host->kernel << 40 | (uint64_t)host->distribution << 24
           | (uint64_t)host->role << 8 | host->architecture;
}

static int compare_places(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    if (a->combination != b->combination)
        return a->combination < b->combination ? -1 : 1;
    return (a->lot > b->lot) - (a->lot < b->lot);
}

static int compare_groups(const void *left, const void *right)
{
    const struct group *a = left, *b = right;
    if (a->hosts != b->hosts)
        return a->hosts > b->hosts ? -1 : 1;
    return (a->combination > b->combination) - (a->combination < b->combination);
}

static void sort_places(struct choice *choice, uint64_t salt)
{
    enum { CLASS_SHIFT = 62 };
    for (uint32_t i = 0; i < choice->count; i++) {
        const struct fleet_host *host = &choice->hosts[i];
        uint64_t class = host->flags & FLEET_PROTECTED ? 2 : host->flags & FLEET_VOLUNTEER ? 0 : 1;
        choice->places[i] = (struct place){
            .combination = combination_of(host),
            .lot = class << CLASS_SHIFT | mix64(mix64(salt) ^ host->id) >> (64 - CLASS_SHIFT),
            .host = i,
        };
    }
    qsort(choice->places, choice->count, sizeof *choice->places, compare_places);
}

static RESULT find_groups(struct choice *choice, struct explanation *why)
{
    uint32_t capacity = choice->count < FLEET_COMBINATIONS_MAX ? choice->count
                                                               : FLEET_COMBINATIONS_MAX;
    choice->groups = calloc((size_t)capacity + 1, sizeof *choice->groups);
    if (choice->groups == NULL)
        return explain(why, ERROR_MEMORY, "memory is out for the combinations of the fleet");
    struct group *group = NULL;
    for (uint32_t i = 0; i < choice->count; i++) {
        const struct place *place = &choice->places[i];
        if (group == NULL || place->combination != group->combination) {
            if (choice->group_count == FLEET_COMBINATIONS_MAX)
                return explain(why, ERROR_LIMIT, "the fleet has more than %d combinations of "
                                                 "kernel, distribution, architecture and role: "
                                                 "put kernels or roles together",
                               FLEET_COMBINATIONS_MAX);
            group = &choice->groups[choice->group_count++];
            *group = (struct group){.combination = place->combination, .from = i};
        }
        group->hosts++;
        group->choosable += (choice->hosts[place->host].flags & FLEET_PROTECTED) == 0;
    }
    qsort(choice->groups, choice->group_count, sizeof *choice->groups, compare_groups);
    return RESULT_OK;
}

static void cover_group(struct choice *choice, struct group *group, uint32_t room)
{
    if (group->choosable == 0) {
        group->gap = FLEET_ONLY_PROTECTED;
    } else if (choice->chosen >= room) {
        group->gap = FLEET_RING_FULL;
    } else if (group->first == 0) {
        group->first = 1;
        choice->chosen++;
    }
}

/* One bit for each value of each of the four; `seen` has four times VALUES of them. */
static bool has_new_value(const struct fleet_host *host, uint64_t *seen)
{
    const uint32_t values[] = {host->kernel, host->distribution, host->role, host->architecture};
    bool is_new = false;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        uint64_t *word = &seen[(i * VALUES + values[i]) / 64];
        uint64_t bit = UINT64_C(1) << values[i] % 64;
        is_new = is_new || (*word & bit) == 0;
        *word |= bit;
    }
    return is_new;
}

static RESULT cover_all(struct choice *choice, uint32_t room, struct explanation *why)
{
    uint64_t *seen = calloc(4 * VALUES / 64, sizeof *seen);
    if (seen == NULL)
        return explain(why, ERROR_MEMORY, "memory is out for the combinations of the fleet");
    for (uint32_t i = 0; i < choice->group_count; i++) {
        struct group *group = &choice->groups[i];
        const struct fleet_host *host = &choice->hosts[choice->places[group->from].host];
        if (group->choosable != 0 && choice->chosen < room && has_new_value(host, seen))
            cover_group(choice, group, room);
    }
    free(seen);
    for (uint32_t i = 0; i < choice->group_count; i++)
        cover_group(choice, &choice->groups[i], room);
    return RESULT_OK;
}

/* How many more of a combination may go first, one being left to compare with. */
static uint32_t more_of(const struct group *group)
{
    uint32_t most = group->choosable < group->hosts ? group->choosable : group->hosts - 1;
    return most > group->first ? most - group->first : 0;
}

/* What is left of the first ring, to each combination its share. */
static void fill_first(struct choice *choice, uint32_t size)
{
    uint64_t all = 0, due = 0;
    for (uint32_t i = 0; i < choice->group_count; i++)
        all += more_of(&choice->groups[i]);
    uint64_t wanted = size > choice->chosen ? size - choice->chosen : 0;
    if (wanted > all)
        wanted = all;
    if (wanted == 0)
        return;
    for (uint32_t i = 0; i < choice->group_count; i++) {
        struct group *group = &choice->groups[i];
        unsigned __int128 share = (unsigned __int128)more_of(group) * wanted + due;
        group->first += (uint32_t)(share / all);
        choice->chosen += (uint32_t)(share / all);
        due = (uint64_t)(share % all);
    }
}

/* Rings other than the first: each host goes to the ring that waits for one the longest, so that
 * each has its share of each combination, and in the end its size. */
static void deal_rest(const struct choice *choice, const uint32_t *sizes, unsigned count,
                      uint8_t *rings)
{
    int64_t waits[FLEET_RINGS_MAX] = {0};
    int64_t rest = (int64_t)choice->count - choice->chosen;
    for (uint32_t i = 0; i < choice->group_count; i++) {
        const struct group *group = &choice->groups[i];
        const struct place *places = &choice->places[group->from];
        for (uint32_t j = 0; j < group->hosts; j++) {
            unsigned longest = count - 1;
            if (j < group->first) {
                rings[places[j].host] = 0;
                continue;
            }
            for (unsigned ring = 1; ring < count; ring++) {
                waits[ring] += sizes[ring];
                if (waits[ring] > waits[longest])
                    longest = ring;
            }
            waits[longest] -= rest;
            rings[places[j].host] = (uint8_t)longest;
        }
    }
}

static void size_rings(const struct choice *choice, const struct fleet_rings *wanted,
                       uint32_t *sizes)
{
    uint32_t left = choice->count - choice->chosen;
    sizes[0] = choice->chosen;
    for (unsigned ring = 1; ring < wanted->count; ring++) {
        bool is_last = ring + 1u == wanted->count;
        sizes[ring] = is_last || wanted->sizes[ring] > left ? left : wanted->sizes[ring];
        left -= sizes[ring];
    }
}

static RESULT tell_cover(const struct choice *choice, const uint32_t *sizes,
                         struct fleet_cover *ret_cover, struct explanation *why)
{
    struct fleet_cover cover = {.combination_count = choice->group_count};
    cover.combinations = calloc((size_t)choice->group_count + 1, sizeof *cover.combinations);
    if (cover.combinations == NULL)
        return explain(why, ERROR_MEMORY, "memory is out for the cover of the fleet");
    for (unsigned ring = 0; ring < FLEET_RINGS_MAX; ring++)
        cover.sizes[ring] = sizes[ring];
    for (uint32_t i = 0; i < choice->group_count; i++) {
        const struct group *group = &choice->groups[i];
        const struct fleet_host *host = &choice->hosts[choice->places[group->from].host];
        enum fleet_gap gap = group->first != 0 ? FLEET_COVERED : group->gap;
        cover.combinations[i] = (struct fleet_combination){
            .kernel = host->kernel,
            .distribution = host->distribution,
            .role = host->role,
            .architecture = host->architecture,
            .gap = gap,
            .hosts = group->hosts,
            .first = group->first,
        };
        cover.missing_count += gap != FLEET_COVERED;
        cover.missing_hosts += gap != FLEET_COVERED ? group->hosts : 0;
    }
    *ret_cover = cover;
    return RESULT_OK;
}

/* All hosts in one ring: there is nobody to choose. */
static void choose_everybody(struct choice *choice)
{
    for (uint32_t i = 0; i < choice->group_count; i++) {
        choice->groups[i].first = choice->groups[i].hosts;
        choice->chosen += choice->groups[i].hosts;
    }
}

static RESULT choose(struct choice *choice, const struct fleet_rings *wanted, uint64_t salt,
                     uint8_t *rings, struct fleet_cover *ret_cover, struct explanation *why)
{
    uint32_t sizes[FLEET_RINGS_MAX] = {0};
    sort_places(choice, salt);
    GUARD(find_groups(choice, why));
    if (wanted->count == 1) {
        choose_everybody(choice);
    } else {
        uint32_t size = wanted->sizes[0];
        GUARD(cover_all(choice, size > wanted->first_max ? size : wanted->first_max, why));
        fill_first(choice, size);
    }
    size_rings(choice, wanted, sizes);
    GUARD(tell_cover(choice, sizes, ret_cover, why));
    deal_rest(choice, sizes, wanted->count, rings);
    return RESULT_OK;
}

RESULT fleet_assign(const struct fleet_host *hosts, uint32_t count,
                    const struct fleet_rings *wanted, uint64_t salt, uint8_t *rings,
                    struct fleet_cover *ret_cover, struct explanation *why)
{
    if (wanted->count == 0 || wanted->count > FLEET_RINGS_MAX)
        return explain(why, ERROR_FORMAT, "the plan has %u rings; expected 1 to %d", wanted->count,
                       FLEET_RINGS_MAX);
    if (wanted->count > 1 && wanted->sizes[0] == 0)
        return explain(why, ERROR_FORMAT, "the plan's first ring has no hosts; expected at least "
                                          "one, or only one ring");
    struct choice choice = {.hosts = hosts, .count = count};
    choice.places = calloc((size_t)count + 1, sizeof *choice.places);
    struct result result =
        choice.places == NULL
            ? explain(why, ERROR_MEMORY, "memory is out for a fleet of %u hosts", count)
            : choose(&choice, wanted, salt, rings, ret_cover, why);
    free(choice.groups);
    free(choice.places);
    return result;
}

void fleet_cover_free(struct fleet_cover *cover)
{
    free(cover->combinations);
    *cover = (struct fleet_cover){0};
}

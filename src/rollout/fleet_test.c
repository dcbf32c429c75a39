// SPDX-License-Identifier: Apache-2.0
#include "rollout/fleet.h"

#include "base/bytes.h"
#include "base/mix.h"
#include "tests/unit.h"

#include <stdlib.h>

enum { FLEETS = 300, HOSTS_MAX = 3000, RINGS = 4 };

static uint64_t random_state;

static uint32_t below(uint32_t limit)
{
    random_state = mix64(random_state);
    return (uint32_t)((random_state >> 32) * limit >> 32);
}

/* Few common and many rare kernels, as fleets have them. */
static uint16_t skewed(uint32_t limit)
{
    return (uint16_t)below(1 + below(1 + below(limit)));
}

static uint32_t make_fleet(uint64_t seed, struct fleet_host *hosts)
{
    random_state = seed;
    uint32_t count = 1 + below(HOSTS_MAX);
    uint32_t kernels = 1 + below(60), roles = 1 + below(12);
    for (uint32_t i = 0; i < count; i++)
        hosts[i] = (struct fleet_host){
            .id = i * 7919 + seed,
            .kernel = skewed(kernels),
            .distribution = skewed(4),
            .role = skewed(roles),
            .architecture = (uint8_t)skewed(2),
            .flags = (uint8_t)((below(10) == 0 ? FLEET_VOLUNTEER : 0)
                               | (below(10) == 0 ? FLEET_PROTECTED : 0)),
        };
    return count;
}

static bool has_combination(const struct fleet_host *host, const struct fleet_combination *of)
{
    return host->kernel == of->kernel && host->distribution == of->distribution
           && host->role == of->role && host->architecture == of->architecture;
}

static uint32_t most(uint32_t a, uint32_t b) { return a > b ? a : b; }

/* A bookkeeping that does not believe the cover. */
static void check_combination(const struct fleet_host *hosts, uint32_t count, const uint8_t *rings,
                              const struct fleet_rings *wanted, const struct fleet_cover *cover,
                              const struct fleet_combination *of)
{
    uint32_t all = 0, open = 0, in_ring[FLEET_RINGS_MAX] = {0}, willing_left = 0, unwilling_in = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!has_combination(&hosts[i], of))
            continue;
        bool is_open = (hosts[i].flags & FLEET_PROTECTED) == 0;
        bool is_willing = is_open && (hosts[i].flags & FLEET_VOLUNTEER) != 0;
        all++;
        open += is_open;
        in_ring[rings[i]]++;
        assert_true(is_open || rings[i] != 0);
        willing_left += is_willing && rings[i] != 0;
        unwilling_in += !is_willing && rings[i] == 0;
    }
    assert_int_equal(of->hosts, all);
    assert_int_equal(of->first, in_ring[0]);
    assert_true(willing_left == 0 || unwilling_in == 0);
    if (of->gap == FLEET_COVERED)
        assert_true(in_ring[0] >= 1);
    else
        assert_int_equal(in_ring[0], 0);
    assert_int_equal(of->gap == FLEET_ONLY_PROTECTED, open == 0);
    if (of->gap == FLEET_RING_FULL)
        assert_int_equal(cover->sizes[0], most(wanted->first_max, wanted->sizes[0]));
    assert_true(all == 1 || in_ring[0] < all); /* something to compare with */
    double rest = all - in_ring[0];
    for (unsigned ring = 1; ring < wanted->count; ring++) {
        double share = rest * cover->sizes[ring] / (count - cover->sizes[0]);
        assert_true(in_ring[ring] >= share - RINGS && in_ring[ring] <= share + RINGS);
    }
}

static void every_combination_is_in_the_first_ring_or_named(void **state)
{
    (void)state;
    static struct fleet_host hosts[HOSTS_MAX];
    static uint8_t rings[HOSTS_MAX];
    unsigned missing = 0, full = 0;
    for (uint64_t seed = 1; seed <= FLEETS; seed++) {
        uint32_t count = make_fleet(seed, hosts);
        struct fleet_rings wanted = {
            .count = RINGS,
            .sizes = {1 + count / 50, count / 10, count / 4, 0},
            .first_max = 1 + below(count),
        };
        struct fleet_cover cover;
        assert_ok(fleet_assign(hosts, count, &wanted, seed, rings, &cover, NULL));
        uint32_t sizes[FLEET_RINGS_MAX] = {0}, hosts_seen = 0, gaps = 0, gap_hosts = 0;
        for (uint32_t i = 0; i < count; i++)
            sizes[rings[i]]++;
        assert_memory_equal(sizes, cover.sizes, sizeof sizes);
        assert_true(sizes[0] <= most(wanted.first_max, wanted.sizes[0]));
        for (uint32_t i = 0; i < cover.combination_count; i++) {
            const struct fleet_combination *of = &cover.combinations[i];
            check_combination(hosts, count, rings, &wanted, &cover, of);
            hosts_seen += of->hosts;
            gaps += of->gap != FLEET_COVERED;
            gap_hosts += of->gap != FLEET_COVERED ? of->hosts : 0;
            full += of->gap == FLEET_RING_FULL;
        }
        assert_int_equal(hosts_seen, count);
        assert_int_equal(gaps, cover.missing_count);
        assert_int_equal(gap_hosts, cover.missing_hosts);
        missing += gaps;
        fleet_cover_free(&cover);
    }
    print_message("# %d fleets: %u combinations missing, %u because the ring was full\n", FLEETS,
                  missing, full);
    assert_true(full > 0 && missing > full);
}

/* 20 kernels, 5 roles, all mixtures: 100 combinations; room for 30 hosts. */
static void a_small_first_ring_has_each_kernel_and_what_is_commonest(void **state)
{
    (void)state;
    enum { KERNELS = 20, ROLES = 5, ROOM = 30 };
    static struct fleet_host hosts[HOSTS_MAX];
    static uint8_t rings[HOSTS_MAX];
    uint32_t count = 0;
    for (unsigned mixture = 0; mixture < KERNELS * ROLES; mixture++) {
        unsigned kernel = mixture / ROLES, role = mixture % ROLES;
        unsigned common = (KERNELS - kernel) * (ROLES - role) / 3;
        for (unsigned i = 0; i <= common; i++, count++)
            hosts[count] = (struct fleet_host){
                .id = count, .kernel = (uint16_t)kernel, .role = (uint16_t)role};
    }
    struct fleet_rings wanted = {.count = 2, .sizes = {10, 0}, .first_max = ROOM};
    struct fleet_cover cover;
    assert_ok(fleet_assign(hosts, count, &wanted, 1, rings, &cover, NULL));
    assert_int_equal(cover.combination_count, KERNELS * ROLES);
    assert_int_equal(cover.sizes[0], ROOM);
    assert_int_equal(cover.missing_count, KERNELS * ROLES - ROOM);
    bool has_kernel[KERNELS] = {false}, has_role[ROLES] = {false};
    for (uint32_t i = 0; i < count; i++) {
        has_kernel[hosts[i].kernel] = has_kernel[hosts[i].kernel] || rings[i] == 0;
        has_role[hosts[i].role] = has_role[hosts[i].role] || rings[i] == 0;
    }
    for (unsigned i = 0; i < KERNELS; i++)
        assert_true(has_kernel[i]);
    for (unsigned i = 0; i < ROLES; i++)
        assert_true(has_role[i]);
    fleet_cover_free(&cover);
    /* By lot, as others do it, most fleets of this kind would lack kernels. */
    unsigned lacking = 0;
    for (unsigned lot = 0; lot < 100; lot++) {
        bool has[KERNELS] = {false};
        unsigned kernels = 0;
        random_state = lot;
        for (unsigned i = 0; i < ROOM; i++)
            has[hosts[below(count)].kernel] = true;
        for (unsigned i = 0; i < KERNELS; i++)
            kernels += has[i];
        lacking += kernels < KERNELS;
    }
    print_message("# by lot %u of 100 first rings would lack a kernel\n", lacking);
    assert_true(lacking > 90);
}

static int compare_ids(const void *left, const void *right)
{
    const struct fleet_host *a = left, *b = right;
    return (mix64(a->id) > mix64(b->id)) - (mix64(a->id) < mix64(b->id));
}

static void order_of_rows_means_nothing_and_salt_redraws(void **state)
{
    (void)state;
    static struct fleet_host hosts[HOSTS_MAX], shuffled[HOSTS_MAX];
    static uint8_t rings[HOSTS_MAX], again[HOSTS_MAX];
    uint32_t count = make_fleet(5, hosts);
    bytes_copy(shuffled, sizeof shuffled, hosts, sizeof hosts);
    qsort(shuffled, count, sizeof shuffled[0], compare_ids);
    struct fleet_rings wanted = {.count = 3, .sizes = {count / 10, count / 4, 0}, .first_max = 500};
    struct fleet_cover cover;
    assert_ok(fleet_assign(hosts, count, &wanted, 1, rings, &cover, NULL));
    fleet_cover_free(&cover);
    assert_ok(fleet_assign(shuffled, count, &wanted, 1, again, &cover, NULL));
    fleet_cover_free(&cover);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < count; j++)
            if (hosts[i].id == shuffled[j].id)
                assert_int_equal(rings[i], again[j]);
    assert_ok(fleet_assign(hosts, count, &wanted, 2, again, &cover, NULL));
    fleet_cover_free(&cover);
    unsigned stayed = 0, first = 0;
    for (uint32_t i = 0; i < count; i++) {
        first += rings[i] == 0;
        stayed += rings[i] == 0 && again[i] == 0;
    }
    assert_true(stayed < first);
}

static void senseless_rings_and_wild_fleets_are_refused(void **state)
{
    (void)state;
    struct fleet_host one = {.id = 1};
    uint8_t ring = 9;
    struct fleet_cover cover = {0};
    struct fleet_rings wanted = {.count = 0};
    assert_error(fleet_assign(&one, 1, &wanted, 1, &ring, &cover, NULL), ERROR_FORMAT);
    wanted.count = FLEET_RINGS_MAX + 1;
    assert_error(fleet_assign(&one, 1, &wanted, 1, &ring, &cover, NULL), ERROR_FORMAT);
    wanted.count = 2;
    assert_error(fleet_assign(&one, 1, &wanted, 1, &ring, &cover, NULL), ERROR_FORMAT);
    wanted.count = 1;
    assert_ok(fleet_assign(&one, 1, &wanted, 1, &ring, &cover, NULL));
    assert_int_equal(ring, 0);
    assert_int_equal(cover.sizes[0], 1);
    fleet_cover_free(&cover);
    assert_ok(fleet_assign(NULL, 0, &wanted, 1, NULL, &cover, NULL));
    assert_int_equal(cover.combination_count, 0);
    fleet_cover_free(&cover);
    enum { WILD = FLEET_COMBINATIONS_MAX + 1 };
    struct fleet_host *wild = calloc(WILD, sizeof *wild);
    uint8_t *rings = calloc(WILD, 1);
    assert_true(wild != NULL && rings != NULL);
    for (uint32_t i = 0; i < WILD; i++)
        wild[i] = (struct fleet_host){.id = i, .kernel = (uint16_t)i, .role = (uint16_t)(i >> 16)};
    struct fleet_rings two = {.count = 2, .sizes = {10, 10}, .first_max = 100};
    assert_error(fleet_assign(wild, WILD, &two, 1, rings, &cover, NULL), ERROR_LIMIT);
    free(wild);
    free(rings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_combination_is_in_the_first_ring_or_named),
        cmocka_unit_test(a_small_first_ring_has_each_kernel_and_what_is_commonest),
        cmocka_unit_test(order_of_rows_means_nothing_and_salt_redraws),
        cmocka_unit_test(senseless_rings_and_wild_fleets_are_refused),
    };
    return unit_run("rollout/fleet", tests);
}

// SPDX-License-Identifier: Apache-2.0
/*
 * Evidence of a fleet that is none, for tests of agents:
 *
 *   fake-promotion keys FOLDER          promoters.keys, owners.keys; says the roster's digest
 *   fake-promotion promote RELEASE FILE [WHO]
 *                                       that ring 0 is well with the release of this SHA-256,
 *                                       signed by the promoters whose bits are set (3)
 */
#include "base/bytes.h"
#include "rollout/fake_fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fake_fleet fleet;

static int write_keys(const char *folder, const char *name, const struct release_keys *keys)
{
    char path[4096], hex[2 * RELEASE_KEY_BYTES + 1];
    (void)string_format(path, sizeof path, "%s/%s.keys", folder, name);
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return EXIT_FAILURE;
    fprintf(file, "threshold %u\n", keys->threshold);
    for (unsigned i = 0; i < keys->count; i++) {
        hex_encode(keys->keys[i], RELEASE_KEY_BYTES, hex);
        fprintf(file, "key %s\n", hex);
    }
    return fclose(file) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int say_keys(const char *folder)
{
    uint8_t digest[ROSTER_DIGEST_BYTES];
    char hex[2 * ROSTER_DIGEST_BYTES + 1];
    if (!result_is_ok(roster_digest(&fleet.roster, digest, NULL)))
        return EXIT_FAILURE;
    hex_encode(digest, sizeof digest, hex);
    printf("%s\n", hex);
    return write_keys(folder, "promoters", &fleet.demand.promoters) == EXIT_SUCCESS
               ? write_keys(folder, "owners", &fleet.demand.owners)
               : EXIT_FAILURE;
}

static bool take_digest(const char *hex)
{
    static const char DIGITS[] = "0123456789abcdef";
    for (size_t i = 0; i < 2 * sizeof fleet.release; i++) {
        const char *digit = hex[i] != '\0' ? strchr(DIGITS, hex[i]) : NULL;
        if (digit == NULL)
            return false;
        fleet.release[i / 2] = (uint8_t)(fleet.release[i / 2] << 4 | (digit - DIGITS));
    }
    return true;
}

static int promote(const char *release, const char *path, unsigned who)
{
    static struct fake_claim claims[FAKE_RING_0];
    static uint8_t bytes[LIMIT_PROMOTION_BYTES];
    if (!take_digest(release))
        return EXIT_FAILURE;
    for (uint32_t i = 0; i < FAKE_RING_0; i++)
        claims[i] = fake_claim(&fleet, i);
    struct promotion promotion = fake_promotion(&fleet, claims, FAKE_RING_0);
    size_t size = fake_promotion_write(&fleet, &promotion, claims, who, bytes);
    FILE *file = fopen(path, "w");
    bool is_written = file != NULL && fwrite(bytes, 1, size, file) == size;
    return file != NULL && fclose(file) == 0 && is_written ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int count, char **words)
{
    uint64_t who = 3;
    fake_fleet_open(&fleet);
    fleet.roster.expires_s = UINT64_C(4102444800); /* the year 2100 */
    fake_roster_sign(&fleet, 3);
    int code = EXIT_FAILURE;
    if (count == 3 && string_equal(words[1], "keys"))
        code = say_keys(words[2]);
    else if (count >= 4 && string_equal(words[1], "promote")
             && (count == 4 || result_is_ok(number_parse(words[4], 7, &who))))
        code = promote(words[2], words[3], (unsigned)who);
    fake_fleet_close(&fleet);
    return code;
}

// SPDX-License-Identifier: Apache-2.0
#include "agent/control/updates_json.h"

#include "agent/supervisor/engine_slots.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "content/bundle_kind.h"
#include "update/lifecycle/boot_guard.h"
#include "update/lifecycle/lifecycle.h"
#include "update/lifecycle/waits.h"

static json_t *waits_json(uint32_t reasons)
{
    json_t *list = json_array();
    for (unsigned wait = 0; wait < WAIT_COUNT; wait++)
        if ((reasons >> wait & 1u) != 0)
            json_array_append_new(list, json_string(wait_word((enum wait)wait)));
    return list;
}

static json_t *release_json(const struct tree_release *release)
{
    char name[2 * sizeof release->name + 1], earliest[CLOCK_TEXT_BYTES] = "";
    hex_encode(release->name, sizeof release->name, name);
    if (release->waits != 0 && release->earliest_wall_s != 0)
        clock_format(release->earliest_wall_s * NS_PER_S, earliest);
    enum lifecycle_failure failure = (enum lifecycle_failure)release->failure;
    return json_pack("{s:s, s:I, s:s, s:s, s:s?, s:o, s:s?, s:b, s:I}",
                     "name", name, "version", (json_int_t)release->version,
                     "stream", bundle_stream_word(release->stream),
                     "state", lifecycle_state_word((enum lifecycle_state)release->state),
                     "failure", failure == LIFECYCLE_FAILURE_NONE
                                    ? NULL : lifecycle_failure_word(failure),
                     "waits", waits_json(release->waits),
                     "earliest", earliest[0] == '\0' ? NULL : earliest,
                     "urgent", release->is_urgent != 0,
                     "attempts", (json_int_t)release->attempts);
}

json_t *pressure_json(uint32_t bits)
{
    json_t *words = json_array();
    if (bits & PRESSURE_MEMORY)
        json_array_append_new(words, json_string("memory"));
    if (bits & PRESSURE_STORM)
        json_array_append_new(words, json_string("alerts"));
    return words;
}

json_t *updates_json(const struct tree *tree)
{
    json_t *engines = json_array(), *releases = json_array();
    for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++)
        json_array_append_new(engines,
                              json_pack("{s:s, s:s}", "name", role_row(engine_role(slot))->name,
                                        "use", engine_use_word(
                                                   (enum engine_use)tree->engine_uses[slot])));
    for (uint32_t i = 0; i < tree->release_count && i < TREE_RELEASES_MAX; i++)
        json_array_append_new(releases, release_json(&tree->releases[i]));
    bool is_cut = tree->enforcement != LIFECYCLE_ENFORCE_FULL;
    return json_pack("{s:s, s:s, s:o, s:I, s:o, s:o}",
                     "boot_level", boot_level_word((enum boot_level)tree->boot_level),
                     "enforcement", is_cut ? "cut" : "full",
                     "pressure", pressure_json(tree->pressure),
                     "switches", (json_int_t)tree->switches,
                     "engines", engines, "releases", releases);
}

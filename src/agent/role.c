// SPDX-License-Identifier: Apache-2.0
#include "agent/role.h"

#include <stdlib.h>

static const struct role_row ROLES[ROLE_COUNT] = {
#define ROLE_ROW(id, program, uid_offset, nice, address_space_mib, cpu_seconds, doc) \
    [ROLE_##id] = {#id, program, uid_offset, nice, address_space_mib, cpu_seconds, doc},
    AGENT_ROLES(ROLE_ROW)
#undef ROLE_ROW
};

static const char *const GRANTS[GRANT_COUNT] = {
#define GRANT_ROW(id, doc) [GRANT_##id] = #id,
    AGENT_GRANTS(GRANT_ROW)
#undef GRANT_ROW
};

static const char *const NOTICES[NOTICE_COUNT] = {
#define NOTICE_ROW(id, text) [NOTICE_##id] = (text),
    AGENT_NOTICES(NOTICE_ROW)
#undef NOTICE_ROW
};

const struct role_row *role_row(enum role role)
{
    if ((unsigned)role >= ROLE_COUNT)
        abort();
    return &ROLES[role];
}

const char *grant_name(enum grant grant)
{
    return (unsigned)grant < GRANT_COUNT ? GRANTS[grant] : "unknown grant";
}

const char *notice_text(enum notice notice)
{
    return (unsigned)notice < NOTICE_COUNT ? NOTICES[notice] : "unknown notice";
}

static const enum role ENGINES[ENGINE_SLOTS] = {ROLE_engine, ROLE_engine_b};

enum role engine_role(unsigned slot)
{
    if (slot >= ENGINE_SLOTS)
        abort();
    return ENGINES[slot];
}

bool role_engine_slot(enum role role, unsigned *ret_slot)
{
    for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++) {
        if (ENGINES[slot] != role)
            continue;
        *ret_slot = slot;
        return true;
    }
    return false;
}

// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/updates.h"
#include "base/bytes.h"

#include <string.h>

enum { SHADOW_DEFAULT_S = 10 * 60, RINGS_MAX = 8 };

struct update_settings update_settings_default(void)
{
    return (struct update_settings){
        .admission = admission_policy_default(),
        .lifecycle = lifecycle_policy_default(),
        .shadow_s = SHADOW_DEFAULT_S,
    };
}

/* The place of a setting; NULL: there is none of this name. */
static uint32_t *place_of(struct update_settings *settings, const char *name, size_t size)
{
    const struct {
        const char *name;
        uint32_t *place;
    } PLACES[] = {
        {"age", &settings->admission.age_min_s},
        {"urgent", &settings->admission.age_urgent_s},
        {"full", &settings->admission.age_full_s},
        {"alone", &settings->admission.age_alone_s},
        {"bake", &settings->lifecycle.bake_s},
        {"retry", &settings->lifecycle.retry_first_s},
        {"trial-max", &settings->lifecycle.trial_max_s},
        {"shadow-max", &settings->lifecycle.shadow_max_s},
        {"shadow", &settings->shadow_s},
    };
    for (size_t i = 0; i < sizeof PLACES / sizeof PLACES[0]; i++)
        if (strlen(PLACES[i].name) == size && memcmp(PLACES[i].name, name, size) == 0)
            return PLACES[i].place;
    return NULL;
}

/* Settings that are no seconds. False: it is none of these. */
static bool take_ring(struct update_settings *settings, const char *text, size_t size)
{
    static const char RING[] = "ring=", EVIDENCE[] = "evidence=";
    uint32_t number = (uint32_t)(unsigned char)text[size - 1] - '0';
    if (size == sizeof RING && memcmp(text, RING, sizeof RING - 1) == 0 && number < RINGS_MAX)
        settings->admission.ring = (uint8_t)number;
    else if (size == sizeof EVIDENCE && memcmp(text, EVIDENCE, sizeof EVIDENCE - 1) == 0
             && number <= 1)
        settings->admission.needs_evidence = number != 0;
    else
        return false;
    return true;
}

static RESULT parse_one(const char *text, size_t size, struct update_settings *settings,
                        struct explanation *why)
{
    if (size != 0 && take_ring(settings, text, size))
        return RESULT_OK;
    const char *equals = memchr(text, '=', size);
    uint32_t *place =
        equals == NULL ? NULL : place_of(settings, text, (size_t)(equals - text));
    char digits[12] = "";
    bool fits = place != NULL
                && string_format(digits, sizeof digits, "%.*s", (int)(text + size - equals - 1),
                                 equals + 1);
    uint64_t seconds = 0;
    if (!fits || !result_is_ok(number_parse(digits, UINT32_MAX, &seconds)))
        return explain(why, ERROR_FORMAT,
                       "update policy: '%.*s' is none of age, urgent, full, alone, bake, retry, "
                       "trial-max, shadow-max, shadow with = and a number of seconds, ring=0 to "
                       "ring=7 or evidence=0 or evidence=1",
                       (int)size, text);
    *place = (uint32_t)seconds;
    return RESULT_OK;
}

RESULT update_settings_parse(const char *text, struct update_settings *settings,
                             struct explanation *why)
{
    struct update_settings parsed = *settings;
    for (const char *at = text;;) {
        size_t size = strcspn(at, ",");
        GUARD(parse_one(at, size, &parsed, why));
        at += size;
        if (*at == '\0')
            break;
        at++;
    }
    GUARD(admission_policy_check(&parsed.admission, why));
    *settings = parsed;
    return RESULT_OK;
}

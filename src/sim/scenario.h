// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A scenario: a fleet, a release with its fault, who does harm, and the policy. scenario.def is the
 * table of all of it. The text is lines `key = value`; `#` begins a comment.
 */
#include "base/reader.h"

#include <stdio.h>

enum { LIMIT_SCENARIO_BYTES = 64 * 1024 };

#define SCENARIO_WORD(choice, id, word, text) SCENARIO_##choice##_##id,
enum scenario_word {
#include "sim/scenario.def"
};

struct scenario {
#define SCENARIO_NUMBER(key, standard, min, max, text) uint32_t key;
#define SCENARIO_CHOICE(key, standard, text) enum scenario_word key;
#include "sim/scenario.def"
};

struct scenario scenario_default(void);

/* Reads bytes from anywhere over what `scenario` holds. ERROR_FORMAT with a sentence that names the
 * line, the key and what is expected; ERROR_LIMIT where the text is too large. */
RESULT scenario_read(struct bytes text, struct scenario *scenario, struct explanation *why);

/* One `key = value` by name, as `--set` does it. */
RESULT scenario_set(struct scenario *scenario, const char *key, const char *value,
                    struct explanation *why);

/* Any fleet, fault and harm, small enough for thousands of seeds. */
struct scenario scenario_random(uint64_t seed);

const char *scenario_word_text(enum scenario_word word);

/* All keys with their defaults and meaning, for people. */
void scenario_print_keys(FILE *file);

// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The type of a plain (unquoted) YAML 1.1 scalar: https://yaml.org/type/, as PyYAML's safe loader
 * applies it.
 */
#include "engine/yaml_tree.h"

enum { YAML_NUMBER_BYTES = 32 };

/* The kind of `text`. For a YAML_BOOL or YAML_INTEGER `number` receives its canonical text
 * ("true", "16" for 0x10); it is "" where the written text is to be kept. */
enum yaml_kind yaml_resolve(const char *text, size_t size, char number[YAML_NUMBER_BYTES]);

// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Content as the verbs take it: a bundle, or the folder that one is built from. The parent reads,
 * the worker takes it apart.
 */
#include "cli/verb.h"
#include "cli/worker.h"
#include "content/bundle_build.h"

struct content_input {
    const char *path;
    struct bundle_sources *sources; /* of a folder; else NULL */
    uint8_t *data;                  /* of a file; after content_input_open() of a folder, too */
    size_t size;

    /* in the worker, after content_input_open() */
    struct bundle bundle;
    struct bundle_manifest manifest;
};

/* Says what is wrong and gives CLI_INPUT or CLI_UNAVAILABLE. Close it in any case. */
enum cli_exit content_input_read(const char *path, struct content_input *ret_input);
void content_input_close(struct content_input *input);

/* In the worker. Says what is wrong and gives CLI_INPUT. */
enum cli_exit content_input_open(struct content_input *input, struct worker_place *place);

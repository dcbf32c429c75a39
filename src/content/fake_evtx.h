// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * For tests: Windows event logs built by hand, with one chunk. The first record defines the
 * template and the names that all records use. Failures abort.
 */
#include "base/reader.h"

enum { FAKE_EVTX_BYTES = 4096 + 64 * 1024, FAKE_EVTX_CHUNK_AT = 4096 };

struct fake_evtx {
    uint8_t *data; /* FAKE_EVTX_BYTES */
    struct writer chunk;
    uint64_t records;
    size_t record_at;   /* of the last record in the chunk */
    size_t template_at; /* of the template in the chunk; 0: none yet */
};

struct fake_value {
    uint8_t type; /* enum binary_type */
    const void *data;
    uint16_t size;
};

void fake_evtx_create(struct fake_evtx *log);
void fake_evtx_free(struct fake_evtx *log);

/* A record with the System part {Provider Name="Test", EventID 7, Channel "Test/Log"} and an
 * EventData element of two elements <Data Name="First"> and <Data>, which hold the two values. */
void fake_evtx_add(struct fake_evtx *log, const struct fake_value values[2]);

/* Writes what the chunk's header says of its records. */
void fake_evtx_finish(struct fake_evtx *log);

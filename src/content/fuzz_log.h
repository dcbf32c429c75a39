// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the fuzz targets of log formats share: any bytes as a log of one format, up to the verdict.
 */
#include "content/log.h"

/* Reads it all, judges every event and looks at every byte that it gives. Aborts where what log.h
 * promises does not hold. */
void fuzz_log(enum log_format format, const uint8_t *data, size_t size);

// SPDX-License-Identifier: Apache-2.0
/* Only in test builds (meson option `faults`). */
#include "base/fault.h"

enum fault fault_planted = FAULT_NONE;

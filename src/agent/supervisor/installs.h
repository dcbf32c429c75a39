// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Bundles that root itself puts on this host, in a folder that is root's alone. Root's word stands
 * here for the ticket and the log: who may write this folder could replace the agent as well. What
 * is in a bundle is not believed: it goes the whole road like any other (trial, shadow, probation).
 *
 *   NAME.bundle    the bytes
 *   NAME.offer     a record of INSTALL_OFFER_BYTES, put there by rename when the bytes are there
 *
 * The record (little-endian): "CREOFFER", u32 stream, u32 flags (bit 0: urgent, bit 1: takes
 * detections away), u64 version, 32 bytes SHA-256 of the bundle.
 */
#include "update/road/road.h"

enum { INSTALL_OFFER_BYTES = 56, INSTALL_URGENT = 1, INSTALL_TAKES_AWAY = 2 };

RESULT install_offer_encode(const struct road_offer *offer, struct writer *writer);

/* Takes one offer: the bundle is gone then, and the record is NAME.taken. *ret_sealed is the
 * caller's to close. ERROR_AGAIN: there is none. Anything else, with `why`: it was malformed or
 * could not be read, and is gone as well. */
RESULT installs_next(int folder, struct road_offer *ret_offer, int *ret_sealed,
                     struct explanation *why);

/* After a start: calls `tell` for each record that was taken. Root's word has to be said again,
 * since the road saves no more of a release than its bytes. What `tell` does not want is
 * removed. */
void installs_again(int folder, bool (*tell)(void *context, const struct road_offer *offer),
                    void *context);

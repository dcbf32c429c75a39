// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Whom this host believes about updates: a record that root makes with `creance content trust` from
 * text files of its own, so that the supervisor parses no text. It never arrives by the road that
 * it guards. Fixed order, numbers little-endian, SHA-256 of all before it at the end: the checksum
 * finds damage, not forgery; who may write it is root.
 *
 * creance-link takes the addresses from it, creance-updater the keys of metadata, log and partners;
 * the supervisor hands creance-ticket the release keys of one stream. Pure.
 */
#include "base/limits.h"
#include "base/reader.h"
#include "update/ticket/ticket.h"

enum {
    TRUST_NAME_BYTES = TICKET_NAME_BYTES,
    TRUST_KEY_TEXT_BYTES = LIMIT_KEY_NAME_BYTES + 64, /* a key as notes write it */
    TRUST_AUTHORITIES_BYTES = 256 * KIB,              /* certificates of one server's authorities */
    TRUST_REFRESH_MIN_S = 2,
    TRUST_REFRESH_MAX_S = 7 * 24 * 60 * 60,
    TRUST_RECORD_BYTES = TRUST_AUTHORITIES_BYTES + LIMIT_LOG_POLICY_BYTES + LIMIT_TUF_ROOT_BYTES
                         + 16 * KIB,
};

/* The name of the record in the folder of configuration, and of the text that it is made from. */
#define TRUST_FOLDER "updates"
#define TRUST_FILE "trust"
#define TRUST_TEXT_FILE "updates.conf"

/* A stream of releases; a host follows one of each kind at most, and the kind is its stream on the
 * road. */
struct trust_stream {
    uint32_t kind; /* content/bundle_kind.h */
    char name[TRUST_NAME_BYTES];
    struct release_keys keys;
};

struct trust_partner {
    char name[TRUST_NAME_BYTES];
    char key[TRUST_KEY_TEXT_BYTES];
};

struct trust {
    char repository[LIMIT_URL_BYTES]; /* metadata/, targets/ and halts/ lie below it */
    char log[LIMIT_URL_BYTES];        /* the files of the public log */
    uint32_t refresh_s;
    uint32_t stream_count;
    struct trust_stream streams[LIMIT_STREAMS];
    uint32_t partner_count;
    uint32_t lift_quorum; /* how many partners lift a halt of another one; 0: none can */
    struct trust_partner partners[LIMIT_PARTNERS];
    bool has_evidence; /* the two below are there: who may say that a ring is well (promotion.h) */
    struct release_keys promoters;
    struct release_keys owners; /* of the roster of hosts */
    struct bytes authorities; /* PEM, for the server's certificate; size 0: the system's own */
    struct bytes log_policy;  /* C2SP tlog-policy */
    struct bytes root;        /* TUF root metadata, the first that is believed */
};

/* An address that may be asked: https, or http to this very machine. */
bool trust_is_address(const char *text);

/* ERROR_LIMIT, ERROR_FORMAT, with `why`. The same for what is decoded. */
RESULT trust_check(const struct trust *trust, struct explanation *why);

RESULT trust_encode(const struct trust *trust, struct writer *writer, struct explanation *why);
/* Views into `record`, which must outlive *ret_trust. ERROR_FORMAT, ERROR_LIMIT, with `why`; then
 * *ret_trust is not to be used. */
RESULT trust_decode(struct bytes record, struct trust *ret_trust, struct explanation *why);

/* Release keys for creance-ticket. */
enum { TRUST_KEYS_BYTES = 8 + LIMIT_ANCHOR_KEYS * RELEASE_KEY_BYTES };
RESULT trust_keys_encode(const struct release_keys *keys, uint8_t out[TRUST_KEYS_BYTES]);
RESULT trust_keys_decode(struct bytes record, struct release_keys *ret_keys);

/* Keys of promoters and owners, for the same process. */
enum { TRUST_EVIDENCE_KEYS_BYTES = 2 * TRUST_KEYS_BYTES };
RESULT trust_evidence_keys_encode(const struct release_keys *promoters,
                                  const struct release_keys *owners,
                                  uint8_t out[TRUST_EVIDENCE_KEYS_BYTES]);
RESULT trust_evidence_keys_decode(struct bytes record, struct release_keys *ret_promoters,
                                  struct release_keys *ret_owners);

// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Every limit of Creance, in one place, each with its unit and its reason, and static asserts
 * for what must hold between them. Code that reads outside bytes refuses what is larger and
 * says which limit it was; code that drops or cuts counts it (see counters.def).
 */
#include <assert.h>

enum {
    KIB = 1024,
    MIB = 1024 * KIB,

    /* --- events ------------------------------------------------------------------------- */
    LIMIT_PATH_BYTES = 4096,         /* PATH_MAX: longer paths cannot be opened by name */
    LIMIT_ARGUMENTS_BYTES = 8 * KIB, /* command line kept per process start; rest is flagged */
    LIMIT_PARENT_ARGUMENTS_BYTES = 1024, /* a parent's command line inside an event */
    LIMIT_NAME_BYTES = 256,          /* user, container id, host name */
    LIMIT_EVENT_BYTES = 32 * KIB,    /* one encoded event, all fields at their limits */
    LIMIT_EVENT_FIELDS = 64,         /* fields in one event */
    LIMIT_EVENT_SOURCES = 4,         /* Sigma log sources that one event belongs to; real ones: 2 */

    /* --- rings -------------------------------------------------------------------------- */
    LIMIT_EVENT_RING_BYTES = 8 * MIB,  /* about 20,000 process starts of 400 B */
    LIMIT_ALERT_RING_BYTES = 1 * MIB,  /* alerts wait here while the log disk is full */
    LIMIT_ALERT_RULE_BYTES = 8 * KIB, /* of the alert ring: what each rule may write at once, and in
                                        a second, whatever others do: 12 alerts */
    LIMIT_ALERT_SHARED_BYTES = 384 * KIB, /* the same for all rules that flood, together: 600 */
    LIMIT_ALERT_SHARED_BYTES_PER_S = 2 * MIB, /* control takes 10 MB/s from the ring when it runs */
    LIMIT_KERNEL_RING_BYTES = 16 * MIB, /* kernel-notes: holds a fork storm with 2 KB argv */
    LIMIT_RING_RECORD_BYTES = 64 * KIB,
    RULES_REPORT_BYTES = 32 * MIB,   /* touched only as far as rules are there */

    /* --- processes ---------------------------------------------------------------------- */
    LIMIT_PROCESS_SLOTS = 16384,     /* process table; ended processes stay until reused */
    LIMIT_PROCESS_ENDED = 4096,      /* ended ones without living children: 8 MB of the table */
    LIMIT_USERS_FILE_BYTES = 4 * MIB, /* /etc/passwd: about 60,000 accounts */
    LIMIT_USERS = 65536,
    LIMIT_ANCESTORS = 12,            /* ancestors named in an alert */
    LIMIT_MESSAGE_BYTES = 256,       /* one fixed-size message between our processes */
    LIMIT_PROBE_REASON_BYTES = 128,  /* why the kernel refuses a probe, in its own words: a line of
                                        the verifier's is seldom longer, and it must fit into one */
    LIMIT_HEARTBEAT_SILENCE_MS = 10000, /* a child that is silent for longer is replaced */
    LIMIT_EVENT_HANG_MS = 2000,      /* an engine that computes on one event for longer is killed */
    LIMIT_RULE_CPU_MS = 100,         /* computing time for one rule on one event; the step budget
                                        ends an honest one after a few */
    LIMIT_FLIGHT_RULES = 65536,      /* rules that the flight record can name; SigmaHQ has 4,000 */
    LIMIT_RULES_OFF = 64,            /* rules that the breaker holds off at once */
    LIMIT_RESTART_DELAY_MAX_MS = 10000,

    /* --- rules -------------------------------------------------------------------------- */
    LIMIT_RULE_FILE_BYTES = 1 * MIB, /* the largest public Sigma rule has 60 KB */
    LIMIT_RULE_PACK_BYTES = 128 * MIB, /* all sources together */
    LIMIT_RULE_FILES = 50000,
    LIMIT_YAML_DEPTH = 24,           /* real rules need 6 */
    LIMIT_YAML_NODES = 100000,       /* per document */
    LIMIT_YAML_KEYS = 4096,          /* in one map: they are compared with each other */
    LIMIT_RULE_PARSE_BYTES = 64 * MIB, /* syntax tree of one rule while it is read */
    LIMIT_RULE_VALUES = 20000,       /* values in one rule */
    LIMIT_RULE_VALUE_BYTES = 8 * KIB,
    LIMIT_RULE_INSTRUCTIONS = 20000, /* of one compiled condition; real ones need 200 */
    LIMIT_CONDITION_BYTES = 8 * KIB,
    LIMIT_CONDITION_DEPTH = 32,
    LIMIT_MAPPINGS = 64,             /* transformations of foreign names, in all files together */
    LIMIT_RULE_REGEXES = 200,        /* each is compiled for itself; real rules have 8 */
    LIMIT_EVALUATION_STEPS = 200000, /* per event, over all rules */
    LIMIT_RULE_STEPS = 20000,        /* per event and rule, so that one cannot starve the others */
    LIMIT_CORRELATION_RULES = 64,    /* rules that one correlation names: bits of a word */
    LIMIT_CORRELATION_FIELDS = 16,   /* fields that it groups by or counts; real ones: 1 or 2 */
    LIMIT_CORRELATION_ALIASES = 256,
    LIMIT_CORRELATION_DAYS = 3660,   /* the longest time span: ten years */
    LIMIT_CORRELATION_EVENTS = 65536, /* remembered per group; the oldest makes room */
    LIMIT_CORRELATION_BYTES = 32 * MIB, /* what all correlations remember: about 600,000 events */
    LIMIT_ENGINE_BYTES = 256 * MIB,  /* everything one engine loads */

    /* --- update metadata (TUF) ------------------------------------------------------------ */
    LIMIT_TUF_ROOT_BYTES = 512 * KIB,     /* the roots of large public repositories have 10 KB */
    LIMIT_TUF_TIMESTAMP_BYTES = 16 * KIB, /* one row and its signatures: under 1 KB */
    LIMIT_TUF_SNAPSHOT_BYTES = 2 * MIB,   /* about 10,000 delegated roles */
    LIMIT_TUF_TARGETS_BYTES = 5 * MIB,    /* about 20,000 files */
    LIMIT_TUF_MEMORY_BYTES = 32 * MIB,    /* one file as it is kept after reading */
    LIMIT_TUF_VALUES = 300000,            /* in one file: what the parser builds has 100 B each */
    LIMIT_TUF_KEYS = 256,                 /* in one file, and signatures of one file */
    LIMIT_TUF_FILES = 16384,              /* rows of a snapshot */
    LIMIT_TUF_DELEGATIONS = 2048,         /* of one role; they are compared with each other */
    LIMIT_TUF_PATTERNS = 4096,            /* paths of one delegation */
    LIMIT_TUF_PATH_BYTES = 512,
    LIMIT_TUF_ROLE_NAME_BYTES = 64,       /* each byte may become three in a file name of 255 */
    LIMIT_TUF_ROOT_ROTATIONS = 256,       /* new roots in one refresh; the next one goes on */
    LIMIT_TUF_SEARCH_ROLES = 32,          /* delegated roles looked into for one file */

    /* --- bundles -------------------------------------------------------------------------- */
    LIMIT_BUNDLE_BYTES = 128 * MIB,  /* with all its sections: three processes hash it */
    LIMIT_MANIFEST_BYTES = 64 * KIB, /* ours has 1 KB */
    LIMIT_BUNDLE_STEPS = 16 * MIB,   /* of all rules, should each of them be evaluated: 5000 public
                                        rules need 200,000 */

    /* --- recordings and local requests --------------------------------------------------- */
    LIMIT_RECORD_LINE_BYTES = 4 * MIB, /* one JSON line */
    LIMIT_LOG_EVENT_BYTES = 4 * LIMIT_RECORD_LINE_BYTES, /* names and values of one event of a log:
                                          each twice where it has two names */
    LIMIT_EVENT_DEPTH = 16,            /* elements of a Windows event in each other; real ones: 6 */
    LIMIT_EVTX_STEPS = 20000,          /* tokens of one record's binary XML; real ones: 500 */
    LIMIT_AUDIT_OPEN_EVENTS = 32,      /* whose records are still coming; auditd mixes a few */
    LIMIT_AUDIT_ARGUMENTS = 256,       /* under their own names; CommandLine holds all */
    LIMIT_WORKER_BYTES = 1024 * MIB,   /* address space of the process that parses for a verb: the
                                          engine, its compiler's own memory, zstd's window */
    LIMIT_EVENT_VALUES = 8192,         /* values in it, under all names together */
    LIMIT_JSON_DEPTH = 32,
    LIMIT_REQUEST_BYTES = 64 * KIB,    /* one request on the control socket */
    LIMIT_CONTROL_CLIENTS = 32,
    LIMIT_LOG_FILE_BYTES = 64 * MIB,   /* then it is rotated */
    LIMIT_LOG_FILES = 5,

    /* --- updates -------------------------------------------------------------------------- */
    LIMIT_RELEASES = 8,           /* that a host knows of one stream: good, on its way, waiting */
    LIMIT_RELEASES_GOOD = 3,      /* last goods on disk: the newest may be what broke the host */
    LIMIT_SWITCHES_PER_DAY = 8,   /* forward; a flapping publisher must not keep a host busy */
    LIMIT_PARTNERS = 8,           /* who may halt a release: vendor, customer, regulator... */
    LIMIT_HALTS = 16,             /* releases in one partner's list; a release is stopped once */
    LIMIT_WINDOWS = 8,            /* maintenance windows of a host */
    LIMIT_ANCHOR_KEYS = 16,       /* keys of one trust anchor set */
    LIMIT_FLEET_HOSTS = 20 * 1000 * 1000, /* that a plan is made for: 32 B of memory each */
    LIMIT_STREAMS = 5,            /* streams of releases: one for each kind of bundle */
    LIMIT_RELEASE_BYTES = 128 * MIB, /* one release in its slot */
    LIMIT_UPDATE_STATE_BYTES = 32 * KIB, /* the whole state of the update road, encoded */

    /* --- evidence of rollouts ------------------------------------------------------------- */
    LIMIT_ROSTER_HOSTS = 1 << 24, /* twice the largest fleet that an update has taken down */
    LIMIT_PROMOTION_BYTES = 192 * KIB, /* 96 reports, each with its way to both roots */

    /* --- the public log ------------------------------------------------------------------ */
    LIMIT_NOTE_BYTES = 128 * KIB,     /* 16 post-quantum signatures of 5 KB are 110 KB */
    LIMIT_NOTE_SIGNATURES = 64,       /* signed-note asks for 16; each may cost a verification */
    LIMIT_NOTE_SIGNATURE_BYTES = 8 * KIB, /* one, decoded */
    LIMIT_KEY_NAME_BYTES = 256,       /* with its 0 */
    LIMIT_CHECKPOINT_BYTES = 4 * KIB, /* the signed text: three lines, seldom more */
    LIMIT_PUBLIC_ENTRY_BYTES = 4 * KIB, /* ours have 400; tlog-tiles would allow 64 KiB */
    LIMIT_PROOF_FILE_BYTES = 144 * KIB, /* a note, 63 hashes, the entry */
    LIMIT_LOG_POLICY_BYTES = 64 * KIB, /* all rows at their limits, and comments */
    LIMIT_POLICY_ROWS = 32,           /* logs, witnesses, groups: what tlog-policy recommends */
    LIMIT_URL_BYTES = 512,
};

static_assert(LIMIT_EVENT_BYTES >= LIMIT_ARGUMENTS_BYTES + LIMIT_PARENT_ARGUMENTS_BYTES
                                       + 4 * LIMIT_PATH_BYTES,
              "an event must hold its largest fields together");
static_assert(LIMIT_EVALUATION_STEPS >= 10 * LIMIT_RULE_STEPS,
              "some rules that use up their steps must leave enough for the others");
static_assert(LIMIT_RING_RECORD_BYTES >= LIMIT_EVENT_BYTES + 16 * KIB,
              "an alert record is an event and the words of its rule");
static_assert(LIMIT_EVENT_RING_BYTES >= 64 * LIMIT_RING_RECORD_BYTES,
              "a ring must hold many of its largest records");
static_assert((LIMIT_EVENT_RING_BYTES & (LIMIT_EVENT_RING_BYTES - 1)) == 0,
              "ring sizes are powers of two");
static_assert(2 * (LIMIT_ALERT_SHARED_BYTES + LIMIT_RING_RECORD_BYTES) < LIMIT_ALERT_RING_BYTES,
              "floods together leave half of the alert ring to the other rules");
static_assert((LIMIT_ALERT_RING_BYTES & (LIMIT_ALERT_RING_BYTES - 1)) == 0,
              "ring sizes are powers of two");
static_assert(LIMIT_EVENT_DEPTH < 32, "log_element.c keeps a bit for each depth");
static_assert(LIMIT_PROCESS_ENDED < LIMIT_PROCESS_SLOTS / 2, "living processes need most slots");
static_assert(LIMIT_RELEASES >= LIMIT_RELEASES_GOOD + 2 + 3,
              "one in probation, one on its way, and three that wait, failed or are barred");
static_assert((LIMIT_PROCESS_SLOTS & (LIMIT_PROCESS_SLOTS - 1)) == 0,
              "the process table is addressed by mask");
static_assert(LIMIT_PROOF_FILE_BYTES > LIMIT_NOTE_BYTES + 2 * LIMIT_PUBLIC_ENTRY_BYTES + 4 * KIB,
              "a proof holds a note, an entry in Base 64 and 63 hashes of 45 bytes");
static_assert(LIMIT_BUNDLE_BYTES <= LIMIT_RULE_PACK_BYTES,
              "no pack in a bundle can be larger than a pack may be");

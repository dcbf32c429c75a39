// SPDX-License-Identifier: Apache-2.0
#include "agent/update/refresh.h"

#include "agent/update/halt_list.h"
#include "base/atomic_file.h"
#include "base/bytes.h"
#include "base/fault.h"
#include "rollout/gate.h"
#include "rollout/promotion.h"
#include "update/log/proof_files.h"
#include "update/log/tile_tree.h"
#include "update/log/verify.h"
#include "update/slots/sealed_memory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECKPOINT_FILE "checkpoint"

enum { CHECKPOINT_MODE = 0600, PATH_BYTES = 128 };

/* A small file beside a release, as it was fetched last. */
struct beside {
    uint8_t sha256[32];
    struct bytes data; /* size 0: none */
};

/* The newest release of a stream that was believed, kept so that it can be offered again. */
struct known {
    int sealed; /* -1: none */
    uint8_t sha256[32];
    uint8_t ticket[TICKET_BYTES];
    uint8_t *proof;
    size_t proof_size;
    uint32_t log_age_s;
    struct beside promotion, roster_proof;
    uint32_t healthy_rings;
};

/* A signed tree head that was believed; `witnessed` has views into `note`. */
struct head {
    uint8_t *note; /* LIMIT_NOTE_BYTES */
    size_t size;   /* 0: none */
    struct tlog_witnessed witnessed;
};

struct refresh {
    const struct trust *trust;
    struct refresh_seams seams;
    int folder;
    struct tuf_client *tuf;
    struct tlog_policy *policy;
    struct head newest;
    struct known known[LIMIT_STREAMS];
    uint64_t now_s; /* of this round */
    struct refresh_report report;
};

/* --- what is said of it ----------------------------------------------------------------------- */

/* The first thing that was wrong is the one that people should read. */
static void note_trouble(struct refresh *refresh, const char *what, const struct explanation *why)
{
    if (refresh->report.why.text[0] == '\0')
        (void)string_format(refresh->report.why.text, sizeof refresh->report.why.text, "%s: %.600s",
                            what, why->text);
}

static void note_refused(struct refresh *refresh, const char *what, const struct explanation *why)
{
    refresh->report.refused++;
    note_trouble(refresh, what, why);
}

static RESULT fetch(struct refresh *refresh, enum line_place place, const char *name, void *out,
                    size_t capacity, size_t *ret_size, struct explanation *why)
{
    struct result result =
        refresh->seams.fetch(refresh->seams.context, place, name, out, capacity, ret_size, why);
    if (!result_is_ok(result) && result.error != ERROR_NOT_FOUND)
        refresh->report.not_had++;
    return result;
}

/* --- metadata --------------------------------------------------------------------------------- */

/* Until nothing more is wanted. Fails where the store or memory does. */
static RESULT follow(struct refresh *refresh, struct explanation *why)
{
    struct tuf_wanted wanted;
    while (tuf_client_wants(refresh->tuf, &wanted)) {
        struct explanation reason = {""};
        size_t size = 0;
        uint8_t *data = malloc(wanted.bytes_max);
        if (data == NULL)
            return explain(why, ERROR_MEMORY, "memory is out");
        struct result result = fetch(refresh, LINE_METADATA, wanted.name, data, wanted.bytes_max,
                                     &size, &reason);
        if (result_is_ok(result))
            result = tuf_client_give(refresh->tuf, data, size, why);
        else if (result.error == ERROR_NOT_FOUND)
            result = tuf_client_give_absent(refresh->tuf, why);
        else {
            tuf_client_give_failure(refresh->tuf, reason.text);
            result = RESULT_OK;
        }
        free(data);
        GUARD(result);
    }
    return RESULT_OK;
}

static bool refresh_metadata(struct refresh *refresh, uint64_t now_s)
{
    struct explanation why = {""};
    struct result result = tuf_client_refresh(refresh->tuf, now_s, &why);
    if (result_is_ok(result))
        result = follow(refresh, &why);
    if (!result_is_ok(result)) {
        refresh->report.tuf = TUF_UNAVAILABLE;
        note_trouble(refresh, "metadata cannot be kept", &why);
        return false;
    }
    const struct tuf_report *report = tuf_client_report(refresh->tuf);
    refresh->report.tuf = report->outcome;
    refresh->report.refusal = report->refusal;
    refresh->report.refused += report->outcome == TUF_REFUSED;
    if (report->outcome != TUF_CURRENT)
        note_trouble(refresh, "metadata", &report->why);
    return report->outcome == TUF_CURRENT;
}

/* A file that metadata vouches for. */
struct vouched {
    struct tuf_target target; /* its texts are not used: they belong to the client */
    char name[TUF_TARGET_NAME_BYTES];
};

/* ERROR_NOT_FOUND: nobody vouches for it. */
static RESULT find(struct refresh *refresh, const char *stream, const char *ending,
                   struct vouched *ret_vouched, struct explanation *why)
{
    char path[PATH_BYTES];
    (void)string_format(path, sizeof path, "%s/%s.%s", stream, stream, ending);
    GUARD(tuf_client_find(refresh->tuf, path, why));
    GUARD(follow(refresh, why));
    const struct tuf_target *target = tuf_client_target(refresh->tuf);
    if (target == NULL)
        return explain(why, ERROR_NOT_FOUND, "nobody vouches for %s: %.300s", path,
                       tuf_client_report(refresh->tuf)->why.text);
    if (!target->hashes.has_sha256 || target->length == 0 || target->length > LIMIT_BUNDLE_BYTES)
        return explain(why, ERROR_LIMIT, "%s has no SHA-256, no bytes or too many", path);
    ret_vouched->target = *target;
    tuf_client_target_name(refresh->tuf, target, ret_vouched->name);
    return RESULT_OK;
}

static RESULT fetch_vouched(struct refresh *refresh, const struct vouched *vouched, uint8_t *out,
                            struct explanation *why)
{
    size_t size = 0;
    GUARD(fetch(refresh, LINE_TARGETS, vouched->name, out, (size_t)vouched->target.length, &size,
                why));
    if (size != vouched->target.length)
        return explain(why, ERROR_FORMAT, "%s came with %zu bytes; %llu were signed", vouched->name,
                       size, (unsigned long long)vouched->target.length);
    return RESULT_OK;
}

/* A small one that metadata vouches for, into memory of its own. */
static RESULT fetch_found(struct refresh *refresh, const struct vouched *vouched, size_t bytes_max,
                          uint8_t **ret_data, size_t *ret_size, struct explanation *why)
{
    size_t size = (size_t)vouched->target.length;
    if (vouched->target.length > bytes_max)
        return explain(why, ERROR_LIMIT, "%s has over %zu bytes", vouched->name, bytes_max);
    uint8_t *data = malloc(size);
    if (data == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    struct result result = fetch_vouched(refresh, vouched, data, why);
    if (result_is_ok(result) && !tuf_target_matches(&vouched->target, data, size))
        result = explain(why, ERROR_FORMAT, "%s is not what was signed", vouched->name);
    if (!result_is_ok(result)) {
        free(data);
        return result;
    }
    *ret_data = data;
    *ret_size = size;
    return RESULT_OK;
}

static RESULT fetch_small(struct refresh *refresh, const char *stream, const char *ending,
                          size_t bytes_max, uint8_t **ret_data, size_t *ret_size,
                          struct explanation *why)
{
    struct vouched vouched;
    GUARD(find(refresh, stream, ending, &vouched, why));
    return fetch_found(refresh, &vouched, bytes_max, ret_data, ret_size, why);
}

static void drop_beside(struct beside *beside)
{
    free((void *)(uintptr_t)beside->data.data);
    *beside = (struct beside){0};
}

/* Again only where it is another one than last time. One that nobody vouches for any more is
 * dropped; where it was only not to be had, the last one stays. */
static RESULT fetch_beside(struct refresh *refresh, const char *stream, const char *ending,
                           size_t bytes_max, struct beside *beside, struct explanation *why)
{
    struct vouched vouched;
    uint8_t *data;
    size_t size;
    struct result found = find(refresh, stream, ending, &vouched, why);
    if (found.error == ERROR_NOT_FOUND)
        drop_beside(beside);
    GUARD(found);
    const uint8_t *sha256 = vouched.target.hashes.sha256;
    if (beside->data.size != 0 && memcmp(beside->sha256, sha256, sizeof beside->sha256) == 0)
        return RESULT_OK;
    GUARD(fetch_found(refresh, &vouched, bytes_max, &data, &size, why));
    drop_beside(beside);
    bytes_copy(beside->sha256, sizeof beside->sha256, sha256, sizeof beside->sha256);
    beside->data = (struct bytes){data, size};
    return RESULT_OK;
}

/* First sealed, then looked at. */
static RESULT fetch_sealed(struct refresh *refresh, const struct vouched *vouched, int *ret_sealed,
                           struct explanation *why)
{
    int sealed;
    uint8_t *data;
    struct bytes view;
    size_t size = (size_t)vouched->target.length;
    if (!result_is_ok(sealed_memory_create(size, &sealed, &data)))
        return explain(why, ERROR_MEMORY, "there is no memory for a release of %zu bytes", size);
    struct result result = fetch_vouched(refresh, vouched, data, why);
    if (!result_is_ok(result)) {
        sealed_memory_discard(sealed, data, size);
        return result;
    }
    result = sealed_memory_seal(sealed, data, size);
    if (result_is_ok(result))
        result = sealed_memory_map(sealed, size, &view);
    if (!result_is_ok(result)) {
        close(sealed);
        return explain(why, result.error, "memory cannot be sealed: %s", result_text(result));
    }
    bool is_right = tuf_target_matches(&vouched->target, view.data, view.size)
                    || fault_is_planted(FAULT_UPDATER_LIES);
    sealed_memory_unmap(view);
    if (!is_right) {
        close(sealed);
        return explain(why, ERROR_FORMAT, "%s is not what was signed", vouched->name);
    }
    *ret_sealed = sealed;
    return RESULT_OK;
}

/* --- the public log --------------------------------------------------------------------------- */

static struct bytes head_bytes(const struct head *head)
{
    return (struct bytes){head->note, head->size};
}

static struct result read_log(void *context, const char *path, void *out, size_t capacity,
                              size_t *ret_size, struct explanation *why)
{
    return fetch(context, LINE_LOG, path, out, capacity, ret_size, why);
}

static RESULT open_tree(struct refresh *refresh, const struct head *head,
                        struct tile_tree **ret_tree, struct tlog_source *source,
                        struct explanation *why)
{
    *source = (struct tlog_source){read_log, refresh};
    return tile_tree_open(source, &head->witnessed.checkpoint, ret_tree, why);
}

/* The newest one is the beginning of `head`: a log that forks, or goes back, is a liar. */
static RESULT check_growth(struct refresh *refresh, const struct head *head,
                           struct explanation *why)
{
    const struct checkpoint *before = &refresh->newest.witnessed.checkpoint;
    const struct checkpoint *now = &head->witnessed.checkpoint;
    struct merkle_hash root = now->root;
    bool is_same_log = before->origin.size == now->origin.size
                       && (now->origin.size == 0
                           || memcmp(before->origin.data, now->origin.data, now->origin.size) == 0);
    if (refresh->newest.size == 0 || before->size == 0 || !is_same_log)
        return RESULT_OK; /* root named another log since: it begins anew */
    if (now->size < before->size)
        return explain(why, ERROR_FORMAT, "the log went back from %llu to %llu entries",
                       (unsigned long long)before->size, (unsigned long long)now->size);
    if (now->size > before->size) {
        struct tile_tree *tree = NULL;
        struct tlog_source source;
        GUARD(open_tree(refresh, head, &tree, &source, why));
        struct result result = tile_tree_root(tree, before->size, &root, why);
        tile_tree_free(tree);
        GUARD(result);
    }
    if (memcmp(&root, &before->root, sizeof root) != 0)
        return explain(why, ERROR_FORMAT, "the log forked: its first %llu entries are others than "
                       "before", (unsigned long long)before->size);
    return RESULT_OK;
}

static RESULT believe(struct refresh *refresh, struct head *head, struct explanation *why)
{
    GUARD(tlog_verify_checkpoint(refresh->policy, head_bytes(head), &head->witnessed, why));
    /* Views of the one before stay good: each head has memory of its own. */
    GUARD(check_growth(refresh, head, why));
    const struct tlog_witnessed *newest = &refresh->newest.witnessed;
    if (refresh->newest.size != 0 && head->witnessed.current_at_s <= newest->current_at_s
        && head->witnessed.checkpoint.size == newest->checkpoint.size)
        return RESULT_OK; /* the same again, or its older cosignatures */
    GUARD(atomic_file_write(refresh->folder, CHECKPOINT_FILE, head->note, head->size,
                            CHECKPOINT_MODE, why));
    struct head before = refresh->newest;
    refresh->newest = *head;
    *head = before;
    return RESULT_OK;
}

static bool is_other_side(struct result result)
{
    return result.error == ERROR_FORMAT || result.error == ERROR_STATE
           || result.error == ERROR_UNSUPPORTED || result.error == ERROR_LIMIT;
}

static void refresh_log(struct refresh *refresh)
{
    struct explanation why = {""};
    struct head head = {.note = malloc(LIMIT_NOTE_BYTES)};
    struct result result = result_fail(ERROR_MEMORY);
    if (head.note != NULL)
        result = fetch(refresh, LINE_LOG, TILE_CHECKPOINT, head.note, LIMIT_NOTE_BYTES, &head.size,
                       &why);
    if (result_is_ok(result))
        result = believe(refresh, &head, &why);
    free(head.note); /* believe() may have put the one before there */
    if (result_is_ok(result)) {
        refresh->report.log = REFRESH_LOG_GOOD;
    } else if (is_other_side(result)) {
        refresh->report.log = REFRESH_LOG_REFUSED;
        note_refused(refresh, "the public log is not believed", &why);
    } else {
        refresh->report.log = REFRESH_LOG_UNAVAILABLE;
        note_trouble(refresh, "the public log", &why);
    }
    refresh->report.log_size = refresh->newest.witnessed.checkpoint.size;
    refresh->report.log_current_at_s = refresh->newest.witnessed.current_at_s;
}

/* What was believed before. A copy that is damaged, or that the policy of today does not believe,
 * is as none: the next one is taken without its history. */
static void recall_log(struct refresh *refresh)
{
    struct head *head = &refresh->newest;
    struct explanation why;
    struct result result = atomic_file_read(refresh->folder, CHECKPOINT_FILE, head->note,
                                            LIMIT_NOTE_BYTES, &head->size, &why);
    if (result_is_ok(result))
        result = tlog_verify_checkpoint(refresh->policy, head_bytes(head), &head->witnessed, &why);
    if (!result_is_ok(result))
        head->size = 0;
}

/* How long the release is proven to be in the log, by tiles that lead to the newest checkpoint. A
 * failure leaves the age that is known. */
static RESULT prove_age(struct refresh *refresh, struct known *known,
                        const struct tlog_release *release, struct explanation *why)
{
    static uint8_t age[LIMIT_PROOF_FILE_BYTES];
    static struct tlog_proof parsed;
    struct tlog_release_proof proof;
    struct tile_tree *tree = NULL;
    struct tlog_source source;
    struct writer writer = writer_of(age, sizeof age);
    const struct bytes first = {known->proof, known->proof_size};
    GUARD(tlog_proof_parse(first, &parsed, why));
    if (refresh->newest.size == 0)
        return explain(why, ERROR_NOT_FOUND, "no checkpoint of the log is known");
    GUARD(open_tree(refresh, &refresh->newest, &tree, &source, why));
    struct result result = age_file_write(tree, head_bytes(&refresh->newest),
                                          parsed.checkpoint.size, &writer, why);
    tile_tree_free(tree);
    GUARD(result);
    GUARD(tlog_verify_release(refresh->policy, release, first, (struct bytes){age, writer.at},
                              &proof, why));
    uint64_t age_s = proof.age_s < UINT32_MAX ? proof.age_s : UINT32_MAX;
    if (age_s > known->log_age_s)
        known->log_age_s = (uint32_t)age_s;
    return RESULT_OK;
}

/* --- releases --------------------------------------------------------------------------------- */

static void forget(struct known *known)
{
    if (known->sealed >= 0)
        close(known->sealed);
    free(known->proof);
    drop_beside(&known->promotion);
    drop_beside(&known->roster_proof);
    *known = (struct known){.sealed = -1};
}

static RESULT read_ticket(const struct known *known, struct tlog_release *ret_release,
                          char name[TICKET_NAME_BYTES], struct explanation *why)
{
    struct ticket ticket;
    size_t count;
    GUARD(ticket_decode(known->ticket, TICKET_BYTES, &ticket, NULL, &count, why));
    if (memcmp(ticket.digest, known->sha256, sizeof known->sha256) != 0)
        return explain(why, ERROR_FORMAT, "its ticket is of another release");
    bytes_copy(name, TICKET_NAME_BYTES, ticket.name, sizeof ticket.name);
    *ret_release = (struct tlog_release){.name = name, .version = ticket.version};
    bytes_copy(ret_release->digest, sizeof ret_release->digest, ticket.digest,
               sizeof ticket.digest);
    return RESULT_OK;
}

/* Small things first: who is not in the log need not send 100 MiB. */
static RESULT fetch_release(struct refresh *refresh, const char *stream,
                            const struct vouched *bundle, struct known *known,
                            struct explanation *why)
{
    char name[TICKET_NAME_BYTES];
    struct tlog_release release;
    struct tlog_release_proof proof;
    uint8_t *ticket = NULL;
    size_t size = 0;
    bytes_copy(known->sha256, sizeof known->sha256, bundle->target.hashes.sha256,
               sizeof bundle->target.hashes.sha256);
    GUARD(fetch_small(refresh, stream, "ticket", TICKET_BYTES, &ticket, &size, why));
    bytes_copy(known->ticket, sizeof known->ticket, ticket, size);
    free(ticket);
    GUARD(read_ticket(known, &release, name, why));
    GUARD(fetch_small(refresh, stream, "tlog-proof", LIMIT_PROOF_FILE_BYTES, &known->proof,
                      &known->proof_size, why));
    GUARD(tlog_verify_release(refresh->policy, &release,
                              (struct bytes){known->proof, known->proof_size},
                              (struct bytes){NULL, 0}, &proof, why));
    return fetch_sealed(refresh, bundle, &known->sealed, why);
}

static RESULT refresh_stream(struct refresh *refresh, unsigned stream, struct explanation *why)
{
    const char *name = refresh->trust->streams[stream].name;
    struct known *known = &refresh->known[stream];
    struct vouched bundle;
    struct result named = find(refresh, name, "bundle", &bundle, why);
    refresh->report.unnamed += named.error == ERROR_NOT_FOUND;
    GUARD(named);
    if (known->sealed < 0
        || memcmp(known->sha256, bundle.target.hashes.sha256, sizeof known->sha256) != 0) {
        struct known fresh = {.sealed = -1};
        struct result result = fetch_release(refresh, name, &bundle, &fresh, why);
        if (!result_is_ok(result)) {
            forget(&fresh);
            return result;
        }
        forget(known);
        *known = fresh;
    }
    return RESULT_OK;
}

/* --- evidence --------------------------------------------------------------------------------- */

/* A ring too small for the statistic takes a longer age in its place. */
static RESULT check_promotion(struct refresh *refresh, struct known *known,
                              const struct tlog_release *release, struct explanation *why)
{
    struct promotion_demand demand = promotion_demand_default();
    struct promotion_proof proof;
    demand.promoters = refresh->trust->promoters;
    demand.owners = refresh->trust->owners;
    GUARD(promotion_check(known->promotion.data.data, known->promotion.data.size, &demand,
                          release->digest, refresh->now_s, &proof, why));
    GUARD(roster_check_logged(refresh->policy, &proof.roster, known->roster_proof.data, release,
                              (struct bytes){known->proof, known->proof_size}, why));
    if (proof.is_small && known->log_age_s < GATE_POLICY_DEFAULT.small_age_s)
        return explain(why, ERROR_AGAIN, "ring %u is too small for the statistic: its promotion "
                       "counts when the release is %u days old in the log",
                       proof.promotion.ring, GATE_POLICY_DEFAULT.small_age_s / (24 * 60 * 60));
    known->healthy_rings = promotion_healthy_rings(&proof.promotion);
    return RESULT_OK;
}

/* The one of the release before stays in the repository until there is another. */
static bool is_about(const struct beside *promotion, const struct tlog_release *release)
{
    struct promotion seen;
    size_t count;
    return result_is_ok(promotion_head_decode(promotion->data.data, promotion->data.size, &seen,
                                              NULL, &count, NULL))
           && memcmp(seen.release, release->digest, sizeof seen.release) == 0;
}

/* None is no fault: a release that is new has none yet. */
static void refresh_evidence(struct refresh *refresh, const char *stream, struct known *known,
                             const struct tlog_release *release)
{
    struct explanation why = {""};
    known->healthy_rings = 0;
    if (!refresh->trust->has_evidence)
        return;
    struct result result = fetch_beside(refresh, stream, "promotion", LIMIT_PROMOTION_BYTES,
                                        &known->promotion, &why);
    if (result.error == ERROR_NOT_FOUND
        || (result_is_ok(result) && !is_about(&known->promotion, release)))
        return;
    if (result_is_ok(result))
        result = fetch_beside(refresh, stream, "roster-proof", LIMIT_PROOF_FILE_BYTES,
                              &known->roster_proof, &why);
    if (result_is_ok(result))
        result = check_promotion(refresh, known, release, &why);
    if (is_other_side(result))
        note_refused(refresh, "the evidence that a ring is well", &why);
    else if (!result_is_ok(result))
        note_trouble(refresh, "the evidence that a ring is well", &why);
}

static void offer(struct refresh *refresh, unsigned stream)
{
    struct known *known = &refresh->known[stream];
    char name[TICKET_NAME_BYTES];
    struct tlog_release release;
    struct explanation why = {""};
    if (known->sealed < 0)
        return;
    struct result result = read_ticket(known, &release, name, &why);
    if (result_is_ok(result))
        result = prove_age(refresh, known, &release, &why);
    if (!result_is_ok(result))
        note_trouble(refresh, "the age of the release in the log", &why);
    refresh_evidence(refresh, refresh->trust->streams[stream].name, known, &release);
    struct refresh_offer made = {.stream = stream,
                                 .ticket = known->ticket,
                                 .sealed = known->sealed,
                                 .log_age_s = known->log_age_s,
                                 .healthy_rings = known->healthy_rings};
    if (known->healthy_rings != 0)
        made.promotion = known->promotion.data;
    refresh->seams.offer(refresh->seams.context, &made);
}

static void refresh_releases(struct refresh *refresh)
{
    for (unsigned stream = 0; stream < refresh->trust->stream_count; stream++) {
        struct explanation why = {""};
        struct result result = refresh_stream(refresh, stream, &why);
        if (is_other_side(result))
            note_refused(refresh, refresh->trust->streams[stream].name, &why);
        else if (!result_is_ok(result))
            note_trouble(refresh, refresh->trust->streams[stream].name, &why);
        else
            offer(refresh, stream);
    }
}

/* --- halts ------------------------------------------------------------------------------------ */

static void refresh_halts(struct refresh *refresh)
{
    static uint8_t note[HALT_LIST_BYTES];
    for (uint32_t i = 0; i < refresh->trust->partner_count; i++) {
        const struct trust_partner *partner = &refresh->trust->partners[i];
        struct halt_news news;
        struct explanation why = {""};
        size_t size = 0;
        struct result result =
            fetch(refresh, LINE_HALTS, partner->name, note, sizeof note, &size, &why);
        if (result_is_ok(result)) {
            result = halt_list_read((struct bytes){note, size}, partner, (uint8_t)i, &news, &why);
            refresh->report.refused += !result_is_ok(result);
        }
        if (result_is_ok(result))
            refresh->seams.halts(refresh->seams.context, &news);
        else
            note_trouble(refresh, "the list of halts", &why);
    }
}

/* --- all of it -------------------------------------------------------------------------------- */

RESULT refresh_new(const struct trust *trust, const struct tuf_store *store, int folder,
                   const struct refresh_seams *seams, struct refresh **ret_refresh,
                   struct explanation *why)
{
    struct refresh *refresh = calloc(1, sizeof *refresh);
    if (refresh == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    *refresh = (struct refresh){.trust = trust, .seams = *seams, .folder = folder};
    for (unsigned i = 0; i < LIMIT_STREAMS; i++)
        refresh->known[i].sealed = -1;
    refresh->newest.note = malloc(LIMIT_NOTE_BYTES);
    struct result result = refresh->newest.note == NULL
                               ? explain(why, ERROR_MEMORY, "memory is out")
                               : tlog_policy_parse(trust->log_policy, &refresh->policy, why);
    if (result_is_ok(result))
        result = tuf_client_new(store, trust->root.data, trust->root.size, &refresh->tuf, why);
    if (!result_is_ok(result)) {
        refresh_free(refresh);
        return result;
    }
    recall_log(refresh);
    *ret_refresh = refresh;
    return RESULT_OK;
}

void refresh_free(struct refresh *refresh)
{
    if (refresh == NULL)
        return;
    for (unsigned i = 0; i < LIMIT_STREAMS; i++)
        forget(&refresh->known[i]);
    tuf_client_free(refresh->tuf);
    tlog_policy_free(refresh->policy);
    free(refresh->newest.note);
    free(refresh);
}

/* Halts first: they overtake releases. The log before metadata: it says how late it is. */
void refresh_run(struct refresh *refresh, uint64_t wall_s, struct refresh_report *ret_report)
{
    refresh->report = (struct refresh_report){0};
    refresh_halts(refresh);
    refresh_log(refresh);
    uint64_t floor_s = refresh->newest.size != 0 ? refresh->newest.witnessed.current_at_s : 0;
    refresh->now_s = wall_s > floor_s ? wall_s : floor_s;
    if (refresh_metadata(refresh, refresh->now_s))
        refresh_releases(refresh);
    *ret_report = refresh->report;
}

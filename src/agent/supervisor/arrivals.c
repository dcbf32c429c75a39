// SPDX-License-Identifier: Apache-2.0
/*
 * What arrives over the network, as far as the supervisor has to do with it: it reads root's record
 * of whom to believe, starts link and updater where there is one, and takes the updater's advice
 * for what it is. Of a release it believes the ticket, which another process checked, and the hash
 * that it computes itself over sealed memory; age, highest version and switches are the road's.
 */
#include "agent/supervisor/supervisor_state.h"
#include "agent/update/trust.h"
#include "base/bytes.h"
#include "base/fault.h"
#include "base/paths.h"
#include "content/bundle_kind.h"
#include "update/road/road.h"
#include "update/slots/sealed_memory.h"
#include "update/tuf/client.h"

#include <fcntl.h>
#include <sha256.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_EVERY_S = 1, TICKET_MAX_S = 5, FOLDER_MODE = 0755, OWN_MODE = 0700, FILE_MODE = 0644 };

static const enum role WORKERS[] = {ROLE_link, ROLE_updater};
enum { WORKER_COUNT = sizeof WORKERS / sizeof WORKERS[0] };

/* A release on offer, while its ticket is checked. */
struct pending {
    bool is_checking;
    bool has_verdict;
    int ticket, promotion, bundle; /* sealed; -1 */
    struct message_release_offer facts;
    uint64_t deadline_ns;
};

struct arrivals {
    int sealed; /* the record that is in force; -1: none */
    struct bytes record;
    struct trust trust;
    uint64_t number;
    bool is_unsent[WORKER_COUNT];
    struct stat seen; /* of the file when it was read last */
    bool was_seen;
    uint64_t next_look_ns;
    struct pending pending;
    struct halt_news news; /* a list that is coming */
    uint32_t halts_due;
    uint64_t log_at_s; /* the newest time of the log that the updater named, and when it did */
    uint64_t log_news_ns;
};

static struct tree_arrivals *shown(struct supervisor *supervisor)
{
    return &supervisor->tree.arrivals;
}

static void refuse(struct supervisor *supervisor, const char *text)
{
    struct tree_arrivals *tree = shown(supervisor);
    bool is_new = !string_equal(tree->refused_why, text);
    counter_add(COUNTER_supervisor_offers_refused, 1);
    tree->offers_refused++;
    (void)string_copy(tree->refused_why, sizeof tree->refused_why, text);
    if (!is_new)
        return; /* the updater offers it again each time that it has looked */
    say("a release that arrived is refused: %s; what runs goes on running", text);
    notice(supervisor, NOTICE_offer_refused, ROLE_updater, 0, 0);
}

/* --- root's record ---------------------------------------------------------------------------- */

static RESULT check_owner(int fd, const char *what, struct stat *ret_status,
                          struct explanation *why)
{
    if (fstat(fd, ret_status) != 0)
        return explain_errno(why, "%s cannot be looked at", what);
    if (ret_status->st_uid != geteuid() || (ret_status->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return explain(why, ERROR_STATE, "%s must belong to root, and nobody else may write it "
                       "(owner %u, mode %04o)", what, (unsigned)ret_status->st_uid,
                       (unsigned)ret_status->st_mode & 07777);
    return RESULT_OK;
}

static RESULT read_record(int file, size_t size, int *ret_sealed, struct explanation *why)
{
    int sealed;
    uint8_t *data;
    size_t found = 0;
    if (size == 0 || size > TRUST_RECORD_BYTES)
        return explain(why, ERROR_LIMIT, "it is empty or too large for a record of trust anchors");
    if (!result_is_ok(sealed_memory_create(size, &sealed, &data)))
        return explain(why, ERROR_MEMORY, "memory is out");
    struct result result = disk_read_whole(file, data, size, &found);
    if (!result_is_ok(result) || found != size) {
        sealed_memory_discard(sealed, data, size);
        return explain(why, ERROR_FORMAT, "it could not be read whole");
    }
    result = sealed_memory_seal(sealed, data, size);
    if (!result_is_ok(result)) {
        close(sealed);
        return explain(why, result.error, "memory cannot be sealed");
    }
    *ret_sealed = sealed;
    return RESULT_OK;
}

static void put_in_force(struct supervisor *supervisor, int sealed, struct bytes record,
                         const struct trust *trust)
{
    struct arrivals *arrivals = supervisor->arrivals;
    bool is_change = arrivals->sealed >= 0;
    sealed_memory_unmap(arrivals->record);
    if (arrivals->sealed >= 0)
        close(arrivals->sealed);
    arrivals->sealed = sealed;
    arrivals->record = record;
    arrivals->trust = *trust;
    arrivals->number++;
    arrivals->log_news_ns = now_ns();
    shown(supervisor)->is_on = true;
    unsigned partners = (1u << trust->partner_count) - 1;
    updates_set_partners(supervisor, partners, (uint8_t)trust->lift_quorum, is_change);
    for (size_t i = 0; i < WORKER_COUNT; i++) {
        arrivals->is_unsent[i] = true;
        supervision_enable(&supervisor->supervision, WORKERS[i]);
    }
    say("trust anchors of updates are in force: %s, every %u s", trust->repository,
        trust->refresh_s);
}

static RESULT take_file(struct supervisor *supervisor, int file, struct explanation *why)
{
    struct stat status;
    static struct trust trust;
    struct bytes record;
    int sealed;
    GUARD(check_owner(file, "the record of trust anchors", &status, why));
    if (!S_ISREG(status.st_mode))
        return explain(why, ERROR_UNSUPPORTED, "it is no regular file");
    GUARD(read_record(file, (size_t)status.st_size, &sealed, why));
    struct result result = sealed_memory_map(sealed, TRUST_RECORD_BYTES, &record);
    if (!result_is_ok(result)) {
        close(sealed);
        return explain(why, result.error, "memory cannot be mapped");
    }
    result = trust_decode(record, &trust, why);
    if (!result_is_ok(result)) {
        sealed_memory_unmap(record);
        close(sealed);
        return result;
    }
    put_in_force(supervisor, sealed, record, &trust);
    return RESULT_OK;
}

static bool is_seen(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_uid == b->st_uid
           && a->st_mode == b->st_mode && a->st_ctim.tv_sec == b->st_ctim.tv_sec
           && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Each second: did root change it? */
static void look_at_record(struct supervisor *supervisor)
{
    struct arrivals *arrivals = supervisor->arrivals;
    struct explanation why = {""};
    struct stat status;
    int configuration = supervisor->resources.grants[GRANT_directory_configuration];
    int folder = openat(configuration, TRUST_FOLDER,
                        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int file = folder < 0 ? -1 : openat(folder, TRUST_FILE,
                                        O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool is_new = file >= 0 && fstat(file, &status) == 0
                  && !(arrivals->was_seen && is_seen(&status, &arrivals->seen));
    if (is_new) {
        struct stat unused;
        arrivals->seen = status;
        arrivals->was_seen = true;
        struct result result = check_owner(folder, "the folder of trust anchors", &unused, &why);
        if (result_is_ok(result))
            result = take_file(supervisor, file, &why);
        if (!result_is_ok(result)) {
            say("%s/" TRUST_FOLDER "/" TRUST_FILE ": %s. %s",
                supervisor->options->paths->configuration, why.text,
                arrivals->sealed >= 0 ? "What was in force stays in force"
                                      : "Nothing is fetched");
            notice(supervisor, NOTICE_trust_refused, ROLE_supervisor, 0, 0);
        }
    }
    if (file >= 0)
        close(file);
    if (folder >= 0)
        close(folder);
}

/* To those who have not got it yet. */
static void send_record(struct supervisor *supervisor)
{
    struct arrivals *arrivals = supervisor->arrivals;
    for (size_t i = 0; i < WORKER_COUNT && arrivals->sealed >= 0; i++) {
        const struct running_child *child = &supervisor->children[WORKERS[i]];
        const struct message message = {.type = MESSAGE_trust,
                                        .fd = arrivals->sealed,
                                        .trust = {.number = arrivals->number}};
        if (arrivals->is_unsent[i] && child->pid != 0 && child->phase == PHASE_RUNNING
            && result_is_ok(channel_send(child->socket, &message)))
            arrivals->is_unsent[i] = false;
    }
}

void arrivals_ready(struct supervisor *supervisor, enum role role)
{
    for (size_t i = 0; i < WORKER_COUNT && supervisor->arrivals != NULL; i++)
        if (WORKERS[i] == role)
            supervisor->arrivals->is_unsent[i] = true;
    if (supervisor->arrivals != NULL)
        send_record(supervisor);
}

/* --- a release -------------------------------------------------------------------------------- */

static void drop(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void forget_pending(struct supervisor *supervisor)
{
    struct pending *pending = &supervisor->arrivals->pending;
    drop(&pending->ticket);
    drop(&pending->promotion);
    drop(&pending->bundle);
    pending->is_checking = false;
    pending->has_verdict = false;
    drop(&supervisor->resources.grants[GRANT_ticket]);
    drop(&supervisor->resources.grants[GRANT_ticket_keys]);
    drop(&supervisor->resources.grants[GRANT_promotion]);
    drop(&supervisor->resources.grants[GRANT_evidence_keys]);
}

static RESULT seal(const void *bytes, size_t size, int *ret_sealed)
{
    uint8_t *data;
    int sealed;
    GUARD(sealed_memory_create(size, &sealed, &data));
    bytes_copy(data, size, bytes, size);
    struct result result = sealed_memory_seal(sealed, data, size);
    if (!result_is_ok(result))
        close(sealed);
    else
        *ret_sealed = sealed;
    return result;
}

static RESULT make_keys(const struct trust *trust, const struct trust_stream *stream, int *grants)
{
    uint8_t keys[TRUST_KEYS_BYTES], evidence[TRUST_EVIDENCE_KEYS_BYTES];
    GUARD(trust_keys_encode(&stream->keys, keys));
    GUARD(seal(keys, sizeof keys, &grants[GRANT_ticket_keys]));
    if (!trust->has_evidence)
        return RESULT_OK;
    GUARD(trust_evidence_keys_encode(&trust->promoters, &trust->owners, evidence));
    return seal(evidence, sizeof evidence, &grants[GRANT_evidence_keys]);
}

static RESULT start_check(struct supervisor *supervisor, struct explanation *why)
{
    struct arrivals *arrivals = supervisor->arrivals;
    struct pending *pending = &arrivals->pending;
    int *grants = supervisor->resources.grants;
    const struct trust_stream *stream = &arrivals->trust.streams[pending->facts.stream];
    struct result result = make_keys(&arrivals->trust, stream, grants);
    grants[GRANT_ticket] = pending->ticket; /* closed with the grants */
    grants[GRANT_promotion] = pending->promotion;
    pending->ticket = pending->promotion = -1;
    if (!result_is_ok(result))
        return explain(why, result.error, "the keys of the stream cannot be handed over");
    pending->deadline_ns = now_ns() + (uint64_t)TICKET_MAX_S * NS_PER_S;
    pending->is_checking = true;
    return launch_child(supervisor, ROLE_ticket, why);
}

static bool is_sealed(int fd, size_t limit)
{
    struct bytes view;
    if (!result_is_ok(sealed_memory_map(fd, limit, &view)))
        return false;
    bool is_there = view.size != 0;
    sealed_memory_unmap(view);
    return is_there;
}

static void take_release(struct supervisor *supervisor, const struct message *message)
{
    struct arrivals *arrivals = supervisor->arrivals;
    struct pending *pending = &arrivals->pending;
    struct explanation why = {""};
    if (pending->is_checking) {
        close(message->fd); /* one at a time; it is offered again */
        return;
    }
    pending->bundle = message->fd;
    pending->facts = message->release_offer;
    if (pending->ticket < 0 || pending->facts.stream >= arrivals->trust.stream_count)
        refuse(supervisor, "it came without a ticket, or for a stream that is none");
    else if (!is_sealed(pending->bundle, LIMIT_RELEASE_BYTES)
             || !is_sealed(pending->ticket, TICKET_BYTES)
             || (pending->promotion >= 0 && !is_sealed(pending->promotion, LIMIT_PROMOTION_BYTES)))
        refuse(supervisor, "it came in memory that is not sealed, or too large");
    else if (!result_is_ok(start_check(supervisor, &why)))
        refuse(supervisor, why.text);
    else
        return;
    forget_pending(supervisor);
}

static void take_ticket(struct supervisor *supervisor, const struct message *message)
{
    struct pending *pending = &supervisor->arrivals->pending;
    if (pending->is_checking) {
        close(message->fd);
        return;
    }
    forget_pending(supervisor);
    pending->ticket = message->fd;
}

static void take_promotion(struct supervisor *supervisor, const struct message *message)
{
    struct pending *pending = &supervisor->arrivals->pending;
    if (pending->is_checking) {
        close(message->fd);
        return;
    }
    drop(&pending->promotion);
    pending->promotion = message->fd;
}

/* The supervisor's own: what the updater says of it plays no part. */
static RESULT hash(int sealed, uint64_t size, uint8_t out[SHA256_DIGEST_LENGTH],
                   struct explanation *why)
{
    struct bytes view;
    SHA2_CTX context;
    if (!result_is_ok(sealed_memory_map(sealed, LIMIT_RELEASE_BYTES, &view)))
        return explain(why, ERROR_STATE, "it came in memory that is not sealed, or too large");
    SHA256Init(&context);
    SHA256Update(&context, view.data, view.size);
    SHA256Final(out, &context);
    sealed_memory_unmap(view);
    if (view.size != size)
        return explain(why, ERROR_FORMAT, "it has %zu bytes; its ticket says %llu", view.size,
                       (unsigned long long)size);
    return RESULT_OK;
}

/* A ring counts as well where both say so: the updater knows whether the roster was in the log
 * before the release, the process for tickets who signed what. */
static uint32_t healthy_rings(const struct pending *pending, const struct message_verdict *verdict)
{
    uint32_t said = pending->facts.healthy_rings;
    return fault_is_planted(FAULT_RINGS_BELIEVED) ? said : said & verdict->healthy_rings;
}

static RESULT judge(struct supervisor *supervisor, const struct message_verdict *verdict,
                    struct explanation *why)
{
    struct arrivals *arrivals = supervisor->arrivals;
    const struct pending *pending = &arrivals->pending;
    const uint64_t words[] = {verdict->digest_1, verdict->digest_2, verdict->digest_3,
                              verdict->digest_4, verdict->name_1, verdict->name_2,
                              verdict->name_3, verdict->name_4};
    const struct trust_stream *stream = &arrivals->trust.streams[pending->facts.stream];
    struct road_offer offer = {.stream = bundle_kind_stream(stream->kind),
                               .version = verdict->version,
                               .is_urgent = verdict->is_urgent != 0,
                               .takes_away = verdict->has_removals != 0,
                               .log_age_s = pending->facts.log_age_s,
                               .healthy_rings = healthy_rings(pending, verdict)};
    uint8_t digest[SHA256_DIGEST_LENGTH];
    char name[TICKET_NAME_BYTES];
    bytes_copy(offer.digest.bytes, sizeof offer.digest.bytes, words, sizeof digest);
    bytes_copy(name, sizeof name, words + 4, sizeof name);
    name[sizeof name - 1] = '\0';
    if (!verdict->is_good)
        return explain(why, ERROR_FORMAT, "its ticket does not hold (the journal says why)");
    if (verdict->kind != stream->kind || !string_equal(name, stream->name))
        return explain(why, ERROR_FORMAT, "its ticket is of another stream or kind of release");
    GUARD(hash(pending->bundle, verdict->size, digest, why));
    if (memcmp(digest, offer.digest.bytes, sizeof digest) != 0) {
        if (!fault_is_planted(FAULT_SUPERVISOR_HASHES_NOT))
            return explain(why, ERROR_FORMAT, "its bytes are not those that the ticket names");
        bytes_copy(offer.digest.bytes, sizeof offer.digest.bytes, digest, sizeof digest);
    }
    return updates_offer(supervisor, &offer, pending->bundle, why);
}

static void take_verdict(struct supervisor *supervisor, const struct message_verdict *verdict)
{
    struct pending *pending = &supervisor->arrivals->pending;
    struct explanation why = {""};
    if (!pending->is_checking || pending->has_verdict) {
        step(supervisor, SUPERVISION_LIED, ROLE_ticket, 0);
        return;
    }
    pending->has_verdict = true;
    if (result_is_ok(judge(supervisor, verdict, &why)))
        shown(supervisor)->refused_why[0] = '\0';
    else
        refuse(supervisor, why.text);
}

void arrivals_ticket_ended(struct supervisor *supervisor)
{
    if (supervisor->arrivals == NULL)
        return;
    if (supervisor->arrivals->pending.is_checking && !supervisor->arrivals->pending.has_verdict) {
        counter_add(COUNTER_supervisor_tickets_failed, 1);
        refuse(supervisor, "the process that checks its ticket ended without a verdict, or took "
                           "too long; it is tried again");
    }
    forget_pending(supervisor);
}

/* --- halts and the log ------------------------------------------------------------------------ */

static void take_halts(struct supervisor *supervisor, const struct message_halts *halts)
{
    struct arrivals *arrivals = supervisor->arrivals;
    if (halts->partner >= arrivals->trust.partner_count || halts->count > LIMIT_HALTS) {
        step(supervisor, SUPERVISION_LIED, ROLE_updater, 0);
        return;
    }
    arrivals->news = (struct halt_news){.partner = (uint8_t)halts->partner,
                                        .number = halts->number,
                                        .lifetime_s = halts->lifetime_s};
    arrivals->halts_due = halts->count;
    if (halts->count == 0)
        updates_halts(supervisor, &arrivals->news);
}

static void take_halt(struct supervisor *supervisor, const struct message_halt *halt)
{
    struct arrivals *arrivals = supervisor->arrivals;
    const uint64_t words[] = {halt->name_1, halt->name_2};
    if (arrivals->halts_due == 0) {
        step(supervisor, SUPERVISION_LIED, ROLE_updater, 0);
        return;
    }
    struct halt_news *news = &arrivals->news;
    bytes_copy(news->halts[news->count].release.bytes, RELEASE_NAME_BYTES, words, sizeof words);
    news->halts[news->count].is_lift = halt->is_lift != 0;
    news->count++;
    if (--arrivals->halts_due == 0)
        updates_halts(supervisor, news);
}

/* Mistakes of others (tests/incidents). */
static void repeat_mistakes(struct supervisor *supervisor, const struct message_update_state *state)
{
    if (fault_is_planted(FAULT_EXPIRED_STOPS) && state->outcome == TUF_EXPIRED)
        exit(EXIT_FAILURE);
    if (fault_is_planted(FAULT_EMPTY_OBEYED) && state->unnamed > 0)
        updates_give_up(supervisor);
}

static void take_state(struct supervisor *supervisor, const struct message_update_state *state)
{
    struct arrivals *arrivals = supervisor->arrivals;
    struct tree_arrivals *tree = shown(supervisor);
    tree->outcome = state->outcome;
    tree->refusal = state->refusal;
    tree->log = state->log;
    tree->status = state->status;
    tree->retry_s = state->retry_s;
    tree->not_had = state->not_had;
    tree->refused = state->refused;
    tree->unnamed = state->unnamed;
    tree->log_size = state->log_size;
    tree->log_at_s = state->log_at_s;
    tree->rounds++;
    tree->round_wall_s = clock_wall_ns(clock_system()) / NS_PER_S;
    if (state->log_at_s > arrivals->log_at_s) {
        arrivals->log_at_s = state->log_at_s;
        arrivals->log_news_ns = now_ns();
    }
    repeat_mistakes(supervisor, state);
}

void arrivals_take(struct supervisor *supervisor, const struct message *message)
{
    if (supervisor->arrivals == NULL) {
        if (message->fd >= 0)
            close(message->fd);
        return;
    }
    switch (message->type) {
    case MESSAGE_ticket_offer:
        take_ticket(supervisor, message);
        break;
    case MESSAGE_promotion_offer:
        take_promotion(supervisor, message);
        break;
    case MESSAGE_release_offer:
        take_release(supervisor, message);
        break;
    case MESSAGE_halts:
        take_halts(supervisor, &message->halts);
        break;
    case MESSAGE_halt:
        take_halt(supervisor, &message->halt);
        break;
    case MESSAGE_update_state:
        take_state(supervisor, &message->update_state);
        break;
    case MESSAGE_verdict:
        take_verdict(supervisor, &message->verdict);
        break;
    default:
        break; /* none of ours */
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

static RESULT give_to(int fd, enum role role)
{
    uid_t uid = (uid_t)(AGENT_UID_BASE + role_row(role)->uid_offset);
    return fchown(fd, uid, uid) == 0 ? RESULT_OK : result_from_errno();
}

/* The link's one file: it can fill it, and make no other. */
static RESULT open_arrival(int data, int *grants)
{
    if (mkdirat(data, "incoming", FOLDER_MODE) != 0 && errno != EEXIST)
        return result_from_errno();
    int folder = openat(data, "incoming", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return result_from_errno();
    (void)unlinkat(folder, "arrival", 0);
    grants[GRANT_arrival_writer] =
        openat(folder, "arrival", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    grants[GRANT_arrival] = openat(folder, "arrival", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct result result = grants[GRANT_arrival] < 0 || grants[GRANT_arrival_writer] < 0
                               ? result_from_errno()
                               : give_to(grants[GRANT_arrival_writer], ROLE_link);
    close(folder);
    return result;
}

static RESULT open_own(int data, int *grants)
{
    if (mkdirat(data, "updater", OWN_MODE) != 0 && errno != EEXIST)
        return result_from_errno();
    int folder = openat(data, "updater", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return result_from_errno();
    grants[GRANT_directory_updater] = folder;
    return give_to(folder, ROLE_updater);
}

static RESULT open_line(int *grants)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return result_from_errno();
    grants[GRANT_line_link] = pair[0];
    grants[GRANT_line_updater] = pair[1];
    return RESULT_OK;
}

static RESULT open_grants(struct supervisor *supervisor, struct explanation *why)
{
    const char *path = supervisor->options->paths->data;
    GUARD(paths_make_folder(path, FOLDER_MODE, why));
    int data = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct result result = data < 0 ? result_from_errno() : RESULT_OK;
    int *grants = supervisor->resources.grants;
    if (result_is_ok(result))
        result = open_arrival(data, grants);
    if (result_is_ok(result))
        result = open_own(data, grants);
    if (result_is_ok(result))
        result = open_line(grants);
    if (data >= 0)
        close(data);
    if (!result_is_ok(result))
        return explain(why, result.error, "%s cannot hold what arrives: %s", path,
                       result_text(result));
    return RESULT_OK;
}

void arrivals_open(struct supervisor *supervisor)
{
    struct explanation why = {"no memory"};
    struct arrivals *arrivals = calloc(1, sizeof *arrivals);
    if (arrivals == NULL || !result_is_ok(open_grants(supervisor, &why))) {
        say("nothing is fetched: %s", why.text);
        free(arrivals);
        return;
    }
    *arrivals = (struct arrivals){
        .sealed = -1, .pending = {.ticket = -1, .promotion = -1, .bundle = -1}};
    supervisor->arrivals = arrivals;
}

void arrivals_close(struct supervisor *supervisor)
{
    struct arrivals *arrivals = supervisor->arrivals;
    if (arrivals == NULL)
        return;
    forget_pending(supervisor);
    sealed_memory_unmap(arrivals->record);
    drop(&arrivals->sealed);
    free(arrivals);
    supervisor->arrivals = NULL;
}

void arrivals_work(struct supervisor *supervisor)
{
    struct arrivals *arrivals = supervisor->arrivals;
    uint64_t now = now_ns();
    if (arrivals == NULL || now < arrivals->next_look_ns)
        return;
    arrivals->next_look_ns = now + (uint64_t)LOOK_EVERY_S * NS_PER_S;
    look_at_record(supervisor);
    send_record(supervisor);
    pid_t ticket = supervisor->children[ROLE_ticket].pid;
    if (arrivals->pending.is_checking && now > arrivals->pending.deadline_ns && ticket > 0)
        (void)kill(ticket, SIGKILL);
    if (arrivals->sealed >= 0)
        updates_set_log_silent(supervisor,
                               now > arrivals->log_news_ns + HALTS_SILENCE_S * NS_PER_S);
}

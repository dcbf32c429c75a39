// SPDX-License-Identifier: Apache-2.0
#include "agent/channel.h"

#include "base/limits.h"
#include "tests/unit.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static void make_pair(int pair[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

static void close_pair(int pair[2])
{
    close(pair[0]);
    close(pair[1]);
}

static void a_message_arrives_with_its_descriptor(void **state)
{
    (void)state;
    int pair[2];
    make_pair(pair);
    int memory = memfd_create("test", MFD_CLOEXEC);
    assert_int_equal(write(memory, "cord", 4), 4);
    struct message sent = {.type = MESSAGE_rules, .fd = memory, .rules = {.generation = 9}};
    assert_ok(channel_send(pair[0], &sent));
    struct message received;
    assert_ok(channel_receive(pair[1], ROLE_supervisor, PHASE_RUNNING, &received));
    assert_int_equal(received.type, MESSAGE_rules);
    assert_true(received.rules.generation == 9);
    char text[4];
    assert_int_equal(pread(received.fd, text, 4, 0), 4);
    assert_memory_equal(text, "cord", 4);
    close(received.fd);
    close(memory);
    assert_error(channel_receive(pair[1], ROLE_supervisor, PHASE_RUNNING, &received), ERROR_AGAIN);
    close_pair(pair);
}

static void who_may_not_say_it_or_not_now_is_refused(void **state)
{
    (void)state;
    int pair[2];
    make_pair(pair);
    const struct message loaded = {.type = MESSAGE_rules_loaded, .fd = -1};
    struct message received;
    assert_ok(channel_send(pair[0], &loaded));
    assert_error(channel_receive(pair[1], ROLE_sensor, PHASE_RUNNING, &received), ERROR_STATE);
    assert_ok(channel_send(pair[0], &loaded));
    assert_error(channel_receive(pair[1], ROLE_engine, PHASE_STARTING, &received), ERROR_STATE);
    assert_ok(channel_send(pair[0], &loaded));
    assert_ok(channel_receive(pair[1], ROLE_engine, PHASE_RUNNING, &received));
    close_pair(pair);
}

static void wrong_sizes_types_and_descriptors_are_refused(void **state)
{
    (void)state;
    int pair[2];
    make_pair(pair);
    struct message received;
    uint8_t raw[LIMIT_MESSAGE_BYTES + 8] = {MESSAGE_heartbeat};
    for (size_t size = 1; size <= sizeof raw; size++) {
        assert_int_equal(send(pair[0], raw, size, 0), size);
        struct result result = channel_receive(pair[1], ROLE_engine, PHASE_RUNNING, &received);
        bool is_right_size = size == 4 + 8;
        assert_int_equal(result.error, is_right_size ? ERROR_NONE : ERROR_FORMAT);
    }
    uint8_t unknown[4] = {0xFF, 0xFF, 0, 0};
    assert_int_equal(send(pair[0], unknown, sizeof unknown, 0), sizeof unknown);
    assert_error(channel_receive(pair[1], ROLE_engine, PHASE_RUNNING, &received), ERROR_FORMAT);
    /* A message that needs a descriptor and brings none. */
    uint8_t offer[12] = {MESSAGE_rules_offer};
    assert_int_equal(send(pair[0], offer, sizeof offer, 0), sizeof offer);
    assert_error(channel_receive(pair[1], ROLE_control, PHASE_RUNNING, &received), ERROR_FORMAT);
    close_pair(pair);
}

static void a_text_that_does_not_end_is_refused(void **state)
{
    (void)state;
    int pair[2];
    make_pair(pair);
    struct message sent = {.type = MESSAGE_probe, .fd = -1, .probe = {.reason = "R9 !read_ok"}};
    struct message received;
    assert_ok(channel_send(pair[0], &sent));
    assert_ok(channel_receive(pair[1], ROLE_loader, PHASE_STARTING, &received));
    assert_string_equal(received.probe.reason, "R9 !read_ok");
    memset(sent.probe.reason, 'x', sizeof sent.probe.reason);
    assert_ok(channel_send(pair[0], &sent));
    assert_error(channel_receive(pair[1], ROLE_loader, PHASE_STARTING, &received), ERROR_FORMAT);
    close_pair(pair);
}

static void a_closed_end_is_told_apart(void **state)
{
    (void)state;
    int pair[2];
    make_pair(pair);
    close(pair[0]);
    struct message message = {.type = MESSAGE_ready, .fd = -1};
    assert_error(channel_receive(pair[1], ROLE_engine, PHASE_STARTING, &message), ERROR_CLOSED);
    message = (struct message){.type = MESSAGE_ready, .fd = -1};
    assert_error(channel_send(pair[1], &message), ERROR_CLOSED);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_arrives_with_its_descriptor),
        cmocka_unit_test(who_may_not_say_it_or_not_now_is_refused),
        cmocka_unit_test(wrong_sizes_types_and_descriptors_are_refused),
        cmocka_unit_test(a_text_that_does_not_end_is_refused),
        cmocka_unit_test(a_closed_end_is_told_apart),
    };
    return unit_run("agent/channel", tests);
}

// SPDX-License-Identifier: Apache-2.0
#include "agent/update/halt_list.h"
#include "agent/update/line.h"
#include "base/bytes.h"
#include "tests/unit.h"
#include "update/log/note_sign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static struct trust example(void)
{
    struct trust trust = {
        .repository = "https://updates.example.com/rules",
        .log = "https://log.example.com",
        .refresh_s = 3600,
        .stream_count = 1,
        .streams = {{.kind = 1, .name = "rules", .keys = {.threshold = 1, .count = 1}}},
        .partner_count = 1,
        .partners = {{.name = "vendor", .key = "vendor+00000000+AAAA"}},
        .log_policy = bytes_of("quorum none\n"),
        .root = bytes_of("{}"),
    };
    return trust;
}

/* --- trust anchors ---------------------------------------------------------------------------- */

static void test_trust_round(void **state)
{
    (void)state;
    static uint8_t record[TRUST_RECORD_BYTES];
    static struct trust again;
    struct trust trust = example();
    struct writer writer = writer_of(record, sizeof record);
    struct explanation why = {""};
    assert_ok(trust_encode(&trust, &writer, &why));
    assert_ok(trust_decode((struct bytes){record, writer.at}, &again, &why));
    assert_string_equal(again.repository, trust.repository);
    assert_string_equal(again.streams[0].name, "rules");
    assert_int_equal(again.root.size, 2);
    /* Every cut and every changed byte is seen. */
    for (size_t size = 0; size < writer.at; size++)
        assert_error(trust_decode((struct bytes){record, size}, &again, &why), ERROR_FORMAT);
    for (size_t at = 0; at < writer.at; at += 7) {
        record[at] ^= 0x10;
        assert_error(trust_decode((struct bytes){record, writer.at}, &again, &why), ERROR_FORMAT);
        record[at] ^= 0x10;
    }
}

static void test_trust_in_evidence(void **state)
{
    (void)state;
    static uint8_t record[TRUST_RECORD_BYTES];
    static struct trust again;
    struct trust trust = example();
    uint8_t keys[TRUST_EVIDENCE_KEYS_BYTES];
    struct release_keys promoters, owners;
    struct writer writer = writer_of(record, sizeof record);
    struct explanation why = {""};
    trust.has_evidence = true;
    trust.promoters = (struct release_keys){.threshold = 1, .count = 2, .keys = {{1}, {2}}};
    trust.owners = (struct release_keys){.threshold = 2, .count = 2, .keys = {{3}, {4}}};
    assert_ok(trust_encode(&trust, &writer, &why));
    assert_ok(trust_decode((struct bytes){record, writer.at}, &again, &why));
    assert_true(again.has_evidence);
    assert_memory_equal(&again.promoters, &trust.promoters, sizeof again.promoters);
    assert_memory_equal(&again.owners, &trust.owners, sizeof again.owners);
    assert_ok(trust_evidence_keys_encode(&trust.promoters, &trust.owners, keys));
    assert_ok(trust_evidence_keys_decode((struct bytes){keys, sizeof keys}, &promoters, &owners));
    assert_memory_equal(&owners, &trust.owners, sizeof owners);
    assert_false(result_is_ok(
        trust_evidence_keys_decode((struct bytes){keys, sizeof keys - 1}, &promoters, &owners)));
    trust.owners.threshold = 3;
    assert_error(trust_check(&trust, &why), ERROR_FORMAT);
}

static void test_trust_is_checked(void **state)
{
    (void)state;
    struct explanation why = {""};
    struct trust trust = example();
    assert_ok(trust_check(&trust, &why));
    trust.streams[0].keys.threshold = 2;
    assert_error(trust_check(&trust, &why), ERROR_FORMAT);
    trust = example();
    trust.refresh_s = 1;
    assert_error(trust_check(&trust, &why), ERROR_LIMIT);
    trust = example();
    trust.lift_quorum = 2;
    assert_error(trust_check(&trust, &why), ERROR_FORMAT);
    trust = example();
    trust.partners[1] = trust.partners[0];
    trust.partner_count = 2;
    assert_error(trust_check(&trust, &why), ERROR_FORMAT);
    trust = example();
    trust.root.size = 0;
    assert_error(trust_check(&trust, &why), ERROR_LIMIT);
}

static void test_addresses(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"https://a.example", "https://a.example:8443/x/y",
                                       "http://127.0.0.1:80/x", "http://localhost",
                                       "http://[::1]:1/x"};
    static const char *const BAD[] = {"",
                                      "https://",
                                      "http://a.example",
                                      "http://127.0.0.1.example",
                                      "http://localhost@a.example",
                                      "ftp://a.example",
                                      "file:///etc",
                                      "https://a.example/",
                                      "https://a.example/?x",
                                      "https://a.example/ b",
                                      "https://user@a.example"};
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++)
        assert_true(trust_is_address(GOOD[i]));
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_false(trust_is_address(BAD[i]));
}

static void test_keys_for_tickets(void **state)
{
    (void)state;
    uint8_t record[TRUST_KEYS_BYTES];
    struct release_keys keys = {.threshold = 1, .count = 2}, again;
    keys.keys[1][31] = 7;
    assert_ok(trust_keys_encode(&keys, record));
    assert_ok(trust_keys_decode((struct bytes){record, sizeof record}, &again));
    assert_memory_equal(&keys, &again, sizeof keys);
    record[0] = 3; /* more than there are */
    assert_error(trust_keys_decode((struct bytes){record, sizeof record}, &again), ERROR_FORMAT);
    assert_error(trust_keys_decode((struct bytes){record, 9}, &again), ERROR_FORMAT);
}

/* --- the line --------------------------------------------------------------------------------- */

static void test_names(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"timestamp.json", "1.root.json", "tile/0/x001/067",
                                       "rules/ab.rules.bundle", "3.a%2Fb.json"};
    static const char *const BAD[] = {"", "/etc/passwd", "../x", "a/../b", "a//b", "a/",
                                      ".hidden", "a b", "a?b", "a#b", "a:b", "a@b", "a\nb"};
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++)
        assert_true(line_is_name(GOOD[i]));
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_false(line_is_name(BAD[i]));
}

static void test_line(void **state)
{
    (void)state;
    int pair[2];
    struct line_request request = {.id = 7, .place = LINE_LOG, .bytes_max = 10, .name = "a"}, asked;
    struct line_answer answer = {.id = 7, .verdict = LINE_THERE, .status = 200, .size = 9}, heard;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_error(line_take_request(pair[1], &asked), ERROR_AGAIN);
    assert_ok(line_ask(pair[0], &request));
    assert_ok(line_take_request(pair[1], &asked));
    assert_memory_equal(&request, &asked, sizeof asked);
    assert_ok(line_answer(pair[1], &answer));
    assert_ok(line_take_answer(pair[0], &heard));
    assert_int_equal(heard.size, 9);
    /* What may not be said is not said, and not heard. */
    request.bytes_max = (uint64_t)LIMIT_BUNDLE_BYTES + 1;
    assert_error(line_ask(pair[0], &request), ERROR_FORMAT);
    assert_int_equal(send(pair[0], "short", 5, 0), 5);
    assert_error(line_take_request(pair[1], &asked), ERROR_FORMAT);
    uint8_t long_one[4096] = {0};
    assert_int_equal(send(pair[1], long_one, sizeof long_one, 0), sizeof long_one);
    assert_error(line_take_answer(pair[0], &heard), ERROR_FORMAT);
    answer.verdict = LINE_VERDICT_COUNT;
    assert_ok(line_answer(pair[1], &answer));
    assert_error(line_take_answer(pair[0], &heard), ERROR_FORMAT);
    close(pair[1]);
    assert_error(line_take_answer(pair[0], &heard), ERROR_CLOSED);
    close(pair[0]);
}

/* --- halts ------------------------------------------------------------------------------------ */

#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct note_signer *signer;
static struct trust_partner partner = {.name = "vendor"};

static RESULT read_list(const char *text, struct halt_news *ret_news, struct explanation *why)
{
    uint8_t note[HALT_LIST_BYTES];
    struct writer writer = writer_of(note, sizeof note);
    GUARD(writer_copy(&writer, text, strlen(text)));
    GUARD(writer_copy(&writer, "\n", 1));
    GUARD(note_sign(signer, bytes_of(text), 0, &writer, why));
    return halt_list_read((struct bytes){note, writer.at}, &partner, 3, ret_news, why);
}

static void test_halts(void **state)
{
    (void)state;
    struct halt_news news = {0};
    struct explanation why = {""};
    assert_ok(read_list("creance-halts/v1\npartner vendor\nnumber 12\nlifetime 86400\n"
                        "halt " DIGEST "\nlift " DIGEST "\n", &news, &why));
    assert_int_equal(news.partner, 3);
    assert_int_equal(news.number, 12);
    assert_int_equal(news.count, 2);
    assert_int_equal(news.halts[0].release.bytes[1], 0x11);
    assert_false(news.halts[0].is_lift);
    assert_true(news.halts[1].is_lift);
    assert_ok(read_list("creance-halts/v1\npartner vendor\nnumber 1\nlifetime 1\n", &news, &why));
    static const char *const BAD[] = {
        "creance-halts/v2\npartner vendor\nnumber 1\nlifetime 1\n",
        "creance-halts/v1\npartner other\nnumber 1\nlifetime 1\n",
        "creance-halts/v1\npartner vendor\nnumber 01\nlifetime 1\n",
        "creance-halts/v1\npartner vendor\nnumber 1\nlifetime 604801\n",
        "creance-halts/v1\npartner vendor\nnumber 1\nlifetime 1\nhalt 00\n",
        "creance-halts/v1\npartner vendor\nnumber 1\n",
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_false(result_is_ok(read_list(BAD[i], &news, &why)));
    assert_false(result_is_ok(read_list("creance-halts/v1\npartner vendor\nnumber 1\nlifetime 1\n"
                                        "stop " DIGEST "\n", &news, &why)));
    char many[4096] = "creance-halts/v1\npartner vendor\nnumber 1\nlifetime 1\n";
    for (size_t i = 0; i <= LIMIT_HALTS; i++) {
        size_t at = strlen(many);
        (void)string_format(many + at, sizeof many - at, "halt " DIGEST "\n");
    }
    assert_error(read_list(many, &news, &why), ERROR_LIMIT);
}

static void test_halts_of_a_stranger(void **state)
{
    (void)state;
    static const char NOTE[] = "creance-halts/v1\npartner vendor\nnumber 1\nlifetime 1\n\n"
                               "\xe2\x80\x94 other AAAAAAAA\n";
    struct halt_news news = {0};
    struct explanation why = {""};
    assert_false(result_is_ok(halt_list_read(bytes_of(NOTE), &partner, 0, &news, &why)));
    assert_false(result_is_ok(halt_list_read(bytes_of("x"), &partner, 0, &news, &why)));
}

static int make_signer(void **state)
{
    (void)state;
    struct explanation why = {""};
    char text[NOTE_SIGNER_TEXT_BYTES];
    if (!result_is_ok(note_signer_generate("vendor", NOTE_KEY_ED25519, text, &why))
        || !result_is_ok(note_signer_parse(bytes_of(text), &signer, &why)))
        return -1;
    note_key_format(note_signer_key(signer), partner.key);
    return 0;
}

static int free_signer(void **state)
{
    (void)state;
    note_signer_free(signer);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trust_round),     cmocka_unit_test(test_trust_is_checked),
        cmocka_unit_test(test_trust_in_evidence),
        cmocka_unit_test(test_addresses),       cmocka_unit_test(test_keys_for_tickets),
        cmocka_unit_test(test_names),           cmocka_unit_test(test_line),
        cmocka_unit_test(test_halts),           cmocka_unit_test(test_halts_of_a_stranger),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("arrive", tests, make_signer, free_signer);
}

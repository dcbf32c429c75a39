// SPDX-License-Identifier: Apache-2.0
#include "update/log/entry.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "tests/unit.h"

#include <string.h>

#define DIGEST "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define HEAD "creance-log-entry/v1\n"

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

/* One of each kind. */
static const char *const GOOD[] = {
    HEAD "kind release\nname rules\nversion 42\ndigest " DIGEST "\n",
    HEAD "kind promotion\nname rules\nversion 42\ndigest " DIGEST "\nring broad\nevidence " DIGEST
         "\n",
    HEAD "kind halt\ndigest " DIGEST "\npartner vendor\nnumber 7\nexpires 1795000000\n"
         "reason crashes on Debian \xe2\x80\x94 see 291\n",
    HEAD "kind override\ndigest " DIGEST "\npartner customer\naction halt\nexpires 0\n"
         "reason a test\n",
    HEAD "kind removal\nname rules\nversion 42\ndigest " DIGEST "\nreason rule X was wrong\n",
    HEAD "kind roster\nname fleet\nversion 3\ndigest " DIGEST "\n",
};

static void every_kind_is_read_and_written_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        struct tlog_entry entry;
        uint8_t again[LIMIT_PUBLIC_ENTRY_BYTES];
        struct writer writer = writer_of(again, sizeof again);
        assert_ok(tlog_entry_parse(bytes_of(GOOD[i]), &entry, NULL));
        assert_int_equal(entry.kind, i);
        assert_ok(tlog_entry_write(&writer, &entry, NULL));
        assert_int_equal(writer.at, strlen(GOOD[i]));
        assert_memory_equal(again, GOOD[i], writer.at);
    }
    assert_int_equal(sizeof GOOD / sizeof GOOD[0], TLOG_KIND_COUNT);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        for (size_t size = 0; size < strlen(GOOD[i]); size++) {
            struct tlog_entry entry;
            struct explanation why = {""};
            struct bytes text = {(const uint8_t *)GOOD[i], size};
            assert_false(result_is_ok(tlog_entry_parse(text, &entry, &why)));
            assert_true(*why.text != '\0');
        }
    }
}

static void fields_have_their_form_and_place(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        HEAD "kind release\nname rules\nversion 42\ndigest " DIGEST "\n\n",
        HEAD "kind release\nname rules\nversion 42\ndigest " DIGEST "\nring broad\n",
        HEAD "kind release\nversion 42\nname rules\ndigest " DIGEST "\n",
        HEAD "kind release\nname \nversion 42\ndigest " DIGEST "\n",
        HEAD "kind release\nname Rules\nversion 42\ndigest " DIGEST "\n",
        HEAD "kind release\nname ru les\nversion 42\ndigest " DIGEST "\n",
        HEAD "kind release\nname rules\nversion 042\ndigest " DIGEST "\n",
        HEAD "kind release\nname rules\nversion -1\ndigest " DIGEST "\n",
        HEAD "kind release\nname rules\nversion 99999999999999999999\ndigest " DIGEST "\n",
        HEAD "kind release\nname rules\nversion 42\ndigest " DIGEST "0\n",
        HEAD "kind release\nname rules\nversion 42\ndigest 9F86d081884c7d659a2feaa0c55ad015a3bf"
             "4f1b2b0b822cd15d6c15b0f00a08\n",
        HEAD "kind override\ndigest " DIGEST "\npartner customer\naction halt\nexpires 0\n"
             "reason a\x1b[2Jtest\n",
        HEAD "kind override\ndigest " DIGEST "\npartner customer\naction halt\nexpires 0\n"
             "reason a\xfftest\n",
        HEAD "kind other\nname rules\n",
        "creance-log-entry/v2\nkind release\nname rules\nversion 42\ndigest " DIGEST "\n",
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct tlog_entry entry;
        if (result_is_ok(tlog_entry_parse(bytes_of(BAD[i]), &entry, NULL)))
            fail_msg("case %zu was taken", i);
    }
}

static void nothing_unreadable_is_written(void **state)
{
    (void)state;
    uint8_t text[LIMIT_PUBLIC_ENTRY_BYTES];
    struct writer writer = writer_of(text, sizeof text);
    struct explanation why = {""};
    struct tlog_entry entry = {.kind = TLOG_KIND_RELEASE};
    entry.values[TLOG_FIELD_NAME] = bytes_of("rules");
    entry.values[TLOG_FIELD_VERSION] = bytes_of("1");
    assert_error(tlog_entry_write(&writer, &entry, &why), ERROR_FORMAT);
    assert_non_null(strstr(why.text, "digest"));
    entry.values[TLOG_FIELD_DIGEST] = bytes_of(DIGEST);
    entry.values[TLOG_FIELD_RING] = bytes_of("broad");
    assert_error(tlog_entry_write(&writer, &entry, &why), ERROR_FORMAT);
    assert_non_null(strstr(why.text, "ring"));
    assert_int_equal(writer.at, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_read_and_written_back),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(fields_have_their_form_and_place),
        cmocka_unit_test(nothing_unreadable_is_written),
    };
    return unit_run("entry", tests);
}

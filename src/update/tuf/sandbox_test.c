// SPDX-License-Identifier: Apache-2.0
/* The client and all signature schemes in the strictest sandbox that a process of ours has. */
#include "base/sandbox.h"
#include "tests/unit.h"
#include "update/tuf/fake_repository.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char MESSAGE[] = "a message";

struct signed_message {
    struct private_key *key;
    uint8_t signature[SIGNATURE_BYTES_MAX];
    size_t size;
};

static bool follows(struct fake_repository *fake)
{
    struct tuf_memory *kept = tuf_memory_new();
    const struct tuf_store store = tuf_store_memory(kept);
    const char *anchor = fake_get(fake, "1.root.json");
    struct tuf_client *client = NULL;
    bool is_good = result_is_ok(tuf_client_new(&store, anchor, strlen(anchor), &client, NULL))
                   && fake_refresh(fake, client, FAKE_NOW_S) == TUF_CURRENT
                   && fake_find(fake, client, "file") == TUF_FOUND;
    tuf_client_free(client);
    tuf_memory_free(kept);
    return is_good;
}

static int work_in_sandbox(struct fake_repository *fake, const struct signed_message *messages)
{
    const struct sandbox_profile profile = {.name = "test"};
    if (!result_is_ok(sandbox_enter(&profile, NULL)) || open("/etc/passwd", O_RDONLY) >= 0)
        return 2;
    for (unsigned i = 0; i < SIGNATURE_SCHEME_COUNT; i++)
        if (!signature_verify(private_key_public(messages[i].key), MESSAGE, sizeof MESSAGE,
                              messages[i].signature, messages[i].size))
            return 3;
    return follows(fake) ? 0 : 4;
}

static int wait_for(pid_t child)
{
    int status = 0;
    assert_true(child >= 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

/* RFC 8032 section 7.1, test 2. */
static int verify_from_the_start(void)
{
    static const uint8_t KEY[ED25519_KEY_BYTES] = {
        0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43, 0x89, 0x5a, 0x92, 0xb7, 0x0a, 0xa7, 0x4d, 0x1b, 0x7e,
        0xbc, 0x9c, 0x98, 0x2c, 0xcf, 0x2e, 0xc4, 0x96, 0x8c, 0xc0, 0xcd, 0x55, 0xf1, 0x2a, 0xf4,
        0x66, 0x0c};
    static const uint8_t SIGNATURE[ED25519_SIGNATURE_BYTES] = {
        0x92, 0xa0, 0x09, 0xa9, 0xf0, 0xd4, 0xca, 0xb8, 0x72, 0x0e, 0x82, 0x0b, 0x5f, 0x64, 0x25,
        0x40, 0xa2, 0xb2, 0x7b, 0x54, 0x16, 0x50, 0x3f, 0x8f, 0xb3, 0x76, 0x22, 0x23, 0xeb, 0xdb,
        0x69, 0xda, 0x08, 0x5a, 0xc1, 0xe4, 0x3e, 0x15, 0x99, 0x6e, 0x45, 0x8f, 0x36, 0x13, 0xd0,
        0xf1, 0x1d, 0x8c, 0x38, 0x7b, 0x2e, 0xae, 0xb4, 0x30, 0x2a, 0xee, 0xb0, 0x0d, 0x29, 0x16,
        0x12, 0xbb, 0x0c, 0x00};
    const struct sandbox_profile profile = {.name = "test"};
    if (!result_is_ok(sandbox_enter(&profile, NULL)))
        return 2;
    return ed25519_verify(KEY, "\x72", 1, SIGNATURE) ? 0 : 3;
}

/* Comes first: nothing has touched OpenSSL yet in this process. */
static void the_first_signature_needs_no_file(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(verify_from_the_start());
    assert_int_equal(wait_for(child), 0);
}

static void signatures_and_metadata_need_no_file(void **state)
{
    (void)state;
    struct signed_message messages[SIGNATURE_SCHEME_COUNT] = {0};
    struct fake_repository *fake = fake_repository_new();
    fake_add_target(fake, "targets", "file", "content");
    fake_publish_all(fake);
    for (unsigned i = 0; i < SIGNATURE_SCHEME_COUNT; i++) {
        assert_ok(private_key_generate((enum signature_scheme)i, &messages[i].key, NULL));
        assert_ok(private_key_sign(messages[i].key, MESSAGE, sizeof MESSAGE,
                                   messages[i].signature, &messages[i].size, NULL));
    }
    pid_t child = fork();
    if (child == 0)
        _exit(work_in_sandbox(fake, messages));
    assert_int_equal(wait_for(child), 0);
    for (unsigned i = 0; i < SIGNATURE_SCHEME_COUNT; i++)
        private_key_free(messages[i].key);
    fake_repository_free(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_signature_needs_no_file),
        cmocka_unit_test(signatures_and_metadata_need_no_file),
    };
    return unit_run("tuf/sandbox", tests);
}

// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a note, as a checkpoint, as a verifier key and as a log entry. What is read is
 * within its limits; what has one text only is written back to the same bytes.
 */
#include "update/log/checkpoint.h"

#include "update/log/entry.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void try_note(struct bytes input)
{
    struct note note;
    struct explanation why = {""};
    struct checkpoint checkpoint;
    struct note_key key;
    struct note_times times;
    static const uint8_t NOBODY[ED25519_KEY_BYTES];
    if (!result_is_ok(note_parse(input, &note, &why))) {
        require(*why.text != '\0');
        return;
    }
    require(note.signature_count > 0 && note.signature_count <= LIMIT_NOTE_SIGNATURES);
    require(note.text.size > 0 && note.text.data[note.text.size - 1] == '\n');
    require(result_is_ok(note_key_make("example.com/log", NOTE_KEY_COSIGNATURE, NOBODY, &key,
                                       NULL)));
    /* Also one that the first line claims to be of: it gets as far as the signature. */
    for (int i = 0; i < 2; i++) {
        (void)result_is_ok(note_verify(&note, &key, &times, &why));
        key.id = note.signatures[0].key_id;
    }
    (void)result_is_ok(checkpoint_parse(note.text, &checkpoint, &why));
}

static void try_checkpoint(struct bytes input)
{
    struct checkpoint checkpoint;
    uint8_t again[LIMIT_CHECKPOINT_BYTES];
    struct writer writer = writer_of(again, sizeof again);
    if (!result_is_ok(checkpoint_parse(input, &checkpoint, NULL)))
        return;
    require(result_is_ok(checkpoint_write(&writer, &checkpoint)));
    require(writer.at <= input.size && memcmp(again, input.data, writer.at) == 0);
}

static void try_key(struct bytes input)
{
    struct note_key key;
    char again[NOTE_KEY_TEXT_BYTES];
    if (!result_is_ok(note_key_parse(input, &key, NULL)))
        return;
    note_key_format(&key, again);
    require(strlen(again) == input.size && memcmp(again, input.data, input.size) == 0);
}

static void try_entry(struct bytes input)
{
    struct tlog_entry entry;
    uint8_t again[LIMIT_PUBLIC_ENTRY_BYTES];
    struct writer writer = writer_of(again, sizeof again);
    if (!result_is_ok(tlog_entry_parse(input, &entry, NULL)))
        return;
    require(result_is_ok(tlog_entry_write(&writer, &entry, NULL)));
    require(writer.at == input.size && memcmp(again, input.data, input.size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = {data, size};
    try_note(input);
    try_checkpoint(input);
    try_key(input);
    try_entry(input);
    return 0;
}

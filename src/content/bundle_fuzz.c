// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a bundle, and as its manifest: what is accepted is walked and joined, and its head
 * written back is the same.
 */
#include "content/bundle_join.h"
#include "content/bundle_manifest.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void walk(const struct bundle *bundle)
{
    for (unsigned i = 0; i < BUNDLE_SECTION_COUNT; i++) {
        struct pack_reader files = bundle_files(bundle, (enum bundle_section)i);
        struct pack_file file;
        struct result result;
        while (result_is_ok(result = pack_reader_next(&files, &file)))
            require(bundle_path_is_valid(file.name) && file.content.size <= LIMIT_RULE_FILE_BYTES);
        require(result.error == ERROR_NOT_FOUND);
    }
}

static void join(const struct bundle *bundle)
{
    const struct bundle_pack packs[] = {
        {"a/", bundle->sections[BUNDLE_DETECTIONS]},
        {"b/", bundle->sections[BUNDLE_TESTS]},
    };
    size_t size, used;
    if (!result_is_ok(bundle_join_size(packs, 2, &size, NULL)))
        return;
    uint8_t *out = malloc(size);
    /* Only names that were nearly too long without a prefix do not fit. */
    if (out != NULL && result_is_ok(bundle_join(packs, 2, out, size, &used, NULL)))
        require(used == size);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bundle bundle;
    struct bundle_manifest manifest;
    struct explanation why = {""};
    if (result_is_ok(bundle_open(data, size, &bundle, &why))) {
        uint8_t head[BUNDLE_HEAD_BYTES];
        struct writer writer = writer_of(head, sizeof head);
        require(result_is_ok(bundle_write_head(&bundle, &writer)));
        require(memcmp(head, data, sizeof head) == 0);
        walk(&bundle);
        join(&bundle);
        (void)result_is_ok(bundle_manifest_read(bundle.sections[BUNDLE_MANIFEST], &manifest, &why));
    } else {
        require(*why.text != '\0');
    }
    why.text[0] = '\0';
    require(result_is_ok(bundle_manifest_read((struct bytes){data, size}, &manifest, &why))
            || *why.text != '\0');
    return 0;
}

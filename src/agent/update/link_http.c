// SPDX-License-Identifier: Apache-2.0
#include "agent/update/link_http.h"

#include "base/bytes.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    CONNECT_S = 10,
    SLOW_BYTES_PER_S = 64, /* a server that sends less ... */
    SLOW_S = 20,           /* ... for so long is given up on */
    TOTAL_S = 10 * 60,
    HTTP_OK = 200,
    HTTP_NOT_FOUND = 404,
    HTTP_GONE = 410,
};

struct link_http {
    CURL *curl;
    struct bytes authorities;
    void (*wait)(void *context);
    void *context;
    char error[CURL_ERROR_SIZE];
    int file;
    uint64_t size, bytes_max;
    bool is_over;
};

RESULT link_http_new(struct bytes authorities, void (*wait)(void *context), void *context,
                     struct link_http **ret_http, struct explanation *why)
{
    struct link_http *http = calloc(1, sizeof *http);
    if (http == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(http);
        return explain(why, ERROR_MEMORY, "HTTP cannot be started");
    }
    *http = (struct link_http){.authorities = authorities, .wait = wait, .context = context};
    http->curl = curl_easy_init();
    if (http->curl == NULL) {
        link_http_free(http);
        return explain(why, ERROR_MEMORY, "HTTP cannot be started");
    }
    *ret_http = http;
    return RESULT_OK;
}

void link_http_free(struct link_http *http)
{
    if (http == NULL)
        return;
    curl_easy_cleanup(http->curl);
    curl_global_cleanup();
    free(http);
}

static size_t take(char *data, size_t size, size_t count, void *context)
{
    struct link_http *http = context;
    size_t more = size * count;
    http->is_over = more > http->bytes_max - http->size;
    if (http->is_over)
        return 0;
    ssize_t written = pwrite(http->file, data, more, (off_t)http->size);
    if (written < 0 || (size_t)written != more)
        return 0;
    http->size += more;
    return more;
}

static int progress(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total,
                    curl_off_t up)
{
    struct link_http *http = context;
    (void)total;
    (void)now;
    (void)up_total;
    (void)up;
    http->wait(http->context);
    return 0;
}

/* False where this libcurl lacks an option: then nothing is asked for. */
static bool prepare(struct link_http *http, const char *address)
{
    CURL *curl = http->curl;
    struct curl_blob blob = {.data = (void *)(uintptr_t)http->authorities.data,
                             .len = http->authorities.size,
                             .flags = CURL_BLOB_NOCOPY};
    curl_easy_reset(curl);
    http->error[0] = '\0';
    return curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->error) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES_PER_S) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)SLOW_S) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TOTAL_S) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_USERAGENT, "creance/" CREANCE_VERSION) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, progress) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_XFERINFODATA, http) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_WRITEDATA, http) == CURLE_OK
           && (http->authorities.size == 0
               || curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK)
           && curl_easy_setopt(curl, CURLOPT_URL, address) == CURLE_OK;
}

/* What a server's status means; its words do not matter. */
static enum line_verdict verdict_of(long status)
{
    if (status == HTTP_OK)
        return LINE_THERE;
    return status == HTTP_NOT_FOUND || status == HTTP_GONE ? LINE_ABSENT : LINE_FAILED;
}

void link_http_get(struct link_http *http, const char *address, int file, uint64_t bytes_max,
                   struct line_answer *answer, struct explanation *why)
{
    http->file = file;
    http->bytes_max = bytes_max;
    http->size = 0;
    http->is_over = false;
    answer->verdict = LINE_FAILED;
    if (ftruncate(file, 0) != 0) {
        result_ignore(explain_errno(why, "incoming/arrival cannot be written"));
        return;
    }
    if (!prepare(http, address)) {
        result_ignore(explain(why, ERROR_UNSUPPORTED, "this libcurl cannot ask for %s", address));
        return;
    }
    CURLcode code = curl_easy_perform(http->curl);
    long status = 0;
    curl_off_t retry_s = 0;
    (void)curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(http->curl, CURLINFO_RETRY_AFTER, &retry_s);
    answer->status = status > 0 ? (uint32_t)status : 0;
    answer->retry_s = retry_s > LINE_RETRY_MAX_S ? LINE_RETRY_MAX_S
                                                 : (uint32_t)(retry_s > 0 ? retry_s : 0);
    answer->size = http->size;
    if (http->is_over)
        answer->verdict = LINE_TOO_LONG;
    else if (code == CURLE_OK)
        answer->verdict = verdict_of(status);
    if (code != CURLE_OK)
        result_ignore(explain(why, ERROR_CLOSED, "%s: %s", address,
                              http->is_over ? "more bytes than there may be"
                              : *http->error != '\0' ? http->error : curl_easy_strerror(code)));
    else if (answer->verdict == LINE_FAILED)
        result_ignore(explain(why, ERROR_CLOSED, "%s answers %ld", address, status));
}

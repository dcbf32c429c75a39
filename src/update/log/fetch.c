// SPDX-License-Identifier: Apache-2.0
#include "update/log/fetch.h"

#include "base/bytes.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

enum { HTTP_OK = 200, HTTP_NOT_FOUND = 404, HTTP_GONE = 410 };

struct fetch {
    CURL *curl;
    char error[CURL_ERROR_SIZE];
};

/* Where an answer goes. */
struct sink {
    uint8_t *data;
    size_t capacity, size;
    bool is_over;
};

RESULT fetch_open(struct fetch **ret_fetch, struct explanation *why)
{
    struct fetch *fetch = calloc(1, sizeof *fetch);
    if (fetch == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(fetch);
        return explain(why, ERROR_MEMORY, "HTTP cannot be started");
    }
    fetch->curl = curl_easy_init();
    if (fetch->curl == NULL) {
        fetch_close(fetch);
        return explain(why, ERROR_MEMORY, "HTTP cannot be started");
    }
    *ret_fetch = fetch;
    return RESULT_OK;
}

void fetch_close(struct fetch *fetch)
{
    if (fetch == NULL)
        return;
    curl_easy_cleanup(fetch->curl);
    curl_global_cleanup();
    free(fetch);
}

bool fetch_is_url(const char *text)
{
    return string_starts_with(text, "https://") || string_starts_with(text, "http://");
}

static size_t take(char *data, size_t size, size_t count, void *context)
{
    struct sink *sink = context;
    size_t more = size * count;
    if (more > sink->capacity - sink->size) {
        sink->is_over = true;
        return 0;
    }
    bytes_copy(sink->data + sink->size, sink->capacity - sink->size, data, more);
    sink->size += more;
    return more;
}

/* False where this libcurl lacks an option: then nothing is asked for. */
static bool prepare(struct fetch *fetch, const char *url, struct sink *sink)
{
    CURL *curl = fetch->curl;
    curl_easy_reset(curl);
    fetch->error[0] = '\0';
    return curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, fetch->error) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)FETCH_CONNECT_S) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)FETCH_TOTAL_S) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_USERAGENT, "creance/" CREANCE_VERSION) == CURLE_OK
           /* tlog-tiles, "Log entries": bundles may come compressed. */
           && curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "gzip") == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_WRITEDATA, sink) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK;
}

static RESULT perform(struct fetch *fetch, const char *url, const struct sink *sink,
                      size_t *ret_size, unsigned *ret_status, struct explanation *why)
{
    CURLcode code = curl_easy_perform(fetch->curl);
    long status = 0;
    if (sink->is_over)
        return explain(why, ERROR_LIMIT, "%s answers with more than %zu bytes", url,
                       sink->capacity);
    if (code != CURLE_OK)
        return explain(why, ERROR_CLOSED, "%s cannot be reached: %s", url,
                       *fetch->error != '\0' ? fetch->error : curl_easy_strerror(code));
    if (curl_easy_getinfo(fetch->curl, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
        return explain(why, ERROR_CLOSED, "%s answers without a status", url);
    *ret_size = sink->size;
    *ret_status = (unsigned)status;
    return RESULT_OK;
}

static RESULT start(struct fetch *fetch, const char *url, struct sink *sink,
                    struct explanation *why)
{
    if (!fetch_is_url(url))
        return explain(why, ERROR_UNSUPPORTED, "\"%.128s\" is no http or https URL", url);
    if (!prepare(fetch, url, sink))
        return explain(why, ERROR_UNSUPPORTED, "this libcurl cannot ask for %s", url);
    return RESULT_OK;
}

RESULT fetch_get(struct fetch *fetch, const char *url, void *out, size_t capacity,
                 size_t *ret_size, unsigned *ret_status, struct explanation *why)
{
    struct sink sink = {.data = out, .capacity = capacity};
    GUARD(start(fetch, url, &sink, why));
    return perform(fetch, url, &sink, ret_size, ret_status, why);
}

RESULT fetch_post(struct fetch *fetch, const char *url, struct bytes body, void *out,
                  size_t capacity, size_t *ret_size, unsigned *ret_status,
                  struct explanation *why)
{
    struct sink sink = {.data = out, .capacity = capacity};
    GUARD(start(fetch, url, &sink, why));
    /* No "Expect: 100-continue": it costs a second with servers that do not know it. */
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    struct result result;
    if (headers == NULL
        || curl_slist_append(headers, "Content-Type: text/plain; charset=utf-8") == NULL
        || curl_easy_setopt(fetch->curl, CURLOPT_HTTPHEADER, headers) != CURLE_OK
        || curl_easy_setopt(fetch->curl, CURLOPT_POSTFIELDSIZE, (long)body.size) != CURLE_OK
        || curl_easy_setopt(fetch->curl, CURLOPT_POSTFIELDS, body.data) != CURLE_OK)
        result = explain(why, ERROR_MEMORY, "no memory to ask %s", url);
    else
        result = perform(fetch, url, &sink, ret_size, ret_status, why);
    curl_slist_free_all(headers);
    return result;
}

/* --- the seams -------------------------------------------------------------------------------- */

static struct result source_read(void *context, const char *path, void *out, size_t capacity,
                                 size_t *ret_size, struct explanation *why)
{
    const struct fetch_log *log = context;
    char url[LIMIT_URL_BYTES + TILE_PATH_BYTES];
    unsigned status;
    (void)string_format(url, sizeof url, "%s/%s", log->prefix, path);
    GUARD(fetch_get(log->fetch, url, out, capacity, ret_size, &status, why));
    if (status == HTTP_NOT_FOUND || status == HTTP_GONE)
        return explain(why, ERROR_NOT_FOUND, "there is no %s", url);
    if (status != HTTP_OK)
        return explain(why, ERROR_CLOSED, "%s answers %u", url, status);
    return RESULT_OK;
}

struct tlog_source fetch_source(struct fetch_log *log)
{
    return (struct tlog_source){source_read, log};
}

static struct result line_post(void *context, const char *url, struct bytes body, void *out,
                               size_t capacity, size_t *ret_size, unsigned *ret_status,
                               struct explanation *why)
{
    return fetch_post(context, url, body, out, capacity, ret_size, ret_status, why);
}

struct cosigning_line fetch_line(struct fetch *fetch)
{
    return (struct cosigning_line){line_post, fetch};
}

// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a request of a local client. What is understood must be within its limits and must
 * judge an event without looking outside of it.
 */
#include "agent/control/request.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void judge(const struct request *request)
{
    static const char TEXT[] = "/usr/bin/nc -e /bin/sh";
    for (unsigned kind = 0; kind < EVENT_KIND_COUNT; kind++) {
        struct event event;
        event_init(&event, (enum event_kind)kind, 1, 2);
        event_set_text(&event, FIELD_process_arguments, TEXT, sizeof TEXT - 1);
        event_set_text(&event, FIELD_process_executable, TEXT, 11);
        event_set_number(&event, FIELD_process_pid, 1);
        bool is_wanted = request_matches(request, &event);
        require(!is_wanted || (request->kinds >> kind & 1) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request request;
    struct explanation why = {""};
    struct result result = request_parse((const char *)data, size, &request, &why);
    if (!result_is_ok(result)) {
        require(why.text[0] != '\0');
        return 0;
    }
    require((unsigned)request.verb < REQUEST_VERB_COUNT);
    require((unsigned)request.form < EVENT_FORM_COUNT);
    require(request.filter_count <= REQUEST_FILTERS_MAX && request.last <= REQUEST_LAST_MAX);
    judge(&request);
    return 0;
}

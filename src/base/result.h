// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What every function that can fail returns, and how it tells people why.
 *
 * A `struct result` must be looked at: RESULT marks the function so that the compiler refuses
 * a call whose result is dropped. Pass failures up with GUARD; drop one on purpose with
 * result_ignore() and a reason.
 *
 * Where a person will read the failure, the function also takes a `struct explanation *why`
 * as its last parameter: untouched on success, one whole sentence on failure that says what
 * failed, where, and what was expected. `why` may be NULL.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, arguments_at) \
    __attribute__((format(printf, format_at, arguments_at)))

/* The kinds of failure that callers tell apart. ERROR_NAMES in result.c has one row for each. */
enum error {
    ERROR_NONE = 0,
    ERROR_SYSTEM,      /* a system call failed: see result.system_errno */
    ERROR_MEMORY,      /* an allocation or an arena limit was hit */
    ERROR_LIMIT,       /* the input is larger than a limit of limits.h */
    ERROR_FORMAT,      /* the input is not what its format says */
    ERROR_UNSUPPORTED, /* well formed, but not something that we (or this machine) can do */
    ERROR_NOT_FOUND,
    ERROR_STATE,       /* not allowed in the present state or phase */
    ERROR_CLOSED,      /* the other side is gone */
    ERROR_AGAIN,       /* nothing there now; try later */
    ERROR_COUNT
};

struct result {
    enum error error;
    int system_errno; /* errno where error is ERROR_SYSTEM, else 0 */
};

/* The return type of functions that can fail: `RESULT ring_open(...)`. */
#define RESULT MUST_USE struct result

#define RESULT_OK ((struct result){ERROR_NONE, 0})

static inline bool result_is_ok(struct result result) { return result.error == ERROR_NONE; }

static inline struct result result_fail(enum error error) { return (struct result){error, 0}; }

/* The failure of the system call that was made last. */
static inline struct result result_from_errno(void)
{
    return (struct result){ERROR_SYSTEM, errno};
}

/* Drops a result on purpose. The call site says why in a comment. */
static inline void result_ignore(struct result result) { (void)result; }

/* Returns the failure of `expression` to the caller, if it is one. */
#define GUARD(expression)                        \
    do {                                         \
        struct result guard_result_ = (expression); \
        if (!result_is_ok(guard_result_))        \
            return guard_result_;                \
    } while (0)

/* A short name such as "limit"; for ERROR_SYSTEM the text of the errno. Never NULL. */
const char *result_text(struct result result);

/* One sentence for a person. Longer ones are cut at the end. */
enum { EXPLANATION_BYTES = 768 };
struct explanation {
    char text[EXPLANATION_BYTES];
};

/* Fills `why` (which may be NULL) and returns result_fail(error): `return explain(why, ...)`. */
RESULT explain(struct explanation *why, enum error error, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* The same for the system call that was made last; ": " and the errno's text are added. */
RESULT explain_errno(struct explanation *why, const char *format, ...) PRINTF_LIKE(2, 3);

/*
 * Compilers and analyzers read one file at a time. Around a function of another file that always
 * fails, this lets them see that it never returns RESULT_OK, so that "may be used uninitialized"
 * means what it says. `error` is the one that the function was given.
 */
static inline struct result result_as_failure(struct result result, enum error error)
{
    return (struct result){error, result.system_errno};
}

#ifndef RESULT_IMPLEMENTATION
#define explain(why, error, ...) \
    result_as_failure((explain)(why, error, __VA_ARGS__), error)
#define explain_errno(why, ...) \
    result_as_failure((explain_errno)(why, __VA_ARGS__), ERROR_SYSTEM)
#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * The one place where sanitized builds differ inside a sandbox: the leak checker stops its own
 * process with ptrace at exit, which no sandbox of ours allows. Linked into sandboxed programs
 * only; the same code is checked for leaks by the unit tests.
 */
#if defined(__SANITIZE_ADDRESS__)
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_leaks=0"; }
#else
typedef int sanitizer_needs_nothing; /* ISO C forbids an empty translation unit */
#endif

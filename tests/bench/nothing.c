// SPDX-License-Identifier: Apache-2.0
/* The static program that `bench-load exec` starts: it ends at once. */
int main(void) { return 0; }

// SPDX-License-Identifier: Apache-2.0
/* Does nothing, as cheaply as a program can: static, no sanitizer. What a storm starts. */
int main(void)
{
    return 0;
}

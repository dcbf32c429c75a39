// SPDX-License-Identifier: Apache-2.0
#pragma once

/* How `creance` ends. Scripts rely on these numbers: they never change their meaning. */
enum cli_exit {
    CLI_GOOD = 0,
    CLI_FINDING = 1,     /* it worked, and what it found is bad: rejected rules, failed tests */
    CLI_USAGE = 2,       /* wrong command line */
    CLI_INPUT = 3,       /* a file that was handed in cannot be read or is not what it should be */
    CLI_UNAVAILABLE = 4, /* something needed is not there: no agent, no right, no memory, no disk */
};

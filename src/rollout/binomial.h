// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Exact binomial tails and what follows from them. Pure. */
#include <stdint.h>

/* The chance of at most `bad` of `hosts`, each of which is bad with chance `rate`. */
double binomial_at_most(uint32_t hosts, uint32_t bad, double rate);

/* Clopper and Pearson's upper bound: the lowest rate at which `bad` or fewer of `hosts` would be
 * seen with a chance of only `unsure`. 1 for no hosts. */
double binomial_upper(uint32_t hosts, uint32_t bad, double unsure);

/* So many of `hosts` can be bad at that rate; more only with a chance of `unsure`. */
uint32_t binomial_plausible(uint32_t hosts, double rate, double unsure);

// SPDX-License-Identifier: Apache-2.0
#include "rollout/binomial.h"

#include <math.h>
#include <stdbool.h>

static double log_factorial(double number)
{
    int sign;
    return lgamma_r(number + 1, &sign);
}

/* The chance of exactly `bad`; rate in (0, 1). */
static double chance_of(double hosts, double bad, double rate)
{
    double log_ways = log_factorial(hosts) - log_factorial(bad) - log_factorial(hosts - bad);
    return exp(log_ways + bad * log(rate) + (hosts - bad) * log1p(-rate));
}

/* Terms on the far side of the mean fall faster than a geometric row, so few count: the sum is
 * taken from `bad` away from the mean. */
double binomial_at_most(uint32_t hosts, uint32_t bad, double rate)
{
    const double SMALL = 1e-16;
    if (bad >= hosts || rate <= 0)
        return 1;
    if (rate >= 1)
        return 0;
    double odds = rate / (1 - rate), sum = 0;
    bool is_below = bad < hosts * rate;
    double at = is_below ? bad : bad + 1.0;
    double term = chance_of(hosts, at, rate);
    while (at >= 0 && at <= hosts && term > sum * SMALL) {
        sum += term;
        term *= is_below ? at / (hosts - at + 1) / odds : (hosts - at) / (at + 1) * odds;
        at += is_below ? -1 : 1;
    }
    sum = sum > 1 ? 1 : sum;
    return is_below ? sum : 1 - sum;
}

/* Newton's steps, halving where one leads out of what is known: each tail has up to thousands of
 * terms, so few of them is better than forty. */
double binomial_upper(uint32_t hosts, uint32_t bad, double unsure)
{
    enum { STEPS_MAX = 100 };
    const double PRECISE = 1e-12;
    if (bad >= hosts)
        return 1;
    double low = (double)bad / hosts, high = 1, rate = (low + high) / 2;
    for (unsigned i = 0; i < STEPS_MAX && high - low > PRECISE; i++) {
        double over = binomial_at_most(hosts, bad, rate) - unsure;
        double slope = -((double)hosts - bad) * chance_of(hosts, bad, rate) / (1 - rate);
        if (over > 0)
            low = rate;
        else
            high = rate;
        double next = rate - over / slope;
        if (!(next > low && next < high))
            next = (low + high) / 2;
        else if (fabs(next - rate) < PRECISE / 4)
            return next;
        rate = next;
    }
    return high;
}

uint32_t binomial_plausible(uint32_t hosts, double rate, double unsure)
{
    uint32_t low = 0, high = hosts;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (1 - binomial_at_most(hosts, middle, rate) > unsure)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// SPDX-License-Identifier: Apache-2.0
#pragma once
/* For tests: rules with nearly every construct, and events that they match. */

#define SOURCE "logsource: {category: c}\n"
#define RULE(name, selection, condition) \
    "title: " name "\nid: id-" name "\nname: " name "\nlevel: high\ntags: [attack.t1059]\n" SOURCE \
    "detection:\n  s: " selection "\n  t: {user: root}\n  condition: " condition "\n---\n"

/* Everything but regular expressions: those need Vectorscan, and time. */
static const char PLAIN[] =
    RULE("texts", "{a|contains: [one, 'tw?o*x', three], b|startswith: /bin/}", "s and not t")
    RULE("many", "{a: [a1, a2, a3, a4, a5, a6, a7, a8, a9, b1, b2, b3, b4, b5, b6, b7, b8]}", "s")
    RULE("cased", "{a|cased: Upper, b|endswith: '-x'}", "1 of s")
    RULE("others", "{ip|cidr: [10.0.0.0/9, 'fe80::/10'], n|gte: 5, m|lt: 2.5, x|exists: true}", "s")
    RULE("more", "{z: null, a|fieldref: b, when|hour: 7}",
         "[s or s or s or s or s, t]")
    RULE("words", "[keyword, 'an?ther']", "s")
    "title: Other\nlogsource: {category: d}\ndetection: {s: {a: b}, condition: s}\n---\n"
    "title: Count\nname: count\n"
    "correlation: {type: event_count, rules: [many], group-by: [user], "
    "timespan: 1h, condition: {gte: 2}}\n---\n"
    "title: Values\nname: values\n"
    "correlation: {type: value_count, rules: [texts], group-by: [user], "
    "timespan: 1h, condition: {gte: 1, field: a}}\n---\n"
    "title: Both\ncorrelation: {type: temporal, rules: [count, values, cased], group-by: [user], "
    "timespan: 1h, condition: count or values and not cased}\n---\n"
    "title: Percent\n"
    "correlation: {type: value_percentile, rules: [others], timespan: 1s, condition: "
    "{gte: 1, field: n, percentile: 50}}\n---\n"
    "title: Out\n" SOURCE "filter: {rules: [texts], f: {a: never}, condition: not f}\n---\n"
    "field-names: {alpha: a, win.*: '*'}\n---\n"
    "title: Bad\ndetection: {}\n---\n";
static const char WITH_REGEX[] = RULE("regex", "{a|re: 'x.*(one|two)', b|re|i: '^Y+$'}", "s");

static const char *const EVENTS[] = {
    "{\"category\": \"c\", \"a\": \"x one\", \"b\": \"/bin/x\", \"user\": \"u\"}",
    "{\"category\": \"c\", \"alpha\": \"a9\", \"user\": \"u\", \"@timestamp\": 1000}",
    "{\"category\": \"c\", \"a\": \"b8\", \"user\": \"u\", \"@timestamp\": 1001}",
    "{\"category\": \"c\", \"a\": \"Upper\", \"b\": \"q-x\", \"user\": \"root\"}",
    "{\"category\": \"c\", \"ip\": \"10.1.2.3\", \"n\": \"7\", \"m\": 2, \"x\": 1}",
    "{\"category\": \"c\", \"ip\": \"fe80::1\", \"n\": \"5\", \"m\": 1, \"x\": null}",
    "{\"category\": \"c\", \"a\": \"same\", \"b\": \"same\", \"when\": \"2026-01-01T07:00:00Z\"}",
    "{\"category\": \"c\", \"free\": \"a keyword and another\"}",
    "{\"category\": \"c\", \"a\": \"twoo....x\", \"win\": {\"a\": [\"a1\", \"\"]}}",
    "{\"category\": \"c\", \"a\": \"x and two\", \"b\": \"yYy\"}",
};

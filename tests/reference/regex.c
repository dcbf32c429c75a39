// SPDX-License-Identifier: Apache-2.0
/*
 * Regular expressions as sets: the places where a node can end when it begins at one place, as
 * bits. No backtracking and no cleverness: each node is asked at each place.
 */
#include "tests/reference/sigma.h"

typedef uint64_t places; /* bit n: before character n; texts have fewer than 64 */

struct search {
    const struct regex *regex;
    const struct text *text;
};

static places ends_of(const struct search *search, size_t index, size_t at);

static bool same(const struct search *search, uint32_t first, uint32_t second)
{
    return search->regex->ignores_case ? fold(first) == fold(second) : first == second;
}

static bool class_holds(const struct search *search, const struct regex_node *node,
                        uint32_t character)
{
    for (size_t i = 0; i < node->character_count; i++)
        if (same(search, node->characters[i], character))
            return !node->is_negated;
    return node->is_negated;
}

/* Where a run of nodes ends that begins at any of `from`. */
static places run_ends(const struct search *search, const size_t *nodes, size_t count, places from)
{
    for (size_t i = 0; i < count; i++) {
        places next = 0;
        for (size_t at = 0; at <= search->text->count; at++)
            if ((from >> at & 1) != 0)
                next |= ends_of(search, nodes[i], at);
        from = next;
    }
    return from;
}

static places ends_once(const struct search *search, const struct regex_node *node, size_t at)
{
    const struct text *text = search->text;
    bool is_inside = at < text->count;
    uint32_t character = is_inside ? text->units[at] : 0;
    places next = is_inside ? (places)1 << (at + 1) : 0;
    places here = (places)1 << at;
    places ends = 0;
    switch (node->kind) {
    case REGEX_CHARACTER:
        return is_inside && same(search, node->characters[0], character) ? next : 0;
    case REGEX_DOT:
        return is_inside && (search->regex->dot_is_all || character != '\n') ? next : 0;
    case REGEX_CLASS:
        return is_inside && class_holds(search, node, character) ? next : 0;
    case REGEX_BEGIN:
        if (at == 0 || (search->regex->is_multiline && text->units[at - 1] == '\n'))
            return here;
        return 0;
    case REGEX_END: /* also before a newline that ends the text */
        if (at == text->count || (at + 1 == text->count && character == '\n')
            || (search->regex->is_multiline && character == '\n'))
            return here;
        return 0;
    case REGEX_GROUP:
        for (size_t i = 0; i < node->branch_count; i++)
            ends |= run_ends(search, node->branches[i], node->branch_sizes[i], here);
        return ends;
    }
    return 0;
}

static places ends_of(const struct search *search, size_t index, size_t at)
{
    const struct regex_node *node = &search->regex->nodes[index];
    places from = (places)1 << at;
    places ends = node->least == 0 ? from : 0;
    for (unsigned times = 1; times <= node->most && from != 0 && times <= 64; times++) {
        places next = 0;
        for (size_t place = 0; place <= search->text->count; place++)
            if ((from >> place & 1) != 0)
                next |= ends_once(search, node, place);
        from = next;
        if (times >= node->least)
            ends |= from;
    }
    return ends;
}

bool regex_is_found(const struct regex *regex, const struct text *text)
{
    struct search search = {regex, text};
    for (size_t at = 0; at <= text->count; at++)
        if (ends_of(&search, 0, at) != 0)
            return true;
    return false;
}

/* --- making and writing them ----------------------------------------------------------------- */

static const uint32_t LETTERS[] = {'a', 'b', 'A', '/', '0', ' ', '-', '.'};
enum { LETTER_COUNT = sizeof LETTERS / sizeof LETTERS[0] };

static size_t make_node(struct regex *regex, unsigned depth);

static void fill_group(struct regex *regex, size_t index, unsigned depth)
{
    /* By index throughout: nodes are appended meanwhile. */
    size_t branch_count = 1 + (pick(3) == 0 ? pick(REGEX_BRANCHES) : 0);
    for (size_t branch = 0; branch < branch_count; branch++) {
        size_t size = 1 + pick(3);
        for (size_t i = 0; i < size; i++) {
            if (regex->count + 2 >= REGEX_NODES)
                size = i;
            else
                regex->nodes[index].branches[branch][i] = make_node(regex, depth + 1);
        }
        regex->nodes[index].branch_sizes[branch] = size;
    }
    regex->nodes[index].branch_count = branch_count;
}

/* Only at the ends of an alternative: the engine refuses anchors inside. */
static size_t make_anchor(struct regex *regex, enum regex_kind kind)
{
    regex->nodes[regex->count] = (struct regex_node){.kind = kind, .least = 1, .most = 1};
    return regex->count++;
}

static void fill_repeat(struct regex_node *node)
{
    static const unsigned TIMES[][2] = {{0, 1}, {0, UNLIMITED}, {1, UNLIMITED}, {2, 2}, {1, 3}};
    node->least = node->most = 1;
    if (pick(4) == 0) {
        unsigned which = pick(5);
        node->least = TIMES[which][0];
        node->most = TIMES[which][1];
    }
}

static size_t make_node(struct regex *regex, unsigned depth)
{
    size_t index = regex->count++;
    struct regex_node node = {.kind = REGEX_CHARACTER};
    unsigned kind = pick(depth > 2 ? 10 : 13);
    node.characters[0] = LETTERS[pick(LETTER_COUNT)];
    node.character_count = 1;
    if (kind == 7)
        node.kind = REGEX_DOT;
    if (kind == 8) {
        node.kind = REGEX_CLASS;
        node.is_negated = pick(3) == 0;
        for (; node.character_count < 1 + pick(CLASS_CHARACTERS - 1); node.character_count++)
            node.characters[node.character_count] = LETTERS[pick(LETTER_COUNT)];
    }
    if (kind > 9)
        node.kind = REGEX_GROUP;
    fill_repeat(&node);
    regex->nodes[index] = node;
    if (node.kind == REGEX_GROUP)
        fill_group(regex, index, depth);
    return index;
}

void make_regex(struct regex *ret_regex)
{
    *ret_regex = (struct regex){.count = 1,
                                .ignores_case = pick(3) == 0,
                                .is_multiline = pick(4) == 0,
                                .dot_is_all = pick(4) == 0};
    struct regex_node *whole = &ret_regex->nodes[0];
    *whole = (struct regex_node){.kind = REGEX_GROUP, .least = 1, .most = 1};
    fill_group(ret_regex, 0, 0);
    for (size_t i = 0; i < whole->branch_count; i++) {
        if (whole->branch_sizes[i] == 0 || ret_regex->count + 1 >= REGEX_NODES)
            continue;
        if (pick(6) == 0)
            whole->branches[i][0] = make_anchor(ret_regex, REGEX_BEGIN);
        else if (pick(6) == 0)
            whole->branches[i][whole->branch_sizes[i] - 1] = make_anchor(ret_regex, REGEX_END);
    }
}

static void write_character(FILE *out, uint32_t character)
{
    if (character == '.' || character == '/' || character == '-')
        fputc('\\', out);
    write_code_point(out, character);
}

static void write_times(FILE *out, const struct regex_node *node)
{
    if (node->least == 1 && node->most == 1)
        return;
    if (node->most == UNLIMITED)
        fputc(node->least == 0 ? '*' : '+', out);
    else if (node->least == 0)
        fputc('?', out);
    else if (node->least == node->most)
        fprintf(out, "{%u}", node->least);
    else
        fprintf(out, "{%u,%u}", node->least, node->most);
}

static void write_branches(FILE *out, const struct regex *regex, const struct regex_node *group);

static void write_node(FILE *out, const struct regex *regex, size_t index)
{
    const struct regex_node *node = &regex->nodes[index];
    switch (node->kind) {
    case REGEX_CHARACTER:
        write_character(out, node->characters[0]);
        break;
    case REGEX_DOT:
        fputc('.', out);
        break;
    case REGEX_BEGIN:
        fputc('^', out);
        break;
    case REGEX_END:
        fputc('$', out);
        break;
    case REGEX_CLASS:
        fputs(node->is_negated ? "[^" : "[", out);
        for (size_t i = 0; i < node->character_count; i++)
            write_character(out, node->characters[i]);
        fputc(']', out);
        break;
    case REGEX_GROUP:
        fputs("(?:", out);
        write_branches(out, regex, node);
        fputc(')', out);
        break;
    }
    write_times(out, node);
}

static void write_branches(FILE *out, const struct regex *regex, const struct regex_node *group)
{
    for (size_t branch = 0; branch < group->branch_count; branch++) {
        if (branch > 0)
            fputc('|', out);
        for (size_t i = 0; i < group->branch_sizes[branch]; i++)
            write_node(out, regex, group->branches[branch][i]);
    }
}

void write_regex(FILE *out, const struct regex *regex)
{
    write_branches(out, regex, &regex->nodes[0]);
}

/* Lines that were moved: blocks of added lines whose text was removed elsewhere in the change, in
 * whatever file. White space around lines does not matter here; what cares is told. A block counts
 * when it has as many letters and digits as git wants of one (--color-moved), so that "}" or
 * "return 0;" are not taken for moved ones. Each removed line stands for one added line: a second
 * copy is new. */
#include "diff_priv.h"

#include <stdlib.h>

/* A change that is made of the same lines again and again would be looked at for each of them from
 * each of them on; what is not looked at any more is new. */
enum { LETTERS_MIN = 20, CANDIDATES_MAX = 64, LOOKS_EACH = 256 };

struct index { /* removed lines by their text */
    uint32_t *head, *next;
    size_t mask;
};

static struct sco_str trimmed(const struct diff_line *l)
{
    return sco_str_trim(sco_str_make(l->p, l->n));
}

static int index_init(struct index *x, const struct diff_lines *removed)
{
    size_t cap = 64;
    while (cap < removed->n * 2)
        cap *= 2;
    x->mask = cap - 1;
    x->head = sco_alloc(cap, sizeof *x->head);
    x->next = sco_alloc(removed->n + 1, sizeof *x->next);
    if (!x->head || !x->next)
        return SCO_E_NOMEM;
    for (size_t i = removed->n; i-- > 0;) {
        struct sco_str s = trimmed(&removed->v[i]);
        size_t at = sco_hash(s.p, s.n, 0) & x->mask;
        x->next[i] = x->head[at];
        x->head[at] = (uint32_t)i + 1;
    }
    return 0;
}

static void index_done(struct index *x)
{
    free(x->head);
    free(x->next);
}

static bool same_block(const struct diff_lines *l, size_t a, size_t b)
{
    return b < l->n && l->v[a].hunk == l->v[b].hunk;
}

/* How many lines from both on are the same, and their letters. */
static size_t match(const struct diff_build *b, size_t added, size_t removed, uint64_t *looks,
                    uint32_t *ret_letters)
{
    size_t n = 0;
    *ret_letters = 0;
    while (*looks &&
           (n == 0 || (same_block(&b->added, added, added + n) &&
                       same_block(&b->removed, removed, removed + n))) &&
           !b->removed.v[removed + n].used &&
           sco_str_eq(trimmed(&b->added.v[added + n]), trimmed(&b->removed.v[removed + n]))) {
        *ret_letters += b->added.v[added + n].letters;
        n++;
        --*looks;
    }
    return n;
}

static void mark(struct diff_build *b, size_t added, size_t removed, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct diff_line *a = &b->added.v[added + i], *r = &b->removed.v[removed + i];
        a->used = r->used = true;
        a->indented = a->n != r->n; /* the ends are trimmed, so that only the start can differ */
        if (a->n == r->n && a->n)
            a->indented = memcmp(a->p, r->p, a->n) != 0;
    }
}

int diff_find_moved(struct diff_build *b, struct sco_error *err)
{
    struct index x = {0};
    uint64_t looks = (uint64_t)LOOKS_EACH * (b->added.n + 1);
    if (!b->added.n || !b->removed.n)
        return 0;
    if (index_init(&x, &b->removed) < 0) {
        index_done(&x);
        return sco_error_nomem(err);
    }
    for (size_t i = 0; i < b->added.n && looks;) {
        struct sco_str s = trimmed(&b->added.v[i]);
        size_t best = 0, from = 0, tried = 0;
        uint32_t at = s.n ? x.head[sco_hash(s.p, s.n, 0) & x.mask] : 0;
        for (; at && tried < CANDIDATES_MAX; at = x.next[at - 1], tried++) {
            uint32_t letters = 0;
            size_t n = match(b, i, at - 1, &looks, &letters);
            if (letters >= LETTERS_MIN && n > best) {
                best = n;
                from = at - 1;
            }
        }
        mark(b, i, from, best);
        i += best ? best : 1;
    }
    index_done(&x);
    return 0;
}

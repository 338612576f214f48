/* Source and infrastructure findings of different tools, by place.
 *
 * Findings go into buckets: SAST by path and CWE; IaC by path and check (each alias is a bucket of
 * its own). A bucket is sorted by line, and on one line so that the first finding of every tool
 * comes before the second of any: the k-th of one tool meets the k-th of the others. The work per
 * finding is bounded, however many share a line; what is not compared stays unmerged. */
#include "correlate_priv.h"

#include <stdlib.h>

struct item {
    uint64_t bucket;
    const char *id; /* CWE or check */
    uint32_t finding;
    uint32_t nth; /* among the findings of its tool on this line */
    int32_t line;
    uint32_t tool; /* rank of the first tool */
};

struct items {
    struct item *v;
    size_t n, cap;
    size_t *buckets; /* where each begins, in the order of content */
    size_t n_buckets, cap_buckets;
    const struct sco_finding *findings;
};

static int push(struct correlation *c, struct items *l, uint32_t i, struct item x)
{
    if (SCO_VEC_PUSH(l->v, l->n, l->cap) < 0)
        return SCO_E_NOMEM;
    x.finding = i;
    x.tool = (uint32_t)__builtin_ctzll(c->tools[i]);
    l->v[l->n++] = x;
    return 0;
}

static int compare_ids(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_tool(const void *pa, const void *pb, void *arg)
{
    const struct item *a = pa, *b = pb;
    const struct sco_finding *findings = arg;
    int c = compare_ids(a->bucket, b->bucket);
    c = c ? c : (a->line > b->line) - (a->line < b->line);
    c = c ? c : (a->tool > b->tool) - (a->tool < b->tool);
    if (c || a->finding == b->finding)
        return c;
    const struct sco_finding *x = &findings[a->finding], *y = &findings[b->finding];
    c = (x->column > y->column) - (x->column < y->column);
    return c ? c : memcmp(x->fingerprint, y->fingerprint, SCO_FINGERPRINT_LEN);
}

static int by_nth(const void *pa, const void *pb)
{
    const struct item *a = pa, *b = pb;
    int c = compare_ids(a->bucket, b->bucket);
    c = c ? c : (a->line > b->line) - (a->line < b->line);
    c = c ? c : (a->nth > b->nth) - (a->nth < b->nth);
    return c ? c : (a->tool > b->tool) - (a->tool < b->tool);
}

static bool same_line(const struct item *a, const struct item *b)
{
    return a->bucket == b->bucket && a->line == b->line;
}

static size_t bucket_end(const struct items *l, size_t from)
{
    size_t to = from + 1;
    while (to < l->n && l->v[to].bucket == l->v[from].bucket)
        to++;
    return to;
}

static int by_content(const void *pa, const void *pb, void *arg)
{
    const struct items *l = arg;
    const struct item *a = &l->v[*(const size_t *)pa], *b = &l->v[*(const size_t *)pb];
    const struct sco_finding *x = &l->findings[a->finding], *y = &l->findings[b->finding];
    int c = finding_str_compare(x->file_path, y->file_path);
    c = c ? c : finding_str_compare(a->id, b->id);
    c = c ? c : finding_str_compare(x->resource, y->resource);
    return c ? c : memcmp(x->fingerprint, y->fingerprint, SCO_FINGERPRINT_LEN);
}

/* A finding may be in several buckets, so their order matters: not that of the seeded hash. */
static int order_buckets(struct items *l)
{
    l->n_buckets = 0;
    for (size_t from = 0, to; from < l->n; from = to) {
        to = bucket_end(l, from);
        if (to - from == 1)
            continue;
        if (SCO_VEC_PUSH(l->buckets, l->n_buckets, l->cap_buckets) < 0)
            return SCO_E_NOMEM;
        l->buckets[l->n_buckets++] = from;
    }
    if (l->n_buckets)
        qsort_r(l->buckets, l->n_buckets, sizeof *l->buckets, by_content, l);
    return 0;
}

/* A finding stays in a bucket once only. */
static int sort_items(struct items *l)
{
    size_t n = 0;
    if (!l->n)
        return order_buckets(l);
    qsort_r(l->v, l->n, sizeof *l->v, by_tool, (void *)l->findings);
    for (size_t i = 0; i < l->n; i++)
        if (!n || l->v[n - 1].finding != l->v[i].finding || l->v[n - 1].bucket != l->v[i].bucket)
            l->v[n++] = l->v[i];
    l->n = n;
    for (size_t i = 1; i < n; i++)
        if (same_line(&l->v[i - 1], &l->v[i]) && l->v[i - 1].tool == l->v[i].tool)
            l->v[i].nth = l->v[i - 1].nth + 1;
    qsort(l->v, n, sizeof *l->v, by_nth);
    return order_buckets(l);
}

static size_t line_end(const struct items *l, size_t from)
{
    size_t to = from + 1;
    while (to < l->n && same_line(&l->v[from], &l->v[to]))
        to++;
    return to;
}

/* The k-th of each tool on one line. */
static void join_line(struct correlation *c, const struct items *l, size_t from, bool span)
{
    size_t to = line_end(l, from);
    for (size_t first = from, i = from; i < to; i++) {
        if (l->v[i].nth != l->v[first].nth)
            first = i;
        else if (i > first)
            cluster_try(c, l->v[first].finding, l->v[i].finding, span);
    }
}

static void join_lines(struct correlation *c, const struct items *l, size_t a, size_t b)
{
    size_t a_end = line_end(l, a), b_end = line_end(l, b);
    for (; a < a_end && b < b_end; a++) {
        for (size_t i = b; i < b_end && i < b + CORRELATE_TRIES; i++) {
            if (cluster_try(c, l->v[a].finding, l->v[i].finding, true)) {
                b += i == b;
                break;
            }
        }
    }
}

/* The lines of one bucket that are `distance` apart. */
static void join_apart(struct correlation *c, const struct items *l, size_t from, size_t end,
                       int64_t distance)
{
    for (size_t a = from, b = from; a < end; a = line_end(l, a)) {
        while (b < end && l->v[b].line < l->v[a].line + distance)
            b = line_end(l, b);
        if (b < end && l->v[b].line == l->v[a].line + distance)
            join_lines(c, l, a, b);
    }
}

/* Nearest first: all pairs on one line, then those one line apart, then two, then three. */
static void join_near(struct correlation *c, const struct items *l)
{
    for (int64_t distance = 0; distance <= CORRELATE_LINES; distance++) {
        for (size_t k = 0; k < l->n_buckets; k++) {
            size_t from = l->buckets[k], end = bucket_end(l, from);
            if (distance)
                join_apart(c, l, from, end, distance);
            else
                for (size_t at = from; at < end; at = line_end(l, at))
                    join_line(c, l, at, true);
        }
    }
}

static uint64_t hash_str(uint64_t h, const char *z)
{
    return sco_hash(z, strlen(z), h);
}

static int gather_sast(struct correlation *c, struct items *l)
{
    for (uint32_t i = 0; i < c->s->n; i++) {
        const struct sco_finding *f = &c->s->v[i];
        if (f->type != SCO_TYPE_SAST || !f->file_path || f->line < 1 || !f->cwe_ids || !c->tools[i])
            continue;
        uint64_t path = hash_str(c->seed, f->file_path);
        for (uint32_t k = 0; k < f->cwe_ids->n; k++) {
            const char *cwe = f->cwe_ids->v[k];
            struct item x = {.bucket = hash_str(path, cwe), .id = cwe, .line = f->line};
            if (push(c, l, i, x) < 0)
                return SCO_E_NOMEM;
        }
    }
    return 0;
}

/* ---- IaC ---- */

static int push_check(struct correlation *c, struct items *l, uint32_t i, uint64_t place,
                      struct item x)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    finding_rule_key(&b, SCO_TYPE_IAC, sco_str_c(x.id));
    if (b.failed)
        return SCO_E_NOMEM;
    for (size_t k = 0; k < b.n; k++) /* aliases come in upper case, rules as the tool has them */
        if (b.p[k] >= 'a' && b.p[k] <= 'z')
            b.p[k] = (char)(b.p[k] ^ 0x20);
    struct sco_str key = sco_buf_str(&b);
    if (sco_str_starts(key, "KICS:")) /* an alias that says whose id it is; KICS does not */
        key = sco_str_make(key.p + 5, key.n - 5);
    x.bucket = sco_hash(key.p, key.n, place);
    return push(c, l, i, x);
}

/* By resource the line does not matter: all of a bucket stand on line 0. */
static int gather_iac(struct correlation *c, struct items *l, bool by_resource)
{
    for (uint32_t i = 0; i < c->s->n; i++) {
        const struct sco_finding *f = &c->s->v[i];
        if (f->type != SCO_TYPE_IAC || !f->file_path || !c->tools[i] ||
            (by_resource ? !f->resource : f->line < 1))
            continue;
        uint64_t place = hash_str(c->seed, f->file_path);
        if (by_resource)
            place = hash_str(place, f->resource);
        struct item x = {.id = f->rule_id, .line = by_resource ? 0 : f->line};
        int r = push_check(c, l, i, place, x);
        for (uint32_t k = 0; r == 0 && f->aliases && k < f->aliases->n; k++) {
            x.id = f->aliases->v[k];
            r = push_check(c, l, i, place, x);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

static void join_resources(struct correlation *c, const struct items *l)
{
    for (size_t k = 0; k < l->n_buckets; k++)
        join_line(c, l, l->buckets[k], false);
}

static void join_overlapping(struct correlation *c, const struct items *l)
{
    for (size_t b = 0; b < l->n_buckets; b++) {
        size_t bucket = l->buckets[b], bucket_stop = bucket_end(l, bucket);
        for (size_t i = bucket; i < bucket_stop; i++) {
            const struct sco_finding *f = &l->findings[l->v[i].finding];
            int32_t end = f->end_line > f->line ? f->end_line : f->line;
            for (size_t k = i + 1; k < bucket_stop && k <= i + CORRELATE_TRIES; k++)
                if (l->v[k].line <= end)
                    cluster_try(c, l->v[i].finding, l->v[k].finding, false);
        }
    }
}

static int step(struct correlation *c, struct items *l, int gathered,
                void (*join)(struct correlation *, const struct items *))
{
    int r = gathered ? gathered : sort_items(l);
    if (r == 0)
        join(c, l);
    l->n = 0;
    return r;
}

int correlate_places(struct correlation *c)
{
    struct items l = {.findings = c->s->v};
    int r = step(c, &l, gather_sast(c, &l), join_near);
    r = r ? r : step(c, &l, gather_iac(c, &l, true), join_resources);
    r = r ? r : step(c, &l, gather_iac(c, &l, false), join_overlapping);
    free(l.v);
    free(l.buckets);
    return r;
}

/* Figures for a dashboard, out of the sums by day. */
#include "store_priv.h"

#include <secureops/store_stats.h>

#include <stdlib.h>

enum { DAY_MS = 24 * 3600 * 1000, PARAMS_MAX = 8 };

struct question {
    struct sco_buf sql;
    struct store_value v[PARAMS_MAX];
    size_t n;
    struct sco_buf branches;
};

static void param(struct question *q, const char *before, struct store_value v)
{
    q->v[q->n++] = v;
    sco_buf_addf(&q->sql, "%s$%zu", before, q->n);
}

static int narrow(struct sco_store *s, struct question *q, const struct sco_stats_filter *f,
                  struct sco_error *err)
{
    if (f->repository)
        param(q, " AND b.repository = ", sv_text(f->repository));
    if (f->branch)
        param(q, " AND b.branch = ", sv_text(f->branch));
    if (!f->repositories)
        return 0;
    int r = store_scope(s, f->repositories, &q->branches, err);
    if (r < 0)
        return r;
    param(q, " AND d.branch_pk IN (SELECT pk FROM branches WHERE ",
          sv_text(sco_buf_z(&q->branches)));
    sco_buf_addz(&q->sql, STORE_SCOPE_HAS_PK ")");
    return 0;
}

static int ask(struct sco_store *s, struct question *q, store_row_fn row, void *user,
               struct sco_error *err)
{
    int r = q->sql.failed || q->branches.failed
                ? SCO_E_NOMEM
                : store_query(s, sco_buf_z(&q->sql), q->v, q->n, row, user, err);
    sco_buf_done(&q->sql);
    sco_buf_done(&q->branches);
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

/* ---- trend ---- */
struct trend {
    struct sco_stats_trend *t;
    int64_t first;              /* day */
    int64_t open[SCO_SEV_MAX_]; /* before it */
};

static int on_day(void *user, const struct store_value *v, size_t n)
{
    struct trend *tr = user;
    int64_t day = v[0].i - tr->first;
    uint32_t severity = sco_severity_parse(v[1].s);
    (void)n;
    if (severity >= SCO_SEV_MAX_)
        return 0;
    if (day < 0) {
        tr->open[severity] += v[5].i;
    } else if ((size_t)day < tr->t->n) {
        struct sco_stats_day *d = &tr->t->v[day];
        d->created += v[2].i;
        d->reopened += v[3].i;
        d->resolved += v[4].i;
        d->open[severity] += v[5].i; /* the change, until all are summed up */
    }
    return 0;
}

static int check_days(const struct sco_stats_filter *f, struct sco_error *err)
{
    int64_t days = finding_day_of(f->to) - finding_day_of(f->from) + 1;
    return days >= 1 && days <= SCO_STATS_DAYS_MAX
               ? 0
               : sco_error_set(err, SCO_E_INVALID, "statistics are over 1 to %d days",
                               SCO_STATS_DAYS_MAX);
}

int sco_store_stats_trend(struct sco_store *s, const struct sco_stats_filter *f,
                          struct sco_stats_trend *ret, struct sco_error *err)
{
    struct sco_stats_trend t = {0};
    struct trend tr = {.t = &t, .first = finding_day_of(f->from)};
    struct question q = {0};
    int r = check_days(f, err);
    if (r < 0)
        return r;
    t.n = (size_t)(finding_day_of(f->to) - tr.first + 1);
    t.v = sco_arena_alloc(&t.arena, t.n * sizeof *t.v);
    if (!t.v)
        return sco_error_nomem(err);
    for (size_t i = 0; i < t.n; i++)
        t.v[i].at = (tr.first + (int64_t)i) * DAY_MS;
    /* a sum of PostgreSQL is a numeric */
    sco_buf_addz(&q.sql, "SELECT d.day, d.severity, CAST(sum(d.created) AS BIGINT), "
                         "CAST(sum(d.reopened) AS BIGINT), CAST(sum(d.resolved) AS BIGINT), "
                         "CAST(sum(d.opened) AS BIGINT) FROM finding_days d JOIN branches b ON "
                         "b.pk = d.branch_pk WHERE ");
    param(&q, "d.day <= ", sv_i64(finding_day_of(f->to)));
    r = narrow(s, &q, f, err);
    sco_buf_addz(&q.sql, " GROUP BY d.day, d.severity");
    if (r == 0)
        r = ask(s, &q, on_day, &tr, err);
    for (size_t i = 0; i < t.n; i++)
        for (uint32_t k = 0; k < SCO_SEV_MAX_; k++)
            t.v[i].open[k] += i ? t.v[i - 1].open[k] : tr.open[k];
    if (r < 0)
        sco_stats_trend_done(&t);
    else
        *ret = t;
    return r;
}

void sco_stats_trend_done(struct sco_stats_trend *t)
{
    sco_arena_done(&t->arena);
    memset(t, 0, sizeof *t);
}

/* ---- groups ---- */
struct groups {
    struct sco_stats_groups *g;
    struct sco_map names; /* -> struct sco_stats_group */
    int64_t *fix_ms;      /* of each group */
};

static struct sco_stats_group *group_of(struct groups *x, struct sco_str name, size_t *ret_at)
{
    const char *key = NULL;
    void **place = sco_map_put(&x->names, name, &key);
    if (place && !*place && x->g->n < SCO_STATS_GROUPS_MAX) {
        struct sco_stats_group *g = &x->g->v[x->g->n++];
        g->name = sco_arena_cstr(&x->g->arena, name);
        *place = g->name ? g : NULL;
    }
    struct sco_stats_group *g = place ? *place : NULL;
    if (g)
        *ret_at = (size_t)(g - x->g->v);
    return g;
}

static int on_group(void *user, const struct store_value *v, size_t n)
{
    struct groups *x = user;
    uint32_t severity = sco_severity_parse(v[1].s);
    size_t at = 0;
    (void)n;
    if (severity >= SCO_SEV_MAX_)
        return 0;
    struct sco_stats_group *g = group_of(x, v[0].s, &at);
    if (!g) {
        x->g->more = x->g->n == SCO_STATS_GROUPS_MAX;
        return x->g->more ? 0 : SCO_E_NOMEM;
    }
    g->open[severity] += v[2].i;
    g->n_open += v[2].i;
    g->created += v[3].i;
    g->reopened += v[4].i;
    g->resolved += v[5].i;
    x->fix_ms[at] += v[6].i;
    g->mean_fix_ms = g->resolved ? x->fix_ms[at] / g->resolved : 0;
    return 0;
}

static int by_open(const void *a, const void *b)
{
    const struct sco_stats_group *x = a, *y = b;
    return x->n_open != y->n_open ? (x->n_open < y->n_open) - (x->n_open > y->n_open)
                                  : strcmp(x->name, y->name);
}

static int by_severity(const void *a, const void *b)
{
    const struct sco_stats_group *x = a, *y = b;
    uint32_t p = sco_severity_parse(sco_str_c(x->name)), q = sco_severity_parse(sco_str_c(y->name));
    return (p < q) - (p > q);
}

static int ask_groups(struct sco_store *s, const struct sco_stats_filter *f, enum sco_stats_by by,
                      struct groups *x, struct sco_error *err)
{
    static const char *const columns[] = {"d.severity", "b.repository", "coalesce(p.team, '')"};
    struct question q = {0};
    int64_t from = finding_day_of(f->from);
    sco_buf_addf(&q.sql, "SELECT %s, d.severity, CAST(sum(d.opened) AS BIGINT)", columns[by]);
    static const char *const within[] = {"created", "reopened", "resolved", "fix_ms"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(within); i++) {
        param(&q, ", CAST(sum(CASE WHEN d.day >= ", sv_i64(from));
        sco_buf_addf(&q.sql, " THEN d.%s ELSE 0 END) AS BIGINT)", within[i]);
    }
    sco_buf_addz(&q.sql, " FROM finding_days d JOIN branches b ON b.pk = d.branch_pk");
    if (by == SCO_STATS_BY_TEAM) /* a repository may be the target of several pipelines */
        sco_buf_addz(&q.sql, " LEFT JOIN (SELECT repository_url, min(team) AS team FROM pipelines "
                             "WHERE team <> '' GROUP BY repository_url) p ON p.repository_url = "
                             "b.repository");
    param(&q, " WHERE d.day <= ", sv_i64(finding_day_of(f->to)));
    int r = narrow(s, &q, f, err);
    sco_buf_addf(&q.sql, " GROUP BY %s%s ORDER BY 1", columns[by],
                 by == SCO_STATS_BY_SEVERITY ? "" : ", d.severity");
    if (r == 0)
        return ask(s, &q, on_group, x, err);
    sco_buf_done(&q.sql);
    sco_buf_done(&q.branches);
    return r;
}

int sco_store_stats_groups(struct sco_store *s, const struct sco_stats_filter *f,
                           enum sco_stats_by by, struct sco_stats_groups *ret,
                           struct sco_error *err)
{
    struct sco_stats_groups g = {0};
    struct groups x = {.g = &g, .fix_ms = sco_alloc(SCO_STATS_GROUPS_MAX, sizeof *x.fix_ms)};
    int r = (unsigned)by > SCO_STATS_BY_TEAM
                ? sco_error_set(err, SCO_E_INVALID, "there is no such group")
                : check_days(f, err);
    g.v = r == 0 ? sco_arena_alloc(&g.arena, SCO_STATS_GROUPS_MAX * sizeof *g.v) : NULL;
    if (r == 0 && (!x.fix_ms || !g.v))
        r = sco_error_nomem(err);
    if (r == 0)
        r = ask_groups(s, f, by, &x, err);
    sco_map_done(&x.names);
    free(x.fix_ms);
    if (r < 0) {
        sco_stats_groups_done(&g);
        return r;
    }
    qsort(g.v, g.n, sizeof *g.v, by == SCO_STATS_BY_SEVERITY ? by_severity : by_open);
    *ret = g;
    return 0;
}

void sco_stats_groups_done(struct sco_stats_groups *g)
{
    sco_arena_done(&g->arena);
    memset(g, 0, sizeof *g);
}

/* Figures about executions: one pass over those of a time, the oldest first, and what has to be
 * remembered of them in memory. Percentiles are of real values (nearest rank), never between two.
 */
#include "executions_priv.h"

#include <secureops/store_pipelines.h>
#include <stdlib.h>

enum { LOOK_BACK_DAYS = 30, DAY_MS = 86400000 };

void sco_pipeline_figures_done(struct sco_pipeline_figures *f)
{
    sco_arena_done(&f->arena);
    *f = (struct sco_pipeline_figures){0};
}

struct numbers {
    int64_t *v;
    size_t n, cap;
};

static int add(struct numbers *x, int64_t value)
{
    if (SCO_VEC_PUSH(x->v, x->n, x->cap) < 0)
        return SCO_E_NOMEM;
    x->v[x->n++] = value;
    return 0;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* -1: there are none. */
static int64_t percentile(struct numbers *x, size_t percent)
{
    if (!x->n)
        return -1;
    qsort(x->v, x->n, sizeof *x->v, by_value);
    size_t rank = (x->n * percent + 99) / 100;
    return x->v[rank ? rank - 1 : 0];
}

/* ---- the pass ---- */
struct counting {
    struct sco_pipeline_figures *to;
    const struct sco_figures_filter *f;
    struct numbers durations, queues, lead_times, restores;
    struct sco_map commits; /* "repository commit": when it was first seen, + 1 */
    struct sco_map broken;  /* "repository environment": since when, + 1 */
    size_t rows;
};

static void *to_pointer(int64_t ms)
{
    return (void *)(uintptr_t)(ms + 1);
}

static int64_t from_pointer(const void *p)
{
    return p ? (int64_t)(uintptr_t)p - 1 : 0;
}

static int key_of(struct sco_buf *b, struct sco_str repository, struct sco_str what)
{
    sco_buf_clear(b);
    sco_buf_add(b, repository);
    sco_buf_addc(b, ' ');
    sco_buf_add(b, what);
    return b->failed ? SCO_E_NOMEM : 0;
}

struct row {
    struct sco_str repository, status, commit, environment;
    int64_t created, queued, started, completed;
    bool rolled_back, is_fork;
};

/* When this commit was first seen. */
static int see_commit(struct counting *c, const struct row *x, struct sco_buf *key,
                      int64_t *ret_first)
{
    *ret_first = x->created;
    if (!x->commit.n)
        return 0;
    if (key_of(key, x->repository, x->commit) < 0)
        return SCO_E_NOMEM;
    void **at = sco_map_put(&c->commits, sco_buf_str(key), NULL);
    if (!at)
        return SCO_E_NOMEM;
    if (!*at)
        *at = to_pointer(x->created);
    *ret_first = from_pointer(*at);
    return 0;
}

static int count_deployment(struct counting *c, const struct row *x, bool good, int64_t first,
                            struct sco_buf *key)
{
    bool failed = !good || x->rolled_back;
    if (key_of(key, x->repository, x->environment) < 0)
        return SCO_E_NOMEM;
    void **broken = sco_map_put(&c->broken, sco_buf_str(key), NULL);
    if (!broken)
        return SCO_E_NOMEM;
    int r = 0;
    c->to->deployments += good;
    c->to->tried_deployments++;
    c->to->failed_deployments += failed;
    if (good && x->commit.n)
        r = add(&c->lead_times, x->completed > first ? x->completed - first : 0);
    if (failed) {
        if (!*broken)
            *broken = to_pointer(x->completed);
    } else if (*broken && r == 0) {
        int64_t since = from_pointer(*broken);
        r = add(&c->restores, x->completed > since ? x->completed - since : 0);
        *broken = NULL;
    }
    return r;
}

static int count_row(struct counting *c, const struct row *x, struct sco_buf *key)
{
    struct sco_pipeline_figures *to = c->to;
    char status[32];
    int64_t first = 0;
    snprintf(status, sizeof status, "%.*s", SCO_STR_ARG(x->status));
    const char *outcome = execution_outcome(status);
    bool good = outcome && strcmp(outcome, "success") == 0,
         bad = outcome && strcmp(outcome, "failed") == 0;
    int r = see_commit(c, x, key, &first);
    if (r < 0 || x->created < c->f->since)
        return r;
    to->executions++;
    to->succeeded += good;
    to->failed += bad;
    to->cancelled += outcome && strcmp(outcome, "cancelled") == 0;
    to->skipped += outcome && strcmp(outcome, "skipped") == 0;
    to->unfinished += !outcome;
    if ((good || bad) && x->started && x->completed >= x->started)
        r = add(&c->durations, x->completed - x->started);
    if (r == 0 && x->queued && x->started >= x->queued)
        r = add(&c->queues, x->started - x->queued);
    if (r == 0 && (good || bad) && x->environment.n && x->completed && !x->is_fork)
        r = count_deployment(c, x, good, first, key);
    return r;
}

static int on_row(void *user, const struct store_value *v, size_t n)
{
    struct counting *c = user;
    SCO_AUTO(sco_buf) struct sco_buf key = {0};
    struct sco_str none = {NULL, 0};
    struct row x = {.repository = v[0].s,
                    .status = v[1].s,
                    .commit = v[2].type == STORE_NULL ? none : v[2].s,
                    .environment = v[3].type == STORE_NULL ? none : v[3].s,
                    .created = v[4].i,
                    .queued = v[5].i,
                    .started = v[6].i,
                    .completed = v[7].i,
                    .rolled_back = v[8].i != 0,
                    .is_fork = v[9].i != 0};
    (void)n;
    if (c->rows++ == SCO_STATISTICS_ROWS_MAX) {
        c->to->cut = true;
        return 1;
    }
    return count_row(c, &x, &key);
}

/* ---- the filter ---- */
struct asking {
    struct sco_buf sql, scope;
    struct store_value v[12];
    size_t n;
    uint8_t pipeline[16];
};

static void add_text(struct asking *a, const char *column, const char *value)
{
    if (!value)
        return;
    a->v[a->n++] = sv_text(value);
    sco_buf_addf(&a->sql, " AND e.%s = $%zu", column, a->n);
}

static int add_filter(struct sco_store *s, const struct sco_figures_filter *f, int64_t since,
                      struct asking *a, struct sco_error *err)
{
    int r = 0;
    a->v[a->n++] = sv_i64(since);
    a->v[a->n++] = sv_i64(f->until);
    sco_buf_addz(&a->sql, " WHERE e.created_at >= $1 AND e.created_at < $2");
    add_text(a, "repository", f->repository);
    add_text(a, "branch", f->branch);
    add_text(a, "platform", f->platform);
    add_text(a, "environment", f->environment);
    if (f->branch || f->environment) {
        a->v[a->n++] = sv_bool(false);
        sco_buf_addf(&a->sql, " AND e.is_fork = $%zu", a->n);
    }
    if (f->pipeline_id) {
        r = execution_uuid(f->pipeline_id, a->pipeline, err);
        a->v[a->n++] = sv_bytes(STORE_UUID, a->pipeline, 16);
        sco_buf_addf(&a->sql, " AND e.pipeline_id = $%zu", a->n);
    }
    if (r == 0 && f->repositories) {
        r = execution_scope(s, f->repositories, &a->scope, err);
        a->v[a->n++] = sv_text(sco_buf_z(&a->scope));
        sco_buf_addf(&a->sql, " AND e.pipeline_id IN (SELECT id FROM pipelines WHERE $%zu", a->n);
        sco_buf_addz(&a->sql, STORE_SCOPE_HAS_PK ")");
    }
    return r < 0 ? r : sco_buf_check(&a->sql, err);
}

static void asking_done(struct asking *a)
{
    sco_buf_done(&a->sql);
    sco_buf_done(&a->scope);
}

static int count(struct sco_store *s, struct counting *c, struct sco_error *err)
{
    struct asking a = {0};
    sco_buf_addz(&a.sql, "SELECT e.repository, e.status, e.commit_sha, e.environment, "
                         "e.created_at, e.queued_at, e.started_at, e.completed_at, CASE WHEN "
                         "EXISTS (SELECT 1 FROM pipeline_executions b WHERE b.rollback_of = e.id) "
                         "THEN 1 ELSE 0 END, e.is_fork FROM pipeline_executions e");
    int r = add_filter(s, c->f, c->f->since - (int64_t)LOOK_BACK_DAYS * DAY_MS, &a, err);
    sco_buf_addz(&a.sql, " ORDER BY e.created_at, e.pk");
    if (r == 0)
        r = sco_buf_check(&a.sql, err);
    if (r == 0)
        r = store_query(s, sco_buf_z(&a.sql), a.v, a.n, on_row, c, err);
    asking_done(&a);
    return r > 0 ? 0 : r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

/* ---- stages that fail and pass on the same commit ---- */
static int on_flaky(void *user, const struct store_value *v, size_t n)
{
    struct sco_pipeline_figures *to = user;
    (void)n;
    if (to->n_flaky == SCO_FLAKY_MAX)
        return 1;
    struct sco_flaky_stage *x = &to->flaky[to->n_flaky++];
    *x = (struct sco_flaky_stage){.repository = store_keep(&to->arena, &v[0]),
                                  .pipeline = store_keep(&to->arena, &v[1]),
                                  .stage = store_keep(&to->arena, &v[2]),
                                  .commits = (uint64_t)v[3].i};
    return x->repository && x->pipeline && x->stage ? 0 : SCO_E_NOMEM;
}

static int find_flaky(struct sco_store *s, const struct sco_figures_filter *f,
                      struct sco_pipeline_figures *to, struct sco_error *err)
{
    struct asking a = {0};
    to->flaky = sco_arena_alloc(&to->arena, SCO_FLAKY_MAX * sizeof *to->flaky);
    if (!to->flaky)
        return sco_error_nomem(err);
    sco_buf_addz(&a.sql,
                 "SELECT x.repository, x.name, x.stage, count(*) AS commits FROM (SELECT "
                 "e.repository, e.name, g.name AS stage, e.commit_sha FROM pipeline_executions e "
                 "JOIN pipeline_stages g ON g.execution_id = e.id");
    int r = add_filter(s, f, f->since, &a, err);
    sco_buf_addz(&a.sql,
                 " AND e.commit_sha IS NOT NULL AND g.status IN ('success', 'failure', "
                 "'timed_out') GROUP BY e.repository, e.name, g.name, e.commit_sha HAVING min(CASE "
                 "WHEN g.status = 'success' THEN NULL ELSE g.completed_at END) < max(CASE WHEN "
                 "g.status = 'success' THEN g.completed_at ELSE NULL END)) x GROUP BY "
                 "x.repository, x.name, x.stage ORDER BY commits DESC, x.repository, x.name, "
                 "x.stage LIMIT 50");
    if (r == 0)
        r = sco_buf_check(&a.sql, err);
    if (r == 0)
        r = store_query(s, sco_buf_z(&a.sql), a.v, a.n, on_flaky, to, err);
    asking_done(&a);
    return r > 0 ? 0 : r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

int sco_store_pipeline_figures(struct sco_store *s, const struct sco_figures_filter *f,
                               struct sco_pipeline_figures *ret, struct sco_error *err)
{
    struct sco_pipeline_figures to = {0};
    struct counting c = {.to = &to, .f = f};
    int r = count(s, &c, err);
    if (r == 0)
        r = find_flaky(s, f, &to, err);
    to.duration_p50_ms = percentile(&c.durations, 50);
    to.duration_p95_ms = percentile(&c.durations, 95);
    to.queue_p50_ms = percentile(&c.queues, 50);
    to.queue_p95_ms = percentile(&c.queues, 95);
    to.lead_time_ms = percentile(&c.lead_times, 50);
    to.restore_ms = percentile(&c.restores, 50);
    to.lead_times = c.lead_times.n;
    to.restores = c.restores.n;
    free(c.durations.v);
    free(c.queues.v);
    free(c.lead_times.v);
    free(c.restores.v);
    sco_map_done(&c.commits);
    sco_map_done(&c.broken);
    if (r < 0)
        sco_pipeline_figures_done(&to);
    else
        *ret = to;
    return r;
}

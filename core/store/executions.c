/* Executions: runs of pipelines, as platforms tell them piece by piece, in any order and more than
 * once; and our own. */
#include "executions_priv.h"

#include <secureops/crypto.h>

#define EXECUTION_COLUMNS                                                                          \
    "SELECT e.pk, e.id, e.pipeline_id, p.name, e.name, e.integration, e.platform, e.repository, "  \
    "e.external_id, p.repository_url, e.branch, e.commit_sha, e.ref, e.event, e.triggered_by, "    \
    "e.url, e.environment, e.status, e.rollback_of, e.job_id, e.reason, e.details, e.attempt, "    \
    "e.created_at, e.updated_at, e.queued_at, e.started_at, e.completed_at, e.pr_number, "         \
    "e.started_told, e.ended_told, e.is_fork FROM pipeline_executions e LEFT JOIN pipelines p ON " \
    "p.id = "                                                                                      \
    "e.pipeline_id "

void sco_execution_page_done(struct sco_execution_page *p)
{
    sco_arena_done(&p->arena);
    *p = (struct sco_execution_page){0};
}

int execution_uuid(const char *id, uint8_t ret[16], struct sco_error *err)
{
    if (id && store_uuid_parse(sco_str_c(id), ret))
        return 0;
    return sco_error_set(err, SCO_E_NOT_FOUND, "there is no execution %s", id ? id : "\"\"");
}

const char *execution_newer(const char *old, const char *now, bool *changed)
{
    if (!now || (old && strcmp(old, now) == 0))
        return old;
    *changed = true;
    return now;
}

static void take_time(int64_t *to, int64_t from, bool later, bool *changed)
{
    if (!from || (*to && (later ? from <= *to : from >= *to)))
        return;
    *to = from;
    *changed = true;
}

void execution_times(int64_t *queued, int64_t *started, int64_t *completed, int64_t q, int64_t st,
                     int64_t c, bool *changed)
{
    take_time(queued, q, false, changed);
    take_time(started, st, false, changed);
    take_time(completed, c, true, changed);
}

/* ---- reading ---- */
struct reading {
    struct sco_execution_page *page;
    size_t limit;
    int64_t pk;
    struct execution_told told; /* of the last row */
};

static int read_row(struct sco_arena *a, const struct store_value *v,
                    struct sco_stored_execution *ret)
{
    *ret = (struct sco_stored_execution){
        .id = store_uuid_text(a, &v[1]),
        .pipeline_id = store_uuid_text(a, &v[2]),
        .pipeline = store_keep(a, &v[3]),
        .name = store_keep(a, &v[4]),
        .integration = store_keep(a, &v[5]),
        .platform = store_keep(a, &v[6]),
        .repository = store_keep(a, &v[7]),
        .external_id = store_keep(a, &v[8]),
        .clone_url = store_keep(a, &v[9]),
        .branch = store_keep(a, &v[10]),
        .commit_sha = store_keep(a, &v[11]),
        .ref = store_keep(a, &v[12]),
        .event = store_keep(a, &v[13]),
        .triggered_by = store_keep(a, &v[14]),
        .url = store_keep(a, &v[15]),
        .environment = store_keep(a, &v[16]),
        .status = store_keep(a, &v[17]),
        .rollback_of = store_uuid_text(a, &v[18]),
        .job_id = store_uuid_text(a, &v[19]),
        .reason = store_keep(a, &v[20]),
        .details = store_keep(a, &v[21]),
        .attempt = (uint32_t)v[22].i,
        .created_at = v[23].i,
        .updated_at = v[24].i,
        .queued_at = v[25].i,
        .started_at = v[26].i,
        .completed_at = v[27].i,
        .pr_number = v[28].i,
        .is_fork = v[31].i != 0,
    };
    const char *const kept[] = {
        ret->id,          ret->pipeline_id, ret->pipeline,    ret->name,         ret->integration,
        ret->platform,    ret->repository,  ret->external_id, ret->clone_url,    ret->branch,
        ret->commit_sha,  ret->ref,         ret->event,       ret->triggered_by, ret->url,
        ret->environment, ret->status,      ret->rollback_of, ret->job_id,       ret->reason,
        ret->details};
    for (size_t i = 0; i < SCO_ARRAY_LEN(kept); i++)
        if (!kept[i] && v[1 + i].type != STORE_NULL)
            return SCO_E_NOMEM;
    return 0;
}

static int on_execution(void *user, const struct store_value *v, size_t n)
{
    struct reading *rd = user;
    struct sco_execution_page *p = rd->page;
    (void)n;
    if (p->n == rd->limit) {
        const struct sco_stored_execution *last = &p->v[p->n - 1];
        p->cursor =
            sco_arena_fmt(&p->arena, "%lld.%lld", (long long)last->created_at, (long long)rd->pk);
        return p->cursor ? 0 : SCO_E_NOMEM;
    }
    rd->pk = v[0].i;
    rd->told = (struct execution_told){v[29].i != 0, v[30].i != 0};
    int r = read_row(&p->arena, v, &p->v[p->n]);
    p->n += r == 0;
    return r;
}

static int ask(struct sco_store *s, const char *sql, const struct store_value *v, size_t n,
               struct reading *rd, struct sco_error *err)
{
    struct sco_execution_page *p = rd->page;
    p->v = sco_arena_alloc(&p->arena, rd->limit * sizeof *p->v);
    int r = p->v ? store_query(s, sql, v, n, on_execution, rd, err) : SCO_E_NOMEM;
    if (r < 0)
        sco_execution_page_done(p);
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

static int by_id(struct sco_store *s, const char *id, struct reading *rd, struct sco_error *err)
{
    uint8_t raw[16];
    int r = execution_uuid(id, raw, err);
    if (r < 0)
        return r;
    struct store_value v = sv_bytes(STORE_UUID, raw, sizeof raw);
    r = ask(s, EXECUTION_COLUMNS "WHERE e.id = $1", &v, 1, rd, err);
    if (r == 0 && !rd->page->n) {
        sco_execution_page_done(rd->page);
        r = sco_error_set(err, SCO_E_NOT_FOUND, "there is no execution %s", id);
    }
    return r;
}

int sco_store_execution(struct sco_store *s, const char *id, struct sco_execution_page *ret,
                        struct sco_error *err)
{
    struct sco_execution_page page = {0};
    struct reading rd = {.page = &page, .limit = 1};
    int r = by_id(s, id, &rd, err);
    if (r == 0)
        *ret = page;
    return r;
}

/* ---- put ---- */
static int check(const struct sco_stored_execution *x, struct sco_error *err)
{
    if (x->id && !x->status) /* of one that is there, whatever is newly known */
        return 0;
    if (!x->id && (!x->integration || !x->platform || !x->repository || !*x->repository))
        return sco_error_set(err, SCO_E_INVALID,
                             "an execution has an integration, a platform and a repository");
    if (execution_progress(x->status) < 0)
        return sco_error_set(err, SCO_E_INVALID, "\"%s\" is no status of an execution",
                             x->status ? x->status : "");
    return 0;
}

static struct store_value uuid_value(const char *text, uint8_t raw[16])
{
    return text && store_uuid_parse(sco_str_c(text), raw) ? sv_bytes(STORE_UUID, raw, 16)
                                                          : sv_text(NULL);
}

static int insert(struct sco_store *s, struct sco_stored_execution *x, int64_t now,
                  struct sco_error *err)
{
    uint8_t id[16], target[16], rollback[16], job[16];
    int64_t first = x->queued_at ? x->queued_at : x->started_at ? x->started_at : now;
    struct store_value v[] = {
        uuid_value(x->id, id),
        uuid_value(x->pipeline_id, target),
        sv_text(x->integration),
        sv_text(x->platform),
        sv_text(x->repository),
        sv_text(x->external_id),
        sv_i64(x->attempt),
        sv_text(x->name ? x->name : ""),
        sv_text(x->branch ? x->branch : ""),
        sv_text(x->commit_sha),
        sv_text(x->ref),
        sv_text(x->event),
        sv_text(x->triggered_by),
        sv_text(x->url),
        sv_text(x->environment),
        sv_text(x->status),
        sv_text(x->reason),
        x->details ? sv_json(sco_str_c(x->details)) : sv_text(NULL),
        sv_i64(x->pr_number),
        uuid_value(x->rollback_of, rollback),
        uuid_value(x->job_id, job),
        sv_i64(first < now ? first : now),
        sv_i64(now),
        sv_i64(x->queued_at),
        sv_i64(x->started_at),
        sv_i64(x->completed_at),
        sv_bool(x->is_fork),
    };
    return store_exec(
        s,
        "INSERT INTO pipeline_executions (id, pipeline_id, integration, platform, "
        "repository, external_id, attempt, name, branch, commit_sha, ref, event, "
        "triggered_by, url, environment, status, reason, details, pr_number, "
        "rollback_of, job_id, created_at, updated_at, queued_at, started_at, "
        "completed_at, is_fork) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, "
        "$13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)",
        v, SCO_ARRAY_LEN(v), NULL, err);
}

static int update(struct sco_store *s, const struct sco_stored_execution *x,
                  const struct execution_told *told, int64_t pk, int64_t now, struct sco_error *err)
{
    uint8_t rollback[16], job[16];
    struct store_value v[] = {
        sv_text(x->name),
        sv_text(x->branch),
        sv_text(x->commit_sha),
        sv_text(x->ref),
        sv_text(x->event),
        sv_text(x->triggered_by),
        sv_text(x->url),
        sv_text(x->environment),
        sv_text(x->status),
        sv_text(x->reason),
        x->details ? sv_json(sco_str_c(x->details)) : sv_text(NULL),
        sv_i64(x->pr_number),
        uuid_value(x->rollback_of, rollback),
        uuid_value(x->job_id, job),
        sv_bool(told->started),
        sv_bool(told->ended),
        sv_i64(now),
        sv_i64(x->queued_at),
        sv_i64(x->started_at),
        sv_i64(x->completed_at),
        sv_text(x->external_id),
        sv_i64(x->attempt),
        sv_bool(x->is_fork),
        sv_i64(pk),
        sv_i64(x->created_at), /* its partition */
    };
    return store_exec(
        s,
        "UPDATE pipeline_executions SET name = $1, branch = $2, commit_sha = $3, ref "
        "= $4, event = $5, triggered_by = $6, url = $7, environment = $8, status = "
        "$9, reason = $10, details = $11, pr_number = $12, rollback_of = $13, job_id "
        "= $14, started_told = $15, ended_told = $16, updated_at = $17, queued_at = "
        "$18, started_at = $19, completed_at = $20, external_id = $21, attempt = $22, "
        "is_fork = $23 WHERE pk = $24 AND created_at = $25",
        v, SCO_ARRAY_LEN(v), NULL, err);
}

static const char *first_said(const char *old, const char *now, bool *changed)
{
    return old && *old ? old : execution_newer(old, now && *now ? now : NULL, changed);
}

/* What is new goes into `to`; false: nothing is. Who asked for it here said what it is. */
static bool merge(struct sco_stored_execution *to, const struct sco_stored_execution *x)
{
    bool changed = false;
    int old = execution_progress(to->status), now = execution_progress(x->status);
    if (now >= old && now > EXECUTION_UNKNOWN)
        to->status = execution_newer(to->status, x->status, &changed);
    to->name = first_said(to->name, x->name, &changed);
    to->branch = execution_newer(to->branch, x->branch && *x->branch ? x->branch : NULL, &changed);
    to->commit_sha = execution_newer(to->commit_sha, x->commit_sha, &changed);
    to->ref = execution_newer(to->ref, x->ref, &changed);
    to->event = first_said(to->event, x->event, &changed);
    to->triggered_by = first_said(to->triggered_by, x->triggered_by, &changed);
    to->url = execution_newer(to->url, x->url, &changed);
    to->environment = execution_newer(to->environment, x->environment, &changed);
    to->external_id = execution_newer(to->external_id, x->external_id, &changed);
    to->rollback_of = execution_newer(to->rollback_of, x->rollback_of, &changed);
    to->job_id = execution_newer(to->job_id, x->job_id, &changed);
    to->reason = execution_newer(to->reason, x->reason, &changed);
    to->details = execution_newer(to->details, x->details, &changed);
    execution_times(&to->queued_at, &to->started_at, &to->completed_at, x->queued_at, x->started_at,
                    sco_execution_ended(to->status) ? x->completed_at : 0, &changed);
    if (x->attempt && x->attempt != to->attempt) {
        to->attempt = x->attempt;
        changed = true;
    }
    if (x->pr_number && x->pr_number != to->pr_number) {
        to->pr_number = x->pr_number;
        changed = true;
    }
    if (x->is_fork && !to->is_fork)
        to->is_fork = changed = true;
    return changed;
}

static int queue_for_run(struct sco_store *s, const char *integration, const char *run,
                         struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf key = {0};
    sco_buf_addf(&key, "%s %s", integration, run);
    int r = sco_buf_check(&key, err);
    return r == 0 ? store_queue_up(s, "pipeline_executions", sco_buf_z(&key), err) : r;
}

/* Runs at a platform are known by its number of them and the attempt; 0: the newest. */
static int by_run(struct sco_store *s, const char *integration, const char *run, uint32_t attempt,
                  struct reading *rd, struct sco_error *err)
{
    int r = queue_for_run(s, integration, run, err);
    if (r < 0)
        return r;
    struct store_value v[] = {sv_text(run), sv_text(integration), sv_i64(attempt), sv_i64(attempt)};
    return ask(s,
               EXECUTION_COLUMNS
               "WHERE e.external_id = $1 AND e.integration = $2 AND (e.attempt = $3 "
               "OR $4 = 0) ORDER BY e.attempt DESC, e.created_at, e.pk LIMIT 1",
               v, SCO_ARRAY_LEN(v), rd, err);
}

/* The one that is meant, under a lock that holds until the end; none: page.n is 0. */
static int find(struct sco_store *s, const struct sco_stored_execution *x, struct reading *rd,
                struct sco_error *err)
{
    if (!x->id)
        return x->external_id && *x->integration
                   ? by_run(s, x->integration, x->external_id, x->attempt, rd, err)
                   : 0;
    int r = store_queue_up(s, "pipeline_executions", x->id, err);
    if (r == 0)
        r = by_id(s, x->id, rd, err);
    const struct sco_stored_execution *old = r == 0 ? &rd->page->v[0] : NULL;
    if (!old || !*old->integration || !old->external_id)
        return r;
    /* a webhook tells of the same row by its run: what it has said is read when it is there */
    r = queue_for_run(s, old->integration, old->external_id, err);
    sco_execution_page_done(rd->page);
    return r < 0 ? r : by_id(s, x->id, rd, err);
}

static int make(struct sco_store *s, const struct sco_stored_execution *x, int64_t now,
                struct reading *rd, struct sco_error *err)
{
    struct sco_stored_execution n = *x;
    char id[37], target[37];
    sco_uuid4(id);
    n.id = id;
    n.attempt = x->attempt ? x->attempt : 1;
    if (!sco_execution_ended(n.status))
        n.completed_at = 0;
    else if (!n.completed_at)
        n.completed_at = now;
    int r = execution_target(s, x, now, target, err);
    n.pipeline_id = target;
    if (r == 0)
        r = insert(s, &n, now, err);
    sco_execution_page_done(rd->page);
    return r < 0 ? r : by_id(s, id, rd, err);
}

/* ---- the run of an execution that was asked for here ---- */
/* A webhook may have told of it before the answer to the call did: then it has two, and what is
 * known of the other one goes to `to`. The next attempt of a run that was there before. */
static int take_run(struct sco_store *s, struct sco_stored_execution *to,
                    struct sco_stored_execution *x, struct reading *other, struct sco_error *err)
{
    bool asked = false;
    x->attempt = x->attempt || x->again ? x->attempt : 1;
    int r = by_run(s, to->integration, x->external_id, x->attempt, other, err);
    if (r < 0)
        return r;
    struct sco_stored_execution *w = other->page->n ? &other->page->v[0] : NULL;
    if (x->again) {
        x->attempt = w ? w->attempt + 1 : 1;
        return 0;
    }
    r = w ? execution_was_asked_for(s, w->id, &asked, err) : 0;
    if (r == 0 && asked) { /* two are not one */
        x->external_id = NULL;
        x->attempt = 0;
        x->status = "failure";
        x->reason = "the platform names a run that is another execution's";
    } else if (r == 0 && w) {
        r = execution_absorb(s, to->id, w->id, other->pk, w->created_at, err);
        w->job_id = NULL;
        (void)merge(to, w);
    }
    return r;
}

/* On its way the start may be told twice, of either: what began has its end under the same id. */
static int put_known(struct sco_store *s, const struct sco_stored_execution *x, struct reading *rd,
                     int64_t now, bool *ret_changed, struct sco_error *err)
{
    struct sco_execution_page page = {0};
    struct reading other = {.page = &page, .limit = 1};
    struct sco_stored_execution *to = &rd->page->v[0], news = *x;
    const char *was = to->status;
    int r = 0;
    bool named = *to->integration && to->external_id; /* a run keeps its number */
    if (x->id && x->external_id && *to->integration && !named)
        r = take_run(s, to, &news, &other, err);
    else
        news.attempt = 0;
    if (named)
        news.external_id = NULL;
    bool changed = merge(to, &news) || page.n;
    if (sco_execution_ended(to->status) && !to->completed_at)
        to->completed_at = now;
    if (page.n && other.told.ended && news.external_id && !x->again) {
        rd->told = other.told;
        was = page.v[0].status;
    }
    if (r == 0 && changed)
        r = execution_tell(s, to, was, &rd->told, now, err);
    if (r == 0 && changed)
        r = update(s, to, &rd->told, rd->pk, now, err);
    *ret_changed = changed;
    sco_execution_page_done(&page);
    return r;
}

static int put_new(struct sco_store *s, const struct sco_stored_execution *x, struct reading *rd,
                   int64_t now, struct sco_error *err)
{
    int r = make(s, x, now, rd, err);
    if (r < 0)
        return r;
    struct sco_stored_execution *to = &rd->page->v[0];
    r = execution_tell(s, to, NULL, &rd->told, now, err);
    return r == 0 && (rd->told.started || rd->told.ended)
               ? update(s, to, &rd->told, rd->pk, now, err)
               : r;
}

static int put(struct sco_store *s, const struct sco_stored_execution *x, int64_t now,
               char ret_id[37], bool *ret_changed, struct sco_error *err)
{
    struct sco_execution_page page = {0};
    struct reading rd = {.page = &page, .limit = 1};
    bool changed = true;
    int r = find(s, x, &rd, err);
    if (r == 0)
        r = page.n ? put_known(s, x, &rd, now, &changed, err) : put_new(s, x, &rd, now, err);
    if (r == 0) {
        SCO_BUG_ON(!page.v);
        snprintf(ret_id, 37, "%s", page.v[0].id);
        *ret_changed = changed;
    }
    sco_execution_page_done(&page);
    return r;
}

int sco_store_execution_put(struct sco_store *s, const struct sco_stored_execution *x, int64_t now,
                            char ret_id[37], bool *ret_changed, struct sco_error *err)
{
    char id[37];
    bool changed = false;
    int r = check(x, err);
    if (r == 0)
        r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = sco_store_end(s, put(s, x, now, id, &changed, err), err);
    if (r == 0) {
        memcpy(ret_id, id, sizeof id);
        if (ret_changed)
            *ret_changed = changed;
    }
    return r;
}

/* ---- lists ---- */
static int on_target(void *user, const struct store_value *v, size_t n)
{
    struct {
        const char *const *globs;
        struct sco_buf *out;
    } *x = user;
    (void)n;
    for (const char *const *g = x->globs; *g; g++)
        if (sco_glob_match(*g, v[1].s)) {
            sco_buf_addf(x->out, "%lld,", (long long)v[0].i);
            break;
        }
    return 0;
}

int execution_scope(struct sco_store *s, const char *const *globs, struct sco_buf *out,
                    struct sco_error *err)
{
    struct {
        const char *const *globs;
        struct sco_buf *out;
    } x = {globs, out};
    sco_buf_addc(out, ',');
    int r = store_query(s, "SELECT pk, repository_url FROM pipelines ORDER BY pk", NULL, 0,
                        on_target, &x, err);
    return r < 0 ? r : sco_buf_check(out, err);
}

static int parse_cursor(const char *text, int64_t *at, int64_t *pk, struct sco_error *err)
{
    struct sco_str rest = sco_str_c(text), a = {0}, b = {0};
    if (sco_str_split(&rest, '.', &a) && sco_str_split(&rest, '.', &b) && !rest.p &&
        sco_parse_i64(a, INT64_MIN, INT64_MAX, at) == 0 && sco_parse_i64(b, 0, INT64_MAX, pk) == 0)
        return 0;
    return sco_error_set(err, SCO_E_INVALID, "\"%s\" is no cursor", text);
}

static void add_text(struct sco_buf *sql, struct store_value *v, size_t *n, const char *column,
                     const char *value)
{
    if (!value)
        return;
    v[(*n)++] = sv_text(value);
    sco_buf_addf(sql, " AND e.%s = $%zu", column, *n);
}

static int list_sql(struct sco_store *s, const struct sco_execution_filter *f, struct sco_buf *sql,
                    struct store_value *v, size_t *n, struct sco_buf *scope, uint8_t pipeline[16],
                    struct sco_error *err)
{
    int64_t at = f->until ? f->until : INT64_MAX, pk = 0;
    int r = f->cursor ? parse_cursor(f->cursor, &at, &pk, err) : 0;
    if (r < 0)
        return r;
    v[(*n)++] = sv_i64(at);
    v[(*n)++] = sv_i64(pk);
    v[(*n)++] = sv_i64(f->since);
    sco_buf_addz(sql,
                 EXECUTION_COLUMNS "WHERE (e.created_at, e.pk) < ($1, $2) AND e.created_at >= $3");
    add_text(sql, v, n, "repository", f->repository);
    add_text(sql, v, n, "branch", f->branch);
    if (f->branch) {
        v[(*n)++] = sv_bool(false);
        sco_buf_addf(sql, " AND e.is_fork = $%zu", *n);
    }
    add_text(sql, v, n, "status", f->status);
    add_text(sql, v, n, "platform", f->platform);
    if (f->pipeline_id) {
        r = execution_uuid(f->pipeline_id, pipeline, err);
        v[(*n)++] = sv_bytes(STORE_UUID, pipeline, 16);
        sco_buf_addf(sql, " AND e.pipeline_id = $%zu", *n);
    }
    if (r == 0 && f->repositories) {
        r = execution_scope(s, f->repositories, scope, err);
        v[(*n)++] = sv_text(sco_buf_z(scope));
        sco_buf_addf(sql, " AND e.pipeline_id IN (SELECT id FROM pipelines WHERE $%zu", *n);
        sco_buf_addz(sql, STORE_SCOPE_HAS_PK ")");
    }
    return r;
}

int sco_store_executions(struct sco_store *s, const struct sco_execution_filter *f,
                         struct sco_execution_page *ret, struct sco_error *err)
{
    struct sco_execution_page page = {0};
    struct reading rd = {.page = &page, .limit = f->limit ? f->limit : 100};
    SCO_AUTO(sco_buf) struct sco_buf sql = {0}, scope = {0};
    struct store_value v[12];
    size_t n = 0;
    uint8_t pipeline[16];
    if (rd.limit > SCO_STORE_PAGE_MAX)
        return sco_error_set(err, SCO_E_INVALID, "a page has at most %d executions",
                             SCO_STORE_PAGE_MAX);
    int r = list_sql(s, f, &sql, v, &n, &scope, pipeline, err);
    if (r < 0)
        return r;
    v[n++] = sv_i64((int64_t)rd.limit + 1);
    sco_buf_addf(&sql, " ORDER BY e.created_at DESC, e.pk DESC LIMIT $%zu", n);
    r = sco_buf_check(&sql, err);
    if (r == 0)
        r = ask(s, sco_buf_z(&sql), v, n, &rd, err);
    if (r == 0)
        *ret = page;
    return r;
}

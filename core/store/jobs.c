/* Jobs: added, read, listed, counted, cancelled, tried again. jobs_claim.c has what nodes do. */
#include "jobs_priv.h"

#include <secureops/crypto.h>
#include <secureops/json.h>
#include <secureops/store_events.h>

enum { ATTEMPTS = 3, LIST_CHUNK = 500 };

static const char *const states[SCO_JOB_STATE_MAX_] = {"queued", "running",   "completed", "failed",
                                                       "dead",   "cancelled", "replaced"};

const char *sco_job_state_name(enum sco_job_state s)
{
    return (unsigned)s < SCO_JOB_STATE_MAX_ ? states[s] : "unknown";
}

enum sco_job_state job_state(struct sco_str name)
{
    unsigned i = 0;
    while (i < SCO_JOB_STATE_MAX_ && !sco_str_is(name, states[i]))
        i++;
    return (enum sco_job_state)i;
}

bool sco_job_is_short(const char *kind)
{
    static const char *const kinds[] = {"ci", "call", "workflow"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(kinds); i++)
        if (strcmp(kind, kinds[i]) == 0)
            return true;
    return false;
}

int job_uuid(const char *text, uint8_t ret[16], struct sco_error *err)
{
    if (text && store_uuid_parse(sco_str_c(text), ret))
        return 0;
    return sco_error_set(err, SCO_E_NOT_FOUND, "there is no job %s", text ? text : "\"\"");
}

bool job_needs(struct sco_str scanners, struct sco_str name)
{
    struct sco_str one;
    if (!scanners.n)
        return true;
    while (sco_str_split(&scanners, ',', &one))
        if (sco_str_cmp(one, name) == 0)
            return true;
    return false;
}

/* ---- reading ---- */
int job_read(struct sco_arena *a, const struct store_value *v, struct sco_stored_job *ret)
{
    *ret = (struct sco_stored_job){.id = store_uuid_text(a, &v[1]),
                                   .state = job_state(v[2].s),
                                   .request = {.kind = store_keep(a, &v[3]),
                                               .target_key = store_keep(a, &v[4]),
                                               .revision = store_keep(a, &v[5]),
                                               .scanners = store_keep(a, &v[6]),
                                               .request = store_keep(a, &v[7]),
                                               .origin = store_keep(a, &v[8]),
                                               .requested_by = store_keep(a, &v[9]),
                                               .correlation_id = store_keep(a, &v[10]),
                                               .traceparent = store_keep(a, &v[11]),
                                               .idempotency_key = store_keep(a, &v[12]),
                                               .only_node = store_keep(a, &v[13]),
                                               .priority = (int32_t)v[14].i,
                                               .max_attempts = (uint32_t)v[15].i,
                                               .not_before = v[16].i,
                                               .deadline = v[17].i},
                                   .not_before = v[16].i,
                                   .created_at = v[18].i,
                                   .started_at = v[19].i,
                                   .completed_at = v[20].i,
                                   .lease_until = v[21].i,
                                   .attempt = (uint32_t)v[22].i,
                                   .node = store_keep(a, &v[23]),
                                   .reason = store_keep(a, &v[24]),
                                   .scan_id = store_uuid_text(a, &v[25]),
                                   .cancel = v[26].i != 0};
    const struct sco_job_request *q = &ret->request;
    const char *const kept[] = {q->requested_by, q->correlation_id, q->traceparent,
                                q->idempotency_key, q->only_node};
    for (size_t i = 0; i < SCO_ARRAY_LEN(kept); i++)
        if (v[9 + i].type != STORE_NULL && !kept[i])
            return SCO_E_NOMEM;
    return ret->id && q->kind && q->target_key && q->revision && q->scanners && q->request &&
                   q->origin && (v[23].type == STORE_NULL || ret->node) &&
                   (v[24].type == STORE_NULL || ret->reason)
               ? 0
               : SCO_E_NOMEM;
}

void sco_job_page_done(struct sco_job_page *p)
{
    sco_arena_done(&p->arena);
    *p = (struct sco_job_page){0};
}

static int page_room(struct sco_job_page *p, size_t n, struct sco_error *err)
{
    p->v = sco_arena_alloc(&p->arena, n * sizeof *p->v);
    return p->v ? 0 : sco_error_nomem(err);
}

static int on_job(void *user, const struct store_value *v, size_t n)
{
    struct sco_job_page *p = user;
    (void)n;
    int r = job_read(&p->arena, v, &p->v[p->n]);
    p->n += r == 0;
    return r;
}

int sco_store_job(struct sco_store *s, const char *id, struct sco_job_page *ret,
                  struct sco_error *err)
{
    uint8_t uuid[16];
    struct sco_job_page page = {0};
    int r = job_uuid(id, uuid, err);
    if (r < 0)
        return r;
    struct store_value v = sv_bytes(STORE_UUID, uuid, sizeof uuid);
    r = page_room(&page, 1, err);
    if (r == 0)
        r = store_query(s, "SELECT " JOB_COLUMNS " FROM jobs WHERE id = $1", &v, 1, on_job, &page,
                        err);
    if (r == 0 && !page.n)
        r = sco_error_set(err, SCO_E_NOT_FOUND, "there is no job %s", id);
    if (r < 0)
        sco_job_page_done(&page);
    else
        *ret = page;
    return r;
}

/* ---- events ---- */
static void put_scanners(struct sco_json_out *o, struct sco_str names)
{
    struct sco_str one;
    sco_json_key(o, "scanners");
    sco_json_begin(o, '[');
    while (names.n && sco_str_split(&names, ',', &one))
        sco_json_str(o, one);
    sco_json_end(o, ']');
}

/* What platforms are told, and workflows, are jobs and no scans. */
static bool is_scan(const struct sco_job_request *q)
{
    return strcmp(q->kind, "scan") == 0 || strcmp(q->kind, "import") == 0;
}

int job_event(struct sco_store *s, const char *type, const char *id, const struct sco_stored_job *j,
              int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    const struct sco_job_request *q = &j->request;
    if (!s->context.source || !is_scan(q))
        return 0;
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "job_id", j->id);
    sco_json_kz(&o, "kind", q->kind);
    sco_json_kz(&o, "target", q->target_key);
    sco_json_kz(&o, "revision", q->revision);
    put_scanners(&o, sco_str_c(q->scanners));
    if (j->attempt) {
        sco_json_kz(&o, "node", j->node);
        sco_json_ki64(&o, "attempt", j->attempt);
    } else {
        sco_json_kz(&o, "origin", q->origin);
        sco_json_ki64(&o, "priority", q->priority);
    }
    sco_json_end(&o, '}');
    int r = sco_buf_check(&b, err);
    struct sco_event e = {.id = id,
                          .type = type,
                          .key = q->target_key,
                          .at = now,
                          .correlation_id = q->correlation_id,
                          .data = sco_buf_z(&b)};
    return r < 0 ? r : sco_store_event_add(s, &e, err);
}

/* The topic of requests is one that a bus may read them from as well: what was added here is not to
 * be added again when it comes back, so it is noted as acted upon. */
static int tell_requested(struct sco_store *s, const struct sco_stored_job *j, int64_t now,
                          struct sco_error *err)
{
    char id[37];
    bool first;
    if (!s->context.source || !is_scan(&j->request) || strcmp(j->request.origin, "kafka") == 0)
        return 0;
    sco_uuid4(id);
    int r = sco_store_event_accept(s, id, now, &first, err);
    return r < 0 ? r : job_event(s, "security.scan.requested", id, j, now, err);
}

/* ---- adding ---- */
static int check_request(const struct sco_job_request *q, struct sco_error *err)
{
    if (!q->kind || !*q->kind || !q->target_key || !*q->target_key || !q->revision ||
        !q->scanners || !q->request || !q->origin)
        return sco_error_set(err, SCO_E_INVALID,
                             "a job has a kind, a target, a revision, scanners and a request");
    if (q->priority < 0 || q->priority > SCO_JOB_PRIORITY_MAX)
        return sco_error_set(err, SCO_E_INVALID, "a job's priority is 0 to %d",
                             SCO_JOB_PRIORITY_MAX);
    return 0;
}

static int take_id(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    if (v[0].s.n != 16)
        return SCO_E_INTERNAL;
    store_uuid_format((const uint8_t *)v[0].s.p, user);
    return 0;
}

void sco_store_set_attempts(struct sco_store *s, uint32_t n)
{
    s->attempts = n;
}

/* 1: added; 0: there is one of this key. */
static int insert(struct sco_store *s, const struct sco_job_request *q, const uint8_t id[16],
                  int64_t now, struct sco_error *err)
{
    int64_t n = 0;
    struct store_value v[] = {
        sv_bytes(STORE_UUID, id, 16),
        sv_text(q->kind),
        sv_text(q->target_key),
        sv_text(q->revision),
        sv_text(q->scanners),
        sv_json(sco_str_c(q->request)),
        sv_text(q->origin),
        sv_text(q->requested_by),
        sv_text(q->correlation_id),
        sv_text(q->traceparent),
        sv_text(q->idempotency_key),
        sv_text(q->only_node),
        sv_i64(q->priority),
        sv_i64(q->max_attempts ? q->max_attempts
               : s->attempts   ? s->attempts
                               : ATTEMPTS),
        sv_i64(q->not_before),
        sv_i64(q->deadline),
        sv_i64(now),
        sv_i64(now),
        sv_i64(now),
        sv_i64(q->priority),
    };
    int r = store_exec(s,
                       "INSERT INTO jobs (id, kind, target_key, revision, scanners, request, "
                       "origin, requested_by, correlation_id, traceparent, idempotency_key, "
                       "only_node, priority, max_attempts, not_before, deadline, created_at, "
                       "waiting_since, rank) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
                       "$11, $12, $13, $14, $15, $16, $17, $18, $19 - $20 * (SELECT ageing FROM "
                       "job_queue)) ON CONFLICT (idempotency_key) WHERE idempotency_key IS NOT "
                       "NULL DO NOTHING",
                       v, SCO_ARRAY_LEN(v), &n, err);
    return r < 0 ? r : n > 0;
}

struct old {
    char id[37];
    int64_t since, priority, n;
};

static int on_old(void *user, const struct store_value *v, size_t n)
{
    struct old *o = user;
    if (!o->n++ || v[1].i < o->since) {
        int r = take_id(o->id, v, n);
        if (r < 0)
            return r;
        o->since = v[1].i;
    }
    o->priority = v[2].i > o->priority ? v[2].i : o->priority;
    return 0;
}

/* A request that is the same in all that matters, and waits, is told by this one; which takes over
 * how long that waited, so that a target that is asked for again and again has its turn. An import
 * brings a report of its own and replaces nothing. */
static int replace(struct sco_store *s, const struct sco_job_request *q, const uint8_t id[16],
                   int64_t now, struct old *old, struct sco_error *err)
{
    char text[64 + 37], self[37];
    store_uuid_format(id, self);
    snprintf(text, sizeof text, "replaced by %s", self);
    struct store_value v[] = {sv_text(text),
                              sv_i64(now),
                              sv_text(q->target_key),
                              sv_text(q->revision),
                              sv_text(q->kind),
                              sv_text(q->scanners),
                              sv_text(q->request),
                              sv_text(q->only_node ? q->only_node : ""),
                              sv_bytes(STORE_UUID, id, 16)};
    int r = store_query(s,
                        "UPDATE jobs SET state = 'replaced', reason = $1, completed_at = $2 WHERE "
                        "state = 'queued' AND attempt = 0 AND target_key = $3 AND revision = $4 "
                        "AND kind = $5 AND scanners = $6 AND CAST(request AS TEXT) = $7 AND "
                        "COALESCE(only_node, '') = $8 AND id <> $9 "
                        "RETURNING id, waiting_since, priority",
                        v, SCO_ARRAY_LEN(v), on_old, old, err);
    if (r < 0 || !old->n)
        return r;
    int64_t priority = old->priority > q->priority ? old->priority : q->priority;
    struct store_value to[] = {sv_i64(old->since), sv_i64(priority), sv_i64(old->since),
                               sv_i64(priority), v[8]};
    return store_exec(s,
                      "UPDATE jobs SET waiting_since = $1, priority = $2, rank = $3 - $4 * (SELECT "
                      "ageing FROM job_queue) WHERE id = $5",
                      to, SCO_ARRAY_LEN(to), NULL, err);
}

static int add(struct sco_store *s, const struct sco_job_request *q, int64_t now,
               struct sco_job_added *ret, struct sco_error *err)
{
    uint8_t id[16];
    struct old old = {0};
    struct store_value key = sv_text(q->idempotency_key);
    sco_uuid4(ret->id);
    SCO_BUG_ON(!store_uuid_parse(sco_str_c(ret->id), id));
    /* of two that ask for the same at once, the later one is to see the other */
    int r = s->ops->queue_up ? s->ops->queue_up(s->db, sco_str_c(q->target_key), err) : 0;
    if (r == 0)
        r = insert(s, q, id, now, err);
    if (r < 0)
        return r;
    if (!r) {
        ret->existing = true;
        return store_query(s, "SELECT id FROM jobs WHERE idempotency_key = $1", &key, 1, take_id,
                           ret->id, err);
    }
    r = strcmp(q->kind, "scan") == 0 ? replace(s, q, id, now, &old, err) : 0;
    memcpy(ret->replaced, old.id, sizeof ret->replaced);
    struct sco_stored_job j = {.id = ret->id, .request = *q};
    return r < 0 ? r : tell_requested(s, &j, now, err);
}

int sco_store_job_add(struct sco_store *s, const struct sco_job_request *q, int64_t now,
                      struct sco_job_added *ret, struct sco_error *err)
{
    struct sco_job_added added = {0};
    int r = check_request(q, err);
    if (r == 0)
        r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = sco_store_end(s, add(s, q, now, &added, err), err);
    if (r == 0)
        *ret = added;
    return r;
}

/* ---- lists ---- */
struct listing {
    const struct sco_job_filter *f;
    struct sco_job_page *page;
    size_t limit, read;
    int64_t pk; /* of the last row that was read */
    bool full;
};

static bool in_scope(const struct sco_job_filter *f, struct sco_str target)
{
    bool found = !f->targets;
    for (const char *const *g = f->targets; g && *g && !found; g++)
        found = sco_glob_match(*g, target);
    return found;
}

static int on_listed(void *user, const struct store_value *v, size_t n)
{
    struct listing *l = user;
    struct sco_job_page *p = l->page;
    (void)n;
    l->read++;
    if (l->full || !in_scope(l->f, v[4].s)) {
        l->pk = l->full ? l->pk : v[0].i;
        return 0;
    }
    if (p->n == l->limit) { /* one more than fits: there is a next page, from the last pk on */
        l->full = true;
        p->cursor = sco_arena_fmt(&p->arena, "%lld", (long long)l->pk);
        return p->cursor ? 0 : SCO_E_NOMEM;
    }
    l->pk = v[0].i;
    return on_job(p, v, n);
}

static const char *state_name(unsigned i)
{
    return states[i];
}

static void filter_sql(struct sco_buf *b, const struct sco_job_filter *f, struct store_value *v,
                       size_t *n)
{
    sco_buf_addz(b, "SELECT " JOB_COLUMNS " FROM jobs WHERE pk < $1");
    *n = 1; /* pk */
    store_one_of(b, "state", f->states, SCO_JOB_STATE_MAX_, state_name);
    if (f->states &&
        !(f->states & 1u << SCO_JOB_COMPLETED)) /* most are: the others have an index */
        sco_buf_addz(b, " AND state <> 'completed'");
    if (f->kind) {
        v[(*n)++] = sv_text(f->kind);
        sco_buf_addf(b, " AND kind = $%zu", *n);
    }
    if (f->target_key) {
        v[(*n)++] = sv_text(f->target_key);
        sco_buf_addf(b, " AND target_key = $%zu", *n);
    }
    if (f->revision) {
        v[(*n)++] = sv_text(f->revision);
        sco_buf_addf(b, " AND revision = $%zu", *n);
    }
    sco_buf_addf(b, " ORDER BY pk DESC LIMIT $%zu", ++*n);
}

int sco_store_jobs(struct sco_store *s, const struct sco_job_filter *f, struct sco_job_page *ret,
                   struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf sql = {0};
    struct sco_job_page page = {0};
    struct listing l = {.f = f, .page = &page, .limit = f->limit ? f->limit : 100, .pk = INT64_MAX};
    struct store_value v[5];
    size_t n;
    if (l.limit > SCO_STORE_PAGE_MAX)
        return sco_error_set(err, SCO_E_INVALID, "a page has at most %d jobs", SCO_STORE_PAGE_MAX);
    if (f->cursor && sco_parse_i64(sco_str_c(f->cursor), 0, INT64_MAX, &l.pk) < 0)
        return sco_error_set(err, SCO_E_INVALID,
                             "\"%s\" is no cursor: give the one that the page before ended with",
                             f->cursor);
    filter_sql(&sql, f, v, &n);
    int64_t chunk = f->targets ? LIST_CHUNK : (int64_t)l.limit + 1;
    int r = sco_buf_check(&sql, err);
    if (r == 0)
        r = page_room(&page, l.limit, err);
    do {
        l.read = 0;
        v[0] = sv_i64(l.pk);
        v[n - 1] = sv_i64(chunk);
        if (r == 0)
            r = store_query(s, sco_buf_z(&sql), v, n, on_listed, &l, err);
    } while (r == 0 && !l.full && l.read == (size_t)chunk);
    if (r < 0)
        sco_job_page_done(&page);
    else
        *ret = page;
    return r;
}

static int on_count(void *user, const struct store_value *v, size_t n)
{
    struct sco_job_counts *c = user;
    enum sco_job_state st = job_state(v[0].s);
    (void)n;
    if (st < SCO_JOB_STATE_MAX_)
        c->by_state[st] = (uint64_t)v[1].i;
    return 0;
}

static int take_i64(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(int64_t *)user = v[0].i;
    return 0;
}

int sco_store_job_counts(struct sco_store *s, int64_t now, struct sco_job_counts *ret,
                         struct sco_error *err)
{
    struct sco_job_counts c = {0};
    struct store_value v = sv_i64(now), since = sv_i64(now - SCO_JOB_COUNTS_MS);
    int r = store_query(s,
                        "SELECT state, count(*) FROM jobs WHERE completed_at > 0 AND completed_at "
                        ">= $1 GROUP BY state",
                        &since, 1, on_count, &c, err);
    if (r == 0)
        r = store_query(s,
                        "SELECT 'queued', count(*) FROM jobs WHERE state = 'queued' UNION ALL "
                        "SELECT 'running', count(*) FROM jobs WHERE state = 'running' UNION ALL "
                        "SELECT 'dead', count(*) FROM jobs WHERE state = 'dead' AND state <> "
                        "'completed'",
                        NULL, 0, on_count, &c, err);
    if (r == 0)
        r = store_query(s,
                        "SELECT min(created_at) FROM jobs WHERE state = 'queued' AND "
                        "not_before <= $1",
                        &v, 1, take_i64, &c.oldest_queued, err);
    if (r == 0)
        *ret = c;
    return r;
}

/* ---- what people want of one ---- */
static int take_state(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(enum sco_job_state *)user = job_state(v[0].s);
    return 0;
}

/* Why nothing was changed. */
static int refuse(struct sco_store *s, const char *id, const char *what, struct sco_error *err)
{
    struct sco_job_page page = {0};
    int r = sco_store_job(s, id, &page, err);
    if (r < 0)
        return r;
    r = sco_error_set(err, SCO_E_INVALID, "job %s is %s: %s", id,
                      sco_job_state_name(page.v[0].state), what);
    sco_job_page_done(&page);
    return r;
}

int sco_store_job_cancel(struct sco_store *s, const char *id, const char *by, int64_t now,
                         enum sco_job_state *ret_state, struct sco_error *err)
{
    uint8_t uuid[16];
    SCO_AUTO(sco_buf) struct sco_buf why = {0};
    enum sco_job_state state = SCO_JOB_STATE_MAX_;
    sco_buf_addf(&why, "cancelled by %s", by && *by ? by : "somebody");
    int r = job_uuid(id, uuid, err);
    if (r == 0)
        r = sco_buf_check(&why, err);
    if (r < 0)
        return r;
    struct store_value v[] = {sv_i64(now), sv_text(sco_buf_z(&why)),
                              sv_bytes(STORE_UUID, uuid, sizeof uuid)};
    r = store_query(s,
                    "UPDATE jobs SET cancel = TRUE, completed_at = CASE WHEN state = 'queued' THEN "
                    "$1 ELSE 0 END, state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state "
                    "END, reason = $2 WHERE id = $3 AND state IN ('queued', 'running') RETURNING "
                    "state",
                    v, SCO_ARRAY_LEN(v), take_state, &state, err);
    if (r == 0 && state == SCO_JOB_STATE_MAX_)
        r = refuse(s, id, "it has ended already", err);
    if (r == 0)
        *ret_state = state;
    return r;
}

int sco_store_job_retry(struct sco_store *s, const char *id, const char *by, int64_t now,
                        struct sco_error *err)
{
    uint8_t uuid[16];
    int64_t n = 0;
    SCO_AUTO(sco_buf) struct sco_buf why = {0};
    sco_buf_addf(&why, "queued again by %s", by && *by ? by : "somebody");
    int r = job_uuid(id, uuid, err);
    if (r == 0)
        r = sco_buf_check(&why, err);
    if (r < 0)
        return r;
    struct store_value v[] = {sv_text(sco_buf_z(&why)), sv_i64(now), sv_i64(now),
                              sv_bytes(STORE_UUID, uuid, sizeof uuid)};
    r = store_exec(
        s,
        "UPDATE jobs SET state = 'queued', reason = $1, uncounted = attempt, cancel = "
        "FALSE, completed_at = 0, not_before = 0, deadline = 0, waiting_since = $2, rank "
        "= $3 - priority * (SELECT ageing FROM job_queue) WHERE id = $4 AND state IN "
        "('failed', 'dead', 'cancelled')",
        v, SCO_ARRAY_LEN(v), &n, err);
    return r == 0 && !n
               ? refuse(s, id, "only what failed, died or was cancelled is tried again", err)
               : r;
}

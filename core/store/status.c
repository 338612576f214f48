/* What people say of findings, what becomes of it with time, and the history of both. */
#include "finding_events.h"

#include <stdlib.h>

enum { ASSIGNEE_MAX = 320 };

struct state {
    int64_t pk, branch, first, accepted_until;
    enum sco_status status;
    const char *status_by, *status_reason, *assignee;
    const char *first_scan;
    uint32_t severity;
    bool suppressed;
    struct sco_arena arena;
};

static int on_state(void *user, const struct store_value *v, size_t n)
{
    struct state *st = user;
    (void)n;
    st->pk = v[0].i;
    st->branch = v[1].i;
    st->first = v[2].i;
    st->accepted_until = v[3].i;
    for (int i = 0; i < SCO_STATUS_MAX_; i++)
        if (sco_str_is(v[4].s, sco_status_name((enum sco_status)i)))
            st->status = (enum sco_status)i;
    st->status_by = store_keep(&st->arena, &v[5]);
    st->status_reason = store_keep(&st->arena, &v[6]);
    st->first_scan = store_uuid_text(&st->arena, &v[7]);
    st->assignee = store_keep(&st->arena, &v[8]);
    st->severity = sco_severity_parse(v[9].s);
    st->suppressed = v[10].i != 0;
    return (v[5].type != STORE_NULL && !st->status_by) ||
                   (v[6].type != STORE_NULL && !st->status_reason) || !st->first_scan
               ? SCO_E_NOMEM
               : 0;
}

/* `id` as sco_store_finding takes it; the state is read within the caller's transaction. */
static int resolve_id(struct sco_store *s, const char *id, uint8_t ret[16], struct sco_error *err)
{
    struct sco_finding_page page = {0};
    if (store_uuid_parse(sco_str_c(id), ret))
        return 0;
    int r = sco_store_finding(s, id, &page, err);
    if (r == 0 && !store_uuid_parse(sco_str_c(page.v[0].id), ret))
        r = sco_error_set(err, SCO_E_FORMAT, "finding %s of the store is damaged", id);
    sco_finding_page_done(&page);
    return r;
}

static int read_state(struct sco_store *s, const uint8_t id[16], struct state *st,
                      struct sco_error *err)
{
    struct store_value v = sv_bytes(STORE_UUID, id, 16);
    char text[37];
    int r = store_query(
        s,
        "SELECT pk, branch_pk, first_detected, accepted_until, status, status_by, "
        "status_reason, first_scan, assignee, severity, suppressed FROM vulnerabilities "
        "WHERE id = $1",
        &v, 1, on_state, st, err);
    if (r < 0 || st->pk)
        return r;
    store_uuid_format(id, text);
    return sco_error_set(err, SCO_E_NOT_FOUND,
                         "there is no finding %s; \"secureops findings list\" shows what there is",
                         text);
}

static int check_request(const struct sco_store_status *to, struct sco_error *err)
{
    static const char *const needs[SCO_STATUS_MAX_] = {
        [SCO_STATUS_RESOLVED] = "how it was resolved",
        [SCO_STATUS_FALSE_POSITIVE] = "why it is a false positive",
        [SCO_STATUS_ACCEPTED] = "why it is accepted",
    };
    if ((unsigned)to->status >= SCO_STATUS_MAX_)
        return sco_error_set(err, SCO_E_INVALID, "there is no such status");
    if (!to->by || !*to->by)
        return sco_error_set(err, SCO_E_INVALID, "it has to be said who changes the status");
    if (needs[to->status] && (!to->reason || !sco_str_trim(sco_str_c(to->reason)).n))
        return sco_error_set(err, SCO_E_INVALID, "say %s: --reason TEXT", needs[to->status]);
    if (to->reason && strlen(to->reason) > SCO_STORE_REASON_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "the reason is longer than %d bytes",
                             SCO_STORE_REASON_MAX);
    if (to->reason && !sco_utf8_valid(sco_str_c(to->reason)))
        return sco_error_set(err, SCO_E_INVALID, "the reason is not valid UTF-8");
    if (to->accepted_until && to->status != SCO_STATUS_ACCEPTED)
        return sco_error_set(err, SCO_E_INVALID, "only what is ACCEPTED has an end (--until)");
    if (to->accepted_until && to->accepted_until <= to->now)
        return sco_error_set(err, SCO_E_INVALID, "the end of the acceptance (--until) is past");
    return 0;
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static int write_status(struct sco_store *s, const struct state *st,
                        const struct sco_store_status *to, struct sco_error *err)
{
    bool resolved = to->status == SCO_STATUS_RESOLVED;
    struct store_value v[] = {
        sv_text(sco_status_name(to->status)),
        sv_text(to->by),
        sv_text(to->reason),
        sv_i64_or_null(to->accepted_until),
        sv_i64_or_null(resolved ? to->now : 0),
        sv_text(resolved ? to->by : NULL),
        sv_i64(st->pk),
    };
    struct store_value h[] = {
        sv_i64(st->pk),
        sv_i64(to->now),
        sv_text("status"),
        sv_text(sco_status_name(st->status)),
        sv_text(sco_status_name(to->status)),
        sv_text(to->by),
        sv_text(to->reason),
    };
    int r =
        store_exec(s,
                   "UPDATE vulnerabilities SET status = $1, status_by = $2, status_reason = $3, "
                   "accepted_until = $4, resolved_at = $5, resolved_by = $6 WHERE pk = $7",
                   v, SCO_ARRAY_LEN(v), NULL, err);
    if (r == 0)
        r = store_exec(s,
                       "INSERT INTO vulnerability_history (vulnerability_pk, at, action, "
                       "from_status, to_status, changed_by, reason) VALUES ($1, $2, $3, $4, $5, "
                       "$6, $7)",
                       h, SCO_ARRAY_LEN(h), NULL, err);
    return r;
}

/* The sums of the day, and the event. */
static int tell_status(struct sco_store *s, const struct state *st,
                       const struct sco_store_status *to, struct sco_error *err)
{
    struct finding_day by[SCO_SEV_MAX_] = {{0}};
    struct finding_change c = {.was_open = store_counts_as_open(st->status, st->suppressed),
                               .is_open = store_counts_as_open(to->status, st->suppressed),
                               .from_severity = st->severity,
                               .to_severity = st->severity,
                               .from = st->status,
                               .to = to->status,
                               .first = st->first,
                               .at = to->now};
    finding_day_count(by, &c);
    int r = finding_days_add(s, st->branch, to->now, by, err);
    bool resolved = st->status != to->status && to->status == SCO_STATUS_RESOLVED;
    bool reopened = st->status == SCO_STATUS_RESOLVED && c.is_open;
    struct finding_event e = {.status = to->status,
                              .resolved = resolved,
                              .reopened = reopened,
                              .by = to->by,
                              .reason = to->reason};
    return r < 0 || (!resolved && !reopened) ? r : finding_event_tell(s, st->pk, to->now, &e, err);
}

/* A merge of the finding's branch is waited for: it has read what is changed here. */
static int lock_branch(struct sco_store *s, int64_t branch, struct sco_error *err)
{
    struct store_value v = sv_i64(branch);
    return store_exec(s, "UPDATE branches SET last_scan_at = last_scan_at WHERE pk = $1", &v, 1,
                      NULL, err);
}

struct branches {
    int64_t *v;
    size_t n, cap;
};

static int on_branch(void *user, const struct store_value *v, size_t n)
{
    struct branches *b = user;
    (void)n;
    if (SCO_VEC_PUSH(b->v, b->n, b->cap) < 0)
        return SCO_E_NOMEM;
    b->v[b->n++] = v[0].i;
    return 0;
}

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* In one order: two that lock several must not wait for each other in a circle. */
static int lock_branches(struct sco_store *s, struct branches *b, struct sco_error *err)
{
    int r = 0;
    if (b->n)
        qsort(b->v, b->n, sizeof *b->v, compare_i64);
    for (size_t i = 0; i < b->n && r == 0; i++)
        if (!i || b->v[i] != b->v[i - 1])
            r = lock_branch(s, b->v[i], err);
    return r;
}

int sco_store_lock_findings(struct sco_store *s, const char *const *ids, size_t n,
                            struct sco_error *err)
{
    struct branches b = {0};
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        uint8_t raw[16];
        r = resolve_id(s, ids[i], raw, err);
        struct store_value v = sv_bytes(STORE_UUID, raw, sizeof raw);
        if (r == 0)
            r = store_query(s, "SELECT branch_pk FROM vulnerabilities WHERE id = $1", &v, 1,
                            on_branch, &b, err);
    }
    if (r == 0)
        r = lock_branches(s, &b, err);
    free(b.v);
    return r;
}

int sco_store_set_status(struct sco_store *s, const char *id, const struct sco_store_status *to,
                         bool *ret_changed, struct sco_error *err)
{
    struct state before = {0}, st = {0};
    uint8_t raw[16];
    bool changed = false;
    int r = check_request(to, err);
    if (r == 0)
        r = resolve_id(s, id, raw, err);
    if (r == 0)
        r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = read_state(s, raw, &before, err);
    if (r == 0)
        r = lock_branch(s, before.branch, err);
    if (r == 0)
        r = read_state(s, raw, &st, err);
    if (r == 0)
        changed = st.status != to->status || st.accepted_until != to->accepted_until ||
                  (to->reason && !same_text(st.status_reason, to->reason));
    if (r == 0 && changed)
        r = write_status(s, &st, to, err);
    if (r == 0 && changed)
        r = tell_status(s, &st, to, err);
    r = sco_store_end(s, r, err);
    sco_arena_done(&before.arena);
    sco_arena_done(&st.arena);
    if (r == 0)
        *ret_changed = changed;
    return r;
}

/* ---- whose it is ---- */
int sco_store_lock_finding(struct sco_store *s, const char *id, struct sco_error *err)
{
    struct state st = {0};
    uint8_t raw[16];
    int r = resolve_id(s, id, raw, err);
    if (r == 0)
        r = read_state(s, raw, &st, err);
    if (r == 0)
        r = lock_branch(s, st.branch, err);
    sco_arena_done(&st.arena);
    return r;
}

static int write_assignee(struct sco_store *s, int64_t pk, const char *assignee, const char *by,
                          int64_t now, struct sco_error *err)
{
    struct store_value v[] = {sv_text(assignee), sv_i64(pk)};
    struct store_value h[] = {sv_i64(pk), sv_i64(now), sv_text("assigned"), sv_text(by),
                              sv_text(assignee ? assignee : "")};
    int r =
        store_exec(s, "UPDATE vulnerabilities SET assignee = $1 WHERE pk = $2", v, 2, NULL, err);
    if (r == 0)
        r = store_exec(s,
                       "INSERT INTO vulnerability_history (vulnerability_pk, at, action, "
                       "changed_by, reason) VALUES ($1, $2, $3, $4, $5)",
                       h, SCO_ARRAY_LEN(h), NULL, err);
    return r;
}

int sco_store_assign(struct sco_store *s, const char *id, const char *assignee, const char *by,
                     int64_t now, bool *ret_changed, struct sco_error *err)
{
    struct state st = {0};
    uint8_t raw[16];
    bool changed = false;
    const char *to = assignee && *assignee ? assignee : NULL;
    if (!by || !*by || (to && (!sco_utf8_valid(sco_str_c(to)) || strlen(to) > ASSIGNEE_MAX)))
        return sco_error_set(err, SCO_E_INVALID, "an assignee is a name of at most %d bytes",
                             ASSIGNEE_MAX);
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = sco_store_lock_finding(s, id, err);
    if (r == 0)
        r = resolve_id(s, id, raw, err);
    if (r == 0)
        r = read_state(s, raw, &st, err);
    if (r == 0)
        changed = !same_text(st.assignee, to);
    if (r == 0 && changed)
        r = write_assignee(s, st.pk, to, by, now, err);
    r = sco_store_end(s, r, err);
    sco_arena_done(&st.arena);
    if (r == 0)
        *ret_changed = changed;
    return r;
}

/* ---- what was accepted until a date ---- */
struct expired {
    struct {
        int64_t branch;
        struct finding_day by[SCO_SEV_MAX_];
    } * v;
    size_t n, cap;
    uint64_t rows;
};

static int on_expired(void *user, const struct store_value *v, size_t n)
{
    struct expired *x = user;
    uint32_t severity = sco_severity_parse(v[1].s);
    size_t i = 0;
    (void)n;
    x->rows++;
    if (v[2].i || severity >= SCO_SEV_MAX_)
        return 0;
    while (i < x->n && x->v[i].branch != v[0].i)
        i++;
    if (i == x->n) {
        if (SCO_VEC_PUSH(x->v, x->n, x->cap) < 0)
            return SCO_E_NOMEM;
        memset(&x->v[x->n], 0, sizeof *x->v);
        x->v[x->n++].branch = v[0].i;
    }
    x->v[i].by[severity].opened++;
    return 0;
}

/* Of a branch that is locked, and of no other: what somebody accepts meanwhile is not ours yet. */
static int expire_branch(struct sco_store *s, int64_t branch, int64_t now, struct expired *x,
                         struct sco_error *err)
{
    struct store_value v[] = {sv_i64(now), sv_i64(now), sv_i64(branch)};
    int r =
        store_exec(s,
                   "INSERT INTO vulnerability_history (vulnerability_pk, at, action, from_status, "
                   "to_status, changed_by, reason) SELECT pk, $1, 'expired', 'ACCEPTED', 'OPEN', "
                   "'secureops', 'it was accepted until a date' FROM vulnerabilities WHERE "
                   "accepted_until < $2 AND status = 'ACCEPTED' AND branch_pk = $3",
                   v, SCO_ARRAY_LEN(v), NULL, err);
    return r == 0 ? store_query(
                        s,
                        "UPDATE vulnerabilities SET status = 'OPEN', status_by = NULL, "
                        "status_reason = NULL, accepted_until = NULL WHERE accepted_until < $1 AND "
                        "status = 'ACCEPTED' AND branch_pk = $2 RETURNING branch_pk, severity, "
                        "suppressed",
                        v + 1, 2, on_expired, x, err)
                  : r;
}

int sco_store_expire(struct sco_store *s, int64_t now, uint64_t *ret, struct sco_error *err)
{
    struct store_value v[] = {sv_i64(now)};
    struct expired x = {0};
    struct branches b = {0};
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = store_query(s,
                    "SELECT DISTINCT branch_pk FROM vulnerabilities WHERE accepted_until < $1 AND "
                    "status = 'ACCEPTED'",
                    v, 1, on_branch, &b, err);
    if (r == 0)
        r = lock_branches(s, &b, err);
    for (size_t i = 0; i < b.n && r == 0; i++)
        r = expire_branch(s, b.v[i], now, &x, err);
    free(b.v);
    for (size_t i = 0; i < x.n && r == 0; i++)
        r = finding_days_add(s, x.v[i].branch, now, x.v[i].by, err);
    r = sco_store_end(s, r, err);
    free(x.v);
    if (r == 0)
        *ret = x.rows;
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

/* ---- history ---- */
struct reading {
    struct sco_store_history *h;
    size_t cap;
};

static struct sco_store_event *add_event(struct reading *rd)
{
    struct sco_store_history *h = rd->h;
    if (SCO_VEC_PUSH(h->v, h->n, rd->cap) < 0)
        return NULL;
    return &h->v[h->n++];
}

static int on_event(void *user, const struct store_value *v, size_t n)
{
    struct reading *rd = user;
    struct sco_arena *a = &rd->h->arena;
    struct sco_store_event *e = add_event(rd);
    (void)n;
    if (!e)
        return SCO_E_NOMEM;
    *e = (struct sco_store_event){.at = v[0].i,
                                  .action = store_keep(a, &v[1]),
                                  .from = store_keep(a, &v[2]),
                                  .to = store_keep(a, &v[3]),
                                  .by = store_keep(a, &v[4]),
                                  .scan_id = store_uuid_text(a, &v[5]),
                                  .reason = store_keep(a, &v[6])};
    return e->action && e->by ? 0 : SCO_E_NOMEM;
}

int sco_store_history(struct sco_store *s, const char *id, struct sco_store_history *ret,
                      struct sco_error *err)
{
    struct sco_store_history h = {0};
    struct reading rd = {.h = &h};
    struct state st = {0};
    uint8_t raw[16];
    int r = resolve_id(s, id, raw, err);
    if (r == 0)
        r = read_state(s, raw, &st, err);
    if (r == 0) { /* that it was found is in the finding itself */
        struct sco_store_event *e = add_event(&rd);
        if (e)
            *e = (struct sco_store_event){.at = st.first,
                                          .action = "created",
                                          .to = "OPEN",
                                          .by = "scan",
                                          .scan_id =
                                              sco_arena_cstr(&h.arena, sco_str_c(st.first_scan))};
        r = e && e->scan_id ? 0 : sco_error_nomem(err);
    }
    struct store_value pk = sv_i64(st.pk);
    if (r == 0)
        r = store_query(s,
                        "SELECT at, action, from_status, to_status, changed_by, scan_id, reason "
                        "FROM vulnerability_history WHERE vulnerability_pk = $1 ORDER BY pk",
                        &pk, 1, on_event, &rd, err);
    sco_arena_done(&st.arena);
    if (r < 0)
        sco_store_history_done(&h);
    else
        *ret = h;
    return r;
}

void sco_store_history_done(struct sco_store_history *h)
{
    free(h->v);
    sco_arena_done(&h->arena);
    memset(h, 0, sizeof *h);
}

/* ---- before a gate ---- */
struct recall {
    struct sco_finding **sorted;
    size_t n;
    struct sco_pool *pool;
    int64_t now;
    uint64_t told;
};

static int compare(const void *a, const void *b)
{
    const struct sco_finding *const *x = a, *const *y = b;
    return memcmp((*x)->fingerprint, (*y)->fingerprint, SCO_FINGERPRINT_LEN);
}

/* The first of those with this fingerprint; rc->n: there is none. */
static size_t first_with(const struct recall *rc, const char *fingerprint)
{
    size_t low = 0, high = rc->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(rc->sorted[middle]->fingerprint, fingerprint, SCO_FINGERPRINT_LEN) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int on_known(void *user, const struct store_value *v, size_t n)
{
    struct recall *rc = user;
    struct sco_stored *st = NULL;
    (void)n;
    if (v[0].s.n != SCO_FINGERPRINT_LEN || v[1].s.n != 16)
        return 0;
    bool settled =
        sco_str_is(v[4].s, "FALSE_POSITIVE") ||
        (sco_str_is(v[4].s, "ACCEPTED") && (v[5].type == STORE_NULL || v[5].i >= rc->now));
    for (size_t i = first_with(rc, v[0].s.p);
         i < rc->n && memcmp(rc->sorted[i]->fingerprint, v[0].s.p, SCO_FINGERPRINT_LEN) == 0; i++) {
        struct sco_finding *f = rc->sorted[i];
        if (!st && !(st = sco_pool_alloc(rc->pool, sizeof *st)))
            return SCO_E_NOMEM;
        f->stored = st;
        if (!settled || f->status != SCO_STATUS_OPEN)
            continue;
        f->status =
            sco_str_is(v[4].s, "ACCEPTED") ? SCO_STATUS_ACCEPTED : SCO_STATUS_FALSE_POSITIVE;
        f->recalled = 1;
        rc->told++;
    }
    if (st) {
        store_uuid_format((const uint8_t *)v[1].s.p, st->id);
        st->first_detected = v[2].i;
        st->last_detected = v[3].i;
    }
    return 0;
}

int sco_store_recall(struct sco_store *s, const struct sco_store_subject *subject,
                     struct sco_finding_set *findings, int64_t now, uint64_t *ret,
                     struct sco_error *err)
{
    struct recall rc = {.sorted = sco_alloc(findings->n + 1, sizeof *rc.sorted),
                        .n = findings->n,
                        .pool = findings->pool,
                        .now = now};
    struct store_value v[] = {sv_text(subject->repository), sv_text(subject->branch)};
    if (!rc.sorted)
        return sco_error_nomem(err);
    for (size_t i = 0; i < findings->n; i++)
        rc.sorted[i] = &findings->v[i];
    qsort(rc.sorted, rc.n, sizeof *rc.sorted, compare);
    int r = store_query(s,
                        "SELECT v.fingerprint, v.id, v.first_detected, v.last_detected, v.status, "
                        "v.accepted_until FROM vulnerabilities v JOIN branches b ON b.pk = "
                        "v.branch_pk WHERE b.repository = $1 AND b.branch = $2 AND v.status <> "
                        "'RESOLVED'",
                        v, 2, on_known, &rc, err);
    free(rc.sorted);
    if (r == SCO_E_NOMEM)
        return sco_error_nomem(err);
    if (r == 0)
        *ret = rc.told;
    return r;
}

/* Assessments: listed, judged by what is known of them now, checked. */
#include "compliance_priv.h"

#include <stdlib.h>

const char *const compliance_columns[SCO_VERDICT_MAX_] = {
    [SCO_VERDICT_FAIL] = "failed",     [SCO_VERDICT_ERROR] = "errors",
    [SCO_VERDICT_UNKNOWN] = "unknown", [SCO_VERDICT_WAIVED] = "waived",
    [SCO_VERDICT_MANUAL] = "manual",   [SCO_VERDICT_NOT_EVALUATED] = "not_evaluated",
    [SCO_VERDICT_PASS] = "passed",     [SCO_VERDICT_NOT_APPLICABLE] = "not_applicable",
};

const char *sco_compliance_result_name(enum sco_compliance_result r)
{
    static const char *const names[] = {"non_compliant", "undetermined", "compliant"};
    return (size_t)r < SCO_ARRAY_LEN(names) ? names[r] : names[1];
}

/* ---- what keeps it from being compliant ---- */
int compliance_reasons(const int64_t counts[SCO_VERDICT_MAX_], struct sco_arena *a,
                       const char **reasons, size_t *n)
{
    static const char *const words[SCO_VERDICT_MAX_] = {
        [SCO_VERDICT_FAIL] = "failed",
        [SCO_VERDICT_ERROR] = "could not be judged: an error of a policy",
        [SCO_VERDICT_UNKNOWN] = "not known",
        [SCO_VERDICT_WAIVED] = "waived",
        [SCO_VERDICT_MANUAL] = "manual, and not attested",
        [SCO_VERDICT_NOT_EVALUATED] = "not evaluated",
    };
    for (unsigned i = 0; i < SCO_VERDICT_MAX_; i++) {
        if (!words[i] || !counts[i])
            continue;
        reasons[*n] = sco_arena_fmt(a, "%lld control%s %s", (long long)counts[i],
                                    counts[i] == 1 ? "" : "s", words[i]);
        if (!reasons[(*n)++])
            return SCO_E_NOMEM;
    }
    if (!counts[SCO_VERDICT_PASS] && !counts[SCO_VERDICT_ATTESTED])
        reasons[(*n)++] = "no control has passed";
    return 0;
}

int compliance_assess(struct sco_stored_assessment *x, const struct sco_compliance_filter *f,
                      struct sco_arena *a)
{
    enum { DAY_MS = 24 * 3600 * 1000 };
    int64_t age = f->now - x->last_complete_at;
    x->stale = x->latest && f->stale_ms && (!x->last_complete_at || age > f->stale_ms);
    x->n_reasons = 0;
    x->reasons = sco_arena_alloc(a, COMPLIANCE_REASONS_MAX * sizeof *x->reasons);
    if (!x->reasons)
        return SCO_E_NOMEM;
    if (!x->complete)
        x->reasons[x->n_reasons++] = "the scan was not complete";
    if (x->stale && !x->last_complete_at)
        x->reasons[x->n_reasons++] = "there is no complete scan";
    else if (x->stale && !(x->reasons[x->n_reasons++] =
                               sco_arena_fmt(a, "stale: the last complete scan is %lld days old",
                                             (long long)(age / DAY_MS))))
        return SCO_E_NOMEM;
    if (compliance_reasons(x->counts, a, x->reasons, &x->n_reasons) < 0)
        return SCO_E_NOMEM;
    x->result = x->counts[SCO_VERDICT_FAIL] ? SCO_COMPLIANCE_NON_COMPLIANT
                : x->n_reasons              ? SCO_COMPLIANCE_UNDETERMINED
                                            : SCO_COMPLIANCE_COMPLIANT;
    return 0;
}

/* ---- the query ---- */
void compliance_query_add(struct compliance_query *q, const char *sql, struct store_value v)
{
    SCO_BUG_ON(q->n == SCO_ARRAY_LEN(q->v));
    q->v[q->n++] = v;
    sco_buf_addf(&q->sql, "%s$%zu", sql, q->n);
}

void compliance_query_done(struct compliance_query *q)
{
    sco_buf_done(&q->sql);
    sco_buf_done(&q->branches);
}

int compliance_query_narrow(struct sco_store *s, struct compliance_query *q,
                            const struct sco_compliance_filter *f, struct sco_error *err)
{
    if (f->framework)
        compliance_query_add(q, " AND f.id = ", sv_text(f->framework));
    if (f->version)
        compliance_query_add(q, " AND f.version = ", sv_text(f->version));
    if (f->repository)
        compliance_query_add(q, " AND b.repository = ", sv_text(f->repository));
    if (f->branch)
        compliance_query_add(q, " AND b.branch = ", sv_text(f->branch));
    if (f->team) {
        compliance_query_add(q,
                             " AND b.repository IN (SELECT repository_url FROM pipelines WHERE "
                             "team = ",
                             sv_text(f->team));
        sco_buf_addz(&q->sql, ")");
    }
    if (f->repositories) {
        int r = store_scope(s, f->repositories, &q->branches, err);
        if (r < 0)
            return r;
        compliance_query_add(q, " AND b.pk IN (SELECT pk FROM branches WHERE ",
                             sv_text(sco_buf_z(&q->branches)));
        sco_buf_addz(&q->sql, STORE_SCOPE_HAS_PK ")");
    }
    return sco_buf_check(&q->sql, err);
}

/* ---- reading ---- */
#define ASSESSMENT_COLUMNS                                                                         \
    "SELECT a.pk, a.id, f.id, f.version, f.title, b.repository, b.branch, a.scope, a.scan_id, "    \
    "a.commit_sha, a.scan_status, a.assessed_at, a.digest, a.latest, c.assessed_at, a.failed, "    \
    "a.errors, a.unknown, a.waived, a.manual, a.not_evaluated, a.passed, a.not_applicable FROM "   \
    "compliance_assessments a JOIN compliance_frameworks f ON f.pk = a.framework_pk JOIN "         \
    "branches b ON b.pk = a.branch_pk LEFT JOIN compliance_assessments c ON c.framework_pk = "     \
    "a.framework_pk AND c.branch_pk = a.branch_pk AND c.scope = a.scope AND c.latest_complete "
static const enum sco_verdict order[] = {
    SCO_VERDICT_FAIL,   SCO_VERDICT_ERROR,         SCO_VERDICT_UNKNOWN, SCO_VERDICT_WAIVED,
    SCO_VERDICT_MANUAL, SCO_VERDICT_NOT_EVALUATED, SCO_VERDICT_PASS,    SCO_VERDICT_NOT_APPLICABLE};

struct reading {
    struct sco_assessment_page *page;
    size_t cap, limit;
    int64_t pk; /* of the last one */
    int64_t *pks;
    size_t n_pks, cap_pks;
};

static int on_assessment(void *user, const struct store_value *v, size_t n)
{
    struct reading *rd = user;
    struct sco_assessment_page *p = rd->page;
    struct sco_arena *a = &p->arena;
    (void)n;
    if (p->n == rd->limit) {
        p->cursor =
            sco_arena_fmt(a, "%lld.%lld", (long long)p->v[p->n - 1].assessed_at, (long long)rd->pk);
        return p->cursor ? 0 : SCO_E_NOMEM;
    }
    if (SCO_VEC_PUSH(p->v, p->n, rd->cap) < 0 || SCO_VEC_PUSH(rd->pks, rd->n_pks, rd->cap_pks) < 0)
        return SCO_E_NOMEM;
    struct sco_stored_assessment *x = &p->v[p->n];
    *x = (struct sco_stored_assessment){.id = store_uuid_text(a, &v[1]),
                                        .framework = store_keep(a, &v[2]),
                                        .version = store_keep(a, &v[3]),
                                        .title = store_keep(a, &v[4]),
                                        .repository = store_keep(a, &v[5]),
                                        .branch = store_keep(a, &v[6]),
                                        .scope = store_keep(a, &v[7]),
                                        .scan_id = store_uuid_text(a, &v[8]),
                                        .commit_sha = store_keep(a, &v[9]),
                                        .scan_status = store_keep(a, &v[10]),
                                        .assessed_at = v[11].i,
                                        .latest = v[13].i != 0,
                                        .last_complete_at = v[14].i};
    if (v[12].s.n == 32)
        sco_hex((const uint8_t *)v[12].s.p, 32, x->digest);
    for (size_t i = 0; i < SCO_ARRAY_LEN(order); i++)
        x->counts[order[i]] = v[15 + i].i;
    if (!x->id || !x->framework || !x->version || !x->title || !x->repository || !x->branch ||
        !x->scope || !x->scan_id || !x->scan_status)
        return SCO_E_NOMEM;
    x->complete = strcmp(x->scan_status, "completed") == 0;
    rd->pk = rd->pks[rd->n_pks++] = v[0].i;
    p->n++;
    return 0;
}

static int parse_cursor(const char *text, int64_t *ret_at, int64_t *ret_pk, struct sco_error *err)
{
    struct sco_str rest = sco_str_c(text), at = {0}, pk = {0};
    if (sco_str_split(&rest, '.', &at) && sco_str_split(&rest, '.', &pk) &&
        sco_parse_i64(at, INT64_MIN, INT64_MAX, ret_at) == 0 &&
        sco_parse_i64(pk, 0, INT64_MAX, ret_pk) == 0)
        return 0;
    return sco_error_set(err, SCO_E_INVALID,
                         "\"%s\" is no cursor: give the one that the page before ended with", text);
}

static int read_page(struct sco_store *s, const struct sco_compliance_filter *f, const char *where,
                     struct reading *rd, struct sco_error *err)
{
    struct compliance_query q = {0};
    int64_t at = INT64_MAX, pk = INT64_MAX;
    int r = f->cursor ? parse_cursor(f->cursor, &at, &pk, err) : 0;
    rd->limit = f->limit ? f->limit : 100;
    if (r == 0 && rd->limit > SCO_COMPLIANCE_ASSESSMENTS_MAX)
        r = sco_error_set(err, SCO_E_INVALID, "a page has at most %d assessments",
                          SCO_COMPLIANCE_ASSESSMENTS_MAX);
    if (r < 0)
        return r;
    sco_buf_addz(&q.sql, ASSESSMENT_COLUMNS);
    compliance_query_add(&q, "WHERE (a.assessed_at, a.pk) < (", sv_i64(at));
    compliance_query_add(&q, ", ", sv_i64(pk));
    sco_buf_addf(&q.sql, ")%s", where);
    if (f->from)
        compliance_query_add(&q, " AND a.assessed_at >= ", sv_i64(f->from));
    if (f->to)
        compliance_query_add(&q, " AND a.assessed_at <= ", sv_i64(f->to));
    r = compliance_query_narrow(s, &q, f, err);
    compliance_query_add(&q, " ORDER BY a.assessed_at DESC, a.pk DESC LIMIT ",
                         sv_i64((int64_t)rd->limit + 1));
    if (r == 0)
        r = sco_buf_check(&q.sql, err);
    if (r == 0)
        r = store_query(s, sco_buf_z(&q.sql), q.v, q.n, on_assessment, rd, err);
    compliance_query_done(&q);
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

/* ---- attestations that count for a page ---- */
struct attesting {
    const struct sco_attestation_page *by;
    struct sco_stored_assessment *x;
};

static int on_manual(void *user, const struct store_value *v, size_t n)
{
    struct attesting *a = user;
    (void)n;
    const struct sco_stored_attestation *at =
        compliance_attestation_for(a->by, v[0].s.p, a->x->repository);
    if (!at)
        return 0;
    a->x->counts[SCO_VERDICT_MANUAL]--;
    a->x->counts[compliance_attested(at)]++;
    return 0;
}

static int attest_one(struct sco_store *s, const struct sco_compliance_filter *f, int64_t pk,
                      struct sco_stored_assessment *x, struct sco_error *err)
{
    struct sco_attestation_page by = {0};
    struct attesting a = {.by = &by, .x = x};
    struct store_value v = sv_i64(pk);
    if (!x->counts[SCO_VERDICT_MANUAL])
        return 0;
    int r = compliance_attestations_of(s, x->framework, x->version, f->now, &by, err);
    if (r == 0 && by.n)
        r = store_query(s,
                        "SELECT control FROM compliance_results WHERE assessment_pk = $1 AND "
                        "status = 'manual'",
                        &v, 1, on_manual, &a, err);
    sco_attestation_page_done(&by);
    return r;
}

static int read_all(struct sco_store *s, const struct sco_compliance_filter *f, bool history,
                    struct sco_assessment_page *ret, struct sco_error *err)
{
    struct sco_assessment_page p = {0};
    struct reading rd = {.page = &p};
    int r = read_page(s, f, history ? "" : " AND a.latest", &rd, err);
    for (size_t i = 0; i < p.n && r == 0; i++) {
        p.v[i].latest &= !history; /* there as the scans said it */
        if (!history)
            r = attest_one(s, f, rd.pks[i], &p.v[i], err);
        if (r == 0 && compliance_assess(&p.v[i], f, &p.arena) < 0)
            r = sco_error_nomem(err);
    }
    free(rd.pks);
    if (r < 0)
        sco_assessment_page_done(&p);
    else
        *ret = p;
    return r;
}

int sco_store_assessments(struct sco_store *s, const struct sco_compliance_filter *f,
                          struct sco_assessment_page *ret, struct sco_error *err)
{
    return read_all(s, f, false, ret, err);
}

int sco_store_assessment_history(struct sco_store *s, const struct sco_compliance_filter *f,
                                 struct sco_assessment_page *ret, struct sco_error *err)
{
    return read_all(s, f, true, ret, err);
}

void sco_assessment_page_done(struct sco_assessment_page *p)
{
    free(p->v);
    sco_arena_done(&p->arena);
    memset(p, 0, sizeof *p);
}

/* One framework over all repositories. A control is as bad as it is in the worst of them; one that
 * an assessment does not speak of was not evaluated there. */
#include "compliance_priv.h"

#include <stdlib.h>

enum { UNASSESSED_MAX = 100 };

/* ---- which framework ---- */
struct found {
    struct sco_compliance_view *view;
    int64_t pk;
};

static int on_framework(void *user, const struct store_value *v, size_t n)
{
    struct found *x = user;
    struct sco_compliance_view *w = x->view;
    (void)n;
    x->pk = v[0].i;
    w->framework = store_keep(&w->arena, &v[1]);
    w->version = store_keep(&w->arena, &v[2]);
    w->title = store_keep(&w->arena, &v[3]);
    return w->framework && w->version && w->title ? 0 : SCO_E_NOMEM;
}

static int find_framework(struct sco_store *s, const struct sco_compliance_filter *f,
                          struct found *x, struct sco_error *err)
{
    struct compliance_query q = {0};
    sco_buf_addz(&q.sql, "SELECT f.pk, f.id, f.version, f.title FROM compliance_frameworks f JOIN "
                         "compliance_assessments a ON a.framework_pk = f.pk JOIN branches b ON "
                         "b.pk = a.branch_pk WHERE a.latest");
    int r = compliance_query_narrow(s, &q, f, err);
    sco_buf_addz(&q.sql, " ORDER BY a.assessed_at DESC, a.pk DESC LIMIT 1");
    if (r == 0)
        r = sco_buf_check(&q.sql, err);
    if (r == 0)
        r = store_query(s, sco_buf_z(&q.sql), q.v, q.n, on_framework, x, err);
    compliance_query_done(&q);
    if (r == 0 && !x->pk)
        r = sco_error_set(err, SCO_E_NOT_FOUND, "nothing was assessed by %s%s%s", f->framework,
                          f->version && *f->version ? "@" : "", f->version ? f->version : "");
    return r;
}

/* ---- rows ---- */
struct filling {
    struct sco_compliance_view *view;
    struct sco_map rows; /* id of a control -> index + 1 */
    size_t assessment;   /* the one at hand */
    size_t bytes;
    bool full;
};

static struct sco_compliance_row *row_of(struct filling *x, struct sco_str id)
{
    struct sco_compliance_view *w = x->view;
    uintptr_t at = (uintptr_t)sco_map_get(&x->rows, id);
    if (at)
        return &w->rows[at - 1];
    const char *kept = sco_arena_cstr(&w->arena, id);
    void **place = kept ? sco_map_put(&x->rows, sco_str_c(kept), NULL) : NULL;
    if (!place || SCO_VEC_PUSH(w->rows, w->n_rows, w->cap_rows) < 0)
        return NULL;
    *place = (void *)(uintptr_t)(w->n_rows + 1);
    w->rows[w->n_rows] = (struct sco_compliance_row){.id = kept, .title = ""};
    return &w->rows[w->n_rows++];
}

static int on_control(void *user, const struct store_value *v, size_t n)
{
    struct filling *x = user;
    struct sco_compliance_row *r = row_of(x, v[0].s);
    (void)n;
    if (!r)
        return SCO_E_NOMEM;
    r->title = store_keep(&x->view->arena, &v[1]);
    r->description = store_keep(&x->view->arena, &v[2]);
    r->manual = v[3].i != 0;
    return r->title ? 0 : SCO_E_NOMEM;
}

static int add_cell(struct sco_compliance_row *r, struct sco_compliance_cell c)
{
    if (SCO_VEC_PUSH(r->cells, r->n_cells, r->cap_cells) < 0)
        return SCO_E_NOMEM;
    r->cells[r->n_cells++] = c;
    return 0;
}

static int on_result(void *user, const struct store_value *v, size_t n)
{
    struct filling *x = user;
    struct sco_compliance_view *w = x->view;
    struct sco_compliance_cell c = {.assessment = x->assessment, .verdict = SCO_VERDICT_ERROR};
    struct sco_compliance_row *r = row_of(x, v[0].s);
    (void)compliance_verdict_parse(v[2].s, &c.verdict); /* what is not understood has not passed */
    if (!r || (!*r->title && !(r->title = store_keep(&w->arena, &v[1]))))
        return SCO_E_NOMEM;
    if (n > 3) {
        x->bytes += v[3].s.n + v[4].s.n;
        x->full = x->bytes > SCO_COMPLIANCE_BYTES_MAX;
        if (x->full)
            return SCO_E_LIMIT;
        c.reason = store_keep(&w->arena, &v[3]);
        c.evidence = store_keep(&w->arena, &v[4]);
        if (!c.reason || !c.evidence)
            return SCO_E_NOMEM;
    }
    if (c.verdict == SCO_VERDICT_MANUAL) {
        c.attestation = compliance_attestation_for(&w->attestations, r->id,
                                                   w->assessments.v[c.assessment].repository);
        if (c.attestation)
            c.verdict = compliance_attested(c.attestation);
    }
    return add_cell(r, c);
}

/* Of the assessments that were read: what comes meanwhile is not mixed into them. */
static int read_results(struct sco_store *s, bool evidence, struct filling *x,
                        struct sco_error *err)
{
    static const char plain[] =
        "SELECT r.control, r.title, r.status FROM compliance_results r JOIN "
        "compliance_assessments a ON a.pk = r.assessment_pk WHERE a.id = "
        "$1 ORDER BY r.ordinal";
    static const char full[] = "SELECT r.control, r.title, r.status, r.reason, r.evidence FROM "
                               "compliance_results r JOIN compliance_assessments a ON a.pk = "
                               "r.assessment_pk WHERE a.id = $1 ORDER BY r.ordinal";
    const struct sco_assessment_page *p = &x->view->assessments;
    int r = 0;
    for (size_t i = 0; i < p->n && r == 0; i++) {
        uint8_t id[16];
        if (!store_uuid_parse(sco_str_c(p->v[i].id), id))
            return sco_error_set(err, SCO_E_FORMAT, "an assessment without an id");
        struct store_value v = sv_bytes(STORE_UUID, id, sizeof id);
        x->assessment = i;
        r = store_query(s, evidence ? full : plain, &v, 1, on_result, x, err);
    }
    if (x->full)
        return sco_error_set(err, SCO_E_LIMIT,
                             "the evidence is larger than %d MiB: ask for one repository, branch "
                             "or team",
                             SCO_COMPLIANCE_BYTES_MAX >> 20);
    return r;
}

/* ---- the whole ---- */
static int fill_gaps(struct sco_compliance_view *w)
{
    SCO_AUTO(sco_buf) struct sco_buf has = {0};
    int r = 0;
    for (size_t i = 0; i < w->n_rows && r == 0; i++) {
        struct sco_compliance_row *x = &w->rows[i];
        sco_buf_clear(&has);
        for (size_t k = 0; k < w->assessments.n; k++)
            sco_buf_addc(&has, 0);
        if (has.failed)
            return SCO_E_NOMEM;
        for (size_t k = 0; k < x->n_cells; k++)
            has.p[x->cells[k].assessment] = 1;
        for (size_t k = 0; k < w->assessments.n && r == 0; k++)
            if (!has.p[k])
                r = add_cell(x, (struct sco_compliance_cell){
                                    .assessment = k,
                                    .verdict = SCO_VERDICT_NOT_EVALUATED,
                                    .reason = "the scan knew another definition of the framework",
                                    .evidence = "{}"});
        x->verdict = SCO_VERDICT_NOT_APPLICABLE;
        for (size_t k = 0; k < x->n_cells; k++)
            if (x->cells[k].verdict < x->verdict)
                x->verdict = x->cells[k].verdict;
        w->counts[x->verdict]++;
    }
    return r;
}

static int conclude(struct sco_compliance_view *w)
{
    size_t incomplete = 0, stale = 0;
    w->reasons = sco_arena_alloc(&w->arena, COMPLIANCE_REASONS_MAX * sizeof *w->reasons);
    if (!w->reasons)
        return SCO_E_NOMEM;
    for (size_t i = 0; i < w->assessments.n; i++) {
        incomplete += !w->assessments.v[i].complete;
        stale += w->assessments.v[i].stale;
    }
    if (incomplete && !(w->reasons[w->n_reasons++] = sco_arena_fmt(
                            &w->arena, "%zu of %zu assessments are of scans that were not complete",
                            incomplete, w->assessments.n)))
        return SCO_E_NOMEM;
    if (stale && !(w->reasons[w->n_reasons++] = sco_arena_fmt(
                       &w->arena, "%zu of %zu assessments are stale", stale, w->assessments.n)))
        return SCO_E_NOMEM;
    if (compliance_reasons(w->counts, &w->arena, w->reasons, &w->n_reasons) < 0)
        return SCO_E_NOMEM;
    w->result = w->counts[SCO_VERDICT_FAIL] ? SCO_COMPLIANCE_NON_COMPLIANT
                : w->n_reasons              ? SCO_COMPLIANCE_UNDETERMINED
                                            : SCO_COMPLIANCE_COMPLIANT;
    return 0;
}

static int on_unassessed(void *user, const struct store_value *v, size_t n)
{
    struct sco_compliance_view *w = user;
    (void)n;
    if (w->n_unassessed_all++ >= UNASSESSED_MAX)
        return 0;
    w->unassessed[w->n_unassessed] = store_keep(&w->arena, &v[0]);
    return w->unassessed[w->n_unassessed++] ? 0 : SCO_E_NOMEM;
}

static int find_unassessed(struct sco_store *s, const struct sco_compliance_filter *f, int64_t pk,
                           struct sco_compliance_view *w, struct sco_error *err)
{
    struct sco_compliance_filter of = *f;
    struct compliance_query q = {0};
    of.framework = of.version = NULL;
    w->unassessed = sco_arena_alloc(&w->arena, UNASSESSED_MAX * sizeof *w->unassessed);
    if (!w->unassessed)
        return SCO_E_NOMEM;
    compliance_query_add(&q,
                         "SELECT DISTINCT b.repository FROM branches b WHERE NOT EXISTS (SELECT 1 "
                         "FROM compliance_assessments a JOIN branches o ON o.pk = a.branch_pk "
                         "WHERE o.repository = b.repository AND a.framework_pk = ",
                         sv_i64(pk));
    sco_buf_addz(&q.sql, ")");
    int r = compliance_query_narrow(s, &q, &of, err);
    sco_buf_addz(&q.sql, " ORDER BY b.repository");
    if (r == 0)
        r = sco_buf_check(&q.sql, err);
    if (r == 0)
        r = store_query(s, sco_buf_z(&q.sql), q.v, q.n, on_unassessed, w, err);
    compliance_query_done(&q);
    return r;
}

static int read_view(struct sco_store *s, struct sco_compliance_filter *f, bool evidence,
                     struct filling *x, struct sco_error *err)
{
    struct sco_compliance_view *w = x->view;
    struct found of = {.view = w};
    int r = find_framework(s, f, &of, err);
    if (r < 0)
        return r;
    f->version = w->version;
    f->limit = SCO_COMPLIANCE_ASSESSMENTS_MAX;
    r = sco_store_assessments(s, f, &w->assessments, err);
    if (r == 0 && w->assessments.cursor)
        r = sco_error_set(err, SCO_E_LIMIT,
                          "there are more than %d assessments: ask for one repository, branch or "
                          "team",
                          SCO_COMPLIANCE_ASSESSMENTS_MAX);
    if (r == 0)
        r = compliance_attestations_of(s, w->framework, w->version, f->now, &w->attestations, err);
    struct store_value pk = sv_i64(of.pk);
    if (r == 0)
        r = store_query(s,
                        "SELECT id, title, description, manual FROM compliance_controls WHERE "
                        "framework_pk = $1 ORDER BY ordinal",
                        &pk, 1, on_control, x, err);
    if (r == 0)
        r = read_results(s, evidence, x, err);
    if (r == 0)
        r = fill_gaps(w);
    if (r == 0)
        r = conclude(w);
    return r < 0 ? r : find_unassessed(s, f, of.pk, w, err);
}

int sco_store_compliance(struct sco_store *s, const struct sco_compliance_filter *f, bool evidence,
                         struct sco_compliance_view *ret, struct sco_error *err)
{
    struct sco_compliance_view w = {.now = f->now};
    struct sco_compliance_filter own = *f;
    struct filling x = {.view = &w};
    own.cursor = NULL;
    own.from = own.to = 0;
    int r = f->framework ? read_view(s, &own, evidence, &x, err)
                         : sco_error_set(err, SCO_E_INVALID, "which framework?");
    sco_map_done(&x.rows);
    if (r < 0)
        sco_compliance_view_done(&w);
    else
        *ret = w;
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

void sco_compliance_view_done(struct sco_compliance_view *w)
{
    for (size_t i = 0; i < w->n_rows; i++)
        free(w->rows[i].cells);
    free(w->rows);
    sco_assessment_page_done(&w->assessments);
    sco_attestation_page_done(&w->attestations);
    sco_arena_done(&w->arena);
    memset(w, 0, sizeof *w);
}

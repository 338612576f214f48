/* Whether the assessments are as they were written: each digest is computed again, and each
 * assessment has that of the one before it, as long as that one is kept. */
#include "compliance_priv.h"

#include <stdlib.h>

struct verifying {
    struct sco_store *s;
    struct sco_error *err;
    struct sco_sha256 *h;
    /* the assessment at hand */
    int64_t pk;
    uint8_t digest[32];
    char id[37];
    struct sco_arena arena;
    /* the one before it, of the same framework, branch and scope */
    int64_t framework, branch;
    char *scope;
    uint8_t last[32];
};

static int wrong(struct verifying *x, const char *what)
{
    return sco_error_set(x->err, SCO_E_FORMAT, "%s: compliance assessment %s %s", x->s->where,
                         x->id, what);
}

static int finish(struct verifying *x)
{
    uint8_t now[32];
    if (!x->pk)
        return 0;
    int r = sco_sha256_end(x->h, now);
    if (r < 0)
        return sco_error_set(x->err, r, "a digest");
    x->pk = 0;
    memcpy(x->last, x->digest, sizeof x->last);
    return memcmp(now, x->digest, sizeof now) == 0 ? 0 : wrong(x, "was changed");
}

enum { COUNTS_AT = 13, RESULT_AT = COUNTS_AT + 8 };

static int begin(struct verifying *x, const struct store_value *v)
{
    static const enum sco_verdict order[] = {SCO_VERDICT_FAIL,    SCO_VERDICT_ERROR,
                                             SCO_VERDICT_UNKNOWN, SCO_VERDICT_WAIVED,
                                             SCO_VERDICT_MANUAL,  SCO_VERDICT_NOT_EVALUATED,
                                             SCO_VERDICT_PASS,    SCO_VERDICT_NOT_APPLICABLE};
    bool follows =
        x->scope && x->framework == v[1].i && x->branch == v[2].i && sco_str_is(v[8].s, x->scope);
    x->pk = v[0].i;
    store_uuid_format((const uint8_t *)v[3].s.p, x->id);
    if (v[12].s.n != sizeof x->digest)
        return wrong(x, "has no digest");
    memcpy(x->digest, v[12].s.p, sizeof x->digest);
    if (follows && (v[11].s.n != 32 || memcmp(v[11].s.p, x->last, 32) != 0))
        return wrong(x, "does not follow the one before it");
    free(x->scope);
    x->scope = sco_strdup(v[8].s);
    x->framework = v[1].i;
    x->branch = v[2].i;
    struct compliance_head head = {.id = v[3].s,
                                   .scan_id = v[4].s,
                                   .framework = v[5].s,
                                   .version = v[6].s,
                                   .repository = v[7].s,
                                   .scope = v[8].s,
                                   .branch = v[RESULT_AT + 5].s,
                                   .scan_status = v[9].s,
                                   .assessed_at = v[10].i};
    head.previous = v[11].type == STORE_NULL ? sco_str_make(NULL, 0) : v[11].s;
    const struct store_value *commit = &v[RESULT_AT + 6];
    head.commit_sha = commit->type == STORE_NULL ? sco_str_make(NULL, 0) : commit->s;
    for (size_t i = 0; i < SCO_ARRAY_LEN(order); i++)
        head.counts[order[i]] = v[COUNTS_AT + i].i;
    compliance_digest_begin(x->h, &head);
    return x->scope ? 0 : SCO_E_NOMEM;
}

static int on_row(void *user, const struct store_value *v, size_t n)
{
    struct verifying *x = user;
    int r = 0;
    (void)n;
    if (x->pk != v[0].i) {
        r = finish(x);
        if (r == 0)
            r = begin(x, v);
    }
    const struct store_value *c = v + RESULT_AT;
    if (r == 0 && c[0].type != STORE_NULL)
        compliance_digest_result(x->h, c[0].s, c[1].s, c[2].s, c[3].s, c[4].s);
    return r;
}

int sco_store_compliance_verify(struct sco_store *s, struct sco_error *err)
{
    struct verifying x = {.s = s, .err = err, .h = sco_sha256_new()};
    if (!x.h)
        return sco_error_nomem(err);
    int r = store_query(
        s,
        "SELECT a.pk, a.framework_pk, a.branch_pk, a.id, a.scan_id, f.id, f.version, b.repository, "
        "a.scope, a.scan_status, a.assessed_at, a.previous, a.digest, a.failed, a.errors, "
        "a.unknown, a.waived, a.manual, a.not_evaluated, a.passed, a.not_applicable, r.control, "
        "r.title, r.status, r.reason, r.evidence, b.branch, a.commit_sha FROM "
        "compliance_assessments a JOIN compliance_frameworks f ON f.pk = a.framework_pk JOIN "
        "branches b ON b.pk = a.branch_pk LEFT JOIN compliance_results r ON r.assessment_pk = a.pk "
        "ORDER BY a.framework_pk, a.branch_pk, a.scope, a.pk, r.ordinal",
        NULL, 0, on_row, &x, err);
    if (r == 0)
        r = finish(&x);
    sco_sha256_free(x.h);
    free(x.scope);
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

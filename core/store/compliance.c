/* Assessments: what a scan says of the controls of a framework, saved with the scan. Scans of one
 * branch wait for each other (merge.c), and those of one framework for each other's definition of
 * it, so that which assessment is the latest is never in doubt. */
#include "compliance_priv.h"

#include <stdlib.h>

static const char *const names[SCO_VERDICT_MAX_] = {
    [SCO_VERDICT_FAIL] = "fail",
    [SCO_VERDICT_ERROR] = "error",
    [SCO_VERDICT_UNKNOWN] = "unknown",
    [SCO_VERDICT_WAIVED] = "waived",
    [SCO_VERDICT_MANUAL] = "manual",
    [SCO_VERDICT_NOT_EVALUATED] = "not_evaluated",
    [SCO_VERDICT_ATTESTED] = "attested",
    [SCO_VERDICT_PASS] = "pass",
    [SCO_VERDICT_NOT_APPLICABLE] = "not_applicable",
};

const char *sco_verdict_name(enum sco_verdict v)
{
    return (unsigned)v < SCO_VERDICT_MAX_ ? names[v] : "unknown";
}

bool compliance_verdict_parse(struct sco_str name, enum sco_verdict *ret)
{
    for (unsigned i = 0; i < SCO_VERDICT_MAX_; i++)
        if (sco_str_is(name, names[i])) {
            *ret = (enum sco_verdict)i;
            return true;
        }
    return false;
}

/* ---- digest ---- */
static void add_i64(struct sco_sha256 *h, int64_t v)
{
    uint8_t b[8];
    for (size_t i = 0; i < 8; i++)
        b[i] = (uint8_t)((uint64_t)v >> (56 - 8 * i));
    sco_sha256_field(h, sco_str_make((const char *)b, sizeof b));
}

void compliance_digest_begin(struct sco_sha256 *h, const struct compliance_head *x)
{
    const struct sco_str fields[] = {x->id,          x->scan_id, x->framework, x->version,
                                     x->repository,  x->branch,  x->scope,     x->commit_sha,
                                     x->scan_status, x->previous};
    sco_sha256_begin(h);
    sco_sha256_field(h, SCO_STR("secureops assessment 1"));
    for (size_t i = 0; i < SCO_ARRAY_LEN(fields); i++)
        sco_sha256_field(h, fields[i]);
    add_i64(h, x->assessed_at);
    for (size_t i = 0; i < SCO_VERDICT_MAX_; i++)
        add_i64(h, x->counts[i]);
}

void compliance_digest_result(struct sco_sha256 *h, struct sco_str control, struct sco_str title,
                              struct sco_str status, struct sco_str reason, struct sco_str evidence)
{
    const struct sco_str fields[] = {control, title, status, reason, evidence};
    for (size_t i = 0; i < SCO_ARRAY_LEN(fields); i++)
        sco_sha256_field(h, fields[i]);
}

/* ---- frameworks ---- */
struct framework {
    int64_t pk;
    uint8_t digest[32];
};

static int on_framework(void *user, const struct store_value *v, size_t n)
{
    struct framework *f = user;
    (void)n;
    f->pk = v[0].i;
    if (v[1].s.n == sizeof f->digest)
        memcpy(f->digest, v[1].s.p, sizeof f->digest);
    return 0;
}

static struct sco_str text_of(const char *z)
{
    return z ? sco_str_c(z) : sco_str_make(NULL, 0);
}

static int digest_controls(struct sco_sha256 *h, const struct sco_new_assessment *a,
                           uint8_t ret[32])
{
    sco_sha256_begin(h);
    sco_sha256_field(h, text_of(a->title));
    for (size_t i = 0; i < a->n; i++) {
        sco_sha256_field(h, text_of(a->v[i].control));
        sco_sha256_field(h, text_of(a->v[i].title));
        sco_sha256_field(h, text_of(a->v[i].description));
        add_i64(h, a->v[i].manual);
    }
    return sco_sha256_end(h, ret);
}

static int put_controls(struct sco_store *s, int64_t pk, const struct sco_new_assessment *a,
                        struct sco_error *err)
{
    struct store_value of = sv_i64(pk);
    int r =
        store_exec(s, "DELETE FROM compliance_controls WHERE framework_pk = $1", &of, 1, NULL, err);
    for (size_t i = 0; i < a->n && r == 0; i++) {
        struct store_value v[] = {sv_i64(pk),
                                  sv_i64((int64_t)i),
                                  sv_text(a->v[i].control),
                                  sv_text(a->v[i].title),
                                  sv_text(a->v[i].description),
                                  sv_bool(a->v[i].manual)};
        r = store_exec(s,
                       "INSERT INTO compliance_controls (framework_pk, ordinal, id, title, "
                       "description, manual) VALUES ($1, $2, $3, $4, $5, $6)",
                       v, SCO_ARRAY_LEN(v), NULL, err);
    }
    return r;
}

/* The framework's row, locked, with these controls. */
static int put_framework(struct sco_store *s, struct sco_sha256 *h,
                         const struct sco_new_assessment *a, int64_t now, int64_t *ret,
                         struct sco_error *err)
{
    static const uint8_t none[32];
    struct framework f = {0};
    uint8_t digest[32];
    int r = digest_controls(h, a, digest);
    if (r < 0)
        return sco_error_set(err, r, "the definition of %s", a->framework);
    struct store_value v[] = {sv_text(a->framework), sv_text(a->version), sv_text(a->title),
                              sv_bytes(STORE_BLOB, none, sizeof none), sv_i64(now)};
    r = store_query(s,
                    "INSERT INTO compliance_frameworks (id, version, title, digest, updated_at) "
                    "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id, version) DO UPDATE SET "
                    "updated_at = compliance_frameworks.updated_at RETURNING pk, digest",
                    v, SCO_ARRAY_LEN(v), on_framework, &f, err);
    if (r == 0 && memcmp(f.digest, digest, sizeof digest) != 0) {
        struct store_value u[] = {sv_text(a->title), sv_bytes(STORE_BLOB, digest, sizeof digest),
                                  sv_i64(now), sv_i64(f.pk)};
        r = put_controls(s, f.pk, a, err);
        if (r == 0)
            r = store_exec(s,
                           "UPDATE compliance_frameworks SET title = $1, digest = $2, updated_at = "
                           "$3 WHERE pk = $4",
                           u, SCO_ARRAY_LEN(u), NULL, err);
    }
    if (r == 0)
        *ret = f.pk;
    return r;
}

/* ---- the scan ---- */
struct of_scan {
    struct sco_arena arena;
    int64_t branch;
    struct compliance_head head;
    uint8_t scan_id[16], previous[32];
    bool complete;
};

static struct sco_str keep(struct sco_arena *a, const struct store_value *v)
{
    return v->type == STORE_NULL ? sco_str_make(NULL, 0) : sco_arena_str(a, v->s);
}

static int on_scan(void *user, const struct store_value *v, size_t n)
{
    struct of_scan *x = user;
    (void)n;
    x->branch = v[0].i;
    x->head.repository = keep(&x->arena, &v[1]);
    x->head.branch = keep(&x->arena, &v[2]);
    x->head.scope = keep(&x->arena, &v[3]);
    x->head.commit_sha = keep(&x->arena, &v[4]);
    x->head.scan_status = keep(&x->arena, &v[5]);
    x->head.assessed_at = v[6].i;
    x->complete = sco_str_is(v[5].s, "completed");
    return x->head.repository.p && x->head.branch.p && x->head.scope.p && x->head.scan_status.p
               ? 0
               : SCO_E_NOMEM;
}

static int find_scan(struct sco_store *s, const char *scan_id, struct of_scan *x,
                     struct sco_error *err)
{
    if (!store_uuid_parse(sco_str_c(scan_id), x->scan_id))
        return sco_error_set(err, SCO_E_INVALID, "\"%s\" is no id of a scan", scan_id);
    struct store_value v = sv_bytes(STORE_UUID, x->scan_id, sizeof x->scan_id);
    int r = store_query(s,
                        "SELECT s.branch_pk, b.repository, b.branch, s.scope, s.commit_sha, "
                        "s.status, s.completed_at FROM scan_results s JOIN branches b ON b.pk = "
                        "s.branch_pk WHERE s.id = $1",
                        &v, 1, on_scan, x, err);
    if (r == SCO_E_NOMEM)
        return sco_error_nomem(err);
    if (r == 0 && !x->branch)
        r = sco_error_set(err, SCO_E_NOT_FOUND, "there is no scan %s", scan_id);
    x->head.scan_id = sco_str_make((const char *)x->scan_id, sizeof x->scan_id);
    return r;
}

static int on_previous(void *user, const struct store_value *v, size_t n)
{
    struct of_scan *x = user;
    (void)n;
    if (v[0].s.n != sizeof x->previous)
        return SCO_E_FORMAT;
    memcpy(x->previous, v[0].s.p, sizeof x->previous);
    x->head.previous = sco_str_make((const char *)x->previous, sizeof x->previous);
    return 0;
}

/* Makes room for a new latest one, which has the digest of the one before in its own. */
static int succeed(struct sco_store *s, int64_t framework, struct of_scan *x, struct sco_error *err)
{
#define SAME "framework_pk = $2 AND branch_pk = $3 AND scope = $4"
    struct store_value v[] = {sv_bool(false), sv_i64(framework), sv_i64(x->branch),
                              sv_text(x->head.scope.p)};
    int r = store_query(s,
                        "UPDATE compliance_assessments SET latest = $1 WHERE " SAME
                        " AND latest RETURNING digest",
                        v, SCO_ARRAY_LEN(v), on_previous, x, err);
    if (r == 0 && x->complete)
        r = store_exec(s,
                       "UPDATE compliance_assessments SET latest_complete = $1 WHERE " SAME
                       " AND latest_complete",
                       v, SCO_ARRAY_LEN(v), NULL, err);
    return r;
}

/* ---- the rows ---- */
static int count(const struct sco_new_assessment *a, int64_t counts[SCO_VERDICT_MAX_],
                 struct sco_error *err)
{
    if (!a->framework || !*a->framework || !a->version || !a->title)
        return sco_error_set(err, SCO_E_INVALID, "an assessment has a framework");
    for (size_t i = 0; i < a->n; i++) {
        const struct sco_new_verdict *x = &a->v[i];
        enum sco_verdict v;
        if (!x->control || !x->title || !x->reason || !x->evidence || !x->status ||
            !compliance_verdict_parse(sco_str_c(x->status), &v) || v == SCO_VERDICT_ATTESTED)
            return sco_error_set(err, SCO_E_INVALID, "%s: control %s has no verdict", a->framework,
                                 x->control ? x->control : "?");
        counts[v]++;
    }
    return 0;
}

static int digest_all(struct sco_sha256 *h, const struct compliance_head *head,
                      const struct sco_new_assessment *a, uint8_t ret[32])
{
    compliance_digest_begin(h, head);
    for (size_t i = 0; i < a->n; i++) {
        const struct sco_new_verdict *x = &a->v[i];
        compliance_digest_result(h, sco_str_c(x->control), sco_str_c(x->title),
                                 sco_str_c(x->status), sco_str_c(x->reason),
                                 sco_str_c(x->evidence));
    }
    return sco_sha256_end(h, ret);
}

static int take_pk(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(int64_t *)user = v[0].i;
    return 0;
}

static int insert(struct sco_store *s, int64_t framework, const struct of_scan *x,
                  const uint8_t digest[32], int64_t *ret, struct sco_error *err)
{
    const struct compliance_head *d = &x->head;
    const int64_t *n = d->counts;
    struct store_value v[] = {
        sv_bytes(STORE_UUID, d->id.p, d->id.n),
        sv_i64(framework),
        sv_i64(x->branch),
        sv_text(d->scope.p),
        sv_bytes(STORE_UUID, d->scan_id.p, d->scan_id.n),
        sv_text(d->commit_sha.p),
        sv_text(d->scan_status.p),
        sv_i64(d->assessed_at),
        sv_i64(n[SCO_VERDICT_PASS]),
        sv_i64(n[SCO_VERDICT_FAIL]),
        sv_i64(n[SCO_VERDICT_UNKNOWN]),
        sv_i64(n[SCO_VERDICT_MANUAL]),
        sv_i64(n[SCO_VERDICT_NOT_EVALUATED]),
        sv_i64(n[SCO_VERDICT_ERROR]),
        sv_i64(n[SCO_VERDICT_WAIVED]),
        sv_i64(n[SCO_VERDICT_NOT_APPLICABLE]),
        sv_bool(true),
        sv_bool(x->complete),
        sv_bytes(d->previous.p ? STORE_BLOB : STORE_NULL, d->previous.p, d->previous.n),
        sv_bytes(STORE_BLOB, digest, 32),
    };
    return store_query(
        s,
        "INSERT INTO compliance_assessments (id, framework_pk, branch_pk, scope, scan_id, "
        "commit_sha, scan_status, assessed_at, passed, failed, unknown, manual, not_evaluated, "
        "errors, waived, not_applicable, latest, latest_complete, previous, digest) VALUES ($1, "
        "$2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) "
        "RETURNING pk",
        v, SCO_ARRAY_LEN(v), take_pk, ret, err);
}

static int insert_results(struct sco_store *s, int64_t pk, const struct sco_new_assessment *a,
                          struct sco_error *err)
{
    int r = 0;
    for (size_t i = 0; i < a->n && r == 0; i++) {
        const struct sco_new_verdict *x = &a->v[i];
        struct store_value v[] = {sv_i64(pk),          sv_i64((int64_t)i), sv_text(x->control),
                                  sv_text(x->title),   sv_text(x->status), sv_text(x->reason),
                                  sv_text(x->evidence)};
        r = store_exec(s,
                       "INSERT INTO compliance_results (assessment_pk, ordinal, control, title, "
                       "status, reason, evidence) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                       v, SCO_ARRAY_LEN(v), NULL, err);
    }
    return r;
}

static int add_in(struct sco_store *s, struct sco_sha256 *h, const struct sco_new_assessment *a,
                  struct of_scan *x, struct sco_error *err)
{
    uint8_t digest[32];
    int64_t framework = 0, pk = 0;
    int r = put_framework(s, h, a, x->head.assessed_at, &framework, err);
    if (r == 0)
        r = succeed(s, framework, x, err);
    if (r < 0)
        return r;
    x->head.framework = sco_str_c(a->framework);
    x->head.version = sco_str_c(a->version);
    if ((r = digest_all(h, &x->head, a, digest)) < 0)
        return sco_error_set(err, r, "the digest of an assessment");
    r = insert(s, framework, x, digest, &pk, err);
    return r < 0 ? r : insert_results(s, pk, a, err);
}

int sco_store_assessment_add(struct sco_store *s, const char *scan_id,
                             const struct sco_new_assessment *a, struct sco_error *err)
{
    struct of_scan x = {0};
    uint8_t id[16];
    char text[37];
    int r = count(a, x.head.counts, err);
    sco_uuid4(text);
    if (r == 0 && !store_uuid_parse(sco_str_c(text), id))
        r = sco_error_set(err, SCO_E_INTERNAL, "no random numbers from the system");
    if (r < 0)
        return r;
    struct sco_sha256 *h = sco_sha256_new();
    if (!h)
        return sco_error_nomem(err);
    x.head.id = sco_str_make((const char *)id, sizeof id);
    r = sco_store_begin(s, err);
    if (r == 0) {
        r = find_scan(s, scan_id, &x, err);
        if (r == 0)
            r = add_in(s, h, a, &x, err);
        r = sco_store_end(s, r, err);
    }
    sco_sha256_free(h);
    sco_arena_done(&x.arena);
    return r;
}

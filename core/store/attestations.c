/* What people attest of manual controls. Rows are only added; the newest of a control and a
 * repository holds, until it expires; without one, the newest for all repositories. */
#include "compliance_priv.h"

#include <secureops/json.h>
#include <stdlib.h>

#define ATTESTATION_COLUMNS                                                                        \
    "SELECT t.pk, t.id, t.framework, t.version, t.control, t.repository, t.verdict, t.reason, "    \
    "t.evidence, t.attested_by, t.attested_at, t.expires_at, CASE WHEN EXISTS (SELECT 1 FROM "     \
    "compliance_attestations n WHERE n.framework = t.framework AND n.version = t.version AND "     \
    "n.control = t.control AND n.repository = t.repository AND n.pk > t.pk) THEN 0 ELSE 1 END "    \
    "FROM compliance_attestations t "

/* ---- adding ---- */
static int take_manual(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(int *)user = v[0].i ? 1 : 0;
    return 0;
}

static int check(struct sco_store *s, const struct sco_stored_attestation *a, struct sco_error *err)
{
    static const char *const verdicts[] = {"pass", "fail", "not_applicable", "withdrawn"};
    struct store_value v[] = {sv_text(a->framework), sv_text(a->version), sv_text(a->control)};
    size_t i = 0;
    int manual = -1;
    if (!a->framework || !a->version || !a->control || !a->repository || !a->verdict)
        return sco_error_set(err, SCO_E_INVALID, "an attestation has a framework and a control");
    while (i < SCO_ARRAY_LEN(verdicts) && strcmp(a->verdict, verdicts[i]) != 0)
        i++;
    if (i == SCO_ARRAY_LEN(verdicts))
        return sco_error_set(err, SCO_E_INVALID,
                             "a verdict is pass, fail, not_applicable or withdrawn, not \"%.50s\"",
                             a->verdict);
    if (!a->reason || !*a->reason || strlen(a->reason) > SCO_STORE_REASON_MAX)
        return sco_error_set(err, SCO_E_INVALID,
                             "it has to be said why, in up to %d bytes: it is evidence",
                             SCO_STORE_REASON_MAX);
    if (!a->attested_by || !*a->attested_by)
        return sco_error_set(err, SCO_E_INVALID, "it has to be said who attests a control");
    if (a->expires_at && a->expires_at <= a->attested_at)
        return sco_error_set(err, SCO_E_INVALID, "an attestation that has expired says nothing");
    int r = store_query(s,
                        "SELECT c.manual FROM compliance_controls c JOIN compliance_frameworks f "
                        "ON f.pk = c.framework_pk WHERE f.id = $1 AND f.version = $2 AND c.id = $3",
                        v, SCO_ARRAY_LEN(v), take_manual, &manual, err);
    if (r == 0 && manual < 0)
        r = sco_error_set(err, SCO_E_NOT_FOUND, "no assessment of %s%s%s has a control \"%s\"",
                          a->framework, *a->version ? "@" : "", a->version, a->control);
    if (r == 0 && !manual)
        r = sco_error_set(err, SCO_E_INVALID,
                          "control %s is judged by scans: waive a finding in the place of that",
                          a->control);
    return r;
}

int sco_store_attest(struct sco_store *s, const struct sco_stored_attestation *a, char ret_id[37],
                     struct sco_error *err)
{
    uint8_t raw[16];
    char id[37];
    int r = check(s, a, err);
    if (r < 0)
        return r;
    sco_uuid4(id);
    if (!store_uuid_parse(sco_str_c(id), raw))
        return sco_error_set(err, SCO_E_INTERNAL, "no random numbers from the system");
    struct store_value v[] = {sv_bytes(STORE_UUID, raw, sizeof raw),
                              sv_text(a->framework),
                              sv_text(a->version),
                              sv_text(a->control),
                              sv_text(a->repository),
                              sv_text(a->verdict),
                              sv_text(a->reason),
                              sv_text(a->evidence && *a->evidence ? a->evidence : NULL),
                              sv_text(a->attested_by),
                              sv_i64(a->attested_at),
                              sv_i64_or_null(a->expires_at)};
    r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = store_exec(s,
                   "INSERT INTO compliance_attestations (id, framework, version, control, "
                   "repository, verdict, reason, evidence, attested_by, attested_at, expires_at) "
                   "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                   v, SCO_ARRAY_LEN(v), NULL, err);
    r = sco_store_end(s, r, err);
    if (r == 0)
        memcpy(ret_id, id, sizeof id);
    return r;
}

struct naming {
    struct sco_arena *arena;
    const char *version;
};

static int take_version(void *user, const struct store_value *v, size_t n)
{
    struct naming *x = user;
    (void)n;
    x->version = store_keep(x->arena, &v[0]);
    return x->version ? 0 : SCO_E_NOMEM;
}

int sco_store_framework_version(struct sco_store *s, const char *framework, struct sco_arena *arena,
                                const char **ret, struct sco_error *err)
{
    struct naming x = {.arena = arena};
    struct store_value v = sv_text(framework);
    int r = store_query(s,
                        "SELECT f.version FROM compliance_frameworks f JOIN compliance_assessments "
                        "a ON a.framework_pk = f.pk WHERE f.id = $1 AND a.latest ORDER BY "
                        "a.assessed_at DESC, a.pk DESC LIMIT 1",
                        &v, 1, take_version, &x, err);
    if (r == SCO_E_NOMEM)
        return sco_error_nomem(err);
    if (r == 0 && !x.version)
        r = sco_error_set(err, SCO_E_NOT_FOUND, "nothing was assessed by %s", framework);
    if (r == 0)
        *ret = x.version;
    return r;
}

/* ---- reading ---- */
struct reading {
    struct sco_attestation_page *page;
    const char *const *globs;
    size_t cap, limit;
    int64_t now, pk;
};

static bool is_visible(const struct reading *rd, const struct store_value *repository)
{
    if (!rd->globs || !repository->s.n)
        return true;
    for (size_t i = 0; rd->globs[i]; i++)
        if (sco_glob_match(rd->globs[i], repository->s))
            return true;
    return false;
}

static int on_attestation(void *user, const struct store_value *v, size_t n)
{
    struct reading *rd = user;
    struct sco_attestation_page *p = rd->page;
    struct sco_arena *a = &p->arena;
    (void)n;
    if (p->cursor || !is_visible(rd, &v[5]))
        return 0;
    if (p->n == rd->limit) {
        p->cursor = sco_arena_fmt(a, "%lld", (long long)rd->pk);
        return p->cursor ? 0 : SCO_E_NOMEM;
    }
    if (SCO_VEC_PUSH(p->v, p->n, rd->cap) < 0)
        return SCO_E_NOMEM;
    struct sco_stored_attestation *x = &p->v[p->n];
    *x = (struct sco_stored_attestation){.id = store_uuid_text(a, &v[1]),
                                         .framework = store_keep(a, &v[2]),
                                         .version = store_keep(a, &v[3]),
                                         .control = store_keep(a, &v[4]),
                                         .repository = store_keep(a, &v[5]),
                                         .verdict = store_keep(a, &v[6]),
                                         .reason = store_keep(a, &v[7]),
                                         .evidence = store_keep(a, &v[8]),
                                         .attested_by = store_keep(a, &v[9]),
                                         .attested_at = v[10].i,
                                         .expires_at = v[11].i};
    if (!x->id || !x->framework || !x->version || !x->control || !x->repository || !x->verdict ||
        !x->reason || !x->attested_by)
        return SCO_E_NOMEM;
    x->in_force = v[12].i && strcmp(x->verdict, "withdrawn") != 0 &&
                  (!x->expires_at || x->expires_at > rd->now);
    rd->pk = v[0].i;
    p->n++;
    return 0;
}

int sco_store_attestations(struct sco_store *s, const struct sco_attestation_filter *f,
                           struct sco_attestation_page *ret, struct sco_error *err)
{
    struct sco_attestation_page p = {0};
    struct compliance_query q = {0};
    struct reading rd = {
        .page = &p, .globs = f->repositories, .limit = f->limit ? f->limit : 100, .now = f->now};
    const char *const texts[] = {f->framework, f->version, f->control, f->repository};
    static const char *const sql[] = {
        " AND t.framework = ", " AND t.version = ", " AND t.control = ", " AND t.repository = "};
    int64_t pk = INT64_MAX;
    if (rd.limit > SCO_STORE_PAGE_MAX)
        return sco_error_set(err, SCO_E_INVALID, "a page has at most %d attestations",
                             SCO_STORE_PAGE_MAX);
    if (f->cursor && sco_parse_i64(sco_str_c(f->cursor), 0, INT64_MAX, &pk) < 0)
        return sco_error_set(err, SCO_E_INVALID, "\"%s\" is no cursor", f->cursor);
    sco_buf_addz(&q.sql, ATTESTATION_COLUMNS);
    compliance_query_add(&q, "WHERE t.pk < ", sv_i64(pk));
    for (size_t i = 0; i < SCO_ARRAY_LEN(texts); i++)
        if (texts[i])
            compliance_query_add(&q, sql[i], sv_text(texts[i]));
    sco_buf_addz(&q.sql, " ORDER BY t.pk DESC");
    if (!f->repositories)
        compliance_query_add(&q, " LIMIT ", sv_i64((int64_t)rd.limit + 1));
    int r = sco_buf_check(&q.sql, err);
    if (r == 0)
        r = store_query(s, sco_buf_z(&q.sql), q.v, q.n, on_attestation, &rd, err);
    compliance_query_done(&q);
    if (r < 0)
        sco_attestation_page_done(&p);
    else
        *ret = p;
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

void sco_attestation_page_done(struct sco_attestation_page *p)
{
    free(p->v);
    sco_arena_done(&p->arena);
    memset(p, 0, sizeof *p);
}

/* ---- what holds ---- */
int compliance_attestations_of(struct sco_store *s, const char *framework, const char *version,
                               int64_t now, struct sco_attestation_page *ret, struct sco_error *err)
{
    struct sco_attestation_page p = {0};
    struct reading rd = {.page = &p, .limit = SIZE_MAX, .now = now};
    struct store_value v[] = {sv_text(framework), sv_text(version)};
    int r = store_query(s,
                        ATTESTATION_COLUMNS
                        "WHERE t.framework = $1 AND t.version = $2 AND NOT EXISTS (SELECT 1 FROM "
                        "compliance_attestations n WHERE n.framework = t.framework AND n.version = "
                        "t.version AND n.control = t.control AND n.repository = t.repository AND "
                        "n.pk > t.pk) ORDER BY t.pk DESC",
                        v, SCO_ARRAY_LEN(v), on_attestation, &rd, err);
    if (r < 0)
        sco_attestation_page_done(&p);
    else
        *ret = p;
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

/* One of its own that was withdrawn, or is over, leaves the control manual: it is not filled in by
 * what holds elsewhere. */
const struct sco_stored_attestation *compliance_attestation_for(
    const struct sco_attestation_page *p, const char *control, const char *repository)
{
    const struct sco_stored_attestation *all = NULL;
    for (size_t i = 0; i < p->n; i++) {
        const struct sco_stored_attestation *a = &p->v[i];
        if (strcmp(a->control, control) != 0)
            continue;
        if (strcmp(a->repository, repository) == 0)
            return a->in_force ? a : NULL;
        if (!*a->repository)
            all = a;
    }
    return all && all->in_force ? all : NULL;
}

enum sco_verdict compliance_attested(const struct sco_stored_attestation *a)
{
    return strcmp(a->verdict, "pass") == 0   ? SCO_VERDICT_ATTESTED
           : strcmp(a->verdict, "fail") == 0 ? SCO_VERDICT_FAIL
                                             : SCO_VERDICT_NOT_APPLICABLE;
}

void sco_stored_attestation_write(struct sco_json_out *o, const struct sco_stored_attestation *a)
{
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", a->id);
    sco_json_kz(o, "framework", a->framework);
    sco_json_kz(o, "version", a->version);
    sco_json_kz(o, "control", a->control);
    sco_json_kz(o, "repository", *a->repository ? a->repository : NULL);
    sco_json_kz(o, "verdict", a->verdict);
    sco_json_kz(o, "reason", a->reason);
    sco_json_kz(o, "evidence", a->evidence);
    sco_json_kz(o, "attested_by", a->attested_by);
    sco_json_ktime(o, "attested_at", a->attested_at);
    sco_json_ktime(o, "expires_at", a->expires_at);
    sco_json_kbool(o, "in_force", a->in_force);
    sco_json_end(o, '}');
}

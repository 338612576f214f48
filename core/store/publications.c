/* Publications: what a platform was told of one commit or pull request, and is to be told. */
#include "publications_priv.h"

#include <secureops/crypto.h>

enum { STUCK_MS = 5000, OF_JOB_MAX = 100, RETAIN_BATCH = 1000 };

static const char *const states[SCO_PUBLICATION_STATE_MAX_] = {"pending", "published", "failed"};

const char *sco_publication_state_name(enum sco_publication_state s)
{
    return (unsigned)s < SCO_PUBLICATION_STATE_MAX_ ? states[s] : "unknown";
}

void sco_publication_page_done(struct sco_publication_page *p)
{
    sco_arena_done(&p->arena);
    *p = (struct sco_publication_page){0};
}

int publication_id(const char *id, uint8_t raw[16], struct sco_error *err)
{
    if (id && store_uuid_parse(sco_str_c(id), raw))
        return 0;
    return sco_error_set(err, SCO_E_NOT_FOUND, "there is no publication %s", id ? id : "\"\"");
}

/* While the job that tells the platform is tried again: why, and when. */
static int take_attempts(struct sco_publication_page *page, const struct store_value *v,
                         struct sco_stored_publication *x)
{
    const struct store_value *job = &v[PUBLICATION_PK + 1];
    if (x->is != SCO_PUBLICATION_PENDING || !sco_str_is(job[0].s, "ci"))
        return 0;
    x->attempts = (uint32_t)job[3].i;
    x->last_error = x->attempts ? store_keep(&page->arena, &job[2]) : NULL;
    if (x->attempts && sco_str_is(job[1].s, "queued"))
        x->next_attempt_at = job[4].i;
    return x->attempts && job[2].type != STORE_NULL && !x->last_error ? SCO_E_NOMEM : 0;
}

int publication_row(void *user, const struct store_value *v, size_t n)
{
    struct sco_publication_page *page = user;
    struct sco_arena *a = &page->arena;
    struct sco_stored_publication *x = &page->v[page->n++];
    unsigned is = 0;
    (void)n;
    while (is < SCO_PUBLICATION_STATE_MAX_ && !sco_str_is(v[12].s, states[is]))
        is++;
    *x = (struct sco_stored_publication){.id = store_uuid_text(a, &v[0]),
                                         .integration = store_keep(a, &v[1]),
                                         .repository = store_keep(a, &v[2]),
                                         .marker = store_keep(a, &v[3]),
                                         .commit_sha = store_keep(a, &v[4]),
                                         .branch = store_keep(a, &v[5]),
                                         .context = store_keep(a, &v[6]),
                                         .steps = store_keep(a, &v[7]),
                                         .state = store_keep(a, &v[8]),
                                         .job_id = store_uuid_text(a, &v[9]),
                                         .scan_id = store_uuid_text(a, &v[10]),
                                         .reason = store_keep(a, &v[11]),
                                         .is = (enum sco_publication_state)is,
                                         .pr_number = v[13].i,
                                         .created_at = v[14].i,
                                         .updated_at = v[15].i,
                                         .revision = (uint32_t)v[16].i,
                                         .told = (uint32_t)v[17].i};
    const char *const kept[] = {x->id,         x->integration, x->repository, x->marker,
                                x->commit_sha, x->branch,      x->context,    x->steps,
                                x->state,      x->job_id,      x->scan_id,    x->reason};
    for (size_t i = 0; i < SCO_ARRAY_LEN(kept); i++)
        if (!kept[i] && v[i].type != STORE_NULL)
            return SCO_E_NOMEM;
    return take_attempts(page, v, x);
}

static int ask(struct sco_store *s, const char *sql, const struct store_value *v, size_t n,
               size_t limit, struct sco_publication_page *ret, struct sco_error *err)
{
    struct sco_publication_page page = {0};
    page.v = sco_arena_alloc(&page.arena, limit * sizeof *page.v);
    int r = page.v ? store_query(s, sql, v, n, publication_row, &page, err) : SCO_E_NOMEM;
    if (r < 0)
        sco_publication_page_done(&page);
    else
        *ret = page;
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

int sco_store_publication(struct sco_store *s, const char *id, struct sco_publication_page *ret,
                          struct sco_error *err)
{
    struct sco_publication_page page = {0};
    uint8_t raw[16];
    int r = publication_id(id, raw, err);
    if (r < 0)
        return r;
    struct store_value v = sv_bytes(STORE_UUID, raw, sizeof raw);
    r = ask(s, PUBLICATION_COLUMNS "WHERE p.id = $1", &v, 1, 1, &page, err);
    if (r == 0 && !page.n) {
        sco_publication_page_done(&page);
        r = sco_error_set(err, SCO_E_NOT_FOUND, "there is no publication %s", id);
    }
    if (r == 0)
        *ret = page;
    return r;
}

int sco_store_publications_of_job(struct sco_store *s, const char *job_id,
                                  struct sco_publication_page *ret, struct sco_error *err)
{
    uint8_t raw[16];
    if (!store_uuid_parse(sco_str_c(job_id), raw))
        return sco_error_set(err, SCO_E_NOT_FOUND, "there is no job %s", job_id);
    struct store_value v[] = {sv_bytes(STORE_UUID, raw, sizeof raw), sv_i64(OF_JOB_MAX)};
    return ask(s, PUBLICATION_COLUMNS "WHERE p.job_id = $1 ORDER BY p.pk LIMIT $2", v, 2,
               OF_JOB_MAX, ret, err);
}

int sco_store_publications_stuck(struct sco_store *s, int64_t now, uint32_t limit,
                                 struct sco_publication_page *ret, struct sco_error *err)
{
    limit = limit && limit < SCO_STORE_PAGE_MAX ? limit : 100;
    struct store_value v[] = {sv_i64(now - STUCK_MS), sv_i64(now - STUCK_MS), sv_i64(limit)};
    return ask(s,
               PUBLICATION_COLUMNS
               "WHERE p.publication = 'pending' AND "
               "p.updated_at <= $1 AND (j.pk IS NULL OR (j.completed_at > 0 AND j.completed_at <= "
               "$2)) ORDER BY p.updated_at, p.pk LIMIT $3",
               v, SCO_ARRAY_LEN(v), limit, ret, err);
}

/* ---- writing ---- */
static int take_id(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    if (v[0].s.n != 16)
        return SCO_E_INTERNAL;
    store_uuid_format((const uint8_t *)v[0].s.p, user);
    return 0;
}

static struct store_value json_or_null(const char *z)
{
    return z ? sv_json(sco_str_c(z)) : sv_text(NULL);
}

static struct store_value uuid_or_null(const char *z, uint8_t raw[16])
{
    return z && store_uuid_parse(sco_str_c(z), raw) ? sv_bytes(STORE_UUID, raw, 16) : sv_text(NULL);
}

static void subject_of(const struct sco_stored_publication *p, char *to, size_t size)
{
    if (p->pr_number)
        snprintf(to, size, "#%lld", (long long)p->pr_number);
    else
        snprintf(to, size, "%s", p->commit_sha);
}

int sco_store_publication_of(struct sco_store *s, const struct sco_stored_publication *p,
                             struct sco_publication_page *ret, struct sco_error *err)
{
    char subject[80];
    subject_of(p, subject, sizeof subject);
    struct store_value v[] = {sv_text(p->integration), sv_text(p->repository), sv_text(p->marker),
                              sv_text(subject)};
    return ask(s,
               PUBLICATION_COLUMNS "WHERE p.integration = $1 AND p.repository = $2 AND p.marker = "
                                   "$3 AND p.subject = $4",
               v, SCO_ARRAY_LEN(v), 1, ret, err);
}

int sco_store_publication_put(struct sco_store *s, const struct sco_stored_publication *p,
                              int64_t now, char ret_id[37], struct sco_error *err)
{
    uint8_t id[16], job[16];
    char text[37], subject[80], out[37] = "";
    if (!p->integration || !p->repository || !p->marker || !p->commit_sha || !*p->commit_sha)
        return sco_error_set(err, SCO_E_INVALID,
                             "a publication has an integration, a repository, a marker, a commit");
    sco_uuid4(text);
    SCO_BUG_ON(!store_uuid_parse(sco_str_c(text), id));
    subject_of(p, subject, sizeof subject);
    struct store_value v[] = {
        sv_bytes(STORE_UUID, id, sizeof id),
        sv_text(p->integration),
        sv_text(p->repository),
        sv_text(p->marker),
        sv_text(subject),
        sv_text(p->commit_sha),
        sv_text(p->branch),
        sv_i64(p->pr_number),
        json_or_null(p->context),
        json_or_null(p->steps),
        json_or_null(p->state),
        uuid_or_null(p->job_id, job),
        sv_i64(now),
        sv_i64(now),
    };
    int r = store_query(
        s,
        "INSERT INTO publications (id, integration, repository, marker, subject, commit_sha, "
        "branch, pr_number, context, steps, state, publication, job_id, revision, created_at, "
        "updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'pending', $12, 1, $13, "
        "$14) ON CONFLICT (integration, repository, marker, subject) DO UPDATE SET commit_sha = "
        "excluded.commit_sha, branch = excluded.branch, context = COALESCE(excluded.context, "
        "publications.context), steps = excluded.steps, publication = 'pending', job_id = "
        "excluded.job_id, scan_id = NULL, reason = NULL, revision = publications.revision + 1, "
        "updated_at = excluded.updated_at RETURNING id",
        v, SCO_ARRAY_LEN(v), take_id, out, err);
    if (r == 0)
        memcpy(ret_id, out, sizeof out);
    return r;
}

static int changed(int r, int64_t n, struct sco_error *err)
{
    if (r < 0 || n)
        return r;
    return sco_error_set(err, SCO_E_CANCELLED, "a newer scan publishes this");
}

int sco_store_publication_waits(struct sco_store *s, const char *id, uint32_t revision,
                                const char *job_id, const char *scan_id, int64_t now,
                                struct sco_error *err)
{
    uint8_t raw[16], job[16], scan[16];
    int64_t n = 0;
    int r = publication_id(id, raw, err);
    if (r < 0)
        return r;
    struct store_value v[] = {uuid_or_null(job_id, job), uuid_or_null(scan_id, scan), sv_i64(now),
                              sv_bytes(STORE_UUID, raw, sizeof raw), sv_i64(revision)};
    r = store_exec(s,
                   "UPDATE publications SET job_id = $1, scan_id = COALESCE($2, scan_id), "
                   "updated_at = $3 WHERE id = $4 AND revision = $5",
                   v, SCO_ARRAY_LEN(v), &n, err);
    return changed(r, n, err);
}

int sco_store_publication_told(struct sco_store *s, const char *id, uint32_t revision,
                               const char *state, struct sco_error *err)
{
    uint8_t raw[16];
    int r = publication_id(id, raw, err);
    if (r < 0)
        return r;
    struct store_value v[] = {json_or_null(state), sv_i64(revision), sv_i64(revision),
                              sv_bytes(STORE_UUID, raw, sizeof raw)};
    return store_exec(
        s,
        "UPDATE publications SET state = COALESCE($1, state), told = CASE WHEN told > "
        "$2 THEN told ELSE $3 END WHERE id = $4",
        v, SCO_ARRAY_LEN(v), NULL, err);
}

int sco_store_publication_end(struct sco_store *s, const char *id, uint32_t revision,
                              enum sco_publication_state is, const char *state, const char *scan_id,
                              const char *reason, int64_t now, struct sco_error *err)
{
    uint8_t raw[16], scan[16];
    int64_t n = 0;
    int r = publication_id(id, raw, err);
    if (r < 0)
        return r;
    struct store_value v[] = {
        sv_text(sco_publication_state_name(is)),
        json_or_null(state),
        uuid_or_null(scan_id, scan),
        sv_text(reason),
        sv_i64(now),
        sv_bytes(STORE_UUID, raw, sizeof raw),
        sv_i64(revision),
    };
    r = store_exec(s,
                   "UPDATE publications SET publication = $1, state = COALESCE($2, state), scan_id "
                   "= COALESCE($3, scan_id), reason = COALESCE($4, reason), updated_at = $5 WHERE "
                   "id = $6 AND revision = $7",
                   v, SCO_ARRAY_LEN(v), &n, err);
    return changed(r, n, err);
}

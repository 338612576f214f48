/* Operations at platforms as jobs of the queue. */
#include <secureops/ci_jobs.h>

#include <secureops/json.h>

enum { WATCH_MAX = 100 };

static int key_of(const char *integration, const char *repository, struct sco_buf *key,
                  struct sco_error *err)
{
    sco_buf_addf(key, "ci:%s/%s", integration, repository);
    return sco_buf_check(key, err);
}

void sco_ci_job_credential(struct sco_json_out *o, const char *integration, const char *repository,
                           const struct sco_node *context)
{
    if (!integration || !*integration || !repository)
        return;
    sco_json_key(o, "credential");
    sco_json_begin(o, '{');
    sco_json_kz(o, "integration", integration);
    sco_json_kz(o, "repository", repository);
    if (sco_is(context, SCO_NODE_MAP)) {
        sco_json_key(o, "context");
        sco_json_node(o, context);
    }
    sco_json_end(o, '}');
}

static int waits(struct sco_store *s, const char *integration, const char *repository,
                 const char *revision, bool *ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf key = {0};
    struct sco_job_page p = {0};
    int r = key_of(integration, repository, &key, err);
    struct sco_job_filter f = {.states = 1u << SCO_JOB_QUEUED | 1u << SCO_JOB_RUNNING,
                               .kind = "ci",
                               .target_key = sco_buf_z(&key),
                               .revision = revision,
                               .limit = 1};
    if (r == 0)
        r = sco_store_jobs(s, &f, &p, err);
    if (r == 0)
        *ret = p.n > 0;
    sco_job_page_done(&p);
    return r;
}

int sco_ci_job_waits(struct sco_store *s, const char *integration, const char *repository,
                     bool *ret, struct sco_error *err)
{
    return waits(s, integration, repository, NULL, ret, err);
}

static int add(struct sco_store *s, const char *integration, const char *repository,
               const char *revision, const char *request, int64_t now, struct sco_job_added *ret,
               struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf key = {0};
    int r = key_of(integration, repository, &key, err);
    struct sco_job_request q = {.kind = "ci",
                                .target_key = sco_buf_z(&key),
                                .revision = revision,
                                .scanners = "ci", /* none: no limit of a scanner counts it */
                                .request = request,
                                .origin = "ci",
                                .priority = SCO_CI_PRIORITY,
                                .max_attempts = SCO_CI_ATTEMPTS};
    return r == 0 ? sco_store_job_add(s, &q, now, ret, err) : r;
}

/* `commit`: of an older revision; or NULL. */
static int write_publish(const struct sco_stored_publication *p, const char *phase,
                         const char *scan_id, const char *reason, const char *commit,
                         struct sco_buf *b, struct sco_error *err)
{
    struct sco_json_out o = {.b = b};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "integration", p->integration);
    sco_json_kz(&o, "op", "publish");
    sco_json_kz(&o, "publication", p->id);
    sco_json_ki64(&o, "revision", p->revision);
    sco_json_kz(&o, "phase", phase);
    sco_json_kz(&o, "scan_id", scan_id);
    sco_json_kz(&o, "reason", reason);
    sco_json_kz(&o, "commit_sha", commit);
    sco_json_end(&o, '}');
    return sco_buf_check(b, err);
}

/* What is told already, or old when its turn comes, is left out then. */
static int add_publish(struct sco_store *s, const struct sco_stored_publication *p,
                       struct sco_buf *request, int64_t now, struct sco_job_added *ret,
                       struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf revision = {0};
    sco_buf_addf(&revision, "publication:%s", p->id);
    int r = sco_buf_check(&revision, err);
    return r == 0 ? add(s, p->integration, p->repository, sco_buf_z(&revision), sco_buf_z(request),
                        now, ret, err)
                  : r;
}

int sco_ci_job_publish(struct sco_store *s, const struct sco_stored_publication *p,
                       const char *phase, const char *scan_id, const char *reason, int64_t now,
                       struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_job_added added;
    int r = write_publish(p, phase, scan_id, reason, NULL, &b, err);
    if (r == 0)
        r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = add_publish(s, p, &b, now, &added, err);
    if (r == 0 && strcmp(phase, "pending") != 0) /* then the scan is waited for */
        r = sco_store_publication_waits(s, p->id, p->revision, added.id, scan_id, now, err);
    return sco_store_end(s, r, err);
}

int sco_ci_job_give_way(struct sco_store *s, const struct sco_stored_publication *p, int64_t now,
                        struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_job_added added;
    int r = write_publish(p, "error", NULL, "a newer revision is scanned in its place",
                          p->commit_sha, &b, err);
    return r == 0 ? add_publish(s, p, &b, now, &added, err) : r;
}

static int again(struct sco_store *s, const struct sco_stored_publication *p, int64_t now,
                 struct sco_error *err)
{
    int r = sco_store_publication_again(s, p->id, now, err);
    if (r == 0 && p->scan_id)
        return sco_ci_job_publish(s, p, "result", p->scan_id, NULL, now, err);
    return r == 0 ? sco_ci_job_publish(s, p, "error", NULL,
                                       p->reason ? p->reason : "there is no scan", now, err)
                  : r;
}

int sco_ci_job_again(struct sco_store *s, const char *publication, int64_t now,
                     struct sco_error *err)
{
    struct sco_publication_page p = {0};
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = sco_store_publication(s, publication, &p, err);
    if (r == 0)
        r = again(s, &p.v[0], now, err);
    sco_publication_page_done(&p);
    return sco_store_end(s, r, err);
}

int sco_ci_job_call(struct sco_store *s, const char *integration, const char *repository,
                    const char *op, struct sco_str request, const char *execution, int64_t now,
                    struct sco_job_added *ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, revision = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "integration", integration);
    sco_json_kz(&o, "op", op);
    sco_json_key(&o, "request");
    sco_json_raw(&o, request);
    sco_json_kz(&o, "execution", execution);
    sco_json_end(&o, '}');
    sco_buf_addf(&revision, "%s:%s", op, execution ? execution : "");
    int r = sco_buf_check(&b, err);
    if (r == 0)
        r = sco_buf_check(&revision, err);
    return r == 0
               ? add(s, integration, repository, sco_buf_z(&revision), sco_buf_z(&b), now, ret, err)
               : r;
}

int sco_ci_job_follow(struct sco_store *s, const char *integration, const char *repository,
                      const char *execution, int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, revision = {0};
    struct sco_json_out o = {.b = &b};
    struct sco_job_added added;
    bool there = false;
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "repository", repository);
    sco_json_end(&o, '}');
    sco_buf_addf(&revision, "follow:%s", execution);
    int r = sco_buf_check(&b, err);
    if (r == 0)
        r = sco_buf_check(&revision, err);
    if (r == 0)
        r = waits(s, integration, repository, sco_buf_z(&revision), &there, err);
    return r < 0 || there ? r
                          : sco_ci_job_call(s, integration, repository, "follow", sco_buf_str(&b),
                                            execution, now, &added, err);
}

/* ---- the watchdog ---- */
/* What the platform is told; *ret_why: and what operators are: a log of ours is not for everybody.
 */
static const char *why_ended(const struct sco_stored_job *j, struct sco_arena *a,
                             const char **ret_why)
{
    static const char *const how[SCO_JOB_STATE_MAX_] = {
        [SCO_JOB_CANCELLED] = "the scan was cancelled",
        [SCO_JOB_REPLACED] = "the scan gave way to a newer one",
        [SCO_JOB_FAILED] = "the scan has failed",
        [SCO_JOB_DEAD] = "the scan was given up"};
    const char *said = j && how[j->state] ? how[j->state] : "the scan did not come to its end";
    bool ours = j && strcmp(j->request.kind, "ci") == 0;
    if (ours)
        said = "the result could not be published";
    *ret_why = j && j->reason && (ours || j->state == SCO_JOB_FAILED || j->state == SCO_JOB_DEAD)
                   ? sco_arena_fmt(a, "%s: %s", said, j->reason)
                   : said;
    return said;
}

/* One whose end has been told before, and was not, is given up; as is one of which the platform has
 * not heard, when a newer scan tells of it. */
static int unstick(struct sco_store *s, const struct sco_stored_publication *p, int64_t now,
                   struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_job_page j = {0};
    int r = p->job_id ? sco_store_job(s, p->job_id, &j, err) : 0;
    if (r < 0 && r != SCO_E_NOT_FOUND)
        return r;
    const char *why, *said = why_ended(j.n ? &j.v[0] : NULL, &arena, &why);
    bool replaced = j.n && j.v[0].state == SCO_JOB_REPLACED && p->told < p->revision;
    bool last = p->reason || replaced;
    r = why ? sco_store_publication_end(s, p->id, p->revision,
                                        last ? SCO_PUBLICATION_FAILED : SCO_PUBLICATION_PENDING,
                                        NULL, NULL, last && p->reason ? NULL : why, now, err)
            : sco_error_nomem(err);
    sco_job_page_done(&j);
    return r == 0 && !last ? sco_ci_job_publish(s, p, "error", NULL, said, now, err) : r;
}

int sco_ci_jobs_watch(struct sco_store *s, int64_t now, uint64_t *ret, struct sco_error *err)
{
    struct sco_publication_page p = {0};
    uint64_t n = 0;
    int r = sco_store_publications_stuck(s, now, WATCH_MAX, &p, err);
    for (size_t i = 0; r == 0 && i < p.n; i++) {
        r = sco_store_begin(s, err);
        if (r == 0)
            r = sco_store_end(s, unstick(s, &p.v[i], now, err), err);
        n += r == 0;
        if (r != SCO_E_NETWORK && r != SCO_E_IO) /* another node, a newer scan: not the others' */
            r = 0;
    }
    sco_publication_page_done(&p);
    *ret = n;
    return r;
}

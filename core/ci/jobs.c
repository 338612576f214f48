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

int sco_ci_job_waits(struct sco_store *s, const char *integration, const char *repository,
                     bool *ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf key = {0};
    struct sco_job_page p = {0};
    int r = key_of(integration, repository, &key, err);
    struct sco_job_filter f = {.states = 1u << SCO_JOB_QUEUED | 1u << SCO_JOB_RUNNING,
                               .kind = "ci",
                               .target_key = sco_buf_z(&key),
                               .limit = 1};
    if (r == 0)
        r = sco_store_jobs(s, &f, &p, err);
    if (r == 0)
        *ret = p.n > 0;
    sco_job_page_done(&p);
    return r;
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
                                .priority = SCO_CI_PRIORITY};
    return r == 0 ? sco_store_job_add(s, &q, now, ret, err) : r;
}

int sco_ci_job_publish(struct sco_store *s, const struct sco_stored_publication *p,
                       const char *phase, const char *scan_id, const char *reason, int64_t now,
                       struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, revision = {0};
    struct sco_json_out o = {.b = &b};
    struct sco_job_added added;
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "integration", p->integration);
    sco_json_kz(&o, "op", "publish");
    sco_json_kz(&o, "publication", p->id);
    sco_json_ki64(&o, "revision", p->revision);
    sco_json_kz(&o, "phase", phase);
    sco_json_kz(&o, "scan_id", scan_id);
    sco_json_kz(&o, "reason", reason);
    sco_json_end(&o, '}');
    /* one that waits for the same place is left out when its turn comes: what it tells is old */
    sco_buf_addf(&revision, "publication:%s", p->id);
    int r = sco_buf_check(&b, err);
    if (r == 0)
        r = sco_buf_check(&revision, err);
    if (r == 0 && (r = sco_store_begin(s, err)) == 0) {
        r = add(s, p->integration, p->repository, sco_buf_z(&revision), sco_buf_z(&b), now, &added,
                err);
        if (r == 0 && strcmp(phase, "pending") != 0) /* then the scan is waited for */
            r = sco_store_publication_waits(s, p->id, p->revision, added.id, now, err);
        r = sco_store_end(s, r, err);
    }
    return r;
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

/* One that has been told so before, and was not, is given up. */
static int unstick(struct sco_store *s, const struct sco_stored_publication *p, int64_t now,
                   struct sco_error *err)
{
    const char *reason = "the scan did not come to its end";
    if (p->reason)
        return sco_store_publication_end(s, p->id, p->revision, SCO_PUBLICATION_FAILED, NULL, NULL,
                                         NULL, now, err);
    int r = sco_store_publication_end(s, p->id, p->revision, SCO_PUBLICATION_PENDING, NULL, NULL,
                                      reason, now, err);
    return r == 0 ? sco_ci_job_publish(s, p, "error", NULL, reason, now, err) : r;
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

/* A scan that an event asks for: whether it may be, the job, the publication that waits for it, and
 * what it makes needless. */
#include "ci.h"

#include <secureops/checkout.h>
#include <secureops/ci_jobs.h>
#include <secureops/crypto.h>

static bool in_globs(const char *const *globs, const char *text)
{
    bool any = !globs;
    for (; globs && *globs && !any; globs++)
        any = sco_glob_match(*globs, sco_str_c(text));
    return any;
}

/* Nothing is looked at because a stranger's message names it: the integration has to allow the
 * repository, the operator the host. The runner asks once more. */
static int check(const struct ci_setup *u, const struct sco_ci_event *e, const char *location,
                 struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf host = {0};
    const struct sco_integration *i = ci_setup_find(u, e->integration);
    if (!i || !e->repo_full_name || !in_globs(i->repositories, e->repo_full_name))
        return sco_error_set(err, SCO_E_PERMISSION, "integrations.%s.repositories leaves it out",
                             e->integration);
    sco_repository_host(sco_str_c(location), &host);
    if (sco_buf_check(&host, err) < 0)
        return SCO_E_NOMEM;
    if (u->hosts && *u->hosts && host.n && !in_globs(u->hosts, sco_buf_z(&host)))
        return sco_error_set(err, SCO_E_PERMISSION, "checkout.hosts does not name its host");
    return 0;
}

static int is_paused(struct sco_store *s, const char *location, struct sco_error *err)
{
    struct sco_target_page p = {0};
    int r = sco_store_target_at(s, location, &p, err);
    if (r == SCO_E_NOT_FOUND)
        return 0;
    int paused = r == 0 && p.v[0].status && strcmp(p.v[0].status, "paused") == 0;
    sco_target_page_done(&p);
    return r < 0 ? r : paused;
}

/* ---- the request ---- */
static bool is_pull_request(const struct sco_ci_event *e)
{
    return e->kind == SCO_CI_PULL_REQUEST && e->pr_number;
}

/* Platforms keep the commits of a fork's pull request in the base repository as well: there they
 * are fetched, with what they are compared with, and nobody has to be let into the fork. */
static bool is_kept_ref(const char *ref)
{
    struct sco_str s = sco_str_c(ref);
    return sco_str_starts(s, "refs/pull/") || sco_str_starts(s, "refs/merge-requests/");
}

static bool is_in_base(const struct sco_ci_event *e)
{
    return !e->is_fork || !e->head_clone_url || is_kept_ref(e->ref);
}

static const char *location_of(const struct sco_ci_event *e)
{
    return is_in_base(e) ? e->clone_url : e->head_clone_url;
}

/* A fork's branches are none of the repository's, whatever they are called. */
static bool is_strange(const struct sco_ci_event *e)
{
    return e->is_fork && is_in_base(e);
}

static bool is_tag(const struct sco_ci_event *e)
{
    return e->kind == SCO_CI_TAG || e->kind == SCO_CI_RELEASE;
}

/* NULL: of a fork of which nobody can tell what the commit belongs to. */
static const char *branch_of(const struct sco_ci_event *e)
{
    if (is_strange(e))
        return e->ref && !sco_str_starts(sco_str_c(e->ref), "refs/heads/") ? e->ref : NULL;
    if (is_pull_request(e) && e->pr_source_branch)
        return e->pr_source_branch;
    return is_tag(e) ? e->tag : e->branch;
}

/* What the findings are kept under: a tag may be called as a branch is, which it does not change.
 */
static const char *kept_of(const struct sco_ci_event *e)
{
    return is_tag(e) && e->ref && !is_strange(e) ? e->ref : branch_of(e);
}

static int write_request(const struct sco_ci_event *e, const struct sco_ci_action *a,
                         struct sco_buf *b, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_json_out o = {.b = b};
    const struct sco_node *more = NULL;
    const char *base = e->base_sha ? e->base_sha : e->pr_target_branch, *branch = kept_of(e);
    int r = a->scan.p ? sco_json_parse(a->scan, &arena, &more, err) : 0;
    if (r < 0)
        return r;
    sco_json_begin(&o, '{');
    sco_json_key(&o, "target");
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "kind", "repository");
    sco_json_kz(&o, "location", location_of(e));
    sco_json_end(&o, '}');
    sco_json_kz(&o, "branch", branch);
    sco_json_kz(&o, "commit", e->commit_sha);
    if (a->timeout_ms)
        sco_json_ki64(&o, "timeout_ms", a->timeout_ms);
    if (location_of(e) != e->clone_url) /* a stranger's: none of our tokens goes there */
        sco_json_kz(&o, "checkout_secret", "");
    else
        sco_ci_job_credential(&o, e->integration, e->repo_full_name, e->context);
    if (a->sbom_auto)
        sco_json_kz(&o, "sbom", "auto");
    else if (a->sbom)
        sco_json_kbool(&o, "sbom", true);
    if (a->diff && base) {
        sco_json_key(&o, "diff");
        sco_json_begin(&o, '{');
        sco_json_kz(&o, "base", base);
        sco_json_end(&o, '}');
    }
    for (const struct sco_node *m = more ? more->child : NULL; m; m = m->next) {
        sco_json_key(&o, m->key.p);
        sco_json_node(&o, m);
    }
    sco_json_end(&o, '}');
    return sco_buf_check(b, err);
}

/* ---- the publication ---- */
static int json_text(const struct sco_node *v, struct sco_buf *b, struct sco_error *err)
{
    struct sco_json_out o = {.b = b};
    if (v)
        sco_json_node(&o, v);
    return sco_buf_check(b, err);
}

static int steps_text(const char *const *steps, struct sco_buf *b, struct sco_error *err)
{
    struct sco_json_out o = {.b = b};
    if (!steps)
        return 0;
    sco_json_begin(&o, '[');
    for (; *steps; steps++)
        sco_json_str(&o, sco_str_c(*steps));
    sco_json_end(&o, ']');
    return sco_buf_check(b, err);
}

static int give_way(struct sco_store *s, const struct sco_stored_publication *to, int64_t now,
                    struct sco_error *err)
{
    struct sco_publication_page page = {0};
    int r = sco_store_publication_of(s, to, &page, err);
    if (r == 0 && page.n && page.v[0].is == SCO_PUBLICATION_PENDING)
        r = sco_ci_job_give_way(s, &page.v[0], now, err);
    sco_publication_page_done(&page);
    return r;
}

static int publish(struct sco_store *s, const struct sco_ci_event *e, const struct sco_ci_action *a,
                   const char *job_id, int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf context = {0}, steps = {0};
    struct sco_publication_page page = {0};
    char id[37];
    int r = json_text(e->context, &context, err);
    if (r == 0)
        r = steps_text(a->steps, &steps, err);
    struct sco_stored_publication p = {.integration = e->integration,
                                       .repository = e->repo_full_name,
                                       .marker = "secureops",
                                       .commit_sha = e->commit_sha,
                                       .branch = kept_of(e),
                                       .pr_number = is_pull_request(e) ? e->pr_number : 0,
                                       .context = context.n ? sco_buf_z(&context) : NULL,
                                       .steps = steps.n ? sco_buf_z(&steps) : NULL,
                                       .job_id = job_id};
    if (r == 0)
        r = give_way(s, &p, now, err);
    if (r == 0)
        r = sco_store_publication_put(s, &p, now, id, err);
    if (r == 0)
        r = sco_store_publication(s, id, &page, err);
    if (r == 0)
        r = sco_ci_job_publish(s, &page.v[0], "pending", NULL, NULL, now, err);
    sco_publication_page_done(&page);
    return r;
}

/* ---- the job ---- */
int ci_scan(struct sco_store *s, const struct ci_setup *u, const struct sco_ci_event *e,
            const struct sco_ci_action *a, int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf request = {0}, key = {0}, revision = {0};
    struct sco_job_added added;
    uint64_t needless;
    const char *location = location_of(e);
    if (!location)
        return sco_error_set(err, SCO_E_PERMISSION, "the event does not say where its code is");
    if (is_strange(e) && !branch_of(e))
        return sco_error_set(err, SCO_E_PERMISSION, "the event does not say of which fork it is");
    int r = check(u, e, location, err);
    if (r == 0)
        r = is_paused(s, e->clone_url, err);
    if (r > 0)
        return sco_error_set(err, SCO_E_PERMISSION, "the target is paused");
    if (r == 0)
        r = write_request(e, a, &request, err);
    if (r < 0)
        return r;
    sco_repository_normal(sco_str_c(location), &key);
    if (is_pull_request(e))
        sco_buf_addf(&revision, "pull/%lld", (long long)e->pr_number);
    else
        sco_buf_addz(&revision, kept_of(e) ? kept_of(e) : "");
    if (a->sbom) /* a scan without one is not to take its place */
        sco_buf_addz(&revision, "+sbom");
    if (a->path) /* nor one of another folder */
        sco_buf_addf(&revision, "+%s", a->path);
    if (key.failed || revision.failed)
        return sco_error_nomem(err);
    struct sco_job_request q = {.kind = "scan",
                                .target_key = sco_buf_z(&key),
                                .revision = sco_buf_z(&revision),
                                .scanners = "",
                                .request = sco_buf_z(&request),
                                .origin = "webhook",
                                .priority = a->priority};
    r = sco_store_job_add(s, &q, now, &added, err);
    if (r == 0)
        r = sco_store_scans_supersede(s, added.id, q.target_key, q.revision, is_pull_request(e),
                                      now, &needless, err);
    const struct sco_integration *i = ci_setup_find(u, e->integration);
    bool can = i && !i->missing; /* said once, at the start */
    if (r == 0 && a->publish && can && e->commit_sha)
        r = publish(s, e, a, added.id, now, err);
    return r;
}

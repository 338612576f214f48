/* Routes: what CI platforms are told of scans. They are of every repository. */
#include "api_priv.h"

#include <secureops/ci_jobs.h>

static int add_filter(struct api_call *c, struct sco_publication_filter *f, struct sco_error *err)
{
    const char *status = api_query(c, "status"), *pr = api_query(c, "pr_number");
    for (unsigned i = 0; status && i < SCO_PUBLICATION_STATE_MAX_; i++)
        if (strcmp(status, sco_publication_state_name((enum sco_publication_state)i)) == 0)
            f->states = 1u << i;
    if (status && !f->states)
        return api_fault(c, err, "?status", "pending, published or failed");
    if (pr && sco_parse_i64(sco_str_c(pr), 1, INT64_MAX, &f->pr_number) < 0)
        return api_fault(c, err, "?pr_number", "a number above 0");
    f->integration = api_query(c, "integration");
    f->repository = api_query(c, "repository");
    f->commit_sha = api_query(c, "commit_sha");
    return 0;
}

static int get_publications(struct api_call *c, struct sco_error *err)
{
    struct sco_publication_filter f = {0};
    struct sco_publication_page page = {0};
    int r = api_needs_all(c, "publications", err);
    if (r == 0)
        r = api_page(c, &f.limit, &f.cursor, err);
    if (r == 0)
        r = add_filter(c, &f, err);
    if (r == 0)
        r = sco_store_publications(c->store, &f, &page, err);
    if (r < 0)
        return r;
    api_items_begin(c);
    for (size_t i = 0; i < page.n; i++)
        sco_stored_publication_write(&c->out, &page.v[i]);
    api_items_end(c, page.cursor);
    sco_publication_page_done(&page);
    return 0;
}

static int get_publication(struct api_call *c, struct sco_error *err)
{
    struct sco_publication_page page = {0};
    int r = api_needs_all(c, "publications", err);
    if (r == 0)
        r = sco_store_publication(c->store, c->params[0], &page, err);
    if (r < 0)
        return r;
    sco_stored_publication_write(&c->out, &page.v[0]);
    sco_publication_page_done(&page);
    return 0;
}

static int post_retry(struct api_call *c, struct sco_error *err)
{
    int r = api_needs_all(c, "publications", err);
    if (r == 0)
        r = sco_ci_job_again(c->store, c->params[0], c->now, err);
    if (r == SCO_E_INVALID)
        return api_problem(c, 409, err, "the publication is pending");
    if (r < 0)
        return r;
    c->wake = true;
    return get_publication(c, err);
}

const struct api_route api_routes_publications[] = {
    {"GET", "/api/v1/publications", SCO_ACT_READ, SCO_RES_PIPELINES, API_FRESH, get_publications},
    {"GET", "/api/v1/publications/{id}", SCO_ACT_READ, SCO_RES_PIPELINES, API_FRESH,
     get_publication},
    {"POST", "/api/v1/publications/{id}/retry", SCO_ACT_UPDATE, SCO_RES_PIPELINES, 0, post_retry},
    {0},
};

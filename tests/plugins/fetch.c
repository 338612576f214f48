/* A plugin that asks a server: one finding whose title is status and body. */
#include "bad.h"

struct ctx {
    struct bad_ctx bad;
    struct sco_str url;
};

static int run(void *ctx, const struct sco_job *job, struct sco_errbuf *e)
{
    const struct ctx *c = (const struct ctx *)ctx;
    const struct sco_host *h = c->bad.host;
    struct sco_http_request q;
    struct sco_http_response r;
    struct sco_report_finding f;
    int rc;
    (void)job;
    memset(&q, 0, sizeof q);
    memset(&r, 0, sizeof r);
    memset(&f, 0, sizeof f);
    q.struct_size = sizeof q;
    r.struct_size = sizeof r;
    q.url = c->url.p;
    q.timeout_ms = 2000;
    rc = h->http(h, &q, &r, e);
    if (rc < 0)
        return rc;
    f.struct_size = sizeof f;
    f.type = SCO_TYPE_DAST;
    f.rule_id = SCO_STR("FETCH");
    f.title = sco_fmt(h, "%d %.*s", r.status, SCO_STR_ARG(r.body));
    return h->emit(h, &f);
}

static const struct sco_option options[] = {
    {.name = "url",
     .type = SCO_OPT_STR,
     .offset = offsetof(struct ctx, url),
     .doc = "What to get."},
    {.name = NULL},
};

BAD_SCANNER(run, NULL, NULL);
BAD_DESCRIPTOR("fetch", .options = options, .ctx_size = sizeof(struct ctx))

/* Driving a ZAP that is running: reach the target, crawl, wait for the passive scan, attack when
 * the operator wants it, take the alerts page by page. Whatever does not end in time is stopped and
 * said to be incomplete; the alerts until then are still taken. */
#include "zap_priv.h"

enum { SPARE_MS = 60000 }; /* kept for stopping and for the alerts */

struct session {
    struct zap *z;
    struct web w;
    const char *target;
    int64_t reserve_ms;
    struct sco_errbuf *e;
};

/* ---- calls ------------------------------------------------------------------------------------
 */

static int call(struct session *s, const char *path, const char *const *pairs, const char *what,
                struct web_answer *a)
{
    return web_get(&s->w, web_url(&s->w, path, pairs), NULL, what, a, s->e);
}

/* A call whose answer is one text: {"version": "2.16.1"}. Kept until the job ends. */
static int call_text(struct session *s, const char *path, const char *const *pairs,
                     const char *what, const char *member, struct sco_str *ret)
{
    struct web_answer a;
    int r = call(s, path, pairs, what, &a);
    if (r < 0)
        return r;
    struct sco_str text = sco_text(sco_get(a.root, member));
    *ret = sco_str_c(sco_cstr(s->z->h, text));
    int empty = !text.n;
    web_done(&s->w, &a);
    return empty ? sco_errf(s->e, SCO_E_FORMAT, "%s: %s: the answer has no \"%s\"", ZAP_TOOL, what,
                            member)
                 : 0;
}

/* A call whose success is all that matters; failures are ignored: it only cleans up. */
static void try_call(struct session *s, const char *path, const char *const *pairs)
{
    struct web_answer a;
    struct sco_errbuf *e = s->e;
    s->e = NULL;
    if (call(s, path, pairs, "stopping", &a) == 0)
        web_done(&s->w, &a);
    s->e = e;
}

static void incomplete(struct session *s, const char *text)
{
    s->z->h->incomplete(s->z->h, sco_str_c(text));
}

static int64_t scan_left_ms(const struct session *s)
{
    int64_t left = web_left_ms(&s->w);
    return left == INT64_MAX ? left : left - s->reserve_ms;
}

/* ---- waiting ----------------------------------------------------------------------------------
 */

/* What to ask again and again: done when the answer is `end`. */
struct wait {
    const char *path, *member, *end, *what, *id;
    int64_t limit_ms; /* 0: only the deadline */
};

/* 0: it ended; 1: its time is up, and it did not. */
static int wait_for(struct session *s, const struct wait *x)
{
    const struct sco_host *h = s->z->h;
    const char *const pairs[] = {"scanId", x->id, NULL};
    int64_t start = web_now_ms();
    for (;;) {
        struct sco_str now = {0};
        int r = call_text(s, x->path, pairs, x->what, x->member, &now);
        if (r < 0)
            return r;
        if (sco_str_is(now, x->end))
            return 0;
        int64_t percent = sco_int(&(struct sco_node){.type = SCO_NODE_STR, .text = now}, 0);
        h->progress(h, percent > 0 ? (uint64_t)percent : 0, 100, sco_str_c(x->what));
        int64_t spent = web_now_ms() - start;
        if ((x->limit_ms > 0 && spent >= x->limit_ms) || scan_left_ms(s) <= 0)
            return 1;
        if ((r = web_sleep(&s->w, s->z->poll_interval, s->e)) < 0)
            return r;
    }
}

/* ---- steps ------------------------------------------------------------------------------------
 */

static int greet(struct session *s)
{
    struct sco_str version = {0};
    int r = call_text(s, "/JSON/core/view/version/", NULL, "asking for the version", "version",
                      &version);
    if (r == 0)
        r = s->z->h->tool(s->z->h, SCO_STR(ZAP_TOOL), version);
    return r;
}

static int reach(struct session *s)
{
    const char *const pairs[] = {"url", s->target, "followRedirects", "true", NULL};
    struct web_answer a;
    int r = call(s, "/JSON/core/action/accessUrl/", pairs, "reaching the target", &a);
    if (r == 0)
        web_done(&s->w, &a);
    return r;
}

static int start(struct session *s, const char *path, const char *const *pairs, const char *what,
                 const char **ret_id)
{
    struct sco_str id = {0};
    int r = call_text(s, path, pairs, what, "scan", &id);
    *ret_id = id.p;
    return r;
}

static int crawl(struct session *s)
{
    const char *const pairs[] = {"url", s->target, "recurse", "true", NULL};
    const char *id = NULL;
    int r = start(s, "/JSON/spider/action/scan/", pairs, "starting the spider", &id);
    if (r < 0)
        return r;
    struct wait x = {"/JSON/spider/view/status/", "status", "100", "spider", id,
                     s->z->max_duration};
    r = wait_for(s, &x);
    if (r != 0)
        try_call(s, "/JSON/spider/action/stop/", (const char *const[]){"scanId", id, NULL});
    if (r > 0)
        incomplete(s, "the spider was stopped before it had seen everything");
    return r < 0 ? r : 0;
}

static int crawl_ajax(struct session *s)
{
    const char *const pairs[] = {"url", s->target, NULL};
    struct web_answer a;
    int r = call(s, "/JSON/ajaxSpider/action/scan/", pairs, "starting the AJAX spider", &a);
    if (r < 0)
        return r;
    web_done(&s->w, &a);
    struct wait x = {"/JSON/ajaxSpider/view/status/",
                     "status",
                     "stopped",
                     "AJAX spider",
                     NULL,
                     s->z->max_duration};
    r = wait_for(s, &x);
    if (r != 0)
        try_call(s, "/JSON/ajaxSpider/action/stop/", NULL);
    if (r > 0)
        incomplete(s, "the AJAX spider was stopped before it had seen everything");
    return r < 0 ? r : 0;
}

static int wait_passive(struct session *s)
{
    struct wait x = {"/JSON/pscan/view/recordsToScan/",
                     "recordsToScan",
                     "0",
                     "passive scan",
                     NULL,
                     s->z->passive_wait};
    int r = wait_for(s, &x);
    if (r > 0)
        incomplete(s, "the passive scan had not looked at every answer yet");
    return r < 0 ? r : 0;
}

static int attack(struct session *s)
{
    const char *const pairs[] = {
        "url", s->target, "recurse", "true", "scanPolicyName", s->z->scan_policy.p, NULL};
    const char *id = NULL;
    int r = start(s, "/JSON/ascan/action/scan/", pairs, "starting the active scan", &id);
    if (r < 0)
        return r;
    struct wait x = {"/JSON/ascan/view/status/", "status", "100", "active scan", id,
                     s->z->max_duration};
    r = wait_for(s, &x);
    if (r != 0)
        try_call(s, "/JSON/ascan/action/stop/", (const char *const[]){"scanId", id, NULL});
    if (r > 0)
        incomplete(s, "the active scan was stopped before it had tried everything");
    return r < 0 ? r : 0;
}

/* ---- alerts -----------------------------------------------------------------------------------
 */

static int take_page(struct session *s, struct zap_groups *g, struct rep_doc *doc, uint64_t from,
                     uint64_t *ret_n)
{
    char start_text[24];
    snprintf(start_text, sizeof start_text, "%llu", (unsigned long long)from);
    const char *const pairs[] = {"baseurl", s->target, "start", start_text, "count", "500", NULL};
    static const char *const deferred[] = {"alerts", NULL};
    struct web_answer a;
    int r = web_get(&s->w, web_url(&s->w, "/JSON/alert/view/alerts/", pairs), deferred,
                    "taking the alerts", &a, s->e);
    if (r < 0)
        return r;
    const struct sco_node *list = sco_get(a.root, "alerts"), *item = NULL;
    struct sco_iter *it = NULL;
    const struct sco_data_api *data = s->z->h->data;
    if (!list || (list->type != SCO_NODE_LIST && list->type != SCO_NODE_DEFERRED))
        r = sco_errf(s->e, SCO_E_FORMAT, "%s: the answer has no list of alerts", ZAP_TOOL);
    if (r == 0)
        r = data->iter_open(a.reader, list, &it, s->e);
    while (r >= 0 && it && (r = data->iter_next(it, NULL, &item, s->e)) > 0) {
        ++*ret_n;
        r = sco_is(item, SCO_NODE_MAP) ? zap_groups_add(g, item) : REP_UNUSABLE;
        doc->unusable += r == REP_UNUSABLE;
        if (r < 0)
            sco_errf(s->e, r,
                     r == SCO_E_LIMIT ? "more alerts than one scan may have" : "out of memory");
    }
    if (it)
        data->iter_close(it);
    web_done(&s->w, &a);
    return r < 0 ? r : 0;
}

static int take_alerts(struct session *s)
{
    struct rep_doc doc = {.h = s->z->h, .tool = ZAP_TOOL, .e = s->e};
    struct zap_groups *g = zap_groups_new(s->z);
    struct sco_str number = {0};
    const char *const pairs[] = {"baseurl", s->target, NULL};
    uint64_t n = 0;
    int r = g ? 0 : sco_errf(s->e, SCO_E_NOMEM, "out of memory");
    if (r == 0)
        r = call_text(s, "/JSON/alert/view/numberOfAlerts/", pairs, "counting the alerts",
                      "numberOfAlerts", &number);
    for (uint64_t page = ZAP_PAGE; r == 0 && page == ZAP_PAGE; n += page) {
        page = 0;
        r = take_page(s, g, &doc, n, &page);
    }
    int64_t said = sco_int(&(struct sco_node){.type = SCO_NODE_STR, .text = number}, 0);
    if (r == 0 && said > 0 && n < (uint64_t)said)
        incomplete(s, "fewer alerts could be taken than there are");
    if (r == 0)
        r = zap_groups_report(g, &doc);
    return rep_close(&doc, r);
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static int scan(struct session *s)
{
    int r = greet(s);
    if (r == 0)
        r = reach(s);
    if (r == 0 && s->z->spider)
        r = crawl(s);
    if (r == 0 && s->z->ajax_spider)
        r = crawl_ajax(s);
    if (r == 0)
        r = wait_passive(s);
    if (r == 0 && s->z->active) {
        r = attack(s);
        if (r == 0)
            r = wait_passive(s);
    }
    return r == 0 ? take_alerts(s) : r;
}

int zap_run_api(struct zap *z, const struct sco_job *job, struct sco_errbuf *e)
{
    /* the key goes into a header: URLs end up in the logs of servers and proxies */
    const char *headers[] = {NULL, NULL};
    if (z->api_key.n)
        headers[0] = rep_strf(z->h, "X-ZAP-API-Key: %.*s", SCO_STR_ARG(z->api_key));
    struct session s = {.z = z,
                        .target = job->target,
                        .e = e,
                        .reserve_ms =
                            job->timeout_ms / 10 < SPARE_MS ? job->timeout_ms / 10 : SPARE_MS,
                        .w = {.h = z->h,
                              .tool = ZAP_TOOL,
                              .base = web_base(z->url),
                              .headers = headers,
                              .ca_file = z->ca_file.n ? z->ca_file.p : NULL,
                              .insecure = z->insecure,
                              .rate = z->rate,
                              .started_ms = web_now_ms(),
                              .timeout_ms = job->timeout_ms}};
    return scan(&s);
}

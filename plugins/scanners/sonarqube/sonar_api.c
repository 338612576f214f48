/* A scan over the web API: is the server up, is the project there and analysed, then its issues,
 * hotspots, rules and quality gate. A project that does not exist has no issues either, so it is
 * asked for first: nothing found there would not mean clean. */
#include "sonar_priv.h"

static int call(struct sonar_session *x, const char *path, const char *const *pairs,
                const char *what, struct web_answer *a)
{
    return web_get(&x->w, web_url(&x->w, path, pairs), NULL, what, a, x->e);
}

/* ---- authentication ---------------------------------------------------------------------------
 */

static const char *base64(const struct sco_host *h, const char *s)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = strlen(s), at = 0;
    char *out = h->alloc(h, (n + 2) / 3 * 4 + 1);
    for (size_t i = 0; out && i < n; i += 3) {
        unsigned v = (unsigned)(unsigned char)s[i] << 16;
        v |= i + 1 < n ? (unsigned)(unsigned char)s[i + 1] << 8 : 0;
        v |= i + 2 < n ? (unsigned char)s[i + 2] : 0;
        out[at++] = digits[v >> 18];
        out[at++] = digits[v >> 12 & 63];
        out[at++] = i + 1 < n ? digits[v >> 6 & 63] : '=';
        out[at++] = i + 2 < n ? digits[v & 63] : '=';
    }
    return out;
}

/* A token, as the servers of that version take it. */
static const char *authorization(const struct sonar *s, const char *version)
{
    if (!s->token.n)
        return NULL;
    if (rep_version_at_least(version, 10, 0) == 0)
        return rep_strf(s->h, "Authorization: Basic %s",
                        base64(s->h, rep_strf(s->h, "%.*s:", SCO_STR_ARG(s->token))));
    return rep_strf(s->h, "Authorization: Bearer %.*s", SCO_STR_ARG(s->token));
}

/* ---- the server -------------------------------------------------------------------------------
 */

static int ask_version(struct sonar_session *x, const char **ret)
{
    struct sco_http_response r;
    int rc = web_send(&x->w, "GET", web_url(&x->w, "/api/server/version", NULL),
                      sco_str_make(NULL, 0), &r, x->e);
    if (rc < 0)
        return rc;
    if (r.body_path)
        unlink(r.body_path);
    size_t n = 0;
    while (n < r.body.n && n < 40 && (unsigned char)r.body.p[n] > ' ')
        n++;
    if (r.status != 200 || !n || r.body.p[0] < '0' || r.body.p[0] > '9')
        return sco_errf(x->e, SCO_E_NETWORK, "%s: no server at this URL: HTTP status %d",
                        SONAR_TOOL, (int)r.status);
    *ret = sco_cstr(x->s->h, sco_str_make(r.body.p, n));
    return x->s->h->tool(x->s->h, SCO_STR(SONAR_TOOL), sco_str_make(r.body.p, n));
}

static int check_up(struct sonar_session *x)
{
    struct web_answer a;
    int r = call(x, "/api/system/status", NULL, "asking for the status", &a);
    if (r < 0)
        return r;
    struct sco_str status = sco_text(sco_get(a.root, "status"));
    if (!sco_str_is(status, "UP"))
        r = sco_errf(x->e, SCO_E_NETWORK, "%s is not up, its status is %.*s", SONAR_TOOL,
                     SCO_STR_ARG(status));
    web_done(&x->w, &a);
    return r;
}

/* ---- the project ------------------------------------------------------------------------------
 */

static const char *key_in_properties(const struct sonar_session *x)
{
    char line[1024];
    FILE *f = fopen(rep_strf(x->s->h, "%s/sonar-project.properties", x->job->target), "re");
    const char *key = NULL;
    while (f && !key && fgets(line, sizeof line, f)) {
        const char *p = line + strspn(line, " \t");
        if (strncmp(p, "sonar.projectKey", 16) != 0)
            continue;
        p += 16;
        p += strspn(p, " \t");
        if (*p != '=' && *p != ':')
            continue;
        p += 1 + strspn(p + 1, " \t");
        key = sco_cstr(x->s->h, sco_str_make(p, strcspn(p, " \t\r\n")));
    }
    if (f)
        fclose(f);
    return key && *key ? key : NULL;
}

/* 1: analysed; 0: there, but never analysed; or an error. */
static int ask_project(struct sonar_session *x)
{
    const char *const pairs[] = {
        "component", x->key, "branch", x->s->branch.p, "pullRequest", x->s->pull_request.p, NULL};
    struct web_answer a;
    int r = call(x, "/api/components/show", pairs, "asking for the project", &a);
    if (r < 0)
        return r;
    struct sco_str date = sco_text_at(a.root, "component.analysisDate");
    if (date.n)
        x->s->h->log(x->s->h, SCO_LOG_INFO,
                     sco_fmt(x->s->h, "last analysed %.*s", SCO_STR_ARG(date)));
    web_done(&x->w, &a);
    return date.n ? 1 : 0;
}

static int create_project(struct sonar_session *x)
{
    const char *const pairs[] = {"project", x->key, "name", x->key, NULL};
    const char *url = web_url(&x->w, "", pairs);
    const char *form = url ? strchr(url, '?') : NULL;
    struct web_answer a;
    int r = web_json(&x->w, "POST", web_url(&x->w, "/api/projects/create", NULL),
                     sco_str_c(form ? form + 1 : ""), NULL, "creating the project", &a, x->e);
    if (r < 0)
        return r;
    web_done(&x->w, &a);
    x->s->h->log(x->s->h, SCO_LOG_INFO, sco_fmt(x->s->h, "created the project %s", x->key));
    return 0;
}

static int analyse_when_wanted(struct sonar_session *x)
{
    struct sonar *s = x->s;
    if (sco_str_is(s->analyze, "never"))
        return 0;
    int r = sonar_analyze(x);
    if (r <= 0)
        return r;
    if (sco_str_is(s->analyze, "always"))
        return sco_errf(x->e, SCO_E_NOT_FOUND, "%s is not installed", s->program.p);
    s->h->log(s->h, SCO_LOG_WARNING,
              sco_fmt(s->h, "%s is not installed: the findings are those of the last analysis",
                      s->program.p));
    return 0;
}

/* ---- rules ------------------------------------------------------------------------------------
 */

int sonar_need_rule(struct sonar_session *x, struct sco_str key)
{
    int hotspot = !memchr(key.p, ':', key.n); /* the key of a hotspot, whose rule is not named */
    if (!x->s->rule_details || sonar_rule_find(x->s, key))
        return 0;
    struct sonar_rule *rule = sonar_rule_make(x->s, key);
    if (!rule)
        return 0; /* issues are reported without it */
    const char *const pairs[] = {hotspot ? "hotspot" : "key", rule->key.p, NULL};
    struct web_answer a;
    struct sco_errbuf *e = x->e;
    x->e = NULL;
    int r =
        call(x, hotspot ? "/api/hotspots/show" : "/api/rules/show", pairs, "asking for a rule", &a);
    x->e = e;
    if (r == SCO_E_CANCELLED)
        return sco_errf(e, r, "cancelled");
    if (r < 0) { /* a rule may be gone; its issues are not */
        x->s->h->log(x->s->h, SCO_LOG_WARNING,
                     sco_fmt(x->s->h, "the rule %.*s could not be read", SCO_STR_ARG(rule->key)));
        return 0;
    }
    const struct sco_node *node = sco_get(a.root, "rule");
    sonar_rule_read(x->s, rule, node ? node : a.root);
    web_done(&x->w, &a);
    return 0;
}

/* ---- the gate ---------------------------------------------------------------------------------
 */

static int tell_gate(struct sonar_session *x)
{
    const struct sco_host *h = x->s->h;
    const char *const by_analysis[] = {"analysisId", x->analysis, NULL};
    const char *const by_project[] = {
        "projectKey", x->key, "branch", x->s->branch.p, "pullRequest", x->s->pull_request.p, NULL};
    int known = x->analysis && *x->analysis;
    struct web_answer a;
    int r = call(x, "/api/qualitygates/project_status", known ? by_analysis : by_project,
                 "asking for the quality gate", &a);
    if (r < 0)
        return r;
    const struct sco_node *gate = sco_get(a.root, "projectStatus");
    struct sco_str status = sco_text(sco_get(gate, "status")), why = {0};
    SCO_EACH (c, sco_get(gate, "conditions")) {
        if (sco_str_is(sco_text(sco_get(c, "status")), "ERROR"))
            why = sco_fmt(h, "%.*s%s%.*s is %.*s", SCO_STR_ARG(why), why.n ? ", " : "",
                          SCO_STR_ARG(sco_text(sco_get(c, "metricKey"))),
                          SCO_STR_ARG(sco_text(sco_get(c, "actualValue"))));
    }
    h->log(h, sco_str_is(status, "ERROR") ? SCO_LOG_WARNING : SCO_LOG_INFO,
           sco_fmt(h, "quality gate: %.*s%s%.*s", SCO_STR_ARG(status), why.n ? ": " : "",
                   SCO_STR_ARG(why)));
    web_done(&x->w, &a);
    return 0;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static int prepare(struct sonar_session *x, struct sco_job *job, const char *headers[2])
{
    int r = ask_version(x, &job->version);
    if (r < 0)
        return r;
    headers[0] = authorization(x->s, job->version);
    x->component_parameter =
        rep_version_at_least(job->version, 10, 2) == 0 ? "componentKeys" : "components";
    r = check_up(x);
    if (r < 0)
        return r;
    r = ask_project(x);
    if (r == SCO_E_NOT_FOUND && x->s->create_project)
        r = create_project(x);
    else if (r == SCO_E_NOT_FOUND && !sco_str_is(x->s->analyze, "never"))
        r = 0; /* the first analysis makes it, if the token may */
    return r < 0 ? r : 0;
}

static int scan(struct sonar_session *x)
{
    int r = analyse_when_wanted(x);
    if (r < 0)
        return r;
    if ((r = ask_project(x)) < 0)
        return r;
    if (r == 0)
        return sco_errf(x->e, SCO_RUN_INCOMPLETE, "the project %s was never analysed", x->key);
    r = sonar_fetch_issues(x);
    if (r == 0 && x->s->hotspots)
        r = sonar_fetch_hotspots(x);
    return r == 0 ? tell_gate(x) : r;
}

int sonar_run(void *ctx, const struct sco_job *asked, struct sco_errbuf *e)
{
    struct sonar *s = ctx;
    struct sco_job job = *asked;
    const char *headers[2] = {NULL, NULL};
    struct sonar_session x = {.s = s,
                              .job = &job,
                              .e = e,
                              .doc = {.h = s->h, .tool = SONAR_TOOL, .e = e},
                              .w = {.h = s->h,
                                    .tool = SONAR_TOOL,
                                    .base = web_base(s->url),
                                    .headers = headers,
                                    .ca_file = s->ca_file.n ? s->ca_file.p : NULL,
                                    .proxy = s->proxy.n ? s->proxy.p : NULL,
                                    .insecure = s->insecure,
                                    .rate = s->rate,
                                    .started_ms = web_now_ms(),
                                    .timeout_ms = asked->timeout_ms}};
    if (!s->url.n)
        return sco_errf(e, SCO_E_INVALID, "option url: where the SonarQube server is, is not set");
    x.key = s->project_key.n ? s->project_key.p : key_in_properties(&x);
    if (!x.key)
        return sco_errf(e, SCO_E_INVALID,
                        "option project_key is not set, and the target has no "
                        "sonar-project.properties with a sonar.projectKey");
    s->live = 1;
    int r = prepare(&x, &job, headers);
    if (r == 0)
        r = scan(&x);
    sonar_tell_left_out(s);
    return rep_close(&x.doc, r);
}

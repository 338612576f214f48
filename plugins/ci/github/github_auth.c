/* Addresses, requests, and how an operation begins and ends. The App: github_app.c. */
#include "github_priv.h"

#include <stdarg.h>

/* ---- addresses ---- */

static struct sco_str api_base(const struct github *g)
{
    struct sco_str url = g->api_url.n ? g->api_url : g->url, host;
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    if (g->api_url.n)
        return url;
    host = ci_behind(url, "https://");
    if (sco_str_is_nocase(host, "github.com") || sco_str_is_nocase(host, "www.github.com") ||
        sco_str_is_nocase(host, "api.github.com"))
        return SCO_STR("https://api.github.com");
    if (host.n > 8 && sco_str_is_nocase(sco_str_make(host.p + host.n - 8, 8), ".ghe.com"))
        return sco_fmt(g->h, "https://api.%.*s", SCO_STR_ARG(host));
    if (url.n > 7 && sco_str_is(sco_str_make(url.p + url.n - 7, 7), "/api/v3"))
        return url;
    return sco_fmt(g->h, "%.*s/api/v3", SCO_STR_ARG(url));
}

static int set_repository(struct github_op *o)
{
    struct sco_str name = sco_text_at(o->q, "repository");
    const char *slash = name.n ? (const char *)memchr(name.p, '/', name.n) : NULL;
    if (!name.n)
        return 0;
    struct sco_str owner = sco_str_make(name.p, slash ? (size_t)(slash - name.p) : 0);
    struct sco_str repo = sco_str_make(slash ? slash + 1 : NULL, slash ? name.n - owner.n - 1 : 0);
    if (!owner.n || !repo.n || memchr(repo.p, '/', repo.n) || sco_str_is(repo, ".") ||
        sco_str_is(repo, "..") || sco_str_is(owner, "..") || sco_str_is(owner, "."))
        return sco_errf(o->e, SCO_E_INVALID, "repository \"%.*s\" is not owner/name",
                        SCO_STR_ARG(ci_line(o->h, name, 100)));
    o->repo =
        sco_fmt(o->h, "/repos/%s/%s", ci_encode(o->h, owner, ""), ci_encode(o->h, repo, "")).p;
    return o->repo ? 0 : sco_errf(o->e, SCO_E_NOMEM, "out of memory");
}

const char *github_path(const struct github_op *o, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *p = ci_vpath(o->h, o->repo, fmt, ap);
    va_end(ap);
    return p;
}

/* ---- requests ---- */

int github_get(struct github_op *o, const char *path, const char *what, struct ci_answer *a)
{
    return ci_get(&o->http, path, what, a, o->e);
}

int github_send(struct github_op *o, const char *method, const char *path,
                const struct ci_json *body, const char *what, ci_find_fn find, void *user,
                struct ci_answer *a)
{
    return ci_send(&o->http, method, path, body, what, find, user, a, o->e);
}

static void set_headers(struct github_op *o, const char *authorization)
{
    size_t n = 0;
    o->http.headers[n++] = "Accept: application/vnd.github+json";
    o->http.headers[n++] = "X-GitHub-Api-Version: 2022-11-28";
    o->http.headers[n++] = "User-Agent: SecureOps/" SCO_VERSION;
    if (authorization)
        o->http.headers[n++] = authorization;
    o->http.headers[n] = NULL;
}

int github_use_token(struct github_op *o, struct sco_str token)
{
    struct sco_str line = sco_fmt(o->h, "Authorization: Bearer %.*s", SCO_STR_ARG(token));
    if (!line.p)
        return sco_errf(o->e, SCO_E_NOMEM, "out of memory");
    set_headers(o, line.p);
    return 0;
}

static int sign_in(struct github_op *o)
{
    if (o->g->token.n)
        return github_use_token(o, o->g->token);
    if (!o->g->app_id.n)
        return sco_errf(o->e, SCO_E_PERMISSION,
                        "%s: neither token nor app_id and private_key are configured", GITHUB);
    return github_as_installation(o);
}

/* ---- operations ---- */

int github_prepare(struct github_op *o, void *ctx, const struct sco_ci_call *c,
                   struct sco_errbuf *e)
{
    struct github *g = (struct github *)ctx;
    memset(o, 0, sizeof *o);
    o->g = g;
    o->h = g->h;
    o->c = c;
    o->q = c->request;
    o->e = e;
    ci_client_open(&o->http, g->h, GITHUB, api_base(g), &g->client, c);
    set_headers(o, NULL);
    return set_repository(o);
}

int github_begin(struct github_op *o, void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    int r = github_prepare(o, ctx, c, e);
    return r < 0 ? r : sign_in(o);
}

int github_begin_app(struct github_op *o, void *ctx, const struct sco_ci_call *c,
                     struct sco_errbuf *e)
{
    int r = github_prepare(o, ctx, c, e);
    return r < 0 ? r : github_as_app(o);
}

int github_end(struct github_op *o, int result)
{
    if (result == SCO_E_PERMISSION)
        github_forget_token(o); /* it may have been taken back */
    ci_http_done(&o->http);
    return result;
}

/* An App is "slug[bot]"; GITHUB_TOKEN may not ask who it is. */
int github_author(struct github_op *o, struct sco_str *ret)
{
    struct ci_answer a;
    int r;
    if (o->g->app_id.n) {
        const char *before = o->http.headers[3];
        r = github_as_app(o);
        if (r == 0)
            r = github_get(o, "/app", "the App", &a);
        if (r == 0)
            *ret = sco_fmt(o->h, "%.*s[bot]", SCO_STR_ARG(sco_text_at(a.root, "slug")));
        o->http.headers[3] = before;
        o->as_app = 0;
        return r;
    }
    r = github_get(o, "/user", "the token's account", &a);
    if (r == SCO_E_PERMISSION && a.status == 403) {
        *ret = SCO_STR("github-actions[bot]");
        return 0;
    }
    if (r == 0)
        *ret = ci_copy(o->h, sco_text_at(a.root, "login"));
    return r;
}

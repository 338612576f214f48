/* Credentials and requests: a token as it is, or as a GitHub App a signed JWT that is exchanged for
 * the token of an installation. */
#include "github_priv.h"

#include <stdarg.h>

enum { JWT_BACK_S = 60, JWT_LIFE_S = 540 };

struct sco_str github_copy(const struct sco_host *h, struct sco_str s)
{
    const char *p = s.p ? sco_cstr(h, s) : NULL;
    return sco_str_make(p, p ? s.n : 0);
}

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
    va_list ap, again;
    size_t n = strlen(o->repo ? o->repo : "");
    va_start(ap, fmt);
    va_copy(again, ap);
    int k = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = k < 0 ? NULL : (char *)o->h->alloc(o->h, n + (size_t)k + 1);
    if (p) {
        memcpy(p, o->repo ? o->repo : "", n);
        vsnprintf(p + n, (size_t)k + 1, fmt, again);
    }
    va_end(again);
    return p ? p : "/";
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
    struct ci_request q;
    memset(&q, 0, sizeof q);
    q.method = method;
    q.path = path;
    q.what = what;
    if (body && body->failed)
        return sco_errf(o->e, SCO_E_NOMEM, "out of memory");
    if (body)
        q.body = ci_json_text(body);
    return ci_write(&o->http, &q, find, user, a, o->e);
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

static int use_token(struct github_op *o, struct sco_str token)
{
    struct sco_str line = sco_fmt(o->h, "Authorization: Bearer %.*s", SCO_STR_ARG(token));
    if (!line.p)
        return sco_errf(o->e, SCO_E_NOMEM, "out of memory");
    set_headers(o, line.p);
    return 0;
}

/* ---- the App ---- */

static struct sco_str encoded(const struct sco_host *h, const struct ci_json *j)
{
    return h->crypto->base64_encode(h, ci_json_text(j), 1);
}

/* The clock is a minute slow on purpose: GitHub refuses a JWT from its future. */
static int make_jwt(struct github_op *o, struct sco_str *ret)
{
    const struct sco_host *h = o->h;
    int64_t now = h->now(h) / 1000;
    struct ci_json head = ci_json_new(h), body = ci_json_new(h);
    struct sco_str signature = {NULL, 0};
    ci_json_begin(&head, '{');
    ci_json_kz(&head, "alg", "RS256");
    ci_json_kz(&head, "typ", "JWT");
    ci_json_end(&head, '}');
    ci_json_begin(&body, '{');
    ci_json_kint(&body, "iat", now - JWT_BACK_S);
    ci_json_kint(&body, "exp", now + JWT_LIFE_S);
    ci_json_kstr(&body, "iss", o->g->app_id);
    ci_json_end(&body, '}');
    struct sco_str text =
        sco_fmt(h, "%.*s.%.*s", SCO_STR_ARG(encoded(h, &head)), SCO_STR_ARG(encoded(h, &body)));
    if (!text.p)
        return sco_errf(o->e, SCO_E_NOMEM, "out of memory");
    int r = h->crypto->sign_rs256(h, o->g->private_key, text, &signature, o->e);
    if (r < 0)
        return r;
    *ret = sco_fmt(h, "%.*s.%.*s", SCO_STR_ARG(text),
                   SCO_STR_ARG(h->crypto->base64_encode(h, signature, 1)));
    return ret->p ? 0 : sco_errf(o->e, SCO_E_NOMEM, "out of memory");
}

int github_as_app(struct github_op *o)
{
    struct sco_str jwt = {NULL, 0};
    if (!o->g->app_id.n)
        return sco_errf(o->e, SCO_E_UNSUPPORTED, "%s: no App is configured", GITHUB);
    int r = make_jwt(o, &jwt);
    return r < 0 ? r : use_token(o, jwt);
}

/* Which installation: of the event, of the configuration, else asked. */
static int find_installation(struct github_op *o, int64_t *ret)
{
    struct ci_answer a;
    int64_t id = sco_int_at(o->q, "context.installation_id", 0);
    if (id <= 0)
        id = o->g->installation_id;
    if (id <= 0 && o->repo) {
        int r = github_get(o, github_path(o, "/installation"), "the App's installation", &a);
        if (r != 0)
            return r;
        id = sco_int_at(a.root, "id", 0);
    }
    if (id <= 0)
        return sco_errf(o->e, SCO_E_INVALID,
                        "%s: installation_id is not set, and no repository says which it is",
                        GITHUB);
    *ret = id;
    return 0;
}

static int exchange(struct github_op *o, int64_t installation)
{
    struct github *g = o->g;
    struct ci_answer a;
    struct ci_request q;
    const char *path =
        sco_fmt(o->h, "/app/installations/%lld/access_tokens", (long long)installation).p;
    memset(&q, 0, sizeof q);
    q.method = "POST";
    q.path = path ? path : "/";
    q.body = SCO_STR("{}");
    q.what = "the installation's token";
    q.repeat = 1;
    int64_t before = o->http.last_write;
    o->http.last_write = 0; /* this changes nothing that others see */
    int r = ci_call(&o->http, &q, &a, o->e);
    o->http.last_write = before;
    if (r != 0)
        return r;
    struct sco_str token = sco_text_at(a.root, "token");
    int64_t until = ci_time_at(a.root, "expires_at");
    if (!token.n || memchr(token.p, '\n', token.n))
        return sco_errf(o->e, SCO_E_FORMAT, "%s: the answer holds no token", GITHUB);
    g->held_until = 0;
    if (token.n < sizeof g->held) {
        memcpy(g->held, token.p, token.n);
        g->held[token.n] = 0;
        g->held_until = until;
        g->held_installation = installation;
    }
    return use_token(o, token);
}

static int sign_in(struct github_op *o)
{
    struct github *g = o->g;
    int64_t installation = 0;
    if (g->token.n)
        return use_token(o, g->token);
    if (!g->app_id.n)
        return sco_errf(o->e, SCO_E_PERMISSION,
                        "%s: neither token nor app_id and private_key are configured", GITHUB);
    int64_t asked = sco_int_at(o->q, "context.installation_id", g->installation_id);
    int fresh = g->held_until > o->h->now(o->h) + GITHUB_TOKEN_SPARE_MS;
    if (fresh && asked > 0 && asked == g->held_installation)
        return use_token(o, sco_str_c(g->held));
    int r = github_as_app(o);
    if (r == 0)
        r = find_installation(o, &installation);
    if (r != 0)
        return r;
    fresh = fresh && installation == g->held_installation;
    return fresh ? use_token(o, sco_str_c(g->held)) : exchange(o, installation);
}

/* ---- operations ---- */

static int prepare(struct github_op *o, void *ctx, const struct sco_ci_call *c,
                   struct sco_errbuf *e)
{
    struct github *g = (struct github *)ctx;
    memset(o, 0, sizeof *o);
    o->g = g;
    o->h = g->h;
    o->c = c;
    o->q = c->request;
    o->e = e;
    o->http.h = g->h;
    o->http.platform = GITHUB;
    o->http.base = api_base(g);
    o->http.ca_file = g->ca_file.n ? g->ca_file.p : NULL;
    o->http.proxy = g->proxy.n ? g->proxy.p : NULL;
    o->http.cache_dir = c->cache_dir;
    o->http.rate = g->rate;
    o->http.write_gap_ms = g->write_gap;
    o->http.wait_ms = g->wait;
    o->http.backoff_ms = g->backoff;
    o->http.timeout_ms = c->timeout_ms;
    o->http.retry_ms = c->retry_ms;
    ci_http_open(&o->http);
    set_headers(o, NULL);
    return set_repository(o);
}

int github_begin(struct github_op *o, void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    int r = prepare(o, ctx, c, e);
    return r < 0 ? r : sign_in(o);
}

int github_begin_app(struct github_op *o, void *ctx, const struct sco_ci_call *c,
                     struct sco_errbuf *e)
{
    int r = prepare(o, ctx, c, e);
    return r < 0 ? r : github_as_app(o);
}

int github_end(struct github_op *o, int result)
{
    if (result == SCO_E_PERMISSION)
        o->g->held_until = 0; /* a token that was taken back is asked for anew */
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
        return r;
    }
    r = github_get(o, "/user", "the token's account", &a);
    if (r == SCO_E_PERMISSION && a.status == 403) {
        *ret = SCO_STR("github-actions[bot]");
        return 0;
    }
    if (r == 0)
        *ret = github_copy(o->h, sco_text_at(a.root, "login"));
    return r;
}

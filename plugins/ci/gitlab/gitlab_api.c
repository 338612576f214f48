/* Credentials, addresses and requests. */
#include "gitlab_priv.h"

#include <stdarg.h>

struct sco_str gitlab_bare(struct sco_str ref)
{
    struct sco_str bare = ci_behind(ref, "refs/heads/");
    if (!bare.n)
        bare = ci_behind(ref, "refs/tags/");
    return bare.n ? bare : ref;
}

int gitlab_starts(struct sco_str a, struct sco_str mark)
{
    return mark.n && a.n >= mark.n && memcmp(a.p, mark.p, mark.n) == 0;
}

int gitlab_good_id(struct gitlab_op *o, struct sco_str id, const char *what)
{
    size_t i = 0;
    while (i < id.n && id.p[i] >= '0' && id.p[i] <= '9')
        i++;
    if (id.n && i == id.n && id.n <= 20)
        return 0;
    return sco_errf(o->e, SCO_E_INVALID, "%s is not a number of %s", what, GITLAB);
}

/* ---- addresses ---- */

static struct sco_str api_base(const struct gitlab *g)
{
    struct sco_str url = g->url;
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    if (url.n > 7 && sco_str_is(sco_str_make(url.p + url.n - 7, 7), "/api/v4"))
        return url;
    return sco_fmt(g->h, "%.*s/api/v4", SCO_STR_ARG(url));
}

static int good_path(struct sco_str name)
{
    size_t slashes = 0;
    for (size_t at = 0; at <= name.n;) {
        const char *slash = (const char *)memchr(name.p + at, '/', name.n - at);
        size_t n = slash ? (size_t)(slash - name.p) - at : name.n - at;
        struct sco_str part = sco_str_make(name.p + at, n);
        if (!n || sco_str_is(part, ".") || sco_str_is(part, ".."))
            return 0;
        slashes += slash != NULL;
        at += n + 1;
    }
    return slashes > 0;
}

/* The number where an event told it, for there are proxies that decode the %2F of a path. */
static int set_project(struct gitlab_op *o)
{
    struct sco_str name = sco_text_at(o->q, "repository");
    struct sco_str id = sco_text_at(o->q, "context.project_id");
    if (!name.n)
        return 0;
    if (!good_path(name))
        return sco_errf(o->e, SCO_E_INVALID, "repository \"%.*s\" is not group/name",
                        SCO_STR_ARG(ci_line(o->h, name, 100)));
    if (id.n && gitlab_good_id(o, id, "context.project_id") < 0)
        return SCO_E_INVALID;
    const char *part = ci_encode(o->h, id.n ? id : name, "");
    struct ci_json j = ci_json_new(o->h);
    ci_json_put(&j, "/projects/", 10);
    ci_json_put(&j, part, strlen(part) + 1);
    o->project = ci_json_text(&j).p;
    return o->project ? 0 : sco_errf(o->e, SCO_E_NOMEM, "out of memory");
}

const char *gitlab_path(const struct gitlab_op *o, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *p = ci_vpath(o->h, o->project, fmt, ap);
    va_end(ap);
    return p;
}

/* ---- requests ---- */

int gitlab_get(struct gitlab_op *o, const char *path, const char *what, struct ci_answer *a)
{
    return ci_get(&o->http, path, what, a, o->e);
}

int gitlab_send(struct gitlab_op *o, const char *method, const char *path,
                const struct ci_json *body, const char *what, ci_find_fn find, void *user,
                struct ci_answer *a)
{
    return ci_send(&o->http, method, path, body, what, find, user, a, o->e);
}

static int sign_in(struct gitlab_op *o)
{
    const struct gitlab *g = o->g;
    size_t n = 0;
    o->http.headers[n++] = "Accept: application/json";
    o->http.headers[n++] = "User-Agent: SecureOps/" SCO_VERSION;
    if (!g->token.n && !g->trigger_token.n)
        return sco_errf(o->e, SCO_E_PERMISSION, "%s: no token is configured", GITLAB);
    if (g->token.n) {
        const char *name = sco_str_is(g->token_type, "bearer") ? "Authorization: Bearer"
                           : sco_str_is(g->token_type, "job")  ? "JOB-TOKEN:"
                                                               : "PRIVATE-TOKEN:";
        struct ci_json j = ci_json_new(o->h); /* memory that lasts as long as the call */
        ci_json_put(&j, name, strlen(name));
        ci_json_put(&j, " ", 1);
        ci_json_put(&j, g->token.p, g->token.n);
        ci_json_put(&j, "", 1);
        if (j.failed)
            return sco_errf(o->e, SCO_E_NOMEM, "out of memory");
        o->http.headers[n++] = ci_json_text(&j).p;
    }
    o->http.headers[n] = NULL;
    return 0;
}

int gitlab_begin(struct gitlab_op *o, void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct gitlab *g = (struct gitlab *)ctx;
    memset(o, 0, sizeof *o);
    o->g = g;
    o->h = g->h;
    o->c = c;
    o->q = c->request;
    o->e = e;
    ci_client_open(&o->http, g->h, GITLAB, ci_copy(g->h, api_base(g)), &g->client, c);
    int r = set_project(o);
    if (r == 0 && !o->project)
        r = sco_errf(e, SCO_E_INVALID, "the request names no repository");
    return r < 0 ? r : sign_in(o);
}

int gitlab_end(struct gitlab_op *o, int result)
{
    ci_http_done(&o->http);
    return result;
}

int gitlab_author(struct gitlab_op *o, struct sco_str *ret)
{
    struct ci_answer a;
    int r = gitlab_get(o, "/user", "the token's account", &a);
    if (r != 0)
        return r;
    *ret = ci_copy(o->h, gitlab_id(sco_get(a.root, "id")));
    return ret->n ? 0 : sco_errf(o->e, SCO_E_FORMAT, "%s: the account has no number", GITLAB);
}

int gitlab_default_branch(struct gitlab_op *o, struct sco_str *ret)
{
    struct ci_answer a;
    int r = gitlab_get(o, o->project, "the project", &a);
    if (r == 0)
        *ret = ci_copy(o->h, sco_text_at(a.root, "default_branch"));
    return r;
}

/* An access token is the password of any user; the others want a user of their own. */
int gitlab_credential(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    const struct gitlab *g = (const struct gitlab *)ctx;
    struct sco_str base = g->url;
    while (base.n && base.p[base.n - 1] == '/')
        base.n--;
    if (base.n > 7 && sco_str_is(sco_str_make(base.p + base.n - 7, 7), "/api/v4"))
        base.n -= 7;
    int r = ci_token_check(g->h, GITLAB, base, c->request,
                           g->token.n && sco_str_is(g->token_type, "private"), e);
    return r == 0 ? ci_token_give(g->h, g->token, e) : r;
}

/* Credentials, addresses, requests. With a password every write needs a crumb, which is bound to
 * the session that it was given in; one that has expired is asked for once more. Errors are HTML:
 * the header X-Error has the words. */
#include "jenkins_priv.h"

#include <stdarg.h>

enum { AGENT, SIGNED_IN, CRUMB, COOKIE };

const char *jenkins_path(const struct jenkins_op *o, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int k = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = k < 0 ? NULL : (char *)o->h->alloc(o->h, (size_t)k + 1);
    if (p)
        vsnprintf(p, (size_t)k + 1, fmt, again);
    va_end(again);
    return p ? p : "/";
}

int jenkins_build_of(struct jenkins_op *o, struct sco_str id, struct jenkins_build *ret)
{
    struct jenkins_build b = {id, 0, 0, NULL};
    struct ci_json url = ci_json_new(o->h);
    for (size_t i = 0; i < id.n; i++)
        if (id.p[i] == '#' || id.p[i] == '@') {
            int64_t n = 0;
            for (size_t d = i + 1; d < id.n; d++)
                n = id.p[d] >= '0' && id.p[d] <= '9' && n >= 0 && id.n - i < 16
                        ? n * 10 + (id.p[d] - '0')
                        : -1;
            if (n <= 0)
                return sco_errf(o->e, SCO_E_INVALID, "\"%.*s\" is not job#number",
                                SCO_STR_ARG(ci_line(o->h, id, 100)));
            *(id.p[i] == '#' ? &b.number : &b.queue) = n;
            b.job = sco_str_make(id.p, i);
            break;
        }
    if (!b.job.n)
        return sco_errf(o->e, SCO_E_INVALID, "the name of the job (folder/job) is missing");
    for (size_t at = 0; at <= b.job.n; at++) {
        size_t from = at;
        while (at < b.job.n && b.job.p[at] != '/')
            at++;
        struct sco_str part = sco_str_make(b.job.p + from, at - from);
        if (!part.n || sco_str_is(part, ".") || sco_str_is(part, ".."))
            return sco_errf(o->e, SCO_E_INVALID, "\"%.*s\" is not the name of a job (folder/job)",
                            SCO_STR_ARG(ci_line(o->h, b.job, 100)));
        const char *coded = ci_encode(o->h, part, "");
        ci_json_put(&url, "/job/", 5);
        ci_json_put(&url, coded, strlen(coded));
    }
    ci_json_put(&url, "", 1);
    b.url = ci_json_text(&url).p;
    if (!b.url)
        return sco_errf(o->e, SCO_E_NOMEM, "out of memory");
    *ret = b;
    return 0;
}

void jenkins_form(struct ci_json *form, struct sco_str name, struct sco_str value)
{
    const char *n = ci_encode(form->h, name, ""), *v = ci_encode(form->h, value, "");
    if (form->n)
        ci_json_put(form, "&", 1);
    ci_json_put(form, n, strlen(n));
    ci_json_put(form, "=", 1);
    ci_json_put(form, v, strlen(v));
}

/* ---- requests ---- */

/* The words of X-Error in the place of an HTML page. */
static int explain(const struct jenkins_op *o, const struct ci_request *q,
                   const struct ci_answer *a, int r, struct sco_errbuf *e)
{
    struct sco_str words = ci_header(a, "x-error");
    if (r >= 0 || a->status < 400 || !words.n)
        return r;
    return sco_errf(e, r, "%s: %s: HTTP status %d: %.*s", JENKINS, q->what, (int)a->status,
                    SCO_STR_ARG(ci_line(o->h, words, CI_HTTP_MESSAGE_MAX)));
}

/* A redirect to a page where people sign in. */
static int is_login(const struct ci_answer *a)
{
    struct sco_str to = ci_header(a, "location");
    return a->status >= 300 && a->status < 400 &&
           (ci_contains(to, "/login") || ci_contains(to, "securityRealm"));
}

static int refused(const struct ci_request *q, struct sco_errbuf *e)
{
    return sco_errf(e, SCO_E_PERMISSION,
                    "%s: %s: it wants us to sign in: the user or the token is wrong", JENKINS,
                    q->what);
}

int jenkins_get(struct jenkins_op *o, const char *path, const char *what, struct ci_answer *a,
                struct sco_errbuf *e)
{
    struct ci_request q;
    memset(&q, 0, sizeof q);
    q.path = path;
    q.what = what;
    q.stay = 1;
    int r = ci_call(&o->http, &q, a, e);
    if (is_login(a))
        return refused(&q, e);
    if (r == 0 && a->status >= 300)
        return sco_errf(e, SCO_E_FORMAT,
                        "%s: %s: it redirects (HTTP status %d): is url its address?", JENKINS, what,
                        (int)a->status);
    return explain(o, &q, a, r, e);
}

int jenkins_get_text(struct jenkins_op *o, const char *path, const char *what, struct ci_answer *a,
                     struct sco_errbuf *e)
{
    struct ci_request q;
    memset(&q, 0, sizeof q);
    q.path = path;
    q.what = what;
    q.text = 1;
    return explain(o, &q, a, ci_call(&o->http, &q, a, e), e);
}

/* "a=1; b=2" of the Set-Cookie headers. */
static struct sco_str cookies(const struct jenkins_op *o, const struct ci_answer *a)
{
    struct ci_json line = ci_json_new(o->h);
    ci_json_put(&line, "Cookie: ", 8);
    for (size_t i = 0; i < a->r.n_headers; i++) {
        struct sco_str v = a->r.headers[i].value;
        if (!sco_str_is_nocase(a->r.headers[i].key, "set-cookie"))
            continue;
        const char *end = v.n ? (const char *)memchr(v.p, ';', v.n) : NULL;
        if (line.n > 8)
            ci_json_put(&line, "; ", 2);
        ci_json_put(&line, v.p, end ? (size_t)(end - v.p) : v.n);
    }
    if (line.n == 8)
        return sco_str_make(NULL, 0);
    ci_json_put(&line, "", 1);
    return ci_json_text(&line);
}

/* 404: this Jenkins has no protection against forged requests, and wants no crumb. */
static int get_crumb(struct jenkins_op *o)
{
    struct ci_answer a;
    o->http.headers[CRUMB] = o->http.headers[COOKIE] = NULL;
    int r = jenkins_get(o, "/crumbIssuer/api/json", "the crumb", &a, o->e);
    if (r != 0 && r != SCO_E_NOT_FOUND)
        return r;
    struct sco_str name = r == 0 ? sco_text_at(a.root, "crumbRequestField") : SCO_STR("");
    struct sco_str value = r == 0 ? sco_text_at(a.root, "crumb") : SCO_STR("");
    o->has_crumb = 1;
    if (!name.n || !value.n)
        return 0;
    struct sco_str cookie = cookies(o, &a);
    o->http.headers[CRUMB] = jenkins_path(o, "%.*s: %.*s", SCO_STR_ARG(name), SCO_STR_ARG(value));
    o->http.headers[COOKIE] = cookie.p;
    return 0;
}

static int post_once(void *ctx, const struct ci_request *q, struct ci_answer *a,
                     struct sco_errbuf *e)
{
    struct jenkins_op *o = (struct jenkins_op *)ctx;
    int r = 0;
    for (int again = 0; again < 2; again++) {
        if (o->k->password.n && !o->has_crumb)
            r = get_crumb(o);
        if (r != 0)
            return r;
        r = ci_call(&o->http, q, a, e);
        if (r != SCO_E_PERMISSION || a->status != 403 || !ci_contains(a->r.body, "crumb"))
            break;
        o->has_crumb = 0; /* it has expired */
    }
    if (is_login(a))
        return refused(q, e);
    return explain(o, q, a, r, e);
}

int jenkins_post(struct jenkins_op *o, const char *path, struct sco_str body, const char *type,
                 const char *what, ci_find_fn find, void *user, struct ci_answer *a)
{
    struct ci_request q;
    memset(&q, 0, sizeof q);
    q.method = "POST";
    q.path = path;
    q.what = what;
    q.text = q.stay = 1;
    q.body = body.p ? body : SCO_STR("");
    q.content_type = type ? type : "Content-Type: application/x-www-form-urlencoded";
    return ci_write_by(&o->http, post_once, o, &q, find, user, a, o->e);
}

/* ---- operations ---- */

int jenkins_begin(struct jenkins_op *o, void *ctx, const struct sco_ci_call *c,
                  struct sco_errbuf *e)
{
    struct jenkins *k = (struct jenkins *)ctx;
    memset(o, 0, sizeof *o);
    o->k = k;
    o->h = k->h;
    o->c = c;
    o->q = c->request;
    o->e = e;
    struct sco_str base = k->url;
    while (base.n && base.p[base.n - 1] == '/')
        base.n--;
    ci_client_open(&o->http, k->h, JENKINS, base, &k->client, c);
    if (!o->http.base.n)
        return sco_errf(e, SCO_E_INVALID, "%s: url is not configured", JENKINS);
    struct sco_str secret = k->token.n ? k->token : k->password;
    if (!secret.n)
        return sco_errf(e, SCO_E_PERMISSION, "%s: neither token nor password is configured",
                        JENKINS);
    struct sco_str pair = sco_fmt(o->h, "%.*s:%.*s", SCO_STR_ARG(k->user), SCO_STR_ARG(secret));
    struct sco_str coded = o->h->crypto->base64_encode(o->h, pair, 0);
    o->http.headers[AGENT] = "User-Agent: SecureOps/" SCO_VERSION;
    o->http.headers[SIGNED_IN] = jenkins_path(o, "Authorization: Basic %.*s", SCO_STR_ARG(coded));
    return 0;
}

int jenkins_end(struct jenkins_op *o, int result)
{
    ci_http_done(&o->http);
    return result;
}

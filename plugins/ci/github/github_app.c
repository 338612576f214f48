/* The GitHub App: a signed JWT is exchanged for the token of an installation, which holds for an
 * hour. The token is kept sealed in the cache folder: conditional requests (github_poll.c) are free
 * only as long as the token is the same. */
#include "github_priv.h"

enum { JWT_BACK_S = 60, JWT_LIFE_S = 540, SEALED_MAX = 2 * GITHUB_TOKEN_MAX };

/* ---- the App itself ---- */

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
    o->as_app = 1;
    return r < 0 ? r : github_use_token(o, jwt);
}

/* ---- a token that is kept ---- */

static struct sco_str kept_path(const struct github_op *o, int64_t installation, const char *end)
{
    if (!o->c->cache_dir)
        return sco_str_make(NULL, 0);
    return sco_fmt(o->h, "%s/token-%lld%s", o->c->cache_dir, (long long)installation, end);
}

static struct sco_str kept_for(const struct github_op *o, int64_t installation)
{
    return sco_fmt(o->h, "%.*s %.*s %lld", SCO_STR_ARG(o->http.base), SCO_STR_ARG(o->g->app_id),
                   (long long)installation);
}

static int is_held(const struct github_op *o, int64_t installation)
{
    const struct github *g = o->g;
    return installation > 0 && installation == g->held_installation &&
           g->held_until > o->h->now(o->h) + GITHUB_TOKEN_SPARE_MS;
}

static void hold(struct github_op *o, int64_t installation, struct sco_str token, int64_t until)
{
    struct github *g = o->g;
    g->held_until = 0;
    if (token.n >= sizeof g->held)
        return;
    memcpy(g->held, token.p, token.n);
    g->held[token.n] = 0;
    g->held_until = until;
    g->held_installation = installation;
}

/* "1795339867000 ghs_..."; what cannot be read was never there. */
static void load(struct github_op *o, int64_t installation)
{
    char words[1024];
    struct sco_errbuf ignored = {sizeof ignored, sizeof words, words};
    struct sco_str path = kept_path(o, installation, ""), sealed, text = {NULL, 0};
    const struct sco_crypto_api *k = o->h->crypto;
    char *end = NULL;
    if (!path.p || is_held(o, installation) ||
        ci_read_file(o->h, path.p, SEALED_MAX, &sealed, &ignored) < 0 ||
        k->unseal(o->h, o->g->private_key, kept_for(o, installation), sealed, &text, &ignored) < 0)
        return;
    int64_t until = strtoll(text.p, &end, 10);
    if (*end == ' ')
        hold(o, installation, sco_str_c(end + 1), until);
}

/* One that cannot be kept is made again by the next operation. */
static void keep(const struct github_op *o)
{
    const struct github *g = o->g;
    char words[1024];
    struct sco_errbuf ignored = {sizeof ignored, sizeof words, words};
    struct sco_str to = kept_path(o, g->held_installation, "");
    struct sco_str own = sco_fmt(o->h, ".%ld", (long)getpid()), sealed; /* others keep theirs */
    struct sco_str tmp = kept_path(o, g->held_installation, own.p ? own.p : ".tmp");
    struct sco_str text = sco_fmt(o->h, "%lld %s", (long long)g->held_until, g->held);
    if (!to.p || !tmp.p || !text.p ||
        o->h->crypto->seal(o->h, g->private_key, kept_for(o, g->held_installation), text, &sealed,
                           &ignored) < 0)
        return;
    int fd = open(tmp.p, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    ssize_t w = write(fd, sealed.p, sealed.n);
    close(fd);
    if (w != (ssize_t)sealed.n || rename(tmp.p, to.p) != 0)
        unlink(tmp.p);
}

void github_forget_token(struct github_op *o)
{
    struct sco_str path = kept_path(o, o->installation, "");
    if (!o->installation)
        return;
    if (o->g->held_installation == o->installation)
        o->g->held_until = 0;
    if (path.p)
        unlink(path.p);
}

/* ---- the installation ---- */

static int ask_installation(struct github_op *o, int64_t *ret)
{
    struct ci_answer a;
    int r = github_get(o, github_path(o, "/installation"), "the App's installation", &a);
    if (r == SCO_E_NOT_FOUND)
        return sco_errf(o->e, r,
                        "%s: the App is not installed on this repository (HTTP status %d): its "
                        "owner installs it, or adds the repository to the installation",
                        GITHUB, (int)a.status);
    if (r != 0)
        return r;
    *ret = sco_int_at(a.root, "id", 0);
    return *ret > 0 ? 0 : sco_errf(o->e, SCO_E_FORMAT, "%s: the installation has no id", GITHUB);
}

/* Which one: that of the event, of the configuration; else it is asked for. */
static int64_t named_installation(const struct github_op *o)
{
    int64_t id = sco_int_at(o->q, "context.installation_id", 0);
    return id > 0 ? id : o->g->installation_id;
}

static int refused(struct github_op *o, int r, const struct ci_answer *a, int64_t installation)
{
    long long id = (long long)installation;
    if (a->status == 403 && ci_contains(a->message, "suspended"))
        return sco_errf(o->e, r,
                        "%s: the App's installation %lld is suspended: who suspended it, its "
                        "owner or the App's, has to lift that",
                        GITHUB, id);
    if (a->status == 404)
        return sco_errf(o->e, r,
                        "%s: there is no installation %lld of this App (any more): install it, or "
                        "correct installation_id",
                        GITHUB, id);
    if (a->status == 422 && ci_contains(a->message, "permission"))
        return sco_errf(o->e, SCO_E_PERMISSION,
                        "%s: the App lacks the permission contents=read: %.*s", GITHUB,
                        SCO_STR_ARG(a->message));
    return r;
}

/* `body`: what the token is to be limited to. *ret lives until the next request. */
static int exchange(struct github_op *o, int64_t installation, struct sco_str body,
                    struct ci_answer *a, struct sco_str *ret)
{
    struct ci_request q;
    const char *path =
        sco_fmt(o->h, "/app/installations/%lld/access_tokens", (long long)installation).p;
    memset(&q, 0, sizeof q);
    q.method = "POST";
    q.path = path ? path : "/";
    q.body = body;
    q.what = "the installation's token";
    q.repeat = q.quiet = 1;
    int r = ci_call(&o->http, &q, a, o->e);
    if (r != 0)
        return refused(o, r, a, installation);
    *ret = sco_text_at(a->root, "token");
    if (!ret->n || memchr(ret->p, '\n', ret->n))
        return sco_errf(o->e, SCO_E_FORMAT, "%s: the answer holds no token", GITHUB);
    return 0;
}

static int make_token(struct github_op *o, int64_t installation)
{
    struct ci_answer a;
    struct sco_str token;
    int r = exchange(o, installation, SCO_STR("{}"), &a, &token);
    if (r != 0)
        return r;
    hold(o, installation, token, ci_time_at(a.root, "expires_at"));
    o->installation = installation;
    o->fresh = 1;
    o->as_app = 0;
    if (o->g->held_until)
        keep(o);
    return github_use_token(o, token);
}

/* The token was taken back, or is older than the permissions of the App: one more, once. */
static int renew(void *user, const struct ci_answer *a, struct sco_errbuf *e)
{
    struct github_op *o = (struct github_op *)user;
    (void)e;
    if (o->as_app || o->fresh ||
        (a->status == 403 && !ci_contains(a->message, "Resource not accessible")))
        return 0;
    github_forget_token(o);
    int r = github_as_app(o);
    if (r == 0)
        r = make_token(o, o->installation);
    return r == 0 ? CI_FOUND : r;
}

int github_as_installation(struct github_op *o)
{
    int64_t named = named_installation(o), id = named;
    int r = 0;
    if (id <= 0) {
        if (!o->repo)
            return sco_errf(o->e, SCO_E_INVALID,
                            "%s: installation_id is not set, and no repository says which it is",
                            GITHUB);
        if ((r = github_as_app(o)) != 0 || (r = ask_installation(o, &id)) != 0)
            return r;
    }
    o->http.renew = renew;
    o->http.user = o;
    load(o, id);
    if (is_held(o, id)) {
        o->installation = id;
        o->as_app = 0;
        return github_use_token(o, sco_str_c(o->g->held));
    }
    if ((r = github_as_app(o)) != 0)
        return r;
    r = make_token(o, id);
    if (r != SCO_E_NOT_FOUND || id != named || !o->repo)
        return r;
    r = ask_installation(o, &id); /* it was removed and made again since that event */
    return r == 0 ? make_token(o, id) : r;
}

/* ---- a token for the code alone ---- */

/* The address of the API leads to the same server as that for people. */
static struct sco_str site(const struct github *g)
{
    struct sco_str url = g->url;
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    if (url.n > 7 && sco_str_is(sco_str_make(url.p + url.n - 7, 7), "/api/v3"))
        url.n -= 7;
    return url;
}

static int limited_token(struct github_op *o, struct sco_str *ret)
{
    struct ci_answer a;
    struct ci_json body = ci_json_new(o->h);
    struct sco_str name = sco_text_at(o->q, "repository");
    const char *slash = name.n ? (const char *)memchr(name.p, '/', name.n) : NULL;
    int64_t id = named_installation(o);
    int r = github_as_app(o);
    if (r == 0 && id <= 0)
        r = ask_installation(o, &id);
    if (r != 0)
        return r;
    ci_json_begin(&body, '{');
    ci_json_key(&body, "repositories");
    ci_json_begin(&body, '[');
    ci_json_str(&body, sco_str_make(slash + 1, name.n - (size_t)(slash + 1 - name.p)));
    ci_json_end(&body, ']');
    ci_json_key(&body, "permissions");
    ci_json_begin(&body, '{');
    ci_json_kz(&body, "contents", "read");
    ci_json_end(&body, '}');
    ci_json_end(&body, '}');
    if (body.failed)
        return sco_errf(o->e, SCO_E_NOMEM, "out of memory");
    r = exchange(o, id, ci_json_text(&body), &a, ret);
    if (r == SCO_E_NOT_FOUND && (r = ask_installation(o, &id)) == 0)
        r = exchange(o, id, ci_json_text(&body), &a, ret);
    return r;
}

static int give_credential(struct github_op *o)
{
    const struct github *g = o->g;
    struct sco_str token = g->token;
    int r =
        ci_token_check(o->h, GITHUB, site(g), o->q, o->repo && (g->token.n || g->app_id.n), o->e);
    if (r == 0 && g->app_id.n)
        r = limited_token(o, &token);
    return r == 0 ? ci_token_give(o->h, token, o->e) : r;
}

int github_credential(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct github_op o;
    int r = github_prepare(&o, ctx, c, e);
    return github_end(&o, r == 0 ? give_credential(&o) : r);
}

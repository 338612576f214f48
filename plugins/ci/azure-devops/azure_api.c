/* Credentials, addresses, requests. Azure answers a bad token with its sign-in page: 203, or a
 * redirect that is not followed; both are a refusal here. */
#include "azure_priv.h"

#include <stdarg.h>

/* ---- addresses ---- */

static struct sco_str base(const struct azure *a)
{
    struct sco_str url = a->url;
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    if (!a->organization.n)
        return url;
    return sco_fmt(a->h, "%.*s/%s", SCO_STR_ARG(url), ci_encode(a->h, a->organization, ""));
}

static int is_bad_segment(struct sco_str s)
{
    return !s.n || sco_str_is(s, ".") || sco_str_is(s, "..") || memchr(s.p, '/', s.n);
}

/* "project/name", or a name alone with the project of the configuration. Ids of the context are
 * taken first: they outlive a change of names. */
static int set_places(struct azure_op *o)
{
    struct sco_str name = sco_text_at(o->q, "repository");
    struct sco_str project = o->a->project, repo = name;
    struct sco_str project_id = sco_text_at(o->q, "context.project_id");
    struct sco_str repo_id = sco_text_at(o->q, "context.repository_id");
    const char *slash = name.n ? (const char *)memchr(name.p, '/', name.n) : NULL;
    if (slash) {
        project = sco_str_make(name.p, (size_t)(slash - name.p));
        repo = sco_str_make(slash + 1, name.n - project.n - 1);
    }
    if (name.n && (is_bad_segment(repo) || (project.n && is_bad_segment(project)) ||
                   (!project.n && !project_id.n)))
        return sco_errf(o->e, SCO_E_INVALID, "repository \"%.*s\" is not project/name",
                        SCO_STR_ARG(ci_line(o->h, name, 100)));
    struct sco_str of_pipelines = project_id.n      ? project_id
                                  : o->a->project.n ? o->a->project
                                                    : project;
    struct sco_str of_git = project_id.n && repo_id.n ? project_id : project;
    if (of_pipelines.n)
        o->project = sco_fmt(o->h, "/%s", ci_encode(o->h, of_pipelines, "")).p;
    if (name.n && of_git.n)
        o->repo = sco_fmt(o->h, "/%s/_apis/git/repositories/%s", ci_encode(o->h, of_git, ""),
                          ci_encode(o->h, repo_id.n ? repo_id : repo, ""))
                      .p;
    return 0;
}

int azure_need_repo(const struct azure_op *o)
{
    return o->repo ? 0 : sco_errf(o->e, SCO_E_INVALID, "the request names no repository");
}

int azure_need_project(const struct azure_op *o)
{
    return o->project ? 0
                      : sco_errf(o->e, SCO_E_INVALID,
                                 "neither the request nor the option project says which project");
}

const char *azure_path(const struct azure_op *o, const char *at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *p = ci_vpath(o->h, at, fmt, ap);
    va_end(ap);
    return p;
}

/* ---- requests ---- */

int azure_ask(struct azure_op *o, const struct ci_request *q, struct ci_answer *a,
              struct sco_errbuf *e)
{
    int r = ci_call(&o->http, q, a, e);
    int page = a->status >= 300 && a->status < 400;
    page = page || (a->status == 203 && r == SCO_E_FORMAT);
    if (!page || (r != 0 && r != SCO_E_FORMAT && r != SCO_E_INVALID))
        return r;
    return sco_errf(e, SCO_E_PERMISSION,
                    "%s: %s: HTTP status %d and the sign-in page: the token is missing, wrong or "
                    "has expired, or the organization does not take it",
                    AZURE, q->what, (int)a->status);
}

int azure_get(struct azure_op *o, const char *path, const char *what, struct ci_answer *a)
{
    struct ci_request q;
    memset(&q, 0, sizeof q);
    q.path = path;
    q.what = what;
    q.stay = 1;
    return azure_ask(o, &q, a, o->e);
}

static int ask(void *ctx, const struct ci_request *q, struct ci_answer *a, struct sco_errbuf *e)
{
    return azure_ask((struct azure_op *)ctx, q, a, e);
}

int azure_send(struct azure_op *o, const char *method, const char *path, const struct ci_json *body,
               const char *what, ci_find_fn find, void *user, struct ci_answer *a)
{
    struct ci_request q;
    memset(&q, 0, sizeof q);
    q.method = method;
    q.path = path;
    q.what = what;
    q.stay = 1;
    if (body && body->failed)
        return sco_errf(o->e, SCO_E_NOMEM, "out of memory");
    q.body = body ? ci_json_text(body) : SCO_STR("{}");
    return ci_write_by(&o->http, ask, o, &q, find, user, a, o->e);
}

static const char *next_page(const struct azure_op *o, const char *path, size_t page, size_t n,
                             size_t seen, struct sco_str token)
{
    const char *sep = strchr(path, '?') ? "&" : "?";
    if (page)
        return n ? azure_path(o, path, "%s$skip=%zu", sep, seen) : NULL;
    return token.n ? azure_path(o, path, "%scontinuationToken=%s", sep, ci_encode(o->h, token, ""))
                   : NULL;
}

/* Of pages behind $skip an empty one is the last: a server may give fewer items than were asked. */
int azure_walk_part(struct azure_op *o, const char *path, const char *what, size_t page,
                    ci_item_fn fn, void *user, int *ret_more, struct sco_errbuf *e)
{
    const char *at = path;
    size_t seen = 0;
    for (int pages = 0; at && pages < AZURE_PAGES_MAX; pages++) {
        struct ci_answer a;
        struct ci_request q;
        size_t n = 0;
        memset(&q, 0, sizeof q);
        q.path = at;
        q.what = what;
        q.stay = 1;
        int r = azure_ask(o, &q, &a, e);
        if (r != 0)
            return r;
        const struct sco_node *list = sco_get(a.root, "value");
        struct sco_str token = ci_header(&a, "x-ms-continuationtoken");
        if (!sco_is(list, SCO_NODE_LIST))
            return sco_errf(e, SCO_E_FORMAT, "%s: %s: the answer holds no list", AZURE, what);
        for (const struct sco_node *item = list->child; item; item = item->next)
            n++;
        seen += n;
        at = next_page(o, path, page, n, seen, token);
        for (const struct sco_node *item = list->child; item; item = item->next) {
            r = fn(user, item);
            if (r != 0)
                return r;
        }
    }
    *ret_more = at != NULL;
    return 0;
}

int azure_walk(struct azure_op *o, const char *path, const char *what, ci_item_fn fn, void *user,
               struct sco_errbuf *e)
{
    int more;
    return azure_walk_part(o, path, what, 0, fn, user, &more, e);
}

int azure_author(struct azure_op *o, struct sco_str *ret)
{
    struct ci_answer a;
    int r =
        azure_get(o, "/_apis/connectionData?api-version=7.1-preview.1", "the token's account", &a);
    if (r != 0)
        return r;
    struct sco_str id = azure_id(sco_path(a.root, "authenticatedUser.id"));
    if (!id.n)
        return sco_errf(o->e, SCO_E_FORMAT, "%s: the answer does not say whose the token is",
                        AZURE);
    *ret = ci_copy(o->h, id);
    return 0;
}

/* ---- operations ---- */

static int sign_in(struct azure_op *o)
{
    const struct azure *a = o->a;
    struct sco_str line = {NULL, 0};
    if (a->bearer.n) {
        line = sco_fmt(o->h, "Authorization: Bearer %.*s", SCO_STR_ARG(a->bearer));
    } else if (a->token.n) {
        struct sco_str pair = sco_fmt(o->h, ":%.*s", SCO_STR_ARG(a->token));
        struct sco_str coded = o->h->crypto->base64_encode(o->h, pair, 0);
        if (coded.p)
            line = sco_fmt(o->h, "Authorization: Basic %.*s", SCO_STR_ARG(coded));
    } else {
        return sco_errf(o->e, SCO_E_PERMISSION, "%s: neither token nor bearer is configured",
                        AZURE);
    }
    if (!line.p)
        return sco_errf(o->e, SCO_E_NOMEM, "out of memory");
    o->http.headers[0] = "Accept: application/json";
    o->http.headers[1] = "User-Agent: SecureOps/" SCO_VERSION;
    o->http.headers[2] = "X-TFS-FedAuthRedirect: Suppress"; /* 401 in the place of a redirect */
    o->http.headers[3] = line.p;
    return 0;
}

int azure_begin(struct azure_op *o, void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct azure *a = (struct azure *)ctx;
    memset(o, 0, sizeof *o);
    o->a = a;
    o->h = a->h;
    o->c = c;
    o->q = c->request;
    o->e = e;
    ci_client_open(&o->http, a->h, AZURE, base(a), &a->client, c);
    int r = set_places(o);
    return r < 0 ? r : sign_in(o);
}

int azure_end(struct azure_op *o, int result)
{
    ci_http_done(&o->http);
    return result;
}

/* A personal access token is the password of any user. */
int azure_credential(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    const struct azure *a = (const struct azure *)ctx;
    int r = ci_token_check(a->h, AZURE, base(a), c->request, a->token.n > 0, e);
    return r == 0 ? ci_token_give(a->h, a->token, e) : r;
}

/* The table of routes: a walk over them costs less than a microsecond for a hundred. Of several
 * that fit a path, those with the fewest parameters count: /scans/all before /scans/{id}. */
#include "server_priv.h"

#include <limits.h>
#include <stdlib.h>

struct entry {
    struct route_entry e;
    struct sco_str segments[HTTP_SEGMENTS_MAX];
    int n, n_params;
};
struct api_routes {
    struct entry *v;
    size_t n;
    struct sco_arena arena;
    struct sco_buf document;
    const struct sco_node *root;
};

static bool is_param(struct sco_str s)
{
    return s.n > 2 && s.p[0] == '{' && s.p[s.n - 1] == '}';
}

static int add(struct api_routes *rs, size_t *cap, const struct api_route *r, struct sco_error *err)
{
    if (SCO_VEC_PUSH(rs->v, rs->n, *cap) < 0)
        return sco_error_nomem(err);
    struct entry *e = &rs->v[rs->n];
    *e = (struct entry){.e = {.route = r}};
    e->n = http_segments(sco_str_c(r->path), e->segments);
    for (int i = 0; i < e->n; i++)
        e->n_params += is_param(e->segments[i]);
    if (e->n < 0 || e->n_params > API_PARAMS_MAX || !r->handler)
        return sco_error_set(err, SCO_E_INTERNAL, "route %s %s is malformed", r->method, r->path);
    rs->n++;
    return 0;
}

int api_routes_new(const struct api_parts *parts, struct api_routes **ret, struct sco_error *err)
{
    struct api_routes *rs = sco_alloc(1, sizeof *rs);
    if (!rs)
        return sco_error_nomem(err);
    size_t cap = 0;
    int r = 0;
    for (const struct api_route *const *table = parts->tables; r == 0 && *table; table++)
        for (const struct api_route *t = *table; r == 0 && t->method; t++)
            r = add(rs, &cap, t, err);
    if (r == 0)
        r = api_document_merge(parts->fragments, parts->n_fragments, &rs->document, err);
    if (r == 0)
        r = sco_json_parse(sco_buf_str(&rs->document), &rs->arena, &rs->root, err);
    for (size_t i = 0; r == 0 && i < rs->n; i++)
        r = api_document_bind(rs->root, &rs->v[i].e, &rs->arena, err);
    if (r < 0) {
        api_routes_free(rs);
        return r;
    }
    *ret = rs;
    return 0;
}

struct api_routes *api_routes_free(struct api_routes *r)
{
    if (!r)
        return NULL;
    free(r->v);
    sco_buf_done(&r->document);
    sco_arena_done(&r->arena);
    free(r);
    return NULL;
}

size_t api_routes_count(const struct api_routes *r)
{
    return r->n;
}

struct route_entry *api_routes_at(struct api_routes *r, size_t i)
{
    return &r->v[i].e;
}

struct sco_str api_routes_document(const struct api_routes *r)
{
    return sco_buf_str(&r->document);
}

const struct sco_node *api_routes_root(const struct api_routes *r)
{
    return r->root;
}

static bool fits(const struct entry *e, const struct sco_str *segments, int n)
{
    if (e->n != n)
        return false;
    for (int i = n - 1; i >= 0; i--) { /* the first ones are the same for nearly all */
        if (is_param(e->segments[i])
                ? segments[i].n == 0
                : segments[i].n != e->segments[i].n ||
                      memcmp(segments[i].p, e->segments[i].p, segments[i].n) != 0)
            return false;
    }
    return true;
}

static void add_method(struct sco_buf *allow, const char *method)
{
    struct sco_str rest = sco_buf_str(allow), item;
    while (rest.n && sco_str_split(&rest, ',', &item))
        if (sco_str_is(sco_str_trim(item), method))
            return;
    sco_buf_addf(allow, "%s%s", allow->n ? ", " : "", method);
}

int api_routes_find(const struct api_routes *r, struct sco_str method, struct sco_str path,
                    const struct route_entry **ret, struct sco_str params[API_PARAMS_MAX],
                    struct sco_buf *ret_allow)
{
    struct sco_str segments[HTTP_SEGMENTS_MAX];
    int n = http_segments(path, segments), best = INT_MAX;
    const struct entry *found = NULL, *other = NULL;
    struct sco_str want = sco_str_is(method, "HEAD") ? SCO_STR("GET") : method;
    for (size_t i = 0; n >= 0 && i < r->n; i++)
        if (fits(&r->v[i], segments, n) && r->v[i].n_params < best)
            best = r->v[i].n_params;
    for (size_t i = 0; n >= 0 && i < r->n; i++) {
        const struct entry *e = &r->v[i];
        if (e->n_params != best || !fits(e, segments, n))
            continue;
        if (sco_str_is(want, e->e.route->method))
            found = e;
        other = e;
    }
    if (!other)
        return 404;
    if (!found) {
        for (size_t i = 0; i < r->n; i++) {
            if (r->v[i].n_params != best || !fits(&r->v[i], segments, n))
                continue;
            add_method(ret_allow, r->v[i].e.route->method);
            if (strcmp(r->v[i].e.route->method, "GET") == 0)
                add_method(ret_allow, "HEAD");
        }
        return 405;
    }
    for (int i = 0, k = 0; i < n; i++)
        if (is_param(found->segments[i]))
            params[k++] = segments[i];
    *ret = &found->e;
    return 0;
}

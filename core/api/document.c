/* The OpenAPI document: fragments (the files in openapi, built in) become one, and each route gets
 * the schemas that its requests are held to. Every fragment may have any top-level member; objects
 * are merged two levels deep below "components" and "paths", lists ("tags") put together, of
 * anything else the first counts. */
#include "server_priv.h"

enum { MERGE_DEPTH = 3, PARAMETERS_MAX = 48 };

static void write_value(struct sco_json_out *o, const struct sco_node *const *all, size_t n,
                        struct sco_str key, int depth);

static bool seen_before(const struct sco_node *const *maps, size_t i, struct sco_str key)
{
    for (size_t k = 0; k < i; k++)
        for (const struct sco_node *c = maps[k]->child; c; c = c->next)
            if (sco_str_cmp(c->key, key) == 0)
                return true;
    return false;
}

static void write_members(struct sco_json_out *o, const struct sco_node *const *maps, size_t n,
                          int depth)
{
    sco_json_begin(o, '{');
    for (size_t i = 0; i < n; i++)
        for (const struct sco_node *c = maps[i]->child; c; c = c->next)
            if (!seen_before(maps, i, c->key)) {
                sco_json_key(o, c->key.p);
                write_value(o, maps, n, c->key, depth);
            }
    sco_json_end(o, '}');
}

static void write_lists(struct sco_json_out *o, const struct sco_node *const *all, size_t n,
                        struct sco_str key)
{
    sco_json_begin(o, '[');
    for (size_t i = 0; i < n; i++) {
        const struct sco_node *list = sco_get(all[i], key.p);
        SCO_EACH (item, sco_is(list, SCO_NODE_LIST) ? list : NULL)
            sco_json_node(o, item);
    }
    sco_json_end(o, ']');
}

static void write_value(struct sco_json_out *o, const struct sco_node *const *all, size_t n,
                        struct sco_str key, int depth)
{
    const struct sco_node *maps[32], *first = NULL;
    size_t n_maps = 0;
    for (size_t i = 0; i < n; i++) {
        const struct sco_node *v = sco_get(all[i], key.p);
        if (v && !first)
            first = v;
        if (sco_is(v, SCO_NODE_MAP) && n_maps < SCO_ARRAY_LEN(maps))
            maps[n_maps++] = v;
    }
    if (depth < MERGE_DEPTH && n_maps > 1)
        write_members(o, maps, n_maps, depth + 1);
    else if (depth == 1 && sco_is(first, SCO_NODE_LIST))
        write_lists(o, all, n, key);
    else
        sco_json_node(o, first);
}

int api_document_merge(const struct sco_str *fragments, size_t n, struct sco_buf *ret,
                       struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *roots[32];
    if (n > SCO_ARRAY_LEN(roots))
        return sco_error_set(err, SCO_E_LIMIT, "too many fragments of the OpenAPI document");
    for (size_t i = 0; i < n; i++) {
        int r = sco_json_parse(fragments[i], &arena, &roots[i], err);
        if (r < 0)
            return sco_error_prefix(err, "fragment %zu of the OpenAPI document", i + 1);
        if (roots[i]->type != SCO_NODE_MAP)
            return sco_error_set(err, SCO_E_FORMAT, "fragment %zu is no object", i + 1);
    }
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    struct sco_json_out o = {.b = &out};
    write_members(&o, roots, n, 1);
    int r = sco_buf_check(&out, err);
    if (r == 0)
        *ret = SCO_TAKE(out);
    return r;
}

const struct sco_node *api_document_ref(const struct sco_node *root, const struct sco_node *v)
{
    for (int hops = 0; v && hops < 16; hops++) {
        const struct sco_node *ref = sco_get(v, "$ref");
        if (!sco_is(ref, SCO_NODE_STR))
            return v;
        struct sco_str rest = ref->text, part;
        if (!sco_str_split(&rest, '/', &part) || !sco_str_is(part, "#"))
            return NULL;
        for (v = root; v && sco_str_split(&rest, '/', &part);) {
            const struct sco_node *c = v->type == SCO_NODE_MAP ? v->child : NULL;
            while (c && sco_str_cmp(c->key, part) != 0)
                c = c->next;
            v = c;
        }
    }
    return NULL;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

/* The first schema of a content; application/json before others. */
static const struct sco_node *content_schema(const struct sco_node *content)
{
    const struct sco_node *json = sco_get(content, "application/json");
    const struct sco_node *media = json                            ? json
                                   : sco_is(content, SCO_NODE_MAP) ? content->child
                                                                   : NULL;
    return sco_get(media, "schema");
}

static int bind_parameters(const struct sco_node *root, const struct sco_node *list,
                           struct route_param *out, size_t *n, struct sco_arena *arena,
                           struct sco_error *err)
{
    SCO_EACH (item, list) {
        const struct sco_node *p = api_document_ref(root, item);
        struct sco_str in = sco_text(sco_get(p, "in")), name = sco_text(sco_get(p, "name"));
        if (!sco_str_is(in, "query"))
            continue;
        if (*n == PARAMETERS_MAX)
            return sco_error_set(err, SCO_E_LIMIT, "too many parameters in the OpenAPI document");
        out[*n] = (struct route_param){.name = sco_arena_cstr(arena, name),
                                       .schema = sco_get(p, "schema"),
                                       .required = sco_bool(sco_get(p, "required"), 0)};
        if (!out[(*n)++].name)
            return sco_error_nomem(err);
    }
    return 0;
}

int api_document_bind(const struct sco_node *root, struct route_entry *e, struct sco_arena *arena,
                      struct sco_error *err)
{
    const struct api_route *r = e->route;
    char method[16];
    size_t m = 0;
    for (; r->method[m] && m < sizeof method - 1; m++)
        method[m] = lower(r->method[m]);
    method[m] = 0;
    const struct sco_node *path = sco_get(sco_get(root, "paths"), r->path);
    const struct sco_node *op = sco_get(path, method);
    if (!op)
        return 0;
    e->operation = op;
    const struct sco_node *body = api_document_ref(root, sco_get(op, "requestBody"));
    e->body = content_schema(sco_get(body, "content"));
    e->body_required = sco_bool(sco_get(body, "required"), 0);
    struct route_param found[PARAMETERS_MAX];
    size_t n = 0;
    int x = bind_parameters(root, sco_get(path, "parameters"), found, &n, arena, err);
    if (x == 0)
        x = bind_parameters(root, sco_get(op, "parameters"), found, &n, arena, err);
    if (x < 0)
        return x;
    struct route_param *kept = sco_arena_alloc(arena, (n + 1) * sizeof *kept);
    if (!kept)
        return sco_error_nomem(err);
    memcpy(kept, found, n * sizeof *kept);
    e->query = kept;
    e->n_query = n;
    return 0;
}

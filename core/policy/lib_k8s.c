/* k8s: pods inside whatever holds them, effective security settings, selectors, flags. */
#include "policy_priv.h"

static const char *const lists[] = {"containers", "initContainers", "ephemeralContainers"};

/* LJMP: the pod spec of an argument: of a resource, or a node that has one as Pod or `spec`. */
static const struct sco_iac_node *pod_spec(lua_State *L, int at)
{
    struct sco_policies *p = pl_of(L);
    const struct sco_iac_node *v = pl_node(L, at);
    if (!v || !p->docs)
        return NULL;
    uint32_t i = pl_resource_of(p, v);
    return i == UINT32_MAX ? NULL : p->docs->resources[i].pod_spec;
}

/* LJMP: pushes v; unknown ends the check, as any reading. */
static int push(lua_State *L, const struct sco_iac_node *v)
{
    pl_push(L, v);
    return 1;
}

static int k_pod_spec(lua_State *L)
{
    return push(L, pod_spec(L, 1));
}

/* The map that has `spec` as its member "spec". */
static const struct sco_iac_node *holder(const struct sco_iac_node *v,
                                         const struct sco_iac_node *spec, int depth)
{
    if (!v || v->type != SCO_IAC_MAP || depth > 8)
        return NULL;
    if (sco_iac_get(v, "spec") == spec)
        return v;
    for (uint32_t i = 0; i < v->n; i++) {
        const struct sco_iac_node *found = holder(&v->member[i].value, spec, depth + 1);
        if (found)
            return found;
    }
    return NULL;
}

static int k_pod_metadata(lua_State *L)
{
    const struct sco_iac_node *spec = pod_spec(L, 1);
    return push(L, spec ? sco_iac_get(holder(pl_node(L, 1), spec, 0), "metadata") : NULL);
}

/* ---- containers ---- */
static bool wants(struct sco_str which, const char *list)
{
    if (!which.n)
        return true;
    struct sco_str part;
    while (sco_str_split(&which, ',', &part))
        if (sco_str_is(sco_str_trim(part), list))
            return true;
    return false;
}

/* LJMP. Upvalues: pod spec, which, list (0 to 3), position in it. Items that are known only at run
 * time are left for the end, as in ipairs. */
static int next_container(lua_State *L)
{
    const struct sco_iac_node *spec = pl_node(L, lua_upvalueindex(1)), *unknown = NULL;
    struct sco_str which;
    which.p = lua_tolstring(L, lua_upvalueindex(2), &which.n);
    size_t l = (size_t)lua_tointeger(L, lua_upvalueindex(3));
    size_t i = (size_t)lua_tointeger(L, lua_upvalueindex(4));
    for (; l < SCO_ARRAY_LEN(lists); l++, i = 0) {
        const struct sco_iac_node *list = sco_iac_get(spec, lists[l]);
        if (!list || !wants(which, lists[l]))
            continue;
        for (; list->type == SCO_IAC_LIST && i < list->n; i++) {
            if (list->item[i].type != SCO_IAC_MAP)
                continue;
            lua_pushinteger(L, (lua_Integer)l);
            lua_replace(L, lua_upvalueindex(3));
            lua_pushinteger(L, (lua_Integer)i + 1);
            lua_replace(L, lua_upvalueindex(4));
            lua_pushinteger(L, (lua_Integer)i + 1);
            if (pl_of(L)->opt.trace)
                pl_trace(pl_of(L), list, sco_str_make(NULL, i + 1), &list->item[i]);
            pl_push(L, &list->item[i]);
            lua_pushstring(L, lists[l]);
            return 3;
        }
    }
    for (l = 0; l < SCO_ARRAY_LEN(lists) && !unknown; l++) {
        const struct sco_iac_node *list =
            wants(which, lists[l]) ? sco_iac_get(spec, lists[l]) : NULL;
        if (list && list->type == SCO_IAC_UNKNOWN)
            unknown = list;
        for (i = 0; list && list->type == SCO_IAC_LIST && i < list->n && !unknown; i++)
            if (list->item[i].type == SCO_IAC_UNKNOWN)
                unknown = &list->item[i];
    }
    return push(L, unknown);
}

static int k_containers(lua_State *L)
{
    lua_settop(L, 2);
    const struct sco_iac_node *spec = pod_spec(L, 1);
    if (!spec && pl_node(L, 1) && sco_iac_get(pl_node(L, 1), "containers"))
        spec = pl_node(L, 1); /* a pod spec itself */
    if (spec)
        pl_push(L, spec);
    else
        lua_pushnil(L);
    lua_pushstring(L, luaL_optstring(L, 2, ""));
    lua_pushinteger(L, spec && spec->type == SCO_IAC_MAP ? 0 : (lua_Integer)SCO_ARRAY_LEN(lists));
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, next_container, 4);
    return 1;
}

static int k_security(lua_State *L)
{
    const char *field = luaL_checkstring(L, 3);
    const struct sco_iac_node *in[] = {pl_node(L, 2), pod_spec(L, 1)};
    for (size_t i = 0; i < SCO_ARRAY_LEN(in); i++) {
        const struct sco_iac_node *context = sco_iac_get(in[i], "securityContext");
        const struct sco_iac_node *v = sco_iac_get(context, field);
        if (context && context->type == SCO_IAC_UNKNOWN)
            v = context;
        if (!v || v->type == SCO_IAC_NULL)
            continue;
        if (pl_of(L)->opt.trace)
            pl_trace(pl_of(L), context, sco_str_c(field), v);
        pl_push(L, v);
        pl_push(L, context);
        return 2;
    }
    lua_pushnil(L);
    return 1;
}

static int k_namespace(lua_State *L)
{
    const struct sco_iac_node *v = sco_iac_get(sco_iac_get(pl_node(L, 1), "metadata"), "namespace");
    if (v && (v->type == SCO_IAC_STR ? v->n > 0 : v->type == SCO_IAC_UNKNOWN))
        return push(L, v);
    lua_pushliteral(L, "default");
    return 1;
}

/* ---- label selectors ---- */
/* LJMP: the text of a label, unknown ends the check. */
static struct sco_str label(lua_State *L, const struct sco_iac_node *labels, struct sco_str key)
{
    const struct sco_iac_node *v = sco_iac_get_str(labels, key);
    if ((v && v->type == SCO_IAC_UNKNOWN) || (labels && labels->type == SCO_IAC_UNKNOWN))
        pl_push(L, v ? v : labels);
    return sco_iac_text(v);
}

/* LJMP */
static bool matches_map(lua_State *L, const struct sco_iac_node *map,
                        const struct sco_iac_node *labels)
{
    for (uint32_t i = 0; map && map->type == SCO_IAC_MAP && i < map->n; i++) {
        const struct sco_iac_member *m = &map->member[i];
        struct sco_str have = label(L, labels, sco_str_make(m->key, m->key_n));
        if (m->value.type == SCO_IAC_UNKNOWN)
            pl_push(L, &m->value);
        if (!have.p || !sco_str_eq(have, sco_iac_text(&m->value)))
            return false;
    }
    return true;
}

/* LJMP: what is known only at run time ends the check. */
static const struct sco_iac_node *known(lua_State *L, const struct sco_iac_node *v)
{
    if (v && v->type == SCO_IAC_UNKNOWN)
        pl_push(L, v);
    return v;
}

/* LJMP */
static bool matches_expression(lua_State *L, const struct sco_iac_node *e,
                               const struct sco_iac_node *labels)
{
    struct sco_str key = sco_iac_text(known(L, sco_iac_get(known(L, e), "key")));
    struct sco_str op = sco_iac_text(known(L, sco_iac_get(e, "operator")));
    const struct sco_iac_node *values = known(L, sco_iac_get(e, "values"));
    if (!key.p || !op.p)
        return false;
    struct sco_str have = label(L, labels, key);
    bool in = false;
    for (size_t i = 0; have.p && sco_iac_at(values, i); i++)
        in = in || sco_str_eq(have, sco_iac_text(sco_iac_at(values, i)));
    for (size_t i = 0; have.p && !in && sco_iac_at(values, i); i++)
        known(L, sco_iac_at(values, i)); /* it may be this one */
    if (sco_str_is(op, "In"))
        return in;
    if (sco_str_is(op, "NotIn"))
        return !in;
    if (sco_str_is(op, "Exists"))
        return have.p != NULL;
    return sco_str_is(op, "DoesNotExist") && !have.p;
}

static int k_selects(lua_State *L)
{
    const struct sco_iac_node *selector = pl_node(L, 1), *labels = pl_node(L, 2);
    bool ok = selector && selector->type == SCO_IAC_MAP;
    const struct sco_iac_node *map = known(L, sco_iac_get(selector, "matchLabels"));
    const struct sco_iac_node *expressions = known(L, sco_iac_get(selector, "matchExpressions"));
    if (selector)
        pl_work(L, pl_of(L), selector->n);
    if (ok && !map && !expressions)
        map = selector; /* of a Service: the labels themselves */
    ok = ok && matches_map(L, map, labels);
    for (size_t i = 0; ok && sco_iac_at(expressions, i); i++)
        ok = matches_expression(L, sco_iac_at(expressions, i), labels);
    lua_pushboolean(L, ok);
    return 1;
}

/* ---- flags ---- */
/* The value in "--name=value" or "-name=value"; {NULL, 0}: another word. Bare: "" and *ret_bare. */
static struct sco_str flag_value(struct sco_str word, struct sco_str name, bool *ret_bare)
{
    *ret_bare = false;
    while (name.n && *name.p == '-')
        name = sco_str_make(name.p + 1, name.n - 1);
    size_t dashes = 0;
    while (dashes < word.n && dashes < 2 && word.p[dashes] == '-')
        dashes++;
    if (!dashes || word.n - dashes < name.n || memcmp(word.p + dashes, name.p, name.n) != 0)
        return sco_str_make(NULL, 0);
    struct sco_str rest = sco_str_make(word.p + dashes + name.n, word.n - dashes - name.n);
    if (!rest.n) {
        *ret_bare = true;
        return sco_str_c("");
    }
    return *rest.p == '=' ? sco_str_make(rest.p + 1, rest.n - 1) : sco_str_make(NULL, 0);
}

/* LJMP: the flag in one list of words. */
static int flag_in(lua_State *L, const struct sco_iac_node *words, struct sco_str name)
{
    for (uint32_t i = 0; words && words->type == SCO_IAC_LIST && i < words->n; i++) {
        const struct sco_iac_node *w = &words->item[i];
        bool bare;
        struct sco_str value = flag_value(sco_iac_text(w), name, &bare);
        if (!value.p)
            continue;
        const struct sco_iac_node *next = sco_iac_at(words, i + 1);
        if (bare && next && next->type == SCO_IAC_UNKNOWN)
            pl_push(L, next);
        struct sco_str after = bare ? sco_iac_text(next) : sco_str_make(NULL, 0);
        pl_read(pl_of(L), w);
        if (after.p && !(after.n && *after.p == '-')) {
            pl_read(pl_of(L), next);
            value = after;
        }
        lua_pushlstring(L, value.p, value.n);
        pl_push(L, words);
        lua_pushinteger(L, (lua_Integer)i + 1);
        return 3;
    }
    return 0;
}

static int k_flag(lua_State *L)
{
    const struct sco_iac_node *c = pl_node(L, 1);
    struct sco_str name;
    name.p = luaL_checklstring(L, 2, &name.n);
    static const char *const in[] = {"command", "args"};
    const struct sco_iac_node *unknown = NULL;
    for (size_t k = 0; k < SCO_ARRAY_LEN(in); k++) {
        const struct sco_iac_node *words = sco_iac_get(c, in[k]);
        int n = flag_in(L, words, name);
        if (n)
            return n;
        if (words && words->type == SCO_IAC_UNKNOWN)
            unknown = words;
        for (size_t i = 0; sco_iac_at(words, i); i++)
            if (sco_iac_at(words, i)->type == SCO_IAC_UNKNOWN)
                unknown = sco_iac_at(words, i);
        pl_work(L, pl_of(L), words ? words->n / 4 : 0);
    }
    return push(L, unknown);
}

void pl_open_k8s(lua_State *L)
{
    static const luaL_Reg funcs[] = {{"pod_spec", k_pod_spec},
                                     {"pod_metadata", k_pod_metadata},
                                     {"containers", k_containers},
                                     {"security", k_security},
                                     {"namespace", k_namespace},
                                     {"selects", k_selects},
                                     {"flag", k_flag},
                                     {NULL, NULL}};
    pl_library(L, "k8s", funcs);
}

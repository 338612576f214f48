/* is_unknown has get keys json is_template: looking into the document by path. */
#include "policy_priv.h"

/* LJMP: the node at the path of arguments 1 and 2; NULL: not there. *ret_stopped: a value before
 * the end of the path is known only at run time. */
static const struct sco_iac_node *at_path(lua_State *L, const struct sco_iac_node **ret_stopped)
{
    const struct sco_iac_node *v = pl_node(L, 1);
    const struct pl_step *path;
    size_t used, n = pl_path(L, 2, &path);
    *ret_stopped = NULL;
    if (!v)
        return NULL;
    struct sco_policies *p = pl_of(L);
    for (size_t i = 0; i < n; i++) {
        const struct sco_iac_node *next = pl_follow(v, path + i, 1, &used);
        if (p->opt.trace)
            pl_trace(p, v, path[i].key.p ? path[i].key : sco_str_make(NULL, path[i].index + 1),
                     used ? next : NULL);
        if (!used) {
            if (v->type == SCO_IAC_UNKNOWN)
                *ret_stopped = v;
            return NULL;
        }
        pl_read(p, next);
        v = next;
    }
    return v;
}

static int r_is_unknown(lua_State *L)
{
    const struct sco_iac_node *stopped, *v = at_path(L, &stopped);
    lua_pushboolean(L, stopped || (v && v->type == SCO_IAC_UNKNOWN));
    return 1;
}

static int r_has(lua_State *L)
{
    const struct sco_iac_node *stopped, *v = at_path(L, &stopped);
    if (stopped)
        pl_push(L, stopped); /* nobody knows: ends the check */
    lua_pushboolean(L, v != NULL);
    return 1;
}

/* LJMP: a member of a Lua table by path. */
static int get_from_table(lua_State *L)
{
    const struct pl_step *path;
    size_t n = pl_path(L, 2, &path);
    lua_pushvalue(L, 1);
    for (size_t i = 0; i < n && lua_type(L, -1) == LUA_TTABLE; i++) {
        if (path[i].key.p)
            lua_pushlstring(L, path[i].key.p, path[i].key.n);
        else
            lua_pushinteger(L, (lua_Integer)path[i].index + 1);
        lua_rawget(L, -2);
        lua_remove(L, -2);
    }
    return 1;
}

static int r_get(lua_State *L)
{
    if (lua_type(L, 1) == LUA_TTABLE)
        return get_from_table(L);
    const struct sco_iac_node *stopped, *v = at_path(L, &stopped);
    pl_push(L, stopped ? stopped : v);
    return 1;
}

static int r_keys(lua_State *L)
{
    const struct sco_iac_node *v = pl_node(L, 1);
    if (!v && lua_type(L, 1) == LUA_TTABLE) { /* in the order of pairs */
        lua_pushcfunction(L, pl_keys_of_table);
        lua_pushvalue(L, 1);
        lua_call(L, 1, 1);
        return 1;
    }
    uint32_t n = v && v->type == SCO_IAC_MAP ? v->n : 0;
    lua_createtable(L, (int)n, 0);
    pl_work(L, pl_of(L), n);
    for (uint32_t i = 0; i < n; i++) {
        lua_pushlstring(L, v->member[i].key, v->member[i].key_n);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int r_json(lua_State *L)
{
    const struct sco_iac_node *stopped, *v = at_path(L, &stopped);
    if (stopped || !pl_known(v) || v->type != SCO_IAC_STR) {
        pl_push(L, stopped ? stopped : v);
        if (lua_type(L, -1) == LUA_TLIGHTUSERDATA || lua_isnil(L, -1))
            return 1;
        lua_pushnil(L);
        lua_pushliteral(L, "not a string");
        return 2;
    }
    struct sco_policies *p = pl_of(L);
    struct sco_str text = sco_iac_text(v);
    if (v->doc ==
        UINT32_MAX) { /* a parameter lies in no document: what it holds is the resource's */
        if (!p->run.resource)
            return luaL_error(L, "json() is for checks, not for the top of a file");
        v = p->run.resource->node;
    }
    const struct pl_parsed *x = pl_inside(L, v, text, PL_JSON);
    pl_push(L, x->root);
    if (x->root)
        return 1;
    lua_pushstring(L, x->error);
    return 2;
}

static int r_is_template(lua_State *L)
{
    size_t n = 0;
    const char *s = lua_type(L, 1) == LUA_TSTRING ? lua_tolstring(L, 1, &n) : "";
    pl_work(L, pl_of(L), n / 64);
    lua_pushboolean(L, memmem(s, n, "${", 2) || memmem(s, n, "{{", 2));
    return 1;
}

void pl_open_read(lua_State *L)
{
    static const luaL_Reg funcs[] = {{"is_unknown", r_is_unknown},
                                     {"has", r_has},
                                     {"get", r_get},
                                     {"keys", r_keys},
                                     {"json", r_json},
                                     {"is_template", r_is_template},
                                     {NULL, NULL}};
    pl_functions(L, funcs);
}

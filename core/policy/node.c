/* Nodes of documents as Lua values: light userdata with one metatable. Reading is the one place
 * where secrets are noticed and where a value that is known only at run time ends the check. */
#include "policy_priv.h"

static const char key_list;

enum { CHEAP_MAP = 64, MEMBERS_A_STEP = 16 };

#define POINTER_MASK (((uintptr_t)1 << PL_GEN_SHIFT) - 1)

void pl_push_ref(struct sco_policies *p, const struct sco_iac_node *v)
{
    uintptr_t at = (uintptr_t)v;
    SCO_BUG_ON(at & ~POINTER_MASK);
    /* Parameters live as long as the policies: generation 0 is never refused. */
    uint64_t gen = v->doc == UINT32_MAX ? 0 : p->gen;
    lua_pushlightuserdata(p->L, (void *)(at | ((uintptr_t)gen << PL_GEN_SHIFT)));
}

const struct sco_iac_node *pl_node(lua_State *L, int at)
{
    if (lua_type(L, at) != LUA_TLIGHTUSERDATA)
        return NULL;
    uintptr_t v = (uintptr_t)lua_touserdata(L, at);
    uint64_t gen = v >> PL_GEN_SHIFT;
    if (gen && gen != pl_of(L)->gen)
        luaL_error(L, "a part of an earlier document was kept: it cannot be read any more");
    return (const struct sco_iac_node *)(v & POINTER_MASK);
}

bool pl_known(const struct sco_iac_node *v)
{
    return v && v->type != SCO_IAC_UNKNOWN;
}

void pl_read(struct sco_policies *p, const struct sco_iac_node *v)
{
    if (v->flags & SCO_IAC_SENSITIVE)
        p->run.sensitive = true;
}

void pl_push(lua_State *L, const struct sco_iac_node *v)
{
    if (!v) {
        lua_pushnil(L);
        return;
    }
    struct sco_policies *p = pl_of(L);
    pl_read(p, v);
    switch (v->type) {
    case SCO_IAC_BOOL:
        lua_pushboolean(L, v->i != 0);
        break;
    case SCO_IAC_INT:
        lua_pushinteger(L, v->i);
        break;
    case SCO_IAC_REAL:
        lua_pushnumber(L, v->real);
        break;
    case SCO_IAC_STR:
        lua_pushlstring(L, v->text, v->n);
        break;
    case SCO_IAC_LIST:
    case SCO_IAC_MAP:
        pl_push_ref(p, v);
        break;
    case SCO_IAC_UNKNOWN:
        p->run.unknown = v;
        pl_stop(L, p, PL_UNKNOWN);
    default:
        lua_pushnil(L);
    }
}

static const struct sco_iac_node *member(const struct sco_iac_node *v, const char *key, size_t n)
{
    for (const struct sco_iac_member *m = v->member, *end = m + v->n; m < end; m++)
        if (m->key_n == n && memcmp(m->key, key, n) == 0)
            return &m->value;
    return NULL;
}

static int node_index(lua_State *L)
{
    struct sco_policies *p = pl_of(L);
    const struct sco_iac_node *v = pl_node(L, 1), *found = NULL;
    struct sco_str key = {0};
    if (v->type == SCO_IAC_MAP && lua_type(L, 2) == LUA_TSTRING) {
        key.p = lua_tolstring(L, 2, &key.n);
        if (v->n > CHEAP_MAP)
            pl_work(L, p, v->n / MEMBERS_A_STEP);
        found = member(v, key.p, key.n);
    } else if (v->type == SCO_IAC_LIST && lua_type(L, 2) == LUA_TNUMBER) {
        int whole = 0;
        lua_Integer i = lua_tointegerx(L, 2, &whole);
        if (whole && i >= 1 && (lua_Unsigned)i <= v->n)
            found = &v->item[i - 1];
        key.n = (size_t)i;
    }
    if (p->opt.trace)
        pl_trace(p, v, key, found);
    pl_push(L, found);
    return 1;
}

static int node_newindex(lua_State *L)
{
    return luaL_error(L, "the document cannot be changed");
}

static int node_len(lua_State *L)
{
    const struct sco_iac_node *v = pl_node(L, 1);
    lua_pushinteger(L, v->type == SCO_IAC_LIST || v->type == SCO_IAC_MAP ? v->n : 0);
    return 1;
}

/* Messages are put together with `..`; a name that is missing is no reason to lose the finding. */
static int any_concat(lua_State *L)
{
    for (int i = 1; i <= 2; i++) {
        int t = lua_type(L, i);
        if (t == LUA_TTABLE || t == LUA_TFUNCTION)
            return luaL_error(L, "attempt to concatenate a %s value", pl_type(L, i));
        pl_push_text(L, i);
    }
    lua_concat(L, 2);
    return 1;
}

static int zero(lua_State *L)
{
    lua_pushinteger(L, 0);
    return 1;
}

const char *pl_type(lua_State *L, int at)
{
    int t = lua_type(L, at);
    return t == LUA_TLIGHTUSERDATA || t == LUA_TUSERDATA ? "table" : lua_typename(L, t);
}

/* ---- lists of resources ---- */
struct pl_list *pl_list_new(lua_State *L, size_t n)
{
    struct pl_list *l = lua_newuserdatauv(L, sizeof *l + n * sizeof l->v[0], 0);
    l->gen = pl_of(L)->gen;
    l->n = n;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &key_list);
    lua_setmetatable(L, -2);
    return l;
}

const struct pl_list *pl_list_at(lua_State *L, int at)
{
    if (lua_type(L, at) != LUA_TUSERDATA) /* scripts meet no other full userdata */
        return NULL;
    const struct pl_list *l = lua_touserdata(L, at);
    if (l->gen != pl_of(L)->gen)
        luaL_error(L, "a list of earlier documents was kept: it cannot be read any more");
    return l;
}

static int list_index(lua_State *L)
{
    const struct pl_list *l = pl_list_at(L, 1);
    int whole = 0;
    lua_Integer i = lua_type(L, 2) == LUA_TNUMBER ? lua_tointegerx(L, 2, &whole) : 0;
    if (whole && i >= 1 && (lua_Unsigned)i <= l->n)
        pl_push_ref(pl_of(L), l->v[i - 1]);
    else
        lua_pushnil(L);
    return 1;
}

static int list_len(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)pl_list_at(L, 1)->n);
    return 1;
}

size_t pl_table_len(lua_State *L, int at, size_t most)
{
    lua_Unsigned n = lua_rawlen(L, at);
    if (n > most)
        luaL_error(L, "a list has more than %d items, or holes", (int)most);
    return (size_t)n;
}

size_t pl_len(lua_State *L, int at)
{
    const struct sco_iac_node *v = pl_node(L, at);
    if (v)
        return v->type == SCO_IAC_LIST ? v->n : 0;
    const struct pl_list *l = pl_list_at(L, at);
    if (l)
        return l->n;
    return lua_type(L, at) == LUA_TTABLE ? pl_table_len(L, at, PL_ITEMS_MAX) : 0;
}

void pl_item(lua_State *L, int at, size_t i)
{
    const struct sco_iac_node *v = pl_node(L, at);
    const struct pl_list *l = v ? NULL : pl_list_at(L, at);
    if (v)
        pl_push(L, i >= 1 && v->type == SCO_IAC_LIST && i <= v->n ? &v->item[i - 1] : NULL);
    else if (l && i >= 1 && i <= l->n)
        pl_push_ref(pl_of(L), l->v[i - 1]);
    else if (lua_type(L, at) == LUA_TTABLE)
        lua_rawgeti(L, at, (lua_Integer)i);
    else
        lua_pushnil(L);
}

/* ---- metatables ---- */
void pl_open_nodes(lua_State *L)
{
    static const luaL_Reg node[] = {{"__index", node_index},
                                    {"__newindex", node_newindex},
                                    {"__len", node_len},
                                    {"__concat", any_concat},
                                    {NULL, NULL}};
    static const luaL_Reg list[] = {
        {"__index", list_index}, {"__newindex", node_newindex}, {"__len", list_len}, {NULL, NULL}};
    static const luaL_Reg plain[] = {{"__len", zero}, {"__concat", any_concat}, {NULL, NULL}};
    lua_newtable(L);
    luaL_setfuncs(L, list, 0);
    lua_pushliteral(L, "table");
    lua_setfield(L, -2, "__name");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &key_list);

    lua_pushlightuserdata(L, NULL);
    lua_newtable(L);
    luaL_setfuncs(L, node, 0);
    lua_pushliteral(L, "table");
    lua_setfield(L, -2, "__name");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);

    lua_newtable(L); /* nil, numbers and booleans have members that are nil */
    luaL_setfuncs(L, plain, 0);
    lua_newtable(L);
    lua_setfield(L, -2, "__index");
    int meta = lua_gettop(L);
    lua_pushnil(L);
    lua_pushinteger(L, 0);
    lua_pushboolean(L, 0);
    for (int i = 0; i < 3; i++) {
        lua_pushvalue(L, meta);
        lua_setmetatable(L, -2);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

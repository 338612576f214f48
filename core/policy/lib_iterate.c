/* next pairs ipairs. Over documents they follow the order of the text; over tables the order of the
 * keys (numbers, then strings): Lua's own order is random from run to run. What is no table is an
 * empty one, as a key that is not there. A value that is known only at run time is left for last:
 * the check ends there, unless the loop found what it looked for among the others. */
#include "policy_priv.h"

#include <stdlib.h>

static bool is_container(const struct sco_iac_node *v)
{
    return v->type == SCO_IAC_LIST || v->type == SCO_IAC_MAP;
}

static const struct sco_iac_node *child(const struct sco_iac_node *v, size_t i)
{
    return v->type == SCO_IAC_MAP ? &v->member[i].value : &v->item[i];
}

/* LJMP: at the end of a walk: values that are known only at run time were left out. */
static int walk_end(lua_State *L, const struct sco_iac_node *v)
{
    for (size_t i = 0; i < v->n; i++)
        if (child(v, i)->type == SCO_IAC_UNKNOWN)
            pl_push(L, child(v, i)); /* ends the check */
    lua_pushnil(L);
    return 1;
}

/* LJMP: the entry from position i on that is known. */
static int walk_step(lua_State *L, const struct sco_iac_node *v, size_t i, size_t *ret_next)
{
    struct sco_policies *p = pl_of(L);
    while (i < v->n && child(v, i)->type == SCO_IAC_UNKNOWN)
        i++;
    *ret_next = i + 1;
    if (i >= v->n)
        return walk_end(L, v);
    struct sco_str key = {.n = i + 1};
    if (v->type == SCO_IAC_MAP) {
        key = sco_str_make(v->member[i].key, v->member[i].key_n);
        lua_pushlstring(L, key.p, key.n);
    } else {
        lua_pushinteger(L, (lua_Integer)i + 1);
    }
    if (p->opt.trace)
        pl_trace(p, v, key, child(v, i));
    pl_push(L, child(v, i));
    return 2;
}

static int list_iter(lua_State *L)
{
    const struct sco_iac_node *v = pl_node(L, 1);
    size_t next;
    return walk_step(L, v, (size_t)lua_tointeger(L, 2), &next);
}

static int map_iter(lua_State *L)
{
    const struct sco_iac_node *v = pl_node(L, lua_upvalueindex(1));
    size_t next;
    int n = walk_step(L, v, (size_t)lua_tointeger(L, lua_upvalueindex(2)), &next);
    lua_pushinteger(L, (lua_Integer)next);
    lua_replace(L, lua_upvalueindex(2));
    return n;
}

static int resources_iter(lua_State *L)
{
    size_t i = (size_t)lua_tointeger(L, 2) + 1;
    if (i > pl_list_at(L, 1)->n) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, (lua_Integer)i);
    pl_item(L, 1, i);
    return 2;
}

static int table_iter(lua_State *L)
{
    lua_Integer i = lua_tointeger(L, 2) + 1;
    lua_pushinteger(L, i);
    if (lua_rawgeti(L, 1, i) != LUA_TNIL)
        return 2;
    lua_pushnil(L);
    return 1;
}

static int nothing(lua_State *L)
{
    lua_pushnil(L);
    return 1;
}

/* LJMP: pushes iterator, state and start for anything but a map or a table with named keys. */
static int push_sequence(lua_State *L)
{
    const struct sco_iac_node *v = pl_node(L, 1);
    if (v && v->type == SCO_IAC_LIST)
        lua_pushcfunction(L, list_iter);
    else if (!v && pl_list_at(L, 1))
        lua_pushcfunction(L, resources_iter);
    else if (lua_type(L, 1) == LUA_TTABLE)
        lua_pushcfunction(L, table_iter);
    else
        lua_pushcfunction(L, nothing);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    return 3;
}

static int b_ipairs(lua_State *L)
{
    luaL_checkany(L, 1);
    return push_sequence(L);
}

/* ---- order of keys ---- */
struct key {
    int type; /* LUA_TBOOLEAN, LUA_TNUMBER, LUA_TSTRING */
    lua_Number number;
    struct sco_str text;
    lua_Integer at; /* in the table of keys */
};

/* LJMP */
static struct key key_at(lua_State *L, int at)
{
    struct key k = {.type = lua_type(L, at)};
    if (k.type == LUA_TNUMBER)
        k.number = lua_tonumber(L, at);
    else if (k.type == LUA_TSTRING)
        k.text.p = lua_tolstring(L, at, &k.text.n);
    else if (k.type == LUA_TBOOLEAN)
        k.number = lua_toboolean(L, at);
    else
        luaL_error(L, "keys that are tables or functions have no order: pairs and next cannot "
                      "walk them");
    return k;
}

static int key_cmp(const void *x, const void *y)
{
    const struct key *a = x, *b = y;
    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    if (a->type == LUA_TSTRING)
        return sco_str_cmp(a->text, b->text);
    return a->number < b->number ? -1 : a->number > b->number;
}

static int sorted_iter(lua_State *L) /* upvalues: table, sorted keys, position */
{
    lua_Integer i = lua_tointeger(L, lua_upvalueindex(3));
    for (;;) {
        if (lua_rawgeti(L, lua_upvalueindex(2), ++i) == LUA_TNIL)
            return 1;
        lua_pushvalue(L, -1);
        if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
            break;
        lua_pop(L, 2); /* removed in the meantime */
    }
    lua_pushinteger(L, i);
    lua_replace(L, lua_upvalueindex(3));
    return 2;
}

/* LJMP: pushes a list of the n keys of the table at 1, in order. */
static void push_sorted_keys(lua_State *L, size_t n)
{
    pl_work(L, pl_of(L), n * 2);
    lua_createtable(L, (int)n, 0);
    int all = lua_gettop(L);
    struct key *keys = lua_newuserdatauv(L, n * sizeof *keys, 0);
    lua_Integer i = 0;
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        keys[i] = key_at(L, -2);
        keys[i].at = i + 1;
        i++;
        lua_pushvalue(L, -2);
        lua_rawseti(L, all, i);
    }
    qsort(keys, n, sizeof *keys, key_cmp);
    lua_createtable(L, (int)n, 0);
    for (size_t k = 0; k < n; k++) {
        lua_rawgeti(L, all, keys[k].at);
        lua_rawseti(L, -2, (lua_Integer)k + 1);
    }
    lua_replace(L, all);
    lua_settop(L, all);
}

int pl_keys_of_table(lua_State *L)
{
    size_t n = 0;
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1))
        n++;
    push_sorted_keys(L, n);
    return 1;
}

static int b_pairs(lua_State *L)
{
    luaL_checkany(L, 1);
    const struct sco_iac_node *v = pl_node(L, 1);
    if (v && v->type == SCO_IAC_MAP) {
        lua_pushvalue(L, 1);
        lua_pushinteger(L, 0);
        lua_pushcclosure(L, map_iter, 2);
        return 1;
    }
    if (v || lua_type(L, 1) != LUA_TTABLE)
        return push_sequence(L);
    size_t n = 0, border = (size_t)lua_rawlen(L, 1);
    bool plain = true; /* all keys are 1 to n */
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1), n++)
        plain = plain && lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1 &&
                (lua_Unsigned)lua_tointeger(L, -2) <= border;
    pl_work(L, pl_of(L), n / 4);
    if (plain && n == border)
        return push_sequence(L);
    push_sorted_keys(L, n);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, sorted_iter, 3);
    return 1;
}

/* ---- next ---- */
static int next_of_node(lua_State *L, const struct sco_iac_node *v)
{
    size_t i = 0, next;
    if (!is_container(v)) {
        lua_pushnil(L);
        return 1;
    }
    if (v->type == SCO_IAC_LIST && !lua_isnoneornil(L, 2)) {
        i = (size_t)luaL_checkinteger(L, 2);
    } else if (!lua_isnoneornil(L, 2)) {
        struct sco_str key;
        key.p = luaL_checklstring(L, 2, &key.n);
        while (i < v->n && !sco_str_eq(sco_str_make(v->member[i].key, v->member[i].key_n), key))
            i++;
        pl_work(L, pl_of(L), i / 16);
        i++;
    }
    return walk_step(L, v, i, &next);
}

static int b_next(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_settop(L, 2);
    const struct sco_iac_node *v = pl_node(L, 1);
    if (v)
        return next_of_node(L, v);
    if (pl_list_at(L, 1)) {
        lua_pushcfunction(L, resources_iter);
        lua_pushvalue(L, 1);
        lua_pushinteger(L, lua_isnil(L, 2) ? 0 : luaL_checkinteger(L, 2));
        lua_call(L, 2, 2);
        return lua_isnil(L, -2) ? 1 : 2;
    }
    if (lua_type(L, 1) != LUA_TTABLE) {
        lua_pushnil(L);
        return 1;
    }
    bool first = lua_isnil(L, 2), found = false;
    struct key after = {0}, best = {0};
    if (!first)
        after = key_at(L, 2);
    lua_pushnil(L); /* 3: the best key */
    size_t n = 0;
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1), n++) {
        struct key k = key_at(L, -2);
        if ((!first && key_cmp(&k, &after) <= 0) || (found && key_cmp(&k, &best) >= 0))
            continue;
        best = k;
        found = true;
        lua_pushvalue(L, -2);
        lua_replace(L, 3);
    }
    pl_work(L, pl_of(L), n / 4);
    if (!found)
        return 1; /* nil */
    lua_settop(L, 3);
    lua_pushvalue(L, 3);
    lua_rawget(L, 1);
    return 2;
}

void pl_open_iterate(lua_State *L)
{
    static const luaL_Reg funcs[] = {
        {"next", b_next}, {"pairs", b_pairs}, {"ipairs", b_ipairs}, {NULL, NULL}};
    pl_functions(L, funcs);
}

/* table: concat insert remove sort unpack pack. Raw access: no table of a script has a metatable,
 * and the tables of the engine are not to be changed. */
#include "policy_priv.h"

enum { UNPACK_MAX = 10000 };

/* LJMP: the argument is a table that may be changed. */
static void check_writable(lua_State *L, int at)
{
    if (lua_type(L, at) == LUA_TLIGHTUSERDATA || lua_type(L, at) == LUA_TUSERDATA)
        luaL_error(L, "the document cannot be changed: copy what is needed into a new table");
    luaL_checktype(L, at, LUA_TTABLE);
    if (lua_getmetatable(L, at))
        luaL_error(L, "this table cannot be changed");
}

static int t_insert(lua_State *L)
{
    check_writable(L, 1);
    lua_Integer n = (lua_Integer)pl_table_len(L, 1, PL_ITEMS_MAX), at = n + 1;
    int args = lua_gettop(L);
    if (args == 3) {
        at = luaL_checkinteger(L, 2);
        luaL_argcheck(L, at >= 1 && at <= n + 1, 2, "position out of bounds");
        pl_work(L, pl_of(L), (uint64_t)(n + 1 - at) / 4);
        for (lua_Integer i = n; i >= at; i--) {
            lua_rawgeti(L, 1, i);
            lua_rawseti(L, 1, i + 1);
        }
    } else if (args != 2) {
        return luaL_error(L, "wrong number of arguments to 'insert'");
    }
    lua_rawseti(L, 1, at);
    return 0;
}

static int t_remove(lua_State *L)
{
    check_writable(L, 1);
    lua_Integer n = (lua_Integer)pl_table_len(L, 1, PL_ITEMS_MAX), at = luaL_optinteger(L, 2, n);
    if (lua_gettop(L) > 1)
        luaL_argcheck(L, n == 0 ? at == 0 || at == 1 : at >= 1 && at <= n + 1, 2,
                      "position out of bounds");
    pl_work(L, pl_of(L), at >= 0 && at <= n ? (uint64_t)(n - at) / 4 : 0);
    lua_rawgeti(L, 1, at);
    for (; at < n; at++) {
        lua_rawgeti(L, 1, at + 1);
        lua_rawseti(L, 1, at);
    }
    if (at >= 1 && at <= n) {
        lua_pushnil(L);
        lua_rawseti(L, 1, at);
    }
    return 1;
}

static int t_concat(lua_State *L)
{
    struct sco_policies *p = pl_of(L);
    size_t separator_n;
    const char *separator = luaL_optlstring(L, 2, "", &separator_n);
    lua_Integer from = luaL_optinteger(L, 3, 1);
    lua_Integer to = luaL_optinteger(L, 4, (lua_Integer)pl_len(L, 1));
    luaL_argcheck(L, from >= 1 && to <= (lua_Integer)pl_len(L, 1), 1, "range out of bounds");
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    size_t total = 0;
    for (lua_Integer i = from; i <= to; i++) {
        pl_item(L, 1, (size_t)i);
        if (lua_type(L, -1) != LUA_TSTRING && lua_type(L, -1) != LUA_TNUMBER)
            return luaL_error(L, "table.concat: item %d is a %s value", (int)i, pl_type(L, -1));
        total += (size_t)lua_rawlen(L, -1) + separator_n;
        pl_work(L, p, 1);
        if (total > PL_STRING_MAX)
            return luaL_error(L, "table.concat: the result is larger than 1 MiB");
        luaL_addvalue(&b);
        if (i < to)
            luaL_addlstring(&b, separator, separator_n);
    }
    luaL_pushresult(&b);
    return 1;
}

static int t_unpack(lua_State *L)
{
    lua_Integer from = luaL_optinteger(L, 2, 1);
    lua_Integer to = luaL_opt(L, luaL_checkinteger, 3, (lua_Integer)pl_len(L, 1));
    if (from > to)
        return 0;
    lua_Unsigned n = (lua_Unsigned)to - (lua_Unsigned)from;
    if (n >= UNPACK_MAX || !lua_checkstack(L, (int)n + 1))
        return luaL_error(L, "too many results to unpack");
    for (lua_Unsigned i = 0; i <= n; i++)
        pl_item(L, 1, (size_t)((lua_Unsigned)from + i));
    return (int)n + 1;
}

static int t_pack(lua_State *L)
{
    int n = lua_gettop(L);
    lua_createtable(L, n, 1);
    lua_insert(L, 1);
    for (int i = n; i >= 1; i--)
        lua_rawseti(L, 1, i);
    lua_pushinteger(L, n);
    lua_setfield(L, 1, "n");
    return 1;
}

/* ---- sort: merging is stable, and bounded whatever the order function answers ---- */
static bool less(lua_State *L, int a, int b)
{
    if (lua_isnil(L, 2))
        return lua_compare(L, a, b, LUA_OPLT);
    a = lua_absindex(L, a);
    b = lua_absindex(L, b);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, a);
    lua_pushvalue(L, b);
    lua_call(L, 2, 1);
    bool r = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return r;
}

/* LJMP: merges [low, middle) and [middle, high) of table `from` into table `to`. */
static void merge(lua_State *L, int from, int to, lua_Integer low, lua_Integer middle,
                  lua_Integer high)
{
    lua_Integer a = low, b = middle;
    for (lua_Integer i = low; i < high; i++) {
        bool second = a >= middle;
        if (!second && b < high) {
            lua_rawgeti(L, from, b);
            lua_rawgeti(L, from, a);
            second = less(L, -2, -1);
            lua_pop(L, 2);
        }
        lua_rawgeti(L, from, second ? b++ : a++);
        lua_rawseti(L, to, i);
    }
}

static int t_sort(lua_State *L)
{
    struct sco_policies *p = pl_of(L);
    check_writable(L, 1);
    if (!lua_isnoneornil(L, 2))
        luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    lua_Integer n = (lua_Integer)pl_table_len(L, 1, PL_ITEMS_MAX);
    pl_work(L, p, (uint64_t)n);
    /* Two copies: the order function may change the table while it is sorted. */
    lua_createtable(L, (int)(n < INT32_MAX ? n : 0), 0); /* 3 */
    lua_createtable(L, (int)(n < INT32_MAX ? n : 0), 0); /* 4 */
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, 1, i);
        lua_rawseti(L, 3, i);
    }
    int from = 3;
    for (lua_Integer width = 1; width < n; width *= 2) {
        pl_work(L, p, (uint64_t)n);
        for (lua_Integer low = 1; low <= n; low += 2 * width) {
            lua_Integer middle = low + width <= n + 1 ? low + width : n + 1;
            lua_Integer high = middle + width <= n + 1 ? middle + width : n + 1;
            merge(L, from, 7 - from, low, middle, high);
        }
        from = 7 - from;
    }
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, from, i);
        lua_rawseti(L, 1, i);
    }
    return 0;
}

void pl_open_table(lua_State *L)
{
    static const luaL_Reg funcs[] = {
        {"insert", t_insert}, {"remove", t_remove}, {"concat", t_concat}, {"unpack", t_unpack},
        {"pack", t_pack},     {"sort", t_sort},     {NULL, NULL}};
    pl_library(L, "table", funcs);
}

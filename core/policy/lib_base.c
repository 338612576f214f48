/* assert error pcall rawequal rawlen select tonumber tostring type. No address of anything is ever
 * shown: the same input gives the same text. */
#include "policy_priv.h"

static int b_type(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_pushstring(L, pl_type(L, 1));
    return 1;
}

void pl_push_text(lua_State *L, int at)
{
    switch (lua_type(L, at)) {
    case LUA_TSTRING:
    case LUA_TNUMBER:
        lua_pushvalue(L, at);
        lua_tostring(L, -1);
        break;
    case LUA_TBOOLEAN:
        lua_pushstring(L, lua_toboolean(L, at) ? "true" : "false");
        break;
    case LUA_TLIGHTUSERDATA:
        lua_pushstring(L, pl_node(L, at)->type == SCO_IAC_LIST ? "(list)" : "(map)");
        break;
    default:
        lua_pushstring(L, pl_type(L, at));
    }
}

static int b_tostring(lua_State *L)
{
    luaL_checkany(L, 1);
    pl_push_text(L, 1);
    return 1;
}

static int b_tonumber(lua_State *L)
{
    luaL_checkany(L, 1);
    if (lua_isnoneornil(L, 2)) {
        if (lua_type(L, 1) == LUA_TNUMBER) {
            lua_settop(L, 1);
            return 1;
        }
        size_t n = 0;
        const char *s = lua_type(L, 1) == LUA_TSTRING ? lua_tolstring(L, 1, &n) : NULL;
        if (s && n < 4096 && lua_stringtonumber(L, s) == n + 1)
            return 1;
        lua_pushnil(L);
        return 1;
    }
    lua_Integer base = luaL_checkinteger(L, 2), value = 0;
    luaL_checktype(L, 1, LUA_TSTRING);
    luaL_argcheck(L, base >= 2 && base <= 36, 2, "base out of range");
    struct sco_str s;
    s.p = lua_tolstring(L, 1, &s.n);
    s = sco_str_trim(s);
    bool minus = s.n && *s.p == '-';
    size_t i = minus ? 1 : 0;
    bool ok = i < s.n && s.n < 100;
    for (; ok && i < s.n; i++) {
        int c = (unsigned char)s.p[i] | 32;
        int digit = c >= 'a' && c <= 'z'             ? c - 'a' + 10
                    : s.p[i] >= '0' && s.p[i] <= '9' ? s.p[i] - '0'
                                                     : 99;
        ok = digit < base;
        value = (lua_Integer)((lua_Unsigned)value * (lua_Unsigned)base + (lua_Unsigned)digit);
    }
    if (ok)
        lua_pushinteger(L, minus ? (lua_Integer)(0 - (lua_Unsigned)value) : value);
    else
        lua_pushnil(L);
    return 1;
}

static int b_error(lua_State *L)
{
    lua_Integer level = luaL_optinteger(L, 2, 1);
    lua_settop(L, 1);
    if (lua_type(L, 1) == LUA_TSTRING && level > 0 && level < 100) {
        luaL_where(L, (int)level);
        lua_pushvalue(L, 1);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int b_assert(lua_State *L)
{
    luaL_checkany(L, 1);
    if (lua_toboolean(L, 1))
        return lua_gettop(L);
    if (lua_gettop(L) < 2)
        return luaL_error(L, "assertion failed!");
    lua_settop(L, 2);
    return lua_error(L);
}

/* Catches errors of scripts, never a limit and never the end of a check. */
static int b_pcall(lua_State *L)
{
    struct sco_policies *p = pl_of(L);
    luaL_checkany(L, 1);
    pl_work(L, p, 20); /* setting up and unwinding */
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    if (status == LUA_ERRMEM)
        pl_stop(L, p, PL_MEMORY);
    if (p->run.stop != PL_GO)
        pl_stop(L, p, p->run.stop);
    if (status != LUA_OK) {
        lua_pushboolean(L, 0);
        lua_insert(L, -2);
        return 2;
    }
    luaL_checkstack(L, 1, "too many results");
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    return lua_gettop(L);
}

static int b_rawequal(lua_State *L)
{
    luaL_checkany(L, 2);
    lua_pushboolean(L, lua_rawequal(L, 1, 2));
    return 1;
}

static int b_rawlen(lua_State *L)
{
    luaL_argcheck(L, lua_type(L, 1) != LUA_TNIL && lua_type(L, 1) != LUA_TNONE, 1,
                  "table or string expected");
    lua_pushinteger(L, lua_type(L, 1) == LUA_TSTRING ? (lua_Integer)lua_rawlen(L, 1)
                                                     : (lua_Integer)pl_len(L, 1));
    return 1;
}

static int b_select(lua_State *L)
{
    int n = lua_gettop(L);
    if (lua_type(L, 1) == LUA_TSTRING && *lua_tostring(L, 1) == '#') {
        lua_pushinteger(L, n - 1);
        return 1;
    }
    lua_Integer i = luaL_checkinteger(L, 1);
    if (i < 0)
        i = n + i;
    else if (i > n)
        i = n;
    luaL_argcheck(L, i >= 1, 1, "index out of range");
    return n - (int)i;
}

void pl_open_base(lua_State *L)
{
    static const luaL_Reg funcs[] = {{"type", b_type},
                                     {"tostring", b_tostring},
                                     {"tonumber", b_tonumber},
                                     {"error", b_error},
                                     {"assert", b_assert},
                                     {"pcall", b_pcall},
                                     {"select", b_select},
                                     {"rawequal", b_rawequal},
                                     {"rawlen", b_rawlen},
                                     {"import", pl_import},
                                     {NULL, NULL}};
    pl_functions(L, funcs);
}

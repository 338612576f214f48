/* math, without random. */
#include "policy_priv.h"

#include <math.h>

static void push_whole(lua_State *L, lua_Number v)
{
    lua_Integer i;
    if (lua_numbertointeger(v, &i))
        lua_pushinteger(L, i);
    else
        lua_pushnumber(L, v);
}

static int m_floor(lua_State *L)
{
    if (lua_isinteger(L, 1))
        lua_settop(L, 1);
    else
        push_whole(L, floor(luaL_checknumber(L, 1)));
    return 1;
}

static int m_ceil(lua_State *L)
{
    if (lua_isinteger(L, 1))
        lua_settop(L, 1);
    else
        push_whole(L, ceil(luaL_checknumber(L, 1)));
    return 1;
}

static int m_abs(lua_State *L)
{
    if (lua_isinteger(L, 1)) {
        lua_Integer i = lua_tointeger(L, 1);
        lua_pushinteger(L, i < 0 ? (lua_Integer)(0u - (lua_Unsigned)i) : i);
    } else {
        lua_pushnumber(L, fabs(luaL_checknumber(L, 1)));
    }
    return 1;
}

static int m_tointeger(lua_State *L)
{
    int whole = 0;
    lua_Integer i = lua_type(L, 1) == LUA_TNUMBER ? lua_tointegerx(L, 1, &whole) : 0;
    if (whole)
        lua_pushinteger(L, i);
    else
        lua_pushnil(L);
    return 1;
}

static int m_type(lua_State *L)
{
    luaL_checkany(L, 1);
    if (lua_type(L, 1) == LUA_TNUMBER)
        lua_pushstring(L, lua_isinteger(L, 1) ? "integer" : "float");
    else
        lua_pushnil(L);
    return 1;
}

static int extreme(lua_State *L, int op_less_first)
{
    int n = lua_gettop(L), best = 1;
    luaL_checknumber(L, 1);
    for (int i = 2; i <= n; i++) {
        luaL_checknumber(L, i);
        bool less =
            op_less_first ? lua_compare(L, i, best, LUA_OPLT) : lua_compare(L, best, i, LUA_OPLT);
        if (less)
            best = i;
    }
    lua_pushvalue(L, best);
    return 1;
}

static int m_min(lua_State *L)
{
    return extreme(L, 1);
}

static int m_max(lua_State *L)
{
    return extreme(L, 0);
}

static int m_sqrt(lua_State *L)
{
    lua_pushnumber(L, sqrt(luaL_checknumber(L, 1)));
    return 1;
}

static int m_log(lua_State *L)
{
    lua_Number x = luaL_checknumber(L, 1);
    if (lua_isnoneornil(L, 2))
        lua_pushnumber(L, log(x));
    else
        lua_pushnumber(L, log(x) / log(luaL_checknumber(L, 2)));
    return 1;
}

static int m_fmod(lua_State *L)
{
    lua_pushnumber(L, fmod(luaL_checknumber(L, 1), luaL_checknumber(L, 2)));
    return 1;
}

static int m_ult(lua_State *L)
{
    lua_pushboolean(L,
                    (lua_Unsigned)luaL_checkinteger(L, 1) < (lua_Unsigned)luaL_checkinteger(L, 2));
    return 1;
}

void pl_open_math(lua_State *L)
{
    static const luaL_Reg funcs[] = {
        {"floor", m_floor}, {"ceil", m_ceil}, {"abs", m_abs}, {"tointeger", m_tointeger},
        {"type", m_type},   {"min", m_min},   {"max", m_max}, {"sqrt", m_sqrt},
        {"log", m_log},     {"fmod", m_fmod}, {"ult", m_ult}, {NULL, NULL}};
    pl_library(L, "math", funcs);
    lua_pushnumber(L, (lua_Number)HUGE_VAL);
    pl_constant(L, "math", "huge");
    lua_pushnumber(L, 3.141592653589793);
    pl_constant(L, "math", "pi");
    lua_pushinteger(L, LUA_MAXINTEGER);
    pl_constant(L, "math", "maxinteger");
    lua_pushinteger(L, LUA_MININTEGER);
    pl_constant(L, "math", "mininteger");
}

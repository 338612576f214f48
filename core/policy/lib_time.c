/* time: arithmetic on times that the input holds. There is no clock. */
#include "policy_priv.h"

enum { DAY = 86400 };

/* LJMP: seconds since 1970 of a text or number. */
static bool seconds(lua_State *L, int at, lua_Number *ret)
{
    struct sco_str s;
    int64_t ms;
    if (lua_type(L, at) == LUA_TNUMBER) {
        *ret = lua_tonumber(L, at);
        return true;
    }
    if (lua_type(L, at) != LUA_TSTRING)
        return false;
    s.p = lua_tolstring(L, at, &s.n);
    if (sco_time_parse(s, &ms) < 0)
        return false;
    *ret = (lua_Number)ms / 1000;
    return true;
}

static int t_parse(lua_State *L)
{
    lua_Number t;
    if (seconds(L, 1, &t))
        lua_pushnumber(L, t);
    else
        lua_pushnil(L);
    return 1;
}

static int t_days(lua_State *L)
{
    lua_Number from, to;
    if (seconds(L, 1, &from) && seconds(L, 2, &to))
        lua_pushnumber(L, (to - from) / DAY);
    else
        lua_pushnil(L);
    return 1;
}

void pl_open_time(lua_State *L)
{
    static const luaL_Reg funcs[] = {{"parse", t_parse}, {"days", t_days}, {NULL, NULL}};
    pl_library(L, "time", funcs);
}

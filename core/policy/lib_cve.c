/* cve: the parts of an id. */
#include "policy_priv.h"

static int c_parse(lua_State *L)
{
    struct sco_str s = {0};
    if (lua_type(L, 1) == LUA_TSTRING)
        s.p = lua_tolstring(L, 1, &s.n);
    int64_t year, number;
    if (s.n < 13 || s.n > 24 || strncasecmp(s.p, "CVE-", 4) != 0 || s.p[8] != '-' ||
        sco_parse_i64(sco_str_make(s.p + 4, 4), 1999, 9999, &year) < 0 ||
        sco_parse_i64(sco_str_make(s.p + 9, s.n - 9), 0, INT64_MAX, &number) < 0) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, year);
    lua_pushinteger(L, number);
    return 2;
}

void pl_open_cve(lua_State *L)
{
    static const luaL_Reg funcs[] = {{"parse", c_parse}, {NULL, NULL}};
    pl_library(L, "cve", funcs);
}

/* string, as far as it is Lua's: byte char len lower upper reverse sub rep find. Letters are ASCII
 * whatever the locale; find takes plain text; rep is capped. */
#include "policy_priv.h"

/* LJMP: the text of an argument. Nothing but strings and numbers. */
static struct sco_str arg(lua_State *L, int at)
{
    struct sco_str s;
    s.p = luaL_checklstring(L, at, &s.n);
    pl_work(L, pl_of(L), s.n / 8);
    return s;
}

/* Positions count from 1, negative ones from the end. */
static size_t position(lua_Integer i, size_t n)
{
    if (i > 0)
        return (size_t)i;
    if (i == 0)
        return 1;
    return i < -(lua_Integer)n ? 1 : (size_t)((lua_Integer)n + i + 1);
}

static size_t end_position(lua_Integer i, size_t n)
{
    if (i > (lua_Integer)n)
        return n;
    if (i >= 0)
        return (size_t)i;
    return i < -(lua_Integer)n ? 0 : (size_t)((lua_Integer)n + i + 1);
}

static int s_len(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)arg(L, 1).n);
    return 1;
}

static int s_sub(lua_State *L)
{
    struct sco_str s = arg(L, 1);
    size_t from = position(luaL_checkinteger(L, 2), s.n);
    size_t to = end_position(luaL_optinteger(L, 3, -1), s.n);
    if (from > to)
        lua_pushliteral(L, "");
    else
        lua_pushlstring(L, s.p + from - 1, to - from + 1);
    return 1;
}

static int s_byte(lua_State *L)
{
    struct sco_str s = arg(L, 1);
    lua_Integer i = luaL_optinteger(L, 2, 1);
    size_t from = position(i, s.n);
    size_t to = end_position(luaL_optinteger(L, 3, (lua_Integer)from), s.n);
    if (from > to)
        return 0;
    if (to - from >= 1000)
        return luaL_error(L, "string.byte: more than 1000 results");
    luaL_checkstack(L, (int)(to - from + 1), "string.byte");
    for (size_t k = from; k <= to; k++)
        lua_pushinteger(L, (unsigned char)s.p[k - 1]);
    return (int)(to - from + 1);
}

static int s_char(lua_State *L)
{
    int n = lua_gettop(L);
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, (size_t)n);
    for (int i = 1; i <= n; i++) {
        lua_Integer c = luaL_checkinteger(L, i);
        luaL_argcheck(L, c >= 0 && c <= 255, i, "value out of range");
        out[i - 1] = (char)c;
    }
    luaL_pushresultsize(&b, (size_t)n);
    return 1;
}

static int change_case(lua_State *L, char first, char last)
{
    struct sco_str s = arg(L, 1);
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, s.n);
    for (size_t i = 0; i < s.n; i++)
        out[i] = s.p[i] >= first && s.p[i] <= last ? (char)(s.p[i] ^ 32) : s.p[i];
    luaL_pushresultsize(&b, s.n);
    return 1;
}

static int s_lower(lua_State *L)
{
    return change_case(L, 'A', 'Z');
}

static int s_upper(lua_State *L)
{
    return change_case(L, 'a', 'z');
}

static int s_reverse(lua_State *L)
{
    struct sco_str s = arg(L, 1);
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, s.n);
    for (size_t i = 0; i < s.n; i++)
        out[i] = s.p[s.n - 1 - i];
    luaL_pushresultsize(&b, s.n);
    return 1;
}

static int s_rep(lua_State *L)
{
    struct sco_str s = arg(L, 1), separator = {"", 0};
    lua_Integer n = luaL_checkinteger(L, 2);
    if (!lua_isnoneornil(L, 3))
        separator = arg(L, 3);
    if (n <= 0 || s.n + separator.n == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if ((lua_Unsigned)n > PL_STRING_MAX / (s.n + separator.n))
        return luaL_error(L, "string.rep: the result is larger than 1 MiB");
    pl_work(L, pl_of(L), (uint64_t)n * (s.n + separator.n) / 64 + (uint64_t)n / 8);
    size_t size = (size_t)n * s.n + (size_t)(n - 1) * separator.n;
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, size);
    for (lua_Integer i = 0; i < n; i++) {
        memcpy(out, s.p, s.n);
        out += s.n;
        if (i + 1 < n) {
            memcpy(out, separator.p, separator.n);
            out += separator.n;
        }
    }
    luaL_pushresultsize(&b, size);
    return 1;
}

static int s_find(lua_State *L)
{
    struct sco_str s = arg(L, 1), part = arg(L, 2);
    size_t from = position(luaL_optinteger(L, 3, 1), s.n);
    if (from > s.n + 1) {
        lua_pushnil(L);
        return 1;
    }
    const char *at =
        part.n ? memmem(s.p + from - 1, s.n - from + 1, part.p, part.n) : s.p + from - 1;
    if (!at) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, at - s.p + 1);
    lua_pushinteger(L, at - s.p + (lua_Integer)part.n);
    return 2;
}

void pl_open_string(lua_State *L)
{
    static const luaL_Reg funcs[] = {{"len", s_len},   {"sub", s_sub},     {"byte", s_byte},
                                     {"char", s_char}, {"lower", s_lower}, {"upper", s_upper},
                                     {"rep", s_rep},   {"find", s_find},   {"reverse", s_reverse},
                                     {NULL, NULL}};
    pl_library(L, "string", funcs);
}

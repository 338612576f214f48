/* string, what policies need and Lua has patterns for: contains startswith endswith split trim
 * replace glob is_word. All take plain text and time in proportion to it. */
#include "policy_priv.h"

enum { GLOB_MAX = 1000 }; /* bytes of a pattern */

static struct sco_str arg(lua_State *L, int at)
{
    struct sco_str s;
    s.p = luaL_checklstring(L, at, &s.n);
    pl_work(L, pl_of(L), s.n / 8);
    return s;
}

static int t_contains(lua_State *L)
{
    struct sco_str s = arg(L, 1), part = arg(L, 2);
    lua_pushboolean(L, !part.n || memmem(s.p, s.n, part.p, part.n));
    return 1;
}

static int t_startswith(lua_State *L)
{
    struct sco_str s = arg(L, 1), part = arg(L, 2);
    lua_pushboolean(L, part.n <= s.n && memcmp(s.p, part.p, part.n) == 0);
    return 1;
}

static int t_endswith(lua_State *L)
{
    struct sco_str s = arg(L, 1), part = arg(L, 2);
    lua_pushboolean(L, part.n <= s.n && memcmp(s.p + s.n - part.n, part.p, part.n) == 0);
    return 1;
}

static int t_trim(lua_State *L)
{
    struct sco_str s = sco_str_trim(arg(L, 1));
    lua_pushlstring(L, s.p, s.n);
    return 1;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int split_words(lua_State *L, struct sco_str s)
{
    lua_Integer n = 0;
    for (size_t i = 0; i < s.n;) {
        while (i < s.n && is_space(s.p[i]))
            i++;
        size_t start = i;
        while (i < s.n && !is_space(s.p[i]))
            i++;
        if (i > start) {
            lua_pushlstring(L, s.p + start, i - start);
            lua_rawseti(L, -2, ++n);
            pl_work(L, pl_of(L), 1);
        }
    }
    return 1;
}

static int t_split(lua_State *L)
{
    struct sco_str s = arg(L, 1), separator = {"", 0};
    if (!lua_isnoneornil(L, 2))
        separator = arg(L, 2);
    lua_newtable(L);
    if (!separator.n)
        return split_words(L, s);
    lua_Integer n = 0;
    for (const char *p = s.p, *end = s.p + s.n;;) {
        const char *at = memmem(p, (size_t)(end - p), separator.p, separator.n);
        lua_pushlstring(L, p, (size_t)((at ? at : end) - p));
        lua_rawseti(L, -2, ++n);
        pl_work(L, pl_of(L), 1);
        if (!at)
            return 1;
        p = at + separator.n;
    }
}

static int t_replace(lua_State *L)
{
    struct sco_str s = arg(L, 1), from = arg(L, 2), to = arg(L, 3);
    if (!from.n) {
        lua_settop(L, 1);
        return 1;
    }
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (const char *p = s.p, *end = s.p + s.n;;) {
        const char *at = memmem(p, (size_t)(end - p), from.p, from.n);
        size_t part = (size_t)((at ? at : end) - p);
        if (luaL_bufflen(&b) + part + to.n > PL_STRING_MAX + to.n)
            return luaL_error(L, "string.replace: the result is larger than 1 MiB");
        luaL_addlstring(&b, p, part);
        if (!at)
            break;
        luaL_addlstring(&b, to.p, to.n);
        pl_work(L, pl_of(L), 1);
        p = at + from.n;
    }
    luaL_pushresult(&b);
    return 1;
}

/* What matching may cost: two kinds of stars try every start, braces every alternative. */
static uint64_t glob_work(struct sco_str s, struct sco_str pattern)
{
    uint64_t ways = 1, words = 1;
    for (size_t i = 0; i < pattern.n; i++) {
        words += pattern.p[i] == ',';
        if (pattern.p[i] == '}') {
            ways = ways * words < 1000 ? ways * words : 1000;
            words = 1;
        }
    }
    bool deep = memmem(pattern.p, pattern.n, "**", 2);
    return 1 + ways * s.n * pattern.n / 64 * (deep ? s.n : 1);
}

static int t_glob(lua_State *L)
{
    struct sco_str s = arg(L, 1), pattern = arg(L, 2);
    luaL_argcheck(L, pattern.n <= GLOB_MAX, 2, "the pattern is longer than 1000 bytes");
    luaL_argcheck(L, !memchr(pattern.p, 0, pattern.n), 2, "the pattern holds a zero byte");
    pl_work(L, pl_of(L), glob_work(s, pattern));
    lua_pushboolean(L, sco_glob_match(pattern.p, s));
    return 1;
}

static int t_is_word(lua_State *L)
{
    struct sco_str s = arg(L, 1), extra = {"", 0};
    if (!lua_isnoneornil(L, 2))
        extra = arg(L, 2);
    bool ok = s.n > 0;
    pl_work(L, pl_of(L), s.n * extra.n / 64);
    for (size_t i = 0; ok && i < s.n; i++) {
        char c = s.p[i];
        ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             (extra.n && memchr(extra.p, c, extra.n));
    }
    lua_pushboolean(L, ok);
    return 1;
}

void pl_open_text(lua_State *L)
{
    static const luaL_Reg funcs[] = {{"contains", t_contains},
                                     {"startswith", t_startswith},
                                     {"endswith", t_endswith},
                                     {"split", t_split},
                                     {"trim", t_trim},
                                     {"replace", t_replace},
                                     {"glob", t_glob},
                                     {"is_word", t_is_word},
                                     {NULL, NULL}};
    pl_library(L, "string", funcs);
}

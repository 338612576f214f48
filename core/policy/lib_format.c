/* string.format: %d %i %u %c %x %X %o %s %q %f %F %g %G %e %E %%, widths up to 99. No %p, no %a:
 * addresses are not for scripts, and every result is the same on every machine. */
#include "policy_priv.h"

struct spec {
    char text[16]; /* "%-5.2" */
    char conversion;
};

/* LJMP: reads a conversion after its '%'; the byte after it. */
static const char *read_spec(lua_State *L, const char *s, const char *end, struct spec *ret)
{
    const char *start = s;
    while (s < end && *s && strchr("-+ #0", *s))
        s++;
    const char *digits = s;
    while (s < end && *s >= '0' && *s <= '9')
        s++;
    bool ok = s - digits <= 2 && digits - start <= 5;
    if (s < end && *s == '.') {
        digits = ++s;
        while (s < end && *s >= '0' && *s <= '9')
            s++;
        ok = ok && s - digits <= 2;
    }
    if (!ok || s >= end || (size_t)(s - start) >= sizeof ret->text - 4)
        luaL_error(L, "string.format: invalid conversion (widths have at most 2 digits)");
    ret->text[0] = '%';
    memcpy(ret->text + 1, start, (size_t)(s - start));
    ret->text[1 + (s - start)] = 0;
    ret->conversion = *s;
    return s + 1;
}

/* LJMP: %s with width and precision. */
static void add_string(lua_State *L, luaL_Buffer *b, const struct spec *spec, int at)
{
    pl_push_text(L, at);
    size_t n;
    const char *s = lua_tolstring(L, -1, &n);
    size_t width = 0, precision = n;
    bool left = false;
    const char *t = spec->text + 1;
    for (; *t && strchr("-+ #0", *t); t++)
        left = left || *t == '-';
    for (; *t >= '0' && *t <= '9'; t++)
        width = width * 10 + (size_t)(*t - '0');
    if (*t == '.')
        for (precision = 0, t++; *t; t++)
            precision = precision * 10 + (size_t)(*t - '0');
    if (precision < n)
        n = precision;
    char pad[100];
    size_t padding = width > n ? width - n : 0;
    memset(pad, ' ', sizeof pad);
    lua_pushlstring(L, pad, left ? 0 : padding);
    lua_pushlstring(L, s, n);
    lua_pushlstring(L, pad, left ? padding : 0);
    lua_concat(L, 3);
    lua_remove(L, -2);
    luaL_addvalue(b);
}

/* LJMP */
static void add_number(lua_State *L, luaL_Buffer *b, struct spec *spec, int at)
{
    char out[512]; /* 309 digits of %f and 99 of precision */
    int n;
    char c = spec->conversion;
    size_t end = strlen(spec->text);
    if (strchr("diuxXoc", c)) {
        lua_Integer v = luaL_checkinteger(L, at);
        if (c == 'c') {
            luaL_argcheck(L, v >= 0 && v <= 255, at, "value out of range");
            luaL_addchar(b, (char)v);
            return;
        }
        memcpy(spec->text + end, "ll", 2);
        spec->text[end + 2] = c == 'u' ? 'd' : c;
        spec->text[end + 3] = 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* built above from checked parts */
        n = snprintf(out, sizeof out, spec->text, (long long)v);
    } else {
        spec->text[end] = c;
        spec->text[end + 1] = 0;
        n = snprintf(out, sizeof out, spec->text, luaL_checknumber(L, at));
#pragma GCC diagnostic pop
    }
    luaL_addlstring(b, out, n > 0 && (size_t)n < sizeof out ? (size_t)n : 0);
}

/* LJMP: a literal that Lua reads back. */
static void add_quoted(lua_State *L, luaL_Buffer *b, int at)
{
    size_t n;
    const char *s = luaL_checklstring(L, at, &n);
    luaL_addchar(b, '"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        char escape[8];
        if (c == '"' || c == '\\') {
            luaL_addchar(b, '\\');
            luaL_addchar(b, (char)c);
        } else if (c < 32 || c == 127) {
            luaL_addlstring(b, escape, (size_t)snprintf(escape, sizeof escape, "\\%03u", c));
        } else {
            luaL_addchar(b, (char)c);
        }
    }
    luaL_addchar(b, '"');
}

static int s_format(lua_State *L)
{
    struct sco_policies *p = pl_of(L);
    size_t size;
    const char *s = luaL_checklstring(L, 1, &size), *end = s + size;
    int args = lua_gettop(L), at = 1;
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    while (s < end) {
        if (*s != '%') {
            luaL_addchar(&b, *s++);
            continue;
        }
        if (++s < end && *s == '%') {
            luaL_addchar(&b, *s++);
            continue;
        }
        struct spec spec;
        s = read_spec(L, s, end, &spec);
        if (++at > args)
            return luaL_argerror(L, at, "no value");
        if (spec.conversion == 's')
            add_string(L, &b, &spec, at);
        else if (spec.conversion == 'q')
            add_quoted(L, &b, at);
        else if (spec.conversion && strchr("diuxXocfFgGeE", spec.conversion))
            add_number(L, &b, &spec, at);
        else
            return luaL_error(L, "string.format: conversion '%%%c' is not available",
                              spec.conversion);
        pl_work(L, p, 4);
        if (luaL_bufflen(&b) > PL_STRING_MAX)
            return luaL_error(L, "string.format: the result is larger than 1 MiB");
    }
    luaL_pushresult(&b);
    return 1;
}

void pl_open_format(lua_State *L)
{
    static const luaL_Reg funcs[] = {{"format", s_format}, {NULL, NULL}};
    pl_library(L, "string", funcs);
}

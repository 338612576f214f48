/* cidr: addresses and networks, IPv4 and IPv6. Bits of the host part are ignored. */
#include "policy_priv.h"

#include <arpa/inet.h>
#include <stdlib.h>

enum { NETS_MAX = 10000 };

typedef unsigned __int128 address;

struct net {
    int bits; /* 32 or 128 */
    int prefix;
    address first, last;
};

static address ones(int n)
{
    return n >= 128 ? ~(address)0 : ((address)1 << n) - 1;
}

static bool parse(struct sco_str s, struct net *ret)
{
    char text[INET6_ADDRSTRLEN + 1];
    unsigned char raw[16];
    int64_t prefix = -1;
    s = sco_str_trim(s);
    const char *slash = s.n ? memchr(s.p, '/', s.n) : NULL;
    size_t n = slash ? (size_t)(slash - s.p) : s.n;
    if (!n || n >= sizeof text || memchr(s.p, 0, n))
        return false;
    memcpy(text, s.p, n);
    text[n] = 0;
    *ret = (struct net){.bits = strchr(text, ':') ? 128 : 32};
    if (inet_pton(ret->bits == 128 ? AF_INET6 : AF_INET, text, raw) != 1)
        return false;
    for (int i = 0; i < ret->bits / 8; i++)
        ret->first = ret->first << 8 | raw[i];
    if (slash && sco_parse_i64(sco_str_make(slash + 1, s.n - n - 1), 0, ret->bits, &prefix) < 0)
        return false;
    ret->prefix = slash ? (int)prefix : ret->bits;
    address host = ones(ret->bits - ret->prefix);
    ret->first &= ~host;
    ret->last = ret->first | host;
    return true;
}

/* LJMP */
static bool arg(lua_State *L, int at, struct net *ret)
{
    struct sco_str s;
    if (lua_type(L, at) != LUA_TSTRING)
        return false;
    s.p = lua_tolstring(L, at, &s.n);
    return parse(s, ret);
}

static int c_contains(lua_State *L)
{
    struct net outer, inner;
    if (arg(L, 1, &outer) && arg(L, 2, &inner))
        lua_pushboolean(L, outer.bits == inner.bits && outer.first <= inner.first &&
                               inner.last <= outer.last);
    else
        lua_pushnil(L);
    return 1;
}

static int c_overlaps(lua_State *L)
{
    struct net a, b;
    if (arg(L, 1, &a) && arg(L, 2, &b))
        lua_pushboolean(L, a.bits == b.bits && a.first <= b.last && b.first <= a.last);
    else
        lua_pushnil(L);
    return 1;
}

static int c_prefix(lua_State *L)
{
    struct net a;
    if (arg(L, 1, &a))
        lua_pushinteger(L, a.prefix);
    else
        lua_pushnil(L);
    return 1;
}

static int by_first(const void *x, const void *y)
{
    const struct net *a = x, *b = y;
    if (a->bits != b->bits)
        return a->bits - b->bits;
    return a->first < b->first ? -1 : a->first > b->first;
}

/* Whether the networks of one family together are all of it. */
static bool cover(const struct net *v, size_t n, int bits)
{
    address next = 0;
    for (size_t i = 0; i < n; i++) {
        if (v[i].bits != bits)
            continue;
        if (v[i].first > next)
            return false;
        if (v[i].last >= ones(bits))
            return true;
        if (v[i].last >= next)
            next = v[i].last + 1;
    }
    return false;
}

/* LJMP: a network, or a list of which what is malformed is left out. */
static int c_is_any(lua_State *L)
{
    struct net a;
    if (lua_type(L, 1) == LUA_TSTRING) {
        if (arg(L, 1, &a))
            lua_pushboolean(L, a.prefix == 0);
        else
            lua_pushnil(L);
        return 1;
    }
    size_t n = pl_len(L, 1), used = 0;
    luaL_argcheck(L, n <= NETS_MAX, 1, "too many networks");
    pl_work(L, pl_of(L), n * 8);
    struct net *v = lua_newuserdatauv(L, (n + 1) * sizeof *v, 0);
    for (size_t i = 1; i <= n; i++) {
        pl_item(L, 1, i);
        if (arg(L, -1, &v[used]))
            used++;
        lua_pop(L, 1);
    }
    qsort(v, used, sizeof *v, by_first);
    lua_pushboolean(L, cover(v, used, 32) || cover(v, used, 128));
    return 1;
}

void pl_open_cidr(lua_State *L)
{
    static const luaL_Reg funcs[] = {{"contains", c_contains},
                                     {"overlaps", c_overlaps},
                                     {"prefix", c_prefix},
                                     {"is_any", c_is_any},
                                     {NULL, NULL}};
    pl_library(L, "cidr", funcs);
}

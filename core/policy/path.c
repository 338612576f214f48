/* Paths that policies write: "spec.ports[0].hostPort", items counted from 0, keys with dots in
 * them as ["a.b"]; or a list of keys and numbers. */
#include "policy_priv.h"

/* "[0]" or "[\"key\"]" at s: the end of it, or NULL. */
static const char *bracket(const char *s, const char *end, struct pl_step *ret)
{
    const char *close = memchr(s, ']', (size_t)(end - s));
    if (s + 1 < end && (s[1] == '"' || s[1] == '\'')) {
        const char *quote = memchr(s + 2, s[1], (size_t)(end - s - 2));
        if (!quote || quote + 1 >= end || quote[1] != ']')
            return NULL;
        *ret = (struct pl_step){.key = sco_str_make(s + 2, (size_t)(quote - s - 2))};
        return quote + 2;
    }
    int64_t i;
    if (!close ||
        sco_parse_i64(sco_str_make(s + 1, (size_t)(close - s - 1)), 0, UINT32_MAX, &i) < 0)
        return NULL;
    *ret = (struct pl_step){.index = (uint32_t)i};
    return close + 1;
}

/* LJMP */
static size_t parse(lua_State *L, struct sco_str path, const struct pl_step **ret)
{
    struct pl_step v[PL_PATH_MAX];
    size_t n = 0;
    path.p = pl_run_str(L, path);
    for (const char *s = path.p, *end = s + path.n; s < end; n++) {
        if (n == PL_PATH_MAX)
            luaL_error(L, "path '%s' has more than %d parts", path.p, PL_PATH_MAX);
        if (*s == '[') {
            s = bracket(s, end, &v[n]);
            if (!s)
                return (size_t)luaL_error(L, "path '%s': expected [0] or [\"key\"]", path.p);
        } else {
            const char *from = s;
            while (s < end && *s != '.' && *s != '[')
                s++;
            if (s == from)
                luaL_error(L, "path '%s' has an empty part", path.p);
            v[n].key = sco_str_make(from, (size_t)(s - from));
        }
        if (s < end && *s == '.' && ++s == end)
            luaL_error(L, "path '%s' ends with a dot", path.p);
    }
    struct pl_step *copy = pl_run_alloc(L, n * sizeof *copy);
    memcpy(copy, v, n * sizeof *copy);
    *ret = copy;
    return n;
}

size_t pl_path(lua_State *L, int at, const struct pl_step **ret)
{
    *ret = NULL;
    if (lua_isnoneornil(L, at))
        return 0;
    if (lua_type(L, at) == LUA_TSTRING) {
        struct sco_str path;
        path.p = lua_tolstring(L, at, &path.n);
        pl_work(L, pl_of(L), path.n / 64);
        return path.n ? parse(L, path, ret) : 0;
    }
    luaL_checktype(L, at, LUA_TTABLE);
    size_t n = (size_t)lua_rawlen(L, at);
    if (n > PL_PATH_MAX)
        luaL_error(L, "a path has at most %d parts", PL_PATH_MAX);
    struct pl_step *v = pl_run_alloc(L, (n + 1) * sizeof *v);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, at, (lua_Integer)i + 1);
        if (lua_isinteger(L, -1)) {
            v[i].index = (uint32_t)lua_tointeger(L, -1);
        } else if (lua_type(L, -1) == LUA_TSTRING) {
            struct sco_str key;
            key.p = lua_tolstring(L, -1, &key.n);
            v[i].key = sco_str_make(pl_run_str(L, key), key.n);
        } else {
            luaL_error(L, "part %d of the path is a %s value", (int)i + 1, pl_type(L, -1));
        }
        lua_pop(L, 1);
    }
    *ret = v;
    return n;
}

const struct sco_iac_node *pl_follow(const struct sco_iac_node *v, const struct pl_step *path,
                                     size_t n, size_t *ret_n)
{
    size_t i = 0;
    for (; v && i < n; i++) {
        const struct sco_iac_node *next =
            path[i].key.p ? sco_iac_get_str(v, path[i].key) : sco_iac_at(v, path[i].index);
        if (!next)
            break;
        v = next;
    }
    *ret_n = i;
    return v;
}

void pl_path_show(struct sco_buf *out, const struct pl_step *path, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sco_buf_addc(out, '/');
        if (!path[i].key.p) {
            sco_buf_add_i64(out, path[i].index);
            continue;
        }
        for (size_t k = 0; k < path[i].key.n; k++) {
            char c = path[i].key.p[k];
            if (c == '~' || c == '/')
                sco_buf_addz(out, c == '~' ? "~0" : "~1");
            else
                sco_buf_addc(out, c);
        }
    }
}

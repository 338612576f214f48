/* image: the parts of a container image reference, as registries read them. */
#include "policy_priv.h"

static bool all_of(struct sco_str s, const char *extra)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c | 32) >= 'a' && (c | 32) <= 'z') && !(c >= '0' && c <= '9') &&
            !memchr(extra, c, strlen(extra)))
            return false;
    }
    return s.n > 0;
}

static const char *last(struct sco_str s, char c)
{
    return s.n ? memrchr(s.p, c, s.n) : NULL;
}

struct image {
    struct sco_str registry, repository, tag, digest, name;
};

/* Cuts what stands after the mark; false: nothing does. */
static bool cut(struct sco_str *s, const char *at, struct sco_str *ret)
{
    *ret = sco_str_make(at + 1, s->n - (size_t)(at + 1 - s->p));
    s->n = (size_t)(at - s->p);
    return ret->n > 0;
}

static bool parse(struct sco_str s, struct image *ret)
{
    *ret = (struct image){0};
    const char *at = s.n ? memchr(s.p, '@', s.n) : NULL;
    if (at && (!cut(&s, at, &ret->digest) || !memchr(ret->digest.p, ':', ret->digest.n) ||
               !all_of(ret->digest, ":+.-_")))
        return false;
    const char *colon = last(s, ':'), *slash = last(s, '/');
    if (colon && (!slash || colon > slash) &&
        (!cut(&s, colon, &ret->tag) || !all_of(ret->tag, "._-") || ret->tag.n > 128))
        return false;
    const char *first = s.n ? memchr(s.p, '/', s.n) : NULL;
    size_t n = first ? (size_t)(first - s.p) : 0;
    bool registry = first && (memchr(s.p, '.', n) || memchr(s.p, ':', n) ||
                              sco_str_is(sco_str_make(s.p, n), "localhost"));
    if (registry) {
        ret->registry = sco_str_make(s.p, n);
        s = sco_str_make(first + 1, s.n - n - 1);
        if (!all_of(ret->registry, ".:-_[]"))
            return false;
    }
    ret->repository = s;
    slash = last(s, '/');
    ret->name = slash ? sco_str_make(slash + 1, s.n - (size_t)(slash + 1 - s.p)) : s;
    return all_of(s, "._-/") && s.p[0] != '/' && ret->name.n && !memmem(s.p, s.n, "//", 2);
}

/* LJMP */
static void field(lua_State *L, const char *name, struct sco_str s)
{
    if (!s.p)
        return;
    lua_pushlstring(L, s.p, s.n);
    lua_setfield(L, -2, name);
}

static int i_parse(lua_State *L)
{
    struct sco_str s = {0};
    struct image image;
    if (lua_type(L, 1) == LUA_TSTRING)
        s.p = lua_tolstring(L, 1, &s.n);
    s = sco_str_trim(s);
    if (s.n > 4096 || !parse(s, &image)) { /* also templates: no '$' and no brace is allowed */
        lua_pushnil(L);
        return 1;
    }
    lua_createtable(L, 0, 5);
    field(L, "registry", image.registry);
    field(L, "repository", image.repository);
    field(L, "tag", image.tag);
    field(L, "digest", image.digest);
    field(L, "name", image.name);
    return 1;
}

void pl_open_image(lua_State *L)
{
    static const luaL_Reg funcs[] = {{"parse", i_parse}, {NULL, NULL}};
    pl_library(L, "image", funcs);
}

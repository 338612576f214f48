/* semver: versions and ranges of them. */
#include "policy_priv.h"

enum { PRE_MAX = 64, RANGE_MAX = 1000 };

struct version {
    int64_t part[3];
    int given;          /* parts that were written, an x ends them */
    struct sco_str pre; /* after '-'; {NULL, 0}: none */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_identifier(struct sco_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_digit(s.p[i]) && !((s.p[i] | 32) >= 'a' && (s.p[i] | 32) <= 'z') && s.p[i] != '-' &&
            s.p[i] != '.')
            return false;
    return s.n > 0 && s.n <= PRE_MAX;
}

/* The number at the start of *s; false: none, or too large. */
static bool number(struct sco_str *s, int64_t *ret)
{
    size_t n = 0;
    while (n < s->n && is_digit(s->p[n]))
        n++;
    if (!n || sco_parse_i64(sco_str_make(s->p, n), 0, INT64_MAX, ret) < 0)
        return false;
    s->p += n;
    s->n -= n;
    return true;
}

/* `wild`: parts may be x, X or *. */
static bool parse(struct sco_str s, bool wild, struct version *ret)
{
    *ret = (struct version){0};
    s = sco_str_trim(s);
    if (s.n && (*s.p == 'v' || *s.p == 'V'))
        s = sco_str_make(s.p + 1, s.n - 1);
    bool open = false;
    for (int i = 0; i < 3; i++) {
        if (wild && s.n && (*s.p == 'x' || *s.p == 'X' || *s.p == '*')) {
            s = sco_str_make(s.p + 1, s.n - 1);
            open = true;
        } else if (!number(&s, &ret->part[i])) {
            return false;
        } else if (!open) {
            ret->given++;
        }
        if (!s.n || *s.p != '.' || i == 2)
            break;
        s = sco_str_make(s.p + 1, s.n - 1);
    }
    if (s.n && *s.p == '-') {
        size_t n = 1;
        while (n < s.n && s.p[n] != '+')
            n++;
        ret->pre = sco_str_make(s.p + 1, n - 1);
        s = sco_str_make(s.p + n, s.n - n);
        if (!is_identifier(ret->pre))
            return false;
    }
    return !s.n || (*s.p == '+' && is_identifier(sco_str_make(s.p + 1, s.n - 1)));
}

/* Identifiers between dots: numbers by value and before words, a shorter list first. */
static int compare_pre(struct sco_str a, struct sco_str b)
{
    if (!a.p || !b.p)
        return !a.p - !b.p; /* a release is above its pre-releases */
    struct sco_str x, y;
    for (;;) {
        bool more_a = sco_str_split(&a, '.', &x), more_b = sco_str_split(&b, '.', &y);
        if (!more_a || !more_b)
            return more_a - more_b;
        int64_t i, k;
        bool is_i = sco_parse_i64(x, 0, INT64_MAX, &i) == 0;
        bool is_k = sco_parse_i64(y, 0, INT64_MAX, &k) == 0;
        int c = is_i && is_k ? (i > k) - (i < k) : is_i != is_k ? is_k - is_i : sco_str_cmp(x, y);
        if (c)
            return c < 0 ? -1 : 1;
    }
}

static int compare(const struct version *a, const struct version *b)
{
    for (int i = 0; i < 3; i++)
        if (a->part[i] != b->part[i])
            return a->part[i] < b->part[i] ? -1 : 1;
    return compare_pre(a->pre, b->pre);
}

/* ---- ranges ---- */
/* Whether the first n parts are equal. */
static bool same_parts(const struct version *a, const struct version *b, int n)
{
    for (int i = 0; i < n; i++)
        if (a->part[i] != b->part[i])
            return false;
    return true;
}

/* One comparator: an operator and a version. -1: malformed. */
static int test_one(const struct version *v, struct sco_str s)
{
    static const char *const ops[] = {">=", "<=", "!=", "==", ">", "<", "=", "^", "~"};
    const char *op = "";
    for (size_t i = 0; i < SCO_ARRAY_LEN(ops) && !*op; i++)
        if (s.n >= strlen(ops[i]) && memcmp(s.p, ops[i], strlen(ops[i])) == 0)
            op = ops[i];
    struct version w;
    if (!parse(sco_str_make(s.p + strlen(op), s.n - strlen(op)), true, &w))
        return -1;
    int c = compare(v, &w);
    bool equal = w.given == 3 ? c == 0 : same_parts(v, &w, w.given);
    if (!*op || strcmp(op, "=") == 0 || strcmp(op, "==") == 0)
        return equal;
    if (strcmp(op, "!=") == 0)
        return !equal;
    if (strcmp(op, ">=") == 0)
        return c >= 0;
    if (strcmp(op, "<") == 0)
        return c < 0;
    if (strcmp(op, ">") == 0) /* ">1.2" is above all of 1.2 */
        return c > 0 && !equal;
    if (strcmp(op, "<=") == 0)
        return c < 0 || equal;
    if (strcmp(op, "~") == 0)
        return c >= 0 && same_parts(v, &w, w.given < 2 ? w.given : 2);
    int fixed = w.part[0] ? 1 : w.part[1] || w.given < 3 ? 2 : 3; /* ^: the first that is not 0 */
    return c >= 0 && same_parts(v, &w, fixed < w.given ? fixed : w.given);
}

/* All comparators of one alternative. */
static int test_all(const struct version *v, struct sco_str s)
{
    int all = 1;
    bool any = false;
    for (size_t i = 0; i < s.n;) {
        while (i < s.n && (s.p[i] == ' ' || s.p[i] == ','))
            i++;
        size_t from = i;
        while (i < s.n && strchr("<>=!^~", s.p[i])) /* ">= 1.2" is one comparator */
            i++;
        while (i < s.n && s.p[i] == ' ')
            i++;
        size_t version = i;
        while (i < s.n && s.p[i] != ' ' && s.p[i] != ',')
            i++;
        if (i == from)
            break;
        size_t op = from;
        while (op < version && s.p[op] != ' ')
            op++;
        char text[128];
        int n = snprintf(text, sizeof text, "%.*s%.*s", (int)(op - from), s.p + from,
                         (int)(i - version), s.p + version);
        int r = n < (int)sizeof text ? test_one(v, sco_str_c(text)) : -1;
        if (r < 0)
            return -1;
        any = true;
        all = all && r;
    }
    return any ? all : -1;
}

/* ---- */
/* LJMP */
static bool version_arg(lua_State *L, int at, struct version *ret)
{
    struct sco_str s = {0};
    if (lua_type(L, at) == LUA_TSTRING)
        s.p = lua_tolstring(L, at, &s.n);
    else if (lua_type(L, at) == LUA_TNUMBER) { /* 1.25 that YAML took for a number */
        lua_pushvalue(L, at);
        lua_replace(L, at);
        s.p = lua_tolstring(L, at, &s.n);
    }
    return s.p && s.n <= 256 && parse(s, false, ret);
}

static int s_compare(lua_State *L)
{
    struct version a, b;
    if (version_arg(L, 1, &a) && version_arg(L, 2, &b))
        lua_pushinteger(L, compare(&a, &b));
    else
        lua_pushnil(L);
    return 1;
}

static int s_satisfies(lua_State *L)
{
    struct version v;
    struct sco_str range;
    range.p = luaL_checklstring(L, 2, &range.n);
    if (!version_arg(L, 1, &v) || range.n > RANGE_MAX) {
        lua_pushnil(L);
        return 1;
    }
    pl_work(L, pl_of(L), range.n / 8);
    int r = 0;
    for (const char *p = range.p, *end = p + range.n; r >= 0;) {
        const char *at = memmem(p, (size_t)(end - p), "||", 2);
        int one = test_all(&v, sco_str_make(p, (size_t)((at ? at : end) - p)));
        r = one < 0 ? -1 : r || one;
        if (!at)
            break;
        p = at + 2;
    }
    if (r < 0)
        lua_pushnil(L);
    else
        lua_pushboolean(L, r);
    return 1;
}

void pl_open_semver(lua_State *L)
{
    static const luaL_Reg funcs[] = {
        {"compare", s_compare}, {"satisfies", s_satisfies}, {NULL, NULL}};
    pl_library(L, "semver", funcs);
}

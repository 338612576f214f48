/* fail unknown not_applicable: how a check ends. */
#include "policy_priv.h"

/* LJMP: a copy that lives as long as the run, cut at the limit of messages between characters. */
static const char *keep(lua_State *L, struct sco_str s)
{
    struct sco_policies *p = pl_of(L);
    if (!pl_may_show(p, s))
        s = sco_str_c(PL_WITHHELD);
    if (s.n >= SCO_POLICY_MESSAGE_MAX) {
        s.n = SCO_POLICY_MESSAGE_MAX - 1;
        while (s.n && ((unsigned char)s.p[s.n] & 0xC0) == 0x80)
            s.n--;
    }
    sco_buf_clear(&p->buf);
    sco_buf_add_utf8(&p->buf, s);
    pl_check_buf(L, &p->buf);
    return pl_run_str(L, sco_buf_str(&p->buf));
}

/* LJMP */
static const char *message(lua_State *L, int at)
{
    struct sco_str s;
    if (lua_isnone(L, at))
        luaL_error(L, "fail: the message is missing");
    if (lua_type(L, at) != LUA_TSTRING && lua_type(L, at) != LUA_TNUMBER)
        luaL_error(L, "fail: the message is a %s value, not text", pl_type(L, at));
    s.p = lua_tolstring(L, at, &s.n);
    return keep(L, s);
}

/* LJMP: the part of the document that an argument names; NULL: the resource. */
static const struct sco_iac_node *where(lua_State *L, int at)
{
    if (lua_isnil(L, at))
        return NULL;
    const struct sco_iac_node *v = pl_node(L, at);
    if (!v) {
        luaL_error(L,
                   "fail: 'where' is a %s value: name the map or list that holds it, then the key: "
                   "fail(c, \"image\", ...)",
                   pl_type(L, at));
        return NULL; /* not reached */
    }
    if (v->doc == UINT32_MAX)
        luaL_error(L, "fail: 'where' is a parameter, not a part of the document");
    return v;
}

static bool same_place(const struct pl_fail *a, const struct pl_fail *b)
{
    if (a->where != b->where || a->n_path != b->n_path)
        return false;
    for (size_t i = 0; i < a->n_path; i++)
        if (a->path[i].index != b->path[i].index || !a->path[i].key.p != !b->path[i].key.p ||
            (a->path[i].key.p && !sco_str_eq(a->path[i].key, b->path[i].key)))
            return false;
    return true;
}

/* LJMP: one fail for each place: a second message there is added to the first. */
static bool join(lua_State *L, struct pl_run *run, const struct pl_fail *f)
{
    pl_work(L, pl_of(L), 10 + run->n_fails / 4);
    for (size_t i = 0; i < run->n_fails; i++) {
        struct pl_fail *old = &run->fails[i];
        if (!same_place(old, f))
            continue;
        if (!strstr(old->message, f->message) &&
            strlen(old->message) + strlen(f->message) + 3 < SCO_POLICY_MESSAGE_MAX) {
            size_t n = strlen(old->message), m = strlen(f->message);
            char *both = pl_run_alloc(L, n + m + 3);
            snprintf(both, n + m + 3, "%s; %s", old->message, f->message);
            old->message = both;
        }
        return true;
    }
    return false;
}

static int c_fail(lua_State *L)
{
    struct sco_policies *p = pl_of(L);
    struct pl_run *run = &p->run;
    if (run->loading)
        return luaL_error(L, "fail() is for checks, not for the top of a file");
    if (p->policies[run->policy].workflow)
        return luaL_error(L, "fail() is for policies: a workflow acts");
    int n = lua_gettop(L);
    struct pl_fail f = {0};
    if (n >= 2)
        f.where = where(L, 1);
    if (n >= 3)
        f.n_path = pl_path(L, 2, &f.path);
    f.message = message(L, n == 1 ? 1 : n == 2 ? 2 : 3);
    if (n >= 4 && !lua_isnil(L, 4))
        pl_fix_read(L, 4, &f);
    if (join(L, run, &f))
        return 0;
    if (run->n_fails >= SCO_POLICY_FAILS_MAX) {
        run->more_fails++;
        return 0;
    }
    if (SCO_VEC_PUSH(run->fails, run->n_fails, run->cap_fails) < 0) {
        p->nomem = true;
        pl_stop(L, p, PL_MEMORY);
    }
    run->fails[run->n_fails++] = f;
    return 0;
}

/* LJMP */
static int end_check(lua_State *L, enum pl_stop how, const char *name)
{
    struct sco_policies *p = pl_of(L);
    if (p->run.loading)
        return luaL_error(L, "%s() is for checks, not for the top of a file", name);
    p->run.why = NULL;
    if (!lua_isnoneornil(L, 1)) {
        struct sco_str s;
        s.p = luaL_checklstring(L, 1, &s.n);
        p->run.why = keep(L, s);
    }
    pl_stop(L, p, how);
}

static int c_unknown(lua_State *L)
{
    return end_check(L, PL_UNKNOWN, "unknown");
}

static int c_not_applicable(lua_State *L)
{
    return end_check(L, PL_NOT_APPLICABLE, "not_applicable");
}

void pl_open_check(lua_State *L)
{
    static const luaL_Reg funcs[] = {{"fail", c_fail},
                                     {"unknown", c_unknown},
                                     {"not_applicable", c_not_applicable},
                                     {NULL, NULL}};
    pl_functions(L, funcs);
}

/* iam: the statements of an AWS policy document in one shape: what may be one value or a list is
 * always a list. */
#include "policy_priv.h"

/* LJMP: appends text of v (one or a list) to the list on top, with a prefix. */
static void add_texts(lua_State *L, const struct sco_iac_node *v, const char *prefix)
{
    bool list = v && v->type == SCO_IAC_LIST;
    uint32_t n = !v ? 0 : list ? v->n : 1;
    pl_work(L, pl_of(L), n);
    for (uint32_t i = 0; i < n; i++) {
        const struct sco_iac_node *item = list ? &v->item[i] : v;
        pl_push(L, item); /* unknown ends the check */
        if (lua_type(L, -1) != LUA_TSTRING) {
            lua_pop(L, 1);
            continue;
        }
        if (prefix && strcmp(lua_tostring(L, -1), "*") != 0) {
            const char *text = lua_tostring(L, -1);
            lua_pushfstring(L, "%s:%s", prefix, text);
            lua_remove(L, -2);
        }
        lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    }
}

/* LJMP: the table on top gets a list of texts. */
static void list_field(lua_State *L, const char *name, const struct sco_iac_node *v)
{
    lua_newtable(L);
    add_texts(L, v, NULL);
    lua_setfield(L, -2, name);
}

/* LJMP: Principal is "*", or a map of kinds to one or several. */
static void principals(lua_State *L, const char *name, const struct sco_iac_node *v)
{
    lua_newtable(L);
    if (v && v->type == SCO_IAC_MAP)
        for (uint32_t i = 0; i < v->n; i++)
            add_texts(L, &v->member[i].value, v->member[i].key);
    else
        add_texts(L, v, NULL);
    lua_setfield(L, -2, name);
}

/* LJMP: pushes one statement. */
static void push_statement(lua_State *L, const struct sco_iac_node *s)
{
    lua_createtable(L, 0, 10);
    pl_push(L, sco_iac_get(s, "Effect"));
    lua_setfield(L, -2, "effect");
    pl_push(L, sco_iac_get(s, "Sid"));
    lua_setfield(L, -2, "sid");
    list_field(L, "actions", sco_iac_get(s, "Action"));
    list_field(L, "not_actions", sco_iac_get(s, "NotAction"));
    list_field(L, "resources", sco_iac_get(s, "Resource"));
    list_field(L, "not_resources", sco_iac_get(s, "NotResource"));
    principals(L, "principals", sco_iac_get(s, "Principal"));
    principals(L, "not_principals", sco_iac_get(s, "NotPrincipal"));
    pl_push(L, sco_iac_get(s, "Condition"));
    lua_setfield(L, -2, "conditions");
    pl_push(L, s);
    lua_setfield(L, -2, "node");
}

/* LJMP: the document of argument 1; NULL: it is none. */
static const struct sco_iac_node *document(lua_State *L)
{
    struct sco_policies *p = pl_of(L);
    const struct sco_iac_node *v = pl_node(L, 1);
    if (v || lua_type(L, 1) != LUA_TSTRING || !p->run.resource)
        return v;
    struct sco_str text;
    text.p = lua_tolstring(L, 1, &text.n);
    const struct pl_parsed *x = pl_inside(L, p->run.resource->node, text, PL_JSON);
    return x->root;
}

static int i_statements(lua_State *L)
{
    const struct sco_iac_node *s = sco_iac_get(document(L), "Statement");
    bool list = s && s->type == SCO_IAC_LIST;
    lua_settop(L, 0);
    lua_newtable(L);
    if (s && s->type == SCO_IAC_UNKNOWN)
        pl_push(L, s);
    for (uint32_t i = 0, n = 0; s && i < (list ? s->n : 1); i++) {
        const struct sco_iac_node *v = list ? &s->item[i] : s;
        if (v->type == SCO_IAC_UNKNOWN)
            pl_push(L, v);
        if (v->type != SCO_IAC_MAP)
            continue;
        push_statement(L, v);
        lua_rawseti(L, 1, ++n);
    }
    return 1;
}

void pl_open_iam(lua_State *L)
{
    static const luaL_Reg funcs[] = {{"statements", i_statements}, {NULL, NULL}};
    pl_library(L, "iam", funcs);
}

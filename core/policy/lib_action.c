/* scan notify trigger comment call pipeline secret: what a workflow asks for. Nothing is done here:
 * each call is checked and written down, and the engine does all of it or nothing. */
#include "policy_priv.h"
#include <secureops/action.h>
#include <secureops/json.h>

/* Bodies may be parts of the event. Headers may not: a stranger's text must never become the name
 * of a secret. */
static bool takes_documents(const char *member)
{
    return strcmp(member, "body") == 0 || strcmp(member, "inputs") == 0;
}

/* LJMP: the table at 1, in the order of its keys. */
static void write_with(lua_State *L, struct sco_json_out *o)
{
    struct sco_policies *p = pl_of(L);
    sco_json_begin(o, '{');
    lua_pushcfunction(L, pl_keys_of_table);
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    int keys = lua_gettop(L);
    for (lua_Integer i = 1; lua_rawgeti(L, keys, i) != LUA_TNIL; i++) {
        if (lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "the members of an action have names");
        p->documents = takes_documents(lua_tostring(L, -1));
        sco_json_key(o, lua_tostring(L, -1));
        lua_rawget(L, 1);
        pl_write_json(L, -1, o, 0);
        lua_pop(L, 1);
        p->documents = false;
    }
    lua_settop(L, 1);
    sco_json_end(o, '}');
}

/* LJMP */
static void check(lua_State *L, enum sco_action_kind k, struct sco_str json)
{
    struct sco_policies *p = pl_of(L);
    const struct sco_node *v = NULL;
    struct sco_error why = {0};
    int r = sco_json_parse(json, &p->run_arena, &v, &why);
    if (r == 0)
        r = sco_action_check(k, v, &why);
    if (r == SCO_E_NOMEM) {
        p->nomem = true;
        pl_stop(L, p, PL_MEMORY);
    }
    if (r < 0)
        luaL_error(L, "%s", why.text);
}

/* LJMP */
static int act(lua_State *L, enum sco_action_kind k)
{
    struct sco_policies *p = pl_of(L);
    const char *name = sco_action_name(k);
    if (p->run.loading || !p->policies[p->run.policy].workflow)
        return luaL_error(L, "%s() is for the run function of a workflow", name);
    if (lua_type(L, 1) != LUA_TTABLE)
        return luaL_error(L, "%s: a table with named members is expected: %s{...}", name, name);
    if (p->run.n_actions >= SCO_ACTIONS_MAX)
        return luaL_error(L, "more than %d actions", SCO_ACTIONS_MAX);
    lua_settop(L, 1);
    sco_buf_clear(&p->buf);
    struct sco_json_out o = {.b = &p->buf};
    write_with(L, &o);
    pl_check_buf(L, &p->buf);
    if (p->actions.n + p->buf.n > SCO_ACTIONS_SIZE_MAX)
        return luaL_error(L, "the actions are larger than %d bytes", SCO_ACTIONS_SIZE_MAX);
    check(L, k, sco_buf_str(&p->buf));
    sco_buf_addf(&p->actions, "%s{\"action\":\"%s\",\"with\":", p->run.n_actions ? "," : "", name);
    sco_buf_add(&p->actions, sco_buf_str(&p->buf));
    sco_buf_addc(&p->actions, '}');
    pl_check_buf(L, &p->actions);
    p->run.n_actions++;
    return 0;
}

static int a_scan(lua_State *L)
{
    return act(L, SCO_ACTION_SCAN);
}

static int a_notify(lua_State *L)
{
    return act(L, SCO_ACTION_NOTIFY);
}

static int a_trigger(lua_State *L)
{
    return act(L, SCO_ACTION_TRIGGER);
}

static int a_comment(lua_State *L)
{
    return act(L, SCO_ACTION_COMMENT);
}

static int a_call(lua_State *L)
{
    return act(L, SCO_ACTION_CALL);
}

static int a_pipeline(lua_State *L)
{
    return act(L, SCO_ACTION_PIPELINE);
}

/* secret("NAME" [, "Bearer "]): the value of a header. The script never sees it. */
static int a_secret(lua_State *L)
{
    luaL_checkstring(L, 1);
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "secret");
    if (!lua_isnoneornil(L, 2)) {
        luaL_checkstring(L, 2);
        lua_pushvalue(L, 2);
        lua_setfield(L, -2, "prefix");
    }
    return 1;
}

void pl_open_action(lua_State *L)
{
    static const luaL_Reg funcs[] = {
        {"scan", a_scan}, {"notify", a_notify},     {"trigger", a_trigger}, {"comment", a_comment},
        {"call", a_call}, {"pipeline", a_pipeline}, {"secret", a_secret},   {NULL, NULL}};
    pl_functions(L, funcs);
}

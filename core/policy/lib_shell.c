/* shell: the simple commands of a command line. */
#include "policy_priv.h"

static int s_commands(lua_State *L)
{
    struct sco_policies *p = pl_of(L);
    if (lua_type(L, 1) != LUA_TSTRING) { /* nothing to run */
        lua_newtable(L);
        return 1;
    }
    struct sco_str text;
    text.p = lua_tolstring(L, 1, &text.n);
    if (!p->run.resource)
        return luaL_error(L, "shell.commands() is for checks, not for the top of a file");
    const struct pl_parsed *x = pl_inside(L, p->run.resource->node, text, PL_SHELL);
    if (!x->root)
        return luaL_error(L, "shell.commands: %s", x->error);
    pl_push(L, x->root);
    return 1;
}

void pl_open_shell(lua_State *L)
{
    static const luaL_Reg funcs[] = {{"commands", s_commands}, {NULL, NULL}};
    pl_library(L, "shell", funcs);
}

/* The state and what scripts find in it: an allow-list, read-only, with an environment per file.
 * A name that is not there is an error with the nearest one: a misspelt global that read as nil
 * would make a check pass. */
#include "policy_priv.h"

#include <stdlib.h>

static const char key_builtins, key_libraries, key_closed;

/* ---- names that are not there ---- */
static const char *const removed[][2] = {
    {"gsub", "patterns are not available: use string.replace, split or glob"},
    {"match", "patterns are not available: use string.glob, contains, startswith or split"},
    {"gmatch", "patterns are not available: use string.split"},
    {"print", "policies have no output: fail() takes a message"},
    {"require", "libraries of the bundle are loaded with import()"},
    {"os", "policies have no clock and no files: now() is the time of the input"},
    {"io", "policies read nothing but the document"},
    {"setmetatable", "metatables are not available"},
    {"getmetatable", "metatables are not available"},
    {"coroutine", "coroutines are not available"},
    {"load", "code is loaded with import() only"},
    {"random", "the same input gives the same verdict"},
};

enum { NAMES_MAX = 256 };

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* LJMP: the nearest key of the table at `at`. */
static const char *nearest(lua_State *L, int at, struct sco_str word)
{
    const char *names[NAMES_MAX];
    size_t n = 0;
    for (lua_pushnil(L); n < NAMES_MAX && lua_next(L, at); lua_pop(L, 1))
        if (lua_type(L, -2) == LUA_TSTRING)
            names[n++] = lua_tostring(L, -2);
    qsort(names, n, sizeof *names, by_name); /* the order of a Lua table is random */
    return sco_str_nearest(word, names, n);
}

/* LJMP: ends with the error for an absent name; `what` is "global" or "string". */
static int absent(lua_State *L, int names_at, const char *library)
{
    if (lua_type(L, 2) != LUA_TSTRING)
        return 0;
    size_t n;
    const char *name = lua_tolstring(L, 2, &n);
    const char *prefix = library ? library : "", *dot = library ? "." : "";
    for (size_t i = 0; i < SCO_ARRAY_LEN(removed); i++)
        if (strcmp(name, removed[i][0]) == 0)
            return luaL_error(L, "'%s%s%s' is not there: %s", prefix, dot, name, removed[i][1]);
    const char *near = nearest(L, names_at, sco_str_make(name, n));
    if (near)
        return luaL_error(L, "'%s%s%s' is not defined: did you mean '%s%s%s'?", prefix, dot, name,
                          prefix, dot, near);
    return luaL_error(L, "'%s%s%s' is not defined", prefix, dot, name);
}

static int undefined_global(lua_State *L)
{
    return absent(L, 1, NULL);
}

static int undefined_member(lua_State *L)
{
    return absent(L, 1, lua_tostring(L, lua_upvalueindex(1)));
}

/* ---- writing ---- */
static int read_only(lua_State *L)
{
    return luaL_error(L, "'%s' cannot be changed", lua_tostring(L, lua_upvalueindex(1)));
}

/* __newindex of an environment; upvalue: the table of the file's own globals, or nil. */
static int set_global(lua_State *L)
{
    pl_push_text(L, 2); /* never an address */
    const char *name = lua_tostring(L, -1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &key_builtins);
    lua_pushvalue(L, 2);
    lua_rawget(L, -2);
    if (!lua_isnil(L, -1))
        return luaL_error(L, "global '%s' belongs to the engine and cannot be set", name);
    if (lua_isnil(L, lua_upvalueindex(1)) || !pl_of(L)->run.loading)
        return luaL_error(L, "assignment to global '%s': only 'local' variables can be set here",
                          name);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_rawset(L, lua_upvalueindex(1));
    return 0;
}

/* ---- tables of functions ---- */
/* LJMP: pushes a metatable {__index = the value at `index`, __newindex = the value on top}, which
 * it takes. */
static void push_meta(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, index);
    lua_setfield(L, -2, "__index");
    lua_insert(L, -2);
    lua_setfield(L, -2, "__newindex");
}

/* LJMP: pushes the table of a library's functions; makes it, and its read-only face. */
static void push_library(lua_State *L, const char *name)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &key_libraries);
    if (lua_getfield(L, -1, name) == LUA_TTABLE) {
        lua_remove(L, -2);
        return;
    }
    lua_pop(L, 1);
    lua_newtable(L); /* the functions */
    lua_createtable(L, 0, 1);
    lua_pushstring(L, name);
    lua_pushcclosure(L, undefined_member, 1);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, name);

    lua_rawgetp(L, LUA_REGISTRYINDEX, &key_builtins);
    lua_newtable(L); /* the face */
    lua_pushstring(L, name);
    lua_pushcclosure(L, read_only, 1);
    push_meta(L, -4);
    lua_setmetatable(L, -2);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
    lua_remove(L, -2);
}

void pl_library(lua_State *L, const char *name, const luaL_Reg *funcs)
{
    push_library(L, name);
    luaL_setfuncs(L, funcs, 0);
    lua_pop(L, 1);
}

void pl_constant(lua_State *L, const char *library, const char *name)
{
    push_library(L, library);
    lua_insert(L, -2);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

void pl_functions(lua_State *L, const luaL_Reg *funcs)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &key_builtins);
    luaL_setfuncs(L, funcs, 0);
    lua_pop(L, 1);
}

/* ---- environments ---- */
void pl_env_new(lua_State *L, bool writable)
{
    if (!writable && lua_rawgetp(L, LUA_REGISTRYINDEX, &key_closed) == LUA_TTABLE)
        return;
    if (!writable)
        lua_pop(L, 1);
    lua_newtable(L); /* stays empty, so that every access is seen */
    lua_rawgetp(L, LUA_REGISTRYINDEX, &key_builtins);
    if (writable) {
        lua_newtable(L); /* the globals of the file */
        lua_createtable(L, 0, 1);
        lua_pushvalue(L, -3);
        lua_setfield(L, -2, "__index");
        lua_setmetatable(L, -2);
        lua_remove(L, -2);
        lua_pushvalue(L, -1);
    } else {
        lua_pushnil(L);
    }
    lua_pushcclosure(L, set_global, 1);
    push_meta(L, -2);
    lua_remove(L, -2);
    lua_setmetatable(L, -2);
    if (!writable) {
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &key_closed);
    }
}

/* Strings have the functions of `string` as methods; what is not there is nil, as of any value. */
static void string_methods(lua_State *L)
{
    push_library(L, "string");
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, -3);) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
    lua_remove(L, -2);
    lua_pushliteral(L, "");
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_pop(L, 2);
}

static int open_all(lua_State *L)
{
    static void (*const libraries[])(lua_State *) = {
        pl_open_base,   pl_open_iterate, pl_open_math,  pl_open_table,     pl_open_string,
        pl_open_format, pl_open_text,    pl_open_check, pl_open_read,      pl_open_set,
        pl_open_semver, pl_open_cidr,    pl_open_cve,   pl_open_time,      pl_open_image,
        pl_open_shell,  pl_open_k8s,     pl_open_iam,   pl_open_terraform, pl_open_action,
    };
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &key_libraries);
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, undefined_global);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &key_builtins);
    pl_open_nodes(L);
    for (size_t i = 0; i < SCO_ARRAY_LEN(libraries); i++)
        libraries[i](L);
    string_methods(L);
    lua_newtable(L);
    pl_of(L)->lists = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

int pl_open(struct sco_policies *p, struct sco_error *err)
{
    p->memory = (struct pl_memory){.limit = SIZE_MAX, .total = p->limits.total_memory, .owner = p};
    p->L = lua_newstate(pl_alloc, &p->memory);
    if (!p->L)
        return sco_error_nomem(err);
    memcpy(lua_getextraspace(p->L), &p, sizeof p);
    lua_pushcfunction(p->L, pl_traceback);
    lua_pushcfunction(p->L, open_all);
    p->run.stop = PL_GO;
    if (pl_call(p, 0, 0) != LUA_OK)
        return p->nomem ? sco_error_nomem(err)
                        : sco_error_set(err, SCO_E_INTERNAL, "cannot open the policy sandbox: %s",
                                        p->run.error[0] ? p->run.error : "memory limit");
    return 0;
}

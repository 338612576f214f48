/* Lua values as JSON: parameters, and what a fix puts into a document. */
#include "policy_priv.h"
#include <secureops/json.h>

#include <math.h>

enum { DEPTH_MAX = 16 };

/* LJMP: the members of the table at `at`, which has no item 1. */
static void write_members(lua_State *L, int at, struct sco_json_out *o, int depth)
{
    sco_json_begin(o, '{');
    lua_pushcfunction(L, pl_keys_of_table);
    lua_pushvalue(L, at);
    lua_call(L, 1, 1);
    int keys = lua_gettop(L);
    for (lua_Integer i = 1; lua_rawgeti(L, keys, i) != LUA_TNIL; i++) {
        if (lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "a table with names has the key %s", luaL_tolstring(L, -1, NULL));
        sco_json_key(o, lua_tostring(L, -1));
        lua_rawget(L, at);
        pl_write_json(L, -1, o, depth + 1);
        lua_pop(L, 1);
    }
    lua_settop(L, keys - 1);
    sco_json_end(o, '}');
}

/* LJMP */
static void write_number(lua_State *L, int at, struct sco_json_out *o)
{
    if (lua_isinteger(L, at)) {
        sco_json_i64(o, lua_tointeger(L, at));
        return;
    }
    if (!isfinite(lua_tonumber(L, at)))
        luaL_error(L, "a number that is not finite");
    sco_json_real(o, lua_tonumber(L, at));
}

/* LJMP: part of a document. */
static void write_node(lua_State *L, const struct sco_iac_node *v, struct sco_json_out *o,
                       int depth)
{
    enum { DOCUMENT_DEPTH_MAX = 30 };
    if (depth > DOCUMENT_DEPTH_MAX)
        luaL_error(L, "a value nested deeper than %d", DOCUMENT_DEPTH_MAX);
    pl_work(L, pl_of(L), 1);
    pl_read(pl_of(L), v);
    switch (v->type) {
    case SCO_IAC_BOOL:
        sco_json_bool(o, v->i != 0);
        break;
    case SCO_IAC_INT:
        sco_json_i64(o, v->i);
        break;
    case SCO_IAC_REAL:
        sco_json_real(o, v->real);
        break;
    case SCO_IAC_STR:
        pl_work(L, pl_of(L), v->n / 16);
        sco_json_str(o, sco_str_make(v->text, v->n));
        break;
    case SCO_IAC_LIST:
        sco_json_begin(o, '[');
        for (uint32_t i = 0; i < v->n; i++)
            write_node(L, &v->item[i], o, depth + 1);
        sco_json_end(o, ']');
        break;
    case SCO_IAC_MAP:
        sco_json_begin(o, '{');
        for (uint32_t i = 0; i < v->n; i++) {
            sco_json_key(o, v->member[i].key);
            write_node(L, &v->member[i].value, o, depth + 1);
        }
        sco_json_end(o, '}');
        break;
    default:
        sco_json_null(o);
    }
}

void pl_write_json(lua_State *L, int at, struct sco_json_out *o, int depth)
{
    at = lua_absindex(L, at);
    luaL_checkstack(L, 8, "value");
    if (depth > DEPTH_MAX)
        luaL_error(L, "a value nested deeper than %d", DEPTH_MAX);
    pl_work(L, pl_of(L), 1);
    const struct sco_iac_node *v = pl_node(L, at);
    struct sco_str s = {"", 0};
    switch (lua_type(L, at)) {
    case LUA_TBOOLEAN:
        sco_json_bool(o, lua_toboolean(L, at));
        return;
    case LUA_TNUMBER:
        write_number(L, at, o);
        return;
    case LUA_TSTRING:
        s.p = lua_tolstring(L, at, &s.n);
        pl_work(L, pl_of(L), s.n / 16);
        sco_json_str(o, s);
        return;
    case LUA_TNIL:
        sco_json_null(o);
        return;
    default:
        break;
    }
    if (v && pl_of(L)->documents) {
        write_node(L, v, o, depth);
        return;
    }
    if (v || lua_type(L, at) != LUA_TTABLE)
        luaL_error(L, "a %s value cannot be written here", v ? "document" : luaL_typename(L, at));
    size_t n = (size_t)lua_rawlen(L, at);
    if (!n) {
        lua_pushnil(L);
        bool empty = !lua_next(L, at);
        lua_settop(L, lua_gettop(L) - (empty ? 0 : 2));
        if (!empty) {
            write_members(L, at, o, depth);
            return;
        }
    }
    sco_json_begin(o, '[');
    for (size_t i = 1; i <= n; i++) {
        lua_rawgeti(L, at, (lua_Integer)i);
        pl_write_json(L, -1, o, depth + 1);
        lua_pop(L, 1);
    }
    sco_json_end(o, ']');
}

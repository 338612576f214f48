/* resources parent resource_name file_path now: beyond the resource itself. */
#include "policy_priv.h"

/* LJMP: the resource with the node of an argument, or the one that is judged. */
static const struct sco_iac_resource *resource_at(lua_State *L, int at)
{
    struct sco_policies *p = pl_of(L);
    if (!p->run.resource)
        luaL_error(L, "this is for checks, not for the top of a file");
    const struct sco_iac_node *v = pl_node(L, at);
    uint32_t i = v ? pl_resource_of(p, v) : UINT32_MAX;
    if (i != UINT32_MAX)
        return &p->docs->resources[i];
    if (!v || v->doc == UINT32_MAX)
        luaL_error(L, "expected a resource, got a %s value", v ? "parameter" : pl_type(L, at));
    return NULL;
}

static int s_parent(lua_State *L)
{
    const struct sco_iac_resource *r = resource_at(L, 1);
    if (!r || r->parent == UINT32_MAX)
        lua_pushnil(L);
    else
        pl_push_ref(pl_of(L), pl_of(L)->docs->resources[r->parent].node);
    return 1;
}

static int s_resource_name(lua_State *L)
{
    const struct sco_iac_resource *r = resource_at(L, 1);
    lua_pushstring(L, r ? r->name : pl_of(L)->run.resource->name);
    return 1;
}

static int s_file_path(lua_State *L)
{
    struct sco_policies *p = pl_of(L);
    const struct sco_iac_resource *r = resource_at(L, 1);
    const struct sco_iac_node *v = pl_node(L, 1);
    uint32_t doc = r ? r->doc : v->doc;
    if (doc >= p->docs->n_docs)
        doc = p->run.resource->doc;
    lua_pushstring(L, p->docs->docs[doc].text->file_path);
    return 1;
}

static bool is_selected(const struct sco_iac_resource *r, const char *selector)
{
    for (const char *const *s = r->selectors; *s; s++)
        if (strcmp(*s, selector) == 0)
            return true;
    return false;
}

static int s_resources(lua_State *L)
{
    struct sco_policies *p = pl_of(L);
    const char *selector = luaL_checkstring(L, 1);
    if (!p->run.resource)
        return luaL_error(L, "resources() is for checks, not for the top of a file");
    if (!p->policies[p->run.policy].project)
        return luaL_error(L, "resources() needs scope = \"project\" in the policy");
    lua_rawgeti(L, LUA_REGISTRYINDEX, p->lists);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, -2) == LUA_TUSERDATA)
        return 1;
    lua_pop(L, 1);
    size_t n = 0;
    for (size_t i = 0; i < p->docs->n_resources; i++)
        n += is_selected(&p->docs->resources[i], selector);
    struct pl_list *list = pl_list_new(L, n);
    n = 0;
    for (size_t i = 0; i < p->docs->n_resources; i++)
        if (is_selected(&p->docs->resources[i], selector))
            list->v[n++] = p->docs->resources[i].node;
    lua_pushvalue(L, 1);
    lua_pushvalue(L, -2);
    lua_rawset(L, -4);
    return 1;
}

/* The time that the document itself gives. */
static bool input_time(const struct sco_iac_doc *doc, int64_t *ret_ms)
{
    static const char *const paths[] = {"timestamp", "scan.completed_at", "scan.started_at",
                                        "created_at"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(paths); i++) {
        struct sco_str s = sco_iac_text(sco_iac_path(doc->root, paths[i]));
        if (s.p && sco_time_parse(s, ret_ms) == 0)
            return true;
    }
    return false;
}

bool pl_input_time(const struct sco_policies *p, int64_t *ret_ms)
{
    const struct sco_iac_doc *doc = p->run.resource ? &p->docs->docs[p->run.resource->doc] : NULL;
    return doc &&
           (doc->format == SCO_IAC_FORMAT_SCAN || doc->format == SCO_IAC_FORMAT_EVENT ||
            doc->format == SCO_IAC_FORMAT_TERRAFORM_PLAN) &&
           input_time(doc, ret_ms);
}

static int s_now(lua_State *L)
{
    int64_t ms;
    if (pl_input_time(pl_of(L), &ms))
        lua_pushnumber(L, (lua_Number)ms / 1000);
    else
        lua_pushnil(L);
    return 1;
}

void pl_open_set(lua_State *L)
{
    static const luaL_Reg funcs[] = {
        {"resources", s_resources}, {"parent", s_parent}, {"resource_name", s_resource_name},
        {"file_path", s_file_path}, {"now", s_now},       {NULL, NULL}};
    pl_functions(L, funcs);
}

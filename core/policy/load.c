/* From bundles to a set of policies that can be run. A file that cannot be used is a problem, and
 * leaves the others alone. */
#include "policy_priv.h"

#include <stdlib.h>

static const char key_imports;

/* ---- compiling and running a file ---- */
void pl_push_chunk(lua_State *L, struct pl_file *f)
{
    if (f->chunk != LUA_NOREF) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, f->chunk);
        return;
    }
    struct sco_str s = f->text;
    if (s.n >= 3 && memcmp(s.p, "\xEF\xBB\xBF", 3) == 0)
        s = sco_str_make(s.p + 3, s.n - 3);
    const char *name = lua_pushfstring(L, "@%s", f->path);
    if (luaL_loadbufferx(L, s.p, s.n, name, "t") != LUA_OK)
        lua_error(L);
    lua_remove(L, -2);
    lua_pushvalue(L, -1);
    f->chunk = luaL_ref(L, LUA_REGISTRYINDEX);
}

static struct pl_file *find_library(const struct pl_bundle *b, const char *name)
{
    char path[256];
    int n = snprintf(path, sizeof path, "lib/%s.lua", name);
    for (size_t i = 0; n > 0 && (size_t)n < sizeof path && i < b->n; i++)
        if (b->files[i]->kind == PL_FILE_LIBRARY && strcmp(b->files[i]->path, path) == 0)
            return b->files[i];
    return NULL;
}

/* LJMP: each policy file gets instances of its own, so that libraries connect nobody. */
int pl_import(lua_State *L)
{
    struct sco_policies *p = pl_of(L);
    const char *name = luaL_checkstring(L, 1);
    if (!p->run.loading)
        return luaL_error(L, "import() is for the top of a file, not for checks");
    lua_settop(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &key_imports); /* 2 */
    lua_pushvalue(L, 1);
    int type = lua_rawget(L, 2);
    if (type == LUA_TTABLE)
        return 1;
    if (type == LUA_TBOOLEAN)
        return luaL_error(L, "library '%s' imports itself", name);
    struct pl_file *f = find_library(p->run.file->bundle, name);
    if (!f)
        return luaL_error(L, "no library '%s': lib/%s.lua is not in the bundle", name, name);
    if (p->run.imports >= PL_IMPORT_DEPTH_MAX)
        return luaL_error(L, "libraries import each other more than %d deep", PL_IMPORT_DEPTH_MAX);
    lua_pushvalue(L, 1);
    lua_pushboolean(L, 1);
    lua_rawset(L, 2);
    pl_push_chunk(L, f);
    pl_env_new(L, false);
    lua_setupvalue(L, -2, 1);
    p->run.imports++;
    lua_call(L, 0, 1);
    p->run.imports--;
    if (lua_type(L, -1) != LUA_TTABLE)
        return luaL_error(L, "library '%s' returns a %s, not a table", name, pl_type(L, -1));
    lua_pushvalue(L, 1);
    lua_pushvalue(L, -2);
    lua_rawset(L, 2);
    return 1;
}

/* LJMP: runs the file in a new environment; pushes what it returns. */
static void instantiate(lua_State *L, struct pl_file *f)
{
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &key_imports);
    pl_push_chunk(L, f);
    pl_env_new(L, true);
    lua_setupvalue(L, -2, 1);
    lua_call(L, 0, 1);
    if (lua_type(L, -1) != LUA_TTABLE)
        luaL_error(L, "%s: the file returns a %s, not a policy", f->path, pl_type(L, -1));
}

/* LJMP: whether the table on top is one policy: else it is a list of them. */
static bool is_single(lua_State *L)
{
    return lua_rawlen(L, -1) == 0;
}

/* LJMP: adds the policy on top of the stack, the nth of its file. */
static void add_policy(lua_State *L, struct sco_policies *p, struct pl_file *f, uint32_t nth)
{
    struct sco_policy policy;
    if (!pl_meta_read(L, f, nth, &policy))
        return;
    if (SCO_VEC_PUSH(p->policies, p->n_policies, p->cap_policies) < 0 ||
        SCO_VEC_PUSH(p->entries, p->n_policies, p->cap_entries) < 0) {
        p->nomem = true;
        pl_stop(L, p, PL_MEMORY);
    }
    struct pl_entry e = {.file = f, .nth = nth, .when = LUA_NOREF};
    if (policy.workflow && lua_getfield(L, -1, "when") == LUA_TFUNCTION)
        e.when = luaL_ref(L, LUA_REGISTRYINDEX);
    else if (policy.workflow)
        lua_pop(L, 1);
    lua_getfield(L, -1, policy.workflow ? "run" : "check");
    e.check = luaL_ref(L, LUA_REGISTRYINDEX);
    p->entries[p->n_policies] = e;
    p->policies[p->n_policies++] = policy;
    f->n_policies++;
}

static int load_protected(lua_State *L)
{
    struct sco_policies *p = pl_of(L);
    struct pl_file *f = lua_touserdata(L, 1);
    instantiate(L, f);
    if (is_single(L)) {
        add_policy(L, p, f, 0);
        return 0;
    }
    uint32_t n = (uint32_t)pl_table_len(L, -1, PL_ITEMS_MAX);
    for (uint32_t i = 1; i <= n; i++) {
        if (lua_rawgeti(L, -1, i) != LUA_TTABLE)
            luaL_error(L, "%s: item %d of the list is a %s, not a policy", f->path, (int)i,
                       pl_type(L, -1));
        add_policy(L, p, f, i);
        lua_pop(L, 1);
    }
    return 0;
}

/* LJMP: the checks of a file again, from new instances. */
static int reload_protected(lua_State *L)
{
    struct sco_policies *p = pl_of(L);
    struct pl_file *f = lua_touserdata(L, 1);
    instantiate(L, f);
    for (size_t i = 0; i < p->n_policies; i++) {
        struct pl_entry *e = &p->entries[i];
        if (e->file != f)
            continue;
        lua_pushvalue(L, -1);
        if (e->nth && lua_rawgeti(L, -1, e->nth) != LUA_TTABLE)
            luaL_error(L, "%s: the file returns something else than before", f->path);
        lua_pushstring(L, p->policies[i].workflow ? "run" : "check");
        if (lua_rawget(L, -2) != LUA_TFUNCTION)
            luaL_error(L, "%s: the file returns something else than before", f->path);
        lua_rawseti(L, LUA_REGISTRYINDEX, e->check);
        if (e->when != LUA_NOREF) {
            lua_pushliteral(L, "when");
            if (lua_rawget(L, -2) != LUA_TFUNCTION)
                luaL_error(L, "%s: the file returns something else than before", f->path);
            lua_rawseti(L, LUA_REGISTRYINDEX, e->when);
        }
        lua_settop(L, 2);
    }
    return 0;
}

/* Runs one of the two above with the limits of loading. LUA_OK, or why not in run.error. */
static int run_file(struct sco_policies *p, struct pl_file *f, lua_CFunction function)
{
    p->run.file = f;
    p->run.loading = true;
    p->run.imports = 0;
    p->run.resource = NULL;
    p->run.sensitive = false;
    pl_arm(p, p->limits.instructions);
    lua_pushcfunction(p->L, function);
    lua_pushlightuserdata(p->L, f);
    int status = pl_call(p, 1, 0);
    pl_disarm(p);
    p->run.loading = false;
    sco_arena_reset(&p->run_arena);
    return status;
}

static const char *limit_text(enum pl_stop stop)
{
    return stop == PL_MEMORY ? "memory limit reached"
           : stop == PL_TIME ? "time limit reached"
                             : "instruction limit reached";
}

int pl_load_file(struct sco_policies *p, struct pl_file *f, struct sco_error *err)
{
    int status = run_file(p, f, load_protected), r = 0;
    if (p->nomem)
        return sco_error_nomem(err);
    if (status == LUA_OK)
        return 0;
    const char *text = p->run.error;
    if (p->run.stop != PL_GO)
        r = pl_problem(p, "%s/%s: %s while loading", f->bundle->dir, f->path,
                       limit_text(p->run.stop));
    else if (strncmp(text, "...", 3) == 0 && strstr(text, ".lua:")) /* cut by Lua */
        r = pl_problem(p, "%s/%s%s", f->bundle->dir, f->path, strstr(text, ".lua:") + 4);
    else if (strstr(text, ".lua:") || strncmp(text, f->path, strlen(f->path)) == 0)
        r = pl_problem(p, "%s/%s", f->bundle->dir, text);
    else
        r = pl_problem(p, "%s/%s: %s", f->bundle->dir, f->path, text);
    return r < 0 ? sco_error_nomem(err) : 0;
}

int pl_reload_file(struct sco_policies *p, struct pl_file *f)
{
    struct pl_run keep = p->run;
    int status = run_file(p, f, reload_protected);
    p->run = keep;
    return p->nomem ? SCO_E_NOMEM : status == LUA_OK ? 0 : SCO_E_INVALID;
}

/* ---- the set ---- */
struct pair {
    struct sco_policy policy;
    struct pl_entry entry;
    size_t at; /* as loaded: of equal ids the first one stays */
};

static int by_id(const void *x, const void *y)
{
    const struct pair *a = x, *b = y;
    int c = strcmp(a->policy.id, b->policy.id);
    return c ? c : (a->at > b->at) - (a->at < b->at);
}

/* Sorts policies and entries by id and leaves the second of equal ids out. */
static int sort_policies(struct sco_policies *p, struct sco_error *err)
{
    struct sco_policy *all = p->policies;
    if (!p->n_policies || !all)
        return 0;
    SCO_AUTO(sco_free) struct pair *v = sco_alloc(p->n_policies, sizeof *v);
    if (!v)
        return sco_error_nomem(err);
    for (size_t i = 0; i < p->n_policies; i++)
        v[i] = (struct pair){all[i], p->entries[i], i};
    qsort(v, p->n_policies, sizeof *v, by_id);
    size_t n = 0;
    for (size_t i = 0; i < p->n_policies; i++) {
        const struct sco_policy *last = n ? &all[n - 1] : NULL, *now = &v[i].policy;
        if (last && strcmp(last->id, now->id) == 0) {
            if (pl_problem(p, "%s/%s:%u: id '%s' is also in %s/%s:%u", now->bundle, now->file_path,
                           now->line, now->id, last->bundle, last->file_path, last->line) < 0)
                return sco_error_nomem(err);
            continue;
        }
        all[n] = *now;
        all[n].selected = now->enabled;
        p->entries[n++] = v[i].entry;
    }
    p->n_policies = n;
    return 0;
}

static int by_message(const void *x, const void *y)
{
    const struct sco_policy_problem *a = x, *b = y;
    return strcmp(a->message, b->message);
}

static int copy_options(struct sco_policies *p, const struct sco_policies_options *o,
                        struct sco_error *err)
{
    p->opt = *o;
    p->limits = (struct sco_policy_limits){
        .memory = o->limits.memory ? o->limits.memory : 16 << 20,
        .total_memory = o->limits.total_memory ? o->limits.total_memory : 512 << 20,
        .instructions = o->limits.instructions ? o->limits.instructions : 10000000,
    };
    size_t n = 0;
    while (o->bundles && o->bundles[n])
        n++;
    const char **bundles = sco_arena_alloc(&p->arena, (n + 1) * sizeof *bundles);
    if (!bundles)
        return sco_error_nomem(err);
    for (size_t i = 0; i < n; i++)
        if (!(bundles[i] = sco_arena_cstr(&p->arena, sco_str_c(o->bundles[i]))))
            return sco_error_nomem(err);
    p->opt.bundles = bundles;
    p->opt.params = o->params ? sco_arena_cstr(&p->arena, sco_str_c(o->params)) : NULL;
    p->opt.public_keys =
        o->public_keys ? sco_arena_cstr(&p->arena, sco_str_c(o->public_keys)) : NULL;
    if ((o->params && !p->opt.params) || (o->public_keys && !p->opt.public_keys))
        return sco_error_nomem(err);
    return 0;
}

int pl_set_finish(struct sco_policies *p, struct sco_error *err)
{
    int r = sort_policies(p, err);
    if (r == 0 && pl_index_build(p) < 0)
        r = sco_error_nomem(err);
    if (r == 0 && !p->part)
        r = pl_frameworks_link(p, err);
    if (r == 0)
        r = pl_params_apply(p, p->opt.params, err);
    if (r == 0 && p->n_problems)
        qsort(p->problems, p->n_problems, sizeof *p->problems, by_message);
    /* What was loaded stays: a collection that looks through it should free much more than that. */
    lua_gc(p->L, LUA_GCINC, 400, 0, 0);
    return r;
}

static int load_all(struct sco_policies *p, struct sco_error *err)
{
    int r = pl_open(p, err);
    for (size_t i = 0; r == 0 && p->opt.bundles[i]; i++)
        r = pl_bundle_read(p, p->opt.bundles[i], err);
    for (size_t i = 0; r == 0 && i < p->n_bundles; i++)
        for (size_t k = 0; k < p->bundles[i].n; k++)
            p->bundles[i].files[k]->bundle = &p->bundles[i];
    if (r == 0)
        r = pl_frameworks_load(p, err);
    for (size_t i = 0; r == 0 && i < p->n_bundles; i++)
        for (size_t k = 0; r == 0 && k < p->bundles[i].n; k++)
            if (p->bundles[i].files[k]->kind == PL_FILE_POLICY)
                r = pl_load_file(p, p->bundles[i].files[k], err);
    return r == 0 ? pl_set_finish(p, err) : r;
}

int sco_policies_load(const struct sco_policies_options *o, struct sco_policies **ret,
                      struct sco_error *err)
{
    SCO_AUTO(sco_policies) struct sco_policies *p = sco_alloc(1, sizeof *p);
    if (!p)
        return sco_error_nomem(err);
    int r = copy_options(p, o, err);
    if (r == 0)
        r = load_all(p, err);
    if (r < 0)
        return r;
    *ret = SCO_TAKE(p);
    return 0;
}

struct sco_policies *sco_policies_free(struct sco_policies *p)
{
    if (!p)
        return NULL;
    pl_disarm(p);
    if (p->L)
        lua_close(p->L);
    pl_memory_done(&p->memory);
    for (size_t i = 0; i < p->n_bundles; i++) {
        for (size_t k = 0; k < p->bundles[i].n; k++) {
            free(p->bundles[i].files[k]->lines);
            free(p->bundles[i].files[k]->edges);
        }
        free(p->bundles[i].files);
    }
    free(p->bundles);
    free(p->policies);
    free(p->entries);
    free(p->frameworks);
    free(p->problems);
    free(p->run.fails);
    sco_map_done(&p->by_selector);
    sco_map_done(&p->aliases);
    sco_map_done(&p->nodes);
    sco_map_done(&p->parsed_map);
    sco_map_done(&p->referrers);
    sco_map_done(&p->skips);
    sco_buf_done(&p->buf);
    sco_buf_done(&p->trace);
    sco_buf_done(&p->actions);
    sco_buf_done(&p->changed);
    sco_arena_done(&p->arena);
    sco_arena_done(&p->docs_arena);
    sco_arena_done(&p->run_arena);
    free(p);
    return NULL;
}

void sco_policies_cleanup_(struct sco_policies **p)
{
    *p = sco_policies_free(*p);
}

const struct sco_policy *sco_policies_list(const struct sco_policies *p, size_t *ret_n)
{
    *ret_n = p->n_policies;
    return p->policies;
}

const struct sco_framework *sco_policies_frameworks(const struct sco_policies *p, size_t *ret_n)
{
    *ret_n = p->n_frameworks;
    return p->frameworks;
}

const struct sco_policy_problem *sco_policies_problems(const struct sco_policies *p, size_t *ret_n)
{
    *ret_n = p->n_problems;
    return p->problems;
}

/* Running checks over resources and turning what they said into verdicts. */
#include "policy_priv.h"
#include <secureops/action.h>
#include <secureops/json.h>

#include <inttypes.h>
#include <stdlib.h>

struct eval {
    struct sco_policies *p;
    sco_verdict_fn fn;
    void *user;
    struct sco_error *err;
    struct sco_buf pointer, message;
    struct sco_verdict v;
    const struct sco_iac_node *placed; /* resource_place is its */
    struct sco_iac_place resource_place;
};

const char *sco_verdict_name(enum sco_verdict_kind k)
{
    static const char *const names[] = {"pass", "fail",  "unknown",
                                        "skip", "error", "not_applicable"};
    return (size_t)k < SCO_ARRAY_LEN(names) ? names[k] : "?";
}

void sco_policies_stats(const struct sco_policies *p, const struct sco_policy *policy,
                        struct sco_policy_stats *ret)
{
    *ret = p->entries[policy - p->policies].stats;
}

/* ---- one verdict ---- */
static int emit(struct eval *e)
{
    struct sco_policies *p = e->p;
    p->entries[p->run.policy].stats.verdicts[e->v.kind]++;
    if (!e->v.message)
        e->v.message = "";
    e->v.pointer = sco_buf_z(&e->pointer);
    if (e->pointer.failed || e->message.failed || p->trace.failed)
        return SCO_E_NOMEM;
    e->v.trace = p->opt.trace ? sco_buf_z(&p->trace) : NULL;
    return e->fn(e->user, &e->v);
}

/* A verdict of the whole resource, or of the node `at`. */
static int emit_resource(struct eval *e, enum sco_verdict_kind kind, const char *message,
                         const struct sco_iac_node *at)
{
    struct sco_policies *p = e->p;
    struct pl_place place;
    sco_buf_clear(&e->pointer);
    e->v.kind = kind;
    e->v.message = message;
    e->v.resource = p->run.resource;
    e->v.doc = &p->docs->docs[p->run.resource->doc];
    e->v.fix = NULL;
    if (kind == SCO_VERDICT_PASS || kind == SCO_VERDICT_NOT_APPLICABLE) {
        if (e->placed != p->run.resource->node) /* most verdicts: policy after policy passes */
            sco_iac_place(p->docs, p->run.resource->node, &e->resource_place);
        e->placed = p->run.resource->node;
        e->v.place = e->resource_place;
        return emit(e);
    }
    if (pl_locate(p, at, NULL, 0, &place, &e->pointer) < 0)
        return SCO_E_NOMEM;
    e->v.resource = place.resource;
    e->v.doc = &p->docs->docs[place.resource->doc];
    sco_iac_place_at(p->docs, place.resource->doc, place.pos, place.end, &e->v.place);
    return emit(e);
}

static int emit_fail(struct eval *e, const struct pl_fail *f, bool last)
{
    struct sco_policies *p = e->p;
    struct pl_place place;
    struct pl_skip skip = {0};
    struct sco_policy_fix fix;
    sco_buf_clear(&e->pointer);
    sco_buf_clear(&e->message);
    if (pl_locate(p, f->where, f->path, f->n_path, &place, &e->pointer) < 0)
        return SCO_E_NOMEM;
    sco_buf_addz(&e->message, f->message);
    if (last && p->run.more_fails)
        sco_buf_addf(&e->message, " (and %zu more places)", p->run.more_fails);
    p->nomem = false;
    e->v.kind = pl_skipped(p, e->v.policy, &place, &skip) ? SCO_VERDICT_SKIP : SCO_VERDICT_FAIL;
    if (p->nomem)
        return SCO_E_NOMEM;
    e->v.message = sco_buf_z(&e->message);
    e->v.reason = skip.reason;
    e->v.expires = skip.expires;
    e->v.resource = place.resource;
    e->v.doc = &p->docs->docs[place.resource->doc];
    sco_iac_place_at(p->docs, place.resource->doc, place.pos, place.end, &e->v.place);
    e->v.fix = f->fix != PL_FIX_NONE && pl_fix_make(p, f, &place, &fix) ? &fix : NULL;
    int r = emit(e);
    e->v.reason = e->v.expires = NULL;
    e->v.fix = NULL;
    return r;
}

/* ---- what a check ended with ---- */
static int emit_error(struct eval *e)
{
    struct sco_policies *p = e->p;
    struct pl_run *run = &p->run;
    sco_buf_clear(&e->message);
    switch (run->stop) {
    case PL_STEPS:
        sco_buf_addf(&e->message, "instruction limit reached (%" PRIu64 ")",
                     p->limits.instructions);
        break;
    case PL_MEMORY:
        sco_buf_addf(&e->message, "memory limit reached (%" PRIu64 " bytes)", p->limits.memory);
        break;
    case PL_TIME:
        sco_buf_addf(&e->message, "time limit reached (%d ms)", PL_CPU_MAX_MS);
        break;
    case PL_RETURNED:
        sco_buf_addz(&e->message, "the check returned a value, which says nothing: verdicts are "
                                  "given with fail(), unknown() and not_applicable()");
        break;
    default:
        if (run->sensitive && !pl_may_show(p, sco_str_c(run->error)))
            sco_buf_addz(&e->message, PL_WITHHELD);
        else
            sco_buf_add_utf8(&e->message, sco_str_c(run->error[0] ? run->error : "error"));
    }
    e->v.reason = run->trace;
    int r = emit_resource(e, SCO_VERDICT_ERROR, sco_buf_z(&e->message), NULL);
    e->v.reason = NULL;
    return r;
}

static int emit_unknown(struct eval *e)
{
    const struct pl_run *run = &e->p->run;
    const char *message = run->why ? run->why : "a value that decides is known only at run time";
    return emit_resource(e, SCO_VERDICT_UNKNOWN, message, run->unknown);
}

static int emit_verdicts(struct eval *e, int status)
{
    struct pl_run *run = &e->p->run;
    int r = 0;
    for (size_t i = 0; r == 0 && i < run->n_fails; i++)
        r = emit_fail(e, &run->fails[i], i + 1 == run->n_fails);
    if (r != 0)
        return r;
    if (run->stop == PL_UNKNOWN)
        return run->n_fails ? 0 : emit_unknown(e);
    if (run->stop == PL_NOT_APPLICABLE)
        return run->n_fails ? 0 : emit_resource(e, SCO_VERDICT_NOT_APPLICABLE, run->why, NULL);
    if (status != LUA_OK)
        return emit_error(e);
    if (run->n_fails)
        return 0;
    if (!e->v.policy->workflow)
        return emit_resource(e, SCO_VERDICT_PASS, NULL, NULL);
    sco_buf_addc(&e->p->actions, ']');
    if (e->p->actions.failed || e->p->changed.failed)
        return SCO_E_NOMEM;
    e->v.actions = sco_buf_z(&e->p->actions);
    e->v.changed = e->p->changed.n ? sco_buf_z(&e->p->changed) : NULL;
    r = emit_resource(e, SCO_VERDICT_PASS, NULL, NULL);
    e->v.actions = e->v.changed = NULL;
    return r;
}

/* ---- memory that policies keep ---- */
/* Finds who holds what is left after a collection, and takes it from them: their files run again
 * from the start. A file that held much is out for the rest. */
static int blame(struct sco_policies *p)
{
    lua_gc(p->L, LUA_GCCOLLECT);
    size_t high = p->limits.total_memory / 2;
    while (p->memory.used > high) {
        struct pl_file *worst = NULL;
        for (size_t i = 0; i < p->n_policies; i++) {
            struct pl_file *f = p->entries[i].file;
            if (f->grown && (!worst || f->grown > worst->grown))
                worst = f;
        }
        if (!worst)
            return 0;
        size_t before = p->memory.used;
        worst->grown = 0;
        if (pl_reload_file(p, worst) == SCO_E_NOMEM)
            return SCO_E_NOMEM;
        lua_gc(p->L, LUA_GCCOLLECT);
        if (before > p->memory.used && before - p->memory.used > high / 4) {
            worst->disabled = sco_arena_fmt(
                &p->arena, "disabled: it kept %zu bytes between resources; a policy keeps nothing",
                before - p->memory.used);
            if (!worst->disabled)
                return SCO_E_NOMEM;
        }
    }
    return 0;
}

/* ---- one evaluation ---- */
static void begin_run(struct sco_policies *p, uint32_t policy, uint32_t resource)
{
    struct pl_run *run = &p->run;
    run->policy = policy;
    run->resource_index = resource;
    run->resource = &p->docs->resources[resource];
    run->file = p->entries[policy].file;
    run->loading = run->sensitive = false;
    run->n_fails = run->more_fails = run->n_trace_lines = run->n_actions = 0;
    run->why = NULL;
    sco_arena_reset(&p->run_arena);
    sco_buf_clear(&p->trace);
    sco_buf_clear(&p->actions);
    sco_buf_clear(&p->changed);
    sco_buf_addc(&p->actions, '[');
    p->documents = false;
    pl_arm(p, p->limits.instructions);
}

/* Secrets do not pass from one evaluation to the next: what the policy kept is gone. */
static int forget(struct sco_policies *p)
{
    struct pl_file *f = p->run.file;
    int r = pl_reload_file(p, f);
    if (r < 0 && r != SCO_E_NOMEM) {
        f->disabled = "disabled: its file could not be run again after it had read a secret";
        r = 0;
    }
    return r;
}

static int call_check(struct sco_policies *p, const struct pl_entry *entry)
{
    lua_rawgeti(p->L, LUA_REGISTRYINDEX, entry->check); /* these three do not allocate */
    pl_push_ref(p, p->run.resource->node);
    pl_push_ref(p, entry->params);
    pl_read(p, p->run.resource->node);
    return pl_call(p, 2, 1);
}

/* LJMP: when(event, params), then run(event, params): nothing, or what it changes in the event. */
static int workflow_protected(lua_State *L)
{
    struct sco_policies *p = pl_of(L);
    const struct pl_entry *entry = &p->entries[p->run.policy];
    if (entry->when != LUA_NOREF) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, entry->when);
        pl_push_ref(p, p->run.resource->node);
        pl_push_ref(p, entry->params);
        lua_call(L, 2, 1);
        if (!lua_toboolean(L, -1))
            pl_stop(L, p, PL_NOT_APPLICABLE);
        if (p->run.n_actions)
            luaL_error(L, "%s: when() decides, it does not act", p->run.file->path);
    }
    lua_settop(L, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, entry->check);
    pl_push_ref(p, p->run.resource->node);
    pl_push_ref(p, entry->params);
    lua_call(L, 2, 1);
    bool changed = !lua_isnil(L, -1);
    if (changed && lua_type(L, -1) != LUA_TTABLE)
        luaL_error(
            L,
            "%s: run() returned a %s value: it returns nothing, or a table of the members of "
            "the event that are others for the workflows after it",
            p->run.file->path, pl_type(L, -1));
    if (!changed)
        return 0;
    struct sco_json_out o = {.b = &p->changed};
    p->documents = true;
    pl_write_json(L, -1, &o, 0);
    pl_check_buf(L, &p->changed);
    if (p->changed.n > SCO_ACTIONS_SIZE_MAX / 2)
        luaL_error(L, "%s: the changed event is larger than %d bytes", p->run.file->path,
                   SCO_ACTIONS_SIZE_MAX / 2);
    return 0;
}

static int call_workflow(struct sco_policies *p)
{
    lua_pushcfunction(p->L, workflow_protected);
    return pl_call(p, 0, 1);
}

static int evaluate(struct eval *e, uint32_t policy, uint32_t resource)
{
    struct sco_policies *p = e->p;
    struct pl_entry *entry = &p->entries[policy];
    struct pl_file *f = entry->file;
    begin_run(p, policy, resource);
    e->v.policy = &p->policies[policy];
    entry->stats.evaluations++;
    if (f->disabled)
        return emit_resource(e, SCO_VERDICT_ERROR, f->disabled, NULL);
    size_t before = p->memory.used;
    int64_t start = p->opt.profile ? sco_mono_ns() : 0;
    int status = p->policies[policy].workflow ? call_workflow(p) : call_check(p, entry);
    if (status == LUA_OK) { /* `return false` is meant as a verdict: it must not be a pass */
        if (!lua_isnil(p->L, -1)) {
            p->run.stop = PL_RETURNED;
            status = LUA_ERRRUN;
        }
        lua_pop(p->L, 1);
    }
    if (p->nomem && p->run.stop == PL_MEMORY)
        return SCO_E_NOMEM;
    if (p->opt.profile)
        entry->stats.ns += (uint64_t)(sco_mono_ns() - start);
    entry->stats.instructions += p->run.steps;
    pl_disarm(p);
    if (p->memory.used > before)
        f->grown += p->memory.used - before;
    int r = emit_verdicts(e, status);
    if (r == 0 && p->run.sensitive)
        r = forget(p);
    if (r == 0 && p->memory.used > p->limits.total_memory / 2)
        r = blame(p);
    return r;
}

/* ---- all of it ---- */
/* LJMP: an empty cache of resources(). */
static int new_lists(lua_State *L)
{
    lua_newtable(L);
    lua_rawseti(L, LUA_REGISTRYINDEX, pl_of(L)->lists);
    return 0;
}

/* Another set of documents: nodes of the last one are not followed any more. */
static int begin_docs(struct sco_policies *p, const struct sco_iac_set *docs)
{
    p->docs = docs;
    p->docs_start = docs->arena.used;
    p->parsed = NULL;
    p->nodes_ready = false;
    sco_map_done(&p->nodes);
    sco_map_done(&p->parsed_map);
    sco_map_done(&p->referrers);
    sco_map_done(&p->skips);
    p->nodes = p->parsed_map = p->referrers = p->skips = (struct sco_map){0};
    sco_arena_reset(&p->docs_arena);
    int r = 0;
    if (++p->gen >= (uint64_t)1 << (64 - PL_GEN_SHIFT)) { /* numbers are used again: forget all */
        p->gen = 1;
        for (size_t i = 0; r == 0 && i < p->n_bundles; i++)
            for (size_t k = 0; r == 0 && k < p->bundles[i].n; k++)
                if (p->bundles[i].files[k]->n_policies)
                    r = pl_reload_file(p, p->bundles[i].files[k]);
    }
    p->run.stop = PL_GO;
    lua_pushcfunction(p->L, new_lists);
    return r < 0 || pl_call(p, 0, 0) != LUA_OK ? SCO_E_NOMEM : 0;
}

int sco_policies_eval(struct sco_policies *p, const struct sco_iac_set *docs, sco_verdict_fn fn,
                      void *user, struct sco_error *err)
{
    struct eval e = {.p = p, .fn = fn, .user = user, .err = err};
    int r = begin_docs(p, docs);
    for (size_t d = 0; r == 0 && d < docs->n_docs; d++) {
        const struct sco_iac_doc *doc = &docs->docs[d];
        for (size_t i = 0; r == 0 && i < doc->n_resources; i++) {
            uint32_t resource = (uint32_t)(doc->first_resource + i);
            const struct pl_hits *hits = pl_hits(p, &docs->resources[resource]);
            if (!hits)
                r = SCO_E_NOMEM;
            for (size_t k = 0; r == 0 && k < hits->n; k++)
                r = evaluate(&e, hits->v[k], resource);
        }
    }
    pl_disarm(p);
    p->docs = NULL;
    p->run.resource = NULL;
    sco_buf_done(&e.pointer);
    sco_buf_done(&e.message);
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

/* Targets: what is scanned, under a name that requests and schedules may give. */
#include "content_priv.h"

#include <secureops/store_ci.h>

static void write_target(struct sco_json_out *o, const struct sco_stored_target *t)
{
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", t->id);
    sco_json_kz(o, "name", t->name);
    sco_json_key(o, "target");
    sco_json_begin(o, '{');
    sco_json_kz(o, "kind", t->kind);
    sco_json_kz(o, "location", t->location);
    sco_json_end(o, '}');
    sco_json_kz(o, "platform", t->platform);
    sco_json_kz(o, "branch", t->branch);
    sco_json_kz(o, "team", t->team);
    sco_json_key(o, "config");
    sco_json_raw(o, sco_str_c(t->config));
    sco_json_kz(o, "status", t->status);
    sco_json_kz(o, "created_by", t->created_by);
    sco_json_ktime(o, "created_at", t->created_at);
    sco_json_ktime(o, "updated_at", t->updated_at);
    sco_json_end(o, '}');
}

bool api_target_sees(const struct api_call *c, const struct sco_stored_target *t)
{
    SCO_AUTO(sco_buf) struct sco_buf key = {0};
    api_target_key(t, &key);
    return !key.failed && sco_principal_sees(&c->who, sco_buf_z(&key));
}

static int find(struct api_call *c, const char *id, struct sco_target_page *ret,
                struct sco_error *err)
{
    int r = sco_store_target(c->store, id, ret, err);
    if (r == 0 && !api_target_sees(c, &ret->v[0])) {
        sco_target_page_done(ret);
        r = sco_error_set(err, SCO_E_NOT_FOUND, "there is no target %s", id);
    }
    return r;
}

static int show(struct api_call *c, const char *id, struct sco_error *err)
{
    struct sco_target_page p = {0};
    int r = find(c, id, &p, err);
    if (r < 0)
        return r;
    write_target(&c->out, &p.v[0]);
    sco_target_page_done(&p);
    return 0;
}

int api_target_get(struct api_call *c, struct sco_error *err)
{
    return show(c, c->params[0], err);
}

int api_target_list(struct api_call *c, struct sco_error *err)
{
    struct sco_target_page p = {0};
    uint32_t limit;
    const char *cursor;
    int r = api_page(c, &limit, &cursor, err);
    if (r == 0)
        r = sco_store_targets(c->store, cursor, limit, &p, err);
    if (r < 0)
        return r;
    api_items_begin(c);
    for (size_t i = 0; i < p.n; i++)
        if (api_target_sees(c, &p.v[i]))
            write_target(&c->out, &p.v[i]);
    api_items_end(c, p.cursor);
    sco_target_page_done(&p);
    return 0;
}

/* ---- put ---- */
static int take_config(struct api_call *c, struct sco_stored_target *t, struct sco_error *err)
{
    const struct sco_node *config = api_member(c, "config");
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    if (config && config->type != SCO_NODE_MAP)
        return api_fault(c, err, "/config", "an object");
    if (config)
        sco_json_node(&o, config);
    else
        sco_buf_addz(&b, "{}");
    t->config = sco_arena_cstr(&c->arena, sco_buf_str(&b));
    return b.failed || !t->config ? sco_error_nomem(err) : 0;
}

static int take_body(struct api_call *c, struct sco_stored_target *t, struct sco_error *err)
{
    static const char *const platforms[] = {"github", "gitlab", "jenkins", "azure", "generic"};
    const struct sco_node *target = api_member(c, "target");
    struct api_target where = {0};
    bool known = false;
    t->name = api_text(c, "name");
    t->platform = api_text_or(c, "platform", "generic");
    t->branch = api_text_or(c, "branch", "");
    t->team = api_text_or(c, "team", "");
    t->status = api_text_or(c, "status", "active");
    if (!t->name || !*t->name || strlen(t->name) > 200 || !sco_utf8_valid(sco_str_c(t->name)))
        return api_fault(c, err, "/name", "a name of at most 200 bytes");
    for (size_t i = 0; i < SCO_ARRAY_LEN(platforms); i++)
        known |= strcmp(t->platform, platforms[i]) == 0;
    if (!known)
        return api_fault(c, err, "/platform", "github, gitlab, jenkins, azure or generic");
    if (!api_revision_is_safe(t->branch))
        return api_fault(c, err, "/branch", "no name of a branch or tag");
    if (strcmp(t->status, "active") != 0 && strcmp(t->status, "paused") != 0)
        return api_fault(c, err, "/status", "active or paused");
    if (!target || sco_get(target, "name"))
        return api_fault(c, err, "/target", "where it is: {\"kind\", \"location\"}");
    if (!api_in_team(&c->who, t->team)) /* who is of some teams gives nothing to others */
        return api_fault(c, err, "/team", "one of your teams");
    int r = api_target(c, target, "/target", &where, err);
    t->kind = where.kind;
    t->location = where.location;
    return r < 0 ? r : take_config(c, t, err);
}

static int check_name(struct api_call *c, const char *name, const char *id, struct sco_error *err)
{
    struct sco_target_page p = {0};
    int r = sco_store_target(c->store, name, &p, err);
    if (r == SCO_E_NOT_FOUND)
        return 0;
    if (r == 0 && (!id || strcmp(p.v[0].id, id) != 0))
        r = api_problem(c, 409, err, "there is a target with this name");
    sco_target_page_done(&p);
    return r;
}

static int store(struct api_call *c, const struct sco_stored_target *t, char id[37],
                 struct sco_error *err)
{
    int r = sco_store_begin(c->store, err);
    if (r < 0)
        return r;
    r = check_name(c, t->name, t->id, err);
    if (r == 0)
        r = sco_store_target_put(c->store, t, c->now, id, err);
    if (r == 0)
        r = show(c, id, err);
    return sco_store_end(c->store, r, err);
}

int api_target_post(struct api_call *c, struct sco_error *err)
{
    struct sco_stored_target t = {.created_by = c->who.user_id[0] ? c->who.user_id : NULL};
    char id[37];
    int r = take_body(c, &t, err);
    if (r == 0)
        r = store(c, &t, id, err);
    if (r == 0)
        api_created(c, "/api/v1/targets/%s", id);
    return r;
}

int api_target_keeps_place(struct api_call *c, const struct sco_stored_target *old,
                           const char *location, struct sco_error *err)
{
    struct sco_execution_filter f = {.pipeline_id = old->id, .limit = 1};
    struct sco_execution_page p = {0};
    if (strcmp(old->location, location) == 0)
        return 0;
    int r = sco_store_executions(c->store, &f, &p, err);
    if (r == 0 && p.n)
        r = api_problem(c, 409, err,
                        "it has runs at its present place, which is who may see them: make a new "
                        "one for another place");
    sco_execution_page_done(&p);
    return r;
}

int api_target_put(struct api_call *c, struct sco_error *err)
{
    struct sco_stored_target t = {0};
    struct sco_target_page old = {0};
    char id[37];
    int r = find(c, c->params[0], &old, err);
    if (r < 0)
        return r;
    t.id = old.v[0].id;
    r = take_body(c, &t, err);
    if (r == 0)
        r = api_target_keeps_place(c, &old.v[0], t.location, err);
    if (r == 0)
        r = store(c, &t, id, err);
    sco_target_page_done(&old);
    return r;
}

int api_target_delete(struct api_call *c, struct sco_error *err)
{
    struct sco_target_page p = {0};
    int r = find(c, c->params[0], &p, err);
    if (r < 0)
        return r;
    r = sco_store_target_delete(c->store, p.v[0].id, err);
    sco_target_page_done(&p);
    return r;
}

/* Pipelines that somebody has defined: targets with a definition. */
#include "store_priv.h"

#include <secureops/store_pipelines.h>

#define PIPELINE_COLUMNS                                                                           \
    "SELECT p.id, p.name, p.kind, p.repository_url, p.platform, p.branch, p.team, p.config, "      \
    "p.status, p.created_by, d.location, d.integration, d.repository, d.workflow, d.definition, "  \
    "d.checkout_secret, p.created_at, p.updated_at FROM pipeline_definitions d JOIN pipelines p "  \
    "ON p.id = d.pipeline_id "

struct reading {
    struct sco_pipeline_page *page;
    size_t limit;
};

void sco_pipeline_page_done(struct sco_pipeline_page *p)
{
    sco_arena_done(&p->arena);
    *p = (struct sco_pipeline_page){0};
}

static int on_pipeline(void *user, const struct store_value *v, size_t n)
{
    struct reading *rd = user;
    struct sco_pipeline_page *p = rd->page;
    struct sco_arena *a = &p->arena;
    (void)n;
    if (p->n == rd->limit) {
        p->cursor = p->v[p->n - 1].target.name;
        return 0;
    }
    struct sco_stored_pipeline *x = &p->v[p->n++];
    struct sco_stored_target *t = &x->target;
    const char **texts[] = {&t->name,       &t->kind,       &t->location,       &t->platform,
                            &t->branch,     &t->team,       &t->config,         &t->status,
                            &t->created_by, &x->location,   &x->integration,    &x->repository,
                            &x->workflow,   &x->definition, &x->checkout_secret};
    t->id = store_uuid_text(a, &v[0]);
    bool good = t->id;
    for (size_t i = 0; i < SCO_ARRAY_LEN(texts); i++) {
        *texts[i] = store_keep(a, &v[1 + i]);
        good = good && (*texts[i] || v[1 + i].type == STORE_NULL);
    }
    t->created_at = v[16].i;
    t->updated_at = v[17].i;
    return good ? 0 : SCO_E_NOMEM;
}

static int ask(struct sco_store *s, const char *sql, const struct store_value *v, size_t n,
               size_t limit, struct sco_pipeline_page *ret, struct sco_error *err)
{
    struct sco_pipeline_page page = {0};
    struct reading rd = {&page, limit};
    page.v = sco_arena_alloc(&page.arena, limit * sizeof *page.v);
    int r = page.v ? store_query(s, sql, v, n, on_pipeline, &rd, err) : SCO_E_NOMEM;
    if (r < 0)
        sco_pipeline_page_done(&page);
    else
        *ret = page;
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

static int no_pipeline(const char *id, struct sco_error *err)
{
    return sco_error_set(err, SCO_E_NOT_FOUND, "there is no pipeline %s", id ? id : "");
}

int sco_store_pipeline(struct sco_store *s, const char *id, struct sco_pipeline_page *ret,
                       struct sco_error *err)
{
    uint8_t uuid[16];
    struct sco_pipeline_page page = {0};
    struct store_value v = sv_text(id);
    bool by_id = store_uuid_parse(sco_str_c(id), uuid);
    if (by_id)
        v = sv_bytes(STORE_UUID, uuid, sizeof uuid);
    int r =
        ask(s, by_id ? PIPELINE_COLUMNS "WHERE p.id = $1" : PIPELINE_COLUMNS "WHERE p.name = $1",
            &v, 1, 1, &page, err);
    if (r == 0 && !page.n) {
        sco_pipeline_page_done(&page);
        r = no_pipeline(id, err);
    }
    if (r == 0)
        *ret = page;
    return r;
}

int sco_store_pipelines(struct sco_store *s, const char *cursor, uint32_t limit,
                        struct sco_pipeline_page *ret, struct sco_error *err)
{
    limit = limit ? limit : 100;
    if (limit > SCO_STORE_PAGE_MAX)
        return sco_error_set(err, SCO_E_INVALID, "a page has at most %d pipelines",
                             SCO_STORE_PAGE_MAX);
    struct store_value v[] = {sv_text(cursor ? cursor : ""), sv_i64((int64_t)limit + 1)};
    return ask(s, PIPELINE_COLUMNS "WHERE p.name > $1 ORDER BY p.name LIMIT $2", v, 2, limit, ret,
               err);
}

/* ---- writing ---- */
static int put(struct sco_store *s, const struct sco_stored_pipeline *p, int64_t now, char id[37],
               struct sco_error *err)
{
    uint8_t uuid[16];
    int r = sco_store_target_put(s, &p->target, now, id, err);
    if (r < 0)
        return r;
    if (!store_uuid_parse(sco_str_c(id), uuid))
        return no_pipeline(id, err);
    struct store_value v[] = {
        sv_bytes(STORE_UUID, uuid, sizeof uuid),
        sv_text(p->target.location),
        sv_text(p->integration),
        sv_text(p->repository),
        sv_text(p->workflow),
        sv_text(p->definition),
        sv_text(p->checkout_secret),
    };
    return store_exec(s,
                      "INSERT INTO pipeline_definitions (pipeline_id, location, integration, "
                      "repository, workflow, definition, checkout_secret) VALUES ($1, $2, $3, $4, "
                      "$5, $6, $7) ON CONFLICT (pipeline_id) DO UPDATE SET location = "
                      "excluded.location, integration = excluded.integration, repository = "
                      "excluded.repository, workflow = excluded.workflow, definition = "
                      "excluded.definition, checkout_secret = excluded.checkout_secret",
                      v, SCO_ARRAY_LEN(v), NULL, err);
}

int sco_store_pipeline_put(struct sco_store *s, const struct sco_stored_pipeline *p, int64_t now,
                           char ret_id[37], struct sco_error *err)
{
    char id[37];
    if (!p->repository || !*p->repository || !p->integration == !p->definition)
        return sco_error_set(err, SCO_E_INVALID,
                             "a pipeline has a repository, and an integration or a definition");
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = sco_store_end(s, put(s, p, now, id, err), err);
    if (r == 0)
        memcpy(ret_id, id, sizeof id);
    return r;
}

int sco_store_pipeline_delete(struct sco_store *s, const char *id, struct sco_error *err)
{
    uint8_t uuid[16];
    int64_t n = 0;
    if (!store_uuid_parse(sco_str_c(id), uuid))
        return no_pipeline(id, err);
    struct store_value v = sv_bytes(STORE_UUID, uuid, sizeof uuid);
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = store_exec(s, "DELETE FROM pipeline_definitions WHERE pipeline_id = $1", &v, 1, &n, err);
    if (r == 0)
        r = n ? sco_store_target_delete(s, id, err) : no_pipeline(id, err);
    return sco_store_end(s, r, err);
}

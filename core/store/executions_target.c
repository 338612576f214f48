/* The pipeline that a run belongs to: a target of its location, made when there is none. */
#include "executions_priv.h"

static int take_uuid(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    if (v[0].s.n != 16)
        return SCO_E_INTERNAL;
    store_uuid_format((const uint8_t *)v[0].s.p, user);
    return 0;
}

/* Of several targets of one location the first. */
static int find_target(struct sco_store *s, const char *where, char ret[37], struct sco_error *err)
{
    struct store_value v = sv_text(where);
    return store_query(s,
                       "SELECT id FROM pipelines WHERE repository_url = $1 AND kind = 'repository' "
                       "ORDER BY pk LIMIT 1",
                       &v, 1, take_uuid, ret, err);
}

static int earlier_target(struct sco_store *s, const struct sco_stored_execution *x, char ret[37],
                          struct sco_error *err)
{
    struct store_value v[] = {sv_text(x->repository), sv_text(x->integration)};
    return store_query(s,
                       "SELECT pipeline_id FROM pipeline_executions WHERE repository = $1 AND "
                       "integration = $2 ORDER BY created_at DESC, pk DESC LIMIT 1",
                       v, SCO_ARRAY_LEN(v), take_uuid, ret, err);
}

static int make_target(struct sco_store *s, const struct sco_stored_execution *x, const char *where,
                       int64_t now, char ret[37], struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf name = {0};
    struct sco_target_page taken = {0};
    struct sco_stored_target t = {.kind = "repository",
                                  .location = where,
                                  .platform = x->platform,
                                  .branch = "",
                                  .team = "",
                                  .config = "{}",
                                  .status = "active",
                                  .created_by = "webhook"};
    sco_buf_addz(&name, x->repository);
    int r = sco_buf_check(&name, err);
    if (r == 0) {
        r = sco_store_target(s, sco_buf_z(&name), &taken, err);
        sco_target_page_done(&taken);
        if (r == 0) /* of another place */
            sco_buf_addf(&name, " (%s)", where);
        r = r == SCO_E_NOT_FOUND ? 0 : r;
    }
    if (r == 0)
        r = sco_buf_check(&name, err);
    t.name = sco_buf_z(&name);
    return r < 0 ? r : sco_store_target_put(s, &t, now, ret, err);
}

int execution_target(struct sco_store *s, const struct sco_stored_execution *x, int64_t now,
                     char ret[37], struct sco_error *err)
{
    ret[0] = 0;
    if (x->pipeline_id) {
        struct sco_target_page page = {0};
        int r = sco_store_target(s, x->pipeline_id, &page, err);
        if (r == 0)
            snprintf(ret, 37, "%s", page.v[0].id);
        sco_target_page_done(&page);
        return r;
    }
    int r = x->clone_url ? 0 : earlier_target(s, x, ret, err);
    if (r < 0 || *ret)
        return r;
    const char *where = x->clone_url ? x->clone_url : x->repository;
    r = store_queue_up(s, "pipelines at", where, err);
    if (r == 0)
        r = find_target(s, where, ret, err);
    return r < 0 || *ret ? r : make_target(s, x, where, now, ret, err);
}

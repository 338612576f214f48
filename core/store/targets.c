/* Targets: what is scanned, under a name. Table pipelines. */
#include "store_priv.h"

#include <secureops/crypto.h>
#include <secureops/store_jobs.h>

#define TARGET_COLUMNS                                                                             \
    "SELECT id, name, kind, repository_url, platform, branch, team, config, status, created_by, "  \
    "created_at, updated_at FROM pipelines "

void sco_target_page_done(struct sco_target_page *p)
{
    sco_arena_done(&p->arena);
    *p = (struct sco_target_page){0};
}

struct reading {
    struct sco_target_page *page;
    size_t limit;
};

static int on_target(void *user, const struct store_value *v, size_t n)
{
    struct reading *rd = user;
    struct sco_target_page *p = rd->page;
    struct sco_arena *a = &p->arena;
    (void)n;
    if (p->n == rd->limit) {
        p->cursor = p->v[p->n - 1].name;
        return 0;
    }
    struct sco_stored_target *x = &p->v[p->n++];
    *x = (struct sco_stored_target){.id = store_uuid_text(a, &v[0]),
                                    .name = store_keep(a, &v[1]),
                                    .kind = store_keep(a, &v[2]),
                                    .location = store_keep(a, &v[3]),
                                    .platform = store_keep(a, &v[4]),
                                    .branch = store_keep(a, &v[5]),
                                    .team = store_keep(a, &v[6]),
                                    .config = store_keep(a, &v[7]),
                                    .status = store_keep(a, &v[8]),
                                    .created_by = store_keep(a, &v[9]),
                                    .created_at = v[10].i,
                                    .updated_at = v[11].i};
    return x->id && x->name && x->kind && x->location && x->platform && x->branch && x->team &&
                   x->config && x->status && (x->created_by || v[9].type == STORE_NULL)
               ? 0
               : SCO_E_NOMEM;
}

static int ask(struct sco_store *s, const char *sql, const struct store_value *v, size_t n,
               size_t limit, struct sco_target_page *ret, struct sco_error *err)
{
    struct sco_target_page page = {0};
    struct reading rd = {&page, limit};
    page.v = sco_arena_alloc(&page.arena, limit * sizeof *page.v);
    int r = page.v ? store_query(s, sql, v, n, on_target, &rd, err) : sco_error_nomem(err);
    if (r < 0)
        sco_target_page_done(&page);
    else
        *ret = page;
    return r;
}

static int no_target(const char *id, struct sco_error *err)
{
    return sco_error_set(err, SCO_E_NOT_FOUND, "there is no target %s", id);
}

int sco_store_target(struct sco_store *s, const char *id, struct sco_target_page *ret,
                     struct sco_error *err)
{
    uint8_t uuid[16];
    struct sco_target_page page = {0};
    struct store_value v = sv_text(id);
    bool by_id = store_uuid_parse(sco_str_c(id), uuid);
    if (by_id)
        v = sv_bytes(STORE_UUID, uuid, sizeof uuid);
    int r = ask(s, by_id ? TARGET_COLUMNS "WHERE id = $1" : TARGET_COLUMNS "WHERE name = $1", &v, 1,
                1, &page, err);
    if (r == 0 && !page.n) {
        sco_target_page_done(&page);
        r = no_target(id, err);
    }
    if (r == 0)
        *ret = page;
    return r;
}

int sco_store_target_at(struct sco_store *s, const char *location, struct sco_target_page *ret,
                        struct sco_error *err)
{
    struct sco_target_page page = {0};
    struct store_value v = sv_text(location);
    int r = ask(s, TARGET_COLUMNS "WHERE repository_url = $1 ORDER BY pk LIMIT 1", &v, 1, 1, &page,
                err);
    if (r == 0 && !page.n) {
        sco_target_page_done(&page);
        r = no_target(location, err);
    }
    if (r == 0)
        *ret = page;
    return r;
}

int sco_store_targets(struct sco_store *s, const char *cursor, uint32_t limit,
                      struct sco_target_page *ret, struct sco_error *err)
{
    limit = limit ? limit : 100;
    if (limit > SCO_STORE_PAGE_MAX)
        return sco_error_set(err, SCO_E_INVALID, "a page has at most %d targets",
                             SCO_STORE_PAGE_MAX);
    struct store_value v[] = {sv_text(cursor ? cursor : ""), sv_i64((int64_t)limit + 1)};
    return ask(s, TARGET_COLUMNS "WHERE name > $1 ORDER BY name LIMIT $2", v, 2, limit, ret, err);
}

/* ---- writing ---- */
static int take_i64(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(int64_t *)user = v[0].i;
    return 0;
}

static bool one_of(const char *x, const char *const *names, size_t n)
{
    for (size_t i = 0; x && i < n; i++)
        if (strcmp(x, names[i]) == 0)
            return true;
    return false;
}

static int check(const struct sco_stored_target *t, struct sco_error *err)
{
    static const char *const kinds[] = {"repository", "image", "directory", "url"},
                             *const statuses[] = {"active", "paused"};
    uint8_t uuid[16];
    if (!t->name || !*t->name || !t->location || !*t->location || !t->platform || !t->branch ||
        !t->team || !t->config)
        return sco_error_set(err, SCO_E_INVALID, "a target has a name, a kind and a location");
    if (!one_of(t->kind, kinds, SCO_ARRAY_LEN(kinds)))
        return sco_error_set(err, SCO_E_INVALID,
                             "a target is a repository, image, directory or url");
    if (!one_of(t->status, statuses, SCO_ARRAY_LEN(statuses)))
        return sco_error_set(err, SCO_E_INVALID, "a target is active or paused");
    if (store_uuid_parse(sco_str_c(t->name), uuid))
        return sco_error_set(err, SCO_E_INVALID, "a target's name is not a UUID");
    return 0;
}

static int put(struct sco_store *s, const struct sco_stored_target *t, const uint8_t id[16],
               int64_t now, struct sco_error *err)
{
    int64_t taken = 0, n = 0;
    struct store_value v[] = {
        sv_text(t->name),
        sv_text(t->kind),
        sv_text(t->location),
        sv_text(t->platform),
        sv_text(t->branch),
        sv_text(t->team),
        sv_json(sco_str_c(t->config)),
        sv_text(t->status),
        sv_i64(now),
        sv_bytes(STORE_UUID, id, 16),
        sv_text(t->created_by),
        sv_i64(now),
    };
    struct store_value name[] = {v[0], v[9]};
    int r = store_queue_up(s, "pipelines", t->name, err);
    if (r == 0)
        r = store_query(s, "SELECT count(*) FROM pipelines WHERE name = $1 AND id <> $2", name, 2,
                        take_i64, &taken, err);
    if (r == 0 && taken)
        r = sco_error_set(err, SCO_E_INVALID, "there is a target with the name %s", t->name);
    if (r < 0)
        return r;
    if (t->id)
        r = store_exec(s,
                       "UPDATE pipelines SET name = $1, kind = $2, repository_url = $3, platform = "
                       "$4, branch = $5, team = $6, config = $7, status = $8, updated_at = $9 "
                       "WHERE id = $10",
                       v, 10, &n, err);
    else
        r = store_exec(s,
                       "INSERT INTO pipelines (name, kind, repository_url, platform, branch, team, "
                       "config, status, updated_at, id, created_by, created_at) VALUES ($1, $2, "
                       "$3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
                       v, SCO_ARRAY_LEN(v), &n, err);
    return r == 0 && !n ? no_target(t->id, err) : r;
}

int sco_store_target_put(struct sco_store *s, const struct sco_stored_target *t, int64_t now,
                         char ret_id[37], struct sco_error *err)
{
    uint8_t id[16];
    char text[37];
    int r = check(t, err);
    if (r < 0)
        return r;
    if (t->id)
        snprintf(text, sizeof text, "%s", t->id);
    else
        sco_uuid4(text);
    if (!store_uuid_parse(sco_str_c(text), id))
        return no_target(t->id, err);
    r = sco_store_begin(s, err);
    if (r == 0)
        r = sco_store_end(s, put(s, t, id, now, err), err);
    if (r == 0)
        memcpy(ret_id, text, sizeof text);
    return r;
}

int sco_store_target_delete(struct sco_store *s, const char *id, struct sco_error *err)
{
    uint8_t uuid[16];
    int64_t n = 0;
    if (!store_uuid_parse(sco_str_c(id), uuid))
        return no_target(id, err);
    struct store_value v = sv_bytes(STORE_UUID, uuid, sizeof uuid);
    int r = store_exec(s, "DELETE FROM pipelines WHERE id = $1", &v, 1, &n, err);
    return r == 0 && !n ? no_target(id, err) : r;
}

/* Publications as operators see them: listed, counted, asked for once more. */
#include "publications_priv.h"

/* ---- as JSON ---- */
void sco_stored_publication_write(struct sco_json_out *o, const struct sco_stored_publication *p)
{
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", p->id);
    sco_json_kz(o, "integration", p->integration);
    sco_json_kz(o, "repository", p->repository);
    sco_json_kz(o, "commit_sha", p->commit_sha);
    sco_json_kz(o, "branch", p->branch);
    if (p->pr_number)
        sco_json_ki64(o, "pr_number", p->pr_number);
    sco_json_kz(o, "status", sco_publication_state_name(p->is));
    sco_json_kz(o, "reason", p->reason);
    if (p->attempts)
        sco_json_ki64(o, "attempts", p->attempts);
    sco_json_kz(o, "last_error", p->last_error);
    sco_json_ktime(o, "next_attempt_at", p->next_attempt_at);
    sco_json_kz(o, "job_id", p->job_id);
    sco_json_kz(o, "scan_id", p->scan_id);
    sco_json_ki64(o, "revision", p->revision);
    sco_json_ktime(o, "created_at", p->created_at);
    sco_json_ktime(o, "updated_at", p->updated_at);
    sco_json_end(o, '}');
}

/* ---- listed ---- */
struct reading {
    struct sco_publication_page *page;
    size_t limit;
    int64_t last;
};

static int on_listed(void *user, const struct store_value *v, size_t n)
{
    struct reading *rd = user;
    struct sco_publication_page *p = rd->page;
    if (p->n == rd->limit) { /* one more than the page */
        p->cursor = sco_arena_fmt(&p->arena, "%lld", (long long)rd->last);
        return p->cursor ? 0 : SCO_E_NOMEM;
    }
    rd->last = v[PUBLICATION_PK].i;
    return publication_row(p, v, n);
}

static const char *state_name(unsigned i)
{
    return sco_publication_state_name((enum sco_publication_state)i);
}

static size_t add_texts(struct sco_buf *sql, const struct sco_publication_filter *f,
                        struct store_value *v, size_t n)
{
    const struct {
        const char *column, *text;
    } all[] = {{"integration", f->integration},
               {"repository", f->repository},
               {"commit_sha", f->commit_sha}};
    for (size_t i = 0; i < SCO_ARRAY_LEN(all); i++) {
        if (!all[i].text)
            continue;
        v[n++] = sv_text(all[i].text);
        sco_buf_addf(sql, " AND p.%s = $%zu", all[i].column, n);
    }
    if (f->pr_number) {
        v[n++] = sv_i64(f->pr_number);
        sco_buf_addf(sql, " AND p.pr_number = $%zu", n);
    }
    store_one_of(sql, "p.publication", f->states, SCO_PUBLICATION_STATE_MAX_, state_name);
    return n;
}

int sco_store_publications(struct sco_store *s, const struct sco_publication_filter *f,
                           struct sco_publication_page *ret, struct sco_error *err)
{
    struct sco_publication_page page = {0};
    struct reading rd = {.page = &page, .limit = f->limit ? f->limit : 100};
    SCO_AUTO(sco_buf) struct sco_buf sql = {0};
    struct store_value v[6];
    int64_t before = INT64_MAX;
    if (rd.limit > SCO_STORE_PAGE_MAX)
        return sco_error_set(err, SCO_E_INVALID, "a page has at most %d publications",
                             SCO_STORE_PAGE_MAX);
    if (f->cursor && sco_parse_i64(sco_str_c(f->cursor), 1, INT64_MAX, &before) < 0)
        return sco_error_set(err, SCO_E_INVALID, "\"%s\" is no cursor", f->cursor);
    v[0] = sv_i64(before);
    sco_buf_addz(&sql, PUBLICATION_COLUMNS "WHERE p.pk < $1");
    size_t n = add_texts(&sql, f, v, 1);
    v[n++] = sv_i64((int64_t)rd.limit + 1);
    sco_buf_addf(&sql, " ORDER BY p.pk DESC LIMIT $%zu", n);
    page.v = sco_arena_alloc(&page.arena, rd.limit * sizeof *page.v);
    int r = sql.failed || !page.v ? SCO_E_NOMEM
                                  : store_query(s, sco_buf_z(&sql), v, n, on_listed, &rd, err);
    if (r < 0) {
        sco_publication_page_done(&page);
        return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
    }
    *ret = page;
    return 0;
}

/* ---- once more ---- */
int sco_store_publication_again(struct sco_store *s, const char *id, int64_t now,
                                struct sco_error *err)
{
    uint8_t raw[16];
    int64_t n = 0;
    int r = publication_id(id, raw, err);
    if (r < 0)
        return r;
    struct store_value v[] = {sv_i64(now), sv_bytes(STORE_UUID, raw, sizeof raw)};
    r = store_exec(
        s,
        "UPDATE publications SET publication = 'pending', reason = NULL, updated_at = $1 "
        "WHERE id = $2 AND publication <> 'pending'",
        v, SCO_ARRAY_LEN(v), &n, err);
    return r == 0 && !n ? sco_error_set(err, SCO_E_INVALID, "publication %s is pending", id) : r;
}

/* ---- counted ---- */
static int on_counts(void *user, const struct store_value *v, size_t n)
{
    struct sco_publication_counts *c = user;
    (void)n;
    c->pending = (uint64_t)v[0].i;
    c->oldest = v[1].i;
    c->failed = (uint64_t)v[2].i;
    return 0;
}

int sco_store_publication_counts(struct sco_store *s, struct sco_publication_counts *ret,
                                 struct sco_error *err)
{
    struct sco_publication_counts c = {0};
    int r =
        store_query(s,
                    "SELECT (SELECT count(*) FROM publications WHERE publication = 'pending'), "
                    "(SELECT COALESCE(MIN(updated_at), 0) FROM publications WHERE publication = "
                    "'pending'), (SELECT count(*) FROM publications WHERE publication = "
                    "'failed')",
                    NULL, 0, on_counts, &c, err);
    if (r == 0)
        *ret = c;
    return r;
}

/* ---- for polls ---- */
struct names {
    const char **v;
    size_t n;
    struct sco_arena *arena;
};

static int on_name(void *user, const struct store_value *v, size_t n)
{
    struct names *x = user;
    (void)n;
    x->v[x->n] = store_keep(x->arena, &v[0]);
    return x->v[x->n++] ? 0 : SCO_E_NOMEM;
}

int sco_store_poll_repositories(struct sco_store *s, const char *integration, uint32_t limit,
                                struct sco_arena *arena, const char *const **ret,
                                struct sco_error *err)
{
    struct names x = {.arena = arena};
    struct store_value v[] = {sv_text(integration), sv_text(integration), sv_i64(limit)};
    x.v = sco_arena_alloc(arena, ((size_t)limit + 1) * sizeof *x.v);
    /* From one repository to the next, by the index, whatever is published for each. */
    int r = x.v ? store_query(
                      s,
                      "WITH RECURSIVE next (repository) AS (SELECT (SELECT min(repository) FROM "
                      "publications WHERE integration = $1) UNION ALL SELECT (SELECT "
                      "min(p.repository) FROM publications p WHERE p.integration = $2 AND "
                      "p.repository > next.repository) FROM next WHERE next.repository IS NOT "
                      "NULL) SELECT repository FROM next WHERE repository IS NOT NULL LIMIT $3",
                      v, SCO_ARRAY_LEN(v), on_name, &x, err)
                : SCO_E_NOMEM;
    if (r < 0)
        return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
    *ret = x.v;
    return 0;
}

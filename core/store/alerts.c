/* Alerts: added by the daemon, seen to by people. */
#include "store_priv.h"

#include <secureops/crypto.h>
#include <secureops/json.h>
#include <secureops/store_events.h>
#include <secureops/store_stats.h>

#define ALERT_COLUMNS                                                                              \
    "SELECT pk, id, kind, severity, title, message, repository, object, created_at, "              \
    "acknowledged_at, acknowledged_by FROM alerts "

/* ---- adding ---- */
static int tell(struct sco_store *s, const struct sco_stored_alert *a, const char *id,
                struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "alert_id", id);
    sco_json_kz(&o, "kind", a->kind);
    sco_json_kz(&o, "severity", sco_severity_name(a->severity));
    sco_json_kz(&o, "title", a->title);
    sco_json_kz(&o, "text", a->message);
    sco_json_kz(&o, "repository", a->repository);
    sco_json_kz(&o, "object", a->object);
    sco_json_end(&o, '}');
    int r = sco_buf_check(&b, err);
    struct sco_event e = {.type = "notification.alert",
                          .key = a->repository,
                          .at = a->created_at,
                          .data = sco_buf_z(&b)};
    return r < 0 ? r : sco_store_event_add(s, &e, err);
}

int sco_store_alert_add(struct sco_store *s, const struct sco_stored_alert *a, char ret_id[37],
                        struct sco_error *err)
{
    char id[37];
    uint8_t raw[16];
    if (!a->kind || !*a->kind || !a->title || !*a->title || a->severity >= SCO_SEV_MAX_)
        return sco_error_set(err, SCO_E_INVALID, "an alert has a kind, a severity and a title");
    sco_uuid4(id);
    if (!store_uuid_parse(sco_str_c(id), raw))
        return sco_error_set(err, SCO_E_INTERNAL, "no random numbers from the system");
    struct store_value v[] = {
        sv_bytes(STORE_UUID, raw, sizeof raw),
        sv_text(a->kind),
        sv_text(sco_severity_name(a->severity)),
        sv_text(a->title),
        sv_text(a->message ? a->message : ""),
        sv_text(a->repository),
        sv_text(a->object),
        sv_i64(a->created_at),
    };
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = store_exec(s,
                   "INSERT INTO alerts (id, kind, severity, title, message, repository, object, "
                   "created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                   v, SCO_ARRAY_LEN(v), NULL, err);
    if (r == 0)
        r = tell(s, a, id, err);
    r = sco_store_end(s, r, err);
    if (r == 0)
        memcpy(ret_id, id, sizeof id);
    return r;
}

/* ---- reading ---- */
struct reading {
    struct sco_alert_page *page;
    const char *const *globs;
    size_t limit, rows;
    int64_t at, pk;           /* of the last one shown */
    int64_t seen_at, seen_pk; /* of the last one looked at */
    bool more;
};

static bool is_visible(const struct reading *rd, const struct store_value *repository)
{
    if (!rd->globs)
        return true;
    for (size_t i = 0; rd->globs[i]; i++)
        if (repository->type != STORE_NULL && sco_glob_match(rd->globs[i], repository->s))
            return true;
    return false;
}

static int on_alert(void *user, const struct store_value *v, size_t n)
{
    struct reading *rd = user;
    struct sco_alert_page *p = rd->page;
    struct sco_arena *a = &p->arena;
    (void)n;
    rd->rows++;
    rd->seen_at = v[8].i;
    rd->seen_pk = v[0].i;
    if (rd->more || !is_visible(rd, &v[6]))
        return 0;
    if (p->n == rd->limit) {
        rd->more = true;
        return 0;
    }
    struct sco_stored_alert *x = &p->v[p->n++];
    *x = (struct sco_stored_alert){.id = store_uuid_text(a, &v[1]),
                                   .kind = store_keep(a, &v[2]),
                                   .severity = sco_severity_parse(v[3].s),
                                   .title = store_keep(a, &v[4]),
                                   .message = store_keep(a, &v[5]),
                                   .repository = store_keep(a, &v[6]),
                                   .object = store_keep(a, &v[7]),
                                   .created_at = v[8].i,
                                   .acknowledged_at = v[9].i,
                                   .acknowledged_by = store_keep(a, &v[10])};
    rd->at = x->created_at;
    rd->pk = v[0].i;
    return x->id && x->kind && x->title && x->message ? 0 : SCO_E_NOMEM;
}

static int parse_cursor(const char *text, int64_t *ret_at, int64_t *ret_pk, struct sco_error *err)
{
    struct sco_str rest = sco_str_c(text), at = {0}, pk = {0};
    if (sco_str_split(&rest, '.', &at) && sco_str_split(&rest, '.', &pk) &&
        sco_parse_i64(at, INT64_MIN, INT64_MAX, ret_at) == 0 &&
        sco_parse_i64(pk, 0, INT64_MAX, ret_pk) == 0)
        return 0;
    return sco_error_set(err, SCO_E_INVALID,
                         "\"%s\" is no cursor: give the one that the page before ended with", text);
}

/* The next rows of them all, from (rd->seen_at, rd->seen_pk) down. */
static int read_rows(struct sco_store *s, const struct sco_alert_filter *f, struct reading *rd,
                     size_t rows, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf sql = {0};
    struct store_value v[4] = {sv_i64(rd->seen_at), sv_i64(rd->seen_pk)};
    size_t n = 2;
    sco_buf_addz(&sql, ALERT_COLUMNS "WHERE (created_at, pk) < ($1, $2)");
    if (f->waiting)
        sco_buf_addz(&sql, " AND acknowledged_at = 0");
    if (f->kind) {
        v[n++] = sv_text(f->kind);
        sco_buf_addf(&sql, " AND kind = $%zu", n);
    }
    v[n++] = sv_i64((int64_t)rows);
    sco_buf_addf(&sql, " ORDER BY created_at DESC, pk DESC LIMIT $%zu", n);
    rd->rows = 0;
    return sql.failed ? SCO_E_NOMEM : store_query(s, sco_buf_z(&sql), v, n, on_alert, rd, err);
}

/* Who may see only some repositories is decided here, row by row: so many at a time, until the page
 * is full. */
int sco_store_alerts(struct sco_store *s, const struct sco_alert_filter *f,
                     struct sco_alert_page *ret, struct sco_error *err)
{
    struct sco_alert_page page = {0};
    struct reading rd = {.page = &page,
                         .globs = f->repositories,
                         .limit = f->limit ? f->limit : 100,
                         .seen_at = INT64_MAX,
                         .seen_pk = INT64_MAX};
    if (rd.limit > SCO_STORE_PAGE_MAX)
        return sco_error_set(err, SCO_E_INVALID, "a page has at most %d alerts",
                             SCO_STORE_PAGE_MAX);
    int r = f->cursor ? parse_cursor(f->cursor, &rd.seen_at, &rd.seen_pk, err) : 0;
    if (r < 0)
        return r;
    size_t rows = f->repositories ? SCO_STORE_PAGE_MAX : rd.limit + 1;
    page.v = sco_arena_alloc(&page.arena, rd.limit * sizeof *page.v);
    r = page.v ? read_rows(s, f, &rd, rows, err) : SCO_E_NOMEM;
    while (r == 0 && !rd.more && rd.rows == rows && f->repositories)
        r = read_rows(s, f, &rd, rows, err);
    if (r == 0 && rd.more &&
        !(page.cursor =
              sco_arena_fmt(&page.arena, "%lld.%lld", (long long)rd.at, (long long)rd.pk)))
        r = SCO_E_NOMEM;
    if (r < 0)
        sco_alert_page_done(&page);
    else
        *ret = page;
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

int sco_store_alert(struct sco_store *s, const char *id, struct sco_alert_page *ret,
                    struct sco_error *err)
{
    struct sco_alert_page page = {0};
    struct reading rd = {.page = &page, .limit = 1};
    uint8_t raw[16];
    if (!store_uuid_parse(sco_str_c(id), raw))
        return sco_error_set(err, SCO_E_NOT_FOUND, "there is no alert %s", id);
    struct store_value v = sv_bytes(STORE_UUID, raw, sizeof raw);
    page.v = sco_arena_alloc(&page.arena, sizeof *page.v);
    int r = page.v ? store_query(s, ALERT_COLUMNS "WHERE id = $1", &v, 1, on_alert, &rd, err)
                   : SCO_E_NOMEM;
    if (r == 0 && !page.n)
        r = sco_error_set(err, SCO_E_NOT_FOUND, "there is no alert %s", id);
    if (r < 0)
        sco_alert_page_done(&page);
    else
        *ret = page;
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

/* ---- notifications ---- */
int sco_store_alerts_unsent(struct sco_store *s, int64_t since, uint32_t limit,
                            struct sco_alert_page *ret, struct sco_error *err)
{
    struct sco_alert_page page = {0};
    struct reading rd = {.page = &page, .limit = limit};
    struct store_value v[] = {sv_i64(since), sv_i64(limit)};
    page.v = sco_arena_alloc(&page.arena, (limit + 1) * sizeof *page.v);
    int r = page.v ? store_query(s,
                                 ALERT_COLUMNS "WHERE notified_at = 0 AND created_at >= $1 ORDER "
                                               "BY created_at, pk LIMIT $2",
                                 v, SCO_ARRAY_LEN(v), on_alert, &rd, err)
                   : SCO_E_NOMEM;
    if (r < 0)
        sco_alert_page_done(&page);
    else
        *ret = page;
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

int sco_store_alert_notified(struct sco_store *s, const char *id, int64_t now, bool *ret_first,
                             struct sco_error *err)
{
    uint8_t raw[16];
    int64_t n = 0;
    if (!store_uuid_parse(sco_str_c(id), raw))
        return sco_error_set(err, SCO_E_NOT_FOUND, "there is no alert %s", id);
    struct store_value v[] = {sv_i64(now), sv_bytes(STORE_UUID, raw, sizeof raw)};
    int r = store_exec(s, "UPDATE alerts SET notified_at = $1 WHERE id = $2 AND notified_at = 0", v,
                       SCO_ARRAY_LEN(v), &n, err);
    if (r == 0)
        *ret_first = n > 0;
    return r;
}

void sco_alert_page_done(struct sco_alert_page *p)
{
    sco_arena_done(&p->arena);
    memset(p, 0, sizeof *p);
}

int sco_store_alert_acknowledge(struct sco_store *s, const char *id, const char *by, int64_t now,
                                bool *ret_changed, struct sco_error *err)
{
    struct sco_alert_page page = {0};
    uint8_t raw[16];
    int64_t n = 0;
    if (!by || !*by)
        return sco_error_set(err, SCO_E_INVALID, "it has to be said who acknowledges an alert");
    int r = sco_store_alert(s, id, &page, err);
    sco_alert_page_done(&page);
    if (r < 0 || !store_uuid_parse(sco_str_c(id), raw))
        return r;
    struct store_value v[] = {sv_i64(now), sv_text(by), sv_bytes(STORE_UUID, raw, sizeof raw)};
    r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = store_exec(s,
                   "UPDATE alerts SET acknowledged_at = $1, acknowledged_by = $2 WHERE id = $3 AND "
                   "acknowledged_at = 0",
                   v, SCO_ARRAY_LEN(v), &n, err);
    r = sco_store_end(s, r, err);
    if (r == 0)
        *ret_changed = n > 0;
    return r;
}

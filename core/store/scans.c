/* Scans as rows: saved with their scanners, listed, shown. */
#include "store_priv.h"

#include <stdlib.h>

static int64_t count_of(const uint64_t by[SCO_SEV_MAX_], uint32_t severity)
{
    return (int64_t)by[severity];
}

static int take_pk(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(int64_t *)user = v[0].i;
    return 0;
}

static int save_run(struct sco_store *s, int64_t scan, size_t ordinal,
                    const struct sco_scanner_run *r, struct sco_error *err)
{
    struct store_value v[] = {
        sv_i64(scan),
        sv_i64((int64_t)ordinal),
        sv_text(r->name ? r->name : ""),
        sv_text(r->title),
        sv_text(r->tool),
        sv_text(r->version),
        sv_text(r->target),
        sv_text(sco_run_status_name(r->status)),
        sv_text(r->reason),
        sv_text(r->hint),
        sv_bool(r->required),
        sv_bool(r->counts),
        sv_i64(r->started_ms),
        sv_i64(r->duration_ms),
        sv_i64(r->exit_code),
        sv_i64((int64_t)r->reported),
        sv_i64((int64_t)r->dropped),
        sv_i64((int64_t)r->suppressed),
        sv_i64(count_of(r->by_severity, SCO_SEV_CRITICAL)),
        sv_i64(count_of(r->by_severity, SCO_SEV_HIGH)),
        sv_i64(count_of(r->by_severity, SCO_SEV_MEDIUM)),
        sv_i64(count_of(r->by_severity, SCO_SEV_LOW)),
        sv_i64(count_of(r->by_severity, SCO_SEV_INFO)),
    };
    return store_exec(
        s,
        "INSERT INTO scan_scanners (scan_pk, ordinal, name, title, tool, version, target, status, "
        "reason, hint, required, counts, started_at, duration_ms, exit_code, reported, dropped, "
        "suppressed, critical, high, medium, low, info) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
        "$9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)",
        v, SCO_ARRAY_LEN(v), NULL, err);
}

int scan_save(struct sco_store *s, const struct sco_scan *scan, const char *scope, int64_t branch,
              const struct sco_scan_stored *counts, struct sco_error *err)
{
    static const char *const results[] = {"passed", "failed", "incomplete"};
    const struct sco_summary *sum = &scan->summary;
    const struct sco_scan_comparison *c = &scan->comparison;
    const struct store_value none = {.type = STORE_NULL};
    bool compared = sco_is_compared(c);
    uint8_t id[16];
    int64_t pk = 0;
    if (!store_uuid_parse(sco_str_c(scan->id), id))
        return sco_error_set(err, SCO_E_INVALID, "\"%s\" is no id of a scan", scan->id);
    struct store_value v[] = {
        sv_bytes(STORE_UUID, id, sizeof id),
        sv_i64(branch),
        sv_text(scan->command ? scan->command : "scan"),
        sv_text(scope),
        sv_text(scan->target),
        sv_text(scan->commit_sha),
        sv_text(sco_scan_status(scan)),
        sv_text((unsigned)scan->gate.result < 3 ? results[scan->gate.result] : results[2]),
        sv_i64(scan->exit_status),
        sv_text("secureops"),
        sv_text(SCO_VERSION),
        sv_i64(scan->started_ms),
        sv_i64(scan->completed_ms),
        sv_i64((int64_t)sum->findings),
        sv_i64((int64_t)sum->suppressed),
        sv_i64(count_of(sum->by_severity, SCO_SEV_CRITICAL)),
        sv_i64(count_of(sum->by_severity, SCO_SEV_HIGH)),
        sv_i64(count_of(sum->by_severity, SCO_SEV_MEDIUM)),
        sv_i64(count_of(sum->by_severity, SCO_SEV_LOW)),
        sv_i64(count_of(sum->by_severity, SCO_SEV_INFO)),
        sv_i64((int64_t)counts->created),
        sv_i64((int64_t)counts->seen),
        sv_i64((int64_t)counts->changed),
        sv_i64((int64_t)counts->resolved),
        sv_i64((int64_t)counts->reopened),
        sv_i64((int64_t)counts->not_checked),
        sv_text(compared ? c->base ? c->base : c->baseline : NULL),
        sv_text(c->base_sha),
        sv_text(c->merge_base),
        compared
            ? sv_i64((int64_t)(c->by_state[SCO_BASELINE_NEW] + c->by_state[SCO_BASELINE_UPDATED]))
            : none,
        compared ? sv_i64((int64_t)c->by_state[SCO_BASELINE_UNCHANGED]) : none,
    };
    /* tables of a partition for each month cannot say that the id is the only one */
    int r = store_query(s, "SELECT pk FROM scan_results WHERE id = $1", v, 1, take_pk, &pk, err);
    if (r == 0 && pk)
        r = sco_error_set(err, SCO_E_INVALID, "the scan %s is stored already", scan->id);
    if (r < 0)
        return r;
    r = store_query(
        s,
        "INSERT INTO scan_results (id, branch_pk, scan_type, scope, target, commit_sha, status, "
        "gate_result, exit_status, tool_name, tool_version, started_at, completed_at, findings, "
        "suppressed, critical, high, medium, low, info, created, seen, changed, resolved, "
        "reopened, not_checked, base, base_sha, merge_base, new_findings, unchanged) VALUES ($1, "
        "$2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, "
        "$14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31) "
        "RETURNING pk",
        v, SCO_ARRAY_LEN(v), take_pk, &pk, err);
    for (size_t i = 0; i < scan->n_runs && r == 0; i++)
        r = save_run(s, pk, i, &scan->runs[i], err);
    return r;
}

/* ---- reading ---- */
#define SCAN_COLUMNS                                                                               \
    "SELECT s.pk, s.id, s.scan_type, b.repository, b.branch, s.scope, s.target, s.commit_sha, "    \
    "s.status, s.gate_result, s.exit_status, s.tool_name, s.tool_version, s.started_at, "          \
    "s.completed_at, s.findings, s.suppressed, s.critical, s.high, s.medium, s.low, s.info, "      \
    "s.created, s.seen, s.changed, s.resolved, s.reopened, s.not_checked, s.base, s.base_sha, "    \
    "s.merge_base, s.new_findings, s.unchanged FROM scan_results s "                               \
    "JOIN branches b ON b.pk = s.branch_pk "

struct reading {
    struct sco_scan_page *page;
    size_t cap, limit;
    int64_t pk; /* of the last one */
};

static int on_scan(void *user, const struct store_value *v, size_t n)
{
    struct reading *rd = user;
    struct sco_scan_page *p = rd->page;
    struct sco_arena *a = &p->arena;
    (void)n;
    if (p->n == rd->limit) { /* there is one more: the page has a next one */
        const struct sco_stored_scan *last = &p->v[p->n - 1];
        p->cursor = sco_arena_fmt(a, "%lld.%lld", (long long)last->completed_at, (long long)rd->pk);
        return p->cursor ? 0 : SCO_E_NOMEM;
    }
    struct sco_stored_scan *x = &p->v[p->n++];
    *x = (struct sco_stored_scan){.id = store_uuid_text(a, &v[1]),
                                  .scan_type = store_keep(a, &v[2]),
                                  .repository = store_keep(a, &v[3]),
                                  .branch = store_keep(a, &v[4]),
                                  .scope = store_keep(a, &v[5]),
                                  .target = store_keep(a, &v[6]),
                                  .commit_sha = store_keep(a, &v[7]),
                                  .status = store_keep(a, &v[8]),
                                  .gate_result = store_keep(a, &v[9]),
                                  .exit_status = v[10].i,
                                  .tool_name = store_keep(a, &v[11]),
                                  .tool_version = store_keep(a, &v[12]),
                                  .started_at = v[13].i,
                                  .completed_at = v[14].i,
                                  .findings = v[15].i,
                                  .suppressed = v[16].i,
                                  .base = store_keep(a, &v[28]),
                                  .base_sha = store_keep(a, &v[29]),
                                  .merge_base = store_keep(a, &v[30]),
                                  .new_findings = v[31].i,
                                  .unchanged = v[32].i};
    for (uint32_t i = 0; i < 5; i++)
        x->by_severity[SCO_SEV_CRITICAL - i] = v[17 + i].i;
    x->stored = (struct sco_scan_stored){.created = (uint64_t)v[22].i,
                                         .seen = (uint64_t)v[23].i,
                                         .changed = (uint64_t)v[24].i,
                                         .resolved = (uint64_t)v[25].i,
                                         .reopened = (uint64_t)v[26].i,
                                         .not_checked = (uint64_t)v[27].i};
    rd->pk = v[0].i;
    return x->id && x->scan_type && x->repository && x->branch && x->scope && x->status
               ? 0
               : SCO_E_NOMEM;
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

int sco_store_scans(struct sco_store *s, const struct sco_store_scan_filter *f,
                    struct sco_scan_page *ret, struct sco_error *err)
{
    struct sco_scan_page page = {0};
    struct reading rd = {.page = &page, .limit = f->limit ? f->limit : 100};
    int64_t at = f->oldest_first ? INT64_MIN : INT64_MAX, pk = at;
    const char *down = f->oldest_first ? "" : " DESC";
    struct store_value v[7];
    size_t n = 0;
    SCO_AUTO(sco_buf) struct sco_buf sql = {0};
    if (rd.limit > SCO_STORE_PAGE_MAX)
        return sco_error_set(err, SCO_E_INVALID, "a page has at most %d scans", SCO_STORE_PAGE_MAX);
    int r = f->cursor ? parse_cursor(f->cursor, &at, &pk, err) : 0;
    if (r < 0)
        return r;
    v[n++] = sv_i64(at);
    v[n++] = sv_i64(pk);
    sco_buf_addf(&sql, SCAN_COLUMNS "WHERE (s.completed_at, s.pk) %s ($1, $2)",
                 f->oldest_first ? ">" : "<");
    const struct {
        const char *column, *value;
    } same[] = {{"b.repository", f->repository}, {"b.branch", f->branch}, {"s.status", f->status}};
    for (size_t i = 0; i < SCO_ARRAY_LEN(same); i++)
        if (same[i].value) {
            v[n++] = sv_text(same[i].value);
            sco_buf_addf(&sql, " AND %s = $%zu", same[i].column, n);
        }
    SCO_AUTO(sco_buf) struct sco_buf list = {0};
    if (f->repositories) {
        r = store_scope(s, f->repositories, &list, err);
        if (r < 0)
            return r;
        v[n++] = sv_text(sco_buf_z(&list));
        sco_buf_addf(&sql, " AND s.branch_pk IN (SELECT pk FROM branches WHERE $%zu", n);
        sco_buf_addz(&sql, STORE_SCOPE_HAS_PK ")");
        sql.failed |= list.failed;
    }
    v[n++] = sv_i64((int64_t)rd.limit + 1);
    sco_buf_addf(&sql, " ORDER BY s.completed_at%s, s.pk%s LIMIT $%zu", down, down, n);
    page.v = sco_arena_alloc(&page.arena, (rd.limit + 1) * sizeof *page.v);
    r = sql.failed || !page.v ? sco_error_nomem(err)
                              : store_query(s, sco_buf_z(&sql), v, n, on_scan, &rd, err);
    if (r < 0)
        sco_scan_page_done(&page);
    else
        *ret = page;
    return r;
}

static int on_run(void *user, const struct store_value *v, size_t n)
{
    struct reading *rd = user;
    struct sco_arena *a = &rd->page->arena;
    struct sco_stored_scan *scan = rd->page->v;
    (void)n;
    if (SCO_VEC_PUSH(scan->runs, scan->n_runs, rd->cap) < 0)
        return SCO_E_NOMEM;
    struct sco_stored_run *x = &scan->runs[scan->n_runs++];
    *x = (struct sco_stored_run){.name = store_keep(a, &v[0]),
                                 .title = store_keep(a, &v[1]),
                                 .tool = store_keep(a, &v[2]),
                                 .version = store_keep(a, &v[3]),
                                 .target = store_keep(a, &v[4]),
                                 .status = store_keep(a, &v[5]),
                                 .reason = store_keep(a, &v[6]),
                                 .hint = store_keep(a, &v[7]),
                                 .required = v[8].i != 0,
                                 .counts = v[9].i != 0,
                                 .started_at = v[10].i,
                                 .duration_ms = v[11].i,
                                 .exit_code = v[12].i,
                                 .reported = v[13].i,
                                 .dropped = v[14].i,
                                 .suppressed = v[15].i};
    for (uint32_t i = 0; i < 5; i++)
        x->by_severity[SCO_SEV_CRITICAL - i] = v[16 + i].i;
    return x->name && x->status ? 0 : SCO_E_NOMEM;
}

int sco_store_scan(struct sco_store *s, const char *id, struct sco_scan_page *ret,
                   struct sco_error *err)
{
    uint8_t raw[16];
    struct sco_scan_page page = {0};
    struct reading rd = {.page = &page, .limit = 1};
    if (!store_uuid_parse(sco_str_c(id), raw))
        return sco_error_set(err, SCO_E_INVALID,
                             "\"%s\" is no id of a scan; \"secureops scans list\" shows them", id);
    struct store_value v = sv_bytes(STORE_UUID, raw, sizeof raw);
    page.v = sco_arena_alloc(&page.arena, sizeof *page.v);
    int r = page.v ? store_query(s, SCAN_COLUMNS "WHERE s.id = $1", &v, 1, on_scan, &rd, err)
                   : sco_error_nomem(err);
    if (r == 0 && !page.n)
        r = sco_error_set(err, SCO_E_NOT_FOUND,
                          "there is no scan %s; \"secureops scans list\" shows what there is", id);
    struct store_value pk = sv_i64(rd.pk);
    if (r == 0)
        r = store_query(s,
                        "SELECT name, title, tool, version, target, status, reason, hint, "
                        "required, counts, started_at, duration_ms, exit_code, reported, dropped, "
                        "suppressed, critical, high, medium, low, info FROM scan_scanners WHERE "
                        "scan_pk = $1 ORDER BY ordinal",
                        &pk, 1, on_run, &rd, err);
    if (r < 0)
        sco_scan_page_done(&page);
    else
        *ret = page;
    return r;
}

void sco_scan_page_done(struct sco_scan_page *p)
{
    for (size_t i = 0; p->v && i < p->n; i++)
        free(p->v[i].runs);
    sco_arena_done(&p->arena);
    memset(p, 0, sizeof *p);
}

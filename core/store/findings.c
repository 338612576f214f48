/* Findings as they are stored: lists, one of them, and as JSON. */
#include "store_priv.h"

#include <secureops/fs.h>

#include <stdlib.h>

enum { ID_PART_MIN = 8 };

#define FINDING_COLUMNS                                                                            \
    "SELECT v.pk, v.id, b.repository, b.branch, v.fingerprint, v.vulnerability_type, v.severity, " \
    "v.status, v.suppressed, v.risk_score, v.title, v.rule_id, v.file_path, v.cve_id, v.tools, "   \
    "v.line_number, v.first_detected, v.last_detected, v.resolved_at, v.accepted_until, "          \
    "v.first_scan, v.last_scan, v.resolved_by, v.status_by, v.status_reason, d.content, "          \
    "v.assignee FROM vulnerabilities v JOIN branches b ON b.pk = v.branch_pk "                     \
    "JOIN vulnerability_details d ON d.pk = v.pk "

/* ---- orders ---- */
/* By severity there is an index of (severity, risk_score, pk): one of its parts after the other is
 * the order by severity, and the first few of each hold the first few by risk. Ids begin with
 * first_detected and are indexed anyway. By last_detected there is none: every scan writes it, to
 * every finding that it sees, and an index of it would cost more than the merge does. So there, and
 * wherever a repository is named, the findings of this one are read and sorted. */
#define SEVERITY_RANK                                                                              \
    "CASE v.severity WHEN 'CRITICAL' THEN 5 WHEN 'HIGH' THEN 4 WHEN 'MEDIUM' THEN 3 WHEN 'LOW' "   \
    "THEN 2 ELSE 1 END"
static const struct {
    const char *name, *keys[3];
} sorts[SCO_SORT_MAX_] = {
    [SCO_SORT_RISK] = {"risk_score", {"v.risk_score", "v.pk"}},
    [SCO_SORT_SEVERITY] = {"severity", {SEVERITY_RANK, "v.risk_score", "v.pk"}},
    [SCO_SORT_FIRST_DETECTED] = {"first_detected", {"v.id"}},
    [SCO_SORT_LAST_DETECTED] = {"last_detected", {"v.last_detected", "v.pk"}},
};

/* Behind this one the next page begins. */
struct place {
    uint32_t severity;
    double risk;
    int64_t last, pk;
    uint8_t id[16];
};

const char *sco_store_sort_name(enum sco_store_sort sort)
{
    return (unsigned)sort < SCO_SORT_MAX_ ? sorts[sort].name : NULL;
}

int sco_store_sort_parse(const char *text, struct sco_store_filter *f, struct sco_error *err)
{
    struct sco_str name = sco_str_c(text);
    bool down = sco_str_starts(name, "-");
    name.p += down;
    name.n -= down;
    for (unsigned i = 0; i < SCO_SORT_MAX_; i++)
        if (sco_str_is(name, sorts[i].name)) {
            f->sort = (enum sco_store_sort)i;
            f->ascending = !down;
            return 0;
        }
    return sco_error_set(err, SCO_E_INVALID,
                         "findings are sorted by risk_score, severity, first_detected or "
                         "last_detected, with - before it from the highest down, not \"%s\"",
                         text);
}

struct reading {
    struct sco_finding_page *page;
    const int64_t *sla_ms;
    size_t limit;
    enum sco_store_sort sort;
    struct place place; /* of the last one */
};

static const char *cursor_of(const struct reading *rd, struct sco_arena *a)
{
    const struct place *p = &rd->place;
    char id[37];
    switch (rd->sort) {
    case SCO_SORT_RISK:
        return sco_arena_fmt(a, "%.17g_%lld", p->risk, (long long)p->pk);
    case SCO_SORT_SEVERITY:
        return sco_arena_fmt(a, "%u_%.17g_%lld", p->severity, p->risk, (long long)p->pk);
    case SCO_SORT_FIRST_DETECTED:
        store_uuid_format(p->id, id);
        return sco_arena_fmt(a, "%s", id);
    default:
        return sco_arena_fmt(a, "%lld_%lld", (long long)p->last, (long long)p->pk);
    }
}

static int on_finding(void *user, const struct store_value *v, size_t n)
{
    struct reading *rd = user;
    struct sco_finding_page *p = rd->page;
    struct sco_arena *a = &p->arena;
    char hex[65] = "";
    (void)n;
    if (p->n == rd->limit) {
        p->cursor = cursor_of(rd, a);
        return p->cursor ? 0 : SCO_E_NOMEM;
    }
    if (v[4].s.n == SCO_FINGERPRINT_LEN)
        sco_fingerprint_hex((const uint8_t *)v[4].s.p, hex);
    struct sco_stored_finding *x = &p->v[p->n++];
    *x = (struct sco_stored_finding){.id = store_uuid_text(a, &v[1]),
                                     .repository = store_keep(a, &v[2]),
                                     .branch = store_keep(a, &v[3]),
                                     .fingerprint = sco_arena_cstr(a, sco_str_c(hex)),
                                     .type = sco_type_parse(v[5].s),
                                     .severity = sco_severity_parse(v[6].s),
                                     .suppressed = v[8].i != 0,
                                     .risk_score = v[9].real,
                                     .title = store_keep(a, &v[10]),
                                     .rule_id = store_keep(a, &v[11]),
                                     .file_path = store_keep(a, &v[12]),
                                     .cve_id = store_keep(a, &v[13]),
                                     .tools = store_keep(a, &v[14]),
                                     .line_number = v[15].i,
                                     .first_detected = v[16].i,
                                     .last_detected = v[17].i,
                                     .resolved_at = v[18].i,
                                     .accepted_until = v[19].i,
                                     .first_scan = store_uuid_text(a, &v[20]),
                                     .last_scan = store_uuid_text(a, &v[21]),
                                     .resolved_by = store_keep(a, &v[22]),
                                     .status_by = store_keep(a, &v[23]),
                                     .status_reason = store_keep(a, &v[24]),
                                     .content = store_keep(a, &v[25]),
                                     .assignee = store_keep(a, &v[26])};
    for (int i = 0; i < SCO_STATUS_MAX_; i++)
        if (sco_str_is(v[7].s, sco_status_name((enum sco_status)i)))
            x->status = (enum sco_status)i;
    bool open = x->status == SCO_STATUS_OPEN || x->status == SCO_STATUS_IN_PROGRESS;
    if (open && x->severity < SCO_SEV_MAX_ && rd->sla_ms[x->severity])
        x->due_at = x->first_detected + rd->sla_ms[x->severity];
    rd->place = (struct place){
        .severity = x->severity, .risk = v[9].real, .last = x->last_detected, .pk = v[0].i};
    if (v[1].s.n == sizeof rd->place.id)
        memcpy(rd->place.id, v[1].s.p, sizeof rd->place.id);
    return x->id && x->repository && x->branch && x->fingerprint && x->tools && x->content
               ? 0
               : SCO_E_NOMEM;
}

/* ---- lists ---- */
struct question {
    struct sco_buf sql;
    struct store_value v[STORE_PARAMS_MAX];
    size_t n;
    struct place place; /* of the cursor: v points to it */
    struct sco_arena arena;
};

static void param(struct question *q, const char *before, struct store_value v)
{
    SCO_BUG_ON(q->n >= STORE_PARAMS_MAX);
    q->v[q->n++] = v;
    sco_buf_addf(&q->sql, "%s$%zu", before, q->n);
}

static const char *status_name(uint32_t i)
{
    return sco_status_name((enum sco_status)i);
}

static void same(struct question *q, const char *column, const char *value)
{
    if (!value)
        return;
    sco_buf_addf(&q->sql, " AND %s = ", column);
    param(q, "", sv_text(value));
}

/* A file, or all below a folder: "src" is in ["src/", "src0"), since 0 follows the slash. */
static void below(struct question *q, const char *path)
{
    if (!path || !*path || strcmp(path, ".") == 0)
        return;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_path_normalize(&b, sco_str_c(path));
    struct sco_str clean = sco_buf_str(&b);
    while (clean.n && clean.p[clean.n - 1] == '/')
        clean.n--;
    const char *exact = sco_arena_cstr(&q->arena, clean);
    const char *from = sco_arena_fmt(&q->arena, "%.*s/", SCO_STR_ARG(clean));
    const char *to = sco_arena_fmt(&q->arena, "%.*s0", SCO_STR_ARG(clean));
    q->sql.failed |= b.failed || !exact || !from || !to;
    param(q, " AND (v.file_path = ", sv_text(exact));
    param(q, " OR (v.file_path >= ", sv_text(from));
    param(q, " AND v.file_path < ", sv_text(to));
    sco_buf_addz(&q->sql, "))");
}

static void with_tool(struct question *q, const char *tool)
{
    if (!tool)
        return;
    const char *name = sco_arena_fmt(&q->arena, ",%s,", tool);
    q->sql.failed |= !name;
    param(q, " AND replace(lower(',' || v.tools || ','), lower(", sv_text(name));
    sco_buf_addz(&q->sql, "), '') <> lower(',' || v.tools || ',')");
}

static bool parse_place(const struct sco_store_filter *f, struct place *ret)
{
    struct sco_str rest = sco_str_c(f->cursor), part[3] = {0};
    size_t n = 0;
    int64_t rank = 0;
    while (n < 3 && sco_str_split(&rest, '_', &part[n]))
        n++;
    bool by_pk = f->sort != SCO_SORT_FIRST_DETECTED;
    if (rest.p || n != (f->sort == SCO_SORT_SEVERITY ? 3 : 1 + (size_t)by_pk) ||
        (by_pk && sco_parse_i64(part[n - 1], 0, INT64_MAX, &ret->pk) < 0))
        return false;
    switch (f->sort) {
    case SCO_SORT_RISK:
        return sco_parse_real(part[0], &ret->risk) == 0;
    case SCO_SORT_SEVERITY:
        if (sco_parse_i64(part[0], SCO_SEV_INFO, SCO_SEV_MAX_ - 1, &rank) < 0)
            return false;
        ret->severity = (uint32_t)rank;
        return sco_parse_real(part[1], &ret->risk) == 0;
    case SCO_SORT_FIRST_DETECTED:
        return store_uuid_parse(part[0], ret->id);
    default:
        return sco_parse_i64(part[0], INT64_MIN, INT64_MAX, &ret->last) == 0;
    }
}

/* Each key is the same as the place's up to one that lies behind it. */
static void after(struct question *q, const struct sco_store_filter *f, const struct place *p,
                  bool in_part)
{
    const struct store_value of[SCO_SORT_MAX_][3] = {
        [SCO_SORT_RISK] = {sv_real(p->risk), sv_i64(p->pk)},
        [SCO_SORT_SEVERITY] = {sv_i64(p->severity), sv_real(p->risk), sv_i64(p->pk)},
        [SCO_SORT_FIRST_DETECTED] = {sv_bytes(STORE_UUID, p->id, sizeof p->id)},
        [SCO_SORT_LAST_DETECTED] = {sv_i64(p->last), sv_i64(p->pk)},
    };
    const char *const *keys = sorts[f->sort].keys, *op = f->ascending ? ">" : "<";
    size_t first = in_part && f->sort == SCO_SORT_SEVERITY;
    sco_buf_addf(&q->sql, " AND %s %s= ", keys[first], op); /* where the index begins */
    param(q, "", of[f->sort][first]);
    for (size_t i = first; i < SCO_ARRAY_LEN(sorts[0].keys) && keys[i]; i++) {
        sco_buf_addz(&q->sql, i == first ? " AND ((" : " OR (");
        for (size_t k = first; k < i; k++) {
            sco_buf_addf(&q->sql, "%s = ", keys[k]);
            param(q, "", of[f->sort][k]);
            sco_buf_addz(&q->sql, " AND ");
        }
        sco_buf_addf(&q->sql, "%s %s ", keys[i], op);
        param(q, "", of[f->sort][i]);
        sco_buf_addc(&q->sql, ')');
    }
    sco_buf_addc(&q->sql, ')');
}

/* Open for longer than its severity may be. */
static void overdue(struct sco_store *s, struct question *q, const struct sco_store_filter *f)
{
    if (!f->overdue)
        return;
    sco_buf_addz(&q->sql, " AND v.status IN ('OPEN', 'IN_PROGRESS') AND (1 = 0");
    for (uint32_t i = 0; i < SCO_SEV_MAX_; i++) {
        if (!s->sla_ms[i])
            continue;
        param(q, " OR (v.severity = ", sv_text(sco_severity_name(i)));
        param(q, " AND v.first_detected < ", sv_i64(f->now - s->sla_ms[i]));
        sco_buf_addc(&q->sql, ')');
    }
    sco_buf_addc(&q->sql, ')');
}

/* The branches of the repositories that may be seen. */
static int within(struct sco_store *s, struct question *q, const char *const *globs,
                  struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf list = {0};
    if (!globs)
        return 0;
    int r = store_scope(s, globs, &list, err);
    const char *kept = r == 0 ? sco_arena_cstr(&q->arena, sco_buf_str(&list)) : NULL;
    if (!kept)
        return r < 0 ? r : sco_error_nomem(err);
    param(q, " AND v.branch_pk IN (SELECT pk FROM branches WHERE ", sv_text(kept));
    sco_buf_addz(&q->sql, STORE_SCOPE_HAS_PK ")");
    return 0;
}

static void order_by(struct question *q, const struct sco_store_filter *f, size_t first)
{
    const char *const *keys = sorts[f->sort].keys, *gap = " ORDER BY ";
    for (size_t i = first; i < SCO_ARRAY_LEN(sorts[0].keys) && keys[i]; i++, gap = ", ")
        sco_buf_addf(&q->sql, "%s%s%s", gap, keys[i], f->ascending ? "" : " DESC");
}

static int matching(struct sco_store *s, struct question *q, const struct sco_store_filter *f,
                    uint32_t severities, struct sco_error *err)
{
    sco_buf_addz(&q->sql, " FROM vulnerabilities v JOIN branches b ON b.pk = v.branch_pk WHERE "
                          "1 = 1");
    store_one_of(&q->sql, "v.severity", severities, SCO_SEV_MAX_, sco_severity_name);
    store_one_of(&q->sql, "v.status",
                 f->statuses ? f->statuses : 1u << SCO_STATUS_OPEN | 1u << SCO_STATUS_IN_PROGRESS,
                 SCO_STATUS_MAX_, status_name);
    if (!f->suppressed)
        sco_buf_addz(&q->sql, " AND NOT v.suppressed");
    same(q, "b.repository", f->repository);
    same(q, "b.branch", f->branch);
    store_one_of(&q->sql, "v.vulnerability_type", f->types, SCO_TYPE_MAX_, sco_type_name);
    same(q, "v.rule_id", f->rule);
    same(q, "v.cve_id", f->cve);
    with_tool(q, f->tool);
    below(q, f->path);
    overdue(s, q, f);
    if (f->assignee && *f->assignee)
        same(q, "v.assignee", f->assignee);
    else if (f->assignee)
        sco_buf_addz(&q->sql, " AND v.assignee IS NULL");
    return within(s, q, f->repositories, err);
}

/* The first of each severity, in the order of its part of the index; and the first of these. */
static int in_parts(struct sco_store *s, struct question *q, const struct sco_store_filter *f,
                    const struct place *p, uint32_t limit, struct sco_error *err)
{
    bool by_severity = f->sort == SCO_SORT_SEVERITY;
    const char *gap = "SELECT pk FROM (", *down = f->ascending ? "" : " DESC";
    int r = 0;
    for (uint32_t i = SCO_SEV_INFO; i < SCO_SEV_MAX_ && r == 0; i++) {
        bool done = p && by_severity && (f->ascending ? i < p->severity : i > p->severity);
        if (i < f->min_severity || done)
            continue;
        sco_buf_addf(&q->sql, "%sSELECT * FROM (SELECT %u AS severity, v.risk_score, v.pk", gap, i);
        r = matching(s, q, f, 1u << i, err);
        if (p && (!by_severity || i == p->severity))
            after(q, f, p, true);
        order_by(q, f, by_severity);
        param(q, " LIMIT ", sv_i64((int64_t)limit + 1));
        sco_buf_addf(&q->sql, ") part_%u", i);
        gap = " UNION ALL ";
    }
    if (*gap == 'S') /* all before the place */
        sco_buf_addz(&q->sql, "SELECT pk FROM (SELECT 0 AS severity, 0 AS risk_score, 0 AS pk");
    sco_buf_addf(&q->sql, ") parts ORDER BY %s%srisk_score%s, pk%s", by_severity ? "severity" : "",
                 !by_severity   ? ""
                 : f->ascending ? ", "
                                : " DESC, ",
                 down, down);
    param(q, " LIMIT ", sv_i64((int64_t)limit + 1));
    return r;
}

static int in_one(struct sco_store *s, struct question *q, const struct sco_store_filter *f,
                  const struct place *p, uint32_t limit, struct sco_error *err)
{
    uint32_t severities = 0;
    for (uint32_t i = f->min_severity; i && i < SCO_SEV_MAX_; i++)
        severities |= 1u << i;
    sco_buf_addz(&q->sql, "SELECT v.pk");
    int r = matching(s, q, f, severities, err);
    if (p)
        after(q, f, p, false);
    order_by(q, f, 0);
    param(q, " LIMIT ", sv_i64((int64_t)limit + 1));
    return r;
}

static int ask(struct sco_store *s, struct question *q, const struct sco_store_filter *f,
               uint32_t limit, struct sco_error *err)
{
    const struct place *p = f->cursor ? &q->place : NULL;
    if (p && !parse_place(f, &q->place))
        return sco_error_set(err, SCO_E_INVALID,
                             "\"%s\" is no cursor: give the one that the page before ended with",
                             f->cursor);
    bool parts =
        !f->repository && !f->cve && (f->sort == SCO_SORT_RISK || f->sort == SCO_SORT_SEVERITY);
    /* which ones, and only then what they are: nothing else of the others is read */
    sco_buf_addz(&q->sql, FINDING_COLUMNS "WHERE v.pk IN (");
    int r = (parts ? in_parts : in_one)(s, q, f, p, limit, err);
    sco_buf_addc(&q->sql, ')');
    order_by(q, f, 0);
    return r < 0 ? r : sco_buf_check(&q->sql, err);
}

int sco_store_findings(struct sco_store *s, const struct sco_store_filter *f,
                       struct sco_finding_page *ret, struct sco_error *err)
{
    struct sco_finding_page page = {0};
    struct question q = {0};
    uint32_t limit = f->limit ? f->limit : 100;
    if (limit > SCO_STORE_PAGE_MAX)
        return sco_error_set(err, SCO_E_INVALID, "a page has at most %d findings",
                             SCO_STORE_PAGE_MAX);
    if ((unsigned)f->sort >= SCO_SORT_MAX_ || (f->sort == SCO_SORT_LAST_DETECTED && !f->repository))
        return sco_error_set(err, SCO_E_INVALID,
                             "by last_detected the findings of one repository are sorted: say "
                             "which");
    struct reading rd = {.page = &page, .sla_ms = s->sla_ms, .limit = limit, .sort = f->sort};
    int r = ask(s, &q, f, limit, err);
    page.v = sco_arena_alloc(&page.arena, (size_t)limit * sizeof *page.v);
    if (r == 0 && !page.v)
        r = sco_error_nomem(err);
    if (r == 0)
        r = store_query(s, sco_buf_z(&q.sql), q.v, q.n, on_finding, &rd, err);
    sco_buf_done(&q.sql);
    sco_arena_done(&q.arena);
    if (r < 0)
        sco_finding_page_done(&page);
    else
        *ret = page;
    return r;
}

void sco_finding_page_done(struct sco_finding_page *p)
{
    sco_arena_done(&p->arena);
    memset(p, 0, sizeof *p);
}

/* ---- one ---- */
/* The bytes that ids or fingerprints with this start lie between. `dashes`: of a UUID. */
static bool range_of(struct sco_str text, bool dashes, uint8_t *from, uint8_t *to, size_t n)
{
    size_t digits = 0;
    memset(from, 0, n);
    memset(to, 0xff, n);
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool dash = dashes && (i == 8 || i == 13 || i == 18 || i == 23);
        if (dash && c == '-')
            continue;
        uint8_t v = (uint8_t)(c >= '0' && c <= '9'   ? c - '0'
                              : c >= 'a' && c <= 'f' ? c - 'a' + 10
                              : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                     : 255);
        if (v > 15 || dash || digits >= 2 * n)
            return false;
        uint8_t shift = digits % 2 ? 0 : 4;
        from[digits / 2] = (uint8_t)(from[digits / 2] | v << shift);
        to[digits / 2] = (uint8_t)((to[digits / 2] & ~(15 << shift)) | v << shift);
        digits++;
    }
    return digits >= ID_PART_MIN;
}

static int find_between(struct sco_store *s, const char *sql, uint32_t type, const uint8_t *from,
                        const uint8_t *to, size_t n, struct reading *rd, struct sco_error *err)
{
    struct store_value v[] = {sv_bytes(type, from, n), sv_bytes(type, to, n)};
    return store_query(s, sql, v, 2, on_finding, rd, err);
}

int sco_store_finding(struct sco_store *s, const char *id, struct sco_finding_page *ret,
                      struct sco_error *err)
{
    uint8_t from[32], to[32];
    struct sco_finding_page page = {0};
    struct reading rd = {.page = &page, .sla_ms = s->sla_ms, .limit = 2};
    struct sco_str text = sco_str_c(id);
    bool as_id = range_of(text, true, from, to, 16), as_fingerprint = false;
    page.v = sco_arena_alloc(&page.arena, 2 * sizeof *page.v);
    int r = page.v ? 0 : sco_error_nomem(err);
    if (r == 0 && as_id)
        r = find_between(s, FINDING_COLUMNS "WHERE v.id BETWEEN $1 AND $2 LIMIT 2", STORE_UUID,
                         from, to, 16, &rd, err);
    if (r == 0 && !page.n && (as_fingerprint = range_of(text, false, from, to, 32)))
        r = find_between(s, FINDING_COLUMNS "WHERE v.fingerprint BETWEEN $1 AND $2 LIMIT 2",
                         STORE_BLOB, from, to, 32, &rd, err);
    if (r == 0 && !as_id && !as_fingerprint)
        r = sco_error_set(err, SCO_E_INVALID,
                          "\"%s\" is no id of a finding: a UUID, a fingerprint, or %d or more "
                          "digits that one starts with",
                          id, ID_PART_MIN);
    else if (r == 0 && !page.n)
        r = sco_error_set(err, SCO_E_NOT_FOUND,
                          "there is no finding %s; \"secureops findings list\" shows what there is",
                          id);
    else if (r == 0 && page.n > 1)
        r = sco_error_set(
            err, SCO_E_INVALID, "several findings start with %s, for example %s and %s%s", id,
            page.v[0].id, page.v[1].id, as_fingerprint ? " (on several branches?)" : "");
    if (r < 0)
        sco_finding_page_done(&page);
    else
        *ret = page;
    return r;
}

/* ---- JSON ---- */
static void put_time(struct sco_json_out *o, const char *key, int64_t at)
{
    char text[SCO_TIME_LEN];
    if (!at)
        return;
    sco_time_format(at, text);
    sco_json_kz(o, key, text);
}

int sco_stored_finding_write(struct sco_json_out *o, const struct sco_stored_finding *f,
                             struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *content = NULL;
    int r = sco_json_parse(sco_str_c(f->content), &arena, &content, err);
    if (r < 0)
        return sco_error_prefix(err, "finding %s", f->id);
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", f->id);
    sco_json_kz(o, "repository", f->repository);
    sco_json_kz(o, "branch", f->branch);
    sco_json_kz(o, "status", sco_status_name(f->status));
    sco_json_kz(o, "status_by", f->status_by);
    sco_json_kz(o, "status_reason", f->status_reason);
    sco_json_kz(o, "assignee", f->assignee);
    put_time(o, "accepted_until", f->accepted_until);
    put_time(o, "first_detected", f->first_detected);
    put_time(o, "last_detected", f->last_detected);
    put_time(o, "due_at", f->due_at);
    put_time(o, "resolved_at", f->resolved_at);
    sco_json_kz(o, "resolved_by", f->resolved_by);
    sco_json_kz(o, "first_scan", f->first_scan);
    sco_json_kz(o, "last_scan", f->last_scan);
    for (const struct sco_node *m = content->child; m; m = m->next) {
        if (sco_str_is(m->key, "status"))
            continue;
        sco_json_key(o, m->key.p);
        sco_json_node(o, m);
    }
    sco_json_end(o, '}');
    return sco_buf_check(o->b, err);
}

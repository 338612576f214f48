/* The life of findings (docs/store.md): a scan's findings, sorted by fingerprint, are walked side
 * by side with those that the store has of the branch. What each pair means is decided here, once
 * for all databases; merge_write.c writes it. */
#include "merge_priv.h"

#include <stdlib.h>

enum { REASON_MAX = 512 };

struct row { /* of vulnerabilities, as the statement below asks for them */
    int64_t pk, accepted_until, first, last, resolved_at, line;
    const struct store_value *id, *fingerprint, *digest;
    double risk;
    struct sco_str status_by, tools, file_path, scope, severity, title, rule_id, type, cve_id;
    enum sco_status status;
    bool suppressed;
};
static const char rows_sql[] =
    "SELECT pk, id, fingerprint, digest, status, status_by, accepted_until, suppressed, tools, "
    "file_path, scope, first_detected, last_detected, resolved_at, severity, title, line_number, "
    "rule_id, vulnerability_type, cve_id, risk_score FROM vulnerabilities WHERE branch_pk = $1 "
    "ORDER BY fingerprint";

static enum sco_status parse_status(struct sco_str s)
{
    for (int i = 0; i < SCO_STATUS_MAX_; i++)
        if (sco_str_is(s, sco_status_name((enum sco_status)i)))
            return (enum sco_status)i;
    return SCO_STATUS_OPEN;
}

static void read_row(const struct store_value *v, struct row *r)
{
    *r = (struct row){.pk = v[0].i,
                      .id = &v[1],
                      .fingerprint = &v[2],
                      .digest = &v[3],
                      .status = parse_status(v[4].s),
                      .status_by = v[5].s,
                      .accepted_until = v[6].i,
                      .suppressed = v[7].i != 0,
                      .tools = v[8].s,
                      .file_path = v[9].s,
                      .scope = v[10].s,
                      .first = v[11].i,
                      .last = v[12].i,
                      .resolved_at = v[13].i,
                      .severity = v[14].s,
                      .title = v[15].s,
                      .line = v[16].i,
                      .rule_id = v[17].s,
                      .type = v[18].s,
                      .cve_id = v[19].s,
                      .risk = v[20].real};
}

/* ---- content ---- */
int merge_content(struct merge *m, const struct sco_finding *f, struct sco_error *err)
{
    struct sco_json_out o = {.b = &m->content};
    sco_buf_clear(&m->content);
    sco_finding_writer_add(m->writer, &o, f);
    return sco_buf_check(&m->content, err);
}

int merge_digest_of(struct sco_sha256 *sha, struct sco_str content, uint8_t ret[DIGEST_LEN])
{
    uint8_t full[SCO_SHA256_LEN];
    sco_sha256_begin(sha);
    sco_sha256_add(sha, content);
    int r = sco_sha256_end(sha, full);
    memcpy(ret, full, DIGEST_LEN);
    return r;
}

static int digest(struct merge *m, const struct sco_finding *f, uint8_t ret[DIGEST_LEN])
{
    if (merge_content(m, f, NULL) < 0)
        return SCO_E_NOMEM;
    return merge_digest_of(m->sha, sco_buf_str(&m->content), ret);
}

void merge_tools(struct sco_buf *b, const struct sco_finding *f)
{
    for (uint32_t i = 0; f->tools && i < f->tools->n; i++) {
        const char *name = f->tools->v[i]->name;
        bool before = !name || !*name;
        for (uint32_t k = 0; k < i && !before; k++)
            before = f->tools->v[k]->name && strcmp(f->tools->v[k]->name, name) == 0;
        if (before)
            continue;
        if (b->n)
            sco_buf_addc(b, ',');
        for (; *name; name++)
            sco_buf_addc(b, *name == ',' ? ' ' : *name);
    }
}

static bool has_tool(const struct sco_finding *f, struct sco_str name)
{
    for (uint32_t i = 0; f->tools && i < f->tools->n; i++)
        if (f->tools->v[i]->name && sco_str_is_nocase(name, f->tools->v[i]->name))
            return true;
    return false;
}

/* A tool that this scan did not ask, or that did not finish, may still say the same. */
static bool keeps_tools(const struct merge *m, const struct sco_finding *f, struct sco_str tools)
{
    struct sco_str one;
    bool ran;
    while (sco_str_split(&tools, ',', &one))
        if (!has_tool(f, one) && !coverage_has_tool(m->coverage, one, &ran))
            return true;
    return false;
}

static void note(struct sco_buf *b, const char *what, struct sco_str from, struct sco_str to)
{
    if (sco_str_eq(from, to))
        return;
    struct sco_str none = SCO_STR("none");
    sco_buf_addf(b, "%s%s %.*s to %.*s", b->n ? "; " : "", what, SCO_STR_ARG(from.n ? from : none),
                 SCO_STR_ARG(to.n ? to : none));
}

/* What people look at and what is different of it; NULL: none of it is. */
static int describe_change(struct merge *m, const struct row *row, const struct sco_finding *f,
                           const char **ret)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    note(&b, "severity", row->severity, sco_str_c(sco_severity_name(f->severity)));
    note(&b, "file", row->file_path, sco_str_c(f->file_path));
    if (row->line != (f->line > 0 ? f->line : 0))
        sco_buf_addf(&b, "%sline %lld to %d", b.n ? "; " : "", (long long)row->line, f->line);
    note(&b, "rule", row->rule_id, sco_str_c(f->rule_id));
    note(&b, "title", row->title, sco_str_c(f->title));
    if (!b.n && !b.failed)
        return 0;
    if (b.n > REASON_MAX) {
        b.n = REASON_MAX;
        while (b.n && ((unsigned char)b.p[b.n] & 0xc0) == 0x80)
            b.n--; /* not within a character */
    }
    *ret = b.failed ? NULL : sco_arena_cstr(&m->arena, sco_buf_str(&b));
    return *ret ? 0 : SCO_E_NOMEM;
}

/* ---- decisions ---- */
static struct merged *add(struct merge *m)
{
    if (SCO_VEC_PUSH(m->v, m->n, m->cap) < 0)
        return NULL;
    struct merged *x = &m->v[m->n++];
    memset(x, 0, sizeof *x);
    return x;
}

/* The next finding of the report, with those that have the same fingerprint. */
static struct merged *take_next(struct merge *m)
{
    struct merged *x = add(m);
    if (!x)
        return NULL;
    x->same = &m->sorted[m->at];
    x->f = x->same[0];
    do
        x->n_same++;
    while (m->at + x->n_same < m->n_sorted &&
           memcmp(x->same[x->n_same]->fingerprint, x->f->fingerprint, SCO_FINGERPRINT_LEN) == 0);
    m->at += x->n_same;
    return x;
}

static bool is_settled(enum sco_status s)
{
    return s == SCO_STATUS_RESOLVED || s == SCO_STATUS_FALSE_POSITIVE || s == SCO_STATUS_ACCEPTED;
}

static void set_state(struct merged *x, enum sco_status to, const char *action, const char *by,
                      const char *reason)
{
    x->to = (uint8_t)to;
    x->state = true;
    x->action = action;
    x->by = by;
    x->reason = reason;
}

static const char *tool_as_author(struct merge *m, const struct sco_finding *f)
{
    const char *name = f->tools && f->tools->n ? f->tools->v[0]->name : NULL;
    return sco_arena_fmt(&m->arena, "tool:%s", name ? name : "unknown");
}

static int decide_new(struct merge *m)
{
    struct merged *x = take_next(m);
    if (!x)
        return SCO_E_NOMEM;
    const struct sco_finding *f = x->f;
    x->created = true;
    x->first = x->last = m->scan->completed_ms;
    x->from = x->to = SCO_STATUS_OPEN;
    m->counts.created++;
    if (is_settled(f->status)) {
        const char *by = tool_as_author(m, f);
        set_state(x, f->status, "status", by, "the report says so");
        if (!by)
            return SCO_E_NOMEM;
    }
    return 0; /* its digest comes with its content */
}

static bool has_expired(const struct merge *m, const struct row *row)
{
    return row->status == SCO_STATUS_ACCEPTED && row->accepted_until &&
           row->accepted_until < m->scan->completed_ms;
}

static int decide_status(struct merge *m, const struct row *row, struct merged *x)
{
    const struct sco_finding *f = x->f;
    if (has_expired(m, row))
        set_state(x, SCO_STATUS_OPEN, "expired", "secureops", "it was accepted until a date");
    if (is_settled(f->status)) {
        if (!is_settled(x->to)) {
            const char *by = tool_as_author(m, f);
            set_state(x, f->status, "status", by, "the report says so");
            return by ? 0 : SCO_E_NOMEM;
        }
    } else if (x->to == SCO_STATUS_RESOLVED) {
        /* what was resolved while this scan was under way is not news of it */
        if (m->scan->started_ms >= row->resolved_at)
            set_state(x, SCO_STATUS_OPEN, "reopened", "scan", "it was reported again");
    } else if (is_settled(x->to) && sco_str_starts(row->status_by, "tool:"))
        set_state(x, SCO_STATUS_OPEN, "status", "scan", "the report no longer says so");
    return 0;
}

static int decide_seen(struct merge *m, const struct row *row)
{
    struct merged *x = take_next(m);
    if (!x)
        return SCO_E_NOMEM;
    x->pk = row->pk;
    memcpy(x->id, row->id->s.p, sizeof x->id);
    x->first = row->first;
    x->last = row->last > m->scan->completed_ms ? row->last : m->scan->completed_ms;
    x->from = x->to = (uint8_t)row->status;
    x->from_severity = (uint8_t)sco_severity_parse(row->severity);
    x->was_suppressed = row->suppressed;
    bool suppressed = x->f->suppressions && x->f->suppressions->n;
    x->suppression = (int8_t)(suppressed - row->suppressed);
    int r = decide_status(m, row, x);
    bool reopened = x->from == SCO_STATUS_RESOLVED && x->to == SCO_STATUS_OPEN;
    m->counts.reopened += reopened;
    m->counts.seen += !reopened;
    if (r == 0)
        r = digest(m, x->f, x->digest);
    if (r < 0 ||
        (row->digest->s.n == DIGEST_LEN && memcmp(row->digest->s.p, x->digest, DIGEST_LEN) == 0))
        return r;
    x->content = true;
    m->counts.changed++;
    if (keeps_tools(m, x->f, row->tools) && !(x->tools = sco_arena_cstr(&m->arena, row->tools)))
        return SCO_E_NOMEM;
    return describe_change(m, row, x->f, &x->change);
}

static const struct merge_gone *keep_gone(struct merge *m, const struct row *row)
{
    struct merge_gone *g = sco_arena_alloc(&m->arena, sizeof *g);
    if (!g)
        return NULL;
    *g = (struct merge_gone){.line = row->line, .risk = row->risk};
    memcpy(g->fingerprint, row->fingerprint->s.p, sizeof g->fingerprint);
    const struct sco_str from[] = {row->type,      row->severity, row->title, row->rule_id,
                                   row->file_path, row->cve_id,   row->tools};
    struct sco_str *const to[] = {&g->type,      &g->severity, &g->title, &g->rule_id,
                                  &g->file_path, &g->cve_id,   &g->tools};
    for (size_t i = 0; i < SCO_ARRAY_LEN(from); i++) {
        const char *copy = sco_arena_cstr(&m->arena, from[i]);
        if (!copy)
            return NULL;
        *to[i] = sco_str_make(copy, from[i].n);
    }
    return g;
}

static int decide_gone(struct merge *m, const struct row *row)
{
    bool expired = has_expired(m, row);
    if (is_settled(row->status) && !expired)
        return 0;
    bool resolved = sco_str_is(row->scope, m->subject->scope) &&
                    coverage_has(m->coverage, row->tools, row->file_path) &&
                    row->last <= m->scan->started_ms; /* nobody has seen it since */
    m->counts.not_checked += !resolved;
    m->counts.resolved += resolved;
    if (!resolved && !expired)
        return 0;
    struct merged *x = add(m);
    if (!x)
        return SCO_E_NOMEM;
    x->pk = row->pk;
    x->first = row->first;
    memcpy(x->id, row->id->s.p, sizeof x->id);
    x->from = (uint8_t)row->status;
    x->from_severity = (uint8_t)sco_severity_parse(row->severity);
    x->was_suppressed = row->suppressed;
    if (resolved && m->s->context.source && !(x->gone = keep_gone(m, row)))
        return SCO_E_NOMEM;
    if (resolved)
        set_state(x, SCO_STATUS_RESOLVED, "resolved", "scan", "a complete scan no longer finds it");
    else
        set_state(x, SCO_STATUS_OPEN, "expired", "secureops", "it was accepted until a date");
    return 0;
}

static int on_row(void *user, const struct store_value *v, size_t n)
{
    struct merge *m = user;
    struct row row;
    (void)n;
    read_row(v, &row);
    if (row.fingerprint->s.n != SCO_FINGERPRINT_LEN || row.id->s.n != 16)
        return sco_error_set(m->err, SCO_E_FORMAT, "finding %lld of the store is damaged",
                             (long long)row.pk);
    int order = 1, r = 0;
    while (r == 0 && m->at < m->n_sorted &&
           (order = memcmp(m->sorted[m->at]->fingerprint, row.fingerprint->s.p,
                           SCO_FINGERPRINT_LEN)) < 0)
        r = decide_new(m);
    if (r < 0)
        return r;
    return m->at < m->n_sorted && order == 0 ? decide_seen(m, &row) : decide_gone(m, &row);
}

/* ---- tools of which this scan knows nothing ---- */
static int on_content(void *user, const struct store_value *v, size_t n)
{
    struct sco_str *copy = user;
    (void)n;
    char *p = sco_strdup(v[0].s);
    if (!p)
        return SCO_E_NOMEM;
    *copy = sco_str_make(p, v[0].s.n);
    return 0;
}

static const char *keep_text(struct sco_pool *pool, const struct sco_node *object, const char *key)
{
    struct sco_str s = sco_text(sco_get(object, key));
    return s.p ? sco_pool_str(pool, s) : NULL;
}

static int unite_tools(struct merge *m, struct merged *x, const struct sco_node *old)
{
    enum { TOOLS_MAX = 64 };
    struct sco_pool *pool = m->scan->findings.pool;
    const struct sco_tool *v[TOOLS_MAX];
    uint32_t n = 0, severity = x->f->severity;
    for (uint32_t i = 0; x->f->tools && i < x->f->tools->n && n < TOOLS_MAX; i++)
        v[n++] = x->f->tools->v[i];
    for (const struct sco_node *t = sco_first(old); t && n < TOOLS_MAX; t = sco_next(old, t)) {
        struct sco_str name = sco_text(sco_get(t, "name"));
        bool ran;
        if (!name.n || has_tool(x->f, name) || coverage_has_tool(m->coverage, name, &ran))
            continue;
        struct sco_tool tool = {.name = keep_text(pool, t, "name"),
                                .version = keep_text(pool, t, "version"),
                                .rule_id = keep_text(pool, t, "rule_id"),
                                .severity = sco_severity_parse(sco_text(sco_get(t, "severity")))};
        if (!tool.name || !(v[n++] = sco_pool_tool(pool, &tool)))
            return SCO_E_NOMEM;
        severity =
            tool.severity < SCO_SEV_MAX_ && tool.severity > severity ? tool.severity : severity;
    }
    struct sco_finding *copy = sco_arena_alloc(&m->arena, sizeof *copy);
    if (!copy)
        return SCO_E_NOMEM;
    *copy = *x->f;
    copy->tools = sco_pool_tools(pool, v, n);
    copy->severity = (uint8_t)severity;
    x->f = copy;
    return copy->tools ? 0 : SCO_E_NOMEM;
}

static int keep_tools(struct merge *m, struct merged *x, struct sco_error *err)
{
    struct sco_str text = {0};
    const struct sco_node *old = NULL;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct store_value pk = sv_i64(x->pk);
    int r = store_query(m->s, "SELECT content FROM vulnerability_details WHERE pk = $1", &pk, 1,
                        on_content, &text, err);
    if (r == 0)
        r = sco_json_parse(text, &arena, &old, err);
    if (r == 0 && unite_tools(m, x, sco_get(old, "tools")) < 0)
        r = sco_error_nomem(err);
    free((void *)(uintptr_t)text.p);
    return r;
}

/* ---- the whole ---- */
static int compare(const void *a, const void *b)
{
    const struct sco_finding *const *x = a, *const *y = b;
    int c = memcmp((*x)->fingerprint, (*y)->fingerprint, SCO_FINGERPRINT_LEN);
    return c ? c : (*x > *y) - (*x < *y); /* the order of the set, which is by risk */
}

static int sort_findings(struct merge *m)
{
    struct sco_finding_set *set = &m->scan->findings;
    m->sorted = sco_alloc(set->n + 1, sizeof *m->sorted);
    if (!m->sorted)
        return SCO_E_NOMEM;
    for (size_t i = 0; i < set->n; i++) {
        set->v[i].stored = NULL;
        if (set->v[i].recalled) { /* the store's own word is not a report's */
            set->v[i].recalled = set->v[i].status;
            set->v[i].status = SCO_STATUS_OPEN;
        }
        m->sorted[i] = &set->v[i];
    }
    m->n_sorted = set->n;
    qsort(m->sorted, m->n_sorted, sizeof *m->sorted, compare);
    return 0;
}

static int take_pk(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(int64_t *)user = v[0].i;
    return 0;
}

/* The branch's row is written first: others who merge into it, or set a status, wait. */
static int lock_branch(struct merge *m, struct sco_error *err)
{
    const struct sco_store_subject *sub = m->subject;
    struct store_value key[] = {sv_text(sub->repository), sv_text(sub->branch)};
    struct store_value touch[] = {sv_i64(m->scan->completed_ms), key[0], key[1]};
    int r = store_exec(m->s,
                       "INSERT INTO branches (repository, branch) VALUES ($1, $2) "
                       "ON CONFLICT (repository, branch) DO NOTHING",
                       key, 2, NULL, err);
    if (r == 0)
        r = store_query(m->s,
                        "UPDATE branches SET last_scan_at = $1 WHERE repository = $2 AND "
                        "branch = $3 RETURNING pk",
                        touch, 3, take_pk, &m->branch, err);
    return r;
}

static int decide(struct merge *m, struct sco_error *err)
{
    struct store_value branch = sv_i64(m->branch);
    m->err = err;
    int r = store_query(m->s, rows_sql, &branch, 1, on_row, m, err);
    while (r == 0 && m->at < m->n_sorted)
        r = decide_new(m);
    if (r == SCO_E_NOMEM)
        sco_error_nomem(err);
    for (size_t i = 0; i < m->n && r == 0; i++)
        if (m->v[i].tools)
            r = keep_tools(m, &m->v[i], err);
    return r;
}

static int count_days(struct merge *m, struct sco_error *err)
{
    struct finding_day by[SCO_SEV_MAX_] = {{0}};
    for (size_t i = 0; i < m->n; i++) {
        const struct merged *x = &m->v[i];
        bool suppressed = x->f ? x->f->suppressions && x->f->suppressions->n : x->was_suppressed;
        struct finding_change c = {
            .created = x->created,
            .was_open =
                !x->created && store_counts_as_open((enum sco_status)x->from, x->was_suppressed),
            .is_open = store_counts_as_open((enum sco_status)x->to, suppressed),
            .from_severity = x->from_severity,
            .to_severity = x->f && (x->created || x->content) ? x->f->severity : x->from_severity,
            .from = (enum sco_status)x->from,
            .to = (enum sco_status)x->to,
            .first = x->first,
            .at = m->scan->completed_ms,
        };
        finding_day_count(by, &c);
        m->critical += c.is_open && c.to_severity == SCO_SEV_CRITICAL &&
                       (c.created || c.from == SCO_STATUS_RESOLVED);
    }
    return finding_days_add(m->s, m->branch, m->scan->completed_ms, by, err);
}

/* What the report shall say of each finding. */
static int tell(struct merge *m)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct merged *x = &m->v[i];
        if (!x->f)
            continue;
        struct sco_stored *st = sco_pool_alloc(m->scan->findings.pool, sizeof *st);
        if (!st)
            return SCO_E_NOMEM;
        store_uuid_format(x->id, st->id);
        st->first_detected = x->first;
        st->last_detected = x->last;
        for (size_t k = 0; k < x->n_same; k++)
            x->same[k]->stored = st;
    }
    return 0;
}

static int merge_in(struct merge *m, struct sco_error *err)
{
    int r = sco_store_begin(m->s, err);
    if (r < 0)
        return r;
    r = lock_branch(m, err);
    if (r == 0)
        r = decide(m, err);
    if (r == 0)
        r = merge_write(m, err);
    if (r == 0)
        r = count_days(m, err);
    if (r == 0)
        r = merge_tell(m, err);
    if (r == 0)
        r = scan_save(m->s, m->scan, m->subject->scope, m->branch, &m->counts, err);
    if (r == 0 && tell(m) < 0)
        r = sco_error_nomem(err);
    if (r == 0)
        r = merge_end(m, err);
    r = sco_store_end(m->s, r, err);
    if (r < 0)
        m->scan->stored = (struct sco_scan_stored){0};
    for (size_t i = 0; r < 0 && i < m->scan->findings.n; i++)
        m->scan->findings.v[i].stored = NULL;
    return r;
}

int sco_store_save_scan(struct sco_store *s, const struct sco_store_subject *subject,
                        struct sco_scan *scan, struct sco_error *err)
{
    struct merge m = {.s = s, .subject = subject, .scan = scan};
    if (!subject->repository || !*subject->repository || !subject->branch || !subject->scope ||
        !store_uuid_parse(sco_str_c(scan->id), m.scan_id))
        return sco_error_set(err, SCO_E_INVALID,
                             "a scan is stored under a repository, a branch and an id");
    m.counts.where = sco_arena_cstr(&scan->arena, sco_str_c(s->where));
    m.writer = sco_finding_writer_new();
    m.sha = sco_sha256_new();
    int r = coverage_new(subject, scan, &m.coverage, err);
    if (r == 0 && (!m.counts.where || !m.writer || !m.sha || sort_findings(&m) < 0))
        r = sco_error_nomem(err);
    if (r == 0)
        r = merge_in(&m, err);
    for (size_t i = 0; m.sorted && i < scan->findings.n; i++)
        if (scan->findings.v[i].recalled)
            scan->findings.v[i].status = scan->findings.v[i].recalled;
    sco_finding_writer_free(m.writer);
    sco_sha256_free(m.sha);
    coverage_free(m.coverage);
    sco_buf_done(&m.content);
    sco_arena_done(&m.arena);
    free(m.sorted);
    free(m.v);
    return r;
}

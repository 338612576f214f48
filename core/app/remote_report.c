/* A JSON report (docs/reports.md) read back into the scan that it was written from, as far as the
 * other formats show it. Findings are read one by one: the report is not held. */
#include "remote.h"

struct reading {
    struct sco_scan *scan;
    struct sco_arena *a;
    struct sco_pool *pool;
    struct sco_map packages; /* one for each content: the table compares pointers */
    bool failed;             /* no memory */
};

static const char *keep(struct reading *x, const struct sco_node *v)
{
    struct sco_str s = sco_text(v);
    const char *z = s.p ? sco_arena_cstr(x->a, s) : NULL;
    x->failed |= s.p && !z;
    return z;
}

static const char *keep_at(struct reading *x, const struct sco_node *map, const char *key)
{
    return keep(x, sco_get(map, key));
}

static const char *pooled(struct reading *x, const struct sco_node *map, const char *key)
{
    struct sco_str s = sco_text(sco_get(map, key));
    const char *z = s.p ? sco_pool_str(x->pool, s) : NULL;
    x->failed |= s.p && !z;
    return z;
}

static uint64_t number(const struct sco_node *map, const char *key)
{
    int64_t n = sco_int(sco_get(map, key), 0);
    return n > 0 ? (uint64_t)n : 0;
}

static size_t length(const struct sco_node *list)
{
    size_t n = 0;
    SCO_EACH (m, list)
        n++;
    return n;
}

static void *array(struct reading *x, size_t n, size_t size)
{
    void *v = sco_arena_alloc(x->a, (n + 1) * size);
    x->failed |= !v;
    return v;
}

static void take_severities(const struct sco_node *m, uint64_t by[SCO_SEV_MAX_])
{
    for (uint32_t i = SCO_SEV_INFO; i < SCO_SEV_MAX_; i++)
        by[i] = number(m, sco_severity_name(i));
}

/* ---- what is not findings ---- */
static void take_head(struct reading *x, const struct sco_node *m)
{
    struct sco_scan *s = x->scan;
    struct sco_str id = sco_text(sco_get(m, "id"));
    snprintf(s->id, sizeof s->id, "%.*s", (int)(id.n < 36 ? id.n : 36), id.p ? id.p : "");
    s->command = keep_at(x, m, "command");
    s->target = keep_at(x, m, "target");
    s->repository = keep_at(x, m, "repository");
    s->branch = keep_at(x, m, "branch");
    s->commit_sha = keep_at(x, m, "commit_sha");
    s->started_ms = remote_time(m, "started_at");
    s->completed_ms = remote_time(m, "completed_at");
    s->cancelled = sco_str_is(sco_text(sco_get(m, "status")), "cancelled");
}

/* A status that is not known is none that can be trusted. */
static enum sco_run_status run_status(struct sco_str text)
{
    for (int i = 0; i < SCO_RUN_STATUS_MAX_; i++)
        if (sco_str_is(text, sco_run_status_name((enum sco_run_status)i)))
            return (enum sco_run_status)i;
    return SCO_RUN_STATUS_FAILED;
}

static void take_run(struct reading *x, const struct sco_node *m, struct sco_scanner_run *r)
{
    r->name = keep_at(x, m, "name");
    r->title = keep_at(x, m, "title");
    r->tool = keep_at(x, m, "tool");
    r->version = keep_at(x, m, "version");
    r->target = keep_at(x, m, "target");
    r->status = run_status(sco_text(sco_get(m, "status")));
    r->reason = keep_at(x, m, "reason");
    r->hint = keep_at(x, m, "hint");
    r->required = sco_bool(sco_get(m, "required"), 0);
    r->counts = sco_bool(sco_get(m, "counts"), 0);
    SCO_EACH (type, sco_get(m, "finds"))
        r->finds |= SCO_TYPE_BIT(sco_type_parse(sco_text(type)));
    r->started_ms = remote_time(m, "started_at");
    r->duration_ms = sco_int(sco_get(m, "duration_ms"), -1);
    r->exit_code = (int32_t)sco_int(sco_get(m, "exit_code"), -1);
    r->reported = number(m, "reported");
    r->dropped = number(m, "dropped");
    r->suppressed = number(m, "suppressed");
    take_severities(sco_get(m, "severities"), r->by_severity);
}

static void take_runs(struct reading *x, const struct sco_node *list)
{
    struct sco_scan *s = x->scan;
    s->runs = array(x, length(list), sizeof *s->runs);
    SCO_EACH (m, s->runs ? list : NULL)
        take_run(x, m, &s->runs[s->n_runs++]);
}

static void take_gate(struct reading *x, const struct sco_node *m)
{
    struct sco_scan *s = x->scan;
    struct sco_gate *g = &s->gate;
    struct sco_str result = sco_text(sco_get(m, "result"));
    const struct sco_node *reasons = sco_get(m, "reasons"), *gates = sco_get(m, "policies");
    g->result = sco_str_is(result, "passed")   ? SCO_GATE_PASSED
                : sco_str_is(result, "failed") ? SCO_GATE_FAILED
                                               : SCO_GATE_INCOMPLETE;
    g->fail_on = sco_severity_parse(sco_text(sco_get(m, "fail_on")));
    g->reasons = array(x, length(reasons), sizeof *g->reasons);
    SCO_EACH (reason, g->reasons ? reasons : NULL)
        if (!(g->reasons[g->n_reasons++] = keep(x, reason)))
            g->n_reasons--;
    s->policies.gate_title = keep_at(x, m, "title");
    s->policies.n_gates = length(gates); /* the table asks only whether there are some */
}

static void take_comparison(struct reading *x, const struct sco_node *m)
{
    struct sco_scan_comparison *c = &x->scan->comparison;
    c->base = keep_at(x, m, "base");
    c->base_sha = keep_at(x, m, "base_sha");
    c->merge_base = keep_at(x, m, "merge_base");
    c->baseline = keep_at(x, m, "baseline");
    for (uint32_t i = SCO_BASELINE_NEW; i < SCO_BASELINE_MAX_; i++)
        c->by_state[i] = number(m, sco_baseline_name(i));
    x->scan->summary.unchanged = c->by_state[SCO_BASELINE_UNCHANGED];
}

static void take_sbom(struct reading *x, const struct sco_node *m)
{
    struct sco_scan_sbom *b = &x->scan->sbom;
    b->path = x->scan->id; /* not NULL: the daemon has it */
    b->spec_version = keep_at(x, m, "spec_version");
    b->components = number(m, "components");
    b->complete = sco_bool(sco_get(m, "complete"), 0);
}

static void take_summary(const struct sco_node *m, struct sco_summary *s)
{
    s->findings = number(m, "findings");
    s->suppressed = number(m, "suppressed");
    s->reported = number(m, "reported");
    take_severities(sco_get(m, "by_severity"), s->by_severity);
    for (uint32_t i = SCO_TYPE_SAST; i < SCO_TYPE_MAX_; i++)
        s->by_type[i] = number(sco_get(m, "by_type"), sco_type_name(i));
}

static void take_stored(struct reading *x, const struct sco_node *m)
{
    x->scan->stored = (struct sco_scan_stored){.where = keep_at(x, m, "where"),
                                               .created = number(m, "created"),
                                               .seen = number(m, "seen"),
                                               .changed = number(m, "changed"),
                                               .resolved = number(m, "resolved"),
                                               .reopened = number(m, "reopened"),
                                               .not_checked = number(m, "not_checked")};
}

/* ---- what policies said ---- */
static void take_waivers(struct reading *x, const struct sco_node *m)
{
    struct sco_scan_policies *p = &x->scan->policies;
    const struct sco_node *lists[] = {sco_get(m, "unused"), sco_get(m, "expired")};
    p->waived = number(m, "findings");
    p->waivers = array(x, length(lists[0]) + length(lists[1]), sizeof *p->waivers);
    for (int expired = 0; expired < 2 && p->waivers; expired++)
        SCO_EACH (w, lists[expired]) {
            struct sco_scan_waiver *v = &p->waivers[p->n_waivers++];
            const char *pattern = keep_at(x, w, "policy"), *file = keep_at(x, w, "file_path"),
                       *expires = keep_at(x, w, "expires");
            *v = (struct sco_scan_waiver){.pattern = pattern ? pattern : "",
                                          .reason = keep_at(x, w, "reason"),
                                          .owner = keep_at(x, w, "owner"),
                                          .expires = expires ? expires : "",
                                          .file = file ? file : "",
                                          .line = (uint32_t)number(w, "line_number"),
                                          .matched = number(w, "findings"),
                                          .expired = expired == 1};
        }
}

/* What the table and JUnit show: the JSON and SARIF reports are taken as they were written. */
static void take_policies(struct reading *x, const struct sco_node *m)
{
    struct sco_scan_policies *p = &x->scan->policies;
    const struct sco_node *list = sco_get(m, "evaluated");
    p->evaluations = number(m, "evaluations");
    for (int i = 0; i < SCO_SCAN_VERDICTS; i++)
        p->verdicts[i] = number(sco_get(m, "verdicts"), sco_scan_verdicts[i]);
    for (int i = 0; i < SCO_SCAN_DOCUMENTS; i++)
        p->documents[i] = number(sco_get(m, "documents"), sco_scan_documents[i]);
    size_t n = length(list);
    p->v = n ? sco_alloc(n, sizeof *p->v) : NULL; /* freed with the scan */
    x->failed |= n && !p->v;
    SCO_EACH (one, p->v ? list : NULL) {
        struct sco_scan_policy *v = &p->v[p->n++];
        v->id = keep_at(x, one, "id");
        v->evaluations = 1;
        for (int i = 0; i < SCO_SCAN_VERDICTS; i++)
            v->verdicts[i] = number(sco_get(one, "verdicts"), sco_scan_verdicts[i]);
    }
    take_waivers(x, sco_get(m, "waivers"));
}

/* ---- a finding ---- */
static const struct sco_strs *take_strs(struct reading *x, const struct sco_node *list)
{
    enum { MOST = 256 };
    const char *v[MOST];
    uint32_t n = 0;
    SCO_EACH (m, list)
        if (n < MOST && sco_text(m).p && (v[n] = sco_pool_str(x->pool, sco_text(m))))
            n++;
    return n ? sco_pool_strs(x->pool, v, n) : NULL;
}

static const struct sco_tools *take_tools(struct reading *x, const struct sco_node *list)
{
    enum { MOST = 64 };
    const struct sco_tool *v[MOST];
    uint32_t n = 0;
    SCO_EACH (m, list) {
        struct sco_tool t = {.name = pooled(x, m, "name"),
                             .version = pooled(x, m, "version"),
                             .rule_id = pooled(x, m, "rule_id"),
                             .severity = sco_severity_parse(sco_text(sco_get(m, "severity")))};
        if (n < MOST && (v[n] = sco_pool_tool(x->pool, &t)))
            n++;
    }
    return sco_pool_tools(x->pool, v, n);
}

static const struct sco_package *take_package(struct reading *x, const struct sco_node *m)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    if (!m)
        return NULL;
    sco_json_node(&o, m);
    void **at = b.failed ? NULL : sco_map_put(&x->packages, sco_buf_str(&b), NULL);
    if (!at) {
        x->failed = true;
        return NULL;
    }
    struct sco_package *p = *at;
    if (p)
        return p;
    *at = p = sco_pool_alloc(x->pool, sizeof *p);
    x->failed |= !p;
    if (p)
        *p = (struct sco_package){.name = pooled(x, m, "name"),
                                  .version = pooled(x, m, "version"),
                                  .ecosystem = pooled(x, m, "ecosystem"),
                                  .purl = pooled(x, m, "purl"),
                                  .fixed_version = pooled(x, m, "fixed_version")};
    return p;
}

static const struct sco_places *take_places(struct reading *x, const struct sco_node *list)
{
    size_t n = length(list);
    struct sco_places *l = n ? sco_pool_alloc(x->pool, sizeof *l + n * sizeof l->v[0]) : NULL;
    x->failed |= n && !l;
    SCO_EACH (m, l ? list : NULL)
        l->v[l->n++] = (struct sco_place){.file_path = pooled(x, m, "file_path"),
                                          .resource = pooled(x, m, "resource"),
                                          .line = (int32_t)number(m, "line_number"),
                                          .end_line = (int32_t)number(m, "end_line"),
                                          .column = (int32_t)number(m, "column"),
                                          .end_column = (int32_t)number(m, "end_column")};
    return l;
}

static const struct sco_suppresseds *take_suppressions(struct reading *x,
                                                       const struct sco_node *list)
{
    size_t n = length(list);
    struct sco_suppresseds *l = n ? sco_pool_alloc(x->pool, sizeof *l + n * sizeof l->v[0]) : NULL;
    x->failed |= n && !l;
    SCO_EACH (m, l ? list : NULL) {
        struct sco_str kind = sco_text(sco_get(m, "kind"));
        l->v[l->n++] =
            (struct sco_suppressed){.kind = sco_str_is(kind, "inline")   ? SCO_SUPPRESS_INLINE
                                            : sco_str_is(kind, "waiver") ? SCO_SUPPRESS_WAIVER
                                                                         : SCO_SUPPRESS_BASELINE,
                                    .reason = pooled(x, m, "reason"),
                                    .expires = pooled(x, m, "expires")};
    }
    return l;
}

static void take_fingerprint(struct sco_str hex, uint8_t out[SCO_FINGERPRINT_LEN])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; hex.n == 2 * SCO_FINGERPRINT_LEN && i < hex.n; i++) {
        const char *d = hex.p[i] ? strchr(digits, hex.p[i]) : NULL;
        out[i / 2] = (uint8_t)(out[i / 2] << 4 | (d ? d - digits : 0));
    }
}

static void take_state(struct reading *x, const struct sco_node *m, struct sco_finding *f)
{
    struct sco_str status = sco_text(sco_get(m, "status"));
    for (int i = 0; i < SCO_STATUS_MAX_; i++)
        if (sco_str_is(status, sco_status_name((enum sco_status)i)))
            f->status = (uint8_t)i;
    struct sco_str state = sco_text(sco_get(m, "baseline_state"));
    for (uint32_t i = SCO_BASELINE_NEW; i < SCO_BASELINE_MAX_; i++)
        if (sco_str_is(state, sco_baseline_name(i)))
            f->baseline = (uint8_t)i;
    f->kev = sco_bool(sco_get(m, "kev"), 0) != 0;
    f->cvss_score = (float)sco_real(sco_get(m, "cvss_score"), 0);
    f->epss = (float)sco_real(sco_get(m, "epss"), 0);
    f->risk_score = (float)sco_real(sco_get(m, "risk_score"), 0);
    f->occurrences = (uint32_t)sco_int(sco_get(m, "occurrences"), 1);
    f->cve_id = pooled(x, m, "cve_id");
    f->cvss_vector = pooled(x, m, "cvss_vector");
    f->aliases = take_strs(x, sco_get(m, "aliases"));
    f->cwe_ids = take_strs(x, sco_get(m, "cwe_ids"));
    f->suppressions = take_suppressions(x, sco_get(m, "suppressions"));
    f->secret_preview = pooled(x, sco_get(m, "metadata"), "secret_preview");
}

static void take_finding(struct reading *x, const struct sco_node *m, struct sco_finding *f)
{
    *f = (struct sco_finding){
        .type = (uint8_t)sco_type_parse(sco_text(sco_get(m, "vulnerability_type"))),
        .severity = (uint8_t)sco_severity_parse(sco_text(sco_get(m, "severity"))),
        .title = pooled(x, m, "title"),
        .description = pooled(x, m, "description"),
        .remediation = pooled(x, m, "remediation"),
        .rule_id = pooled(x, m, "rule_id"),
        .file_path = pooled(x, m, "file_path"),
        .resource = pooled(x, m, "resource"),
        .parameter = pooled(x, m, "parameter"),
        .commit = pooled(x, m, "commit_sha"),
        .line = (int32_t)number(m, "line_number"),
        .end_line = (int32_t)number(m, "end_line"),
        .column = (int32_t)number(m, "column"),
        .end_column = (int32_t)number(m, "end_column"),
        .references = take_strs(x, sco_get(m, "references")),
        .tools = take_tools(x, sco_get(m, "tools")),
        .locations = take_places(x, sco_get(m, "locations")),
        .package = take_package(x, sco_get(m, "package")),
    };
    take_fingerprint(sco_text(sco_get(m, "fingerprint")), f->fingerprint);
    take_state(x, m, f);
    x->failed |= !f->tools;
}

static int take_findings(struct reading *x, struct sco_reader *reader, const struct sco_node *list,
                         struct sco_error *err)
{
    struct sco_finding_set *set = &x->scan->findings;
    struct sco_iter *it = NULL;
    const struct sco_node *m = NULL;
    int r = sco_iter_open(reader, list, &it, err);
    if (r < 0)
        return r;
    while ((r = sco_iter_next(it, NULL, &m, err)) > 0 && !x->failed) {
        if (SCO_VEC_PUSH(set->v, set->n, set->cap) < 0) {
            x->failed = true;
            break;
        }
        take_finding(x, m, &set->v[set->n++]);
    }
    sco_iter_close(it);
    return x->failed ? sco_error_nomem(err) : r < 0 ? r : 0;
}

static int take_all(struct reading *x, struct sco_reader *reader, struct sco_error *err)
{
    static const char *const deferred[] = {"findings", NULL};
    const struct sco_node *root = NULL;
    int r = sco_reader_read(reader, deferred, &root, err);
    if (r < 0)
        return r;
    if (r == 0 || !sco_is(sco_get(root, "scan"), SCO_NODE_MAP) || !sco_get(root, "exit_status"))
        return sco_error_set(err, SCO_E_FORMAT, "the daemon's report is not one");
    take_head(x, sco_get(root, "scan"));
    take_runs(x, sco_get(root, "scanners"));
    take_policies(x, sco_get(root, "policies"));
    take_gate(x, sco_get(root, "gate"));
    take_summary(sco_get(root, "summary"), &x->scan->summary);
    take_comparison(x, sco_get(root, "comparison"));
    if (sco_is(sco_get(root, "sbom"), SCO_NODE_MAP))
        take_sbom(x, sco_get(root, "sbom"));
    take_stored(x, sco_get(root, "store"));
    x->scan->exit_status = (int)sco_int(sco_get(root, "exit_status"), EXIT_INTERNAL);
    return x->failed ? sco_error_nomem(err)
                     : take_findings(x, reader, sco_get(root, "findings"), err);
}

int remote_report_read(const char *path, struct sco_scan **ret, struct sco_error *err)
{
    struct reading x = {0};
    struct sco_reader *reader = NULL;
    x.scan = sco_alloc(1, sizeof *x.scan);
    x.pool = sco_pool_new();
    if (!x.scan || !x.pool) {
        free(x.scan);
        sco_pool_free(x.pool);
        return sco_error_nomem(err);
    }
    x.a = &x.scan->arena;
    x.scan->findings.pool = x.pool;
    int r = sco_reader_open(path, &reader, err);
    if (r == 0)
        r = take_all(&x, reader, err);
    sco_reader_close(reader);
    sco_map_done(&x.packages);
    if (r < 0)
        sco_scan_free(x.scan);
    else
        *ret = x.scan;
    return r;
}

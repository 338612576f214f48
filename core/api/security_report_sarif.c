/* Stored findings as SARIF: they are put together again as a scan without runs, for the writer of
 * core/report. */
#include "content_priv.h"

#include <secureops/report.h>
#include <stdlib.h>

enum { PAGE = 500 };

static const char *text(struct sco_pool *p, const struct sco_node *m, const char *key)
{
    struct sco_str s = sco_text(sco_get(m, key));
    return s.n ? sco_pool_str(p, s) : NULL;
}

static int32_t line(const struct sco_node *m, const char *key)
{
    int64_t v = sco_int(sco_get(m, key), 0);
    return v > 0 && v <= INT32_MAX ? (int32_t)v : 0;
}

static const struct sco_strs *texts(struct sco_pool *p, const struct sco_node *list)
{
    const char *v[64];
    uint32_t n = 0;
    SCO_EACH (s, list)
        if (n < SCO_ARRAY_LEN(v) && sco_text(s).n)
            v[n++] = sco_pool_str(p, sco_text(s));
    return n ? sco_pool_strs(p, v, n) : NULL;
}

static const struct sco_tools *tools(struct sco_pool *p, const struct sco_node *list)
{
    const struct sco_tool *v[32];
    uint32_t n = 0;
    SCO_EACH (t, list) {
        struct sco_tool one = {.name = text(p, t, "name"),
                               .version = text(p, t, "version"),
                               .rule_id = text(p, t, "rule_id"),
                               .severity = sco_severity_parse(sco_text(sco_get(t, "severity")))};
        if (n < SCO_ARRAY_LEN(v) && one.name)
            v[n++] = sco_pool_tool(p, &one);
    }
    return n ? sco_pool_tools(p, v, n) : NULL;
}

static const struct sco_package *package(struct sco_pool *p, const struct sco_node *m)
{
    struct sco_package *x = m ? sco_pool_alloc(p, sizeof *x) : NULL;
    if (x)
        *x =
            (struct sco_package){text(p, m, "name"), text(p, m, "version"), text(p, m, "ecosystem"),
                                 text(p, m, "purl"), text(p, m, "fixed_version")};
    return x;
}

static const struct sco_places *places(struct sco_pool *p, const struct sco_node *list)
{
    uint32_t n = list && list->type == SCO_NODE_LIST ? list->n : 0;
    struct sco_places *x = n ? sco_pool_alloc(p, sizeof *x + n * sizeof x->v[0]) : NULL;
    if (!x)
        return NULL;
    SCO_EACH (m, list)
        x->v[x->n++] = (struct sco_place){.file_path = text(p, m, "file_path"),
                                          .resource = text(p, m, "resource"),
                                          .line = line(m, "line_number"),
                                          .end_line = line(m, "end_line"),
                                          .column = line(m, "column"),
                                          .end_column = line(m, "end_column")};
    return x;
}

static uint32_t kind_of(struct sco_str name)
{
    return sco_str_is(name, "inline")     ? SCO_SUPPRESS_INLINE
           : sco_str_is(name, "baseline") ? SCO_SUPPRESS_BASELINE
                                          : SCO_SUPPRESS_WAIVER;
}

static const struct sco_suppresseds *suppressions(struct sco_pool *p, const struct sco_node *list)
{
    uint32_t n = list && list->type == SCO_NODE_LIST ? list->n : 0;
    struct sco_suppresseds *x = n ? sco_pool_alloc(p, sizeof *x + n * sizeof x->v[0]) : NULL;
    if (!x)
        return NULL;
    SCO_EACH (m, list)
        x->v[x->n++] = (struct sco_suppressed){.kind = kind_of(sco_text(sco_get(m, "kind"))),
                                               .reason = text(p, m, "reason"),
                                               .expires = text(p, m, "expires")};
    return x;
}

static void take_digits(const char *hex, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < 2 * n && hex[i]; i++) {
        uint8_t d = (uint8_t)(hex[i] <= '9' ? hex[i] - '0' : hex[i] - 'a' + 10);
        out[i / 2] = (uint8_t)(out[i / 2] | (i % 2 ? d : d << 4));
    }
}

static void take_texts(struct sco_finding *x, const struct sco_node *m, struct sco_pool *p)
{
    const struct {
        const char *key, **to;
    } members[] = {{"title", &x->title},
                   {"description", &x->description},
                   {"remediation", &x->remediation},
                   {"rule_id", &x->rule_id},
                   {"file_path", &x->file_path},
                   {"resource", &x->resource},
                   {"parameter", &x->parameter},
                   {"cve_id", &x->cve_id},
                   {"cvss_vector", &x->cvss_vector},
                   {"commit_sha", &x->commit}};
    for (size_t i = 0; i < SCO_ARRAY_LEN(members); i++)
        *members[i].to = text(p, m, members[i].key);
    x->references = texts(p, sco_get(m, "references"));
    x->aliases = texts(p, sco_get(m, "aliases"));
    x->cwe_ids = texts(p, sco_get(m, "cwe_ids"));
    x->package = package(p, sco_get(m, "package"));
    x->tools = tools(p, sco_get(m, "tools"));
    x->locations = places(p, sco_get(m, "locations"));
    x->suppressions = suppressions(p, sco_get(m, "suppressions"));
}

static int add(struct sco_finding_set *set, const struct sco_stored_finding *f,
               struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *m = NULL;
    int r = sco_json_parse(sco_str_c(f->content), &arena, &m, err);
    if (r < 0)
        return sco_error_prefix(err, "finding %s", f->id);
    if (SCO_VEC_PUSH(set->v, set->n, set->cap) < 0)
        return sco_error_nomem(err);
    struct sco_finding *x = &set->v[set->n];
    *x = (struct sco_finding){.type = (uint8_t)f->type,
                              .severity = (uint8_t)f->severity,
                              .status = (uint8_t)f->status,
                              .order = (uint32_t)set->n,
                              .occurrences = 1,
                              .line = line(m, "line_number"),
                              .end_line = line(m, "end_line"),
                              .column = line(m, "column"),
                              .end_column = line(m, "end_column"),
                              .kev = (uint8_t)sco_bool(sco_get(m, "kev"), 0),
                              .cvss_score = (float)sco_real(sco_get(m, "cvss_score"), 0),
                              .epss = (float)sco_real(sco_get(m, "epss"), 0),
                              .risk_score = (float)f->risk_score};
    take_digits(f->fingerprint, x->fingerprint, SCO_FINGERPRINT_LEN);
    take_texts(x, m, set->pool);
    if (!x->tools)
        return sco_error_set(err, SCO_E_FORMAT, "finding %s has no tool", f->id);
    set->n++;
    return 0;
}

static int collect(struct api_call *c, struct sco_store_filter *f, uint64_t max,
                   struct sco_finding_set *set, struct sco_error *err)
{
    int r = 0;
    f->limit = PAGE;
    do {
        struct sco_finding_page p = {0};
        r = sco_store_findings(c->store, f, &p, err);
        for (size_t i = 0; i < p.n && r == 0; i++)
            r = add(set, &p.v[i], err);
        f->cursor = p.cursor ? sco_arena_cstr(&c->arena, sco_str_c(p.cursor)) : NULL;
        if (r == 0 && p.cursor && !f->cursor)
            r = sco_error_nomem(err);
        sco_finding_page_done(&p);
        if (r == 0 && set->n > max)
            r = api_problem(c, 422, err,
                            "these are more than %llu findings, too many for SARIF: narrow the "
                            "filter",
                            (unsigned long long)max);
    } while (r == 0 && f->cursor);
    return r;
}

int api_report_sarif(struct api_call *c, struct sco_store_filter *f, uint64_t max, int fd,
                     struct sco_error *err)
{
    struct sco_scan scan = {.command = "report",
                            .target = f->repository,
                            .repository = f->repository,
                            .branch = f->branch,
                            .started_ms = c->now,
                            .completed_ms = c->now};
    snprintf(scan.id, sizeof scan.id, "%s", "00000000-0000-0000-0000-000000000000");
    scan.findings.pool = sco_pool_new();
    int r = scan.findings.pool ? collect(c, f, max, &scan.findings, err) : sco_error_nomem(err);
    if (r == 0)
        r = sco_report_write(&scan, SCO_REPORT_SARIF, &(struct sco_report_options){0}, fd, err);
    sco_finding_set_done(&scan.findings);
    sco_pool_free(scan.findings.pool);
    return r;
}

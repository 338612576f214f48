/* See scan_fixture.h. */
#include "scan_fixture.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void fixture_init(struct sco_scan *s)
{
    *s = (struct sco_scan){.command = "scan", .target = "app"};
    memcpy(s->id, "0b7c6c1e-5d0c-4a6e-9a53-0123456789ab", sizeof s->id);
    SCO_BUG_ON(sco_time_parse(SCO_STR("2026-01-02T03:04:05Z"), &s->started_ms) < 0);
    s->completed_ms = s->started_ms + 2500;
}

void fixture_done(struct sco_scan *s)
{
    free(s->runs);
    sco_finding_set_done(&s->findings);
    sco_arena_done(&s->arena);
}

static void *take(struct sco_scan *s, size_t n)
{
    void *p = sco_arena_alloc(&s->arena, n);
    SCO_BUG_ON(!p);
    return p;
}

struct sco_scanner_run *fixture_run(struct sco_scan *s, const char *name, const char *title,
                                    enum sco_run_status status)
{
    bool ran = status != SCO_RUN_STATUS_MISSING && status != SCO_RUN_STATUS_SKIPPED;
    s->runs = sco_grow(s->runs, s->n_runs + 1, sizeof *s->runs);
    SCO_BUG_ON(!s->runs);
    s->runs[s->n_runs] = (struct sco_scanner_run){
        .name = name,
        .title = title,
        .version = ran ? "1.2.3" : NULL,
        .target = s->target,
        .status = status,
        .counts = ran,
        .started_ms = ran ? s->started_ms : 0,
        .duration_ms = ran ? 1500 : -1,
        .exit_code = ran ? 0 : -1,
    };
    return &s->runs[s->n_runs++];
}

static const struct sco_tool *make_tool(struct sco_scan *s, const char *name, const char *rule,
                                        uint32_t severity)
{
    struct sco_tool *t = take(s, sizeof *t);
    *t = (struct sco_tool){.name = name, .version = "1.2.3", .rule_id = rule, .severity = severity};
    return t;
}

struct sco_finding *fixture_finding(struct sco_scan *s, uint32_t type, uint32_t severity,
                                    const char *tool, const char *rule, const char *title)
{
    struct sco_finding_set *set = &s->findings;
    SCO_BUG_ON(SCO_VEC_PUSH(set->v, set->n, set->cap) < 0);
    const struct sco_finding *last = set->n ? &set->v[set->n - 1] : NULL;
    const struct sco_tools *tools = last ? last->tools : NULL;
    /* literals of a loop: one list for all */
    if (!last || tools->n != 1 || tools->v[0]->name != tool || tools->v[0]->rule_id != rule) {
        struct sco_tools *own = take(s, sizeof *own + sizeof own->v[0]);
        own->n = 1;
        own->v[0] = make_tool(s, tool, rule, severity);
        tools = own;
    }
    struct sco_finding *f = &set->v[set->n];
    *f = (struct sco_finding){
        .type = (uint8_t)type,
        .severity = (uint8_t)severity,
        .order = (uint32_t)set->n,
        .line = 10,
        .occurrences = 1,
        .title = title,
        .rule_id = rule,
        .file_path = "src/file.c",
        .tools = tools,
    };
    for (size_t i = 0; i < SCO_FINGERPRINT_LEN; i += 8) {
        uint64_t h = sco_hash(&set->n, sizeof set->n, i + 1);
        memcpy(f->fingerprint + i, &h, 8);
    }
    set->n++;
    return f;
}

void fixture_tool(struct sco_scan *s, struct sco_finding *f, const char *tool, const char *rule)
{
    size_t n = f->tools->n;
    struct sco_tools *tools = take(s, sizeof *tools + (n + 1) * sizeof tools->v[0]);
    memcpy(tools->v, f->tools->v, n * sizeof tools->v[0]);
    tools->v[n] = make_tool(s, tool, rule, f->severity);
    tools->n = (uint32_t)n + 1;
    f->tools = tools;
}

void fixture_package(struct sco_scan *s, struct sco_finding *f, const char *name,
                     const char *version, const char *fixed)
{
    struct sco_package *p = take(s, sizeof *p);
    *p = (struct sco_package){
        .name = name,
        .version = version,
        .ecosystem = "npm",
        .purl = sco_arena_fmt(&s->arena, "pkg:npm/%s@%s", name, version),
        .fixed_version = fixed,
    };
    f->package = p;
}

void fixture_suppress(struct sco_scan *s, struct sco_finding *f, uint32_t kind, const char *reason,
                      const char *expires)
{
    struct sco_suppresseds *l = take(s, sizeof *l + sizeof l->v[0]);
    l->n = 1;
    l->v[0] = (struct sco_suppressed){.kind = kind, .reason = reason, .expires = expires};
    f->suppressions = l;
}

const struct sco_strs *fixture_strs(struct sco_scan *s, const char *const *v)
{
    uint32_t n = 0;
    while (v[n])
        n++;
    struct sco_strs *l = take(s, sizeof *l + n * sizeof l->v[0]);
    l->n = n;
    memcpy(l->v, v, n * sizeof l->v[0]);
    return l;
}

const char *fixture_text(struct sco_scan *s, struct sco_str text)
{
    char *p = sco_arena_cstr(&s->arena, text);
    SCO_BUG_ON(!p);
    return p;
}

void fixture_count(struct sco_scan *s)
{
    s->summary = (struct sco_summary){.findings = s->findings.n, .reported = s->findings.n};
    for (size_t i = 0; i < s->findings.n; i++) {
        const struct sco_finding *f = &s->findings.v[i];
        bool suppressed = f->suppressions != NULL;
        s->summary.suppressed += suppressed;
        s->summary.by_severity[f->severity] += !suppressed;
        s->summary.by_type[f->type] += !suppressed;
        for (size_t k = 0; k < s->n_runs; k++) {
            struct sco_scanner_run *r = &s->runs[k];
            for (uint32_t t = 0; t < f->tools->n; t++)
                if (strcmp(f->tools->v[t]->name, r->title) == 0) {
                    r->reported++;
                    r->suppressed += suppressed;
                    r->by_severity[f->severity] += !suppressed;
                }
        }
    }
}

void fixture_gate(struct sco_scan *s, enum sco_gate_result result, int exit_status,
                  const char *reason)
{
    const char **reasons = take(s, sizeof *reasons);
    reasons[0] = reason;
    s->gate = (struct sco_gate){
        .result = result, .reasons = reasons, .n_reasons = reason ? 1 : 0, .fail_on = SCO_SEV_HIGH};
    s->exit_status = exit_status;
}

struct sco_buf fixture_report(const struct sco_scan *s, enum sco_report_format f,
                              const struct sco_report_options *o)
{
    struct sco_error err = {0};
    struct sco_buf b = {0};
    int fd = memfd_create("report", MFD_CLOEXEC);
    SCO_BUG_ON(fd < 0);
    int r = sco_report_write(s, f, o, fd, &err);
    if (r < 0)
        fprintf(stderr, "report: %s\n", err.text);
    SCO_BUG_ON(r < 0);
    off_t n = lseek(fd, 0, SEEK_END);
    SCO_BUG_ON(n < 0 || sco_buf_reserve(&b, (size_t)n + 1) < 0);
    SCO_BUG_ON(pread(fd, b.p, (size_t)n, 0) != n);
    b.n = (size_t)n;
    b.p[n] = 0;
    close(fd);
    return b;
}

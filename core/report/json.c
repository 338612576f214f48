/* The JSON report: one object (design: "Command line"). Each finding and each scanner stands on a
 * line of its own, so that grep, diff and line-wise readers work on it. */
#include "report_priv.h"

/* Ends the line; the comma that the next value needs goes before the line break. */
static void new_line(struct sco_json_out *o)
{
    if (o->comma)
        sco_buf_addc(o->b, ',');
    sco_buf_addc(o->b, '\n');
    o->comma = false;
}

static void text_or_null(struct sco_json_out *o, const char *key, const char *z)
{
    sco_json_key(o, key);
    if (z)
        sco_json_str(o, sco_str_c(z));
    else
        sco_json_null(o);
}

static void time_or_null(struct sco_json_out *o, const char *key, int64_t unix_ms)
{
    char text[SCO_TIME_LEN];
    sco_time_format(unix_ms, text);
    text_or_null(o, key, unix_ms ? text : NULL);
}

static void counts_by_severity(struct sco_json_out *o, const char *key,
                               const uint64_t by[SCO_SEV_MAX_])
{
    sco_json_key(o, key);
    sco_json_begin(o, '{');
    for (uint32_t i = SCO_SEV_CRITICAL; i >= SCO_SEV_INFO; i--)
        sco_json_ki64(o, sco_severity_name(i), (int64_t)by[i]);
    sco_json_end(o, '}');
}

static void write_scan(struct sco_json_out *o, const struct sco_scan *scan)
{
    SCO_AUTO(sco_buf) struct sco_buf repository = {0};
    if (scan->repository)
        add_repository(&repository, scan->repository);
    sco_json_key(o, "scan");
    sco_json_begin(o, '{');
    text_or_null(o, "id", scan->id);
    text_or_null(o, "command", scan->command);
    text_or_null(o, "target", scan->target);
    time_or_null(o, "started_at", scan->started_ms);
    time_or_null(o, "completed_at", scan->completed_ms);
    sco_json_ki64(o, "duration_ms", scan->completed_ms - scan->started_ms);
    sco_json_kz(o, "status", scan_status(scan));
    text_or_null(o, "repository", scan->repository ? sco_buf_z(&repository) : NULL);
    o->b->failed |= repository.failed;
    text_or_null(o, "branch", scan->branch);
    text_or_null(o, "commit_sha", scan->commit_sha);
    sco_json_key(o, "tool");
    sco_json_begin(o, '{');
    sco_json_kz(o, "name", "secureops");
    sco_json_kz(o, "version", SCO_VERSION);
    sco_json_end(o, '}');
    sco_json_end(o, '}');
}

static void write_run(struct sco_json_out *o, const struct sco_scanner_run *r)
{
    sco_json_begin(o, '{');
    text_or_null(o, "name", r->name);
    text_or_null(o, "title", run_title(r));
    sco_json_kz(o, "tool", r->tool);
    text_or_null(o, "version", r->version);
    text_or_null(o, "target", r->target);
    sco_json_kz(o, "status", sco_run_status_name(r->status));
    text_or_null(o, "reason", r->reason);
    text_or_null(o, "hint", r->hint);
    sco_json_kbool(o, "required", r->required);
    sco_json_kbool(o, "counts", r->counts);
    sco_json_key(o, "finds");
    sco_json_begin(o, '[');
    for (uint32_t t = 1; t < SCO_TYPE_MAX_; t++)
        if (r->finds & SCO_TYPE_BIT(t))
            sco_json_str(o, sco_str_c(sco_type_name(t)));
    sco_json_end(o, ']');
    time_or_null(o, "started_at", r->started_ms);
    sco_json_ki64(o, "duration_ms", r->duration_ms);
    sco_json_ki64(o, "exit_code", r->exit_code);
    sco_json_ki64(o, "findings", (int64_t)run_findings(r));
    sco_json_ki64(o, "reported", (int64_t)r->reported);
    sco_json_ki64(o, "dropped", (int64_t)r->dropped);
    sco_json_ki64(o, "suppressed", (int64_t)r->suppressed);
    counts_by_severity(o, "severities", r->by_severity);
    sco_json_end(o, '}');
}

static void write_gate(struct sco_json_out *o, const struct sco_scan *scan)
{
    static const char *const results[] = {"passed", "failed", "incomplete"};
    const struct sco_gate *g = &scan->gate;
    sco_json_key(o, "gate");
    sco_json_begin(o, '{');
    sco_json_kz(o, "result", (unsigned)g->result < 3 ? results[g->result] : "incomplete");
    text_or_null(o, "fail_on", g->fail_on ? sco_severity_name(g->fail_on) : NULL);
    sco_json_key(o, "reasons");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < g->n_reasons; i++)
        sco_json_str(o, sco_str_c(g->reasons[i]));
    sco_json_end(o, ']');
    if (scan->policies.n_gates || scan->policies.gate_title)
        policies_json_gate(o, scan);
    sco_json_end(o, '}');
}

static void write_summary(struct sco_json_out *o, const struct sco_summary *s)
{
    sco_json_key(o, "summary");
    sco_json_begin(o, '{');
    sco_json_ki64(o, "findings", (int64_t)s->findings);
    sco_json_ki64(o, "suppressed", (int64_t)s->suppressed);
    sco_json_ki64(o, "reported", (int64_t)s->reported);
    counts_by_severity(o, "by_severity", s->by_severity);
    sco_json_key(o, "by_type");
    sco_json_begin(o, '{');
    for (uint32_t i = SCO_TYPE_SAST; i < SCO_TYPE_MAX_; i++)
        sco_json_ki64(o, sco_type_name(i), (int64_t)s->by_type[i]);
    sco_json_end(o, '}');
    sco_json_end(o, '}');
}

static void write_store(struct sco_json_out *o, const struct sco_scan_stored *s)
{
    sco_json_key(o, "store");
    sco_json_begin(o, '{');
    sco_json_kz(o, "where", s->where);
    sco_json_ki64(o, "created", (int64_t)s->created);
    sco_json_ki64(o, "seen", (int64_t)s->seen);
    sco_json_ki64(o, "changed", (int64_t)s->changed);
    sco_json_ki64(o, "resolved", (int64_t)s->resolved);
    sco_json_ki64(o, "reopened", (int64_t)s->reopened);
    sco_json_ki64(o, "not_checked", (int64_t)s->not_checked);
    sco_json_end(o, '}');
}

static void write_sbom(struct sco_json_out *o, const struct sco_scan_sbom *b)
{
    sco_json_key(o, "sbom");
    sco_json_begin(o, '{');
    sco_json_kz(o, "format", "CycloneDX");
    sco_json_kz(o, "spec_version", b->spec_version);
    sco_json_ki64(o, "components", (int64_t)b->components);
    sco_json_kbool(o, "complete", b->complete);
    sco_json_end(o, '}');
}

static void write_comparison(struct sco_json_out *o, const struct sco_scan_comparison *c)
{
    sco_json_key(o, "comparison");
    sco_json_begin(o, '{');
    text_or_null(o, "base", c->base);
    text_or_null(o, "base_sha", c->base_sha);
    text_or_null(o, "merge_base", c->merge_base);
    text_or_null(o, "baseline", c->baseline);
    for (uint32_t i = SCO_BASELINE_NEW; i < SCO_BASELINE_MAX_; i++)
        sco_json_ki64(o, sco_baseline_name(i), (int64_t)c->by_state[i]);
    sco_json_end(o, '}');
}

static void write_list_end(struct sco_json_out *o)
{
    o->comma = false;
    new_line(o);
    sco_json_end(o, ']');
    new_line(o);
}

int json_write(const struct sco_scan *scan, struct sink *s, struct sco_error *err)
{
    struct sco_json_out o = {.b = &s->b};
    (void)err; /* a write that fails is told by sink_end() */
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "version", "1");
    new_line(&o);
    write_scan(&o, scan);
    new_line(&o);
    sco_json_key(&o, "scanners");
    sco_json_begin(&o, '[');
    for (size_t i = 0; i < scan->n_runs && sink_more(s); i++) {
        new_line(&o);
        write_run(&o, &scan->runs[i]);
    }
    write_list_end(&o);
    sco_json_key(&o, "findings");
    sco_json_begin(&o, '[');
    lines_write(&scan->findings, s);
    write_list_end(&o);
    policies_json(&o, scan);
    new_line(&o);
    write_gate(&o, scan);
    new_line(&o);
    write_summary(&o, &scan->summary);
    new_line(&o);
    if (scan->sbom.path)
        write_sbom(&o, &scan->sbom);
    if (sco_is_compared(&scan->comparison)) {
        write_comparison(&o, &scan->comparison);
        new_line(&o);
    }
    if (scan->stored.where) {
        write_store(&o, &scan->stored);
        new_line(&o);
    }
    sco_json_ki64(&o, "exit_status", scan->exit_status);
    sco_json_end(&o, '}');
    sco_buf_addc(&s->b, '\n');
    return 0;
}

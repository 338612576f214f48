/* The event of a scan that is being stored, for the workflows after it; and a workflow's comment as
 * a publication. */
#include "runner_workflow.h"

#include <secureops/store_ci.h>

enum { FINDINGS_MAX = 100, PRIORITY = 6 };

static const char *const gates[] = {"passed", "failed", "incomplete"};

/* ---- the event ---- */
static bool is_new(const struct sco_scan *s, const struct sco_finding *f)
{
    return sco_finding_counts(f) && f->stored && f->stored->first_detected == s->completed_ms;
}

static void put_counts(struct sco_json_out *o, const struct sco_scan *s)
{
    uint64_t n[SCO_SEV_MAX_] = {0}, all = 0;
    for (size_t i = 0; i < s->findings.n; i++) {
        const struct sco_finding *f = &s->findings.v[i];
        if (!is_new(s, f) || f->severity >= SCO_SEV_MAX_)
            continue;
        n[f->severity]++;
        all++;
    }
    sco_json_ki64(o, "new", (int64_t)all);
    sco_json_key(o, "new_by_severity");
    sco_json_begin(o, '{');
    for (uint32_t i = SCO_SEV_MAX_ - 1; i > 0; i--)
        sco_json_ki64(o, sco_severity_name(i), (int64_t)n[i]);
    sco_json_end(o, '}');
    sco_json_ki64(o, "total", (int64_t)(s->summary.findings - s->summary.suppressed));
    sco_json_ki64(o, "resolved", (int64_t)s->stored.resolved);
    sco_json_ki64(o, "reopened", (int64_t)s->stored.reopened);
    sco_json_key(o, "by_severity");
    sco_json_begin(o, '{');
    for (uint32_t i = SCO_SEV_MAX_ - 1; i > 0; i--)
        sco_json_ki64(o, sco_severity_name(i), (int64_t)s->summary.by_severity[i]);
    sco_json_end(o, '}');
}

static void put_finding(struct sco_json_out *o, const struct sco_finding *f)
{
    char hex[2 * SCO_FINGERPRINT_LEN + 1];
    sco_fingerprint_hex(f->fingerprint, hex);
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", f->stored->id);
    sco_json_kz(o, "fingerprint", hex);
    sco_json_kz(o, "vulnerability_type", sco_type_name(f->type));
    sco_json_kz(o, "severity", sco_severity_name(f->severity));
    sco_json_kz(o, "title", f->title);
    sco_json_kz(o, "rule_id", f->tools->v[0]->rule_id);
    sco_json_kz(o, "file_path", f->file_path);
    if (f->line > 0)
        sco_json_ki64(o, "line_number", f->line);
    sco_json_kz(o, "cve_id", f->cve_id);
    sco_json_end(o, '}');
}

static void put_scan(struct runner *r, struct sco_json_out *o, const struct sco_scan *s)
{
    struct sco_str base = r->cli.config->server.public_url;
    size_t n = 0;
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", s->id);
    if (base.n)
        sco_json_kz(o, "url", sco_arena_fmt(&r->arena, "%s/api/v1/scans/%s/report", base.p, s->id));
    sco_json_kz(o, "status", s->gate.result == SCO_GATE_INCOMPLETE ? "incomplete" : "completed");
    sco_json_ktime(o, "started_at", s->started_ms);
    sco_json_ktime(o, "completed_at", s->completed_ms);
    sco_json_key(o, "gate");
    sco_json_begin(o, '{');
    sco_json_kz(o, "result", gates[s->gate.result]);
    sco_json_key(o, "reasons");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < s->gate.n_reasons; i++)
        sco_json_str(o, sco_str_c(s->gate.reasons[i]));
    sco_json_end(o, ']');
    sco_json_end(o, '}');
    put_counts(o, s);
    sco_json_key(o, "findings");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < s->findings.n && n < FINDINGS_MAX; i++)
        if (is_new(s, &s->findings.v[i])) {
            put_finding(o, &s->findings.v[i]);
            n++;
        }
    sco_json_end(o, ']');
    sco_json_end(o, '}');
}

/* Of a scan that a platform waits for: which pull request it is of. */
static void put_place(struct sco_json_out *o, const struct sco_stored_publication *p)
{
    if (!p)
        return;
    sco_json_kz(o, "repo_full_name", p->repository);
    if (p->pr_number)
        sco_json_ki64(o, "pr_number", p->pr_number);
    if (p->context) {
        sco_json_key(o, "context");
        sco_json_raw(o, sco_str_c(p->context));
    }
}

static const char *repository_of(struct runner *r, const struct sco_scan *s)
{
    if (r->cli.values[ARG_REPOSITORY])
        return r->cli.values[ARG_REPOSITORY];
    return s->repository ? s->repository : s->target;
}

static int write_request(struct runner *r, const struct sco_scan *s,
                         const struct sco_stored_publication *p, struct sco_buf *b,
                         struct sco_error *err)
{
    struct sco_json_out o = {.b = b};
    const struct sco_str_list *names = &r->cli.config->workflows.after_scan;
    sco_json_begin(&o, '{');
    sco_json_key(&o, "workflows");
    sco_json_begin(&o, '[');
    for (size_t i = 0; i < names->n; i++)
        sco_json_str(&o, names->v[i]);
    sco_json_end(&o, ']');
    if (p)
        sco_json_kz(&o, "integration", p->integration);
    sco_json_ki64(&o, "depth", r->job.request.depth);
    sco_json_key(&o, "event");
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "event", "scan");
    sco_json_kz(&o, "clone_url", repository_of(r, s));
    sco_json_kz(&o, "branch", r->cli.values[ARG_BRANCH] ? r->cli.values[ARG_BRANCH] : s->branch);
    sco_json_kz(&o, "commit_sha", s->commit_sha);
    sco_json_ktime(&o, "created_at", s->completed_ms);
    put_place(&o, p);
    sco_json_key(&o, "scan");
    put_scan(r, &o, s);
    sco_json_end(&o, '}');
    sco_json_end(&o, '}');
    return sco_buf_check(b, err);
}

int runner_after_scan(struct runner *r, struct sco_store *s, const struct sco_scan *scan,
                      struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf request = {0}, key = {0};
    struct sco_publication_page p = {0};
    struct sco_job_added added;
    if (!r->cli.config->workflows.after_scan.n)
        return 0;
    int e = sco_store_publications_of_job(s, r->job.id, &p, err);
    if (e == 0)
        e = write_request(r, scan, p.n ? &p.v[0] : NULL, &request, err);
    sco_buf_addf(&key, "workflow:%s", repository_of(r, scan));
    struct sco_job_request q = {.kind = "workflow",
                                .target_key = sco_buf_z(&key),
                                .revision = scan->id,
                                .scanners = "workflow",
                                .request = sco_buf_z(&request),
                                .origin = "scan",
                                .correlation_id = r->job.correlation_id,
                                .priority = PRIORITY};
    if (e == 0)
        e = key.failed ? sco_error_nomem(err) : sco_store_job_add(s, &q, sco_now_ms(), &added, err);
    sco_publication_page_done(&p);
    return e;
}

/* ---- comments ---- */
static const char *write_file(struct runner *r, const char *name, struct sco_str text,
                              struct sco_error *err)
{
    const char *path = sco_arena_fmt(&r->arena, "%s/%s", r->dir, name);
    if (!path)
        sco_error_nomem(err);
    return path && sco_fs_write(path, text, 0600, err) == 0 ? path : NULL;
}

int runner_comment_request(struct runner *r, const struct sco_node *q, struct sco_buf *ret,
                           struct sco_error *err)
{
    static const char *const same[] = {"repository", "context",   "commit_sha",
                                       "branch",     "pr_number", "marker"};
    struct sco_json_out o = {.b = ret};
    const char *text = write_file(r, "comment.md", sco_text(sco_get(q, "text")), err);
    const char *findings = text ? write_file(r, "none.jsonl", SCO_STR(""), err) : NULL;
    if (!findings)
        return err && err->code ? err->code : SCO_E_IO;
    sco_json_begin(&o, '{');
    for (size_t i = 0; i < SCO_ARRAY_LEN(same); i++) {
        const struct sco_node *v = sco_get(q, same[i]);
        sco_json_key(&o, same[i]);
        if (v)
            sco_json_node(&o, v);
        else
            sco_json_null(&o);
    }
    sco_json_kz(&o, "phase", "result");
    sco_json_kz(&o, "name", "SecureOps");
    sco_json_kz(&o, "root", "");
    sco_json_key(&o, "steps");
    sco_json_raw(&o, SCO_STR("[\"comment\"]"));
    sco_json_key(&o, "state");
    sco_json_null(&o);
    sco_json_key(&o, "scan");
    sco_json_raw(&o, SCO_STR("{\"id\":\"\",\"url\":null,\"status\":\"completed\"}"));
    sco_json_key(&o, "gate");
    sco_json_raw(&o, SCO_STR("{\"result\":\"passed\",\"reasons\":[]}"));
    sco_json_key(&o, "summary");
    sco_json_raw(&o, SCO_STR("{\"new\":0,\"unchanged\":0,\"resolved\":0,\"by_severity\":{}}"));
    sco_json_kz(&o, "findings", findings);
    sco_json_kz(&o, "markdown", text);
    sco_json_key(&o, "sarif");
    sco_json_null(&o);
    sco_json_end(&o, '}');
    return sco_buf_check(ret, err);
}

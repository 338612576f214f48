/* Assessments as JSON: the same members from the API and from the command line. */
#include "compliance_priv.h"

#include <secureops/json.h>

static void write_counts(struct sco_json_out *o, const int64_t counts[SCO_VERDICT_MAX_])
{
    sco_json_key(o, "counts");
    sco_json_begin(o, '{');
    for (unsigned i = 0; i < SCO_VERDICT_MAX_; i++)
        sco_json_ki64(o, sco_verdict_name((enum sco_verdict)i), counts[i]);
    sco_json_end(o, '}');
}

static void write_texts(struct sco_json_out *o, const char *key, const char *const *v, size_t n)
{
    sco_json_key(o, key);
    sco_json_begin(o, '[');
    for (size_t i = 0; i < n; i++)
        sco_json_str(o, sco_str_c(v[i]));
    sco_json_end(o, ']');
}

static void write_result(struct sco_json_out *o, enum sco_compliance_result result,
                         const char *const *reasons, size_t n)
{
    sco_json_kz(o, "result", sco_compliance_result_name(result));
    write_texts(o, "reasons", reasons, n);
}

void sco_stored_assessment_write(struct sco_json_out *o, const struct sco_stored_assessment *a)
{
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", a->id);
    sco_json_kz(o, "framework", a->framework);
    sco_json_kz(o, "version", a->version);
    sco_json_kz(o, "title", a->title);
    sco_json_kz(o, "repository", a->repository);
    sco_json_kz(o, "branch", a->branch);
    sco_json_kz(o, "scope", a->scope);
    sco_json_kz(o, "commit_sha", a->commit_sha);
    sco_json_kz(o, "scan_id", a->scan_id);
    sco_json_kz(o, "scan_status", a->scan_status);
    sco_json_ktime(o, "assessed_at", a->assessed_at);
    sco_json_ktime(o, "last_complete_at", a->last_complete_at);
    sco_json_kbool(o, "complete", a->complete);
    sco_json_kbool(o, "stale", a->stale);
    write_result(o, a->result, a->reasons, a->n_reasons);
    write_counts(o, a->counts);
    sco_json_kz(o, "digest", a->digest);
    sco_json_end(o, '}');
}

static void write_cell(struct sco_json_out *o, const struct sco_compliance_view *w,
                       const struct sco_compliance_cell *c)
{
    const struct sco_stored_assessment *a = &w->assessments.v[c->assessment];
    sco_json_begin(o, '{');
    sco_json_kz(o, "repository", a->repository);
    sco_json_kz(o, "branch", a->branch);
    sco_json_kz(o, "scope", a->scope);
    sco_json_kz(o, "assessment_id", a->id);
    sco_json_kz(o, "verdict", sco_verdict_name(c->verdict));
    sco_json_kz(o, "reason", c->reason);
    if (c->evidence) {
        sco_json_key(o, "evidence");
        sco_json_raw(o, sco_str_c(c->evidence));
    }
    if (c->attestation) {
        sco_json_key(o, "attestation");
        sco_stored_attestation_write(o, c->attestation);
    }
    sco_json_end(o, '}');
}

void sco_compliance_view_write(struct sco_json_out *o, const struct sco_compliance_view *w)
{
    sco_json_begin(o, '{');
    sco_json_kz(o, "framework", w->framework);
    sco_json_kz(o, "version", w->version);
    sco_json_kz(o, "title", w->title);
    sco_json_ktime(o, "generated_at", w->now);
    write_result(o, w->result, w->reasons, w->n_reasons);
    write_counts(o, w->counts);
    sco_json_key(o, "assessments");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < w->assessments.n; i++)
        sco_stored_assessment_write(o, &w->assessments.v[i]);
    sco_json_end(o, ']');
    sco_json_key(o, "controls");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < w->n_rows; i++) {
        const struct sco_compliance_row *r = &w->rows[i];
        sco_json_begin(o, '{');
        sco_json_kz(o, "id", r->id);
        sco_json_kz(o, "title", r->title);
        sco_json_kz(o, "description", r->description);
        sco_json_kbool(o, "manual", r->manual);
        sco_json_kz(o, "verdict", sco_verdict_name(r->verdict));
        sco_json_key(o, "results");
        sco_json_begin(o, '[');
        for (size_t k = 0; k < r->n_cells; k++)
            write_cell(o, w, &r->cells[k]);
        sco_json_end(o, ']');
        sco_json_end(o, '}');
    }
    sco_json_end(o, ']');
    write_texts(o, "unassessed_repositories", w->unassessed, w->n_unassessed);
    sco_json_ki64(o, "unassessed", (int64_t)w->n_unassessed_all);
    sco_json_end(o, '}');
}

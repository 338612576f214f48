/* The events of a merge: what was detected, and what is resolved, as rows of the outbox. */
#include "finding_events.h"
#include "merge_priv.h"

struct walk {
    struct merge *m;
    size_t at;
    uint8_t id[16]; /* of the event */
    struct sco_buf tools, data;
};

static bool is_reopened(const struct merged *x)
{
    return !x->created && x->from == SCO_STATUS_RESOLVED && x->to == SCO_STATUS_OPEN;
}

static bool is_detected(const struct merged *x)
{
    bool suppressed = x->f && x->f->suppressions && x->f->suppressions->n;
    return !suppressed && ((x->created && x->to == SCO_STATUS_OPEN) || is_reopened(x));
}

static bool is_resolved(const struct merged *x)
{
    return !x->created && x->from != SCO_STATUS_RESOLVED && x->to == SCO_STATUS_RESOLVED;
}

static void describe(struct walk *w, const struct merged *x, struct finding_event *e)
{
    const struct sco_finding *f = x->f;
    if (!f) {
        const struct merge_gone *g = x->gone;
        e->fingerprint = g->fingerprint;
        e->type = g->type;
        e->severity = g->severity;
        e->title = g->title;
        e->rule_id = g->rule_id;
        e->file_path = g->file_path;
        e->cve_id = g->cve_id;
        e->tools = g->tools;
        e->line = g->line;
        e->risk = g->risk;
        return;
    }
    sco_buf_clear(&w->tools);
    merge_tools(&w->tools, f);
    e->fingerprint = f->fingerprint;
    e->type = sco_str_c(sco_type_name(f->type));
    e->severity = sco_str_c(sco_severity_name(f->severity));
    e->title = sco_str_c(f->title);
    e->rule_id = sco_str_c(f->rule_id);
    e->file_path = sco_str_c(f->file_path);
    e->cve_id = sco_str_c(f->cve_id);
    e->tools = sco_buf_str(&w->tools);
    e->line = f->line;
    e->risk = (double)f->risk_score;
}

static int next_event(void *user, struct store_value *v, struct sco_error *err)
{
    struct walk *w = user;
    const struct merge *m = w->m;
    const struct sco_store_context *c = &m->s->context;
    const struct merged *x = NULL;
    while (w->at < m->n && !x) {
        x = &m->v[w->at++];
        x = is_detected(x) || (is_resolved(x) && (x->f || x->gone)) ? x : NULL;
    }
    if (!x)
        return 0;
    struct finding_event e = {.id = x->id,
                              .repository = m->subject->repository,
                              .branch = m->subject->branch,
                              .scan_id = m->scan->id,
                              .status = (enum sco_status)x->to,
                              .resolved = is_resolved(x),
                              .reopened = is_reopened(x),
                              .by = x->by,
                              .reason = x->reason};
    describe(w, x, &e);
    sco_buf_clear(&w->data);
    finding_event_write(&w->data, &e);
    if (w->data.failed || w->tools.failed)
        return sco_error_nomem(err);
    if (sco_random(w->id, sizeof w->id) < 0)
        return sco_error_set(err, SCO_E_INTERNAL, "no random numbers from the system");
    w->id[6] = (uint8_t)((w->id[6] & 0x0f) | 0x40);
    w->id[8] = (uint8_t)((w->id[8] & 0x3f) | 0x80);
    v[0] = sv_bytes(STORE_UUID, w->id, sizeof w->id);
    v[1] = sv_text(finding_event_types[e.resolved]);
    v[2] = sv_text(m->subject->repository);
    v[3] = sv_i64(m->scan->completed_ms);
    v[4] = sv_text(c->source);
    v[5] = sv_text(c->correlation_id);
    v[6] = sv_text(c->user_id);
    v[7] = sv_json(sco_buf_str(&w->data));
    return 1;
}

int merge_tell(struct merge *m, struct sco_error *err)
{
    struct walk w = {.m = m};
    bool any = false;
    for (size_t i = 0; i < m->n && !any; i++)
        any = is_detected(&m->v[i]) || is_resolved(&m->v[i]);
    if (!m->s->context.source || !any)
        return 0;
    int r = m->s->ops->bulk(m->s->db, &store_bulks[BULK_EVENTS], next_event, &w, err);
    sco_buf_done(&w.tools);
    sco_buf_done(&w.data);
    return r;
}

/* A session from open to verdict: the loop runs until every slot has ended, then the findings are
 * merged and ranked and the gate judges. */
#include "session_priv.h"

#include <event2/event.h>
#include <secureops/crypto.h>
#include <unistd.h>

static void on_retry_time(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    session_start_more(user);
}

/* ---- cancel ---- */
static void on_cancel(evutil_socket_t fd, short what, void *user)
{
    struct session *s = user;
    char drained[16];
    (void)what;
    if (read((int)fd, drained, sizeof drained) < 0)
        return;
    for (size_t i = 0; i < s->n_slots; i++) {
        if (s->slots[i].state != SLOT_RUNNING)
            continue;
        if (s->e->cancels > 1)
            job_kill(s->slots[i].job);
        else
            job_cancel(s->slots[i].job);
    }
    session_start_more(s);
}

/* ---- the whole ---- */
static size_t jobs_of(const struct session *s)
{
    if (s->e->o.jobs > 0)
        return (size_t)s->e->o.jobs;
    return s->cores > 0 ? (size_t)s->cores : 1;
}

int session_open(struct session *s, struct sco_engine *e, size_t n_runs, const char *command,
                 struct sco_error *err)
{
    s->e = e;
    s->sbom.fd = -1;
    s->cores = sysconf(_SC_NPROCESSORS_ONLN);
    s->jobs = jobs_of(s);
    s->scan = sco_alloc(1, sizeof *s->scan);
    s->pool = sco_pool_new();
    if (!s->scan || !s->pool)
        return sco_error_nomem(err);
    s->scan->command = command;
    s->scan->findings.pool = s->pool;
    s->scan->started_ms = sco_now_ms();
    sco_uuid4(s->scan->id);
    s->scan->runs = sco_arena_alloc(&s->scan->arena, (n_runs + 1) * sizeof *s->scan->runs);
    s->slots = sco_alloc(n_runs + 1, sizeof *s->slots);
    s->cancel_event = event_new(e->base, e->cancel_pipe[0], EV_READ | EV_PERSIST, on_cancel, s);
    s->retry_event = evtimer_new(e->base, on_retry_time, s);
    if (!s->scan->runs || !s->slots || !s->cancel_event || !s->retry_event ||
        event_add(s->cancel_event, NULL) < 0)
        return sco_error_nomem(err);
    return 0;
}

void session_close(struct session *s)
{
    for (size_t i = 0; i < s->n_slots; i++)
        job_free(s->slots[i].job);
    sbom_done(&s->sbom);
    free(s->slots);
    free(s->parsers);
    free(s->descriptors);
    if (s->cancel_event)
        event_free(s->cancel_event);
    if (s->retry_event)
        event_free(s->retry_event);
    history_done(&s->history);
    versions_done(&s->versions);
    if (s->scan)
        sco_scan_free(s->scan);
    else
        sco_pool_free(s->pool);
}

static void summarize(struct sco_scan *scan)
{
    struct sco_summary *sum = &scan->summary;
    sum->findings = scan->findings.n;
    for (size_t i = 0; i < scan->findings.n; i++) {
        const struct sco_finding *f = &scan->findings.v[i];
        if (sco_finding_is_suppressed(f)) {
            sum->suppressed++;
            continue;
        }
        if (sco_finding_is_known(f)) {
            sum->unchanged++;
            continue;
        }
        sum->by_severity[f->severity]++;
        sum->by_type[f->type]++;
    }
    for (size_t i = 0; i < scan->n_runs; i++)
        sum->reported += scan->runs[i].reported;
}

/* Waivers that have to be looked at: expired ones, and those that nothing matched. */
static int tell_waivers(struct session *s, struct sco_error *err)
{
    const struct sco_waivers *w = s->e->o.waivers;
    struct sco_scan *scan = s->scan;
    struct sco_scan_policies *p = &scan->policies;
    int r = 0;
    p->waivers = sco_arena_alloc(&scan->arena, (w->n + 1) * sizeof *p->waivers);
    if (!p->waivers)
        return sco_error_nomem(err);
    for (size_t i = 0; i < w->n && r == 0; i++) {
        const struct sco_waiver *x = &w->v[i];
        if (x->matched && !x->expired)
            continue;
        p->waivers[p->n_waivers++] =
            (struct sco_scan_waiver){.pattern = session_keep(s, x->pattern),
                                     .reason = session_keep(s, x->reason),
                                     .owner = session_keep(s, x->owner),
                                     .expires = session_keep(s, x->expires),
                                     .file = session_keep(s, x->file),
                                     .line = x->line,
                                     .matched = x->matched,
                                     .expired = x->expired};
        if (!x->expired || !x->matched)
            continue;
        r = gate_add_reason(
            scan,
            sco_arena_fmt(&scan->arena,
                          "the waiver of %s has expired on %s (%s:%u, %s), and %llu "
                          "finding%s had it",
                          x->pattern, x->expires, x->file, x->line,
                          x->owner ? x->owner : "no owner", (unsigned long long)x->matched,
                          x->matched == 1 ? "" : "s"),
            err);
        gate_lower(scan, SCO_GATE_FAILED);
    }
    return r;
}

static int finish(struct session *s, struct sco_scan **ret, struct sco_error *err)
{
    struct sco_scan *scan = s->scan;
    run_shares_merge(s);
    policy_records_sort(&scan->policies);
    scan->cancelled = sco_engine_cancelled(s->e); /* perhaps before this session was opened */
    int r = sco_findings_identify(&scan->findings, err);
    if (r == 0)
        r = sco_findings_correlate(&scan->findings, err);
    if (r == 0 && s->e->o.waivers)
        r = sco_waivers_apply(s->e->o.waivers, &scan->findings, &scan->policies.waived, err);
    if (r == 0 && s->e->o.settle)
        r = s->e->o.settle(s->e->o.user, scan, err);
    if (r == 0 && s->e->compare)
        r = sco_compare_apply(s->e->compare, scan, err);
    if (r == 0)
        r = sco_findings_rank(&scan->findings, err);
    if (r < 0)
        return r;
    summarize(scan);
    scan->completed_ms = sco_now_ms();
    r = gate_judge(scan, &s->e->o.gate, err);
    if (r == 0 && s->e->o.waivers)
        r = tell_waivers(s, err);
    if (r == 0)
        r = gates_run(s, err);
    if (r < 0)
        return r;
    *ret = scan;
    s->scan = NULL;
    s->pool = NULL; /* the scan's from here on */
    return 0;
}

int session_run(struct session *s, struct sco_scan **ret, struct sco_error *err)
{
    session_start_more(s);
    int r = engine_loop_until(s->e, &s->ended, err);
    return r < 0 ? r : finish(s, ret, err);
}

struct sco_scan *sco_scan_free(struct sco_scan *s)
{
    if (!s)
        return NULL;
    struct sco_pool *pool = s->findings.pool;
    sco_finding_set_done(&s->findings);
    policy_records_done(&s->policies);
    sco_pool_free(pool);
    sco_arena_done(&s->arena);
    free(s);
    return NULL;
}

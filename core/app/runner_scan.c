/* The job itself: fetch, plan, scan or import, save. Nothing of it is kept unless all of it is. */
#include "runner_priv.h"

#include <event2/event.h>
#include <unistd.h>

/* ---- the end may come at any time ---- */
struct watch {
    struct runner *r;
    struct event *event;
};

static void on_end(evutil_socket_t fd, short what, void *user)
{
    struct watch *w = user;
    (void)fd;
    (void)what;
    if (runner_ends(w->r))
        sco_engine_cancel(w->r->cli.engine);
    if (w->r->end != END_ORPHANED) /* that stays readable; a second word makes it faster */
        event_add(w->event, NULL);
}

static int watch_start(struct watch *w, struct runner *r, struct sco_error *err)
{
    w->r = r;
    w->event = event_new(sco_engine_base(r->cli.engine), r->end_fd, EV_READ, on_end, w);
    if (w->event && event_add(w->event, NULL) == 0)
        return 0;
    return sco_error_nomem(err);
}

static void watch_stop(struct watch *w)
{
    if (w->event)
        event_free(w->event);
    w->event = NULL;
}

/* ---- scan, import ---- */
/* Of a change: what it brings is judged. Cannot that be told, the job fails before it scans. */
static int compare(struct runner *r, const char *target, struct sco_error *err)
{
    const struct runner_request *q = &r->job.request;
    struct sco_compare_request c = {.base =
                                        r->checkout.base_sha ? r->checkout.base_sha : q->diff_base,
                                    .name = q->diff_base,
                                    .root = target,
                                    .whole_paths = q->path != NULL,
                                    .cancel_fd = r->end_fd};
    if (!q->diff_base)
        return 0;
    int e = sco_compare_new(&c, &r->cli.compare, err);
    if (e < 0)
        return e;
    const struct sco_diff *d = sco_compare_peek_diff(r->cli.compare);
    runner_log(r, SCO_LOG_INFO, "compared with %s at %.12s: %zu files changed", q->diff_base,
               d->merge_base, d->n_files);
    sco_engine_compare(r->cli.engine, r->cli.compare);
    return 0;
}

static int scan(struct runner *r, struct sco_scan **ret, struct sco_error *err)
{
    struct sco_plan *plan = NULL;
    const char *target = NULL, *shown = NULL;
    int e = runner_target(r, &target, &shown, err);
    if (e == 0)
        e = compare(r, target, err);
    if (e == 0)
        e = sco_engine_plan(r->cli.engine, &target, 1, &plan, err);
    if (e != 0)
        return e;
    plan->targets[0].given = shown; /* not the folder that is gone tomorrow */
    plan->targets[0].below = r->job.request.path;
    r->cli.plan = plan;
    return sco_engine_scan(r->cli.engine, plan, ret, err);
}

static int import(struct runner *r, struct sco_scan **ret, struct sco_error *err)
{
    const struct runner_request *q = &r->job.request;
    const char *file = NULL, *scanner = q->scanner && *q->scanner ? q->scanner : NULL;
    r->cli.values[ARG_REPOSITORY] = q->repository;
    r->cli.values[ARG_BRANCH] = q->branch ? q->branch : "";
    r->cli.values[ARG_SCOPE] = q->scope;
    int e = runner_report_file(r, &file, err);
    if (e == 0)
        e = sco_engine_import(r->cli.engine, &file, 1, scanner, NULL, ret, err);
    return e;
}

/* The spool's names are nobody's business. */
static int name_import(struct runner *r, struct sco_scan *s, struct sco_error *err)
{
    const struct runner_request *q = &r->job.request;
    const char *name =
        sco_arena_cstr(&s->arena, sco_str_c(q->name && *q->name ? q->name : "report"));
    const char *commit =
        q->commit && *q->commit ? sco_arena_cstr(&s->arena, sco_str_c(q->commit)) : s->commit_sha;
    if (!name || (q->commit && *q->commit && !commit))
        return sco_error_nomem(err);
    s->target = name;
    s->commit_sha = commit;
    for (size_t i = 0; i < s->n_runs; i++)
        s->runs[i].target = name;
    return 0;
}

/* ---- save ---- */
static int save(struct runner *r, struct sco_scan *s, struct sco_error *err)
{
    static const char *const words[] = {"passed", "failed", "incomplete"};
    if (runner_ends(r))
        return sco_error_set(err, SCO_E_CANCELLED, "cancelled");
    runner_log(r, SCO_LOG_INFO, "%llu findings; gate: %s",
               (unsigned long long)(s->summary.findings - s->summary.suppressed),
               words[s->gate.result]);
    runner_progress(r, 0, 0, "save");
    r->phase = PHASE_SAVE;
    r->saved_at = sco_now_ms();
    int64_t start = sco_mono_ms();
    int e = sco_store_ready(r->cli.store, err);
    if (e == 0)
        e = context_save_scan(&r->cli, s, err);
    if (e < 0)
        return sco_error_prefix(err, "store");
    r->scan_id = sco_arena_cstr(&r->arena, sco_str_c(s->id));
    r->save_ms = sco_mono_ms() - start;
    r->gate = words[s->gate.result];
    r->findings = s->summary.findings - s->summary.suppressed;
    return 0;
}

int runner_work(struct runner *r, struct sco_error *err)
{
    struct watch w = {0};
    struct sco_scan *s = NULL;
    int e = watch_start(&w, r, err);
    if (e == 0)
        e = runner_check(r, err);
    if (e == 0)
        e = r->job.import ? import(r, &s, err) : scan(r, &s, err);
    watch_stop(&w);
    if (e == 0 && s->cancelled)
        e = sco_error_set(err, SCO_E_CANCELLED, "cancelled");
    if (e == 0 && r->job.import)
        e = name_import(r, s, err);
    if (e == 0)
        e = save(r, s, err);
    if (e == 0 && r->job.import)
        (void)unlink(r->job.request.file); /* what failed may be tried again, this not */
    sco_plan_free((struct sco_plan *)(uintptr_t)r->cli.plan);
    r->cli.plan = NULL;
    sco_scan_free(s);
    return e;
}

/* One poll: what the clockwork asks the store, on its thread. The order matters: leases first, so
 * that our own are fresh when expired ones are collected; schedules before the claim, so that their
 * jobs can run at once. A step that fails ends the poll; the next one begins anew. */
#include "sched_priv.h"

#include <secureops/crypto.h>
#include <secureops/store_accounts.h>
#include <secureops/store_stats.h>
#include <stdlib.h>

#define SCO_LOG_MODULE "sched"
#include <secureops/log.h>

/* ---- schedules ---- */
static void schedule_failed(struct poll *p, const struct sco_stored_schedule *v,
                            const struct sco_error *err)
{
    p->broken++;
    sco_log_write(SCO_LOG_ERROR, SCO_LOG_MODULE, (const char *const[]){"schedule", v->name, NULL},
                  "the schedule cannot fire: %s", err->text);
}

static int fire(struct poll *p, struct sco_store *s, const struct sco_stored_schedule *v,
                const struct tick_plan *plan, struct sco_error *err)
{
    struct sco_job_request jobs[SCHED_TICKS_MAX];
    char keys[SCHED_TICKS_MAX][96], ids[SCHED_TICKS_MAX][37];
    for (size_t i = 0; i < plan->n; i++) {
        snprintf(keys[i], sizeof keys[i], "schedule:%s:%lld", v->id, (long long)plan->ticks[i]);
        sco_uuid4(ids[i]);
        jobs[i] = (struct sco_job_request){.kind = v->kind,
                                           .target_key = v->target_key,
                                           .revision = v->revision,
                                           .scanners = v->scanners,
                                           .request = v->request,
                                           .origin = "schedule",
                                           .requested_by = v->id,
                                           .correlation_id = ids[i],
                                           .idempotency_key = keys[i],
                                           .priority = v->priority};
    }
    bool fired = false;
    int r = sco_store_schedule_fire(s, v->id, v->next_at, plan->next, jobs, plan->n, p->now, &fired,
                                    err);
    if (r < 0)
        return r;
    if (!fired) /* another node was first, and counts them */
        return 0;
    p->fired += plan->n;
    p->dropped += plan->dropped;
    if (plan->dropped)
        sco_log_write(SCO_LOG_WARNING, SCO_LOG_MODULE,
                      (const char *const[]){"schedule", v->name, NULL},
                      "%llu ticks were missed, or outside of the windows, and are not caught up "
                      "with",
                      (unsigned long long)plan->dropped);
    return 0;
}

/* Its ticks end here, and somebody is told: silence would look like scans that find nothing. */
static int switch_off(struct sco_store *s, const struct sco_stored_schedule *v, const char *why,
                      int64_t now, bool *ret_first, struct sco_error *err)
{
    struct sco_stored_schedule off = *v;
    SCO_AUTO(sco_buf) struct sco_buf text = {0}, object = {0};
    struct sco_stored_alert alert = {.kind = "schedule_stopped",
                                     .severity = SCO_SEV_HIGH,
                                     .title = "A schedule was switched off",
                                     .repository = v->target_key,
                                     .object = v->id,
                                     .created_at = now};
    struct sco_audit_entry entry = {
        .at = now, .actor = "system", .action = "schedule.stop", .outcome = "success"};
    char id[37];
    sco_buf_addf(&text, "%s: %s", v->name, why);
    sco_buf_addf(&object, "schedule:%s", v->id);
    alert.message = sco_buf_z(&text);
    entry.object = sco_buf_z(&object);
    off.enabled = false;
    off.next_at = 0;
    int r = text.failed || object.failed ? sco_error_nomem(err) : 0;
    if (r == 0) /* one of the nodes does it */
        r = sco_store_schedule_fire(s, v->id, v->next_at, 0, NULL, 0, now, ret_first, err);
    if (r < 0 || !*ret_first)
        return r;
    r = sco_store_schedule_put(s, &off, now, id, err);
    if (r == 0)
        r = sco_store_alert_add(s, &alert, id, err);
    return r == 0 ? sco_store_audit_add(s, &entry, err) : r;
}

/* 0: it may fire; 1: it may not, and is off now. */
static int check_owner(struct poll *p, struct sco_store *s, const struct sco_stored_schedule *v)
{
    struct sco_error why = {0};
    bool first = false;
    int r = p->o->may_fire ? p->o->may_fire(p->o->user, s, v, &why) : 0;
    if (r < 0 && r != SCO_E_PERMISSION)
        return sco_error_set(&p->err, r, "%s", why.text);
    if (r == 0)
        return 0;
    r = sco_store_begin(s, &p->err);
    if (r == 0)
        r = sco_store_end(s, switch_off(s, v, why.text, p->now, &first, &p->err), &p->err);
    if (r == 0 && first)
        sco_log_write(SCO_LOG_WARNING, SCO_LOG_MODULE,
                      (const char *const[]){"schedule", v->name, NULL},
                      "the schedule is switched off: %s", why.text);
    return r < 0 ? r : 1;
}

static int fire_schedules(struct poll *p, struct sco_store *s)
{
    struct sco_schedule_page page = {0};
    int r = sco_store_schedules_due(s, p->now, SCHED_DUE_MAX, &page, &p->err);
    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && i < page.n; i++) {
        const struct sco_stored_schedule *v = &page.v[i];
        struct tick_plan plan;
        struct sco_error err = {0};
        if (tick_plan(v, p->now, p->jumped, &plan, &err) < 0)
            schedule_failed(p, v, &err); /* the others go on */
        else if (!plan.wait && (r = check_owner(p, s, v)) == 0)
            r = fire(p, s, v, &plan, &p->err);
        r = r > 0 ? 0 : r;
    }
    sco_schedule_page_done(&page);
    return r;
}

/* ---- jobs ---- */
static void get_secrets(struct poll *p, struct sco_store *s, size_t i)
{
    struct sco_error err = {0};
    struct claimed *c = &p->claimed[i];
    struct sco_json_out out = {.b = &c->secrets};
    sco_json_begin(&out, '{');
    int r = p->o->secrets ? p->o->secrets(p->o->user, s, &p->page.v[i], &out, &err) : 0;
    sco_json_end(&out, '}');
    if (r == 0)
        r = sco_buf_check(&c->secrets, &err);
    if (r == 0)
        return;
    c->failed = r == SCO_E_NOT_FOUND || r == SCO_E_INVALID || r == SCO_E_PERMISSION;
    c->error = sco_arena_cstr(&p->page.arena, sco_str_c(err.text));
    if (!c->error)
        c->error = "out of memory";
    end_claimed(p, s, &p->page.v[i], c->failed ? SCO_JOB_END_FAILED : SCO_JOB_END_RETRY, c->error);
}

static int claim(struct poll *p, struct sco_store *s)
{
    struct sco_job_claim c = {.node = p->o->node,
                              .now = p->now,
                              .lease_ms = p->o->lease_ms,
                              .ageing_ms = p->o->ageing_ms,
                              .max = p->want,
                              .max_short = p->want_short,
                              .target_max = p->o->target_max,
                              .limits = p->o->limits,
                              .n_limits = p->o->n_limits};
    int r = sco_store_jobs_claim(s, &c, &p->page, &p->err);
    if (r < 0 || !p->page.n)
        return r;
    p->claimed = sco_alloc(p->page.n, sizeof *p->claimed);
    if (!p->claimed) { /* nobody renews them: they are queued again when their leases end */
        sco_job_page_done(&p->page);
        p->page = (struct sco_job_page){0};
        return sco_error_nomem(&p->err);
    }
    for (size_t i = 0; i < p->page.n; i++)
        get_secrets(p, s, i);
    return 0;
}

/* Leases are compared by all nodes: in the store's time, whatever their clocks say. */
static int take_time(struct poll *p, struct sco_store *s)
{
    int64_t own = p->now;
    int r = sco_store_now(s, own, &p->now, &p->err);
    p->skew = p->now - own;
    return r;
}

static int steps(struct poll *p, struct sco_store *s)
{
    int r = take_time(p, s);
    if (r == 0 && p->recover) { /* once, before anything of ours runs */
        r = sco_store_jobs_recover(s, p->o->node, p->now, &p->recovered, &p->err);
        p->recover = r < 0;
    }
    if (r == 0 && p->renew && p->n_renewals)
        r = sco_store_jobs_renew(s, p->renewals, p->n_renewals, p->now + p->o->lease_ms, &p->err);
    p->renewed = p->renew && r == 0;
    if (r == 0 && p->reap)
        r = sco_store_jobs_reap(s, p->now, p->o->backoff_ms, &p->reaped, &p->err);
    if (r == 0 && p->care)
        r = poll_care(p, s);
    if (r == 0 && p->fire)
        r = fire_schedules(p, s);
    if (r == 0 && p->fire && p->o->due)
        p->o->due(p->o->user, s, p->now);
    if (r == 0 && (p->want || p->want_short))
        r = claim(p, s);
    if (r == 0 && p->o->polled)
        p->o->polled(p->o->user, s, p->now);
    return r;
}

void poll_run(void *state, void *work)
{
    struct poll *p = work;
    int64_t start = sco_mono_ns();
    struct sco_store *s = p->o->store(state);
    if (!s) {
        p->away = true;
        p->result = sco_error_set(&p->err, SCO_E_NETWORK, "the store is away");
        return;
    }
    p->result = steps(p, s);
    p->seconds = (double)(sco_mono_ns() - start) / 1e9;
}

void poll_done(struct poll *p)
{
    for (size_t i = 0; p->claimed && i < p->page.n; i++) {
        if (p->claimed[i].secrets.p)
            sco_wipe(p->claimed[i].secrets.p, p->claimed[i].secrets.cap);
        sco_buf_done(&p->claimed[i].secrets);
    }
    free(p->claimed);
    sco_job_page_done(&p->page);
    sco_arena_done(&p->arena);
    free(p->renewals);
    free(p);
}

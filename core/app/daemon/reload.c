/* A new configuration beside the old one. It is taken when all of it is good, and everybody who
 * works with the old one ends with that. What cannot change while we run is named. */
#include "ci.h"
#include "daemon_priv.h"

#include <secureops/store_accounts.h>
#include <stdlib.h>
#include <unistd.h>

#define SCO_LOG_MODULE "daemon"
#include <secureops/log.h>

static int take(struct daemon *d, struct snapshot *s, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf setup = {0};
    struct sco_api_options o;
    wire_api_options(d, s, &s->arena, &o);
    o.listen = d->snapshot->config->server.listen.p; /* another one takes a restart */
    struct ci_setup *ci = NULL;
    int r = ci_prepare(d, s, &ci, err);
    if (r == 0)
        ci_api(d->ci, ci, &o.webhooks);
    if (r == 0)
        r = wire_metrics_token(s, &s->arena, &o.metrics_token, err);
    if (r == 0)
        r = wire_setup(d, s, &setup, err);
    if (r == 0)
        r = sco_api_reload(d->api, &o, err); /* reads certificates */
    if (r == 0)
        r = ci_take(d->ci, ci, err); /* no memory is all that can be wrong */
    if (r < 0) {
        ci_setup_unref(ci);
        return r;
    }
    sco_sched_reload(d->sched, sco_buf_str(&setup), (uint32_t)s->config->queue.slots,
                     (uint32_t)s->config->queue.ci_slots);
    stores_set_attempts(&d->stores, s->config->queue.attempts);
    stores_set_sla(&d->stores, &s->config->sla);
    daemon_log_setup(s->config);
    return 0;
}

/* ---- the audit log ---- */
struct told {
    struct sco_audit_entry e;
    struct sco_arena arena;
};

static void add_audit(void *state, void *work)
{
    struct told *t = work;
    struct sco_error err = {0};
    struct sco_store *s = stores_get(state);
    if (!s || sco_store_audit_add(s, &t->e, &err) < 0)
        sco_log_warning("the reload is not in the audit log: %s",
                        s ? err.text : "the store is away");
}

static void audit_done(void *work)
{
    struct told *t = work;
    sco_arena_done(&t->arena);
    free(t);
}

static void audit(struct daemon *d, const char *by, const struct sco_error *why)
{
    struct sco_error err = {0};
    struct told *t = sco_alloc(1, sizeof *t);
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "node", d->paths.node);
    sco_json_kz(&o, "error", why ? why->text : NULL);
    sco_json_end(&o, '}');
    int r = t && !b.failed ? 0 : sco_error_nomem(&err);
    if (r == 0 && t) {
        t->e = (struct sco_audit_entry){.at = sco_now_ms(),
                                        .actor = sco_arena_cstr(&t->arena, sco_str_c(by)),
                                        .action = "configuration.reload",
                                        .outcome = why ? "failure" : "success",
                                        .details = sco_arena_cstr(&t->arena, sco_buf_str(&b))};
        r = t->e.actor && t->e.details ? sco_threads_run(d->pool, add_audit, audit_done, t, &err)
                                       : sco_error_nomem(&err);
    }
    if (r == 0)
        return;
    sco_log_warning("the reload is not in the audit log: %s", err.text);
    if (t)
        audit_done(t);
}

int daemon_reload(struct daemon *d, const char *by, struct sco_error *err)
{
    struct sco_error own = {0};
    struct snapshot *s = NULL;
    SCO_AUTO(sco_buf) struct sco_buf kept = {0};
    if (!err)
        err = &own;
    notify_reloading(d->notify);
    int r = snapshot_load(d->args, &s, err);
    if (r == 0)
        r = take(d, s, err);
    if (r < 0) {
        snapshot_unref(s);
        snprintf(d->reload_error, sizeof d->reload_error, "%.*s", (int)sizeof d->reload_error - 1,
                 err->text);
        sco_log_error("the configuration was not reloaded, the one before holds: %s", err->text);
        notify_ready(d->notify, "running; the last reload failed");
        audit(d, by, err);
        return r;
    }
    snapshot_differences(d->snapshot, s, &kept);
    pthread_mutex_lock(&d->lock);
    struct snapshot *old = d->snapshot;
    d->snapshot = s;
    pthread_mutex_unlock(&d->lock);
    snapshot_unref(old);
    d->loaded_at = sco_now_ms();
    d->reload_error[0] = '\0';
    if (kept.n)
        sco_log_warning("reloaded; a restart is needed for %s", sco_buf_z(&kept));
    else
        sco_log_info("reloaded");
    notify_ready(d->notify, "running");
    audit(d, by, NULL);
    return 0;
}

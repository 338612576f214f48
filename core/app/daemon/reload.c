/* A new configuration beside the old one. It is taken when all of it is good, and everybody who
 * works with the old one ends with that. What cannot change while we run is named. */
#include "daemon_priv.h"

#include <unistd.h>

#define SCO_LOG_MODULE "daemon"
#include <secureops/log.h>

static int take(struct daemon *d, struct snapshot *s, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf setup = {0};
    struct sco_api_options o;
    wire_api_options(d, s, &s->arena, &o);
    o.listen = d->snapshot->config->server.listen.p; /* another one takes a restart */
    int r = wire_metrics_token(s, &s->arena, &o.metrics_token, err);
    if (r == 0)
        r = wire_setup(d, s, &setup, err);
    if (r == 0)
        r = sco_api_reload(d->api, &o, err); /* reads certificates */
    if (r < 0)
        return r;
    sco_sched_reload(d->sched, sco_buf_str(&setup), (uint32_t)s->config->queue.slots);
    stores_set_attempts(&d->stores, s->config->queue.attempts);
    daemon_log_setup(s->config);
    return 0;
}

int daemon_reload(struct daemon *d, struct sco_error *err)
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
    return 0;
}

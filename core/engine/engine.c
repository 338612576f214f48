/* Life of an engine: the loop, the cancel pipe (safe in a signal handler), a job alone. */
#include "engine_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <unistd.h>

int sco_engine_new(const struct sco_engine_options *o, struct sco_engine **ret,
                   struct sco_error *err)
{
    struct sco_engine *e = sco_alloc(1, sizeof *e);
    if (!e)
        return sco_error_nomem(err);
    e->o = *o;
    e->cancel_pipe[0] = e->cancel_pipe[1] = e->tmp_lock = -1;
    struct event_config *config = event_config_new();
    if (config)
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    e->base = config ? event_base_new_with_config(config) : NULL;
    if (config)
        event_config_free(config);
    int r = e->base ? 0 : sco_error_nomem(err);
    if (r == 0 && pipe2(e->cancel_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
        r = sco_error_errno(err, errno, "pipe");
    if (r == 0)
        r = sco_loop_become_subreaper(err);
    if (r < 0) {
        sco_engine_free(e);
        return r;
    }
    *ret = e;
    return 0;
}

struct sco_engine *sco_engine_free(struct sco_engine *e)
{
    if (!e)
        return NULL;
    engine_remove_dirs(e);
    for (int i = 0; i < 2; i++)
        if (e->cancel_pipe[i] >= 0)
            close(e->cancel_pipe[i]);
    if (e->base)
        event_base_free(e->base);
    sco_arena_done(&e->plugins.arena);
    free(e);
    return NULL;
}

void sco_engine_cancel(struct sco_engine *e)
{
    int saved = errno;
    e->cancels++;
    if (write(e->cancel_pipe[1], "c", 1) < 0)
        errno = 0; /* the pipe is full of cancels already */
    errno = saved;
}

struct event_base *sco_engine_base(struct sco_engine *e)
{
    return e->base;
}

int engine_loop_until(struct sco_engine *e, const bool *until, struct sco_error *err)
{
    while (!*until)
        if (event_base_loop(e->base, EVLOOP_ONCE) != 0)
            return sco_error_set(err, SCO_E_INTERNAL, "the event loop ended before the work");
    return 0;
}

static void on_cancel(evutil_socket_t fd, short what, void *user)
{
    (void)fd; /* not read: what comes after this job is cancelled too */
    (void)what;
    job_kill(user);
}

int engine_run_job(struct sco_engine *e, const struct job_spec *spec, const bool *ended,
                   struct sco_error *err)
{
    struct job *j = NULL;
    int r = job_start(e, spec, &j, err);
    struct event *cancel =
        r < 0 ? NULL : event_new(e->base, e->cancel_pipe[0], EV_READ, on_cancel, j);
    if (r == 0 && (!cancel || event_add(cancel, NULL) < 0))
        r = sco_error_nomem(err);
    if (r == 0)
        r = engine_loop_until(e, ended, err);
    if (r == 0 && e->cancels)
        r = sco_error_set(err, SCO_E_CANCELLED, "cancelled");
    if (cancel)
        event_free(cancel);
    job_free(j);
    return r;
}

const char *sco_engine_sandbox(const struct sco_engine *e)
{
    return e->o.no_sandbox ? "none: it is switched off" : e->sandbox;
}

void sco_engine_compare(struct sco_engine *e, struct sco_comparison *c)
{
    e->compare = c;
}

bool sco_engine_cancelled(const struct sco_engine *e)
{
    return e->cancels != 0;
}

/* Life of an engine: the loop, the cancel pipe (safe in a signal handler), the temporary folder. */
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
    e->cancel_pipe[0] = e->cancel_pipe[1] = -1;
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
    if (e->tmp)
        sco_fs_remove_tree(e->tmp);
    free(e->tmp);
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

void engine_loop_until(struct sco_engine *e, const bool *until)
{
    while (!*until && event_base_loop(e->base, EVLOOP_ONCE) == 0)
        ;
}

int engine_make_dir(struct sco_engine *e, const char *name, const char **ret,
                    struct sco_arena *arena, struct sco_error *err)
{
    if (!e->tmp) {
        int r = sco_fs_mkdtemp(NULL, "secureops", &e->tmp, err);
        if (r < 0)
            return r;
    }
    char *path = sco_arena_fmt(arena, "%s/%s", e->tmp, name);
    if (!path)
        return sco_error_nomem(err);
    int r = sco_fs_mkdirs(path, 0700, err);
    if (r == 0)
        *ret = path;
    return r;
}

/* git has no limit for what it fetches: a thread measures the folders meanwhile. It shares only
 * struct checkout_watch with its starter, who reads its outcome after the join. */
#include "checkout_priv.h"

#include <errno.h>
#include <fts.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INTERVAL_MS = 250, SHARE = 10 /* of the time that may go into measuring: a tenth */ };

uint64_t checkout_tree_size(const char *path)
{
    char *roots[] = {(char *)(uintptr_t)path, NULL};
    uint64_t size = 0;
    FTS *f = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    for (FTSENT *e; f && (e = fts_read(f));)
        if (e->fts_info == FTS_F || e->fts_info == FTS_D) {
            uint64_t on_disk = (uint64_t)e->fts_statp->st_blocks * 512;
            uint64_t long_as = (uint64_t)e->fts_statp->st_size; /* the disk may compress */
            size += on_disk > long_as ? on_disk : long_as;
        }
    if (f)
        fts_close(f);
    return size;
}

static bool too_large(const struct checkout_watch *w)
{
    uint64_t size = 0;
    for (size_t i = 0; i < SCO_ARRAY_LEN(w->dirs); i++)
        if (w->dirs[i])
            size += checkout_tree_size(w->dirs[i]);
    return size > w->limit;
}

static void *watch(void *user)
{
    struct checkout_watch *w = user;
    int64_t wait = INTERVAL_MS;
    for (;;) {
        struct pollfd p[2] = {{.fd = w->stop_fd, .events = POLLIN},
                              {.fd = w->cancel_fd, .events = POLLIN | POLLRDHUP}};
        int n = poll(p, 2, (int)wait);
        if (n < 0 && errno != EINTR)
            return NULL;
        if (p[0].revents)
            return NULL;
        w->cancelled = p[1].revents != 0;
        int64_t from = sco_mono_ms();
        w->over = !w->cancelled && too_large(w);
        wait = INTERVAL_MS + (sco_mono_ms() - from) * SHARE;
        if (w->cancelled || w->over) {
            eventfd_write(w->end_fd, 1);
            return NULL;
        }
    }
}

int checkout_watch_start(struct checkout_watch *w, struct sco_error *err)
{
    sigset_t all, old;
    w->end_fd = eventfd(0, EFD_CLOEXEC);
    w->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (w->end_fd < 0 || w->stop_fd < 0) {
        int r = sco_error_errno(err, errno, "eventfd");
        checkout_watch_stop(w);
        return r;
    }
    sigfillset(&all); /* signals are for the main thread */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int e = pthread_create(&w->thread, NULL, watch, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    w->running = e == 0;
    if (e) {
        checkout_watch_stop(w);
        return sco_error_errno(err, e, "cannot start a thread");
    }
    return 0;
}

void checkout_watch_stop(struct checkout_watch *w)
{
    if (w->running) {
        eventfd_write(w->stop_fd, 1);
        pthread_join(w->thread, NULL);
        w->over = w->over || (!w->cancelled && too_large(w));
    }
    w->running = false;
    if (w->end_fd >= 0)
        close(w->end_fd);
    if (w->stop_fd >= 0)
        close(w->stop_fd);
    w->end_fd = w->stop_fd = -1;
}

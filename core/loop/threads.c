/* A pool of threads beside the loop. One lock guards the queue of what waits and the list of what
 * has ended; an eventfd tells the loop of the first entry of that list. Threads start with work:
 * an idle daemon has none, and one that never sees much has few. */
#include <secureops/threads.h>

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { NAME_MAX_ = 15, STACK_SIZE = 1 << 20 };

struct piece {
    sco_thread_fn run;
    sco_thread_end_fn end;
    void *work;
    struct piece *next;
};

struct list { /* first in, first out */
    struct piece *head, **tail;
};

struct sco_threads {
    struct sco_threads_options o;
    char name[NAME_MAX_ + 1];
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct list queue, ended;   /* lock */
    size_t waiting, running, n; /* lock; n: threads that were started */
    bool closing;               /* lock */
    pthread_t *threads;
    int fd; /* readable: `ended` has something */
    struct event *event;
};

static void list_init(struct list *l)
{
    l->head = NULL;
    l->tail = &l->head;
}

static void list_push(struct list *l, struct piece *p)
{
    p->next = NULL;
    *l->tail = p;
    l->tail = &p->next;
}

static struct piece *list_pop(struct list *l)
{
    struct piece *p = l->head;
    if (p) {
        l->head = p->next;
        if (!l->head)
            l->tail = &l->head;
    }
    return p;
}

/* ---- on the threads ---- */
/* The eventfd's counter cannot overflow: it is written once per emptying of the list. */
static void ring(struct sco_threads *t)
{
    uint64_t one = 1;
    ssize_t r;
    do
        r = write(t->fd, &one, sizeof one);
    while (r < 0 && errno == EINTR);
}

static void *thread_main(void *user)
{
    struct sco_threads *t = user;
    void *state = t->o.start ? t->o.start(t->o.user) : NULL;
    pthread_mutex_lock(&t->lock);
    for (;;) {
        struct piece *p = list_pop(&t->queue);
        if (!p) {
            if (t->closing)
                break;
            pthread_cond_wait(&t->more, &t->lock);
            continue;
        }
        t->waiting--;
        t->running++;
        pthread_mutex_unlock(&t->lock);
        p->run(state, p->work);
        pthread_mutex_lock(&t->lock);
        t->running--;
        bool first = !t->ended.head;
        list_push(&t->ended, p);
        if (first)
            ring(t);
    }
    pthread_mutex_unlock(&t->lock);
    if (t->o.stop)
        t->o.stop(t->o.user, state);
    return NULL;
}

/* ---- on the loop ---- */
/* Ends may give new work, and that may end meanwhile: what is told is what was there. */
static void tell_ends(struct sco_threads *t)
{
    pthread_mutex_lock(&t->lock);
    struct piece *p = t->ended.head;
    list_init(&t->ended);
    pthread_mutex_unlock(&t->lock);
    while (p) {
        struct piece *next = p->next;
        if (p->end)
            p->end(p->work);
        free(p);
        p = next;
    }
}

static void on_ended(evutil_socket_t fd, short what, void *user)
{
    uint64_t n;
    (void)what;
    ssize_t r = read(fd, &n, sizeof n);
    if (r == (ssize_t)sizeof n)
        tell_ends(user);
}

/* Signals are for the loop's thread: a new one blocks them all. */
static int start_thread(struct sco_threads *t)
{
    sigset_t all, old;
    pthread_attr_t attr;
    sigfillset(&all);
    int e = pthread_attr_init(&attr);
    if (e)
        return e;
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    e = pthread_create(&t->threads[t->n], &attr, thread_main, t);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    if (e)
        return e;
    pthread_setname_np(t->threads[t->n], t->name);
    t->n++;
    return 0;
}

int sco_threads_new(struct event_base *base, const struct sco_threads_options *o,
                    struct sco_threads **ret, struct sco_error *err)
{
    if (!o->n || strlen(o->name) > NAME_MAX_)
        return sco_error_set(err, SCO_E_INVALID, "no threads, or their name is too long");
    struct sco_threads *t = sco_alloc(1, sizeof *t);
    if (!t)
        return sco_error_nomem(err);
    t->o = *o;
    memcpy(t->name, o->name, strlen(o->name));
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->more, NULL);
    list_init(&t->queue);
    list_init(&t->ended);
    t->threads = sco_alloc(o->n, sizeof *t->threads);
    t->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (t->fd >= 0)
        t->event = event_new(base, t->fd, EV_READ | EV_PERSIST, on_ended, t);
    if (!t->threads || !t->event || event_add(t->event, NULL) < 0) {
        sco_threads_free(t);
        return sco_error_set(err, SCO_E_IO, "cannot prepare the threads %s", o->name);
    }
    *ret = t;
    return 0;
}

struct sco_threads *sco_threads_free(struct sco_threads *t)
{
    if (!t)
        return NULL;
    pthread_mutex_lock(&t->lock);
    t->closing = true;
    pthread_cond_broadcast(&t->more);
    pthread_mutex_unlock(&t->lock);
    for (size_t i = 0; i < t->n; i++)
        pthread_join(t->threads[i], NULL);
    tell_ends(t);
    if (t->event)
        event_free(t->event);
    if (t->fd >= 0)
        close(t->fd);
    pthread_cond_destroy(&t->more);
    pthread_mutex_destroy(&t->lock);
    free(t->threads);
    free(t);
    return NULL;
}

int sco_threads_run(struct sco_threads *t, sco_thread_fn run, sco_thread_end_fn end, void *work,
                    struct sco_error *err)
{
    struct piece *p = sco_alloc(1, sizeof *p);
    if (!p)
        return sco_error_nomem(err);
    *p = (struct piece){.run = run, .end = end, .work = work};
    int r = 0, e = 0;
    pthread_mutex_lock(&t->lock);
    if (t->closing)
        r = SCO_E_CANCELLED;
    else if (t->o.waiting && t->waiting >= t->o.waiting)
        r = SCO_E_LIMIT;
    else if (t->running + t->waiting >= t->n && t->n < t->o.n)
        e = start_thread(t);
    if (r == 0 && (!e || t->n)) { /* one thread is enough to go on */
        list_push(&t->queue, p);
        t->waiting++;
        p = NULL;
    }
    pthread_mutex_unlock(&t->lock);
    if (!p) {
        pthread_cond_signal(&t->more);
        return 0;
    }
    free(p);
    if (r == SCO_E_LIMIT)
        return sco_error_set(err, r, "%zu pieces of work wait already", t->o.waiting);
    if (r < 0)
        return sco_error_set(err, r, "the threads %s end", t->name);
    return sco_error_errno(err, e, "cannot start a thread");
}

static size_t peek(const struct sco_threads *t, const size_t *of)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&t->lock;
    pthread_mutex_lock(lock);
    size_t n = *of;
    pthread_mutex_unlock(lock);
    return n;
}

size_t sco_threads_waiting(const struct sco_threads *t)
{
    return peek(t, &t->waiting);
}

size_t sco_threads_running(const struct sco_threads *t)
{
    return peek(t, &t->running);
}

/* A small pool of threads for what would block the loop: the store, digests of passwords, big
 * files. A piece of work is run on some thread and then handed back to the loop, where its end is
 * told. Everything but the `run` and `start`/`stop` functions is called on the loop's thread. */
#pragma once

#include <secureops/base.h>

struct event_base;
struct sco_threads;

struct sco_threads_options {
    const char *name; /* of the threads: at most 15 bytes */
    size_t n;         /* threads; they start when there is work */
    size_t waiting;   /* pieces that may wait; more: SCO_E_LIMIT. 0: any number */
    /* Both on the thread: what it keeps for itself (a connection). NULL: nothing. */
    void *(*start)(void *user);
    void (*stop)(void *user, void *state);
    void *user;
};
int sco_threads_new(struct event_base *base, const struct sco_threads_options *o,
                    struct sco_threads **ret, struct sco_error *err) SCO_NODISCARD;
/* Lets what runs and what waits come to its end, tells their ends, joins. NULL is fine. */
struct sco_threads *sco_threads_free(struct sco_threads *t);

typedef void (*sco_thread_fn)(void *state, void *work); /* on a thread; state: of `start` */
typedef void (*sco_thread_end_fn)(void *work);          /* on the loop, after it, once */
/* In the order given, as threads become free. `work` is borrowed until `end` (or NULL: nothing is
 * told). SCO_E_LIMIT; SCO_E_CANCELLED: within sco_threads_free. */
int sco_threads_run(struct sco_threads *t, sco_thread_fn run, sco_thread_end_fn end, void *work,
                    struct sco_error *err) SCO_NODISCARD;
/* Any thread. */
size_t sco_threads_waiting(const struct sco_threads *t); /* not begun yet */
size_t sco_threads_running(const struct sco_threads *t);

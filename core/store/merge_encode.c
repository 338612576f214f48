/* The content of new findings, as JSON with its digest, a batch ahead of what is being written: a
 * thread encodes the next batch while the database takes this one. Each is encoded once, and two
 * batches are all that is in memory. The thread reads findings and writes digests of its batch;
 * nobody else does meanwhile. */
#include "merge_priv.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum { SLOTS = 2, THREAD_MIN = 2000 };

struct slot {
    struct merge_batch batch;
    bool full;
};

struct merge_encoder {
    struct merge *m;
    size_t at; /* of m->v: the next one to encode */
    struct slot slots[SLOTS];
    size_t fill, take;  /* slots, by turns */
    bool taken;         /* slots[take] is with the caller */
    bool threaded, end; /* end: nothing more is wanted */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct sco_finding_writer *writer;
    struct sco_sha256 *sha;
};

static int encode_one(struct merge_encoder *e, struct merge_batch *b, struct merged *x)
{
    struct sco_json_out o = {.b = &b->text};
    size_t from = b->text.n;
    sco_finding_writer_add(e->writer, &o, x->f);
    if (b->text.failed)
        return SCO_E_NOMEM;
    b->ends[b->n++] = b->text.n;
    return merge_digest_of(e->sha, sco_str_make(b->text.p + from, b->text.n - from), x->digest);
}

static void encode_batch(struct merge_encoder *e, struct merge_batch *b)
{
    sco_buf_clear(&b->text);
    b->n = 0;
    b->from = e->at;
    b->result = 0;
    for (; e->at < e->m->n && b->n < MERGE_BATCH && b->result == 0; e->at++)
        if (e->m->v[e->at].created)
            b->result = encode_one(e, b, &e->m->v[e->at]);
    b->to = e->at;
}

static void *encoder_main(void *user)
{
    struct merge_encoder *e = user;
    bool more = true;
    pthread_mutex_lock(&e->lock);
    while (more) {
        struct slot *s = &e->slots[e->fill];
        while (s->full && !e->end)
            pthread_cond_wait(&e->changed, &e->lock);
        if (e->end)
            break;
        pthread_mutex_unlock(&e->lock);
        encode_batch(e, &s->batch);
        more = s->batch.n && s->batch.result == 0; /* an empty one is the last */
        pthread_mutex_lock(&e->lock);
        s->full = true;
        e->fill = (e->fill + 1) % SLOTS;
        pthread_cond_signal(&e->changed);
    }
    pthread_mutex_unlock(&e->lock);
    return NULL;
}

/* Signals belong to the threads of the program. Without a thread it goes on by itself. */
static void start(struct merge_encoder *e)
{
    sigset_t all, before;
    if (e->m->counts.created < THREAD_MIN)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    e->threaded = pthread_create(&e->thread, NULL, encoder_main, e) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct merge_encoder *merge_encoder_new(struct merge *m)
{
    struct merge_encoder *e = sco_alloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->m = m;
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->changed, NULL);
    e->writer = sco_finding_writer_new();
    e->sha = sco_sha256_new();
    if (!e->writer || !e->sha)
        return merge_encoder_free(e);
    start(e);
    return e;
}

const struct merge_batch *merge_encoder_next(struct merge_encoder *e)
{
    struct slot *s = &e->slots[e->take];
    if (!e->threaded) {
        encode_batch(e, &s->batch);
        return &s->batch;
    }
    pthread_mutex_lock(&e->lock);
    if (e->taken) {
        s->full = false;
        e->take = (e->take + 1) % SLOTS;
        s = &e->slots[e->take];
        pthread_cond_signal(&e->changed);
    }
    while (!s->full)
        pthread_cond_wait(&e->changed, &e->lock);
    e->taken = true;
    pthread_mutex_unlock(&e->lock);
    return &s->batch;
}

struct merge_encoder *merge_encoder_free(struct merge_encoder *e)
{
    if (!e)
        return NULL;
    if (e->threaded) {
        pthread_mutex_lock(&e->lock);
        e->end = true;
        pthread_cond_signal(&e->changed);
        pthread_mutex_unlock(&e->lock);
        pthread_join(e->thread, NULL);
    }
    for (size_t i = 0; i < SLOTS; i++)
        sco_buf_done(&e->slots[i].batch.text);
    sco_finding_writer_free(e->writer);
    sco_sha256_free(e->sha);
    pthread_cond_destroy(&e->changed);
    pthread_mutex_destroy(&e->lock);
    free(e);
    return NULL;
}

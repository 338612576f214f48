/* The list of findings in the JSON report: nearly all of its bytes. As many threads as there are
 * cores take the findings chunk by chunk, put a chunk into text in a buffer of their own, and write
 * it when all chunks before it are written; a few hundred findings stay with the caller alone. The
 * threads read the findings, take turns at the sink, and are gone at the end. */
#include "report_priv.h"

#include <pthread.h>
#include <unistd.h>

enum {
    CHUNK = 256, /* findings; about 250 KB of text */
    THREADS_MAX = 8,
    AHEAD = 4, /* findings whose texts are fetched into the cache before their turn */
    LINE = 64, /* bytes the cache fetches at once */
};

struct work { /* what all threads share */
    const struct sco_finding_set *set;
    struct sink *sink; /* of the one whose turn it is */
    pthread_mutex_t lock;
    pthread_cond_t moved;
    size_t next, turn; /* chunks: the first that nobody took, the one to be written */
    bool ended;        /* there is no sense in going on */
};

/* Ranked findings lie in memory in another order than their texts. */
static void prefetch(const struct sco_finding *f)
{
    __builtin_prefetch(f->title);
    __builtin_prefetch(f->title + LINE);
    __builtin_prefetch(f->title + 2 * LINE);
    __builtin_prefetch(f->description);
    __builtin_prefetch(f->description + LINE);
    __builtin_prefetch(f->file_path);
    __builtin_prefetch(f->metadata);
}

static void render(struct sco_finding_writer *w, const struct sco_finding_set *set, size_t from,
                   struct sco_buf *b)
{
    size_t end = from + CHUNK < set->n ? from + CHUNK : set->n;
    struct sco_json_out o = {.b = b};
    for (size_t i = from; i < end; i++) {
        if (i + AHEAD < end)
            prefetch(&set->v[i + AHEAD]);
        sco_buf_add(b, i ? SCO_STR(",\n") : SCO_STR("\n"));
        sco_finding_writer_add(w, &o, &set->v[i]);
    }
}

/* The next chunk that nobody took; false: there is none. */
static bool take_chunk(struct work *w, size_t *ret)
{
    pthread_mutex_lock(&w->lock);
    *ret = w->next++;
    bool more = !w->ended && *ret * CHUNK < w->set->n;
    pthread_mutex_unlock(&w->lock);
    return more;
}

/* Writes the text of a chunk behind those before it. */
static void put_chunk(struct work *w, size_t chunk, struct sco_buf *text)
{
    pthread_mutex_lock(&w->lock);
    while (w->turn != chunk)
        pthread_cond_wait(&w->moved, &w->lock);
    pthread_mutex_unlock(&w->lock);
    bool more = sink_take(w->sink, text); /* the turn is what keeps the others out */
    pthread_mutex_lock(&w->lock);
    w->turn++;
    w->ended |= !more;
    pthread_cond_broadcast(&w->moved);
    pthread_mutex_unlock(&w->lock);
}

static void *run(void *user)
{
    struct work *w = user;
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    struct sco_finding_writer *writer = sco_finding_writer_new(); /* NULL will do */
    for (size_t chunk; take_chunk(w, &chunk);) {
        render(writer, w->set, chunk * CHUNK, &text);
        put_chunk(w, chunk, &text);
    }
    sco_finding_writer_free(writer);
    return NULL;
}

static void write_alone(const struct sco_finding_set *set, struct sink *s)
{
    for (size_t from = 0; from < set->n && sink_more(s); from += CHUNK)
        render(NULL, set, from, &s->b);
}

static size_t threads_for(size_t findings)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t n = cores > 0 ? (size_t)cores : 1;
    if (n > THREADS_MAX)
        n = THREADS_MAX;
    return findings >= 4 * CHUNK * n ? n : 1;
}

void lines_write(const struct sco_finding_set *set, struct sink *s)
{
    struct work w = {.set = set,
                     .sink = s,
                     .lock = PTHREAD_MUTEX_INITIALIZER,
                     .moved = PTHREAD_COND_INITIALIZER};
    pthread_t others[THREADS_MAX];
    size_t want = threads_for(set->n), n = 1; /* the caller is one of them */
    if (want == 1) {
        write_alone(set, s);
        return;
    }
    while (n < want && pthread_create(&others[n], NULL, run, &w) == 0)
        n++;
    run(&w); /* with as many as there are */
    for (size_t i = 1; i < n; i++)
        pthread_join(others[i], NULL);
    pthread_cond_destroy(&w.moved);
    pthread_mutex_destroy(&w.lock);
}

/* The list of findings in the JSON report: nearly all of its bytes. The findings are put into text
 * by as many threads as there are cores, a chunk each, and written in order by the caller's thread;
 * a few hundred findings stay with it alone. Threads read the findings and write to their own
 * buffer, nothing else, and are gone at the end. */
#include "report_priv.h"

#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

enum {
    CHUNK = 256, /* findings; about 250 KB of text */
    THREADS_MAX = 8,
    AHEAD = 4, /* findings whose texts are fetched into the cache before their turn */
};

struct step { /* what all threads see */
    const struct sco_finding_set *set;
    size_t from; /* of this round; set->n: the end */
};

struct renderer {
    struct step *step;
    size_t number;
    struct sco_buf text;
    pthread_t thread;
    sem_t go, done;
};

/* Ranked findings lie in memory in another order than their texts. */
static void prefetch(const struct sco_finding *f)
{
    __builtin_prefetch(f->title);
    __builtin_prefetch(f->description);
    __builtin_prefetch(f->file_path);
    __builtin_prefetch(f->metadata);
}

static void render(const struct sco_finding_set *set, size_t from, struct sco_buf *b)
{
    size_t end = from + CHUNK < set->n ? from + CHUNK : set->n; /* may lie before `from` */
    struct sco_json_out o = {.b = b};
    for (size_t i = from; i < end; i++) {
        if (i + AHEAD < end)
            prefetch(&set->v[i + AHEAD]);
        sco_buf_add(b, i ? SCO_STR(",\n") : SCO_STR("\n"));
        sco_finding_write(&o, &set->v[i]);
    }
}

static void *run(void *user)
{
    struct renderer *r = user;
    for (;;) {
        while (sem_wait(&r->go) < 0)
            ; /* a signal */
        if (r->step->from >= r->step->set->n)
            return NULL;
        render(r->step->set, r->step->from + r->number * CHUNK, &r->text);
        sem_post(&r->done);
    }
}

static void take_text(struct renderer *r, struct sink *s)
{
    sco_buf_add(&s->b, sco_buf_str(&r->text));
    buf_restart(&r->text, &s->b);
    sink_more(s);
}

/* Rounds of one chunk a thread, the caller's own the first. */
static void write_rounds(struct renderer *all, size_t n, struct sink *s)
{
    struct step *step = all[0].step;
    for (; step->from < step->set->n && sink_more(s); step->from += n * CHUNK) {
        for (size_t i = 1; i < n; i++)
            sem_post(&all[i].go);
        render(step->set, step->from, &all[0].text);
        for (size_t i = 1; i < n; i++)
            while (sem_wait(&all[i].done) < 0)
                ; /* a signal */
        for (size_t i = 0; i < n; i++)
            take_text(&all[i], s);
    }
}

static void write_alone(const struct sco_finding_set *set, struct sink *s)
{
    for (size_t from = 0; from < set->n && sink_more(s); from += CHUNK)
        render(set, from, &s->b);
}

static size_t threads_for(size_t findings)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t n = cores > 0 ? (size_t)cores : 1;
    if (n > THREADS_MAX)
        n = THREADS_MAX;
    return findings >= 4 * CHUNK * n ? n : 1;
}

static bool start(struct renderer *r, struct step *step, size_t number)
{
    *r = (struct renderer){.step = step, .number = number};
    if (sem_init(&r->go, 0, 0) < 0 || sem_init(&r->done, 0, 0) < 0)
        return false;
    return number == 0 || pthread_create(&r->thread, NULL, run, r) == 0;
}

void lines_write(const struct sco_finding_set *set, struct sink *s)
{
    struct renderer all[THREADS_MAX];
    struct step step = {.set = set};
    size_t want = threads_for(set->n), n = 0;
    if (want == 1) {
        write_alone(set, s);
        return;
    }
    while (n < want && start(&all[n], &step, n))
        n++;
    write_rounds(all, n, s); /* with as many as there are: the caller's at least */
    step.from = set->n;
    for (size_t i = 0; i < n; i++) {
        if (i) {
            sem_post(&all[i].go);
            pthread_join(all[i].thread, NULL);
        }
        sem_destroy(&all[i].go);
        sem_destroy(&all[i].done);
        sco_buf_done(&all[i].text);
    }
}

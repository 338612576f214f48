/* Metrics: descriptions are static, series appear with their first use. One lock: an update is a
 * look-up in a small map, some hundred nanoseconds. */
#include <secureops/telemetry.h>

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

struct series {
    const char *labels[SCO_METRIC_LABELS];
    double value;      /* of a histogram: the sum */
    uint64_t count;    /* of a histogram */
    uint64_t *buckets; /* not cumulative */
};
struct family {
    const struct sco_metric *d;
    struct series *v;
    size_t n, cap;
    struct sco_map by_labels; /* index + 1 */
};
struct collector {
    void (*fn)(void *user, struct sco_metrics *m);
    void *user;
};
struct sco_metrics {
    pthread_mutex_t lock;
    struct family **v; /* in the order of first use */
    size_t n, cap;
    struct sco_map by_metric; /* address of the description -> family */
    struct collector *collectors;
    size_t n_collectors, cap_collectors;
    struct sco_arena arena;
};

static const double default_buckets[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
                                         2.5,   5,    10,    30,   60,  120,  300, 600};

static const double *bounds(const struct sco_metric *d, size_t *n)
{
    *n = d->buckets ? d->n_buckets : SCO_ARRAY_LEN(default_buckets);
    return d->buckets ? d->buckets : default_buckets;
}

struct sco_metrics *sco_metrics_new(void)
{
    struct sco_metrics *m = sco_alloc(1, sizeof *m);
    if (m)
        pthread_mutex_init(&m->lock, NULL);
    return m;
}

struct sco_metrics *sco_metrics_free(struct sco_metrics *m)
{
    if (!m)
        return NULL;
    for (size_t i = 0; i < m->n; i++) {
        sco_map_done(&m->v[i]->by_labels);
        free(m->v[i]->v);
    }
    free(m->v);
    free(m->collectors);
    sco_map_done(&m->by_metric);
    sco_arena_done(&m->arena);
    pthread_mutex_destroy(&m->lock);
    free(m);
    return NULL;
}

/* ---- series ---- */
static struct family *find_family(struct sco_metrics *m, const struct sco_metric *d)
{
    struct sco_str key = sco_str_make((const char *)&d, sizeof d);
    struct family *f = sco_map_get(&m->by_metric, key);
    if (f)
        return f;
    f = sco_arena_alloc(&m->arena, sizeof *f);
    void **place = f ? sco_map_put(&m->by_metric, key, NULL) : NULL;
    if (!place || SCO_VEC_PUSH(m->v, m->n, m->cap) < 0)
        return NULL;
    f->d = d;
    *place = f;
    m->v[m->n++] = f;
    return f;
}

static struct series *add_series(struct sco_metrics *m, struct family *f, const char *const *labels,
                                 struct sco_str key)
{
    size_t n;
    bounds(f->d, &n);
    if (SCO_VEC_PUSH(f->v, f->n, f->cap) < 0)
        return NULL;
    struct series *s = &f->v[f->n];
    *s = (struct series){0};
    for (size_t i = 0; i < SCO_METRIC_LABELS && f->d->labels[i]; i++)
        if (!(s->labels[i] = sco_arena_cstr(&m->arena, sco_str_c(labels[i]))))
            return NULL;
    if (f->d->kind == SCO_HISTOGRAM &&
        !(s->buckets = sco_arena_alloc(&m->arena, (n + 1) * sizeof *s->buckets)))
        return NULL;
    void **place = sco_map_put(&f->by_labels, key, NULL);
    if (!place)
        return NULL;
    *place = (void *)(uintptr_t)++f->n; // NOLINT(performance-no-int-to-ptr): an index
    return s;
}

/* With the lock held. NULL: out of memory; the value is lost. */
static struct series *find_series(struct sco_metrics *m, const struct sco_metric *d, va_list ap)
{
    static const char other[] = "other";
    const char *labels[SCO_METRIC_LABELS] = {0};
    SCO_AUTO(sco_buf) struct sco_buf key = {0};
    struct family *f = find_family(m, d);
    if (!f)
        return NULL;
    for (size_t i = 0; i < SCO_METRIC_LABELS && d->labels[i]; i++) {
        labels[i] = va_arg(ap, const char *);
        labels[i] = labels[i] ? labels[i] : "";
        sco_buf_addz(&key, labels[i]);
        sco_buf_addc(&key, 0);
    }
    uintptr_t index = (uintptr_t)sco_map_get(&f->by_labels, sco_buf_str(&key));
    if (index)
        return &f->v[index - 1];
    if (f->n < SCO_METRIC_SERIES_MAX || !d->labels[0])
        return key.failed ? NULL : add_series(m, f, labels, sco_buf_str(&key));
    sco_buf_clear(&key); /* somebody counts by what there is no end of */
    for (size_t i = 0; i < SCO_METRIC_LABELS && d->labels[i]; i++) {
        labels[i] = other;
        sco_buf_add(&key, sco_str_make(other, sizeof other));
    }
    index = (uintptr_t)sco_map_get(&f->by_labels, sco_buf_str(&key));
    return index ? &f->v[index - 1] : add_series(m, f, labels, sco_buf_str(&key));
}

void sco_metric_add(struct sco_metrics *m, const struct sco_metric *d, double by, ...)
{
    va_list ap;
    if (!m)
        return;
    va_start(ap, by);
    pthread_mutex_lock(&m->lock);
    struct series *s = find_series(m, d, ap);
    if (s)
        s->value += by;
    pthread_mutex_unlock(&m->lock);
    va_end(ap);
}

void sco_metric_set(struct sco_metrics *m, const struct sco_metric *d, double to, ...)
{
    va_list ap;
    if (!m)
        return;
    va_start(ap, to);
    pthread_mutex_lock(&m->lock);
    struct series *s = find_series(m, d, ap);
    if (s)
        s->value = to;
    pthread_mutex_unlock(&m->lock);
    va_end(ap);
}

void sco_metric_observe(struct sco_metrics *m, const struct sco_metric *d, double seconds, ...)
{
    va_list ap;
    if (!m)
        return;
    va_start(ap, seconds);
    pthread_mutex_lock(&m->lock);
    struct series *s = find_series(m, d, ap);
    if (s && s->buckets) {
        size_t n, i = 0;
        const double *le = bounds(d, &n);
        while (i < n && seconds > le[i])
            i++;
        s->buckets[i]++;
        s->count++;
        s->value += seconds;
    }
    pthread_mutex_unlock(&m->lock);
    va_end(ap);
}

void sco_metrics_on_collect(struct sco_metrics *m, void (*fn)(void *user, struct sco_metrics *m),
                            void *user)
{
    if (!m)
        return;
    pthread_mutex_lock(&m->lock);
    if (SCO_VEC_PUSH(m->collectors, m->n_collectors, m->cap_collectors) == 0)
        m->collectors[m->n_collectors++] = (struct collector){fn, user};
    pthread_mutex_unlock(&m->lock);
}

/* ---- the page: https://prometheus.io/docs/instrumenting/exposition_formats/ ---- */
static void write_value(struct sco_buf *out, double v)
{
    if (isnan(v))
        sco_buf_addz(out, "NaN");
    else if (isinf(v))
        sco_buf_addz(out, v > 0 ? "+Inf" : "-Inf");
    else if (v == floor(v) && fabs(v) < 1e15)
        sco_buf_add_i64(out, (int64_t)v);
    else
        sco_buf_addf(out, "%.9g", v);
}

static void write_escaped(struct sco_buf *out, const char *z)
{
    for (; *z; z++) {
        if (*z == '\\' || *z == '"')
            sco_buf_addc(out, '\\');
        if (*z == '\n')
            sco_buf_addz(out, "\\n");
        else
            sco_buf_addc(out, *z);
    }
}

static void write_labels(struct sco_buf *out, const struct sco_metric *d, const struct series *s,
                         const char *le)
{
    bool any = false;
    for (size_t i = 0; i < SCO_METRIC_LABELS && d->labels[i]; i++) {
        sco_buf_addf(out, "%s%s=\"", any ? "," : "{", d->labels[i]);
        write_escaped(out, s->labels[i]);
        sco_buf_addc(out, '"');
        any = true;
    }
    if (le) {
        sco_buf_addf(out, "%sle=\"%s\"", any ? "," : "{", le);
        any = true;
    }
    sco_buf_addz(out, any ? "} " : " ");
}

static void write_histogram(struct sco_buf *out, const struct sco_metric *d, const struct series *s)
{
    size_t n;
    const double *le = bounds(d, &n);
    uint64_t sum = 0;
    for (size_t i = 0; i <= n; i++) {
        char bound[32] = "+Inf";
        if (i < n)
            snprintf(bound, sizeof bound, "%g", le[i]);
        sum += s->buckets[i];
        sco_buf_addf(out, "%s_bucket", d->name);
        write_labels(out, d, s, bound);
        sco_buf_addf(out, "%llu\n", (unsigned long long)sum);
    }
    sco_buf_addf(out, "%s_sum", d->name);
    write_labels(out, d, s, NULL);
    write_value(out, s->value);
    sco_buf_addf(out, "\n%s_count", d->name);
    write_labels(out, d, s, NULL);
    sco_buf_addf(out, "%llu\n", (unsigned long long)s->count);
}

static void collect(struct sco_metrics *m)
{
    for (size_t i = 0;; i++) {
        pthread_mutex_lock(&m->lock);
        struct collector c = i < m->n_collectors ? m->collectors[i] : (struct collector){0};
        pthread_mutex_unlock(&m->lock);
        if (!c.fn)
            return;
        c.fn(c.user, m);
    }
}

void sco_metrics_write(struct sco_metrics *m, struct sco_buf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    collect(m);
    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < m->n; i++) {
        const struct family *f = m->v[i];
        sco_buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", f->d->name, f->d->help, f->d->name,
                     kinds[f->d->kind]);
        for (size_t k = 0; k < f->n; k++) {
            if (f->d->kind == SCO_HISTOGRAM) {
                write_histogram(out, f->d, &f->v[k]);
                continue;
            }
            sco_buf_addz(out, f->d->name);
            write_labels(out, f->d, &f->v[k], NULL);
            write_value(out, f->v[k].value);
            sco_buf_addc(out, '\n');
        }
    }
    pthread_mutex_unlock(&m->lock);
}

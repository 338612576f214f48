/* Traces: W3C trace context, and spans sent in batches as OTLP/HTTP with JSON.
 * https://www.w3.org/TR/trace-context/ , https://opentelemetry.io/docs/specs/otlp/ */
#include <secureops/telemetry.h>

#include <secureops/crypto.h>
#include <secureops/json.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { WAITING_MAX = 4096, BATCH = 512, PAUSE_MS = 2000, LAST_MS = 2000 };

/* ---- trace context ---- */
static bool unhex(const char *p, size_t n, uint8_t *out)
{
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++) {
        int v = 0;
        for (size_t k = 0; k < 2; k++) {
            char c = p[2 * i + k];
            int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
            if (d < 0)
                return false;
            v = v * 16 + d;
        }
        out[i] = (uint8_t)v;
        any |= out[i];
    }
    return any != 0;
}

/* version "-" trace-id "-" parent-id "-" flags; a later version may have more behind. */
bool sco_traceparent_parse(struct sco_str text, struct sco_trace_id *ret)
{
    struct sco_trace_id t = {.valid = true};
    uint8_t version = 0, flags = 0;
    if (text.n < 55 || text.p[2] != '-' || text.p[35] != '-' || text.p[52] != '-')
        return false;
    bool zero = strncmp(text.p, "00", 2) == 0;
    if ((!zero && !unhex(text.p, 1, &version)) || version == 0xff ||
        (text.n > 55 && (zero || text.p[55] != '-')))
        return false;
    if (!unhex(text.p + 3, 16, t.trace) || !unhex(text.p + 36, 8, t.span))
        return false;
    if (!unhex(text.p + 53, 1, &flags) && strncmp(text.p + 53, "00", 2) != 0)
        return false;
    t.sampled = flags & 1;
    *ret = t;
    return true;
}

void sco_traceparent_format(const struct sco_trace_id *t, char out[SCO_TRACEPARENT_LEN])
{
    char trace[33], span[17];
    sco_hex(t->trace, sizeof t->trace, trace);
    sco_hex(t->span, sizeof t->span, span);
    snprintf(out, SCO_TRACEPARENT_LEN, "00-%s-%s-%s", trace, span, t->sampled ? "01" : "00");
}

void sco_trace_start(const struct sco_trace_id *parent, struct sco_trace_id *ret)
{
    struct sco_trace_id t = {.sampled = true, .valid = true};
    if (parent && parent->valid)
        t = *parent;
    else
        t.valid = sco_random(t.trace, sizeof t.trace) == 0;
    t.valid = sco_random(t.span, sizeof t.span) == 0 && t.valid;
    *ret = t;
}

/* ---- the tracer ---- */
struct sco_tracer {
    struct sco_tracer_options o;
    struct sco_metrics *metrics;
    struct sco_arena strings; /* what `o` points to */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    char **waiting; /* spans as JSON */
    size_t n, cap;
    bool stop;
    int64_t until_ms; /* of the last sending; monotonic */
};

static const struct sco_metric spans_total = {
    .name = "secureops_trace_spans_total",
    .help = "Spans by what became of them: sent, dropped.",
    .kind = SCO_COUNTER,
    .labels = {"outcome"},
};

static void attribute(struct sco_json_out *o, const char *key, const char *value)
{
    sco_json_begin(o, '{');
    sco_json_kz(o, "key", key);
    sco_json_key(o, "value");
    sco_json_begin(o, '{');
    sco_json_kz(o, "stringValue", value);
    sco_json_end(o, '}');
    sco_json_end(o, '}');
}

static void khex(struct sco_json_out *o, const char *key, const uint8_t *p, size_t n)
{
    char hex[33];
    sco_hex(p, n, hex);
    sco_json_kz(o, key, hex);
}

static void ktime(struct sco_json_out *o, const char *key, int64_t ns)
{
    char text[24]; /* 64-bit numbers are strings in OTLP's JSON */
    snprintf(text, sizeof text, "%lld", (long long)ns);
    sco_json_kz(o, key, text);
}

static char *span_json(const struct sco_span *s)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    static const uint8_t none[8];
    sco_json_begin(&o, '{');
    khex(&o, "traceId", s->id.trace, sizeof s->id.trace);
    khex(&o, "spanId", s->id.span, sizeof s->id.span);
    if (memcmp(s->parent, none, sizeof none) != 0)
        khex(&o, "parentSpanId", s->parent, sizeof s->parent);
    sco_json_kz(&o, "name", s->name);
    sco_json_ki64(&o, "kind", s->kind);
    ktime(&o, "startTimeUnixNano", s->start_ns);
    ktime(&o, "endTimeUnixNano", s->end_ns);
    sco_json_key(&o, "attributes");
    sco_json_begin(&o, '[');
    for (const char *const *a = s->attributes; a && a[0] && a[1]; a += 2)
        attribute(&o, a[0], a[1]);
    sco_json_end(&o, ']');
    sco_json_key(&o, "status");
    sco_json_begin(&o, '{');
    sco_json_ki64(&o, "code", s->failed ? 2 : 1);
    sco_json_end(&o, '}');
    sco_json_end(&o, '}');
    return b.failed ? NULL : sco_strdup(sco_buf_str(&b));
}

static void send_batch(struct sco_tracer *t, char **v, size_t n)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    sco_json_key(&o, "resourceSpans");
    sco_json_begin(&o, '[');
    sco_json_begin(&o, '{');
    sco_json_key(&o, "resource");
    sco_json_begin(&o, '{');
    sco_json_key(&o, "attributes");
    sco_json_begin(&o, '[');
    attribute(&o, "service.name", t->o.service);
    attribute(&o, "service.version", t->o.version);
    attribute(&o, "service.instance.id", t->o.node);
    sco_json_end(&o, ']');
    sco_json_end(&o, '}');
    sco_json_key(&o, "scopeSpans");
    sco_json_begin(&o, '[');
    sco_json_begin(&o, '{');
    sco_json_key(&o, "scope");
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "name", "secureops");
    sco_json_end(&o, '}');
    sco_json_key(&o, "spans");
    sco_json_begin(&o, '[');
    for (size_t i = 0; i < n; i++)
        sco_json_raw(&o, sco_str_c(v[i]));
    sco_json_end(&o, ']');
    sco_json_end(&o, '}');
    sco_json_end(&o, ']');
    sco_json_end(&o, '}');
    sco_json_end(&o, ']');
    sco_json_end(&o, '}');
    bool late = t->until_ms && sco_mono_ms() > t->until_ms;
    bool sent =
        !b.failed && !late && t->o.post(t->o.user, t->o.endpoint, sco_buf_str(&b), NULL) == 0;
    sco_metric_add(t->metrics, &spans_total, (double)n, sent ? "sent" : "dropped");
    for (size_t i = 0; i < n; i++)
        free(v[i]);
}

static void pause_until_work(struct sco_tracer *t)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PAUSE_MS / 1000;
    while (!t->stop && !t->n)
        pthread_cond_wait(&t->wake, &t->lock); /* an idle daemon does not wake up */
    while (!t->stop && t->n < BATCH && pthread_cond_timedwait(&t->wake, &t->lock, &until) == 0) {
    }
}

static void *tracer_main(void *user)
{
    struct sco_tracer *t = user;
    char *batch[BATCH];
    pthread_mutex_lock(&t->lock);
    for (;;) {
        pause_until_work(t);
        if (!t->n && t->stop)
            break;
        size_t n = t->n < BATCH ? t->n : BATCH;
        memcpy(batch, t->waiting, n * sizeof *batch);
        memmove(t->waiting, t->waiting + n, (t->n - n) * sizeof *t->waiting);
        t->n -= n;
        pthread_mutex_unlock(&t->lock);
        send_batch(t, batch, n);
        pthread_mutex_lock(&t->lock);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

static void release(struct sco_tracer *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->waiting[i]);
    free(t->waiting);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
    sco_arena_done(&t->strings);
    free(t);
}

int sco_tracer_new(const struct sco_tracer_options *o, struct sco_metrics *m,
                   struct sco_tracer **ret, struct sco_error *err)
{
    struct sco_tracer *t = sco_alloc(1, sizeof *t);
    pthread_condattr_t attr;
    if (!t)
        return sco_error_nomem(err);
    t->o = *o;
    t->metrics = m;
    const char **texts[] = {&t->o.endpoint, &t->o.service, &t->o.version, &t->o.node};
    bool kept = true;
    for (size_t i = 0; i < SCO_ARRAY_LEN(texts); i++)
        kept = (*texts[i] = sco_arena_cstr(&t->strings, sco_str_c(*texts[i]))) && kept;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->wake, &attr);
    pthread_condattr_destroy(&attr);
    int r = kept ? pthread_create(&t->thread, NULL, tracer_main, t) : ENOMEM;
    if (r) {
        release(t);
        return sco_error_errno(err, r, "cannot start a thread");
    }
    *ret = t;
    return 0;
}

struct sco_tracer *sco_tracer_free(struct sco_tracer *t)
{
    if (!t)
        return NULL;
    pthread_mutex_lock(&t->lock);
    t->stop = true;
    t->until_ms = sco_mono_ms() + LAST_MS;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    release(t);
    return NULL;
}

/* All spans of a trace, or none: by its id, so that every node decides the same. */
static bool is_kept(const struct sco_tracer *t, const struct sco_trace_id *id)
{
    uint64_t low;
    memcpy(&low, id->trace + 8, sizeof low);
    return id->valid && id->sampled && (double)(low >> 11) * 0x1p-53 < t->o.ratio;
}

void sco_tracer_end(struct sco_tracer *t, const struct sco_span *s)
{
    if (!t || !is_kept(t, &s->id))
        return;
    char *json = span_json(s);
    bool dropped = true;
    pthread_mutex_lock(&t->lock);
    if (json && t->n < WAITING_MAX && SCO_VEC_PUSH(t->waiting, t->n, t->cap) == 0) {
        t->waiting[t->n++] = json;
        dropped = false;
        if (t->n == 1 || t->n == BATCH)
            pthread_cond_signal(&t->wake);
    }
    pthread_mutex_unlock(&t->lock);
    if (dropped) {
        free(json);
        sco_metric_add(t->metrics, &spans_total, 1, "dropped");
    }
}

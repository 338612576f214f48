/* Records: structured data that a plugin hands over beside its findings, batched as these are. The
 * host looks at their frame only; what they say is between the plugin and who asked for it. */
#include "host_priv.h"

enum { KIND_MAX = 32 };

static bool good_kind(const char *kind)
{
    size_t n = kind ? strlen(kind) : 0;
    return n > 0 && n <= KIND_MAX && strspn(kind, "abcdefghijklmnopqrstuvwxyz-") == n;
}

int host_flush_records(struct sco_worker *w)
{
    if (!w->record_batch.n)
        return 0;
    int r = host_send(w, SCO_MSG_RECORDS, sco_buf_str(&w->record_batch));
    sco_buf_clear(&w->record_batch);
    return r;
}

static int over_limit(struct sco_worker *w)
{
    if (!w->record_limit_hit)
        host_incomplete(w, "more than %llu bytes of records: the others were left out",
                        (unsigned long long)w->job->max_output);
    w->record_limit_hit = true;
    return SCO_E_LIMIT;
}

static int add(struct sco_worker *w, const char *kind, struct sco_str json)
{
    struct sco_buf *b = &w->record_batch;
    size_t before = b->n;
    sco_buf_addf(b, "%s ", kind);
    sco_buf_add(b, json);
    sco_buf_addc(b, '\n');
    if (!b->failed)
        return 0;
    b->n = before; /* not half of it */
    b->failed = false;
    host_incomplete(w, "out of memory for records");
    return SCO_E_NOMEM;
}

int host_record(const struct sco_host *t, const char *kind, struct sco_str json)
{
    struct sco_worker *w = t->impl;
    if (host_is_foreign(w))
        return SCO_E_INVALID;
    if (w->phase != HOST_RUNNING) {
        w->misplaced++;
        return SCO_E_INVALID;
    }
    if (w->cancelled)
        return SCO_E_CANCELLED;
    if (!good_kind(kind) || !json.n || memchr(json.p, '\n', json.n)) {
        host_incomplete(w, "a record was refused: its kind or its text is malformed");
        return SCO_E_INVALID;
    }
    if (json.n > SCO_RECORD_MAX) {
        host_incomplete(w, "a record of %zu bytes was refused: at most %u", json.n, SCO_RECORD_MAX);
        return SCO_E_LIMIT;
    }
    if (w->job->max_output && w->record_bytes + json.n > w->job->max_output)
        return over_limit(w);
    int r = add(w, kind, json);
    if (r < 0)
        return r;
    w->records++;
    w->events += strcmp(kind, "event") == 0;
    w->results += strcmp(kind, "result") == 0;
    w->record_bytes += json.n;
    if (w->record_batch.n < SCO_FRAME_BATCH)
        return 0;
    r = host_flush_records(w);
    return r < 0 ? r : host_poll_cancel(w) ? SCO_E_CANCELLED : 0;
}

/* What a worker says to one call: records, then an answer. Nothing of it is trusted to be well
 * formed: an answer that is not one ends the worker. */
#include "ci_priv.h"

int ci_answer_records(struct ci_answer *a, struct sco_str payload, struct sco_error *err)
{
    if (payload.n > CI_RECORDS_MAX - a->records.n)
        return sco_error_set(err, SCO_E_LIMIT, "the plugin recorded more than %d bytes",
                             (int)CI_RECORDS_MAX);
    sco_buf_add(&a->records, payload);
    for (size_t i = 0; i < payload.n; i++)
        a->n_records += payload.p[i] == '\n';
    return sco_buf_check(&a->records, err);
}

void ci_answer_clear(struct ci_answer *a)
{
    if (a->records.cap > 1 << 20) /* one huge answer must not be kept for ever */
        sco_buf_done(&a->records);
    sco_buf_clear(&a->records);
    a->n_records = 0;
    sco_arena_reset(&a->arena);
}

void ci_answer_done(struct ci_answer *a)
{
    sco_buf_done(&a->records);
    sco_arena_done(&a->arena);
}

/* Events and the result out of the lines. */
static int sort_records(struct ci_answer *a, struct sco_ci_answer *x, struct sco_error *err)
{
    struct sco_str rest = sco_buf_str(&a->records), line, kind;
    const struct sco_node *v = NULL;
    if (!(x->events = sco_arena_alloc(&a->arena, (a->n_records + 1) * sizeof *x->events)))
        return sco_error_nomem(err);
    while (rest.n && sco_str_split(&rest, '\n', &line)) {
        if (!line.n)
            continue;
        if (!sco_str_split(&line, ' ', &kind) || !line.n)
            return sco_error_set(err, SCO_E_FORMAT, "a record without a kind");
        if (sco_str_is(kind, "event") && x->n_events < a->n_records)
            x->events[x->n_events++] = line;
        else if (sco_str_is(kind, "result"))
            x->result = line;
    }
    if (!x->result.n)
        return 0;
    if (sco_json_parse(x->result, &a->arena, &v, err) < 0 || v->type != SCO_NODE_MAP) {
        x->result = sco_str_make(NULL, 0);
        x->code = SCO_E_FORMAT;
        x->n_events = 0;
        x->reason = "the plugin's result is not a JSON object";
    }
    return 0;
}

static int take_receipt(struct ci_answer *a, const struct sco_node *m, struct sco_ci_answer *x,
                        struct sco_error *err)
{
    struct sco_str id = sco_text_at(m, "id"), event = sco_text_at(m, "native_event");
    if (!id.n)
        return sco_error_set(err, SCO_E_FORMAT, "a receipt without an id");
    x->delivery_id = sco_arena_cstr(&a->arena, id);
    x->native_event = event.n ? sco_arena_cstr(&a->arena, event) : NULL;
    x->ignored = sco_bool(sco_get(m, "ignored"), 0);
    return !x->delivery_id || (event.n && !x->native_event) ? sco_error_nomem(err) : 0;
}

int ci_answer_read(struct ci_answer *a, struct sco_str payload, int64_t id,
                   struct sco_ci_answer *ret, struct sco_error *err)
{
    struct sco_ci_answer x = {0};
    const struct sco_node *m = NULL;
    int r = sco_json_parse(payload, &a->arena, &m, err);
    if (r < 0)
        return r;
    int64_t code = sco_int_at(m, "code", INT64_MIN);
    struct sco_str reason = sco_text_at(m, "reason");
    if (sco_int_at(m, "id", -1) != id || code < SCO_E_INTERNAL || code > SCO_CI_DEGRADED)
        return sco_error_set(err, SCO_E_FORMAT, "an answer without its call");
    x.code = (int)code;
    x.retry_ms = sco_int_at(m, "retry_ms", 0);
    if (x.retry_ms < 0)
        x.retry_ms = 0;
    if (reason.n && !(x.reason = sco_arena_cstr(&a->arena, reason)))
        return sco_error_nomem(err);
    if (sco_get(m, "receipt"))
        r = take_receipt(a, sco_get(m, "receipt"), &x, err);
    if (r == 0 && x.code >= 0)
        r = sort_records(a, &x, err);
    if (r < 0)
        return r;
    *ret = x;
    return 0;
}

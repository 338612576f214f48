/* Writes what merge.c has decided: a kind of row after the other, each in bulk. */
#include "merge_priv.h"

/* A walk over the decisions, for one kind of row. */
struct walk {
    struct merge *m;
    size_t at, end;
    uint32_t part;                   /* history: which of the rows of one finding */
    const struct merge_batch *batch; /* of new ones */
    size_t in_batch;
    struct sco_buf tools;
};

static struct merged *next_of(struct walk *w, bool (*wanted)(const struct merged *x))
{
    while (w->at < w->end) {
        struct merged *x = &w->m->v[w->at++];
        if (wanted(x))
            return x;
    }
    return NULL;
}

static bool is_created(const struct merged *x)
{
    return x->created;
}
static bool is_seen(const struct merged *x)
{
    return x->f && !x->created;
}
static bool has_content(const struct merged *x)
{
    return x->content;
}
static bool has_state(const struct merged *x)
{
    return x->state;
}

/* The columns that follow a report, from the digest on. */
static int fill_content(struct walk *w, const struct merged *x, struct store_value *v)
{
    const struct sco_finding *f = x->f;
    sco_buf_clear(&w->tools);
    merge_tools(&w->tools, f);
    if (w->tools.failed)
        return SCO_E_NOMEM;
    v[0] = sv_bytes(STORE_BLOB, x->digest, sizeof x->digest);
    v[1] = sv_text(sco_type_name(f->type));
    v[2] = sv_text(sco_severity_name(f->severity));
    v[3] = sv_text(f->title);
    v[4] = sv_text(f->rule_id);
    v[5] = sv_text(f->file_path);
    v[6] = sv_i64_or_null(f->line > 0 ? f->line : 0);
    v[7] = sv_text(f->cve_id);
    v[8] = (struct store_value){.type = STORE_TEXT, .s = sco_buf_str(&w->tools)};
    v[9] = sv_real((double)f->risk_score);
    v[10] = sv_bool(f->suppressions && f->suppressions->n);
    return 0;
}

static int next_finding(void *user, struct store_value *v, struct sco_error *err)
{
    struct walk *w = user;
    const struct merged *x = next_of(w, is_created);
    if (!x)
        return 0;
    v[0] = sv_i64(x->pk);
    v[1] = sv_bytes(STORE_UUID, x->id, sizeof x->id);
    v[2] = sv_i64(w->m->branch);
    v[3] = sv_bytes(STORE_BLOB, x->f->fingerprint, SCO_FINGERPRINT_LEN);
    if (fill_content(w, x, v + 4) < 0)
        return sco_error_nomem(err);
    v[15] = sv_text(w->m->subject->scope);
    v[16] = sv_text(sco_status_name(SCO_STATUS_OPEN)); /* what it is comes with its state */
    v[17] = sv_i64(x->first);
    v[18] = sv_i64(x->last);
    v[19] = v[20] = sv_bytes(STORE_UUID, w->m->scan_id, 16);
    return 1;
}

static int next_details(void *user, struct store_value *v, struct sco_error *err)
{
    struct walk *w = user;
    const struct merged *x = next_of(w, is_created);
    (void)err;
    if (!x)
        return 0;
    const struct merge_batch *b = w->batch;
    size_t from = w->in_batch ? b->ends[w->in_batch - 1] : 0;
    v[0] = sv_i64(x->pk);
    v[1] = sv_json(sco_str_make(b->text.p + from, b->ends[w->in_batch] - from));
    w->in_batch++;
    return 1;
}

static int next_redetails(void *user, struct store_value *v, struct sco_error *err)
{
    struct walk *w = user;
    const struct merged *x = next_of(w, has_content);
    if (!x)
        return 0;
    int r = merge_content(w->m, x->f, err);
    v[0] = sv_i64(x->pk);
    v[1] = sv_json(sco_buf_str(&w->m->content));
    return r < 0 ? r : 1;
}

static int next_seen(void *user, struct store_value *v, struct sco_error *err)
{
    struct walk *w = user;
    const struct merged *x = next_of(w, is_seen);
    (void)err;
    if (!x)
        return 0;
    v[0] = sv_i64(x->pk);
    v[1] = sv_i64(x->last);
    v[2] = sv_bytes(STORE_UUID, w->m->scan_id, 16);
    v[3] = sv_text(w->m->subject->scope);
    return 1;
}

static int next_content(void *user, struct store_value *v, struct sco_error *err)
{
    struct walk *w = user;
    const struct merged *x = next_of(w, has_content);
    if (!x)
        return 0;
    v[0] = sv_i64(x->pk);
    return fill_content(w, x, v + 1) < 0 ? sco_error_nomem(err) : 1;
}

static int next_state(void *user, struct store_value *v, struct sco_error *err)
{
    struct walk *w = user;
    const struct merged *x = next_of(w, has_state);
    (void)err;
    if (!x)
        return 0;
    bool resolved = x->to == SCO_STATUS_RESOLVED;
    bool open = x->to == SCO_STATUS_OPEN;
    v[0] = sv_i64(x->pk);
    v[1] = sv_text(sco_status_name((enum sco_status)x->to));
    v[2] = sv_text(open ? NULL : x->by);
    v[3] = sv_text(open ? NULL : x->reason);
    v[4] = (struct store_value){.type = STORE_NULL};
    v[5] = resolved ? sv_i64(w->m->scan->completed_ms) : (struct store_value){.type = STORE_NULL};
    v[6] = sv_text(resolved ? x->by : NULL);
    return 1;
}

/* ---- history: up to three rows of a finding ---- */
static const char *why_suppressed(const struct merged *x)
{
    const struct sco_suppresseds *s = x->f->suppressions;
    return s && s->n && s->v[0].reason ? s->v[0].reason : NULL;
}

static bool fill_event(const struct merged *x, uint32_t part, struct store_value *v)
{
    const struct store_value none = {.type = STORE_NULL};
    v[3] = v[4] = none;
    v[5] = sv_text("scan");
    if (part == 0 && x->state) {
        v[2] = sv_text(x->action);
        v[3] = sv_text(sco_status_name((enum sco_status)x->from));
        v[4] = sv_text(sco_status_name((enum sco_status)x->to));
        v[5] = sv_text(x->by);
        v[7] = sv_text(x->reason);
        return true;
    }
    if (part == 1 && x->change) {
        v[2] = sv_text("changed");
        v[7] = sv_text(x->change);
        return true;
    }
    if (part == 2 && x->suppression) {
        v[2] = sv_text(x->suppression > 0 ? "suppressed" : "unsuppressed");
        v[7] = sv_text(why_suppressed(x));
        return true;
    }
    return false;
}

static int next_event(void *user, struct store_value *v, struct sco_error *err)
{
    struct walk *w = user;
    (void)err;
    for (; w->at < w->end; w->at++, w->part = 0) {
        const struct merged *x = &w->m->v[w->at];
        while (w->part < 3) {
            if (!fill_event(x, w->part++, v))
                continue;
            v[0] = sv_i64(x->pk);
            v[1] = sv_i64(w->m->scan->completed_ms);
            v[6] = sv_bytes(STORE_UUID, w->m->scan_id, 16);
            return 1;
        }
    }
    return 0;
}

/* ---- the whole ---- */
/* UUIDs of version 7, of the time of first_detected: lists are ordered by it through them, and
 * their index grows at its end. */
static int name_created(struct merge *m, struct sco_error *err)
{
    int64_t pk = 0;
    uint64_t tail = 0;
    if (!m->counts.created)
        return 0;
    int r = m->s->ops->reserve(m->s->db, (int64_t)m->counts.created, &pk, err);
    if (r == 0)
        r = sco_random(&tail, sizeof tail) < 0
                ? sco_error_set(err, SCO_E_INTERNAL, "no random numbers from the system")
                : 0;
    if (r < 0)
        return r;
    tail &= UINT64_MAX >> 3; /* room to count */
    for (size_t i = 0; i < m->n; i++) {
        struct merged *x = &m->v[i];
        if (!x->created)
            continue;
        uint64_t ms = x->first > 0 ? (uint64_t)x->first : 0;
        x->pk = pk++;
        for (size_t k = 0; k < 6; k++)
            x->id[k] = (uint8_t)(ms >> (40 - 8 * k));
        x->id[6] = 0x70;
        x->id[7] = 0;
        for (size_t k = 0; k < 8; k++)
            x->id[8 + k] = (uint8_t)(tail >> (56 - 8 * k));
        x->id[8] = (uint8_t)((x->id[8] & 0x3f) | 0x80);
        tail++;
    }
    return 0;
}

static int write_batch(struct merge *m, const struct merge_batch *b, struct sco_error *err)
{
    struct walk w = {.m = m, .at = b->from, .end = b->to, .batch = b};
    int r = m->s->ops->bulk(m->s->db, &store_bulks[BULK_FINDINGS], next_finding, &w, err);
    w.at = b->from;
    if (r == 0)
        r = m->s->ops->bulk(m->s->db, &store_bulks[BULK_DETAILS], next_details, &w, err);
    sco_buf_done(&w.tools);
    return r;
}

static int write_created(struct merge *m, struct sco_error *err)
{
    if (!m->counts.created)
        return 0;
    struct merge_encoder *e = merge_encoder_new(m);
    int r = e ? 0 : sco_error_nomem(err);
    while (r == 0) {
        const struct merge_batch *b = merge_encoder_next(e);
        if (!b->n && b->result == 0)
            break;
        r = b->result == 0 ? write_batch(m, b, err)
            : b->result == SCO_E_NOMEM
                ? sco_error_nomem(err)
                : sco_error_set(err, b->result, "a finding could not be hashed");
    }
    merge_encoder_free(e);
    return r;
}

int merge_write(struct merge *m, struct sco_error *err)
{
    static const struct {
        enum store_bulk kind;
        store_next_fn next;
        bool (*wanted)(const struct merged *);
    } kinds[] = {
        {BULK_SEEN, next_seen, is_seen},
        {BULK_CONTENT, next_content, has_content},
        {BULK_REDETAILS, next_redetails, has_content},
        {BULK_STATE, next_state, has_state},
        {BULK_HISTORY, next_event, NULL},
    };
    int r = name_created(m, err);
    if (r == 0)
        r = write_created(m, err);
    for (size_t i = 0; i < SCO_ARRAY_LEN(kinds) && r == 0; i++) {
        struct walk w = {.m = m, .end = m->n};
        bool any = !kinds[i].wanted || next_of(&w, kinds[i].wanted);
        w.at = 0;
        if (any)
            r = m->s->ops->bulk(m->s->db, &store_bulks[kinds[i].kind], kinds[i].next, &w, err);
        sco_buf_done(&w.tools);
    }
    return r;
}

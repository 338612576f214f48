/* The audit log, a chain: each row's hash covers its content and the hash of the row before. Rows
 * are added one after the other, under the row of audit_head; that row also knows where the chain
 * ends, so that a tail that was cut off is missed, and where retention lets it begin. */
#include "accounts_priv.h"

#include <secureops/crypto.h>

/* ---- the hash ---- */
static void add_i64(struct sco_sha256 *h, int64_t v)
{
    uint8_t b[8];
    for (size_t i = 0; i < 8; i++)
        b[i] = (uint8_t)((uint64_t)v >> (56 - 8 * i));
    sco_sha256_field(h, sco_str_make((const char *)b, sizeof b));
}

static struct sco_str text_of(const char *z)
{
    return z ? sco_str_c(z) : sco_str_make(NULL, 0);
}

static int hash_entry(const uint8_t before[32], const struct sco_audit_entry *e, uint8_t ret[32],
                      struct sco_error *err)
{
    struct sco_sha256 *h = sco_sha256_new();
    if (!h)
        return sco_error_nomem(err);
    sco_sha256_field(h, SCO_STR("secureops audit 1"));
    sco_sha256_field(h, sco_str_make((const char *)before, 32));
    add_i64(h, e->seq);
    add_i64(h, e->at);
    const char *const texts[] = {e->actor,          e->action,  e->object, e->outcome,
                                 e->correlation_id, e->address, e->details};
    for (size_t i = 0; i < SCO_ARRAY_LEN(texts); i++)
        sco_sha256_field(h, text_of(texts[i]));
    int r = sco_sha256_end(h, ret);
    sco_sha256_free(h);
    return r < 0 ? sco_error_set(err, r, "an entry of the audit log of more than 4 GiB") : 0;
}

/* ---- adding ---- */
struct head {
    int64_t seq, first_seq;
    uint8_t hash[32], first_before[32];
    bool found;
};

static int on_head(void *user, const struct store_value *v, size_t n)
{
    struct head *h = user;
    h->seq = v[0].i;
    h->found = true;
    if (n > 2)
        h->first_seq = v[2].i;
    int r = accounts_digest(&v[1], h->hash);
    return r == 0 && n > 3 ? accounts_digest(&v[3], h->first_before) : r;
}

static int no_head(const struct sco_store *s, struct sco_error *err)
{
    return sco_error_set(err, SCO_E_FORMAT, "%s: the audit log has lost its head", s->where);
}

static int add(struct sco_store *s, struct sco_audit_entry *e, struct sco_error *err)
{
    struct head h = {0};
    struct store_value at = sv_i64(e->at);
    int r = store_query(s,
                        "UPDATE audit_head SET seq = seq + 1, updated_at = $1 WHERE one = 1 "
                        "RETURNING seq, hash",
                        &at, 1, on_head, &h, err);
    if (r == 0 && !h.found)
        r = no_head(s, err);
    e->seq = h.seq;
    if (r == 0)
        r = hash_entry(h.hash, e, e->hash, err);
    if (r < 0)
        return r;
    struct store_value hash = sv_bytes(STORE_BLOB, e->hash, 32);
    struct store_value v[] = {sv_i64(e->seq),
                              sv_i64(e->at),
                              sv_text(e->actor),
                              sv_text(e->action),
                              sv_text(e->object),
                              sv_text(e->outcome),
                              sv_text(e->correlation_id),
                              sv_text(e->address),
                              sv_text(e->details),
                              hash};
    r = store_exec(s,
                   "INSERT INTO audit_log (seq, at, actor, action, object, outcome, "
                   "correlation_id, address, details, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, "
                   "$8, $9, $10)",
                   v, SCO_ARRAY_LEN(v), NULL, err);
    if (r == 0)
        r = store_exec(s, "UPDATE audit_head SET hash = $1 WHERE one = 1", &hash, 1, NULL, err);
    return r;
}

int sco_store_audit_add(struct sco_store *s, const struct sco_audit_entry *e, struct sco_error *err)
{
    struct sco_audit_entry x = *e;
    if (!x.actor || !x.action || !x.outcome)
        return sco_error_set(err, SCO_E_INVALID,
                             "an entry of the audit log has actor, action and outcome");
    int r = sco_store_begin(s, err);
    return r < 0 ? r : sco_store_end(s, add(s, &x, err), err);
}

/* ---- reading ---- */
#define AUDIT_COLUMNS                                                                              \
    "a.seq, a.at, a.actor, a.action, a.object, a.outcome, a.correlation_id, a.address, "           \
    "a.details, a.hash"

struct reading {
    struct sco_audit_page *page;
    size_t limit;
};

static int on_entry(void *user, const struct store_value *v, size_t n)
{
    struct reading *rd = user;
    struct sco_audit_page *p = rd->page;
    struct sco_arena *a = &p->arena;
    (void)n;
    if (p->n == rd->limit) {
        p->cursor = sco_arena_fmt(a, "%lld", (long long)p->v[p->n - 1].seq);
        return p->cursor ? 0 : SCO_E_NOMEM;
    }
    struct sco_audit_entry *x = &p->v[p->n++];
    *x = (struct sco_audit_entry){.seq = v[0].i,
                                  .at = v[1].i,
                                  .actor = store_keep(a, &v[2]),
                                  .action = store_keep(a, &v[3]),
                                  .object = store_keep(a, &v[4]),
                                  .outcome = store_keep(a, &v[5]),
                                  .correlation_id = store_keep(a, &v[6]),
                                  .address = store_keep(a, &v[7]),
                                  .details = store_keep(a, &v[8])};
    return x->actor && x->action && x->outcome ? accounts_digest(&v[9], x->hash) : SCO_E_NOMEM;
}

static void add_filters(const struct sco_audit_filter *f, struct sco_buf *sql,
                        struct store_value *v, size_t *n)
{
    const struct {
        const char *condition;
        struct store_value value;
        bool given;
    } all[] = {
        {"a.actor =", sv_text(f->actor), f->actor != NULL},
        {"a.object =", sv_text(f->object), f->object != NULL},
        {"a.at >=", sv_i64(f->from), f->from != 0},
        {"a.at <", sv_i64(f->to), f->to != 0},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(all); i++)
        if (all[i].given) {
            v[(*n)++] = all[i].value;
            sco_buf_addf(sql, " AND %s $%zu", all[i].condition, *n);
        }
    if (!f->action)
        return;
    struct sco_str action = sco_str_c(f->action);
    if (!sco_str_ends(action, ".")) {
        v[(*n)++] = sv_text(f->action);
        sco_buf_addf(sql, " AND a.action = $%zu", *n);
        return;
    }
    /* its start is compared, which needs no escaping; PostgreSQL's lengths are int4 */
    v[(*n)++] = sv_i64((int64_t)action.n);
    v[(*n)++] = sv_text(f->action);
    sco_buf_addf(sql, " AND substr(a.action, 1, CAST($%zu AS INTEGER)) = $%zu", *n - 1, *n);
}

int sco_store_audit(struct sco_store *s, const struct sco_audit_filter *f,
                    struct sco_audit_page *ret, struct sco_error *err)
{
    struct sco_audit_page page = {0};
    struct reading rd = {.page = &page};
    SCO_AUTO(sco_buf) struct sco_buf sql = {0};
    struct store_value v[12];
    int64_t before = 0;
    size_t n = 0;
    int r = accounts_limit(f->limit, &rd.limit, err);
    if (r == 0)
        r = accounts_cursor(f->cursor, INT64_MAX, &before, err);
    if (r < 0)
        return r;
    v[n++] = sv_i64(before);
    sco_buf_addz(&sql, "SELECT " AUDIT_COLUMNS " FROM audit_log a WHERE a.seq < $1 AND a.seq >= "
                       "(SELECT first_seq FROM audit_head)");
    add_filters(f, &sql, v, &n);
    v[n++] = sv_i64((int64_t)rd.limit + 1);
    sco_buf_addf(&sql, " ORDER BY a.seq DESC LIMIT $%zu", n);
    page.v = sco_arena_alloc(&page.arena, (rd.limit + 1) * sizeof *page.v);
    r = sql.failed || !page.v ? sco_error_nomem(err)
                              : store_query(s, sco_buf_z(&sql), v, n, on_entry, &rd, err);
    if (r < 0)
        sco_audit_page_done(&page);
    else
        *ret = page;
    return r;
}

void sco_audit_page_done(struct sco_audit_page *p)
{
    sco_arena_done(&p->arena);
    memset(p, 0, sizeof *p);
}

/* ---- verifying ---- */
struct verify {
    struct sco_store *s;
    struct head head;
    struct sco_arena arena; /* of one row */
    uint8_t before[32];
    int64_t next; /* number of the row that has to come */
    uint64_t rows;
    struct sco_error *err;
};

static int SCO_PRINTF(2, 3) bad(struct verify *vf, const char *fmt, ...)
{
    SCO_AUTO(sco_buf) struct sco_buf what = {0};
    va_list ap;
    va_start(ap, fmt);
    sco_buf_addvf(&what, fmt, ap);
    va_end(ap);
    return sco_error_set(vf->err, SCO_E_FORMAT, "%s: the audit log was changed: %s", vf->s->where,
                         sco_buf_z(&what));
}

static int check_entry(struct verify *vf, const struct sco_audit_entry *e)
{
    uint8_t hash[32];
    if (e->seq < vf->next)
        return bad(vf, "row %lld is there twice", (long long)e->seq);
    if (e->seq > vf->head.seq)
        return bad(vf, "row %lld was put in behind the end", (long long)e->seq);
    if (e->seq > vf->next)
        return bad(vf, "row %lld is missing", (long long)vf->next);
    int r = hash_entry(vf->before, e, hash, vf->err);
    if (r < 0)
        return r;
    if (memcmp(hash, e->hash, sizeof hash) != 0)
        return bad(vf, "row %lld is not what was written", (long long)e->seq);
    memcpy(vf->before, hash, sizeof hash);
    vf->next++;
    vf->rows++;
    return 0;
}

static int on_row(void *user, const struct store_value *v, size_t n)
{
    enum { HEAD_AT = 10 };
    struct verify *vf = user;
    struct sco_audit_page one = {.arena = vf->arena};
    struct sco_audit_entry e;
    struct reading rd = {.page = &one, .limit = 1};
    if (!vf->head.found) {
        int r = on_head(&vf->head, v + HEAD_AT, n - HEAD_AT);
        if (r < 0)
            return bad(vf, "its head is malformed");
        memcpy(vf->before, vf->head.first_before, sizeof vf->before);
        vf->next = vf->head.first_seq;
    }
    if (v[0].type == STORE_NULL) /* no row at all, only the head */
        return 0;
    one.v = &e;
    int r = on_entry(&rd, v, HEAD_AT);
    vf->arena = one.arena;
    if (r == SCO_E_FORMAT)
        r = bad(vf, "row %lld has no hash", (long long)v[0].i);
    if (r == 0)
        r = check_entry(vf, &e);
    sco_arena_reset(&vf->arena);
    return r;
}

int sco_store_audit_verify(struct sco_store *s, uint64_t *ret, struct sco_error *err)
{
    struct verify vf = {.s = s, .err = err};
    /* one statement is one moment, for the head as for the rows */
    int r = store_query(s,
                        "SELECT " AUDIT_COLUMNS ", h.seq, h.hash, h.first_seq, h.first_before "
                        "FROM audit_head h LEFT JOIN audit_log a ON a.seq >= h.first_seq WHERE "
                        "h.one = 1 ORDER BY a.seq",
                        NULL, 0, on_row, &vf, err);
    sco_arena_done(&vf.arena);
    if (r < 0)
        return r;
    if (!vf.head.found)
        return no_head(s, err);
    if (vf.next <= vf.head.seq)
        return bad(&vf, "row %lld and what came after it are missing", (long long)vf.next);
    if (memcmp(vf.before, vf.head.hash, sizeof vf.before) != 0)
        return bad(&vf, "its head does not fit row %lld", (long long)vf.head.seq);
    *ret = vf.rows;
    return 0;
}

int sco_store_audit_head(struct sco_store *s, int64_t *ret_seq, uint8_t ret_hash[32],
                         int64_t *ret_first, struct sco_error *err)
{
    struct head h = {0};
    int r =
        store_query(s, "SELECT seq, hash, first_seq, first_before FROM audit_head WHERE one = 1",
                    NULL, 0, on_head, &h, err);
    if (r == 0 && !h.found)
        r = no_head(s, err);
    if (r == 0) {
        *ret_seq = h.seq;
        memcpy(ret_hash, h.hash, 32);
        *ret_first = h.first_seq;
    }
    return r;
}

/* ---- retention ---- */
static int retain(struct sco_store *s, int64_t before, uint32_t limit, uint64_t *ret,
                  struct sco_error *err)
{
    struct head head = {0}, last = {0};
    struct store_value at = sv_i64(before);
    int64_t kept = 0;
    /* the head's row is the lock of the chain */
    int r = store_query(s,
                        "UPDATE audit_head SET updated_at = updated_at WHERE one = 1 RETURNING "
                        "seq, hash, first_seq, first_before",
                        NULL, 0, on_head, &head, err);
    if (r == 0 && !head.found)
        r = no_head(s, err);
    struct store_value from[] = {sv_i64(head.first_seq), at};
    if (r == 0)
        r = store_query(s,
                        "SELECT coalesce(min(seq), 0) FROM audit_log WHERE seq >= $1 AND at >= $2",
                        from, 2, accounts_take_i64, &kept, err);
    if (r < 0)
        return r;
    int64_t end = kept ? kept : head.seq + 1; /* the first that stays */
    if (end - head.first_seq > limit)
        end = head.first_seq + limit;
    if (end <= head.first_seq)
        return 0;
    struct store_value v = sv_i64(end - 1);
    r = store_query(s, "SELECT seq, hash FROM audit_log WHERE seq = $1", &v, 1, on_head, &last,
                    err);
    if (r == 0 && !last.found) /* what is broken stays as it is, to be looked at */
        r = sco_error_set(err, SCO_E_FORMAT, "%s: row %lld of the audit log is missing", s->where,
                          (long long)(end - 1));
    struct store_value anchor[] = {sv_i64(end), sv_bytes(STORE_BLOB, last.hash, 32)};
    if (r == 0)
        r = store_exec(s, "UPDATE audit_head SET first_seq = $1, first_before = $2 WHERE one = 1",
                       anchor, 2, NULL, err);
    if (r == 0)
        r = accounts_change(s, "DELETE FROM audit_log WHERE seq < $1", anchor, 1, ret, err);
    return r;
}

int sco_store_audit_retain(struct sco_store *s, int64_t before, uint32_t limit, uint64_t *ret,
                           struct sco_error *err)
{
    uint64_t n = 0;
    int r = sco_store_begin(s, err);
    if (r == 0)
        r = sco_store_end(s, retain(s, before, limit, &n, err), err);
    if (r == 0)
        *ret = n;
    return r;
}

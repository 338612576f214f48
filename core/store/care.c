/* Retention, and whether the store is sound. */
#include "store_priv.h"

enum { BATCH = 1000 };

/* One small transaction after the other, so that others can write in between. */
static int delete_batches(struct sco_store *s, const char *sql, int64_t before, uint64_t *total,
                          struct sco_error *err)
{
    struct store_value v[] = {sv_i64(before), sv_i64(BATCH)};
    int64_t n;
    do {
        n = 0;
        int r = sco_store_begin(s, err);
        if (r < 0)
            return r;
        r = sco_store_end(s, store_exec(s, sql, v, 2, &n, err), err);
        if (r < 0)
            return r;
        *total += (uint64_t)n;
    } while (n > 0);
    return 0;
}

int sco_store_retain(struct sco_store *s, struct sco_store_retention *r, struct sco_error *err)
{
    r->scans = r->resolved = 0;
    if (r->scans_ms < 0 || r->resolved_ms < 0)
        return sco_error_set(err, SCO_E_INVALID, "a time to keep things is not negative");
    int result = 0;
    if (r->scans_ms)
        result = delete_batches(s,
                                "DELETE FROM scan_results WHERE pk IN (SELECT pk FROM scan_results "
                                "WHERE completed_at < $1 ORDER BY completed_at, pk LIMIT $2)",
                                r->now - r->scans_ms, &r->scans, err);
    if (result == 0 && r->resolved_ms)
        result = delete_batches(
            s,
            "DELETE FROM vulnerabilities WHERE pk IN (SELECT pk FROM vulnerabilities WHERE "
            "resolved_at IS NOT NULL AND resolved_at < $1 ORDER BY resolved_at LIMIT $2)",
            r->now - r->resolved_ms, &r->resolved, err);
    return result;
}

/* ---- verify ---- */
static int take_count(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(int64_t *)user = v[0].i;
    return 0;
}

static int count(struct sco_store *s, const char *sql, int64_t *ret, struct sco_error *err)
{
    return store_query(s, sql, NULL, 0, take_count, ret, err);
}

struct check {
    struct sco_store *s;
    struct sco_error *err;
};

/* What a constraint cannot say: the text of each finding is there, and is the finding's. */
static int on_content(void *user, const struct store_value *v, size_t n)
{
    struct check *c = user;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *content = NULL;
    struct sco_error why = {0};
    char hex[65] = "", id[37] = "";
    (void)n;
    if (v[0].s.n == 16)
        store_uuid_format((const uint8_t *)v[0].s.p, id);
    if (v[1].s.n == SCO_FINGERPRINT_LEN)
        sco_fingerprint_hex((const uint8_t *)v[1].s.p, hex);
    if (v[2].type == STORE_NULL)
        return sco_error_set(c->err, SCO_E_FORMAT, "%s: finding %s has no content", c->s->where,
                             id);
    if (sco_json_parse(v[2].s, &arena, &content, &why) < 0)
        return sco_error_set(c->err, why.code == SCO_E_NOMEM ? SCO_E_NOMEM : SCO_E_FORMAT,
                             "%s: content of finding %s: %s", c->s->where, id, why.text);
    if (!sco_str_is(sco_text(sco_get(content, "fingerprint")), hex))
        return sco_error_set(c->err, SCO_E_FORMAT, "%s: finding %s has the content of another one",
                             c->s->where, id);
    return 0;
}

int sco_store_verify(struct sco_store *s, uint64_t *ret_findings, uint64_t *ret_scans,
                     struct sco_error *err)
{
    int64_t findings = 0, scans = 0;
    struct check c = {.s = s, .err = err};
    int r = s->ops->verify(s->db, err);
    if (r == 0)
        r = store_query(s,
                        "SELECT v.id, v.fingerprint, d.content FROM vulnerabilities v LEFT JOIN "
                        "vulnerability_details d ON d.pk = v.pk",
                        NULL, 0, on_content, &c, err);
    if (r == 0)
        r = count(s, "SELECT count(*) FROM vulnerabilities", &findings, err);
    if (r == 0)
        r = count(s, "SELECT count(*) FROM scan_results", &scans, err);
    if (r == 0) {
        *ret_findings = (uint64_t)findings;
        *ret_scans = (uint64_t)scans;
    }
    return r;
}

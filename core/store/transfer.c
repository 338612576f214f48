/* From one store into another one, of another database: every table that says something, in one
 * transaction of the target and one snapshot of the source. What is left out is made anew by use:
 * failed logins, kept replies. */
#include "store_priv.h"

#include <stdlib.h>

enum { BATCH_BYTES = 4 << 20 };

static const struct {
    const char *name;
    bool numbered; /* has a pk that counts up */
    bool one_row;  /* that is there already: it is changed */
} tables[] = {
    {"branches", true, false},
    {"scan_results", true, false},
    {"scan_scanners", false, false},
    {"scan_artifacts", false, false},
    {"vulnerabilities", true, false},
    {"vulnerability_details", false, false},
    {"vulnerability_history", true, false},
    {"finding_days", false, false},
    {"alerts", true, false},
    {"compliance_frameworks", true, false},
    {"compliance_controls", false, false},
    {"compliance_assessments", true, false},
    {"compliance_results", false, false},
    {"compliance_attestations", true, false},
    {"pipelines", true, false},
    {"pipeline_executions", true, false},
    {"pipeline_stages", true, false},
    {"pipeline_definitions", false, false},
    {"pipeline_runs", false, false},
    {"pipeline_approvals", true, false},
    {"pipeline_logs", false, false},
    {"webhook_deliveries", true, false},
    {"webhook_lanes", false, false},
    {"webhook_effects", false, false},
    {"publications", true, false},
    {"schedules", true, false},
    {"jobs", true, false},
    {"users", true, false},
    {"tokens", true, false},
    {"secrets", false, false},
    {"audit_log", false, false},
    {"audit_head", false, true},
    {"outbox", true, false},
    {"event_cursors", false, false},
    {"event_inbox", false, false},
};

/* ---- columns ---- */
struct columns {
    struct store_bulk_spec spec;
    struct sco_arena arena;
};

static int on_column(void *user, const struct store_value *v, size_t n)
{
    struct columns *c = user;
    (void)n;
    SCO_BUG_ON(c->spec.n >= BULK_COLUMNS_MAX);
    c->spec.columns[c->spec.n].name = sco_arena_cstr(&c->arena, v[0].s);
    c->spec.columns[c->spec.n].type = (uint32_t)v[1].i;
    return c->spec.columns[c->spec.n++].name ? 0 : SCO_E_NOMEM;
}

/* ---- rows, a batch at a time: one statement reads while others write ---- */
struct copying {
    struct sco_store *to;
    const struct store_bulk_spec *spec;
    struct sco_buf bytes;
    struct store_value *v; /* n rows of spec->n; texts as offsets until they are written */
    size_t n, cap, at;
    uint64_t rows;
    struct sco_error *err;
};

static int next_row(void *user, struct store_value *row, struct sco_error *err)
{
    struct copying *c = user;
    (void)err;
    if (c->at == c->n)
        return 0;
    for (size_t i = 0; i < c->spec->n; i++) {
        row[i] = c->v[c->at++];
        if (row[i].type >= STORE_TEXT)
            row[i].s.p = c->bytes.p + row[i].i;
        if (row[i].type >= STORE_TEXT)
            row[i].i = 0;
    }
    return 1;
}

static int write_out(struct copying *c)
{
    c->at = 0;
    int r = c->n ? c->to->ops->bulk(c->to->db, c->spec, next_row, c, c->err) : 0;
    c->n = 0;
    sco_buf_clear(&c->bytes);
    return r;
}

/* As the target's column wants it: the same values have other types in the other database. */
static struct store_value as_type(struct store_value v, uint32_t type)
{
    if (v.type == STORE_NULL)
        return v;
    if (type == STORE_REAL && v.type != STORE_REAL)
        v.real = (double)v.i;
    v.type = type;
    return v;
}

static int on_row(void *user, const struct store_value *v, size_t n)
{
    struct copying *c = user;
    for (size_t i = 0; i < n; i++) {
        if (SCO_VEC_PUSH(c->v, c->n, c->cap) < 0)
            return SCO_E_NOMEM;
        struct store_value x = as_type(v[i], c->spec->columns[i].type);
        if (x.type >= STORE_TEXT) {
            x.i = (int64_t)c->bytes.n;
            sco_buf_add(&c->bytes, x.s);
        }
        c->v[c->n++] = x;
    }
    c->rows++;
    if (c->bytes.failed)
        return SCO_E_NOMEM;
    return c->bytes.n + c->n * sizeof *c->v >= BATCH_BYTES ? write_out(c) : 0;
}

static int copy_table(struct sco_store *from, struct sco_store *to, size_t table, uint64_t *ret,
                      struct sco_error *err)
{
    struct columns cols = {.spec = {.table = tables[table].name, .update = tables[table].one_row}};
    struct copying c = {.to = to, .spec = &cols.spec, .err = err};
    SCO_AUTO(sco_buf) struct sco_buf sql = {0};
    int r = to->ops->columns(to->db, tables[table].name, on_column, &cols, err);
    sco_buf_addz(&sql, "SELECT ");
    for (size_t i = 0; i < cols.spec.n; i++)
        sco_buf_addf(&sql, "%s%s", i ? ", " : "", cols.spec.columns[i].name);
    sco_buf_addf(&sql, " FROM %s", tables[table].name);
    if (tables[table].numbered) /* the order in which they came */
        sco_buf_addz(&sql, " ORDER BY pk");
    if (r == 0)
        r = sql.failed ? SCO_E_NOMEM : store_query(from, sco_buf_z(&sql), NULL, 0, on_row, &c, err);
    if (r == 0)
        r = write_out(&c);
    if (r == 0 && tables[table].numbered && to->ops->renumber)
        r = to->ops->renumber(to->db, tables[table].name, err);
    free(c.v);
    sco_buf_done(&c.bytes);
    sco_arena_done(&cols.arena);
    *ret += c.rows;
    if (r == SCO_E_NOMEM)
        return sco_error_nomem(err);
    return r < 0 ? sco_error_prefix(err, "table %s", tables[table].name) : 0;
}

/* ---- the whole ---- */
static int take_count(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(int64_t *)user = v[0].i;
    return 0;
}

static int check_empty(struct sco_store *to, struct sco_error *err)
{
    static const char *const asked[] = {"SELECT count(*) FROM (SELECT 1 FROM branches LIMIT 1) x",
                                        "SELECT count(*) FROM (SELECT 1 FROM users LIMIT 1) x",
                                        "SELECT count(*) FROM (SELECT 1 FROM jobs LIMIT 1) x",
                                        "SELECT count(*) FROM (SELECT 1 FROM audit_log LIMIT 1) x"};
    int r = 0;
    for (size_t i = 0; i < SCO_ARRAY_LEN(asked) && r == 0; i++) {
        int64_t n = 0;
        r = store_query(to, asked[i], NULL, 0, take_count, &n, err);
        if (r == 0 && n)
            r = sco_error_set(err, SCO_E_INVALID, "%s is not empty: a copy needs a new store",
                              to->where);
    }
    return r;
}

static int copy_all(struct sco_store *from, struct sco_store *to, uint64_t *ret,
                    struct sco_error *err)
{
    int r = from->ops->begin(from->db, false, err); /* one snapshot */
    if (r < 0)
        return r;
    r = sco_store_begin(to, err);
    if (r == 0) {
        r = to->ops->lock(to->db, err);
        if (r == 0)
            r = check_empty(to, err);
        for (size_t i = 0; i < SCO_ARRAY_LEN(tables) && r == 0; i++)
            r = copy_table(from, to, i, ret, err);
        r = sco_store_end(to, r, err);
    }
    from->ops->rollback(from->db);
    return r;
}

int sco_store_copy(struct sco_store *from, struct sco_store *to, uint64_t *ret_rows,
                   struct sco_error *err)
{
    uint32_t a = 0, b = 0;
    uint64_t rows = 0;
    int r = sco_store_version(from, &a, err);
    if (r == 0)
        r = sco_store_version(to, &b, err);
    if (r == 0 && (a != b || from->depth || to->depth))
        r = sco_error_set(
            err, SCO_E_INVALID,
            "both stores have to be of one version (schema %u and %u): \"secureops db "
            "migrate\"",
            a, b);
    if (r == 0)
        r = copy_all(from, to, &rows, err);
    if (r == 0)
        *ret_rows = rows;
    return r;
}

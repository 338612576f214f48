/* Whether the store is sound. */
#include "store_priv.h"

#include <secureops/store_compliance.h>

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

/* Tables that are filled in bulk have no foreign keys. */
static int check_parents(struct sco_store *s, struct sco_error *err)
{
    static const struct {
        const char *what, *sql;
    } orphans[] = {
        {"findings of no branch", "SELECT count(*) FROM vulnerabilities c WHERE NOT EXISTS "
                                  "(SELECT 1 FROM branches p WHERE p.pk = c.branch_pk)"},
        {"scans of no branch", "SELECT count(*) FROM scan_results c WHERE NOT EXISTS (SELECT 1 "
                               "FROM branches p WHERE p.pk = c.branch_pk)"},
        {"contents of no finding", "SELECT count(*) FROM vulnerability_details c WHERE NOT EXISTS "
                                   "(SELECT 1 FROM vulnerabilities p WHERE p.pk = c.pk)"},
        {"rows of history of no finding",
         "SELECT count(*) FROM vulnerability_history c WHERE NOT EXISTS (SELECT 1 FROM "
         "vulnerabilities p WHERE p.pk = c.vulnerability_pk)"},
        {"scanners of no scan", "SELECT count(*) FROM scan_scanners c WHERE NOT EXISTS (SELECT 1 "
                                "FROM scan_results p WHERE p.pk = c.scan_pk)"},
        {"stages of no execution",
         "SELECT count(*) FROM pipeline_stages c WHERE NOT EXISTS (SELECT "
         "1 FROM pipeline_executions p WHERE p.id = c.execution_id)"},
        {"deliveries that wait and have no lane",
         "SELECT count(*) FROM webhook_deliveries c WHERE c.state = 'received' AND NOT EXISTS "
         "(SELECT 1 FROM webhook_lanes p WHERE p.integration = c.integration)"},
        {"deliveries that wait and have no body", "SELECT count(*) FROM webhook_deliveries WHERE "
                                                  "state <> 'done' AND body IS NULL"},
        {"results of no compliance assessment",
         "SELECT count(*) FROM compliance_results c WHERE NOT EXISTS (SELECT 1 FROM "
         "compliance_assessments p WHERE p.pk = c.assessment_pk)"},
    };
    int r = 0;
    for (size_t i = 0; i < SCO_ARRAY_LEN(orphans) && r == 0; i++) {
        int64_t n = 0;
        r = count(s, orphans[i].sql, &n, err);
        if (r == 0 && n)
            r = sco_error_set(err, SCO_E_FORMAT, "%s: %lld %s", s->where, (long long)n,
                              orphans[i].what);
    }
    return r;
}

int sco_store_verify(struct sco_store *s, uint64_t *ret_findings, uint64_t *ret_scans,
                     struct sco_error *err)
{
    int64_t findings = 0, scans = 0;
    struct check c = {.s = s, .err = err};
    int r = s->ops->verify(s->db, err);
    if (r == 0)
        r = check_parents(s, err);
    if (r == 0)
        r = sco_store_compliance_verify(s, err);
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

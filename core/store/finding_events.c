/* Events of findings: detected (new, or back) and resolved, by a merge in bulk or by people one at
 * a time. docs/events has their schemas. */
#include "finding_events.h"

#include <secureops/crypto.h>
#include <secureops/store_events.h>

const char *const finding_event_types[] = {"security.vulnerability.detected",
                                           "security.vulnerability.resolved"};

static void put_text(struct sco_json_out *o, const char *key, struct sco_str s)
{
    if (!s.n)
        return;
    sco_json_key(o, key);
    sco_json_str(o, s);
}

void finding_event_write(struct sco_buf *b, const struct finding_event *e)
{
    struct sco_json_out o = {.b = b};
    struct sco_str tools = e->tools, one;
    char id[37], hex[65];
    store_uuid_format(e->id, id);
    sco_fingerprint_hex(e->fingerprint, hex);
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "finding_id", id);
    sco_json_kz(&o, "fingerprint", hex);
    sco_json_kz(&o, "repository", e->repository);
    sco_json_kz(&o, "branch", e->branch);
    sco_json_kz(&o, "scan_id", e->scan_id);
    put_text(&o, "vulnerability_type", e->type);
    put_text(&o, "severity", e->severity);
    put_text(&o, "title", e->title);
    put_text(&o, "rule_id", e->rule_id);
    put_text(&o, "file_path", e->file_path);
    if (e->line > 0)
        sco_json_ki64(&o, "line_number", e->line);
    put_text(&o, "cve_id", e->cve_id);
    sco_json_kreal(&o, "risk_score", e->risk);
    sco_json_kz(&o, "status", sco_status_name(e->status));
    sco_json_key(&o, "tools");
    sco_json_begin(&o, '[');
    while (sco_str_split(&tools, ',', &one))
        sco_json_str(&o, one);
    sco_json_end(&o, ']');
    if (e->resolved) {
        sco_json_kz(&o, "resolved_by", e->by);
        sco_json_kz(&o, "reason", e->reason);
    } else {
        sco_json_kbool(&o, "reopened", e->reopened);
    }
    sco_json_end(&o, '}');
}

/* ---- of a row ---- */
struct telling {
    struct sco_buf data;
    struct sco_buf key;
    struct finding_event e;
    bool found;
};

static int on_row(void *user, const struct store_value *v, size_t n)
{
    struct telling *t = user;
    struct finding_event *e = &t->e;
    SCO_AUTO(sco_buf) struct sco_buf branch = {0};
    (void)n;
    if (v[0].s.n != 16 || v[1].s.n != SCO_FINGERPRINT_LEN)
        return 0;
    sco_buf_add(&t->key, v[2].s);
    sco_buf_add(&branch, v[3].s);
    e->id = (const uint8_t *)v[0].s.p;
    e->fingerprint = (const uint8_t *)v[1].s.p;
    e->repository = sco_buf_z(&t->key);
    e->branch = sco_buf_z(&branch);
    e->type = v[4].s;
    e->severity = v[5].s;
    e->title = v[6].s;
    e->rule_id = v[7].s;
    e->file_path = v[8].s;
    e->line = v[9].i;
    e->cve_id = v[10].s;
    e->risk = v[11].real;
    e->tools = v[12].s;
    finding_event_write(&t->data, e);
    t->found = true;
    return t->data.failed || t->key.failed || branch.failed ? SCO_E_NOMEM : 0;
}

int finding_event_tell(struct sco_store *s, int64_t pk, int64_t at, const struct finding_event *e,
                       struct sco_error *err)
{
    struct telling t = {.e = *e};
    struct store_value v = sv_i64(pk);
    if (!s->context.source)
        return 0;
    int r = store_query(s,
                        "SELECT v.id, v.fingerprint, b.repository, b.branch, v.vulnerability_type, "
                        "v.severity, v.title, v.rule_id, v.file_path, v.line_number, v.cve_id, "
                        "v.risk_score, v.tools FROM vulnerabilities v JOIN branches b ON b.pk = "
                        "v.branch_pk WHERE v.pk = $1",
                        &v, 1, on_row, &t, err);
    if (r == 0 && t.found) {
        struct sco_event out = {.type = finding_event_types[e->resolved],
                                .key = sco_buf_z(&t.key),
                                .at = at,
                                .data = sco_buf_z(&t.data)};
        r = sco_store_event_add(s, &out, err);
    }
    sco_buf_done(&t.data);
    sco_buf_done(&t.key);
    return r;
}

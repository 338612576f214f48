/* Stored compliance: the latest assessments, one framework over repositories, its history, its
 * report for an auditor, and what people attest of manual controls. */
#include "content_priv.h"

#include <secureops/compliance.h>
#include <secureops/store_compliance.h>

static const int64_t DAY_MS = (int64_t)24 * 3600 * 1000;
enum { STALE_DAYS = 30, STALE_DAYS_MAX = 3650, EVIDENCE_MAX = 2048 };

/* "ID" or "ID@VERSION". */
static int take_framework(struct api_call *c, const char *text, struct sco_compliance_filter *f,
                          struct sco_error *err)
{
    const char *at = strchr(text, '@');
    f->framework = sco_arena_cstr(&c->arena, sco_str_make(text, strcspn(text, "@")));
    f->version = at ? at + 1 : NULL;
    return f->framework ? 0 : sco_error_nomem(err);
}

static int take_filter(struct api_call *c, struct sco_compliance_filter *ret, struct sco_error *err)
{
    const char *framework = c->params[0] ? c->params[0] : api_query(c, "framework");
    struct sco_compliance_filter f = {.repository = api_query(c, "repository"),
                                      .branch = api_query(c, "branch"),
                                      .team = api_query(c, "team"),
                                      .repositories = api_scope(c),
                                      .now = c->now};
    int64_t days = STALE_DAYS;
    int r = framework ? take_framework(c, framework, &f, err) : 0;
    if (r == 0)
        r = api_query_i64(c, "stale_days", 0, STALE_DAYS_MAX, &days, err);
    f.stale_ms = days * DAY_MS;
    if (r == 0)
        *ret = f;
    return r;
}

static void write_page(struct api_call *c, struct sco_assessment_page *p)
{
    api_items_begin(c);
    for (size_t i = 0; i < p->n; i++)
        sco_stored_assessment_write(&c->out, &p->v[i]);
    api_items_end(c, p->cursor);
    sco_assessment_page_done(p);
}

int api_compliance_list(struct api_call *c, struct sco_error *err)
{
    struct sco_assessment_page p = {0};
    struct sco_compliance_filter f;
    int r = take_filter(c, &f, err);
    if (r == 0)
        r = api_page(c, &f.limit, &f.cursor, err);
    if (r == 0)
        r = sco_store_assessments(c->store, &f, &p, err);
    if (r == 0)
        write_page(c, &p);
    return r;
}

int api_compliance_history(struct api_call *c, struct sco_error *err)
{
    struct sco_assessment_page p = {0};
    struct sco_compliance_filter f;
    int r = take_filter(c, &f, err);
    if (r == 0)
        r = api_page(c, &f.limit, &f.cursor, err);
    if (r == 0)
        r = api_query_time(c, "from", &f.from, err);
    if (r == 0)
        r = api_query_time(c, "to", &f.to, err);
    if (r == 0)
        r = sco_store_assessment_history(c->store, &f, &p, err);
    if (r == 0)
        write_page(c, &p);
    return r;
}

/* ---- one framework ---- */
static int read_view(struct api_call *c, bool evidence, struct sco_json_out *o,
                     struct sco_error *err)
{
    struct sco_compliance_view v = {0};
    struct sco_compliance_filter f;
    int r = take_filter(c, &f, err);
    if (r == 0)
        r = sco_store_compliance(c->store, &f, evidence, &v, err);
    if (r == SCO_E_LIMIT)
        return api_problem(c, 422, err, "%s", err->text);
    if (r < 0)
        return r;
    sco_compliance_view_write(o, &v);
    sco_compliance_view_done(&v);
    return sco_buf_check(o->b, err);
}

int api_compliance_get(struct api_call *c, struct sco_error *err)
{
    bool evidence = true;
    int r = api_query_bool(c, "evidence", &evidence, err);
    return r < 0 ? r : read_view(c, evidence, &c->out, err);
}

static int name_report(struct api_call *c, const char *extension, struct sco_error *err)
{
    char day[SCO_TIME_LEN];
    sco_time_format(c->now, day);
    const char *name =
        sco_arena_fmt(&c->arena, "attachment; filename=\"compliance-%.10s.%s\"", day, extension);
    if (!name)
        return sco_error_nomem(err);
    api_header(c, "Content-Disposition", name);
    if (strcmp(extension, "html") == 0) /* it has a style sheet in it */
        api_header(c, "Content-Security-Policy",
                   "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
    return 0;
}

int api_compliance_report(struct api_call *c, struct sco_error *err)
{
    static const struct {
        const char *name, *type;
        void (*write)(const struct sco_node *view, struct sco_buf *out);
    } forms[] = {{"json", "application/json", NULL},
                 {"html", "text/html; charset=utf-8", sco_compliance_view_html},
                 {"csv", "text/csv; charset=utf-8", sco_compliance_view_csv}};
    SCO_AUTO(sco_buf) struct sco_buf json = {0};
    const struct sco_node *view = NULL;
    struct sco_json_out o = {.b = &json};
    const char *format = api_query(c, "format");
    size_t i = 0;
    while (format && i < SCO_ARRAY_LEN(forms) && strcmp(format, forms[i].name) != 0)
        i++;
    if (i == SCO_ARRAY_LEN(forms))
        return api_fault(c, err, "?format", "json, html or csv");
    int r = read_view(c, true, forms[i].write ? &o : &c->out, err);
    if (r == 0)
        r = name_report(c, forms[i].name, err);
    if (r < 0 || !forms[i].write)
        return r;
    r = sco_json_parse(sco_buf_str(&json), &c->arena, &view, err);
    if (r < 0)
        return r;
    c->reply_type = forms[i].type;
    forms[i].write(view, &c->reply);
    return sco_buf_check(&c->reply, err);
}

/* ---- attestations ---- */
int api_attestation_list(struct api_call *c, struct sco_error *err)
{
    struct sco_attestation_page p = {0};
    struct sco_compliance_filter of = {0};
    const char *framework = api_query(c, "framework");
    int r = framework ? take_framework(c, framework, &of, err) : 0;
    struct sco_attestation_filter f = {.framework = of.framework,
                                       .version = of.version,
                                       .control = api_query(c, "control"),
                                       .repository = api_query(c, "repository"),
                                       .repositories = api_scope(c),
                                       .now = c->now};
    if (r == 0)
        r = api_page(c, &f.limit, &f.cursor, err);
    if (r == 0)
        r = sco_store_attestations(c->store, &f, &p, err);
    if (r < 0)
        return r;
    api_items_begin(c);
    for (size_t i = 0; i < p.n; i++)
        sco_stored_attestation_write(&c->out, &p.v[i]);
    api_items_end(c, p.cursor);
    sco_attestation_page_done(&p);
    return 0;
}

static int take_expiry(struct api_call *c, int64_t *ret, struct sco_error *err)
{
    const char *text = api_text(c, "expires_at");
    if (!text)
        return 0;
    if (sco_time_parse(sco_str_c(text), ret) < 0)
        return api_fault(c, err, "/expires_at", "a date, or a time as of RFC 3339");
    if (!strchr(text, ':')) /* a date is the last day */
        *ret += DAY_MS - 1;
    return *ret > c->now ? 0 : api_fault(c, err, "/expires_at", "this is past");
}

/* What is shown as a link has to be one: no "javascript:". */
static bool is_evidence(const char *z)
{
    struct sco_str s = sco_str_c(z);
    return s.n <= EVIDENCE_MAX && (sco_str_starts(s, "https://") || sco_str_starts(s, "http://"));
}

static int take_attestation(struct api_call *c, struct sco_stored_attestation *a,
                            struct sco_error *err)
{
    struct sco_compliance_filter of = {0};
    const char *repository = api_text(c, "repository"), *verdict = api_text(c, "verdict");
    *a = (struct sco_stored_attestation){.control = api_text(c, "control"),
                                         .repository = repository ? repository : "",
                                         .verdict = verdict ? verdict : "pass",
                                         .reason = api_text(c, "reason"),
                                         .evidence = api_text(c, "evidence"),
                                         .attested_by = c->who.name,
                                         .attested_at = c->now};
    int r = take_framework(c, api_text(c, "framework"), &of, err);
    if (r == 0)
        r = repository ? 0 : api_needs_all(c, "attestations without a repository", err);
    if (r == 0 && repository && !sco_principal_sees(&c->who, repository))
        r = sco_error_set(err, SCO_E_PERMISSION, "you are not bound to this repository");
    if (r == 0 && !sco_str_trim(sco_str_c(a->reason)).n)
        r = api_fault(c, err, "/reason", "it has to be said why: it is evidence");
    if (r == 0 && a->evidence && !is_evidence(a->evidence))
        r = api_fault(c, err, "/evidence", "an address: https://..., of at most %d bytes",
                      EVIDENCE_MAX);
    if (r == 0)
        r = take_expiry(c, &a->expires_at, err);
    a->framework = of.framework;
    a->version = of.version;
    return r == 0 && !of.version
               ? sco_store_framework_version(c->store, of.framework, &c->arena, &a->version, err)
               : r;
}

static int audit(struct api_call *c, const struct sco_stored_attestation *a, const char *id,
                 struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf details = {0};
    struct sco_json_out o = {.b = &details};
    const char *object = sco_arena_fmt(&c->arena, "attestation:%s", id);
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "framework", a->framework);
    sco_json_kz(&o, "version", a->version);
    sco_json_kz(&o, "control", a->control);
    sco_json_kz(&o, "repository", *a->repository ? a->repository : NULL);
    sco_json_kz(&o, "verdict", a->verdict);
    sco_json_kz(&o, "reason", a->reason);
    sco_json_kz(&o, "evidence", a->evidence);
    sco_json_ktime(&o, "expires_at", a->expires_at);
    sco_json_end(&o, '}');
    int r = object ? sco_buf_check(&details, err) : sco_error_nomem(err);
    return r < 0 ? r
                 : api_audit(c, "compliance.attest", object, "success", sco_buf_z(&details), err);
}

int api_attestation_create(struct api_call *c, struct sco_error *err)
{
    struct sco_stored_attestation a;
    char id[37];
    int r = take_attestation(c, &a, err);
    if (r == 0)
        r = sco_store_attest(c->store, &a, id, err);
    if (r == 0)
        r = audit(c, &a, id, err);
    if (r < 0)
        return r;
    a.id = sco_arena_cstr(&c->arena, sco_str_c(id));
    if (!a.id)
        return sco_error_nomem(err);
    a.in_force = strcmp(a.verdict, "withdrawn") != 0;
    c->status = 201;
    sco_stored_attestation_write(&c->out, &a);
    return 0;
}

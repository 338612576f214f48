/* What a stored scan says of compliance frameworks: those that it was asked for, else those that
 * the configuration of the policies names. Their definitions are read before the scan, for one that
 * is not there should be known before minutes of work; they are judged when the scan is saved, in
 * its transaction. */
#include "cli_priv.h"

#include <secureops/compliance.h>
#include <secureops/store_compliance.h>

enum { FRAMEWORKS_MAX = 64 };

struct assess {
    struct cli *cli;
    const char *names[FRAMEWORKS_MAX + 1]; /* "ID" or "ID@VERSION", sorted: stores lock by it */
    const struct sco_node *v[FRAMEWORKS_MAX];
    size_t n;
    bool asked; /* not only configured */
};

/* ---- which ---- */
static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int add(struct assess *a, struct sco_str name, struct sco_error *err)
{
    for (size_t i = 0; i < a->n; i++)
        if (sco_str_is(name, a->names[i]))
            return 0;
    if (a->n == FRAMEWORKS_MAX)
        return sco_error_set(err, SCO_E_INVALID, "frameworks: at most %d", FRAMEWORKS_MAX);
    a->names[a->n] = sco_arena_cstr(&a->cli->arena, name);
    return a->names[a->n++] ? 0 : sco_error_nomem(err);
}

static int configured(struct assess *a, struct sco_error *err)
{
    struct cli *c = a->cli;
    SCO_AUTO(sco_buf) struct sco_buf options = {0};
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_plugins *p = NULL;
    const struct sco_node *m = NULL;
    int r = sco_engine_plugins(c->engine, &p, err);
    for (size_t i = 0; r == 0 && i < p->n; i++) {
        if (!p->v[i].name || strcmp(p->v[i].name, "policies") != 0 || p->v[i].error)
            continue;
        r = sco_config_scanner_options(c->config, p->v[i].name, p->v[i].options, 0, &options, NULL,
                                       err);
        if (r == 0 && options.n)
            r = sco_json_parse(sco_buf_str(&options), &arena, &m, err);
    }
    SCO_EACH (f, r == 0 ? sco_get(m, "frameworks") : NULL)
        if (r == 0 && sco_text(f).n)
            r = add(a, sco_text(f), err);
    return r;
}

/* ---- definitions ---- */
static struct sco_str id_of(const char *name)
{
    return sco_str_make(name, strcspn(name, "@"));
}

static int on_record(void *user, struct sco_str kind, struct sco_str json)
{
    struct assess *a = user;
    const struct sco_node *m = NULL;
    if (!sco_str_is(kind, "framework"))
        return 0;
    json = sco_arena_str(&a->cli->arena, json);
    int r = json.p ? sco_json_parse(json, &a->cli->arena, &m, NULL) : SCO_E_NOMEM;
    for (size_t i = 0; r == 0 && i < a->n; i++)
        if (sco_str_eq(id_of(a->names[i]), sco_text(sco_get(m, "id"))))
            a->v[i] = m;
    return r;
}

int context_load_frameworks(struct cli *c, struct sco_error *err)
{
    struct sco_policy_outcome o = {0};
    struct assess *a = sco_arena_alloc(&c->arena, sizeof *a);
    if (!a)
        return sco_error_nomem(err);
    a->cli = c;
    int r = 0;
    for (const char *const *f = c->frameworks; f && *f && r == 0; f++)
        r = add(a, sco_str_c(*f), err);
    a->asked = a->n > 0;
    if (r == 0 && !a->n)
        r = configured(a, err);
    if (r < 0 || !a->n)
        return r;
    qsort(a->names, a->n, sizeof *a->names, by_name);
    struct sco_policy_request q = {.command = "list", .frameworks = a->names};
    r = sco_engine_policies(c->engine, &q, on_record, a, &o, err);
    if (r == 0 && o.status != SCO_RUN_STATUS_COMPLETED)
        r = sco_error_set(err, o.code ? o.code : SCO_E_INVALID, "%s",
                          o.reason ? o.reason : "the frameworks cannot be used");
    for (size_t i = 0; i < a->n && r == 0; i++)
        if (!a->v[i])
            r = sco_error_set(err, SCO_E_INVALID, "there is no framework \"%s\"", a->names[i]);
    sco_policy_outcome_done(&o);
    if (r == 0)
        c->assess = a;
    return r;
}

/* ---- assessments ---- */
/* A scan that left the policies out was not asked about what they judge. */
static bool is_about(const struct assess *a, const struct sco_scan *scan)
{
    if (a->asked)
        return true;
    for (size_t i = 0; i < scan->n_runs; i++) {
        const struct sco_scanner_run *r = &scan->runs[i];
        if (strcmp(r->name, "policies") == 0 && (r->status != SCO_RUN_STATUS_SKIPPED || r->nothing))
            return true;
    }
    return false;
}

static int fill(const struct sco_compliance *x, struct sco_arena *arena,
                struct sco_new_assessment *ret, struct sco_error *err)
{
    const char *at = strchr(x->requested, '@');
    struct sco_new_verdict *v = sco_arena_alloc(arena, (x->n_controls + 1) * sizeof *v);
    SCO_AUTO(sco_buf) struct sco_buf json = {0};
    if (!v)
        return sco_error_nomem(err);
    for (size_t i = 0; i < x->n_controls; i++) {
        const struct sco_control *c = &x->controls[i];
        struct sco_json_out o = {.b = &json};
        sco_buf_clear(&json);
        sco_control_evidence(&o, c);
        v[i] = (struct sco_new_verdict){.control = c->id,
                                        .title = c->title,
                                        .description = c->description,
                                        .manual = c->by_hand,
                                        .status = sco_control_status_name(c->status),
                                        .reason = c->reason,
                                        .evidence = sco_arena_cstr(arena, sco_buf_str(&json))};
        if (json.failed || !v[i].evidence)
            return sco_error_nomem(err);
    }
    *ret = (struct sco_new_assessment){.framework = x->id,
                                       .version = at           ? at + 1
                                                  : x->version ? x->version
                                                               : "",
                                       .title = x->title,
                                       .v = v,
                                       .n = x->n_controls};
    return 0;
}

static int assess_one(const struct assess *a, size_t i, struct sco_store *s,
                      const struct sco_scan *scan, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_new_assessment new = {0};
    struct sco_compliance *x = NULL;
    int r = sco_compliance_judge(a->v[i], a->names[i], scan, &x, err);
    if (r == 0)
        r = fill(x, &arena, &new, err);
    if (r == 0)
        r = sco_store_assessment_add(s, scan->id, &new, err);
    sco_compliance_free(x);
    return r < 0 ? sco_error_prefix(err, "framework %s", a->names[i]) : 0;
}

int context_attach(void *user, struct sco_store *s, const struct sco_scan *scan,
                   struct sco_error *err)
{
    struct cli *c = user;
    const struct assess *a = c->assess;
    int r = 0;
    for (size_t i = 0; a && i < a->n && r == 0 && is_about(a, scan); i++)
        r = assess_one(a, i, s, scan, err);
    return r == 0 && c->attach ? c->attach(c, s, scan, err) : r;
}

/* What rules and workflows name has to be there: a misspelt name would be found by the first event
 * that wants it, and what it was to do would not have been done. */
#include "references.h"

#include "workflows.h"

#include <secureops/config.h>
#include <secureops/json.h>
#include <secureops/store_pipelines.h>
#include <stdlib.h>

#define SCO_LOG_MODULE "daemon"
#include <secureops/log.h>

struct names {
    const char **v;
    size_t n, cap;
    struct sco_arena arena;
};

static void names_done(struct names *k)
{
    free(k->v);
    sco_arena_done(&k->arena);
}

static int add(struct names *k, struct sco_str name)
{
    const char *copy = sco_arena_cstr(&k->arena, name);
    if (!copy || SCO_VEC_PUSH(k->v, k->n, k->cap) < 0)
        return SCO_E_NOMEM;
    k->v[k->n++] = copy;
    return 0;
}

static bool has(const struct names *k, struct sco_str name)
{
    for (size_t i = 0; i < k->n; i++)
        if (sco_str_is(name, k->v[i]))
            return true;
    return false;
}

/* ---- names that somebody uses ---- */
struct use { /* an option with names */
    const char *section;
    size_t rule; /* of `rules` */
    const char *option;
    const struct sco_str_list *list;
    const struct sco_str *item; /* of the option, that has the one name in it; NULL: the name */
};

static int refuse(const struct sco_config *c, const struct use *u, struct sco_str name,
                  const char *why, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const char *place =
        sco_config_item_place(c, u->section, u->rule, u->option, u->item ? *u->item : name, &arena);
    return place ? sco_error_set(err, SCO_E_INVALID, "%s: %s: %s: %s", place, u->section, u->option,
                                 why)
                 : sco_error_nomem(err);
}

/* Whether it is there; else `why` says what is not. */
static bool look_up(const struct names *known, const char *kind, struct sco_str name,
                    struct sco_buf *why)
{
    if (has(known, name))
        return true;
    const char *near = sco_str_nearest(name, known->v, known->n);
    sco_buf_addf(why, "there is no %s \"%.*s\"%s%s%s", kind, SCO_STR_ARG(name),
                 near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return false;
}

static int check_names(const struct sco_config *c, const struct use *u, const struct names *known,
                       const char *kind, struct sco_error *err)
{
    for (size_t i = 0; i < u->list->n; i++) {
        SCO_AUTO(sco_buf) struct sco_buf why = {0};
        if (!look_up(known, kind, u->list->v[i], &why))
            return refuse(c, u, u->list->v[i], sco_buf_z(&why), err);
    }
    return 0;
}

/* ---- scanners, integrations ---- */
int references_options(void *user, const struct sco_plugin_info *p, bool resolve,
                       struct sco_buf *out, int64_t *ret_timeout_ms, struct sco_error *err)
{
    struct sco_config_scanner s = {0};
    int r = sco_config_scanner(user, p->name, &s, err);
    if (r == 0)
        r = sco_config_scanner_options(user, p->name, p->options, resolve ? SCO_VALUES_RESOLVE : 0,
                                       out, NULL, err);
    if (r == 0)
        *ret_timeout_ms = s.timeout;
    return r;
}

static int check_scanners(const struct sco_config *c, const struct sco_plugins *p,
                          struct names *known, struct sco_error *err)
{
    int r = 0;
    for (size_t i = 0; i < p->n && r == 0; i++)
        r = add(known, sco_str_c(p->v[i].name)) < 0 ? sco_error_nomem(err) : 0;
    if (r == 0)
        r = sco_config_check_scanners(c, known->v, known->n, err);
    for (size_t i = 0; i < p->n && r == 0; i++) {
        SCO_AUTO(sco_buf) struct sco_buf ignored = {0};
        struct sco_config_scanner s = {0};
        r = sco_config_scanner(c, p->v[i].name, &s, err);
        if (r == 0 && s.configured && !p->v[i].error)
            r = sco_config_scanner_options(c, p->v[i].name, p->v[i].options, 0, &ignored, NULL,
                                           err);
    }
    return r;
}

static int take_integrations(const struct sco_config *c, struct names *known, struct sco_error *err)
{
    struct sco_config_integration *v;
    size_t n;
    int r = sco_config_integrations(c, &known->arena, &v, &n, err);
    for (size_t i = 0; i < n && r == 0; i++)
        r = add(known, sco_str_c(v[i].name)) < 0 ? sco_error_nomem(err) : 0;
    return r;
}

/* ---- what packs of policies have ---- */
struct listing {
    struct names workflows, events; /* events: "ID event:KIND" */
};

static int on_listed(void *user, struct sco_str kind, struct sco_str json)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct listing *l = user;
    const struct sco_node *m = NULL;
    if (!sco_str_is(kind, "policy") || sco_json_parse(json, &arena, &m, NULL) < 0 ||
        !sco_str_is(sco_text(sco_get(m, "kind")), "workflow"))
        return 0;
    struct sco_str id = sco_text(sco_get(m, "id"));
    int r = add(&l->workflows, id);
    SCO_EACH (c, sco_get(m, "applies_to")) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        sco_buf_addf(&b, "%.*s %.*s", SCO_STR_ARG(id), SCO_STR_ARG(sco_text(c)));
        if (r == 0)
            r = add(&l->events, sco_buf_str(&b));
    }
    return r;
}

static int nothing(void *user, struct sco_str kind, struct sco_str json)
{
    (void)user;
    (void)kind;
    (void)json;
    return 0;
}

static int list_workflows(struct sco_engine *e, struct listing *known, struct sco_error *err)
{
    struct sco_policy_request q = {.command = "list"};
    struct sco_policy_outcome o = {0};
    int r = sco_engine_policies(e, &q, on_listed, known, &o, err);
    if (r == 0 && o.status != SCO_RUN_STATUS_COMPLETED)
        r = sco_error_set(err, o.code ? o.code : SCO_E_INVALID, "policies: %s",
                          o.reason ? o.reason : "they cannot be read");
    sco_policy_outcome_done(&o);
    return r;
}

static const char *why_not(const struct sco_policy_outcome *o)
{
    static const char flag[] = "--gate: "; /* as the command line has it */
    if (!o->reason)
        return "it cannot be used";
    return o->reason + (strncmp(o->reason, flag, sizeof flag - 1) == 0 ? sizeof flag - 1 : 0);
}

/* The plugin knows presets, versions and the like: it is asked with one name after the other. */
static int ask(struct sco_engine *e, const struct sco_config *c, const struct use *u, bool gates,
               struct names *good, struct sco_error *err)
{
    int r = 0;
    for (size_t i = 0; i < u->list->n && r == 0; i++) {
        SCO_AUTO(sco_arena) struct sco_arena arena = {0};
        struct sco_str name = u->list->v[i];
        struct sco_policy_outcome o = {0};
        if (has(good, name))
            continue;
        const char *one[] = {sco_arena_cstr(&arena, name), NULL};
        struct sco_policy_request q = {.command = gates ? "gate" : "list",
                                       .policies = gates ? one : NULL,
                                       .frameworks = gates ? NULL : one};
        r = one[0] ? sco_engine_policies(e, &q, nothing, NULL, &o, err) : sco_error_nomem(err);
        if (r == 0 && o.status != SCO_RUN_STATUS_COMPLETED)
            r = refuse(c, u, name, why_not(&o), err);
        sco_policy_outcome_done(&o);
        if (r == 0 && add(good, name) < 0)
            r = sco_error_nomem(err);
    }
    return r;
}

/* ---- rules ---- */
struct checking {
    struct sco_engine *e;
    const struct sco_config *c;
    struct names scanners, integrations, gates, frameworks;
    struct listing packs;
    bool listed;
};

/* It is there, and sees one of these kinds of events at least: else it would never run. */
static bool look_up_workflow(const struct checking *k, struct sco_str name,
                             const struct sco_str_list *kinds, struct sco_buf *why)
{
    if (!look_up(&k->packs.workflows, "workflow", name, why))
        return false;
    for (size_t i = 0; i < kinds->n; i++) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        sco_buf_addf(&b, "%.*s event:%.*s", SCO_STR_ARG(name), SCO_STR_ARG(kinds->v[i]));
        if (has(&k->packs.events, sco_buf_str(&b)))
            return true;
    }
    sco_buf_addf(why, "the workflow \"%.*s\" would never run here: its `on` does not name ",
                 SCO_STR_ARG(name));
    for (size_t i = 0; i < kinds->n; i++)
        sco_buf_addf(why, "%s%.*s", i ? " or " : "", SCO_STR_ARG(kinds->v[i]));
    return false;
}

static int check_workflows(struct checking *k, const struct use *u,
                           const struct sco_str_list *kinds, struct sco_error *err)
{
    int r = 0;
    if (u->list->n && !k->listed) {
        r = list_workflows(k->e, &k->packs, err);
        k->listed = true;
    }
    for (size_t i = 0; i < u->list->n && r == 0; i++) {
        SCO_AUTO(sco_buf) struct sco_buf why = {0};
        if (!look_up_workflow(k, u->list->v[i], kinds, &why))
            r = refuse(k->c, u, u->list->v[i], sco_buf_z(&why), err);
    }
    return r;
}

static int check_inner(struct checking *k, const char *option, const struct sco_str_list *list,
                       const char *kind, struct sco_error *err)
{
    struct sco_str one = sco_str_c(kind);
    return check_workflows(k, &(struct use){"workflows", 0, option, list, NULL},
                           &(struct sco_str_list){&one, 1}, err);
}

static int check_rule(struct checking *k, size_t i, struct sco_error *err)
{
    const struct sco_config_rule *rule = &k->c->rules[i];
    int r = check_names(k->c, &(struct use){"rules", i, "integrations", &rule->integrations, NULL},
                        &k->integrations, "integration", err);
    if (r == 0)
        r = check_names(k->c, &(struct use){"rules", i, "scanners", &rule->scanners, NULL},
                        &k->scanners, "scanner", err);
    if (r == 0)
        r = check_names(k->c, &(struct use){"rules", i, "skip", &rule->skip, NULL}, &k->scanners,
                        "scanner", err);
    if (r == 0)
        r = check_workflows(k, &(struct use){"rules", i, "workflows", &rule->workflows, NULL},
                            &rule->on, err);
    if (r == 0)
        r = ask(k->e, k->c, &(struct use){"rules", i, "gates", &rule->gates, NULL}, true, &k->gates,
                err);
    if (r == 0)
        r = ask(k->e, k->c, &(struct use){"rules", i, "frameworks", &rule->frameworks, NULL}, false,
                &k->frameworks, err);
    return r;
}

/* ---- workflows ---- */
static int check_schedule(struct checking *k, struct sco_str item, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_error why = {0};
    const char *name = NULL, *cron;
    int64_t next;
    struct sco_str rest = item, of = {0}, kind = SCO_STR("schedule");
    struct use u = {"workflows", 0, "schedule", &(struct sco_str_list){&of, 1}, &item};
    if (workflow_schedule_parse(item, k->c->workflows.time_zone, sco_now_ms(), &arena, &name, &cron,
                                &next, &why) < 0)
        return refuse(k->c, &u, item, why.text, err);
    (void)sco_str_split(&rest, '=', &of);
    return check_workflows(k, &u, &(struct sco_str_list){&kind, 1}, err);
}

bool references_any(const struct sco_config *c)
{
    const struct sco_config_workflows *w = &c->workflows;
    bool any =
        w->after_scan.n || w->on_finding.n || w->on_alert.n || w->schedule.n || c->gate.policies.n;
    for (size_t i = 0; i < c->n_rules; i++) {
        const struct sco_config_rule *r = &c->rules[i];
        any |= r->integrations.n || r->scanners.n || r->skip.n || r->workflows.n || r->gates.n ||
               r->frameworks.n;
    }
    return any;
}

static int check_all(struct checking *k, const struct sco_plugins *p, struct sco_error *err)
{
    const struct sco_config_workflows *w = &k->c->workflows;
    int r = check_scanners(k->c, p, &k->scanners, err);
    if (r == 0)
        r = take_integrations(k->c, &k->integrations, err);
    if (r == 0)
        r = ask(k->e, k->c, &(struct use){"gate", 0, "policies", &k->c->gate.policies, NULL}, true,
                &k->gates, err);
    for (size_t i = 0; i < k->c->n_rules && r == 0; i++)
        r = check_rule(k, i, err);
    if (r == 0)
        r = check_inner(k, "after_scan", &w->after_scan, "scan", err);
    if (r == 0)
        r = check_inner(k, "on_finding", &w->on_finding, "finding", err);
    if (r == 0)
        r = check_inner(k, "on_alert", &w->on_alert, "alert", err);
    for (size_t i = 0; i < w->schedule.n && r == 0; i++)
        r = check_schedule(k, w->schedule.v[i], err);
    return r;
}

int references_check(struct sco_engine *e, const struct sco_plugins *p, const struct sco_config *c,
                     struct sco_error *err)
{
    struct checking k = {.e = e, .c = c};
    int r = check_all(&k, p, err);
    names_done(&k.scanners);
    names_done(&k.integrations);
    names_done(&k.packs.workflows);
    names_done(&k.packs.events);
    names_done(&k.gates);
    names_done(&k.frameworks);
    return r;
}

/* ---- pipelines, on the clock's thread ---- */
void references_pipelines(struct sco_store *s, const struct sco_config *c)
{
    for (size_t i = 0; i < c->n_rules; i++)
        for (size_t k = 0; k < c->rules[i].pipelines.n; k++) {
            SCO_AUTO(sco_arena) struct sco_arena arena = {0};
            struct sco_pipeline_page p = {0};
            struct sco_str name = c->rules[i].pipelines.v[k];
            const char *place = sco_config_item_place(c, "rules", i, "pipelines", name, &arena);
            if (sco_store_pipeline(s, name.p, &p, NULL) == SCO_E_NOT_FOUND)
                sco_log_warning("%s: rules: pipelines: there is no pipeline \"%.*s\"; events that "
                                "want it fail until somebody makes it",
                                place ? place : c->rules[i].origin, SCO_STR_ARG(name));
            sco_pipeline_page_done(&p);
        }
}

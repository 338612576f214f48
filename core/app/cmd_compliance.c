/* secureops compliance: frameworks, and what a scan says of their controls. */
#include "policy_priv.h"

#include <secureops/compliance.h>

struct frameworks {
    struct cli *cli;
    struct sco_str wanted;            /* an id without version; {NULL, 0}: all, to be printed */
    const struct sco_node *framework; /* the wanted one, in the cli's arena */
    const char **gates;               /* policies over the result of a scan */
    size_t n_gates, cap_gates;
    bool json;
    size_t n;
};

static struct sco_str at(const struct sco_node *m, const char *key)
{
    return sco_text(sco_get(m, key));
}

/* ---- list ---- */
static void print_framework(struct frameworks *f, const struct sco_node *m)
{
    size_t policies = 0, manual = 0, facts = 0;
    const struct sco_node *controls = sco_get(m, "controls");
    SCO_EACH (c, controls) {
        const struct sco_node *p = sco_get(c, "policies"), *x = sco_get(c, "facts");
        bool has_policies = p && p->n, has_facts = x && x->n;
        policies += has_policies;
        facts += has_facts;
        manual += (!has_policies && !has_facts) || sco_bool(sco_get(c, "manual"), 0);
    }
    if (f->json) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        struct sco_json_out o = {.b = &b};
        sco_json_begin(&o, '{');
        sco_json_kstr(&o, "id", at(m, "id"));
        sco_json_kstr(&o, "title", at(m, "title"));
        sco_json_kstr(&o, "version", at(m, "version"));
        sco_json_ki64(&o, "controls", controls ? (int64_t)controls->n : 0);
        sco_json_ki64(&o, "with_policies", (int64_t)policies);
        sco_json_ki64(&o, "with_facts", (int64_t)facts);
        sco_json_ki64(&o, "manual", (int64_t)manual);
        sco_json_end(&o, '}');
        printf("%s\n%s", f->n ? "," : "", sco_buf_z(&b));
    } else {
        printf("%-26.*s %8u %8zu %8zu %8zu  ", SCO_STR_ARG(at(m, "id")), controls ? controls->n : 0,
               policies, facts, manual);
        put_text(stdout, at(m, "title"));
        fputc(' ', stdout);
        put_text(stdout, at(m, "version"));
        fputc('\n', stdout);
    }
    f->n++;
}

static int take_gate(struct frameworks *f, const struct sco_node *m)
{
    bool gate = false;
    SCO_EACH (a, sco_get(m, "applies_to"))
        gate |= sco_str_is(sco_text(a), "scan");
    if (!gate)
        return 0;
    if (SCO_VEC_PUSH(f->gates, f->n_gates, f->cap_gates) < 0)
        return SCO_E_NOMEM;
    f->gates[f->n_gates++] = sco_arena_cstr(&f->cli->arena, at(m, "id"));
    return f->gates[f->n_gates - 1] ? 0 : SCO_E_NOMEM;
}

static int on_record(void *user, struct sco_str kind, struct sco_str json)
{
    struct frameworks *f = user;
    const struct sco_node *m = NULL;
    bool framework = sco_str_is(kind, "framework");
    if (!framework && !sco_str_is(kind, "policy"))
        return 0;
    json = sco_arena_str(&f->cli->arena, json);
    int r = json.p ? sco_json_parse(json, &f->cli->arena, &m, NULL) : SCO_E_NOMEM;
    if (r < 0)
        return r;
    if (!framework)
        return f->wanted.p ? take_gate(f, m) : 0;
    if (!f->wanted.p)
        print_framework(f, m);
    else if (sco_str_eq(at(m, "id"), f->wanted))
        f->framework = m;
    return 0;
}

static bool has_facts(const struct sco_node *framework)
{
    SCO_EACH (c, sco_get(framework, "controls")) {
        const struct sco_node *facts = sco_get(c, "facts");
        if (facts && facts->n)
            return true;
    }
    return false;
}

static int list(struct cli *c)
{
    struct frameworks f = {.cli = c};
    struct sco_policy_outcome o = {0};
    struct sco_policy_request q = {.command = "list"};
    struct sco_error err = {0};
    int status = EXIT_INTERNAL;
    int r = args_want_json(c, &f.json, &err);
    if (r == 0)
        r = context_load_config(c, &err);
    if (r == 0)
        r = context_open_engine(c, &err);
    if (r < 0)
        return context_fail(&err);
    if (f.json)
        printf("{\"version\":\"1\",\"frameworks\":[");
    else
        printf("%-26s %8s %8s %8s %8s  %s\n", "ID", "CONTROLS", "POLICIES", "FACTS", "MANUAL",
               "TITLE");
    r = policy_ask(c, &q, on_record, &f, &o, &status, &err);
    if (f.json)
        printf("\n]}\n");
    sco_policy_outcome_done(&o);
    return r < 0 ? context_fail(&err) : status;
}

/* ---- report ---- */
static int find_framework(struct cli *c, struct frameworks *f, int *status, struct sco_error *err)
{
    const char *name = c->values[ARG_FRAMEWORK], *version = strchr(name, '@');
    struct sco_policy_outcome o = {0};
    struct sco_policy_request q = {.command = "list", .frameworks = c->frameworks};
    f->wanted = sco_str_make(name, version ? (size_t)(version - name) : strlen(name));
    int r = policy_ask(c, &q, on_record, f, &o, status, err);
    sco_policy_outcome_done(&o);
    if (r == 0 && *status == EXIT_PASSED && !f->framework)
        r = sco_error_set(err, SCO_E_NOT_FOUND,
                          "there is no framework \"%s\"; \"secureops compliance list\" shows them",
                          name);
    return r;
}

static int scan(struct cli *c, struct sco_scan **ret, struct sco_error *err)
{
    static const char *const here[] = {"."};
    const struct sco_plugins *p = NULL;
    struct sco_plan *plan = NULL;
    size_t n = c->n_operands - 1;
    int r = sco_engine_plugins(c->engine, &p, err);
    if (r == 0)
        r = context_check_scanners(c, p, 0, err);
    if (r == 0)
        r = sco_engine_plan(c->engine, n ? c->operands + 1 : here, n ? n : 1, &plan, err);
    if (r == 0)
        r = sco_engine_scan(c->engine, plan, ret, err);
    sco_plan_free(plan);
    return r;
}

static int write_report(struct cli *c, const struct sco_compliance *x, size_t format,
                        struct sco_error *err)
{
    static void (*const writers[])(const struct sco_compliance *, struct sco_buf *) = {
        sco_compliance_table, sco_compliance_json, sco_compliance_html, sco_compliance_csv};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    const char *path = args_has(c, ARG_OUTPUT) ? c->values[ARG_OUTPUT] : "-";
    writers[format](x, &b);
    int r = sco_buf_check(&b, err);
    if (r < 0)
        return r;
    if (strcmp(path, "-") != 0)
        return sco_fs_write(path, sco_buf_str(&b), 0666, err);
    fwrite(b.p, 1, b.n, stdout);
    return 0;
}

static int judge(struct cli *c, const struct frameworks *f, size_t format, int *status,
                 struct sco_error *err)
{
    struct sco_scan *s = NULL;
    struct sco_compliance *x = NULL;
    int r = scan(c, &s, err);
    if (r == 0)
        r = sco_compliance_judge(f->framework, c->values[ARG_FRAMEWORK], s, &x, err);
    if (r == 0)
        r = write_report(c, x, format, err);
    if (r == 0) {
        *status = s->exit_status == EXIT_INCOMPLETE ? EXIT_INCOMPLETE
                  : x->counts[SCO_CONTROL_FAIL]     ? EXIT_GATE
                                                    : EXIT_PASSED;
        fflush(stdout);
        for (size_t i = 0; i < s->n_runs && *status == EXIT_INCOMPLETE; i++) {
            const struct sco_scanner_run *run = &s->runs[i];
            if (!run->counts || run->status == SCO_RUN_STATUS_COMPLETED)
                continue;
            fprintf(stderr, "secureops: incomplete: %s: ", run->name);
            put_z(stderr, run->reason ? run->reason : sco_run_status_name(run->status));
            fputc('\n', stderr);
        }
    }
    sco_compliance_free(x);
    sco_scan_free(s);
    return r;
}

/* The operator's gates and the framework's. Where no control asks for facts about scanners, the
 * policies are all that can speak of it. */
static int prepare(struct cli *c, const struct frameworks *f, struct sco_error *err)
{
    static const char *const only_policies[] = {"policies", NULL};
    size_t n = 0;
    while (c->gates && c->gates[n])
        n++;
    const char **gates = sco_arena_alloc(&c->arena, (n + f->n_gates + 1) * sizeof *gates);
    if (!gates)
        return sco_error_nomem(err);
    if (n)
        memcpy(gates, c->gates, n * sizeof *gates);
    if (f->n_gates)
        memcpy(gates + n, f->gates, f->n_gates * sizeof *gates);
    sco_engine_set_gates(c->engine, gates);
    if (!has_facts(f->framework) && !c->scanners)
        sco_engine_set_scanners(c->engine, only_policies);
    return 0;
}

static int report(struct cli *c)
{
    struct frameworks f = {.cli = c};
    struct sco_error err = {0};
    size_t format = 0;
    int status = EXIT_PASSED, r = 0;
    if (!args_has(c, ARG_FRAMEWORK) || strchr(sco_buf_z(&c->lists[ARG_FRAMEWORK]), ','))
        r = sco_error_set(&err, SCO_E_INVALID,
                          "compliance report wants one framework: --framework ID[@VERSION]; "
                          "\"secureops compliance list\" shows them");
    if (r == 0)
        r = policy_format(c, "table,json,html,csv", &format, &err);
    if (r == 0)
        r = policy_list_arg(c, ARG_FRAMEWORK, &c->frameworks, &err);
    if (r == 0)
        r = context_load_config(c, &err);
    if (r == 0)
        r = context_open_engine(c, &err);
    if (r == 0) {
        context_mention_waivers(c);
        r = find_framework(c, &f, &status, &err);
    }
    if (r == 0 && status == EXIT_PASSED) {
        r = prepare(c, &f, &err);
        if (r == 0)
            r = judge(c, &f, format, &status, &err);
    }
    free(f.gates);
    return r < 0 ? context_fail(&err) : status;
}

int cmd_compliance(struct cli *c)
{
    static const char *const stored[] = {"status", "show", "history", "attest", "attestations"};
    struct sco_error err = {0};
    const char *what = c->n_operands ? c->operands[0] : "";
    for (size_t i = 0; i < SCO_ARRAY_LEN(stored); i++)
        if (strcmp(what, stored[i]) == 0)
            return compliance_stored(c);
    if (args_has(c, ARG_STORE) || args_has(c, ARG_SERVER)) {
        sco_error_set(&err, SCO_E_INVALID,
                      "--store and --server are for what is stored: compliance status, show, "
                      "history, attest, attestations");
        return context_fail(&err);
    }
    if (strcmp(what, "list") == 0 && c->n_operands == 1)
        return list(c);
    if (strcmp(what, "report") == 0)
        return report(c);
    sco_error_set(&err, SCO_E_INVALID,
                  "usage: secureops compliance list | report --framework ID [TARGET...] | status | "
                  "show | history | attest | attestations");
    return context_fail(&err);
}

/* What a scan says of the controls of a framework. Doubt is never a pass. */
#include <secureops/compliance.h>
#include "report_priv.h"

#include <stdlib.h>

#define SCO_SCAN_NOT_APPLICABLE 5
#define POLICIES_RUN "policies" /* name of the plugin, and of its run */

const char *sco_control_status_name(enum sco_control_status s)
{
    static const char *const names[SCO_CONTROL_MAX_] = {
        "pass", "fail", "unknown", "manual", "not_evaluated", "error", "waived", "not_applicable"};
    return (unsigned)s < SCO_CONTROL_MAX_ ? names[s] : "unknown";
}

static const char *keep(struct sco_compliance *c, const struct sco_node *m, const char *key)
{
    struct sco_str s = sco_text(sco_get(m, key));
    return s.p ? sco_arena_cstr(&c->arena, s) : NULL;
}

/* ---- facts ---- */
static bool finds(const struct sco_scanner_run *r, uint32_t type)
{
    return type ? (r->finds & SCO_TYPE_BIT(type)) != 0 : r->finds != 0;
}

/* "trivy is missing, bandit is incomplete": those that should have. */
static const char *not_completed(struct sco_compliance *c, uint32_t type)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    for (size_t i = 0; i < c->scan->n_runs; i++) {
        const struct sco_scanner_run *r = &c->scan->runs[i];
        if (finds(r, type) && r->status != SCO_RUN_STATUS_COMPLETED)
            sco_buf_addf(&b, "%s%s is %s", b.n ? ", " : "", r->name,
                         sco_run_status_name(r->status));
    }
    return b.n ? sco_arena_cstr(&c->arena, sco_buf_str(&b)) : NULL;
}

static size_t completed(const struct sco_compliance *c, uint32_t type, const char **ret_name)
{
    size_t n = 0;
    for (size_t i = 0; i < c->scan->n_runs; i++) {
        const struct sco_scanner_run *r = &c->scan->runs[i];
        if (!finds(r, type) || r->status != SCO_RUN_STATUS_COMPLETED)
            continue;
        *ret_name = r->name;
        n++;
    }
    return n;
}

static void judge_scanned(struct sco_compliance *c, struct sco_control_fact *f, uint32_t type)
{
    const char *name = NULL, *why = not_completed(c, type);
    size_t n = completed(c, type, &name);
    f->status = n ? SCO_CONTROL_PASS : SCO_CONTROL_UNKNOWN;
    if (n == 1)
        f->detail = sco_arena_fmt(&c->arena, "%s completed", name);
    else if (n)
        f->detail = sco_arena_fmt(&c->arena, "%zu scanners completed", n);
    else
        f->detail = sco_arena_fmt(&c->arena, "no scanner for it completed%s%s", why ? ": " : "",
                                  why ? why : "");
}

/* Clean is what a scanner looked at to the end, and what no scanner left half done. */
static void judge_clean(struct sco_compliance *c, struct sco_control_fact *f, uint32_t type,
                        uint32_t severity)
{
    uint64_t open = 0, accepted = 0;
    for (size_t i = 0; i < c->scan->findings.n; i++) {
        const struct sco_finding *x = &c->scan->findings.v[i];
        bool meant = x->severity >= severity && (!type || x->type == type);
        open += meant && !sco_finding_is_suppressed(x);
        accepted += meant && sco_finding_is_suppressed(x);
    }
    bool half_done = false;
    for (size_t i = 0; i < c->scan->n_runs; i++) {
        const struct sco_scanner_run *r = &c->scan->runs[i];
        half_done |= finds(r, type) && r->counts && r->status != SCO_RUN_STATUS_COMPLETED &&
                     r->status != SCO_RUN_STATUS_SKIPPED;
    }
    if (open) {
        f->status = SCO_CONTROL_FAIL;
        f->detail = sco_arena_fmt(&c->arena, "%llu open", (unsigned long long)open);
        return;
    }
    judge_scanned(c, f, type);
    if (f->status == SCO_CONTROL_PASS && half_done) {
        f->status = SCO_CONTROL_UNKNOWN;
        f->detail = sco_arena_fmt(&c->arena, "none open, but %s", not_completed(c, type));
    } else if (f->status == SCO_CONTROL_PASS && accepted) { /* a person has to look */
        f->status = SCO_CONTROL_UNKNOWN;
        f->detail = sco_arena_fmt(&c->arena, "none open, but %llu accepted by waivers or comments",
                                  (unsigned long long)accepted);
    } else if (f->status == SCO_CONTROL_PASS)
        f->detail = sco_arena_fmt(&c->arena, "none open; %s", f->detail);
}

static void judge_gated(struct sco_compliance *c, struct sco_control_fact *f)
{
    const struct sco_scan *s = c->scan;
    bool judged = s->gate.fail_on != 0;
    for (size_t i = 0; i < s->policies.n_gates; i++) /* what could not judge has not */
        judged |= strcmp(s->policies.gates[i].verdict, "pass") == 0 ||
                  strcmp(s->policies.gates[i].verdict, "fail") == 0;
    bool gated = s->gate.chosen && judged; /* that there is a default says nothing of who uses it */
    const char *name = NULL;
    bool empty = !completed(c, 0, &name); /* a gate over nothing is no evidence */
    f->status = gated && !empty ? SCO_CONTROL_PASS : SCO_CONTROL_UNKNOWN;
    f->detail = !s->gate.chosen ? "no gate is configured (gate.fail_on, gate.policies)"
                : !gated        ? "no gate judged the scan"
                : empty         ? "no scanner completed: the gate had nothing to judge"
                                : "the scan was judged by a gate";
}

/* scanned:TYPE, clean:TYPE:SEVERITY, gated. What is not understood holds for nothing. */
static void judge_fact(struct sco_compliance *c, struct sco_control_fact *f)
{
    struct sco_str rest = sco_str_c(f->fact), word = {0}, type = {0}, severity = {0};
    sco_str_split(&rest, ':', &word);
    sco_str_split(&rest, ':', &type);
    sco_str_split(&rest, ':', &severity);
    bool any = sco_str_is(type, "any");
    uint32_t t = any ? 0 : sco_type_parse(type), s = sco_severity_parse(severity);
    if (sco_str_is(word, "gated"))
        judge_gated(c, f);
    else if (sco_str_is(word, "scanned") && (any || t))
        judge_scanned(c, f, t);
    else if (sco_str_is(word, "clean") && (any || t) && s)
        judge_clean(c, f, t, s);
    else {
        f->status = SCO_CONTROL_UNKNOWN;
        f->detail = "this fact is not known to this version";
    }
}

/* ---- policies ---- */
static void count_policy(const struct sco_compliance *c, struct sco_control_policy *p)
{
    const struct sco_scan_policies *all = &c->scan->policies;
    for (size_t i = 0; i < all->n; i++)
        for (int k = 0; k < SCO_SCAN_VERDICTS && strcmp(all->v[i].id, p->id) == 0; k++)
            p->verdicts[k] += all->v[i].verdicts[k];
    for (size_t i = 0; i < all->n_gates; i++) /* policies over the scan's result */
        for (int k = 0; k < SCO_SCAN_VERDICTS && strcmp(all->gates[i].policy, p->id) == 0; k++)
            p->verdicts[k] += strcmp(all->gates[i].verdict, sco_scan_verdicts[k]) == 0;
}

static bool is_of_policy(const struct sco_compliance *c, const struct sco_finding *f,
                         const char *policy)
{
    const char *title = POLICIES_RUN;
    for (size_t i = 0; i < c->scan->n_runs; i++)
        if (strcmp(c->scan->runs[i].name, POLICIES_RUN) == 0)
            title = c->scan->runs[i].tool ? c->scan->runs[i].tool : c->scan->runs[i].title;
    for (uint32_t i = 0; f->tools && i < f->tools->n; i++)
        if (f->tools->v[i]->rule_id && strcmp(f->tools->v[i]->rule_id, policy) == 0 &&
            strcmp(f->tools->v[i]->name, title) == 0)
            return true;
    return false;
}

static void add_failure(struct sco_control *x, struct sco_control_failure f)
{
    if (x->n_failures < SCO_CONTROL_FAILURES_MAX)
        x->failures[x->n_failures++] = f;
    else
        x->failures_left_out++;
}

static void find_failures(struct sco_compliance *c, struct sco_control *x, const char *policy)
{
    const struct sco_scan *s = c->scan;
    for (size_t i = 0; i < s->findings.n; i++) {
        const struct sco_finding *f = &s->findings.v[i];
        if (!sco_finding_is_suppressed(f) && is_of_policy(c, f, policy))
            add_failure(x, (struct sco_control_failure){.policy = policy,
                                                        .severity = sco_severity_name(f->severity),
                                                        .resource = f->resource,
                                                        .file_path = f->file_path,
                                                        .message = f->description,
                                                        .line = f->line});
    }
    for (size_t i = 0; i < s->policies.n_gates; i++) {
        const struct sco_scan_gate *g = &s->policies.gates[i];
        if (strcmp(g->policy, policy) == 0 && strcmp(g->verdict, "fail") == 0)
            add_failure(x, (struct sco_control_failure){.policy = policy,
                                                        .severity = g->severity,
                                                        .resource = "scan",
                                                        .message = g->message});
    }
}

/* Findings that a waiver accepts are no failures of the policy any more, but no passes either. */
static void move_waived(struct sco_compliance *c, struct sco_control_policy *p)
{
    uint64_t open = 0; /* these stay failures, however many tools one waived finding is of */
    for (size_t i = 0; i < c->scan->findings.n; i++)
        open += !sco_finding_is_suppressed(&c->scan->findings.v[i]) &&
                is_of_policy(c, &c->scan->findings.v[i], p->id);
    for (size_t i = 0; i < c->scan->findings.n; i++) {
        const struct sco_finding *f = &c->scan->findings.v[i];
        bool waived = false;
        for (uint32_t k = 0; f->suppressions && k < f->suppressions->n; k++)
            waived |= f->suppressions->v[k].kind != SCO_SUPPRESS_INLINE;
        uint64_t n = f->occurrences ? f->occurrences : 1;
        if (!waived || !is_of_policy(c, f, p->id))
            continue;
        uint64_t may = p->verdicts[SCO_SCAN_FAIL] > open ? p->verdicts[SCO_SCAN_FAIL] - open : 0;
        n = n < may ? n : may;
        p->verdicts[SCO_SCAN_FAIL] -= n;
        p->verdicts[SCO_SCAN_SKIP] += n;
    }
}

/* ---- a control ---- */
static void settle(struct sco_control *x, enum sco_control_status status, const char *reason)
{
    x->status = status;
    x->reason = reason;
}

/* Each has said so: that a policy said nothing at all is no verdict. */
static bool all_looked(const struct sco_control *x)
{
    for (size_t i = 0; i < x->n_policies; i++)
        if (!x->policies[i].verdicts[SCO_SCAN_NOT_APPLICABLE])
            return false;
    return true;
}

static void decide(struct sco_compliance *c, struct sco_control *x, bool manual)
{
    uint64_t sum[SCO_SCAN_VERDICTS] = {0};
    size_t failed = 0, unknown = 0;
    x->by_hand = manual || (!x->n_policies && !x->n_facts);
    for (size_t i = 0; i < x->n_policies; i++)
        for (int k = 0; k < SCO_SCAN_VERDICTS; k++)
            sum[k] += x->policies[i].verdicts[k];
    for (size_t i = 0; i < x->n_facts; i++) {
        failed += x->facts[i].status == SCO_CONTROL_FAIL;
        unknown += x->facts[i].status == SCO_CONTROL_UNKNOWN;
    }
    if (sum[SCO_SCAN_FAIL])
        settle(x, SCO_CONTROL_FAIL,
               sco_arena_fmt(&c->arena, "%llu failed, %llu passed",
                             (unsigned long long)sum[SCO_SCAN_FAIL],
                             (unsigned long long)sum[SCO_SCAN_PASS]));
    else if (failed)
        settle(x, SCO_CONTROL_FAIL, "a fact of the scan does not hold");
    else if (x->by_hand)
        settle(x, SCO_CONTROL_MANUAL, "a person has to look");
    else if (sum[SCO_SCAN_ERROR])
        settle(x, SCO_CONTROL_ERROR, "a policy could not judge");
    else if (sum[SCO_SCAN_UNKNOWN])
        settle(x, SCO_CONTROL_UNKNOWN, "a value is known only at run time");
    else if (sum[SCO_SCAN_SKIP])
        settle(x, SCO_CONTROL_WAIVED,
               sco_arena_fmt(&c->arena, "%llu accepted by waivers or comments",
                             (unsigned long long)sum[SCO_SCAN_SKIP]));
    else if (unknown)
        settle(x, SCO_CONTROL_UNKNOWN, "a fact of the scan is not known");
    else if (x->n_policies && !sum[SCO_SCAN_PASS] && all_looked(x))
        settle(x, SCO_CONTROL_NOT_APPLICABLE, "there is nothing that its policies judge");
    else if (x->n_policies && !sum[SCO_SCAN_PASS])
        settle(x, SCO_CONTROL_NOT_EVALUATED, "its policies applied to nothing");
    else if (!x->n_facts)
        settle(x, SCO_CONTROL_PASS,
               sco_arena_fmt(&c->arena, "%llu passed", (unsigned long long)sum[SCO_SCAN_PASS]));
    else
        settle(x, SCO_CONTROL_PASS,
               x->n_policies
                   ? sco_arena_fmt(&c->arena, "%llu passed, and what the scan must show holds",
                                   (unsigned long long)sum[SCO_SCAN_PASS])
                   : "what the scan must show holds");
}

/* What the scan of the policies itself left open: a control may not pass over it. */
static void doubt(const struct sco_compliance *c, struct sco_control *x)
{
    bool sure = x->status == SCO_CONTROL_PASS || x->status == SCO_CONTROL_NOT_APPLICABLE;
    if (!sure || !x->n_policies)
        return;
    for (size_t i = 0; i < c->scan->n_runs; i++) {
        const struct sco_scanner_run *r = &c->scan->runs[i];
        if (strcmp(r->name, POLICIES_RUN) == 0 && r->status != SCO_RUN_STATUS_COMPLETED &&
            r->status != SCO_RUN_STATUS_SKIPPED)
            settle(x, SCO_CONTROL_UNKNOWN,
                   "nothing fails in what was judged, which is not everything");
    }
}

static int take_control(struct sco_compliance *c, const struct sco_node *m, struct sco_control *x)
{
    const struct sco_node *policies = sco_get(m, "policies"), *facts = sco_get(m, "facts");
    size_t np = policies ? policies->n : 0, nf = facts ? facts->n : 0;
    x->id = keep(c, m, "id");
    x->title = keep(c, m, "title");
    x->description = keep(c, m, "description");
    x->policies = sco_arena_alloc(&c->arena, (np + 1) * sizeof *x->policies);
    x->facts = sco_arena_alloc(&c->arena, (nf + 1) * sizeof *x->facts);
    x->failures =
        sco_arena_alloc(&c->arena, np ? SCO_CONTROL_FAILURES_MAX * sizeof *x->failures : 8);
    if (!x->id || !x->title || !x->policies || !x->facts || !x->failures)
        return SCO_E_NOMEM;
    SCO_EACH (p, policies) {
        struct sco_control_policy *own = &x->policies[x->n_policies++];
        own->id = sco_arena_cstr(&c->arena, sco_text(p));
        if (!own->id)
            return SCO_E_NOMEM;
        count_policy(c, own);
        move_waived(c, own);
        find_failures(c, x, own->id);
    }
    SCO_EACH (f, facts) {
        struct sco_control_fact *own = &x->facts[x->n_facts++];
        own->fact = sco_arena_cstr(&c->arena, sco_text(f));
        if (!own->fact)
            return SCO_E_NOMEM;
        judge_fact(c, own);
    }
    decide(c, x, sco_bool(sco_get(m, "manual"), 0));
    doubt(c, x);
    c->counts[x->status]++;
    return 0;
}

int sco_compliance_judge(const struct sco_node *framework, const char *requested,
                         const struct sco_scan *scan, struct sco_compliance **ret,
                         struct sco_error *err)
{
    const struct sco_node *controls = sco_get(framework, "controls");
    struct sco_compliance *c = sco_alloc(1, sizeof *c);
    if (!c)
        return sco_error_nomem(err);
    c->scan = scan;
    c->id = keep(c, framework, "id");
    c->title = keep(c, framework, "title");
    c->version = keep(c, framework, "version");
    c->requested = sco_arena_cstr(&c->arena, sco_str_c(requested));
    c->controls =
        sco_arena_alloc(&c->arena, ((controls ? controls->n : 0u) + 1u) * sizeof *c->controls);
    int r = c->id && c->title && c->requested && c->controls ? 0 : SCO_E_NOMEM;
    SCO_EACH (m, controls)
        if (r == 0)
            r = take_control(c, m, &c->controls[c->n_controls++]);
    if (r < 0) {
        sco_compliance_free(c);
        return sco_error_nomem(err);
    }
    *ret = c;
    return 0;
}

struct sco_compliance *sco_compliance_free(struct sco_compliance *c)
{
    if (c) {
        sco_arena_done(&c->arena);
        free(c);
    }
    return NULL;
}

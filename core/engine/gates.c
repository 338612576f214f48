/* Gates that are policies: the scan's JSON report is judged by the plugin `policies`, in a worker
 * of its own, after the findings are merged. A gate that cannot be asked fails closed: the result
 * is incomplete. */
#include "session_priv.h"

#include <secureops/report.h>

enum { GATE_TIMEOUT_MS = 300 * 1000, REASONS_MAX = 50, VERDICTS_MAX = 10000 };

struct gating {
    struct session *s;
    bool ended;
    int failed;      /* SCO_E_NOMEM, SCO_E_FORMAT */
    bool not_judged; /* an error or unknown among the verdicts that were left out */
    size_t left_out;
    enum sco_run_status status;
    const char *reason;
};

/* ---- records ---- */
/* "/findings/12/severity" speaks of the finding 12 of the report, which is that of the scan. */
static const char *fingerprint_at(struct sco_scan *scan, struct sco_str pointer)
{
    struct sco_str rest = pointer, part;
    int64_t i = 0;
    const char *const names[] = {"", "findings"};
    for (size_t k = 0; k < SCO_ARRAY_LEN(names); k++)
        if (!sco_str_split(&rest, '/', &part) || !sco_str_is(part, names[k]))
            return NULL;
    if (!sco_str_split(&rest, '/', &part) ||
        sco_parse_i64(part, 0, (int64_t)scan->findings.n - 1, &i) < 0)
        return NULL;
    char *hex = sco_arena_alloc(&scan->arena, 2 * SCO_FINGERPRINT_LEN + 1);
    if (hex)
        sco_fingerprint_hex(scan->findings.v[i].fingerprint, hex);
    return hex;
}

static const char *keep(struct sco_scan *s, const struct sco_node *m, const char *key)
{
    return sco_arena_cstr(&s->arena, sco_text(sco_get(m, key)));
}

static int take_verdict(struct gating *g, const struct sco_node *m)
{
    struct sco_scan *scan = g->s->scan;
    struct sco_scan_policies *p = &scan->policies;
    struct sco_str verdict = sco_text(sco_get(m, "verdict"));
    bool passed = sco_str_is(verdict, "pass") || sco_str_is(verdict, "not_applicable");
    if (p->n_gates >= VERDICTS_MAX) { /* they count, whatever is kept of them */
        g->left_out += !passed;
        g->not_judged |= !passed && !sco_str_is(verdict, "fail");
        return 0;
    }
    if (SCO_VEC_PUSH(p->gates, p->n_gates, p->cap_gates) < 0)
        return SCO_E_NOMEM;
    struct sco_scan_gate x = {.policy = keep(scan, m, "policy"),
                              .verdict = keep(scan, m, "verdict"),
                              .severity = keep(scan, m, "severity"),
                              .message = keep(scan, m, "message"),
                              .fingerprint = fingerprint_at(scan, sco_text(sco_get(m, "pointer"))),
                              .counts = !passed};
    if (!x.policy || !x.verdict || !x.message)
        return SCO_E_NOMEM;
    p->gates[p->n_gates++] = x;
    return 0;
}

static void on_record(struct sco_str kind, struct sco_str json, void *user)
{
    struct gating *g = user;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *m = NULL;
    if (!g->failed && sco_json_parse(json, &arena, &m, NULL) < 0)
        g->failed = SCO_E_FORMAT; /* a verdict that is lost is none that passed */
    if (g->failed)
        return;
    if (sco_str_is(kind, "verdict"))
        g->failed = take_verdict(g, m);
    else if (sco_str_is(kind, "gate") && sco_get(m, "title"))
        g->s->scan->policies.gate_title = keep(g->s->scan, m, "title");
}

static void on_end(struct job *j, void *user)
{
    struct gating *g = user;
    g->status = j->status;
    g->reason = session_keep(g->s, j->reason);
    g->ended = true;
}

/* ---- asking ---- */
static int write_report(struct session *s, const char **ret, struct sco_error *err)
{
    struct sco_scan *scan = s->scan;
    const char *dir = NULL;
    int r = engine_make_dir(s->e, "gate", &dir, &scan->arena, err);
    if (r < 0)
        return r;
    *ret = sco_arena_fmt(&scan->arena, "%s/scan.json", dir);
    struct sco_report_options o = {0};
    int files = 0;
    return *ret ? sco_report_write_file(scan, SCO_REPORT_JSON, &o, *ret, &files, err)
                : sco_error_nomem(err);
}

static int ask(struct gating *g, struct sco_error *err)
{
    struct sco_engine *e = g->s->e;
    SCO_AUTO(sco_buf) struct sco_buf request = {0}, message = {0};
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_policy_request q = {.command = "gate", .policies = e->o.gates};
    struct policy_part part = {0};
    struct job_spec spec = {.record = on_record, .end = on_end, .user = g};
    const struct sco_plugin_info *p = NULL;
    const char *dir = NULL;
    int r = policies_plugin(e, &p, err);
    if (r == 0)
        r = write_report(g->s, &part.input, err);
    if (r == 0)
        r = policy_request_write(e, &q, &part, &request, err);
    if (r == 0)
        r = policies_message(e, p, sco_buf_str(&request), &message, &spec.timeout_ms, &dir, &arena,
                             err);
    spec.message = sco_buf_str(&message);
    if (r == 0)
        r = engine_run_job(e, &spec, &g->ended, err);
    if (r == 0 && g->failed == SCO_E_FORMAT)
        return sco_error_set(err, SCO_E_FORMAT, "a verdict of a gate cannot be read");
    return r < 0 ? r : g->failed;
}

/* ---- the result ---- */
static const char *say(struct sco_scan *s, const struct sco_scan_gate *x)
{
    bool error = strcmp(x->verdict, "fail") != 0;
    return sco_arena_fmt(&s->arena, "%s%s%s: %s%s%.12s%s", x->policy, error ? " is " : "",
                         error ? x->verdict : "", x->message, x->fingerprint ? " [" : "",
                         x->fingerprint ? x->fingerprint : "", x->fingerprint ? "]" : "");
}

static int judge(struct gating *g, struct sco_error *err)
{
    struct sco_scan *s = g->s->scan;
    const struct sco_scan_policies *p = &s->policies;
    bool failed = g->left_out > 0, incomplete = g->not_judged;
    size_t said = 0, left_out = g->left_out;
    int r = 0;
    for (size_t i = 0; i < p->n_gates && r == 0; i++) {
        const struct sco_scan_gate *x = &p->gates[i];
        if (!x->counts)
            continue;
        failed |= strcmp(x->verdict, "fail") == 0;
        incomplete |= strcmp(x->verdict, "fail") != 0; /* error, unknown: not judged */
        if (said++ < REASONS_MAX)
            r = gate_add_reason(s, say(s, x), err);
        else
            left_out++;
    }
    if (left_out && r == 0)
        r = gate_add_reason(s, sco_arena_fmt(&s->arena, "%zu more reasons of gates", left_out),
                            err);
    if (r == 0)
        gate_lower(s, incomplete ? SCO_GATE_INCOMPLETE
                      : failed   ? SCO_GATE_FAILED
                                 : SCO_GATE_PASSED);
    return r;
}

int gates_run(struct session *s, struct sco_error *err)
{
    struct gating g = {.s = s};
    struct sco_error own = {0};
    if (!s->e->o.gates || !s->e->o.gates[0])
        return 0;
    int r = s->scan->cancelled ? sco_error_set(&own, SCO_E_CANCELLED, "the scan was cancelled")
                               : ask(&g, &own);
    if (r == 0)
        r = judge(&g, err);
    if (r == SCO_E_NOMEM)
        return sco_error_nomem(err);
    const char *why = r < 0                                  ? session_keep(s, own.text)
                      : g.status == SCO_RUN_STATUS_COMPLETED ? NULL
                      : g.reason                             ? g.reason
                                                             : "no reason is known";
    if (!why)
        return 0;
    gate_lower(s->scan, SCO_GATE_INCOMPLETE);
    return gate_add_reason(
        s->scan, sco_arena_fmt(&s->scan->arena, "the gates could not judge: %s", why), err);
}

/* The gate: why a scan passes or not. Incomplete outranks failed: what was not checked cannot be
 * judged. */
#include "engine_priv.h"

enum { RUNS_NAMED_MAX = 200 }; /* of those that did not finish */

/* There is room for each: see gate_judge. */
static int add_reason(struct sco_scan *s, const char *text, struct sco_error *err)
{
    if (!text)
        return sco_error_nomem(err);
    s->gate.reasons[s->gate.n_reasons++] = text;
    return 0;
}

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* Of a scan that was compared the others are not counted. */
static const char *new_word(const struct sco_scan *s)
{
    return sco_is_compared(&s->comparison) ? "new " : "";
}

static uint64_t count(const struct sco_scan *s, uint32_t type, uint32_t severity)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s->findings.n; i++) {
        const struct sco_finding *f = &s->findings.v[i];
        n += sco_finding_counts(f) && f->severity >= severity && (!type || f->type == type);
    }
    return n;
}

/* "trivy: failed: WHY", with the target where there are several. */
static const char *say_unfinished(struct sco_scan *s, const struct sco_scanner_run *run,
                                  const char *allowed)
{
    bool several = false;
    for (size_t i = 1; i < s->n_runs && !several; i++)
        several = s->runs[i].target && s->runs[0].target &&
                  strcmp(s->runs[i].target, s->runs[0].target) != 0;
    several &= run->target != NULL;
    return sco_arena_fmt(&s->arena, "%s%s%s%s%s: %s%s%s", allowed, run->name, several ? " (" : "",
                         several ? run->target : "", several ? ")" : "",
                         sco_run_status_name(run->status), run->reason ? ": " : "",
                         run->reason ? run->reason : "");
}

static int judge_incomplete(struct sco_scan *s, const struct sco_gate_rules *rules, bool *ret,
                            struct sco_error *err)
{
    const char *allowed = rules->warn_on_incomplete ? "(allowed) " : "";
    size_t n = 0;
    int r = 0;
    *ret = s->cancelled;
    if (s->cancelled)
        r = add_reason(s, "the scan was cancelled", err);
    for (size_t i = 0; i < s->n_runs && r == 0; i++) {
        const struct sco_scanner_run *run = &s->runs[i];
        if (!run->counts || run->status == SCO_RUN_STATUS_COMPLETED)
            continue;
        *ret |= !rules->warn_on_incomplete;
        if (n++ < RUNS_NAMED_MAX)
            r = add_reason(s, say_unfinished(s, run, allowed), err);
    }
    if (n > RUNS_NAMED_MAX && r == 0)
        r = add_reason(
            s, sco_arena_fmt(&s->arena, "%s%zu more did not finish", allowed, n - RUNS_NAMED_MAX),
            err);
    return r;
}

static int judge_findings(struct sco_scan *s, const struct sco_gate_rules *rules, bool *ret,
                          struct sco_error *err)
{
    int r = 0;
    *ret = false;
    uint64_t n = rules->fail_on ? count(s, 0, rules->fail_on) : 0;
    if (n) {
        *ret = true;
        r = add_reason(s,
                       sco_arena_fmt(&s->arena, "%llu %sfinding%s of severity %s%s (--fail-on %s)",
                                     (unsigned long long)n, new_word(s), plural(n),
                                     sco_severity_name(rules->fail_on),
                                     rules->fail_on < SCO_SEV_CRITICAL ? " or above" : "",
                                     sco_severity_name(rules->fail_on)),
                       err);
    }
    for (size_t i = 0; i < rules->n_thresholds && r == 0; i++) {
        const struct sco_threshold *t = &rules->thresholds[i];
        n = count(s, t->type, t->severity);
        if (n <= t->max)
            continue;
        *ret = true;
        r = add_reason(s,
                       sco_arena_fmt(&s->arena,
                                     "%llu %sfinding%s of type %s and severity %s or above, more "
                                     "than the threshold of %llu",
                                     (unsigned long long)n, new_word(s), plural(n),
                                     t->type ? sco_type_name(t->type) : "any",
                                     sco_severity_name(t->severity), (unsigned long long)t->max),
                       err);
    }
    return r;
}

int gate_add_reason(struct sco_scan *s, const char *text, struct sco_error *err)
{
    const char **v = sco_arena_alloc(&s->arena, (s->gate.n_reasons + 1) * sizeof *v);
    if (!v || !text)
        return sco_error_nomem(err);
    if (s->gate.n_reasons)
        memcpy(v, s->gate.reasons, s->gate.n_reasons * sizeof *v);
    s->gate.reasons = v;
    v[s->gate.n_reasons++] = text;
    return 0;
}

void gate_lower(struct sco_scan *s, enum sco_gate_result to)
{
    static const int status[] = {
        [SCO_GATE_PASSED] = 0, [SCO_GATE_FAILED] = 1, [SCO_GATE_INCOMPLETE] = 3};
    if (to > s->gate.result)
        s->gate.result = to;
    s->exit_status = status[s->gate.result];
}

int gate_judge(struct sco_scan *s, const struct sco_gate_rules *rules, struct sco_error *err)
{
    bool incomplete = false, failed = false;
    s->gate = (struct sco_gate){.fail_on = rules->fail_on, .chosen = rules->chosen};
    /* cancelled, runs, more runs, --fail-on, thresholds */
    s->gate.reasons = sco_arena_alloc(&s->arena, (RUNS_NAMED_MAX + 3 + rules->n_thresholds) *
                                                     sizeof *s->gate.reasons);
    if (!s->gate.reasons)
        return sco_error_nomem(err);
    int r = judge_incomplete(s, rules, &incomplete, err);
    if (r == 0)
        r = judge_findings(s, rules, &failed, err);
    if (r < 0)
        return r;
    s->gate.result = incomplete ? SCO_GATE_INCOMPLETE : failed ? SCO_GATE_FAILED : SCO_GATE_PASSED;
    s->exit_status = incomplete ? 3 : failed ? 1 : 0;
    return 0;
}

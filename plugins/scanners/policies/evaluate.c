/* Judging documents: for a scan, where a failure is a finding, and for `policy eval`, where every
 * verdict is a record. */
#include "policies_priv.h"

enum { ERRORS_TOLD_MAX = 1000, CANCEL_EVERY = 1024 };

static bool stopped(struct policies *p)
{
    uint64_t all = 0;
    for (int i = 0; i < SCO_VERDICT_MAX_; i++)
        all += p->verdicts[i];
    return all % CANCEL_EVERY == 0 && p->host->cancelled(p->host);
}

/* "policy k8s-x on Pod.default.web (pod.yaml:3): WHY": judged was it not. */
static void tell_error(struct policies *p, const struct sco_verdict *v)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addf(&b, "policy %s", v->policy->id);
    if (v->resource)
        sco_buf_addf(&b, " on %s", v->resource->name);
    if (v->place.file_path)
        sco_buf_addf(&b, " (%s:%u)", v->place.file_path, v->place.line);
    sco_buf_addf(&b, ": %s", v->message && *v->message ? v->message : "error");
    p->host->incomplete(p->host, sco_buf_str(&b));
}

/* 1: it is to be reported. */
static int take(struct policies *p, const struct sco_verdict *v)
{
    if (!p->chosen[index_of(p, v->policy)])
        return 0;
    p->verdicts[v->kind]++;
    if (stopped(p))
        return SCO_E_CANCELLED;
    if (v->kind == SCO_VERDICT_ERROR)
        tell_error(p, v);
    return 1;
}

static int on_scan(void *user, const struct sco_verdict *v)
{
    struct policies *p = user;
    int r = take(p, v);
    if (r != 1)
        return r;
    if (v->kind == SCO_VERDICT_FAIL || v->kind == SCO_VERDICT_SKIP)
        return finding_emit(p, v);
    bool told = v->kind == SCO_VERDICT_ERROR || v->kind == SCO_VERDICT_UNKNOWN;
    return told && p->errors_named++ < ERRORS_TOLD_MAX ? verdict_record(p, v) : 0;
}

static int on_eval(void *user, const struct sco_verdict *v)
{
    struct policies *p = user;
    int r = take(p, v);
    if (r != 1)
        return r;
    return verdict_record(p, v);
}

static void note_unknown(struct policies *p)
{
    uint64_t n = p->verdicts[SCO_VERDICT_UNKNOWN];
    if (n)
        sco_buf_addf(&p->notes, "%s%llu verdict%s unknown: the values are known only at run time",
                     p->notes.n ? "; " : "", (unsigned long long)n, n == 1 ? " is" : "s are");
}

int tell_policies(struct policies *p, bool profile)
{
    int r = 0;
    for (size_t i = 0; i < p->n_list && r == 0; i++) {
        struct sco_policy_stats s = {0};
        if (!p->chosen[i])
            continue;
        sco_policies_stats(p->set, &p->list[i], &s);
        struct sco_json_out o = record_begin(p);
        sco_json_kz(&o, "id", p->list[i].id);
        sco_json_kz(&o, "title", p->list[i].title);
        sco_json_kz(&o, "severity", sco_severity_name(severity_of(p, &p->list[i])));
        sco_json_ki64(&o, "evaluations", (int64_t)s.evaluations);
        if (profile) {
            sco_json_ki64(&o, "instructions", (int64_t)s.instructions);
            sco_json_ki64(&o, "ns", (int64_t)s.ns);
        }
        sco_json_key(&o, "verdicts");
        sco_json_begin(&o, '{');
        for (int k = 0; k < SCO_VERDICT_MAX_; k++)
            if (s.verdicts[k])
                sco_json_ki64(&o, sco_verdict_name((enum sco_verdict_kind)k),
                              (int64_t)s.verdicts[k]);
        sco_json_end(&o, '}');
        sco_json_end(&o, '}');
        r = record_send(p, "policy");
    }
    return r;
}

static bool any_chosen(const struct policies *p)
{
    bool any = false;
    for (size_t i = 0; i < p->n_list; i++)
        any |= p->chosen[i];
    return any;
}

static int judge(struct policies *p, const struct sco_job *job, sco_verdict_fn fn,
                 struct sco_error *err)
{
    bool scan = fn == on_scan;
    bool project = p->request.scope && strcmp(p->request.scope, "project") == 0;
    int r = policies_load(p, NULL, err);
    if (r == 0)
        r = policies_choose(p, err);
    if (r == 0)
        r = tell_bundles(p);
    if (r == 0 && project && !any_chosen(p)) { /* the shares have all there is */
        sco_buf_addz(&p->notes, "no policy looks at several resources");
        return SCO_RUN_SKIPPED;
    }
    if (r == 0)
        r = documents_read(p, job, err);
    if (r == 0 && !project) /* told by the shares */
        r = documents_tell(p, !scan);
    if (r == 0 && p->docs.n_docs)
        r = sco_policies_eval(p->set, &p->docs, fn, p, err);
    if (r == 0)
        r = tell_policies(p, strcmp(p->request.command, "profile") == 0);
    note_unknown(p);
    return r;
}

int run_scan(struct policies *p, const struct sco_job *job, struct sco_error *err)
{
    int r = judge(p, job, on_scan, err);
    if (r == 0 && !p->docs.n_docs) {
        sco_buf_addz(&p->notes, "no infrastructure code that the policies know");
        return SCO_RUN_SKIPPED;
    }
    return r;
}

int run_eval(struct policies *p, const struct sco_job *job, struct sco_error *err)
{
    return judge(p, job, on_eval, err);
}

/* Cases: NAME.cases.yaml beside NAME.lua. Each runs in a set of policies of its own, twice, so that
 * neither the order of the cases nor what a policy remembers can decide. */
#include "policy_priv.h"
#include "cases_priv.h"

#include <stdlib.h>

/* ---- what came out ---- */
static int collect(void *user, const struct sco_verdict *v)
{
    struct case_run *c = user;
    if (SCO_VEC_PUSH(c->got, c->n_got, c->cap_got) < 0)
        return SCO_E_NOMEM;
    struct got *g = &c->got[c->n_got];
    *g = (struct got){.kind = v->kind,
                      .resource = sco_arena_cstr(&c->arena, sco_str_c(v->resource->name)),
                      .pointer = sco_arena_cstr(&c->arena, sco_str_c(v->pointer)),
                      .message = sco_arena_cstr(&c->arena, sco_str_c(v->message)),
                      .line = v->place.line};
    if (v->actions && !(g->actions = sco_arena_cstr(&c->arena, sco_str_c(v->actions))))
        return SCO_E_NOMEM;
    if (!g->resource || !g->pointer || !g->message)
        return SCO_E_NOMEM;
    c->n_got++;
    return 0;
}

/* One run of the policy over the input. Problems of the input become c->message. */
static int run_once(struct case_run *c, struct sco_error *err)
{
    struct sco_iac_set docs = {0};
    int r = 0;
    for (size_t i = 0; r == 0 && i < c->n_inputs; i++) {
        int n = sco_iac_add_text(&docs, c->inputs[i].text, c->inputs[i].name,
                                 c->policy->workflow ? SCO_IAC_FORMAT_EVENT : SCO_IAC_FORMAT_NONE,
                                 SCO_IAC_EXPLICIT, err);
        r = n < 0 ? n : 0;
    }
    for (size_t i = 0; r == 0 && i < docs.n_docs && !c->message; i++)
        if (docs.docs[i].status == SCO_IAC_FAILED || docs.docs[i].status == SCO_IAC_SKIPPED)
            c->message = sco_arena_fmt(&c->arena, "the input was not read: %s",
                                       docs.docs[i].reason ? docs.docs[i].reason : "?");
    if (r == 0 && !docs.n_resources && !c->message)
        c->message = "there is nothing in the input";
    if (r == 0 && !c->message)
        r = sco_policies_eval(c->policies, &docs, collect, c, err);
    sco_iac_set_done(&docs);
    return r;
}

static bool same(const struct got *a, size_t n_a, const struct got *b, size_t n_b)
{
    for (size_t i = 0; n_a == n_b && i < n_a; i++)
        if (a[i].kind != b[i].kind || a[i].line != b[i].line ||
            strcmp(a[i].resource, b[i].resource) != 0 || strcmp(a[i].pointer, b[i].pointer) != 0 ||
            strcmp(a[i].message, b[i].message) != 0 ||
            strcmp(a[i].actions ? a[i].actions : "", b[i].actions ? b[i].actions : "") != 0)
            return false;
    return n_a == n_b;
}

/* ---- what was expected ---- */
static bool want_matches(const struct want *w, const struct got *g)
{
    return w->kind == g->kind && (!w->resource || strcmp(w->resource, g->resource) == 0) &&
           (!w->line || w->line == g->line) &&
           (!w->pointer || strcmp(w->pointer, g->pointer) == 0) &&
           (!w->message || sco_glob_match(w->message, sco_str_c(g->message)));
}

static void describe(struct sco_buf *out, const struct got *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i == 5) {
            sco_buf_addf(out, ", and %zu more", n - i);
            return;
        }
        sco_buf_addf(out, "%s%s %s line %u%s%s%s%s", i ? ", " : "", sco_verdict_name(v[i].kind),
                     v[i].resource, v[i].line, v[i].pointer[0] ? " " : "", v[i].pointer,
                     v[i].message[0] ? ": " : "", v[i].message);
    }
    if (!n)
        sco_buf_addz(out, "no verdict: the policy applies to nothing in the input");
}

/* "expect: fail": every resource that it applies to has this verdict, and there is one. */
static bool all_are(const struct case_run *c, enum sco_verdict_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_got; i++) {
        if (c->got[i].kind == SCO_VERDICT_NOT_APPLICABLE && kind != SCO_VERDICT_NOT_APPLICABLE)
            continue;
        if (c->got[i].kind != kind)
            return false;
        n++;
    }
    return n > 0;
}

/* Each expected verdict takes one that came; only pass and not_applicable may be left. */
static bool matched(struct case_run *c)
{
    for (size_t i = 0; i < c->n_got; i++)
        c->got[i].used = false;
    for (size_t w = 0; w < c->n_want; w++) {
        size_t i = 0;
        while (i < c->n_got && (c->got[i].used || !want_matches(&c->want[w], &c->got[i])))
            i++;
        if (i == c->n_got)
            return false;
        c->got[i].used = true;
    }
    for (size_t i = 0; i < c->n_got; i++)
        if (!c->got[i].used && c->got[i].kind != SCO_VERDICT_PASS &&
            c->got[i].kind != SCO_VERDICT_NOT_APPLICABLE)
            return false;
    return true;
}

static int judge(struct case_run *c)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    if (c->actions)
        return case_judge_actions(c);
    if (c->word ? all_are(c, c->word_kind) : matched(c))
        return 0;
    sco_buf_addz(&b, "expected ");
    if (c->word)
        sco_buf_addz(&b, sco_verdict_name(c->word_kind));
    else if (!c->n_want)
        sco_buf_addz(&b, "nothing but pass and not_applicable");
    for (size_t i = 0; i < c->n_want; i++) {
        const struct want *w = &c->want[i];
        sco_buf_addf(&b, "%s%s", i ? ", " : "", sco_verdict_name(w->kind));
        if (w->resource)
            sco_buf_addf(&b, " %s", w->resource);
        if (w->line)
            sco_buf_addf(&b, " line %u", w->line);
        if (w->pointer)
            sco_buf_addf(&b, " %s", w->pointer);
        if (w->message)
            sco_buf_addf(&b, ": %s", w->message);
    }
    sco_buf_addz(&b, "; got ");
    describe(&b, c->got, c->n_got);
    c->message = b.failed ? NULL : sco_arena_cstr(&c->arena, sco_buf_str(&b));
    return c->message ? 0 : SCO_E_NOMEM;
}

/* ---- one case ---- */
static int run_twice(struct case_run *c, struct sco_error *err)
{
    int r = run_once(c, err);
    if (r < 0 || c->message)
        return r;
    struct got *first = c->got;
    size_t n_first = c->n_got;
    c->got = NULL;
    c->n_got = c->cap_got = 0;
    r = run_once(c, err);
    if (r == 0 && !same(first, n_first, c->got, c->n_got))
        c->message = "the second run gave another result: the policy keeps state";
    else if (r == 0)
        r = judge(c);
    free(first);
    return r;
}

/* Notes which ends the cases of a policy show. */
static void note(struct case_run *c)
{
    for (size_t i = 0; i < c->n_got; i++) {
        if (c->policy->workflow) {
            bool idle =
                c->got[i].kind == SCO_VERDICT_PASS || c->got[i].kind == SCO_VERDICT_NOT_APPLICABLE;
            c->seen[c->policy - c->of->policies] |= case_acts(&c->got[i]) ? 2 : idle ? 1 : 0;
            continue;
        }
        if (c->got[i].kind == SCO_VERDICT_PASS)
            c->seen[c->policy - c->of->policies] |= 1;
        if (c->got[i].kind == SCO_VERDICT_FAIL)
            c->seen[c->policy - c->of->policies] |= 2;
    }
}

int case_execute(struct case_run *c, sco_policy_case_fn fn, void *user, struct sco_error *err)
{
    struct sco_error why = {0};
    int64_t start = sco_mono_ns();
    int r = c->message ? 0 : case_policies(c, &why);
    if (r == 0 && !c->message)
        r = run_twice(c, &why);
    if (r == 0 && !c->message)
        note(c);
    c->policies = pl_sub_free(c->policies);
    free(c->got);
    c->got = NULL;
    c->n_got = c->cap_got = 0;
    if (r == SCO_E_NOMEM)
        return sco_error_nomem(err);
    if (r < 0 && !c->message)
        c->message = sco_arena_cstr(&c->arena, sco_str_c(why.text[0] ? why.text : "failed"));
    struct sco_policy_case_result result = {
        .file_path = c->file->path,
        .name = c->name,
        .policy = c->policy ? c->policy->id : "",
        .line = c->line,
        .passed = !c->message,
        .message = c->message,
        .ns = sco_mono_ns() - start,
    };
    return fn(user, &result);
}

/* A policy that no case shows both ways is a result of its own. */
static int report_missing(struct sco_policies *p, const uint8_t *seen, sco_policy_case_fn fn,
                          void *user)
{
    for (size_t i = 0; i < p->n_policies; i++) {
        if (!p->policies[i].selected || seen[i] == 3)
            continue;
        struct sco_policy_case_result result = {
            .file_path = p->policies[i].file_path,
            .name = "cases",
            .policy = p->policies[i].id,
            .line = p->policies[i].line,
            .message = p->policies[i].workflow
                           ? (seen[i] & 2 ? "no case shows the workflow leaving an event alone"
                                          : "no case shows the workflow acting")
                       : seen[i] == 0 ? "no case shows the policy passing or failing"
                       : seen[i] == 1 ? "no case shows the policy failing"
                                      : "no case shows the policy passing",
        };
        int r = fn(user, &result);
        if (r != 0)
            return r;
    }
    return 0;
}

int sco_policies_test(struct sco_policies *p, sco_policy_case_fn fn, void *user,
                      struct sco_error *err)
{
    SCO_AUTO(sco_free) uint8_t *seen = sco_alloc(p->n_policies + 1, sizeof *seen);
    if (!seen)
        return sco_error_nomem(err);
    int r = p->opt.coverage ? pl_coverage_prepare(p, err) : 0;
    for (size_t i = 0; r == 0 && i < p->n_bundles; i++)
        for (size_t k = 0; r == 0 && k < p->bundles[i].n; k++)
            if (p->bundles[i].files[k]->kind == PL_FILE_CASES)
                r = case_file(p, p->bundles[i].files[k], seen, fn, user, err);
    return r != 0 ? r : report_missing(p, seen, fn, user);
}

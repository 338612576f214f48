/* What publishing is asked for and what it answers, the same for several platforms: the request,
 * the findings, one line that says how it went, the steps. docs/ci-plugins.md. Header only. */
#pragma once

#include "ci_client.h"
#include "ci_event.h"

enum {
    CI_FINDINGS_MAX = 10000, /* that are kept */
    CI_STEPS_MAX = 8,
    CI_MARKDOWN_MAX = 4 << 20,
    CI_TITLE_MAX = 200, /* bytes of the one line, where the platform says nothing else */
};

struct ci_step {
    const char *step, *result;
    struct sco_str reason, id, url;
};

struct ci_finding { /* texts live until the call returns */
    struct sco_str severity, rule_id, path, fingerprint;
    struct sco_str title, text, tool;           /* of the platform's ci_fill_fn; or absent */
    int64_t line, end_line, column, end_column; /* 0: unknown */
    int placed;                                 /* its path is one of the repository */
};

struct ci_result {
    const struct sco_host *h;
    const struct sco_node *q;
    struct sco_errbuf *e;
    struct sco_str marker, sha, base_sha, branch, name, phase, details_url, markdown;
    int64_t pr;
    struct ci_finding *v;
    size_t n, cap;
    int cut;           /* there are more findings than these */
    const char *state; /* pending, success, failure, error */
    struct sco_str title;
    struct ci_step steps[CI_STEPS_MAX];
    size_t n_steps;
};

/* ---- the request ----------------------------------------------------------------------------- */

static inline int ci_result_marker(struct sco_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
              (s.p[i] && strchr(":/_.-", s.p[i]))))
            return 0;
    return s.n > 0 && s.n <= 200 && !ci_contains(s, "--");
}

/* Fills a zeroed structure of which h, q and e are set. */
static inline int ci_result_read(struct ci_result *p, struct sco_str name)
{
    const struct sco_node *q = p->q;
    struct sco_str file = sco_text_at(q, "markdown");
    p->marker = sco_text_at(q, "marker");
    p->sha = ci_sha_at(q, "commit_sha");
    p->base_sha = ci_sha_at(q, "base_sha");
    p->branch = sco_text_at(q, "branch");
    p->phase = sco_text_at(q, "phase");
    p->name = sco_text_at(q, "name").n ? sco_text_at(q, "name") : name;
    p->pr = sco_int_at(q, "pr_number", 0);
    p->details_url = sco_text_at(q, "scan.url");
    if (!p->sha.n)
        return sco_errf(p->e, SCO_E_INVALID, "publish needs commit_sha");
    if (!ci_result_marker(p->marker))
        return sco_errf(p->e, SCO_E_INVALID, "marker is not text of a-z, 0-9 and :/_.-");
    if (!sco_str_is(p->phase, "pending") && !sco_str_is(p->phase, "result") &&
        !sco_str_is(p->phase, "error"))
        return sco_errf(p->e, SCO_E_INVALID, "phase is none of pending, result, error");
    if (!file.n || !sco_str_is(p->phase, "result"))
        return 0;
    const char *path = sco_cstr(p->h, file);
    return path ? ci_read_file(p->h, path, CI_MARKDOWN_MAX, &p->markdown, p->e)
                : sco_errf(p->e, SCO_E_NOMEM, "out of memory");
}

static inline int ci_result_wants(const struct ci_result *p, const char *step, int by_default)
{
    const struct sco_node *steps = sco_get(p->q, "steps");
    if (!sco_is(steps, SCO_NODE_LIST))
        return by_default;
    SCO_EACH (c, steps)
        if (sco_str_is(sco_text(c), step))
            return 1;
    return 0;
}

/* ---- findings -------------------------------------------------------------------------------- */

/* Puts in what a platform shows of a finding; the rest is there already. */
typedef void (*ci_fill_fn)(const struct ci_result *p, struct ci_finding *f,
                           const struct sco_node *v);

static inline int ci_result_keep(struct ci_result *p, const struct sco_node *v, ci_fill_fn fill)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 64;
        struct ci_finding *n = (struct ci_finding *)p->h->alloc(p->h, cap * sizeof *n);
        if (!n)
            return sco_errf(p->e, SCO_E_NOMEM, "out of memory");
        if (p->n)
            memcpy(n, p->v, p->n * sizeof *n);
        p->v = n;
        p->cap = cap;
    }
    struct ci_finding *f = &p->v[p->n++];
    memset(f, 0, sizeof *f);
    f->severity = ci_copy(p->h, sco_text_at(v, "severity"));
    f->rule_id = ci_line(p->h, sco_text_at(v, "rule_id"), 100);
    f->fingerprint = ci_copy(p->h, sco_text_at(v, "fingerprint"));
    f->path = ci_repo_path(p->h, sco_text_at(p->q, "root"), sco_text_at(v, "file_path"));
    f->placed = f->path.n > 0;
    f->line = sco_int_at(v, "line_number", 0);
    f->end_line = sco_int_at(v, "end_line", 0);
    f->column = sco_int_at(v, "column", 0);
    f->end_column = sco_int_at(v, "end_column", 0);
    if (f->line < 1)
        f->line = f->end_line = f->column = 0;
    if (f->end_line < f->line)
        f->end_line = f->line;
    if (f->column < 1)
        f->column = f->end_column = 0;
    if (f->end_line == f->line && f->end_column < f->column)
        f->end_column = f->column;
    fill(p, f, v);
    return 0;
}

static inline int ci_result_findings(struct ci_result *p, ci_fill_fn fill)
{
    const struct sco_data_api *data = p->h->data;
    struct sco_str file = sco_text_at(p->q, "findings");
    struct sco_reader *reader = NULL;
    const struct sco_node *v;
    const char *path = file.n ? sco_cstr(p->h, file) : NULL;
    if (!file.n)
        return 0;
    int r = path ? data->open(p->h, path, &reader, p->e) : SCO_E_NOMEM;
    while (r >= 0 && p->n < CI_FINDINGS_MAX && (r = data->read(reader, NULL, &v, p->e)) > 0)
        r = v->type == SCO_NODE_MAP
                ? ci_result_keep(p, v, fill)
                : sco_errf(p->e, SCO_E_FORMAT, "findings: a line is not an object");
    /* the daemon hands over only so many: what is missing then is not gone */
    p->cut =
        p->n == CI_FINDINGS_MAX || sco_int_at(p->q, "summary.new", (int64_t)p->n) > (int64_t)p->n;
    data->close(reader);
    return r < 0 ? r : 0;
}

/* ---- one line -------------------------------------------------------------------------------- */

/* "3 new findings: 1 critical, 2 high". */
static inline struct sco_str ci_result_counts(const struct ci_result *p)
{
    static const char *const names[] = {"CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"};
    static const char *const words[] = {"critical", "high", "medium", "low", "info"};
    const struct sco_node *summary = sco_get(p->q, "summary");
    int64_t n = sco_int_at(summary, "new", (int64_t)p->n);
    struct sco_str s = n == 0   ? SCO_STR("No new findings")
                       : n == 1 ? SCO_STR("1 new finding")
                                : sco_fmt(p->h, "%lld new findings", (long long)n);
    const char *between = ": ";
    for (size_t i = 0; n && i < sizeof names / sizeof *names; i++) {
        int64_t k = sco_int(sco_get(sco_get(summary, "by_severity"), names[i]), 0);
        if (k <= 0)
            continue;
        s = sco_fmt(p->h, "%.*s%s%lld %s", SCO_STR_ARG(s), between, (long long)k, words[i]);
        between = ", ";
    }
    return s;
}

/* What was not checked is never a success. */
static inline void ci_result_decide(struct ci_result *p, size_t title_max)
{
    struct sco_str gate = sco_text_at(p->q, "gate.result"), reason = sco_text_at(p->q, "reason");
    struct sco_str why = sco_text(sco_first(sco_path(p->q, "gate.reasons")));
    struct sco_str counts = ci_result_counts(p);
    if (sco_str_is(p->phase, "pending")) {
        p->state = "pending";
        p->title = SCO_STR("Scan in progress");
    } else if (sco_str_is(p->phase, "error")) {
        p->state = "error";
        p->title = sco_fmt(p->h, "No result: %.*s",
                           SCO_STR_ARG(reason.n ? reason : SCO_STR("the scan did not end")));
    } else if (sco_str_is(gate, "passed") || sco_str_is(gate, "failed")) {
        p->state = sco_str_is(gate, "passed") ? "success" : "failure";
        p->title = ci_verdict_counts(p->h, p->q, counts);
    } else {
        p->state = "error";
        p->title = sco_fmt(p->h, "Incomplete: %.*s (%.*s)",
                           SCO_STR_ARG(why.n ? why : SCO_STR("a part was not checked")),
                           SCO_STR_ARG(counts));
    }
    p->title = ci_line(p->h, p->title, title_max);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static inline void ci_result_step(struct ci_result *p, const char *step, const char *result,
                                  struct sco_str reason, struct sco_str id, struct sco_str url)
{
    if (p->n_steps == CI_STEPS_MAX)
        return;
    struct ci_step s = {step, result, reason, id, url};
    p->steps[p->n_steps++] = s;
}

static inline void ci_result_skip(struct ci_result *p, const char *step, const char *reason)
{
    struct sco_str none = {NULL, 0};
    ci_result_step(p, step, "skipped", sco_str_c(reason), none, none);
}

static inline struct sco_str ci_result_reason(const struct ci_result *p)
{
    return ci_copy(p->h, sco_str_c(p->e->text));
}

/* What may pass ends the call, to be done again; the rest fails the step alone. */
static inline int ci_result_settle(struct ci_result *p, const char *step, int r)
{
    struct sco_str none = {NULL, 0};
    if (r == 0)
        return 0;
    if (r > 0 || r == SCO_E_NETWORK || r == SCO_E_TIMEOUT || r == SCO_E_CANCELLED ||
        r == SCO_E_IO || r == SCO_E_NOMEM)
        return r;
    ci_result_step(p, step, "failed", ci_result_reason(p), none, none);
    return 0;
}

static inline int ci_result_write(const struct ci_result *p, struct sco_str state,
                                  struct sco_str url)
{
    struct ci_json j = ci_json_new(p->h);
    ci_json_begin(&j, '{');
    ci_json_kraw(&j, "state", state);
    ci_json_kstr(&j, "url", url);
    ci_json_key(&j, "steps");
    ci_json_begin(&j, '[');
    for (size_t i = 0; i < p->n_steps; i++) {
        ci_json_begin(&j, '{');
        ci_json_kz(&j, "step", p->steps[i].step);
        ci_json_kz(&j, "result", p->steps[i].result);
        ci_json_kstr(&j, "reason", p->steps[i].reason);
        ci_json_kstr(&j, "id", p->steps[i].id);
        ci_json_kstr(&j, "url", p->steps[i].url);
        ci_json_end(&j, '}');
    }
    ci_json_end(&j, ']');
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", p->e);
}

/* 0, or SCO_CI_DEGRADED with what was left out. */
static inline int ci_result_outcome(const struct ci_result *p)
{
    struct ci_json j = ci_json_new(p->h);
    for (size_t i = 0; i < p->n_steps; i++) {
        const struct ci_step *s = &p->steps[i];
        if (strcmp(s->result, "failed") != 0 && strcmp(s->result, "degraded") != 0)
            continue;
        struct sco_str line = sco_fmt(p->h, "%s%s %s: %.*s", j.n ? "; " : "", s->step, s->result,
                                      SCO_STR_ARG(s->reason));
        ci_json_put(&j, line.p, line.n);
    }
    if (!j.n)
        return 0;
    return sco_errf(p->e, SCO_CI_DEGRADED, "%.*s", SCO_STR_ARG(ci_json_text(&j)));
}

/* Ends a publication of which the steps ended with `r`: what was done is told all the same. */
static inline int ci_result_end(struct ci_result *p, int r, struct sco_str state,
                                struct sco_str url)
{
    struct sco_str why = r != 0 ? ci_result_reason(p) : sco_str_make(NULL, 0);
    int w = ci_result_write(p, state, url);
    if (w < 0)
        return w;
    return r != 0 ? sco_errf(p->e, r, "%.*s", SCO_STR_ARG(why)) : ci_result_outcome(p);
}

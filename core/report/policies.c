/* What the policies said beside findings: in the JSON report what was judged and by what, in the
 * table a line of counts and whatever has to be looked at. */
#include "table_priv.h"

enum { NAMED_MAX = 10 };

static bool any(const struct sco_scan_policies *p)
{
    return p->n || p->n_bundles || p->n_issues || p->n_gates || p->n_waivers || p->waived;
}

/* ---- JSON ---- */
static void put_bundles(struct sco_json_out *o, const struct sco_scan_policies *p)
{
    sco_json_key(o, "bundles");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < p->n_bundles; i++) {
        sco_json_begin(o, '{');
        sco_json_kz(o, "path", p->bundles[i].path);
        sco_json_kz(o, "digest", p->bundles[i].digest);
        sco_json_end(o, '}');
    }
    sco_json_end(o, ']');
}

static void put_counts(struct sco_json_out *o, const char *key, const char *const *names,
                       const uint64_t *n, size_t count, bool all)
{
    sco_json_key(o, key);
    sco_json_begin(o, '{');
    for (size_t i = 0; i < count; i++)
        if (all || n[i])
            sco_json_ki64(o, names[i], (int64_t)n[i]);
    sco_json_end(o, '}');
}

/* Only those that looked at something: the others are in `secureops policy list`. */
static void put_policies(struct sco_json_out *o, const struct sco_scan_policies *p)
{
    sco_json_key(o, "evaluated");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < p->n; i++) {
        if (!p->v[i].evaluations)
            continue;
        sco_json_begin(o, '{');
        sco_json_kz(o, "id", p->v[i].id);
        put_counts(o, "verdicts", sco_scan_verdicts, p->v[i].verdicts, SCO_SCAN_VERDICTS, false);
        sco_json_end(o, '}');
    }
    sco_json_end(o, ']');
}

static void put_issue(struct sco_json_out *o, const struct sco_scan_issue *x)
{
    sco_json_begin(o, '{');
    sco_json_kz(o, "kind", x->kind);
    sco_json_kz(o, "policy", x->policy);
    sco_json_kz(o, "resource", x->resource);
    sco_json_kz(o, "file_path", x->file_path);
    if (x->line > 0)
        sco_json_ki64(o, "line_number", x->line);
    sco_json_kz(o, "status", x->status);
    sco_json_kz(o, "message", x->message);
    sco_json_end(o, '}');
}

static void put_issues(struct sco_json_out *o, const struct sco_scan_policies *p)
{
    static const char *const kinds[] = {"error", "problem", "document", "unknown"};
    static const char *const keys[] = {"errors", "problems", "not_judged", "unknown"};
    for (size_t k = 0; k < SCO_ARRAY_LEN(kinds); k++) {
        sco_json_key(o, keys[k]);
        sco_json_begin(o, '[');
        for (size_t i = 0; i < p->n_issues; i++)
            if (strcmp(p->issues[i].kind, kinds[k]) == 0)
                put_issue(o, &p->issues[i]);
        sco_json_end(o, ']');
    }
    if (p->issues_left_out)
        sco_json_ki64(o, "left_out", (int64_t)p->issues_left_out);
}

static void put_waivers(struct sco_json_out *o, const struct sco_scan_policies *p)
{
    sco_json_key(o, "waivers");
    sco_json_begin(o, '{');
    sco_json_ki64(o, "findings", (int64_t)p->waived);
    for (int expired = 1; expired >= 0; expired--) {
        sco_json_key(o, expired ? "expired" : "unused");
        sco_json_begin(o, '[');
        for (size_t i = 0; i < p->n_waivers; i++) {
            const struct sco_scan_waiver *x = &p->waivers[i];
            if (x->expired != (expired == 1))
                continue;
            sco_json_begin(o, '{');
            sco_json_kz(o, "policy", x->pattern);
            sco_json_kz(o, "reason", x->reason);
            sco_json_kz(o, "owner", x->owner);
            sco_json_kz(o, "expires", x->expires);
            sco_json_kz(o, "file_path", x->file);
            sco_json_ki64(o, "line_number", x->line);
            sco_json_ki64(o, "findings", (int64_t)x->matched);
            sco_json_end(o, '}');
        }
        sco_json_end(o, ']');
    }
    sco_json_end(o, '}');
}

void policies_json(struct sco_json_out *o, const struct sco_scan *scan)
{
    const struct sco_scan_policies *p = &scan->policies;
    sco_json_key(o, "policies");
    sco_json_begin(o, '{');
    if (any(p)) {
        put_bundles(o, p);
        sco_json_ki64(o, "policies", (int64_t)p->n);
        sco_json_ki64(o, "evaluations", (int64_t)p->evaluations);
        put_counts(o, "verdicts", sco_scan_verdicts, p->verdicts, SCO_SCAN_VERDICTS, true);
        put_counts(o, "documents", sco_scan_documents, p->documents, SCO_SCAN_DOCUMENTS, true);
        put_policies(o, p);
        put_issues(o, p);
        put_waivers(o, p);
    }
    sco_json_end(o, '}');
}

void policies_json_gate(struct sco_json_out *o, const struct sco_scan *scan)
{
    const struct sco_scan_policies *p = &scan->policies;
    sco_json_kz(o, "title", p->gate_title);
    sco_json_key(o, "policies");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < p->n_gates; i++) {
        const struct sco_scan_gate *x = &p->gates[i];
        sco_json_begin(o, '{');
        sco_json_kz(o, "policy", x->policy);
        sco_json_kz(o, "verdict", x->verdict);
        sco_json_kz(o, "severity", x->severity);
        sco_json_kz(o, "message", x->message);
        sco_json_kz(o, "fingerprint", x->fingerprint);
        sco_json_end(o, '}');
    }
    sco_json_end(o, ']');
}

/* ---- table ---- */
static void add_list_line(struct table *t, const char *head)
{
    sco_buf_addz(t->b, head);
    add_wrapped(t, &(struct wrap){strlen(head), 4, 8, NULL}, sco_buf_str(&t->tmp));
    sco_buf_addc(t->b, '\n');
}

static void write_counts(struct table *t, const struct sco_scan_policies *p)
{
    static const char *const words[SCO_SCAN_VERDICTS] = {"passed",  "failed", "unknown",
                                                         "skipped", "errors", "not applicable"};
    uint64_t documents = 0;
    size_t policies = 0;
    for (int i = 0; i < SCO_SCAN_DOCUMENTS; i++)
        documents += p->documents[i];
    for (size_t i = 0; i < p->n; i++)
        policies += p->v[i].evaluations > 0;
    if (!p->evaluations)
        return;
    buf_restart(&t->tmp, t->b);
    sco_buf_addf(&t->tmp, "%llu evaluations of %zu over %llu document%s: ",
                 (unsigned long long)p->evaluations, policies, (unsigned long long)documents,
                 documents == 1 ? "" : "s");
    const char *gap = "";
    for (int i = 0; i < SCO_SCAN_VERDICTS; i++) {
        if (!p->verdicts[i])
            continue;
        sco_buf_addf(&t->tmp, "%s%llu %s", gap, (unsigned long long)p->verdicts[i], words[i]);
        gap = ", ";
    }
    add_list_line(t, "Policies: ");
}

static void write_waivers(struct table *t, const struct sco_scan_policies *p, bool expired)
{
    size_t n = 0;
    buf_restart(&t->tmp, t->b);
    for (size_t i = 0; i < p->n_waivers; i++) {
        const struct sco_scan_waiver *x = &p->waivers[i];
        if (x->expired != expired || n++ >= NAMED_MAX)
            continue;
        sco_buf_addf(&t->tmp, "%s%s (%s:%u%s%s)", n > 1 ? ", " : "", x->pattern, x->file, x->line,
                     x->expired ? ", until " : "", x->expired ? x->expires : "");
    }
    if (n > NAMED_MAX)
        sco_buf_addf(&t->tmp, " and %zu more", n - NAMED_MAX);
    if (n)
        add_list_line(t,
                      expired ? "Waivers that have expired: " : "Waivers that nothing matched: ");
}

void policies_table(struct table *t)
{
    const struct sco_scan_policies *p = &t->scan->policies;
    write_counts(t, p);
    if (p->waived)
        sco_buf_addf(t->b, "Waivers: %llu finding%s accepted\n", (unsigned long long)p->waived,
                     p->waived == 1 ? "" : "s");
    write_waivers(t, p, true);
    write_waivers(t, p, false);
}

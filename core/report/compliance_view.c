/* A framework over repositories, for an auditor: from the JSON that the API and the store give, so
 * that both are told in the same way. Words that are not of the closed lists are text like any
 * other. */
#include "compliance_priv.h"

static const char *const words[] = {
    "fail",     "error", "unknown",        "waived",    "manual",        "not_evaluated",
    "attested", "pass",  "not_applicable", "compliant", "non_compliant", "undetermined"};

static const char *at(const struct sco_node *m, const char *key)
{
    struct sco_str s = sco_text(sco_get(m, key));
    return s.n ? s.p : ""; /* texts of a tree end with NUL */
}

static const char *word(const struct sco_node *m, const char *key)
{
    for (size_t i = 0; i < SCO_ARRAY_LEN(words); i++)
        if (strcmp(at(m, key), words[i]) == 0)
            return words[i];
    return "unknown";
}

static void add_title(struct sco_buf *b, const struct sco_node *view)
{
    sco_buf_addz(b, at(view, "title"));
    if (*at(view, "version"))
        sco_buf_addf(b, " %s", at(view, "version"));
}

/* "repository branch (scope)" */
static void add_place(struct sco_buf *b, const struct sco_node *m)
{
    sco_buf_addz(b, at(m, "repository"));
    if (*at(m, "branch"))
        sco_buf_addf(b, " %s", at(m, "branch"));
    if (*at(m, "scope"))
        sco_buf_addf(b, " (%s)", at(m, "scope"));
}

/* ---- evidence, in one line each ---- */
static void add_policy(struct sco_buf *b, const struct sco_node *p)
{
    bool any = false;
    sco_buf_addf(b, "%s:", at(p, "id"));
    for (int k = 0; k < SCO_SCAN_VERDICTS; k++) {
        int64_t n = sco_int(sco_get(p, sco_scan_verdicts[k]), 0);
        if (n)
            sco_buf_addf(b, "%s %lld %s", any ? "," : "", (long long)n, sco_scan_verdicts[k]);
        any |= n != 0;
    }
    if (!any)
        sco_buf_addz(b, " applied to nothing");
}

static void add_failure(struct sco_buf *b, const struct sco_node *f)
{
    sco_buf_addz(b, at(f, "file_path"));
    if (sco_int(sco_get(f, "line_number"), 0) > 0)
        sco_buf_addf(b, ":%lld", (long long)sco_int(sco_get(f, "line_number"), 0));
    sco_buf_addf(b, " %s: %s", at(f, "resource"), at(f, "message"));
}

static void add_attestation(struct sco_buf *b, const struct sco_node *a)
{
    sco_buf_addf(b, "attested \"%s\" by %s at %s", at(a, "verdict"), at(a, "attested_by"),
                 at(a, "attested_at"));
    if (*at(a, "expires_at"))
        sco_buf_addf(b, ", until %s", at(a, "expires_at"));
    sco_buf_addf(b, ": %s", at(a, "reason"));
    if (*at(a, "evidence"))
        sco_buf_addf(b, " (%s)", at(a, "evidence"));
}

/* Each piece of evidence of a cell; SHOWN_MAX of failures, for the others stand in the JSON. */
static void each_evidence(const struct sco_node *cell, void (*fn)(void *user, struct sco_buf *text),
                          void *user)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    const struct sco_node *e = sco_get(cell, "evidence"), *a = sco_get(cell, "attestation");
    int64_t left_out = sco_int(sco_get(e, "failures_left_out"), 0);
    if (a) {
        add_attestation(&text, a);
        fn(user, &text);
    }
    SCO_EACH (f, sco_get(e, "facts")) {
        sco_buf_clear(&text);
        sco_buf_addf(&text, "%s: %s", at(f, "fact"), at(f, "detail"));
        fn(user, &text);
    }
    SCO_EACH (p, sco_get(e, "policies")) {
        sco_buf_clear(&text);
        add_policy(&text, p);
        fn(user, &text);
    }
    SCO_EACH (f, sco_get(e, "failures")) {
        sco_buf_clear(&text);
        add_failure(&text, f);
        fn(user, &text);
    }
    sco_buf_clear(&text);
    if (left_out)
        sco_buf_addf(&text, "and %lld more", (long long)left_out);
    if (left_out)
        fn(user, &text);
}

/* ---- HTML ---- */
static void html_counts(struct sco_buf *b, const struct sco_node *counts)
{
    for (size_t i = 0; i < SCO_ARRAY_LEN(words); i++) {
        int64_t n = sco_int(sco_get(counts, words[i]), 0);
        if (!n)
            continue;
        compliance_add_status(b, words[i]);
        sco_buf_addf(b, " %lld &nbsp; ", (long long)n);
    }
}

static void html_texts(struct sco_buf *b, const struct sco_node *list)
{
    sco_buf_addz(b, "<ul>");
    SCO_EACH (x, list) {
        sco_buf_addz(b, "<li>");
        compliance_esc(b, sco_text(x).p);
        sco_buf_addz(b, "</li>");
    }
    sco_buf_addz(b, "</ul>");
}

static void html_assessments(struct sco_buf *b, const struct sco_node *list)
{
    SCO_AUTO(sco_buf) struct sco_buf place = {0};
    sco_buf_addz(b, "<h2>Assessments</h2>\n<table><thead><tr><th>Repository</th><th>Result</th>"
                    "<th>Assessed</th><th>Controls</th></tr></thead>\n<tbody>\n");
    SCO_EACH (a, list) {
        buf_restart(&place, b);
        add_place(&place, a);
        sco_buf_addz(b, "<tr><td><strong>");
        compliance_esc(b, sco_buf_z(&place));
        sco_buf_addz(b, "</strong><br><code>");
        compliance_esc(b, at(a, "commit_sha"));
        sco_buf_addz(b, "</code></td><td>");
        compliance_add_status(b, word(a, "result"));
        html_texts(b, sco_get(a, "reasons"));
        sco_buf_addz(b, "</td><td>");
        compliance_esc(b, at(a, "assessed_at"));
        sco_buf_addz(b, "<br>scan <code>");
        compliance_esc(b, at(a, "scan_id"));
        sco_buf_addz(b, "</code> (");
        compliance_esc(b, at(a, "scan_status"));
        sco_buf_addz(b, ")<br>SHA-256 <code style=\"word-break:break-all\">");
        compliance_esc(b, at(a, "digest"));
        sco_buf_addz(b, "</code></td><td>");
        html_counts(b, sco_get(a, "counts"));
        sco_buf_addz(b, "</td></tr>\n");
    }
    sco_buf_addz(b, "</tbody></table>\n");
}

static void html_item(void *user, struct sco_buf *text)
{
    struct sco_buf *b = user;
    sco_buf_addz(b, "<li>");
    compliance_esc(b, sco_buf_z(text));
    sco_buf_addz(b, "</li>");
    b->failed |= text->failed;
}

static void html_control(struct sco_buf *b, const struct sco_node *c)
{
    SCO_AUTO(sco_buf) struct sco_buf place = {0};
    sco_buf_addz(b, "<tr><td><strong>");
    compliance_esc(b, at(c, "id"));
    sco_buf_addz(b, "</strong><br>");
    compliance_esc(b, at(c, "title"));
    sco_buf_addz(b, "</td><td>");
    compliance_add_status(b, word(c, "verdict"));
    sco_buf_addz(b, "</td><td>");
    SCO_EACH (r, sco_get(c, "results")) {
        buf_restart(&place, b);
        add_place(&place, r);
        compliance_add_status(b, word(r, "verdict"));
        sco_buf_addz(b, " ");
        compliance_esc(b, sco_buf_z(&place));
        sco_buf_addz(b, ": ");
        compliance_esc(b, at(r, "reason"));
        sco_buf_addz(b, "<ul>");
        each_evidence(r, html_item, b);
        sco_buf_addz(b, "</ul>");
    }
    sco_buf_addz(b, "</td></tr>\n");
}

void sco_compliance_view_html(const struct sco_node *view, struct sco_buf *out)
{
    SCO_AUTO(sco_buf) struct sco_buf title = {0};
    add_title(&title, view);
    compliance_html_begin(out, sco_buf_z(&title));
    sco_buf_addz(out, "</h1>\n<p class=\"meta\">");
    compliance_esc(out, at(view, "framework"));
    sco_buf_addz(out, ", as of ");
    compliance_esc(out, at(view, "generated_at"));
    sco_buf_addz(out, ", SecureOps " SCO_VERSION "</p>\n<p>");
    compliance_add_status(out, word(view, "result"));
    sco_buf_addz(out, " &nbsp; ");
    html_counts(out, sco_get(view, "counts"));
    sco_buf_addz(out, "</p>\n");
    html_texts(out, sco_get(view, "reasons"));
    html_assessments(out, sco_get(view, "assessments"));
    sco_buf_addz(out, "<h2>Controls</h2>\n<table><thead><tr><th>Control</th><th>Worst</th>"
                      "<th>Evidence</th></tr></thead>\n<tbody>\n");
    SCO_EACH (c, sco_get(view, "controls"))
        html_control(out, c);
    sco_buf_addz(out, "</tbody></table>\n");
    if (sco_int(sco_get(view, "unassessed"), 0)) {
        sco_buf_addf(out, "<h2>Not assessed: %lld repositories</h2>\n",
                     (long long)sco_int(sco_get(view, "unassessed"), 0));
        html_texts(out, sco_get(view, "unassessed_repositories"));
    }
    sco_buf_addz(out, "</body></html>\n");
    out->failed |= title.failed;
}

/* ---- CSV: a line for each control and assessment ---- */
static void csv_item(void *user, struct sco_buf *text)
{
    struct sco_buf *b = user;
    sco_buf_addf(b, "%s%s", b->n ? "; " : "", sco_buf_z(text));
    b->failed |= text->failed;
}

static const struct sco_node *assessment_of(const struct sco_node *view, const char *id)
{
    SCO_EACH (a, sco_get(view, "assessments"))
        if (strcmp(at(a, "id"), id) == 0)
            return a;
    return NULL;
}

void sco_compliance_view_csv(const struct sco_node *view, struct sco_buf *out)
{
    static const char *const of_assessment[] = {"commit_sha", "assessed_at", "scan_id",
                                                "scan_status", "digest"};
    sco_buf_addz(out, "framework,version,control,title,repository,branch,scope,verdict,reason,"
                      "evidence,commit_sha,assessed_at,scan_id,scan_status,digest,stale\r\n");
    SCO_EACH (c, sco_get(view, "controls")) {
        SCO_EACH (r, sco_get(c, "results")) {
            SCO_AUTO(sco_buf) struct sco_buf evidence = {0};
            const struct sco_node *a = assessment_of(view, at(r, "assessment_id"));
            const char *const first[] = {
                at(view, "framework"), at(view, "version"), at(c, "id"),
                at(c, "title"),        at(r, "repository"), at(r, "branch"),
                at(r, "scope"),        word(r, "verdict"),  at(r, "reason")};
            each_evidence(r, csv_item, &evidence);
            for (size_t i = 0; i < SCO_ARRAY_LEN(first); i++)
                compliance_csv_field(out, first[i], ',');
            compliance_csv_field(out, sco_buf_z(&evidence), ',');
            for (size_t i = 0; i < SCO_ARRAY_LEN(of_assessment); i++)
                compliance_csv_field(out, at(a, of_assessment[i]), ',');
            compliance_csv_field(out, sco_bool(sco_get(a, "stale"), 0) ? "true" : "false", '\r');
            sco_buf_addc(out, '\n');
            out->failed |= evidence.failed;
        }
    }
}

/* ---- a terminal ---- */
static void line_texts(struct sco_buf *b, const char *indent, const struct sco_node *list)
{
    SCO_EACH (x, list) {
        sco_buf_addf(b, "%s- ", indent);
        sco_buf_add_printable(b, sco_text(x));
        sco_buf_addc(b, '\n');
    }
}

void sco_compliance_view_table(const struct sco_node *view, struct sco_buf *out)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    add_title(&text, view);
    sco_buf_add_printable(out, sco_buf_str(&text));
    sco_buf_addf(out, ": %s\n", compliance_label(word(view, "result")));
    line_texts(out, "  ", sco_get(view, "reasons"));
    sco_buf_addc(out, '\n');
    SCO_EACH (a, sco_get(view, "assessments")) {
        buf_restart(&text, out);
        add_place(&text, a);
        sco_buf_addf(out, "%-14s %.10s  ", compliance_label(word(a, "result")),
                     at(a, "assessed_at"));
        sco_buf_add_printable(out, sco_buf_str(&text));
        sco_buf_addc(out, '\n');
        line_texts(out, "                 ", sco_get(a, "reasons"));
    }
    sco_buf_addc(out, '\n');
    SCO_EACH (c, sco_get(view, "controls")) {
        const char *verdict = word(c, "verdict");
        sco_buf_addf(out, "%-14s ", compliance_label(verdict));
        sco_buf_add_printable(out, sco_text(sco_get(c, "id")));
        sco_buf_addz(out, "  ");
        sco_buf_add_printable(out, sco_text(sco_get(c, "title")));
        sco_buf_addc(out, '\n');
        SCO_EACH (r, sco_get(c, "results")) {
            if (strcmp(word(r, "verdict"), "pass") == 0 ||
                strcmp(word(r, "verdict"), "not_applicable") == 0)
                continue;
            buf_restart(&text, out);
            add_place(&text, r);
            sco_buf_addf(out, "                 - %s: ", compliance_label(word(r, "verdict")));
            sco_buf_add_printable(out, sco_buf_str(&text));
            sco_buf_addc(out, '\n');
        }
    }
    if (sco_int(sco_get(view, "unassessed"), 0))
        sco_buf_addf(out, "\n%lld repositories were never assessed by it\n",
                     (long long)sco_int(sco_get(view, "unassessed"), 0));
    out->failed |= text.failed;
}

/* Exports of the Semgrep AppSec Platform: `findings` of its findings API (Pro), and `vulns` of its
 * supply chain export. People have triaged what is in them: fixed ones are reported as resolved,
 * ignored ones as suppressed with the reason that was given. */
#include "semgrep_priv.h"

/* How people, or the next scan, have closed a finding. */
struct verdict {
    struct sco_suppression suppression;
    struct sco_str reason, comment;
    int fixed, ignored, false_positive;
};

static int is_any(struct sco_str s, const char *const *words)
{
    for (; *words; words++)
        if (sco_str_is_nocase(s, *words))
            return 1;
    return 0;
}

static void apply(struct sco_report_finding *f, struct verdict *v, const struct sco_host *h)
{
    if (v->fixed)
        f->flags |= SCO_FINDING_RESOLVED;
    if (v->false_positive)
        f->flags |= SCO_FINDING_FALSE_POSITIVE;
    if (!v->ignored)
        return;
    v->suppression.kind = SCO_SUPPRESS_WAIVER;
    v->suppression.reason = rep_both(h, v->reason, ": ", v->comment);
    f->suppressions = &v->suppression;
    f->n_suppressions = 1;
}

/* ---- findings API -------------------------------------------------------------------------------
 */
static void read_triage(struct verdict *v, const struct sco_node *item)
{
    static const char *const fixed[] = {"fixed", "removed", NULL};
    static const char *const ignored[] = {"ignored", "archived", NULL};
    struct sco_str status = sco_text_at(item, "status"), triage = sco_text_at(item, "triage_state");
    v->fixed = is_any(status, fixed) || is_any(sco_text_at(item, "state"), fixed);
    v->ignored = is_any(status, ignored) || is_any(triage, ignored);
    v->reason = sco_text_at(item, "triage_reason");
    v->comment = sco_text_at(item, "triage_comment");
    v->false_positive = v->ignored && sco_str_is_nocase(v->reason, "false_positive");
}

static struct sco_str advice(const struct sco_host *h, const struct sco_node *assistant)
{
    struct sco_str guidance = rep_both(h, sco_text_at(assistant, "guidance.summary"), "\n\n",
                                       sco_text_at(assistant, "guidance.instructions"));
    struct sco_str fix = sco_text_at(assistant, "autofix.fix_code");
    return rep_both(h, guidance, "\n\nSuggested change:\n", fix);
}

static struct sco_str_list links(const struct sco_host *h, const struct sco_node *item)
{
    struct sco_str code = sco_text_at(item, "line_of_code_url");
    struct sco_str ticket = sco_text_at(item, "external_ticket.url");
    struct sco_str_list l = {NULL, 0};
    struct sco_str *v = h->tmp(h, 2 * sizeof *v);
    if (!v)
        return l;
    l.v = v;
    if (code.n)
        v[l.n++] = code;
    if (sco_str_starts(ticket, "http"))
        v[l.n++] = ticket;
    return l;
}

static void platform_metadata(struct rep_meta *meta, const struct sco_host *h,
                              const struct sco_node *item)
{
    const struct sco_node *rule = sco_get(item, "rule"), *ai = sco_get(item, "assistant");
    rep_meta(meta, "owasp", rep_join(h, sco_get(rule, "owasp_names"), "; "));
    rep_meta(meta, "categories", rep_join(h, sco_get(item, "categories"), ","));
    rep_meta(meta, "vulnerability_classes",
             rep_join(h, sco_get(rule, "vulnerability_classes"), "; "));
    rep_meta(meta, "confidence", sco_text_at(item, "confidence"));
    rep_meta(meta, "repository", sco_text_at(item, "repository.name"));
    rep_meta(meta, "ref", sco_text_at(item, "ref"));
    rep_meta(meta, "status", sco_text_at(item, "status"));
    rep_meta(meta, "state", sco_text_at(item, "state"));
    rep_meta(meta, "triage_state", sco_text_at(item, "triage_state"));
    rep_meta(meta, "platform_id", sco_text_at(item, "id"));
    rep_meta(meta, "match_fingerprint", sco_text_at(item, "match_based_id"));
    rep_meta(meta, "ticket", sco_text_at(item, "external_ticket.external_slug"));
    rep_meta(meta, "assistant_verdict", sco_text_at(ai, "autotriage.verdict"));
    rep_meta(meta, "assistant_reason", sco_text_at(ai, "autotriage.reason"));
    rep_meta(meta, "component", sco_text_at(ai, "component.tag"));
    rep_meta(meta, "component_risk", sco_text_at(ai, "component.risk"));
}

int semgrep_platform_finding(void *user, const struct sco_node *item)
{
    struct semgrep_parse *p = user;
    const struct sco_host *h = p->s->h;
    const struct sco_node *rule = sco_get(item, "rule");
    struct sco_report_finding f = rep_finding(SCO_TYPE_SAST);
    struct rep_meta meta = {.n = 0};
    struct verdict v = {.fixed = 0};

    f.rule_id = rep_or(sco_text_at(item, "rule_name"), sco_text_at(rule, "name"));
    if (!f.rule_id.n)
        return REP_UNUSABLE;
    f.severity_text = sco_text_at(item, "severity");
    f.severity = semgrep_severity(f.severity_text);
    f.description = rep_or(sco_text_at(item, "rule_message"), sco_text_at(rule, "message"));
    f.title = semgrep_title(h, f.description);
    f.remediation = advice(h, sco_get(item, "assistant"));
    f.file_path = sco_text_at(item, "location.file_path");
    f.line = sco_int_at(item, "location.line", 0);
    f.column = sco_int_at(item, "location.column", 0);
    f.end_line = sco_int_at(item, "location.end_line", 0);
    f.end_column = sco_int_at(item, "location.end_column", 0);
    f.stable_id = sco_text_at(item, "match_based_id");
    f.cwes = sco_texts(h, sco_get(rule, "cwe_names"));
    f.references = links(h, item);
    read_triage(&v, item);
    apply(&f, &v, h);
    platform_metadata(&meta, h, item);
    rep_meta_set(&meta, &f);
    return rep_emit(&p->doc, &f);
}

/* ---- supply chain export ----------------------------------------------------------------------
 */

/* The advisory's ecosystem holds for the packages that it names, not for every one that matched. */
static int names_package(const struct sco_node *advisory, struct sco_str name)
{
    SCO_EACH (d, sco_get(advisory, "vulnerableDependencies"))
        if (sco_str_eq(sco_text_at(d, "name"), name))
            return 1;
    return 0;
}

static void fill_package(struct sco_report_finding *f, const struct sco_node *item,
                         const struct sco_node *advisory)
{
    f->package_name = sco_text_at(item, "matchedDependency.name");
    f->package_version = sco_text_at(item, "matchedDependency.versionSpecifier");
    if (names_package(advisory, f->package_name))
        f->ecosystem = sco_text_at(advisory, "ecosystem");
    f->fixed_version = sco_text_at(item, "closestSafeDependency.versionSpecifier");
    f->file_path = sco_text_at(item, "dependencyFileLocation.path");
    f->line = sco_int_at(item, "dependencyFileLocation.startLine", 0);
    f->end_line = sco_int_at(item, "dependencyFileLocation.endLine", 0);
    if (f->end_line < f->line)
        f->end_line = 0;
}

static void supply_chain_metadata(struct rep_meta *meta, const struct sco_host *h,
                                  const struct sco_node *item, const struct sco_node *advisory)
{
    rep_meta(meta, "owasp", rep_join(h, sco_path(advisory, "references.owaspIds"), "; "));
    rep_meta(meta, "exposure", sco_text_at(item, "exposureType"));
    rep_meta(meta, "reachability", sco_text_at(advisory, "reachability"));
    rep_meta(meta, "reachable_if", sco_text_at(advisory, "reachableIf"));
    rep_meta(meta, "transitivity", sco_text_at(item, "transitivity"));
    rep_meta(meta, "repository", sco_text_at(item, "repositoryName"));
    rep_meta(meta, "triage_status", sco_text_at(item, "triage.status"));
    rep_meta(meta, "dismiss_reason", sco_text_at(item, "triage.dismissReason"));
}

int semgrep_supply_chain(void *user, const struct sco_node *item)
{
    static const char *const fixed[] = {"FIXED", "CLOSED", NULL};
    static const char *const ignored[] = {"DISMISSED", "IGNORED", NULL};
    struct semgrep_parse *p = user;
    const struct sco_host *h = p->s->h;
    const struct sco_node *advisory = sco_get(item, "advisory");
    struct sco_report_finding f = rep_finding(SCO_TYPE_SCA);
    struct rep_meta meta = {.n = 0};
    struct verdict v = {.reason = sco_text_at(item, "triage.dismissReason")};

    f.rule_id = rep_or(sco_text_at(advisory, "ruleId"), sco_text_at(item, "title"));
    if (!f.rule_id.n)
        return REP_UNUSABLE;
    f.ids = sco_texts(h, sco_path(advisory, "references.cveIds"));
    f.cwes = sco_texts(h, sco_path(advisory, "references.cweIds"));
    f.references = sco_texts(h, sco_path(advisory, "references.urls"));
    f.title = rep_or(sco_text_at(item, "title"), sco_text_at(advisory, "title"));
    f.description = sco_text_at(advisory, "description");
    f.severity_text = sco_text_at(advisory, "severity");
    f.severity = semgrep_severity(f.severity_text);
    fill_package(&f, item, advisory);
    if (f.fixed_version.n)
        f.remediation = sco_fmt(h, "Update %.*s to %.*s.", SCO_STR_ARG(f.package_name),
                                SCO_STR_ARG(f.fixed_version));
    v.fixed = is_any(sco_text_at(item, "triage.status"), fixed);
    v.ignored = is_any(sco_text_at(item, "triage.status"), ignored);
    apply(&f, &v, h);
    supply_chain_metadata(&meta, h, item, advisory);
    rep_meta_set(&meta, &f);
    return rep_emit(&p->doc, &f);
}

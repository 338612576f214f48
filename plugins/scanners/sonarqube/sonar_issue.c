/* Issues and hotspots to findings. */
#include "sonar_priv.h"

struct draft {
    struct sco_report_finding f;
    struct rep_meta meta;
    struct sco_str references[SONAR_REFERENCES_MAX + 1], ids[8], cwes[SONAR_CWES_MAX + 4];
    struct sco_suppression waiver;
};

/* ---- values -----------------------------------------------------------------------------------
 */

static uint32_t severity_of(struct sco_str word)
{
    static const struct {
        const char *word;
        uint32_t severity;
    } words[] = {{"BLOCKER", SCO_SEV_CRITICAL}, {"CRITICAL", SCO_SEV_HIGH}, {"HIGH", SCO_SEV_HIGH},
                 {"MAJOR", SCO_SEV_MEDIUM},     {"MEDIUM", SCO_SEV_MEDIUM}, {"MINOR", SCO_SEV_LOW},
                 {"LOW", SCO_SEV_LOW},          {"INFO", SCO_SEV_INFO}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (sco_str_is_nocase(word, words[i].word))
            return words[i].severity;
    return SCO_SEV_UNKNOWN;
}

static void set_severity(struct draft *d, struct sco_str word)
{
    d->f.severity = severity_of(word);
    if (d->f.severity == SCO_SEV_UNKNOWN)
        d->f.severity_text = word;
    rep_meta(&d->meta, "severity", word);
}

/* The impact on security, where there is one, is what this engine is about. */
static struct sco_str security_impact(const struct sco_node *issue)
{
    SCO_EACH (i, sco_get(issue, "impacts")) {
        if (sco_str_is(sco_text(sco_get(i, "softwareQuality")), "SECURITY"))
            return sco_text(sco_get(i, "severity"));
    }
    return sco_str_make(NULL, 0);
}

static struct sco_str severity_word(const struct sco_node *issue)
{
    struct sco_str word = security_impact(issue);
    if (!word.n)
        word = sco_text(sco_get(issue, "severity"));
    if (!word.n)
        word = sco_text(sco_get(sco_first(sco_get(issue, "impacts")), "severity"));
    return word;
}

static uint32_t type_of(const struct sco_node *issue, struct sco_str rule)
{
    struct sco_str type = sco_text(sco_get(issue, "type"));
    if (sco_str_starts(rule, "secrets:"))
        return SCO_TYPE_SECRET;
    if (sco_str_starts(type, "VULNERABILITY") || sco_str_starts(type, "SECURITY") ||
        security_impact(issue).n)
        return SCO_TYPE_SAST;
    return type.n || sco_get(issue, "impacts") ? SCO_TYPE_QUALITY : SCO_TYPE_SAST;
}

/* "project:src/a.c" without the project, and without a module before it. A project alone is no
 * file. */
static struct sco_str path_of(struct sco_str component, struct sco_str project)
{
    if (project.n && sco_str_eq(component, project))
        return sco_str_make(NULL, 0);
    if (project.n && component.n > project.n && component.p[project.n] == ':' &&
        memcmp(component.p, project.p, project.n) == 0)
        component = sco_str_make(component.p + project.n + 1, component.n - project.n - 1);
    const char *colon = component.n ? memrchr(component.p, ':', component.n) : NULL;
    if (!colon)
        return component;
    return sco_str_make(colon + 1, component.n - (size_t)(colon + 1 - component.p));
}

static int64_t positive(int64_t v)
{
    return v > 0 && v <= INT32_MAX ? v : 0;
}

static void set_place(struct draft *d, const struct sco_node *issue)
{
    struct sco_str component = sco_text(sco_get(issue, "component"));
    const struct sco_node *range = sco_get(issue, "textRange");
    d->f.file_path = path_of(component, sco_text(sco_get(issue, "project")));
    if (!d->f.file_path.n)
        d->f.resource = component;
    d->f.line = positive(sco_int(sco_get(issue, "line"), 0));
    if (!d->f.line)
        d->f.line = positive(sco_int_at(range, "startLine", 0));
    if (!d->f.line)
        return;
    d->f.end_line = positive(sco_int_at(range, "endLine", 0));
    int64_t from = sco_int_at(range, "startOffset", -1), to = sco_int_at(range, "endOffset", -1);
    d->f.column = from >= 0 ? positive(from + 1) : 0;
    d->f.end_column = to >= 0 ? positive(to + 1) : 0;
}

/* ---- libraries --------------------------------------------------------------------------------
 * The plugin for Dependency-Check writes what it found into the message:
 * "Filename: lib:1.2 | Reference: CVE-2024-1 | CVSS Score: 6.4 | Category: CWE-120 | text". */

static struct sco_str message_field(struct sco_str message, const char *label)
{
    size_t n = strlen(label);
    while (message.n) {
        const char *bar = memmem(message.p, message.n, " | ", 3);
        size_t len = bar ? (size_t)(bar - message.p) : message.n;
        if (len > n && memcmp(message.p, label, n) == 0)
            return sco_str_make(message.p + n, len - n);
        len += bar ? 3 : 0;
        message = sco_str_make(message.p + len, message.n - len);
    }
    return sco_str_make(NULL, 0);
}

static int is_library(struct sco_str message)
{
    return sco_str_starts(message, "Filename: ") &&
           (message_field(message, "Reference: ").n || message_field(message, "References: ").n);
}

static size_t find_ids(struct sco_str text, struct sco_str *out, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n && n < max;) {
        struct sco_str rest = sco_str_make(text.p + i, text.n - i);
        size_t k = 0;
        if (sco_str_starts(rest, "CVE-") || sco_str_starts(rest, "GHSA-"))
            while (k < rest.n && !strchr(" ,()|\"'", rest.p[k]))
                k++;
        if (k > 6)
            out[n++] = sco_str_make(rest.p, k);
        i += k ? k : 1;
    }
    return n;
}

static void set_library(struct draft *d, struct sco_str message)
{
    struct sco_str name = message_field(message, "Filename: ");
    struct sco_str ids = message_field(message, "Reference: ");
    struct sco_str score = message_field(message, "CVSS Score: ");
    const char *colon = name.n ? memrchr(name.p, ':', name.n) : NULL;
    d->f.type = SCO_TYPE_SCA;
    d->f.package_name = name;
    if (colon && colon + 1 < name.p + name.n) {
        d->f.package_name.n = (size_t)(colon - name.p);
        d->f.package_version = sco_str_make(colon + 1, name.n - (size_t)(colon + 1 - name.p));
    }
    if (!ids.n)
        ids = message_field(message, "References: ");
    if (!score.n)
        score = message_field(message, "Highest CVSS Score: ");
    struct sco_node number = {.type = SCO_NODE_STR, .text = score};
    double value = sco_real(&number, 0);
    d->f.cvss_score = value > 0 && value <= 10 ? value : 0;
    d->f.ids.v = d->ids;
    d->f.ids.n = find_ids(ids, d->ids, 8);
}

/* ---- rules ------------------------------------------------------------------------------------
 */

static void set_rule(struct draft *d, const struct sonar_rule *rule, struct sco_str link)
{
    size_t n = 0;
    if (link.n)
        d->references[n++] = link;
    if (rule) {
        d->f.description = rule->description;
        if (!d->f.remediation.n)
            d->f.remediation = rule->remediation;
        for (size_t i = 0; i < rule->n_references; i++)
            d->references[n++] = rule->references[i];
        for (size_t i = 0; i < rule->n_cwes; i++)
            d->cwes[d->f.cwes.n++] = rule->cwes[i];
        if (!sco_str_eq(rule->name, d->f.title))
            rep_meta(&d->meta, "rule_name", rule->name);
    }
    d->f.references.v = d->references;
    d->f.references.n = n;
    d->f.cwes.v = d->cwes;
}

/* "Category: CWE-120" of a library, "cwe-937" among the tags. */
static void set_own_cwes(struct draft *d, const struct sco_node *issue, struct sco_str message)
{
    struct sco_str category = message_field(message, "Category: ");
    if (sco_str_starts(category, "CWE-"))
        d->cwes[d->f.cwes.n++] = category;
    SCO_EACH (tag, sco_get(issue, "tags")) {
        struct sco_str t = sco_text(tag);
        if (!category.n && d->f.cwes.n < SONAR_CWES_MAX && t.n > 4 && sco_str_starts(t, "cwe-"))
            d->cwes[d->f.cwes.n++] = sco_str_make(t.p + 4, t.n - 4);
    }
    d->f.cwes.v = d->cwes;
}

static struct sco_str link_to(const struct sonar *s, const char *page, const char *parameter,
                              const struct sco_node *issue)
{
    struct sco_str key = sco_text(sco_get(issue, "key"));
    struct sco_str project = sco_text(sco_get(issue, "project"));
    if (!s->live || !s->url.n || !key.n || !project.n)
        return sco_str_make(NULL, 0);
    return sco_fmt(s->h, "%.*s/%s?id=%s&%s=%s", SCO_STR_ARG(web_base(s->url)), page,
                   web_encode(s->h, project), parameter, web_encode(s->h, key));
}

/* A server follows an issue under its key, but each branch and pull request has keys of its own:
 * there, and in saved files, the hash of the line identifies. */
static struct sco_str identity_of(const struct sonar *s, const struct sco_node *issue)
{
    struct sco_str key = sco_text(sco_get(issue, "key")), hash = sco_text(sco_get(issue, "hash"));
    int own_keys = s->live && !s->branch.n && !s->pull_request.n;
    return own_keys || !hash.n ? key : hash;
}

/* ---- state ------------------------------------------------------------------------------------
 */

static int is_one_of(struct sco_str s, const char *const *words)
{
    for (; *words; words++)
        if (sco_str_is_nocase(s, *words))
            return 1;
    return 0;
}

/* 1: the issue is over and left out. */
static int judge_state(struct sonar *s, struct draft *d, const struct sco_node *issue)
{
    static const char *const wrong[] = {"FALSE-POSITIVE", "FALSE_POSITIVE", NULL};
    static const char *const accepted[] = {"WONTFIX", "ACCEPTED", NULL};
    static const char *const over[] = {"RESOLVED", "CLOSED", "FIXED", "REMOVED", "SAFE", NULL};
    struct sco_str status = sco_text(sco_get(issue, "issueStatus"));
    struct sco_str old = sco_text(sco_get(issue, "status"));
    struct sco_str resolution = sco_text(sco_get(issue, "resolution"));
    rep_meta(&d->meta, "status", status.n ? status : old);
    rep_meta(&d->meta, "resolution", resolution);
    int ended = 1;
    if (is_one_of(status, wrong) || is_one_of(resolution, wrong)) {
        d->f.flags |= SCO_FINDING_FALSE_POSITIVE;
    } else if (is_one_of(status, accepted) || is_one_of(resolution, accepted)) {
        d->waiver.kind = SCO_SUPPRESS_WAIVER;
        d->waiver.reason = SCO_STR("accepted in SonarQube");
        d->f.suppressions = &d->waiver;
        d->f.n_suppressions = 1;
    } else if (is_one_of(status, over) || is_one_of(old, over) || is_one_of(resolution, over)) {
        d->f.flags |= SCO_FINDING_RESOLVED;
    } else {
        ended = 0;
    }
    s->n_resolved += ended && !s->resolved;
    return ended && !s->resolved;
}

void sonar_tell_left_out(struct sonar *s)
{
    if (s->n_resolved)
        s->h->log(s->h, SCO_LOG_INFO,
                  sco_fmt(s->h,
                          "%llu issues that are resolved, accepted or false positives were "
                          "left out",
                          (unsigned long long)s->n_resolved));
    s->n_resolved = 0;
}

/* ---- reporting --------------------------------------------------------------------------------
 */

int sonar_issue(struct sonar *s, struct rep_doc *doc, const struct sco_node *issue)
{
    struct draft d = {.f = rep_finding(SCO_TYPE_SAST)};
    struct sco_str message = sco_text(sco_get(issue, "message"));
    d.f.rule_id = sco_text(sco_get(issue, "rule"));
    if (!d.f.rule_id.n)
        return REP_UNUSABLE;
    if (sco_bool(sco_get(issue, "fromHotspot"), 0)) { /* it is among the hotspots */
        s->n_from_hotspot++;
        return 0;
    }
    if (judge_state(s, &d, issue))
        return 0;
    const struct sonar_rule *rule = sonar_rule_find(s, d.f.rule_id);
    d.f.type = type_of(issue, d.f.rule_id);
    d.f.title = message.n ? message : rule ? rule->name : d.f.rule_id;
    set_rule(&d, rule, link_to(s, "project/issues", "open", issue));
    set_own_cwes(&d, issue, message);
    if (is_library(message))
        set_library(&d, message);
    set_place(&d, issue);
    set_severity(&d, severity_word(issue));
    d.f.stable_id = identity_of(s, issue);
    rep_meta(&d.meta, "key", sco_text(sco_get(issue, "key")));
    rep_meta(&d.meta, "type", sco_text(sco_get(issue, "type")));
    rep_meta(&d.meta, "tags", rep_join(s->h, sco_get(issue, "tags"), ", "));
    rep_meta(&d.meta, "clean_code_attribute", sco_text(sco_get(issue, "cleanCodeAttribute")));
    rep_meta_set(&d.meta, &d.f);
    return rep_emit(doc, &d.f);
}

int sonar_hotspot(struct sonar *s, struct rep_doc *doc, const struct sco_node *hotspot)
{
    struct draft d = {.f = rep_finding(SCO_TYPE_SAST)};
    struct sco_str message = sco_text(sco_get(hotspot, "message"));
    struct sco_str category = sco_text(sco_get(hotspot, "securityCategory"));
    d.f.rule_id = sco_text(sco_get(hotspot, "ruleKey"));
    if (!d.f.rule_id.n)
        d.f.rule_id = sco_text_at(hotspot, "rule.key");
    const struct sonar_rule *rule = sonar_rule_find(s, d.f.rule_id);
    if (!rule) /* before 9.2 the list has no rule: it is known by the hotspot's key */
        rule = sonar_rule_find(s, sco_text(sco_get(hotspot, "key")));
    if (!d.f.rule_id.n)
        d.f.rule_id = rule && rule->name.n ? rule->name : category;
    if (!d.f.rule_id.n)
        return REP_UNUSABLE;
    if (judge_state(s, &d, hotspot)) /* ACKNOWLEDGED is still there */
        return 0;
    d.f.title = message.n ? message : rule ? rule->name : d.f.rule_id;
    set_rule(&d, rule, link_to(s, "security_hotspots", "hotspots", hotspot));
    set_place(&d, hotspot);
    set_severity(&d, sco_text(sco_get(hotspot, "vulnerabilityProbability")));
    d.f.stable_id = identity_of(s, hotspot);
    rep_meta(&d.meta, "key", sco_text(sco_get(hotspot, "key")));
    rep_meta(&d.meta, "type", SCO_STR("SECURITY_HOTSPOT"));
    rep_meta(&d.meta, "category", category);
    rep_meta_set(&d.meta, &d.f);
    return rep_emit(doc, &d.f);
}

int sonar_row(struct sonar *s, struct rep_doc *doc, const struct sonar_row *row)
{
    struct draft d = {.f = rep_finding(SCO_TYPE_SAST)};
    struct sco_node line = {.type = SCO_NODE_STR, .text = row->line};
    const struct sonar_rule *rule = sonar_rule_find(s, row->rule);
    d.f.rule_id = row->rule;
    if (!d.f.rule_id.n)
        return REP_UNUSABLE;
    d.f.title = row->description.n ? row->description : row->message;
    d.f.remediation = row->message;
    set_rule(&d, rule, sco_str_make(NULL, 0));
    if (!d.f.description.n && !sco_str_eq(row->message, d.f.title))
        d.f.description = row->message;
    if (is_library(row->message))
        set_library(&d, row->message);
    d.f.file_path = path_of(row->component, sco_str_make(NULL, 0));
    d.f.line = positive(sco_int(&line, 0));
    set_severity(&d, row->severity);
    if (!d.f.line)
        d.f.stable_id = row->key;
    rep_meta(&d.meta, "key", row->key);
    rep_meta_set(&d.meta, &d.f);
    return rep_emit(doc, &d.f);
}

/* One vulnerability of a dependency to a finding. The report has the CVSS components but, before
 * version 4 of CVSS, no vector: it is put together again. */
#include "../../common/cvss.h"
#include "dc_priv.h"

static uint32_t severity_of(struct sco_str word)
{
    static const struct {
        const char *word;
        uint32_t severity;
    } words[] = {
        {"critical", SCO_SEV_CRITICAL},  {"high", SCO_SEV_HIGH}, {"medium", SCO_SEV_MEDIUM},
        {"moderate", SCO_SEV_MEDIUM},    {"low", SCO_SEV_LOW},   {"info", SCO_SEV_INFO},
        {"informational", SCO_SEV_INFO}, {"none", SCO_SEV_INFO}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (sco_str_is_nocase(word, words[i].word))
            return words[i].severity;
    return SCO_SEV_UNKNOWN;
}

/* ---- CVSS -------------------------------------------------------------------------------------
 */

/* A number as it stands in the report; XML keeps it in the element's text. */
static double number(const struct sco_node *node, const char *name)
{
    const struct sco_node *v = sco_get(node, name);
    if (sco_is(v, SCO_NODE_MAP))
        v = sco_get(v, "#text");
    double x = sco_real(v, 0);
    return x > 0 && x <= 10 ? x : 0;
}

static struct sco_str first_of(const struct sco_node *node, const char *const names[3])
{
    struct sco_str s = {0};
    for (int i = 0; i < 3 && names[i] && !s.n; i++)
        s = dc_text(node, names[i]);
    return s;
}

static const struct sco_node *either(const struct sco_node *v, const char *json, const char *xml)
{
    const struct sco_node *n = sco_get(v, json);
    return n ? n : sco_get(v, xml);
}

static void set_v3(const struct sco_host *h, const struct sco_node *v3,
                   struct sco_report_finding *f)
{
    static const char *const names[CVSS3_METRICS] = {
        "attackVector", "attackComplexity",      "privilegesRequired", "userInteraction",
        "scope",        "confidentialityImpact", "integrityImpact",    "availabilityImpact"};
    struct sco_str words[CVSS3_METRICS];
    for (int i = 0; i < CVSS3_METRICS; i++)
        words[i] = dc_text(v3, names[i]);
    f->cvss_vector = dc_text(v3, "vectorString");
    if (!f->cvss_vector.n)
        f->cvss_vector = cvss3_vector(h, dc_text(v3, "version"), words);
    f->cvss_score = number(v3, "baseScore");
}

/* Version 2 in its three spellings: XML since 2.0, JSON, and the flat members of old XML. */
static void set_v2(const struct sco_host *h, const struct sco_node *v2,
                   struct sco_report_finding *f)
{
    static const char *const names[CVSS2_METRICS][3] = {
        {"accessVector", "cvssAccessVector", NULL},
        {"accessComplexity", "cvssAccessComplexity", NULL},
        {"authenticationr", "authentication", "cvssAuthenticationr"},
        {"confidentialImpact", "confidentialityImpact", "cvssConfidentialImpact"},
        {"integrityImpact", "cvssIntegrityImpact", NULL},
        {"availabilityImpact", "cvssAvailabilityImpact", NULL}};
    struct sco_str words[CVSS2_METRICS];
    for (int i = 0; i < CVSS2_METRICS; i++)
        words[i] = first_of(v2, names[i]);
    f->cvss_vector = cvss2_vector(h, words);
    f->cvss_score = number(v2, "score");
    if (f->cvss_score <= 0)
        f->cvss_score = number(v2, "cvssScore");
}

static void set_cvss(const struct sco_host *h, const struct sco_node *v,
                     struct sco_report_finding *f)
{
    const struct sco_node *v4 = either(v, "cvssv4", "cvssV4"), *v3 = either(v, "cvssv3", "cvssV3");
    const struct sco_node *v2 = either(v, "cvssv2", "cvssV2");
    if (v3)
        set_v3(h, v3, f);
    if (!f->cvss_vector.n && f->cvss_score <= 0 && v4) {
        f->cvss_vector = dc_text(v4, "vectorString");
        f->cvss_score = number(v4, "baseScore");
    }
    if (!f->cvss_vector.n && f->cvss_score <= 0)
        set_v2(h, v2 ? v2 : v, f);
}

/* ---- lists ------------------------------------------------------------------------------------
 */

static struct sco_str_list list_of(struct sco_str *v, size_t n)
{
    struct sco_str_list l = {n ? v : NULL, n};
    return l;
}

static void set_references(const struct sco_host *h, const struct sco_node *v,
                           struct sco_report_finding *f)
{
    const struct sco_node *items[DC_REFERENCES_MAX];
    size_t n = 0, k = 0;
    if (sco_get(v, "references"))
        n = dc_items(v, "references", "reference", items, DC_REFERENCES_MAX);
    struct sco_str *urls = n ? h->tmp(h, n * sizeof *urls) : NULL;
    for (size_t i = 0; urls && i < n; i++) {
        struct sco_str url = dc_text(items[i], "url");
        if (sco_str_starts(url, "http"))
            urls[k++] = url;
    }
    f->references = list_of(urls, k);
}

static void set_cwes(const struct sco_host *h, const struct sco_node *v,
                     struct sco_report_finding *f)
{
    const struct sco_node *items[DC_CWES_MAX];
    size_t n = dc_items(v, "cwes", "cwe", items, DC_CWES_MAX), k = 0;
    struct sco_str *cwes = n ? h->tmp(h, n * sizeof *cwes) : NULL;
    for (size_t i = 0; cwes && i < n; i++) {
        struct sco_str s = dc_self(items[i]);
        if (sco_str_starts(s, "CWE-")) /* else "NVD-CWE-noinfo" and the like */
            cwes[k++] = s;
    }
    f->cwes = list_of(cwes, k);
}

/* The version that the matched range ends before. */
static struct sco_str fixed_version(const struct sco_node *v)
{
    const struct sco_node *items[DC_REFERENCES_MAX];
    size_t n = 0;
    if (sco_get(v, "vulnerableSoftware"))
        n = dc_items(v, "vulnerableSoftware", "software", items, DC_REFERENCES_MAX);
    for (size_t i = 0; i < n; i++) {
        const struct sco_node *s = sco_get(items[i], "software"); /* JSON wraps it once more */
        if (!s)
            s = items[i];
        static const char *const marks[] = {"vulnerabilityIdMatched", "@vulnerabilityIdMatched",
                                            "@matched"};
        int matched = 0;
        for (size_t k = 0; k < 3; k++)
            matched |= sco_bool(sco_get(s, marks[k]), 0);
        struct sco_str end = dc_text(s, "versionEndExcluding");
        if (!end.n)
            end = sco_text(sco_get(s, "@versionEndExcluding"));
        if (matched && end.n)
            return end;
    }
    return sco_str_make(NULL, 0);
}

/* "CVE-2020-1", "GHSA-...": upper case, a hyphen, no space. Names such as "1500" or a sentence are
 * only rules. */
static int is_id(struct sco_str s)
{
    size_t i = 0;
    while (i < s.n && s.p[i] >= 'A' && s.p[i] <= 'Z')
        i++;
    return i > 1 && i < s.n && s.p[i] == '-' && !memchr(s.p, ' ', s.n) && !memchr(s.p, ':', s.n) &&
           !sco_str_starts(s, "CWE-");
}

/* ---- reporting --------------------------------------------------------------------------------
 */

static void set_component(const struct component *c, struct sco_report_finding *f)
{
    f->package_name = c->name;
    f->package_version = c->version;
    f->ecosystem = c->ecosystem;
    f->purl = c->purl;
    f->file_path = c->file_path;
    f->locations = c->related;
    f->n_locations = c->n_related;
}

static void set_severity(const struct sco_node *v, struct sco_report_finding *f)
{
    struct sco_str word = dc_text(v, "severity");
    const struct sco_node *v3 = either(v, "cvssv3", "cvssV3"), *v2 = either(v, "cvssv2", "cvssV2");
    if (!word.n)
        word = dc_text(v3, "baseSeverity");
    if (!word.n)
        word = dc_text(v2, "severity");
    f->severity = severity_of(word);
    if (f->severity == SCO_SEV_UNKNOWN)
        f->severity_text = word;
}

static void set_meta(const struct component *c, const struct sco_node *v, struct rep_meta *m)
{
    struct sco_str source = dc_text(v, "source");
    if (!source.n)
        source = sco_text(sco_get(v, "@source"));
    struct sco_str unscored = dc_text(v, "unscored");
    if (!unscored.n)
        unscored = sco_text(sco_path(v, "severity.@unscored"));
    rep_meta(m, "source", source);
    rep_meta(m, "unscored", unscored);
    rep_meta(m, "file_name", c->file_name);
    rep_meta(m, "cpe", c->cpe);
    rep_meta(m, "sha1", dc_text(c->node, "sha1"));
    rep_meta(m, "sha256", dc_text(c->node, "sha256"));
    const struct sco_node *refs[1];
    if (sco_get(c->node, "projectReferences") &&
        dc_items(c->node, "projectReferences", "projectReference", refs, 1))
        rep_meta(m, "project", dc_self(refs[0]));
}

int dc_vulnerability(struct rep_doc *doc, const struct component *c, const struct sco_node *v,
                     int suppressed)
{
    const struct sco_host *h = doc->h;
    struct sco_report_finding f = rep_finding(SCO_TYPE_SCA);
    struct rep_meta m = {.n = 0};
    struct sco_suppression waiver = {.kind = SCO_SUPPRESS_WAIVER};
    struct sco_str id_slot;
    f.rule_id = dc_text(v, "name");
    if (!f.rule_id.n)
        return REP_UNUSABLE;
    set_component(c, &f);
    f.title = sco_fmt(h, "%.*s in %.*s%s%.*s", SCO_STR_ARG(f.rule_id), SCO_STR_ARG(c->name),
                      c->version.n ? " " : "", SCO_STR_ARG(c->version));
    f.description = dc_text(v, "description");
    f.fixed_version = fixed_version(v);
    if (is_id(f.rule_id))
        f.ids = sco_one(&id_slot, f.rule_id);
    set_severity(v, &f);
    set_cvss(h, v, &f);
    set_cwes(h, v, &f);
    set_references(h, v, &f);
    if (sco_get(v, "knownExploitedVulnerability"))
        f.flags |= SCO_FINDING_KEV;
    if (suppressed) {
        waiver.reason = dc_text(v, "notes");
        f.suppressions = &waiver;
        f.n_suppressions = 1;
    } else {
        rep_meta(&m, "notes", dc_text(v, "notes"));
    }
    set_meta(c, v, &m);
    rep_meta_set(&m, &f);
    return rep_emit(doc, &f);
}

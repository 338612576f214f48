/* What kind of finding a rule speaks of, and how bad: by the tool's name, the rule's id and tags.
 * SARIF has no field for either. Facts: docs/severity.md and the README of this plugin. */
#include "sarif_priv.h"

static const struct {
    const char *name; /* in lower case, contained in tool.driver.name */
    uint32_t type, flags;
} tools[] = {
    {"flawfinder", SCO_TYPE_SAST, TOOL_FLAWFINDER},
    {"dependency-check", SCO_TYPE_SCA, TOOL_ODC},
    {"trivy", SCO_TYPE_SCA, TOOL_MIXED},
    {"gitleaks", SCO_TYPE_SECRET, 0},
    {"betterleaks", SCO_TYPE_SECRET, 0},
    {"trufflehog", SCO_TYPE_SECRET, 0},
    {"secretlint", SCO_TYPE_SECRET, 0},
    {"detect-secrets", SCO_TYPE_SECRET, 0},
    {"ggshield", SCO_TYPE_SECRET, 0},
    {"gitguardian", SCO_TYPE_SECRET, 0},
    {"kingfisher", SCO_TYPE_SECRET, 0},
    {"noseyparker", SCO_TYPE_SECRET, 0},
    {"nosey parker", SCO_TYPE_SECRET, 0},
    {"whispers", SCO_TYPE_SECRET, 0},
    {"talisman", SCO_TYPE_SECRET, 0},
    {"credscan", SCO_TYPE_SECRET, 0},
    {"credential scanner", SCO_TYPE_SECRET, 0},
    {"grype", SCO_TYPE_SCA, 0},
    {"osv-scanner", SCO_TYPE_SCA, 0},
    {"snyk open source", SCO_TYPE_SCA, 0},
    {"snyk container", SCO_TYPE_SCA, 0},
    {"snyk iac", SCO_TYPE_IAC, 0},
    {"npm audit", SCO_TYPE_SCA, 0},
    {"npm-audit", SCO_TYPE_SCA, 0},
    {"pip-audit", SCO_TYPE_SCA, 0},
    {"cargo-audit", SCO_TYPE_SCA, 0},
    {"cargo audit", SCO_TYPE_SCA, 0},
    {"govulncheck", SCO_TYPE_SCA, 0},
    {"docker scout", SCO_TYPE_SCA, 0},
    {"dependency-track", SCO_TYPE_SCA, 0},
    {"anchore", SCO_TYPE_SCA, 0},
    {"retire", SCO_TYPE_SCA, 0},
    {"nancy", SCO_TYPE_SCA, 0},
    {"checkov", SCO_TYPE_IAC, TOOL_MIXED},
    {"bridgecrew", SCO_TYPE_IAC, TOOL_MIXED},
    {"kics", SCO_TYPE_IAC, 0},
    {"tfsec", SCO_TYPE_IAC, 0},
    {"terrascan", SCO_TYPE_IAC, 0},
    {"tflint", SCO_TYPE_IAC, 0},
    {"hadolint", SCO_TYPE_IAC, 0},
    {"kubelinter", SCO_TYPE_IAC, 0},
    {"kube-linter", SCO_TYPE_IAC, 0},
    {"kubescape", SCO_TYPE_IAC, 0},
    {"kubesec", SCO_TYPE_IAC, 0},
    {"kube-score", SCO_TYPE_IAC, 0},
    {"polaris", SCO_TYPE_IAC, 0},
    {"cfn-lint", SCO_TYPE_IAC, 0},
    {"cfn-nag", SCO_TYPE_IAC, 0},
    {"cfn_nag", SCO_TYPE_IAC, 0},
    {"conftest", SCO_TYPE_IAC, 0},
    {"template analyzer", SCO_TYPE_IAC, 0},
    {"templateanalyzer", SCO_TYPE_IAC, 0},
    {"actionlint", SCO_TYPE_IAC, 0},
    {"zizmor", SCO_TYPE_IAC, 0},
    {"ansible-lint", SCO_TYPE_IAC, 0},
    {"dockle", SCO_TYPE_IAC, 0},
    {"zed attack", SCO_TYPE_DAST, 0},
    {"owasp zap", SCO_TYPE_DAST, 0},
    {"zap by checkmarx", SCO_TYPE_DAST, 0},
    {"nuclei", SCO_TYPE_DAST, 0},
    {"wapiti", SCO_TYPE_DAST, 0},
    {"nikto", SCO_TYPE_DAST, 0},
    {"burp", SCO_TYPE_DAST, 0},
    {"dastardly", SCO_TYPE_DAST, 0},
};

static uint32_t type_option(struct sco_str word)
{
    static const char *const names[] = {"",       "sast",    "sca",     "dast", "iac",
                                        "secret", "license", "quality", NULL};
    for (uint32_t i = 1; names[i]; i++)
        if (sco_str_is(word, names[i]))
            return i;
    return 0;
}

void classify_tool(struct run *r)
{
    uint32_t wanted = type_option(r->s->type);
    r->tool_type = wanted ? wanted : SCO_TYPE_SAST;
    r->tool_flags = TOOL_UNKNOWN;
    for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++) {
        if (!text_contains(r->tool_name, tools[i].name))
            continue;
        r->tool_flags = tools[i].flags;
        if (!wanted)
            r->tool_type = tools[i].type;
        break;
    }
    if (wanted)
        r->tool_flags &= TOOL_FLAWFINDER | TOOL_ODC;
}

/* ---- ids ------------------------------------------------------------------------------------- */

static size_t word_length(struct sco_str s)
{
    size_t n = 0;
    while (n < s.n && ((s.p[n] >= '0' && s.p[n] <= '9') || (s.p[n] >= 'a' && s.p[n] <= 'z') ||
                       (s.p[n] >= 'A' && s.p[n] <= 'Z')))
        n++;
    return n;
}

/* Length of the id "PREFIX" followed by `groups` groups of letters and digits with "-" between. */
static size_t id_length(struct sco_str s, const char *prefix, int groups)
{
    if (!sco_str_starts(s, prefix))
        return 0;
    size_t n = strlen(prefix);
    for (int g = 0; g < groups; g++) {
        size_t w = word_length(sco_str_make(s.p + n, s.n - n));
        if (!w)
            return 0;
        n += w;
        if (g + 1 < groups) {
            if (n >= s.n || s.p[n] != '-')
                return 0;
            n++;
        }
    }
    return n;
}

/* Vulnerability ids in a text, added to out[n...]; returns the new count. */
uint32_t classify_ids(struct sco_str text, struct sco_str out[SARIF_IDS_MAX], uint32_t n)
{
    static const struct {
        const char *prefix;
        int groups;
    } kinds[] = {{"CVE-", 2},  {"GHSA-", 3}, {"PYSEC-", 2}, {"RUSTSEC-", 2}, {"GO-", 2},
                 {"MAL-", 2},  {"OSV-", 2},  {"DSA-", 2},   {"DLA-", 2},     {"USN-", 2},
                 {"SNYK-", 3}, {"ALAS-", 2}, {"TEMP-", 2},  {"ELSA-", 2},    {"RHSA-", 1}};
    for (size_t i = 0; i < text.n && n < SARIF_IDS_MAX; i++) {
        char c = text.p[i];
        if (c < 'A' || c > 'Z' || (i && word_length(sco_str_make(text.p + i - 1, 1))))
            continue;
        for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
            struct sco_str rest = sco_str_make(text.p + i, text.n - i);
            size_t len = id_length(rest, kinds[k].prefix, kinds[k].groups);
            if (!len)
                continue;
            uint32_t have = 0;
            while (have < n && !sco_str_eq(out[have], sco_str_make(rest.p, len)))
                have++;
            if (have == n)
                out[n++] = sco_str_make(rest.p, len);
            i += len - 1;
            break;
        }
    }
    return n;
}

uint32_t classify_id(const struct run *r, struct sco_str id)
{
    struct sco_str ids[SARIF_IDS_MAX];
    if (!(r->tool_flags & (TOOL_MIXED | TOOL_UNKNOWN)) || type_option(r->s->type))
        return r->tool_type;
    if (sco_str_starts(id, "CKV_SECRET_") || text_contains(id, ".secrets."))
        return SCO_TYPE_SECRET;
    if (sco_str_starts(id, "CKV"))
        return SCO_TYPE_IAC;
    if (classify_ids(id, ids, 0) && ids[0].p == id.p)
        return SCO_TYPE_SCA;
    return r->tool_type;
}

static int has_tag(const struct sco_node *tags, const char *const *words)
{
    SCO_EACH (t, tags) {
        struct sco_str s = sco_text(t);
        for (size_t i = 0; words[i]; i++)
            if (sco_str_is_nocase(s, words[i]))
                return 1;
    }
    return 0;
}

static int has_cwe_tag(const struct sco_node *tags)
{
    SCO_EACH (t, tags) {
        if (text_starts_nocase(sco_text(t), "cwe-") || text_contains(sco_text(t), "/cwe/"))
            return 1;
    }
    return 0;
}

uint32_t classify_rule(const struct run *r, const struct rule *rule, const struct sco_node *tags)
{
    static const char *const secret[] = {"secret", "secrets", NULL};
    static const char *const license[] = {"license", "licence", NULL};
    static const char *const config[] = {"misconfiguration", "iac", NULL};
    static const char *const vulnerable[] = {"vulnerability", "vulnerabilities", NULL};
    static const char *const safe[] = {"security", "vulnerability", NULL};
    static const char *const quality[] = {"maintainability", "reliability", "readability",
                                          "correctness",     "performance", "style",
                                          "useless-code",    "quality",     NULL};
    uint32_t type = classify_id(r, rule->id);
    if (type != r->tool_type || !(r->tool_flags & (TOOL_MIXED | TOOL_UNKNOWN)) ||
        type_option(r->s->type))
        return type;
    if (has_tag(tags, secret))
        return SCO_TYPE_SECRET;
    if (has_tag(tags, license))
        return SCO_TYPE_LICENSE;
    if (has_tag(tags, config))
        return SCO_TYPE_IAC;
    if (has_tag(tags, vulnerable) && rule->package.name.n)
        return SCO_TYPE_SCA;
    if (has_tag(tags, quality) && !has_tag(tags, safe) && !has_cwe_tag(tags) && rule->score < 0)
        return SCO_TYPE_QUALITY;
    return type;
}

/* ---- severity -------------------------------------------------------------------------------- */

uint32_t classify_score(double score)
{
    if (score >= 9)
        return SCO_SEV_CRITICAL;
    if (score >= 7)
        return SCO_SEV_HIGH;
    if (score >= 4)
        return SCO_SEV_MEDIUM;
    return score > 0 ? SCO_SEV_LOW : SCO_SEV_INFO;
}

uint32_t classify_word(struct sco_str word)
{
    static const struct {
        const char *word;
        uint32_t severity;
    } words[] = {
        {"critical", SCO_SEV_CRITICAL},  {"high", SCO_SEV_HIGH},       {"medium", SCO_SEV_MEDIUM},
        {"moderate", SCO_SEV_MEDIUM},    {"low", SCO_SEV_LOW},         {"info", SCO_SEV_INFO},
        {"informational", SCO_SEV_INFO}, {"negligible", SCO_SEV_INFO}, {"none", SCO_SEV_INFO}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (sco_str_is_nocase(word, words[i].word))
            return words[i].severity;
    return SCO_SEV_UNKNOWN;
}

uint32_t classify_level(struct sco_str level)
{
    if (sco_str_is_nocase(level, "error"))
        return SCO_SEV_HIGH;
    if (sco_str_is_nocase(level, "warning") || !level.n)
        return SCO_SEV_MEDIUM;
    if (sco_str_is_nocase(level, "note") || sco_str_is_nocase(level, "none"))
        return SCO_SEV_INFO;
    return SCO_SEV_UNKNOWN;
}

/* ---- packages -------------------------------------------------------------------------------- */

static struct sco_str between(struct sco_str text, const char *before, const char *after)
{
    size_t nb = strlen(before), na = strlen(after);
    const char *a = text.n >= nb ? memmem(text.p, text.n, before, nb) : NULL;
    if (!a)
        return sco_str_make(NULL, 0);
    a += nb;
    size_t left = text.n - (size_t)(a - text.p);
    const char *b = left >= na ? memmem(a, left, after, na) : NULL;
    return b ? text_trim(sco_str_make(a, (size_t)(b - a))) : sco_str_make(NULL, 0);
}

static void fill(struct sco_str *slot, struct sco_str value)
{
    if (!slot->n && value.n && value.n < 512)
        *slot = value;
}

static struct sco_str ecosystem_of(struct sco_str type)
{
    static const char *const map[][2] = {
        {"java-archive", "maven"},
        {"go-module", "golang"},
        {"python", "pypi"},
        {"gem", "gem"},
        {"rust-crate", "cargo"},
        {"php-composer", "composer"},
        {"dotnet", "nuget"},
        {"npm", "npm"},
        {"deb", "deb"},
        {"rpm", "rpm"},
        {"apk", "apk"},
    };
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++)
        if (sco_str_is_nocase(type, map[i][0]))
            return sco_str_c(map[i][1]);
    return type;
}

/* Trivy and Grype write the package as lines of text, newer Grype and OSV-Scanner in a sentence. */
void classify_package(struct package *p, struct sco_str message, struct sco_str help)
{
    const struct sco_str texts[] = {message, help};
    for (size_t i = 0; i < 2; i++) {
        struct sco_str t = texts[i];
        fill(&p->name, text_line_value(t, "Package:"));
        fill(&p->version, text_line_value(t, "Installed Version:"));
        fill(&p->version, text_line_value(t, "Version:"));
        fill(&p->fixed, text_line_value(t, "Fixed Version:"));
        fill(&p->fixed, text_line_value(t, "Fix Version:"));
        fill(&p->ecosystem, ecosystem_of(text_line_value(t, "Type:")));
    }
    if (p->name.n)
        return;
    fill(&p->name, between(message, " package: ", ", version "));
    if (p->name.n) {
        fill(&p->version, between(message, ", version ", " was found"));
        fill(&p->ecosystem, ecosystem_of(between(message, "vulnerability in ", " package: ")));
        return;
    }
    struct sco_str both = between(message, "ackage '", "'");
    const char *at = both.n > 1 ? memrchr(both.p + 1, '@', both.n - 1) : NULL;
    if (at) {
        fill(&p->name, sco_str_make(both.p, (size_t)(at - both.p)));
        fill(&p->version, sco_str_make(at + 1, (size_t)(both.p + both.n - at - 1)));
        return;
    }
    fill(&p->name, between(message, " reports ", " at version "));
    if (p->name.n)
        fill(&p->version, between(message, " at version ", " which would"));
}

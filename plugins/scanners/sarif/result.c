/* One result to its findings: one for each location, since each is a place of its own to fix. */
#include "../../common/cvss.h"
#include "sarif_priv.h"

enum { META_MAX = 16, SUPPRESSIONS_MAX = 16, FINGERPRINTS_MAX = 16 };

/* What a finding points to while it is built. */
struct draft {
    struct sco_report_finding f;
    const struct sco_node *result, *properties;
    const struct rule *rule;
    struct place place;
    struct package package;
    struct sco_pair meta[META_MAX];
    struct sco_suppression suppressions[SUPPRESSIONS_MAX];
    struct sco_str ids[SARIF_IDS_MAX], reference;
};

static void meta(struct draft *d, const char *key, struct sco_str value)
{
    if (!value.n || d->f.n_metadata == META_MAX)
        return;
    d->meta[d->f.n_metadata].key = sco_str_c(key);
    d->meta[d->f.n_metadata++].value = value;
}

/* ---- identity -------------------------------------------------------------------------------- */

/* Who committed a line, and when, does not identify a finding. */
static int is_history(struct sco_str key)
{
    static const char *const names[] = {"commitSha", "email", "author", "date", "commitMessage"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (sco_str_is_nocase(key, names[i]))
            return 1;
    return 0;
}

/* Splits "contextHash/v2" into its name and 2; no version is 0. */
static struct sco_str versioned(struct sco_str key, int64_t *ret_version)
{
    *ret_version = 0;
    for (size_t i = key.n; i > 1; i--) {
        char c = key.p[i - 1];
        if (c >= '0' && c <= '9')
            continue;
        if (c != 'v' || key.p[i - 2] != '/' || i == key.n || key.n - i > 6)
            break;
        for (size_t k = i; k < key.n; k++)
            *ret_version = *ret_version * 10 + (key.p[k] - '0');
        return sco_str_make(key.p, i - 2);
    }
    return key;
}

struct print {
    struct sco_str name, value;
    int64_t version;
};

static size_t collect(const struct sco_node *map, struct print v[FINGERPRINTS_MAX])
{
    size_t n = 0;
    for (const struct sco_node *c = sco_is(map, SCO_NODE_MAP) ? map->child : NULL; c; c = c->next) {
        struct print p = {.value = sco_text(c)};
        p.name = versioned(c->key, &p.version);
        if (c->type == SCO_NODE_MAP) /* nested once by some producers */
            p.value = sco_text(sco_get(c, "value"));
        /* Semgrep without a login writes a text in its place */
        if (!p.value.n || is_history(p.name) || sco_str_is(p.value, "requires login"))
            continue;
        size_t at = 0;
        while (at < n && !sco_str_eq(v[at].name, p.name))
            at++;
        if (at == n && n == FINGERPRINTS_MAX)
            continue;
        if (at == n)
            n++;
        else if (v[at].version >= p.version)
            continue;
        v[at] = p;
    }
    return n;
}

static int name_less(struct sco_str a, struct sco_str b)
{
    int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return c < 0 || (c == 0 && a.n < b.n);
}

static struct sco_str identity(const struct sco_host *h, const struct sco_node *result)
{
    struct print v[FINGERPRINTS_MAX];
    size_t n = collect(sco_get(result, "fingerprints"), v);
    if (!n)
        n = collect(sco_get(result, "partialFingerprints"), v);
    for (size_t i = 0; i < n; i++) /* made to be stable; the others beside it are not */
        if (sco_str_is(v[i].name, "primaryLocationLineHash"))
            return v[i].value;
    if (n < 2)
        return n ? v[0].value : sco_str_make(NULL, 0);
    struct sco_str out = {0};
    for (size_t done = 0; done < n; done++) { /* in the order of their names */
        size_t least = done;
        for (size_t i = done + 1; i < n; i++)
            if (name_less(v[i].name, v[least].name))
                least = i;
        struct print p = v[least];
        v[least] = v[done];
        out = text_join(h, out, "|", text_join(h, p.name, ":", p.value));
    }
    return out;
}

/* A fingerprint speaks for the whole result: its second and later places get a number. */
static struct sco_str identity_at(const struct sco_host *h, const struct sco_node *result,
                                  size_t ordinal)
{
    struct sco_str id = identity(h, result);
    if (!id.n || ordinal == 0)
        return id;
    return text_join(h, id, "#", sco_fmt(h, "%zu", ordinal + 1));
}

/* ---- severity -------------------------------------------------------------------------------- */

static void odc_severity(const struct sco_host *h, struct draft *d)
{
    static const char *const v3[] = {"cvssv3_attackVector",
                                     "cvssv3_attackComplexity",
                                     "cvssv3_privilegesRequired",
                                     "cvssv3_userInteraction",
                                     "cvssv3_scope",
                                     "cvssv3_confidentialityImpact",
                                     "cvssv3_integrityImpact",
                                     "cvssv3_availabilityImpact"};
    static const char *const v2[] = {"cvssv2_accessVector",    "cvssv2_accessComplexity",
                                     "cvssv2_authenticationr", "cvssv2_confidentialImpact",
                                     "cvssv2_integrityImpact", "cvssv2_availabilityImpact"};
    const struct sco_node *p = d->properties;
    struct sco_str words[CVSS3_METRICS];
    for (int i = 0; i < CVSS3_METRICS; i++)
        words[i] = sco_text(sco_get(p, v3[i]));
    d->f.cvss_vector = cvss3_vector(h, sco_text(sco_get(p, "cvssv3_version")), words);
    d->f.cvss_score = sco_real(sco_get(p, "cvssv3_baseScore"), 0);
    if (!d->f.cvss_vector.n && d->f.cvss_score <= 0) {
        for (int i = 0; i < CVSS2_METRICS; i++)
            words[i] = sco_text(sco_get(p, v2[i]));
        d->f.cvss_vector = cvss2_vector(h, words);
        d->f.cvss_score = sco_real(sco_get(p, "cvssv2_score"), 0);
    }
    d->f.severity_text = sco_text(sco_get(p, "cvssv3_baseSeverity"));
    if (!d->f.severity_text.n)
        d->f.severity_text = sco_text(sco_get(p, "cvssv2_severity"));
    if (!d->f.severity_text.n)
        d->f.severity_text = sco_text(sco_get(p, "severity"));
    d->f.severity = classify_word(d->f.severity_text);
    if (d->f.severity == SCO_SEV_UNKNOWN && d->f.cvss_score > 0)
        d->f.severity = classify_score(d->f.cvss_score);
}

static void set_severity(const struct run *r, struct draft *d)
{
    const struct rule *rule = d->rule;
    const struct sco_node *own = sco_get(d->properties, "security-severity");
    double score = sco_real(own, -1);
    struct sco_str word = score >= 0 ? sco_str_make(NULL, 0) : sco_text(own);
    struct sco_str level = sco_text(sco_get(d->result, "level"));
    const struct sco_node *rank = sco_get(d->result, "rank");
    if (!level.n && rule)
        level = rule->level;
    meta(d, "level", level);
    meta(d, "rank", sco_text(rank));
    if (r->tool_flags & TOOL_ODC)
        odc_severity(r->h, d);
    if (d->f.severity != SCO_SEV_UNKNOWN)
        return;
    if ((r->tool_flags & TOOL_FLAWFINDER) && rank) {
        double x = sco_real(rank, 0);
        d->f.severity = x >= 0.79 ? SCO_SEV_HIGH : x >= 0.59 ? SCO_SEV_MEDIUM : SCO_SEV_LOW;
        return;
    }
    if (score < 0 && !word.n && rule) {
        score = rule->score;
        word = rule->severity_word;
    }
    if (score >= 0 && score <= 10) {
        d->f.severity = classify_score(score);
        if (d->f.type == SCO_TYPE_SCA)
            d->f.cvss_score = score;
        return;
    }
    d->f.severity = word.n ? classify_word(word) : SCO_SEV_UNKNOWN;
    if (d->f.severity == SCO_SEV_UNKNOWN)
        d->f.severity = classify_level(level);
    if (d->f.severity == SCO_SEV_UNKNOWN)
        d->f.severity_text = level;
    else if (word.n && classify_word(word) == SCO_SEV_UNKNOWN)
        meta(d, "security_severity", word);
}

/* ---- suppressions ---------------------------------------------------------------------------- */

/* One that is under review or rejected keeps the result from being suppressed at all. */
static void set_suppressions(struct draft *d)
{
    const struct sco_node *list = sco_get(d->result, "suppressions");
    size_t n = 0;
    SCO_EACH (s, list) {
        struct sco_str status = sco_text(sco_get(s, "status"));
        if (!status.n)
            status = sco_text(sco_get(s, "state"));
        if (status.n && !sco_str_is_nocase(status, "accepted")) {
            meta(d, "suppression", status);
            return;
        }
        if (s->type != SCO_NODE_MAP || n == SUPPRESSIONS_MAX)
            continue;
        int inline_one = sco_str_is_nocase(sco_text(sco_get(s, "kind")), "inSource");
        d->suppressions[n++] = (struct sco_suppression){
            .kind = inline_one ? SCO_SUPPRESS_INLINE : SCO_SUPPRESS_WAIVER,
            .reason = sco_text(sco_get(s, "justification")),
        };
    }
    d->f.suppressions = d->suppressions;
    d->f.n_suppressions = n;
}

/* ---- parts of a finding ---------------------------------------------------------------------- */

static void set_texts(const struct run *r, struct draft *d, struct sco_str message)
{
    const struct rule *rule = d->rule;
    struct sco_str about = rule ? rule->description : sco_str_make(NULL, 0);
    struct sco_str name = rule ? rule->title : sco_str_make(NULL, 0);
    /* of a vulnerability the rule has the name, the message repeats package and versions */
    int named = name.n && (d->f.type == SCO_TYPE_SCA || !message.n);
    struct sco_str title = named ? name : message.n ? message : about.n ? about : d->f.rule_id;
    d->f.title = text_title(r->h, title);
    if (!about.n && !named && !sco_str_eq(name, message))
        about = name;
    if (about.n && (named || message.n == d->f.title.n)) /* the message adds nothing */
        d->f.description = about;
    else if (sco_str_eq(message, about))
        d->f.description = message;
    else
        d->f.description = text_join(r->h, message, "\n\n", about);
    const struct sco_node *fix = sco_first(sco_get(d->result, "fixes"));
    if (fix)
        d->f.remediation = sco_text_at(fix, "description.text");
    if (!d->f.remediation.n && rule && d->f.type != SCO_TYPE_SCA)
        d->f.remediation = rule->help;
}

static void set_package(struct draft *d, struct sco_str message)
{
    struct sco_str fqn = d->place.l.resource;
    if (d->rule)
        d->package = d->rule->package;
    if (sco_str_starts(fqn, "pkg:"))
        d->package.purl = fqn;
    struct sco_str purl = sco_text(sco_get(d->properties, "purl"));
    if (sco_str_starts(purl, "pkg:"))
        d->package.purl = purl;
    if (!d->package.name.n)
        classify_package(&d->package, message, sco_str_make(NULL, 0));
    d->f.package_name = d->package.name;
    d->f.package_version = d->package.version;
    d->f.fixed_version = d->package.fixed;
    d->f.ecosystem = d->package.ecosystem;
    d->f.purl = d->package.purl;
}

static void set_secret(struct draft *d)
{
    const struct sco_node *p = d->properties;
    struct sco_str secret = sco_text(sco_get(p, "offender"));
    d->f.secret = secret.n ? secret : text_trim(d->place.snippet);
    d->f.commit = sco_text(sco_get(p, "commit"));
    if (!d->f.commit.n)
        d->f.commit = sco_text_at(d->result, "partialFingerprints.commitSha");
}

static void set_place(const struct run *r, struct draft *d)
{
    const struct place *p = &d->place;
    d->f.file_path = p->l.file_path;
    d->f.line = p->l.line;
    d->f.end_line = p->l.end_line;
    d->f.column = p->l.column;
    d->f.end_column = p->l.end_column;
    if (p->url.n) {
        struct sco_str method = sco_text_at(d->result, "webRequest.method");
        if (!method.n)
            method = SCO_STR("GET");
        d->f.resource = text_join(r->h, method, " ", p->url);
        return;
    }
    if (!p->l.file_path.n || d->f.type == SCO_TYPE_IAC)
        d->f.resource = p->l.resource;
    else
        meta(d, "logical_location", p->l.resource);
    if (p->byte_offset >= 0)
        meta(d, "byte_offset", sco_fmt(r->h, "%lld", (long long)p->byte_offset));
    else if (p->char_offset >= 0)
        meta(d, "char_offset", sco_fmt(r->h, "%lld", (long long)p->char_offset));
}

static void set_ids(struct run *r, struct draft *d)
{
    uint32_t n = 0;
    if (d->rule) {
        n = d->rule->n_ids;
        memcpy(d->ids, d->rule->ids, n * sizeof d->ids[0]);
    }
    if (!n)
        n = classify_ids(d->f.rule_id, d->ids, 0);
    d->f.ids.v = d->ids;
    d->f.ids.n = n;
    const struct sco_node *sources[] = {sco_get(d->result, "taxa"), sco_get(d->properties, "cwe"),
                                        sco_get(d->properties, "cwes"),
                                        sco_get(d->properties, "tags")};
    if (d->rule && d->rule->cwes.n)
        d->f.cwes = d->rule->cwes;
    else if (sources[0] || sources[1] || sources[2] || sources[3])
        d->f.cwes = cwes_of(r, sources, 4);
    if (d->rule)
        d->f.references = sco_one(&d->reference, d->rule->help_uri);
}

static void set_meta(struct draft *d)
{
    const struct sco_node *p = d->properties;
    struct sco_str precision = sco_text(sco_get(p, "precision"));
    if (d->rule) {
        meta(d, "rule_name",
             sco_str_eq(d->rule->name, d->f.rule_id) ? sco_str_make(NULL, 0) : d->rule->name);
        meta(d, "tags", d->rule->tags);
        precision = precision.n ? precision : d->rule->precision;
    }
    struct sco_str confidence = sco_text(sco_get(p, "confidence"));
    meta(d, "precision", precision);
    meta(d, "confidence", confidence.n ? confidence : sco_text(sco_get(p, "issue_confidence")));
    meta(d, "baseline_state", sco_text(sco_get(d->result, "baselineState")));
}

/* ---- reporting ------------------------------------------------------------------------------- */

static uint32_t type_of(const struct run *r, const struct rule *rule, struct sco_str id)
{
    return rule && rule->type ? rule->type : classify_id(r, id);
}

/* The id of a result without a rule: what its message is called, or says. */
static struct sco_str substitute_id(const struct run *r, const struct sco_node *result,
                                    struct sco_str message)
{
    static const char tail[] = " secret detected"; /* Gitleaks 7 puts the rule before it */
    struct sco_str id = sco_text_at(result, "message.id");
    size_t n = sizeof tail - 1;
    if (id.n)
        return id;
    if (message.n > n && memcmp(message.p + message.n - n, tail, n) == 0)
        return sco_str_make(message.p, message.n - n);
    return text_title(r->h, message);
}

static int bad(struct run *r, const char *what)
{
    if (r->n_bad++ == 0)
        snprintf(r->first_bad, sizeof r->first_bad, "result %llu: %s",
                 (unsigned long long)r->n_results, what);
    return 0;
}

/* With merge_locations: the places after the first one. */
static int set_more_places(struct run *r, struct draft *d, struct sco_errbuf *e)
{
    const struct sco_node *list = sco_get(d->result, "locations");
    size_t n = 0, limit = sco_is(list, SCO_NODE_LIST) ? list->n : 0;
    if (limit > SARIF_LOCATIONS_MAX) {
        limit = SARIF_LOCATIONS_MAX;
        r->n_cut++;
    }
    struct sco_location *v = limit > 1 ? r->h->tmp(r->h, limit * sizeof *v) : NULL;
    for (const struct sco_node *l = v ? list->child->next : NULL; l && n < limit; l = l->next) {
        struct place p;
        int rc = place_read(r, l, &p, e);
        if (rc < 0)
            return rc;
        if (p.url.n)
            p.l.file_path = p.url;
        if (rc > 0)
            v[n++] = p.l;
    }
    d->f.locations = v;
    d->f.n_locations = n;
    return 0;
}

static int report(struct run *r, const struct sco_node *result, const struct sco_node *location,
                  size_t ordinal, struct sco_errbuf *e)
{
    struct draft d; /* its arrays are filled as far as they are counted */
    struct sco_str id = {0};
    memset(&d.f, 0, sizeof d.f);
    d.f.struct_size = sizeof d.f;
    d.result = result;
    d.properties = sco_get(result, "properties");
    d.place = (struct place){.byte_offset = -1, .char_offset = -1};
    d.package = (struct package){.name = {NULL, 0}};
    d.rule = rules_find(r, result, &id);
    struct sco_str message = text_message(r, d.rule, sco_get(result, "message"));
    if (!id.n)
        id = substitute_id(r, result, message);
    if (!id.n)
        return bad(r, "neither rule nor message");
    int rc = location ? place_read(r, location, &d.place, e) : 0;
    if (rc >= 0 && r->s->merge_locations)
        rc = set_more_places(r, &d, e);
    if (rc < 0)
        return rc;
    d.f.rule_id = id;
    d.f.type = type_of(r, d.rule, id);
    d.f.tool_name = r->tool_name;
    d.f.tool_version = r->tool_version;
    d.f.metadata = d.meta;
    set_place(r, &d);
    if (d.f.type == SCO_TYPE_SECRET)
        set_secret(&d);
    else
        d.f.snippet = d.place.snippet;
    if (d.f.type == SCO_TYPE_SCA)
        set_package(&d, message);
    set_texts(r, &d, message);
    set_severity(r, &d);
    set_ids(r, &d);
    set_suppressions(&d);
    set_meta(&d);
    d.f.stable_id = identity_at(r->h, result, ordinal);
    return r->h->emit(r->h, &d.f);
}

static int skip(struct run *r, const struct sco_node *result)
{
    struct sco_str kind = sco_text(sco_get(result, "kind"));
    if (kind.n && !sco_str_is_nocase(kind, "fail")) {
        r->n_not_fail++;
        if (sco_str_is_nocase(kind, "review") || sco_str_is_nocase(kind, "open"))
            r->n_review++;
        return 1;
    }
    if (sco_str_is_nocase(sco_text(sco_get(result, "baselineState")), "absent")) {
        r->n_absent++;
        return 1;
    }
    return 0;
}

int result_report(struct run *r, const struct sco_node *result, struct sco_errbuf *e)
{
    r->n_results++;
    if (!sco_is(result, SCO_NODE_MAP) || result->key.n)
        return bad(r, "not an object");
    if (skip(r, result))
        return 0;
    const struct sco_node *locations = sco_get(result, "locations");
    const struct sco_node *first = sco_first(locations);
    if (!first || r->s->merge_locations)
        return report(r, result, first, 0, e);
    size_t ordinal = 0;
    SCO_EACH (l, locations) {
        if (ordinal == SARIF_LOCATIONS_MAX) {
            r->n_cut++;
            break;
        }
        int rc = report(r, result, l, ordinal++, e);
        if (rc < 0)
            return rc;
    }
    return 0;
}

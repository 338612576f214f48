/* The four kinds of items in a report of Trivy: vulnerability, misconfiguration, secret, licence.
 */
#include "trivy_priv.h"

#include <stdlib.h>

enum { OCCURRENCES_MAX = 32 };

/* ---- what they share --------------------------------------------------------------------------
 */
static uint32_t severity_of(struct sco_str word)
{
    static const struct {
        const char *word;
        uint32_t severity;
    } map[] = {{"critical", SCO_SEV_CRITICAL}, {"high", SCO_SEV_HIGH}, {"medium", SCO_SEV_MEDIUM},
               {"low", SCO_SEV_LOW},           {"info", SCO_SEV_INFO}, {"none", SCO_SEV_INFO}};
    for (size_t i = 0; i < sizeof map / sizeof *map; i++)
        if (sco_str_is_nocase(word, map[i].word))
            return map[i].severity;
    return SCO_SEV_UNKNOWN;
}

static void fill_common(struct trivy_parse *p, struct sco_report_finding *f,
                        const struct sco_node *item, struct rep_meta *meta)
{
    f->severity_text = sco_text_at(item, "Severity");
    f->severity = severity_of(f->severity_text);
    if (!f->resource.n)
        f->resource = p->result.object;
    rep_meta(meta, "artifact", p->artifact);
    rep_meta(meta, "class", p->result.class_name);
    rep_meta(meta, "type", p->result.type);
    rep_meta(meta, "layer",
             rep_or(sco_text_at(item, "Layer.DiffID"), sco_text_at(item, "Layer.Digest")));
}

static int emit(struct trivy_parse *p, struct sco_report_finding *f, struct rep_meta *meta)
{
    rep_meta_set(meta, f);
    f->suppressions = p->suppression;
    f->n_suppressions = p->suppression != NULL;
    return rep_emit(&p->doc, f);
}

/* The first URL, then the others. */
static struct sco_str_list references(const struct sco_host *h, struct sco_str first,
                                      const struct sco_node *others)
{
    struct sco_str_list rest = sco_texts(h, others), all = rest;
    struct sco_str *v = first.n ? h->tmp(h, (rest.n + 1) * sizeof *v) : NULL;
    if (!v)
        return rest;
    v[0] = first;
    all.n = 1;
    for (size_t i = 0; i < rest.n; i++)
        if (!sco_str_eq(rest.v[i], first))
            v[all.n++] = rest.v[i];
    all.v = v;
    return all;
}

/* ---- vulnerability
 * ------------------------------------------------------------------------------- */

/* Trivy's types of packages; the host knows most of them. */
static struct sco_str ecosystem_of(struct sco_str type)
{
    static const char *const map[][2] = {{"pylock", "pypi"},
                                         {"gradle-lockfile", "maven"},
                                         {"sbt-lockfile", "maven"},
                                         {"rust-binary", "cargo"},
                                         {"composer-vendor", "composer"},
                                         {"nuget-config", "nuget"},
                                         {"packages-props", "nuget"},
                                         {"mix-lock", "hex"},
                                         {"opensuse-leap", "suse"},
                                         {"opensuse-tumbleweed", "suse"},
                                         {"sles", "suse"},
                                         {"slem", "suse"},
                                         {"cbl-mariner", "rpm"},
                                         {"azurelinux", "rpm"}};
    for (size_t i = 0; i < sizeof map / sizeof *map; i++)
        if (sco_str_is(type, map[i][0]))
            return sco_str_c(map[i][1]);
    return type;
}

/* CVSS of one source: version 4 or 3 first; with `old`, version 2. 1 when there was one. */
static int cvss_of(struct sco_report_finding *f, const struct sco_node *source, int old)
{
    f->cvss_vector =
        old ? sco_text_at(source, "V2Vector")
            : rep_or(sco_text_at(source, "V40Vector"), sco_text_at(source, "V3Vector"));
    f->cvss_score = old ? sco_real_at(source, "V2Score", 0)
                        : sco_real_at(source, "V40Score", sco_real_at(source, "V3Score", 0));
    return f->cvss_vector.n || f->cvss_score > 0;
}

/* The source that set the severity speaks first, then those that are usually right. */
static void fill_cvss(struct sco_report_finding *f, const struct sco_node *item)
{
    static const char *const order[] = {"nvd", "ghsa", "redhat", "bitnami"};
    const struct sco_node *all = sco_get(item, "CVSS");
    struct sco_str source = sco_text_at(item, "SeveritySource");
    if (!sco_is(all, SCO_NODE_MAP))
        return;
    for (int old = 0; old < 2; old++) {
        for (const struct sco_node *c = all->child; c; c = c->next)
            if (sco_str_eq(c->key, source) && cvss_of(f, c, old))
                return;
        for (size_t i = 0; i < sizeof order / sizeof *order; i++)
            if (cvss_of(f, sco_get(all, order[i]), old))
                return;
        for (const struct sco_node *c = all->child; c; c = c->next)
            if (cvss_of(f, c, old))
                return;
    }
}

static int order(struct sco_str a, struct sco_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

int trivy_package_order(const void *a, const void *b)
{
    const struct trivy_package *x = a, *y = b;
    int c = order(x->name, y->name);
    return c ? c : order(x->version, y->version);
}

static void fill_place(const struct trivy_result *r, struct sco_report_finding *f,
                       const struct sco_node *item)
{
    f->file_path = rep_or(sco_text_at(item, "PkgPath"), r->target);
    if (!sco_str_eq(f->file_path, r->target))
        return;
    const struct trivy_package key = {.name = f->package_name, .version = f->package_version};
    const struct trivy_package *p =
        r->n_packages ? bsearch(&key, r->packages, r->n_packages, sizeof key, trivy_package_order)
                      : NULL;
    f->line = p ? p->line : 0;
    f->end_line = p ? p->end_line : 0;
}

/* "openssl: denial of service" after the package's name needs no second "openssl". */
static struct sco_str without_name(struct sco_str title, struct sco_str name)
{
    if (title.n > name.n + 2 && name.n && memcmp(title.p, name.p, name.n) == 0 &&
        memcmp(title.p + name.n, ": ", 2) == 0)
        return sco_str_make(title.p + name.n + 2, title.n - name.n - 2);
    return title;
}

static struct sco_str title_of(const struct sco_host *h, const struct sco_report_finding *f,
                               struct sco_str title)
{
    title = without_name(title, f->package_name);
    return sco_fmt(h, "%.*s%s%.*s%s%.*s%s%.*s", SCO_STR_ARG(f->rule_id),
                   f->package_name.n ? " " : "", SCO_STR_ARG(f->package_name),
                   f->package_version.n ? " " : "", SCO_STR_ARG(f->package_version),
                   title.n ? ": " : "", SCO_STR_ARG(title));
}

int trivy_vulnerability(void *user, const struct sco_node *item)
{
    struct trivy_parse *p = user;
    const struct sco_host *h = p->t->h;
    struct sco_report_finding f = rep_finding(SCO_TYPE_SCA);
    struct rep_meta meta = {.n = 0};
    struct sco_str id;

    f.rule_id = sco_text_at(item, "VulnerabilityID");
    if (!f.rule_id.n)
        return REP_UNUSABLE;
    f.ids = sco_one(&id, f.rule_id);
    f.package_name = sco_text_at(item, "PkgName");
    f.package_version = sco_text_at(item, "InstalledVersion");
    f.fixed_version = sco_text_at(item, "FixedVersion");
    f.purl = rep_or(sco_text_at(item, "PkgIdentifier.PURL"), sco_text_at(item, "PkgRef"));
    f.ecosystem = ecosystem_of(p->result.type);
    f.title = title_of(h, &f, sco_text_at(item, "Title"));
    f.description = sco_text_at(item, "Description");
    if (f.fixed_version.n)
        f.remediation = sco_fmt(h, "Update %.*s to %.*s.", SCO_STR_ARG(f.package_name),
                                SCO_STR_ARG(f.fixed_version));
    fill_place(&p->result, &f, item);
    fill_cvss(&f, item);
    f.cwes = sco_texts(h, sco_get(item, "CweIDs"));
    f.references = references(h, sco_text_at(item, "PrimaryURL"), sco_get(item, "References"));
    fill_common(p, &f, item, &meta);
    if (!sco_str_eq(f.file_path, p->result.target))
        rep_meta(&meta, "target", p->result.target);
    rep_meta(&meta, "status", sco_text_at(item, "Status"));
    rep_meta(&meta, "severity_source", sco_text_at(item, "SeveritySource"));
    rep_meta(&meta, "data_source", sco_text_at(item, "DataSource.Name"));
    rep_meta(&meta, "vendor_ids", rep_join(h, sco_get(item, "VendorIDs"), ","));
    rep_meta(&meta, "published", sco_text_at(item, "PublishedDate"));
    return emit(p, &f, &meta);
}

/* ---- misconfiguration ---------------------------------------------------------------------------
 */

/* One check has had three spellings: DS002, AVD-DS-0002 and DS-0002. The last one is kept. */
static struct sco_str check_id(const struct sco_host *h, struct sco_str id)
{
    size_t letters = 0;
    if (sco_str_starts(id, "AVD-")) {
        id.p += 4;
        id.n -= 4;
    }
    while (letters < id.n && id.p[letters] >= 'A' && id.p[letters] <= 'Z')
        letters++;
    if (!letters || id.n - letters != 3)
        return id;
    for (size_t i = letters; i < id.n; i++)
        if (id.p[i] < '0' || id.p[i] > '9')
            return id;
    return sco_fmt(h, "%.*s-0%.*s", (int)letters, id.p, 3, id.p + letters);
}

/* The first line of the cause: two violations of one check in one file differ there. */
static struct sco_str cause_line(const struct sco_node *code)
{
    const struct sco_node *lines = sco_get(code, "Lines");
    struct sco_str s = {NULL, 0};
    if (!sco_is(lines, SCO_NODE_LIST))
        return s;
    for (const struct sco_node *l = lines->child; l && !s.n; l = l->next)
        if (sco_bool(sco_get(l, "IsCause"), 0))
            s = sco_text_at(l, "Content");
    return s;
}

/* Where modules are called that lead to the cause. */
static void fill_occurrences(const struct sco_host *h, struct sco_report_finding *f,
                             const struct sco_node *list)
{
    struct sco_location *v;
    if (!sco_is(list, SCO_NODE_LIST) || !list->n || !(v = h->tmp(h, OCCURRENCES_MAX * sizeof *v)))
        return;
    f->locations = v;
    for (const struct sco_node *o = list->child; o && f->n_locations < OCCURRENCES_MAX;
         o = o->next) {
        struct sco_location *l = &v[f->n_locations];
        l->file_path = sco_text_at(o, "Filename");
        l->resource = sco_text_at(o, "Resource");
        l->line = sco_int_at(o, "Location.StartLine", 0);
        l->end_line = sco_int_at(o, "Location.EndLine", 0);
        f->n_locations += l->file_path.n || l->resource.n;
    }
}

int trivy_misconfiguration(void *user, const struct sco_node *item)
{
    struct trivy_parse *p = user;
    const struct sco_host *h = p->t->h;
    const struct sco_node *cause = sco_get(item, "CauseMetadata");
    struct sco_report_finding f = rep_finding(SCO_TYPE_IAC);
    struct sco_suppression exception = {.kind = SCO_SUPPRESS_WAIVER,
                                        .reason = SCO_STR("exception in a policy of Trivy")};
    struct rep_meta meta = {.n = 0};
    struct sco_str status = sco_text_at(item, "Status");
    struct sco_str id = rep_or(sco_text_at(item, "AVDID"), sco_text_at(item, "ID"));

    if (sco_str_is_nocase(status, "PASS") && !p->suppression)
        return 0;
    if (!id.n)
        return REP_UNUSABLE;
    f.rule_id = check_id(h, id);
    f.title = sco_text_at(item, "Title");
    f.description =
        rep_both(h, sco_text_at(item, "Message"), "\n\n", sco_text_at(item, "Description"));
    f.remediation = sco_text_at(item, "Resolution");
    f.file_path = p->result.target;
    f.line = sco_int_at(cause, "StartLine", 0);
    f.end_line = sco_int_at(cause, "EndLine", 0);
    f.resource = sco_text_at(cause, "Resource");
    if (!f.resource.n)
        f.snippet = cause_line(sco_get(cause, "Code"));
    fill_occurrences(h, &f, sco_get(cause, "Occurrences"));
    f.references = references(h, sco_text_at(item, "PrimaryURL"), sco_get(item, "References"));
    fill_common(p, &f, item, &meta);
    rep_meta(&meta, "id", sco_text_at(item, "ID"));
    rep_meta(&meta, "check_type", sco_text_at(item, "Type"));
    rep_meta(&meta, "provider", sco_text_at(cause, "Provider"));
    rep_meta(&meta, "service", sco_text_at(cause, "Service"));
    if (!sco_str_is_nocase(status, "EXCEPTION") || p->suppression)
        return emit(p, &f, &meta);
    p->suppression = &exception;
    int r = emit(p, &f, &meta);
    p->suppression = NULL;
    return r;
}

/* ---- secret
 * --------------------------------------------------------------------------------------- */

/* Trivy masks the value itself; the masked line tells two of them apart. */
int trivy_secret(void *user, const struct sco_node *item)
{
    struct trivy_parse *p = user;
    const struct sco_host *h = p->t->h;
    struct sco_report_finding f = rep_finding(SCO_TYPE_SECRET);
    struct rep_meta meta = {.n = 0};
    struct sco_str cwe;

    f.rule_id = sco_text_at(item, "RuleID");
    if (!f.rule_id.n)
        return REP_UNUSABLE;
    f.title = sco_fmt(h, "Hard-coded secret: %.*s",
                      SCO_STR_ARG(rep_or(sco_text_at(item, "Title"), f.rule_id)));
    f.file_path = p->result.target;
    f.line = sco_int_at(item, "StartLine", 0);
    f.end_line = sco_int_at(item, "EndLine", 0);
    f.snippet = sco_text_at(item, "Match");
    f.cwes = sco_one(&cwe, SCO_STR("CWE-798"));
    fill_common(p, &f, item, &meta);
    rep_meta(&meta, "category", sco_text_at(item, "Category"));
    return emit(p, &f, &meta);
}

/* ---- licence
 * -------------------------------------------------------------------------------------- */
int trivy_license(void *user, const struct sco_node *item)
{
    struct trivy_parse *p = user;
    const struct sco_host *h = p->t->h;
    struct sco_report_finding f = rep_finding(SCO_TYPE_LICENSE);
    struct rep_meta meta = {.n = 0};
    struct sco_str link;

    f.rule_id = sco_text_at(item, "Name");
    if (!f.rule_id.n)
        return REP_UNUSABLE;
    f.package_name = sco_text_at(item, "PkgName");
    f.file_path = rep_or(sco_text_at(item, "FilePath"), p->result.target);
    f.title = f.package_name.n ? sco_fmt(h, "License %.*s of %.*s", SCO_STR_ARG(f.rule_id),
                                         SCO_STR_ARG(f.package_name))
                               : sco_fmt(h, "License %.*s", SCO_STR_ARG(f.rule_id));
    f.references = sco_one(&link, sco_text_at(item, "Link"));
    fill_common(p, &f, item, &meta);
    rep_meta(&meta, "category", sco_text_at(item, "Category"));
    rep_meta(&meta, "confidence", sco_text_at(item, "Confidence"));
    return emit(p, &f, &meta);
}

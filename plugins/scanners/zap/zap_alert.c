/* One alert to a finding. ZAP groups what it found by kind and site, and so is the finding: its
 * place is the site, and the URLs are its locations. That keeps it the same finding when the
 * crawler takes another way; with `instances: separate` each URL and parameter is a finding of its
 * own.
 *
 * Queries, fragments and credentials are cut off URLs: they change with each run and may be secret.
 * Requests and answers are never kept; evidence only when the operator wants it. */
#include "zap_priv.h"

/* ---- values -----------------------------------------------------------------------------------
 */

static uint32_t severity_of(struct sco_str risk)
{
    static const struct {
        const char *word;
        uint32_t severity;
    } words[] = {{"3", SCO_SEV_HIGH},   {"high", SCO_SEV_HIGH},
                 {"2", SCO_SEV_MEDIUM}, {"medium", SCO_SEV_MEDIUM},
                 {"1", SCO_SEV_LOW},    {"low", SCO_SEV_LOW},
                 {"0", SCO_SEV_INFO},   {"informational", SCO_SEV_INFO},
                 {"info", SCO_SEV_INFO}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (sco_str_is_nocase(risk, words[i].word))
            return words[i].severity;
    return SCO_SEV_UNKNOWN;
}

static struct sco_str confidence_of(struct sco_str code)
{
    static const char *const words[] = {"False Positive", "Low", "Medium", "High", "Confirmed"};
    if (code.n == 1 && code.p[0] >= '0' && code.p[0] <= '4')
        return sco_str_c(words[code.p[0] - '0']);
    return sco_str_is_nocase(code, "User Confirmed") ? SCO_STR("Confirmed") : code;
}

struct sco_str zap_site_of(struct sco_str url)
{
    const char *sep = url.n > 3 ? memmem(url.p, url.n, "://", 3) : NULL;
    if (!sep)
        return sco_str_make(NULL, 0);
    size_t end = (size_t)(sep - url.p) + 3, start = end;
    while (end < url.n && !strchr("/?#", url.p[end]))
        end++;
    return end > start ? sco_str_make(url.p, end) : sco_str_make(NULL, 0);
}

/* Without query, fragment, and user and password. */
static struct sco_str bare_url(const struct sco_host *h, struct sco_str url)
{
    size_t n = 0;
    while (n < url.n && url.p[n] != '?' && url.p[n] != '#')
        n++;
    url.n = n;
    struct sco_str site = zap_site_of(url);
    const char *sep = site.n ? memmem(site.p, site.n, "://", 3) : NULL;
    const char *at = sep ? memrchr(sep + 3, '@', site.n - (size_t)(sep + 3 - site.p)) : NULL;
    if (!at)
        return url;
    size_t head = (size_t)(sep + 3 - url.p), tail = (size_t)(at + 1 - url.p);
    return sco_fmt(h, "%.*s%.*s", (int)head, url.p, (int)(url.n - tail), url.p + tail);
}

static struct sco_str place_of(const struct sco_host *h, const struct instance *i)
{
    struct sco_str url = bare_url(h, i->url);
    struct sco_str method = i->method.n && i->method.n < 32 ? i->method : SCO_STR("GET");
    return sco_fmt(h, "%.*s %.*s", SCO_STR_ARG(method), SCO_STR_ARG(url));
}

/* ---- parts ------------------------------------------------------------------------------------
 */

struct draft {
    struct sco_report_finding f;
    struct rep_meta meta;
    struct sco_str references[ZAP_REFERENCES_MAX], cwe;
};

static void set_common(const struct sco_host *h, const struct alert *a, struct draft *d)
{
    struct sco_report_finding *f = &d->f;
    f->rule_id = a->ref.n ? a->ref : a->plugin_id;
    f->title = a->name;
    f->description = html_text(h, a->description);
    f->remediation = html_text(h, a->solution);
    f->severity = severity_of(a->risk);
    if (f->severity == SCO_SEV_UNKNOWN)
        f->severity_text = a->risk;
    f->references.v = d->references;
    f->references.n = html_urls(html_text(h, a->reference), d->references, ZAP_REFERENCES_MAX);
    int known = a->cwe.n && a->cwe.p[0] >= '1' && a->cwe.p[0] <= '9';
    f->cwes = sco_one(&d->cwe, known ? a->cwe : sco_str_make(NULL, 0));
    struct sco_str confidence = confidence_of(a->confidence);
    if (sco_str_is_nocase(confidence, "False Positive"))
        f->flags |= SCO_FINDING_FALSE_POSITIVE;
    rep_meta(&d->meta, "confidence", confidence);
    if (!sco_str_eq(a->plugin_id, f->rule_id))
        rep_meta(&d->meta, "plugin_id", a->plugin_id);
    if (a->wasc.n && a->wasc.p[0] >= '1' && a->wasc.p[0] <= '9')
        rep_meta(&d->meta, "wasc", a->wasc);
}

static void set_instance(const struct zap *z, const struct instance *i, struct draft *d)
{
    rep_meta(&d->meta, "attack", i->attack);
    if (z->evidence)
        rep_meta(&d->meta, "evidence", i->evidence);
}

static struct sco_str parameters(const struct sco_host *h, const struct alert *a)
{
    struct sco_str seen[ZAP_PARAMETERS_MAX], out = {0};
    size_t n = 0;
    for (size_t i = 0; i < a->n_instances && n < ZAP_PARAMETERS_MAX; i++) {
        struct sco_str p = a->instances[i].param;
        size_t k = 0;
        while (k < n && !sco_str_eq(seen[k], p))
            k++;
        if (k < n || !p.n || p.n > 200)
            continue;
        seen[n++] = p;
        out = sco_fmt(h, "%.*s%s%.*s", SCO_STR_ARG(out), out.n ? ", " : "", SCO_STR_ARG(p));
    }
    return out;
}

/* ---- reporting --------------------------------------------------------------------------------
 */

static int report_together(struct zap *z, struct rep_doc *doc, const struct alert *a)
{
    const struct sco_host *h = z->h;
    struct draft d = {.f = rep_finding(SCO_TYPE_DAST)};
    size_t n = 0;
    struct sco_location *places = h->tmp(h, (a->n_instances + 1) * sizeof *places);
    if (!places)
        return sco_errf(doc->e, SCO_E_NOMEM, "out of memory");
    set_common(h, a, &d);
    for (size_t i = 0; i < a->n_instances; i++)
        if (a->instances[i].url.n)
            places[n++].resource = place_of(h, &a->instances[i]);
    d.f.resource = bare_url(h, a->site.n ? a->site : zap_site_of(a->instances[0].url));
    d.f.locations = places;
    d.f.n_locations = n;
    if (a->n_instances)
        set_instance(z, &a->instances[0], &d);
    if (z->evidence)
        rep_meta(&d.meta, "other", html_text(h, a->other));
    rep_meta(&d.meta, "parameters", parameters(h, a));
    rep_meta(&d.meta, "instances",
             a->count.n ? a->count : sco_fmt(h, "%llu", (unsigned long long)a->n_total));
    rep_meta_set(&d.meta, &d.f);
    return rep_emit(doc, &d.f);
}

static int report_each(struct zap *z, struct rep_doc *doc, const struct alert *a)
{
    for (size_t i = 0; i < a->n_instances; i++) {
        struct draft d = {.f = rep_finding(SCO_TYPE_DAST)};
        set_common(z->h, a, &d);
        d.f.resource = place_of(z->h, &a->instances[i]);
        d.f.parameter = a->instances[i].param;
        set_instance(z, &a->instances[i], &d);
        rep_meta_set(&d.meta, &d.f);
        int r = rep_emit(doc, &d.f);
        if (r < 0)
            return r;
    }
    return 0;
}

int zap_report(struct zap *z, struct rep_doc *doc, const struct alert *a)
{
    if ((!a->plugin_id.n && !a->ref.n) || !a->name.n || (!a->site.n && !a->n_instances))
        return REP_UNUSABLE;
    if (a->n_instances && sco_str_is(z->instances, "separate"))
        return report_each(z, doc, a);
    return report_together(z, doc, a);
}

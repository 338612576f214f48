/* The order of findings, and several of them made one. What a merge gives depends on the content of
 * its members alone, never on the order in which they came. */
#include "identity_priv.h"

#include <stdlib.h>

/* Work per merge stays bounded when a hostile report makes a hundred thousand equal findings. */
enum { LISTS_MAX = 1000, PLACES_MAX = 4 * FINDING_LOCATIONS_MAX, VERSIONS_MAX = 32 };

int finding_str_compare(const char *a, const char *b)
{
    if (a == b)
        return 0;
    if (!a || !b)
        return a ? 1 : -1;
    return strcmp(a, b);
}

static int compare_int(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_strs(const struct sco_strs *a, const struct sco_strs *b)
{
    uint32_t an = a ? a->n : 0, bn = b ? b->n : 0;
    int c = a == b ? 0 : compare_int(an, bn);
    for (uint32_t i = 0; a != b && !c && i < an; i++)
        c = finding_str_compare(a->v[i], b->v[i]);
    return c;
}

static int compare_tools(const struct sco_tools *a, const struct sco_tools *b)
{
    uint32_t an = a ? a->n : 0, bn = b ? b->n : 0;
    int c = 0;
    for (uint32_t i = 0; a != b && !c && i < an && i < bn; i++) {
        c = finding_str_compare(a->v[i]->name, b->v[i]->name);
        c = c ? c : finding_str_compare(a->v[i]->rule_id, b->v[i]->rule_id);
        c = c ? c : finding_str_compare(a->v[i]->version, b->v[i]->version);
        c = c ? c : compare_int(a->v[i]->severity, b->v[i]->severity);
    }
    return c ? c : compare_int(an, bn);
}

static int compare_place(const struct sco_finding *a, const struct sco_finding *b)
{
    int c = finding_str_compare(a->file_path, b->file_path);
    c = c ? c : compare_int(a->line, b->line);
    c = c ? c : compare_int(a->column, b->column);
    c = c ? c : compare_int(a->end_line, b->end_line);
    c = c ? c : compare_int(a->end_column, b->end_column);
    c = c ? c : finding_str_compare(a->resource, b->resource);
    return c ? c : finding_str_compare(a->parameter, b->parameter);
}

static int compare_package(const struct sco_package *a, const struct sco_package *b)
{
    if (a == b || !a || !b)
        return (a != NULL) - (b != NULL);
    int c = finding_str_compare(a->name, b->name);
    c = c ? c : finding_str_compare(a->version, b->version);
    c = c ? c : finding_str_compare(a->purl, b->purl);
    c = c ? c : finding_str_compare(a->ecosystem, b->ecosystem);
    return c ? c : finding_str_compare(a->fixed_version, b->fixed_version);
}

static int compare_rest(const struct sco_finding *a, const struct sco_finding *b)
{
    int c = finding_str_compare(a->description, b->description);
    c = c ? c : finding_str_compare(a->remediation, b->remediation);
    c = c ? c : finding_str_compare(a->cve_id, b->cve_id);
    c = c ? c : finding_str_compare(a->cvss_vector, b->cvss_vector);
    c = c ? c : finding_str_compare(a->commit, b->commit);
    c = c ? c : finding_str_compare(a->identity, b->identity);
    c = c ? c : finding_str_compare(a->secret_digest, b->secret_digest);
    c = c ? c : finding_str_compare(a->secret_preview, b->secret_preview);
    c = c ? c : finding_str_compare(a->metadata, b->metadata);
    c = c ? c : compare_package(a->package, b->package);
    c = c ? c : compare_strs(a->aliases, b->aliases);
    c = c ? c : compare_strs(a->cwe_ids, b->cwe_ids);
    c = c ? c : compare_strs(a->references, b->references);
    c = c ? c : compare_int(b->severity, a->severity);
    c = c ? c : compare_int(a->status, b->status);
    c = c ? c : (a->cvss_score > b->cvss_score) - (a->cvss_score < b->cvss_score);
    c = c ? c : (a->epss > b->epss) - (a->epss < b->epss);
    return c ? c : compare_int(a->kev, b->kev);
}

int finding_compare(const struct sco_finding *a, const struct sco_finding *b)
{
    int c = compare_tools(a->tools, b->tools);
    c = c ? c : compare_place(a, b);
    c = c ? c : finding_str_compare(a->title, b->title);
    return c ? c : compare_rest(a, b);
}

/* ---- lists ---- */

struct strings {
    const char *v[FINDING_REFERENCES_MAX];
    uint32_t n, max;
};

static void add_string(struct strings *l, const char *s)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (finding_str_compare(l->v[i], s) == 0)
            return;
    if (s && l->n < l->max)
        l->v[l->n++] = s;
}

static void add_strings(struct strings *l, const struct sco_strs *s)
{
    for (uint32_t i = 0; s && i < s->n && l->n < l->max; i++)
        add_string(l, s->v[i]);
}

static const struct sco_strs *field(const struct sco_finding *f, size_t offset)
{
    const struct sco_strs *l;
    memcpy(&l, (const char *)f + offset, sizeof(void *));
    return l;
}

/* Union of one list over all members, the first member's items first. */
static int unite(const struct merger *m, struct sco_finding *const *v, size_t n, size_t offset,
                 uint32_t max)
{
    struct strings l = {.max = max};
    const struct sco_strs *last = field(v[0], offset);
    size_t lists = 0;
    add_strings(&l, last);
    for (size_t i = 1; i < n && l.n < max && lists < LISTS_MAX; i++) {
        const struct sco_strs *s = field(v[i], offset);
        if (s == last)
            continue;
        last = s;
        lists++;
        add_strings(&l, s);
    }
    if (!lists || !l.n)
        return 0;
    const struct sco_strs *all = sco_pool_strs(m->pool, l.v, l.n);
    memcpy((char *)v[0] + offset, &all, sizeof(void *));
    return all ? 0 : SCO_E_NOMEM;
}

/* The other members' CVEs are aliases of the merged finding. */
static int unite_aliases(const struct merger *m, struct sco_finding *const *v, size_t n)
{
    struct strings l = {.max = FINDING_IDS_MAX}, out = {.max = FINDING_IDS_MAX};
    const struct sco_strs *last = NULL;
    bool changed = false;
    add_strings(&l, v[0]->aliases);
    for (size_t i = 1, lists = 0; i < n && lists < LISTS_MAX; i++) {
        bool cve = v[i]->cve_id && finding_str_compare(v[i]->cve_id, v[0]->cve_id) != 0;
        if (cve)
            add_string(&l, v[i]->cve_id);
        if (v[i]->aliases != last && v[i]->aliases != v[0]->aliases)
            add_strings(&l, v[i]->aliases);
        if (cve || v[i]->aliases != last)
            lists++;
        changed = changed || cve || v[i]->aliases != v[0]->aliases;
        last = v[i]->aliases;
    }
    for (uint32_t i = 0; i < l.n; i++)
        if (finding_str_compare(l.v[i], v[0]->cve_id) != 0)
            out.v[out.n++] = l.v[i];
    if (!changed || !out.n)
        return 0;
    v[0]->aliases = sco_pool_strs(m->pool, out.v, out.n);
    return v[0]->aliases ? 0 : SCO_E_NOMEM;
}

/* ---- tools ---- */

static int compare_tool(const struct sco_tool *a, const struct sco_tool *b)
{
    int c = finding_str_compare(a->name, b->name);
    return c ? c : finding_str_compare(a->rule_id, b->rule_id);
}

/* Inserts sorted by name and rule; of the same two, the one that says more (severity, version). */
static uint32_t add_tool(const struct sco_tool **l, uint32_t n, const struct sco_tool *t)
{
    uint32_t at = 0;
    while (at < n && compare_tool(l[at], t) < 0)
        at++;
    if (at < n && compare_tool(l[at], t) == 0) {
        bool more =
            t->severity > l[at]->severity ||
            (t->severity == l[at]->severity && finding_str_compare(t->version, l[at]->version) > 0);
        if (more)
            l[at] = t;
        return n;
    }
    if (at == FINDING_TOOLS_MAX)
        return n;
    uint32_t keep = n < FINDING_TOOLS_MAX ? n : FINDING_TOOLS_MAX - 1;
    memmove(&l[at + 1], &l[at], (keep - at) * sizeof(void *));
    l[at] = t;
    return keep + 1;
}

static int unite_tools(const struct merger *m, struct sco_finding *const *v, size_t n)
{
    const struct sco_tool *l[FINDING_TOOLS_MAX];
    const struct sco_tools *last = NULL;
    uint32_t count = 0;
    bool changed = false;
    for (size_t i = 0; i < n; i++) {
        if (v[i]->tools == last)
            continue;
        last = v[i]->tools;
        changed = changed || i > 0;
        for (uint32_t k = 0; last && k < last->n; k++)
            count = add_tool(l, count, last->v[k]);
    }
    if (!changed || !count)
        return 0;
    v[0]->tools = sco_pool_tools(m->pool, l, count);
    if (!v[0]->tools)
        return SCO_E_NOMEM;
    v[0]->rule_id = l[0]->rule_id ? l[0]->rule_id : v[0]->rule_id;
    return 0;
}

/* ---- places, suppressions ---- */

static int compare_places(const void *pa, const void *pb)
{
    const struct sco_place *a = pa, *b = pb;
    int c = finding_str_compare(a->file_path, b->file_path);
    c = c ? c : compare_int(a->line, b->line);
    c = c ? c : finding_str_compare(a->resource, b->resource);
    c = c ? c : compare_int(a->column, b->column);
    c = c ? c : compare_int(a->end_line, b->end_line);
    return c ? c : compare_int(a->end_column, b->end_column);
}

static bool same_place(const struct sco_place *a, const struct sco_place *b)
{
    return a->line == b->line && finding_str_compare(a->file_path, b->file_path) == 0 &&
           finding_str_compare(a->resource, b->resource) == 0;
}

static struct sco_place place_of(const struct sco_finding *f)
{
    struct sco_place p;
    memset(&p, 0, sizeof p);
    p.file_path = f->file_path;
    p.resource = f->resource;
    p.line = f->line;
    p.end_line = f->end_line;
    p.column = f->column;
    p.end_column = f->end_column;
    return p;
}

static size_t gather_places(const struct merger *m, struct sco_finding *const *v, size_t n,
                            struct sco_place *to)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        const struct sco_places *l = v[i]->locations;
        if (i && m->add_places && count < PLACES_MAX)
            to[count++] = place_of(v[i]);
        for (uint32_t k = 0; l && k < l->n && count < PLACES_MAX; k++)
            to[count++] = l->v[k];
    }
    return count;
}

static int unite_places(const struct merger *m, struct sco_finding *const *v, size_t n)
{
    bool any = m->add_places;
    for (size_t i = 1; i < n && !any; i++)
        any = v[i]->locations != NULL;
    if (!any)
        return 0;
    SCO_AUTO(sco_free) struct sco_place *l = sco_alloc(PLACES_MAX, sizeof *l);
    if (!l)
        return SCO_E_NOMEM;
    size_t count = gather_places(m, v, n, l);
    struct sco_place own = place_of(v[0]);
    uint32_t kept = 0;
    qsort(l, count, sizeof *l, compare_places);
    for (size_t i = 0; i < count && kept < FINDING_LOCATIONS_MAX; i++)
        if (!same_place(&l[i], &own) && (!kept || !same_place(&l[i], &l[kept - 1])))
            l[kept++] = l[i];
    v[0]->locations = kept ? sco_pool_places(m->pool, l, kept) : NULL;
    return !kept || v[0]->locations ? 0 : SCO_E_NOMEM;
}

/* One member that nobody excused keeps the whole finding open. */
static int unite_suppressions(const struct merger *m, struct sco_finding *const *v, size_t n)
{
    struct sco_suppressed l[FINDING_SUPPRESSIONS_MAX];
    const struct sco_suppresseds *last = NULL;
    uint32_t count = 0;
    memset(l, 0, sizeof l); /* padding */
    for (size_t i = 0; i < n; i++) {
        const struct sco_suppresseds *s = v[i]->suppressions;
        if (!s || !s->n) {
            v[0]->suppressions = NULL;
            return 0;
        }
        for (uint32_t k = 0; s != last && k < s->n && count < FINDING_SUPPRESSIONS_MAX; k++) {
            bool again = false;
            for (uint32_t j = 0; j < count && !again; j++)
                again = l[j].kind == s->v[k].kind &&
                        finding_str_compare(l[j].reason, s->v[k].reason) == 0 &&
                        finding_str_compare(l[j].expires, s->v[k].expires) == 0;
            if (!again) {
                l[count].kind = s->v[k].kind;
                l[count].reason = s->v[k].reason;
                l[count++].expires = s->v[k].expires;
            }
        }
        last = s;
    }
    v[0]->suppressions = sco_pool_suppresseds(m->pool, l, count);
    return v[0]->suppressions ? 0 : SCO_E_NOMEM;
}

/* ---- packages ---- */

static const char *joined(const struct merger *m, const struct strings *l)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    for (uint32_t i = 0; i < l->n; i++)
        sco_buf_addf(&b, "%s%s", i ? ", " : "", l->v[i]);
    return b.failed ? NULL : sco_pool_str(m->pool, sco_buf_str(&b));
}

/* The versions that the members name beside the first one's, as metadata. */
static int note_versions(const struct merger *m, struct sco_finding *f, const struct strings *l)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    size_t n = f->metadata ? strlen(f->metadata) : 0;
    const char *text = joined(m, l);
    if (!text)
        return SCO_E_NOMEM;
    if (f->metadata && strstr(f->metadata, "\"package_versions\":"))
        return 0;
    sco_json_begin(&o, '{');
    if (n > 2)
        sco_json_raw(&o, sco_str_make(f->metadata + 1, n - 2));
    sco_json_kz(&o, "package_versions", text);
    sco_json_end(&o, '}');
    f->metadata = b.failed ? NULL : sco_pool_str(m->pool, sco_buf_str(&b));
    return f->metadata ? 0 : SCO_E_NOMEM;
}

static int unite_packages(const struct merger *m, struct sco_finding *const *v, size_t n)
{
    struct sco_package k = {0};
    struct strings versions = {.max = VERSIONS_MAX}, fixed = {.max = VERSIONS_MAX};
    const struct sco_package *last = NULL;
    bool changed = false;
    for (size_t i = 0, lists = 0; i < n && lists < LISTS_MAX; i++) {
        const struct sco_package *p = v[i]->package;
        if (!p || p == last)
            continue;
        last = p;
        lists++;
        changed = changed || i > 0;
        k.name = k.name ? k.name : p->name;
        k.version = k.version ? k.version : p->version;
        k.ecosystem = k.ecosystem ? k.ecosystem : p->ecosystem;
        k.purl = k.purl ? k.purl : p->purl;
        add_string(&versions, p->version);
        add_string(&fixed, p->fixed_version);
    }
    if (!changed)
        return 0;
    if (fixed.n && !(k.fixed_version = joined(m, &fixed)))
        return SCO_E_NOMEM;
    v[0]->package = sco_pool_package(m->pool, &k);
    if (!v[0]->package)
        return SCO_E_NOMEM;
    return versions.n > 1 ? note_versions(m, v[0], &versions) : 0;
}

/* ---- all of it ---- */

/* What the first member does not know, the next one that does. */
static void fill_texts(struct sco_finding *f, const struct sco_finding *o)
{
    f->description = f->description ? f->description : o->description;
    f->remediation = f->remediation ? f->remediation : o->remediation;
    f->cve_id = f->cve_id ? f->cve_id : o->cve_id;
    f->commit = f->commit ? f->commit : o->commit;
    f->metadata = f->metadata ? f->metadata : o->metadata;
    if (!(f->cvss_score > 0) && o->cvss_score > 0) {
        f->cvss_score = o->cvss_score;
        f->cvss_vector = o->cvss_vector;
    }
}

static void fill(struct sco_finding *f, const struct sco_finding *o)
{
    fill_texts(f, o);
    f->severity = o->severity > f->severity ? o->severity : f->severity;
    f->epss = o->epss > f->epss ? o->epss : f->epss;
    f->kev |= o->kev;
    f->order = o->order < f->order ? o->order : f->order;
    if (o->status == SCO_STATUS_OPEN)
        f->status = SCO_STATUS_OPEN;
    f->occurrences =
        f->occurrences > UINT32_MAX - o->occurrences ? UINT32_MAX : f->occurrences + o->occurrences;
}

int finding_merge(const struct merger *m, struct sco_finding *const *v, size_t n)
{
    int r = unite_aliases(m, v, n);
    r = r ? r : unite(m, v, n, offsetof(struct sco_finding, cwe_ids), FINDING_CWES_MAX);
    r = r ? r : unite(m, v, n, offsetof(struct sco_finding, references), FINDING_REFERENCES_MAX);
    r = r ? r : unite_tools(m, v, n);
    r = r ? r : unite_places(m, v, n);
    r = r ? r : unite_suppressions(m, v, n);
    r = r ? r : unite_packages(m, v, n);
    if (r)
        return r;
    for (size_t i = 1; i < n; i++) {
        fill(v[0], v[i]);
        v[i]->occurrences = 0;
    }
    return 0;
}

void findings_compact(struct sco_finding_set *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (!s->v[i].occurrences)
            continue;
        if (n != i)
            s->v[n] = s->v[i];
        n++;
    }
    s->n = n;
}

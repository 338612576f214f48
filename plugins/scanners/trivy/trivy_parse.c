/* Reports of Trivy: the object with SchemaVersion 2, the list of results that came before it, and
 * the Kubernetes report with its objects. Lists are walked in the order kept below: the packages of
 * a result first, since they know the lines that vulnerabilities refer to. */
#include "trivy_priv.h"

#include <stdlib.h>

enum { PACKAGES_MAX = 200000 }; /* with a line, in one result */

static const char *const DEFERRED[] = {
    "Results",  "Vulnerabilities", "Misconfigurations", "Secrets", "Licenses",
    "Packages", "CustomResources", "Resources",         "[]",      "ExperimentalModifiedFindings",
    NULL};

static struct sco_str keep(const struct trivy_parse *p, struct sco_str s)
{
    return s.n ? sco_str_c(sco_cstr(p->t->h, s)) : s;
}

static int grow_packages(struct trivy_parse *p)
{
    struct trivy_result *r = &p->result;
    size_t cap = r->cap_packages ? r->cap_packages * 2 : 256;
    struct trivy_package *v;
    if (r->n_packages < r->cap_packages)
        return 0;
    if (cap > PACKAGES_MAX || !(v = p->t->h->alloc(p->t->h, cap * sizeof *v)))
        return -1;
    if (r->n_packages)
        memcpy(v, r->packages, r->n_packages * sizeof *v);
    r->packages = v;
    r->cap_packages = cap;
    return 0;
}

static int on_package(void *user, const struct sco_node *item)
{
    struct trivy_parse *p = user;
    const struct sco_node *place = sco_first(sco_get(item, "Locations"));
    int64_t line = sco_int_at(place, "StartLine", 0);
    if (line > 0 && grow_packages(p) == 0)
        p->result.packages[p->result.n_packages++] = (struct trivy_package){
            .name = keep(p, sco_text_at(item, "Name")),
            .version = keep(p, sco_text_at(item, "Version")),
            .line = line,
            .end_line = sco_int_at(place, "EndLine", 0),
        };
    return 0;
}

/* Left out by an ignore file, a policy or a VEX document; --show-suppressed lists it. */
static int on_modified(void *user, const struct sco_node *item)
{
    struct trivy_parse *p = user;
    const struct sco_node *finding = sco_get(item, "Finding");
    struct sco_str type = sco_text_at(item, "Type"), status = sco_text_at(item, "Status");
    struct sco_suppression s = {.kind = SCO_SUPPRESS_WAIVER};
    int r = REP_UNUSABLE;
    if (!sco_is(finding, SCO_NODE_MAP))
        return REP_UNUSABLE;
    s.reason = rep_both(p->t->h, rep_or(sco_text_at(item, "Statement"), status), ", ",
                        sco_text_at(item, "Source"));
    p->suppression = &s;
    if (sco_str_is_nocase(type, "vulnerability"))
        r = trivy_vulnerability(p, finding);
    else if (sco_str_is_nocase(type, "misconfiguration"))
        r = trivy_misconfiguration(p, finding);
    else if (sco_str_is_nocase(type, "secret"))
        r = trivy_secret(p, finding);
    else if (sco_str_is_nocase(type, "license"))
        r = trivy_license(p, finding);
    p->suppression = NULL;
    return r;
}

static int on_result(void *user, const struct sco_node *item)
{
    struct trivy_parse *p = user;
    static const struct {
        const char *name;
        rep_item_fn fn;
    } lists[] = {
        {"Packages", on_package},
        {"Vulnerabilities", trivy_vulnerability},
        {"Misconfigurations", trivy_misconfiguration},
        {"Secrets", trivy_secret},
        {"Licenses", trivy_license},
    };
    int r = 0;
    if (!sco_get(item, "Target") && !sco_get(item, "Vulnerabilities") &&
        !sco_get(item, "Misconfigurations"))
        return REP_UNUSABLE;
    p->results++;
    p->result = (struct trivy_result){
        .target = keep(p, sco_text_at(item, "Target")),
        .class_name = keep(p, sco_text_at(item, "Class")),
        .type = keep(p, sco_text_at(item, "Type")),
        .object = p->result.object,
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists && r == 0; i++) {
        r = rep_walk(&p->doc, sco_get(item, lists[i].name), lists[i].name, NULL, lists[i].fn, p);
        if (lists[i].fn == on_package && p->result.n_packages)
            qsort(p->result.packages, p->result.n_packages, sizeof *p->result.packages,
                  trivy_package_order);
    }
    if (r < 0)
        return r;
    return rep_walk(&p->doc, sco_get(item, "ExperimentalModifiedFindings"),
                    "ExperimentalModifiedFindings", NULL, on_modified, p);
}

/* An object of a cluster, with results of its own. */
static int on_object(void *user, const struct sco_node *item)
{
    struct trivy_parse *p = user;
    const struct sco_host *h = p->t->h;
    struct sco_str kind = sco_text_at(item, "Kind"), name = sco_text_at(item, "Name");
    struct sco_str space = sco_text_at(item, "Namespace"), error = sco_text_at(item, "Error");
    int r;
    p->objects++;
    p->result.object = keep(p, sco_fmt(h, "%.*s%s%.*s/%.*s", SCO_STR_ARG(space), space.n ? "/" : "",
                                       SCO_STR_ARG(kind), SCO_STR_ARG(name)));
    if (error.n)
        h->incomplete(h, sco_fmt(h, "%.*s was not scanned: %.*s", SCO_STR_ARG(p->result.object),
                                 SCO_STR_ARG(error)));
    r = rep_walk(&p->doc, sco_get(item, "Results"), "Results", DEFERRED, on_result, p);
    p->result.object = sco_str_make(NULL, 0);
    return r;
}

static int parse_cluster(struct trivy_parse *p)
{
    static const char *const lists[] = {"Vulnerabilities", "Misconfigurations", "Resources", NULL};
    int r = 0;
    if (!rep_has(p->doc.root, lists))
        return rep_format(&p->doc, "the cluster has no \"Resources\"");
    for (const char *const *l = lists; *l && r >= 0; l++)
        r = rep_walk(&p->doc, sco_get(p->doc.root, *l), *l, DEFERRED, on_object, p);
    if (r == 0 && !p->objects && !p->doc.unusable)
        return sco_errf(p->doc.e, SCO_RUN_INCOMPLETE, "the report names no object of the cluster");
    return r;
}

static int parse_object(struct trivy_parse *p)
{
    const struct sco_node *root = p->doc.root;
    const struct sco_node *schema = sco_get(root, "SchemaVersion");
    int64_t version = sco_int(schema, 0);
    struct sco_str tool_version = keep(p, sco_text_at(root, "Trivy.Version"));
    if (tool_version.n)
        p->t->h->tool(p->t->h, SCO_STR(TRIVY_TOOL), tool_version);
    if (!schema && sco_get(root, "ClusterName"))
        return parse_cluster(p);
    if (!schema)
        return rep_format(&p->doc, "expected \"SchemaVersion\", \"ClusterName\" or a list");
    if (version != 2)
        return sco_errf(p->doc.e, SCO_E_FORMAT,
                        "a report of Trivy with SchemaVersion %.*s; this plugin reads 2",
                        SCO_STR_ARG(sco_text(schema)));
    if (!sco_get(root, "Results") && !sco_get(root, "ArtifactName"))
        return rep_format(&p->doc, "neither \"ArtifactName\" nor \"Results\" is in it");
    if (sco_is(sco_get(root, "Results"), SCO_NODE_NULL))
        return sco_errf(p->doc.e, SCO_RUN_INCOMPLETE,
                        "\"Results\" is null: it does not say whether anything was scanned");
    p->artifact = keep(p, sco_text_at(root, "ArtifactName"));
    return rep_walk(&p->doc, sco_get(root, "Results"), "Results", DEFERRED, on_result, p);
}

static int parse_document(struct trivy_parse *p)
{
    const struct sco_node *root = p->doc.root;
    int r;
    if (sco_is(root, SCO_NODE_MAP))
        return parse_object(p);
    if (sco_is(root, SCO_NODE_NULL))
        return sco_errf(p->doc.e, SCO_RUN_INCOMPLETE,
                        "the report is null: old releases write that when they found nothing, but "
                        "it does not say what was scanned");
    if (!sco_is(root, SCO_NODE_LIST) && !sco_is(root, SCO_NODE_DEFERRED))
        return rep_format(&p->doc, "expected an object or a list of results");
    r = rep_walk(&p->doc, root, "$", DEFERRED, on_result, p);
    if (r == 0 && !p->results && !p->doc.unusable)
        return sco_errf(p->doc.e, SCO_RUN_INCOMPLETE,
                        "the report is an empty list: it does not say what was scanned");
    return r;
}

int trivy_parse_report(void *ctx, const struct sco_input *in, struct sco_errbuf *e)
{
    struct trivy *t = ctx;
    struct trivy_parse p = {.t = t, .doc = {.h = t->h, .tool = TRIVY_TOOL, .e = e}};
    int r = rep_open(&p.doc, in->path, DEFERRED);
    if (r == 0)
        r = parse_document(&p);
    return rep_close(&p.doc, r);
}

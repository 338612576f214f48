/* Saved reports of ZAP: traditional-json (also "plus") and XML of any version, site by site. */
#include "zap_priv.h"

struct parse {
    struct zap *z;
    struct rep_doc doc;
    struct sco_str site;
    struct instance *instances; /* room for ZAP_INSTANCES_MAX, used again for each alert */
    uint64_t sites, alerts;
};

/* ---- both shapes ------------------------------------------------------------------------------
 */

static struct sco_str trimmed(struct sco_str s)
{
    while (s.n && (unsigned char)s.p[0] <= ' ')
        s = sco_str_make(s.p + 1, s.n - 1);
    while (s.n && (unsigned char)s.p[s.n - 1] <= ' ')
        s.n--;
    return s;
}

/* A JSON scalar, or the text of an XML element. */
static struct sco_str text(const struct sco_node *node, const char *name)
{
    const struct sco_node *v = sco_get(node, name);
    return trimmed(sco_text(sco_is(v, SCO_NODE_MAP) ? sco_get(v, "#text") : v));
}

static struct sco_str either(const struct sco_node *node, const char *a, const char *b)
{
    struct sco_str s = text(node, a);
    return s.n ? s : text(node, b);
}

static void add_instance(struct parse *p, struct alert *a, const struct sco_node *node)
{
    if (!sco_is(node, SCO_NODE_MAP))
        return;
    if (a->n_total++ >= ZAP_INSTANCES_MAX)
        return;
    struct instance *i = &p->instances[a->n_instances++];
    i->url = either(node, "uri", "url");
    i->method = text(node, "method");
    i->param = text(node, "param");
    i->attack = text(node, "attack");
    i->evidence = text(node, "evidence");
}

static void read_instances(struct parse *p, struct alert *a, const struct sco_node *node)
{
    const struct sco_node *list = sco_get(node, "instances");
    a->instances = p->instances;
    if (sco_is(list, SCO_NODE_LIST)) {
        SCO_EACH (item, list)
            add_instance(p, a, item);
    } else if (sco_is(list, SCO_NODE_MAP)) {
        for (const struct sco_node *c = list->child; c; c = c->next)
            if (sco_str_is(c->key, "instance"))
                add_instance(p, a, c);
    }
    if (!a->n_total && text(node, "uri").n) /* before version 2.5 the alert was its only one */
        add_instance(p, a, node);
}

static int report_alert(void *user, const struct sco_node *node)
{
    struct parse *p = user;
    struct alert a = {.site = p->site};
    p->alerts++;
    a.plugin_id = text(node, "pluginid");
    a.ref = text(node, "alertRef");
    a.name = either(node, "name", "alert");
    a.risk = text(node, "riskcode");
    a.confidence = text(node, "confidence");
    a.description = text(node, "desc");
    a.solution = text(node, "solution");
    a.other = text(node, "otherinfo");
    a.reference = text(node, "reference");
    a.cwe = text(node, "cweid");
    a.wasc = text(node, "wascid");
    a.count = text(node, "count");
    read_instances(p, &a, node);
    return zap_report(p->z, &p->doc, &a);
}

static int nothing_reached(struct parse *p)
{
    return sco_errf(p->doc.e, SCO_RUN_INCOMPLETE,
                    "the report names no site: %s reached nothing, or was asked for nothing",
                    ZAP_TOOL);
}

/* ---- JSON -------------------------------------------------------------------------------------
 */

static int report_site(void *user, const struct sco_node *site)
{
    struct parse *p = user;
    const struct sco_node *alerts = sco_get(site, "alerts");
    p->sites++;
    p->site = text(site, "@name");
    if (!alerts || alerts->type == SCO_NODE_NULL)
        return REP_UNUSABLE;
    return rep_walk(&p->doc, alerts, "alerts", NULL, report_alert, p);
}

/* What ZAP says about its own run since 2.17. */
static void tell_insights(struct parse *p, const struct sco_node *list)
{
    SCO_EACH (item, list) {
        struct sco_str what = text(item, "description");
        if (what.n && p->z->insights)
            p->doc.h->log(p->doc.h, SCO_LOG_INFO,
                          sco_fmt(p->doc.h, "insight: %.*s: %.*s", SCO_STR_ARG(what),
                                  SCO_STR_ARG(text(item, "statistic"))));
    }
}

static int parse_json(struct parse *p, const char *path)
{
    static const char *const deferred[] = {"alerts", NULL};
    int r = rep_open(&p->doc, path, deferred);
    if (r == 0) {
        const struct sco_node *root = p->doc.root, *sites = sco_get(root, "site");
        if (!sites || (sites->type != SCO_NODE_LIST && sites->type != SCO_NODE_MAP))
            r = rep_format(&p->doc, "there is no list \"site\"");
        if (r == 0)
            r = p->doc.h->tool(p->doc.h, SCO_STR(ZAP_TOOL), text(root, "@version"));
        tell_insights(p, sco_get(root, "insights"));
        if (r == 0 && sco_is(sites, SCO_NODE_LIST)) {
            r = rep_walk(&p->doc, sites, "site", deferred, report_site, p);
        } else if (r == 0) {
            r = report_site(p, sites);
            p->doc.unusable += r == REP_UNUSABLE;
            r = r == REP_UNUSABLE ? 0 : r;
        }
        if (r == 0 && !p->sites)
            r = nothing_reached(p);
    }
    return rep_close(&p->doc, r);
}

/* ---- XML --------------------------------------------------------------------------------------
 */

static int record(void *user, const struct sco_node *const *ancestors, size_t n,
                  const struct sco_node *node)
{
    struct parse *p = user;
    p->site = sco_str_make(NULL, 0);
    for (size_t i = 0; i < n; i++)
        if (sco_str_is(ancestors[i]->key, "site"))
            p->site = sco_text(sco_get(ancestors[i], "@name"));
    int r = report_alert(p, node);
    if (r == REP_UNUSABLE)
        p->doc.unusable++;
    return r < 0 ? r : 0;
}

static int count_site(void *user, const struct sco_node *const *ancestors, size_t n,
                      const struct sco_node *node)
{
    (void)ancestors;
    (void)n;
    (void)node;
    ((struct parse *)user)->sites++;
    return 0;
}

/* The root element with its attributes, as far as they are in the first bytes. */
static int read_root(struct parse *p, const char *path)
{
    char head[4096];
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(head, 1, sizeof head, f) : 0;
    if (f)
        fclose(f);
    const char *root = memmem(head, n, "<OWASPZAPReport", 15);
    if (!root)
        return rep_format(&p->doc, "its root is not <OWASPZAPReport>");
    size_t left = n - (size_t)(root - head);
    const char *end = memchr(root, '>', left);
    const char *v = memmem(root, end ? (size_t)(end - root) : left, "version=\"", 9);
    struct sco_str version = {0};
    if (v) {
        size_t max = n - (size_t)(v + 9 - head);
        const char *quote = memchr(v + 9, '"', max);
        version = sco_str_make(v + 9, quote ? (size_t)(quote - v - 9) : 0);
    }
    return p->doc.h->tool(p->doc.h, SCO_STR(ZAP_TOOL), version);
}

static int parse_xml(struct parse *p, const char *path)
{
    static const char *const alerts[] = {"alertitem", NULL}, *const sites[] = {"site", NULL};
    const struct sco_host *h = p->doc.h;
    int r = read_root(p, path);
    if (r == 0)
        r = h->data->read_xml(h, path, alerts, record, p, p->doc.e);
    if (r == 0 && !p->alerts)
        r = h->data->read_xml(h, path, sites, count_site, p, p->doc.e);
    if (r == 0 && !p->alerts && !p->sites)
        r = nothing_reached(p);
    return rep_close(&p->doc, r);
}

/* ---- either -----------------------------------------------------------------------------------
 */

static int first_char(const char *path)
{
    FILE *f = fopen(path, "re");
    int c = 0;
    while (f && (c = fgetc(f)) != EOF && (c <= ' ' || c == 0xEF || c == 0xBB || c == 0xBF))
        ;
    if (f)
        fclose(f);
    return c == EOF ? 0 : c;
}

int zap_parse(void *ctx, const struct sco_input *in, struct sco_errbuf *e)
{
    struct zap *z = ctx;
    struct parse p = {.z = z, .doc = {.h = z->h, .tool = ZAP_TOOL, .e = e}};
    p.instances = z->h->alloc(z->h, ZAP_INSTANCES_MAX * sizeof *p.instances);
    if (!p.instances)
        return sco_errf(e, SCO_E_NOMEM, "out of memory");
    return first_char(in->path) == '<' ? parse_xml(&p, in->path) : parse_json(&p, in->path);
}

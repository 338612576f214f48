/* Reports of Dependency-Check: JSON (reportSchema 1.1 and before) and XML of any schema version.
 * Both are streamed dependency by dependency. */
#include "dc_priv.h"

enum { VULNERABILITIES_MAX = 20000, EXCEPTIONS_SHOWN = 3 };

struct parse {
    struct rep_doc doc;
    uint64_t dependencies;
    int seen_head; /* XML: scanInfo or projectInfo below <analysis> */
    int wrong_root;
};

/* ---- dependencies -----------------------------------------------------------------------------
 */

static int report_list(struct parse *p, const struct sco_node *dependency, const char *outer,
                       const char *inner, int suppressed)
{
    const struct sco_node *list = sco_get(dependency, outer);
    int json = sco_is(list, SCO_NODE_LIST);
    if (!sco_is(list, SCO_NODE_LIST) && !sco_is(list, SCO_NODE_MAP)) {
        if (list && list->type != SCO_NODE_NULL && sco_text(list).n)
            p->doc.unusable++;
        return 0;
    }
    uint64_t n = 0;
    for (const struct sco_node *v = list->child; v; v = v->next) {
        if (!json && !sco_str_is(v->key, inner))
            continue;
        if (n++ == VULNERABILITIES_MAX) {
            p->doc.unusable++;
            return 0;
        }
        struct component c; /* again for each: its texts live until the next finding */
        dc_component(p->doc.h, dependency, &c);
        int r =
            sco_is(v, SCO_NODE_MAP) ? dc_vulnerability(&p->doc, &c, v, suppressed) : REP_UNUSABLE;
        if (r == REP_UNUSABLE)
            p->doc.unusable++;
        else if (r < 0)
            return r;
    }
    return 0;
}

static int report_dependency(void *user, const struct sco_node *dependency)
{
    struct parse *p = user;
    p->dependencies++;
    int r = report_list(p, dependency, "vulnerabilities", "vulnerability", 0);
    if (r == 0 && sco_is(sco_get(dependency, "vulnerabilities"), SCO_NODE_MAP))
        return report_list(p, dependency, "vulnerabilities", "suppressedVulnerability", 1);
    return r < 0 ? r : report_list(p, dependency, "suppressedVulnerabilities", "", 1);
}

/* ---- what went wrong --------------------------------------------------------------------------
 */

struct exceptions {
    const struct sco_host *h;
    struct sco_str text;
    uint64_t n;
};

static void add_exception(struct exceptions *x, struct sco_str message)
{
    if (message.n > 300)
        message.n = 300;
    if (x->n++ < EXCEPTIONS_SHOWN && message.n)
        x->text = sco_fmt(x->h, "%.*s%s%.*s", SCO_STR_ARG(x->text), x->text.n ? "; " : "",
                          SCO_STR_ARG(message));
}

/* Each exception has a message and may hold others; JSON and XML wrap them differently. */
static void collect_exceptions(struct exceptions *x, const struct sco_node *v, int depth)
{
    if (!v || depth > 4 || (v->type != SCO_NODE_LIST && v->type != SCO_NODE_MAP))
        return;
    struct sco_str message = dc_text(v, "message");
    if (message.n) {
        add_exception(x, message);
        return; /* what it was caused by only says it again */
    }
    for (const struct sco_node *c = v->child; c; c = c->next)
        collect_exceptions(x, c, depth + 1);
}

static int tell_scan_info(struct parse *p, const struct sco_node *info)
{
    const struct sco_host *h = p->doc.h;
    int r = h->tool(h, SCO_STR("dependency-check"), dc_text(info, "engineVersion"));
    const struct sco_node *list = sco_get(info, "analysisExceptions");
    struct exceptions x = {.h = h};
    collect_exceptions(&x, list, 0);
    if (!x.n && list && list->type >= SCO_NODE_LIST && list->n)
        add_exception(&x, SCO_STR("an analysis exception without a message"));
    if (x.n > EXCEPTIONS_SHOWN)
        x.text = sco_fmt(h, "%.*s; and %llu more", SCO_STR_ARG(x.text),
                         (unsigned long long)(x.n - EXCEPTIONS_SHOWN));
    if (x.n)
        h->incomplete(h, sco_fmt(h, "analysis exceptions: %.*s", SCO_STR_ARG(x.text)));
    return r;
}

/* ---- JSON -------------------------------------------------------------------------------------
 */

static int parse_json(struct parse *p, const char *path)
{
    static const char *const deferred[] = {"dependencies", NULL};
    int r = rep_open(&p->doc, path, deferred);
    if (r == 0) {
        const struct sco_node *root = p->doc.root, *list = sco_get(root, "dependencies");
        if (!sco_get(root, "reportSchema") && !sco_get(root, "scanInfo"))
            r = rep_format(&p->doc, "neither \"reportSchema\" nor \"scanInfo\" is there");
        else if (!list || list->type == SCO_NODE_NULL)
            r = rep_format(&p->doc, "there are no \"dependencies\", which a finished analysis has");
        if (r == 0)
            r = tell_scan_info(p, sco_get(root, "scanInfo"));
        if (r == 0)
            r = rep_walk(&p->doc, list, "dependencies", NULL, report_dependency, p);
    }
    return rep_close(&p->doc, r);
}

/* ---- XML --------------------------------------------------------------------------------------
 */

static int record(void *user, const struct sco_node *const *ancestors, size_t n_ancestors,
                  const struct sco_node *node)
{
    struct parse *p = user;
    if (n_ancestors < 1 || !sco_str_is(ancestors[0]->key, "analysis")) {
        p->wrong_root = 1;
        return 0;
    }
    if (sco_str_is(node->key, "dependency"))
        return report_dependency(p, node);
    p->seen_head = 1;
    if (sco_str_is(node->key, "scanInfo"))
        return tell_scan_info(p, node);
    return 0;
}

static int parse_xml(struct parse *p, const char *path)
{
    static const char *const records[] = {"dependency", "scanInfo", "projectInfo", NULL};
    const struct sco_host *h = p->doc.h;
    int r = h->data->read_xml(h, path, records, record, p, p->doc.e);
    if (r == 0 && (p->wrong_root || !p->seen_head))
        r = rep_format(&p->doc, "its root is not <analysis> with <scanInfo>");
    return rep_close(&p->doc, r);
}

/* ---- either -----------------------------------------------------------------------------------
 */

/* The first character that is not white space or a byte order mark; 0: none. */
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

int dc_parse(void *ctx, const struct sco_input *in, struct sco_errbuf *e)
{
    struct dc *d = ctx;
    struct parse p = {.doc = {.h = d->h, .tool = DC_TOOL, .e = e}};
    return first_char(in->path) == '<' ? parse_xml(&p, in->path) : parse_json(&p, in->path);
}

/* Saved files: which of the formats it is, and the JSON ones. */
#include "sonar_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

/* ---- JSON -------------------------------------------------------------------------------------
 */

struct walk {
    struct sonar *s;
    struct rep_doc *doc;
    uint64_t n;
    int rows; /* of sonar-report */
};

static int on_issue(void *user, const struct sco_node *item)
{
    struct walk *w = user;
    w->n++;
    if (!w->rows) /* a list of hotspots has no name of its own */
        return sco_get(item, "vulnerabilityProbability") ? sonar_hotspot(w->s, w->doc, item)
                                                         : sonar_issue(w->s, w->doc, item);
    struct sonar_row row = {.rule = sco_text(sco_get(item, "rule")),
                            .severity = sco_text(sco_get(item, "severity")),
                            .component = sco_text(sco_get(item, "component")),
                            .line = sco_text(sco_get(item, "line")),
                            .description = sco_text(sco_get(item, "description")),
                            .message = sco_text(sco_get(item, "message")),
                            .key = sco_text(sco_get(item, "key"))};
    return sonar_row(w->s, w->doc, &row);
}

/* The rules of sonar-report: a map from key to rule. */
static int read_rules(struct walk *w, const struct sco_node *rules)
{
    const struct sco_data_api *data = w->s->h->data;
    struct sco_iter *it = NULL;
    const struct sco_node *node = NULL;
    int r = rules ? data->iter_open(w->doc->r, rules, &it, w->doc->e) : 0;
    while (r >= 0 && it && (r = data->iter_next(it, NULL, &node, w->doc->e)) > 0) {
        struct sco_str key = node->key.n ? node->key : sco_text(sco_get(node, "key"));
        struct sonar_rule *rule = key.n ? sonar_rule_make(w->s, key) : NULL;
        if (rule)
            sonar_rule_read(w->s, rule, node);
    }
    if (it)
        data->iter_close(it);
    return r < 0 ? r : 0;
}

static void check_paging(struct walk *w, const struct sco_node *root)
{
    int64_t total = sco_int_at(root, "paging.total", 0);
    if (total > 0 && (uint64_t)total > w->n)
        w->s->h->incomplete(w->s->h, sco_fmt(w->s->h,
                                             "this page has %llu of %lld; the others are "
                                             "in other files",
                                             (unsigned long long)w->n, (long long)total));
}

int sonar_parse_document(struct sonar *s, struct rep_doc *doc)
{
    const struct sco_node *root = doc->root, *issues = sco_get(root, "issues");
    const struct sco_node *hotspots = sco_get(root, "hotspots");
    struct walk w = {.s = s, .doc = doc};
    int r = 0;
    if (root->type == SCO_NODE_LIST || root->type == SCO_NODE_DEFERRED)
        return rep_walk(doc, root, "the list", NULL, on_issue, &w);
    if (!issues && !hotspots)
        return rep_format(doc, "neither \"issues\" nor \"hotspots\" are there");
    w.rows = sco_get(root, "sonarBaseURL") || sco_get(root, "hotspotKeys");
    if ((issues && issues->type == SCO_NODE_NULL) || (hotspots && hotspots->type == SCO_NODE_NULL))
        return rep_format(doc, "its list is null");
    r = read_rules(&w, sco_get(root, "rules"));
    if (r == 0)
        r = rep_walk(doc, issues, "issues", NULL, on_issue, &w);
    if (r == 0 && !w.rows)
        r = rep_walk(doc, hotspots, "hotspots", NULL, on_issue, &w);
    if (r == 0)
        check_paging(&w, root);
    return r;
}

static int parse_json(struct sonar *s, const char *path, struct sco_errbuf *e)
{
    static const char *const deferred[] = {"issues", "hotspots", "rules", "components", "[]", NULL};
    struct rep_doc doc = {.h = s->h, .tool = SONAR_TOOL, .e = e};
    int r = rep_open(&doc, path, deferred);
    if (r == 0)
        r = sonar_parse_document(s, &doc);
    return rep_close(&doc, r);
}

/* ---- files ------------------------------------------------------------------------------------
 */

int sonar_read_file(const char *path, size_t limit, struct sco_str *ret, struct sco_errbuf *e)
{
    FILE *f = fopen(path, "re");
    struct stat st;
    if (!f || fstat(fileno(f), &st) != 0) {
        int r = sco_errf(e, SCO_E_IO, "cannot read %s: %s", path, strerror(errno));
        if (f)
            fclose(f);
        return r;
    }
    size_t n = (size_t)st.st_size;
    char *p = n <= limit ? malloc(n + 1) : NULL;
    int r = n > limit ? sco_errf(e, SCO_E_LIMIT, "%s has more than %zu bytes", path, limit)
            : !p      ? sco_errf(e, SCO_E_NOMEM, "out of memory")
                      : 0;
    if (r == 0 && fread(p, 1, n, f) != n)
        r = sco_errf(e, SCO_E_IO, "cannot read %s", path);
    fclose(f);
    if (r < 0) {
        free(p);
        return r;
    }
    p[n] = 0;
    *ret = sco_str_make(p, n);
    return 0;
}

static int parse_html(struct sonar *s, const char *path, struct sco_errbuf *e)
{
    struct rep_doc doc = {.h = s->h, .tool = SONAR_TOOL, .e = e};
    struct sco_str html = {0};
    int r = sonar_read_file(path, SONAR_HTML_MAX, &html, e);
    if (r == 0)
        r = sonar_parse_html(s, &doc, html);
    free((char *)html.p);
    return rep_close(&doc, r);
}

static int parse_zip(struct sonar *s, const char *path, struct sco_errbuf *e)
{
    struct sco_str zip = {0};
    int r = sonar_read_file(path, SONAR_HTML_MAX, &zip, e);
    if (r == 0)
        r = sonar_parse_zip(s, zip, e);
    free((char *)zip.p);
    return r;
}

int sonar_parse(void *ctx, const struct sco_input *in, struct sco_errbuf *e)
{
    struct sonar *s = ctx;
    char head[4] = {0};
    FILE *f = fopen(in->path, "re");
    size_t n = f ? fread(head, 1, sizeof head, f) : 0;
    if (f)
        fclose(f);
    size_t i = n >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (i < n && (unsigned char)head[i] <= ' ')
        i++;
    int r = s->h->tool(s->h, SCO_STR(SONAR_TOOL), sco_str_make(NULL, 0));
    if (r == 0)
        r = n == 4 && memcmp(head, "PK", 2) == 0 && head[2] < 9 ? parse_zip(s, in->path, e)
            : i < n && head[i] == '<'                           ? parse_html(s, in->path, e)
                                                                : parse_json(s, in->path, e);
    sonar_tell_left_out(s);
    return r;
}

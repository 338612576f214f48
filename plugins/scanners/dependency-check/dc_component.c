/* Who a dependency is: its package URL, else Maven coordinates, else CPE, else what was collected
 * as evidence, else the name of the file. */
#include "dc_priv.h"

/* ---- both shapes ------------------------------------------------------------------------------
 */

struct sco_str dc_trim(struct sco_str s)
{
    while (s.n && (unsigned char)s.p[0] <= ' ')
        s = sco_str_make(s.p + 1, s.n - 1);
    while (s.n && (unsigned char)s.p[s.n - 1] <= ' ')
        s.n--;
    return s;
}

struct sco_str dc_self(const struct sco_node *item)
{
    if (sco_is(item, SCO_NODE_MAP))
        item = sco_get(item, "#text");
    return dc_trim(sco_text(item));
}

struct sco_str dc_text(const struct sco_node *node, const char *name)
{
    return dc_self(sco_get(node, name));
}

size_t dc_items(const struct sco_node *node, const char *outer, const char *inner,
                const struct sco_node **items, size_t max)
{
    const struct sco_node *list = sco_get(node, outer);
    size_t n = 0;
    if (list && list->type == SCO_NODE_LIST) {
        for (const struct sco_node *c = list->child; c && n < max; c = c->next)
            items[n++] = c;
        return n;
    }
    const struct sco_node *in = sco_is(list, SCO_NODE_MAP) ? list : node;
    for (const struct sco_node *c = sco_is(in, SCO_NODE_MAP) ? in->child : NULL; c && n < max;
         c = c->next)
        if (sco_str_is(c->key, inner))
            items[n++] = c;
    return n;
}

/* ---- identifiers ------------------------------------------------------------------------------
 */

/* First text of `member` of an element called `name` that starts with `prefix`, two levels deep:
 * some writers put <identifiers> into <identifiers>. */
static struct sco_str find_id(const struct sco_node *map, const char *name, const char *member,
                              const char *prefix, int depth)
{
    for (const struct sco_node *c = sco_is(map, SCO_NODE_MAP) ? map->child : NULL; c; c = c->next) {
        struct sco_str s = {0};
        if (sco_str_is(c->key, name)) {
            s = dc_text(c, member);
            if (sco_str_starts(s, prefix))
                return s;
        }
        if (depth > 0 && sco_str_is(c->key, "identifiers"))
            s = find_id(c, name, member, prefix, depth - 1);
        if (s.n && sco_str_starts(s, prefix))
            return s;
    }
    return sco_str_make(NULL, 0);
}

static struct sco_str find_in_list(const struct sco_node *list, const char *member,
                                   const char *prefix)
{
    if (sco_is(list, SCO_NODE_LIST))
        SCO_EACH (item, list) {
            struct sco_str s = dc_text(item, member);
            if (sco_str_starts(s, prefix))
                return s;
        }
    return sco_str_make(NULL, 0);
}

static struct sco_str find_purl(const struct sco_node *dependency)
{
    struct sco_str s = find_in_list(sco_get(dependency, "packages"), "id", "pkg:");
    return s.n ? s : find_id(sco_get(dependency, "identifiers"), "package", "id", "pkg:", 1);
}

static struct sco_str find_cpe(const struct sco_node *dependency)
{
    const struct sco_node *ids = sco_get(dependency, "identifiers");
    struct sco_str s = find_in_list(sco_get(dependency, "vulnerabilityIds"), "id", "cpe:");
    if (!s.n)
        s = find_id(ids, "vulnerabilityIds", "id", "cpe:", 1);
    if (!s.n)
        s = find_id(ids, "identifier", "name", "cpe:", 1);
    return s.n ? s : find_in_list(ids, "name", "cpe:");
}

/* "group:artifact:version" of an identifier of type maven. */
static struct sco_str find_maven(const struct sco_node *dependency)
{
    const struct sco_node *items[16];
    size_t n = dc_items(dependency, "identifiers", "identifier", items, 16);
    for (size_t i = 0; i < n; i++) {
        struct sco_str type = dc_text(items[i], "type");
        if (!type.n)
            type = sco_text(sco_get(items[i], "@type"));
        if (sco_str_is(type, "maven"))
            return dc_text(items[i], "name");
    }
    return sco_str_make(NULL, 0);
}

/* ---- reading them -----------------------------------------------------------------------------
 */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static struct sco_str decoded(const struct sco_host *h, struct sco_str s)
{
    char *p = s.n && memchr(s.p, '%', s.n) ? h->tmp(h, s.n) : NULL;
    size_t n = 0;
    if (!p)
        return s;
    for (size_t i = 0; i < s.n; i++) {
        int a = s.p[i] == '%' && i + 2 < s.n ? hex(s.p[i + 1]) : -1;
        int b = a >= 0 ? hex(s.p[i + 2]) : -1;
        p[n++] = b >= 0 ? (char)(a * 16 + b) : s.p[i];
        i += b >= 0 ? 2 : 0;
    }
    return sco_str_make(p, n);
}

/* pkg:type/namespace/name@version?qualifiers#path */
static void read_purl(const struct sco_host *h, struct sco_str purl, struct component *c)
{
    size_t end = 4, name = 0;
    while (end < purl.n && purl.p[end] != '?' && purl.p[end] != '#')
        end++;
    struct sco_str s = sco_str_make(purl.p + 4, end - 4);
    const char *slash = s.n ? memchr(s.p, '/', s.n) : NULL;
    if (!slash)
        return;
    c->ecosystem = sco_str_make(s.p, (size_t)(slash - s.p));
    s = sco_str_make(slash + 1, s.n - c->ecosystem.n - 1);
    const char *last = s.n ? memrchr(s.p, '/', s.n) : NULL;
    name = last ? (size_t)(last - s.p) + 1 : 0;
    const char *at = s.n > name ? memrchr(s.p + name, '@', s.n - name) : NULL;
    if (at) {
        c->version = decoded(h, sco_str_make(at + 1, s.n - (size_t)(at + 1 - s.p)));
        s.n = (size_t)(at - s.p);
    }
    struct sco_str rest = sco_str_make(s.p + name, s.n - name);
    if (name && sco_str_is(c->ecosystem, "maven"))
        c->name = sco_fmt(h, "%.*s:%.*s", (int)(name - 1), s.p, SCO_STR_ARG(rest));
    else
        c->name = decoded(h, s);
    c->purl = purl;
}

/* The nth field of a text with separators that "\" may escape. */
static struct sco_str field(struct sco_str s, size_t n)
{
    size_t start = 0;
    for (size_t i = 0; i <= s.n; i++) {
        if (i < s.n && (s.p[i] != ':' || (i && s.p[i - 1] == '\\')))
            continue;
        if (n-- == 0)
            return sco_str_make(s.p + start, i - start);
        start = i + 1;
    }
    return sco_str_make(NULL, 0);
}

static struct sco_str known(struct sco_str s)
{
    return sco_str_is(s, "*") || sco_str_is(s, "-") ? sco_str_make(NULL, 0) : s;
}

/* cpe:2.3:a:vendor:product:version:... or cpe:/a:vendor:product:version */
static void read_cpe(struct sco_str cpe, struct component *c)
{
    size_t product = sco_str_starts(cpe, "cpe:2.3:") ? 4 : 3;
    c->name = known(field(cpe, product));
    c->version = known(field(cpe, product + 1));
}

static void read_maven(const struct sco_host *h, struct sco_str id, struct component *c)
{
    struct sco_str group = field(id, 0), artifact = field(id, 1);
    if (!artifact.n)
        return;
    c->name = sco_fmt(h, "%.*s:%.*s", SCO_STR_ARG(group), SCO_STR_ARG(artifact));
    c->version = field(id, 2);
    c->ecosystem = SCO_STR("maven");
}

static int confidence(const struct sco_node *item)
{
    struct sco_str s = sco_text(sco_get(item, "@confidence"));
    if (!s.n)
        s = dc_text(item, "confidence");
    return sco_str_is_nocase(s, "HIGHEST")  ? 4
           : sco_str_is_nocase(s, "HIGH")   ? 3
           : sco_str_is_nocase(s, "MEDIUM") ? 2
                                            : 1;
}

/* The surest piece of evidence of a kind. JSON has a list for each kind, XML one for all. */
static struct sco_str best_evidence(const struct sco_node *dependency, const char *list_name,
                                    const char *type)
{
    const struct sco_node *all = sco_get(dependency, "evidenceCollected");
    const struct sco_node *list = sco_get(all, list_name) ? sco_get(all, list_name) : all;
    struct sco_str best = {0};
    int level = 0;
    for (const struct sco_node *c = list ? list->child : NULL; c; c = c->next) {
        struct sco_str kind = sco_text(sco_get(c, "@type"));
        if (!kind.n)
            kind = dc_text(c, "type");
        if (!sco_str_is(kind, type) || confidence(c) <= level || !dc_text(c, "value").n)
            continue;
        level = confidence(c);
        best = dc_text(c, "value");
    }
    return best;
}

/* ---- the component ----------------------------------------------------------------------------
 */

/* "/app/package-lock.json?left-pad" is the lock file. */
static struct sco_str path_of(const struct sco_node *node)
{
    struct sco_str path = dc_text(node, "filePath");
    const char *mark = path.n ? memrchr(path.p, '?', path.n) : NULL;
    if (mark && mark > path.p)
        path.n = (size_t)(mark - path.p);
    return path.n ? path : dc_text(node, "fileName");
}

static void read_related(const struct sco_host *h, const struct sco_node *dependency,
                         struct component *c)
{
    const struct sco_node **items = h->tmp(h, DC_RELATED_MAX * sizeof(struct sco_node *));
    if (!items || !sco_get(dependency, "relatedDependencies"))
        return;
    size_t n =
        dc_items(dependency, "relatedDependencies", "relatedDependency", items, DC_RELATED_MAX);
    c->related = n ? h->tmp(h, n * sizeof *c->related) : NULL;
    for (size_t i = 0; c->related && i < n; i++) {
        struct sco_str path = path_of(items[i]);
        if (path.n && !sco_str_eq(path, c->file_path))
            c->related[c->n_related++].file_path = path;
    }
}

void dc_component(const struct sco_host *h, const struct sco_node *dependency,
                  struct component *ret)
{
    struct component c = {.node = dependency};
    struct sco_str purl = find_purl(dependency), maven = find_maven(dependency);
    c.file_name = dc_text(dependency, "fileName");
    c.file_path = path_of(dependency);
    c.cpe = find_cpe(dependency);
    if (purl.n)
        read_purl(h, purl, &c);
    if (!c.name.n && maven.n)
        read_maven(h, maven, &c);
    if (!c.name.n && c.cpe.n)
        read_cpe(c.cpe, &c);
    if (!c.name.n) {
        c.name = best_evidence(dependency, "productEvidence", "product");
        c.version = best_evidence(dependency, "versionEvidence", "version");
    }
    if (!c.name.n)
        c.name = c.file_name.n ? c.file_name : c.file_path;
    read_related(h, dependency, &c);
    *ret = c;
}

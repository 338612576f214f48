/* Locations: from artifact locations, base ids, indexes and regions to a path and lines.
 *
 * A relative URI stays relative: the absolute folder behind its base id is where the tool ran, not
 * part of the path. An absolute file URI loses the folder in which the tool ran, unless it lies
 * below the root of the import, which the host takes away itself. */
#include "sarif_priv.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent escapes decoded; what is none stays as it is. */
static struct sco_str decoded(const struct sco_host *h, struct sco_str s)
{
    if (!s.n || !memchr(s.p, '%', s.n))
        return s;
    char *p = h->tmp(h, s.n);
    size_t n = 0;
    if (!p)
        return s;
    for (size_t i = 0; i < s.n; i++) {
        int a = s.p[i] == '%' && i + 2 < s.n ? hex(s.p[i + 1]) : -1;
        int b = a >= 0 ? hex(s.p[i + 2]) : -1;
        if (b >= 0 && a * 16 + b != 0) {
            p[n++] = (char)(a * 16 + b);
            i += 2;
        } else {
            p[n++] = s.p[i];
        }
    }
    return sco_str_make(p, n);
}

/* Length of "scheme:", 0 without one; a single letter is a drive. */
static size_t scheme_length(struct sco_str s)
{
    size_t n = 0;
    while (n < s.n && ((s.p[n] >= 'a' && s.p[n] <= 'z') || (s.p[n] >= 'A' && s.p[n] <= 'Z') ||
                       (n && ((s.p[n] >= '0' && s.p[n] <= '9') || s.p[n] == '+' || s.p[n] == '-' ||
                              s.p[n] == '.'))))
        n++;
    return n > 1 && n < s.n && s.p[n] == ':' ? n + 1 : 0;
}

/* "file:///a/b" to "/a/b", "file:///C:/a" to "C:/a"; others unchanged. */
static struct sco_str file_path(struct sco_str s)
{
    if (!text_starts_nocase(s, "file:"))
        return s;
    s = sco_str_make(s.p + 5, s.n - 5);
    if (sco_str_starts(s, "//")) {
        const char *slash = memchr(s.p + 2, '/', s.n - 2); /* after the host */
        size_t skip = slash ? (size_t)(slash - s.p) : s.n;
        s = sco_str_make(s.p + skip, s.n - skip);
    }
    while (s.n > 1 && s.p[0] == '/' && s.p[1] == '/')
        s = sco_str_make(s.p + 1, s.n - 1);
    if (s.n > 2 && s.p[0] == '/' && s.p[2] == ':')
        s = sco_str_make(s.p + 1, s.n - 1);
    return s;
}

static int inside(struct sco_str path, struct sco_str folder)
{
    while (folder.n > 1 && folder.p[folder.n - 1] == '/')
        folder.n--;
    return folder.n > 1 && path.n > folder.n && path.p[folder.n] == '/' &&
           memcmp(path.p, folder.p, folder.n) == 0;
}

/* ---- set-up ---------------------------------------------------------------------------------- */

static void add_home(struct run *r, struct sco_str uri)
{
    if (!text_starts_nocase(uri, "file:") && !(uri.n && uri.p[0] == '/'))
        return;
    struct sco_str path = file_path(decoded(r->h, uri));
    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    if (path.n > 1 && r->n_homes < SARIF_BASES_MAX)
        r->homes[r->n_homes++] = text_keep(r->h, path, 4096);
}

void places_setup(struct run *r)
{
    const struct sco_node *bases = sco_get(r->node, "originalUriBaseIds");
    if (sco_is(bases, SCO_NODE_MAP))
        for (const struct sco_node *b = bases->child; b; b = b->next) {
            if (r->n_bases == SARIF_BASES_MAX)
                break;
            struct base *slot = &r->bases[r->n_bases++];
            slot->name = b->key;
            slot->uri = sco_text(sco_get(b, "uri"));
            slot->parent = sco_text(sco_get(b, "uriBaseId"));
            add_home(r, slot->uri);
        }
    SCO_EACH (v, sco_get(r->node, "versionControlProvenance"))
        add_home(r, sco_text_at(v, "mappedTo.uri"));
    SCO_EACH (inv, sco_get(r->node, "invocations"))
        add_home(r, sco_text_at(inv, "workingDirectory.uri"));
}

/* ---- names by index -------------------------------------------------------------------------- */

static int names_push(const struct sco_host *h, struct names *l, struct sco_str s)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        struct sco_str *v = h->alloc(h, cap * sizeof *v);
        if (!v)
            return SCO_E_NOMEM;
        if (l->n)
            memcpy(v, l->v, l->n * sizeof *v);
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = text_keep(h, s, 4096);
    return 0;
}

static int load(struct run *r, const struct sco_node *all, struct names *names,
                struct sco_errbuf *e)
{
    static const char *const deferred[] = {"contents", "hashes", "properties", "relationships",
                                           NULL};
    struct sco_iter *it = NULL;
    const struct sco_node *node = NULL;
    names->loaded = 1;
    if (!all)
        return 0;
    int rc = r->h->data->iter_open(r->reader, all, &it, e);
    while (rc >= 0 && (rc = r->h->data->iter_next(it, deferred, &node, e)) > 0) {
        if (names->n >= SARIF_NAMES_MAX) {
            rc = 0;
            break;
        }
        if (names == &r->artifacts) {
            const struct sco_node *location = sco_get(node, "location");
            rc = names_push(r->h, names, sco_text(sco_get(location, "uri")));
            if (rc == 0)
                rc = names_push(r->h, &r->artifact_bases, sco_text(sco_get(location, "uriBaseId")));
        } else if (names == &r->logical) {
            struct sco_str s = sco_text(sco_get(node, "fullyQualifiedName"));
            rc = names_push(r->h, names, s.n ? s : sco_text(sco_get(node, "name")));
        } else {
            rc = names_push(r->h, names, sco_text(sco_get(node, "id")));
        }
        if (rc < 0)
            sco_errf(e, rc, "out of memory for the log of %.*s", SCO_STR_ARG(r->tool_name));
    }
    if (it)
        r->h->data->iter_close(it);
    return rc < 0 ? rc : 0;
}

struct sco_str place_cwe(struct run *r, const struct sco_node *reference)
{
    const struct sco_node *component = sco_get(reference, "toolComponent");
    int64_t index = sco_int(sco_get(reference, "index"), -1);
    int64_t wanted = sco_int(sco_get(component, "index"), -1), at = 0;
    struct sco_str name = sco_text(sco_get(component, "name"));
    if (index < 0)
        return sco_str_make(NULL, 0);
    SCO_EACH (t, sco_get(r->node, "taxonomies")) {
        struct sco_str own = sco_text(sco_get(t, "name"));
        int meant = wanted >= 0 ? at++ == wanted : sco_str_eq(own, name);
        if (!meant || !text_starts_nocase(own, "cwe"))
            continue;
        if (!r->cwe_taxa.loaded && load(r, sco_get(t, "taxa"), &r->cwe_taxa, NULL) < 0)
            break;
        if ((size_t)index < r->cwe_taxa.n)
            return r->cwe_taxa.v[index];
    }
    return sco_str_make(NULL, 0);
}

/* ---- one location ---------------------------------------------------------------------------- */

/* What stands before a relative URI: its relative bases, up to the first absolute one. */
static struct sco_str with_base(const struct run *r, struct sco_str uri, struct sco_str base)
{
    for (int depth = 0; base.n && depth < 8; depth++) {
        const struct base *b = NULL;
        for (size_t i = 0; i < r->n_bases && !b; i++)
            if (sco_str_eq(r->bases[i].name, base))
                b = &r->bases[i];
        if (!b || !b->uri.n || scheme_length(b->uri) || b->uri.p[0] == '/')
            break;
        int slash = b->uri.p[b->uri.n - 1] == '/';
        uri = text_join(r->h, b->uri, slash ? "" : "/", uri);
        base = b->parent;
    }
    return uri;
}

static void set_path(const struct run *r, struct place *p, struct sco_str uri, struct sco_str base)
{
    if (text_starts_nocase(uri, "%srcroot%/"))
        uri = sco_str_make(uri.p + 10, uri.n - 10);
    if (text_starts_nocase(uri, "http://") || text_starts_nocase(uri, "https://")) {
        p->url = uri;
        return;
    }
    if (!scheme_length(uri) && uri.n && uri.p[0] != '/') {
        p->l.file_path = decoded(r->h, with_base(r, uri, base));
        return;
    }
    struct sco_str path = decoded(r->h, file_path(uri));
    p->l.file_path = path;
    if (r->root.n && inside(path, r->root))
        return;
    for (size_t i = 0; i < r->n_homes; i++) {
        if (!inside(path, r->homes[i]))
            continue;
        size_t skip = r->homes[i].n + 1;
        p->l.file_path = sco_str_make(path.p + skip, path.n - skip);
        return;
    }
}

static int read_path(struct run *r, const struct sco_node *physical, struct place *p,
                     struct sco_errbuf *e)
{
    const struct sco_node *a = sco_get(physical, "artifactLocation");
    if (!a)
        a = sco_get(physical, "fileLocation"); /* 2.0.0 */
    struct sco_str uri = sco_text(sco_get(a, "uri")), base = sco_text(sco_get(a, "uriBaseId"));
    int64_t index = sco_int_at(a, "index", -1);
    if (!uri.n && index >= 0) {
        int rc = r->artifacts.loaded ? 0 : load(r, sco_get(r->node, "artifacts"), &r->artifacts, e);
        if (rc < 0)
            return rc;
        if ((size_t)index < r->artifacts.n) {
            uri = r->artifacts.v[index];
            base = r->artifact_bases.v[index];
        } else {
            r->n_no_index++;
        }
    }
    if (uri.n)
        set_path(r, p, uri, base);
    return 0;
}

static int read_logical(struct run *r, const struct sco_node *location, struct place *p,
                        struct sco_errbuf *e)
{
    const struct sco_node *l = sco_first(sco_get(location, "logicalLocations"));
    if (!l)
        l = sco_get(location, "logicalLocation");
    struct sco_str name = sco_text(sco_get(l, "fullyQualifiedName"));
    if (!name.n)
        name = sco_text(sco_get(l, "name"));
    int64_t index = sco_int_at(l, "index", -1);
    if (!name.n && index >= 0) {
        int rc =
            r->logical.loaded ? 0 : load(r, sco_get(r->node, "logicalLocations"), &r->logical, e);
        if (rc < 0)
            return rc;
        if ((size_t)index < r->logical.n)
            name = r->logical.v[index];
    }
    if (!name.n)
        name = sco_text(sco_get(location, "fullyQualifiedLogicalName")); /* 2.0.0 */
    p->l.resource = name;
    return 0;
}

static int64_t line_of(const struct sco_node *region, const char *name)
{
    int64_t v = sco_int(sco_get(region, name), 0);
    return v > 0 && v <= INT32_MAX ? v : 0;
}

static void read_region(const struct sco_node *region, struct place *p)
{
    p->l.line = line_of(region, "startLine");
    p->l.end_line = line_of(region, "endLine");
    p->l.column = line_of(region, "startColumn");
    p->l.end_column = line_of(region, "endColumn");
    if (p->l.line && p->l.end_line < p->l.line)
        p->l.end_line = p->l.line;
    if (!p->l.line)
        p->l.end_line = p->l.column = p->l.end_column = 0;
    p->byte_offset = p->l.line ? -1 : sco_int(sco_get(region, "byteOffset"), -1);
    p->char_offset = p->l.line ? -1 : sco_int(sco_get(region, "charOffset"), -1);
    const struct sco_node *snippet = sco_get(region, "snippet");
    p->snippet =
        sco_text(snippet && snippet->type == SCO_NODE_MAP ? sco_get(snippet, "text") : snippet);
}

int place_read(struct run *r, const struct sco_node *location, struct place *ret,
               struct sco_errbuf *e)
{
    struct place p = {.byte_offset = -1, .char_offset = -1};
    const struct sco_node *physical = sco_get(location, "physicalLocation");
    int rc = read_path(r, physical, &p, e);
    if (rc == 0)
        rc = read_logical(r, location, &p, e);
    if (rc < 0)
        return rc;
    if (p.l.file_path.n || p.url.n)
        read_region(sco_get(physical, "region"), &p);
    *ret = p;
    return p.l.file_path.n || p.url.n || p.l.resource.n ? 1 : 0;
}

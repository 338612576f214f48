/* Reports of format json: a list of items, and a path into the item for each field of a finding.
 * The list passes item by item; what cannot be used is counted, never dropped in silence. */
#include "described_priv.h"

enum { PARTS_MAX = 32 };

/* In the order of `names`. Those up to N_TEXTS are texts of a finding, the rest has its own form.
 */
enum field {
    RULE_ID,
    TITLE,
    DESCRIPTION,
    REMEDIATION,
    FILE_PATH,
    RESOURCE,
    SNIPPET,
    SECRET,
    CVSS_VECTOR,
    PACKAGE_NAME,
    PACKAGE_VERSION,
    FIXED_VERSION,
    ECOSYSTEM,
    PURL,
    N_TEXTS,
    LINE = N_TEXTS,
    END_LINE,
    COLUMN,
    END_COLUMN,
    SEVERITY,
    CWE,
    CVE,
    REFERENCES,
    FIELDS
};

static const char *const names[FIELDS] = {
    "rule_id",   "title",  "description", "remediation",  "file_path",       "resource",
    "snippet",   "secret", "cvss_vector", "package_name", "package_version", "fixed_version",
    "ecosystem", "purl",   "line",        "end_line",     "column",          "end_column",
    "severity",  "cwe",    "cve",         "references",
};

static const size_t text_offsets[N_TEXTS] = {
    offsetof(struct sco_report_finding, rule_id),
    offsetof(struct sco_report_finding, title),
    offsetof(struct sco_report_finding, description),
    offsetof(struct sco_report_finding, remediation),
    offsetof(struct sco_report_finding, file_path),
    offsetof(struct sco_report_finding, resource),
    offsetof(struct sco_report_finding, snippet),
    offsetof(struct sco_report_finding, secret),
    offsetof(struct sco_report_finding, cvss_vector),
    offsetof(struct sco_report_finding, package_name),
    offsetof(struct sco_report_finding, package_version),
    offsetof(struct sco_report_finding, fixed_version),
    offsetof(struct sco_report_finding, ecosystem),
    offsetof(struct sco_report_finding, purl),
};

struct parse {
    struct described *d;
    struct rep_doc doc;
    uint32_t type;
    struct sco_str path[FIELDS]; /* absent: not described */
    uint64_t seen[FIELDS];       /* items that had something there */
    const struct sco_node *severities, *error_rules;
    uint64_t errors;
    struct sco_str first_error;
};

/* ---- paths ----------------------------------------------------------------------------------- */

static struct sco_str next_part(struct sco_str *path)
{
    const char *dot = path->n ? memchr(path->p, '.', path->n) : NULL;
    size_t n = dot ? (size_t)(dot - path->p) : path->n;
    struct sco_str part = sco_str_make(path->p, n);
    *path = dot ? sco_str_make(dot + 1, path->n - n - 1) : sco_str_make(NULL, 0);
    return part;
}

/* Item of a list by its number, which is all of the part; NULL: none. */
static const struct sco_node *item_at(const struct sco_node *list, struct sco_str part)
{
    size_t at = 0;
    const struct sco_node *c = list->child;
    for (size_t i = 0; i < part.n; i++) {
        if (part.p[i] < '0' || part.p[i] > '9' || at > UINT32_MAX)
            return NULL;
        at = at * 10 + (size_t)(part.p[i] - '0');
    }
    while (c && at--)
        c = c->next;
    return part.n ? c : NULL;
}

static const struct sco_node *at_path(const struct sco_node *v, struct sco_str path)
{
    while (v && path.n) {
        struct sco_str part = next_part(&path);
        if (v->type == SCO_NODE_LIST) {
            v = item_at(v, part);
            continue;
        }
        v = v->type == SCO_NODE_MAP ? v->child : NULL;
        while (v && !sco_str_eq(v->key, part))
            v = v->next;
    }
    return v;
}

/* The name of the list, to be left in the file; NULL when the way there has it, too. */
static const char *deferred_name(const struct sco_host *h, struct sco_str path)
{
    struct sco_str parts[PARTS_MAX];
    size_t n = 0;
    if (sco_str_is(path, "."))
        return "[]";
    while (path.n && n < PARTS_MAX)
        parts[n++] = next_part(&path);
    for (size_t i = 0; i + 1 < n; i++)
        if (sco_str_eq(parts[i], parts[n - 1]))
            return NULL;
    return n ? sco_cstr(h, parts[n - 1]) : NULL;
}

/* ---- the report's own errors ----------------------------------------------------------------- */

static struct sco_str words_of(const struct sco_node *error)
{
    static const char *const keys[] = {"message", "reason", "error", "text", "msg", NULL};
    struct sco_str s = sco_text(error);
    for (size_t i = 0; !s.n && keys[i]; i++)
        s = sco_text(sco_get(error, keys[i]));
    return s;
}

static void note_error(struct parse *p, struct sco_str file, struct sco_str text)
{
    const struct sco_host *h = p->doc.h;
    if (!p->errors++ && (file.n || text.n))
        p->first_error = sco_str_c(rep_strf(h, "%.*s%s%.*s", SCO_STR_ARG(file),
                                            file.n && text.n ? ": " : "", SCO_STR_ARG(text)));
}

/* Rules of some tools say that a file could not be read: no findings, but a gap. */
static int is_error_rule(const struct parse *p, struct sco_str rule)
{
    SCO_EACH (r, p->error_rules)
        if (sco_str_eq(sco_text(r), rule))
            return 1;
    return 0;
}

/* ---- an item --------------------------------------------------------------------------------- */

static const struct sco_node *value(struct parse *p, const struct sco_node *item, enum field f)
{
    const struct sco_node *v = p->path[f].n ? at_path(item, p->path[f]) : NULL;
    if (v && v->type == SCO_NODE_NULL)
        v = NULL;
    p->seen[f] += v != NULL;
    return v;
}

/* Texts may also be written with the paths in braces: "SC{code}". Absent when one of them is. */
static struct sco_str text(struct parse *p, const struct sco_node *item, enum field f)
{
    struct sco_str rest = p->path[f], out = {NULL, 0};
    if (!rest.n || !memchr(rest.p, '{', rest.n))
        return sco_text(value(p, item, f));
    while (rest.n) {
        const char *open = memchr(rest.p, '{', rest.n);
        size_t before = open ? (size_t)(open - rest.p) : rest.n;
        struct sco_str path = sco_str_make(rest.p + before, rest.n - before), v = {NULL, 0};
        const char *close = open ? memchr(path.p, '}', path.n) : NULL;
        if (close) {
            path = sco_str_make(path.p + 1, (size_t)(close - path.p) - 1);
            v = sco_text(at_path(item, path));
            if (!v.n)
                return v;
        }
        out = sco_fmt(p->doc.h, "%.*s%.*s%.*s", SCO_STR_ARG(out), (int)before, rest.p,
                      SCO_STR_ARG(v));
        size_t used = close ? (size_t)(close + 1 - rest.p) : rest.n;
        rest = sco_str_make(rest.p + used, rest.n - used);
    }
    p->seen[f]++;
    return out;
}

static int same_word(struct sco_str a, struct sco_str b)
{
    size_t i = 0;
    if (a.n != b.n || !a.n)
        return 0;
    for (; i < a.n; i++) {
        unsigned x = (unsigned char)a.p[i], y = (unsigned char)b.p[i];
        x += x - 'A' < 26u ? 32 : 0;
        y += y - 'A' < 26u ? 32 : 0;
        if (x != y)
            return 0;
    }
    return 1;
}

/* By the descriptor's own table, "*" for every other word; else the host knows the usual words. */
static uint32_t severity_of(const struct parse *p, struct sco_str word)
{
    const struct sco_node *c = p->severities ? p->severities->child : NULL;
    const struct sco_node *other = NULL;
    for (; c; c = c->next) {
        if (same_word(word, c->key))
            return described_severity(c->text);
        if (sco_str_is(c->key, "*"))
            other = c;
    }
    return other ? described_severity(other->text) : SCO_SEV_UNKNOWN;
}

static int64_t number(struct parse *p, const struct sco_node *item, enum field f)
{
    int64_t n = sco_int(value(p, item, f), 0);
    return n > 0 ? n : 0;
}

static int on_item(void *user, const struct sco_node *item)
{
    struct parse *p = user;
    struct sco_report_finding f = rep_finding(p->type);
    for (int i = 0; i < N_TEXTS; i++) {
        struct sco_str s = text(p, item, (enum field)i);
        memcpy((char *)&f + text_offsets[i], &s, sizeof s);
    }
    if (!f.rule_id.n)
        return REP_UNUSABLE;
    if (is_error_rule(p, f.rule_id)) {
        note_error(p, f.file_path, rep_or(f.title, f.description));
        return 0;
    }
    f.line = number(p, item, LINE);
    f.end_line = number(p, item, END_LINE);
    if (f.end_line < f.line)
        f.end_line = 0;
    f.column = number(p, item, COLUMN);
    f.end_column = number(p, item, END_COLUMN);
    f.severity_text = text(p, item, SEVERITY);
    f.severity = severity_of(p, f.severity_text);
    f.cwes = sco_texts(p->doc.h, value(p, item, CWE));
    f.ids = sco_texts(p->doc.h, value(p, item, CVE));
    f.references = sco_texts(p->doc.h, value(p, item, REFERENCES));
    return rep_emit(&p->doc, &f);
}

/* A list of errors that was left in the file, because it has the name of the list of findings. */
static int walk_errors(struct parse *p, const struct sco_node *list)
{
    const struct sco_data_api *data = p->doc.h->data;
    const struct sco_node *error;
    struct sco_iter *it = NULL;
    int r = data->iter_open(p->doc.r, list, &it, p->doc.e);
    while (r >= 0 && (r = data->iter_next(it, NULL, &error, p->doc.e)) > 0)
        note_error(p, sco_str_make(NULL, 0), words_of(error));
    data->iter_close(it);
    return r;
}

static int check_errors(struct parse *p)
{
    struct sco_str path = sco_text_at(p->d->root, "scanner.errors");
    const struct sco_node *v = path.n ? at_path(p->doc.root, path) : NULL;
    const struct sco_host *h = p->doc.h;
    int r = 0, some = 0;
    if (v && (v->type == SCO_NODE_LIST || v->type == SCO_NODE_DEFERRED))
        r = walk_errors(p, v);
    else if (v && v->type == SCO_NODE_MAP)
        some = v->n > 0;
    else if (v && v->type == SCO_NODE_STR)
        some = v->text.n > 0;
    else if (v && v->type != SCO_NODE_NULL) /* true, or how many */
        some = v->i != 0;
    if (some)
        note_error(p, sco_str_make(NULL, 0),
                   v->type >= SCO_NODE_STR ? words_of(v) : sco_str_make(NULL, 0));
    if (r < 0 || !p->errors)
        return r;
    h->incomplete(h, sco_fmt(h, "%s reported %llu error%s of its own%s%.*s", p->d->title,
                             (unsigned long long)p->errors, p->errors == 1 ? "" : "s",
                             p->first_error.n ? ": " : "", SCO_STR_ARG(p->first_error)));
    return 0;
}

/* ---- the report ------------------------------------------------------------------------------ */

/* A field that no item has is most likely a wrong path. Of the severity it would be a quiet way to
 * pass the gate. */
static void check_seen(struct parse *p)
{
    const struct sco_host *h = p->doc.h;
    for (int i = 0; i < FIELDS && p->doc.emitted; i++) {
        if (!p->path[i].n || p->seen[i])
            continue;
        struct sco_str why = sco_fmt(h, "no finding has a %s: there is nothing at \"%.*s\"",
                                     names[i], SCO_STR_ARG(p->path[i]));
        if (i == SEVERITY)
            h->incomplete(h, why);
        else
            h->log(h, SCO_LOG_INFO, why);
    }
}

static int read_report(struct parse *p, struct sco_str findings)
{
    struct rep_doc *doc = &p->doc;
    struct sco_str shown = sco_str_is(findings, ".") ? SCO_STR("the document") : findings;
    const char *name = sco_cstr(doc->h, shown);
    const struct sco_node *list = doc->root;
    int null_is_empty = sco_bool(sco_path(p->d->root, "scanner.null_is_empty"), 0);
    if (!sco_str_is(findings, "."))
        list = at_path(doc->root, findings);
    if (sco_is(list, SCO_NODE_NULL) && !null_is_empty)
        return sco_errf(doc->e, SCO_E_FORMAT, "not a report of %s: \"%s\" is null", doc->tool,
                        name);
    if (!list)
        return sco_errf(doc->e, SCO_E_FORMAT, "not a report of %s: it has no list at \"%s\"",
                        doc->tool, name);
    int r = rep_walk(doc, list, name, NULL, on_item, p);
    if (r == 0)
        r = check_errors(p);
    if (r == 0)
        check_seen(p);
    return r;
}

int described_parse_json(struct described *d, const struct sco_input *in, struct sco_errbuf *e)
{
    const struct sco_host *h = d->sarif.h;
    struct sco_str findings = sco_text_at(d->root, "scanner.findings");
    const char *const deferred[] = {deferred_name(h, findings), NULL};
    struct parse p = {.d = d,
                      .doc = {.h = h, .tool = d->title, .e = e},
                      .type = described_type(sco_text_at(d->root, "type")),
                      .severities = sco_get(d->root, "severity_map"),
                      .error_rules = sco_path(d->root, "scanner.error_rules")};
    for (int i = 0; i < FIELDS; i++)
        p.path[i] = sco_text(sco_get(sco_get(d->root, "fields"), names[i]));
    int r = rep_open(&p.doc, in->path, deferred);
    if (r == 0)
        r = read_report(&p, findings);
    return rep_close(&p.doc, r);
}

/* Reports of Semgrep: what `semgrep scan --json` writes, and, told apart by their main list, the
 * exports of the platform (semgrep_cloud.c). Findings and errors can both be in a report with exit
 * status 0: an error of level error, a file that was left out (time, memory, syntax) and, unless
 * the operator says otherwise, a file that was parsed in part make the job incomplete. */
#include "semgrep_priv.h"

static const char *const DEFERRED[] = {
    "results", "vulns",         "findings",          "errors", "scanned",      "skipped",
    "time",    "skipped_rules", "profiling_results", "[]",     "explanations", NULL};

/* Without a login these texts stand for what is not told. */
static struct sco_str told(struct sco_str s)
{
    return sco_str_is(s, "requires login") ? sco_str_make(NULL, 0) : s;
}

uint32_t semgrep_severity(struct sco_str word)
{
    static const struct {
        const char *word;
        uint32_t severity;
    } map[] = {{"critical", SCO_SEV_CRITICAL}, {"error", SCO_SEV_HIGH},
               {"high", SCO_SEV_HIGH},         {"warning", SCO_SEV_MEDIUM},
               {"medium", SCO_SEV_MEDIUM},     {"moderate", SCO_SEV_MEDIUM},
               {"low", SCO_SEV_LOW},           {"info", SCO_SEV_LOW}};
    for (size_t i = 0; i < sizeof map / sizeof *map; i++)
        if (sco_str_is_nocase(word, map[i].word))
            return map[i].severity;
    return SCO_SEV_UNKNOWN;
}

static int ends_sentence(struct sco_str s, size_t i)
{
    return (s.p[i] == '.' || s.p[i] == '!' || s.p[i] == '?') &&
           (i + 1 == s.n || s.p[i + 1] == ' ' || s.p[i + 1] == '\n');
}

struct sco_str semgrep_title(const struct sco_host *h, struct sco_str message)
{
    size_t n = 0, cut = 0;
    char *p = message.n ? h->tmp(h, message.n + 4) : NULL;
    if (!p)
        return sco_str_make(NULL, 0);
    for (size_t i = 0; i < message.n; i++) {
        unsigned char c = (unsigned char)message.p[i];
        int blank = c <= ' ';
        if (blank && (n == 0 || p[n - 1] == ' '))
            continue;
        if (blank)
            cut = n;
        if (n >= SEMGREP_TITLE_MAX && (c & 0xc0) != 0x80) {
            n = cut ? cut : n;
            memcpy(p + n, "...", 3);
            return sco_str_make(p, n + 3);
        }
        p[n++] = blank ? ' ' : (char)c;
        if (ends_sentence(message, i) && n > 10)
            return sco_str_make(p, n - (c == '.'));
    }
    while (n && p[n - 1] == ' ')
        n--;
    return sco_str_make(p, n);
}

/* ---- results ----------------------------------------------------------------------------------
 */

/* Rules say in their metadata what they are for; only some are about security. */
static uint32_t type_of(const struct sco_node *extra)
{
    static const char *const quality[] = {
        "best-practice", "correctness", "maintainability", "performance", "portability",
        "compatibility", NULL};
    struct sco_str category = sco_text_at(extra, "metadata.category");
    struct sco_str validation = sco_text_at(extra, "validation_state");
    if (sco_is(sco_get(extra, "sca_info"), SCO_NODE_MAP))
        return SCO_TYPE_SCA;
    if (validation.n && !sco_str_is(validation, "NO_VALIDATOR"))
        return SCO_TYPE_SECRET; /* only rules for secrets have a validator */
    for (const char *const *q = quality; *q; q++)
        if (sco_str_is_nocase(category, *q))
            return SCO_TYPE_QUALITY;
    return SCO_TYPE_SAST;
}

static struct sco_str_list references(const struct sco_host *h, const struct sco_node *metadata)
{
    struct sco_str_list l = sco_texts(h, sco_get(metadata, "references")), all = {NULL, 0};
    struct sco_str source = sco_text_at(metadata, "source");
    struct sco_str *v = h->tmp(h, (l.n + 1) * sizeof *v);
    if (!v)
        return l;
    for (size_t i = 0; i < l.n; i++)
        v[all.n++] = l.v[i];
    if (source.n)
        v[all.n++] = source;
    all.v = v;
    return all;
}

/* Supply chain: the dependency that a rule matched. */
static void fill_dependency(struct sco_report_finding *f, const struct sco_node *extra,
                            struct rep_meta *meta, struct sco_str *id)
{
    const struct sco_node *info = sco_get(extra, "sca_info");
    const struct sco_node *found = sco_path(info, "dependency_match.found_dependency");
    const struct sco_node *fixes = sco_path(extra, "metadata.sca-fix-versions");
    f->package_name = sco_text_at(found, "package");
    f->package_version = sco_text_at(found, "version");
    f->ecosystem = sco_text_at(found, "ecosystem");
    f->ids = sco_one(id, sco_text_at(extra, "metadata.sca-vuln-database-identifier"));
    SCO_EACH (fix, fixes)
        for (const struct sco_node *c = fix->type == SCO_NODE_MAP ? fix->child : NULL; c;
             c = c->next)
            if (sco_str_eq(c->key, f->package_name))
                f->fixed_version = sco_text(c);
    rep_meta(meta, "reachable", sco_text_at(info, "reachable"));
    rep_meta(meta, "lockfile", sco_text_at(info, "dependency_match.lockfile"));
}

static void fill_metadata(struct rep_meta *meta, const struct sco_host *h,
                          const struct sco_node *extra)
{
    const struct sco_node *m = sco_get(extra, "metadata");
    rep_meta(meta, "owasp", rep_join(h, sco_get(m, "owasp"), "; "));
    rep_meta(meta, "category", sco_text_at(m, "category"));
    rep_meta(meta, "confidence", sco_text_at(m, "confidence"));
    rep_meta(meta, "likelihood", sco_text_at(m, "likelihood"));
    rep_meta(meta, "impact", sco_text_at(m, "impact"));
    rep_meta(meta, "technology", rep_join(h, sco_get(m, "technology"), ","));
    rep_meta(meta, "engine", sco_text_at(extra, "engine_kind"));
    rep_meta(meta, "validation_state", sco_text_at(extra, "validation_state"));
    rep_meta(meta, "match_fingerprint", told(sco_text_at(extra, "fingerprint")));
}

static int on_result(void *user, const struct sco_node *item)
{
    struct semgrep_parse *p = user;
    const struct sco_host *h = p->s->h;
    const struct sco_node *extra = sco_get(item, "extra");
    const struct sco_node *metadata = sco_get(extra, "metadata");
    struct sco_report_finding f = rep_finding(type_of(extra));
    struct sco_suppression ignored = {.kind = SCO_SUPPRESS_INLINE, .reason = SCO_STR("nosemgrep")};
    struct rep_meta meta = {.n = 0};
    struct sco_str id;

    f.rule_id = sco_text_at(item, "check_id");
    if (!f.rule_id.n)
        return REP_UNUSABLE;
    f.severity_text = sco_text_at(extra, "severity");
    f.severity = semgrep_severity(f.severity_text);
    f.description = sco_text_at(extra, "message");
    f.title = semgrep_title(h, f.description);
    f.remediation = rep_or(sco_text_at(extra, "fix"), sco_text_at(extra, "fix_regex.replacement"));
    f.file_path = sco_text_at(item, "path");
    f.line = sco_int_at(item, "start.line", 0);
    f.column = sco_int_at(item, "start.col", 0);
    f.end_line = sco_int_at(item, "end.line", 0);
    f.end_column = sco_int_at(item, "end.col", 0);
    f.snippet = told(sco_text_at(extra, "lines"));
    f.cwes = sco_texts(h, sco_get(metadata, "cwe"));
    f.references = references(h, metadata);
    if (f.type == SCO_TYPE_SCA)
        fill_dependency(&f, extra, &meta, &id);
    if (sco_bool(sco_get(extra, "is_ignored"), 0)) {
        f.suppressions = &ignored;
        f.n_suppressions = 1;
    }
    fill_metadata(&meta, h, extra);
    rep_meta_set(&meta, &f);
    return rep_emit(&p->doc, &f);
}

/* ---- errors -----------------------------------------------------------------------------------
 */

/* The kind of an error: a text, or a list that begins with it. */
static struct sco_str kind_of(const struct sco_node *error)
{
    return sco_text(sco_first(sco_get(error, "type")));
}

static int is_partial(struct sco_str kind)
{
    return sco_str_is(kind, "PartialParsing") || sco_str_is(kind, "Partial parsing");
}

static struct sco_str error_text(const struct sco_host *h, const struct sco_node *error)
{
    struct sco_str message = sco_text_at(error, "message");
    struct sco_str text = semgrep_title(h, rep_or(message, sco_text_at(error, "long_msg")));
    return text.n ? text : kind_of(error);
}

static int on_error(void *user, const struct sco_node *item)
{
    struct semgrep_parse *p = user;
    const struct sco_host *h = p->s->h;
    struct sco_str level = sco_text_at(item, "level"), path = sco_text_at(item, "path");
    if (sco_str_is_nocase(level, "info"))
        return 0;
    if (is_partial(kind_of(item)) && path.n) {
        rep_name_add(&p->partial, h, path);
        return 0;
    }
    if (path.n) {
        rep_name_add(&p->skipped, h, path);
        if (!p->first_skip.n)
            p->first_skip = sco_str_c(sco_cstr(h, kind_of(item)));
        return 0;
    }
    p->errors++;
    if (!p->first_error.n)
        p->first_error = sco_str_c(sco_cstr(h, error_text(h, item)));
    return 0;
}

static void report_errors(struct semgrep_parse *p)
{
    const struct sco_host *h = p->s->h;
    if (p->errors)
        h->incomplete(h, sco_fmt(h, "%llu error%s: %.*s", (unsigned long long)p->errors,
                                 p->errors == 1 ? "" : "s", SCO_STR_ARG(p->first_error)));
    if (p->skipped.n)
        h->incomplete(h, sco_fmt(h, "%llu file%s not fully checked (%.*s): %.*s",
                                 (unsigned long long)p->skipped.n,
                                 p->skipped.n == 1 ? " was" : "s were", SCO_STR_ARG(p->first_skip),
                                 SCO_STR_ARG(rep_names_text(&p->skipped, h))));
    if (!p->partial.n)
        return;
    struct sco_str text =
        sco_fmt(h, "%llu file%s parsed in part only: %.*s", (unsigned long long)p->partial.n,
                p->partial.n == 1 ? " was" : "s were", SCO_STR_ARG(rep_names_text(&p->partial, h)));
    if (sco_str_is(p->s->partial_parsing, "accept"))
        h->log(h, SCO_LOG_WARNING, text);
    else
        h->incomplete(h, text);
}

static int count_scanned(struct semgrep_parse *p, const struct sco_node *list)
{
    const struct sco_data_api *data = p->s->h->data;
    const struct sco_node *item;
    struct sco_iter *it = NULL;
    int r;
    if (!list || list->type == SCO_NODE_NULL)
        return 0;
    r = data->iter_open(p->doc.r, list, &it, p->doc.e);
    while (r >= 0 && !p->scanned && (r = data->iter_next(it, NULL, &item, p->doc.e)) > 0)
        p->scanned++;
    data->iter_close(it);
    return r < 0 ? r : 0;
}

/* ---- documents --------------------------------------------------------------------------------
 */
static int parse_scan(struct semgrep_parse *p)
{
    static const char *const own[] = {"errors", "paths", "version", NULL};
    struct rep_doc *d = &p->doc;
    const struct sco_node *scanned = sco_path(d->root, "paths.scanned");
    struct sco_str version = sco_text_at(d->root, "version");
    int r;
    if (sco_is(sco_get(d->root, "results"), SCO_NODE_NULL))
        return rep_format(d, "\"results\" is null");
    if (sco_get(d->root, "metrics") || !rep_has(d->root, own))
        return rep_format(d, "it has \"results\", but none of \"errors\", \"paths\", \"version\"");
    if (version.n)
        d->h->tool(d->h, SCO_STR(SEMGREP_TOOL), version);
    if ((r = rep_walk(d, sco_get(d->root, "results"), "results", NULL, on_result, p)) < 0)
        return r;
    if ((r = rep_walk(d, sco_get(d->root, "errors"), "errors", NULL, on_error, p)) < 0)
        return r;
    report_errors(p);
    if ((r = count_scanned(p, scanned)) < 0)
        return r;
    if (scanned && !p->scanned && !d->emitted && !p->errors && !p->skipped.n && !p->partial.n)
        return sco_errf(d->e, SCO_RUN_SKIPPED,
                        "no file of the target is in a language of the rules");
    return 0;
}

static int parse_export(struct semgrep_parse *p, const char *name, rep_item_fn fn)
{
    struct rep_doc *d = &p->doc;
    if (sco_is(sco_get(d->root, name), SCO_NODE_NULL))
        return sco_errf(d->e, SCO_E_FORMAT, "not a report of Semgrep: \"%s\" is null", name);
    int r = rep_walk(d, sco_get(d->root, name), name, NULL, fn, p);
    if (r == 0 && sco_bool(sco_get(d->root, "hasMore"), 0))
        d->h->incomplete(d->h, SCO_STR("the export has further pages (\"hasMore\")"));
    return r;
}

static int parse_document(struct semgrep_parse *p)
{
    struct rep_doc *d = &p->doc;
    if (sco_is(d->root, SCO_NODE_MAP)) {
        if (sco_get(d->root, "results"))
            return parse_scan(p);
        if (sco_get(d->root, "vulns"))
            return parse_export(p, "vulns", semgrep_supply_chain);
        if (sco_get(d->root, "findings"))
            return parse_export(p, "findings", semgrep_platform_finding);
    }
    return rep_format(d, "expected an object with \"results\", \"findings\" or \"vulns\"");
}

int semgrep_parse_report(void *ctx, const struct sco_input *in, struct sco_errbuf *e)
{
    struct semgrep *s = ctx;
    struct semgrep_parse p = {.s = s, .doc = {.h = s->h, .tool = SEMGREP_TOOL, .e = e}};
    int r = rep_open(&p.doc, in->path, DEFERRED);
    if (r == 0)
        r = parse_document(&p);
    return rep_close(&p.doc, r);
}

const char *semgrep_words(struct semgrep *s, const char *report, int *ret_worked)
{
    struct semgrep_parse p = {.s = s, .doc = {.h = s->h, .tool = SEMGREP_TOOL}};
    int r = rep_open(&p.doc, report, DEFERRED);
    if (r == 0)
        r = rep_walk(&p.doc, sco_get(p.doc.root, "errors"), "errors", NULL, on_error, &p);
    if (r == 0)
        r = count_scanned(&p, sco_path(p.doc.root, "paths.scanned"));
    s->h->data->close(p.doc.r);
    *ret_worked = r == 0 && p.scanned;
    return r == 0 && p.first_error.n ? p.first_error.p : "";
}

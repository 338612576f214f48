/* Reports of Checkov, which have three shapes: a list of reports (two frameworks or more), one
 * report, or a bare summary when nothing was found to check. Failed checks are findings; skipped
 * ones too, as suppressed by the comment or baseline that skipped them; passed ones are not read.
 * What could not be parsed is only a number in the summary when Checkov ran with --quiet. */
#include "checkov_priv.h"

struct parse {
    struct checkov *c;
    struct rep_doc doc;
    const char *root;          /* the folder that was scanned, or NULL */
    struct sco_str check_type; /* of the report that is read, until the job ends */
    struct sco_str version;
    int skipped; /* the list that is read: skipped checks */
    uint64_t items, reports, checked, unparsed;
    struct rep_names unparsed_files;
};

static const char *const DEFERRED[] = {
    "[]", "passed_checks", "failed_checks", "skipped_checks", "parsing_errors", NULL};

static uint32_t type_of(struct sco_str check_type, struct sco_str id)
{
    if (sco_str_starts(check_type, "secrets"))
        return SCO_TYPE_SECRET;
    if (sco_str_starts(check_type, "sca_"))
        return sco_str_starts(id, "BC_LIC") ? SCO_TYPE_LICENSE : SCO_TYPE_SCA;
    if (sco_str_starts(check_type, "sast"))
        return SCO_TYPE_SAST;
    return SCO_TYPE_IAC;
}

/* Without a key for the vendor's platform there is no severity: medium then. */
static uint32_t severity_of(struct sco_str word)
{
    static const struct {
        const char *word;
        uint32_t severity;
    } map[] = {{"critical", SCO_SEV_CRITICAL}, {"high", SCO_SEV_HIGH}, {"medium", SCO_SEV_MEDIUM},
               {"moderate", SCO_SEV_MEDIUM},   {"low", SCO_SEV_LOW},   {"info", SCO_SEV_INFO},
               {"none", SCO_SEV_INFO}};
    if (!word.n)
        return SCO_SEV_MEDIUM;
    for (size_t i = 0; i < sizeof map / sizeof *map; i++)
        if (sco_str_is_nocase(word, map[i].word))
            return map[i].severity;
    return SCO_SEV_UNKNOWN;
}

/* "/main.tf" is relative to the folder that was scanned; files that do not parse are named with it.
 */
static struct sco_str relative(struct sco_str path, const char *root)
{
    size_t n = root ? strlen(root) : 0;
    if (n && path.n > n && memcmp(path.p, root, n) == 0 && path.p[n] == '/')
        path = sco_str_make(path.p + n, path.n - n);
    while (path.n && *path.p == '/') {
        path.p++;
        path.n--;
    }
    return path;
}

static void fill_lines(const struct sco_node *range, int64_t *line, int64_t *end_line)
{
    const struct sco_node *first = sco_first(range), *last = sco_next(range, first);
    *line = sco_int(first, 0);
    *end_line = sco_int(last, 0);
    if (*line < 1 || *end_line < *line) { /* [0, 0] and [1, 0] occur: no line is known */
        *line = *line > 0 && *end_line == 0 ? 0 : *line;
        *end_line = 0;
    }
    if (*line < 0)
        *line = 0;
}

static void fill_package(struct sco_report_finding *f, const struct sco_node *details,
                         struct sco_str *id)
{
    if (!sco_is(details, SCO_NODE_MAP))
        return;
    f->ids = sco_one(id, sco_text_at(details, "id"));
    f->package_name = sco_text_at(details, "package_name");
    f->package_version = sco_text_at(details, "package_version");
    f->fixed_version = sco_text_at(details, "fix_version");
    f->cvss_score = sco_real_at(details, "cvss", 0);
    f->cvss_vector = sco_text_at(details, "vector");
    f->description = rep_or(sco_text_at(details, "description"), f->description);
    f->severity_text = rep_or(f->severity_text, sco_text_at(details, "severity"));
}

/* Why a check is skipped: a comment in the source, or the baseline file. */
static void fill_suppression(struct sco_report_finding *f, const struct sco_node *item,
                             struct sco_suppression *s)
{
    s->reason = sco_text_at(item, "check_result.suppress_comment");
    s->kind = s->reason.n && !sco_str_is(s->reason, "baseline-skipped") ? SCO_SUPPRESS_INLINE
                                                                        : SCO_SUPPRESS_BASELINE;
    f->suppressions = s;
    f->n_suppressions = 1;
}

/* A secret's resource is an unsalted digest of its value: good to tell two apart, not to show. */
static void fill_identity(struct sco_report_finding *f, const struct sco_node *item)
{
    struct sco_str resource = sco_text_at(item, "resource");
    if (f->type == SCO_TYPE_SECRET)
        f->stable_id = resource;
    else
        f->resource = rep_or(sco_text_at(item, "resource_address"), resource);
}

static int on_check(void *user, const struct sco_node *item)
{
    struct parse *p = user;
    const struct sco_host *h = p->c->h;
    struct sco_report_finding f = rep_finding(SCO_TYPE_IAC);
    struct rep_meta meta = {.n = 0};
    struct sco_location caller = {.line = 0};
    struct sco_suppression s = {.kind = 0};
    struct sco_str reference, id;

    f.rule_id = rep_or(sco_text_at(item, "check_id"), sco_text_at(item, "bc_check_id"));
    if (!f.rule_id.n)
        return REP_UNUSABLE;
    p->items++;
    f.type = type_of(p->check_type, f.rule_id);
    f.title = sco_text_at(item, "check_name");
    f.description =
        rep_or(sco_text_at(item, "description"), sco_text_at(item, "short_description"));
    f.severity_text = sco_text_at(item, "severity");
    f.file_path = relative(sco_text_at(item, "file_path"), NULL);
    fill_lines(sco_get(item, "file_line_range"), &f.line, &f.end_line);
    fill_identity(&f, item);
    fill_package(&f, sco_get(item, "vulnerability_details"), &id);
    f.severity = severity_of(f.severity_text);
    f.references = sco_one(&reference, rep_or(sco_text_at(item, "guideline"),
                                              sco_text_at(item, "vulnerability_details.link")));
    caller.file_path = relative(sco_text_at(item, "caller_file_path"), NULL);
    if (caller.file_path.n) {
        fill_lines(sco_get(item, "caller_file_line_range"), &caller.line, &caller.end_line);
        f.locations = &caller;
        f.n_locations = 1;
    }
    if (p->skipped)
        fill_suppression(&f, item, &s);
    rep_meta(&meta, "check_type", p->check_type);
    rep_meta(&meta, "bc_check_id", sco_text_at(item, "bc_check_id"));
    rep_meta(&meta, "bc_category", sco_text_at(item, "bc_category"));
    rep_meta(&meta, "check_class", sco_text_at(item, "check_class"));
    rep_meta(&meta, "evaluated_keys",
             rep_join(h, sco_path(item, "check_result.evaluated_keys"), ", "));
    rep_meta_set(&meta, &f);
    return rep_emit(&p->doc, &f);
}

/* parsing_errors is a list of paths. */
static int read_unparsed(struct parse *p, const struct sco_node *list)
{
    const struct sco_data_api *data = p->c->h->data;
    const struct sco_node *item;
    struct sco_iter *it = NULL;
    int r;
    if (!list || list->type == SCO_NODE_NULL)
        return 0;
    r = data->iter_open(p->doc.r, list, &it, p->doc.e);
    while (r >= 0 && (r = data->iter_next(it, NULL, &item, p->doc.e)) > 0)
        rep_name_add(&p->unparsed_files, p->c->h, relative(sco_text(item), p->root));
    data->iter_close(it);
    return r < 0 ? r : 0;
}

static int64_t count(const struct sco_node *summary, const char *name, const char *old_name)
{
    int64_t n = sco_int_at(summary, name, 0);
    return n > 0 || !old_name ? n : sco_int_at(summary, old_name, 0);
}

/* What the summary says beyond the lists. */
static void read_summary(struct parse *p, const struct sco_node *summary)
{
    int64_t errors = count(summary, "parsing_errors", "parsingerrors");
    struct sco_str version = sco_text_at(summary, "checkov_version");
    p->unparsed += errors > 0 ? (uint64_t)errors : 0;
    p->checked += (uint64_t)(count(summary, "passed", NULL) > 0) +
                  (uint64_t)(count(summary, "skipped", NULL) > 0) +
                  (uint64_t)(count(summary, "resource_count", "resourcecount") > 0);
    if (version.n && !p->version.n) {
        p->version = sco_str_c(sco_cstr(p->c->h, version));
        p->c->h->tool(p->c->h, SCO_STR(CHECKOV_TOOL), p->version);
    }
}

static int on_report(void *user, const struct sco_node *report)
{
    struct parse *p = user;
    const struct sco_node *results = sco_get(report, "results"), *failed;
    int64_t said = sco_int_at(report, "summary.failed", 0);
    int r;
    if (!sco_is(results, SCO_NODE_MAP)) {
        if (!sco_is(results, SCO_NODE_NULL) && sco_get(report, "passed")) {
            p->reports++;
            read_summary(p, report); /* a bare summary */
            return 0;
        }
        return REP_UNUSABLE;
    }
    if (!(failed = sco_get(results, "failed_checks")))
        return REP_UNUSABLE;
    p->reports++;
    p->check_type = sco_str_c(sco_cstr(p->c->h, sco_text_at(report, "check_type")));
    read_summary(p, sco_get(report, "summary"));
    p->items = 0;
    p->skipped = 0;
    if ((r = rep_walk(&p->doc, failed, "failed_checks", NULL, on_check, p)) < 0)
        return r;
    if (said > 0 && (uint64_t)said > p->items && !p->doc.unusable)
        p->c->h->incomplete(p->c->h, sco_fmt(p->c->h,
                                             "the summary of %.*s counts %lld failed checks, but "
                                             "the report lists %llu",
                                             SCO_STR_ARG(p->check_type), (long long)said,
                                             (unsigned long long)p->items));
    p->checked += p->items;
    p->skipped = 1;
    r = rep_walk(&p->doc, sco_get(results, "skipped_checks"), "skipped_checks", NULL, on_check, p);
    return r < 0 ? r : read_unparsed(p, sco_get(results, "parsing_errors"));
}

static void report_unparsed(struct parse *p)
{
    const struct sco_host *h = p->c->h;
    uint64_t n = p->unparsed > p->unparsed_files.n ? p->unparsed : p->unparsed_files.n;
    struct sco_str names = rep_names_text(&p->unparsed_files, h);
    if (n)
        h->incomplete(h, sco_fmt(h, "%llu file%s could not be parsed%s%.*s", (unsigned long long)n,
                                 n == 1 ? "" : "s", names.n ? ": " : "", SCO_STR_ARG(names)));
}

static int parse_document(struct parse *p)
{
    struct rep_doc *d = &p->doc;
    int r;
    if (sco_is(d->root, SCO_NODE_MAP))
        r = on_report(p, d->root);
    else if (sco_is(d->root, SCO_NODE_LIST) || sco_is(d->root, SCO_NODE_DEFERRED))
        r = rep_walk(d, d->root, "$", DEFERRED, on_report, p);
    else
        r = REP_UNUSABLE;
    if (r < 0)
        return r;
    if (!p->reports)
        return rep_format(d, "expected \"results\" with \"failed_checks\", a list of that, or a "
                             "summary");
    report_unparsed(p);
    if (!p->checked && !d->emitted && !p->unparsed && !p->unparsed_files.n && !d->unusable)
        return sco_errf(d->e, SCO_RUN_SKIPPED, "the report says that nothing was checked");
    return 0;
}

int checkov_parse(void *ctx, const struct sco_input *in, struct sco_errbuf *e)
{
    struct checkov *c = ctx;
    struct parse p = {.c = c, .root = in->root, .doc = {.h = c->h, .tool = CHECKOV_TOOL, .e = e}};
    int r = rep_open(&p.doc, in->path, DEFERRED);
    if (r == 0)
        r = parse_document(&p);
    return rep_close(&p.doc, r);
}

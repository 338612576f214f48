/* Bandit: weaknesses in Python code.
 *
 * Runs from Debian's 1.6.2 (no --exit-zero, exit status 1 when it found something) to today's
 * releases. Bandit exits 0 for a path that does not exist and for files that it cannot parse; the
 * report's `errors` and `metrics` tell, so they decide here. The texts of B105 to B107 quote the
 * password that was found: it goes to the host as the secret and nowhere else. */
#include "../../common/report.h"

enum { EXCLUDES_MAX = 100 << 10 }; /* bytes of -x; the system takes 128 KiB for one argument */

struct bandit {
    const struct sco_host *h;
    struct sco_str config;
    struct sco_str_list tests, skip_tests;
    int64_t target_config;
};

struct parse {
    struct bandit *b;
    struct rep_doc doc;
    struct rep_names errors;
    struct sco_str reason; /* of the first error */
};

static const char TOOL[] = "Bandit";
static const char *const DEFERRED[] = {"results", "errors", NULL};

/* ---- report -----------------------------------------------------------------------------------
 */
static uint32_t severity_of(struct sco_str word)
{
    if (sco_str_is_nocase(word, "high"))
        return SCO_SEV_HIGH;
    if (sco_str_is_nocase(word, "medium"))
        return SCO_SEV_MEDIUM;
    if (sco_str_is_nocase(word, "low"))
        return SCO_SEV_LOW;
    return SCO_SEV_UNKNOWN;
}

/* `code` has a few lines, each with its number before it: finds the one of the finding. */
static struct sco_str source_line(struct sco_str code, int64_t line)
{
    for (size_t at = 0; at < code.n;) {
        const char *nl = memchr(code.p + at, '\n', code.n - at);
        size_t end = nl ? (size_t)(nl - code.p) : code.n;
        size_t i = at;
        int64_t n = 0;
        for (; i < end && code.p[i] >= '0' && code.p[i] <= '9' && n < INT32_MAX; i++)
            n = n * 10 + (code.p[i] - '0');
        if (i > at && n == line)
            return sco_str_make(code.p + i, end - i);
        at = end + 1;
    }
    return sco_str_make(NULL, 0);
}

/* B105 to B107 end their text with ": 'the password'". Cuts it off the title. */
static struct sco_str take_password(struct sco_str id, struct sco_str *title)
{
    struct sco_str none = {NULL, 0};
    if (!sco_str_is(id, "B105") && !sco_str_is(id, "B106") && !sco_str_is(id, "B107"))
        return none;
    for (size_t i = 0; i + 3 <= title->n; i++) {
        struct sco_str rest = sco_str_make(title->p + i, title->n - i);
        if (!sco_str_starts(rest, ": '") && !sco_str_starts(rest, ": \""))
            continue;
        title->n = i;
        size_t tail = rest.n > 3 && rest.p[rest.n - 1] == rest.p[2];
        return sco_str_make(rest.p + 3, rest.n - 3 - tail);
    }
    return none;
}

static void fill_location(struct sco_report_finding *f, const struct sco_node *item)
{
    const struct sco_node *range = sco_get(item, "line_range"), *last = NULL;
    SCO_EACH (n, range)
        last = n;
    f->file_path = sco_text_at(item, "filename");
    f->line = sco_int_at(item, "line_number", 0);
    f->end_line = sco_int(last, 0);
    if (f->end_line < f->line)
        f->end_line = 0;
    f->column = sco_int_at(item, "col_offset", -1) + 1;
    if (f->end_line <= f->line)
        f->end_column = sco_int_at(item, "end_col_offset", -1) + 1;
}

static int on_result(void *user, const struct sco_node *item)
{
    struct parse *p = user;
    struct sco_report_finding f = rep_finding(SCO_TYPE_SAST);
    struct rep_meta meta = {.n = 0};
    struct sco_str cwe, reference;

    f.rule_id = rep_or(sco_text_at(item, "test_id"), sco_text_at(item, "test_name"));
    if (!f.rule_id.n)
        return REP_UNUSABLE;
    f.severity_text = sco_text_at(item, "issue_severity");
    f.severity = severity_of(f.severity_text);
    f.title = sco_text_at(item, "issue_text");
    f.secret = take_password(f.rule_id, &f.title);
    if (f.secret.n)
        f.type = SCO_TYPE_SECRET;
    f.description = f.title;
    fill_location(&f, item);
    if (!f.secret.n)
        f.snippet = source_line(sco_text_at(item, "code"), f.line);
    f.cwes = sco_one(&cwe, sco_text_at(item, "issue_cwe.id"));
    f.references = sco_one(&reference, sco_text_at(item, "more_info"));
    rep_meta(&meta, "test_name", sco_text_at(item, "test_name"));
    rep_meta(&meta, "confidence", sco_text_at(item, "issue_confidence"));
    rep_meta_set(&meta, &f);
    return rep_emit(&p->doc, &f);
}

static int on_error(void *user, const struct sco_node *item)
{
    struct parse *p = user;
    struct sco_str file = sco_text_at(item, "filename"), reason = sco_text_at(item, "reason");
    if (!file.n && !reason.n)
        return REP_UNUSABLE;
    if (sco_str_starts(file, "./"))
        file = sco_str_make(file.p + 2, file.n - 2);
    rep_name_add(&p->errors, p->b->h, file);
    if (!p->reason.n)
        p->reason = sco_str_c(sco_cstr(p->b->h, reason));
    return 0;
}

/* How many files the metrics name; `_totals` is none of them. */
static uint64_t files_measured(const struct sco_node *metrics)
{
    uint64_t n = 0;
    if (sco_is(metrics, SCO_NODE_MAP))
        for (const struct sco_node *c = metrics->child; c; c = c->next)
            n += !sco_str_is(c->key, "_totals");
    return n;
}

static int parse_document(struct parse *p)
{
    struct rep_doc *d = &p->doc;
    const struct sco_node *metrics = sco_get(d->root, "metrics");
    int r;
    if (!sco_is(d->root, SCO_NODE_MAP) || !sco_get(d->root, "results"))
        return rep_format(d, "expected an object with \"results\" and \"metrics\"");
    if (!sco_is(metrics, SCO_NODE_MAP) && !sco_is(sco_get(d->root, "stats"), SCO_NODE_LIST))
        return rep_format(d, "it has no \"metrics\"");
    if (sco_get(d->root, "results")->type == SCO_NODE_NULL)
        return rep_format(d, "\"results\" is null");
    if ((r = rep_walk(d, sco_get(d->root, "results"), "results", NULL, on_result, p)) < 0)
        return r;
    if ((r = rep_walk(d, sco_get(d->root, "errors"), "errors", NULL, on_error, p)) < 0)
        return r;
    if (p->errors.n)
        p->b->h->incomplete(p->b->h, sco_fmt(p->b->h, "%llu file%s not checked: %.*s (%.*s)",
                                             (unsigned long long)p->errors.n,
                                             p->errors.n == 1 ? " was" : "s were",
                                             SCO_STR_ARG(rep_names_text(&p->errors, p->b->h)),
                                             SCO_STR_ARG(p->reason)));
    if (metrics && !files_measured(metrics) && !d->emitted && !p->errors.n && !d->unusable)
        return sco_errf(d->e, SCO_RUN_SKIPPED, "the report says that no file was looked at");
    return 0;
}

static int bandit_parse(void *ctx, const struct sco_input *in, struct sco_errbuf *e)
{
    struct bandit *b = ctx;
    struct parse p = {.b = b, .doc = {.h = b->h, .tool = TOOL, .e = e}};
    int r = rep_open(&p.doc, in->path, DEFERRED);
    if (r == 0)
        r = parse_document(&p);
    return rep_close(&p.doc, r);
}

/* ---- run --------------------------------------------------------------------------------------
 */

/* Bandit matches what -x names as a glob or anywhere in the path, so each folder is written as a
 * glob from the target on. Names with a comma cannot be said; the host leaves those out itself. */
static const char *excludes(const struct bandit *b, const struct sco_job *job)
{
    static const char always[] = "*/.git/*,*/.hg/*,*/.svn/*,*/__pycache__/*,*/.tox/*,*/.eggs/*";
    size_t n = sizeof always, count = 0;
    char *s, *at;
    for (; job->excludes && job->excludes[count]; count++) {
        size_t len = strlen(job->excludes[count]) + strlen(",.//*");
        if (n + len > EXCLUDES_MAX)
            break;
        n += len;
    }
    if (!(s = at = b->h->alloc(b->h, n)))
        return NULL;
    memcpy(at, always, sizeof always - 1);
    at += sizeof always - 1;
    for (size_t i = 0; i < count; i++)
        if (!strpbrk(job->excludes[i], ",*?["))
            at += snprintf(at, n - (size_t)(at - s), ",./%s/*", job->excludes[i]);
    return s;
}

/* Bandit looks for .bandit files below the target; an empty one of ours keeps it from that. */
static const char *empty_ini(const struct bandit *b, const struct sco_job *job)
{
    const char *path = rep_strf(b->h, "%s/bandit.ini", job->work_dir);
    FILE *f = path ? fopen(path, "we") : NULL;
    if (!f)
        return NULL;
    int ok = fputs("[bandit]\n", f) >= 0;
    return fclose(f) == 0 && ok ? path : NULL;
}

static void add_tests(struct rep_args *a, const struct bandit *b, const char *flag,
                      struct sco_str_list tests)
{
    const char *s = "";
    if (!tests.n)
        return;
    for (size_t i = 0; i < tests.n && s; i++)
        s = rep_strf(b->h, "%s%s%.*s", s, i ? "," : "", SCO_STR_ARG(tests.v[i]));
    rep_arg(a, flag);
    rep_arg(a, s);
}

static int command_line(struct bandit *b, const struct sco_job *job, const char *report,
                        struct rep_args *a, struct sco_errbuf *e)
{
    a->h = b->h;
    rep_arg(a, job->program);
    rep_arg(a, "-f");
    rep_arg(a, "json");
    rep_arg(a, "-o");
    rep_arg(a, report);
    rep_arg(a, "-q");
    rep_arg(a, "-x");
    rep_arg(a, excludes(b, job));
    if (b->config.n) {
        rep_arg(a, "-c");
        rep_arg(a, b->config.p);
    }
    if (!b->target_config) {
        const char *ini = empty_ini(b, job);
        if (!ini)
            return sco_errf(e, SCO_E_IO, "cannot write to %s", job->work_dir);
        rep_arg(a, "--ini");
        rep_arg(a, ini);
    }
    add_tests(a, b, "-t", b->tests);
    add_tests(a, b, "-s", b->skip_tests);
    rep_arg(a, "-r");
    rep_arg(a, job->target_kind == SCO_TARGET_FILE ? job->target : ".");
    return 0;
}

static int bandit_run(void *ctx, const struct sco_job *job, struct sco_errbuf *e)
{
    struct bandit *b = ctx;
    struct rep_args a = {.v = NULL};
    struct sco_command_result res;
    const char *report = rep_strf(b->h, "%s/bandit.json", job->work_dir);
    int r = command_line(b, job, report, &a, e);
    if (r < 0)
        return r;
    struct sco_command c = {.struct_size = sizeof c,
                            .argv = rep_argv(&a),
                            .cwd = job->target_kind == SCO_TARGET_FILE ? NULL : job->target};
    if ((r = rep_run(b->h, TOOL, &c, &res, e)) < 0)
        return r;
    if (res.exit_code != 0 && res.exit_code != 1)
        return rep_failed(b->h, TOOL, &res, e);
    if ((r = rep_fresh(b->h, TOOL, report, &res, e)) < 0)
        return r;
    struct sco_input in = {.struct_size = sizeof in, .path = report, .root = job->target};
    r = bandit_parse(b, &in, e);
    if (r == SCO_RUN_SKIPPED && job->files && job->files[0])
        return sco_errf(e, SCO_RUN_INCOMPLETE, "no file was looked at, though there are some (%s)",
                        job->files[0]);
    return r;
}

/* ---- plugin -----------------------------------------------------------------------------------
 */
static uint32_t bandit_sniff(const struct sco_probe *p)
{
    static const char *const names[] = {"results", "metrics", "generated_at", "errors", NULL};
    const struct sco_node *first;
    if (!sco_is(p->root, SCO_NODE_MAP))
        return 0;
    first = sco_first(sco_get(p->root, "results"));
    if (sco_get(first, "test_id") && sco_get(first, "issue_text"))
        return 98;
    if (sco_path(p->root, "metrics._totals"))
        return rep_has(p->root, names) >= 3 ? 95 : 80;
    return 0;
}

static int bandit_open(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    (void)e;
    ((struct bandit *)ctx)->h = host;
    return 0;
}

static const struct sco_option OPTIONS[] = {
    {"config", SCO_OPT_STR, 0, offsetof(struct bandit, config), 0, NULL, 0, 0, NULL,
     "Bandit's configuration file (-c): profiles and settings of single tests."},
    {"tests", SCO_OPT_LIST, 0, offsetof(struct bandit, tests), 0, NULL, 0, 0, NULL,
     "Test ids to run; all when empty."},
    {"skip_tests", SCO_OPT_LIST, 0, offsetof(struct bandit, skip_tests), 0, NULL, 0, 0, NULL,
     "Test ids to leave out, such as B101 (assert)."},
    {"target_config", SCO_OPT_BOOL, 0, offsetof(struct bandit, target_config), 0, "false", 0, 0,
     NULL, "Honour a .bandit file in the target, which may switch off tests and folders."},
    {NULL, 0, 0, 0, 0, NULL, 0, 0, NULL, NULL},
};

static const char *const PROGRAMS[] = {"bandit", "bandit3", NULL};
static const char *const DETECT[] = {"*.py", NULL};

static const struct sco_scanner SCANNER = {
    .struct_size = sizeof(struct sco_scanner),
    .targets = SCO_TARGET_DIRECTORY | SCO_TARGET_FILE,
    .finds = SCO_TYPE_BIT(SCO_TYPE_SAST) | SCO_TYPE_BIT(SCO_TYPE_SECRET),
    .title = TOOL,
    .homepage = "https://bandit.readthedocs.io",
    .programs = PROGRAMS,
    .detect = DETECT,
    .install = "scripts/install-scanners.sh bandit",
    .sniff = bandit_sniff,
    .run = bandit_run,
    .parse = bandit_parse,
};

static const struct sco_plugin PLUGIN = {
    .magic = SCO_PLUGIN_MAGIC,
    .struct_size = sizeof(struct sco_plugin),
    .abi_major = SCO_ABI_MAJOR,
    .abi_minor = SCO_ABI_MINOR,
    .kind = SCO_KIND_SCANNER,
    .name = "bandit",
    .version = SCO_VERSION,
    .license = "Apache-2.0",
    .summary = "Weaknesses in Python code, found by Bandit.",
    .options = OPTIONS,
    .option_size = sizeof(struct sco_option),
    .ctx_size = sizeof(struct bandit),
    .open = bandit_open,
    .scanner = &SCANNER,
};

const struct sco_plugin *sco_plugin_v1(void)
{
    return &PLUGIN;
}

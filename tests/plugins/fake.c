/* A normal scanner plugin around tests/support/fakescan: runs it, accepts its report only when exit
 * status, time and content are right, and reads its simple JSON:
 *   {"fakescan":1,"findings":[{"rule","title","severity","file","line"}, ...]}
 * Several plugins are built from this file, each with other default arguments. */
#include <secureops/plugin.h>

#include <sys/stat.h>

struct ctx {
    struct sco_str_list args;
    struct sco_str token; /* a secret: given to the program in its environment */
    int64_t accept_partial;
    const struct sco_host *host;
};

static const struct sco_option options[] = {
    {.name = "args",
     .type = SCO_OPT_LIST,
     .offset = offsetof(struct ctx, args),
     .def = FAKE_ARGS,
     .doc = "What fakescan is to do."},
    {.name = "token",
     .type = SCO_OPT_STR,
     .flags = SCO_OPT_SECRET,
     .offset = offsetof(struct ctx, token),
     .doc = "Goes into FAKESCAN_TOKEN."},
    {.name = "accept_partial",
     .type = SCO_OPT_BOOL,
     .offset = offsetof(struct ctx, accept_partial),
     .def = "false",
     .doc = "A report that is cut short is incomplete instead of failed."},
    {.name = NULL},
};

static int fake_open(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    (void)e;
    ((struct ctx *)ctx)->host = host;
    return 0;
}

static uint32_t sniff(const struct sco_probe *p)
{
    return sco_get(p->root, "fakescan") && strcmp(FAKE_NAME, "fake") == 0 ? 95 : 0;
}

static int emit(const struct sco_host *h, const struct sco_node *v)
{
    struct sco_report_finding f;
    memset(&f, 0, sizeof f);
    f.struct_size = sizeof f;
    f.type = SCO_TYPE_SAST;
    f.rule_id = sco_text_at(v, "rule");
    f.title = sco_text_at(v, "title");
    f.severity_text = sco_text_at(v, "severity");
    f.file_path = sco_text_at(v, "file");
    f.line = sco_int_at(v, "line", 0);
    return h->emit(h, &f);
}

static int read_items(const struct sco_host *h, struct sco_reader *r, const struct sco_node *root,
                      struct sco_errbuf *e)
{
    const struct sco_node *item;
    struct sco_iter *it = NULL;
    int rc;
    if (!sco_get(root, "fakescan") || !sco_get(root, "findings"))
        return sco_errf(e, SCO_E_FORMAT, "not a report of fakescan");
    rc = h->data->iter_open(r, sco_get(root, "findings"), &it, e);
    while (rc == 0 && (rc = h->data->iter_next(it, NULL, &item, e)) == 1)
        rc = emit(h, item);
    h->data->iter_close(it);
    return rc;
}

static int read_report(struct ctx *c, const char *path, struct sco_errbuf *e)
{
    static const char *const deferred[] = {"findings", NULL};
    const struct sco_host *h = c->host;
    const struct sco_node *root = NULL;
    struct sco_reader *r = NULL;
    int rc = h->data->open(h, path, &r, e);
    if (rc == 0)
        rc = h->data->read(r, deferred, &root, e);
    if (rc == 0)
        rc = sco_errf(e, SCO_E_PARSE, "the report is empty");
    else if (rc == 1)
        rc = read_items(h, r, root, e);
    h->data->close(r);
    return rc == SCO_E_PARSE && c->accept_partial ? SCO_RUN_INCOMPLETE : rc;
}

static int parse(void *ctx, const struct sco_input *in, struct sco_errbuf *e)
{
    return read_report((struct ctx *)ctx, in->path, e);
}

/* Exit status, time and presence of the report; 0: it may be read. */
static int judge(const struct sco_command_result *r, const char *report, struct sco_errbuf *e)
{
    struct stat st;
    if (r->timed_out)
        return sco_errf(e, SCO_E_TIMEOUT, "fakescan did not end in time");
    if (r->truncated)
        return sco_errf(e, SCO_E_LIMIT, "fakescan wrote too much");
    if (r->signal)
        return sco_errf(e, SCO_E_TOOL, "fakescan was ended by signal %d", r->signal);
    if (r->exit_code > 1)
        return sco_errf(e, SCO_E_TOOL, "fakescan failed (exit status %d): %.*s", r->exit_code,
                        SCO_STR_ARG(r->err));
    if (stat(report, &st) != 0)
        return sco_errf(e, SCO_E_TOOL, "fakescan ended with %d but wrote no report", r->exit_code);
    if ((int64_t)st.st_mtime * 1000 + 999 < r->started_ms)
        return sco_errf(e, SCO_E_TOOL, "the report is older than the run");
    return 0;
}

static int run(void *ctx, const struct sco_job *job, struct sco_errbuf *e)
{
    struct ctx *c = (struct ctx *)ctx;
    const struct sco_host *h = c->host;
    struct sco_command cmd;
    struct sco_command_result res;
    const char **argv = (const char **)h->alloc(h, (c->args.n + 6) * sizeof *argv);
    const char *env[2] = {NULL, NULL};
    struct sco_str report = sco_fmt(h, "%s/report.json", job->work_dir);
    const char *path = sco_cstr(h, report);
    size_t n = 0, i;
    int rc, to_stdout = 0;
    if (!argv || !path)
        return sco_errf(e, SCO_E_NOMEM, "out of memory");
    argv[n++] = job->program;
    for (i = 0; i < c->args.n; i++)
        if (sco_str_is(c->args.v[i], "--to-stdout"))
            to_stdout = 1;
        else
            argv[n++] = c->args.v[i].p;
    if (!to_stdout) {
        argv[n++] = "--report";
        argv[n++] = path;
    }
    memset(&cmd, 0, sizeof cmd);
    memset(&res, 0, sizeof res);
    cmd.struct_size = sizeof cmd;
    res.struct_size = sizeof res;
    cmd.argv = argv;
    cmd.stdout_path = to_stdout ? path : NULL;
    if (c->token.n)
        env[0] = sco_cstr(h, sco_fmt(h, "FAKESCAN_TOKEN=%s", c->token.p));
    cmd.env = env;
    rc = h->run(h, &cmd, &res, e);
    if (rc == 0)
        rc = judge(&res, path, e);
    return rc < 0 ? rc : read_report(c, path, e);
}

static const char *const programs[] = {FAKE_PROGRAM, NULL};

static const struct sco_scanner scanner = {
    .struct_size = sizeof scanner,
    .targets = SCO_TARGET_DIRECTORY,
    .finds = SCO_TYPE_BIT(SCO_TYPE_SAST),
    .title = FAKE_NAME,
    .homepage = "https://example.org/fakescan",
    .programs = programs,
    .install = "it is built with the tests",
    .sniff = sniff,
    .run = run,
    .parse = parse,
};

static const struct sco_plugin plugin = {
    .magic = SCO_PLUGIN_MAGIC,
    .struct_size = sizeof plugin,
    .abi_major = SCO_ABI_MAJOR,
    .abi_minor = SCO_ABI_MINOR,
    .kind = SCO_KIND_SCANNER,
    .name = FAKE_NAME,
    .version = "1.0.0",
    .license = "Apache-2.0",
    .summary = "A scanner for tests.",
    .options = options,
    .option_size = sizeof(struct sco_option),
    .ctx_size = sizeof(struct ctx),
    .open = fake_open,
    .scanner = &scanner,
};

const struct sco_plugin *sco_plugin_v1(void)
{
    return &plugin;
}

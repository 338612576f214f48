/* SecureOps plugin for Sample scanner.
 *
 * A scanner plugin does three things: it says what it is (the tables at the end of this file), it
 * runs the scanner's program (run), and it turns a report into findings (parse). Everything else,
 * from deadlines to deduplication, is done by the host. The plugin works in a process of its own,
 * one job at a time: it may block, and when it crashes only its own job fails.
 *
 * This file expects a program that prints a report like this one; change it to what yours prints:
 *
 *   {"tool": {"name": "Sample scanner", "version": "1.4.2"},
 *    "files_scanned": 12,
 *    "issues": [{"check": "hardcoded-password", "level": "error", "message": "...",
 *                "file": "src/app.py", "line": 3, "cwe": "CWE-798", "help": "https://..."}],
 *    "errors": [{"file": "src/broken.py", "message": "cannot be parsed"}]}
 *
 * One rule above all: never report clean what was not checked. Whatever was left out is said with
 * host->incomplete(), and what cannot be a report is an error.
 */
#include <secureops/plugin.h>

#include <sys/stat.h>

static const char TOOL[] = "Sample scanner";

/* ---- options ----
 * The host checks what the user configured under scanners.sample-scanner against the table and
 * fills the context before open() is called. The types of the fields follow from the rows. */
struct ctx {
    const struct sco_host *host; /* not an option: set in open() */
    struct sco_str rules;        /* SCO_OPT_STR: {NULL, 0} when not given */
    struct sco_str minimum;      /* SCO_OPT_ENUM */
};

static const struct sco_option options[] = {
    {.name = "rules",
     .type = SCO_OPT_STR,
     .offset = offsetof(struct ctx, rules),
     .doc = "Rules to use instead of the built-in ones: a file, or a name that the program knows."},
    {.name = "minimum",
     .type = SCO_OPT_ENUM,
     .offset = offsetof(struct ctx, minimum),
     .def = "info",
     .values = "info,low,medium,high,critical",
     .doc = "Issues below this severity are left out."},
    {.name = NULL}};

/* ---- the report ---- */
/* The words of the tool. What is not understood is SCO_SEV_UNKNOWN: the host keeps the tool's word
 * in the metadata and uses INFO, or the CVSS score if there is one. */
static uint32_t severity_of(struct sco_str level)
{
    if (sco_str_is_nocase(level, "fatal"))
        return SCO_SEV_CRITICAL;
    if (sco_str_is_nocase(level, "error"))
        return SCO_SEV_HIGH;
    if (sco_str_is_nocase(level, "warning"))
        return SCO_SEV_MEDIUM;
    if (sco_str_is_nocase(level, "note"))
        return SCO_SEV_LOW;
    return SCO_SEV_UNKNOWN;
}

static uint32_t minimum_of(struct sco_str name)
{
    static const char *const names[] = {"", "info", "low", "medium", "high", "critical"};
    uint32_t i;
    for (i = SCO_SEV_INFO; i < SCO_SEV_CRITICAL; i++)
        if (sco_str_is(name, names[i]))
            break;
    return i;
}

/* One issue. The helpers accept absent and wrong members: sco_text_at gives {NULL, 0} for them, and
 * sco_int_at its last argument. 0, or the error of emit, which ends the job. */
static int emit_issue(struct ctx *c, const struct sco_node *issue)
{
    struct sco_report_finding f;
    struct sco_str cwe, help;

    memset(&f, 0, sizeof f);
    f.struct_size = sizeof f;
    f.type = SCO_TYPE_SAST;
    f.rule_id = sco_text_at(issue, "check");
    if (!f.rule_id.n) { /* a finding without a rule has no identity: say so, do not drop it */
        c->host->incomplete(c->host, SCO_STR("an issue has no \"check\" and was left out"));
        return 0;
    }
    f.severity_text = sco_text_at(issue, "level");
    f.severity = severity_of(f.severity_text);
    if (f.severity != SCO_SEV_UNKNOWN && f.severity < minimum_of(c->minimum))
        return 0;
    f.title = sco_text_at(issue, "message");
    f.file_path = sco_text_at(issue, "file"); /* as printed: the host makes it relative */
    f.line = sco_int_at(issue, "line", 0);
    f.cwes = sco_one(&cwe, sco_text_at(issue, "cwe"));
    f.references = sco_one(&help, sco_text_at(issue, "help"));
    return c->host->emit(c->host, &f); /* copies everything */
}

/* A file that the tool could not look at makes the job incomplete, with the tool's own words. */
static void report_error(const struct ctx *c, const struct sco_node *error)
{
    c->host->incomplete(c->host,
                        sco_fmt(c->host, "%.*s: %.*s", SCO_STR_ARG(sco_text_at(error, "file")),
                                SCO_STR_ARG(sco_text_at(error, "message"))));
}

/* Walks a list of the document item by item. `issues` may have millions of items: each is read when
 * it is asked for, and forgotten with the next. */
static int walk(struct ctx *c, struct sco_reader *reader, const struct sco_node *list, int issues,
                struct sco_errbuf *e)
{
    const struct sco_data_api *data = c->host->data;
    const struct sco_node *item;
    struct sco_iter *it;
    int r = data->iter_open(reader, list, &it, e);
    if (r < 0)
        return r;
    while ((r = data->iter_next(it, NULL, &item, e)) > 0) {
        int failed = 0;
        if (issues)
            failed = emit_issue(c, item);
        else
            report_error(c, item);
        if (failed < 0) { /* too many findings, or cancelled: the host knows the text */
            r = failed;
            break;
        }
    }
    data->iter_close(it);
    return r;
}

static int parse_document(struct ctx *c, struct sco_reader *reader, struct sco_errbuf *e)
{
    /* These lists are left in the file when the document is read: see walk. */
    static const char *const deferred[] = {"issues", "errors", NULL};
    const struct sco_node *root, *issues;
    int r = c->host->data->read(reader, deferred, &root, e);
    if (r < 0)
        return r; /* not JSON, or cut short: e says where */
    if (r == 0)
        return sco_errf(e, SCO_E_FORMAT, "the report of %s is empty", TOOL);
    issues = sco_get(root, "issues");
    if (!issues || (issues->type != SCO_NODE_LIST && issues->type != SCO_NODE_DEFERRED))
        return sco_errf(e, SCO_E_FORMAT, "not a report of %s: it has no \"issues\"", TOOL);
    c->host->tool(c->host, sco_str_c(TOOL), sco_text_at(root, "tool.version"));
    r = walk(c, reader, issues, 1, e);
    if (r == 0)
        r = walk(c, reader, sco_get(root, "errors"), 0, e);
    if (r == 0 && sco_int_at(root, "files_scanned", 1) == 0)
        return sco_errf(e, SCO_RUN_SKIPPED, "no file was looked at");
    return r;
}

/* `secureops import` calls this, and run() below: a report is read in one way only. */
static int parse(void *ctx, const struct sco_input *in, struct sco_errbuf *e)
{
    struct ctx *c = (struct ctx *)ctx;
    struct sco_reader *reader;
    int r = c->host->data->open(c->host, in->path, &reader, e);
    if (r < 0)
        return r;
    r = parse_document(c, reader, e);
    c->host->data->close(reader);
    return r;
}

/* 0 to 100: how surely this is a report of ours. `root` is what the first MiB of the file holds, so
 * look only at what stands early in the report. */
static uint32_t sniff(const struct sco_probe *p)
{
    if (p->format != SCO_PROBE_JSON || !sco_is(p->root, SCO_NODE_MAP))
        return 0;
    return sco_str_is(sco_text_at(p->root, "tool.name"), TOOL) ? 90 : 0;
}

/* ---- running the program ---- */
/* The last words of the program, for the reason that the user sees. */
static struct sco_str last_words(const struct sco_command_result *res)
{
    struct sco_str s = res->err;
    while (s.n && (unsigned char)s.p[s.n - 1] <= ' ')
        s.n--;
    if (s.n > 300)
        s = sco_str_make(s.p + s.n - 300, 300);
    return s;
}

/* Exit status 0 is "nothing found" and 1 "issues found" for this program; everything else means
 * that it did not do its work, whatever it wrote before. */
static int check_result(const struct sco_command_result *res, const char *report,
                        struct sco_errbuf *e)
{
    struct sco_str words = last_words(res);
    struct stat st;
    if (res->timed_out)
        return sco_errf(e, SCO_E_TIMEOUT, "%s did not finish in time", TOOL);
    if (res->signal)
        return sco_errf(e, SCO_E_TOOL, "%s was ended by signal %d", TOOL, (int)res->signal);
    if (res->exit_code != 0 && res->exit_code != 1)
        return sco_errf(e, SCO_E_TOOL, "%s ended with status %d: %.*s", TOOL, (int)res->exit_code,
                        SCO_STR_ARG(words));
    if (stat(report, &st) != 0 || st.st_size == 0) /* status 0 alone proves nothing */
        return sco_errf(e, SCO_E_TOOL, "%s ended with status %d, but wrote no report: %.*s", TOOL,
                        (int)res->exit_code, SCO_STR_ARG(words));
    return 0;
}

static int run(void *ctx, const struct sco_job *job, struct sco_errbuf *e)
{
    struct ctx *c = (struct ctx *)ctx;
    const struct sco_host *h = c->host;
    const char *argv[8];
    struct sco_command command;
    struct sco_command_result result;
    struct sco_input input;
    size_t n = 0;
    int r;
    /* The work directory is empty, ours alone, and removed after the job. */
    struct sco_str report = sco_fmt(h, "%s/report.json", job->work_dir);
    const char *path = report.p ? sco_cstr(h, report) : NULL;
    if (!path)
        return sco_errf(e, SCO_E_NOMEM, "out of memory");

    argv[n++] = job->program; /* found by the host: see `programs` below */
    argv[n++] = "--format";
    argv[n++] = "json";
    if (c->rules.n) {
        argv[n++] = "--rules";
        argv[n++] = c->rules.p; /* texts of options are NUL-terminated */
    }
    argv[n++] = job->target; /* an absolute path */
    argv[n] = NULL;

    memset(&command, 0, sizeof command);
    command.struct_size = sizeof command;
    command.argv = argv;
    command.stdout_path = path; /* into a file: a report can be larger than memory */
    memset(&result, 0, sizeof result);
    result.struct_size = sizeof result;
    /* Deadline, cancelling, limits and whatever the program leaves behind are the host's work. */
    r = h->run(h, &command, &result, e);
    if (r == 0)
        r = check_result(&result, path, e);
    if (r < 0)
        return r;

    memset(&input, 0, sizeof input);
    input.struct_size = sizeof input;
    input.path = path;
    input.root = job->target;
    return parse(c, &input, e);
}

/* ---- the plugin ---- */
/* Called once, before run or parse. Refuse here what the option table cannot express. */
static int open_plugin(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    struct ctx *c = (struct ctx *)ctx;
    (void)e;
    c->host = host;
    return 0;
}

static const char *const programs[] = {"sample-scanner", NULL};
static const char *const detect[] = {"*.py", "*.js", NULL};

static const struct sco_scanner scanner = {
    .struct_size = sizeof scanner,
    .targets = SCO_TARGET_DIRECTORY,
    .finds = SCO_TYPE_BIT(SCO_TYPE_SAST),
    .title = "Sample scanner",
    .homepage = "https://example.org/sample-scanner",
    .programs = programs, /* version_args: --version is the default */
    .detect = detect,     /* it runs only where there are such files */
    .install = "see https://example.org/sample-scanner",
    .timeout_s = 600,
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
    .name = "sample-scanner",
    .version = PLUGIN_VERSION,
    .license = "Apache-2.0",
    .summary = "Finds weaknesses with Sample scanner.",
    .options = options,
    .option_size = sizeof options[0],
    .ctx_size = sizeof(struct ctx),
    .open = open_plugin,
    .scanner = &scanner,
};

const struct sco_plugin *sco_plugin_v1(void)
{
    return &plugin;
}

/* Cppcheck: faults in C and C++ code. An example of a plugin whose program writes XML.
 *
 * What there is to know of the program: it ends with status 0 whether it found something or not,
 * and with 1 when its arguments name nothing. A file that it cannot parse is an <error> among the
 * others, with an id of its own: counting it as a finding, or leaving it out, would hide that the
 * file was not checked. So those ids make the job incomplete.
 */
#include <secureops/plugin.h>

#include <sys/stat.h>

enum { ARGUMENTS_MAX = 256, PLACES_MAX = 16 };

struct ctx {
    const struct sco_host *host;
    struct sco_str_list enable, defines;
    int64_t inconclusive;
};

static const struct sco_option options[] = {
    {.name = "enable",
     .type = SCO_OPT_LIST,
     .offset = offsetof(struct ctx, enable),
     .def = "warning,portability",
     .doc = "Groups of checks beside errors: warning, style, performance, portability."},
    {.name = "defines",
     .type = SCO_OPT_LIST,
     .offset = offsetof(struct ctx, defines),
     .doc = "Preprocessor symbols, as in NAME or NAME=VALUE."},
    {.name = "inconclusive",
     .type = SCO_OPT_BOOL,
     .offset = offsetof(struct ctx, inconclusive),
     .def = "false",
     .doc = "Report also what Cppcheck is not sure of."},
    {.name = NULL}};

/* ---- the report ---- */
struct parse {
    struct ctx *ctx;
    int cppcheck; /* 1: its <cppcheck> element was seen, of a format that we know */
};

static uint32_t severity_of(struct sco_str word)
{
    if (sco_str_is(word, "error"))
        return SCO_SEV_HIGH;
    if (sco_str_is(word, "warning"))
        return SCO_SEV_MEDIUM;
    if (sco_str_is(word, "portability") || sco_str_is(word, "performance"))
        return SCO_SEV_LOW;
    return sco_str_is(word, "style") ? SCO_SEV_INFO : SCO_SEV_UNKNOWN;
}

/* These say that a file, or a part of one, was not checked. */
static int is_failure(struct sco_str id)
{
    static const char *const ids[] = {"syntaxError",        "internalError",
                                      "internalAstError",   "preprocessorErrorDirective",
                                      "cppcheckError",      "unknownMacro",
                                      "unhandledChar",      "noValidConfiguration",
                                      "instantiationError", "premiumInternalError"};
    size_t i;
    for (i = 0; i < sizeof ids / sizeof ids[0]; i++)
        if (sco_str_is(id, ids[i]))
            return 1;
    return 0;
}

static void say_failure(const struct sco_host *h, const struct sco_node *error)
{
    const struct sco_node *place = sco_first(sco_get(error, "location"));
    h->incomplete(h, sco_fmt(h, "%.*s:%lld: %.*s", SCO_STR_ARG(sco_text_at(place, "@file")),
                             (long long)sco_int_at(place, "@line", 0),
                             SCO_STR_ARG(sco_text_at(error, "@msg"))));
}

/* <location> repeats: the first is where the fault is, the others are how it comes about. A child
 * that repeats in XML is a member that repeats in the node. */
static size_t read_places(const struct sco_node *error, struct sco_location *v)
{
    const struct sco_node *c;
    size_t n = 0;
    for (c = error->child; c && n < PLACES_MAX; c = c->next) {
        if (!sco_str_is(c->key, "location"))
            continue;
        memset(&v[n], 0, sizeof v[n]);
        v[n].file_path = sco_text_at(c, "@file");
        v[n].line = sco_int_at(c, "@line", 0);
        v[n].column = sco_int_at(c, "@column", 0);
        n++;
    }
    return n;
}

static int on_error(struct parse *p, const struct sco_node *error)
{
    const struct sco_host *h = p->ctx->host;
    struct sco_location places[PLACES_MAX];
    struct sco_report_finding f;
    struct sco_pair metadata;
    struct sco_str cwe;
    size_t n = read_places(error, places);

    memset(&f, 0, sizeof f);
    f.struct_size = sizeof f;
    f.rule_id = sco_text_at(error, "@id");
    f.severity_text = sco_text_at(error, "@severity");
    if (is_failure(f.rule_id)) {
        say_failure(h, error);
        return 0;
    }
    /* "information" is about the run (missing includes, too many configurations), not the code */
    if (!f.rule_id.n || sco_str_is(f.severity_text, "information"))
        return 0;
    f.type = SCO_TYPE_SAST;
    f.severity = severity_of(f.severity_text);
    f.title = sco_text_at(error, "@msg");
    f.description = sco_text_at(error, "@verbose");
    f.cwes = sco_one(&cwe, sco_text_at(error, "@cwe"));
    if (n) {
        f.file_path = places[0].file_path;
        f.line = places[0].line;
        f.column = places[0].column;
        f.locations = places + 1;
        f.n_locations = n - 1;
    }
    if (sco_str_is(sco_text_at(error, "@inconclusive"), "true")) {
        metadata.key = SCO_STR("inconclusive");
        metadata.value = SCO_STR("true");
        f.metadata = &metadata;
        f.n_metadata = 1;
    }
    return h->emit(h, &f);
}

/* Called for each <error> and <cppcheck> when it ends; nothing else of the file is kept. */
static int on_record(void *user, const struct sco_node *const *ancestors, size_t n_ancestors,
                     const struct sco_node *record)
{
    struct parse *p = (struct parse *)user;
    const struct sco_host *h = p->ctx->host;
    if (sco_str_is(record->key, "cppcheck")) {
        struct sco_str format = sco_text_at(n_ancestors ? ancestors[0] : NULL, "@version");
        p->cppcheck = sco_str_is(format, "2");
        return p->cppcheck ? h->tool(h, SCO_STR("Cppcheck"), sco_text_at(record, "@version"))
                           : SCO_E_FORMAT;
    }
    return on_error(p, record);
}

static int parse(void *ctx, const struct sco_input *in, struct sco_errbuf *e)
{
    static const char *const records[] = {"cppcheck", "error", NULL};
    struct parse p = {(struct ctx *)ctx, 0};
    const struct sco_host *h = p.ctx->host;
    int r = h->data->read_xml(h, in->path, records, on_record, &p, e);
    if (!p.cppcheck && (r == 0 || r == SCO_E_FORMAT))
        return sco_errf(e, SCO_E_FORMAT, "not an XML report of Cppcheck in version 2 (--xml)");
    return r;
}

/* For XML, the probe has the root element alone: <results version="2">. */
static uint32_t sniff(const struct sco_probe *p)
{
    size_t i;
    if (p->format != SCO_PROBE_XML || !sco_str_is(sco_text_at(p->root, "#name"), "results"))
        return 0;
    for (i = 0; i + 9 < p->head.n && i < 400; i++)
        if (memcmp(p->head.p + i, "<cppcheck", 9) == 0)
            return 95;
    return 0;
}

/* ---- running the program ---- */
struct arguments {
    const char *v[ARGUMENTS_MAX];
    size_t n;
    int full; /* or out of memory */
};

static void add(struct arguments *a, const char *z)
{
    if (!z || a->n + 1 >= ARGUMENTS_MAX)
        a->full = 1;
    else
        a->v[a->n++] = z;
}

/* The host drops what is found in excluded folders anyway: naming them only saves time. */
static void add_excludes(struct arguments *a, const struct sco_host *h, const struct sco_job *job)
{
    size_t i;
    for (i = 0; job->excludes && job->excludes[i] && a->n + 16 < ARGUMENTS_MAX; i++)
        add(a, sco_cstr(h, sco_fmt(h, "-i%s/%s", job->target, job->excludes[i])));
}

static void make_arguments(struct arguments *a, const struct ctx *c, const struct sco_job *job,
                           const char *report)
{
    const struct sco_host *h = c->host;
    size_t i;
    add(a, job->program);
    add(a, "--xml");
    add(a, "--quiet");
    add(a, sco_cstr(h, sco_fmt(h, "--output-file=%s", report)));
    add(a, sco_cstr(h, sco_fmt(h, "-j%u", (unsigned)job->cpus)));
    for (i = 0; i < c->enable.n; i++)
        add(a, sco_cstr(h, sco_fmt(h, "--enable=%s", c->enable.v[i].p)));
    for (i = 0; i < c->defines.n; i++)
        add(a, sco_cstr(h, sco_fmt(h, "-D%s", c->defines.v[i].p)));
    if (c->inconclusive)
        add(a, "--inconclusive");
    add_excludes(a, h, job);
    add(a, job->target);
}

static int check_result(const struct sco_command_result *res, const char *report,
                        struct sco_errbuf *e)
{
    struct sco_str words = res->out.n ? res->out : res->err; /* it complains on stdout */
    struct stat st;
    if (words.n > 300)
        words.n = 300;
    if (res->timed_out)
        return sco_errf(e, SCO_E_TIMEOUT, "cppcheck did not finish in time");
    if (res->exit_code != 0)
        return sco_errf(e, SCO_E_TOOL, "cppcheck ended with status %d: %.*s", (int)res->exit_code,
                        SCO_STR_ARG(words));
    if (stat(report, &st) != 0 || st.st_size == 0)
        return sco_errf(e, SCO_E_TOOL, "cppcheck ended with status 0, but wrote no report");
    return 0;
}

static int run(void *ctx, const struct sco_job *job, struct sco_errbuf *e)
{
    struct ctx *c = (struct ctx *)ctx;
    const struct sco_host *h = c->host;
    struct arguments a;
    struct sco_command command;
    struct sco_command_result result;
    struct sco_input input;
    const char *report = sco_cstr(h, sco_fmt(h, "%s/report.xml", job->work_dir));
    int r;

    memset(&a, 0, sizeof a);
    make_arguments(&a, c, job, report);
    if (a.full || !report)
        return sco_errf(e, SCO_E_LIMIT, "more than %d arguments for cppcheck", ARGUMENTS_MAX);
    memset(&command, 0, sizeof command);
    command.struct_size = sizeof command;
    command.argv = a.v;
    memset(&result, 0, sizeof result);
    result.struct_size = sizeof result;
    r = h->run(h, &command, &result, e);
    if (r == 0)
        r = check_result(&result, report, e);
    if (r < 0)
        return r;
    memset(&input, 0, sizeof input);
    input.struct_size = sizeof input;
    input.path = report;
    input.root = job->target;
    return parse(c, &input, e);
}

/* ---- the plugin ---- */
static int open_plugin(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    (void)e;
    ((struct ctx *)ctx)->host = host;
    return 0;
}

static const char *const programs[] = {"cppcheck", NULL};
static const char *const detect[] = {"*.c",  "*.cc",  "*.cpp", "*.cxx", "*.h",
                                     "*.hh", "*.hpp", "*.hxx", "*.ipp", NULL};

static const struct sco_scanner scanner = {
    .struct_size = sizeof scanner,
    .targets = SCO_TARGET_DIRECTORY,
    .finds = SCO_TYPE_BIT(SCO_TYPE_SAST),
    .title = "Cppcheck",
    .homepage = "https://cppcheck.sourceforge.io",
    .programs = programs,
    .detect = detect,
    .install = "apt-get install cppcheck",
    .timeout_s = 1800,
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
    .name = "cppcheck",
    .version = PLUGIN_VERSION,
    .license = "Apache-2.0",
    .summary = "Faults in C and C++ code, found by Cppcheck.",
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

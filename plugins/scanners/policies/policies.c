/* Judges infrastructure code with Lua policies. A scanner without a program: what runs is
 * core/policy, linked into this plugin, in the worker of the job and in no other. The same plugin
 * serves `secureops policy` and the gates of a scan; sco_job.request says what is asked. */
#include "policies_priv.h"

#define OPTION(field_, type_, ...)                                                                 \
    {                                                                                              \
        .type = (type_), .offset = offsetof(struct policies, field_), __VA_ARGS__                  \
    }

static const struct sco_option options[] = {
    OPTION(only, SCO_OPT_LIST, .name = "policies",
           .doc = "Evaluate these and no others: ids, aliases such as CKV_K8S_16, or globs over "
                  "both."),
    OPTION(skip, SCO_OPT_LIST, .name = "skip",
           .doc = "Leave these out: ids, aliases, or globs over both."),
    OPTION(frameworks, SCO_OPT_LIST, .name = "frameworks",
           .doc = "Evaluate the policies of these compliance frameworks: ID or ID@VERSION."),
    OPTION(all, SCO_OPT_BOOL, .name = "all", .def = "false",
           .doc = "Evaluate also the policies that are off by default."),
    OPTION(params, SCO_OPT_LIST, .name = "params",
           .doc = "Parameters of policies: ID.NAME=VALUE, the value as JSON or as text."),
    OPTION(severities, SCO_OPT_LIST, .name = "severities",
           .doc = "Severities other than those of the policies: ID=HIGH; the ID may be a glob."),
    OPTION(memory, SCO_OPT_SIZE, .name = "memory", .def = "0", .max = 1LL << 34,
           .doc = "Memory that one evaluation may take; 0 is the built-in limit."),
    OPTION(instructions, SCO_OPT_INT, .name = "instructions", .def = "0", .max = 1000000000000,
           .doc = "Instructions of one evaluation; 0 is the built-in limit."),
    {.name = NULL},
};

static int open_policies(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    struct policies *p = ctx;
    (void)e;
    p->host = host;
    return 0;
}

static void close_policies(void *ctx)
{
    struct policies *p = ctx;
    p->set = sco_policies_free(p->set);
    sco_iac_set_done(&p->docs);
    sco_buf_done(&p->line);
    sco_buf_done(&p->notes);
    sco_arena_done(&p->arena);
}

static int dispatch(struct policies *p, const struct sco_job *job, struct sco_error *err)
{
    const char *command = p->request.command;
    if (strcmp(command, "scan") == 0)
        return run_scan(p, job, err);
    if (strcmp(command, "eval") == 0 || strcmp(command, "profile") == 0)
        return run_eval(p, job, err);
    if (strcmp(command, "list") == 0)
        return run_list(p, err);
    if (strcmp(command, "test") == 0)
        return run_test(p, err);
    if (strcmp(command, "gate") == 0)
        return run_gate(p, err);
    if (strcmp(command, "workflow") == 0)
        return run_workflow(p, err);
    return sco_error_set(err, SCO_E_INVALID, "unknown request \"%s\"", command);
}

/* What is worth saying of a job that went well stands in the error text too: the host shows it as
 * the reason. */
static int run(void *ctx, const struct sco_job *job, struct sco_errbuf *e)
{
    struct policies *p = ctx;
    struct sco_error err = {0};
    int r = request_read(p, job, &err);
    if (r == 0)
        r = dispatch(p, job, &err);
    if (r != 0 && err.text[0])
        return sco_errf(e, r, "%s", err.text);
    if (p->notes.n)
        return sco_errf(e, r, "%s", sco_buf_z(&p->notes));
    return r;
}

static const struct sco_scanner scanner = {
    .struct_size = sizeof(struct sco_scanner),
    .targets = SCO_TARGET_DIRECTORY | SCO_TARGET_GIT | SCO_TARGET_FILE | SCO_TARGET_PLAN,
    .finds = SCO_TYPE_BIT(SCO_TYPE_IAC),
    .flags = SCO_SCANNER_ALL_FILES,
    .title = "SecureOps policies",
    .detect = sco_iac_detect,
    .timeout_s = 600,
    .run = run,
};

static const struct sco_plugin plugin = {
    .magic = SCO_PLUGIN_MAGIC,
    .struct_size = sizeof(struct sco_plugin),
    .abi_major = SCO_ABI_MAJOR,
    .abi_minor = 1,
    .kind = SCO_KIND_SCANNER,
    .name = "policies",
    .version = SCO_VERSION,
    .license = "Apache-2.0",
    .summary = "Judges Kubernetes, containers, workflows and Terraform plans with Lua policies.",
    .options = options,
    .option_size = sizeof(struct sco_option),
    .ctx_size = sizeof(struct policies),
    .open = open_policies,
    .close = close_policies,
    .scanner = &scanner,
};

const struct sco_plugin *sco_plugin_v1(void)
{
    return &plugin;
}

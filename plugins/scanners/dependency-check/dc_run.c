/* Running Dependency-Check. What is decided here:
 * - the database lies in the job's own cache unless the operator names a folder: its lock admits
 *   one process at a time;
 * - keys and passwords go into a properties file in the private work folder, never into arguments,
 *   which every user of the machine can read;
 * - exit status 14 has a report but says that analysers failed; 13 may have one and is a failure.
 */
#include "dc_priv.h"

#include <fcntl.h>
#include <unistd.h>

enum { EXIT_ANALYSIS = 14, EXIT_CVSS = 15, EXCLUDES_MAX = 500 };

/* ---- secrets ----------------------------------------------------------------------------------
 */

/* A value of a Java properties file. */
static int put_property(FILE *f, const char *name, struct sco_str value)
{
    if (!value.n)
        return 0;
    if (fprintf(f, "%s=", name) < 0)
        return -1;
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        int r = strchr("\\:=#! ", c) ? fprintf(f, "\\%c", c)
                : c < ' ' || c > '~' ? fprintf(f, "\\u%04x", c)
                                     : fputc(c, f);
        if (r < 0)
            return -1;
    }
    return fputc('\n', f) == EOF ? -1 : 0;
}

/* *ret stays NULL when there is nothing secret. */
static int write_properties(const struct dc *d, const struct sco_job *job, const char **ret,
                            struct sco_errbuf *e)
{
    if (!d->nvd_api_key.n && !d->ossindex_user.n && !d->ossindex_password.n)
        return 0;
    const char *path = rep_strf(d->h, "%s/dependency-check.properties", job->work_dir);
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!f) {
        if (fd >= 0)
            close(fd);
        return sco_errf(e, SCO_E_IO, "cannot write to %s", job->work_dir);
    }
    int r = put_property(f, "nvd.api.key", d->nvd_api_key);
    if (r == 0)
        r = put_property(f, "analyzer.ossindex.user", d->ossindex_user);
    if (r == 0)
        r = put_property(f, "analyzer.ossindex.password", d->ossindex_password);
    if (fclose(f) != 0 || r < 0)
        return sco_errf(e, SCO_E_IO, "cannot write %s", path);
    *ret = path;
    return 0;
}

/* ---- arguments --------------------------------------------------------------------------------
 */

static void add_pair(struct rep_args *a, const char *flag, const char *value)
{
    rep_arg(a, flag);
    rep_arg(a, value);
}

static const char *disable_flag(struct sco_str name)
{
    static const struct {
        const char *name, *flag;
    } known[] = {{"assembly", "--disableAssembly"},
                 {"autoconf", "--disableAutoconf"},
                 {"bundle-audit", "--disableBundleAudit"},
                 {"central", "--disableCentral"},
                 {"cmake", "--disableCmake"},
                 {"composer", "--disableComposer"},
                 {"jar", "--disableJar"},
                 {"msbuild", "--disableMSBuild"},
                 {"node-audit", "--disableNodeAudit"},
                 {"node-js", "--disableNodeJS"},
                 {"nuget-conf", "--disableNugetconf"},
                 {"nuspec", "--disableNuspec"},
                 {"openssl", "--disableOpenSSL"},
                 {"oss-index", "--disableOssIndex"},
                 {"pnpm-audit", "--disablePnpmAudit"},
                 {"retire-js", "--disableRetireJS"},
                 {"ruby-gems", "--disableRubygems"},
                 {"yarn-audit", "--disableYarnAudit"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (sco_str_is(name, known[i].name))
            return known[i].flag;
    return NULL;
}

static int add_disabled(const struct dc *d, const struct sco_job *job, struct rep_args *a,
                        struct sco_errbuf *e)
{
    /* these ask servers */
    static const char *const network[] = {"--disableNodeAudit", "--disableYarnAudit",
                                          "--disablePnpmAudit", "--disableOssIndex",
                                          "--disableCentral",   NULL};
    for (size_t i = 0; i < d->disable.n; i++) {
        const char *flag = disable_flag(d->disable.v[i]);
        if (!flag)
            return sco_errf(e, SCO_E_INVALID, "option disable: no analyser is called \"%.*s\"",
                            SCO_STR_ARG(d->disable.v[i]));
        rep_arg(a, flag);
    }
    for (size_t i = 0; job->offline && network[i]; i++)
        rep_arg(a, network[i]);
    return 0;
}

static const char *data_directory(const struct dc *d, const struct sco_job *job)
{
    return d->data_directory.n ? d->data_directory.p : job->cache_dir;
}

static void add_update(const struct dc *d, const struct sco_job *job, struct rep_args *a)
{
    add_pair(a, "--data", data_directory(d, job));
    if (job->offline || !d->update) {
        rep_arg(a, "--noupdate");
        return;
    }
    if (d->nvd_datafeed.n)
        add_pair(a, "--nvdDatafeed", d->nvd_datafeed.p);
    if (d->nvd_api_delay > 0)
        add_pair(a, "--nvdApiDelay", rep_strf(a->h, "%lld", (long long)d->nvd_api_delay));
}

static int add_arguments(const struct dc *d, const struct sco_job *job, const char *properties,
                         const char *report, struct rep_args *a, struct sco_errbuf *e)
{
    rep_arg(a, job->program);
    add_pair(a, "--project", "secureops");
    add_pair(a, "--scan", job->target);
    add_pair(a, "--format", "JSON");
    add_pair(a, "--out", report);
    add_pair(a, "--failOnCVSS", "11"); /* never: gates are the engine's */
    if (properties)
        add_pair(a, "--propertyfile", properties);
    add_update(d, job, a);
    for (size_t i = 0; i < d->suppression.n; i++)
        add_pair(a, "--suppression", d->suppression.v[i].p);
    for (size_t i = 0; job->excludes && job->excludes[i] && i < EXCLUDES_MAX; i++)
        add_pair(a, "--exclude", rep_strf(a->h, "%s/%s/**", job->target, job->excludes[i]));
    for (size_t i = 0; i < d->exclude.n; i++)
        add_pair(a, "--exclude", d->exclude.v[i].p);
    if (d->experimental)
        rep_arg(a, "--enableExperimental");
    return add_disabled(d, job, a, e);
}

/* ---- running ----------------------------------------------------------------------------------
 */

static const char *meaning(int code)
{
    static const struct {
        int code;
        const char *text;
    } known[] = {{1, "a path does not exist"},
                 {2, "an argument was not understood"},
                 {4, "its settings are not valid"},
                 {8, "the vulnerability data could not be updated"},
                 {9, "the database could not be updated"},
                 {11, "the database could not be opened (another process may hold its lock)"},
                 {12, "the report could not be written"},
                 {13, "the analysis ended with a fatal error"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].code == code)
            return known[i].text;
    return "an error";
}

static int check_database(const struct dc *d, const struct sco_job *job, struct sco_errbuf *e)
{
    if ((!job->offline && d->update) ||
        rep_exists(rep_strf(d->h, "%s/odc.mv.db", data_directory(d, job))))
        return 0;
    return sco_errf(e, SCO_E_TOOL,
                    "%s has no vulnerability database in %s and may not fetch one; run it once "
                    "with the network, or set data_directory",
                    DC_TOOL, data_directory(d, job));
}

static int read_report(struct dc *d, const struct sco_job *job, const char *report,
                       const struct sco_command_result *res, struct sco_errbuf *e)
{
    const struct sco_host *h = d->h;
    if (res->exit_code != 0 && res->exit_code != EXIT_ANALYSIS && res->exit_code != EXIT_CVSS) {
        const char *words = rep_words(h, res->err);
        return sco_errf(e, SCO_E_TOOL, "%s failed with exit status %d: %s%s%s", DC_TOOL,
                        (int)res->exit_code, meaning(res->exit_code), *words ? ": " : "", words);
    }
    int r = rep_fresh(h, DC_TOOL, report, res, e);
    if (r < 0)
        return r;
    struct sco_input in = {.struct_size = sizeof in, .path = report, .root = job->target};
    r = dc_parse(d, &in, e);
    if (r >= 0 && res->exit_code == EXIT_ANALYSIS)
        h->incomplete(h, SCO_STR("exit status 14: some analysers failed, others finished"));
    return r;
}

int dc_run(void *ctx, const struct sco_job *job, struct sco_errbuf *e)
{
    struct dc *d = ctx;
    struct sco_command_result res;
    struct rep_args a = {.h = d->h};
    const char *properties = NULL;
    const char *report = rep_strf(d->h, "%s/dependency-check-report.json", job->work_dir);
    const char *java[] = {rep_strf(d->h, "JAVA_OPTS=%.*s", SCO_STR_ARG(d->java_options)), NULL};
    int r = check_database(d, job, e);
    if (r == 0)
        r = write_properties(d, job, &properties, e);
    if (r == 0)
        r = add_arguments(d, job, properties, report, &a, e);
    if (r < 0)
        return r;
    struct sco_command c = {
        .struct_size = sizeof c, .argv = rep_argv(&a), .env = d->java_options.n ? java : NULL};
    r = rep_run(d->h, DC_TOOL, &c, &res, e);
    if (properties)
        unlink(properties);
    return r < 0 ? r : read_report(d, job, report, &res, e);
}

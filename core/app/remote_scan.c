/* secureops scan, import with --server: the request becomes a job, which is followed to its end;
 * then its report is shown as one of our own would be. Several targets are as many jobs, followed
 * one after the other. Ctrl-C asks the daemon to end what is left of them. */
#include "remote.h"

#include "outputs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    POLL_MS = 200,
    POLL_MAX_MS = 2000,
    AWAY_MS = 120000, /* a daemon that is started anew is waited for */
    CHUNK = 64 << 10,
};
static const uint64_t REPORT_MAX = (uint64_t)8 << 30;

struct follow {
    struct cli *c;
    struct remote *r;
    struct output out[OUTPUTS_MAX];
    size_t n_out;
    char job[37];
    bool quiet, cancelled;
};

/* ---- the job ---- */
static void say(const struct follow *f, const char *what, struct sco_str more)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    if (f->quiet)
        return;
    sco_buf_add_printable(&b, more);
    fprintf(stderr, "secureops: job %s %s%s%s\n", f->job, what, more.n ? " " : "", sco_buf_z(&b));
}

static int take_job(struct follow *f, const struct sco_node *job, struct sco_error *err)
{
    struct sco_str id = sco_text(sco_get(job, "id"));
    if (id.n != 36)
        return sco_error_set(err, SCO_E_FORMAT, "the daemon's answer is not a job");
    memcpy(f->job, id.p, id.n);
    return 0;
}

static bool is_waiting(struct sco_str status)
{
    return sco_str_is(status, "queued") || sco_str_is(status, "running");
}

/* Asks until it has ended; *ret lives in `a`. */
static int follow_job(struct follow *f, struct sco_arena *a, const struct sco_node **ret,
                      struct sco_error *err)
{
    char path[64], before[16] = "";
    int64_t wait = POLL_MS, heard = sco_mono_ms();
    snprintf(path, sizeof path, "/scans/%s", f->job);
    for (;;) {
        sco_arena_reset(a);
        int e = remote_get(f->r, path, a, ret, err);
        struct sco_str status = sco_text(sco_get(*ret, "status"));
        bool away = e == SCO_E_NETWORK || e == SCO_E_TIMEOUT;
        if (e < 0 && (!away || sco_mono_ms() - heard > AWAY_MS))
            return e;
        if (e == 0 && !is_waiting(status))
            return 0;
        if (e < 0)
            status = SCO_STR("out of reach");
        else
            heard = sco_mono_ms();
        if (!sco_str_is(status, before)) {
            snprintf(before, sizeof before, "%.*s", SCO_STR_ARG(status));
            say(f, "is", status);
        }
        if (remote_sleep(f->r, wait) < 0)
            return sco_error_set(err, SCO_E_CANCELLED, "cancelled");
        wait = wait * 3 / 2 < POLL_MAX_MS ? wait * 3 / 2 : POLL_MAX_MS;
    }
}

static int cancel_job(struct follow *f)
{
    struct sco_error err = {0};
    enum sco_job_state state = SCO_JOB_CANCELLED;
    f->cancelled = true;
    remote_forget_signal(f->r);
    if (remote_job_do(f->r, f->job, "cancel", &state, &err) < 0)
        return context_fail(&err) == EXIT_USAGE ? EXIT_INCOMPLETE : EXIT_INTERNAL;
    say(f, state == SCO_JOB_RUNNING ? "is asked to end" : sco_job_state_name(state),
        sco_str_make(NULL, 0));
    return EXIT_INCOMPLETE;
}

/* ---- its reports ---- */
static int copy_fd(int from, int to)
{
    char chunk[CHUNK];
    for (;;) {
        ssize_t n = read(from, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        int r = n ? sco_fs_write_all(to, sco_str_make(chunk, (size_t)n)) : 0;
        if (n == 0 || r < 0)
            return r;
    }
}

/* A file appears whole or not at all, as all reports do. */
static int copy_report(const char *from, const char *path, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf tmp = {0};
    SCO_AUTO(sco_fd) int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return sco_error_errno(err, errno, "cannot read %s", from);
    if (strcmp(path, "-") == 0) {
        fflush(stdout);
        int r = copy_fd(in, STDOUT_FILENO);
        return r < 0 ? sco_error_errno(err, -r, "cannot write the report") : 0;
    }
    sco_buf_addf(&tmp, "%s.XXXXXX", path);
    if (tmp.failed || !*sco_buf_z(&tmp))
        return sco_error_nomem(err);
    SCO_AUTO(sco_fd) int out = mkostemp(tmp.p, O_CLOEXEC);
    if (out < 0)
        return sco_error_errno(err, errno, "cannot write the report %s", path);
    mode_t mask = umask(0);
    umask(mask);
    int r = copy_fd(in, out);
    if (r == 0 && (fchmod(out, 0666 & ~mask) < 0 || rename(tmp.p, path) < 0))
        r = -errno;
    if (r < 0)
        (void)unlink(tmp.p);
    return r < 0 ? sco_error_errno(err, -r, "cannot write the report %s", path) : 0;
}

/* The file of the answer lives until the next request. */
static int fetch(struct follow *f, const char *what, const char **ret_file, struct sco_error *err)
{
    char path[64];
    struct sco_http_response a;
    snprintf(path, sizeof path, "/scans/%s/%s", f->job, what);
    int e = remote_request(f->r, &(struct remote_ask){.path = path, .limit = REPORT_MAX}, &a, err);
    if (e == 0)
        *ret_file = a.body_path;
    return e;
}

static int copy_outputs(struct follow *f, enum sco_report_format format, const char *file,
                        struct sco_error *err)
{
    int result = 0;
    for (size_t i = 0; i < f->n_out; i++) {
        int e = f->out[i].format == format ? copy_report(file, f->out[i].path, err) : 0;
        result = result < 0 ? result : e;
    }
    return result;
}

static bool wants(const struct follow *f, enum sco_report_format format)
{
    for (size_t i = 0; i < f->n_out; i++)
        if (f->out[i].format == format)
            return true;
    return false;
}

/* The report says whether there is one. */
static int write_sbom(struct follow *f, const struct sco_scan *scan, struct sco_error *err)
{
    const char *file = NULL;
    if (!f->c->sbom || !scan->sbom.path)
        return 0;
    int e = fetch(f, "sbom", &file, err);
    return e == 0 ? copy_report(file, f->c->sbom_file, err) : e;
}

/* One that cannot be written does not cost the others. */
static int write_reports(struct follow *f, struct sco_scan **ret, struct sco_error *err)
{
    struct sco_error other = {0};
    struct output rest[OUTPUTS_MAX];
    const char *file = NULL;
    size_t n = 0;
    int e = fetch(f, "report", &file, err);
    if (e == 0)
        e = remote_report_read(file, ret, err);
    if (e < 0)
        return e;
    int result = copy_outputs(f, SCO_REPORT_JSON, file, err);
    for (size_t i = 0; i < f->n_out; i++)
        if (f->out[i].format != SCO_REPORT_JSON && f->out[i].format != SCO_REPORT_SARIF)
            rest[n++] = f->out[i];
    e = outputs_write(f->c, *ret, rest, n, result < 0 ? &other : err);
    result = result < 0 ? result : e;
    e = write_sbom(f, *ret, result < 0 ? &other : err);
    result = result < 0 ? result : e;
    if (!wants(f, SCO_REPORT_SARIF))
        return result;
    e = fetch(f, "sarif", &file, result < 0 ? &other : err);
    if (e == 0)
        e = copy_outputs(f, SCO_REPORT_SARIF, file, result < 0 ? &other : err);
    return result < 0 ? result : e;
}

static int show_result(struct follow *f)
{
    struct sco_error err = {0};
    struct sco_scan *scan = NULL;
    int e = write_reports(f, &scan, &err);
    int status = scan ? scan->exit_status : EXIT_INTERNAL;
    if (e < 0) {
        context_fail(&err);
        status = EXIT_INTERNAL;
    } else
        outputs_say_verdict(f->c, scan, f->out, f->n_out);
    if (e == 0)
        outputs_say_sbom(f->c, scan);
    sco_scan_free(scan);
    return status;
}

/* There is no scan: nothing was checked. */
static int show_failure(const struct sco_node *state, const struct follow *f)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_str status = sco_text(sco_get(state, "status"));
    struct sco_str why = sco_text(sco_get(sco_get(state, "job"), "reason"));
    if (sco_str_is(status, "replaced") && !why.n)
        why = SCO_STR("a newer request took its place");
    sco_buf_add_printable(&b, why.n ? why : SCO_STR("no reason is known"));
    fprintf(stderr, "secureops: INCOMPLETE (exit %d): job %s %.*s: %s\n", EXIT_INCOMPLETE, f->job,
            SCO_STR_ARG(status), sco_buf_z(&b));
    return EXIT_INCOMPLETE;
}

static int finish(struct follow *f)
{
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    struct sco_error err = {0};
    const struct sco_node *state = NULL;
    if (args_has(f->c, ARG_NO_WAIT)) {
        printf("%s\n", f->job);
        return EXIT_PASSED;
    }
    int e = follow_job(f, &a, &state, &err);
    if (e == SCO_E_CANCELLED)
        return cancel_job(f);
    if (e < 0) {
        context_fail(&err);
        fprintf(stderr, "secureops: job %s goes on without being watched\n", f->job);
        return EXIT_INTERNAL;
    }
    return sco_is(sco_get(state, "scan"), SCO_NODE_MAP) ? show_result(f) : show_failure(state, f);
}

/* ---- requests ---- */
static void put_names(struct sco_json_out *o, struct cli *c, int id, const char *key)
{
    if (args_has(c, id))
        target_names_json(o, key, sco_buf_str(&c->lists[id]));
}

static void put_lower(struct sco_json_out *o, const char *key, const char *value)
{
    char text[16];
    size_t i = 0;
    for (; value && value[i] && i < sizeof text - 1; i++)
        text[i] = value[i] >= 'A' && value[i] <= 'Z' ? (char)(value[i] + 32) : value[i];
    text[i] = 0;
    sco_json_kz(o, key, value ? text : NULL);
}

static int write_request(struct cli *c, const char *location, struct sco_buf *b,
                         struct sco_error *err)
{
    struct sco_json_out o = {.b = b};
    const char *kind = NULL;
    sco_buf_clear(b);
    int r = target_kind(&location, &kind, err);
    if (r < 0)
        return sco_error_prefix(err, "a daemon does not see the folders of this machine");
    sco_json_begin(&o, '{');
    sco_json_key(&o, "target");
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "kind", kind);
    sco_json_kz(&o, "location", location);
    sco_json_end(&o, '}');
    sco_json_kz(&o, "branch", c->values[ARG_BRANCH]);
    put_names(&o, c, ARG_SCANNERS, "scanners");
    put_names(&o, c, ARG_SKIP, "skip");
    put_names(&o, c, ARG_GATE, "gates");
    put_lower(&o, "fail_on", c->values[ARG_FAIL_ON]);
    if (args_has(c, ARG_DIFF)) {
        sco_json_key(&o, "diff");
        sco_json_begin(&o, '{');
        sco_json_kz(&o, "base", c->values[ARG_DIFF]);
        sco_json_end(&o, '}');
    }
    if (args_has(c, ARG_OFFLINE))
        sco_json_kbool(&o, "offline", true);
    if (args_has(c, ARG_SBOM))
        sco_json_kbool(&o, "sbom", true);
    sco_json_kz(&o, "timeout", c->values[ARG_TIMEOUT]);
    sco_json_kz(&o, "checkout_secret", c->values[ARG_CHECKOUT_SECRET]);
    sco_json_end(&o, '}');
    return sco_buf_check(b, err);
}

static int open_follow(struct cli *c, struct follow *f, struct sco_error *err)
{
    *f = (struct follow){.c = c, .quiet = args_has(c, ARG_QUIET) || args_has(c, ARG_NO_PROGRESS)};
    int r = context_load_config(c, err);
    if (r == 0)
        r = outputs_choose(c, f->out, &f->n_out, err);
    if (r == 0)
        r = remote_open(c, &(struct remote_options){0}, &f->r, err);
    return r;
}

static int request(struct follow *f, const struct remote_ask *q, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    const struct sco_node *job = NULL;
    int r = remote_json(f->r, q, &a, &job, err);
    return r == 0 ? take_job(f, job, err) : r;
}

/* Before anything is asked for: a list of which half is wrong is no half of a list. */
static int check_targets(struct cli *c, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf body = {0};
    int r = 0;
    if (!c->n_operands)
        return sco_error_set(err, SCO_E_INVALID,
                             "what is to be scanned? secureops scan --server URL TARGET...");
    for (size_t i = 0; r == 0 && i < c->n_operands; i++)
        r = write_request(c, c->operands[i], &body, err);
    return r;
}

/* Each target has a report of its own, and a file would be that of the last one. */
static int check_outputs(const struct follow *f, struct sco_error *err)
{
    if (f->c->n_operands > 1 && f->c->sbom)
        return sco_error_set(err, SCO_E_INVALID, "--sbom is for one target");
    for (size_t i = 0; f->c->n_operands > 1 && i < f->n_out; i++)
        if (f->out[i].format != SCO_REPORT_TABLE || strcmp(f->out[i].path, "-") != 0)
            return sco_error_set(err, SCO_E_INVALID,
                                 "of several targets there is a table on standard output only: "
                                 "other reports are of one target");
    return 0;
}

/* The worse of two ends: what went wrong, then what is not known, then what failed. */
static int worse(int a, int b)
{
    static const int order[] = {EXIT_PASSED, EXIT_GATE, EXIT_INCOMPLETE, EXIT_USAGE, EXIT_INTERNAL};
    size_t ra = 0, rb = 0;
    for (size_t i = 0; i < SCO_ARRAY_LEN(order); i++) {
        ra = order[i] == a ? i : ra;
        rb = order[i] == b ? i : rb;
    }
    return ra > rb ? a : b;
}

struct asked {
    char job[37];
    const char *target;
};

/* One that is refused does not cost the others. */
static int ask_for_all(struct follow *f, struct asked *v, size_t *n)
{
    SCO_AUTO(sco_buf) struct sco_buf body = {0};
    struct cli *c = f->c;
    int status = EXIT_PASSED;
    for (size_t i = 0; i < c->n_operands; i++) {
        struct sco_error err = {0};
        int r = write_request(c, c->operands[i], &body, &err);
        struct remote_ask q = {
            .method = "POST", .path = "/scans/all", .json = sco_buf_str(&body), .repeatable = true};
        if (r == 0)
            r = request(f, &q, &err);
        if (r < 0) {
            status = worse(status, context_fail(&err));
            continue;
        }
        v[*n].target = c->operands[i];
        memcpy(v[(*n)++].job, f->job, sizeof f->job);
    }
    return status;
}

static int scan_targets(struct follow *f)
{
    struct cli *c = f->c;
    struct sco_error err = {0};
    struct asked *v = sco_arena_alloc(&c->arena, c->n_operands * sizeof *v);
    size_t n = 0;
    if (!v) {
        sco_error_nomem(&err);
        return context_fail(&err);
    }
    int status = ask_for_all(f, v, &n); /* before the first of them is waited for */
    for (size_t i = 0; i < n; i++) {
        memcpy(f->job, v[i].job, sizeof f->job);
        if (c->n_operands > 1 && !args_has(c, ARG_NO_WAIT))
            say(f, "of", sco_str_c(v[i].target));
        status = worse(status, f->cancelled ? cancel_job(f) : finish(f));
    }
    return status;
}

int remote_cmd_scan(struct cli *c)
{
    static const char *const flags[] = {"scanners", "skip",
                                        "timeout",  "offline",
                                        "sbom",     "checkout-secret",
                                        "no-wait",  "format",
                                        "output",   "fail-on",
                                        "gate",     "branch",
                                        "all",      "show-suppressed",
                                        "quiet",    "no-progress",
                                        "no-color", "diff",
                                        NULL};
    struct sco_error err = {0};
    struct follow f = {0};
    int r = remote_check_flags(c, flags, &err);
    if (r == 0)
        r = outputs_choose_sbom(c, &err);
    if (r == 0)
        r = check_targets(c, &err);
    if (r == 0)
        r = open_follow(c, &f, &err);
    if (r == 0)
        r = check_outputs(&f, &err);
    int status = r < 0 ? context_fail(&err) : scan_targets(&f);
    remote_close(f.r);
    return status;
}

static int import_path(struct cli *c, struct sco_buf *path, struct sco_error *err)
{
    SCO_AUTO(sco_free) char *name = NULL;
    if (c->n_operands != 1)
        return sco_error_set(err, SCO_E_INVALID, "a daemon takes one report at a time");
    if (!args_has(c, ARG_REPOSITORY) || !*c->values[ARG_REPOSITORY])
        return sco_error_set(err, SCO_E_INVALID, "whose findings are these? --repository NAME");
    if (!(name = sco_strdup(sco_path_base(sco_str_c(c->operands[0])))))
        return sco_error_nomem(err);
    sco_buf_addz(path, "/imports");
    remote_query(path, "repository", c->values[ARG_REPOSITORY]);
    remote_query(path, "branch", c->values[ARG_BRANCH]);
    remote_query(path, "scanner", c->values[ARG_SCANNER]);
    remote_query(path, "scope", c->values[ARG_SCOPE]);
    remote_query(path, "name", name);
    return sco_buf_check(path, err);
}

int remote_cmd_import(struct cli *c)
{
    static const char *const flags[] = {
        "scanner", "scope", "repository",  "branch",   "no-wait",         "format", "output",
        "all",     "quiet", "no-progress", "no-color", "show-suppressed", NULL};
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    SCO_AUTO(sco_fd) int fd = -1;
    struct sco_error err = {0};
    struct follow f = {0};
    int r = remote_check_flags(c, flags, &err);
    if (r == 0)
        r = import_path(c, &path, &err);
    if (r == 0 && (fd = open(c->operands[0], O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0)
        r = sco_error_errno(&err, errno, "cannot read %s", c->operands[0]);
    if (r == 0)
        r = open_follow(c, &f, &err);
    struct remote_ask q = {
        .method = "POST", .path = sco_buf_z(&path), .upload = true, .fd = fd, .repeatable = true};
    if (r == 0)
        r = request(&f, &q, &err);
    int status = r < 0 ? context_fail(&err) : finish(&f);
    remote_close(f.r);
    return status;
}

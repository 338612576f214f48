/* The formats by name, files that appear whole or not at all, and what several formats share. */
#include "report_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <secureops/fs.h>

static const char *const format_names[SCO_REPORT_MAX_] = {
    [SCO_REPORT_TABLE] = "table",
    [SCO_REPORT_JSON] = "json",
    [SCO_REPORT_SARIF] = "sarif",
    [SCO_REPORT_JUNIT] = "junit",
    [SCO_REPORT_HTML] = "html",
    [SCO_REPORT_MARKDOWN] = "markdown",
    [SCO_REPORT_CSV] = "csv",
    [SCO_REPORT_GITLAB_SAST] = "gitlab-sast",
    [SCO_REPORT_GITLAB_SECRET_DETECTION] = "gitlab-secret-detection",
    [SCO_REPORT_GITLAB_CODEQUALITY] = "gitlab-codequality",
};

enum sco_report_format sco_report_format_parse(struct sco_str name)
{
    int f = 0;
    while (f < SCO_REPORT_MAX_ && !sco_str_is(name, format_names[f]))
        f++;
    return (enum sco_report_format)f;
}

const char *sco_report_format_name(enum sco_report_format f)
{
    return (unsigned)f < SCO_REPORT_MAX_ ? format_names[f] : "unknown";
}

/* ---- shared by the formats ------------------------------------------------------------------- */
const char *finding_suppression_reason(const struct sco_finding *f)
{
    if (f->suppressions && f->suppressions->n) {
        const struct sco_suppressed *s = &f->suppressions->v[0];
        if (s->reason && *s->reason)
            return s->reason;
        return s->kind == SCO_SUPPRESS_INLINE   ? "a comment in the source"
               : s->kind == SCO_SUPPRESS_WAIVER ? "a waiver"
                                                : "known before: in the baseline";
    }
    return f->status == SCO_STATUS_FALSE_POSITIVE ? "marked as a false positive"
           : f->status == SCO_STATUS_ACCEPTED     ? "accepted"
                                                  : "reported as resolved";
}

const char *finding_skip_reason(const struct sco_finding *f)
{
    return sco_finding_is_suppressed(f) ? finding_suppression_reason(f)
                                        : "unchanged: it was there before";
}

bool run_is_complete(const struct sco_scanner_run *r)
{
    return r->status == SCO_RUN_STATUS_COMPLETED;
}

const char *run_title(const struct sco_scanner_run *r)
{
    const char *names[] = {r->title, r->tool, r->name};
    for (size_t i = 0; i < SCO_ARRAY_LEN(names); i++)
        if (names[i] && *names[i])
            return names[i];
    return "unknown";
}

const char *run_other_tool(const struct sco_scanner_run *r)
{
    struct sco_str tool = sco_str_trim(sco_str_c(r->tool));
    if (!tool.n || (r->title && sco_str_is_nocase(tool, r->title)) ||
        (r->name && sco_str_is_nocase(tool, r->name)))
        return NULL;
    return r->tool;
}

uint64_t run_findings(const struct sco_scanner_run *r)
{
    uint64_t n = 0;
    for (size_t i = 0; i < SCO_SEV_MAX_; i++)
        n += r->by_severity[i];
    return n;
}

void add_repository(struct sco_buf *b, const char *url)
{
    struct sco_str s = sco_str_c(url);
    const char *scheme = strstr(url, "://");
    const char *host = scheme ? scheme + 3 : url;
    const char *end = host + strcspn(host, scheme ? "/?#" : "/:");
    for (const char *p = host; p < end; p++) /* a token may hold "@" itself: the last one counts */
        if (*p == '@')
            host = p + 1;
    if (scheme)
        sco_buf_add(b, sco_str_make(s.p, (size_t)(scheme + 3 - url)));
    sco_buf_addz(b, host);
}

const char *scan_status(const struct sco_scan *scan)
{
    if (scan->cancelled)
        return "cancelled";
    for (size_t i = 0; i < scan->n_runs; i++)
        if (scan->runs[i].counts && !run_is_complete(&scan->runs[i]))
            return "incomplete";
    return scan->gate.result == SCO_GATE_INCOMPLETE ? "incomplete" : "completed";
}

void add_fix(struct sco_buf *b, const struct sco_finding *f)
{
    const struct sco_package *p = f->package;
    if (p && p->fixed_version && *p->fixed_version) {
        sco_buf_addf(b, "upgrade %s%s%s to %s", p->name ? p->name : "the package",
                     p->version ? " " : "", p->version ? p->version : "", p->fixed_version);
        return;
    }
    struct sco_str rest = sco_str_trim(sco_str_c(f->remediation)), line;
    if (!rest.n || !sco_str_split(&rest, '\n', &line))
        return;
    line = sco_str_trim(line);
    size_t n = f->title ? strlen(f->title) : 0; /* some tools have nothing but the title to say */
    if (!n || line.n < n || line.n > n + 1 || memcmp(line.p, f->title, n) != 0)
        sco_buf_add(b, line);
}

/* ---- files ----------------------------------------------------------------------------------- */
/* Where to write: a symbolic link is followed, so that it stays one. */
static char *final_path(const char *path, struct sco_error *err)
{
    struct stat st;
    char *p = lstat(path, &st) == 0 && S_ISLNK(st.st_mode) ? realpath(path, NULL) : NULL;
    if (!p)
        p = sco_strdup(sco_str_c(path));
    if (!p)
        sco_error_nomem(err);
    return p;
}

static char *temporary_path(const char *path)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addf(&b, "%s.%ld.tmp", path, (long)getpid());
    return b.failed ? NULL : sco_strdup(sco_buf_str(&b));
}

static char *volatile unfinished; /* path of the file that is being written */

void sco_report_abandon(void)
{
    const char *path = unfinished;
    if (path)
        unlink(path);
}

int report_file_open(struct report_file *f, const char *path, struct sco_error *err)
{
    *f = (struct report_file){.fd = -1};
    SCO_AUTO(sco_free) char *final = final_path(path, err);
    if (!final)
        return SCO_E_NOMEM;
    struct stat st;
    /* A device, pipe or terminal cannot be replaced by a file. */
    bool in_place = stat(final, &st) == 0 && !S_ISREG(st.st_mode);
    SCO_AUTO(sco_free) char *tmp = in_place ? NULL : temporary_path(final);
    if (!in_place && !tmp)
        return sco_error_nomem(err);
    int flags = in_place ? O_WRONLY | O_CLOEXEC | O_NOCTTY
                         : O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
    unfinished = tmp;
    f->fd = open(tmp ? tmp : final, flags, 0666);
    if (f->fd < 0) {
        unfinished = NULL;
        return sco_error_errno(err, errno, "cannot create the report %s", path);
    }
    f->path = SCO_TAKE(final);
    f->tmp = SCO_TAKE(tmp);
    return 0;
}

int report_file_close(struct report_file *f, int result, struct sco_error *err)
{
    if (close(f->fd) < 0 && errno != EINTR && result == 0)
        result = sco_error_errno(err, errno, "cannot write %s", f->path);
    if (result == 0 && f->tmp && rename(f->tmp, f->path) < 0)
        result = sco_error_errno(err, errno, "cannot write %s", f->path);
    if (result < 0 && f->tmp)
        unlink(f->tmp);
    unfinished = NULL;
    free(f->path);
    free(f->tmp);
    *f = (struct report_file){.fd = -1};
    return result;
}

/* ---- writing --------------------------------------------------------------------------------- */
static int write_named(const struct sco_scan *scan, enum sco_report_format f,
                       const struct sco_report_options *o, int fd, const char *name,
                       struct sco_error *err)
{
    static const struct sco_report_options none;
    struct sink s = {.fd = fd, .name = name};
    int r;
    switch (f) {
    case SCO_REPORT_TABLE:
        r = table_write(scan, o ? o : &none, &s, err);
        break;
    case SCO_REPORT_JSON:
        r = json_write(scan, &s, err);
        break;
    case SCO_REPORT_SARIF:
        r = sarif_write(scan, &s, err);
        break;
    case SCO_REPORT_JUNIT:
        r = junit_write(scan, &s, err);
        break;
    case SCO_REPORT_HTML:
        r = html_write(scan, &s, err);
        break;
    case SCO_REPORT_MARKDOWN:
        r = markdown_write(scan, &s, err);
        break;
    case SCO_REPORT_CSV:
        r = csv_write(scan, &s, err);
        break;
    case SCO_REPORT_GITLAB_SAST:
    case SCO_REPORT_GITLAB_SECRET_DETECTION:
        r = gitlab_security_write(scan, f == SCO_REPORT_GITLAB_SECRET_DETECTION, &s, err);
        break;
    case SCO_REPORT_GITLAB_CODEQUALITY:
        r = gitlab_quality_write(scan, &s, err);
        break;
    default:
        return sco_error_set(err, SCO_E_INVALID, "unknown report format %d", (int)f);
    }
    int end = sink_end(&s, r < 0 ? NULL : err);
    return r < 0 ? r : end;
}

int sco_report_write(const struct sco_scan *scan, enum sco_report_format f,
                     const struct sco_report_options *o, int fd, struct sco_error *err)
{
    return write_named(scan, f, o, fd, "the report", err);
}

int sco_report_write_file(const struct sco_scan *scan, enum sco_report_format f,
                          const struct sco_report_options *o, const char *path, int *ret_files,
                          struct sco_error *err)
{
    int files = 1, r;
    if (strcmp(path, "-") == 0)
        r = write_named(scan, f, o, STDOUT_FILENO, "standard output", err);
    else if (f == SCO_REPORT_SARIF)
        r = sarif_write_files(scan, path, &files, err);
    else {
        struct report_file file;
        r = report_file_open(&file, path, err);
        if (r == 0)
            r = report_file_close(&file, write_named(scan, f, o, file.fd, path, err), err);
    }
    if (r == 0 && ret_files)
        *ret_files = files;
    return r;
}

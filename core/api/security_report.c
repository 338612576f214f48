/* GET /reports/security: all findings of a filter as one document. They are read from the store a
 * page at a time and written to a file of the spool; what stands before them (counts) is put
 * together when they are known. It is no snapshot: a scan that ends meanwhile shows in part. */
#include "content_priv.h"

#include <errno.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 500, REPORT_MAX = 1000000, SARIF_MAX = 50000 };

/* ---- JSON ---- */
static void counts(struct sco_json_out *o, const char *key, const uint64_t *v, uint32_t from,
                   uint32_t to, const char *(*name)(uint32_t))
{
    sco_json_key(o, key);
    sco_json_begin(o, '{');
    for (uint32_t i = from; i < to; i++)
        sco_json_ki64(o, name(i), (int64_t)v[i]);
    sco_json_end(o, '}');
}

static void json_begin(struct sco_buf *b, const struct api_call *c, const struct report_count *n)
{
    struct sco_json_out o = {.b = b};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "version", "1");
    sco_json_ktime(&o, "generated_at", c->now);
    sco_json_key(&o, "filter");
    sco_json_begin(&o, '{');
    for (size_t i = 0; i < c->n_query; i++)
        sco_json_kz(&o, c->query[i].name, c->query[i].value);
    sco_json_end(&o, '}');
    sco_json_key(&o, "summary");
    sco_json_begin(&o, '{');
    sco_json_ki64(&o, "findings", (int64_t)n->findings);
    counts(&o, "by_severity", n->by_severity, SCO_SEV_INFO, SCO_SEV_MAX_, sco_severity_name);
    counts(&o, "by_type", n->by_type, 1, SCO_TYPE_MAX_, sco_type_name);
    sco_json_end(&o, '}');
    sco_buf_addz(b, ",\n\"findings\":[");
}

static int json_finding(struct sco_buf *b, const struct sco_stored_finding *f, uint64_t nth,
                        struct sco_error *err)
{
    struct sco_json_out o = {.b = b};
    sco_buf_addz(b, nth ? ",\n" : "\n");
    return sco_stored_finding_write(&o, f, err);
}

static void json_end(struct sco_buf *b)
{
    sco_buf_addz(b, "\n]}\n");
}

static const struct report_form form_json = {"json",     "application/json", "json",
                                             json_begin, json_finding,       json_end};

/* ---- all findings of the filter ---- */
static int walk(struct api_call *c, const struct report_form *form, struct sco_store_filter *f,
                int fd, struct report_count *n, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    SCO_AUTO(sco_buf) struct sco_buf cursor = {0};
    int r = 0;
    f->limit = PAGE;
    do {
        struct sco_finding_page p = {0};
        r = sco_store_findings(c->store, f, &p, err);
        for (size_t i = 0; i < p.n && r == 0; i++) {
            r = form->finding(&b, &p.v[i], n->findings, err);
            n->findings++;
            n->by_severity[p.v[i].severity < SCO_SEV_MAX_ ? p.v[i].severity : 0]++;
            n->by_type[p.v[i].type < SCO_TYPE_MAX_ ? p.v[i].type : 0]++;
            if (r == 0)
                r = api_spool_flush(fd, &b, false, err);
        }
        sco_buf_clear(&cursor);
        if (p.cursor)
            sco_buf_addz(&cursor, p.cursor);
        f->cursor = p.cursor ? sco_buf_z(&cursor) : NULL;
        sco_finding_page_done(&p);
        if (r == 0 && n->findings > REPORT_MAX)
            r = api_problem(c, 422, err, "these are more than %d findings: narrow the filter",
                            REPORT_MAX);
    } while (r == 0 && f->cursor && sco_buf_check(&cursor, err) == 0);
    if (r == 0)
        r = sco_buf_check(&cursor, err);
    return r < 0 ? r : api_spool_flush(fd, &b, true, err);
}

static int append_file(int to, int from, struct sco_error *err)
{
    struct stat st;
    off_t at = 0;
    if (fstat(from, &st) < 0)
        return sco_error_errno(err, errno, "cannot read the spool");
    while (at < st.st_size) {
        ssize_t n = sendfile(to, from, &at, (size_t)(st.st_size - at));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return sco_error_errno(err, n < 0 ? errno : EIO, "cannot write to the spool");
    }
    return 0;
}

static int write_form(struct api_call *c, const struct report_form *form,
                      struct sco_store_filter *f, int fd, struct sco_error *err)
{
    SCO_AUTO(sco_fd) int rows = -1;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct report_count n = {0};
    int r = api_spool_open(c, &rows, err);
    if (r == 0)
        r = walk(c, form, f, rows, &n, err);
    if (r < 0)
        return r;
    form->begin(&b, c, &n);
    r = api_spool_flush(fd, &b, true, err);
    if (r == 0)
        r = append_file(fd, rows, err);
    if (r < 0)
        return r;
    form->end(&b);
    return api_spool_flush(fd, &b, true, err);
}

/* ---- the reply ---- */
static int offer(struct api_call *c, int *fd, const char *type, const char *extension,
                 struct sco_error *err)
{
    char day[SCO_TIME_LEN];
    sco_time_format(c->now, day);
    const char *name =
        sco_arena_fmt(&c->arena, "attachment; filename=\"security-%.10s.%s\"", day, extension);
    if (!name)
        return sco_error_nomem(err);
    api_header(c, "Content-Disposition", name);
    if (strcmp(extension, "html") == 0) /* it has a style sheet in it */
        api_header(c, "Content-Security-Policy",
                   "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
    return api_spool_reply(c, fd, type, err);
}

static int report_sarif(struct api_call *c, struct sco_store_filter *f, int *fd,
                        struct sco_error *err)
{
    if (!f->repository)
        return api_fault(c, err, "?repository", "SARIF speaks of one repository: name it");
    int r = api_report_sarif(c, f, SARIF_MAX, *fd, err);
    return r < 0 ? r : offer(c, fd, "application/sarif+json", "sarif", err);
}

int api_security_report(struct api_call *c, struct sco_error *err)
{
    static const struct report_form *const forms[] = {&form_json, &report_form_csv,
                                                      &report_form_html};
    const char *name = api_query(c, "format");
    const struct report_form *form = NULL;
    SCO_AUTO(sco_fd) int fd = -1;
    struct sco_store_filter f;
    bool sarif = name && strcmp(name, "sarif") == 0;
    for (size_t i = 0; i < SCO_ARRAY_LEN(forms); i++)
        if (strcmp(name ? name : "json", forms[i]->name) == 0)
            form = forms[i];
    if (!form && !sarif)
        return api_fault(c, err, "?format", "json, csv, html or sarif");
    int r = api_finding_filter(c, &f, err);
    if (r == 0)
        r = api_spool_open(c, &fd, err);
    if (r < 0)
        return r;
    if (sarif)
        return report_sarif(c, &f, &fd, err);
    r = write_form(c, form, &f, fd, err);
    return r < 0 ? r : offer(c, &fd, form->type, form->extension, err);
}

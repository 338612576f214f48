/* What a scan leaves beside its findings: report.json, report.sarif, sbom.cdx.json and scan.log,
 * packed with gzip. Written when the store has said which findings are new, in its transaction. One
 * that is too large to be kept is left out, and scan.log says so. */
#include "runner_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

enum { KEPT_MAX = 128 << 20, CHUNK = 64 << 10, GZIP_WINDOW = 15 + 16, GZIP_LEVEL = 6 };

struct packing {
    z_stream z;
    struct sco_buf out;
};

/* SCO_E_LIMIT: it becomes too large. */
static int pack(struct packing *p, struct sco_str in, bool last, struct sco_error *err)
{
    unsigned char chunk[CHUNK];
    p->z.next_in = (unsigned char *)(uintptr_t)in.p;
    p->z.avail_in = (unsigned)in.n;
    for (int e = Z_OK; e == Z_OK;) {
        p->z.next_out = chunk;
        p->z.avail_out = sizeof chunk;
        e = deflate(&p->z, last ? Z_FINISH : Z_NO_FLUSH);
        sco_buf_add(&p->out, sco_str_make((char *)chunk, sizeof chunk - p->z.avail_out));
        if (p->out.n > KEPT_MAX)
            return sco_error_set(err, SCO_E_LIMIT, "larger than %d MiB", KEPT_MAX >> 20);
        if (!last && !p->z.avail_in && p->z.avail_out)
            break;
        if (e == Z_STREAM_ERROR)
            return sco_error_set(err, SCO_E_INTERNAL, "gzip");
    }
    return p->out.failed ? sco_error_nomem(err) : 0;
}

static int pack_file(struct packing *p, int fd, struct sco_error *err)
{
    char chunk[CHUNK];
    int r = 0;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return sco_error_errno(err, errno, "report");
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sco_error_errno(err, errno, "report");
        r = pack(p, sco_str_make(chunk, (size_t)n), n == 0, err);
        if (r < 0 || n == 0)
            return r;
    }
}

/* fd -1: the text. */
static int add(struct sco_store *s, const struct sco_scan *scan, const char *name, const char *type,
               int fd, struct sco_str text, struct sco_error *err)
{
    struct packing p = {0};
    if (deflateInit2(&p.z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return sco_error_nomem(err);
    int r = fd >= 0 ? pack_file(&p, fd, err) : pack(&p, text, true, err);
    deflateEnd(&p.z);
    if (r == 0)
        r = sco_store_artifact_add(s, scan->id, name, type, true, sco_buf_str(&p.out),
                                   scan->completed_ms, err);
    sco_buf_done(&p.out);
    return r;
}

static int add_report(struct runner *r, struct sco_store *s, const struct sco_scan *scan,
                      enum sco_report_format format, const char *name, const char *type,
                      struct sco_error *err)
{
    static const struct sco_report_options options = {0};
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    sco_buf_addf(&path, "%s/%s", r->dir, name);
    SCO_AUTO(sco_fd)
    int fd =
        path.failed ? -1 : open(sco_buf_z(&path), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return sco_error_errno(err, errno, "cannot write %s", sco_buf_z(&path));
    int e = sco_report_write(scan, format, &options, fd, err);
    if (e == 0)
        e = add(s, scan, name, type, fd, sco_str_make(NULL, 0), err);
    unlink(sco_buf_z(&path));
    if (e != SCO_E_LIMIT)
        return e;
    runner_log(r, SCO_LOG_WARNING, "%s is left out: %s", name, err ? err->text : "too large");
    return 0;
}

/* It was asked for, and is small enough: without it there is no scan. */
static int add_sbom(struct sco_store *s, const struct sco_scan *scan, struct sco_error *err)
{
    if (!scan->sbom.path)
        return 0;
    SCO_AUTO(sco_fd) int fd = open(scan->sbom.path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sco_error_errno(err, errno, "cannot read %s", scan->sbom.path);
    return add(s, scan, "sbom.cdx.json", "application/vnd.cyclonedx+json", fd,
               sco_str_make(NULL, 0), err);
}

int runner_artifact(struct sco_store *s, const struct sco_scan *scan, const char *name,
                    const char *type, struct sco_str text, struct sco_error *err)
{
    return add(s, scan, name, type, -1, text, err);
}

int runner_attach(void *user, struct sco_store *s, const struct sco_scan *scan,
                  struct sco_error *err)
{
    struct cli *c = user;
    struct runner *r = (struct runner *)((char *)c - offsetof(struct runner, cli));
    struct sco_error own = {0};    /* of what is only left out */
    struct sco_scan shown = *scan; /* who reads a report need not know where the store is */
    shown.stored.where = "secureopsd";
    int e = add_report(r, s, &shown, SCO_REPORT_JSON, "report.json", "application/json", &own);
    if (e == 0)
        e = add_report(r, s, &shown, SCO_REPORT_SARIF, "report.sarif", "application/sarif+json",
                       &own);
    if (e == 0)
        e = add_sbom(s, scan, &own);
    if (e == 0)
        e = add(s, scan, "scan.log", "text/plain", -1, sco_buf_str(&r->log), &own);
    if (e == 0) /* before publications wait for another job */
        e = runner_after_scan(r, s, scan, &own);
    if (e == 0)
        e = runner_publish(r, s, scan, &own);
    return e < 0 ? sco_error_set(err, e, "%s", own.text) : 0;
}

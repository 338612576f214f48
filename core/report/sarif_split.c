/* SARIF files within GitHub's limits. The findings of a tool are cut as they are ranked, so that
 * the first file has the most important ones. */
#include "sarif_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

struct chunks {
    struct sarif_chunk *v;
    size_t n, cap;
};

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Makes two of chunk `at`, the first of `keep` results. */
static int cut_chunk(struct sarif *w, struct chunks *c, size_t at, size_t keep)
{
    if (SCO_VEC_PUSH(c->v, c->n, c->cap) < 0)
        return SCO_E_NOMEM;
    struct sarif_chunk *v = &c->v[at];
    if (v->sorted) /* back to the rank */
        qsort(w->g.order + v->first, v->n, sizeof *w->g.order, by_number);
    v->sorted = false;
    memmove(v + 2, v + 1, (c->n - at - 1) * sizeof *v);
    v[1] = (struct sarif_chunk){.group = v->group, .first = v->first + keep, .n = v->n - keep};
    v->n = keep;
    c->n++;
    return 0;
}

/* The size of the file as gzip makes it with its fastest level; others make it smaller. */
static int gzip_size(int fd, uint64_t *ret, struct sco_error *err)
{
    static const size_t piece = 256 << 10;
    SCO_AUTO(sco_free) unsigned char *in = sco_alloc(2, piece);
    z_stream z = {0};
    if (!in || deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        return sco_error_nomem(err);
    int r = 0, flush = Z_NO_FLUSH;
    for (off_t at = 0; r == 0 && flush != Z_FINISH;) {
        ssize_t n = pread(fd, in, piece, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            r = sco_error_errno(err, errno, "cannot read the report back");
            break;
        }
        at += n;
        flush = n ? Z_NO_FLUSH : Z_FINISH;
        z.next_in = in;
        z.avail_in = (uInt)n;
        do {
            z.next_out = in + piece;
            z.avail_out = (uInt)piece;
            if (deflate(&z, flush) == Z_STREAM_ERROR)
                r = sco_error_set(err, SCO_E_INTERNAL, "cannot measure the report");
        } while (!z.avail_out && r == 0);
    }
    *ret = z.total_out;
    deflateEnd(&z);
    return r;
}

/* "out.sarif" gives "out-2.sarif"; ".sarif.json" is one extension. */
static void add_part_path(struct sco_buf *b, const char *path, int part)
{
    struct sco_str p = sco_str_c(path);
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    size_t stem = dot && dot != base ? (size_t)(dot - path) : p.n;
    if (sco_str_ends(p, ".sarif.json") && base + 11 < path + p.n)
        stem = p.n - 11;
    if (part < 2)
        sco_buf_add(b, p);
    else
        sco_buf_addf(b, "%.*s-%d%s", (int)stem, path, part, path + stem);
}

/* Writes the runs [from, from + *n) into one file and takes fewer until the file is small enough:
 * half of the runs, or half of the results of the only run. */
static int write_part(struct sarif *w, struct chunks *c, size_t from, size_t *n, const char *path,
                      struct sco_error *err)
{
    for (;;) {
        struct report_file f;
        uint64_t size = 0;
        int r = report_file_open(&f, path, err);
        if (r < 0)
            return r;
        struct sink s = {.fd = f.fd, .name = path};
        r = sarif_write_log(w, c->v, from, *n, &s, err);
        int end = sink_end(&s, r < 0 ? NULL : err);
        r = r < 0 ? r : end;
        if (r == 0 && f.tmp && s.total > SARIF_GZIP_MAX)
            r = gzip_size(f.fd, &size, err);
        if (r < 0 || size <= SARIF_GZIP_MAX || (*n == 1 && c->v[from].n < 2))
            return report_file_close(&f, r, err);
        report_file_close(&f, SCO_E_LIMIT, NULL);
        if (*n > 1)
            *n /= 2;
        else if (cut_chunk(w, c, from, c->v[from].n / 2) < 0)
            return sco_error_nomem(err);
    }
}

static int write_parts(struct sarif *w, struct chunks *c, const char *path, int *ret_files,
                       struct sco_error *err)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->v[i].n > SARIF_RESULTS_MAX && cut_chunk(w, c, i, SARIF_RESULTS_MAX) < 0)
            return sco_error_nomem(err);
    SCO_AUTO(sco_buf) struct sco_buf name = {0};
    int files = 0;
    for (size_t from = 0; from < c->n;) {
        size_t n = 1; /* never two parts of one tool: uploads may override the category */
        while (n < SARIF_RUNS_MAX && from + n < c->n &&
               c->v[from + n].group != c->v[from + n - 1].group)
            n++;
        sco_buf_clear(&name);
        add_part_path(&name, path, files + 1);
        const char *z = sco_buf_z(&name);
        int r = sco_buf_check(&name, err);
        if (r == 0)
            r = write_part(w, c, from, &n, z, err);
        if (r < 0)
            return r;
        from += n;
        files++;
    }
    *ret_files = files;
    return 0;
}

int sarif_write_files(const struct sco_scan *scan, const char *path, int *ret_files,
                      struct sco_error *err)
{
    struct sarif w;
    struct chunks c = {0};
    int r = sarif_init(&w, scan, err);
    if (r < 0)
        return r;
    r = sarif_plan(&w, &c.v, &c.n, err);
    c.cap = c.n;
    if (r == 0)
        r = write_parts(&w, &c, path, ret_files, err);
    sarif_done(&w);
    free(c.v);
    return r;
}

/* What a scan left: its reports and its log, as they were written. They are kept compressed, and go
 * out so to whoever takes gzip. The findings of a scan are read out of its JSON report, a page at a
 * time: the report on the disk is walked, never held. */
#include "content_priv.h"
#include "http_priv.h"

#include <errno.h>
#include <unistd.h>
#include <zlib.h>

enum { INFLATE_STEP = 64 << 10, WINDOW_GZIP = 15 + 16 };
static const int64_t SIZE_MAX_PLAIN = (int64_t)8 << 30; /* of one artifact, unpacked */

/* ---- out of the store, into a file ---- */
struct unpacking {
    struct sco_artifact a;
    bool inflate, known, ended;
    int failed;
    z_stream z;
    int64_t size;
    int fd;
    struct sco_buf out;
    bool keep_gzip;
    struct sco_error *err;
};

static int put(struct unpacking *u, struct sco_str bytes)
{
    u->size += (int64_t)bytes.n;
    if (u->size > SIZE_MAX_PLAIN)
        return sco_error_set(u->err, SCO_E_LIMIT, "the report is larger than can be unpacked here");
    sco_buf_add(&u->out, bytes);
    return api_spool_flush(u->fd, &u->out, false, u->err);
}

static int unpack(struct unpacking *u, struct sco_str bytes)
{
    uint8_t step[INFLATE_STEP];
    u->z.next_in = (Bytef *)(uintptr_t)bytes.p;
    u->z.avail_in = (uInt)bytes.n;
    while (u->z.avail_in || !u->z.avail_out) {
        if (u->ended) /* nothing may follow */
            return u->z.avail_in ? sco_error_set(u->err, SCO_E_FORMAT, "a damaged artifact") : 0;
        u->z.next_out = step;
        u->z.avail_out = sizeof step;
        int z = inflate(&u->z, Z_NO_FLUSH);
        if (z == Z_BUF_ERROR)
            return 0; /* wants more */
        if (z != Z_OK && z != Z_STREAM_END)
            return sco_error_set(u->err, z == Z_MEM_ERROR ? SCO_E_NOMEM : SCO_E_FORMAT,
                                 "a damaged artifact");
        u->ended = z == Z_STREAM_END;
        int r = put(u, sco_str_make((char *)step, sizeof step - u->z.avail_out));
        if (r < 0)
            return r;
        if (u->ended && !u->z.avail_in)
            return 0;
    }
    return 0;
}

static int on_part(void *user, const struct sco_artifact *a, struct sco_str bytes)
{
    struct unpacking *u = user;
    if (!u->known) {
        u->known = true;
        u->a = *a;
        u->inflate = a->gzip && !u->keep_gzip;
        if (u->inflate && inflateInit2(&u->z, WINDOW_GZIP) != Z_OK) {
            u->inflate = false;
            return sco_error_nomem(u->err);
        }
    }
    u->failed = u->inflate ? unpack(u, bytes) : put(u, bytes);
    return u->failed;
}

int api_artifact_open(struct api_call *c, const char *scan, const char *name, bool keep_gzip,
                      struct sco_artifact *ret, int *ret_fd, struct sco_error *err)
{
    struct unpacking u = {.keep_gzip = keep_gzip, .fd = -1, .err = err};
    struct sco_artifact a = {0};
    int r = api_spool_open(c, &u.fd, err);
    if (r == 0)
        r = sco_store_artifact(c->store, scan, name, &a, on_part, &u, err);
    if (r == SCO_E_NOT_FOUND)
        r = sco_error_set(err, SCO_E_NOT_FOUND, "scan %s has no %s", scan, name);
    if (u.failed < 0)
        r = u.failed;
    if (r == 0 && u.inflate && !u.ended)
        r = sco_error_set(err, SCO_E_FORMAT, "the artifact %s of scan %s is cut", name, scan);
    if (r == 0)
        r = api_spool_flush(u.fd, &u.out, true, err);
    if (r == 0 && lseek(u.fd, 0, SEEK_SET) < 0)
        r = sco_error_errno(err, errno, "cannot read the spool");
    if (u.inflate)
        inflateEnd(&u.z);
    sco_buf_done(&u.out);
    if (r < 0 && u.fd >= 0)
        close(u.fd);
    if (r == 0) {
        *ret = a;
        *ret_fd = u.fd;
    }
    return r;
}

/* ---- as they are ---- */
static const struct {
    const char *end, *artifact;
} artifacts[] = {{"/sarif", "report.sarif"},
                 {"/report", "report.json"},
                 {"/sbom", "sbom.cdx.json"},
                 {"/log", "scan.log"}};

static int find_scan(struct api_call *c, const char **ret_id, struct sco_error *err)
{
    SCO_AUTO(api_scan) struct api_scan s = {0};
    int r = api_scan_find(c, c->params[0], &s, err);
    if (r < 0)
        return r;
    if (!s.scan.n)
        return api_problem(c, 404, err, "there is no result: the job is %s",
                           sco_job_state_name(s.job.v[0].state));
    *ret_id = sco_arena_cstr(&c->arena, sco_str_c(s.scan.v[0].id));
    return *ret_id ? 0 : sco_error_nomem(err);
}

int api_scan_artifact(struct api_call *c, struct sco_error *err)
{
    const char *id = NULL, *name = NULL;
    struct sco_artifact a = {0};
    int fd = -1;
    for (size_t i = 0; i < SCO_ARRAY_LEN(artifacts); i++)
        if (sco_str_ends(sco_str_c(c->route->path), artifacts[i].end))
            name = artifacts[i].artifact;
    const char *accept = api_request_header(c, "Accept-Encoding");
    bool gzip = accept && http_list_has(sco_str_c(accept), "gzip");
    int r = find_scan(c, &id, err);
    if (r == 0)
        r = api_artifact_open(c, id, name, gzip, &a, &fd, err);
    if (r < 0)
        return r;
    c->etag = sco_arena_fmt(&c->arena, "%s-%s%s", id, name, gzip && a.gzip ? "-gzip" : "");
    const char *type = sco_arena_cstr(&c->arena, sco_str_c(a.media_type));
    if (!type || !c->etag) {
        close(fd);
        return sco_error_nomem(err);
    }
    api_header(c, "Vary", "Accept-Encoding");
    if (gzip && a.gzip)
        api_header(c, "Content-Encoding", "gzip");
    r = api_spool_reply(c, &fd, type, err);
    if (r < 0)
        close(fd);
    return r;
}

/* ---- findings, out of the report ---- */
static int write_page(struct api_call *c, struct sco_reader *reader, const struct sco_node *list,
                      uint64_t first, uint32_t limit, struct sco_error *err)
{
    struct sco_iter *it = NULL;
    const struct sco_node *v = NULL;
    const char *next = NULL;
    uint64_t i = 0;
    int r = sco_iter_open(reader, list, &it, err);
    if (r < 0)
        return r;
    api_items_begin(c);
    while ((r = sco_iter_next(it, NULL, &v, err)) > 0) {
        if (i == first + limit) {
            next = sco_arena_fmt(&c->arena, "%llu", (unsigned long long)i);
            break;
        }
        if (i++ >= first)
            sco_json_node(&c->out, v);
    }
    sco_iter_close(it);
    if (r < 0)
        return r;
    api_items_end(c, next);
    return 0;
}

int api_scan_findings(struct api_call *c, struct sco_error *err)
{
    static const char *const deferred[] = {"findings", "scanners", "policies", NULL};
    SCO_AUTO(sco_reader) struct sco_reader *reader = NULL;
    SCO_AUTO(sco_fd) int fd = -1;
    const struct sco_node *root = NULL;
    struct sco_artifact a;
    const char *id = NULL, *cursor = NULL;
    uint32_t limit = 0;
    int64_t first = 0;
    char path[40];
    int r = api_page(c, &limit, &cursor, err);
    if (r == 0 && cursor && sco_parse_i64(sco_str_c(cursor), 0, INT64_MAX / 2, &first) < 0)
        r = api_fault(c, err, "?cursor", "give the one that the page before ended with");
    if (r == 0)
        r = find_scan(c, &id, err);
    if (r == 0)
        r = api_artifact_open(c, id, "report.json", false, &a, &fd, err);
    if (r < 0)
        return r;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    r = sco_reader_open(path, &reader, err);
    if (r == 0)
        r = sco_reader_read(reader, deferred, &root, err);
    if (r == 0)
        return sco_error_set(err, SCO_E_FORMAT, "the report of scan %s is empty", id);
    return r < 0 ? r
                 : write_page(c, reader, sco_get(root, "findings"), (uint64_t)first, limit, err);
}

/* What a platform is told of a scan. While the scan is saved: publish.json (the verdict),
 * publish.md (the comment) and publish.jsonl (new findings, the worst first) become artifacts of
 * it, and a job that tells the platform is added, all in the scan's transaction. Later, in that
 * job: its request, out of the publication and these. */
#include "runner_priv.h"

#include <secureops/ci_jobs.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

static const char *const gates[] = {"passed", "failed", "incomplete"};

/* ---- with the scan ---- */
static void write_summary(struct sco_json_out *o, const struct sco_scan *s)
{
    sco_json_key(o, "summary");
    sco_json_begin(o, '{');
    sco_json_ki64(o, "new",
                  (int64_t)(s->summary.findings - s->summary.suppressed - s->summary.unchanged));
    sco_json_ki64(o, "unchanged", (int64_t)s->summary.unchanged);
    sco_json_ki64(o, "resolved", (int64_t)s->stored.resolved);
    sco_json_key(o, "by_severity");
    sco_json_begin(o, '{');
    for (uint32_t i = SCO_SEV_MAX_ - 1; i > 0; i--)
        sco_json_ki64(o, sco_severity_name(i), (int64_t)s->summary.by_severity[i]);
    sco_json_end(o, '}');
    sco_json_end(o, '}');
}

static void write_verdict(struct sco_json_out *o, const struct sco_scan *s, const char *url)
{
    sco_json_begin(o, '{');
    sco_json_key(o, "scan");
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", s->id);
    sco_json_kz(o, "url", url);
    sco_json_kz(o, "status", sco_scan_status(s));
    sco_json_ktime(o, "started_at", s->started_ms);
    sco_json_ktime(o, "completed_at", s->completed_ms);
    sco_json_end(o, '}');
    sco_json_key(o, "gate");
    sco_json_begin(o, '{');
    sco_json_kz(o, "result", gates[s->gate.result]);
    sco_json_key(o, "reasons");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < s->gate.n_reasons; i++)
        sco_json_str(o, sco_str_c(s->gate.reasons[i]));
    sco_json_end(o, ']');
    sco_json_end(o, '}');
    write_summary(o, s);
    sco_json_end(o, '}');
}

static void write_findings(struct sco_buf *b, const struct sco_scan *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->findings.n && n < SCO_CI_FINDINGS_MAX && !b->failed; i++) {
        struct sco_json_out o = {.b = b};
        if (!sco_finding_counts(&s->findings.v[i]))
            continue;
        sco_finding_write(&o, &s->findings.v[i]);
        sco_buf_addc(b, '\n');
        n++;
    }
}

static const char *scan_url(struct runner *r, const char *id)
{
    struct sco_str base = r->cli.config->server.public_url;
    return base.n ? sco_arena_fmt(&r->arena, "%s/api/v1/scans/%s/report", base.p, id) : NULL;
}

static int add_artifacts(struct runner *r, struct sco_store *s, const struct sco_scan *scan,
                         struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf verdict = {0}, findings = {0}, text = {0};
    struct sco_json_out o = {.b = &verdict};
    const char *url = scan_url(r, scan->id);
    struct sco_report_markdown_options how = {.limit = SCO_CI_MARKDOWN_MAX, .link = url};
    write_verdict(&o, scan, url);
    write_findings(&findings, scan);
    int e = sco_report_markdown(scan, &how, &text, err);
    if (e == 0)
        e = runner_artifact(s, scan, "publish.json", "application/json", sco_buf_str(&verdict),
                            err);
    if (e == 0)
        e = runner_artifact(s, scan, "publish.jsonl", "application/jsonl", sco_buf_str(&findings),
                            err);
    return e == 0 ? runner_artifact(s, scan, "publish.md", "text/markdown", sco_buf_str(&text), err)
                  : e;
}

int runner_publish(struct runner *r, struct sco_store *s, const struct sco_scan *scan,
                   struct sco_error *err)
{
    struct sco_publication_page p = {0};
    int e = sco_store_publications_of_job(s, r->job.id, &p, err);
    if (e == 0 && p.n)
        e = add_artifacts(r, s, scan, err);
    for (size_t i = 0; e == 0 && i < p.n; i++)
        e = sco_ci_job_publish(s, &p.v[i], "result", scan->id, NULL, sco_now_ms(), err);
    sco_publication_page_done(&p);
    return e;
}

/* ---- in the job ---- */
struct unpacking {
    z_stream z;
    int fd;
    bool open;
};

static int unpack_part(void *user, const struct sco_artifact *a, struct sco_str bytes)
{
    struct unpacking *u = user;
    unsigned char chunk[16384];
    if (!a->gzip)
        return write(u->fd, bytes.p, bytes.n) == (ssize_t)bytes.n ? 0 : SCO_E_IO;
    u->z.next_in = (unsigned char *)(uintptr_t)bytes.p;
    u->z.avail_in = (unsigned)bytes.n;
    do {
        u->z.next_out = chunk;
        u->z.avail_out = sizeof chunk;
        int e = inflate(&u->z, Z_NO_FLUSH);
        size_t n = sizeof chunk - u->z.avail_out;
        if ((e != Z_OK && e != Z_STREAM_END && e != Z_BUF_ERROR) ||
            write(u->fd, chunk, n) != (ssize_t)n)
            return SCO_E_IO;
        if (e == Z_STREAM_END)
            return 0;
    } while (u->z.avail_in || !u->z.avail_out);
    return 0;
}

/* *ret: the file; NULL: the scan has none of this name. */
static int unpack(struct runner *r, const char *scan_id, const char *name, const char **ret,
                  struct sco_error *err)
{
    struct unpacking u = {.fd = -1};
    struct sco_artifact a;
    const char *path = sco_arena_fmt(&r->arena, "%s/%s", r->dir, name);
    if (!path || inflateInit2(&u.z, 15 + 16) != Z_OK)
        return sco_error_nomem(err);
    u.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int e = u.fd < 0 ? sco_error_errno(err, errno, "cannot write %s", path)
                     : sco_store_artifact(r->cli.store, scan_id, name, &a, unpack_part, &u, err);
    inflateEnd(&u.z);
    if (u.fd >= 0)
        close(u.fd);
    *ret = e == 0 ? path : NULL;
    return e == SCO_E_NOT_FOUND ? 0 : e;
}

static void write_member(struct sco_json_out *o, const char *key, const char *json)
{
    sco_json_key(o, key);
    sco_json_raw(o, sco_str_c(json ? json : "null"));
}

static void write_null(struct sco_json_out *o, const char *key, const char *z)
{
    if (z)
        sco_json_kz(o, key, z);
    else
        write_member(o, key, NULL);
}

static void write_place(struct sco_json_out *o, const struct sco_stored_publication *p,
                        struct sco_arena *a)
{
    sco_json_kz(o, "repository", p->repository);
    write_member(o, "context", p->context);
    sco_json_kz(o, "commit_sha", p->commit_sha);
    write_null(o, "branch", p->branch);
    if (p->pr_number)
        sco_json_ki64(o, "pr_number", p->pr_number);
    else
        write_member(o, "pr_number", NULL);
    sco_json_kz(o, "marker", p->marker);
    sco_json_kz(o, "key", sco_arena_fmt(a, "%.8s-%u", p->id, p->revision));
    if (p->steps)
        write_member(o, "steps", p->steps);
    sco_json_kz(o, "root", "");
    write_member(o, "state", p->state);
}

/* The members of publish.json become members of the request. */
static int add_verdict(struct runner *r, struct sco_json_out *o, const char *file,
                       struct sco_error *err)
{
    enum { VERDICT_MAX = 4 << 20 };
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    const struct sco_node *root = NULL;
    int e = sco_fs_read(file, VERDICT_MAX, &text, err);
    if (e == 0)
        e = sco_json_parse(sco_buf_str(&text), &r->arena, &root, err);
    for (const struct sco_node *c = e == 0 && sco_is(root, SCO_NODE_MAP) ? root->child : NULL; c;
         c = c->next) {
        sco_json_key(o, sco_arena_cstr(&r->arena, c->key));
        sco_json_node(o, c);
    }
    return e;
}

int runner_publish_request(struct runner *r, const struct sco_stored_publication *p,
                           const char *phase, const char *scan_id, const char *reason,
                           struct sco_buf *ret, struct sco_error *err)
{
    static const char *const names[][2] = {
        {"findings", "publish.jsonl"}, {"markdown", "publish.md"}, {"sarif", "report.sarif"}};
    struct sco_json_out o = {.b = ret};
    const char *file = NULL;
    int e = 0;
    sco_json_begin(&o, '{');
    write_place(&o, p, &r->arena);
    sco_json_kz(&o, "phase", phase);
    write_null(&o, "reason", reason);
    if (strcmp(phase, "result") == 0) {
        e = unpack(r, scan_id, "publish.json", &file, err);
        if (e == 0)
            e = file ? add_verdict(r, &o, file, err)
                     : sco_error_set(err, SCO_E_NOT_FOUND,
                                     "what is to be published of scan %s is "
                                     "gone",
                                     scan_id);
        for (size_t i = 0; e == 0 && i < SCO_ARRAY_LEN(names); i++) {
            e = unpack(r, scan_id, names[i][1], &file, err);
            write_null(&o, names[i][0], file);
        }
    }
    sco_json_end(&o, '}');
    return e == 0 ? sco_buf_check(ret, err) : e;
}

/* The documents of a job: read once, shared by all policies. What could not be read is said. */
#include "policies_priv.h"

enum { NAMED_MAX = 3 }; /* skipped files that the summary names */

static int read_one(struct policies *p, const char *path, const char *name, bool explicit,
                    struct sco_error *err)
{
    int r = sco_iac_add_file(&p->docs, path, name, SCO_IAC_FORMAT_NONE,
                             explicit ? SCO_IAC_EXPLICIT : 0, err);
    return r < 0 ? r : 0;
}

/* A folder of a scan: the files that matched `detect`. */
static int read_matches(struct policies *p, const struct sco_job *job, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    size_t n = 0;
    int r = 0;
    while (job->files[n])
        n++;
    for (size_t i = 0; i < n && r == 0; i++) {
        if (p->host->cancelled(p->host))
            return SCO_E_CANCELLED;
        p->host->progress(p->host, i, n, SCO_STR("reading files"));
        sco_buf_clear(&path);
        if (sco_path_join(&path, sco_str_c(job->target), sco_str_c(job->files[i])) < 0)
            return sco_error_nomem(err);
        r = read_one(p, sco_buf_z(&path), job->files[i], false, err);
    }
    return r;
}

int documents_read(struct policies *p, const struct sco_job *job, struct sco_error *err)
{
    const struct request *q = &p->request;
    int r = 0;
    if (strcmp(q->command, "scan") == 0) {
        if (job->files && job->target_kind & (SCO_TARGET_DIRECTORY | SCO_TARGET_GIT))
            return read_matches(p, job, err);
        const char *slash = strrchr(job->target, '/');
        return read_one(p, job->target, slash ? slash + 1 : job->target, true, err);
    }
    for (size_t i = 0; i < q->n_files && r == 0; i++) {
        if (p->host->cancelled(p->host))
            return SCO_E_CANCELLED;
        p->host->progress(p->host, i, q->n_files, SCO_STR("reading files"));
        r = read_one(p, q->files[i].path, q->files[i].name, q->files[i].explicit, err);
    }
    return r;
}

/* ---- what is told ---- */
static int record(struct policies *p, const struct sco_iac_doc *d)
{
    struct sco_json_out o = record_begin(p);
    sco_json_kz(&o, "file_path", d->text->file_path);
    sco_json_ki64(&o, "index", d->index);
    sco_json_kz(&o, "format", sco_iac_format_name(d->format));
    sco_json_kz(&o, "status", sco_iac_status_name(d->status));
    sco_json_key(&o, "reason");
    if (d->reason)
        sco_json_str(&o, sco_str_c(d->reason));
    else
        sco_json_null(&o);
    sco_json_ki64(&o, "resources", (int64_t)d->n_resources);
    sco_json_kz(&o, "source", d->source);
    if (d->notes && d->notes[0])
        record_texts(&o, "notes", d->notes);
    sco_json_end(&o, '}');
    return record_send(p, "document");
}

/* "k8s/a.yaml: REASON"; a reason that starts with the file's name has its place already. */
static void add_reason(struct sco_buf *b, const struct sco_iac_doc *d)
{
    const char *path = d->text->file_path, *reason = d->reason ? d->reason : "no reason is known";
    if (!sco_str_starts(sco_str_c(reason), path))
        sco_buf_addf(b, "%s: ", path);
    sco_buf_addz(b, reason);
}

static void tell_unjudged(struct policies *p, const struct sco_iac_doc *d)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    add_reason(&b, d);
    p->host->incomplete(p->host, sco_buf_str(&b));
}

static void note_skipped(struct policies *p)
{
    uint64_t n = p->documents[SCO_IAC_SKIPPED], named = 0;
    if (!n)
        return;
    sco_buf_addf(&p->notes, "%llu document%s skipped: ", (unsigned long long)n, n == 1 ? "" : "s");
    for (size_t i = 0; i < p->docs.n_docs; i++) {
        const struct sco_iac_doc *d = &p->docs.docs[i];
        if (d->status != SCO_IAC_SKIPPED || named == NAMED_MAX)
            continue;
        sco_buf_addz(&p->notes, named++ ? "; " : "");
        add_reason(&p->notes, d);
    }
    if (n > named)
        sco_buf_addf(&p->notes, "; and %llu more", (unsigned long long)(n - named));
}

int documents_tell(struct policies *p, bool all)
{
    int r = 0;
    for (size_t i = 0; i < p->docs.n_docs && r == 0; i++) {
        const struct sco_iac_doc *d = &p->docs.docs[i];
        p->documents[d->status]++;
        if (d->status == SCO_IAC_FAILED || d->status == SCO_IAC_PARTIAL)
            tell_unjudged(p, d);
        if (all || d->status != SCO_IAC_PARSED)
            r = record(p, d);
    }
    note_skipped(p);
    if (r < 0)
        return r;
    struct sco_json_out o = record_begin(p);
    for (int i = 0; i < SCO_IAC_STATUS_MAX_; i++)
        sco_json_ki64(&o, sco_iac_status_name((enum sco_iac_status)i), (int64_t)p->documents[i]);
    sco_json_end(&o, '}');
    return record_send(p, "documents");
}

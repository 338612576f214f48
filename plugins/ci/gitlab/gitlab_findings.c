/* The findings of a request: JSON lines, the worst first. */
#include "gitlab_priv.h"

enum { KEPT_MAX = 10000, TITLE_MAX = 300, FIX_MAX = 600 };

static int keep(struct gitlab_publish *p, const struct sco_node *v)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 64;
        struct gitlab_finding *n = (struct gitlab_finding *)p->h->alloc(p->h, cap * sizeof *n);
        if (!n)
            return sco_errf(p->o->e, SCO_E_NOMEM, "out of memory");
        if (p->n)
            memcpy(n, p->v, p->n * sizeof *n);
        p->v = n;
        p->cap = cap;
    }
    struct gitlab_finding *f = &p->v[p->n++];
    memset(f, 0, sizeof *f);
    f->severity = ci_copy(p->h, sco_text_at(v, "severity"));
    f->title = ci_line(p->h, sco_text_at(v, "title"), TITLE_MAX);
    f->rule_id = ci_line(p->h, sco_text_at(v, "rule_id"), 100);
    f->fix = ci_line(p->h, sco_text_at(v, "remediation"), FIX_MAX);
    f->fingerprint = ci_copy(p->h, sco_text_at(v, "fingerprint"));
    f->path = ci_repo_path(p->h, sco_text_at(p->o->q, "root"), sco_text_at(v, "file_path"));
    f->line = sco_int_at(v, "line_number", 0);
    return 0;
}

int gitlab_read_findings(struct gitlab_publish *p)
{
    const struct sco_data_api *data = p->h->data;
    struct sco_str file = sco_text_at(p->o->q, "findings");
    struct sco_reader *reader = NULL;
    const struct sco_node *v;
    const char *path = file.n ? sco_cstr(p->h, file) : NULL;
    if (!file.n)
        return 0;
    int r = path ? data->open(p->h, path, &reader, p->o->e) : SCO_E_NOMEM;
    while (r >= 0 && p->n < KEPT_MAX && (r = data->read(reader, NULL, &v, p->o->e)) > 0)
        r = v->type == SCO_NODE_MAP
                ? keep(p, v)
                : sco_errf(p->o->e, SCO_E_FORMAT, "findings: a line is not an object");
    data->close(reader);
    /* what is missing here is gone only when everything was looked at, and is here */
    p->all = r >= 0 && p->n < KEPT_MAX &&
             sco_int_at(p->o->q, "summary.new", (int64_t)p->n) <= (int64_t)p->n &&
             sco_str_is(sco_text_at(p->o->q, "scan.status"), "completed") &&
             !sco_str_is(sco_text_at(p->o->q, "gate.result"), "incomplete");
    return r < 0 ? r : 0;
}

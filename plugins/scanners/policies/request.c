/* The request of the job. It comes from the engine of the same build; what is missing gets the
 * default of a plain scan without packs, which says itself that it judged nothing. */
#include "policies_priv.h"

static const char *const none[] = {NULL};

static const char *text(struct policies *p, const struct sco_node *root, const char *key)
{
    struct sco_str s = sco_text(sco_get(root, key));
    return s.p ? sco_arena_cstr(&p->arena, s) : NULL;
}

static const char *const *texts(struct policies *p, const struct sco_node *root, const char *key)
{
    const struct sco_node *list = sco_get(root, key);
    const char **v;
    size_t n = 0;
    if (!sco_is(list, SCO_NODE_LIST) || !list->n)
        return none;
    v = sco_arena_alloc(&p->arena, (list->n + 1u) * sizeof *v);
    SCO_EACH (c, list)
        if (v && (v[n] = sco_arena_cstr(&p->arena, sco_text(c))))
            n++;
    return v && n == list->n ? v : NULL;
}

static int read_files(struct policies *p, const struct sco_node *list, struct sco_error *err)
{
    struct request *q = &p->request;
    if (!list)
        return 0;
    q->files = sco_arena_alloc(&p->arena, (list->n + 1u) * sizeof *q->files);
    if (!q->files)
        return sco_error_nomem(err);
    SCO_EACH (c, list) {
        struct wanted_file *f = &q->files[q->n_files++];
        f->path = text(p, c, "path");
        f->name = text(p, c, "name");
        f->explicit = sco_bool(sco_get(c, "explicit"), 0);
        if (!f->path || !f->name)
            return sco_error_set(err, SCO_E_FORMAT, "request: a file without path or name");
    }
    return 0;
}

int request_read(struct policies *p, const struct sco_job *job, struct sco_error *err)
{
    const struct sco_node *root = NULL;
    struct request *q = &p->request;
    struct sco_str json = sco_str_c(job->request ? job->request : "{}");
    int r = sco_json_parse(json, &p->arena, &root, err);
    if (r < 0)
        return r;
    q->command = text(p, root, "command");
    q->command = q->command ? q->command : "scan";
    q->bundles = texts(p, root, "bundles");
    q->policies = texts(p, root, "policies");
    q->frameworks = texts(p, root, "frameworks");
    q->skip = texts(p, root, "skip");
    q->public_keys = text(p, root, "public_keys");
    q->input = text(p, root, "input");
    q->scope = text(p, root, "scope");
    q->trace = sco_bool(sco_get(root, "trace"), 0);
    q->coverage = sco_bool(sco_get(root, "coverage"), 0);
    if (!q->bundles || !q->policies || !q->frameworks || !q->skip)
        return sco_error_nomem(err);
    if (!q->bundles[0])
        return sco_error_set(err, SCO_E_NOT_FOUND,
                             "there are no policies: the installation is incomplete, and "
                             "policies.dirs is empty");
    return read_files(p, sco_get(root, "files"), err);
}

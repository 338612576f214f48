/* What no stage may read: the daemon's folders, its configuration, and the files that hold what the
 * configuration refers to, above all the key that seals everything else. */
#include "runner_pipeline.h"

enum { HIDDEN_MAX = 500, CONFIG_MAX = 8 << 20 };

struct hiding {
    struct pipeline_job *p;
    const char **v;
    size_t n;
};

static int hide(struct hiding *h, const char *path, struct sco_error *err)
{
    SCO_AUTO(sco_free) char *real = path && *path ? sco_fs_realpath(path, NULL) : NULL;
    if (!real)
        return 0;
    SCO_BUG_ON(!h->v);
    for (size_t i = 0; i < h->n; i++)
        if (strcmp(h->v[i], real) == 0)
            return 0;
    if (h->n == HIDDEN_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "more than %d files to be hidden", HIDDEN_MAX);
    h->v[h->n] = sco_arena_cstr(&h->p->r->arena, sco_str_c(real));
    return h->v[h->n++] ? 0 : sco_error_nomem(err);
}

static int hide_file(struct hiding *h, const char *config, struct sco_str path,
                     struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    const char *slash = strrchr(config, '/');
    if (path.n && path.p[0] != '/' && slash)
        sco_buf_add(&b, sco_str_make(config, (size_t)(slash - config) + 1));
    sco_buf_add(&b, path);
    int r = sco_buf_check(&b, err);
    return r == 0 && path.n && sco_fs_is_file(sco_buf_z(&b)) ? hide(h, sco_buf_z(&b), err) : r;
}

/* Each "file:PATH" of the text: options of plugins are known to nobody here. In quotes a path may
 * have what ends it without. */
static int hide_references(struct hiding *h, const char *config, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    int r = config ? sco_fs_read(config, CONFIG_MAX, &b, err) : 0;
    const char *text = sco_buf_z(&b); /* strcspn needs its end */
    if (r == 0)
        r = sco_buf_check(&b, err);
    for (size_t i = 0; r == 0;) {
        const char *at = memmem(text + i, b.n - i, "file:", 5);
        if (!at)
            break;
        at += 5;
        i = (size_t)(at - text);
        size_t quoted = strcspn(at, "\"'\r\n"), bare = strcspn(at, "\"' \t\r\n,]}");
        r = hide_file(h, config, sco_str_make(at, quoted), err);
        if (r == 0)
            r = hide_file(h, config, sco_str_make(at, bare), err);
    }
    if (b.p)
        explicit_bzero(b.p, b.n);
    return r;
}

int pipeline_hide(struct pipeline_job *p, struct sco_error *err)
{
    const struct runner_setup *u = &p->r->job.setup;
    const char *const paths[] = {u->data,
                                 u->cache,
                                 u->config,
                                 u->store && u->store[0] == '/' ? u->store : NULL,
                                 "/run/credentials",
                                 "/run/secrets"};
    struct hiding h = {.p = p, .v = sco_arena_alloc(&p->r->arena, (HIDDEN_MAX + 1) * sizeof *h.v)};
    const struct sco_node *setup = NULL;
    int r = h.v ? sco_json_parse(sco_str_c(p->r->job.setup_json), &p->r->arena, &setup, err)
                : sco_error_nomem(err);
    for (size_t i = 0; i < SCO_ARRAY_LEN(paths) && r == 0; i++)
        r = hide(&h, paths[i], err);
    SCO_EACH (m, sco_get(setup, "private")) {
        const char *path = sco_arena_cstr(&p->r->arena, sco_text(m));
        if (r == 0)
            r = path ? hide(&h, path, err) : sco_error_nomem(err);
    }
    if (r == 0)
        r = hide_references(&h, u->config, err);
    if (r == 0)
        p->hidden = h.v;
    return r;
}

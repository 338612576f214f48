/* secureops config check | show | docs. */
#include "context_ci.h"

static int check(struct cli *c, const struct sco_plugins *p, struct sco_error *err)
{
    int r = context_check_scanners(c, p, SCO_VALUES_RESOLVE, err);
    struct sco_integration *v;
    size_t n;
    if (r == 0)
        r = context_integrations(c, p, true, &v, &n, err);
    if (r < 0)
        return r;
    for (const char *const *f = c->config->files; *f; f++)
        printf("%s: ok\n", *f);
    if (!c->config->files[0])
        printf("no configuration file; the defaults are used\n");
    return 0;
}

static int docs(struct cli *c, const struct sco_plugins *p, struct sco_buf *b,
                struct sco_error *err)
{
    struct sco_config_doc *d = sco_arena_alloc(&c->arena, (p->n + p->n_ci + 1) * sizeof *d);
    size_t n = 0;
    if (!d)
        return sco_error_nomem(err);
    for (size_t i = 0; i < p->n; i++)
        if (!p->v[i].error)
            d[n++] = (struct sco_config_doc){
                .name = p->v[i].name, .title = p->v[i].scanner.title, .options = p->v[i].options};
    for (size_t i = p->n; i < p->n + p->n_ci; i++)
        d[n++] = (struct sco_config_doc){.name = p->v[i].name,
                                         .title = p->v[i].ci.title,
                                         .options = p->v[i].options,
                                         .ci = true};
    sco_config_docs(d, n, b);
    return sco_buf_check(b, err);
}

int cmd_config(struct cli *c)
{
    struct sco_error err = {0};
    const struct sco_plugins *p = NULL;
    const char *what = c->n_operands == 1 ? c->operands[0] : "";
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    int r;
    if (strcmp(what, "check") == 0) {
        r = context_plugins(c, &p, &err);
        if (r == 0)
            r = check(c, p, &err);
    } else if (strcmp(what, "show") == 0) {
        r = context_load_config(c, &err);
        if (r == 0)
            sco_config_show(c->config, &b);
    } else if (strcmp(what, "docs") == 0) {
        r = context_plugins(c, &p, &err);
        if (r == 0)
            r = docs(c, p, &b, &err);
    } else
        r = sco_error_set(&err, SCO_E_INVALID, "usage: secureops config check | show | docs");
    if (r < 0)
        return context_fail(&err);
    fputs(sco_buf_z(&b), stdout);
    return EXIT_PASSED;
}

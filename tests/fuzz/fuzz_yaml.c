/* Any bytes as YAML: an error with a place, or a tree that keeps its promises. */
#include <secureops/yaml.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Walks everything, aliases followed, and returns the number of nodes. */
static uint32_t walk(const struct sco_yaml *v, uint32_t depth)
{
    uint32_t n = 1, children = 0, deepest = 0;
    SCO_BUG_ON(depth > SCO_YAML_DEPTH_MAX + 1);
    SCO_BUG_ON(!v->line || !v->column);
    SCO_BUG_ON(v->kind == SCO_YAML_SCALAR ? !v->text.p || v->text.p[v->text.n] || v->child
                                          : v->text.p != NULL);
    SCO_BUG_ON(v->text.n && !sco_utf8_valid(v->text));
    for (const struct sco_yaml *c = v->child; c; c = c->next, children++) {
        SCO_BUG_ON((v->kind == SCO_YAML_MAP) != (c->key != NULL));
        SCO_BUG_ON(c->key && c->key->kind != SCO_YAML_SCALAR);
        n += walk(c, depth + 1) + (c->key != NULL);
        if (c->depth > deepest)
            deepest = c->depth;
    }
    SCO_BUG_ON(children != v->n || n != v->size);
    SCO_BUG_ON(v->depth != (v->kind == SCO_YAML_SCALAR ? 0 : deepest + 1));
    return n;
}

static void check_error(int r, const struct sco_error *err)
{
    SCO_BUG_ON(r != SCO_E_PARSE && r != SCO_E_LIMIT && r != SCO_E_NOMEM);
    SCO_BUG_ON(r != SCO_E_NOMEM && strncmp(err->text, "f.yaml:", 7) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sco_str text = sco_str_make((const char *)data, size);
    for (uint32_t flags = 0; flags < 4; flags++) {
        SCO_AUTO(sco_arena) struct sco_arena arena = {0};
        struct sco_error err = {0};
        const struct sco_yaml *root = NULL, *all = NULL;
        int r = sco_yaml_parse(text, "f.yaml", flags, &arena, &root, &err);
        if (r < 0)
            check_error(r, &err);
        else if (root)
            SCO_BUG_ON(walk(root, 0) > SCO_YAML_NODES_MAX + SCO_YAML_ALIAS_NODES_MAX);
        int s = sco_yaml_parse_all(text, "f.yaml", flags, &arena, &all, &err);
        SCO_BUG_ON(r == 0 && (s != 0 || all->n != (root != NULL)));
        if (s < 0)
            check_error(s, &err);
        for (const struct sco_yaml *d = s == 0 ? all->child : NULL; d; d = d->next)
            walk(d, 0);
    }
    return 0;
}

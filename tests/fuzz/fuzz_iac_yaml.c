/* Any bytes as YAML or JSON of each format: documents that keep their promises. */
#include <secureops/iac.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct budget {
    size_t left; /* of the nodes that a walk may meet: aliases repeat them */
};

static void walk(const struct sco_iac_set *s, const struct sco_iac_node *v, uint32_t depth,
                 struct budget *b)
{
    const struct sco_iac_text *t = s->docs[v->doc].text;
    SCO_BUG_ON(depth > SCO_IAC_DEPTH_MAX);
    SCO_BUG_ON(v->doc >= s->n_docs || v->pos > v->end || v->end > t->bytes.n);
    SCO_BUG_ON(v->type > SCO_IAC_UNKNOWN || v->tag > s->n_tags);
    if (!b->left)
        return;
    b->left--;
    if (v->type == SCO_IAC_STR)
        SCO_BUG_ON(v->text[v->n] != 0 || !sco_utf8_valid(sco_iac_text(v)));
    for (uint32_t i = 0; v->type == SCO_IAC_LIST && i < v->n; i++)
        walk(s, &v->item[i], depth + 1, b);
    for (uint32_t i = 0; v->type == SCO_IAC_MAP && i < v->n; i++) {
        const struct sco_iac_member *m = &v->member[i];
        SCO_BUG_ON(m->key[m->key_n] != 0 || m->key_pos > t->bytes.n);
        SCO_BUG_ON(i < 50 && sco_iac_get_str(v, sco_str_make(m->key, m->key_n)) != &m->value);
        walk(s, &m->value, depth + 1, b);
    }
}

static void check(const struct sco_iac_set *s)
{
    for (size_t i = 0; i < s->n_docs; i++) {
        const struct sco_iac_doc *d = &s->docs[i];
        struct budget b = {100000};
        SCO_BUG_ON((d->status == SCO_IAC_PARSED) != (d->reason == NULL));
        SCO_BUG_ON(d->status == SCO_IAC_PARSED && !d->root);
        SCO_BUG_ON(!d->root && d->n_resources);
        SCO_BUG_ON(d->first_resource + d->n_resources > s->n_resources);
        if (d->root)
            walk(s, d->root, 0, &b);
    }
    for (size_t i = 0; i < s->n_resources && i < 1000; i++) {
        const struct sco_iac_resource *r = &s->resources[i];
        struct sco_iac_place p;
        struct budget b = {1000};
        SCO_BUG_ON(!r->selectors[0] || !r->name || (r->parent != UINT32_MAX && r->parent >= i));
        sco_iac_place(s, r->node, &p);
        SCO_BUG_ON(!p.line || !p.column || p.end_line < p.line);
        walk(s, r->node, 0, &b);
        if (r->pod_spec)
            walk(s, r->pod_spec, 0, &b);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"x.yaml", "x.json", ".github/workflows/x.yml",
                                        "compose.yaml", ".gitlab-ci.yml"};
    struct sco_str text = sco_str_make((const char *)data, size);
    for (size_t i = 0; i < SCO_ARRAY_LEN(names); i++) {
        SCO_AUTO(sco_iac_set) struct sco_iac_set s = {0};
        struct sco_error err = {0};
        int r = sco_iac_add_text(&s, text, names[i], SCO_IAC_FORMAT_NONE,
                                 i & 1 ? SCO_IAC_EXPLICIT : 0, &err);
        SCO_BUG_ON(r < 0 || (size_t)r != s.n_docs || ((i & 1) && !r));
        check(&s);
    }
    return 0;
}

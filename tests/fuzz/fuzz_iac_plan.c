/* Any bytes as a plan: a document with a reason, or a tree and resources that keep their promises,
 * whose places lie in the text. */
#include <secureops/iac.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct sco_iac_node *v, size_t text, uint32_t depth)
{
    SCO_BUG_ON(depth > 4 * SCO_IAC_DEPTH_MAX);
    SCO_BUG_ON(v->pos > v->end || v->end > text);
    SCO_BUG_ON(v->type > SCO_IAC_UNKNOWN);
    SCO_BUG_ON(v->type == SCO_IAC_STR && v->text[v->n] != 0);
    for (uint32_t i = 0; v->type == SCO_IAC_LIST && i < v->n; i++)
        walk(&v->item[i], text, depth + 1);
    for (uint32_t i = 0; v->type == SCO_IAC_MAP && i < v->n; i++) {
        const struct sco_iac_member *m = &v->member[i];
        SCO_BUG_ON(m->key[m->key_n] != 0);
        SCO_BUG_ON(sco_iac_get_str(v, sco_str_make(m->key, m->key_n)) != &m->value);
        walk(&m->value, text, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SCO_AUTO(sco_iac_set) struct sco_iac_set s = {0};
    struct sco_error err = {0};
    if (size > 1 << 16)
        return 0;
    int n = sco_iac_add_text(&s, sco_str_make((const char *)data, size), "p.json",
                             SCO_IAC_FORMAT_TERRAFORM_PLAN, 0, &err);
    SCO_BUG_ON(n != 1 || s.n_docs != 1);
    const struct sco_iac_doc *d = &s.docs[0];
    SCO_BUG_ON((d->status == SCO_IAC_PARSED) != (d->reason == NULL));
    SCO_BUG_ON((d->root != NULL) != (d->status == SCO_IAC_PARSED || d->status == SCO_IAC_PARTIAL));
    SCO_BUG_ON(!d->root && s.n_resources);
    SCO_BUG_ON(d->n_resources != s.n_resources);
    if (d->root)
        walk(d->root, d->text->bytes.n, 0);
    for (size_t i = 0; i < s.n_resources; i++) {
        const struct sco_iac_resource *r = &s.resources[i];
        SCO_BUG_ON(!r->selectors[0] || !r->type[0] || !r->name[0] || !r->node);
        SCO_BUG_ON(i && !sco_iac_is(sco_iac_get(r->node, "configured"), SCO_IAC_MAP));
        SCO_BUG_ON(i && !sco_iac_is(sco_iac_get(r->node, "references"), SCO_IAC_MAP));
    }
    return 0;
}

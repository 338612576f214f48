/* Any bytes as a Dockerfile: a document with a reason, or a tree and resources that keep their
 * promises, whose places lie in the text. */
#include <secureops/iac.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct sco_iac_node *v, size_t text, uint32_t depth)
{
    SCO_BUG_ON(depth > SCO_IAC_DEPTH_MAX);
    SCO_BUG_ON(v->doc != 0 || v->pos > v->end || v->end > text);
    SCO_BUG_ON(v->type > SCO_IAC_UNKNOWN);
    SCO_BUG_ON(v->type == SCO_IAC_STR && (v->text[v->n] != 0 || memchr(v->text, 1, v->n)));
    for (uint32_t i = 0; v->type == SCO_IAC_LIST && i < v->n; i++)
        walk(&v->item[i], text, depth + 1);
    for (uint32_t i = 0; v->type == SCO_IAC_MAP && i < v->n; i++) {
        const struct sco_iac_member *m = &v->member[i];
        SCO_BUG_ON(m->key[m->key_n] != 0 || m->key_pos > text);
        SCO_BUG_ON(sco_iac_get_str(v, sco_str_make(m->key, m->key_n)) != &m->value);
        walk(&m->value, text, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SCO_AUTO(sco_iac_set) struct sco_iac_set s = {0};
    struct sco_error err = {0};
    struct sco_str text = sco_str_make((const char *)data, size);
    if (size > 1 << 16 || (size && memchr(data, 1, size))) /* \x01 marks what is unknown */
        return 0;
    int n = sco_iac_add_text(&s, text, "Dockerfile", SCO_IAC_FORMAT_DOCKERFILE, 0, &err);
    SCO_BUG_ON(n != 1 || s.n_docs != 1);
    const struct sco_iac_doc *d = &s.docs[0];
    SCO_BUG_ON((d->status == SCO_IAC_PARSED) != (d->reason == NULL));
    SCO_BUG_ON((d->root != NULL) != (d->status == SCO_IAC_PARSED || d->status == SCO_IAC_PARTIAL));
    SCO_BUG_ON(!d->root != !s.n_resources || d->n_resources != s.n_resources);
    if (d->root)
        walk(d->root, d->text->bytes.n, 0);
    for (size_t i = 0; i < s.n_resources; i++) {
        const struct sco_iac_resource *r = &s.resources[i];
        SCO_BUG_ON(!r->selectors[0] || !r->type[0] || !r->name[0] || !r->node);
        SCO_BUG_ON(i ? r->parent >= i : r->parent != UINT32_MAX);
    }
    return 0;
}

/* Any bytes as JSON: an error with a place, or a tree within its text; what passes as a whole
 * passes when members are passed over, and each of these can be parsed later. */
#include "iac_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct sco_iac_node *v, uint32_t from, uint32_t to, uint32_t depth)
{
    SCO_BUG_ON(depth > SCO_IAC_DEPTH_MAX || v->pos < from || v->end > to || v->pos > v->end);
    SCO_BUG_ON(v->type == SCO_IAC_STR && (v->text[v->n] != 0 || !sco_utf8_valid(sco_iac_text(v))));
    for (uint32_t i = 0; v->type == SCO_IAC_LIST && i < v->n; i++)
        walk(&v->item[i], v->pos, v->end, depth + 1);
    for (uint32_t i = 0; v->type == SCO_IAC_MAP && i < v->n; i++) {
        SCO_BUG_ON(v->member[i].key_pos >= v->member[i].value.pos);
        walk(&v->member[i].value, v->pos, v->end, depth + 1);
    }
}

static bool want_some(void *user, struct sco_str key)
{
    (void)user;
    return key.n % 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SCO_AUTO(sco_iac_set) struct sco_iac_set s = {0};
    struct sco_iac_text t = {.file_path = "f.json",
                             .bytes = sco_str_make((const char *)data, size)};
    const struct sco_iac_node *root = NULL, *some = NULL, *part = NULL;
    struct sco_error err = {0};
    if (!iac_doc(&s, &t, 0, SCO_IAC_FORMAT_NONE))
        return 0;
    int r = sco_iac_json(&s, 0, t.bytes, NULL, &root, &err);
    SCO_BUG_ON(r < 0 && r != SCO_E_PARSE && r != SCO_E_LIMIT);
    SCO_BUG_ON(r < 0 && strncmp(err.text, "f.json:", 7) != 0);
    if (r == 0)
        walk(root, 0, (uint32_t)size, 0);
    int q = iac_json_filtered(&s, 0, t.bytes, want_some, NULL, &some, &err);
    SCO_BUG_ON(r == 0 && q < 0);
    if (q < 0)
        return 0;
    walk(some, 0, (uint32_t)size, 0);
    for (uint32_t i = 0; r == 0 && some->type == SCO_IAC_MAP && i < some->n; i++) {
        const struct sco_iac_node *v = &some->member[i].value;
        if (v->type != SCO_IAC_UNKNOWN)
            continue;
        struct sco_str bytes = sco_str_make(t.bytes.p + v->pos, v->end - v->pos);
        SCO_BUG_ON(sco_iac_json(&s, 0, bytes, NULL, &part, &err) < 0);
        SCO_BUG_ON(part->pos != v->pos || part->end != v->end);
    }
    return 0;
}

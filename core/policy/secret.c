/* Whether a text may be shown after a check has read something sensitive: only when it stands in
 * the policy's own source or a library of its bundle, between quotes. Anything computed could hold
 * the secret. */
#include "policy_priv.h"

static bool has_literal(struct sco_str source, struct sco_str text)
{
    for (const char *at = source.p, *end = source.p + source.n; at < end; at++) {
        at = memmem(at, (size_t)(end - at), text.p, text.n);
        if (!at)
            return false;
        const char *after = at + text.n;
        if (at > source.p && after < end && (at[-1] == '"' || at[-1] == '\'') && *after == at[-1])
            return true;
    }
    return false;
}

bool pl_may_show(const struct sco_policies *p, struct sco_str text)
{
    if (!p->run.sensitive || !text.n)
        return true;
    const struct pl_file *f = p->run.file;
    if (f && has_literal(f->text, text))
        return true;
    for (size_t i = 0; f && i < f->bundle->n; i++) /* what the policy may have imported */
        if (f->bundle->files[i]->kind == PL_FILE_LIBRARY &&
            has_literal(f->bundle->files[i]->text, text))
            return true;
    return false;
}

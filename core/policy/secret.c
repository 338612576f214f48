/* Whether a text may be shown after a check has read something sensitive: only when it stands in
 * the policy's own source, between quotes. Anything computed could hold the secret. */
#include "policy_priv.h"

bool pl_may_show(const struct sco_policies *p, struct sco_str text)
{
    if (!p->run.sensitive)
        return true;
    if (!p->run.file || !text.n)
        return !text.n;
    struct sco_str source = p->run.file->text;
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

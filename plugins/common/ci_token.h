/* The operation `credential`: a token for fetching code, which is given for what lies at the
 * platform itself and for nothing else, whatever an event says where the code is. Header only. */
#pragma once

#include "ci_event.h"

/* Whether the URL is below `base`, by scheme, host and path. */
static inline int ci_is_below(const struct sco_host *h, struct sco_str base, struct sco_str url)
{
    const char *z;
    while (base.n && base.p[base.n - 1] == '/')
        base.n--;
    z = base.n ? sco_cstr(h, base) : NULL;
    return z && url.n > base.n + 1 && url.p[base.n] == '/' &&
           sco_str_is_nocase(sco_str_make(url.p, base.n), z);
}

/* SCO_E_UNSUPPORTED: request.clone_url is not below `base`, or there is no token. */
static inline int ci_token_check(const struct sco_host *h, const char *platform,
                                 struct sco_str base, const struct sco_node *request, int has_token,
                                 struct sco_errbuf *e)
{
    if (!ci_is_below(h, base, sco_text_at(request, "clone_url")))
        return sco_errf(e, SCO_E_UNSUPPORTED, "%s: the code is not below %.*s", platform,
                        SCO_STR_ARG(base));
    return has_token
               ? 0
               : sco_errf(e, SCO_E_UNSUPPORTED, "%s: there is no token that git takes", platform);
}

static inline int ci_token_give(const struct sco_host *h, struct sco_str token,
                                struct sco_errbuf *e)
{
    struct ci_json j = ci_json_new(h);
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "token", token);
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", e);
}

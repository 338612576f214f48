/* The JSON report of a scan, which gates judge, and an event, which workflows act upon: one
 * resource. */
#include "set_priv.h"

int iac_scan(struct sco_iac_set *s, uint32_t doc)
{
    static const char *const selectors[] = {"scan", NULL};
    return iac_resource(s, doc, selectors, "scan", "scan", s->docs[doc].root, UINT32_MAX, NULL);
}

int iac_event(struct sco_iac_set *s, uint32_t doc)
{
    struct sco_str kind = sco_iac_text(sco_iac_get(s->docs[doc].root, "event"));
    SCO_AUTO(sco_buf) struct sco_buf selector = {0};
    const char *selectors[] = {"event", NULL, NULL};
    sco_buf_addf(&selector, "event:%.*s", SCO_STR_ARG(kind));
    selectors[1] = kind.n && !selector.failed ? sco_buf_z(&selector) : NULL;
    return iac_resource(s, doc, selectors, "event", "event", s->docs[doc].root, UINT32_MAX, NULL);
}

/* The JSON report of a scan, which gates judge: one resource. */
#include "set_priv.h"

int iac_scan(struct sco_iac_set *s, uint32_t doc)
{
    static const char *const selectors[] = {"scan", NULL};
    return iac_resource(s, doc, selectors, "scan", "scan", s->docs[doc].root, UINT32_MAX, NULL);
}

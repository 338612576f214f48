/* Helper libraries that only some jobs need: libxml2, libcurl and GMP cost milliseconds to load. */
#include "host_priv.h"

#include <secureops/module.h>

int host_xml(const struct sco_xml_module **ret, struct sco_error *err)
{
    static const void *loaded;
    int r = loaded
                ? 0
                : sco_module_load("xml", NULL, SCO_XML_MODULE_SYMBOL, sizeof **ret, &loaded, err);
    if (r == 0)
        *ret = loaded;
    return r;
}

int host_http(const struct sco_http_module **ret, struct sco_error *err)
{
    static const void *loaded;
    int r = loaded
                ? 0
                : sco_module_load("http", NULL, SCO_HTTP_MODULE_SYMBOL, sizeof **ret, &loaded, err);
    if (r == 0)
        *ret = loaded;
    return r;
}

int host_sign(const struct sco_sign_module **ret, struct sco_error *err)
{
    static const void *loaded;
    int r = loaded
                ? 0
                : sco_module_load("sign", NULL, SCO_SIGN_MODULE_SYMBOL, sizeof **ret, &loaded, err);
    if (r == 0)
        *ret = loaded;
    return r;
}

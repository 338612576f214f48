/* Helper libraries that only some jobs need: libxml2 and libcurl cost milliseconds to load. They
 * lie in lib/secureops beside the plugins' folder; where that is follows from where the worker is.
 */
#include "host_priv.h"

#include <secureops/fs.h>

#include <dlfcn.h>

/* A function of a helper library, loaded when first asked for. */
static int find_symbol(const char *name, const char *symbol, void **ret, struct sco_error *err)
{
    /* the build tree; an installation wherever it was moved to; the configured place */
    static const char *const places[] = {"../lib/secureops", SCO_MODULE_RELATIVE, SCO_MODULE_DIR};
    SCO_AUTO(sco_free) char *exe = sco_dir_exe();
    if (!exe)
        return sco_error_nomem(err);
    for (size_t i = 0; i < SCO_ARRAY_LEN(places); i++) {
        SCO_AUTO(sco_buf) struct sco_buf path = {0};
        if (places[i][0] == '/')
            sco_buf_addf(&path, "%s/%s.so", places[i], name);
        else
            sco_buf_addf(&path, "%s/%s/%s.so", exe, places[i], name);
        if (!sco_fs_is_file(sco_buf_z(&path)))
            continue;
        void *handle = dlopen(sco_buf_z(&path), RTLD_NOW | RTLD_LOCAL);
        void *found = handle ? dlsym(handle, symbol) : NULL;
        if (!found)
            return sco_error_set(err, SCO_E_UNSUPPORTED, "%s: %s", sco_buf_z(&path), dlerror());
        *ret = found;
        return 0;
    }
    return sco_error_set(err, SCO_E_UNSUPPORTED, "the module %s.so is not installed", name);
}

static int load_module(const char *name, const char *symbol, size_t size, const void **ret,
                       struct sco_error *err)
{
    const void *(*get)(void);
    void *found = NULL;
    int r = find_symbol(name, symbol, &found, err);
    if (r < 0)
        return r;
    memcpy(&get, &found, sizeof get); /* POSIX gives functions as void * */
    const void *m = get();
    uint32_t of_module = 0;
    if (m)
        memcpy(&of_module, m, sizeof of_module); /* struct_size is the first member */
    if (of_module != size)
        return sco_error_set(err, SCO_E_ABI, "%s.so is of another build", name);
    *ret = m;
    return 0;
}

int host_xml(const struct sco_xml_module **ret, struct sco_error *err)
{
    static const void *loaded;
    int r = loaded ? 0 : load_module("xml", SCO_XML_MODULE_SYMBOL, sizeof **ret, &loaded, err);
    if (r == 0)
        *ret = loaded;
    return r;
}

int host_http(const struct sco_http_module **ret, struct sco_error *err)
{
    static const void *loaded;
    int r = loaded ? 0 : load_module("http", SCO_HTTP_MODULE_SYMBOL, sizeof **ret, &loaded, err);
    if (r == 0)
        *ret = loaded;
    return r;
}

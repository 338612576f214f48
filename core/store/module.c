/* A driver is a library of its own, loaded when a store is opened: libpq and libsqlite3 would cost
 * every other command its time to start. */
#include "store_priv.h"

#include <secureops/fs.h>

#include <dlfcn.h>

static int load(const char *path, const struct sco_store_ops **ret, struct sco_error *err)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *found = handle ? dlsym(handle, STORE_MODULE_SYMBOL) : NULL;
    if (!found)
        return sco_error_set(err, SCO_E_UNSUPPORTED, "%s: %s", path, dlerror());
    store_module_fn get;
    memcpy(&get, &found, sizeof get); /* POSIX gives functions as void * */
    const struct sco_store_ops *ops = get();
    if (!ops || ops->struct_size != sizeof *ops)
        return sco_error_set(err, SCO_E_ABI, "%s is of another build", path);
    *ret = ops;
    return 0;
}

int store_module(const char *name, const char *dir, const struct sco_store_ops **ret,
                 struct sco_error *err)
{
    /* the build tree; an installation wherever it was moved to */
    static const char *const places[] = {"../lib/secureops", "../" SCO_INSTALL_LIBDIR "/secureops"};
    SCO_AUTO(sco_free) char *exe = sco_dir_exe();
    if (!exe)
        return sco_error_nomem(err);
    for (size_t i = 0; i < SCO_ARRAY_LEN(places); i++) {
        SCO_AUTO(sco_buf) struct sco_buf path = {0};
        if (dir)
            sco_buf_addf(&path, "%s/%s.so", dir, name);
        else
            sco_buf_addf(&path, "%s/%s/%s.so", exe, places[i], name);
        if (path.failed)
            return sco_error_nomem(err);
        if (sco_fs_is_file(sco_buf_z(&path)))
            return load(sco_buf_z(&path), ret, err);
    }
    return sco_error_set(
        err, SCO_E_UNSUPPORTED, "the driver %s.so is not installed beside secureops%s", name,
        strcmp(name, "store_postgresql") == 0 ? " (it is built where libpq's headers are)" : "");
}

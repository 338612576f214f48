/* Helper libraries: found beside the program, loaded, checked. */
#include <secureops/module.h>

#include <secureops/fs.h>

#include <dlfcn.h>

static int load(const char *path, const char *symbol, size_t size, const void **ret,
                struct sco_error *err)
{
    const void *(*get)(void);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *found = handle ? dlsym(handle, symbol) : NULL;
    if (!found)
        return sco_error_set(err, SCO_E_UNSUPPORTED, "%s: %s", path, dlerror());
    memcpy(&get, &found, sizeof get); /* POSIX gives functions as void * */
    const void *m = get();
    uint32_t of_module = 0;
    if (m)
        memcpy(&of_module, m, sizeof of_module);
    if (of_module != size)
        return sco_error_set(err, SCO_E_ABI, "%s is of another build", path);
    *ret = m;
    return 0;
}

int sco_module_load(const char *name, const char *dir, const char *symbol, size_t size,
                    const void **ret, struct sco_error *err)
{
    /* from bin/, from libexec/secureops/; the configured place */
    static const char *const places[] = {"../lib/secureops", SCO_MODULE_FROM_BIN,
                                         SCO_MODULE_FROM_LIBEXEC, SCO_MODULE_DIR};
    SCO_AUTO(sco_free) char *exe = sco_dir_exe();
    if (!exe)
        return sco_error_nomem(err);
    for (size_t i = 0; i < SCO_ARRAY_LEN(places); i++) {
        SCO_AUTO(sco_buf) struct sco_buf path = {0};
        if (dir)
            sco_buf_addf(&path, "%s/%s.so", dir, name);
        else if (places[i][0] == '/')
            sco_buf_addf(&path, "%s/%s.so", places[i], name);
        else
            sco_buf_addf(&path, "%s/%s/%s.so", exe, places[i], name);
        if (path.failed)
            return sco_error_nomem(err);
        if (sco_fs_is_file(sco_buf_z(&path)))
            return load(sco_buf_z(&path), symbol, size, ret, err);
    }
    return sco_error_set(err, SCO_E_UNSUPPORTED, "the module %s.so is not installed%s%s", name,
                         dir ? " in " : "", dir ? dir : "");
}

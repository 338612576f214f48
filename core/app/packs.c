#include <secureops/packs.h>

#include <secureops/fs.h>
#include <stdlib.h>

/* The same pack under two names is one. */
static int add(const char **v, size_t *n, const char *path, struct sco_arena *arena,
               struct sco_error *err)
{
    SCO_AUTO(sco_free) char *real = sco_fs_realpath(path, err);
    if (!real) {
        sco_error_prefix(err, "policies"); /* now, not after minutes of scanning */
        return err->code;
    }
    for (size_t i = 0; i < *n; i++)
        if (strcmp(v[i], real) == 0)
            return 0;
    const char *kept = sco_arena_cstr(arena, sco_str_c(real));
    if (!kept)
        return sco_error_nomem(err);
    v[(*n)++] = kept;
    return 0;
}

static int add_own(const char **v, size_t *n, struct sco_arena *arena, struct sco_error *err)
{
    static const char *const places[] = {"../share/secureops/policies",
                                         "../../share/secureops/policies"};
    SCO_AUTO(sco_free) char *exe = sco_dir_exe();
    if (!exe)
        return sco_error_nomem(err);
    for (size_t i = 0; i < SCO_ARRAY_LEN(places); i++) {
        const char *path = sco_arena_fmt(arena, "%s/%s", exe, places[i]);
        if (!path)
            return sco_error_nomem(err);
        if (sco_fs_is_dir(path))
            return add(v, n, path, arena, err);
    }
    return 0;
}

int packs_find(const struct sco_config *c, struct sco_arena *arena, const char ***ret,
               struct sco_error *err)
{
    const struct sco_str_list *more = &c->policies.dirs;
    const char **v = sco_arena_alloc(arena, (more->n + 2) * sizeof *v);
    size_t n = 0;
    if (!v)
        return sco_error_nomem(err);
    int r = add_own(v, &n, arena, err);
    for (size_t i = 0; i < more->n && r == 0; i++)
        r = add(v, &n, more->v[i].p, arena, err);
    if (r == 0 && c->policies.keys.n > 1)
        r = sco_error_set(err, SCO_E_INVALID,
                          "policies.keys names %zu files: put all keys into one",
                          c->policies.keys.n);
    if (r == 0)
        *ret = v;
    return r;
}

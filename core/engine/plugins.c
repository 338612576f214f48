/* What plugins there are: the plugin folders are listed here, everything else is asked of a worker,
 * which loads them. A plugin that kills its worker is named by the LOADING message before it, and
 * the rest is asked of another worker. Scanners described in YAML (descriptor.c) are in the same
 * folders and the same list; the plugin that all of them share is not. */
#include "engine_priv.h"

#include <dirent.h>
#include <errno.h>
#include <secureops/option.h>
#include <unistd.h>

enum { PLUGINS_MAX = 1000, DESCRIBE_TIMEOUT_MS = 20000 };

/* ---- listing ---- */
#define DESCRIBED "described.so" /* the plugin for described scanners */

static bool is_descriptor(const char *file)
{
    return sco_str_ends(sco_str_c(file), ".yaml");
}

static int is_plugin(const struct dirent *e)
{
    return e->d_name[0] != '.' &&
           (sco_str_ends(sco_str_c(e->d_name), ".so") || is_descriptor(e->d_name));
}

static const char *name_of_file(struct sco_arena *a, struct sco_str file)
{
    size_t ending = strlen(is_descriptor(file.p) ? ".yaml" : ".so");
    return sco_arena_cstr(a, sco_str_make(file.p, file.n - ending));
}

static int add_file(struct sco_plugins *p, const char *dir, const char *file, struct sco_error *err)
{
    struct sco_plugin_info info = {.path = sco_arena_fmt(&p->arena, "%s/%s", dir, file)};
    info.name = name_of_file(&p->arena, sco_str_c(file));
    info.library = info.path;
    if (!info.path || !info.name)
        return sco_error_nomem(err);
    if (strcmp(file, DESCRIBED) == 0) {
        p->described = p->described ? p->described : info.path;
        return 0;
    }
    if (plugins_find(p, info.name)) /* an earlier folder outranks a later one, .so outranks .yaml */
        return 0;
    if (p->n >= PLUGINS_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "%s: more than %d plugins", dir, PLUGINS_MAX);
    p->v[p->n++] = info;
    return 0;
}

static int list_dir(struct sco_plugins *p, const char *dir, struct sco_error *err)
{
    struct dirent **files = NULL;
    int n = scandir(dir, &files, is_plugin, alphasort), r = 0;
    if (n < 0)
        return sco_error_errno(err, errno, "plugin folder %s", dir);
    for (int i = 0; i < n; i++) {
        if (r == 0)
            r = add_file(p, dir, files[i]->d_name, err);
        free(files[i]);
    }
    free(files);
    return r;
}

/* ---- descriptions ---- */
static const char *const *texts(const struct sco_node *list, struct sco_arena *a)
{
    size_t n = 0;
    if (!sco_is(list, SCO_NODE_LIST))
        return NULL;
    const char **v = sco_arena_alloc(a, (list->n + 1u) * sizeof *v);
    SCO_EACH (c, list)
        if (v)
            v[n++] = sco_arena_cstr(a, sco_text(c));
    return v;
}

static const char *text(const struct sco_node *map, const char *key, struct sco_arena *a)
{
    struct sco_str s = sco_text(sco_get(map, key));
    return s.p ? sco_arena_cstr(a, s) : NULL;
}

static void take_scanner(struct sco_scanner *s, const struct sco_node *m, struct sco_arena *a)
{
    s->struct_size = sizeof *s;
    s->title = text(m, "title", a);
    s->homepage = text(m, "homepage", a);
    s->install = text(m, "install", a);
    s->targets = sco_target_bits(sco_get(m, "targets"));
    SCO_EACH (c, sco_get(m, "finds"))
        s->finds |= SCO_TYPE_BIT(sco_type_parse(sco_text(c)));
    s->programs = texts(sco_get(m, "programs"), a);
    s->version_args = texts(sco_get(m, "version_args"), a);
    s->detect = texts(sco_get(m, "detect"), a);
    s->timeout_s = (uint32_t)sco_int(sco_get(m, "timeout_s"), 0);
    s->max_parallel = (uint32_t)sco_int(sco_get(m, "max_parallel"), 0);
    s->flags |= sco_bool(sco_get(m, "network"), 0) ? SCO_SCANNER_NETWORK : 0;
    s->flags |= sco_bool(sco_get(m, "locks_cache"), 0) ? SCO_SCANNER_LOCKS_CACHE : 0;
    s->flags |= sco_bool(sco_get(m, "all_files"), 0) ? SCO_SCANNER_ALL_FILES : 0;
    s->flags |= sco_bool(sco_get(m, "explicit"), 0) ? SCO_SCANNER_EXPLICIT : 0;
}

/* ---- described scanners ---- */
static int take_descriptor(struct sco_plugins *p, struct sco_plugin_info *info,
                           struct sco_error *err)
{
    struct sco_str json = {0};
    const struct sco_node *root = NULL;
    int r = p->described ? descriptor_load(info->path, &p->arena, &json, err)
                         : sco_error_set(err, SCO_E_NOT_FOUND,
                                         "the plugin for described scanners, " DESCRIBED
                                         ", is in none of the plugin folders");
    if (r == 0)
        r = sco_json_parse(json, &p->arena, &root, err);
    if (r == 0)
        r = sco_options_read(NULL, &p->arena, &info->options, err);
    if (r < 0)
        return r;
    const struct sco_node *m = sco_get(root, "scanner");
    info->library = p->described;
    info->descriptor = json.p;
    info->kind = SCO_KIND_SCANNER;
    info->license = text(m, "license", &p->arena);
    info->summary = text(m, "summary", &p->arena);
    take_scanner(&info->scanner, m, &p->arena);
    info->scanner.timeout_s = (uint32_t)((sco_int(sco_get(m, "timeout"), 0) + 999) / 1000);
    return 0;
}

static int take_descriptors(struct sco_plugins *p, struct sco_error *err)
{
    for (size_t i = 0; i < p->n; i++) {
        struct sco_error own = {0};
        int r = is_descriptor(p->v[i].path) ? take_descriptor(p, &p->v[i], &own) : 0;
        if (r < 0 && r != SCO_E_NOMEM)
            p->v[i].error = sco_arena_cstr(&p->arena, sco_str_c(own.text));
        if (r == SCO_E_NOMEM || (r < 0 && !p->v[i].error))
            return sco_error_nomem(err);
    }
    return 0;
}

/* The next one from i on that a worker has to describe. */
static size_t next_unknown(const struct sco_plugins *p, size_t i)
{
    while (i < p->n && (p->v[i].error || p->v[i].descriptor))
        i++;
    return i;
}

/* ---- asking the worker ---- */
static struct sco_plugin_info *by_path(struct sco_plugins *p, struct sco_str path)
{
    for (size_t i = 0; i < p->n; i++)
        if (sco_str_is(path, p->v[i].path))
            return &p->v[i];
    return NULL;
}

struct describing {
    struct sco_engine *e;
    struct sco_plugin_info *loading;
    size_t n_known; /* plugins before this one have been answered for */
    bool ended;
    struct sco_error err;
};

static void take_description(struct describing *d, const struct sco_node *m)
{
    struct sco_plugins *p = &d->e->plugins;
    struct sco_plugin_info *info = by_path(p, sco_text(sco_get(m, "path")));
    if (!info)
        return;
    d->n_known = (size_t)(info - p->v) + 1;
    d->loading = NULL;
    info->error = text(m, "error", &p->arena);
    if (info->error)
        return;
    const char *name = text(m, "name", &p->arena);
    if (!name || strcmp(name, info->name) != 0) {
        info->error =
            sco_arena_fmt(&p->arena, "the plugin calls itself \"%s\", its file must be %s.so",
                          name ? name : "", name ? name : "NAME");
        return;
    }
    info->version = text(m, "version", &p->arena);
    info->license = text(m, "license", &p->arena);
    info->summary = text(m, "summary", &p->arena);
    info->kind = sco_str_is(sco_text(sco_get(m, "kind")), "ci") ? SCO_KIND_CI : SCO_KIND_SCANNER;
    if (sco_options_read(sco_get(m, "options"), &p->arena, &info->options, &d->err) < 0) {
        info->error = sco_arena_cstr(&p->arena, sco_str_c(d->err.text));
        return;
    }
    info->n_options = sco_options_count(info->options);
    take_scanner(&info->scanner, sco_get(m, "scanner"), &p->arena);
    const struct sco_node *ci = sco_get(m, "ci");
    info->ci = (struct sco_ci_info){.title = text(ci, "title", &p->arena),
                                    .homepage = text(ci, "homepage", &p->arena),
                                    .operations = texts(sco_get(ci, "operations"), &p->arena)};
}

static void on_frame(struct job *j, enum sco_msg type, struct sco_str payload, void *user)
{
    struct describing *d = user;
    const struct sco_node *m = NULL;
    (void)j;
    if (type != SCO_MSG_DESCRIBE && type != SCO_MSG_LOADING && type != SCO_MSG_HELLO)
        return;
    if (sco_json_parse(payload, &d->e->plugins.arena, &m, NULL) < 0)
        return;
    if (type == SCO_MSG_HELLO) {
        d->e->sandbox = text(m, "sandbox", &d->e->plugins.arena);
        return;
    }
    if (type == SCO_MSG_LOADING)
        d->loading = by_path(&d->e->plugins, sco_text(sco_get(m, "path")));
    else
        take_description(d, m);
}

static void on_end(struct job *j, void *user)
{
    struct describing *d = user;
    struct sco_plugins *p = &d->e->plugins;
    d->ended = true;
    d->n_known = next_unknown(p, d->n_known);
    if (j->status == SCO_RUN_STATUS_COMPLETED && d->n_known == p->n)
        return;
    /* The one that was being loaded, or the next one, gets the blame; it is not tried again. */
    struct sco_plugin_info *guilty = d->loading          ? d->loading
                                     : d->n_known < p->n ? &p->v[d->n_known]
                                                         : NULL;
    if (!guilty)
        return;
    guilty->error = sco_arena_fmt(&p->arena, "cannot be loaded: %s", j->reason ? j->reason : "");
    d->n_known = (size_t)(guilty - p->v) + 1;
}

static int describe_rest(struct describing *d, struct sco_error *err)
{
    struct sco_plugins *p = &d->e->plugins;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "kind", "describe");
    sco_json_key(&o, "plugins");
    sco_json_begin(&o, '[');
    for (size_t i = d->n_known; i < p->n; i = next_unknown(p, i + 1))
        sco_json_str(&o, sco_str_c(p->v[i].path));
    sco_json_end(&o, ']');
    sco_json_end(&o, '}');
    if (b.failed)
        return sco_error_nomem(err);
    struct job_spec spec = {.message = sco_buf_str(&b),
                            .timeout_ms = DESCRIBE_TIMEOUT_MS,
                            .frame = on_frame,
                            .end = on_end,
                            .user = d};
    d->ended = false;
    d->loading = NULL;
    return engine_run_job(d->e, &spec, &d->ended, err);
}

/* Nobody who asks for scanners is to meet the others. The order stays within each kind. */
static int move_ci_behind(struct sco_plugins *p, struct sco_error *err)
{
    size_t n = 0, n_ci = 0;
    struct sco_plugin_info *ci = sco_arena_alloc(&p->arena, (p->n + 1) * sizeof *ci);
    if (!ci)
        return sco_error_nomem(err);
    for (size_t i = 0; i < p->n; i++) {
        if (p->v[i].kind == SCO_KIND_CI && !p->v[i].error)
            ci[n_ci++] = p->v[i];
        else
            p->v[n++] = p->v[i];
    }
    if (n_ci)
        memcpy(p->v + n, ci, n_ci * sizeof *ci);
    p->n = n;
    p->n_ci = n_ci;
    return 0;
}

static void find_programs(struct sco_engine *e)
{
    struct sco_plugins *p = &e->plugins;
    for (size_t i = 0; i < p->n; i++) {
        const char *const *name = p->v[i].scanner.programs;
        for (; name && *name && !p->v[i].program; name++) {
            SCO_AUTO(sco_free) char *path = sco_fs_find_program(*name, e->o.tools_path);
            if (path)
                p->v[i].program = sco_arena_cstr(&p->arena, sco_str_c(path));
        }
    }
}

int sco_engine_plugins(struct sco_engine *e, const struct sco_plugins **ret, struct sco_error *err)
{
    struct sco_plugins *p = &e->plugins;
    if (!e->plugins_known) {
        p->v = sco_arena_alloc(&p->arena, PLUGINS_MAX * sizeof *p->v);
        if (!p->v)
            return sco_error_nomem(err);
        int r = 0;
        for (const char *const *dir = e->o.plugin_dirs; dir && *dir && r == 0; dir++)
            r = list_dir(p, *dir, err);
        if (r == 0 && !p->n)
            r = sco_error_set(err, SCO_E_NOT_FOUND,
                              "there are no plugins: the installation is incomplete");
        if (r == 0)
            r = take_descriptors(p, err);
        struct describing d = {.e = e};
        while (r == 0 && (d.n_known = next_unknown(p, d.n_known)) < p->n)
            r = describe_rest(&d, err);
        if (r == 0)
            r = move_ci_behind(p, err);
        if (r < 0)
            return r;
        find_programs(e);
        e->plugins_known = true;
    }
    *ret = p;
    return 0;
}

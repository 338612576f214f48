/* Requests to the plugin `policies`: which packs, which policies, which files. */
#include "engine_priv.h"

/* ---- files ---- */
struct collecting {
    struct policy_files *files;
    const struct sco_plugin_info *plugin;
    const struct sco_target *target;
    const char *prefix; /* of reported names: "", or "deploy/" */
};

static bool is_wanted(const struct sco_plugin_info *p, struct sco_str path)
{
    const char *const *g = p->scanner.detect;
    while (g && *g && !sco_glob_match_file(*g, path))
        g++;
    return !g || *g;
}

static int add(struct policy_files *f, const char *path, const char *name, bool explicit)
{
    if (!path || !name || SCO_VEC_PUSH(f->v, f->n, f->cap) < 0)
        return SCO_E_NOMEM;
    f->v[f->n++] = (struct policy_file){.path = path, .name = name, .explicit = explicit};
    return 0;
}

static int on_file(void *user, struct sco_str path)
{
    struct collecting *c = user;
    struct sco_arena *a = &c->files->arena;
    if (!is_wanted(c->plugin, path))
        return 0;
    return add(c->files, sco_arena_fmt(a, "%s/%.*s", c->target->path, SCO_STR_ARG(path)),
               sco_arena_fmt(a, "%s%.*s", c->prefix, SCO_STR_ARG(path)), false);
}

/* As given, but without "./" and doubled slashes: what a person would write. */
static const char *clean_name(struct sco_arena *a, const char *given)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    if (*given == '/' || sco_str_starts(sco_str_c(given), "../"))
        return given;
    sco_path_normalize(&b, sco_str_c(given));
    return b.failed ? NULL : sco_arena_cstr(a, sco_buf_str(&b));
}

static int walk(struct sco_engine *e, struct collecting *c, struct sco_target *t,
                struct sco_error *err)
{
    struct sco_arena *a = &c->files->arena;
    struct tree_options o = {
        .include_ignored = e->o.include_ignored, .excludes = e->o.excludes, .stop = &e->cancels};
    const char *name = clean_name(a, t->given);
    size_t n = name ? strlen(name) : 0;
    c->target = t;
    c->prefix = !name                     ? NULL
                : strcmp(name, ".") == 0  ? ""
                : n && name[n - 1] == '/' ? name
                                          : sco_arena_fmt(a, "%s/", name);
    int r = c->prefix ? tree_walk(t, &o, a, on_file, c, err) : SCO_E_NOMEM;
    sco_map_done(&t->excluded);
    if (t->cut && !c->files->cut)
        c->files->cut = sco_arena_fmt(a, "%s: %s", t->given, t->cut);
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

int policy_files_collect(struct sco_engine *e, const struct sco_plugin_info *p,
                         const char *const *paths, struct policy_files *ret, struct sco_error *err)
{
    struct collecting c = {.files = ret, .plugin = p};
    for (; *paths; paths++) {
        struct sco_target t = {0};
        int r = target_resolve(*paths, &ret->arena, &t, err);
        if (r < 0)
            return r;
        if (t.kinds & (SCO_TARGET_URL | SCO_TARGET_IMAGE) && !(t.kinds & SCO_TARGET_FILE))
            return sco_error_set(err, SCO_E_INVALID, "%s: policies judge files and folders",
                                 *paths);
        if (t.kinds & SCO_TARGET_DIRECTORY)
            r = walk(e, &c, &t, err);
        else if (add(ret, t.path, clean_name(&ret->arena, *paths), true) < 0)
            r = sco_error_nomem(err);
        if (r < 0)
            return r;
    }
    return 0;
}

void policy_files_done(struct policy_files *f)
{
    free(f->v);
    sco_arena_done(&f->arena);
    *f = (struct policy_files){0};
}

/* ---- the request ---- */
static void add_list(struct sco_json_out *o, const char *key, const char *const *list)
{
    sco_json_key(o, key);
    sco_json_begin(o, '[');
    for (; list && *list; list++)
        sco_json_str(o, sco_str_c(*list));
    sco_json_end(o, ']');
}

static void add_files(struct sco_json_out *o, const struct policy_part *part)
{
    sco_json_key(o, "files");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < part->n_files; i++) {
        sco_json_begin(o, '{');
        sco_json_kz(o, "path", part->files[i].path);
        sco_json_kz(o, "name", part->files[i].name);
        if (part->files[i].explicit)
            sco_json_kbool(o, "explicit", true);
        sco_json_end(o, '}');
    }
    sco_json_end(o, ']');
}

int policy_request_write(const struct sco_engine *e, const struct sco_policy_request *q,
                         const struct policy_part *part, struct sco_buf *out, struct sco_error *err)
{
    struct sco_json_out o = {.b = out};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "command", q->command);
    add_list(&o, "bundles", q->bundles ? q->bundles : e->o.policy_dirs);
    sco_json_kz(&o, "public_keys", e->o.policy_keys);
    add_list(&o, "policies", q->policies);
    add_list(&o, "frameworks", q->frameworks);
    add_list(&o, "skip", q->skip);
    sco_json_kbool(&o, "trace", q->trace);
    sco_json_kbool(&o, "coverage", q->coverage);
    if (part && part->files)
        add_files(&o, part);
    if (part) {
        sco_json_kz(&o, "input", part->input);
        sco_json_kz(&o, "scope", part->scope);
    }
    sco_json_end(&o, '}');
    return sco_buf_check(out, err);
}

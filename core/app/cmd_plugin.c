/* secureops plugin list | info NAME | new NAME. */
#include "cli_priv.h"
#include "plugin_new_priv.h"

static void add_name(struct sco_buf *b, const char *name)
{
    sco_buf_addf(b, "%s%s", b->n ? "," : "", name);
}

static void add_types(struct sco_buf *b, uint32_t bits)
{
    for (uint32_t t = SCO_TYPE_SAST; t < SCO_TYPE_MAX_; t++)
        if (bits & SCO_TYPE_BIT(t))
            add_name(b, sco_type_name(t));
}

static void add_targets(struct sco_buf *b, uint32_t bits)
{
    for (uint32_t kind = 1; sco_target_name(kind); kind <<= 1)
        if (bits & kind)
            add_name(b, sco_target_name(kind));
}

static void write_ci(struct sco_json_out *o, const struct sco_ci_info *c)
{
    sco_json_kz(o, "title", c->title);
    sco_json_kz(o, "homepage", c->homepage);
    sco_json_key(o, "operations");
    sco_json_begin(o, '[');
    for (const char *const *op = c->operations; op && *op; op++)
        sco_json_str(o, sco_str_c(*op));
    sco_json_end(o, ']');
}

static void write_json(struct sco_json_out *o, const struct sco_plugin_info *p)
{
    SCO_AUTO(sco_buf) struct sco_buf finds = {0}, targets = {0};
    sco_json_begin(o, '{');
    sco_json_kz(o, "name", p->name);
    sco_json_kz(o, "path", p->path);
    sco_json_kz(o, "error", p->error);
    sco_json_kz(o, "version", p->version);
    sco_json_kz(o, "license", p->license);
    sco_json_kz(o, "summary", p->summary);
    if (!p->error) {
        sco_json_kz(o, "kind", p->kind == SCO_KIND_CI ? "ci" : "scanner");
        if (p->kind == SCO_KIND_CI) {
            write_ci(o, &p->ci);
        } else {
            sco_json_kz(o, "title", p->scanner.title);
            sco_json_kz(o, "homepage", p->scanner.homepage);
            add_types(&finds, p->scanner.finds);
            add_targets(&targets, p->scanner.targets);
            sco_json_kz(o, "finds", sco_buf_z(&finds));
            sco_json_kz(o, "targets", sco_buf_z(&targets));
            sco_json_kz(o, "program", p->program);
            sco_json_kz(o, "install", p->scanner.install);
        }
        sco_json_key(o, "options");
        sco_options_write(p->options, o);
    }
    sco_json_end(o, '}');
}

static int list(const struct sco_plugins *p, bool json)
{
    if (json) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        struct sco_json_out o = {.b = &b, .pretty = true};
        sco_json_begin(&o, '{');
        sco_json_key(&o, "plugins");
        sco_json_begin(&o, '[');
        for (size_t i = 0; i < p->n + p->n_ci; i++)
            write_json(&o, &p->v[i]);
        sco_json_end(&o, ']');
        sco_json_end(&o, '}');
        printf("%s\n", sco_buf_z(&b));
        return EXIT_PASSED;
    }
    printf("%-18s %-8s %-14s %-10s %s\n", "PLUGIN", "VERSION", "FINDS", "PROGRAM", "SUMMARY");
    for (size_t i = 0; i < p->n + p->n_ci; i++) {
        const struct sco_plugin_info *x = &p->v[i];
        SCO_AUTO(sco_buf) struct sco_buf finds = {0}, text = {0};
        add_types(&finds, x->scanner.finds);
        if (x->kind == SCO_KIND_CI && !x->error)
            sco_buf_addz(&finds, "(CI platform)");
        if (x->error)
            sco_buf_addz(&text, "cannot be used: ");
        sco_buf_add_printable(&text, sco_str_c(x->error ? x->error : x->summary ? x->summary : ""));
        const char *program = x->error               ? "-"
                              : !x->scanner.programs ? "none"
                              : x->program           ? "found"
                                                     : "missing";
        printf("%-18s %-8s %-14s %-10s %s\n", x->name, x->version ? x->version : "-",
               sco_buf_z(&finds), program, sco_buf_z(&text));
    }
    return EXIT_PASSED;
}

static void print_ci(const struct sco_plugin_info *x)
{
    SCO_AUTO(sco_buf) struct sco_buf can = {0}, table = {0};
    const char *const *op = x->ci.operations;
    for (; op && *op; op++)
        sco_buf_addf(&can, "%s%s", can.n ? " " : "", *op);
    sco_options_markdown(x->options, &table);
    printf("plugin    %s\nlicense   %s\nhomepage  %s\nplatform  %s\ncan       %s\n", x->path,
           x->license ? x->license : "-", x->ci.homepage ? x->ci.homepage : "-",
           x->ci.title ? x->ci.title : x->name, can.n ? sco_buf_z(&can) : "nothing");
    printf("\nOptions (integrations.%s in the configuration):\n\n%s", x->name, sco_buf_z(&table));
}

static void print_scanner(const struct sco_plugin_info *x)
{
    SCO_AUTO(sco_buf) struct sco_buf finds = {0}, targets = {0}, table = {0};
    const struct sco_scanner *s = &x->scanner;
    add_types(&finds, s->finds);
    add_targets(&targets, s->targets);
    printf("plugin    %s\nlicense   %s\nhomepage  %s\nfinds     %s\ntargets   %s\n", x->path,
           x->license ? x->license : "-", s->homepage ? s->homepage : "-", sco_buf_z(&finds),
           sco_buf_z(&targets));
    if (s->programs)
        printf("program   %s\n", x->program ? x->program : "not found");
    if (s->programs && !x->program && s->install)
        printf("install   %s\n", s->install);
    printf("looks at  ");
    for (const char *const *g = s->detect; g && *g; g++)
        printf("%s%s", g == s->detect ? "" : " ", *g);
    printf("%s\n", s->detect ? "" : "everything");
    sco_options_markdown(x->options, &table);
    printf("\nOptions (scanners.%s in the configuration):\n\n%s", x->name, sco_buf_z(&table));
}

static void print_info(const struct sco_plugin_info *x)
{
    printf("%s%s%s: %s\n\n", x->name, x->version ? " " : "", x->version ? x->version : "",
           x->summary ? x->summary : "");
    if (x->kind == SCO_KIND_CI)
        print_ci(x);
    else
        print_scanner(x);
}

static int info(const struct sco_plugins *p, const char *name, bool json)
{
    struct sco_error err;
    const char *names[256];
    size_t n = 0;
    for (size_t i = 0; i < p->n + p->n_ci; i++) {
        if (n < SCO_ARRAY_LEN(names))
            names[n++] = p->v[i].name;
        if (strcmp(p->v[i].name, name) != 0)
            continue;
        if (json) {
            SCO_AUTO(sco_buf) struct sco_buf b = {0};
            struct sco_json_out o = {.b = &b, .pretty = true};
            write_json(&o, &p->v[i]);
            printf("%s\n", sco_buf_z(&b));
        } else if (p->v[i].error) {
            sco_error_set(&err, SCO_E_ABI, "%s cannot be used: %s", p->v[i].path, p->v[i].error);
            context_fail(&err);
            return EXIT_INCOMPLETE;
        } else
            print_info(&p->v[i]);
        return EXIT_PASSED;
    }
    const char *near = sco_str_nearest(sco_str_c(name), names, n);
    sco_error_set(&err, SCO_E_NOT_FOUND, "there is no plugin \"%s\"%s%s%s", name,
                  near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return context_fail(&err);
}

/* ---- new ---- */
static const char *find_template(struct cli *c, bool ci)
{
    static const char *const places[] = {"../share/secureops/plugin-template",
                                         "../../core/app/plugin_new/template", NULL};
    for (const char *const *p = places; *p; p++) {
        char *dir = sco_dir_exe();
        const char *path =
            dir ? sco_arena_fmt(&c->arena, "%s/%s%s", dir, *p, ci ? "-ci" : "") : NULL;
        free(dir);
        if (path && sco_fs_is_dir(path))
            return path;
    }
    /* the build tree was put elsewhere than below the source */
    return ci ? SCO_SOURCE_TEMPLATE "-ci" : SCO_SOURCE_TEMPLATE;
}

static int make_new(struct cli *c, const char *name)
{
    struct sco_error err = {0};
    const char *dest = args_has(c, ARG_TO) ? c->values[ARG_TO] : name;
    const char *kind = args_has(c, ARG_KIND) ? c->values[ARG_KIND] : "scanner";
    bool ci = strcmp(kind, "ci") == 0;
    if (!ci && strcmp(kind, "scanner") != 0) {
        sco_error_set(&err, SCO_E_INVALID, "--kind wants scanner or ci");
        return context_fail(&err);
    }
    if (sco_plugin_new(find_template(c, ci), name, dest, &err) < 0)
        return context_fail(&err);
    SCO_AUTO(sco_free) char *exe = sco_dir_exe();
    const char *slash = exe ? strrchr(exe, '/') : NULL; /* the SDK is beside bin/ */
    printf("%s is a working plugin. Build and test it:\n\n"
           "  cmake -S %s -B %s/build -DCMAKE_PREFIX_PATH=%.*s\n"
           "  cmake --build %s/build && ctest --test-dir %s/build\n\n"
           "then show it to secureops: secureops plugin list --plugins %s/build/plugins\n",
           dest, dest, dest, slash ? (int)(slash - exe) : 0, exe ? exe : "", dest, dest, dest);
    return EXIT_PASSED;
}

int cmd_plugin(struct cli *c)
{
    const char *what = c->n_operands ? c->operands[0] : "";
    const char *name = c->n_operands > 1 ? c->operands[1] : NULL;
    struct sco_error err = {0};
    bool takes_name = strcmp(what, "info") == 0 || strcmp(what, "new") == 0;
    if ((!takes_name && strcmp(what, "list") != 0) || takes_name != (name != NULL) ||
        c->n_operands > 2) {
        sco_error_set(&err, SCO_E_INVALID,
                      "usage: secureops plugin list | plugin info NAME | plugin new NAME");
        return context_fail(&err);
    }
    if (strcmp(what, "new") == 0)
        return make_new(c, name);
    const struct sco_plugins *plugins = NULL;
    bool json = false;
    int r = args_want_json(c, &json, &err);
    if (r == 0)
        r = context_plugins(c, &plugins, &err);
    if (r < 0 || !plugins)
        return context_fail(&err);
    return name ? info(plugins, name, json) : list(plugins, json);
}

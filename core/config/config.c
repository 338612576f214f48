/* Builds the snapshot: reads the layers, checks each section against its table, derives the values
 * that are not plain options. Everything of a snapshot lives in its arena. */
#include <secureops/config.h>
#include <secureops/fs.h>
#include "config_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { THRESHOLDS_MAX = 1000 };

static const char local_file[] = "secureops.yaml";

/* ---- layers ---- */
static int add_layer(struct sco_config_impl *c, const char *file, struct sco_str text,
                     bool untrusted, struct sco_error *err)
{
    struct layer *l = &c->layers[c->n_layers];
    l->file = sco_arena_cstr(&c->arena, sco_str_c(file));
    l->untrusted = untrusted;
    if (!l->file)
        return sco_error_nomem(err);
    int r = text.p ? sco_yaml_parse(text, l->file, SCO_YAML_MERGE, &c->arena, &l->root, err)
                   : sco_yaml_load(l->file, SCO_YAML_MERGE, &c->arena, &l->root, err);
    if (r < 0)
        return r;
    c->n_layers++;
    return 0;
}

static int user_layer(struct sco_config_impl *c, struct sco_error *err)
{
    SCO_AUTO(sco_free) char *dir = sco_dir_config();
    if (!dir)
        return sco_error_nomem(err);
    const char *file = sco_arena_fmt(&c->arena, "%s/config.yaml", dir);
    if (!file)
        return sco_error_nomem(err);
    if (access(file, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    return add_layer(c, file, (struct sco_str){NULL, 0}, false, err);
}

/* Only a name that nothing has is "no file": one that cannot be read must not pass for defaults. */
static int local_layer(struct sco_config_impl *c, struct sco_error *err)
{
    if (access(local_file, F_OK) == 0 || errno != ENOENT)
        return add_layer(c, local_file, (struct sco_str){NULL, 0}, true, err);
    if (access("secureops.yml", F_OK) == 0)
        sco_warn(&c->warnings, "secureops.yml is not read, the name is %s", local_file);
    return 0;
}

static int read_layers(struct sco_config_impl *c, const struct sco_config_input *in,
                       struct sco_error *err)
{
    if (in->text.p)
        return add_layer(c, in->file ? in->file : "configuration", in->text, false, err);
    int r = in->no_user_file ? 0 : user_layer(c, err);
    if (r < 0)
        return r;
    if (in->file)
        return add_layer(c, in->file, (struct sco_str){NULL, 0}, false, err);
    return in->no_local_file ? 0 : local_layer(c, err);
}

static int copy_env(struct sco_config_impl *c, const char *const *env, struct sco_error *err)
{
    size_t n = 0, k = 0;
    for (const char *const *e = env; e && *e; e++)
        n += strncmp(*e, "SECUREOPS_", 10) == 0;
    c->env = sco_arena_alloc(&c->arena, (n + 1) * sizeof *c->env);
    if (!c->env)
        return sco_error_nomem(err);
    for (const char *const *e = env; e && *e; e++) {
        if (strncmp(*e, "SECUREOPS_", 10) != 0)
            continue;
        c->env[k] = sco_arena_cstr(&c->arena, sco_str_c(*e));
        if (!c->env[k++])
            return sco_error_nomem(err);
    }
    return 0;
}

static int copy_overrides(struct sco_config_impl *c, const struct sco_config_input *in,
                          struct sco_error *err)
{
    struct sco_config_override *v = sco_arena_alloc(&c->arena, (in->n_overrides + 1) * sizeof *v);
    if (!v)
        return sco_error_nomem(err);
    for (size_t i = 0; i < in->n_overrides; i++) {
        const struct sco_config_override *from = &in->overrides[i];
        v[i].path = sco_arena_cstr(&c->arena, sco_str_c(from->path));
        v[i].value = sco_arena_cstr(&c->arena, sco_str_c(from->value));
        v[i].origin = sco_arena_cstr(&c->arena, sco_str_c(from->origin));
        v[i].add = from->add;
        if (!v[i].path || !v[i].value || !v[i].origin)
            return sco_error_nomem(err);
    }
    c->overrides = v;
    c->n_overrides = in->n_overrides;
    return 0;
}

/* ---- environment ---- */
const char *config_env_name(struct sco_arena *arena, const char *section, const char *name)
{
    char *z = sco_arena_fmt(arena, "SECUREOPS_%s%s%s", section, *section ? "_" : "", name);
    for (char *p = z; p && *p; p++) {
        if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - 32);
        else if (*p == '-' || *p == '.')
            *p = '_';
    }
    return z;
}

struct sco_str config_env_get(const struct sco_config_impl *c, const char *name)
{
    size_t n = strlen(name);
    for (const char **e = c->env; *e; e++)
        if (strncmp(*e, name, n) == 0 && (*e)[n] == '=' && (*e)[n + 1])
            return sco_str_c(*e + n + 1);
    return sco_str_make(NULL, 0);
}

static int take_env(struct sco_config_impl *c, size_t id, struct sco_error *err)
{
    const struct section *s = &config_sections[id];
    for (const struct sco_option *o = s->table; o->name; o++) {
        const char *name = config_env_name(&c->arena, s->name, o->name);
        if (!name)
            return sco_error_nomem(err);
        struct sco_str value = config_env_get(c, name);
        int r = value.p ? sco_values_set(&c->values[id], sco_str_c(o->name), value, name,
                                         SCO_VALUES_SECRET_ENV, err)
                        : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

/* SECUREOPS_SCAN_JBOS would be ignored in silence. Other names may belong to other programs. */
static void warn_env(struct sco_config_impl *c, size_t id)
{
    const struct section *s = &config_sections[id];
    const char *prefix = config_env_name(&c->arena, s->name, "");
    size_t n = prefix ? strlen(prefix) : 0;
    for (const char **e = c->env; prefix && *e; e++) {
        if (strncmp(*e, prefix, n) != 0)
            continue;
        bool known = false;
        size_t len = strcspn(*e, "=");
        for (const struct sco_option *o = s->table; o->name && !known; o++) {
            const char *name = config_env_name(&c->arena, s->name, o->name);
            known = name && strlen(name) == len && strncmp(*e, name, len) == 0;
        }
        if (!known)
            sco_warn(&c->warnings, "%.*s is no option of section %s, ignoring", (int)len, *e,
                     s->name);
    }
}

/* ---- sections ---- */
/* Folders of a file start at the folder of the file, all others at the current one. */
static int absolute_list(struct sco_config_impl *c, struct sco_str_list *list, const char *file,
                         struct sco_error *err)
{
    const char *slash = file ? strrchr(file, '/') : NULL;
    const char *dir = slash ? sco_arena_fmt(&c->arena, "%.*s/", (int)(slash - file), file) : ".";
    SCO_AUTO(sco_free) char *base = dir ? sco_fs_realpath(dir, NULL) : NULL;
    if (!base && !(base = sco_strdup(sco_str_c("."))))
        return sco_error_nomem(err);
    struct sco_str *v = sco_arena_alloc(&c->arena, (list->n + 1) * sizeof *v);
    if (!v)
        return sco_error_nomem(err);
    for (size_t i = 0; i < list->n; i++) {
        const char *item = list->v[i].p, *home = getenv("HOME"), *full = item;
        if (strncmp(item, "~/", 2) == 0 && home && *home)
            full = sco_arena_fmt(&c->arena, "%s%s", home, item + 1);
        else if (*item != '/')
            full = sco_arena_fmt(&c->arena, "%s/%s", base, item);
        if (!full)
            return sco_error_nomem(err);
        v[i] = sco_str_c(full);
    }
    list->v = v;
    return 0;
}

/* The sections that hold nothing but lists of paths. */
static int absolute_paths(struct sco_config_impl *c, const char *file, struct sco_error *err)
{
    static const enum section_id sections[] = {SECTION_TOOLS, SECTION_POLICIES};
    int r = 0;
    for (size_t k = 0; k < SCO_ARRAY_LEN(sections); k++) {
        struct sco_values *v = &c->values[sections[k]];
        for (size_t i = 0; i < v->n && r == 0; i++)
            r = absolute_list(c, &v->v[i].list, file, err);
    }
    return r;
}

/* What an untrusted file may not do as a whole; secret options are refused one by one. */
static int check_trust(const struct layer *l, struct sco_error *err)
{
    if (!l->untrusted)
        return 0;
    const struct sco_yaml *scan = sco_yaml_get(l->root, SCO_STR("scan"));
    const struct sco_yaml *sandbox = sco_yaml_get(scan, SCO_STR("sandbox"));
    if (sandbox)
        return sco_yaml_error(err, SCO_E_PERMISSION, l->file, sandbox->key,
                              "scan.sandbox: " CONFIG_UNTRUSTED_HINT);
    for (size_t i = 0; i < SECTION_MAX_; i++) {
        const struct section *s = &config_sections[i];
        const struct sco_yaml *v = sco_yaml_get(l->root, sco_str_c(s->name));
        if (s->trusted_only && v && !sco_yaml_is_null(v))
            return sco_yaml_error(err, SCO_E_PERMISSION, l->file, v->key,
                                  "%s: " CONFIG_UNTRUSTED_HINT, s->name);
    }
    return 0;
}

static int take_layer(struct sco_config_impl *c, const struct layer *l, struct sco_error *err)
{
    uint32_t flags = l->untrusted ? SCO_VALUES_UNTRUSTED : 0;
    int r = check_trust(l, err);
    if (r == 0)
        r = sco_values_yaml(&c->values[SECTION_TOP], l->root, l->file, flags, err);
    for (size_t i = SECTION_TOP + 1; i < SECTION_MAX_ && r == 0; i++)
        r = sco_values_yaml(&c->values[i],
                            sco_yaml_get(l->root, sco_str_c(config_sections[i].name)), l->file,
                            flags, err);
    return r == 0 ? absolute_paths(c, l->file, err) : r;
}

static bool is_section(struct sco_str name)
{
    bool found = sco_str_is(name, "scanners") || sco_str_is(name, "integrations");
    for (size_t i = SECTION_TOP + 1; i < SECTION_MAX_ && !found; i++)
        found = sco_str_is(name, config_sections[i].name);
    return found;
}

static int unknown_section(const struct sco_config_override *o, struct sco_error *err)
{
    const char *names[SECTION_MAX_ + 2] = {"scanners"};
    for (size_t i = SECTION_TOP + 1; i < SECTION_MAX_; i++)
        names[i] = config_sections[i].name;
    names[SECTION_MAX_] = "integrations";
    size_t n = strcspn(o->path, ".");
    const char *nearest = sco_str_nearest(sco_str_make(o->path, n), names, SECTION_MAX_ + 1);
    return sco_error_set(err, SCO_E_NOT_FOUND, "%s: unknown section %.*s%s%s%s", o->origin, (int)n,
                         o->path, nearest ? "; did you mean " : "", nearest ? nearest : "",
                         nearest ? "?" : "");
}

static int take_override(struct sco_config_impl *c, const struct sco_config_override *o,
                         struct sco_error *err)
{
    const char *dot = strchr(o->path, '.');
    uint32_t flags = o->add ? SCO_VALUES_APPEND : 0;
    struct sco_str section = sco_str_make(o->path, dot ? (size_t)(dot - o->path) : 0);
    struct sco_str name = sco_str_c(dot ? dot + 1 : o->path);
    if (sco_str_is(section, "scanners") || sco_str_is(section, "integrations"))
        return 0; /* scanner.c, integrations.c */
    if (!dot && is_section(name))
        return sco_error_set(err, SCO_E_INVALID, "%s: %s is a section, write %s.NAME", o->origin,
                             o->path, o->path);
    for (size_t i = 0; i < SECTION_MAX_; i++)
        if (sco_str_is(section, config_sections[i].name))
            return sco_values_set(&c->values[i], name, sco_str_c(o->value), o->origin, flags, err);
    return unknown_section(o, err);
}

/* ---- derived values ---- */
static int take_threshold(struct sco_config_impl *c, const struct layer *l,
                          const struct sco_yaml *item, size_t i, struct sco_config_threshold *ret,
                          struct sco_error *err)
{
    struct sco_values v = {0};
    struct threshold_text text;
    const char *path = sco_arena_fmt(&c->arena, "gate.thresholds[%zu]", i);
    if (!path)
        return sco_error_nomem(err);
    int r = sco_values_init(&v, config_threshold_table, path, &c->arena, &c->warnings, err);
    if (r == 0)
        r = sco_values_yaml(&v, item, l->file, 0, err);
    if (r == 0 && (r = sco_values_finish(&v, err)) < 0) {
        sco_error_prefix(err, "%s:%u:%u", l->file, item->line, item->column);
        return r;
    }
    if (r < 0)
        return r;
    sco_values_fill(&v, &text);
    ret->type = config_word_index(config_threshold_table[0].values, text.type);
    ret->severity = config_word_index(config_threshold_table[1].values, text.severity) + 1;
    ret->max = (uint64_t)text.max;
    return 0;
}

static int take_thresholds(struct sco_config_impl *c, const struct layer *l, struct sco_error *err)
{
    const struct sco_yaml *gate = sco_yaml_get(l->root, SCO_STR("gate"));
    const struct sco_yaml *list = sco_yaml_get(gate, SCO_STR("thresholds"));
    if (!list)
        return 0;
    bool empty = sco_yaml_is_null(list);
    if (list->kind != SCO_YAML_LIST && !empty)
        return sco_yaml_error(err, SCO_E_INVALID, l->file, list,
                              "gate.thresholds: expected a list of maps, got %s",
                              sco_yaml_kind_name(list));
    if (list->n > THRESHOLDS_MAX)
        return sco_yaml_error(err, SCO_E_LIMIT, l->file, list, "more than %d thresholds",
                              THRESHOLDS_MAX);
    struct sco_config_threshold *v = sco_arena_alloc(&c->arena, (list->n + 1) * sizeof *v);
    c->thresholds_origin = sco_arena_fmt(&c->arena, "%s:%u:%u", l->file, list->line, list->column);
    if (!v || !c->thresholds_origin)
        return sco_error_nomem(err);
    size_t i = 0;
    for (const struct sco_yaml *item = list->child; item; item = item->next, i++) {
        int r = take_threshold(c, l, item, i, &v[i], err);
        if (r < 0)
            return r;
    }
    c->pub.gate.thresholds = v;
    c->pub.gate.n_thresholds = i;
    return 0;
}

static int list_files(struct sco_config_impl *c, struct sco_error *err)
{
    const char **files = sco_arena_alloc(&c->arena, (c->n_layers + 1) * sizeof *files);
    const char **warnings = sco_arena_alloc(&c->arena, (c->warnings.n + 1) * sizeof *warnings);
    if (!files || !warnings)
        return sco_error_nomem(err);
    for (size_t i = 0; i < c->n_layers; i++)
        files[i] = c->layers[i].file;
    memcpy(warnings, c->warnings.v, c->warnings.n * sizeof *warnings);
    c->pub.files = files;
    c->pub.warnings = warnings;
    return 0;
}

static int derive(struct sco_config_impl *c, struct sco_error *err)
{
    struct sco_config_gate *gate = &c->pub.gate;
    struct sco_config_log *log = &c->pub.log;
    bool fail_on_given = c->values[SECTION_GATE].v[0].origin != NULL; /* of its first option */
    bool level_given = c->values[SECTION_LOG].v[0].origin != NULL;
    bool format_given = c->values[SECTION_LOG].v[1].origin != NULL;
    for (size_t i = 0; i < SECTION_MAX_; i++) {
        int r = sco_values_finish(&c->values[i], err);
        if (r < 0)
            return r;
        sco_values_fill(&c->values[i], (char *)&c->pub + config_sections[i].offset);
    }
    gate->fail_on_given = fail_on_given;
    gate->fail_on =
        config_word_index(config_sections[SECTION_GATE].table[0].values, gate->fail_on_text);
    gate->warn_on_incomplete = sco_str_is(gate->on_incomplete, "warn");
    c->pub.notifications.severity =
        config_word_index(config_sections[SECTION_NOTIFICATIONS].table[0].values,
                          c->pub.notifications.severity_text) +
        SCO_SEV_INFO;
    log->level_given = level_given;
    log->format_given = format_given;
    log->level = sco_log_level_parse(log->level_text);
    log->format = sco_str_is(log->format_text, "json") ? SCO_LOG_JSON : SCO_LOG_TEXT;
    return 0;
}

/* ---- the whole ---- */
static int build(struct sco_config_impl *c, const struct sco_config_input *in,
                 struct sco_error *err)
{
    int r = 0;
    for (size_t i = 0; i < SECTION_MAX_ && r == 0; i++) {
        const struct section *s = &config_sections[i];
        r = sco_values_init(&c->values[i], s->table, s->name, &c->arena, &c->warnings, err);
        c->values[i].others = s->others;
    }
    if (r < 0 || (r = read_layers(c, in, err)) < 0 || (r = copy_env(c, in->env, err)) < 0 ||
        (r = copy_overrides(c, in, err)) < 0)
        return r;
    for (size_t i = 0; i < c->n_layers; i++)
        if ((r = take_layer(c, &c->layers[i], err)) < 0 ||
            (r = take_thresholds(c, &c->layers[i], err)) < 0 ||
            (r = config_take_rules(c, &c->layers[i], err)) < 0)
            return r;
    for (size_t i = 0; i < SECTION_MAX_; i++) {
        if ((r = take_env(c, i, err)) < 0)
            return r;
        if (i != SECTION_TOP)
            warn_env(c, i);
    }
    for (size_t i = 0; i < c->n_overrides; i++)
        if ((r = take_override(c, &c->overrides[i], err)) < 0)
            return r;
    if ((r = absolute_paths(c, NULL, err)) < 0 || (r = config_check_common(c, err)) < 0 ||
        (r = config_check_integrations(c, err)) < 0 || (r = derive(c, err)) < 0)
        return r;
    return list_files(c, err);
}

int sco_config_load(const struct sco_config_input *in, struct sco_config **ret,
                    struct sco_error *err)
{
    struct sco_error own;
    err = err ? err : &own;
    struct sco_config_impl *c = sco_alloc(1, sizeof *c);
    if (!c)
        return sco_error_nomem(err);
    c->pub.impl = c;
    c->warnings.arena = &c->arena;
    int r = build(c, in, err);
    if (r < 0) {
        sco_config_free(&c->pub);
        return r;
    }
    *ret = &c->pub;
    return 0;
}

struct sco_config *sco_config_free(struct sco_config *c)
{
    if (c) {
        struct sco_config_impl *impl = c->impl;
        sco_arena_done(&impl->arena);
        free(impl);
    }
    return NULL;
}

void sco_config_cleanup_(struct sco_config **c)
{
    *c = sco_config_free(*c);
}

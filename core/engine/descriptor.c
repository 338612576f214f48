/* Descriptors: scanners whose program writes SARIF or simple JSON, described by a file NAME.yaml in
 * a plugin folder instead of a plugin of their own. docs/described-scanners.md has every key.
 *
 * Read and checked here, once, with the place of every mistake; what runs the program and reads its
 * report is one plugin for all of them (plugins/scanners/described), which gets the checked text as
 * JSON. A descriptor names the program that is run: it is read under the rules for plugins, from
 * the plugin folders alone, never from what is scanned. */
#include "descriptor_priv.h"

enum {
    DESCRIPTOR_SIZE_MAX = 64 << 10,
    LIST_MAX = 256, /* items of a list, members of env and severity_map */
};

#define STR(key)                                                                                   \
    {                                                                                              \
        .name = key, .type = SCO_OPT_STR                                                           \
    }
#define LIST(key)                                                                                  \
    {                                                                                              \
        .name = key, .type = SCO_OPT_LIST                                                          \
    }
#define END                                                                                        \
    {                                                                                              \
        .name = NULL                                                                               \
    }

static const struct sco_option scanner_table[] = {
    {.name = "name", .type = SCO_OPT_STR, .flags = SCO_OPT_REQUIRED},
    STR("title"),
    STR("summary"),
    STR("homepage"),
    STR("license"),
    STR("install"),
    {.name = "finds", .type = SCO_OPT_LIST, .flags = SCO_OPT_REQUIRED},
    {.name = "targets", .type = SCO_OPT_LIST, .def = "directory"},
    {.name = "programs", .type = SCO_OPT_LIST, .flags = SCO_OPT_REQUIRED},
    LIST("version_args"),
    LIST("detect"),
    {.name = "timeout", .type = SCO_OPT_DURATION, .min = 1000, .max = 7 * 86400 * 1000LL},
    {.name = "max_parallel", .type = SCO_OPT_INT, .min = 1, .max = 1000},
    {.name = "network", .type = SCO_OPT_BOOL},
    {.name = "explicit", .type = SCO_OPT_BOOL},
    {.name = "command", .type = SCO_OPT_LIST, .flags = SCO_OPT_REQUIRED},
    LIST("when_offline"),
    {.name = "cwd", .type = SCO_OPT_ENUM, .def = "work", .values = "work,target"},
    STR("type"),
    STR("findings"),
    {.name = "null_is_empty", .type = SCO_OPT_BOOL},
    LIST("error_rules"),
    STR("errors"),
    END,
};

static const struct sco_option exclude_table[] = {
    {.name = "flag", .type = SCO_OPT_STR, .flags = SCO_OPT_REQUIRED},
    {.name = "style", .type = SCO_OPT_ENUM, .def = "repeat", .values = "repeat,comma"},
    {.name = "pattern", .type = SCO_OPT_STR, .def = "{dir}"},
    END,
};

static const struct sco_option report_table[] = {
    {.name = "format", .type = SCO_OPT_ENUM, .flags = SCO_OPT_REQUIRED, .values = "sarif,json"},
    {.name = "from", .type = SCO_OPT_ENUM, .def = "file", .values = "file,stdout"},
    END,
};

static const struct sco_option exit_table[] = {
    {.name = "ok", .type = SCO_OPT_LIST, .def = "0"}, LIST("incomplete"), END};

static const struct sco_option fields_table[] = {
    {.name = "rule_id", .type = SCO_OPT_STR, .flags = SCO_OPT_REQUIRED},
    STR("title"),
    STR("description"),
    STR("remediation"),
    STR("severity"),
    STR("file_path"),
    STR("line"),
    STR("end_line"),
    STR("column"),
    STR("end_column"),
    STR("resource"),
    STR("snippet"),
    STR("secret"),
    STR("cwe"),
    STR("cve"),
    STR("cvss_vector"),
    STR("references"),
    STR("package_name"),
    STR("package_version"),
    STR("fixed_version"),
    STR("ecosystem"),
    STR("purl"),
    END,
};

static const struct sco_option sniff_table[] = {
    {.name = "keys", .type = SCO_OPT_LIST, .flags = SCO_OPT_REQUIRED}, END};

/* In the order of enum section. */
static const char *const section_names[] = {"exclude", "report", "exit_codes",   "fields",
                                            "sniff",   "env",    "severity_map", NULL};
static const struct sco_option *const section_tables[SECTIONS] = {
    scanner_table, exclude_table, report_table, exit_table, fields_table, sniff_table};

/* ---- access ---- */
const struct sco_yaml *descriptor_node(const struct reading *r, int section, const char *key)
{
    return sco_yaml_get(r->map[section], sco_str_c(key));
}

const struct sco_value *descriptor_value(const struct reading *r, int section, const char *key)
{
    const struct sco_values *v = &r->v[section];
    return &v->v[sco_options_find(v->table, sco_str_c(key)) - v->table];
}

const struct sco_yaml *descriptor_item(const struct reading *r, int section, const char *key,
                                       size_t i)
{
    const struct sco_yaml *node = descriptor_node(r, section, key), *c;
    if (!node || node->kind != SCO_YAML_LIST || !node->child)
        return node ? node : r->map[section];
    for (c = node->child; i && c->next; i--)
        c = c->next;
    return c;
}

/* ---- sections ---- */
static int take_section(struct reading *r, int i, const char *const *others)
{
    const char *name = i == SCANNER ? "" : section_names[i - 1];
    int e = sco_values_init(&r->v[i], section_tables[i], name, r->arena, NULL, r->err);
    r->v[i].others = others;
    if (e == 0)
        e = sco_values_yaml(&r->v[i], r->map[i], r->file, 0, r->err);
    if (e < 0)
        return e;
    for (size_t k = 0; k < r->v[i].n; k++)
        if (r->v[i].v[k].list.n > LIST_MAX)
            return REFUSE(r, descriptor_node(r, i, section_tables[i][k].name), "more than %d items",
                          LIST_MAX);
    if (i != SCANNER && i != EXIT_CODES && !r->map[i])
        return 0;
    if (sco_values_finish(&r->v[i], r->err) == 0)
        return 0;
    const struct sco_yaml *at = r->map[i] ? r->map[i] : r->root;
    return sco_error_prefix(r->err, "%s:%u:%u", r->file, at->line, at->column);
}

static int take_sections(struct reading *r)
{
    r->map[SCANNER] = r->root;
    for (int i = 1; i < SECTIONS; i++) {
        const struct sco_yaml *m = sco_yaml_get(r->root, sco_str_c(section_names[i - 1]));
        if (!m || sco_yaml_is_null(m))
            continue;
        r->map[i] = m;
        if (m->kind != SCO_YAML_MAP)
            return REFUSE(r, m, "%s: expected a map, got %s", section_names[i - 1],
                          sco_yaml_kind_name(m));
        if (m->n > LIST_MAX)
            return REFUSE(r, m, "%s: more than %d members", section_names[i - 1], LIST_MAX);
    }
    for (int i = 0; i < SECTIONS; i++) {
        int e = section_tables[i] ? take_section(r, i, i ? NULL : section_names) : 0;
        if (e < 0)
            return e;
    }
    return 0;
}

/* ---- as JSON ---- */
static void write_map(struct sco_json_out *o, const char *key, const struct sco_yaml *map,
                      bool severity)
{
    sco_json_key(o, key);
    sco_json_begin(o, '{');
    for (const struct sco_yaml *c = map->child; c; c = c->next) {
        sco_json_key(o, c->key->text.p);
        if (severity)
            sco_json_str(o, sco_str_c(sco_severity_name(sco_severity_parse(c->text))));
        else
            sco_json_str(o, c->text);
    }
    sco_json_end(o, '}');
}

/* {"scanner":{every other key},"type","report":{},"exclude":{},...}: with defaults, lists as lists,
 * durations in milliseconds. */
static int write_json(struct reading *r, struct sco_str *ret, struct sco_arena *arena)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    for (int i = 0; i < SECTIONS; i++) {
        if (!r->map[i] && i != EXIT_CODES)
            continue;
        const char *name = i == SCANNER ? "scanner" : section_names[i - 1];
        if (!section_tables[i]) {
            write_map(&o, name, r->map[i], i == SEVERITY_MAP);
            continue;
        }
        sco_json_key(&o, name);
        int e = sco_values_write(&r->v[i], 0, 0, &o, r->err);
        if (e < 0)
            return e;
    }
    sco_json_kz(&o, "type", r->type);
    sco_json_end(&o, '}');
    *ret = sco_arena_str(arena, sco_buf_str(&b));
    return b.failed || !ret->p ? sco_error_nomem(r->err) : 0;
}

int descriptor_parse(struct sco_str text, const char *file, struct sco_arena *arena,
                     struct sco_str *ret, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena scratch = {0};
    struct sco_error own = {0};
    struct reading r = {.file = file, .arena = &scratch, .err = err ? err : &own};
    struct sco_str json;
    int e = sco_yaml_parse(text, file, 0, &scratch, &r.root, r.err);
    if (e < 0)
        return e;
    if (!r.root)
        return sco_error_set(r.err, SCO_E_INVALID, "%s: is empty", file);
    if (r.root->kind != SCO_YAML_MAP)
        return REFUSE(&r, r.root, "expected a map, got %s", sco_yaml_kind_name(r.root));
    e = take_sections(&r);
    if (e == 0)
        e = descriptor_check(&r);
    if (e == 0)
        e = write_json(&r, &json, arena);
    if (e == 0)
        *ret = json;
    return e;
}

int descriptor_load(const char *path, struct sco_arena *arena, struct sco_str *ret,
                    struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    SCO_AUTO(sco_fd) int fd = -1;
    int e = sco_fs_open_trusted(path, &fd, err);
    if (e == 0)
        e = sco_fs_read_fd(fd, path, DESCRIPTOR_SIZE_MAX, &text, err);
    return e < 0 ? e : descriptor_parse(sco_buf_str(&text), path, arena, ret, err);
}

/* The section `rules`: a list of maps, each checked against one table. As with other lists the one
 * of the strongest layer replaces those before it. */
#include <secureops/config.h>
#include "config_priv.h"

enum { RULES_MAX = 500 };

#define ROW(field, kind, default_text, ...)                                                        \
    {                                                                                              \
        .name = #field, .type = (kind), .offset = offsetof(struct sco_config_rule, field),         \
        .def = (default_text), __VA_ARGS__                                                         \
    }

const struct sco_option config_rule_table[] = {
    ROW(name, SCO_OPT_STR, NULL, .doc = "For people: the log and the API say which rule decided."),
    ROW(on, SCO_OPT_LIST, NULL, .flags = SCO_OPT_REQUIRED,
        .doc = "Kinds of events: push, tag, pull_request, release, pipeline, job, check, comment, "
               "manual, merge_group."),
    ROW(integrations, SCO_OPT_LIST, NULL, .doc = "Names of integrations; empty: any."),
    ROW(repositories, SCO_OPT_LIST, NULL, .doc = "Globs of owner/name; empty: any."),
    ROW(branches, SCO_OPT_LIST, NULL,
        .doc = "Globs of the branch, of a pull request its target branch, of a tag or release the "
               "tag; @default is the default branch. Empty: any."),
    ROW(actions, SCO_OPT_LIST, NULL, .doc = "The platform's words, such as opened; empty: any."),
    ROW(actors, SCO_OPT_LIST, NULL, .doc = "Globs of who did it; empty: any."),
    ROW(paths, SCO_OPT_LIST, NULL,
        .doc = "Globs of changed files: one of them changed, or it is not known which did."),
    ROW(forks, SCO_OPT_ENUM, "true", .values = "true,false,only",
        .doc = "Pull requests from forks: as others, not at all, or nothing but them."),
    ROW(drafts, SCO_OPT_BOOL, "true", .doc = "Whether drafts of pull requests count."),
    ROW(scan, SCO_OPT_BOOL, "true", .doc = "Scan the commit."),
    ROW(diff, SCO_OPT_ENUM, "auto", .values = "auto,true,false",
        .doc = "Judge only what the change introduced; auto: of pull requests and merge groups."),
    ROW(sbom, SCO_OPT_ENUM, "auto", .values = "auto,true,false",
        .doc =
            "Keep a software bill of materials with the scan: true, and it is incomplete without; "
            "auto: of releases and tags, where a program that makes one is installed."),
    ROW(publish, SCO_OPT_LIST, "auto",
        .doc = "What the platform is told: check, status, comment, review, sarif, description, "
               "threads; auto: what it does best; an empty list: nothing."),
    ROW(types, SCO_OPT_LIST, NULL, .doc = "Types of findings to look for; empty: all."),
    ROW(scanners, SCO_OPT_LIST, NULL, .doc = "Only these scanners."),
    ROW(skip, SCO_OPT_LIST, NULL, .doc = "Not these scanners."),
    ROW(frameworks, SCO_OPT_LIST, NULL, .doc = "Compliance frameworks to assess."),
    ROW(gates, SCO_OPT_LIST, NULL, .doc = "Gates in the place of gate.policies."),
    ROW(fail_on, SCO_OPT_ENUM, NULL, .values = "none,info,low,medium,high,critical",
        .doc = "In the place of gate.fail_on."),
    ROW(path, SCO_OPT_STR, NULL,
        .doc = "Scan this folder of the repository alone (services/api); findings have their paths "
               "in the repository. Unset: all of it."),
    ROW(timeout, SCO_OPT_DURATION, "0", .max = 604800000, .doc = "Of the scan; 0: queue.timeout."),
    ROW(priority, SCO_OPT_INT, "-1", .min = -1, .max = 9,
        .doc = "Of the job, 9 first; -1: pull requests 7, pushes 5, tags and releases 4."),
    ROW(workflows, SCO_OPT_LIST, NULL, .doc = "Lua workflows that are run: docs/workflows.md."),
    ROW(pipelines, SCO_OPT_LIST, NULL, .doc = "Own pipelines that are run."),
    ROW(notify, SCO_OPT_BOOL, "false", .doc = "Raise an alert that names the event."),
    {0}};

static int word_error(const struct layer *l, const struct sco_yaml *item, const char *option,
                      struct sco_str word, const char *const *words, size_t n,
                      struct sco_error *err)
{
    const char *nearest = sco_str_nearest(word, words, n);
    return sco_yaml_error(err, SCO_E_INVALID, l->file, item,
                          "rules: %s: there is no \"%.*s\"%s%s%s", option, SCO_STR_ARG(word),
                          nearest ? "; did you mean " : "", nearest ? nearest : "",
                          nearest ? "?" : "");
}

static int check_words(const struct layer *l, const struct sco_yaml *item, const char *option,
                       struct sco_str_list list, const char *const *words, size_t n,
                       struct sco_error *err)
{
    for (size_t i = 0; i < list.n; i++) {
        size_t k = 0;
        while (k < n && !sco_str_is(list.v[i], words[k]))
            k++;
        if (k == n)
            return word_error(l, item, option, list.v[i], words, n, err);
    }
    return 0;
}

/* What no platform tells is not for rules. */
static int check_inner(const struct layer *l, const struct sco_yaml *item, struct sco_str_list on,
                       struct sco_error *err)
{
    static const char *const inner[][2] = {{"scan", "after_scan"},
                                           {"finding", "on_finding"},
                                           {"alert", "on_alert"},
                                           {"schedule", "schedule"}};
    for (size_t i = 0; i < on.n; i++)
        for (size_t k = 0; k < SCO_ARRAY_LEN(inner); k++)
            if (sco_str_is(on.v[i], inner[k][0]))
                return sco_yaml_error(err, SCO_E_INVALID, l->file, item,
                                      "rules: on: no platform tells of %s: its workflows are named "
                                      "by workflows.%s",
                                      inner[k][0], inner[k][1]);
    return 0;
}

bool sco_config_rule_path(struct sco_str path)
{
    struct sco_str rest = path, name;
    bool ok = path.n > 0 && path.n < 1000 && path.p[path.n - 1] != '/';
    for (size_t i = 0; i < path.n; i++)
        ok &= (unsigned char)path.p[i] >= ' ' && path.p[i] != '\\' && path.p[i] != 0x7f;
    while (ok && sco_str_split(&rest, '/', &name))
        ok = name.n && !sco_str_is(name, ".") && !sco_str_is(name, "..") && name.p[0] != '-';
    return ok && sco_utf8_valid(path);
}

static int check_rule(const struct layer *l, const struct sco_yaml *item,
                      const struct sco_config_rule *rule, struct sco_error *err)
{
    static const char *const kinds[] = {"push", "tag",   "pull_request", "release", "pipeline",
                                        "job",  "check", "comment",      "manual",  "merge_group"};
    static const char *const steps[] = {"auto",   "check", "status",      "comment",
                                        "review", "sarif", "description", "threads"};
    static const char *const types[] = {"SAST",   "SCA",     "DAST",   "IAC",
                                        "SECRET", "LICENSE", "QUALITY"};
    int r = check_inner(l, item, rule->on, err);
    if (r == 0)
        r = check_words(l, item, "on", rule->on, kinds, SCO_ARRAY_LEN(kinds), err);
    if (r == 0)
        r = check_words(l, item, "publish", rule->publish, steps, SCO_ARRAY_LEN(steps), err);
    if (r == 0)
        r = check_words(l, item, "types", rule->types, types, SCO_ARRAY_LEN(types), err);
    if (r == 0 && rule->path.n && !sco_config_rule_path(rule->path))
        return sco_yaml_error(err, SCO_E_INVALID, l->file, item,
                              "rules: path: a folder within the repository, as services/api");
    if (r == 0 && rule->on.n == 0)
        return sco_yaml_error(err, SCO_E_INVALID, l->file, item, "rules: on: names no event");
    return r;
}

static int take_rule(struct sco_config_impl *c, const struct layer *l, const struct sco_yaml *item,
                     size_t i, struct sco_config_rule *ret, struct sco_error *err)
{
    struct sco_values v = {0};
    const char *path = sco_arena_fmt(&c->arena, "rules[%zu]", i);
    if (!path)
        return sco_error_nomem(err);
    int r = sco_values_init(&v, config_rule_table, path, &c->arena, &c->warnings, err);
    if (r == 0)
        r = sco_values_yaml(&v, item, l->file, 0, err);
    if (r == 0 && (r = sco_values_finish(&v, err)) < 0) {
        sco_error_prefix(err, "%s:%u:%u", l->file, item->line, item->column);
        return r;
    }
    if (r < 0)
        return r;
    sco_values_fill(&v, ret);
    ret->origin = sco_arena_fmt(&c->arena, "%s:%u:%u", l->file, item->line, item->column);
    return ret->origin ? check_rule(l, item, ret, err) : sco_error_nomem(err);
}

int config_take_rules(struct sco_config_impl *c, const struct layer *l, struct sco_error *err)
{
    const struct sco_yaml *list = sco_yaml_get(l->root, SCO_STR("rules"));
    size_t i = 0;
    if (!list)
        return 0;
    if (l->untrusted)
        return sco_yaml_error(err, SCO_E_PERMISSION, l->file, list->key,
                              "rules: " CONFIG_UNTRUSTED_HINT);
    if (list->kind != SCO_YAML_LIST && !sco_yaml_is_null(list))
        return sco_yaml_error(err, SCO_E_INVALID, l->file, list,
                              "rules: expected a list of maps, got %s", sco_yaml_kind_name(list));
    if (list->n > RULES_MAX)
        return sco_yaml_error(err, SCO_E_LIMIT, l->file, list, "more than %d rules", RULES_MAX);
    struct sco_config_rule *v = sco_arena_alloc(&c->arena, (list->n + 1) * sizeof *v);
    if (!v)
        return sco_error_nomem(err);
    for (const struct sco_yaml *item = list->child; item; item = item->next, i++) {
        int r = take_rule(c, l, item, i, &v[i], err);
        if (r < 0)
            return r;
    }
    c->pub.rules = v;
    c->pub.n_rules = i;
    c->pub.rules_given = true;
    return 0;
}

static const struct sco_yaml *nth(const struct sco_yaml *list, size_t i)
{
    const struct sco_yaml *v = list && list->kind == SCO_YAML_LIST ? list->child : NULL;
    for (; v && i; i--)
        v = v->next;
    return v;
}

const char *sco_config_item_place(const struct sco_config *config, const char *section, size_t rule,
                                  const char *option, struct sco_str item, struct sco_arena *arena)
{
    const struct sco_config_impl *c = config->impl;
    for (size_t i = c->n_layers; i > 0; i--) { /* the strongest last */
        const struct layer *l = &c->layers[i - 1];
        const struct sco_yaml *v = sco_yaml_get(l->root, sco_str_c(section));
        v = v && v->kind == SCO_YAML_LIST ? nth(v, rule) : v;
        v = sco_yaml_get(v, sco_str_c(option));
        const struct sco_yaml *at = v && v->kind == SCO_YAML_LIST ? v->child : v;
        while (at && sco_str_cmp(at->text, item) != 0)
            at = at->next;
        if (v)
            return sco_arena_fmt(arena, "%s:%u:%u", l->file, at ? at->line : v->line,
                                 at ? at->column : v->column);
    }
    return sco_arena_fmt(arena, "%s.%s", section, option);
}

void config_show_rules(const struct sco_config *c, struct sco_buf *out)
{
    for (size_t i = 0; i < c->n_rules; i++)
        sco_buf_addf(out, "# rules[%zu] %.*s  %s\n", i, SCO_STR_ARG(c->rules[i].name),
                     c->rules[i].origin);
}

/* secureops policy show: what a policy says of itself, its code, and a case that fails and one that
 * passes. Code and cases are read from the pack's folder; of an archive only the rest is shown. */
#include "policy_priv.h"

#include <secureops/yaml.h>

enum { FILE_SIZE_MAX = 1 << 20 };

struct showing {
    struct cli *cli;
    const struct sco_node *policy; /* of the cli's arena */
    struct sco_str json;
    size_t n;
};

static struct sco_str at(const struct sco_node *m, const char *key)
{
    return sco_text(sco_get(m, key));
}

static int on_record(void *user, struct sco_str kind, struct sco_str json)
{
    struct showing *s = user;
    if (!sco_str_is(kind, "policy"))
        return 0;
    s->json = sco_arena_str(&s->cli->arena, json);
    s->n++;
    return sco_json_parse(s->json, &s->cli->arena, &s->policy, NULL);
}

/* ---- what it says of itself ---- */
static void print_list(const char *title, const struct sco_node *list)
{
    const char *gap = "";
    if (!list || !list->n)
        return;
    printf("%-12s ", title);
    SCO_EACH (c, list) {
        fputs(gap, stdout);
        put_text(stdout, c->text);
        gap = ", ";
    }
    fputc('\n', stdout);
}

static void print_frameworks(const struct sco_node *map)
{
    for (const struct sco_node *f = map ? map->child : NULL; f; f = f->next) {
        printf("%-12s %.*s:", f == map->child ? "frameworks" : "", SCO_STR_ARG(f->key));
        SCO_EACH (c, f)
            printf(" %.*s", SCO_STR_ARG(sco_text(c)));
        fputc('\n', stdout);
    }
}

static void print_text(const char *title, struct sco_str text)
{
    if (!text.n)
        return;
    printf("%-12s ", title);
    put_text(stdout, text);
    fputc('\n', stdout);
}

static void print_policy(const struct sco_node *m)
{
    SCO_AUTO(sco_buf) struct sco_buf params = {0};
    struct sco_json_out o = {.b = &params};
    print_text("id", at(m, "id"));
    print_text("title", at(m, "title"));
    if (sco_str_is(at(m, "kind"), "workflow"))
        print_text("kind", SCO_STR("workflow: docs/workflows.md"));
    else
        print_text("severity", at(m, "severity"));
    print_list("applies to", sco_get(m, "applies_to"));
    print_text("scope", at(m, "scope"));
    if (!sco_bool(sco_get(m, "default"), 1) && !sco_str_is(at(m, "kind"), "workflow"))
        printf("%-12s %s\n", "default", "off: it is part of a scan only when it is chosen");
    print_list("aliases", sco_get(m, "aliases"));
    print_frameworks(sco_get(m, "frameworks"));
    print_text("description", at(m, "description"));
    print_text("remediation", at(m, "remediation"));
    print_list("links", sco_get(m, "links"));
    const char *gap = "";
    SCO_EACH (cwe, sco_get(m, "cwe")) {
        printf("%s%s%lld", *gap ? "" : "cwe          ", gap, (long long)sco_int(cwe, 0));
        gap = ", ";
    }
    fputs(*gap ? "\n" : "", stdout);
    if (sco_get(m, "params") && sco_get(m, "params")->n) {
        sco_json_node(&o, sco_get(m, "params"));
        print_text("params", sco_buf_str(&params));
    }
    printf("%-12s %.*s/%.*s:%lld\n", "file", SCO_STR_ARG(at(m, "bundle")),
           SCO_STR_ARG(at(m, "file_path")), (long long)sco_int(sco_get(m, "line_number"), 0));
    print_text("digest", at(m, "digest"));
}

/* ---- code and cases ---- */
static int read_file(struct showing *s, const char *ending, struct sco_buf *ret)
{
    struct sco_str dir = at(s->policy, "bundle"), file = at(s->policy, "file_path");
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    if (!sco_str_ends(file, ".lua"))
        return SCO_E_NOT_FOUND;
    sco_buf_addf(&path, "%.*s/%.*s%s", SCO_STR_ARG(dir), (int)(file.n - 4), file.p, ending);
    return path.failed ? SCO_E_NOMEM : sco_fs_read(sco_buf_z(&path), FILE_SIZE_MAX, ret, NULL);
}

static void print_code(struct sco_str text)
{
    struct sco_str line;
    while (sco_str_split(&text, '\n', &line)) {
        if (!text.p && !line.n)
            break;
        fputs("  ", stdout);
        fwrite(line.p, 1, line.n, stdout);
        fputc('\n', stdout);
    }
}

/* Whether all that is expected is this verdict, or (a list) one of it is. */
static bool expects(const struct sco_yaml *one, const char *verdict)
{
    const struct sco_yaml *e = sco_yaml_get(one, SCO_STR("expect"));
    if (!e)
        return false;
    if (e->kind == SCO_YAML_SCALAR)
        return sco_str_is(e->text, verdict);
    for (const struct sco_yaml *x = e->child; x; x = x->next) {
        const struct sco_yaml *v = sco_yaml_get(x, SCO_STR("verdict"));
        if (v && sco_str_is(v->text, verdict))
            return true;
    }
    return false;
}

static void print_example(const struct sco_yaml *cases, struct sco_str id, const char *verdict)
{
    for (const struct sco_yaml *x = cases ? cases->child : NULL; x; x = x->next) {
        const struct sco_yaml *policy = sco_yaml_get(x, SCO_STR("policy"));
        const struct sco_yaml *input = sco_yaml_get(x, SCO_STR("input"));
        const struct sco_yaml *name = sco_yaml_get(x, SCO_STR("name"));
        if ((policy && !sco_str_eq(policy->text, id)) || !input || !expects(x, verdict))
            continue;
        printf("\nExample: %s", verdict);
        if (name) {
            fputs(" (", stdout);
            put_text(stdout, name->text);
            fputc(')', stdout);
        }
        fputs("\n\n", stdout);
        print_code(input->text);
        return;
    }
}

/* Behind a string or comment that starts at p; p + 1 for anything else. */
static const char *pass_token(const char *p, const char *end)
{
    if ((*p == '"' || *p == '\'')) {
        char quote = *p++;
        while (p < end && *p != quote && *p != '\n')
            p += *p == '\\' && p + 1 < end ? 2 : 1;
        return p < end ? p + 1 : end;
    }
    const char *what = end - p > 4 && memcmp(p, "--[[", 4) == 0 ? p + 2 : p;
    if (end - what > 2 && memcmp(what, "[[", 2) == 0) {
        const char *close = memmem(what, (size_t)(end - what), "]]", 2);
        return close ? close + 2 : end;
    }
    if (end - p > 2 && memcmp(p, "--", 2) == 0) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        return eol ? eol : end;
    }
    return p + 1;
}

static bool opens(const char *line, const char *end)
{
    struct sco_str text = sco_str_trim(sco_str_make(line, (size_t)(end - line)));
    return text.n && text.p[text.n - 1] == '{';
}

/* The table or call around the `line`: from the line before, where that one opens it, to where all
 * brackets are closed again. The whole text when the line is not there. */
static struct sco_str code_of(struct sco_str text, int64_t line)
{
    const char *end = text.p + text.n, *start = text.p, *before = text.p, *p;
    for (int64_t n = 1; n < line && start < end; n++) {
        before = start;
        p = memchr(start, '\n', (size_t)(end - start));
        start = p ? p + 1 : end;
    }
    if (line < 1 || start >= end)
        return text;
    p = memchr(start, '\n', (size_t)(end - start));
    if (!opens(start, p ? p : end) && opens(before, start))
        start = before;
    int depth = 0;
    for (p = start; p < end; p = pass_token(p, end)) {
        depth += strchr("([{", *p) != NULL;
        depth -= strchr(")]}", *p) != NULL;
        if (depth < 0 || (*p == '\n' && depth == 0 && p > start))
            break;
    }
    return sco_str_make(start, (size_t)(p - start));
}

static void print_sources(struct showing *s)
{
    SCO_AUTO(sco_buf) struct sco_buf code = {0}, cases = {0};
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_yaml *root = NULL;
    if (read_file(s, ".lua", &code) == 0) {
        printf("\nCode:\n\n");
        print_code(code_of(sco_buf_str(&code), sco_int_at(s->policy, "line_number", 0)));
    }
    if (read_file(s, ".cases.yaml", &cases) < 0 ||
        sco_yaml_parse(sco_buf_str(&cases), "cases", SCO_YAML_MERGE, &arena, &root, NULL) < 0)
        return;
    print_example(root, at(s->policy, "id"), "fail");
    print_example(root, at(s->policy, "id"), "pass");
}

int policy_show(struct cli *c)
{
    struct showing s = {.cli = c};
    const char *ids[] = {c->operands[1], NULL};
    struct sco_policy_request q = {.command = "list", .policies = ids};
    struct sco_policy_outcome o = {0};
    struct sco_error err = {0};
    size_t format = 0;
    int status = EXIT_INTERNAL;
    int r = policy_format(c, "table,json", &format, &err);
    if (r == 0)
        r = policy_ask(c, &q, on_record, &s, &o, &status, &err);
    sco_policy_outcome_done(&o);
    if (r < 0)
        return context_fail(&err);
    if (!s.policy)
        return status;
    if (s.n > 1)
        fprintf(stderr, "secureops: %zu policies are called %s; the last one is shown\n", s.n,
                ids[0]);
    if (format == 1)
        printf("%.*s\n", SCO_STR_ARG(s.json));
    else {
        print_policy(s.policy);
        print_sources(&s);
    }
    return status;
}

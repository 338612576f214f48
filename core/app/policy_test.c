/* secureops policy test: the cases of the packs, as a table, TAP, JUnit or JSON. */
#include "policy_priv.h"

#include <dirent.h>

enum { TABLE, TAP, JUNIT, JSON };
enum { CLIMB_MAX = 4 }; /* folders from a policy up to its pack */

struct testing {
    struct cli *cli;
    size_t format, n, failed, uncovered;
    struct sco_buf coverage; /* JSON objects, or lines of text */
    struct sco_buf cases;    /* JUnit: its root element needs the counts first */
    struct sco_arena arena;
};

static struct sco_str at(const struct sco_node *m, const char *key)
{
    return sco_text(sco_get(m, key));
}

static void add_xml(struct sco_buf *b, struct sco_str s)
{
    SCO_AUTO(sco_buf) struct sco_buf safe = {0};
    sco_buf_add_printable(&safe, s);
    for (size_t i = 0; i < safe.n; i++) {
        char ch = safe.p[i];
        const char *entity = ch == '&'   ? "&amp;"
                             : ch == '<' ? "&lt;"
                             : ch == '>' ? "&gt;"
                             : ch == '"' ? "&quot;"
                                         : NULL;
        if (entity)
            sco_buf_addz(b, entity);
        else
            sco_buf_addc(b, ch);
    }
}

/* ---- cases ---- */
static void print_line(const struct sco_node *m)
{
    fputs(sco_bool(sco_get(m, "passed"), 0) ? "ok    " : "FAIL  ", stdout);
    put_text(stdout, at(m, "file_path"));
    printf(":%lld  ", (long long)sco_int(sco_get(m, "line_number"), 0));
    put_text(stdout, at(m, "policy"));
    fputs(": ", stdout);
    put_text(stdout, at(m, "name"));
    fputc('\n', stdout);
}

static void print_message(const char *indent, struct sco_str text)
{
    struct sco_str line;
    while (sco_str_split(&text, '\n', &line)) {
        fputs(indent, stdout);
        put_text(stdout, line);
        fputc('\n', stdout);
    }
}

static void print_tap(const struct testing *t, const struct sco_node *m)
{
    printf("%sok %zu - ", sco_bool(sco_get(m, "passed"), 0) ? "" : "not ", t->n);
    put_text(stdout, at(m, "policy"));
    fputs(": ", stdout);
    put_text(stdout, at(m, "name"));
    fputc('\n', stdout);
    if (sco_bool(sco_get(m, "passed"), 0))
        return;
    printf("# ");
    put_text(stdout, at(m, "file_path"));
    printf(":%lld\n", (long long)sco_int(sco_get(m, "line_number"), 0));
    print_message("# ", at(m, "message"));
}

static void add_junit(struct testing *t, const struct sco_node *m)
{
    struct sco_buf *b = &t->cases;
    sco_buf_addz(b, "  <testcase classname=\"");
    add_xml(b, at(m, "policy"));
    sco_buf_addz(b, "\" name=\"");
    add_xml(b, at(m, "name"));
    sco_buf_addz(b, "\" file=\"");
    add_xml(b, at(m, "file_path"));
    sco_buf_addf(b, "\" line=\"%lld\" time=\"%.6f\"",
                 (long long)sco_int(sco_get(m, "line_number"), 0),
                 (double)sco_int(sco_get(m, "ns"), 0) / 1e9);
    if (sco_bool(sco_get(m, "passed"), 0)) {
        sco_buf_addz(b, "/>\n");
        return;
    }
    sco_buf_addz(b, ">\n    <failure message=\"");
    add_xml(b, at(m, "message"));
    sco_buf_addz(b, "\"/>\n  </testcase>\n");
}

static void take_case(struct testing *t, const struct sco_node *m, struct sco_str json)
{
    bool passed = sco_bool(sco_get(m, "passed"), 0);
    t->n++;
    t->failed += !passed;
    if (t->format == TAP)
        print_tap(t, m);
    else if (t->format == JUNIT)
        add_junit(t, m);
    else if (t->format == JSON)
        printf("%s\n%.*s", t->n > 1 ? "," : "", SCO_STR_ARG(json));
    else if (!passed) {
        print_line(m);
        print_message("      ", at(m, "message"));
    }
}

/* ---- coverage ---- */
static void take_coverage(struct testing *t, const struct sco_node *m, struct sco_str json)
{
    struct sco_buf *b = &t->coverage;
    int64_t lines = sco_int(sco_get(m, "lines"), 0), covered = sco_int(sco_get(m, "covered"), 0);
    int64_t branches = sco_int(sco_get(m, "branches"), 0);
    int64_t taken = sco_int(sco_get(m, "branches_taken"), 0);
    t->uncovered += covered < lines || taken < branches;
    if (t->format == JSON) {
        sco_buf_addz(b, b->n ? ",\n" : "\n");
        sco_buf_add(b, json);
        return;
    }
    const char *mark = t->format == TABLE ? "" : "# ";
    sco_buf_addf(b, "%s%5.1f %% of lines  %5.1f %% of branches  ", mark,
                 lines ? 100.0 * (double)covered / (double)lines : 100.0,
                 branches ? 100.0 * (double)taken / (double)branches : 100.0);
    sco_buf_add_printable(b, at(m, "file_path"));
    const char *gap = "  not reached: ";
    SCO_EACH (line, sco_get(m, "missed")) {
        sco_buf_addf(b, "%s%lld", gap, (long long)sco_int(line, 0));
        gap = ", ";
    }
    sco_buf_addc(b, '\n');
}

static int on_record(void *user, struct sco_str kind, struct sco_str json)
{
    struct testing *t = user;
    const struct sco_node *m = NULL;
    sco_arena_reset(&t->arena);
    bool is_case = sco_str_is(kind, "case");
    if (!is_case && !sco_str_is(kind, "coverage"))
        return 0;
    int r = sco_json_parse(json, &t->arena, &m, NULL);
    if (r < 0)
        return r;
    if (is_case)
        take_case(t, m, json);
    else
        take_coverage(t, m, json);
    return t->coverage.failed || t->cases.failed ? SCO_E_NOMEM : 0;
}

static void print_end(struct testing *t)
{
    switch (t->format) {
    case TAP:
        printf("1..%zu\n%s", t->n, sco_buf_z(&t->coverage));
        break;
    case JUNIT:
        printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
               "<testsuite name=\"policies\" tests=\"%zu\" failures=\"%zu\" errors=\"0\">\n"
               "%s</testsuite>\n",
               t->n, t->failed, sco_buf_z(&t->cases));
        break;
    case JSON:
        printf("\n],\n\"coverage\":[%s\n],\n\"passed\":%zu,\"failed\":%zu}\n",
               sco_buf_z(&t->coverage), t->n - t->failed, t->failed);
        break;
    default:
        printf("%s%zu case%s: %zu passed, %zu failed\n", sco_buf_z(&t->coverage), t->n,
               t->n == 1 ? "" : "s", t->n - t->failed, t->failed);
    }
}

/* ---- which bundle ---- */
static int is_lua(const struct dirent *e)
{
    return sco_str_ends(sco_str_c(e->d_name), ".lua");
}

static bool is_pack(const char *dir, size_t n)
{
    SCO_AUTO(sco_buf) struct sco_buf lib = {0};
    struct dirent **files = NULL;
    sco_buf_addf(&lib, "%.*s/lib", (int)n, dir);
    int found = lib.failed ? 0 : scandir(sco_buf_z(&lib), &files, is_lua, NULL);
    for (int i = 0; i < found; i++)
        free(files[i]);
    free(files);
    return found > 0;
}

/* Length of the folder above; 0: there is none but the root. */
static size_t above(const char *path, size_t n)
{
    while (n > 0 && path[n - 1] != '/')
        n--;
    return n > 1 ? n - 1 : 0;
}

/* A file, or a folder inside of a pack, is tested with the libraries of its pack: the nearest
 * folder above whose lib/ has libraries. *ret_below: what of the pack is meant, "" for all of it.
 */
static int find_bundle(struct cli *c, const char *path, const char **ret, const char **ret_below,
                       struct sco_error *err)
{
    char *real = sco_fs_realpath(path, err);
    const char *full = real ? sco_arena_cstr(&c->arena, sco_str_c(real)) : NULL;
    free(real);
    if (!full)
        return err->code ? err->code : sco_error_nomem(err);
    struct sco_str name = sco_str_c(full);
    size_t n = strlen(full);
    bool part = sco_str_ends(name, ".lua") || sco_str_ends(name, ".yaml");
    if (part)
        n = above(full, n);
    bool archive = !part && !sco_fs_is_dir(full);
    size_t pack = n;
    for (int i = 0; i < CLIMB_MAX && pack && !archive && !is_pack(full, pack); i++)
        pack = above(full, pack);
    if (archive || !pack || !is_pack(full, pack))
        pack = n;
    *ret = sco_arena_cstr(&c->arena, sco_str_make(full, pack));
    *ret_below = full[pack] ? full + pack + 1 : "";
    return *ret ? 0 : sco_error_nomem(err);
}

/* The ids of the policies whose file lies below. */
struct below {
    struct cli *cli;
    const char *path;
    const char **ids;
    size_t n, cap;
};

static int on_policy(void *user, struct sco_str kind, struct sco_str json)
{
    struct below *b = user;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *m = NULL;
    if (!sco_str_is(kind, "policy") || sco_json_parse(json, &arena, &m, NULL) < 0)
        return 0;
    struct sco_str file = at(m, "file_path");
    size_t n = strlen(b->path);
    if (!sco_str_starts(file, b->path) || (file.n > n && file.p[n] != '/'))
        return 0;
    if (SCO_VEC_PUSH(b->ids, b->n, b->cap) < 0)
        return SCO_E_NOMEM;
    b->ids[b->n++] = sco_arena_cstr(&b->cli->arena, at(m, "id"));
    return b->ids[b->n - 1] ? 0 : SCO_E_NOMEM;
}

static int choose_below(struct cli *c, const char *const *bundles, const char *path,
                        struct sco_policy_request *q, int *status, struct sco_error *err)
{
    struct below b = {.cli = c, .path = path};
    struct sco_policy_outcome o = {0};
    struct sco_policy_request list = {.command = "list", .bundles = bundles};
    SCO_AUTO(sco_buf) struct sco_buf name = {0};
    sco_buf_addz(&name, path); /* x.cases.yaml means x.lua */
    if (sco_str_ends(sco_buf_str(&name), ".cases.yaml")) {
        name.n -= strlen(".cases.yaml");
        sco_buf_addz(&name, ".lua");
    }
    b.path = sco_buf_z(&name);
    int r = policy_ask(c, &list, on_policy, &b, &o, status, err);
    sco_policy_outcome_done(&o);
    const char **ids = sco_arena_alloc(&c->arena, (b.n + 1) * sizeof *ids);
    if (r == 0 && !ids)
        r = sco_error_nomem(err);
    if (r == 0 && ids && b.n)
        memcpy(ids, b.ids, b.n * sizeof *ids);
    free(b.ids);
    if (r == 0 && !b.n && *status == EXIT_PASSED)
        r = sco_error_set(err, SCO_E_NOT_FOUND, "there is no policy in %s", path);
    q->policies = ids;
    return r;
}

static int choose(struct cli *c, struct sco_policy_request *q, int *status, struct sco_error *err)
{
    const char *below = "";
    const char **bundles = sco_arena_alloc(&c->arena, 2 * sizeof *bundles);
    if (!bundles)
        return sco_error_nomem(err);
    int r = policy_list_arg(c, ARG_POLICY, &q->policies, err);
    if (r < 0 || c->n_operands < 2)
        return r;
    r = find_bundle(c, c->operands[1], &bundles[0], &below, err);
    q->bundles = bundles;
    if (r == 0 && *below && !q->policies)
        r = choose_below(c, bundles, below, q, status, err);
    return r;
}

int policy_test(struct cli *c)
{
    struct testing t = {.cli = c};
    struct sco_policy_request q = {.command = "test", .coverage = args_has(c, ARG_COVERAGE)};
    struct sco_policy_outcome o = {0};
    struct sco_error err = {0};
    int status = EXIT_PASSED;
    int r = policy_format(c, "table,tap,junit,json", &t.format, &err);
    if (r == 0)
        r = choose(c, &q, &status, &err);
    if (r == 0 && status == EXIT_PASSED) {
        if (t.format == JSON)
            printf("{\"version\":\"1\",\"cases\":[");
        else if (t.format == TAP)
            printf("TAP version 13\n");
        r = policy_ask(c, &q, on_record, &t, &o, &status, &err);
        if (r == 0 && status != EXIT_USAGE)
            print_end(&t);
    }
    if (r == 0 && status == EXIT_PASSED && !t.n) {
        fprintf(stderr, "secureops: there are no cases: NAME.cases.yaml beside NAME.lua\n");
        status = EXIT_INCOMPLETE;
    }
    if (status == EXIT_PASSED && t.failed)
        status = EXIT_GATE;
    sco_policy_outcome_done(&o);
    sco_buf_done(&t.coverage);
    sco_buf_done(&t.cases);
    sco_arena_done(&t.arena);
    return r < 0 ? context_fail(&err) : status;
}

/* The parser against the trees that BuildKit keeps for its own, and every Dockerfile of the corpus.
 * The tree is printed in the notation of those files: (name ["--flag"] "word" ...). */
#include "dockerfile_priv.h"

#include <secureops/fs.h>

#include <dirent.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

static char *corpus(const char *below)
{
    const char *dir = getenv("SECUREOPS_CORPUS"), *source = getenv("SECUREOPS_SOURCE");
    char *path = NULL;
    int n = dir ? asprintf(&path, "%s/policy/%s", dir, below)
                : asprintf(&path, "%s/../shared/corpus/policy/%s", source ? source : ".", below);
    assert_true(n > 0);
    if (sco_fs_is_dir(path))
        return path;
    print_message("no corpus at %s: set SECUREOPS_CORPUS\n", path);
    free(path);
    return NULL;
}

/* ---- S-expressions ---- */
static void quote(struct sco_buf *b, struct sco_str s)
{
    sco_buf_addc(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '"' || c == '\\') {
            sco_buf_addc(b, '\\');
            sco_buf_addc(b, c);
        } else if (c == '\t') {
            sco_buf_addz(b, "\\t");
        } else if (c == '\n') {
            sco_buf_addz(b, "\\n");
        } else {
            sco_buf_addc(b, c);
        }
    }
    sco_buf_addc(b, '"');
}

static void dump(struct sco_buf *b, const struct df_inst *i)
{
    sco_buf_addc(b, '(');
    for (size_t k = 0; k < i->keyword.n; k++) {
        char c = i->keyword.p[k];
        sco_buf_addc(b, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
    }
    for (size_t k = 0; k < i->flags.n; k++) {
        sco_buf_addz(b, k ? " " : " [");
        quote(b, i->flags.v[k].text);
        sco_buf_addz(b, k + 1 == i->flags.n ? "]" : "");
    }
    for (size_t k = 0; k < i->args.n; k++) {
        sco_buf_addc(b, ' ');
        quote(b, i->args.v[k].text);
    }
    if (i->child) {
        sco_buf_addc(b, ' ');
        dump(b, i->child);
    }
    sco_buf_addc(b, ')');
}

static int parse(const char *path, struct sco_arena *a, struct df_file *f, struct sco_buf *text)
{
    struct sco_error err = {0};
    assert_int_equal(sco_fs_read(path, 1 << 20, text, &err), 0);
    return df_parse(sco_str_make(sco_buf_z(text), text->n), a, f);
}

static void compare(const char *path, const char *result)
{
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    SCO_AUTO(sco_buf) struct sco_buf text = {0}, got = {0}, want = {0};
    struct df_file f;
    struct sco_error err = {0};
    int r = parse(path, &a, &f, &text);
    if (r != 0)
        fail_msg("%s:%u: %s", path, f.bad_line, f.problem);
    if (!sco_fs_is_file(result))
        return;
    for (const struct df_inst *i = f.first; i; i = i->next) {
        dump(&got, i);
        sco_buf_addc(&got, '\n');
    }
    assert_int_equal(sco_fs_read(result, 1 << 20, &want, &err), 0);
    struct sco_str g = sco_str_trim(sco_buf_str(&got)), w = sco_str_trim(sco_buf_str(&want));
    if (!sco_str_eq(g, w))
        fail_msg("%s:\n%.*s\nexpected:\n%.*s", path, (int)g.n, g.p, (int)w.n, w.p);
}

static void golden(void **state)
{
    (void)state;
    char *dir = corpus("parser-corpora/buildkit-testfiles");
    if (!dir)
        return skip();
    DIR *d = opendir(dir);
    assert_non_null(d);
    size_t trees = 0, files = 0;
    for (struct dirent *e; (e = readdir(d));) {
        char *path, *result;
        assert_true(asprintf(&path, "%s/%s/Dockerfile", dir, e->d_name) > 0);
        assert_true(asprintf(&result, "%s/%s/result", dir, e->d_name) > 0);
        if (*e->d_name != '.' && sco_fs_is_file(path)) {
            compare(path, result);
            trees += sco_fs_is_file(result);
            files++;
        }
        free(path);
        free(result);
    }
    closedir(d);
    free(dir);
    assert_int_equal(trees, 7);
    assert_int_equal(files, 16);
}

static void rejected(void **state)
{
    static const char *const names[] = {"empty_dockerfile", "shykes-nested-json"};
    (void)state;
    char *dir = corpus("parser-corpora/buildkit-testfiles-negative");
    if (!dir)
        return skip();
    for (size_t i = 0; i < SCO_ARRAY_LEN(names); i++) {
        SCO_AUTO(sco_arena) struct sco_arena a = {0};
        SCO_AUTO(sco_buf) struct sco_buf text = {0};
        struct df_file f;
        char *path;
        assert_true(asprintf(&path, "%s/%s/Dockerfile", dir, names[i]) > 0);
        assert_int_equal(parse(path, &a, &f, &text), SCO_E_PARSE);
        assert_non_null(f.problem);
        free(path);
    }
    free(dir);
}

/* First and last line of each instruction, as BuildKit's test of that file lists them. */
static void lines(void **state)
{
    static const uint32_t want[][2] = {{5, 5}, {11, 12}, {17, 31}};
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    struct df_file f;
    char *path;
    (void)state;
    char *dir = corpus("parser-corpora/buildkit-testfile-line");
    if (!dir)
        return skip();
    assert_true(asprintf(&path, "%s/Dockerfile", dir) > 0);
    assert_int_equal(parse(path, &a, &f, &text), 0);
    assert_int_equal(f.n, SCO_ARRAY_LEN(want));
    size_t k = 0;
    for (const struct df_inst *i = f.first; i; i = i->next, k++) {
        assert_int_equal(i->line->first, want[k][0]);
        assert_int_equal(i->line->last, want[k][1]);
    }
    free(path);
    free(dir);
}

/* ---- every Dockerfile of the corpus ---- */
static size_t read_all(const char *dir)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        char *path;
        assert_true(asprintf(&path, "%s/%s", dir, e->d_name) > 0);
        struct sco_str name = sco_str_c(e->d_name);
        if (*e->d_name == '.') {
        } else if (sco_fs_is_dir(path)) {
            n += read_all(path);
        } else if (sco_str_is(name, "Dockerfile") || sco_str_ends(name, "ockerfile")) {
            SCO_AUTO(sco_iac_set) struct sco_iac_set s = {0};
            struct sco_error err = {0};
            assert_int_equal(sco_iac_add_file(&s, path, path, SCO_IAC_FORMAT_DOCKERFILE, 0, &err),
                             1);
            if (s.docs[0].status != SCO_IAC_PARSED)
                fail_msg("%s: %s", path, s.docs[0].reason);
            assert_true(s.docs[0].n_resources > 1);
            n++;
        }
        free(path);
    }
    closedir(d);
    return n;
}

static void everything(void **state)
{
    static const struct {
        const char *dir;
        size_t files;
    } sets[] = {{"kics/dockerfile", 84}, {"checkov-docker", 19}, {"trivy-examples/dockerfile", 18}};
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(sets); i++) {
        char *dir = corpus(sets[i].dir);
        if (!dir)
            return skip();
        assert_int_equal(read_all(dir), sets[i].files);
        free(dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden), cmocka_unit_test(rejected),
                                       cmocka_unit_test(lines), cmocka_unit_test(everything)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

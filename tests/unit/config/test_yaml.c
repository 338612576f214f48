/* The YAML tree: places, aliases, merges, limits, messages. */
#include <secureops/yaml.h>

#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

struct fixture {
    struct sco_arena arena;
    struct sco_error err;
    const struct sco_yaml *root;
    int r;
};

static void parse(struct fixture *f, const char *text, uint32_t flags)
{
    sco_arena_reset(&f->arena);
    f->err = (struct sco_error){0};
    f->root = NULL;
    f->r = sco_yaml_parse(sco_str_c(text), "t.yaml", flags, &f->arena, &f->root, &f->err);
}

static void done(struct fixture *f)
{
    sco_arena_done(&f->arena);
}

static const struct sco_yaml *at(const struct sco_yaml *v, const char *path)
{
    struct sco_str rest = sco_str_c(path), part;
    while (v && sco_str_split(&rest, '.', &part)) {
        int64_t i;
        if (v->kind == SCO_YAML_MAP) {
            v = sco_yaml_get(v, part);
        } else {
            assert_int_equal(sco_parse_i64(part, 0, 1000, &i), 0);
            v = v->child;
            while (v && i--)
                v = v->next;
        }
    }
    return v;
}

static void assert_text(const struct fixture *f, const char *path, const char *text)
{
    const struct sco_yaml *v = at(f->root, path);
    assert_non_null(v);
    assert_int_equal(v->kind, SCO_YAML_SCALAR);
    assert_string_equal(v->text.p, text);
    assert_int_equal(v->text.n, strlen(text));
}

static void assert_error(const struct fixture *f, int code, const char *text)
{
    assert_int_equal(f->r, code);
    assert_string_equal(f->err.text, text);
    assert_null(f->root);
}

static void places(void **state)
{
    struct fixture f = {0};
    (void)state;
    parse(
        &f,
        "a: 1\nb:\n  - x\n  - \"y z\"\n  - {k: v}\nc: !Ref z\nd: |\n  text\n\xc3\xa4: \xc3\xb6 q\n",
        0);
    assert_int_equal(f.r, 0);
    assert_int_equal(f.root->n, 5);
    assert_int_equal(f.root->size, 16);
    assert_int_equal(f.root->depth, 3);
    const struct sco_yaml *v = at(f.root, "b.2.k");
    assert_int_equal(v->line, 5);
    assert_int_equal(v->column, 9);
    assert_int_equal(v->key->column, 6);
    assert_true(at(f.root, "a")->plain);
    assert_false(at(f.root, "b.1")->plain);
    assert_text(&f, "b.1", "y z");
    assert_string_equal(at(f.root, "c")->tag, "!Ref");
    assert_false(at(f.root, "c")->plain);
    assert_null(at(f.root, "a")->tag);
    assert_text(&f, "d", "text\n");
    assert_false(at(f.root, "d")->plain);
    assert_text(&f, "\xc3\xa4", "\xc3\xb6 q");
    assert_int_equal(at(f.root, "\xc3\xa4")->column, 4); /* characters, not bytes */
    assert_null(at(f.root, "nope"));
    done(&f);
}

static void empty_documents(void **state)
{
    static const char *const empty[] = {"", "# only\n", "---\n", "\n\n", "--- # c\n...\n", "~"};
    struct fixture f = {0};
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(empty); i++) {
        parse(&f, empty[i], 0);
        assert_int_equal(f.r, 0);
        assert_null(f.root);
    }
    parse(&f, "a: 1\n---\nb: 2\n", 0);
    assert_error(&f, SCO_E_PARSE, "t.yaml:2:1: a second document starts here, only one is read");
    struct sco_str many = SCO_STR("# c\n---\na: 1\n--- # x\n---\n- 2\n...\n--- |\n  ---\n  x\n");
    assert_int_equal(sco_yaml_parse_all(many, "t.yaml", 0, &f.arena, &f.root, &f.err), 0);
    assert_int_equal(f.root->n, 3);
    assert_int_equal(at(f.root, "1.0")->line, 6);
    assert_text(&f, "2", "---\nx\n");
    done(&f);
}

static void nulls(void **state)
{
    struct fixture f = {0};
    (void)state;
    parse(&f, "a:\nb: ~\nc: null\nd: ''\ne: \"null\"\nf: {}\n", 0);
    assert_true(sco_yaml_is_null(at(f.root, "a")));
    assert_true(sco_yaml_is_null(at(f.root, "b")));
    assert_true(sco_yaml_is_null(at(f.root, "c")));
    assert_false(sco_yaml_is_null(at(f.root, "d")));
    assert_false(sco_yaml_is_null(at(f.root, "e")));
    assert_false(sco_yaml_is_null(at(f.root, "f")));
    assert_false(sco_yaml_is_null(NULL));
    done(&f);
}

static void aliases(void **state)
{
    struct fixture f = {0};
    (void)state;
    parse(&f, "base: &b {x: [1, 2]}\nuse: *b\n? &k name\n: *k\nagain: &b 7\nlast: *b\n", 0);
    assert_int_equal(f.r, 0);
    assert_text(&f, "use.x.1", "2");
    assert_int_equal(at(f.root, "use")->line, 1); /* where a reader has to look */
    assert_true(at(f.root, "use")->alias);
    assert_string_equal(at(f.root, "use")->key->text.p, "use");
    assert_text(&f, "name", "name");
    assert_text(&f, "last", "7");
    parse(&f, "a: *nope\n", 0);
    assert_error(&f, SCO_E_PARSE, "t.yaml:1:4: no anchor &nope before this");
    parse(&f, "a: &x\n  b: [*x]\n", 0);
    assert_error(&f, SCO_E_PARSE, "t.yaml:2:7: *x contains itself");
    done(&f);
}

static void merges(void **state)
{
    struct fixture f = {0};
    (void)state;
    static const char text[] = "one: &one {a: 1, b: 1, c: {d: 1}}\n"
                               "two: &two {b: 2, e: 2}\n"
                               "m: {b: 0, <<: [*one, *two], f: 3}\n"
                               "q: {\"<<\": *one}\n"
                               "n: {<<: {z: 1}}\n";
    parse(&f, text, SCO_YAML_MERGE);
    assert_int_equal(f.r, 0);
    assert_int_equal(at(f.root, "m")->n, 5);
    assert_text(&f, "m.a", "1");
    assert_text(&f, "m.b", "0");
    assert_text(&f, "m.c.d", "1");
    assert_text(&f, "m.e", "2");
    assert_text(&f, "m.f", "3");
    assert_true(at(f.root, "m.e")->alias);
    assert_null(at(f.root, "m.<<"));
    assert_non_null(at(f.root, "q.<<"));
    assert_text(&f, "n.z", "1");
    parse(&f, text, 0);
    assert_non_null(at(f.root, "m.<<"));
    parse(&f, "a: {<<: 1}\n", SCO_YAML_MERGE);
    assert_error(&f, SCO_E_PARSE, "t.yaml:1:9: only maps can be merged with <<, this is text");
    parse(&f, "a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a\n", SCO_YAML_MERGE);
    assert_error(&f, SCO_E_PARSE, "t.yaml:4:3: key \"<<\" is there twice, first in line 3");
    done(&f);
}

/* Long maps are indexed: the same answers on both sides of the border. */
static void many_keys(void **state)
{
    struct fixture f = {0};
    (void)state;
    for (int n = 10; n < 40; n++) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        sco_buf_addz(&b, "base: &base {k3: merged, extra: e}\nm:\n");
        for (int i = 0; i < n; i++)
            sco_buf_addf(&b, "  k%d: %d\n", i, i);
        size_t good = b.n;
        sco_buf_addz(&b, "  <<: *base\n");
        parse(&f, sco_buf_z(&b), SCO_YAML_MERGE);
        assert_int_equal(f.r, 0);
        assert_int_equal(at(f.root, "m")->n, n + 1);
        assert_text(&f, "m.k3", "3");
        assert_text(&f, "m.extra", "e");
        b.n = good;
        sco_buf_addf(&b, "  k%d: again\n", n - 1);
        parse(&f, sco_buf_z(&b), 0);
        assert_int_equal(f.r, SCO_E_PARSE);
        assert_non_null(strstr(f.err.text, "is there twice, first in line"));
        parse(&f, sco_buf_z(&b), SCO_YAML_KEEP_DUPLICATES);
        assert_int_equal(f.r, 0);
        assert_int_equal(at(f.root, "m")->n, n + 1);
    }
    done(&f);
}

static void malformed(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"a: 1\na: 2\n", "t.yaml:2:1: key \"a\" is there twice, first in line 1"},
        {"a:\n\tb: 1\n", "t.yaml:2:1: a tab cannot indent YAML, use spaces"},
        {"a: [1\nb: 2\n", "t.yaml:2:2: did not find expected ',' or ']', while parsing a flow "
                          "sequence that starts in line 1"},
        {"? [a]\n: 1\n", "t.yaml:1:3: a key has to be text, this is a list"},
        {"a: \"x\n", "t.yaml:2:1: found unexpected end of stream, while scanning a quoted scalar "
                     "that starts in line 1"},
        {"ok: 1\nx: \xff\n", "t.yaml:2:4: not text: invalid leading UTF-8 octet"},
        {"a: !<x\n", NULL},
        {"%YAML 3.0\n---\na: 1\n", NULL},
        {"{", NULL},
        {"a: b: c\n", NULL},
        {"a: 'b\0c'", NULL},
    };
    struct fixture f = {0};
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        parse(&f, cases[i].text, SCO_YAML_MERGE);
        assert_int_equal(f.r, SCO_E_PARSE);
        assert_null(f.root);
        if (cases[i].error)
            assert_string_equal(f.err.text, cases[i].error);
        else
            assert_int_equal(strncmp(f.err.text, "t.yaml:", 7), 0);
    }
    done(&f);
}

static void repeat(struct sco_buf *b, const char *z, size_t n)
{
    sco_buf_clear(b);
    while (n--)
        sco_buf_addz(b, z);
}

static void limits(void **state)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct fixture f = {0};
    (void)state;
    repeat(&b, "[", SCO_YAML_DEPTH_MAX);
    for (int i = 0; i < SCO_YAML_DEPTH_MAX; i++)
        sco_buf_addc(&b, ']');
    parse(&f, sco_buf_z(&b), 0);
    assert_int_equal(f.r, 0);
    assert_int_equal(f.root->depth, SCO_YAML_DEPTH_MAX);
    repeat(&b, "[", SCO_YAML_DEPTH_MAX + 1);
    parse(&f, sco_buf_z(&b), 0);
    assert_error(&f, SCO_E_LIMIT, "t.yaml:1:129: nested deeper than 128");
    repeat(&b, "[", 2000000);
    parse(&f, sco_buf_z(&b), 0);
    assert_true(f.r < 0);
    repeat(&b, "- a\n", SCO_YAML_NODES_MAX);
    parse(&f, sco_buf_z(&b), 0);
    assert_error(&f, SCO_E_LIMIT, "t.yaml:200000:3: more than 200000 nodes");
    assert_int_equal(sco_yaml_parse(sco_str_make(b.p, SCO_YAML_SIZE_MAX + 1ul), "t.yaml", 0,
                                    &f.arena, &f.root, &f.err),
                     SCO_E_LIMIT);
    assert_string_equal(f.err.text, "t.yaml: larger than 16777216 bytes");
    done(&f);
}

/* A small text must not become a large tree, however it refers to itself. */
static void bombs(void **state)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct fixture f = {0};
    (void)state;
    sco_buf_addz(&b, "a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 10; i++) {
        sco_buf_addf(&b, "a%d: &a%d [", i, i);
        for (int k = 0; k < 9; k++)
            sco_buf_addf(&b, "*a%d,", i - 1);
        sco_buf_addz(&b, "]\n");
    }
    parse(&f, sco_buf_z(&b), 0);
    assert_int_equal(f.r, SCO_E_LIMIT);
    assert_non_null(strstr(f.err.text, "aliases expand to more than 10000 nodes in all"));

    sco_buf_clear(&b); /* the depth of an alias counts, too */
    sco_buf_addz(&b, "d0: &d0 [x]\n");
    for (int i = 1; i < 60; i++)
        sco_buf_addf(&b, "d%d: &d%d [[[*d%d]]]\n", i, i, i - 1);
    parse(&f, sco_buf_z(&b), 0);
    assert_int_equal(f.r, SCO_E_LIMIT);
    assert_non_null(strstr(f.err.text, "nested deeper than 128"));

    sco_buf_clear(&b); /* merges as well */
    sco_buf_addz(&b, "base: &b {");
    for (int i = 0; i < 500; i++)
        sco_buf_addf(&b, "k%d: 1,", i);
    sco_buf_addz(&b, "}\n");
    for (int i = 0; i < 100; i++)
        sco_buf_addf(&b, "m%d: {<<: *b}\n", i);
    parse(&f, sco_buf_z(&b), SCO_YAML_MERGE);
    assert_int_equal(f.r, SCO_E_LIMIT);
    done(&f);
}

static void no_memory(void **state)
{
    static const char text[] = "a: &x {k: [1, 2, \"three\"], <<: {z: !t 1}}\nb: *x\n";
    struct fixture f = {0};
    int r = SCO_E_NOMEM;
    (void)state;
    for (long n = 0; r != 0; n++) {
        f.root = NULL;
        assert_true(n < 1000);
        sco_alloc_fail_at(n);
        r = sco_yaml_parse(sco_str_c(text), "t", SCO_YAML_MERGE, &f.arena, &f.root, &f.err);
        sco_alloc_fail_at(-1);
        assert_true(r == 0 || (r == SCO_E_NOMEM && !f.root));
        if (r == 0)
            assert_non_null(at(f.root, "b.z"));
        done(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places),    cmocka_unit_test(empty_documents), cmocka_unit_test(nulls),
        cmocka_unit_test(aliases),   cmocka_unit_test(merges),          cmocka_unit_test(many_keys),
        cmocka_unit_test(malformed), cmocka_unit_test(limits),          cmocka_unit_test(bombs),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

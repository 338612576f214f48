/* YAML: what each consumer takes a scalar for, places, documents, aliases, merges, limits. */
#include "iac_help.h"

static const struct sco_iac_node *root(const struct fixture *f)
{
    assert_non_null(doc(f, 0)->root);
    return doc(f, 0)->root;
}

/* ---- scalars ---- */
struct row {
    const char *scalar, *kubernetes, *go3, *core;
};

static const struct row rows[] = {
    {"yes", "true", "\"yes\"", "\"yes\""},
    {"Off", "false", "\"Off\"", "\"Off\""},
    {"on", "true", "\"on\"", "\"on\""},
    {"y", "true", "\"y\"", "\"y\""},
    {"N", "false", "\"N\"", "\"N\""},
    {"True", "true", "true", "true"},
    {"tRue", "\"tRue\"", "\"tRue\"", "\"tRue\""},
    {"0644", "420", "420", "644"},
    {"0o644", "420", "420", "420"},
    {"08", "8", "8", "8"},
    {"-0x1F", "-31", "-31", "\"-0x1F\""},
    {"0x1f", "31", "31", "31"},
    {"0b101", "5", "5", "\"0b101\""},
    {"22:22", "\"22:22\"", "\"22:22\"", "\"22:22\""},
    {"12:30:45", "\"12:30:45\"", "\"12:30:45\"", "\"12:30:45\""},
    {"1_000", "1000", "1000", "\"1_000\""},
    {"1e3", "1000.", "1000.", "1000."},
    {".5", "0.5.", "0.5.", "0.5."},
    {"1.", "1.", "1.", "1."},
    {"+12", "12", "12", "12"},
    {"2024-01-01", "\"2024-01-01\"", "\"2024-01-01\"", "\"2024-01-01\""},
    {"=", "\"=\"", "\"=\"", "\"=\""},
    {"~", "null", "null", "null"},
    {"", "null", "null", "null"},
    {"Null", "null", "null", "null"},
    {"nULL", "\"nULL\"", "\"nULL\"", "\"nULL\""},
    {".inf", "#.inf", "#.inf", "#.inf"},
    {"-.INF", "#-.INF", "#-.INF", "#-.INF"},
    {".nan", "#.nan", "#.nan", "#.nan"},
    {"-", "[null]", "[null]", "[null]"},
    {"1.2.3", "\"1.2.3\"", "\"1.2.3\"", "\"1.2.3\""},
    {"9007199254740993", "9007199254740993", "9007199254740993", "9007199254740993"},
    {"9223372036854775809", "#9223372036854775809", "#9223372036854775809", "#9223372036854775809"},
    {"0xFFFFFFFFFFFFFFFF", "#18446744073709551615", "#18446744073709551615",
     "#18446744073709551615"},
    {"'no'", "\"no\"", "\"no\"", "\"no\""},
    {"\"1\"", "\"1\"", "\"1\"", "\"1\""},
    {"!!str no", "\"no\"", "\"no\"", "\"no\""},
    {"!!int '7'", "7", "7", "7"},
    {"! 7", "\"7\"", "\"7\"", "\"7\""},
    {"!vault 7", "\"7\"", "\"7\"", "\"7\""},
};

static void test_scalars(void **state)
{
    (void)state;
    static const enum sco_iac_format formats[] = {SCO_IAC_FORMAT_KUBERNETES, SCO_IAC_FORMAT_COMPOSE,
                                                  SCO_IAC_FORMAT_GITHUB_WORKFLOW};
    struct fixture f = {0};
    for (size_t i = 0; i < SCO_ARRAY_LEN(rows); i++) {
        const char *const expected[] = {rows[i].kubernetes, rows[i].go3, rows[i].core};
        for (size_t k = 0; k < 3; k++) {
            char text[120];
            snprintf(text, sizeof text, "kind: X\nv:\n  %s\n", rows[i].scalar);
            done(&f);
            add_as(&f, "t.yaml", sco_str_c(text), formats[k], 0);
            assert_int_equal(f.r, 1);
            assert_shows(sco_iac_get(root(&f), "v"), expected[k]);
        }
    }
    done(&f);
}

/* Ruby's reader: words are booleans, letters are not. */
static void test_gitlab_scalars(void **state)
{
    (void)state;
    struct fixture f = {0};
    add(&f, ".gitlab-ci.yml",
        "a: {script: x, v: [yes, No, ON, off, y, N, true, 0644, 1_000, 'no'], on: 1, y: 2}\n");
    assert_shows(sco_iac_path(root(&f), "a.v"),
                 "[true, false, true, false, \"y\", \"N\", true, 420, 1000, \"no\"]");
    assert_shows(sco_iac_path(root(&f), "a.true"), "1");
    assert_shows(sco_iac_path(root(&f), "a.y"), "2");
    done(&f);
}

static void test_keys(void **state)
{
    (void)state;
    static const char text[] = "kind: X\non: 1\n0x10: 2\nno: 3\n\"yes\": 4\n~: 5\n1.5: 6\n<<: 7\n";
    struct fixture f = {0};
    add_as(&f, "t.yaml", sco_str_c(text), SCO_IAC_FORMAT_GITHUB_WORKFLOW, 0);
    assert_shows(root(&f), "{kind: \"X\", on: 1, 0x10: 2, no: 3, yes: 4, ~: 5, 1.5: 6, <<: 7}");
    done(&f);
    static const char merged[] =
        "kind: X\non: 1\n0x10: 2\nno: 3\n\"yes\": 4\n~: 5\n1.5: 6\n\"<<\": 7\n\"\\x01<<\": 8\n";
    add_as(&f, "t.yaml", sco_str_c(merged), SCO_IAC_FORMAT_KUBERNETES, 0);
    assert_shows(root(&f), "{kind: \"X\", true: 1, 16: 2, false: 3, yes: 4, null: 5, 1.5: 6, "
                           "<<: 7, \001<<: 8}");
    done(&f);
}

/* ---- places ---- */
static void test_places(void **state)
{
    (void)state;
    struct fixture f = {0};
    add(&f, "t.yaml",
        "\xEF\xBB\xBF"
        "apiVersion: v1\r\nkind: X # \xC3\xA9\r\nm:   # comment\r\n  \xC3\xA9: &a \"x\xC3\xA9\"\r\n"
        "  l:\r\n  - 1\r\n  - {b: [c, d],\r\n     e: }\r\n\r\n# end\r\nt: |\r\n  a\r\n  b\r\n\r\n"
        "z:\r\n");
    assert_int_equal(f.r, 1);
    const struct sco_iac_node *v = root(&f), *m = sco_iac_get(v, "m");
    assert_place(&f, m, "4:3-8:9");
    assert_place(&f, sco_iac_get(m, "\xC3\xA9"), "4:9-4:12");
    assert_place(&f, sco_iac_get(m, "l"), "6:3-8:9");
    assert_place(&f, sco_iac_path(sco_iac_at(sco_iac_get(m, "l"), 1), "b"), "7:9-7:14");
    assert_place(&f, sco_iac_path(sco_iac_at(sco_iac_get(m, "l"), 1), "e"), "8:8-8:8");
    assert_place(&f, sco_iac_get(v, "t"), "11:4-13:3");
    assert_place(&f, sco_iac_get(v, "z"), "15:3-15:3");
    assert_shows(sco_iac_get(v, "t"), "\"a\nb\n\"");
    struct sco_iac_place p;
    sco_iac_place_at(&f.set, 0, m->member[1].key_pos, m->member[1].key_pos, &p);
    assert_int_equal(p.line, 5);
    assert_int_equal(p.column, 3);
    done(&f);
}

/* ---- documents ---- */
static void test_documents(void **state)
{
    (void)state;
    struct fixture f = {0};
    add(&f, "t.yaml",
        "# only a comment\n---\n# Source: c/templates/a.yaml\napiVersion: v1\nkind: A\n"
        "t: |\n  ---\n  x\n--- # comment\n---   \n# Source: c/templates/b.yaml\n\n"
        "apiVersion: v1\nkind: B\n...\n%YAML 1.1\n---\napiVersion: v1\nkind: C\n---\n");
    assert_int_equal(f.r, 3);
    assert_string_equal(doc(&f, 0)->source, "c/templates/a.yaml");
    assert_string_equal(doc(&f, 1)->source, "c/templates/b.yaml");
    assert_null(doc(&f, 2)->source);
    assert_int_equal(doc(&f, 0)->index, 0);
    assert_int_equal(doc(&f, 1)->index, 2); /* the empty one between them is counted */
    assert_int_equal(doc(&f, 2)->index, 3);
    assert_place(&f, doc(&f, 2)->root, "18:1-19:7");
    only(&f, "t.yaml", "# nothing\n");
    assert_int_equal(f.r, 0);
    add_as(&f, "t.yaml", sco_str_c("# nothing\n"), SCO_IAC_FORMAT_NONE, SCO_IAC_EXPLICIT);
    assert_doc(&f, 0, SCO_IAC_FORMAT_NONE, SCO_IAC_SKIPPED);
    assert_reason(&f, 0, "empty");
    done(&f);
}

/* What follows a broken document is not read, what came before it is. */
static void test_broken(void **state)
{
    (void)state;
    struct fixture f = {0};
    add(&f, "t.yaml", "apiVersion: v1\nkind: A\n---\napiVersion: v1\nkind: B\n\tx: 1\n");
    assert_int_equal(f.r, 2);
    assert_doc(&f, 0, SCO_IAC_FORMAT_KUBERNETES, SCO_IAC_PARSED);
    assert_doc(&f, 1, SCO_IAC_FORMAT_KUBERNETES, SCO_IAC_FAILED);
    assert_string_equal(doc(&f, 1)->reason, "t.yaml:6:1: a tab cannot indent YAML, use spaces");
    only(&f, "t.yaml", "apiVersion: v1\nkind: [A\n");
    assert_doc(&f, 0, SCO_IAC_FORMAT_KUBERNETES, SCO_IAC_FAILED);
    assert_reason(&f, 0,
                  "t.yaml:3:1: did not find expected ',' or ']', while parsing a flow "
                  "sequence that starts in line 2");
    only(&f, "t.yaml", "apiVersion: v1\nkind: A\n? {a: b}\n: c\n");
    assert_reason(&f, 0, "t.yaml:3:3: a key has to be text, this is a map");
    only(&f, "t.yaml", "--- apiVersion: v1\nkind: A\n");
    assert_int_equal(f.r, 1);
    assert_doc(&f, 0, SCO_IAC_FORMAT_KUBERNETES, SCO_IAC_FAILED);
    assert_reason(&f, 0, "t.yaml:1:15: mapping values are not allowed in this context");
    only(&f, "t.yaml", "--- {apiVersion: v1, kind: A}\n--- \"x\"\n");
    assert_doc(&f, 0, SCO_IAC_FORMAT_KUBERNETES, SCO_IAC_PARSED);
    assert_doc(&f, 1, SCO_IAC_FORMAT_KUBERNETES, SCO_IAC_SKIPPED);
    only(&f, "t.yaml", "some: [thing\n");
    assert_int_equal(f.r, 0);                                       /* nothing of ours */
    only(&f, "t.yaml", "apiVersion: v1\nkind: &a A\n---\nb: *a\n"); /* of another document */
    assert_int_equal(f.r, 2);
    assert_reason(&f, 1, "t.yaml:4:4: no anchor &a before this alias");
    only(&f, ".github/workflows/x.yml", "some: [thing\n");
    assert_doc(&f, 0, SCO_IAC_FORMAT_GITHUB_WORKFLOW, SCO_IAC_FAILED);
    only(&f, "docker-compose.yml", "- a\n");
    assert_doc(&f, 0, SCO_IAC_FORMAT_COMPOSE, SCO_IAC_FAILED);
    assert_reason(&f, 0, "docker-compose.yml:1:1: a list where a map is expected");
    done(&f);
}

static void test_repeated(void **state)
{
    (void)state;
    struct fixture f = {0};
    add(&f, "t.yaml", "apiVersion: v1\nkind: A\nx: 1\nz: 2\nx: 3\n");
    assert_shows(root(&f), "{apiVersion: \"v1\", kind: \"A\", z: 2, x: 3}");
    assert_string_equal(doc(&f, 0)->notes[0],
                        "t.yaml:5:1: key \"x\" is repeated: the last one counts");
    done(&f);
}

static void test_tags(void **state)
{
    (void)state;
    struct fixture f = {0};
    add(&f, ".gitlab-ci.yml", "a:\n  script: !reference [.x, script]\n  b: !vault |\n    abc\n");
    const struct sco_iac_node *v = sco_iac_path(root(&f), "a.script");
    assert_shows(v, "[\".x\", \"script\"]");
    assert_string_equal(f.set.tags[v->tag - 1], "!reference");
    assert_place(&f, v, "2:22-2:33");
    v = sco_iac_path(root(&f), "a.b");
    assert_string_equal(f.set.tags[v->tag - 1], "!vault");
    assert_shows(v, "\"abc\n\"");
    assert_int_equal(root(&f)->tag, 0);
    done(&f);
}

/* ---- aliases ---- */
static void test_aliases(void **state)
{
    (void)state;
    struct fixture f = {0};
    add(&f, "compose.yaml",
        "x-a: &a {k: 1}\nx-b: &b\n  k: 2\n  l: 3\nservices:\n  s:\n    image: x\n    <<: [*a, *b]\n"
        "    m: *b\n  t:\n    image: y\n    l: 4\n    <<: *b\n");
    const struct sco_iac_node *v = sco_iac_path(root(&f), "services.s");
    assert_shows(v, "{image: \"x\", m: {k: 2, l: 3}, k: 1, l: 3}");
    assert_place(&f, sco_iac_get(v, "m"), "3:3-4:6"); /* at the anchor */
    assert_true(sco_iac_get(v, "m")->flags & SCO_IAC_ALIASED);
    assert_true(sco_iac_get(v, "k")->flags & SCO_IAC_ALIASED);
    assert_place(&f, sco_iac_get(v, "k"), "1:13-1:13");
    assert_shows(sco_iac_path(root(&f), "services.t"), "{image: \"y\", l: 4, k: 2}");
    assert_place(&f, root(&f), "1:1-13:10");
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    assert_true(sco_iac_pointer(root(&f), sco_iac_get(v, "l"), &b));
    assert_string_equal(sco_buf_z(&b), "/services/s/l");
    only(
        &f, "t.yaml",
        "apiVersion: v1\nkind: A\nm: &a # c: d\n  # e\n  k: v\n"); /* a comment behind the anchor */
    assert_place(&f, sco_iac_get(root(&f), "m"), "5:3-5:6");
    /* keys through aliases; an anchor that is used again */
    only(&f, "compose.yaml",
         "services:\n  &n web: {image: x, labels: {*n : *n, a: &n z, b: *n}}\n");
    assert_shows(sco_iac_path(root(&f), "services.web.labels"),
                 "{web: \"web\", a: \"z\", b: \"z\"}");
    done(&f);
}

static void assert_refused(const char *text, const char *why)
{
    struct fixture f = {0};
    add_as(&f, "t.yaml", sco_str_c(text), SCO_IAC_FORMAT_COMPOSE, 0);
    assert_int_equal(f.r, 1);
    assert_doc(&f, 0, SCO_IAC_FORMAT_COMPOSE, SCO_IAC_FAILED);
    assert_reason(&f, 0, why);
    done(&f);
}

static void test_bad_aliases(void **state)
{
    (void)state;
    assert_refused("a: &a [*a]\n", "t.yaml:1:8: *a contains itself");
    assert_refused("a: *b\n", "t.yaml:1:4: no anchor &b before this alias");
    assert_refused("a: {<<: 1}\n",
                   "t.yaml:1:5: only maps can be merged with <<, this is a integer");
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addz(&b, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 9; i++)
        sco_buf_addf(&b, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i,
                     i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    assert_refused(sco_buf_z(&b), "aliases add more than 100000 nodes (SCO_IAC_ALIAS_NODES_MAX)");
    sco_buf_clear(&b);
    for (int i = 0; i <= SCO_IAC_DEPTH_MAX; i++)
        sco_buf_addc(&b, '[');
    assert_refused(sco_buf_z(&b), "t.yaml:1:201: nested deeper than 200 (SCO_IAC_DEPTH_MAX)");
    sco_buf_clear(&b);
    sco_buf_addz(&b, "a0: &a0 [x]\n"); /* deep only when the aliases are followed */
    for (int i = 1; i <= SCO_IAC_DEPTH_MAX; i++)
        sco_buf_addf(&b, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    assert_refused(sco_buf_z(&b), "nested deeper than 200 (SCO_IAC_DEPTH_MAX)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_gitlab_scalars), cmocka_unit_test(test_places),
        cmocka_unit_test(test_documents),      cmocka_unit_test(test_broken),
        cmocka_unit_test(test_repeated),       cmocka_unit_test(test_tags),
        cmocka_unit_test(test_aliases),        cmocka_unit_test(test_bad_aliases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Option tables: every type, its messages, layers, secrets, deprecation, JSON both ways. */
#include <secureops/fs.h>
#include <secureops/option.h>

#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

struct ctx {
    int64_t flag, jobs, wait, room;
    double ratio;
    struct sco_str name, mode, token, old_name;
    struct sco_str_list paths, tokens;
};

#define AT(field) .offset = offsetof(struct ctx, field)

static const struct sco_option table[] = {
    {.name = "flag", .type = SCO_OPT_BOOL, AT(flag), .def = "true", .doc = "A flag."},
    {.name = "jobs",
     .type = SCO_OPT_INT,
     AT(jobs),
     .def = "4",
     .min = 1,
     .max = 64,
     .doc = "Jobs."},
    {.name = "wait", .type = SCO_OPT_DURATION, AT(wait), .def = "90s", .min = 0, .max = 3600000},
    {.name = "room", .type = SCO_OPT_SIZE, AT(room), .min = 1024, .max = INT64_MAX},
    {.name = "ratio",
     .type = SCO_OPT_REAL,
     AT(ratio),
     .flags = SCO_OPT_TRUSTED,
     .def = "0.5",
     .doc = "A ratio."},
    {.name = "name", .type = SCO_OPT_STR, AT(name)},
    {.name = "mode", .type = SCO_OPT_ENUM, AT(mode), .def = "fast", .values = "fast, careful"},
    {.name = "paths", .type = SCO_OPT_LIST, AT(paths), .def = "a,b", .doc = "Paths | with a bar."},
    {.name = "token", .type = SCO_OPT_STR, AT(token), .flags = SCO_OPT_SECRET},
    {.name = "tokens", .type = SCO_OPT_LIST, AT(tokens), .flags = SCO_OPT_SECRET},
    {.name = "old_name",
     .type = SCO_OPT_STR,
     AT(old_name),
     .flags = SCO_OPT_DEPRECATED,
     .values = "name"},
    {0},
};

struct fixture {
    struct sco_arena arena;
    struct sco_warnings warnings;
    struct sco_values v;
    struct sco_error err;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    f->warnings.arena = &f->arena;
    *state = f;
    return sco_values_init(&f->v, table, "s.x", &f->arena, &f->warnings, &f->err);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sco_arena_done(&f->arena);
    free(f);
    return 0;
}

static int take(struct fixture *f, const char *text, uint32_t flags)
{
    const struct sco_yaml *root;
    f->err.text[0] = 0;
    assert_int_equal(sco_yaml_parse(sco_str_c(text), "d/c.yaml", 0, &f->arena, &root, &f->err), 0);
    return sco_values_yaml(&f->v, root, "d/c.yaml", flags, &f->err);
}

static const char *json(struct fixture *f, uint32_t flags)
{
    struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    assert_int_equal(sco_values_write(&f->v, 0, flags, &o, &f->err), 0);
    const char *z = sco_arena_cstr(&f->arena, sco_buf_str(&b));
    sco_buf_done(&b);
    return z;
}

static void defaults(void **state)
{
    struct fixture *f = *state;
    struct ctx c;
    memset(&c, 0xAA, sizeof c);
    assert_int_equal(sco_values_finish(&f->v, &f->err), 0);
    sco_values_fill(&f->v, &c);
    assert_int_equal(c.flag, 1);
    assert_int_equal(c.jobs, 4);
    assert_int_equal(c.wait, 90000);
    assert_int_equal(c.room, 0);
    assert_true(c.ratio == 0.5);
    assert_null(c.name.p);
    assert_string_equal(c.mode.p, "fast");
    assert_int_equal(c.paths.n, 2);
    assert_string_equal(c.paths.v[1].p, "b");
    assert_string_equal(json(f, 0), "{\"flag\":true,\"jobs\":4,\"wait\":90000,\"ratio\":0.5,"
                                    "\"mode\":\"fast\",\"paths\":[\"a\",\"b\"]}");
}

static void from_yaml(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(take(f,
                          "flag: no\njobs: 8\nwait: 1m30s\nroom: 64KiB\nratio: 15e-1\nname: 1.10\n"
                          "mode: CAREFUL\npaths: [x, 'y,z']\ntoken: env:TOKEN\n"
                          "tokens:\n  - file:t\n",
                          0),
                     0);
    assert_string_equal(f->v.v[1].origin, "d/c.yaml:2:7");
    assert_int_equal(take(f, "jobs: 9\npaths: one, two\n", 0), 0); /* a later layer */
    assert_int_equal(sco_values_finish(&f->v, &f->err), 0);
    assert_string_equal(json(f, 0),
                        "{\"flag\":false,\"jobs\":9,\"wait\":90000,\"room\":65536,\"ratio\":1.5,"
                        "\"name\":\"1.10\",\"mode\":\"careful\",\"paths\":[\"one, two\"],"
                        "\"token\":\"env:TOKEN\",\"tokens\":[\"file:d/t\"]}");
    assert_int_equal(take(f, "paths:\n", 0), 0);
    assert_int_equal(f->v.v[7].list.n, 0);
    assert_int_equal(take(f, "", 0), 0);
    assert_int_equal(take(f, "jobs: 2\nunknown: 1\n", SCO_VALUES_PARTIAL), 0);
    assert_int_equal(f->v.v[1].i, 2);
}

static void yaml_errors(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"jbos: 1", "d/c.yaml:1:1: unknown option \"jbos\" in s.x; did you mean jobs?"},
        {"zzzzzzzz: 1", "d/c.yaml:1:1: unknown option \"zzzzzzzz\" in s.x"},
        {"jobs: many", "d/c.yaml:1:7: s.x.jobs: expected a whole number, got \"many\""},
        {"jobs: 12abc", "d/c.yaml:1:7: s.x.jobs: expected a whole number, got \"12abc\""},
        {"jobs: 65", "d/c.yaml:1:7: s.x.jobs: 65 is out of range, allowed is 1 to 64"},
        {"jobs: 99999999999999999999",
         "d/c.yaml:1:7: s.x.jobs: expected a whole number, got \"99999999999999999999\""},
        {"jobs: [1]", "d/c.yaml:1:7: s.x.jobs: expected a whole number, got a list"},
        {"jobs:", "d/c.yaml:1:6: s.x.jobs: expected a whole number, got nothing"},
        {"flag: maybe", "d/c.yaml:1:7: s.x.flag: expected true or false, got \"maybe\""},
        {"wait: 30",
         "d/c.yaml:1:7: s.x.wait: expected a duration such as 30s, 15m or 2h, got \"30\""},
        {"wait: 2h", "d/c.yaml:1:7: s.x.wait: 2h is out of range, allowed is 0 to 1h"},
        {"room: 1", "d/c.yaml:1:7: s.x.room: 1 is out of range, allowed is at least 1KiB"},
        {"ratio: nan", "d/c.yaml:1:8: s.x.ratio: expected a number, got \"nan\""},
        {"mode: carefull", "d/c.yaml:1:7: s.x.mode: expected one of fast, careful, got "
                           "\"carefull\"; did you mean careful?"},
        {"name: {a: 1}", "d/c.yaml:1:7: s.x.name: expected text, got a map"},
        {"name: \"a\\0b\"", "d/c.yaml:1:7: s.x.name: contains the character U+0000"},
        {"name: !secret x", "d/c.yaml:1:7: s.x.name: the tag !secret means nothing here"},
        {"paths: {a: b}", "d/c.yaml:1:8: s.x.paths: expected a list of texts, got a map"},
        {"paths: [a, [b]]", "d/c.yaml:1:8: s.x.paths: expected text in line 1, got a list"},
        {"paths: [a, ~]", "d/c.yaml:1:8: s.x.paths: expected text in line 1, got nothing"},
        {"- a", "d/c.yaml:1:1: s.x: expected a map, got a list"},
        {"old_name: a\nname: b", "d/c.yaml:1:1: s.x.old_name is the old name of name, which is "
                                 "there too"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        assert_int_equal(take(f, cases[i].text, 0), SCO_E_INVALID);
        assert_string_equal(f->err.text, cases[i].error);
    }
}

static void secrets_are_not_repeated(void **state)
{
    static const char *const texts[] = {"token: hunter2-secret", "token: [hunter2-secret]",
                                        "token: 'env:hunter2 secret'", "tokens: [hunter2-secret]",
                                        "tokens: hunter2-secret"};
    struct fixture *f = *state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(texts); i++) {
        assert_int_equal(take(f, texts[i], 0), SCO_E_INVALID);
        assert_null(strstr(f->err.text, "hunter2"));
        assert_non_null(strstr(f->err.text, "a secret is written as env:NAME or file:PATH"));
    }
    struct sco_str token = SCO_STR("token"), literal = SCO_STR("hunter2");
    assert_int_equal(sco_values_set(&f->v, token, literal, "--set", 0, &f->err), SCO_E_INVALID);
    assert_null(strstr(f->err.text, "hunter2"));
    assert_int_equal(
        sco_values_set(&f->v, token, literal, "SOME_VAR", SCO_VALUES_SECRET_ENV, &f->err), 0);
    assert_string_equal(f->v.v[8].text.p, "env:SOME_VAR");
    assert_int_equal(take(f, "token: env:X", SCO_VALUES_UNTRUSTED), SCO_E_PERMISSION);
    assert_non_null(strstr(f->err.text, "--config"));
}

static void secrets_resolve(void **state)
{
    struct fixture *f = *state;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    char dir[] = "/tmp/sco-secret-XXXXXX";
    assert_non_null(mkdtemp(dir));
    const char *path = sco_arena_fmt(&f->arena, "%s/token", dir);
    const char *ref = sco_arena_fmt(&f->arena, "file:%s", path);
    assert_int_equal(sco_fs_write(path, SCO_STR("s3cret\n"), 0600, &f->err), 0);
    assert_int_equal(sco_secret_resolve(sco_str_c(ref), &b, &f->err), 0);
    assert_string_equal(sco_buf_z(&b), "s3cret");
    setenv("SCO_TEST_TOKEN", "from env", 1);
    sco_buf_clear(&b);
    assert_int_equal(sco_secret_resolve(SCO_STR("env:SCO_TEST_TOKEN"), &b, &f->err), 0);
    assert_string_equal(sco_buf_z(&b), "from env");

    assert_int_equal(take(f, "token: env:SCO_TEST_TOKEN\ntokens: [env:SCO_TEST_TOKEN]", 0), 0);
    assert_string_equal(json(f, 0),
                        "{\"token\":\"env:SCO_TEST_TOKEN\",\"tokens\":[\"env:SCO_TEST_TOKEN\"]}");
    assert_string_equal(json(f, SCO_VALUES_RESOLVE),
                        "{\"token\":\"from env\",\"tokens\":[\"from env\"]}");
    unsetenv("SCO_TEST_TOKEN");
    struct sco_json_out o = {.b = &b};
    assert_int_equal(sco_values_write(&f->v, 0, SCO_VALUES_RESOLVE, &o, &f->err), SCO_E_NOT_FOUND);
    assert_string_equal(f->err.text,
                        "s.x.token: secret env:SCO_TEST_TOKEN: the variable is not set");

    setenv("SCO_TEST_TOKEN", "", 1);
    assert_int_equal(sco_secret_resolve(SCO_STR("env:SCO_TEST_TOKEN"), &b, NULL), SCO_E_INVALID);
    assert_int_equal(sco_secret_resolve(SCO_STR("plain"), &b, NULL), SCO_E_INVALID);
    assert_int_equal(sco_secret_resolve(SCO_STR("file:/dev/null"), &b, NULL), SCO_E_INVALID);
    assert_int_equal(sco_secret_resolve(SCO_STR("file:/nowhere/x"), &b, NULL), SCO_E_NOT_FOUND);
    char *big = calloc(1, SCO_VALUE_LEN_MAX + 2);
    assert_non_null(big);
    memset(big, 'x', SCO_VALUE_LEN_MAX + 1);
    assert_int_equal(sco_fs_write(path, sco_str_c(big), 0600, &f->err), 0);
    assert_int_equal(sco_secret_resolve(sco_str_c(ref), &b, NULL), SCO_E_LIMIT);
    free(big);
    assert_int_equal(sco_fs_write(path, sco_str_make("a\0b", 3), 0600, &f->err), 0);
    assert_int_equal(sco_secret_resolve(sco_str_c(ref), &b, NULL), SCO_E_INVALID);
    sco_fs_remove_tree(dir);
}

static void from_text(void **state)
{
    struct fixture *f = *state;
    struct sco_str paths = SCO_STR("paths");
    assert_int_equal(sco_values_set(&f->v, paths, SCO_STR(" a , b,,c "), "V", 0, &f->err), 0);
    assert_int_equal(f->v.v[7].list.n, 3);
    assert_string_equal(f->v.v[7].list.v[1].p, "b");
    assert_int_equal(sco_values_set(&f->v, paths, SCO_STR("d"), "V", SCO_VALUES_APPEND, &f->err),
                     0);
    assert_int_equal(f->v.v[7].list.n, 4);
    assert_string_equal(f->v.v[7].list.v[0].p, "a");
    assert_string_equal(f->v.v[7].list.v[3].p, "d");
    assert_int_equal(sco_values_set(&f->v, SCO_STR("job"), SCO_STR("1"), "--set", 0, &f->err),
                     SCO_E_NOT_FOUND);
    assert_string_equal(f->err.text, "--set: unknown option s.x.job; did you mean s.x.jobs?");
    assert_int_equal(sco_values_set(&f->v, SCO_STR("jobs"), SCO_STR("x"), "--set", 0, &f->err),
                     SCO_E_INVALID);
    assert_string_equal(f->err.text, "--set: s.x.jobs: expected a whole number, got \"x\"");
}

static void deprecation(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(take(f, "old_name: n\n", 0), 0);
    assert_int_equal(f->warnings.n, 1);
    assert_string_equal(f->warnings.v[0], "d/c.yaml:1:11: s.x.old_name is deprecated, use name");
    assert_string_equal(json(f, 0), "{\"name\":\"n\"}");
}

static void required(void **state)
{
    static const struct sco_option rows[] = {
        {.name = "url", .type = SCO_OPT_STR, .flags = SCO_OPT_REQUIRED}, {0}};
    struct fixture *f = *state;
    struct sco_values v;
    assert_int_equal(sco_values_init(&v, rows, "scanners.z", &f->arena, NULL, &f->err), 0);
    assert_int_equal(sco_values_finish(&v, &f->err), SCO_E_INVALID);
    assert_string_equal(f->err.text, "scanners.z.url is required, but not given");
    assert_int_equal(sco_values_set(&v, SCO_STR("url"), SCO_STR("x"), "V", 0, &f->err), 0);
    assert_int_equal(sco_values_finish(&v, &f->err), 0);
}

static void bad_tables(void **state)
{
    static const struct {
        struct sco_option row;
        const char *error;
    } cases[] = {
        {{.name = "", .type = 1}, "row 1 of the options has a bad name"},
        {{.name = "Upper", .type = 1}, "row 1 of the options has a bad name"},
        {{.name = "a", .type = 9}, "option a has the unknown type 9"},
        {{.name = "a", .type = SCO_OPT_INT, .def = "x"},
         "default of option a: expected a whole number, got \"x\""},
        {{.name = "a", .type = SCO_OPT_INT, .def = "5", .min = 6, .max = 7},
         "default of option a: 5 is out of range, allowed is 6 to 7"},
        {{.name = "a", .type = SCO_OPT_INT, .min = 8, .max = 7},
         "option a has a range that ends before it starts"},
        {{.name = "a", .type = SCO_OPT_ENUM}, "option a has no values to choose from"},
        {{.name = "a", .type = SCO_OPT_INT, .flags = SCO_OPT_SECRET},
         "option a is secret, but no text or list"},
    };
    struct fixture *f = *state;
    struct sco_values v;
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        struct sco_option rows[] = {cases[i].row, {0}};
        assert_int_equal(sco_values_init(&v, rows, "", &f->arena, NULL, &f->err), SCO_E_INVALID);
        assert_string_equal(f->err.text, cases[i].error);
    }
    struct sco_option twice[] = {{.name = "a", .type = 1}, {.name = "a", .type = 1}, {0}};
    assert_int_equal(sco_values_init(&v, twice, "", &f->arena, NULL, &f->err), SCO_E_INVALID);
    assert_string_equal(f->err.text, "option a is there twice");
}

static void json_round_trip(void **state)
{
    struct fixture *f = *state;
    SCO_AUTO(sco_buf) struct sco_buf a = {0}, b = {0};
    struct sco_json_out o = {.b = &a};
    const struct sco_node *node;
    const struct sco_option *back;
    sco_options_write(table, &o);
    assert_int_equal(sco_json_parse(sco_buf_str(&a), &f->arena, &node, &f->err), 0);
    assert_int_equal(sco_options_read(node, &f->arena, &back, &f->err), 0);
    assert_int_equal(sco_options_count(back), sco_options_count(table));
    o = (struct sco_json_out){.b = &b};
    sco_options_write(back, &o);
    assert_string_equal(sco_buf_z(&a), sco_buf_z(&b));
    assert_int_equal(sco_options_read(NULL, &f->arena, &back, &f->err), 0);
    assert_int_equal(sco_options_count(back), 0);
    static const char *const bad[] = {
        "{}",
        "[1]",
        "[{}]",
        "[{\"name\":\"a\"}]",
        "[{\"name\":1,\"type\":\"int\"}]",
        "[{\"name\":\"a\",\"type\":\"what\"}]",
        "[{\"name\":\"a\",\"type\":\"enum\"}]",
        "[{\"name\":\"a\",\"type\":\"int\",\"default\":\"x\"}]",
        "[{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"a\",\"type\":\"int\"}]",
        "[{\"name\":\"a\\u0000\",\"type\":\"int\"}]",
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        assert_int_equal(sco_json_parse(sco_str_c(bad[i]), &f->arena, &node, &f->err), 0);
        assert_int_equal(sco_options_read(node, &f->arena, &back, &f->err), SCO_E_FORMAT);
    }
}

static void markdown(void **state)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    (void)state;
    sco_options_markdown(table, &b);
    const char *z = sco_buf_z(&b);
    assert_non_null(strstr(z, "| `jobs` | int, 1 to 64 | `4` | Jobs. |\n"));
    assert_non_null(strstr(z, "| `room` | size, at least 1KiB |  |  |\n"));
    assert_non_null(strstr(z, "| `mode` | `fast`, `careful` | `fast` |"));
    assert_non_null(strstr(z, "Paths \\| with a bar."));
    assert_non_null(strstr(z, "A ratio. Refused in an untrusted file. |\n"));
    assert_non_null(strstr(z, "| `token` | secret |"));
    assert_non_null(strstr(z, "| `old_name` | string |  | Deprecated: use `name`.  |\n"));
}

/* Every single allocation fails once: an error each time, never a crash or half a result. */
static void no_memory(void **state)
{
    static const char text[] = "jobs: 3\npaths: [a, b]\nmode: fast\ntoken: file:x\nold_name: o\n";
    int r = SCO_E_NOMEM;
    (void)state;
    for (long n = 0; r != 0; n++) {
        SCO_AUTO(sco_arena) struct sco_arena arena = {0};
        SCO_AUTO(sco_buf) struct sco_buf out = {0};
        struct sco_json_out o = {.b = &out};
        struct sco_warnings warnings = {.arena = &arena};
        struct sco_values v;
        const struct sco_yaml *root;
        assert_true(n < 1000);
        assert_int_equal(sco_yaml_parse(sco_str_c(text), "t", 0, &arena, &root, NULL), 0);
        sco_alloc_fail_at(n);
        if ((r = sco_values_init(&v, table, "p", &arena, &warnings, NULL)) == 0 &&
            (r = sco_values_yaml(&v, root, "d/t", 0, NULL)) == 0 &&
            (r = sco_values_set(&v, SCO_STR("paths"), SCO_STR("c"), "V", SCO_VALUES_APPEND,
                                NULL)) == 0 &&
            (r = sco_values_finish(&v, NULL)) == 0 &&
            (r = sco_values_write(&v, 0, 0, &o, NULL)) == 0)
            r = sco_buf_check(&out, NULL);
        long left = sco_alloc_fail_at(-1);
        (void)left;
        assert_true(r == 0 || r == SCO_E_NOMEM);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(defaults),        TEST(from_yaml),
        TEST(yaml_errors),     TEST(secrets_are_not_repeated),
        TEST(secrets_resolve), TEST(from_text),
        TEST(deprecation),     TEST(required),
        TEST(bad_tables),      TEST(json_round_trip),
        TEST(markdown),        TEST(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

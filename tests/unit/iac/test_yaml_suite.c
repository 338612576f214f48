/* The YAML test suite: what libyaml accepts has to become the JSON that the suite expects, read as
 * YAML 1.2 core. The suite is not part of the project: $SECUREOPS_CORPUS or beside the checkout. */
#include <secureops/fs.h>
#include <secureops/yaml.h>
#include "yaml_priv.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdlib.h>
#include <yaml.h>
#include <cmocka.h>

/* Where libyaml's own events are not those of the suite: nothing that is built on them can be
 * right. The reason stands beside it. */
static const struct {
    const char *test, *why;
} deviations[] = {
    {"Y2GN/0", "takes the colon in &an:chor as the end of the anchor"},
    {"L24T/1", "drops a last line of blanks without end of line from a block scalar"},
    {"HM87/1", "takes [?x] as a key"},
};

struct counts {
    unsigned tests, accepted, compared, deviating, refused, rejected_keys;
};

/* ---- the notation of the suite ---- */
static const char *starts(const char *p, const char *mark)
{
    size_t n = strlen(mark);
    return strncmp(p, mark, n) == 0 ? p + n : NULL;
}

/* Visible stand-ins for blanks, tabs, ends of lines and byte order marks. */
static void unescape(const char *p, struct sco_buf *ret)
{
    const char *next;
    while (*p) {
        const char *tab = p;
        while ((next = starts(tab, "—")))
            tab = next;
        if ((next = starts(tab, "»"))) {
            sco_buf_addc(ret, '\t');
        } else if ((next = starts(p, "␣"))) {
            sco_buf_addc(ret, ' ');
        } else if ((next = starts(p, "↵"))) {
            ;
        } else if ((next = starts(p, "←"))) {
            sco_buf_addc(ret, '\r');
        } else if ((next = starts(p, "⇔"))) {
            sco_buf_addz(ret, "\xEF\xBB\xBF");
        } else if ((next = starts(p, "∎\n"))) {
            ;
        } else {
            sco_buf_addc(ret, *p);
            next = p + 1;
        }
        p = next;
    }
}

static bool libyaml_accepts(struct sco_str text)
{
    yaml_parser_t p;
    yaml_event_t ev;
    bool ok = true, end = false;
    assert_true(yaml_parser_initialize(&p));
    yaml_parser_set_input_string(&p, (const unsigned char *)text.p, text.n);
    while (ok && !end) {
        ok = yaml_parser_parse(&p, &ev);
        end = ok && ev.type == YAML_STREAM_END_EVENT;
        if (ok)
            yaml_event_delete(&ev);
    }
    yaml_parser_delete(&p);
    return ok;
}

/* ---- comparing ---- */
static double number(const struct sco_iac_node *v)
{
    return v->type == SCO_IAC_INT ? (double)v->i : v->real;
}

static bool same(const struct sco_iac_node *a, const struct sco_iac_node *b)
{
    bool numbers = (a->type == SCO_IAC_INT || a->type == SCO_IAC_REAL) &&
                   (b->type == SCO_IAC_INT || b->type == SCO_IAC_REAL);
    if (numbers)
        return number(a) == number(b);
    if (a->type != b->type)
        return false;
    if (a->type == SCO_IAC_BOOL)
        return a->i == b->i;
    if (a->type == SCO_IAC_STR)
        return sco_str_eq(sco_iac_text(a), sco_iac_text(b));
    if (a->type == SCO_IAC_NULL)
        return true;
    if (a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++) {
        const struct sco_iac_node *x, *y;
        if (a->type == SCO_IAC_LIST) {
            x = &a->item[i];
            y = &b->item[i];
        } else {
            x = &a->member[i].value;
            y = sco_iac_get_str(b, sco_str_make(a->member[i].key, a->member[i].key_n));
        }
        if (!y || !same(x, y))
            return false;
    }
    return true;
}

/* The length of the JSON value at the start of the text: the suite has several one after another.
 */
static size_t value_length(struct sco_str s)
{
    size_t i = 0, depth = 0;
    bool string = false;
    for (; i < s.n; i++) {
        char c = s.p[i];
        if (string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                string = false;
        } else if (c == '"') {
            string = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
        }
        if (!depth && !string && (c == '}' || c == ']' || c == '"' || c == '\n') && i)
            return i + 1;
    }
    return i;
}

/* All documents of the text against all values of the JSON. */
static bool agrees(struct sco_str text, struct sco_str json, bool *ret_key_refused)
{
    SCO_AUTO(sco_iac_set) struct sco_iac_set s = {0};
    struct sco_iac_text t = {.file_path = "suite.yaml", .bytes = text};
    struct iac_yaml y = {0};
    struct sco_error err = {0};
    bool ok = true;
    assert_non_null(iac_doc(&s, &t, 0, SCO_IAC_FORMAT_NONE));
    assert_int_equal(iac_yaml_open(&y, &s, &t, IAC_SCHEMA_CORE, &err), 0);
    int r;
    struct sco_iac_node root;
    while (ok && (r = iac_yaml_next(&y, 0, &root)) > 0) {
        const struct sco_iac_node *expected;
        json = sco_str_trim(json);
        size_t n = value_length(json);
        ok = n && sco_iac_json(&s, 0, sco_str_make(json.p, n), NULL, &expected, &err) == 0 &&
             same(&root, expected);
        json = sco_str_make(json.p + n, json.n - n);
    }
    *ret_key_refused = y.complex_key;
    ok = ok && r == 0 && !sco_str_trim(json).n;
    iac_yaml_close(&y);
    return ok;
}

/* ---- the suite ---- */
static const char *deviation(const char *id)
{
    for (size_t i = 0; i < SCO_ARRAY_LEN(deviations); i++)
        if (strcmp(deviations[i].test, id) == 0)
            return deviations[i].why;
    return NULL;
}

static struct sco_str field(const struct sco_yaml *test, const char *name, struct sco_str inherited)
{
    const struct sco_yaml *v = sco_yaml_get(test, sco_str_c(name));
    if (!v)
        return inherited;
    return sco_yaml_is_null(v) ? sco_str_make(NULL, 0) : v->text;
}

static unsigned run_case(const char *id, struct sco_str yaml, struct sco_str json,
                         struct counts *counts)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    unescape(yaml.p, &text);
    struct sco_str bytes = sco_str_c(sco_buf_z(&text));
    if (bytes.n >= 3 && memcmp(bytes.p, "\xEF\xBB\xBF", 3) == 0) /* as text.c does */
        bytes = sco_str_make(bytes.p + 3, bytes.n - 3);
    counts->tests++;
    if (!libyaml_accepts(bytes)) {
        counts->refused++;
        return 0;
    }
    counts->accepted++;
    if (!json.p)
        return 0;
    bool key_refused = false, ok = agrees(bytes, json, &key_refused);
    if (key_refused) {
        counts->rejected_keys++;
        return 0;
    }
    counts->compared++;
    if (deviation(id)) {
        counts->deviating++;
        if (ok)
            print_error("%s agrees now: remove it from the deviations\n", id);
        return ok;
    }
    if (!ok)
        print_error("%s differs from\n%s\n", id, json.p);
    return !ok;
}

static unsigned run_file(const char *dir, const char *name, struct counts *counts)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_error err = {0};
    const struct sco_yaml *tests = NULL;
    unsigned wrong = 0, n = 0;
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (sco_yaml_load(path, SCO_YAML_KEEP_DUPLICATES, &arena, &tests, &err) < 0)
        fail_msg("%s", err.text);
    struct sco_str json = {NULL, 0};
    for (const struct sco_yaml *t = tests->child; t; t = t->next, n++) {
        char id[64];
        snprintf(id, sizeof id, "%.*s/%u", (int)strcspn(name, "."), name, n);
        bool fails = sco_yaml_get(t, sco_str_c("fail")) != NULL;
        struct sco_str yaml = field(t, "yaml", sco_str_make(NULL, 0));
        json = field(t, "json", json);
        assert_non_null(yaml.p);
        wrong += run_case(id, yaml, fails ? sco_str_make(NULL, 0) : json, counts);
    }
    return wrong;
}

static void test_suite(void **state)
{
    (void)state;
    const char *corpus = getenv("SECUREOPS_CORPUS"), *source = getenv("SECUREOPS_SOURCE");
    SCO_AUTO(sco_buf) struct sco_buf dir = {0};
    if (corpus)
        sco_buf_addf(&dir, "%s/policy/parser-corpora/yaml-test-suite/src", corpus);
    else
        sco_buf_addf(&dir, "%s/../shared/corpus/policy/parser-corpora/yaml-test-suite/src",
                     source ? source : ".");
    DIR *d = opendir(sco_buf_z(&dir));
    if (!d) {
        print_message("no YAML test suite at %s: set SECUREOPS_CORPUS\n", sco_buf_z(&dir));
        sco_buf_done(&dir); /* skip() jumps */
        skip();
    }
    struct counts counts = {0};
    unsigned wrong = 0;
    for (struct dirent *e; (e = readdir(d));)
        if (sco_str_ends(sco_str_c(e->d_name), ".yaml"))
            wrong += run_file(sco_buf_z(&dir), e->d_name, &counts);
    closedir(d);
    print_message("%u tests: libyaml accepts %u and refuses %u; %u compared, %u deviate in libyaml "
                  "itself, %u have keys that are no text\n",
                  counts.tests, counts.accepted, counts.refused, counts.compared, counts.deviating,
                  counts.rejected_keys);
    assert_true(counts.compared >= 100);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_suite)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

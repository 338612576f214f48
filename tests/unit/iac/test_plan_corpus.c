/* Every plan of the corpus, against what its manifest says of it. */
#include "plan_help.h"

#include <fcntl.h>
#include <limits.h>
#include <secureops/fs.h>
#include <secureops/json.h>
#include <unistd.h>

static const char *corpus_dir(char *ret, size_t n)
{
    const char *corpus = getenv("SECUREOPS_CORPUS"), *source = getenv("SECUREOPS_SOURCE");
    int len = corpus ? snprintf(ret, n, "%s/policy/tfplan", corpus)
                     : snprintf(ret, n, "%s/../shared/corpus/policy/tfplan", source ? source : ".");
    assert_in_range(len, 1, n - 1);
    return ret;
}

static const struct sco_iac_node *row_of(struct sco_iac_set *rows, struct sco_str line)
{
    const struct sco_iac_node *v = NULL;
    struct sco_error err = {0};
    if (sco_iac_json(rows, 0, line, NULL, &v, &err) < 0)
        fail_msg("manifest: %s", err.text);
    return v;
}

static int64_t number(const struct sco_iac_node *row, const char *key)
{
    const struct sco_iac_node *v = sco_iac_get(row, key);
    return sco_iac_is(v, SCO_IAC_INT) ? v->i : 0;
}

static void count(const struct sco_iac_node *v, size_t *unknown, size_t *sensitive)
{
    *unknown += v->type == SCO_IAC_UNKNOWN;
    *sensitive += (v->flags & SCO_IAC_SENSITIVE) != 0;
    for (uint32_t i = 0; v->type == SCO_IAC_MAP && i < v->n; i++)
        count(&v->member[i].value, unknown, sensitive);
    for (uint32_t i = 0; v->type == SCO_IAC_LIST && i < v->n; i++)
        count(&v->item[i], unknown, sensitive);
}

/* Every place leads to the bytes of the plan, every pointer of `values` into `after`. */
static void check_places(const struct sco_iac_set *s, const struct sco_iac_resource *r)
{
    const struct sco_iac_node *values = sco_iac_get(r->node, "values");
    for (uint32_t i = 0; sco_iac_is(values, SCO_IAC_MAP) && i < values->n; i++) {
        const struct sco_iac_node *v = &values->member[i].value;
        SCO_AUTO(sco_buf) struct sco_buf p = {0};
        assert_true(v->pos < v->end && v->end <= s->docs[0].text->bytes.n);
        assert_true(v->pos >= r->node->pos && v->end <= r->node->end);
        assert_true(sco_iac_pointer(s->docs[0].root, v, &p));
        if (sco_iac_get(r->node, "actions"))
            assert_non_null(strstr(sco_buf_z(&p), "/change/after/"));
    }
}

struct totals {
    size_t plans, changes, unknown, sensitive, failed;
};

static void check_plan(const struct sco_iac_node *row, const char *path, struct totals *t)
{
    struct sco_iac_set s = {0};
    struct sco_error err = {0};
    const char *version = sco_iac_text(sco_iac_get(row, "format_version")).p;
    size_t unknown = 0, sensitive = 0;
    if (sco_iac_add_file(&s, path, path, SCO_IAC_FORMAT_TERRAFORM_PLAN, 0, &err) != 1)
        fail_msg("%s: %s", path, err.text);
    const struct sco_iac_doc *d = &s.docs[0];
    if (sco_iac_get(row, "parse_error") || !version) {
        assert_status(d, SCO_IAC_FAILED,
                      sco_iac_get(row, "parse_error") ? "more text after the end"
                                                      : "no format_version");
        assert_int_equal(s.n_resources, 0);
        t->failed++;
        sco_iac_set_done(&s);
        return;
    }
    if (!d->root)
        fail_msg("%s: %s", path, d->reason);
    assert_string_equal(sco_iac_text(sco_iac_get(d->root, "format_version")).p, version);
    int64_t changes = number(row, "resource_changes"), planned = number(row, "planned_resources");
    bool by_values = d->status == SCO_IAC_PARTIAL && strstr(d->reason, "no resource_changes");
    if ((int64_t)s.n_resources - 1 != (by_values ? planned : changes))
        fail_msg("%s: %zu resources", path, s.n_resources - 1);
    for (size_t i = 1; i < s.n_resources; i++) {
        const struct sco_iac_node *values = sco_iac_get(s.resources[i].node, "values");
        if (values)
            count(values, &unknown, &sensitive);
        check_places(&s, &s.resources[i]);
    }
    const struct sco_iac_node *says = sco_iac_get(row, "has_unknown");
    if (sco_iac_is(says, SCO_IAC_BOOL) && says->i && !unknown)
        fail_msg("%s: nothing unknown", path);
    if (sco_iac_is(says, SCO_IAC_BOOL) && !says->i && unknown && !by_values)
        fail_msg("%s: %zu unknown", path, unknown);
    t->plans++;
    t->changes += (size_t)changes;
    t->unknown += unknown > 0;
    t->sensitive += sensitive > 0;
    sco_iac_set_done(&s);
}

static void test_corpus(void **state)
{
    (void)state;
    char dir[PATH_MAX], path[PATH_MAX];
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    struct sco_error err = {0};
    snprintf(path, sizeof path, "%.4000s/manifest.jsonl", corpus_dir(dir, sizeof dir));
    if (access(path, R_OK) < 0) {
        print_message("no corpus at %s: set SECUREOPS_CORPUS\n", dir);
        skip();
    }
    if (sco_fs_read(path, 64 << 20, &text, &err) < 0)
        fail_msg("%s", err.text);
    struct sco_iac_set rows = {0};
    struct totals t = {0};
    assert_int_equal(
        sco_iac_add_text(&rows, sco_str_c("{}"), "m.json", SCO_IAC_FORMAT_TERRAFORM_PLAN, 0, &err),
        1);
    struct sco_str rest = sco_buf_str(&text), line;
    while (sco_str_split(&rest, '\n', &line)) {
        if (!sco_str_trim(line).n)
            continue;
        const struct sco_iac_node *row = row_of(&rows, line);
        snprintf(path, sizeof path, "%.2000s/%.2000s", dir,
                 sco_iac_text(sco_iac_get(row, "file")).p);
        if (access(path, R_OK) == 0)
            check_plan(row, path, &t);
    }
    print_message("%zu plans, %zu changes; unknown values in %zu, sensitive in %zu; %zu refused\n",
                  t.plans, t.changes, t.unknown, t.sensitive, t.failed);
    assert_true(t.plans >= 152);
    assert_true(t.failed >= 2);
    assert_true(t.changes >= 600);
    sco_iac_set_done(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_corpus)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

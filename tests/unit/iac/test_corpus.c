/* Manifests, Compose files and workflows of other projects: each is recognised and none fails to
 * parse. They are not part of the project: $SECUREOPS_CORPUS or beside the checkout. */
#include "iac_help.h"

#include <ftw.h>

static struct fixture corpus;
static unsigned n_files;

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    struct sco_str name = sco_str_c(path);
    if (type != FTW_F || !(sco_str_ends(name, ".yaml") || sco_str_ends(name, ".yml")))
        return 0;
    n_files++;
    corpus.r = sco_iac_add_file(&corpus.set, path, path, SCO_IAC_FORMAT_NONE, 0, &corpus.err);
    if (corpus.r < 0)
        fail_msg("%s", corpus.err.text);
    return 0;
}

/* Reads a folder; false: it is not there. */
static bool read_folder(const char *folder)
{
    const char *root = getenv("SECUREOPS_CORPUS"), *source = getenv("SECUREOPS_SOURCE");
    char path[1024];
    snprintf(path, sizeof path, "%s%s/policy/%s",
             root     ? root
             : source ? source
                      : ".",
             root ? "" : "/../shared/corpus", folder);
    done(&corpus);
    n_files = 0;
    if (nftw(path, visit, 16, FTW_PHYS) == 0 && n_files)
        return true;
    print_message("no corpus at %s: set SECUREOPS_CORPUS\n", path);
    return false;
}

/* All but `others` files are of the format, and all that is recognised is parsed. */
static void assert_folder(const char *folder, enum sco_iac_format format, unsigned others)
{
    if (!read_folder(folder))
        skip();
    unsigned recognised = 0, resources = 0;
    const struct sco_iac_text *last = NULL;
    for (size_t i = 0; i < corpus.set.n_docs; i++) {
        const struct sco_iac_doc *d = doc(&corpus, i);
        if (d->format != format || d->status == SCO_IAC_FAILED)
            fail_msg("%s: %s %s %s", d->text->file_path, sco_iac_format_name(d->format),
                     sco_iac_status_name(d->status), d->reason ? d->reason : "");
        recognised += d->text != last;
        last = d->text;
        resources += (unsigned)d->n_resources;
    }
    print_message("%s: %u files, %u recognised, %zu documents, %u resources\n", folder, n_files,
                  recognised, corpus.set.n_docs, resources);
    assert_true(recognised + others >= n_files);
    assert_true(resources >= recognised);
    done(&corpus);
}

static void test_kubernetes(void **state)
{
    (void)state;
    assert_folder("checkov-k8s/tests/kubernetes/checks", SCO_IAC_FORMAT_KUBERNETES, 1);
    assert_folder("kics/k8s", SCO_IAC_FORMAT_KUBERNETES, 1); /* an empty file */
}

static void test_compose(void **state)
{
    (void)state;
    assert_folder("kics/dockerCompose", SCO_IAC_FORMAT_COMPOSE, 0);
}

static void test_workflows(void **state)
{
    (void)state;
    assert_folder("checkov-gha", SCO_IAC_FORMAT_GITHUB_WORKFLOW, 0);
    assert_folder("kics/cicd", SCO_IAC_FORMAT_GITHUB_WORKFLOW, 0);
}

/* Every golden pod of Pod Security is one object with a pod spec. */
static void test_pods(void **state)
{
    (void)state;
    if (!read_folder("psa"))
        skip();
    assert_true(corpus.set.n_docs == n_files && corpus.set.n_resources == n_files);
    for (size_t i = 0; i < corpus.set.n_resources; i++) {
        const struct sco_iac_resource *r = &corpus.set.resources[i];
        struct sco_iac_place p;
        assert_ptr_equal(r->pod_spec, sco_iac_get(r->node, "spec"));
        sco_iac_place(&corpus.set, r->node, &p);
        assert_int_equal(p.line, 1);
        assert_true(p.end_line > 5);
    }
    done(&corpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kubernetes),
        cmocka_unit_test(test_compose),
        cmocka_unit_test(test_workflows),
        cmocka_unit_test(test_pods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Policy evaluations a second on one core: generated Kubernetes documents and small policies, each
 * reading what a typical check reads. Prints one line of JSON.
 *
 *   bench_policy [DOCUMENTS] [POLICIES] [BUNDLE]     BUNDLE: a directory instead of made policies
 */
#include <secureops/fs.h>
#include <secureops/policy.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static void make_policies(const char *dir, size_t n)
{
    struct sco_error err;
    for (size_t i = 0; i < n; i++) {
        SCO_AUTO(sco_buf) struct sco_buf path = {0};
        SCO_AUTO(sco_buf) struct sco_buf text = {0};
        sco_buf_addf(&path, "%s/p%zu.lua", dir, i);
        sco_buf_addf(&text,
                     "return { id = 'p-%zu', title = 't', severity = 'LOW', remediation = 'r',\n"
                     "applies_to = 'kubernetes:workload', check = function(r)\n"
                     "  for _, c in k8s.containers(r) do\n"
                     "    if c.securityContext.privileged == true or c.name == 'name%zu' then\n"
                     "      fail(c, 'securityContext.privileged', 'privileged: ' .. c.name)\n"
                     "    end\n  end\nend }\n",
                     i, i);
        if (sco_fs_write(sco_buf_z(&path), sco_buf_str(&text), 0644, &err) < 0)
            exit(2);
    }
}

static void make_documents(struct sco_iac_set *docs, size_t n)
{
    struct sco_error err;
    for (size_t i = 0; i < n; i++) {
        SCO_AUTO(sco_buf) struct sco_buf text = {0};
        char name[32];
        snprintf(name, sizeof name, "d%zu.yaml", i);
        sco_buf_addf(&text,
                     "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: d%zu\n"
                     "  labels: {app: d%zu, tier: web}\nspec:\n  replicas: 3\n  template:\n"
                     "    metadata:\n      labels: {app: d%zu}\n    spec:\n      containers:\n"
                     "      - name: name%zu\n        image: registry.example/d%zu:1.2.3\n"
                     "        ports: [{containerPort: 8080}]\n        resources:\n"
                     "          limits: {cpu: 500m, memory: 128Mi}\n        securityContext:\n"
                     "          privileged: false\n          runAsNonRoot: true\n"
                     "      - name: side\n        image: side:2\n",
                     i, i, i, i, i);
        if (sco_iac_add_text(docs, sco_buf_str(&text), name, SCO_IAC_FORMAT_KUBERNETES, 0, &err) <
            0)
            exit(2);
    }
}

static uint64_t verdicts[SCO_VERDICT_MAX_], total;

static int on_verdict(void *user, const struct sco_verdict *v)
{
    (void)user;
    verdicts[v->kind]++;
    total++;
    return 0;
}

int main(int argc, char **argv)
{
    size_t n_docs = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000;
    size_t n_policies = argc > 2 ? strtoul(argv[2], NULL, 10) : 100;
    struct sco_error err = {0};
    struct sco_policies *p = NULL;
    struct sco_iac_set docs = {0};
    char *dir = NULL;
    if (sco_fs_mkdtemp(NULL, "bench", &dir, &err) < 0)
        return 2;
    if (argc <= 3)
        make_policies(dir, n_policies);
    const char *bundles[] = {argc > 3 ? argv[3] : dir, NULL};
    struct sco_policies_options o = {.bundles = bundles};
    int64_t t0 = sco_mono_ns();
    int r = sco_policies_load(&o, &p, &err);
    int64_t t1 = sco_mono_ns();
    sco_fs_remove_tree(dir);
    free(dir);
    if (r < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 2;
    }
    make_documents(&docs, n_docs);
    int64_t t2 = sco_mono_ns();
    if (sco_policies_eval(p, &docs, on_verdict, NULL, &err) < 0)
        return 2;
    int64_t t3 = sco_mono_ns();
    uint64_t evaluations = 0;
    const struct sco_policy *list = sco_policies_list(p, &n_policies);
    for (size_t i = 0; i < n_policies; i++) {
        struct sco_policy_stats s;
        sco_policies_stats(p, &list[i], &s);
        evaluations += s.evaluations;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf(
        "{\"policies\":%zu,\"documents\":%zu,\"load_ms\":%.1f,\"parse_ms\":%.1f,\"eval_ms\":%.1f,"
        "\"evaluations\":%" PRIu64 ",\"per_second\":%.0f,\"pass\":%" PRIu64 ",\"fail\":%" PRIu64
        ",\"error\":%" PRIu64 ",\"max_rss_kb\":%ld}\n",
        n_policies, n_docs, (double)(t1 - t0) / 1e6, (double)(t2 - t1) / 1e6,
        (double)(t3 - t2) / 1e6, evaluations, (double)evaluations * 1e9 / (double)(t3 - t2),
        verdicts[SCO_VERDICT_PASS], verdicts[SCO_VERDICT_FAIL], verdicts[SCO_VERDICT_ERROR],
        usage.ru_maxrss);
    sco_iac_set_done(&docs);
    sco_policies_free(p);
    return verdicts[SCO_VERDICT_ERROR] ? 1 : 0;
}

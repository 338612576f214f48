/* What policies visit in each format: resources with names, selectors, parents, pod specs; what
 * extends and variables make of Compose files and pipelines. */
#include "iac_help.h"

/* ---- Kubernetes ---- */
static void test_kubernetes_names(void **state)
{
    (void)state;
    struct fixture f = {0};
    add(&f, "x.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: n}\n---\n"
        "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: j-}\n---\n"
        "apiVersion: v1\nkind: Service\nmetadata: {name: 12}\n");
    assert_resources(&f, "Pod.n.a Job.default.j- Service.default.12");
    const struct sco_iac_resource *r = resource(&f, "Service.default.12");
    assert_true(selected(r, "kubernetes") && selected(r, "kubernetes:Service"));
    assert_false(selected(r, "kubernetes:workload"));
    assert_string_equal(r->type, "Service");
    assert_int_equal(r->parent, UINT32_MAX);
    assert_int_equal(r->doc, 2);
    assert_int_equal(doc(&f, 2)->first_resource, 2);
    assert_int_equal(doc(&f, 2)->n_resources, 1);
    only(&f, "x.yaml", /* a null is as good as nothing */
         "apiVersion: v1\nkind: Job\n"
         "metadata: {name: ~, generateName: j-, namespace: null}\n");
    assert_resources(&f, "Job.default.j-");
    only(&f, "x.yaml", "apiVersion: v1\nkind: Service\n");
    assert_resources(&f, "Service.default.(unnamed)");
    done(&f);
}

static void test_lists(void **state)
{
    (void)state;
    struct fixture f = {0};
    add(&f, "x.yaml",
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: a}\n"
        "- {apiVersion: v1, kind: PodList, items: [{metadata: {name: b}}]}\n- 3\n"
        "- apiVersion: v1\n  kind: Secret\n");
    assert_resources(&f, "Pod.default.a Pod.default.b Secret.default.(unnamed)");
    assert_place(&f, resource(&f, "Pod.default.a")->node, "4:3-6:21");
    assert_place(&f, resource(&f, "Pod.default.b")->node, "7:43-7:63");
    assert_string_equal(doc(&f, 0)->notes[0], "items[2] is no object: it has no kind");
    only(&f, "x.json",
         "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n{\"apiVersion\":\"v1\",\"kind\":"
         "\"Pod\"},\n{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}]}");
    assert_int_equal(f.set.n_resources, 2);
    assert_place(&f, f.set.resources[1].node, "3:1-3:32");
    only(&f, "x.yaml", /* what a comment leaves of a reason */
         "apiVersion: v1\nkind: Pod\nmetadata:\n  annotations:\n"
         "    checkov.io/skip1: CKV_K8S_1=a=b # cut\n");
    assert_shows(sco_iac_path(f.set.resources[0].node, "metadata.annotations"),
                 "{checkov.io/skip1: \"CKV_K8S_1=a=b\"}");
    only(&f, "x.yaml", "apiVersion: v1\nkind: AccessList\nspec: 1\n"); /* no items: an object */
    assert_resources(&f, "AccessList.default.(unnamed)");
    done(&f);
}

static void assert_pod(const char *text, const char *expected)
{
    struct fixture f = {0};
    add(&f, "x.yaml", text);
    assert_int_equal(f.set.n_resources, 1);
    assert_shows(f.set.resources[0].pod_spec, expected);
    assert_int_equal(selected(&f.set.resources[0], "kubernetes:workload"),
                     f.set.resources[0].pod_spec != NULL);
    done(&f);
}

static void test_pod_specs(void **state)
{
    (void)state;
    assert_pod("apiVersion: v1\nkind: Pod\nspec: {a: 1}\n", "{a: 1}");
    static const char *const kinds[] = {"Deployment", "StatefulSet",           "DaemonSet",
                                        "ReplicaSet", "ReplicationController", "Job",
                                        "Rollout"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(kinds); i++) {
        char text[120];
        snprintf(text, sizeof text, "apiVersion: v1\nkind: %s\nspec: {template: {spec: {a: 1}}}\n",
                 kinds[i]);
        assert_pod(text, "{a: 1}");
    }
    assert_pod("apiVersion: v1\nkind: CronJob\n"
               "spec: {jobTemplate: {spec: {template: {spec: {a: 1}}}}}\n",
               "{a: 1}");
    assert_pod("apiVersion: v1\nkind: PodTemplate\ntemplate: {spec: {a: 1}}\n", "{a: 1}");
    assert_pod("apiVersion: serving.knative.dev/v1\nkind: Service\n"
               "spec: {template: {spec: {containers: []}}}\n",
               "{containers: []}");
    assert_pod("apiVersion: cert-manager.io/v1\nkind: Issuer\nspec:\n  acme:\n    solvers:\n"
               "    - dns01: {}\n"
               "    - http01: {ingress: {podTemplate: {spec: {serviceAccountName: x}}}}\n",
               "{serviceAccountName: \"x\"}");
    assert_pod("apiVersion: x/v1\nkind: Some\nspec: {podTemplate: {spec: {containers: []}}}\n",
               "{containers: []}");
    assert_pod("apiVersion: v1\nkind: Service\nspec: {ports: []}\n", "absent");
    assert_pod("apiVersion: v1\nkind: Pod\nspec: x\n", "absent");
    assert_pod("apiVersion: v1\nkind: Pod\n", "absent");
    assert_pod("apiVersion: argoproj.io/v1alpha1\nkind: CronWorkflow\nspec:\n  workflowSpec:\n"
               "    hostNetwork: true\n    templates:\n    - container: {image: a}\n"
               "      initContainers: [{image: b}]\n    - script: {image: c}\n"
               "      sidecars: [{image: d}]\n    - steps: []\n",
               "{hostNetwork: true, containers: [{image: \"a\"}, {image: \"c\"}, {image: \"d\"}], "
               "initContainers: [{image: \"b\"}]}");
    assert_pod("apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec: {templates: []}\n",
               "absent");
}

/* ---- GitHub ---- */
static void test_workflow(void **state)
{
    (void)state;
    struct fixture f = {0};
    add(&f, ".github/workflows/x.yml",
        "on: push\njobs:\n  build:\n    steps:\n    - uses: a/b@v1\n    - run: ${{ x }}\n"
        "  call:\n    uses: ./x.yml\n  bad: 1\n");
    assert_resources(&f, "on jobs(build) jobs(build).steps[1] jobs(build).steps[2] jobs(call)");
    assert_string_equal(doc(&f, 0)->notes[0], "jobs(bad) is no map");
    const struct sco_iac_resource *step = resource(&f, "jobs(build).steps[2]");
    assert_true(selected(step, "github:step"));
    assert_string_equal(f.set.resources[step->parent].name, "jobs(build)");
    assert_string_equal(f.set.resources[f.set.resources[step->parent].parent].name, "on");
    assert_shows(step->node, "{run: \"${{ x }}\"}");
    assert_true(selected(resource(&f, "on"), "github"));
    assert_true(selected(resource(&f, "jobs(call)"), "github:job"));
    only(&f, ".github/workflows/x.yml", "on: push\njobs:\n  a: {steps: {}}\n");
    assert_string_equal(doc(&f, 0)->notes[0], "jobs(a).steps is no list");
    only(&f, ".github/workflows/x.yml", "on: push\n");
    assert_string_equal(doc(&f, 0)->notes[0], "the workflow has no jobs");
    only(&f, "action.yml", "runs:\n  using: composite\n  steps:\n  - run: x\n  - 1\n");
    assert_resources(&f, "runs runs.steps[1]");
    assert_true(selected(resource(&f, "runs"), "github:action"));
    assert_true(selected(resource(&f, "runs.steps[1]"), "github:step"));
    assert_string_equal(doc(&f, 0)->notes[0], "runs.steps[2] is no map");
    done(&f);
}

/* Anchors work in workflows, merge keys do not. */
static void test_workflow_anchors(void **state)
{
    (void)state;
    struct fixture f = {0};
    add(&f, ".github/workflows/x.yml",
        "on: push\njobs:\n  a: &a\n    runs-on: x\n    steps: [{run: y}]\n  b: *a\n"
        "  c:\n    <<: *a\n");
    assert_resources(&f, "on jobs(a) jobs(a).steps[1] jobs(b) jobs(b).steps[1] jobs(c)");
    assert_non_null(sco_iac_get(resource(&f, "jobs(c)")->node, "<<"));
    done(&f);
}

/* ---- Compose ---- */
static void test_compose(void **state)
{
    (void)state;
    struct fixture f = {0};
    add(&f, "compose.yaml",
        "services:\n  web:\n    image: x\n    ports: [22:22, \"80:80\"]\nnetworks: {n: }\n"
        "volumes: {v: {}}\nsecrets: {s: {file: x}}\nx-a: 1\ninclude: [y.yaml]\n");
    assert_resources(&f, "compose services.web networks.n volumes.v secrets.s");
    assert_true(selected(resource(&f, "compose"), "compose"));
    assert_true(selected(resource(&f, "services.web"), "compose:service"));
    assert_true(selected(resource(&f, "networks.n"), "compose:network"));
    assert_true(selected(resource(&f, "volumes.v"), "compose:volume"));
    assert_true(selected(resource(&f, "secrets.s"), "compose:secret"));
    assert_int_equal(resource(&f, "services.web")->parent, 0);
    assert_shows(sco_iac_get(resource(&f, "services.web")->node, "ports"),
                 "[\"22:22\", \"80:80\"]");
    assert_non_null(strstr(doc(&f, 0)->notes[0], "include"));
    only(&f, "docker-compose.yml", "web:\n  image: x\n"); /* the first version of the format */
    assert_resources(&f, "compose services.web");
    done(&f);
}

static void assert_filled_in(const char *text, const char *expected)
{
    struct fixture f = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addf(&b, "services: {w: {image: x}}\nv: %s\n", text);
    add(&f, "compose.yaml", sco_buf_z(&b));
    assert_shows(sco_iac_get(doc(&f, 0)->root, "v"), expected);
    done(&f);
}

static void test_variables(void **state)
{
    (void)state;
    assert_filled_in("a${V:-b}c", "\"abc\"");
    assert_filled_in("a${V-b}c", "\"abc\"");
    assert_filled_in("\"${A:-${B:-x}}${C-}\"", "\"x\"");
    assert_filled_in("${A:-${B}}", "unknown");
    assert_filled_in("$V", "unknown");
    assert_filled_in("x${V}", "unknown");
    assert_filled_in("${V:?must be set}", "unknown");
    assert_filled_in("${V:+x}", "unknown");
    assert_filled_in("${V+x}", "unknown");
    assert_filled_in("$$V $${V}", "\"$V ${V}\"");
    assert_filled_in("cost $5 100$", "\"cost $5 100$\"");
    assert_filled_in("a${V", "\"a${V\"");
    assert_filled_in("a${}", "\"a${}\"");
    assert_filled_in("${V:-true}", "true");
    assert_filled_in("\"${V:-true}\"", "\"true\"");
    assert_filled_in("${V:-1.0}", "\"1.0\"");
    assert_filled_in("[&a $$x, *a]", "[\"$x\", \"$x\"]"); /* once, not twice */
    assert_filled_in("{a: &a {b: $$$$x}, c: *a}", "{a: {b: \"$$x\"}, c: {b: \"$$x\"}}");
    struct fixture f = {0};
    add(&f, "compose.yaml", "services: {w: {image: \"x:${TAG}\"}}\n");
    const struct sco_iac_node *v = sco_iac_path(doc(&f, 0)->root, "services.w.image");
    assert_int_equal(v->type, SCO_IAC_UNKNOWN);
    assert_string_equal(v->text, "x:${TAG}"); /* what was written stays with it */
    assert_place(&f, v, "1:23-1:32");
    done(&f);
}

static void test_compose_extends(void **state)
{
    (void)state;
    struct fixture f = {0};
    add(&f, "c/compose.yaml",
        "services:\n  base:\n    image: x\n    privileged: true\n    ports: [1]\n"
        "    deploy: {a: {x: 1, y: 2}}\n    command: [a]\n"
        "  web:\n    extends: {service: base, file: ./compose.yaml}\n    image: y\n    ports: [2]\n"
        "    deploy: {a: {y: 3}}\n    command: [b]\n"
        "  top: {extends: web}\n  other: {extends: {service: a, file: z.yaml}, image: o}\n"
        "  loop: {extends: loop}\n  none: {extends: nobody}\n");
    assert_shows(resource(&f, "services.web")->node,
                 "{privileged: true, image: \"y\", ports: [1, 2], deploy: {a: {x: 1, y: 3}}, "
                 "command: [\"b\"]}");
    assert_place(&f, sco_iac_get(resource(&f, "services.web")->node, "privileged"), "4:17-4:20");
    assert_place(&f, resource(&f, "services.web")->node, "9:5-13:16");
    assert_shows(sco_iac_get(resource(&f, "services.top")->node, "ports"), "[1, 2]");
    assert_string_equal(doc(&f, 0)->notes[0],
                        "extends a of z.yaml: what that file sets is not known");
    assert_string_equal(doc(&f, 0)->notes[1], "extends loop: in a circle");
    assert_string_equal(doc(&f, 0)->notes[2], "extends nobody: there is no such service");
    only(&f, "compose.yml", /* the same name in another folder is another file */
         "services:\n  a: {image: x}\n"
         "  b: {extends: {file: ../compose.yml, service: a}}\n"
         "  c: {extends: {file: ./compose.yml, service: a}}\n  d: {extends: {service: 7}}\n");
    assert_string_equal(doc(&f, 0)->notes[0],
                        "extends a of ../compose.yml: what that file sets is not known");
    assert_null(sco_iac_get(resource(&f, "services.b")->node, "image"));
    assert_shows(resource(&f, "services.c")->node, "{image: \"x\"}");
    assert_string_equal(doc(&f, 0)->notes[1], "extends : there is no such service");
    only(&f, "compose.yml",
         "services:\n  a: {ports: [1], cap_add: [X], user: u}\n"
         "  b: {extends: a, ports: !override [2], cap_add: !reset [], user: !reset null}\n");
    assert_shows(resource(&f, "services.b")->node, "{ports: [2]}");
    only(&f, "compose.yml", /* a list of names and values over a map, and a map over a list */
         "services:\n  a: {environment: [A=1, B, C=x=y], labels: {l: 1}}\n"
         "  b: {extends: a, environment: {A: 2}, labels: [l=2, m=]}\n"
         "  c: {extends: a, environment: {A: 2}}\n");
    assert_shows(resource(&f, "services.b")->node,
                 "{environment: {B: null, C: \"x=y\", A: 2}, labels: {l: \"2\", m: \"\"}}");
    assert_place(&f, sco_iac_path(resource(&f, "services.b")->node, "environment.C"), "2:29-2:33");
    done(&f);
}

static void test_compose_booleans(void **state)
{
    (void)state;
    struct fixture f = {0};
    add(&f, "compose.yml",
        "services:\n  a: {privileged: 'true', init: yes, tty: \"${T:-off}\", read_only: maybe,\n"
        "      user: 'true', stdin_open: $X}\n  b: true\n");
    assert_shows(resource(&f, "services.a")->node,
                 "{privileged: true, init: true, tty: false, read_only: \"maybe\", "
                 "user: \"true\", stdin_open: unknown}");
    done(&f);
}

/* ---- GitLab ---- */
static void test_gitlab(void **state)
{
    (void)state;
    struct fixture f = {0};
    add(&f, ".gitlab-ci.yml",
        "default: {image: d, retry: 1}\nstages: [a]\nvariables: {X: 1}\nbefore_script: [g]\n"
        ".base: {script: [b], variables: {A: 1, B: 2}, tags: [t]}\n"
        ".more: {extends: .base, variables: {B: 3}}\n"
        "test:\n  extends: [.more, .gone]\n  tags: [u]\n  variables: {C: !reference [.x, y]}\n"
        "bare:\n  inherit: {default: false}\n  script: x\n"
        "some:\n  inherit: {default: [retry]}\n  image: i\n  trigger: y\n"
        "ring: {extends: ring, script: 1}\npages: {script: p}\n");
    assert_resources(&f, "gitlab jobs(test) jobs(bare) jobs(some) jobs(ring) jobs(pages)");
    assert_true(selected(resource(&f, "gitlab"), "gitlab"));
    assert_true(selected(resource(&f, "jobs(test)"), "gitlab:job"));
    assert_shows(resource(&f, "jobs(test)")->node,
                 "{before_script: [\"g\"], image: \"d\", retry: 1, script: [\"b\"], tags: [\"u\"], "
                 "variables: {A: 1, B: 3, C: [\".x\", \"y\"]}}");
    assert_shows(resource(&f, "jobs(bare)")->node, "{inherit: {default: false}, script: \"x\"}");
    assert_shows(resource(&f, "jobs(some)")->node,
                 "{retry: 1, inherit: {default: [\"retry\"]}, image: \"i\", trigger: \"y\"}");
    assert_place(&f, resource(&f, "jobs(test)")->node, "8:3-10:36");
    assert_non_null(strstr(doc(&f, 0)->notes[0], "extends .gone: not in this file"));
    assert_non_null(strstr(doc(&f, 0)->notes[1], "!reference [.x, ...]: not in this file"));
    assert_non_null(strstr(doc(&f, 0)->notes[2], "in a circle"));
    only(&f, ".gitlab-ci.yml", /* parents that are no names: nobody is called "" */
         "a: {script: x, extends: [1, {b: c}]}\n\"\": {script: y}\n");
    assert_shows(resource(&f, "jobs(a)")->node, "{script: \"x\"}");
    done(&f);
}

/* Scripts as the runner sees them. */
static void test_gitlab_references(void **state)
{
    (void)state;
    struct fixture f = {0};
    add(&f, ".gitlab-ci.yml",
        ".setup:\n  script: [s1, !reference [.more, script]]\n  variables: {V: 1}\n"
        ".more: {script: [m1]}\n"
        "a:\n  script:\n  - !reference [.setup, script]\n  - [x, [y]]\n  - z\n"
        "  variables: !reference [.setup, variables]\n"
        "b: {script: !reference [.more, script]}\n"
        "ring: {script: [!reference [ring, script], r]}\n"
        "c: {script: [!reference [.setup, gone], d]}\n");
    assert_shows(resource(&f, "jobs(a)")->node,
                 "{script: [\"s1\", \"m1\", \"x\", \"y\", \"z\"], variables: {V: 1}}");
    assert_place(&f, resource(&f, "jobs(a)")->node, "6:3-10:43");
    assert_place(&f, sco_iac_path(resource(&f, "jobs(a)")->node, "script")->item, "2:12-2:13");
    assert_shows(resource(&f, "jobs(b)")->node, "{script: [\"m1\"]}");
    assert_non_null(strstr(doc(&f, 0)->notes[0], "!reference is nested deeper than 10 levels"));
    assert_non_null(strstr(doc(&f, 0)->notes[1], "!reference [.setup, ...]: not in this file"));
    SCO_AUTO(sco_buf) struct sco_buf b = {0}; /* ten times itself, nine levels deep */
    sco_buf_addz(&b, ".j0: {script: [x]}\n");
    for (int i = 1; i < 10; i++) {
        sco_buf_addf(&b, "%sj%d: {script: [", i < 9 ? "." : "", i);
        for (int k = 0; k < 10; k++)
            sco_buf_addf(&b, "%s!reference [.j%d, script]", k ? ", " : "", i - 1);
        sco_buf_addz(&b, "]}\n");
    }
    only(&f, ".gitlab-ci.yml", sco_buf_z(&b));
    assert_resources(&f, "gitlab jobs(j9)");
    assert_string_equal(doc(&f, 0)->notes[0], "!reference leads to more than 500000 values");
    done(&f);
}

/* Ten levels of ten parents each would be ten thousand million overlays. */
static void test_gitlab_bomb(void **state)
{
    (void)state;
    struct fixture f = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addz(&b, ".j0: {script: x}\n");
    for (int i = 1; i < 10; i++) {
        sco_buf_addf(&b, "%sj%d: {extends: [", i < 9 ? "." : "", i);
        for (int k = 0; k < 10; k++)
            sco_buf_addf(&b, "%s.j%d", k ? ", " : "", i - 1);
        sco_buf_addz(&b, "]}\n");
    }
    add(&f, ".gitlab-ci.yml", sco_buf_z(&b));
    assert_resources(&f, "gitlab jobs(j9)");
    assert_shows(resource(&f, "jobs(j9)")->node, "{script: \"x\"}");
    assert_non_null(strstr(doc(&f, 0)->notes[0], "more than 1000 jobs are extended"));
    done(&f);
}

static void test_scan(void **state)
{
    (void)state;
    struct fixture f = {0};
    add(&f, "r.json", "{\"version\":\"1\",\"scan\":{\"id\":\"x\"},\"findings\":[{}]}");
    assert_resources(&f, "scan");
    assert_true(selected(resource(&f, "scan"), "scan"));
    done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kubernetes_names),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_pod_specs),
        cmocka_unit_test(test_workflow),
        cmocka_unit_test(test_workflow_anchors),
        cmocka_unit_test(test_compose),
        cmocka_unit_test(test_variables),
        cmocka_unit_test(test_compose_extends),
        cmocka_unit_test(test_compose_booleans),
        cmocka_unit_test(test_gitlab),
        cmocka_unit_test(test_gitlab_bomb),
        cmocka_unit_test(test_gitlab_references),
        cmocka_unit_test(test_scan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

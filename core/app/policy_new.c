/* secureops policy new: a policy and its cases that work as they are, for what it is to look at. */
#include "policy_priv.h"

#include <errno.h>
#include <unistd.h>

enum { ID_MAX = 64 };

/* What the example asks for: a label, an instruction, a permission. The check goes into the policy,
 * the two inputs into its cases. */
struct example {
    const char *selector; /* the start of those it is for; "" for all others */
    const char *title, *remediation, *check, *file, *bad, *good, *expect;
};

static const struct example examples[] = {
    {"kubernetes", "Workloads name the team that owns them",
     "Add the label team to metadata.labels.",
     "    if r.metadata.labels.team == nil then\n"
     "      fail(r.metadata, \"labels.team\", \"the object has no label team\")\n"
     "    end\n",
     NULL,
     "    apiVersion: apps/v1\n"
     "    kind: Deployment\n"
     "    metadata: {name: web}\n"
     "    spec: {template: {spec: {containers: []}}}\n",
     "    apiVersion: apps/v1\n"
     "    kind: Deployment\n"
     "    metadata: {name: web, labels: {team: shop}}\n"
     "    spec: {template: {spec: {containers: []}}}\n",
     "{verdict: fail, resource: Deployment.default.web, line: 3}"},
    {"dockerfile", "Images say who maintains them", "Add the label maintainer.",
     "    local text = \"\"\n"
     "    for _, stage in ipairs(r.stages) do\n"
     "      for _, i in ipairs(stage.instructions) do\n"
     "        text = text .. (i.original or \"\") .. \"\\n\"\n"
     "      end\n"
     "    end\n"
     "    if not text:contains(\"maintainer\") then\n"
     "      fail(\"no LABEL names a maintainer\")\n"
     "    end\n",
     "Dockerfile", "    FROM alpine:3.20\n    USER 1000\n",
     "    FROM alpine:3.20\n    LABEL maintainer=\"team@example.com\"\n    USER 1000\n", NULL},
    {"compose", "Services say how they restart", "Set restart.",
     "    if r.restart == nil then\n"
     "      fail(r, \"restart\", \"the service does not say how it restarts\")\n"
     "    end\n",
     "compose.yaml", "    services:\n      web:\n        image: nginx:1.27\n",
     "    services:\n      web:\n        image: nginx:1.27\n        restart: on-failure\n", NULL},
    {"github", "Jobs have a time limit", "Set timeout-minutes.",
     "    if r[\"timeout-minutes\"] == nil then\n"
     "      fail(r, \"timeout-minutes\", \"the job may run for six hours\")\n"
     "    end\n",
     ".github/workflows/ci.yaml",
     "    on: push\n    jobs:\n      build:\n        runs-on: ubuntu-24.04\n        steps:\n"
     "          - run: make\n",
     "    on: push\n    jobs:\n      build:\n        runs-on: ubuntu-24.04\n"
     "        timeout-minutes: 10\n        steps:\n          - run: make\n",
     NULL},
    {"gitlab", "Jobs have a time limit", "Set timeout.",
     "    if r.timeout == nil then\n"
     "      fail(r, \"timeout\", \"the job has no time limit of its own\")\n"
     "    end\n",
     ".gitlab-ci.yml", "    build:\n      script: [make]\n",
     "    build:\n      script: [make]\n      timeout: 10m\n", NULL},
    {"scan", "There are few findings of quality", "Fix some before adding more.",
     "    local n = r.summary.by_type.QUALITY or 0\n"
     "    if n > 100 then\n"
     "      fail(r.summary, \"by_type.QUALITY\", tostring(n) .. \" quality findings\")\n"
     "    end\n",
     "report.json",
     "    {\"version\": \"1\", \"scan\": {}, \"scanners\": [], \"findings\": [],\n"
     "     \"summary\": {\"by_type\": {\"QUALITY\": 101}}}\n",
     "    {\"version\": \"1\", \"scan\": {}, \"scanners\": [], \"findings\": [],\n"
     "     \"summary\": {\"by_type\": {\"QUALITY\": 3}}}\n",
     NULL},
    {"event", "Pushes to main are told", NULL, NULL, NULL,
     "    {event: push, branch: main, repo_full_name: acme/shop, actor: kim}\n",
     "    {event: push, branch: topic, repo_full_name: acme/shop, actor: kim}\n", NULL},
    {"terraform", "Resources name their owner", "Add the tag owner.",
     "    if r.will_exist and r.values.tags.owner == nil then\n"
     "      fail(r, \"values.tags\", \"the resource has no tag owner\")\n"
     "    end\n",
     "tfplan.json",
     "    {\"format_version\": \"1.2\", \"terraform_version\": \"1.9.0\",\n"
     "     \"resource_changes\": [{\"address\": \"aws_s3_bucket.a\", \"mode\": \"managed\",\n"
     "       \"type\": \"aws_s3_bucket\", \"name\": \"a\", \"change\": {\"actions\": "
     "[\"create\"],\n"
     "       \"before\": null, \"after\": {\"bucket\": \"a\", \"tags\": {}}, \"after_unknown\": "
     "{}}}]}\n",
     "    {\"format_version\": \"1.2\", \"terraform_version\": \"1.9.0\",\n"
     "     \"resource_changes\": [{\"address\": \"aws_s3_bucket.a\", \"mode\": \"managed\",\n"
     "       \"type\": \"aws_s3_bucket\", \"name\": \"a\", \"change\": {\"actions\": "
     "[\"create\"],\n"
     "       \"before\": null, \"after\": {\"bucket\": \"a\", \"tags\": {\"owner\": \"me\"}},\n"
     "       \"after_unknown\": {}}}]}\n",
     NULL},
};

static bool good_id(const char *id)
{
    size_t n = strlen(id);
    return n > 0 && n <= ID_MAX && id[0] >= 'a' && id[0] <= 'z' && id[n - 1] != '-' &&
           strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

/* For which selectors there is an example that works: each is one kind of resource. */
static const char *const known[] = {"kubernetes",
                                    "kubernetes:workload",
                                    "kubernetes:Deployment",
                                    "dockerfile",
                                    "compose:service",
                                    "github:job",
                                    "gitlab:job",
                                    "terraform:resource",
                                    "terraform:aws_s3_bucket",
                                    "scan",
                                    "event"};

static const struct example *find_example(const char *selector, struct sco_error *err)
{
    const char *colon = strchr(selector, ':');
    struct sco_str head =
        sco_str_make(selector, colon ? (size_t)(colon - selector) : strlen(selector));
    for (size_t k = 0; k < SCO_ARRAY_LEN(known); k++)
        for (size_t i = 0; i < SCO_ARRAY_LEN(examples) && strcmp(known[k], selector) == 0; i++)
            if (sco_str_is(head, examples[i].selector))
                return &examples[i];
    const char *near = sco_str_nearest(sco_str_c(selector), known, SCO_ARRAY_LEN(known));
    SCO_AUTO(sco_buf) struct sco_buf all = {0};
    for (size_t i = 0; i < SCO_ARRAY_LEN(known); i++)
        sco_buf_addf(&all, "%s%s", i ? ", " : "", known[i]);
    sco_error_set(err, SCO_E_INVALID,
                  "--for %s: there is no example for it%s%s%s; start from one of %s and change "
                  "applies_to",
                  selector, near ? "; did you mean " : "", near ? near : "", near ? "?" : "",
                  sco_buf_z(&all));
    return NULL;
}

static int write_new(const char *path, struct sco_buf *text, struct sco_error *err)
{
    if (access(path, F_OK) == 0)
        return sco_error_set(err, SCO_E_PERMISSION, "%s exists already", path);
    int r = sco_buf_check(text, err);
    return r < 0 ? r : sco_fs_write(path, sco_buf_str(text), 0666, err);
}

static void write_workflow(struct sco_buf *b, struct sco_buf *cases, const char *id,
                           const struct example *e)
{
    sco_buf_addf(b,
                 "return {\n"
                 "  id = \"%s\",\n"
                 "  title = \"%s\",\n"
                 "  on = { \"push\" },\n"
                 "  params = { branch = \"main\" },\n"
                 "  when = function(event, params)\n"
                 "    return event.branch == params.branch\n"
                 "  end,\n"
                 "  run = function(event, params)\n"
                 "    notify {\n"
                 "      title = event.actor .. \" pushed to \" .. params.branch .. \" of \" .. "
                 "event.repo_full_name,\n"
                 "      severity = \"INFO\",\n"
                 "    }\n"
                 "  end,\n"
                 "}\n",
                 id, e->title);
    sco_buf_addf(cases,
                 "- policy: %s\n  name: a push to main\n  event:\n%s"
                 "  expect:\n    - notify: {title: \"kim pushed to main of **\"}\n"
                 "- policy: %s\n  name: another branch\n  event:\n%s  expect: not_applicable\n",
                 id, e->bad, id, e->good);
}

static void write_policy(struct sco_buf *b, const char *id, const char *selector,
                         const struct example *e)
{
    sco_buf_addf(b,
                 "return {\n"
                 "  id = \"%s\",\n"
                 "  title = \"%s\",\n"
                 "  severity = \"LOW\",\n"
                 "  applies_to = \"%s\",\n"
                 "  remediation = \"%s\",\n"
                 "  check = function(r)\n"
                 "%s"
                 "  end,\n"
                 "}\n",
                 id, e->title, selector, e->remediation, e->check);
}

/* A Deployment is what the example of Kubernetes shows; the general selectors hold for it too. */
static void write_cases(struct sco_buf *b, const char *id, const struct example *e)
{
    for (int good = 0; good < 2; good++) {
        sco_buf_addf(b, "- policy: %s\n  name: %s\n", id, good ? "as it should be" : "without it");
        if (e->file)
            sco_buf_addf(b, "  file: %s\n", e->file);
        sco_buf_addf(b, "  input: |\n%s", good ? e->good : e->bad);
        if (good)
            sco_buf_addz(b, "  expect: pass\n");
        else if (e->expect)
            sco_buf_addf(b, "  expect:\n    - %s\n", e->expect);
        else
            sco_buf_addz(b, "  expect: fail\n");
    }
}

int policy_new(struct cli *c)
{
    const char *id = c->operands[1];
    const char *selector = args_has(c, ARG_FOR) ? c->values[ARG_FOR] : "kubernetes:workload";
    const char *dir = args_has(c, ARG_DIR) ? c->values[ARG_DIR] : ".";
    struct sco_error err = {0};
    SCO_AUTO(sco_buf) struct sco_buf policy = {0}, cases = {0}, lua = {0}, yaml = {0};
    if (!good_id(id)) {
        sco_error_set(
            &err, SCO_E_INVALID,
            "\"%.80s\" is no id for a policy: use up to %d lower-case letters, digits and "
            "hyphens, a letter first",
            id, ID_MAX);
        return context_fail(&err);
    }
    const struct example *e = find_example(selector, &err);
    if (!e)
        return context_fail(&err);
    if (strcmp(selector, "event") == 0) {
        write_workflow(&policy, &cases, id, e);
    } else {
        write_policy(&policy, id, selector, e);
        write_cases(&cases, id, e);
    }
    sco_buf_addf(&lua, "%s/%s.lua", dir, id);
    sco_buf_addf(&yaml, "%s/%s.cases.yaml", dir, id);
    const char *lua_path = sco_buf_z(&lua), *yaml_path = sco_buf_z(&yaml);
    int r = lua.failed || yaml.failed ? sco_error_nomem(&err) : sco_fs_mkdirs(dir, 0777, &err);
    if (r == 0 && access(yaml_path, F_OK) == 0)
        r = sco_error_set(&err, SCO_E_PERMISSION, "%s exists already", yaml_path);
    if (r == 0)
        r = write_new(lua_path, &policy, &err);
    if (r == 0)
        r = write_new(yaml_path, &cases, &err);
    if (r < 0)
        return context_fail(&err);
    printf("%s\n%s\n\nThey work as they are: secureops policy test %s\n", lua_path, yaml_path, dir);
    return EXIT_PASSED;
}

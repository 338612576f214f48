/* configure: the repository's webhook, and a workflow file. Doing it again changes nothing. */
#include "github_priv.h"

#define WORKFLOW_PATH ".github/workflows/secureops.yml"

/* ---- webhook ---- */

static const char *const EVENTS[] = {
    "push",          "pull_request",        "create",       "delete",
    "release",       "workflow_run",        "workflow_job", "merge_group",
    "issue_comment", "pull_request_review", "check_run",    NULL};

static void write_events(struct ci_json *j, const struct sco_node *asked)
{
    ci_json_key(j, "events");
    ci_json_begin(j, '[');
    if (sco_first(asked)) {
        SCO_EACH (c, asked)
            ci_json_str(j, sco_text(c));
    } else {
        for (size_t i = 0; EVENTS[i]; i++)
            ci_json_str(j, sco_str_c(EVENTS[i]));
    }
    ci_json_end(j, ']');
}

static int has(const struct sco_node *list, struct sco_str text)
{
    SCO_EACH (c, list)
        if (sco_str_eq(sco_text(c), text))
            return 1;
    return 0;
}

struct hook {
    struct github_op *o;
    struct sco_str url;
    const struct sco_node *events;
    struct sco_str id;
    int same;
};

static int same_events(const struct sco_node *theirs, const struct sco_node *asked)
{
    size_t n = 0;
    SCO_EACH (c, theirs)
        n++;
    if (sco_first(asked)) {
        SCO_EACH (c, asked) {
            if (!has(theirs, sco_text(c)))
                return 0;
            n--;
        }
    } else {
        for (size_t i = 0; EVENTS[i]; i++, n--)
            if (!has(theirs, sco_str_c(EVENTS[i])))
                return 0;
    }
    return n == 0;
}

/* A hook of ours has our address; GitHub does not show its secret. */
static int is_ours(void *user, const struct sco_node *v)
{
    struct hook *k = (struct hook *)user;
    if (!sco_str_eq(sco_text_at(v, "config.url"), k->url))
        return 0;
    k->id = ci_copy(k->o->h, github_id(sco_get(v, "id")));
    k->same = sco_bool(sco_get(v, "active"), 0) &&
              sco_str_is(sco_text_at(v, "config.content_type"), "json") &&
              !sco_str_is(sco_text_at(v, "config.insecure_ssl"), "1") &&
              same_events(sco_get(v, "events"), k->events);
    return CI_FOUND;
}

static int find_hook(void *user, struct sco_errbuf *e)
{
    struct hook *k = (struct hook *)user;
    return ci_walk(&k->o->http, github_path(k->o, "/hooks?per_page=100"), NULL, GITHUB_PAGES_MAX,
                   "the repository's webhooks", is_ours, k, e);
}

static int write_hook(const struct hook *k, const char *action)
{
    struct ci_json j = ci_json_new(k->o->h);
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "action", action);
    ci_json_kstr(&j, "id", k->id);
    ci_json_kstr(&j, "url", k->url);
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", k->o->e);
}

static int webhook(struct github_op *o)
{
    struct hook k = {o, sco_text_at(o->q, "url"), sco_get(o->q, "events"), {NULL, 0}, 0};
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    if (!sco_str_starts(k.url, "https://") && !sco_str_starts(k.url, "http://"))
        return sco_errf(o->e, SCO_E_INVALID, "url: the address of our webhook is missing");
    if (!o->g->webhook_secret.n)
        return sco_errf(
            o->e, SCO_E_INVALID,
            "webhook_secret is not configured: what the webhook sends would be refused");
    int r = find_hook(&k, o->e);
    if (r != 0 && r != CI_FOUND)
        return r;
    if (k.same)
        return write_hook(&k, "unchanged");
    const char *action = k.id.n ? "updated" : "created";
    if (sco_bool(sco_get(o->q, "dry_run"), 0))
        return write_hook(&k, action);
    ci_json_begin(&j, '{');
    if (!k.id.n)
        ci_json_kz(&j, "name", "web");
    ci_json_kbool(&j, "active", 1);
    write_events(&j, k.events);
    ci_json_key(&j, "config");
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "url", k.url);
    ci_json_kz(&j, "content_type", "json");
    ci_json_kz(&j, "insecure_ssl", "0");
    ci_json_kstr(&j, "secret", o->g->webhook_secret.v[0]);
    ci_json_end(&j, '}');
    ci_json_end(&j, '}');
    const char *path =
        k.id.n ? github_path(o, "/hooks/%.*s", SCO_STR_ARG(k.id)) : github_path(o, "/hooks");
    r = github_send(o, k.id.n ? "PATCH" : "POST", path, &j, "the webhook", find_hook, &k, &a);
    if (r != 0 && r != CI_FOUND)
        return r;
    if (r == 0)
        k.id = ci_copy(o->h, github_id(sco_get(a.root, "id")));
    return write_hook(&k, action);
}

/* ---- workflow ---- */

/* What comes from outside (the name of a branch) reaches the shell as a variable, never as text of
 * the script. */
static const char WORKFLOW[] =
    "# Scans every push to the default branch and every pull request with SecureOps.\n"
    "# The runner needs `secureops` on its PATH.\n"
    "name: SecureOps\n"
    "run-name: SecureOps ${{ inputs.nonce }}\n"
    "on:\n"
    "  push:\n"
    "    branches: [%BRANCH%]\n"
    "  pull_request:\n"
    "  workflow_dispatch:\n"
    "    inputs:\n"
    "      nonce:\n"
    "        description: Tells this run from others\n"
    "        required: false\n"
    "        type: string\n"
    "permissions:\n"
    "  contents: read\n"
    "  security-events: write\n"
    "concurrency:\n"
    "  group: secureops-${{ github.ref }}\n"
    "  cancel-in-progress: true\n"
    "jobs:\n"
    "  scan:\n"
    "    runs-on: %RUNNER%\n"
    "    timeout-minutes: 60\n"
    "    steps:\n"
    "      - uses: actions/checkout@v4\n"
    "        with:\n"
    "          fetch-depth: 0\n"
    "          persist-credentials: false\n"
    "      - name: Scan\n"
    "        env:\n"
    "          BASE: ${{ github.base_ref }}\n"
    "        run: |\n"
    "          secureops scan . --format sarif=secureops.sarif,markdown=secureops.md \\\n"
    "            ${BASE:+--diff \"origin/$BASE\"}\n"
    "      - name: Summary\n"
    "        if: always()\n"
    "        run: test ! -f secureops.md || cat secureops.md >> \"$GITHUB_STEP_SUMMARY\"\n"
    "      - name: Code scanning\n"
    "        if: always() && hashFiles('secureops.sarif') != ''\n"
    "        uses: github/codeql-action/upload-sarif@v3\n"
    "        with:\n"
    "          sarif_file: secureops.sarif\n"
    "          category: secureops\n";

static struct sco_str yaml_text(const struct sco_host *h, struct sco_str s)
{
    struct ci_json j = ci_json_new(h); /* a JSON text is a YAML text */
    ci_json_str(&j, s);
    return ci_json_text(&j);
}

static struct sco_str workflow_text(const struct sco_host *h, struct sco_str branch,
                                    struct sco_str runner)
{
    struct ci_json out = ci_json_new(h);
    for (const char *z = WORKFLOW; *z;) {
        struct sco_str in = {NULL, 0};
        size_t n = 1;
        if (strncmp(z, "%BRANCH%", 8) == 0) {
            in = yaml_text(h, branch);
            n = 8;
        } else if (strncmp(z, "%RUNNER%", 8) == 0) {
            in = yaml_text(h, runner);
            n = 8;
        } else {
            in = sco_str_make(z, 1);
        }
        ci_json_put(&out, in.p, in.n);
        z += n;
    }
    return ci_json_text(&out);
}

static int write_workflow(struct github_op *o, const char *action, struct sco_str content,
                          struct sco_str url)
{
    struct ci_json j = ci_json_new(o->h);
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "action", action);
    ci_json_kz(&j, "id", WORKFLOW_PATH);
    ci_json_kstr(&j, "url", url.n ? url : sco_str_make(NULL, 0));
    ci_json_key(&j, "file");
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "path", WORKFLOW_PATH);
    ci_json_kstr(&j, "content", content);
    ci_json_end(&j, '}');
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

static struct sco_str without_breaks(const struct sco_host *h, struct sco_str s)
{
    struct ci_json out = ci_json_new(h);
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '\n' && s.p[i] != '\r')
            ci_json_put(&out, s.p + i, 1);
    return ci_json_text(&out);
}

static int put_workflow(struct github_op *o, struct sco_str content, struct sco_str branch)
{
    const char *path = github_path(o, "/contents/" WORKFLOW_PATH);
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    struct sco_str sha = {NULL, 0}, coded = o->h->crypto->base64_encode(o->h, content, 0);
    const char *at = sco_fmt(o->h, "%s?ref=%s", path, ci_encode(o->h, branch, "")).p;
    int r = github_get(o, at, "the workflow file", &a);
    if (r == 0) {
        struct sco_str old = without_breaks(o->h, sco_text_at(a.root, "content"));
        if (sco_str_eq(old, coded))
            return write_workflow(o, "unchanged", content, sco_text_at(a.root, "html_url"));
        sha = ci_copy(o->h, sco_text_at(a.root, "sha"));
    } else if (r != SCO_E_NOT_FOUND) {
        return r;
    }
    const char *action = sha.n ? "updated" : "created";
    if (sco_bool(sco_get(o->q, "dry_run"), 0))
        return write_workflow(o, action, content, sco_str_make(NULL, 0));
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "message",
               sha.n ? "Update the SecureOps workflow" : "Add the SecureOps workflow");
    ci_json_kstr(&j, "content", coded);
    ci_json_kstr(&j, "branch", branch);
    ci_json_kopt(&j, "sha", sha.n ? sha : sco_str_make(NULL, 0));
    ci_json_end(&j, '}');
    r = github_send(o, "PUT", path, &j, "the workflow file (needs the permission Workflows)", NULL,
                    NULL, &a);
    return r != 0 ? r : write_workflow(o, action, content, sco_text_at(a.root, "content.html_url"));
}

static int workflow(struct github_op *o)
{
    struct sco_str branch = sco_text_at(o->q, "branch"), runner = sco_text_at(o->q, "runner");
    struct ci_answer a;
    if (!branch.n) {
        int r = github_get(o, o->repo, "the repository", &a);
        if (r != 0)
            return r;
        branch = ci_copy(o->h, sco_text_at(a.root, "default_branch"));
    }
    if (!branch.n)
        branch = SCO_STR("main");
    return put_workflow(o, workflow_text(o->h, branch, runner.n ? runner : SCO_STR("self-hosted")),
                        branch);
}

int github_configure(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct github_op o;
    int r = github_begin(&o, ctx, c, e);
    struct sco_str what = sco_text_at(o.q, "what");
    if (r == 0 && !o.repo)
        r = sco_errf(e, SCO_E_INVALID, "the request names no repository");
    if (r == 0)
        r = sco_str_is(what, "webhook")    ? webhook(&o)
            : sco_str_is(what, "workflow") ? workflow(&o)
                                           : sco_errf(e, SCO_E_UNSUPPORTED,
                                                      "%s: there is nothing like \"%.*s\" to "
                                                      "configure: webhook, workflow",
                                                      GITHUB, SCO_STR_ARG(ci_line(o.h, what, 40)));
    return github_end(&o, r);
}

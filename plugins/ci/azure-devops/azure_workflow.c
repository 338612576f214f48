/* configure: azure-pipelines.yml for teams without a daemon. A file of that name that somebody else
 * wrote stays as it is. */
#include "azure_priv.h"

#define FIRST_LINE "# SecureOps: scans pushes to the default branch, and pull requests."

/* What comes from outside (the name of a branch) reaches the shell as a variable, never as text of
 * the script. */
static const char PIPELINE[] = FIRST_LINE
    "\n"
    "# The agent needs `secureops` on its PATH. Pull requests: Azure Repos runs this by a branch\n"
    "# policy (Build validation), not by a trigger in the file.\n"
    "trigger:\n"
    "  branches:\n"
    "    include:\n"
    "      - %BRANCH%\n"
    "pool:\n"
    "  name: %POOL%\n"
    "steps:\n"
    "  - checkout: self\n"
    "    fetchDepth: 0\n"
    "    persistCredentials: false\n"
    "  - script: |\n"
    "      base=${SYSTEM_PULLREQUEST_TARGETBRANCH#refs/heads/}\n"
    "      out=$BUILD_ARTIFACTSTAGINGDIRECTORY\n"
    "      secureops scan . \\\n"
    "        --format \"sarif=$out/secureops.sarif,markdown=$out/secureops.md\" \\\n"
    "        ${base:+--diff \"origin/$base\"}\n"
    "    displayName: Scan\n"
    "  - script: |\n"
    "      summary=$BUILD_ARTIFACTSTAGINGDIRECTORY/secureops.md\n"
    "      test ! -f \"$summary\" || echo \"##vso[task.uploadsummary]$summary\"\n"
    "    displayName: Summary\n"
    "    condition: always()\n"
    "  - publish: $(Build.ArtifactStagingDirectory)\n"
    "    artifact: CodeAnalysisLogs\n"
    "    displayName: Reports\n"
    "    condition: always()\n";

static struct sco_str yaml_text(const struct sco_host *h, struct sco_str s)
{
    struct ci_json j = ci_json_new(h); /* a JSON text is a YAML text */
    ci_json_str(&j, s);
    return ci_json_text(&j);
}

static struct sco_str content_of(const struct sco_host *h, struct sco_str branch,
                                 struct sco_str pool)
{
    struct ci_json out = ci_json_new(h);
    for (const char *z = PIPELINE; *z;) {
        struct sco_str in = sco_str_make(z, 1);
        size_t n = 1;
        if (strncmp(z, "%BRANCH%", 8) == 0) {
            in = yaml_text(h, branch);
            n = 8;
        } else if (strncmp(z, "%POOL%", 6) == 0) {
            in = yaml_text(h, pool);
            n = 6;
        }
        ci_json_put(&out, in.p, in.n);
        z += n;
    }
    return ci_json_text(&out);
}

struct file {
    struct azure_op *o;
    struct sco_str path, branch, content;
    struct sco_str tip; /* of the branch */
    int there;
};

static int write_file(const struct file *f, const char *action)
{
    struct ci_json j = ci_json_new(f->o->h);
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "action", action);
    ci_json_kstr(&j, "id", f->path);
    ci_json_knull(&j, "url");
    ci_json_key(&j, "file");
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "path", f->path);
    ci_json_kstr(&j, "content", f->content);
    ci_json_end(&j, '}');
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", f->o->e);
}

/* CI_FOUND: the file is there as we want it; 0: it is not. */
static int look(void *user, struct sco_errbuf *e)
{
    struct file *f = (struct file *)user;
    struct azure_op *o = f->o;
    struct ci_answer a;
    struct ci_request q;
    memset(&q, 0, sizeof q);
    q.path = azure_path(o, o->repo,
                        "/items?path=/%s&includeContent=true&versionDescriptor.versionType=branch"
                        "&versionDescriptor.version=%s&$format=json&" AZURE_V,
                        ci_encode(o->h, f->path, "/"), ci_encode(o->h, f->branch, ""));
    q.what = "the pipeline's file";
    q.stay = 1;
    int r = azure_ask(o, &q, &a, e);
    f->there = r == 0;
    if (r == SCO_E_NOT_FOUND)
        return 0;
    if (r != 0)
        return r;
    struct sco_str old = sco_text_at(a.root, "content");
    if (sco_str_eq(old, f->content))
        return CI_FOUND;
    if (!sco_str_starts(old, FIRST_LINE))
        return sco_errf(e, SCO_E_INVALID,
                        "%.*s is there and not ours: name another one (\"path\" in the request)",
                        SCO_STR_ARG(f->path));
    return 0;
}

static int is_tip(void *user, const struct sco_node *v)
{
    struct file *f = (struct file *)user;
    struct sco_str name = ci_behind(sco_text_at(v, "name"), "refs/heads/");
    if (!sco_str_eq(name, f->branch))
        return 0;
    f->tip = ci_copy(f->o->h, ci_sha_at(v, "objectId"));
    return CI_FOUND;
}

static void write_push(const struct file *f, struct ci_json *j)
{
    ci_json_begin(j, '{');
    ci_json_key(j, "refUpdates");
    ci_json_begin(j, '[');
    ci_json_begin(j, '{');
    ci_json_kstr(j, "name", sco_fmt(j->h, "refs/heads/%.*s", SCO_STR_ARG(f->branch)));
    ci_json_kstr(j, "oldObjectId", f->tip);
    ci_json_end(j, '}');
    ci_json_end(j, ']');
    ci_json_key(j, "commits");
    ci_json_begin(j, '[');
    ci_json_begin(j, '{');
    ci_json_kz(j, "comment",
               f->there ? "Update the SecureOps pipeline" : "Add the SecureOps pipeline");
    ci_json_key(j, "changes");
    ci_json_begin(j, '[');
    ci_json_begin(j, '{');
    ci_json_kz(j, "changeType", f->there ? "edit" : "add");
    ci_json_key(j, "item");
    ci_json_begin(j, '{');
    ci_json_kstr(j, "path", sco_fmt(j->h, "/%.*s", SCO_STR_ARG(f->path)));
    ci_json_end(j, '}');
    ci_json_key(j, "newContent");
    ci_json_begin(j, '{');
    ci_json_kstr(j, "content", f->content);
    ci_json_kz(j, "contentType", "rawtext");
    ci_json_end(j, '}');
    ci_json_end(j, '}');
    ci_json_end(j, ']');
    ci_json_end(j, '}');
    ci_json_end(j, ']');
    ci_json_end(j, '}');
}

static int put(struct file *f)
{
    struct azure_op *o = f->o;
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    int r = look(f, o->e);
    if (r != 0)
        return r == CI_FOUND ? write_file(f, "unchanged") : r;
    const char *action = f->there ? "updated" : "created";
    if (sco_bool(sco_get(o->q, "dry_run"), 0))
        return write_file(f, action);
    r = azure_walk(
        o,
        azure_path(o, o->repo, "/refs?filter=heads/%s&" AZURE_V, ci_encode(o->h, f->branch, "/")),
        "the branch", is_tip, f, o->e);
    if (r == 0)
        return sco_errf(o->e, SCO_E_NOT_FOUND, "%s: there is no branch \"%.*s\"", AZURE,
                        SCO_STR_ARG(f->branch));
    if (r != CI_FOUND)
        return r;
    write_push(f, &j);
    r = azure_send(o, "POST", azure_path(o, o->repo, "/pushes?" AZURE_V), &j,
                   "the pipeline's file (needs Code: write, and a branch without policies)", look,
                   f, &a);
    return r != 0 && r != CI_FOUND ? r : write_file(f, action);
}

int azure_workflow_file(struct azure_op *o)
{
    struct file f = {
        o, sco_text_at(o->q, "path"), sco_text_at(o->q, "branch"), {NULL, 0}, {NULL, 0}, 0};
    struct sco_str pool = sco_text_at(o->q, "pool");
    struct ci_answer a;
    int r = azure_need_repo(o);
    if (r < 0)
        return r;
    f.path = f.path.n ? ci_repo_path(o->h, SCO_STR(""), f.path) : SCO_STR("azure-pipelines.yml");
    if (!f.path.n)
        return sco_errf(o->e, SCO_E_INVALID, "path is no path within the repository");
    if (!f.branch.n) {
        r = azure_get(o, azure_path(o, o->repo, "?" AZURE_V), "the repository", &a);
        if (r != 0)
            return r;
        f.branch = ci_copy(o->h, ci_behind(sco_text_at(a.root, "defaultBranch"), "refs/heads/"));
    }
    if (!f.branch.n)
        f.branch = SCO_STR("main");
    f.content = content_of(o->h, f.branch, pool.n ? pool : SCO_STR("Default"));
    return put(&f);
}

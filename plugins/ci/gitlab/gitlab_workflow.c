/* configure: a job for .gitlab-ci.yml. GitLab reads one file: where the project has one of its own,
 * ours lies beside it, to be included. */
#include "gitlab_priv.h"

#define OWN_PATH ".gitlab-ci.yml"
#define BESIDE_PATH ".gitlab/secureops.gitlab-ci.yml"
#define FIRST_LINE "# SecureOps: scans the default branch and every merge request."

/* What comes from outside reaches the shell as a variable, never as text of the script. The reports
 * hold what is unchanged too, for GitLab compares with the target branch itself; --diff judges what
 * the merge request brings. */
static const char JOB[] = FIRST_LINE
    "\n"
    "# Written by `secureops integration`; the runner needs `secureops` on its PATH.\n"
    "secureops:\n"
    "  stage: %STAGE%\n"
    "%TAGS%"
    "  rules:\n"
    "    - if: $CI_PIPELINE_SOURCE == \"merge_request_event\"\n"
    "    - if: $CI_COMMIT_BRANCH && $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH\n"
    "  variables:\n"
    "    GIT_DEPTH: \"0\"\n"
    "  timeout: 1 hour\n"
    "  interruptible: true\n"
    "  script:\n"
    "    - set -- --format table,gitlab-sast=gl-sast-report.json\n"
    "    - set -- \"$@\" --format gitlab-secret-detection=gl-secret-detection-report.json\n"
    "    - set -- \"$@\" --format gitlab-codequality=gl-code-quality-report.json\n"
    "    - if [ -n \"${CI_MERGE_REQUEST_DIFF_BASE_SHA:-}\" ]; then set -- \"$@\" --diff "
    "\"$CI_MERGE_REQUEST_DIFF_BASE_SHA\"; fi\n"
    "    - secureops scan \"$@\" .\n"
    "  artifacts:\n"
    "    when: always\n"
    "    expire_in: 1 week\n"
    "    reports:\n"
    "      sast: gl-sast-report.json\n"
    "      secret_detection: gl-secret-detection-report.json\n"
    "      codequality: gl-code-quality-report.json\n";

static struct sco_str yaml_text(const struct sco_host *h, struct sco_str s)
{
    struct ci_json j = ci_json_new(h); /* a JSON text is a YAML text */
    ci_json_str(&j, s);
    return ci_json_text(&j);
}

static struct sco_str job_text(const struct sco_host *h, struct sco_str stage, struct sco_str tag)
{
    struct ci_json out = ci_json_new(h);
    for (const char *z = JOB; *z;) {
        struct sco_str in = {NULL, 0};
        size_t n = 1;
        if (strncmp(z, "%STAGE%", 7) == 0) {
            in = yaml_text(h, stage);
            n = 7;
        } else if (strncmp(z, "%TAGS%", 6) == 0) {
            n = 6;
            if (tag.n)
                in = sco_fmt(h, "  tags: [%.*s]\n", SCO_STR_ARG(yaml_text(h, tag)));
        } else {
            in = sco_str_make(z, 1);
        }
        ci_json_put(&out, in.p, in.n);
        z += n;
    }
    return ci_json_text(&out);
}

struct file {
    struct gitlab_op *o;
    const char *path;
    struct sco_str branch, content;
    int there, ours, same;
    struct sco_str last_commit; /* so that somebody else's change is not overwritten */
};

static int look(struct file *f)
{
    struct gitlab_op *o = f->o;
    struct ci_answer a;
    f->there = f->ours = f->same = 0;
    int r = gitlab_get(o,
                       gitlab_path(o, "/repository/files/%s?ref=%s",
                                   ci_encode(o->h, sco_str_c(f->path), ""),
                                   ci_encode(o->h, f->branch, "")),
                       "the pipeline's file", &a);
    if (r == SCO_E_NOT_FOUND)
        return 0;
    if (r != 0)
        return r;
    struct sco_str text = o->h->crypto->base64_decode(o->h, sco_text_at(a.root, "content"), 0);
    f->there = 1;
    f->ours = sco_str_starts(text, FIRST_LINE);
    f->same = sco_str_eq(text, f->content);
    f->last_commit = ci_copy(o->h, sco_text_at(a.root, "last_commit_id"));
    return 0;
}

static int arrived(void *user, struct sco_errbuf *e)
{
    struct file *f = (struct file *)user;
    (void)e;
    int r = look(f);
    return r == 0 && f->same ? CI_FOUND : r;
}

static int write_result(const struct file *f, const char *action, const char *hint)
{
    struct ci_json j = ci_json_new(f->o->h);
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "action", action);
    ci_json_kz(&j, "id", f->path);
    ci_json_knull(&j, "url");
    ci_json_key(&j, "file");
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "path", f->path);
    ci_json_kstr(&j, "content", f->content);
    ci_json_end(&j, '}');
    ci_json_kz(&j, "reason", hint);
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", f->o->e);
}

static int put(struct file *f)
{
    struct gitlab_op *o = f->o;
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    const char *path =
        gitlab_path(o, "/repository/files/%s", ci_encode(o->h, sco_str_c(f->path), ""));
    int fresh = !f->there;
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "branch", f->branch);
    ci_json_kstr(&j, "content", f->content);
    ci_json_kz(&j, "commit_message",
               fresh ? "Add the SecureOps pipeline" : "Update the SecureOps pipeline");
    if (!fresh && f->last_commit.n)
        ci_json_kstr(&j, "last_commit_id", f->last_commit);
    ci_json_end(&j, '}');
    int r = gitlab_send(o, fresh ? "POST" : "PUT", path, &j, "the pipeline's file", arrived, f, &a);
    return r == CI_FOUND ? 0 : r;
}

int gitlab_workflow(struct gitlab_op *o)
{
    struct sco_str stage = sco_text_at(o->q, "stage"), tag = sco_text_at(o->q, "runner");
    struct file f;
    const char *hint = NULL;
    memset(&f, 0, sizeof f);
    f.o = o;
    f.path = OWN_PATH;
    f.branch = sco_text_at(o->q, "branch");
    f.content = job_text(o->h, stage.n ? stage : SCO_STR("test"), tag);
    int r = f.branch.n ? 0 : gitlab_default_branch(o, &f.branch);
    if (r == 0)
        r = look(&f);
    if (r == 0 && f.there && !f.ours) {
        f.path = BESIDE_PATH;
        hint = "the project has a " OWN_PATH " of its own: add to it  include: [{local: "
               "/" BESIDE_PATH "}]";
        r = look(&f);
    }
    if (r != 0)
        return r;
    if (f.same)
        return write_result(&f, "unchanged", hint);
    const char *action = f.there ? "updated" : "created";
    if (!sco_bool(sco_get(o->q, "dry_run"), 0))
        r = put(&f);
    return r != 0 ? r : write_result(&f, action, hint);
}

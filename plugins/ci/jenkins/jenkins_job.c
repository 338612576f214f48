/* configure: a job. Its description holds a digest of what we wrote, for Jenkins writes the rest in
 * a form of its own: the same request changes nothing, another one updates the job. A job that
 * somebody else made stays as it is. */
#include "jenkins_priv.h"

#define OURS "Managed by SecureOps ("

struct job {
    struct jenkins_op *o;
    struct jenkins_build at;
    struct sco_str parent, name; /* "/job/folder" or "", encoded; the last part */
    struct sco_str xml, digest;
    int there, same, theirs;
};

static struct sco_str hex_digest(const struct sco_host *h, struct sco_str text)
{
    unsigned char d[32];
    char *p = (char *)h->alloc(h, 33);
    h->crypto->sha256(h, text, d);
    for (int i = 0; p && i < 16; i++)
        snprintf(p + (size_t)2 * (size_t)i, 3, "%02x", d[i]);
    return sco_str_make(p, p ? 32 : 0);
}

/* The address of our webhook with what proves it: user and password, or the secret in the path. */
static struct sco_str endpoint_url(const struct jenkins_op *o, struct sco_str url)
{
    const struct jenkins *k = o->k;
    size_t scheme = sco_str_starts(url, "https://") ? 8 : 7;
    if (k->webhook_password.n)
        return sco_fmt(
            o->h, "%.*s%s:%s@%.*s", (int)scheme, url.p, ci_encode(o->h, k->webhook_user, ""),
            ci_encode(o->h, k->webhook_password.v[0], ""), (int)(url.n - scheme), url.p + scheme);
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    return sco_fmt(o->h, "%.*s/%s", SCO_STR_ARG(url), ci_encode(o->h, k->webhook_path.v[0], ""));
}

static const char COMMAND[] = "secureops scan . --format sarif=secureops.sarif";

static int make_config(struct job *j)
{
    struct jenkins_op *o = j->o;
    const struct sco_node *q = o->q;
    struct sco_str kind = sco_text_at(q, "kind"), url = sco_text_at(q, "url");
    struct sco_str branch = sco_text_at(q, "branch");
    struct jenkins_config c;
    memset(&c, 0, sizeof c);
    if (kind.n && !sco_str_is(kind, "freestyle") && !sco_str_is(kind, "pipeline"))
        return sco_errf(o->e, SCO_E_INVALID, "kind is none of freestyle, pipeline");
    c.pipeline = sco_str_is(kind, "pipeline");
    c.repository = sco_text_at(q, "clone_url");
    c.branch = sco_str_starts(branch, "refs/") || (branch.n && memchr(branch.p, '*', branch.n))
                   ? branch
                   : sco_fmt(o->h, "*/%.*s", SCO_STR_ARG(branch.n ? branch : SCO_STR("main")));
    c.credentials = sco_text_at(q, "credentials_id");
    c.script_path =
        sco_text_at(q, "script_path").n ? sco_text_at(q, "script_path") : SCO_STR("Jenkinsfile");
    c.command = sco_text_at(q, "command").n ? sco_text_at(q, "command") : sco_str_c(COMMAND);
    c.poll = sco_text_at(q, "poll_scm");
    c.parameters = sco_get(q, "parameters");
    if (!c.repository.n)
        return sco_errf(o->e, SCO_E_INVALID, "clone_url of the repository is missing");
    if (url.n && !sco_str_starts(url, "https://") && !sco_str_starts(url, "http://"))
        return sco_errf(o->e, SCO_E_INVALID, "url is not the address of our webhook");
    if (url.n && !o->k->webhook_password.n && !o->k->webhook_path.n)
        return sco_errf(o->e, SCO_E_INVALID,
                        "neither webhook_password nor webhook_path is configured: what the job "
                        "sends would be refused");
    if (url.n)
        c.url = endpoint_url(o, url);
    j->digest = hex_digest(o->h, jenkins_config_xml(o->h, &c));
    c.description = sco_fmt(o->h, OURS "%.*s)", SCO_STR_ARG(j->digest));
    j->xml = jenkins_config_xml(o->h, &c);
    return j->xml.p && j->digest.p ? 0 : sco_errf(o->e, SCO_E_NOMEM, "out of memory");
}

static int set_name(struct job *j, struct sco_str name)
{
    struct jenkins_op *o = j->o;
    struct jenkins_build folder = {{NULL, 0}, 0, 0, ""};
    int r = jenkins_build_of(o, name, &j->at);
    if (r == 0 && (j->at.number || j->at.queue))
        r = sco_errf(o->e, SCO_E_INVALID, "name is not that of a job");
    if (r < 0)
        return r;
    size_t at = name.n;
    while (at && name.p[at - 1] != '/')
        at--;
    j->name = sco_str_make(name.p + at, name.n - at);
    if (at)
        r = jenkins_build_of(o, sco_str_make(name.p, at - 1), &folder);
    j->parent = sco_str_c(folder.url);
    return r;
}

/* CI_FOUND: the job is there as we want it; 0: it is not. */
static int look(void *user, struct sco_errbuf *e)
{
    struct job *j = (struct job *)user;
    struct sco_str all = {NULL, 0};
    struct ci_answer a;
    int r = jenkins_get_text(j->o, jenkins_path(j->o, "%s/config.xml", j->at.url),
                             "the job's configuration", &a, e);
    j->there = r == 0;
    j->same = j->theirs = 0;
    if (r == SCO_E_NOT_FOUND)
        return 0;
    if (r == 0)
        r = ci_read_file(j->o->h, a.r.body_path, (size_t)16 << 20, &all, e);
    if (r != 0)
        return r;
    const char *mark = jenkins_path(j->o, OURS "%.*s)", SCO_STR_ARG(j->digest));
    j->same = ci_contains(all, mark);
    j->theirs = !ci_contains(all, OURS);
    return j->same ? CI_FOUND : 0;
}

static int write_job(const struct job *j, const char *action, int dry)
{
    struct jenkins_op *o = j->o;
    struct ci_json out = ci_json_new(o->h);
    ci_json_begin(&out, '{');
    ci_json_kz(&out, "action", action);
    ci_json_kstr(&out, "id", j->at.job);
    ci_json_kstr(&out, "url", sco_fmt(o->h, "%.*s%s/", SCO_STR_ARG(o->http.base), j->at.url));
    if (dry) { /* with the credential in it: shown only to whom asks for it */
        ci_json_key(&out, "file");
        ci_json_begin(&out, '{');
        ci_json_kz(&out, "path", "config.xml");
        ci_json_kstr(&out, "content", j->xml);
        ci_json_end(&out, '}');
    }
    ci_json_end(&out, '}');
    return ci_json_record(&out, "result", o->e);
}

static int configure_job(struct jenkins_op *o)
{
    struct job j;
    struct ci_answer a;
    int dry = sco_bool(sco_get(o->q, "dry_run"), 0);
    memset(&j, 0, sizeof j);
    j.o = o;
    int r = set_name(&j, sco_text_at(o->q, "name"));
    if (r == 0)
        r = make_config(&j);
    if (r == 0)
        r = look(&j, o->e);
    if (r == CI_FOUND)
        return write_job(&j, "unchanged", dry);
    if (r != 0)
        return r;
    if (j.theirs)
        return sco_errf(o->e, SCO_E_INVALID, "%s: the job is there and not ours: name another one",
                        JENKINS);
    const char *action = j.there ? "updated" : "created";
    if (dry)
        return write_job(&j, action, dry);
    const char *path = j.there ? jenkins_path(o, "%s/config.xml", j.at.url)
                               : jenkins_path(o, "%.*s/createItem?name=%s", SCO_STR_ARG(j.parent),
                                              ci_encode(o->h, j.name, ""));
    r = jenkins_post(o, path, j.xml, "Content-Type: application/xml", "the job", look, &j, &a);
    return r == 0 || r == CI_FOUND ? write_job(&j, action, 0) : r;
}

int jenkins_configure(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct jenkins_op o;
    int r = jenkins_begin(&o, ctx, c, e);
    struct sco_str what = sco_text_at(o.q, "what");
    if (r == 0)
        r = sco_str_is(what, "job")
                ? configure_job(&o)
                : sco_errf(e, SCO_E_UNSUPPORTED,
                           "%s: there is nothing like \"%.*s\" to configure: job (Jenkins sends "
                           "notifications by job)",
                           JENKINS, SCO_STR_ARG(ci_line(o.h, what, 40)));
    return jenkins_end(&o, r);
}

/* What a request points at, and whether a job may look at it: hosts and folders are allowed by the
 * configuration alone. */
#include "runner_priv.h"

#include <unistd.h>

/* ---- what is allowed ---- */
/* A folder or file of this machine, with no link left in it. */
static int allowed_path(struct runner *r, const char *path, const char **ret, struct sco_error *err)
{
    const struct sco_str_list *folders = &r->cli.config->checkout.folders;
    SCO_AUTO(sco_free) char *real = NULL;
    if (path[0] != '/')
        return sco_error_set(err, SCO_E_INVALID, "a folder is named by its absolute path");
    if (folders->n)
        real = sco_fs_realpath(path, NULL);
    for (size_t i = 0; real && i < folders->n; i++) {
        SCO_AUTO(sco_free) char *folder = sco_fs_realpath(folders->v[i].p, NULL);
        size_t n = folder ? strlen(folder) : 0;
        if (!n || strncmp(real, folder, n) != 0 || (n > 1 && real[n] && real[n] != '/'))
            continue;
        *ret = sco_arena_cstr(&r->arena, sco_str_c(real));
        return *ret ? 0 : sco_error_nomem(err);
    }
    return sco_error_set(err, SCO_E_PERMISSION,
                         "the place is not there, or not in checkout.folders: no job may look at "
                         "it");
}

static int check_host(struct runner *r, const char *url, struct sco_error *err)
{
    const struct sco_str_list *hosts = &r->cli.config->checkout.hosts;
    SCO_AUTO(sco_buf) struct sco_buf host = {0}, shown = {0};
    sco_repository_host(sco_str_c(url), &host);
    if (host.failed)
        return sco_error_nomem(err);
    for (size_t i = 0; host.n && i < hosts->n; i++)
        if (sco_glob_match(hosts->v[i].p, sco_buf_str(&host)))
            return 0;
    if (!hosts->n && host.n)
        return 0;
    sco_buf_add_printable(&shown, sco_buf_str(&host));
    return sco_error_set(err, host.n ? SCO_E_PERMISSION : SCO_E_INVALID,
                         "the host \"%.200s\" is not in checkout.hosts", sco_buf_z(&shown));
}

static bool plain(const char *s)
{
    for (const char *p = s; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return false;
    return *s && *s != '-';
}

/* ---- checkout ---- */
static const char *text_of(struct sco_str s)
{
    return s.n ? s.p : NULL;
}

/* `own`: the integration's token, or NULL; where it is refused the configured one may do. */
static int fetch(struct runner *r, struct sco_checkout_request *o, const char *own,
                 struct sco_error *err)
{
    const char *configured = o->token;
    if (own)
        o->token = own;
    int e = sco_checkout(o, &r->checkout, err);
    if (e != SCO_E_PERMISSION || !own || !configured)
        return e;
    runner_log(r, SCO_LOG_WARNING, "%s: %s, trying checkout.token", r->job.request.integration,
               err->text);
    o->token = configured;
    sco_fs_remove_tree(o->into);
    e = sco_fs_mkdirs(o->into, 0700, err);
    return e == 0 ? sco_checkout(o, &r->checkout, err) : e;
}

static int check_out(struct runner *r, const char *url, bool local, struct sco_error *err)
{
    const struct sco_config_checkout *c = &r->cli.config->checkout;
    const struct runner_job *j = &r->job;
    const struct runner_request *q = &j->request;
    const char *into = sco_arena_fmt(&r->arena, "%s/src", r->dir);
    if (!into)
        return sco_error_nomem(err);
    bool ssh = sco_repository_is_ssh(sco_str_c(url));
    struct sco_checkout_request o = {
        .url = url,
        .revision = q->commit && *q->commit ? q->commit : q->branch,
        .base = q->diff_base,
        .token = ssh ? NULL : j->token,
        .ssh_key = text_of(c->ssh_key),
        .ssh_key_text = ssh ? j->token : NULL,
        .known_hosts = text_of(c->known_hosts),
        .depth = (uint32_t)c->depth,
        .submodules = c->submodules != 0,
        .allow_local = local,
        .cache = j->setup.cache,
        .into = into,
        .timeout_ms = j->timeout_ms && j->timeout_ms < c->timeout ? j->timeout_ms : c->timeout,
        .size_limit = (uint64_t)c->size_limit,
        .cancel_fd = r->end_fd,
    };
    const char *own = NULL;
    int64_t from = sco_mono_ms();
    runner_progress(r, 0, 0, "checkout");
    int e = local || ssh ? 0 : runner_credential(r, &own, err);
    if (e == 0)
        e = sco_fs_mkdirs(into, 0700, err);
    if (e == 0)
        e = fetch(r, &o, own, err);
    if (e < 0)
        return sco_error_prefix(err, "checkout");
    struct sco_error ignored = {0};
    if (o.cache && sco_checkout_trim(o.cache, (uint64_t)c->cache_limit, &ignored) < 0)
        runner_log(r, SCO_LOG_WARNING, "mirrors: %s, ignoring", ignored.text);
    runner_log(r, SCO_LOG_INFO, "checked out %s %s in %lld ms", r->checkout.repository,
               r->checkout.commit_sha ? r->checkout.commit_sha : "",
               (long long)(sco_mono_ms() - from));
    return 0;
}

/* One folder of the checkout, which no link leads out of. */
static int folder(struct runner *r, const char **ret, struct sco_error *err)
{
    const char *path = sco_arena_fmt(&r->arena, "%s/%s", r->checkout.root, r->job.request.path);
    if (!path)
        return sco_error_nomem(err);
    SCO_AUTO(sco_free) char *top = sco_fs_realpath(r->checkout.root, err);
    SCO_AUTO(sco_free) char *real = top ? sco_fs_realpath(path, NULL) : NULL;
    size_t n = top ? strlen(top) : 0;
    if (!top)
        return SCO_E_IO;
    if (!real || strncmp(real, top, n) != 0 || real[n] != '/' ||
        strcmp(real + n + 1, r->job.request.path) != 0 || !sco_fs_is_dir(real))
        return sco_error_set(err, SCO_E_NOT_FOUND, "there is no folder %.200s at this commit",
                             r->job.request.path);
    r->cli.values[ARG_SCOPE] = r->job.request.path;
    *ret = sco_arena_cstr(&r->arena, sco_str_c(real));
    return *ret ? 0 : sco_error_nomem(err);
}

static int repository(struct runner *r, const char **ret, const char **ret_shown,
                      struct sco_error *err)
{
    const struct runner_request *q = &r->job.request;
    const char *url = q->location, *path = NULL;
    bool file = strncmp(url, "file:///", 8) == 0, local = file || url[0] == '/';
    int e = local ? allowed_path(r, file ? url + 7 : url, &path, err) : check_host(r, url, err);
    if (e == 0 && local && !sco_fs_is_dir(path))
        url = path; /* an archive */
    else if (e == 0 && local)
        url = sco_arena_fmt(&r->arena, "file://%s", path);
    if (e == 0)
        e = url ? check_out(r, url, local, err) : sco_error_nomem(err);
    if (e < 0)
        return e;
    /* what a tag or a commit names is no branch, but findings of it are not those of all others */
    const char *branch = r->checkout.branch ? r->checkout.branch : q->branch;
    r->cli.values[ARG_REPOSITORY] = r->checkout.repository;
    r->cli.values[ARG_BRANCH] = branch ? branch : "";
    *ret = r->checkout.root;
    *ret_shown = r->checkout.repository;
    return q->path ? folder(r, ret, err) : 0;
}

static int directory(struct runner *r, const char **ret, struct sco_error *err)
{
    int e = allowed_path(r, r->job.request.location, ret, err);
    if (e == 0 && !sco_fs_is_dir(*ret))
        e = sco_error_set(err, SCO_E_INVALID,
                          "it is no folder; an archive is a target of the kind repository");
    if (e == 0 && r->job.request.commit && *r->job.request.commit)
        e = sco_error_set(err, SCO_E_INVALID, "a folder is scanned as it is, not at a commit");
    if (e == 0 && r->job.request.branch)
        r->cli.values[ARG_BRANCH] = r->job.request.branch;
    return e;
}

static int url(struct runner *r, const char **ret, struct sco_error *err)
{
    const char *location = r->job.request.location;
    bool http = strncmp(location, "https://", 8) == 0 || strncmp(location, "http://", 7) == 0;
    if (!http || !plain(location))
        return sco_error_set(err, SCO_E_INVALID, "this is no URL of http or https");
    *ret = location;
    return check_host(r, location, err);
}

int runner_target(struct runner *r, const char **ret, const char **ret_shown, struct sco_error *err)
{
    const char *location = r->job.request.location;
    int e = 0;
    *ret_shown = NULL;
    if (r->job.nested) { /* checked out by the runner that asks */
        r->cli.values[ARG_REPOSITORY] = location;
        r->cli.values[ARG_BRANCH] = r->job.request.branch ? r->job.request.branch : "";
        *ret = r->job.nested;
        *ret_shown = location;
        return 0;
    }
    switch (r->job.request.target) {
    case TARGET_REPOSITORY:
        return repository(r, ret, ret_shown, err);
    case TARGET_DIRECTORY:
        e = directory(r, ret, err);
        break;
    case TARGET_URL:
        e = url(r, ret, err);
        break;
    case TARGET_IMAGE:
        if (!plain(location))
            return sco_error_set(err, SCO_E_INVALID, "this is no name of an image");
        *ret = sco_arena_fmt(&r->arena, "image:%s", location);
        e = *ret ? 0 : sco_error_nomem(err);
        break;
    }
    *ret_shown = *ret;
    return e;
}

/* Only what the API has put into the spool: a request could else name any file of the machine. */
int runner_report_file(struct runner *r, const char **ret, struct sco_error *err)
{
    const struct runner_request *q = &r->job.request;
    SCO_AUTO(sco_buf) struct sco_buf spool = {0};
    sco_buf_addf(&spool, "%s/spool", r->job.setup.data ? r->job.setup.data : "/nonexistent");
    SCO_AUTO(sco_free) char *folder = sco_fs_realpath(sco_buf_z(&spool), NULL);
    SCO_AUTO(sco_free) char *real = sco_fs_realpath(q->file, NULL);
    if (!real && access(q->file, F_OK) < 0)
        return sco_error_set(err, SCO_E_NOT_FOUND, "the report is not there any more");
    size_t n = folder ? strlen(folder) : 0;
    if (!real || !n || strncmp(real, folder, n) != 0 || real[n] != '/' || !sco_fs_is_file(real))
        return sco_error_set(err, SCO_E_PERMISSION, "the report is not in the spool");
    *ret = sco_arena_cstr(&r->arena, sco_str_c(real));
    return *ret ? 0 : sco_error_nomem(err);
}
